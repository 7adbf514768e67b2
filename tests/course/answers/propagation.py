"""Right and wrong answers to the questions on propagation."""

import warnings

import keras
import numpy as np
from keras import layers, ops

from answers import Answers, changes
from masklens._keras import attached_mask


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


READINGS = np.array(
    [[[0, 3], [0, 0], [2, 5], [1, 0], [0, 0]], [[4, 1], [3, 0], [2, 2], [5, 1], [1, 6]]], "float32"
)
OF_WORDS = [True, True, True, False, False]
OF_READINGS = [True, False, True, True, False]
OUTPUTS = {
    "tokens": OF_WORDS,
    "scaled": None,
    "report": None,
    "moments": OF_READINGS,
    "smooth": None,
    "shortcut": None,
    "sum": OF_READINGS,
}


def masks(**wrong):
    """The masks of the seven outputs, some of them as the names say."""
    return [*(OUTPUTS | wrong).values()]


def masks_without_a_model():
    """What the layers of each output attach when they are called one by one."""
    x = layers.Embedding(10, 4, mask_zero=True)(np.array([[6, 2, 9, 0, 0]]))
    y = layers.Masking()(READINGS[:1])
    reader = layers.Bidirectional(layers.GRU(4, return_sequences=True))
    with warnings.catch_warnings(action="ignore"):
        outputs = [
            layers.Dense(4)(x),
            4 * x,
            layers.GRU(4)(x),
            reader(y),
            layers.Conv1D(4, 3, padding="same")(y),
            layers.Add()([x, 4 * x]),
            layers.Add()([y, layers.Dense(2)(y)]),
        ]
    found = map(attached_mask, outputs)
    return [None if mask is None else mask[0] for mask in found]


ANSWERS = {
    "predict-masks": Answers(
        right=(
            masks_without_a_model(),
            masks(),
            tuple(masks(tokens=tuple(OF_WORDS))),
            np.array(masks(), dtype=object),
            masks(tokens=np.array(OF_WORDS), moments=(READINGS[0] != 0).any(axis=-1)),
        ),
        wrong=(
            ("wrong-outputs", masks(sum=None)),
            ("not-seven", masks()[:6]),
            ("not-seven", OF_WORDS),
            ("not-seven", []),
            ("all-true", masks(scaled=[True] * 5)),
            ("all-true", masks(report=[True] * 5, shortcut=[True] * 5)),
            ("mask-of-a-vector", masks(report=OF_WORDS)),
            ("operator-keeps-it", masks(scaled=OF_WORDS)),
            ("brought-back", masks(smooth=OF_READINGS)),
            ("one-is-enough", masks(shortcut=OF_WORDS)),
            ("lost-on-the-way", masks(tokens=None)),
            ("ends-with-the-states", masks(moments=None)),
            ("wrong-masks", masks(sum=[True] * 5)),
            ("wrong-masks", masks(tokens=OF_WORDS[:4])),
            ("not-boolean", masks(tokens=[1, 1, 1, 0, 0])),
            (
                "inverted",
                masks(
                    tokens=np.invert(OF_WORDS),
                    moments=np.invert(OF_READINGS),
                    sum=np.invert(OF_READINGS),
                ),
            ),
            ("both-rows", masks(tokens=[OF_WORDS, [True] * 5])),
            ("any-feature", masks(moments=[False, False, True, False, False])),
            ("only-at-the-end", masks(moments=[True] * 4 + [False])),
            ("the-other-mask", masks(moments=OF_WORDS, sum=OF_WORDS)),
            ("the-other-mask", masks(tokens=OF_READINGS)),
            ("not-numbers", masks(report="None")),
            ("returns-nothing", None),
            ("not-a-value", masks),
        ),
    ),
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
}
