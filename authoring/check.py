"""Finds what is wrong with the course: each check is a small function, and two tables list them."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from urllib.parse import unquote, urlsplit

from nbformat import NotebookNode

from authoring import (
    blocks,
    build,
    course,
    fingerprint,
    korean,
    layout,
    lists,
    minutes,
    notebook,
    pages,
    prediction,
    readme,
    solutions,
    source,
    words,
)
from authoring import catalog as translations
from authoring.cells import Source
from authoring.layout import SOURCE_LANGUAGE, AuthoringError, Fault, relative

_MAX_CODE_LINES = 12
_MAX_SPACING_FAULTS = 0.5  # per 1,000 Hangul syllables
_KOREAN = "ko"
_HANGUL = re.compile("[가-힣]")
_HANGUL_STRING = re.compile(r"""["']([^"'\n]*[가-힣][^"'\n]*)["']""")
# A name may stay English (`Functional API`); two words with a small letter, or three, are prose.
_ENGLISH = re.compile(
    r"\b(?:[A-Za-z]{2,} [a-z]{2,}|[a-z]{2,} [A-Za-z]{2,}|[A-Za-z]{2,}(?: [A-Za-z]{2,}){2})\b"
)
_MACHINE_PATH = re.compile(
    r"(?<![\w.])/(?:root|tmp|work|usr|opt|var|(?:home|Users)/[\w.-]+)/|[A-Z]:\\+Users\b"
)
_EDITIONS = "|".join(edition for editions in layout.BUILT_TO.values() for edition in editions)
_ENGLISH_NOTEBOOK = re.compile(rf"(\.\./(?:{_EDITIONS})/){SOURCE_LANGUAGE}(/[^/?#]+\.ipynb)")
_VISIBLE_EMPHASIS = re.compile(r"\*\*|(?<=\S)\*(?=[가-힣])")
_BUILD = "run `make build`"
_EDIT = "edit content/, not the notebook, and run `make build`"
_LISTED_BY_HAND = re.compile(r"(?m)^.* <((?:lessons|exercises|solutions)/\w+)>$")
_WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True)
class Page:
    """A built notebook or page as it stands, and what it is held against.

    Args:
        root: the repository.
        path: where the notebook stands.
        language: the code of its language.
        book: the notebook as it stands.
        fresh: the notebook as the source says, without outputs.
        english: the English notebook as it stands, or None if there is none.
    """

    root: Path
    path: Path
    language: str
    book: NotebookNode
    fresh: NotebookNode
    english: NotebookNode | None

    def fault(self, cell: str, wrong: str, remedy: str) -> Fault:
        """A fault of this notebook."""
        return Fault(relative(self.root, self.path), cell, wrong, remedy)

    def cells(self, kind: str) -> list[NotebookNode]:
        """The cells of one kind, "code" or "markdown"."""
        return [cell for cell in self.book.cells if cell.cell_type == kind]

    def pairs(self) -> Iterator[tuple[NotebookNode, NotebookNode]]:
        """Each cell beside the English cell with its id; none for the English notebook itself."""
        if self.english is not None and self.language != SOURCE_LANGUAGE:
            english = {cell.get("id"): cell for cell in self.english.cells}
            for cell in self.book.cells:
                if cell.get("id") in english:
                    yield cell, english[cell.id]


def check(root: Path, paths: Sequence[Path], github: str | None, whole: bool = True) -> list[Fault]:
    """Finds every fault of sources and their notebooks.

    Args:
        root: the repository.
        paths: the sources to check.
        github: ``owner/name`` of the repository that the notebooks link to, or None.
        whole: whether to check what belongs to no source, too: stray files and the library.
    """
    languages = course.codes(root)
    searches = [
        _markdown_faults(root, path, code)
        if path.suffix == ".md"
        else _page_faults(root, path, code, edition, github)
        for path in paths
        for edition in layout.editions(path)
        for code in languages
    ]
    if whole:
        searches += [find(root) for find in _REPOSITORY_CHECKS]
    found = [fault for search in searches for fault in _until_unreadable(search)]
    return list(dict.fromkeys(found))  # a source's fault is met once per notebook


def _markdown_faults(root: Path, path: Path, language: str) -> Iterator[Fault]:
    """What is wrong with a page, whose text is checked as a notebook's cell is."""
    text, untranslated = pages.translate(root, path, language)
    yield from untranslated
    yield from _obsolete(root, layout.po_path(root, path, language), language)
    fresh, english = (
        notebook.of_markdown(each)
        for each in (text, pages.translate(root, path, SOURCE_LANGUAGE)[0])
    )
    target = layout.notebook_path(root, path, language, layout.PAGES)
    page = Page(root, target, language, fresh, fresh, english)
    for find in _PROSE_CHECKS:
        yield from find(page)
    if pages.is_on_github(path):
        yield from dead_links(page)
        wanted = pages.with_languages(root, path, language, text)
        if not target.exists() or target.read_text(encoding="utf-8") != wanted:
            yield page.fault("", "not built from the page as it is", _BUILD)


def _until_unreadable(search: Iterator[Fault]) -> Iterator[Fault]:
    try:
        yield from search
    except AuthoringError as error:
        yield from error.faults


def _page_faults(
    root: Path, path: Path, language: str, edition: str, github: str | None
) -> Iterator[Fault]:
    origin = source.read(root, path)
    yield from _long_cells(root, origin)
    yield from _hasty_lesson(root, path)
    fresh, untranslated = build.unexecuted(root, path, language, edition, github)
    yield from untranslated
    yield from _obsolete(root, layout.po_path(root, path, language), language)
    target = layout.notebook_path(root, path, language, edition)
    book = notebook.read(root, target)
    if book is None:
        yield Fault(relative(root, target), "", "not built", _BUILD)
        return
    english = notebook.read(root, layout.notebook_path(root, path, SOURCE_LANGUAGE, edition))
    page = Page(root, target, language, book, fresh, english)
    for find in _NOTEBOOK_CHECKS:
        yield from find(page)


def _long_cells(root: Path, origin: Source) -> Iterator[Fault]:
    for cell in origin.cells:
        lines = [line.strip() for line in cell.text.split("\n")]
        count = sum(bool(line) and not line.startswith("#") for line in lines)
        if cell.kind == "code" and count > _MAX_CODE_LINES:
            place = f"{relative(root, origin.path)}:{cell.line}"
            wrong = f"{count} lines of code, more than {_MAX_CODE_LINES}"
            yield Fault(place, cell.id, wrong, "split the cell")


def _hasty_lesson(root: Path, path: Path) -> Iterator[Fault]:
    """A prediction that nothing answers, or a lesson that takes too long."""
    if path.parent.name == layout.EXERCISES:
        return
    place, cells = relative(root, path), source.cells_of(path.read_text(encoding="utf-8"))
    yield from prediction.faults(place, cells)
    if (lasts := minutes.of_lesson(cells)) > minutes.LONGEST_LESSON:
        wrong = f"{lasts:.1f} minutes, more than {minutes.LONGEST_LESSON}"
        remedy = f"cut it, or mark the code that is read at a glance: {minutes.SKIM}"
        yield Fault(place, "", wrong, remedy)


def _obsolete(root: Path, path: Path, language: str) -> Iterator[Fault]:
    if path.exists():
        for entry in translations.read(root, path, language).obsolete_entries():
            wrong = f"obsolete translation of {entry.msgid!r}"
            remedy = translations.REMEDIES["obsolete"]
            yield Fault(relative(root, path), entry.msgctxt or "", wrong, remedy)


def differs_from_source(page: Page) -> Iterator[Fault]:
    """A notebook that was edited, or whose source was, without a build."""
    kept = {key: value for key, value in page.book.metadata.items() if key != "widgets"}
    ours = {key: value for key, value in kept.get("masklens", {}).items() if key != fingerprint.KEY}
    if {**kept, "masklens": ours} != page.fresh.metadata:
        yield page.fault("", "the notebook's metadata differ from its source", _EDIT)
    ids, wanted = ([cell.get("id") for cell in book.cells] for book in (page.book, page.fresh))
    if ids != wanted:
        first = next(one or other for one, other in zip_longest(ids, wanted) if one != other)
        wrong = "the cells are not those of the source, in its order"
        yield page.fault(first, wrong, _EDIT)
    sources = {cell.id: cell for cell in page.fresh.cells}
    for cell in page.book.cells:
        if cell.cell_type == "code" and cell.get("id") in sources:
            sources[cell.id].outputs = cell.outputs  # which of them are folded follows from these
    prediction.hide_outputs(page.fresh)
    for cell in page.book.cells:
        fresh = sources.get(cell.get("id"))
        if fresh and any(cell[key] != fresh[key] for key in ("cell_type", "source", "metadata")):
            yield page.fault(cell.id, "the cell differs from its source", _EDIT)


def different_prose(page: Page) -> Iterator[Fault]:
    """Links, inline code or Markdown elements that are not the same as in English."""
    for cell, english in page.pairs():
        if cell.cell_type != "markdown":
            continue
        links = Counter(_without_place(link) for link in blocks.links(cell.source).elements())
        wanted = Counter(
            _without_place(_in_language(page, link))
            for link in blocks.links(english.source).elements()
        )
        for target in (links - wanted) + (wanted - links):
            wrong = f"{links[target]} links to {target}, not {wanted[target]}"
            remedy = f"link to what the {SOURCE_LANGUAGE} notebook links to, in this language"
            yield page.fault(cell.id, wrong, remedy)
        if blocks.structure(cell.source) != blocks.structure(english.source):
            remedy = "let no translated line begin as a heading, list item or table does"
            yield page.fault(cell.id, "the translation changes the Markdown structure", remedy)
            continue
        both = zip(blocks.inlines(cell.source), blocks.inlines(english.source), strict=True)
        for ours, theirs in both:
            for code in (ours.code - theirs.code) + (theirs.code - ours.code):
                wrong = (
                    f"`{code}` stands {ours.code[code]} times in {ours.prose[:30]!r}, "
                    f"but {theirs.code[code]} times in {SOURCE_LANGUAGE}"
                )
                yield page.fault(cell.id, wrong, "keep the inline code as it is in the original")


def unread_emphasis(page: Page) -> Iterator[Fault]:
    """Asterisks that the reader sees: no emphasis can end between ``)`` and a Korean particle.

    Source: https://spec.commonmark.org/0.31.2/#right-flanking-delimiter-run
    """
    for cell in page.cells("markdown"):
        for inline in blocks.inlines(cell.source):
            if visible := _VISIBLE_EMPHASIS.search(inline.prose):
                wrong = f"the {visible[0]} stays visible in {inline.prose[:40]!r}"
                yield page.fault(cell.get("id", ""), wrong, "end the emphasis after a letter")


def english_prose(page: Page) -> Iterator[Fault]:
    """A block or comment of a Korean notebook that was left in English."""
    for cell_id, prose in _prose(page):
        if not _HANGUL.search(prose) and (match := _ENGLISH.search(prose)):
            yield page.fault(cell_id, f"English prose: {match[0]!r}", "translate it in the PO file")


def avoided_terms(page: Page) -> Iterator[Fault]:
    """A word of the glossary's `avoid` column in Korean prose, in the sense that is meant there."""
    avoided = _avoided(page.root)
    for cell_id, prose in (*_prose(page), *_words_of_code(page)):
        for each, sentence in korean.avoided_words(prose.replace("|", "CODE"), avoided):
            yield page.fault(cell_id, *_avoided_wrong(each, sentence))


def _avoided_wrong(avoided: korean.Avoided, sentence: str) -> tuple[str, str]:
    wrong = f"the glossary avoids {avoided.word!r}, in {sentence[:60]!r}"
    return wrong, f"write {avoided.instead!r}"


def bad_spacing(page: Page) -> Iterator[Fault]:
    """Korean spacing faults, if there are more of them than a careful text has."""
    if page.language == _KOREAN:
        syllables = sum(korean.count_syllables(cell.source) for cell in page.cells("markdown"))
        found = [
            (cell.id, fault)
            for cell in page.cells("markdown")
            for fault in korean.spacing_faults(cell.source)
        ]
        if 1000 * len(found) > _MAX_SPACING_FAULTS * syllables:
            for cell_id, fault in found:
                remedy = "correct it; if it is right, add the word to _TERMS in authoring/korean.py"
                yield page.fault(cell_id, f"spacing, {fault.rule}: {fault.context!r}", remedy)


def faulty_outputs(page: Page) -> Iterator[Fault]:
    """A cell that was not executed, or whose saved output no learner should meet."""
    for cell in page.cells("code"):
        if cell.source and cell.execution_count is None:
            yield page.fault(cell.get("id", ""), "the cell was not executed", _BUILD)
        for output in cell.outputs:
            if output.output_type == "error":
                wrong = f"a saved error: {output.ename}: {output.evalue}"
                yield page.fault(cell.id, wrong, "correct the source and build")
            if output.get("name") == "stderr":
                wrong = f"saved stderr: {output.text.strip().splitlines()[-1:]}"
                yield page.fault(cell.id, wrong, "correct the source so that nothing warns")
            for text in _texts(output):
                if match := _MACHINE_PATH.search(text):
                    wrong = f"a path of one machine in the output: {match[0]}"
                    yield page.fault(cell.id, wrong, "print no absolute path")


def unsaved_widgets(page: Page) -> Iterator[Fault]:
    """A widget that is shown, but whose state was not saved: without a kernel nobody sees it."""
    saved = page.book.metadata.get("widgets", {}).get(_WIDGET_STATE, {}).get("state", {})
    for cell in page.cells("code"):
        for output in cell.outputs:
            view = output.get("data", {}).get(_WIDGET_VIEW)
            if view and view["model_id"] not in saved:
                wrong = f"the state of the widget {view['model_id']} was not saved"
                yield page.fault(cell.get("id", ""), wrong, "run `make build ALL=1`")


def stale_outputs(page: Page) -> Iterator[Fault]:
    """Outputs of a library that has changed since."""
    if not fingerprint.is_current(page.root, page.language, page.book):
        yield page.fault("", "the library that made its outputs has changed", _BUILD)


def dead_links(page: Page) -> Iterator[Fault]:
    """A relative link to no file, or to no heading of a page in the language of the page."""
    for cell in page.cells("markdown"):
        for target in blocks.links(cell.source):
            parts = urlsplit(target)
            linked = page.path.parent / unquote(parts.path) if parts.path else page.path
            if parts.scheme or parts.netloc:
                continue
            if parts.path and not linked.exists():
                wrong = f"the link {target} leads nowhere"
                yield page.fault(cell.get("id", ""), wrong, "correct it, or build what it names")
            elif parts.fragment and linked.suffix == ".md":
                text = linked.read_text(encoding="utf-8") if parts.path else cell.source
                if unquote(parts.fragment) not in blocks.places(text):
                    wrong = f"the link {unquote(target)} names no heading there"
                    remedy = "write the heading's words, small, with - between them"
                    yield page.fault(cell.get("id", ""), wrong, remedy)


def stray_files(root: Path) -> Iterator[Fault]:
    """A notebook, a page or a PO file that belongs to no source."""
    sources, languages = layout.every_source(root), course.codes(root)
    books = layout.built_paths(root, sources, languages)
    pos = {layout.po_path(root, path, code) for path in sources for code in languages}
    pos |= {words.interface_path(root, code) for code in languages}
    for code in languages:
        for path in sorted(set((root / "content" / code).rglob("*.po")) - pos):
            yield Fault(relative(root, path), "", "no source has this name", "rename or delete it")
    for path in [*layout.notebook_paths(root), *(root / layout.PAGES).glob("*/*.md")]:
        if path not in books:
            kind = "notebook" if path.suffix == ".ipynb" else "page"
            yield Fault(relative(root, path), "", f"the {kind} has no source", "delete it")


def untranslated_words(root: Path) -> Iterator[Fault]:
    """A word of no source without a translation, or a compiled catalogue that is stale."""
    for each in words.every(root):
        place = relative(root, each.po)
        known = translations.by_key(translations.read(root, each.po, each.language))
        for english in each.english:
            if state := translations.state(known.get(translations.key(english))):
                wrong = f"{state} translation of {english.msgid!r}"
                yield Fault(place, "", wrong, translations.REMEDIES[state])
        yield from _obsolete(root, each.po, each.language)
        content = each.mo.read_bytes() if each.mo.exists() else b""
        if content != each.machine_readable(root):
            yield Fault(relative(root, each.mo), "", f"not compiled from {each.po.name}", _BUILD)


def avoided_in_words(root: Path) -> Iterator[Fault]:
    """A word that the glossary avoids, in what the library, the site or the classroom says."""
    avoided = _avoided(root)
    for po in (layout.library_po_path(root, _KOREAN), words.interface_path(root, _KOREAN)):
        for entry in translations.read(root, po, _KOREAN):
            strings = [entry.msgstr, *entry.msgstr_plural.values()]
            for text in map(korean.plain, [] if entry.obsolete else strings):
                for each, sentence in korean.avoided_words(text, avoided):
                    yield Fault(relative(root, po), "", *_avoided_wrong(each, sentence))


def stale_solutions(root: Path) -> Iterator[Fault]:
    """A file of the library's with other sets of exercises, or solutions, than the course has."""
    for path, content in solutions.files(root).items():
        if not path.exists() or path.read_bytes() != content:
            wrong = "not gathered from the exercises as they are"
            yield Fault(relative(root, path), "", wrong, _BUILD)


def incomplete_index(root: Path) -> Iterator[Fault]:
    """A first page of the site that lists lessons by hand, or does not list them all."""
    path = root / "content" / layout.PAGES / "index.md"
    if path.exists():
        text = path.read_text(encoding="utf-8")
        for name in lists.SITE_LISTS:
            if f"{{{{{name}}}}}" not in text:
                remedy = "write it where the list belongs"
                yield Fault(relative(root, path), "", f"no {{{{{name}}}}}", remedy)
        for listed in _LISTED_BY_HAND.findall(text):
            wrong = f"lists {listed} by hand"
            yield Fault(relative(root, path), "", wrong, "leave it to the placeholders")


def other_questions(root: Path) -> Iterator[Fault]:
    """A set of exercises without a module of questions, or the other way round."""
    folder = root / layout.COURSE / "questions"
    if folder.exists():
        place = relative(root, folder)
        written = {path.stem for path in folder.glob("*.py")} - {"__init__"}
        sets = {name.partition("_")[2]: name for name in course.read(root).sets}
        for topic in sorted(sets.keys() - written):
            wrong = f"the exercises {sets[topic]} have no questions"
            yield Fault(f"{place}/{topic}.py", "", wrong, "write the module")
        for topic in sorted(written - sets.keys()):
            wrong = f"no exercises of {course.MANIFEST} are called NN_{topic}"
            yield Fault(f"{place}/{topic}.py", "", wrong, "rename or delete it")


_PROSE_CHECKS: tuple[Callable[[Page], Iterator[Fault]], ...] = (
    different_prose,
    unread_emphasis,
    english_prose,
    avoided_terms,
    bad_spacing,
)
_NOTEBOOK_CHECKS = (
    differs_from_source,
    *_PROSE_CHECKS,
    faulty_outputs,
    unsaved_widgets,
    stale_outputs,
    dead_links,
)
_REPOSITORY_CHECKS: tuple[Callable[[Path], Iterator[Fault]], ...] = (
    stray_files,
    untranslated_words,
    avoided_in_words,
    stale_solutions,
    other_questions,
    readme.faults,
    incomplete_index,
)


def _prose(page: Page) -> Iterator[tuple[str, str]]:
    """The running text of a Korean notebook, outside code, with the id of its cell."""
    if page.language == _KOREAN:
        for cell in page.book.cells:
            if cell.cell_type == "code":
                texts = [
                    block.text.replace("\n", " ") for block in blocks.blocks_of_sketch(cell.source)
                ]
            else:
                texts = [inline.prose for inline in blocks.inlines(cell.source)]
            yield from ((cell.get("id", ""), text) for text in texts)


def _words_of_code(page: Page) -> Iterator[tuple[str, str]]:
    """The Korean strings of a notebook's code, which it prints or draws, with their cells' ids."""
    if page.language == _KOREAN:
        for cell in page.cells("code"):
            for match in _HANGUL_STRING.finditer(cell.source):
                yield cell.get("id", ""), match[1]


def _in_language(page: Page, link: str) -> str:
    """An English link as this page must have it: to a notebook in the page's own language."""
    if not urlsplit(link).scheme:
        return _ENGLISH_NOTEBOOK.sub(rf"\g<1>{page.language}\g<2>", link)
    english = page.path.parents[1] / SOURCE_LANGUAGE / page.path.name
    return link.replace(f"/{relative(page.root, english)}", f"/{relative(page.root, page.path)}")


def _without_place(link: str) -> str:
    """A link without what depends on its language: headings within our own pages, and Google's."""
    return re.sub(r"\?hl=\w+$", "", link) if urlsplit(link).scheme else link.partition("#")[0]


def _avoided(root: Path) -> list[korean.Avoided]:
    with (root / "content" / "glossary.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        korean.Avoided(word, row["ko"], _listed(row["of"]), _listed(row["unless"]))
        for row in rows
        for word in _listed(row["avoid"])
    ]


def _listed(words: str) -> tuple[str, ...]:
    return tuple(word for word in words.split("|") if word)


def _texts(value: object) -> Iterator[str]:
    """Every text within an output, at any depth; a picture is no text."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            if not key.startswith("image/"):
                yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
