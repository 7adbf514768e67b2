"""What a prediction is: a question to the reader, its answers, and the *Why* that ends it.

It ends its cell. Its first paragraph begins with ``**Predict.**``, or with ``**Guess.**`` where
nothing taught so far decides it. A list of two to four answers may follow, in which the right one
has a cross: ``- [x]``. Without answers it is an open question. The next cell of text that begins
with ``**Why.**`` explains it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import nbformat
from nbformat import NotebookNode

from authoring.cells import NEXT, Cell
from authoring.layout import Fault

_nbformat: Any = nbformat  # typed as a package, but its functions carry no hints
WHY = "**Why.**"
_ASKS = re.compile(r"(?m)^\*\*(?:Predict|Guess)\.\*\*")
_ANSWER = re.compile(r"(?m)^- \[([ x])\] ")
_LONELY_WHY = re.compile(r"(?m)^\*\*Why\.\*\*")
_MOST_ANSWERS = 4
_HEADING = re.compile(r"#+ ")
# How a notebook shows a prediction, and folds what explains it.
_QUOTED = re.compile(r"(?ms)^> \*\*.*\Z")
_FOLDED = re.compile(r"(?s)<details>\n<summary>(.*?)</summary>\n\n(.*)\n\n</details>")
_SPOKEN = re.compile(r"\*\*(.+?)\*\* *(.*)", re.S)
# The classes of what covers the answer on a page, and of a slide's cell that is covered.
COVERED = "prediction-covered"


def asks(cell: Cell) -> bool:
    """Whether a cell of a lesson ends with a prediction."""
    return cell.kind == "markdown" and _ASKS.search(cell.text) is not None


def explains(cell: Cell) -> bool:
    """Whether a cell of a lesson says why."""
    return cell.kind == "markdown" and cell.text.startswith(WHY)


def marked(cell: Cell) -> Cell:
    """The cell with its answers without boxes, and in its metadata what it is.

    Of a prediction that is the number of the right answer, from 1; 0 where it has none.
    """
    if asks(cell):
        crosses = [found[1] for found in _ANSWER.finditer(cell.text)]
        known = {"prediction": crosses.index("x") + 1 if "x" in crosses else 0}
    elif explains(cell):
        known = {"why": True}
    else:
        return cell
    metadata = {**cell.metadata, "masklens": known}
    return replace(cell, text=_ANSWER.sub("- ", cell.text), metadata=metadata)


def hide_outputs(book: NotebookNode) -> None:
    """Folds the outputs between a prediction and what explains it, until their cells run.

    JupyterLab heeds it, and unfolds the output of a cell that runs.
    Source: https://nbformat.readthedocs.io/en/latest/format_description.html#cell-metadata

    Args:
        book: a notebook that has been executed; it is changed.
    """
    waiting = False
    for cell in book.cells:
        known = cell.metadata.get("masklens", {})
        waiting = (waiting or "prediction" in known) and "why" not in known
        if waiting and cell.get("outputs"):
            cell.metadata["jupyter"] = {"outputs_hidden": True}


def in_notebook(cell: Cell, text: str) -> str:
    """The text of a cell in any language, as a notebook shows it.

    A prediction is a quotation, which every viewer sets apart. What explains it is folded.

    Args:
        cell: the cell of the source, once `marked`.
        text: what it says in the language.
    """
    known = cell.metadata.get("masklens", {})
    if "prediction" in known:
        # A translation has the paragraphs of its source.
        asked = len(cell.text[: _place(cell.text)].split("\n\n")) - 1
        paragraphs = text.split("\n\n")
        lines = "\n\n".join(paragraphs[asked:]).split("\n")
        quoted = "\n".join(f"> {line}".rstrip() for line in lines)
        return "\n\n".join([*paragraphs[:asked], quoted])
    if "why" in known and (said := _SPOKEN.fullmatch(text)):
        return f"<details>\n<summary>{said[1]}</summary>\n\n{said[2]}\n\n</details>"
    return text


def _place(text: str) -> int:
    found = _ASKS.search(text)
    return found.start() if found else 0


def as_cards(book: NotebookNode, say: Callable[[str], str], wraps: bool) -> None:
    """Makes cards of the predictions of a built notebook, for a page or for slides.

    The page's script lets the reader choose, and uncovers what answers the prediction. Without
    scripts it can be opened.

    Args:
        book: the notebook, which is changed, and gets a cell for how many were right.
        say: gives a word of authoring's own in its language.
        wraps: whether one box holds what is covered; else each cell of it has the tag COVERED.
    """
    card: NotebookNode | None = None
    closed = 0
    for cell in book.cells:
        known = cell.metadata.get("masklens", {})
        if "prediction" in known:
            card = cell
            closed += known["prediction"] > 0
            cell.source = _card(cell.source, known["prediction"], say)
            if wraps:
                cell.source += f'\n\n<div class="{COVERED}">'
        elif card:
            if not wraps:
                cell.metadata["tags"] = [*cell.metadata.get("tags", ()), COVERED]
            if "why" in known:
                cell.source = _FOLDED.sub(r"**\1** \2", cell.source)
                cell.source += "\n\n</div>" if wraps else ""
                card = None
    if closed:
        ids = [cell.id for cell in book.cells]
        book.cells.insert(ids.index(NEXT) if NEXT in ids else len(ids), _score(say))


def _score(say: Callable[[str], str]) -> NotebookNode:
    """Where the page's script says how many predictions were right; the last step of the slides."""
    _ = say
    said = html.escape(_("Predictions that were right: {right} of {all}."))
    text = f'<p class="prediction-score" role="status" data-said="{said}"></p>'
    cell: NotebookNode = _nbformat.v4.new_markdown_cell(text, id="score")
    cell.metadata["slideshow"] = {"slide_type": "fragment"}
    return cell


def _card(text: str, right: int, say: Callable[[str], str]) -> str:
    _ = say
    before = _QUOTED.sub("", text)
    asked = re.sub(r"(?m)^> ?", "", text[len(before) :])
    words = {
        "label": _("Prediction"),
        "choose": _("Choose an answer. Until then, what follows is covered."),
        "think": _("Think of an answer. Until you open it, what follows is covered."),
        "yes": _("Right."),
        "no": _("Not right."),
        "is": _("The right answer: {answer}"),
        "show": _("Show the answer"),
    }
    label, choose, think, yes, no, is_right, show = (html.escape(one) for one in words.values())
    data = f'data-right="{right}" data-yes="{yes}" data-no="{no}" data-is="{is_right}"'
    told = f"<span>{choose if right else think}</span>"
    told = f'<p class="prediction-told" role="status">{told}</p>'
    return (
        f'{before}<div class="prediction" role="group" aria-label="{label}" {data}>\n\n{asked}\n\n'
        f'{told}\n</div>\n\n<details class="prediction-show"><summary>{show}</summary></details>'
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
        if waiting and (asks(cell) or (cell.kind == "markdown" and _HEADING.match(cell.text))):
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
