"""What must hold before the hub starts; each fault is one message that says what to do."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

LONGEST_FOLDER = 40  # characters; the path of a socket has 107, and the rest is needed for its name
LEAST_SPACE = 100  # MiB
# Where a class is kept, and whose it is, unless settings say otherwise.
FOLDER = "/srv/masklens"
FIRST_UID = 200_000
PROXY = "configurable-http-proxy"


def stop(message: str) -> None:
    """Ends the hub before it starts."""
    sys.exit(f"The hub was not started: {message}")


def check_machine() -> None:
    """The hub changes from root to each student's uid, which only root on Linux can."""
    if sys.platform != "linux":
        stop(f"it needs Linux, and this is {sys.platform}.")
    if os.geteuid() != 0:
        stop("it needs root, to run each student's server under a uid of its own: use sudo.")
    for program, package in (("git", "git"), ("setpriv", "util-linux")):
        if not shutil.which(program):
            stop(f"there is no {program} (Debian, Ubuntu: apt install {package}).")


def find_proxy() -> str:
    """The proxy's program: beside the Python environment, or on the PATH."""
    beside = Path(sys.prefix) / "node_modules" / ".bin" / PROXY
    found = str(beside) if beside.exists() else shutil.which(PROXY)
    if not shutil.which("node"):
        stop("there is no Node.js for its proxy (Debian, Ubuntu: apt install nodejs npm).")
    if not found:
        stop(f"there is no proxy: install it with npm install --prefix '{sys.prefix}' {PROXY}")
    return str(found)


def make_folders(folder: Path) -> None:
    """Makes the class's folders, and sees that there is room in them."""
    if len(str(folder)) > LONGEST_FOLDER:
        stop(f"the path {folder} is longer than {LONGEST_FOLDER} characters; choose a shorter one.")
    # Students pass through the open ones to what is theirs; they cannot list them.
    modes = {".": 0o711, "homes": 0o711, "run": 0o711, "hub": 0o700, "logs": 0o700}
    try:
        for name, mode in modes.items():
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name).chmod(mode)
        probe = folder / "hub" / "probe"
        probe.write_bytes(bytes(2**20))
        probe.unlink()
    except OSError as error:
        stop(
            f"{folder} cannot be written to: {error.strerror}. Make room there, or choose another."
        )
    free = shutil.disk_usage(folder).free // 2**20
    if free < LEAST_SPACE:
        stop(f"the disk of {folder} is full: {free} MiB are free, {LEAST_SPACE} are needed.")


def check_students(folder: Path, everybody: bool) -> None:
    """Somebody must be able to log in."""
    if not everybody and not (folder / "students.txt").exists():
        stop(
            f"nobody could log in. Write the students' names into {folder / 'students.txt'}, one a "
            "line, or open the class to every name with MASKLENS_CLASS_OPEN=1."
        )


def check_ports(address: str, ports: Iterable[int], proxy_pid: Path) -> None:
    """The ports must be free, but for a proxy that an earlier hub has left running."""
    if find_program(proxy_pid, PROXY):
        return
    # Or the hub would end the process that has this pid now.
    proxy_pid.unlink(missing_ok=True)
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                stop(
                    f"port {port} cannot be used: {error.strerror}. "
                    "Choose another with MASKLENS_CLASS_PORT."
                )


def find_program(pid_file: Path, name: str) -> int | None:
    """The pid in a file, if the program that wrote it still runs.

    Args:
        pid_file: may be missing, or older than the last start of the machine.
        name: what the program's command line holds.
    """
    try:
        pid = int(pid_file.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if name.encode() in command else None


def check_readable(uid: int, repository: str) -> None:
    """A student must be able to run Python, and to read the course where it is on this machine."""
    student = {"user": uid, "group": uid, "extra_groups": [], "cwd": "/", "capture_output": True}
    needed = [Path(sys.executable).resolve(), Path(sys.prefix), Path(__file__).parent]
    if Path(repository).exists():
        needed.append(Path(repository).resolve())
    for path in needed:
        for part in [*reversed(path.parents), path]:
            if subprocess.run(["/bin/sh", "-c", 'test -x "$0"', str(part)], **student).returncode:
                stop(
                    f"students cannot read {path}, because {part} is closed to them. Move it to a "
                    f"folder that all may read, such as /opt, or open that one: chmod o+x '{part}'"
                )


def branch_of(repository: str) -> str:
    """The branch that a repository offers first: the one that is checked out there.

    Args:
        repository: its address or path.

    Returns:
        The branch's name, or "main" where the repository cannot be asked.
    """
    command = ["git", "ls-remote", "--symref", "--", repository, "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return "main"
    first = done.stdout.partition("\t")[0]
    return first.removeprefix("ref: refs/heads/") if first.startswith("ref:") else "main"


def write_git_settings(folder: Path, repository: str) -> Path:
    """Writes what git must know to clone a repository that is not the student's own."""
    path = folder / "gitconfig"
    settings = [
        ("safe.directory", repository),
        ("safe.directory", str(Path(repository) / ".git")),
        # nbgitpuller reads names as they are.
        ("core.quotePath", "false"),
        ("diff.renames", "false"),
    ]
    path.write_text("")
    for name, value in settings:
        subprocess.run(["git", "config", "--file", path, "--add", name, value], check=True)
    return path


def write_lab_settings(folder: Path, overrides: Path) -> Path:
    """Puts our settings of JupyterLab where every student's server reads them."""
    path = folder / "jupyter"
    (path / "labconfig").mkdir(parents=True, exist_ok=True)
    shutil.copy(overrides, path / "labconfig" / "default_setting_overrides.json")
    return path
