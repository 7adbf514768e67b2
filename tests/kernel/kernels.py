"""Preloaded and plain kernels for tests, with parents of their own that end with the tests."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

import psutil
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from masklens_kernel.spec import install
from tests.support.waiting import PATIENCE, wait_for

PRELOADED, PLAIN = "python3", "python3-plain"


def gone(*pids: int) -> bool:
    return not any(map(psutil.pid_exists, pids))


@dataclass
class Result:
    """What a cell has said."""

    stdout: str = ""
    stderr: str = ""
    error: str = ""  # the exception's name
    traceback: str = ""
    data: list[dict[str, Any]] = field(default_factory=list)


class Kernel:
    """A kernel that Jupyter has started."""

    def __init__(self, manager: KernelManager, log: Path, folder: Path) -> None:
        self.manager, self.folder = manager, folder
        self._log = log
        self.client: Any = manager.client()
        self.client.start_channels()

    @property
    def launcher(self) -> int:
        """The process that Jupyter takes for the kernel."""
        return int(self.manager.provisioner.pid)

    @property
    def pid(self) -> int:
        return int(self.run("import os; print(os.getpid())").stdout)

    @property
    def log(self) -> str:
        """What goes to the terminal of Jupyter's server."""
        return self._log.read_text(errors="replace")

    @property
    def is_forked(self) -> bool:
        """Whether a parent has forked it; where none can, what Jupyter started is the kernel."""
        return self.pid != self.launcher

    def ready(self, *, forked: bool | None = None) -> "Kernel":
        """Waits until it answers, and looks whether it is of the kind that was asked for."""
        self.client.wait_for_ready(timeout=PATIENCE)
        # What a kernel says before this channel is connected is lost.
        wait_for(self._answers, "the kernel says something")
        expected = self.manager.kernel_name == PRELOADED if forked is None else forked
        assert self.is_forked == expected, self.log
        return self

    def _answers(self) -> bool:
        request = self.client.kernel_info()
        try:
            while self.client.get_iopub_msg(timeout=1)["parent_header"].get("msg_id") != request:
                pass
        except Empty:
            return False
        return True

    def send(self, code: str, **options: Any) -> str:
        return str(self.client.execute(code, **{"allow_stdin": False, **options}))

    def hear(self, request: str) -> Result:
        """Collects what a cell says until it has ended."""
        result = Result()
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") != request:
                continue
            content, kind = message["content"], message["msg_type"]
            if kind == "stream" and content["name"] == "stdout":
                result.stdout += content["text"]
            elif kind == "stream":
                result.stderr += content["text"]
            elif kind == "error":
                result.error = content["ename"]
                result.traceback = "\n".join(content["traceback"])
            elif kind in ("display_data", "execute_result"):
                result.data.append(content["data"])
            elif kind == "status" and content["execution_state"] == "idle":
                return result

    def run(self, code: str) -> Result:
        return self.hear(self.send(code))

    def until(self, request: str, printed: str) -> None:
        """Waits until a running cell has printed something."""
        heard = ""
        while printed not in heard:
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["msg_type"] in ("stream", "error"):
                assert message["parent_header"]["msg_id"] == request
                heard += message["content"].get("text") or str(message["content"])

    def shutdown(self, *, now: bool = False) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=now)


class Jupyter:
    """Starts kernels, in a runtime folder that no other parent uses.

    Args:
        prefix: where the kernelspecs are.
        own: variables of the environment of all kernels; None takes one away.
    """

    def __init__(self, prefix: Path, **own: str | None) -> None:
        # The path of a socket has 103 bytes at most; pytest's folders may have more.
        self.runtime = Path(tempfile.mkdtemp(prefix="mk-", dir="/tmp"))
        self.prefix, self._own = prefix, own
        self.packages = self.runtime / "packages"  # where modules are found, too
        self.packages.mkdir()
        self.kernels: list[Kernel] = []

    @property
    def environment(self) -> dict[str, str]:
        names = ("KERAS_BACKEND", "MASKLENS_LANGUAGE", "MPLBACKEND", "JPY_PARENT_PID")
        kept = {name: value for name, value in os.environ.items() if name not in names}
        path = filter(None, [str(self.packages), os.environ.get("PYTHONPATH")])
        wanted: dict[str, str | None] = {
            **kept,
            "PYTHONPATH": os.pathsep.join(path),
            "JUPYTER_PATH": str(self.prefix / "share" / "jupyter"),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "MASKLENS_KERNEL_IDLE": "60",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "",
            "IPYTHONDIR": str(self.runtime / "ipython"),
            **self._own,
        }
        return {name: value for name, value in wanted.items() if value is not None}

    @property
    def folder(self) -> Path:
        return self.runtime / "masklens"

    def parents(self) -> list[psutil.Process]:
        """The parents that serve these kernels; a kernel forked from one is none."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                line = process.cmdline()
                is_forked = line[-4:-2] == ["masklens_kernel", "parent"]
                # A kernel has its parent's command line, but works in the notebook's folder.
                if is_forked and self._is_ours(process) and process.cwd() == "/":
                    found.append(process)
        return found

    def _is_ours(self, process: psutil.Process) -> bool:
        return process.environ().get("XDG_RUNTIME_DIR") == str(self.runtime)

    def start(
        self, kind: str = PRELOADED, folder: Path | None = None, **environment: str
    ) -> Kernel:
        """Starts a kernel as a notebook in a folder would."""
        folder = folder or self.runtime
        log = self.runtime / f"{len(self.kernels)}.log"
        specs = KernelSpecManager(
            kernel_dirs=[str(self.prefix / "share/jupyter/kernels")], ensure_native_kernel=False
        )
        manager = KernelManager(
            kernel_name=kind,
            kernel_spec_manager=specs,
            connection_file=str(self.runtime / f"kernel-{len(self.kernels)}.json"),
            shutdown_wait_time=20,
        )
        env = {**self.environment, **environment}
        stream = log.open("w")  # stays open, as a restarted kernel writes to it, too
        manager.start_kernel(cwd=str(folder), env=env, stdout=stream, stderr=stream)
        kernel = Kernel(manager, log, folder)
        self.kernels.append(kernel)
        return kernel

    def end(self) -> None:
        """Ends what was started, and looks that nothing is left."""
        try:
            for kernel in self.kernels:
                kernel.shutdown(now=True)
        finally:
            for process in self.processes():
                with suppress(psutil.Error):
                    process.send_signal(signal.SIGKILL)
            wait_for(lambda: not self.processes(), "the processes end")
            shutil.rmtree(self.runtime)

    def processes(self) -> list[psutil.Process]:
        """Whatever was started from here, and is alive."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE and self._is_ours(process):
                    found.append(process)
        return found


def start_jupyter(prefix: Path, **own: str | None) -> Iterator[Jupyter]:
    """A Jupyter that ends with the test; the body of a fixture."""
    install(prefix)
    jupyter = Jupyter(prefix, **own)
    try:
        yield jupyter
    finally:
        jupyter.end()
