"""Waits for what a test needs, on whatever machine this is."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

PATIENCE = 180  # seconds; many servers may start at once


def wait_for(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Waits until a condition holds, and returns what it returned."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(OSError):  # a server that does not answer yet
            if found := condition():
                return found
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds:.0f} s")
