"""Makes slides of the lessons from the committed notebooks: python -m authoring.slides."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from nbformat import NotebookNode

import masklens
from authoring import check, deck, layout, notebook, site, source
from authoring.layout import AuthoringError, Fault, relative

TARGET = Path("docs/_build/slides")
_TEMPLATES = Path("docs/slides")
_WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
# What reveal.js needs to show slides and their notes; each file stands in its folder `dist`.
_REVEAL = ("reveal.js", "reveal.css", "plugin/notes.js")
_INSTALL = "run `make slides`, or `npm install --prefix {} reveal.js@6.0.2`"
_WORDS = {
    "en": {
        "language": "English",
        "course": "Padding and masking in Keras",
        "slides": "Slides of the lessons",
        "lesson": "Lesson",
        "notebook": "Notebook",
        "all": "All slides",
        "theme": "Dark",
        "notes": "Speaker notes",
        "next": "next slide",
        "previous": "previous slide",
        "number": "{0} of {1}",
        "figure": "Figure",
        "keys": "Space: next · F: full screen · O: overview · S: speaker notes · D: dark",
    },
    "ko": {
        "language": "한국어",
        "course": "Keras의 패딩과 마스킹",
        "slides": "레슨 슬라이드",
        "lesson": "레슨",
        "notebook": "노트북",
        "all": "모든 슬라이드",
        "theme": "어둡게",
        "notes": "발표자 노트",
        "next": "다음 슬라이드",
        "previous": "이전 슬라이드",
        "number": "{1}쪽 중 {0}쪽",
        "figure": "그림",
        "keys": "스페이스: 다음 · F: 전체 화면 · O: 한눈에 보기 · S: 발표자 노트 · D: 어둡게",
    },
}


@dataclass(frozen=True)
class Lesson:
    """A lesson in one language: its name, such as ``01_padding``, and its notebooks."""

    name: str
    language: str
    book: NotebookNode
    english: NotebookNode


def build(
    root: Path, target: Path, reveal: Path, github: str | None, names: Sequence[str] = ()
) -> list[Fault]:
    """Makes the slides of lessons in every language, if their notebooks are fit to be shown.

    Args:
        root: the repository.
        target: the folder of the slides; what stands in it is replaced.
        reveal: the folder of the package reveal.js.
        github: ``owner/name`` of the repository to link to, or None.
        names: the lessons, such as ``01_padding``; all of them by default.

    Returns:
        Every fault found; with one there are no new slides.
    """
    faults = [*_absent(reveal), *_unknown(root, names)]
    if faults:
        return faults
    lessons: list[Lesson] = []
    for path in _sources(root, names):
        faults += _read(root, path, lessons)
    if faults:
        return faults
    pages = Environment(
        loader=FileSystemLoader(root / _TEMPLATES), autoescape=True, keep_trailing_newline=True
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "slides"
        _write_assets(root, reveal, folder / "assets")
        for lesson in lessons:
            page = folder / lesson.language / f"{lesson.name}.html"
            page.parent.mkdir(exist_ok=True)
            page.write_text(_deck(root, pages, lesson, github, lessons), encoding="utf-8")
            if not github:
                book = root / "notebooks" / lesson.language / f"{lesson.name}.ipynb"
                shutil.copy(book, page.parent)
        decks = {code: [one for one in lessons if one.language == code] for code in _codes(root)}
        index = pages.get_template("index.html").render(decks=decks, words=_words)
        (folder / "index.html").write_text(index, encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target)
    return []


def _codes(root: Path) -> list[str]:
    return layout.languages(root)


def _words(language: str) -> Mapping[str, str]:
    """The words of a page; in English where nobody has written them in a language."""
    return _WORDS.get(language, _WORDS["en"])


def _absent(reveal: Path) -> Iterator[Fault]:
    for file in _REVEAL:
        if not (reveal / "dist" / file).is_file():
            remedy = _INSTALL.format(reveal.parent.parent)
            yield Fault(str(reveal), "", f"no reveal.js here: dist/{file} is missing", remedy)
            return


def _unknown(root: Path, names: Sequence[str]) -> Iterator[Fault]:
    known = [path.stem for path in _sources(root, ())]
    for name in names:
        if name not in known:
            yield Fault(name, "", "no such lesson", f"name one of: {', '.join(known)}")


def _sources(root: Path, names: Sequence[str]) -> list[Path]:
    paths = sorted((root / "content" / "lessons").glob("*.py"))
    return [path for path in paths if not names or path.stem in names]


def _read(root: Path, path: Path, lessons: list[Lesson]) -> Iterator[Fault]:
    """Adds a lesson in each language to a list; yields what keeps it from being shown."""
    read = source.read(root, path)
    english: NotebookNode | None = None
    for language in _codes(root):
        place = layout.notebook_path(root, path, language, "notebooks")
        book = notebook.read(root, place)
        if book is None:
            yield Fault(relative(root, place), "", "not built", "run `python -m authoring build`")
            continue
        english = english or book
        page = check.Page(root, read, language, "notebooks", book, book, english)
        yield from check.faulty_outputs(page)
        yield from check.unsaved_widgets(page)
        lessons.append(Lesson(path.stem, language, book, english))


def _deck(
    root: Path, pages: Environment, lesson: Lesson, github: str | None, lessons: Sequence[Lesson]
) -> str:
    book, folder = lesson.book, root / "notebooks" / lesson.language
    place = partial(_place, root, github, {one.name for one in lessons})
    left_out = {source.LINKS, notebook.FIRST}
    book.cells = [cell for cell in book.cells if cell.id not in left_out]
    for cell in book.cells:
        if cell.cell_type == "markdown":
            cell.source = notebook.move_links(cell.source, folder, place)
    words = _words(lesson.language)
    states = book.metadata.get("widgets", {}).get(_WIDGET_STATE)
    path = f"notebooks/{lesson.language}/{lesson.name}.ipynb"
    colab = f"https://colab.research.google.com/github/{github}/blob/main/{path}"
    return pages.get_template("deck.html").render(
        lesson=lesson,
        number=lesson.name.partition("_")[0],
        title=book.metadata["title"],
        sections=deck.sections(book, lesson.english, words["figure"]),
        # A "</script>" within a state must not end the script that carries it.
        states=json.dumps(states, ensure_ascii=False, sort_keys=True).replace("</", "<\\/")
        if states
        else "",
        words=words,
        notebook=colab if github else f"{lesson.name}.ipynb",
        download=not github,
        others=[
            one for one in lessons if one.name == lesson.name and one.language != lesson.language
        ],
        name_of=_words,
    )


def _place(root: Path, github: str | None, names: set[str], linked: Path) -> str | None:
    """Where a file of the repository is beside the slides, else on GitHub; None if nowhere."""
    if linked.parent.parent == root / "notebooks" and linked.stem in names:
        return f"../{linked.parent.name}/{linked.stem}.html"
    return notebook.page(github, relative(root, linked)) if github else None


def _write_assets(root: Path, reveal: Path, folder: Path) -> None:
    """Writes what all slides share, so that they need no network."""
    folder.mkdir(parents=True)
    for file in _REVEAL:
        shutil.copy(reveal / "dist" / file, folder / Path(file).name)
    shutil.copy(reveal / "LICENSE", folder / "reveal-LICENSE")
    shutil.copy(Path(masklens.__file__).with_name("page.js"), folder)
    shutil.copy(root / _TEMPLATES / "slides.js", folder)
    own = (root / _TEMPLATES / "slides.css").read_text(encoding="utf-8")
    sheets = [own, deck.style("light"), deck.style("dark")]
    (folder / "slides.css").write_text("\n".join(sheets) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Makes slides; returns 0 if all is well, and 1 after printing what is not."""
    parser = argparse.ArgumentParser(prog="python -m authoring.slides", description=__doc__)
    root = Path(__file__).resolve().parent.parent
    reveal = Path(sys.prefix) / "node_modules" / "reveal.js"
    parser.add_argument("names", nargs="*", metavar="NAME", help="a lesson, such as 01_padding")
    parser.add_argument("--root", type=Path, default=root, help="the repository")
    parser.add_argument("--target", type=Path, help=f"the folder of the slides; {TARGET}")
    parser.add_argument("--reveal", type=Path, default=reveal, help="the package reveal.js")
    options = parser.parse_args(arguments)
    target = options.target or options.root / TARGET
    try:
        github = site.repository(options.root, os.environ)
        faults = build(options.root.resolve(), target, options.reveal, github, options.names)
    except AuthoringError as error:
        faults = list(error.faults)
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        print(f"{target / 'index.html'}: built")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
