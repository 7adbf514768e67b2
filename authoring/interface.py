"""The words that authoring itself says to learners, in each language: content/CODE/interface.po."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from babel.messages.catalog import Catalog

from authoring import catalog as translations
from authoring.layout import SOURCE_LANGUAGE, Fault, relative


def po_path(root: Path, language: str) -> Path:
    """Where the words are translated: content/ko/interface.po."""
    return root / "content" / language / "interface.po"


def template() -> Catalog:
    """The words, untranslated: what the modules of authoring mark with ``_()``."""
    return translations.library_template([Path(__file__).parent])


def words(root: Path, language: str) -> Callable[[str], str]:
    """Gives words in a language; those without a translation stay English.

    Args:
        root: the repository.
        language: the code of the language.

    Raises:
        AuthoringError: the PO file cannot be read.
    """
    if language == SOURCE_LANGUAGE:
        return str
    catalog = translations.read(root, po_path(root, language), language)
    return partial(translations.translated, catalog)


def faults(root: Path, language: str) -> Iterator[Fault]:
    """Names each word that lacks a translation, and each translation of a word that is gone.

    Raises:
        AuthoringError: the PO file cannot be read.
    """
    if language == SOURCE_LANGUAGE:
        return
    place = po_path(root, language)
    catalog = translations.read(root, place, language)
    for english in template():
        if english.id and (state := translations.state(catalog.get(english.id))):
            wrong = f"{state} translation of {english.id!r}"
            yield Fault(relative(root, place), "", wrong, translations.REMEDIES[state])
    for message in catalog.obsolete.values():
        wrong = f"obsolete translation of {message.id!r}"
        yield Fault(relative(root, place), "", wrong, translations.REMEDIES["obsolete"])
