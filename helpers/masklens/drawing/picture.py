"""Pictures of a padded batch and of a mask over timesteps, as HTML and as text."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from masklens._keras import mask_of
from masklens._language import get_language
from masklens._language import translate as _
from masklens.drawing.elements import Element, element, html, text
from masklens.drawing.large_mask import large_mask_element
from masklens.drawing.table import Cell, Legend, Table, numbered, table_element
from masklens.drawing.theme import PICTURE, style
from masklens.padding import PaddedBatch
from masklens.tracing.calls import Mask

# A batch with more timesteps in all becomes an image, since nobody reads so many squares.
_MOST_SQUARES = 600


@dataclass(frozen=True)
class Picture:
    """A picture that a notebook shows as HTML, and a terminal as text, without scripts.

    Attributes:
        nodes: Its texts and elements.
        sheets: The style sheets that it needs.
        html: The picture for a browser, which is readable also without style sheets.
        text: The same picture for a terminal.
    """

    nodes: tuple[str | Element, ...]
    sheets: tuple[Path, ...] = ()

    @cached_property
    def html(self) -> str:
        """The picture for a browser, which is readable also without style sheets."""
        # JupyterLab shows the first line of a folded output that is not empty: let it be a blank.
        sheet = f" \n<style>{style(*self.sheets)}</style>" if self.sheets else ""
        return sheet + html(*self.nodes)

    @cached_property
    def text(self) -> str:
        """The same picture for a terminal."""
        return text(*self.nodes)

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
    """Shows a padded batch or a mask over timesteps: batch down, time to the right.

    Tokens are in boxes, padding is hatched and labelled, and cut tokens are struck through beside
    the batch. In a mask a filled square is True, an empty one with a slash is False. Beyond 600
    timesteps in all, one square may stand for several timesteps.

    Args:
        batch_or_mask: A `PaddedBatch`; or booleans of shape (batch, time); or a tensor that
            carries a mask.
        tokens: The words to write instead of ids. For a batch, the tokens of each sequence before
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
    """Returns a caller's mask as an array, and raises for anything else.

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
    carried = None if isinstance(mask, np.ndarray | list | tuple) else _mask_carried_by(mask)
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


def _mask_carried_by(tensor: Any) -> Mask | None:
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
    if mask.size > _MOST_SQUARES:
        return picture_of(large_mask_element(mask, caption))
    return picture_of(table_element(_mask_table(mask, tokens, caption)))


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
    if batch.origin.size > _MOST_SQUARES:
        shown = batch.mask if mask is None else mask
        return picture_of(large_mask_element(shown, caption or batch.call))
    tables = [_batch_table(batch, tokens, caption)]
    if mask is not None:
        tables.append(_mask_table(mask, None, _("mask")))
    return picture_of(*map(table_element, tables))


def _batch_table(
    batch: PaddedBatch,
    tokens: Sequence[Sequence[object]] | None = None,
    caption: str | None = None,
) -> Table:
    """Lays a padded batch out as a table of tokens and padding, with cut tokens beside them.

    Args:
        batch: The padded batch.
        tokens: The words to write instead of ids, for each sequence before padding.
        caption: The words above the table; None for the call that made the batch.

    Returns:
        The table.

    Example:
        >>> from masklens.padding import pad
        >>> batch = pad([[7, 8], [9]], padding="post")
        >>> picture_of(table_element(_batch_table(batch, caption="batch")))
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


def _mask_table(mask: Mask, tokens: Sequence[Sequence[object]] | None, caption: str) -> Table:
    """Lays a mask out as a table with one square or one token per timestep.

    Args:
        mask: (batch, time) booleans.
        tokens: The words to write instead of squares, (batch, time); None for squares.
        caption: The words above the table.

    Returns:
        The table, with a legend.

    Example:
        >>> picture_of(table_element(_mask_table(np.array([[True, False]]), None, "mask")))
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


def picture_of(*figures: Element) -> Picture:
    """Puts figures into one picture.

    Args:
        figures: Tables and images.

    Returns:
        The picture, with its figures side by side where there is room.

    Example:
        >>> picture_of(table_element(Table("ids", ("0",), ((Cell("token", "71"),),))))
        ids
         0
        71
    """
    return Picture((framed(*figures),), (PICTURE,))


def framed(*figures: Element) -> Element:
    """Puts figures into the `<div>` that `picture.css` styles.

    Args:
        figures: Tables and images.

    Returns:
        The `<div>`, with the figures side by side where there is room.
    """
    # A style attribute, so that a wide picture scrolls on a phone also without style sheets.
    return element("div", *figures, class_="masklens", lang=get_language(), style="overflow-x:auto")


def check_tokens(tokens: Sequence[Sequence[object]], lengths: list[int]) -> None:
    """Raises if tokens do not fit the timesteps that they name.

    Args:
        tokens: One list of tokens per sequence.
        lengths: The number of timesteps of each sequence.

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
