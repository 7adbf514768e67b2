"""The kernel: makes a process that was just forked the kernel of one notebook."""

from __future__ import annotations

import os
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from masklens_kernel import wire
from masklens_kernel.parent import Birth


def run_kernel(birth: Birth) -> None:
    """Runs the kernel until Jupyter shuts it down.

    Args:
        birth: what its launcher asked for.
    """
    request = birth.request
    os.setsid()
    for stream, of_launcher in zip(wire.STREAMS, birth.streams, strict=True):
        os.dup2(of_launcher, stream)
        os.close(of_launcher)
    os.environ.clear()
    os.environ.update(request.environment)
    os.umask(request.umask)
    os.chdir(request.folder)
    # IPython's own watch over its parent would end the kernel when the one that forked it dies.
    os.environ.pop("JPY_PARENT_PID", None)
    _end_with(birth.launcher)
    _expect_to_be_ended_first()
    _limit_memory(os.environ.get("MASKLENS_KERNEL_MEMORY", ""))
    _draw_other_numbers()
    wire.tell(birth.launcher, kernel=os.getpid())
    _serve(request.connection_file)


def _serve(connection_file: str) -> None:
    from ipykernel.kernelapp import IPKernelApp

    from masklens.late_settings import watch_settings

    sys.argv = ["ipykernel_launcher.py", "-f", connection_file]
    # 1 stands for a parent that never dies: the launcher is watched instead.
    app: Any = IPKernelApp.instance(parent_handle=1)
    app.initialize(sys.argv[1:])
    watch_settings(app.shell)
    app.start()


def _end_with(launcher: socket.socket) -> None:
    """Ends the kernel when its launcher is killed; the parent would, but it may be dead."""

    def wait() -> None:
        with suppress(OSError):
            launcher.settimeout(None)
            launcher.recv(1)
        os._exit(1)

    threading.Thread(target=wait, name="launcher", daemon=True).start()


def _expect_to_be_ended_first() -> None:
    """Where memory runs out, a kernel is to be ended, and not the parent that all others need."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _limit_memory(mebibytes: str) -> None:
    """Sets how much memory a notebook may take besides what it was born with."""
    if not mebibytes.isdecimal():
        return
    import resource

    with suppress(OSError, ValueError):
        status = Path("/proc/self/status").read_text().split("VmData:")[1]
        now = int(status.split()[0]) * 1024
        limit = now + int(mebibytes) * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))


def _draw_other_numbers() -> None:
    """Gives NumPy a seed of this kernel's own; Python's `random` sees to itself."""
    import numpy as np

    np.random.seed()
