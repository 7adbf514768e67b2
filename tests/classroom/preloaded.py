"""Preloaded kernels for tests that run Jupyter's own commands; they end with the test."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from masklens_kernel.spec import install


@contextmanager
def preloaded(folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which `python3` is a preloaded kernel that nobody else shares."""
    install(folder)
    folder.chmod(0o700)  # as a runtime folder must be
    try:
        yield {
            **os.environ,
            "JUPYTER_PATH": str(folder / "share" / "jupyter"),
            "XDG_RUNTIME_DIR": str(folder),
        }
    finally:
        for process in started_in(folder):
            with suppress(psutil.Error):
                process.kill()


def started_in(folder: Path) -> list[psutil.Process]:
    """The processes that run in the environment with this folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("XDG_RUNTIME_DIR") == str(folder):
                found.append(process)
    return found
