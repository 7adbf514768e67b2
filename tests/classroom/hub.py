"""A real hub for tests, and students who work on it as their browsers would."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest
import requests
import websocket

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "classroom" / "jupyterhub_config.py"
PATIENCE = 180  # seconds; many servers start at once on whatever machine this is
PASSWORD = "correct horse"


def find_fault() -> str | None:
    """Why no hub can run here, if none can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a hub needs Linux and root"
    if not shutil.which("node") or not find_proxy():
        return "a hub needs Node.js and configurable-http-proxy"
    return None


def find_proxy() -> str | None:
    beside = Path(sys.prefix) / "node_modules" / ".bin" / "configurable-http-proxy"
    return str(beside) if beside.exists() else shutil.which("configurable-http-proxy")


def wait_for(what: str, condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Waits until a condition holds, and returns what it returned."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with suppress(OSError, requests.RequestException):
            if found := condition():
                return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {patience:.0f} s")


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
    script = "; ".join([*keep, *cover, *show, 'exec "$@"'])
    return ["unshare", "--mount", "--propagation=private", "sh", "-ec", script, "sh"]


def _free_port(count: int) -> int:
    """The first of several free ports that follow one another."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
        with suppress(OSError, OverflowError):
            for other in range(port, port + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", other))
            return port


@dataclass
class Hub:
    """A hub of its own, with a folder, ports and uids that no other one has."""

    folder: Path
    port: int
    settings: dict[str, str] = field(default_factory=dict)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def uids(self) -> range:
        """The students' uids; no other hub has this port, so none has these."""
        return range(1_000_000 + 100 * self.port, 1_000_000 + 100 * self.port + 100)

    @property
    def log(self) -> str:
        return (self.folder / "hub.log").read_text(errors="replace")

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if "MASKLENS" not in name}
        path = os.pathsep.join([str(Path(find_proxy() or "").parent), os.environ["PATH"]])
        ours = {
            "PATH": path,
            "MASKLENS_CLASS_FOLDER": str(self.folder),
            "MASKLENS_CLASS_ADDRESS": "127.0.0.1",
            "MASKLENS_CLASS_PORT": str(self.port),
            "MASKLENS_CLASS_FIRST_UID": str(self.uids.start),
            "MASKLENS_COURSE_REPOSITORY": str(self.folder / "course"),
        }
        return kept | ours | self.settings

    def command(self) -> list[str]:
        needed = [Path(sys.base_prefix), Path(sys.prefix), ROOT / "helpers", CONFIG.parent]
        hub = [sys.executable, "-m", "jupyterhub", "-f", str(CONFIG)]
        return [*self.before, *opened(needed), *self.after, *hub]

    def start(self) -> None:
        """Starts the hub, and waits until it answers."""
        with (self.folder / "hub.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), env=self.environment(), stdout=log, stderr=log, cwd=self.folder
            )

        def answers() -> bool:
            assert self.process is not None and self.process.poll() is None, self.log
            return requests.get(f"{self.url}/hub/api", timeout=5).ok

        wait_for("the hub answers", answers)

    def refused(self, **settings: str) -> str:
        """What the hub says that does not start."""
        environment = self.environment() | settings
        done = subprocess.run(
            self.command(), env=environment, capture_output=True, text=True, timeout=60, check=False
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
        return psutil.Process(int((self.folder / "hub" / "proxy.pid").read_text()))

    def running(self) -> list[psutil.Process]:
        """The students' processes."""
        found = []
        for one in psutil.process_iter():
            with suppress(psutil.Error):
                if one.uids().real in self.uids and one.status() != psutil.STATUS_ZOMBIE:
                    found.append(one)
        return found

    def left(self) -> list[psutil.Process]:
        """What was started with the hub's folder, or its address, in the environment."""
        found = []
        for one in psutil.process_iter():
            with suppress(psutil.Error):
                values = " ".join(one.environ().values())
                if str(self.folder) in values or f":{self.port + 1}/hub/api" in values:
                    found.append(one)
        return found

    def end(self) -> None:
        """Ends everything, and removes it."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=20)
            self.process.kill()
        with suppress(OSError, ValueError, psutil.Error):
            self.proxy().kill()
        for one in self.running():
            with suppress(psutil.Error):
                one.kill()
        wait_for("all processes end", lambda: not self.running() and not self.left())
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
    language: str = "en"
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def account(self) -> str:
        """The name in addresses, however it was typed."""
        return quote(unicodedata.normalize("NFC", self.name))

    @property
    def server(self) -> str:
        """The address of the student's server."""
        return f"{self.hub.url}/user/{self.account}"

    def login(self, password: str = PASSWORD) -> requests.Response:
        """Sends the form of the login page."""
        self.session.get(f"{self.hub.url}/hub/login", timeout=PATIENCE)
        data = {"username": self.name, "password": password, "_xsrf": self._xsrf("/hub/")}
        return self.session.post(f"{self.hub.url}/hub/login?next=/hub/home", data, timeout=PATIENCE)

    def _xsrf(self, path: str) -> str:
        cookies = self.session.cookies
        return next(c.value or "" for c in cookies if c.name == "_xsrf" and c.path == path)

    def spawn(self) -> None:
        """Sends the form with the choice of a language, and waits until the server is there."""
        page = f"{self.hub.url}/hub/spawn"
        self.session.get(page, timeout=PATIENCE)
        data = {"language": self.language, "_xsrf": self._xsrf("/hub/")}
        self.session.post(page, data, timeout=PATIENCE).raise_for_status()
        self.wait_for_server()

    def wait_for_server(self) -> None:
        """Follows the progress as the page does."""
        progress = f"{self.hub.url}/hub/api/users/{self.account}/server/progress"
        lines = self.session.get(
            progress, params={"_xsrf": self._xsrf("/hub/")}, stream=True, timeout=PATIENCE
        ).iter_lines(decode_unicode=True)
        events = [json.loads(line.removeprefix("data: ")) for line in lines if "data: " in line]
        assert events and events[-1].get("ready"), (events, self.hub.log)
        # Asks the hub, like a browser that comes from it, who this is.
        self.session.get(f"{self.server}/lab", timeout=PATIENCE).raise_for_status()

    def ask(self, path: str, method: str = "GET", body: Any = None, to: str = "") -> Any:
        """Asks the REST API of a server: the student's own, or another one's."""
        headers = {"X-XSRFToken": self._xsrf(f"/user/{self.account}/")}
        url = f"{to or self.server}/api/{quote(path)}"
        answer = self.session.request(method, url, json=body, headers=headers, timeout=PATIENCE)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def download(self, path: str) -> str:
        """The text of a file in the home folder."""
        answer = self.session.get(f"{self.server}/files/{quote(path)}", timeout=PATIENCE)
        answer.raise_for_status()
        return answer.content.decode()

    def open(self, path: str) -> "Notebook":
        """Opens a notebook: its contents, and a kernel."""
        content = self.ask(f"contents/{path}")["content"]
        body = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        return Notebook(self, path, content, self.ask("sessions", "POST", body)["kernel"]["id"])

    def run(self, code: str) -> str:
        """Runs code in a kernel of its own, and returns what it printed."""
        kernel = self.ask("kernels", "POST", {"name": "python3"})["id"]
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
        xsrf = student._xsrf(f"/user/{student.account}/")
        url = f"{student.server}/api/kernels/{self.kernel}/channels".replace("http", "ws", 1)
        self.socket = websocket.create_connection(
            f"{url}?session_id={uuid.uuid4().hex}&_xsrf={quote(xsrf)}",
            cookie=cookie,
            origin=student.hub.url,
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
    """A hub that has not been started, with a course to serve, and a list of nobody."""
    # Not in pytest's folder, which is closed to students, and too long for a socket's path.
    folder = Path(tempfile.mkdtemp(prefix="ml"))
    folder.chmod(0o711)
    hub = Hub(folder, _free_port(3))
    try:
        make_course(folder / "course")
        (folder / "students.txt").touch()
        yield hub
    finally:
        hub.end()


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A hub for all tests of a module."""
    with new_hub() as hub:
        yield hub


@pytest.fixture
def fresh_hub() -> Iterator[Hub]:
    """A hub for one test."""
    with new_hub() as hub:
        yield hub
