"""What a verdict says: which mistakes, of which call, and what came of it; in the engine alone."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import masklens as ml
from masklens_course import judging
from masklens_course.checks import Question
from masklens_course.comparison import Compared
from masklens_course.conditions import Case, Condition, Mistake, gives
from masklens_course.example import call_as_code
from masklens_course.judging import judge
from masklens_course.mistakes import DEFAULT_MISTAKES
from masklens_course.verdict import Verdict

LIBRARY = keras.layers.Layer


def asked(
    right: Callable[..., Any],
    cases: Callable[[np.random.Generator], Iterator[Case]],
    *conditions: Condition,
) -> Question:
    """A question whose answers are compared with what is right."""
    compared = Condition("differs", "This differs.", Compared.is_right)
    return Question(
        name="made-up",
        title="A question",
        minutes=1,
        kind="function",
        cases=cases,
        right=right,
        conditions=conditions or (compared,),
        hints=(),
        why="It is.",
    )


def numbers_to_scale(random: np.random.Generator) -> Iterator[Case]:
    yield np.array([1.0, 2.0]), 3
    for length in (5, 1, 4, 3):
        yield random.normal(size=length).round(2), int(random.integers(4, 9))
    yield np.array([1e6, -2.5]), 2


def scaled(x: Any, factor: float, *, more: float = 0, back: bool = False) -> Any:
    result = x * factor + more
    return result[::-1] if back else result


SCALE = asked(scaled, numbers_to_scale)


def codes(verdict: Verdict) -> list[str]:
    return [finding.code for finding in verdict.findings]


def test_each_hidden_case_counts_and_the_smallest_that_fails_is_shown() -> None:
    verdict = judge(SCALE, lambda x, factor: x * factor if x.max() < 1e5 else x)
    (finding,) = verdict.findings
    assert (verdict.kind, finding.code) == ("wrong", "differs")
    assert finding.example.call.endswith("(np.array([1000000.0, -2.5]), 2)")
    assert finding.example.call in repr(verdict)
    np.testing.assert_array_equal(finding.example.right, [2e6, -5])
    np.testing.assert_array_equal(finding.example.yours, [1e6, -2.5])
    for text in ("2e+06", "-5", "-2.5"):
        assert text in repr(verdict)


def test_the_call_of_the_task_is_shown_before_smaller_ones() -> None:
    verdict = judge(SCALE, lambda x, factor: x)
    np.testing.assert_array_equal(verdict.findings[0].example.arguments[0], [1.0, 2.0])


def fails_for_one(x: Any, factor: float) -> Any:
    print(len(x), "numbers")
    return x[1] * factor and x * factor


def test_an_exception_on_a_hidden_case_is_shown_with_its_call_lines_and_output() -> None:
    verdict = judge(SCALE, fails_for_one)
    assert (verdict.kind, codes(verdict)) == ("broken", ["error"])
    assert len(verdict.findings[0].example.arguments[0]) == 1
    assert "fails_for_one(np.array([" in repr(verdict)
    assert "IndexError" in verdict.lines[-1] and "in fails_for_one" in verdict.lines[0]
    assert verdict.printed == "1 numbers\n"


def test_what_fails_on_the_call_of_the_task_goes_before_exceptions_on_others() -> None:
    assert codes(judge(SCALE, lambda x, factor: x + 0 * x[1])) == ["differs"]


def test_an_endless_loop_on_a_hidden_case_is_shown_with_its_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def endless(x: Any, factor: float) -> Any:
        while len(x) == 1:
            pass
        return x * factor

    monkeypatch.setattr(judging, "TIME_LIMIT", 0.3)
    verdict = judge(SCALE, endless)
    assert codes(verdict) == ["too-slow"] and "endless(np.array([" in repr(verdict)


class Named:
    __name__ = 7  # no name of a function

    def __call__(self, x: Any, factor: float) -> Any:
        return x


def test_an_object_that_is_called_has_the_name_of_the_question() -> None:
    assert judge(SCALE, Named()).findings[0].example.call == "made_up(np.array([1.0, 2.0]), 3)"


def test_a_loop_on_the_first_hidden_case_is_not_taken_for_sizes_of_the_example(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def endless(x: Any, factor: float) -> Any:
        while len(x) == 5:
            pass
        return x * factor

    monkeypatch.setattr(judging, "TIME_LIMIT", 0.3)
    assert codes(judge(SCALE, endless)) == ["too-slow"]


def test_sizes_and_values_of_the_example_are_recognised() -> None:
    assert codes(judge(SCALE, lambda x, factor: np.array([3.0, 6.0]))) == ["only-this-example"]
    assert codes(judge(SCALE, lambda x, factor: x * 3)) == ["only-this-example"]
    assert codes(judge(SCALE, lambda x, factor: x.reshape(2) * 3)) == ["only-this-example"]


def test_it_may_be_right_for_the_example_but_for_a_later_condition() -> None:
    differs = Condition("differs", "Differs.", Compared.is_right)
    exact = Condition("coarse", "It is coarse.", lambda seen: seen.yours.dtype == float)
    question = asked(scaled, numbers_to_scale, differs, exact)
    fitted = np.array([3, 6], dtype="float32")
    assert codes(judge(question, lambda x, factor: fitted)) == ["only-this-example"]
    coarse = judge(question, lambda x, factor: np.float32(x * factor + (len(x) == 1)))
    assert codes(coarse) == ["differs"]
    assert codes(judge(question, lambda x, factor: np.float32(x * factor))) == ["coarse"]


def test_a_mistake_that_explains_it_goes_before_the_sizes_of_the_example() -> None:
    adds_to_long = Mistake("adds", "It adds.", lambda seen: seen.is_like(seen.right + 1))
    question = asked(
        scaled, numbers_to_scale, Condition("differs", "Differs.", Compared.is_right, adds_to_long)
    )

    def answer(x: Any, factor: float) -> Any:
        return x * factor + (factor != 3)

    assert codes(judge(question, answer)) == ["adds"]
    assert codes(judge(SCALE, answer)) == ["only-this-example"]


ADDS = Mistake("adds", "It adds.", gives(scaled, more=1))
TURNS = Mistake("turns", "It turns.", gives(scaled, back=True))
TWO = asked(
    scaled, numbers_to_scale, Condition("differs", "Differs.", Compared.is_right, ADDS, TURNS)
)


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (lambda x, factor: scaled(x, factor, more=1), ["adds"]),
        (lambda x, factor: scaled(x, factor, back=True), ["turns"]),
        (lambda x, factor: scaled(x, factor, more=1, back=True), ["adds", "turns"]),
        (lambda x, factor: x + factor, ["differs"]),
    ],
)
def test_two_mistakes_made_at_once_are_both_named(answer: Any, named: list[str]) -> None:
    verdict = judge(TWO, answer)
    assert codes(verdict) == named
    assert str(verdict).count("[") == len(named)
    _data, facts = verdict._repr_mimebundle_()
    assert facts["masklens"].get("second") == (named[1] if named[1:] else None)


def test_a_later_condition_is_named_too_where_the_first_mistake_does_not_explain_it() -> None:
    sign = Condition(
        "sign",
        "The sign is wrong.",
        lambda seen: bool((np.sign(seen.yours) == np.sign(seen.right)).all()),
        Mistake("turned", "Turned.", lambda seen: seen.is_like(-seen.right)),
    )
    size = Condition(
        "size",
        "The size is wrong.",
        Compared.is_right,
        Mistake("doubled", "Doubled.", lambda seen: seen.is_like(2 * seen.right)),
    )
    question = asked(scaled, numbers_to_scale, sign, size)

    def answer(x: Any, factor: float) -> Any:
        return x * factor * (-1 if factor == 3 else 2)

    assert codes(judge(question, answer)) == ["turned", "doubled"]
    assert codes(judge(question, lambda x, factor: -2 * x * factor)) == ["sign"]
    assert codes(judge(question, lambda x, factor: 2 * x * factor)) == ["doubled"]


def test_a_condition_is_asked_only_where_it_says() -> None:
    condition = Condition(
        "differs", "Differs.", Compared.is_right, when=lambda x, factor: factor == 3
    )
    assert (
        judge(asked(scaled, numbers_to_scale, condition), lambda x, factor: 3 * x).kind == "right"
    )


def weights(scores: Any) -> Any:
    exps = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exps / exps.sum(axis=-1, keepdims=True)


def scores(random: np.random.Generator) -> Iterator[Case]:
    yield (random.normal(size=(2, 3)),)
    yield (random.normal(size=(1, 5)),)
    yield (random.normal(size=(3, 4)) + np.array([[0], [1000], [2000]]),)


def means(x: Any, mask: Any) -> Any:
    return np.array(
        [row[keep].mean() if keep.any() else 0.0 for row, keep in zip(x, mask, strict=True)]
    )


def rows_and_masks(random: np.random.Generator) -> Iterator[Case]:
    for rows, steps in ((2, 3), (1, 6), (4, 5), (3, 1)):
        mask = random.random((rows, steps)) < 0.6
        mask[0, 0] = True
        yield random.uniform(1, 2, (rows, steps)), mask
    yield np.ones((2, 4)), np.zeros((2, 4), bool)


def after_first(x: Any, mask: Any) -> Any:
    return mask & (np.arange(mask.shape[1]) > 0)


WEIGHTS, MEANS = asked(weights, scores), asked(means, rows_and_masks)
MASK = asked(after_first, rows_and_masks)


def one_maximum(scores: Any) -> Any:
    exps = np.exp(scores - scores.max())
    return exps / np.maximum(exps.sum(axis=-1, keepdims=True), 1e-300)


def summed(x: Any, mask: Any) -> Any:
    return (x * mask).sum(axis=1)


def with_nan(random: np.random.Generator) -> Iterator[Case]:
    for x, mask in rows_and_masks(random):
        yield np.where(mask, x, np.nan), mask


DEFAULTS: list[tuple[str, Question, Any]] = [
    ("wrong-shape", MEANS, lambda x, mask: means(x, mask)[:, None]),
    ("not-boolean", MASK, lambda x, mask: 1 * after_first(x, mask)),
    ("inverted", MASK, lambda x, mask: ~after_first(x, mask)),
    (
        "nan-from-padding",
        asked(means, with_nan),
        lambda x, mask: summed(x, mask) / np.maximum(mask.sum(axis=1), 1),
    ),
    ("one-maximum", WEIGHTS, one_maximum),
    ("divides-by-all", MEANS, lambda x, mask: summed(x, mask) / x.shape[1]),
    ("nan-comes-out", MEANS, lambda x, mask: summed(x, mask) / mask.sum(axis=1)),
    ("nearly-right", MEANS, lambda x, mask: summed(x, mask) / (mask.sum(axis=1) + 0.001)),
]


@pytest.mark.parametrize(("code", "question", "answer"), DEFAULTS)
def test_a_usual_mistake_is_recognised_in_any_question_and_by_itself_alone(
    code: str, question: Question, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert judge(question, question.right.function).kind == "right"
    assert codes(judge(question, answer)) == [code]
    others = tuple(one for one in DEFAULT_MISTAKES if one.code != code)
    monkeypatch.setattr(judging, "DEFAULT_MISTAKES", others)
    assert code not in codes(judge(question, answer))


def test_every_usual_mistake_is_tried() -> None:
    assert {code for code, *_rest in DEFAULTS} == {one.code for one in DEFAULT_MISTAKES}


def test_an_example_is_the_call_that_failed_and_else_that_of_the_task() -> None:
    question = ml.question("mask-from-lengths")
    of_the_task = question.example()
    assert of_the_task.call == 'mask_from_lengths([1, 5, 0, 6], 6, "post")'
    assert of_the_task.yours is None and of_the_task.right.shape == (4, 6)

    def counts(lengths: Any, time: int, padding: str) -> Any:
        rows = [[step < length for step in range(time)] for length in lengths]
        return rows if padding == "post" else [row[::-1] if any(row) else row for row in rows]

    def inverts(*inputs: Any) -> Any:
        return ~np.array(counts(*inputs)) if inputs[2] == "pre" else counts(*inputs)

    verdict = question.check(inverts)
    failed = question.example()
    assert verdict.code == "inverted" and failed.call in repr(verdict)
    assert np.array_equal(inverts(*failed), failed.yours)
    assert np.array_equal(counts(*failed), failed.right)
    lengths, *_rest = failed
    lengths.clear()
    assert counts(*failed) != []  # what is unpacked is a copy
    assert "yours" in failed._repr_html_() and failed.call in repr(failed)
    assert question.check(counts).kind == "right"
    assert repr(question.example()) == repr(of_the_task)


def test_an_example_may_be_of_another_call_than_the_case() -> None:
    def observed_twice(answer: Any, x: Any, factor: float) -> Compared:
        again = answer(x, factor), 2
        return Compared(answer(*again), scaled(*again), case=again)

    question = replace(SCALE, observe=observed_twice)
    (finding,) = judge(question, lambda x, factor: x * 3).findings
    np.testing.assert_array_equal(finding.example.arguments[0], [3, 6])
    assert finding.example.call.endswith("(np.array([3.0, 6.0]), 2)")


def test_a_call_of_tensors_is_written_with_tensors() -> None:
    case = tf.constant([[1.5, np.nan]]), tf.constant([True]), tf.constant([1], "int64")
    assert call_as_code("mean", case, "q1") == (
        'mean(tf.constant([[1.5, np.nan]]), tf.constant([True]), tf.constant([1], dtype="int64"))'
    )


def test_a_call_takes_from_the_example_what_cannot_be_written() -> None:
    layer = keras.layers.Dense(1)
    assert call_as_code("scale", (layer, 2), "q2") == "scale([*q2.example()][0], 2)"
    assert call_as_code("scale", (layer,), "q2") == "scale(*q2.example())"


def test_right_results_are_not_told_where_they_are_the_answer() -> None:
    question = ml.question("pad-by-hand")
    wrong = [[0, 4, 8], [16, 23, 42], [0, 0, 7]]
    assert "right answer" not in repr(question.check(wrong))
    assert question.example().right is None


class ForgetsSuper(LIBRARY):
    def __init__(self) -> None:
        self.steps = 1


class TakesTheMaskAlone(LIBRARY):
    def call(self, x: Any) -> Any:
        return x[:, :-1] * 1

    def compute_mask(self, mask: Any) -> Any:
        return mask


class TakesNothing(LIBRARY):
    def call(self) -> None:
        pass


class Fails(LIBRARY):
    def call(self, x: Any) -> Any:
        return keras.ops.reshape(x, (7, 7))


@pytest.mark.parametrize(
    ("layer", "code"),
    [
        (ForgetsSuper, "no-super-init"),
        (TakesTheMaskAlone, "wrong-method"),
        (TakesNothing, "wrong-method"),
        (Fails, "error"),
    ],
)
def test_what_keras_says_of_a_class_is_shown_as_what_it_is(layer: Any, code: str) -> None:
    verdict = judge(ml.question("shift-right"), layer)
    assert (verdict.kind, verdict.code) == ("broken", code)
    assert verdict.lines
    assert "Your code ran" not in verdict.sentence


def test_a_condition_that_cannot_use_a_result_says_that_the_code_ran() -> None:
    cannot = Condition("differs", "Differs.", lambda seen: seen.yours[7])
    verdict = judge(asked(scaled, numbers_to_scale, cannot), scaled)
    assert (verdict.kind, verdict.code) == ("wrong", "unusable")
    assert "did not run" not in repr(verdict) and "IndexError" in verdict.lines[0]


class Base(LIBRARY):
    def __init__(self) -> None:
        super().__init__()
        self.supports_masking = True

    def build(self, shape: Any) -> None:
        pass

    def call(self, x: Any) -> Any:
        return keras.ops.concatenate([keras.ops.zeros_like(x[:, :1]), x[:, :-1]], axis=1)

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        if mask is None:
            return None
        return keras.ops.concatenate([keras.ops.ones_like(mask[:, :1]), mask[:, :-1]], axis=1)


class Inherits(Base):
    pass


class LosesIt(Base):
    def compute_mask(self, x: Any, mask: Any = None) -> None:
        return None


def test_a_class_that_inherits_is_looked_at_whole() -> None:
    question = ml.question("shift-right")
    assert judge(question, Inherits).kind == "right"
    assert judge(question, LosesIt).code == "loses-the-mask"


def test_a_function_in_which_an_ellipsis_is_left_is_blank_only_if_it_is_not_right() -> None:
    def unfinished(x: Any, factor: float) -> Any:
        y = x * factor
        ...
        return None if factor else y

    def finished(x: Any, factor: float) -> Any:
        ...
        return x * factor

    assert judge(SCALE, unfinished).kind == "blank"
    assert judge(SCALE, finished).kind == "right"
