"""Reading the mask that rides on a tensor: the one place that touches Keras's private mask."""

from typing import Any

import numpy as np

from masklens.language import translate as _


def mask_of(tensor: Any) -> Any:
    """Reads the mask that Keras has attached to a tensor.

    A Keras layer hands its mask on beside the tensor, where no public function reads it. This
    one asks `keras.src.backend.get_keras_mask`, as Keras's own layers do on every backend.

    Args:
        tensor: A tensor of the Keras backend in use, or a symbolic `keras.KerasTensor`.

    Returns:
        The mask as a boolean array, for most layers of shape (batch, time); True marks a
        timestep to read. None if the tensor carries no mask. For a symbolic tensor, the
        symbolic mask.

    Raises:
        TypeError: If `tensor` is no tensor.

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
    """Reads the mask as it hangs on a tensor, in whatever form; None if there is none.

    Args:
        tensor: Anything; only what Keras has attached a mask to has one.

    Returns:
        The mask itself, for most layers a tensor of shape (batch, time); not a copy.
    """
    # Imported here because it is Keras's own, unlike everything else that masklens uses.
    from keras.src.backend import get_keras_mask

    return get_keras_mask(tensor)


def attach_mask(tensor: Any, mask: Any) -> None:
    """Attaches a mask to a tensor, in place of the one that it carries.

    Args:
        tensor: A tensor of the Keras backend in use.
        mask: A boolean tensor, for most layers of shape (batch, time); None to take it away.
    """
    from keras.src.backend import set_keras_mask

    set_keras_mask(tensor, mask)
