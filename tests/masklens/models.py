"""The models that the tests trace, each with the table of calls that it should give."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops

IDS = np.array([[7, 3, 2, 0, 0], [1, 4, 0, 0, 0], [5, 6, 7, 8, 9]], dtype="int32")
OTHER = np.array([[7, 0, 0, 0, 0], [1, 4, 3, 0, 0], [5, 6, 7, 8, 0]], dtype="int32")
FEATURES = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
# Rows of zeros where IDS is padding, as `Masking` looks for.
GAPS = np.where((IDS != 0)[:, :, None], FEATURES, 0).astype("float32")

MASKS = {
    "m": IDS != 0,
    "n": OTHER != 0,
    "m|n": (IDS != 0) | (OTHER != 0),
    "m+n": np.concatenate([IDS != 0, OTHER != 0], axis=1),
    "m:2": (IDS != 0)[:, :2],
    "m-1": (IDS != 0)[:, 1:],
    "m1T": (IDS != 0)[:, None, None, :],
    "all": np.ones((3, 5), bool),
}


@dataclass(frozen=True)
class Case:
    """A model, what to call it on, and one line for each call that should be seen.

    A line holds the path, the effect, the masks in and out (by their names in MASKS, `-` for none,
    `/` between several tensors; `.` for no tensors), whether the call uses its mask (`yes`, `no`,
    `.` where it met none), and `LOST` if it costs a mask.
    """

    name: str
    build: Callable[[], Any]
    inputs: Any
    table: str
    own_code: bool = False
    """Whether the model is code of its own, and not a graph that can be cut."""

    def rows(self) -> list[list[str]]:
        return [line.split() for line in self.table.strip().splitlines()]


def words(name: str = "words") -> layers.Layer:
    return layers.Embedding(10, 4, mask_zero=True, name=name)


def ids(name: str = "ids") -> Any:
    return keras.Input((5,), dtype="int32", name=name)


@keras.saving.register_keras_serializable("masklens_tests")
class Block(layers.Layer):
    """Calls layers one after another, and keeps nothing of what they do with a mask."""

    def __init__(self, inner: list[layers.Layer], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = inner

    def call(self, x: Any) -> Any:
        for layer in self.inner:
            x = layer(x)
        return x


class Chain(keras.Model):
    """A subclassed model that is not built before its first call."""

    def __init__(self, *inner: layers.Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = list(inner)

    def call(self, x: Any) -> Any:
        for layer in self.inner:
            x = layer(x)
        return x


class ByHand(keras.Model):
    """Hands a mask from the ids to a layer behind one that loses it."""

    def __init__(self) -> None:
        super().__init__()
        self.words = layers.Embedding(10, 4, name="words")
        self.conv = layers.Conv1D(4, 2, padding="same", name="conv")
        self.lstm = layers.LSTM(3, name="lstm")

    def call(self, x: Any) -> Any:
        return self.lstm(self.conv(self.words(x)), mask=ops.not_equal(x, 0))


class Between(keras.Model):
    """Loses its mask between two layers, where there is no layer to blame."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.lstm = words(), layers.LSTM(3, name="lstm")

    def call(self, x: Any) -> Any:
        return self.lstm(self.words(x) * 2.0)


class PostNorm(keras.Model):
    """A transformer block as one writes it, whose residual sum comes out without a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.mha = words(), layers.MultiHeadAttention(1, 4, name="mha")
        self.sum, self.pool = layers.Add(name="sum"), layers.GlobalAveragePooling1D(name="pool")

    def call(self, x: Any) -> Any:
        x = self.words(x)
        return self.pool(self.sum([x, self.mha(x, x)]))


class Unmasked(layers.Layer):
    """Does not support masking."""

    def call(self, x: Any) -> Any:
        return x * 2.0


class Passing(Unmasked):
    """Supports masking by handing it on."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True


class Halves(layers.Layer):
    """Changes the mask with the timesteps: keeps the first two."""

    def call(self, x: Any) -> Any:
        return x[:, :2]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return None if mask is None else mask[:, :2]


class MaskedSoftmax(layers.Layer):
    """Takes a mask and normalises over the valid timesteps."""

    def __init__(self, faulty: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.faulty = faulty

    def call(self, x: Any, mask: Any = None) -> Any:
        scores = ops.exp(x)
        if mask is not None and not self.faulty:
            scores = scores * ops.cast(mask, x.dtype)[:, :, None]
        return scores / ops.sum(scores, axis=1, keepdims=True)


class Misfit(layers.Layer):
    """Puts a mask of a wrong shape on its output."""

    def call(self, x: Any) -> Any:
        return x * 2.0

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return None if mask is None else mask[:, 1:]


def sequential(*inner: layers.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((5,), dtype="int32"), *inner])


def functional() -> keras.Model:
    x = ids()
    return keras.Model(x, layers.GlobalAveragePooling1D(name="pool")(words()(x)))


def nested() -> keras.Model:
    x = ids()
    y = layers.LSTM(4, return_sequences=True, name="lstm")(words()(x))
    encoder = keras.Model(x, y, name="encoder")
    z = ids("outer")
    return keras.Model(z, layers.GlobalAveragePooling1D(name="pool")(encoder(z)))


def shared() -> keras.Model:
    one, two, embed = ids("one"), ids("two"), words()
    both = layers.Concatenate(axis=1, name="both")([embed(one), embed(two)])
    return keras.Model([one, two], layers.LSTM(3, name="lstm")(both))


def outputs() -> keras.Model:
    x = ids()
    sequence, h, c = layers.LSTM(4, return_sequences=True, return_state=True, name="lstm")(
        words()(x)
    )
    return keras.Model(
        x, {"pool": layers.GlobalAveragePooling1D(name="pool")(sequence), "h": h, "c": c}
    )


def merge(layer: layers.Layer, second_masked: bool = True) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        one, two = ids("one"), ids("two")
        other = layers.Embedding(10, 4, mask_zero=second_masked, name="other")
        return keras.Model({"one": one, "two": two}, layer([words()(one), other(two)]))

    return build


def attention(layer: layers.Layer) -> keras.Model:
    one, two = ids("one"), ids("two")
    return keras.Model([one, two], layer([words()(one), words("other")(two)]))


def post_norm() -> keras.Model:
    x = ids()
    h = words()(x)
    a = layers.MultiHeadAttention(1, 4, name="mha")(h, h)
    y = layers.LayerNormalization(name="norm")(layers.Add(name="sum")([h, a]))
    return keras.Model(x, layers.GlobalAveragePooling1D(name="pool")(y))


def pre_norm() -> keras.Model:
    x = ids()
    h = words()(x)
    n = layers.LayerNormalization(name="norm")(h)
    y = layers.Add(name="sum")([h, layers.MultiHeadAttention(1, 4, name="mha")(n, n)])
    return keras.Model(x, layers.GlobalAveragePooling1D(name="pool")(y))


def grouped() -> keras.Model:
    x = ids()
    h = words()(x)
    a = layers.GroupQueryAttention(2, 2, 1, name="gqa")(h, h)
    return keras.Model(x, layers.Add(name="sum")([h, a]))


def operators() -> keras.Model:
    x = ids()
    h = words()(x) * 2.0 + 1.0
    return keras.Model(x, layers.LSTM(3, name="lstm")(h))


CASES = [
    Case(
        "sequential",
        lambda: sequential(
            words(),
            layers.Dropout(0.5, name="drop"),
            layers.LSTM(3, name="lstm"),
            layers.Dense(1, name="out"),
        ),
        IDS,
        """
        words  creates  -  m  .
        drop   passes   m  m  no
        lstm   ends     m  -  yes
        out    none     -  -  .
        """,
    ),
    Case(
        "sequential, not built",
        lambda: keras.Sequential([words(), layers.GRU(3, name="gru")]),
        IDS,
        """
        words  creates  -  m  .
        gru    ends     m  -  yes
        """,
    ),
    Case(
        "lost by a convolution",
        lambda: sequential(
            words(),
            layers.Conv1D(4, 2, padding="same", name="conv"),
            layers.ReLU(name="relu"),
            layers.LSTM(3, name="lstm"),
        ),
        IDS,
        """
        words  creates  -  m  .
        conv   drops    m  -  no  LOST
        relu   none     -  -  .
        lstm   none     -  -  .
        """,
    ),
    Case(
        "lost by Flatten at the end",
        lambda: sequential(words(), layers.Dense(2, name="dense"), layers.Flatten(name="flat")),
        IDS,
        """
        words  creates  -  m  .
        dense  passes   m  m  no
        flat   drops    m  -  no  LOST
        """,
    ),
    Case(
        "functional",
        functional,
        IDS,
        """
        words  creates  -  m  .
        pool   ends     m  -  yes
        """,
    ),
    Case(
        "subclassed",
        lambda: Chain(
            words(),
            layers.SimpleRNN(4, return_sequences=True, name="rnn"),
            layers.BatchNormalization(name="batch"),
            layers.GlobalMaxPooling1D(name="max"),
        ),
        IDS,
        """
        words  creates  -  m  .
        rnn    passes   m  m  yes
        batch  passes   m  m  no
        max    drops    m  -  no  LOST
        """,
        own_code=True,
    ),
    Case(
        "a model in a model",
        nested,
        IDS,
        """
        encoder        creates  -  m  .
        encoder/words  creates  -  m  .
        encoder/lstm   passes   m  m  yes
        pool           ends     m  -  yes
        """,
    ),
    Case(
        "models in models, of three kinds",
        lambda: Chain(
            words(),
            keras.Sequential([layers.Dense(4, name="dense"), nested_features()], name="middle"),
            Chain(layers.GRU(2, name="gru"), name="last"),
        ),
        IDS,
        """
        words              creates  -  m  .
        middle             passes   m  m  yes
        middle/dense       passes   m  m  no
        middle/inner       passes   m  m  yes
        middle/inner/lstm  passes   m  m  yes
        last               ends     m  -  yes
        last/gru           ends     m  -  yes
        """,
        own_code=True,
    ),
    Case(
        "a shared layer, two inputs, joined in time",
        shared,
        [IDS, OTHER],
        """
        words  creates  -    n    .
        words  creates  -    m    .
        both   changes  m/n  m+n  no
        lstm   ends     m+n  -    yes
        """,
    ),
    Case(
        "several outputs",
        outputs,
        IDS,
        """
        words  creates  -  m      .
        lstm   passes   m  m/-/-  yes
        pool   ends     m  -      yes
        """,
    ),
    Case(
        "bidirectional",
        lambda: sequential(
            words(),
            layers.Bidirectional(layers.LSTM(2, return_sequences=True), name="one"),
            layers.Bidirectional(layers.GRU(2), name="two"),
        ),
        IDS,
        """
        words              creates  -  m  .
        one                passes   m  m  yes
        one/forward_lstm   passes   m  m  yes
        one/backward_lstm  passes   m  m  yes
        two                ends     m  -  yes
        two/forward_gru    ends     m  -  yes
        two/backward_gru   ends     m  -  yes
        """,
    ),
    Case(
        "backwards",
        lambda: sequential(
            words(), layers.LSTM(2, go_backwards=True, return_sequences=True, name="lstm")
        ),
        IDS,
        """
        words  creates  -  m  .
        lstm   passes   m  m  yes
        """,
    ),
    Case(
        "time distributed",
        lambda: sequential(
            words(),
            layers.TimeDistributed(layers.Dense(2), name="each"),
            layers.GlobalAveragePooling1D(name="pool"),
        ),
        IDS,
        """
        words  creates  -  m  .
        each   passes   m  m  no
        pool   ends     m  -  yes
        """,
    ),
    Case(
        "an embedding that is time distributed",
        lambda: Chain(
            layers.TimeDistributed(words(), name="each"),
            layers.TimeDistributed(layers.LSTM(3), name="sums"),
        ),
        np.stack([IDS, OTHER], axis=1),
        """
        each  none  -  -  .
        sums  none  -  -  .
        """,
        own_code=True,
    ),
    Case(
        "RNN over cells",
        lambda: sequential(
            words(),
            layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)], return_sequences=True, name="rnn"),
            layers.RNN(layers.SimpleRNNCell(2), name="last"),
        ),
        IDS,
        """
        words  creates  -  m  .
        rnn    passes   m  m  yes
        last   ends     m  -  yes
        """,
    ),
    Case(
        "stateful",
        lambda: keras.Sequential(
            [
                keras.Input(batch_shape=(3, 5), dtype="int32"),
                words(),
                layers.LSTM(3, stateful=True, name="lstm"),
            ]
        ),
        IDS,
        """
        words  creates  -  m  .
        lstm   ends     m  -  yes
        """,
    ),
    Case(
        "attention",
        lambda: attention(layers.Attention(name="attend")),
        [IDS, OTHER],
        """
        words   creates  -    m  .
        other   creates  -    n  .
        attend  passes   m/n  m  yes
        """,
    ),
    Case(
        "additive attention",
        lambda: attention(layers.AdditiveAttention(name="attend")),
        [IDS, OTHER],
        """
        words   creates  -    m  .
        other   creates  -    n  .
        attend  passes   m/n  m  yes
        """,
    ),
    Case(
        "post-norm",
        post_norm,
        IDS,
        """
        words                 creates  -    m  .
        mha                   passes   m/m  m  yes  LOST
        mha/query             none     -    -  .
        mha/key               none     -    -  .
        mha/value             none     -    -  .
        mha/attention_output  none     -    -  .
        sum                   drops    -/m  -  no   LOST
        norm                  none     -    -  .
        pool                  ends     m    -  yes
        """,
    ),
    Case(
        "post-norm, subclassed",
        PostNorm,
        IDS,
        """
        words                 creates  -    m  .
        mha                   passes   m/m  m  yes  LOST
        mha/query             none     -    -  .
        mha/key               none     -    -  .
        mha/value             none     -    -  .
        mha/attention_output  none     -    -  .
        sum                   drops    -/m  -  no   LOST
        pool                  none     -    -  .
        """,
        own_code=True,
    ),
    Case(
        "pre-norm",
        pre_norm,
        IDS,
        """
        words                 creates  -    m  .
        norm                  passes   m    m  no
        mha                   passes   m/m  m  yes
        mha/query             none     -    -  .
        mha/key               none     -    -  .
        mha/value             none     -    -  .
        mha/attention_output  none     -    -  .
        sum                   passes   m/m  m  no
        pool                  ends     m    -  yes
        """,
    ),
    Case(
        "grouped queries",
        grouped,
        IDS,
        """
        words                 creates  -    m  .
        gqa                   passes   m/m  m  yes
        gqa/query             drops    m    -  no
        gqa/key               drops    m    -  no
        gqa/value             drops    m    -  no
        gqa/attention_output  none     -    -  .
        sum                   passes   m/m  m  no
        """,
    ),
    *[
        Case(
            f"{kind.__name__} of two masks",
            merge(kind(name="merge")),
            {"one": IDS, "two": OTHER},
            f"""
            words  creates  -    m    .
            other  creates  -    n    .
            merge  changes  m/n  m|n  {uses}
            """,
        )
        for kind, uses in [
            (layers.Add, "no"),
            (layers.Average, "no"),
            (layers.Subtract, "no"),
            (layers.Maximum, "yes"),
            (layers.Minimum, "yes"),
            (layers.Multiply, "yes"),
        ]
    ],
    Case(
        "a merge with an input without a mask",
        merge(layers.Add(name="merge"), second_masked=False),
        {"one": IDS, "two": OTHER},
        """
        words  creates  -    m  .
        other  none     -    -  .
        merge  drops    m/-  -  no  LOST
        """,
    ),
    Case(
        "a mask by hand",
        ByHand,
        IDS,
        """
        words  none  -  -  .
        conv   none  -  -  .
        lstm   ends  m  -  yes
        """,
        own_code=True,
    ),
    Case(
        "custom layers",
        lambda: Chain(
            words(),
            Passing(name="passing"),
            Halves(name="halves"),
            Unmasked(name="unmasked"),
            layers.LSTM(2, name="lstm"),
        ),
        IDS,
        """
        words     creates  -    m    .
        passing   passes   m    m    no
        halves    changes  m    m:2  no
        unmasked  drops    m:2  -    no  LOST
        lstm      none     -    -    .
        """,
        own_code=True,
    ),
    Case(
        "custom layers that take the mask",
        lambda: sequential(
            words(), MaskedSoftmax(name="right"), MaskedSoftmax(faulty=True, name="faulty")
        ),
        IDS,
        """
        words   creates  -  m  .
        right   passes   m  m  yes
        faulty  passes   m  m  no
        """,
    ),
    Case(
        "a custom block, with a layer that uses the mask and one that loses it",
        lambda: Chain(
            words(),
            Block([layers.LSTM(4, name="lstm")], name="used"),
        ),
        IDS,
        """
        words      creates  -  m  .
        used       ends     m  -  yes
        used/lstm  ends     m  -  yes
        """,
        own_code=True,
    ),
    Case(
        "a custom block that loses the mask inside",
        lambda: Chain(
            words(),
            Block([layers.Conv1D(4, 2, name="conv")], name="block"),
            layers.LSTM(2, name="lstm"),
        ),
        IDS,
        """
        words       creates  -  m  .
        block       drops    m  -  no  LOST
        block/conv  drops    m  -  no  LOST
        lstm        none     -  -  .
        """,
        own_code=True,
    ),
    Case(
        "Masking",
        lambda: keras.Sequential(
            [keras.Input((5, 4)), layers.Masking(name="masking"), layers.LSTM(2, name="lstm")]
        ),
        GAPS,
        """
        masking  creates  -  m  .
        lstm     ends     m  -  yes
        """,
    ),
    Case(
        "Masking after an embedding",
        lambda: sequential(words(), layers.Masking(name="masking")),
        IDS,
        """
        words    creates  -  m    .
        masking  changes  m  all  no
        """,
    ),
    Case(
        "operators in a functional model",
        operators,
        IDS,
        """
        words     creates  -  m  .
        multiply  drops    m  -  .  LOST
        lstm      none     -  -  .
        """,
    ),
    Case(
        "operators between layers",
        Between,
        IDS,
        """
        words  creates  -  m  .
        lstm   none     -  -  .
        """,
        own_code=True,
    ),
    Case(
        "a mask of a wrong shape",
        lambda: Chain(words(), Misfit(name="misfit"), layers.Dense(2, name="dense")),
        IDS,
        """
        words   creates  -    m    .
        misfit  changes  m    m-1  no
        dense   passes   m-1  m-1  no
        """,
        own_code=True,
    ),
    Case(
        "a bare layer",
        lambda: layers.LSTM(2, name="lstm"),
        FEATURES,
        """
        lstm  none  -  -  .
        """,
        own_code=True,
    ),
    Case(
        "a bare layer with layers inside",
        lambda: layers.Bidirectional(layers.LSTM(2), name="both"),
        FEATURES,
        """
        both                none  -  -  .
        both/forward_lstm   none  -  -  .
        both/backward_lstm  none  -  -  .
        """,
        own_code=True,
    ),
]


def nested_features() -> keras.Model:
    x = keras.Input((5, 4))
    return keras.Model(x, layers.LSTM(4, return_sequences=True, name="lstm")(x), name="inner")
