"""A mask too large for single squares, drawn as a strip in which a square stands for a block."""

from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from masklens._language import translate as _
from masklens.drawing.elements import Element, element

_MOST_ROWS, _MOST_COLUMNS = 64, 96
# A small strip stands in one row of a trace: at most so many squares, and so wide in pixels.
_SMALL_ROWS, _SMALL_COLUMNS, _SMALL_WIDTH = 8, 24, 132
# And one of queries and keys.
_SQUARE_SIDE = 12
_SQUARE, _MARGIN = 8, 34
# Read on white and on black alike: an <img> cannot see the theme of the page around it.
_BLUE, _GREY = "#2f8ac4", "#808080"


@dataclass(frozen=True)
class _Strip:
    """A mask reduced to blocks.

    Attributes:
        quarters: (rows, columns) integers from 0 to 4: the share of True timesteps in a block,
            where 0 and 4 mean exactly none and all.
        shape: The shape (batch, time) of the mask.
        block: How many sequences and timesteps one block stands for; less at the far edges.
    """

    quarters: NDArray[np.int_]
    shape: tuple[int, int]
    block: tuple[int, int]


def reduce_mask(
    mask: NDArray[np.bool_], rows: int = _MOST_ROWS, columns: int = _MOST_COLUMNS
) -> _Strip:
    """Reduces a mask to blocks.

    Args:
        mask: (batch, time) booleans.
        rows: How many rows of blocks there may be.
        columns: How many columns of blocks there may be.

    Returns:
        The strip.

    Example:
        >>> reduce_mask(np.array([[True, False]])).quarters
        array([[4, 0]])
    """
    batch, time = mask.shape
    block = (-(-batch // rows), -(-time // columns))
    starts = np.arange(0, batch, block[0]), np.arange(0, time, block[1])
    true = np.add.reduceat(mask, starts[1], axis=1, dtype=np.int64)
    true = np.add.reduceat(true, starts[0], axis=0)
    sizes = [np.diff([*start, end]) for start, end in zip(starts, mask.shape, strict=True)]
    share = true / np.outer(*sizes)
    # Only a block without any True may look empty, and only a full one full.
    partial = np.clip(np.rint(share * 4), 1, 3)
    quarters = np.where(share == 0, 0, np.where(share == 1, 4, partial)).astype(int)
    return _Strip(quarters, (batch, time), block)


def strip_element(mask: NDArray[np.bool_], caption: str, rows: int = _MOST_ROWS) -> Element:
    """Draws a mask of many timesteps as a strip, with its numbers in words below.

    Args:
        mask: (batch, time) booleans.
        caption: What the picture shows.
        rows: How many rows of squares there may be.

    Returns:
        A `<figure>` whose image is a data address, so that it also survives where inline SVG
        and style sheets are stripped.

    Example:
        >>> from masklens.drawing.elements import text
        >>> print(text(strip_element(np.array([[True, False]]), "mask")))
        mask
        True timesteps per sequence: 1 at least, 1 at most, 1.0 on average.
    """
    strip = reduce_mask(mask, rows)
    words = _summary(mask, strip)
    image = element("img", plain="", alt=words, src=_address(_svg(strip)))
    return element("figure", element("figcaption", caption), image, element("figcaption", words))


def small_strip(mask: NDArray[np.bool_]) -> Element:
    """Draws a mask as a small image for one row of a trace: at most 8 by 24 squares.

    Args:
        mask: (batch, time) booleans, at least one.

    Returns:
        An `<img>` with the mask in words. A filled square is True, an empty one with a slash
        False; where a square stands for several timesteps, it is filled to the share that is True.

    Example:
        >>> dict(small_strip(np.array([[True, False]])).attributes)["alt"]
        'mask (1, 2), True per sequence: 1'
    """
    strip = reduce_mask(mask, _SMALL_ROWS, _SMALL_COLUMNS)
    if len(mask) <= _SMALL_ROWS:
        counts = ", ".join(map(str, mask.sum(axis=1).tolist()))
        words = _("mask {shape}, True per sequence: {counts}").format(
            shape=mask.shape, counts=counts
        )
    else:
        words = _("mask {shape}, {true} of {all} True").format(
            shape=mask.shape, true=int(mask.sum()), all=mask.size
        )
    return _small_image(strip, words)


def small_square(mask: NDArray[np.bool_]) -> Element:
    """Draws a mask of queries and keys as a small image: at most 12 by 12 squares.

    Args:
        mask: (query, key) booleans, at least one.

    Returns:
        An `<img>` with the mask in words: a square per query, downwards, and key, to the right.

    Example:
        >>> dict(small_square(np.array([[True, False]])).attributes)["alt"]
        'mask of 1 x 2 (query x key), 1 of 2 True'
    """
    words = _("mask of {queries} x {keys} (query x key), {true} of {all} True").format(
        queries=mask.shape[0], keys=mask.shape[1], true=int(mask.sum()), all=mask.size
    )
    return _small_image(reduce_mask(mask, _SQUARE_SIDE, _SQUARE_SIDE), words)


def _small_image(strip: _Strip, words: str) -> Element:
    return element("img", alt=words, src=_address(_small_svg(strip)))


def _address(svg: str) -> str:
    return "data:image/svg+xml," + quote(svg, safe=" '/:;=,()")


def _summary(mask: NDArray[np.bool_], strip: _Strip) -> str:
    """Says in words what a strip shows.

    Args:
        mask: (batch, time) booleans.
        strip: The same mask, reduced.

    Returns:
        One or two sentences.

    Example:
        >>> mask = np.ones((2, 3), bool)
        >>> _summary(mask, reduce_mask(mask))
        'True timesteps per sequence: 3 at least, 3 at most, 3.0 on average.'
    """
    counts = mask.sum(axis=1)
    words = _(
        "True timesteps per sequence: {least} at least, {most} at most, {mean} on average."
    ).format(least=counts.min(), most=counts.max(), mean=f"{counts.mean():.1f}")
    if strip.block != (1, 1):
        words += " " + _(
            "One square stands for {rows} x {steps} timesteps (batch x time) "
            "and is filled to the share that is True."
        ).format(rows=strip.block[0], steps=strip.block[1])
    return words


def _svg(strip: _Strip) -> str:
    rows, columns = strip.quarters.shape
    width, height = columns * _SQUARE + _MARGIN + 20, rows * _SQUARE + 16
    paths = "".join(_path(strip.quarters, level) for level in range(5))
    slash = (
        f"<pattern id='n' width='{_SQUARE}' height='{_SQUARE}' patternUnits='userSpaceOnUse'>"
        f"<path d='M1 7L7 1' stroke='{_GREY}'/></pattern>"
    )
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
        f"viewBox='-{_MARGIN} -16 {width} {height}' fill='none' stroke='{_BLUE}'>{slash}{paths}"
        f"<g fill='{_GREY}' stroke='none' font-family='system-ui,sans-serif' font-size='11'>"
        f"{_numbers(strip)}</g></svg>"
    )


def _path(quarters: NDArray[np.int_], level: int) -> str:
    """One path per level: a run of equal blocks is one stroke, as thick as the block is full."""
    moves = [
        f"M{start * _SQUARE} {y * _SQUARE}h{length * _SQUARE}"
        for y, row in enumerate(quarters)
        for start, length in _runs(row == level)
    ]
    if not moves:
        return ""
    full = _SQUARE - 1
    thick = full * level / 4 if level else full
    middle = full - thick / 2
    stroke = "" if level else " stroke='url(#n)'"
    return (
        f"<path transform='translate(0 {middle:g})' stroke-width='{thick:g}'{stroke} "
        f"d='{''.join(moves)}'/>"
    )


def _numbers(strip: _Strip) -> str:
    rows, columns = strip.quarters.shape
    left = [
        f"<text x='-4' y='{y * _SQUARE + 7}' text-anchor='end'>{y * strip.block[0]}</text>"
        for y in range(0, rows, 8)
    ]
    top = [
        f"<text x='{x * _SQUARE}' y='-5'>{x * strip.block[1]}</text>" for x in range(0, columns, 12)
    ]
    return "".join(left + top)


def _small_svg(strip: _Strip) -> str:
    rows, columns = strip.quarters.shape
    side = min(12.0, _SMALL_WIDTH / columns)
    slash = (
        "<pattern id='n' y='.5' width='1' height='1' patternUnits='userSpaceOnUse'>"
        f"<path d='M.05 .05h.75v.75h-.75zM.2 .65L.65 .2' stroke='{_GREY}' stroke-width='.1'/>"
        "</pattern>"
    )
    paths = "".join(_small_path(strip.quarters, level) for level in range(5))
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{columns * side:g}' "
        f"height='{rows * side:g}' viewBox='0 0 {columns} {rows}' fill='none' "
        f"stroke='{_BLUE}'>{slash if (strip.quarters == 0).any() else ''}{paths}</svg>"
    )


def _small_path(quarters: NDArray[np.int_], level: int) -> str:
    """One path per level, in squares of side 1; dashes part the squares of a run."""
    moves = "".join(
        f"M{start} {y}h{length}"
        for y, row in enumerate(quarters)
        for start, length in _runs(row == level)
    )
    if not moves:
        return ""
    if not level:
        return f"<path transform='translate(0 .5)' stroke='url(#n)' d='{moves}'/>"
    thick = 0.84 * level / 4
    return (
        f"<path transform='translate(0 {0.84 - thick / 2:.3g})' stroke-width='{thick:.2g}' "
        f"stroke-dasharray='.84 .16' d='{moves}'/>"
    )


def _runs(where: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The start and length of each run of True."""
    edges = np.flatnonzero(np.diff(where, prepend=False, append=False)).reshape(-1, 2)
    return [(start, end - start) for start, end in edges.tolist()]
