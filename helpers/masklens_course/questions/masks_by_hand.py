"""Questions on masks by hand: from lengths, from missing readings, and for a model to train."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens.drawing.picture import Picture
from masklens.tracing.calls import Array, Mask
from masklens_course.answer import (
    DiagnosedError,
    Raised,
    answering,
    call,
    numbers,
    same,
    trying,
)
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
    "A row of length 0 is wrong: it has nothing to read.",
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
                'The sides are swapped: `padding="post"` puts the padding after the tokens.',
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
                "A row of length 0 is all True. Do you count from the end? `[-0:]` is the same "
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
            "`np.array(lengths)[:, None]` is a column. Compared with a row of timesteps, it also "
            "works for a length of 0.",
            "length-zero",
        ),
    ),
    why=(
        "With padding at the end, the timesteps below the length are real. With padding in "
        "front, those from `time - length` on are. Both also hold for a length of 0."
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
            "The mask should be True exactly where a timestep has at least one reading.",
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
                "You leave out timesteps that have one reading and lack another. Keep them.",
                lambda seen: seen.mask.is_like(~seen.missing.any(axis=-1)),
            ),
            Mistake(
                "zero-is-missing",
                "A timestep whose readings are all 0.0 was measured, so it should be read.",
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
                "There is still `nan`: at timesteps that have one reading and lack another. The "
                "mask does not hide these.",
                lambda seen: same(seen.left, seen.missing & seen.mask.right[..., None]),
            ),
            picture=_Cleaned.picture,
        ),
        Condition(
            "loses-readings",
            "Some readings that were there have changed. Replace only what is missing.",
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
        "A mask is about timesteps, `nan` about single readings. So a timestep to read may hold "
        "`nan`, and even where the mask is False `nan` would spoil the gradients: no `nan` may "
        "stay."
    ),
)


_LONGEST = 16  # of the series, in timesteps
_TIMES = (_LONGEST, 26, 36, 46)  # to which the rooms of the test are padded
_TOLERANCE = 0.0076  # of a share of 400 rooms: it may be rounded, and one answer be close to 0.5
_LEAST_MOVE, _MOST_MOVE = 1e-2, 1e-3
_LEAST_PLAIN, _LEAST_MASKED = 0.65, 0.9  # of the answers about hidden rooms are right


@dataclass(frozen=True)
class _Rooms:
    """The rooms that `draw` of the exercise makes, and what became of their messages.

    Attributes:
        moved: (rooms, time) 1 where somebody moved, 0 where nobody did.
        real: (rooms, time) True within the length of a room.
        seen: (rooms, time) False where `nan` stands.
        in_use: (rooms,) 1 for a room in use, 0 for an empty one.
    """

    moved: Array
    real: Mask
    seen: Mask
    in_use: Array

    @property
    def mask(self) -> Mask:
        return np.asarray(self.real & self.seen)

    @property
    def readings(self) -> Array:
        return np.where(self.mask, self.moved, 0)

    def padded(self, time: int) -> "_Rooms":
        more = (0, 0), (0, time - _LONGEST)
        moved, real, lost = (np.pad(one, more) for one in (self.moved, self.real, ~self.seen))
        return _Rooms(moved, real, ~lost, self.in_use)


@cache
def _rooms(seed: int, rows: int) -> _Rooms:
    random = np.random.default_rng(seed)
    in_use = random.integers(0, 2, rows)
    real = np.arange(_LONGEST) < random.integers(8, _LONGEST + 1, (rows, 1))
    moved = random.random(real.shape) < np.where(in_use, 0.8, 0.2)[:, None]
    lost = random.random(real.shape) < np.where(in_use, 0.5, 0.1)[:, None]
    return _Rooms(moved.astype(int), real, ~(real & lost), in_use)


_ROOMS = {"train": (0, 512), "test": (1, 400), "hidden": (9, 200)}  # the seeds, and how many


@cache
def _batches(time: int) -> dict[str, tuple[Array, Mask]]:
    """The readings and the mask that a model is asked about, by name."""
    train, test, hidden = (_rooms(*drawn).padded(time) for drawn in _ROOMS.values())
    return {
        "test": (test.readings, test.mask),
        "hidden": (hidden.readings, hidden.mask),
        # Other readings where the mask is False, others where it is True, and another mask.
        "filled": (np.where(hidden.mask, hidden.readings, 1), hidden.mask),
        "turned": (np.where(hidden.mask, 1 - hidden.readings, 0), hidden.mask),
        "unmasked": (hidden.readings, np.ones_like(hidden.mask)),
        # What those may have asked about who report other numbers.
        "train": (train.readings, train.mask),
        "lost-is-read": (test.readings, test.real),
        "padding-is-read": (test.readings, test.seen),
        "zero-is-lost": (test.readings, test.readings != 0),
        "hides-what-arrived": (test.readings, ~test.mask),
    }


_ALWAYS = ("test", "hidden", "filled", "turned", "unmasked")


def _in_use(name: str) -> Array:
    """What is right of the rooms of a batch; those with wrong masks are the rooms of the test."""
    return _rooms(*_ROOMS.get(name, _ROOMS["test"])).in_use


_Answers = dict[tuple[str, int], NDArray[Any]]


def _ask(model: Any, with_mask: bool, names: Iterable[str]) -> _Answers:
    """What a model answers to batches, by the name of each and the number of timesteps."""
    import tensorflow as tf

    readings, mask = tf.TensorSpec((None, None, 1)), tf.TensorSpec((None, None), tf.bool)
    # To trace it once is faster than to run its loop over the timesteps in Python.
    traced = tf.function(model, input_signature=[[readings, mask] if with_mask else readings])
    found: _Answers = {}
    for time in _TIMES:
        batches = [_batches(time)[name] for name in names]
        values, masks = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        tensor = tf.constant(values[..., None], "float32")
        with answering():
            output = numbers(traced([tensor, tf.constant(masks)] if with_mask else tensor))
        parts = np.split(output.reshape(len(values)), np.cumsum([len(b[0]) for b in batches])[:-1])
        found |= {(name, time): part for name, part in zip(names, parts, strict=True)}
    return found


@dataclass(frozen=True)
class _Trained:
    """A model that a learner has trained, and the four accuracies that are reported of it."""

    model: Any
    reported: NDArray[Any]
    answers: _Answers | Raised

    def of(self, name: str, time: int = _LONGEST) -> NDArray[Any]:
        """The answers to a batch, one for each room."""
        if isinstance(self.answers, Raised):
            raise self.answers.error
        return self.answers[name, time]

    def accuracies(self, name: str = "test") -> NDArray[Any]:
        """The shares of right answers at the four times."""
        answers = np.array([self.of(name, time) for time in _TIMES])
        return np.asarray(((answers > 0.5) == _in_use(name)).mean(axis=1))

    def losses(self) -> NDArray[Any]:
        """The binary cross-entropies on the test rooms at the four times."""
        answers = np.array([self.of("test", time) for time in _TIMES])
        right = np.where(_in_use("test"), answers, 1 - answers)
        return np.asarray(-np.log(np.clip(right, 1e-7, 1)).mean(axis=1))

    def reports(self, measured: NDArray[Any], unit: float = 1) -> bool:
        return bool(np.abs(self.reported / unit - measured).max() <= _TOLERANCE)

    def is_measured(self) -> bool:
        return self.reports(self.accuracies())

    def moves(self, name: str, time: int = _LONGEST) -> float:
        """By how much an answer about a hidden room moves at most in another batch."""
        return float(np.abs(self.of("hidden") - self.of(name, time)).max())

    def keeps_to_mask(self) -> bool:
        others = ("filled", _LONGEST), ("hidden", _TIMES[-1]), ("filled", _TIMES[-1])
        return all(self.moves(*other) <= _MOST_MOVE for other in others)

    def ignores_mask(self) -> bool:
        return self.moves("unmasked") <= _MOST_MOVE


@dataclass(frozen=True)
class _Report:
    """What a learner reports of two models.

    Attributes:
        given: The report.
        trained: The two models, `plain` first; fewer if they are not there.
        plain_takes_mask: Whether the first one does not run without a mask.
    """

    given: Any
    trained: tuple[_Trained, ...]
    plain_takes_mask: bool = False

    @property
    def plain(self) -> _Trained:
        return self.trained[0]

    @property
    def masked(self) -> _Trained:
        return self.trained[1]

    def is_two_models(self) -> bool:
        return len({id(one.model) for one in self.trained}) == 2

    def answers_are_shares(self) -> bool:
        """Whether both give one number from 0 to 1 for each room."""
        given = [one.answers for one in self.trained]
        sure = [one for one in given if not isinstance(one, Raised)]
        shares = [part for one in sure for part in one.values()]
        return len(sure) == 2 and all(((one >= 0) & (one <= 1)).all() for one in shares)

    def is_measured(self) -> bool:
        return all(map(_Trained.is_measured, self.trained))

    def says(self, measure: Callable[[_Trained], NDArray[Any]], unit: float = 1) -> bool:
        """Whether whatever is reported wrongly is what another measurement gives."""
        wrong = [one for one in self.trained if not one.is_measured()]
        return all(one.reports(measure(one), unit) for one in wrong)

    def concludes(self) -> bool:
        in_use = (self.plain.of("test", _TIMES[-1]) > 0.5).mean()
        likely = {"empty": in_use <= 0.6, "in use": in_use >= 0.4}
        return bool(likely.get(str(self.given["padding"]), False))

    def picture(self) -> Picture | None:
        """The accuracies: a row for each model, a column for each time."""
        yours = [one.reported for one in self.trained]
        right = [one.accuracies() for one in self.trained]
        near = np.abs(np.subtract(yours, right)) <= _TOLERANCE
        return Compared(np.array(yours), np.where(near, yours, right)).picture(reveal=False)


def _handed_in(entry: Any, with_mask: bool) -> Iterator[_Trained]:
    """The model and the accuracies of an entry of the report, if it has both."""
    import keras

    pair = list(entry) if isinstance(entry, tuple | list) else []
    if len(pair) == 2 and isinstance(pair[0], keras.Model):
        shares = numbers(pair[1])
        if shares.shape == (len(_TIMES),):
            trained = _Trained(pair[0], shares, trying(_ask, pair[0], with_mask, _ALWAYS))
            if not isinstance(trained.answers, Raised) and not trained.is_measured():
                answers = _ask(pair[0], with_mask, _batches(_LONGEST))
                trained = replace(trained, answers=answers)
            yield trained


def _report(answer: Any) -> _Report:
    if answer is None:
        raise DiagnosedError("returns-nothing")
    if not isinstance(answer, dict) or not {"plain", "masked", "padding"} <= set(answer):
        return _Report(answer, ())
    plain, masked = (
        (*_handed_in(answer[name], with_mask),)
        for name, with_mask in (("plain", False), ("masked", True))
    )
    takes_mask = any(
        isinstance(one.answers, Raised)
        and not isinstance(trying(_ask, one.model, True, _ALWAYS), Raised)
        for one in plain
    )
    return _Report(answer, plain + masked, takes_mask)


def _holds_history(seen: _Report) -> bool:
    return any(hasattr(seen.given[name][0], "history") for name in ("plain", "masked"))


def _measured_with(mask: str) -> Callable[[_Report], bool]:
    """Whether another mask gives the numbers that are reported of `masked`."""
    return lambda seen: (
        not seen.masked.is_measured() and seen.masked.reports(seen.masked.accuracies(mask))
    )


_OTHER_MASKS = (
    Mistake(
        "lost-is-read",
        "The numbers of `masked` come from a mask that is True within the length of a room, even "
        "where a message was lost. There the model reads your 0 as a minute without movement.",
        _measured_with("lost-is-read"),
    ),
    Mistake(
        "padding-is-read",
        "The numbers of `masked` come from a mask that is False only where there was `nan`. The "
        "padding is not `nan`, so it is read.",
        _measured_with("padding-is-read"),
    ),
    Mistake(
        "zero-is-lost",
        "The numbers of `masked` come from a mask that is True only where somebody moved. A 0 "
        "that arrived is also a reading: nobody moved.",
        _measured_with("zero-is-lost"),
    ),
    Mistake(
        "hides-what-arrived",
        "The numbers of `masked` come from a mask that is False where a reading arrived, and True "
        "elsewhere. Swap the two: True marks a timestep to read.",
        _measured_with("hides-what-arrived"),
    ),
)

_TRAIN_WITH_A_MASK = Question(
    name="train-with-a-mask",
    title="Train with a mask and without",
    minutes=20,
    kind="value",
    observe=_report,
    conditions=(
        Condition(
            "wrong-form",
            'The report is not a dict with `"plain"`, `"masked"` and `"padding"`, in which the '
            "first two hold a model and a list of four numbers each.",
            _Report.is_two_models,
            Mistake(
                "history-for-model",
                "Where a model belongs there is what `fit` returned. `fit` changes the model "
                "itself, and returns the history of its training.",
                _holds_history,
            ),
            Mistake(
                "one-model",
                "Both entries hold the same model. Build two: one without a mask, one with it.",
                lambda seen: len(seen.trained) == 2,
            ),
        ),
        Condition(
            "cannot-be-asked",
            "`plain` should take readings, `masked` the list `[readings, mask]`, with any number "
            "of timesteps. Both should give one number between 0 and 1 for each room.",
            _Report.answers_are_shares,
            Mistake(
                "plain-takes-mask",
                "The model in `plain` does not run without a mask. Are the two models swapped?",
                lambda seen: seen.plain_takes_mask,
            ),
            Mistake(
                "answers-nan",
                "A model answers `nan`. One `nan` among the readings of the training is enough to "
                "turn all its weights into `nan`. Build it again, and train it without `nan`.",
                lambda seen: any(np.isnan(one.of("test")).any() for one in seen.trained),
            ),
        ),
        Condition(
            "reads-masked-steps",
            "The answers of `masked` change with the values where the mask is False, so it reads "
            "these timesteps. A layer does not skip timesteps just because the mask is an input "
            "of the model.",
            lambda seen: seen.masked.keeps_to_mask(),
            Mistake(
                "inputs-swapped",
                "`masked` takes the mask first. Make it take `[readings, mask]`, in this order.",
                lambda seen: [len(one.shape) for one in seen.masked.model.inputs] == [2, 3],
            ),
            Mistake(
                "mask-not-used",
                "`masked` gives the same answers whatever the mask. Which of its layers could use "
                "the mask, and does it get it?",
                lambda seen: seen.masked.ignores_mask(),
            ),
            Mistake(
                "inverted",
                "`masked` reads where the mask is False, and skips where it is True.",
                lambda seen: seen.masked.moves("turned") <= _MOST_MOVE,
            ),
        ),
        Condition(
            "plain-untrained",
            "On rooms that it was not trained with, `plain` is hardly better than a guess. Train "
            "it on `train`, with the right answers for these rooms.",
            lambda seen: seen.plain.accuracies("hidden")[0] >= _LEAST_PLAIN,
        ),
        Condition(
            "masked-untrained",
            "On rooms that it was not trained with, and with their right mask, `masked` is wrong "
            "too often. Was it trained long enough, and was the mask of the training right?",
            lambda seen: seen.masked.accuracies("hidden")[0] >= _LEAST_MASKED,
            *_OTHER_MASKS,
        ),
        Condition(
            "plain-skips-padding",
            "The answers of `plain` stay the same with more padding. It should read everything, "
            "without a mask, so that the two can be compared.",
            lambda seen: seen.plain.moves("hidden", _TIMES[-1]) >= _LEAST_MOVE,
        ),
        Condition(
            "wrong-numbers",
            "The models are good, but on the test rooms their accuracies are not those that you "
            "report. Have they been trained since you measured? Then measure again.",
            _Report.is_measured,
            Mistake(
                "percent",
                "The accuracies are right, but in percent. Report shares between 0 and 1.",
                lambda seen: seen.says(_Trained.accuracies, unit=100),
            ),
            Mistake(
                "loss-for-accuracy",
                "You report losses. `evaluate` returns the loss first, and then the accuracy.",
                lambda seen: seen.says(_Trained.losses),
            ),
            Mistake(
                "training-rooms",
                "You report accuracies on the training rooms. Measure with rooms that the models "
                "have not seen: the test rooms.",
                lambda seen: seen.says(lambda one: one.accuracies("train")),
            ),
            Mistake(
                "never-padded",
                "You report the same number four times: that of the shortest padding. Is `time` "
                "passed to `draw`?",
                lambda seen: seen.says(lambda one: one.accuracies()[[0] * len(_TIMES)]),
            ),
            *_OTHER_MASKS,
            picture=_Report.picture,
        ),
        Condition(
            "wrong-conclusion",
            "The numbers are right, but not the word for padding. Print what `plain` answers with "
            "the longest padding: are most of the answers near 1, or near 0?",
            _Report.concludes,
            Mistake(
                "neither-word",
                'The numbers are right. For `"padding"`, choose one of `"empty"` and `"in use"`.',
                lambda seen: seen.given["padding"] not in ("empty", "in use"),
            ),
        ),
    ),
    hints=(
        Hint(
            "A timestep should be read if two things hold: it lies within the length of its "
            "room, and it is not `nan`. The lesson combines two masks where readings are missing.",
            "masked-untrained",
            "lost-is-read",
            "padding-is-read",
            "zero-is-lost",
            "hides-what-arrived",
            "answers-nan",
        ),
        Hint(
            'A model gets a mask as it gets readings: by a `keras.Input((None,), dtype="bool")`. '
            "The lesson shows how an LSTM takes it by hand.",
            "cannot-be-asked",
            "reads-masked-steps",
            "inputs-swapped",
            "mask-not-used",
            "plain-skips-padding",
            "plain-takes-mask",
        ),
        Hint(
            "Train each model with what it takes: `plain` with the readings, `masked` with the "
            "list of both. Then keep the model, not what `fit` returns.",
            "plain-untrained",
            "history-for-model",
            "one-model",
            "wrong-form",
        ),
        Hint(
            "Write a function that makes readings and mask of series and lengths. You need it "
            "for training and for each length of the test: `evaluate` takes what `fit` takes, "
            "and its second number is the accuracy.",
            "wrong-numbers",
            "percent",
            "loss-for-accuracy",
            "training-rooms",
            "never-padded",
        ),
        Hint(
            "Call `plain` on the test rooms with the longest padding, and count the answers "
            "above 0.5. What do 1 and 0 mean in `in_use`?",
            "wrong-conclusion",
            "neither-word",
        ),
    ),
    why=(
        "Lost readings and the padding after a series are 0, as if nobody moved. `plain` cannot "
        "tell, so a room in use that loses messages looks empty, and with enough padding every "
        "room does. `masked` reads only what arrived, and padding does not reach it."
    ),
)

QUESTIONS = (_MASK_FROM_LENGTHS, _CLEAN_READINGS, _TRAIN_WITH_A_MASK)
