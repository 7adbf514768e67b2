"""Executes a notebook with nbclient in a quiet, repeatable environment."""

from __future__ import annotations

import ast
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
    current, used = "", {}

    def remember(cell: NotebookNode, cell_index: int) -> None:
        nonlocal current
        current = cell.id

    async def watch(notebook: NotebookNode) -> None:
        await _ask(client, _WATCH)

    async def look(cell: NotebookNode, cell_index: int, execute_reply: object) -> None:
        used.update(json.loads(await _ask(client, "", "__import__('kernel_watch').seen()")))

    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
        on_cell_start=remember,
        on_notebook_start=watch,
        on_cell_executed=look,
    )
    try:
        # A cell's own stderr is saved; what is dropped here is the start-up talk of the kernel and
        # of TensorFlow's C++ code, which no setting silences.
        client.execute(env={**os.environ, **QUIET_ENVIRONMENT}, stderr=subprocess.DEVNULL)
    except CellExecutionError as error:
        raise CellError(current, " ".join(f"{error.ename}: {error.evalue}".split())) from error
    except CellTimeoutError as error:
        raise CellError(current, f"took longer than {CELL_TIMEOUT} s") from error
    except DeadKernelError as error:
        raise CellError(current, "the kernel died") from error
    return used


async def _ask(client: NotebookClient, code: str, expression: str = "''") -> str:
    """Runs code in the kernel, beside the notebook's own, and returns what an expression gives."""
    assert client.kc is not None  # while cells are executed
    request = client.kc.execute(code, silent=True, user_expressions={"asked": expression})
    reply = await client.async_wait_for_reply(await ensure_async(request))
    if reply is None:
        raise DeadKernelError("no reply")
    return str(
        ast.literal_eval(reply["content"]["user_expressions"]["asked"]["data"]["text/plain"])
    )
