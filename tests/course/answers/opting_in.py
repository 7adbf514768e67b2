"""Right and wrong answers to the questions on opting in."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from keras.layers import Layer

from answers import OPTS_IN, Answers, changed, changes


class ShiftWithPad(Layer):
    def __init__(self):
        super().__init__()

    def call(self, x):
        return ops.pad(x[:, :-1], [[0, 0], [1, 0], [0, 0]])

    def compute_mask(self, x, mask=None):
        return self.moved(mask) if mask is not None else None

    def moved(self, mask):
        return ops.pad(mask[:, :-1], [[0, 0], [1, 0]], constant_values=True)


class ShiftWithRoll(Layer):
    def call(self, inputs):
        later = tf.range(tf.shape(inputs)[1]) > 0
        return tf.where(later[:, None], tf.roll(inputs, 1, axis=1), 0.0)

    def compute_mask(self, inputs, mask=None):
        if mask is not None:
            place = ops.cumsum(ops.ones_like(mask, dtype="int32"), axis=1)
            return ops.logical_or(ops.roll(mask, 1, axis=1), ops.equal(place, 1))
        return None


class ShiftWithConv(Layer):
    """Moves as a convolution does, and pads with a layer of Keras."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.pad = keras.layers.ZeroPadding1D((1, 0))

    def call(self, inputs):
        return self.pad(inputs)[:, :-1]

    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return None
        read = ops.concatenate([ops.equal(mask[:, :1], mask[:, :1]), mask], axis=1)
        return read[:, :-1]


class Shifting(Layer):
    """What a right answer inherits from."""

    def build(self, shape):
        pass

    def call(self, inputs):
        return ops.concatenate([ops.zeros_like(inputs)[:, :1], inputs[:, :-1]], axis=1)


class ShiftByInheritance(Shifting):
    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return None
        return ~super().call(~mask)


class SkipOneByOne(Layer):
    """Keeps a list: Keras can save it, and gets it back as it was."""

    def __init__(self, skip, name=None, dtype=None, trainable=True):
        super().__init__(name=name, dtype=dtype, trainable=trainable)
        self.ids = [int(one) for one in skip]

    def call(self, ids):
        return ids

    def compute_mask(self, ids, mask=None):
        read = ops.ones_like(ids, dtype="bool")
        for one in self.ids:
            read = ops.logical_and(read, ids != one)
        return read

    def get_config(self):
        config = super().get_config()
        config.update(skip=list(self.ids))
        return config


class SkipAndRestore(Layer):
    """Saves the array itself, and makes it anew in `from_config`."""

    def __init__(self, skip, **kwargs):
        super().__init__(**kwargs)
        self.skip = skip

    def call(self, inputs):
        return inputs

    def compute_mask(self, inputs, mask=None):
        return ops.logical_not(ops.any(ops.equal(inputs[..., None], self.skip), axis=-1))

    def get_config(self):
        return super().get_config() | {"skip": keras.saving.serialize_keras_object(self.skip)}

    @classmethod
    def from_config(cls, config):
        config["skip"] = np.array(keras.saving.deserialize_keras_object(config["skip"]))
        return cls(**config)


class SkipWithTensor(Layer):
    """Compares with a tensor, and counts."""

    def __init__(self, skip, **kwargs):
        super().__init__(**kwargs)
        self.skip = [int(one) for one in skip]

    def call(self, ids):
        return ops.copy(ids)

    def compute_mask(self, ids, mask=None):
        equal = ops.equal(ops.expand_dims(ids, -1), ops.convert_to_tensor(self.skip, "int32"))
        return ops.equal(ops.sum(ops.cast(equal, "int32"), axis=-1), 0)

    def get_config(self):
        config = super().get_config()
        config["skip"] = self.skip
        return config


class SkipByInheritance(SkipWithTensor):
    pass


class SkipAndList(Layer):
    """What wrong answers change."""

    def __init__(self, skip, **kwargs):
        super().__init__(**kwargs)
        self.skip = np.asarray(skip)

    def call(self, ids):
        return ids

    def compute_mask(self, ids, mask=None):
        return ops.all(ids[..., None] != self.skip, axis=-1)

    def get_config(self):
        return {**super().get_config(), "skip": self.skip.tolist()}


# Pieces of the layers above that stand for what they give.
VALUES = "ops.pad(x[:, :-1], [[0, 0], [1, 0], [0, 0]])"
MASK = "ops.pad(mask[:, :-1], [[0, 0], [1, 0]], constant_values=True)"
NOT_NONE, MOVED = "mask is not None", "self.moved(mask) if mask is not None else None"
FLOATS = 'ops.cast(ids, "float32")'
ROLLED = "ops.roll(mask, 1, axis=1)"
SLICED = "[[0, 0], [1, 0], [0, 0]])"
LATEST = "self.skip if skip is None else np.asarray(skip)"
LATER = "ops.sign(ops.cumsum(ops.ones_like(x), axis=1) - 1)"
KEPT, READ = ', "skip": self.skip.tolist()', "ops.all(ids[..., None] != self.skip, axis=-1)"

ANSWERS = {
    "may-opt-in": Answers(
        right=(
            np.array([True, True, False, True, False, False]),
            (1, 1, 0, 1, 0, 0),
            [1.0, 1.0, 0.0, 1.0, 0.0, 0.0],
            keras.ops.convert_to_tensor([True, True, False, True, False, False]),
        ),
        wrong=(
            ("not-six", [True, False]),
            ("not-six", True),
            ("trusts-a-move", [True, True, False, True, False, True]),
            ("trusts-a-mean", [True, True, True, True, False, False]),
            ("trusts-a-sum", [True, True, False, True, True, False]),
            ("doubts-positions", [True, False, False, True, False, False]),
            ("doubts-softmax", [True, True, False, False, False, False]),
            ("doubts-relu", [False, True, False, True, False, False]),
            ("misjudges-many", [False, False, True, False, True, True]),
            ("misjudges-many", [True] * 6),
            ("not-numbers", ["relu", "positions", "softmax"]),
        ),
        two=(
            ("trusts-a-move", "trusts-a-mean", [True, True, True, True, False, True]),
            ("trusts-a-sum", "doubts-positions", [True, False, False, True, True, False]),
        ),
    ),
    "shift-right": Answers(
        right=(ShiftWithPad, ShiftWithRoll, ShiftWithConv, ShiftByInheritance),
        wrong=(
            *changes(
                ShiftWithPad,
                ("wrong-values", VALUES, "ops.pad(x[:, 1:], [[0, 0], [0, 1], [0, 0]])"),
                ("wrong-values", VALUES, "ops.concatenate([0 * x[:, :1], x[:, :-1]], axis=1)"),
                ("wrong-values", VALUES, f"ops.roll(x, 1, axis=1) * {LATER}"),
                ("wrong-values", VALUES, "ops.concatenate([0 * x[:, 1:2], x[:, :-1]], axis=1)"),
                (
                    "only-this-example",
                    "[[0, 0], [1, 0], [0, 0]])",
                    f"{SLICED}.numpy().reshape(-1, 4, 4)",
                ),
                ("keeps-the-last", VALUES, "ops.pad(x, [[0, 0], [1, 0], [0, 0]])"),
                ("rolls-around", VALUES, "ops.roll(x, 1, axis=1)"),
                ("loses-the-mask", "compute_mask", "another"),
                ("loses-the-mask", MOVED, "None"),
                ("no-super-init", "super().__init__()", "pass"),
                ("not-boolean", MASK, f'ops.cast({MASK}, "float32")'),
                ("third-axis", MASK, f"{MASK}[..., None]"),
                ("inverted", MASK, f"~{MASK}"),
                ("mask-stands-still", *OPTS_IN),
                ("mask-rolls-around", MASK, "ops.roll(mask, 1, axis=1)"),
                ("skips-the-start", ", constant_values=True", ""),
                ("wrong-mask", "mask[:, :-1], [[0, 0], [1, 0]]", "mask[:, 1:], [[0, 0], [0, 1]]"),
                ("skips-the-start", MASK, f"{MASK} & ops.any(mask, axis=1, keepdims=True)"),
                ("fails-without-a-mask", MOVED, "self.moved(mask)"),
                ("invents-a-mask", "else None", "else self.moved(ops.any(x != 0, axis=2))"),
                ("fails-in-a-model", MASK, MASK.replace("ops", "tf")),
                ("fails-in-a-model", MASK, f"(ops.arange(mask.shape[1]) < 1) | {ROLLED}"),
                ("lost-in-a-model", NOT_NONE, "mask is not None and hasattr(mask, 'numpy')"),
            ),
        ),
        two=(
            (
                "skips-the-start",
                "fails-without-a-mask",
                changed(ShiftWithPad, ", constant_values=True", "", MOVED, "self.moved(mask)"),
            ),
        ),
    ),
    "skip-ids": Answers(
        right=(SkipOneByOne, SkipAndRestore, SkipWithTensor, SkipByInheritance),
        wrong=(
            *changes(
                SkipAndList,
                ("changes-the-ids", "return ids", "return ids * ops.cast(ids > 1, ids.dtype)"),
                ("loses-the-mask", "compute_mask", "another"),
                ("third-axis", READ, "ids[..., None] != self.skip"),
                ("not-boolean", READ, f'ops.cast({READ}, "float32")'),
                ("inverted", READ, "ops.any(ids[..., None] == self.skip, axis=-1)"),
                ("skips-padding-only", READ, "ids != 0"),
                ("wrong-mask", "ops.all", "ops.any"),
                ("wrong-mask", READ, f"ops.all({FLOATS}[..., None] != self.skip, axis=-1)"),
                ("wrong-mask", READ, "(ids < min(self.skip)) | (ids > max(self.skip))"),
                ("wrong-mask", READ, f"{READ} | ~ops.any({READ}, axis=1, keepdims=True)"),
                ("wrong-mask", READ, f"{READ} & (ids != 0)"),
                ("only-this-example", READ, "(ids != 0) & (ids != 1)"),
                ("fails-without-a-mask", READ, f"{READ} & mask"),
                ("fails-in-a-model", READ, f"{READ} & (ops.arange(ids.shape[1]) >= 0)"),
                ("fails-in-a-model", READ, "ops.array(~np.isin(np.asarray(ids), self.skip))"),
                ("cannot-be-saved", "get_config(self)", "another(self)"),
                ("cannot-be-loaded", KEPT, ""),
                ("cannot-be-loaded", "skip, **kwargs", "skip", "**kwargs", ""),
                ("saves-an-array", ".tolist()", ""),
                ("forgets-its-ids", "skip, **", "skip=(0,), **", KEPT, ""),
                ("forgets-its-ids", "skip, **", "skip=(0, 1), **", KEPT, ""),
                (
                    "forgets-its-ids",
                    *("skip, **", "skip=None, **", KEPT, ""),
                    *("self.skip = np.asarray(skip)", "type(self).skip = " + LATEST),
                ),
            ),
            # On a symbolic tensor `==` asks whether both are the same object.
            *changes(
                SkipOneByOne, ("lost-in-a-model", "ids != one", "ops.logical_not(ids == one)")
            ),
        ),
    ),
}
