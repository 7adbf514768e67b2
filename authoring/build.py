"""Builds the notebooks and pages of the course, and brings its PO files up to date."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from authoring import catalog as translations
from authoring import course, fingerprint, layout, notebook, pages, prediction, source, words
from authoring.execute import CellError, execute
from authoring.layout import AuthoringError, Fault, full_name, relative


@dataclass(frozen=True)
class Order:
    """How to build.

    Args:
        github: ``owner/name`` of the repository to link to, or None.
        all: execute the notebooks whose code did not change, too.
        draft: let what has no translation stay English.
    """

    github: str | None = None
    all: bool = False
    draft: bool = False


def chosen_sources(
    root: Path,
    names: Sequence[str],
    paths_of: Callable[[Path], list[Path]] = layout.source_paths,
) -> list[Path]:
    """The sources whose names begin so; all of them without names.

    Args:
        root: the repository.
        names: such as ``01`` for a lesson and its exercises, or ``exercises/01`` for these alone.
        paths_of: lists the sources of the repository to choose from.

    Raises:
        AuthoringError: there is no source of a name.
    """
    paths = paths_of(root)
    chosen = {
        name: [
            path for path in paths if path.stem.startswith(name) or full_name(path).startswith(name)
        ]
        for name in names
    }
    known = ", ".join(map(full_name, paths)) or "none"
    if unknown := [name for name in names if not chosen[name]]:
        raise AuthoringError(
            [Fault(name, "", "no such source", f"choose from: {known}") for name in unknown]
        )
    return [path for path in paths if not names or any(path in found for found in chosen.values())]


def build(
    root: Path,
    paths: Sequence[Path],
    languages: Sequence[str],
    order: Order,
    jobs: int = 2,
) -> list[Fault]:
    """Builds the notebooks and pages of sources in languages; a faulty one is left as it was.

    Args:
        root: the repository.
        paths: the sources.
        languages: the codes of the languages.
        order: how to build.
        jobs: how many notebooks to build at a time.

    Returns:
        Every fault found, of every notebook.
    """

    def build_one(task: tuple[Path, str, str]) -> list[Fault]:
        try:
            if task[0].suffix == ".md":
                return _build_page(root, *task[:2], order)
            print(_build_notebook(root, *task, order), flush=True)
        except AuthoringError as error:
            return list(error.faults)
        return []

    tasks = [
        (path, language, edition)
        for path in paths
        for edition in layout.editions(path)
        for language in languages
    ]
    with ThreadPoolExecutor(jobs) as pool:
        found = [fault for faults in pool.map(build_one, tasks) for fault in faults]
    return list(dict.fromkeys(found))  # a faulty source is met once per notebook


def _build_notebook(root: Path, path: Path, language: str, edition: str, order: Order) -> str:
    """Builds one notebook, executing it only if its code or what its outputs come from changed.

    Returns a line that says which notebook it is, whether it was executed, and the seconds taken.
    """
    began = time.monotonic()
    new, faults = unexecuted(root, path, language, edition, order.github)
    if faults and not order.draft:
        raise AuthoringError(faults)
    target = layout.notebook_path(root, path, language, edition)
    old = notebook.read(root, target)
    if old is not None and not order.all and _is_current(root, language, old, new):
        _keep_outputs(old, new)
        done = "unchanged"
    else:
        used = _execute(root, path, target, new)
        new.metadata.update(notebook.metadata(new, language))
        new.metadata["masklens"][fingerprint.KEY] = fingerprint.made_of(root, language, used)
        done = "executed"
    prediction.hide_outputs(new)
    notebook.write(target, new)
    draft = f", {len(faults)} blocks still English" if faults else ""
    return f"{relative(root, target)}: {done} in {time.monotonic() - began:.1f} s{draft}"


def _build_page(root: Path, path: Path, language: str, order: Order) -> list[Fault]:
    """Builds one page for GitHub; one that is for the site alone is only translated."""
    text, faults = pages.translate(root, path, language)
    if faults and not order.draft:
        return faults
    if pages.is_on_github(path):
        target = layout.notebook_path(root, path, language, layout.PAGES)
        layout.write(target, pages.with_languages(root, path, language, text).encode())
    return []


def unexecuted(
    root: Path, path: Path, language: str, edition: str, github: str | None
) -> tuple[NotebookNode, list[Fault]]:
    """Reads a source and its translations into a notebook without outputs.

    Returns:
        The notebook, and a fault for each block without a translation, and for each placeholder
        that stands for nothing.

    Raises:
        AuthoringError: the source or its PO file cannot be read.
    """
    english, catalog = source.read(root, path), translations.of_source(root, path, language)
    return notebook.translate(root, english, language, catalog, github, edition)


def update(root: Path, paths: Sequence[Path], whole: bool = True, only: str = "") -> list[str]:
    """Makes PO files follow the English.

    Args:
        root: the repository.
        paths: the sources whose PO files are updated.
        whole: whether to update those of words that stand in no source, too.
        only: the code of a language whose PO files alone are updated; without, those of all.

    Returns:
        A line for each PO file: how many entries it has, and how many want a translator.

    Raises:
        AuthoringError: a source or a PO file cannot be read; no file is changed then.
    """
    codes = [only] if only else course.translations(root)
    wanted = [
        (layout.po_path(root, path, code), code, template)
        for path in paths
        for template in [translations.template(source.read(root, path))]
        for code in codes
    ]
    if whole:
        every = [each for each in words.every(root) if each.language in codes]
        wanted += [(each.po, each.language, each.english) for each in every]
    updated = [
        (path, translations.update(translations.read(root, path, code), english))
        for path, code, english in wanted
    ]
    lines = []
    for path, catalog in updated:
        translations.write(path, catalog)
        states = [translations.state(entry) for entry in catalog if not entry.obsolete]
        lines.append(
            f"{relative(root, path)}: {len(states)} entries, {states.count('missing')} missing, "
            f"{states.count('fuzzy')} fuzzy, {len(catalog.obsolete_entries())} obsolete"
        )
    return lines


def _is_current(root: Path, language: str, old: NotebookNode, new: NotebookNode) -> bool:
    """Whether the old notebook ran this very code with the library as it is, without complaint."""
    if not fingerprint.is_current(root, language, old):
        return False
    old_code, new_code = (
        [cell for cell in book.cells if cell.cell_type == "code"] for book in (old, new)
    )
    same = [(c.get("id"), c.source) for c in old_code] == [(c.id, c.source) for c in new_code]
    return same and all(cell.execution_count and not _complains(cell) for cell in old_code)


def _complains(cell: NotebookNode) -> bool:
    return any(
        output.output_type == "error" or output.get("name") == "stderr" for output in cell.outputs
    )


def _keep_outputs(old: NotebookNode, new: NotebookNode) -> None:
    ran = {cell.id: cell for cell in old.cells if cell.cell_type == "code"}
    for cell in new.cells:
        if cell.cell_type == "code":
            cell.outputs = ran[cell.id].outputs
            cell.execution_count = ran[cell.id].execution_count
    new.metadata["masklens"][fingerprint.KEY] = old.metadata["masklens"][fingerprint.KEY]
    if "widgets" in old.metadata:
        new.metadata["widgets"] = old.metadata["widgets"]


def _execute(root: Path, path: Path, target: Path, new: NotebookNode) -> dict[str, list[str]]:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        return execute(new, target.parent)
    except CellError as error:
        remedy = f"correct the cell in {relative(root, path)}; the old notebook was kept"
        raise AuthoringError(
            [Fault(relative(root, target), error.cell, error.wrong, remedy)]
        ) from error
