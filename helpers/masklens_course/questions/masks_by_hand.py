"""Questions on masks by hand: from lengths, from readings that are missing, and for attention."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens.drawing.picture import Picture
from masklens.tracing.calls import Mask
from masklens_course.answer import call, numbers, same
from masklens_course.checks import Question
from masklens_course.comparison import Compared
from masklens_course.conditions import Case, Condition, Hint, Mistake, gives
from masklens_course.mistakes import INVERTED, NOT_BOOLEAN, WRONG_SHAPE


def _mask(
    lengths: list[int], time: int, padding: str, *, more: int = 0, swap: bool = False
) -> Mask:
    reals = [min(length + more, time) for length in lengths]
    rows = [[True] * real + [False] * (time - real) for real in reals]
    return np.array(rows if (padding == "post") != swap else [row[::-1] for row in rows])


def _lengths(random: np.random.Generator) -> Iterator[Case]:
    yield [1, 5, 0, 6], 6, "post"
    time = int(random.integers(7, 10))
    lengths = random.permutation([1, 3, time - 1]).tolist()
    yield lengths, time, "post"
    yield lengths, time + 1, "pre"
    yield [0, 3], 3, "pre"
    yield [1, 1], 1, "pre"
    yield [int(random.integers(1, 6))], 6, "post"


def _is_wrong_at_zero_only(seen: Compared) -> bool:
    zero = np.array(seen.case[0]) == 0
    return bool(seen.yours[zero].any()) and same(seen.yours[~zero], seen.right[~zero])


def _counts_from_the_end(seen: Compared) -> bool:
    zero = np.array(seen.case[0]) == 0
    return _is_wrong_at_zero_only(seen) and bool(seen.yours[zero].all())


_ONE_TOO_MANY = Mistake(
    "one-too-many",
    "Each row has one True too many. The timesteps are counted from 0.",
    gives(_mask, more=1),
)
_LENGTH_ZERO = Mistake(
    "length-zero",
    "A row of length 0 goes wrong: it has nothing to read.",
    _is_wrong_at_zero_only,
)

_MASK_FROM_LENGTHS = Question(
    name="mask-from-lengths",
    title="A mask from lengths",
    minutes=10,
    kind="function",
    cases=_lengths,
    right=_mask,
    conditions=(
        Condition(
            "wrong-mask",
            'With `padding="post"` this is not the mask of these lengths.',
            Compared.is_right,
            _ONE_TOO_MANY,
            Mistake(
                "sides-swapped",
                'The sides are swapped: `padding="post"` means padding behind.',
                gives(_mask, swap=True),
            ),
            _LENGTH_ZERO,
            when=lambda lengths, time, padding: padding == "post",
        ),
        Condition(
            "wrong-in-front",
            'With `padding="pre"` this is not the mask of these lengths. At which timestep does a '
            "row of length 1 begin?",
            Compared.is_right,
            _ONE_TOO_MANY,
            Mistake(
                "same-for-both",
                'With `padding="pre"` you give the same mask as with `padding="post"`.',
                gives(lambda lengths, time, padding: _mask(lengths, time, "post")),
            ),
            Mistake(
                "zero-from-the-end",
                "In a row of length 0 all is True. Do you count from the end? `[-0:]` is the same "
                "as `[0:]`.",
                _counts_from_the_end,
            ),
            _LENGTH_ZERO,
            when=lambda lengths, time, padding: padding == "pre",
        ),
    ),
    hints=(
        Hint(
            'For `"post"`: a timestep is real if its number is smaller than the length.',
            "wrong-mask",
            "one-too-many",
        ),
        Hint(
            'For `"pre"`, how many timesteps of a row are padding? Those are at its beginning.',
            "sides-swapped",
            "wrong-in-front",
            "same-for-both",
            "zero-from-the-end",
        ),
        Hint(
            "`np.array(lengths)[:, None]` is a column. Compared with a row of timesteps, it needs "
            "no care for a length of 0.",
            "length-zero",
        ),
    ),
    why=(
        "Padded behind, the timesteps below the length are real. Padded in front, those from "
        "`time - length` on are. Both are true of the length 0, too."
    ),
)


def _readings(random: np.random.Generator) -> Iterator[Case]:
    nan = np.nan
    yield (np.array([[[21.5, 3.0], [nan, 4.5], [0.0, 0.0], [nan, nan], [19.0, 2.5]]]),)
    for shape in ((3, 4, 2), (1, 7, 3), (1, 5, 1), (1, 1, 2)):
        readings = random.uniform(0, 30, shape).round(1)
        readings[random.random(shape) < 0.4] = nan
        readings[:, 0, 0], readings[:, -1, -1] = nan, 0
        yield (readings,)
    yield (random.uniform(0, 30, (1, 3, 2)).round(1),)  # nothing is missing
    yield (np.full((1, 2, 2), nan),)  # everything is
    yield (np.array([[[-21.5, nan], [-1e6, -0.001], [nan, 3]]]),)


def _finite(readings: NDArray[Any]) -> tuple[NDArray[Any], Mask]:
    missing = readings != readings
    return np.where(missing, 0, readings), np.asarray(~missing.all(axis=-1))


@dataclass(frozen=True)
class _Cleaned:
    """The two arrays that the learner returns, if there are two, for these readings."""

    given: NDArray[Any]
    two: bool
    readings: Compared
    mask: Compared

    @property
    def yours(self) -> tuple[Any, Any]:
        return self.readings.yours, self.mask.yours

    @property
    def right(self) -> tuple[Any, Any]:
        return self.readings.right, self.mask.right

    @property
    def missing(self) -> Mask:
        return np.asarray(self.given != self.given)

    @property
    def left(self) -> Mask:
        """Where something stands that is no finite number."""
        return np.asarray(~np.isfinite(self.readings.yours))

    def keeps_readings(self) -> bool:
        yours, there = self.readings.yours, ~self.missing
        return yours.shape == self.given.shape and same(yours[there], self.given[there])

    def picture(self) -> Picture | None:
        """The readings, in which any number may stand for one that is missing."""
        yours, right = self.readings.yours, self.readings.right
        if yours.shape == right.shape:
            right = np.where(self.missing & ~self.left, yours, right)
        return Compared(yours, right).picture()


def _cleaned(answer: Callable[..., Any], readings: NDArray[Any]) -> _Cleaned:
    given = call(answer, readings)
    two = isinstance(given, tuple | list) and len(given) == 2
    if given is not None and not two:
        given = np.zeros(0)
    yours = map(numbers, given if two else (given, np.zeros(0)))
    return _Cleaned(readings, two, *map(Compared, yours, _finite(readings)))


_CLEAN_READINGS = Question(
    name="clean-readings",
    title="Clean readings and their mask",
    minutes=10,
    kind="function",
    cases=_readings,
    right=_finite,
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
                lambda seen: Compared(seen.readings.yours, seen.mask.right).is_right(),
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
                lambda seen: seen.mask.is_like(~seen.missing.any(axis=-1)),
            ),
            Mistake(
                "zero-is-missing",
                "A timestep whose readings are all 0.0 was measured: it is to be read.",
                lambda seen: seen.mask.is_like(np.nan_to_num(seen.given).any(axis=-1)),
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
                lambda seen: same(seen.left, seen.missing & seen.mask.right[..., None]),
            ),
            picture=_Cleaned.picture,
        ),
        Condition(
            "loses-readings",
            "Readings have changed that were there. Replace only what is missing.",
            _Cleaned.keeps_readings,
            WRONG_SHAPE.of("readings"),
            picture=_Cleaned.picture,
        ),
    ),
    hints=(
        Hint(
            "`np.isnan(readings)` has three axes. Which one has to go, and how?",
            "wrong-mask",
            "mask-per-reading",
        ),
        Hint(
            "`.any(axis=-1)` asks whether one of the features is True, `.all(axis=-1)` whether "
            "all.",
            "wants-all-readings",
        ),
        Hint(
            "Which numbers are equal to 0.0, and which are missing? `np.isnan` asks the second.",
            "zero-is-missing",
        ),
        Hint(
            "Make the mask first. Then replace every `nan`, whatever the mask says, and nothing "
            "else.",
            "nan-left",
            "nan-beside-a-reading",
            "loses-readings",
        ),
        Hint(
            "Name both arrays, and return them in the order of the task.",
            "not-two",
            "order-swapped",
        ),
    ),
    why=(
        "The mask speaks of timesteps, `nan` of single readings. So a timestep to read may hold "
        "`nan`, and behind the mask `nan` would spoil the gradients: no `nan` may stay."
    ),
)


def _measured(random: np.random.Generator) -> Iterator[Case]:
    yield (np.array([[True, False, True, True]]),)
    yield (np.array([[1, 1, 1, 0], [0, 1, 1, 1], [1, 0, 1, 1]], dtype=bool),)
    time = int(random.integers(6, 9))
    holes = random.permutation(time)[:2]
    yield (~np.isin(np.arange(time), holes)[None],)
    yield (np.ones((1, 3), dtype=bool),)
    yield (np.zeros((1, 2), dtype=bool),)
    yield (np.array([[True], [False]]),)


def _earlier(time: int) -> Mask:
    return np.array([[looked_at <= step for looked_at in range(time)] for step in range(time)])


def _allowed(mask: Mask) -> Mask:
    return np.array([_earlier(len(row)) & row for row in mask])


@dataclass(frozen=True)
class _MayLook(Compared):
    """The learner's mask of shape (batch, time, time) for these series.

    A row of a timestep that was not measured is right as it is.
    """

    @property
    def measured(self) -> Mask:
        return np.asarray(self.case[0])

    @property
    def earlier(self) -> Mask:
        return _earlier(self.measured.shape[1])

    @property
    def table(self) -> Mask:
        """The rows that count, as far as the learner's array has them."""
        mask = self.yours.astype(bool) if self.yours.shape == self.right.shape else self.right
        return np.asarray(mask & self.measured[:, :, None])

    def is_table(self, other: Mask) -> bool:
        return same(self.table, other & self.measured[:, :, None])


def _may_look(answer: Callable[..., Any], mask: Mask) -> _MayLook:
    yours = numbers(call(answer, mask))
    right = _allowed(mask)
    if yours.shape == right.shape:
        right = np.where(mask[:, :, None], right, yours.astype(bool))
    return _MayLook(yours, right, case=(mask,))


_CAUSAL_MASK = Question(
    name="causal-mask",
    title="Look back, but not at holes",
    minutes=15,
    kind="function",
    cases=_measured,
    right=_allowed,
    observe=_may_look,
    conditions=(
        Condition(
            "wrong-shape",
            "This is not the shape `(batch, time, time)`: one table for each series.",
            lambda seen: seen.yours.shape == seen.right.shape,
            Mistake(
                "one-table",
                "This is one table for all series. But each has its own holes.",
                lambda seen: seen.yours.shape == seen.right.shape[1:],
            ),
        ),
        Condition(
            "not-boolean",
            "A mask holds True and False. This one holds numbers.",
            lambda seen: seen.yours.dtype == bool,
        ),
        Condition(
            "looks-ahead",
            "A timestep may look at a later one. That is the one it should predict.",
            lambda seen: not (seen.table & ~seen.earlier).any(),
            INVERTED._replace(recognise=lambda seen: seen.is_table(~_allowed(seen.measured))),
            Mistake(
                "ahead-only",
                "The table lies on its side: timesteps look ahead, and not back.",
                lambda seen: seen.is_table(seen.earlier.T & seen.measured[:, None, :]),
            ),
        ),
        Condition(
            "looks-at-holes",
            "A timestep may look at one where nothing was measured.",
            lambda seen: not (seen.table & ~seen.measured[:, None, :]).any(),
            Mistake(
                "hides-who-looks",
                "The mask hides the rows of the table: who looks. It should hide the columns: "
                "what is looked at.",
                lambda seen: same(seen.yours, seen.earlier & seen.measured[:, :, None]),
            ),
        ),
        Condition(
            "misses-timesteps",
            "An earlier timestep was measured, but a later one may not look at it.",
            lambda seen: seen.is_table(seen.table | _allowed(seen.measured)),
            Mistake(
                "not-at-itself",
                "A timestep may not look at itself. Its own reading is known: let it.",
                lambda seen: seen.is_table(seen.right & ~np.eye(len(seen.earlier), dtype=bool)),
            ),
        ),
    ),
    hints=(
        Hint("There are two conditions. Make a table for each, and combine the two with `&`."),
        Hint("Looking back: a column of timesteps against a row of timesteps, as with lengths."),
        Hint("`mask[:, None, :]` has the shape `(batch, 1, time)`: one row, for all who look."),
    ),
    why=(
        "Row by column, the table says who may look at whom. The order of time is the same for "
        "all series, what was measured is not: `&` makes one table for each of them."
    ),
)

QUESTIONS = (_MASK_FROM_LENGTHS, _CLEAN_READINGS, _CAUSAL_MASK)
