"""Reads, updates and writes translations: gettext PO files, and the compiled MO files.

polib reads and writes them; how an entry follows its English is decided here, cell by cell.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from copy import copy
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from polib import POEntry, POFile, pofile

from authoring import blocks, layout
from authoring.cells import Cell, Source
from authoring.layout import AuthoringError, Fault, relative

# What to do about each state that a translation may be in.
REMEDIES = {
    "missing": "run `make catalogs`, then translate it",
    "fuzzy": "compare it with the new English, then remove the fuzzy flag",
    "obsolete": "use what is worth keeping of it, then delete the entry",
}
# A line with a quotation that does not end it; polib reads on there.
_OPEN_QUOTE = re.compile(r'(?m)^(?!#(?!~))(?=.*")(?![^"]*"(?:[^"\\]|\\.)*"\s*$).+$')
# How alike two English texts must be for one to be the other, changed: in one cell, and beyond.
_ALIKE_IN_CELL, _ALIKE = 0.4, 0.7
Key = tuple[str, str | None]


def new(language: str, entries: Iterable[POEntry] = ()) -> POFile:
    """A catalogue whose header says its language and its plurals, and no date or name."""
    catalog = POFile(wrapwidth=0)
    catalog.metadata = {
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": Catalog(locale=language).plural_forms,
    }
    catalog.extend(entries)
    return catalog


def untranslated(english: str, plural: str = "", **others: Any) -> POEntry:
    """An entry for a text that somebody is to translate, flagged as Babel's own are."""
    flags = sorted(Message((english, plural) if plural else english).flags)  # python-format
    return POEntry(msgid=english, msgid_plural=plural, flags=flags, **others)


def key(entry: POEntry) -> Key:
    """What an entry is known by: its English, and the id of its cell."""
    return entry.msgid, entry.msgctxt


def by_key(catalog: POFile) -> dict[Key, POEntry]:
    """The entries of a catalogue, but for those that are obsolete."""
    return {key(entry): entry for entry in catalog if not entry.obsolete}


def _cell_blocks(cell: Cell) -> list[blocks.Block]:
    """The blocks of a cell that are to be translated."""
    return (
        blocks.markdown_blocks(cell.text)
        if cell.kind == "markdown"
        else blocks.code_blocks(cell.text)
    )


def template(source: Source) -> list[POEntry]:
    """Every block of a source, untranslated, with its cell's id as the context."""
    keys = ((block.text, cell.id or None) for cell in source.cells for block in _cell_blocks(cell))
    return [untranslated(text, msgctxt=context) for text, context in dict.fromkeys(keys)]


def in_language(
    cell: Cell, catalog: Mapping[Key, POEntry] | None, place: str, faults: list[Fault]
) -> str:
    """The text of a cell in another language; a block without a translation stays English.

    Args:
        cell: the cell.
        catalog: the translations, or None for English.
        place: the PO file, as faults name it.
        faults: takes a fault for each block without a translation.
    """

    def look_up(text: str) -> str:
        entry = catalog.get((text, cell.id or None)) if catalog else None
        missing = state(entry)
        if entry is not None and missing is None:
            return str(entry.msgstr)
        wrong = f"{missing} translation of {text.splitlines()[0]!r}"
        faults.append(Fault(place, cell.id, wrong, REMEDIES[missing or "missing"]))
        return text

    return cell.text if catalog is None else blocks.splice(cell.text, _cell_blocks(cell), look_up)


def of_source(root: Path, path: Path, language: str) -> dict[Key, POEntry] | None:
    """The translations of a source or page; None for English.

    Raises:
        AuthoringError: as `read`.
    """
    if language == layout.SOURCE_LANGUAGE:
        return None
    return by_key(read(root, layout.po_path(root, path, language), language))


def read(root: Path, path: Path, language: str) -> POFile:
    """Reads a PO file; one that does not exist yet is empty.

    Raises:
        AuthoringError: the file is not PO, with the line at fault.
    """
    catalog = new(language)
    if not path.exists():
        return catalog
    place = relative(root, path)
    remedy = "correct it by hand; the file was left as it is"
    try:
        text = path.read_text(encoding="utf-8")
        if open_quote := _OPEN_QUOTE.search(text):
            number = text.count("\n", 0, open_quote.start()) + 1
            raise OSError(f"no end of {open_quote[0]!r} (line {number})")
        found = pofile(text)
    except UnicodeDecodeError as error:
        raise AuthoringError([Fault(place, "", f"not UTF-8: {error}", remedy)]) from error
    except OSError as error:  # polib's, too
        wrong, _, line = str(error).partition(" (line ")
        place, wrong = f"{place}:{line.partition(')')[0]}", f"not PO: {wrong}"
        raise AuthoringError([Fault(place, "", wrong, remedy)]) from error
    catalog.header = found.header
    catalog.metadata["Plural-Forms"] = found.metadata.get("Plural-Forms", _plurals(catalog))
    catalog.extend(found)
    return catalog


def state(entry: POEntry | None) -> str | None:
    """'missing', 'fuzzy', or None for a translation that stands."""
    if entry is None or not _is_filled(entry):
        return "missing"
    return "fuzzy" if entry.fuzzy else None


def string(entry: POEntry) -> str | tuple[str, ...]:
    """The translation of an entry; of one with a plural, each of its forms."""
    return tuple(entry.msgstr_plural.values()) if entry.msgid_plural else str(entry.msgstr)


def translated(catalog: Mapping[Key, POEntry], text: str) -> str:
    """The translation of a text, or the text itself where no translation stands."""
    entry = catalog.get((text, None))
    return str(entry.msgstr) if entry and state(entry) is None else text


def update(old: POFile, english: Iterable[POEntry]) -> POFile:
    """Makes translations follow their English; nothing that a translator wrote is lost.

    An entry whose English is the same stays. One whose English changed keeps its translation, is
    marked fuzzy, and remembers the English that was translated. One whose English is gone becomes
    obsolete. A new one is empty.

    Args:
        old: the translations so far.
        english: the template; its order is the order of the result.
    """
    known, wanted = by_key(old), {key(entry): entry for entry in english}
    gone = [
        entry for entry in old if _is_filled(entry) and (entry.obsolete or key(entry) not in wanted)
    ]
    replaced = _pairs([entry for entry in wanted.values() if key(entry) not in known], gone)
    updated = new(old.metadata["Language"])
    updated.header, updated.metadata = old.header, old.metadata
    forms = int(re.findall(r"nplurals=(\d+)", _plurals(old))[0])
    updated.extend(
        _successor(entry, known.get(name) or replaced.get(name), forms)
        for name, entry in wanted.items()
    )
    used = list(map(id, replaced.values()))
    for entry in gone:
        if id(entry) not in used:
            kept = copy(entry)
            kept.obsolete, kept.previous_msgid = True, None
            updated.append(kept)
    return updated


def write(path: Path, catalog: POFile) -> None:
    """Writes a PO file that depends on nothing but the entries: no dates and no line numbers."""
    layout.write(path, str(catalog).removeprefix("#\n").encode())


def compiled(catalog: POFile, english: Iterable[POEntry] | None = None) -> bytes:
    """The MO file of a catalogue, equal for equal translations.

    Args:
        catalog: the translations.
        english: what the file is to hold of them; all by default.
    """
    wanted = by_key(catalog).keys() if english is None else set(map(key, english))
    standing = (entry for entry in catalog if state(entry) is None and not entry.obsolete)
    chosen = new(catalog.metadata["Language"], (one for one in standing if key(one) in wanted))
    chosen.metadata = catalog.metadata
    return bytes(chosen.to_binary())


def _plurals(catalog: POFile) -> str:
    return str(catalog.metadata["Plural-Forms"])


def _is_filled(entry: POEntry) -> bool:
    strings = list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]
    return bool(strings) and all(strings)


def _successor(english: POEntry, predecessor: POEntry | None, forms: int) -> POEntry:
    entry = POEntry(
        msgid=english.msgid,
        msgctxt=english.msgctxt,
        msgid_plural=english.msgid_plural,
        comment=english.comment,
        flags=list(english.flags),
    )
    old = predecessor or entry
    first = old.msgstr_plural.get(0, "") if old.msgid_plural else old.msgstr
    if not entry.msgid_plural:
        entry.msgstr = first
    elif old.msgid_plural and predecessor:
        entry.msgstr_plural = old.msgstr_plural
    else:
        entry.msgstr_plural = {0: first} | dict.fromkeys(range(1, forms), "")
    if predecessor is None:
        return entry
    entry.tcomment = old.tcomment
    remembered = old.previous_msgid if old.fuzzy else None
    if (remembered or old.msgid) != entry.msgid:
        entry.previous_msgid = remembered or old.msgid
        entry.previous_msgid_plural = old.previous_msgid_plural if remembered else old.msgid_plural
        entry.fuzzy = True
    elif old.fuzzy and not remembered:
        entry.fuzzy = True
    return entry


def _pairs(added: list[POEntry], gone: list[POEntry]) -> dict[Key, POEntry]:
    """Pairs new English with the English that it replaces, the most alike first."""
    alike = []
    for i, one in enumerate(added):
        for j, old in enumerate(gone):
            same_cell = bool(one.msgctxt) and one.msgctxt == old.msgctxt
            ratio = difflib.SequenceMatcher(None, old.msgid, one.msgid, autojunk=False).ratio()
            if ratio >= (_ALIKE_IN_CELL if same_cell else _ALIKE):
                alike.append((-same_cell - ratio, i, j))
    chosen: dict[int, int] = {}
    for _, i, j in sorted(alike):
        if i not in chosen and j not in chosen.values():
            chosen[i] = j
    return {key(added[i]): gone[j] for i, j in chosen.items()}
