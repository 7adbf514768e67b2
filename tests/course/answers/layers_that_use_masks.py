"""Right and wrong answers to the questions on layers that use masks."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from answers import Answers, changed, changes


def mean_safe_count(x, mask):
    weights = ops.cast(mask, "float32")
    share = weights / ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1)
    return ops.einsum("bt,btf->bf", share, ops.where(mask[..., None], x, 0))


def mean_no_nan(x, mask):
    weights = tf.cast(mask[:, :, tf.newaxis], tf.float32)
    total = tf.reduce_sum(tf.where(mask[..., None], x, 0.0), 1)
    return tf.math.divide_no_nan(total, tf.reduce_sum(weights, 1))


def mean_with_epsilon(x, mask):
    weights = ops.cast(mask, "float32")[..., None]
    known = ops.where(mask[..., None], x, 0)
    return ops.sum(known, axis=1) / (ops.sum(weights, axis=1) + 1e-7)


def mean_of_rows(x, mask):
    rows = [tf.boolean_mask(row, keep) for row, keep in zip(x, mask, strict=True)]
    return tf.stack([tf.reduce_sum(row, 0) / max(len(row), 1) for row in rows])


def mean_hidden_by_where(x, mask):
    weights = ops.cast(mask, "float32")[..., None]
    mean = ops.sum(ops.nan_to_num(x) * weights, axis=1) / ops.sum(weights, axis=1)
    return ops.where(ops.isnan(mean), 0.0, mean)


def mean_with_numpy(x, mask):
    weights = np.asarray(mask)[..., None]
    known = np.where(weights, np.asarray(x), 0)
    return known.sum(axis=1) / np.maximum(weights.sum(axis=1), 1)


def softmax_of_keras(scores, mask):
    keep = np.broadcast_to(mask[:, None], scores.shape)
    weights = keras.layers.Softmax(axis=-1)(np.where(keep, scores, 0), mask=keep)
    return weights * ops.cast(keep, "float32")


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


def softmax_of_logarithms(scores, mask):
    keep = mask[:, None, :]
    kept = tf.where(keep, scores, tf.fill(scores.shape, -1e9))
    return tf.where(keep, tf.exp(kept - tf.reduce_logsumexp(kept, axis=-1, keepdims=True)), 0.0)


def faulty_softmax(scores, mask):
    """The function of the task, with a fault in each line."""
    filled = np.where(mask[:, :, None], scores, -np.inf)
    exps = np.exp(filled - filled.max())
    return exps / exps.sum(axis=-1, keepdims=True)


LOOKED_AT = ("[:, :, None]", "[:, None, :]")
OWN_MAXIMUM = (".max()", ".max(axis=-1, keepdims=True)")
NEVER_ZERO = ("exps.sum(axis=-1, keepdims=True)", "np.maximum(exps.sum(axis=-1, keepdims=True), 1)")


def loss_of_valid_steps(y_true, y_pred, mask):
    errors = tf.boolean_mask(y_pred, mask) - tf.boolean_mask(y_true, mask)
    return tf.math.divide_no_nan(tf.reduce_sum(errors**2), tf.cast(tf.size(errors), tf.float32))


def loss_replaced_by_zero(y_true, y_pred, mask):
    weights = ops.cast(mask, "float32")
    errors = (ops.where(mask, y_true, 0.0) - y_pred) * weights
    return ops.sum(errors**2) / ops.maximum(ops.sum(weights), 1.0)


def loss_in_two_ways(y_true, y_pred, mask):
    if not ops.any(mask):
        return ops.convert_to_tensor(0.0)
    return ops.mean((y_pred[mask] - y_true[mask]) ** 2)


def loss_of_keras(y_true, y_pred, mask):
    weights = tf.cast(mask, "float32")
    known = tf.where(mask, y_true, 0.0)[..., None]
    loss = keras.losses.MeanSquaredError(reduction="sum")
    return loss(known, y_pred[..., None], weights) / tf.maximum(tf.reduce_sum(weights), 1.0)


def loss_with_numpy(y_true, y_pred, mask):
    errors = (np.asarray(y_pred) - np.asarray(y_true))[np.asarray(mask)]
    return (errors**2).sum() / max(len(errors), 1)


ANSWERS = {
    "mean-over-time": Answers(
        right=(mean_safe_count, mean_no_nan, mean_with_epsilon, mean_of_rows),
        wrong=(
            *changes(
                mean_with_epsilon,
                ("divides-by-all", "(ops.sum(weights, axis=1) + 1e-7)", "len(x[0])"),
                ("reads-padding", "ops.cast(mask", "ops.ones_like(mask", "mask[..., None]", "True"),
                ("nan-in-empty-row", " + 1e-7", ""),
                ("empty-row", "+ 1e-7)", "+ 1e-7) + (1 - ops.max(weights, axis=1))"),
                ("wrong-shape", "axis=1", "axis=-1"),
                ("wrong-mean", "1e-7", "1"),
                ("nearly-right", "1e-7", "1e-3"),
                (
                    "nan-from-padding",
                    "known = ops.where(mask[..., None], x, 0)",
                    "known = x * weights",
                ),
                ("only-this-example", "axis=1) + 1e-7", "axis=1) * 0 + 2"),
                ("wrong-gradient", "known =", "x = (x + ops.stop_gradient(x)) / 2\n    known ="),
                ("wrong-gradient", "sum(known", "sum(ops.stop_gradient(known) + 0 * known"),
            ),
            *changes(
                mean_safe_count,
                ("wrong-mean", "keepdims=True), 1)", "keepdims=True), 2)"),
                ("wrong-mean", "mask, ", "tf.sequence_mask(ops.sum(mask, 1), len(x[0])), "),
                ("empty-row", "return ", "return x[:, 0] if len(x[0]) == 1 else "),
                ("wrong-shape", "return ", "return ops.squeeze(", "x, 0))", "x, 0)))"),
                ("wrong-mean", "x, 0)", "ops.maximum(x, -1e6), 0)"),
                ("wrong-mean", "return ", "return ops.max(x, 1) if ops.all(mask) else "),
            ),
            ("nan-gradient", mean_hidden_by_where),
            ("no-gradient", mean_with_numpy),
        ),
        two=(
            (
                "nan-from-padding",
                "nan-in-empty-row",
                changed(
                    mean_with_epsilon,
                    "ops.where(mask[..., None], x, 0)",
                    "x * weights",
                    " + 1e-7",
                    "",
                ),
            ),
        ),
    ),
    "masked-softmax": Answers(
        right=(softmax_with_numpy, softmax_of_keras, softmax_with_loop, softmax_of_logarithms),
        wrong=(
            *changes(
                softmax_with_numpy,
                ("masks-queries", "[:, None, :]", "[:, :, None]"),
                ("empties-padded-rows", "exps /", "mask[:, :, None] * exps /"),
                ("sums-over-queries", "axis=-1", "axis=1"),
                ("weight-on-padding", "-1e9", "0", " * mask[:, None, :]\n", "\n"),
                (
                    "sums-below-one",
                    "exps.sum(axis=-1, keepdims=True)",
                    "np.exp(scores - kept.max(axis=-1, keepdims=True)).sum(-1)[..., None]",
                ),
                ("wrong-weights", "scores, -", "scores / 2, -"),
                (
                    "wrong-weights",
                    "kept =",
                    "mask = mask & (np.arange(len(scores[0])) < 4)\n    kept =",
                ),
                ("wrong-shape", "return exps", "return exps[..., :1]"),
                ("large-scores", "kept - kept.max(axis=-1, keepdims=True)", "kept"),
                ("one-maximum", "kept.max(axis=-1, keepdims=True)", "kept.max()"),
                ("maximum-of-padding", "kept.max", "np.nan_to_num(scores).max"),
                ("empty-row", " * mask[:, None, :]\n", "\n"),
                ("nan-in-empty-row", "-1e9", "-np.inf"),
                ("nan-at-padding", "scores, -1e9)", "scores, scores - 1e9)"),
                ("only-this-example", "kept = ", "mask = mask.reshape(1, 3)\n    kept = "),
                (
                    "wrong-shape",
                    "return exps",
                    "return exps.squeeze() if scores.size == 1 else exps",
                ),
                (
                    "wrong-weights",
                    "kept = ",
                    "if mask.all() and mask.size > 2: return scores\n    kept = ",
                ),
                ("nearly-right", "1e-30)", "1e-30) * 1.001"),
            ),
            *changes(
                faulty_softmax,
                # Two of its three faults are mended.
                ("masks-queries", *OWN_MAXIMUM, *NEVER_ZERO),
                ("one-maximum", *LOOKED_AT, "keepdims=True)", "keepdims=True).clip(1e-30)"),
                ("one-for-all-rows", *LOOKED_AT, *NEVER_ZERO),
                ("nan-in-empty-row", *LOOKED_AT, *OWN_MAXIMUM),
            ),
        ),
        two=(
            ("masks-queries", "one-maximum", faulty_softmax),
            ("one-maximum", "nan-in-empty-row", changed(faulty_softmax, *LOOKED_AT)),
            (
                "one-for-all-rows",
                "nan-in-empty-row",
                changed(
                    faulty_softmax,
                    *LOOKED_AT,
                    *NEVER_ZERO,
                    *("max()", "max(axis=(1, 2), keepdims=True)"),
                ),
            ),
        ),
    ),
    "masked-loss": Answers(
        right=(loss_of_valid_steps, loss_replaced_by_zero, loss_in_two_ways, loss_of_keras),
        wrong=(
            *changes(
                loss_replaced_by_zero,
                (
                    "divides-by-all",
                    "ops.maximum(ops.sum(weights), 1.0)",
                    "ops.cast(ops.size(mask), 'float32')",
                ),
                (
                    "reads-padding",
                    "ops.cast(mask",
                    "ops.ones_like(mask",
                    "ops.where(mask, y_true, 0.0)",
                    "y_true",
                ),
                ("does-not-divide", " / ops.maximum(ops.sum(weights), 1.0)", ""),
                (
                    "does-not-divide",
                    "errors**2)",
                    "errors**2) * (4.0 if mask.shape == (1, 4) else 1)",
                ),
                (
                    "mean-of-rows",
                    "errors**2)",
                    "errors**2 / ops.maximum(ops.sum(weights, 1), 1)[:, None])",
                    "ops.sum(weights), 1.0",
                    "float(len(mask)), 1.0",
                ),
                ("not-one-number", "errors**2)", "errors**2, axis=1)"),
                ("wrong-loss", "errors**2", "ops.abs(errors)"),
                ("wrong-loss", "cast(mask", "cast(mask & (np.arange(mask.shape[1]) < 4)"),
                ("wrong-loss", "weights), 1.0)", "weights), 1.0) + ops.max(weights)"),
                ("wrong-loss", "weights), 1.0", "weights), 2.0"),
                ("wrong-loss", "errors**2", "ops.minimum(errors**2, 9999)"),
                ("only-this-example", "ops.maximum(ops.sum(weights), 1.0)", "3"),
                ("nan-from-padding", "ops.where(mask, y_true, 0.0)", "y_true"),
                ("nan-from-padding", "ops.where(mask", "ops.where(~ops.isnan(y_true)"),
                ("nothing-valid", "return ", "return 1.0 if not ops.any(mask) else "),
                ("nan-comes-out", "ops.maximum(ops.sum(weights), 1.0)", "ops.sum(weights)"),
                (
                    "nan-comes-back",
                    "errors**2",
                    "ops.where(mask, ops.square(y_true - y_pred), 0.0)",
                ),
                (
                    "wrong-gradient",
                    "errors = ",
                    "y_pred = ops.stop_gradient(y_pred) + 0 * y_pred\n    errors = ",
                ),
                (
                    "nan-gradient",
                    "return ops.sum(errors**2) / ops.maximum(ops.sum(weights), 1.0)",
                    "n = ops.sum(weights); return ops.where(n > 0, ops.sum(errors**2) / n, 0.0)",
                ),
            ),
            ("no-gradient", loss_with_numpy),
        ),
        two=(
            (
                "nan-from-padding",
                "nan-comes-out",
                changed(
                    loss_replaced_by_zero,
                    *("ops.where(mask, y_true, 0.0)", "y_true"),
                    *("ops.maximum(ops.sum(weights), 1.0)", "ops.sum(weights)"),
                ),
            ),
        ),
    ),
}
