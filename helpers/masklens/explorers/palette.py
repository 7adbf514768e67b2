"""The layers that a learner can stack, their trained weights, and the code that makes a stack."""

import base64
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens._keras import count_names_anew
from masklens.tracing.probe import undisturbed

_Array = NDArray[np.float32]
_Entry = Mapping[str, Any]

EMBEDDING_ROWS = 128
WEIGHTS_FILE = Path(__file__).with_name("weights.npz")

_ATTENTION = "layers.MultiHeadAttention(num_heads=2, key_dim=4)"
# What each type consists of: the attributes that hold its layers, and how each is made.
PARTS: Mapping[str, Mapping[str, str]] = {
    "Embedding": {"embedding": "layers.Embedding({input_dim}, 8, {switches})"},
    "Masking": {"masking": "layers.Masking()"},
    "Dense": {"dense": "layers.Dense(8)"},
    "Dropout": {"dropout": "layers.Dropout(0.5)"},
    "LayerNormalization": {"norm": "layers.LayerNormalization()"},
    "LSTM": {"lstm": "layers.LSTM(8, {switches})"},
    "GRU": {"gru": "layers.GRU(8, {switches})"},
    "Bidirectional": {"bidirectional": "layers.Bidirectional(layers.LSTM(4, {switches}))"},
    "Conv1D": {"conv": 'layers.Conv1D(8, 3, padding="same")'},
    "Flatten": {"flatten": "layers.Flatten()"},
    "GlobalAveragePooling1D": {"average": "layers.GlobalAveragePooling1D()"},
    "GlobalMaxPooling1D": {"maximum": "layers.GlobalMaxPooling1D()"},
    "Residual": {"attention": _ATTENTION, "add": "layers.Add()"},
    "PreNormResidual": {
        "norm": "layers.LayerNormalization()",
        "attention": _ATTENTION,
        "add": "layers.Add()",
    },
    "MyActivation": {"activation": "MyActivation({switches})"},
    "Shift": {"shift": "Shift()"},
    "TemporalSoftmax": {"softmax": "TemporalSoftmax()"},
}
_ANSWER = {"answer": 'layers.Dense(1, activation="sigmoid")'}
TYPES = tuple(PARTS)

SWITCHES: Mapping[str, Mapping[str, bool]] = {
    "Embedding": {"mask_zero": True},
    "LSTM": {"return_sequences": False},
    "GRU": {"return_sequences": False},
    "Bidirectional": {"return_sequences": False},
    "MyActivation": {"supports_masking": False},
}

# What a model does with the parts of a type; the rest are called on x alone.
CALLS: Mapping[str, tuple[str, ...]] = {
    "Residual": ("x = self.{add}([x, self.{attention}(x, x)])",),
    "PreNormResidual": ("y = self.{norm}(x)", "x = self.{add}([x, self.{attention}(y, y)])"),
}

CLASSES: Mapping[str, str] = {
    "MyActivation": """\
class MyActivation(layers.Layer):
    def __init__(self, supports_masking=False):
        super().__init__()
        self.supports_masking = supports_masking

    def call(self, inputs):
        return keras.ops.relu(inputs)
""",
    "Shift": """\
class Shift(layers.Layer):
    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, inputs):
        return keras.ops.roll(inputs, 1, axis=1)
""",
    "TemporalSoftmax": """\
class TemporalSoftmax(layers.Layer):
    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, inputs, mask=None):
        everything = keras.ops.ones_like(inputs, dtype="bool")
        keep = everything if mask is None else keras.ops.expand_dims(mask, -1)
        scores = keras.ops.where(keep, inputs, -1e9)
        exps = keras.ops.exp(scores - keras.ops.max(scores, axis=1, keepdims=True))
        exps = exps * keras.ops.cast(keep, exps.dtype)
        return exps / keras.ops.maximum(keras.ops.sum(exps, axis=1, keepdims=True), 1)
""",
}


def build(stack: Sequence[_Entry], table: NDArray[Any], length: int) -> Any:
    """Builds the model of a stack, with the trained weights, by running what `code` writes.

    Leaves the random states and the names of the session's own layers as they are.

    Weights are for 8 features. Behind `Flatten` there are `8 * length`: the kernel of a `Dense` is
    repeated for each timestep and divided by their number, so that `Flatten` answers as the average
    over time does; the weights of a `LayerNormalization` are repeated as they are.

    Args:
        stack: The layers, such as `{"type": "LSTM", "return_sequences": True}`.
        table: The vector of each id, (input_dim, 8).
        length: The number of timesteps, which counts behind `Flatten` only.

    Returns:
        A built Keras model, to be called on integers (batch, time); it ends with the answer, a
        number between 0 and 1, (batch, 1) where the time axis is gone, else (batch, time, 1).

    Raises:
        KeyError: If a type is none of `TYPES`.
        Exception: Whatever Keras raises where a layer cannot take what the one before it gives.

    Example:
        >>> table = weights()["Embedding"][0]
        >>> model = build([{"type": "Embedding"}, {"type": "LSTM"}], table, 3)
        >>> [layer.name for layer in model.layers]
        ['embedding', 'lstm', 'dense']
        >>> ids = np.array([[embedding_row(word) for word in "Hello world !".split()]])
        >>> model(ids).shape
        TensorShape([1, 1])
    """
    trained = {**weights(), "Embedding": (table,)}
    arrays = [
        array for entry in [*stack, {"type": "Answer"}] for array in trained.get(entry["type"], ())
    ]
    names: dict[str, Any] = {"__name__": __name__}
    with undisturbed(), count_names_anew():
        exec(code(stack, len(table)), names)
        model = names["model"]
        # Not of padding: a row without a token makes NaN of an average, which is no id.
        model(np.full((1, length), len(table) - 1))
    shapes = [weight.shape for weight in model.weights]
    model.set_weights([_fit(*pair) for pair in zip(arrays, shapes, strict=True)])
    return model


def _fit(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    times = max(1, shape[0] // array.shape[0])
    repeated = np.tile(array, (times, *[1] * (array.ndim - 1)))
    return repeated / times if array.ndim == 2 else repeated


@cache
def weights() -> Mapping[str, tuple[_Array, ...]]:
    """Reads the trained weights, which `make weights` makes.

    Returns:
        For each type that has weights, and for `"Answer"`, its arrays in the order of
        `layer.get_weights()`; in a block, those of its layers one after the other. Each number is
        one that float16 holds.

    Example:
        >>> [array.shape for array in weights()["Answer"]]
        [(8, 1), (1,)]
    """
    found: dict[str, list[_Array]] = {}
    with np.load(WEIGHTS_FILE) as file:
        for name, array in file.items():
            found.setdefault(name.split(".")[0], []).append(array.astype(np.float32))
    for array in (array for arrays in found.values() for array in arrays):
        array.setflags(write=False)
    return MappingProxyType({name: tuple(arrays) for name, arrays in found.items()})


def encoded_weights() -> dict[str, dict[str, Any]]:
    """Writes the trained weights in the form in which a page gets them.

    Returns:
        For each key of `weights()`, the `"shapes"` of its arrays, and their `"values"` one after
        the other: float16, little-endian, in base64.

    Example:
        >>> encoded_weights()["Answer"]["shapes"]
        [[8, 1], [1]]
    """
    return {
        name: {
            "shapes": [list(array.shape) for array in arrays],
            "values": base64.b64encode(
                b"".join(array.astype("<f2").tobytes() for array in arrays)
            ).decode(),
        }
        for name, arrays in weights().items()
    }


def embedding_row(word: str) -> int:
    """Chooses the row of the trained Embedding's table that stands for a word.

    The empty word is padding and has row 0. A word that ends with `!` or `！` has row 1. Any other
    has row `2 + hash`, where `hash` begins at 0 and becomes `(hash * 31 + c) % 126` for the code
    point `c` of each letter in turn; 126 is `EMBEDDING_ROWS - 2`.

    Args:
        word: A word.

    Returns:
        The number of the row.

    Example:
        >>> [embedding_row(word) for word in ("", "!", "wow!", "ab")]
        [0, 1, 1, 83]
    """
    if not word:
        return 0
    if word.endswith(("!", "！")):
        return 1
    found = 0
    for letter in word:
        found = (found * 31 + ord(letter)) % (EMBEDDING_ROWS - 2)
    return 2 + found


def embedding_table(ids: Mapping[str, int]) -> NDArray[np.float32]:
    """Makes the Embedding's table for words that have ids of their own.

    Args:
        ids: The id of each word.

    Returns:
        (input_dim, 8): row 0 is that of padding, and the row of each id that of its word; rows of
        ids that no word has are zero.

    Example:
        >>> embedding_table({"Hello": 711, "!": 71}).shape
        (712, 8)
    """
    trained = weights()["Embedding"][0]
    table = np.zeros((max(ids.values(), default=0) + 1, trained.shape[1]), dtype=np.float32)
    table[0] = trained[0]
    for word, number in ids.items():
        if number:
            table[number] = trained[embedding_row(word)]
    return table


def code(stack: Sequence[_Entry], input_dim: int) -> str:
    """Writes the code of a stack as a learner would write it.

    Args:
        stack: The layers, as in `build`.
        input_dim: The number of ids that the Embedding knows.

    Returns:
        Python that runs as it stands, imports Keras and assigns `model`: a `keras.Sequential`, or
        a `keras.Model` of its own where the stack holds a residual block.

    Raises:
        KeyError: If a type is none of `TYPES`.

    Example:
        >>> print(code([{"type": "Embedding", "mask_zero": False}, {"type": "LSTM"}], 9))
        import keras
        from keras import layers
        <BLANKLINE>
        model = keras.Sequential(
            [
                layers.Embedding(9, 8, mask_zero=False),
                layers.LSTM(8),
                layers.Dense(1, activation="sigmoid"),
            ]
        )
        <BLANKLINE>
    """
    types = [entry["type"] for entry in stack]
    made = [_parts(entry, input_dim) for entry in stack] + [_ANSWER]
    classes = [text for name, text in CLASSES.items() if name in types]
    if not any(name in CALLS for name in types):
        lines = [f"        {call},\n" for parts in made for call in parts.values()]
        model = f"model = keras.Sequential(\n    [\n{''.join(lines)}    ]\n)\n"
    else:
        classes.append(_model_class(types, made))
        model = "model = Stack()\n"
    apart = "\n\n" if classes else "\n"
    return apart.join(["import keras\nfrom keras import layers\n", *classes, model])


def _parts(entry: _Entry, input_dim: int) -> Mapping[str, str]:
    defaults = SWITCHES.get(entry["type"], {})
    switches = {name: entry.get(name, default) for name, default in defaults.items()}
    # Keras sets each to False by itself; only `mask_zero` is what a lesson is about, either way.
    written = ", ".join(
        f"{name}={on}" for name, on in switches.items() if on or name == "mask_zero"
    )
    return {
        part: call.format(input_dim=input_dim, switches=written).replace(", )", ")")
        for part, call in PARTS[entry["type"]].items()
    }


def _model_class(types: Sequence[str], made: Sequence[Mapping[str, str]]) -> str:
    names = list(_distinct(made))
    lines = ["class Stack(keras.Model):", "    def __init__(self):", "        super().__init__()"]
    for parts, own in zip(made, names, strict=True):
        lines += [f"        self.{own[part]} = {call}" for part, call in parts.items()]
    lines += ["", "    def call(self, x):"]
    for name, own in zip(types, names, strict=False):
        calls = CALLS.get(name, (f"x = self.{next(iter(own.values()))}(x)",))
        lines += [f"        {call.format(**own)}" for call in calls]
    return "\n".join([*lines, "        return self.answer(x)", ""])


def _distinct(made: Sequence[Mapping[str, str]]) -> Iterator[dict[str, str]]:
    """Names the attributes of each entry: `lstm`, then `lstm_2`."""
    seen: Counter[str] = Counter()
    for parts in made:
        seen.update(parts.keys())
        yield {part: part if seen[part] == 1 else f"{part}_{seen[part]}" for part in parts}
