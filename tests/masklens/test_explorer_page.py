"""Explorers on a web page: no kernel, no network, no CDN; with scripts, and without."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import Shown, Watch
from nbformat import NotebookNode
from playwright.sync_api import Browser, Page, expect
from static_page import (
    WIDGET_VIEW,
    purified,
    render,
    saved_states,
    served,
    shown_models,
    text_outputs,
)

# The tests hold on pages as they do in JupyterLab: they run here too, with this module's notebook.
from test_explorer_lab import (  # noqa: F401
    NASTY,
    WORSE,
    built,
    few,
    same,
    test_models_of_ones_own_are_traced_alike,
    test_padding_is_what_keras_pads_and_masks,
    test_propagation_is_that_of_the_layers_behind_each_other,
    test_timesteps_grow_as_the_layer_gives_them_out,
    test_what_is_asked_stays_hidden_until_it_is_revealed,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:The padding value 0 also occurs"),
]

LIVE = ".masklens-live"
NAMES = "padding", "propagation", "own", "timesteps", "predict", "worse"

# What an explorer of an older version may have saved: another module, and data of its own.
OLDER_MODULE = """\
export default {
  render({ model, el }) {
    const line = document.createElement("p");
    line.textContent = `older: ${model.get("grid").words}`;
    el.replaceChildren(line);
  },
};
"""


@dataclass(frozen=True)
class Opened:
    """A page with explorers."""

    page: Page
    watch: Watch

    def explorer(self, place: int) -> Shown:
        """The explorer that a cell of the notebook shows, once all of them live."""
        live = self.page.locator(LIVE)
        expect(live).to_have_count(len(NAMES))
        return Shown(live.nth(place - 1))

    def __getitem__(self, name: str) -> Shown:
        """An explorer by its name."""
        return self.explorer(NAMES.index(name) + 1)


@dataclass(frozen=True)
class Site:
    """Rendered notebooks, at an address, all with the same end of their names."""

    address: str
    ending: str = ""

    @contextmanager
    def open(self, browser: Browser, name: str = "course", **settings: Any) -> Iterator[Opened]:
        """Opens a page without network; when it is closed, nothing must have gone wrong on it."""
        watch = Watch()
        with browser.new_context(reduced_motion="reduce", **settings) as context:
            page = context.new_page()
            watch.attend(page)
            page.on("console", lambda said: said.type == "error" and watch.errors.append(said.text))
            page.goto(f"{self.address}/{name}{self.ending}.html")
            yield Opened(page, watch)
        assert watch == Watch()


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    """A notebook of explorers, of widgets that are none, and last of a small explorer."""
    return built(tmp_path_factory)


def titled(book: NotebookNode, cells: slice) -> NotebookNode:
    """A copy of a notebook with some of its cells, under a title that is as nasty as a token."""
    new = copy.deepcopy(book)
    title = nbformat.v4.new_markdown_cell(f"# `{NASTY}`", id="title")
    new.cells = [title, *new.cells[cells]]
    return new


Change = Callable[[dict[str, Any]], None]


def with_state(**values: Any) -> Change:
    return lambda model: model["state"].update(values)


CHANGES: dict[str, Change] = {
    "older": with_state(_esm=OLDER_MODULE, grid={"version": 0, "words": "<b>still</b> here"}),
    "missing": lambda model: model.clear(),
    "no module": lambda model: model["state"].pop("_esm"),
    "broken module": with_state(_esm="export default {"),
    "version 0": with_state(grid='{"version": 0, "states": []}'),
    "version 99": with_state(grid='{"version": 99, "states": {}}'),
    "no version": with_state(grid="{}"),
    "no JSON": with_state(grid="{"),
    "no text": with_state(grid={"version": 1}),
    "no grid": with_state(grid=None),
    "as it was": lambda model: None,
}
LIVELY = "older", "as it was"


def changed(book: NotebookNode) -> NotebookNode:
    """A notebook that shows the small explorer again and again, each saved in another way."""
    new = titled(book, slice(-1, None))
    states, [shown] = saved_states(new), shown_models(new)
    cell = new.cells.pop()
    for place, change in enumerate(CHANGES.values()):
        model, model_id = copy.deepcopy(states[shown]), f"{shown}-{place}"
        change(model)
        if model:
            states[model_id] = model
        new.cells.append(nbformat.from_dict(json.loads(json.dumps(cell).replace(shown, model_id))))
        new.cells[-1].id = f"small-{place}"
    return new


def bare(book: NotebookNode) -> NotebookNode:
    """A notebook of which a page shows no picture, as of any other widget."""
    new = copy.deepcopy(book)
    for output in (output for cell in new.cells for output in cell.get("outputs", [])):
        if WIDGET_VIEW in output.get("data", {}):
            output.data.pop("text/html", None)
    return new


@pytest.fixture(scope="module")
def pages(book: NotebookNode, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site that prefers pictures, in a theme with a dark mode."""
    books = {"course": titled(book, slice(-1)), "changed": changed(book)}
    books |= {f"{name}-bare": bare(one) for name, one in books.items()}
    return render(tmp_path_factory.mktemp("site"), books)


@pytest.fixture(scope="module")
def site_at(pages: Path) -> Iterator[Callable[[str], Site]]:
    """The site over http or from a file, with the pictures or, as "bare", without."""
    with served(pages) as http:
        sites = {
            "http": Site(http),
            "file": Site(pages.as_uri()),
            "http, bare": Site(http, "-bare"),
            "file, bare": Site(pages.as_uri(), "-bare"),
        }
        yield sites.__getitem__


@pytest.fixture(scope="module")
def site(site_at: Callable[[str], Site]) -> Site:
    return site_at("http")


@pytest.fixture(scope="module", params=["http", "file", "http, bare", "file, bare"])
def any_site(request: pytest.FixtureRequest, site_at: Callable[[str], Site]) -> Site:
    return site_at(request.param)


@pytest.fixture(scope="module", params=["http", "file, bare"])
def notebook(
    request: pytest.FixtureRequest, browser: Browser, site_at: Callable[[str], Site]
) -> Iterator[Opened]:
    """What the tests work that also hold in JupyterLab."""
    with site_at(request.param).open(browser) as opened:
        yield opened


@pytest.fixture(scope="module")
def anywhere(browser: Browser, any_site: Site) -> Iterator[Opened]:
    """A page of each site, for tests that set what they look at."""
    with any_site.open(browser) as opened:
        yield opened


def test_another_widget_is_left_alone(browser: Browser, any_site: Site, anywhere: Opened) -> None:
    def others(page: Page) -> list[str]:
        return [output.inner_html() for output in page.locator(".cell_output").all()[-2:]]

    with any_site.open(browser, java_script_enabled=False) as opened:
        before = others(opened.page)
        assert all("model_id" in output for output in before)
    assert anywhere["worse"].root.is_visible()
    assert others(anywhere.page) == before


def test_a_notebook_of_an_older_version_shows_itself_in_its_own_way(
    browser: Browser, any_site: Site
) -> None:
    with any_site.open(browser, "changed") as opened:
        expect(opened.page.get_by_text("older: <b>still</b> here", exact=True)).to_be_visible()
        expect(opened.page.locator(LIVE)).to_have_count(1)


@pytest.fixture(scope="module")
def outcomes(browser: Browser, site: Site) -> dict[str, tuple[str, str]]:
    """What a page shows of the changed explorers, first without scripts, then with them."""
    shown = []
    for scripts in (False, True):
        with site.open(browser, "changed", java_script_enabled=scripts) as opened:
            expect(opened.page.locator(LIVE)).to_have_count(int(scripts))
            places = opened.page.locator(".cell_output").all()
            shown.append([place.locator("[data-model]").inner_html() for place in places])
    return dict(zip(CHANGES, zip(*shown, strict=True), strict=True))


@pytest.mark.parametrize("name", [name for name in CHANGES if name not in LIVELY])
def test_what_cannot_come_to_life_keeps_its_picture(
    outcomes: dict[str, tuple[str, str]], name: str
) -> None:
    before, after = outcomes[name]
    assert '<td class="t">two</td>' in before
    assert after == before


def test_without_scripts_the_picture_is_there(browser: Browser, site: Site) -> None:
    with site.open(browser, java_script_enabled=False) as opened:
        expect(opened.page.locator(LIVE)).to_have_count(0)
        first = opened.page.locator(".masklens-explorer").first
        for token in (NASTY, "world", "today", "<b>", "pad"):
            expect(first.locator("td").get_by_text(token, exact=True).first).to_be_visible()
        # Of the 3 x 5 timesteps, 5 are padding, and <b> has the id 0.
        expect(first.get_by_label("True", exact=True)).to_have_count(9)
        expect(first.get_by_label("False", exact=True)).to_have_count(6)


def test_where_styles_and_scripts_are_stripped_the_pictures_can_be_read(
    browser: Browser, book: NotebookNode
) -> None:
    pictures = [purified(html) for html in text_outputs(book)]
    assert not any(re.search("<[^>]*(style|script|class|src)", html) for html in pictures)
    page = browser.new_page(java_script_enabled=False)
    said = []
    for html in pictures:
        page.set_content(html)
        said.append(page.locator("body").inner_text())
    page.close()
    padding, propagation, _own, timesteps = said[:4]
    for token in (NASTY, "world", "today", "<b>"):
        assert token in padding
    assert padding.count("0 pad") == 5
    # Batch down and time to the right, and before them the legend.
    mask = re.findall("[■□]", padding)
    assert "".join(mask[-15:]) == "□□■■■■■■■■□□□□■"
    for words in ("embedding", "makes the mask", "lstm", "mask (3, 5), True per sequence: 3, 5, 1"):
        assert words in propagation or words in pictures[1]
    for words in ("unit 0", "with the mask", "without the mask", "pad"):
        assert words in timesteps


THEMES = {"light": ("light", "light"), "dark": ("dark", "light"), "auto": ("auto", "dark")}


@pytest.mark.parametrize(
    ("theme", "width"),
    [("light", 360), ("light", 1200), ("dark", 360), ("auto", 1200)],
)
def test_axe_finds_nothing_to_object_to(
    browser: Browser, site: Site, theme: str, width: int
) -> None:
    chosen, system = THEMES[theme]
    size = {"width": width, "height": 900}
    with site.open(browser, viewport=size, color_scheme=system) as opened:
        opened.page.evaluate("theme => document.body.dataset.theme = theme", chosen)
        # One question is open, and one is answered: the padding marked at a token, and not found.
        assert opened["predict"].root.locator(".ask").is_visible()
        answered = opened["worse"]
        answered.root.get_by_role("button", name="1", exact=True).click()
        answered.root.get_by_role("button", name="Show the answer").click()
        assert "1 of 3 right" in answered.said()
        opened["timesteps"].choose(step="2")
        opened["propagation"].choose(middle="Flatten")
        assert violations(opened.page) == []
        # Nothing of an explorer makes the page wider than the screen.
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong within the explorers, with the elements."""
    found = Axe().run(page, context=LIVE).response["violations"]
    return [
        f"{one['id']}: {node['html'][:150]}: {node['failureSummary']}"
        for one in found
        for node in one["nodes"]
    ]


def test_a_token_is_text_everywhere(anywhere: Opened) -> None:
    opened = anywhere
    page, worse = opened.page, opened["worse"].root
    expect(page).to_have_title(re.compile(re.escape(NASTY)))
    assert WORSE[0][:20] in worse.locator(".ask").inner_text()
    worse.get_by_role("button", name="Show the answer").click()
    for token in WORSE:
        expect(worse.locator("td.t").get_by_text(token, exact=True)).to_be_visible()
    tokens = opened["padding"].root.locator("td.t")
    expect(tokens.get_by_text(NASTY, exact=True)).to_be_visible()
    opened["own"].choose(model="loser")
    expect(opened["own"].root.get_by_text(NASTY, exact=True).first).to_be_visible()
    assert page.locator("img[src=x]").count() == 0


# What has the focus: its button or control, whether one sees that it has, and if it is ours.
FOCUS = """root => {
    const at = document.activeElement;
    const name = at.getAttribute("aria-label") ?? (at.labels?.[0] ?? at).textContent;
    const axis = at.matches("button") ? null : at.closest("[data-axis]")?.dataset.axis;
    const style = getComputedStyle(at);
    const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    return [axis ?? name, seen, root.contains(at)];
}"""


def tab_stops(shown: Shown) -> Iterator[str]:
    """Presses the Tab key, and says what it visits within an explorer from its beginning on."""
    shown.root.evaluate("root => { root.tabIndex = -1; root.focus(); }")
    for _ in range(50):
        shown.root.page.keyboard.press("Tab")
        name, seen, inside = shown.root.evaluate(FOCUS)
        if not inside:
            return
        assert seen, f"one does not see that {name} has the focus"
        yield name
    raise AssertionError("the Tab key never leaves the explorer")


def press(shown: Shown, control: str, *keys: str) -> None:
    """Goes to a control or button with the Tab key alone, and presses other keys there."""
    for name in tab_stops(shown):
        if name == control:
            break
    else:
        raise AssertionError(f"the Tab key does not lead to {control}")
    for key in keys:
        shown.root.page.keyboard.press(key)


def test_the_tab_key_visits_every_control_once_and_in_order(browser: Browser, site: Site) -> None:
    with site.open(browser) as opened:
        stops = {name: list(tab_stops(opened[name])) for name in NAMES}
    ask, picture = "Predict first", "picture"
    axes = ["padding", "truncating", "maxlen", "value", "mask"]
    assert stops["padding"] == [ask, *axes, picture, "Copy"]
    assert stops["propagation"] == [ask, "mask_zero", "middle", "padding", picture, picture, "Copy"]
    player = ["One step back", "Play", "One step on"]
    assert stops["timesteps"] == [ask, "row", "direction", *player, "step", picture]
    # Of the question's buttons the Tab key visits one, and the arrow keys the others.
    assert stops["worse"] == [ask, *axes, "0", "Show the answer"]


# For each control of an explorer: keys, and what they set.
KEYS = [
    ("padding", "padding", ["ArrowRight"], "post"),
    ("padding", "padding", ["ArrowRight"], "pre"),
    ("padding", "truncating", ["ArrowDown"], "post"),
    ("padding", "maxlen", ["ArrowLeft"], "2"),
    ("padding", "maxlen", ["End"], "5"),
    ("padding", "value", ["ArrowRight"], "4 (are)"),
    ("padding", "mask", ["Space"], False),
    ("padding", "mask", ["Space"], True),
    ("propagation", "middle", ["ArrowDown", "ArrowDown"], "Flatten"),
    ("propagation", "mask_zero", ["Space"], False),
    ("propagation", "padding", ["ArrowLeft"], "pre"),
    ("timesteps", "step", ["ArrowRight", "ArrowRight"], "2"),
    ("timesteps", "direction", ["ArrowRight"], "backward"),
    ("timesteps", "step", ["ArrowUp"], "3"),
    ("timesteps", "One step on", ["Enter"], "4"),
    ("timesteps", "One step back", ["Enter", "Space"], "2"),
]


def test_keys_do_what_the_mouse_does(browser: Browser, site: Site) -> None:
    with site.open(browser) as by_keys, site.open(browser) as by_mouse:
        for name, control, pressed, expected in KEYS:
            keys, mouse = by_keys[name], by_mouse[name]
            before = picture(keys)
            press(keys, control, *pressed)
            axis = "step" if control.startswith("One") else control
            assert keys.chosen(axis) == expected
            mouse.choose(**{axis: expected})
            assert picture(keys) == picture(mouse) != before
            assert keys.said() == mouse.said()


def picture(shown: Shown) -> str:
    return str(shown.root.locator(".stage").inner_html())


def test_keys_play_and_pause(browser: Browser, site: Site) -> None:
    with site.open(browser) as opened:
        opened.page.clock.install()
        shown = opened["timesteps"]
        step, keys = shown.control("step"), opened.page.keyboard
        press(shown, "Play", "Space")
        expect(step.get_by_role("button", name="Pause")).to_be_focused()
        expect(step.locator("output")).to_have_text("1")
        keys.press("Space")
        expect(step.get_by_role("button", name="Play")).to_be_focused()
        said = shown.said()
        opened.page.clock.run_for(10_000)
        assert shown.said() == said
        # Started again it goes to the end, and stops there.
        keys.press("Enter")
        expect(step.get_by_role("button", name="Pause")).to_be_focused()
        expect(step.get_by_role("button", name="Play")).to_be_focused()
        assert shown.chosen("step") == "4"
        assert shown.said() != said


def test_keys_answer_a_question(browser: Browser, site: Site) -> None:
    with site.open(browser) as opened:
        shown, keys = opened["worse"], opened.page.keyboard
        assert shown.said() == "For which timesteps will the mask say False?"
        assert shown.tables() == []
        press(
            shown, "0", "Space", "ArrowRight", "Space", "ArrowRight", "Space", "ArrowLeft", "Space"
        )
        buttons = shown.root.locator(".ask button").all()
        pressed = [button.get_attribute("aria-pressed") for button in buttons]
        assert pressed == ["true", "false", "true"]
        keys.press("Tab")
        keys.press("Enter")
        # The padding stands before the two tokens.
        assert shown.said().startswith("2 of 3 right")
        assert [box.is_a("y") for box in shown.tables()[1][1][1:]] == [False, True, True]
        press(shown, "Predict first", "Space")
        press(shown, "padding", "ArrowRight")
        assert [box.is_a("y") for box in shown.tables()[1][1][1:]] == [True, True, False]


def test_keys_copy_code_that_runs(anywhere: Opened) -> None:
    opened = anywhere
    shown, page = opened["padding"], opened.page
    shown.choose(padding="post", truncating="post", maxlen="2", mask=False)
    press(shown, "Copy", "Enter")
    expect(shown.root.get_by_role("button", name="Copied")).to_be_visible()
    page.evaluate("document.body.prepend(document.createElement('textarea'))")
    paper = page.locator("textarea").first
    paper.focus()
    page.keyboard.press("Control+V")
    copied = paper.input_value()
    assert copied == shown.root.locator("pre").inner_text()
    names = {"keras": keras, "sequences": [[5, 8, 3], [9, 4, 7, 6, 2], [0, 11]]}
    exec(copied, names)
    assert names["padded"].tolist() == [[5, 8], [9, 4], [0, 11]]
    assert names["mask"] is None
