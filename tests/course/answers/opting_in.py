"""Right and wrong answers to the questions on opting in."""

import keras
import numpy as np
import tensorflow as tf  # noqa: F401  # for a changed layer
from keras import ops
from keras.layers import Layer

from answers import OPTS_IN, Answers, changes


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
        later = ops.arange(inputs.shape[1]) > 0
        return ops.where(later[:, None], ops.roll(inputs, 1, axis=1), 0.0)

    def compute_mask(self, inputs, mask=None):
        if mask is not None:
            return ops.logical_or(ops.roll(mask, 1, axis=1), ops.arange(mask.shape[1]) < 1)
        return None


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
KEPT, READ = ', "skip": self.skip.tolist()', "ops.all(ids[..., None] != self.skip, axis=-1)"

ANSWERS = {
    "may-opt-in": Answers(
        right=(
            np.array([True, True, False, True, False, False]),
            (1, 1, 0, 1, 0, 0),
        ),
        wrong=(
            ("not-six", [True, False]),
            ("not-six", True),
            ("trusts-a-move", [True, True, False, True, False, True]),
            ("trusts-a-mean", [True, True, True, True, False, False]),
            ("trusts-a-sum", [True, True, False, True, True, False]),
            ("doubts-positions", [True, False, False, True, False, False]),
            ("doubts-softmax", [True, True, False, False, False, False]),
            ("misjudges-relu", [False, True, False, True, False, False]),
        ),
    ),
    "shift-right": Answers(
        right=(ShiftWithPad, ShiftWithRoll),
        wrong=(
            *changes(
                ShiftWithPad,
                ("wrong-values", VALUES, "ops.pad(x[:, 1:], [[0, 0], [0, 1], [0, 0]])"),
                ("keeps-the-last", VALUES, "ops.pad(x, [[0, 0], [1, 0], [0, 0]])"),
                ("rolls-around", VALUES, "ops.roll(x, 1, axis=1)"),
                ("loses-the-mask", "compute_mask", "another"),
                ("not-boolean", MASK, f'ops.cast({MASK}, "float32")'),
                ("mask-stands-still", *OPTS_IN),
                ("mask-rolls-around", MASK, "ops.roll(mask, 1, axis=1)"),
                ("skips-the-start", ", constant_values=True", ""),
                ("wrong-mask", "mask[:, :-1], [[0, 0], [1, 0]]", "mask[:, 1:], [[0, 0], [0, 1]]"),
                ("fails-without-a-mask", MOVED, "self.moved(mask)"),
                ("invents-a-mask", "else None", "else self.moved(ops.any(x != 0, axis=2))"),
                ("fails-in-a-model", MASK, MASK.replace("ops", "tf")),
                ("lost-in-a-model", NOT_NONE, "mask is not None and hasattr(mask, 'numpy')"),
            ),
        ),
    ),
    "skip-ids": Answers(
        right=(SkipOneByOne, SkipAndRestore),
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
                ("fails-in-a-model", READ, "ops.array(~np.isin(np.asarray(ids), self.skip))"),
                ("cannot-be-saved", "get_config(self)", "another(self)"),
                ("cannot-be-loaded", KEPT, ""),
                ("cannot-be-loaded", "skip, **kwargs", "skip", "**kwargs", ""),
                ("saves-an-array", ".tolist()", ""),
                ("forgets-its-ids", "skip, **", "skip=(0,), **", KEPT, ""),
            ),
            # On a symbolic tensor `==` asks whether both are the same object.
            *changes(
                SkipOneByOne, ("lost-in-a-model", "ids != one", "ops.logical_not(ids == one)")
            ),
        ),
    ),
}
