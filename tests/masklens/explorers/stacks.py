"""Random stacks of layers, as Keras makes and runs them and as the engine is told of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from masklens import mask_of
from masklens.explorers import palette

Array = np.ndarray[Any, Any]
Config = dict[str, Any]

VOCABULARY = 8
ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid")


class Block(keras.Model):
    """Attention of a sequence to itself, alone or in a residual block."""

    def __init__(self, kind: str, epsilon: float = 1e-3, **config: Any) -> None:
        super().__init__()
        self.kind = kind
        if kind == "PreNormResidual":
            self.norm = layers.LayerNormalization(epsilon=epsilon)
        self.attention = layers.MultiHeadAttention(**config)
        self.add = None if kind == "MultiHeadAttention" else layers.Add()

    def call(self, x: Any) -> Any:
        y = self.norm(x) if self.kind == "PreNormResidual" else x
        attended = self.attention(y, y)
        return self.add([x, attended]) if self.add else attended


_BLOCKS = ("MultiHeadAttention", "Residual", "PreNormResidual")
_CLASSES: dict[str, Any] = {kind: partial(Block, kind) for kind in _BLOCKS}
exec("\n".join(["import keras", "from keras import layers", *palette.CLASSES.values()]), _CLASSES)

# What runs with a time axis and without one, what runs with one only, and what ends it.
_EITHER = ("Dense", "Dropout", "LayerNormalization", "Flatten", "MyActivation", "Shift")
_EITHER += ("TemporalSoftmax",)
_SEQUENCE = ("Masking", "LSTM", "GRU", "Bidirectional", "Conv1D", "GlobalAveragePooling1D")
_SEQUENCE += ("GlobalMaxPooling1D", "MultiHeadAttention", "Residual", "PreNormResidual")
_ENDS = ("Flatten", "GlobalAveragePooling1D", "GlobalMaxPooling1D")


class Stack(keras.Model):
    """Layers behind each other, called one by one, so that each mask is that of its tensor."""

    def __init__(self, made: Sequence[Any]) -> None:
        super().__init__()
        self.made = list(made)

    def call(self, x: Any) -> Any:
        for layer in self.made:
            x = layer(x)
        return x


@dataclass(frozen=True)
class Drawn:
    """A random stack, with weights, and a batch for it.

    Args:
        specs: for the engine: the type, the configuration and the weights of each layer.
        layers: the same layers of Keras.
        batch: ids (batch, time) or features (batch, time, features).
        valid: (batch, time), where no padding stands.
        side: where padding stands, "pre" or "post".
        value: the id or the feature of padding.
    """

    specs: list[dict[str, Any]]
    layers: list[Any]
    batch: Array
    valid: Array
    side: str
    value: float


@dataclass(frozen=True)
class Behind:
    """What Keras gives out behind a layer; without values where it refuses to run it.

    Args:
        values: (batch, ...).
        mask: (batch, time).
        error: what Keras says.
    """

    values: Array | None
    mask: Array | None
    error: str = ""


def run(made: Sequence[Any], batch: Array) -> list[Behind]:
    """Runs layers of Keras eagerly, up to the first that refuses what comes in."""
    found = []
    x = ops.convert_to_tensor(batch)
    for layer in made:
        try:
            x = layer(x)
        except Exception as error:  # of any kind: Keras and its backends have many
            return [*found, Behind(None, None, str(error))]
        found.append(Behind(ops.convert_to_numpy(x), mask_of(x)))
    return found


@lru_cache(100)
def draw(seed: int) -> Drawn:
    """Draws a stack of one to eight layers, and gives it weights without a zero."""
    rng = np.random.default_rng([17, seed])
    side = str(rng.choice(["pre", "post"]))
    time = int(rng.integers(1, 10))
    places = np.arange(time) if side == "post" else np.arange(time)[::-1]
    valid = places < rng.integers(0, time + 1, (rng.integers(1, 5), 1))
    ids = rng.random() < 0.75
    value = 0.0 if ids or rng.random() < 0.7 else -1.0
    batch = _filled(rng, valid, ids, value)
    chosen = _types_and_configs(rng, ids, value)
    made = [
        _CLASSES.get(kind, getattr(layers, kind, None))(**_arguments(config))
        for kind, config in chosen
    ]
    for at, layer in enumerate(made):
        layer.name = f"layer_{at}"
    # Built on another length, a layer behind Flatten meets features that do not fit its weights.
    if rng.random() < 0.4:
        other = _filled(rng, np.ones((1, time + 1), bool), ids, value, batch.shape[2:])
        run(made, other)
    run(made, batch)
    for layer in made:
        for weights in layer.weights:
            if keras.backend.is_float_dtype(weights.dtype):
                weights.assign(_weights(rng, weights))
    specs = [
        {"type": kind, "config": config, "weights": [one.tolist() for one in layer.get_weights()]}
        for (kind, config), layer in zip(chosen, made, strict=True)
    ]
    return Drawn(specs, made, batch, valid, side, value)


def _filled(
    rng: np.random.Generator, valid: Array, ids: bool, value: float, features: tuple[int, ...] = ()
) -> Array:
    if ids:
        return np.where(valid, rng.integers(1, VOCABULARY, valid.shape), 0)
    size = features or (int(rng.integers(1, 7)),)
    values = rng.normal(size=(*valid.shape, *size))
    return np.where(valid[..., None], values, value).astype("float32")


def _types_and_configs(
    rng: np.random.Generator, ids: bool, value: float
) -> list[tuple[str, Config]]:
    count = int(rng.integers(1, 9))
    if ids:
        size, zero = int(rng.integers(1, 7)), bool(rng.random() < 0.8)
        config = {"input_dim": VOCABULARY, "output_dim": size, "mask_zero": zero}
        chosen = [("Embedding", config)]
    elif rng.random() < 0.7:
        chosen = [("Masking", {"mask_value": value})]
    else:
        chosen = []
    has_time = True
    while len(chosen) < count:
        # One in ten may stand where it cannot run.
        allowed = _SEQUENCE if has_time or rng.random() < 0.1 else _EITHER
        kind = str(rng.choice([*allowed, *_EITHER]))
        if kind == "Masking" and not has_time:
            continue  # the mask that it makes there is of rows, which the engine does not have
        config = _config(rng, kind)
        has_time = has_time and kind not in _ENDS and _returns_sequences(kind, config)
        chosen.append((kind, config))
    return chosen


def _returns_sequences(kind: str, config: Config) -> bool:
    inner = config["layer"]["config"] if kind == "Bidirectional" else config
    return bool(inner.get("return_sequences", True))


def _config(rng: np.random.Generator, kind: str) -> Config:
    units = int(rng.integers(1, 7))
    activation = str(rng.choice(ACTIVATIONS))
    # With a key_dim of 1 and as many heads as timesteps, TensorFlow's `keras.ops.add` takes the
    # biases of the heads for biases of the timesteps.
    heads = {"num_heads": int(rng.integers(1, 4)), "key_dim": int(rng.integers(2, 5))}
    epsilon = {"epsilon": float(rng.choice([1e-3, 1e-2]))}
    recurrent = {
        "units": units,
        "activation": activation if rng.random() < 0.2 else "tanh",
        "return_sequences": bool(rng.random() < 0.7),
    }
    inner = str(rng.choice(["LSTM", "GRU"]))
    window = {
        "filters": units,
        "kernel_size": int(rng.integers(1, 6)),
        "padding": str(rng.choice(["same", "valid"])),
        "activation": activation,
    }
    configs: dict[str, Config] = {
        "Masking": {"mask_value": 0.0},
        "Dense": {"units": units, "activation": activation},
        "Dropout": {"rate": 0.5},
        "LayerNormalization": epsilon,
        "LSTM": recurrent,
        "GRU": recurrent,
        "Bidirectional": {"layer": {"type": inner, "config": recurrent}, "merge_mode": "concat"},
        "Conv1D": window,
        "MultiHeadAttention": heads,
        "Residual": heads,
        "PreNormResidual": {**heads, **epsilon},
        "MyActivation": {"supports_masking": bool(rng.random() < 0.5)},
    }
    return configs.get(kind, {})


def _arguments(config: Config) -> Config:
    if "layer" not in config:
        return config
    inner = config["layer"]
    return {**config, "layer": getattr(layers, inner["type"])(**inner["config"])}


def _weights(rng: np.random.Generator, weights: Any) -> Array:
    normal = rng.normal(size=weights.shape)
    if weights.name == "gamma":
        return 1 + 0.2 * normal
    if weights.name == "embeddings":
        return normal
    if "bias" in weights.name or weights.name == "beta":
        return 0.5 * normal
    return normal / np.sqrt(np.prod(weights.shape[:-1]))
