"""`pad` equals Keras's own padding, remembers where tokens came from, and refuses what is wrong."""

import subprocess
import sys
import warnings
from fractions import Fraction
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
    "uint64": st.booleans() | st.integers(0, 2**64 - 1),
    "bool": st.booleans(),
    "bfloat16": st.integers(0, 5),
}

VALUES: dict[str, list[Any]] = {
    "uint64": [0, 0.0, True, 2**64 - 1],
    "bool": [0, 1, False, True],
    "float32": [0, -0.0, 1e-7, 7.5, Fraction(1, 3), np.float32(0.1), float("nan"), -float("inf")],
}


@st.composite
def calls(draw: st.DrawFn) -> tuple[list[Any], dict[str, Any]]:
    """Ragged sequences of ids, floats or feature vectors, and arguments that go with them."""
    dtype = draw(st.sampled_from(sorted(NUMBERS)))
    number = NUMBERS[dtype]
    features = draw(st.integers(0, 3))
    step = st.lists(number, min_size=features, max_size=features) if features else number
    rows = st.lists(st.lists(step, max_size=8), min_size=1, max_size=6)
    sequences = draw(rows.filter(any))
    arguments = {
        "maxlen": draw(st.none() | st.integers(1, 10)),
        "dtype": dtype,
        "padding": draw(SIDES),
        "truncating": draw(SIDES),
        "value": draw(st.sampled_from(VALUES.get(dtype, [0, 0.0, -1, 7.5]))),
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
    assert ids.tobytes() == expected.tobytes()


@given(calls())
def test_origin_rebuilds_the_sequences(call: tuple[list[Any], dict[str, Any]]) -> None:
    sequences, arguments = call
    batch = padded_in_silence(sequences, **arguments)
    length = batch.ids.shape[1]
    for row, sequence in enumerate(sequences):
        kept = sequence[-length:] if arguments["truncating"] == "pre" else sequence[:length]
        places = batch.origin[row][batch.mask[row]]
        np.testing.assert_array_equal([sequence[place] for place in places], kept)
        stored = np.array(kept, batch.ids.dtype).reshape(len(kept), *batch.ids.shape[2:])
        np.testing.assert_array_equal(batch.ids[row][batch.mask[row]], stored)
        assert sorted([*places.tolist(), *batch.cut(row)]) == list(range(len(sequence)))


def test_padding_stands_on_the_side_that_was_asked_for() -> None:
    sequences = [[711, 632, 71], [73, 8, 3215, 55, 927]]
    assert ml.pad(sequences, padding="post").mask[0].tolist() == [True] * 3 + [False] * 2
    assert ml.pad(sequences, padding="pre").mask[0].tolist() == [False] * 2 + [True] * 3


@given(calls())
def test_the_call_can_be_read_and_run_again(call: tuple[list[Any], dict[str, Any]]) -> None:
    """Bit for bit, though the value be as small as 1e-7, as large as 2**64 - 1, -0.0 or NaN."""
    sequences, arguments = call
    batch = padded_in_silence(sequences, **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = eval(batch.call, {"ml": ml, "sequences": sequences})
    assert again.ids.dtype == batch.ids.dtype
    assert again.ids.tobytes() == batch.ids.tobytes()
    assert again.call == batch.call
    assert repr(batch).startswith(batch.call)


def test_padding_needs_numpy_only() -> None:
    code = "import masklens as ml, sys; ml.pad([[1], [2, 3]]); sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "uint32", "int64", "uint64"])
def test_an_integer_type_holds_its_bounds_and_no_number_beyond_them(dtype: str) -> None:
    """The bounds of 64 bits are no floats, and the nearest float lies beyond them."""
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    ids = padded_in_silence([[int(least)], [int(most), 1]], dtype=dtype, value=int(most)).ids
    assert ids.tolist() == [[most, least], [most, 1]]
    for beyond in (int(most) + 1, float(most) + 1, 2 * int(least) - 1, 2**70, float("inf")):
        for sequences in ([[beyond]], [np.array([beyond], dtype="float64")]):
            with pytest.raises(ValueError, match=dtype):
                ml.pad(sequences, dtype=dtype)
        with pytest.raises(ValueError, match=dtype):
            ml.pad([[1]], dtype=dtype, value=beyond)


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
    ("too large a value", [[1]], {"value": 2.0**63, "dtype": "int64"}, ValueError, "e+18", "e+18"),
    ("beyond float16", [[1e6]], {"dtype": "float16"}, ValueError, "1000000.0, which", "없습니다"),
    ("beyond all", [[10**400]], {"dtype": "float64"}, ValueError, "too large", "큰 수"),
    ("a value beyond", [[1]], {"value": 10**400}, ValueError, "too large", "큰 수"),
    ("two as a boolean", [[2]], {"dtype": "bool"}, ValueError, "2, which bool", "토큰 2: bool"),
    ("NaN as a boolean", [[float("nan")]], {"dtype": "bool"}, ValueError, "nan", "nan"),
    ("complex", [[1]], {"dtype": "complex64"}, ValueError, "'complex64'", "'complex64'"),
    ("a complex token", [[1j]], {}, TypeError, "1j at timestep 0", "1j"),
    ("a complex value", [[1]], {"value": 1j}, TypeError, "got 1j", "1j"),
    ("objects", [[1]], {"dtype": "object"}, ValueError, "'object'", "'object'"),
    ("text", [[1]], {"dtype": "str"}, ValueError, "'str'", "'str'"),
    ("dates", [[1]], {"dtype": "datetime64[s]"}, ValueError, "'datetime64[s]'", "'datetime64[s]'"),
    ("no type", [[1]], {"dtype": "int33"}, ValueError, "'int33'", "'int33'"),
    ("an array of no axis", [np.array(3)], {}, TypeError, "Sequence 0 is array(3)", "array(3)"),
    ("words as objects", np.array([["a"]], object), {}, TypeError, "'a' at timestep 0", "'a'"),
    ("two sides", [[1]], {"padding": np.array(["pre"])}, ValueError, "array(['pre']", "array(["),
    ("no memory", [[1]], {"maxlen": 10**13}, MemoryError, "10000000000000 timesteps", "메모리"),
    ("no address", [[1]], {"maxlen": 10**30}, MemoryError, "do not fit into memory", "메모리"),
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


def test_an_array_of_objects_is_padded_as_the_list_of_them_is() -> None:
    rows = np.array([[1, 2], [3, 4]], dtype=object)
    np.testing.assert_array_equal(ml.pad(rows).ids, [[1, 2], [3, 4]])
    ragged = np.array([[1, 2], [3]], dtype=object)
    np.testing.assert_array_equal(ml.pad(ragged).ids, [[1, 2], [0, 3]])


def test_input_is_left_as_it_was() -> None:
    sequences = [np.array([1, 2, 3]), [4]]
    ml.pad(sequences, maxlen=2)
    assert sequences[0].tolist() == [1, 2, 3]
    assert sequences[1] == [4]
