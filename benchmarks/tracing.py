"""Measures what a trace costs: time beside the bare call, memory, and bytes of HTML."""

import gc
import sys
import tracemalloc
from collections.abc import Callable
from statistics import median
from time import perf_counter

import keras
import numpy as np
from keras import layers

import masklens as ml
from benchmarks.table import print_table, verdict

RUNS = 21
# A measurement puts three questions, so it runs the model at least four times.
GOALS = {"measured": 6.0, "recorded only": 1.3}
GOAL_SECONDS = 0.5
# Most bytes of HTML for a model of so many layers, on a mask (batch, time).
GOAL_BYTES = {(6, 3, 6): 12_000, (50, 4096, 1024): 150_000}


def functional(depth: int, units: int, time: int) -> keras.Model:
    """An Embedding that masks, then one layer after another in a fixed random order.

    The order keeps a picture from folding repeated layers into one row.
    """
    kinds = [
        lambda: layers.Dense(units),
        lambda: layers.LayerNormalization(),
        lambda: layers.Activation("tanh"),
        lambda: layers.Dropout(0.1),
    ]
    order = np.random.default_rng(0).integers(len(kinds), size=depth - 2)
    inputs = keras.Input((time,))
    x = layers.Embedding(1000, units, mask_zero=True)(inputs)
    for kind in order:
        x = kinds[kind]()(x)
    return keras.Model(inputs, layers.GlobalAveragePooling1D()(x))


def transformer(blocks: int, units: int, time: int) -> keras.Model:
    inputs = keras.Input((time,))
    x = layers.Embedding(1000, units, mask_zero=True)(inputs)
    for _ in range(blocks):
        normal = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(4, units // 4)(normal, normal)])
        normal = layers.LayerNormalization()(x)
        inner = layers.Dense(4 * units, activation="gelu")(normal)
        x = layers.Add()([x, layers.Dense(units)(inner)])
    return keras.Model(inputs, layers.GlobalAveragePooling1D()(x))


def padded_ids(batch: int, time: int) -> np.ndarray:
    random = np.random.default_rng(0)
    lengths = random.integers(1, time + 1, size=(batch, 1))
    return random.integers(1, 1000, size=(batch, time)) * (np.arange(time) < lengths)


def seconds_of(run: Callable[[], object]) -> float:
    gc.collect()
    start = perf_counter()
    run()
    return perf_counter() - start


def _pairs(model: keras.Model, ids: np.ndarray, measure: bool) -> list[tuple[float, float]]:
    """Runs both by turns, so that what else the machine does meets both alike."""
    model(ids), ml.trace(model, ids, measure=measure)
    return [
        (
            seconds_of(lambda: model(ids)),
            seconds_of(lambda: ml.trace(model, ids, measure=measure)),
        )
        for _ in range(RUNS)
    ]


def _measure_time() -> bool:
    models = {
        "50-layer Functional, 32x64": (functional(50, 64, 64), padded_ids(32, 64)),
        "6-block transformer, 32x64": (transformer(6, 64, 64), padded_ids(32, 64)),
    }
    rows, all_met = [], True
    for name, (model, ids) in models.items():
        for kind, goal in GOALS.items():
            print(f"trace(model, x) over model(x), {kind}: {name}", file=sys.stderr)
            pairs = _pairs(model, ids, measure=kind == "measured")
            ratio = median(traced / plain for plain, traced in pairs)
            met = ratio <= goal
            all_met &= met
            times = [f"{median(column) * 1000:.1f}" for column in zip(*pairs, strict=True)]
            rows.append([f"{name}, {kind}", *times, f"{ratio:.2f}", f"{goal}", verdict(met)])
    print_table(
        f"Tracing, eager (median of {RUNS} paired runs)",
        ["model, batch", "model(x) ms", "trace ms", "ratio", "goal", "verdict"],
        rows,
    )
    return all_met


def _measure_memory() -> bool:
    print("memory of a trace: a mask of 512x4096 through 50 layers", file=sys.stderr)
    model, ids = functional(50, 1, 4096), padded_ids(512, 4096)
    model(ids)
    gc.collect()
    tracemalloc.start()
    trace = ml.trace(model, ids, measure=False)
    gc.collect()
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    masks = [mask for call in trace.calls for mask in (*call.masks_in, *call.masks_out)]
    copies = {id(mask): mask for mask in masks if mask is not None}
    size = sum(mask.nbytes for mask in copies.values())
    distinct = len({mask.tobytes() for mask in copies.values()})
    # A tenth of a mask is room for everything in the trace that is no mask.
    met = len(copies) == distinct == 1 and kept <= 1.1 * size
    print_table(
        "What a trace keeps: a mask of 512x4096 through 50 layers",
        ["", "masks met", "copies", "MB of masks", "MB kept", "MB at most", "goal", "verdict"],
        [
            [
                "50-layer Functional",
                f"{sum(mask is not None for mask in masks)}",
                f"{len(copies)}",
                *(f"{number / 1e6:.2f}" for number in (size, kept, peak)),
                "1 copy",
                verdict(met),
            ]
        ],
    )
    return met


def _measure_html() -> bool:
    rows, all_met = [], True
    for (depth, batch, time), goal in GOAL_BYTES.items():
        print(f"HTML of a trace: {depth} layers, mask {batch}x{time}", file=sys.stderr)
        trace = ml.trace(functional(depth, 2, time), padded_ids(batch, time))
        start = perf_counter()
        size = len(trace._repr_html_().encode())
        seconds = perf_counter() - start
        met = size <= goal and seconds <= GOAL_SECONDS
        all_met &= met
        rows.append(
            [
                f"{depth} layers, mask {batch}x{time}",
                f"{size:,}",
                f"{seconds:.4f}",
                f"{goal:,} B, {GOAL_SECONDS} s",
                verdict(met),
            ]
        )
    print_table("HTML of a trace", ["", "bytes", "seconds", "goal", "verdict"], rows)
    return all_met


def measure_tracing() -> bool:
    return all([_measure_time(), _measure_memory(), _measure_html()])
