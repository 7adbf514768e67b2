"""Executes a notebook with nbclient in a quiet, repeatable environment."""

from __future__ import annotations

import json
import os
import subprocess
from copy import copy
from dataclasses import dataclass
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode, from_dict

# Set before the kernel starts: TensorFlow prints its machine's features to stderr otherwise, and
# oneDNN and a graphics card round differently from one machine to the next.
QUIET_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "CUDA_VISIBLE_DEVICES": "",
    "KERAS_BACKEND": "tensorflow",
    "PYTHONHASHSEED": "0",
    # What was solved is the learner's to note, beside the notebooks that they run.
    "MASKLENS_PROGRESS": "off",
}
CELL_TIMEOUT = 120  # seconds
_ATTEMPTS = 3
# A module of its own in the kernel, so that the notebook's names stay the notebook's.
_WATCH = """\
__import__("sys").modules["kernel_watch"] = __import__("types").ModuleType("kernel_watch")
exec({source!r}, __import__("kernel_watch").__dict__)""".format(
    source=Path(__file__).with_name("kernel_watch.py").read_text(encoding="utf-8")
)
_TELL = 'print(__import__("kernel_watch").seen())'


@dataclass
class CellError(Exception):
    """Raised when a cell raises, takes too long, or ends the kernel.

    Args:
        cell: the id of the cell.
        wrong: what happened: the exception, on one line.
    """

    cell: str
    wrong: str


def execute(notebook: NotebookNode, folder: Path) -> dict[str, list[str]]:
    """Executes a notebook in place.

    Args:
        notebook: the notebook; its cells receive their outputs.
        folder: the working directory, where the notebook stands.

    Returns:
        What of the library it used: the names of its "modules", its other "files", and the
        "messages" that were translated.

    Raises:
        CellError: a cell raised, took longer than CELL_TIMEOUT, or ended the kernel.
    """
    # A cell's own stderr is saved; what is dropped here is the start-up talk of the kernel and
    # of TensorFlow's C++ code, which no setting silences.
    quietly = {"env": {**os.environ, **QUIET_ENVIRONMENT}, "stderr": subprocess.DEVNULL}
    # With room for one cell more, which is none of the notebook's own.
    book = copy(notebook)
    book.cells = [*notebook.cells, from_dict({"cell_type": "code", "metadata": {}})]
    for _attempt in range(_ATTEMPTS):
        client = NotebookClient(
            book,
            timeout=CELL_TIMEOUT,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(folder)}},
        )
        begun = ""
        try:
            with client.setup_kernel(**quietly):
                _run_beside(client, _WATCH)
                for index, cell in enumerate(notebook.cells):
                    begun = cell.id
                    client.execute_cell(cell, index)
                client.set_widgets_metadata()
                used: dict[str, list[str]] = json.loads(_run_beside(client, _TELL))
                return used
        except CellExecutionError as error:
            raise CellError(begun, " ".join(f"{error.ename}: {error.evalue}".split())) from error
        except CellTimeoutError as error:
            raise CellError(begun, f"took longer than {CELL_TIMEOUT} s") from error
        except RuntimeError as error:
            # Another kernel that starts at the same moment may have taken its port.
            if begun:
                raise CellError(begun, "the kernel died") from error
    raise CellError("", "the kernel does not start")


def _run_beside(client: NotebookClient, code: str) -> str:
    """Runs code that is no cell of the notebook, and returns the last line that it printed."""
    cell = client.nb.cells[-1]
    cell.update(source=code, outputs=[])
    client.execute_cell(cell, len(client.nb.cells) - 1, store_history=False)
    printed = [output.text for output in cell.outputs if output.get("name") == "stdout"]
    return "".join(printed).strip().rpartition("\n")[2]
