"""Every question against the table of answers: right, wrong, blank, and no hollow condition."""

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from answers import all_answers

from authoring import course, notebook, source
from masklens._language import languages, set_language, translate
from masklens_course import checks
from masklens_course.checks import COMMON_MISTAKES, Condition, Mistake, Question, judge
from masklens_course.questions import all_questions
from masklens_course.sandbox import Outcome, run_in_sandbox
from masklens_course.verdict import Verdict

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
QUESTIONS = all_questions()
ANSWERS = all_answers()

each_question = pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)


@cache
def handed_in(lesson: str, edition: str) -> dict[str, Any]:
    """What each check of an exercise's notebook is given, by the names of the questions."""
    path = ROOT / "content" / "exercises" / f"{lesson}.py"
    book = notebook.translate(ROOT, source.read(ROOT, path), "en", None, None, edition)[0]
    names: dict[str, Any] = {"display": lambda *_: None, "__name__": "__main__"}
    answers = {}
    for cell in book.cells:
        if cell.cell_type == "code" and cell.id.endswith("-check"):
            given = cell.source.rpartition("q.check(")[2].rpartition(")")[0]
            answers[cell.id.removesuffix("-check")] = eval(given, names)
        elif cell.cell_type == "code":
            exec(cell.source, names)
    return answers


@cache
def outcome(name: str, number: int) -> Outcome:
    """What came of running a wrong answer, whatever conditions it is then judged by."""
    question = next(one for one in QUESTIONS if one.name == name)
    return run_in_sandbox(lambda: question.observe(ANSWERS[name].wrong[number][1]), 120)


def judged(question: Question, number: int) -> Verdict:
    """The verdict on a wrong answer, which is run only once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "run_in_sandbox", lambda _run: outcome(question.name, number))
        return judge(question, ANSWERS[question.name].wrong[number][1])


def numbered_codes(question: Question) -> list[tuple[int, str]]:
    return [(number, code) for number, (code, _) in enumerate(ANSWERS[question.name].wrong)]


def faults(question: Question) -> Iterator[Condition | Mistake]:
    for condition in question.conditions:
        yield condition
        yield from condition.mistakes


def texts(question: Question) -> list[str]:
    sentences = [fault.sentence for fault in faults(question)]
    return [question.title, question.why, *question.hints, *sentences]


def test_there_are_sixteen_and_two_in_each_set() -> None:
    belongs_to = [question.lesson for question in QUESTIONS]
    assert len(QUESTIONS) >= 16
    assert all(belongs_to.count(name) >= 2 for name in course.read(ROOT).sets)


def test_names_are_unique_and_the_table_has_each() -> None:
    names = [question.name for question in QUESTIONS]
    assert len(set(names)) == len(names)
    assert set(ANSWERS) == set(names)


@each_question
def test_the_solution_is_right(question: Question) -> None:
    verdict = judge(question, handed_in(question.lesson, "solutions")[question.name])
    assert verdict.kind == "right", verdict


@each_question
def test_the_stub_is_blank(question: Question) -> None:
    assert judge(question, handed_in(question.lesson, "exercises")[question.name]).kind == "blank"


@each_question
def test_other_right_answers_are_right(question: Question) -> None:
    right = ANSWERS[question.name].right
    assert len(right) >= 2
    for answer in right:
        assert judge(question, answer).kind == "right", (answer, judge(question, answer))


@each_question
def test_each_wrong_answer_gets_its_own_code_and_sentence(question: Question) -> None:
    sentences = COMMON_MISTAKES | {fault.code: fault.sentence for fault in faults(question)}
    assert len(ANSWERS[question.name].wrong) >= 3
    for number, code in numbered_codes(question):
        verdict = judged(question, number)
        assert (verdict.code, verdict.sentence) == (code, sentences[code]), number
        assert verdict.sentence in repr(verdict)
        assert str(verdict).endswith(f"[{code}]")


@each_question
def test_every_code_has_a_wrong_answer(question: Question) -> None:
    codes = [fault.code for fault in faults(question)]
    assert len(set(codes)) == len(codes)
    assert set(codes) <= {code for _number, code in numbered_codes(question)}


@each_question
def test_without_any_one_condition_a_wrong_answer_is_right(question: Question) -> None:
    for condition in question.conditions:
        others = tuple(other for other in question.conditions if other is not condition)
        hollow = replace(question, conditions=others)
        slipped = [judged(hollow, number).kind for number, _code in numbered_codes(question)]
        assert "right" in slipped, condition.code


@each_question
def test_without_any_one_mistake_a_wrong_answer_gets_another_code(question: Question) -> None:
    for condition in question.conditions:
        for mistake in condition.mistakes:
            others = [other for other in condition.mistakes if other is not mistake]
            poorer = Condition(condition.code, condition.sentence, condition.holds, *others)
            rest = (poorer if one is condition else one for one in question.conditions)
            without = replace(question, conditions=tuple(rest))
            numbers = [number for number, code in numbered_codes(question) if code == mistake.code]
            assert any(judged(without, one).code != mistake.code for one in numbers), mistake.code


@each_question
def test_every_sentence_has_a_translation(question: Question) -> None:
    for language in set(languages()) - {"en"}:
        set_language(language)
        missing = [text for text in texts(question) if translate(text) == text]
        assert not missing


def test_every_common_mistake_has_a_translation() -> None:
    for language in set(languages()) - {"en"}:
        set_language(language)
        assert not [text for text in COMMON_MISTAKES.values() if translate(text) == text]


@each_question
def test_a_check_leaves_the_random_states_alone(question: Question) -> None:
    answers = ANSWERS[question.name]
    for answer in (answers.right[0], answers.wrong[0][1]):
        before = random.getstate(), np.random.get_state()[1].tolist()
        judge(question, answer)
        assert (random.getstate(), np.random.get_state()[1].tolist()) == before
