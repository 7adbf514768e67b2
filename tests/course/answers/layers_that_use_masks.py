"""Right and wrong answers to the questions on layers that use masks."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from answers import Answers


def keep(x, mask):
    return ops.cast(mask, "bool")[..., None]


def filled(x, mask, value):
    return ops.where(keep(x, mask), x, value)


def max_filled_with_numpy(x, mask):
    lowest = np.where(mask[..., None], x, -np.inf).max(axis=1)
    return np.where(mask.any(axis=1, keepdims=True), lowest, 0)


def max_with_loop(x, mask):
    return [row[ok].max(axis=0) if ok.any() else [0, 0] for row, ok in zip(x, mask, strict=True)]


def max_of_ragged(x, mask):
    ragged = tf.ragged.boolean_mask(tf.constant(x), mask)
    highest = tf.reduce_max(ragged, axis=1)
    return tf.where(tf.reduce_any(tf.constant(mask), axis=1, keepdims=True), highest, 0.0)


def max_of_all(x, mask):
    return x.max(axis=1)


def max_of_zeroed(x, mask):
    return ops.max(x * ops.cast(keep(x, mask), "float32"), axis=1)


def max_of_filled(x, mask):
    return ops.max(filled(x, mask, -1e9), axis=1)


def max_over_features(x, mask):
    return ops.max(filled(x, mask, -1e9), axis=-1)


def min_of_filled(x, mask):
    return ops.where(ops.any(mask, 1)[:, None], ops.min(filled(x, mask, 1e9), axis=1), 0)


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


def mean_plain(x, mask):
    return ops.mean(x, axis=1)


def mean_over_all_steps(x, mask):
    return ops.mean(x * ops.cast(mask, "float32")[..., None], axis=1)


def mean_pooling_of_keras(x, mask):
    return keras.layers.GlobalAveragePooling1D()(x, mask=mask)


def mean_over_features(x, mask):
    return ops.mean(x * ops.cast(mask, "float32")[..., None], axis=-1)


def mean_with_large_epsilon(x, mask):
    weights = ops.cast(mask, "float32")[..., None]
    return ops.sum(x * weights, axis=1) / (ops.sum(weights, axis=1) + 1)


def mean_of_padding_if_empty(x, mask):
    return ops.where(ops.any(mask, axis=1)[:, None], mean_safe_count(x, mask), ops.mean(x, axis=1))


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
    return exps / np.maximum(exps.sum(axis=-1, keepdims=True), 1)


def softmax_of_queries(scores, mask):
    return ops.softmax(ops.where(mask[:, :, None], scores, -1e9), axis=-1)


def softmax_over_queries(scores, mask):
    return ops.softmax(ops.where(mask[:, None, :], scores, -1e9), axis=1)


def softmax_of_zeroed(scores, mask):
    return ops.softmax(scores * mask[:, None, :], axis=-1)


def softmax_then_mask(scores, mask):
    return ops.softmax(scores, axis=-1) * mask[:, None, :]


def softmax_of_halves(scores, mask):
    return softmax_with_numpy(scores / 2, mask)


def softmax_of_first_query(scores, mask):
    return softmax_with_numpy(scores, mask)[:, 0]


def softmax_without_maximum(scores, mask):
    exps = np.exp(scores) * mask[:, None, :]
    return exps / np.maximum(exps.sum(axis=-1, keepdims=True), 1e-30)


def softmax_maximum_of_all(scores, mask):
    exps = np.exp(scores - scores.max(axis=-1, keepdims=True)) * mask[:, None, :]
    return exps / np.maximum(exps.sum(axis=-1, keepdims=True), 1e-30)


def softmax_of_filled(scores, mask):
    return ops.softmax(ops.where(mask[:, None, :], scores, -1e9), axis=-1)


def softmax_of_infinite(scores, mask):
    return ops.softmax(ops.where(mask[:, None, :], scores, -np.inf), axis=-1)


def loss_of_valid_steps(y_true, y_pred, mask):
    errors = tf.boolean_mask(y_pred, mask) - tf.boolean_mask(y_true, mask)
    return tf.math.divide_no_nan(tf.reduce_sum(errors**2), tf.cast(tf.size(errors), tf.float32))


def loss_replaced_by_zero(y_true, y_pred, mask):
    weights = ops.cast(mask, "float32")
    errors = (ops.where(mask, y_true, 0.0) - y_pred) * weights
    return ops.sum(errors**2) / ops.maximum(ops.sum(weights), 1.0)


def squares(y_true, y_pred, mask):
    return ops.square(ops.where(mask, y_true, y_pred) - y_pred)


def count(mask):
    return ops.maximum(ops.sum(ops.cast(mask, "float32")), 1.0)


def loss_plain(y_true, y_pred, mask):
    return ops.mean(ops.square(y_true - y_pred))


def loss_over_all_steps(y_true, y_pred, mask):
    return ops.mean(squares(y_true, y_pred, mask))


def loss_sum(y_true, y_pred, mask):
    return ops.sum(squares(y_true, y_pred, mask))


def loss_mean_of_rows(y_true, y_pred, mask):
    counts = ops.maximum(ops.sum(ops.cast(mask, "float32"), axis=1), 1.0)
    return ops.mean(ops.sum(squares(y_true, y_pred, mask), axis=1) / counts)


def loss_per_row(y_true, y_pred, mask):
    return ops.sum(squares(y_true, y_pred, mask), axis=1) / count(mask)


def loss_absolute(y_true, y_pred, mask):
    return ops.sum(ops.abs(ops.where(mask, y_true, y_pred) - y_pred)) / count(mask)


def loss_times_mask(y_true, y_pred, mask):
    return ops.sum(ops.square(y_true - y_pred) * ops.cast(mask, "float32")) / count(mask)


def loss_without_guard(y_true, y_pred, mask):
    return ops.sum(squares(y_true, y_pred, mask)) / ops.sum(ops.cast(mask, "float32"))


def loss_hidden_by_where(y_true, y_pred, mask):
    return ops.sum(ops.where(mask, ops.square(y_true - y_pred), 0.0)) / count(mask)


def loss_with_numpy(y_true, y_pred, mask):
    errors = (np.asarray(y_pred) - np.asarray(y_true))[np.asarray(mask)]
    return (errors**2).sum() / max(len(errors), 1)


ANSWERS = {
    "max-over-time": Answers(
        right=(max_filled_with_numpy, max_with_loop, max_of_ragged),
        wrong=(
            ("zero-beats-negatives", max_of_zeroed),
            ("reads-padding", max_of_all),
            ("empty-row", max_of_filled),
            ("wrong-shape", max_over_features),
            ("wrong-maximum", min_of_filled),
        ),
    ),
    "mean-over-time": Answers(
        right=(mean_safe_count, mean_no_nan, mean_with_epsilon),
        wrong=(
            ("divides-by-all-steps", mean_over_all_steps),
            ("reads-padding", mean_plain),
            ("nan-in-empty-row", mean_pooling_of_keras),
            ("nan-gradient", mean_hidden_by_where),
            ("no-gradient", mean_with_numpy),
            ("empty-row", mean_of_padding_if_empty),
            ("wrong-shape", mean_over_features),
            ("wrong-mean", mean_with_large_epsilon),
        ),
    ),
    "masked-softmax": Answers(
        right=(softmax_with_numpy, softmax_of_keras, softmax_with_loop),
        wrong=(
            ("masks-queries", softmax_of_queries),
            ("sums-over-queries", softmax_over_queries),
            ("weight-on-padding", softmax_of_zeroed),
            ("sums-below-one", softmax_then_mask),
            ("wrong-weights", softmax_of_halves),
            ("wrong-shape", softmax_of_first_query),
            ("large-scores", softmax_without_maximum),
            ("maximum-of-padding", softmax_maximum_of_all),
            ("empty-row", softmax_of_filled),
            ("nan-in-empty-row", softmax_of_infinite),
        ),
    ),
    "masked-loss": Answers(
        right=(loss_of_valid_steps, loss_replaced_by_zero),
        wrong=(
            ("divides-by-all-steps", loss_over_all_steps),
            ("reads-padding", loss_plain),
            ("does-not-divide", loss_sum),
            ("mean-of-rows", loss_mean_of_rows),
            ("not-one-number", loss_per_row),
            ("wrong-loss", loss_absolute),
            ("missing-readings", loss_times_mask),
            ("nothing-valid", loss_without_guard),
            ("nan-gradient", loss_hidden_by_where),
            ("no-gradient", loss_with_numpy),
        ),
    ),
}
