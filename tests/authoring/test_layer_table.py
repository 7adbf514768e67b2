"""The table of layers: it is up to date, says what was known before, and its notes are true."""

import re
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import masklens as ml
from authoring import keras_io, layer_table
from authoring.layer_rows import Row, measure
from masklens._keras import attach_mask

pytestmark = pytest.mark.slow

WRITTEN = layer_table.PAGE.read_text(encoding="utf-8")

# What each layer does by default, as it was counted on Keras 3.15.1 with a prototype, before there
# was a trace: 26 pass the mask on and 2 do so with a false warning, 7 use it and pass it on, 9 use
# it and end it, and all others lose it.
PASS = {
    *("Activation", "ActivityRegularization", "AlphaDropout", "BatchNormalization", "Dense"),
    *("Dropout", "ELU", "GaussianDropout", "GaussianNoise", "GroupNormalization", "Identity"),
    *("LayerNormalization", "LeakyReLU", "Normalization", "PReLU", "ReLU", "Rescaling"),
    *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "TimeDistributed"),
    *("UnitNormalization", "Add", "Average", "Concatenate", "Subtract"),
}
PASS_WITH_A_WARNING = {"Pipeline", "SpectralNormalization"}
USE_AND_PASS = {
    *("AdditiveAttention", "Attention", "GroupQueryAttention", "MultiHeadAttention"),
    *("Maximum", "Minimum", "Multiply"),
}
USE_AND_END = {
    *("Bidirectional", "GRU", "LSTM", "RNN", "SimpleRNN", "GlobalAveragePooling1D"),
    *("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
}
# These were counted among those that lose it: Softmax could not be called on vectors, and images
# come out of the other as they are if it meets no boxes.
COUNTED_OTHERWISE = {"MaxNumBoundingBoxes", "Softmax"}
MAKE_NONE = {"Embedding", "ReversibleEmbedding"}

# Layers of sequences where padding gets into valid timesteps, or into what is made of them.
LET_PADDING_IN = {
    *("AdaptiveAveragePooling1D", "AdaptiveMaxPooling1D", "AveragePooling1D", "MaxPooling1D"),
    *("Conv1D", 'Conv1D padding="causal"', "Conv1DTranspose", "DepthwiseConv1D", "SeparableConv1D"),
    *("Dot axes=1", "Flatten", "GlobalMaxPooling1D"),
    *("GroupNormalization", "LayerNormalization axis=[1, 2]"),
    "LSTM go_backwards=True, return_sequences=True",
    "LSTM initial_state=state, return_sequences=True",
}


@cache
def measured() -> tuple[list[Row], list[str]]:
    return measure()


@cache
def by_name() -> dict[str, Row]:
    """The rows by class and options."""
    return {f"{row.name} {row.options}".strip(): row for row in measured()[0]}


def defaults(**wanted: Any) -> set[str]:
    """The classes of the first row each, of those rows that have these values."""
    first = {row.name: row for row in reversed(measured()[0])}
    first |= {name: by_name()[name] for name in first if name in by_name()}
    first |= {
        name: by_name()[f"{name} {option}"]
        for name, option in (("Dot", "axes=2"), ("TimeDistributed", "Dense"))
    }
    return {
        name
        for name, row in first.items()
        if all(getattr(row, key) in values for key, values in wanted.items())
    }


def test_the_page_is_what_this_keras_does() -> None:
    version = re.search(r"^Keras (\S+) ", WRITTEN, re.MULTILINE)
    assert version
    # Another Keras may treat a mask in another way, and have other classes.
    if keras.__version__ == version[1]:
        assert layer_table.page(*measured()) == WRITTEN


def test_layers_do_by_default_what_was_counted_before() -> None:
    assert [*map(len, (PASS, PASS_WITH_A_WARNING, USE_AND_PASS, USE_AND_END))] == [26, 2, 7, 9]
    passing = defaults(effect=["passes"], uses_mask=[False])
    assert passing - COUNTED_OTHERWISE == PASS | PASS_WITH_A_WARNING
    using = defaults(effect=["passes"], uses_mask=[True])
    assert using - COUNTED_OTHERWISE == USE_AND_PASS
    assert defaults(effect=["ends"], uses_mask=[True]) == USE_AND_END
    assert defaults(effect=["none"]) == MAKE_NONE
    assert defaults(effect=["creates"]) == {"Masking"}
    assert defaults(effect=["changes"]) == set()


def test_the_layers_that_let_padding_in_are_named() -> None:
    found = {
        name for name, row in by_name().items() if row.group != "apart" and row.padding_gets_in
    }
    assert found == LET_PADDING_IN
    unasked = [row for row in measured()[0] if row.padding_gets_in is None]
    assert {row.group for row in unasked} == {"apart"}


def test_each_layer_is_in_the_table_or_named_below_it() -> None:
    rows, left_out = measured()
    cells = {"GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"}
    classes = {
        value
        for value in vars(layers).values()
        if isinstance(value, type) and issubclass(value, keras.Layer)
    }
    named = {getattr(layers, name) for name in {row.name for row in rows} | {*left_out} | cells}
    assert named == classes
    assert not {row.name for row in rows} & {*left_out}


def test_links_lead_to_pages_of_layers() -> None:
    assert {name for name in keras_io.FOLDERS if not hasattr(layers, name)} == set()
    assert len({keras_io.page(name) for name in keras_io.FOLDERS}) == len(keras_io.FOLDERS)
    assert keras_io.page("RMSNormalization") is None


# The notes ----------------------------------------------------------------------------------------

MASK = np.array([[True, True, True, False], [True, True, False, False]])
OTHER_MASK = np.array([[True, False, True, True], [False, True, True, False]])
VALUES, OTHERS = np.random.default_rng(0).normal(size=(2, 2, 4, 4)).astype("float32")
# Something else stands in the padding.
OTHER_PADDING = np.where(MASK[..., None], VALUES, OTHERS)


def masked(values: np.ndarray, mask: np.ndarray = MASK) -> Any:
    tensor = keras.ops.convert_to_tensor(values)
    attach_mask(tensor, keras.ops.convert_to_tensor(mask))
    return tensor


def array(tensor: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def valid_output(layer: Any, values: np.ndarray, **arguments: Any) -> np.ndarray:
    return array(layer(masked(values), **arguments))[MASK]


def ignores_padding(layer: Any, **arguments: Any) -> bool:
    outputs = [valid_output(layer, values, **arguments) for values in (VALUES, OTHER_PADDING)]
    return np.allclose(*outputs, atol=1e-6)


def takes_what_is_valid_in_either(layer: Any) -> bool:
    """The one input comes out where the other is masked, and the other way round."""
    output = array(layer([masked(VALUES), masked(OTHERS, OTHER_MASK)]))
    one, other = MASK & ~OTHER_MASK, OTHER_MASK & ~MASK
    return np.allclose(output[one], VALUES[one]) and np.allclose(output[other], OTHERS[other])


def warns_in_vain(layer: Any) -> bool:
    with pytest.warns(UserWarning, match="destroy the mask"):
        output = layer(masked(VALUES))
    return np.array_equal(ml.mask_of(output), MASK)


def adds() -> bool:
    output = layers.Add()([masked(VALUES), masked(OTHERS, OTHER_MASK)])
    return np.array_equal(ml.mask_of(output), MASK | OTHER_MASK)


def concatenates_with_an_unmasked_one() -> bool:
    mask = ml.mask_of(layers.Concatenate()([masked(VALUES), VALUES]))
    return mask is not None and bool(mask.all())


def joins_masks() -> bool:
    output = layers.Concatenate(axis=1)([masked(VALUES), masked(OTHERS, OTHER_MASK)])
    return np.array_equal(ml.mask_of(output), np.concatenate([MASK, OTHER_MASK], axis=1))


def causal_convolution_reads_the_left() -> bool:
    layer = layers.Conv1D(3, 2, padding="causal")
    turned = [np.flip(values, 1) for values in (VALUES, OTHER_PADDING)]
    left = [array(layer(masked(values, np.flip(MASK, 1))))[np.flip(MASK, 1)] for values in turned]
    return ignores_padding(layer) and not np.allclose(*left)


def dense_gives_its_bias() -> bool:
    output = layers.Dense(3, bias_initializer="ones")(masked(VALUES * MASK[..., None]))
    return bool((array(output)[~MASK] == 1).all())


def dot_does_not_warn() -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        output = layers.Dot(2)([masked(VALUES), masked(OTHERS)])
    return ml.mask_of(output) is None


def averages_nothing() -> bool:
    empty = np.array([[True] * 4, [False] * 4])
    output = array(layers.GlobalAveragePooling1D()(masked(VALUES, empty)))
    return np.isfinite(output[0]).all() and bool(np.isnan(output[1]).all())


def lambda_is_handed_the_mask() -> bool:
    handed = []

    def function(inputs: Any, mask: Any = None) -> Any:
        handed.append(mask)
        return inputs * 2

    output = layers.Lambda(function)(masked(VALUES))
    return np.array_equal(array(handed[-1]), MASK) and ml.mask_of(output) is None


def turns_around_without_its_mask() -> bool:
    keras.utils.set_random_seed(0)
    backwards = layers.LSTM(3, go_backwards=True, return_sequences=True)
    output = backwards(masked(VALUES))
    forwards = layers.LSTM(3, return_sequences=True)
    forwards.build(VALUES.shape)
    forwards.set_weights(backwards.get_weights())
    turned = forwards(masked(np.flip(VALUES, 1), np.flip(MASK, 1)))
    return np.allclose(output, turned, atol=1e-6) and np.array_equal(ml.mask_of(output), MASK)


def repeats_its_last_output() -> bool:
    output = array(layers.LSTM(3, return_sequences=True)(masked(VALUES)))
    return np.array_equal(output[0, 3], output[0, 2]) and bool(
        (output[1, 2:] == output[1, 1]).all()
    )


def masking_overwrites() -> bool:
    holes = VALUES.copy()
    holes[0, 1], holes[1, 2, 0] = 0, 0
    output = layers.Masking()(masked(holes))
    expected = np.ones_like(MASK)
    expected[0, 1] = False
    return np.array_equal(ml.mask_of(output), expected)


def attention_takes_the_mask_off() -> bool:
    tensor = masked(VALUES)
    layers.MultiHeadAttention(2, 3)(tensor, tensor)
    return ml.mask_of(tensor) is None


def softmax_takes_scores() -> bool:
    with pytest.raises(ValueError, match="broadcastable"):
        layers.Softmax()(masked(VALUES))
    return bool((array(layers.Softmax()(masked(VALUES[..., 0])))[~MASK] == 0).all())


def bidirectional_gives_zeros() -> bool:
    layer = layers.Bidirectional(layers.LSTM(3, return_sequences=True))
    return bool((array(layer(masked(VALUES)))[~MASK] == 0).all())


CHECKS: dict[tuple[str, str], Callable[[], bool]] = {
    ("Add", ""): adds,
    ("Bidirectional", "LSTM(return_sequences=True)"): bidirectional_gives_zeros,
    ("Concatenate", "[masked, unmasked]"): concatenates_with_an_unmasked_one,
    ("Concatenate", "axis=1"): joins_masks,
    ("Conv1D", 'padding="causal"'): causal_convolution_reads_the_left,
    ("Dense", ""): dense_gives_its_bias,
    ("Dot", "axes=2"): dot_does_not_warn,
    ("GlobalAveragePooling1D", ""): averages_nothing,
    ("Lambda", ""): lambda_is_handed_the_mask,
    ("LSTM", "go_backwards=True, return_sequences=True"): turns_around_without_its_mask,
    ("LSTM", "return_sequences=True"): repeats_its_last_output,
    ("Masking", ""): masking_overwrites,
    ("Maximum", ""): lambda: takes_what_is_valid_in_either(layers.Maximum()),
    ("Minimum", ""): lambda: takes_what_is_valid_in_either(layers.Minimum()),
    ("MultiHeadAttention", ""): attention_takes_the_mask_off,
    ("Multiply", ""): lambda: takes_what_is_valid_in_either(layers.Multiply()),
    ("Pipeline", ""): lambda: warns_in_vain(layers.Pipeline([layers.Dense(3)])),
    ("Softmax", ""): softmax_takes_scores,
    ("SpectralNormalization", "Dense"): lambda: warns_in_vain(
        layers.SpectralNormalization(layers.Dense(3))
    ),
}
# Notes that say in words what was measured.
MEASURED: dict[tuple[str, str], dict[str, Any]] = {
    ("Add", "[masked, unmasked]"): {"group": "loses"},
    ("BatchNormalization", ""): {"uses_mask": False},
    ("BatchNormalization", "training=True"): {"uses_mask": True, "padding_gets_in": False},
    ("Conv1D", ""): {"padding_gets_in": True},
    ("Embedding", ""): {"effect": "none"},
    ("Embedding", "mask_zero=True"): {"effect": "creates"},
    ("Flatten", ""): {"padding_gets_in": True},
    ("GlobalMaxPooling1D", ""): {"padding_gets_in": True},
    ("GroupNormalization", ""): {"padding_gets_in": True},
    ("LayerNormalization", "axis=[1, 2]"): {"padding_gets_in": True},
    ("LSTM", "initial_state=state, return_sequences=True"): {"uses_mask": False},
    ("LSTM", "initial_state=state, mask=mask, return_sequences=True"): {"uses_mask": True},
    ("RMSNormalization", ""): {"group": "loses"},
    ("TimeDistributed", "Embedding(mask_zero=True)"): {"effect": "none"},
}


@pytest.mark.filterwarnings("ignore:.*destroy the mask information")
@pytest.mark.parametrize("place", CHECKS, ids=" ".join)
def test_a_note_is_true(place: tuple[str, str]) -> None:
    assert CHECKS[place]()


def test_notes_say_what_was_measured() -> None:
    for place, values in MEASURED.items():
        row = by_name()[" ".join(place).strip()]
        assert {key: getattr(row, key) for key in values} == values, place


def test_each_note_stands_at_a_row_and_is_tried() -> None:
    assert {*CHECKS, *MEASURED} == layer_table.NOTES.keys()
    assert {*layer_table.NOTES} <= {(row.name, row.options) for row in measured()[0]}
