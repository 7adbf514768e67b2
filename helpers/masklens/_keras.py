"""All that uses private parts of Keras and TensorFlow: masks, seeds, names, and eager mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens._language import translate as _


def mask_of(tensor: Any) -> Any:
    """Reads the mask that Keras has attached to a tensor.

    A Keras layer attaches its mask to the output tensor, where no public function of Keras reads
    it. This function uses `keras.src.backend.get_keras_mask`, as Keras's own layers do on every
    backend.

    Args:
        tensor: A tensor of the Keras backend in use, or a symbolic `keras.KerasTensor`.

    Returns:
        The mask as a boolean array, for most layers of shape (batch, time), in which True marks a
        timestep to read. None if the tensor carries no mask. For a symbolic tensor, the symbolic
        mask.

    Raises:
        TypeError: If `tensor` is not a tensor.

    Example:
        >>> import keras, numpy as np
        >>> x = keras.layers.Embedding(10, 2, mask_zero=True)(np.array([[7, 3, 0]]))
        >>> mask_of(x)
        array([[ True,  True, False]])
        >>> mask_of(x * 2) is None
        True
    """
    # Not at the top: the command sets up TensorFlow's notices before Keras imports it.
    import keras

    symbolic = isinstance(tensor, keras.KerasTensor)
    if not symbolic and not keras.ops.is_tensor(tensor):
        raise TypeError(
            _(
                "mask_of reads the mask of a tensor, such as the output of a layer; "
                "got {type}, which cannot carry one. Pass what the layer returned."
            ).format(type=type(tensor).__name__)
        )
    mask = attached_mask(tensor)
    if mask is None or symbolic:
        return mask
    return np.asarray(keras.ops.convert_to_numpy(mask), dtype=bool)


def attached_mask(tensor: Any) -> Any:
    """Returns the mask that Keras has attached to a tensor, without converting or copying it.

    Args:
        tensor: Any object.

    Returns:
        The mask, for most layers a tensor of shape (batch, time); None if there is none.
    """
    from keras.src.backend import get_keras_mask

    return get_keras_mask(tensor)


def attach_mask(tensor: Any, mask: Any) -> None:
    """Attaches a mask to a tensor, replacing the one that it carries.

    Args:
        tensor: A tensor of the Keras backend in use.
        mask: A boolean tensor, for most layers of shape (batch, time); None to remove the mask.
    """
    from keras.src.backend import set_keras_mask

    set_keras_mask(tensor, mask)


def array_of(tensor: Any) -> NDArray[Any]:
    """Reads the values of a tensor as an array that must not be written to.

    Tensors of TensorFlow and JAX never change, so where it can the array shares their memory.

    Args:
        tensor: A tensor of the Keras backend in use, a variable, or an array.

    Returns:
        The values.
    """
    import keras

    if keras.backend.backend() in ("tensorflow", "jax") and hasattr(tensor, "__array__"):
        return np.asarray(tensor)
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def booleans_of(mask: Any) -> NDArray[np.bool_]:
    """Reads a mask as booleans that must not be written to.

    Args:
        mask: A mask, or whatever else a custom layer has attached in its place.

    Returns:
        The mask; True where it holds no numbers.
    """
    values = array_of(mask)
    if values.dtype.kind not in "biuf":
        return np.ones(values.shape, dtype=bool)
    return values.astype(bool, copy=False)


def is_symbolic(tensor: Any) -> bool:
    """Returns whether a tensor is symbolic: its values do not exist yet."""
    return _symbolic_type(type(tensor).__mro__) or getattr(tensor, "is_meta", False)


@lru_cache(maxsize=256)
def _symbolic_type(bases: tuple[type, ...]) -> bool:
    """Judges by the names of types, since checking with a backend would import it."""
    # KerasTensor; TensorFlow's SymbolicTensor, in a graph; JAX's Tracer, while it compiles.
    names = {base.__name__ for base in bases}
    return not names.isdisjoint({"KerasTensor", "SymbolicTensor", "Tracer"})


def global_seeds() -> list[Any]:
    """Returns the state of Keras's global seed generator, if one exists."""
    from keras.src.backend.common.global_state import get_global_attribute

    # Keras's own accessor would create the generator, with a seed from Python's `random`.
    generator = get_global_attribute("global_seed_generator")
    return [] if generator is None else [generator.state]


@contextmanager
def count_names_anew() -> Iterator[None]:
    """Names layers as in a new session, and leaves the session's own count as it was."""
    from keras.src.backend.common.global_state import get_global_attribute, set_global_attribute

    counts = get_global_attribute("object_name_uids")
    set_global_attribute("object_name_uids", None)
    try:
        yield
    finally:
        set_global_attribute("object_name_uids", counts)


def all_layers(model: Any) -> list[Any]:
    """Returns a model and all layers in it, at any depth."""
    return list(model._flatten_layers())


@contextmanager
def functions_as_python() -> Iterator[None]:
    """Runs functions compiled with `tf.function` as plain Python, so that layer calls are seen."""
    import keras

    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf
    from tensorflow.python.eager import context

    # With a global seed, this generator seeds each random operation.
    seeds = getattr(context.context(), "_rng", None)
    drawn = seeds.getstate() if seeds is not None else None
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)
        if seeds is not None:
            seeds.setstate(drawn)


def is_keras_layer(layer_type: type) -> bool:
    """Returns whether a class is one of Keras's own layers; the base class does not count."""
    module = layer_type.__module__
    return module.startswith("keras.src.layers.") and module != "keras.src.layers.layer"
