"""Right and wrong answers to the questions on padding."""

import keras
import numpy as np

import masklens as ml
from answers import Answers


def readings_with_keras(series, value):
    options = {"padding": "post", "value": value, "dtype": "float32"}
    return keras.utils.pad_sequences(series, **options)


def readings_with_loop(series, value):
    padded = np.full((len(series), max(map(len, series))), value)
    for row, readings in zip(padded, series, strict=True):
        row[: len(readings)] = readings
    return padded.tolist()


def readings_as_ids(series, value):
    return ml.pad(series, padding="post", value=value).ids


def readings_with_zeros(series, value):
    return ml.pad(series, padding="post", dtype="float32").ids


def readings_behind_padding(series, value):
    return ml.pad(series, dtype="float32", value=value).ids


def readings_cut_short(series, value):
    return ml.pad(series, padding="post", dtype="float32", value=value, maxlen=3).ids


def readings_rounded(series, value):
    return np.round(readings_with_keras(series, value))


def cudnn_with_keras(texts):
    return keras.utils.pad_sequences([text if text else [1] for text in texts], padding="post")


def cudnn_with_loop(texts):
    longest = max(map(len, texts)) + 1
    return [[*(text or [1, 1]), *[0] * (longest - len(text or [1, 1]))] for text in texts]


def cudnn_with_empty_row(texts):
    return ml.pad(texts, padding="post").ids


def cudnn_padded_in_front(texts):
    return ml.pad([text or [1] for text in texts]).ids


def cudnn_without_the_empty_text(texts):
    return ml.pad([text for text in texts if text], padding="post").ids


def cudnn_cut_to_three(texts):
    return ml.pad([text or [1] for text in texts], padding="post", maxlen=3).ids


ANSWERS = {
    "pad-by-hand": Answers(
        right=(
            np.array([[4, 8, 0], [16, 23, 42], [7, 0, 0]]),
            keras.ops.convert_to_tensor([[4.0, 8, 0], [16, 23, 42], [7, 0, 0]]),
        ),
        wrong=(
            ("pads-in-front", [[0, 4, 8], [16, 23, 42], [0, 0, 7]]),
            ("cuts-the-end", [[4, 8, 0], [15, 16, 23], [7, 0, 0]]),
            ("swaps-the-sides", [[0, 4, 8], [15, 16, 23], [0, 0, 7]]),
            ("wrong-shape", [[4, 8, 0, 0], [15, 16, 23, 42], [7, 0, 0, 0]]),
            ("wrong-ids", [[4, 8, 0], [16, 23, 42], [0, 7, 0]]),
        ),
    ),
    "pad-readings": Answers(
        right=(readings_with_keras, readings_with_loop),
        wrong=(
            ("loses-decimals", readings_as_ids),
            ("pads-with-zero", readings_with_zeros),
            ("pads-in-front", readings_behind_padding),
            ("wrong-shape", readings_cut_short),
            ("wrong-readings", readings_rounded),
        ),
    ),
    "pad-for-cudnn": Answers(
        right=(cudnn_with_keras, cudnn_with_loop),
        wrong=(
            ("empty-row", cudnn_with_empty_row),
            ("padding-first", cudnn_padded_in_front),
            ("drops-the-text", cudnn_without_the_empty_text),
            ("loses-ids", cudnn_cut_to_three),
        ),
    ),
}
