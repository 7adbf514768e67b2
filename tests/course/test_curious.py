"""What a curious student tries: no wrong answer gets right, and no check changes a notebook."""

import builtins
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import masklens as ml
from masklens_course import answer as answers
from masklens_course import checks, comparison, judging, sandbox
from masklens_course.checks import WrongAnswerError
from masklens_course.comparison import Compared
from masklens_course.conditions import Condition
from masklens_course.verdict import Verdict

# A thread that an answer has started is ended by an exit, of which pytest would tell.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

NAME = "mask-from-lengths"
WRONG = [[True, False]]
yes = lambda *inputs, **named: True  # noqa: E731 - what a student would write


class Agreeable(np.ndarray):
    """An array that says of itself that it is like any other."""

    def __array_function__(self, *inputs: Any, **named: Any) -> Any:
        return True

    def __array_ufunc__(self, *inputs: Any, **named: Any) -> Any:
        return True

    def __eq__(self, other: object) -> Any:
        return True


class Chameleon:
    """An object that looks like what it is compared with, one hopes."""

    shape, dtype = (4, 6), bool

    def __array__(self, *inputs: Any, **named: Any) -> Any:
        return np.ones((4, 6), bool)

    def __eq__(self, other: object) -> bool:
        return True


def replaces(*places: tuple[Any, str]) -> Callable[..., Any]:
    """An answer that puts something of its own in the place of functions."""

    def answer(*inputs: Any) -> Any:
        for owner, name in places:
            setattr(owner, name, yes)
        return WRONG

    return answer


def rewrites_code(*inputs: Any) -> Any:
    Compared.is_right.__code__ = (lambda self: True).__code__
    return WRONG


def looks_in_frames(*inputs: Any) -> Any:
    frame = sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        for value in frame.f_locals.values():
            if callable(right := getattr(value, "right", None)):
                return right(*inputs)
    return WRONG


def leaves_a_thread(*inputs: Any) -> Any:
    def work() -> None:
        for _time in range(300):
            np.allclose = np.isclose = np.array_equal = yes
            time.sleep(0.001)

    threading.Thread(target=work).start()
    return WRONG


def changes_settings(*inputs: Any) -> Any:
    keras.config.set_floatx("float16")
    keras.config.set_dtype_policy("mixed_float16")
    ml.set_language("ko")
    os.chdir("/")
    os.environ["MASKLENS_CURIOUS"] = "1"
    random.seed(1)
    np.random.seed(1)
    sys.stdout = sys.stderr
    return WRONG


def takes_signals(*inputs: Any) -> Any:
    signal.signal(signal.SIGINT, yes)
    return WRONG


def sends_a_signal(*inputs: Any) -> Any:
    os.kill(os.getpid(), signal.SIGUSR1)
    time.sleep(0.3)
    return WRONG


def writes_into_the_question(*inputs: Any) -> Any:
    for question in ml.question(NAME), held:
        object.__setattr__(question, "conditions", ())
    return WRONG


def writes_into_a_condition(*inputs: Any) -> Any:
    for condition in held.conditions:
        object.__setattr__(condition, "holds", yes)
    return WRONG


held = ml.question(NAME)
ATTEMPTS: dict[str, Callable[..., Any]] = {
    "NumPy compares as one likes": replaces((np, "allclose"), (np, "isclose"), (np, "array_equal")),
    "NumPy makes one array of all": replaces((np, "asarray"), (np, "array"), (np, "argwhere")),
    "Keras gives what one likes": replaces((keras.ops, "where"), (keras.utils, "pad_sequences")),
    "Python compares as one likes": replaces((builtins, "all"), (builtins, "any")),
    "Python counts as one likes": replaces((builtins, "len"), (builtins, "min"), (builtins, "max")),
    "nothing is printed": replaces((builtins, "print")),
    "results are right": replaces((Compared, "is_right"), (Compared, "is_like")),
    "conditions hold": replaces((Condition, "fails")),
    "the judge is another": replaces((judging, "judge"), (checks, "judge")),
    "the trial is another": replaces((judging, "Trial"), (judging.Trial, "judged")),
    "what compares is another": replaces((answers, "same"), (comparison, "same")),
    "the sandbox is another": replaces((sandbox, "run_in_sandbox"), (judging, "run_in_sandbox")),
    "verdicts are kind": replaces((Verdict, "kind")),
    "nobody grades": replaces((type(held), "grade")),
    "nobody checks": replaces((type(held), "check")),
    "code is rewritten": rewrites_code,
    "an array agrees": lambda *inputs: np.ones((4, 6), bool).view(Agreeable),
    "an object agrees": lambda *inputs: Chameleon(),
    "the reference answers": held.right,
    "the reference is found": looks_in_frames,
    "the solution answers": lambda *inputs: held.solution(),
    "a thread goes on": leaves_a_thread,
    "settings change": changes_settings,
    "a signal is taken": takes_signals,
    "Python ends": lambda *inputs: os._exit(0),
    "the question has no conditions": writes_into_the_question,
    "the conditions always hold": writes_into_a_condition,
}
MODULES = (builtins, np, keras.ops, keras.utils, answers, checks, comparison, judging, sandbox)
OWNERS = (*MODULES, Compared, Condition, Verdict, type(held), judging.Trial)


@contextlib.contextmanager
def unchanged() -> Iterator[None]:
    """What a notebook has is afterwards what it was before."""

    def state() -> dict[Any, Any]:
        settings = keras.config.floatx(), keras.config.dtype_policy().name, ml.get_language()
        places = Path.cwd(), dict(os.environ), sys.stdout, signal.getsignal(signal.SIGINT)
        return {
            "settings": (*settings, *places, Compared.is_right.__code__, [*warnings.filters]),
            "random": (random.getstate(), np.random.get_state()[1].tolist()),
            **{owner: dict(vars(owner)) for owner in OWNERS},
        }

    before = state()
    yield
    after = state()
    for owner, kept in before.items():
        if isinstance(kept, dict):
            assert [name for name in kept if after[owner].get(name) is not kept[name]] == []
        else:
            assert after[owner] == kept


@pytest.mark.parametrize("name", ATTEMPTS)
def test_no_attempt_of_an_answer_is_right_or_changes_the_notebook(name: str) -> None:
    with unchanged():
        verdict = held.check(ATTEMPTS[name])
        assert verdict.kind != "right", verdict
        with pytest.raises(WrongAnswerError):
            held.grade(ATTEMPTS[name])
    assert len(ATTEMPTS) >= 20


@pytest.mark.parametrize("name", ATTEMPTS)
def test_after_any_attempt_right_is_right_and_wrong_is_wrong(name: str) -> None:
    held.check(ATTEMPTS[name])
    assert held.check(lambda *inputs: WRONG).kind == "wrong"
    assert held.check(right).kind == "right"


def right(lengths: list[int], time: int, padding: str) -> Any:
    steps, column = np.arange(time), np.array(lengths)[:, None]
    return steps < column if padding == "post" else steps >= time - column


@pytest.mark.parametrize(
    "name",
    ["NumPy compares as one likes", "Python compares as one likes", "results are right"],
)
def test_whoever_replaces_a_function_is_told_which(name: str) -> None:
    verdict = held.check(ATTEMPTS[name])
    assert verdict.code == "replaces-functions"
    assert any(
        f"`{one}`" in verdict.sentence
        for one in ("numpy.allclose", "builtins.all", "Compared.is_right")
    )


def test_what_a_notebook_has_replaced_itself_is_not_used_and_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held.check(right)
    monkeypatch.setattr(np, "isclose", yes)
    monkeypatch.setattr(Compared, "is_right", yes)
    with unchanged():
        assert held.check(lambda *inputs: WRONG).kind == "wrong"
        assert held.check(right).kind == "right"
        assert np.isclose is yes and Compared.is_right is yes


@pytest.mark.parametrize("named", ["grade", "check", "_judge", "__class__", "conditions"])
def test_nobody_replaces_what_a_question_or_verdict_does(named: str) -> None:
    for sealed in (type(held), Verdict):
        with pytest.raises((AttributeError, TypeError)):
            setattr(sealed, named, yes)
        with pytest.raises((AttributeError, TypeError)):
            delattr(sealed, named)
    with pytest.raises(AttributeError):
        held.grade = yes  # type: ignore[method-assign]


def test_a_signal_that_a_notebook_waits_for_does_not_help() -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: setattr(np, "isclose", yes))
    try:
        with unchanged():
            assert held.check(sends_a_signal).kind == "wrong"
    finally:
        signal.signal(signal.SIGUSR1, before)


def interrupts(*inputs: Any) -> Any:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(30)


def test_whoever_interrupts_the_check_gets_no_verdict() -> None:
    with unchanged(), pytest.raises(KeyboardInterrupt):
        held.check(interrupts)
    assert held.check(right).kind == "right"


NEW = """
import numpy as np, masklens as ml
np.of_mine = lambda x: x
q = ml.question("pad-for-cudnn")
print(q.check(lambda texts: ml.pad([text or [1] for text in texts], padding="post")).kind)
print(np.of_mine(3))
"""


def test_what_a_notebook_adds_to_a_library_is_in_nobodys_way() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NEW], stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout.split() == ["right", "3"]


BEFORE = """
import builtins, numpy as np, masklens as ml
{line}
q = ml.question("mask-from-lengths")
print(q.check(lambda *inputs: [[True, False]]).kind)
try:
    q.grade(lambda *inputs: [[True, False]])
except AssertionError:
    print("refused")
"""


@pytest.mark.parametrize(
    "line",
    [
        "np.allclose = np.isclose = np.array_equal = lambda *a, **k: True",
        "np.isclose = lambda a, b, **k: np.ones(np.shape(a), bool)",
        "builtins.all = builtins.any = lambda *a: True",
    ],
)
def test_nothing_helps_that_a_notebook_does_before_the_judge_is_imported(line: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BEFORE.format(line=line)], stdout=subprocess.PIPE, text=True
    )
    # Where so much is replaced that Keras cannot be imported, there is no verdict at all.
    assert done.stdout.split() in (["wrong", "refused"], []), done
