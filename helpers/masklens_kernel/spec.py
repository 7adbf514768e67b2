"""The kernelspecs: how Jupyter starts a preloaded kernel and a plain one."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

_PRELOADED = "Python 3 (Keras preloaded)"
_PLAIN = "Python 3 (plain)"
# As ipykernel starts its own: a debugger cannot see into frozen modules.
PYTHON_OPTIONS = ("-Xfrozen_modules=off",)
# A file in a notebook's folder must not stand in for a module that the launcher imports.
_LAUNCHER_OPTIONS = (*PYTHON_OPTIONS, "-P")
# Nor for one that ipykernel imports. IPython then puts the folder on the path, behind Python's own
# modules; with -P it would not, and a notebook could not import what stands beside it.
PLAIN_OPTIONS = (
    *PYTHON_OPTIONS,
    "-c",
    "import sys; sys.path[:] = filter(None, sys.path); "
    "import runpy; runpy.run_module('ipykernel_launcher', run_name='__main__', alter_sys=True)",
)


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

    launcher = [sys.executable, *_LAUNCHER_OPTIONS, "-m", "masklens_kernel", "launch"]
    preloaded = {"display_name": _PRELOADED, "argv": [*launcher, "-f", "{connection_file}"]}
    plain = [sys.executable, *PLAIN_OPTIONS, "-f", "{connection_file}"]
    specs = {"python3-plain": {"display_name": _PLAIN, "argv": plain}}
    if hasattr(os, "fork"):
        specs["python3"] = preloaded
    folders = []
    for name, spec in specs.items():
        folder = prefix / "share" / "jupyter" / "kernels" / name
        shutil.rmtree(folder, ignore_errors=True)
        write_kernel_spec(folder, overrides=spec)
        folders.append(folder)
    return folders
