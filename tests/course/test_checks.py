"""Hostile and clumsy answers get a clear verdict, whatever the question; questions are found."""

import contextlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from answers import all_answers
from clumsy import CLUMSY, PassesOn

import masklens as ml
from masklens_course import checks, history, judging
from masklens_course.checks import Question, WrongAnswerError
from masklens_course.judging import judge
from masklens_course.mistakes import SHARED_HINTS
from masklens_course.own_models import ModelCall
from masklens_course.questions import all_questions
from masklens_course.trained_parts import PartsCall

QUESTIONS = all_questions()
ANSWERS = all_answers()
OF_KIND = {
    kind: [question for question in QUESTIONS if question.kind == kind]
    for kind in ("value", "function", "class")
}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_clumsy_answers_get_a_verdict_without_a_wait(
    question: Question, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Time is up only for what hangs, on however busy a machine.
    monkeypatch.setattr(judging, "TIME_LIMIT", 120)
    for name, answer in CLUMSY.items():
        verdict = judge(question, answer)
        assert verdict.code != "too-slow", name
        assert verdict.kind in ("wrong", "broken"), (name, verdict)
        assert verdict.sentence and len(verdict.html) < 100_000


CODES = [
    ("function", None, "not-a-function"),
    ("function", keras.layers.Dense, "not-a-function"),
    ("class", None, "not-a-class"),
    ("class", PassesOn(), "not-a-class"),
    ("class", dict, "not-a-layer"),
    ("value", None, "returns-nothing"),
    ("value", keras.layers.Dense, "not-a-value"),
    ("value", len, "not-a-value"),
]


@pytest.mark.parametrize(("kind", "answer", "code"), CODES)
def test_another_kind_of_answer_is_named(kind: str, answer: Any, code: str) -> None:
    for question in OF_KIND[kind]:
        assert judge(question, answer).code == code, question


def right_functions() -> list[tuple[Question, Callable[..., Any]]]:
    return [(question, ANSWERS[question.name].right[0]) for question in OF_KIND["function"]]


def leaves(*inputs: Any) -> Any:
    exit()


def test_a_function_that_exits_is_broken() -> None:
    for question in OF_KIND["function"]:
        verdict = judge(question, leaves)
        assert (verdict.kind, verdict.code) == ("broken", "exits"), question
        assert any("in leaves" in line for line in verdict.lines)


def test_a_right_function_that_prints_10_mb_is_right() -> None:
    for question, right in right_functions():

        def prints(*inputs: Any, right: Callable[..., Any] = right) -> Any:
            for _line in range(10_000):
                print("x" * 1023)
            return right(*inputs)

        verdict = judge(question, prints)
        assert verdict.kind == "right", question
        assert 1000 < len(verdict.printed) < 1100


def spoiling(right: Callable[..., Any], spoiled: list[Any]) -> Callable[..., Any]:
    def spoils(*inputs: Any) -> Any:
        result = right(*inputs)
        for value in inputs:
            if isinstance(value, np.ndarray):
                value[...] = 0
            elif isinstance(value, list):
                value.clear()
            else:
                continue
            spoiled.append(value)
        return result

    return spoils


def test_a_right_function_that_spoils_its_input_is_told_so() -> None:
    count = 0
    for question, right in right_functions():
        spoiled: list[Any] = []
        code = judge(question, spoiling(right, spoiled)).code
        # A function that builds a model is given nothing that it could spoil.
        assert code == ("changes-its-input" if spoiled else "right"), question
        count += bool(spoiled)
    assert count >= 5


def test_functions_of_other_arguments_are_told_so() -> None:
    for question in OF_KIND["function"]:
        assert judge(question, lambda a, b, c, d, e, f, g: a).code == "wrong-arguments", question


def test_an_endless_loop_gets_its_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(*inputs: Any) -> Any:
        while True:
            pass

    monkeypatch.setattr(judging, "TIME_LIMIT", 0.3)
    verdict = judge(OF_KIND["function"][0], endless)
    assert (verdict.kind, verdict.code) == ("broken", "too-slow")
    assert "0.3 seconds" in verdict.sentence


def test_the_learners_own_layer_is_not_built() -> None:
    layer = keras.layers.Dense(2)
    for question in QUESTIONS:
        judge(question, layer)
    assert not layer.built


def test_the_learners_own_model_keeps_its_weights() -> None:
    builders = 0
    for question, right in right_functions():
        case = question.all_cases()[0]
        if not (case and isinstance(case[0], ModelCall | PartsCall)):
            continue
        model = right(*case[0].arguments())
        model(case[0].ids)
        before = [weight.copy() for weight in model.get_weights()]
        judge(question, lambda *sizes, model=model: model)
        assert before
        assert all(map(np.array_equal, before, model.get_weights())), question
        builders += 1
    assert builders


def test_grading_raises_unless_the_answer_is_right() -> None:
    for question in QUESTIONS:
        answers = ANSWERS[question.name]
        question.grade(answers.right[0])
        code, answer = answers.wrong[0]
        with pytest.raises(WrongAnswerError, match=rf"\[{code}\]$"):
            question.grade(answer)
        with pytest.raises(WrongAnswerError, match=r"\[blank\]$"):
            question.grade(...)


@pytest.mark.parametrize(
    ("word", "points"), [("[2]", "1"), ("[text[99]]", None), ("[1]", None)], ids=str
)
def test_nbgrader_gives_a_part_of_the_points_for_a_part_of_the_conditions(
    word: str, points: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = ml.question("pad-for-cudnn")
    assert question.points == 2
    answer = eval(f"lambda texts: ml.pad([text or {word} for text in texts], padding='post')")
    is_wrong = word != "[1]"
    with pytest.raises(WrongAnswerError) if is_wrong else contextlib.nullcontext():
        question.grade(answer)
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(WrongAnswerError) if is_wrong and not points else contextlib.nullcontext():
        question.grade(answer)
    verdict = question.check(answer)
    data, _facts = verdict._repr_mimebundle_()
    assert data["text/plain"] == (points or repr(verdict))
    assert ("1 of 2 points" in data["text/html"]) == bool(points)


def test_hints_follow_one_another_and_begin_again() -> None:
    for question in QUESTIONS:
        question.check(...)
        given = [question.hint().text for _hint in question.hints]
        assert len(set(given)) == len(question.hints) >= 2
        assert question.hint().text == given[0]
        assert all(question.title in text for text in given)


def hint_on(question: Question, answer: Any) -> str:
    """The hint that is given first after a check of an answer, without its title."""
    question.check(answer)
    return question.hint().text.partition("\n")[2]


def test_the_first_hint_is_about_the_mistake_just_made_and_each_is_given_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checks, "_hints_given", {})
    question = ml.question("pad-by-hand")
    first, in_front, cut = (hint.text for hint in question.hints)
    assert hint_on(question, [[4, 8, 0], [15, 16, 23], [7, 0, 0]]) == cut
    assert hint_on(question, [[0, 4, 8], [16, 23, 42], [0, 0, 7]]) == in_front
    # The same mistake again: what is left.
    assert hint_on(question, [[0, 4, 8], [16, 23, 42], [0, 0, 7]]) == first
    assert hint_on(question, [[0, 4, 8], [16, 23, 42], [0, 0, 7]]) == in_front


def test_a_mistake_that_can_be_made_anywhere_has_a_hint_of_the_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checks, "_hints_given", {})
    question = ml.question("predict-mask")
    inverted = np.array(ANSWERS["predict-mask"].right[0]) == 0
    assert question.check(inverted).code == "inverted"
    shared = {hint.text for hint in SHARED_HINTS}
    given = [question.hint().text for _hint in range(len(question.hints) + 1)]
    assert [text.partition("\n")[2] in shared for text in given] == [True] + [False] * (
        len(given) - 1
    )
    assert given[0].startswith(f"Hint 1 of {len(given)} ")


def test_hints_and_solutions_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_memory", [])
    question = ml.question("pad-by-hand")
    question.hint()
    question.solution()
    question.check(ANSWERS["pad-by-hand"].right[0])
    record = history.recall()[0]["pad-by-hand"]
    assert (record.hints, record.attempts, record.state) == (1, 1, "shown")


@pytest.mark.parametrize("language", ml.languages())
def test_every_solution_is_shown_and_is_python(language: str) -> None:
    ml.set_language(language)
    for question in QUESTIONS:
        _title, *lines = question.solution().text.split("\n")
        compile("\n".join(lines[:-1]), question.name, "exec")
        assert lines[-1]


def test_an_unknown_question_lists_the_nearest_names() -> None:
    with pytest.raises(ValueError, match="pad-by-hand"):
        ml.question("pad-by-hnad")
    with pytest.raises(ValueError, match="'pad-by-hand', 'pad-readings'"):
        ml.question("zzz")


def test_a_question_speaks_the_language_in_force_when_it_is_asked() -> None:
    question = ml.question("pad-by-hand")
    english = question.check([]), repr(question)
    ml.set_language("ko")
    korean = question.check([]), repr(question)
    assert english[0].code == korean[0].code
    assert english[0].sentence != korean[0].sentence and english[1] != korean[1]


def test_what_a_learner_prints_or_raises_is_text() -> None:
    def hostile(series: Any, value: Any) -> Any:
        print("<script>alert(1)</script>")
        raise ValueError("<img src=x onerror=alert(1)>")

    verdict = ml.question("pad-readings").check(hostile)
    assert "<script>alert" not in verdict.html and "<img" not in verdict.html
    assert "&lt;script&gt;alert" in verdict.html


def test_a_verdict_says_to_programs_what_it_is() -> None:
    data, facts = ml.question("pad-by-hand").check([])._repr_mimebundle_()
    assert set(data) == {"text/html", "text/plain"}
    assert facts == {
        "masklens": {"question": "pad-by-hand", "verdict": "wrong", "code": "wrong-shape"}
    }
