"""An assertion for people's own tests: it fails where padding gets into a model's answer."""

from typing import Any

from masklens.tracing.trace import trace


def assert_padding_ignored(model: Any, batch: Any, mask: Any = None) -> None:
    """Fails if padding gets into the answer of a model; meant for your own tests.

    Measures as `masklens.trace` does. It fails, too, if padding gets in only once weights that
    are all 0 or 1 have other values, and if there is no verdict.

    Args:
        model: A Keras model or layer.
        batch: What to call it on, with some padding: an array, a `PaddedBatch`, or a list, tuple
            or dict of arrays.
        mask: Which timesteps are tokens, where the lens cannot know; as for `masklens.trace`.

    Raises:
        AssertionError: If padding gets in, or nothing could be measured. The message says by how
            much the answer moves, names each call at which padding gets in with the reason and a
            way out, and shows the trace.

    Example:
        >>> import keras, numpy as np
        >>> ids = np.array([[7, 3, 0], [4, 5, 6]])
        >>> embedding = keras.layers.Embedding(10, 4, mask_zero=True)
        >>> assert_padding_ignored(keras.Sequential([embedding, keras.layers.LSTM(2)]), ids)
    """
    # pytest shows the lines of a test, not those of the assertion that it calls.
    __tracebackhide__ = True
    found = trace(model, batch, mask)
    if found.moves != 0.0:
        raise AssertionError(str(found))
