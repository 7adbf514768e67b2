"""Right and wrong answers to the questions on layers that change time."""

import keras
import numpy as np  # noqa: F401  # for a changed layer
import tensorflow as tf
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


class SplitOfTensorFlow(Layer):
    def __init__(self, steps, **kwargs):
        super().__init__(**kwargs)
        self.steps = steps

    def call(self, inputs):
        rest = tf.shape(inputs)[1] - self.steps
        return tf.split(inputs, [self.steps, rest], axis=1)

    def compute_mask(self, inputs, mask=None):
        if mask is not None:
            return [mask[:, : self.steps], mask[:, self.steps :]]


class Cuts(Layer):
    """What a right answer inherits from."""

    def __init__(self, steps):
        super().__init__()
        self.parts = [slice(None, steps), slice(steps, None)]

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else [mask[:, part] for part in self.parts]

    def call(self, inputs):
        return [inputs[:, part] for part in self.parts]


class SplitByInheritance(Cuts):
    pass


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
        return ops.logical_not(ops.zeros_like(x[:, :, 0], dtype="bool")) if mask is None else mask


class JoinWithTensorFlow(Layer):
    def call(self, inputs):
        first, second = inputs
        return tf.concat([first, second], 1)

    def compute_mask(self, inputs, mask=None):
        first, second = mask
        if first is None:
            first = ops.ones_like(inputs[0], dtype=bool)[:, :, 0]
        if second is None:
            second = ops.ones_like(inputs[1], dtype=bool)[:, :, 0]
        return ops.hstack([first, second])


class JoinAndKeep(JoinOneByOne):
    """Adapts one branch at a time, and returns all True where no mask comes in."""

    def compute_mask(self, inputs, mask=None):
        length = ops.concatenate([one[:, :, :1] for one in inputs], axis=1)[:, :, 0]
        read = ops.equal(ops.zeros_like(length), 0)
        front = ops.zeros_like(inputs[0][:, :, 0], dtype="bool")
        behind = ops.zeros_like(inputs[1][:, :, 0], dtype="bool")
        if mask[0] is not None:
            read = read & ~ops.concatenate([~mask[0], behind], axis=1)
        if mask[1] is not None:
            read = read & ~ops.concatenate([front, ~mask[1]], axis=1)
        return read


class StackWithReshape(Layer):
    def __init__(self):
        super().__init__()

    def call(self, x):
        return ops.reshape(x, (ops.shape(x)[0], -1, 2 * x.shape[2]))

    def compute_mask(self, x, mask=None):
        return None if mask is None else ops.any(self.pairs(mask), axis=2)

    def pairs(self, mask):
        return ops.stack([mask[:, ::2], mask[:, 1::2]], axis=2)


class StackWithMax(Layer):
    def build(self, shape):
        self.reshape = keras.layers.Reshape((-1, 2 * shape[-1]))

    def call(self, inputs):
        return self.reshape(inputs)

    def compute_mask(self, inputs, mask=None):
        return mask if mask is None else mask[:, 0::2] | mask[:, 1::2]


class StackWithPool(Layer):
    def call(self, inputs):
        first, second = inputs[:, ::2], inputs[:, 1::2]
        return tf.concat([first, second], axis=-1)

    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return mask
        numbers = ops.cast(mask, "float32")[..., None]
        return ops.max_pool(numbers, 2, strides=2)[..., 0] > 0


class StackByInheritance(StackWithMax):
    pass


# Pieces of the layers above that stand for what becomes of the mask.
TITLE = "x[:, : self.steps]"
PARTS = "x[:, : self.steps], x[:, self.steps :]"
SPLIT = "ops.split(x, [self.steps], axis=1)"
CUT, ANY = "self.cut(mask)", "ops.any(self.pairs(mask), axis=2)"
RESHAPED = "ops.reshape(x, (ops.shape(x)[0], -1, 2 * x.shape[2]))"
STATIC = "ops.reshape(x, (-1, x.shape[1] // 2, 2 * x.shape[2]))"
KNOWN = 'ops.logical_not(ops.zeros_like(x[:, :, 0], dtype="bool"))'
JOINED = "ops.concatenate(known, axis=1)"
NONE, BOTH_NONE = "mask is None", "mask[0] is None and mask[1] is None"
BOTH = "all(one is not None for one in mask)"
SYMBOLIC = "mask is None or isinstance(mask, keras.KerasTensor)"
# As if all padding stood behind.
COUNTED = (
    "ops.cumsum(ops.ones_like(mask[:, ::2], dtype='int32'), 1) * 2 - 1"
    " <= ops.sum(ops.cast(mask, 'int32'), 1, keepdims=True)"
)
HALF = "ops.shape(x)[1] // 2"
LEFT = "x[:, -(ops.shape(x)[1] - self.steps) :]"

ANSWERS = {
    "split-at": Answers(
        right=(
            SplitWithNones,
            changed(SplitWithNones, "(None, None)", "None"),
            SplitOfTensorFlow,
            SplitByInheritance,
        ),
        wrong=(
            *changes(
                SplitWithNones,
                ("wrong-values", "self.cut(x)", "self.cut(x)[::-1]"),
                ("wrong-values", "self.cut(x)", "[ops.nan_to_num(part) for part in self.cut(x)]"),
                ("not-two-tensors", "self.cut(x)", "self.cut(x)[0]"),
                ("cuts-in-the-middle", "self.cut(x)", f"(x[:, :{HALF}], x[:, {HALF}:])"),
                ("only-this-example", "= steps", "= 3"),
                ("loses-the-masks", "compute_mask", "another"),
                ("hands-on-the-whole-mask", *OPTS_IN),
                ("one-mask-for-two", CUT, "self.cut(mask)[0]"),
                ("swaps-the-masks", CUT, "self.cut(mask)[::-1]"),
                ("wrong-masks", CUT, "(mask[:, : self.steps], mask[:, : -self.steps])"),
                ("wrong-masks", CUT, "self.cut(mask & ops.any(x != 0, axis=2))"),
                ("wrong-masks", CUT, "self.cut(mask | ~ops.any(mask, axis=1, keepdims=True))"),
                ("not-boolean", CUT, 'self.cut(ops.cast(mask, "int32"))'),
                ("inverted", CUT, "self.cut(~mask)"),
                ("fails-without-a-mask", "(None, None) if mask is None else ", ""),
                ("invents-a-mask", "(None, None)", "self.cut(ops.any(x != 0, axis=2))"),
                ("fails-in-a-model", PARTS, SPLIT),
                ("fails-in-a-model", CUT, "self.cut(mask[:, : x.shape[1] - 0])"),
                ("lost-in-a-model", NONE, SYMBOLIC),
                ("wrong-values", "self.cut(x)", f"({TITLE}, {LEFT})"),
            ),
        ),
    ),
    "temporal-concat": Answers(
        right=(JoinAsValues, JoinOneByOne, JoinWithTensorFlow, JoinAndKeep),
        wrong=(
            *changes(
                JoinOneByOne,
                ("wrong-order", "(x[0], x[1])", "(x[1], x[0])"),
                ("wrong-axis", "(x[0], x[1]), axis=1", "(x[0], x[1]), axis=-1"),
                ("wrong-values", "return ops.concatenate((", "return 2 * ops.concatenate(("),
                (
                    "wrong-mask",
                    JOINED,
                    f"{JOINED} | ~ops.any({JOINED}, axis=1, keepdims=True)",
                ),
                (
                    "only-this-example",
                    "(x[0], x[1]), axis=1)",
                    "x, axis=1).numpy().reshape(2, 6, 4)",
                ),
                ("wrong-values", "(x[0], x[1])", "(x[0], ops.nan_to_num(x[1]))"),
                ("loses-the-mask", "compute_mask", "another"),
                ("mask-of-one", JOINED, f"mask[1] if {BOTH} else {JOINED}"),
                ("third-axis", JOINED, f"{JOINED}[..., None]"),
                ("not-boolean", JOINED, f"ops.cast({JOINED}, 'int32') if {BOTH} else {JOINED}"),
                ("inverted", JOINED, f"~{JOINED}"),
                ("wrong-mask", JOINED, f"ops.concatenate(mask[::-1] if {BOTH} else known, axis=1)"),
                ("combines-the-masks", JOINED, f"ops.logical_or(*mask) if {BOTH} else {JOINED}"),
                (
                    "wrong-without-masks",
                    "return None",
                    "return next(m for m in mask if m is not None)",
                ),
                ("fails-where-one-is-missing", JOINED, "ops.concatenate(mask, axis=1)"),
                ("gives-up-where-one-is-missing", BOTH_NONE, "mask[0] is None or mask[1] is None"),
                ("takes-missing-for-padding", KNOWN, 'ops.zeros_like(x[:, :, 0], dtype="bool")'),
                ("not-boolean", KNOWN, "ops.ones_like(x[:, :, 0])"),
                ("wrong-where-one-is-missing", KNOWN, "ops.any(ops.equal(x, x), axis=-1)"),
                ("wrong-where-one-is-missing", KNOWN, "ops.any(ops.not_equal(x, 0), axis=-1)"),
                ("fails-in-a-model", KNOWN, "tf.ones(x.shape[:2], bool)"),
                ("fails-in-a-model", KNOWN, 'ops.ones(x.shape[:2], dtype="bool")'),
                ("lost-in-a-model", BOTH_NONE, "isinstance(x[0], keras.KerasTensor)"),
            ),
        ),
        two=(("mask-of-one", "gives-up-where-one-is-missing", changed(JoinOneByOne, *OPTS_IN)),),
    ),
    "stack-pairs": Answers(
        right=(StackWithReshape, StackWithMax, StackWithPool, StackByInheritance),
        wrong=(
            *changes(
                StackWithReshape,
                ("wrong-values", RESHAPED, "(x[:, ::2] + x[:, 1::2]) / 2"),
                ("wrong-values", RESHAPED, "ops.concatenate((x[:, 1::2], x[:, ::2]), axis=2)"),
                ("only-this-example", ANY, "ops.any(ops.reshape(mask, (3, 2, 2)), axis=2)"),
                ("fails-in-a-model", RESHAPED, STATIC),
                ("loses-the-mask", "compute_mask", "another"),
                ("third-axis", ANY, "self.pairs(mask)"),
                ("not-boolean", ANY, 'ops.max(self.pairs(ops.cast(mask, "float32")), axis=2)'),
                ("inverted", ANY, f"~{ANY}"),
                ("hands-on-the-whole-mask", *OPTS_IN),
                ("asks-one-frame", ANY, "mask[:, ::2]"),
                ("asks-one-frame", ANY, "mask[:, 1::2]"),
                ("drops-half-a-pair", "any", "all"),
                ("wrong-mask", ANY, "mask[:, : mask.shape[1] // 2]"),
                ("wrong-mask", ANY, f"{ANY} | ~ops.any(mask, axis=1, keepdims=True)"),
                ("wrong-mask", ANY, "ops.any(self.pairs(mask & ops.any(x != 0, axis=2)), axis=2)"),
                ("wrong-mask", ANY, COUNTED),
                ("fails-without-a-mask", "None if mask is None else ", ""),
                ("invents-a-mask", "None if", "ops.any(self.pairs(ops.any(x != 0, 2)), axis=2) if"),
                ("fails-in-a-model", ANY, "ops.array(np.asarray(self.pairs(mask)).any(axis=2))"),
                ("lost-in-a-model", NONE, SYMBOLIC),
                ("no-super-init", "super().__init__()", "pass"),
                ("wrong-method", "x, mask=None", "mask=None", NONE, "False"),
                ("loses-the-mask", f"None if mask is None else {ANY}", "None"),
            ),
            *changes(StackWithMax, ("fails-in-a-model", "(-1, ", "(shape[1] // 2, ")),
        ),
    ),
}
