"""The explorers on a web page: no kernel, no network; over http and from a file."""

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
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import Shown, Watch
from drawn import (
    MADE,
    NASTY,
    TRIES,
    WORDS,
    built,
    check_padding,
    check_stack,
    read_stack,
    read_stops,
)
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


def titled(book: NotebookNode, cells: slice) -> NotebookNode:
    """A copy of a notebook with some of its cells, under a title that is as nasty as a token."""
    new = copy.deepcopy(book)
    title = nbformat.v4.new_markdown_cell(f"# `{NASTY}`\n\n## Explorers", id="title")
    new.cells = [title, *new.cells[cells]]
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
    course = titled(book, slice(1, None))
    books = {"course": course, "bare": bare(course), "changed": changed(book)}
    return render(tmp_path_factory.mktemp("site"), books)


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
    for _ in range(3 if is_file else 10):
        TRIES[name](page[name], rng)


Change = Callable[[dict[str, Any]], None]


def with_state(**values: Any) -> Change:
    return lambda model: model["state"].update(values)


def with_setting(**values: Any) -> Change:
    return lambda model: model["state"].update(
        settings=json.dumps(json.loads(model["state"]["settings"]) | values)
    )


def with_data(**values: Any) -> Change:
    return lambda model: model["state"].update(
        data=json.dumps(json.loads(model["state"]["data"]) | values)
    )


OTHER = "This explorer was saved by another version of masklens. Run its cell again."
DAMAGED = "This explorer cannot be shown: {} was changed. Run its cell again."
# What an explorer may have been saved as, and what it says beside its picture.
CHANGES: dict[str, tuple[Change, str]] = {
    "missing": (lambda model: model.clear(), ""),
    "no module": (lambda model: model["state"].pop("_esm"), ""),
    "no front end": (with_state(front_end="0"), ""),
    "version 1": (with_data(version=1), OTHER),
    "no view": (with_data(view="constructor"), OTHER),
    "no JSON": (with_state(data="{"), OTHER),
    "a side": (with_setting(padding="<b>"), DAMAGED.format("padding")),
    "a length": (with_setting(maxlen=1e9), DAMAGED.format("maxlen")),
    "sentences": (with_setting(sentences=[1]), DAMAGED.format("sentences")),
    "no settings": (with_state(settings="[]"), DAMAGED.format("sentences")),
}


def changed(book: NotebookNode) -> NotebookNode:
    """A notebook that shows one explorer again and again, each saved in another way."""
    new = titled(book, slice(1, 2))
    states, [shown] = saved_states(new), shown_models(new)
    cell = new.cells.pop()
    for place, (change, _said) in enumerate(CHANGES.values()):
        model, model_id = copy.deepcopy(states[shown]), f"{shown}-{place}"
        change(model)
        if model:
            states[model_id] = model
        new.cells.append(nbformat.from_dict(json.loads(json.dumps(cell).replace(shown, model_id))))
        new.cells[-1].id = f"changed-{place}"
    return new


def test_what_cannot_be_shown_keeps_its_picture_and_says_what_to_do(
    browser: Browser, site: str
) -> None:
    with opened(browser, f"{site}/changed.html") as page:
        places = page.page.locator("[data-model]")
        expect(page.page.locator("[data-live]")).to_have_count(len(CHANGES))
        for place, (_change, said) in zip(places.all(), CHANGES.values(), strict=True):
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


HARD = [
    "  ".join(WORDS),
    " ".join(f"{number}" for number in range(200)),
    "   ",
    "",
    "من فضلك ! שלום עולם",
    "오늘 날씨가 👍🏽 참 좋네요！",
    f"{NASTY} </script> &amp; ${{1}} \\u003c",
]


def test_whatever_is_typed_is_words(page: Opened) -> None:
    padding, stack = page["padding"], page["stack"]
    padding.choose(padding="post", value=0, mask=True)
    reset_stack(stack, "Dropout")
    stack.choose(padding="post")
    for sentence in HARD:
        padding.write("one two", sentence)
        padding.choose(maxlen=4)
        check_padding(padding, ["one two", sentence])
        stack.write(sentence)
        stack.choose(maxlen=12)
        assert check_stack(stack, [sentence])
        for name in ("answer", "timesteps"):
            page[name].write(sentence)
    assert page.page.locator("img").count() == 0


def reset_stack(shown: Shown, *layers: str) -> None:
    """Builds a stack of an Embedding and these layers, and goes to its end."""
    shown.choose(predict=False)
    while (away := shown.root.get_by_role("button", name="Remove this layer")).count():
        away.last.click()
    shown.root.locator(".option input").first.check()
    for layer in layers:
        shown.root.get_by_role("button", name=f"Add a layer: {layer}", exact=True).click()
    shown.root.get_by_label("step", exact=True).fill("99")


def types(shown: Shown) -> list[str]:
    return [layer["type"] for layer in read_stack(shown)]


def test_a_stack_that_cannot_run_says_so_on_the_card(page: Opened) -> None:
    shown = page["stack"]
    reset_stack(shown, "LSTM", "LSTM")
    shown.write("one two !")
    assert types(shown) == ["Embedding", "LSTM", "LSTM"]
    assert not check_stack(shown, ["one two !"])
    assert read_stops(shown)[2]["effect"] == "does not run: it needs a time axis"
    assert shown.said() == "This stack does not run. The card in question says why."
    shown.root.locator(".option input").nth(1).check()
    assert check_stack(shown, ["one two !"])


def test_there_is_room_for_twelve_layers(page: Opened) -> None:
    shown = page["stack"]
    reset_stack(shown, *["LayerNormalization"] * 10, "LSTM")
    assert len(types(shown)) == 12
    assert all(one.is_disabled() for one in shown.root.locator(".palette button").all())
    shown.write("one two !")
    assert check_stack(shown, ["one two !"])


def test_keys_and_mouse_move_and_remove_layers(browser: Browser, site: str) -> None:
    with opened(browser, f"{site}/course.html") as page:
        shown, mouse = page["stack"], page.page.mouse
        reset_stack(shown, "Dense", "Dropout", "Conv1D")
        handles = shown.root.locator(".handle")
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


# What has the focus: its name, whether one sees that it has it, and whether it is in the explorer.
FOCUS = """root => {
    const at = document.activeElement;
    const seen = [at, at.closest("label") ?? at, at.nextElementSibling ?? at].some(one =>
        getComputedStyle(one).outlineStyle !== "none");
    const control = at.matches("button") ? null : at.closest("[data-name]")?.dataset.name;
    const words = at.ariaLabel ?? at.name ?? (at.labels?.[0] ?? at).textContent;
    return [control ?? (words || at.textContent), seen, root.contains(at)];
}"""


def tab_stops(shown: Shown) -> list[str]:
    """What the Tab key visits within an explorer, from its beginning on."""
    shown.root.evaluate("root => { root.tabIndex = -1; root.focus(); }")
    stops: list[str] = []
    for _ in range(99):
        shown.root.page.keyboard.press("Tab")
        name, seen, inside = shown.root.evaluate(FOCUS)
        if not inside:
            return stops
        assert seen, f"one does not see that {name} has the focus"
        stops.append(name)
    raise AssertionError("the Tab key never leaves the explorer")


def test_the_tab_key_visits_every_control_once_and_in_order(browser: Browser, site: str) -> None:
    with opened(browser, f"{site}/course.html") as page:
        stops = {name: tab_stops(page[name]) for name in NAMES}
        added = page["stack"].root.locator(".palette button").all_text_contents()
    fields = [f"{word}sentence {number}" for number in (1, 2, 3) for word in ("", "remove ")]
    fields = ["predict", *fields, "+ sentence"]
    sides = ["padding", "maxlen"]
    player = ["Play", "One step back", "step", "One step on"]
    stack = ["mask_zero", "return_sequences", "Move this layer: LSTM", "Remove this layer: LSTM"]
    adds = [f"Add a layer: {label.removeprefix('+ ')}" for label in added]
    controls = ["padding", "truncating", "maxlen", "value", "mask"]
    assert stops["padding"] == [*fields, *controls, "picture", "Show the code"]
    found = [stop.split(". Arrow")[0] for stop in stops["stack"]]
    assert found == [*fields, *sides, *player, *stack, *adds, "Show the code"]
    assert stops["answer"] == ["predict", "sentence 1", "maxlen", "mask", "picture"]
    assert stops["timesteps"] == ["predict", "sentence 1", *sides, "picture", *player]
    assert stops["own"] == ["predict", "row", "picture", *player]
    # What is hidden by a question cannot be visited; its answers can.
    assert stops["worse"] == ["predict", "sentence 1", "+ sentence", *controls, "0", "1", "2"]


# For each control: the explorer, keys, and what they set.
KEYS = [
    ("padding", "padding", ["ArrowRight"], "post"),
    ("padding", "maxlen", ["Home", "ArrowRight"], "2"),
    ("padding", "truncating", ["ArrowDown"], "post"),
    ("padding", "maxlen", ["End"], "9"),
    ("padding", "value", ["ArrowUp"], "1"),
    ("padding", "mask", ["Space"], False),
    ("stack", "padding", ["ArrowLeft"], "pre"),
    ("stack", "maxlen", ["ArrowRight"], "9"),
    ("answer", "maxlen", ["ArrowRight"], "1"),
    ("answer", "mask", ["Space"], False),
    ("timesteps", "padding", ["ArrowLeft"], "pre"),
    ("timesteps", "maxlen", ["ArrowRight"], "10"),
    ("own", "row", ["ArrowRight"], "1"),
]


def test_keys_do_what_the_mouse_does(browser: Browser, site: str) -> None:
    address = f"{site}/course.html"
    with opened(browser, address) as by_keys, opened(browser, address) as by_mouse:
        for name, control, pressed, expected in KEYS:
            keys, mouse = by_keys[name], by_mouse[name]
            before = picture(keys)
            at = keys.control(control).locator("input:checked, input:not([type=radio])").first
            for key in pressed:
                at.press(key)
                at = keys.root.page.locator(":focus")
            assert keys.chosen(control) == expected
            mouse.choose(**{control: expected})
            assert picture(keys) == picture(mouse) != before
            assert keys.said() == mouse.said()


def picture(shown: Shown) -> list[Any]:
    states = shown.root.locator(".pair").evaluate_all("all => all.map(one => one.ariaLabel)")
    return [shown.rows(), shown.gauges(), states]


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
        step.press("Home")
        assert at() == 0
        step.press("ArrowRight")
        assert at() == 1


def test_a_question_hides_the_picture_until_something_is_chosen(page: Opened) -> None:
    shown = page["padding"]
    shown.write("one two", "one")
    shown.choose(padding="pre", maxlen=4, value=0, mask=True, predict=True)
    stage, options = shown.root.locator(".stage"), shown.root.locator(".predict button")
    for length in (4, 5):
        shown.choose(maxlen=length)
        skipped = int((keras.utils.pad_sequences([[1, 2], [1]], length) == 0).sum())
        assert shown.rows() == []
        assert stage.evaluate("stage => stage.inert")
        assert shown.said() == ""
        assert options.count() == 4 and str(skipped) in options.all_inner_texts()
        chosen = options.filter(has_text=re.compile(f"^{skipped}$"))
        other = options.filter(has_not_text=re.compile(f"^{skipped}$"))
        (chosen if length == 4 else other.first).click()
        told = shown.root.locator(".predict [role=status]").inner_text()
        assert told == ("Right." if length == 4 else f"Not quite: the answer is {skipped}.")
        assert len(shown.rows()) == 2
        assert not stage.evaluate("stage => stage.inert")
    shown.choose(predict=False)
    assert shown.root.locator(".predict").is_hidden()
    stack, answer, states = page["stack"], page["answer"], page["timesteps"]
    reset_stack(stack, "LSTM")
    for one, sentence, mask, right in (
        (stack, "one two !", None, "nowhere"),
        (answer, "wow!", True, "it stays"),
        (states, "one two", None, "4"),
    ):
        one.write(sentence)
        one.choose(maxlen=6, **({} if mask is None else {"mask": mask}), predict=True)
        one.root.locator(".predict button").get_by_text(right, exact=True).click()
        assert one.root.locator(".predict [role=status]").inner_text() == "Right."
        one.choose(predict=False)


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


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_jumps(browser: Browser, site: str, width: int) -> None:
    size = {"width": width, "height": 900}
    with opened(browser, f"{site}/course.html", viewport=size) as page:
        for name in NAMES:
            page[name].root.scroll_into_view_if_needed()
        assert page.page.evaluate("window.shifts") == []
        for name in NAMES[:-1]:
            shown = page[name]
            height = "root => root.getBoundingClientRect().height"
            before = shown.root.evaluate(height)
            for control in work_every_control(shown):
                assert (name, control, shown.root.evaluate(height)) == (name, control, before)
        page.page.evaluate("window.shifts = []")
        switch = page["padding"].control("mask").locator("input")
        for _ in range(30):
            # No click: what moves after one is not counted as a shift.
            switch.evaluate("one => one.click()")
        page.page.evaluate("() => new Promise(done => setTimeout(done, 100))")
        assert page.page.evaluate("window.shifts") == []


def work_every_control(shown: Shown) -> Iterator[str]:
    """Moves every control but those that add or fold something, and says which."""
    for control in shown.root.locator("input:not([type=text]), .player button").all():
        name, kind = control.evaluate(
            "one => [one.closest('[data-name]')?.dataset.name ?? one.name, one.type]"
        )
        if name == "predict" or control.is_disabled():
            continue
        if kind in ("range", "number"):
            ends = (
                [control.get_attribute(end) for end in ("min", "max")] if kind == "range" else "37"
            )
            for value in ends:
                control.fill(str(value))
                yield f"{name} {value}"
        else:
            for _ in range(2 if kind == "checkbox" else 1):
                control.evaluate("one => one.click()")
                yield f"{name} {kind}"
