"""Settings of preloaded kernels, from the environment and from Keras's own file."""

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
        default: the number if the variable is not set or not a number.
    """

    name: str
    unit: str
    default: _Default

    def read(self, environment: Mapping[str, str]) -> int | _Default:
        """Returns the number."""
        value = environment.get(self.name, "")
        return int(value) if value.isdecimal() else self.default

    def fault(self, environment: Mapping[str, str]) -> str | None:
        """Returns what is wrong with the variable, or None.

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
    """Returns the file in which Keras looks for its backend."""
    if folder := environment.get("KERAS_HOME"):
        return Path(folder) / "keras.json"
    home = Path("/tmp")  # Keras uses it if there is no writable home
    with suppress(RuntimeError):
        home = Path.home() if os.access(Path.home(), os.W_OK) else home
    return home / ".keras" / "keras.json"


def backend(environment: Mapping[str, str]) -> str:
    """Returns the backend that Keras uses when it is imported.

    Example:
        >>> backend({"KERAS_BACKEND": "jax"})
        'jax'
    """
    if named := environment.get("KERAS_BACKEND"):
        return named
    with suppress(OSError, ValueError, AttributeError):
        return str(json.loads(keras_json(environment).read_text()).get("backend", "tensorflow"))
    return "tensorflow"
