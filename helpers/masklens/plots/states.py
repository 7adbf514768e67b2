"""A figure of a recurrent layer's hidden states over timesteps, with its mask and without it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from masklens._language import translate as _
from masklens.drawing.picture import check_tokens
from masklens.drawing.theme import BLUE, GREY
from masklens.plots.axes import bundled_fonts, checked_axes, label_steps, new_axes
from masklens.plots.hidden_states import hidden_states
from masklens.tracing.calls import Mask

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

# From light grey over blue to nearly black, so that the order stays visible in grey print.
_COLOURS = ("#f4f4f4", "#9cc3dd", BLUE, "#002a45")


def plot_states(
    layer: Any,
    inputs: Any,
    mask: Any = None,
    *,
    row: int = 0,
    tokens: Sequence[object] | None = None,
    axes: Any = None,
) -> "NDArray[Any]":
    """Draws the hidden states of a recurrent layer per timestep, with the mask and without it.

    The figure has two heat maps with one colour scale, units down and time to the right. In the row
    of squares below, a filled square is a timestep that is read. A hatched one is skipped, and the
    state stays as it was.

    The values are the outputs of the layer's own cell (for SimpleRNN, GRU and LSTM the hidden
    state), starting from zero states, at inference. The layer is not changed, except that an
    unbuilt layer is built, as by its first call. A layer that goes backwards is drawn in the order
    of the sequence: each state is at the timestep that was just read.

    Args:
        layer: A SimpleRNN, LSTM, GRU or RNN, or a Bidirectional of one. Or a Sequential or
            Functional model that holds one; of several, the last is drawn.
        inputs: The inputs of the layer or model: for a layer, (batch, time, features); for a model
            also a `PaddedBatch`.
        mask: Booleans of shape (batch, time); None for the mask that reaches the layer: the one
            that `inputs` carry, or that earlier layers of the model pass on.
        row: The index of the sequence to draw.
        tokens: The words below the timesteps of that sequence, one each.
        axes: The axes to draw on: a pair, or two pairs for a Bidirectional; None for a new figure.

    Returns:
        An array of axes of shape (2,), with the mask and without it; for a Bidirectional of shape
        (2, 2), with the forward layer above.

    Raises:
        TypeError: If there is no recurrent layer, or the inputs are symbolic.
        ValueError: If there is no mask, or a shape, the row or the tokens do not fit.

    Example:
        >>> import keras
        >>> x, lstm = np.ones((1, 3, 2)), keras.layers.LSTM(4, name="lstm")
        >>> axes = plot_states(lstm, x, mask=[[True, True, False]])
        >>> [ax.get_title(loc="left") for ax in axes]
        ['lstm, with the mask', 'lstm, without the mask']
    """
    states = hidden_states(layer, inputs, mask, [row])
    read = states.mask[row]
    if tokens is not None:
        check_tokens([tokens], [len(read)])
    pairs = [(part.name, part.masked[0], part.plain[0]) for part in states.directions]
    with bundled_fonts():
        return _draw_pairs(pairs, read, tokens, axes)


def _draw_pairs(
    pairs: list[tuple[str, NDArray[Any], NDArray[Any]]],
    read: Mask,
    tokens: Sequence[object] | None,
    axes: Any,
) -> "NDArray[Any]":
    time, units = pairs[0][1].shape
    if axes is None:
        wide = min(6.5, max(2.8, time * (0.35 if tokens is None else 0.55) + 0.8))
        high = min(6.0, max(1.4, units * 0.22)) + 1.1
        axes = new_axes((len(pairs), 2), (wide, high))
    grid = checked_axes(axes, 2 * len(pairs)).reshape(len(pairs), 2)
    most = max(float(np.abs(states).max()) for _name, *both in pairs for states in both)
    every = np.ones_like(read)
    for (left, right), (name, masked, plain) in zip(grid, pairs, strict=True):
        _draw(left, masked, read, most)
        left.set_title(_("{layer}, with the mask").format(layer=name), loc="left", pad=20)
        image = _draw(right, plain, every, most)
        right.set_title(_("{layer}, without the mask").format(layer=name), loc="left", pad=20)
        _name_masked_steps(left, read, _("skipped"))
        _name_masked_steps(right, read, _("read as data"))
        for ax in (left, right):
            label_steps(ax, time, tokens)
            ax.set_xlabel(_("timestep"))
        left.set_ylabel(_("unit"))
        left.figure.colorbar(image, ax=[left, right], label=_("hidden state"))
    return grid[0] if len(pairs) == 1 else grid


def _draw(ax: "Axes", states: NDArray[Any], read: Mask, most: float) -> "AxesImage":
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Rectangle
    from matplotlib.ticker import MaxNLocator

    time, units = states.shape
    colours = LinearSegmentedColormap.from_list("states", _COLOURS)
    image = ax.imshow(states.T, cmap=colours, vmin=-most, vmax=most, aspect="auto")
    # The row of squares has the same height for any number of units.
    strip = max(0.9, units * 0.09)
    top, high = units - 0.5 + strip * 0.3, strip * 0.7
    squares = [Rectangle((step - 0.45, top), 0.9, high) for step in range(time)]
    for square, is_read in zip(squares, read, strict=True):
        square.set(facecolor=BLUE if is_read else "none", edgecolor=BLUE if is_read else GREY)
        square.set_hatch("" if is_read else "////")
        ax.add_patch(square)
    ax.set(xlim=(-0.5, time - 0.5), ylim=(units - 0.5 + strip * 1.1, -0.5))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick < units])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return image


def _name_masked_steps(ax: "Axes", read: Mask, word: str) -> None:
    """Draws a line over each run of masked timesteps, with a word above the longest."""
    edges = np.flatnonzero(np.diff(~read, prepend=False, append=False)).reshape(-1, 2)
    for start, end in edges:
        ax.plot([start - 0.42, end - 0.58], [1.015, 1.015], color=GREY, lw=1.5, clip_on=False,
                transform=ax.get_xaxis_transform())  # fmt: skip
    if len(edges):
        start, end = max(edges, key=lambda edge: edge[1] - edge[0])
        ax.annotate(word, ((start + end - 1) / 2, 1.015), xytext=(0, 3), ha="center", va="bottom",
                    xycoords=ax.get_xaxis_transform(), textcoords="offset points",
                    color=GREY, fontsize="small")  # fmt: skip
