"""Whatever a learner's code does, it is stopped, cut short or caught, and leaves nothing behind."""

import builtins
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NoReturn

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from masklens_course.answer import DiagnosedError
from masklens_course.sandbox import MOST_PRINTED, run_in_sandbox

PATIENCE = 60  # seconds for a thread to come to its end


def endless() -> NoReturn:
    while True:
        pass


def endless_that_catches_exceptions() -> NoReturn:
    while True:
        with suppress(Exception):
            time.sleep(0.001)


def endless_that_catches_once() -> None:
    try:
        endless()
    except BaseException:
        endless()


@pytest.mark.parametrize(
    "function", [endless, endless_that_catches_exceptions, endless_that_catches_once]
)
def test_an_endless_loop_is_stopped_and_its_thread_ends(function: Callable[[], None]) -> None:
    before = set(threading.enumerate())
    outcome = run_in_sandbox(function, seconds=0.2)
    assert (outcome.timed_out, outcome.error) == (True, None)
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_loop_that_nothing_stops_is_left_behind() -> None:
    released = threading.Event()

    def stubborn() -> None:
        while not released.is_set():
            with suppress(BaseException):
                released.wait(0.01)

    before = set(threading.enumerate())
    assert run_in_sandbox(stubborn, seconds=0.2).timed_out
    (left,) = set(threading.enumerate()) - before
    released.set()
    left.join(PATIENCE)
    assert not left.is_alive()


def test_where_a_system_tells_no_time_of_computing_the_clock_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(time, "pthread_getcpuclockid", raising=False)
    assert run_in_sandbox(lambda: 3).value == 3
    assert run_in_sandbox(endless, seconds=0.2).timed_out
    assert run_in_sandbox(lambda: time.sleep(30), seconds=0.2).timed_out


def test_code_that_waits_is_given_more_time_than_code_that_computes() -> None:
    assert run_in_sandbox(lambda: time.sleep(1) or 3, seconds=0.5).value == 3


BUSY = """
import threading, time
from masklens_course.sandbox import run_in_sandbox
def compute():
    begin = time.thread_time()
    while time.thread_time() - begin < 0.3:
        pass
    return 3
def rival():
    while not released.is_set():
        pass
released = threading.Event()
rivals = [threading.Thread(target=rival) for _rival in range(7)]
for one in rivals:
    one.start()
begin = time.monotonic()
print(run_in_sandbox(compute, seconds=0.6).value, time.monotonic() - begin > 0.6)
released.set()
"""


def test_a_busy_machine_stops_nobody() -> None:
    # Eight threads share one lock, so each computes for an eighth of the time.
    done = subprocess.run(
        [sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout == "3 True\n"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_threads_that_code_leaves_behind_end_with_it() -> None:
    def work() -> None:
        while True:
            time.sleep(0.001)

    before = {*threading.enumerate()}
    outcome = run_in_sandbox(lambda: threading.Thread(target=work).start())
    assert (outcome.value, outcome.error) == (None, None)
    assert {*threading.enumerate()} == before


def test_a_pool_that_a_library_keeps_lives_on() -> None:
    pool = ThreadPoolExecutor(1)
    assert run_in_sandbox(lambda: pool.submit(len, "pool").result()).value == 4
    assert pool.submit(len, "pool").result(PATIENCE) == 4
    pool.shutdown()


def test_code_that_asks_for_input_is_told_so_and_nobody_is_asked() -> None:
    before = builtins.input
    assert run_in_sandbox(lambda: input("How long? ")).error == DiagnosedError("asks-for-input")
    assert builtins.input is before


def test_code_that_waits_outside_python_is_left_behind() -> None:
    assert run_in_sandbox(lambda: time.sleep(30), seconds=0.2).timed_out


def test_ten_megabytes_are_cut_short() -> None:
    def flood() -> int:
        for _line in range(10_000):
            print("x" * 1023)
        print("y" * 1000, file=sys.stderr)
        return 3

    outcome = run_in_sandbox(flood)
    assert outcome.value == 3
    assert len(outcome.printed) == MOST_PRINTED + 1 and outcome.printed.endswith("…")


@pytest.mark.parametrize("leave", [sys.exit, lambda: os._exit(3), lambda: exit(4)])
def test_an_exit_is_an_outcome(leave: Callable[[], NoReturn]) -> None:
    before = os._exit
    assert isinstance(run_in_sandbox(leave).error, SystemExit)
    assert os._exit is before


KERNEL_CELLS = (
    "import os\nfrom masklens_course.sandbox import run_in_sandbox",
    "print(repr(run_in_sandbox(lambda: exit()).error))",
    "print(repr(run_in_sandbox(lambda: get_ipython().ask_exit()).error))",
    "print(repr(run_in_sandbox(lambda: os._exit(1)).error))",
    "print('still here')",
)


def test_a_kernel_lives_on_whatever_exit_is_tried() -> None:
    cells = [nbformat.v4.new_code_cell(code) for code in KERNEL_CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    printed = [output["text"] for cell in notebook.cells for output in cell.outputs]
    assert printed == [*["SystemExit()\n"] * 3, "still here\n"]


def test_warnings_and_random_states_stay_as_they_were() -> None:
    def disturb() -> float:
        warnings.warn("a layer destroys the mask", stacklevel=1)
        random.seed(1)
        np.random.seed(1)
        return random.random() + np.random.random()

    before = random.getstate(), np.random.get_state()[1].tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(run_in_sandbox(disturb).value, float)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


INTERRUPTED = """
import os, threading, time
from masklens_course import sandbox
wait = sandbox._wait
def say_and_wait(*arguments):
    os.write(1, b"waiting\\n")  # what is printed is kept for the verdict
    wait(*arguments)
sandbox._wait = say_and_wait
def endless():
    while True:
        time.sleep(0.01)
try:
    sandbox.run_in_sandbox(endless, 600)
except KeyboardInterrupt:
    for thread in set(threading.enumerate()) - {threading.main_thread()}:
        thread.join(60)
    print("interrupted", threading.active_count())
"""


def test_an_interrupt_ends_the_wait_and_the_code() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "interrupted 1\n"
