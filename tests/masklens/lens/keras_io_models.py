"""The sequence models that keras.io's examples publish, rebuilt small, masked as they are there.

Each with whether padding gets into its answer, and where. Most have no mask at all.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from lens.oracle import Case, Padded
from lens.reported_models import Known, Side, known, padded_features, padded_ids

VOCABULARY = 12
WIDTH = 8
STEPS = 24
BOTH = "content amount"

# The lengths of the target of a translation.
TARGETS = (5, 2, 4, 1)


def table(name: str, rows: int = VOCABULARY, **how: Any) -> layers.Layer:
    return layers.Embedding(rows, WIDTH, name=name, **how)


def self_attention(name: str, heads: int = 2) -> layers.Layer:
    return layers.MultiHeadAttention(heads, WIDTH // heads, name=name)


def feed_forward(name: str = "forward") -> keras.Sequential:
    return keras.Sequential([layers.Dense(12, activation="relu"), layers.Dense(WIDTH)], name=name)


class TokensAndPositions(layers.Layer):
    """Sums a table of tokens and one of positions; the masking variant says what is a token."""

    def __init__(self, mask_zero: bool = False, **settings: Any) -> None:
        super().__init__(**settings)
        self.tokens = table(f"{self.name}_tokens", mask_zero=mask_zero)
        self.positions = table("positions", STEPS)

    def call(self, ids: Any) -> Any:
        return self.tokens(ids) + self.positions(ops.arange(ops.shape(ids)[-1]))


class MaskingTokensAndPositions(TokensAndPositions):
    """Says by itself which timesteps are tokens."""

    def compute_mask(self, ids: Any, previous: Any = None) -> Any:
        return ops.not_equal(ids, 0)


class Block(layers.Layer):
    """An encoder's block, normalized after each sum, without a mask."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.attention, self.forward = self_attention("attention"), feed_forward()
        self.norms = [layers.LayerNormalization(name=f"norm_{number}") for number in (1, 2)]
        self.dropouts = [layers.Dropout(0.1, name=f"dropout_{number}") for number in (1, 2)]

    def call(self, x: Any) -> Any:
        x = self.norms[0](x + self.dropouts[0](self.attention(x, x)))
        return self.norms[1](x + self.dropouts[1](self.forward(x)))


def text_classification(mask_zero: bool = False) -> keras.Model:
    ids = keras.Input((6,), dtype="int32", name="ids")
    x = Block(name="block")(TokensAndPositions(mask_zero, name="embed")(ids))
    x = layers.Dropout(0.1)(layers.GlobalAveragePooling1D(name="average")(x))
    x = layers.Dense(5, activation="relu", name="hidden")(x)
    return keras.Model(ids, layers.Dense(2, activation="softmax", name="classes")(x))


class EntityRecognition(keras.Model):
    """Labels each token."""

    def __init__(self, mask_zero: bool = False) -> None:
        super().__init__()
        self.embed = TokensAndPositions(mask_zero, name="embed")
        self.block = Block(name="block")
        self.hidden = layers.Dense(5, activation="relu", name="hidden")
        self.dropout = layers.Dropout(0.1, name="dropout")
        self.labels = layers.Dense(4, activation="softmax", name="labels")

    def call(self, ids: Any, training: bool = False) -> Any:
        x = self.dropout(self.block(self.embed(ids)), training=training)
        return self.labels(self.dropout(self.hidden(x), training=training))


def bidirectional_reviews(mask_zero: bool = False) -> keras.Model:
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = table("embedding", mask_zero=mask_zero)(ids)
    for number, sequences in enumerate((True, False)):
        lstm = layers.LSTM(4, return_sequences=sequences, name="lstm")
        x = layers.Bidirectional(lstm, name=f"both_{number}")(x)
    return keras.Model(ids, layers.Dense(1, activation="sigmoid", name="review")(x))


def translated(source: Any, target: Any, x: Any, y: Any) -> keras.Model:
    """A model that reads `x` with one LSTM, and goes on from there through `y` with another."""
    _, *states = layers.LSTM(5, return_state=True, name="encoder")(x)
    decoder = layers.LSTM(5, return_sequences=True, return_state=True, name="decoder")
    y, *_ = decoder(y, initial_state=states)
    words = layers.Dense(VOCABULARY, activation="softmax", name="words")(y)
    return keras.Model([source, target], words)


def characters_to_characters() -> keras.Model:
    source, target = (keras.Input((None, WIDTH), name=name) for name in ("source", "target"))
    return translated(source, target, source, target)


def words_to_words(mask_zero: bool = False) -> keras.Model:
    source, target = (
        keras.Input((None,), dtype="int32", name=name) for name in ("source", "target")
    )
    x, y = (table(f"{ids.name}_words", mask_zero=mask_zero)(ids) for ids in (source, target))
    return translated(source, target, x, y)


class MaskedEncoder(layers.Layer):
    """An encoder's block that makes a mask for its attention out of the one it is given."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.supports_masking = True
        self.attention, self.forward = self_attention("attention"), feed_forward()
        self.norms = [layers.LayerNormalization(name=f"norm_{number}") for number in (1, 2)]

    def call(self, x: Any, mask: Any = None) -> Any:
        allowed = None if mask is None else ops.cast(mask[:, None, :], "int32")
        x = self.norms[0](x + self.attention(x, x, attention_mask=allowed))
        return self.norms[1](x + self.forward(x))


class MaskedDecoder(layers.Layer):
    """A decoder's block that is given a list of two sequences, and of two masks."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.supports_masking = True
        self.own, self.other = self_attention("own_attention"), self_attention("cross_attention")
        self.forward = feed_forward()
        self.norms = [layers.LayerNormalization(name=f"norm_{number}") for number in (1, 2, 3)]

    def call(self, sequences: Any, mask: Any = None) -> Any:
        y, x = sequences
        mask, source_mask = (None, None) if mask is None else mask
        steps = ops.arange(ops.shape(y)[1])
        causal = (steps[:, None] >= steps)[None]
        y = self.norms[0](y + self.own(y, y, attention_mask=causal, query_mask=mask))
        other = self.other(y, x, x, query_mask=mask, key_mask=source_mask)
        y = self.norms[1](y + other)
        return self.norms[2](y + self.forward(y))


def transformer_translation() -> keras.Model:
    """An encoder and a decoder, each a model; the decoder's is made before it meets a mask."""
    source = keras.Input((None,), dtype="int32", name="encoder_inputs")
    x = MaskedEncoder(name="encode")(MaskingTokensAndPositions(name="embed_source")(source))
    encoder = keras.Model(source, x, name="encoder")

    target = keras.Input((None,), dtype="int32", name="decoder_inputs")
    states = keras.Input((None, WIDTH), name="states")
    embedded = MaskingTokensAndPositions(name="embed_target")(target)
    y = layers.Dropout(0.5, name="dropout")(MaskedDecoder(name="decode")([embedded, states]))
    words = layers.Dense(VOCABULARY, activation="softmax", name="words")(y)
    decoder = keras.Model([target, states], words, name="decoder")
    return keras.Model([source, target], decoder([target, encoder(source)]))


def masked_language_model() -> keras.Model:
    """A small BERT, of functions instead of layers, that hands `query + attended` on."""
    ids = keras.Input((6,), dtype="int32", name="ids")
    x = table("embedding")(ids)
    x = x + Places(name="positions")(x)
    for number in range(2):
        attended = self_attention(f"attention_{number}")(x, x, x)
        x = layers.LayerNormalization(name=f"norm_{number}")(x + attended)
        forward = feed_forward(f"forward_{number}")(x)
        x = layers.LayerNormalization(name=f"forward_norm_{number}")(x + forward)
    words = layers.Dense(VOCABULARY, activation="softmax", name="words")(x)
    return keras.Model(ids, words)


class Places(layers.Layer):
    """Looks up the position of each timestep of a sequence of vectors."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.table = table("table", STEPS)

    def call(self, x: Any) -> Any:
        return ops.broadcast_to(self.table(ops.arange(ops.shape(x)[1])), ops.shape(x))


def behaviour_sequence(rated: bool = True) -> keras.Model:
    """Films that someone saw, times what they thought of them, and a film to judge."""
    films = keras.Input((4,), dtype="int32", name="films")
    ratings = keras.Input((4,), name="ratings")
    target = keras.Input((1,), dtype="int32", name="target")
    lookup = table("embedding")
    x = lookup(films)
    x = x + Places(name="positions")(x)
    if rated:
        x = layers.Multiply(name="rated")([x, ops.expand_dims(ratings, -1)])
    x = layers.Concatenate(axis=1, name="history_and_target")([x, lookup(target)])
    attended = layers.Dropout(0.1)(self_attention("attention")(x, x))
    x = layers.LayerNormalization(name="norm")(layers.Add(name="sum")([x, attended]))
    forward = layers.Dense(WIDTH, name="forward")(layers.LeakyReLU(name="leaky")(x))
    x = layers.LayerNormalization(name="last_norm")(layers.Add(name="last_sum")([x, forward]))
    x = layers.Dense(6, name="hidden")(layers.Flatten(name="flat")(x))
    x = layers.BatchNormalization(name="batch_norm")(x)
    rating = layers.Dense(1, name="rating")(layers.LeakyReLU(name="last_leaky")(x))
    inputs = {"films": films, "target": target} | ({"ratings": ratings} if rated else {})
    return keras.Model(inputs, rating)


def timeseries(steps: int | None) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        x = series = keras.Input((steps, 2), name="series")
        for number in range(2):
            attended = layers.MultiHeadAttention(2, 3, name=f"attention_{number}")(x, x)
            x = x + layers.LayerNormalization(name=f"norm_{number}")(attended)
            y = layers.Conv1D(4, 1, activation="relu", name=f"conv_{number}")(x)
            y = layers.Conv1D(2, 1, name=f"last_conv_{number}")(y)
            x = x + layers.LayerNormalization(name=f"last_norm_{number}")(y)
        x = layers.GlobalAveragePooling1D(name="average")(x)
        return keras.Model(series, layers.Dense(2, activation="softmax", name="classes")(x))

    return build


class Frames(layers.Layer):
    """Three convolutions that leave an eighth of the frames."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.convolutions = [
            layers.Conv1D(
                WIDTH, 5, strides=2, padding="same", activation="relu", name=f"conv_{number}"
            )
            for number in (1, 2, 3)
        ]

    def call(self, x: Any) -> Any:
        for convolution in self.convolutions:
            x = convolution(x)
        return x


class SpeechDecoder(layers.Layer):
    """A decoder's block: causal attention, and attention to all frames."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.own, self.other = self_attention("own_attention"), self_attention("cross_attention")
        self.forward = feed_forward()
        self.norms = [layers.LayerNormalization(name=f"norm_{number}") for number in (1, 2, 3)]

    def call(self, frames: Any, target: Any) -> Any:
        y = self.norms[0](target + self.own(target, target, use_causal_mask=True))
        y = self.norms[1](y + self.other(y, frames))
        return self.norms[2](y + self.forward(y))


class SpeechRecognition(keras.Model):
    """Reads frames of sound, and writes characters."""

    def __init__(self) -> None:
        super().__init__()
        parts = [Frames(name="frames"), *(Block(name=f"block_{number}") for number in range(2))]
        self.encoder = keras.Sequential(parts, name="encoder")
        self.embed, self.decoder = TokensAndPositions(name="embed"), SpeechDecoder(name="decode")
        self.characters = layers.Dense(VOCABULARY, name="characters")

    def call(self, inputs: Any) -> Any:
        source, target = inputs
        return self.characters(self.decoder(self.encoder(source), self.embed(target)))


def of_ids(
    build: Callable[[], Any], layer: str = "embedding", side: Side = "post", answers: Any = "whole"
) -> Case:
    ids, valid = padded_ids(side)
    padded = Padded(layers=(layer,))
    return Case(build, ids, valid, side, padded=(padded,), answers=(answers,))


def of_two(build: Callable[[], Any], *layers: str) -> Case:
    """Source and target, of ids of which these layers look up; of features, where none do."""
    if layers:
        source, target = padded_ids(), padded_ids(lengths=TARGETS, steps=5)
        padded = [Padded(layers=(name,), group=group) for group, name in enumerate(layers)]
    else:
        source = padded_features(width=WIDTH)
        target = padded_features(width=WIDTH, lengths=TARGETS, steps=5)
        padded = [Padded("features", "values", (), group) for group in range(2)]
    inputs, valid = zip(source, target, strict=True)
    return Case(build, [*inputs], [*valid], padded=tuple(padded), answers=(1,))


def of_films(rated: bool) -> Case:
    """Histories of up to four films, filled up with film 0, that was given no stars."""
    films, valid = padded_ids(lengths=(4, 2, 3, 1), steps=4)
    target = np.array([[5], [2], [9], [4]], dtype="int32")
    inputs = {"films": films, "target": target}
    valids = {"films": valid, "target": np.ones_like(target, bool)}
    padded = [Padded(), Padded(content=None, layers=(), group=1)]
    if rated:
        inputs["ratings"] = np.where(valid, 1 + films % 5, 0).astype("float32")
        valids["ratings"] = valid
        padded.insert(1, Padded(content=None, layers=()))
    return Case(lambda: behaviour_sequence(rated), inputs, valids, padded=tuple(padded))


def of_series(steps: int | None) -> Case:
    series, valid = padded_features(width=2)
    padded = Padded("features", "values", ())
    return Case(timeseries(steps), series, valid, padded=(padded,))


def of_speech() -> Case:
    source, frames = padded_features(width=3, lengths=(16, 9, 12, 10), steps=16)
    target, characters = padded_ids(lengths=TARGETS, steps=5)
    return Case(
        SpeechRecognition,
        [source, target],
        [frames, characters],
        padded=(Padded("features", "values", ()), Padded(layers=("embed_tokens",), group=1)),
        answers=(1,),
    )


def keras_io_cases() -> list[Known]:
    """All of them."""
    sequence = {"answers": 0}
    return [
        # `pad_sequences` pads left, and the input has a length of its own.
        known(
            "text classification with a Transformer",
            of_ids(text_classification, "embed_tokens", "pre"),
            "content",
            ["block/attention"],
            unasked="amount",
        ),
        known(
            "text classification with mask_zero",
            of_ids(lambda: text_classification(mask_zero=True), "embed_tokens", "pre"),
            "content",
            ["block/attention"],
            unasked="amount",
        ),
        known(
            "named entity recognition",
            of_ids(EntityRecognition, "embed_tokens", **sequence),
            BOTH,
            ["block/attention"],
        ),
        known(
            "named entity recognition with mask_zero",
            of_ids(lambda: EntityRecognition(mask_zero=True), "embed_tokens", **sequence),
            BOTH,
            ["block/attention"],
        ),
        known(
            "bidirectional LSTM on reviews",
            of_ids(bidirectional_reviews, side="pre"),
            BOTH,
            ["both_0"],
        ),
        known(
            "bidirectional LSTM on reviews with mask_zero",
            of_ids(lambda: bidirectional_reviews(mask_zero=True), side="pre"),
        ),
        known(
            "character-level translation",
            of_two(characters_to_characters),
            BOTH,
            ["encoder"],
            told=True,
        ),
        known(
            "word-level translation",
            of_two(words_to_words, "source_words", "target_words"),
            BOTH,
            ["encoder"],
        ),
        # The decoder has no mask either, yet nothing stands left of its tokens.
        known(
            "word-level translation with mask_zero",
            of_two(lambda: words_to_words(mask_zero=True), "source_words", "target_words"),
        ),
        known(
            "translation with a Transformer",
            of_two(transformer_translation, "embed_source_tokens", "embed_target_tokens"),
        ),
        known(
            "masked language model",
            of_ids(masked_language_model, **sequence),
            "content",
            ["attention_0"],
            unasked="amount",
        ),
        # Times no stars, what stands at padding is zero, whatever it was.
        known("behaviour sequence Transformer", of_films(rated=True), unasked="amount"),
        known(
            "behaviour sequence Transformer without ratings",
            of_films(rated=False),
            "content",
            ["attention"],
            unasked="amount",
        ),
        known(
            "timeseries Transformer",
            of_series(steps=6),
            "content",
            ["attention_0"],
            unasked="amount",
            told=True,
        ),
        known(
            "timeseries Transformer of any length",
            of_series(steps=None),
            BOTH,
            ["attention_0"],
            told=True,
        ),
        known(
            "speech recognition",
            of_speech(),
            BOTH,
            ["encoder/frames/conv_1"],
            told=True,
        ),
    ]
