"""The kernelspecs: how Jupyter starts a preloaded kernel and a plain one."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

_PRELOADED = "Python 3 (Keras preloaded)"
_PLAIN = "Python 3 (plain)"
# As for ipykernel's own kernels, since a debugger cannot see into frozen modules.
PYTHON_OPTIONS = ("-Xfrozen_modules=off",)
# With -P, a file in the notebook's folder cannot replace a module that the launcher imports.
_LAUNCHER_OPTIONS = (*PYTHON_OPTIONS, "-P")
# Nor may it replace one that ipykernel imports. Here the path is cleaned in code instead: with -P,
# IPython would not add the folder behind Python's own modules, and a notebook could not import the
# modules beside it.
PLAIN_OPTIONS = (
    *PYTHON_OPTIONS,
    "-c",
    "import sys; sys.path[:] = filter(None, sys.path); "
    "import runpy; runpy.run_module('ipykernel_launcher', run_name='__main__', alter_sys=True)",
)


def install(prefix: Path) -> list[Path]:
    """Writes the kernelspecs.

    Notebooks ask for the kernel `python3`, which becomes the preloaded one. `python3-plain` is the
    plain one, for settings that must be made before Keras is imported. On a system that cannot fork
    processes, only the plain one is written.

    Args:
        prefix: the folder to write to; Jupyter finds them in a prefix of Python, or if the variable
            `JUPYTER_PATH` names the folder `share/jupyter` in it.

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
