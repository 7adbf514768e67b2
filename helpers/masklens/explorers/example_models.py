"""The example models of the propagation explorer, and the code that builds each."""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from masklens.tracing.probe import undisturbed

_UNITS = 8
_LONGEST_LINE = 88  # letters in a line of code
_Kind = Literal["stack", "one_row", "residual"]


@dataclass(frozen=True)
class Layer:
    """The class and the arguments of a layer, from which the layer and its code are made.

    Attributes:
        layer_type: The class in `keras.layers`, or `"MyActivation"`.
        name: The layer's name.
        arguments: The positional arguments.
        options: The named arguments.
    """

    layer_type: str
    name: str
    arguments: tuple[int, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def code(self) -> str:
        """The code that makes the layer."""
        module = "" if self.layer_type == "MyActivation" else "keras.layers."
        named = (*self.options, ("name", self.name))
        values = [f"{name}={_literal(value)}" for name, value in named]
        return f"{module}{self.layer_type}({', '.join([*map(str, self.arguments), *values])})"

    def make(self, custom: Mapping[str, type]) -> Any:
        """Makes the layer.

        Args:
            custom: The classes that are not from Keras, by name.

        Returns:
            The unbuilt layer.
        """
        import keras

        layer_class = custom.get(self.layer_type) or getattr(keras.layers, self.layer_type)
        return layer_class(*self.arguments, **dict(self.options), name=self.name)


@dataclass(frozen=True)
class MiddleLayers:
    """The layers between Embedding and the last layer of an example model.

    Attributes:
        label: The label in the menu; empty for no layers.
        layers: The layers, in the order in which they are made.
        kind: The kind of model. A `"stack"` ends in an LSTM. `"one_row"` joins all timesteps into
            one row and ends in a Dense. A `"residual"` adds the attention to its input and ends
            in an LSTM.
        supports_masking: Whether MyActivation sets `supports_masking`.
    """

    label: str
    layers: tuple[Layer, ...] = ()
    kind: _Kind = "stack"
    supports_masking: bool = False


# Keras 3.15 changed the scale of the default initializer of attention layers; this initializer
# gives the same weights in every version.
_INITIALIZER = ("kernel_initializer", "orthogonal")
_ATTENTION = Layer("MultiHeadAttention", "attention", (2, 4), (_INITIALIZER,))
_ADD = Layer("Add", "add")

MIDDLES: Mapping[str, MiddleLayers] = {
    "nothing": MiddleLayers(""),
    "dense": MiddleLayers("Dense", (Layer("Dense", "dense", (_UNITS,)),)),
    "dropout": MiddleLayers("Dropout", (Layer("Dropout", "dropout", (), (("rate", 0.5),)),)),
    "plain": MiddleLayers("MyActivation", (Layer("MyActivation", "activation"),)),
    "opted_in": MiddleLayers(
        "MyActivation, supports_masking = True",
        (Layer("MyActivation", "activation"),),
        supports_masking=True,
    ),
    "conv": MiddleLayers("Conv1D", (Layer("Conv1D", "conv", (_UNITS, 3), (("padding", "same"),)),)),
    "flatten": MiddleLayers("Flatten", (Layer("Flatten", "flatten"),), "one_row"),
    "lstm": MiddleLayers(
        "LSTM(return_sequences=True)",
        (Layer("LSTM", "lstm_sequences", (_UNITS,), (("return_sequences", True),)),),
    ),
    "attention": MiddleLayers("x + MultiHeadAttention(x)", (_ATTENTION, _ADD), "residual"),
    "norm_attention": MiddleLayers(
        "x + MultiHeadAttention(LayerNormalization(x))",
        (Layer("LayerNormalization", "norm"), _ATTENTION, _ADD),
        "residual",
    ),
}


def build_model(middle: MiddleLayers, ids: Any, *, mask_zero: bool) -> Any:
    """Builds the model that `model_code` shows, with the same weights.

    Leaves the global random states as they are. Keras draws the seeds of weights from Python's
    `random`, both when a layer is made and when it is built (see `make_default_seed` in
    keras/src/random/seed_generator.py), so it suffices to seed that one. The other states that
    `keras.utils.set_random_seed` sets could not be restored.

    Args:
        middle: The layers in the middle.
        ids: The batch to build the model on, (batch, time) integers.
        mask_zero: Whether the Embedding makes a mask.

    Returns:
        A built Keras model.

    Example:
        >>> import numpy as np
        >>> model = build_model(MIDDLES["conv"], np.array([[7, 3, 0]]), mask_zero=True)
        >>> [layer.name for layer in model.layers]
        ['embedding', 'conv', 'lstm']
    """
    import keras

    custom = {"MyActivation": _activation_class(supports_masking=middle.supports_masking)}
    with undisturbed():
        random.seed(0)
        layers = [layer.make(custom) for layer in _layers(middle, int(ids.max()) + 1, mask_zero)]
        residual = middle.kind == "residual"
        model = _residual_class()(layers) if residual else keras.Sequential(layers)
        model(ids)
    return model


def model_code(middle: MiddleLayers, ids: Any, *, mask_zero: bool) -> tuple[str, ...]:
    """Writes the code that builds a model, in parts that several models share.

    Args:
        middle: The layers in the middle.
        ids: The batch, (batch, time) integers.
        mask_zero: Whether the Embedding makes a mask.

    Returns:
        The parts, each ending in a newline; together they use `keras` and assign `model`.

    Example:
        >>> import numpy as np
        >>> parts = model_code(MIDDLES["dense"], np.array([[7, 3, 0]]), mask_zero=True)
        >>> print("".join(parts))
        <BLANKLINE>
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.layers.Embedding(8, 8, mask_zero=True, name="embedding"),
                keras.layers.Dense(8, name="dense"),
                keras.layers.LSTM(8, name="lstm"),
            ]
        )
        <BLANKLINE>
    """
    layers = _layers(middle, int(ids.max()) + 1, mask_zero)
    if middle.kind == "residual":
        made = [_assigned(layer) for layer in layers]
        has_norm = any(layer.name == "norm" for layer in layers)
        query = ("        y = self.norm(x)\n", "y") if has_norm else ("", "x")
        return (_RESIDUAL, *made, _CALL.format(*query), _SEED, "model = ResidualModel()\n")
    custom = any(layer.layer_type == "MyActivation" for layer in layers)
    activation = (
        [_ACTIVATION, *([_OPT_IN] if middle.supports_masking else []), _RELU] if custom else []
    )
    made = [f"        {layer.code},\n" for layer in layers]
    return (*activation, _SEED, "model = keras.Sequential(\n    [\n", *made, "    ]\n)\n")


def _assigned(layer: Layer) -> str:
    line = f"        self.{layer.name} = {layer.code}\n"
    if len(line) <= _LONGEST_LINE:
        return line
    start, arguments = line.removesuffix(")\n").split("(", 1)
    return f"{start}(\n            {arguments}\n        )\n"


def _layers(middle: MiddleLayers, vocabulary_size: int, mask_zero: bool) -> list[Layer]:
    embedding = Layer(
        "Embedding", "embedding", (vocabulary_size, _UNITS), (("mask_zero", mask_zero),)
    )
    last = Layer("Dense", "dense", (_UNITS,)) if middle.kind == "one_row" else _LSTM
    return [embedding, *middle.layers, last]


def _activation_class(*, supports_masking: bool) -> type:
    import keras

    class MyActivation(keras.layers.Layer):  # type: ignore[misc]  # Keras has no type hints
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            if supports_masking:
                self.supports_masking = True

        def call(self, inputs: Any) -> Any:
            return keras.ops.relu(inputs)

    return MyActivation


def _residual_class() -> type:
    import keras

    class ResidualModel(keras.Model):  # type: ignore[misc]  # Keras has no type hints
        def __init__(self, layers: list[Any]) -> None:
            super().__init__()
            for layer in layers:
                setattr(self, layer.name, layer)

        def call(self, ids: Any) -> Any:
            x = self.embedding(ids)
            y = self.norm(x) if hasattr(self, "norm") else x
            x = self.add([x, self.attention(y, y)])
            return self.lstm(x)

    return ResidualModel


def _literal(value: object) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


_LSTM = Layer("LSTM", "lstm", (_UNITS,))
_SEED = "\nkeras.utils.set_random_seed(0)\n"
_ACTIVATION = """

class MyActivation(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
"""
_OPT_IN = "        self.supports_masking = True\n"
_RELU = """
    def call(self, inputs):
        return keras.ops.relu(inputs)

"""
_RESIDUAL = """

class ResidualModel(keras.Model):
    def __init__(self):
        super().__init__()
"""
_CALL = """
    def call(self, ids):
        x = self.embedding(ids)
{0}        x = self.add([x, self.attention({1}, {1})])
        return self.lstm(x)

"""
