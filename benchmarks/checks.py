"""Measures the time of each check: of right answers, beside the same check without guards, and of
answers that miss what is asked for."""

import io
import json
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.table import print_table, verdict
from masklens_course.checks import Question, judge
from masklens_course.questions import all_questions
from tests.course.clumsy import CLUMSY

RUNS = 9
GOAL_SECONDS = 0.1
CLUMSY_GOAL_SECONDS = 2
SOLUTIONS = Path(__file__).parent.parent / "solutions" / "en"


def right_answers() -> dict[str, Any]:
    """What each solution hands in, by the name of the question."""
    answers = {}
    for path in sorted(SOLUTIONS.glob("*.ipynb")):
        names: dict[str, Any] = {"display": lambda *_: None}
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            code = "".join(cell["source"])
            checked = re.search(r"q\.check\((.+)\)", code)
            if checked:
                answers[cell["id"].removesuffix("-check")] = eval(checked[1], names)
            elif cell["cell_type"] == "code":
                with redirect_stdout(io.StringIO()):
                    exec(code, names)
    return answers


def unguarded(question: Question, answer: Any) -> bool:
    """What one would write without us: run the answer, and assert."""
    seen = question.observe(answer)
    return all(condition.holds(seen) for condition in question.conditions)


def seconds_of(check: Any, question: Question, answer: Any) -> float:
    times = []
    for _ in range(RUNS):
        start = perf_counter()
        check(question, answer)
        times.append(perf_counter() - start)
    return median(times)


def measure_checks() -> bool:
    return all([_measure_right(), _measure_clumsy()])


def _measure_right() -> bool:
    answers, rows, all_met = right_answers(), [], True
    for question in all_questions():
        print(f"check {question.name}", file=sys.stderr)
        answer = answers[question.name]
        assert judge(question, answer).kind == "right"
        ours = seconds_of(judge, question, answer)
        bare = seconds_of(unguarded, question, answer)
        met = ours <= GOAL_SECONDS
        all_met &= met
        times = [f"{1000 * ours:.1f}", f"{1000 * bare:.1f}", f"{ours / bare:.2f}"]
        rows.append([question.name, *times, verdict(met)])
    print_table(
        f"check of a right answer (median of {RUNS}, goal {1000 * GOAL_SECONDS:.0f} ms)",
        ["question", "ms", "without guards", "ratio", "verdict"],
        rows,
    )
    return all_met


def _measure_clumsy() -> bool:
    rows, all_met = [], True
    for question in all_questions():
        print(f"check {question.name}, clumsy answers", file=sys.stderr)
        times = {}
        for name, answer in CLUMSY.items():
            start = perf_counter()
            judge(question, answer)
            times[name] = perf_counter() - start
        slowest = max(times, key=lambda name: times[name])
        met = times[slowest] <= CLUMSY_GOAL_SECONDS
        all_met &= met
        rows.append([question.name, f"{1000 * times[slowest]:.0f}", slowest, verdict(met)])
    print_table(
        f"check of {len(CLUMSY)} clumsy answers (the slowest, goal {CLUMSY_GOAL_SECONDS} s)",
        ["question", "ms", "slowest answer", "verdict"],
        rows,
    )
    return all_met
