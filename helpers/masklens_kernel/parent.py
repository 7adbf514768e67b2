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

from masklens_kernel import wire
from masklens_kernel.address import Address

PRELOADED = (
    *("numpy", "matplotlib.pyplot", "tensorflow", "keras", "masklens"),
    # What the explorers and the kernel itself need.
    *("anywidget", "ipywidgets", "IPython", "ipykernel.kernelapp", "ipykernel.ipkernel"),
)
IDLE = 600  # seconds
INLINE = "module://matplotlib_inline.backend_inline"

Files = dict[str, int | None]


class RefusalError(Exception):
    """Raised where no kernel can be forked; the message says why."""


@dataclass(frozen=True)
class Birth:
    """What a kernel is born with.

    Args:
        request: what its launcher asked for.
        streams: its input and outputs.
        launcher: open as long as the launcher lives.
    """

    request: wire.Request
    streams: list[int]
    launcher: socket.socket


def preload() -> None:
    """Imports what kernels need, and nothing that would keep them from being forked.

    Raises:
        RefusalError: a module is absent or cannot be imported, Keras has another backend than
            TensorFlow, or TensorFlow has begun to compute, after which a fork of it hangs
            (https://github.com/tensorflow/tensorflow/issues/5448).
    """
    # Pyplot reads it when it is imported, and a kernel would come too late.
    os.environ.setdefault("MPLBACKEND", INLINE)
    for name in PRELOADED:
        try:
            importlib.import_module(name)
        except Exception as error:
            raise RefusalError(f"{name} cannot be imported: {error}") from error
    import keras
    from tensorflow.python.eager import context

    if keras.backend.backend() != "tensorflow":
        raise RefusalError(f"Keras has the backend {keras.backend.backend()}, not tensorflow")
    # TensorFlow's own name for it, as there is no public one.
    if context.context()._initialized:
        raise RefusalError("TensorFlow has begun to compute while it was imported")
    # What is collected, or looked through to be collected, no longer is shared with the kernels.
    gc.collect()
    gc.freeze()


class Parent:
    """Forks kernels, and tells each launcher how its kernel ended.

    Args:
        address: where to listen; a socket that was left there is replaced.
    """

    def __init__(self, address: Address) -> None:
        """Listens; `serve` answers."""
        self._address = address
        self._launchers: dict[int, socket.socket] = {}  # of each living kernel
        self._idle_after = _idle_time(os.environ)
        self._last_used = time.monotonic()
        self._loaded = _loaded_files()
        self._selector = selectors.DefaultSelector()
        self._deaths, self._death = socket.socketpair()
        for end in (self._deaths, self._death):
            end.setblocking(False)
        self._listener: socket.socket | None = self._listen()
        self._selector.register(self._deaths, selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._death.fileno())

    def serve(self) -> Birth | None:
        """Serves launchers.

        Returns:
            In a kernel just forked, what it is born with; None in the parent, when it has been idle
            for the time that `MASKLENS_KERNEL_IDLE` sets.
        """
        while self._launchers or (self._listener and self._idle_for() < self._idle_after):
            wait = None if self._launchers else max(0.0, self._idle_after - self._idle_for())
            for key, _ in self._selector.select(wait):
                if key.fileobj is self._listener:
                    if birth := self._answer():
                        return birth
                elif key.fileobj is self._deaths:
                    self._bury()
                else:
                    self._end_kernel(key.data)
        self._stop_listening()
        return None

    def _listen(self) -> socket.socket:
        with suppress(FileNotFoundError):
            self._address.socket.unlink()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._address.socket))
        self._inode = self._address.socket.stat().st_ino
        listener.listen(128)
        listener.settimeout(wire.PATIENCE)
        self._selector.register(listener, selectors.EVENT_READ)
        return listener

    def _stop_listening(self) -> None:
        """Makes room for another parent; whoever was about to connect asks that one."""
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

    def _answer(self) -> Birth | None:
        assert self._listener
        self._last_used = time.monotonic()
        try:
            launcher, _ = self._listener.accept()
        except OSError:
            return None  # it has changed its mind
        launcher.settimeout(wire.PATIENCE)
        try:
            heard = wire.hear_request(launcher) if wire.is_of_this_user(launcher) else None
            if heard and not self._is_outdated(launcher):
                return self._fork(Birth(*heard, launcher))
        except (OSError, ValueError, TypeError) as error:
            print(f"a launcher could not be served: {error}", file=sys.stderr, flush=True)
        launcher.close()
        return None

    def _is_outdated(self, launcher: socket.socket) -> bool:
        """Whether another masklens or Keras was installed than is imported here; says so."""
        if _loaded_files(self._loaded) == self._loaded:
            return False
        self._stop_listening()
        wire.tell(launcher, outdated=True)
        return True

    def _fork(self, birth: Birth) -> Birth | None:
        self._idle_after = _idle_time(birth.request.environment)
        try:
            kernel = os.fork()
        except OSError as error:
            wire.tell(birth.launcher, refused=f"the system makes no new process: {error}")
            kernel = None
        if kernel == 0:
            self._leave_to_parent()
            return birth
        for stream in birth.streams:
            os.close(stream)
        if kernel:
            self._launchers[kernel] = birth.launcher
            self._selector.register(birth.launcher, selectors.EVENT_READ, kernel)
        else:
            birth.launcher.close()
        return None

    def _leave_to_parent(self) -> None:
        """Closes, in a kernel, what is the parent's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for end in (self._listener, self._deaths, self._death, *self._launchers.values()):
            if end:
                end.close()

    def _bury(self) -> None:
        """Tells launchers whose kernel has ended how it did."""
        with suppress(BlockingIOError):
            while self._deaths.recv(1024):
                pass
        while self._launchers:
            kernel, status = os.waitpid(-1, os.WNOHANG)
            if not kernel:
                return
            self._last_used = time.monotonic()
            launcher = self._launchers.pop(kernel)
            with suppress(OSError):
                wire.tell(launcher, ended=os.waitstatus_to_exitcode(status))
            with suppress(KeyError, ValueError):
                self._selector.unregister(launcher)
            launcher.close()

    def _end_kernel(self, kernel: int) -> None:
        """Ends a kernel whose launcher was killed, and what it has started."""
        self._selector.unregister(self._launchers[kernel])
        for kill in (os.killpg, os.kill):
            with suppress(ProcessLookupError):
                kill(kernel, signal.SIGKILL)


def _idle_time(environment: os._Environ[str] | dict[str, str]) -> float:
    value = environment.get("MASKLENS_KERNEL_IDLE", "")
    return float(value) if value.isdecimal() else IDLE


def _loaded_files(names: Files | None = None) -> Files:
    """When the files that decide what is imported were changed, in nanoseconds.

    Installing a package changes the folder that it is installed into. Those who work on masklens
    change its modules in place.
    """
    if names is None:
        keras = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
        modules = [
            module.__file__
            for name, module in sys.modules.items()
            if name.split(".")[0] in ("masklens", "masklens_kernel") and module.__file__
        ]
        names = dict.fromkeys([*modules, *filter(None, sys.path), str(keras / "keras.json")])
    changed: Files = {}
    for name in names:
        changed[name] = None
        with suppress(OSError):
            changed[name] = Path(name).stat().st_mtime_ns
    return changed
