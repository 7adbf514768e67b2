"""`pad` equals Keras's own padding, remembers where tokens came from, and refuses what is wrong."""

import warnings
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import masklens as ml

SIDES = st.sampled_from(["pre", "post"])
NUMBERS = {
    "int32": st.integers(-5, 5000),
    "int64": st.floats(-50, 50, width=32),
    "float32": st.floats(-50, 50, width=32) | st.just(float("nan")),
}


@st.composite
def calls(draw: st.DrawFn) -> tuple[list[Any], dict[str, Any]]:
    """Ragged sequences of ids, floats or feature vectors, and arguments that go with them."""
    dtype = draw(st.sampled_from(sorted(NUMBERS)))
    number = NUMBERS[dtype]
    features = draw(st.integers(0, 3))
    step = st.lists(number, min_size=features, max_size=features) if features else number
    sequences = draw(st.lists(st.lists(step, min_size=1, max_size=8), min_size=1, max_size=6))
    arguments = {
        "maxlen": draw(st.none() | st.integers(1, 10)),
        "dtype": dtype,
        "padding": draw(SIDES),
        "truncating": draw(SIDES),
        "value": draw(st.sampled_from([0, 0.0, -1, 7.5])),
    }
    return sequences, arguments


def padded_in_silence(sequences: Any, **arguments: Any) -> ml.PaddedBatch:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ml.pad(sequences, **arguments)


@given(calls())
def test_ids_equal_what_keras_returns(call: tuple[list[Any], dict[str, Any]]) -> None:
    sequences, arguments = call
    expected = keras.utils.pad_sequences(sequences, **arguments)
    ids = padded_in_silence(sequences, **arguments).ids
    assert ids.dtype == expected.dtype
    np.testing.assert_array_equal(ids, expected)


@given(calls())
def test_origin_rebuilds_the_sequences(call: tuple[list[Any], dict[str, Any]]) -> None:
    sequences, arguments = call
    batch = padded_in_silence(sequences, **arguments)
    length = batch.ids.shape[1]
    for row, sequence in enumerate(sequences):
        kept = sequence[-length:] if arguments["truncating"] == "pre" else sequence[:length]
        places = batch.origin[row][batch.mask[row]]
        np.testing.assert_array_equal([sequence[place] for place in places], kept)
        stored = np.asarray(kept).astype(batch.ids.dtype)
        np.testing.assert_array_equal(batch.ids[row][batch.mask[row]], stored)
        assert sorted([*places.tolist(), *batch.cut(row)]) == list(range(len(sequence)))


def test_padding_stands_on_the_side_that_was_asked_for() -> None:
    sequences = [[711, 632, 71], [73, 8, 3215, 55, 927]]
    assert ml.pad(sequences, padding="post").mask[0].tolist() == [True] * 3 + [False] * 2
    assert ml.pad(sequences, padding="pre").mask[0].tolist() == [False] * 2 + [True] * 3


def test_the_call_can_be_read_and_run_again() -> None:
    sequences = [[1, 2, 3], [4]]
    batch = ml.pad(sequences, 2, "float32", "post", "pre", -1)
    again = eval(batch.call, {"ml": ml, "sequences": sequences})
    np.testing.assert_array_equal(again.ids, batch.ids)
    assert again.call == batch.call
    assert repr(batch).startswith(batch.call)


# What is wrong, the arguments, the exception, and what its message must say in each language.
WRONG: list[tuple[str, Any, dict[str, Any], type[Exception], str, str]] = [
    ("no sequences", [], {}, ValueError, "no sequences", "시퀀스가 없습니다"),
    ("only empty ones", [[], []], {}, ValueError, "maxlen", "maxlen"),
    ("a string", "Hello", {}, TypeError, "'Hello'", "'Hello'"),
    ("no list at all", 7, {}, TypeError, "got 7", "7입니다"),
    ("a flat list", [71, 8], {}, TypeError, "Sequence 0 is 71", "시퀀스 0의 값 71"),
    ("a sentence", ["Hello"], {}, TypeError, "Sequence 0 is 'Hello'", "시퀀스 0의 값 'Hello'"),
    ("words", [[1], [8, "you"]], {}, TypeError, "'you' at timestep 1", "'you'"),
    ("nothing", [[1, None]], {}, TypeError, "None at timestep 1", "None"),
    ("ids and vectors", [[1], [[1, 2]]], {}, ValueError, "shape (2,)", "(2,)"),
    ("a mix in one", [[1, [1, 2]]], {}, ValueError, "mixes", "섞여"),
    ("NaN", [[1, float("nan")]], {}, ValueError, "nan, which int32", "nan"),
    ("NaN as value", [[1]], {"value": float("nan")}, ValueError, "padding value", "패딩 값"),
    ("a large id", [[3_000_000_000]], {}, ValueError, "3000000000", "3000000000"),
    ("a word as value", [[1]], {"value": "x"}, TypeError, "'x'", "'x'"),
    ("negative", [[1]], {"maxlen": -1}, ValueError, "got -1", "-1입니다"),
    ("zero", [[1]], {"maxlen": 0}, ValueError, "at least 1", "1 이상"),
    ("fractional", [[1]], {"maxlen": 2.5}, ValueError, "got 2.5", "2.5입니다"),
    ("a boolean", [[1]], {"maxlen": True}, ValueError, "got True", "True입니다"),
    ("a near miss", [[1]], {"padding": "pots"}, ValueError, '"post"?', '"post"인가요?'),
    ("left", [[1]], {"truncating": "left"}, ValueError, "left)", "왼쪽"),
]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    ("sequences", "arguments", "error", "english", "korean"),
    [case[1:] for case in WRONG],
    ids=[case[0] for case in WRONG],
)
def test_wrong_input_is_refused_with_its_value_and_the_way_out(
    sequences: Any,
    arguments: dict[str, Any],
    error: type[Exception],
    english: str,
    korean: str,
    language: str,
) -> None:
    ml.set_language(language)
    with pytest.raises(error) as raised:
        ml.pad(sequences, **arguments)
    assert (english if language == "en" else korean) in str(raised.value)


@pytest.mark.parametrize(
    ("sequences", "value", "says"),
    [
        ([[5, 0, 7], [1]], 0, "sequence 0, token 1: 0): mask_zero=True would skip"),
        ([[0.6, 1.7], [2.2]], 0, "token 0: 0.6): mask_zero=True would skip"),
        ([[71, 8], [3]], 71, "mask_zero=True masks only 0"),
        ([[[0, 0], [1, 0]]], 0, "sequence 0, token 0"),
    ],
)
def test_a_padding_value_that_is_also_a_token_is_warned_of(
    sequences: Any, value: float, says: str
) -> None:
    with pytest.warns(UserWarning) as caught:
        ml.pad(sequences, value=value)
    assert says in str(caught[0].message)


def test_an_empty_sequence_is_padded_as_keras_does_and_warned_of() -> None:
    with pytest.warns(UserWarning, match="Sequence 1 is empty"):
        batch = ml.pad([[5, 6], []], padding="post")
    np.testing.assert_array_equal(
        batch.ids, keras.utils.pad_sequences([[5, 6], []], padding="post")
    )
    assert not batch.mask[1].any()


def test_sequences_without_a_collision_give_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ml.pad([[1, 2], [3]])
        ml.pad([[[0, 1]], [[2, 0], [3, 0]]], padding="post")


def test_input_is_left_as_it_was() -> None:
    sequences = [np.array([1, 2, 3]), [4]]
    ml.pad(sequences, maxlen=2)
    assert sequences[0].tolist() == [1, 2, 3]
    assert sequences[1] == [4]
