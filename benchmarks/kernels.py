"""Measures preloaded kernels beside plain ones: time to a result of Keras, and memory."""

import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

import psutil

from benchmarks.table import print_table, verdict
from tests.kernel.kernels import PLAIN, PRELOADED, Jupyter, Kernel, start_jupyter

RUNS = 10
GOAL_S = 1.0
KERNELS = 5
GOAL_MEMORY = 0.5  # of a plain kernel's
KINDS = {PRELOADED: "preloaded", PLAIN: "plain"}

# What a lesson begins with.
LESSON = """
import keras
ids = keras.ops.convert_to_tensor([[3, 1, 4, 0, 0], [1, 5, 9, 2, 6]])
states = keras.layers.LSTM(8)(keras.layers.Embedding(10, 4, mask_zero=True)(ids))
print(states.shape)
"""


def measure_kernels() -> bool:
    """How soon and how small preloaded kernels are."""
    started = contextmanager(start_jupyter)
    with tempfile.TemporaryDirectory() as prefix, started(Path(prefix)) as jupyter:
        return all([_measure_time(jupyter), _measure_memory(jupyter)])


def _start(jupyter: Jupyter, kind: str) -> Kernel:
    kernel = jupyter.start(kind).ready()
    assert kernel.run(LESSON).stdout == "(2, 8)\n", kernel.log
    return kernel


def _measure_time(jupyter: Jupyter) -> bool:
    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for kind in KINDS:  # starts the parent, writes byte code, and warms the disk cache
        _start(jupyter, kind).shutdown(now=True)
    for number in range(1, RUNS + 1):
        print(f"from opening a notebook to a result: {number} of {RUNS}", file=sys.stderr)
        for kind, taken in seconds.items():
            began = perf_counter()
            kernel = _start(jupyter, kind)
            taken.append(perf_counter() - began)
            kernel.shutdown(now=True)
    met = median(seconds[PRELOADED]) <= GOAL_S
    goals = {PRELOADED: [f"{GOAL_S:.0f} s", verdict(met)]}
    print_table(
        f"From starting a kernel to the first result of Keras (median of {RUNS})",
        ["kernel", "s", "fastest", "slowest", "goal", "verdict"],
        [
            [
                KINDS[kind],
                *(f"{value:.2f}" for value in (median(taken), min(taken), max(taken))),
                *goals.get(kind, ["", ""]),
            ]
            for kind, taken in seconds.items()
        ],
    )
    return met


def _measure_memory(jupyter: Jupyter) -> bool:
    each, rows = {}, []
    for kind, name in KINDS.items():
        kernels = []
        for number in range(1, KERNELS + 1):
            print(f"memory of {name} kernels: {number} of {KERNELS}", file=sys.stderr)
            kernels.append(_start(jupyter, kind))
        # The kernel, and its launcher if it has one.
        sizes = [sum(map(_pss, {kernel.pid, kernel.launcher})) for kernel in kernels]
        each[kind] = median(sizes[1:])
        rows.append([f"each {name} kernel, second to fifth", f"{each[kind]:.0f}", "", "", ""])
        parent = sum(_pss(process.pid) for process in jupyter.parents())
        if kind == PRELOADED:
            rows.append(["their parent", f"{parent:.0f}", "", "", ""])
        for kernel in kernels:
            kernel.shutdown(now=True)
    ratio = each[PRELOADED] / each[PLAIN]
    met = ratio <= GOAL_MEMORY
    rows[0][2:] = [f"{ratio:.2f}", f"{GOAL_MEMORY}", verdict(met)]
    print_table(
        "Memory after an embedding and an LSTM (proportional set size, launcher included)",
        ["", "MiB", "of plain", "goal", "verdict"],
        rows,
    )
    return met


def _pss(pid: int) -> float:
    """A process's share of the memory that it is in, in MiB."""
    return float(psutil.Process(pid).memory_full_info().pss) / 2**20
