"""What the library is told of the exercises: their sets in order, the points, each solution."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from nbformat import NotebookNode

from authoring import build, course, exercise, layout
from authoring.layout import COURSE, SOLUTIONS, SOURCE_LANGUAGE, AuthoringError

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
    sets = {
        name: {
            "needs_all_lessons": name in known.need_all_lessons,
            "questions": {
                question: cell.metadata["nbgrader"]["points"]
                for question, cell in _cells(root, SOURCE_LANGUAGE, name, exercise.CHECK).items()
            },
        }
        for name in known.sets
    }
    contents = {root / _QUESTIONS / "sets.json": _json(sets)}
    return contents | {path(root, code): gathered(root, code) for code in known.codes}


def gathered(root: Path, language: str) -> bytes:
    """The code of every answer cell, by question; a faulty source's are left out until it is read.

    Args:
        root: the repository.
        language: the code of the language of the comments.
    """
    sets = course.read(root).sets
    code = {
        name: exercise.unmarked(cell.source)
        for one in sets
        for name, cell in _cells(root, language, one, exercise.ANSWER).items()
    }
    return _json(dict(sorted(code.items())))


def _cells(root: Path, language: str, exercises: str, role: str) -> dict[str, NotebookNode]:
    """The cells of a set of exercises in a role, ANSWER or CHECK, by question, in order."""
    with suppress(AuthoringError):  # it is named where the source itself is built
        path = root / "content" / layout.EXERCISES / f"{exercises}.py"
        book, _ = build.unexecuted(root, path, language, SOLUTIONS, None)
        found = (cell for cell in book.cells if cell.id.endswith(role))
        return {cell.metadata["masklens"]["question"]: cell for cell in found}
    return {}


def write(root: Path) -> None:
    """Writes the files that changed."""
    for file, content in files(root).items():
        layout.write(file, content)


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()
