"""Runs a learner's code: for a limited time, its printing cut short, its exits caught."""

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

TIME_LIMIT = 10  # that code may take before it is stopped
MOST_PRINTED = 1000  # characters that are kept of what it prints


@dataclass(frozen=True)
class Outcome:
    """What became of code that ran guarded.

    Attributes:
        value: What it returned.
        error: What it raised, or None; `SystemExit` where it wanted to end Python.
        printed: The beginning of what it printed.
        timed_out: Whether it was stopped because its time was up.
    """

    value: Any = None
    error: BaseException | None = None
    printed: str = ""
    timed_out: bool = False


def run_in_sandbox(function: Callable[[], Any], seconds: float = TIME_LIMIT) -> Outcome:
    """Runs a function so that nothing it does stops, floods or ends the notebook.

    It runs in a thread of its own, so that it can be left behind if it cannot be stopped: code
    that catches every exception, or waits outside Python. Only code that keeps Python's lock for
    itself, such as one huge computation with whole numbers, holds the notebook up. The global
    random states are the same afterwards.

    Args:
        function: What to run, without arguments.
        seconds: How long it may take.

    Returns:
        What became of it.

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
    """Raised in the code whose time is up; `except Exception` does not catch it."""


class _Printed(io.TextIOBase):
    """Takes what is printed, and keeps the beginning."""

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


# Both wait for the event: Python takes a thread for ended once an interrupt hits its `join`.
def _wait(ended: threading.Event, seconds: float) -> None:
    steps = max(1, round(seconds * 5))
    with ProgressBar(steps, _("Waiting for your code")) as progress:
        for _step in range(steps):
            if ended.wait(seconds / steps):
                return
            progress.step()


def _stop(thread: threading.Thread, ended: threading.Event) -> None:
    """Raises in the thread, again and again for a second: a bare `except` may catch the first."""
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
    """Makes every way out of Python an exception, the notebook's own `exit()` included."""

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
