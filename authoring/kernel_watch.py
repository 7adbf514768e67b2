"""Runs in a notebook's kernel, and sees which parts of the library the notebook comes to use."""

import gettext
import json
import sys
from pathlib import Path
from typing import Any

_opened: set[str] = set()
_translated: set[str] = set()


def _note_file(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str):
        _opened.add(arguments[0])


def _note_messages(name: str) -> None:
    translate = getattr(gettext.GNUTranslations, name)

    def noted(catalogue: Any, message: str, *rest: Any) -> str:
        _translated.add(message)
        return str(translate(catalogue, message, *rest))

    setattr(gettext.GNUTranslations, name, noted)


def seen() -> str:
    """Tells, as JSON, which modules, files and messages the notebook has used.

    Of the files, code and catalogues are left out: modules and messages stand for them.
    """
    modules = sorted(name for name in sys.modules if name.partition(".")[0].startswith("masklens"))
    library = getattr(sys.modules.get("masklens"), "__file__", None)
    root = Path(library).parents[1] if library else Path("no library")
    files = [
        path.relative_to(root).as_posix()
        for path in map(Path, sorted(_opened))
        if root in path.parents and path.suffix not in (".py", ".pyc", ".mo")
    ]
    return json.dumps({"modules": modules, "files": files, "messages": sorted(_translated)})


sys.addaudithook(_note_file)
for _name in ("gettext", "ngettext"):
    _note_messages(_name)
