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
from masklens_course.checks import COMMON_MISTAKES, Condition, Mistake, Question, judge
from masklens_course.questions import all_questions

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
QUESTIONS = all_questions()
ANSWERS = all_answers()

each_question = pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)


def answer_named(question: Question, edition: str) -> Any:
    """What the answer cell of an exercise defines, after the cells that stand before its check."""
    names = answer_cells(question, edition)
    return names["answer"]


@cache
def answer_cells(question: Question, edition: str) -> dict[str, Any]:
    """Runs an exercise's notebook up to the check, and catches what the check is given."""
    path = ROOT / "content" / "exercises" / f"{question.lesson}.py"
    if not path.exists():
        path = next((ROOT / "content" / "exercises").glob("99_*.py"))
    book = notebook.translate(ROOT, source.read(ROOT, path), "en", None, None, edition)[0]
    names: dict[str, Any] = {"display": lambda *_: None, "__name__": "__main__"}
    for cell in book.cells:
        if cell.cell_type == "code":
            if cell.id == f"{question.name}-check":
                names["answer"] = caught(cell.source, names)
                return names
            if not cell.id.endswith("-check"):
                exec(cell.source, names)
    raise AssertionError(f"no cell {question.name}-check in {path.name}")


def caught(check: str, names: dict[str, Any]) -> Any:
    """What stands between the parentheses of q.check(...), evaluated."""
    expression = check.rpartition("q.check(")[2].rpartition(")")[0]
    return eval(expression, names)


def wrong_answers(question: Question) -> tuple[tuple[str, Any], ...]:
    return ANSWERS[question.name].wrong


def code_of(question: Question, answer: Any) -> str:
    return judge(question, answer).code


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
    verdict = judge(question, answer_named(question, "solutions"))
    assert verdict.kind == "right", verdict


@each_question
def test_the_stub_is_blank(question: Question) -> None:
    assert judge(question, answer_named(question, "exercises")).kind == "blank"


@each_question
def test_other_right_answers_are_right(question: Question) -> None:
    right = ANSWERS[question.name].right
    assert len(right) >= 2
    for answer in right:
        assert judge(question, answer).kind == "right", (answer, judge(question, answer))


@each_question
def test_each_wrong_answer_gets_its_own_code(question: Question) -> None:
    wrong = wrong_answers(question)
    assert len(wrong) >= 3
    assert [code_of(question, answer) for _code, answer in wrong] == [code for code, _ in wrong]


@each_question
def test_every_code_has_a_wrong_answer(question: Question) -> None:
    codes = [fault.code for fault in faults(question)]
    assert len(set(codes)) == len(codes)
    assert set(codes) <= {code for code, _answer in wrong_answers(question)}


@each_question
def test_without_any_one_condition_a_wrong_answer_is_right(question: Question) -> None:
    for condition in question.conditions:
        others = tuple(other for other in question.conditions if other is not condition)
        hollow = replace(question, conditions=others)
        slipped = [judge(hollow, answer).kind for _code, answer in wrong_answers(question)]
        assert "right" in slipped, condition.code


@each_question
def test_without_any_one_mistake_a_wrong_answer_gets_another_code(question: Question) -> None:
    for condition in question.conditions:
        for mistake in condition.mistakes:
            others = tuple(other for other in condition.mistakes if other is not mistake)
            poorer = replace(
                question,
                conditions=tuple(
                    replace(kept, mistakes=others) if kept is condition else kept
                    for kept in question.conditions
                ),
            )
            answers = [a for code, a in wrong_answers(question) if code == mistake.code]
            assert any(code_of(poorer, answer) != mistake.code for answer in answers), mistake.code


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


@each_question
def test_wrong_answers_are_shown_with_their_sentence(question: Question) -> None:
    sentences = {fault.code: fault.sentence for fault in faults(question)}
    for code, answer in wrong_answers(question):
        verdict = judge(question, answer)
        expected = sentences.get(code) or COMMON_MISTAKES[code]
        assert verdict.sentence == expected
        assert expected in repr(verdict)
        assert str(verdict).endswith(f"[{code}]")
