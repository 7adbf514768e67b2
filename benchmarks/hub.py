"""A class of eight on one machine: time to the first Keras result, and memory per student."""

import os
import pwd
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

import psutil

from benchmarks.table import print_table, verdict
from tests.classroom import class_accounts
from tests.classroom.hub import Student, new_hub

STUDENTS = len(class_accounts.STUDENTS)
KERNELS = {"preloaded": "python3", "plain": "python3-plain"}
LESSONS = ("03_propagation", "01_padding")
FIRST_RESULT = "import keras; print(keras.ops.ones((2, 3)).shape)"
MIB = 2**20
GUESSES = "login among fifty wrong passwords, s"
FAILURE = "told that a server cannot start, s"


def _log_in(student: Student) -> float:
    begin = perf_counter()
    student.login().raise_for_status()
    return perf_counter() - begin


def _spawn(student: Student) -> float:
    begin = perf_counter()
    student.spawn()
    return perf_counter() - begin


def _open(student: Student, lesson: str, kernel: str) -> float:
    """Seconds from opening a lesson to what a first cell with Keras prints."""
    begin = perf_counter()
    notebook = student.open(f"masklens/notebooks/en/{lesson}.ipynb", kernel)
    with notebook.connected():
        (output,) = notebook.execute(FIRST_RESULT)
        taken = perf_counter() - begin
        assert output["text"].strip() == "(2, 3)", output
        notebook.run()
        notebook.save()
    return taken


def _memory() -> tuple[float, float]:
    """Proportional memory of the servers, and of the kernels with all that they take, in MiB."""
    servers = kernels = 0
    for one in class_accounts.processes():
        with suppress(psutil.NoSuchProcess):
            pss = one.memory_full_info().pss
            if "jupyterhub.singleuser" in one.cmdline():
                servers += pss
            else:
                kernels += pss
    return servers / MIB, kernels / MIB


def _log_in_among_guesses(student: Student) -> float:
    """Seconds that a login takes while fifty wrong passwords are tried at once."""
    wrong = [Student(student.hub, student.name, f"wrong horse {n}") for n in range(50)]
    with ThreadPoolExecutor(len(wrong)) as pool:
        for guess in wrong:
            pool.submit(guess.login)
        return _log_in(Student(student.hub, student.name, student.password))


def _fail_to_start(student: Student) -> float:
    """Seconds until a student is told that the server cannot start."""
    student.stop()
    runtime = Path(pwd.getpwnam(student.name).pw_dir, ".run")
    runtime.rename(runtime.with_name(".away"))
    runtime.touch()
    begin = perf_counter()
    assert student.ask_for_server()["failed"]
    return perf_counter() - begin


def _measure(kernels: str) -> dict[str, float]:
    """What a class takes that logs in, and opens one lesson and then another, all at once."""
    found: dict[str, float] = {}

    def note(what: str, times: list[float]) -> None:
        found[f"{what}, median, s"] = median(times)
        found[f"{what}, 95th percentile, s"] = quantiles(times, n=20, method="inclusive")[-1]

    def at_once(act: Callable[[Student], float]) -> list[float]:
        return list(pool.map(act, students))

    passwords = class_accounts.make_class(Path(tempfile.mkdtemp(prefix=class_accounts.GROUP)))
    with new_hub() as hub, ThreadPoolExecutor(STUDENTS) as pool:
        hub.start()
        students = [Student(hub, name, passwords[name]) for name in class_accounts.STUDENTS]
        note("logged in", at_once(_log_in))
        note("server ready", at_once(_spawn))
        before, _ = _memory()
        found["a server, MiB"] = before / STUDENTS
        for ordinal, lesson in zip(("first", "second"), LESSONS, strict=True):
            note(
                f"{ordinal} lesson", at_once(partial(_open, lesson=lesson, kernel=KERNELS[kernels]))
            )
            servers, others = _memory()
            found[f"a server after the {ordinal} lesson, MiB"] = servers / STUDENTS
            found[f"kernels with the {ordinal} lesson run, MiB"] = others / STUDENTS
        found[GUESSES] = _log_in_among_guesses(students[0])
        found[FAILURE] = _fail_to_start(students[1])
    return found


def measure_hub() -> bool:
    if os.geteuid() != 0:
        print("\nLeft out: a class on a hub, which needs root.")
        return True
    class_accounts.remove_all()
    try:
        preloaded = _measure("preloaded")
        class_accounts.remove()
        plain = _measure("plain")
    finally:
        class_accounts.remove_all()
    rows = [[what, f"{preloaded[what]:.1f}", f"{plain[what]:.1f}"] for what in preloaded]
    print_table(
        f"{STUDENTS} students at once on {psutil.cpu_count()} processors; memory: PSS per student",
        ["", "preloaded", "plain"],
        rows,
    )
    second = "second lesson, median, s"
    goals = {
        "The second lesson is ready at least 3 times faster": preloaded[second] * 3
        <= plain[second],
        "A login among guesses takes at most 5 s": preloaded[GUESSES] <= 5,
        "A server that cannot start says so within 15 s": preloaded[FAILURE] <= 15,
    }
    for goal, met in goals.items():
        print(f"{goal}: {verdict(met)}")
    return all(goals.values())


if __name__ == "__main__":
    measure_hub()
