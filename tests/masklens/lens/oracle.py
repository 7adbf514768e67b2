"""The oracle: runs a model again with other padding, and says how far its answer moves.

It looks at inputs and answers only, at no layer's mask but that of an answer whose time axis
changed, and shares no code with the library whose verdicts are held against it.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal

import keras
import numpy as np
from keras import ops
from keras.src.backend import get_keras_mask

AMOUNTS = (1, 3, 5, 6)
# Large ones too: what is put into padding shows behind a maximum only if it is the largest.
SCALES = (1.0, 3.0, 10.0)
# A rectifier may close on one drawing of the weights, and on two it seldom does.
DRAWS = 2
# What rounding can do: torch computes part of attention in float32, whatever the policy.
NOISE = {"tensorflow": 1e-9, "torch": 1e-5, "jax": 1e-4}[keras.backend.backend()]
# An effect as large as this is none of rounding.
BEYOND_DOUBT = 1e-3

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Truth:
    """How far the answer moves, relative to its largest value; None where it cannot be asked.

    Args:
        content: with other values in the padding.
        amount: with more padding.
        rows: with other rows in the batch.
    """

    content: float | None
    amount: float | None
    rows: float | None

    @property
    def moves(self) -> float:
        """The largest of the three."""
        return max((move for move in (self.content, self.amount, self.rows) if move), default=0.0)


@dataclass(frozen=True)
class Padded:
    """What one input of a model holds, and how to put something else into its padding.

    Args:
        kind: ids, vectors of features, or a mask that is true (or 1) at valid timesteps.
        content: "table" changes the rows of padding in the `Embedding`s called `layers`, "layer"
            what the `PaddingContent`s called `layers` add, "values" the input itself; None where
            nothing can be changed without changing the mask, as behind `Masking`.
        layers: names of layers.
        group: inputs of one group have equal lengths and equal padding.
    """

    kind: Literal["ids", "features", "mask"] = "ids"
    content: Literal["table", "layer", "values"] | None = "table"
    layers: tuple[str, ...] = ("embedding",)
    group: int = 0


@dataclass(frozen=True)
class Case:
    """A model and padded inputs to call it on.

    Args:
        build: makes the model, under whatever dtype policy is in force.
        inputs: an array, list or dict of arrays.
        valid: the same structure; where the timesteps of each input are no padding.
        side: where padding stands, "pre" or "post".
        padding: the value of padding, in ids and in features.
        padded: of each input, in the order in which Keras flattens them.
        answers: of each output: the number of the input whose time axis it has; "whole" if it
            has none; "changed" if its time axis has another length than the input's.
        tokens: the ids that may stand at valid timesteps.
        kinds: of the layers and operators in the model, for people.
    """

    build: Callable[[], Any]
    inputs: Any
    valid: Any
    side: Literal["pre", "post"] = "post"
    padding: float = 0
    padded: tuple[Padded, ...] = (Padded(),)
    answers: tuple[int | Literal["whole", "changed"], ...] = ("whole",)
    tokens: tuple[int, ...] = tuple(range(1, 12))
    kinds: tuple[str, ...] = ()

    def arrays(self) -> list[Array]:
        """The inputs, in the order of `padded`."""
        return [np.asarray(array) for array in keras.tree.flatten(self.inputs)]

    def valids(self) -> list[Array]:
        """Where each input is valid, in the order of `padded`."""
        return [np.asarray(array, bool) for array in keras.tree.flatten(self.valid)]

    def having(self, arrays: Sequence[Array], valids: Sequence[Array] | None = None) -> "Case":
        """The same model on other inputs."""
        valids = self.valids() if valids is None else valids
        inputs = keras.tree.pack_sequence_as(self.inputs, list(arrays))
        return replace(
            self, inputs=inputs, valid=keras.tree.pack_sequence_as(self.valid, list(valids))
        )


@dataclass(frozen=True)
class Output:
    """What counts of one output of a model.

    Args:
        rows: the values of each row that has valid timesteps.
        whole: whether they are whole sequences, of which nothing tells what of them is valid.
    """

    rows: dict[int, Array]
    whole: bool


class PaddingContent(keras.layers.Layer):
    """Adds something at padded timesteps, if told to, and passes the mask on."""

    added: Callable[[Sequence[int]], Array] | None = None

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.supports_masking = True

    def call(self, x: Any) -> Any:
        added = 0.0 if self.added is None else ops.cast(self.added(tuple(x.shape)), x.dtype)
        return x + added


class NotFiniteError(ValueError):
    """What cannot be compared."""


@contextmanager
def quiet() -> Iterator[None]:
    """Silences what Keras says about masks that are lost."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*does not support masking", UserWarning)
        yield


@contextmanager
def doubles() -> Iterator[None]:
    """Has Keras build and compute in float64, where an effect stands out from rounding.

    But on JAX: there, recurrent layers of Keras mix float64 with float32, and stop.
    """
    if keras.backend.backend() == "jax":
        yield
        return
    policy, floats = keras.config.dtype_policy(), keras.config.floatx()
    try:
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("float64")
        yield
    finally:
        keras.config.set_floatx(floats)
        keras.config.set_dtype_policy(policy)


def measure(case: Case, seed: int) -> Truth:
    """Asks the three questions about a case's model, under weights drawn from a seed."""
    largest: list[float | None] = [None, None, None]
    with doubles(), quiet():
        for draw in range(DRAWS):
            given = _weighted(case, np.random.default_rng([seed, draw]))
            largest = [
                _largest(chain([before], moves(case, *given)))
                for before, moves in zip(largest, (_content, _amount, _rows), strict=True)
            ]
    return Truth(*largest)


def _weighted(case: Case, rng: np.random.Generator) -> tuple[Any, list[Output], Any]:
    """A case's model under random weights, its answer, and where more random numbers come from."""
    model = case.build()
    answer_of(case, model)  # builds what builds when it is called
    give_weights(model, rng)
    answer = answer_of(case, model)
    if not is_finite(answer):
        raise NotFiniteError("the answer is not finite")
    return model, answer, rng


def give_weights(model: Any, rng: np.random.Generator) -> None:
    """Gives a built model random weights throughout, so that no bias of zero hides a leak."""
    for variable in model.variables:
        if not keras.backend.is_float_dtype(variable.dtype):
            continue  # the state of a seed
        normal = rng.normal(size=variable.shape)
        if variable.name in ("gamma", "scale"):
            values = 1 + 0.2 * normal
        elif variable.name == "moving_variance":
            values = rng.uniform(0.5, 1.5, variable.shape)
        elif variable.name == "embeddings" or len(variable.shape) < 2:
            values = normal * (1.0 if variable.name == "embeddings" else 0.5)
        else:
            values = 1.5 * normal / np.sqrt(np.prod(variable.shape[:-1]))
        variable.assign(values)


def answer_of(case: Case, model: Any) -> list[Output]:
    """What a model answers, at valid timesteps of the rows that have some."""
    return _that_count(case, _outputs(case, model))


def _outputs(case: Case, model: Any) -> list[Any]:
    tensors = [ops.convert_to_tensor(array) for array in case.arrays()]
    outputs = model(keras.tree.pack_sequence_as(case.inputs, tensors), training=False)
    return list(keras.tree.flatten(outputs))


def _that_count(case: Case, outputs: list[Any]) -> list[Output]:
    valids = case.valids()
    rows = np.flatnonzero(np.all([valid.any(axis=1) for valid in valids], axis=0)).tolist()
    answer = []
    for output, axis in zip(outputs, case.answers, strict=True):
        values = ops.convert_to_numpy(output)
        counts = valids[axis] if isinstance(axis, int) else None
        if axis == "changed" and get_keras_mask(output) is not None:
            counts = ops.convert_to_numpy(get_keras_mask(output))
        if counts is not None and values.shape[:2] != counts.shape:
            raise ValueError(f"an answer of shape {values.shape} does not have the time axis")
        counted = {row: values[row] if counts is None else values[row][counts[row]] for row in rows}
        answer.append(Output(counted, whole=axis == "changed" and counts is None))
    return answer


def is_finite(answer: list[Output]) -> bool:
    """Whether an answer holds numbers only."""
    return all(np.isfinite(values).all() for output in answer for values in output.rows.values())


def difference(
    case: Case, answer: list[Output], other: list[Output], row: int | None = None
) -> float:
    """How far an answer (or one row of it) is from another, relative to its largest value."""
    move = 0.0
    for ours, theirs in zip(answer, other, strict=True):
        largest = max(np.abs(values).max(initial=0.0) for values in ours.rows.values())
        for at in ours.rows if row is None else [row]:
            values, others = ours.rows[at], theirs.rows[at]
            if ours.whole:
                values, others = _aligned(values, others, case.side)
            if values.shape != others.shape:
                return 1.0  # other timesteps count
            moved = float(np.abs(values - others).max(initial=0.0) / (largest or 1.0))
            move = max(move, float("inf") if np.isnan(moved) else moved)
    return move if move >= NOISE else 0.0


def _aligned(values: Array, others: Array, side: str) -> tuple[Array, Array]:
    """Two sequences of vectors, cut to equal lengths where padding stands."""
    steps = min(len(values), len(others))
    return (values[-steps:], others[-steps:]) if side == "pre" else (values[:steps], others[:steps])


def _largest(moves: Iterable[float | None]) -> float | None:
    """The largest of some figures, of which none is measured after one that leaves no doubt."""
    largest = None
    for move in moves:
        if move is not None:
            largest = max(move, largest or 0.0)
            if move > BEYOND_DOUBT:
                break
    return largest


def _content(
    case: Case, model: Any, answer: list[Output], rng: np.random.Generator
) -> Iterator[float]:
    for scale in SCALES if any(padded.content for padded in case.padded) else ():
        with _other_content(case, model, scale, rng) as other:
            move = difference(case, answer, answer_of(other, model))
        yield move


@contextmanager
def _other_content(
    case: Case, model: Any, scale: float, rng: np.random.Generator
) -> Iterator[Case]:
    """Puts other values into the padding of every input in which that can be done."""
    named = {layer.name: layer for layer in model._flatten_layers()}
    arrays = case.arrays()
    with ExitStack() as restored:
        for number, (padded, valid) in enumerate(zip(case.padded, case.valids(), strict=True)):
            if padded.content == "values":
                noise = scale * rng.normal(size=arrays[number].shape)
                arrays[number] = np.where(valid[..., None], arrays[number], noise)
            for name in padded.layers if padded.content in ("table", "layer") else ():
                change = _other_row if padded.content == "table" else _added
                restored.enter_context(change(named[name], case, ~valid, scale, rng))
        yield case.having(arrays)


@contextmanager
def _other_row(
    embedding: Any, case: Case, padding: Array, scale: float, rng: np.random.Generator
) -> Iterator[None]:
    (table,) = embedding.weights
    before = np.array(ops.convert_to_numpy(table))
    after = before.copy()
    after[int(case.padding)] = scale * rng.normal(size=after.shape[1])
    table.assign(after)
    yield
    table.assign(before)


@contextmanager
def _added(
    layer: PaddingContent, case: Case, padding: Array, scale: float, rng: np.random.Generator
) -> Iterator[None]:
    layer.added = lambda shape: scale * rng.normal(size=shape) * padding[..., None]
    yield
    layer.added = None


def _amount(
    case: Case, model: Any, answer: list[Output], _rng: np.random.Generator
) -> Iterator[float]:
    groups = {padded.group for padded in case.padded}
    for growing in [groups] if len(groups) == 1 else [groups, *({group} for group in groups)]:
        for amount in AMOUNTS:
            longer = with_more_padding(case, amount, growing)
            try:
                outputs = _outputs(longer, model)
            except Exception:  # of any kind: each backend has its own for shapes that do not fit
                continue
            yield difference(case, answer, _that_count(longer, outputs))


def with_more_padding(case: Case, amount: int, groups: set[int]) -> Case:
    """A case whose inputs of some groups have more padding, on the side where it stands."""
    arrays, valids = case.arrays(), case.valids()
    ends = (amount, 0) if case.side == "pre" else (0, amount)
    for number, padded in enumerate(case.padded):
        if padded.group in groups:
            array, value = arrays[number], 0 if padded.kind == "mask" else case.padding
            width = [(0, 0), ends] + [(0, 0)] * (array.ndim - 2)
            arrays[number] = np.pad(array, width, constant_values=value)
            valids[number] = np.pad(valids[number], [(0, 0), ends])
    return case.having(arrays, valids)


def _rows(
    case: Case, model: Any, answer: list[Output], rng: np.random.Generator
) -> Iterator[float]:
    for row in answer[0].rows:
        other = with_other_rows(case, row, rng)
        yield difference(case, answer, answer_of(other, model), row)


def with_other_rows(case: Case, kept: int, rng: np.random.Generator) -> Case:
    """A case whose rows, but one, have other tokens and other lengths."""
    arrays, valids = case.arrays(), case.valids()
    drawn: dict[int, Array] = {}
    for number, padded in enumerate(case.padded):
        array, valid = arrays[number], valids[number]
        if padded.group not in drawn:
            lengths = rng.integers(1, valid.shape[1] + 1, len(valid))
            other = valid_steps(lengths, valid.shape[1], case.side)
            other[kept] = valid[kept]
            drawn[padded.group] = other
        new = drawn[padded.group]
        values = filled(new, padded.kind, array, case.padding, case.tokens, rng)
        values[kept] = array[kept]
        arrays[number], valids[number] = values, new
    return case.having(arrays, valids)


def valid_steps(lengths: Array, steps: int, side: str) -> Array:
    """Where rows of some lengths are valid, when padded to some timesteps on one side."""
    steps_of_row = np.arange(steps)[None]
    if side == "pre":
        steps_of_row = steps_of_row[:, ::-1]
    return steps_of_row < np.asarray(lengths)[:, None]


def filled(
    valid: Array,
    kind: str,
    like: Array,
    padding: float,
    tokens: Sequence[int],
    rng: np.random.Generator,
) -> Array:
    """An input of some kind, with random tokens at valid timesteps and padding elsewhere."""
    if kind == "mask":
        return valid.astype(like.dtype)
    if kind == "ids":
        ids = rng.choice(np.array(tokens), valid.shape)
        return np.where(valid, ids, int(padding)).astype(like.dtype)
    values = rng.normal(size=like.shape)
    return np.where(valid[..., None], values, padding).astype(like.dtype)
