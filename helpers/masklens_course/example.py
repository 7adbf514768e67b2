"""A call of an answer that a learner can run again: as code, with what came and what should."""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens.drawing.elements import element
from masklens.drawing.picture import Picture
from masklens_course.conditions import Case

_MOST_CHARACTERS = 200  # of a call; a longer one is written as `function(*q1.example())`


class Written(ABC):
    """The only argument of a case that says itself how it is handed over, such as to a layer."""

    @abstractmethod
    def arguments(self) -> tuple[Any, ...]:
        """Makes the arguments that it stands for."""

    @abstractmethod
    def as_code(self, name: str) -> str:
        """Writes the call of an answer of this name as code, in which `q` is the question."""


@dataclass(frozen=True)
class Example:
    """A call of an answer, which unpacks to its arguments: `my_function(*q1.example())`.

    Attributes:
        arguments: The arguments.
        call: The call as code.
        yours: What the learner's answer gave; None before a check failed.
        right: What a right answer gives; None where the answer is a value.
        picture: Both side by side, or None.
    """

    arguments: Case
    call: str
    yours: Any = None
    right: Any = None
    picture: Picture | None = None

    def __iter__(self) -> Iterator[Any]:
        """Gives the arguments, as copies that nobody else has."""
        for one in self.arguments:
            yield from one.arguments() if isinstance(one, Written) else [copy.deepcopy(one)]

    def __repr__(self) -> str:
        """Shows the call, and below it what came and what should have come."""
        return self._picture.text

    def _repr_html_(self) -> str:
        return self._picture.html

    @property
    def _picture(self) -> Picture:
        more = self.picture or Picture(())
        return Picture((element("pre", self.call, tabindex=0), *more.nodes), more.sheets)


def call_as_code(name: str, case: Case, asker: str) -> str:
    """Writes the call of an answer as code.

    Args:
        name: The name of the function.
        case: The arguments.
        asker: What the notebook calls the question, such as `q1`.

    Returns:
        The call, ready to run; a long one takes its arguments from `q1.example()`, and each takes
        from there what cannot be written as code, such as a layer.

    Example:
        >>> print(call_as_code("keep", ([2, 0.5], np.array([True]), "pre"), "q1"))
        keep([2, 0.5], np.array([True]), "pre")
    """
    if case and isinstance(case[0], Written):
        code = case[0].as_code(name.removesuffix("()"))
    else:
        written = [as_code(value) for value in case]
        arguments = (one or f"[*q.example()][{place}]" for place, one in enumerate(written))
        code = f"{name}({', '.join(arguments)})"
        if not any(written) or len(code) > _MOST_CHARACTERS:
            code = f"{name}(*q.example())"
    return code.replace("q.example()", f"{asker}.example()")


def as_code(value: Any) -> str | None:
    """Writes a number, text, list, array or tensor as code.

    Args:
        value: The object.

    Returns:
        The code; None for an object of another kind.

    Example:
        >>> as_code([1.5, True])
        '[1.5, True]'
    """
    if hasattr(value, "numpy"):
        array = value.numpy()
        return f"tf.constant({_nested(array)}{_dtype(array, 'bool', 'float32', 'int32')})"
    if isinstance(value, np.ndarray):
        return f"np.array({_nested(value)}{_dtype(value, 'bool', 'float64', 'int64')})"
    if isinstance(value, list):
        parts = [as_code(part) for part in value]
        return f"[{', '.join(part or '' for part in parts)}]" if None not in parts else None
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, float | np.floating):
        return str(value) if math.isfinite(value) else f"np.{value}".replace("np.-", "-np.")
    return str(value) if isinstance(value, int | np.integer | np.bool_) else None


def _nested(array: NDArray[Any]) -> str:
    rows = [_nested(row) if isinstance(row, np.ndarray) else as_code(row) for row in array]
    return f"[{', '.join(row or '' for row in rows)}]"


def _dtype(array: NDArray[Any], *usual: str) -> str:
    return "" if array.dtype in usual and array.size else f', dtype="{array.dtype}"'
