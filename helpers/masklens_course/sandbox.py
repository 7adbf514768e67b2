"""Running a learner's code in a sandbox: with a time limit, cut output, and caught exits."""

import builtins
import ctypes
import io
import os
import random
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from masklens._language import get_language, set_language
from masklens._language import translate as _
from masklens.drawing.progress_bar import ProgressBar
from masklens_course.answer import DiagnosedError, is_learners_code

TIME_LIMIT = 10  # seconds of computing
_PATIENCE = 12  # how many times as long code may take by the clock, that waits or is kept waiting
MOST_PRINTED = 1000  # characters of output to keep


@dataclass(frozen=True)
class Outcome:
    """The outcome of code that ran in the sandbox.

    Attributes:
        value: Its result.
        error: The exception that it raised, or None; `SystemExit` if it tried to end Python.
        printed: The beginning of its output.
        timed_out: Whether it was stopped at the time limit.
    """

    value: Any = None
    error: BaseException | None = None
    printed: str = ""
    timed_out: bool = False


def run_in_sandbox(function: Callable[[], Any], seconds: float = TIME_LIMIT) -> Outcome:
    """Runs a function so that it cannot block, flood or end the notebook.

    The function runs in a thread of its own, which is abandoned if it cannot be stopped because it
    catches every exception or waits outside Python. Only code that holds Python's global lock, such
    as one huge integer computation, blocks the notebook. The limit is on the time that the thread
    computes, so that a busy machine stops nobody; where a system does not tell, it is on the time
    by the clock. Restores the random states and settings of Python, NumPy, Keras and masklens.

    Args:
        function: The function, without arguments.
        seconds: The limit on what it computes; by the clock it may take twelve times as long.

    Returns:
        The outcome.

    Example:
        >>> run_in_sandbox(lambda: print("read") or 3)
        Outcome(value=3, error=None, printed='read\\n', timed_out=False)
        >>> run_in_sandbox(lambda: sys.exit()).error
        SystemExit()
    """
    printed = _Printed()
    done: list[Outcome] = []
    ended = threading.Event()
    clock: list[_Clock] = []

    def work() -> None:
        try:
            clock.append(_computing_time())
            done.append(Outcome(function()))
        except BaseException as error:  # an exit, too, is an outcome
            done.append(Outcome(error=error))
        finally:
            ended.set()

    thread, others = threading.Thread(target=work, daemon=True), {*threading.enumerate()}
    with _quiet(printed), _no_exit_or_input(), _same_states():
        thread.start()
        try:
            _wait(ended, clock, seconds)
        finally:
            if not ended.is_set():
                _stop(thread, _Stopped, lambda: not ended.is_set())
            # Threads in which the code runs on end with it, and say nothing of that. One that a
            # library has begun in the meantime, for a pool that it keeps, lives on.
            for one in {*threading.enumerate()} - others - {thread}:
                if _runs_learners_code(one):
                    _stop(one, SystemExit, one.is_alive)
    if not done or isinstance(done[0].error, _Stopped):
        return Outcome(printed=printed.text, timed_out=True)
    return Outcome(done[0].value, done[0].error, printed.text)


class _Stopped(BaseException):
    """Raised in code that reaches the time limit; `except Exception` does not catch it."""


class _Printed(io.TextIOBase):
    """A stream that keeps the beginning of the output."""

    def __init__(self) -> None:
        self.text = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if len(self.text) < MOST_PRINTED:
            self.text += text[: MOST_PRINTED - len(self.text)]
            if len(self.text) == MOST_PRINTED:
                self.text += "…"
        return len(text)


_Clock = Callable[[], float]


def _computing_time() -> _Clock:
    """What reads the time that this thread has computed; where there is none, the clock."""
    if not hasattr(time, "pthread_getcpuclockid"):
        begin = time.monotonic()
        return lambda: time.monotonic() - begin
    clock = time.pthread_getcpuclockid(threading.get_ident())
    return lambda: time.clock_gettime(clock)


# These wait for the event, since after an interrupted `join` Python considers the thread ended.
def _wait(ended: threading.Event, clock: list[_Clock], seconds: float) -> None:
    steps, begin = max(1, round(seconds * 5)), time.monotonic()
    with ProgressBar(steps, _("Waiting for your code")) as progress:
        done = 0
        while not ended.wait(min(0.2, seconds / 5)):
            try:
                computed = clock[0]() / seconds if clock else 0
            except OSError:  # the thread has just ended
                continue
            waited = (time.monotonic() - begin) / (seconds * _PATIENCE)
            if max(computed, waited) >= 1:
                return
            while done < max(computed, waited) * steps:
                progress.step()
                done += 1


def _runs_learners_code(thread: threading.Thread) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    return (
        any(is_learners_code(one) for one, _line in traceback.walk_stack(frame)) if frame else False
    )


def _stop(
    thread: threading.Thread, error: type[BaseException], goes_on: Callable[[], bool]
) -> None:
    """Raises in a thread, repeatedly for a second, since a bare `except` may catch the first."""
    for _attempt in range(20):
        if not goes_on():
            return
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(error)
        )
        time.sleep(0.05)


@contextmanager
def _quiet(printed: _Printed) -> Iterator[None]:
    with redirect_stdout(printed), redirect_stderr(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _no_exit_or_input() -> Iterator[None]:
    """Turns every way to end Python into an exception, and every question to the learner."""

    def refuse(status: int = 0) -> NoReturn:
        raise SystemExit

    find_shell = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = find_shell() if find_shell else None

    def refuse_input(*prompt: object) -> NoReturn:
        raise DiagnosedError("asks-for-input")

    leave, os._exit = os._exit, refuse
    ask, builtins.input = builtins.input, refuse_input
    if shell is not None:
        shell.ask_exit = refuse
    try:
        yield
    finally:
        os._exit, builtins.input = leave, ask
        if shell is not None:
            del shell.ask_exit


@contextmanager
def _same_states() -> Iterator[None]:
    """Restores what an answer may set for everybody."""
    keras = sys.modules.get("keras")
    python, numpy = random.getstate(), np.random.get_state()
    folder, language = Path.cwd(), get_language()
    variables = dict(os.environ)
    floats = (keras.config.floatx(), keras.config.dtype_policy()) if keras else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        os.chdir(folder)
        set_language(language)
        if os.environ != variables:
            os.environ.clear()
            os.environ.update(variables)
        if keras and floats:
            keras.config.set_floatx(floats[0])
            keras.config.set_dtype_policy(floats[1])
