"""Verdicts and progress in a browser: nobody is shut out, and nothing runs off."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

import masklens as ml
from masklens_course import history
from masklens_course.judging import judge
from masklens_course.questions import all_questions, exercise_sets, question

WORDS = {
    "en": ("solved", "solved with the solution", "tried", "not yet"),
    "ko": ("풀었음", "풀이를 보고 풀었음", "시도함", "아직"),
}
THEMES = {"light": ("#fff", "#222"), "dark": ("#111", "#ddd")}


def slow(series: list[list[float]], value: float) -> object:
    print("a line that is much too long for a phone " * 5)
    return series + value  # type: ignore[operator]  # what the learner got wrong


def boxes() -> list[str]:
    """A verdict of each kind, a picture of ids and one of masks, a hint and a solution."""
    by_hand, cudnn = question("pad-by-hand"), question("pad-for-cudnn")
    verdicts = [
        judge(by_hand, [[4, 8, 0], [16, 23, 42], [7, 0, 0]]),
        judge(by_hand, [[0, 4, 8], [16, 23, 42], [0, 0, 7]]),
        judge(by_hand, [...]),
        judge(question("pad-readings"), slow),
        judge(cudnn, lambda texts: ml.pad([text or [1] for text in texts]).ids),
    ]
    codes = [verdict.code for verdict in verdicts]
    assert codes == ["right", "pads-in-front", "blank", "error", "padding-first"]
    return [*(v.html for v in verdicts), by_hand.hint().html, by_hand.solution().html]


@pytest.fixture(params=["en", "ko"])
def page(
    request: pytest.FixtureRequest,
    browser: Browser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Page]:
    monkeypatch.setenv("MASKLENS_PROGRESS", "off")
    monkeypatch.setattr(history, "_memory", [])
    folder = tmp_path / "exercises" / request.param
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    for one in exercise_sets():  # to which the picture of progress leads
        (folder / f"{one.name}.ipynb").touch()
    history.remember("pad-by-hand", "check", "right")
    history.remember("pad-readings", "solution")
    history.remember("pad-readings", "check", "right")
    history.remember("pad-for-cudnn", "check", "padding-first")
    ml.set_language(request.param)
    path = tmp_path / "verdicts.html"
    path.write_text(
        f"<!doctype html><html lang={request.param}><meta charset=utf-8><title>verdicts</title>"
        f"<main><h1>verdicts</h1>{''.join(boxes())}{ml.progress().html}</main>",
        encoding="utf-8",
    )
    page = browser.new_page(viewport={"width": 360, "height": 640})
    page.goto(path.as_uri())
    yield page
    page.close()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", [360, 1200])
def test_axe_finds_nothing(page: Page, theme: str, width: int) -> None:
    background, colour = THEMES[theme]
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate(
        """([theme, background, colour]) => {
            document.documentElement.dataset.theme = theme;
            document.body.style.background = background;
            document.body.style.color = colour;
        }""",
        [theme, background, colour],
    )
    found = Axe().run(page).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found] == []


def test_each_exercise_has_the_word_of_its_state(page: Page) -> None:
    states = page.locator("li b").evaluate_all("all => all.map(b => b.ariaLabel)")
    *known, not_yet = WORDS[page.evaluate("document.documentElement.lang")]
    assert states == [*known, *[not_yet] * (len(all_questions()) - 3)]


def test_no_box_is_wider_than_a_phone(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_without_styles_signs_and_words_tell_the_verdicts_apart(page: Page) -> None:
    page.evaluate("document.querySelectorAll('style').forEach(style => style.remove())")
    heads = page.locator(".masklens-verdict > p:first-child").all_inner_texts()
    assert [head[0] for head in heads[:5]] == ["✓", "✕", "○", "!", "✕"]
    assert len(set(re.sub(r" · .*", "", head) for head in heads[:4])) == 4
    marked = page.locator("td.d").all_inner_texts()
    # Five ids; and the masks of rows of two, one and one ids, each moved from one end to the other.
    assert len(marked) == 5 + 2 * (2 + 1 + 1) and all("✕" in text for text in marked)
