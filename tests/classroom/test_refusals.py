"""What keeps a hub from starting is said in one line; and how it ends what it has started."""

import shutil
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.classroom.class_accounts import GROUP, ROOT, STUDENTS, processes
from tests.classroom.hub import PATIENCE, Hub, Student, opened, wait_for

pytestmark = pytest.mark.accounts

# What it takes to run a command as `opened` does, and git.
TOOLS = "unshare setpriv sh mount mountpoint mktemp mkdir rmdir git"


def test_closed_folders_are_opened_for_one_command_only(tmp_path: Path) -> None:
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


def test_only_root_starts_a_hub(fresh_hub: Hub) -> None:
    fresh_hub.after = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    assert "it needs root" in fresh_hub.refused()


def test_without_node_there_is_no_hub(fresh_hub: Hub, tmp_path: Path) -> None:
    for name in TOOLS.split():
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    assert "there is no Node.js" in fresh_hub.refused(PATH=str(tmp_path))


def test_without_a_proxy_there_is_no_hub(fresh_hub: Hub) -> None:
    # Only this hub finds another folder where its proxy was.
    cover = "mount -t tmpfs tmpfs '{}'; exec \"$@\"".format(ROOT / ".venv" / "node_modules")
    fresh_hub.before = ["unshare", "--mount", "--propagation=private", "sh", "-ec", cover, "sh"]
    assert "there is no configurable-http-proxy" in fresh_hub.refused()


def test_a_port_in_use_is_named(fresh_hub: Hub) -> None:
    for place in (0, 2):  # that of the students, and that of the proxy's own interface
        with socket.socket() as other:
            other.bind(("127.0.0.1", fresh_hub.port + place))
            other.listen()
            assert f"port {fresh_hub.port + place} is in use" in fresh_hub.refused()


def test_a_class_without_accounts_is_named(fresh_hub: Hub) -> None:
    refused = fresh_hub.refused(MASKLENS_CLASS_GROUP=f"{GROUP}-none")
    assert f"the group {GROUP}-none has no accounts: make accounts" in refused


@pytest.mark.parametrize(("size", "message"), [("4k", "No space left"), ("60m", "is full")])
def test_a_full_disk_is_named(fresh_hub: Hub, size: str, message: str) -> None:
    folder = fresh_hub.folder / "class"
    folder.mkdir()
    mount = f"mount -t tmpfs -o size={size} tmpfs '{folder}'; exec \"$@\""
    if size == "4k":
        mount = mount.replace("; exec", f"; head -c 4096 /dev/zero > '{folder}/full'; exec")
    fresh_hub.before = ["unshare", "--mount", "--propagation=private", "sh", "-ec", mount, "sh"]
    assert message in fresh_hub.refused()


def test_a_folder_that_cannot_be_written_is_named(fresh_hub: Hub) -> None:
    refused = fresh_hub.refused(MASKLENS_CLASS_FOLDER="/proc/class")
    assert "/proc/class cannot be written to" in refused


def test_students_must_be_able_to_read_the_course(fresh_hub: Hub) -> None:
    closed = fresh_hub.folder / "closed"
    shutil.copytree(ROOT / "classroom", closed / "classroom")
    shutil.copy(ROOT / "course.toml", closed)
    closed.chmod(0o700)
    config = closed / "classroom" / "jupyterhub_config.py"
    done = subprocess.run(
        [*fresh_hub.command()[:-1], config],
        env=fresh_hub.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"students cannot read {closed / 'classroom'}" in done.stderr
    assert f"chmod o+x '{closed}'" in done.stderr and done.stderr.count("\n") == 1


def test_a_setting_that_is_no_number_is_named(fresh_hub: Hub) -> None:
    refused = fresh_hub.refused(MASKLENS_CLASS_PORT="eight")
    assert "MASKLENS_CLASS_PORT must be a whole number, and is 'eight'" in refused


def test_the_hub_ends_what_it_started_but_not_what_a_student_left_behind(
    fresh_hub: Hub, passwords: dict[str, str]
) -> None:
    fresh_hub.start()
    student = Student(fresh_hub, STUDENTS[0], passwords[STUDENTS[0]])
    student.login().raise_for_status()
    student.spawn()
    student.run(
        "import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True);",
        "python3-plain",
    )
    proxy, process = fresh_hub.proxy(), fresh_hub.process
    assert process is not None
    stop = ["make", "--silent", "-C", ROOT, "hub-stop"]
    subprocess.run(stop, env=fresh_hub.environment(), check=True, timeout=PATIENCE)
    assert process.wait(timeout=PATIENCE) in (0, -signal.SIGTERM, 143)
    wait_for("the proxy ends", lambda: not proxy.is_running())
    # Without systemd, nobody counts what belongs to a server.
    wait_for("the server ends", lambda: {p.name() for p in processes()} == {"sleep"})
    with pytest.raises(requests.ConnectionError):
        requests.get(fresh_hub.url, timeout=PATIENCE)
    again = subprocess.run(stop, env=fresh_hub.environment(), capture_output=True, text=True)
    assert "No hub is running." in again.stdout


def test_the_number_of_a_proxy_that_is_gone_ends_no_other_program(fresh_hub: Hub) -> None:
    kept = fresh_hub.folder / "class" / "hub"
    kept.mkdir(parents=True)
    with subprocess.Popen(["sleep", "600"]) as other:
        (kept / "proxy.pid").write_text(str(other.pid))
        fresh_hub.start()
        assert fresh_hub.proxy().pid != other.pid
        assert other.poll() is None
        other.kill()


def test_an_account_that_is_guessed_at_takes_no_password_until_it_is_reset(
    fresh_hub: Hub, passwords: dict[str, str]
) -> None:
    fresh_hub.start()
    name, other = STUDENTS[:2]

    def log_in(name: str, password: str) -> int:
        return Student(fresh_hub, name, password).login().status_code

    with ThreadPoolExecutor(50) as pool:
        refused = pool.map(lambda n: log_in(name, f"wrong horse {n}"), range(101))
        assert set(refused) == {403}
    assert log_in(name, passwords[name]) == 403
    assert log_in(other, passwords[other]) == 200
    subprocess.run(["faillock", "--user", name, "--reset"], check=True)
    assert log_in(name, passwords[name]) == 200


def test_idle_servers_are_stopped(fresh_hub: Hub, passwords: dict[str, str]) -> None:
    fresh_hub.settings["MASKLENS_CLASS_IDLE"] = "4"
    fresh_hub.start()
    student = Student(fresh_hub, STUDENTS[0], passwords[STUDENTS[0]])
    student.login().raise_for_status()
    student.spawn()
    assert processes()
    wait_for("the idle server is stopped", lambda: not processes())


FILL = """
with open("full", "wb", buffering=0) as file:
    try:
        while file.write(bytes(4096)) == 4096:
            pass
    except OSError as error:
        print(error.strerror)
"""


def test_no_work_is_lost_when_the_disk_fills_up(fresh_hub: Hub, passwords: dict[str, str]) -> None:
    one = Student(fresh_hub, STUDENTS[0], passwords[STUDENTS[0]])
    small = f"mount -t tmpfs -o size=60m,mode=755 tmpfs /home; mkdir -m 700 /home/{one.name}"
    owned = f'chown {one.name}: /home/{one.name}; exec "$@"'
    fresh_hub.before = ["unshare", "--mount", "--propagation=private", "sh", "-ec"]
    fresh_hub.before += [f"{small}; {owned}", "sh"]
    fresh_hub.start()
    one.login().raise_for_status()
    one.spawn()
    path = "masklens/notebooks/en/03_propagation.ipynb"
    before = one.ask(f"contents/{path}")["content"]
    saved = one.download(path)
    assert one.run(FILL, "python3-plain") == "No space left on device"
    long = {"cell_type": "raw", "id": "long", "metadata": {}, "source": "all my work " * 10**6}
    body = {"type": "notebook", "format": "json", "content": before | {"cells": [long]}}
    with pytest.raises(requests.HTTPError) as refusal:
        one.ask(f"contents/{path}", "PUT", body)
    assert "disk is full" in refusal.value.response.text
    assert one.download(path) == saved
    # A server that ends now cannot start again, and says why.
    one.stop()
    one.session.get(f"{fresh_hub.url}/hub/spawn", timeout=PATIENCE)
    assert "No space left on device" in one.progress()["message"]
    # Where the teacher has made room, here in what the hub takes for the homes, it can.
    assert fresh_hub.process is not None
    Path(f"/proc/{fresh_hub.process.pid}/root/home/{one.name}/full").unlink()
    one.spawn()
    one.ask(f"contents/{path}", "PUT", body)
    assert "all my work" in one.download(path)
