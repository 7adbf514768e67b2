"""A preloaded kernel does for Jupyter what a plain one does, only sooner."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from kernels import PLAIN, PRELOADED, Jupyter, Kernel, gone, start_jupyter, wait_for

KINDS = (PRELOADED, PLAIN)
KERAS = "import keras; print(keras.layers.Dense(2)(keras.ops.ones((1, 3))).shape)"


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """A Jupyter whose kernels share one parent."""
    yield from start_jupyter(tmp_path_factory.mktemp("prefix"))


@pytest.fixture
def own_jupyter(tmp_path: Path) -> Iterator[Jupyter]:
    """A Jupyter of the test's own, whose parent it may kill."""
    yield from start_jupyter(tmp_path)


@pytest.fixture(scope="module", params=KINDS)
def kernel(jupyter: Jupyter, request: pytest.FixtureRequest) -> Iterator[Kernel]:
    """One kernel of each kind for the tests that leave it as it was."""
    kernel = jupyter.start(request.param).ready()
    yield kernel
    kernel.shutdown()


# What a notebook sees


@pytest.mark.parametrize("loop", ["while True: pass", "import time; time.sleep(600)"])
def test_an_interrupt_ends_a_cell_and_no_more(kernel: Kernel, loop: str) -> None:
    pid = kernel.pid
    request = kernel.send(f"print('begun', flush=True)\n{loop}")
    kernel.until(request, "begun")
    kernel.manager.interrupt_kernel()
    assert kernel.hear(request, 10).error == "KeyboardInterrupt"
    assert kernel.pid == pid


def test_an_interrupt_reaches_what_a_cell_has_started(kernel: Kernel) -> None:
    process = psutil.Process(kernel.pid)
    request = kernel.send("import subprocess; subprocess.run(['sleep', '600'])")
    (sleep,) = wait_for(
        lambda: [child for child in process.children() if child.name() == "sleep"], "sleep starts"
    )
    kernel.manager.interrupt_kernel()
    assert kernel.hear(request, 10).error == "KeyboardInterrupt"
    assert gone(sleep.pid)


def test_an_interrupt_ends_a_fit(kernel: Kernel) -> None:
    request = kernel.send("""
import keras
model = keras.Sequential([keras.Input((4,), dtype="int32"), keras.layers.Embedding(9, 4),
                          keras.layers.LSTM(4), keras.layers.Dense(1)])
model.compile("sgd", "mse")
data = keras.ops.ones((64, 4)), keras.ops.ones((64, 1))
class Say(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print("epoch", epoch, flush=True)
model.fit(*data, epochs=10**6, verbose=0, callbacks=[Say()])
""")
    kernel.until(request, "epoch 1")
    kernel.manager.interrupt_kernel()
    assert kernel.hear(request, 20).error == "KeyboardInterrupt"
    assert kernel.run("print(model.predict(data[0], verbose=0).shape)").stdout == "(64, 1)\n"


SAME = """
import json, os, resource, signal, sys
print(json.dumps({
    "path": sys.path,
    "argv": [sys.argv[0], sys.argv[1], len(sys.argv)],
    "folder": os.getcwd(),
    "environment": dict(os.environ),
    "umask": os.umask(0o22) if os.umask(0o22) else 0,
    "main": [__name__, sys.modules["__main__"].__dict__ is globals(), "__file__" in globals()],
    "signals": {s.name: str(signal.getsignal(s)).split(" at ")[0] for s in signal.Signals},
    "limits": {n: resource.getrlimit(getattr(resource, n))
               for n in dir(resource) if n.startswith("RLIMIT_")},
    "encoding": [sys.stdout.encoding, sys.getfilesystemencoding()],
    "flags": str(sys.flags),
    "gc": __import__("gc").isenabled(),
}, default=str))
"""


def test_a_kernel_finds_the_same_surroundings(jupyter: Jupyter, tmp_path: Path) -> None:
    import json
    import resource

    found = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    old = os.umask(0o027)
    try:
        # Not what the parent was started with.
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
        for kind in KINDS:
            running = jupyter.start(kind, tmp_path, OF_THIS_NOTEBOOK="\udcff하나", PATH="/usr/bin")
            found.append(json.loads(running.ready().run(SAME).stdout))
            running.shutdown()
    finally:
        os.umask(old)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for surroundings in found:
        surroundings["environment"].pop("OF_THIS_NOTEBOOK")
    preloaded, plain = found
    for name in plain:
        assert preloaded[name] == plain[name], name


# Beginning and end


def test_a_restart_begins_anew(kernel: Kernel) -> None:
    before = kernel.pid
    kernel.run("state = 1")
    kernel.manager.restart_kernel()
    kernel.ready()
    assert kernel.run("state").error == "NameError"
    assert gone(before)
    assert kernel.run(KERAS).stdout == "(1, 2)\n"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("now", [False, True])
def test_a_shutdown_leaves_nothing(jupyter: Jupyter, kind: str, now: bool) -> None:
    kernel = jupyter.start(kind).ready()
    processes = {kernel.pid, kernel.launcher}
    sockets = sorted(path.name for path in jupyter.folder.iterdir())
    kernel.shutdown(now=now)
    wait_for(lambda: gone(*processes), "kernel and launcher end", 10)
    assert not Path(kernel.manager.connection_file).exists()
    assert sorted(path.name for path in jupyter.folder.iterdir()) == sockets


def test_a_killed_parent_leaves_its_kernels_to_work(own_jupyter: Jupyter) -> None:
    first, second = own_jupyter.start().ready(), own_jupyter.start().ready()
    pids = {first.pid, second.pid}
    (parent,) = own_jupyter.parents()
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    assert first.run(KERAS).stdout == "(1, 2)\n"
    request = first.send("print('begun', flush=True)\nwhile True: pass")
    first.until(request, "begun")
    first.manager.interrupt_kernel()
    assert first.hear(request, 10).error == "KeyboardInterrupt"
    first.manager.restart_kernel()
    assert first.ready().run(KERAS).stdout == "(1, 2)\n"
    assert len(own_jupyter.parents()) == 1
    second.shutdown()
    wait_for(lambda: gone(*pids), "the kernels of the first parent end", 10)
