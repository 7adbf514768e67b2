"""Measures how long a check takes: of each solution, on all the cases of its question."""

import json
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import keras
import numpy as np

import masklens as ml
from benchmarks.table import print_table, verdict
from masklens_course import questions
from masklens_course.judging import judge

RUNS = 5
GOAL_MEDIAN, GOAL_SLOWEST = 0.15, 1.0  # seconds, of the questions' medians
SOLUTIONS = Path(questions.__file__).parent / "solutions" / "en.json"


def measure_checks() -> bool:
    solutions = json.loads(SOLUTIONS.read_text(encoding="utf-8"))
    asked = questions.all_questions()
    took = {one.name: _seconds(one, _answer(solutions[one.name])) for one in asked}
    rows = [[one.name, str(len(one.all_cases())), f"{took[one.name] * 1000:.0f}"] for one in asked]
    print_table("What a check takes", ["question", "cases", "ms"], rows)
    usual, slowest = median(took.values()), max(took.values())
    met = usual <= GOAL_MEDIAN and slowest <= GOAL_SLOWEST
    print(f"median {usual * 1000:.0f} ms, slowest {slowest * 1000:.0f} ms: {verdict(met)}")
    return met


def _answer(code: str) -> Any:
    names: dict[str, Any] = {"keras": keras, "ml": ml, "np": np}
    exec(code, names)
    return names[next(reversed(names))]


def _seconds(question: Any, answer: Any) -> float:
    """The median of several checks; the first, in which Keras prepares itself, is left out."""
    seconds = []
    for _run in range(RUNS + 1):
        start = perf_counter()
        assert judge(question, answer).kind == "right", question
        seconds.append(perf_counter() - start)
    return median(seconds[1:])
