"""Right and wrong answers to the questions on layers that make masks."""

import keras
import numpy as np

import masklens as ml
from answers import Answers

T, F = True, False


def mask_of_the_layer():
    ids = np.array([[4, 8, 0, 0], [0, 0, 7, 3], [5, 0, 9, 2], [0, 0, 0, 0]])
    return keras.layers.Embedding(10, 2, mask_zero=True).compute_mask(ids)


def texts_of_shorter_ids(ids, embedding, scale):
    shorter = np.delete(ids, 0, axis=1)
    return embedding(shorter) * scale, shorter != 0


def texts_sliced_twice(ids, embedding, scale):
    x = embedding(ids)
    return [keras.ops.multiply(x[:, 1:], scale), ml.mask_of(x)[:, 1:]]


def texts_as_arrays(ids, embedding, scale):
    (table,) = embedding.get_weights() or (embedding(ids), embedding.get_weights())[1]
    return table[ids[:, 1:]] * scale, ~(ids == 0)[:, 1:]


def texts_alone(ids, embedding, scale):
    return embedding(ids[:, 1:]) * scale


def texts_not_sliced(ids, embedding, scale):
    return embedding(ids) * scale, embedding.compute_mask(ids)


def texts_without_the_end(ids, embedding, scale):
    return embedding(ids)[:, :-1] * scale, embedding.compute_mask(ids)[:, :-1]


def texts_not_scaled(ids, embedding, scale):
    return embedding(ids[:, 1:]), ids[:, 1:] != 0


def texts_mask_read_too_late(ids, embedding, scale):
    vectors = embedding(ids)[:, 1:] * scale
    return vectors, ml.mask_of(vectors)


def texts_mask_not_sliced(ids, embedding, scale):
    return embedding(ids)[:, 1:] * scale, embedding.compute_mask(ids)


def texts_mask_sliced_at_the_end(ids, embedding, scale):
    return embedding(ids)[:, 1:] * scale, embedding.compute_mask(ids)[:, :-1]


def texts_mask_of_vectors(ids, embedding, scale):
    vectors = embedding(ids)[:, 1:] * scale
    return vectors, keras.ops.any(vectors != 0, axis=-1)


def texts_mask_with_features(ids, embedding, scale):
    return embedding(ids[:, 1:]) * scale, (ids[:, 1:] != 0)[..., None]


def texts_mask_of_floats(ids, embedding, scale):
    return embedding(ids[:, 1:]) * scale, (ids[:, 1:] != 0).astype("float32")


def texts_mask_inverted(ids, embedding, scale):
    return embedding(ids[:, 1:]) * scale, ids[:, 1:] == 0


def texts_mask_from_lengths(ids, embedding, scale):
    lengths = (ids[:, 1:] != 0).sum(axis=1, keepdims=True)
    return embedding(ids[:, 1:]) * scale, np.arange(ids.shape[1] - 1) < lengths


def padded_with(series, value, dtype="float32", padding="post"):
    return ml.pad(series, padding=padding, value=value, dtype=dtype).ids


def flat(series):
    return np.concatenate([np.ravel(steps) for steps in series])


def value_below_the_lowest(series):
    value = float(flat(series).min()) - 1
    rows = [np.array(steps, "float32") for steps in series]
    padded = np.full((len(rows), max(map(len, rows)), rows[0].shape[1]), value, "float32")
    for place, steps in zip(padded, rows, strict=True):
        place[: len(steps)] = steps
    return padded, value


def value_counted_up(series):
    readings, value = set(flat(series).tolist()), 0
    while value in readings:
        value += 1
    longest = max(map(len, series))
    filler = [value] * len(series[0][0])
    return [[*steps, *[filler] * (longest - len(steps))] for steps in series], value


def value_as_float32(series):
    value = flat(series).astype("float32").max() * np.float32(1.1)
    options = {"padding": "post", "value": value, "dtype": "float32"}
    return keras.utils.pad_sequences(series, **options), value


def value_as_float64(series):
    value = flat(series).max() + 0.3
    padded = keras.utils.pad_sequences(series, padding="post", value=value, dtype="float64")
    return padded, value


def value_missing(series):
    return padded_with(series, 99.0)


def value_before_the_array(series):
    padded, value = value_below_the_lowest(series)
    return value, padded


def value_with_whole_numbers(series):
    value = flat(series).max() + 1
    return padded_with(series, value, dtype="int32"), int(value)


def value_behind_padding(series):
    value = flat(series).max() + 1
    return padded_with(series, value, padding="pre"), value


def value_not_padded_with(series):
    return padded_with(series, 0.0), float(flat(series).max()) + 1


def value_nan(series):
    return padded_with(series, np.nan), np.nan


def value_in_the_first_feature(series):
    value = float(flat(series).max()) + 1
    padded = padded_with(series, 0.0)
    for place, steps in zip(padded, series, strict=True):
        place[len(steps) :, 0] = value
    return padded, value


def value_zero(series):
    return padded_with(series, 0.0), 0.0


def value_lowest(series):
    value = float(flat(series).min())
    return padded_with(series, value), value


def value_minus_999(series):
    return padded_with(series, -999.0), -999.0


ANSWERS = {
    "predict-mask": Answers(
        right=(
            mask_of_the_layer(),
            ((1 == 1, T, F, F), (F, F, T, T), np.array([5, 0, 9, 2]) > 0, [F] * 4),
        ),
        wrong=(
            ("wrong-mask", [[T, T, F, F], [F, T, T, T], [T, F, T, T], [F, F, F, F]]),
            ("wrong-shape", [[T, T], [T, T], [T, T], [F, F]]),
            ("wrong-shape", [[[T], [T], [F], [F]]] * 4),
            ("not-boolean", [[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 1], [0, 0, 0, 0]]),
            ("inverted", [[F, F, T, T], [T, T, F, F], [F, T, F, F], [T, T, T, T]]),
            ("counts-the-ids", [[T, T, F, F], [T, T, F, F], [T, T, T, F], [F, F, F, F]]),
            ("ends-at-the-first-zero", [[T, T, F, F], [F, F, F, F], [T, F, F, F], [F, F, F, F]]),
            ("reads-the-gap", [[T, T, F, F], [F, F, T, T], [T, T, T, T], [F, F, F, F]]),
            ("reads-the-empty-row", [[T, T, F, F], [F, F, T, T], [T, F, T, T], [T, F, F, F]]),
        ),
    ),
    "keep-the-mask": Answers(
        right=(texts_of_shorter_ids, texts_sliced_twice, texts_as_arrays),
        wrong=(
            ("wrong-vectors", texts_not_scaled),
            ("not-a-pair", texts_alone),
            ("keeps-the-first", texts_not_sliced),
            ("drops-the-last", texts_without_the_end),
            ("wrong-mask", texts_mask_from_lengths),
            ("mask-left-behind", texts_mask_read_too_late),
            ("mask-not-sliced", texts_mask_not_sliced),
            ("sliced-at-the-end", texts_mask_sliced_at_the_end),
            ("asks-the-vectors", texts_mask_of_vectors),
            ("third-axis", texts_mask_with_features),
            ("not-boolean", texts_mask_of_floats),
            ("inverted", texts_mask_inverted),
        ),
    ),
    "choose-mask-value": Answers(
        right=(value_below_the_lowest, value_counted_up, value_as_float32),
        wrong=(
            ("changes-readings", value_behind_padding),
            ("not-a-pair", value_missing),
            ("not-a-pair", value_before_the_array),
            ("loses-decimals", value_with_whole_numbers),
            ("reads-padding", value_not_padded_with),
            ("pads-with-nan", value_nan),
            ("number-of-64-bits", value_as_float64),
            ("marks-one-feature", value_in_the_first_feature),
            ("skips-a-reading", value_minus_999),
            ("zero-is-a-reading", value_zero),
            ("takes-a-reading", value_lowest),
        ),
    ),
}
