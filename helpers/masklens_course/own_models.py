"""Running models that learners build: with large weights, with their masks, and with a trace."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from masklens._keras import all_layers, mask_of
from masklens.drawing.picture import Picture
from masklens.drawing.trace_picture import draw
from masklens.lens.trace import Trace, trace_until_error
from masklens.tracing.calls import Array
from masklens_course.answer import DiagnosedError, Raised, answering, call, trying
from masklens_course.example import Written, as_code
from masklens_course.sandbox import run_in_sandbox


@dataclass(frozen=True, eq=False)
class ModelCall(Written):
    """A call of a model that a learner's function builds, which is the only argument of a case.

    Attributes:
        made_with: The arguments of the function.
        ids: (batch, time) whole numbers that the model is called with.
        more: So many timesteps of padding are added in a second call of it.
        models: The models built so far. The cases of a question share them, since to build one
            takes longer than to call it; each check draws its cases, and builds its models, anew.
        traces: What became of the masks in these models.
    """

    made_with: tuple[Any, ...]
    ids: Array
    more: int = 0
    models: dict[tuple[Any, ...], Any] = field(default_factory=dict, repr=False)
    traces: dict[int, Trace | None] = field(default_factory=dict, repr=False)

    @property
    def mask(self) -> Array:
        """Where the ids are words."""
        return np.asarray(self.ids != 0)

    @property
    def longer(self) -> Array:
        """The ids with more padding behind."""
        return np.pad(self.ids, ((0, 0), (0, self.more)))

    @property
    def size(self) -> int:
        """How many ids the model is called with."""
        return int(self.ids.size)

    def model(self, answer: Any) -> Any:
        """Returns the model that an answer builds, with weights if it can have them."""
        key = (answer, *self.made_with)
        if key not in self.models:
            self.models[key] = _with_weights(built(answer, *self.made_with), self.ids)
        return self.models[key]

    def trace(self, model: Any) -> Trace | None:
        """Traces the masks of a model, once in a check; None if it cannot be traced."""
        if id(model) not in self.traces:
            self.traces[id(model)] = traced(model, self.ids, measure=False)
        return self.traces[id(model)]

    def arguments(self) -> tuple[Any, ...]:
        """Gives the arguments of the function."""
        return self.made_with

    def as_code(self, name: str) -> str:
        """Writes the calls of the function and of its model as code.

        Example:
            >>> print(ModelCall((9, 3), np.array([[7, 0]]), more=1).as_code("build"))
            model = build(9, 3)
            model(np.array([[7, 0]]))
            model(np.array([[7, 0, 0]]))
        """
        made = f"model = {name}({', '.join(str(as_code(one)) for one in self.made_with)})"
        batches = [self.ids, self.longer] if self.more else [self.ids]
        return "\n".join([made, *(f"model({as_code(one)})" for one in batches)])


def _with_weights(model: Any, ids: Array) -> Any:
    import keras

    if isinstance(model, keras.Model) and not model.built:
        with answering():
            if isinstance(model, keras.Sequential):  # this is quicker than to call it
                model.build((None, None))
            else:  # an exception is raised again where the model is called
                trying(model, ids[:1, :1])
    return model


def built(answer: Any, *parts: Any) -> Any:
    """Calls a learner's function that builds a model.

    Args:
        answer: The function.
        parts: Its arguments.

    Returns:
        What it returns, whether it is a model or not.

    Raises:
        DiagnosedError: If it returns None (`returns-nothing`).
    """
    model = call(answer, *parts)
    if model is None:
        raise DiagnosedError("returns-nothing")
    return model


def mask_on(output: Any) -> Array | None:
    """Returns the mask that an output carries; None if it carries none that can be read."""
    mask = trying(mask_of, output)
    return None if mask is None or isinstance(mask, Raised) else np.asarray(mask)


def traced(model: Any, inputs: Array, measure: bool = True) -> Trace | None:
    """Traces a model, as far as it runs; None if it cannot be traced."""
    found = trying(lambda: trace_until_error(model, inputs, measure=measure)[0])
    return None if isinstance(found, Raised) else found


def drawn(model: Any, inputs: Array) -> Picture | None:
    """Traces a model with fixed large weights, and shows where padding gets in; None if it cannot.

    A mistake draws it when all else is known: to measure takes longer than the whole check.
    """
    with large_weights(model):
        trace = run_in_sandbox(lambda: traced(model, inputs)).value
    return draw(trace) if trace else None


def runs_backwards(model: Any) -> bool:
    """Returns whether a recurrent layer reads from the end and is no half of a `Bidirectional`."""
    layers = trying(all_layers, model)
    if isinstance(layers, Raised):
        return False
    halves = [getattr(one, "backward_layer", None) for one in layers]
    backwards = [one for one in layers if getattr(one, "go_backwards", False)]
    return any(all(one is not half for half in halves) for one in backwards)


def trace_picture(seen: Any) -> Picture | None:
    """Shows the trace of an observation; None if it has none."""
    return draw(seen.trace) if seen.trace else None


@contextmanager
def large_weights(model: Any) -> Iterator[None]:
    """Gives a model fixed large weights within a block, and restores its own at the end.

    The random weights of a new model are so small that the order of words, or padding, hardly moves
    its output, and no tolerance could tell such a movement from rounding.

    Args:
        model: A built model; an object without weights is left alone.

    Example:
        >>> import keras
        >>> dense = keras.layers.Dense(1, kernel_initializer="zeros")
        >>> dense.build((None, 2))
        >>> with large_weights(dense):
        ...     bool(dense.kernel[0, 0] != 0)
        True
        >>> bool(dense.kernel[0, 0] != 0)
        False
    """
    random = np.random.default_rng(0)
    kernels = [w for w in getattr(model, "trainable_variables", ()) if len(w.shape) > 1]
    before = [kernel.numpy().copy() for kernel in kernels]
    try:
        for kernel in kernels:
            inputs = float(np.prod(kernel.shape[:-1]))
            kernel.assign(random.normal(0, 2 / np.sqrt(inputs), kernel.shape))
        yield
    finally:
        for kernel, values in zip(kernels, before, strict=True):
            kernel.assign(values)
