"""The slides in a browser that reaches no network: few enough, step by step, nothing cut off."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import Shown, Watch
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, Locator, Page, expect

from authoring import course
from authoring.slides import main

pytestmark = pytest.mark.slow

pytest_plugins = ["browser"]

ROOT = Path(__file__).parents[2]
LESSONS = [lesson.name for lesson in course.read(ROOT).lessons]
LANGUAGES = course.codes(ROOT)
LONG, EXPLORER = ("03_propagation", "growth"), ("04_use", "frozen-play")
MOST = 30
PHONE = {"width": 390, "height": 844}
PROJECTOR = {"width": 1280, "height": 720}

# Goes through a deck and names what stands outside its slide, or is cut off, and cannot be reached
# by scrolling either.
_CUT_OFF = """() => {
    const scrolls = (one) => ["auto", "scroll"].includes(getComputedStyle(one).overflowX);
    const hides = (overflow) => ["hidden", "clip"].includes(overflow);
    const found = [];
    for (let place = 0; place < slides.getTotalSlides(); place++) {
        slides.slide(place, 0, 99);
        const slide = slides.getCurrentSlide();
        const frame = slide.getBoundingClientRect();
        const note = (one, fault) => found.push(`${place} ${one.outerHTML.slice(0, 99)} ${fault}`);
        const foot = document.querySelector("nav").getBoundingClientRect().top;
        if (frame.left < 0 || frame.top < 0 || frame.right > innerWidth || frame.bottom > foot)
            note(slide, "is not on the screen");
        if (getComputedStyle(slide).overflowY !== "auto") note(slide, "cannot be scrolled");
        for (const one of slide.querySelectorAll("*")) {
            const box = one.getBoundingClientRect();
            if (!box.width || !box.height || one.matches(".unseen, .unseen *, option")) continue;
            const isVisible = one.checkVisibility({ visibilityProperty: true });
            const covered = ".celltag_prediction-covered:not(.uncovered)";
            if (!isVisible && !one.closest(`[inert], .ahead, details:not([open]), ${covered}`))
                note(one, "is hidden");
            if (box.left < frame.left - 1 || box.right > frame.right + 1) {
                let around = one.parentElement;
                while (around !== slide && !scrolls(around)) around = around.parentElement;
                if (around === slide) note(one, "is beside its slide");
            }
            if (box.top + slide.scrollTop < frame.top - 1) note(one, "is above its slide");
            const { overflowX, overflowY } = getComputedStyle(one);
            const wide = one.scrollWidth > one.clientWidth + 1;
            const high = one.scrollHeight > one.clientHeight + 1;
            // A long token is shortened, and named in full beside it.
            const shortened = one.matches(".cell[title]");
            if ((wide && hides(overflowX) && !shortened) || (high && hides(overflowY)))
                note(one, "is cut");
        }
    }
    return found;
}"""


@pytest.fixture(scope="module")
def made_slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all slides."""
    target = tmp_path_factory.mktemp("강의 자료") / "slides"
    assert main(["--target", str(target)]) == 0
    return target


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page as large as many projectors; it makes no request outside, and no error."""
    with browser.new_context(viewport=PROJECTOR) as context:
        page, watch = context.new_page(), Watch()
        watch.attend(page)
        yield page
        assert (watch.outside, watch.errors) == ([], [])


def open_slides(page: Page, address: str, cell: str = "title") -> None:
    """Opens slides at the one that begins with a cell."""
    page.goto(address)
    page.wait_for_function("() => slides.isReady()")
    page.evaluate(
        """cell => {
            const { h, v } = slides.getIndices(document.getElementById(cell).closest("section"));
            slides.slide(h, v, -1);
        }""",
        f"cell-id={cell}",
    )


@cache
def parse(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


def cells(path: Path) -> list[list[str]]:
    """The cells of each slide."""
    slides = parse(path).select("section > section")
    return [[str(cell["id"]) for cell in slide.select(".jp-Cell")] for slide in slides]


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_has_few_slides_and_the_same_in_each_language(
    made_slides: Path, lesson: str
) -> None:
    english, korean = (cells(made_slides / code / f"{lesson}.html") for code in LANGUAGES)
    assert english == korean
    assert 10 < len(english) <= MOST
    assert all(english)


@pytest.mark.parametrize("lesson", LESSONS)
def test_nothing_is_cut_off_on_a_projector_or_a_phone(
    made_slides: Path, page: Page, lesson: str
) -> None:
    for language, sizes in (("en", [PROJECTOR]), ("ko", [PROJECTOR, PHONE])):
        open_slides(page, (made_slides / language / f"{lesson}.html").as_uri())
        for size in sizes:
            page.set_viewport_size(size)
            page.evaluate("() => slides.layout()")
            assert page.evaluate(_CUT_OFF) == []


def test_space_shows_the_code_and_then_what_it_showed(made_slides: Path, page: Page) -> None:
    open_slides(page, (made_slides / "en" / f"{LONG[0]}.html").as_uri(), LONG[1])
    code = page.locator("section.present section.present .highlight")
    pictures = page.locator("section.present section.present .masklens")
    seen = []
    for _ in range(3):
        seen.append((code.is_visible(), pictures.first.is_visible()))
        page.keyboard.press("Space")
    assert seen == [(False, False), (True, False), (True, True)]
    page.keyboard.press("ArrowLeft")
    # Where there is no room below the code, the slide has been scrolled to the step.
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    assert page.evaluate("() => slides.getCurrentSlide().scrollTop") > 0


def test_an_explorer_is_worked_on_its_slide(made_slides: Path, page: Page) -> None:
    open_slides(page, (made_slides / "ko" / f"{EXPLORER[0]}.html").as_uri(), EXPLORER[1])
    # It answers a prediction, and is covered until then.
    page.evaluate(
        "() => document.querySelectorAll('.prediction-show').forEach((d) => d.open = true)"
    )
    page.keyboard.press("Space")
    place = page.evaluate("() => slides.getIndices()")
    explorer = Shown(page.locator(".present .masklens-explorer[data-live]"))
    back, step = explorer.root.locator(".back"), explorer.root.locator(".player output")
    before = step.inner_text()
    back.focus()
    page.keyboard.press("Space")
    assert step.inner_text() != before
    # That key was the explorer's, not the slides'.
    assert page.evaluate("() => slides.getIndices()") == place
    back.blur()
    page.keyboard.press("Space")
    assert page.evaluate("() => slides.getIndices()") != place


def go_on_until(page: Page, seen: Locator) -> None:
    """Shows step after step until something is on the screen."""
    for _ in range(200):
        if seen.count():
            return
        page.keyboard.press("ArrowRight")
    raise AssertionError(f"{seen} is nowhere")


def test_a_prediction_is_chosen_on_its_slide_and_counted_on_the_last(
    made_slides: Path, page: Page
) -> None:
    open_slides(page, (made_slides / "ko" / "01_padding.html").as_uri())
    card = page.locator(".present .prediction:visible")
    go_on_until(page, card)
    right = int(card.get_attribute("data-right") or 0)
    covered = page.locator(".celltag_prediction-covered").first
    seen = covered.locator(".jp-OutputArea-output")
    page.evaluate("() => { while (slides.availableFragments().next) slides.next(); }")
    go_on_until(page, page.locator(".celltag_prediction-covered:visible"))
    assert not seen.first.is_visible()
    page.evaluate(
        "(card) => { const { h, v } = slides.getIndices(card.closest('section')); "
        "slides.slide(h, v, 99); }",
        page.locator(".prediction").first.element_handle(),
    )
    place = page.evaluate("() => slides.getIndices().v")
    button = card.get_by_role("button").nth(right - 1)
    button.focus()
    page.keyboard.press("Space")
    assert page.evaluate("() => slides.getIndices().v") == place
    assert "맞습니다." in card.get_by_role("status").inner_text()
    page.keyboard.press("ArrowRight")  # the card keeps no other key
    uncovered = page.locator(".celltag_prediction-covered.uncovered")
    before = uncovered.count()
    assert before > 0
    opener = page.locator(".present .prediction-uncover:visible")
    go_on_until(page, opener)  # to a slide that is covered as a whole
    opener.focus()
    page.keyboard.press("Enter")
    expect(opener).to_have_count(0)
    assert uncovered.count() > before
    page.keyboard.press("End")
    page.evaluate("() => { while (slides.availableFragments().next) slides.next(); }")
    assert page.locator(".present .prediction-score:visible").inner_text().endswith(" 1개")


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("ko", "dark")])
def test_slides_are_accessible(made_slides: Path, page: Page, language: str, theme: str) -> None:
    violations = []
    for lesson, cell in (LONG, EXPLORER):
        open_slides(page, (made_slides / language / f"{lesson}.html").as_uri(), cell)
        if theme == "dark":
            page.keyboard.press("d")
        page.evaluate("() => { while (slides.availableFragments().next) slides.next(); }")
        assert page.locator(f"html[lang={language}][data-theme={theme}]").count() == 1
        violations += [
            f"{cell} {one['id']}: {node['html'][:150]}"
            for one in Axe().run(page).response["violations"]
            for node in one["nodes"]
        ]
    assert violations == []


def test_pages_link_and_load_only_what_is_there(made_slides: Path) -> None:
    pages = list(made_slides.rglob("*.html"))
    assert len(pages) == 1 + len(LESSONS) * len(LANGUAGES)
    for path in pages:
        for tag in parse(path).find_all(lambda tag: tag.has_attr("href") or tag.has_attr("src")):
            link = str(tag.get("href") or tag["src"])
            is_to_read = tag.name == "a" and link.startswith("https://")
            if not (is_to_read or link.startswith("data:")):
                assert (path.parent / link).is_file(), f"{path.name}: {link}"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["09_nothing"], "09_nothing: no such lesson: name one of: 00_start, 01_padding, "),
        (["--reveal", "absent/node_modules/reveal.js"], "npm install --prefix absent reveal.js@"),
    ],
)
def test_what_cannot_be_made_is_named_with_a_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], fault: str
) -> None:
    assert main(["--target", str(tmp_path / "slides"), *arguments]) == 1
    assert fault in capsys.readouterr().err
    assert not (tmp_path / "slides").exists()


@pytest.mark.usefixtures("made_slides")
def test_a_lesson_whose_cells_have_no_word_is_named(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--root", str(course)]) == 1
    assert "content/lessons/01_mask.py: no cell is a slide: mark " in capsys.readouterr().err
