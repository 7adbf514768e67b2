"""The pages for teachers: their plans add up, and what they name is there, in both languages."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from authoring import course
from masklens_course.mistakes import COMMON_MISTAKES, DEFAULT_MISTAKES
from masklens_course.questions import all_questions, question

ROOT = Path(__file__).parents[2]
NAMES = ("teaching", "mistakes", "grading", "hub")
LANGUAGES = course.codes(ROOT)
NUMBERS = "|".join(lesson.number for lesson in course.read(ROOT).lessons)
PAGES = [f"{language}/{name}.md" for name in NAMES for language in LANGUAGES]
PLANS = 6  # one class on its own, and a course of five
# What a check says of any answer, beside the mistakes that it recognises.
EVERYWHERE = {*COMMON_MISTAKES, "blank", "error", "too-slow"}


@cache
def read(page: str) -> str:
    return (ROOT / "pages" / page).read_text(encoding="utf-8")


def without_code(text: str) -> str:
    return re.sub(r"(?s)```.*?```", "", text)


def tables(text: str) -> list[list[list[str]]]:
    """The cells of each table's rows, without the head."""
    blocks = re.findall(r"(?m)(?:^\|.*\n)+", without_code(text))
    return [
        [[cell.strip() for cell in row.strip("|").split("|")] for row in block.splitlines()[2:]]
        for block in blocks
    ]


def codes(question_name: str) -> set[str]:
    asked = question(question_name)
    conditions, defaults = asked.conditions, DEFAULT_MISTAKES if asked.right else ()
    mistakes = [*defaults, *(mistake for one in conditions for mistake in one.mistakes)]
    return {one.code for one in conditions} | {one.code for one in mistakes}


def recognised(page: str) -> Iterator[tuple[str, list[str]]]:
    """The exercises of a page on mistakes, each with its codes, in the order of the page."""
    for found in re.finditer(r"`([a-z-]+)`: (`[a-z-]+`(?:, `[a-z-]+`)*)", read(page)):
        yield found[1], found[2].replace("`", "").split(", ")


def sections(lesson: str) -> set[str]:
    """The numbers of a lesson's sections, in every language."""
    (path,) = (ROOT / "content" / "lessons").glob(f"{lesson}_*.py")
    return set(re.findall(r"(?m)^## (\d)\.", path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", ["en/teaching.md", "ko/teaching.md"])
def test_the_minutes_of_each_plan_add_up_to_a_class(page: str) -> None:
    plans = tables(read(page))
    assert len(plans) == PLANS
    assert [sum(int(row[0]) for row in plan) for plan in plans] == [50] * PLANS


@pytest.mark.parametrize("page", ["en/teaching.md", "ko/teaching.md"])
def test_each_step_of_the_class_begins_when_the_ones_before_it_end(page: str) -> None:
    minutes = [int(row[0]) for row in tables(read(page))[0]]
    begins = re.findall(r"(?m)^### (?:Minute (\d+)|(\d+)분):", read(page))
    assert [int(one or other) for one, other in begins] == [
        sum(minutes[:step]) for step in range(len(minutes))
    ]


@pytest.mark.parametrize("page", PAGES)
def test_every_section_of_a_lesson_that_a_page_names_is_there(page: str) -> None:
    named = re.findall(rf"\b({NUMBERS})\.(\d)", without_code(read(page)))
    assert [name for name in named if name[1] not in sections(name[0])] == []
    assert named or page.endswith(("grading.md", "hub.md"))


@pytest.mark.parametrize("page", ["en/mistakes.md", "ko/mistakes.md"])
def test_every_code_of_a_mistake_is_one_of_its_exercise(page: str) -> None:
    wrong = [(name, set(told) - codes(name)) for name, told in recognised(page)]
    assert [fault for fault in wrong if fault[1]] == []


@pytest.mark.parametrize("page", ["en/mistakes.md", "ko/mistakes.md"])
def test_each_exercise_shows_a_mistake_and_each_mistake_an_exercise(page: str) -> None:
    assert {name for name, _ in recognised(page)} == {one.name for one in all_questions()}
    for table in tables(read(page)):
        for _, said in table:
            assert "`: `" in said, said


@pytest.mark.parametrize("page", PAGES)
def test_a_name_with_hyphens_is_an_exercise_or_a_code(page: str) -> None:
    exercises = {one.name for one in all_questions()}
    known = exercises | EVERYWHERE | {code for name in exercises for code in codes(name)}
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", read(page)))
    assert named <= known


@pytest.mark.parametrize("page", PAGES)
def test_every_target_of_make_is_in_the_makefile(page: str) -> None:
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?m)(?:`|^|[A-Z_]+=\S+ |sudo )make ([.\w/-]+)", read(page)))
    there = {name for line in re.findall(r"(?m)^([^\s#:=][^:=]*):", rules) for name in line.split()}
    assert targets <= there


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_command_takes_is_there(page: str) -> None:
    commands = "".join(re.findall(r"(?s)```sh\n(.*?)```", read(page)))
    for path in re.findall(r"(?<![\w./}-])(?:classroom|solutions|exercises)/[\w./]+", commands):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_of_the_hub_is_one(page: str) -> None:
    config = (ROOT / "classroom" / "jupyterhub_config.py").read_text(encoding="utf-8")
    for setting in set(re.findall(r"MASKLENS_[A-Z_]+", read(page))):
        assert setting in config


def test_what_the_hub_says_when_it_does_not_start_is_what_it_says() -> None:
    says = "".join(
        (ROOT / "classroom" / name).read_text(encoding="utf-8")
        for name in ("jupyterhub_config.py", "accounts")
    )
    for page in ("en/hub.md", "ko/hub.md"):
        *_, table = tables(read(page))
        quoted = [row[0].strip("`") for row in table if row[0].startswith("`")]
        assert len(quoted) > 4
        for quote in quoted:
            for part in quote.replace("8000", "{taken}").split(" … "):
                assert part in says


def test_both_languages_name_the_same_sections_and_codes() -> None:
    for name in ("teaching", "mistakes"):
        english, korean = tables(read(f"en/{name}.md")), tables(read(f"ko/{name}.md"))
        assert len(english) == len(korean)
        for one, other in zip(english, korean, strict=True):
            for row, counterpart in zip(one, other, strict=True):
                named = [
                    re.findall(rf"\b(?:{NUMBERS})\.\d", " ".join(cells))
                    for cells in (row, counterpart)
                ]
                assert named[0] == named[1]
    assert list(recognised("en/mistakes.md")) == list(recognised("ko/mistakes.md"))
