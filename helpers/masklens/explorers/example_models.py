"""What a learner may put between Embedding and LSTM: each a model, and the code that builds it."""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from masklens.tracing.probe import undisturbed

_WIDTH = 8
_WIDEST = 88  # letters in a line of code
_Kind = Literal["stack", "row", "residual"]


@dataclass(frozen=True)
class Layer:
    """A layer by its class and arguments, from which both the layer and its code are made.

    Attributes:
        layer_type: Its class in `keras.layers`, or `"MyActivation"`.
        name: The layer's name.
        arguments: Its arguments by place.
        options: Its arguments by name.
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

    def make(self, own: Mapping[str, type]) -> Any:
        """Makes the layer.

        Args:
            own: The classes that are not from Keras, by name.

        Returns:
            The layer, not built yet.
        """
        import keras

        made_by = own.get(self.layer_type) or getattr(keras.layers, self.layer_type)
        return made_by(*self.arguments, **dict(self.options), name=self.name)


@dataclass(frozen=True)
class Middle:
    """What stands in the middle of a model.

    Attributes:
        label: What the menu calls it; "" for nothing.
        layers: The layers, in the order in which they are made.
        kind: How the model is put together: a `"stack"` ends in an LSTM; a `"row"` makes one row
            of all timesteps and ends in a Dense; a `"residual"` adds the last layer but one to
            what went into it, and ends in an LSTM.
        opts_in: Whether MyActivation sets supports_masking.
    """

    label: str
    layers: tuple[Layer, ...] = ()
    kind: _Kind = "stack"
    opts_in: bool = False


# Keras 3.15 changed how large the default initializer makes the weights of an attention; with this
# one they are the same in every version.
_SAME = ("kernel_initializer", "orthogonal")
_ATTENTION = Layer("MultiHeadAttention", "attention", (2, 4), (_SAME,))
_ADD = Layer("Add", "add")

MIDDLES: Mapping[str, Middle] = {
    "nothing": Middle(""),
    "dense": Middle("Dense", (Layer("Dense", "dense", (_WIDTH,)),)),
    "dropout": Middle("Dropout", (Layer("Dropout", "dropout", (), (("rate", 0.5),)),)),
    "plain": Middle("MyActivation", (Layer("MyActivation", "activation"),)),
    "opted_in": Middle(
        "MyActivation, supports_masking = True",
        (Layer("MyActivation", "activation"),),
        opts_in=True,
    ),
    "conv": Middle("Conv1D", (Layer("Conv1D", "conv", (_WIDTH, 3), (("padding", "same"),)),)),
    "flatten": Middle("Flatten", (Layer("Flatten", "flatten"),), "row"),
    "lstm": Middle(
        "LSTM(return_sequences=True)",
        (Layer("LSTM", "lstm_sequences", (_WIDTH,), (("return_sequences", True),)),),
    ),
    "attention": Middle("x + MultiHeadAttention(x)", (_ATTENTION, _ADD), "residual"),
    "norm_attention": Middle(
        "x + MultiHeadAttention(LayerNormalization(x))",
        (Layer("LayerNormalization", "norm"), _ATTENTION, _ADD),
        "residual",
    ),
}


def build_middle(middle: Middle, ids: Any, *, mask_zero: bool) -> Any:
    """Builds the model that `middle_code` shows, with the same weights.

    Random numbers of others stay as they are. Keras draws the seeds of weights from Python's
    `random`, both when a layer is made and when it is built (see `make_default_seed` in
    keras/src/random/seed_generator.py), so that is what is seeded here; what else
    `keras.utils.set_random_seed` sets could not be put back.

    Args:
        middle: What stands in the middle.
        ids: The batch to build the model on, (batch, time) integers.
        mask_zero: Whether the Embedding makes a mask.

    Returns:
        A Keras model, built.

    Example:
        >>> import numpy as np
        >>> model = build_middle(MIDDLES["conv"], np.array([[7, 3, 0]]), mask_zero=True)
        >>> [layer.name for layer in model.layers]
        ['embedding', 'conv', 'lstm']
    """
    import keras

    own = {"MyActivation": _activation_class(opts_in=middle.opts_in)}
    with undisturbed():
        random.seed(0)
        layers = [layer.make(own) for layer in _layers(middle, int(ids.max()) + 1, mask_zero)]
        residual = middle.kind == "residual"
        model = _residual_class()(layers) if residual else keras.Sequential(layers)
        model(ids)
    return model


def middle_code(middle: Middle, ids: Any, *, mask_zero: bool) -> tuple[str, ...]:
    """Writes the code that builds a model, in parts that several models have in common.

    Args:
        middle: What stands in the middle.
        ids: The batch, (batch, time) integers.
        mask_zero: Whether the Embedding makes a mask.

    Returns:
        Parts that end in a newline each; together they need `keras` and leave a `model`.

    Example:
        >>> import numpy as np
        >>> parts = middle_code(MIDDLES["dense"], np.array([[7, 3, 0]]), mask_zero=True)
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
        normed = any(layer.name == "norm" for layer in layers)
        query = ("        y = self.norm(x)\n", "y") if normed else ("", "x")
        return (_RESIDUAL, *made, _CALL.format(*query), _SEED, "model = ResidualModel()\n")
    own = any(layer.layer_type == "MyActivation" for layer in layers)
    activation = [_ACTIVATION, *([_OPT_IN] if middle.opts_in else []), _RELU] if own else []
    made = [f"        {layer.code},\n" for layer in layers]
    return (*activation, _SEED, "model = keras.Sequential(\n    [\n", *made, "    ]\n)\n")


def _assigned(layer: Layer) -> str:
    line = f"        self.{layer.name} = {layer.code}\n"
    if len(line) <= _WIDEST:
        return line
    made_by, arguments = line.removesuffix(")\n").split("(", 1)
    return f"{made_by}(\n            {arguments}\n        )\n"


def _layers(middle: Middle, words: int, mask_zero: bool) -> list[Layer]:
    embedding = Layer("Embedding", "embedding", (words, _WIDTH), (("mask_zero", mask_zero),))
    last = Layer("Dense", "dense", (_WIDTH,)) if middle.kind == "row" else _LSTM
    return [embedding, *middle.layers, last]


def _activation_class(*, opts_in: bool) -> type:
    import keras

    class MyActivation(keras.layers.Layer):  # type: ignore[misc]  # Keras has no type hints
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            if opts_in:
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


_LSTM = Layer("LSTM", "lstm", (_WIDTH,))
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
