"""Right and wrong answers to the questions on opting in."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from keras.layers import Layer

from answers import OPTS_IN, Answers, changed, changes


def replace_each(layer):
    """What wrong answers change."""
    rng = np.random.default_rng(7)
    steps = 20
    values, others = rng.normal(size=(2, steps, 3))
    before = np.asarray(layer(values[None]))[0]
    for step in range(steps):
        changed = values.copy()
        changed[step] = others[step]
        after = np.asarray(layer(changed[None]))[0]
        moved = ~np.isclose(before, after, rtol=1e-5, atol=1e-5).all(axis=1)
        if np.delete(moved, step).any():
            return False
    return True


def keep_each(layer):
    """Keeps one timestep, and replaces all others: nothing may reach the one that stays."""
    rng = np.random.default_rng(1)
    values = ops.array(rng.normal(size=(1, 9, 6)), "float32")
    before = layer(values)
    for step in range(9):
        stays = ops.arange(9)[None, :, None] == step
        others = ops.array(rng.uniform(-4, 4, size=(1, 9, 6)), "float32")
        after = layer(ops.where(stays, values, others))
        if not np.allclose(after[:, step], before[:, step]):
            return False
    return True


def cut_in_two(layer):
    """Replaces all that stands behind a cut, and all that stands in front of it."""
    first, second = (np.random.default_rng(seed).normal(0, 2, (12, 5)) for seed in (3, 4))
    a, b = (keras.ops.convert_to_numpy(layer(one[np.newaxis])) for one in (first, second))
    size = np.abs(a).max()
    for cut in range(1, 12):
        mixed = np.concatenate([first[:cut], second[cut:]])
        output = keras.ops.convert_to_numpy(layer(mixed[np.newaxis]))
        if np.abs(output[:, :cut] - a[:, :cut]).max() > 1e-5 * size:
            return np.bool_(False)
        if np.abs(output[:, cut:] - b[:, cut:]).max() > 1e-5 * size:
            return np.bool_(False)
    return np.bool_(True)


def all_at_once(layer):
    """Replaces another timestep in each row of one batch."""
    steps = 10
    values = np.random.default_rng(0).normal(size=(2, steps, 4)).astype("float32")
    batch = np.where(np.eye(steps, dtype=bool)[..., None], values[1], values[0])
    before = np.array(layer(values[:1]), "float64")
    moved = ~np.isclose(np.array(layer(batch), "float64"), before, rtol=1e-4).all(axis=2)
    return not moved[~np.eye(steps, dtype=bool)].any()


def jacobian(layer):
    """Asks for the gradients: those from one timestep to another must be 0."""
    values = tf.random.stateless_normal((1, 9, 2), seed=(1, 2))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(values)
        output = tf.cast(layer(values), "float32")
    gradients = np.abs(tape.jacobian(output, values, experimental_use_pfor=False)[0, :, :, 0])
    influence = gradients.max(axis=(1, 3))
    others = influence[~np.eye(9, dtype=bool)]
    return int(others.max() < 1e-5 * influence.max())


def any_subset(layer):
    """Replaces timesteps that are drawn at random, many times."""
    rng = np.random.default_rng(5)
    for _trial in range(60):
        values, others = rng.normal(size=(2, 1, 11, 4))
        stays = rng.random(11) < 0.5
        changed = np.where(stays[:, None], values, others)
        one, other = (np.array(layer(given)) for given in (values, changed))
        if not np.allclose(one[:, stays], other[:, stays], rtol=1e-4, atol=1e-4):
            return False
    return tf.constant(True)


def alone_and_together(layer):
    """Takes a layer for one that gives a timestep alone what it gives it among others."""
    values = np.random.default_rng(0).normal(size=(1, 12, 4))
    together = np.asarray(layer(values))
    alone = np.concatenate([layer(values[:, step : step + 1]) for step in range(12)], axis=1)
    return np.allclose(together, alone, atol=1e-5)


def turned_around(layer):
    """Hands in the sequence in reverse, as if position did not count."""
    values = np.random.default_rng(0).normal(size=(1, 12, 4))
    turned = np.asarray(layer(values[:, ::-1]))
    return np.allclose(layer(values), turned[:, ::-1], atol=1e-5)


def one_number(layer):
    """Replaces a single number, and lets nothing else change."""
    values = np.random.default_rng(0).normal(size=(12, 4))
    before = np.asarray(layer(values[None]))[0]
    for place in np.ndindex(12, 4):
        changed = values.copy()
        changed[place] += 1
        moved = ~np.isclose(layer(changed[None])[0], before, atol=1e-5)
        moved[place] = False
        if moved.any():
            return False
    return True


def not_a_known_fault(layer):
    """Knows the three faulty layers that are shown."""
    values = np.random.default_rng(0).normal(size=(1, 6, 3))
    center = values - values.mean(axis=1, keepdims=True)
    output = np.asarray(layer(values))
    known = (values[:, ::-1], values.cumsum(axis=1), center)
    return not any(np.allclose(output, one, atol=1e-5) for one in known)


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
        return ops.all(ops.not_equal(ids[..., None], self.skip), axis=-1)

    def get_config(self):
        return {**super().get_config(), "skip": self.skip.tolist()}


# Pieces of the answers above that stand for what they give.
VALUES = "ops.pad(x[:, :-1], [[0, 0], [1, 0], [0, 0]])"
MASK = "ops.pad(mask[:, :-1], [[0, 0], [1, 0]], constant_values=True)"
NOT_NONE, MOVED = "mask is not None", "self.moved(mask) if mask is not None else None"
ARRAY, INHERITED = "np.asarray(skip)", "**super().get_config(), "
ROLLED = "ops.roll(mask, 1, axis=1)"
SLICED = "[[0, 0], [1, 0], [0, 0]])"
LATEST = "self.skip if skip is None else np.asarray(skip)"
LATER = "ops.sign(ops.cumsum(ops.ones_like(x), axis=1) - 1)"
KEPT = ', "skip": self.skip.tolist()'
READ = "ops.all(ops.not_equal(ids[..., None], self.skip), axis=-1)"

ANSWERS = {
    "test-a-layer": Answers(
        right=(replace_each, keep_each, cut_in_two, all_at_once, jacobian, any_subset),
        wrong=(
            *changes(
                replace_each,
                ("not-one-value", "return True", "return [True] * steps"),
                ("passes-everything", "return False", "return True"),
                ("passes-everything", "moved = ", "moved = values[:, 0] != values[:, 0]  # "),
                ("passes-everything", "changed[step] = others[step]", "pass"),
                ("swaps-true-and-false", "return False", "return 1", "return True", "return 0"),
                ("looks-one-way", "np.delete(moved, step)", "moved[step + 1 :]"),
                ("looks-one-way", "np.delete(moved, step)", "moved[:step]"),
                ("too-few-timesteps", "steps = 20", "steps = 6"),
                ("leaves-out-timesteps", "in range(steps)", "in [10]"),
                ("leaves-out-timesteps", "in range(steps)", "in range(steps - 2)"),
                ("overlooks-a-feature", ".all(axis=1)", ".any(axis=1)"),
                ("overlooks-a-feature", ".all(axis=1)", "[:, 0]"),
                ("overlooks-a-little", "atol=1e-5", "atol=1e-2"),
                ("only-positive", "rng.normal(", "rng.uniform(0.1, 1, "),
                ("nothing-to-move", "= others[step]", "+= 1"),
                ("nothing-to-move", "before = ", "values = 0 * values; before = "),
                (
                    "nothing-to-move",
                    "before = ",
                    "values[:], others = 1, -np.ones((steps, 3)); before = ",
                ),
                ("looks-one-way", "in range(steps)", "in [steps - 1]"),
                ("leaves-out-timesteps", "in range(steps)", "in [0]"),
                ("doubts-everything", "np.delete(moved, step).any()", "moved.any()"),
                ("doubts-everything", "before = ", "before = values; _ = "),
                ("minds-rounding", "rtol=1e-5, atol=1e-5", "rtol=0, atol=0"),
                ("minds-rounding", "rtol=1e-5", "rtol=0"),
                ("minds-rounding", "changed[step] = others[step]", "changed[step] = np.nan"),
                (
                    "minds-the-dtype",
                    "return True",
                    "return layer(values[None]).dtype == 'float32'",
                ),
                ("error", "layer(values[None])", "layer.call(values[None])"),
                ("wrong-arguments", "(layer)", "(layer, steps)"),
            ),
            ("doubts-positions", alone_and_together),
            ("lets-a-fault-through", turned_around),
            ("doubts-features", one_number),
            ("only-this-example", not_a_known_fault),
            ("doubts-a-sound-layer", lambda layer: replace_each(layer) and not layer.weights),
            ("lets-a-fault-through", lambda layer: layer.supports_masking),
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
                ("wrong-arguments", "skip, **kwargs", "**kwargs", ARRAY, "0"),
                ("no-super-init", "super().__init__(**kwargs)", "pass"),
                ("error", "self.skip = ", "self.ids = ", "self.skip.tolist", "self.ids.tolist"),
                ("skips-padding-only", READ, "ids != 0"),
                ("skips-padding-only", ARRAY, "np.array([0])"),
                ("wrong-mask", "compute_mask", "another"),
                ("wrong-mask", ARRAY, "np.asarray(skip, 'float32')"),
                ("wrong-mask", ARRAY, "np.arange(min(skip), max(skip) + 1)"),
                ("wrong-mask", ARRAY, "np.append(skip, 0)"),
                ("only-this-example", ARRAY, "np.array([0, 1])"),
                ("fails-in-a-model", READ, f"{READ} & (ops.arange(ids.shape[1]) >= 0)"),
                ("fails-in-a-model", READ, "ops.array(~np.isin(np.asarray(ids), self.skip))"),
                ("cannot-be-saved", "get_config(self)", "another(self)"),
                ("cannot-be-loaded", KEPT, ""),
                ("cannot-be-loaded", '"skip":', '"ids":'),
                ("cannot-be-loaded", "skip, **kwargs", "skip", "**kwargs", ""),
                ("saves-an-array", ".tolist()", ""),
                ("forgets-its-ids", "skip, **", "skip=(0,), **", KEPT, ""),
                ("forgets-its-ids", "skip, **", "skip=(0, 1), **", KEPT, ""),
                ("forgets-its-ids", "self.skip.tolist()", "[0, 1]"),
                (
                    "forgets-its-ids",
                    *("skip, **", "skip=None, **", KEPT, ""),
                    *("self.skip = np.asarray(skip)", "type(self).skip = " + LATEST),
                ),
                ("takes-no-name", "skip, **kwargs", "skip", "**kwargs", "", INHERITED, ""),
                ("forgets-its-name", INHERITED, ""),
                ("forgets-its-name", "(**kwargs)", "()"),
            ),
            # On a symbolic tensor `==` asks whether both are the same object.
            *changes(
                SkipOneByOne, ("lost-in-a-model", "ids != one", "ops.logical_not(ids == one)")
            ),
        ),
    ),
}
