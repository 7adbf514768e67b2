"""Measures the explorers: what a toggle costs a browser, beside ipywidgets, and their bytes."""

import gzip
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from ipywidgets.embed import dependency_state
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import Browser, Locator, Page, ViewportSize, sync_playwright

import masklens as ml
from authoring.execute import execute
from benchmarks.lab import lab, open_notebook
from benchmarks.table import print_table, verdict
from masklens.drawing.theme import style
from masklens.explorers.widget import FRONT_END, module
from tests.support.browser import NO_BROWSER, find_program
from tests.support.static_page import render, served

# A name, a figure, its goal, and on which side of the goal it shall be.
Row = tuple[str, float, float, str]

TOGGLES, CLICKS = 200, 40
GOAL_WORK, GOAL_TASK, GOAL_RATIO = 6.0, 16.0, 20.0  # milliseconds, milliseconds, times
GOAL_STATE, GOAL_SHARED, GOAL_PACKED = 15_000, 60_000, 20_000  # bytes
GOAL_SECONDS = 0.5
AT_REST = 450  # milliseconds, after which nothing moves any more
WINDOW: ViewportSize = {"width": 1200, "height": 1000}
NO_LIMIT = ["--disable-frame-rate-limit", "--disable-gpu-vsync"]

EXPLORERS: dict[str, Callable[[], Any]] = {
    "PaddingExplorer": ml.PaddingExplorer,
    "PropagationExplorer": ml.PropagationExplorer,
    "PropagationExplorer, stack=False": lambda: ml.PropagationExplorer(stack=False),
    "TimestepExplorer": ml.TimestepExplorer,
}
SETUP = """\
import ipywidgets
import matplotlib.pyplot as plt

import masklens as ml

%matplotlib inline
sequences = [[71, 1331, 4231], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
"""
VIEWS = (
    "ml.PaddingExplorer(padding='post')",
    "ml.PropagationExplorer(layers=['Embedding', 'Dropout', 'Conv1D', 'LSTM'])",
    "ml.PropagationExplorer(stack=False)",
    "ml.TimestepExplorer()",
)
# Twelve tokens through six layers.
# What costs any page the least: a switch that changes one number.
LEAST = '''\
from IPython.display import HTML

change = "this.parentNode.nextElementSibling.textContent = Math.random()"
HTML(f"""<div class="stage"><label class="controls"><input type="checkbox" onclick="{change}">
</label><b>0</b></div>""")
'''
JOURNEY = """\
layers = ["Embedding", "Dropout", "Shift", {"type": "LSTM", "return_sequences": True}]
ml.PropagationExplorer(["one two three four five six seven eight nine ten eleven !"],
                       layers=[*layers, "Conv1D", "GRU"], maxlen=12)
"""
# What one would write without an explorer: a function that draws, and controls.
INTERACT = """\
def draw_figure(padding, truncating, masked):
    batch = ml.pad(sequences, maxlen=4, padding=padding, truncating=truncating)
    rows, columns = batch.ids.shape
    figure, (top, bottom) = plt.subplots(2, figsize=(6, 4))
    for row in range(rows):
        for column in range(columns):
            origin = batch.origin[row, column]
            box = dict(hatch="///", color="0.7") if origin < 0 else dict(color="tab:blue")
            top.add_patch(plt.Rectangle((column, row), 0.9, 0.9, fill=False, **box))
            word = str(batch.ids[row, column])
            top.text(column + 0.45, row + 0.45, word, ha="center", va="center")
            if masked:
                square = plt.Rectangle((column, row), 0.9, 0.9, fill=bool(origin >= 0))
                bottom.add_patch(square)
    for axes in (top, bottom):
        axes.set(xlim=(0, columns), ylim=(rows, 0), xticks=[], yticks=[])
    plt.show()


ipywidgets.interact(
    draw_figure,
    padding=ipywidgets.RadioButtons(options=["pre", "post"]),
    truncating=ipywidgets.RadioButtons(options=["pre", "post"]),
    masked=True,
);
"""
CELLS = [SETUP, *VIEWS, JOURNEY, LEAST, INTERACT]
CONTROLS = ".controls input, .head input, .stage .option input"

# One control after another is given another value, a slider the next one; each toggle ends with the
# frame that shows it.
TOGGLE = """
async (input, rest) => {
    await new Promise(resolve => setTimeout(resolve, rest));
    performance.mark("toggle begins");
    if (input.type === "checkbox" || input.type === "radio") input.click();
    else {
        input.value = input.valueAsNumber + (input.valueAsNumber % 2 ? 1 : -1);
        input.dispatchEvent(new Event("input"));
    }
    await new Promise(resolve => requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = resolve;
        port2.postMessage(null);
    }));
    performance.mark("toggle ends");
}
"""
# Milliseconds from the event to the end of the first frame that has the new picture. A task queued
# in requestAnimationFrame runs when the main thread has laid out and painted that frame.
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
SCRIPT = {"EventDispatch", "FunctionCall", "RunMicrotasks", "TimerFire", "FireAnimationFrame"}
RENDERING = {"UpdateLayoutTree", "Layout", "PrePaint", "Paint", "Layerize", "Commit"}


def _cell(page: Page, code: str) -> Locator:
    return page.locator(".jp-CodeCell").nth(CELLS.index(code)).locator(".jp-Cell-outputWrapper")


@contextmanager
def _trace(browser: Browser, page: Page) -> Iterator[list[dict[str, Any]]]:
    """Gives what the main thread of the page did, in order, when the block has ended."""
    events: list[dict[str, Any]] = []
    categories = ["devtools.timeline", "disabled-by-default-devtools.timeline", "blink.user_timing"]
    browser.start_tracing(page=page, categories=categories)
    yield events
    found = json.loads(browser.stop_tracing())["traceEvents"]
    marks = {(one["pid"], one["tid"]) for one in found if one["name"] == "toggle begins"}
    main = marks or {
        (one["pid"], one["tid"])
        for one in found
        if one["name"] == "thread_name" and one["args"]["name"] == "CrRendererMain"
    }
    own = [one for one in found if (one["pid"], one["tid"]) in main and "ts" in one]
    events.extend(sorted(own, key=lambda one: float(one["ts"])))


def _work(events: Sequence[dict[str, Any]]) -> float:
    """Milliseconds of script, style, layout and paint, counting what is nested once.

    It is the time that the thread itself ran, which other programs do not lengthen.
    """
    spent, end = 0.0, 0.0
    for event in events:
        if event["name"] in SCRIPT | RENDERING and event["ts"] >= end:
            spent += event.get("tdur", 0)
            end = event["ts"] + event.get("dur", 0)
    return spent / 1000


def _measure_work(browser: Browser, page: Page, views: Sequence[Locator]) -> list[float]:
    """Milliseconds of the main thread for each toggle."""
    controls = []
    for view in views:
        view.locator(".stage").first.wait_for()
        controls.append([one for one in view.locator(CONTROLS).all() if one.is_enabled()])
    times = []
    with _trace(browser, page) as events:
        for number in range(TOGGLES):
            given = controls[number % len(controls)]
            given[number // len(controls) % len(given)].evaluate(TOGGLE, AT_REST)
    since = None
    for place, event in enumerate(events):
        if event["name"] == "toggle begins":
            since = place
        elif event["name"] == "toggle ends" and since is not None:
            times.append(_work(events[since:place]))
            since = None
    return sorted(times)


def _measure_journey(browser: Browser, page: Page, view: Locator) -> float:
    """Milliseconds that the thread ran for the longest task while tokens travel."""
    view.scroll_into_view_if_needed()

    def travel() -> None:
        view.locator("button.play").click()
        view.locator("button.pause").wait_for()
        view.locator("button.play").wait_for()

    # At the first click in a cell, JupyterLab makes it the active one: 20 to 50 ms, whatever it is.
    travel()
    page.wait_for_timeout(AT_REST)
    with _trace(browser, page) as events:
        travel()
    return max(event.get("tdur", 0) / 1000 for event in events if event["name"] == "RunTask")


def _measure_clicks(page: Page, code: str, toggles: list[str], picture: str) -> list[float]:
    """Milliseconds from the event to the painted frame, for each click."""
    cell = _cell(page, code)
    cell.scroll_into_view_if_needed()
    cell.locator(picture).first.wait_for()
    chance, times = random.Random(0), []
    for number in range(CLICKS):
        control = cell.locator(toggles[number % len(toggles)])
        # Of two radio buttons the one that is not chosen.
        target = control.locator(":scope:not([type=radio]:checked)").first
        box = target.bounding_box()
        assert box is not None
        cell.evaluate(WATCH, picture)
        # At no fixed place between two frames, and after the tokens have moved to their places.
        page.wait_for_timeout(AT_REST + chance.uniform(0, 50))
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        times.append(page.evaluate("() => window.painted"))
    return sorted(times)


def _late(times: Sequence[float]) -> float:
    return times[int(0.95 * len(times))]


def _measure_site(path: str) -> list[Row]:
    """What toggles and a journey cost on a page of the site."""
    cells = [new_code_cell(code) for code in (SETUP, *VIEWS, JOURNEY)]
    book = new_notebook(cells=[new_markdown_cell("# Explorers"), *cells])
    book.metadata["kernelspec"] = {"display_name": "", "name": "python3", "language": "python"}
    with tempfile.TemporaryDirectory() as folder:
        execute(book, Path(folder))
        pages = render(Path(folder) / "site", {"explorers": book})
        with (
            served(pages) as address,
            sync_playwright() as playwright,
            playwright.chromium.launch(executable_path=path) as browser,
        ):
            page = browser.new_page(viewport=WINDOW)
            page.goto(f"{address}/explorers.html")
            *views, journey = page.locator(".masklens-live").all()
            print(f"explorers: {TOGGLES} toggles and a journey on the site", file=sys.stderr)
            work = _measure_work(browser, page, views)
            longest = _measure_journey(browser, page, journey)
    print(f"explorers: on the site work median {median(work):.1f} ms, most {work[-1]:.1f} ms")
    return [
        (f"site: work for a toggle, 95 % of {len(work)}, ms", _late(work), GOAL_WORK, "at most"),
        ("site: longest task on a journey, ms", longest, GOAL_TASK, "at most"),
    ]


def _measure_lab(path: str) -> list[Row]:
    """The same in JupyterLab, beside what a page there costs at least, and beside ipywidgets."""
    with (
        tempfile.TemporaryDirectory() as folder,
        lab(Path(folder), CELLS) as address,
        sync_playwright() as playwright,
    ):
        with playwright.chromium.launch(executable_path=path) as browser:
            page = browser.new_page(viewport=WINDOW)
            open_notebook(page, address)
            print(f"explorers: {TOGGLES} toggles and a journey in JupyterLab", file=sys.stderr)
            work = _measure_work(browser, page, [_cell(page, code) for code in VIEWS])
            least = _measure_work(browser, page, [_cell(page, LEAST)])
            longest = _measure_journey(browser, page, _cell(page, JOURNEY))
        with playwright.chromium.launch(executable_path=path, args=NO_LIMIT) as browser:
            page = browser.new_page(viewport=WINDOW)
            open_notebook(page, address)
            print(f"explorers: {CLICKS} clicks each", file=sys.stderr)
            radios = [f".widget-radio-box >> nth={place} >> input" for place in (0, 1)]
            controls = [f"[data-name={name}] input" for name in ("padding", "truncating", "mask")]
            theirs = _measure_clicks(page, INTERACT, [*radios, ".widget-checkbox input"], "img")
            ours = _measure_clicks(page, VIEWS[0], controls, ".stage")
            bare = _measure_clicks(page, LEAST, [".controls input"], ".stage")
    print(
        f"explorers: in JupyterLab work median {median(work):.1f} ms, most {work[-1]:.1f} ms; of a "
        f"switch that changes one number {median(least):.1f} ms, 95 % {_late(least):.1f} ms. Event "
        f"to painted: {median(ours):.1f} ms, that switch {median(bare):.1f} ms, interact and "
        f"matplotlib {median(theirs):.1f} ms"
    )
    return [
        (f"Lab: work for a toggle, 95 % of {len(work)}, ms", _late(work), GOAL_WORK, "at most"),
        ("Lab: longest task on a journey, ms", longest, GOAL_TASK, "at most"),
        ("Lab: times as fast as interact", median(theirs) / median(ours), GOAL_RATIO, "at least"),
    ]


def _measure_making() -> list[Row]:
    rows = []
    for name, make in EXPLORERS.items():
        make()
        start = perf_counter()
        explorer = make()
        seconds = perf_counter() - start
        state = len(json.dumps(dependency_state([explorer], drop_defaults=False)).encode())
        rows.append((f"{name}: saved, bytes", state, GOAL_STATE, "at most"))
        rows.append((f"{name}: made, seconds", seconds, GOAL_SECONDS, "at most"))
    front_end = (module() + style(FRONT_END / "explorer.css")).encode()
    rows.append(("front end, bytes", len(front_end), GOAL_SHARED, "at most"))
    packed = len(gzip.compress(front_end, 9))
    rows.append(("front end compressed, bytes", packed, GOAL_PACKED, "at most"))
    return rows


def measure_explorers() -> bool:
    found = _measure_making()
    path = find_program()
    if path is None:
        print(f"\nLeft out: the work of a toggle, {NO_BROWSER}")
    else:
        found += _measure_site(path) + _measure_lab(path)
    rows, all_met = [], True
    for name, figure, goal, bound in found:
        met = figure <= goal if bound == "at most" else figure >= goal
        all_met &= met
        shown = f"{figure:,}" if isinstance(figure, int) else f"{figure:.2f}"
        rows.append([name, shown, f"{bound} {goal:,}", verdict(met)])
    print_table("Explorers", ["", "figure", "goal", "verdict"], rows)
    return all_met


if __name__ == "__main__":
    sys.exit(not measure_explorers())
