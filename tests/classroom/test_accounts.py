"""The command that makes accounts: once for each name, closed, with a line for each bad name."""

import pwd
import stat
import subprocess
from pathlib import Path

import pytest

from tests.classroom.class_accounts import (
    COMMAND,
    GROUP,
    PREFIX,
    read_passwords,
    run_command,
)

pytestmark = pytest.mark.accounts

MINJI, HAEUN, JUN, MOVED = (f"{PREFIX}{name}" for name in ("minji", "haeun", "jun", "moved"))
GOOD = f"\ufeff{MINJI} 김민지\r\n# a comment\r\n\r\n{HAEUN} 최하은  # moved here in May\r\n{JUN}"
BAD = {
    "김민지": "cannot be an account",
    "Mlt-Anna": "cannot be an account",
    "1st": "cannot be an account",
    "mlt-" + "long" * 7: "cannot be an account",
    "mlt-a:b": "cannot be an account",
    "../mlt-a": "cannot be an account",
    "$(reboot)": "cannot be an account",
    "-f": "cannot be an account",
    "root": "an account already, and not of this class",
    "daemon": "an account already, and not of this class",
}


def test_accounts_are_made_once_and_closed(passwords: dict[str, str], tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_bytes(GOOD.encode())
    done = run_command(names)
    assert (done.returncode, done.stderr) == (0, "")
    first = read_passwords(done.stdout)
    assert list(first) == [MINJI, HAEUN, JUN]
    assert len({*first.values()}) == 3 and {len(password) for password in first.values()} == {12}
    full = {MINJI: "김민지", HAEUN: "최하은", JUN: ""}
    for name in first:
        account = pwd.getpwnam(name)
        assert account.pw_gecos == full[name]
        assert account.pw_shell == "/bin/bash"
        home = Path(account.pw_dir).stat()
        assert (home.st_uid, stat.S_IMODE(home.st_mode)) == (account.pw_uid, 0o700)
    # Again, with one more, and an interruption made good: neither password nor files change.
    kept = _hash(MINJI)
    subprocess.run(["passwd", "--lock", JUN], check=True, capture_output=True)
    subprocess.run(["usermod", "--password", "!", JUN], check=True)
    Path(pwd.getpwnam(HAEUN).pw_dir).chmod(0o755)
    names.write_text(names.read_text() + f"\n{PREFIX}new\n")
    again = run_command(names)
    assert set(read_passwords(again.stdout)) == {JUN, f"{PREFIX}new"}
    assert _hash(MINJI) == kept
    assert stat.S_IMODE(Path(pwd.getpwnam(HAEUN).pw_dir).stat().st_mode) == 0o700


def _hash(name: str) -> str:
    lines = Path("/etc/shadow").read_text().splitlines()
    return next(line.split(":")[1] for line in lines if line.startswith(f"{name}:"))


def test_each_bad_name_gets_one_line_and_the_others_an_account(
    passwords: dict[str, str], tmp_path: Path
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("\n".join([*BAD, f"{PREFIX}good"]))
    done = run_command(names)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == len(BAD)
    for number, ((name, message), line) in enumerate(zip(BAD.items(), lines, strict=True), 1):
        assert line.startswith(f"accounts: line {number}: '{name}' ") and message in line
    assert "minji 김민지" in lines[0]
    assert list(read_passwords(done.stdout)) == [f"{PREFIX}good"]
    # No account of the system's own was touched.
    groups = subprocess.run(["id", "-nG", "root"], capture_output=True, text=True, check=True)
    assert GROUP not in groups.stdout.split()


def test_a_list_that_is_not_there_is_named(passwords: dict[str, str], tmp_path: Path) -> None:
    done = run_command(tmp_path / "nowhere.txt")
    assert done.returncode == 1
    assert f"no list of names: '{tmp_path / 'nowhere.txt'}'" in done.stderr


def test_only_root_makes_accounts(passwords: dict[str, str]) -> None:
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    done = subprocess.run([*nobody, COMMAND, "x"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "accounts: it needs root, to make accounts: use sudo.\n"


def test_a_backup_comes_back_under_the_account_whatever_its_number(
    passwords: dict[str, str], tmp_path: Path
) -> None:
    names, archive = tmp_path / "names.txt", tmp_path / "class.tgz"
    names.write_text(MOVED)
    run_command(names)
    work = Path("/home", MOVED, "work.txt")
    work.write_text("all of it")
    work.chmod(0o600)
    before = pwd.getpwnam(MOVED)
    subprocess.run(["chown", f"{MOVED}:", work], check=True)
    subprocess.run(["tar", "-czf", archive, "-C", "/", f"home/{MOVED}"], check=True)
    # On the new machine, another account has the number.
    subprocess.run(["userdel", "--remove", MOVED], check=True, capture_output=True)
    other = ["useradd", "--non-unique", "--uid", str(before.pw_uid), f"{PREFIX}other"]
    subprocess.run(other, check=True)
    run_command(names)
    after = pwd.getpwnam(MOVED)
    assert after.pw_uid != before.pw_uid
    subprocess.run(["tar", "-xzpf", archive, "-C", "/", "home"], check=True)
    for path in (work, work.parent):
        assert (path.stat().st_uid, path.stat().st_gid) == (after.pw_uid, after.pw_gid)
    assert stat.S_IMODE(work.parent.stat().st_mode) == 0o700
