"""Examining a learner's answer: blanks, results, and the lines on which it fails."""

import copy
import dis
import inspect
import linecache
import re
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, FunctionType, TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens._language import translate as _

# Folders of code that no learner wrote: this library, installed packages, Python itself.
_LIBRARY_FOLDERS = tuple(
    str(Path(folder).resolve())
    for folder in (
        str(Path(__file__).parents[1]),
        *(sysconfig.get_paths()[name] for name in ("purelib", "platlib", "stdlib")),
    )
)
# These packages may be in other folders, for example in a checkout.
_LIBRARIES = {"keras", "masklens", "masklens_course", "numpy", "tensorflow"}
_MOST_LINES = 3
_MOST_CHARACTERS = 300
# Terminal colours, and the devices that TensorFlow names at the beginning of an error.
_NOISE = re.compile(r"\x1b\[[0-9;]*m|\{\{.*?\}\}")
# A function that does nothing loads None and returns it, in one step or in two.
_NO_OPERATIONS = {"RESUME", "NOP", "RETURN_VALUE"}
_DEPTH = 4  # levels of nested lists that are searched for blanks


@dataclass
class DiagnosedError(Exception):
    """Raised for a mistake that is the same for every question.

    Attributes:
        code: The mistake, a key of `masklens_course.checks.COMMON_MISTAKES`.
    """

    code: str


@dataclass(frozen=True)
class Raised:
    """Takes the place of a result if the code raised.

    Attributes:
        error: The exception.
    """

    error: Exception


def call(answer: Callable[..., Any], *inputs: Any) -> Any:
    """Calls a learner's answer with copies of the inputs.

    Args:
        answer: The function, layer or class.
        inputs: The arguments; arrays and lists are copied, tensors cannot change.

    Returns:
        The result.

    Raises:
        DiagnosedError: If the answer takes other arguments (`wrong-arguments`), or changes an array
            or list among them (`changes-its-input`).

    Example:
        >>> call(sorted, [3, 1])
        [1, 3]
        >>> call(list.sort, [3, 1])
        Traceback (most recent call last):
        masklens_course.answer.DiagnosedError: changes-its-input
    """
    try:
        inspect.signature(answer).bind(*inputs)
    except TypeError as error:
        raise DiagnosedError("wrong-arguments") from error
    except ValueError:
        pass  # some functions written in C have no signature
    given = [_copy(value) for value in inputs]
    result = answer(*given)
    if any(_differs(before, after) for before, after in zip(inputs, given, strict=True)):
        raise DiagnosedError("changes-its-input")
    return result


def trying(function: Callable[..., Any], *inputs: Any, **named: Any) -> Any:
    """Calls a function, and returns its exception as a result to be diagnosed.

    Args:
        function: The function.
        inputs: Its positional arguments.
        named: Its named arguments.

    Returns:
        The result, or `Raised` for any exception but `DiagnosedError`.

    Example:
        >>> trying(int, "3"), trying(int, "three")
        (3, Raised(error=ValueError("invalid literal for int() with base 10: 'three'")))
    """
    try:
        return function(*inputs, **named)
    except DiagnosedError:
        raise
    except Exception as error:
        return Raised(error)


def numbers(result: Any) -> NDArray[Any]:
    """Converts a learner's result to an array of numbers or booleans.

    Args:
        result: An array, a tensor, a number, or lists of these.

    Returns:
        An array of numbers or booleans, of any shape.

    Raises:
        DiagnosedError: If the result is None (`returns-nothing`) or cannot be converted
            (`not-numbers`).

    Example:
        >>> numbers([[True, False]])
        array([[ True, False]])
        >>> numbers(None)
        Traceback (most recent call last):
        masklens_course.answer.DiagnosedError: returns-nothing
    """
    if result is None:
        raise DiagnosedError("returns-nothing")
    try:
        array = np.asarray(result)
    except Exception as error:  # a symbolic tensor, lists of several lengths: each raises its own
        raise DiagnosedError("not-numbers") from error
    if array.dtype.kind not in "biuf":
        raise DiagnosedError("not-numbers")
    return array


def same(result: Any, expected: Any, tolerance: float = 1e-4) -> bool:
    """Returns whether a result has the expected shape and values; never raises.

    Args:
        result: An array, or any other object.
        expected: The right array; NaN equals NaN.
        tolerance: The largest difference allowed for each number.

    Example:
        >>> same([1, 2], [1, 2.00001]), same([[1, 2]], [1, 2]), same(None, [1])
        (True, False, False)
    """
    try:
        ours, theirs = np.asarray(result), np.asarray(expected)
        return ours.shape == theirs.shape and bool(
            np.allclose(ours, theirs, rtol=0, atol=tolerance, equal_nan=True)
        )
    except Exception:  # an object that cannot be compared is not the same
        return False


def is_blank(answer: Any) -> bool:
    """Returns whether an answer is still the stub: `...`, or a function or class without code.

    Args:
        answer: The learner's answer.

    Example:
        >>> def masked_mean(x, mask): ...
        >>> is_blank(masked_mean), is_blank([[3, ...]]), is_blank(len)
        (True, True, False)
    """
    if isinstance(answer, type):
        own = [name for name in vars(answer) if not name.startswith("__") or name == "__init__"]
        return not own
    return _does_nothing(answer) or _holds_ellipsis(answer, _DEPTH)


def has_blanks(answer: Any) -> bool:
    """Returns whether the answer is a class with a method that is still a stub.

    Args:
        answer: The learner's answer.

    Example:
        >>> class Layer:
        ...     def call(self, x): ...
        >>> has_blanks(Layer)
        True
    """
    return isinstance(answer, type) and any(map(_does_nothing, vars(answer).values()))


def learner_lines(error: BaseException) -> tuple[str, ...]:
    """Finds the last few of the learner's own lines in a traceback.

    Args:
        error: The exception.

    Returns:
        One text per line of code: the line number in its cell, the function, and the code.
    """
    found = []
    traceback: TracebackType | None = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if _is_learners_code(traceback.tb_frame):
            line = linecache.getline(code.co_filename, traceback.tb_lineno).strip()
            place = _("line {number} in {function}").format(
                number=traceback.tb_lineno, function=code.co_name
            )
            found.append(f"{place}: {line}".rstrip(": "))
        traceback = traceback.tb_next
    return tuple(found[-_MOST_LINES:])


def _is_learners_code(frame: FrameType) -> bool:
    package = str(frame.f_globals.get("__name__")).split(".")[0]
    installed = str(Path(frame.f_code.co_filename).resolve()).startswith(_LIBRARY_FOLDERS)
    return not installed and package not in _LIBRARIES


def short_message(error: BaseException) -> str:
    """Shortens an error to its type and the beginning of its message, without terminal colours.

    Args:
        error: The exception.

    Returns:
        One line of at most 300 characters.

    Example:
        >>> short_message(ValueError("no mask\\n\\nArguments received by call: ..."))
        'ValueError: no mask'
    """
    message = _NOISE.sub("", str(error)).split("\n\nArguments received")[0]
    text = " ".join(f"{type(error).__name__}: {message}".split()).rstrip(": ")
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"


def _copy(value: Any) -> Any:
    return copy.deepcopy(value) if isinstance(value, np.ndarray | list | dict) else value


def _differs(before: Any, after: Any) -> bool:
    if isinstance(before, np.ndarray):
        return bool(before.shape != after.shape or before.tobytes() != after.tobytes())
    if isinstance(before, list) and isinstance(after, list):
        return len(before) != len(after) or any(map(_differs, before, after))
    return bool(isinstance(before, dict | int | float | str) and before != after)


def _does_nothing(function: Any) -> bool:
    if not isinstance(function, FunctionType):
        return False
    done = [step for step in dis.get_instructions(function) if step.opname not in _NO_OPERATIONS]
    return len(done) <= 1 and all(step.argval is None for step in done)


def _holds_ellipsis(value: Any, depth: int) -> bool:
    if value is Ellipsis:
        return True
    if depth and isinstance(value, dict):
        value = list(value.values())
    if depth and isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return any(_holds_ellipsis(part, depth - 1) for part in value)
    return False
