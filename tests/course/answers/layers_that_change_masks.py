"""Right and wrong answers to the questions on layers that change time."""

import keras
import numpy as np
import tensorflow as tf

from answers import Answers

ops = keras.ops
Layer = keras.layers.Layer


class SplitWithOps(Layer):
    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def call(self, inputs):
        return ops.split(inputs, [self.steps], axis=1)

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else ops.split(mask, [self.steps], axis=1)


class SplitWithNones(SplitWithOps):
    """Returns a mask for each output, also where there is none."""

    def call(self, inputs):
        return ops.take(inputs, range(self.steps), axis=1), inputs[:, self.steps :, :]

    def compute_mask(self, inputs, mask=None):
        return [None if mask is None else mask[:, part] for part in self.parts()]

    def parts(self):
        return slice(0, self.steps), slice(self.steps, None)


class SplitBehindTheTitle(SplitWithOps):
    def call(self, inputs):
        return inputs[:, self.steps :], inputs[:, : self.steps]


class SplitOffTheTitle(SplitWithOps):
    def call(self, inputs):
        return inputs[:, : self.steps]


class SplitInHalves(SplitWithOps):
    def call(self, inputs):
        return ops.split(inputs, 2, axis=1)

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else ops.split(mask, 2, axis=1)


class SplitWithoutMask(SplitWithOps):
    compute_mask = Layer.compute_mask


class SplitAndOptIn(SplitWithoutMask):
    def __init__(self, steps):
        super().__init__(steps)
        self.supports_masking = True


class SplitWithOneMask(SplitWithOps):
    def compute_mask(self, inputs, mask=None):
        return None if mask is None else mask[:, : self.steps]


class SplitWithSwappedMasks(SplitWithOps):
    def compute_mask(self, inputs, mask=None):
        return None if mask is None else super().compute_mask(inputs, mask)[::-1]


class SplitWithTheFirstMaskTwice(SplitWithOps):
    def compute_mask(self, inputs, mask=None):
        return None if mask is None else (mask[:, : self.steps], mask[:, : -self.steps])


class SplitThatNeedsAMask(SplitWithOps):
    def compute_mask(self, inputs, mask=None):
        return mask[:, : self.steps], mask[:, self.steps :]


class SplitThatMakesAMask(SplitWithOps):
    def compute_mask(self, inputs, mask=None):
        mask = ops.ones_like(inputs[:, :, 0], dtype="bool") if mask is None else mask
        return super().compute_mask(inputs, mask)


class SplitWithTF(SplitWithOps):
    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return None
        return tf.split(mask, [self.steps, inputs.shape[1] - self.steps], axis=1)


class SplitThatGivesUp(SplitWithTF):
    """Goes around the error instead of asking where it comes from."""

    def compute_mask(self, inputs, mask=None):
        return None if isinstance(mask, keras.KerasTensor) else super().compute_mask(inputs, mask)


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
    def call(self, inputs):
        first, second = inputs
        return ops.concatenate((first, second), axis=1)

    def compute_mask(self, inputs, mask=None):
        if mask[0] is None and mask[1] is None:
            return None
        first = self.known(inputs[0], mask[0])
        return ops.concatenate([first, self.known(inputs[1], mask[1])], axis=1)

    def known(self, tensor, mask):
        return ops.any(ops.equal(tensor, tensor), axis=-1) if mask is None else mask


class JoinBackwards(JoinOneByOne):
    def call(self, inputs):
        return ops.concatenate(inputs[::-1], axis=1)


class JoinFeatures(JoinOneByOne):
    def call(self, inputs):
        return ops.concatenate(inputs, axis=-1)


class JoinAndDouble(JoinOneByOne):
    def call(self, inputs):
        return 2 * ops.concatenate(inputs, axis=1)


class JoinWithoutMask(JoinOneByOne):
    compute_mask = Layer.compute_mask


class JoinAndOptIn(JoinWithoutMask):
    def __init__(self):
        super().__init__()
        self.supports_masking = True


class JoinWithEither(JoinOneByOne):
    """Combines the masks as `Add` does, and joins them where one is missing."""

    def compute_mask(self, inputs, mask=None):
        if any(one is None for one in mask):
            return super().compute_mask(inputs, mask)
        return ops.logical_or(*mask)


class JoinWithSwappedMasks(JoinOneByOne):
    def compute_mask(self, inputs, mask=None):
        if any(one is None for one in mask):
            return super().compute_mask(inputs, mask)
        return ops.concatenate(mask[::-1], axis=1)


class JoinThatNeedsBoth(JoinOneByOne):
    def compute_mask(self, inputs, mask=None):
        return None if mask == [None, None] else ops.concatenate(mask, axis=1)


class JoinThatGivesUp(JoinOneByOne):
    def compute_mask(self, inputs, mask=None):
        if any(one is None for one in mask):
            return None
        return ops.concatenate(mask, axis=1)


class JoinWithZeros(JoinOneByOne):
    def known(self, tensor, mask):
        return ops.zeros_like(tensor[:, :, 0], dtype="bool") if mask is None else mask


class JoinWithFloats(JoinOneByOne):
    def known(self, tensor, mask):
        return ops.ones_like(tensor[:, :, 0]) if mask is None else mask


class JoinThatSkipsTheFirst(JoinOneByOne):
    def known(self, tensor, mask):
        return ops.cumsum(ops.ones_like(tensor[:, :, 0]), 1) > 1 if mask is None else mask


class JoinThatNeedsOne(JoinOneByOne):
    """Makes the mask that is missing from the one that is there."""

    def compute_mask(self, inputs, mask=None):
        known = next(one for one in mask if one is not None)
        read = ops.ones_like(known[:, :1])
        pairs = zip(inputs, mask, strict=True)
        masks = [ops.repeat(read, t.shape[1], axis=1) if m is None else m for t, m in pairs]
        return ops.concatenate(masks, axis=1)


class JoinWithTF(JoinOneByOne):
    def compute_mask(self, inputs, mask=None):
        if all(one is None for one in mask):
            return None
        pairs = zip(inputs, mask, strict=True)
        return tf.concat([tf.ones(t.shape[:2], bool) if m is None else m for t, m in pairs], 1)


class JoinWithShape(JoinOneByOne):
    """Takes the batch size for known, which in a model it is not."""

    def known(self, tensor, mask):
        return ops.ones(tensor.shape[:2], dtype="bool") if mask is None else mask


class JoinThatGivesUpInModels(JoinOneByOne):
    def compute_mask(self, inputs, mask=None):
        symbolic = isinstance(inputs[0], keras.KerasTensor)
        return None if symbolic else super().compute_mask(inputs, mask)


class StackWithReshape(Layer):
    def call(self, inputs):
        _rows, steps, features = inputs.shape
        return ops.reshape(inputs, (-1, steps // 2, 2 * features))

    def compute_mask(self, inputs, mask=None):
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


class StackInterleaved(StackWithReshape):
    def call(self, inputs):
        pairs = ops.stack([inputs[:, ::2], inputs[:, 1::2]], axis=3)
        return ops.reshape(pairs, (-1, pairs.shape[1], 2 * inputs.shape[2]))


class StackTheHalves(StackWithReshape):
    def call(self, inputs):
        return ops.concatenate(ops.split(inputs, 2, axis=1), axis=2)


class AverageOfPairs(StackWithReshape):
    def call(self, inputs):
        return (inputs[:, ::2] + inputs[:, 1::2]) / 2


class StackWithoutMask(StackWithReshape):
    compute_mask = Layer.compute_mask


class StackAndOptIn(StackWithoutMask):
    def __init__(self):
        super().__init__()
        self.supports_masking = True


class StackWithEverySecondMask(StackWithReshape):
    def compute_mask(self, inputs, mask=None):
        return None if mask is None else mask[:, ::2]


class StackWithLastMasks(StackWithReshape):
    def compute_mask(self, inputs, mask=None):
        return None if mask is None else mask[:, 1::2]


class StackOnlyFullPairs(StackWithReshape):
    def compute_mask(self, inputs, mask=None):
        return None if mask is None else ops.all(self.pairs(mask), axis=2)


class StackWithPairsOfMasks(StackWithReshape):
    def compute_mask(self, inputs, mask=None):
        return None if mask is None else self.pairs(mask)


class StackWithCounts(StackWithReshape):
    def compute_mask(self, inputs, mask=None):
        return None if mask is None else ops.max(self.pairs(ops.cast(mask, "float32")), axis=2)


class StackWithTheFirstHalf(StackWithReshape):
    def compute_mask(self, inputs, mask=None):
        return None if mask is None else mask[:, : mask.shape[1] // 2]


class StackThatNeedsAMask(StackWithReshape):
    def compute_mask(self, inputs, mask=None):
        return ops.any(self.pairs(mask), axis=2)


class StackThatMakesAMask(StackWithReshape):
    def compute_mask(self, inputs, mask=None):
        mask = ops.any(ops.not_equal(inputs, 0), axis=2) if mask is None else mask
        return super().compute_mask(inputs, mask)


class StackWithNumPy(StackWithReshape):
    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return None
        return ops.convert_to_tensor(np.asarray(mask).reshape(len(mask), -1, 2).any(axis=2))


class StackThatGivesUp(StackWithNumPy):
    def compute_mask(self, inputs, mask=None):
        return None if isinstance(mask, keras.KerasTensor) else super().compute_mask(inputs, mask)


ANSWERS = {
    "split-at": Answers(
        right=(SplitWithOps, SplitWithNones),
        wrong=(
            ("wrong-values", SplitBehindTheTitle),
            ("not-two-tensors", SplitOffTheTitle),
            ("cuts-in-the-middle", SplitInHalves),
            ("loses-the-masks", SplitWithoutMask),
            ("hands-on-the-whole-mask", SplitAndOptIn),
            ("one-mask-for-two", SplitWithOneMask),
            ("swaps-the-masks", SplitWithSwappedMasks),
            ("wrong-masks", SplitWithTheFirstMaskTwice),
            ("fails-without-a-mask", SplitThatNeedsAMask),
            ("invents-a-mask", SplitThatMakesAMask),
            ("fails-in-a-model", SplitWithTF),
            ("lost-in-a-model", SplitThatGivesUp),
        ),
    ),
    "temporal-concat": Answers(
        right=(JoinAsValues, JoinOneByOne),
        wrong=(
            ("wrong-order", JoinBackwards),
            ("wrong-axis", JoinFeatures),
            ("wrong-values", JoinAndDouble),
            ("loses-the-mask", JoinWithoutMask),
            ("mask-of-one", JoinAndOptIn),
            ("combines-the-masks", JoinWithEither),
            ("wrong-mask", JoinWithSwappedMasks),
            ("fails-where-one-is-missing", JoinThatNeedsBoth),
            ("gives-up-where-one-is-missing", JoinThatGivesUp),
            ("takes-missing-for-padding", JoinWithZeros),
            ("not-boolean", JoinWithFloats),
            ("wrong-where-one-is-missing", JoinThatSkipsTheFirst),
            ("wrong-without-masks", JoinThatNeedsOne),
            ("fails-in-a-model", JoinWithTF),
            ("fails-in-a-model", JoinWithShape),
            ("lost-in-a-model", JoinThatGivesUpInModels),
        ),
    ),
    "stack-pairs": Answers(
        right=(StackWithReshape, StackWithMax),
        wrong=(
            ("wrong-shape", AverageOfPairs),
            ("stacks-the-halves", StackTheHalves),
            ("wrong-values", StackInterleaved),
            ("loses-the-mask", StackWithoutMask),
            ("third-axis", StackWithPairsOfMasks),
            ("not-boolean", StackWithCounts),
            ("hands-on-the-whole-mask", StackAndOptIn),
            ("asks-one-frame", StackWithEverySecondMask),
            ("asks-one-frame", StackWithLastMasks),
            ("drops-half-a-pair", StackOnlyFullPairs),
            ("wrong-mask", StackWithTheFirstHalf),
            ("fails-without-a-mask", StackThatNeedsAMask),
            ("invents-a-mask", StackThatMakesAMask),
            ("fails-in-a-model", StackWithNumPy),
            ("lost-in-a-model", StackThatGivesUp),
        ),
    ),
}
