"""What the figures share: colours, Hangul from the bundled font, panels, labels of timesteps."""

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
# A longer token does not fit below one timestep and is turned.
_LONG_TOKEN = 5


def hangul() -> "AbstractContextManager[None]":
    """Draws letters that the font in use lacks with the bundled one, within a `with` block.

    Returns:
        A context manager; matplotlib's settings are as before when it is left.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> with hangul():
        ...     text = plt.figure().text(0, 0, "마스크")
    """
    import matplotlib.pyplot as plt

    return plt.rc_context({"font.family": [*plt.rcParams["font.family"], _hangul_family()]})


def label_steps(ax: "Axes", steps: int, tokens: Sequence[object] | None, side: str = "x") -> None:
    """Writes the timesteps along an axis: their tokens, or their numbers.

    Args:
        ax: The axes.
        steps: How many timesteps stand along the axis.
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


def new_axes(grid: tuple[int, int], panel: tuple[float, float]) -> "NDArray[Any]":
    """Makes a figure of several panels.

    Args:
        grid: How many panels down, and to the right.
        panel: The width and the height of one panel in inches.

    Returns:
        An array of axes of the shape `grid`.
    """
    import matplotlib.pyplot as plt
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    (down, across), (wide, high) = grid, panel
    axes: NDArray[Any] = plt.subplots(
        down,
        across,
        figsize=(across * wide + 0.8, down * high),
        squeeze=False,
        layout=ConstrainedLayoutEngine(compress=True, w_pad=0.08, h_pad=0.08),
    )[1]
    return axes


def checked_axes(axes: Any, panels: int) -> "NDArray[Any]":
    """Takes the axes to draw on, and refuses too few or too many.

    Args:
        axes: Axes, or any nesting of them.
        panels: How many are needed.

    Returns:
        A flat array of them.

    Raises:
        ValueError: If there are not as many as needed.
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
    """Refuses a row that the batch does not have.

    Args:
        row: Which sequence of the batch.
        rows: How many there are.

    Raises:
        ValueError: If the row is none of them.

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
    """Refuses a symbolic tensor, which holds no numbers to draw.

    Args:
        inputs: What a caller hands over.

    Raises:
        TypeError: If it is a `keras.KerasTensor`.

    Example:
        >>> refuse_symbolic([[1.0]])
    """
    import keras

    if isinstance(inputs, keras.KerasTensor):
        raise TypeError(_("A figure needs numbers, but this tensor is symbolic; pass an array."))


@cache
def _hangul_family() -> str:
    from matplotlib import font_manager

    font = str(next(_FONTS.glob("*.[ot]tf")))
    font_manager.fontManager.addfont(font)
    return font_manager.FontProperties(fname=font).get_name()
