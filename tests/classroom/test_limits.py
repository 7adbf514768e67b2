"""Where there is systemd, each server is one of its units, with limits."""

import json
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from tests.classroom.class_accounts import ROOT, STUDENTS
from tests.classroom.hub import Hub, Student, mounted

pytestmark = pytest.mark.accounts

# Stands where systemd-run and systemctl would: this machine was not started by systemd. Each call
# is written down, and no unit runs.
RECORD = f"""#!{sys.executable} -I
import json, sys
with open({{calls!r}}, "a") as calls:
    print(json.dumps(sys.argv), file=calls)
if "--version" in sys.argv:
    print("systemd 252 (252.39)")
sys.exit("is-active" in sys.argv or "is-failed" in sys.argv)
"""


@pytest.fixture
def asked(fresh_hub: Hub, passwords: dict[str, str]) -> dict[str, list[str]]:
    """What a hub asks systemd-run for when a student's server is to start, by property."""
    tools, calls = fresh_hub.folder / "tools", fresh_hub.folder / "calls"
    tools.mkdir()
    for name in ("systemd-run", "systemctl"):
        (tools / name).write_text(RECORD.format(calls=str(calls)))
        (tools / name).chmod(0o755)
    fresh_hub.before = mounted("mount -t tmpfs tmpfs /run/systemd; mkdir /run/systemd/system")
    fresh_hub.settings["PATH"] = f"{tools}:/usr/sbin:/usr/bin:/sbin:/bin"
    fresh_hub.settings["MASKLENS_CLASS_MEMORY"] = "3G"
    fresh_hub.start()
    student = Student(fresh_hub, STUDENTS[0], passwords[STUDENTS[0]])
    student.login().raise_for_status()
    last = student.ask_for_server()
    # Nothing was started, and the student is told so.
    assert last["failed"] and "did not begin within 10 seconds" in last["message"]
    lines = [json.loads(line) for line in calls.read_text().splitlines()]
    (run,) = [line for line in lines if line[0].endswith("systemd-run")]
    found: dict[str, list[str]] = {"command": run}
    for argument in run:
        if argument.startswith("--property="):
            name, _, value = argument.removeprefix("--property=").partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_a_server_is_a_unit_with_limits_on_memory_processors_and_tasks(
    asked: dict[str, list[str]], fresh_hub: Hub, tmp_path: Path
) -> None:
    command = asked.pop("command")
    account = pwd.getpwnam(STUDENTS[0])
    assert {f"--uid={account.pw_uid}", f"--gid={account.pw_gid}"} <= {*command}
    assert str(ROOT / "classroom" / "server") in command
    assert asked["MemoryMax"] == [str(3 * 2**30)]
    assert asked["CPUQuota"] == ["200%"]
    assert asked["TasksMax"] == ["512"]
    assert asked["NoNewPrivileges"] == asked["PrivateTmp"] == ["yes"]
    # The server's token is in a file that root alone reads, not in the command line.
    (environment,) = asked["EnvironmentFile"]
    assert "JUPYTERHUB_API_TOKEN" in Path(environment).read_text()
    assert Path(environment).stat().st_mode & 0o077 == 0
    # systemd itself knows each of these properties, and these values.
    unit = tmp_path / "server.service"
    lines = [f"{name}={value}" for name, values in asked.items() for value in values]
    unit.write_text("\n".join(["[Service]", "ExecStart=/bin/true", *lines]) + "\n")
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")
