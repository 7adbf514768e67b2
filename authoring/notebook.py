"""Makes a notebook of a source in one language, not yet executed."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from polib import POEntry

from authoring import catalog as translations
from authoring import cells, contents, exercise, layout, lists, prediction, words
from authoring.blocks import PLACEHOLDER, without_marks
from authoring.cells import Cell, Source
from authoring.layout import AuthoringError, Fault, notebook_path, po_path, relative
from authoring.source import with_language

BRANCH = "main"
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
_nbformat: Any = nbformat  # typed as a package, but its functions carry no hints
_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
# What ipykernel reports, without the version number of the Python that happened to run.
_LANGUAGE_INFO = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}

# The cell that makes the library known where it is not installed.
FIRST = "masklens"
# Jupyter folds the cell by its metadata, Colab to the form that the first line gives a title.
_FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}
# Without their dependencies, which Colab has, and not in place of what is there.
_INSTALL = """\
import importlib.util

if importlib.util.find_spec("masklens") is None:
    import subprocess
    import sys

    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    library = "masklens @ git+https://github.com/{github}"
    subprocess.run([*pip, library, "anywidget", "psygnal"], check=True)
    importlib.invalidate_caches()"""


def translate(
    root: Path,
    source: Source,
    language: str,
    catalog: Mapping[translations.Key, POEntry] | None,
    github: str | None,
    edition: str,
) -> tuple[NotebookNode, list[Fault]]:
    """Makes a notebook of a source in one language; what has no translation stays English.

    Args:
        root: the repository.
        source: the lesson, or the exercises.
        language: the code of the language, such as ``ko``.
        catalog: the translations, or None for English.
        github: ``owner/name`` of the repository to link to, or None.
        edition: the folder it is built to; in "exercises", stubs stand for the solutions.

    Returns:
        The notebook, none of its cells executed, and a fault for each block without a translation,
        and for each placeholder that stands for nothing or was not kept.
    """
    listed = contents.read(root, language)
    notebook = _nbformat.v4.new_notebook()
    if github:
        notebook.cells.append(first_cell(root, _INSTALL.format(github=github), language))
    place = relative(root, po_path(root, source.path, language))
    values = lists.notebook_values(listed, source.path)
    faults: list[Fault] = []
    helping = exercise.help_behind(source.cells, listed.say)
    for cell in source.cells:
        text = translations.in_language(cell, catalog, place, faults)
        if cell.kind == "markdown":
            faults += _wrong_placeholders(root, source, cell, text, language, values)
            text = prediction.in_notebook(cell, lists.filled(text, values))
        else:
            text = exercise.stubbed(text) if edition == layout.EXERCISES else text
            text = without_marks(with_language(text, language))
        notebook.cells.append(_node(cell, text))
        notebook.cells += [_node(one, one.text) for one in helping.get(cell.id, ())]
    if following := lists.next_cell(listed, source.path):
        notebook.cells.append(markdown_cell(following, cells.NEXT))
    path = relative(root, notebook_path(root, source.path, language, edition))
    links = lists.links_cell(listed, source.path)
    links += _hosted_links(listed, github, path) if github else ""
    notebook.cells.append(markdown_cell(links, cells.LINKS))
    notebook.metadata.update(metadata(notebook, language))
    return notebook, faults


def _node(cell: Cell, text: str) -> NotebookNode:
    new_cell = getattr(_nbformat.v4, f"new_{cell.kind}_cell")
    node: NotebookNode = new_cell(text, id=cell.id, metadata=dict(cell.metadata))
    return node


def first_cell(root: Path, code: str, language: str) -> NotebookNode:
    """A folded cell that makes the library known where it is not installed.

    Args:
        root: the repository.
        code: what it runs.
        language: the language that its title is in.
    """
    _ = words.speaker(root, language)
    title = _("Run this cell first: it brings masklens, the library of this course")
    cell: NotebookNode = _nbformat.v4.new_code_cell(
        f"# @title {title}\n{code}", id=FIRST, metadata=_FOLDED
    )
    return cell


def markdown_cell(text: str, cell_id: str) -> NotebookNode:
    """A cell of Markdown."""
    cell: NotebookNode = _nbformat.v4.new_markdown_cell(text, id=cell_id)
    return cell


def of_markdown(text: str) -> NotebookNode:
    """A notebook of one cell of Markdown, which has no name."""
    cell = {"cell_type": "markdown", "id": "", "source": text}
    book: NotebookNode = _nbformat.from_dict({"cells": [cell]})
    return book


def read(root: Path, path: Path) -> NotebookNode | None:
    """Reads a built notebook; None if there is none.

    Raises:
        AuthoringError: the file is no notebook.
    """
    if not path.exists():
        return None
    try:
        notebook: NotebookNode = _nbformat.read(path, as_version=4)
    except ValueError as error:
        fault = Fault(relative(root, path), "", "not a notebook", "delete it and build")
        raise AuthoringError([fault]) from error
    return notebook


def require(root: Path, path: Path) -> NotebookNode:
    """Reads a built notebook that has to be there.

    Raises:
        AuthoringError: there is none, or the file is no notebook.
    """
    book = read(root, path)
    if book is None:
        raise AuthoringError(
            [Fault(relative(root, path), "", "no notebook", "build it: make build")]
        )
    return book


def write(path: Path, notebook: NotebookNode) -> None:
    """Writes a valid notebook, as `serialized` says.

    Raises:
        nbformat.ValidationError: the notebook is not valid nbformat 4.5.
    """
    nbformat.validate(notebook)
    layout.write(path, serialized(notebook))


def serialized(notebook: NotebookNode) -> bytes:
    """A notebook as a file holds it, its keys sorted and its last line ended."""
    return bytes((_nbformat.writes(notebook).rstrip("\n") + "\n").encode())


def metadata(notebook: NotebookNode, language: str) -> dict[str, object]:
    """The metadata of a notebook, without the widgets that its execution leaves."""
    headings = (
        re.match(r"# (.+)", cell.source) for cell in notebook.cells if cell.cell_type == "markdown"
    )
    title = next((heading[1] for heading in headings if heading), "")
    return {
        "kernelspec": dict(_KERNEL),
        "language_info": dict(_LANGUAGE_INFO),
        "masklens": {"language": language},
        "title": title,
    }


def page(github: str, path: str, branch: str = BRANCH) -> str:
    """The address at GitHub of a file of the repository."""
    return f"https://github.com/{github}/blob/{branch}/{path}"


def colab_page(github: str, path: str, branch: str = BRANCH) -> str:
    """The address at which Colab opens a notebook of the repository."""
    return f"https://colab.research.google.com/github/{github}/blob/{branch}/{path}"


def move_links(text: str, folder: Path, place: Callable[[Path], str | None]) -> str:
    """Markdown that stands elsewhere than it was written: its relative links led to new addresses.

    Args:
        text: the Markdown.
        folder: where its links begin.
        place: the new address of a file; None leaves nothing of a link but its words.
    """

    def moved(link: re.Match[str]) -> str:
        words, address = link.groups()
        if re.match(r"[a-z]+:|#", address):
            return link[0]
        path, mark, anchor = address.partition("#")
        target = place(Path(os.path.normpath(folder / path)))
        return words if target is None else f"[{words}]({target}{mark}{anchor})"

    return _LINK.sub(moved, text)


def _wrong_placeholders(
    root: Path, source: Source, cell: Cell, text: str, language: str, known: Collection[str]
) -> Iterator[Fault]:
    """The placeholders of a cell that stand for nothing, or that its translation has not kept."""
    wanted, found = (Counter(PLACEHOLDER.findall(one)) for one in (cell.text, text))
    for name in wanted.keys() - known:
        place = f"{relative(root, source.path)}:{cell.line}"
        remedy = f"fill it in, or write one of: {', '.join(known)}"
        yield Fault(place, cell.id, f"nothing stands for {{{{{name}}}}}", remedy)
    for name in (wanted - found) + (found - wanted):
        place = relative(root, po_path(root, source.path, language))
        wrong = f"{{{{{name}}}}} stands {found[name]} times, not {wanted[name]}"
        yield Fault(place, cell.id, wrong, "keep it as it is in the original")


def _hosted_links(listed: contents.Contents, github: str, path: str) -> str:
    _ = listed.say
    download = _("download")
    colab = colab_page(github, path)
    raw = f"https://raw.githubusercontent.com/{github}/{BRANCH}/{path}"
    return f" · [Colab]({colab}) · [GitHub]({page(github, path)}) · [{download}]({raw})"
