"""Right and wrong answers to the questions on layers that use masks."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from answers import Answers, changes


def max_filled_with_numpy(x, mask):
    lowest = np.where(mask[..., None], x, -np.inf).max(axis=1)
    return np.where(mask.any(axis=1, keepdims=True), lowest, 0)


def max_with_loop(x, mask):
    return [row[ok].max(axis=0) if ok.any() else [0, 0] for row, ok in zip(x, mask, strict=True)]


def max_of_ragged(x, mask):
    ragged = tf.ragged.boolean_mask(tf.constant(x), mask)
    highest = tf.reduce_max(ragged, axis=1)
    return tf.where(tf.reduce_any(tf.constant(mask), axis=1, keepdims=True), highest, 0.0)


def mean_safe_count(x, mask):
    weights = ops.cast(mask, "float32")
    share = weights / ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1)
    return ops.einsum("bt,btf->bf", share, x)


def mean_no_nan(x, mask):
    weights = tf.cast(mask[:, :, tf.newaxis], tf.float32)
    return tf.math.divide_no_nan(tf.reduce_sum(x * weights, 1), tf.reduce_sum(weights, 1))


def mean_with_epsilon(x, mask):
    weights = ops.cast(mask, "float32")[..., None]
    return ops.sum(x * weights, axis=1) / (ops.sum(weights, axis=1) + 1e-7)


def mean_hidden_by_where(x, mask):
    weights = ops.cast(mask, "float32")[..., None]
    mean = ops.sum(x * weights, axis=1) / ops.sum(weights, axis=1)
    return ops.where(ops.isnan(mean), 0.0, mean)


def mean_with_numpy(x, mask):
    weights = np.asarray(mask)[..., None]
    return (np.asarray(x) * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1)


def softmax_of_keras(scores, mask):
    weights = keras.layers.Softmax(axis=-1)(scores, mask=np.repeat(mask[:, None], 4, axis=1))
    return weights * ops.cast(mask[:, None], "float32")


def softmax_with_loop(scores, mask):
    weights = np.zeros_like(scores)
    for row, own, ok in zip(weights, scores, mask, strict=True):
        if ok.any():
            exps = np.exp(own[:, ok] - own[:, ok].max(axis=1, keepdims=True))
            row[:, ok] = exps / exps.sum(axis=1, keepdims=True)
    return weights


def softmax_with_numpy(scores, mask):
    kept = np.where(mask[:, None, :], scores, -1e9)
    exps = np.exp(kept - kept.max(axis=-1, keepdims=True)) * mask[:, None, :]
    return exps / np.maximum(exps.sum(axis=-1, keepdims=True), 1e-30)


def loss_of_valid_steps(y_true, y_pred, mask):
    errors = tf.boolean_mask(y_pred, mask) - tf.boolean_mask(y_true, mask)
    return tf.math.divide_no_nan(tf.reduce_sum(errors**2), tf.cast(tf.size(errors), tf.float32))


def loss_replaced_by_zero(y_true, y_pred, mask):
    weights = ops.cast(mask, "float32")
    errors = (ops.where(mask, y_true, 0.0) - y_pred) * weights
    return ops.sum(errors**2) / ops.maximum(ops.sum(weights), 1.0)


def loss_with_numpy(y_true, y_pred, mask):
    errors = (np.asarray(y_pred) - np.asarray(y_true))[np.asarray(mask)]
    return (errors**2).sum() / max(len(errors), 1)


ANSWERS = {
    "max-over-time": Answers(
        right=(max_filled_with_numpy, max_with_loop, max_of_ragged),
        wrong=(
            *changes(
                max_filled_with_numpy,
                ("zero-beats-negatives", "-np.inf", "0"),
                ("reads-padding", "mask[..., None]", "True"),
                ("empty-row", "-np.inf", "-1e9", "lowest, 0", "lowest, lowest"),
                ("wrong-shape", ".max(axis=1)", ".max(axis=-1)"),
                ("wrong-maximum", "-np.inf", "np.inf", ".max(", ".min("),
            ),
        ),
    ),
    "mean-over-time": Answers(
        right=(mean_safe_count, mean_no_nan, mean_with_epsilon),
        wrong=(
            *changes(
                mean_with_epsilon,
                ("divides-by-all-steps", "(ops.sum(weights, axis=1) + 1e-7)", "4"),
                ("reads-padding", "ops.cast(mask", "ops.ones_like(mask"),
                ("nan-in-empty-row", " + 1e-7", ""),
                ("empty-row", "+ 1e-7)", "+ 1e-7) + (1 - ops.max(weights, axis=1))"),
                ("wrong-shape", "axis=1", "axis=-1"),
                ("wrong-mean", "1e-7", "1"),
            ),
            ("nan-gradient", mean_hidden_by_where),
            ("no-gradient", mean_with_numpy),
        ),
    ),
    "masked-softmax": Answers(
        right=(softmax_with_numpy, softmax_of_keras, softmax_with_loop),
        wrong=(
            *changes(
                softmax_with_numpy,
                ("masks-queries", "[:, None, :]", "[:, :, None]"),
                ("sums-over-queries", "axis=-1", "axis=1"),
                ("weight-on-padding", "-1e9", "0", " * mask[:, None, :]\n", "\n"),
                (
                    "sums-below-one",
                    "exps.sum(axis=-1, keepdims=True)",
                    "np.exp(scores).sum(-1)[..., None]",
                ),
                ("wrong-weights", "scores, -", "scores / 2, -"),
                ("wrong-shape", "return exps", "return exps[..., :2]"),
                ("large-scores", "kept - kept.max(axis=-1, keepdims=True)", "kept"),
                ("maximum-of-padding", "kept.max", "scores.max"),
                ("empty-row", " * mask[:, None, :]\n", "\n"),
                ("nan-in-empty-row", "-1e9", "-np.inf"),
            ),
        ),
    ),
    "masked-loss": Answers(
        right=(loss_of_valid_steps, loss_replaced_by_zero),
        wrong=(
            *changes(
                loss_replaced_by_zero,
                ("divides-by-all-steps", "ops.maximum(ops.sum(weights), 1.0)", "8"),
                ("reads-padding", "ops.cast(mask", "ops.ones_like(mask"),
                ("does-not-divide", " / ops.maximum(ops.sum(weights), 1.0)", ""),
                (
                    "mean-of-rows",
                    "errors**2)",
                    "errors**2 / ops.sum(weights, 1)[:, None])",
                    "ops.sum(weights), 1.0",
                    "2.0, 2.0",
                ),
                ("not-one-number", "errors**2)", "errors**2, axis=1)"),
                ("wrong-loss", "errors**2", "ops.abs(errors)"),
                ("missing-readings", "ops.where(mask, y_true, 0.0)", "y_true"),
                ("nothing-valid", "ops.maximum(ops.sum(weights), 1.0)", "ops.sum(weights)"),
                ("nan-gradient", "errors**2", "ops.where(mask, ops.square(y_true - y_pred), 0.0)"),
            ),
            ("no-gradient", loss_with_numpy),
        ),
    ),
}
