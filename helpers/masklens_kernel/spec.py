"""The kernelspecs: how Jupyter starts a preloaded kernel and a plain one."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

PRELOADED = "Python 3 (Keras preloaded)"
PLAIN = "Python 3 (plain)"
# As ipykernel starts its own: a debugger cannot see into frozen modules.
PYTHON_OPTIONS = ("-Xfrozen_modules=off",)
# A file in a notebook's folder must not stand in for a module that the launcher imports.
LAUNCHER_OPTIONS = (*PYTHON_OPTIONS, "-P")


def install(prefix: Path) -> list[Path]:
    """Writes the kernelspecs.

    Notebooks ask for the kernel `python3`. That is the preloaded one here; the plain one, for what
    must be set before Keras is imported, is `python3-plain`. Where a system cannot fork processes,
    it is the only one.

    Args:
        prefix: where to; Jupyter finds them if it is a prefix of Python, or if the environment
            variable `JUPYTER_PATH` names its folder `share/jupyter`.

    Returns:
        The folders of the kernelspecs.
    """
    from ipykernel.kernelspec import write_kernel_spec

    launcher = [sys.executable, *LAUNCHER_OPTIONS, "-m", "masklens_kernel", "launch"]
    preloaded = {"display_name": PRELOADED, "argv": [*launcher, "-f", "{connection_file}"]}
    specs: dict[str, dict[str, Any]] = {"python3-plain": {"display_name": PLAIN}}
    if hasattr(os, "fork"):
        specs["python3"] = preloaded
    folders = []
    for name, spec in specs.items():
        folder = prefix / "share" / "jupyter" / "kernels" / name
        shutil.rmtree(folder, ignore_errors=True)
        write_kernel_spec(folder, overrides=spec, python_arguments=[*PYTHON_OPTIONS])
        folders.append(folder)
    return folders
