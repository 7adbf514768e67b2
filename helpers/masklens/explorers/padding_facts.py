"""Facts about a padded batch, one sentence each: its cost, and the timesteps that a model reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

import numpy as np

from masklens._language import translate as _
from masklens.padding import PaddedBatch
from masklens.tracing.calls import Mask

_SIGNS = {"ok": "✓", "bad": "✕", "info": "·"}
_MOST_TOKENS = 6  # in one sentence


@dataclass(frozen=True)
class _Fact:
    """One fact about a padded batch and its mask.

    Attributes:
        kind: `"ok"` if all is well, `"bad"` if not, `"info"` for a mere number.
        words: A sentence without its full stop.
    """

    kind: Literal["ok", "bad", "info"]
    words: str


def padding_facts(
    batch: PaddedBatch, mask: Mask | None, tokens: Sequence[Sequence[str]]
) -> list[_Fact]:
    """Lists the facts about a padded batch: its cost, errors of the mask, and cuDNN.

    The cuDNN kernels of a GPU take a mask only if each row is True first, at least once, and then
    False (`_assert_valid_mask` in `keras/src/backend/tensorflow/rnn.py`).

    Args:
        batch: The padded batch.
        mask: The model's mask, (batch, time) booleans; None for no mask.
        tokens: The words for the tokens of each sequence.

    Returns:
        The facts: the share of padding, lost tokens, errors of the mask, cuDNN, and tokens that
        equal the padding value.

    Example:
        >>> from masklens.padding import pad
        >>> batch = pad([[7, 8], [9]])
        >>> for fact in padding_facts(batch, batch.mask, [["Hello", "world"], ["How"]]):
        ...     print(fact.kind, fact.words)
        info 25% padding: 1 of 4 places
        ok No token is lost
        ok The mask is False at the padding, and nowhere else
        bad The cuDNN kernels of a GPU refuse the mask: row 1 has True after False
        ok No token has the padding value 0
    """
    return [
        *_cost_facts(batch, tokens),
        *_reading_facts(batch, mask, tokens),
        _cudnn_fact(mask),
        _collision_fact(batch, tokens),
    ]


def padding_summary(batch: PaddedBatch, mask: Mask | None) -> str:
    """Summarizes a padded batch and its mask in numbers.

    Args:
        batch: The padded batch.
        mask: The model's mask, (batch, time) booleans; None for no mask.

    Returns:
        Three short sentences.

    Example:
        >>> from masklens.padding import pad
        >>> batch = pad([[7, 8], [9]])
        >>> padding_summary(batch, batch.mask)
        'Padding: 1 of 4 places. Tokens lost: 0 of 3. The mask skips 1, but cuDNN refuses it.'
    """
    kept, tokens = int(batch.mask.sum()), sum(map(len, batch.sequences))
    words = _("Padding: {padded} of {places} places. Tokens lost: {lost} of {tokens}.").format(
        padded=batch.mask.size - kept, places=batch.mask.size, lost=tokens - kept, tokens=tokens
    )
    if mask is None:
        return f"{words} {_('There is no mask.')}"
    if _cudnn_fact(mask).kind == "ok":
        answer = _("The mask skips {skipped}, and cuDNN takes it.")
    else:
        answer = _("The mask skips {skipped}, but cuDNN refuses it.")
    return f"{words} {answer.format(skipped=int((~mask).sum()))}"


def html_facts(facts: Sequence[_Fact]) -> str:
    """Writes facts as a list in HTML, each with a sign of its kind.

    Args:
        facts: The facts.

    Returns:
        A `<ul>` with every text escaped.

    Example:
        >>> html_facts([_Fact("ok", "No token is lost")])
        '<ul class=facts><li class=ok>✓ No token is lost</li></ul>'
    """
    items = (
        f"<li class={fact.kind}>{_SIGNS[fact.kind]} {escape(fact.words, quote=False)}</li>"
        for fact in facts
    )
    return f"<ul class=facts>{''.join(items)}</ul>"


def _cost_facts(batch: PaddedBatch, tokens: Sequence[Sequence[str]]) -> list[_Fact]:
    """Returns the share of padding, and the tokens that truncation removed."""
    places = batch.mask.size
    padded = places - int(batch.mask.sum())
    share = _("{share} padding: {padded} of {places} places").format(
        share=f"{padded / places:.0%}", padded=padded, places=places
    )
    lost = [tokens[row][step] for row in range(len(tokens)) for step in batch.cut(row)]
    if not lost:
        return [_Fact("info", share), _Fact("ok", _("No token is lost"))]
    words = _("Tokens lost: {count} ({tokens})").format(count=len(lost), tokens=_listed(lost))
    return [_Fact("info", share), _Fact("bad", words)]


def _reading_facts(
    batch: PaddedBatch, mask: Mask | None, tokens: Sequence[Sequence[str]]
) -> list[_Fact]:
    """Returns the errors of a mask: padding that is read, and tokens that are skipped."""
    padded = int((~batch.mask).sum())
    if mask is None:
        if not padded:
            return [_Fact("ok", _("There is no mask, and no padding to skip"))]
        words = _("There is no mask: the model reads all {padded} padded places as data")
        return [_Fact("bad", words.format(padded=padded))]
    facts: list[_Fact] = []
    read = int((mask & ~batch.mask).sum())
    if read:
        words = _(
            "The mask is True at {read} of {padded} padded places: the model reads them as data"
        )
        facts.append(_Fact("bad", words.format(read=read, padded=padded)))
    skipped = _tokens_at(batch.mask & ~mask, batch, tokens)
    if skipped:
        words = _("Tokens that the mask skips as if they were padding: {count} ({tokens})")
        facts.append(_Fact("bad", words.format(count=len(skipped), tokens=_listed(skipped))))
    if facts:
        return facts
    if padded:
        return [_Fact("ok", _("The mask is False at the padding, and nowhere else"))]
    return [_Fact("ok", _("There is no padding, and the mask is True everywhere"))]


def _cudnn_fact(mask: Mask | None) -> _Fact:
    if mask is None:
        return _Fact(
            "ok", _("The cuDNN kernels of a GPU take the batch: there is no mask to refuse")
        )
    empty = np.flatnonzero(~mask.any(axis=1))
    if len(empty):
        words = _("The cuDNN kernels of a GPU refuse the mask: row {row} has no True")
        return _Fact("bad", words.format(row=empty[0]))
    ragged = np.flatnonzero((mask[:, 1:] & ~mask[:, :-1]).any(axis=1))
    if len(ragged):
        words = _("The cuDNN kernels of a GPU refuse the mask: row {row} has True after False")
        return _Fact("bad", words.format(row=ragged[0]))
    return _Fact("ok", _("The cuDNN kernels of a GPU take the mask: each row is right-padded"))


def _collision_fact(batch: PaddedBatch, tokens: Sequence[Sequence[str]]) -> _Fact:
    equal = batch.ids == batch.ids.dtype.type(batch.value)
    if equal.ndim > 2:
        equal = equal.all(axis=tuple(range(2, equal.ndim)))
    found = _tokens_at(equal & batch.mask, batch, tokens)
    if not found:
        return _Fact(
            "ok", _("No token has the padding value {value}").format(value=f"{batch.value:g}")
        )
    words = _("Tokens that have the padding value {value}: {count} ({tokens})")
    return _Fact(
        "bad", words.format(value=f"{batch.value:g}", count=len(found), tokens=_listed(found))
    )


def _tokens_at(where: Mask, batch: PaddedBatch, tokens: Sequence[Sequence[str]]) -> list[str]:
    return [tokens[row][batch.origin[row, step]] for row, step in np.argwhere(where)]


def _listed(words: Sequence[str]) -> str:
    more = ["…"] if len(words) > _MOST_TOKENS else []
    return ", ".join([*words[:_MOST_TOKENS], *more])
