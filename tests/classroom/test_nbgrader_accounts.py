"""nbgrader from release to feedback, by its own commands, as a teacher and two students.

It needs root, as it makes accounts and removes them: pytest -m accounts tests/classroom
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from pwd import getpwnam

import nbformat
import pytest
from nbgrader.api import Gradebook

from tests.classroom.hub import opened
from tests.classroom.nbgrader_commands import in_one_process

pytestmark = pytest.mark.accounts

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "pages" / "en" / "grading.md").read_text(encoding="utf-8")
NEEDED = [ROOT, Path(sys.prefix), Path(sys.base_prefix)]  # they may lie in a closed folder
RUNUSER = shutil.which("runuser") or "/usr/sbin/runuser"
WRONG = "padded = [[0, 4, 8], [16, 23, 42], [0, 0, 7]]"
RIGHT = "padded = [[4, 8, 0], [16, 23, 42], [7, 0, 0]]"


class Account:
    """An account of the system with a home folder, whose owner types commands in a terminal."""

    def __init__(self, who: str, machine: Path) -> None:
        self.name, self.machine = f"mask-{who}-{os.getpid()}", machine
        self.home = machine / "homes" / self.name

    def make(self) -> None:
        # What is fetched from the exchange is readable by all, so the home folder must be closed.
        command = ["useradd", "--create-home", "-K", "HOME_MODE=0700", "--home-dir", self.home]
        subprocess.run([*command, self.name], check=True)

    def remove(self) -> None:
        """Removes the account with all that it runs, if it was made."""
        with suppress(KeyError):
            uid = str(getpwnam(self.name).pw_uid)
            subprocess.run(["pkill", "-KILL", "-U", uid], check=False)
            subprocess.run(["userdel", "--force", self.name], check=True)

    def try_to(self, command: str, folder: str = ".") -> subprocess.CompletedProcess[str]:
        # As the hub starts a server: with its programs, and with files that are the owner's alone.
        line = f"umask 077; cd {folder}; {command}"
        environment = {
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.defpath]),
            # This machine may have an exchange of its own.
            "JUPYTER_CONFIG_PATH": str(self.machine / "jupyter"),
        }
        return subprocess.run(
            [*opened(NEEDED), RUNUSER, "-u", self.name, "--", "sh", "-c", line],
            cwd=self.home,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",  # of a database
            timeout=300,
        )

    def run(self, command: str, folder: str = ".") -> str:
        done = self.try_to(command, folder)
        assert done.returncode == 0, f"{self.name}: {command}\n{done.stdout}"
        return done.stdout

    def nbgrader(self, *commands: str, folder: str = ".") -> str:
        """Types commands of nbgrader for the assignment, and returns what they say."""
        lines = [f"nbgrader {command}" for command in commands]
        return self.run(shlex.join(in_one_process(*lines)), folder)

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
    """A teacher and two students, who have gone through an assignment."""

    def __init__(self, machine: Path, teacher: Account, careful: Account, hasty: Account) -> None:
        self.teacher, self.careful, self.hasty = teacher, careful, hasty
        self.course, self.exchange = teacher.home / "my-class", machine / "exchange"
        (machine / "jupyter").mkdir()
        settings = {"Exchange": {"root": str(self.exchange)}}
        (machine / "jupyter" / "nbgrader_config.json").write_text(json.dumps(settings))
        (make,) = re.findall("sudo (install .+) /usr/local/share/nbgrader/exchange", PAGE)
        subprocess.run([*make.split(), self.exchange], check=True)

    def teach(self) -> None:
        """What stands on the page, in its order."""
        teacher, students = self.teacher, (self.careful, self.hasty)
        teacher.run("mkdir -m 700 my-class; mkdir -p my-class/source/padding")
        teacher.run(f"cp {ROOT}/classroom/nbgrader_config.py my-class")
        teacher.run(f"cp {ROOT}/solutions/en/01_padding.ipynb my-class/source/padding")
        teacher.nbgrader(
            "generate_assignment padding", "release_assignment padding", folder="my-class"
        )
        for student, answer in zip(students, (RIGHT, WRONG), strict=True):
            student.nbgrader("fetch_assignment padding --course masks")
            student.solve(answer)
            said = student.nbgrader(
                "validate padding/01_padding.ipynb", "submit padding --course masks"
            )
            assert f"FAILED ON {2 if answer == RIGHT else 3} CELL" in said
        steps = ("collect", "autograde", "generate_feedback", "release_feedback")
        teacher.nbgrader(*[f"{step} padding" for step in steps], folder="my-class")
        for student in students:
            student.nbgrader("fetch_feedback padding --course masks")


@pytest.fixture(scope="module")
def lesson() -> Iterator[Class]:
    machine = Path(tempfile.mkdtemp(prefix="class-"))
    machine.chmod(0o755)
    (machine / "homes").mkdir()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, machine)
        accounts = [Account(who, machine) for who in ("teacher", "careful", "hasty")]
        for account in accounts:
            stack.callback(account.remove)
        for account in accounts:
            account.make()
        found = Class(machine, *accounts)
        found.teach()
        yield found


def test_each_student_fetches_what_the_check_said_of_the_own_answer(lesson: Class) -> None:
    said = {}
    for student in (lesson.careful, lesson.hasty):
        (page,) = student.home.glob("padding/feedback/*/01_padding.html")
        assert student.may_read(page)
        said[student] = "Your zeros stand in front of the tokens." in page.read_text()
    assert said == {lesson.careful: False, lesson.hasty: True}


def test_the_gradebook_knows_the_students_by_their_accounts(lesson: Class) -> None:
    with Gradebook(f"sqlite:///{lesson.course}/gradebook.db") as gradebook:
        points = {one.student.id: one.score for one in gradebook.assignment_submissions("padding")}
    assert points == {lesson.careful.name: 1, lesson.hasty.name: 0}


def test_a_student_reads_neither_solutions_nor_anothers_work(lesson: Class) -> None:
    (submitted,) = (lesson.exchange / "masks" / "inbound").glob(f"{lesson.careful.name}+*")
    closed = [
        lesson.course / "source" / "padding" / "01_padding.ipynb",
        lesson.course / "submitted" / lesson.careful.name,
        lesson.course / "feedback" / lesson.careful.name,
        lesson.course / "gradebook.db",
        lesson.careful.home / "padding" / "01_padding.ipynb",
        # Names that nobody can guess, in folders that list nothing.
        submitted.parent,
        lesson.exchange / "masks" / "feedback",
    ]
    assert [path for path in closed if lesson.hasty.may_read(path)] == []
    assert all(map(lesson.teacher.may_read, closed[:4]))
    released = lesson.exchange / "masks" / "outbound" / "padding" / "01_padding.ipynb"
    assert lesson.hasty.may_read(released)
    assert "q.grade" not in released.read_text() and "text or [1]" not in released.read_text()


def test_a_student_cannot_put_another_folder_in_the_place_of_the_courses(lesson: Class) -> None:
    course = lesson.exchange / "masks"
    assert lesson.hasty.try_to(f"mv '{course}' '{course}-away'").returncode != 0
    assert course.exists()


def test_work_handed_in_under_anothers_name_is_told(lesson: Class) -> None:
    lesson.hasty.nbgrader(f"submit padding --course masks --student {lesson.careful.name}")
    told = lesson.teacher.nbgrader("collect padding --update", folder="my-class")
    assert "cheating attempt" in told
