"""Questions on layers that use masks: a mean, a softmax and a loss over valid steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from masklens._language import translate as _
from masklens.drawing.elements import element
from masklens.drawing.picture import Picture, show
from masklens.tracing.calls import Array, Mask
from masklens_course.answer import call, numbers, same
from masklens_course.checks import Question
from masklens_course.comparison import Compared
from masklens_course.conditions import Case, Condition, Hint, Mistake, gives
from masklens_course.mistakes import (
    NAN_COMES_BACK,
    NAN_GRADIENT,
    NO_GRADIENT,
    ONE_MAXIMUM,
)


def _tensors(*arrays: Any) -> Case:
    import tensorflow as tf

    return tuple(tf.constant(array) for array in arrays)


def _with_gradient(answer: Any, case: Case, about: int, right: Array) -> tuple[Array, Compared]:
    """What a learner's function gives for tensors, and the gradient of its sum."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(case[about])
        result = call(answer, *case)
        values = numbers(result)
        result = tf.convert_to_tensor(result)
    gradient = tape.gradient(result, case[about])
    if gradient is None:  # which is as good as zeros
        return values, Compared(None if right.any() else right, right)
    return values, Compared(np.asarray(tf.convert_to_tensor(gradient)), right)


def _gradient_picture(seen: Any) -> Picture | None:
    drawn = seen.gradient.picture()
    return drawn and Picture((element("p", _("The gradient:")), *drawn.nodes), drawn.sheets)


def _vectors(random: np.random.Generator) -> Iterator[tuple[Array, Mask]]:
    """Batches of other sizes than in the tasks, with numbers at masked steps that are noticed."""

    def batch(mask: Any, features: int, masked: Any = 1000) -> tuple[Array, Mask]:
        keep = np.array(mask) == 1
        x = random.integers(-9, 9, (*keep.shape, features)).astype("float32")
        return np.where(keep[..., None], x, np.array(masked, "float32")), keep

    time = int(random.integers(6, 9))
    gaps = random.random((3, time)) < 0.5
    gaps[:, :3] = [False, False, True]
    gaps[0] = np.arange(time) == 2
    yield batch(gaps, 3)
    yield batch([[1], [0]], 2)
    yield batch([[1, 1, 1, 1]], 1)  # nothing is masked
    yield batch([[1, 0, 0], [1, 1, 0]], 2, [np.nan, np.inf])
    x, mask = batch([[1, 1, 0]], 2, 100)
    yield (x - 20) * np.float32(1e36), mask


def _mean(x: Any, mask: Any, *, read: bool = False) -> Array:
    """The mean of the valid steps of each row alone, or of all steps."""
    rows = []
    for row, valid in zip(np.asarray(x, float), np.asarray(mask), strict=True):
        kept = row if read else row[valid]
        rows.append(kept.mean(axis=0) if len(kept) else np.zeros(row.shape[-1]))
    return np.stack(rows)


@dataclass(frozen=True)
class _Pooled(Compared):
    """The vectors that the learner made of the timesteps, and the gradient of their sum.

    The rows without a valid step are compared apart from the others.
    """

    gradient: Compared

    @property
    def some_valid(self) -> Mask:
        return np.asarray(np.any(self.case[1], axis=1))

    def is_like(self, other: Any) -> bool:
        yours, rows = self.yours, self.some_valid
        return yours.shape == other.shape and same(yours[rows], other[rows])

    @property
    def empty(self) -> Compared:
        return Compared(self.yours[~self.some_valid], self.right[~self.some_valid])


def _reviews(random: np.random.Generator) -> Iterator[Case]:
    x = [[[1.0, 5], [3, 7], [9, 9]], [[9, 9], [9, 9], [9, 9]]]
    yield _tensors(x, [[True, True, False], [False, False, False]])
    yield from (_tensors(*batch) for batch in _vectors(random))


def _averaged(answer: Any, *case: Any) -> _Pooled:
    x, mask = map(np.asarray, case)
    share = mask / np.maximum(mask.sum(axis=1, keepdims=True), 1)
    right = np.repeat(share[..., None], x.shape[2], axis=2)
    values, gradient = _with_gradient(answer, case, 0, right)
    return _Pooled(values, _mean(*case), gradient, case=case)


_MEAN_OVER_TIME = Question(
    name="mean-over-time",
    title="A mean that survives an empty row",
    minutes=10,
    kind="function",
    cases=_reviews,
    right=_mean,
    observe=_averaged,
    conditions=(
        Condition(
            "wrong-mean",
            "These are not the means of the valid steps. Compute one of them by hand.",
            Compared.is_right,
            Mistake(
                "reads-padding",
                "The mask is not used: the vectors at masked steps also count.",
                gives(_mean, read=True),
            ),
        ),
        Condition(
            "empty-row",
            "In a row without a valid step the task asks for 0. Something else comes out there.",
            lambda seen: seen.empty.is_right(),
            Mistake(
                "nan-in-empty-row",
                "In a row without a valid step 0 / 0 is `nan`, and one such row spoils the loss of "
                "the whole batch.",
                lambda seen: bool(np.isnan(seen.empty.yours).any()),
            ),
            picture=Compared.picture,
        ),
        Condition(
            "wrong-gradient",
            "The means are right, but the gradient of their sum with respect to `x` is not. At a "
            "valid step it is 1 divided by the number of valid steps in the row, at a masked one "
            "it is 0.",
            lambda seen: seen.gradient.is_right(),
            NO_GRADIENT,
            NAN_GRADIENT,
            picture=_gradient_picture,
        ),
    ),
    hints=(
        Hint(
            "Give the mask the shape of `x` and its dtype: `keras.ops.cast(mask, x.dtype)`.",
            "wrong-mean",
            "reads-padding",
        ),
        Hint(
            "The mean is a sum over valid steps, divided by their number. Which number may be 0?",
            "empty-row",
            "nan-in-empty-row",
        ),
        Hint(
            "Change only a count of 0. And let `where` put 0 at masked steps before the sum, "
            "whatever they hold.",
            "wrong-gradient",
        ),
    ),
    why=(
        "Masked steps add 0 to the sum and 0 to the count: `where` turns even `nan` into 0, "
        "which multiplying does not. Dividing by 1 or more changes only the empty row: 0 / 1 is "
        "0, with a gradient that is a number."
    ),
)


def _attention(random: np.random.Generator) -> Iterator[Case]:
    def scores(*mask: list[int], at_padding: float = 5) -> tuple[Array, Mask]:
        keep = np.array(mask) == 1
        given = random.normal(0, 2, (*keep.shape, keep.shape[1])).round(1)
        return np.where(keep[:, None], given, at_padding).astype("float32"), keep

    yield (
        np.array([[[2, 0, 5], [1, 3, 5], [0, 0, 5]]], dtype="float32"),
        np.array([[True, True, False]]),
    )
    yield scores([1, 1, 1, 0, 0], [0, 1, 0, 1, 1])
    yield scores([1])
    yield scores([1, 1, 1, 1])
    small, mask = scores([1, 1])
    yield small + np.array([[1000], [-1000]], "float32"), mask
    yield scores([0, 1, 1, 1], at_padding=1000)
    yield scores([0, 0], [1, 1])
    yield scores([1, 0], at_padding=np.nan)


def _softmax(scores: Array, mask: Mask) -> Array:
    """The softmax of each sentence alone, without its padding; 0 behind it."""
    weights = np.zeros(scores.shape)
    for sentence, given, keep in zip(weights, scores.astype(float), mask, strict=True):
        if keep.any():
            exps = np.exp(given[:, keep] - given[:, keep].max(axis=1, keepdims=True))
            sentence[:, keep] = exps / exps.sum(axis=1, keepdims=True)
    return weights


def _at(words: Mask, table: Array) -> Array:
    """The columns of these words."""
    return np.asarray(np.moveaxis(table, 1, 2)[words])


def _all_valid(scores: Array, mask: Mask) -> bool:
    return bool(mask.any(axis=1).all())


def _is_large(table: Array) -> bool:
    return bool((np.abs(table) > 500).any())


def _at_nan(scores: Array) -> Mask:
    """The rows with a `nan` in them."""
    return np.asarray(np.isnan(scores).any(axis=-1))


def _is_usual(scores: Array, mask: Mask) -> bool:
    usual = np.isfinite(scores).all() and not _is_large(scores)
    return bool(usual) and _all_valid(scores, mask)


def _masks_queries(seen: Compared) -> bool:
    """Whether a padded word looks at nothing, and a valid one at padding as well."""
    scores, mask = seen.case
    everything = _softmax(scores, np.ones_like(mask))
    return same(seen.yours[mask], everything[mask])


def _right_for_words(seen: Compared) -> bool:
    mask = seen.case[1]
    return seen.yours.shape == seen.right.shape and same(seen.yours[mask], seen.right[mask])


def _with_one_maximum(scores: Array, mask: Mask, *, of: Any) -> Array:
    """The weights if one maximum is taken of these axes, and the sum is raised to 1 or more."""
    kept = np.where(mask[:, None], scores, -np.inf)
    exps = np.exp(kept - kept.max(axis=of, keepdims=True))
    return np.asarray(exps / np.maximum(exps.sum(axis=-1, keepdims=True), 1))


def _sums_below_one(seen: Compared) -> bool:
    if seen.yours.shape != seen.right.shape:
        return False
    # The share of a padded word whose score is `nan` is `nan`, and so is the rest.
    sums = np.where(_at_nan(seen.case[0]), 0, seen.yours.sum(axis=-1))
    return bool((sums < 1 - 1e-4).any() and (sums < 1 + 1e-4).all())


_MASKED_SOFTMAX = Question(
    name="masked-softmax",
    title="Mend a softmax for attention",
    minutes=15,
    kind="function",
    cases=_attention,
    right=_softmax,
    conditions=(
        Condition(
            "wrong-weights",
            "These are not the weights of the valid scores alone. Write each sentence without "
            "its padding, and compute one row by hand.",
            Compared.is_right,
            Mistake(
                "masks-queries",
                "The mask lies along the wrong axis: the words `i`, which look, are masked, and "
                "not the words `j`, at which they look.",
                _masks_queries,
            ),
            Mistake(
                "sums-over-queries",
                "The weights are shared out along the wrong axis: the columns sum to 1, not the "
                "rows.",
                lambda seen: same(
                    _at(seen.case[1], seen.yours).sum(axis=1), np.ones(seen.case[1].sum())
                ),
            ),
            Mistake(
                "weight-on-padding",
                "Padded words have weights above 0. A score of 0 does not make a weight of 0: "
                "`exp(0)` is 1.",
                lambda seen: bool((_at(~seen.case[1], seen.yours) > 1e-4).any()),
            ),
            Mistake(
                "empties-padded-rows",
                "The rows of the words `i` are right, those of padded words `i` are not. The "
                "task makes no exception for them: they also look at the valid words.",
                _right_for_words,
            ),
            Mistake(
                "one-for-all-rows",
                "Padded words have the weight 0, but some rows do not sum to 1. One maximum is "
                "subtracted from several rows, so the `exp` of a row may sum to less than 1, and "
                "then you divide by 1. Each row needs its own maximum.",
                lambda seen: any(
                    seen.is_like(_with_one_maximum(*seen.case, of=of)) for of in (None, (1, 2))
                ),
            ),
            Mistake(
                "sums-below-one",
                "Padded words have the weight 0, but the rest does not sum to 1: padding took its "
                "share before it was removed.",
                _sums_below_one,
            ),
            when=_is_usual,
        ),
        Condition(
            "large-scores",
            "With scores of 1000 or -1000 the weights are wrong. `exp(1000)` is infinite, and "
            "`exp(-1000)` is 0.",
            lambda seen: seen.is_right(),
            ONE_MAXIMUM,
            when=lambda scores, mask: _is_large(_at(mask, scores)),
        ),
        Condition(
            "maximum-of-padding",
            "A score of 1000 at a padded word changes the weights of the others. Do you subtract "
            "the maximum, and is padding left out when it is looked for?",
            Compared.is_right,
            when=lambda scores, mask: _is_large(_at(~mask, scores)),
        ),
        Condition(
            "nan-at-padding",
            "`nan` at a padded word changes the weights of the others. Times 0 it is still `nan`: "
            "put a number in its place before you compute.",
            lambda seen: seen.is_right(),
            when=lambda scores, mask: bool(_at_nan(scores).any()),
        ),
        Condition(
            "empty-row",
            "In a sentence without any valid word all weights should be 0. Yours are shared out "
            "among the padding.",
            Compared.is_right,
            Mistake(
                "nan-in-empty-row",
                "In a sentence without any valid word the weights are `nan`, not 0.",
                lambda seen: bool(np.isnan(seen.yours[~seen.case[1].any(axis=1)]).any()),
            ),
            when=lambda scores, mask: not _all_valid(scores, mask),
        ),
    ),
    hints=(
        Hint(
            "Look at the symptom: does the mask keep words from being looked at, or from "
            "looking? The other two faults show with other scores, and with another mask.",
            "wrong-weights",
            "masks-queries",
            "sums-over-queries",
            "empties-padded-rows",
        ),
        Hint(
            "Which score has a weight of 0 after `exp`? Put that one at padding, before anything "
            "else.",
            "weight-on-padding",
            "sums-below-one",
            "maximum-of-padding",
            "nan-at-padding",
        ),
        Hint(
            "Try the function on two words, one row of scores at 1000 and the other at -1000, "
            "and on a sentence without any valid word.",
            "large-scores",
            "one-for-all-rows",
        ),
        Hint(
            "There is a fault in each of the three lines. Ask of the first: which axis holds "
            "`j`? Of the second: whose maximum? Of the third: may the sum be 0? And in an empty "
            "sentence the maximum itself is `-inf`.",
            "empty-row",
        ),
    ),
    why=(
        "The last axis holds the words `j`, at which the others look, so the mask lies along it. "
        "Each row loses its own maximum, so its sum is 1 or more, and `np.maximum` changes only "
        "the 0 of an empty sentence. No score is below `-inf`, and `exp(-inf)` is exactly 0. Only "
        "in an empty sentence is the maximum itself `-inf`. Since `-inf - -inf` is `nan`, 0 is "
        "subtracted there."
    ),
)


def _forecasts(random: np.random.Generator) -> Iterator[Case]:
    def batch(mask: Any, *, missing: float = 0, factor: int = 1) -> Case:
        there = np.array(mask) == 1
        read, forecast = random.integers(-9, 9, (2, *there.shape)).astype("float32") * factor
        return _tensors(np.where(there, read, np.float32(missing)), forecast, there)

    nan = float("nan")
    there = [[True, True, False], [True, False, False]]
    yield _tensors([[1, 2, nan], [5, 0, 0]], [[1.0, 3, 4], [7, 2, 2]], there)
    time = int(random.integers(5, 8))
    yield batch((random.random((3, time)) < 0.5) | (np.arange(time) == [[1], [2], [0]]))
    yield batch([[1]])
    yield batch([[1, 1, 1, 1]])  # nothing is missing
    yield batch([[0, 0, 0], [0, 0, 0]])
    yield batch([[0, 0], [1, 1], [1, 1]], missing=float("inf"))
    yield batch([[1, 1, 0]], factor=100)


def _some_valid(y_true: Any, y_pred: Any, mask: Any) -> bool:
    return bool(np.asarray(mask).any())


def _squares(y_true: Any, y_pred: Any) -> Array:
    return np.asarray((np.asarray(y_pred, float) - np.asarray(y_true, float)) ** 2)


def _mean_square(
    y_true: Any, y_pred: Any, mask: Any, *, read: bool = False, total: bool = False
) -> Array:
    squares = _squares(y_true, y_pred)[... if read else np.asarray(mask)]
    return np.asarray(squares.sum() if total or not squares.size else squares.mean())


def _mean_of_rows(y_true: Any, y_pred: Any, mask: Any) -> Array:
    rows = zip(_squares(y_true, y_pred), np.asarray(mask), strict=True)
    means = [squares[there].mean() if there.any() else 0 for squares, there in rows]
    return np.asarray(np.mean(means))


@dataclass(frozen=True)
class _Loss(Compared):
    """The loss that the learner computed, and its gradient with respect to the forecasts."""

    gradient: Compared

    def squares_picture(self) -> Picture | None:
        """The squared errors, from which the loss can be computed by hand."""
        y_true, y_pred, mask = self.case
        if self.yours.size > 8:
            return None
        caption = _("squared errors: your loss is {yours}, the right one {right}")
        yours = ", ".join(f"{number:.4g}" for number in self.yours.flat)
        text = caption.format(yours=yours, right=f"{self.right:.4g}")
        squares = [[f"{square:.4g}" for square in row] for row in _squares(y_true, y_pred)]
        return show(np.asarray(mask), tokens=squares, caption=text)


def _compared_loss(answer: Any, *case: Any) -> _Loss:
    y_true, y_pred, mask = map(np.asarray, case)
    slope = np.where(mask, 2 * (y_pred - y_true), 0) / max(mask.sum(), 1)
    values, gradient = _with_gradient(answer, case, 1, slope)
    return _Loss(values, _mean_square(*case), gradient, case=case)


_MASKED_LOSS = Question(
    name="masked-loss",
    title="A loss that leaves out what is missing",
    minutes=20,
    kind="function",
    cases=_forecasts,
    right=_mean_square,
    observe=_compared_loss,
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
                "The mask is not used: errors at steps without a reading also count.",
                gives(_mean_square, read=True),
            ),
            Mistake(
                "does-not-divide",
                "This is the sum of the squared errors. Divide it by the valid steps.",
                gives(_mean_square, total=True),
            ),
            Mistake(
                "mean-of-rows",
                "You take the mean of each row, and then the mean of these. So a step of a short "
                "series counts more than one of a long series.",
                lambda seen: seen.is_like(_mean_of_rows(*seen.case)),
            ),
            picture=_Loss.squares_picture,
            when=_some_valid,
        ),
        Condition(
            "nothing-valid",
            "With no valid step in the whole batch the loss should be 0. Yours is not.",
            Compared.is_right,
            picture=_Loss.squares_picture,
            when=lambda *case: not _some_valid(*case),
        ),
        Condition(
            "wrong-gradient",
            "The loss is right, but its gradient with respect to `y_pred` is not. At a valid step "
            "it is twice the error, divided by the number of valid steps; at a masked one it is 0.",
            lambda seen: seen.gradient.is_right(),
            NO_GRADIENT,
            NAN_COMES_BACK,
            NAN_GRADIENT,
            picture=_gradient_picture,
        ),
    ),
    hints=(
        Hint(
            "First make it right for readings without `nan`: a sum, and a number of valid steps.",
            "wrong-loss",
            "not-one-number",
            "does-not-divide",
            "mean-of-rows",
        ),
        Hint(
            "What could stand for a missing reading, so that the error of this step is 0?",
            "reads-padding",
            "wrong-gradient",
        ),
        Hint("Where no step is valid, the sum is 0. Which divisor leaves it so?", "nothing-valid"),
    ),
    why=(
        "Where a reading is missing, the forecast takes its place, so the error is 0, and so is "
        "its gradient: `nan` never enters. The sum is divided by the number of valid steps, or "
        "by 1."
    ),
)

QUESTIONS = (_MEAN_OVER_TIME, _MASKED_SOFTMAX, _MASKED_LOSS)
