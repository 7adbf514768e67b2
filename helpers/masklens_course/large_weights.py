"""Gives a new model large weights for a while, so that what should move its output does."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


@contextmanager
def large_weights(model: Any) -> Iterator[None]:
    """Gives a model other weights, always the same ones, and its own back at the end.

    The weights of a new model are random and so small that the order of the words, or padding that
    is read, hardly moves its output: no tolerance could tell that from rounding.

    Args:
        model: A model that is built; what has no weights is left alone.

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
