"""Leaves out the tests for which this machine lacks something, and says which and why."""

import os
import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest


def _find_browser_fault() -> str | None:
    # Not at the top: without it, the tests of the library need no Playwright.
    import browser

    return browser.find_fault()


def _find_reveal_fault() -> str | None:
    folder = Path(sys.prefix) / "node_modules" / "reveal.js"
    return None if folder.exists() else "no reveal.js found: make .venv/node"


def _find_keras_hub_fault() -> str | None:
    return None if find_spec("keras_hub") else "no keras-hub found: pip install keras-hub"


def _find_node_fault() -> str | None:
    return None if shutil.which("node") else "no Node found (Debian, Ubuntu: apt install nodejs)"


# What a test asks for, and how to know why it cannot be had here.
NEEDS: dict[str, Callable[[], str | None]] = {
    "browser": _find_browser_fault,
    "keras_hub": _find_keras_hub_fault,
    "made_slides": _find_reveal_fault,
    "node": _find_node_fault,
}
_MARK = "left out: "


def pytest_configure() -> None:
    """Where everything must be tested, as in CI, nothing may be lacking."""
    faults = {fault for find in NEEDS.values() if (fault := find())}
    if faults and os.environ.get("MASKLENS_TESTS") == "all":
        raise pytest.UsageError(f"All tests are to run, but {'; '.join(sorted(faults))}.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    faults = {need: find() for need, find in NEEDS.items()}
    for item in items:
        lacking = [faults[name] for name in getattr(item, "fixturenames", ()) if faults.get(name)]
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")
        if lacking:
            item.add_marker(pytest.mark.skip(reason=f"{_MARK}{lacking[0]}"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    for fault in dict.fromkeys(fault for find in NEEDS.values() if (fault := find())):
        if count := sum(f"{_MARK}{fault}" in reason for reason in reasons):
            terminalreporter.write_line(f"{_MARK}{count} tests, {fault}")
