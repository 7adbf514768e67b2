"""Writes docs/layers.md, what each layer does to a mask: `python -m authoring.layer_table`."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

import masklens as ml
from masklens.mask import attach_mask

TABLE = Path(__file__).parent.parent / "docs" / "layers.md"

MASK = np.array([[True, True, True, True, False], [True, True, False, False, False]])

# GroupNormalization wants a multiple of 32.
_FEATURES = 32

# What a layer cannot be made without, by the name of the argument.
_REQUIRED: dict[str, Any] = {
    **dict.fromkeys(["units", "filters", "output_dim"], 6),
    **dict.fromkeys(["kernel_size", "pool_size", "output_size", "height", "width"], 2),
    **dict.fromkeys(["n", "max_number", "num_heads", "num_query_heads"], 2),
    **dict.fromkeys(["rate", "stddev", "factor", "height_factor", "width_factor"], 0.5),
    **dict.fromkeys(["key_dim", "head_dim"], 3),
    **dict.fromkeys(["input_dim", "num_bins"], 10),
    "num_key_value_heads": 1,
    "activation": "tanh",
    "axes": 2,
    "dims": (2, 1),
    "equation": "btf,fg->btg",
    "output_shape": (None, 6),
    "function": keras.ops.abs,
    "scale": 2.0,
    "target_shape": (-1, 2),
}


# What a layer needs besides, to take a sequence at all.
_OPTIONS: dict[str, dict[str, Any]] = {
    "CategoryEncoding": {"num_tokens": 10},
    "Discretization": {"bin_boundaries": [0.0]},
    "IntegerLookup": {"vocabulary": [1, 2, 3]},
    "MelSpectrogram": {"fft_length": 4, "sequence_stride": 1, "sequence_length": 2},
    "Normalization": {"mean": 0.0, "variance": 1.0},
    "RandomPosterization": {"factor": 4},
    "STFTSpectrogram": {"frame_length": 2, "frame_step": 1, "fft_length": 2},
}


_PAGE = """\
# What each layer does to a mask

Keras {version}. Each class of `keras.layers` was made with its defaults and called once, at
inference, on a sequence that carried a mask; `masklens.trace` with `probe=True` told the rest.
Written by `python -m authoring.layer_table`.

*passes*: the mask comes out equal. *changes*: another comes out. *ends*: none comes out, though
the layer was handed it. *drops*: none comes out, and the layer did not ask for it. A layer *uses*
the mask if the values that come out at valid timesteps depend on it.

| layer | called on | effect | uses the mask |
|---|---|---|---|
{rows}

These take no such input, or cannot be made without more than a number or two:
{refused}.
"""


@dataclass(frozen=True)
class Row:
    """What one class of layer does to the mask of its input.

    Attributes:
        name: The class, such as "LSTM".
        shape: What it was called on: "(batch, time, features)" or "(batch, time)".
        effect: As `masklens.LayerCall.effect`.
        uses_mask: Whether what comes out depends on the mask; None if that could not be told.
    """

    name: str
    shape: str
    effect: str
    uses_mask: bool | None


def measure() -> tuple[list[Row], dict[str, str]]:
    """Calls every layer class of `keras.layers` once on a masked input, and traces it.

    Returns:
        A row for each class that takes a sequence; and for each other class, why it does not.
    """
    rows, refused = [], {}
    for layer_class in _classes():
        try:
            rows.append(_measured(layer_class))
        except Exception as error:
            refused[layer_class.__name__] = type(error).__name__
    return rows, refused


def _classes() -> Iterator[type[keras.Layer]]:
    """Yields each class once, whatever other names it has."""
    classes = {value for value in vars(layers).values() if inspect.isclass(value)}
    found: set[Any] = {value for value in classes if issubclass(value, keras.Layer)}
    for value in sorted(found, key=lambda value: value.__name__):
        # A cell takes one timestep and states: it is no layer of a model.
        if "states" not in inspect.signature(value.call).parameters:
            yield value


def _measured(layer_class: type[keras.Layer]) -> Row:
    random = np.random.default_rng(0)
    sequences = random.normal(size=(*MASK.shape, _FEATURES)).astype("float32")
    ids = random.integers(1, 10, size=MASK.shape)
    batches = {"(batch, time, features)": sequences, "(batch, time)": ids}
    if "input_dim" in inspect.signature(layer_class.__init__).parameters:  # it looks ids up
        del batches["(batch, time, features)"]
    failure: Exception | None = None
    for shape, batch in batches.items():
        for call in (_called_on_one, _called_on_two):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found = call(_made(layer_class), batch)
            except Exception as error:
                failure = failure or error
                continue
            return Row(layer_class.__name__, shape, found.effect, found.uses_mask)
    assert failure is not None
    raise failure


def _called_on_one(layer: keras.Layer, batch: Any) -> ml.LayerCall:
    return ml.trace(layer, _masked(batch), probe=True)[layer.name]


def _called_on_two(layer: keras.Layer, batch: Any) -> ml.LayerCall:
    """Calls a layer on a list of two tensors or, if it asks for two arguments, on those."""
    # Two different ones: the larger of a tensor and itself says nothing of the mask.
    pair = [_masked(batch), _masked(np.flip(batch, -1))]
    needed = [
        parameter
        for parameter in inspect.signature(layer.call).parameters.values()
        if parameter.default is parameter.empty
    ]
    model = layer
    if len(needed) == 2:
        model = _Both(layer)
        # Building it may clear masks: Keras hands the real tensors to MultiHeadAttention for that.
        model([batch, batch])
    return ml.trace(model, pair, probe=True)[layer.name]


class _Both(keras.Model):  # type: ignore[misc]  # Keras ships no types
    """Hands the two tensors of a list to a layer as two arguments."""

    def __init__(self, layer: keras.Layer) -> None:
        super().__init__()
        self.layer = layer

    def call(self, inputs: Any) -> Any:
        return self.layer(*inputs)


def _masked(batch: Any) -> Any:
    tensor = keras.ops.convert_to_tensor(batch)
    attach_mask(tensor, keras.ops.convert_to_tensor(MASK))
    return tensor


def _made(layer_class: type[keras.Layer]) -> keras.Layer:
    parameters = list(inspect.signature(layer_class.__init__).parameters.values())[1:]
    variadic = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    needed = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty and parameter.kind not in variadic
    ]
    # Layers within layers are made anew each time: a layer belongs to one model.
    inner: dict[str, Any] = {
        "cell": layers.LSTMCell(6),
        "layer": layers.LSTM(6) if layer_class is layers.Bidirectional else layers.Dense(6),
        "layers": [layers.Dense(6)],
    }
    arguments = {name: (inner | _REQUIRED)[name] for name in needed}
    return layer_class(**arguments | _OPTIONS.get(layer_class.__name__, {}))


def table(rows: list[Row], refused: dict[str, str]) -> str:
    """Writes the measurements as a page in Markdown."""
    used = {True: "yes", False: "no", None: "unknown"}
    lines = [
        f"| `{row.name}` | {row.shape} | {row.effect} | {used[row.uses_mask]} |" for row in rows
    ]
    names = ", ".join(f"`{name}`" for name in refused)
    return _PAGE.format(version=keras.__version__, rows="\n".join(lines), refused=names)


def main() -> int:
    """Writes the table."""
    TABLE.write_text(table(*measure()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
