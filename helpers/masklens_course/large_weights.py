"""Temporarily giving a new model large weights, so that changes of its input show in its output."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


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
