"""Right and wrong answers to the questions on opting in."""

import keras
import numpy as np
import tensorflow as tf

from answers import Answers

ops = keras.ops
Layer = keras.layers.Layer


class ShiftWithPad(Layer):
    def call(self, inputs):
        return ops.pad(inputs[:, :-1], [[0, 0], [1, 0], [0, 0]])

    def compute_mask(self, inputs, mask=None):
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


class ShiftToTheLeft(ShiftWithPad):
    def call(self, inputs):
        return ops.pad(inputs[:, 1:], [[0, 0], [0, 1], [0, 0]])


class ShiftAndGrow(ShiftWithPad):
    def call(self, inputs):
        return ops.pad(inputs, [[0, 0], [1, 0], [0, 0]])


class RollAround(ShiftWithPad):
    def call(self, inputs):
        return ops.roll(inputs, 1, axis=1)


class ShiftWithoutMask(ShiftWithPad):
    compute_mask = Layer.compute_mask


class ShiftAndOptIn(ShiftWithoutMask):
    def __init__(self):
        super().__init__()
        self.supports_masking = True


class ShiftWithRolledMask(ShiftWithPad):
    def moved(self, mask):
        return ops.roll(mask, 1, axis=1)


class ShiftThatSkipsTheStart(ShiftWithPad):
    def moved(self, mask):
        return ops.pad(mask[:, :-1], [[0, 0], [1, 0]])


class ShiftWithFloatMask(ShiftWithPad):
    def moved(self, mask):
        return ops.pad(ops.cast(mask[:, :-1], "float32"), [[0, 0], [1, 0]], constant_values=1)


class ShiftWithMaskToTheLeft(ShiftWithPad):
    def moved(self, mask):
        return ops.pad(mask[:, 1:], [[0, 0], [0, 1]], constant_values=True)


class ShiftThatNeedsAMask(ShiftWithPad):
    def compute_mask(self, inputs, mask=None):
        return self.moved(mask)


class ShiftThatMakesAMask(ShiftWithPad):
    def compute_mask(self, inputs, mask=None):
        return self.moved(ops.any(inputs != 0, axis=2) if mask is None else mask)


class ShiftWithTF(ShiftWithPad):
    def moved(self, mask):
        return tf.pad(mask[:, :-1], [[0, 0], [1, 0]], constant_values=True)


class ShiftThatGivesUp(ShiftWithTF):
    def compute_mask(self, inputs, mask=None):
        return None if isinstance(mask, keras.KerasTensor) else super().compute_mask(inputs, mask)


class SkipOneByOne(Layer):
    """Keeps a list: Keras can save it, and gets it back as it was."""

    def __init__(self, skip, name=None, dtype=None, trainable=True):
        super().__init__(name=name, dtype=dtype, trainable=trainable)
        self.ids = [int(one) for one in skip]

    def call(self, inputs):
        return inputs

    def compute_mask(self, inputs, mask=None):
        read = ops.ones_like(inputs, dtype="bool")
        for one in self.ids:
            read = ops.logical_and(read, inputs != one)
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


class Skip(Layer):
    """What all wrong answers below share: all but a way to be saved."""

    def __init__(self, skip, **kwargs):
        super().__init__(**kwargs)
        self.skip = np.asarray(skip)

    def call(self, inputs):
        return inputs

    def compute_mask(self, inputs, mask=None):
        return ops.all(inputs[..., None] != self.skip, axis=-1)


class SkipThatIsSaved(Skip):
    def get_config(self):
        return {**super().get_config(), "skip": self.skip.tolist()}


class SkipAndRemove(SkipThatIsSaved):
    def call(self, inputs):
        return inputs * ops.cast(self.compute_mask(inputs), inputs.dtype)


class SkipWithoutMask(SkipThatIsSaved):
    compute_mask = Layer.compute_mask


class SkipWithThreeAxes(SkipThatIsSaved):
    def compute_mask(self, inputs, mask=None):
        return inputs[..., None] != self.skip


class SkipWithFloats(SkipThatIsSaved):
    def compute_mask(self, inputs, mask=None):
        return ops.cast(super().compute_mask(inputs), "float32")


class SkipTheOthers(SkipThatIsSaved):
    def compute_mask(self, inputs, mask=None):
        return ops.any(inputs[..., None] == self.skip, axis=-1)


class SkipPadding(SkipThatIsSaved):
    def compute_mask(self, inputs, mask=None):
        return inputs != 0


class SkipNothing(SkipThatIsSaved):
    def compute_mask(self, inputs, mask=None):
        return ops.any(inputs[..., None] != self.skip, axis=-1)


class SkipWithNumPy(SkipThatIsSaved):
    def compute_mask(self, inputs, mask=None):
        return ops.convert_to_tensor(~np.isin(np.asarray(inputs), self.skip))


class SkipWithOperator(SkipThatIsSaved):
    """On a symbolic tensor `==` asks whether both are the same object."""

    def compute_mask(self, inputs, mask=None):
        read = ops.ones_like(inputs, dtype="bool")
        for one in self.skip.tolist():
            read = ops.logical_and(read, ops.logical_not(inputs == one))
        return read


class SkipWithoutIds(Skip):
    def get_config(self):
        return {**super(Skip, self).get_config()} | {"name": "skip"}


class SkipWithoutArguments(Skip):
    """Has no `**kwargs` for the name that Keras hands over."""

    def __init__(self, skip):
        super().__init__(skip)

    def get_config(self):
        return {**super(Skip, self).get_config(), "skip": self.skip.tolist()}


class SkipByDefault(Skip):
    def __init__(self, skip=(0,), **kwargs):
        super().__init__(skip, **kwargs)

    def get_config(self):
        return {**super(Skip, self).get_config()}


class SkipWithArray(Skip):
    def get_config(self):
        return {**super(Skip, self).get_config(), "skip": self.skip}


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
            ("wrong-values", ShiftToTheLeft),
            ("keeps-the-last", ShiftAndGrow),
            ("rolls-around", RollAround),
            ("loses-the-mask", ShiftWithoutMask),
            ("not-boolean", ShiftWithFloatMask),
            ("mask-stands-still", ShiftAndOptIn),
            ("mask-rolls-around", ShiftWithRolledMask),
            ("skips-the-start", ShiftThatSkipsTheStart),
            ("wrong-mask", ShiftWithMaskToTheLeft),
            ("fails-without-a-mask", ShiftThatNeedsAMask),
            ("invents-a-mask", ShiftThatMakesAMask),
            ("fails-in-a-model", ShiftWithTF),
            ("lost-in-a-model", ShiftThatGivesUp),
        ),
    ),
    "skip-ids": Answers(
        right=(SkipOneByOne, SkipAndRestore),
        wrong=(
            ("changes-the-ids", SkipAndRemove),
            ("loses-the-mask", SkipWithoutMask),
            ("third-axis", SkipWithThreeAxes),
            ("not-boolean", SkipWithFloats),
            ("inverted", SkipTheOthers),
            ("skips-padding-only", SkipPadding),
            ("wrong-mask", SkipNothing),
            ("fails-in-a-model", SkipWithNumPy),
            ("lost-in-a-model", SkipWithOperator),
            ("cannot-be-saved", Skip),
            ("cannot-be-loaded", SkipWithoutIds),
            ("cannot-be-loaded", SkipWithoutArguments),
            ("saves-an-array", SkipWithArray),
            ("forgets-its-ids", SkipByDefault),
        ),
    ),
}
