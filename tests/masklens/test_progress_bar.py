"""A progress bar appears after two seconds, in a real kernel and in a real terminal, and goes."""

import os
import pty
import subprocess
import sys
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

# By a clock that only the steps set: no machine is too slow, or too fast.
STEPS = """
from masklens.drawing import progress_bar
class Clock:
    now = 0.0
    def monotonic(self):
        return self.now
progress_bar.time = clock = Clock()
with progress_bar.ProgressBar({steps}, "computing") as progress:
    for _ in range({steps}):
        clock.now += {seconds}
        progress.step()
"""


def messages_of(code: str, *, attended: bool = True) -> tuple[list[Any], list[Any]]:
    """Runs a cell in a kernel: what the kernel sent, and what stays in the notebook."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])

    class Listening(NotebookClient):
        async def async_start_new_kernel_client(self) -> Any:
            client = await super().async_start_new_kernel_client()
            # JupyterLab says so with each cell: here is somebody who can be asked.
            client.allow_stdin = attended
            return client

        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            self.sent.append(msg)
            return super().process_message(msg, cell, cell_index)

    client = Listening(notebook, timeout=60)
    client.sent = []
    client.execute()
    return client.sent, notebook.cells[0].outputs


def test_a_long_computation_shows_a_bar_in_a_notebook_and_leaves_nothing() -> None:
    sent, outputs = messages_of(STEPS.format(steps=10, seconds=0.3) + "print('done')")
    kinds = [message["msg_type"] for message in sent]
    assert kinds.count("display_data") == 1
    shown = [m["content"]["data"] for m in sent if "display_data" in m["msg_type"]]
    assert all("<progress max=10 value=" in data["text/html"] for data in shown)
    assert [data["text/plain"] for data in shown] == [f"computing: {n} of 10" for n in (7, 8, 9)]
    assert [output["text"] for output in outputs] == ["done\n"]


def test_a_bar_goes_after_an_error_too() -> None:
    code = STEPS.format(steps=10, seconds=0.3).replace(
        "progress.step()", "progress.step()\n        if progress._done == 9: raise KeyError(9)"
    )
    _sent, outputs = messages_of(
        f"try:\n{chr(10).join('    ' + line for line in code.splitlines())}\n"
        "except KeyError:\n    print('failed')"
    )
    assert [output["text"] for output in outputs] == ["failed\n"]


def test_a_program_that_executes_a_notebook_sees_no_bar() -> None:
    sent, outputs = messages_of(STEPS.format(steps=10, seconds=0.3), attended=False)
    assert not [message for message in sent if "display" in message["msg_type"]]
    assert outputs == []


def test_a_short_computation_shows_none() -> None:
    sent, outputs = messages_of(STEPS.format(steps=10, seconds=0.01))
    assert [m for m in sent if "display" in m["msg_type"] or m["msg_type"] == "stream"] == []
    assert outputs == []


@pytest.mark.parametrize(("seconds", "seen"), [(0.3, True), (0.01, False)])
def test_a_terminal_shows_a_line_and_clears_it(seconds: float, seen: bool) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", STEPS.format(steps=10, seconds=seconds)]
    subprocess.run(command, stderr=theirs, check=True, timeout=60)
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 10_000)
        except OSError:
            break
        if not part:
            break
        written += part
    os.close(ours)
    assert (b"computing: " in written) == seen
    if seen:
        assert written.endswith(b"\r\x1b[2K")


def test_what_is_no_terminal_shows_none() -> None:
    command = [sys.executable, "-c", STEPS.format(steps=8, seconds=0.3)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == (b"", b"")
