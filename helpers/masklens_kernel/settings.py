"""What the environment, and Keras's own file, set for preloaded kernels."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

_Default = TypeVar("_Default", int, None)


@dataclass(frozen=True)
class _Setting(Generic[_Default]):
    """A number in an environment variable.

    Args:
        name: of the variable.
        unit: of the number.
        default: the number where the variable is not set, or says something else.
    """

    name: str
    unit: str
    default: _Default

    def read(self, environment: Mapping[str, str]) -> int | _Default:
        """The number in force."""
        value = environment.get(self.name, "")
        return int(value) if value.isdecimal() else self.default

    def fault(self, environment: Mapping[str, str]) -> str | None:
        """What is wrong with the variable, if anything is.

        Example:
            >>> IDLE.fault({"MASKLENS_KERNEL_IDLE": "-1"})
            "MASKLENS_KERNEL_IDLE is '-1', not a number of seconds; it is taken as 600"
        """
        value = environment.get(self.name, "")
        if not value or value.isdecimal():
            return None
        taken = "not set" if self.default is None else self.default
        return f"{self.name} is {value!r}, not a number of {self.unit}; it is taken as {taken}"


IDLE = _Setting("MASKLENS_KERNEL_IDLE", "seconds", 600)
MEMORY = _Setting("MASKLENS_KERNEL_MEMORY", "MiB", None)


def keras_json(environment: Mapping[str, str]) -> Path:
    """The file in which Keras looks for its backend."""
    if folder := environment.get("KERAS_HOME"):
        return Path(folder) / "keras.json"
    home = Path("/tmp")  # where Keras goes if it cannot write to a home, or there is none
    with suppress(RuntimeError):
        home = Path.home() if os.access(Path.home(), os.W_OK) else home
    return home / ".keras" / "keras.json"


def backend(environment: Mapping[str, str]) -> str:
    """The backend that Keras takes when it is imported.

    Example:
        >>> backend({"KERAS_BACKEND": "jax"})
        'jax'
    """
    if named := environment.get("KERAS_BACKEND"):
        return named
    with suppress(OSError, ValueError, AttributeError):
        return str(json.loads(keras_json(environment).read_text()).get("backend", "tensorflow"))
    return "tensorflow"
