"""A preloaded kernel does for Jupyter what a plain one does, only sooner."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

import psutil
import pytest

from masklens_kernel import messages
from masklens_kernel.spec import PLAIN_OPTIONS
from tests.kernel.kernels import PLAIN, PRELOADED, Jupyter, Kernel, gone, start_jupyter
from tests.support.waiting import PATIENCE, wait_for

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


@pytest.fixture(scope="module")
def own_jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """A Jupyter without a home, whose parent a test may kill; the next kernel starts another."""
    own = {"HOME": None, "PYTHONSAFEPATH": "1", "TF_NUM_INTRAOP_THREADS": "19"}
    yield from start_jupyter(tmp_path_factory.mktemp("prefix"), **own)


@pytest.fixture
def new_jupyter(tmp_path: Path) -> Iterator[Jupyter]:
    """A Jupyter of the test's own, which has no kernel yet."""
    yield from start_jupyter(tmp_path)


@pytest.fixture(scope="module", params=KINDS)
def kernel(jupyter: Jupyter, request: pytest.FixtureRequest) -> Iterator[Kernel]:
    """One kernel of each kind for the tests that leave it as it was."""
    kernel = jupyter.start(request.param).ready()
    yield kernel
    kernel.shutdown(now=True)


@pytest.fixture(scope="module")
def forked(jupyter: Jupyter) -> Iterator[Kernel]:
    """A preloaded kernel for the tests that leave it as it was."""
    kernel = jupyter.start().ready()
    yield kernel
    kernel.shutdown(now=True)


# What a notebook sees

FIT = """
import keras
model = keras.Sequential([keras.Input((4,), dtype="int32"), keras.layers.Embedding(9, 4),
                          keras.layers.LSTM(4), keras.layers.Dense(1)])
model.compile("sgd", "mse")
data = keras.ops.ones((64, 4)), keras.ops.ones((64, 1))
class Say(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print("begun", flush=True)
model.fit(*data, epochs=10**6, verbose=0, callbacks=[Say()])
"""


@pytest.mark.parametrize(
    ("code", "then", "printed"),
    [
        ("print('begun', flush=True)\nwhile True: pass", "print(1)", "1\n"),
        ("import time; print('begun', flush=True); time.sleep(600)", "print(1)", "1\n"),
        (FIT, "print(model.predict(data[0], verbose=0).shape)", "(64, 1)\n"),
    ],
    ids=["loop", "sleep", "fit"],
)
def test_an_interrupt_ends_a_cell_and_no_more(
    forked: Kernel, code: str, then: str, printed: str
) -> None:
    pid = forked.pid
    request = forked.send(code)
    forked.until(request, "begun")
    forked.manager.interrupt_kernel()
    assert forked.hear(request).error == "KeyboardInterrupt"
    assert forked.run(then).stdout == printed
    assert forked.pid == pid


def test_an_interrupt_reaches_what_a_cell_has_started(forked: Kernel) -> None:
    process = psutil.Process(forked.pid)
    request = forked.send("import subprocess; subprocess.run(['sleep', '600'])")
    (sleep,) = wait_for(
        lambda: [child for child in process.children() if child.name() == "sleep"], "sleep starts"
    )
    forked.manager.interrupt_kernel()
    assert forked.hear(request).error == "KeyboardInterrupt"
    wait_for(lambda: not sleep.is_running() or sleep.status() == "zombie", "sleep ends")


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
    folder = tmp_path / os.fsdecode(b"\xff\xfe " + "한글 폴더".encode())
    folder.mkdir()
    own = {"OF_THIS_NOTEBOOK": "\udcff하나", "PATH": "/usr/bin", "LONG": "x" * 100_000}
    found = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    old = os.umask(0o027)
    try:
        # Not what the parent was started with.
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
        for kind in KINDS:
            running = jupyter.start(kind, folder, **own).ready()
            found.append(json.loads(running.run(SAME).stdout))
            running.shutdown()
    finally:
        os.umask(old)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for surroundings in found:
        assert surroundings["folder"] == str(folder)
        assert surroundings["environment"].items() >= own.items()
    preloaded, plain = found
    for name in plain:
        assert preloaded[name] == plain[name], name


FIRST = """
import tensorflow as tf
tf.config.threading.set_inter_op_parallelism_threads(2)
data = tf.data.Dataset.range(8).map(lambda x: x * 2, num_parallel_calls=2).batch(4)
print([int(tf.function(tf.reduce_sum)(batch)) for batch in data])
"""


def test_a_restart_begins_anew(forked: Kernel) -> None:
    before = forked.pid
    forked.run("state = 1")
    forked.manager.restart_kernel()
    forked.ready()
    assert forked.run("state").error == "NameError"
    assert gone(before)
    # What must precede the first operation, the data pipeline, and a compiled function.
    assert forked.run(FIRST).stdout == "[12, 44]\n"
    assert forked.run(KERAS).stdout == "(1, 2)\n"


WORKS = {
    "await": ("import asyncio\nawait asyncio.sleep(0)\nprint('waited')", "waited"),
    "threads": (
        "import threading\nfound = []\n"
        "thread = threading.Thread(target=lambda: found.append(1))\n"
        "thread.start(); thread.join(); print(found)",
        "[1]",
    ),
    "multiprocessing": (
        "import multiprocessing, operator\n"
        "for method in ('spawn', 'fork'):\n"
        "    with multiprocessing.get_context(method).Pool(1) as pool:\n"
        "        print(pool.apply(operator.add, (1, 2)))",
        "3\n3",
    ),
    "subprocess": (
        "import subprocess; print(subprocess.check_output(['echo', 'sub'], text=True))",
        "sub",
    ),
    "beside": ("import beside; print(beside.WORD)", "beside the notebook"),
    "json": ("import json, argparse; print(json.dumps(1), argparse.__name__)", "1 argparse"),
}


@pytest.mark.parametrize(("code", "expected"), WORKS.values(), ids=list(WORKS))
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


def test_what_tensorflow_warns_of_stands_below_the_cell(forked: Kernel) -> None:
    warn = "import tensorflow as tf; tf.get_logger().warning('told')"
    assert forked.run(warn).stdout == "WARNING:tensorflow:told\n"


@pytest.mark.parametrize("magic", ["", "%matplotlib inline", "%matplotlib agg"])
def test_figures_stay_in_the_notebook(forked: Kernel, magic: str) -> None:
    code = f"{magic}\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show(); plt.close()"
    shown = [sorted(data) for data in forked.run(code).data]
    forked.run("%matplotlib inline")
    assert any("image/png" in kinds for kinds in shown) == ("agg" not in magic)


def test_a_cell_can_ask(forked: Kernel) -> None:
    request = forked.send("print('Hello,', input('Name? '))", allow_stdin=True)
    asked = forked.client.get_stdin_msg(timeout=PATIENCE)
    assert asked["content"]["prompt"] == "Name? "
    forked.client.input("Dana")
    assert forked.hear(request).stdout == "Hello, Dana\n"


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


def test_kernels_started_at_once_share_a_parent_and_nothing_else(jupyter: Jupyter) -> None:
    kernels = [jupyter.start() for _ in range(8)]
    for kernel in kernels:
        kernel.ready()
    requests = [kernel.send(DRAW) for kernel in kernels]
    drawn = [
        eval(kernel.hear(request).stdout) for kernel, request in zip(kernels, requests, strict=True)
    ]
    for one, other in combinations(drawn, 2):
        assert all(ours != theirs for ours, theirs in zip(one, other, strict=True))
    (parent,) = jupyter.parents()
    pids = {kernel.pid for kernel in kernels}
    assert len(pids) == 8
    of_parent, *of_kernels = (
        {_link(file) for file in Path(f"/proc/{pid}/fd").iterdir()} for pid in (parent.pid, *pids)
    )
    for one, other in combinations(of_kernels, 2):
        assert not {link for link in one & other if link.startswith("socket:")}
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


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (lambda kernel: kernel.shutdown(), None),
        (lambda kernel: kernel.shutdown(now=True), None),
        (lambda kernel: kernel.send("exit()"), 0),
    ],
    ids=["shutdown", "at once", "exit"],
)
def test_a_kernel_that_ends_leaves_nothing(
    jupyter: Jupyter, end: Callable[[Kernel], object], status: int | None
) -> None:
    kernel = jupyter.start().ready()
    processes = {kernel.pid, kernel.launcher}
    sockets = sorted(path.name for path in jupyter.folder.iterdir())
    process = kernel.manager.provisioner.process
    end(kernel)
    wait_for(lambda: process.poll() is not None and gone(*processes), "kernel and launcher end")
    assert status in (None, process.returncode)
    assert sorted(path.name for path in jupyter.folder.iterdir()) == sockets


def test_a_crash_is_noticed(jupyter: Jupyter) -> None:
    kernel = jupyter.start().ready()
    psutil.Process(kernel.pid).send_signal(signal.SIGKILL)
    wait_for(lambda: not kernel.manager.is_alive(), "Jupyter notices")
    # What Jupyter's own restarter does, once it has noticed.
    assert kernel.manager.provisioner.process.returncode == -signal.SIGKILL
    kernel.manager.restart_kernel()
    assert kernel.ready().run("print(1)").stdout == "1\n"
    kernel.shutdown(now=True)


def test_a_killed_launcher_takes_its_kernel_along(jupyter: Jupyter) -> None:
    kernel = jupyter.start().ready()
    pid = kernel.pid
    kernel.send("import subprocess; child = subprocess.Popen(['sleep', '600']); sum(range(10**12))")
    (child,) = wait_for(lambda: psutil.Process(pid).children(), "a child starts")
    wait_for(lambda: child.name() == "sleep", "it is sleep")
    os.kill(kernel.launcher, signal.SIGKILL)
    wait_for(lambda: gone(pid), "a kernel in the midst of a computation ends")
    wait_for(lambda: gone(child.pid), "what it has started ends")


def test_a_killed_jupyter_takes_its_kernels_along(jupyter: Jupyter, forked: Kernel) -> None:
    before = {process.pid for process in jupyter.processes()}
    (parent,) = jupyter.parents()
    env = {**jupyter.environment, "JUPYTER_RUNTIME_DIR": str(jupyter.runtime)}
    start = "from jupyter_client.kernelapp import main; main(['--kernel=python3'])"
    with subprocess.Popen([sys.executable, "-c", start], env=env) as server:
        wait_for(lambda: {child.pid for child in parent.children()} - before, "a kernel is forked")
        server.kill()
    wait_for(
        lambda: {process.pid for process in jupyter.processes()} <= before,
        "launcher and kernel end",
    )


def waits_for_a_parent(process: int) -> bool:
    return any(file.path.endswith(".lock") for file in psutil.Process(process).open_files())


def test_one_parent_serves_all_who_ask_before_there_is_one(own_jupyter: Jupyter) -> None:
    command = [sys.executable, "-m", "masklens_kernel", "warm"]
    with subprocess.Popen(command, env=own_jupyter.environment) as ahead:
        first, second = own_jupyter.start(), own_jupyter.start()
        # Before that, they are Pythons that have not yet read what a signal means to them.
        waiting = [ahead.pid, first.launcher, second.launcher]
        wait_for(lambda: all(map(waits_for_a_parent, waiting)), "all wait for the parent")
        # An interrupt is for a cell, and there is none.
        for kernel in (first, second):
            kernel.manager.interrupt_kernel()
        os.kill(first.launcher, signal.SIGTERM)
        wait_for(lambda: not first.manager.is_alive(), "the launcher ends")
        assert second.ready().run(KERAS).stdout == "(1, 2)\n"
        assert ahead.wait(PATIENCE) == 0
    assert len(own_jupyter.parents()) == 1
    assert own_jupyter.folder.stat().st_mode & 0o077 == 0
    second.shutdown()


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
    assert first.hear(request).error == "KeyboardInterrupt"
    first.manager.restart_kernel()
    assert first.ready().run(KERAS).stdout == "(1, 2)\n"
    assert len(own_jupyter.parents()) == 1
    for kernel in (first, second):
        kernel.shutdown()
    wait_for(lambda: gone(*pids), "the kernels of the first parent end")


def test_a_change_of_masklens_takes_effect_in_the_next_kernel(own_jupyter: Jupyter) -> None:
    running = own_jupyter.start().ready()
    running.run("state = 1")
    (own_jupyter.packages / "installed.py").write_text("")
    kernel = own_jupyter.start().ready()
    assert kernel.run("import installed").error == ""
    assert len(own_jupyter.parents()) == 2
    assert running.run("print(state)").stdout == "1\n"
    for one in (running, kernel):
        one.shutdown()
    wait_for(lambda: len(own_jupyter.parents()) == 1, "the outdated parent leaves", SOONER)


def test_a_parent_killed_while_a_launcher_waits_leaves_a_plain_kernel(new_jupyter: Jupyter) -> None:
    kernel = new_jupyter.start()
    (parent,) = wait_for(new_jupyter.parents, "a parent is being started")
    parent.send_signal(signal.SIGKILL)
    kernel.ready(forked=False)
    assert "the parent ended while it was starting" in kernel.log


def test_a_launcher_that_says_nothing_keeps_nobody_waiting(
    jupyter: Jupyter, forked: Kernel
) -> None:
    (path,) = jupyter.folder.glob("*.sock")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(path))
        jupyter.start().ready().shutdown(now=True)
        # Nor has the parent given it up first.
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.recv(1)


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


def test_another_backend_in_the_environment_gets_a_plain_kernel(jupyter: Jupyter) -> None:
    kernel = jupyter.start(KERAS_BACKEND="jax").ready(forked=False)
    lines = [line for line in kernel.log.splitlines() if "masklens_kernel" in line]
    assert lines == [
        "masklens_kernel: this notebook gets a plain kernel, which imports Keras itself: "
        "Keras has the backend jax, and only tensorflow is preloaded"
    ]
    # That JAX is not installed where it is wanted tells it as well.
    result = kernel.run("import keras; print(keras.backend.backend())")
    assert result.stdout == "jax\n" or "No module named 'jax'" in result.traceback
    kernel.shutdown(now=True)


def test_threads_set_in_the_environment_are_honoured(
    jupyter: Jupyter, own_jupyter: Jupyter
) -> None:
    threads = []
    for each in (jupyter, own_jupyter):
        kernel = each.start().ready()
        kernel.run("import os\n" + KERAS)
        threads.append(int(kernel.run("print(len(os.listdir('/proc/self/task')))").stdout))
        kernel.shutdown(now=True)
    assert threads[1] - threads[0] >= 19 - (os.cpu_count() or 1)


def test_a_parent_leaves_when_nobody_needs_it(own_jupyter: Jupyter) -> None:
    kernel = own_jupyter.start(MASKLENS_KERNEL_IDLE="0").ready()
    (parent,) = own_jupyter.parents()
    (path,) = own_jupyter.folder.glob("*.sock")
    assert parent.is_running()  # with a kernel, it is not idle however long it waits
    kernel.shutdown()
    wait_for(lambda: not own_jupyter.processes(), "the parent leaves", SOONER)
    assert not path.exists()


@pytest.mark.parametrize(
    ("memory", "filler"),
    [
        ("300", "hoard = []\nwhile True: hoard.append(bytearray(10**6))"),
        ("300", "import numpy; hoard = numpy.ones(10**9)"),
        ("300", "import tensorflow as tf; hoard = tf.ones((10**9,))"),
        ("8", "hoard = bytearray(10**8)"),  # so little keeps no kernel from starting
    ],
    ids=["bytes", "numpy", "tensorflow", "little"],
)
def test_memory_that_runs_out_is_the_notebooks_own_affair(
    jupyter: Jupyter, forked: Kernel, memory: str, filler: str
) -> None:
    kernel = jupyter.start(MASKLENS_KERNEL_MEMORY=memory).ready()
    result = kernel.run(filler)
    assert result.error in ("MemoryError", "ResourceExhaustedError")
    assert f"This notebook may take {memory} MB of memory, and needed more." in result.stderr
    assert forked.run(KERAS).stdout == "(1, 2)\n"
    assert kernel.run("print('still here')").stdout == "still here\n"
    kernel.shutdown(now=True)


def test_a_setting_that_is_no_number_is_named(jupyter: Jupyter) -> None:
    kernel = jupyter.start(MASKLENS_KERNEL_IDLE="abc", MASKLENS_KERNEL_MEMORY="1.5").ready()
    assert "MASKLENS_KERNEL_IDLE is 'abc', not a number of seconds" in kernel.log
    assert "MASKLENS_KERNEL_MEMORY is '1.5', not a number of MiB" in kernel.log
    kernel.shutdown(now=True)


# Where a parent cannot be

# A launcher that waits for a second where it would for most of a minute, and says what it would
# become a plain kernel for.
LAUNCH = """
import os, sys, time
from masklens_kernel import launcher
launcher._START_TIMEOUT = 1
os.execv = lambda *_: os._exit(0)
"""


def told(jupyter: Jupyter, code: str = "launcher.launch('no.json')", **environment: str) -> str:
    """Why a launcher gets no kernel."""
    # No pipe: whoever hangs holds it open, as it is sent to what becomes the kernel.
    with tempfile.TemporaryFile("w+") as said:
        command = [sys.executable, "-c", LAUNCH + code]
        env = {**jupyter.environment, **environment}
        subprocess.run(command, env=env, stdout=said, stderr=said, timeout=60)
        said.seek(0)
        (line,) = said.read().splitlines()
    start = "masklens_kernel: this notebook gets a plain kernel, which imports Keras itself: "
    assert line.startswith(start)
    return line.removeprefix(start)


def test_a_folder_that_others_can_enter_is_refused(new_jupyter: Jupyter) -> None:
    new_jupyter.folder.mkdir(mode=0o755)
    assert "must be a folder of yours that nobody else can enter" in told(new_jupyter)
    new_jupyter.folder.rmdir()
    new_jupyter.folder.symlink_to("/tmp")
    assert "must be a folder of yours" in told(new_jupyter)


@needs_root
def test_a_folder_planted_by_another_user_is_refused(new_jupyter: Jupyter) -> None:
    new_jupyter.runtime.chmod(0o777)
    assert done_by(NOBODY, lambda: new_jupyter.folder.mkdir(0o700)) == "done"
    assert "must be a folder of yours" in told(new_jupyter)


@needs_root
def test_a_full_disk_leaves_a_plain_kernel(new_jupyter: Jupyter) -> None:
    # What is on it is too much already: no more files, not even empty ones.
    new_jupyter.folder.mkdir(mode=0o700)
    with full_disk(new_jupyter.folder):
        assert "No space left on device" in told(new_jupyter)


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    options = ["-o", "size=4k,nr_inodes=1,mode=0700"]
    subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_settings_that_no_parent_serves_are_named(jupyter: Jupyter, tmp_path: Path) -> None:
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    assert "Keras has the backend jax" in told(jupyter, KERAS_HOME=str(tmp_path))
    long = jupyter.runtime / ("long" * 25)
    long.mkdir()
    assert "is too long for a socket" in told(jupyter, XDG_RUNTIME_DIR=str(long))
    without_fork = "del os.fork; launcher.launch('no.json')"
    assert told(jupyter, without_fork) == "this system cannot fork processes"


def test_a_lock_that_is_held_does_not_keep_a_notebook_waiting(new_jupyter: Jupyter) -> None:
    new_jupyter.folder.mkdir(mode=0o700)
    hold = """
from masklens_kernel.address import find_address
with launcher._locked(find_address(os.environ).lock, time.monotonic()):
    launcher.launch("no.json")
"""
    assert told(new_jupyter, hold) == "the parent is still being started"


def test_a_parent_that_hangs_does_not_keep_a_notebook_waiting(
    jupyter: Jupyter, forked: Kernel
) -> None:
    (parent,) = jupyter.parents()
    parent.suspend()
    try:
        assert told(jupyter) == "the parent does not answer"
    finally:
        parent.resume()
    jupyter.start().ready().shutdown(now=True)


# Other users


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
def test_another_user_does_not_reach_the_parent(jupyter: Jupyter, forked: Kernel) -> None:
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


def test_kernelspecs_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "share").write_text("a file where a folder must be")
    done = subprocess.run(
        [sys.executable, "-m", "masklens_kernel", "install", "--prefix", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("masklens_kernel: the kernelspecs cannot be written:")
