"""Right and wrong answers to the questions on the use of masks."""

import warnings

import keras
import numpy as np
from keras import layers, ops

from answers import Answers


def states_of_keras():
    """The six rows, as the layers of the exercise return them."""
    ids = np.array([[3, 1, 4, 0, 0], [0, 0, 2, 7, 5], [6, 0, 8, 9, 0]])
    x = layers.Embedding(10, 1, mask_zero=True, weights=[np.arange(10.0)[:, None]])(ids)
    ten = keras.initializers.Constant(10)
    options = {"kernel_initializer": "ones", "recurrent_initializer": ten, "activation": None}
    rnn = layers.SimpleRNN(1, return_sequences=True, **options)
    return ops.concatenate([rnn(x)[..., 0], layers.Bidirectional(rnn)(x)[..., 1]])


FORWARD = [[3, 31, 314, 314, 314], [0, 0, 2, 27, 275], [6, 6, 68, 689, 689]]
BACKWARD = [[413, 41, 4, 0, 0], [0, 0, 572, 57, 5], [986, 0, 98, 9, 0]]
ZEROS_FORWARD = [[3, 31, 314, 0, 0], [0, 0, 2, 27, 275], [6, 0, 68, 689, 0]]


def states(forward=FORWARD, backward=BACKWARD):
    return [*forward, *backward]


def pools_of_keras():
    """The three rows, as the layers of the exercise return them."""
    nights = np.array([[-4, -2, 0, 0], [0, 7, 0, 5], [-1, -6, -3, -2], [0, 0, 0, 0]], "float32")
    x = keras.layers.Masking()(nights[..., None])
    with warnings.catch_warnings(action="ignore"):
        highest = keras.layers.GlobalMaxPooling1D()(x)
    average = keras.layers.GlobalAveragePooling1D()(x)
    return ops.concatenate([average, highest, ops.mean(x, axis=1)], axis=1).numpy().T


AVERAGES, HIGHEST, MEANS = [-3, 6, -3, np.nan], [0, 7, -1, 0], [-1.5, 3, -3, 0]


def pools(average=AVERAGES, highest=HIGHEST, mean=MEANS):
    return [average, highest, mean]


def changes_by_hand():
    """What more padding changes, computed without a model."""
    values, padding = np.array([1, 4, 1]), np.array([8, 8, 8])
    read = np.concatenate([values, padding])
    states = np.cumsum(values)
    frozen = np.concatenate([states, states[[-1] * 3]])
    return [
        0,
        read.mean() - values.mean(),
        0,
        read.max() - values.max(),
        frozen.max() - states.max(),
        frozen.mean() - states.mean(),
    ]


def changes(**wrong):
    """The changes of the six outputs, some of them as the names say."""
    right = {"average": 0, "conv": 3, "dense": 0, "maximum": 4, "states": 0, "copies": 1}
    return [*(right | wrong).values()]


ANSWERS = {
    "predict-states": Answers(
        right=(
            states_of_keras(),
            states(),
            np.array(states(), dtype="float32"),
            tuple(map(tuple, states())),
            [np.array(row) for row in states()],
        ),
        wrong=(
            ("wrong-forward", states([[3, 4, 8, 8, 8], [0, 0, 2, 9, 14], [6, 6, 14, 23, 23]])),
            ("wrong-forward", states([FORWARD[0], FORWARD[1], [6, 6, 68, 689, 6890]])),
            ("wrong-shape", FORWARD),
            ("wrong-shape", [row[:3] for row in states()]),
            ("wrong-shape", [FORWARD, BACKWARD]),
            ("wrong-shape", states(backward=[*BACKWARD, [0] * 5])),
            (
                "reads-zeros",
                states([[3, 31, 314, 3140, 31400], [0, 0, 2, 27, 275], [6, 60, 608, 6089, 60890]]),
            ),
            (
                "reads-zeros",
                states(backward=[[413, 41, 4, 0, 0], [0, 0, 572, 57, 5], [9806, 0, 98, 9, 0]]),
            ),
            ("starts-anew", states([[3, 31, 314, 0, 0], [0, 0, 2, 27, 275], [6, 0, 8, 89, 0]])),
            ("starts-anew", states(backward=[BACKWARD[0], BACKWARD[1], [6, 0, 98, 9, 0]])),
            ("zeros-at-masked", states(ZEROS_FORWARD)),
            ("stops-at-the-gap", states([FORWARD[0], FORWARD[1], [6, 6, 6, 6, 6]])),
            (
                "closes-the-gaps",
                states([FORWARD[0], [2, 27, 275, 275, 275], [6, 68, 689, 689, 689]]),
            ),
            ("knows-it-ahead", states([FORWARD[0], [2, 2, 2, 27, 275], FORWARD[2]])),
            ("wrong-backward", states(backward=BACKWARD[::-1])),
            (
                "keeps-the-state",
                states(backward=[BACKWARD[0], [572, 572, 572, 57, 5], [986, 98, 98, 9, 0]]),
            ),
            ("reads-forward", states(backward=FORWARD)),
            ("reads-forward", states(backward=ZEROS_FORWARD)),
            ("order-of-reading", states(backward=[row[::-1] for row in BACKWARD])),
            (
                "keeps-the-order",
                states(backward=[[314, 14, 4, 0, 0], [0, 0, 275, 75, 5], [689, 0, 89, 9, 0]]),
            ),
            ("not-a-value", states),
        ),
    ),
    "predict-pools": Answers(
        right=(
            pools_of_keras(),
            pools(),
            np.array(pools()),
            (tuple(AVERAGES), np.array(HIGHEST), [-3 / 2, 6 / 2, -12 / 4, 0.0]),
        ),
        wrong=(
            ("wrong-average", pools(average=[-6, 12, -12, np.nan])),
            ("counts-padding", pools(average=MEANS)),
            ("counts-the-gap", pools(average=[-3, 4, -3, np.nan])),
            ("number-for-nothing", pools(average=[-3, 6, -3, 0])),
            ("number-for-nothing", pools([-3, 6, -3, 0], [0, 7, -1, np.nan])),
            ("wrong-maximum", pools(highest=[-4, 0, -6, 0])),
            ("masks-the-maximum", pools(highest=[-2, 7, -1, 0])),
            ("masks-the-maximum", pools(highest=[-2, 7, -1, np.nan])),
            ("masks-the-maximum", pools(highest=[-2, 7, -1, -np.inf])),
            ("nan-maximum", pools(highest=[0, 7, -1, np.nan])),
            ("wrong-mean", pools(mean=[-6, 12, -12, 0])),
            ("masks-the-mean", pools(mean=AVERAGES)),
            ("masks-the-mean", pools(mean=[-3, 6, -3, 0])),
            ("nan-mean", pools(mean=[-1.5, 3, -3, np.nan])),
            ("wrong-shape", np.transpose(pools())),
            ("wrong-shape", pools()[:2]),
            ("wrong-shape", [*pools(), MEANS]),
            ("not-a-value", pools),
        ),
    ),
    "sound-models": Answers(
        right=(
            changes_by_hand(),
            changes(),
            tuple(map(float, changes())),
            np.array(changes(), "float32"),
        ),
        wrong=(
            ("wrong-models", changes(average=3)),
            ("wrong-shape", changes()[:5]),
            ("wrong-shape", [changes(), changes()]),
            ("wrong-shape", 4),
            ("padding-is-zero", changes(conv=-1, maximum=0, copies=-2)),
            ("padding-is-zero", changes(conv=1)),
            ("trusts-every-mask", [0] * 6),
            ("writes-outputs", [2, 5, 6, 8, 6, 5]),
            ("trusts-the-conv", changes(conv=0)),
            ("trusts-the-maximum", changes(maximum=0)),
            ("trusts-the-states", changes(copies=0)),
            ("doubts-the-dense", changes(dense=24)),
            ("doubts-the-copies", changes(states=2)),
            ("doubts-the-copies", changes(states=24)),
            ("wrong-changes", changes(maximum=8)),
            ("wrong-changes", changes(conv=-3)),
            ("divides-by-three", changes(conv=8)),
            ("divides-by-three", changes(copies=6)),
            ("states-at-zero", changes(copies=2)),
            ("states-at-zero", changes(copies=-2)),
            ("adds-padding", changes(copies=9)),
            ("not-numbers", [0, 3, 0, 4, 0, "1"]),
            ("not-a-value", changes),
        ),
    ),
}
