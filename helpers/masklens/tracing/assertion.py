"""A guard for people's own tests: it fails where a model loses its mask."""

from typing import Any

from masklens.tracing.trace import Trace, trace
from masklens.trace_words import explain_loss


def assert_no_mask_lost(model: Any, inputs: Any) -> None:
    """Fails if a call in the model loses the mask; meant for your own tests.

    Runs `model(inputs)` once, as `masklens.trace` does. A mask that ends where a layer used it is
    not lost; a model that makes no mask has none to lose.

    Args:
        model: A Keras model or layer.
        inputs: What to call it on, with some padding: an array, a `PaddedBatch`, or a list, tuple
            or dict of arrays.

    Raises:
        AssertionError: If a mask is lost. The message names each call that loses one by its path
            and type, and the layers that read the padding as data because of it; it says what to
            do, and shows the trace.

    Example:
        >>> import keras, numpy as np
        >>> ids = np.array([[7, 3, 0]])
        >>> embedding = keras.layers.Embedding(10, 4, mask_zero=True)
        >>> assert_no_mask_lost(keras.Sequential([embedding, keras.layers.LSTM(2)]), ids)
    """
    # pytest shows the lines of a test, not those of the guard that it calls.
    __tracebackhide__ = True
    found = trace(model, inputs)
    if found.lost:
        raise AssertionError(_message(found))


def _message(found: Trace) -> str:
    losses = [
        f"{call.path} ({call.layer_type}): {explain_loss(found.calls, call)}" for call in found.lost
    ]
    return "\n".join([*losses, "", str(found)])
