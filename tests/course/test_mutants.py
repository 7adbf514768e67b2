"""Each solution with one thing changed is judged wrong, unless it is right for a reason."""

import json
import tomllib
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from mutants import mutants

import masklens as ml
from masklens_course.checks import Question
from masklens_course.judging import judge
from masklens_course.questions import all_questions

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
SOLUTIONS = json.loads(
    (HERE.parents[1] / "helpers/masklens_course/questions/solutions/en.json").read_text("utf-8")
)
SURVIVORS = tomllib.loads((HERE / "survivors.toml").read_text("utf-8"))
# Those that have cases, and say what is right for each.
CONVERTED = [question for question in all_questions() if question.right]


def answer(code: str) -> Any:
    """What the code of a solution makes: the last name in it."""
    names: dict[str, Any] = {"keras": keras, "ml": ml, "np": np}
    exec(code, names)
    return names[next(reversed(names))]


@pytest.mark.parametrize("question", CONVERTED, ids=lambda question: question.name)
def test_only_mutants_that_are_right_are_judged_right(question: Question) -> None:
    changed = mutants(SOLUTIONS[question.name])
    right = {
        line for line, code in changed.items() if judge(question, answer(code)).kind == "right"
    }
    assert right == set(SURVIVORS.get(question.name, {}))
    assert len(changed) >= 5


def test_every_survivor_has_a_reason_and_a_question() -> None:
    assert set(SURVIVORS) <= {question.name for question in CONVERTED}
    assert all(reason for lines in SURVIVORS.values() for reason in lines.values())
