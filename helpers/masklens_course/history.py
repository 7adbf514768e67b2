"""The history of solved and tried questions, in a small file beside the notebooks or in memory."""

import errno
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Literal

from masklens._language import translate as _

FILE = "masklens-progress.jsonl"
_SETTING = "MASKLENS_PROGRESS"
_State = Literal["solved", "tried"]

_VERSION = 1
_MOST_BYTES = 1_000_000  # the history of a whole course takes a few thousand
# The states that this process knows, and the paths that it has reported as not writable.
_memory: dict[str, _State] = {}
_unwritable: set[Path] = set()


def remember(question: str, verdict: str) -> str:
    """Remembers that a question was tried or solved; never raises.

    Appends a line to the file in one write, so that several notebooks can do so at once. The file
    is `masklens-progress.jsonl` in the working directory. The environment variable
    `MASKLENS_PROGRESS` names another file, or is `off` to use memory only.

    Args:
        question: The name of the question.
        verdict: The kind of the verdict; `"right"` means solved, any other means tried.

    Returns:
        A note for the learner, such as that progress cannot be saved; usually empty.

    Example:
        >>> remember("pad-by-hand", "wrong")
        ''
    """
    state: _State = "solved" if verdict == "right" else "tried"
    saved, note = _saved()
    _memory.update(_merged(_memory, {question: state}))
    path = _path()
    if path is None or path in _unwritable or saved.get(question) in ("solved", state):
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
        return f"{note} {_unwritable_note(path, error)}".strip()
    return note


def recall() -> tuple[dict[str, _State], str]:
    """Reads which questions are solved and tried, from the file and from memory.

    Renames a file that is partly damaged, and copies its readable lines to a new one.

    Returns:
        The state of each tried question, and a note for the learner, usually empty.

    Example:
        >>> recall()[0].get("no-such-question")
    """
    saved, note = _saved()
    return _merged(_memory, saved), note


def _merged(*known: Mapping[str, _State]) -> dict[str, _State]:
    best: dict[str, _State] = {}
    for states in known:
        best |= {name: state for name, state in states.items() if best.get(name) != "solved"}
    return best


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


def _saved() -> tuple[dict[str, _State], str]:
    """Returns the states in the file, after repairing a damaged one, and a note."""
    path, note = _path(), ""
    if path is None:
        return {}, note
    lines: list[dict[str, str]] = []
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
        _memory.update(_merged(_memory, *map(_state, lines)))
        note = f"{note} {_unwritable_note(path, error)}".strip()
    return _merged(*map(_state, lines)), note


def _state(line: dict[str, str]) -> dict[str, _State]:
    return {line["question"]: "solved" if line["state"] == "solved" else "tried"}


def _read(path: Path) -> tuple[list[dict[str, str]], bool]:
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


def _valid_entries(lines: list[bytes]) -> Iterator[dict[str, str]]:
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):  # the latter for thousands of nested brackets
            continue
        if isinstance(entry, dict) and entry.get("version") == _VERSION and _is_complete(entry):
            yield entry


def _is_complete(entry: dict[str, object]) -> bool:
    return all(isinstance(entry.get(key), str) for key in ("question", "state"))


def _without_repetition(lines: list[dict[str, str]]) -> list[dict[str, str]]:
    return list({(line["question"], line["state"]): line for line in lines}.values())


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
