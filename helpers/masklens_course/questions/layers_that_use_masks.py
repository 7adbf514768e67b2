"""Questions on layers that use masks: a maximum, a mean, a softmax and a loss over valid steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from masklens._language import translate as _
from masklens.drawing.picture import Picture, show
from masklens.tracing.calls import Array
from masklens_course.answer import call, numbers, same
from masklens_course.checks import Condition, Mistake, Question
from masklens_course.comparison import Compared
from masklens_course.mistakes import WRONG_SHAPE


def _with_gradient(answer: Any, inputs: tuple[Array, ...], about: int) -> tuple[Array, Any]:
    """What a learner's function gives for tensors, and the gradient of its sum; None if none."""
    import tensorflow as tf

    tensors = [tf.constant(array) for array in inputs]
    with tf.GradientTape() as tape:
        tape.watch(tensors[about])
        result = call(answer, *tensors)
        values = numbers(result)
        result = tf.convert_to_tensor(result)
    gradient = tape.gradient(result, tensors[about])
    return values, None if gradient is None else np.asarray(gradient)


def _finite(array: Any) -> bool:
    return bool(np.isfinite(array).all())


# Vectors of 2 features at 4 timesteps. Row 2 is empty; 9 stands at the masked steps.
_VECTORS = np.array(
    [
        [[1, -2], [3, -4], [5, -6], [9, 9]],
        [[9, 9], [-2, 4], [-6, 8], [9, 9]],
        [[9, 9], [9, 9], [9, 9], [9, 9]],
        [[2, 0], [4, 1], [0, 2], [6, 1]],
    ],
    dtype="float32",
)
_VALID = np.array([[True, True, True, False], [False, True, True, False], [False] * 4, [True] * 4])
_EMPTY = 2
_FULL = [0, 1, 3]  # the rows with valid steps


def _over_time(reduce: Callable[..., Any]) -> Array:
    """The right answer, row by row, from the valid steps alone."""
    rows = zip(_VECTORS, _VALID, strict=True)
    return np.stack([reduce(x[ok], axis=0) if ok.any() else 0 * x[0] for x, ok in rows])


@dataclass(frozen=True)
class _Pooled(Compared):
    """The vectors that the learner made of the timesteps, the right ones, and a gradient."""

    gradient: Any = None

    def gives(self, vectors: Array) -> bool:
        """Whether the rows with valid steps are these."""
        has_shape = self.yours.shape == self.right.shape
        return has_shape and same(self.yours[_FULL], vectors[_FULL])

    @property
    def empty_row(self) -> Compared:
        return Compared(self.yours[_EMPTY], self.right[_EMPTY])


_MAX_OVER_TIME = Question(
    name="max-over-time",
    title="The largest value of a series",
    minutes=5,
    kind="function",
    observe=lambda answer: _Pooled(numbers(call(answer, _VECTORS, _VALID)), _over_time(np.max)),
    conditions=(
        Condition(
            "wrong-maximum",
            "These are not the largest values of the valid steps.",
            lambda seen: seen.gives(seen.right),
            WRONG_SHAPE,
            Mistake(
                "reads-padding",
                "Masked steps are read: the 9 that stands there beats every reading.",
                lambda seen: seen.gives(_VECTORS.max(axis=1)),
            ),
            Mistake(
                "zero-beats-negatives",
                "Masked steps have become 0, and 0 is larger than a negative reading. Which "
                "number never wins?",
                lambda seen: seen.gives((_VECTORS * _VALID[..., None]).max(axis=1)),
            ),
            picture=Compared.picture,
        ),
        Condition(
            "empty-row",
            "In row 2 no step is valid. The task asks for 0 there, and what comes out is the "
            "number that stands at masked steps.",
            lambda seen: seen.empty_row.is_right(),
            picture=Compared.picture,
        ),
    ),
    hints=(
        "Before the maximum, replace masked steps by a number that never wins.",
        "`keras.ops.where(keep, x, -1e9)` does so, with the mask in the shape of `x`.",
        "`mask.any(axis=1)` says in which rows the number that never wins has won.",
    ),
    why=(
        "A number below all readings never wins, so the maximum is that of the valid steps. Only "
        "where no step is valid does it come out, and there the second `where` writes 0."
    ),
)


def _mean_over_time(answer: Any) -> _Pooled:
    values, gradient = _with_gradient(answer, (_VECTORS, _VALID), about=0)
    return _Pooled(values, _over_time(np.mean), gradient)


_MEAN_OVER_TIME = Question(
    name="mean-over-time",
    title="A mean that survives an empty row",
    minutes=10,
    kind="function",
    observe=_mean_over_time,
    conditions=(
        Condition(
            "wrong-mean",
            "These are not the means of the valid steps. Compute one of them by hand.",
            lambda seen: seen.gives(seen.right),
            WRONG_SHAPE,
            Mistake(
                "reads-padding",
                "The mask is not used: the vectors at masked steps count, too.",
                lambda seen: seen.gives(_VECTORS.mean(axis=1)),
            ),
            Mistake(
                "divides-by-all-steps",
                "The sum leaves padding out, but it is divided by the number of all steps. A "
                "short text would get a short vector.",
                lambda seen: seen.gives((_VECTORS * _VALID[..., None]).mean(axis=1)),
            ),
            picture=Compared.picture,
        ),
        Condition(
            "empty-row",
            "In row 2 no step is valid. The task asks for zeros there.",
            lambda seen: seen.empty_row.is_right(),
            Mistake(
                "nan-in-empty-row",
                "In row 2 no step is valid: 0 / 0 is `nan`, and one such row spoils the loss of "
                "the whole batch.",
                lambda seen: bool(np.isnan(seen.empty_row.yours).any()),
            ),
            picture=Compared.picture,
        ),
        Condition(
            "nan-gradient",
            "The means are right, but the gradient is `nan`, and after one step of training so "
            "are all weights. You divide 0 by 0 and hide the result; on the way back, `nan` times "
            "0 is `nan`. Do not divide by 0 at all.",
            lambda seen: seen.gradient is not None and _finite(seen.gradient),
            Mistake(
                "no-gradient",
                "The means are right, but no gradient gets back to `x`, so nothing before it can "
                "be trained. NumPy knows no gradients: use `keras.ops`.",
                lambda seen: seen.gradient is None,
            ),
        ),
    ),
    hints=(
        "Give the mask the shape of `x` and its dtype: `keras.ops.cast(mask, x.dtype)`.",
        "The mean is a sum over valid steps, divided by their number. Which number may be 0?",
        "`keras.ops.maximum(count, 1)` changes nothing but a count of 0.",
    ),
    why=(
        "Masked steps add 0 to the sum and 0 to the count. Dividing by 1 or more changes only the "
        "empty row: 0 / 1 is 0, with a gradient that is a number."
    ),
)


# How much each word looks at each: 2 sentences of 4 steps; 5, the highest score, is padding's.
_SCORES = np.array(
    [
        [[2, 0, 5, 5], [1, 3, 5, 5], [0, 1, 5, 5], [2, 2, 5, 5]],
        [[1, 0, 2, 5], [0, 1, 0, 5], [3, 1, 2, 5], [1, 1, 1, 5]],
    ],
    dtype="float32",
)
_KEYS = np.array([[True, True, False, False], [True, True, True, False]])


def _softmax(scores: Array) -> Array:
    exps = np.exp(scores)
    return np.asarray(exps / exps.sum(axis=-1, keepdims=True))


def _right_weights() -> Array:
    """The softmax of each sentence alone, without its padding; 0 behind it."""
    weights = np.zeros_like(_SCORES)
    for sentence, scores, keep in zip(weights, _SCORES, _KEYS, strict=True):
        sentence[:, keep] = _softmax(scores[:, keep])
    return weights


@dataclass(frozen=True)
class _Weights(Compared):
    """The weights that the learner made of scores, also of very large and very small ones."""

    higher: Array
    lower: Array
    loud_padding: Array
    empty: Compared

    @property
    def at_padding(self) -> Array:
        """The weights at padded steps."""
        return np.asarray(np.moveaxis(self.yours, 1, 2)[~_KEYS])

    def masks_queries(self) -> bool:
        """Whether a padded word looks at nothing, and a valid one at padding as well."""
        return same(self.yours[_KEYS], _softmax(_SCORES)[_KEYS])

    def first_picture(self) -> Picture | None:
        """The weights of the first sentence."""
        drawable = self.yours.ndim == 3 and self.yours.size
        return Compared(self.yours[0], self.right[0]).picture() if drawable else None

    def empty_picture(self) -> Picture | None:
        yours, zeros = self.empty.yours, self.empty.right
        return Compared(yours[0], zeros[0]).picture() if yours.shape == zeros.shape else None


def _weights(answer: Any) -> _Weights:
    def ask(scores: Array, mask: Array = _KEYS) -> Array:
        return numbers(call(answer, scores, mask))

    return _Weights(
        yours=ask(_SCORES),
        right=_right_weights(),
        higher=ask(_SCORES + 1000),
        lower=ask(_SCORES - 1000),
        loud_padding=ask(np.where(_KEYS[:, None, :], _SCORES, np.float32(1000))),
        empty=Compared(ask(_SCORES, np.zeros_like(_KEYS)), np.zeros_like(_SCORES)),
    )


_MASKED_SOFTMAX = Question(
    name="masked-softmax",
    title="A softmax for attention",
    minutes=15,
    kind="function",
    observe=_weights,
    conditions=(
        Condition(
            "wrong-weights",
            "These are not the weights that the valid scores have alone. Write each sentence "
            "without its padding, and compute one row by hand.",
            Compared.is_right,
            WRONG_SHAPE,
            Mistake(
                "masks-queries",
                "The mask lies along the wrong axis: the words `i`, which look, are masked, and "
                "not the words `j`, at which they look.",
                _Weights.masks_queries,
            ),
            Mistake(
                "sums-over-queries",
                "The weights are shared out along the wrong axis: the columns sum to 1, not the "
                "rows.",
                lambda seen: same(seen.yours.sum(axis=1)[_KEYS], np.ones(_KEYS.sum())),
            ),
            Mistake(
                "weight-on-padding",
                "Padded words have weights above 0. A score of 0 does not make a weight of 0: "
                "`exp(0)` is 1.",
                lambda seen: bool((seen.at_padding > 1e-4).any()),
            ),
            Mistake(
                "sums-below-one",
                "Padded words have the weight 0, but the rest does not sum to 1: padding took its "
                "share before it was removed.",
                lambda seen: bool((seen.yours.sum(axis=-1) < 1 - 1e-4).all()),
            ),
            picture=_Weights.first_picture,
        ),
        Condition(
            "large-scores",
            "With all scores larger or smaller by 1000 the weights should be the same, but they "
            "are not. `exp(1000)` is infinite, and `exp(-1000)` is 0.",
            lambda seen: all(map(seen.is_like, (seen.higher, seen.lower, seen.loud_padding))),
            Mistake(
                "maximum-of-padding",
                "A score of 1000 at a padded word changes the weights of the others. You subtract "
                "the maximum: is padding left out when it is looked for?",
                lambda seen: seen.is_like(seen.higher) and seen.is_like(seen.lower),
            ),
        ),
        Condition(
            "empty-row",
            "In a sentence without any valid word all weights should be 0. Yours are shared out "
            "among the padding.",
            lambda seen: seen.empty.is_right(),
            Mistake(
                "nan-in-empty-row",
                "In a sentence without any valid word the weights are `nan`, not 0.",
                lambda seen: bool(np.isnan(seen.empty.yours).any()),
            ),
            picture=_Weights.empty_picture,
        ),
    ),
    hints=(
        "`mask[:, None, :]` has the shape `(batch, 1, time)`: the same for every row.",
        "Fill masked scores with `-1e9` first, then subtract the maximum, then take `exp`.",
        "What is left: 0 at masked words once more, and a sum that is never 0.",
    ),
    why=(
        "The last axis holds the words `j`, at which the others look, so the mask lies along it, "
        "and so does the sum. Filling first keeps padding out of the maximum, and an empty row is "
        "divided by 1 instead of 0."
    ),
)


# Readings and forecasts: 5 readings are there, and they are wrong by 0, 1, 2, 1 and 3.
_READ = np.array([[True, True, False, True], [True, False, False, True]])
_TRUE = np.array([[1, 2, 0, 4], [5, 0, 0, 2]], dtype="float32")
_FORECAST = np.array([[1, 3, 4, 6], [6, 2, 3, 5]], dtype="float32")
_MISSING = np.where(_READ, _TRUE, np.float32("nan"))
_RIGHT_LOSS = ((_FORECAST - _TRUE)[_READ] ** 2).mean()


@dataclass(frozen=True)
class _Loss(Compared):
    """A loss: with 0 for a missing reading, with NaN, and without a reading; and its gradients."""

    missing: Array
    nothing: Compared
    gradients: tuple[Any, ...]

    @property
    def squares(self) -> Array:
        return np.asarray((_FORECAST - _TRUE) ** 2)

    def squares_picture(self) -> Picture | None:
        """The squared errors, from which the loss can be computed by hand."""
        if self.yours.size > 8:
            return None
        caption = _("squared errors in the check: your loss is {yours}, the right one {right}")
        yours = ", ".join(f"{number:.4g}" for number in self.yours.flat)
        text = caption.format(yours=yours, right=f"{self.right:.4g}")
        return show(_READ, tokens=self.squares.astype(int).tolist(), caption=text)

    def gradients_are_numbers(self) -> bool:
        """Whether the gradient is a number wherever the loss is; a constant needs none."""
        losses = (self.yours, self.missing, self.nothing.yours)
        pairs = zip(losses, self.gradients, strict=True)
        found = [gradient for loss, gradient in pairs if _finite(loss)]
        return self.gradients[0] is not None and all(_finite(g) for g in found if g is not None)


def _loss(answer: Any) -> _Loss:
    batches = ((_TRUE, _READ), (_MISSING, _READ), (_TRUE, np.zeros_like(_READ)))
    given = [_with_gradient(answer, (true, _FORECAST, mask), about=1) for true, mask in batches]
    (yours, missing, nothing), gradients = zip(*given, strict=True)
    return _Loss(yours, _RIGHT_LOSS, missing, Compared(nothing, 0), gradients)


_MASKED_LOSS = Question(
    name="masked-loss",
    title="A loss that leaves out what is missing",
    minutes=20,
    kind="function",
    observe=_loss,
    conditions=(
        Condition(
            "wrong-loss",
            "This is not the mean of the squared errors over all valid steps.",
            Compared.is_right,
            Mistake(
                "not-one-number",
                "A loss is one number for the whole batch. Yours has more.",
                lambda seen: seen.yours.shape != (),
            ),
            Mistake(
                "reads-padding",
                "The mask is not used: errors at steps without a reading count, too.",
                lambda seen: seen.is_like(seen.squares.mean()),
            ),
            Mistake(
                "divides-by-all-steps",
                "The sum leaves masked steps out, but it is divided by the number of all steps. "
                "With more padding the loss would shrink.",
                lambda seen: seen.is_like((seen.squares * _READ).mean()),
            ),
            Mistake(
                "does-not-divide",
                "This is the sum of the squared errors. Divide it by the valid steps.",
                lambda seen: seen.is_like((seen.squares * _READ).sum()),
            ),
            Mistake(
                "mean-of-rows",
                "You take the mean of each row, and then the mean of these. So a step of a short "
                "series counts more than one of a long series.",
                lambda seen: seen.is_like(((seen.squares * _READ).sum(1) / _READ.sum(1)).mean()),
            ),
            picture=_Loss.squares_picture,
        ),
        Condition(
            "missing-readings",
            "With `nan` for the missing readings the loss is `nan`. Multiplying does not remove "
            "it: `nan` times 0 is `nan`.",
            lambda seen: _finite(seen.missing),
        ),
        Condition(
            "nothing-valid",
            "With no valid step in the whole batch the loss should be 0. Yours is not.",
            lambda seen: seen.nothing.is_right(),
        ),
        Condition(
            "nan-gradient",
            "The loss is right, but its gradient is `nan`. `where` hides the `nan` of a step; on "
            "the way back, it still comes through the error. Put a number in place of the missing "
            "reading before you compute the error.",
            _Loss.gradients_are_numbers,
            Mistake(
                "no-gradient",
                "The loss is right, but no gradient gets back to `y_pred`, so no model can be "
                "trained with it. NumPy knows no gradients: use `keras.ops`.",
                lambda seen: seen.gradients[0] is None,
            ),
        ),
    ),
    hints=(
        "First make it right for readings without `nan`: a sum, and a number of valid steps.",
        "What could stand for a missing reading, so that the error of this step is 0?",
        "The forecast itself: `keras.ops.where(mask, y_true, y_pred)`.",
    ),
    why=(
        "Where a reading is missing, the forecast stands for it, so the error is 0, and so is its "
        "gradient: `nan` never enters. The sum is divided by the number of valid steps, or by 1."
    ),
)

QUESTIONS = (_MAX_OVER_TIME, _MEAN_OVER_TIME, _MASKED_SOFTMAX, _MASKED_LOSS)
