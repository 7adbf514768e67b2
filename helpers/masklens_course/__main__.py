"""A table of the progress of a class, for its teacher: `python -m masklens_course FILE ...`."""

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from masklens._language import translate as _
from masklens_course.history import FILE, Record, read_records
from masklens_course.progress import explained
from masklens_course.questions import all_questions

_COLUMNS = (
    *("file", "lesson", "question", "title", "state", "attempts", "hints", "solution_shown"),
    *("mistake", "explanation"),
)


def main(arguments: list[str] | None = None) -> int:
    """Writes a line for each file and question as CSV to the standard output.

    Args:
        arguments: The paths of files that `check` has written; those of the command line if None.

    Returns:
        0; 1 if a file cannot be read, which one line on the standard error says.

    Example:
        >>> main(["/no/such/file.jsonl"])
        1
    """
    parser = argparse.ArgumentParser("python -m masklens_course", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, default=[Path(FILE)], metavar="FILE")
    lines = []
    for path in parser.parse_args(arguments).files:
        try:
            lines += [*_lines(path)]
        except OSError as error:
            print(f"{path}: {error.strerror}", file=sys.stderr)
            return 1
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerows([_COLUMNS, *lines])
    return 0


def _lines(path: Path) -> Iterator[tuple[object, ...]]:
    records = read_records(path)
    for question in all_questions():
        record = records.get(question.name, Record())
        yield (
            *(path, question.lesson, question.name, _(question.title), record.state),
            *(record.attempts, record.hints, int(record.solution_shown), record.mistake),
            explained(question, record.mistake),
        )


if __name__ == "__main__":
    sys.exit(main())
