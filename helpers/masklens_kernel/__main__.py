"""The command line: `python -m masklens_kernel install --prefix FOLDER`, or `warm`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from masklens_kernel.address import UnsafeFolderError, find_address

# Seconds after which the parent gives up importing Keras.
_LONGEST_START = 300


def main() -> int:
    """Runs the command, and returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m masklens_kernel", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    install = commands.add_parser("install", help="write the kernelspecs that Jupyter reads")
    install.add_argument("--prefix", type=Path, default=Path(sys.prefix))
    commands.add_parser("warm", help="import Keras now, so that the first notebook need not wait")
    launch = commands.add_parser("launch", help="what the kernelspec starts for a notebook")
    launch.add_argument("-f", dest="connection_file", required=True)
    # nbclient, and so nbgrader, adds it for every kernel called python3.
    launch.add_argument("--HistoryManager.hist_file", help=argparse.SUPPRESS)
    parent = commands.add_parser("parent", help="what forks the kernels; launchers start it")
    parent.add_argument("ready", type=int, help="an open file that is told when it serves")
    parent.add_argument("lock", type=int, help="an open file whose lock is held until then")
    options = parser.parse_args()
    if options.command == "launch":
        from masklens_kernel.launcher import launch as run_launcher

        return run_launcher(options.connection_file)
    if options.command == "parent":
        return _parent(options.ready, options.lock)
    return _warm() if options.command == "warm" else _install(options.prefix)


def _install(prefix: Path) -> int:
    from masklens_kernel.spec import install

    try:
        for folder in install(prefix):
            print(folder)
    except OSError as error:
        print(f"masklens_kernel: the kernelspecs cannot be written: {error}", file=sys.stderr)
        return 1
    if not hasattr(os, "fork"):
        print("masklens_kernel: this system cannot fork processes; kernels are plain ones.")
    return 0


def _warm() -> int:
    from masklens_kernel.launcher import NoKernelError, warm

    try:
        warm()
    except (NoKernelError, UnsafeFolderError, OSError) as error:
        print(f"masklens_kernel: kernels will not be preloaded: {error}", file=sys.stderr)
        return 1
    return 0


def _parent(ready: int, lock: int) -> int:
    from masklens_kernel.kernel import run_kernel
    from masklens_kernel.parent import Parent, RefusalError, preload

    for held in (ready, lock):
        os.set_inheritable(held, False)
    signal.alarm(_LONGEST_START)
    address = find_address(os.environ)
    try:
        preload()
        parent = Parent(address)
    except (RefusalError, OSError) as error:
        os.write(ready, str(error).encode()[:4096])
        return 1
    signal.alarm(0)
    os.write(ready, b"ready")
    for held in (ready, lock):
        os.close(held)
    if start := parent.serve():
        run_kernel(start)
    return 0


if __name__ == "__main__":
    sys.exit(main())
