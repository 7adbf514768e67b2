"""Watching the calls of layers: the one place that replaces methods of Keras, for a while."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Protocol

from masklens._language import translate as _

# Keras's classes are one for the whole process, so there is one watcher at a time.
_watched = threading.Lock()


class _Watcher(Protocol):
    """What is told of each call, in the thread that watches."""

    asleep: bool
    """Whether calls go by untold for now."""

    def begin(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A layer is called. What this returns, the end of the call is told with."""

    def enter(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """The layer's own code is about to run, with the mask arguments that Keras filled in.

        False if no call of this layer has begun: it is an operation of a Functional model.
        """

    def end(self, call: Any, outputs: Any) -> Any:
        """A call has ended. What this returns, the caller gets for its outputs."""

    def fail(self, call: Any, error: BaseException) -> None:
        """A call has raised."""


@contextmanager
def watching(watcher: _Watcher) -> Iterator[None]:
    """Tells a watcher of every call of a layer in this thread, until the block ends.

    It replaces `keras.Layer.__call__`, which sees the masks on inputs and outputs, and
    `keras.Operation.__call__`, which that calls with the mask arguments that Keras filled in.
    Both are put back however the block ends.

    Args:
        watcher: What is told.

    Raises:
        RuntimeError: If another block is watching already.
    """
    import keras

    if not _watched.acquire(blocking=False):
        raise RuntimeError(
            _(
                "Another trace is being recorded, and a process records one at a time. "
                "Let its `with ml.record()` block end first, or read that trace instead."
            )
        )
    call_layer, call_operation = keras.Layer.__call__, keras.Operation.__call__
    try:
        keras.Layer.__call__ = _told_of_layers(call_layer, watcher)
        keras.Operation.__call__ = _told_of_operations(call_operation, watcher)
        yield
    finally:
        keras.Layer.__call__, keras.Operation.__call__ = call_layer, call_operation
        _watched.release()


def _told_of_layers(call_layer: Callable[..., Any], watcher: _Watcher) -> Callable[..., Any]:
    thread = threading.get_ident()

    @wraps(call_layer)
    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if watcher.asleep or threading.get_ident() != thread:
            return call_layer(layer, *args, **kwargs)
        return _told(watcher, call_layer, layer, args, kwargs)

    return call


def _told_of_operations(
    call_operation: Callable[..., Any], watcher: _Watcher
) -> Callable[..., Any]:
    thread = threading.get_ident()

    @wraps(call_operation)
    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if watcher.asleep or threading.get_ident() != thread:
            return call_operation(operation, *args, **kwargs)
        if watcher.enter(operation, args, kwargs):
            return call_operation(operation, *args, **kwargs)
        return _told(watcher, call_operation, operation, args, kwargs)

    return call


def _told(
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
