"""Reads a lesson or a set of exercises in the percent format, or a page in Markdown."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jupytext

from authoring import exercise, prediction
from authoring.cells import LINKS, NEXT, Cell, Source
from authoring.layout import EXERCISES, AuthoringError, Fault, relative
from authoring.minutes import SKIM

_LANGUAGE_LINE = 'ml.set_language("en")'
# The cells that the build adds to every notebook.
_ADDED = ("masklens", NEXT, LINKS)
_CELL_ID = re.compile(r"[a-z0-9_-]{1,64}")
_MARKER = re.compile(r"# ?%%")
# A word in a cell's header says what the cell is on the slides, as nbconvert knows it. A cell
# without one is skipped.
SLIDE_TYPES = ("slide", "fragment", "skip")
# What jupytext notes of the text that it read.
_NOTES = {"id", "cell_marker", "lines_to_next_cell"}


def read(root: Path, path: Path) -> Source:
    """Reads a source in jupytext's percent format, or a page, which is one cell without an id.

    Args:
        root: the repository.
        path: a file below it, such as ``content/lessons/01_padding.py``.

    Raises:
        AuthoringError: a cell has no id, a malformed one, or one that is taken; the language is not
            set exactly once; a cell is neither code nor Markdown; a header has a word that is none
            of SLIDE_TYPES; code cannot be cut into tokens; or an exercise breaks a rule of
            `exercise.faults`.
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return Source(path, (Cell("", "markdown", text, {}, 1),))
    cells, markers = cells_of(text), len(_markers(text))
    place = relative(root, path)
    if not markers or len(cells) != markers:
        wrong = f"{len(cells)} cells but {markers} '# %%' markers"
        remedy = 'begin the file, and every cell, with a marker such as # %% [markdown] id="title"'
        raise AuthoringError([Fault(place, "", wrong, remedy)])
    holds_exercises = path.parent.name == EXERCISES
    of_exercises = exercise.faults if holds_exercises else exercise.misplaced
    if faults := [*_faults(place, cells), *of_exercises(place, cells)]:
        raise AuthoringError(faults)
    return Source(
        path, tuple(map(exercise.graded if holds_exercises else prediction.marked, cells))
    )


def cells_of(text: str) -> tuple[Cell, ...]:
    """The cells of a text in the percent format, at fault or not."""
    raw_cells = jupytext.reads(text, fmt="py:percent").cells
    lines = [*_markers(text), *[0] * len(raw_cells)]
    return tuple(map(_cell, raw_cells, lines[: len(raw_cells)]))


def _markers(text: str) -> list[int]:
    return [number for number, line in enumerate(text.split("\n"), 1) if _MARKER.match(line)]


def with_language(text: str, language: str) -> str:
    """A text whose code sets the language, such as ``ko``, where it set English."""
    return re.sub(rf"(?m)^{re.escape(_LANGUAGE_LINE)}", f'ml.set_language("{language}")', text)


def _cell(raw: Any, line: int) -> Cell:
    metadata = {key: value for key, value in raw.metadata.items() if key not in _NOTES}
    if SKIM in metadata and metadata[SKIM] is None:
        del metadata[SKIM]
        metadata["tags"] = [SKIM]
    words = [key for key, value in metadata.items() if value is None]
    if len(words) == 1 and words[0] in SLIDE_TYPES:
        del metadata[words[0]]
        metadata["slideshow"] = {"slide_type": words[0]}
    return Cell(str(raw.metadata.get("id", "")), raw.cell_type, raw.source, metadata, line)


def _faults(place: str, cells: Sequence[Cell]) -> Iterator[Fault]:
    first_lines: dict[str, int] = {}
    for cell in cells:
        here = f"{place}:{cell.line}"
        if cell.kind not in {"code", "markdown"}:
            yield Fault(here, cell.id, f"a {cell.kind} cell", "make it code or [markdown]")
        if cell.kind == "code" and (wrong := _unreadable(cell.text)):
            yield Fault(here, cell.id, f"not Python: {wrong}", "correct the code")
        if not cell.id:
            yield Fault(here, "", "the cell has no id", 'add one: # %% id="what-it-shows"')
        elif not _CELL_ID.fullmatch(cell.id):
            remedy = "use 1 to 64 of a-z, 0-9, '-' and '_'"
            yield Fault(here, cell.id, f"the id {cell.id!r} is malformed", remedy)
        elif cell.id in _ADDED:
            wrong = "the id is that of a cell which the build adds"
            yield Fault(here, cell.id, wrong, "delete this cell, or give it an id of its own")
        elif cell.id in first_lines:
            wrong = f"the id is used already in line {first_lines[cell.id]}"
            yield Fault(here, cell.id, wrong, "give this cell an id of its own")
        first_lines.setdefault(cell.id, cell.line)
        if words := _strange_words(cell):
            remedy = f"write at most one of {', '.join(SLIDE_TYPES)} behind the id, and {SKIM}"
            yield Fault(here, cell.id, f"the slides cannot take {words!r}", remedy)
    settings = [
        cell
        for cell in cells
        if cell.kind == "code"
        for line in cell.text.split("\n")
        if line == _LANGUAGE_LINE
    ]
    if len(settings) != 1:
        wrong = f"{len(settings)} lines set the language"
        yield Fault(place, "", wrong, f"write the line {_LANGUAGE_LINE} exactly once")


def _strange_words(cell: Cell) -> str:
    """The words of a cell's header that mean nothing: before the id, unknown, or one too many."""
    words = [cell.metadata.get("title", "")]
    words += [key for key, value in cell.metadata.items() if value is None]
    return " ".join(filter(None, words))


def _unreadable(code: str) -> str:
    """Why code cannot be cut into tokens; empty if it can be."""
    try:
        list(tokenize.generate_tokens(io.StringIO(code).readline))
    except (SyntaxError, tokenize.TokenError) as error:
        return str(error.args[0])
    return ""
