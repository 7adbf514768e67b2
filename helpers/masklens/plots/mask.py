"""A matplotlib figure of a mask over timesteps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from masklens._language import translate as _
from masklens.drawing.picture import boolean_mask, check_tokens
from masklens.drawing.theme import BLUE, GREY
from masklens.plots.axes import bundled_fonts

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_mask(
    mask: Any,
    *,
    tokens: Sequence[Sequence[object]] | None = None,
    title: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws a mask over timesteps with matplotlib, for a paper or a slide.

    As in `show`, a filled square is True, and an empty one with a slash is False.

    Args:
        mask: Booleans of shape (batch, time), or a tensor that carries a mask.
        tokens: The words for the squares, one token per timestep, (batch, time).
        title: The words above the figure; Hangul is drawn with the bundled font.
        ax: The axes to draw on; None for a new figure.

    Returns:
        The axes.

    Raises:
        TypeError: If the mask holds numbers instead of booleans.
        ValueError: If the mask does not have two dimensions, or the tokens do not fit.

    Example:
        >>> axes = plot_mask([[True, True, False]], title="패딩")
        >>> axes.get_title(loc="left")
        '패딩'
    """
    import matplotlib.pyplot as plt

    booleans = boolean_mask(mask)
    batch, time = booleans.shape
    if tokens is not None:
        check_tokens(tokens, [time] * batch)
    with bundled_fonts():
        if ax is None:
            wide = 0.5 if tokens is None else 0.9
            _figure, ax = plt.subplots(figsize=(wide * time + 1.5, 0.5 * batch + 1))
        _draw_squares(ax, booleans)
        for row, column in np.ndindex(batch, time) if tokens is not None else ():
            ink = "white" if booleans[row, column] else GREY
            word = str(tokens[row][column])  # type: ignore[index]  # empty unless there are tokens
            ax.text(column, row, word, ha="center", va="center", color=ink, fontsize=9)
        ax.set_title(title or "", loc="left")
        ax.set_xlabel(_("timestep"))
        ax.set_ylabel(_("sequence"))
    return ax


def _draw_squares(ax: "Axes", mask: "np.ndarray[Any, np.dtype[np.bool_]]") -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle
    from matplotlib.ticker import MaxNLocator

    def squares(value: bool) -> list[Rectangle]:
        return [Rectangle((x - 0.45, y - 0.45), 0.9, 0.9) for y, x in np.argwhere(mask == value)]

    ax.add_collection(PatchCollection(squares(True), facecolor=BLUE, edgecolor=BLUE))
    ax.add_collection(PatchCollection(squares(False), facecolor="none", edgecolor=GREY, hatch="//"))
    batch, time = mask.shape
    ax.set(xlim=(-0.6, time - 0.4), ylim=(batch - 0.4, -0.6), aspect="equal")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
