"""A figure of a recurrent layer's hidden states over timesteps, with its mask and without it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from masklens.language import translate as _
from masklens.mask import mask_of
from masklens.padding import PaddedBatch
from masklens.panels import (
    BLUE,
    GREY,
    check_row,
    checked_axes,
    hangul,
    label_steps,
    new_axes,
    refuse_symbolic,
)
from masklens.picture import Mask, boolean_mask, check_tokens

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

# Light grey, blue, nearly black: ever darker, so that grey print keeps the order.
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

    Two heat maps on one colour scale, units down and time to the right. Below them, as in every
    picture of masklens, a filled square is a timestep that is read, a hatched one is skipped: there
    the state stays as it was.

    What is drawn is what the layer's own cell puts out at each timestep (for SimpleRNN, GRU and
    LSTM the hidden state), from zero states at the beginning, at inference. The layer stays as it
    is, except that an unbuilt one is built, as its first call would. A layer that goes backwards is
    drawn in the order of the sequence: each state stands at the timestep it has just read.

    Args:
        layer: A SimpleRNN, LSTM, GRU or RNN, or a Bidirectional of one. Or a Sequential or
            Functional model that holds one; of several, the last is drawn.
        inputs: What the layer or model takes: for a layer, (batch, time, features); for a model
            also a `PaddedBatch`.
        mask: Booleans of shape (batch, time); None for the mask that reaches the layer: the one
            that `inputs` carry, or that the model's layers before it pass on.
        row: Which sequence of the batch to draw.
        tokens: What to write below the timesteps of that sequence, one each.
        axes: Where to draw, one pair of axes, or two pairs for a Bidirectional; None for a new
            figure.

    Returns:
        An array of axes of shape (2,): with the mask, without it. For a Bidirectional of shape
        (2, 2), the forward layer above.

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
    import keras

    recurrent = _recurrent_layer(layer)
    refuse_symbolic(inputs)
    features, carried = _before(recurrent, layer, inputs)
    known = _checked_mask(carried if mask is None else mask, features.shape)
    check_row(row, len(features))
    if tokens is not None:
        check_tokens([tokens], [features.shape[1]])
    if not recurrent.built:
        recurrent.build(features.shape)
    one, read = features[row : row + 1], known[row]
    # Recurrent dropout moves its random seed even at inference; the scope catches that.
    with keras.StatelessScope():
        pairs = [
            (part.name, _states(part, one, read), _states(part, one, np.ones_like(read)))
            for part in _directions(recurrent)
        ]
    with hangul():
        return _draw_pairs(pairs, read, tokens, axes)


def _recurrent_layer(layer: Any) -> Any:
    import keras

    kinds = (keras.layers.RNN, keras.layers.Bidirectional)
    candidates = getattr(layer, "layers", []) if isinstance(layer, keras.Model) else [layer]
    found = [candidate for candidate in candidates if isinstance(candidate, kinds)]
    if not found:
        raise TypeError(
            _(
                "plot_states draws a recurrent layer, such as LSTM or GRU, or a model with one "
                "among its own layers; {type} is none. Of nested models, pass the inner one."
            ).format(type=type(layer).__name__)
        )
    return found[-1]


def _before(recurrent: Any, layer: Any, inputs: Any) -> tuple[NDArray[Any], Any]:
    """What reaches the recurrent layer: features of shape (batch, time, features), and the mask."""
    import keras

    tensor = inputs.ids if isinstance(inputs, PaddedBatch) else inputs
    mask = None
    if isinstance(layer, keras.Model) and not layer.built:
        layer(tensor)
    with keras.StatelessScope():
        if isinstance(layer, keras.Sequential):
            for earlier in layer.layers[: layer.layers.index(recurrent)]:
                tensor = earlier(tensor)
        elif isinstance(layer, keras.Model):
            tensor, *masks = _part_before(recurrent, layer)(tensor)
            mask = masks[0] if masks else None
    if mask is None and keras.ops.is_tensor(tensor):
        mask = mask_of(tensor)
    features = keras.ops.convert_to_numpy(tensor)
    if features.ndim != 3 or features.dtype.kind not in "biuf":
        raise ValueError(
            _(
                "{layer} reads numbers of shape (batch, time, features); these have the shape "
                "{shape}. For ids, pass the model with its Embedding."
            ).format(layer=recurrent.name, shape=features.shape)
        )
    return features, None if mask is None else keras.ops.convert_to_numpy(mask)


def _part_before(recurrent: Any, model: Any) -> Any:
    """The part of a Functional model that computes what the recurrent layer reads, and its mask."""
    import keras

    try:
        # A Functional model keeps the mask among the tensors that a layer takes.
        features, *others = keras.tree.flatten(recurrent.input)
        masks = [tensor for tensor in others if tensor.dtype == "bool"]
        return keras.Model(model.input, [features, *masks])
    except (AttributeError, TypeError, ValueError) as error:
        raise TypeError(
            _(
                "plot_states cannot see what reaches {layer} inside {model}, which is no graph of "
                "layers that leads to it. Pass {layer} itself, and what it takes as inputs."
            ).format(layer=recurrent.name, model=model.name)
        ) from error


def _checked_mask(mask: Any, shape: tuple[int, ...]) -> Mask:
    if mask is None:
        raise ValueError(
            _(
                "No mask reaches the layer, so there is nothing to compare. Pass "
                "mask=, of shape (batch, time), such as the mask of the batch that ml.pad returns."
            )
        )
    known = boolean_mask(mask)
    if known.shape != shape[:2]:
        raise ValueError(
            _("The mask has the shape {mask}, but the batch has {batch}; they must agree.").format(
                mask=known.shape, batch=shape[:2]
            )
        )
    return known


def _directions(recurrent: Any) -> list[Any]:
    import keras

    if isinstance(recurrent, keras.layers.Bidirectional):
        return [recurrent.forward_layer, recurrent.backward_layer]
    return [recurrent]


def _states(recurrent: Any, features: NDArray[Any], read: Mask) -> NDArray[Any]:
    """(time, units): runs the layer's own cell, in a loop that keeps what it puts out each time."""
    import keras

    backwards = recurrent.go_backwards
    # A new loop around the same cell shares its weights and leaves the layer's own state alone.
    loop = keras.layers.RNN(
        recurrent.cell,
        return_sequences=True,
        go_backwards=backwards,
        dtype=recurrent.dtype_policy,
    )
    tensor = keras.ops.convert_to_tensor(features, dtype=recurrent.compute_dtype)
    outputs = keras.ops.convert_to_numpy(loop(tensor, mask=read[None], training=False))[0]
    states: NDArray[Any] = outputs[::-1] if backwards else outputs
    return states.astype("float32")


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
    # The strip of timesteps keeps its height whatever the number of units.
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
    """Writes the word above the longest run of masked timesteps, with a line over each run."""
    edges = np.flatnonzero(np.diff(~read, prepend=False, append=False)).reshape(-1, 2)
    for start, end in edges:
        ax.plot([start - 0.42, end - 0.58], [1.015, 1.015], color=GREY, lw=1.5, clip_on=False,
                transform=ax.get_xaxis_transform())  # fmt: skip
    if len(edges):
        start, end = max(edges, key=lambda edge: edge[1] - edge[0])
        ax.annotate(word, ((start + end - 1) / 2, 1.015), xytext=(0, 3), ha="center", va="bottom",
                    xycoords=ax.get_xaxis_transform(), textcoords="offset points",
                    color=GREY, fontsize="small")  # fmt: skip
