"""Every question against the table of answers: right, wrong, blank, and no hollow condition."""

import copy
import linecache
import random
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from answers import all_answers

from authoring import course, notebook, source
from masklens._keras import attached_mask
from masklens._language import languages, set_language, translate
from masklens_course.answer import Raised, trying
from masklens_course.checks import Question
from masklens_course.conditions import Condition, Mistake
from masklens_course.example import Example
from masklens_course.judging import Trial, judge
from masklens_course.layers_to_test import LayersToTest
from masklens_course.mistakes import COMMON_MISTAKES, DEFAULT_MISTAKES, SHARED_HINTS
from masklens_course.own_models import ModelCall
from masklens_course.questions import all_questions
from masklens_course.trained_parts import PartsCall
from masklens_course.verdict import Verdict

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
QUESTIONS = all_questions()
ANSWERS = all_answers()
SHARED = {code for hint in SHARED_HINTS for code in hint.codes}

each_question = pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
# Those that have cases, and say what is right for each.
each_converted = pytest.mark.parametrize(
    "question",
    [question for question in QUESTIONS if question.right and question.kind != "value"],
    ids=lambda question: question.name,
)


@cache
def handed_in(lesson: str, edition: str) -> dict[str, Any]:
    """What each check of an exercise's notebook is given, by the names of the questions."""
    path = ROOT / "content" / "exercises" / f"{lesson}.py"
    book = notebook.translate(ROOT, source.read(ROOT, path), "en", None, None, edition)[0]
    names: dict[str, Any] = {"display": lambda *_: None, "__name__": "__main__"}
    answers = {}
    for cell in book.cells:
        if cell.cell_type == "code" and cell.id.endswith("-check"):
            given = cell.source.rpartition(".check(")[2].rpartition(")")[0]
            answers[cell.id.removesuffix("-check")] = eval(given, names)
        elif cell.cell_type == "code":
            # As in a notebook, the source of a function can be looked up.
            file = f"<{lesson} {edition} {cell.id}>"
            linecache.cache[file] = len(cell.source), None, cell.source.splitlines(True), file
            exec(compile(cell.source, file, "exec"), names)
    return answers


@cache
def trial(name: str, number: int) -> Trial:
    """What came of a wrong answer on every case, whatever conditions it is then judged by."""
    question = next(one for one in QUESTIONS if one.name == name)
    done = Trial(question, ANSWERS[name].wrong[number][1])
    assert not done.run(list)
    return done


def judged(question: Question, number: int, left_out: int | None = None) -> Verdict:
    """The verdict on a wrong answer, which is run only once; if need be, without one case."""
    again = Trial(question, ANSWERS[question.name].wrong[number][1])
    runs = trial(question.name, number).runs
    again.runs = [run for place, run in enumerate(runs) if place != left_out]
    return again.judged()


def numbered_codes(question: Question) -> list[tuple[int, str]]:
    return [(number, code) for number, (code, _) in enumerate(ANSWERS[question.name].wrong)]


def faults(question: Question) -> Iterator[Condition | Mistake]:
    for condition in question.conditions:
        yield condition
        yield from condition.mistakes


class FittedModel(keras.Model):
    """A model that gives the same for any ids."""

    def __init__(self, right: Any, words: Any) -> None:
        super().__init__()
        self.right, self.words = right, words

    def call(self, ids: Any) -> Any:
        return keras.ops.array(self.right, "float32")

    def compute_mask(self, ids: Any, mask: Any = None) -> Any:
        return keras.ops.array(self.words) if self.right.ndim == 3 else None


def knows(layers: LayersToTest) -> Any:
    """A test of layers that finds fault with those of its example, and with no others."""
    values = np.random.default_rng(0).normal(size=(1, 5, 3))
    pairs = zip(layers.arguments(), layers.sound, strict=True)
    known = [layer(values) for layer, is_sound in pairs if not is_sound]
    return lambda layer: not any(np.allclose(layer(values), one, atol=1e-5) for one in known)


def fitted(question: Question) -> Any:
    """An answer that gives what is right for the example, whatever it is handed."""
    case = question.all_cases()[0]
    if isinstance(case[0], LayersToTest):
        return knows(case[0])
    if isinstance(case[0], ModelCall):
        solution = handed_in(question.lesson, "solutions")[question.name]
        return lambda *sizes: solution(*case[0].made_with)
    right = question.right(*case)
    if isinstance(case[0], PartsCall):
        return lambda *parts: FittedModel(right, case[0].words)
    if question.kind == "function":
        return lambda *inputs: copy.deepcopy(right)

    class Fitted(keras.Layer):
        def __init__(self, *arguments: Any) -> None:
            super().__init__()

        def call(self, inputs: Any) -> Any:
            values = [keras.ops.array(one.values, "float32") for one in right]
            return values if len(values) > 1 else values[0]

        def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
            masks = [keras.ops.array(one.mask) for one in right]
            return masks if len(masks) > 1 else masks[0]

    return Fitted


def texts(question: Question) -> list[str]:
    sentences = [fault.sentence for fault in faults(question)]
    hints = [hint.text for hint in question.hints]
    return [question.title, question.why, *hints, *sentences]


def test_there_are_three_for_each_lesson_and_two_for_all() -> None:
    known = course.read(ROOT)
    counts = [sum(one.lesson == name for one in QUESTIONS) for name in known.sets]
    for_a_lesson = len(known.sets) - len(known.need_all_lessons)
    assert all(count >= 3 for count in counts[:for_a_lesson])
    assert all(count >= 2 for count in counts[for_a_lesson:])


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
    assert len(right) >= 4
    for answer in right:
        assert judge(question, answer).kind == "right", (answer, judge(question, answer))


@each_question
def test_each_wrong_answer_gets_its_own_code_and_sentence(question: Question) -> None:
    common = {mistake.code: mistake.sentence for mistake in DEFAULT_MISTAKES}
    sentences = COMMON_MISTAKES | common | {one.code: one.sentence for one in faults(question)}
    assert len(ANSWERS[question.name].wrong) >= 8
    for number, (code, answer) in enumerate(ANSWERS[question.name].wrong):
        verdict = judge(question, answer)
        assert [finding.code for finding in verdict.findings] == [code], number
        assert verdict.sentence == sentences.get(code, verdict.sentence)
        assert verdict.sentence in repr(verdict)
        assert str(verdict).endswith(f"[{code}]")


@each_question
def test_two_mistakes_in_one_answer_are_both_named(question: Question) -> None:
    for first, second, answer in ANSWERS[question.name].two:
        verdict = judge(question, answer)
        assert [finding.code for finding in verdict.findings] == [first, second]
        assert all(finding.sentence in repr(verdict) for finding in verdict.findings)


@each_converted
def test_an_answer_made_for_the_example_is_told_so(question: Question) -> None:
    assert question.right
    example, *hidden = question.all_cases()
    assert len(hidden) >= 5
    verdict = judge(question, fitted(question))
    assert verdict.code == "only-this-example"
    assert repr(verdict.findings[0].example.arguments) != repr(example)
    # One with the sizes of the example written into it is among the wrong answers.
    assert "only-this-example" in [code for code, _answer in ANSWERS[question.name].wrong]


@each_converted
def test_without_any_one_case_a_wrong_answer_is_right(question: Question) -> None:
    for left_out in range(1, len(question.all_cases())):
        slipped = [
            judged(question, number, left_out).kind for number, _code in numbered_codes(question)
        ]
        assert "right" in slipped, question.all_cases()[left_out]


def assert_runs_again(example: Example, answer: Any) -> None:
    """The lines that are shown for a layer give its masks, or raise, as they did in the check."""
    *before, last = example.call.splitlines()
    names = {"np": np, "keras": keras, answer.__name__: answer}

    def run() -> list[Any]:
        exec("\n".join(before), names)
        output = eval(last, names)
        return output if isinstance(output, list | tuple) else [output]

    came = trying(run)
    if isinstance(example.yours, tuple) and not before[-1].startswith("model"):
        for mine, theirs in zip(came, example.yours, strict=True):
            np.testing.assert_array_equal(attached_mask(mine), theirs.mask)
    else:
        assert not isinstance(came, Raised) or not isinstance(came.error, NameError | SyntaxError)
    (given,) = example
    assert all(map(keras.ops.is_tensor, given if isinstance(given, list) else [given]))


def assert_model_runs_again(example: Example, asker: str, answer: Any) -> None:
    """The lines that are shown for a model give its shape, or raise, as they did in the check."""
    names = {"np": np, asker: SimpleNamespace(example=lambda: example)}
    build, call = example.call.splitlines()
    name = build.removeprefix("model = ").partition("(")[0]

    def run() -> Any:
        exec(build, names | {name: answer}, names)
        return eval(call, names)

    came = trying(run)
    if isinstance(came, Raised):
        assert not isinstance(came.error, NameError | SyntaxError)
    elif example.yours is not None and example.yours.size:
        assert came.shape == example.yours.shape


@each_converted
def test_the_call_that_is_shown_can_be_run_again(
    question: Question, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a model may be saved
    for _code, answer in ANSWERS[question.name].wrong:
        example = judge(question, answer).findings[0].example
        if example is None:  # the answer was not called
            continue
        if question.kind == "class":
            assert_runs_again(example, answer)
            continue
        if isinstance(example.arguments[0], ModelCall):
            name = example.call.removeprefix("model = ").partition("(")[0]
            came = trying(exec, example.call, {"np": np, name: answer})
            assert not isinstance(came, Raised) or not isinstance(came.error, NameError)
            continue
        if isinstance(example.arguments[0], PartsCall):
            assert_model_runs_again(example, question.asker, answer)
            continue
        asked = SimpleNamespace(example=lambda example=example: example)
        names = {"np": np, "tf": tf, question.asker: asked}
        name = example.call.partition("(")[0]
        if isinstance(example.arguments[0], LayersToTest):
            came = trying(eval, example.call, names | {"keras": keras, name: answer})
            assert isinstance(came, Raised) or np.array_equal(came, example.yours)
            continue
        (called,) = eval(example.call, names | {name: lambda *inputs: [inputs]})
        assert repr(called) == repr(example.arguments)


@each_converted
def test_the_cases_are_the_same_each_time(question: Question) -> None:
    assert repr(question.all_cases()) == repr(question.all_cases())


@each_question
def test_every_code_has_a_wrong_answer(question: Question) -> None:
    # The same mistake may explain several conditions.
    codes = [fault.code for fault in set(faults(question))]
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
            poorer = Condition(
                *(condition.code, condition.sentence, condition.holds, *others),
                when=condition.when,
            )
            rest = (poorer if one is condition else one for one in question.conditions)
            without = replace(question, conditions=tuple(rest))
            numbers = [number for number, code in numbered_codes(question) if code == mistake.code]
            assert any(judged(without, one).code != mistake.code for one in numbers), mistake.code


@each_question
def test_each_mistake_has_a_hint_that_is_about_it(question: Question) -> None:
    own = [code for hint in question.hints for code in hint.codes]
    codes = {fault.code for fault in faults(question)}
    assert codes <= {*own, *SHARED}
    assert set(own) <= codes | {mistake.code for mistake in DEFAULT_MISTAKES}


def test_each_default_mistake_has_a_hint() -> None:
    assert {mistake.code for mistake in DEFAULT_MISTAKES} <= SHARED


@each_question
def test_every_sentence_has_a_translation(question: Question) -> None:
    for language in set(languages()) - {"en"}:
        set_language(language)
        missing = [text for text in texts(question) if translate(text) == text]
        assert not missing


def test_every_common_mistake_has_a_translation() -> None:
    texts = [*COMMON_MISTAKES.values(), *(hint.text for hint in SHARED_HINTS)]
    for language in set(languages()) - {"en"}:
        set_language(language)
        assert not [text for text in texts if translate(text) == text]


@each_question
def test_a_check_leaves_the_random_states_alone(question: Question) -> None:
    answers = ANSWERS[question.name]
    for answer in (answers.right[0], answers.wrong[0][1]):
        before = random.getstate(), np.random.get_state()[1].tolist()
        judge(question, answer)
        assert (random.getstate(), np.random.get_state()[1].tolist()) == before
