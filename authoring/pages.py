"""Puts a page into a language, for the site and in Markdown that GitHub shows."""

from __future__ import annotations

import re
from pathlib import Path

from authoring import catalog as translations
from authoring import course, source
from authoring.layout import SOURCE_LANGUAGE, Fault, po_path, relative

_FOLDER = re.compile(rf"\b(notebooks|exercises|solutions)/{SOURCE_LANGUAGE}/")


def translate(root: Path, path: Path, language: str) -> tuple[str, list[Fault]]:
    """Translates a page; what has no translation stays English.

    Links, and commands in code, lead to the notebooks in the language of the page.

    Args:
        root: the repository.
        path: the page in English.
        language: the code of the language, such as ``ko``.

    Returns:
        The page, and a fault for each block without a translation.

    Raises:
        AuthoringError: the PO file cannot be read.
    """
    po = po_path(root, path, language)
    catalog = translations.of_source(root, path, language)
    faults: list[Fault] = []
    (cell,) = source.read(root, path).cells
    text = translations.in_language(cell, catalog, relative(root, po), faults)
    return source.with_language(_FOLDER.sub(rf"\1/{language}/", text), language), faults


def is_on_github(path: Path) -> bool:
    """Whether a page is built for GitHub, too: without anything that the site has to fill in."""
    return "{{" not in path.read_text(encoding="utf-8")


def with_languages(root: Path, path: Path, language: str, text: str) -> str:
    """A page with links to its other languages below the title, as GitHub shows it."""
    title, rest = text.split("\n", 1)
    languages = " · ".join(
        f"**{each.name}**"
        if each.code == language
        else f"[{each.name}](../{each.code}/{path.name})"
        for each in course.read(root).languages
    )
    return f"{title}\n\n{languages}\n{rest}"
