"""Right and wrong answers to the questions on masks by hand."""

import keras
import numpy as np
import tensorflow as tf

from answers import Answers


def lengths_in_keras(lengths, time, padding):
    steps, column = keras.ops.arange(time), keras.ops.array(lengths)[:, None]
    return steps < column if padding == "post" else steps >= time - column


def lengths_flipped(lengths, time, padding):
    mask = tf.sequence_mask(lengths, time)
    return mask if padding == "post" else tf.reverse(mask, axis=[1])


def lengths_in_lists(lengths, time, padding):
    rows = [[step < length for step in range(time)] for length in lengths]
    return rows if padding == "post" else [row[::-1] for row in rows]


def lengths_without_time(lengths, time, padding):
    return lengths_in_keras(lengths, max(lengths) - 1, padding)


def lengths_as_numbers(lengths, time, padding):
    return np.array(lengths_in_lists(lengths, time, padding), dtype="float32")


def lengths_inverted(lengths, time, padding):
    return ~np.array(lengths_in_lists(lengths, time, padding))


def lengths_and_one(lengths, time, padding):
    return np.arange(time) <= np.array(lengths)[:, None]


def lengths_on_the_other_side(lengths, time, padding):
    return lengths_in_lists(lengths, time, "pre" if padding == "post" else "post")


def lengths_rolled(lengths, time, padding):
    mask = lengths_in_lists(lengths, time, padding)
    return np.roll(mask, 1, axis=1) if padding == "post" else mask


def lengths_always_behind(lengths, time, padding):
    return lengths_in_lists(lengths, time, "post")


def lengths_late(lengths, time, padding):
    mask = np.array(lengths_in_lists(lengths, time, padding))
    return mask if padding == "post" else np.arange(time) > time - np.array(lengths)[:, None]


def lengths_from_the_end(lengths, time, padding):
    mask = np.zeros((len(lengths), time), dtype=bool)
    for row, length in zip(mask, lengths, strict=True):
        row[slice(length) if padding == "post" else slice(-length, None)] = True
    return mask


def lengths_at_least_one(lengths, time, padding):
    return lengths_in_lists([max(length, 1) for length in lengths], time, padding)


def clean_in_keras(readings):
    missing = keras.ops.isnan(readings)
    return keras.ops.where(missing, 0.0, readings), ~keras.ops.all(missing, axis=-1)


def clean_with_mean(readings):
    there = ~np.isnan(readings)
    return np.where(there, readings, np.nanmean(readings, axis=(0, 1))), there.sum(axis=-1) > 0


def clean_readings_only(readings):
    return np.nan_to_num(readings)


def clean_swapped(readings):
    return clean_in_keras(readings)[::-1]


def clean_per_reading(readings):
    return np.nan_to_num(readings), ~np.isnan(readings)


def clean_with_counts(readings):
    return np.nan_to_num(readings), (~np.isnan(readings)).sum(axis=-1)


def clean_inverted(readings):
    return np.nan_to_num(readings), np.isnan(readings).all(axis=-1)


def clean_all_there(readings):
    return np.nan_to_num(readings), ~np.isnan(readings).any(axis=-1)


def clean_by_zeros(readings):
    filled = np.nan_to_num(readings)
    return filled, (filled != 0).any(axis=-1)


def clean_first_feature(readings):
    return np.nan_to_num(readings), ~np.isnan(readings[..., 0])


def clean_mask_only(readings):
    return readings, ~np.isnan(readings).all(axis=-1)


def clean_behind_the_mask(readings):
    mask = ~np.isnan(readings).all(axis=-1)
    return np.where(mask[..., None], readings, 0), mask


def clean_whole_timesteps(readings):
    there = ~np.isnan(readings)
    return np.where(there.all(axis=-1)[..., None], readings, 0), there.any(axis=-1)


def clean_flat(readings):
    filled, mask = clean_in_keras(readings)
    return keras.ops.reshape(filled, (-1, 2)), mask


def earlier(time):
    return np.tril(np.ones((time, time), dtype=bool))


def causal_in_keras(mask):
    steps = keras.ops.arange(mask.shape[1])
    return keras.ops.logical_and(steps[:, None] >= steps, mask[:, None, :])


def causal_with_loop(mask):
    """Rows of timesteps that were not measured look at nothing."""
    table = np.zeros((*mask.shape, mask.shape[1]), dtype=bool)
    for batch, step in np.argwhere(mask):
        table[batch, step, : step + 1] = mask[batch, : step + 1]
    return table


def causal_flat(mask):
    return causal_in_keras(mask)[:, -1]


def causal_one_table(mask):
    return earlier(mask.shape[1])


def causal_numbers(mask):
    return earlier(mask.shape[1]).astype(int) * mask[:, None, :]


def causal_on_its_side(mask):
    return earlier(mask.shape[1]).T & mask[:, None, :]


def not_causal(mask):
    return np.repeat(mask[:, None, :], mask.shape[1], axis=1)


def causal_or(mask):
    return earlier(mask.shape[1]) | mask[:, None, :]


def causal_without_mask(mask):
    return np.repeat(earlier(mask.shape[1])[None], len(mask), axis=0)


def causal_by_rows(mask):
    return earlier(mask.shape[1]) & mask[:, :, None]


def causal_strict(mask):
    return np.tril(earlier(mask.shape[1]), -1) & mask[:, None, :]


def causal_two_steps(mask):
    return np.triu(earlier(mask.shape[1]), -1) & mask[:, None, :]


ANSWERS = {
    "mask-from-lengths": Answers(
        right=(lengths_in_keras, lengths_flipped, lengths_in_lists),
        wrong=(
            ("wrong-mask", lengths_rolled),
            ("wrong-shape", lengths_without_time),
            ("not-boolean", lengths_as_numbers),
            ("inverted", lengths_inverted),
            ("one-too-many", lengths_and_one),
            ("sides-swapped", lengths_on_the_other_side),
            ("wrong-in-front", lengths_late),
            ("same-for-both", lengths_always_behind),
            ("length-zero", lengths_at_least_one),
            ("zero-from-the-end", lengths_from_the_end),
        ),
    ),
    "clean-readings": Answers(
        right=(clean_in_keras, clean_with_mean),
        wrong=(
            ("wrong-mask", clean_first_feature),
            ("not-two", clean_readings_only),
            ("order-swapped", clean_swapped),
            ("mask-per-reading", clean_per_reading),
            ("not-boolean", clean_with_counts),
            ("inverted", clean_inverted),
            ("wants-all-readings", clean_all_there),
            ("zero-is-missing", clean_by_zeros),
            ("nan-left", clean_mask_only),
            ("nan-beside-a-reading", clean_behind_the_mask),
            ("loses-readings", clean_whole_timesteps),
            ("wrong-shape", clean_flat),
        ),
    ),
    "causal-mask": Answers(
        right=(causal_in_keras, causal_with_loop),
        wrong=(
            ("wrong-shape", causal_flat),
            ("one-table", causal_one_table),
            ("not-boolean", causal_numbers),
            ("looks-ahead", not_causal),
            ("looks-ahead", causal_or),
            ("ahead-only", causal_on_its_side),
            ("looks-at-holes", causal_without_mask),
            ("hides-who-looks", causal_by_rows),
            ("misses-timesteps", causal_two_steps),
            ("not-at-itself", causal_strict),
        ),
    ),
}
