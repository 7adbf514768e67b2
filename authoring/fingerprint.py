"""What a notebook's saved outputs were made of, and whether the library has changed since."""

from __future__ import annotations

import ast
import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from nbformat import NotebookNode

from authoring import catalog as translations
from authoring.layout import HELPERS, library_po_path

KEY = "made_of"
# Python 3.11 may raise SystemError where two threads parse at once.
_PARSER = threading.Lock()


def made_of(root: Path, language: str, seen: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What a notebook keeps in its metadata of the library that its outputs come from.

    Args:
        root: the repository.
        language: the code of the notebook's language.
        seen: the modules, files and messages that its execution used, as `execute` returns them.
    """
    used = {
        "modules": " ".join(seen["modules"]),
        "files": " ".join(seen["files"]),
        "messages": " ".join(sorted(map(_short, seen["messages"]))),
    }
    return {**used, "fingerprint": _fingerprint(root, language, used)}


def is_current(root: Path, language: str, book: NotebookNode) -> bool:
    """Whether the parts of the library that a notebook's outputs come from are as they were.

    Code counts without its comments and docstrings; of the catalogue, only what was shown counts.
    """
    used = book.metadata.get("masklens", {}).get(KEY)
    return used is not None and used["fingerprint"] == _fingerprint(root, language, used)


def _fingerprint(root: Path, language: str, used: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for part in _parts(root, language, used):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:16]


def _parts(root: Path, language: str, used: Mapping[str, str]) -> Iterator[str]:
    for name in used["modules"].split():
        module = root / HELPERS / name.replace(".", "/")
        path = module.with_suffix(".py")
        yield _code(*_state(path if path.exists() else module / "__init__.py"))
    for name in used["files"].split():
        yield _content(*_state(root / HELPERS / name))
    path = library_po_path(root, language)
    messages = _messages(root, language, *_state(path)) if used["messages"] else {}
    for message in used["messages"].split():
        yield messages.get(message, "")


def _state(path: Path) -> tuple[Path, int]:
    """A file and when it was changed, so that nothing is read twice."""
    return path, path.stat().st_mtime_ns if path.exists() else 0


@cache
def _code(path: Path, changed: int) -> str:
    """A module's code without comments and docstrings."""
    if not changed:
        return ""
    with _PARSER:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        holders = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, holders) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return ast.dump(tree)


@cache
def _content(path: Path, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if changed else ""


@cache
def _messages(root: Path, language: str, path: Path, changed: int) -> dict[str, str]:
    """Each message's translation, by the short form of the message."""
    catalog = translations.read(root, path, language)
    return {_short(entry.msgid): repr(translations.string(entry)) for entry in catalog}


def _short(message: str) -> str:
    return hashlib.sha256(message.encode()).hexdigest()[:8]
