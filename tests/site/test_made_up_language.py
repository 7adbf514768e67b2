"""A third language is a folder of PO files and lines of the manifest: it becomes a whole site."""

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from built_site import OTHER_PAGES, ROOT, copy_course
from other_letters import in_other_letters
from playwright.sync_api import Browser, expect
from polib import POEntry
from static_page import served

from authoring import build, catalog, layout, site, source, words
from authoring.course import read as read_manifest

pytestmark = pytest.mark.slow

# Neither Sphinx nor docutils knows this language, so no word of theirs is translated but by us.
CODE = "mt"
MANIFEST = """
[languages.mt]
name = "Malti"
locale = "mt_MT"
"""
# What is called the same in every language, and the languages' own names.
NAMES = {"MaskLens", "Furo", "English", "한국어", "Malti", "GitHub", "Colab"}


def translate(po: Path, english: list[POEntry]) -> None:
    """Writes the PO file of a translator who knows the other letters."""
    filled = catalog.update(catalog.new(CODE), english)
    for entry in filled:
        entry.msgstr = in_other_letters(entry.msgid)
        for form in entry.msgstr_plural:
            entry.msgstr_plural[form] = in_other_letters(entry.msgid_plural)
    catalog.write(po, filled)


def as_if_executed(root: Path, path: Path, edition: str) -> None:
    """Gives a notebook the outputs of its English one, without a kernel."""
    book, faults = build.unexecuted(root, path, CODE, edition, None)
    assert faults == []
    english = nbformat.read(layout.notebook_path(root, path, "en", edition), as_version=4)
    outputs = {cell.id: cell for cell in english.cells if cell.cell_type == "code"}
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs = outputs[cell.id].outputs
            cell.execution_count = outputs[cell.id].execution_count
    if "widgets" in english.metadata:
        book.metadata["widgets"] = english.metadata["widgets"]
    target = layout.notebook_path(root, path, CODE, edition)
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(book, target)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The course with PO files of the made-up language, its lines in the manifest, nothing else."""
    root = copy_course(tmp_path_factory.mktemp("third") / "course")
    with (root / "course.toml").open("a", encoding="utf-8") as manifest:
        manifest.write(MANIFEST)
    for path in layout.every_source(root):
        english = catalog.template(source.read(root, path))
        translate(layout.po_path(root, path, CODE), english)
    translate(words.interface_path(root, CODE), words.of_interface(root))
    for path in layout.source_paths(root):
        for edition in layout.editions(path):
            as_if_executed(root, path, edition)
    return root


@pytest.fixture(scope="module")
def built(course: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site") / "html"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MASKLENS_SITE_URL", raising=False)
        assert site.build(course, target, site.repository(course, {}), [CODE]) == []
    return target


def soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def pages(built: Path) -> list[Path]:
    former = {lesson.formerly for lesson in read_manifest(ROOT).lessons}  # these only lead on
    paths = sorted((built / CODE).rglob("*.html"))
    return [path for path in paths if "_static" not in path.parts and path.stem not in former]


def test_every_page_is_there_and_says_which_language_it_is_in(built: Path) -> None:
    names = {path.relative_to(built / CODE).with_suffix("").as_posix() for path in pages(built)}
    notebooks = {
        f"{page}/{path.stem}"
        for edition, page in site.PAGES.items()
        for path in (ROOT / edition / "en").glob("*.ipynb")
    }
    assert {*OTHER_PAGES, *notebooks, "search", "genindex"} <= names
    for path in pages(built):
        page = soup(path)
        assert page.html is not None and page.html["lang"] == CODE
        (locale,) = page.select("meta[property='og:locale']")
        assert locale["content"] == "mt_MT"


def said(page: BeautifulSoup) -> Iterator[str]:
    """What a page says in words: seen, heard or shown by search engines; no code, no output."""
    unread = "script, style, code, pre, .cell_output, .math, .py, .genindex-section li, .sig"
    for tag in page.select(f"{unread}, .genindex-jumpbox, .genindex-section h2"):
        tag.extract()
    for template in page.find_all("template"):
        template.unwrap()
    yield from page.stripped_strings
    for name in ("alt", "aria-label", "data-copied", "data-found", "data-none", "placeholder"):
        yield from (str(tag[name]) for tag in page.find_all(attrs={name: True}))
    yield from (str(tag["title"]) for tag in page.find_all(title=True))
    for tag in page.select("meta[property='og:title']"):
        yield str(tag["content"])
    # Its beginning, where code stands without marks.
    for tag in page.select("meta[name=description]"):
        yield from re.findall(r"\b(?:a|and|in|is|it|of|on|that|the|to|with)\b", str(tag["content"]))


def test_no_sentence_of_english_is_left(built: Path) -> None:
    named = re.compile(rf"{'|'.join(NAMES)}|\{{\w+\}}")
    left = {
        text
        for path in pages(built)
        for text in said(soup(path))
        if re.search("[A-Za-z]{2,}|^a$", named.sub("", text))
    }
    assert left == set()


def test_the_first_page_and_the_one_that_is_not_found_are_in_every_language(built: Path) -> None:
    first, lost = soup(built / "index.html"), soup(built / "404.html")
    for page in (first, lost):
        assert {tag["lang"] for tag in page.select("p[lang]")} == {"en", "ko", CODE}
        links = [str(tag["href"]) for tag in page.select("a")]
        assert sorted(links) == ["en/index.html", "ko/index.html", "mt/index.html"]
    assert in_other_letters("There is no such page here") in lost.get_text()


def test_a_page_leads_to_every_other_language(built: Path) -> None:
    page = soup(built / CODE / "lessons" / "01_padding.html")
    assert {tag["hreflang"] for tag in page.select("a[hreflang]")} == {"en", "ko"}
    named = {tag["hreflang"] for tag in page.select("link[rel=alternate]")}
    assert named == {"en", "ko", CODE, "x-default"}


def test_without_a_repository_and_an_address_the_download_remains(built: Path) -> None:
    offered = []
    for path in pages(built):
        page = soup(path)
        links = [str(tag["href"]) for tag in page.select("a[href]")]
        assert not [link for link in links if re.search("colab|github.com//", link)], path
        # Nor can it name addresses, where its own is not known.
        assert not page.select("link[rel=canonical], meta[property='og:image']"), path
        others = [str(tag["href"]) for tag in page.select("link[rel=alternate]")]
        assert others and all(link.startswith("../") for link in others), path
        for tag in page.select("a[download]"):
            assert (path.parent / str(tag["href"])).resolve().is_file(), path
            offered.append(path)
    assert len(offered) == len(set(offered)) == len(list((ROOT).glob("[nes]*/en/*.ipynb")))


def test_github_shows_the_pages_too_with_links_to_the_others(course: Path) -> None:
    paths = layout.page_paths(course)
    assert build.build(course, paths, [CODE], build.Order()) == []
    written = {path.name for path in (course / "pages" / CODE).iterdir()}
    assert written == {path.name for path in (ROOT / "pages" / "en").iterdir()}
    hub = (course / "pages" / CODE / "hub.md").read_text(encoding="utf-8")
    assert "[English](../en/hub.md) · [한국어](../ko/hub.md) · **Malti**" in hub


def test_its_readers_search_in_it(built: Path, browser: Browser) -> None:
    with served(built) as address, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{address}/{CODE}/search.html?q={in_other_letters('padding')}")
        expect(page.locator("#search-results li").first).to_be_visible()
        status = page.locator("#search-results .search-summary, #search-results p").first
        expect(status).to_contain_text(re.compile(in_other_letters("found") + r" \d+"))
