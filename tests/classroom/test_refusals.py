"""What keeps a hub from starting is said in one line; and how it ends what it has started."""

import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from tests.classroom.class_accounts import ROOT, STUDENTS, processes
from tests.classroom.hub import Hub, Student, mounted
from tests.support.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.accounts

# What it takes to run a command as `opened` does, and git.
TOOLS = "unshare setpriv sh mount mountpoint mktemp mkdir rmdir git"
# Reads the settings as JupyterHub does, without most of what it imports before.
READ = """
import runpy, sys
from traitlets.config import Config
runpy.run_path(sys.argv[1], {"get_config": Config})
"""


def test_only_root_starts_a_hub(hub: Hub) -> None:
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    for program in ((), ("-c", READ)):
        assert "it needs root" in replace(hub, after=nobody).refused(*program)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("CLASS_GROUP", "mlt-none", "the group mlt-none has no accounts: make accounts"),
        ("CLASS_FOLDER", "/proc/class", "/proc/class cannot be written to"),
        ("CLASS_PORT", "eight", "MASKLENS_CLASS_PORT must be a whole number, and is 'eight'"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(
    hub: Hub, setting: str, value: str, message: str
) -> None:
    changed = replace(hub, settings={f"MASKLENS_{setting}": value})
    assert message in changed.refused("-c", READ)


def test_without_node_there_is_no_hub(hub: Hub, tmp_path: Path) -> None:
    for name in TOOLS.split():
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    changed = replace(hub, settings={"PATH": str(tmp_path)})
    assert "there is no Node.js" in changed.refused("-c", READ)


# The path of the folder is put in for {}: only this hub finds something else where it was.
@pytest.mark.parametrize(
    ("folder", "commands", "message"),
    [
        (
            Path(sys.prefix) / "node_modules",
            "mount -t tmpfs tmpfs '{0}'",
            "there is no configurable-http-proxy",
        ),
        (
            None,
            "mount -t tmpfs -o size=4k tmpfs '{0}'; head -c 4096 /dev/zero > '{0}/full'",
            "No space left",
        ),
        (None, "mount -t tmpfs -o size=60m tmpfs '{0}'", "is full"),
    ],
    ids=["proxy", "no space", "full"],
)
def test_what_is_missing_on_a_disk_is_named(
    hub: Hub, folder: Path | None, commands: str, message: str
) -> None:
    if not folder:
        folder = hub.folder / "class"
        folder.mkdir(exist_ok=True)
    changed = replace(hub, before=mounted(commands.format(folder)))
    assert message in changed.refused("-c", READ)


def test_a_port_in_use_is_named(hub: Hub) -> None:
    for place in (0, 2):  # that of the students, and that of the proxy's own interface
        with socket.socket() as other:
            other.bind(("127.0.0.1", hub.port + place))
            other.listen()
            assert f"port {hub.port + place} is in use" in hub.refused("-c", READ)


def test_students_must_be_able_to_read_the_course(hub: Hub) -> None:
    closed = hub.folder / "closed"
    shutil.copytree(ROOT / "classroom", closed / "classroom")
    shutil.copy(ROOT / "course.toml", closed)
    closed.chmod(0o700)
    changed = replace(hub, config=closed / "classroom" / "jupyterhub_config.py")
    refused = changed.refused("-c", READ)
    assert f"students cannot read {closed / 'classroom'}" in refused
    assert f"chmod o+x '{closed}'" in refused


def test_idle_servers_are_stopped(fresh_hub: Hub, passwords: dict[str, str]) -> None:
    fresh_hub.settings["MASKLENS_CLASS_IDLE"] = "4"
    fresh_hub.start()
    student = Student(fresh_hub, STUDENTS[0], passwords[STUDENTS[0]])
    student.login().raise_for_status()
    student.spawn()
    assert processes()
    wait_for(lambda: not processes(), "the idle server is stopped")


FILL = """
with open("full", "wb", buffering=0) as file:
    try:
        while file.write(bytes(4096)) == 4096:
            pass
    except OSError as error:
        print(error.strerror)
"""


@pytest.fixture(scope="module")
def cramped(hub: Hub, passwords: dict[str, str]) -> Student:
    """A student whose home has little room."""
    one = Student(hub, STUDENTS[0], passwords[STUDENTS[0]])
    small = f"mount -t tmpfs -o size=60m,mode=755 tmpfs /home; mkdir -m 700 /home/{one.name}"
    hub.before = mounted(f"{small}; chown {one.name}: /home/{one.name}")
    hub.start()
    one.login().raise_for_status()
    one.spawn()
    return one


def test_no_work_is_lost_when_the_disk_fills_up(cramped: Student) -> None:
    one, hub = cramped, cramped.hub
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
    assert "No space left on device" in one.ask_for_server()["message"]
    # Where the teacher has made room, here in what the hub takes for the homes, it can.
    assert hub.process is not None
    Path(f"/proc/{hub.process.pid}/root/home/{one.name}/full").unlink()
    one.spawn()
    one.ask(f"contents/{path}", "PUT", body)
    assert "all my work" in one.download(path)


def test_the_hub_ends_what_it_started_but_not_what_a_student_left_behind(
    cramped: Student,
) -> None:
    hub = cramped.hub
    cramped.run(
        "import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True);",
        "python3-plain",
    )
    proxy, process = hub.proxy(), hub.process
    assert process is not None
    stop = ["make", "--silent", "-C", ROOT, "hub-stop"]
    subprocess.run(stop, env=hub.environment(), check=True, timeout=PATIENCE)
    assert process.wait(timeout=PATIENCE) in (0, -signal.SIGTERM, 143)
    wait_for(lambda: not proxy.is_running(), "the proxy ends")
    # Without systemd, nobody counts what belongs to a server.
    wait_for(lambda: {p.name() for p in processes()} == {"sleep"}, "the server ends")
    with pytest.raises(requests.ConnectionError):
        requests.get(hub.url, timeout=PATIENCE)
    again = subprocess.run(stop, env=hub.environment(), capture_output=True, text=True)
    assert "No hub is running." in again.stdout
