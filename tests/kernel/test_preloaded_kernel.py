"""A preloaded kernel does for Jupyter what a plain one does, only sooner."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
import requests
from kernels import PATIENCE, PLAIN, PRELOADED, Jupyter, Kernel, gone, start_jupyter, wait_for

from masklens_kernel import messages
from masklens_kernel.spec import PLAIN_OPTIONS

pytestmark = pytest.mark.slow

NOBODY = 65534
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root acts as another user")
KINDS = (PRELOADED, PLAIN)
SOONER = 45  # seconds; what is idle for the 60 that kernels.py sets leaves in any case
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
    kernel.shutdown(now=True)


# What a notebook sees


@pytest.mark.parametrize("loop", ["while True: pass", "import time; time.sleep(600)"])
def test_an_interrupt_ends_a_cell_and_no_more(kernel: Kernel, loop: str) -> None:
    pid = kernel.pid
    request = kernel.send(f"print('begun', flush=True)\n{loop}")
    kernel.until(request, "begun")
    kernel.manager.interrupt_kernel()
    assert kernel.hear(request, 60).error == "KeyboardInterrupt"
    assert kernel.pid == pid


def test_an_interrupt_reaches_what_a_cell_has_started(kernel: Kernel) -> None:
    process = psutil.Process(kernel.pid)
    request = kernel.send("import subprocess; subprocess.run(['sleep', '600'])")
    (sleep,) = wait_for(
        lambda: [child for child in process.children() if child.name() == "sleep"], "sleep starts"
    )
    kernel.manager.interrupt_kernel()
    assert kernel.hear(request, 60).error == "KeyboardInterrupt"
    wait_for(lambda: not sleep.is_running() or sleep.status() == "zombie", "sleep ends")


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
    assert kernel.hear(request, 60).error == "KeyboardInterrupt"
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


FIRST = """
import tensorflow as tf
tf.config.threading.set_inter_op_parallelism_threads(2)
data = tf.data.Dataset.range(8).map(lambda x: x * 2, num_parallel_calls=2).batch(4)
print([int(tf.function(tf.reduce_sum)(batch)) for batch in data])
"""


def test_a_restart_begins_anew(kernel: Kernel) -> None:
    before = kernel.pid
    kernel.run("state = 1")
    kernel.manager.restart_kernel()
    kernel.ready()
    assert kernel.run("state").error == "NameError"
    assert gone(before)
    # What must precede the first operation, the data pipeline, and a compiled function.
    assert kernel.run(FIRST).stdout == "[12, 44]\n"
    assert kernel.run(KERAS).stdout == "(1, 2)\n"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import asyncio\nawait asyncio.sleep(0)\nprint('waited')", "waited"),
        (
            "import threading\nfound = []\n"
            "thread = threading.Thread(target=lambda: found.append(1))\n"
            "thread.start(); thread.join(); print(found)",
            "[1]",
        ),
        (
            "import multiprocessing, operator\n"
            "for method in ('spawn', 'fork'):\n"
            "    with multiprocessing.get_context(method).Pool(1) as pool:\n"
            "        print(pool.apply(operator.add, (1, 2)))",
            "3\n3",
        ),
        ("import subprocess; print(subprocess.check_output(['echo', 'sub'], text=True))", "sub"),
        ("import beside; print(beside.WORD)", "beside the notebook"),
        ("import json, argparse; print(json.dumps(1), argparse.__name__)", "1 argparse"),
        ("import tensorflow as tf; tf.get_logger().warning('told')", "WARNING:tensorflow:told"),
    ],
    ids=[
        "await",
        "threads",
        "multiprocessing",
        "subprocess",
        "beside",
        "json",
        "log",
    ],
)
def test_what_notebooks_do_works(kernel: Kernel, code: str, expected: str) -> None:
    (kernel.folder / "beside.py").write_text("WORD = 'beside the notebook'")
    for name in ("json.py", "argparse.py"):
        (kernel.folder / name).write_text("raise RuntimeError('not the one that was meant')")
    result = kernel.run(code)
    assert (result.stdout.strip(), result.error) == (expected, ""), result.traceback


def test_a_file_beside_a_notebook_keeps_no_plain_kernel_from_starting(tmp_path: Path) -> None:
    (tmp_path / "types.py").write_text("raise SystemExit('not the one that was meant')")
    for start, status in ((PLAIN_OPTIONS, 0), (("-m", "ipykernel_launcher"), 1)):
        command = [sys.executable, *start, "--version"]
        assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == status


@pytest.mark.parametrize("magic", ["", "%matplotlib inline", "%matplotlib agg"])
def test_figures_stay_in_the_notebook(jupyter: Jupyter, kernel: Kernel, magic: str) -> None:
    code = f"{magic}\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show(); plt.close()"
    shown = [sorted(data) for data in kernel.run(code).data]
    kernel.run("%matplotlib inline")
    assert any("image/png" in kinds for kinds in shown) == ("agg" not in magic)


def test_a_cell_can_ask(kernel: Kernel) -> None:
    request = kernel.send("print('Hello,', input('Name? '))", allow_stdin=True)
    asked = kernel.client.get_stdin_msg(timeout=PATIENCE)
    assert asked["content"]["prompt"] == "Name? "
    kernel.client.input("Dana")
    assert kernel.hear(request).stdout == "Hello, Dana\n"


def test_a_debugger_attaches(kernel: Kernel) -> None:
    def ask(command: str, **arguments: object) -> dict[str, object]:
        message = kernel.client.session.msg(
            "debug_request",
            {"type": "request", "seq": 1, "command": command, "arguments": arguments},
        )
        kernel.client.control_channel.send(message)
        while True:
            reply = kernel.client.get_control_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return dict(reply["content"])

    ready = ask("initialize", clientID="test", adapterID="debugpy", pathFormat="path")
    assert ready["success"], ready
    attached = ask("attach")
    assert attached["success"], attached
    assert ask("dumpCell", code="x = 1")["success"]
    assert ask("disconnect", restart=False, terminateDebuggee=False)["success"]


DRAW = """
import random, numpy, keras, tensorflow as tf
print([random.random(), numpy.random.rand(), float(keras.random.normal(())),
       float(tf.random.normal(())), float(keras.layers.Dense(1)(keras.ops.ones((1, 1)))[0, 0])])
"""


def test_two_kernels_draw_different_numbers(jupyter: Jupyter) -> None:
    drawn = []
    for _ in range(2):
        running = jupyter.start().ready()
        drawn.append(eval(running.run(DRAW).stdout))
        running.shutdown(now=True)
    assert all(one != other for one, other in zip(*drawn, strict=True))


def test_a_kernel_holds_no_file_of_others(jupyter: Jupyter) -> None:
    kernels = [jupyter.start().ready() for _ in range(2)]
    (parent,) = jupyter.parents()
    of_parent, *of_kernels = (
        {_link(file) for file in Path(f"/proc/{pid}/fd").iterdir()}
        for pid in (parent.pid, *(kernel.pid for kernel in kernels))
    )
    assert not {link for link in set.intersection(*of_kernels) if link.startswith("socket:")}
    for held in of_kernels:
        # The connection of its own launcher is all that it has in common with the parent.
        assert len({link for link in held & of_parent if link.startswith("socket:")}) == 1
        assert not [link for link in held if str(jupyter.folder) in link]
    for kernel in kernels:
        kernel.shutdown(now=True)


def _link(file: Path) -> str:
    try:
        return str(file.readlink())
    except FileNotFoundError:
        return ""


# Beginning and end


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("now", [False, True])
def test_a_shutdown_leaves_nothing(jupyter: Jupyter, kind: str, now: bool) -> None:
    kernel = jupyter.start(kind).ready()
    processes = {kernel.pid, kernel.launcher}
    sockets = sorted(path.name for path in jupyter.folder.iterdir())
    kernel.shutdown(now=now)
    wait_for(lambda: gone(*processes), "kernel and launcher end")
    assert not Path(kernel.manager.connection_file).exists()
    assert sorted(path.name for path in jupyter.folder.iterdir()) == sockets


def test_a_killed_parent_leaves_its_kernels_to_work(own_jupyter: Jupyter) -> None:
    first, second = own_jupyter.start().ready(), own_jupyter.start().ready()
    pids = {first.pid, second.pid}
    (parent,) = own_jupyter.parents()
    parent.send_signal(signal.SIGKILL)
    parent.wait(PATIENCE)
    assert list(own_jupyter.folder.glob("*.sock"))  # a stale one
    assert first.run(KERAS).stdout == "(1, 2)\n"
    request = first.send("print('begun', flush=True)\nwhile True: pass")
    first.until(request, "begun")
    first.manager.interrupt_kernel()
    assert first.hear(request, 60).error == "KeyboardInterrupt"
    first.manager.restart_kernel()
    assert first.ready().run(KERAS).stdout == "(1, 2)\n"
    assert len(own_jupyter.parents()) == 1
    second.shutdown()
    wait_for(lambda: gone(*pids), "the kernels of the first parent end")


@pytest.mark.parametrize("kind", KINDS)
def test_a_crash_is_noticed(jupyter: Jupyter, kind: str) -> None:
    kernel = jupyter.start(kind).ready()
    process = psutil.Process(kernel.pid)
    process.send_signal(signal.SIGKILL)
    wait_for(lambda: not kernel.manager.is_alive(), "Jupyter notices")
    # What Jupyter's own restarter does, once it has noticed.
    assert kernel.manager.provisioner.process.returncode == -signal.SIGKILL
    kernel.manager.restart_kernel()
    assert kernel.ready().run("print(1)").stdout == "1\n"
    kernel.shutdown(now=True)


@pytest.mark.parametrize("kind", KINDS)
def test_exit_ends_a_kernel(jupyter: Jupyter, kind: str) -> None:
    kernel = jupyter.start(kind).ready()
    pid = kernel.pid
    kernel.send("exit()")
    wait_for(lambda: not kernel.manager.is_alive(), "Jupyter notices")
    assert kernel.manager.provisioner.process.returncode == 0
    assert gone(pid)


def test_a_killed_launcher_takes_its_kernel_along(jupyter: Jupyter) -> None:
    kernel = jupyter.start().ready()
    pid = kernel.pid
    kernel.send("import subprocess; child = subprocess.Popen(['sleep', '600']); sum(range(10**12))")
    (child,) = wait_for(lambda: psutil.Process(pid).children(), "a child starts")
    wait_for(lambda: child.name() == "sleep", "it is sleep")
    os.kill(kernel.launcher, signal.SIGKILL)
    wait_for(lambda: gone(pid), "a kernel in the midst of a computation ends")
    wait_for(lambda: gone(child.pid), "what it has started ends")


JUPYTER = """
import sys, time
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
specs = KernelSpecManager(kernel_dirs=[sys.argv[1]], ensure_native_kernel=False)
kernel = KernelManager(kernel_name=sys.argv[2], kernel_spec_manager=specs)
kernel.start_kernel()
client = kernel.blocking_client()
client.start_channels()
client.wait_for_ready(timeout=120)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_jupyter_takes_its_kernels_along(jupyter: Jupyter, kind: str) -> None:
    specs = str(jupyter.prefix / "share/jupyter/kernels")
    before = {process.pid for process in jupyter.processes()}
    server = subprocess.Popen(
        [sys.executable, "-c", JUPYTER, specs, kind],
        env={**jupyter.environment, "JUPYTER_RUNTIME_DIR": str(jupyter.runtime)},
        stdout=subprocess.PIPE,
        text=True,
        cwd=jupyter.runtime / "masklens",  # not the folder of json.py
    )
    with server:
        assert server.stdout and server.stdout.readline() == "ready\n"
        server.kill()
    parents = {parent.pid for parent in jupyter.parents()}
    wait_for(
        lambda: {process.pid for process in jupyter.processes()} <= before | parents,
        "launcher and kernel end",
    )


def waits_for_a_parent(kernel: Kernel) -> bool:
    files = psutil.Process(kernel.launcher).open_files()
    return any(file.path.endswith(".lock") for file in files)


def test_what_is_sent_to_a_launcher_before_there_is_a_kernel(own_jupyter: Jupyter) -> None:
    first, second = own_jupyter.start(), own_jupyter.start()
    # Before that, they are two Pythons that have not yet read what a signal means to them.
    wait_for(lambda: all(map(waits_for_a_parent, (first, second))), "both wait for the parent")
    # An interrupt is for a cell, and there is none.
    for kernel in (first, second):
        kernel.manager.interrupt_kernel()
    os.kill(first.launcher, signal.SIGTERM)
    wait_for(lambda: not first.manager.is_alive(), "the launcher ends")
    assert second.ready().run(KERAS).stdout == "(1, 2)\n"
    assert len(own_jupyter.parents()) == 1


def test_a_parent_killed_while_a_launcher_waits_is_started_again(own_jupyter: Jupyter) -> None:
    kernel = own_jupyter.start()
    (parent,) = wait_for(own_jupyter.parents, "a parent is being started")
    parent.send_signal(signal.SIGKILL)
    kernel.ready(forked=False)
    assert "the parent ended while it was starting" in kernel.log


def test_twenty_kernels_at_once(jupyter: Jupyter) -> None:
    kernels = [jupyter.start() for _ in range(20)]
    for kernel in kernels:
        kernel.ready()
    requests = [kernel.send(KERAS) for kernel in kernels]
    for kernel, request in zip(kernels, requests, strict=True):
        assert kernel.hear(request).stdout == "(1, 2)\n"
    assert len(jupyter.parents()) == 1
    assert len({kernel.pid for kernel in kernels}) == 20
    for kernel in kernels:
        kernel.shutdown(now=True)


def test_a_launcher_that_says_nothing_keeps_nobody_waiting(jupyter: Jupyter) -> None:
    jupyter.start().ready().shutdown(now=True)
    (path,) = jupyter.folder.glob("*.sock")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(path))
        jupyter.start().ready().shutdown(now=True)
        # Nor has the parent given it up first.
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.recv(1)


# Jupyter's own programs


@pytest.fixture
def server(jupyter: Jupyter, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """JupyterLab's server, as a function that asks it."""
    environment = {
        **jupyter.environment,
        "JUPYTER_PATH": str(jupyter.prefix / "share/jupyter"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "JUPYTER_CONFIG_DIR": str(tmp_path),
    }
    options = ["--no-browser", "--ServerApp.port=0", f"--ServerApp.root_dir={tmp_path}"]
    options += ["--IdentityProvider.token=secret", *(["--allow-root"] if not os.getuid() else [])]
    command = [sys.executable, "-m", "jupyterlab", *options]
    with (tmp_path / "log").open("w") as log:
        lab = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=tmp_path)
    with requests.Session() as session:
        session.headers["Authorization"] = "token secret"

        def ask(method: str, path: str, **body: str) -> Any:
            (told,) = (tmp_path / "runtime").glob("jpserver-*.json")
            url = json.loads(told.read_text())["url"]
            answer = session.request(method, f"{url}api/{path}", json=body or None, timeout=60)
            answer.raise_for_status()
            return answer.json() if answer.content else None

        try:
            wait_for(
                lambda: list((tmp_path / "runtime").glob("jpserver-*.json")), "the server starts"
            )
            wait_for(lambda: _answers(ask), "the server answers")
            yield ask
        finally:
            lab.terminate()
            lab.wait(60)


def _answers(ask: Callable[..., Any]) -> bool:
    try:
        return bool(ask("GET", "status"))
    except (requests.ConnectionError, ValueError):
        return False


def test_jupyterlab_restarts_a_kernel_that_has_crashed(
    jupyter: Jupyter, server: Callable[..., Any]
) -> None:
    assert server("GET", "kernelspecs")["kernelspecs"][PRELOADED]["spec"]["display_name"] == (
        "Python 3 (Keras preloaded)"
    )
    (parent,) = jupyter.parents() or [None]
    before = {child.pid for child in parent.children()} if parent else set()
    name = server("POST", "kernels", name=PRELOADED)["id"]

    def forked() -> set[int]:
        return {child.pid for each in jupyter.parents() for child in each.children()} - before

    (first,) = wait_for(forked, "a kernel is forked")
    os.kill(first, signal.SIGKILL)
    (second,) = wait_for(lambda: forked() - {first}, "another is forked in its place")
    server("POST", f"kernels/{name}/restart")
    wait_for(lambda: forked() - {first, second}, "another is forked in its place")
    server("DELETE", f"kernels/{name}")
    wait_for(lambda: not forked(), "none is left")


def test_nbval_runs_a_notebook_on_a_preloaded_kernel(jupyter: Jupyter, tmp_path: Path) -> None:
    code = "import sys; print('keras' in sys.modules)"
    cell = nbformat.v4.new_code_cell(code, execution_count=1)
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="True\n")]
    kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernelspec})
    nbformat.write(notebook, tmp_path / "a.ipynb")
    options = ["-q", "-p", "no:cacheprovider", "-o", "addopts=", "--rootdir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--nbval", "a.ipynb"],
        env={**jupyter.environment, "JUPYTER_PATH": str(jupyter.prefix / "share/jupyter")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert len(jupyter.parents()) == 1


# What a notebook or a user sets


TOO_LATE = "KERAS_BACKEND is now jax, but Keras was imported before, and this has no effect."


def test_a_setting_that_comes_too_late_is_told_once(jupyter: Jupyter) -> None:
    kernel = jupyter.start().ready()
    setting = "import os; os.environ['KERAS_BACKEND'] = {!r}"
    assert kernel.run(setting.format("tensorflow")).stderr == ""
    assert TOO_LATE in kernel.run(setting.format("jax")).stderr
    assert kernel.run("1").stderr == ""
    assert kernel.run(setting.format("jax")).stderr == ""
    assert kernel.run(setting.format("tensorflow")).stderr == ""
    assert kernel.run("import keras; print(keras.backend.backend())").stdout == "tensorflow\n"
    # In the language of the notebook.
    kernel.run("import masklens; masklens.set_language('ko')")
    told = kernel.run("os.environ['TF_ENABLE_ONEDNN_OPTS'] = '7'").stderr
    assert "TF_ENABLE_ONEDNN_OPTS" in told
    assert "효과가 없습니다" in told
    kernel.shutdown(now=True)


def test_a_plain_kernel_takes_a_setting_and_says_nothing(jupyter: Jupyter) -> None:
    kernel = jupyter.start(PLAIN).ready()
    assert kernel.run("import os; os.environ['KERAS_BACKEND'] = 'jax'").stderr == ""
    assert _backend(kernel) == "jax"
    kernel.shutdown(now=True)


def _backend(kernel: Kernel) -> str:
    """Keras's backend; that JAX is not installed where it is wanted tells it as well."""
    result = kernel.run("import keras; print(keras.backend.backend())")
    missing = "No module named 'jax'" in result.traceback
    return "jax" if missing else result.stdout.strip()


def test_another_backend_in_the_environment_gets_a_plain_kernel(jupyter: Jupyter) -> None:
    kernel = jupyter.start(KERAS_BACKEND="jax").ready(forked=False)
    lines = [line for line in kernel.log.splitlines() if "masklens_kernel" in line]
    assert lines == [
        "masklens_kernel: this notebook gets a plain kernel, which imports Keras itself: "
        "Keras has the backend jax, and only tensorflow is preloaded"
    ]
    assert _backend(kernel) == "jax"
    kernel.shutdown(now=True)


def test_another_backend_in_keras_json_gets_a_plain_kernel(
    jupyter: Jupyter, tmp_path: Path
) -> None:
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    kernel = jupyter.start(KERAS_HOME=str(tmp_path)).ready(forked=False)
    assert "Keras has the backend jax" in kernel.log
    assert _backend(kernel) == "jax"
    kernel.shutdown(now=True)


def test_threads_set_in_the_environment_are_honoured(jupyter: Jupyter) -> None:
    few = jupyter.start().ready()
    # It has a parent of its own, as TensorFlow may read it when it is imported.
    many = jupyter.start(TF_NUM_INTRAOP_THREADS="19", MASKLENS_KERNEL_IDLE="0").ready()
    assert len(jupyter.parents()) == 2
    threads = []
    for kernel in (few, many):
        kernel.run("import os\n" + KERAS)
        threads.append(int(kernel.run("print(len(os.listdir('/proc/self/task')))").stdout))
        kernel.shutdown(now=True)
    assert threads[1] - threads[0] >= 19 - (os.cpu_count() or 1)
    # Idle for no time at all, it leaves with its last kernel.
    wait_for(lambda: len(jupyter.parents()) == 1, "the parent leaves", SOONER)


FILLERS = {
    "bytes": "hoard = []\nwhile True: hoard.append(bytearray(10**6))",
    "numpy": "import numpy; hoard = numpy.ones(10**9)",
    "tensorflow": "import tensorflow as tf; hoard = tf.ones((10**9,))",
}


@pytest.mark.parametrize("filler", FILLERS.values(), ids=list(FILLERS))
def test_memory_that_runs_out_is_the_notebooks_own_affair(jupyter: Jupyter, filler: str) -> None:
    other = jupyter.start().ready()
    kernel = jupyter.start(MASKLENS_KERNEL_MEMORY="300").ready()
    result = kernel.run(filler)
    assert result.error in ("MemoryError", "ResourceExhaustedError")
    assert "This notebook may take 300 MB of memory, and needed more." in result.stderr
    assert other.run(KERAS).stdout == "(1, 2)\n"
    assert kernel.run("print('still here')").stdout == "still here\n"
    for running in (kernel, other):
        running.shutdown(now=True)


def test_little_memory_keeps_no_kernel_from_starting(jupyter: Jupyter) -> None:
    kernel = jupyter.start(MASKLENS_KERNEL_MEMORY="8").ready()
    assert kernel.run("hoard = bytearray(10**8)").error == "MemoryError"
    kernel.shutdown(now=True)


@pytest.mark.parametrize("value", ["abc", "-1", "1.5"])
def test_a_setting_that_is_no_number_is_named(jupyter: Jupyter, value: str) -> None:
    kernel = jupyter.start(MASKLENS_KERNEL_IDLE=value, MASKLENS_KERNEL_MEMORY=value).ready()
    assert f"MASKLENS_KERNEL_IDLE is {value!r}, not a number of seconds" in kernel.log
    assert f"MASKLENS_KERNEL_MEMORY is {value!r}, not a number of MiB" in kernel.log
    kernel.shutdown(now=True)


def test_a_parent_started_ahead_of_need_leaves_when_nobody_needs_it(own_jupyter: Jupyter) -> None:
    for _ in range(2):
        subprocess.run(
            [sys.executable, "-m", "masklens_kernel", "warm"],
            env=own_jupyter.environment,
            check=True,
            timeout=PATIENCE,
        )
    (parent,) = own_jupyter.parents()
    assert own_jupyter.folder.stat().st_mode & 0o077 == 0
    kernel = own_jupyter.start(MASKLENS_KERNEL_IDLE="1").ready()
    assert own_jupyter.parents() == [parent]
    (path,) = own_jupyter.folder.glob("*.sock")
    time.sleep(1.5)  # with a kernel, it is not idle however long it waits
    assert parent.is_running()
    kernel.shutdown()
    wait_for(lambda: not own_jupyter.processes(), "the parent leaves", SOONER)
    assert not path.exists()


def test_a_change_of_masklens_takes_effect_in_the_next_kernel(
    own_jupyter: Jupyter, tmp_path: Path
) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    running = own_jupyter.start(PYTHONPATH=str(packages)).ready()
    running.run("state = 1")
    (packages / "installed.py").write_text("")
    kernel = own_jupyter.start(PYTHONPATH=str(packages)).ready()
    assert kernel.run("import installed").error == ""
    assert len(own_jupyter.parents()) == 2
    assert running.run("print(state)").stdout == "1\n"
    running.shutdown()
    wait_for(lambda: len(own_jupyter.parents()) == 1, "the outdated parent leaves", SOONER)


# Where a parent cannot be


def _told(kernel: Kernel) -> str:
    assert kernel.ready(forked=False).run("print(1)").stdout == "1\n"
    (line,) = [line for line in kernel.log.splitlines() if "masklens_kernel" in line]
    assert line.startswith("masklens_kernel: this notebook gets a plain kernel")
    return line


def test_a_folder_that_others_can_enter_is_refused(own_jupyter: Jupyter) -> None:
    own_jupyter.folder.mkdir(mode=0o755)
    assert "must be a folder of yours that nobody else can enter" in _told(own_jupyter.start())
    own_jupyter.folder.rmdir()
    own_jupyter.folder.symlink_to("/tmp")
    assert "must be a folder of yours" in _told(own_jupyter.start())


def impatient(jupyter: Jupyter, code: str) -> str:
    """What a launcher prints that waits for a second where it would for most of a minute."""
    begin = "import os, time; from masklens_kernel import launcher; launcher._START_TIMEOUT = 1\n"
    # No pipe: whoever hangs holds it open, as it is sent to what becomes the kernel.
    with tempfile.TemporaryFile("w+") as said:
        command = [sys.executable, "-c", begin + code]
        subprocess.run(command, env=jupyter.environment, stdout=said, stderr=said, timeout=60)
        said.seek(0)
        return said.read()


ASK = """
try:
    launcher._request_kernel("connection.json")
except launcher.NoKernelError as error:
    print(error)
"""


def test_a_lock_that_is_held_does_not_keep_a_notebook_waiting(own_jupyter: Jupyter) -> None:
    own_jupyter.folder.mkdir(mode=0o700)
    hold = """
from masklens_kernel.address import find_address
with launcher._locked(find_address(os.environ).lock, time.monotonic()):
"""
    said = impatient(own_jupyter, hold + textwrap.indent(ASK, "    "))
    assert said == "the parent is still being started\n"


def test_a_parent_that_hangs_does_not_keep_a_notebook_waiting(jupyter: Jupyter) -> None:
    jupyter.start().ready().shutdown(now=True)
    (parent,) = jupyter.parents()
    parent.suspend()
    try:
        assert impatient(jupyter, ASK) == "the parent does not answer\n"
    finally:
        parent.resume()
    jupyter.start().ready().shutdown(now=True)


@pytest.mark.parametrize("name", [b"\xff\xfe", "한글 폴더".encode()], ids=["not UTF-8", "Hangul"])
def test_any_name_of_a_folder_will_do(jupyter: Jupyter, tmp_path: Path, name: bytes) -> None:
    folder = tmp_path / os.fsdecode(name)
    folder.mkdir()
    kernel = jupyter.start(folder=folder).ready()
    assert kernel.run("import os; print(os.fsencode(os.getcwd()))").stdout == (
        f"{os.fsencode(folder)!r}\n"
    )
    kernel.shutdown(now=True)


def test_without_a_home_a_parent_serves(own_jupyter: Jupyter) -> None:
    kernel = own_jupyter.start(HOME=None, PYTHONSAFEPATH="1", LONG="x" * 100_000).ready()
    assert kernel.run("import os; print(len(os.environ['LONG']))").stdout == "100000\n"


def test_a_path_too_long_for_a_socket_is_named(own_jupyter: Jupyter) -> None:
    long = own_jupyter.runtime / ("long" * 25)
    long.mkdir()
    kernel = own_jupyter.start(XDG_RUNTIME_DIR=str(long))
    assert "is too long for a socket" in _told(kernel)
    kernel.shutdown(now=True)


@needs_root
def test_a_full_disk_leaves_a_plain_kernel(own_jupyter: Jupyter) -> None:
    # What is on it is too much already: no more files, not even empty ones.
    own_jupyter.folder.mkdir(mode=0o700)
    with full_disk(own_jupyter.folder):
        assert "No space left on device" in _told(own_jupyter.start())


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    options = ["-o", "size=4k,nr_inodes=1,mode=0700"]
    subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


WITHOUT_FORK = """
import os, sys
del os.fork
from masklens_kernel.launcher import launch
sys.exit(launch(sys.argv[-1]))
"""


def test_without_fork_the_plain_kernel_serves(own_jupyter: Jupyter) -> None:
    specs = own_jupyter.prefix / "share/jupyter/kernels/python3/kernel.json"
    spec = json.loads(specs.read_text())
    place = spec["argv"].index("-m")
    spec["argv"][place:-1] = ["-c", WITHOUT_FORK]
    specs.write_text(json.dumps(spec))
    assert "this system cannot fork processes" in _told(own_jupyter.start())


def done_by(user: int, what: Callable[[], object]) -> str:
    """What happens when another user does something: the name of the error, or "done"."""
    heard, said = os.pipe()
    if not (child := os.fork()):
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        try:
            what()
            os.write(said, b"done")
        except BaseException as error:
            os.write(said, type(error).__name__.encode())
        os._exit(0)
    os.close(said)
    os.waitpid(child, 0)
    with os.fdopen(heard) as answer:
        return answer.read()


@needs_root
def test_another_user_does_not_reach_the_parent(jupyter: Jupyter) -> None:
    jupyter.start().ready().shutdown(now=True)
    (path,) = jupyter.folder.glob("*.sock")
    # Also where the folder that holds it is open to all, as /tmp is.
    jupyter.runtime.chmod(0o777)
    connection = socket.socket(socket.AF_UNIX)
    with connection:
        for attempt in (
            lambda: next(jupyter.folder.iterdir()),
            lambda: connection.connect(str(path)),
            lambda: (jupyter.folder / "planted").touch(),
        ):
            assert done_by(NOBODY, attempt) == "PermissionError"
        assert done_by(os.getuid(), lambda: connection.connect(str(path))) == "done"


@needs_root
def test_a_connection_of_another_user_is_not_served(tmp_path: Path) -> None:
    """Even if the folder let it through."""
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as theirs:
        path = f"/tmp/mk-{os.getpid()}.sock"
        listener.bind(path)
        try:
            Path(path).chmod(0o777)
            listener.listen()
            assert done_by(NOBODY, lambda: theirs.connect(path)) == "done"
            connection, _ = listener.accept()
            with connection:
                assert not messages.is_of_this_user(connection)
        finally:
            Path(path).unlink()


@needs_root
def test_a_folder_planted_by_another_user_is_refused(own_jupyter: Jupyter) -> None:
    own_jupyter.runtime.chmod(0o777)
    assert done_by(NOBODY, lambda: own_jupyter.folder.mkdir(0o700)) == "done"
    assert "must be a folder of yours" in _told(own_jupyter.start())


def test_kernelspecs_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "share").write_text("a file where a folder must be")
    done = subprocess.run(
        [sys.executable, "-m", "masklens_kernel", "install", "--prefix", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("masklens_kernel: the kernelspecs cannot be written:")
