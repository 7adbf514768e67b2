"""A class of eight on one machine: time to the first Keras result, and memory per student."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from statistics import median, quantiles
from time import perf_counter

import psutil

from benchmarks.table import print_table, verdict
from tests.hub import Hub, Student, find_fault, new_hub

STUDENTS = 8
LESSONS = ("03_propagation", "01_padding")
FIRST_RESULT = "import keras; print(keras.ops.ones((2, 3)).shape)"
MIB = 2**20


def _log_in(student: Student) -> float:
    begin = perf_counter()
    student.login().raise_for_status()
    return perf_counter() - begin


def _spawn(student: Student) -> float:
    begin = perf_counter()
    student.spawn()
    return perf_counter() - begin


def _open(student: Student, lesson: str) -> float:
    """Seconds from opening a lesson to what a first cell with Keras prints."""
    begin = perf_counter()
    notebook = student.open(f"masklens/notebooks/{student.language}/{lesson}.ipynb")
    with notebook.connected():
        (output,) = notebook.execute(FIRST_RESULT)
        taken = perf_counter() - begin
        assert output["text"].strip() == "(2, 3)", output
        notebook.run()
        notebook.save()
    return taken


def _memory(hub: Hub) -> tuple[float, float]:
    """Proportional memory of the servers, and of the kernels with all that they take, in MiB."""
    servers = kernels = 0
    for one in hub.running():
        with suppress(psutil.NoSuchProcess):
            pss = one.memory_full_info().pss
            if "jupyterhub.singleuser" in one.cmdline():
                servers += pss
            else:
                kernels += pss
    return servers / MIB, kernels / MIB


def _measure(kernels: str) -> dict[str, float]:
    """What a class takes that logs in, and opens one lesson and then another, all at once."""
    found: dict[str, float] = {}

    def note(what: str, times: list[float]) -> None:
        found[f"{what}, median, s"] = median(times)
        found[f"{what}, 95th percentile, s"] = quantiles(times, n=20, method="inclusive")[-1]

    def at_once(act: Callable[[Student], float]) -> list[float]:
        return list(pool.map(act, students))

    with new_hub() as hub, ThreadPoolExecutor(STUDENTS) as pool:
        hub.settings |= {
            "MASKLENS_CLASS_KERNELS": kernels,
            "MASKLENS_CLASS_OPEN": "1",
            "MASKLENS_CLASS_STUDENTS": str(STUDENTS),
        }
        hub.start()
        students = [Student(hub, f"student {n}", "en" if n % 2 else "ko") for n in range(STUDENTS)]
        note("logged in", at_once(_log_in))
        note("server ready", at_once(_spawn))
        before, _ = _memory(hub)
        found["a server, MiB"] = before / STUDENTS
        for ordinal, lesson in zip(("first", "second"), LESSONS, strict=True):
            note(f"{ordinal} lesson", at_once(partial(_open, lesson=lesson)))
            servers, others = _memory(hub)
            found[f"a server after the {ordinal} lesson, MiB"] = servers / STUDENTS
            found[f"kernels with the {ordinal} lesson run, MiB"] = others / STUDENTS
    return found


def measure_hub() -> bool:
    if fault := find_fault():
        print(f"\nLeft out: a class on a hub ({fault}).")
        return True
    preloaded, plain = _measure("preloaded"), _measure("plain")
    rows = [[what, f"{preloaded[what]:.1f}", f"{plain[what]:.1f}"] for what in preloaded]
    print_table(
        f"{STUDENTS} students at once on {psutil.cpu_count()} processors; memory: PSS per student",
        ["", "preloaded", "plain"],
        rows,
    )
    second = "second lesson, median, s"
    met = preloaded[second] * 3 <= plain[second]
    print(f"The second lesson is ready at least 3 times faster: {verdict(met)}")
    return met


if __name__ == "__main__":
    measure_hub()
