"""Right and wrong answers to the questions on padding."""

import keras
import numpy as np

from answers import Answers, changes


def readings_with_keras(series, value):
    options = {"padding": "post", "value": value, "dtype": "float32"}
    return keras.utils.pad_sequences(series, **options)


def readings_with_loop(series, value):
    padded = np.full((len(series), max(map(len, series))), value)
    for row, readings in zip(padded, series, strict=True):
        row[: len(readings)] = readings
    return padded.tolist()


def cudnn_with_keras(texts):
    return keras.utils.pad_sequences([text if text else [1] for text in texts], padding="post")


def cudnn_with_loop(texts):
    longest = max(map(len, texts)) + 1
    return [[*(text or [1, 1]), *[0] * (longest - len(text or [1, 1]))] for text in texts]


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
            *changes(
                readings_with_keras,
                ("loses-decimals", ', "dtype": "float32"', ""),
                ("pads-with-zero", '"value": value', '"value": 0'),
                ("pads-in-front", "post", "pre"),
                ("wrong-shape", "(series, **", "(series, maxlen=3, **"),
                ("wrong-readings", "(series, **", "([np.round(row) for row in series], **"),
            ),
        ),
    ),
    "pad-for-cudnn": Answers(
        right=(cudnn_with_keras, cudnn_with_loop),
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
            ),
        ),
    ),
}
