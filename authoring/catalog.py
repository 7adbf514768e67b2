"""Reads, updates and writes translations: gettext PO files, and the library's compiled MO file.

Babel reads PO files but loses the previous msgid of a fuzzy entry, and wraps it when it writes;
so what is written, and how an entry follows its English, is decided here.
"""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, normalize, read_po, unescape

from authoring import blocks, layout
from authoring.cells import Cell, Source
from authoring.layout import AuthoringError, Fault, relative

# What to do about each state that a translation may be in.
REMEDIES = {
    "missing": "run `make catalogs`, then translate it",
    "fuzzy": "compare it with the new English, then remove the fuzzy flag",
    "obsolete": "use what is worth keeping of it, then delete the entry",
}
_STRING = r'"(?:[^"\\]|\\.)*"'
_KEYWORD = r"(msgctxt|msgid|msgid_plural|msgstr)(?:\[\d+\])?\s+"
_PO_LINE = re.compile(rf"\s*(?:#(?!~).*|#~\|.*|(?:#~\s*)?(?:{_KEYWORD})?({_STRING}))?\s*")
# What may stand before each keyword; Babel reads on where one is left out.
_BEFORE = {
    "msgctxt": {"", "msgstr"},
    "msgid": {"", "msgctxt", "msgstr"},
    "msgid_plural": {"msgid"},
    "msgstr": {"msgid", "msgid_plural", "msgstr"},
}
_PREVIOUS = re.compile(rf"\|\s*(msgctxt|msgid|msgid_plural)?\s*({_STRING})")
# How alike two English texts must be for one to be the other, changed: in one cell, and beyond.
_ALIKE_IN_CELL, _ALIKE = 0.4, 0.7
_Id = str | list[str] | tuple[str, ...]


def cell_blocks(cell: Cell) -> list[blocks.Block]:
    """The blocks of a cell that are to be translated."""
    return (
        blocks.markdown_blocks(cell.text)
        if cell.kind == "markdown"
        else blocks.comment_blocks(cell.text)
    )


def template(source: Source) -> Catalog:
    """Every block of a source, untranslated, with its cell's id as the context."""
    catalog = Catalog()
    for cell in source.cells:
        for block in cell_blocks(cell):
            catalog.add(block.text, context=cell.id or None)
    return catalog


def in_language(cell: Cell, catalog: Catalog | None, place: str, faults: list[Fault]) -> str:
    """The text of a cell in another language; a block without a translation stays English.

    Args:
        cell: the cell.
        catalog: the translations, or None for English.
        place: the PO file, as faults name it.
        faults: takes a fault for each block without a translation.
    """

    def look_up(text: str) -> str:
        message = catalog.get(text, cell.id or None) if catalog else None
        missing = state(message)
        if message is not None and missing is None:
            return str(message.string)
        wrong = f"{missing} translation of {text.splitlines()[0]!r}"
        faults.append(Fault(place, cell.id, wrong, REMEDIES[missing or "missing"]))
        return text

    return cell.text if catalog is None else blocks.splice(cell.text, cell_blocks(cell), look_up)


def read(root: Path, path: Path, language: str) -> Catalog:
    """Reads a PO file; one that does not exist yet is empty.

    Raises:
        AuthoringError: the file is not PO, with the line at fault.
    """
    if not path.exists():
        return Catalog(locale=language, header_comment="")
    place = relative(root, path)
    remedy = "correct it by hand; the file was left as it is"
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise AuthoringError([Fault(place, "", f"not UTF-8: {error}", remedy)]) from error
    if number := _broken_line(lines):
        wrong = (
            f"not PO: {lines[number - 1]!r}"
            if lines[number - 1]
            else "the last entry has no msgstr"
        )
        raise AuthoringError([Fault(f"{place}:{number}", "", wrong, remedy)])
    wanted = [line for line in lines if not line.startswith("#~|")]
    try:
        catalog = read_po(wanted, locale=language, abort_invalid=True)
    except PoFileError as error:
        raise AuthoringError([Fault(place, "", f"not PO: {error}", remedy)]) from error
    if catalog.header_comment == Catalog(locale=language).header_comment:
        catalog.header_comment = ""  # Babel puts one of its own where the file has none
    for message in _messages(catalog):
        _restore_previous(message)
    return catalog


def state(message: Message | None) -> str | None:
    """'missing', 'fuzzy', or None for a translation that stands."""
    if message is None or not _is_filled(message):
        return "missing"
    return "fuzzy" if message.fuzzy else None


def translated(catalog: Catalog, text: str, context: str | None = None) -> str:
    """The translation of a text, or the text itself where no translation stands."""
    message = catalog.get(text, context)
    return str(message.string) if message and state(message) is None else text


def update(old: Catalog, english: Catalog) -> Catalog:
    """Makes translations follow their English; nothing that a translator wrote is lost.

    An entry whose English is the same stays. One whose English changed keeps its translation, is
    marked fuzzy, and remembers the English that was translated. One whose English is gone becomes
    obsolete. A new one is empty.

    Args:
        old: the translations so far.
        english: the template; its order is the order of the result.
    """
    gone = [
        message
        for message in _messages(old)
        if _is_filled(message)
        and (message in old.obsolete.values() or not english.get(message.id, message.context))
    ]
    wanted = list(_messages(english))
    added = [m for m in wanted if old.get(m.id, m.context) is None]
    replaced = {_key(new): previous for new, previous in _pairs(added, gone)}
    new = Catalog(locale=old.locale, header_comment=old.header_comment)
    for message in wanted:
        same = old.get(message.id, message.context)
        predecessor = same or replaced.get(_key(message))
        new[message.id] = _successor(message, predecessor, new.num_plurals)
    lost = {_key(message) for message in gone} - {_key(m) for m in replaced.values()}
    new.obsolete = {_key(message): message for message in gone if _key(message) in lost}
    return new


def write(path: Path, catalog: Catalog, language: str) -> None:
    """Writes a PO file that depends on nothing but the entries: no dates and no line numbers."""
    entries = [_entry(message, "") for message in _messages(catalog, with_obsolete=False)]
    entries += [_entry(message, "#~ ") for message in catalog.obsolete.values()]
    header = f'msgid ""\nmsgstr {normalize(_header(catalog, language), width=0)}\n'
    comment = catalog.header_comment and catalog.header_comment + "\n"
    layout.write(path, "\n".join([comment + header, *entries]).encode())


def compiled(catalog: Catalog, language: str, english: Catalog | None = None) -> bytes:
    """The MO file of a catalogue, equal for equal translations whatever version of Babel.

    Args:
        catalog: the translations.
        language: the code of their language.
        english: what the file is to hold of them; all by default.
    """

    class PlainHeader(Catalog):
        @property
        def mime_headers(self) -> list[tuple[str, str]]:
            lines = _header(catalog, language).splitlines()
            return [(name, value) for name, _, value in (line.partition(": ") for line in lines)]

    plain = PlainHeader(locale=language)
    for message in _messages(catalog, with_obsolete=False):
        wanted = english is None or english.get(message.id, message.context)
        if wanted and state(message) is None:
            plain[message.id] = message
    buffer = io.BytesIO()
    write_mo(buffer, plain)
    return buffer.getvalue()


def _broken_line(lines: Sequence[str]) -> int:
    """The number of the first line that cannot stand in a PO file where it does, or 0."""
    before = ""
    for number, line in enumerate(lines, 1):
        match = _PO_LINE.fullmatch(line)
        if not match or (match[2] and not (match[1] or before)):
            return number
        if keyword := match[1]:
            if before not in _BEFORE[keyword]:
                return number
            before = keyword
    return len(lines) if before not in {"", "msgstr"} else 0


def _header(catalog: Catalog, language: str) -> str:
    return (
        f"Language: {language}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
        f"Content-Transfer-Encoding: 8bit\nPlural-Forms: {catalog.plural_forms}\n"
    )


def _messages(catalog: Catalog, with_obsolete: bool = True) -> Iterator[Message]:
    yield from (message for message in catalog if message.id)
    if with_obsolete:
        yield from catalog.obsolete.values()


def _is_filled(message: Message) -> bool:
    strings = [message.string] if isinstance(message.string, str) else message.string or [""]
    return all(strings)


def _singular(identifier: _Id) -> str:
    return identifier if isinstance(identifier, str) else identifier[0]


def _key(message: Message) -> tuple[str, str]:
    return _singular(message.id), message.context or ""


def _successor(message: Message, predecessor: Message | None, forms: int) -> Message:
    successor = message.clone()
    if predecessor is None:
        successor.string = "" if isinstance(message.id, str) else ("",) * forms
        return successor
    string = predecessor.string
    if isinstance(string, str) and not isinstance(message.id, str):
        string = (string,)
    elif string and not isinstance(string, str) and isinstance(message.id, str):
        string = string[0]
    successor.string = string
    successor.user_comments = predecessor.user_comments
    remembered = predecessor.previous_id if predecessor.fuzzy else []
    translated: _Id = remembered or predecessor.id
    changed = _singular(translated) != _singular(message.id)
    if changed:
        successor.previous_id = [translated] if isinstance(translated, str) else list(translated)
    if changed or (predecessor.fuzzy and not remembered):
        successor.flags |= {"fuzzy"}
    return successor


def _pairs(added: list[Message], gone: list[Message]) -> list[tuple[Message, Message]]:
    """Pairs new English with the English that it replaces, the most alike first."""
    alike = []
    for i, new in enumerate(added):
        for j, old in enumerate(gone):
            same_cell = bool(new.context) and new.context == old.context
            texts = _singular(old.id), _singular(new.id)
            ratio = difflib.SequenceMatcher(None, *texts, autojunk=False).ratio()
            if ratio >= (_ALIKE_IN_CELL if same_cell else _ALIKE):
                alike.append((-same_cell - ratio, i, j))
    chosen: dict[int, int] = {}
    for _, i, j in sorted(alike):
        if i not in chosen and j not in chosen.values():
            chosen[i] = j
    return [(added[i], gone[j]) for i, j in chosen.items()]


def _restore_previous(message: Message) -> None:
    """Babel reads ``#| msgid`` as a comment of the translator's."""
    previous: dict[str, str] = {}
    keyword = "msgid"
    for comment in message.user_comments:
        if match := _PREVIOUS.fullmatch(comment):
            keyword = match[1] or keyword
            previous[keyword] = previous.get(keyword, "") + unescape(match[2])
    message.user_comments = [c for c in message.user_comments if not _PREVIOUS.fullmatch(c)]
    message.previous_id = [
        previous[keyword] for keyword in ("msgid", "msgid_plural") if keyword in previous
    ]


def _entry(message: Message, mark: str) -> str:
    lines = [f"# {comment}".rstrip() for comment in message.user_comments]
    lines += [f"#. {comment}" for comment in message.auto_comments]
    if message.flags:
        lines.append(f"#, {', '.join(sorted(message.flags))}")
    if not mark:
        names = ("msgid", "msgid_plural")
        lines += _fields(zip(names, message.previous_id, strict=False), "#| ")
    fields: list[tuple[str, str]] = [("msgctxt", message.context)] if message.context else []
    if isinstance(message.id, str):
        fields += [("msgid", message.id), ("msgstr", str(message.string or ""))]
    else:
        fields += [("msgid", message.id[0]), ("msgid_plural", message.id[1])]
        fields += [(f"msgstr[{n}]", text or "") for n, text in enumerate(message.string or [""])]
    return "\n".join([*lines, *_fields(fields, mark), ""])


def _fields(fields: Iterable[tuple[str, str]], mark: str) -> list[str]:
    return [
        mark + line
        for name, text in fields
        for line in f"{name} {normalize(text, width=0)}".split("\n")
    ]
