"""The picture of progress shows each question once, with what became of it."""

import csv
import json
import re
from pathlib import Path

import pytest

import masklens as ml
from masklens_course import history, questions
from masklens_course.__main__ import main
from masklens_course.questions import all_questions

TITLES = [question.title for question in all_questions()]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MASKLENS_PROGRESS")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(history, "_memory", [])
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
        history.remember(one.name, "check", "right")
    assert ml.progress().text.endswith("Next: 02")


def test_attempts_help_and_the_last_mistake_are_told(folder: Path) -> None:
    for name, event, code in (
        ("pad-readings", "check", "loses-decimals"),
        ("pad-readings", "hint", ""),
        ("pad-readings", "check", "loses-decimals"),
        ("pad-by-hand", "solution", ""),
        ("pad-by-hand", "check", "right"),
        ("pad-for-cudnn", "check", "error"),  # of which a sentence would say no more
    ):
        history.remember(name, event, code)
    caption, *lines = ml.progress().text.splitlines()
    assert caption == f"1 of {len(TITLES)} exercises solved, 1 of them with the solution"
    assert lines[0].endswith("[◐] Pad by hand (5 min) · attempts: 1 · solution shown")
    assert lines[1].endswith("(5 min) · attempts: 2 · hints: 1 · The decimals are gone:")
    assert lines[2].endswith("Pad for a fast LSTM (10 min) · attempts: 1")


@pytest.mark.parametrize("place", ["exercises/en", "notebooks/en", "elsewhere"])
def test_it_leads_to_the_notebooks_that_are_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    for name in ("exercises/en", place):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "exercises/en/01_padding.ipynb").touch()
    monkeypatch.chdir(folder / place)
    before = {"exercises/en": "", "notebooks/en": "../../exercises/en/"}.get(place)
    links = re.findall(r'<a href="?([^">]+)"?>(.*?)</a>', ml.progress().html)
    first = f"Next: 01, {TITLES[0]}"
    address = f"{before}01_padding.ipynb"
    assert links == ([] if before is None else [(address, "01"), (address, first)])


def test_a_teacher_gets_one_table_of_all_files(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, code in (("kim", "right"), ("lee", "pads-in-front")):
        line = {"version": 2, "question": "pad-by-hand", "event": "check", "code": code}
        (folder / f"{name}.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    assert main(["kim.jsonl", "lee.jsonl"]) == 0
    table = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert len(table) == 2 * len(TITLES)
    told = [(row["file"], row["state"], row["attempts"]) for row in table if row["attempts"] != "0"]
    assert told == [("kim.jsonl", "solved", "1"), ("lee.jsonl", "tried", "1")]
    (wrong,) = (row["explanation"] for row in table if row["mistake"])
    assert wrong.startswith("Your zeros come before")
    assert main(["nobody.jsonl"]) == 1
    assert capsys.readouterr() == ("", "nobody.jsonl: No such file or directory\n")


def test_when_all_is_solved_nothing_is_next() -> None:
    for question in all_questions():
        history.remember(question.name, "check", "right")
    text = ml.progress().text
    assert text.startswith(f"{len(TITLES)} of {len(TITLES)} ") and "Next" not in text


def test_a_question_of_another_version_is_left_alone(folder: Path) -> None:
    line = {"version": 1, "question": "unheard-of", "state": "solved", "date": "2026-01-02"}
    (folder / history.FILE).write_text(json.dumps(line) + "\n", encoding="utf-8")
    assert ml.progress().text.startswith("0 of ")
