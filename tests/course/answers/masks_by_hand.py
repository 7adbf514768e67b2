"""Right and wrong answers to the questions on masks by hand."""

from functools import cache

import keras
import numpy as np
import tensorflow as tf

from answers import Answers, changed, changes


def lengths_in_numpy(lengths, time, padding):
    steps, column = np.arange(time), np.array(lengths)[:, None]
    return steps < column if padding == "post" else steps >= time - column


def lengths_in_keras(lengths, time, padding):
    steps, column = keras.ops.arange(time), keras.ops.array(lengths)[:, None]
    return steps < column if padding == "post" else steps >= time - column


def lengths_flipped(lengths, time, padding):
    mask = tf.sequence_mask(lengths, time)
    return mask if padding == "post" else tf.reverse(mask, axis=[1])


def lengths_in_lists(lengths, time, padding):
    rows = [[step < length for step in range(time)] for length in lengths]
    return rows if padding == "post" else [row[::-1] for row in rows]


def lengths_from_the_end(lengths, time, padding):
    mask = np.zeros((len(lengths), time), dtype=bool)
    for row, length in zip(mask, lengths, strict=True):
        row[slice(length) if padding == "post" else slice(-length, None)] = True
    return mask


def clean_in_numpy(readings):
    there = ~np.isnan(readings)
    return np.where(there, readings, 0), there.any(axis=-1)


def clean_in_keras(readings):
    missing = keras.ops.isnan(readings)
    return keras.ops.where(missing, 0.0, readings), ~keras.ops.all(missing, axis=-1)


def clean_with_mean(readings):
    there = ~np.isnan(readings)
    mean = readings[there].mean() if there.any() else 0
    return np.where(there, readings, mean), there.sum(axis=-1) > 0


def clean_with_copy(readings):
    """The last reading that was there stands for one that is missing."""
    cleaned = np.array(readings)
    mask = np.zeros(readings.shape[:2], bool)
    for place in np.ndindex(readings.shape):
        if np.isnan(readings[place]):
            cleaned[place] = -1
        else:
            mask[place[:2]] = True
    return [cleaned, mask]


TIMES = (16, 26, 36, 46)


def rooms(seed, number, time):
    """What `draw` of the exercise makes: readings, within the length, not `nan`, and in use."""
    random = np.random.default_rng(seed)
    in_use, lengths = random.integers(0, 2, number), random.integers(8, 17, number)
    moved, lost = random.random((number, 16)), random.random((number, 16))
    often, loses = np.where(in_use, 0.8, 0.2), np.where(in_use, 0.5, 0.1)
    real = lengths_in_numpy(lengths, time, "post")
    readings, seen = np.zeros((number, time, 1), "float32"), np.ones((number, time), bool)
    for row, length in enumerate(lengths):
        seen[row, :length] = lost[row, :length] >= loses[row]
        readings[row, :length, 0] = (moved[row, :length] < often[row]) & seen[row, :length]
    return readings, real, seen, in_use


@cache
def drawn_rooms(seed=1, number=400):
    return [rooms(seed, number, time) for time in TIMES]


def summing(level, mask=None):
    """How much movement there is above a level, in all timesteps or where a mask is True."""

    def score(readings, given):
        kept = readings - level
        if mask:
            kept = keras.ops.where(mask(readings, given)[..., None], kept, 0)
        return keras.ops.sum(kept, axis=1)

    return score


def model_of(score, *, inputs="readings mask", end=lambda score: keras.ops.sigmoid(4 * score)):
    """A model that answers by a score, as a trained one would."""
    entries = {"readings": keras.Input((None, 1)), "mask": keras.Input((None,), dtype="bool")}
    given = [entries[name] for name in inputs.split()]
    output = end(score(entries["readings"], entries["mask"]))
    return keras.Model(given if len(given) > 1 else given[0], output)


def of_rooms(model, drawn, mask=lambda readings, real, seen: real & seen):
    """A model's answers, and what is right, at each of the times."""
    for readings, real, seen, in_use in drawn:
        both = [readings, mask(readings, real, seen)]
        takes_both = isinstance(model, Scorer) or len(model.inputs) > 1
        output = model(both if takes_both else readings)
        yield np.asarray(output)[:, 0], in_use


def accuracies(model, *mask, drawn=None):
    answers = of_rooms(model, drawn or drawn_rooms(), *mask)
    return [float(np.mean((answer > 0.5) == in_use)) for answer, in_use in answers]


def losses(model):
    answers = of_rooms(model, drawn_rooms())
    return [float(keras.losses.BinaryCrossentropy()(in_use, answer)) for answer, in_use in answers]


class Scorer(keras.Model):
    """Takes readings alone, or a list of readings and a mask."""

    def call(self, inputs):
        if isinstance(inputs, list | tuple):
            return keras.ops.sigmoid(4 * summing(0.5, given_mask)(*inputs))
        return keras.ops.sigmoid(4 * summing(0.21)(inputs, None))


def given_mask(readings, mask):
    return mask


def in_rnn(masked):
    """The same sums, in the weights of a layer that reads timestep after timestep."""
    readings, mask = keras.Input((None, 1)), keras.Input((None,), dtype="bool")
    reader = keras.layers.SimpleRNN(1, activation=None)
    state = reader(readings, mask=mask) if masked else reader(readings)
    last = keras.layers.Dense(1, activation="sigmoid")
    model = keras.Model([readings, mask] if masked else readings, last(state))
    level = 0.5 if masked else 0.21
    reader.set_weights([np.ones((1, 1)), np.ones((1, 1)), np.array([-level])])
    last.set_weights([np.array([[4.0]]), np.zeros(1)])
    return model


PLAIN = model_of(summing(0.21), inputs="readings")
MASKED = model_of(summing(0.5, given_mask))
WEAK = model_of(summing(0.25, given_mask))
OTHER_MASKS = {
    "lost-is-read": lambda readings, real, seen: real,
    "padding-is-read": lambda readings, real, seen: seen,
    "zero-is-lost": lambda readings, real, seen: readings[..., 0] != 0,
    "hides-what-arrived": lambda readings, real, seen: ~(real & seen),
}


def report(plain=PLAIN, masked=MASKED, padding="empty", of_plain=None, of_masked=None):
    return {
        "plain": (plain, of_plain or accuracies(plain)),
        "masked": (masked, of_masked or accuracies(masked)),
        "padding": padding,
    }


def rounded():
    told = report()
    return told | {name: [told[name][0], np.round(told[name][1], 2)] for name in list(told)[:2]}


def reads_a_little(readings, mask):
    """Some of the readings at masked timesteps get through."""
    return summing(0.5, given_mask)(readings, mask) + 0.01 * keras.ops.sum(readings, axis=1)


def with_both(change):
    """A report of other numbers of the two good models."""
    return report(of_plain=change(PLAIN), of_masked=change(MASKED))


def taking_both():
    scorer = Scorer()
    return report(scorer, scorer, of_plain=accuracies(PLAIN), of_masked=accuracies(MASKED))


def without_numbers():
    model = model_of(summing(np.nan, given_mask))
    return report(masked=model)


ANSWERS = {
    "mask-from-lengths": Answers(
        right=(lengths_in_numpy, lengths_in_keras, lengths_flipped, lengths_in_lists),
        wrong=(
            *changes(
                lengths_in_lists,
                ("wrong-mask", "return rows", "return np.roll(rows, 1, axis=1)"),
                ("wrong-shape", "range(time)", "range(max(lengths) - 1)"),
                ("only-this-example", "range(time)", "range(6)"),
                ("not-boolean", "step < length", "float(step < length)"),
                ("inverted", "step < length", "step >= length"),
                ("one-too-many", "step < length", "step <= length"),
                ("sides-swapped", "post", "pre"),
                ("wrong-in-front", "row[::-1]", "[False, *row[:0:-1]]"),
                ("same-for-both", "row[::-1]", "row"),
                ("length-zero", "step < length", "step < max(length, 1)"),
                ("length-zero", "row[::-1]", "row[::-1] if any(row) else [True, *row[1:]]"),
                ("wrong-shape", " for length in lengths]", " for length in lengths][-3:]"),
            ),
            *changes(
                lengths_in_numpy,
                ("wrong-in-front", "time - column", "max(lengths) - column"),
                ("one-too-many", ">= time", ">= time - 1"),
                ("wrong-shape", "[:, None]", "[:, None] if lengths[1:] else lengths[0]"),
                ("wrong-shape", "else ", "else column[:, 0] > 0 if time == 1 else "),
                ("wrong-shape", "np.arange(time)", 'np.arange(time if padding == "pre" else 6)'),
            ),
            ("zero-from-the-end", lengths_from_the_end),
        ),
        two=(
            (
                "one-too-many",
                "same-for-both",
                changed(lengths_in_numpy, "< column", "<= column", ">= time -", "<"),
            ),
        ),
    ),
    "clean-readings": Answers(
        right=(clean_in_numpy, clean_in_keras, clean_with_mean, clean_with_copy),
        wrong=(
            *changes(
                clean_with_mean,
                ("wrong-mask", "there.sum(axis=-1) > 0", "there[..., -1]"),
                ("wrong-mask", "there.sum(axis=-1) > 0", "there[..., :2].any(-1)"),
                ("not-two", ", there.sum(axis=-1) > 0", ""),
                ("mask-per-reading", "there.sum(axis=-1) > 0", "there"),
                ("not-boolean", " > 0", ""),
                ("inverted", "> 0", "== 0"),
                ("wants-all-readings", "> 0", "== readings.shape[-1]"),
                ("wants-all-readings", "> 0", "== 2"),
                (
                    "zero-is-missing",
                    "there.sum(axis=-1) > 0",
                    "np.nan_to_num(readings).any(axis=-1)",
                ),
                ("nan-left", ", mean)", ", np.nan)"),
                (
                    "nan-left",
                    "readings[there].mean() if there.any() else 0",
                    "np.nanmean(readings)",
                ),
                ("nan-beside-a-reading", "where(there,", "where(there.any(axis=-1)[..., None],"),
                ("loses-readings", "where(there,", "where(there.all(axis=-1)[..., None],"),
                ("wrong-shape", "mean),", "mean)[0],"),
                (
                    "not-two",
                    "there = ",
                    "if not np.isnan(readings).any(): return readings\n    there = ",
                ),
                ("wrong-mask", "~np.isnan(readings)", "readings >= 0"),
            ),
            ("order-swapped", lambda readings: clean_with_mean(readings)[::-1]),
            *changes(
                clean_in_numpy,
                (
                    "mask-per-reading",
                    "any(axis=-1)",
                    "any(axis=-1, keepdims=readings.shape[-1] == 1)",
                ),
                ("only-this-example", "isnan(readings)", "isnan(readings.reshape(1, 5, 2))"),
                ("wrong-shape", ", 0)", ", 0)[:, 0 if readings.shape[1] == 1 else slice(None)]"),
                (
                    "wrong-mask",
                    "there.any(axis=-1)",
                    "np.tile(there.any(axis=-1)[:1], (len(there), 1))",
                ),
            ),
        ),
    ),
    "train-with-a-mask": Answers(
        right=(
            report(),
            rounded(),
            report(in_rnn(masked=False), in_rnn(masked=True)),
            report(masked=Scorer()),
        ),
        wrong=(
            ("returns-nothing", None),
            ("wrong-form", list(report().values())),
            ("wrong-form", report(of_masked=accuracies(MASKED)[:1])),
            ("history-for-model", report(masked=keras.callbacks.History(), of_masked=[1] * 4)),
            ("one-model", taking_both()),
            (
                "cannot-be-asked",
                report(masked=model_of(summing(0.5, given_mask), end=lambda score: score + 0.25)),
            ),
            ("plain-takes-mask", report(MASKED, PLAIN)),
            ("answers-nan", without_numbers()),
            ("reads-masked-steps", report(masked=model_of(reads_a_little))),
            ("mask-not-used", report(masked=model_of(summing(0.21)))),
            (
                "inverted",
                report(masked=model_of(summing(0.5, lambda _, mask: ~mask))),
            ),
            (
                "inputs-swapped",
                report(masked=model_of(summing(0.5, given_mask), inputs="mask readings")),
            ),
            (
                "plain-skips-padding",
                report(model_of(lambda x, _: keras.ops.sum(x, axis=1) - 3.5, inputs="readings")),
            ),
            ("plain-untrained", report(model_of(summing(0.5), inputs="readings"))),
            ("masked-untrained", report(masked=WEAK)),
            *(
                (code, report(masked=model, of_masked=accuracies(model, mask)))
                for code, mask in OTHER_MASKS.items()
                for model in (MASKED, WEAK)
            ),
            ("wrong-numbers", report(of_plain=[0.9, 0.8, 0.7, 0.6])),
            ("percent", with_both(lambda model: [100 * one for one in accuracies(model)])),
            ("loss-for-accuracy", with_both(losses)),
            (
                "training-rooms",
                with_both(lambda model: accuracies(model, drawn=drawn_rooms(0, 512))),
            ),
            ("never-padded", with_both(lambda model: accuracies(model)[:1] * 4)),
            ("wrong-conclusion", report(padding="in use")),
            ("neither-word", report(padding="a movement")),
        ),
    ),
}
