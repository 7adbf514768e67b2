"""Runs every benchmark; the exit status is 1 if a goal is missed: `python -m benchmarks`."""

import sys

from benchmarks.imports import measure_imports
from benchmarks.pictures import measure_pictures

if __name__ == "__main__":
    met = [measure_imports(), measure_pictures()]
    sys.exit(not all(met))
