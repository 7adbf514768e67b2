"""What lists of lessons say in one language: the headings of lessons and exercises, and words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from authoring import catalog as translations
from authoring import course, layout, minutes, source, words
from authoring.cells import Cell
from authoring.course import Course
from authoring.layout import EXERCISES, full_name

_HEADING = re.compile(r"(?m)^# (.+)$")
# The line below the heading of a lesson: *{{number}} Padding · {{minutes}} minutes*
_TOPIC = re.compile(r"\{\{number\}\} (.+?) ·")


@dataclass(frozen=True)
class Title:
    """What a list says of a source: its whole heading, a few words for it, and its minutes."""

    heading: str
    topic: str
    minutes: int


@dataclass(frozen=True)
class Contents:
    """What lists say in one language.

    Args:
        course: the manifest.
        language: the code of the language.
        titles: the title and minutes of each source, by its full name: ``lessons/01_padding``.
        say: gives a word of authoring's own in the language.
    """

    course: Course
    language: str
    titles: Mapping[str, Title]
    say: Callable[[str], str]

    def heading(self, name: str) -> str:
        """The heading of a source, such as ``How do you fit three sentences into one batch?``."""
        return self.titles[name].heading

    def minutes(self, name: str) -> int:
        """How many minutes the course promises for a source."""
        return self.titles[name].minutes

    def all_minutes(self, kind: str) -> int:
        """The minutes of all lessons, or of all exercises; `kind` is the folder of the sources."""
        return sum(one.minutes for name, one in self.titles.items() if name.startswith(f"{kind}/"))

    def entry(self, name: str) -> str:
        """What a list calls a source: ``01 Padding``; exercises on all lessons have no number."""
        stem = name.rpartition("/")[2]
        topic = self.titles[name].topic
        return topic if stem in self.course.need_all_lessons else f"{stem[:2]} {topic}"


def read(root: Path, language: str) -> Contents:
    """Reads what lists say in a language; where nothing is translated yet, it is English.

    Args:
        root: the repository.
        language: the code of the language.

    Raises:
        AuthoringError: the manifest is at fault, or a PO file cannot be read.
    """
    return _read(root, language, _versions(root, language))


def _versions(root: Path, language: str) -> tuple[tuple[Path, int, int], ...]:
    """The files that the contents are read from, so that they are read again when one changes."""
    sources = layout.source_paths(root)
    paths = [root / course.MANIFEST, words.interface_path(root, language), *sources]
    paths += [layout.po_path(root, path, language) for path in sources]
    states = [(path, path.stat()) for path in paths if path.exists()]
    return tuple((path, state.st_mtime_ns, state.st_size) for path, state in states)


@lru_cache(maxsize=8)
def _read(root: Path, language: str, _files: tuple[tuple[Path, int, int], ...]) -> Contents:
    titles = {full_name(path): _title(root, path, language) for path in layout.source_paths(root)}
    return Contents(course.read(root), language, titles, words.speaker(root, language))


def _title(root: Path, path: Path, language: str) -> Title:
    cells = source.cells_of(path.read_text(encoding="utf-8"))
    text = _first_cell(root, path, cells, language)
    found = _HEADING.search(text)
    heading = found[1] if found else path.stem
    if path.parent.name == EXERCISES:
        # The heading says "Exercises: pad a batch"; a list of exercises need not say the first.
        topic = heading.rpartition(": ")[2]
        return Title(heading, topic[:1].upper() + topic[1:], minutes.of_exercises(cells))
    named = _TOPIC.search(text)
    lasts = minutes.shown(minutes.of_lesson(cells))
    return Title(heading, named[1] if named else heading, lasts)


def _first_cell(root: Path, path: Path, cells: Sequence[Cell], language: str) -> str:
    """The cell with the heading, in a language; of a source that is at fault elsewhere, too."""
    first = next(
        (cell for cell in cells if cell.kind == "markdown" and _HEADING.search(cell.text)), None
    )
    if first is None:
        return ""
    catalog = translations.of_source(root, path, language)
    # What is not translated is named where the notebook itself is built.
    return translations.in_language(first, catalog, "", [])
