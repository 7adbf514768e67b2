"""What a prediction is: a question to the reader, its answers, and the *Why* that ends it.

It ends its cell. Its first paragraph begins with ``**Predict.**``, or with ``**Guess.**`` where
nothing taught so far decides it. A list of two to four answers may follow, in which the right one
has a cross: ``- [x]``. Without answers it is an open question. The next cell of text that begins
with ``**Why.**`` explains it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from authoring.cells import Cell
from authoring.layout import Fault

WHY = "**Why.**"
_ASKS = re.compile(r"(?m)^\*\*(?:Predict|Guess)\.\*\*")
_ANSWER = re.compile(r"(?m)^- \[([ x])\] ")
_LONELY_WHY = re.compile(r"(?m)^\*\*Why\.\*\*")
_MOST_ANSWERS = 4


def asks(cell: Cell) -> bool:
    """Whether a cell of a source ends with a prediction."""
    return cell.kind == "markdown" and _ASKS.search(cell.text) is not None


def explains(cell: Cell) -> bool:
    """Whether a cell of a source says why."""
    return cell.kind == "markdown" and cell.text.startswith(WHY)


def marked(cell: Cell) -> Cell:
    """The cell with its answers without boxes, and in its metadata which of them is right."""
    if not asks(cell):
        return cell
    crosses = [found[1] for found in _ANSWER.finditer(cell.text)]
    known = {"prediction": {"right": crosses.index("x") + 1 if "x" in crosses else 0}}
    return replace(
        cell, text=_ANSWER.sub("- ", cell.text), metadata={**cell.metadata, "masklens": known}
    )


def faults(place: str, cells: Sequence[Cell]) -> Iterator[Fault]:
    """What is wrong with the predictions of a source.

    Args:
        place: the source, as messages name it.
        cells: its cells, their answers with boxes.
    """
    waiting: Cell | None = None
    for cell in cells:
        here = f"{place}:{cell.line}"
        if cell.kind == "markdown" and not explains(cell) and _LONELY_WHY.search(cell.text):
            yield Fault(here, cell.id, f"{WHY} in the middle of a cell", "begin a cell with it")
        if explains(cell):
            if waiting is None:
                remedy = "ask before it, or write the reason without the word"
                yield Fault(here, cell.id, f"{WHY} without a prediction", remedy)
            waiting = None
        if waiting and (asks(cell) or cell.text.startswith("## ")):
            wrong = "the prediction has no cell that says why"
            remedy = f"begin a cell with {WHY} before {cell.id}"
            yield Fault(f"{place}:{waiting.line}", waiting.id, wrong, remedy)
            waiting = None
        if asks(cell):
            waiting = cell
            yield from (Fault(here, cell.id, *wrong) for wrong in _wrong_answers(cell.text))
    if waiting:
        wrong = "the prediction has no cell that says why"
        yield Fault(f"{place}:{waiting.line}", waiting.id, wrong, f"begin a cell with {WHY}")


def _wrong_answers(text: str) -> Iterator[tuple[str, str]]:
    _before, _mark, asked = text.rpartition(_ASKS.findall(text)[-1])
    if len(_ASKS.findall(text)) > 1:
        yield "two predictions", "give each a cell of its own"
    crosses = [found[1] for found in _ANSWER.finditer(asked)]
    if crosses and (not 2 <= len(crosses) <= _MOST_ANSWERS or crosses.count("x") != 1):
        wrong = f"{len(crosses)} answers, {crosses.count('x')} of them right"
        yield wrong, f"give two to {_MOST_ANSWERS} answers, and mark the right one with - [x]"
    paragraphs = asked.strip().split("\n\n")
    ends = paragraphs[-1]
    if crosses and not all(_ANSWER.match(line) or line[:1] == " " for line in ends.split("\n")):
        yield "text behind the answers", "let the list of answers end the cell"
    if len(crosses) != len(_ANSWER.findall(ends)):
        yield "a blank line between answers", "write the answers without one"
