"""What the measurement asks of unusual inputs and models, and what it says where it cannot."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import masklens as ml

IDS = np.array([[7, 3, 0, 0], [4, 5, 6, 0]])


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    keras.utils.set_random_seed(0)


class Halves(layers.Layer):
    """Puts the halves of a sequence on top of each other: the number of timesteps must be even."""

    def call(self, x: Any) -> Any:
        return keras.ops.concatenate(keras.ops.split(x, 2, axis=1), axis=-1)


class MultiHeadAttention(layers.Layer):
    """A layer of one's own that has the name of one of Keras's."""

    def __init__(self) -> None:
        super().__init__(name="two\nlines")
        self.supports_masking = True
        self.dense = layers.Dense(4, name="inner")

    def call(self, x: Any) -> Any:
        return self.dense(x)


def embedding(**settings: Any) -> Any:
    return layers.Embedding(10, 4, **settings)


def test_a_model_that_takes_multiples_only_is_given_some() -> None:
    model = keras.Sequential([embedding(), Halves(), layers.GlobalAveragePooling1D()])
    found = ml.trace(model, IDS)
    assert found.moves_by["amount"] and found.moves_by["content"]


class ZeroedByMask(layers.Layer):
    """Sets padding to zero, so that its content is gone before anything reads it."""

    def call(self, x: Any, mask: Any = None) -> Any:
        return x * keras.ops.cast(mask, x.dtype)[..., None]


def test_what_shows_only_with_another_window_of_many_timesteps_is_found() -> None:
    ids = np.array([[7, 3, 4, 2, 8, 1, 6, 5], [4, 5, 6, 2, 3, 9, 1, 0]])
    windows = layers.AveragePooling1D(8, name="windows")
    model = keras.Sequential(
        [embedding(mask_zero=True), ZeroedByMask(), windows, layers.GlobalAveragePooling1D()]
    )
    found = ml.trace(model, ids)
    assert found.moves_by["amount"] and not found.moves_by["content"]


def test_noise_that_a_maximum_hides_is_tried_again() -> None:
    """One row, and one timestep of padding: only what is the largest there gets through."""
    missed = []
    for seed in range(50):
        random = np.random.default_rng(seed)
        model = keras.Sequential(
            [embedding(), layers.Dense(3), layers.LayerNormalization(), layers.GlobalMaxPooling1D()]
        )
        model.build((None, 12))
        model.set_weights([random.normal(size=weight.shape) for weight in model.weights])
        ids = random.integers(1, 10, (1, 12))
        ids[0, -1] = 0
        if not ml.trace(model, ids).moves_by["content"]:
            missed.append(seed)
    assert not missed


def test_of_one_length_the_header_says_so() -> None:
    inputs = keras.Input((4,))
    x = embedding(mask_zero=True)(inputs)
    sound = ml.trace(keras.Model(inputs, layers.LSTM(4)(x)), IDS)
    assert sound.moves == 0.0 and "at this length" in repr(sound)
    leaking = ml.trace(keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x))), IDS)
    assert leaking.moves_by["content"] and leaking.moves_by["amount"] is None


@pytest.mark.parametrize("reads", [False, True])
def test_padding_behind_masking_is_asked_where_the_length_is_fixed(reads: bool) -> None:
    features = np.where(IDS[..., None] > 0, np.random.default_rng(0).normal(size=(2, 4, 3)), 0.0)
    inputs = keras.Input((4, 3))
    x = layers.Masking()(inputs)
    one_length = layers.Flatten()(x) if reads else layers.Reshape((4,))(layers.LSTM(4)(x))
    weights = layers.Dense(2)(layers.Concatenate()([one_length, layers.Flatten()(inputs) * 0.0]))
    found = ml.trace(keras.Model(inputs, weights), features)
    assert found.moves == (None if reads else 0.0), found
    assert ("at this length" in repr(found)) != reads


class Beside(keras.Model):
    """Takes one length, and reads beside what it masks something that no layer takes."""

    def __init__(self, what: Any) -> None:
        super().__init__()
        self.masking, self.lstm, self.what = layers.Masking(), layers.LSTM(4), what

    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape=(4, 3), name="table")
        self.lstm.build(shape)
        self.built = True

    def call(self, x: Any) -> Any:
        return self.lstm(self.masking(x)) + keras.ops.sum(self.what(x, self.table))


@pytest.mark.parametrize(
    ("what", "moves"),
    [(lambda x, table: table, 0.0), (lambda x, table: (x * table)[:, -1], None)],
    ids=["nothing", "padding"],
)
def test_what_reads_padding_beside_masking_is_not_acquitted(what: Any, moves: Any) -> None:
    features = np.where(IDS[..., None] > 0, np.random.default_rng(0).normal(size=(2, 4, 3)), 0.0)
    inputs = keras.Input((4, 3))
    found = ml.trace(keras.Model(inputs, Beside(what)(inputs)), features)
    assert found.moves == moves, found


class OneHot(layers.Layer):
    """Reads ids in a way that no layer shows, all of them."""

    def call(self, ids: Any) -> Any:
        return keras.ops.sum(keras.ops.one_hot(ids, 10), axis=1)


def test_an_input_of_which_nothing_can_be_asked_leaves_no_verdict() -> None:
    """Neither alone, nor beside one that is masked as it should be."""
    fixed, masked = keras.Input((4,), dtype="int32"), keras.Input((None,), dtype="int32")
    read = OneHot()(fixed)
    alone = ml.trace(keras.Model(fixed, read), IDS)
    assert alone.moves is None and not alone.leaks
    state = layers.LSTM(3)(embedding(mask_zero=True)(masked))
    longer = np.pad(IDS, [(0, 0), (0, 2)])
    both = ml.trace(keras.Model([fixed, masked], [read, state]), [IDS, longer])
    assert both.moves is None and "There is nothing to vary" in both.why_no_verdict


def test_integers_that_no_layer_looks_up_are_features() -> None:
    features = np.where(IDS[..., None] > 0, np.random.default_rng(0).integers(1, 9, (2, 4, 3)), 0)
    found = ml.trace(keras.Sequential([layers.LSTM(4)]), features)
    assert found.moves_by["content"] and found.moves_by["amount"]
    sound = ml.trace(keras.Sequential([layers.Masking(), layers.LSTM(4)]), features)
    assert sound.moves == 0.0 and sound.known_from == "model"


def test_a_mask_is_known_by_its_use_and_ids_of_zeros_and_ones_are_no_mask() -> None:
    ids, valid = keras.Input((None,)), keras.Input((None,), name="which")
    x = layers.LSTM(3)(embedding()(ids), mask=keras.ops.cast(valid, "bool"))
    found = ml.trace(keras.Model([ids, valid], x), [IDS + 1, (IDS > 0).astype("int32")])
    assert found.moves == 0.0 and found.known_from == "input"
    ones = (IDS > 0).astype("int32")
    found = ml.trace(keras.Sequential([embedding(mask_zero=True), layers.LSTM(3)]), ones)
    assert found.known_from == "model" and found.moves_by["rows"] is not None


def test_content_is_asked_of_the_sequences_in_which_it_can_be_changed() -> None:
    """Of the input behind Masking it cannot; the other one is read throughout."""
    masked, read = keras.Input((None, 2)), keras.Input((None, 2))
    state = layers.LSTM(3)(layers.Masking()(masked))
    pooled = layers.GlobalAveragePooling1D(name="pool")(read)
    model = keras.Model([masked, read], layers.Concatenate()([state, pooled]))
    features = np.where(IDS[..., None] > 0, np.random.default_rng(0).normal(size=(2, 4, 2)), 0.0)
    found = ml.trace(model, [features, features[:, ::-1]])
    assert found.moves_by["content"] and [call.name for call in found.leaks] == ["pool"]


def test_rows_that_divide_by_the_largest_value_of_the_batch_are_found_wherever_it_stands() -> None:
    class Scale(layers.Layer):
        def call(self, x: Any) -> Any:
            return x / keras.ops.max(keras.ops.abs(x))

    model = keras.Sequential([embedding(mask_zero=True), layers.LSTM(3), Scale()])
    for row in range(3):
        ids = np.array([[1, 2, 0], [2, 1, 3], [3, 0, 0]])[np.roll(range(3), row)]
        assert ml.trace(model, ids).moves_by["rows"]


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="Keras looks words up with TensorFlow alone"
)
def test_text_is_traced_behind_the_layer_that_makes_ids_of_it() -> None:
    lookup = layers.StringLookup(vocabulary=["a", "b"], mask_token="")
    words = keras.Input((None,), dtype="string")
    model = keras.Model(words, layers.LSTM(3)(embedding(mask_zero=True)(lookup(words))))
    text = np.array([["a", "b", ""], ["b", "a", "b"]])
    found = ml.trace(model, text)
    assert (
        found.moves is None and "after the layer that turns text into ids" in found.why_no_verdict
    )


def test_a_layer_of_ones_own_is_not_taken_for_keras_s_and_its_name_stays_on_its_line() -> None:
    found = ml.trace(keras.Sequential([embedding(), MultiHeadAttention(), layers.LSTM(2)]), IDS)
    assert [call.of_keras for call in found] == [True, False, True, True]
    text = repr(found)
    assert "inner  Dense" in text and r"two\nlines" in text


def test_who_takes_the_mask_off_its_own_input_is_named_for_that() -> None:
    inputs = keras.Input((None,))
    x = embedding(mask_zero=True)(inputs)
    total = layers.Add()([x, layers.MultiHeadAttention(1, 4, name="attention")(x, x)])
    for blocks in (1, 2):
        total = layers.MultiHeadAttention(1, 4, name=f"late_{blocks}")(total, total)
    found = ml.trace(keras.Model(inputs, total), IDS)
    (leak,) = found.leaks
    assert leak.reason is not None and leak.reason.kind == "cleared"
    assert [call.name for call in found.lost] == ["attention"]
