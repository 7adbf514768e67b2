"""Computing the hidden states of a recurrent layer, with its mask and without it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens._keras import mask_of
from masklens._language import translate as _
from masklens.drawing.picture import boolean_mask
from masklens.padding import PaddedBatch
from masklens.plots.axes import check_row, refuse_symbolic
from masklens.tracing.calls import Mask

States = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Direction:
    """The hidden states of a layer that reads the timesteps in one direction.

    Attributes:
        name: The name of the layer.
        backwards: Whether it reads the last timestep first.
        masked: (rows, time, units), the state just after each timestep, with the mask.
        plain: The same without the mask.
    """

    name: str
    backwards: bool
    masked: States
    plain: States


@dataclass(frozen=True, eq=False)
class HiddenStates:
    """The hidden states of a recurrent layer.

    Attributes:
        layer: The name of the layer.
        mask: (batch, time) booleans: True where the layer reads, False where it skips.
        rows: The rows of the batch that the states belong to.
        directions: One entry; for a Bidirectional two, the forward layer first.
    """

    layer: str
    mask: Mask
    rows: tuple[int, ...]
    directions: tuple[_Direction, ...]


def hidden_states(
    layer: Any,
    inputs: Any,
    mask: Any = None,
    rows: Sequence[int] | None = None,
    most: tuple[int, int] | None = None,
) -> HiddenStates:
    """Computes the output of a recurrent layer's own cell at each timestep.

    For SimpleRNN, GRU and LSTM that is the hidden state. The layer starts from zero states, at
    inference, and is not changed, except that an unbuilt layer is built, as by its first call.

    Args:
        layer: A SimpleRNN, LSTM, GRU or RNN, or a Bidirectional of one. Or a Sequential or
            Functional model that holds one; of several, the last is taken.
        inputs: The inputs of the layer or model: for a layer, (batch, time, features); for a model
            also a `PaddedBatch`.
        mask: Booleans of shape (batch, time); None for the mask that reaches the layer: the one
            that `inputs` carry, or that earlier layers of the model pass on.
        rows: The indices of the sequences; None for all.
        most: The largest allowed number of rows and of timesteps; None for no limit.

    Returns:
        The states of those rows, in the order of the sequence also for a layer that goes backwards:
        each state is at the timestep that was just read.

    Raises:
        TypeError: If there is no recurrent layer, or the inputs are symbolic.
        ValueError: If there is no mask, a shape or a row does not fit, or there are too many.

    Example:
        >>> import keras
        >>> x = np.ones((1, 3, 2), "float32")
        >>> states = hidden_states(keras.layers.LSTM(4), x, [[True, True, False]])
        >>> after = states.directions[0].masked[0]
        >>> bool((after[2] == after[1]).all())
        True
    """
    import keras

    recurrent = _recurrent_layer(layer)
    refuse_symbolic(inputs)
    features, carried = _recurrent_input(recurrent, layer, inputs)
    known = _checked_mask(carried if mask is None else mask, features.shape)
    chosen = list(range(len(features)) if rows is None else rows)
    for row in chosen:
        check_row(row, len(features))
    _check_size(recurrent.name, len(chosen), features.shape[1], most)
    if not recurrent.built:
        recurrent.build(features.shape)
    some, read = features[chosen], known[chosen]
    # Recurrent dropout moves its random seed even at inference; the scope catches that.
    with keras.StatelessScope():
        directions = tuple(
            _Direction(
                part.name,
                part.go_backwards,
                _run(part, some, read),
                _run(part, some, np.ones_like(read)),
            )
            for part in _directions(recurrent)
        )
    return HiddenStates(recurrent.name, known, tuple(map(int, chosen)), directions)


def state_changes(states: States, *, backwards: bool = False) -> NDArray[np.float32]:
    """Measures how far the state moves at each timestep.

    Args:
        states: (..., time, units), the state just after each timestep.
        backwards: Whether the last timestep is read first.

    Returns:
        (..., time), the largest change of a unit since the timestep read before, or since zero at
        the first. 0.0 means that the state is exactly the same.

    Example:
        >>> state_changes(np.array([[0.5, 0.1], [0.5, 0.1], [0.25, 0.1]], "float32")).tolist()
        [0.5, 0.0, 0.25]
    """
    in_order = np.flip(states, axis=-2) if backwards else states
    before = np.zeros_like(in_order)
    before[..., 1:, :] = in_order[..., :-1, :]
    # The difference of two equal infinities is NaN, not zero.
    same = (in_order == before) | (np.isnan(in_order) & np.isnan(before))
    with np.errstate(invalid="ignore"):
        moved: NDArray[np.float32] = np.where(same, 0, np.abs(in_order - before)).max(axis=-1)
    return np.flip(moved, axis=-1) if backwards else moved


def _recurrent_layer(layer: Any) -> Any:
    import keras

    kinds = (keras.layers.RNN, keras.layers.Bidirectional)
    candidates = getattr(layer, "layers", []) if isinstance(layer, keras.Model) else [layer]
    found = [candidate for candidate in candidates if isinstance(candidate, kinds)]
    if not found:
        raise TypeError(
            _(
                "Hidden states belong to a recurrent layer, such as LSTM or GRU, or to a model "
                "with one among its own layers; {type} has none. Of nested models, pass the "
                "inner one."
            ).format(type=type(layer).__name__)
        )
    return found[-1]


def _recurrent_input(recurrent: Any, layer: Any, inputs: Any) -> tuple[NDArray[Any], Any]:
    """Computes the (batch, time, features) array that reaches the recurrent layer, and its mask."""
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
            # A model with one output returns the tensor itself, not a list.
            tensor, *masks = keras.tree.flatten(_model_before(recurrent, layer)(tensor))
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


def _model_before(recurrent: Any, model: Any) -> Any:
    """Builds the part of a Functional model that computes the recurrent layer's input and mask."""
    import keras

    try:
        # A Functional model keeps the mask among the tensors that a layer takes.
        features, *others = keras.tree.flatten(recurrent.input)
        masks = [tensor for tensor in others if tensor.dtype == "bool"]
        return keras.Model(model.input, [features, *masks])
    except (AttributeError, TypeError, ValueError) as error:
        raise TypeError(
            _(
                "What reaches {layer} inside {model} cannot be seen from outside: no graph of "
                "layers leads to it. Pass {layer} itself, with its own inputs."
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


def _check_size(layer: str, rows: int, time: int, most: tuple[int, int] | None) -> None:
    if rows == 0 or time == 0:
        raise ValueError(
            _(
                "There is nothing to show of {layer}: {rows} rows of {time} timesteps. There must "
                "be at least one of each."
            ).format(layer=layer, rows=rows, time=time)
        )
    if most is not None and (rows > most[0] or time > most[1]):
        raise ValueError(
            _(
                "{layer} reads {rows} rows of {time} timesteps; {most_rows} rows of {most_time} "
                "timesteps are the most that can be shown. Choose fewer with rows=, and pad to a "
                "shorter length, as ml.pad(sequences, maxlen={most_time}) does."
            ).format(layer=layer, rows=rows, time=time, most_rows=most[0], most_time=most[1])
        )


def _directions(recurrent: Any) -> list[Any]:
    import keras

    if isinstance(recurrent, keras.layers.Bidirectional):
        return [recurrent.forward_layer, recurrent.backward_layer]
    return [recurrent]


def _run(recurrent: Any, features: NDArray[Any], read: Mask) -> States:
    """Runs the layer's own cell, and returns all its outputs, (rows, time, units)."""
    import keras

    backwards = recurrent.go_backwards
    # A new RNN around the same cell shares its weights, but not the layer's own state.
    loop = keras.layers.RNN(
        recurrent.cell,
        return_sequences=True,
        go_backwards=backwards,
        dtype=recurrent.dtype_policy,
    )
    tensor = keras.ops.convert_to_tensor(features, dtype=recurrent.compute_dtype)
    outputs = keras.ops.convert_to_numpy(loop(tensor, mask=read, training=False))
    states: NDArray[Any] = outputs[:, ::-1] if backwards else outputs
    return states.astype("float32")
