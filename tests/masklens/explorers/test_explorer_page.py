"""The explorers on a web page: no kernel, no network; over http and from a file."""

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import Shown, Watch
from drawn import (
    MADE,
    NASTY,
    TRIES,
    add_layer,
    built,
    check_padding,
    check_stack,
    read_stack,
    read_stops,
)
from nbformat import NotebookNode
from playwright.sync_api import Browser, Page, expect
from static_page import WIDGET_VIEW, purified, render, served, text_outputs

pytestmark = pytest.mark.slow

LIVE = ".masklens-live"
NAMES = list(MADE)


@dataclass(frozen=True)
class Opened:
    """A page with explorers, and what must not happen on it."""

    page: Page
    watch: Watch

    def __getitem__(self, name: str) -> Shown:
        """An explorer by its name, once all of them live."""
        live = self.page.locator(LIVE)
        expect(live).to_have_count(len(NAMES))
        return Shown(live.nth(NAMES.index(name)))


@contextmanager
def opened(browser: Browser, address: str, **settings: Any) -> Iterator[Opened]:
    """Opens a page without network; when it is closed, nothing must have gone wrong on it."""
    watch = Watch()
    with browser.new_context(**{"reduced_motion": "reduce", **settings}) as context:
        page = context.new_page()
        watch.attend(page)
        page.on(
            "console",
            lambda said: (
                said.type == "error" and watch.errors.append(f"{said.text} {said.location['url']}")
            ),
        )
        page.add_init_script(_WATCH_SHIFTS)
        page.goto(address)
        yield Opened(page, watch)
    assert watch == Watch()


# Of what is written on a page; a theme may move its own buttons.
_WATCH_SHIFTS = """window.shifts = [];
new PerformanceObserver(list => {
    for (const { value, sources } of list.getEntries()) {
        const nodes = sources.map(({ node }) => node?.closest?.("article section, .cell_output *"));
        if (nodes.some(Boolean)) shifts.push([value, ...nodes.map(node => node?.className)]);
    }
}).observe({ type: "layout-shift", buffered: true });"""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    return built(tmp_path_factory)


def bare(book: NotebookNode) -> NotebookNode:
    """A notebook of which a page shows no picture, as of any other widget."""
    new = copy.deepcopy(book)
    for output in (output for cell in new.cells for output in cell.get("outputs", [])):
        if WIDGET_VIEW in output.get("data", {}):
            output.data.pop("text/html", None)
    return new


@pytest.fixture(scope="module")
def pages(book: NotebookNode, tmp_path_factory: pytest.TempPathFactory) -> Path:
    course = copy.deepcopy(book)
    # Under a title that is as nasty as a token.
    course.cells[0] = nbformat.v4.new_markdown_cell(f"# `{NASTY}`\n\n## Explorers", id="title")
    return render(tmp_path_factory.mktemp("site"), {"course": course, "bare": bare(course)})


@pytest.fixture(scope="module")
def site(pages: Path) -> Iterator[str]:
    """The address of a site that prefers pictures, in a theme with a dark mode."""
    with served(pages) as address:
        yield address


@pytest.fixture(scope="module", params=["http", "file, bare"])
def page(
    request: pytest.FixtureRequest, browser: Browser, site: str, pages: Path
) -> Iterator[Opened]:
    address = f"{site}/course.html" if request.param == "http" else f"{pages.as_uri()}/bare.html"
    with opened(browser, address) as shared:
        yield shared


@pytest.mark.parametrize("name", TRIES)
def test_what_is_drawn_is_what_keras_computes(page: Opened, name: str) -> None:
    is_file = page.page.url.startswith("file")
    rng = np.random.default_rng([7, NAMES.index(name), is_file])
    for _ in range(3 if is_file else 30):
        TRIES[name](page[name], rng)
    assert page.page.locator("img").count() == 0


OTHER = "This explorer was saved by another version of masklens. Run its cell again."
DAMAGED = "This explorer cannot be shown: {} was changed. Run its cell again."
# What an explorer may have been saved as, and what it says beside its picture.
CHANGES = [
    (r"data-model=", r"data-model=0", ""),
    (r'"_esm":', r'"esm":', ""),
    (r'"front_end": "', r'"front_end": "0', ""),
    (r"\"version\":2", r"\"version\":1", OTHER),
    (r"\"view\":\"padding\"", r"\"view\":\"constructor\"", OTHER),
    (r'"data": "{', r'"data": "', OTHER),
    (r"\"padding\":\"pre\"", r"\"padding\":\"<b>\"", DAMAGED.format("padding")),
    (r"\"maxlen\":null", r"\"maxlen\":1e9", DAMAGED.format("maxlen")),
    (r"\"sentences\":[", r"\"sentences\":[1,", DAMAGED.format("sentences")),
    (r'"settings": "{', r'"settings": "', DAMAGED.format("sentences")),
]


@pytest.mark.parametrize(("saved", "changed", "said"), CHANGES)
def test_what_cannot_be_shown_keeps_its_picture_and_says_what_to_do(
    browser: Browser, site: str, pages: Path, saved: str, changed: str, said: str
) -> None:
    text = (pages / "course.html").read_text(encoding="utf-8")
    assert saved in text
    (pages / "changed.html").write_text(text.replace(saved, changed), encoding="utf-8")
    with opened(browser, f"{site}/changed.html") as page:
        expect(page.page.locator("[data-live]")).to_have_count(len(NAMES))
        place = page.page.locator("[data-model]").first
        expect(place.locator("td").get_by_text("world", exact=True).first).to_be_visible()
        assert place.get_by_role("alert").all_inner_texts() == [said] * bool(said)


def test_another_widget_is_left_alone(browser: Browser, site: str, page: Opened) -> None:
    address = page.page.url
    with opened(browser, address, java_script_enabled=False) as still:
        before = [one.inner_html() for one in still.page.locator(".cell_output").all()[-2:]]
    assert page["worse"].root.is_visible()
    assert [one.inner_html() for one in page.page.locator(".cell_output").all()[-2:]] == before
    assert all("model_id" in one for one in before)


def test_without_styles_and_scripts_the_pictures_can_be_read(
    browser: Browser, site: str, book: NotebookNode
) -> None:
    with opened(browser, f"{site}/course.html", java_script_enabled=False) as page:
        expect(page.page.locator(LIVE)).to_have_count(0)
        for picture in page.page.locator(".masklens-explorer").all():
            expect(picture.locator("td, th").first).to_be_visible()
        said = []
        for html in map(purified, text_outputs(book)[: len(NAMES)]):
            assert not re.search("<[^>]*(style|script|class|src)", html)
            page.page.set_content(html)
            said.append(page.page.locator("body").inner_text())
    padding, stack, _answer, timesteps, *_ = said
    for token in (NASTY, "world", "today", "<b>", "0 pad"):
        assert token in padding
    assert re.findall("[■□]", padding)[-15:] == list("□□■■■■■■■■□□□□■")
    for words in ("embedding", "makes the mask", "lstm", "padded to 8"):
        assert words in stack
    assert "with the mask" in timesteps and "without the mask" in timesteps


@pytest.mark.parametrize(
    ("theme", "width"), [("light", 360), ("light", 1200), ("dark", 360), ("dark", 1200)]
)
def test_axe_finds_nothing_to_object_to(
    browser: Browser, site: str, theme: str, width: int
) -> None:
    size = {"width": width, "height": 900}
    with opened(browser, f"{site}/course.html", viewport=size, color_scheme=theme) as page:
        page["padding"].choose(value=3, predict=True)  # a question; that of "worse" is answered
        page["worse"].root.locator(".options button").first.click()
        page["stack"].root.get_by_role("button", name="Add a layer: Conv1D").click()
        page["stack"].root.locator("summary").click()
        page["answer"].choose(mask=False)
        page.page.evaluate("theme => document.body.dataset.theme = theme", theme)
        found = Axe().run(page.page, context=LIVE).response["violations"]
        assert [
            f"{one['id']}: {node['html'][:150]}: {node['failureSummary']}"
            for one in found
            for node in one["nodes"]
        ] == []
        # Nothing of an explorer makes the page wider than the screen.
        wide = f"all => all.filter(one => one.scrollWidth > {width - 20}).length"
        assert page.page.locator(LIVE).evaluate_all(wide) == 0


def reset_stack(shown: Shown, *layers: str) -> None:
    """Builds a stack of an Embedding and these layers, and goes to its end."""
    shown.choose(predict=False)
    while (away := shown.root.get_by_role("button", name="Remove this layer")).count():
        away.last.click()
    shown.root.locator(".option input").first.check()
    for layer in layers:
        add_layer(shown, layer)
    shown.root.get_by_label("step", exact=True).fill("99")


def types(shown: Shown) -> list[str]:
    return [layer["type"] for layer in read_stack(shown)]


def test_there_is_room_for_twelve_layers_and_sixty_words(page: Opened) -> None:
    shown = page["stack"]
    reset_stack(shown, *["LayerNormalization"] * 10, "LSTM")
    assert len(types(shown)) == 12
    assert all(one.is_disabled() for one in shown.root.locator(".palette button").all())
    sentence = " ".join(map(str, range(75)))
    shown.write(sentence)
    shown.choose(maxlen=12)
    assert check_stack(shown, [sentence])


def test_keys_and_mouse_move_and_remove_layers(browser: Browser, site: str) -> None:
    with opened(browser, f"{site}/course.html") as page:
        shown, mouse = page["stack"], page.page.mouse
        reset_stack(shown, "Dense", "Dropout", "Conv1D")
        handles = shown.root.get_by_role("button", name=re.compile("^Move this layer"))
        handles.nth(2).press("ArrowUp")
        for _ in range(2):  # the Embedding stays the first
            page.page.keyboard.press("ArrowUp")
        assert types(shown) == ["Embedding", "Conv1D", "Dense", "Dropout"]
        expect(handles.first).to_be_focused()
        handles.first.hover()
        mouse.down()
        last = shown.root.locator(".card").nth(3).bounding_box()
        assert last is not None
        for part in (0.3, 0.6, 1.0):
            mouse.move(last["x"] + 9, last["y"] + last["height"] * part + 30)
        mouse.up()
        assert types(shown) == ["Embedding", "Dense", "Dropout", "Conv1D"]
        handles.nth(1).press("Delete")
        assert types(shown) == ["Embedding", "Dense", "Conv1D"]
        expect(handles.nth(1)).to_be_focused()


# Which control has the focus, of those that one sees, and whether one sees that it has it.
FOCUS = """root => {
    const reached = one => one.checkVisibility({ visibilityProperty: true })
        && !one.disabled && !(one.type === "radio" && !one.checked);
    const all = [...root.querySelectorAll("input, button, summary, .stage > .rows")];
    const at = document.activeElement;
    const seen = [at, at.closest("label") ?? at, at.nextElementSibling ?? at].some(one =>
        getComputedStyle(one).outlineStyle !== "none");
    return [all.filter(reached).indexOf(at), all.filter(reached).length, seen];
}"""


def test_the_tab_key_visits_every_control_once_and_in_order(browser: Browser, site: str) -> None:
    with opened(browser, f"{site}/course.html") as page:
        for name in NAMES:
            root = page[name].root
            root.evaluate("root => { root.tabIndex = -1; root.focus(); }")
            _at, count, _seen = root.evaluate(FOCUS)
            for place in range(count):
                page.page.keyboard.press("Tab")
                assert root.evaluate(FOCUS) == [place, count, True], name
            page.page.keyboard.press("Tab")
            assert not root.evaluate("root => root.contains(document.activeElement)")


@pytest.mark.parametrize("name", ["stack", "timesteps", "own"])
def test_it_plays_pauses_and_is_moved_by_hand(browser: Browser, site: str, name: str) -> None:
    with opened(browser, f"{site}/course.html") as page:
        shown, keys = page[name], page.page.keyboard
        page.page.clock.install()
        step, at = shown.root.get_by_label("step", exact=True), lambda: int(step.input_value())
        last = int(step.get_attribute("max") or 0)
        step.fill("0")
        shown.root.get_by_role("button", name="Play", exact=True).press("Enter")
        expect(shown.root.get_by_role("button", name="Pause")).to_be_focused()
        page.page.clock.run_for(1000)
        assert 0 < at() <= last
        keys.press("Space")
        expect(shown.root.get_by_role("button", name="Play", exact=True)).to_be_focused()
        paused = at()
        page.page.clock.run_for(60_000)
        assert at() == paused
        keys.press("Enter")
        page.page.clock.run_for(60_000)
        assert at() == last
        expect(shown.root.get_by_role("button", name="Play", exact=True)).to_be_focused()
        on = shown.root.get_by_role("button", name="One step on")
        assert on.get_attribute("aria-disabled") == "true"
        shown.root.get_by_role("button", name="One step back").click()
        assert at() == last - 1
        on.press("Space")
        assert at() == last


# The right answer to each question about "one two" with so many timesteps of padding.
RIGHT = {"padding": "{}", "stack": "nowhere", "answer": "it stays", "timesteps": "{}"}


@pytest.mark.parametrize("name", RIGHT)
def test_a_question_hides_the_picture_until_something_is_chosen(page: Opened, name: str) -> None:
    shown, covered = page[name], page[name].root.locator("[inert]")
    if name == "stack":
        reset_stack(shown, "LSTM")
    given = {"mask": True, "value": 0}
    shown.choose(**{one: given[one] for one in given if one in shown.choices()})
    shown.write("one two")
    for count, text in ((3, "Right."), (4, "Not quite: the answer is {}.")):
        shown.choose(maxlen=count if name == "answer" else count + 2, predict=True)
        right = RIGHT[name].format(count)
        expect(covered).to_have_count(1)
        expect(covered.locator(":visible")).to_have_count(0)
        assert shown.said() == ""
        options = shown.root.locator(".predict button")
        which = {"has_text": re.compile(f"^{right}$")}
        expect(options.filter(**which)).to_have_count(1)
        if text != "Right.":
            which = {"has_not_text": which["has_text"]}
        options.filter(**which).first.click()
        told = shown.root.locator(".predict [role=status]").inner_text()
        assert told == text.format(right)
        expect(covered).to_have_count(0)
        shown.choose(predict=False)
        assert shown.root.locator(".predict").is_hidden()


@pytest.mark.parametrize("name", ["padding", "stack"])
def test_copying_gives_the_code_that_is_shown(page: Opened, name: str) -> None:
    shown = page[name]
    if shown.root.locator("details:not([open])").count():
        shown.root.locator("summary").click()
    shown.root.get_by_role("button", name="Copy").press("Enter")
    expect(shown.root.get_by_role("button", name="Cop").first).to_have_text("Copied")
    page.page.evaluate("document.body.prepend(document.createElement('textarea'))")
    paper = page.page.locator("textarea").first
    paper.focus()
    page.page.keyboard.press("Control+V")
    # That it runs, and does what is drawn, is tested above.
    assert paper.input_value() == shown.root.locator("pre").text_content()


def test_with_reduced_motion_nothing_moves_and_nothing_is_missing(
    browser: Browser, site: str
) -> None:
    seen = []
    for motion in ("reduce", "no-preference"):
        with opened(browser, f"{site}/course.html", reduced_motion=motion) as page:
            running = "document.getAnimations().filter(one => one.playState === 'running').length"
            shown, counts = page["stack"], []
            reset_stack(shown, "Conv1D", "Shift", "LSTM")
            for step in range(6):
                shown.root.get_by_label("step", exact=True).fill(str(step))
                counts.append(page.page.evaluate(running))
            page["padding"].choose(padding="post")
            counts.append(page.page.evaluate(running))
            page.page.wait_for_function("document.getAnimations().length === 0")
            seen.append((read_stops(shown), page["padding"].rows(), shown.gauges()))
            assert (sum(counts) == 0) == (motion == "reduce")
    assert seen[0] == seen[1]


# What moves each kind of control to its ends, or through all that it can be.
KEYS = {
    "range": ["Home", "End"],
    "number": ["ArrowUp", "7"],
    "checkbox": ["Space", "Space"],
    "radio": ["Space", "ArrowRight"],
    "button": ["Enter"],
}
VALUES = (
    "root => JSON.stringify([...root.querySelectorAll('input')].map(x => [x.value, x.checked]))"
)
HEIGHT = "root => root.getBoundingClientRect().height"


@pytest.mark.parametrize("width", [1280, 390])
def test_keys_work_every_control_and_nothing_jumps(browser: Browser, site: str, width: int) -> None:
    size = {"width": width, "height": 900}
    with opened(browser, f"{site}/course.html", viewport=size) as page:
        for name in NAMES:
            page[name].root.scroll_into_view_if_needed()
        assert page.page.evaluate("window.shifts") == []
        for name in TRIES:
            root = page[name].root
            before = root.evaluate(HEIGHT)
            for control in root.locator(".controls input, .stage input, .player button").all():
                kind, seen = str(control.get_attribute("type")), {root.evaluate(VALUES)}
                for key in KEYS[kind]:
                    control.press(key)
                    seen.add(root.evaluate(VALUES))
                    assert root.evaluate(HEIGHT) == before, (name, control, key)
                assert kind == "button" or len(seen) > 1, (name, control)
        check_padding(page["padding"], page["padding"].sentences())
        check_stack(page["stack"], page["stack"].sentences())
        page.page.evaluate("window.shifts = []")
        switch = page["padding"].control("mask").locator("input")
        for _ in range(30):
            # No click: what moves after one is not counted as a shift.
            switch.evaluate("one => one.click()")
        page.page.evaluate("() => new Promise(done => setTimeout(done, 100))")
        assert page.page.evaluate("window.shifts") == []
