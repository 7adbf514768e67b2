"""The built site: the same each time, whole in both languages, and working without a network."""

import json
import re
import shutil
import subprocess
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise, product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import Shown, Watch
from bs4 import Tag
from built_site import (
    HOME,
    LANGUAGES,
    ROOT,
    SECTIONS,
    Built,
    Link,
    Page,
    content_pages,
    copy_course,
    make_docs,
    notebook_pages,
    read_pages,
)
from PIL import Image
from playwright.sync_api import Browser, expect
from playwright.sync_api import Page as BrowserPage
from static_page import saved_states, served, shown_models

from authoring import colab, course, prediction
from authoring.layout import AuthoringError
from authoring.site import build, repository
from authoring.source import cells_of

pytestmark = pytest.mark.slow

REPOSITORY = "someone/masklens-course"
ON_GITHUB = {"MASKLENS_REPOSITORY": REPOSITORY, "MASKLENS_SITE_URL": HOME}
# A letter that the font of a card lacks stops the build.
ON_GITHUB |= {"PYTHONWARNINGS": "error:Glyph"}
LESSON = "lessons/01_padding.html"

# What is called the same in every language.
NAMES = {"MaskLens", "GitHub", "Colab"}

each_language = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The site of this repository, as it is on GitHub."""
    folder = tmp_path_factory.mktemp("site")
    return make_docs(ROOT, folder / "html", folder / "offline", **ON_GITHUB)


@pytest.fixture(scope="module")
def pages(built: Built) -> dict[str, Page]:
    return read_pages(built)


# --- Building -----------------------------------------------------------------------------------


def test_the_build_warns_of_nothing_and_fetches_nothing(built: Built) -> None:
    assert (built.status, built.said, built.calls) == (0, "", "")


def test_a_build_is_the_same_elsewhere_and_over_an_older_one(built: Built, tmp_path: Path) -> None:
    old = tmp_path / "elsewhere" / "ko" / "lessons" / "98_gone.html"
    old.parent.mkdir(parents=True)
    old.write_text("<p>The page of a lesson that is no more.")
    surroundings = {"PYTHONHASHSEED": "7", "TZ": "Asia/Seoul", "LANG": "ko_KR.UTF-8"}
    again = make_docs(
        *(ROOT, tmp_path / "elsewhere", tmp_path / "offline", ["ko"]), **ON_GITHUB, **surroundings
    )
    assert (again.status, again.said) == (0, "")
    first, second = files(built.folder / "ko"), files(again.folder / "ko")
    assert sorted(first) == sorted(second)
    assert [name for name in first if first[name] != second[name]] == []


def files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_a_page_names_nothing_of_the_machine_that_built_it(built: Built) -> None:
    path = re.compile(rb"(?<![\w.])/(?:root|tmp|home|Users|work)/[\w.-]+")
    # A page on a hub writes of the students' folders.
    written = {
        name for text in ROOT.glob("pages/*/*.md") for name in path.findall(text.read_bytes())
    }
    named = {name: set(path.findall(data)) - written for name, data in files(built.folder).items()}
    assert {name: paths for name, paths in named.items() if paths} == {}


# --- Every page ---------------------------------------------------------------------------------


def test_every_notebook_has_its_page(pages: dict[str, Page]) -> None:
    for language in LANGUAGES:
        assert set(content_pages(language)) <= set(pages)
        for name, path in notebook_pages(language).items():
            heading = pages[name].soup.select_one("article h1")
            assert heading is not None
            title = json.loads(path.read_text("utf-8"))["metadata"]["title"]
            assert heading.get_text().startswith(re.sub("[*`]", "", title))


def test_every_page_is_there_in_both_languages_and_says_which_it_is_in(
    pages: dict[str, Page],
) -> None:
    assert {page.counterpart for page in pages.values()} == set(pages)
    for page in pages.values():
        assert page.soup.html is not None and page.soup.html["lang"] == page.language, page.name


def test_every_page_links_to_its_counterpart(pages: dict[str, Page]) -> None:
    for page in pages.values():
        there = pages[page.counterpart].language
        relations = page.relations()
        assert set(relations) == {*LANGUAGES, "x-default"}, page.name
        assert relations[page.language].file == page.name
        assert relations[there].file == page.counterpart
        links = page.links(hreflang=there)
        assert links and {link.file for link in links} == {page.counterpart}, page.name


def test_no_link_is_dead(built: Built, pages: dict[str, Page]) -> None:
    root = Page("index.html", built.page("index.html").soup)
    dead = [
        f"{link.page}: {link.written}"
        for page in [*pages.values(), root]
        for link in [*page.links(), *page.named()]
        if not alive(link, built, pages)
    ]
    assert dead == []


def alive(link: Link, built: Built, pages: dict[str, Page]) -> bool:
    if link.outside:
        on_github = link.address.removeprefix(f"https://github.com/{REPOSITORY}/")
        if on_github != link.address:
            return (ROOT / re.sub("^(blob|tree)/main/?|#.*", "", on_github)).exists()
        return link.address.startswith("https://")
    if not (built.folder / link.file).is_file():
        return False
    # "#" alone, and what scripts make of it, leads to the top.
    return not link.anchor or link.file not in pages or link.anchor in pages[link.file].ids


def test_a_page_that_is_not_found_says_so_and_leads_home(built: Built) -> None:
    page = built.page("404.html")
    assert page.title() and re.search("[가-힣]", page.soup.get_text())
    assert len(page.links()) >= len(LANGUAGES)
    # It is shown at any depth, where nothing that it would load is.
    assert not page.soup.select("link[rel=stylesheet], script[src], img, use")


@each_language
def test_titles_and_descriptions_tell_pages_apart(language: str, pages: dict[str, Page]) -> None:
    content = [pages[name] for name in content_pages(language)]
    for texts in (
        [page.title() for page in content],
        [page.meta("description") for page in content],
    ):
        assert [text for text, count in Counter(texts).items() if count > 1 or not text] == []
    # What a search engine shows of it.
    long = [page.name for page in content if not 20 <= len(page.meta("description")) <= 200]
    assert long == []


def test_no_mark_of_markdown_is_left_to_see(pages: dict[str, Page]) -> None:
    """*Hello!*는 is no emphasis: a particle must not touch marks that close behind a stop."""
    marks = re.compile(r".{0,20}(?:\*|`|\]\().{0,20}")
    for code in LANGUAGES:
        for name in content_pages(code):
            assert marks.findall(pages[name].words) == [], name


@each_language
def test_no_word_of_the_frame_is_left_in_another_language(language: str, built: Built) -> None:
    """What the theme writes around an article, seen or only heard: all of it is translated."""
    strange = set()
    for name in [*content_pages(language), f"{language}/genindex.html", f"{language}/search.html"]:
        frame = built.page(name).soup
        own = "script, style, code" if "/search" in name else "script, style, code, article"
        for tag in frame.select(own):
            tag.extract()
        said = [*frame.stripped_strings]
        for attribute in ("alt", "aria-label", "data-copied", "placeholder", "title"):
            said += [str(tag[attribute]) for tag in frame.find_all(attrs={attribute: True})]
        for text in said:
            hangul, letters = re.search("[가-힣]", text), re.search("[A-Za-z]", text)
            if letters and not hangul if language == "ko" else hangul:
                strange.add(text)
    assert strange - (NAMES | {"English", "한국어", "Furo"}) == set()


def test_a_page_names_its_address_and_a_card_for_social_networks(
    built: Built, pages: dict[str, Page]
) -> None:
    cards = {}
    for name in (name for code in LANGUAGES for name in content_pages(code)):
        page = pages[name]
        (canonical,) = page.soup.select("link[rel=canonical]")
        assert canonical["href"] == page.meta("og:url") == HOME + name
        assert page.meta("og:title")
        assert page.meta("og:description") == page.meta("description") != ""
        card = Link(page.meta("og:image"), name)
        assert not card.outside, name
        with Image.open(built.folder / card.file) as image:
            size = int(page.meta("og:image:width")), int(page.meta("og:image:height"))
            assert image.size == size
            cards[name] = image.tobytes()
    # What is shared is told apart.
    assert len(set(cards.values())) == len(cards) > 30


def test_the_site_map_lists_what_one_reads(built: Built) -> None:
    text = (built.folder / "sitemap.xml").read_text("utf-8")
    listed = [place.text for place in ElementTree.fromstring(text).iterfind(".//{*}loc")]
    assert sorted(listed) == sorted(
        HOME + name for code in LANGUAGES for name in content_pages(code)
    )


# --- The buttons --------------------------------------------------------------------------------


@each_language
def test_every_notebook_has_its_buttons(
    language: str, built: Built, pages: dict[str, Page]
) -> None:
    for name, path in notebook_pages(language).items():
        page, committed = pages[name], path.relative_to(ROOT).as_posix()
        (download,) = page.links(download=True)
        there = json.loads((built.folder / download.file).read_text("utf-8"))
        nbformat.validate(there)
        assert (
            there["metadata"]["title"] == json.loads(path.read_text("utf-8"))["metadata"]["title"]
        )
        addresses = {link.address for link in page.links()}
        assert f"https://github.com/{REPOSITORY}/blob/main/{committed}" in addresses, name
        # What brings the library along; there is nothing like it of a solution.
        in_colab = [address for address in addresses if "colab" in address]
        is_solution = committed.startswith("solutions/")
        assert in_colab == ([] if is_solution else [colab.page(REPOSITORY, committed)]), name
        source = f"https://github.com/{REPOSITORY}/blob/main/content/"
        assert any(re.match(f"{source}.*/{path.stem}.(py|po)", link) for link in addresses), name


# --- Bad input ----------------------------------------------------------------------------------


def rewrite(path: Path, change: Callable[[Any], object]) -> None:
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    nbformat.write(notebook, path)


def forget_execution(notebook: Any) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(execution_count=None, outputs=[])


def break_a_cell(notebook: Any) -> None:
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    cell.outputs = [nbformat.v4.new_output("error", ename="E", evalue="", traceback=[])]


BAD_NOTEBOOKS: dict[str, Callable[[Path], object]] = {
    "notebooks/ko/05_masks_by_hand.ipynb": lambda path: rewrite(path, forget_execution),
    "solutions/en/03_propagation.ipynb": lambda path: rewrite(path, break_a_cell),
    "notebooks/en/01_padding.ipynb": lambda path: rewrite(
        path, lambda notebook: notebook.metadata.pop("widgets")
    ),
    "notebooks/ko/04_use.ipynb": lambda path: rewrite(
        path, lambda notebook: saved_states(notebook).pop(shown_models(notebook)[-1])
    ),
    "notebooks/ko/06_layers_that_change_masks.ipynb": Path.unlink,
    "exercises/en/07_opting_in.ipynb": Path.unlink,
    "content/ko/pages/teaching.po": Path.unlink,
}


def test_what_cannot_be_shown_stops_the_build_and_is_named(tmp_path: Path) -> None:
    course = copy_course(tmp_path / "course")
    for name, spoil in BAD_NOTEBOOKS.items():
        spoil(course / name)
    faults = build(course, tmp_path / "html", None)
    assert {fault.place for fault in faults} == set(BAD_NOTEBOOKS)
    cut_off = course / "exercises/ko/02_mask_generators.ipynb"
    cut_off.write_text(cut_off.read_text("utf-8")[:5000], encoding="utf-8")
    with pytest.raises(AuthoringError, match=cut_off.name):
        build(course, tmp_path / "html", None)
    assert not (tmp_path / "html").exists()


@pytest.mark.parametrize(
    "setting", ["masklens", "/masklens", "a/b/c", "https://github.com/a/b", "a/b c", "가/나"]
)
def test_a_setting_that_is_no_repository_stops_the_build(setting: str, tmp_path: Path) -> None:
    with pytest.raises(AuthoringError, match="MASKLENS_REPOSITORY") as stopped:
        repository(tmp_path, {"MASKLENS_REPOSITORY": setting})
    assert repr(setting) in str(stopped.value)


def test_the_command_says_what_is_wrong_with_the_setting(tmp_path: Path) -> None:
    setting = {"MASKLENS_REPOSITORY": "owner only"}
    built = make_docs(ROOT, tmp_path / "html", tmp_path / "offline", **setting)
    assert built.status == 1
    assert built.said.startswith("MASKLENS_REPOSITORY: ") and built.said.count("\n") == 1
    assert not built.folder.exists()


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("https://github.com/owner/name", "owner/name"),
        ("https://github.com/owner/name.git", "owner/name"),
        ("https://token@github.com/owner/name.js.git", "owner/name.js"),
        ("git@github.com:owner/name.git", "owner/name"),
        ("ssh://git@github.com/owner/name.git", "owner/name"),
        ("https://gitlab.com/owner/name.git", None),
        ("https://notgithub.com/owner/name", None),
        ("/srv/git/name.git", None),
        (None, None),
    ],
)
def test_the_repository_is_that_of_the_git_remote(
    remote: str | None, expected: str | None, tmp_path: Path
) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    shutil.copy(ROOT / "course.toml", tmp_path)
    if remote:
        subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", remote], check=True)
    assert repository(tmp_path, {}) == expected
    assert repository(tmp_path, {"MASKLENS_REPOSITORY": "an/other"}) == "an/other"


def test_without_git_there_is_no_repository(tmp_path: Path) -> None:
    shutil.copy(ROOT / "course.toml", tmp_path)
    assert repository(tmp_path, {}) is None
    # Nor is that of a folder above it, where it is another project's.
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    above = ["git", "-C", tmp_path, "remote", "add", "origin", "https://github.com/a/b"]
    subprocess.run(above, check=True)
    (tmp_path / "unpacked").mkdir()
    shutil.copy(ROOT / "course.toml", tmp_path / "unpacked")
    assert repository(tmp_path / "unpacked", {}) is None


# --- In a browser -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address(built: Built) -> Iterator[str]:
    with served(built.folder) as address:
        yield address


@contextmanager
def opened(browser: Browser, address: str, name: str, **settings: Any) -> Iterator[BrowserPage]:
    """Opens a page without network; when it is closed, nothing must have gone wrong on it."""
    watch = Watch()
    with browser.new_context(reduced_motion="reduce", **settings) as context:
        page = context.new_page()
        watch.attend(page)
        page.on("console", lambda said: said.type == "error" and watch.errors.append(said.text))
        page.goto(f"{address}/{name}")
        yield page
    assert watch == Watch()


PHONE, DESKTOP = {"width": 360, "height": 740}, {"width": 1200, "height": 900}
phone_and_desktop = pytest.mark.parametrize(
    ("language", "viewport"), [("en", PHONE), ("ko", DESKTOP)], ids=["phone", "desktop"]
)


@each_language
def test_every_page_fits_a_phone_and_asks_nothing_of_others(
    browser: Browser, address: str, language: str
) -> None:
    wide = {}
    names = [*content_pages(language), f"{language}/search.html", f"{language}/genindex.html"]
    with opened(browser, address, "404.html", viewport=PHONE) as page:
        for name in names:
            page.goto(f"{address}/{name}")
            width = page.evaluate("document.documentElement.scrollWidth")
            if width > PHONE["width"]:
                wide[name] = width
    assert wide == {}


@each_language
def test_explorers_work_on_the_first_page_and_on_that_of_a_lesson(
    browser: Browser, address: str, language: str
) -> None:
    with opened(browser, address, f"{language}/index.html", viewport=DESKTOP) as page:
        shown = explorer(page)
        alone, padded = map(float, shown.gauges())
        assert alone > 0.9 and padded < 0.1
        shown.choose(mask=True)
        assert shown.gauges() == [f"{alone:.2f}"] * 2
        lessons = page.locator("article a[href*='lessons/']")
        assert lessons.count() >= len(list((ROOT / "notebooks" / language).glob("*.ipynb")))
        page.goto(f"{address}/{language}/{LESSON}")
        shown = explorer(page)
        for side, padded in (("post", [-1]), ("pre", [0])):
            shown.choose(padding=side)
            first = ["padding" in kind for kind in shown.rows()[0].kinds]
            assert [place for place in padded if first[place]] == padded
            assert not all(first)
        said = shown.said()
        shown.choose(mask=False)
        assert shown.said() != said


def explorer(page: BrowserPage) -> Shown:
    open_answers(page)
    live = page.locator(".masklens-live").first
    live.wait_for()
    return Shown(live)


def open_answers(page: BrowserPage) -> None:
    """Uncovers what answers the predictions of a page; works without scripts."""
    for summary in page.locator(".prediction-show summary").all():
        summary.click()


def test_the_language_switch_keeps_the_page_and_is_remembered(
    browser: Browser, address: str
) -> None:
    with opened(browser, address, f"en/{LESSON}", viewport=DESKTOP, locale="en-US") as page:
        page.locator("a[hreflang=ko]:visible").first.click()
        expect(page).to_have_url(f"{address}/ko/{LESSON}")
        page.goto(f"{address}/index.html")
        expect(page).to_have_url(re.compile(f"{address}/ko/(index.html)?$"))
        page.goto(f"{address}/en/{LESSON}")
        expect(page.locator("html")).to_have_attribute("lang", "en")


@pytest.mark.parametrize(
    ("locale", "language"), [("ko-KR", "ko"), ("en-GB", "en"), ("fr-FR", "en")]
)
def test_the_door_opens_in_the_language_of_the_learner(
    browser: Browser, address: str, locale: str, language: str
) -> None:
    with opened(browser, address, "", locale=locale) as page:
        expect(page).to_have_url(re.compile(f"{address}/{language}/(index.html)?$"))


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("패딩을", "패딩이"),
        ("전달합니다", "전달하는"),
        ("mask_zero", "mask_zero"),
    ],
)
def test_a_korean_word_is_found_in_its_forms(
    browser: Browser, address: str, pages: dict[str, Page], query: str, says: str
) -> None:
    word = re.compile(f"(?<![가-힣]){says}")
    expected = {name for name in content_pages("ko") if word.search(pages[name].prose)}
    assert expected
    found = search(browser, address, "ko", query)
    assert expected <= found
    # And nothing is found that does not speak of it.
    root = re.sub("을$|합니다$", "", query)
    assert [name for name in found if root not in pages[name].soup.get_text()] == []


def test_an_english_word_is_found(browser: Browser, address: str, pages: dict[str, Page]) -> None:
    found = search(browser, address, "en", "truncating")
    assert f"en/{LESSON}" in found
    assert [name for name in found if "truncat" not in pages[name].soup.get_text().lower()] == []


@each_language
def test_a_result_quotes_no_button_and_differs_from_others(
    browser: Browser, address: str, pages: dict[str, Page], language: str
) -> None:
    query = "패딩" if language == "ko" else "padding"
    with searched(browser, address, language, query) as page:
        results = page.locator("#search-results ul.search > li")
        quoted = " ".join(results.locator(".context").all_inner_texts())
        titles = results.locator("> a").all_inner_texts()
    labels = [link.get_text() for link in pages[f"{language}/{LESSON}"].soup.select(".page-link")]
    assert query in quoted.lower()
    row = [f"{label} {following}" for label, following in pairwise(labels)]
    assert row and [labels for labels in row if labels in " ".join(quoted.split())] == []
    assert len(titles) == len(set(titles))


def search(browser: Browser, address: str, language: str, query: str) -> set[str]:
    """The pages that the search finds for what a reader types."""
    with searched(browser, address, language, query) as page:
        links = page.locator("#search-results ul.search > li > a").all()
        names = [link.evaluate("link => link.pathname") for link in links]
    return {urllib.parse.unquote(name.removeprefix("/")) for name in names}


@contextmanager
def searched(browser: Browser, address: str, language: str, query: str) -> Iterator[BrowserPage]:
    """The page of results, as a reader comes to it from another page."""
    with opened(browser, address, f"{language}/index.html", viewport=DESKTOP) as page:
        box = page.locator("input[name=q]:visible").first
        box.fill(query)
        box.press("Enter")
        expect(page).to_have_url(re.compile(re.escape(urllib.parse.quote_plus(query))))
        said = page.locator("#search-results .search-summary")
        expect(said).not_to_be_empty()
        assert (language == "ko") == bool(re.search("[가-힣]", said.inner_text()))
        page.wait_for_load_state("networkidle")  # what it shows of each page is fetched
        yield page


@each_language
def test_code_is_copied_as_it_stands_in_the_notebook(
    browser: Browser, address: str, language: str
) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / language / "01_padding.ipynb", as_version=4)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    with opened(browser, address, f"{language}/{LESSON}") as page:
        cells = page.locator(".cell_input")
        expect(cells).to_have_count(len(code))
        cells.nth(1).hover()
        cells.nth(1).locator("button.copybtn").click()
        assert pasted(page).strip() == code[1].strip()


def pasted(page: BrowserPage) -> str:
    """What the clipboard holds."""
    page.evaluate("document.body.prepend(document.createElement('textarea'))")
    paper = page.locator("textarea").first
    paper.focus()
    page.keyboard.press("Control+V")
    return paper.input_value()


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_chosen_theme_is_kept(browser: Browser, address: str, system: str) -> None:
    chosen = "light" if system == "dark" else "dark"
    settings = {"viewport": DESKTOP, "color_scheme": system}
    with opened(browser, address, f"en/{LESSON}", **settings) as page:
        before = brightness(page)
        assert before["page"] == before["picture"] == system
        toggle = page.locator("button.theme-toggle:visible").first
        for _ in range(3):
            if brightness(page)["page"] != chosen:
                toggle.click()
        assert brightness(page) == {"page": chosen, "picture": chosen}
        page.reload()
        assert brightness(page) == {"page": chosen, "picture": chosen}
        page.goto(f"{address}/ko/index.html")
        assert brightness(page)["page"] == chosen


def brightness(page: BrowserPage) -> dict[str, str]:
    """Whether the page, and the blue of the pictures on it, are those of light or of dark."""
    background, blue = page.evaluate(
        """() => {
            const colour = text => {
                const context = document.createElement("canvas").getContext("2d");
                context.fillStyle = text;
                return context.fillStyle;
            };
            const picture = document.querySelector("article .masklens");
            return [
                colour(getComputedStyle(document.body).backgroundColor),
                picture && getComputedStyle(picture).getPropertyValue("--m").trim(),
            ];
        }"""
    )
    light = sum(bytes.fromhex(background[1:])) > 3 * 128
    blues = {"#0072b2": "light", "#56b4e9": "dark", None: "none"}
    return {"page": "light" if light else "dark", "picture": blues[blue]}


@phone_and_desktop
def test_without_scripts_text_pictures_and_navigation_are_there(
    browser: Browser, address: str, language: str, viewport: dict[str, int]
) -> None:
    settings = {"viewport": viewport, "java_script_enabled": False}
    with opened(browser, address, f"{language}/{LESSON}", **settings) as page:
        expect(page.locator("article h1")).to_be_visible()
        open_answers(page)
        picture = page.locator("article .masklens-explorer").first
        expect(picture.locator("td").first).to_be_visible()
        expect(page.locator(".masklens-live")).to_have_count(0)
        if viewport == PHONE:
            page.locator("label[for=__navigation]:visible").first.click()
        other = page.locator("nav a[href*='02_mask_generators'], .sidebar-tree a[href*='02_mask']")
        other.first.click()
        expect(page).to_have_url(f"{address}/{language}/lessons/02_mask_generators.html")
        page.goto(f"{address}/index.html")
        page.locator(f"a[href*='{language}/']").first.click()
        expect(page.locator("html")).to_have_attribute("lang", language)


def test_an_explorer_of_another_version_keeps_its_picture(browser: Browser, address: str) -> None:
    def saved_by_another_version(route: Any) -> None:
        answer = route.fetch()
        text, count = re.subn(r'(\\"version\\": ?)2\b', r"\g<1>99", answer.text())
        assert count == 1
        route.fulfill(response=answer, body=text)

    with opened(browser, address, "404.html") as page:
        page.route(f"**/en/{LESSON}", saved_by_another_version)
        page.goto(f"{address}/en/{LESSON}", wait_until="networkidle")
        open_answers(page)
        expect(page.locator("[data-live]")).to_have_count(1)  # the loader has been there
        expect(page.get_by_role("alert")).to_contain_text("another version")
        expect(page.locator(".masklens-live .stage")).to_have_count(0)
        expect(page.locator("article .masklens-explorer td.t").first).to_be_visible()


@phone_and_desktop
def test_a_layer_is_found_by_its_name(
    browser: Browser, address: str, language: str, viewport: dict[str, int]
) -> None:
    with opened(browser, address, f"{language}/layers.html", viewport=viewport) as page:
        rows, found = page.locator("article tbody tr"), page.locator("article tbody tr:visible")
        folded, all_rows = page.locator("article details"), rows.count()
        said = page.locator(".layer-filter [role=status]")
        seen = found.count()
        assert 50 < seen < all_rows
        page.get_by_label("레이어 찾기" if language == "ko" else "Find a layer").fill("RANDOMf")
        expect(found).to_have_count(1)
        expect(found).to_contain_text("RandomFlip")
        expect(folded).to_have_attribute("open", "")
        expect(page.locator("article h2:visible")).to_have_count(2)
        assert {"1", str(all_rows)} == set(re.findall(r"\d+", said.inner_text()))
        page.keyboard.press("End")
        page.keyboard.type("x")
        expect(found).to_have_count(0)
        assert not re.search(r"\d", said.inner_text()) and said.inner_text()
        page.get_by_role("searchbox", name=re.compile("레이어|layer")).fill("")
        expect(found).to_have_count(seen)
        expect(folded).not_to_have_attribute("open", "")
        expect(said).to_be_empty()


@each_language
def test_layers_stand_in_plain_tables_without_scripts(
    browser: Browser, address: str, language: str
) -> None:
    settings = {"viewport": PHONE, "java_script_enabled": False}
    with opened(browser, address, f"{language}/layers.html", **settings) as page:
        expect(page.locator("article input")).to_have_count(0)
        for table in page.locator("article table").all()[:-1]:
            expect(table.locator("th").first).to_be_visible()
            expect(table.locator("tbody tr").first).to_be_visible()
        page.locator("article summary").click()
        expect(page.locator("article table").last).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_what_a_lesson_was_formerly_called_leads_to_it(
    browser: Browser, address: str, scripts: bool
) -> None:
    moved = [lesson for lesson in course.read(ROOT).lessons if lesson.formerly]
    assert moved
    with opened(browser, address, "404.html", java_script_enabled=scripts) as page:
        for lesson, kind in product(moved, SECTIONS.values()):
            page.goto(f"{address}/ko/{kind}/{lesson.formerly}.html#there", wait_until="commit")
            place = "#there" if scripts else ""
            expect(page).to_have_url(f"{address}/ko/{kind}/{lesson.name}.html{place}")


# --- Predictions --------------------------------------------------------------------------------


def asked_in(path: Path) -> list[int]:
    """The right answer of each prediction of a lesson: its place, or 0 where it has no answers."""
    marked = map(prediction.marked, cells_of(path.read_text(encoding="utf-8")))
    known = [cell.metadata.get("masklens", {}) for cell in marked]
    return [one["prediction"] for one in known if "prediction" in one]


def test_each_prediction_is_a_card_and_covers_up_to_its_reason(pages: dict[str, Page]) -> None:
    for path in sorted((ROOT / "content" / "lessons").glob("*.py")):
        wanted = asked_in(path)
        assert len(wanted) >= 3
        for language, reason in (("en", "Why."), ("ko", "왜 그럴까요?")):
            soup = pages[f"{language}/lessons/{path.stem}.html"].soup
            cards = soup.select(".prediction")
            assert [int(str(card["data-right"])) for card in cards] == wanted
            assert len(soup.select(".prediction-score")) == 1
            for card in cards:
                covered = card.find_next_sibling(class_="prediction-covered")
                assert isinstance(covered, Tag)
                strong = [one.get_text() for one in covered.find_all("strong")]
                assert strong.count(reason) == 1
                assert not covered.select("h2, .prediction")


# What has moved since the page was loaded, but for what a script of the theme moves in its header.
_WATCH_SHIFTS = """() => {
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const one of list.getEntries())
            window.shifts.push(...one.sources.map((source) => source.node?.className ?? "?"));
    }).observe({ type: "layout-shift" });
}"""
_EXTENT = "(one) => [one.getBoundingClientRect().top + scrollY, one.offsetHeight].map(Math.round)"
_PLACES = """() => {
    const top = (one) => one.getBoundingClientRect().top;
    const article = document.querySelector("article");
    return [...article.querySelectorAll(":is(h2, h3, p, .cell)")].map(
        (one) => Math.round(top(one) - top(article)));
}"""


@phone_and_desktop
def test_choosing_uncovers_the_answer_counts_it_and_moves_nothing(
    browser: Browser, address: str, language: str, viewport: dict[str, int]
) -> None:
    right = [place for place in asked_in(ROOT / f"content/{LESSON[:-5]}.py") if place]
    with opened(browser, address, f"{language}/{LESSON}", viewport=viewport) as page:
        cards = page.locator(".prediction:not([data-right='0'])")
        expect(cards).to_have_count(len(right))
        page.wait_for_load_state("networkidle")
        page.evaluate(_WATCH_SHIFTS)
        before = page.evaluate(_PLACES)
        score = page.locator(".prediction-score")
        for place, correct in enumerate(right[:3]):
            card = cards.nth(place)
            covered = card.locator("xpath=following-sibling::*[2]")
            show = card.locator("xpath=following-sibling::*[1]").locator("summary")
            buttons, told = card.get_by_role("button"), card.get_by_role("status")
            assert 2 <= buttons.count() <= 4
            seen = covered.locator("p:visible, .output:visible, img:visible")
            expect(seen).to_have_count(0)
            if place == 0:
                buttons.nth(correct - 1).click()
                expect(told).to_contain_text("맞습니다." if language == "ko" else "Right.")
            elif place == 1:
                buttons.nth(correct % buttons.count()).press("Enter")
                expect(buttons.nth(correct % buttons.count())).to_be_focused()
                said = "정답: " if language == "ko" else "The right answer: "
                expect(told).to_contain_text(said + buttons.nth(correct - 1).inner_text().strip())
            else:
                show.press("Enter")
            expect(card.locator("li").nth(correct - 1)).to_have_class(re.compile(r"\bright\b"))
            assert seen.count() > 0
            buttons.first.click(force=True)  # too late
        words = {"ko": f"맞힌 예측: {len(right)}개 중 1개"}
        expect(score).to_have_text(
            words.get(language, f"Predictions that were right: 1 of {len(right)}.")
        )
        assert page.evaluate(_PLACES) == before
        assert page.evaluate("window.shifts") == []


@each_language
def test_without_scripts_each_answer_can_be_opened_and_keeps_its_place(
    browser: Browser, address: str, language: str
) -> None:
    settings = {"viewport": PHONE, "java_script_enabled": False}
    with opened(browser, address, f"{language}/{LESSON}", **settings) as page:
        card = page.locator(".prediction").first
        covered = card.locator("xpath=following-sibling::*[2]")
        expect(card.locator("li").first).to_be_visible()
        expect(covered.locator("p").last).to_be_hidden()
        before = covered.evaluate(_EXTENT)
        card.locator("xpath=following-sibling::*[1]").locator("summary").click()
        expect(covered.locator("p").last).to_be_visible()
        assert covered.evaluate(_EXTENT) == before


READ = ("index.html", LESSON, "layers.html", "reference.html", "search.html?q=Embedding")


@phone_and_desktop
def test_axe_finds_nothing_to_object_to(
    browser: Browser, address: str, language: str, viewport: dict[str, int]
) -> None:
    theme, found = "light" if viewport == PHONE else "dark", []
    with opened(browser, address, "404.html", viewport=viewport, color_scheme=theme) as page:
        for name in READ:
            page.goto(f"{address}/{language}/{name}", wait_until="networkidle")
            found += [
                f"{name}: {one['id']}: {node['html'][:150]}"
                for one in Axe().run(page).response["violations"]
                for node in one["nodes"]
            ]
    assert found == []
