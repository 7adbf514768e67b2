"""The real nbgitpuller and nbdime bring a student's copy up to date, and no work is lost."""

import os
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import nbformat
import pytest
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from nbformat.sign import NotebookNotary

from classroom import pull

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PULL = ROOT / "classroom" / "pull.py"
BRANCH = "main"
LESSON, OTHER, SAME, BROKEN, STRANGE = (
    f"notebooks/ko/{name}.ipynb"
    for name in (
        *("01_padding", "02_mask_generators", "03_propagation"),
        *("05_masks_by_hand", "06_layers_that_change_masks"),
    )
)
NEW, DATA = "notebooks/ko/08_attention.ipynb", "수업 자료/데이터 1.csv"


def git(folder: Path, *arguments: str) -> str:
    author = ["-c", "user.name=Teacher", "-c", "user.email=teacher@example.org"]
    command = ["git", "-C", str(folder), *author, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Course:
    """The repository of the course, as its authors change it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.url = folder, folder.as_uri()
        if folder.exists():
            return
        for name in (LESSON, OTHER, SAME, BROKEN, STRANGE, "README.md", ".gitignore"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        git(folder, "init", "--quiet", "--initial-branch", BRANCH)
        self.publish()

    def publish(self) -> None:
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--message", "Update the course")

    def change(self, name: str, change: Callable[[Any], None]) -> None:
        book = nbformat.read(self.folder / name, as_version=4)
        change(book)
        nbformat.write(book, self.folder / name)


class Student:
    """A home folder with a copy of the course, which its owner changes in JupyterLab."""

    def __init__(self, home: Path, course: Course) -> None:
        self.home, self.copy, self.course = home, home / "masklens", course
        home.mkdir(exist_ok=True)
        # In nobody's way, although pull.py and what it runs import random.
        (home / "random.py").write_text("raise SystemExit('the random.py of a student')")
        # A student's own Jupyter, git and Python; nothing of ours.
        self.environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}

    def path(self, name: str) -> Path:
        return self.copy / name

    def book(self, name: str) -> Any:
        book = nbformat.read(self.path(name), as_version=4)
        nbformat.validate(book)
        return book

    def save(self, name: str, change: Callable[[Any], None]) -> None:
        """Opens a notebook, changes it and saves it, as the server of JupyterLab does."""
        server = LargeFileManager(root_dir=str(self.copy))
        server.notary = self.notary()
        model = server.get(name)
        change(model["content"])
        for cell in code_cells(model["content"]):
            cell.metadata["trusted"] = True  # what Lab says of a cell that was run in it
        server.save(model, name)

    def notary(self) -> NotebookNotary:
        data = self.home / ".local/share/jupyter"
        data.mkdir(parents=True, exist_ok=True)
        return NotebookNotary(data_dir=str(data))

    def trusts(self, name: str) -> bool:
        return bool(self.notary().check_signature(self.book(name)))

    def run(self, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            list(map(str, command)),
            cwd=self.home,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def pull(self, url: str | None = None, branch: str = BRANCH, language: str = "en") -> str:
        """Pulls as the hub does before a server starts, and returns what the student is told."""
        note = self.home / pull.NOTES
        note.unlink(missing_ok=True)
        command = [sys.executable, "-P", PULL, url or self.course.url, branch, self.copy]
        done = self.run(*command, MASKLENS_LANGUAGE=language)
        assert done.returncode == 0, done.stderr
        return note.read_text(encoding="utf-8") if note.exists() else ""

    def gitpuller(self) -> None:
        """Pulls as a git-pull link does in the student's server; it tells nobody anything."""
        command = Path(sys.executable).with_name("gitpuller")
        done = self.run(command, self.course.url, BRANCH, self.copy)
        assert done.returncode == 0, done.stdout + done.stderr

    def files(self) -> dict[str, bytes]:
        """What stands in the home folder, apart from what git and Jupyter keep for themselves."""
        return {
            path.relative_to(self.home).as_posix(): path.read_bytes()
            for path in self.home.rglob("*")
            if path.is_file() and not {".git", ".local", pull.NOTES} & set(path.parts)
        }


NAME = "김 하늘"


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a course and of a student with a fresh copy of it."""
    folder = tmp_path_factory.mktemp("class")
    assert Student(folder / NAME, Course(folder / "course")).pull() == ""
    return folder


def class_in(first_day: Path, folder: Path) -> tuple[Course, Student]:
    """A copy of the first day's class."""
    course = Course(shutil.copytree(first_day / "course", folder / "course"))
    student = Student(shutil.copytree(first_day / NAME, folder / NAME), course)
    git(student.copy, "remote", "set-url", "origin", course.url)
    return course, student


@pytest.fixture
def student(first_day: Path, tmp_path: Path) -> Student:
    """Hangul and a space in the name, and a copy of the course."""
    return class_in(first_day, tmp_path)[1]


@pytest.fixture
def course(student: Student) -> Course:
    return student.course


def code_cells(book: Any) -> list[Any]:
    return [cell for cell in book.cells if cell.cell_type == "code"]


def append(text: str) -> Callable[[Any], None]:
    """Adds a line to a notebook's last code cell."""

    def change(book: Any) -> None:
        code_cells(book)[-1].source += f"\n{text}"

    return change


def study(book: Any) -> None:
    """A student's lesson: code changed and run, a cell of the student's own, another deleted."""
    cell = code_cells(book)[1]
    cell.source += "\nprint('해 봤다')"
    cell.execution_count = 17
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="해 봤다\n")]
    own = nbformat.v4.new_code_cell("1 / 0  # 왜?", id="own", execution_count=18)
    error = nbformat.v4.new_output("error", ename="ZeroDivisionError", evalue="division by zero")
    own.outputs = [error]
    book.cells.insert(book.cells.index(cell) + 1, own)


# --- Both survive ---------------------------------------------------------------------------------


def test_a_git_pull_link_merges_too(student: Student, course: Course) -> None:
    student.save(LESSON, study)
    edited = student.book(LESSON)
    course.change(LESSON, append("print('news')"))
    course.publish()
    student.gitpuller()
    append("print('news')")(edited)
    assert student.book(LESSON) == edited


@dataclass(frozen=True)
class News:
    """A student whose work the course's news have met, and what the student was told.

    Args:
        before: the student's files before.
        again: what the student is told at the next start, when nothing is new.
    """

    student: Student
    course: Course
    before: dict[str, bytes]
    told: str
    again: str

    def book_before(self, name: str) -> Any:
        return nbformat.reads(self.before[f"masklens/{name}"].decode(), as_version=4)


@pytest.fixture(scope="module")
def news(first_day: Path, tmp_path_factory: pytest.TempPathFactory) -> News:
    """Every kind of change that a student and the course make, in files of their own."""
    course, student = class_in(first_day, tmp_path_factory.mktemp("news"))
    student.save(LESSON, study)
    student.save(OTHER, study)
    student.save(SAME, append("mine = 1"))
    student.path(BROKEN).write_text("<<<<<<< mine")
    stranger = student.book(STRANGE)
    study(stranger)
    nbformat.write(stranger, student.path(STRANGE))
    for name in (LESSON, SAME, BROKEN, STRANGE):
        course.change(name, append("theirs = 1"))
    shutil.copy(ROOT / "notebooks/ko/07_opting_in.ipynb", course.folder / NEW)
    # Of the same text as another file that leaves: git would call it renamed.
    for folder, text in (
        (student.copy, b"mine\n"),
        (course.folder, (course.folder / "README.md").read_bytes()),
    ):
        (folder / DATA).parent.mkdir(parents=True)
        (folder / DATA).write_bytes(text)
    for name in (OTHER, "README.md"):
        (course.folder / name).unlink()
    course.publish()
    before = student.files()
    return News(student, course, before, student.pull(), student.pull())


def test_what_a_student_and_the_course_changed_survives(news: News) -> None:
    for name in (LESSON, STRANGE):
        edited = news.book_before(name)
        append("theirs = 1")(edited)
        assert news.student.book(name) == edited
    assert news.student.path(NEW).read_bytes() == (news.course.folder / NEW).read_bytes()
    assert news.student.path(OTHER).read_bytes() == news.before[f"masklens/{OTHER}"]


def test_a_student_is_told_where_the_course_changed_the_same_cell(news: News) -> None:
    cells = news.student.book(SAME).cells
    (number,) = [number for number, cell in enumerate(cells, 1) if "mine = 1" in cell.source]
    first = cells[number - 1].source.splitlines()[0]
    assert f"In `{SAME}` you and the course changed the same cells" in news.told
    assert f"cell {number} (`{first}`). Yours were kept" in news.told
    # That, and of the two files below; nothing is told again.
    assert news.told.count("\n- ") == 3
    assert news.again == ""


def test_a_file_that_is_no_notebook_any_more_is_kept_and_told(news: News) -> None:
    assert f"`{BROKEN}` could not be merged with the course's" in news.told
    assert news.student.path(BROKEN).read_text() == "<<<<<<< mine"


def test_a_students_file_makes_room_for_a_new_one_of_the_course(news: News) -> None:
    copy = news.student.copy
    assert (copy / DATA).read_bytes() == (news.course.folder / DATA).read_bytes()
    (moved,) = [path for path in copy.rglob("*__*") if path.read_bytes() == b"mine\n"]
    assert f"Yours is now `{moved.relative_to(copy)}`" in news.told


def test_outputs_of_the_course_are_shown_and_those_of_strangers_are_not(
    news: News, student: Student
) -> None:
    assert student.trusts(LESSON) and student.trusts(STRANGE)  # fresh copies
    assert news.student.trusts(LESSON) and news.student.trusts(NEW)
    assert not news.student.trusts(STRANGE)


def test_a_course_with_nothing_new_changes_nothing(student: Student) -> None:
    student.save(LESSON, study)
    first = student.files()
    assert (student.pull(), student.pull()) == ("", "")
    assert student.files() == first


def test_a_lesson_that_a_student_deleted_or_renamed_comes_again(student: Student) -> None:
    student.save(LESSON, study)
    mine = student.path("notebooks/ko/내 노트.ipynb")
    student.path(LESSON).rename(mine)
    text = mine.read_bytes()
    assert student.pull() == ""
    assert mine.read_bytes() == text
    assert student.path(LESSON).read_bytes() == (ROOT / LESSON).read_bytes()


# --- What cannot be pulled ------------------------------------------------------------------------


@pytest.fixture
def at_work(student: Student, course: Course) -> Iterator[Student]:
    """A student with work that stays as it is, in files of the course and others."""
    student.save(LESSON, study)
    student.path("내 파일.txt").write_text("mine")
    course.change(LESSON, append("theirs = 1"))
    course.publish()
    before = student.files()
    yield student
    assert student.files() == before


def test_an_absent_repository_is_told(at_work: Student, tmp_path: Path) -> None:
    at_work.course.folder.rename(tmp_path / "elsewhere")
    told = at_work.pull()
    assert "Your files are as you left them" in told
    assert "does not appear to be a git repository" in told
    assert "파일은 그대로 있습니다" in at_work.pull(language="ko")


def test_an_absent_branch_is_told(at_work: Student) -> None:
    url = at_work.course.url
    assert f"{url} has no branch nope" in at_work.pull(branch="nope")
    assert at_work.run(sys.executable, PULL, "--strict", url, "nope", at_work.copy).returncode == 1


def test_a_class_may_go_on_with_another_branch(student: Student, course: Course) -> None:
    student.save(LESSON, study)
    git(course.folder, "checkout", "--quiet", "-b", "spring")
    course.change(OTHER, append("theirs = 1"))
    course.publish()
    assert student.pull(branch="spring") == ""
    assert "theirs = 1" in student.path(OTHER).read_text()
    assert "해 봤다" in student.path(LESSON).read_text()


def test_a_history_written_anew_is_told(at_work: Student, course: Course) -> None:
    shutil.rmtree(course.folder / ".git")
    git(course.folder, "init", "--quiet", "--initial-branch", BRANCH)
    course.publish()
    assert "unrelated histories" in at_work.pull()


@pytest.mark.parametrize("name", ["large.bin", LESSON])
def test_without_room_for_the_news_nothing_is_lost(
    student: Student, course: Course, name: str
) -> None:
    """Where the news cannot be fetched, and where the merged notebook cannot be written."""
    large = random.Random(0).randbytes(700_000 if name == LESSON else 3_000_000)
    if name == LESSON:
        student.save(LESSON, append(f"mine = {large[::-1].hex()[:700_000]!r}"))
        cell = nbformat.v4.new_code_cell(f"news = {large.hex()[:700_000]!r}", id="news")
        course.change(LESSON, lambda book: book.cells.insert(0, cell))
    else:
        (course.folder / name).write_bytes(large)
    course.publish()
    before = student.files()
    # No file may grow beyond a MiB, as on a disk that is full.
    command = ["sh", "-c", 'ulimit -f 2048; exec "$@"', "sh", sys.executable, PULL]
    stopped = student.run(*command, course.url, BRANCH, student.copy)
    assert stopped.returncode == 0, stopped.stderr
    told = (student.home / pull.NOTES).read_text(encoding="utf-8")
    assert "Your files are as you left them" in told
    assert student.files() == before


def test_while_another_pull_is_at_work_it_does_nothing(at_work: Student) -> None:
    lock = at_work.copy / ".git" / "index.lock"
    lock.touch()
    assert "Try again in a few minutes" in at_work.pull()
    assert lock.exists()


class Refuses(BaseHTTPRequestHandler):
    """Asks everybody for a password."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", "Basic")
        self.end_headers()


def test_nobody_is_asked_for_a_password(at_work: Student) -> None:
    with HTTPServer(("127.0.0.1", 0), Refuses) as server:
        Thread(target=server.serve_forever).start()
        told = at_work.pull(f"http://127.0.0.1:{server.server_port}/course")
        server.shutdown()
    assert "terminal prompts disabled" in told


def test_a_server_that_never_answers_is_given_up(
    student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "PATIENCE_WITH_GIT", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"git://127.0.0.1:{silent.getsockname()[1]}/course"
        with pytest.raises(pull.PullError, match="longer than 2 seconds"):
            pull.pull(url, BRANCH, student.copy)


def test_a_folder_of_the_students_own_is_left_alone(tmp_path: Path, course: Course) -> None:
    student = Student(tmp_path / "another", course)
    student.copy.mkdir()
    student.path("mine.txt").write_text("mine")
    git(student.home, "init", "--quiet")
    before = student.files()
    assert "`masklens` is not a copy of the course. Rename it" in student.pull()
    git(student.copy, "init", "--quiet")
    assert "`masklens` is not a copy of the course. Rename it" in student.pull()
    assert student.files() == before


def test_a_start_that_was_broken_off_is_in_nobodys_way(tmp_path: Path, course: Course) -> None:
    student = Student(tmp_path / "another", course)
    assert "does not appear to be" in student.pull(url=(tmp_path / "nowhere").as_uri())
    (student.home / ".masklens.coming" / ".git").mkdir(parents=True)
    assert student.pull() == ""
    assert student.path(LESSON).read_bytes() == (ROOT / LESSON).read_bytes()
    assert {path.name for path in student.home.iterdir()} == {"masklens", ".local", "random.py"}
