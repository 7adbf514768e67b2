"""Ends the class: the hub, its proxy and every student's server. Work that was saved stays."""

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from classroom.checks import FIRST_UID, FOLDER, PROXY, check_machine, find_program
from classroom.spawner import end_all

PATIENCE = 30  # seconds


def stop(folder: Path, first_uid: int) -> None:
    """Ends what runs for a class.

    Args:
        folder: the class's folder, as MASKLENS_CLASS_FOLDER names it.
        first_uid: the students' uids begin here; whoever has a lower one is left alone.
    """
    # The hub first: it would start another proxy.
    for name, program in (("hub.pid", "jupyterhub"), ("proxy.pid", PROXY)):
        path = folder / "hub" / name
        if pid := find_program(path, program):
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + PATIENCE
            while find_program(path, program) and time.monotonic() < deadline:
                time.sleep(0.1)
        path.unlink(missing_ok=True)
    for home in (folder / "homes").iterdir():
        uid = home.lstat().st_uid
        if uid >= first_uid:
            end_all(uid)


if __name__ == "__main__":
    check_machine()
    stop(
        Path(os.environ.get("MASKLENS_CLASS_FOLDER") or FOLDER),
        int(os.environ.get("MASKLENS_CLASS_FIRST_UID") or FIRST_UID),
    )
