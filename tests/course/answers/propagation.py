"""Right and wrong answers to the questions on propagation."""

import keras
import numpy as np
from keras import layers

from answers import Answers


def embedding(mask_zero=True):
    return layers.Embedding(100, 8, mask_zero=mask_zero)


def both_ways():
    return layers.Bidirectional(layers.LSTM(4, return_sequences=True))


def tagger(*stack):
    """A function that builds a tagger of fresh layers."""
    return lambda: keras.Sequential([layer() for layer in stack])


def dense():
    return layers.Dense(3, activation="softmax")


def conv(width):
    return lambda: layers.Conv1D(3, width, padding="same")


def tagger_with_attention():
    inputs = keras.Input(shape=(None,), dtype="int32")
    x = embedding()(inputs)
    x = layers.MultiHeadAttention(2, 4)(x, x)
    return keras.Model(inputs, dense()(x))


class SubclassedTagger(keras.Model):
    def __init__(self):
        super().__init__()
        self.words, self.reader, self.tags = embedding(), both_ways(), dense()

    def call(self, ids):
        return self.tags(self.reader(self.words(ids)))


class BackwardHalf(keras.Layer):
    supports_masking = True

    def call(self, states):
        return states[..., 4:]


def tagger_of_five_timesteps():
    inputs = keras.Input(shape=(5,), dtype="int32")
    return keras.Model(inputs, dense()(both_ways()(embedding()(inputs))))


def tagger_without_model():
    inputs = keras.Input(shape=(None,), dtype="int32")
    return dense()(both_ways()(embedding()(inputs)))


def group_norm():
    return layers.GroupNormalization(groups=2)


def forward_lstm():
    return layers.LSTM(4, return_sequences=True)


def ends(mask):
    """The first and the last timestep of each row that is True."""
    return mask.argmax(axis=1), mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)


def join(states, forward, backward):
    rows, units = np.arange(len(states)), states.shape[-1] // 2
    halves = [states[rows, forward, :units], states[rows, backward, units:]]
    return np.concatenate(halves, axis=1)


def join_with_loop(states, mask):
    units = states.shape[-1] // 2
    vectors = np.zeros((len(states), 2 * units))
    for row, words in enumerate(mask):
        if steps := np.flatnonzero(words).tolist():
            vectors[row] = [*states[row, steps[-1], :units], *states[row, steps[0], units:]]
    return vectors


def join_with_numbers(states, mask):
    steps = keras.ops.arange(mask.shape[1])
    last = keras.ops.max(keras.ops.where(mask, steps, 0), axis=1)
    first = keras.ops.min(keras.ops.where(mask, steps, 99), axis=1) % 99
    forward, backward = keras.ops.split(keras.ops.convert_to_tensor(states), 2, axis=-1)
    picked = [
        keras.ops.take_along_axis(half, at[:, None, None], axis=1)[:, 0]
        for half, at in ((forward, last), (backward, first))
    ]
    return keras.ops.concatenate(picked, axis=-1)


def average(states, mask):
    return (states * mask[..., None]).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)[:, None]


def no_row_may_be_empty(states, mask):
    steps = [np.flatnonzero(row) for row in mask]
    return join(states, [step[-1] for step in steps], [step[0] for step in steps])


ANSWERS = {
    "find-lost-mask": Answers(
        right=(("reshape", "average"), np.array(["reshape", "average"])),
        wrong=(
            ("lost-elsewhere", []),
            ("swapped", ["average", "reshape"]),
            ("no-such-layer", ["Reshape", "GlobalAveragePooling1D"]),
            ("makes-the-mask", ["words", "average"]),
            ("passes-it-on", ["reader", "average"]),
            ("lost-before", ["features", "average"]),
            ("missed-elsewhere", ["reshape", "score"]),
            ("not-two-names", "reshape"),
            ("not-two-names", ["reshape", "features", "average"]),
            ("would-not-use-it", ["reshape", "features"]),
            ("stands-before", ["reshape", "reader"]),
        ),
    ),
    "repair-tagger": Answers(
        right=(
            tagger(embedding, layers.LayerNormalization, both_ways, dense),
            tagger_with_attention,
            lambda: SubclassedTagger(),
        ),
        wrong=(
            ("wrong-shape", tagger(embedding, both_ways, lambda: layers.Dense(2))),
            ("no-model", tagger_without_model),
            ("one-per-sentence", tagger(embedding, lambda: layers.LSTM(4), dense)),
            ("padding-moves-tags", tagger(embedding, group_norm, both_ways, dense)),
            ("fixed-time", tagger_of_five_timesteps),
            ("makes-no-mask", tagger(lambda: embedding(False), both_ways, dense)),
            ("loses-the-mask", tagger(embedding, conv(3), both_ways, conv(1))),
            ("loses-the-mask", tagger(embedding, conv(3), both_ways, dense)),
            ("no-mask-on-output", tagger(lambda: embedding(False), forward_lstm, dense)),
            ("loses-it-at-the-end", tagger(embedding, both_ways, conv(1))),
            ("each-word-alone", tagger(embedding, dense)),
            ("ignores-words-before", tagger(embedding, both_ways, BackwardHalf, dense)),
            ("ignores-words-behind", tagger(embedding, forward_lstm, dense)),
        ),
    ),
    "join-directions": Answers(
        right=(join_with_loop, join_with_numbers),
        wrong=(
            ("wrong-states", average),
            ("wrong-states", lambda states, mask: join(states, -1, ends(mask)[0])),
            ("wrong-shape", lambda states, mask: join(states, *ends(mask))[:, :2]),
            ("last-column", lambda states, mask: states[:, -1]),
            ("both-at-the-end", lambda states, mask: join(states, ends(mask)[1], ends(mask)[1])),
            ("directions-swapped", lambda states, mask: join(states, *ends(mask))),
            ("counts-words", lambda states, mask: join(states, mask.sum(axis=1) - 1, 0)),
            ("padding-in-front", lambda states, mask: join(states, ends(mask)[1], 0)),
            ("empty-row", no_row_may_be_empty),
        ),
    ),
}
