"""A browser and a JupyterLab for tests, and an explorer as a learner sees and works it."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest
from nbformat.sign import NotebookNotary
from playwright.sync_api import (
    Browser,
    Locator,
    Page,
    Request,
    Route,
    TimeoutError,
    sync_playwright,
)

from authoring.execute import QUIET_ENVIRONMENT

PROGRAMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
NO_BROWSER = "no Chromium found (Debian, Ubuntu: apt install chromium)"
OPTIONS = ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
SOON = 30  # seconds
# A kernel imports TensorFlow on whatever machine this is.
PATIENCE = 180


def find_program() -> str | None:
    """The browser to test with: the one that MASKLENS_CHROMIUM names, or the first found."""
    named = os.environ.get("MASKLENS_CHROMIUM")
    found = map(shutil.which, [named] if named else PROGRAMS)
    return next((program for program in found if program), None)


def find_fault() -> str | None:
    """Why no browser can be tested with, if that is so."""
    return None if find_program() else NO_BROWSER


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium without a window."""
    # Not for the whole session: while Playwright runs, its event loop runs in this thread, and the
    # tests of other modules have loops of their own.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_program(), args=OPTIONS)
        yield browser
        browser.close()


@dataclass
class Watch:
    """What must not happen on a page: dialogs, errors, and requests to elsewhere."""

    dialogs: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def attend(self, page: Page) -> None:
        """Begins to watch a page, and keeps it from the network."""

        def dismiss(dialog: Any) -> None:
            self.dialogs.append(f"{dialog.type}: {dialog.message}")
            dialog.dismiss()

        def refuse(route: Route, request: Request) -> None:
            self.outside.append(request.url)
            route.abort()

        page.on("dialog", dismiss)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.route(_is_outside, refuse)


def _is_outside(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1"


@dataclass(frozen=True)
class Lab:
    """A JupyterLab server of its own, that neither reads nor leaves a learner's settings."""

    url: str
    token: str
    root: Path
    data: Path

    def write(self, name: str, notebook: Any, *, trusted: bool) -> None:
        """Puts a notebook where the server finds it."""
        text = nbformat.writes(notebook)
        (self.root / name).write_text(text, encoding="utf-8")
        # Signed as the server will read it. A signature is one of the contents, not of the file.
        read, notary = nbformat.reads(text, as_version=4), NotebookNotary(data_dir=str(self.data))
        if trusted:
            notary.sign(read)
        assert notary.check_signature(read) == trusted

    def ask(self, path: str, method: str = "GET") -> Any:
        """Asks the server's REST API."""
        request = urllib.request.Request(
            f"{self.url}api/{path}",
            method=method,
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.loads(response.read() or "null")

    def kernel(self, name: str) -> dict[str, Any] | None:
        """The kernel of a notebook, if it has one."""
        sessions = self.ask("sessions")
        return next((one["kernel"] for one in sessions if one["path"] == name), None)

    def kill_kernel(self, name: str) -> None:
        """Ends the kernel of a notebook."""
        kernel = self.kernel(name)
        assert kernel is not None, f"{name} has no kernel"
        self.ask(f"kernels/{kernel['id']}", "DELETE")


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab server."""
    home = tmp_path_factory.mktemp("lab")
    folders = {name: home / name for name in ("root", "config", "data", "runtime", "ipython")}
    for folder in folders.values():
        folder.mkdir()
    settings = folders["config"] / "labconfig"
    settings.mkdir()
    # Lab must not ask whether it may fetch news.
    news = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (settings / "page_config.json").write_text(json.dumps(news))
    # Without this, Lab saves no widget that it has run.
    manager = folders["config"] / "@jupyter-widgets" / "jupyterlab-manager"
    manager.mkdir(parents=True)
    (manager / "plugin.jupyterlab-settings").write_text('{"saveState": true}')
    token = "masklens"
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"]
    command += [
        "--log-level=ERROR",
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.port=0",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folders['root']}",
        "--LabApp.expose_app_in_browser=True",
    ]
    environment = os.environ | QUIET_ENVIRONMENT
    environment |= {
        "JUPYTER_CONFIG_DIR": str(folders["config"]),
        "JUPYTER_DATA_DIR": str(folders["data"]),
        "JUPYTER_RUNTIME_DIR": str(folders["runtime"]),
        "IPYTHONDIR": str(folders["ipython"]),
        "JUPYTERLAB_SETTINGS_DIR": str(folders["config"]),
        "JUPYTERLAB_WORKSPACES_DIR": str(folders["config"]),
    }
    log = home / "log"
    with log.open("wb") as file:
        server = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
    try:
        yield Lab(
            _wait_for_server(folders["runtime"], server, log),
            token,
            folders["root"],
            folders["data"],
        )
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_for_server(runtime: Path, server: subprocess.Popen[bytes], log: Path) -> str:
    """The address of a server that answers; it writes it into its runtime folder."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        for path in runtime.glob(f"jpserver-{server.pid}.json"):
            try:
                url = json.loads(path.read_text())["url"]
                urllib.request.urlopen(f"{url}api", timeout=10).close()
                return str(url)
            except (OSError, ValueError):
                pass  # still being written, or not yet listening
        time.sleep(0.2)
    raise AssertionError(f"JupyterLab does not serve:\n{log.read_text()}")


@dataclass(frozen=True)
class Row:
    """A row of a batch as one sees it, its cells and marks from left to right."""

    said: str  # what a screen reader hears
    words: list[str]
    titles: list[str]  # what the mouse says of each cell
    kinds: list[str]  # such as "token skipped"
    marks: list[str]  # "true", "false" or "none"
    aligned: bool  # each mark stands in the column of its cell


# What is hidden, or not yet reached, is left out.
READ_ROW = """row => {
    const left = one => Math.round(one.getBoundingClientRect().left);
    const sorted = name => [...row.querySelectorAll(name)]
        .map(one => [left(one), one]).sort((a, b) => a[0] - b[0]);
    const [cells, marks] = [sorted(".cell"), sorted(".mark")];
    const kind = ([, one]) => one.className.replace(/^(cell|mark) /, "");
    return row.checkVisibility({ visibilityProperty: true }) ? {
        said: row.ariaLabel, words: cells.map(([, one]) => one.textContent),
        titles: cells.map(([, one]) => one.title), kinds: cells.map(kind), marks: marks.map(kind),
        aligned: cells.every(([left], i) => left === marks[i][0]),
    } : null;
}"""
_READ_CHOICES = """root => Object.fromEntries(
    [...root.querySelectorAll("[data-name]")].map(control => {
        const input = control.querySelector("input[type=radio]:checked")
            ?? control.querySelector("input");
        return [control.dataset.name, input.type === "checkbox" ? input.checked : input.value];
    }))"""


@dataclass(frozen=True)
class Shown:
    """An explorer on a page, worked as a learner works it."""

    root: Locator

    def control(self, name: str) -> Locator:
        """The control of a setting, with its label."""
        return self.root.locator(f'[data-name="{name}"]')

    def choose(self, **values: str | int | bool) -> None:
        """Sets controls."""
        for name, value in values.items():
            control = self.control(name)
            if isinstance(value, bool):
                control.locator("input").set_checked(value)
            elif control.locator("input[type=radio]").count():
                control.locator(f'input[value="{value}"]').check()
            else:
                control.locator("input").fill(str(value))

    def write(self, *sentences: str) -> None:
        """Writes sentences of one's own into as many fields."""
        fields = self.root.locator(".sentences input")
        while fields.count() > len(sentences):
            self.root.get_by_role("button", name="remove sentence").last.click()
        while fields.count() < len(sentences):
            self.root.get_by_role("button", name="+ sentence").click()
        for place, sentence in enumerate(sentences):
            fields.nth(place).fill(sentence)

    def sentences(self) -> list[str]:
        """What stands in the fields."""
        return [field.input_value() for field in self.root.locator(".sentences input").all()]

    def chosen(self, name: str) -> str | bool:
        """What a control shows."""
        return self.choices()[name]

    def choices(self) -> dict[str, str | bool]:
        """What all controls show."""
        return dict(self.root.evaluate(_READ_CHOICES))

    def rows(self) -> list[Row]:
        """The rows that are seen, from top to bottom."""
        script = f"root => [...root.querySelectorAll('.row')].map({READ_ROW}).filter(Boolean)"
        return [Row(**row) for row in self.root.evaluate(script)]

    def gauges(self) -> list[str]:
        """The answers that are shown, such as "0.97"; a dash where there is none."""
        return self.root.locator(".gauge b").all_inner_texts()

    def said(self) -> str:
        """What a screen reader hears."""
        return self.root.locator(".unseen[aria-live=polite]").inner_text()


@dataclass(frozen=True)
class Notebook:
    """A notebook, open in JupyterLab in a page of its own."""

    lab: Lab
    name: str
    page: Page
    watch: Watch

    def run_all(self) -> None:
        """Runs all cells, and waits until they have run."""
        self._command("notebook:run-all-cells")

    def restart_and_run_all(self) -> None:
        """Runs all cells in a new kernel, as the menu does."""
        self.page.evaluate(
            "() => { window.restarted = jupyterapp.commands.execute('notebook:restart-run-all') }"
        )
        self.page.get_by_role("button", name="Confirm Kernel Restart").click()
        self.page.evaluate("() => window.restarted")

    def run_cell(self, place: int) -> str:
        """Runs one cell, and returns what it printed."""
        self.page.evaluate(
            "place => { jupyterapp.shell.currentWidget.content.activeCellIndex = place }", place
        )
        self._command("notebook:run-cell")
        return "".join(output.get("text", "") for output in self.outputs(place))

    def _command(self, command: str) -> None:
        # Lab keeps its promise when the kernel has replied.
        self.page.evaluate("command => jupyterapp.commands.execute(command)", command)

    def outputs(self, place: int) -> list[dict[str, Any]]:
        """The outputs of a cell, as they would be saved."""
        return list(
            self.page.evaluate(
                "place => jupyterapp.shell.currentWidget.content.widgets[place]"
                ".model.outputs.toJSON()",
                place,
            )
        )

    def explorer(self, place: int) -> "Shown":
        """The explorer that a cell shows."""
        cell = self.page.locator(f'.jp-Cell[data-windowed-list-index="{place}"]')
        shown = Shown(cell.locator(".masklens-live"))
        deadline = time.monotonic() + SOON
        while time.monotonic() < deadline:
            # Lab takes cells out of the page that are out of sight, and pictures move the others.
            self.page.evaluate(
                "place => jupyterapp.shell.currentWidget.content.scrollToItem(place)", place
            )
            with suppress(TimeoutError):
                shown.root.wait_for(timeout=1000)
                return shown
        raise AssertionError(f"Cell {place} shows no explorer, but {self.outputs(place)}")

    def cells(self) -> int:
        """How many cells there are."""
        return int(
            self.page.evaluate("() => jupyterapp.shell.currentWidget.content.widgets.length")
        )

    def active_cell(self) -> int:
        """The cell that is selected."""
        return int(
            self.page.evaluate("() => jupyterapp.shell.currentWidget.content.activeCellIndex")
        )

    def save(self) -> None:
        """Saves the notebook, as Ctrl+S does."""
        self._command("docmanager:save")

    def kill_kernel(self) -> None:
        """Ends the kernel, and waits until Lab knows."""
        self.lab.kill_kernel(self.name)
        # Lab asks for the kernels every ten seconds.
        self.page.evaluate("() => jupyterapp.serviceManager.sessions.refreshRunning()")
        self.page.wait_for_function(
            "() => !['idle', 'busy'].includes("
            "jupyterapp.shell.currentWidget.sessionContext.kernelDisplayStatus)"
        )


Open = Callable[[str], Notebook]


@pytest.fixture(scope="module")
def open_notebook(browser: Browser, lab: Lab) -> Iterator[Open]:
    """Opens a notebook of the server's folder in JupyterLab."""
    contexts = []

    def open_(name: str) -> Notebook:
        size = {"width": 1200, "height": 1000}
        context = browser.new_context(viewport=size, reduced_motion="reduce")
        contexts.append(context)
        page, watch = context.new_page(), Watch()
        watch.attend(page)
        # A workspace of its own, or Lab opens what an earlier test had open.
        page.goto(f"{lab.url}lab/workspaces/{name.split('.')[0]}/tree/{name}?token={lab.token}")
        notebook = Notebook(lab, name, page, watch)
        page.wait_for_function(
            "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.kernelDisplayStatus"
            " === 'idle'",
            timeout=PATIENCE * 1000,
        )
        return notebook

    yield open_
    for context in contexts:
        context.close()


def make_notebook(*cells: str) -> Any:
    """A notebook of code cells, not yet executed."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    notebook.cells = [
        nbformat.v4.new_code_cell(source, id=f"cell-{place}") for place, source in enumerate(cells)
    ]
    return notebook
