"""`trace(..., probe=True)` tells by trying whether a call uses its mask, and leaves no trace."""

import random
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops
from models import CASES, FEATURES, IDS, Case, Chain, words

import masklens as ml

pytestmark = pytest.mark.slow

WORDS = {"yes": True, "no": False, ".": None}


class Hidden(layers.Layer):
    """Uses the mask that hangs on its input, without asking for it."""

    def call(self, x: Any) -> Any:
        mask = ops.cast(x._keras_mask, x.dtype)[:, :, None]
        return ops.sum(x * mask, axis=1)


class Noise(layers.Layer):
    """Adds noise, from a generator that Keras knows or from one that it does not."""

    def __init__(self, known: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.seed = keras.random.SeedGenerator(1) if known else None
        self.other = np.random.default_rng(0)

    def call(self, x: Any) -> Any:
        if self.seed is not None:
            return x + keras.random.normal(ops.shape(x), seed=self.seed)
        return x + self.other.normal(size=x.shape).astype("float32")


class Picky(layers.Layer):
    """Runs with the mask of the batch, and with no other."""

    def call(self, x: Any, mask: Any = None) -> Any:
        if mask is not None and not np.array_equal(mask, IDS != 0):
            raise ValueError("not this mask")
        return x


class Counting(layers.Layer):
    """Counts its calls in a weight that is part of the output, and writes to a trainable one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.scale = self.add_weight(shape=(), initializer="ones")

    def call(self, x: Any) -> Any:
        self.calls.assign(self.calls + 1)
        self.scale.assign(self.scale * 2)
        return x * self.calls


def probed(*inner: layers.Layer) -> ml.Trace:
    return ml.trace(Chain(words(), *inner), IDS, probe=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_uses_its_mask_is_found_by_trying(case: Case) -> None:
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    model = case.build()
    trace = ml.trace(model, case.inputs, probe=True)
    assert {call.path: call.uses_mask for call in trace} == {
        row[0]: WORDS[row[4]] for row in case.rows()
    }
    # What the trace says otherwise is the same as without.
    assert [(call.path, call.effect) for call in trace] == [(row[0], row[1]) for row in case.rows()]


def test_without_probe_nothing_is_said() -> None:
    trace = ml.trace(Chain(words(), layers.LSTM(2)), IDS)
    assert {call.uses_mask for call in trace} == {None}


def test_a_layer_that_uses_a_mask_unasked_is_found_and_ends_it() -> None:
    call = probed(Hidden(name="hidden"))["hidden"]
    assert (call.uses_mask, call.receives_mask, call.effect) == (True, False, "ends")
    assert not call.costs_a_mask


@pytest.mark.parametrize("layer", [lambda: Noise(True, name="odd"), lambda: Counting(name="odd")])
def test_noise_and_counters_do_not_look_like_use(layer: Any) -> None:
    call = probed(layer())["odd"]
    assert call.uses_mask is False


@pytest.mark.parametrize(
    "layer", [lambda: Noise(known=False, name="odd"), lambda: Picky(name="odd")]
)
def test_what_cannot_be_told_is_none_and_noted(layer: Any) -> None:
    call = probed(layer())["odd"]
    assert call.uses_mask is None
    assert "It is unknown" in str(call.note)


def everything() -> keras.Model:
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    return Chain(
        words(),
        Noise(known=True),
        Counting(),
        layers.BatchNormalization(),
        layers.Dropout(0.5),
        layers.LSTM(3, return_sequences=True, stateful=True),
        layers.Bidirectional(layers.GRU(2, dropout=0.5), merge_mode="sum"),
    )


def test_weights_state_and_random_numbers_are_as_after_a_plain_trace() -> None:
    plain, tried = everything(), everything()
    ml.trace(plain, IDS)
    random.seed(1)
    np.random.seed(1)
    numbers = random.getstate(), np.random.get_state()[1].tolist()
    ml.trace(tried, IDS, probe=True)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == numbers
    assert len(tried.variables) == len(plain.variables) > 10
    for one, two in zip(tried.variables, plain.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy(), err_msg=one.path)
    np.testing.assert_array_equal(tried(IDS), plain(IDS))


def test_the_masks_of_the_users_tensors_stay() -> None:
    x = words()(IDS)
    ml.trace(layers.LSTM(2), x, probe=True)
    np.testing.assert_array_equal(ml.mask_of(x), IDS != 0)


def test_a_mask_without_padding_is_tried_as_well() -> None:
    full = np.ones((2, 4), int)
    trace = ml.trace(Chain(words(), layers.LSTM(2, name="lstm")), full, probe=True)
    assert trace["lstm"].uses_mask is True


def test_an_attention_mask_by_hand_is_tried() -> None:
    class Attending(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.mha = layers.MultiHeadAttention(1, 4, name="mha")

        def call(self, x: Any) -> Any:
            return self.mha(x, x, attention_mask=np.tril(np.ones((1, 5, 5), bool)))

    call = ml.trace(Attending(), FEATURES, probe=True)["mha"]
    assert (call.receives_mask, call.uses_mask, call.masks_in) == (True, True, (None, None))
