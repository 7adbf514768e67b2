"""Questions on masks by hand: from lengths, from readings that are missing, and for attention."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens.drawing.picture import Picture
from masklens.tracing.calls import Mask
from masklens_course.answer import call, numbers, same
from masklens_course.checks import Condition, Mistake, Question
from masklens_course.comparison import Compared
from masklens_course.mistakes import INVERTED, NOT_BOOLEAN, WRONG_SHAPE

_TIME = 6
_LENGTHS = [3, 6, 1]
_WITH_ZERO = [2, 0, 4]


def _mask(lengths: list[int], padding: str = "post") -> Mask:
    rows = [[True] * length + [False] * (_TIME - length) for length in lengths]
    return np.array(rows if padding == "post" else [row[::-1] for row in rows])


@dataclass(frozen=True)
class _FromLengths:
    """The learner's masks: padded behind, in front, and both with a row of length 0."""

    behind: Compared
    in_front: Compared
    zero_behind: Compared
    zero_in_front: Compared

    def picture_of_zero(self) -> Picture | None:
        wrong = self.zero_behind if self.zero_behind.yours[1].any() else self.zero_in_front
        return wrong.picture()


def _from_lengths(answer: Callable[..., Any]) -> _FromLengths:
    return _FromLengths(
        *(
            Compared(numbers(call(answer, lengths, _TIME, padding)), _mask(lengths, padding))
            for lengths in (_LENGTHS, _WITH_ZERO)
            for padding in ("post", "pre")
        )
    )


_MASK_FROM_LENGTHS = Question(
    name="mask-from-lengths",
    title="A mask from lengths",
    minutes=10,
    kind="function",
    observe=_from_lengths,
    conditions=(
        Condition(
            "wrong-mask",
            'With `padding="post"` this is not the mask of these lengths.',
            lambda seen: seen.behind.is_right(),
            WRONG_SHAPE.of("behind"),
            NOT_BOOLEAN.of("behind"),
            INVERTED.of("behind"),
            Mistake(
                "one-too-many",
                "Each row has one True too many. The timesteps are counted from 0.",
                lambda seen: seen.behind.is_like(_mask([min(n + 1, 6) for n in _LENGTHS])),
            ),
            Mistake(
                "sides-swapped",
                'The sides are swapped: `padding="post"` means padding behind.',
                lambda seen: seen.behind.is_like(_mask(_LENGTHS, "pre")),
            ),
            picture=lambda seen: seen.behind.picture(),
        ),
        Condition(
            "wrong-in-front",
            'With `padding="post"` the mask is right, with `padding="pre"` it is not. At which '
            "timestep does a row of length 1 begin?",
            lambda seen: seen.in_front.is_right(),
            Mistake(
                "same-for-both",
                'With `padding="pre"` you give the same mask as with `padding="post"`.',
                lambda seen: seen.in_front.is_like(seen.behind.yours),
            ),
            picture=lambda seen: seen.in_front.picture(),
        ),
        Condition(
            "length-zero",
            "A row of length 0 goes wrong: it has nothing to read.",
            lambda seen: not any(m.yours[1].any() for m in (seen.zero_behind, seen.zero_in_front)),
            Mistake(
                "zero-from-the-end",
                "In a row of length 0 all is True. Do you count from the end? `[-0:]` is the same "
                "as `[0:]`.",
                lambda seen: bool(np.all(seen.zero_in_front.yours[1])),
            ),
            picture=_FromLengths.picture_of_zero,
        ),
    ),
    hints=(
        'For `"post"`: a timestep is real if its number is smaller than the length.',
        'For `"pre"`, how many timesteps of a row are padding? Those are at its beginning.',
        "`np.array(lengths)[:, None]` is a column. Compare it with a row of timesteps.",
    ),
    why=(
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

    two: bool
    readings: Compared
    mask: Compared

    @property
    def left(self) -> Mask:
        """Where something stands that is no finite number."""
        return np.asarray(~np.isfinite(self.readings.yours))

    def keeps_readings(self) -> bool:
        yours = self.readings.yours
        return yours.shape == _READINGS.shape and same(yours[_THERE], _READINGS[_THERE])


def _cleaned(answer: Callable[..., Any]) -> _Cleaned:
    given = call(answer, _READINGS)
    two = isinstance(given, tuple | list) and len(given) == 2
    if given is not None and not two:
        given = np.zeros(0)
    readings, mask = given if two else (given, np.zeros(0))
    return _Cleaned(two, Compared(numbers(readings), _READINGS), Compared(numbers(mask), _SEEN))


_CLEAN_READINGS = Question(
    name="clean-readings",
    title="Clean readings and their mask",
    minutes=10,
    kind="function",
    observe=_cleaned,
    conditions=(
        Condition(
            "wrong-mask",
            "The mask is not True exactly where at least one reading of a timestep is there.",
            lambda seen: seen.two and seen.mask.is_right(),
            Mistake(
                "not-two",
                "Return two arrays: `return readings, mask`.",
                lambda seen: not seen.two,
            ),
            Mistake(
                "order-swapped",
                "The two arrays are swapped: first the readings, then the mask.",
                lambda seen: Compared(seen.readings.yours, _SEEN).is_right(),
            ),
            Mistake(
                "mask-per-reading",
                "The mask has three axes: True or False for each reading. A model wants one for "
                "each timestep, in the shape `(batch, time)`.",
                lambda seen: seen.mask.yours.ndim == 3,
            ),
            NOT_BOOLEAN.of("mask"),
            INVERTED.of("mask"),
            Mistake(
                "wants-all-readings",
                "You leave out timesteps of which one reading is there. Keep them.",
                lambda seen: seen.mask.is_like(_THERE.all(axis=-1)),
            ),
            Mistake(
                "zero-is-missing",
                "A timestep whose readings are all 0.0 was measured: it is to be read.",
                lambda seen: seen.mask.is_like(np.nan_to_num(_READINGS).any(axis=-1)),
            ),
            picture=lambda seen: seen.mask.picture(),
        ),
        Condition(
            "nan-left",
            "The mask is right, but there is still `nan` in the readings.",
            lambda seen: not seen.left.any(),
            Mistake(
                "nan-beside-a-reading",
                "There is still `nan`: at timesteps of which one reading is there and another is "
                "missing. The mask does not hide these.",
                lambda seen: same(seen.left, ~_THERE & _SEEN[..., None]),
            ),
        ),
        Condition(
            "loses-readings",
            "Readings have changed that were there. Replace only what is missing.",
            _Cleaned.keeps_readings,
            WRONG_SHAPE.of("readings"),
        ),
    ),
    hints=(
        "`np.isnan(readings)` has three axes. Which one has to go, and how?",
        "`.any(axis=-1)` asks whether one of the features is True, `.all(axis=-1)` whether all.",
        "Make the mask first. Then replace every `nan`, whatever the mask says.",
    ),
    why=(
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
        return Compared(self.yours[row], right[row]).picture()


_CAUSAL_MASK = Question(
    name="causal-mask",
    title="Look back, but not at holes",
    minutes=15,
    kind="function",
    observe=lambda answer: _MayLook(numbers(call(answer, _MEASURED))),
    conditions=(
        Condition(
            "wrong-shape",
            "This is not the shape `(batch, time, time)`: one table for each series.",
            lambda seen: seen.fits and seen.yours.dtype == bool,
            Mistake(
                "one-table",
                "This is one table for all series. But each has its own holes.",
                lambda seen: seen.yours.shape == _EARLIER.shape,
            ),
            Mistake(
                "not-boolean",
                "A mask holds True and False. This one holds numbers.",
                lambda seen: seen.fits,
            ),
        ),
        Condition(
            "looks-ahead",
            "A timestep may look at a later one. That is the one it should predict.",
            lambda seen: not (seen.judged & ~_EARLIER).any(),
            Mistake(
                "ahead-only",
                "The table lies on its side: timesteps look ahead, and not back.",
                lambda seen: seen.is_like(_EARLIER.T & _MEASURED[:, None, :]),
            ),
            picture=_MayLook.picture,
        ),
        Condition(
            "looks-at-holes",
            "A timestep may look at one where nothing was measured.",
            lambda seen: not (seen.judged & ~_MEASURED[:, None, :]).any(),
            Mistake(
                "hides-who-looks",
                "The mask hides the rows of the table: who looks. It should hide the columns: "
                "what is looked at.",
                lambda seen: np.array_equal(seen.yours, _EARLIER & _MEASURED[:, :, None]),
            ),
            picture=_MayLook.picture,
        ),
        Condition(
            "misses-timesteps",
            "An earlier timestep was measured, but a later one may not look at it.",
            lambda seen: seen.is_like(seen.judged | _ALLOWED),
            Mistake(
                "not-at-itself",
                "A timestep may not look at itself. Its own reading is known: let it.",
                lambda seen: seen.is_like(_ALLOWED & ~np.eye(len(_STEPS), dtype=bool)),
            ),
            picture=_MayLook.picture,
        ),
    ),
    hints=(
        "There are two conditions. Make a table for each, and combine the two with `&`.",
        "Looking back: a column of timesteps against a row of timesteps, as with lengths.",
        "`mask[:, None, :]` has the shape `(batch, 1, time)`: one row, for all who look.",
    ),
    why=(
        "Row by column, the table says who may look at whom. The order of time is the same for "
        "all series, what was measured is not: `&` makes one table for each of them."
    ),
)

QUESTIONS = (_MASK_FROM_LENGTHS, _CLEAN_READINGS, _CAUSAL_MASK)
