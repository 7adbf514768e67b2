"""Right and wrong answers to the questions on masks by hand."""

import keras
import numpy as np
import tensorflow as tf

from answers import Answers, changes


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


def clean_in_keras(readings):
    missing = keras.ops.isnan(readings)
    return keras.ops.where(missing, 0.0, readings), ~keras.ops.all(missing, axis=-1)


def clean_with_mean(readings):
    there = ~np.isnan(readings)
    return np.where(there, readings, np.nanmean(readings, axis=(0, 1))), there.sum(axis=-1) > 0


def causal_in_keras(mask):
    steps = keras.ops.arange(mask.shape[1])
    return keras.ops.logical_and(steps[:, None] >= steps, mask[:, None, :])


def causal_with_loop(mask):
    """Rows of timesteps that were not measured look at nothing."""
    table = np.zeros((*mask.shape, mask.shape[1]), dtype=bool)
    for batch, step in np.argwhere(mask):
        table[batch, step, : step + 1] = mask[batch, : step + 1]
    return table


ANSWERS = {
    "mask-from-lengths": Answers(
        right=(lengths_in_keras, lengths_flipped, lengths_in_lists),
        wrong=(
            *changes(
                lengths_in_lists,
                ("wrong-mask", "return rows", "return np.roll(rows, 1, axis=1)"),
                ("wrong-shape", "range(time)", "range(max(lengths) - 1)"),
                ("not-boolean", "step < length", "float(step < length)"),
                ("inverted", "step < length", "step >= length"),
                ("one-too-many", "step < length", "step <= length"),
                ("sides-swapped", "post", "pre"),
                ("wrong-in-front", "row[::-1]", "[False, *row[:0:-1]]"),
                ("same-for-both", "row[::-1]", "row"),
                ("length-zero", "step < length", "step < max(length, 1)"),
            ),
            ("zero-from-the-end", lengths_from_the_end),
        ),
    ),
    "clean-readings": Answers(
        right=(clean_in_keras, clean_with_mean),
        wrong=(
            *changes(
                clean_with_mean,
                ("wrong-mask", "there.sum(axis=-1) > 0", "there[..., 0]"),
                ("not-two", ", there.sum(axis=-1) > 0", ""),
                ("mask-per-reading", "there.sum(axis=-1) > 0", "there"),
                ("not-boolean", " > 0", ""),
                ("inverted", "> 0", "== 0"),
                ("wants-all-readings", "> 0", "== 2"),
                (
                    "zero-is-missing",
                    "there.sum(axis=-1) > 0",
                    "np.nan_to_num(readings).any(axis=-1)",
                ),
                ("nan-left", "np.nanmean(readings, axis=(0, 1))", "np.nan"),
                ("nan-beside-a-reading", "where(there,", "where(there.any(axis=-1)[..., None],"),
                ("loses-readings", "where(there,", "where(there.all(axis=-1)[..., None],"),
                ("wrong-shape", "axis=(0, 1)))", "axis=(0, 1))).reshape(-1, 2)"),
            ),
            ("order-swapped", lambda readings: clean_with_mean(readings)[::-1]),
        ),
    ),
    "causal-mask": Answers(
        right=(causal_in_keras, causal_with_loop),
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
        ),
    ),
}
