"""Questions on layers that make masks: which mask, what is left of it, which value to mask."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens.drawing.picture import Picture, picture_of
from masklens.drawing.table import Cell, Table, numbered, table_element
from masklens.tracing.calls import Mask
from masklens_course.answer import call, numbers, same
from masklens_course.checks import Question
from masklens_course.comparison import Compared, cell_of
from masklens_course.conditions import Case, Condition, Hint, Mistake
from masklens_course.mistakes import INVERTED, NOT_BOOLEAN, THIRD_AXIS, WRONG_SHAPE

_IDS = np.array([[4, 8, 0, 0], [0, 0, 7, 3], [5, 0, 9, 2], [0, 0, 0, 0]])

_PREDICT_MASK = Question(
    name="predict-mask",
    title="Predict a mask",
    minutes=5,
    kind="value",
    right=lambda: _IDS != 0,
    conditions=(
        Condition(
            "wrong-mask",
            "This is not the mask of the layer. Compare each id with 0, one by one.",
            Compared.is_right,
            WRONG_SHAPE,
            INVERTED,
            Mistake(
                "counts-the-ids",
                "You have counted the ids of each row and put as many True in front. A mask is "
                "not a count of tokens: it says of each place whether it is read.",
                lambda seen: seen.is_like(-np.sort(-(_IDS != 0).astype(int)) == 1),
            ),
            Mistake(
                "ends-at-the-first-zero",
                "Your row stops at the first 0, but tokens follow it. Does the layer look at an "
                "id's neighbours?",
                lambda seen: same(seen.yours[2], [True, False, False, False]),
            ),
            Mistake(
                "reads-the-gap",
                "You read the 0 between two tokens. The layer cannot know that somebody meant a "
                "word by it.",
                lambda seen: same(seen.yours[2], [True, True, True, True]),
            ),
            Mistake(
                "reads-the-empty-row",
                "There is a True in the row that has no token. Nothing there can be read.",
                lambda seen: bool(seen.yours[3].any()),
            ),
        ),
    ),
    hints=(
        Hint(
            "The layer asks one question of each id, and it does not look at the ids beside it.",
            "wrong-mask",
            "counts-the-ids",
            "ends-at-the-first-zero",
        ),
        Hint(
            "The question is whether the id differs from 0, whatever somebody meant by that 0.",
            "reads-the-gap",
            "reads-the-empty-row",
        ),
    ),
    why=(
        "The mask is `ids != 0`, place by place, wherever the zeros are. So a word with the id 0 "
        "is skipped like padding, and an empty row has no True at all."
    ),
)


def _embedding(size: int, features: int) -> Any:
    import keras

    seeded = keras.initializers.RandomUniform(-1, 1, seed=1)
    options = {"mask_zero": True, "embeddings_initializer": seeded, "name": "words"}
    layer = keras.layers.Embedding(size, features, **options)
    layer.build()
    return layer


def _texts(random: np.random.Generator) -> Iterator[Case]:
    texts = [[5, 6, 2, 7, 0, 0], [0, 0, 0, 7, 2, 4], [3, 4, 8, 9, 2, 6]]
    yield np.array(texts), _embedding(10, 2), 3.0
    time = int(random.integers(7, 9))
    lengths = random.integers(2, time, (2, 1))
    ids = random.integers(1, 20, (2, time)) * (np.arange(time) < lengths)
    yield ids, _embedding(20, 4), 1.5
    yield np.array([[0, 5]]), _embedding(6, 1), 0.5  # one timestep is left
    yield np.array([[0, 0, 0], [4, 0, 3]]), _embedding(6, 2), 2
    yield random.integers(250, 300, (2, 3)), _embedding(300, 3), 2.0
    yield np.array([[0, 4, 2, 3], [1, 1, 0, 0]]), _embedding(5, 2), -1.5


def _embedded(ids: NDArray[Any], embedding: Any, scale: float) -> NDArray[Any]:
    (table,) = embedding.get_weights()
    return np.asarray(table[ids] * scale)


def _shortened(ids: NDArray[Any], embedding: Any, scale: float) -> tuple[NDArray[Any], Mask]:
    return _embedded(ids, embedding, scale)[:, 1:], np.asarray(ids[:, 1:] != 0)


@dataclass(frozen=True)
class _Prepared:
    """The vectors and the mask that the learner has prepared; no mask if it is no pair."""

    case: Case
    pair: bool
    vectors: Compared
    mask: Compared

    @property
    def ids(self) -> NDArray[Any]:
        return np.asarray(self.case[0])

    @property
    def yours(self) -> tuple[Any, Any]:
        return self.vectors.yours, self.mask.yours

    @property
    def right(self) -> tuple[Any, Any]:
        return self.vectors.right, self.mask.right

    def mask_like(self, mask: Mask) -> bool:
        return Compared(self.mask.yours, mask).is_right()


def _prepared(answer: Any, *case: Any) -> _Prepared:
    right = _shortened(*case)
    result = call(answer, *case)
    vectors, mask = result if _is_pair(result) else (result, None)
    yours = numbers(vectors), None if mask is None else numbers(mask)
    return _Prepared(case, _is_pair(result), *map(Compared, yours, right))


def _is_pair(result: Any) -> bool:
    return isinstance(result, tuple | list) and len(result) == 2


_KEEP_THE_MASK = Question(
    name="keep-the-mask",
    title="Keep the mask",
    minutes=10,
    kind="function",
    cases=_texts,
    right=_shortened,
    observe=_prepared,
    conditions=(
        Condition(
            "wrong-vectors",
            "The vectors are not the ones of the `Embedding` without the first timestep, times "
            "`scale`.",
            lambda seen: seen.pair and seen.vectors.is_right(),
            Mistake(
                "not-a-pair",
                "It does not return two things. End it with `return vectors, mask`.",
                lambda seen: not seen.pair,
            ),
            Mistake(
                "keeps-the-first",
                "All timesteps are still there. Leave out the first.",
                lambda seen: seen.vectors.is_like(_embedded(*seen.case)),
            ),
            Mistake(
                "drops-the-last",
                "You leave out the last timestep instead of the first.",
                lambda seen: seen.vectors.is_like(_embedded(*seen.case)[:, :-1]),
            ),
            picture=lambda seen: seen.vectors.picture(),
        ),
        Condition(
            "wrong-mask",
            "The vectors are right, but the mask does not belong to them.",
            lambda seen: seen.mask.is_right(),
            Mistake(
                "mask-left-behind",
                "The mask is None. Slicing and `*` made new tensors, and nothing attached a mask "
                "to them. Where was there still one?",
                lambda seen: seen.mask.yours is None,
            ),
            Mistake(
                "mask-not-sliced",
                "The mask is right for all timesteps, but the vectors have one less. Whatever "
                "you do to the time axis of a tensor, do to its mask.",
                lambda seen: seen.mask_like(seen.ids != 0),
            ),
            Mistake(
                "sliced-at-the-end",
                "The mask has the right length, but lacks the last timestep instead of the first. "
                "Now it is one timestep late.",
                lambda seen: seen.mask_like(seen.ids[:, :-1] != 0),
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
        Hint(
            "Ask for the mask before you slice and multiply. Which layer makes it?",
            "mask-left-behind",
            "asks-the-vectors",
            "not-a-pair",
        ),
        Hint(
            "`[:, 1:]` and `[:, :-1]` are both one timestep shorter. Which of the two still "
            "holds the first?",
            "wrong-vectors",
            "keeps-the-first",
            "drops-the-last",
            "sliced-at-the-end",
        ),
        Hint(
            "`embedding.compute_mask(ids)` gives the mask of the ids that you pass. Which ids "
            "belong to your vectors?",
            "wrong-mask",
            "mask-not-sliced",
        ),
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


def _readings(random: np.random.Generator) -> Iterator[Case]:
    def series(*lengths: int, features: int) -> _Series:
        return [random.normal(0, 30, (time, features)).round(1).tolist() for time in lengths]

    large = 2.0**30  # to it, 32 bits cannot add 1
    yield (_READINGS,)
    yield (series(2, 4, 1, features=3),)
    yield ([[[1.0]], random.uniform(-1, 1, (5, 1)).round(1).tolist()],)
    yield ([[[0.0, 0.0]]],)
    yield ([[[-3.5], [-1.0]], [[-2.0]]],)
    yield (series(2, 2, features=2),)  # nothing to pad
    yield ([[[large, large], [0.5, 1.0]], [[-large, -large]]],)


def _padded_below(series: _Series) -> tuple[NDArray[Any], float]:
    value = -2 * max(abs(reading) for row in series for step in row for reading in step) - 1
    longest, filler = max(map(len, series)), [value] * len(series[0][0])
    return np.array([[*row, *[filler] * (longest - len(row))] for row in series]), value


@dataclass(frozen=True)
class _Padded:
    """What the learner has made of a batch of series, and which timesteps `Masking` then reads."""

    series: _Series
    pair: bool
    padded: NDArray[Any]
    value: float
    mask: Mask | None

    @property
    def case(self) -> Case:
        return (self.series,)

    @property
    def yours(self) -> tuple[NDArray[Any], float]:
        return self.padded, self.value

    @property
    def right(self) -> tuple[NDArray[Any], float]:
        return _padded_below(self.series)

    @property
    def right_mask(self) -> Mask:
        lengths = np.array([[len(row)] for row in self.series])
        return np.asarray(np.arange(lengths.max()) < lengths)

    @property
    def readings(self) -> NDArray[Any]:
        return np.array([step for row in self.series for step in row], dtype=float)

    @property
    def padding(self) -> NDArray[Any]:
        return np.asarray(self.padded[~self.right_mask])

    def keeps(self, change: Callable[[NDArray[Any]], NDArray[Any]] = np.asarray) -> bool:
        readings = change(self.readings)
        shape = (*self.right_mask.shape, readings.shape[1])
        return self.padded.shape == shape and same(self.padded[self.right_mask], readings)

    def holds_value_only(self) -> bool:
        return same(self.padding, np.full(self.padding.shape, self.value))

    def masks_padding(self) -> bool:
        found = self.mask is not None and not self.mask[~self.right_mask].any()
        return found and bool(np.isfinite(self.value))

    def reads_readings(self) -> bool:
        return self.mask is not None and bool(self.mask[self.right_mask].all())

    def is_right(self) -> bool:
        found = self.pair and self.keeps() and self.masks_padding() and self.reads_readings()
        return bool(found)

    def is_within_readings(self) -> bool:
        return bool(self.readings.min() <= self.value <= self.readings.max())

    def picture(self) -> Picture | None:
        """The features of each timestep, and what `Masking` says of it."""
        if self.mask is None:
            return None
        head = ("", *map(str, range(self.mask.shape[1])))
        steps = [[_features(step) for step in row] for row in self.padded]
        wrong = zip(self.mask, self.mask != self.right_mask, strict=True)
        reads = [list(map(cell_of, *row)) for row in wrong]
        masking = f"Masking(mask_value={self.value:.10g})"
        return picture_of(
            table_element(Table("padded", head, numbered(steps), code=True)),
            table_element(Table(masking, head, numbered(reads), code=True)),
        )


def _features(step: NDArray[Any]) -> Cell:
    return Cell("token", ", ".join(f"{feature:.4g}" for feature in step))


def _chosen(answer: Any, series: _Series) -> _Padded:
    first = _padded(answer, series)
    if series == _READINGS or not first.is_right():
        return first
    # Whatever value was chosen, it may be a reading of the next batch.
    return _padded(answer, [[*series[0], [first.value] * len(series[0][0])], *series[1:]])


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
    return replace(seen, mask=np.asarray(steps))


_CHOOSE_MASK_VALUE = Question(
    name="choose-mask-value",
    title="Choose a value to mask",
    minutes=15,
    kind="function",
    cases=_readings,
    right=_padded_below,
    observe=_chosen,
    conditions=(
        Condition(
            "changes-readings",
            "The readings are not all where they were, followed by the padding.",
            lambda seen: seen.pair and seen.keeps(),
            Mistake(
                "not-a-pair",
                "It does not return the array and one number. End it with `return padded, value`.",
                lambda seen: not seen.pair,
            ),
            Mistake(
                "loses-decimals",
                "The decimals are gone: 2.5 has become 2. Which dtype is the default?",
                lambda seen: seen.keeps(np.trunc),
            ),
        ),
        Condition(
            "reads-padding",
            "`Masking` does not find your padding. It compares with `value`: is that what the "
            "padded timesteps hold?",
            _Padded.masks_padding,
            Mistake(
                "pads-with-nan",
                "NaN is equal to nothing, not even to itself. So `Masking` does not find a "
                "timestep of NaN, and the next layer computes with it.",
                lambda seen: bool(np.isnan(seen.value)),
            ),
            Mistake(
                "pads-with-inf",
                "`inf` is no number to compute with: 0 times `inf` is `nan`. Choose a finite "
                "number.",
                lambda seen: bool(np.isinf(seen.value)),
            ),
            Mistake(
                "number-of-64-bits",
                "Your padding and your value look the same, but the value is a 64-bit number of "
                "NumPy, and `Masking` reads 32-bit arrays. Rounded to 32 bits it is another "
                "number. Return it as `float(value)`.",
                _Padded.holds_value_only,
            ),
            Mistake(
                "marks-one-feature",
                "Only some features of a padded timestep hold your value. How many have to match, "
                "so that `Masking` masks a timestep?",
                lambda seen: bool(np.isclose(seen.padding, seen.value).any()),
            ),
            picture=_Padded.picture,
        ),
        Condition(
            "skips-a-reading",
            "A timestep that was measured is skipped. `Masking` compares in 32 bits, in which all "
            "its features equal your value: from 16,777,216 on, 1 more or less is lost. Go further "
            "beyond the readings.",
            _Padded.reads_readings,
            Mistake(
                "zero-is-a-reading",
                "You mask 0, but there is a timestep of nothing but zeros that was measured. It "
                "is skipped.",
                lambda seen: seen.value == 0,
            ),
            Mistake(
                "takes-a-reading",
                "Your value is one of the readings, and a timestep that holds nothing else is "
                "skipped. Look at the series, and go beyond the lowest or the highest reading.",
                _Padded.is_within_readings,
            ),
            picture=_Padded.picture,
        ),
    ),
    hints=(
        Hint(
            "No number that you know beforehand is safe. Which ones do the series not hold?",
            "zero-is-a-reading",
            "takes-a-reading",
        ),
        Hint(
            "By default, `ml.pad` makes whole numbers and pads in front.",
            "changes-readings",
            "loses-decimals",
            "not-a-pair",
        ),
        Hint(
            "Pad one series, and call "
            "`keras.layers.Masking(mask_value=value).compute_mask(padded)`. Where is it True, "
            "and where False?",
            "reads-padding",
            "pads-with-nan",
            "pads-with-inf",
            "number-of-64-bits",
            "marks-one-feature",
        ),
        Hint(
            "A number above the highest reading is not a reading. But is `highest + 1` above it "
            "in 32 bits?",
            "skips-a-reading",
        ),
        Hint(
            "Doubling goes far beyond a large number, adding 1 beyond a small one. And what goes "
            "beyond a negative one?"
        ),
    ),
    why=(
        "A number larger than every reading is not a reading, so `Masking` finds it in the "
        "padding only, and there in all features. Adding 1 is not enough in 32 bits where "
        "readings are large, nor is doubling where they are 0."
    ),
)

QUESTIONS = (_PREDICT_MASK, _KEEP_THE_MASK, _CHOOSE_MASK_VALUE)
