"""Running models that learners build: with large weights, with their masks, and with a trace."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from masklens._keras import mask_of
from masklens.drawing.picture import Picture
from masklens.drawing.trace_picture import draw
from masklens.lens.trace import Trace, trace_until_error
from masklens.tracing.calls import Array
from masklens_course.answer import DiagnosedError, Raised, call, trying


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
