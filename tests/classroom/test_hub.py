"""The hub: a class works through a lesson, and keeps its work, and keeps it to itself."""

import json
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
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

from authoring.links import Course
from tests.classroom.class_accounts import (
    EXCHANGE,
    ROOT,
    STUDENTS,
    TEACHER,
    accounts,
    left_outside,
    processes,
)
from tests.classroom.hub import PATIENCE, Hub, Notebook, Student, wait_for

pytestmark = pytest.mark.accounts

LESSON = "masklens/notebooks/{}/03_propagation.ipynb"
HALF = 14


@dataclass
class Class:
    """Students who have worked through lesson 03, with crashes in the middle."""

    hub: Hub
    students: list[Student]
    notebooks: list[Notebook]
    while_down: list[int]
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
    """Eight students at once; the hub is killed and restarted on the way, then the proxy."""
    hub.start()
    students = [Student(hub, name, passwords[name]) for name in STUDENTS]
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
    teacher = Student(hub, TEACHER, passwords[TEACHER])
    teacher.login().raise_for_status()
    return Class(hub, students, notebooks, saved, teacher)


def _cullers(hub: Hub) -> list[psutil.Process]:
    running = psutil.process_iter(["cmdline", "environ"])
    return [
        one
        for one in running
        if "jupyterhub_idle_culler" in (one.info["cmdline"] or [])
        and f":{hub.port + 1}/" in (one.info["environ"] or {}).get("JUPYTERHUB_API_URL", "")
    ]


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
        assert saved >= HALF - 5
        # The kernel is the same one, and still knows what it knew before.
        assert [one["kernel"]["id"] for one in student.ask("sessions")] == [notebook.kernel]
        with notebook.connected():
            (output,) = notebook.execute("print(whose)")
        assert output["text"].strip() == student.name
        on_disk = json.loads((_home(student) / notebook.path).read_text(encoding="utf-8"))
        nbformat.validate(on_disk)
        ran = [cell for cell in on_disk["cells"] if cell["cell_type"] == "code"]
        assert _text(ran) == _text(notebook.cells)


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


def test_nobody_makes_tokens_and_a_teacher_stops_servers_but_enters_none(lesson: Class) -> None:
    one, other = lesson.students[:2]
    for somebody in (one, lesson.teacher):
        for name in (one.name, other.name, TEACHER):
            assert somebody.ask_hub(f"users/{name}/tokens", "POST").status_code == 403
    assert {user["name"] for user in lesson.teacher.ask_hub("users").json()} == {*STUDENTS, TEACHER}
    assert one.ask_hub("users").status_code == 403
    assert one.ask_hub(f"users/{other.name}/server", "DELETE").status_code == 404
    for page, status in ((one, 403), (lesson.teacher, 200)):
        admin = page.session.get(f"{lesson.hub.url}/hub/admin", timeout=PATIENCE)
        assert admin.status_code == status
    last = lesson.students[-1]
    assert lesson.teacher.ask_hub(f"users/{last.name}/server", "DELETE").status_code in (202, 204)
    wait_for("the server has stopped", lambda: not last.server_processes())


def test_only_a_teacher_has_the_formgrader(lesson: Class) -> None:
    lesson.teacher.spawn()
    for somebody, there in ((lesson.students[0], False), (lesson.teacher, True)):
        page = somebody.session.get(f"{somebody.server}/formgrader", timeout=PATIENCE)
        assert (page.status_code != 404) == there
        assigned = somebody.session.get(f"{somebody.server}/assignments", timeout=PATIENCE)
        assert assigned.status_code != 404


def test_work_is_handed_out_and_in_through_the_exchange(lesson: Class) -> None:
    def run(somebody: Student, *commands: str, folder: str = "my-class") -> str:
        code = f"import subprocess as s\nfor command in {commands!r}:\n"
        code += f"    s.run(command, shell=True, check=True, cwd={folder!r}, capture_output=True)\n"
        return somebody.run(code)

    student, other = lesson.students[:2]
    run(
        lesson.teacher,
        "mkdir -p my-class/source/padding",
        f"cp {ROOT}/classroom/nbgrader_config.py my-class",
        f"cp {ROOT}/solutions/en/01_padding.ipynb my-class/source/padding",
        folder=".",
    )
    run(
        lesson.teacher,
        "nbgrader generate_assignment padding",
        "nbgrader release_assignment padding",
    )
    listed = student.session.get(f"{student.server}/assignments?course_id=masks", timeout=PATIENCE)
    assert [one["assignment_id"] for one in listed.json()["value"]] == ["padding"]
    for command in ("fetch_assignment", "submit"):
        run(student, f"nbgrader {command} padding --course masks", folder=".")
    inbound = EXCHANGE / "masks" / "inbound"
    assert len([*inbound.iterdir()]) == 1
    looked = f"import os\ntry:\n    os.listdir({str(inbound)!r})\nexcept PermissionError:\n"
    assert other.run(f"{looked}    print('refused')") == "refused"
    run(lesson.teacher, "nbgrader collect padding")
    collected = _home(lesson.teacher) / "my-class/submitted" / student.name / "padding"
    assert (collected / "01_padding.ipynb").exists()


@pytest.mark.parametrize("name", ["mlt-nobody", "root", "../mlt-ann", "김민지", ""])
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
    stranger = Student(lesson.hub, "mlt-stranger", "correct horse")
    subprocess.run(["useradd", stranger.name], check=True)
    try:
        password = f"{stranger.name}:{stranger.password}"
        subprocess.run(["chpasswd"], input=password, text=True, check=True)
        assert stranger.login().status_code == 403
        assert f"{stranger.name!r} not allowed" in lesson.hub.log
    finally:
        subprocess.run(["userdel", stranger.name], check=True)


def test_wrong_passwords_hold_nobody_up_and_take_their_time(lesson: Class) -> None:
    names = [STUDENTS[0], STUDENTS[1], "mlt-nobody"]
    wrong = [Student(lesson.hub, names[n % 3], f"wrong horse {n}") for n in range(50)]
    taken = []

    def guess(student: Student) -> int:
        begin = monotonic()
        status = student.login().status_code
        taken.append(monotonic() - begin)
        return status

    with ThreadPoolExecutor(50) as pool:
        refused = pool.map(guess, wrong)
        # Somebody whose name is being guessed, and somebody else.
        for student in (lesson.students[0], lesson.students[5]):
            begin = monotonic()
            assert Student(lesson.hub, student.name, student.password).login().ok
            print(f"A right login took {monotonic() - begin:.1f} s, after {len(taken)} wrong ones.")
            assert len(taken) < 50
        assert set(refused) == {403}
    # PAM waits for two seconds, or up to a quarter less.
    assert min(taken) > 1.4


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


def test_a_students_files_do_not_stand_in_for_what_a_server_imports(lesson: Class) -> None:
    student = lesson.students[2]
    home = _home(student)
    student.stop()
    for name in OWN:
        (home / f"{name}.py").write_text(f"raise SystemExit('the {name}.py of a student')\n")
    (home / "mine.py").write_text("answer = 42\n")
    (home / "code.py").chmod(0o644)
    subprocess.run(["chown", "-R", f"{student.name}:", home], check=True)
    student.spawn()
    listed = {one["name"] for one in student.ask("contents")["content"]}
    assert {f"{name}.py" for name in OWN} <= listed
    for kernel in ("python3", "python3-plain"):
        imports = f"import {', '.join(OWN)}, mine; print(mine.answer)"
        assert student.run(imports, kernel) == "42"
    for name in OWN:
        student.ask(f"contents/{name}.py", "DELETE")


EXTENSION = """
def load_jupyter_server_extension(app):
    open(__file__ + ".loaded", "w").close()
_load_jupyter_server_extension = load_jupyter_server_extension
"""


def test_settings_in_a_home_folder_load_no_extension(lesson: Class) -> None:
    student = lesson.students[3]
    home = _home(student)
    packages = home / ".local" / "lib" / "python3.11" / "site-packages"
    settings = home / ".jupyter" / "jupyter_server_config.d"
    for folder in (packages, settings, home / ".jupyter"):
        folder.mkdir(parents=True, exist_ok=True)
    (packages / "intruder.py").write_text(EXTENSION)
    (home / "intruder.py").write_text(EXTENSION)
    loaded = {"ServerApp": {"jpserver_extensions": {"intruder": True}}}
    for path in (settings / "intruder.json", home / ".jupyter" / "jupyter_server_config.json"):
        path.write_text(json.dumps(loaded))
    config = "open(__file__ + '.loaded', 'w').close()"
    (home / ".jupyter" / "jupyter_server_config.py").write_text(config)
    subprocess.run(["chown", "-R", f"{student.name}:", home], check=True)
    student.stop()
    student.spawn()
    assert not list(home.rglob("*.loaded"))


def test_a_server_that_cannot_start_says_why_before_any_timeout(lesson: Class) -> None:
    student = lesson.students[4]
    student.stop()
    runtime = _home(student) / ".run"
    runtime.rename(runtime.with_name(".away"))
    runtime.touch()
    begin = monotonic()
    student.session.get(f"{lesson.hub.url}/hub/spawn", timeout=PATIENCE)
    last = student.progress()
    print(f"It took {monotonic() - begin:.1f} s to say so.")
    assert last["failed"] and "서버를 시작하지 못했습니다" in last["message"]
    assert "timeout" not in last["message"].lower()
    assert f"'{runtime}' exists but is not a directory" in last["message"]
    page = student.session.get(f"{lesson.hub.url}/hub/spawn-pending/{student.name}")
    assert f"&#39;{runtime}&#39; exists but is not a directory" in page.text
    assert f"The server of {student.name} did not start" in lesson.hub.log
    # Once it is mended, it starts.
    runtime.unlink()
    student.spawn()


def test_a_server_starts_without_the_course_and_says_so(lesson: Class) -> None:
    student = lesson.students[5]
    course, away = lesson.hub.folder / "course", lesson.hub.folder / "away"
    student.stop()
    course.rename(away)
    try:
        student.spawn()
    finally:
        away.rename(course)
    note = (_home(student) / "course-update.md").read_text(encoding="utf-8")
    log = (lesson.hub.folder / "class" / "hub" / "logs" / f"{student.name}.log").read_text()
    line = "- The course could not be brought up to date. Your files are as you left them."
    for text in (note, log):
        assert line in text and str(course) in text


def test_an_account_that_is_gone_is_named(lesson: Class) -> None:
    student = lesson.students[-1]
    student.stop()
    subprocess.run(["usermod", "--login", "mlt-gone", student.name], check=True)
    try:
        student.session.get(f"{lesson.hub.url}/hub/spawn", timeout=PATIENCE)
        last = student.progress()
        line = f"the class has no account {student.name!r}"
        assert last["failed"] and line in last["message"]
        assert f"The server of {student.name} did not start: {line}" in lesson.hub.log
    finally:
        subprocess.run(["usermod", "--login", student.name, "mlt-gone"], check=True)


def test_a_link_to_a_lesson_leads_to_the_students_own_server(lesson: Class) -> None:
    student = lesson.students[0]
    link = Course("owner/name", "main", lesson.hub.url).on_hub("notebooks/ko/01_padding.ipynb")
    page = student.session.get(link, timeout=PATIENCE)
    assert page.ok and page.url.startswith(f"{student.server}/git-pull?")
    assert parse_qs(urlsplit(page.url).query) == parse_qs(urlsplit(link).query)


FORK = """
import os, time
children = []
try:
    while True:
        pid = os.fork()
        if not pid:
            time.sleep(60)
            os._exit(0)
        children.append(pid)
except BlockingIOError:
    print("no more")
for pid in children:
    os.kill(pid, 9)
"""


def test_a_student_cannot_fill_the_machine_with_processes(lesson: Class) -> None:
    student = lesson.students[6]
    assert student.run(FORK) == "no more"
    raised = "import resource as r; r.setrlimit(r.RLIMIT_NPROC, (4096, 4096))"
    tried = f"try:\n    {raised}\nexcept ValueError:\n    print('refused')"
    assert student.run(tried) == "refused"
