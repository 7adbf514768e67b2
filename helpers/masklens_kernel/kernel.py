"""The kernel: turns a process that was just forked into the kernel of one notebook."""

from __future__ import annotations

import importlib
import logging
import os
import resource
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from masklens_kernel import messages
from masklens_kernel.parent import KernelStart
from masklens_kernel.settings import MEMORY


def run_kernel(start: KernelStart) -> None:
    """Runs the kernel until Jupyter shuts it down.

    Args:
        start: the request, the streams and the launcher of the kernel.
    """
    request = start.request
    os.setsid()
    for stream, inherited in zip(messages.STANDARD_STREAMS, start.streams, strict=True):
        os.dup2(inherited, stream)
        os.close(inherited)
    os.environ.clear()
    os.environ.update(request.environment)
    os.umask(request.umask)
    os.chdir(request.folder)
    sys.path[:] = request.path
    _set_limits(request.limits)
    _end_when_launcher_ends(start.launcher)
    _prefer_to_be_killed_when_memory_runs_out()
    _seed_numpy()
    messages.send(start.launcher, kernel=os.getpid())
    _serve(request.connection_file)


def _serve(connection_file: str) -> None:
    from ipykernel.kernelapp import IPKernelApp

    from masklens_kernel.notices import explain_memory, watch_settings

    plain = importlib.import_module("ipykernel_launcher")
    sys.argv = [str(plain.__file__), "-f", connection_file]
    # 1 is a process that never ends: the kernel watches its launcher instead of its parent.
    app: Any = IPKernelApp.instance(parent_handle=1)
    app.initialize(sys.argv[1:])
    _reset_tensorflow_logger()
    _limit_memory(MEMORY.read(os.environ))
    watch_settings(app.shell)
    explain_memory(app.shell)
    app.start()


def _reset_tensorflow_logger() -> None:
    """Shows TensorFlow's warnings below cells; it had chosen a stream when it was imported."""
    from tensorflow.python.platform import tf_logging

    logging.getLogger("tensorflow").handlers.clear()
    tf_logging._logger = None
    tf_logging.get_logger()


def _end_when_launcher_ends(launcher: socket.socket) -> None:
    """Ends the kernel when its launcher is killed, in case the parent is not there to do so."""

    def wait() -> None:
        with suppress(OSError):
            launcher.settimeout(None)
            launcher.recv(1)
        # Also ends the processes that the notebook has started.
        os.killpg(os.getpid(), signal.SIGKILL)

    # Child processes must not hold this connection, by which the launcher notices the end.
    os.register_at_fork(after_in_child=launcher.close)
    threading.Thread(target=wait, name="launcher", daemon=True).start()


def _prefer_to_be_killed_when_memory_runs_out() -> None:
    """Makes the system kill this kernel before the parent, which all other kernels need."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _set_limits(limits: dict[str, tuple[int, int]]) -> None:
    """Sets the resource limits of the launcher, as far as the parent's hard limits allow."""
    for name, (soft, hard) in limits.items():
        with suppress(OSError, ValueError):
            resource.setrlimit(getattr(resource, name), (soft, hard))


def _limit_memory(mebibytes: int | None) -> None:
    """Limits the memory that a notebook may take on top of the kernel's own."""
    if mebibytes is None:
        return
    try:
        status = Path("/proc/self/status").read_text().split("VmData:")[1]
        now = int(status.split()[0]) * 1024
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (now + mebibytes * 1024 * 1024, hard))
    except (OSError, ValueError) as error:
        print(f"masklens_kernel: {MEMORY.name} cannot be set here: {error}", file=sys.stderr)


def _seed_numpy() -> None:
    """Gives NumPy a new seed, since all kernels fork from one state; `random` reseeds itself."""
    import numpy as np

    np.random.seed()
