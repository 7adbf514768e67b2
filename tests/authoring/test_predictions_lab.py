"""Predictions in JupyterLab: what answers one is out of sight until its cell runs."""

from pathlib import Path

import nbformat
import pytest
from browser import Lab, Open, make_notebook
from playwright.sync_api import Locator, expect

import masklens as ml

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LESSON = "03_propagation"


def test_a_folded_picture_shows_no_markup(lab: Lab, open_notebook: Open) -> None:
    shown = [ml.show([[True, False]]).html, ml.PaddingExplorer([[5, 6], [7]])._html]
    book = make_notebook(*map(repr, shown))
    for cell, picture in zip(book.cells, shown, strict=True):
        cell.execution_count = 1
        cell.metadata["jupyter"] = {"outputs_hidden": True}
        data = {"text/html": picture, "text/plain": "picture"}
        cell.outputs = [nbformat.v4.new_output("execute_result", data, execution_count=1)]
    lab.write("folded.ipynb", book, trusted=True)
    folded = open_notebook("folded.ipynb").page.locator(".jp-OutputPlaceholder")
    expect(folded).to_have_count(len(shown))
    assert "".join(folded.all_inner_texts()).strip() == ""


@pytest.mark.parametrize("language", ["en", "ko"])
def test_saved_outputs_behind_a_prediction_wait_for_their_cell(
    lab: Lab, open_notebook: Open, language: str
) -> None:
    name = f"{LESSON}-{language}.ipynb"
    book = nbformat.read(ROOT / "notebooks" / language / f"{LESSON}.ipynb", as_version=4)
    hidden = [cell.metadata.get("jupyter", {}).get("outputs_hidden", False) for cell in book.cells]
    place = hidden.index(True)
    known = [cell.metadata.get("masklens", {}) for cell in book.cells]
    asked = max(number for number in range(place) if "prediction" in known[number])
    reason = next(number for number in range(place, len(known)) if "why" in known[number])
    # These cells alone, so that all of them are on the screen.
    setup = [cell for cell in book.cells[:asked] if cell.cell_type == "code"]
    book.cells = [*setup, *book.cells[asked : reason + 1]]
    shift = len(setup) - asked
    lab.write(name, book, trusted=True)
    notebook = open_notebook(name)
    page = notebook.page

    def cell_at(number: int) -> Locator:
        page.evaluate("place => jupyterapp.shell.currentWidget.content.scrollToItem(place)", number)
        return page.locator(f'.jp-Cell[data-windowed-list-index="{number}"]')

    card = cell_at(asked + shift)
    expect(card.locator("blockquote li").first).to_be_visible()
    cell = cell_at(place + shift)
    expect(cell.locator(".jp-OutputPlaceholder")).to_be_visible()
    expect(cell.locator(".jp-OutputArea-output")).to_have_count(0)
    why = cell_at(reason + shift)
    expect(why.locator("details summary")).to_be_visible()
    expect(why.locator("details p").first).to_be_hidden()
    why.locator("summary").click()
    expect(why.locator("details p").first).to_be_visible()
    for number in range(place + shift + 1):
        if book.cells[number].cell_type == "code":
            notebook.run_cell(number)
    cell = cell_at(place + shift)
    expect(cell.locator(".jp-OutputPlaceholder")).to_be_hidden()
    assert notebook.outputs(place + shift)
