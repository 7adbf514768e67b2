"""Runs every benchmark; the exit status is 1 if a goal is missed: `python -m benchmarks`."""

import sys

from benchmarks.checks import measure_checks
from benchmarks.explorers import measure_explorers
from benchmarks.hub import measure_hub
from benchmarks.kernels import measure_kernels
from benchmarks.site import measure_site
from benchmarks.tracing import measure_tracing

if __name__ == "__main__":
    met = [
        measure_tracing(),
        measure_checks(),
        measure_explorers(),
        measure_site(),
        measure_kernels(),
        measure_hub(),
    ]
    sys.exit(not all(met))
