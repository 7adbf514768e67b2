"""Measures how long a check takes: of each solution, on all the cases of its question."""

from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import matplotlib
import nbformat

from benchmarks.table import print_table, verdict
from masklens_course.judging import judge
from masklens_course.questions import all_questions, exercise_sets

RUNS = 5
GOAL_MEDIAN, GOAL_SLOWEST = 0.15, 1.0  # seconds, of the questions' medians
SOLUTIONS = Path(__file__).parents[1] / "solutions" / "en"


def measure_checks() -> bool:
    matplotlib.use("agg")  # a notebook draws
    asked = all_questions()
    with redirect_stdout(StringIO()):  # of what notebooks print
        answers = dict(answer for one in exercise_sets() for answer in _answers(one.name))
    took = {one.name: _seconds(one, answers[one.name]) for one in asked}
    rows = [[one.name, str(len(one.all_cases())), f"{took[one.name] * 1000:.0f}"] for one in asked]
    print_table("What a check takes", ["question", "cases", "ms"], rows)
    usual, slowest = median(took.values()), max(took.values())
    met = usual <= GOAL_MEDIAN and slowest <= GOAL_SLOWEST
    print(f"median {usual * 1000:.0f} ms, slowest {slowest * 1000:.0f} ms: {verdict(met)}")
    return met


def _answers(exercises: str) -> Iterator[tuple[str, Any]]:
    """What each check of a solved notebook is given, by the names of the questions."""
    book: Any = nbformat.read(SOLUTIONS / f"{exercises}.ipynb", as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no hints
    names: dict[str, Any] = {"display": lambda *_: None}
    for cell in book.cells:
        if cell.id.endswith("-check"):
            given = cell.source.rpartition(".check(")[2].rpartition(")")[0]
            yield cell.metadata["masklens"]["question"], eval(given, names)
        elif cell.cell_type == "code":
            exec(cell.source, names)


def _seconds(question: Any, answer: Any) -> float:
    """The median of several checks; the first, in which Keras prepares itself, is left out."""
    seconds = []
    for _run in range(RUNS + 1):
        start = perf_counter()
        assert judge(question, answer).kind == "right", question
        seconds.append(perf_counter() - start)
    return median(seconds[1:])
