"""The hub: a class works through a lesson, and keeps its work, and keeps it to itself."""

import json
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit

import nbformat
import psutil
import pytest
import requests
import websocket
from playwright.sync_api import Browser

from authoring.links import Course
from tests.classroom.attack import SECRET, Attack
from tests.classroom.class_accounts import (
    PREFIX,
    ROOT,
    STUDENTS,
    TEACHER,
    accounts,
    end_processes,
    left_outside,
    processes,
)
from tests.classroom.hub import Hub, Notebook, Student
from tests.classroom.nbgrader_commands import in_one_process
from tests.support.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.accounts

LESSON = "masklens/notebooks/{}/01_padding.ipynb"
HALF = 8


@dataclass
class Class:
    """Students who have worked through lesson 01, with crashes in the middle.

    Args:
        while_down: how many outputs each notebook had that was saved without a hub.
        spared: whether a program lived on that had the number of an earlier hub's proxy.
    """

    hub: Hub
    students: list[Student]
    notebooks: list[Notebook]
    while_down: list[int]
    spared: bool
    teacher: Student


def _home(student: Student) -> Path:
    return Path("/home", student.name)


def _begin(student: Student) -> Notebook:
    """Logs in, and works through the first half of the lesson."""
    student.login().raise_for_status()
    student.spawn()
    language = "ko" if STUDENTS.index(student.name) % 2 else "en"
    notebook = student.open(LESSON.format(language))
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
def lesson(hub: Hub, passwords: dict[str, str]) -> Class:
    """Three students at once; the hub is killed and restarted on the way, then the proxy."""
    kept = hub.folder / "class" / "hub"
    kept.parent.mkdir(mode=0o711)
    kept.mkdir(mode=0o700)
    with subprocess.Popen(["sleep", "600"]) as other:
        try:
            (kept / "proxy.pid").write_text(str(other.pid))
            hub.start()
            spared = hub.proxy().pid != other.pid and other.poll() is None
        finally:
            other.kill()
    students = [Student(hub, name, passwords[name]) for name in STUDENTS[:3]]
    teacher = Student(hub, TEACHER, passwords[TEACHER])
    teacher.login().raise_for_status()
    with ThreadPoolExecutor(len(students) + 1) as pool:
        its_server = pool.submit(teacher.spawn)
        notebooks = list(pool.map(_begin, students))
        its_server.result()
        hub.kill()
        wait_for(lambda: not _cullers(hub), "its culler ends, too")
        saved = list(pool.map(_save_while_down, notebooks))
        hub.start()
        first = hub.proxy()
        first.kill()
        wait_for(lambda: _replaced(first, hub) and _serves(students[0]), "another proxy serves")
        list(pool.map(_go_on, notebooks))
    return Class(hub, students, notebooks, saved, spared, teacher)


def _cullers(hub: Hub) -> list[psutil.Process]:
    running = psutil.process_iter(["cmdline", "environ"])
    return [
        one
        for one in running
        if "jupyterhub_idle_culler" in (one.info["cmdline"] or [])
        and f":{hub.port + 1}/" in (one.info["environ"] or {}).get("JUPYTERHUB_API_URL", "")
    ]


def _replaced(proxy: psutil.Process, hub: Hub) -> bool:
    # Until the hub has written another number, its file names a process that has ended.
    with suppress(psutil.NoSuchProcess, ValueError):
        return hub.proxy() != proxy
    return False


def _serves(student: Student) -> bool:
    return student.session.get(f"{student.server}/api", timeout=PATIENCE).ok


def _text(cells: list[Any]) -> list[str]:
    """What each cell prints."""
    return [
        "".join("".join(one["text"]) for one in cell["outputs"] if one["output_type"] == "stream")
        for cell in cells
    ]


def test_every_student_sees_what_the_course_shows(lesson: Class) -> None:
    for notebook in lesson.notebooks:
        printed = nbformat.read(ROOT / notebook.path.partition("/")[2], as_version=4)
        cells = [cell for cell in printed.cells if cell.cell_type == "code"]
        kinds = {output["output_type"] for cell in notebook.cells for output in cell["outputs"]}
        assert kinds <= {"stream", "display_data", "execute_result"}
        assert _text(notebook.cells) == _text(cells)


def test_nothing_is_lost_when_hub_and_proxy_are_killed(lesson: Class) -> None:
    for student, notebook, saved in zip(
        lesson.students, lesson.notebooks, lesson.while_down, strict=True
    ):
        assert saved >= HALF
        # The kernel is the same one, and still knows what it knew before.
        assert [one["kernel"]["id"] for one in student.ask("sessions")] == [notebook.kernel]
        with notebook.connected():
            (output,) = notebook.execute("print(whose)")
        assert output["text"].strip() == student.name
        on_disk = json.loads((_home(student) / notebook.path).read_text(encoding="utf-8"))
        nbformat.validate(on_disk)
        ran = [cell for cell in on_disk["cells"] if cell["cell_type"] == "code"]
        assert _text(ran) == _text(notebook.cells)


def test_the_number_of_a_proxy_that_is_gone_ends_no_other_program(lesson: Class) -> None:
    assert lesson.spared


def test_each_student_works_in_a_closed_home_under_an_account_of_their_own(lesson: Class) -> None:
    facts = "import os; print(os.getuid(), os.environ['HOME'], os.environ['CUDA_VISIBLE_DEVICES'])"
    for student in lesson.students[:2]:
        home = _home(student)
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        uid = accounts()[student.name]
        assert home.stat().st_uid == uid
        assert student.run(facts) == f"{uid} {home}"
    page = lesson.students[0].session.get(lesson.students[0].server, timeout=PATIENCE)
    assert page.url.endswith("/lab/tree/masklens/notebooks/en/00_start.ipynb")


def test_the_default_kernel_has_keras_preloaded(lesson: Class) -> None:
    specs = lesson.students[0].ask("kernelspecs")
    assert specs["default"] == "python3"
    names = {name: spec["spec"]["display_name"] for name, spec in specs["kernelspecs"].items()}
    assert names == {
        "python3": "Python 3 (Keras preloaded)",
        "python3-plain": "Python 3 (plain)",
    }


def test_lab_saves_widgets_and_asks_nothing(lesson: Class) -> None:
    student = lesson.students[0]
    for plugin, name, value in (
        ("@jupyter-widgets/jupyterlab-manager:plugin", "saveState", True),
        ("@jupyterlab/apputils-extension:notification", "fetchNews", "false"),
    ):
        url = f"{student.server}/lab/api/settings/{plugin}"
        schema = student.session.get(url, timeout=PATIENCE).json()["schema"]
        assert schema["properties"][name]["default"] == value


# --- What is refused ------------------------------------------------------------------------------


def _port(student: Student) -> int:
    """The port at which a student's server listens on this machine."""
    (server,) = student.server_processes()
    listening = [one for one in server.net_connections() if one.status == psutil.CONN_LISTEN]
    return int(listening[0].laddr.port)


def test_a_server_is_refused_to_another_student_and_to_the_teacher(lesson: Class) -> None:
    other = lesson.students[1]
    direct = f"http://127.0.0.1:{_port(other)}/user/{other.name}"
    for one in (lesson.students[0], lesson.teacher):
        for server in (other.server, direct):
            assert requests.get(f"{server}/api", timeout=PATIENCE).ok  # it is there
            for path in ("lab", f"files/{lesson.notebooks[1].path}"):
                page = one.session.get(f"{server}/{path}", timeout=PATIENCE)
                assert page.status_code in (403, 404), page.url
    one = lesson.students[0]
    for server in (other.server, direct):
        for method, path in (
            ("GET", f"contents/{lesson.notebooks[1].path}"),
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
    home, kept = _home(other), lesson.hub.folder / "class" / "hub"
    found = [path for path in (home / ".run").rglob("*") if not path.is_dir()]
    assert any(path.is_socket() for path in found)
    secret = [kept / name for name in ("logs", "cookie_secret", "jupyterhub.sqlite")]
    assert all(path.exists() for path in secret)
    secret.append(kept)
    secret += [home, home / lesson.notebooks[1].path, *found]
    outcome = one.run(REACH.format(paths=list(map(str, secret)))).splitlines()
    assert not [line for line in outcome if line.startswith("REACHED")]
    assert sum(line.startswith("refused") for line in outcome) >= 4 * len(secret) - 12
    # What the test asks can succeed: the owner reaches all of their own.
    own = other.run(REACH.format(paths=[str(home), *map(str, found)]))
    assert f"REACHED list {home}" in own
    assert "refused" not in own
    # Nor are a kernel's sockets ports, where anybody could listen to what it prints.
    files = [path for path in found if path.suffix == ".json" and path.name.startswith("kernel-")]
    assert {json.loads(path.read_text())["transport"] for path in files} == {"ipc"}
    # Outside of the homes, too, nothing was left open.
    assert not [path for path in left_outside() if path.stat().st_mode & 0o077]


# Runs in a student's kernel: what of a process can be seen, and done to it?
INSPECT = """
import os, signal
from pathlib import Path
for pid in {pids!r}:
    for name in ("cmdline", "environ", "maps", "cwd", "fd"):
        path = f"/proc/{{pid}}/{{name}}"
        try:
            (os.listdir if name == "fd" else os.readlink if name == "cwd" else open)(path)
            print("seen", name)
        except PermissionError:
            print("refused", name)
    try:
        os.kill(pid, signal.SIGTERM)
        print("ENDED")
    except PermissionError:
        print("refused kill")
"""


def test_of_another_students_processes_only_the_command_lines_are_seen(lesson: Class) -> None:
    one, other = lesson.students[:2]
    theirs = processes(other.name)
    outcome = one.run(INSPECT.format(pids=[process.pid for process in theirs])).splitlines()
    seen = {line for line in outcome if not line.startswith("refused")}
    assert seen <= {"seen cmdline"}
    assert outcome.count("refused environ") == outcome.count("refused kill") == len(theirs)
    # A command line says nothing that lets anybody in; the environment has the server's token.
    (server,) = other.server_processes()
    token = server.environ()["JUPYTERHUB_API_TOKEN"]
    assert not [process for process in theirs if token in " ".join(process.cmdline())]
    # The environment is what the hub gives, and nothing of its own.
    assert "CONFIGPROXY_AUTH_TOKEN" not in server.environ()
    assert not [name for name in server.environ() if name.startswith("SUDO")]


def test_a_servers_token_is_good_for_that_server_alone(lesson: Class) -> None:
    one, other = lesson.students[:2]
    (server,) = one.server_processes()
    headers = {"Authorization": f"token {server.environ()['JUPYTERHUB_API_TOKEN']}"}
    api = f"{lesson.hub.url}/hub/api"
    me = requests.get(f"{api}/user", headers=headers, timeout=PATIENCE).json()
    assert set(me["scopes"]) == {
        f"access:servers!server={one.name}/",
        f"read:users:activity!user={one.name}",
        f"read:users:groups!user={one.name}",
        f"read:users:name!user={one.name}",
        f"users:activity!user={one.name}",
    }
    for method, path in (
        ("GET", "users"),
        ("POST", f"users/{one.name}/tokens"),
        ("DELETE", f"users/{other.name}/server"),
        ("POST", "shutdown"),
    ):
        asked = requests.request(method, f"{api}/{path}", headers=headers, timeout=PATIENCE)
        assert asked.status_code in (403, 404), (method, path)


def test_nobody_makes_tokens_and_a_teacher_sees_who_is_there(lesson: Class) -> None:
    one, other = lesson.students[:2]
    for somebody in (one, lesson.teacher):
        for name in (one.name, other.name, TEACHER):
            assert somebody.ask_hub(f"users/{name}/tokens", "POST").status_code == 403
    everybody = {student.name for student in lesson.students} | {TEACHER}
    assert {user["name"] for user in lesson.teacher.ask_hub("users").json()} == everybody
    assert one.ask_hub("users").status_code == 403
    assert one.ask_hub(f"users/{other.name}/server", "DELETE").status_code == 404
    for page, status in ((one, 403), (lesson.teacher, 200)):
        admin = page.session.get(f"{lesson.hub.url}/hub/admin", timeout=PATIENCE)
        assert admin.status_code == status


def test_only_a_teacher_has_the_formgrader(lesson: Class) -> None:
    for somebody, there in ((lesson.students[0], False), (lesson.teacher, True)):
        page = somebody.session.get(f"{somebody.server}/formgrader", timeout=PATIENCE)
        assert (page.status_code != 404) == there
        assigned = somebody.session.get(f"{somebody.server}/assignments", timeout=PATIENCE)
        assert assigned.status_code != 404


def test_what_a_teacher_has_released_stands_in_a_students_list(lesson: Class) -> None:
    student, course = lesson.students[0], f"{PREFIX}handed-out"
    source = _home(lesson.teacher) / "source" / "padding"
    steps = ("generate_assignment", "release_assignment")
    release = in_one_process(*[f"nbgrader {step} padding --course {course}" for step in steps])
    lesson.teacher.run(
        "import os, shutil, subprocess\n"
        f"os.makedirs({str(source)!r})\n"
        f"shutil.copy({str(ROOT / 'solutions/en/01_padding.ipynb')!r}, {str(source)!r})\n"
        f"subprocess.run({release!r}, check=True, capture_output=True);"
    )
    url = f"{student.server}/assignments?course_id={course}"
    listed = student.session.get(url, timeout=PATIENCE).json()["value"]
    assert [one["assignment_id"] for one in listed] == ["padding"]


@pytest.mark.parametrize(
    "name",
    [f"{PREFIX}nobody", "root", f"../{STUDENTS[0]}", "김민지", ""],
    ids=["no account", "root", "a path", "Hangul", "nothing"],
)
def test_a_name_that_nobody_has_given_out_is_refused(lesson: Class, name: str) -> None:
    roots = Path("/run/faillock/root")
    counted = roots.exists()
    answer = Student(lesson.hub, name, "correct horse").login()
    if not counted:
        roots.unlink(missing_ok=True)
    assert answer.status_code == 403
    assert "Invalid username or password" in answer.text
    assert "선생님에게 받은 이름과 비밀번호" in answer.content.decode()


def test_an_account_outside_of_the_class_is_refused_with_its_password(lesson: Class) -> None:
    stranger = Student(lesson.hub, f"{PREFIX}stranger", "correct horse")
    subprocess.run(["useradd", stranger.name], check=True)
    try:
        password = f"{stranger.name}:{stranger.password}"
        subprocess.run(["chpasswd"], input=password, text=True, check=True)
        assert stranger.login().status_code == 403
        assert f"{stranger.name!r} not allowed" in lesson.hub.log
    finally:
        subprocess.run(["userdel", stranger.name], check=True)


def test_guesses_hold_nobody_up_and_a_hundred_of_them_close_the_account(
    lesson: Class, passwords: dict[str, str]
) -> None:
    guessed, other = STUDENTS[4:6]  # who have not been here before
    taken = []

    def guess(number: int) -> int:
        begin = monotonic()
        status = Student(lesson.hub, guessed, f"wrong horse {number}").login().status_code
        taken.append(monotonic() - begin)
        return status

    def log_in(name: str) -> int:
        return Student(lesson.hub, name, passwords[name]).login().status_code

    with ThreadPoolExecutor(50) as pool:
        refused = pool.map(guess, range(50))
        # Somebody whose name is being guessed, and somebody else.
        for name in (guessed, other):
            assert log_in(name) == 200
            assert len(taken) < 50
        assert {*refused, *pool.map(guess, range(101))} == {403}
    # PAM waits for two seconds, or up to a quarter less.
    assert min(taken) > 1.4
    assert (log_in(guessed), log_in(other)) == (403, 200)
    subprocess.run(["faillock", "--user", guessed, "--reset"], check=True)
    assert log_in(guessed) == 200


# --- What a student's own files do ----------------------------------------------------------------

# What a student might call a file, and what a server and a kernel import.
OWN = [
    "random",
    "json",
    "queue",
    "token",
    "string",
    "calendar",
    "types",
    "email",
    "copy",
    "signal",
    "select",
    "code",
    "socket",
]


EXTENSION = """
def load_jupyter_server_extension(app):
    open(__file__ + ".loaded", "w").close()
_load_jupyter_server_extension = load_jupyter_server_extension
"""


@pytest.fixture(scope="module")
def cluttered(lesson: Class) -> Student:
    """A student with files in the way of a server, which starts while the course is away."""
    student = lesson.students[2]
    home = _home(student)
    lesson.teacher.stop(student)
    for name in OWN:
        (home / f"{name}.py").write_text(f"raise SystemExit('the {name}.py of a student')\n")
    (home / "mine.py").write_text("answer = 42\n")
    (home / "code.py").chmod(0o644)
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = home / ".local" / "lib" / python / "site-packages"
    settings = home / ".jupyter" / "jupyter_server_config.d"
    for folder in (packages, settings):
        folder.mkdir(parents=True, exist_ok=True)
    for folder in (packages, home):
        (folder / "intruder.py").write_text(EXTENSION)
    loaded = {"ServerApp": {"jpserver_extensions": {"intruder": True}}}
    for path in (settings / "intruder.json", home / ".jupyter" / "jupyter_server_config.json"):
        path.write_text(json.dumps(loaded))
    config = "open(__file__ + '.loaded', 'w').close()"
    (home / ".jupyter" / "jupyter_server_config.py").write_text(config)
    subprocess.run(["chown", "-R", f"{student.name}:", home], check=True)
    course, away = lesson.hub.folder / "course", lesson.hub.folder / "away"
    course.rename(away)
    try:
        student.spawn()
    finally:
        away.rename(course)
    return student


def test_a_students_files_do_not_stand_in_for_what_a_server_imports(cluttered: Student) -> None:
    listed = {one["name"] for one in cluttered.ask("contents")["content"]}
    assert {f"{name}.py" for name in OWN} <= listed
    for kernel in ("python3", "python3-plain"):
        imports = f"import {', '.join(OWN)}, mine; print(mine.answer)"
        assert cluttered.run(imports, kernel) == "42"


def test_settings_in_a_home_folder_load_no_extension(cluttered: Student) -> None:
    assert not list(_home(cluttered).rglob("*.loaded"))


def test_a_server_starts_without_the_course_and_says_so(cluttered: Student) -> None:
    folder = cluttered.hub.folder
    note = (_home(cluttered) / "course-update.md").read_text(encoding="utf-8")
    log = (folder / "class" / "hub" / "logs" / f"{cluttered.name}.log").read_text()
    line = "- The course could not be brought up to date. Your files are as you left them."
    for text in (note, log):
        assert line in text and str(folder / "course") in text


def test_a_server_that_cannot_start_says_why_before_any_timeout(lesson: Class) -> None:
    student = lesson.students[2]
    lesson.teacher.stop(student)
    runtime = _home(student) / ".run"
    away = runtime.rename(runtime.with_name(".away"))
    runtime.touch()
    last = student.ask_for_server()
    why = f"'{runtime}' exists but is not a directory"
    assert last["failed"] and "서버를 시작하지 못했습니다" in last["message"]
    assert "timeout" not in last["message"].lower()
    assert why in last["message"]
    page = student.session.get(f"{lesson.hub.url}/hub/spawn-pending/{student.name}")
    assert why.replace("'", "&#39;") in page.text
    assert f"The server of {student.name} did not start" in lesson.hub.log
    # Nor can it, mended, where the account is gone.
    runtime.unlink()
    away.rename(runtime)
    end_processes(student.name)
    subprocess.run(["usermod", "--login", f"{PREFIX}gone", student.name], check=True)
    try:
        last = student.ask_for_server()
        line = f"the class has no account {student.name!r}"
        assert last["failed"] and line in last["message"]
        assert f"The server of {student.name} did not start: {line}" in lesson.hub.log
    finally:
        subprocess.run(["usermod", "--login", student.name, f"{PREFIX}gone"], check=True)


def test_a_link_to_a_lesson_leads_to_the_students_own_server(lesson: Class) -> None:
    student = lesson.students[0]
    link = Course("owner/name", "main", lesson.hub.url).on_hub("notebooks/ko/01_padding.ipynb")
    page = student.session.get(link, timeout=PATIENCE)
    assert page.ok and page.url.startswith(f"{student.server}/git-pull?")
    assert parse_qs(urlsplit(page.url).query) == parse_qs(urlsplit(link).query)


LIMITED = """
import resource
print(*resource.getrlimit(resource.RLIMIT_NPROC))
try:
    resource.setrlimit(resource.RLIMIT_NPROC, (4096, 4096))
except ValueError:
    print("refused")
"""


def test_a_student_cannot_fill_the_machine_with_processes(lesson: Class) -> None:
    for kernel in ("python3", "python3-plain"):
        assert lesson.students[0].run(LIMITED, kernel) == "512 512\nrefused"


@pytest.fixture(scope="module")
def attack(lesson: Class) -> Attack:
    """A page where the server of the student was who could not start it before."""
    attack = Attack(lesson.students[2], lesson.students[0])
    attack.attacker.spawn()
    attack.prepare()
    return attack


def test_a_page_of_a_student_reaches_what_is_the_visitors_own(
    browser: Browser, lesson: Class, attack: Attack
) -> None:
    """Where all servers have one address; where each has its own, see test_attack.py."""
    for visitor, users, stopped in (
        (lesson.students[1], 403, (403, 404)),
        # Through a teacher, the page sees who is there, and stops servers.
        (lesson.teacher, 200, (202, 204)),
    ):
        found = attack.visit(browser, visitor)
        # Nobody's token is made, and no server entered but the visitor's own,
        assert found["hub"] == visitor.name
        assert found["token"][0] == found["enter"][0] == 403
        # whose files are read and changed.
        assert SECRET in found["read"] and found["write"] == 201
        assert found["users"][0] == users
        assert found["stop"][0] in stopped
