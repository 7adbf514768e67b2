"""The parent: imports Keras once, then forks a kernel for each launcher that asks."""

from __future__ import annotations

import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from masklens_kernel import messages
from masklens_kernel.address import Address
from masklens_kernel.settings import IDLE, keras_json

_PRELOADED = (
    *("numpy", "matplotlib.pyplot", "tensorflow", "keras", "masklens"),
    # For the explorers and for the kernel itself.
    *("anywidget", "ipywidgets", "IPython", "ipykernel.kernelapp", "ipykernel.ipkernel"),
)
_INLINE = "module://matplotlib_inline.backend_inline"

_Files = dict[str, int | None]


class RefusalError(Exception):
    """Raised if no kernel can be forked; the message says why."""


@dataclass(frozen=True)
class KernelStart:
    """The request, the streams and the launcher of a new kernel.

    Args:
        request: the request of its launcher.
        streams: its standard input and outputs.
        launcher: a connection that is open as long as the launcher lives.
    """

    request: messages.Request
    streams: list[int]
    launcher: socket.socket


def preload() -> None:
    """Imports the modules that kernels need, and checks that they can still be forked.

    Raises:
        RefusalError: a module cannot be imported, Keras has another backend than TensorFlow, or
            TensorFlow has begun to compute, after which a fork of it hangs
            (https://github.com/tensorflow/tensorflow/issues/5448).
    """
    # Pyplot reads it when it is imported, so a kernel could not set it later.
    os.environ.setdefault("MPLBACKEND", _INLINE)
    for name in _PRELOADED:
        try:
            importlib.import_module(name)
        except Exception as error:
            raise RefusalError(f"{name} cannot be imported: {error}") from error
    import keras
    from tensorflow.python.eager import context

    if keras.backend.backend() != "tensorflow":
        raise RefusalError(f"Keras has the backend {keras.backend.backend()}, not tensorflow")
    # There is no public name for it.
    if context.context()._initialized:
        raise RefusalError("TensorFlow has begun to compute while it was imported")
    # Garbage collection in a kernel would copy the memory that it shares with the parent.
    gc.collect()
    gc.freeze()


class Parent:
    """Forks kernels, and tells each launcher how its kernel ended.

    Args:
        address: where to listen; an old socket there is replaced.
    """

    def __init__(self, address: Address) -> None:
        """Starts listening; `serve` answers."""
        self._address = address
        self._launchers: dict[int, socket.socket] = {}  # of each living kernel
        self._waiting: set[socket.socket] = set()  # have connected, and not yet asked
        self._idle_after = IDLE.read(os.environ)
        # The launcher that started it is about to connect.
        self._last_used = time.monotonic() + messages.TIMEOUT
        self._imported_files = _modification_times()
        self._selector = selectors.DefaultSelector()
        self._child_signals, self._wakeup = socket.socketpair()
        for end in (self._child_signals, self._wakeup):
            end.setblocking(False)
        self._listener: socket.socket | None = self._listen()
        self._selector.register(self._child_signals, selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakeup.fileno())

    def serve(self) -> KernelStart | None:
        """Serves launchers.

        Returns:
            In a kernel just forked, its start. None in the parent, after it has been idle for the
            time that `MASKLENS_KERNEL_IDLE` sets.
        """
        while self._is_needed():
            in_use = self._launchers or self._waiting
            seconds_left = None if in_use else max(0.0, self._idle_after - self._idle_for())
            for key, _ in self._selector.select(seconds_left):
                if key.fileobj is self._child_signals:
                    self._report_ended_kernels()
                elif key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj in self._waiting:
                    if start := self._answer(key.fileobj):
                        return start
                else:
                    self._end_kernel(key.data)
        self._stop_listening()
        return None

    def _is_needed(self) -> bool:
        listens = bool(self._listener)
        is_idle = self._idle_for() >= self._idle_after
        return bool(self._launchers or self._waiting) or (listens and not is_idle)

    def _listen(self) -> socket.socket:
        with suppress(FileNotFoundError):
            self._address.socket.unlink()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._address.socket))
        self._inode = self._address.socket.stat().st_ino
        listener.listen(128)
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)
        return listener

    def _stop_listening(self) -> None:
        """Makes room for another parent, to which launchers will connect instead."""
        if not self._listener:
            return
        with suppress(FileNotFoundError):
            if self._address.socket.stat().st_ino == self._inode:
                self._address.socket.unlink()
        self._selector.unregister(self._listener)
        self._listener.close()
        self._listener = None

    def _idle_for(self) -> float:
        return time.monotonic() - self._last_used

    def _accept(self) -> None:
        """Accepts a launcher, without waiting for its request."""
        assert self._listener
        self._last_used = time.monotonic()
        with suppress(OSError):  # it has left already
            launcher, _ = self._listener.accept()
            launcher.settimeout(messages.TIMEOUT)
            if messages.is_of_this_user(launcher):
                self._waiting.add(launcher)
                self._selector.register(launcher, selectors.EVENT_READ)
            else:
                launcher.close()

    def _answer(self, launcher: socket.socket) -> KernelStart | None:
        self._waiting.remove(launcher)
        self._selector.unregister(launcher)
        heard = None
        with suppress(OSError, ValueError, TypeError):  # it has left, or is not a launcher
            heard = None if self._is_outdated() else messages.receive_request(launcher)
        if not heard:
            launcher.close()
            return None
        request, streams = heard
        self._idle_after = IDLE.read(request.environment)
        kernel = self._fork(launcher)
        if kernel == 0:
            self._close_what_belongs_to_parent()
            return KernelStart(request, streams, launcher)
        for stream in streams:
            os.close(stream)
        if kernel:
            self._launchers[kernel] = launcher
            self._selector.register(launcher, selectors.EVENT_READ, kernel)
        else:
            launcher.close()
        return None

    def _is_outdated(self) -> bool:
        """Whether masklens or Keras was changed on disk since it was imported."""
        if _modification_times(self._imported_files) == self._imported_files:
            return False
        self._stop_listening()
        return True

    def _fork(self, launcher: socket.socket) -> int | None:
        try:
            return os.fork()
        except OSError as error:
            with suppress(OSError):
                messages.send(launcher, refused=f"the system makes no new process: {error}")
            return None

    def _close_what_belongs_to_parent(self) -> None:
        """Closes, in a kernel, the files and handlers of the parent."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        others = (*self._launchers.values(), *self._waiting)
        for end in (self._listener, self._child_signals, self._wakeup, *others):
            if end:
                end.close()

    def _report_ended_kernels(self) -> None:
        """Reports the exit status of ended kernels to their launchers."""
        with suppress(BlockingIOError):
            while self._child_signals.recv(1024):
                pass
        for kernel in tuple(self._launchers):
            dead, status = os.waitpid(kernel, os.WNOHANG)
            if dead:
                self._report_end(kernel, status)

    def _end_kernel(self, kernel: int) -> None:
        """Ends a kernel whose launcher was killed, with the processes that it has started."""
        if kernel not in self._launchers:
            return  # it has ended by itself in the meantime
        for kill in (os.killpg, os.kill):
            with suppress(ProcessLookupError):
                kill(kernel, signal.SIGKILL)
        # Jupyter restarts a kernel with the same ports, which must be free before the next fork.
        self._report_end(*os.waitpid(kernel, 0))

    def _report_end(self, kernel: int, status: int) -> None:
        self._last_used = time.monotonic()
        launcher = self._launchers.pop(kernel)
        self._selector.unregister(launcher)
        with suppress(OSError):
            messages.send(launcher, ended=os.waitstatus_to_exitcode(status))
        launcher.close()


def _modification_times(names: _Files | None = None) -> _Files:
    """Returns the modification times, in nanoseconds, of the files that decide what is imported.

    Installing a package changes its folder in `sys.path`; developers of masklens change its modules
    in place.
    """
    if names is None:
        modules = [
            module.__file__
            for name, module in sys.modules.items()
            if name.startswith("masklens") and module.__file__
        ]
        names = dict.fromkeys([*modules, *filter(None, sys.path), str(keras_json(os.environ))])
    changed: _Files = {}
    for name in names:
        changed[name] = None
        with suppress(OSError):
            changed[name] = Path(name).stat().st_mtime_ns
    return changed
