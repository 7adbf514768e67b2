"""Executes a notebook with nbclient in a quiet, repeatable environment."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from jupyter_core.utils import ensure_async
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

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
    for _attempt in range(_ATTEMPTS):
        run = _Run(notebook, folder)
        try:
            return run.execute()
        except CellExecutionError as error:
            raise CellError(run.cell, " ".join(f"{error.ename}: {error.evalue}".split())) from error
        except CellTimeoutError as error:
            raise CellError(run.cell, f"took longer than {CELL_TIMEOUT} s") from error
        except RuntimeError as error:
            # Another kernel that starts at the same moment may have taken its port.
            if run.cell:
                raise CellError(run.cell, "the kernel died") from error
    raise CellError("", "the kernel does not start")


class _Run:
    """One execution of a notebook.

    Attributes:
        cell: The id of the cell that was begun last; empty before the first.
    """

    def __init__(self, notebook: NotebookNode, folder: Path) -> None:
        self.cell = ""
        self._used: dict[str, list[str]] = {}
        self._client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(folder)}},
            on_cell_start=self._begin,
            on_notebook_start=self._watch,
            on_cell_executed=self._look,
        )

    def execute(self) -> dict[str, list[str]]:
        # A cell's own stderr is saved; what is dropped here is the start-up talk of the kernel and
        # of TensorFlow's C++ code, which no setting silences.
        environment = {**os.environ, **QUIET_ENVIRONMENT}
        self._client.execute(env=environment, stderr=subprocess.DEVNULL)
        return self._used

    def _begin(self, cell: NotebookNode, cell_index: int) -> None:
        self.cell = cell.id

    async def _watch(self, notebook: NotebookNode) -> None:
        await _ask(self._client, _WATCH)

    async def _look(self, cell: NotebookNode, cell_index: int, execute_reply: object) -> None:
        seen = await _ask(self._client, "", "__import__('kernel_watch').seen()")
        self._used.update(json.loads(bytes.fromhex(seen)))


async def _ask(client: NotebookClient, code: str, expression: str = "''") -> str:
    """Runs code in the kernel, beside the notebook's own, and returns what an expression gives."""
    assert client.kc is not None  # while cells are executed
    request = client.kc.execute(code, silent=True, user_expressions={"asked": expression})
    reply = await client.async_wait_for_reply(await ensure_async(request))
    if reply is None:
        raise DeadKernelError("no reply")
    # The text of a string of letters and digits is itself in quotes.
    return str(reply["content"]["user_expressions"]["asked"]["data"]["text/plain"]).strip("'")
