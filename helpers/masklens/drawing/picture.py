"""Pictures of a padded batch and of a mask over timesteps, as HTML and as text."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from masklens._keras import mask_of
from masklens._language import get_language
from masklens._language import translate as _
from masklens.drawing.strip import MOST_ROWS, html_strip, reduce_mask, summary
from masklens.drawing.table import Cell, Legend, Table, html_table, numbered, text_table
from masklens.drawing.theme import PICTURE, style
from masklens.padding import PaddedBatch
from masklens.tracing.calls import Mask

# Beyond this many timesteps in all, nobody reads single squares: they become a strip.
MOST_SQUARES = 600


@dataclass(frozen=True)
class Picture:
    """A picture that a notebook shows as HTML, and a terminal as text. It holds no script.

    Attributes:
        html: The picture for a browser; readable also where style sheets are stripped.
        text: The same picture for a terminal.
    """

    html: str
    text: str

    @property
    def without_style(self) -> str:
        """The picture for a page that has the style sheets already, as an explorer's has."""
        return self.html.rpartition("</style>")[2]

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        """Shows the picture as text."""
        return self.text


def show(
    batch_or_mask: Any,
    *,
    tokens: Sequence[Sequence[object]] | None = None,
    mask: Any = None,
    caption: str | None = None,
) -> Picture:
    """Shows a padded batch, or a mask, over timesteps: batch down, time to the right.

    Tokens stand in boxes, padding is hatched and says so, cut tokens stand outside, struck
    through. In a mask a filled square is True, an empty one with a slash is False. A mask of more
    than 600 timesteps becomes a strip, in which one square may stand for several timesteps.

    Args:
        batch_or_mask: A `PaddedBatch`; or booleans of shape (batch, time); or a tensor that
            carries a mask.
        tokens: What to write instead of ids. For a batch, the tokens of each sequence before
            padding; for a mask, one token per timestep, (batch, time).
        mask: For a batch: a mask of shape (batch, time) to show beside it.
        caption: The words above the picture, instead of the call or the mask's shape.

    Returns:
        The picture.

    Raises:
        TypeError: If the mask holds numbers instead of booleans, or there is none.
        ValueError: If the mask does not have two dimensions, or the tokens do not fit.

    Example:
        >>> show(np.array([[True, True, False]]))
        mask (1, 3): 2 of 3 timesteps are True
           0  1  2
        0  ■  ■  □
    """
    if isinstance(batch_or_mask, PaddedBatch):
        beside = None if mask is None else boolean_mask(mask)
        return _show_batch(batch_or_mask, tokens, beside, caption)
    if mask is not None:
        raise TypeError(_("mask= goes with a padded batch; to show a mask alone, show(mask)."))
    return _show_mask(boolean_mask(batch_or_mask), tokens, caption)


def boolean_mask(mask: Any) -> Mask:
    """Takes a mask from what a caller hands over, and refuses what is none.

    Args:
        mask: Booleans of shape (batch, time), or a tensor that carries a mask.

    Returns:
        The mask as a boolean array of shape (batch, time).

    Raises:
        TypeError: If it holds numbers instead of booleans, or there is none.
        ValueError: If it does not have two dimensions.

    Example:
        >>> boolean_mask([[True, False]])
        array([[ True, False]])
    """
    carried = None if isinstance(mask, np.ndarray | list | tuple) else _carried(mask)
    array = np.asarray(mask if carried is None else carried)
    if array.dtype != bool:
        raise TypeError(
            _(
                "A mask holds True and False, but this holds {dtype} and carries no mask. "
                "Compare first, as in ids != 0; to show ids, show the batch that ml.pad returns."
            ).format(dtype=array.dtype)
        )
    if array.ndim != 2:
        hint = _(" Add the batch axis: mask[None, :].") if array.ndim == 1 else ""
        raise ValueError(
            _(
                "A mask has the shape (batch, time), two dimensions; this has the shape {shape}."
            ).format(shape=array.shape)
            + hint
        )
    return array


def _carried(tensor: Any) -> Mask | None:
    try:
        mask: Mask | None = mask_of(tensor)
    except TypeError:
        return None
    return mask


def _show_mask(
    mask: Mask, tokens: Sequence[Sequence[object]] | None, caption: str | None
) -> Picture:
    if tokens is not None:
        check_tokens(tokens, [mask.shape[1]] * len(mask))
    caption = caption or _("mask {shape}: {true} of {all} timesteps are True").format(
        shape=mask.shape, true=int(mask.sum()), all=mask.size
    )
    if mask.size > MOST_SQUARES:
        return picture_of(mask_strip(mask, caption))
    return picture_of(mask_table(mask, tokens, caption))


def _show_batch(
    batch: PaddedBatch,
    tokens: Sequence[Sequence[object]] | None,
    mask: Mask | None,
    caption: str | None,
) -> Picture:
    check_tokens(
        tokens or [list(row) for row in batch.sequences], [len(row) for row in batch.sequences]
    )
    if mask is not None and mask.shape != batch.origin.shape:
        raise ValueError(
            _("The mask has the shape {mask}, but the batch has {batch}; they must agree.").format(
                mask=mask.shape, batch=batch.origin.shape
            )
        )
    if batch.origin.size > MOST_SQUARES:
        return picture_of(mask_strip(batch.mask if mask is None else mask, caption or batch.call))
    table = batch_table(batch, tokens, caption)
    return (
        picture_of(table) if mask is None else picture_of(table, mask_table(mask, None, _("mask")))
    )


def batch_table(
    batch: PaddedBatch,
    tokens: Sequence[Sequence[object]] | None = None,
    caption: str | None = None,
) -> Table:
    """Lays a padded batch out as a table: tokens, padding, and outside them what was cut.

    Args:
        batch: The padded batch.
        tokens: What to write instead of ids, for each sequence before padding.
        caption: The words above the table, instead of the call.

    Returns:
        The table.

    Example:
        >>> from masklens.padding import pad
        >>> print(text_table(batch_table(pad([[7, 8], [9]], padding="post"), caption="batch")))
        batch
           0    1
        0  7    8
        1  9  (0)
    """
    words = tokens or batch.sequences
    padding = Cell("padding", f"{batch.value:g}")
    rows = [
        [Cell("token", str(words[row][step])) if step >= 0 else padding for step in origin]
        for row, origin in enumerate(batch.origin)
    ]
    cut = [
        [Cell("cut", str(words[row][step])) for step in batch.cut(row)] for row in range(len(rows))
    ]
    most = max(map(len, cut))
    before = batch.truncating == "pre"
    for row, removed in zip(rows, cut, strict=True):
        gaps = [Cell("gap")] * (most - len(removed))
        row[:] = gaps + removed + row if before else row + removed + gaps
    steps = [str(step) for step in range(batch.origin.shape[1])]
    outside = [_("cut")] * most
    head = ("", *(outside + steps if before else steps + outside))
    return Table(caption or batch.call, head, numbered(rows), code=caption is None)


def mask_table(mask: Mask, tokens: Sequence[Sequence[object]] | None, caption: str) -> Table:
    """Lays a mask out as a table: one square per timestep, or one token.

    Args:
        mask: (batch, time) booleans.
        tokens: What to write instead of squares, (batch, time); None for squares.
        caption: The words above the table.

    Returns:
        The table, with a legend.

    Example:
        >>> print(text_table(mask_table(np.array([[True, False]]), None, "mask")))
        mask
           0  1
        0  ■  □
    """
    if tokens is None:
        legend = Legend("■", _("True: read")), Legend("□", _("False: skipped"), struck=True)
        rows = [[Cell("true" if step else "false") for step in row] for row in mask]
    else:
        legend = (
            Legend(_("box"), _("True: read")),
            Legend(_("box"), _("False: skipped"), struck=True),
        )
        rows = [
            [
                Cell("token" if step else "skipped", str(word))
                for step, word in zip(*pair, strict=True)
            ]
            for pair in zip(mask, tokens, strict=True)
        ]
    head = ("", *map(str, range(mask.shape[1])))
    return Table(caption, head, numbered(rows), legend=legend)


def mask_strip(mask: Mask, caption: str, rows: int = MOST_ROWS) -> tuple[str, str]:
    """Draws a mask of many timesteps as a strip.

    Args:
        mask: (batch, time) booleans.
        caption: The words above the strip.
        rows: How many rows of squares there may be.

    Returns:
        The strip as HTML, and its numbers as text.

    Example:
        >>> print(mask_strip(np.array([[True, False]]), "mask")[1])
        mask
        True timesteps per sequence: 1 at least, 1 at most, 1.0 on average.
    """
    strip = reduce_mask(mask, rows)
    text = f"{caption}\n{summary(mask, strip)}"
    return html_strip(strip, mask, escape(caption, quote=False)), text


def picture_of(*parts: Table | tuple[str, str]) -> Picture:
    """Puts tables, and what was drawn as HTML and text, into one picture.

    Args:
        parts: Tables, or pairs of HTML and text.

    Returns:
        The picture, its parts side by side where there is room.

    Example:
        >>> picture_of(Table("ids", ("0",), ((Cell("token", "71"),),)))
        ids
         0
        71
    """
    drawn = [(html_table(p), text_table(p)) if isinstance(p, Table) else p for p in parts]
    html = framed("".join(html for html, _text in drawn))
    return Picture(
        f"<style>{style(PICTURE)}</style>{html}",
        "\n\n".join(text for _html, text in drawn),
    )


def framed(html: str) -> str:
    """Puts what was drawn into the element that the style sheet is written for.

    Args:
        html: One or more figures.

    Returns:
        The `<div>` with the figures side by side, or below one another where it is narrow.

    Example:
        >>> framed("<figure></figure>")[:19]
        '<div class=masklens'
    """
    # Where style sheets are stripped, a wide picture must still scroll on a phone.
    return f"<div class=masklens lang={get_language()} style=overflow-x:auto>{html}</div>"


def check_tokens(tokens: Sequence[Sequence[object]], lengths: list[int]) -> None:
    """Refuses tokens that do not fit the timesteps they are to name.

    Args:
        tokens: One list of tokens per sequence.
        lengths: How many timesteps each sequence has.

    Raises:
        ValueError: If there are too many or too few rows, or tokens in a row.

    Example:
        >>> check_tokens([["Hello", "world"]], [2])
    """
    if len(tokens) != len(lengths):
        raise ValueError(
            _("There are {tokens} rows of tokens for {rows} sequences; give one row each.").format(
                tokens=len(tokens), rows=len(lengths)
            )
        )
    for row, (words, length) in enumerate(zip(tokens, lengths, strict=True)):
        if len(words) != length:
            raise ValueError(
                _(
                    "Row {row} has {words} tokens for {length} timesteps; give one token each."
                ).format(row=row, words=len(words), length=length)
            )
