"""The solutions that `q.solution()` shows, gathered from the exercises: one file a language."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from authoring import build, exercise, layout
from authoring.layout import COURSE, SOLUTIONS, AuthoringError


def path(root: Path, language: str) -> Path:
    """Where the library looks for the solutions in a language."""
    return root / COURSE / "questions" / "solutions" / f"{language}.json"


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
    text = json.dumps(code, ensure_ascii=False, indent=2, sort_keys=True)
    return f"{text}\n".encode()


def write(root: Path) -> None:
    """Writes the files that changed."""
    if (root / COURSE).exists():
        for language in layout.languages(root):
            layout.write(path(root, language), gathered(root, language))
