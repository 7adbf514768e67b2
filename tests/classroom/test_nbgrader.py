"""A made-up class hands in, and the real nbgrader grades it with our sources unchanged."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbgrader.api import Gradebook

from tests.classroom.nbgrader_commands import in_one_process
from tests.kernel.kernels import start_jupyter

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "pages" / "en" / "grading.md").read_text(encoding="utf-8")
CONFIG = ROOT / "classroom" / "nbgrader_config.py"
COMMANDS = (
    "nbgrader generate_assignment padding",
    "nbgrader autograde padding",
    "nbgrader generate_feedback padding",
    "nbgrader export",
)
EXCHANGE = (
    "nbgrader release_assignment padding",
    "nbgrader fetch_assignment padding --course masks",
    "nbgrader validate padding/01_padding.ipynb",
    "nbgrader submit padding --course masks",
    "nbgrader collect padding",
    "nbgrader release_feedback padding",
    "nbgrader fetch_feedback padding --course masks",
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
ENDLESS = "def pad_readings(series, value):\n    while True:\n        pass"
RAISES = "def pad_readings(series, value):\n    return series['first']"
IN_KOREAN = """def 채우기(시계열, 값):
    가장_긴 = max(len(한_줄) for 한_줄 in 시계열)
    return [[*한_줄, *[값] * (가장_긴 - len(한_줄))] for 한_줄 in 시계열]


pad_readings = 채우기"""


@dataclass(frozen=True)
class Submission:
    """What a student hands in, and the points for each of the three exercises, of 1, 1 and 2."""

    points: tuple[float, float, float]
    cells: Mapping[str, str] = field(default_factory=lambda: RIGHT)
    deleted: tuple[str, ...] = ()
    notebook: str = "01_padding"


STUDENTS = {
    "wrong": Submission(
        (0, 0, 0),
        {
            "pad-by-hand-answer": "padded = [[0, 4, 8], [16, 23, 42], [0, 0, 7]]",
            "pad-readings-answer": RAISES,
        },
    ),
    "meddler": Submission(
        (0, 0, 2),
        {
            **RIGHT,
            "pad-readings-answer": ENDLESS,
            "pad-readings-check": "print('all points, please')",
        },
        deleted=("pad-by-hand-answer", "pad-by-hand-check", "pad-for-cudnn-check"),
    ),
    # All but the empty texts: two of three conditions, down to a half of a point.
    "part": Submission(
        (1, 1, 1),
        {
            **RIGHT,
            "pad-for-cudnn-answer": CUDNN.replace("[1]", "[2]"),
        },
    ),
    # Right for the texts of the notebook only.
    "fitted": Submission(
        (1, 1, 0), {**RIGHT, "pad-for-cudnn-answer": CUDNN.replace(".ids", ".ids[:4, :5]")}
    ),
    "김하늘": Submission(
        (1, 1, 2), {**RIGHT, "pad-readings-answer": IN_KOREAN}, notebook="01_패딩"
    ),
}
SENTENCES = {
    "wrong": [
        "Your zeros come before the tokens.",
        "Your code raised an exception.",
        "to fill in.",
    ],
    "part": [
        "An empty text has not become one unknown word",
        "1 of 2 points",
        "pad_for_cudnn([[5, 3], [], ",
    ],
    "fitted": ["Not every text has kept its ids"],
    "meddler": ["It took longer than 10 seconds and was stopped."],
    "김하늘": ["맞았습니다"],
}


class Class:
    """A folder of nbgrader's, with the assignment `padding`: a notebook in each language."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        # nbgrader runs alembic, which stands beside this Python.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.folder, self.environment = folder, environment | {"PATH": path}
        self.source = folder / "source" / "padding"
        self.source.mkdir(parents=True)
        for language, name in (("en", "01_padding"), ("ko", "01_패딩")):
            ours = ROOT / "solutions" / language / "01_padding.ipynb"
            shutil.copy(ours, self.source / f"{name}.ipynb")
        # A teacher has tried the source, and solved a part.
        (self.source / "masklens-progress.jsonl").write_text("{}\n", encoding="utf-8")
        shutil.copy(CONFIG, folder)
        self.run(COMMANDS[0])
        for student in STUDENTS:
            self.hand_in(student)
        self.handed_in = {student: self.notebook("submitted", student) for student in STUDENTS}
        self.run(*COMMANDS[1:])

    def run(self, *commands: str) -> None:
        done = subprocess.run(
            in_one_process(*commands),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def path(self, step: str, student: str, ending: str = "ipynb") -> Path:
        name = f"{STUDENTS[student].notebook}.{ending}"
        return self.folder / step / student / "padding" / name

    def notebook(self, step: str, student: str) -> str:
        return self.path(step, student).read_text(encoding="utf-8")

    def hand_in(self, student: str) -> None:
        submission = STUDENTS[student]
        handed_out = self.folder / "release" / "padding" / f"{submission.notebook}.ipynb"
        book: Any = nbformat.read(handed_out, as_version=4)
        for cell in book.cells:
            cell.source = submission.cells.get(cell.id, cell.source)
        book.cells = [cell for cell in book.cells if cell.id not in submission.deleted]
        self.path("submitted", student).parent.mkdir(parents=True)
        nbformat.write(book, self.path("submitted", student))

    def points(self) -> dict[str, tuple[float, ...]]:
        with Gradebook(f"sqlite:///{self.folder}/gradebook.db") as gradebook:
            return {
                submission.student.id: tuple(
                    sum(
                        grade.score
                        for book in submission.notebooks
                        for grade in book.grades
                        if grade.name == name
                    )
                    for name in ("pad-by-hand-check", "pad-readings-check", "pad-for-cudnn-check")
                )
                for submission in gradebook.assignment_submissions("padding")
            }

    def feedback(self, student: str) -> str:
        return self.path("feedback", student, "html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Class]:
    for jupyter in start_jupyter(tmp_path_factory.mktemp("kernels")):
        yield Class(tmp_path_factory.mktemp("수업"), jupyter.environment)
        assert len(jupyter.parents()) == 1


def test_each_student_gets_the_points_deserved(graded: Class) -> None:
    assert graded.points() == {name: submission.points for name, submission in STUDENTS.items()}


def test_what_was_handed_in_stays_as_it_was(graded: Class) -> None:
    for student, notebook in graded.handed_in.items():
        path = graded.path("submitted", student)
        assert path.read_text(encoding="utf-8") == notebook
        assert list(path.parent.iterdir()) == [path]


def test_nobodys_progress_is_handed_out_or_written(graded: Class) -> None:
    found = graded.folder.rglob("masklens-progress*")
    assert [path.parent for path in found] == [graded.source]


def test_the_source_is_unchanged_and_what_is_handed_out_has_no_solution(graded: Class) -> None:
    ours = ROOT / "solutions" / "en" / "01_padding.ipynb"
    assert (graded.source / ours.name).read_bytes() == ours.read_bytes()
    released = (graded.folder / "release/padding/01_padding.ipynb").read_text(encoding="utf-8")
    assert (
        "q.grade" not in released and "SOLUTION" not in released and "text or [1]" not in released
    )


def test_students_of_a_hub_have_what_would_be_handed_out(graded: Class) -> None:
    ours = ROOT / "exercises" / "en" / "01_padding.ipynb"
    books = [graded.folder / "release/padding/01_padding.ipynb", ours]
    released, given = (
        [(cell.id, cell.source) for cell in nbformat.read(path, as_version=4).cells]
        for path in books
    )
    assert released == given


@pytest.mark.parametrize("student", SENTENCES)
def test_feedback_says_what_is_wrong(graded: Class, student: str) -> None:
    said = graded.feedback(student)
    assert [sentence for sentence in SENTENCES[student] if sentence not in said] == []
    assert "masklens-verdict" in said
    assert str(ROOT) not in said  # no path of the teacher's machine


def test_the_page_for_teachers_holds_every_command_in_both_languages() -> None:
    for page in (PAGE, (ROOT / "pages" / "ko" / "grading.md").read_text(encoding="utf-8")):
        assert [command for command in COMMANDS + EXCHANGE if command not in page] == []


def test_the_count_of_mistakes_on_the_page_counts_them(
    graded: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(graded.folder)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, {})
    counted = {
        tuple(line.split()[1:]): int(line.split()[0]) for line in printed.getvalue().splitlines()
    }
    assert counted[("pad-readings", "too-slow")] == 1
    assert counted[("pad-by-hand", "pads-in-front")] == 1
    assert counted[("pad-for-cudnn", "right")] == 2
