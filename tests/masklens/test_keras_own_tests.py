"""Keras's own tests about masks, which ship in its wheel, pass as well while they are recorded."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import keras
import pytest

pytestmark = pytest.mark.slow

KERAS = Path(keras.__file__).parent / "src"

# A pytest plugin: what became of each test, and how many layer calls were recorded in it.
OUTCOMES = """
import json
import os

import pytest

outcomes, recorded = {}, {}

def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        outcomes[report.nodeid.split("keras/src/")[-1]] = report.outcome

def pytest_unconfigure():
    with open(os.environ["OUTCOMES"], "w") as file:
        json.dump([outcomes, recorded], file)
"""

RECORDING = """
import masklens as ml

@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    with ml.record() as trace:
        result = yield
    recorded[item.nodeid] = len(trace.calls)
    return result
"""


@dataclass(frozen=True)
class Run:
    """What became of each test, by its id; and how many layer calls each recorded."""

    outcomes: dict[str, str]
    recorded: dict[str, int]


def run_keras_tests(folder: Path, plugin: str) -> Run:
    """Runs, in a process of their own, the tests of Keras with "mask" in their name."""
    (folder / "plugin.py").write_text(plugin)
    # Keras is installed below this repository, whose own settings would hold otherwise.
    (folder / "pytest.ini").write_text("[pytest]\n")
    paths = sorted(
        path
        for path in KERAS.rglob("*_test.py")
        if re.search(r"def test\w*mask", path.read_text(encoding="utf-8"))
    )
    # A module that needs what is not installed cannot be collected; the others still run.
    options = [
        "-c",
        "pytest.ini",
        "-W",
        "ignore",
        "-p",
        "no:cacheprovider",
        "-p",
        "plugin",
        "-k",
        "mask",
    ]
    options += ["--continue-on-collection-errors"]
    report = folder / "outcomes.json"
    environment = os.environ | {"PYTHONPATH": str(folder), "OUTCOMES": str(report)}
    command = [sys.executable, "-m", "pytest", *options, *paths]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert report.exists(), done.stdout + done.stderr
    return Run(*json.loads(report.read_text()))


def test_keras_tests_about_masks_end_alike_while_they_are_recorded(tmp_path: Path) -> None:
    plain = run_keras_tests(tmp_path, OUTCOMES)
    recorded = run_keras_tests(tmp_path, OUTCOMES + RECORDING)
    assert recorded.outcomes == plain.outcomes
    assert sum(outcome == "passed" for outcome in plain.outcomes.values()) >= 50
    # Some call no layer: they are about functions, or about compute_mask alone.
    assert sum(calls > 0 for calls in recorded.recorded.values()) >= 50
