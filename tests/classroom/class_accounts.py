"""The accounts of a class for tests; run as a program, it removes what any test may have left."""

import grp
import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
COMMAND = ROOT / "classroom" / "accounts"
_ANY_GROUP, _ANY_PREFIX = "mltest", "mlt-"
# Tests that run beside each other have classes of their own.
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
GROUP = f"{_ANY_GROUP}{_WORKER}"
PREFIX = f"{_ANY_PREFIX}{_WORKER}-" if _WORKER else _ANY_PREFIX
STUDENTS = [
    f"{PREFIX}{name}" for name in ["ann", "eun-ji", "finn_2", "dana", "ben", "chul", "gil", "hana"]
]
TEACHER = f"{PREFIX}kim"
EXCHANGE = Path("/usr/local/share/nbgrader/exchange")
# Says that the exchange was not there before the tests.
_OURS = EXCHANGE / ".made-by-mltest"


def run_command(names: Path, *teacher: str) -> "subprocess.CompletedProcess[str]":
    """Runs the command that makes accounts, for the group of the tests."""
    if not EXCHANGE.exists():
        EXCHANGE.mkdir(parents=True, exist_ok=True)
        _OURS.touch()
    environment = os.environ | {"MASKLENS_CLASS_GROUP": GROUP}
    command = [COMMAND, names, *teacher]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def read_passwords(printed: str) -> dict[str, str]:
    """The first passwords, by name, of what the command printed."""
    return {
        name: password
        for name, password, _ in map(lambda line: line.split("\t"), printed.splitlines())
    }


def make_class(folder: Path) -> dict[str, str]:
    """Makes the students and the teacher; returns their passwords."""
    names = folder / "students.txt"
    names.write_text("\n".join(STUDENTS))
    done = run_command(names, TEACHER)
    assert done.returncode == 0, done.stderr
    return read_passwords(done.stdout)


def accounts(prefix: str = PREFIX) -> dict[str, int]:
    """The accounts of the class, with their uids."""
    return {one.pw_name: one.pw_uid for one in pwd.getpwall() if one.pw_name.startswith(prefix)}


def processes(prefix: str = PREFIX) -> list[psutil.Process]:
    """What runs under the accounts whose names begin so."""
    uids = {*accounts(prefix).values()}
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.uids().real in uids and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def left_outside(prefix: str = PREFIX) -> list[Path]:
    """What the accounts have outside of their homes."""
    uids, found = set(accounts(prefix).values()), []
    for place in ("/tmp", "/var/tmp", "/dev/shm"):
        for path in Path(place).iterdir():
            with suppress(FileNotFoundError):  # somebody else's, and gone by now
                if path.lstat().st_uid in uids:
                    found.append(path)
    return found


def end_processes(prefix: str = PREFIX) -> None:
    """Ends what runs under the accounts, and waits for it."""
    while found := processes(prefix):
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=1)


def remove(group: str = GROUP, prefix: str = PREFIX) -> None:
    """Removes the class and all that its tests have made on this machine."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            ours = process.environ().get("MASKLENS_CLASS_GROUP", "").startswith(group)
            if ours and process.uids().real == 0:
                process.kill()
    end_processes(prefix)
    for path in left_outside(prefix):
        _delete(path)
    for name in accounts(prefix):
        subprocess.run(["userdel", "--remove", name], check=True, capture_output=True)
    for one in grp.getgrall():
        if one.gr_name.startswith(group):
            subprocess.run(["groupdel", one.gr_name], check=True)
    for path in (
        *EXCHANGE.glob(f"{prefix}*"),  # a course of the tests
        *Path("/etc/pam.d").glob(f"{group}*"),
        *Path(tempfile.gettempdir()).glob(f"{group}*"),
        *Path("/run").glob(f"jupyter-{prefix}*"),  # systemdspawner's
        *Path("/run/faillock").glob(f"{prefix}*"),
    ):
        _delete(path)


def remove_all() -> None:
    """Removes every class of the tests, and nbgrader's exchange if it is of their making."""
    remove(_ANY_GROUP, _ANY_PREFIX)
    if _OURS.exists():
        shutil.rmtree(EXCHANGE)
        with suppress(OSError):  # something else lies there
            EXCHANGE.parent.rmdir()


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    remove_all()
