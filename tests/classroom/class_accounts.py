"""The accounts of a class for tests; run as a program, it removes what a test may have left."""

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
COMMAND = ROOT / "classroom" / "accounts"
GROUP = "mltest"
PREFIX = "mlt-"
STUDENTS = [
    f"{PREFIX}{name}" for name in ["ann", "ben", "chul", "dana", "eun-ji", "finn_2", "gil", "hana"]
]
TEACHER = f"{PREFIX}kim"
EXCHANGE = Path("/usr/local/share/nbgrader/exchange")
# Says that the exchange was not there before the tests.
OURS = EXCHANGE / ".made-by-mltest"


def run_command(names: Path, *teacher: str) -> "subprocess.CompletedProcess[str]":
    """Runs the command that makes accounts, for the group of the tests."""
    if not EXCHANGE.exists():
        EXCHANGE.mkdir(parents=True)
        OURS.touch()
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


def accounts() -> dict[str, int]:
    """The accounts of the tests, with their uids."""
    lines = [line.split(":") for line in Path("/etc/passwd").read_text().splitlines()]
    return {line[0]: int(line[2]) for line in lines if line[0].startswith(PREFIX)}


def processes(name: str | None = None) -> list[psutil.Process]:
    """What runs under the account of a student, or of any."""
    uids = {uid for one, uid in accounts().items() if name in (None, one)}
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.uids().real in uids and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def left_outside() -> list[Path]:
    """What the accounts have outside of their homes."""
    uids, found = set(accounts().values()), []
    for place in ("/tmp", "/var/tmp", "/dev/shm"):
        for path in Path(place).iterdir():
            with suppress(FileNotFoundError):  # somebody else's, and gone by now
                if path.lstat().st_uid in uids:
                    found.append(path)
    return found


def end_processes() -> None:
    """Ends what runs under the accounts, and waits for it."""
    while found := processes():
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=1)


def remove() -> None:
    """Removes the accounts and all that the tests have made on this machine."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("MASKLENS_CLASS_GROUP") == GROUP and process.uids().real == 0:
                process.kill()
    end_processes()
    for path in left_outside():
        _delete(path)
    for name in accounts():
        subprocess.run(["userdel", "--remove", name], check=True, capture_output=True)
    for group in (GROUP, f"{GROUP}-teachers"):
        if f"\n{group}:" in Path("/etc/group").read_text():
            subprocess.run(["groupdel", group], check=True)
    _delete(Path("/etc/pam.d", GROUP))
    if OURS.exists():
        shutil.rmtree(EXCHANGE)
        with suppress(OSError):  # something else lies there
            EXCHANGE.parent.rmdir()
    for path in (
        *Path(tempfile.gettempdir()).glob(f"{GROUP}*"),
        *Path("/run").glob(f"jupyter-{PREFIX}*"),  # systemdspawner's
        *Path("/run/faillock").glob(f"{PREFIX}*"),
    ):
        _delete(path)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    remove()
