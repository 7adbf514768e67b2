"""Examining a learner's answer: blanks, results, and the lines on which it fails."""

import ast
import copy
import inspect
import linecache
import re
import sysconfig
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from traceback import walk_tb
from types import FrameType, FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens._language import translate as _
from masklens.padding import PaddedBatch

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
_DEPTH = 4  # levels of nested lists that are searched for blanks


@dataclass
class DiagnosedError(BaseException):
    """Raised for a mistake that is the same for every question.

    It is no `Exception`, since a learner's code may catch those, and Keras rewrites those that
    are raised in a layer.

    Attributes:
        code: The mistake, a key of `masklens_course.mistakes.COMMON_MISTAKES`.
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
    with answering():
        result = answer(*given)
    if any(_differs(before, after) for before, after in zip(inputs, given, strict=True)):
        raise DiagnosedError("changes-its-input")
    return result


_of_this_thread = threading.local()


@contextmanager
def answering() -> Iterator[None]:
    """Marks a block in which a learner's code runs, so that it cannot ask for what is right."""
    _of_this_thread.answers = True
    try:
        yield
    finally:
        _of_this_thread.answers = False


def refuse_answers() -> None:
    """Raises if an answer asks for what it is to find itself, such as the solution.

    Raises:
        DiagnosedError: If an answer is being called (`asks-the-course`).
    """
    if getattr(_of_this_thread, "answers", False):
        raise DiagnosedError("asks-the-course")


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
    except Exception as error:
        return Raised(error)


def numbers(result: Any) -> NDArray[Any]:
    """Converts a learner's result to an array of numbers or booleans.

    Args:
        result: An array, a tensor, a number, or lists of these; or a `PaddedBatch`, for its ids.

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
    if isinstance(result, PaddedBatch):
        result = result.ids
    try:
        array = np.array(result)  # a copy, which nobody else can change
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
        tolerance: The largest difference allowed for each number; more for a million and beyond.

    Example:
        >>> same([1, 2], [1, 2.00001]), same([[1, 2]], [1, 2]), same(None, [1])
        (True, False, False)
    """
    try:
        ours, theirs = np.asarray(result), np.asarray(expected)
        return ours.shape == theirs.shape and bool(agree(ours, theirs, tolerance).all())
    except Exception:  # an object that cannot be compared is not the same
        return False


def agree(ours: NDArray[Any], theirs: NDArray[Any], tolerance: float = 1e-4) -> NDArray[np.bool_]:
    """Returns where two arrays of one shape agree, place by place.

    Args:
        ours: Numbers or booleans.
        theirs: The right ones; NaN agrees with NaN.
        tolerance: As for `same`.

    Example:
        >>> agree(np.array([1.0, np.nan]), np.array([1.5, np.nan])).tolist()
        [False, True]
    """
    ours, theirs = ours.astype(float), theirs.astype(float)
    # In 32 bits, a number is exact to a ten-millionth of itself.
    found = np.isclose(ours, theirs, rtol=1e-6, atol=tolerance, equal_nan=True)
    return np.asarray(found)


def is_blank(answer: Any) -> bool:
    """Returns whether a value still holds `...`, or a class has no code at all.

    Args:
        answer: The learner's answer.

    Example:
        >>> is_blank([[3, ...]]), is_blank(len), is_blank(None)
        (True, False, False)
    """
    if isinstance(answer, type):
        return bool(_own_classes(answer)) and not _functions(answer)
    return _holds_ellipsis(answer, _DEPTH)


def has_blanks(answer: Any) -> bool:
    """Returns whether `...` still stands in the code of a function or class.

    Args:
        answer: The learner's answer; of a class, between its methods, too, and also in those of the
            learner's that it inherits from.

    Example:
        >>> def first(x): ...
        >>> def second(x): return x[..., 0]
        >>> has_blanks(first), has_blanks(second)
        (True, False)
    """
    bodies = _bodies(answer) if isinstance(answer, type) else []
    return any(map(_has_ellipsis, [*map(_tree, _functions(answer)), *bodies]))


def _functions(answer: Any) -> list[FunctionType]:
    """The functions that a learner has written: this one, or the methods of a class."""
    if not isinstance(answer, type):
        return [answer] if isinstance(answer, FunctionType) else []
    methods = [value for one in _own_classes(answer) for value in vars(one).values()]
    return [method for method in methods if isinstance(method, FunctionType)]


def _own_classes(answer: type) -> list[type]:
    """The class and those that it inherits from, as far as a learner has written them."""
    foreign = _LIBRARIES | {"builtins"}
    return [one for one in answer.__mro__ if one.__module__.split(".")[0] not in foreign]


def _bodies(answer: type) -> Iterator[ast.AST]:
    """The code of a class, which Python does not find for a cell of a notebook: by its methods."""
    for method in _functions(answer):
        code = method.__code__
        try:
            cell = ast.parse("".join(linecache.getlines(code.co_filename)))
        except SyntaxError:  # a cell may hold more than Python
            continue
        for node in ast.walk(cell):
            if isinstance(node, ast.ClassDef) and code.co_firstlineno in _lines_of(node):
                yield node


def _lines_of(node: ast.ClassDef) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _tree(function: FunctionType) -> ast.AST:
    """The code of a function; empty if its source is not known."""
    try:
        return ast.parse(dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):  # such as a lambda in the middle of a line
        return ast.Module([], [])


def _has_ellipsis(tree: ast.AST) -> bool:
    """Returns whether `...` stands in code, other than in a subscript such as `x[..., None]`."""
    if isinstance(tree, ast.Subscript):
        return _has_ellipsis(tree.value)
    return _is_ellipsis(tree) or any(map(_has_ellipsis, ast.iter_child_nodes(tree)))


def _is_ellipsis(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis


def learner_lines(error: BaseException) -> tuple[str, ...]:
    """Finds the last few of the learner's own lines in a traceback.

    Args:
        error: The exception.

    Returns:
        One text per line of code: the line number in its cell, the function, and the code.
    """
    found = []
    for frame, number in walk_tb(error.__traceback__):
        code = frame.f_code
        if is_learners_code(frame):
            line = linecache.getline(code.co_filename, number).strip()
            place = _("line {number} in {function}").format(number=number, function=code.co_name)
            found.append(f"{place}: {line}".rstrip(": "))
    return tuple(found[-_MOST_LINES:])


def raised_by_keras(error: BaseException) -> bool:
    """Returns whether an exception comes from within Keras, or from what Keras runs on.

    Args:
        error: The exception.
    """
    frames = (frame for frame, _line in walk_tb(error.__traceback__))
    packages = [str(frame.f_globals.get("__name__")).split(".")[0] for frame in frames]
    libraries = [package for package in packages if package in _LIBRARIES]
    return libraries[-1:] in (["keras"], ["tensorflow"])


def is_learners_code(frame: FrameType) -> bool:
    """Returns whether a frame runs code of the notebook, not of a library or of Python itself.

    Args:
        frame: A frame, such as of a traceback.
    """
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
    is_nan = before != before
    return bool(isinstance(before, dict | int | float | str) and before != after and not is_nan)


def _holds_ellipsis(value: Any, depth: int) -> bool:
    if value is Ellipsis:
        return True
    if depth and isinstance(value, dict):
        value = list(value.values())
    if depth and isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return any(_holds_ellipsis(part, depth - 1) for part in value)
    return False
