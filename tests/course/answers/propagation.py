"""Right and wrong answers to the questions on propagation."""

import keras
import numpy as np
from keras import layers, ops

from answers import Answers, changes


def embedding(words, kinds, mask_zero=True):
    return layers.Embedding(words, 8, mask_zero=mask_zero)


def without_mask(words, kinds):
    return embedding(words, kinds, mask_zero=False)


def both_ways(words, kinds):
    return layers.Bidirectional(layers.LSTM(4, return_sequences=True))


def forward(words, kinds):
    return layers.LSTM(4, return_sequences=True)


def dense(words, kinds):
    return layers.Dense(kinds, activation="softmax")


def of(layer, *arguments, **options):
    """A part of a tagger that does not depend on the sizes."""
    return lambda words, kinds: layer(*arguments, **options)


def tagger(*parts):
    """A function that builds a tagger of fresh layers."""
    return lambda words, kinds: keras.Sequential([part(words, kinds) for part in parts])


def conv(width):
    return lambda words, kinds: layers.Conv1D(kinds, width, padding="same")


def tagger_with_attention(words, kinds):
    inputs = keras.Input(shape=(None,), dtype="int32")
    x = embedding(words, kinds)(inputs)
    x = layers.MultiHeadAttention(2, 4)(x, x)
    return keras.Model(inputs, dense(words, kinds)(x))


def tagger_of_two_readers(words, kinds):
    inputs = keras.Input(shape=(None,), dtype="int32")
    x = embedding(words, kinds)(inputs)
    there = layers.GRU(4, return_sequences=True)(x)
    back = layers.Bidirectional(layers.GRU(4, return_sequences=True), merge_mode="sum")(x)
    return keras.Model(inputs, dense(words, kinds)(layers.Concatenate()([there, back])))


def tagger_in_reverse(words, kinds):
    inputs = keras.Input(shape=(None,), dtype="int32")
    x = embedding(words, kinds)(inputs)
    there = layers.LSTM(4, return_sequences=True)(x)
    back = layers.LSTM(4, return_sequences=True, go_backwards=True)(x)
    return keras.Model(inputs, dense(words, kinds)(layers.Concatenate()([there, back])))


class SubclassedTagger(keras.Model):
    def __init__(self, words, kinds):
        super().__init__()
        self.words, self.reader = embedding(words, kinds), both_ways(words, kinds)
        self.tags = dense(words, kinds)

    def call(self, ids):
        return self.tags(self.reader(self.words(ids)))


class KeepsMask(keras.Layer):
    supports_masking = True


class BackwardHalf(KeepsMask):
    def call(self, states):
        return states[..., 4:]


class SqueezesTime(KeepsMask):
    def call(self, x):
        return ops.squeeze(x, axis=1) if x.shape[1] == 1 else x


class SqueezesBatch(KeepsMask):
    def call(self, x):
        return ops.squeeze(x, axis=0) if x.shape[0] == 1 else x


class CutsPadding(KeepsMask):
    """Cuts the timesteps that are padding in every row."""

    def call(self, x, mask=None):
        return x[:, : ops.max(ops.sum(ops.cast(mask, "int32"), axis=1))]

    def compute_output_shape(self, shape):
        return shape


class Centres(KeepsMask):
    """Subtracts the mean of the words."""

    def call(self, x, mask=None):
        weights = ops.cast(mask, "float32")[..., None]
        mean = ops.sum(x * weights, axis=1, keepdims=True) / ops.sum(weights, axis=1, keepdims=True)
        return x - mean


class AddsPlaces(KeepsMask):
    """Adds a vector for each of four timesteps."""

    def __init__(self):
        super().__init__()
        self.places = layers.Embedding(4, 8)

    def build(self, shape):
        self.places.build()

    def call(self, x):
        return x + self.places(ops.arange(ops.shape(x)[1]))


def tagger_of_four_timesteps(words, kinds):
    inputs = keras.Input(shape=(4,), dtype="int32")
    x = both_ways(words, kinds)(embedding(words, kinds)(inputs))
    return keras.Model(inputs, dense(words, kinds)(x))


def tagger_without_model(words, kinds):
    inputs = keras.Input(shape=(None,), dtype="int32")
    return dense(words, kinds)(both_ways(words, kinds)(embedding(words, kinds)(inputs)))


def sequential_tagger(words, kinds):
    return keras.Sequential(
        [
            layers.Embedding(words, 8, mask_zero=True),
            layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
            layers.Dense(kinds),
        ]
    )


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


def join_with_keras(states, mask):
    steps = ops.arange(mask.shape[1])
    last = ops.max(ops.where(mask, steps, 0), axis=1)
    first = ops.min(ops.where(mask, steps, 99), axis=1) % 99
    forward, backward = ops.split(ops.convert_to_tensor(states), 2, axis=-1)
    picked = [
        ops.take_along_axis(half, at[:, None, None], axis=1)[:, 0]
        for half, at in ((forward, last), (backward, first))
    ]
    return ops.concatenate(picked, axis=-1)


def join_with_sums(states, mask):
    """A timestep is the first or the last word if no word stands before or behind it."""
    units = states.shape[-1] // 2
    first = mask & (np.cumsum(mask, axis=1) == 1)
    last = mask & (np.cumsum(mask[:, ::-1], axis=1)[:, ::-1] == 1)
    halves = (states[..., :units] * last[..., None], states[..., units:] * first[..., None])
    return np.concatenate(halves, axis=-1).sum(axis=1)


def join_row_by_row(states, mask):
    vectors = []
    for row, words in zip(states, mask, strict=True):
        real = row[words]
        forward, backward = np.split(row, 2, axis=1)
        if len(real):
            forward, backward = np.split(real, 2, axis=1)
        vectors.append([*forward[-1], *backward[0]])
    return vectors


def average(states, mask):
    return (states * mask[..., None]).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)[:, None]


def no_row_may_be_empty(states, mask):
    steps = [np.flatnonzero(row) for row in mask]
    return join(states, [step[-1] for step in steps], [step[0] for step in steps])


def where_states_are(states, mask):
    """Finds words by their states."""
    return join(states, *ends(states.any(axis=-1))[::-1])


def one_side_for_all(states, mask):
    first, last = ends(mask)
    zeros = np.zeros_like(first)
    if mask[0, 0]:
        return join(states, last, zeros)
    return join(states, zeros + mask.shape[1] - 1, first)


def turns_what_is_padded_in_front(states, mask):
    turn = 1 if mask[0, 0] else -1
    return join_with_loop(states[:, ::turn], mask[:, ::turn])


def last_column_of_full_rows(states, mask):
    return states[:, -1] if mask.all() else join(states, *ends(mask)[::-1])


def forgets_to_start_anew(states, mask):
    vectors, vector = [], None
    for row, words in zip(states, mask, strict=True):
        if words.any():
            (vector,) = join_with_loop(row[None], words[None])
        vectors.append(vector)
    return np.array(vectors)


def leaves_out_empty_rows(states, mask):
    return join_with_loop(states, mask)[mask.any(axis=1)]


ANSWERS = {
    "find-lost-mask": Answers(
        right=(
            ("reshape", "average"),
            np.array(["reshape", "average"]),
            ["reshape", layers.GlobalAveragePooling1D(name="average")],
            [layers.Reshape((-1, 8), name="reshape"), "average"],
        ),
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
            tagger(embedding, of(layers.LayerNormalization), both_ways, dense),
            tagger_with_attention,
            tagger_of_two_readers,
            lambda words, kinds: SubclassedTagger(words, kinds),
            lambda words, kinds: sequential_tagger(words + 1, kinds),
        ),
        wrong=(
            *changes(
                sequential_tagger,
                ("only-this-example", "(words, 8", "(100, 8"),
                ("only-this-example", "Dense(kinds", "Dense(3"),
                ("too-few-ids", "(words, 8", "(words - 1, 8"),
                ("wrong-shape", "Dense(kinds", "Dense(kinds + 1"),
                ("wrong-shape", "Dense(kinds)", "Dense(kinds), SqueezesTime()"),
                ("wrong-shape", "Dense(kinds)", "Dense(kinds), SqueezesBatch()"),
                ("wrong-shape", "Dense(kinds)", "Dense(kinds), CutsPadding()"),
                ("not-finite", "layers.Dense", "Centres(), layers.Dense"),
                ("fixed-time", "layers.Bi", "AddsPlaces(), layers.Bi"),
            ),
            ("fixed-time", tagger_of_four_timesteps),
            ("no-model", tagger_without_model),
            ("no-model", lambda words, kinds: sequential_tagger(words, kinds).call),
            ("one-per-sentence", tagger(embedding, of(layers.LSTM, 4), dense)),
            (
                "padding-moves-tags",
                tagger(embedding, of(layers.GroupNormalization, 2), both_ways, dense),
            ),
            ("runs-backwards", tagger_in_reverse),
            ("makes-no-mask", tagger(without_mask, both_ways, dense)),
            ("loses-the-mask", tagger(embedding, conv(3), both_ways, conv(1))),
            ("loses-the-mask", tagger(embedding, conv(3), both_ways, dense)),
            ("no-mask-on-output", tagger(without_mask, forward, dense)),
            ("loses-it-at-the-end", tagger(embedding, both_ways, conv(1))),
            ("each-word-alone", tagger(embedding, dense)),
            ("ignores-words-before", tagger(embedding, both_ways, of(BackwardHalf), dense)),
            ("ignores-words-behind", tagger(embedding, forward, dense)),
        ),
    ),
    "join-directions": Answers(
        right=(join_with_loop, join_with_keras, join_with_sums, join_row_by_row),
        wrong=(
            ("wrong-states", average),
            ("wrong-states", lambda states, mask: join(states, -1, ends(mask)[0])),
            ("wrong-states", where_states_are),
            ("last-column", last_column_of_full_rows),
            ("wrong-shape", lambda states, mask: join(states, *ends(mask)[::-1])[:, :1]),
            ("wrong-shape", lambda states, mask: join(states, *ends(mask)[::-1]).squeeze()),
            ("wrong-shape", leaves_out_empty_rows),
            ("last-column", lambda states, mask: states[:, -1]),
            ("both-at-the-end", lambda states, mask: join(states, ends(mask)[1], ends(mask)[1])),
            ("directions-swapped", lambda states, mask: join(states, *ends(mask))),
            (
                "counts-words",
                lambda states, mask: join(states, mask.sum(axis=1) - 1, ends(mask)[0]),
            ),
            ("begins-at-zero", lambda states, mask: join(states, ends(mask)[1], 0)),
            ("begins-at-zero", one_side_for_all),
            ("padding-in-front", turns_what_is_padded_in_front),
            ("empty-row", forgets_to_start_anew),
            ("error", no_row_may_be_empty),
            *changes(
                join_with_loop,
                ("only-this-example", "states.shape[-1] // 2", "2"),
            ),
        ),
        two=(
            (
                "counts-words",
                "begins-at-zero",
                lambda states, mask: join(states, mask.sum(axis=1) - 1, 0),
            ),
        ),
    ),
}
