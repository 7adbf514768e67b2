"""Running a learner's code in a sandbox: with a time limit, cut output, and caught exits."""

import ctypes
import io
import os
import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from masklens._language import translate as _
from masklens.drawing.progress_bar import ProgressBar

TIME_LIMIT = 10  # seconds
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
    as one huge integer computation, blocks the notebook. Restores the global random states.

    Args:
        function: The function, without arguments.
        seconds: The time limit.

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

    def work() -> None:
        try:
            done.append(Outcome(function()))
        except BaseException as error:  # an exit, too, is an outcome
            done.append(Outcome(error=error))
        finally:
            ended.set()

    thread = threading.Thread(target=work, daemon=True)
    with _quiet(printed), _no_exit(), _same_random_states():
        thread.start()
        try:
            _wait(ended, seconds)
        finally:
            if not ended.is_set():
                _stop(thread, ended)
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


# These wait for the event, since after an interrupted `join` Python considers the thread ended.
def _wait(ended: threading.Event, seconds: float) -> None:
    steps = max(1, round(seconds * 5))
    with ProgressBar(steps, _("Waiting for your code")) as progress:
        for _step in range(steps):
            if ended.wait(seconds / steps):
                return
            progress.step()


def _stop(thread: threading.Thread, ended: threading.Event) -> None:
    """Raises in the thread, repeatedly for a second, since a bare `except` may catch the first."""
    for _attempt in range(20):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Stopped)
        )
        if ended.wait(0.05):
            return


@contextmanager
def _quiet(printed: _Printed) -> Iterator[None]:
    with redirect_stdout(printed), redirect_stderr(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _no_exit() -> Iterator[None]:
    """Turns every way to end Python into an exception, including the notebook's `exit()`."""

    def refuse(status: int = 0) -> NoReturn:
        raise SystemExit

    find_shell = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = find_shell() if find_shell else None
    leave, os._exit = os._exit, refuse
    if shell is not None:
        shell.ask_exit = refuse
    try:
        yield
    finally:
        os._exit = leave
        if shell is not None:
            del shell.ask_exit


@contextmanager
def _same_random_states() -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
