"""Runs every benchmark; the exit status is 1 if a goal is missed: `python -m benchmarks`."""

import sys

from benchmarks.checks import measure_checks
from benchmarks.explorers import measure_explorers
from benchmarks.hub import measure_hub
from benchmarks.imports import measure_imports
from benchmarks.kernels import measure_kernels, measure_suite
from benchmarks.lighthouse import measure_lighthouse
from benchmarks.pictures import measure_pictures
from benchmarks.site import measure_site
from benchmarks.torchlens import measure_torchlens
from benchmarks.tracing import measure_tracing

if __name__ == "__main__":
    met = [
        measure_imports(),
        measure_pictures(),
        measure_tracing(),
        measure_explorers(),
        measure_checks(),
        measure_site(),
        measure_lighthouse(),
        measure_kernels(),
        measure_suite(),
        measure_hub(),
    ]
    measure_torchlens()
    sys.exit(not all(met))
