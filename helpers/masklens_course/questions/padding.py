"""Questions on padding: where padding stands, what is cut, and what a fast LSTM asks for."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens.drawing.picture import Picture
from masklens_course.checks import Question
from masklens_course.comparison import Compared
from masklens_course.conditions import Case, Condition, Hint, Mistake, gives


# Not `ml.pad` or `pad_sequences`: what the learner may use must not say what is right.
def _padded(
    sequences: list[Any],
    value: float = 0,
    *,
    length: int | None = None,
    padding: str = "post",
    truncating: str = "pre",
    whole: bool = False,
) -> NDArray[Any]:
    length = max(map(len, sequences)) if length is None else length
    rows = []
    for row in sequences:
        kept = row[max(0, len(row) - length) :] if truncating == "pre" else row[:length]
        fill = [value] * (length - len(kept))
        rows.append(kept + fill if padding == "post" else fill + kept)
    table = np.array(rows, dtype=float)
    return np.trunc(table) if whole else table


def _sentences(padding: str = "post", truncating: str = "pre") -> NDArray[Any]:
    sentences = [[4, 8], [15, 16, 23, 42], [7]]
    return _padded(sentences, length=3, padding=padding, truncating=truncating)


_PAD_BY_HAND = Question(
    name="pad-by-hand",
    title="Pad by hand",
    minutes=5,
    kind="value",
    right=_sentences,
    conditions=(
        Condition(
            "wrong-ids",
            "These are not the ids that `pad` gives. Go through the sentences one by one.",
            Compared.is_right,
            Mistake(
                "pads-in-front",
                'Your zeros come before the tokens. `padding="post"` puts them after the tokens.',
                gives(_sentences, padding="pre"),
            ),
            Mistake(
                "cuts-the-end",
                'The end of a long sentence is cut. `truncating="pre"` cuts its beginning.',
                gives(_sentences, truncating="post"),
            ),
        ),
    ),
    hints=(
        Hint(
            "Every row has 3 places. Which sentence is too long, and which are too short?",
            "wrong-ids",
        ),
        Hint(
            "Write the short sentences first, and fill up the ends of their rows.", "pads-in-front"
        ),
        Hint(
            '`truncating="pre"` takes ids away from the front. Which one does the long sentence '
            "lose?",
            "cuts-the-end",
        ),
    ),
    why=(
        "A row of 3 places has room for 3 ids. The long sentence loses its first id, and the "
        "short ones get zeros at the end."
    ),
)


def _series_to_pad(random: np.random.Generator) -> Iterator[Case]:
    def series(*lengths: int) -> list[list[float]]:
        return [random.normal(0, 50, length).round(2).tolist() for length in lengths]

    yield [[0.6, 0.0, 1.4], [2.5], [0.9, -1.0, 3.2, 0.1]], -9.0
    longest = int(random.integers(6, 9))
    yield series(*random.permutation([1, 2, 3, 4, longest])), 0.25
    yield series(2, 1, 3), -999  # a whole number
    yield series(3, 0, 2), 0.5
    yield series(2, 3), float("nan")
    yield series(3, 3), 1e6  # nothing to pad
    yield series(1), float("inf")
    yield [[1e6, -1e-3, 0.0], [1234.75]], 0.0


_PAD_READINGS = Question(
    name="pad-readings",
    title="Pad readings of a sensor",
    minutes=5,
    kind="function",
    cases=_series_to_pad,
    right=_padded,
    conditions=(
        Condition(
            "wrong-readings",
            "These are not the readings, padded at the end with the value that was passed.",
            Compared.is_right,
            Mistake(
                "loses-decimals",
                "The decimals are gone: 0.6 would become 0. Which dtype is the default?",
                gives(_padded, whole=True),
            ),
            Mistake(
                "pads-with-zero",
                "You pad with 0, but 0.0 is a reading. Use the value that was passed.",
                lambda seen: seen.is_like(_padded(seen.case[0], 0)),
            ),
            Mistake(
                "pads-in-front",
                "The padding comes before the readings. Put it after them.",
                gives(_padded, padding="pre"),
            ),
        ),
    ),
    hints=(
        Hint(
            "Try the function on the example, and compare each number with the series.",
            "wrong-readings",
        ),
        Hint("Look at `ml.pad(series).ids.dtype`. What happens to 0.6 there?", "loses-decimals"),
        Hint(
            "Three arguments of `ml.pad` have the wrong default here. Which ones does the task "
            "mention?",
            "pads-with-zero",
            "pads-in-front",
        ),
    ),
    why=(
        "Without a dtype, `pad` makes whole numbers, and without a value it pads with 0. A "
        "sensor measures 0.6, and 0 as well."
    ),
)


def _texts(random: np.random.Generator) -> Iterator[Case]:
    yield ([[5, 3], [], [8, 2, 9, 4, 6], [7]],)
    for lengths in ([3, 0, 1, 8], [3], [0, 0]):
        yield ([random.integers(2, 100, length).tolist() for length in lengths],)
    yield ([[1, 6, 1], [1]],)
    yield ([[100_000, 2], [2**31 - 1]],)


def _with_unknown(texts: list[list[int]]) -> NDArray[Any]:
    return _padded([text or [1] for text in texts])


def _ids(row: NDArray[Any]) -> list[float]:
    return [float(number) for number in row if number != 0]


def _keeps_ids(seen: Compared) -> bool:
    """Whether each text has a row of its own that holds its ids, in whatever place."""
    (texts,) = seen.case
    if seen.yours.ndim != 2 or len(seen.yours) != len(texts):
        return False
    return all(_ids(row) == ids for row, ids in zip(seen.yours, texts, strict=True) if ids)


def _mask_picture(seen: Compared) -> Picture | None:
    mask = seen.yours != 0
    return Compared(mask, -np.sort(-mask.astype(int), axis=1) == 1).picture()


def _marks_empty_texts(seen: Compared) -> bool:
    (texts,) = seen.case
    return all(_ids(row) == [1] for row, ids in zip(seen.yours, texts, strict=True) if not ids)


_PAD_FOR_CUDNN = Question(
    name="pad-for-cudnn",
    title="Pad for a fast LSTM",
    minutes=10,
    kind="function",
    cases=_texts,
    right=_with_unknown,
    conditions=(
        Condition(
            "loses-ids",
            "Not every text has kept its ids, in their order, in a row of its own.",
            _keeps_ids,
            Mistake(
                "drops-the-text",
                "A text has no row any more. The labels would no longer fit: keep it.",
                lambda seen: len(seen.yours) < len(seen.right),
            ),
        ),
        Condition(
            "padding-first",
            "A row has padding before an id. A cuDNN kernel needs all padding at the end.",
            lambda seen: bool((np.diff((seen.yours != 0).astype(int), axis=1) <= 0).all()),
            picture=_mask_picture,
        ),
        Condition(
            "another-word",
            "An empty text has not become one unknown word, the id 1.",
            _marks_empty_texts,
            Mistake(
                "empty-row",
                "A row holds nothing but padding: with it the fast kernel is not used, or fails.",
                lambda seen: not (seen.yours != 0).any(axis=1).all(),
            ),
        ),
    ),
    hints=(
        Hint(
            "There are two conditions: padding only at the end, and at least one id in every row.",
            "padding-first",
        ),
        Hint(
            "What could stand for a text without any known word? The task names its id.",
            "another-word",
            "empty-row",
        ),
        Hint(
            "As many rows come out as there are texts, in their order. So change a text before "
            "you pad, and leave none out.",
            "loses-ids",
            "drops-the-text",
        ),
    ),
    why=(
        "The kernels of cuDNN know a row by its length alone. So all its ids come first, and "
        "there is at least one."
    ),
)

QUESTIONS = (_PAD_BY_HAND, _PAD_READINGS, _PAD_FOR_CUDNN)
