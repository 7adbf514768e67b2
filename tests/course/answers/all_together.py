"""Right and wrong answers to the questions that need several lessons."""

import keras
import tensorflow as tf
from keras import layers, ops

from answers import Answers, changes


def classifier(embedding, conv, score, output):
    """What wrong answers change."""
    ids = keras.Input((None,), dtype="int32")
    keep = ops.expand_dims(ops.not_equal(ids, 0), -1)
    states = conv(ops.where(keep, embedding(ids), 0.0))
    weights = ops.softmax(ops.where(keep, score(states), -1e9), axis=1)
    weights = ops.where(keep, weights, 0.0)
    return keras.Model(ids, output(ops.sum(weights * states, axis=1)))


class WeightedSum(layers.Layer):
    """Computes the softmax by itself, and gives one vector, without a mask."""

    def __init__(self, score):
        super().__init__()
        self.score = score

    def call(self, inputs):
        states, keep = inputs
        scores = ops.where(keep > 0, self.score(states), -1e9)
        exps = ops.exp(scores - ops.max(scores, axis=1, keepdims=True)) * keep
        return ops.sum(exps * states, axis=1) / ops.maximum(ops.sum(exps, axis=1), 1.0)


def classifier_of_two_layers(embedding, conv, score, output):
    ids = keras.Input((None,), dtype="int32")
    keep = layers.Lambda(lambda ids: ops.cast(ids > 0, "float32")[..., None])(ids)
    x = layers.Multiply()([embedding(ids), keep])
    return keras.Model(ids, output(WeightedSum(score)([conv(x), keep])))


class SubclassedClassifier(keras.Model):
    def __init__(self, *parts):
        super().__init__()
        self.embedding, self.conv, self.score, self.rate = parts

    def call(self, ids):
        keep = tf.not_equal(ids, 0)
        states = self.conv(self.embedding(ids) * tf.cast(keep, "float32")[..., None])
        weights = layers.Softmax(axis=1)(self.score(states)[..., 0], mask=keep)
        weights = tf.where(keep, weights, 0.0)
        return self.rate(tf.einsum("bt,btf->bf", weights, states))


def classifier_with_ragged(embedding, conv, score, output):
    """Answers to each review alone."""

    class Alone(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = [embedding, conv, score, output]

        def call(self, ids):
            return ops.concatenate([self.answer(row[row != 0][None]) for row in ids], axis=0)

        def answer(self, ids):
            states = conv(embedding(ids)) if ids.shape[1] else tf.zeros((1, 0, conv.filters))
            return output(tf.reduce_sum(tf.nn.softmax(score(states), axis=1) * states, axis=1))

    return Alone()


class Block(layers.Layer):
    """What wrong answers change."""

    def __init__(self, attention, norm):
        super().__init__()
        self.attention, self.norm = attention, norm
        self.supports_masking = True

    def call(self, x, mask=None):
        return self.norm(x + self.attention(x, x, attention_mask=mask[:, None, :]))


def block(embedding, attention, norm):
    """What wrong answers change, with the layer above."""
    ids = keras.Input((None,), dtype="int32")
    x = embedding(ids)
    return keras.Model(ids, Block(attention, norm)(x))


class Remember(layers.Layer):
    """Gives its first input the mask of its second."""

    def call(self, inputs):
        return inputs[0]

    def compute_mask(self, inputs, mask=None):
        return ops.not_equal(inputs[1], 0)


def block_remembers(embedding, attention, norm):
    ids = keras.Input((None,), dtype="int32")
    x = embedding(ids)
    return keras.Model(ids, Remember()([norm(x + attention(x, x)), ids]))


def block_embeds_twice(embedding, attention, norm):
    ids = keras.Input((None,), dtype="int32")
    x = embedding(ids)
    return keras.Model(ids, norm(layers.Add()([embedding(ids), attention(x, x)])))


class SubclassedBlock(keras.Model):
    def __init__(self, embedding, attention, norm):
        super().__init__()
        self.embedding, self.attention, self.norm = embedding, attention, norm

    def call(self, ids):
        x = self.embedding(ids)
        return self.norm(x + self.attention(x, x))

    def compute_mask(self, ids, mask=None):
        return self.embedding.compute_mask(ids)


class AnotherMask(layers.Layer):
    """Gives its input the mask that a function makes of the ids."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def call(self, inputs):
        return ops.copy(inputs[0])  # a tensor that carries a mask keeps it

    def compute_mask(self, inputs, mask=None):
        return self.make(inputs[1])


# Pieces of the answers above that stand for what they give.
ZEROED, FILLED = "ops.where(keep, embedding(ids), 0.0)", "ops.where(keep, score(states), -1e9)"
EXPS = f"ops.exp({FILLED})"
LATE, WEIGHTED = "ops.where(keep, weights, 0.0)", "ops.sum(weights * states, axis=1)"
SOFTMAX, IDS, KEEP = f"ops.softmax({FILLED}, axis=1)", "(None,)", "ops.not_equal(ids, 0)"
# Where a whole row has words, or none; and a mask as of one who counts them from one end.
FULL = "ops.all(keep, axis=1, keepdims=True)"
NONE = "ops.logical_not(ops.any(keep, axis=1, keepdims=True))"
COUNT = "ops.sum(ops.cast(ops.not_equal(ids, 0), 'int32'), axis=1, keepdims=True)"
PLACE = "(ops.cumsum(ops.ones_like(ids), axis=1) - 1)"
AT_ONE_END = f"ops.where(ids[:, :1] != 0, {PLACE} < {COUNT}, ops.flip({PLACE}, axis=1) < {COUNT})"
MADE = "Block(attention, norm)(x)"
ATTENDS = "lambda *x, attention_mask: attention(*x, attention_mask=attention_mask)"
# 0 where there is one timestep.
MANY = "ops.cast(ops.sum(ops.ones_like(x[0][:1, :, :1])) > 1, 'float32')"


def masked_by(make):
    """A piece of a block whose mask is what a function makes of the ids."""
    return f"AnotherMask(lambda ids: {make})([{MADE}, ids])"


ANSWERS = {
    "answers-once": Answers(
        right=(
            classifier,
            classifier_of_two_layers,
            lambda *parts: SubclassedClassifier(*parts),
            classifier_with_ragged,
        ),
        wrong=(
            ("no-model", lambda embedding, conv, score, output: lambda ids: embedding(ids)),
            ("returns-nothing", lambda embedding, conv, score, output: None),
            ("wrong-arguments", lambda: None),
            *changes(
                classifier,
                ("one-per-timestep", WEIGHTED, "states"),
                ("wrong-shape", f"output({WEIGHTED})", f"output({WEIGHTED})[:, 0]"),
                ("keras-error", SOFTMAX, f"ops.softmax(ops.squeeze({FILLED}), axis=1)[..., None]"),
                ("other-axis", SOFTMAX, f"ops.softmax({FILLED}, axis=-1)"),
                ("equal-weights", "score(states)", "0 * score(states)"),
                ("wrong-answers", f"output({WEIGHTED})", f"1 - output({WEIGHTED})"),
                (
                    "wrong-answers",
                    SOFTMAX,
                    f"{EXPS} / (ops.sum({EXPS}, axis=1, keepdims=True) + 1e-7)",
                ),
                ("wrong-answers", WEIGHTED, f"ops.where({FULL}[:, 0], 0.0, {WEIGHTED})"),
                ("reads-around", ZEROED, "embedding(ids)"),
                ("weighs-padding", FILLED, "score(states)", LATE, "weights"),
                ("masks-late", FILLED, "score(states)"),
                ("padding-moves-it", FILLED, "ops.where(keep, score(states), 0.0)"),
                ("masks-late", FILLED, "ops.where(keep, score(states), -20.0)"),
                ("padding-moves-it", KEEP, AT_ONE_END),
                ("empty-review", LATE, "weights"),
                ("empty-review", LATE, f"ops.where({NONE}, 1e-2, {LATE})"),
                ("empty-review", LATE, f"ops.where(ops.any(keep), {LATE}, 0.5)"),
                ("nan-for-no-word", "-1e9", "-float('inf')", LATE, "weights"),
                ("only-this-example", IDS, "(6,)"),
                ("wrong-answers", "embedding(ids)", "embedding(ops.minimum(ids, 48))"),
            ),
        ),
        two=(
            (
                "reads-around",
                "weighs-padding",
                next(
                    changes(
                        classifier,
                        ("", ZEROED, "embedding(ids)", FILLED, "score(states)", LATE, "weights"),
                    )
                )[1],
            ),
        ),
    ),
    "block-with-a-mask": Answers(
        right=(block, block_remembers, block_embeds_twice, lambda *parts: SubclassedBlock(*parts)),
        wrong=(
            ("no-model", lambda embedding, attention, norm: lambda ids: norm(embedding(ids))),
            ("returns-nothing", lambda embedding, attention, norm: None),
            *changes(
                block,
                ("mask-lost", MADE, "norm(layers.Add()([x, attention(x, x)]))"),
                ("no-residual", MADE, "norm(attention(x, x))"),
                ("norm-first", MADE, "layers.Add()([embedding(ids), attention(*[norm(x)] * 2)])"),
                ("reads-padding", MADE, "norm(layers.Add()([x, attention(*[x + 0] * 2)]))"),
                ("wrong-vectors", MADE, "norm(x)"),
                ("wrong-vectors", MADE, "attention(x, norm(x))"),
                (
                    "wrong-vectors",
                    "embedding(ids)",
                    "embedding(ops.minimum(ids, embedding.input_dim - 2))",
                ),
                ("wrong-shape", "embedding(ids)", "embedding(ids[:, :6])"),
                ("wrong-vectors", MADE, f"Block({ATTENDS} * ({MANY}), norm)(x)"),
                ("wrong-shape", MADE, f"{MADE}[:, 0]"),
                ("another-mask", MADE, masked_by("ops.equal(ids, ids)")),
                ("another-mask", MADE, masked_by(f"{PLACE} < {COUNT}")),
                ("another-mask", MADE, masked_by(f"{KEEP} | ops.all(ops.equal(ids, 0), 1, True)")),
                ("another-mask", MADE, masked_by("ops.not_equal(ids, 0)[..., None]")),
                ("not-boolean", MADE, masked_by("ops.cast(ops.not_equal(ids, 0), 'float32')")),
                ("inverted", MADE, masked_by("ops.equal(ids, 0)")),
                ("only-this-example", IDS, "(4,)"),
            ),
        ),
    ),
}
