"""What the library is told of the exercises: their sets in order, and each solution."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from authoring import build, course, exercise, layout
from authoring.layout import COURSE, SOLUTIONS, AuthoringError

_QUESTIONS = COURSE / "questions"


def path(root: Path, language: str) -> Path:
    """Where the library looks for the solutions in a language."""
    return root / _QUESTIONS / "solutions" / f"{language}.json"


def files(root: Path) -> dict[Path, bytes]:
    """The files that the library reads, as they should be; none where there is no library.

    Raises:
        AuthoringError: the manifest is at fault.
    """
    if not (root / COURSE).exists():
        return {}
    known = course.read(root)
    by_lesson = [lesson.exercises for lesson in known.lessons if lesson.exercises]
    sets = {"of one lesson": by_lesson, "of all lessons": list(known.need_all_lessons)}
    contents = {root / _QUESTIONS / "sets.json": _json(sets)}
    return contents | {path(root, code): gathered(root, code) for code in known.codes}


def gathered(root: Path, language: str) -> bytes:
    """The code of every answer cell, by question; a faulty source's are left out until it is read.

    Args:
        root: the repository.
        language: the code of the language of the comments.
    """
    code: dict[str, str] = {}
    for source in layout.source_paths(root):
        if SOLUTIONS in layout.editions(source):
            with suppress(AuthoringError):  # it is named where the source itself is built
                book, _ = build.unexecuted(root, source, language, SOLUTIONS, None)
                answers = (cell for cell in book.cells if cell.id.endswith(exercise.ANSWER))
                code |= {
                    cell.metadata["masklens"]["question"]: exercise.unmarked(cell.source)
                    for cell in answers
                }
    return _json(dict(sorted(code.items())))


def write(root: Path) -> None:
    """Writes the files that changed."""
    for file, content in files(root).items():
        layout.write(file, content)


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()
