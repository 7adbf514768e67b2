"""Several commands of nbgrader in one process: most of each one's time is its imports."""

import sys

_RUN = """
import sys
from nbgrader.apps.nbgraderapp import NbGraderApp
from traitlets.config import Application
for command in sys.argv[1:]:
    sys.argv = command.split()
    try:
        NbGraderApp.launch_instance()
    except SystemExit as end:
        if end.code:
            raise
    type(Application.instance()).clear_instance()
"""


def in_one_process(*commands: str) -> list[str]:
    """A program that runs commands as a terminal would, such as `nbgrader autograde padding`."""
    return [sys.executable, "-P", "-c", _RUN, *commands]
