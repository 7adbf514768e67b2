"""A real hub for tests, and students who work on it as their browsers would."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import requests
import websocket

from tests.classroom.class_accounts import GROUP, ROOT, end_processes, processes
from tests.support.waiting import PATIENCE, wait_for


def opened(paths: list[Path]) -> list[str]:
    """A command before another one, which then finds these paths open to everybody.

    A test's interpreter may stand in a home folder that is closed to students. Only the command
    sees it opened: in its own mounts, an empty folder with the path in it lies over the closed one.
    """
    closed = {
        path: next((p for p in reversed(path.parents) if not p.stat().st_mode & 0o001), None)
        for path in sorted(paths)
    }
    covered = {path: over for path, over in closed.items() if over}
    if not covered:
        return []
    keep = [f"k{n}=$(mktemp -d); mount --bind '{p}' $k{n}" for n, p in enumerate(covered)]
    cover = [f"mount -t tmpfs -o mode=711 tmpfs '{over}'" for over in {*covered.values()}]
    show = [
        f"mkdir -p '{path}'; mount --move $k{n} '{path}'; rmdir $k{n}"
        for n, path in enumerate(covered)
    ]
    return mounted("; ".join([*keep, *cover, *show]))


def mounted(commands: str) -> list[str]:
    """A command before another one, which then has mounts of its own."""
    return [
        "unshare",
        "--mount",
        "--propagation=private",
        "sh",
        "-ec",
        f'{commands}; exec "$@"',
        "sh",
    ]


def _free_port(count: int) -> int:
    """The first of several free ports that follow one another.

    They lie below those that Linux gives to connections, one of which might begin in the meantime.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with suppress(OSError):
            for other in range(port, port + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", other))
            return port


@dataclass
class Hub:
    """A hub of its own, with a folder and ports that no other one has.

    Args:
        before: a command in which it runs, such as one that has mounts of its own.
        after: the same, for what runs with the folders opened to everybody.
    """

    folder: Path
    port: int
    settings: dict[str, str] = field(default_factory=dict)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    config: Path = ROOT / "classroom" / "jupyterhub_config.py"
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where students open it: below a domain, a name that leads to this machine."""
        return self.settings.get("MASKLENS_CLASS_DOMAIN") or f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "hub.log").read_text(errors="replace")

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if "MASKLENS" not in name}
        ours = {
            "COURSE": "en",
            "MASKLENS_CLASS_FOLDER": str(self.folder / "class"),
            "MASKLENS_CLASS_GROUP": GROUP,
            "MASKLENS_CLASS_ADDRESS": "127.0.0.1",
            "MASKLENS_CLASS_PORT": str(self.port),
            "MASKLENS_COURSE_REPOSITORY": str(self.folder / "course"),
        }
        return kept | ours | self.settings

    def _command(self, *program: str) -> list[str]:
        needed = [Path(sys.base_prefix), Path(sys.prefix)]
        needed += [ROOT / name for name in ("helpers", "classroom", "solutions")]
        python = [sys.executable, *(program or ("-m", "jupyterhub", "-f"))]
        return [*self.before, *opened(needed), *self.after, *python, str(self.config)]

    def start(self) -> None:
        """Starts the hub, and waits until it answers."""
        with (self.folder / "hub.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command(), env=self.environment(), stdout=log, stderr=log, cwd=self.folder
            )

        def answers() -> bool:
            assert self.process is not None and self.process.poll() is None, self.log
            return requests.get(f"{self.url}/hub/api", timeout=5).ok

        wait_for(answers, "the hub answers")

    def refused(self, *program: str) -> str:
        """What the hub says that does not start, or a program that only reads its settings."""
        done = subprocess.run(
            self._command(*program),
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
        # One message, and nothing else.
        assert done.stderr.startswith("The hub was not started: ") and "\n" not in done.stderr[:-1]
        assert not done.stdout
        return done.stderr.strip()

    def kill(self) -> None:
        """Ends the hub as a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=PATIENCE)

    def proxy(self) -> psutil.Process:
        """The proxy that the hub started."""
        return psutil.Process(int((self.folder / "class" / "hub" / "proxy.pid").read_text()))

    def end(self) -> None:
        """Ends everything, and removes the folder."""
        end_processes()  # or the hub would wait for each server
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=60)
            self.process.kill()
        with suppress(OSError, ValueError, psutil.Error):
            self.proxy().kill()
        end_processes()
        shutil.rmtree(self.folder)


def make_course(folder: Path) -> None:
    """Makes a repository of the course's notebooks."""
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    for command in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "."),
        ("-c", "user.name=teacher", "-c", "user.email=teacher@localhost", "commit", "-qm", "One"),
    ):
        subprocess.run(["git", "-C", folder, *command], check=True)


Answer = dict[str, Any]


@dataclass
class Student:
    """Somebody with a browser: cookies, and what the hub's pages do with them."""

    hub: Hub
    name: str
    password: str
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def server(self) -> str:
        """The address of the student's server."""
        host = self.hub.url
        if "MASKLENS_CLASS_DOMAIN" in self.hub.settings:
            host = host.replace("://", f"://{self.name}.")
        return f"{host}/user/{self.name}"

    def login(self, password: str | None = None) -> requests.Response:
        """Sends the form of the login page."""
        self.session.get(f"{self.hub.url}/hub/login", timeout=PATIENCE)
        data = {"username": self.name, "password": password or self.password}
        data["_xsrf"] = self.xsrf("/hub/")
        return self.session.post(f"{self.hub.url}/hub/login?next=/hub/home", data, timeout=PATIENCE)

    def xsrf(self, path: str) -> str:
        """What a page sends with a request, to show that it may read the page."""
        cookies = self.session.cookies
        return next(c.value or "" for c in cookies if c.name == "_xsrf" and c.path == path)

    def ask_hub(self, path: str, method: str = "GET") -> requests.Response:
        """Asks the hub's API."""
        headers = {"X-XSRFToken": self.xsrf("/hub/")}
        url = f"{self.hub.url}/hub/api/{path}"
        return self.session.request(method, url, headers=headers, timeout=PATIENCE)

    def spawn(self) -> None:
        """Asks for the server, waits until it is there, and opens it."""
        last = self.ask_for_server()
        assert last.get("ready"), (last, self.hub.log)
        # Asks the hub, like a browser that comes from it, who this is.
        self.session.get(f"{self.server}/lab", timeout=PATIENCE).raise_for_status()

    def server_processes(self) -> list[psutil.Process]:
        """The student's server, if it runs."""
        found = []
        for one in processes(self.name):
            with suppress(psutil.Error):
                if "jupyterhub.singleuser" in one.cmdline():
                    found.append(one)
        return found

    def stop(self, of: "Student | None" = None) -> None:
        """Stops the server, or as a teacher that of a student, and waits until it has ended."""
        student = of or self
        answer = self.ask_hub(f"users/{student.name}/server", "DELETE")
        assert answer.status_code in (202, 204), answer.text
        wait_for(lambda: not student.server_processes(), "the server has stopped")

    def ask_for_server(self) -> Answer:
        """Asks for the server, and follows the progress as the page does; the last that it says."""
        self.session.get(f"{self.hub.url}/hub/spawn", timeout=PATIENCE)
        progress = f"{self.hub.url}/hub/api/users/{self.name}/server/progress"
        lines = self.session.get(
            progress, params={"_xsrf": self.xsrf("/hub/")}, stream=True, timeout=PATIENCE
        ).iter_lines(decode_unicode=True)
        events = [json.loads(line.removeprefix("data: ")) for line in lines if "data: " in line]
        assert events, self.hub.log
        return dict(events[-1])

    def ask(self, path: str, method: str = "GET", body: Any = None, to: str = "") -> Any:
        """Asks the REST API of a server: the student's own, or another one's."""
        headers = {"X-XSRFToken": self.xsrf(f"/user/{self.name}/")}
        url = f"{to or self.server}/api/{quote(path)}"
        answer = self.session.request(method, url, json=body, headers=headers, timeout=PATIENCE)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def download(self, path: str) -> str:
        """The text of a file in the home folder."""
        answer = self.session.get(f"{self.server}/files/{quote(path)}", timeout=PATIENCE)
        answer.raise_for_status()
        return answer.content.decode()

    def open(self, path: str, kernel: str = "python3") -> "Notebook":
        """Opens a notebook: its contents, and a kernel."""
        content = self.ask(f"contents/{path}")["content"]
        body = {"path": path, "name": path, "type": "notebook", "kernel": {"name": kernel}}
        return Notebook(self, path, content, self.ask("sessions", "POST", body)["kernel"]["id"])

    def run(self, code: str, kernel_name: str = "python3") -> str:
        """Runs code in a kernel of its own, and returns what it printed."""
        kernel = self.ask("kernels", "POST", {"name": kernel_name})["id"]
        try:
            notebook = Notebook(self, "", {}, kernel)
            with notebook.connected():
                outputs = notebook.execute(code)
        finally:
            self.ask(f"kernels/{kernel}", "DELETE")
        assert all(one["output_type"] == "stream" for one in outputs), outputs
        return "".join(one["text"] for one in outputs).strip()


@dataclass
class Notebook:
    """A notebook that a student has open."""

    student: Student
    path: str
    content: Answer
    kernel: str
    socket: Any = None

    @property
    def cells(self) -> list[Answer]:
        """The code cells."""
        return [cell for cell in self.content["cells"] if cell["cell_type"] == "code"]

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Connects to the kernel, as JupyterLab does when the page opens."""
        student = self.student
        session = student.session
        cookie = session.get(f"{student.server}/api", timeout=PATIENCE).request.headers["Cookie"]
        xsrf = student.xsrf(f"/user/{student.name}/")
        url = f"{student.server}/api/kernels/{self.kernel}/channels".replace("http", "ws", 1)
        self.socket = websocket.create_connection(
            f"{url}?session_id={uuid.uuid4().hex}&_xsrf={quote(xsrf)}",
            cookie=cookie,
            origin=student.server.partition("/user/")[0],
            timeout=PATIENCE,
        )
        try:
            yield
        finally:
            self.socket.close()

    def execute(self, code: str) -> list[Answer]:
        """Runs code in the kernel, and returns the outputs."""
        identity = uuid.uuid4().hex
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        header = {
            "msg_id": identity,
            "msg_type": "execute_request",
            "username": "",
            "session": identity,
            "version": "5.3",
        }
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        self.socket.send(json.dumps(message | {"channel": "shell", "buffers": []}))
        outputs: list[Answer] = []
        waiting = {"execute_reply", "idle"}
        while waiting:
            received = _read(self.socket.recv())
            if received["parent_header"].get("msg_id") != identity:
                continue
            kind, content = received["msg_type"], received["content"]
            waiting -= {kind, content.get("execution_state")}
            if kind in ("stream", "display_data", "execute_result", "error"):
                outputs.append({"output_type": kind, **content})
        return outputs

    def run(self, cells: slice = slice(None)) -> None:
        """Runs code cells, and puts their outputs into the notebook."""
        for cell in self.cells[cells]:
            cell["outputs"] = self.execute("".join(cell["source"]))
            for output in cell["outputs"]:
                output.pop("transient", None)

    def save(self) -> None:
        """Saves the notebook, as Ctrl+S does."""
        body = {"type": "notebook", "format": "json", "content": self.content}
        self.student.ask(f"contents/{self.path}", "PUT", body)


def _read(received: str | bytes) -> Answer:
    """A message; one with buffers comes with its length before it, as widgets' states do."""
    if isinstance(received, bytes):
        count = int.from_bytes(received[:4], "big")
        offsets = [int.from_bytes(received[4 * n : 4 * n + 4], "big") for n in range(1, count + 1)]
        received = received[offsets[0] : (offsets[1] if count > 1 else None)].decode()
    return dict(json.loads(received))


@contextmanager
def new_hub() -> Iterator[Hub]:
    """A hub that has not been started, with a course to serve."""
    # Not in pytest's folder, which is closed to students.
    folder = Path(tempfile.mkdtemp(prefix=GROUP))
    folder.chmod(0o711)
    hub = Hub(folder, _free_port(3))
    try:
        make_course(folder / "course")
        yield hub
    finally:
        hub.end()
