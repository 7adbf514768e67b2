"""The launcher: the process that Jupyter starts and takes for the kernel."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from masklens_kernel import messages
from masklens_kernel.address import Address, UnsafeFolderError, find_address
from masklens_kernel.settings import IDLE, MEMORY, backend
from masklens_kernel.spec import PLAIN_OPTIONS, PYTHON_OPTIONS

# Seconds to wait for the parent. Jupyter waits 60 for a kernel, which must suffice for a plain one.
_START_TIMEOUT = 45
_TRIES = 3
_FORWARDED_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")


class NoKernelError(Exception):
    """Raised if the parent cannot be started or gives no kernel; the message says why."""


def launch(connection_file: str) -> int:
    """Gets a kernel from the parent and runs until it ends; else becomes a plain kernel itself.

    Args:
        connection_file: Jupyter's file with the ports and the key of the kernel.

    Returns:
        The exit status of the kernel. If a signal ended the kernel, the launcher ends likewise.
    """
    jupyter = os.getppid() if os.environ.get("JPY_PARENT_PID") else None
    # Ignore interrupts until there is a kernel. A plain kernel and the parent start without this
    # handler.
    signal.signal(signal.SIGINT, lambda *_: None)
    for setting in (IDLE, MEMORY):
        if fault := setting.fault(os.environ):
            print(f"masklens_kernel: {fault}", file=sys.stderr)
    try:
        parent, kernel = _request_kernel(connection_file)
    except (NoKernelError, UnsafeFolderError, OSError) as error:
        print(
            f"masklens_kernel: this notebook gets a plain kernel, which imports Keras itself: "
            f"{error}",
            file=sys.stderr,
        )
        plain = [sys.executable, *PLAIN_OPTIONS, "-f", connection_file]
        sys.stderr.flush()
        os.execv(sys.executable, plain)
    return _run_until_kernel_ends(parent, kernel, jupyter)


def warm() -> None:
    """Starts the parent in advance, and returns when it can fork kernels.

    Raises:
        NoKernelError: it cannot be started.
        UnsafeFolderError: the folder of the sockets does not belong to the user alone.
        OSError: the folder or a file in it cannot be written.
    """
    _check_system()
    _connect_or_start(find_address(os.environ)).close()


def _check_system() -> None:
    if not hasattr(os, "fork"):
        raise NoKernelError("this system cannot fork processes")
    if (wanted := backend(os.environ)) != "tensorflow":
        raise NoKernelError(f"Keras has the backend {wanted}, and only tensorflow is preloaded")


def _request_kernel(connection_file: str) -> tuple[socket.socket, int]:
    _check_system()
    folder, umask = str(Path.cwd()), os.umask(0)
    os.umask(umask)
    request = messages.Request(
        connection_file, folder, umask, dict(os.environ), sys.path, _resource_limits()
    )
    address = find_address(os.environ)
    for _ in range(_TRIES):
        parent = _connect_or_start(address)
        try:
            messages.send_request(parent, request)
            reply = messages.receive(parent) or {"died": True}
        except TimeoutError:
            raise NoKernelError("the parent does not answer") from None
        except OSError:
            reply = {"died": True}
        if "kernel" in reply:
            return parent, reply["kernel"]
        parent.close()
        if "refused" in reply:
            raise NoKernelError(reply["refused"])
        # The parent was about to end, has died, or its imported modules are outdated.
    raise NoKernelError(f"the parent ended {_TRIES} times before there was a kernel: {address.log}")


def _resource_limits() -> dict[str, tuple[int, int]]:
    import resource  # Windows has none, and no fork either

    names = (name for name in dir(resource) if name.startswith("RLIMIT_"))
    return {name: resource.getrlimit(getattr(resource, name)) for name in names}


def _connect_or_start(address: Address) -> socket.socket:
    """Connects to the parent, and starts it if there is none."""
    with suppress(OSError):
        return _connect(address)
    deadline = time.monotonic() + _START_TIMEOUT
    with _locked(address.lock, deadline) as lock:
        # Another launcher may have started it in the meantime.
        with suppress(OSError):
            return _connect(address)
        _start_parent(address, lock, deadline)
        return _connect(address)


def _connect(address: Address) -> socket.socket:
    parent = socket.socket(socket.AF_UNIX)
    try:
        parent.settimeout(_START_TIMEOUT)
        parent.connect(str(address.socket))
        if not messages.is_of_this_user(parent):
            raise UnsafeFolderError(f"somebody else listens at {address.socket}")
    except BaseException:
        parent.close()
        raise
    return parent


@contextmanager
def _locked(path: Path, deadline: float) -> Iterator[int]:
    import fcntl  # Windows has none, and no fork either

    with path.open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise NoKernelError("the parent is still being started") from None
                time.sleep(0.05)
            else:
                break
        yield lock.fileno()


def _start_parent(address: Address, lock: int, deadline: float) -> None:
    """Starts the parent, which holds the lock until it is ready, however long that takes."""
    ready, write_end = os.pipe()
    held = (str(write_end), str(lock))
    command = [sys.executable, *PYTHON_OPTIONS, "-m", "masklens_kernel", "parent", *held]
    try:
        with address.log.open("w") as log:
            # A session of its own keeps signals for this notebook away from the parent.
            parent = subprocess.Popen(
                command,
                pass_fds=[write_end, lock],
                start_new_session=True,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
    finally:
        os.close(write_end)
    with os.fdopen(ready, "rb") as ready_file:
        if not select.select([ready_file], [], [], max(0, deadline - time.monotonic()))[0]:
            raise NoKernelError(f"the parent takes more than {_START_TIMEOUT} s to import Keras")
        said = ready_file.read().decode()
    if said != "ready":
        parent.wait()
        raise NoKernelError(said or f"the parent ended while it was starting: see {address.log}")


def _run_until_kernel_ends(parent: socket.socket, kernel: int, jupyter: int | None) -> int:
    """Passes signals on to the kernel, and ends as it does."""
    # Nobody waits for the parent if this launcher started it, so it must not become a zombie.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    forwarded: set[int] = set()

    def forward(number: int, _: object) -> None:
        forwarded.add(number)
        # Also to the processes that the notebook has started, as a terminal does.
        with suppress(ProcessLookupError):
            os.killpg(kernel, number)

    for name in _FORWARDED_SIGNALS:
        signal.signal(getattr(signal, name), forward)
    status = _wait_for_end(parent, jupyter)
    if status < 0 and -status not in forwarded:
        print(
            f"masklens_kernel: kernel {kernel} was ended by {signal.Signals(-status).name}. Where "
            "memory runs out, the system kills what takes most of it. Other notebooks go on.",
            file=sys.stderr,
        )
    if status < 0:
        with suppress(OSError):
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
        signal.pause()
    return status


def _wait_for_end(parent: socket.socket, jupyter: int | None) -> int:
    """Returns the exit status of the kernel; 1 if the parent died before it."""
    parent.settimeout(messages.TIMEOUT)
    while not select.select([parent], [], [], 1)[0]:
        # End with Jupyter, as a plain kernel does, since nobody could reach the kernel again.
        if jupyter is not None and os.getppid() != jupyter:
            return 1
    try:
        message = messages.receive(parent)
    except OSError:
        message = None
    return int(message["ended"]) if message else 1
