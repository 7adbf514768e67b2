"""Executes notebooks with Colab's versions; compares explorers and verdicts with the saved ones.

A notebook that brings masklens with it runs in an empty folder, without network, and where masklens
is not installed. `make test-colab` runs it where nothing else is installed, pytest neither:
`.venv-colab/bin/python tests/authoring/colab.py NOTEBOOK...`.
"""

import fcntl
import importlib.util
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

CONSTRAINTS = Path(__file__).parents[2] / "constraints" / "colab.txt"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
CELL_TIMEOUT = 120  # seconds
# Rounded alike on every processor, as in the build of the notebooks.
QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "CUDA_VISIBLE_DEVICES": "",
    "MASKLENS_PROGRESS": "off",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # else the debugger warns of frozen modules
}
HELPERS = Path(__file__).parents[2] / "helpers"
CARRIER = "masklens"  # the id of the cell that brings the library
WHERE = "import masklens, os; print(masklens.__file__, *os.listdir())"
# A marker for this program run again, where there is no network.
CUT_OFF = "MASKLENS_CUT_OFF"
STYLE_SHEET = re.compile(r"<style>.*?</style>", re.DOTALL)


def execute(path: Path) -> Any:
    """Executes a committed notebook where it stands, with masklens as it is in the repository."""
    return _execute(_cleared(path), path.parent, {"PYTHONPATH": str(HELPERS)})


def execute_alone(path: Path) -> tuple[Any, list[str]]:
    """Executes a notebook that brings masklens with it, in an empty folder.

    Returns:
        The notebook, and where it found masklens, followed by what it left in the folder.
    """
    notebook = _cleared(path)
    notebook.cells.append(nbformat.v4.new_code_cell(WHERE))
    with tempfile.TemporaryDirectory() as folder:
        _execute(notebook, Path(folder), {})
    return notebook, notebook.cells.pop().outputs[0].text.split()


def _cleared(path: Path) -> Any:
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    notebook.metadata.pop("widgets", None)
    return notebook


def _execute(notebook: Any, folder: Path, settings: dict[str, str]) -> Any:
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        notebook, timeout=CELL_TIMEOUT, kernel_name="python3", resources=resources
    )
    # Where a kernel and TensorFlow talk as they start.
    client.execute(env=os.environ | settings, stderr=subprocess.DEVNULL)
    return notebook


def explorers(notebook: Any) -> dict[str, Any]:
    """The explorers that a notebook was saved with, by model id: their states and outputs.

    The rest of what is saved is written by the widget library, each version in its own way, or is
    our front end, which is the same file with every version.
    """
    models = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    found: dict[str, Any] = {}
    for model_id, model in models.items():
        if "settings" in model["state"]:
            kept = {name: model["state"][name] for name in ("data", "settings")}
            found[model_id] = {**kept, "shown": []}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            view = output.get("data", {}).get(WIDGET_VIEW)
            if view and view["model_id"] in found:
                html = STYLE_SHEET.sub("", output["data"].get("text/html", ""))
                shown = output["data"] | {"cell": cell.id, "text/html": html}
                found[view["model_id"]]["shown"].append(shown)
    return found


def verdicts(notebook: Any) -> dict[str, Any]:
    """What the checks of a notebook say, by the id of the cell."""
    return {
        cell.id: output["metadata"]["masklens"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "masklens" in output.get("metadata", {})
    }


def differences(saved: Any, now: Any, place: str = "") -> Iterator[str]:
    """Where two JSON values differ, and how."""
    if saved == now:
        return
    if isinstance(saved, dict) and isinstance(now, dict) and saved.keys() == now.keys():
        for key in saved:
            yield from differences(saved[key], now[key], f"{place}.{key}")
    elif isinstance(saved, list) and isinstance(now, list) and len(saved) == len(now):
        for index, pair in enumerate(zip(saved, now, strict=True)):
            yield from differences(*pair, f"{place}[{index}]")
    else:
        yield f"{place}: saved {_short(saved)}, now {_short(now)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text):,} characters)"


def _faults_alone(path: Path) -> Iterator[str]:
    before = nbformat.read(path, as_version=4)
    if importlib.util.find_spec("masklens"):
        yield "masklens is installed, so nothing is shown"
    try:
        after, (found, *left) = execute_alone(path)
    except CellExecutionError as error:
        yield f"a cell raised {error.ename}: {error.evalue}"
        return
    if not found.startswith(f"{tempfile.gettempdir()}/masklens-"):
        yield f"masklens was found in {found}"
    if left:
        yield f"it left in its folder: {', '.join(left)}"
    yield from differences(verdicts(before), verdicts(after), "verdicts")
    if explorers(before) and explorers(after):  # there are none without anywidget
        yield from differences(explorers(before), explorers(after))


def _faults(path: Path) -> Iterator[str]:
    before = nbformat.read(path, as_version=4)
    if before.cells[0].id == CARRIER:
        yield from _faults_alone(path)
        return
    saved = explorers(before)
    if not saved and not verdicts(before):
        yield "no explorer or verdict is saved in it"
    try:
        after = execute(path)
    except CellExecutionError as error:
        yield f"a cell raised {error.ename}: {error.evalue}"
        return
    yield from differences(verdicts(before), verdicts(after), "verdicts")
    now = explorers(after)
    for model_id, explorer in saved.items():
        if not explorer["shown"]:
            yield f"explorer {model_id} is saved but in no output"
        if model_id not in now:
            yield f"explorer {model_id}, {explorer['data']['title']!r}, is saved but not made"
    for model_id, explorer in now.items():
        if model_id not in saved:
            yield f"explorer {model_id}, {explorer['data']['title']!r}, is made but not saved"
        else:
            yield from differences(saved[model_id], explorer, explorer["data"]["title"])


def cut_off(arguments: list[str]) -> str:
    """Runs this program again without network, where that is allowed; says how it is cut off."""
    how = os.environ.get(CUT_OFF)
    if how is None and (unshare := shutil.which("unshare")):
        tried = subprocess.run([unshare, "-rn", "true"], capture_output=True, check=False)
        if tried.returncode == 0:
            os.environ[CUT_OFF] = "no network but this machine's own (unshare)"
            os.execv(unshare, [unshare, "-rn", sys.executable, *arguments])
    if how is None:
        closed = "http://127.0.0.1:9"
        os.environ.update(dict.fromkeys(["http_proxy", "https_proxy", "all_proxy"], closed))
        return "proxies that do not answer"
    # A kernel is spoken to over the loopback device, which begins switched off.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        set_flags, up = 0x8914, 1
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh14x", b"lo", up))
    return how


def _version(pin: str) -> str | None:
    with suppress(PackageNotFoundError):
        return version(pin.split("==")[0])
    return None


def main(paths: list[str]) -> int:
    """Reports every difference; the exit status is 1 if there is one."""
    print(f"Python {sys.version.split()[0]}; {cut_off([__file__, *paths])}", flush=True)
    pins = [line for line in CONSTRAINTS.read_text().split() if "==" in line]
    wrong = [pin for pin in pins if f"{pin.split('==')[0]}=={_version(pin)}" != pin]
    if [pin for pin in wrong if _version(pin)] or sys.version_info[:2] != (3, 13):
        print(f"Python {sys.version.split()[0]} without {', '.join(wrong)}: not Colab's versions.")
        return 1
    print(*(f"Not installed: {pin}" for pin in wrong), sep="\n", end="\n" if wrong else "")
    os.environ.update(QUIET)
    failed = 0
    for path in map(Path, paths):
        start = time.perf_counter()
        faults = list(_faults(path))
        seconds = time.perf_counter() - start
        if faults:
            print(f"{path}: {seconds:.0f} s, FAILED")
            print(*(f"  {fault}" for fault in faults[:10]), sep="\n")
        else:
            book = nbformat.read(path, as_version=4)
            live = len(explorers(book)) if importlib.util.find_spec("anywidget") else "no"
            same = f"{live} explorers and {len(verdicts(book))} verdicts"
            print(f"{path}: {seconds:.0f} s, executed; {same} exactly as saved", flush=True)
        failed += bool(faults)
    return int(failed > 0 or not paths)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
