"""Keeps the judge whole: classes that nobody changes, and functions of libraries put back."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any, TypeVar

# What judges an answer, and what it is built on.
_PACKAGES = frozenset(
    {"builtins", "copy", "inspect", "keras", "masklens", "masklens_course", "math", "numpy", "time"}
)
# A notebook's kernel, and the sandbox, put their own in the place of it.
_INPUT = "input"
_Owner = ModuleType | type
# The functions and classes of each module as a check first saw them, with the code of the former.
_originals: dict[_Owner, dict[str, tuple[Any, Any]]] = {}
_replaced_before: list[str] = []


class Sealed(type):
    """The class of classes whose attributes nobody replaces once they are sealed."""

    def __setattr__(cls, name: str, value: object) -> None:
        """Sets an attribute of a class that is still being made."""
        cls._refuse(name)
        super().__setattr__(name, value)

    def __delattr__(cls, name: str) -> None:
        """Deletes an attribute of a class that is still being made."""
        cls._refuse(name)
        super().__delattr__(name)

    def _refuse(cls, name: str) -> None:
        if "_sealed" in vars(cls):
            raise AttributeError(f"{cls.__name__}.{name} cannot be replaced")


_Class = TypeVar("_Class", bound=Sealed)


def sealed(made: _Class) -> _Class:
    """Seals a class; a decorator, to stand above all others."""
    made._sealed = True
    return made


@contextmanager
def original_libraries() -> Iterator[Callable[[], list[str]]]:
    """Gives a block the functions of libraries as they were before a notebook replaced some.

    At its end, the notebook gets back what it had replaced.

    Yields:
        What puts back those that were replaced within the block, and returns their names; also
        those that were replaced before any check, which nobody can put back.

    Example:
        >>> import math
        >>> with original_libraries() as put_back:
        ...     math.sqrt, kept = len, math.sqrt
        ...     put_back(), math.sqrt is kept
        (['math.sqrt'], True)
    """
    _see_originals()
    theirs = list(_replaced())
    _put_back()
    try:
        yield _put_back
    finally:
        _put_back()
        for owner, name, value in theirs:
            _set(owner, name, value)


def _see_originals() -> None:
    """Looks at the modules that were imported since."""
    for module in list(sys.modules.values()):
        if not isinstance(module, ModuleType) or module in _originals:
            continue
        package = module.__name__.partition(".")[0]
        if package not in _PACKAGES:
            continue
        _keep(module)
        for value in list(vars(module).values()):
            own = isinstance(value, type) and value.__module__.startswith("masklens")
            if own and value not in _originals:
                _keep(value)
    keras = sys.modules.get("keras")
    for one in (keras.Layer, keras.Model, keras.KerasTensor) if keras else ():
        if one not in _originals:
            _keep(one)


def _keep(owner: _Owner) -> None:
    _originals[owner] = {
        name: (value, getattr(value, "__code__", None))
        for name, value in list(vars(owner).items())
        if callable(value) and name != _INPUT
    }
    # A notebook's own function is none of a library's; a new name is in nobody's way.
    known = getattr(owner, "__all__", _originals[owner])
    _replaced_before.extend(
        f"{owner.__name__}.{name}"
        for name, (value, _code) in _originals[owner].items()
        if name in known
        and isinstance(value, FunctionType)
        and value.__globals__.get("__name__") == "__main__"
    )


def _replaced() -> Iterator[tuple[_Owner, str, Any]]:
    """What stands where something else was before, with its place."""
    for owner, kept in _originals.items():
        now = vars(owner)
        for name, (value, code) in kept.items():
            found: Any = now.get(name)
            if found is not value or (code is not None and found.__code__ is not code):
                yield owner, name, found


def _put_back() -> list[str]:
    names = [*_replaced_before]
    for owner, name, now in list(_replaced()):
        value, code = _originals[owner][name]
        if now is value:
            value.__code__ = code
        else:
            _set(owner, name, value)
        names.append(f"{owner.__name__}.{name}")
    return names


def _set(owner: _Owner, name: str, value: object) -> None:
    put = type.__setattr__ if isinstance(owner, type) else setattr
    put(owner, name, value)
