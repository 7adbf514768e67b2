"""Right and wrong answers to the questions on layers that change time."""

import keras
import numpy as np  # noqa: F401  # for a changed layer
import tensorflow as tf  # noqa: F401  # for changed layers
from keras import ops
from keras.layers import Layer

from answers import OPTS_IN, Answers, changed, changes


class SplitWithNones(Layer):
    """Returns a mask for each output, also where there is none."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def call(self, x):
        return self.cut(x)

    def compute_mask(self, x, mask=None):
        return (None, None) if mask is None else self.cut(mask)

    def cut(self, x):
        return x[:, : self.steps], x[:, self.steps :]


class JoinAsValues(Layer):
    """Lets Keras's own layer join the values, and the masks as if they were values."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.join = keras.layers.Concatenate(axis=1)

    def call(self, inputs):
        return self.join(inputs)

    def compute_mask(self, inputs, mask=None):
        masks = [
            ops.full_like(tensor[..., :1], 1)
            if one is None
            else ops.cast(one, "float32")[..., None]
            for tensor, one in zip(inputs, mask, strict=True)
        ]
        return ops.concatenate(masks, axis=1)[..., 0] > 0.5


class JoinOneByOne(Layer):
    def __init__(self):
        super().__init__()

    def call(self, x):
        return ops.concatenate((x[0], x[1]), axis=1)

    def compute_mask(self, x, mask=None):
        if mask[0] is None and mask[1] is None:
            return None
        known = [self.known(*pair) for pair in zip(x, mask, strict=True)]
        return ops.concatenate(known, axis=1)

    def known(self, x, mask):
        return ops.any(ops.equal(x, x), axis=-1) if mask is None else mask


class StackWithReshape(Layer):
    def __init__(self):
        super().__init__()

    def call(self, x):
        return ops.reshape(x, (-1, x.shape[1] // 2, 2 * x.shape[2]))

    def compute_mask(self, x, mask=None):
        return None if mask is None else ops.any(self.pairs(mask), axis=2)

    def pairs(self, mask):
        return ops.reshape(mask, (-1, mask.shape[1] // 2, 2))


class StackWithMax(Layer):
    def __init__(self):
        super().__init__()
        self.reshape = keras.layers.Reshape((3, -1))

    def call(self, inputs):
        return self.reshape(inputs)

    def compute_mask(self, inputs, mask=None):
        return mask if mask is None else mask[:, 0::2] | mask[:, 1::2]


# Pieces of the layers above that stand for what becomes of the mask.
SPLIT = "ops.split(x, [self.steps], axis=1)"
CUT, ANY = "self.cut(mask)", "ops.any(self.pairs(mask), axis=2)"
RESHAPED = "ops.reshape(x, (-1, x.shape[1] // 2, 2 * x.shape[2]))"
KNOWN, JOINED = "ops.any(ops.equal(x, x), axis=-1)", "ops.concatenate(known, axis=1)"
NONE, BOTH_NONE = "mask is None", "mask[0] is None and mask[1] is None"
BOTH = "all(one is not None for one in mask)"
SYMBOLIC = "mask is None or isinstance(mask, keras.KerasTensor)"

ANSWERS = {
    "split-at": Answers(
        right=(
            SplitWithNones,
            changed(
                SplitWithNones,
                "x[:, : self.steps], x[:, self.steps :]",
                SPLIT,
                "(None, None)",
                "None",
            ),
        ),
        wrong=(
            *changes(
                SplitWithNones,
                ("wrong-values", "self.cut(x)", "self.cut(x)[::-1]"),
                ("not-two-tensors", "self.cut(x)", "self.cut(x)[0]"),
                ("cuts-in-the-middle", "= steps", "= 3"),
                ("loses-the-masks", "compute_mask", "another"),
                ("hands-on-the-whole-mask", *OPTS_IN),
                ("one-mask-for-two", CUT, "self.cut(mask)[0]"),
                ("swaps-the-masks", CUT, "self.cut(mask)[::-1]"),
                ("wrong-masks", CUT, "(mask[:, : self.steps], mask[:, : -self.steps])"),
                ("fails-without-a-mask", "(None, None) if mask is None else ", ""),
                ("invents-a-mask", "(None, None)", "self.cut(ops.any(x != 0, axis=2))"),
                ("fails-in-a-model", CUT, "tf.split(mask, [2, 4], axis=1)"),
                ("lost-in-a-model", NONE, SYMBOLIC),
            ),
        ),
    ),
    "temporal-concat": Answers(
        right=(JoinAsValues, JoinOneByOne),
        wrong=(
            *changes(
                JoinOneByOne,
                ("wrong-order", "(x[0], x[1])", "(x[1], x[0])"),
                ("wrong-axis", "(x[0], x[1]), axis=1", "(x[0], x[1]), axis=-1"),
                ("wrong-values", "return ops.concatenate((", "return 2 * ops.concatenate(("),
                ("loses-the-mask", "compute_mask", "another"),
                ("mask-of-one", *OPTS_IN),
                ("wrong-mask", JOINED, f"ops.concatenate(mask[::-1] if {BOTH} else known, axis=1)"),
                ("combines-the-masks", JOINED, f"ops.logical_or(*mask) if {BOTH} else {JOINED}"),
                (
                    "wrong-without-masks",
                    "return None",
                    "return next(m for m in mask if m is not None)",
                ),
                ("fails-where-one-is-missing", JOINED, "ops.concatenate(mask, axis=1)"),
                ("gives-up-where-one-is-missing", BOTH_NONE, "mask[0] is None or mask[1] is None"),
                ("takes-missing-for-padding", KNOWN, "ops.any(ops.not_equal(x, x), axis=-1)"),
                ("not-boolean", KNOWN, "ops.ones_like(x[:, :, 0])"),
                ("wrong-where-one-is-missing", KNOWN, "ops.cumsum(x[:, :, 0] != 0, 1) > 1"),
                ("fails-in-a-model", KNOWN, "tf.ones(x.shape[:2], bool)"),
                ("fails-in-a-model", KNOWN, 'ops.ones(x.shape[:2], dtype="bool")'),
                ("lost-in-a-model", BOTH_NONE, "isinstance(x[0], keras.KerasTensor)"),
            ),
        ),
    ),
    "stack-pairs": Answers(
        right=(StackWithReshape, StackWithMax),
        wrong=(
            *changes(
                StackWithReshape,
                ("wrong-shape", RESHAPED, "(x[:, ::2] + x[:, 1::2]) / 2"),
                ("stacks-the-halves", RESHAPED, "ops.concatenate(ops.split(x, 2, axis=1), axis=2)"),
                ("wrong-values", RESHAPED, "ops.concatenate((x[:, 1::2], x[:, ::2]), axis=2)"),
                ("loses-the-mask", "compute_mask", "another"),
                ("third-axis", ANY, "self.pairs(mask)"),
                ("not-boolean", ANY, 'ops.max(self.pairs(ops.cast(mask, "float32")), axis=2)'),
                ("hands-on-the-whole-mask", *OPTS_IN),
                ("asks-one-frame", ANY, "mask[:, ::2]"),
                ("asks-one-frame", ANY, "mask[:, 1::2]"),
                ("drops-half-a-pair", "any", "all"),
                ("wrong-mask", ANY, "mask[:, : mask.shape[1] // 2]"),
                ("fails-without-a-mask", "None if mask is None else ", ""),
                ("invents-a-mask", "None if", "ops.any(self.pairs(ops.any(x != 0, 2)), axis=2) if"),
                ("fails-in-a-model", ANY, "ops.array(np.asarray(self.pairs(mask)).any(axis=2))"),
                ("lost-in-a-model", NONE, SYMBOLIC),
            ),
        ),
    ),
}
