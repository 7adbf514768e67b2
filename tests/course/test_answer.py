"""What is blank, what can be used as numbers, and whose line an error came from."""

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

import masklens as ml
from masklens_course.answer import (
    DiagnosedError,
    call,
    has_blanks,
    is_blank,
    learner_lines,
    numbers,
    same,
    short_message,
    trying,
)


def documented(x: Any) -> None:
    """Says what it will do, and does nothing yet."""
    ...


class Documented(keras.layers.Layer):
    """A layer to be written."""


class HalfDone(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return x

    def compute_mask(self, x: Any, mask: Any = None) -> None: ...


class CallDone(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return x

    ...  # where other methods are missing


class Inherits(HalfDone):
    """Has no code of its own, and blanks in what it inherits."""


class Complete(keras.layers.Layer):
    """Does nothing where nothing is to be done."""

    def build(self, shape: Any) -> None:
        pass

    def call(self, x: Any) -> Any:
        return x[..., :1]

    def compute_mask(self, x: Any, mask: Any = None) -> None:
        return None


class InheritsAll(Complete):
    pass


def partly_done(x: Any) -> Any:
    y = ...
    return x if y else None


@pytest.mark.parametrize(
    "answer", [..., [..., ...], [[1], [...]], (2, ...), {"a": [...]}, Documented]
)
def test_stubs_are_blank(answer: Any) -> None:
    assert is_blank(answer)


@pytest.mark.parametrize(
    "answer",
    [None, 0, "", [], lambda x: 3, len, HalfDone, Inherits, InheritsAll, dict, np.array(0)],
)
def test_whatever_does_or_is_something_is_not_blank(answer: Any) -> None:
    assert not is_blank(answer)


@pytest.mark.parametrize("answer", [documented, partly_done, HalfDone, CallDone, Inherits])
def test_where_an_ellipsis_is_left_there_is_a_blank(answer: Any) -> None:
    assert has_blanks(answer)


@pytest.mark.parametrize(
    "answer", [Complete, InheritsAll, keras.layers.Dense, lambda x: x[..., 0], lambda: None, len]
)
def test_where_none_is_left_there_is_no_blank(answer: Any) -> None:
    assert not has_blanks(answer)


def test_a_list_that_holds_itself_is_searched_to_an_end() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    assert not is_blank(loop)


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (None, "returns-nothing"),
        ("mask", "not-numbers"),
        ([[1, 2], [3]], "not-numbers"),
        (object(), "not-numbers"),
        ([None, 1], "not-numbers"),
        (keras.Input((3,)), "not-numbers"),
        (len, "not-numbers"),
    ],
)
def test_what_holds_no_numbers_is_diagnosed(result: Any, code: str) -> None:
    with pytest.raises(DiagnosedError, match=code):
        numbers(result)


def test_numbers_are_taken_from_arrays_tensors_lists_and_padded_batches() -> None:
    padded = ml.pad([[1, 0]], value=-1)
    for result in ([[1, 0]], np.array([[1, 0]]), keras.ops.array([[1, 0]]), ((1, 0),), padded):
        assert numbers(result).tolist() == [[1, 0]]


@pytest.mark.parametrize("odd", [None, "mask", [[1], [1, 2]], object(), {}, np.nan, [1, 2, 3]])
def test_odd_results_are_not_the_same_and_raise_nothing(odd: Any) -> None:
    assert not same(odd, [1.0, 2.0])


def change_array(x: Any, lists: Any) -> None:
    x[0] = 7


def change_list(x: Any, lists: Any) -> None:
    lists[1].append(7)


@pytest.mark.parametrize("change", [change_array, change_list])
def test_changed_inputs_are_diagnosed_and_the_originals_are_kept(change: Any) -> None:
    array, lists = np.array([np.nan, 1.0]), [[1], [2, 3]]
    with pytest.raises(DiagnosedError, match="changes-its-input"):
        call(change, array, lists)
    assert np.isnan(array[0]) and lists == [[1], [2, 3]]


def test_inputs_with_nan_count_as_unchanged() -> None:
    assert call(len, np.array([np.nan, 1.0])) == 2
    assert call(len, [np.nan, 1.0]) == 2


def test_a_result_that_changes_later_is_seen_as_it_was() -> None:
    result = np.zeros(2)
    seen = numbers(result)
    result[:] = 1
    assert seen.tolist() == [0, 0]


@pytest.mark.parametrize("inputs", [(), (1, 2, 3)])
def test_other_arguments_are_diagnosed_before_the_call(inputs: tuple[int, ...]) -> None:
    with pytest.raises(DiagnosedError, match="wrong-arguments"):
        call(lambda x, mask: pytest.fail("called"), *inputs)


def test_a_type_error_within_the_function_is_the_learners() -> None:
    with pytest.raises(TypeError):
        call(lambda x: x + "mask", 1)


def test_lines_are_the_learners_own() -> None:
    def masked_mean(x: Any) -> Any:
        return keras.ops.reshape(x, (7, 7))

    error = trying(masked_mean, np.ones(3)).error
    (line,) = [line for line in learner_lines(error) if "masked_mean" in line]
    assert line.endswith(": return keras.ops.reshape(x, (7, 7))")
    assert not [line for line in learner_lines(error) if "numpy" in line or "tensorflow" in line]


def test_a_message_is_one_line_without_colours_and_not_long() -> None:
    error = ValueError("\x1b[1mno mask\x1b[0m\n here\n\nArguments received by Layer.call():\n x=1")
    assert short_message(error) == "ValueError: no mask here"
    assert len(short_message(ValueError("x" * 9999))) == 301
    assert short_message(KeyError()) == "KeyError"
    assert short_message(ValueError("{{node /device:CPU:0}} no mask")) == "ValueError: no mask"


def test_a_diagnosis_passes_through_what_is_tried() -> None:
    with pytest.raises(DiagnosedError):
        trying(lambda: call(lambda: 1, SimpleNamespace()))
