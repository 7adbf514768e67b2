"""Questions on layers that make masks: which mask, what is left of it, which value to mask."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens.drawing.picture import Picture, picture_of
from masklens.drawing.table import Cell, Table, numbered, table_element
from masklens_course.answer import call, numbers, same
from masklens_course.checks import Condition, Mistake, Question
from masklens_course.comparison import Compared, cell_of
from masklens_course.mistakes import INVERTED, NOT_BOOLEAN, THIRD_AXIS, WRONG_SHAPE

_IDS = np.array([[4, 8, 0, 0], [0, 0, 7, 3], [5, 0, 9, 2], [0, 0, 0, 0]])


@dataclass(frozen=True)
class _Predicted(Compared):
    """The mask that the learner has written down, and the one that the layer makes."""

    def row(self, number: int) -> Any:
        return self.yours[number] if self.yours.shape == self.right.shape else self.yours


def _embedding(features: int) -> Any:
    import keras

    seeded = keras.initializers.RandomUniform(-1, 1, seed=1)
    layer = keras.layers.Embedding(20, features, mask_zero=True, embeddings_initializer=seeded)
    layer.build()
    return layer


_PREDICT_MASK = Question(
    name="predict-mask",
    title="Predict a mask",
    minutes=5,
    kind="value",
    observe=lambda answer: _Predicted(
        numbers(answer), np.asarray(_embedding(2).compute_mask(_IDS))
    ),
    conditions=(
        Condition(
            "wrong-mask",
            "This is not the mask of the layer. Compare each id with 0, one by one.",
            Compared.is_right,
            WRONG_SHAPE,
            NOT_BOOLEAN,
            INVERTED,
            Mistake(
                "counts-the-ids",
                "You have counted the ids of each row and put as many True in front. A mask is no "
                "number of tokens: it says of each place whether it is read.",
                lambda seen: seen.is_like(-np.sort(-(_IDS != 0).astype(int)) == 1),
            ),
            Mistake(
                "ends-at-the-first-zero",
                "Your row stops at the first 0, but tokens follow it. Does the layer look at an "
                "id's neighbours?",
                lambda seen: same(seen.row(2), [True, False, False, False]),
            ),
            Mistake(
                "reads-the-gap",
                "You read the 0 between two tokens. The layer cannot know that somebody meant a "
                "word by it.",
                lambda seen: same(seen.row(2), [True, True, True, True]),
            ),
            Mistake(
                "reads-the-empty-row",
                "There is a True in the row that has no token. Nothing there can be read.",
                lambda seen: bool(seen.row(3).any()),
            ),
            picture=lambda seen: seen.picture(reveal=False),
        ),
    ),
    hints=(
        "The layer asks one question of each id, and it does not look at the ids beside it.",
        "The question is: does the id differ from 0? If so, the mask is True there.",
    ),
    why=(
        "The mask is `ids != 0`, place by place, wherever the zeros stand. So a word with the id "
        "0 is skipped like padding, and an empty row has no True at all."
    ),
)

# Padding on both sides, so that no count of tokens stands in for the mask.
_TEXTS = np.array([[3, 5, 2, 0, 0], [1, 7, 9, 4, 2], [0, 0, 8, 6, 2]])
_SCALE = 3.0


@dataclass(frozen=True)
class _Prepared:
    """The vectors and the mask that the learner has prepared; no mask if it is no pair."""

    pair: bool
    vectors: Compared
    mask: Compared

    def mask_like(self, mask: NDArray[np.bool_]) -> bool:
        return Compared(self.mask.yours, mask).is_right()


def _embedded() -> NDArray[Any]:
    return np.asarray(_embedding(4)(_TEXTS)) * _SCALE


def _observe_prepared(answer: Any) -> _Prepared:
    result = call(answer, _TEXTS, _embedding(4), _SCALE)
    vectors, mask = result if _is_pair(result) else (result, None)
    yours = numbers(vectors), None if mask is None else numbers(mask)
    right = _embedded()[:, 1:], _TEXTS[:, 1:] != 0
    return _Prepared(_is_pair(result), *map(Compared, yours, right))


def _is_pair(result: Any) -> bool:
    return isinstance(result, tuple | list) and len(result) == 2


_KEEP_THE_MASK = Question(
    name="keep-the-mask",
    title="Keep the mask",
    minutes=10,
    kind="function",
    observe=_observe_prepared,
    conditions=(
        Condition(
            "wrong-vectors",
            "The vectors are not the ones of the `Embedding` without the first timestep, times "
            "`scale`.",
            lambda seen: seen.pair and seen.vectors.is_right(),
            Mistake(
                "not-a-pair",
                "It does not give two things. End it with `return vectors, mask`.",
                lambda seen: not seen.pair,
            ),
            Mistake(
                "keeps-the-first",
                "All timesteps are still there. Leave out the first.",
                lambda seen: seen.vectors.is_like(_embedded()),
            ),
            Mistake(
                "drops-the-last",
                "You leave out the last timestep instead of the first.",
                lambda seen: seen.vectors.is_like(_embedded()[:, :-1]),
            ),
        ),
        Condition(
            "wrong-mask",
            "The vectors are right, but the mask does not belong to them.",
            lambda seen: seen.mask.is_right(),
            Mistake(
                "mask-left-behind",
                "The mask is None. Slicing and `*` made new tensors, and nobody tied a mask to "
                "them. Where was there still one?",
                lambda seen: seen.mask.yours is None,
            ),
            Mistake(
                "mask-not-sliced",
                "The mask is right for all timesteps, but the vectors have one less. What you do "
                "to the time axis of a tensor, do to its mask.",
                lambda seen: seen.mask_like(_TEXTS != 0),
            ),
            Mistake(
                "sliced-at-the-end",
                "The mask has the right length, but lacks the last timestep instead of the first. "
                "Now it is one timestep late.",
                lambda seen: seen.mask_like(_TEXTS[:, :-1] != 0),
            ),
            Mistake(
                "asks-the-vectors",
                "The mask is True everywhere. From the vectors you cannot tell what is padding: "
                "that of id 0 is not zero. From what can you?",
                lambda seen: seen.mask_like(np.ones_like(seen.mask.right)),
            ),
            THIRD_AXIS.of("mask"),
            NOT_BOOLEAN.of("mask"),
            INVERTED.of("mask"),
            picture=lambda seen: seen.mask.picture(),
        ),
    ),
    hints=(
        "Ask for the mask before you slice and multiply. Which layer makes it?",
        "`embedding.compute_mask(ids)` gives the mask of the ids that you hand over.",
        "Leave out the first timestep of the ids, before the `Embedding` sees them.",
    ),
    why=(
        "The shortened ids give shortened vectors and a shortened mask, so the two always fit. "
        "The mask is asked for by name, since `* scale` makes a tensor without one."
    ),
)

_Series = list[list[list[float]]]
_READINGS: _Series = [
    [[0.0, 0.0], [2.5, -1.0]],
    [[-1.2, -1.2], [0.0, 3.2], [4.1, 4.1]],
    [[1.5, 0.0]],
]


@dataclass(frozen=True)
class _Padded:
    """What the learner has made of a batch of series, and which timesteps `Masking` then reads."""

    series: _Series
    pair: bool
    padded: NDArray[Any]
    value: float
    mask: NDArray[np.bool_] | None

    @property
    def right_mask(self) -> NDArray[np.bool_]:
        lengths = np.array([[len(row)] for row in self.series])
        return np.asarray(np.arange(lengths.max()) < lengths)

    @property
    def padding(self) -> NDArray[Any]:
        return np.asarray(self.padded[~self.right_mask])

    def keeps(self, change: Callable[[NDArray[Any]], NDArray[Any]] = np.asarray) -> bool:
        readings = change(np.array([step for row in self.series for step in row]))
        shape = (*self.right_mask.shape, readings.shape[1])
        return self.padded.shape == shape and same(self.padded[self.right_mask], readings)

    def holds_value_only(self) -> bool:
        found = self.masks_padding() or not self.padding.size
        return not found and same(self.padding, np.full(self.padding.shape, self.value))

    def masks_padding(self) -> bool:
        return self.mask is not None and not self.mask[~self.right_mask].any()

    def reads_readings(self) -> bool:
        return self.mask is not None and bool(self.mask[self.right_mask].all())

    def takes_a_reading(self) -> bool:
        readings = np.concatenate([np.ravel(row) for row in self.series])
        return bool(np.isclose(self.value, [readings.min(), readings.max()]).any())

    def picture(self) -> Picture | None:
        """The features of each timestep, and what `Masking` says of it."""
        if self.mask is None:
            return None
        head = ("", *map(str, range(self.mask.shape[1])))
        steps = [[_features(step) for step in row] for row in self.padded]
        wrong = zip(self.mask, self.mask != self.right_mask, strict=True)
        reads = [list(map(cell_of, *row)) for row in wrong]
        masking = f"Masking(mask_value={self.value:.4g})"
        return picture_of(
            table_element(Table("padded", head, numbered(steps), code=True)),
            table_element(Table(masking, head, numbered(reads), code=True)),
        )


def _features(step: NDArray[Any]) -> Cell:
    return Cell("token", ", ".join(f"{feature:.4g}" for feature in step))


def _observe_padded(answer: Any) -> tuple[_Padded, ...]:
    first = _padded(answer, _READINGS)
    # Whatever value was chosen for the first batch is a reading in the second.
    taken = first.value if np.isfinite(first.value) else 0.0
    return first, _padded(answer, [[[0.5, taken, 2.0]], [[1.0, 0.0, 7.5], [taken] * 3]])


def _padded(answer: Any, series: _Series) -> _Padded:
    import keras

    result = call(answer, series)
    pair = _is_pair(result) and np.size(numbers(result[1])) == 1
    padded = numbers(result[0] if _is_pair(result) else result)
    value = float(numbers(result[1]).ravel()[0]) if pair else 0.0
    seen = _Padded(series, pair, padded, value, None)
    if padded.shape[:2] != seen.right_mask.shape or padded.ndim != 3:
        return seen
    # A number of NumPy is handed on as it is: Keras compares it in its own precision.
    handed = result[1] if pair and isinstance(result[1], np.generic) else value
    steps = keras.layers.Masking(mask_value=handed).compute_mask(padded.astype("float32"))
    return _Padded(series, pair, padded, value, np.asarray(steps))


def _in_some(test: Callable[[_Padded], bool]) -> Callable[[tuple[_Padded, ...]], bool]:
    return lambda batches: any(map(test, batches))


def _in_all(test: Callable[[_Padded], bool]) -> Callable[[tuple[_Padded, ...]], bool]:
    return lambda batches: all(map(test, batches))


def _first_wrong(batches: tuple[_Padded, ...]) -> Picture | None:
    wrong = (seen for seen in batches if not same(seen.mask, seen.right_mask))
    return next((seen.picture() for seen in wrong), None)


_CHOOSE_MASK_VALUE = Question(
    name="choose-mask-value",
    title="Choose a value to mask",
    minutes=15,
    kind="function",
    observe=_observe_padded,
    conditions=(
        Condition(
            "changes-readings",
            "The readings are not all where they were, with the padding behind them.",
            _in_all(lambda seen: seen.pair and seen.keeps()),
            Mistake(
                "not-a-pair",
                "It does not give the array and one number. End it with `return padded, value`.",
                _in_some(lambda seen: not seen.pair),
            ),
            Mistake(
                "loses-decimals",
                "The decimals are gone: 2.5 has become 2. Which dtype is the default?",
                _in_all(lambda seen: seen.keeps(np.trunc)),
            ),
        ),
        Condition(
            "reads-padding",
            "`Masking` does not find your padding. It compares with `value`: is that what stands "
            "in the padded timesteps?",
            _in_all(_Padded.masks_padding),
            Mistake(
                "pads-with-nan",
                "NaN is equal to nothing, not even to itself. So `Masking` finds no timestep of "
                "it, and the next layer computes with NaN.",
                _in_some(lambda seen: bool(np.isnan(seen.value))),
            ),
            Mistake(
                "number-of-64-bits",
                "Your padding and your value look the same, but the value is a number of NumPy "
                "with 64 bits, and `Masking` reads arrays with 32 bits. Rounded to 32 bits it is "
                "another number. Return it as `float(value)`.",
                _in_some(_Padded.holds_value_only),
            ),
            Mistake(
                "marks-one-feature",
                "Only some features of a padded timestep hold your value. How many have to match, "
                "so that `Masking` masks a timestep?",
                _in_some(lambda seen: bool(np.isclose(seen.padding, seen.value).any())),
            ),
            picture=_first_wrong,
        ),
        Condition(
            "skips-a-reading",
            "A timestep that was measured is skipped: all its features equal your value. Any "
            "number may be a reading, so look at the series before you choose one.",
            _in_all(_Padded.reads_readings),
            Mistake(
                "zero-is-a-reading",
                "You mask 0, but there is a timestep of nothing but zeros that was measured. It "
                "is skipped.",
                _in_all(lambda seen: seen.value == 0),
            ),
            Mistake(
                "takes-a-reading",
                "Your value is the lowest or the highest reading. A timestep that holds nothing "
                "else is skipped: go beyond it.",
                _in_all(_Padded.takes_a_reading),
            ),
            picture=_first_wrong,
        ),
    ),
    hints=(
        "No number that you know beforehand is safe. Which ones do the series not hold?",
        "A number above the highest reading is no reading.",
        "Compute the value, and hand it to `ml.pad` as `value`, with `dtype` and `padding` as for "
        "the sensor of lesson 01.",
    ),
    why=(
        "What is higher than the highest reading is no reading, so `Masking` finds it in the "
        "padding only, and there in all features."
    ),
)

QUESTIONS = (_PREDICT_MASK, _KEEP_THE_MASK, _CHOOSE_MASK_VALUE)
