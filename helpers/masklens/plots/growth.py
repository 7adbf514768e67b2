"""Measuring and drawing how far a model's output moves when padding grows."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from masklens._language import translate as _
from masklens.drawing.theme import BLUE, GREY
from masklens.padding import PaddedBatch, Side, pad
from masklens.plots.axes import bundled_fonts, check_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Marker, line and colour differ, so that nobody needs colours to tell lines apart.
_LOOKS = (("o", "-", BLUE), ("s", "--", GREY), ("^", "-.", "#d55e00"), ("D", ":", "black"))


@dataclass(frozen=True)
class _Growth:
    """How far the output of a model moves from the output without padding.

    Attributes:
        lengths: The padded lengths in timesteps.
        moved: For each length, the largest absolute difference from the output without padding.
        largest: The largest absolute number in the output without padding.
    """

    lengths: tuple[int, ...]
    moved: tuple[float, ...]
    largest: float


def plot_growth(
    model: Any,
    sequences: Sequence[Any],
    lengths: Iterable[int] | None = None,
    *,
    row: int | None = None,
    padding: Side = "post",
    value: float = 0.0,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws how far a model's output moves when the same sequences are padded further.

    The line of a model that ignores padding stays at zero. The model runs on sequences of equal
    length without padding, then on all sequences padded to each length with `ml.pad`. The height
    of the line is the largest absolute difference between the outputs, at the timesteps of tokens
    if the output has a time axis. Models run at inference and stay as they are.

    Args:
        model: A Keras model or layer that takes what `ml.pad` returns and has one output; or
            several by name, such as `{"with mask": model, "without": other}`.
        sequences: One list of ids, or of feature vectors, per row, as for `ml.pad`.
        lengths: The padded lengths in timesteps; None for nine, from that of the longest sequence
            to four times as long.
        row: The index of the sequence to measure; None for the largest difference among all.
        padding: Pads before (`"pre"`) or after (`"post"`) the tokens.
        value: The value at padded timesteps.
        ax: The axes to draw on; None for a new figure.

    Returns:
        The axes, with one line per model.

    Raises:
        TypeError: If an object is not a Keras model, or a model has several outputs.
        ValueError: If there is no model, a sequence is empty, there is no such row, or a length
            would cut a sequence.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.layers.Embedding(9, 2, mask_zero=True),
        ...                           keras.layers.GlobalAveragePooling1D()])
        >>> axes = plot_growth(model, [[5, 6], [7]], lengths=[2, 4, 8])
        >>> axes.lines[0].get_ydata().round(5).tolist()
        [0.0, 0.0, 0.0]
    """
    import matplotlib.pyplot as plt

    models = dict(model) if isinstance(model, Mapping) else {None: model}
    if not models:
        raise ValueError(_("There is no model to run; give at least one."))
    known = sorted(lengths) if lengths is not None else None
    curves: dict[Any, _Growth] = {}
    for name, one in models.items():
        _check_model(name, one)
        growths = measure_growth(one, sequences, known, (padding,), row=row, value=value)
        curves[name] = growths[padding]
    with bundled_fonts():
        if ax is None:
            _figure, ax = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
        _draw(ax, curves)
    return ax


def measure_growth(
    model: Any,
    sequences: Sequence[Any],
    lengths: Iterable[int] | None = None,
    paddings: Sequence[Side] = ("pre", "post"),
    *,
    row: int | None = None,
    value: float = 0.0,
) -> dict[Side, _Growth]:
    """Measures how far a model's output moves when the same sequences are padded further.

    Args:
        model: A Keras model or layer, as for `plot_growth`.
        sequences: One list of ids, or of feature vectors, per row.
        lengths: The padded lengths in timesteps; None for those of `plot_growth`.
        paddings: The sides to pad on, before (`"pre"`) or after (`"post"`) the tokens.
        row: The index of the sequence to measure; None for the largest difference among all.
        value: The value at padded timesteps.

    Returns:
        The measured growth for each side, with lengths in order.

    Raises:
        TypeError: If the model has several outputs.
        ValueError: If a sequence is empty, there is no such row, or a length would cut a sequence.
        Exception: What the model raises on one of the lengths.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.layers.Embedding(9, 2, mask_zero=True),
        ...                           keras.layers.GlobalAveragePooling1D()])
        >>> measure_growth(model, [[5, 6], [7]], lengths=[4, 2])["pre"].lengths
        (2, 4)
    """
    rows = _rows(sequences, row, value)
    known = _lengths(lengths, max(map(len, rows)))
    alone = _without_padding(model, rows, value)
    largest = max(float(np.abs(output).max(initial=0)) for output in alone)
    moved: dict[Side, list[float]] = {side: [] for side in paddings}
    for length in known:
        batches = [_padded(rows, length, side, value) for side in paddings]
        # In one run, since its cost depends on the number of timesteps more than on that of rows.
        outputs = np.split(_output(model, [batch.ids for batch in batches]), len(batches))
        for side, batch, padded in zip(paddings, batches, outputs, strict=True):
            moved[side].append(_difference(model, alone, batch, padded))
    return {side: _Growth(tuple(known), tuple(moved[side]), largest) for side in paddings}


def _rows(sequences: Sequence[Any], row: int | None, value: float) -> list[NDArray[Any]]:
    batch = pad(sequences, dtype="float64", value=value)
    if row is not None:
        check_row(row, len(batch.sequences))
    rows = [tokens for at, tokens in enumerate(batch.sequences) if row in (None, at)]
    empty = [at for at, tokens in enumerate(batch.sequences) if not len(tokens)]
    if any(not len(tokens) for tokens in rows):
        raise ValueError(
            _(
                "Sequence {place} is empty, so without padding there is nothing to run; "
                "leave it out."
            ).format(place=empty[0])
        )
    return rows


def _lengths(lengths: Iterable[int] | None, longest: int) -> list[int]:
    if lengths is None:
        return sorted({round(longest * (1 + 3 * step / 8)) for step in range(9)})
    known = sorted(lengths)
    if not known or known[0] < longest:
        raise ValueError(
            _(
                "Give padded lengths of at least {longest} timesteps, that of the longest "
                "sequence, so that nothing is cut; got {lengths}."
            ).format(longest=longest, lengths=known)
        )
    return known


def _check_model(name: object, model: Any) -> None:
    import keras

    if not isinstance(model, keras.Layer):
        where = "" if name is None else f" ({name})"
        raise TypeError(
            _(
                "plot_growth takes a Keras model, or a dict of them by name; got {type}{where}."
            ).format(type=type(model).__name__, where=where)
        )


def _padded(rows: list[NDArray[Any]], length: int, padding: Side, value: float) -> PaddedBatch:
    whole = all(row.dtype.kind in "biu" for row in rows)
    with warnings.catch_warnings():
        # `pad` gave its warnings when the sequences came in.
        warnings.simplefilter("ignore")
        return pad(rows, length, "int32" if whole else "float32", padding=padding, value=value)


def _output(model: Any, batches: Sequence[NDArray[Any]]) -> NDArray[Any]:
    import keras

    ids = keras.ops.convert_to_tensor(np.concatenate(batches))
    try:
        if not model.built:
            model(ids, training=False)
        # The scope discards what the call assigns, such as the states of a stateful layer.
        with keras.StatelessScope():
            output = model(ids, training=False)
    except Exception as error:
        error.add_note(
            _("plot_growth ran {model} on a batch of shape {shape}.").format(
                model=model.name, shape=tuple(ids.shape)
            )
        )
        raise
    if not keras.ops.is_tensor(output):
        raise TypeError(
            _("plot_growth compares one output, but {model} returns {type}.").format(
                model=model.name, type=type(output).__name__
            )
        )
    return np.asarray(keras.ops.convert_to_numpy(output), dtype="float32")


def _without_padding(model: Any, rows: list[NDArray[Any]], value: float) -> list[NDArray[Any]]:
    """Returns the output of each sequence; those of one length run together without padding."""
    outputs: dict[int, NDArray[Any]] = {}
    for length in dict.fromkeys(map(len, rows)):
        places = [place for place, tokens in enumerate(rows) if len(tokens) == length]
        batch = _padded([rows[place] for place in places], length, "post", value)
        outputs |= zip(places, _output(model, [batch.ids]), strict=True)
    return [outputs[place] for place in range(len(rows))]


def _difference(
    model: Any, alone: list[NDArray[Any]], batch: PaddedBatch, padded: NDArray[Any]
) -> float:
    moved = []
    for output, expected, origin in zip(padded, alone, batch.origin, strict=True):
        if output.shape != expected.shape:
            output = _at_tokens(model, output, expected, origin)
        moved.append(float(np.abs(output - expected).max()))
    return float(np.max(moved))


def _at_tokens(
    model: Any, output: NDArray[Any], expected: NDArray[Any], origin: NDArray[np.int64]
) -> NDArray[Any]:
    tokens = origin >= 0
    if len(output) != len(tokens) or expected.shape != (tokens.sum(), *output.shape[1:]):
        raise ValueError(
            _(
                "The output of {model} has the shape {padded} for {length} timesteps and {alone} "
                "without padding: it neither keeps its shape nor has one place per timestep, "
                "so the two cannot be compared."
            ).format(
                model=model.name,
                padded=output.shape,
                length=len(tokens),
                alone=expected.shape,
            )
        )
    kept: NDArray[Any] = output[tokens]
    return kept


def _draw(ax: "Axes", curves: Mapping[Any, _Growth]) -> None:
    from matplotlib.ticker import MaxNLocator

    for (name, growth), (marker, line, colour) in zip(curves.items(), cycle(_LOOKS), strict=False):
        label = None if name is None else str(name)
        looks: dict[str, Any] = {"marker": marker, "color": colour, "label": label}
        ax.plot(growth.lengths, growth.moved, line, clip_on=False, **looks)
    # The axis reaches at least a hundredth of the output, so that rounding errors look small.
    largest = max(growth.largest for growth in curves.values())
    heights = [height for growth in curves.values() for height in growth.moved]
    highest = np.nanmax([0.01 * largest, *heights])
    ax.set_ylim(0, 1.05 * highest if highest else 1)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(_("padded length (timesteps)"))
    ax.set_ylabel(_("largest change of the output"))
    ax.spines[["top", "right"]].set_visible(False)
    if None not in curves:
        ax.legend(frameon=False)
