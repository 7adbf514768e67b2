"""A JupyterLab of its own for a benchmark, and a notebook that is opened and run in it."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nbformat
from playwright.sync_api import Page

PATIENCE = 180  # seconds, for a kernel that imports TensorFlow


@contextmanager
def lab(folder: Path, cells: Sequence[str]) -> Iterator[str]:
    """Runs JupyterLab, and gives the address of a notebook with these cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "name": "python3"}
    (folder / "root").mkdir()
    nbformat.write(notebook, folder / "root" / "toggles.ipynb")
    settings = folder / "config" / "labconfig" / "page_config.json"
    settings.parent.mkdir(parents=True)
    # Lab must not ask whether it may fetch news.
    news = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    settings.write_text(json.dumps(news))
    names = "JUPYTER_CONFIG_DIR JUPYTER_DATA_DIR JUPYTER_RUNTIME_DIR IPYTHONDIR"
    names += " JUPYTERLAB_SETTINGS_DIR JUPYTERLAB_WORKSPACES_DIR"
    own = {name: str(folder / "config") for name in names.split()}
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"]
    command += ["--log-level=ERROR", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0"]
    command += ["--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={folder / 'root'}"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log) as server,
    ):
        try:
            yield _address(folder, server)
        finally:
            server.terminate()


def _address(folder: Path, server: "subprocess.Popen[bytes]") -> str:
    last_try = time.monotonic() + PATIENCE
    while time.monotonic() < last_try and server.poll() is None:
        for path in folder.glob(f"config/jpserver-{server.pid}.json"):
            try:
                about = json.loads(path.read_text())
                urllib.request.urlopen(f"{about['url']}api", timeout=10).close()
                return f"{about['url']}lab/tree/toggles.ipynb?token={about['token']}"
            except (OSError, ValueError):
                pass  # not yet written, or not yet listening
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab does not serve:\n{(folder / 'log').read_text()}")


def open_notebook(page: Page, address: str) -> None:
    """Opens the notebook in JupyterLab, and runs it."""
    page.set_default_timeout(PATIENCE * 1000)
    page.goto(address)
    page.wait_for_function(
        "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.kernelDisplayStatus"
        " === 'idle'"
    )
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
