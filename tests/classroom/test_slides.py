"""The slides in a browser that reaches no network: every cell, every step, and nothing cut off."""

import filecmp
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import Shown, Watch
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, Page
from static_page import served

from authoring import deck

pytest_plugins = ["browser"]

ROOT = Path(__file__).parents[2]
LESSONS = sorted(path.stem for path in (ROOT / "notebooks" / "en").glob("*.ipynb"))
LONG = "03_propagation"
LANGUAGES = ("en", "ko")

# Goes through a deck with the keys' own command. What a slide shows must lie on it; what scrolls by
# itself would be cut off on a wall. Letters are measured in parts of the height of a slide.
_WALK = """async (least) => {
    const seen = (one) => one.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    const found = [];
    const look = () => {
        const slide = slides.getCurrentSlide().querySelector(".slide");
        const frame = slide.getBoundingClientRect();
        const note = (fault) => found.push(`${Object.values(slides.getIndices())} ${fault}`);
        for (const one of slide.querySelectorAll("*")) {
            if (!seen(one) || one.matches(".unseen, .unseen *, option")) continue;
            const name = `${one.tagName}.${one.getAttribute("class")}`;
            const box = one.getBoundingClientRect();
            if (!box.width || !box.height) continue;
            if (box.right > frame.right + 1 || box.left < frame.left - 1
                || box.bottom > frame.bottom + 1 || box.top < frame.top - 1) note(`${name} out`);
            const style = getComputedStyle(one);
            if (style.overflowX !== "visible" && one.scrollWidth > one.clientWidth + 1)
                note(`${name} wide ${one.scrollWidth} > ${one.clientWidth}`);
            if (style.overflowY !== "visible" && one.scrollHeight > one.clientHeight + 1)
                note(`${name} high ${one.scrollHeight} > ${one.clientHeight}`);
            if (one.matches("p, li, pre") && !one.closest(".output:not(.text), .keys")) {
                const size = parseFloat(style.fontSize) * one.currentCSSZoom;
                if (size < least) note(`${name} letters of ${size}`);
            }
        }
    };
    for (let last = ""; last !== JSON.stringify(slides.getIndices()); slides.next()) {
        last = JSON.stringify(slides.getIndices());
        // An explorer is laid out when it is first seen.
        if (slides.getCurrentSlide().querySelector(".explorer"))
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        look();
        if (last === JSON.stringify(slides.getIndices()) && slides.isLastSlide()
            && !slides.availableFragments().next) break;
    }
    return found;
}"""


def make(target: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs what `make slides` runs."""
    command = [sys.executable, "-m", "authoring.slides", "--target", target, *arguments]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MASKLENS_")}
    return subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made_slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all slides."""
    target = tmp_path_factory.mktemp("slides") / "slides"
    done = make(target)
    assert (done.returncode, done.stderr) == (0, "")
    return target


def open_slides(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_function("() => window.slides?.isReady()")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page as large as many projectors; it makes no request outside, and no error."""
    with browser.new_context(viewport={"width": 1280, "height": 720}) as context:
        page, watch = context.new_page(), Watch()
        watch.attend(page)
        yield page
        assert (watch.outside, watch.errors) == ([], [])


def step(page: Page) -> tuple[int, int, int]:
    """The place of the slide and of the step that a page shows, after a key was pressed."""
    page.keyboard.press("Space")
    place = page.evaluate("() => Object.values(slides.getIndices())")
    return tuple(-1 if one is None else one for one in place)  # type: ignore[return-value]


def go(page: Page, cell: str) -> None:
    """Shows the slide of a cell, before its output."""
    page.evaluate(
        """cell => {
            const at = slides.getIndices(document.querySelector(`[data-cell="${cell}"]`));
            slides.slide(at.h, at.v, -1);
        }""",
        cell,
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_space_leads_through_every_cell_of_a_lesson_and_what_it_showed(
    made_slides: Path, page: Page, language: str
) -> None:
    open_slides(page, (made_slides / language / f"{LONG}.html").as_uri())
    book = nbformat.read(ROOT / "notebooks" / language / f"{LONG}.ipynb", as_version=4)
    cells = {cell.id: cell for cell in book.cells if cell.cell_type == "code"}
    shown: dict[str, str] = {}
    place, last = (0, 0, -1), None
    while place != last:
        found = page.evaluate(
            """() => { const one = slides.getCurrentSlide();
                return [one.dataset.cell ?? "", one.innerText] }"""
        )
        if found[0]:
            shown[found[0]] = shown.get(found[0], "") + found[1]
        place, last = step(page), place
    assert list(shown) == list(cells)
    for name, cell in cells.items():
        for line in cell.source.split("\n"):
            assert line.strip() in shown[name], f"{name} does not show {line}"
        for output in cell.outputs:
            if "text" in output:
                words = output.text.split()
                assert set(words) <= set(shown[name].split()), f"{name} does not show {words}"


def test_an_output_comes_after_its_code(made_slides: Path, page: Page) -> None:
    open_slides(page, (made_slides / "en" / f"{LONG}.html").as_uri())
    for cell in ("sequential", "batches"):  # below its code, and in its place
        go(page, cell)
        slide = page.locator(f'[data-cell="{cell}"]')
        assert slide.locator(".code").is_visible()
        assert not slide.locator(".output").first.is_visible()
        step(page)
        assert slide.locator(".output").first.is_visible()
        assert slide.locator(".code").is_visible() == (cell == "sequential")
    # On a screen reader's page, what is still to come is not there, either.
    page.keyboard.press("ArrowLeft")
    assert not slide.locator(".output").first.is_visible()


@pytest.mark.parametrize("lesson", LESSONS)
def test_nothing_overflows_a_slide_and_letters_stay_large(
    made_slides: Path, page: Page, lesson: str
) -> None:
    for language in LANGUAGES:
        open_slides(page, (made_slides / language / f"{lesson}.html").as_uri())
        assert page.evaluate(_WALK, 18) == []


@pytest.mark.parametrize(
    ("language", "width", "height", "least"), [("en", 1920, 1080, 18), ("ko", 390, 844, 16)]
)
def test_nothing_overflows_a_larger_slide_or_a_phone(
    made_slides: Path, browser: Browser, language: str, width: int, height: int, least: int
) -> None:
    with browser.new_context(viewport={"width": width, "height": height}) as context:
        page = context.new_page()
        open_slides(page, (made_slides / language / f"{LONG}.html").as_uri())
        assert page.evaluate(_WALK, least) == []


def test_an_explorer_is_worked_on_its_slide(made_slides: Path, page: Page) -> None:
    with served(made_slides) as address:
        open_slides(page, f"{address}/ko/{LONG}.html")
        go(page, "frozen-play")
        at = step(page)
        explorer = Shown(page.locator('[data-cell="frozen-play"] .masklens-live'))
        explorer.root.locator("input[type=range]").first.focus()
        before = explorer.tables()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert explorer.tables() != before
        # Those keys were the explorer's, not the slides'.
        assert page.evaluate("() => Object.values(slides.getIndices())") == list(at)
        # The next key, pressed elsewhere, is theirs.
        page.evaluate("() => document.activeElement.blur()")
        page.keyboard.press("ArrowRight")
        assert page.evaluate("() => slides.getCurrentSlide().dataset.cell") != "frozen-play"


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("ko", "dark")])
def test_slides_are_accessible(made_slides: Path, page: Page, language: str, theme: str) -> None:
    open_slides(page, (made_slides / language / f"{LONG}.html").as_uri())
    if theme == "dark":
        page.keyboard.press("d")
    assert page.locator("html").get_attribute("data-theme") == theme
    assert page.locator("html").get_attribute("lang") == language
    violations = []
    for place in ((0, 0), (1, 1, 0), (1, 2), (1, 9, 9), (3, 5, 0)):
        page.evaluate("place => slides.slide(...place)", place)
        results = Axe().run(page)
        violations += [
            f"{place} {one['id']}: {node['html'][:150]}"
            for one in results.response["violations"]
            for node in one["nodes"]
        ]
    assert violations == []


def test_the_speaker_view_shows_all_of_the_prose_without_a_network(
    made_slides: Path, browser: Browser
) -> None:
    with browser.new_context() as context, served(made_slides) as address:
        page, watch = context.new_page(), Watch()
        watch.attend(page)
        open_slides(page, f"{address}/en/{LONG}.html")
        page.evaluate("() => slides.slide(1, 0)")
        with page.expect_popup() as popup:
            page.keyboard.press("s")
        view = popup.value
        watch.attend(view)
        notes = view.locator(".speaker-controls-notes .value")
        notes.get_by_text("The words are the same").wait_for()
        assert "In lesson 02 an Embedding made a mask." in notes.inner_text()
        assert (watch.outside, watch.errors) == ([], [])


def test_print_gives_a_page_for_every_step(made_slides: Path, page: Page) -> None:
    page.goto((made_slides / "ko" / "00_start.html").as_uri() + "?print-pdf")
    page.wait_for_function("() => window.slides?.isReady()")
    page.wait_for_selector(".pdf-page")
    count = page.locator(".pdf-page").count()
    slides = (made_slides / "ko" / "00_start.html").read_text("utf-8").count('<div class="slide">')
    assert count > slides
    sheet = page.pdf(prefer_css_page_size=True, print_background=True)
    assert sheet.count(b"/Type /Page\n") in (count, count + 1)


def test_building_twice_gives_the_same_files(made_slides: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert make(again).returncode == 0
    files = sorted(
        path.relative_to(made_slides) for path in made_slides.rglob("*") if path.is_file()
    )
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    _same, differing, unreadable = filecmp.cmpfiles(
        made_slides, again, map(str, files), shallow=False
    )
    assert (differing, unreadable) == ([], [])


def test_pages_link_and_load_only_what_is_there(made_slides: Path) -> None:
    for path in made_slides.rglob("*.html"):
        soup = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        loaded = [
            str(tag[name]) for name in ("src", "href") for tag in soup.find_all(attrs={name: True})
        ]
        for link in loaded:
            if link.startswith(("data:", "#", "https://keras.io/", "https://www.tensorflow.org/")):
                continue
            if link.startswith("https://") and soup.find("a", href=link):
                continue
            assert (path.parent / link.partition("#")[0]).exists(), f"{path.name}: {link}"


@pytest.mark.parametrize(
    ("text", "budget", "kept"),
    [
        ("One. Two. Three.", 9, "One. Two."),
        ("One is too long for it. Two.", 3, "One is too long for it."),
        ("Call `a. b` now. Then rest.", 20, "Call `a. b` now."),
        ("**Why.** It is so. And so on.", 20, "**Why.** It is so."),
        ("한 문장입니다. 두 문장입니다.", 20, "한 문장입니다."),
    ],
)
def test_prose_begins_a_slide_with_whole_sentences(text: str, budget: int, kept: str) -> None:
    assert deck.beginning(text, budget) == kept


def test_a_name_that_is_no_lesson_is_named(tmp_path: Path) -> None:
    done = make(tmp_path / "out", "09_nothing")
    assert done.returncode == 1
    assert done.stderr.startswith("09_nothing: no such lesson: name one of: 00_start, ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_without_reveal_it_says_how_to_get_it(tmp_path: Path) -> None:
    done = make(tmp_path / "out", "--reveal", tmp_path / "node_modules" / "reveal.js")
    assert done.returncode == 1
    assert "no reveal.js here" in done.stderr
    assert f"npm install --prefix {tmp_path} reveal.js@" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.usefixtures("made_slides")
def test_a_notebook_that_was_not_executed_becomes_no_slides(tmp_path: Path) -> None:
    course = tmp_path / "강의 자료"
    for folder in ("content", "notebooks", "docs/slides"):
        shutil.copytree(ROOT / folder, course / folder)
    path = course / "notebooks" / "ko" / "00_start.ipynb"
    book = json.loads(path.read_text("utf-8"))
    cell = next(cell for cell in book["cells"] if cell["cell_type"] == "code")
    cell["execution_count"] = None
    path.write_text(json.dumps(book), "utf-8")
    done = make(tmp_path / "out", "--root", course, "00_start")
    assert done.returncode == 1
    place = "notebooks/ko/00_start.ipynb: setup"
    assert done.stderr == f"{place}: the cell was not executed: build with --all\n"
    # The others are fit, and so are folders with Hangul and spaces.
    fit = make(tmp_path / "슬라이드 모음", "--root", course, "01_padding")
    assert (fit.returncode, fit.stderr) == (0, "")
    assert (tmp_path / "슬라이드 모음" / "ko" / "01_padding.html").exists()
