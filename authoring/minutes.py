"""How long a lesson takes, reckoned from its English, and a set of exercises, from what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from authoring import blocks, prediction
from authoring.cells import Cell

LONGEST_LESSON = 30
# A cell of code with this word is read at a glance: it sets up, or it draws.
SKIM = "skim"
_WORDS_PER_MINUTE = 180
_PREDICTION, _CODE, _EXPLORER = 45 / 60, 40 / 60, 90 / 60
_WORD = re.compile(r"\w[\w'.=-]*")
_EXPLORERS = re.compile(r"\bml\.\w+Explorer\(")
_STEP = 5
_SAID = re.compile(r"(?m)^## .*\((\d+) minutes\)$")


def of_lesson(cells: Sequence[Cell]) -> float:
    """The minutes that reading a lesson and running it takes.

    Technical prose is read at 180 words a minute. A prediction takes 45 seconds, a cell of code 40
    unless it is skimmed, and an explorer 90.

    Args:
        cells: those of the lesson, in English.
    """
    text = [cell for cell in cells if cell.kind == "markdown"]
    code = [cell for cell in cells if cell.kind == "code"]
    explorers = [cell for cell in code if _EXPLORERS.search(cell.text)]
    read = [c for c in code if c not in explorers and SKIM not in c.metadata.get("tags", ())]
    return (
        sum(_words(prediction.marked(cell).text) for cell in text) / _WORDS_PER_MINUTE
        + sum(map(prediction.asks, cells)) * _PREDICTION
        + len(read) * _CODE
        + len(explorers) * _EXPLORER
    )


def of_exercises(cells: Sequence[Cell]) -> int:
    """The minutes of a set of exercises: the sum of those that its headings give."""
    return sum(int(minutes) for cell in cells for minutes in _SAID.findall(cell.text))


def shown(minutes: float) -> int:
    """What the course promises: minutes to the nearest 5."""
    return max(_STEP, _STEP * round(minutes / _STEP))


def _words(markdown: str) -> int:
    read = (f"{one.prose} {' '.join(one.code.elements())}" for one in blocks.inlines(markdown))
    return sum(len(_WORD.findall(text)) for text in read)
