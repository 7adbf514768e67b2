"""A figure of attention weights under a padding mask, a causal mask, and both."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from masklens._keras import mask_of
from masklens._language import translate as _
from masklens.drawing.picture import boolean_mask, check_tokens
from masklens.drawing.theme import BLUE, GREY
from masklens.plots.axes import (
    bundled_fonts,
    check_row,
    checked_axes,
    label_steps,
    new_axes,
    refuse_symbolic,
)
from masklens.tracing.calls import Mask

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

# With more timesteps on a side, numbers in the squares would be too small.
_MOST_NUMBERED = 8


def plot_attention(
    layer: Any,
    query: Any,
    value: Any = None,
    mask: Any = None,
    *,
    causal: bool = False,
    row: int = 0,
    head: int | None = None,
    tokens: Sequence[object] | None = None,
    key_tokens: Sequence[object] | None = None,
    axes: Any = None,
) -> "NDArray[Any]":
    """Draws how much each query timestep attends to each key timestep, under each mask.

    Queries run down, keys to the right, and a darker square is a larger weight. The weights are the
    layer's own, at inference. Masked keys are hatched on top of their weights, which need not be
    zero: an Attention has weights even if a query may read no key at all.

    Args:
        layer: An Attention, AdditiveAttention, MultiHeadAttention or GroupQueryAttention. An
            unbuilt layer is built, as by its first call.
        query: The queries, (batch, query time, features).
        value: The values, which are also the keys, (batch, key time, features); None for the
            queries themselves (self-attention).
        mask: Booleans of shape (batch, key time), True at keys that may be read. None for the mask
            that the value, or in self-attention the query, carries.
        causal: Whether to draw also the causal mask, under which a query may not read later keys.
        row: The index of the sequence to draw.
        head: The index of the head to draw; None for the mean of all heads.
        tokens: The words for the query timesteps of that sequence, one each.
        key_tokens: The words for the key timesteps; None for `tokens` in self-attention.
        axes: The axes to draw on, one per panel; None for a new figure.

    Returns:
        An array of axes: one panel each for the padding mask, the causal mask, and both, as far as
        these exist; without any mask, one panel.

    Raises:
        TypeError: If `layer` is another kind of layer, or a tensor is symbolic.
        ValueError: If a shape, the row, the head or the tokens do not fit.

    Example:
        >>> import keras
        >>> attention, x = keras.layers.Attention(), np.ones((1, 2, 4))
        >>> axes = plot_attention(attention, x, mask=[[True, False]])
        >>> axes[0].get_title(loc="left"), axes[0].images[0].get_array().tolist()
        ('padding mask', [[1.0, 0.0], [1.0, 0.0]])
    """
    import keras

    _check_layer(layer)
    carrier = query if value is None else value
    if mask is None and keras.ops.is_tensor(carrier):
        mask = mask_of(carrier)
    queries, keys = _vectors(query, "query"), _vectors(carrier, "value")
    padding = None if mask is None else _key_mask(mask, keys.shape)
    _check_batches(queries, keys)
    check_row(row, len(queries))
    key_tokens = tokens if key_tokens is None and value is None else key_tokens
    for words, vectors in ((tokens, queries), (key_tokens, keys)):
        if words is not None:
            check_tokens([words], [vectors.shape[1]])

    read = None if padding is None else padding[row]
    pair = queries[row : row + 1], keys[row : row + 1]
    panels = [
        (
            title,
            _weights(layer, *pair, read if pads else None, orders, head),
            _forbidden(pair, read if pads else None, orders),
        )
        for title, pads, orders in _panels(read is not None, causal)
    ]
    with bundled_fonts():
        return _draw_panels(panels, tokens, key_tokens, axes)


def _check_layer(layer: Any) -> None:
    import keras

    kinds = (
        keras.layers.Attention,
        keras.layers.MultiHeadAttention,
        keras.layers.GroupQueryAttention,
    )
    if not isinstance(layer, kinds):
        raise TypeError(
            _(
                "plot_attention draws the weights of an Attention, AdditiveAttention, "
                "MultiHeadAttention or GroupQueryAttention layer; got {type}."
            ).format(type=type(layer).__name__)
        )


def _vectors(tensor: Any, name: str) -> NDArray[Any]:
    import keras

    refuse_symbolic(tensor)
    vectors: NDArray[Any] = keras.ops.convert_to_numpy(tensor)
    if vectors.ndim != 3 or vectors.dtype.kind not in "biuf":
        raise ValueError(
            _(
                "The {name} must be numbers of shape (batch, time, features); "
                "these have the shape {shape}."
            ).format(name=name, shape=vectors.shape)
        )
    return vectors


def _key_mask(mask: Any, shape: tuple[int, ...]) -> Mask:
    known = boolean_mask(mask)
    if known.shape != shape[:2]:
        raise ValueError(
            _(
                "The mask says which keys may be read, so its shape must be (batch, key time), "
                "here {keys}; it is {mask}."
            ).format(keys=shape[:2], mask=known.shape)
        )
    return known


def _check_batches(queries: NDArray[Any], keys: NDArray[Any]) -> None:
    if len(queries) != len(keys):
        raise ValueError(
            _("The query has {queries} rows and the value {keys}; they must agree.").format(
                queries=len(queries), keys=len(keys)
            )
        )


def _panels(padded: bool, causal: bool) -> list[tuple[str, bool, bool]]:
    """Returns the title of each panel, and whether its padding mask and causal mask apply."""
    padding_only = (_("padding mask"), True, False)
    causal_only = (_("causal mask"), False, True)
    if padded and causal:
        return [padding_only, causal_only, (_("both masks"), True, True)]
    if padded or causal:
        return [padding_only if padded else causal_only]
    return [(_("no mask"), False, False)]


def _weights(
    layer: Any,
    queries: NDArray[Any],
    keys: NDArray[Any],
    read: Mask | None,
    causal: bool,
    head: int | None,
) -> NDArray[Any]:
    """Returns the weights that the layer itself computes, (query time, key time)."""
    import keras

    query, value = (keras.ops.convert_to_tensor(x, layer.compute_dtype) for x in (queries, keys))
    known = None if read is None else keras.ops.convert_to_tensor(read[None])
    asked = {
        "use_causal_mask": causal,
        "return_attention_scores": True,
        "training": False,
    }
    if isinstance(layer, keras.layers.Attention):
        masks = None if known is None else [None, known]
        _output, scores = layer([query, value], mask=masks, **asked)
    else:
        _output, scores = layer(query, value, value_mask=known, **asked)
    weights = keras.ops.convert_to_numpy(scores).astype("float32")[0]
    return _head_weights(weights, layer, head)


def _head_weights(weights: NDArray[Any], layer: Any, head: int | None) -> NDArray[Any]:
    heads = len(weights) if weights.ndim == 3 else 0
    if head is not None and head not in range(heads):
        raise ValueError(
            _(
                "There is no head {head!r}: {layer} has {heads} heads, counted from 0. "
                "head=None draws the mean, and suits a layer without heads."
            ).format(head=head, layer=layer.name, heads=heads)
        )
    if not heads:
        return weights
    chosen: NDArray[Any] = weights.mean(axis=0) if head is None else weights[head]
    return chosen


def _forbidden(
    pair: tuple[NDArray[Any], NDArray[Any]], read: Mask | None, causal: bool
) -> NDArray[np.bool_]:
    shape = pair[0].shape[1], pair[1].shape[1]
    later = np.triu(np.ones(shape, dtype=bool), k=1) if causal else np.zeros(shape, dtype=bool)
    return later if read is None else later | ~read


def _draw_panels(
    panels: list[tuple[str, NDArray[Any], NDArray[np.bool_]]],
    tokens: Sequence[object] | None,
    key_tokens: Sequence[object] | None,
    axes: Any,
) -> NDArray[Any]:
    queries, keys = panels[0][1].shape
    if axes is None:
        square = min(0.6, 5 / max(queries, keys))
        margin = 0.7 + 0.08 * max((len(str(token)) for token in tokens or ()), default=0)
        panel = max(1.8, keys * square) + margin, max(1.2, queries * square) + 1.1
        axes = new_axes((1, len(panels)), panel)
    flat = checked_axes(axes, len(panels))
    most = max(float(np.nanmax(weights)) for _title, weights, _places in panels)
    for ax, (title, weights, forbidden) in zip(flat, panels, strict=True):
        image = _draw(ax, weights, forbidden, most)
        ax.set_title(title, loc="left")
        label_steps(ax, keys, key_tokens)
        label_steps(ax, queries, tokens, side="y")
        ax.set_xlabel(_("key timestep"))
    flat[0].set_ylabel(_("query timestep"))
    flat[-1].figure.colorbar(image, ax=list(flat), label=_("attention weight"))
    return flat


def _draw(
    ax: "Axes", weights: NDArray[Any], forbidden: NDArray[np.bool_], most: float
) -> "AxesImage":
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Rectangle

    colours = LinearSegmentedColormap.from_list("weights", ["white", BLUE])
    image = ax.imshow(weights, cmap=colours, vmin=0, vmax=most)
    places = [Rectangle((x - 0.5, y - 0.5), 1, 1) for y, x in np.argwhere(forbidden)]
    ax.add_collection(PatchCollection(places, facecolor="none", edgecolor=GREY, hatch="////", lw=0))
    if max(weights.shape) <= _MOST_NUMBERED:
        for (y, x), weight in np.ndenumerate(weights):
            if weight or not forbidden[y, x]:
                ink = "white" if weight > most * 0.6 else "black"
                ax.text(x, y, f"{weight:.2f}", ha="center", va="center", color=ink, fontsize=8)
    ax.tick_params(length=0)
    ax.spines[:].set_color(GREY)
    return image
