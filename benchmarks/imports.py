"""Measures how much `import masklens` adds to `import keras`, in fresh processes."""

import subprocess
import sys
from statistics import median

from benchmarks.table import print_table, verdict

RUNS = 7
GOAL_MS = 60

# Both in one process: seconds of noise from starting TensorFlow would drown a difference of two.
_MEASURE = """
from time import perf_counter
start = perf_counter()
import keras
between = perf_counter()
import masklens
print(between - start, perf_counter() - between)
"""


def _measure() -> tuple[float, float]:
    run = subprocess.run([sys.executable, "-c", _MEASURE], capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"the measured imports failed:\n{run.stderr}")
    keras, masklens = map(float, run.stdout.split())
    return keras * 1000, masklens * 1000


def measure_imports() -> bool:
    _measure()  # writes the byte code and warms the disk cache
    runs = []
    for number in range(1, RUNS + 1):
        print(f"import keras, then masklens: process {number} of {RUNS}", file=sys.stderr)
        runs.append(_measure())
    keras = median(run[0] for run in runs)
    added = [run[1] for run in runs]
    met = median(added) <= GOAL_MS
    print_table(
        f"What `import masklens` adds to `import keras` (median of {RUNS} processes)",
        ["", "ms", "fastest", "slowest", "ratio", "goal", "verdict"],
        [
            ["import keras", f"{keras:.0f}", *_extremes([run[0] for run in runs]), "1.000", "", ""],
            [
                "masklens adds",
                f"{median(added):.1f}",
                *_extremes(added),
                f"{(keras + median(added)) / keras:.3f}",
                f"{GOAL_MS} ms",
                verdict(met),
            ],
        ],
    )
    return met


def _extremes(milliseconds: list[float]) -> tuple[str, str]:
    return f"{min(milliseconds):.1f}", f"{max(milliseconds):.1f}"
