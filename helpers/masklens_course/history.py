"""The history of tried and solved questions, in a small file beside the notebooks or in memory."""

import errno
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from masklens._language import translate as _

FILE = "masklens-progress.jsonl"
_SETTING = "MASKLENS_PROGRESS"

_VERSION = 2
_MOST_LINES = 100  # for a question; who tries on after that is still told when it is solved
_MOST_BYTES = 1_000_000  # the history of a whole course takes some ten thousand
_Line = dict[str, Any]
# What this process has done, and the paths that it has reported as not writable.
_memory: list[_Line] = []
_unwritable: set[Path] = set()

State = Literal["solved", "shown", "tried", "open"]


@dataclass(frozen=True)
class Record:
    """What became of a question, up to the moment when it was solved.

    Attributes:
        attempts: The number of answers that were checked.
        mistake: The code of the last mistake; empty if there was none.
        hints: The number of hints that were asked for.
        solution_shown: Whether the solution was asked for.
        solved: Whether an answer was right.
    """

    attempts: int = 0
    mistake: str = ""
    hints: int = 0
    solution_shown: bool = False
    solved: bool = False

    @property
    def state(self) -> State:
        """`"solved"`, `"shown"` if the solution was seen before that, `"tried"` or `"open"`."""
        if self.solved:
            return "shown" if self.solution_shown else "solved"
        return "open" if self == Record() else "tried"

    def after(self, line: Mapping[str, Any]) -> "Record":
        """The record after what a line tells; the first version told of states alone."""
        if self.solved:
            return self
        event = line.get("event", "check")
        if event == "hint":
            return replace(self, hints=self.hints + 1)
        if event == "solution":
            return replace(self, solution_shown=True)
        code = line.get("code", "right" if line.get("state") == "solved" else "")
        if code == "right":
            return replace(self, attempts=self.attempts + 1, mistake="", solved=True)
        return replace(self, attempts=self.attempts + 1, mistake=code)


def remember(question: str, event: Literal["check", "hint", "solution"], code: str = "") -> str:
    """Remembers what was done with a question that is not solved yet; never raises.

    Appends a line to the file in one write, so that several notebooks can do so at once. The file
    is `masklens-progress.jsonl` in the working directory. The environment variable
    `MASKLENS_PROGRESS` names another file, or is `off` to use memory only.

    Args:
        question: The name of the question.
        event: Whether an answer was checked, or a hint or the solution was asked for.
        code: The code of the verdict; `"right"` means solved.

    Returns:
        A note for the learner, such as that progress cannot be saved; usually empty.

    Example:
        >>> remember("pad-by-hand", "check", "wrong-shape")
        ''
    """
    line: _Line = {"version": _VERSION, "question": question, "event": event}
    line |= {"code": code} if code else {}
    # Down to microseconds, by which the same line is known in the file and in memory.
    line["time"] = datetime.now(UTC).isoformat()
    saved, note = _saved()
    if _is_news(line, [*saved, *_memory]):
        _memory.append(line)
    path = _path()
    if path is None or path in _unwritable or not _is_news(line, saved):
        return note
    try:
        _append(path, [line])
    except OSError as error:
        return f"{note} {_unwritable_note(path, error)}".strip()
    return note


def recall() -> tuple[dict[str, Record], str]:
    """Reads what became of the questions, from the file and from memory.

    Renames a file that is partly damaged, and copies its readable lines to a new one.

    Returns:
        The record of each question of which something is known, and a note for the learner,
        usually empty.

    Example:
        >>> recall()[0].get("no-such-question")
    """
    saved, note = _saved()
    return _records([*saved, *_memory]), note


def read_records(path: Path) -> dict[str, Record]:
    """Reads the records from a file, and changes nothing of it.

    Args:
        path: A file as `remember` writes it.

    Returns:
        The record of each question of which something can be read.

    Raises:
        OSError: If the file cannot be read.
    """
    return _records(_read(path)[0])


def _records(lines: Iterable[_Line]) -> dict[str, Record]:
    """Follows lines in their order; the same line, met twice, counts once."""
    found: dict[str, Record] = {}
    for line in _without_repetition(lines):
        if line["version"] <= _VERSION:  # a later one may tell of other things
            found[line["question"]] = found.get(line["question"], Record()).after(line)
    return found


def _is_news(line: _Line, lines: list[_Line]) -> bool:
    about = [one for one in lines if one["question"] == line["question"]]
    if _records(about).get(line["question"], Record()).solved:
        return False
    return len(about) < _MOST_LINES or line.get("code") == "right"


def _path() -> Path | None:
    named = os.environ.get(_SETTING, "")
    if named.lower() == "off":
        return None
    path = Path(named or FILE)
    try:
        return path.expanduser().absolute()
    except (OSError, RuntimeError):  # no such user, or no working directory any more
        return path


def _unwritable_note(path: Path, error: OSError) -> str:
    if path in _unwritable:
        return ""
    _unwritable.add(path)
    return _(
        "Your progress cannot be kept in {file} ({reason}); it is remembered until the kernel ends."
    ).format(file=path.name, reason=error.strerror)


def _saved() -> tuple[list[_Line], str]:
    """Returns the lines of the file, after repairing a damaged one, and a note."""
    path, note = _path(), ""
    if path is None:
        return [], note
    lines: list[_Line] = []
    try:
        lines, damaged = _read(path)
        if damaged:
            aside = _set_aside(path)
            note = _(
                "{file} could not be read in full. It is kept as {aside}, and what could be read "
                "is carried over."
            ).format(file=path.name, aside=aside.name)
            # Another notebook may have written more in the meantime.
            lines = _without_repetition(lines + _read(aside)[0])
            _append(path, lines)
    except FileNotFoundError:
        pass  # there is no file yet, or another notebook is renaming it
    except OSError as error:
        # The file may have been renamed already, so keep in memory what was read.
        _memory[:] = _without_repetition(_memory + lines)
        note = f"{note} {_unwritable_note(path, error)}".strip()
    return lines, note


def _read(path: Path) -> tuple[list[_Line], bool]:
    """Returns the readable lines, and whether there are other lines."""
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):  # a folder, or a device that may be endless
        raise OSError(errno.EINVAL, _("it is not a file"))
    with path.open("rb") as file:
        *lines, last = file.read(_MOST_BYTES).split(b"\n")
    read = list(_valid_entries(lines))
    others = len(read) < sum(1 for line in lines if line.strip())
    # A last line without a line break was not written to its end.
    return read + list(_valid_entries([last])), others or about.st_size > _MOST_BYTES


def _valid_entries(lines: list[bytes]) -> Iterator[_Line]:
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):  # the latter for thousands of nested brackets
            continue
        if isinstance(entry, dict) and isinstance(entry.get("question"), str) and _is_known(entry):
            yield entry


def _is_known(entry: _Line) -> bool:
    """Whether a line is as its version has it; what a later version has is left as it is."""
    version = entry.get("version")
    if version == 1:
        return isinstance(entry.get("state"), str)
    if version == _VERSION:
        event = entry.get("event") in ("check", "hint", "solution")
        return event and isinstance(entry.get("code", ""), str)
    return isinstance(version, int) and version > _VERSION


def _without_repetition(lines: Iterable[_Line]) -> list[_Line]:
    return list({json.dumps(line, sort_keys=True): line for line in lines}.values())


def _set_aside(path: Path) -> Path:
    """Renames the file to a free name, which no other notebook can take in the meantime."""
    number = 1
    while True:
        aside = path.with_name(f"{path.stem}.damaged-{number}{path.suffix}")
        try:
            aside.touch(exist_ok=False)
            break
        except FileExistsError:
            number += 1
    try:
        path.replace(aside)
    except OSError:
        aside.unlink()
        raise
    return aside


def _append(path: Path, lines: Iterable[Mapping[str, object]]) -> None:
    """Appends lines in one write, with a line break before them if the last line lacks one."""
    text = "".join(json.dumps(line) + "\n" for line in lines).encode()
    with path.open("a+b", buffering=0) as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                text = b"\n" + text
        if file.write(text) < len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
