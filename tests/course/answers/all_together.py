"""Right and wrong answers to the questions that need several lessons."""

import keras
from keras import layers, ops

from answers import Answers


def once(*stack, mask_zero=True):
    """A function that builds a classifier of fresh layers behind an embedding."""
    return lambda: keras.Sequential(
        [layers.Embedding(50, 8, mask_zero=mask_zero), *(layer() for layer in stack)]
    )


def sigmoid():
    return layers.Dense(1, activation="sigmoid")


def last_state():
    return layers.SimpleRNN(4)


def all_states():
    return layers.SimpleRNN(4, return_sequences=True)


def once_with_both_directions():
    ids = keras.Input(shape=(None,), dtype="int32")
    x = layers.Embedding(50, 8, mask_zero=True)(ids)
    return keras.Model(ids, sigmoid()(layers.Bidirectional(last_state())(x)))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.embedding = layers.Embedding(50, 8)
        self.rnn = layers.SimpleRNN(4)
        self.answer = layers.Dense(1)

    def call(self, ids):
        x = self.rnn(self.embedding(ids), mask=ops.not_equal(ids, 0))
        return ops.sigmoid(self.answer(x))


class OptsIn(layers.Layer):
    def __init__(self):
        super().__init__()
        self.supports_masking = True


class Neighbours(OptsIn):
    """Adds to each step the one before it."""

    def call(self, x):
        return x + ops.pad(x, [[0, 0], [0, 1], [0, 0]])[:, 1:]


class Positions(OptsIn):
    """Adds to each step a number that grows from the left."""

    def call(self, x):
        return x + ops.cast(ops.arange(ops.shape(x)[1]), x.dtype)[None, :, None] / 10


class Sum(layers.Layer):
    def call(self, x, mask=None):
        return ops.sum(x * ops.cast(mask, x.dtype)[..., None], axis=1)


def once_of_fixed_length():
    ids = keras.Input(shape=(4,), dtype="int32")
    x = layers.Embedding(50, 8, mask_zero=True)(ids)
    return keras.Model(ids, sigmoid()(layers.Flatten()(x)))


def block(formula):
    """A function that builds a block of the embedded ids, and of those embedded once more."""

    def build(embedding, attention, norm):
        ids = keras.Input(shape=(None,), dtype="int32")
        return keras.Model(ids, formula(embedding(ids), embedding(ids), attention, norm))

    return build


class Block(layers.Layer):
    def __init__(self, attention, norm):
        super().__init__()
        self.attention, self.norm = attention, norm
        self.supports_masking = True

    def call(self, x, mask=None):
        return self.norm(x + self.attention(x, x, attention_mask=mask[:, None, :]))


class Remember(layers.Layer):
    """Gives its first input the mask of its second."""

    def call(self, inputs):
        return inputs[0]

    def compute_mask(self, inputs, mask=None):
        return ops.not_equal(inputs[1], 0)


def block_remembers(embedding, attention, norm):
    ids = keras.Input(shape=(None,), dtype="int32")
    x = embedding(ids)
    return keras.Model(ids, Remember()([norm(x + attention(x, x)), ids]))


def add(*inputs):
    return layers.Add()(list(inputs))


class AllValid(layers.Layer):
    def call(self, x):
        return x

    def compute_mask(self, x, mask=None):
        return ops.ones_like(x[..., 0], dtype="bool")


ANSWERS = {
    "answers-once": Answers(
        right=(
            once_with_both_directions,
            once(layers.LayerNormalization, lambda: layers.GRU(4), sigmoid),
            lambda: Subclassed(),
        ),
        wrong=(
            ("makes-no-mask", once(last_state, sigmoid, mask_zero=False)),
            (
                "loses-the-mask",
                once(lambda: layers.Conv1D(8, 3, padding="same"), last_state, sigmoid),
            ),
            ("padding-moves-it", once(Neighbours, last_state, sigmoid)),
            ("padding-in-front-moves-it", once(Positions, last_state, sigmoid)),
            ("ignores-order", once(Sum, sigmoid)),
            ("reads-nothing", once(Sum, lambda: layers.Rescaling(0.0), sigmoid)),
            ("empty-review", once(all_states, layers.GlobalAveragePooling1D, sigmoid)),
            ("one-per-timestep", once(all_states, sigmoid)),
            (
                "not-a-probability",
                once(last_state, lambda: layers.Dense(1), lambda: layers.Rescaling(9.0)),
            ),
            ("does-not-run", once_of_fixed_length),
        ),
    ),
    "block-with-a-mask": Answers(
        right=(block(lambda x, again, attend, norm: Block(attend, norm)(x)), block_remembers),
        wrong=(
            ("mask-lost", block(lambda x, again, attend, norm: norm(add(x, attend(x, x))))),
            ("no-residual", block(lambda x, again, attend, norm: norm(attend(x, x)))),
            (
                "norm-first",
                block(lambda x, again, attend, norm: add(again, attend(*[norm(x)] * 2))),
            ),
            (
                "reads-padding",
                block(lambda x, again, attend, norm: norm(add(again, attend(*[x + 0] * 2)))),
            ),
            ("wrong-vectors", block(lambda x, again, attend, norm: norm(x))),
            (
                "wrong-shape",
                block(lambda x, again, attend, norm: norm(add(again, attend(x, x)))[:, 0]),
            ),
            (
                "another-mask",
                block(lambda x, again, attend, norm: AllValid()(norm(add(x, attend(x, x))))),
            ),
            ("no-model", lambda embedding, attention, norm: lambda ids: norm(embedding(ids))),
        ),
    ),
}
