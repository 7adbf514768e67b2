"""Makes slides of the lessons from the committed notebooks: python -m authoring.slides."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from jinja2 import Template
from nbconvert.exporters import SlidesExporter
from nbformat import NotebookNode
from traitlets.config import Config

from authoring import course, layout, notebook, prediction, words
from authoring.layout import AuthoringError, Fault
from masklens.explorers.widget import FRONT_END

TARGET = Path("docs/_build/slides")
# A template of nbconvert, and the page that lists the decks.
_TEMPLATE = Path("docs/slides")
_STATIC = Path("docs/static")
_REVEAL = ("reveal.js", "reveal.css")
_INSTALL = "run `make slides`, or `npm install --prefix {} reveal.js@6.0.2`"
_LINK = re.compile(r'href="(\d\d_\w+)\.ipynb"')
# An explorer as its picture, which page.js brings to life.
_SHOWN = ["image/png", "text/html", "text/plain"]
_SKIP = {"slide_type": "skip"}


def build(root: Path, target: Path, reveal: Path, names: Sequence[str] = ()) -> None:
    """Makes the slides of lessons in every language.

    Args:
        root: the repository.
        target: the folder of the slides; what stands in it is replaced.
        reveal: the folder of the package reveal.js.
        names: the lessons, such as ``01_padding``; all of them by default.

    Raises:
        AuthoringError: reveal.js, a lesson or its notebook is missing, or no cell of it is a slide.
    """
    if not (reveal / "dist" / "reveal.js").is_file():
        remedy = _INSTALL.format(reveal.parent.parent)
        raise AuthoringError([Fault(str(reveal), "", "no reveal.js here", remedy)])
    chosen = _chosen(root, names)
    titles: dict[str, dict[str, str]] = {}
    pages: dict[str, str] = {}
    for language in course.codes(root):
        titles[language] = {}
        for name in chosen:
            book = notebook.require(root, root / "notebooks" / language / f"{name}.ipynb")
            titles[language][name] = book.metadata.title
            pages[f"{language}/{name}.html"] = _deck(root, name, language, book, chosen)
    decks = Template((root / _TEMPLATE / "decks.html.j2").read_text("utf-8"), autoescape=True)
    speakers = {language: words.speaker(root, language) for language in titles}
    pages["index.html"] = decks.render(titles=titles, speakers=speakers) + "\n"
    shutil.rmtree(target, ignore_errors=True)
    _write_assets(root, reveal, target / "assets")
    for path, text in pages.items():
        layout.write(target / path, text.encode())


def _chosen(root: Path, names: Sequence[str]) -> list[str]:
    """The lessons of these names, in their order; all of them without names."""
    known = [lesson.name for lesson in course.read(root).lessons]
    remedy = f"name one of: {', '.join(known)}"
    if unknown := [name for name in names if name not in known]:
        raise AuthoringError([Fault(name, "", "no such lesson", remedy) for name in unknown])
    return [name for name in known if not names or name in names]


def _deck(root: Path, name: str, language: str, book: NotebookNode, names: Collection[str]) -> str:
    """The page with the slides of a lesson."""
    # A cell without a word from its author is skipped.
    slideshows = [cell.metadata.setdefault("slideshow", dict(_SKIP)) for cell in book.cells]
    if all(slideshow == _SKIP for slideshow in slideshows):
        source = f"content/lessons/{name}.py"
        remedy = 'mark the first cell of each slide: # %% id="what-it-shows" slide'
        raise AuthoringError([Fault(source, "", "no cell is a slide", remedy)])
    exporter = SlidesExporter(
        config=Config({"NbConvertBase": {"display_data_priority": _SHOWN}}),
        extra_template_basedirs=[str(root / _TEMPLATE.parent)],
        template_name=_TEMPLATE.name,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    known = course.read(root).languages
    others = {each.code: each.name for each in known if each.code != language}
    speak = words.speaker(root, language)
    prediction.as_cards(book, speak, wraps=False)
    resources = {"name": name, "language": language, "others": others, "speak": speak}
    html, _ = exporter.from_notebook_node(book, resources)
    # Lessons link to lessons: so do their slides, to those that are made with them.
    return _LINK.sub(lambda link: f'href="{link[1]}.html"' if link[1] in names else "", html)


def _write_assets(root: Path, reveal: Path, folder: Path) -> None:
    """Writes what all slides share, so that they need no network."""
    folder.mkdir(parents=True)
    for file in _REVEAL:
        shutil.copy(reveal / "dist" / file, folder)
    shutil.copy(reveal / "LICENSE", folder / "reveal-LICENSE")
    shutil.copy(FRONT_END / "page.js", folder)
    shutil.copy(root / _TEMPLATE / "slides.css", folder)
    for name in ("predictions.js", "predictions.css"):
        shutil.copy(root / _STATIC / name, folder)


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
        build(options.root.resolve(), target, options.reveal, options.names)
    except AuthoringError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{target / 'index.html'}: built")
    return 0


if __name__ == "__main__":
    sys.exit(main())
