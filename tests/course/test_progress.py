"""The picture of progress shows each question once, with what became of it."""

import json
from pathlib import Path

import pytest

import masklens as ml
from masklens_course import history, questions
from masklens_course.questions import all_questions

TITLES = [question.title for question in all_questions()]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MASKLENS_PROGRESS")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(history, "_memory", {})
    questions.asked.clear()
    return tmp_path


def test_at_first_nothing_is_solved() -> None:
    caption, *rows, last = ml.progress().text.splitlines()
    assert caption == f"0 of {len(TITLES)} exercises solved"
    assert [row[6:].split(" (")[0] for row in rows] == [f"[○] {title}" for title in TITLES]
    assert last == f"Next: 01, {TITLES[0]}"


def test_what_was_solved_and_tried_is_shown() -> None:
    ml.question("pad-by-hand").check([[4, 8, 0], [16, 23, 42], [7, 0, 0]])
    ml.question("pad-for-cudnn").check(lambda texts: texts)
    text = ml.progress().text
    assert text.startswith(f"1 of {len(TITLES)} ")
    assert text.count("[✓]") == 1 and "[✓] Pad by hand" in text
    assert text.count("[~]") == 1 and "[~] Pad for a fast LSTM" in text
    assert text.endswith(f"Next: 01, {TITLES[1]}")


def test_titles_stand_at_the_exercises_that_were_asked_for_and_signs_at_all() -> None:
    ml.question("pad-by-hand")
    picture = ml.progress()
    first = [one for one in all_questions() if one.lesson.startswith("01")]
    assert [one.title for one in all_questions() if one.title in picture.text] == [
        one.title for one in first
    ]
    assert picture.text.count("[○]") == len(TITLES)
    assert picture.html.count("<b class=open ") == len(TITLES)
    for one in first:
        history.remember(one.name, "right")
    assert ml.progress().text.endswith("Next: 02")


def test_when_all_is_solved_nothing_is_next() -> None:
    for question in all_questions():
        history.remember(question.name, "right")
    text = ml.progress().text
    assert text.startswith(f"{len(TITLES)} of {len(TITLES)} ") and "Next" not in text


def test_a_question_of_another_version_is_left_alone(folder: Path) -> None:
    line = {"version": 1, "question": "unheard-of", "state": "solved", "date": "2026-01-02"}
    (folder / history.FILE).write_text(json.dumps(line) + "\n", encoding="utf-8")
    assert ml.progress().text.startswith("0 of ")
