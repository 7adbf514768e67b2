"""Which questions are solved or tried: in one small file beside the notebooks, or in memory."""

import errno
import json
import os
import stat
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Literal

from masklens.language import translate as _

FILE = "masklens-progress.jsonl"
SETTING = "MASKLENS_PROGRESS"
State = Literal["solved", "tried"]

_VERSION = 1
_MOST_BYTES = 1_000_000  # a course's history takes a few thousand
# What this process knows, and the paths of which it has said that they cannot be written.
_memory: dict[str, State] = {}
_unwritable: set[Path] = set()


def record(question: str, verdict: str) -> str:
    """Remembers that a question was tried or solved; nothing that goes wrong here is raised.

    It appends one line to the file, in one write, so that two notebooks can do so at once. The file
    is `masklens-progress.jsonl` in the working directory; the environment variable
    `MASKLENS_PROGRESS` names another one, or is `off` to keep to memory.

    Args:
        question: The name of the question.
        verdict: The kind of the verdict; `"right"` is solved, any other one is tried.

    Returns:
        What the learner should know, such as that nothing can be saved here; mostly empty.

    Example:
        >>> record("pad-by-hand", "wrong")
        ''
    """
    states, note = history()
    state: State = "solved" if verdict == "right" else "tried"
    if states.get(question) in ("solved", state):
        return note
    _memory[question] = state
    path = _path()
    if path is None or path in _unwritable:
        return note
    line = {
        "version": _VERSION,
        "question": question,
        "state": state,
        "date": date.today().isoformat(),
    }
    try:
        _append(path, [line])
    except OSError as error:
        return _says_unwritable(path, error)
    return note


def history() -> tuple[dict[str, State], str]:
    """Reads what is solved and tried, from the file and from memory.

    A file that cannot be read in full is kept aside under a name that says so, and what could be
    read is carried over.

    Returns:
        The state of each question that was tried, and what the learner should know.

    Example:
        >>> history()[0].get("no-such-question")
    """
    path, note = _path(), ""
    states = dict(_memory)
    if path is None:
        return states, note
    try:
        lines, damaged = _read(path)
        if damaged:
            aside, lines = _set_aside(path)
            note = _(
                "{file} could not be read in full. It is kept as {aside}, and what could be read "
                "is carried over."
            ).format(file=path.name, aside=aside.name)
    except FileNotFoundError:
        return states, note
    except OSError as error:
        return states, _says_unwritable(path, error)
    for line in lines:
        if states.get(line["question"]) != "solved":
            states[line["question"]] = "solved" if line["state"] == "solved" else "tried"
    return states, note


def _path() -> Path | None:
    named = os.environ.get(SETTING, "")
    return None if named == "off" else Path(named or FILE).absolute()


def _says_unwritable(path: Path, error: OSError) -> str:
    if path in _unwritable:
        return ""
    _unwritable.add(path)
    return _(
        "Your progress cannot be kept in {file} ({reason}); it is remembered until the kernel ends."
    ).format(file=path.name, reason=error.strerror)


def _read(path: Path) -> tuple[list[dict[str, str]], bool]:
    """The lines that can be read, and whether there are others."""
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):  # a folder; or a device, which may have no end
        raise OSError(errno.EINVAL, _("it is not a file"))
    if about.st_size > _MOST_BYTES:
        return [], True
    *lines, last = path.read_bytes().split(b"\n")
    read = list(_parsed(lines))
    # What stands after the last line break was not written to its end.
    return read + list(_parsed([last])), len(read) < len(lines) - lines.count(b"")


def _parsed(lines: list[bytes]) -> Iterator[dict[str, str]]:
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("version") == _VERSION and _complete(entry):
            yield entry


def _complete(entry: dict[str, object]) -> bool:
    return all(isinstance(entry.get(key), str) for key in ("question", "state"))


def _set_aside(path: Path) -> tuple[Path, list[dict[str, str]]]:
    """Renames the file, and begins a new one with what can be read of it."""
    number = 1
    while (aside := path.with_name(f"{path.stem}.damaged-{number}{path.suffix}")).exists():
        number += 1
    path.rename(aside)
    lines, _damaged = _read(aside)
    _append(path, lines)
    return aside, lines


def _append(path: Path, lines: list[dict[str, object]] | list[dict[str, str]]) -> None:
    """Appends in one write, after ending a line that was not written to its end."""
    text = "".join(json.dumps(line) + "\n" for line in lines).encode()
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    try:
        if os.fstat(file).st_size:
            os.lseek(file, -1, os.SEEK_END)
            if os.read(file, 1) != b"\n":
                text = b"\n" + text
        if os.write(file, text) < len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(file)
