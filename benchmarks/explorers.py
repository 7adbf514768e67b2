"""Measures the explorers in a browser: from a click to the new picture, beside ipywidgets."""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import nbformat
from playwright.sync_api import Page, sync_playwright

from benchmarks.table import print_table, verdict
from tests.support.browser import NO_BROWSER, find_program

TOGGLES = 200
GOAL_MS = 16
GOAL_RATIO = 20
PATIENCE = 180  # seconds, for a kernel that imports TensorFlow

SETUP = """\
import ipywidgets
import keras
import matplotlib.pyplot as plt

import masklens as ml

%matplotlib inline
sequences = [[71, 1331, 4231], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
tokens = [
    "Hello world !".split(),
    "How are you doing today".split(),
    "The weather will be nice tomorrow".split(),
]
"""

EXPLORER = """\
explorer = ml.PaddingExplorer(sequences, tokens)
explorer.choose(maxlen=4, mask=True)
explorer
"""

# What one would write without an explorer: a function that computes and draws, and three controls.
INTERACT = """\
def compute(padding, truncating, masked):
    batch = ml.pad(sequences, maxlen=4, padding=padding, truncating=truncating)
    embedding = keras.layers.Embedding(5000, 1, mask_zero=masked)
    return batch, ml.mask_of(embedding(batch.ids))


def draw_figure(padding, truncating, masked):
    batch, mask = compute(padding, truncating, masked)
    rows, columns = batch.ids.shape
    figure, (top, bottom) = plt.subplots(2, figsize=(6, 4))
    for row in range(rows):
        for column in range(columns):
            origin = batch.origin[row, column]
            box = dict(hatch="///", color="0.7") if origin < 0 else dict(color="tab:blue")
            word = "0" if origin < 0 else tokens[row][origin]
            top.add_patch(plt.Rectangle((column, row), 0.9, 0.9, fill=False, **box))
            top.text(column + 0.45, row + 0.45, word, ha="center", va="center")
            if mask is not None:
                square = plt.Rectangle((column, row), 0.9, 0.9, fill=bool(mask[row, column]))
                bottom.add_patch(square)
    top.set_title(f"padded batch {batch.ids.shape}")
    bottom.set_title("no mask" if mask is None else f"mask {mask.shape}")
    for axes in (top, bottom):
        axes.set(xlim=(0, columns), ylim=(rows, 0), xticks=[], yticks=[])
    plt.show()


def write_html(padding, truncating, masked):
    batch, mask = compute(padding, truncating, masked)
    display(ml.show(batch, tokens=tokens, mask=mask))


def interact(draw):
    ipywidgets.interact(
        draw,
        padding=ipywidgets.RadioButtons(options=["pre", "post"]),
        truncating=ipywidgets.RadioButtons(options=["pre", "post"]),
        masked=True,
    );
"""


@dataclass(frozen=True)
class Way:
    """A way to show the picture: the code of its cell, and what a learner clicks and sees."""

    name: str
    code: str
    toggles: tuple[tuple[str, ...], ...]  # selectors to click in turn, for each control
    picture: str


RADIOS = tuple(
    tuple(f":nth-match(.widget-radio-box, {box}) input >> nth={place}" for place in (1, 0))
    for box in (1, 2)
)
INTERACT_TOGGLES = (*RADIOS, (".widget-checkbox input",))
WAYS = (
    Way(
        "PaddingExplorer",
        EXPLORER,
        (
            *(
                tuple(f"[data-axis={axis}] input >> nth={place}" for place in (1, 0))
                for axis in ("padding", "truncating")
            ),
            ("[data-axis=mask] input",),
        ),
        ".stage > .picture",
    ),
    Way("interact, matplotlib", "interact(draw_figure)", INTERACT_TOGGLES, "img"),
    Way("interact, our HTML", "interact(write_html)", INTERACT_TOGGLES, ".masklens"),
)

# Milliseconds from the click to the end of the first frame that has the new picture. A task queued
# in requestAnimationFrame runs when the main thread has laid out and painted that frame. The time
# of the click is that of the event, so it includes what the event waited for.
WATCH = """
(cell, selector) => {
    const look = () => [...cell.querySelectorAll(selector)].map(one => one.outerHTML).join("");
    const before = look();
    let start = null;
    const clicked = event => { start ??= event.timeStamp; };
    addEventListener("click", clicked, { capture: true });
    window.painted = new Promise(resolve => {
        const observer = new MutationObserver(async () => {
            const now = look();
            if (start === null || !now || now === before) return;
            observer.disconnect();
            removeEventListener("click", clicked, { capture: true });
            await Promise.all([...cell.querySelectorAll("img")].map(image => image.decode()));
            requestAnimationFrame(() => {
                const { port1, port2 } = new MessageChannel();
                port1.onmessage = () => resolve(performance.now() - start);
                port2.postMessage(null);
            });
        });
        observer.observe(cell, { childList: true, subtree: true, attributes: true });
    });
}
"""


@contextmanager
def _lab(folder: Path) -> Iterator[str]:
    """Runs a JupyterLab of its own, and gives the address of its notebook."""
    cells = [SETUP, INTERACT, *(way.code for way in WAYS)]
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


def _open(page: Page, address: str) -> None:
    """Opens the notebook in JupyterLab, and runs it."""
    page.set_default_timeout(PATIENCE * 1000)
    page.goto(address)
    page.wait_for_function(
        "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.kernelDisplayStatus"
        " === 'idle'"
    )
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")


def _times(page: Page, way: Way) -> list[float]:
    """Clicks one control after another, and measures each click in milliseconds."""
    cell = page.locator(".jp-CodeCell").nth(2 + WAYS.index(way)).locator(".jp-Cell-outputWrapper")
    cell.scroll_into_view_if_needed()
    cell.locator(way.picture).first.wait_for()
    targets = [list(map(cell.locator, toggle)) for toggle in way.toggles]
    chance = random.Random(0)
    times = []
    for number in range(TOGGLES):
        toggle = targets[number % len(targets)]
        box = toggle[number // len(targets) % len(toggle)].bounding_box()
        assert box is not None
        cell.evaluate(WATCH, way.picture)
        # At no fixed place between two frames, and after the tokens have moved to their places.
        page.wait_for_timeout(250 + chance.uniform(0, 50))
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        times.append(page.evaluate("() => window.painted"))
    return times


def measure_explorers() -> bool:
    browser_path = find_program()
    if browser_path is None:
        print(f"\nLeft out: click to painted, {NO_BROWSER}")
        return True
    print("click to painted: JupyterLab starts", file=sys.stderr)
    with (
        tempfile.TemporaryDirectory() as folder,
        _lab(Path(folder)) as address,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=browser_path) as browser,
    ):
        page = browser.new_page(viewport={"width": 1200, "height": 1000})
        _open(page, address)
        measured = {}
        for way in WAYS:
            print(f"click to painted: {TOGGLES} toggles, {way.name}", file=sys.stderr)
            measured[way.name] = sorted(_times(page, way))
    ours = measured[WAYS[0].name]
    rows, all_met = [], True
    for way in WAYS:
        times = measured[way.name]
        middle, late = median(times), times[int(0.95 * len(times))]
        ratio = middle / median(ours)
        row = [way.name, f"{middle:.1f}", f"{late:.1f}", f"{times[-1]:.1f}", f"{ratio:.1f}"]
        if way is WAYS[0]:
            met, goal = late <= GOAL_MS, f"95 % in {GOAL_MS} ms"
        elif way is WAYS[1]:
            met, goal = ratio >= GOAL_RATIO, f"ratio {GOAL_RATIO}"
        else:
            met, goal = True, ""
        all_met &= met
        rows.append([*row, goal, verdict(met) if goal else ""])
    print_table(
        f"Click to painted in JupyterLab, headless Chromium ({TOGGLES} toggles)",
        ["", "median ms", "95 % ms", "most ms", "ratio", "goal", "verdict"],
        rows,
    )
    return all_met
