"""Finds the words that stand in no source: those of the library, the site and the classroom.

The library's translations are installed with it. All others stand in content/CODE/interface.po; of
these the classroom, which runs without this package, gets its own compiled.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path

from babel.messages.extract import extract_from_file
from polib import POEntry

from authoring import catalog as translations
from authoring import course, layout
from authoring.layout import PACKAGES

CLASSROOM = Path("classroom")
# What Sphinx and its theme say; not every language of ours is one of theirs.
_THEME = Path("docs/theme.pot")
# In which entries of it the words of Sphinx's scripts stand.
_SCRIPTS = "searchtools.js"
_KEYWORDS = {"_": None, "mark": None, "ngettext": (1, 2)}
# The arguments of a question that learners read; what a check says stands behind its code.
_OF_QUESTIONS = ("title", "why")
_FAULTS = ("Condition", "Mistake")
_INTERFACE = "interface.po"


@dataclass(frozen=True)
class Words:
    """The translations of words into one language.

    Args:
        po: the PO file.
        language: the code of the language.
        english: the words.
        mo: where they are compiled to.
        compiled: the words that are compiled.
    """

    po: Path
    language: str
    english: list[POEntry]
    mo: Path
    compiled: list[POEntry]

    def machine_readable(self, root: Path) -> bytes:
        """What the compiled file holds.

        Raises:
            AuthoringError: the PO file cannot be read.
        """
        catalog = translations.read(root, self.po, self.language)
        return translations.compiled(catalog, self.compiled)


def every(root: Path) -> Iterator[Words]:
    """The words of a course in each of its languages but English."""
    library, classroom = of_library(root), _marked(_python(root / CLASSROOM))
    interface = of_interface(root)
    for code in course.translations(root):
        if library:
            po = layout.library_po_path(root, code)
            yield Words(po, code, library, po.with_suffix(".mo"), library)
        if interface:
            mo = root / CLASSROOM / "locale" / code / "LC_MESSAGES" / "classroom.mo"
            yield Words(interface_path(root, code), code, interface, mo, classroom)


def compile_all(root: Path) -> None:
    """Compiles the words of a course, where their translations changed.

    Raises:
        AuthoringError: a PO file cannot be read.
    """
    for words in every(root):
        if words.po.exists():
            layout.write(words.mo, words.machine_readable(root))


def of_library(root: Path) -> list[POEntry]:
    """The strings that the library shows, untranslated."""
    return _marked(path for package in PACKAGES for path in _python(root / package))


def of_interface(root: Path) -> list[POEntry]:
    """What the site, the slides, the tools and the classroom say to learners, untranslated."""
    docs = root / "docs"
    pages = [*sorted(docs.rglob("*.html")), *sorted(docs.rglob("*.j2"))]
    code = [*_python(root / "authoring"), docs / "conf.py", *_python(root / CLASSROOM)]
    found = _marked([*(page for page in pages if "_build" not in page.parts), *code])
    known = set(map(translations.key, found))
    return found + [entry for entry in _theme(root) if translations.key(entry) not in known]


def interface_path(root: Path, language: str) -> Path:
    """Where the words of the interface are translated: content/ko/interface.po."""
    return root / "content" / language / _INTERFACE


def speaker(root: Path, language: str) -> Callable[[str], str]:
    """What puts a word of the interface into a language; one without a translation stays English.

    Raises:
        AuthoringError: the PO file cannot be read.
    """
    catalog = translations.read(root, interface_path(root, language), language)
    return partial(translations.translated, translations.by_key(catalog))


def write_for_sphinx(root: Path, language: str, folder: Path) -> None:
    """Writes the words of the interface as Sphinx reads them, for its pages and its scripts.

    Args:
        root: the repository.
        language: the code of the language.
        folder: where to write them; one of Sphinx's ``locale_dirs``.

    Raises:
        AuthoringError: the PO file cannot be read.
    """
    catalog = translations.read(root, interface_path(root, language), language)
    place = folder / language / "LC_MESSAGES"
    layout.write(place / "sphinx.mo", translations.compiled(catalog))
    known = translations.by_key(catalog)
    said_by_scripts = (
        known.get(translations.key(english))
        for english in _theme(root)
        if any(file == _SCRIPTS for file, _line in english.occurrences)
    )
    spoken = {
        "locale": language,
        "messages": {
            entry.msgid: translations.string(entry)
            for entry in said_by_scripts
            if entry is not None and not translations.state(entry)
        },
        # Of a comparison, a script makes the number of a form.
        "plural_expr": f"Number({catalog.metadata['Plural-Forms'].split('plural=')[1].strip(';')})",
    }
    script = f"Documentation.addTranslations({json.dumps(spoken, ensure_ascii=False)});\n"
    layout.write(place / "sphinx.js", script.encode())


def _theme(root: Path) -> list[POEntry]:
    return [
        translations.untranslated(each.msgid, each.msgid_plural, occurrences=each.occurrences)
        for each in translations.read(root, root / _THEME, layout.SOURCE_LANGUAGE)
    ]


def _python(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def _marked(paths: Iterable[Path]) -> list[POEntry]:
    """Every string that is marked with ``_()`` or ``ngettext()`` or that a question says, once."""
    marked: dict[translations.Key, POEntry] = {}
    for path in filter(Path.exists, paths):
        method = "python" if path.suffix == ".py" else "jinja2"
        options = {"silent": "false"} if method == "jinja2" else None
        found = extract_from_file(method, path, keywords=_KEYWORDS, options=options)
        told = _told(path) if path.suffix == ".py" else ()
        for _, text, comments, context in sorted([*found, *told], key=itemgetter(0)):
            singular, plural = (text, "") if isinstance(text, str) else text
            said = "\n".join(comments)
            entry = translations.untranslated(singular, plural, msgctxt=context, comment=said)
            marked.setdefault(translations.key(entry), entry)
    return list(marked.values())


def _told(path: Path) -> Iterator[tuple[int, str, list[str], None]]:
    """What the questions in a module say to learners, with its lines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        told: list[ast.expr] = node.args[1:2] if node.func.id in _FAULTS else []
        if node.func.id == "Hint":
            told = node.args[:1]
        if node.func.id == "Question":
            told = [argument.value for argument in node.keywords if argument.arg in _OF_QUESTIONS]
        for text in told:
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                yield text.lineno, text.value, [], None
