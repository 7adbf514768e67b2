"""Measures preloaded kernels beside plain ones: time to a result, memory, and all notebooks."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from benchmarks.table import print_table, verdict
from masklens_kernel.spec import install

KINDS = {"preloaded": "python3", "plain": "python3-plain"}
RUNS = 10
GOAL_S = 1.0
KERNELS = 5
GOAL_MEMORY = 0.5  # of a plain kernel's
GOAL_SUITE = 3.0  # times faster
PATIENCE = 120  # seconds for a kernel, on whatever machine this is

# What a lesson begins with.
LESSON = """
import keras
ids = keras.ops.convert_to_tensor([[3, 1, 4, 0, 0], [1, 5, 9, 2, 6]])
states = keras.layers.LSTM(8)(keras.layers.Embedding(10, 4, mask_zero=True)(ids))
print(states.shape)
"""
NOTEBOOKS = ("notebooks", "exercises", "solutions")


@contextmanager
def _jupyter() -> Iterator[tuple[Path, dict[str, str]]]:
    """Kernelspecs, and an environment with parents of its own, which end with it."""
    # The path of a socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="mk-", dir="/tmp"))
    environment = {
        **os.environ,
        "XDG_RUNTIME_DIR": str(folder),
        "JUPYTER_PATH": str(folder / "share" / "jupyter"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "MASKLENS_PROGRESS": "off",
    }
    try:
        install(folder)
        yield folder, environment
    finally:
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("XDG_RUNTIME_DIR") == str(folder):
                    process.kill()
        shutil.rmtree(folder)


class _Kernel:
    def __init__(self, kind: str, folder: Path, environment: dict[str, str]) -> None:
        specs = folder / "share" / "jupyter" / "kernels"
        self._manager = KernelManager(
            kernel_name=KINDS[kind],
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(specs)]),
            connection_file=str(folder / f"{time.monotonic_ns()}.json"),
        )
        self._manager.start_kernel(env=environment, stderr=subprocess.DEVNULL)
        self._client: Any = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE)

    def run(self, code: str) -> str:
        """What a cell prints."""
        printed: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            printed.append(message["content"].get("text", ""))

        reply = self._client.execute_interactive(code, timeout=PATIENCE, output_hook=hear)
        if reply["content"]["status"] != "ok":
            raise RuntimeError(f"the measured cell failed: {reply['content']}")
        return "".join(printed).strip()

    def processes(self) -> set[int]:
        """The kernel, and its launcher if it has one."""
        return {self._manager.provisioner.pid, int(self.run("import os; print(os.getpid())"))}

    def end(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


def measure_kernels() -> bool:
    """How soon and how small preloaded kernels are."""
    with _jupyter() as (folder, environment):
        return all([_measure_time(folder, environment), _measure_memory(folder, environment)])


def _measure_time(folder: Path, environment: dict[str, str]) -> bool:
    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for kind in KINDS:  # starts the parent, writes byte code, and warms the disk cache
        _time_to_result(kind, folder, environment)
    for number in range(1, RUNS + 1):
        print(f"from opening a notebook to a result: {number} of {RUNS}", file=sys.stderr)
        for kind in KINDS:
            seconds[kind].append(_time_to_result(kind, folder, environment))
    met = median(seconds["preloaded"]) <= GOAL_S
    print_table(
        f"From starting a kernel to the first result of Keras (median of {RUNS})",
        ["kernel", "s", "fastest", "slowest", "goal", "verdict"],
        [
            [
                kind,
                *(f"{value:.2f}" for value in (median(found), min(found), max(found))),
                *((f"{GOAL_S:.0f} s", verdict(met)) if kind == "preloaded" else ("", "")),
            ]
            for kind, found in seconds.items()
        ],
    )
    return met


def _time_to_result(kind: str, folder: Path, environment: dict[str, str]) -> float:
    began = time.perf_counter()
    kernel = _Kernel(kind, folder, environment)
    if kernel.run(LESSON) != "(2, 8)":
        raise RuntimeError("the lesson's cell did not say what it should")
    seconds = time.perf_counter() - began
    kernel.end()
    return seconds


def _measure_memory(folder: Path, environment: dict[str, str]) -> bool:
    parents = _parents(folder)
    rows = []
    each = {}
    for kind in KINDS:
        kernels = []
        for number in range(1, KERNELS + 1):
            print(f"memory of {kind} kernels: {number} of {KERNELS}", file=sys.stderr)
            kernels.append(_Kernel(kind, folder, environment))
            kernels[-1].run(LESSON)
        sizes = [sum(map(_pss, kernel.processes())) for kernel in kernels]
        each[kind] = median(sizes[1:])
        all_of_them = sum(sizes) + (sum(map(_pss, parents)) if kind == "preloaded" else 0)
        rows.append([f"each {kind} kernel, second to fifth", f"{each[kind]:.0f}"])
        if kind == "preloaded":
            rows.append(["their parent", f"{sum(map(_pss, parents)):.0f}"])
        rows.append([f"all of {KERNELS} {kind} kernels", f"{all_of_them:.0f}"])
        for kernel in kernels:
            kernel.end()
    rows.append(["the parent without a kernel", f"{sum(map(_pss, parents)):.0f}"])
    ratio = each["preloaded"] / each["plain"]
    met = ratio <= GOAL_MEMORY
    print_table(
        "Memory after an embedding and an LSTM (proportional set size, launcher included)",
        ["", "MiB", "of plain", "goal", "verdict"],
        [[*rows[0], f"{ratio:.2f}", f"{GOAL_MEMORY}", verdict(met)]]
        + [[*row, "", "", ""] for row in rows[1:]],
    )
    return met


def _parents(folder: Path) -> list[int]:
    """The parents of the kernels; a kernel has its parent's command line, and another folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if (
                process.cmdline()[-4:-2] == ["masklens_kernel", "parent"]
                and process.environ().get("XDG_RUNTIME_DIR") == str(folder)
                and process.cwd() == "/"
            ):
                found.append(process.pid)
    return found


def _pss(pid: int) -> float:
    """A process's share of the memory that it is in, in MiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"the system does not say how much memory process {pid} has")


def measure_suite(folders: tuple[str, ...] = NOTEBOOKS) -> bool:
    """How long all notebooks take: as `make test` runs them, and one by one in plain kernels."""
    with _jupyter() as (folder, environment):
        options = ["-q", "-o", "addopts=", "--nbval", "--nbval-cell-timeout=120"]
        preloaded = ["-n", "2", "--dist", "loadscope", *options, *folders]
        fast = _time_suite("as make test", preloaded, environment)
        if not _parents(folder):
            raise RuntimeError("no parent was there: the notebooks had plain kernels")
        # The plain kernels of the same prefix, under the name that the notebooks ask for.
        kernels = folder / "share" / "jupyter" / "kernels"
        shutil.rmtree(kernels / "python3")
        shutil.copytree(kernels / "python3-plain", kernels / "python3")
        slow = _time_suite("plain, one by one", ["-p", "no:xdist", *options, *folders], environment)
    met = slow / fast >= GOAL_SUITE
    print_table(
        "All notebooks with pytest --nbval",
        ["kernels", "min", "times faster", "goal", "verdict"],
        [
            ["plain, one by one", f"{slow / 60:.1f}", "", "", ""],
            [
                "preloaded, two at once",
                f"{fast / 60:.1f}",
                f"{slow / fast:.1f}",
                f"{GOAL_SUITE:.0f}",
                verdict(met),
            ],
        ],
    )
    return met


def _time_suite(name: str, options: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
        suite = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        while suite.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                suite.wait(60)
            minutes = (time.perf_counter() - began) / 60
            print(f"all notebooks, {name}: {minutes:.1f} min", file=sys.stderr)
        said.seek(0)
        if suite.returncode:
            raise RuntimeError(f"the notebooks fail, {name}:\n{said.read()[-4000:]}")
    return time.perf_counter() - began
