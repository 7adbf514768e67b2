"""Measures size and time of the picture of a mask, beside treescope's of the same array."""

import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np
import treescope
from numpy.typing import NDArray

import masklens as ml
from benchmarks.table import print_table, verdict

Mask = NDArray[np.bool_]

RUNS = 3
GOAL_SECONDS = 0.2
# Most bytes of HTML that a mask (batch, time) may take.
GOAL_BYTES = {(3, 6): 4_000, (64, 512): 60_000, (4096, 1024): 60_000}


def right_padded(batch: int, time: int) -> Mask:
    lengths = np.random.default_rng(0).integers(1, time + 1, size=(batch, 1))
    return np.arange(time) < lengths


def scattered(batch: int, time: int) -> Mask:
    return np.random.default_rng(0).random((batch, time)) < 0.5


def masklens_html(mask: Mask) -> str:
    return ml.show(mask)._repr_html_()


def treescope_html(mask: Mask) -> str:
    return treescope.render_array(mask)._repr_html_()


def _size_and_seconds(render: Callable[[Mask], str], mask: Mask) -> tuple[int, float]:
    seconds = []
    for _ in range(RUNS):
        start = perf_counter()
        html = render(mask)
        seconds.append(perf_counter() - start)
    return len(html.encode()), median(seconds)


def measure_pictures() -> bool:
    rows, all_met = [], True
    for make in (right_padded, scattered):
        for shape, goal in GOAL_BYTES.items():
            name = f"{make.__name__.replace('_', ' ')} {shape[0]}x{shape[1]}"
            print(f"mask {name}", file=sys.stderr)
            mask = make(*shape)
            size, seconds = _size_and_seconds(masklens_html, mask)
            other_size, other_seconds = _size_and_seconds(treescope_html, mask)
            met = size <= goal and seconds <= GOAL_SECONDS
            all_met &= met
            ours = [f"{size:,}", f"{seconds:.4f}"]
            theirs = [f"{other_size:,}", f"{other_seconds:.4f}"]
            rows.append([name, *ours, *theirs, f"{goal:,} B, {GOAL_SECONDS} s", verdict(met)])
    print_table(
        f"HTML of a mask (median of {RUNS})",
        ["mask", "bytes", "seconds", "treescope bytes", "seconds", "goal", "verdict"],
        rows,
    )
    return all_met
