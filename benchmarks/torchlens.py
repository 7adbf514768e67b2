"""Measures torchlens beside masklens on the same Keras model, where torch is installed."""

import importlib
import importlib.util
import os
import subprocess
import sys
from functools import partial
from statistics import median

from benchmarks.table import print_table

RUNS = 5


def measure_torchlens() -> None:
    """Runs this module in a process of its own, because a process has one Keras backend."""
    # They are no part of the extra `bench`: most torch wheels take gigabytes.
    absent = [name for name in ("torch", "torchlens") if not importlib.util.find_spec(name)]
    if absent:
        print(f"\nLeft out: torchlens on an Embedding-LSTM ({', '.join(absent)} not installed).")
        return
    print("torchlens on an Embedding-LSTM", file=sys.stderr)
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.torchlens"]
    sys.stdout.flush()
    subprocess.run(command, env=os.environ | {"KERAS_BACKEND": "torch"}, check=True)


def _measure() -> None:
    import keras
    import torch

    from benchmarks.tracing import padded_ids, seconds_of

    torch.set_num_threads(1)  # so small a model gains nothing by more, and the times scatter
    layers = [keras.layers.Embedding(1000, 16, mask_zero=True), keras.layers.LSTM(16)]
    model, ids = keras.Sequential(layers), torch.from_numpy(padded_ids(8, 20))
    model(ids)
    plain = median(seconds_of(lambda: model(ids)) for _ in range(RUNS))
    rows = [["model(x)", f"{plain * 1000:.1f}", "1.0", "", ""]]
    # torchlens last: once it is imported, model(x) itself takes longer.
    for name in ("masklens", "torchlens"):
        tool = importlib.import_module(name)
        seconds = median(seconds_of(partial(tool.trace, model, ids)) for _ in range(RUNS))
        text = str(tool.trace(model, ids))
        rows.append(
            [
                name,
                f"{seconds * 1000:.1f}",
                f"{seconds / plain:.1f}",
                f"{len(text.splitlines())}",
                "yes" if "mask" in text.lower() else "no",
            ]
        )
    print_table(
        f"Embedding-LSTM, 8x20, Keras on torch (median of {RUNS})",
        ["", "ms", "ratio", "lines printed", "the mask among them"],
        rows,
    )


if __name__ == "__main__":
    _measure()
