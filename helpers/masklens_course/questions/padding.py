"""Questions on padding: where padding stands, what is cut, and what a fast LSTM asks for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens.drawing.picture import Picture
from masklens_course.answer import call, numbers, same
from masklens_course.checks import Condition, Mistake, Question
from masklens_course.comparison import Compared
from masklens_course.mistakes import WRONG_SHAPE


def _padded(sequences: list[Any], **options: Any) -> NDArray[Any]:
    # Not `ml.pad`: what the learner may use must not say what is right, and it may warn.
    import keras

    return np.asarray(keras.utils.pad_sequences(sequences, **options))


_SENTENCES = [[4, 8], [15, 16, 23, 42], [7]]


def _sentences(padding: str, truncating: str) -> NDArray[Any]:
    return _padded(_SENTENCES, maxlen=3, padding=padding, truncating=truncating)


_PAD_BY_HAND = Question(
    name="pad-by-hand",
    title="Pad by hand",
    minutes=5,
    kind="value",
    observe=lambda answer: Compared(numbers(answer), _sentences("post", "pre")),
    conditions=(
        Condition(
            "wrong-ids",
            "These are not the ids that `pad` gives. Go through the sentences one by one.",
            Compared.is_right,
            WRONG_SHAPE,
            Mistake(
                "pads-in-front",
                'Your zeros stand in front of the tokens. `padding="post"` is behind.',
                lambda seen: seen.is_like(_sentences("pre", "pre")),
            ),
            Mistake(
                "cuts-the-end",
                'The end of a long sentence is cut. `truncating="pre"` cuts its front.',
                lambda seen: seen.is_like(_sentences("post", "post")),
            ),
            Mistake(
                "swaps-the-sides",
                "Both sides are swapped: you pad in front, and cut at the end.",
                lambda seen: seen.is_like(_sentences("pre", "post")),
            ),
            picture=lambda seen: seen.picture(reveal=False),
        ),
    ),
    hints=(
        "Every row has 3 places. Which sentence is too long, and which are too short?",
        '`truncating="pre"` takes ids away from the front, `padding="post"` adds 0 behind.',
    ),
    why=(
        "A row of 3 places has room for 3 ids. The long sentence loses its first id, the short "
        "ones get zeros behind."
    ),
)

_READINGS = [[0.6, 0.0, 1.4], [2.5], [0.9, -1.0, 3.2, 0.1]]
_MISSING = -9.0


def _readings(value: float = _MISSING, **options: Any) -> NDArray[Any]:
    return _padded(_READINGS, value=value, **{"padding": "post", "dtype": "float32", **options})


_PAD_READINGS = Question(
    name="pad-readings",
    title="Pad readings of a sensor",
    minutes=5,
    kind="function",
    observe=lambda answer: Compared(numbers(call(answer, _READINGS, _MISSING)), _readings()),
    conditions=(
        Condition(
            "wrong-readings",
            "These are not the readings, padded behind with the value that was handed over.",
            Compared.is_right,
            WRONG_SHAPE,
            Mistake(
                "loses-decimals",
                "The decimals are gone: 0.6 has become 0. Which dtype is the default?",
                lambda seen: same(np.trunc(seen.right), seen.yours),
            ),
            Mistake(
                "pads-with-zero",
                "You pad with 0, but 0.0 is a reading. Use the value handed over.",
                lambda seen: seen.is_like(_readings(value=0)),
            ),
            Mistake(
                "pads-in-front",
                "The padding stands in front of the readings. Put it behind them.",
                lambda seen: seen.is_like(_readings(padding="pre")),
            ),
            picture=Compared.picture,
        ),
    ),
    hints=(
        "Try the function on the example, and compare each number with the series.",
        "Three arguments of `ml.pad` have the wrong default here: `padding`, `dtype`, `value`.",
    ),
    why=(
        "`pad` makes whole numbers unless it is told a dtype, and pads with 0 unless it is told a "
        "value. A sensor measures 0.6, and 0 as well."
    ),
)

_TEXTS: list[list[int]] = [[5, 3], [], [8, 2, 9, 4, 6], [7]]


@dataclass(frozen=True)
class _ForCudnn:
    """The ids that the learner has padded, as rows of numbers."""

    yours: NDArray[Any]

    @property
    def mask(self) -> NDArray[np.bool_]:
        return np.asarray(self.yours != 0)

    def picture(self) -> Picture | None:
        return Compared(self.mask, -np.sort(-self.mask.astype(int), axis=1) == 1).picture()


def _rows_keep_their_ids(seen: _ForCudnn) -> bool:
    kept = [[float(number) for number in row if number != 0] for row in seen.yours]
    pairs = zip(kept, _TEXTS, strict=False)
    return len(kept) == len(_TEXTS) and all(row == ids for row, ids in pairs if ids)


def _is_table(seen: _ForCudnn) -> bool:
    return seen.yours.ndim == 2


_PAD_FOR_CUDNN = Question(
    name="pad-for-cudnn",
    title="Pad for a fast LSTM",
    minutes=10,
    kind="function",
    observe=lambda answer: _ForCudnn(numbers(call(answer, _TEXTS))),
    conditions=(
        Condition(
            "loses-ids",
            "Not every text has kept its ids, in their order, in a row of its own.",
            lambda seen: _is_table(seen) and _rows_keep_their_ids(seen),
            Mistake(
                "drops-the-text",
                "A text has no row any more. The labels would no longer fit: keep it.",
                lambda seen: len(seen.yours) < len(_TEXTS),
            ),
        ),
        Condition(
            "padding-first",
            "A row has padding before an id. A cuDNN kernel wants all padding behind.",
            lambda seen: bool((np.diff(seen.mask.astype(int), axis=1) <= 0).all()),
            picture=_ForCudnn.picture,
        ),
        Condition(
            "empty-row",
            "A row holds nothing but padding: with it the fast kernel is not used, or fails.",
            lambda seen: bool(seen.mask.any(axis=1).all()),
            picture=lambda seen: Compared(seen.mask, seen.mask).picture(),
        ),
    ),
    hints=(
        "There are two demands: padding only behind, and at least one id in every row.",
        "What could stand for a text without any known word? The id 1 is the unknown word.",
        "Replace each empty list by `[1]`, then pad behind.",
    ),
    why=(
        "The kernels of cuDNN know a row by its length alone. So all its ids stand in front, and "
        "there is at least one."
    ),
)

QUESTIONS = (_PAD_BY_HAND, _PAD_READINGS, _PAD_FOR_CUDNN)
