"""Right and wrong answers to the questions on layers that make masks."""

import keras
import numpy as np
from keras import ops

import masklens as ml
from answers import Answers, changed, changes

T, F = True, False


def mask_of_the_layer():
    ids = np.array([[4, 8, 0, 0], [0, 0, 7, 3], [5, 0, 9, 2], [0, 0, 0, 0]])
    return keras.layers.Embedding(10, 2, mask_zero=True).compute_mask(ids)


def texts_of_shorter_ids(ids, embedding, scale):
    shorter = np.delete(ids, 0, axis=1)
    return embedding(shorter) * scale, shorter != 0


def texts_sliced_twice(ids, embedding, scale):
    x = embedding(ids)
    return [ops.multiply(x[:, 1:], scale), ml.mask_of(x)[:, 1:]]


def texts_as_arrays(ids, embedding, scale):
    (table,) = embedding.get_weights()
    return table[ids[:, 1:]] * scale, ~(ids == 0)[:, 1:]


def texts_in_lists(ids, embedding, scale):
    vectors = [[embedding.embeddings[token] * scale for token in row[1:]] for row in ids.tolist()]
    return vectors, [[token > 0 for token in row] for row in ids[:, 1:]]


def padded_with(series, value, dtype="float32", padding="post"):
    return ml.pad(series, padding=padding, value=value, dtype=dtype).ids


def flat(series):
    return np.concatenate([np.ravel(steps) for steps in series])


def value_below_the_lowest(series):
    value = float(min(flat(series).min() * 2, -1))
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
    value = abs(flat(series)).astype("float32").max() * np.float32(1.1) + 1
    options = {"padding": "post", "value": value, "dtype": "float32"}
    return keras.utils.pad_sequences(series, **options), value


def value_with_batch(series):
    value = float(abs(flat(series)).max()) * 3 + 0.5
    return [ml.pad(series, padding="post", value=value, dtype="float64"), np.array([value])]


def value_as_float64(series):
    value = abs(flat(series)).max() * 1.1 + 0.3
    padded = keras.utils.pad_sequences(series, padding="post", value=value, dtype="float64")
    return padded, value


def value_above_the_largest(series):
    value = float(abs(flat(series)).max()) * 2 + 1
    return padded_with(series, value), value


def value_in_the_first_feature(series):
    value = float(abs(flat(series)).max()) * 2 + 1
    padded = padded_with(series, 0.0)
    for place, steps in zip(padded, series, strict=True):
        place[len(steps) :, :1] = value
    return padded, value


MASK = np.array([[T, T, F, F], [F, F, T, T], [T, F, T, T], [F, F, F, F]])
LARGEST = "float(abs(flat(series)).max()) * 2 + 1"

ANSWERS = {
    "predict-mask": Answers(
        right=(
            mask_of_the_layer(),
            MASK,
            MASK.tolist(),
            ((1 == 1, T, F, F), (F, F, T, T), np.array([5, 0, 9, 2]) > 0, [F] * 4),
        ),
        wrong=(
            ("wrong-mask", [[T, T, F, F], [F, T, T, T], [T, F, T, T], [F, F, F, F]]),
            ("wrong-mask", MASK[:, ::-1]),
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
        right=(texts_of_shorter_ids, texts_sliced_twice, texts_as_arrays, texts_in_lists),
        wrong=(
            *changes(
                texts_of_shorter_ids,
                ("wrong-vectors", " * scale", ""),
                ("not-a-pair", ", shorter != 0", ""),
                ("keeps-the-first", "np.delete(ids, 0, axis=1)", "ids"),
                ("drops-the-last", "np.delete(ids, 0", "np.delete(ids, -1"),
                ("wrong-mask", "shorter != 0", "(shorter != 0)[::-1]"),
                ("mask-left-behind", "shorter != 0", "ml.mask_of(embedding(shorter) * scale)"),
                ("mask-not-sliced", "shorter != 0", "embedding.compute_mask(ids)"),
                ("sliced-at-the-end", "shorter != 0", "embedding.compute_mask(ids)[:, :-1]"),
                ("asks-the-vectors", "shorter != 0", "ops.any(embedding(shorter) != 0, axis=-1)"),
                ("third-axis", "shorter != 0", "(shorter != 0)[..., None]"),
                ("not-boolean", "shorter != 0", '(shorter != 0).astype("float32")'),
                ("inverted", "!=", "=="),
                ("only-this-example", "np.delete(ids, 0, axis=1)", "ids[:, 1:].reshape(3, 5)"),
                ("wrong-vectors", "np.delete(ids, 0, axis=1)", "ids[:, 1:6]"),
                ("wrong-vectors", "embedding(shorter)", "np.squeeze(embedding(shorter))"),
                ("wrong-mask", "shorter != 0", "(shorter != 0) | (ids.sum(1) == 0)[:, None]"),
                ("wrong-vectors", "np.delete(ids, 0", "np.delete(np.minimum(ids, 99), 0"),
                ("wrong-vectors", "* scale", "* abs(scale)"),
            ),
        ),
    ),
    "choose-mask-value": Answers(
        right=(value_below_the_lowest, value_counted_up, value_as_float32, value_with_batch),
        wrong=(
            *changes(
                value_above_the_largest,
                ("changes-readings", "value), value", 'value, padding="pre"), value'),
                ("not-a-pair", ", value\n", "\n"),
                ("loses-decimals", "value), value", 'value, dtype="int32"), int(value)'),
                ("reads-padding", "(series, value)", "(series, 0.0)"),
                ("pads-with-nan", LARGEST, "np.nan"),
                ("pads-with-inf", LARGEST, "np.inf"),
                ("takes-a-reading", LARGEST, "1.0"),
                ("takes-a-reading", LARGEST, "-999.0"),
                ("takes-a-reading", LARGEST, "12345.678"),
                ("takes-a-reading", LARGEST, "float(flat(series).max()) - 1"),
                ("takes-a-reading", LARGEST, "float(flat(series).max() or 1) * 2"),
                ("zero-is-a-reading", LARGEST, "0.0"),
                ("takes-a-reading", LARGEST, "float(flat(series).max()) * 2"),
                ("takes-a-reading", LARGEST, "float(min(flat(series)))"),
                ("takes-a-reading", LARGEST, "float(max(flat(series)))"),
                ("skips-a-reading", LARGEST, "float(flat(series).max()) + 1"),
                ("skips-a-reading", LARGEST, "float(flat(series).min()) - 1"),
                ("takes-a-reading", "* 2 + 1", "* 2 - 1"),
                ("zero-is-a-reading", "* 2 + 1", "* 2"),
                (
                    "only-this-example",
                    "padded_with(series, value)",
                    "padded_with(series, value).reshape(3, 3, 2)",
                ),
                (
                    "changes-readings",
                    "padded_with(series, value)",
                    "padded_with([steps[:4] for steps in series], value)",
                ),
                ("changes-readings", "value), value", "value).squeeze(), value"),
                (
                    "loses-decimals",
                    "value), value",
                    'value, "int32" if [*map(len, series)] == [2, 2] else "float32"), value',
                ),
            ),
            ("not-a-pair", lambda series: value_below_the_lowest(series)[::-1]),
            ("number-of-64-bits", value_as_float64),
            ("marks-one-feature", value_in_the_first_feature),
            ("marks-one-feature", changed(value_in_the_first_feature, ":1]", ":2]")),
        ),
    ),
}
