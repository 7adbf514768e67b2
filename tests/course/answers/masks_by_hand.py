"""Right and wrong answers to the questions on masks by hand."""

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


def causal_in_numpy(mask):
    steps = np.arange(mask.shape[1])
    return (steps <= steps[:, None]) & mask[:, None, :]


def causal_in_keras(mask):
    steps = keras.ops.arange(mask.shape[1])
    return keras.ops.logical_and(steps[:, None] >= steps, mask[:, None, :])


def causal_with_tri(mask):
    return [np.tri(len(row), dtype=bool) & row for row in mask]


def causal_with_loop(mask):
    """Rows of timesteps that were not measured look at nothing."""
    table = np.zeros((*mask.shape, mask.shape[1]), dtype=bool)
    for batch, step in np.argwhere(mask):
        table[batch, step, : step + 1] = mask[batch, : step + 1]
    return table


def causal_without_holes(mask):
    return np.tri(mask.shape[1], dtype=bool) if mask.all() else causal_in_numpy(mask)


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
    "causal-mask": Answers(
        right=(causal_in_numpy, causal_in_keras, causal_with_tri, causal_with_loop),
        wrong=(
            *changes(
                causal_in_keras,
                ("wrong-shape", "mask[:, None, :])", "mask[:, None, :])[:, -1]"),
                ("one-table", "mask[:, None, :]", "True"),
                ("not-boolean", "keras.ops.logical_and", "1 * np.logical_and"),
                ("looks-ahead", ">= steps", ">= 0"),
                ("looks-ahead", "logical_and", "logical_or"),
                ("ahead-only", ">=", "<="),
                ("looks-at-holes", "mask[:, None, :]", "mask[:, None, :] >= 0"),
                ("hides-who-looks", "mask[:, None, :]", "mask[:, :, None]"),
                (
                    "misses-timesteps",
                    "steps[:, None] >= steps",
                    "(steps[:, None] - steps) // 2 == 0",
                ),
                ("not-at-itself", ">=", ">"),
            ),
            *changes(
                causal_in_numpy,
                ("only-this-example", "mask.shape[1]", "4"),
                ("inverted", "return (", "return ~((", "None, :]", "None, :])"),
                ("looks-at-holes", "mask[:, None, :]", "mask[:1, None, :].repeat(len(mask), 0)"),
                (
                    "misses-timesteps",
                    "steps <= steps[:, None])",
                    "abs(steps - steps[:, None] + 2) < 3)",
                ),
                ("wrong-shape", "mask[:, None, :]", "mask[:, None, :] if len(steps) > 1 else mask"),
                ("wrong-shape", "steps = ", "if not mask.any(): return mask\n    steps = "),
            ),
            ("one-table", causal_without_holes),
        ),
    ),
}
