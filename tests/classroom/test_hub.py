"""The hub: a class logs in, works on, keeps its work through restarts, and keeps it to itself."""

import doctest
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import nbformat
import pytest
import requests
import websocket
from hub import PASSWORD, PATIENCE, ROOT, Hub, Notebook, Student, opened, wait_for

from authoring.links import Course
from classroom import checks, students
from classroom.spawner import SERVER
from classroom.students import home_of

# Of two languages, with spaces, and one whose Hangul a Mac typed in parts.
NAMES = ["김민지", "alex", "박 도윤", "kim minji", unicodedata.normalize("NFD", "최하은"), "sam"]
NAMES += ["이서준", "o-neil"]
TEACHER = "선생님"
LATER = "later"  # is on the list, but comes only in some tests
LESSON = "masklens/notebooks/{}/03_propagation.ipynb"
HALF = 14


@dataclass
class Class:
    """Students who have worked through lesson 03, with a restart in the middle."""

    hub: Hub
    students: list[Student]
    notebooks: list[Notebook]
    while_down: list[int]

    def home(self, student: Student) -> Path:
        return self.hub.folder / "homes" / unicodedata.normalize("NFC", student.name)


def _begin(student: Student) -> Notebook:
    """Logs in, and works through the first half of the lesson."""
    student.login().raise_for_status()
    student.spawn()
    notebook = student.open(LESSON.format(student.language))
    with notebook.connected():
        notebook.run(slice(HALF))
        notebook.execute(f"whose = {student.name!r}")
    return notebook


def _save_while_down(notebook: Notebook) -> int:
    """Saves without a hub; the number of outputs that the server then has."""
    notebook.save()
    content = notebook.student.ask(f"contents/{notebook.path}")["content"]
    return sum(len(cell.get("outputs", [])) for cell in content["cells"])


def _go_on(notebook: Notebook) -> None:
    """Works through the second half, and saves."""
    with notebook.connected():
        notebook.run(slice(HALF, None))
    notebook.save()


@pytest.fixture(scope="module")
def lesson(hub: Hub) -> Class:
    """Eight students at once; the hub is killed and restarted on the way, then the proxy."""
    (hub.folder / "students.txt").write_text("# class 3-2\n" + "\n".join([*NAMES, LATER]))
    hub.settings |= {
        "MASKLENS_CLASS_STUDENTS": str(len(NAMES)),
        "MASKLENS_CLASS_TEACHER": unicodedata.normalize("NFD", TEACHER),
    }
    hub.start()
    students = [Student(hub, name, "en" if n % 2 else "ko") for n, name in enumerate(NAMES)]
    with ThreadPoolExecutor(len(students)) as pool:
        notebooks = list(pool.map(_begin, students))
        hub.kill()
        wait_for("its culler ends, too", lambda: not _cullers(hub))
        saved = list(pool.map(_save_while_down, notebooks))
        hub.start()
        first = hub.proxy()
        first.kill()
        wait_for("another proxy serves", lambda: hub.proxy() != first and _serves(students[0]))
        list(pool.map(_go_on, notebooks))
    return Class(hub, students, notebooks, saved)


def _cullers(hub: Hub) -> list[Any]:
    return [one for one in hub.left() if "jupyterhub_idle_culler" in one.cmdline()]


def _serves(student: Student) -> bool:
    return student.session.get(f"{student.server}/api", timeout=PATIENCE).ok


def _text(cells: list[Any]) -> list[list[str]]:
    """What the cells print."""
    return [
        ["".join(output["text"]) for output in cell["outputs"] if output["output_type"] == "stream"]
        for cell in cells
    ]


def test_every_student_sees_what_the_course_shows(lesson: Class) -> None:
    for notebook in lesson.notebooks:
        printed = nbformat.read(ROOT / notebook.path.partition("/")[2], as_version=4)
        cells = [cell for cell in printed.cells if cell.cell_type == "code"]
        kinds = {output["output_type"] for cell in notebook.cells for output in cell["outputs"]}
        assert kinds <= {"stream", "display_data", "execute_result"}
        assert ["".join(texts) for texts in _text(notebook.cells)] == [
            "".join(texts) for texts in _text(cells)
        ]


def test_nothing_is_lost_when_hub_and_proxy_restart(lesson: Class) -> None:
    for student, notebook, saved in zip(
        lesson.students, lesson.notebooks, lesson.while_down, strict=True
    ):
        assert saved >= HALF - 5
        # The kernel is the same one, and still knows what it knew before.
        assert [one["kernel"]["id"] for one in student.ask("sessions")] == [notebook.kernel]
        with notebook.connected():
            (output,) = notebook.execute("print(whose)")
        assert output["text"].strip() == student.name
        on_disk = json.loads((lesson.home(student) / notebook.path).read_text(encoding="utf-8"))
        nbformat.validate(on_disk)
        ran = [cell for cell in on_disk["cells"] if cell["cell_type"] == "code"]
        assert ["".join(texts) for texts in _text(ran)] == [
            "".join(texts) for texts in _text(notebook.cells)
        ]


def test_each_student_has_a_home_and_a_uid_of_their_own(lesson: Class) -> None:
    homes = [lesson.home(student) for student in lesson.students]
    assert len({home.stat().st_uid for home in homes}) == len(NAMES)
    assert {home.stat().st_uid in lesson.hub.uids for home in homes} == {True}
    assert {stat.S_IMODE(home.stat().st_mode) for home in homes} == {0o700}
    facts = "import os; print(os.getuid(), os.getgid(), os.getgroups(), os.environ['HOME'])"
    for student, home in zip(lesson.students[:2], homes, strict=False):
        uid = home.stat().st_uid
        assert student.run(facts) == f"{uid} {uid} [] {home}"


def test_servers_speak_the_chosen_language_and_share_the_processors(lesson: Class) -> None:
    asked = "MASKLENS_LANGUAGE TF_NUM_INTRAOP_THREADS TF_NUM_INTEROP_THREADS CUDA_VISIBLE_DEVICES"
    threads = max(1, (os.cpu_count() or 1) // len(NAMES))
    for student in lesson.students[:2]:
        code = f"import os; print(*(repr(os.environ[name]) for name in {asked.split()}))"
        wanted = [student.language, str(threads), str(threads), ""]
        assert student.run(code) == " ".join(map(repr, wanted))
        page = student.session.get(student.server, timeout=PATIENCE, allow_redirects=True)
        start = f"/lab/tree/masklens/notebooks/{student.language}/00_start.ipynb"
        assert page.ok and page.url.endswith(start)


def test_lab_saves_widgets_and_asks_nothing(lesson: Class) -> None:
    student = lesson.students[0]
    for plugin, name, value in (
        ("@jupyter-widgets/jupyterlab-manager:plugin", "saveState", True),
        ("@jupyterlab/apputils-extension:notification", "fetchNews", "false"),
    ):
        url = f"{student.server}/lab/api/settings/{plugin}"
        schema = student.session.get(url, timeout=PATIENCE).json()["schema"]
        assert schema["properties"][name]["default"] == value


def test_a_server_is_refused_to_another_student(lesson: Class) -> None:
    one, other = lesson.students[:2]
    log = (lesson.hub.folder / "logs" / f"{lesson.home(other).stat().st_uid}.log").read_text()
    direct = log.partition("Jupyter Server ")[2].partition("http://")[2].partition("/")[0]
    for server in (other.server, f"http://{direct}/user/{other.account}"):
        assert requests.get(f"{server}/api", timeout=PATIENCE).ok  # it is there
        for path in ("lab", f"files/{LESSON.format(other.language)}"):
            page = one.session.get(f"{server}/{path}", timeout=PATIENCE)
            assert page.status_code in (403, 404), page.url
        for method, path in (
            ("GET", f"contents/{LESSON.format(other.language)}"),
            ("GET", "sessions"),
            ("POST", "kernels"),
            ("DELETE", f"kernels/{lesson.notebooks[1].kernel}"),
        ):
            with pytest.raises(requests.HTTPError) as refusal:
                one.ask(path, method, {} if method == "POST" else None, to=server)
            assert refusal.value.response.status_code in (403, 404)
    url = f"{other.server}/api/kernels/{lesson.notebooks[1].kernel}/channels"
    cookie = "; ".join(f"{c.name}={c.value}" for c in one.session.cookies)
    with pytest.raises(websocket.WebSocketBadStatusException) as bad:
        websocket.create_connection(url.replace("http", "ws", 1), cookie=cookie, timeout=PATIENCE)
    assert bad.value.status_code in (403, 404)


# Runs in a student's kernel: what can be reached of these paths?
REACH = """
import os, socket
from pathlib import Path
for path in {paths!r}:
    for verb, do in {{
        "list": os.listdir,
        "read": lambda path: Path(path).read_bytes(),
        "write": lambda path: Path(path, "mine").write_text("mine"),
        "connect": lambda path: socket.socket(socket.AF_UNIX).connect(path),
    }}.items():
        try:
            do(path)
            print("REACHED", verb, path)
        except PermissionError:
            print("refused", verb, path)
        except OSError:  # a folder is not read, a file not listed
            print("no such thing", verb, path)
"""


def test_files_and_sockets_are_refused_to_another_student(lesson: Class) -> None:
    one, other = lesson.students[:2]
    home, uid = lesson.home(other), lesson.home(other).stat().st_uid
    run = lesson.hub.folder / "run" / str(uid)
    found = [path for path in run.rglob("*") if not path.is_dir()]
    assert any(path.name.startswith("kernel-") and path.suffix == ".json" for path in found)
    assert any(path.is_socket() for path in found)
    secret = [lesson.hub.folder / name for name in ("hub", "logs", "homes", "run")]
    secret += [lesson.hub.folder / "hub" / "jupyterhub.sqlite", home, run, *found]
    secret += [home / lesson.notebooks[1].path]
    outcome = one.run(REACH.format(paths=list(map(str, secret)))).splitlines()
    assert not [line for line in outcome if line.startswith("REACHED")]
    assert sum(line.startswith("refused") for line in outcome) >= 4 * len(secret) - 8
    # What the test asks can succeed: the owner reaches all of their own.
    own = other.run(REACH.format(paths=[str(home), *map(str, found)]))
    assert f"REACHED list {home}" in own
    assert "refused" not in own
    # Nor are a kernel's sockets ports, where anybody could listen to what it prints.
    files = [path for path in found if path.suffix == ".json" and path.name.startswith("kernel-")]
    assert {json.loads(path.read_text())["transport"] for path in files} == {"ipc"}
    # Outside of the class's folder, too, nothing was left open.
    places = [Path("/tmp"), Path("/var/tmp"), Path("/dev/shm")]
    theirs = [p for place in places for p in place.iterdir() if p.lstat().st_uid in lesson.hub.uids]
    assert not [path for path in theirs if path.stat().st_mode & 0o077]


def test_a_name_typed_in_parts_is_the_same_student(lesson: Class) -> None:
    composed = Student(lesson.hub, " 최하은 ")
    assert composed.login().url.endswith("/hub/home")
    page = composed.session.get(f"{lesson.hub.url}/user/{quote('최하은')}/api", timeout=PATIENCE)
    assert page.ok


REFUSED = {
    "not on the list": ("mallory", PASSWORD, "명단에 없는", "not on the list"),
    "no name": ("", PASSWORD, "이름에는", "A name has"),
    "a path": ("../alex", PASSWORD, "이름에는", "A name has"),
    "an invisible letter": ("al\u200bex", PASSWORD, "이름에는", "A name has"),
    "a long name": ("가" * 33, PASSWORD, "이름에는", "A name has"),
    "no password": ("alex", "", "비밀번호를 입력", "Type a password"),
    "another password": ("alex", "wrong horse", "다릅니다", "not the password"),
    "a short password": (LATER, "1234567", "8자 이상", "at least 8"),
    "a long password": (LATER, "가" * 25, "너무 깁니다", "too long"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_login_is_refused_with_one_message_in_both_languages(lesson: Class, case: str) -> None:
    name, password, korean, english = REFUSED[case]
    answer = Student(lesson.hub, name).login(password)
    assert answer.status_code == 403
    assert "이름 / Name:" in answer.content.decode()
    message = answer.content.decode().partition('<p class="login_error">')[2].partition("</p>")[0]
    assert korean in message and english in message


def test_a_stranger_leaves_no_password_behind(lesson: Class) -> None:
    names = lesson.hub.folder / "students.txt"
    before = names.read_text()
    assert Student(lesson.hub, "newcomer").login("a stranger's").status_code == 403
    names.write_text(before + "\nNewComer  # joined today\n")
    assert Student(lesson.hub, "newcomer").login("my own password").ok
    assert Student(lesson.hub, "newcomer").login("a stranger's").status_code == 403
    names.write_text(before)
    assert Student(lesson.hub, "newcomer").login("my own password").status_code == 403


def test_a_teacher_lets_a_student_choose_another_password(lesson: Class) -> None:
    forgetful, teacher = Student(lesson.hub, "forgetful"), Student(lesson.hub, TEACHER)
    names = lesson.hub.folder / "students.txt"
    names.write_text(names.read_text() + "\nforgetful\n")
    for student in (forgetful, teacher):
        assert student.login().ok
    user = f"{lesson.hub.url}/hub/api/users/forgetful"
    for one, allowed in ((forgetful, False), (teacher, True)):
        headers = {"X-XSRFToken": one._xsrf("/hub/")}
        deleted = one.session.delete(user, headers=headers, timeout=PATIENCE)
        assert (deleted.status_code == 204) == allowed
    assert Student(lesson.hub, "forgetful").login("a new password").ok
    assert Student(lesson.hub, "forgetful").login().status_code == 403


def test_what_the_hub_knows_is_for_root_alone(lesson: Class) -> None:
    for path in (lesson.hub.folder / "hub", lesson.hub.folder / "logs"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.iterdir()}
        assert modes and not [name for name, mode in modes.items() if mode & 0o077]
    assert any(p.name.startswith("passwords") for p in (lesson.hub.folder / "hub").iterdir())


@pytest.fixture
def later(lesson: Class) -> Iterator[Student]:
    """A student who has just logged in; their server is stopped afterwards."""
    student = Student(lesson.hub, LATER)
    assert student.login().url.endswith("/hub/home")
    yield student
    home = lesson.home(student)
    url = f"{lesson.hub.url}/hub/api/users/{LATER}/server"
    headers = {"X-XSRFToken": student._xsrf("/hub/")}
    assert student.session.delete(url, headers=headers, timeout=PATIENCE).status_code in (202, 204)
    uid = home.stat().st_uid
    wait_for(
        "the student's processes end",
        lambda: uid not in [one.uids().real for one in lesson.hub.running()],
    )


def test_an_address_chooses_the_language_and_the_form_remembers_it(
    lesson: Class, later: Student
) -> None:
    page = f"{lesson.hub.url}/hub/spawn"
    wrong = _page(later, f"{page}?language=fr")
    assert "한국어(ko)와 영어(en)" in wrong and "Korean (ko) or English (en)" in wrong
    for language in ("ko", "en"):
        form = _page(later, page, language)
        assert _chosen(form) == language
        assert "시작 / Start" in form
        for label in ("한국어", "English"):
            assert f">{label}</label>" in form
    later.session.get(f"{page}?language=ko", timeout=PATIENCE).raise_for_status()
    later.wait_for_server()
    uid = lesson.home(later).stat().st_uid
    (server,) = [one for one in lesson.hub.running() if one.uids().real == uid]
    assert server.environ()["MASKLENS_LANGUAGE"] == "ko"


def _page(student: Student, url: str, language: str = "en") -> str:
    headers = {"Accept-Language": language}
    return student.session.get(url, headers=headers, timeout=PATIENCE).content.decode()


def _chosen(form: str) -> str:
    (tag,) = [tag for tag in form.split("<input")[1:] if "checked" in tag.partition(">")[0]]
    return tag.partition('value="')[2].partition('"')[0]


def test_a_server_starts_without_the_course_and_says_so(lesson: Class, later: Student) -> None:
    course, away = lesson.hub.folder / "course", lesson.hub.folder / "away"
    course.rename(away)
    try:
        later.spawn()
    finally:
        away.rename(course)
    note = (lesson.home(later) / "course-update.md").read_text(encoding="utf-8")
    assert str(course) in note
    assert f"not brought up to date for {LATER}" in lesson.hub.log


# What a student might call a file, and what a server imports.
OWN = ("random", "json", "types", "string", "token", "queue", "calendar", "email")


def _write_own_modules(folder: Path, uid: int = 0) -> None:
    for name in OWN:
        (folder / f"{name}.py").write_text(f"raise SystemExit('the {name}.py of a student')\n")
        os.chown(folder / f"{name}.py", uid, uid)


def test_a_students_files_do_not_stand_in_for_what_a_server_imports(tmp_path: Path) -> None:
    _write_own_modules(tmp_path, os.getuid())
    command = [*SERVER, "--version"]
    assert command[1] == "-P"
    for start, said in ((command, ""), ([command[0], *command[2:]], "of a student\n")):
        done = subprocess.run(start, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr[-13:]) == (int(bool(said)), said)


def test_a_server_starts_whatever_a_students_files_are_called(
    lesson: Class, later: Student
) -> None:
    home = home_of(LATER, lesson.hub.folder / "homes", lesson.hub.uids.start)
    _write_own_modules(home.folder, home.uid)
    try:
        later.spawn()
        assert f"{OWN[0]}.py" in [one["name"] for one in later.ask("contents")["content"]]
        # So does a kernel, whose own folder this is.
        assert later.run("print('here')") == "here"
    finally:
        for name in OWN:
            (home.folder / f"{name}.py").unlink()


def test_a_folder_that_is_no_students_starts_no_server(lesson: Class) -> None:
    names = lesson.hub.folder / "students.txt"
    names.write_text(names.read_text() + "\nroots\n")
    (lesson.hub.folder / "homes" / "roots").mkdir()
    student = Student(lesson.hub, "roots")
    assert student.login().ok
    page = _page(student, f"{lesson.hub.url}/hub/spawn?language=ko")
    assert "홈 폴더를 만들 수 없습니다" in page and "Your home folder cannot be made" in page
    assert "belongs to the uid 0" in page


def test_a_link_to_a_lesson_leads_to_the_students_own_server(lesson: Class) -> None:
    student = lesson.students[0]
    link = Course("owner/name", "main", lesson.hub.url).on_hub("notebooks/ko/01_padding.ipynb")
    page = student.session.get(link, timeout=PATIENCE)
    assert page.ok and page.url.startswith(f"{student.server}/git-pull?")
    assert parse_qs(urlsplit(page.url).query) == parse_qs(urlsplit(link).query)


def test_the_examples_of_names_hold() -> None:
    results = doctest.testmod(students)
    assert results.attempted >= 3 and not results.failed


def test_students_who_come_at_once_share_no_uid(tmp_path: Path, lesson: Class) -> None:
    first = lesson.hub.uids.start
    names = [f"student {n}" for n in range(40)]
    with ThreadPoolExecutor(20) as pool:
        homes = list(pool.map(lambda name: home_of(name, tmp_path, first), names * 2))
    assert {home.uid for home in homes} == {first + n for n in range(40)}
    assert {path.name for path in tmp_path.iterdir()} == set(names)
    # The folder is what is remembered; a folder of root's is no student's.
    assert home_of(names[7], tmp_path, first) == homes[7]
    os.chown(tmp_path / names[0], 0, 0)
    with pytest.raises(ValueError, match="belongs to the uid 0"):
        home_of(names[0], tmp_path, first)


def test_closed_folders_are_opened_for_one_command_only(fresh_hub: Hub, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    for name in ("one", "one/two", "three"):
        (closed / name).mkdir(parents=True)
        (closed / name / "word").write_text(name)
    closed.chmod(0o700)
    nobody = ["setpriv", "--reuid=65534", "--clear-groups"]
    words = [closed / name / "word" for name in ("one", "one/two", "three")]
    read = [*nobody, "cat", *map(str, words)]
    needed = [closed / "three", closed / "one" / "two", closed / "one"]
    done = subprocess.run([*opened(needed), *read], capture_output=True, text=True, check=True)
    assert done.stdout == "oneone/twothree"
    assert subprocess.run(read, capture_output=True).returncode != 0


# What it takes to run a command as `opened` does, and git.
TOOLS = "unshare setpriv sh mount mountpoint mktemp mkdir rmdir git"


def _tools(folder: Path, names: str = "") -> str:
    """A PATH with the programs that every hub takes, and these."""
    folder.mkdir()
    for name in f"{TOOLS} {names}".split():
        (folder / name).symlink_to(str(shutil.which(name)))
    return str(folder)


def test_without_node_there_is_no_hub(fresh_hub: Hub, tmp_path: Path) -> None:
    assert "no Node.js" in fresh_hub.refused(PATH=_tools(tmp_path / "bin"))


def test_without_a_proxy_there_is_no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "node").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(SystemExit, match=r"npm install --prefix .* configurable-http-proxy"):
        checks.find_proxy()


def test_a_port_in_use_is_named(fresh_hub: Hub) -> None:
    for place in (0, 2):  # that of the students, and that of the proxy's own interface
        with socket.socket() as other:
            other.bind(("127.0.0.1", fresh_hub.port + place))
            other.listen()
            assert f"port {fresh_hub.port + place} cannot be used" in fresh_hub.refused()


def test_a_stale_file_of_a_proxy_ends_no_other_program(fresh_hub: Hub) -> None:
    fresh_hub.folder.joinpath("hub").mkdir()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        (fresh_hub.folder / "hub" / "proxy.pid").write_text(str(other.pid))
        fresh_hub.start()
        assert fresh_hub.proxy().pid != other.pid
        assert other.poll() is None
        other.communicate(b"\n")


@pytest.mark.parametrize(("size", "message"), [("512k", "No space left"), ("60m", "is full")])
def test_a_full_disk_is_named(fresh_hub: Hub, size: str, message: str) -> None:
    mount = f"mount -t tmpfs -o size={size} tmpfs '{fresh_hub.folder}'; exec \"$@\""
    fresh_hub.before = ["unshare", "--mount", "--propagation=private", "sh", "-ec", mount, "sh"]
    assert message in fresh_hub.refused()


def test_no_work_is_lost_when_the_disk_fills_up(fresh_hub: Hub) -> None:
    homes = fresh_hub.folder / "homes"
    homes.mkdir(mode=0o711)
    mount = f"mount -t tmpfs -o size=60m,mode=711 tmpfs '{homes}'; exec \"$@\""
    fresh_hub.before = ["unshare", "--mount", "--propagation=private", "sh", "-ec", mount, "sh"]
    fresh_hub.settings |= {"MASKLENS_CLASS_OPEN": "1", "MASKLENS_CLASS_KERNELS": "plain"}
    fresh_hub.start()
    student = Student(fresh_hub, "somebody")
    student.login().raise_for_status()
    student.spawn()
    path = LESSON.format("en")
    before = student.ask(f"contents/{path}")["content"]
    saved = student.download(path)
    assert student.run(FILL) == "No space left on device"
    long = {"cell_type": "raw", "id": "long", "metadata": {}, "source": "all my work " * 10**6}
    body = {"type": "notebook", "format": "json", "content": before | {"cells": [long]}}
    with pytest.raises(requests.HTTPError) as refusal:
        student.ask(f"contents/{path}", "PUT", body)
    assert "disk is full" in refusal.value.response.text
    assert student.download(path) == saved
    # The server of somebody who comes now starts all the same.
    other = Student(fresh_hub, "somebody else")
    other.login().raise_for_status()
    other.spawn()
    assert "not brought up to date for somebody else" in fresh_hub.log
    assert student.run("import os; os.remove('full'); print('room')") == "room"
    student.ask(f"contents/{path}", "PUT", body)
    assert "all my work" in student.download(path)


FILL = """
with open("full", "wb", buffering=0) as file:
    try:
        while file.write(bytes(4096)) == 4096:
            pass
    except OSError as error:
        print(error.strerror)
"""


def test_only_root_starts_a_hub(fresh_hub: Hub) -> None:
    fresh_hub.after = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    assert "it needs root" in fresh_hub.refused()


def test_a_folder_that_cannot_be_written_is_named(fresh_hub: Hub) -> None:
    refused = fresh_hub.refused(MASKLENS_CLASS_FOLDER="/proc/class")
    assert "/proc/class cannot be written to" in refused


def test_somebody_must_be_on_the_list(fresh_hub: Hub) -> None:
    (fresh_hub.folder / "students.txt").unlink()
    refused = fresh_hub.refused()
    assert "nobody could log in" in refused and "students.txt" in refused


def test_students_must_be_able_to_read_the_course(fresh_hub: Hub) -> None:
    closed = fresh_hub.folder / "closed"
    shutil.copytree(fresh_hub.folder / "course", closed / "course")
    closed.chmod(0o700)
    refused = fresh_hub.refused(MASKLENS_COURSE_REPOSITORY=str(closed / "course"))
    assert f"students cannot read {closed / 'course'}" in refused
    assert f"chmod o+x '{closed}'" in refused


def test_a_setting_that_is_no_number_is_named(fresh_hub: Hub) -> None:
    assert "MASKLENS_CLASS_PORT must be a whole number" in fresh_hub.refused(
        MASKLENS_CLASS_PORT="eight"
    )


def test_a_long_path_leaves_no_room_for_sockets(fresh_hub: Hub) -> None:
    folder = fresh_hub.folder / ("long" * 10)
    assert "choose a shorter one" in fresh_hub.refused(MASKLENS_CLASS_FOLDER=str(folder))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_one_command_ends_everything(fresh_hub: Hub) -> None:
    fresh_hub.settings["MASKLENS_CLASS_OPEN"] = "1"
    fresh_hub.start()
    student = Student(fresh_hub, "somebody")
    student.login().raise_for_status()
    student.spawn()
    proxy, process = fresh_hub.proxy(), fresh_hub.process
    assert process is not None
    # The hub alone leaves the others to work on.
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=PATIENCE) == 0
    assert proxy.is_running() and _serves(student)
    fresh_hub.start()
    assert _serves(student)
    stop = [sys.executable, ROOT / "classroom" / "stop.py"]
    # Whoever is no student is left alone, whatever folder root has put there.
    os.chown(_made(fresh_hub.folder / "homes" / "guest"), 999_999, 999_999)
    with subprocess.Popen(["sleep", str(PATIENCE)], user=999_999) as guest:
        subprocess.run(stop, env=fresh_hub.environment(), check=True, timeout=PATIENCE)
        assert guest.poll() is None
        guest.kill()
    assert fresh_hub.process is not None
    assert fresh_hub.process.wait(timeout=PATIENCE) is not None
    assert not fresh_hub.running()
    with pytest.raises(requests.ConnectionError):
        requests.get(fresh_hub.url, timeout=PATIENCE)


def test_idle_servers_are_stopped(fresh_hub: Hub) -> None:
    fresh_hub.settings |= {"MASKLENS_CLASS_IDLE": "4", "MASKLENS_CLASS_OPEN": "1"}
    fresh_hub.start()
    student = Student(fresh_hub, "somebody else")
    student.login().raise_for_status()
    student.spawn()
    assert fresh_hub.running()
    wait_for("the idle server is stopped", lambda: not fresh_hub.running())
    assert "idle-culler" in fresh_hub.log
