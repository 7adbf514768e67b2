"""Images of masks, in which one square may stand for a block of timesteps."""

from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from masklens._language import translate as _
from masklens.drawing.elements import Element, element

_MOST_ROWS, _MOST_COLUMNS = 64, 96
# Limits of an image in one row of a trace, in squares; the width is in pixels.
_SMALL_ROWS, _SMALL_COLUMNS, _SMALL_WIDTH = 8, 24, 132
# The same for a mask of queries and keys.
_MOST_QUERIES_OR_KEYS = 12
_SQUARE, _MARGIN = 8, 34
# An <img> cannot see the theme of the page, so these show on white and on black.
_BLUE, _GREY = "#2f8ac4", "#808080"


@dataclass(frozen=True)
class _ReducedMask:
    """A mask reduced to blocks.

    Attributes:
        quarters: (rows, columns) integers from 0 to 4: the share of True timesteps in each block,
            in quarters. 0 means exactly none and 4 exactly all.
        shape: The shape (batch, time) of the mask.
        block: The number of sequences and timesteps in a block; fewer at the far edges.
    """

    quarters: NDArray[np.int_]
    shape: tuple[int, int]
    block: tuple[int, int]


def reduce_mask(
    mask: NDArray[np.bool_], rows: int = _MOST_ROWS, columns: int = _MOST_COLUMNS
) -> _ReducedMask:
    """Reduces a mask to blocks.

    Args:
        mask: (batch, time) booleans.
        rows: The largest number of rows of blocks.
        columns: The largest number of columns of blocks.

    Returns:
        The reduced mask.

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
    # A block that is partly True must look neither empty nor full.
    partial = np.clip(np.rint(share * 4), 1, 3)
    quarters = np.where(share == 0, 0, np.where(share == 1, 4, partial)).astype(int)
    return _ReducedMask(quarters, (batch, time), block)


def large_mask_element(mask: NDArray[np.bool_], caption: str, rows: int = _MOST_ROWS) -> Element:
    """Draws a mask of many timesteps as an image, with a summary in words below.

    Args:
        mask: (batch, time) booleans.
        caption: The words above the image.
        rows: The largest number of rows of squares.

    Returns:
        A `<figure>` whose image is a data URL, which also works where inline SVG and style sheets
        are stripped.

    Example:
        >>> from masklens.drawing.elements import text
        >>> print(text(large_mask_element(np.array([[True, False]]), "mask")))
        mask
        True timesteps per sequence: 1 at least, 1 at most, 1.0 on average.
    """
    reduced = reduce_mask(mask, rows)
    words = _summary(mask, reduced)
    image = element("img", plain="", alt=words, src=_data_url(_svg(reduced)))
    return element("figure", element("figcaption", caption), image, element("figcaption", words))


def mask_image(mask: NDArray[np.bool_]) -> Element:
    """Draws a mask as a small image of at most 8 by 24 squares, for one row of a trace.

    Args:
        mask: (batch, time) booleans, at least one.

    Returns:
        An `<img>` with the mask in words. A filled square is True, an empty one with a slash is
        False; a square for several timesteps is filled to the share that is True.

    Example:
        >>> dict(mask_image(np.array([[True, False]])).attributes)["alt"]
        'mask (1, 2), True per sequence: 1'
    """
    reduced = reduce_mask(mask, _SMALL_ROWS, _SMALL_COLUMNS)
    if len(mask) <= _SMALL_ROWS:
        counts = ", ".join(map(str, mask.sum(axis=1).tolist()))
        words = _("mask {shape}, True per sequence: {counts}").format(
            shape=mask.shape, counts=counts
        )
    else:
        words = _("mask {shape}, {true} of {all} True").format(
            shape=mask.shape, true=int(mask.sum()), all=mask.size
        )
    return _image(reduced, words)


def attention_mask_image(mask: NDArray[np.bool_]) -> Element:
    """Draws a mask of queries and keys as a small image of at most 12 by 12 squares.

    Args:
        mask: (query, key) booleans, at least one.

    Returns:
        An `<img>` with the mask in words; queries run down, keys to the right.

    Example:
        >>> dict(attention_mask_image(np.array([[True, False]])).attributes)["alt"]
        'mask of 1 x 2 (query x key), 1 of 2 True'
    """
    words = _("mask of {queries} x {keys} (query x key), {true} of {all} True").format(
        queries=mask.shape[0], keys=mask.shape[1], true=int(mask.sum()), all=mask.size
    )
    return _image(reduce_mask(mask, _MOST_QUERIES_OR_KEYS, _MOST_QUERIES_OR_KEYS), words)


def _image(reduced: _ReducedMask, words: str) -> Element:
    return element("img", alt=words, src=_data_url(_small_svg(reduced)))


def _data_url(svg: str) -> str:
    return "data:image/svg+xml," + quote(svg, safe=" '/:;=,()")


def _summary(mask: NDArray[np.bool_], reduced: _ReducedMask) -> str:
    """Summarizes a mask in one or two sentences.

    Example:
        >>> mask = np.ones((2, 3), bool)
        >>> _summary(mask, reduce_mask(mask))
        'True timesteps per sequence: 3 at least, 3 at most, 3.0 on average.'
    """
    counts = mask.sum(axis=1)
    words = _(
        "True timesteps per sequence: {least} at least, {most} at most, {mean} on average."
    ).format(least=counts.min(), most=counts.max(), mean=f"{counts.mean():.1f}")
    if reduced.block != (1, 1):
        words += " " + _(
            "Each square is {rows} x {steps} timesteps (batch x time), filled in proportion to "
            "how many are True."
        ).format(rows=reduced.block[0], steps=reduced.block[1])
    return words


def _svg(reduced: _ReducedMask) -> str:
    rows, columns = reduced.quarters.shape
    width, height = columns * _SQUARE + _MARGIN + 20, rows * _SQUARE + 16
    paths = "".join(_path(reduced.quarters, level) for level in range(5))
    slash = (
        f"<pattern id='n' width='{_SQUARE}' height='{_SQUARE}' patternUnits='userSpaceOnUse'>"
        f"<path d='M1 7L7 1' stroke='{_GREY}'/></pattern>"
    )
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
        f"viewBox='-{_MARGIN} -16 {width} {height}' fill='none' stroke='{_BLUE}'>{slash}{paths}"
        f"<g fill='{_GREY}' stroke='none' font-family='system-ui,sans-serif' font-size='11'>"
        f"{_axis_numbers(reduced)}</g></svg>"
    )


def _path(quarters: NDArray[np.int_], level: int) -> str:
    """Draws the blocks of one level as one path; each run is a stroke as thick as its share."""
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


def _axis_numbers(reduced: _ReducedMask) -> str:
    rows, columns = reduced.quarters.shape
    left = [
        f"<text x='-4' y='{y * _SQUARE + 7}' text-anchor='end'>{y * reduced.block[0]}</text>"
        for y in range(0, rows, 8)
    ]
    top = [
        f"<text x='{x * _SQUARE}' y='-5'>{x * reduced.block[1]}</text>"
        for x in range(0, columns, 12)
    ]
    return "".join(left + top)


def _small_svg(reduced: _ReducedMask) -> str:
    rows, columns = reduced.quarters.shape
    side = min(12.0, _SMALL_WIDTH / columns)
    slash = (
        "<pattern id='n' y='.5' width='1' height='1' patternUnits='userSpaceOnUse'>"
        f"<path d='M.05 .05h.75v.75h-.75zM.2 .65L.65 .2' stroke='{_GREY}' stroke-width='.1'/>"
        "</pattern>"
    )
    paths = "".join(_small_path(reduced.quarters, level) for level in range(5))
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{columns * side:g}' "
        f"height='{rows * side:g}' viewBox='0 0 {columns} {rows}' fill='none' "
        f"stroke='{_BLUE}'>{slash if (reduced.quarters == 0).any() else ''}{paths}</svg>"
    )


def _small_path(quarters: NDArray[np.int_], level: int) -> str:
    """Draws the blocks of one level as one path in squares of side 1, separated by dashes."""
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
    """Returns the start and length of each run of True."""
    edges = np.flatnonzero(np.diff(where, prepend=False, append=False)).reshape(-1, 2)
    return [(start, end - start) for start, end in edges.tolist()]
