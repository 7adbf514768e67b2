"""Right and wrong answers to the questions on padding."""

import keras
import numpy as np
import tensorflow as tf

import masklens as ml
from answers import Answers, changes


def readings_with_keras(series, value):
    options = {"padding": "post", "value": value, "dtype": "float32"}
    return keras.utils.pad_sequences(series, **options)


def readings_as_batch(series, value):
    return ml.pad(series, padding="post", dtype="float64", value=value)


def readings_with_loop(series, value):
    padded = np.full((len(series), max(map(len, series))), value, dtype=float)
    for row, readings in zip(padded, series, strict=True):
        row[: len(readings)] = readings
    return padded.tolist()


def readings_ragged(series, value):
    return tf.ragged.constant(series, dtype="float32").to_tensor(value)


def readings_in_lists(series, value):
    longest = max(len(row) for row in series)
    return [row + [value] * (longest - len(row)) for row in series]


def cudnn_with_keras(texts):
    return keras.utils.pad_sequences([text if text else [1] for text in texts], padding="post")


def cudnn_with_loop(texts):
    longest = max(map(len, texts)) + 1
    return [[*(text or [1]), *[0] * (longest - len(text or [1]))] for text in texts]


def cudnn_as_batch(texts):
    return ml.pad([text or [1] for text in texts], padding="post")


def cudnn_with_array(texts):
    ids = np.zeros((len(texts), max(max(map(len, texts)), 1)), dtype="int64")
    for row, text in zip(ids, texts, strict=True):
        row[: len(text)] = text
    ids[~ids.any(axis=1), 0] = 1
    return ids


BY_HAND = [[4, 8, 0], [16, 23, 42], [7, 0, 0]]

ANSWERS = {
    "pad-by-hand": Answers(
        right=(
            BY_HAND,
            tuple(map(tuple, BY_HAND)),
            np.array(BY_HAND),
            keras.ops.convert_to_tensor([[4.0, 8, 0], [16, 23, 42], [7, 0, 0]]),
            ml.pad([[4, 8], [15, 16, 23, 42], [7]], maxlen=3, padding="post"),
        ),
        wrong=(
            ("pads-in-front", [[0, 4, 8], [16, 23, 42], [0, 0, 7]]),
            ("cuts-the-end", [[4, 8, 0], [15, 16, 23], [7, 0, 0]]),
            ("wrong-shape", [[4, 8, 0, 0], [15, 16, 23, 42], [7, 0, 0, 0]]),
            ("wrong-shape", BY_HAND[:2]),
            ("wrong-ids", [[4, 8, 0], [16, 23, 42], [0, 7, 0]]),
            ("wrong-ids", [[4, 8, 1], [16, 23, 42], [7, 1, 1]]),
            ("wrong-ids", BY_HAND[::-1]),
            ("not-numbers", [[4, 8], [16, 23, 42], [7]]),
            ("not-a-value", lambda: BY_HAND),
        ),
        two=(("pads-in-front", "cuts-the-end", [[0, 4, 8], [15, 16, 23], [0, 0, 7]]),),
    ),
    "pad-readings": Answers(
        right=(
            readings_with_keras,
            readings_as_batch,
            readings_with_loop,
            readings_ragged,
            readings_in_lists,
        ),
        wrong=(
            *changes(
                readings_with_keras,
                ("loses-decimals", ', "dtype": "float32"', ""),
                ("pads-with-zero", '"value": value', '"value": 0'),
                ("pads-in-front", "post", "pre"),
                ("only-this-example", "(series, **", "(series, maxlen=4, **"),
                ("wrong-readings", "(series, **", "([np.round(row) for row in series], **"),
                ("wrong-readings", "(series, **", "([sorted(row) for row in series], **"),
                ("wrong-shape", "(series, **", "([row[:4] for row in series], **"),
                (
                    "pads-with-zero",
                    *("return ", "padded = "),
                    *("**options)", "**options)\n    return np.nan_to_num(padded, posinf=np.inf)"),
                ),
                ("wrong-readings", "**options)", "**options).round(2)"),
                ("wrong-shape", "**options)", "**options).squeeze()"),
                ("wrong-shape", "(series, **", "([row for row in series if row], **"),
            ),
            *changes(
                readings_with_loop,
                ("loses-decimals", ", dtype=float", ""),
                ("only-this-example", "(len(series), max(map(len, series)))", "(3, 4)"),
                (
                    "wrong-shape",
                    "max(map(len, series))",
                    "max(map(len, series)) + (len({*map(len, series)}) == 1 < len(series))",
                ),
            ),
        ),
        two=(
            (
                "loses-decimals",
                "pads-in-front",
                lambda series, value: keras.utils.pad_sequences(series, value=value),
            ),
        ),
    ),
    "pad-for-cudnn": Answers(
        right=(cudnn_with_keras, cudnn_with_loop, cudnn_as_batch, cudnn_with_array),
        wrong=(
            *changes(
                cudnn_with_keras,
                ("empty-row", " if text else [1]", ""),
                ("padding-first", "post", "pre"),
                (
                    "drops-the-text",
                    " if text else [1] for text in texts",
                    " for text in texts if text",
                ),
                ("loses-ids", '"post"', '"post", maxlen=3'),
                ("loses-ids", '"post"', '"post", maxlen=5'),
                ("another-word", "[1]", "[999]"),
                ("another-word", "[1]", "[1, 1]"),
                ("loses-ids", '"post"', '"post", dtype="float16"'),
                ("error", '"post"', '"post", dtype="int8"'),
                ("loses-ids", "text if text else [1]", "[id for id in text if id != 1] or [1]"),
                ("loses-ids", '"post"', '"post", value=-1'),
                ("loses-ids", '"post")', '"post")[0 if len(texts) == 1 else slice(None)]'),
            ),
            *changes(
                cudnn_with_array,
                ("error", "max(max(map(len, texts)), 1)", "max(map(len, texts))"),
                ("only-this-example", "(len(texts), max(max(map(len, texts)), 1))", "(4, 5)"),
            ),
        ),
    ),
}
