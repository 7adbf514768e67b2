"""Where sources, translations and notebooks stand in the repository, and how a fault is named."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCE_LANGUAGE = "en"
EXERCISES, SOLUTIONS, PAGES = "exercises", "solutions", "pages"
# Each folder of content/ that holds English sources, and its editions: the folders that every
# source in it is built to, once a language.
BUILT_TO = {"lessons": ("notebooks",), EXERCISES: (EXERCISES, SOLUTIONS), PAGES: (PAGES,)}
HELPERS = Path("helpers")
LIBRARY, COURSE = HELPERS / "masklens", HELPERS / "masklens_course"
# Whose words the catalogue of the library holds.
PACKAGES = (LIBRARY, COURSE, HELPERS / "masklens_kernel")
_BUILT = {".py": ".ipynb", ".md": ".md"}


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, where it is, and what to do about it.

    Args:
        place: the file, relative to the repository, with ``:line`` where that helps.
        cell: the cell's id; empty where the fault is not in a cell.
        wrong: what is wrong, with the value.
        remedy: what to do.
    """

    place: str
    cell: str
    wrong: str
    remedy: str

    def __str__(self) -> str:
        """The fault on one line: where, what is wrong, what to do."""
        return ": ".join(part for part in (self.place, self.cell, self.wrong, self.remedy) if part)


@dataclass
class AuthoringError(Exception):
    """Raised when a source, a translation or a notebook cannot be used; holds every fault found."""

    faults: Sequence[Fault]

    def __str__(self) -> str:
        """The faults, one a line."""
        return "\n".join(map(str, self.faults))


def relative(root: Path, path: Path) -> str:
    """The path as it is named in messages: from the repository's root, with forward slashes."""
    return path.relative_to(root).as_posix()


def source_paths(root: Path) -> list[Path]:
    """The English sources of notebooks, in the order of their names."""
    return [path for kind in BUILT_TO for path in sorted((root / "content" / kind).glob("*.py"))]


def page_paths(root: Path) -> list[Path]:
    """The pages in English, in the order of their names."""
    return sorted((root / "content" / PAGES).glob("*.md"))


def every_source(root: Path) -> list[Path]:
    """The sources of notebooks, and the pages."""
    return [*source_paths(root), *page_paths(root)]


def full_name(source: Path) -> str:
    """The name of a source among all: ``exercises/01_padding``."""
    return f"{source.parent.name}/{source.stem}"


def editions(source: Path) -> tuple[str, ...]:
    """The folders that a source is built to."""
    return BUILT_TO[source.parent.name]


def po_path(root: Path, source: Path, language: str) -> Path:
    """Where the translation of a source stands: content/ko/lessons/NAME.po."""
    return root / "content" / language / source.parent.name / f"{source.stem}.po"


def library_po_path(root: Path, language: str) -> Path:
    """Where the translation of what the library says stands."""
    return root / LIBRARY / "locale" / language / "LC_MESSAGES" / "masklens.po"


def notebook_path(root: Path, source: Path, language: str, edition: str) -> Path:
    """Where a source is built to: solutions/ko/NAME.ipynb, and for a page pages/ko/NAME.md."""
    return root / edition / language / source.with_suffix(_BUILT[source.suffix]).name


def built_paths(root: Path, sources: Sequence[Path], languages: Sequence[str]) -> list[Path]:
    """Where sources are built to in languages, in each of their editions."""
    return [
        notebook_path(root, source, language, edition)
        for source in sources
        for language in languages
        for edition in editions(source)
    ]


def notebook_paths(root: Path) -> list[Path]:
    """Every notebook that stands where notebooks are built to."""
    folders = [root / edition for editions in BUILT_TO.values() for edition in editions]
    return [path for folder in folders for path in sorted(folder.glob("*/*.ipynb"))]


def write(path: Path, content: bytes) -> None:
    """Writes a file unless it has this content; no reader sees half of it."""
    if path.exists() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        temporary.chmod(path.stat().st_mode if path.exists() else 0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise
