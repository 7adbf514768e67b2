"""Searches in the Korean pages of a small site, in a browser."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urljoin

import pytest
from browser import Watch
from playwright.sync_api import Browser, Locator, Page, expect
from static_page import served

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CONFIGURATION = """\
from korean_search import SearchKorean
from sphinx.search import languages

project = "강의"
language = "ko"
extensions = ["myst_nb"]
html_theme = "furo"


def setup(app):
    languages["ko"] = SearchKorean
"""
PAGES = {
    "padding": "# 길이 맞추기\n\n짧은 시퀀스에는 패딩을 추가합니다. 타임스텝 수가 같아집니다.\n",
    "propagation": "# 레이어 사이\n\n레이어는 **마스크**를 다음 레이어로 전파합니다.\n",
    "making": "# 임베딩\n\n`mask_zero`를 켜면 `Embedding`이 마스크를 만듭니다.\n"
    "길이를 나눠 보여 줍니다.\n",
    "lstm": "# 순환 신경망\n\nLSTM은 패딩이 있던 타임스텝을 건너뜁니다.\n"
    "딥러닝에서 손실함수의 값입니다.\n",
    "attention": "# 어텐션\n\n`keras.layers.MultiHeadAttention`은 3차원 텐서를 받습니다.\n",
    "mask": "# 마스크 만들기\n\n가려야 할 곳을 표시합니다.\n",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of a site; what Sphinx warns of is an error."""
    folder = tmp_path_factory.mktemp("search")
    source, pages = folder / "source", folder / "pages"
    source.mkdir()
    (source / "conf.py").write_text(CONFIGURATION, encoding="utf-8")
    # Hidden, or the landing page would be found for every title.
    index = "# 강의\n\n```{toctree}\n:hidden:\n\n" + "\n".join(PAGES) + "\n```\n"
    for name, text in {"index": index, **PAGES}.items():
        (source / f"{name}.md").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", source, pages]
    path = os.pathsep.join([str(DOCS), str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return pages


@pytest.fixture(scope="module")
def page(browser: Browser, site: Path) -> Iterator[Page]:
    """The page of search results."""
    page, watch = browser.new_page(), Watch()
    watch.attend(page)
    with served(site) as address:
        page.goto(f"{address}/search.html")
        yield page
        assert (watch.errors, watch.outside) == ([], [])
        page.close()


def search(page: Page, words: str) -> Locator:
    """What the page shows in the end, when it is opened as a search field does."""
    page.goto(urljoin(page.url, f"/search.html?q={quote(words)}"))
    expect(page.locator("#search-results h2")).to_have_text("검색 결과")
    return page.locator("#search-results")


def found(page: Page, words: str) -> set[str]:
    """The pages that a search finds, without waiting for what the page would quote of each."""
    find = "words => Search._performSearch(...Search._parseQuery(words)).map(([name]) => name)"
    return set(page.evaluate(find, words))


@pytest.mark.parametrize(
    ("typed", "pages"),
    [
        # A word, where the page has a particle or an ending behind it.
        ("패딩", {"padding", "lstm"}),
        ("전파", {"propagation"}),
        ("타임스텝", {"padding", "lstm"}),
        ("값", {"lstm"}),
        ("텐서", {"attention"}),
        # With another particle or ending than the page has.
        ("패딩을", {"padding", "lstm"}),
        ("패딩에서는", {"padding", "lstm"}),
        ("패딩이란?", {"padding", "lstm"}),
        ("전파합니다", {"propagation"}),
        ("전파되는", {"propagation"}),
        ("마스크가", {"propagation", "making", "mask"}),
        ("값을", {"lstm"}),
        # Verbs, whose stems change.
        ("만듭니다", {"making", "mask"}),
        ("만들다", {"making", "mask"}),
        ("만든", {"making", "mask"}),
        ("나누는", {"making"}),
        ("보여", {"making"}),
        ("건너뛰지", {"lstm"}),
        ("받는", {"attention"}),
        ("가렸다", {"mask"}),
        ("표시하려면", {"mask"}),
        ("순환시키다", {"lstm"}),
        # Several words; together or apart.
        ("타임스텝 패딩", {"padding", "lstm"}),
        ("마스크 전파", {"propagation"}),
        ("마스크전파", {"propagation"}),
        ("텐서 패딩", set()),
        ("타임스텝 전파", set()),
        ("딥러닝", {"lstm"}),
        ("손실 함수", {"lstm"}),
        ("손실함수", {"lstm"}),
        ("마스크는 왜 전파되나요?", {"propagation"}),
        # English words and code, and particles behind them.
        ("LSTM", {"lstm"}),
        ("(3,)을", set()),
        ("lstm은", {"lstm"}),
        ("mask_zero", {"making"}),
        ("mask_zero를", {"making"}),
        ("MultiHeadAttention", {"attention"}),
        ("multihead", {"attention"}),
        ("attention", {"attention"}),
        ("keras.layers", {"attention"}),
        ("3차원", {"attention"}),
        # Titles.
        ("어텐션", {"attention"}),
        ("순환", {"lstm"}),
        ("신경망은", {"lstm"}),
        # As a Mac types it: letter by letter.
        ("\u1111\u1162\u1103\u1175\u11bc", {"padding", "lstm"}),
        # Not there.
        ("고양이", set()),
        ("사과", set()),
        ("패딩턴", set()),
        ("banana", set()),
        ("constructor", set()),
    ],
)
def test_a_word_finds_the_pages_that_have_it_in_any_form_and_no_others(
    page: Page, typed: str, pages: set[str]
) -> None:
    assert found(page, typed) == pages


def test_a_page_is_found_by_all_that_it_says(page: Page) -> None:
    for name, said in PAGES.items():
        title, text = said.split("\n", maxsplit=1)
        assert found(page, f"{title.removeprefix('# ')} {text}") == {name}


def test_the_excerpt_and_the_page_show_the_word(page: Page) -> None:
    result = search(page, "패딩에서는").locator("li", has_text="길이 맞추기")
    expect(result.locator(".context .highlighted")).to_have_text("패딩")
    result.get_by_role("link").click()
    expect(page.locator("article .highlighted")).to_have_text("패딩")


def test_the_search_field_of_a_page_finds_pages(page: Page) -> None:
    said = search(page, "고양이").locator(".search-summary").inner_text()
    assert re.search("[가-힣]", said) and not re.search("[A-Za-z]", said)  # that there is none
    field = page.get_by_role("textbox").first
    field.fill("전파합니다")
    field.press("Enter")
    expect(page.locator("#search-results li > a")).to_have_text(["레이어 사이"])
