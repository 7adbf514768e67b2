"""Notices below a cell: for settings made after Keras was imported, and when memory runs out."""

from __future__ import annotations

import os
import sys
from typing import Any

from masklens._language import translate as _

# Variables that Keras or a library below it reads when it is imported; later changes are silently
# ignored.
_READ_AT_IMPORT = (
    "KERAS_BACKEND",
    "KERAS_HOME",
    "TF_USE_LEGACY_KERAS",
    "TF_ENABLE_ONEDNN_OPTS",
    "MPLBACKEND",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)
_RESERVE = 32 * 1024 * 1024  # bytes more for a notebook that has run out of memory
_MOST_RESERVES = 4


def watch_settings(shell: Any) -> None:
    """Prints a notice below a cell that makes a setting too late.

    If Keras is imported before the first cell runs, `os.environ["KERAS_BACKEND"] = "jax"` in that
    cell has no effect.

    Args:
        shell: IPython's shell, which runs the cells.
    """
    in_force = {name: os.environ.get(name) for name in _READ_AT_IMPORT}
    # The default of Keras; setting it explicitly needs no notice.
    in_force["KERAS_BACKEND"] = in_force["KERAS_BACKEND"] or "tensorflow"
    told: set[tuple[str, str]] = set()

    def notify(result: Any) -> None:
        for name in _READ_AT_IMPORT:
            value = os.environ.get(name)
            if value not in (None, in_force[name]) and (name, value) not in told:
                told.add((name, value))
                print(_late_setting_notice(name, value), file=sys.stderr)

    shell.events.register("post_run_cell", notify)


def explain_memory(shell: Any) -> None:
    """Prints a notice below a cell that runs out of memory.

    Args:
        shell: IPython's shell, which runs the cells.
    """
    import resource

    import tensorflow as tf

    most = resource.getrlimit(resource.RLIMIT_DATA)[0] + _MOST_RESERVES * _RESERVE

    def notify(
        shell: Any, kind: type, error: Exception, traceback: Any, tb_offset: int | None = None
    ) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if soft != resource.RLIM_INFINITY:
            # Showing an error takes some memory, too.
            resource.setrlimit(resource.RLIMIT_DATA, (min(soft + _RESERVE, most), hard))
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
        print(_memory_notice(os.environ.get("MASKLENS_KERNEL_MEMORY")), file=sys.stderr)

    shell.set_custom_exc((MemoryError, tf.errors.ResourceExhaustedError), notify)


def _late_setting_notice(name: str, value: str) -> str:
    return _(
        "{name} is now {value}, but Keras was imported before, and this has no effect. In the "
        'menu Kernel, choose Change Kernel and "Python 3 (plain)", and run the notebook again.'
    ).format(name=name, value=value)


def _memory_notice(mebibytes: str | None) -> str:
    if not mebibytes:
        return _("This notebook has run out of memory. Restart its kernel, and use less data.")
    return _(
        "This notebook may take {size} MB of memory, and needed more. Restart its kernel, and use "
        "less data. Other notebooks keep running."
    ).format(size=mebibytes)
