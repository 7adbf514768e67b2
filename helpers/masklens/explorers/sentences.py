"""The sentences of an explorer: words or ids from Python, and the id of each word."""

import numbers
import warnings
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from masklens._language import translate as _
from masklens.drawing.picture import check_tokens
from masklens.padding import PaddedBatch, pad

MOST_SENTENCES = 6
_MOST_WORDS = 60
MOST_PLACES = 1000
_OPTIONS = "padding", "truncating", "value"


def read_sentences(
    sentences: Any, tokens: Iterable[Sequence[object]] | None = None
) -> tuple[list[str], dict[str, int]]:
    """Reads sentences given as texts, as lists of words or as lists of ids.

    Args:
        sentences: Up to six sentences of at most 60 words: texts, whose words are parted by white
            space, lists of words, or lists of ids, whole numbers from 0. A sentence may be empty.
        tokens: For ids, the words to write instead, one list for each sentence.

    Returns:
        One text per sentence, with one space between words, and the id of every word. Words that
        came without ids are numbered in order of appearance.

    Raises:
        TypeError: If a sentence holds anything but words, or anything but ids.
        ValueError: If there are no sentences, or too many, or one is too long, or if tokens
            do not fit.

    Example:
        >>> read_sentences(["Hello world !", "Hello"])
        (['Hello world !', 'Hello'], {'Hello': 1, 'world': 2, '!': 3})
        >>> read_sentences([[711, 71], [71]], tokens=[["Hello", "!"], ["!"]])
        (['Hello !', '!'], {'Hello': 711, '!': 71})
    """
    rows = [_words(place, row) for place, row in enumerate(_rows(sentences))]
    if tokens is not None:
        rows = _named(rows, list(tokens))
    return [" ".join(word for word, _number in row) for row in rows], _number_words(rows)


def number_words(texts: Iterable[str], known: Mapping[str, int]) -> dict[str, int]:
    """Gives words that have no id the next free ones, in order of appearance, as the page does.

    Args:
        texts: The sentences.
        known: The ids that are given.

    Returns:
        The id of every word.

    Example:
        >>> number_words(["Hello world"], {"Hello": 711})
        {'Hello': 711, 'world': 712}
    """
    ids = dict(known)
    following = max(ids.values(), default=0) + 1
    for word in (word for text in texts for word in text.split()[:_MOST_WORDS]):
        if word not in ids:
            ids[word] = following
            following += 1
    return ids


def pad_sentences(
    settings: Mapping[str, Any], known: Mapping[str, int], more: int = 0
) -> PaddedBatch:
    """Pads the sentences of an explorer, as its page does.

    Args:
        settings: `sentences`, and the arguments of `ml.pad` by name.
        known: The ids that are given.
        more: Timesteps of padding behind the longest sentence where the settings name no length.

    Returns:
        The batch.
    """
    ids = number_words(settings["sentences"], known)
    rows = [[ids[word] for word in text.split()[:_MOST_WORDS]] for text in settings["sentences"]]
    options = {name: settings[name] for name in _OPTIONS if name in settings}
    length = settings["maxlen"] or max(1, *(len(row) + more for row in rows))
    with warnings.catch_warnings():
        # An explorer shows what `pad` would warn of.
        warnings.simplefilter("ignore")
        return pad(rows, maxlen=length, **options)


def _number_words(rows: Sequence[Sequence[tuple[str, int | None]]]) -> dict[str, int]:
    given: dict[str, int] = {}
    for word, number in chain(*rows):
        if number is not None and given.setdefault(word, number) != number:
            raise ValueError(
                _("The token {word!r} stands for two ids, {one} and {other}.").format(
                    word=word, one=given[word], other=number
                )
            )
    return number_words((word for word, _number in chain(*rows)), given)


def _named(
    rows: list[list[tuple[str, int | None]]], tokens: list[Sequence[object]]
) -> list[list[tuple[str, int | None]]]:
    check_tokens(tokens, [len(row) for row in rows])
    return [
        # A token is one word, whatever it holds.
        [
            ("_".join(str(word).split()) or "_", number)
            for word, (_text, number) in zip(words, row, strict=True)
        ]
        for words, row in zip(tokens, rows, strict=True)
    ]


def example_sentences() -> list[str]:
    """Returns three sentences in the current language, one of which ends with "!"."""
    return [
        _("Hello world !"),
        _("How are you doing today"),
        _("The weather will be nice tomorrow"),
    ]


def _rows(sentences: Any) -> list[Any]:
    given = [sentences] if isinstance(sentences, str) else sentences
    if not isinstance(given, Iterable):
        raise TypeError(
            _("An explorer takes a list of sentences, such as {example}; got {type}.").format(
                example='["Hello world !", "How are you"]', type=type(sentences).__name__
            )
        )
    rows = list(given)
    if not rows:
        raise ValueError(_("There is no sentence; give at least one."))
    if len(rows) > MOST_SENTENCES:
        raise ValueError(
            _("There are {count} sentences; an explorer shows at most {most}.").format(
                count=len(rows), most=MOST_SENTENCES
            )
        )
    return rows


def _words(place: int, row: Any) -> list[tuple[str, int | None]]:
    """Reads one sentence as words, each with its id where that was given."""
    if isinstance(row, str):
        found: list[tuple[str, int | None]] = [(word, None) for word in row.split()]
    elif isinstance(row, Sequence | np.ndarray):
        steps = list(row)
        if all(isinstance(step, str) for step in steps):
            found = [(word, None) for step in steps for word in step.split()]
        elif all(_is_id(step) for step in steps):
            found = [(str(int(step)), int(step)) for step in steps]
        else:
            wrong = next(s for s in steps if not _is_id(s)) if _is_id(steps[0]) else steps[0]
            raise TypeError(
                _(
                    "Sentence {place} holds {value!r}. Each sentence is a text, a list of words, "
                    "or a list of ids, whole numbers from 0; not a mixture."
                ).format(place=place, value=wrong)
            )
    else:
        raise TypeError(
            _("Sentence {place} is a {type}, and neither a text nor a list.").format(
                place=place, type=type(row).__name__
            )
        )
    if len(found) > _MOST_WORDS:
        raise ValueError(
            _("Sentence {place} has {count} words; an explorer shows at most {most}.").format(
                place=place, count=len(found), most=_MOST_WORDS
            )
        )
    return found


def _is_id(value: Any) -> bool:
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool | np.bool_)
    return bool(whole and 0 <= value < 1_000_000)
