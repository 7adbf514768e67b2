"""Questions on masks by hand: from lengths, from readings that are missing, and for attention."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens._language import mark
from masklens.drawing.picture import Picture
from masklens.tracing.calls import Mask
from masklens_course.answer import call, numbers, same
from masklens_course.checks import Condition, Mistake, Question
from masklens_course.comparison import side_by_side
from masklens_course.mistakes import inverted_mask, mask_of_floats, wrong_shape
from masklens_course.questions import set_of

_LESSON = set_of(__name__)

_TIME = 6
_LENGTHS = [3, 6, 1]
_WITH_ZERO = [2, 0, 4]


def _rows(lengths: list[int], row: Callable[[int], list[bool]]) -> Mask:
    return np.array([row(length) for length in lengths])


def _behind(lengths: list[int]) -> Mask:
    return _rows(lengths, lambda length: [True] * length + [False] * (_TIME - length))


def _in_front(lengths: list[int]) -> Mask:
    return _rows(lengths, lambda length: [False] * (_TIME - length) + [True] * length)


@dataclass(frozen=True)
class _FromLengths:
    """The learner's masks: padded behind, in front, and both with a row of length 0."""

    behind: NDArray[Any]
    in_front: NDArray[Any]
    zero_behind: NDArray[Any]
    zero_in_front: NDArray[Any]

    def picture_of_zero(self) -> Picture | None:
        if self.zero_behind[1].any():
            return side_by_side(self.zero_behind, _behind(_WITH_ZERO))
        return side_by_side(self.zero_in_front, _in_front(_WITH_ZERO))


def _from_lengths(answer: Callable[..., Any]) -> _FromLengths:
    return _FromLengths(
        *(
            numbers(call(answer, lengths, _TIME, padding))
            for lengths in (_LENGTHS, _WITH_ZERO)
            for padding in ("post", "pre")
        )
    )


def _same_mask(yours: NDArray[Any], right: Mask) -> bool:
    return yours.dtype == bool and same(yours, right)


_MASK_FROM_LENGTHS = Question(
    name="mask-from-lengths",
    title=mark("A mask from lengths"),
    lesson=_LESSON,
    minutes=10,
    kind="function",
    observe=_from_lengths,
    conditions=(
        Condition(
            "wrong-mask",
            mark('With `padding="post"` this is not the mask of these lengths.'),
            lambda seen: _same_mask(seen.behind, _behind(_LENGTHS)),
            (
                wrong_shape(lambda seen: seen.behind, lambda seen: _behind(_LENGTHS)),
                mask_of_floats(lambda seen: seen.behind),
                inverted_mask(lambda seen: seen.behind, lambda seen: _behind(_LENGTHS)),
                Mistake(
                    "one-too-many",
                    mark("Each row has one True too many. The timesteps are counted from 0."),
                    lambda seen: same(seen.behind, _behind([min(n + 1, 6) for n in _LENGTHS])),
                ),
                Mistake(
                    "sides-swapped",
                    mark('The sides are swapped: `padding="post"` means padding behind.'),
                    lambda seen: same(seen.behind, _in_front(_LENGTHS)),
                ),
            ),
            lambda seen: side_by_side(seen.behind, _behind(_LENGTHS)),
        ),
        Condition(
            "wrong-in-front",
            mark(
                'With `padding="post"` the mask is right, with `padding="pre"` it is not. At which '
                "timestep does a row of length 1 begin?"
            ),
            lambda seen: _same_mask(seen.in_front, _in_front(_LENGTHS)),
            (
                Mistake(
                    "same-for-both",
                    mark('With `padding="pre"` you give the same mask as with `padding="post"`.'),
                    lambda seen: same(seen.in_front, seen.behind),
                ),
            ),
            lambda seen: side_by_side(seen.in_front, _in_front(_LENGTHS)),
        ),
        Condition(
            "length-zero",
            mark("A row of length 0 goes wrong: it has nothing to read."),
            lambda seen: not seen.zero_behind[1].any() and not seen.zero_in_front[1].any(),
            (
                Mistake(
                    "zero-from-the-end",
                    mark(
                        "In a row of length 0 all is True. Do you count from the end? `[-0:]` is "
                        "the same as `[0:]`."
                    ),
                    lambda seen: bool(np.all(seen.zero_in_front[1])),
                ),
            ),
            _FromLengths.picture_of_zero,
        ),
    ),
    hints=(
        mark('For `"post"`: a timestep is real if its number is smaller than the length.'),
        mark('For `"pre"`, how many timesteps of a row are padding? Those are at its beginning.'),
        mark("`np.array(lengths)[:, None]` is a column. Compare it with a row of timesteps."),
    ),
    why=mark(
        "Padded behind, the timesteps below the length are real. Padded in front, those from "
        "`time - length` on are. Both are true of the length 0, too."
    ),
)

# (batch, time, features): a reading of each is missing, and a step of real zeros is not.
_READINGS = np.array(
    [
        [[0.5, 1.0], [np.nan, 2.0], [0.0, 0.0], [np.nan, np.nan]],
        [[np.nan, np.nan], [3.0, -1.0], [np.nan, np.nan], [2.0, np.nan]],
    ],
    dtype="float32",
)
_THERE = ~np.isnan(_READINGS)
_SEEN = _THERE.any(axis=-1)


@dataclass(frozen=True)
class _Cleaned:
    """The two arrays that the learner returns; empty where there are not two."""

    readings: NDArray[Any]
    mask: NDArray[Any]
    two: bool

    @property
    def left(self) -> Mask:
        """Where something stands that is no finite number."""
        return np.asarray(~np.isfinite(self.readings))


def _cleaned(answer: Callable[..., Any]) -> _Cleaned:
    given = call(answer, _READINGS)
    if isinstance(given, tuple | list) and len(given) == 2:
        return _Cleaned(numbers(given[0]), numbers(given[1]), two=True)
    return _Cleaned(numbers(given) if given is None else np.zeros(0), np.zeros(0), two=False)


_CLEAN_READINGS = Question(
    name="clean-readings",
    title=mark("Clean readings and their mask"),
    lesson=_LESSON,
    minutes=10,
    kind="function",
    observe=_cleaned,
    conditions=(
        Condition(
            "wrong-mask",
            mark("The mask is not True exactly where at least one reading of a timestep is there."),
            lambda seen: seen.two and _same_mask(seen.mask, _SEEN),
            (
                Mistake(
                    "not-two",
                    mark("Return two arrays: `return readings, mask`."),
                    lambda seen: not seen.two,
                ),
                Mistake(
                    "order-swapped",
                    mark("The two arrays are swapped: first the readings, then the mask."),
                    lambda seen: _same_mask(seen.readings, _SEEN),
                ),
                Mistake(
                    "mask-per-reading",
                    mark(
                        "The mask has three axes: True or False for each reading. A model wants "
                        "one for each timestep, in the shape `(batch, time)`."
                    ),
                    lambda seen: seen.mask.ndim == 3,
                ),
                mask_of_floats(lambda seen: seen.mask),
                inverted_mask(lambda seen: seen.mask, lambda seen: _SEEN),
                Mistake(
                    "wants-all-readings",
                    mark("You leave out timesteps of which one reading is there. Keep them."),
                    lambda seen: same(seen.mask, _THERE.all(axis=-1)),
                ),
                Mistake(
                    "zero-is-missing",
                    mark("A timestep whose readings are all 0.0 was measured: it is to be read."),
                    lambda seen: same(seen.mask, np.nan_to_num(_READINGS).any(axis=-1)),
                ),
            ),
            lambda seen: side_by_side(seen.mask, _SEEN) if seen.two else None,
        ),
        Condition(
            "nan-left",
            mark("The mask is right, but there is still `nan` in the readings."),
            lambda seen: not seen.left.any(),
            (
                Mistake(
                    "nan-beside-a-reading",
                    mark(
                        "There is still `nan`: at timesteps of which one reading is there and "
                        "another is missing. The mask does not hide these."
                    ),
                    lambda seen: same(seen.left, ~_THERE & _SEEN[..., None]),
                ),
            ),
        ),
        Condition(
            "loses-readings",
            mark("Readings have changed that were there. Replace only what is missing."),
            lambda seen: (
                seen.readings.shape == _READINGS.shape
                and same(seen.readings[_THERE], _READINGS[_THERE])
            ),
            (wrong_shape(lambda seen: seen.readings, lambda seen: _READINGS),),
        ),
    ),
    hints=(
        mark("`np.isnan(readings)` has three axes. Which one has to go, and how?"),
        mark(
            "`.any(axis=-1)` asks whether one of the features is True, `.all(axis=-1)` whether all."
        ),
        mark("Make the mask first. Then replace every `nan`, whatever the mask says."),
    ),
    why=mark(
        "The mask speaks of timesteps, `nan` of single readings. So a timestep to read may hold "
        "`nan`, and behind the mask `nan` would spoil the gradients: no `nan` may stay."
    ),
)

# True marks what was measured: padding behind, padding in front, a hole.
_MEASURED = np.array([[1, 1, 1, 0], [0, 1, 1, 1], [1, 0, 1, 1]], dtype=bool)
_STEPS = np.arange(_MEASURED.shape[1])
_EARLIER = _STEPS[None, :] <= _STEPS[:, None]
_ALLOWED = _EARLIER & _MEASURED[:, None, :]


@dataclass(frozen=True)
class _MayLook:
    """The learner's mask of shape (batch, time, time)."""

    yours: NDArray[Any]

    @property
    def fits(self) -> bool:
        return bool(self.yours.shape == _ALLOWED.shape)

    @property
    def judged(self) -> Mask:
        """The rows of measured timesteps, as far as the learner's array has them."""
        mask = self.yours.astype(bool) if self.fits else np.zeros(_ALLOWED.shape, bool)
        return np.asarray(mask & _MEASURED[:, :, None])

    def is_like(self, other: Mask) -> bool:
        return self.fits and same(self.judged, other & _MEASURED[:, :, None])

    def picture(self) -> Picture | None:
        """One row of the batch: the first that is wrong."""
        if not self.fits:
            return None
        right = np.where(_MEASURED[:, :, None], _ALLOWED, self.yours.astype(bool))
        wrong = (right != self.yours.astype(bool)).any(axis=(1, 2))
        row = int(wrong.argmax())
        return side_by_side(self.yours[row], right[row])


_CAUSAL_MASK = Question(
    name="causal-mask",
    title=mark("Look back, but not at holes"),
    lesson=_LESSON,
    minutes=15,
    kind="function",
    observe=lambda answer: _MayLook(numbers(call(answer, _MEASURED))),
    conditions=(
        Condition(
            "wrong-shape",
            mark("This is not the shape `(batch, time, time)`: one table for each series."),
            lambda seen: seen.fits and seen.yours.dtype == bool,
            (
                Mistake(
                    "one-table",
                    mark("This is one table for all series. But each has its own holes."),
                    lambda seen: seen.yours.shape == _EARLIER.shape,
                ),
                Mistake(
                    "not-boolean",
                    mark("A mask holds True and False. This one holds numbers."),
                    lambda seen: seen.fits,
                ),
            ),
        ),
        Condition(
            "looks-ahead",
            mark("A timestep may look at a later one. That is the one it should predict."),
            lambda seen: not (seen.judged & ~_EARLIER).any(),
            (
                Mistake(
                    "ahead-only",
                    mark("The table lies on its side: timesteps look ahead, and not back."),
                    lambda seen: seen.is_like(_EARLIER.T & _MEASURED[:, None, :]),
                ),
            ),
            _MayLook.picture,
        ),
        Condition(
            "looks-at-holes",
            mark("A timestep may look at one where nothing was measured."),
            lambda seen: not (seen.judged & ~_MEASURED[:, None, :]).any(),
            (
                Mistake(
                    "hides-who-looks",
                    mark(
                        "The mask hides the rows of the table: who looks. It should hide the "
                        "columns: what is looked at."
                    ),
                    lambda seen: np.array_equal(seen.yours, _EARLIER & _MEASURED[:, :, None]),
                ),
            ),
            _MayLook.picture,
        ),
        Condition(
            "misses-timesteps",
            mark("An earlier timestep was measured, but a later one may not look at it."),
            lambda seen: seen.is_like(seen.judged | _ALLOWED),
            (
                Mistake(
                    "not-at-itself",
                    mark("A timestep may not look at itself. Its own reading is known: let it."),
                    lambda seen: seen.is_like(_ALLOWED & ~np.eye(len(_STEPS), dtype=bool)),
                ),
            ),
            _MayLook.picture,
        ),
    ),
    hints=(
        mark("There are two conditions. Make a table for each, and combine the two with `&`."),
        mark("Looking back: a column of timesteps against a row of timesteps, as with lengths."),
        mark("`mask[:, None, :]` has the shape `(batch, 1, time)`: one row, for all who look."),
    ),
    why=mark(
        "Row by column, the table says who may look at whom. The order of time is the same for all "
        "series, what was measured is not: `&` makes one table for each of them."
    ),
)

QUESTIONS = (_MASK_FROM_LENGTHS, _CLEAN_READINGS, _CAUSAL_MASK)
