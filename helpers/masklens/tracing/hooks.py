"""Watching the calls of layers: the one module that replaces methods of Keras, for a while."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Protocol

from masklens._language import translate as _

# The whole process shares Keras's classes, so one watcher at a time may replace their methods.
_one_watcher = threading.Lock()


class _Watcher(Protocol):
    """An object that `watching` notifies of each call, in the thread that entered the block."""

    paused: bool
    """Whether to skip notifications for now."""

    def begin(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Handles the beginning of a call; returns a value that `end` or `fail` receives."""

    def enter(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Handles the moment before the layer's own code runs; Keras has filled in the masks.

        Returns False for an operation of a Functional model, for which no call has begun.
        """

    def end(self, call: Any, outputs: Any) -> Any:
        """Handles the end of a call; returns the outputs that the caller receives."""

    def fail(self, call: Any, error: BaseException) -> None:
        """Handles a call that raised."""


@contextmanager
def watching(watcher: _Watcher) -> Iterator[None]:
    """Notifies a watcher of every call of a layer in this thread, until the block ends.

    Replaces `keras.Layer.__call__`, where inputs and outputs carry their masks, and
    `keras.Operation.__call__`, which the former calls once Keras has filled in mask arguments.
    Restores both when the block ends, also after an error.

    Args:
        watcher: The object to notify.

    Raises:
        RuntimeError: If another block is watching already.
    """
    import keras

    if not _one_watcher.acquire(blocking=False):
        raise RuntimeError(
            _(
                "Another trace is being recorded, and a process records one at a time. "
                "Let its `with ml.record()` block end first, or read that trace instead."
            )
        )
    call_layer, call_operation = keras.Layer.__call__, keras.Operation.__call__
    try:
        keras.Layer.__call__ = _reporting_layers(call_layer, watcher)
        keras.Operation.__call__ = _reporting_operations(call_operation, watcher)
        yield
    finally:
        keras.Layer.__call__, keras.Operation.__call__ = call_layer, call_operation
        _one_watcher.release()


def _reporting_layers(call_layer: Callable[..., Any], watcher: _Watcher) -> Callable[..., Any]:
    thread = threading.get_ident()

    @wraps(call_layer)
    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if watcher.paused or threading.get_ident() != thread:
            return call_layer(layer, *args, **kwargs)
        return _call_reported(watcher, call_layer, layer, args, kwargs)

    return call


def _reporting_operations(
    call_operation: Callable[..., Any], watcher: _Watcher
) -> Callable[..., Any]:
    thread = threading.get_ident()

    @wraps(call_operation)
    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if watcher.paused or threading.get_ident() != thread:
            return call_operation(operation, *args, **kwargs)
        if watcher.enter(operation, args, kwargs):
            return call_operation(operation, *args, **kwargs)
        return _call_reported(watcher, call_operation, operation, args, kwargs)

    return call


def _call_reported(
    watcher: _Watcher,
    original: Callable[..., Any],
    layer: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    call = watcher.begin(layer, args, kwargs)
    try:
        outputs = original(layer, *args, **kwargs)
    except BaseException as error:
        watcher.fail(call, error)
        raise
    return watcher.end(call, outputs)
