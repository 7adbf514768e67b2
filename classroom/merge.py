"""Merges the course's news into one notebook of a student: git's merge driver, set by pull.py.

Run by git in the student's copy: python classroom/merge.py BASE MINE THEIRS NAME. As git asks of a
driver, the result replaces MINE. A line that it prints behind TOLD is for the student.
"""

from __future__ import annotations

import gettext
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
from nbdime.merging.decisions import apply_decisions
from nbdime.merging.notebooks import decide_notebook_merge
from nbformat.sign import NotebookNotary

TOLD = "course-update: "

# With use-local, the only strategy of git-nbmergedriver that keeps what a student wrote, nbdime
# drops the course's cells where both inserted some, and cells of either where a cell was moved.
# Its union drops none, but the command does not offer it for cells.
STRATEGIES = SimpleNamespace(
    merge_strategy="union",
    input_strategy="use-local",
    output_strategy="use-local",
    ignore_transients=True,
    log_level="ERROR",
)
LANGUAGE = os.environ.get("MASKLENS_LANGUAGE") or "en"
WORDS = Path(__file__).with_name("locale")
_ = gettext.translation("classroom", WORDS, [LANGUAGE], fallback=True).gettext


def merge(base: Any, mine: Any, theirs: Any) -> Any:
    """Merges two notebooks; a cell whose text the student changed stays as the student left it.

    Args:
        base: the notebook as both had it; its cells and theirs have ids that stay.
        mine: the student's.
        theirs: the course's.

    Returns:
        A notebook with each of the student's cells, and with the course's changes to the others.

    Raises:
        Exception: of whatever kind, where nbdime cannot merge the three.
    """
    decisions = decide_notebook_merge(base, mine, theirs, STRATEGIES)
    for decision in decisions:
        if decision.conflict:  # about metadata
            decision.action, decision.conflict = "local", False
    merged = apply_decisions(base, decisions)
    # A cell that one moved and the other changed comes twice, and one that the student deleted
    # comes again. Each is wanted once, where it first stands; and code with the outputs it had.
    old, own, new = ({cell.id: cell for cell in book.cells} for book in (base, mine, theirs))
    once = {cell.id: cell for cell in merged.cells if cell.id in own or cell.id not in old}
    for cell in theirs.cells:
        untouched = own.get(cell.id) == old.get(cell.id)
        if cell.id in once and (untouched or _text(cell) != _text(old.get(cell.id))):
            once[cell.id] = cell
    for cell in mine.cells:
        untouched = new.get(cell.id) == old.get(cell.id)
        if untouched or _text(cell) != _text(old.get(cell.id)):
            once[cell.id] = cell
    merged.cells = list(once.values())
    nbformat.validate(merged)
    return merged


def _text(cell: Any) -> str | None:
    return cell.source if cell else None


def main(base: str, mine: str, theirs: str, name: str) -> None:
    """Merges three files into the second; where they cannot be merged, the student's stands."""
    try:
        books = [nbformat.read(path, as_version=4) for path in (base, mine, theirs)]
        merged = merge(*books)
    except Exception as error:  # an unreadable file, or a case that nbdime does not know
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        apart = _(
            "`{name}` could not be merged with the course's ({reason}). Yours was kept. To see the "
            "course's, rename your notebook and start your server again."
        )
        print(TOLD + apart.format(name=name, reason=reason))
        return
    old, new = ({cell.id: cell.source for cell in book.cells} for book in (books[0], books[2]))
    both = [
        _("cell {number} (`{first}`)").format(
            number=number, first=next(iter(cell.source.splitlines()), "")
        )
        for number, cell in enumerate(merged.cells, 1)
        if cell.id in old.keys() & new.keys()
        and len({old[cell.id], new[cell.id], cell.source}) == 3
    ]
    if both:
        kept = _(
            "In `{name}` you and the course changed the same cells: {cells}. Yours were kept. To "
            "see the course's, rename your notebook and start your server again."
        )
        print(TOLD + kept.format(name=name, cells=", ".join(both)))
    # Written whole, or on a full disk git would take a half of it for the result.
    coming = Path(".git", "coming.ipynb")
    nbformat.write(merged, coming)
    coming.replace(mine)
    notary = NotebookNotary()
    if notary.check_signature(books[1]):  # Jupyter showed its outputs, and shall again
        notary.sign(merged)


if __name__ == "__main__":
    main(*sys.argv[1:])
