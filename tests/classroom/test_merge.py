"""Whatever a student and the course do to one notebook, no cell of the student's is lost."""

import random
from collections import Counter
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import pytest

from classroom.merge import merge

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LESSONS = [
    nbformat.read(ROOT / "notebooks" / name, as_version=4)
    for name in ("en/00_start.ipynb", "ko/01_padding.ipynb", "en/05_masks_by_hand.ipynb")
]
PAIRS = 200


class Pair:
    """A few cells of a lesson, changed by a student and by the course; each seed makes another."""

    def __init__(self, seed: int) -> None:
        choose = random.Random(seed)
        self.base = deepcopy(LESSONS[seed % len(LESSONS)])
        start, length = choose.randrange(10), choose.randint(2, 5)
        self.base.cells = self.base.cells[start : start + length]
        self.mine = edited(self.base, choose, "mine")
        self.theirs = edited(self.base, choose, "news")
        self.merged = merge(self.base, self.mine, self.theirs)
        books = (self.base, self.mine, self.theirs, self.merged)
        self.old, self.own, self.new, self.now = ({c.id: c for c in book.cells} for book in books)

    def changed(self, side: dict[str, Any], name: str) -> bool:
        """Whether a side wrote, rewrote or deleted a cell."""
        return text(side.get(name)) != text(self.old.get(name))

    def places(self, book: Any) -> set[str]:
        """The cells behind which a side put one of its own."""
        return {
            before.id
            for before, cell in pairwise(book.cells)
            if before.id in self.old and cell.id not in self.old
        }


def text(cell: Any) -> Any:
    return cell and cell.source


def edited(book: Any, choose: random.Random, word: str) -> Any:
    """A copy in which a few cells were changed, added, deleted, moved, run or cleared."""
    book = deepcopy(book)
    for number in range(choose.randint(2, 8)):
        cell = choose.choice(book.cells)
        place, line = book.cells.index(cell), f"{word} {choose.random()}"
        kind = choose.choice(["change", "insert", "delete", "move", "run", "clear"])
        if kind == "change":
            lines = cell.source.split("\n")
            lines.insert(choose.randint(0, len(lines)), line)
            cell.source = "\n".join(lines)
        elif kind == "insert":
            new_cell = choose.choice([nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell])
            book.cells.insert(place + 1, new_cell(line, id=f"{word}-{number}"))
        elif kind in ("delete", "move") and len(book.cells) > 1:
            book.cells.remove(cell)
            if kind == "move":
                book.cells.insert(choose.randint(0, len(book.cells)), cell)
        elif kind in ("run", "clear") and cell.cell_type == "code":
            cell.execution_count = choose.randrange(100) if kind == "run" else None
            output = nbformat.v4.new_output("stream", text=f"{line}\n")
            cell.outputs = [output] if kind == "run" else []
    return book


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return [Pair(seed) for seed in range(PAIRS)]


def test_what_a_student_wrote_stays_as_it_was(pairs: list[Pair]) -> None:
    for seed, pair in enumerate(pairs):
        for name, cell in pair.own.items():
            if pair.changed(pair.own, name):
                assert pair.now.get(name) == cell, (seed, name)


def test_a_cell_that_both_have_is_there(pairs: list[Pair]) -> None:
    for seed, pair in enumerate(pairs):
        assert pair.own.keys() & pair.new.keys() <= pair.now.keys(), seed


def test_outputs_of_a_student_stay_with_the_code_that_made_them(pairs: list[Pair]) -> None:
    for seed, pair in enumerate(pairs):
        for name, cell in pair.own.items():
            if pair.new.get(name) == pair.old.get(name):
                assert pair.now[name] == cell, (seed, name)


def test_the_courses_changes_arrive_but_in_cells_that_the_student_changed(
    pairs: list[Pair],
) -> None:
    for seed, pair in enumerate(pairs):
        for name, cell in pair.new.items():
            if pair.changed(pair.new, name) and not pair.changed(pair.own, name):
                assert pair.now.get(name) == cell, (seed, name)


def test_what_one_deleted_and_the_other_did_not_change_or_move_is_gone(pairs: list[Pair]) -> None:
    for seed, pair in enumerate(pairs):
        for name, cell in pair.old.items():
            order = [[i for i in side if i in pair.old] for side in (pair.old, pair.own)]
            unmoved = [i for i in order[0] if i in pair.own] == order[1]
            if name not in pair.own or (
                name not in pair.new and pair.own[name] == cell and unmoved
            ):
                assert name not in pair.now, (seed, name)


def test_each_notebook_is_valid_and_has_each_cell_once(pairs: list[Pair]) -> None:
    for pair in pairs:
        nbformat.validate(pair.merged)
        assert len(pair.now) == len(pair.merged.cells)


def test_the_pairs_hold_the_hard_cases(pairs: list[Pair]) -> None:
    cases = Counter[str]()
    for pair in pairs:
        both = pair.own.keys() & pair.new.keys() & pair.old.keys()
        cases["both changed a cell"] += any(
            pair.changed(pair.own, name) and pair.changed(pair.new, name) for name in both
        )
        cases["both inserted at a place"] += bool(pair.places(pair.mine) & pair.places(pair.theirs))
        for side in (pair.own, pair.new):
            kept = [name for name in pair.old if name in side]
            cases["moved"] += kept != [name for name in side if name in pair.old]
    assert len(cases) == 3
    assert min(cases.values()) >= 15, cases
