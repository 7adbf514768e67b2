"""What the figures share: axes, labels of timesteps, and letters from bundled fonts."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from masklens._language import translate as _

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FONTS = Path(__file__).parent / "fonts"
# Tokens with more letters are rotated, since they do not fit below one timestep.
_LONG_TOKEN = 5


def bundled_fonts() -> "AbstractContextManager[None]":
    """Adds the bundled fonts as a fallback for letters that the current font lacks.

    Returns:
        A context manager that restores matplotlib's settings at the end.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> with bundled_fonts():
        ...     text = plt.figure().text(0, 0, "마스크")
    """
    import matplotlib.pyplot as plt

    return plt.rc_context({"font.family": [*plt.rcParams["font.family"], *_bundled_families()]})


def use_bundled_fonts() -> None:
    """Adds the bundled fonts as a fallback for the whole session.

    Example:
        >>> use_bundled_fonts()
    """
    import matplotlib as mpl

    known = mpl.rcParams["font.family"]
    mpl.rcParams["font.family"] = list(dict.fromkeys([*known, *_bundled_families()]))


def label_steps(ax: "Axes", steps: int, tokens: Sequence[object] | None, side: str = "x") -> None:
    """Labels the timesteps along an axis with tokens or numbers.

    Args:
        ax: The axes.
        steps: The number of timesteps along the axis.
        tokens: One token per timestep; None for numbers.
        side: `"x"` or `"y"`.
    """
    from matplotlib.ticker import MaxNLocator

    axis = ax.xaxis if side == "x" else ax.yaxis
    if tokens is None:
        axis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        return
    words = [str(token) for token in tokens]
    turned = side == "x" and max(map(len, words)) > _LONG_TOKEN
    axis.set_ticks(
        range(steps),
        words,
        rotation=45 if turned else 0,
        ha="right" if turned or side == "y" else "center",
        rotation_mode="anchor" if turned else "default",
    )


def new_axes(shape: tuple[int, int], panel_size: tuple[float, float]) -> "NDArray[Any]":
    """Makes a figure of several panels.

    Args:
        shape: The number of panels down and to the right.
        panel_size: The width and the height of one panel in inches.

    Returns:
        An array of axes of that shape.
    """
    import matplotlib.pyplot as plt
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    (down, across), (wide, high) = shape, panel_size
    axes: NDArray[Any] = plt.subplots(
        down,
        across,
        figsize=(across * wide + 0.8, down * high),
        squeeze=False,
        layout=ConstrainedLayoutEngine(compress=True, w_pad=0.08, h_pad=0.08),
    )[1]
    return axes


def checked_axes(axes: Any, panels: int) -> "NDArray[Any]":
    """Flattens the axes to draw on, and raises if there are too few or too many.

    Args:
        axes: Axes, or any nesting of them.
        panels: The number of axes that the figure needs.

    Returns:
        A flat array of them.

    Raises:
        ValueError: If there is another number of axes.
    """
    flat: NDArray[Any] = np.asarray(axes, dtype=object).ravel()
    if len(flat) != panels:
        raise ValueError(
            _("This figure has {panels} panels, but axes= holds {given}.").format(
                panels=panels, given=len(flat)
            )
        )
    return flat


def check_row(row: int, rows: int) -> None:
    """Raises if a batch does not have a row.

    Args:
        row: The index of the row.
        rows: The number of rows in the batch.

    Raises:
        ValueError: If there is no such row.

    Example:
        >>> check_row(0, 1)
    """
    if row not in range(rows):
        raise ValueError(
            _("There is no row {row!r}: the batch has {rows} rows, counted from 0.").format(
                row=row, rows=rows
            )
        )


def refuse_symbolic(inputs: Any) -> None:
    """Raises for a symbolic tensor, which holds no numbers to draw.

    Args:
        inputs: The inputs of a plot.

    Raises:
        TypeError: If it is a `keras.KerasTensor`.

    Example:
        >>> refuse_symbolic([[1.0]])
    """
    import keras

    if isinstance(inputs, keras.KerasTensor):
        raise TypeError(_("A figure needs numbers, but this tensor is symbolic; pass an array."))


@cache
def _bundled_families() -> tuple[str, ...]:
    from matplotlib import font_manager

    fonts = sorted(map(str, _FONTS.glob("*.[ot]tf")))
    for font in fonts:
        font_manager.fontManager.addfont(font)
    return tuple(font_manager.FontProperties(fname=font).get_name() for font in fonts)
