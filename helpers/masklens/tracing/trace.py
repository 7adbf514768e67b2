"""Tracing: every call of a layer while a model, or a block of code, runs, and its masks."""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from masklens.tracing.calls import LayerCall
from masklens.tracing.effects import layer_calls
from masklens.tracing.hooks import watching
from masklens.language import translate as _
from masklens.padding import PaddedBatch
from masklens.picture import Picture
from masklens.tracing.record import Recorder, is_symbolic
from masklens.trace_picture import draw


class Trace:
    """The calls of layers that were recorded, with the mask before and after each.

    Iterating yields the calls in the order in which they began. `trace["lstm"]` is the call of the
    layer of that name; of a layer that was called several times, the first call. A path such as
    `trace["encoder/mha"]`, or the end of one, tells layers of one name apart.

    Shown in a notebook it is a picture, and printed it is text.
    """

    def __init__(self, recorder: Recorder, root: Any = None, symbolic: bool = True) -> None:
        """Belongs to `trace` and `record`, which return it."""
        self._recorder: Recorder | None = recorder
        self._root, self._symbolic = root, symbolic
        self._finished: tuple[LayerCall, ...] = ()
        self._error: BaseException | None = None

    @property
    def calls(self) -> tuple[LayerCall, ...]:
        """The calls, in the order in which they began; while recording, those so far."""
        if self._recorder is None:
            return self._finished
        return tuple(layer_calls(self._recorder, self._root, self._symbolic))

    @property
    def lost(self) -> tuple[LayerCall, ...]:
        """The calls that cost a later layer its mask.

        These are each call that drops a mask; each that takes a mask and ends it while its output
        still has the timesteps and a later call takes it; and each that clears the mask of its own
        input where a later call takes that tensor.
        """
        return tuple(call for call in self.calls if call.costs_a_mask)

    def __getitem__(self, name: str) -> LayerCall:
        """Finds the first call of a layer by its name, its path, or the end of its path.

        Args:
            name: Such as `"lstm"` or `"encoder/mha"`.

        Returns:
            The first call of that layer.

        Raises:
            KeyError: If no layer of that name was called, or if several were: the message lists
                names near to it, or their paths.
        """
        calls = self.calls
        exact = [call for call in calls if call.path == name]
        found = exact or [call for call in calls if f"/{call.path}".endswith(f"/{name}")]
        paths = list(dict.fromkeys(call.path for call in found))
        if len(paths) == 1:
            return found[0]
        if paths:
            raise KeyError(
                _("Several layers are called {name!r}; give the path: {paths}.").format(
                    name=name, paths=", ".join(map(repr, paths))
                )
            )
        raise KeyError(_unknown(name, calls))

    def __len__(self) -> int:
        """Counts the calls."""
        return len(self.calls)

    def __iter__(self) -> Iterator[LayerCall]:
        """Iterates over the calls."""
        return iter(self.calls)

    def __repr__(self) -> str:
        """Shows the trace as text."""
        return self._picture().text

    def _repr_html_(self) -> str:
        return self._picture().html

    def _picture(self) -> Picture:
        return draw(self.calls, error=self._error)

    def _finish(self, error: BaseException | None) -> None:
        """Lets go of the model and of everything else that was needed to find out."""
        self._finished, self._recorder, self._root = self.calls, None, None
        self._error = error


@contextmanager
def record() -> Iterator[Trace]:
    """Records every call of a layer in a block of code: a custom loop, several models, a test.

    Only calls from the thread that entered the block are recorded. Calls with symbolic tensors, as
    while a model is built, or inside `fit`, are told apart by `symbolic`.

    Yields:
        The trace, which grows while the block runs and stays readable after it, also after an
        error.

    Raises:
        RuntimeError: If another trace is being recorded; there is one at a time in a process.

    Example:
        >>> import keras, numpy as np
        >>> with record() as trace:
        ...     x = keras.layers.Embedding(10, 2, mask_zero=True, name="words")(np.array([[7, 0]]))
        ...     y = keras.layers.LSTM(3, name="lstm")(x)
        >>> [(call.name, call.effect) for call in trace]
        [('words', 'creates'), ('lstm', 'ends')]
    """
    recorder = Recorder()
    recorded = Trace(recorder)
    failed: BaseException | None = None
    try:
        with watching(recorder):
            yield recorded
    except BaseException as error:
        failed = error
        raise
    finally:
        recorded._finish(failed)


def trace(model: Any, inputs: Any, probe: bool = False) -> Trace:
    """Runs `model(inputs)` once and records every call of a layer, and the masks around it.

    The model runs as at inference (`training=False`). Its own call is left out, so that paths
    begin with its layers; that of a bare layer is kept. A model that is not built yet is built by
    this, as by any first call.

    Args:
        model: A Keras model or layer.
        inputs: What to call it on, with some padding: an array, a `PaddedBatch`, or a list, tuple
            or dict of them.
        probe: Also finds out whether each call that meets a mask uses it (`uses_mask`): the call
            is run again with other masks. Weights, random state and the model's own state stay as
            they are.

    Returns:
        The trace. Print it, or let a notebook show it.

    Raises:
        TypeError: If `model` is no Keras model or layer, or `inputs` are symbolic or no numbers.
        RuntimeError: If another trace is being recorded.
        Exception: What the model raises; the trace so far is in the notes of the error.

    Example:
        >>> import keras, numpy as np, warnings
        >>> model = keras.Sequential([
        ...     keras.layers.Embedding(10, 4, mask_zero=True, name="words"),
        ...     keras.layers.Conv1D(4, 2, name="conv"), keras.layers.LSTM(2, name="lstm")])
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     found = trace(model, np.array([[7, 3, 0]]))
        >>> [call.name for call in found.lost]
        ['conv']
    """
    found, error = trace_until_error(model, inputs, probe)
    if error is not None:
        raise error
    return found


def trace_until_error(
    model: Any, inputs: Any, probe: bool = False
) -> tuple[Trace, Exception | None]:
    """Traces a model, and if it raises, returns the trace so far beside the error.

    Args:
        model: As for `trace`.
        inputs: As for `trace`.
        probe: As for `trace`.

    Returns:
        The trace, and what the model raised.

    Raises:
        TypeError: If `model` is no Keras model or layer, or `inputs` are symbolic or no numbers.
        RuntimeError: If another trace is being recorded.
    """
    import keras

    check_model(model)
    inputs = _concrete(inputs)
    recorder = Recorder(_probe() if probe else None)
    root = model if isinstance(model, keras.Model) else None
    found = Trace(recorder, root, symbolic=False)
    failed: Exception | None = None
    with watching(recorder):
        try:
            model(inputs, training=False)
        except Exception as error:
            failed = error
    if failed is not None and all(call.name == model.name for call in found.calls):
        # It failed while it was being built, so the calls of that are the trace so far.
        found._symbolic = True
    found._finish(failed)
    if failed is not None:
        failed.add_note(_context(model, inputs, found))
    return found, failed


def _probe() -> Any:
    from masklens.tracing.probe import depends_on_mask

    return depends_on_mask


def check_model(model: Any) -> None:
    """Refuses what is no Keras model or layer, and says what to do.

    Args:
        model: What a caller handed over.

    Raises:
        TypeError: If it is none.
    """
    import keras

    if isinstance(model, keras.Layer):
        return
    given = model.__name__ if isinstance(model, type) else type(model).__name__
    if isinstance(model, type) and issubclass(model, keras.Layer):
        hint = _("Make one of it first: {name}(...).").format(name=given)
    elif type(model).__module__.startswith("tf_keras"):
        hint = _("This one belongs to Keras 2 (tf_keras), where masks go other ways.")
    else:
        hint = _("For any other code that calls layers, use `with ml.record() as trace:`.")
    message = _("trace takes a Keras model or layer; got {given}.").format(given=given)
    raise TypeError(f"{message} {hint}")


def _concrete(inputs: Any) -> Any:
    """Turns what a user passes into what a model takes, or says why it cannot be."""
    import keras

    if isinstance(inputs, PaddedBatch):
        return inputs.ids
    if isinstance(inputs, dict):
        return {name: _concrete(value) for name, value in inputs.items()}
    if isinstance(inputs, list | tuple):
        if any(hasattr(value, "shape") or isinstance(value, PaddedBatch) for value in inputs):
            return type(inputs)(map(_concrete, inputs))
        return _array(inputs)
    if isinstance(inputs, keras.KerasTensor) or is_symbolic(inputs):
        raise TypeError(
            _(
                "trace runs the model, so it takes arrays; got the symbolic tensor {inputs}. "
                "Pass a batch, such as the one that you would pass to predict."
            ).format(inputs=getattr(inputs, "name", inputs))
        )
    if not hasattr(inputs, "shape"):
        raise TypeError(
            _(
                "trace takes an array, or a list, tuple or dict of arrays; got {type}. "
                "For sequences of words, look up the id of each token first."
            ).format(type=type(inputs).__name__)
        )
    return inputs


def _array(rows: Any) -> Any:
    try:
        array = np.asarray(rows)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "biufU":
        raise TypeError(
            _(
                "These inputs are a list that makes no array: the sequences may be of different "
                "lengths. Pad them first: trace(model, ml.pad(sequences))."
            )
        )
    return array


def _context(model: Any, inputs: Any, found: Trace) -> str:
    import keras

    shapes = keras.tree.map_structure(lambda value: tuple(value.shape), inputs)
    return _(
        "This came up while masklens traced {model} on inputs of shape {shapes}. "
        "The trace so far:\n{trace}"
    ).format(model=model.name, shapes=shapes, trace=found)


def _unknown(name: object, calls: tuple[LayerCall, ...]) -> str:
    names = list(dict.fromkeys(call.name for call in calls))
    near = difflib.get_close_matches(str(name), names) or names[:8]
    if not near:
        return _("No layer was called {name!r}: no call was recorded.").format(name=name)
    return _("No call of a layer {name!r} was recorded; there are: {names}.").format(
        name=name, names=", ".join(map(repr, near))
    )
