"""A made-up class hands in, and the real nbgrader grades it with our sources unchanged."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbgrader.api import Gradebook

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "grading.md").read_text(encoding="utf-8")
CONFIG = ROOT / "classroom" / "nbgrader_config.py"
COMMANDS = (
    "nbgrader generate_assignment padding",
    "nbgrader autograde padding",
    "nbgrader generate_feedback padding",
    "nbgrader export",
)

BY_HAND = "padded = [[4, 8, 0], [16, 23, 42], [7, 0, 0]]"
READINGS = """def pad_readings(series, value):
    return ml.pad(series, padding="post", value=value, dtype="float32").ids"""
CUDNN = """def pad_for_cudnn(texts):
    return ml.pad([text or [1] for text in texts], padding="post").ids"""
RIGHT = {
    "pad-by-hand-answer": BY_HAND,
    "pad-readings-answer": READINGS,
    "pad-for-cudnn-answer": CUDNN,
}
LOOP = "def pad_readings(series, value):\n    while True:\n        pass"
RAISES = "def pad_readings(series, value):\n    return series['first']"
IN_KOREAN = """def 채우기(시계열, 값):
    가장_긴 = max(len(한_줄) for 한_줄 in 시계열)
    return [[*한_줄, *[값] * (가장_긴 - len(한_줄))] for 한_줄 in 시계열]


pad_readings = 채우기"""


@dataclass(frozen=True)
class Submission:
    """What a student hands in, and the points for each of the three exercises, of 1, 1 and 2."""

    points: tuple[int, int, int]
    cells: Mapping[str, str] = field(default_factory=lambda: RIGHT)
    deleted: tuple[str, ...] = ()


ENGLISH = {
    "right": Submission((1, 1, 2)),
    "wrong": Submission(
        (0, 1, 2), {**RIGHT, "pad-by-hand-answer": "padded = [[0, 4, 8], [16, 23, 42], [0, 0, 7]]"}
    ),
    "blank": Submission((0, 0, 0), {}),
    "endless": Submission((1, 0, 2), {**RIGHT, "pad-readings-answer": LOOP}),
    "raises": Submission((1, 0, 2), {**RIGHT, "pad-readings-answer": RAISES}),
    "deleted": Submission(
        (0, 0, 2),
        deleted=(
            "pad-by-hand-answer",
            "pad-readings-answer",
            "pad-readings-check",
            "pad-for-cudnn-check",
        ),
    ),
    "edited": Submission(
        (1, 0, 2),
        {
            **RIGHT,
            "pad-readings-answer": "def pad_readings(series, value):\n    return series",
            "pad-readings-check": "print('all points, please')",
        },
    ),
    "김하늘": Submission((1, 1, 2), {**RIGHT, "pad-readings-answer": IN_KOREAN}),
}
KOREAN = {"wrong": ENGLISH["wrong"], "김하늘": ENGLISH["김하늘"]}


class Class:
    """A folder of nbgrader's, with the assignment `padding`."""

    def __init__(self, folder: Path, language: str, students: Mapping[str, Submission]) -> None:
        self.folder, self.students = folder, students
        self.source = folder / "source" / "padding" / "01_padding.ipynb"
        self.source.parent.mkdir(parents=True)
        shutil.copy(ROOT / "solutions" / language / "01_padding.ipynb", self.source)
        # A teacher has tried the source, and solved a part.
        self.source.with_name("masklens-progress.jsonl").write_text("{}\n", encoding="utf-8")
        shutil.copy(CONFIG, folder)
        self.run(COMMANDS[0])
        for student in students:
            self.hand_in(student)
        self.handed_in = {student: self.notebook("submitted", student) for student in students}
        for command in COMMANDS[1:]:
            self.run(command)

    def run(self, command: str) -> str:
        # nbgrader runs alembic, which stands beside this Python.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        done = subprocess.run(
            [sys.executable, "-m", *command.split()],
            cwd=self.folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def path(self, step: str, student: str, ending: str = "ipynb") -> Path:
        return self.folder / step / student / "padding" / f"01_padding.{ending}"

    def notebook(self, step: str, student: str) -> str:
        return self.path(step, student).read_text(encoding="utf-8")

    def hand_in(self, student: str) -> None:
        handed_out = self.folder / "release" / "padding" / "01_padding.ipynb"
        book: Any = nbformat.read(handed_out, as_version=4)
        submission = self.students[student]
        for cell in book.cells:
            cell.source = submission.cells.get(cell.id, cell.source)
        book.cells = [cell for cell in book.cells if cell.id not in submission.deleted]
        self.path("submitted", student).parent.mkdir(parents=True)
        nbformat.write(book, self.path("submitted", student))

    def points(self) -> dict[str, tuple[float, ...]]:
        with Gradebook(f"sqlite:///{self.folder}/gradebook.db") as gradebook:
            return {
                submission.student.id: tuple(
                    next(
                        grade.score
                        for grade in submission.notebooks[0].grades
                        if grade.name == name
                    )
                    for name in ("pad-by-hand-check", "pad-readings-check", "pad-for-cudnn-check")
                )
                for submission in gradebook.assignment_submissions("padding")
            }

    def feedback(self, student: str) -> str:
        return self.path("feedback", student, "html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Class:
    return Class(tmp_path_factory.mktemp("class"), "en", ENGLISH)


@pytest.fixture(scope="module")
def korean(tmp_path_factory: pytest.TempPathFactory) -> Class:
    return Class(tmp_path_factory.mktemp("수업"), "ko", KOREAN)


def test_each_student_gets_the_points_deserved(english: Class) -> None:
    expected = {student: submission.points for student, submission in ENGLISH.items()}
    assert english.points() == expected


def test_a_class_in_korean_gets_the_points_deserved(korean: Class) -> None:
    expected = {student: submission.points for student, submission in KOREAN.items()}
    assert korean.points() == expected


def test_what_was_handed_in_stays_as_it_was(english: Class) -> None:
    for student, notebook in english.handed_in.items():
        assert english.notebook("submitted", student) == notebook
        assert [path.name for path in english.path("submitted", student).parent.iterdir()] == [
            "01_padding.ipynb"
        ]


def test_nobodys_progress_is_handed_out_or_written(english: Class) -> None:
    found = english.folder.rglob("masklens-progress*")
    assert [path.parent for path in found] == [english.source.parent]


def test_the_source_is_unchanged_and_what_is_handed_out_has_no_solution(english: Class) -> None:
    ours = ROOT / "solutions" / "en" / "01_padding.ipynb"
    assert english.source.read_bytes() == ours.read_bytes()
    released = (english.folder / "release/padding/01_padding.ipynb").read_text(encoding="utf-8")
    assert (
        "q.grade" not in released and "SOLUTION" not in released and "text or [1]" not in released
    )


def test_students_of_a_hub_have_what_would_be_handed_out(english: Class) -> None:
    ours = ROOT / "exercises" / "en" / "01_padding.ipynb"
    books = [english.folder / "release/padding/01_padding.ipynb", ours]
    released, given = (
        [(cell.id, cell.source) for cell in nbformat.read(path, as_version=4).cells]
        for path in books
    )
    assert released == given


SENTENCES = {
    "wrong": "Your zeros stand in front of the tokens.",
    "blank": "to fill in.",
    "endless": "It took longer than 10 seconds and was stopped.",
    "raises": "Your code raised an exception.",
    "edited": "no array of numbers",
}


@pytest.mark.parametrize("student", SENTENCES)
def test_feedback_says_what_is_wrong(english: Class, student: str) -> None:
    assert SENTENCES[student] in english.feedback(student)
    assert "masklens-verdict" in english.feedback(student)


def test_feedback_holds_no_path_of_the_teachers_machine(english: Class) -> None:
    for student in SENTENCES:
        assert str(ROOT) not in english.feedback(student)


def test_feedback_in_a_korean_class_is_korean(korean: Class) -> None:
    assert "0이 토큰 앞에 있습니다." in korean.feedback("wrong")
    assert "맞았습니다" in korean.feedback("김하늘")


def test_validation_sees_what_is_wrong(english: Class) -> None:
    shown = {
        student: english.run(f"nbgrader validate submitted/{student}/padding/01_padding.ipynb")
        for student in ("right", "wrong")
    }
    assert "Success" in shown["right"]
    assert "FAILED ON 1 CELL" in shown["wrong"] and SENTENCES["wrong"] in shown["wrong"]


def test_the_page_for_teachers_holds_every_command_in_both_languages() -> None:
    for page in (PAGE, (ROOT / "docs" / "grading.ko.md").read_text(encoding="utf-8")):
        assert [command for command in COMMANDS if command not in page] == []
        assert "nbgrader validate" in page


def test_the_count_of_mistakes_on_the_page_counts_them(
    english: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(english.folder)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, {})
    counted = {
        tuple(line.split()[1:]): int(line.split()[0]) for line in printed.getvalue().splitlines()
    }
    assert counted[("pad-readings", "too-slow")] == 1
    assert counted[("pad-by-hand", "pads-in-front")] == 1
    assert counted[("pad-for-cudnn", "right")] == 7
