"""Measures what each layer of `keras.layers` does to a mask, and whether it lets padding in."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import keras
import numpy as np
from keras import layers

import masklens as ml
from masklens._keras import attached_mask

Group = Literal["makes", "passes", "uses", "loses", "apart"]
GROUPS: tuple[Group, ...] = get_args(Group)

# Padding stands on the right in some rows and on the left in others, and is 0.
_IDS = np.array([[7, 3, 5, 0, 0], [4, 6, 9, 2, 0], [0, 8, 1, 9, 3]])
_VALID = _IDS != 0

# The axes behind (batch, time), by the number of all axes; images have three channels.
_SHAPES = {2: (), 3: (8,), 4: (16, 3), 5: (4, 4, 3), 6: (4, 2, 2, 3)}
_WORDS_OF_A_SENTENCE = 4

# What a layer cannot be made without, by the name of the argument.
_REQUIRED: dict[str, Any] = {
    **dict.fromkeys(["units", "filters", "output_dim"], 4),
    **dict.fromkeys(["kernel_size", "pool_size", "output_size", "height", "width"], 2),
    **dict.fromkeys(["max_number", "num_heads", "num_query_heads"], 2),
    **dict.fromkeys(["rate", "stddev", "factor", "height_factor", "width_factor"], 0.5),
    **dict.fromkeys(["key_dim", "head_dim"], 3),
    **dict.fromkeys(["input_dim", "num_bins"], 10),
    "num_key_value_heads": 1,
    "activation": "tanh",
    "axes": 2,
    "dims": (2, 1),
    "equation": "btf,fg->btg",
    "output_shape": (None, 4),
    "function": keras.ops.abs,
    "scale": 2.0,
    "target_shape": (-1, 2, 4),
}

# What a layer needs besides, to take a sequence at all.
_OPTIONS: dict[str, dict[str, Any]] = {
    "CategoryEncoding": {"num_tokens": 10},
    "Discretization": {"bin_boundaries": [0.0]},
    "GroupNormalization": {"groups": 2},
    "IntegerLookup": {"vocabulary": [1, 2, 3]},
    "MelSpectrogram": {"fft_length": 4, "sequence_stride": 1, "sequence_length": 2},
    "Normalization": {"mean": 0.0, "variance": 1.0},
    "RandomColorJitter": {"brightness_factor": 0.5},
    "RandomPosterization": {"factor": 4},
    "STFTSpectrogram": {"frame_length": 2, "frame_step": 1, "fft_length": 2},
}


@dataclass(frozen=True)
class _Feed:
    """How a layer is called, and which of the tensors that it is called on have a mask."""

    masked: tuple[bool, ...]
    call: Callable[..., Any]


_ONE = _Feed((True,), lambda layer, tensor: layer(tensor))
_LIST = _Feed((True, True), lambda layer, *tensors: layer(list(tensors)))
_MASKED_AND_UNMASKED = _Feed((True, False), _LIST.call)
_ARGUMENTS = _Feed((True, True), lambda layer, *tensors: layer(*tensors))
_CAUSAL = _Feed((True, True), lambda layer, *tensors: layer(*tensors, use_causal_mask=True))


def _call_with_a_state(layer: Any, tensor: Any, **arguments: Any) -> Any:
    state = keras.ops.ones((tensor.shape[0], layer.units))
    return layer(tensor, initial_state=[state, state], **arguments)


_WITH_A_STATE = _Feed((True,), _call_with_a_state)
_WITH_A_STATE_AND_A_MASK = _Feed(
    (True,), lambda layer, tensor: _call_with_a_state(layer, tensor, mask=attached_mask(tensor))
)


@dataclass(frozen=True)
class _Case:
    """A layer to be measured, and how it is called.

    Attributes:
        name: Its class, as `keras.layers` has it.
        options: The code that tells it from others of its class; empty for its defaults.
        make: Makes the layer.
        feed: Calls it; what works with this class if it is None.
        training: Whether it is called as in training.
    """

    name: str
    options: str
    make: Callable[[], Any]
    feed: _Feed | None = None
    training: bool = False


def _variant(
    name: str, said: str = "", feed: _Feed | None = None, training: bool = False, **arguments: Any
) -> _Case:
    """A layer with arguments; `said` is what its row says besides these."""
    given = (
        f'{key}="{value}"' if isinstance(value, str) else f"{key}={value}"
        for key, value in arguments.items()
    )
    options = ", ".join(filter(None, [said, *given]))
    return _Case(name, options, lambda: _made(getattr(layers, name), **arguments), feed, training)


def _wrapped(name: str, inner: str, make: Callable[[], Any]) -> _Case:
    return _Case(name, inner, lambda: getattr(layers, name)(make()))


# Where an argument, or a second input, changes the row.
_VARIANTS = (
    *(_variant(name, mask_zero=True) for name in ("Embedding", "ReversibleEmbedding")),
    *(_variant(name, return_sequences=True) for name in ("SimpleRNN", "GRU", "LSTM")),
    _variant("LSTM", go_backwards=True, return_sequences=True),
    _variant("LSTM", "initial_state=state", _WITH_A_STATE, return_sequences=True),
    _variant(
        "LSTM",
        "initial_state=state, mask=mask",
        _WITH_A_STATE_AND_A_MASK,
        return_sequences=True,
    ),
    _wrapped(
        "Bidirectional",
        "LSTM(return_sequences=True)",
        lambda: layers.LSTM(4, return_sequences=True),
    ),
    _wrapped(
        "TimeDistributed",
        "Embedding(mask_zero=True)",
        lambda: layers.Embedding(10, 4, mask_zero=True),
    ),
    _variant("MultiHeadAttention", "use_causal_mask=True", _CAUSAL),
    _variant("Add", "[masked, unmasked]", _MASKED_AND_UNMASKED),
    _variant("Concatenate", "[masked, unmasked]", _MASKED_AND_UNMASKED),
    _variant("Concatenate", feed=_LIST, axis=1),
    _variant("Dot", feed=_LIST, axes=1),
    _variant("BatchNormalization", "training=True", training=True),
    _variant("LayerNormalization", axis=[1, 2]),
    _variant("Conv1D", padding="causal"),
)
# What the class alone does not say, though an argument is needed.
_ALWAYS_SAID = {
    "Bidirectional": "LSTM",
    "Dot": "axes=2",
    "RNN": "LSTMCell",
    "SpectralNormalization": "Dense",
    "TimeDistributed": "Dense",
}


@dataclass(frozen=True)
class Row:
    """What one layer does to the mask of its input.

    Attributes:
        name: The class, such as "LSTM".
        options: As in `_Case`.
        group: Where it stands in the table.
        effect: As `masklens.LayerCall.effect`.
        uses_mask: Whether what comes out at valid timesteps depends on the mask; None if no mask
            came in, or if it could not be told.
        padding_gets_in: Whether what stands in the padding, or how much of it there is, moves what
            comes out at valid timesteps; None if it was not asked, or could not be told.
    """

    name: str
    options: str
    group: Group
    effect: str
    uses_mask: bool | None
    padding_gets_in: bool | None


def measure() -> tuple[list[Row], list[str]]:
    """Measures each layer of `keras.layers`, and those variants that make a row of their own.

    Returns:
        The rows in alphabetical order; and the names of the classes that take no sequence.
    """
    rows, left_out = [], []
    for case in _cases():
        row = _measured(case)
        if row is None:
            left_out.append(case.name)
        else:
            rows.append(row)
    return sorted(rows, key=lambda row: (row.name.lower(), row.options)), left_out


def _cases() -> Iterator[_Case]:
    for name, layer_class in _classes():
        said = _ALWAYS_SAID.get(name, "")
        yield _Case(name, said, partial(_made, layer_class), training=_augments(name))
        yield from (case for case in _VARIANTS if case.name == name)


def _classes() -> list[tuple[str, Any]]:
    """Each class once, whatever other names it has, in alphabetical order."""
    names: dict[Any, str] = {}
    for name, value in vars(layers).items():
        if _is_layer(value):
            names[value] = value.__name__ if hasattr(layers, value.__name__) else name
    return sorted(
        ((name, value) for value, name in names.items()), key=lambda pair: pair[0].lower()
    )


def _is_layer(value: Any) -> bool:
    layer: Any = value if inspect.isclass(value) and issubclass(value, keras.Layer) else None
    # A cell takes one timestep and states: it is no layer of a model.
    return layer is not None and "states" not in inspect.signature(layer.call).parameters


def _measured(case: _Case) -> Row | None:
    """Measures a layer on the first kind of input that it takes; None if it takes none."""
    for model in _models(case):
        # Keras tells of masks that it takes for lost, and layers of inputs that they refuse.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                model(model.batch)  # builds it, which a trace would do at a higher price
                found = ml.trace(
                    model,
                    model.batch,
                    measure=not _prepares_data(case.name),
                    training=case.training,
                    probe=True,
                )
            except Exception:
                continue
            call = found[model.layer.name]
            gets_in = _gets_in(found)
            if gets_in and _has_other_timesteps(call):
                gets_in = _mixes_timesteps(model.layer, model.axes)
        group = _group(case.name, call.effect, call.uses_mask)
        return Row(case.name, case.options, group, call.effect, call.uses_mask, gets_in)
    return None


def _gets_in(found: ml.Trace) -> bool | None:
    figures = [found.moves_by["content"], found.moves_by["amount"]]
    known = [figure for figure in figures if figure is not None]
    return any(known) if known else None


def _has_other_timesteps(call: ml.LayerCall) -> bool:
    """Whether nothing tells which timesteps are valid: there are more or fewer, and no mask."""
    if len(call.shapes_in) > 1 or call.masks_out[0] is not None:
        return False
    came, went = call.shapes_in[0], call.shapes_out[0]
    return len(went) == len(came) and went[1] != came[1]


def _mixes_timesteps(layer: Any, axes: int) -> bool:
    """Whether a timestep that comes out moves with tokens and with padding."""
    random = np.random.default_rng(0)
    values, others = random.normal(size=(2, *_VALID.shape, *_SHAPES[axes])).astype("float32")
    valid = _VALID.reshape(*_VALID.shape, *(1,) * len(_SHAPES[axes]))
    batches = values, np.where(valid, values, others), np.where(valid, others, values)
    whole, padding, tokens = (keras.ops.convert_to_numpy(layer(batch)) for batch in batches)
    moves = [np.abs(whole - other) > 1e-5 for other in (padding, tokens)]
    per_timestep = [move.reshape(*move.shape[:2], -1).any(-1) for move in moves]
    return bool(np.logical_and(*per_timestep).any())


def _group(name: str, effect: str, uses_mask: bool | None) -> Group:
    if _is_apart(name):
        return "apart"
    if effect in ("creates", "none"):
        return "makes"
    if uses_mask:
        return "uses"
    return "loses" if effect in ("ends", "drops") else "passes"


def _is_apart(name: str) -> bool:
    """Whether a layer is for images or volumes, or for what stands before a model."""
    return _prepares_data(name) or bool(re.search("[23]D", name) and "LSTM" not in name)


def _prepares_data(name: str) -> bool:
    """Whether a layer stands before a model, where nothing is padded yet."""
    return "preprocessing" in getattr(layers, name).__module__


# What a layer is called on ------------------------------------------------------------------------


class _Model(keras.Model):  # type: ignore[misc]  # Keras ships no types
    """Calls a layer on a batch."""

    def __init__(self, layer: Any, batch: Any) -> None:
        super().__init__()
        self.layer, self.batch, self.axes = layer, batch, batch.ndim

    def build(self, _shape: Any) -> None:
        """Leaves it to the first call, which is quicker than a symbolic one before it."""

    def call(self, batch: Any) -> Any:
        return self.layer(batch)


class _MaskedModel(_Model):
    """Makes vectors with a mask of ids, and calls a layer on them.

    Behind (batch, time) stand as many axes as make up `axes` with them.
    """

    def __init__(self, layer: Any, axes: int, feed: _Feed) -> None:
        super().__init__(layer, _IDS)
        self.axes, self.feed = axes, feed
        size = int(np.prod(_SHAPES[axes]))
        # Different ones: the larger of a tensor and itself says nothing of the mask.
        self.sources = [layers.Embedding(10, size, mask_zero=masked) for masked in feed.masked]
        self.shaped = None if axes == 3 else _Shaped(_SHAPES[axes])

    def call(self, ids: Any) -> Any:
        tensors = [source(ids) for source in self.sources]
        if self.shaped is not None:
            tensors = [self.shaped(tensor) for tensor in tensors]
        return self.feed.call(self.layer, *tensors)


class _Shaped(keras.Layer):  # type: ignore[misc]  # Keras ships no types
    """Gives the vector of each timestep other axes, and passes the mask on."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape, self.supports_masking = shape, True

    def call(self, vectors: Any) -> Any:
        return keras.ops.reshape(vectors, (*keras.ops.shape(vectors)[:2], *self.shape))


def _models(case: _Case) -> Iterator[_Model]:
    """Models in which a layer is called, each made anew: the first that runs is taken."""
    keras.utils.set_random_seed(0)
    if "Embedding" in case.name + case.options:
        yield _Model(case.make(), _IDS)
        sentences = np.repeat(_IDS[..., None], _WORDS_OF_A_SENTENCE, axis=-1)
        yield _Model(case.make(), sentences)
    elif case.name == "Masking":
        random = np.random.default_rng(0)
        vectors = random.normal(size=(*_VALID.shape, *_SHAPES[3])).astype("float32")
        yield _Model(case.make(), vectors * _VALID[..., None])
    else:
        # A second argument might be taken for a mask, so it is tried last.
        for feed in (case.feed,) if case.feed else (_ONE, _LIST, _ARGUMENTS):
            for axes in _possible_axes(case.name):
                try:
                    layer = case.make()
                except Exception:
                    return
                yield _MaskedModel(layer, axes, feed)


def _possible_axes(name: str) -> tuple[int, ...]:
    written = re.search(r"(\d)D", name)
    if written:
        return (int(written[1]) + 2 + ("LSTM" in name),)
    return (4, 3) if _augments(name) else (3, 2)


def _augments(name: str) -> bool:
    """Whether a layer changes images, most of them in training only."""
    return "image_preprocessing" in getattr(layers, name).__module__


def _made(layer_class: Any, **given: Any) -> Any:
    parameters = list(inspect.signature(layer_class.__init__).parameters.values())[1:]
    variadic = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    needed = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty and parameter.kind not in variadic
    ]
    # Layers within layers are made anew each time: a layer belongs to one model.
    inner: dict[str, Any] = {
        "cell": layers.LSTMCell(4),
        "layer": layers.LSTM(4) if layer_class is layers.Bidirectional else layers.Dense(4),
        "layers": [layers.Dense(4)],
    }
    arguments = {name: (inner | _REQUIRED)[name] for name in needed}
    return layer_class(**arguments | _OPTIONS.get(layer_class.__name__, {}) | given)
