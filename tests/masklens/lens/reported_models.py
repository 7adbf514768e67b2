"""Small models of what people report, each with whether padding gets into its answer, and where.

Their padding is read although no mask is lost, or ignored although one is; a trace that follows
masks alone is wrong about most of them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from lens.oracle import Case, Padded, Truth, doubles, give_weights, measure, quiet, valid_steps

Side = Literal["pre", "post"]
Array = np.ndarray[Any, Any]

LENGTHS = (6, 4, 2, 3)
WIDTH = 4


@dataclass(frozen=True, eq=False)
class Known:
    """A model of which it is known whether padding gets into its answer.

    Args:
        name: says what is particular about the model.
        case: the model, and what to call it on.
        moves: what its answer moves with, of "content", "amount" and "rows".
        leaks: the paths of the calls at which padding gets in.
        perhaps: calls that may be named besides, since what they hand on moves and then cancels,
            or moves only with more padding in one input alone.
        unasked: what cannot be asked of it.
        told: the lens cannot know by itself which timesteps are padding.
        finite: the answer holds no NaN.
        rounding: up to where a move is rounding, in models that compute partly in float32.
        measure: an oracle that can run it.
    """

    name: str
    case: Case
    moves: frozenset[str] = frozenset()
    leaks: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()
    unasked: frozenset[str] = frozenset()
    told: bool = False
    finite: bool = True
    rounding: float = 0.0
    measure: Callable[[Case, int], Truth] = measure


def known(
    name: str, case: Case, moves: str = "", leaks: Iterable[str] = (), unasked: str = "", **how: Any
) -> Known:
    """A `Known` of which sets are written as words."""
    words = [frozenset(text.split()) for text in (moves, unasked)]
    return Known(name, case, words[0], tuple(leaks), unasked=words[1], **how)


def padded_ids(
    side: Side = "post", padding: int = 0, lengths: Iterable[int] = LENGTHS, steps: int = 6
) -> tuple[Array, Array]:
    """Ids `(batch, time)` from 2 to 11, and where they are valid."""
    lengths = np.array([*lengths])
    valid = valid_steps(lengths, steps, side)
    tokens = 2 + np.arange(valid.size).reshape(valid.shape) * 7 % 10
    return np.where(valid, tokens, padding).astype("int32"), valid


def padded_features(
    side: Side = "post", width: int = WIDTH, lengths: Iterable[int] = LENGTHS, steps: int = 6
) -> tuple[Array, Array]:
    """Features `(batch, time, width)`, zero where they are padding, and where they are valid."""
    _, valid = padded_ids(side, lengths=lengths, steps=steps)
    values = np.random.default_rng(0).normal(size=(*valid.shape, width))
    return np.where(valid[..., None], values, 0).astype("float32"), valid


def on_ids(
    build: Callable[[], Any], side: Side = "post", padding: int = 0, **settings: Any
) -> Case:
    """A model of ids, called on rows of several lengths; its `Embedding` is named `embedding`."""
    ids, valid = padded_ids(side, padding)
    tokens = tuple(range(padding + 1, 12))
    return Case(build, ids, valid, side, padding, tokens=tokens, **settings)


def on_features(build: Callable[[], Any], side: Side = "post", **settings: Any) -> Case:
    """A model of features, called on rows of several lengths."""
    features, valid = padded_features(side)
    return Case(build, features, valid, side, **settings)


def on_ids_and_features(build: Callable[[], Any]) -> Case:
    """A model of ids and features of the same timesteps."""
    (ids, valid), (features, _) = padded_ids(), padded_features()
    return Case(
        build,
        {"ids": ids, "features": features},
        {"ids": valid, "features": valid},
        padded=(Padded("features", "values", ()), Padded()),
    )


def on_ids_and_mask(build: Callable[[], Any], **settings: Any) -> Case:
    """A model of ids, and of an input that says which of them are valid."""
    ids, valid = padded_ids()
    return Case(
        build,
        {"ids": ids, "padding_mask": valid.astype("int32")},
        {"ids": valid, "padding_mask": valid},
        padded=(Padded(), Padded("mask", None, ())),
        **settings,
    )


def embedding(mask_zero: bool = True) -> layers.Layer:
    return layers.Embedding(12, WIDTH, mask_zero=mask_zero, name="embedding")


def ids_input(name: str = "ids") -> Any:
    return keras.Input((None,), dtype="int32", name=name)


def stack(*steps: Callable[[Any], Any], mask_zero: bool = True) -> Callable[[], keras.Model]:
    """Makes a functional model of ids: an embedding, and steps behind it, each made anew."""

    def build() -> keras.Model:
        ids = ids_input()
        x = embedding(mask_zero)(ids)
        for step in steps:
            x = step(x)
        return keras.Model(ids, x)

    return build


def rnn(kind: str, sequences: bool = False, name: str | None = None, **how: Any) -> Any:
    """A step through a recurrent layer of some kind."""
    return lambda x: getattr(layers, kind)(
        5, return_sequences=sequences, name=name or kind.lower(), **how
    )(x)


def attention(name: str = "attention", **how: Any) -> Any:
    """A step through self-attention."""
    return lambda x: layers.MultiHeadAttention(2, 3, name=name)(x, x, **how)


def average(x: Any) -> Any:
    return layers.GlobalAveragePooling1D(name="average")(x)


class Decoder(keras.Model):
    """Starts a recurrent layer from the state in which another one ended."""

    def __init__(self, bidirectional: bool = False, by_hand: bool = False) -> None:
        super().__init__()
        self.embedding = embedding()
        self.encoder = layers.GRU(5, name="encoder")
        decoder = layers.GRU(5, return_sequences=True, name="decoder")
        self.decoder = layers.Bidirectional(decoder, name="both") if bidirectional else decoder
        self.by_hand = by_hand

    def call(self, ids: Any) -> Any:
        x = self.embedding(ids)
        state = self.encoder(x)
        state = [state, state] if isinstance(self.decoder, layers.Bidirectional) else state
        mask = {"mask": ops.not_equal(ids, 0)} if self.by_hand else {}
        return self.decoder(x, initial_state=state, **mask)


class Between(keras.Model):
    """Multiplies what it embeds, which is no layer and so has no mask to hand on."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.lstm = embedding(), layers.LSTM(5, name="lstm")

    def call(self, ids: Any) -> Any:
        return self.lstm(self.embedding(ids) * 4.0)


class Rectified(keras.Model):
    """Rectifies what one recurrent layer hands to another, with an operator of TensorFlow."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = embedding()
        self.first = layers.GRU(5, return_sequences=True, name="first")
        self.second = layers.GRU(5, name="second")

    def call(self, ids: Any) -> Any:
        return self.second(tf.nn.relu(self.first(self.embedding(ids))))


class LastIsAnOperator(keras.Model):
    """Ends in an operator."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = embedding()
        self.lstm = layers.LSTM(5, return_sequences=True, name="lstm")

    def call(self, ids: Any) -> Any:
        return self.lstm(self.embedding(ids)) * 2.0


class Positions(layers.Layer):
    """Embeds ids and adds an embedding of their positions."""

    def __init__(self, hands_on: bool = False, **settings: Any) -> None:
        super().__init__(**settings)
        self.tokens = embedding(mask_zero=True)
        self.places = layers.Embedding(24, WIDTH, name="places")
        self.hands_on = hands_on

    def call(self, ids: Any) -> Any:
        return self.tokens(ids) + self.places(ops.arange(ops.shape(ids)[1]))

    def compute_mask(self, ids: Any, mask: Any = None) -> Any:
        return ops.not_equal(ids, 0) if self.hands_on else None


def of_positions(hands_on: bool, *steps: Callable[[Any], Any]) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        ids = ids_input()
        x = Positions(hands_on, name="positions")(ids)
        for step in steps:
            x = step(x)
        return keras.Model(ids, x)

    return build


class Compiled(keras.Model):
    """A convolution behind an embedding, in a `call` that TensorFlow compiles."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.lstm = embedding(), layers.LSTM(5, name="lstm")
        self.conv = layers.Conv1D(5, 3, padding="same", name="conv")
        # What is built while TensorFlow compiles keeps its first weights for good.
        self.embedding.build((None, None))
        self.conv.build((None, None, WIDTH))
        self.lstm.build((None, None, 5))

    @tf.function
    def call(self, ids: Any) -> Any:
        return self.lstm(self.conv(self.embedding(ids)))


def joined(layer: Callable[..., layers.Layer]) -> Callable[[], keras.Model]:
    """Makes a model that joins embedded ids, which have a mask, with features, which have none."""

    def build() -> keras.Model:
        ids, features = ids_input(), keras.Input((None, WIDTH), name="features")
        x = layer(name="join")([embedding()(ids), features])
        return keras.Model({"ids": ids, "features": features}, layers.LSTM(5, name="lstm")(x))

    return build


def scaled(*order: str) -> Callable[[], keras.Model]:
    """Makes a model of features that masks zeros before or after it scales."""

    def build() -> keras.Model:
        x = features = keras.Input((None, WIDTH))
        for name in order:
            x = {
                "scale": layers.Rescaling(0.5, offset=1.0, name="scale"),
                "masking": layers.Masking(name="masking"),
            }[name](x)
        return keras.Model(features, layers.LSTM(5, name="lstm")(x))

    return build


def autoencoder() -> keras.Model:
    ids = ids_input()
    code = layers.LSTM(5, name="encoder")(embedding()(ids))
    x = layers.RepeatVector(6, name="repeat")(code)
    x = layers.LSTM(5, return_sequences=True, name="decoder")(x)
    return keras.Model(ids, layers.TimeDistributed(layers.Dense(3), name="each")(x))


class Block(layers.Layer):
    """A residual block that is handed a mask of ids, and hands on none."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.attention = layers.MultiHeadAttention(2, 3, name="attention")
        self.norm = layers.LayerNormalization(name="norm")

    def call(self, x: Any, padding_mask: Any = None) -> Any:
        return self.norm(x + self.attention(x, x, attention_mask=padding_mask[:, None, :]))


def blocks_with_mask() -> keras.Model:
    ids, mask = ids_input(), ids_input("padding_mask")
    x = embedding(mask_zero=False)(ids)
    for number in range(2):
        x = Block(name=f"block_{number}")(x, padding_mask=mask)
    return keras.Model({"ids": ids, "padding_mask": mask}, x)


class Blocks(keras.Model):
    """Two blocks that are handed the mask which the embedding made, and an average."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = embedding()
        self.blocks = [Block(name=f"block_{number}") for number in range(2)]
        self.average = layers.GlobalAveragePooling1D(name="average")

    def call(self, ids: Any) -> Any:
        x, mask = self.embedding(ids), ops.not_equal(ids, 0)
        for block in self.blocks:
            x = block(x, padding_mask=mask)
        return self.average(x, mask=mask)


def post_norm(blocks: int) -> Callable[[], keras.Model]:
    """Makes a functional stack of blocks that add attention to its input, and an average."""

    def build() -> keras.Model:
        ids = ids_input()
        x = embedding()(ids)
        for number in range(blocks):
            attended = layers.MultiHeadAttention(2, 3, name=f"attention_{number}")(x, x)
            x = layers.Add(name=f"sum_{number}")([x, attended])
            x = layers.LayerNormalization(name=f"norm_{number}")(x)
        return keras.Model(ids, average(x))

    return build


class PostNorm(keras.Model):
    """One such block as code of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = embedding()
        self.attention = layers.MultiHeadAttention(2, 3, name="attention")
        self.sum = layers.Add(name="sum")
        self.average = layers.GlobalAveragePooling1D(name="average")

    def call(self, ids: Any) -> Any:
        x = self.embedding(ids)
        return self.average(self.sum([x, self.attention(x, x)]))


def first_token(x: Any) -> Any:
    return layers.Dense(3, name="dense")(x[:, 0])


class OwnAttention(layers.Layer):
    """Attention out of other layers; `scores` says how it masks."""

    def __init__(self, scores: str = "softmax", **settings: Any) -> None:
        super().__init__(**settings)
        self.supports_masking = True
        self.scores = scores
        inside = {"dtype": self.dtype_policy}
        self.query, self.key, self.value = (
            layers.Dense(WIDTH, name=name, **inside) for name in ("query", "key", "value")
        )
        self.softmax = layers.Softmax(name="softmax", **inside)
        self.dropout = layers.Dropout(0.5, name="dropout", **inside)

    def build(self, shape: Any) -> None:
        for layer in (self.query, self.key, self.value):
            layer.build(shape)

    def call(self, x: Any, mask: Any = None) -> Any:
        scores = ops.matmul(self.query(x), ops.transpose(self.key(x), (0, 2, 1)))
        if self.scores == "softmax":
            weights = self.softmax(scores, mask=mask[:, None, :])
        else:
            # In float16 this is 0 times infinity wherever a timestep counts.
            padding = 1 - ops.cast(mask, scores.dtype)[:, None, :]
            weights = self.softmax(scores + padding * ops.cast(-1e9, scores.dtype))
        return ops.matmul(self.dropout(weights), self.value(x))


def halves() -> keras.Model:
    """Attention in float16 that adds -1e9 to what is padding."""
    ids = ids_input()
    x = layers.Embedding(12, WIDTH, mask_zero=True, dtype="float16", name="embedding")(ids)
    return keras.Model(ids, OwnAttention("sum", dtype="float16", name="own")(x))


class Masked(keras.Model):
    """Attention with a mask made by hand from ids."""

    def __init__(self, make_mask: Callable[[Any], Any]) -> None:
        super().__init__()
        self.embedding = embedding(mask_zero=False)
        self.attention = layers.MultiHeadAttention(2, 3, name="attention")
        self.make_mask = make_mask

    def call(self, ids: Any) -> Any:
        x = self.embedding(ids)
        return self.attention(x, x, attention_mask=self.make_mask(ids))


def as_many_rows_as_timesteps(build: Callable[[], Any]) -> Case:
    ids, valid = padded_ids(lengths=(4, 2, 3, 1), steps=4)
    return Case(build, ids, valid, answers=(0,))


def each(layer: layers.Layer, name: str) -> layers.Layer:
    return layers.TimeDistributed(layer, name=name)


def sentences(inner_mask: bool) -> Callable[[], keras.Model]:
    """Makes a model of sentences of words: layer by layer, or with a model for a sentence."""

    def build() -> keras.Model:
        texts = keras.Input((2, None), dtype="int32", name="texts")
        if inner_mask:
            words = ids_input("words")
            encoder = keras.Model(words, layers.LSTM(5, name="lstm")(embedding()(words)))
            x = each(encoder, "each_sentence")(texts)
        else:
            x = each(layers.LSTM(5), "each_sentence")(each(embedding(), "each_word")(texts))
        return keras.Model(texts, average(x))

    return build


def on_sentences(build: Callable[[], Any]) -> Case:
    """A model of ids `(batch, sentences, words)`."""
    ids, valid = padded_ids(lengths=(4, 2, 1, 3, 3, 4), steps=4)
    return Case(build, ids.reshape(3, 2, 4), valid.reshape(3, 2, 4))


def measure_sentences(case: Case, seed: int) -> Truth:
    """The oracle's questions for ids of rank 3, about an answer without a time axis."""
    rng = np.random.default_rng(seed)
    texts = np.asarray(case.inputs)
    longer = np.pad(texts, [(0, 0), (0, 0), (0, 3)])
    others = np.concatenate([texts[:1], np.roll(texts[1:], 1, axis=-2)[::-1]])
    with doubles(), quiet():
        model = case.build()
        give_weights(model, rng)

        def answer(ids: Array) -> Array:
            return ops.convert_to_numpy(model(ops.convert_to_tensor(ids), training=False))

        before = answer(texts)
        amount = answer(longer) - before
        rows = answer(others)[:1] - before[:1]
        (words,) = [layer for layer in model._flatten_layers() if layer.name == "embedding"]
        table = ops.convert_to_numpy(words.weights[0])
        words.weights[0].assign(np.concatenate([rng.normal(size=(1, WIDTH)), table[1:]]))
        content = answer(texts) - before
    moves = [float(np.abs(move).max() / np.abs(before).max()) for move in (content, amount, rows)]
    return Truth(*(move if move > 1e-9 else 0.0 for move in moves))


def read_though_no_mask_is_lost() -> list[Known]:
    """Padding gets in, mostly where no call loses a mask."""
    both = "content amount"
    sequence = {"answers": (0,)}
    return [
        known(
            "GRU with initial_state",
            on_ids(Decoder, "pre", **sequence),
            both,
            ["decoder"],
        ),
        known(
            "GRU with initial_state and a mask by hand",
            on_ids(lambda: Decoder(by_hand=True), "pre", **sequence),
        ),
        # What stands right of a token cannot reach it.
        known("GRU with initial_state, padding right", on_ids(Decoder, **sequence)),
        known(
            "Bidirectional with initial_state",
            on_ids(lambda: Decoder(bidirectional=True), "pre", **sequence),
            both,
            ["both"],
        ),
        known(
            "Bidirectional with initial_state, padding right",
            on_ids(lambda: Decoder(bidirectional=True), **sequence),
            both,
            ["both"],
        ),
        known(
            "Bidirectional with initial_state and a mask by hand",
            on_ids(lambda: Decoder(bidirectional=True, by_hand=True), "pre", **sequence),
        ),
        known(
            "Concatenate with unmasked features",
            on_ids_and_features(joined(layers.Concatenate)),
            both,
            ["lstm"],
            told=True,
        ),
        known(
            "Add of unmasked features",
            on_ids_and_features(joined(layers.Add)),
            both,
            ["lstm"],
            told=True,
        ),
        known("operator before an LSTM", on_ids(Between), both, ["lstm"]),
        # A masked GRU hands on what padding does not change, only more of it.
        known("relu between two GRUs", on_ids(Rectified), "amount", ["second"]),
        known("operator last", on_ids(LastIsAnOperator, **sequence)),
        known(
            "positions added inside a layer",
            on_ids(of_positions(False, rnn("LSTM"))),
            both,
            ["lstm"],
        ),
        known(
            "positions that shift",
            on_ids(of_positions(True, attention()), "pre", **sequence),
            "amount",
            ["positions"],
        ),
        known(
            "positions, padding right",
            on_ids(of_positions(True, attention()), **sequence),
        ),
        known(
            "Lambda last",
            on_ids(
                stack(
                    rnn("LSTM", True),
                    lambda x: layers.Dense(3, name="dense")(x),
                    lambda x: layers.Lambda(lambda y: y * 2.0, name="last")(x),
                ),
                **sequence,
            ),
        ),
        known(
            "Lambda that averages",
            on_ids(
                stack(
                    rnn("LSTM", True),
                    lambda x: layers.Lambda(lambda y: ops.mean(y, axis=1), name="last")(x),
                )
            ),
            "amount",
            ["last"],
        ),
        known("tf.function around a convolution", on_ids(Compiled), both, ["conv"]),
        known(
            "no mask anywhere",
            on_ids(stack(rnn("LSTM"), mask_zero=False)),
            both,
            ["lstm"],
        ),
        known(
            "padding of 1 under mask_zero",
            on_ids(stack(rnn("LSTM")), padding=1),
            both,
            ["lstm"],
            told=True,
        ),
        known(
            "scaler before Masking",
            on_features(scaled("scale", "masking"), padded=(Padded("features", "values", ()),)),
            both,
            ["lstm"],
            told=True,
        ),
        known(
            "Masking before the scaler",
            on_features(scaled("masking", "scale"), padded=(Padded("features", None, ()),)),
            unasked="content",
        ),
        known(
            "TimeDistributed embedding and LSTM",
            on_sentences(sentences(inner_mask=False)),
            both,
            ["each_sentence"],
            measure=measure_sentences,
        ),
        known(
            "TimeDistributed model",
            on_sentences(sentences(inner_mask=True)),
            measure=measure_sentences,
        ),
        known("autoencoder", on_ids(autoencoder)),
    ]


def ignored_though_a_mask_is_lost() -> list[Known]:
    """Padding is ignored, though a mask ends on the way; and what looks alike, but is not."""
    sequence = {"answers": (0,)}
    bidirectional = lambda x: layers.Bidirectional(  # noqa: E731  # a step like the others
        layers.LSTM(5, return_sequences=True), name="both"
    )(x)
    return [
        known("blocks with padding_mask", on_ids_and_mask(blocks_with_mask, **sequence)),
        known("blocks with a mask made in code", on_ids(Blocks)),
        known("post-norm block, functional", on_ids(post_norm(1))),
        known(
            "two post-norm blocks, functional",
            on_ids(post_norm(2)),
            "content amount",
            ["attention_1"],
        ),
        known("post-norm block, subclassed", on_ids(PostNorm), "content amount", ["average"]),
        known("first token behind attention", on_ids(stack(attention(), first_token))),
        known(
            "first token behind attention, padding left",
            on_ids(stack(attention(), first_token), "pre"),
            "content amount",
            ["get_item"],
        ),
        known(
            "softmax and dropout inside attention",
            on_ids(stack(lambda x: OwnAttention(name="own")(x)), **sequence),
        ),
        # A masked LSTM repeats its last output, and so the largest stays the largest.
        known(
            "maximum over an LSTM",
            on_ids(stack(rnn("LSTM", True), lambda x: layers.GlobalMaxPooling1D(name="max")(x))),
        ),
        known(
            "maximum over a Bidirectional",
            on_ids(stack(bidirectional, lambda x: layers.GlobalMaxPooling1D(name="max")(x))),
            "amount",
            ["max"],
        ),
        known(
            "convolution",
            on_ids(
                stack(lambda x: layers.Conv1D(5, 3, padding="same", name="conv")(x), rnn("LSTM"))
            ),
            "content amount",
            ["conv"],
        ),
        known(
            "causal convolution",
            on_ids(
                stack(lambda x: layers.Conv1D(5, 3, padding="causal", name="conv")(x)), **sequence
            ),
        ),
        known(
            "group normalization",
            on_ids(
                stack(lambda x: layers.GroupNormalization(2, name="norm")(x), average),
            ),
            "content amount",
            ["norm"],
        ),
        # The outputs are reversed and the mask is not.
        known(
            "backwards LSTM",
            on_ids(stack(rnn("LSTM", True, go_backwards=True), average)),
            "amount",
            ["lstm"],
        ),
    ]


def attention_masks() -> list[Known]:
    """Attention whose mask is made by Keras, by hand, upside down, or of another shape."""
    sequence = {"answers": (0,)}
    both = "content amount"
    plain = stack(attention(), mask_zero=False)
    causal = stack(attention(use_causal_mask=True), mask_zero=False)
    return [
        known("attention without a mask", on_ids(plain, **sequence), both, ["attention"]),
        known("attention with the embedding's mask", on_ids(stack(attention()), **sequence)),
        known("causal attention, padding right", on_ids(causal, **sequence)),
        known(
            "causal attention, padding left", on_ids(causal, "pre", **sequence), both, ["attention"]
        ),
        known(
            "causal attention with the embedding's mask, padding left",
            on_ids(stack(attention(use_causal_mask=True)), "pre", **sequence),
        ),
        known(
            "attention mask by hand",
            on_ids(lambda: Masked(lambda ids: ops.not_equal(ids, 0)[:, None, :]), **sequence),
        ),
        known(
            "inverted attention mask",
            on_ids(lambda: Masked(lambda ids: ops.equal(ids, 0)[:, None, :]), **sequence),
            both,
            ["attention"],
        ),
        known(
            "attention mask (batch, time)",
            as_many_rows_as_timesteps(lambda: Masked(lambda ids: ops.not_equal(ids, 0))),
            "content rows",
            ["attention"],
            unasked="amount",
        ),
        known(
            "attention mask of queries",
            on_ids(lambda: Masked(lambda ids: ops.not_equal(ids, 0)[:, :, None]), **sequence),
            both,
            ["attention"],
        ),
        known("minus a billion in float16", on_ids(halves, **sequence), finite=False),
    ]


def reported_cases() -> list[Known]:
    """All of them."""
    return [
        *read_though_no_mask_is_lost(),
        *ignored_though_a_mask_is_lost(),
        *attention_masks(),
    ]
