"""What a notebook is told that makes a setting after Keras was imported, or runs out of memory."""

from __future__ import annotations

import os
import sys
from typing import Any

from masklens.language import translate as _

# Read when Keras or NumPy is imported; what is set later has no effect, and nobody says so.
READ_AT_IMPORT = (
    "KERAS_BACKEND",
    "KERAS_HOME",
    "TF_USE_LEGACY_KERAS",
    "MPLBACKEND",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)


def watch_settings(shell: Any) -> None:
    """Tells a notebook, below the cell that made it, of a setting that comes too late.

    Where Keras is imported before the first cell runs, `os.environ["KERAS_BACKEND"] = "jax"` in it
    changes nothing. A cell that runs out of memory is explained, too.

    Args:
        shell: IPython's shell, which runs the cells.
    """
    known = {name: os.environ.get(name) for name in READ_AT_IMPORT}
    # What Keras took when nothing was set; to name it changes nothing.
    known["KERAS_BACKEND"] = known["KERAS_BACKEND"] or "tensorflow"

    def tell(result: Any) -> None:
        for name in READ_AT_IMPORT:
            value = os.environ.get(name)
            if value is not None and value != known[name]:
                known[name] = value
                print(_too_late(name, value), file=sys.stderr)
        if isinstance(result.error_in_exec, MemoryError):
            print(_no_memory(os.environ.get("MASKLENS_KERNEL_MEMORY")), file=sys.stderr)

    shell.events.register("post_run_cell", tell)


def _too_late(name: str, value: str) -> str:
    return _(
        "{name} is now {value}, but Keras was imported before, and this has no effect. In the menu "
        'Kernel, choose Change Kernel and "Python 3 (plain)", and run the notebook again.'
    ).format(name=name, value=value)


def _no_memory(mebibytes: str | None) -> str:
    if not mebibytes:
        return _("This notebook has run out of memory. Restart its kernel, and take smaller data.")
    return _(
        "This notebook may take {size} MB of memory, and needed more. Restart its kernel, and take "
        "smaller data. Other notebooks go on."
    ).format(size=mebibytes)
