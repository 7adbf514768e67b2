"""nbgrader from release to feedback, by its own commands, as a teacher and two students."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from tests.classroom.class_accounts import COMMAND, EXCHANGE, PREFIX, ROOT, STUDENTS, TEACHER
from tests.classroom.hub import opened
from tests.classroom.nbgrader_commands import in_one_process

pytestmark = pytest.mark.accounts

PAGE = (ROOT / "pages" / "en" / "grading.md").read_text(encoding="utf-8")
RUNUSER = shutil.which("runuser") or "/usr/sbin/runuser"
NEEDED = [ROOT, Path(sys.prefix), Path(sys.base_prefix)]  # they may lie in a closed folder
# This machine may have a course of the name that the settings give.
COURSE = f"{PREFIX}masks"
WRONG = "padded = [[0, 4, 8], [16, 23, 42], [0, 0, 7]]"
RIGHT = "padded = [[4, 8, 0], [16, 23, 42], [7, 0, 0]]"


class Account:
    """Somebody of the class, who types commands in a terminal."""

    def __init__(self, name: str) -> None:
        self.name, self.home = name, Path("/home", name)

    def try_to(self, command: str) -> subprocess.CompletedProcess[str]:
        # As the hub starts a server: with its programs, and with files that are the owner's alone.
        environment = {
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.defpath]),
        }
        return subprocess.run(
            [
                *opened(NEEDED),
                RUNUSER,
                "-u",
                self.name,
                "--",
                "sh",
                "-c",
                f"umask 077; {command}",
            ],
            cwd=self.home,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",  # of a database
            timeout=300,
        )

    def run(self, command: str) -> str:
        done = self.try_to(command)
        assert done.returncode == 0, f"{self.name}: {command}\n{done.stdout}"
        return done.stdout

    def nbgrader(self, *commands: str, folder: str = ".") -> str:
        """Types commands of nbgrader for the course, and returns what they say."""
        lines = [f"nbgrader {command} --course {COURSE}" for command in commands]
        return self.run(f"cd {folder}; {shlex.join(in_one_process(*lines))}")

    def may_read(self, path: Path) -> bool:
        assert path.exists()
        return self.try_to(f"find '{path}' -type f -exec cat {{}} + -o -type d -ls").returncode == 0

    def solve(self, answer: str) -> None:
        path = self.home / "padding" / "01_padding.ipynb"
        book = nbformat.read(path, as_version=4)
        (cell,) = [cell for cell in book.cells if cell.id == "pad-by-hand-answer"]
        cell.source = answer
        nbformat.write(book, path)  # whose owner stays


class Class:
    """A teacher and two students, who go through an assignment as it stands on the page."""

    def __init__(self) -> None:
        self.teacher, self.careful, self.hasty = map(Account, (TEACHER, *STUDENTS[:2]))
        self.course = self.teacher.home / "my-class"
        teacher, students = self.teacher, (self.careful, self.hasty)
        teacher.run("mkdir -m 700 my-class; mkdir -p my-class/source/padding")
        teacher.run(f"cp {ROOT}/classroom/nbgrader_config.py my-class")
        teacher.run(f"cp {ROOT}/solutions/en/01_padding.ipynb my-class/source/padding")
        teacher.nbgrader(
            "generate_assignment padding", "release_assignment padding", folder="my-class"
        )
        for student, answer in zip(students, (RIGHT, WRONG), strict=True):
            student.nbgrader("fetch_assignment padding")
            student.solve(answer)
            said = student.nbgrader("validate padding/01_padding.ipynb", "submit padding")
            assert f"FAILED ON {2 if answer == RIGHT else 3} CELL" in said
        steps = ("collect", "autograde", "generate_feedback", "release_feedback")
        teacher.nbgrader(*[f"{step} padding" for step in steps], folder="my-class")
        for student in students:
            student.nbgrader("fetch_feedback padding")


@pytest.fixture(scope="module")
def lesson(passwords: dict[str, str]) -> Class:
    return Class()


def test_the_page_has_the_exchange_made_as_the_accounts_do() -> None:
    (made,) = re.findall(f"sudo (install .+ {EXCHANGE})", PAGE)
    assert f"\n{made}\n" in COMMAND.read_text()


def test_each_student_gets_the_points_and_what_the_check_said_of_the_own_answer(
    lesson: Class,
) -> None:
    said = {}
    for student in (lesson.careful, lesson.hasty):
        (page,) = student.home.glob("padding/feedback/*/01_padding.html")
        assert student.may_read(page)
        said[student.name] = "Your zeros come before the tokens." in page.read_text()
    assert said == {lesson.careful.name: False, lesson.hasty.name: True}
    with Gradebook(f"sqlite:///{lesson.course}/gradebook.db") as gradebook:
        points = {one.student.id: one.score for one in gradebook.assignment_submissions("padding")}
    assert points == {lesson.careful.name: 1, lesson.hasty.name: 0}


def test_a_student_reads_neither_solutions_nor_anothers_work(lesson: Class) -> None:
    (submitted,) = (EXCHANGE / COURSE / "inbound").glob(f"{lesson.careful.name}+*")
    closed = [
        lesson.course / "source" / "padding" / "01_padding.ipynb",
        lesson.course / "submitted" / lesson.careful.name,
        lesson.course / "feedback" / lesson.careful.name,
        lesson.course / "gradebook.db",
        lesson.careful.home / "padding" / "01_padding.ipynb",
        # Names that nobody can guess, in folders that list nothing.
        submitted.parent,
        EXCHANGE / COURSE / "feedback",
    ]
    assert [path for path in closed if lesson.hasty.may_read(path)] == []
    assert all(map(lesson.teacher.may_read, closed[:4]))
    released = EXCHANGE / COURSE / "outbound" / "padding" / "01_padding.ipynb"
    assert lesson.hasty.may_read(released)
    assert "q.grade" not in released.read_text() and "text or [1]" not in released.read_text()


def test_a_student_cannot_put_another_folder_in_the_place_of_the_courses(lesson: Class) -> None:
    course = EXCHANGE / COURSE
    assert lesson.hasty.try_to(f"mv '{course}' '{course}-away'").returncode != 0
    assert course.exists()


def test_work_handed_in_under_anothers_name_is_told(lesson: Class) -> None:
    lesson.hasty.nbgrader(f"submit padding --student {lesson.careful.name}")
    told = lesson.teacher.nbgrader("collect padding --update", folder="my-class")
    assert "cheating attempt" in told
