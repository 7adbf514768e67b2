"""The explorers in JupyterLab: with a kernel, after its end, saved, and not trusted."""

import shutil
from copy import deepcopy

import keras
import numpy as np
import pytest
from browser import Lab, Notebook, Open, make_notebook
from drawn import MADE, SETUP, TRIES, built, check_padding
from nbformat import NotebookNode

pytestmark = pytest.mark.slow

PLACES = {name: place for place, name in enumerate(MADE, 1)}
AGAIN, CHOOSE, CHOSEN = range(len(MADE) + 1, len(MADE) + 4)
MORE = ["explorer", "explorer.choose(padding='post', maxlen=3)", "print(explorer.settings)"]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    return built(tmp_path_factory)


@pytest.fixture(scope="module")
def work(open_notebook: Open, lab: Lab) -> Notebook:
    """A notebook that has been run in JupyterLab."""
    lab.write("run.ipynb", make_notebook(SETUP, *MADE.values(), *MORE), trusted=False)
    notebook = open_notebook("run.ipynb")
    notebook.run_all()
    return notebook


# As these belong to the module, pytest runs all tests with the kernel before it ends.
@pytest.fixture(scope="module", params=["with a kernel", "kernel ended", "saved and opened"])
def notebook(request: pytest.FixtureRequest, open_notebook: Open, lab: Lab) -> Notebook:
    if request.param == "saved and opened":
        lab.write("saved.ipynb", request.getfixturevalue("book"), trusted=True)
        return open_notebook("saved.ipynb")
    notebook: Notebook = request.getfixturevalue("work")
    if request.param == "kernel ended":
        notebook.kill_kernel()
    assert (lab.kernel(notebook.name) is None) == (request.param == "kernel ended")
    return notebook


def nothing_ran(notebook: Notebook) -> bool:
    watch = notebook.watch
    assert notebook.page.locator("img[src^=x]").count() == 0
    return watch.dialogs == watch.errors == watch.outside == []


def check_settings(notebook: Notebook, **chosen: str) -> None:
    """Compares both views of the explorer with what was chosen, and with Keras."""
    for place in (PLACES["padding"], AGAIN):
        shown = notebook.explorer(place)
        assert {name: shown.chosen(name) for name in chosen} == chosen
        check_padding(shown, shown.sentences())


def test_python_and_page_stay_in_step_wherever_it_is_shown(work: Notebook) -> None:
    work.explorer(PLACES["padding"]).choose(padding="pre", maxlen=5)
    check_settings(work, padding="pre", maxlen="5")
    work.run_cell(CHOOSE)
    check_settings(work, padding="post", maxlen="3")
    second = work.explorer(AGAIN)
    second.choose(maxlen=2, mask=False)
    second.write("안녕 <b>", "", "wow!")
    check_settings(work, padding="post", maxlen="2")
    told = work.run_cell(CHOSEN)
    assert "'sentences': ['안녕 <b>', '', 'wow!']" in told and "'maxlen': 2" in told


def test_jupyterlab_leaves_the_keys_to_the_explorer(work: Notebook) -> None:
    shown = work.explorer(PLACES["padding"])
    shown.choose(padding="pre", mask=True)
    before = work.cells(), work.active_cell()
    shown.control("mask").locator("input").focus()
    # In command mode these insert a cell, move to another one and run this one.
    for key in ("b", "j", "Shift+Enter", "Space"):
        work.page.keyboard.press(key)
    assert shown.chosen("mask") is False
    shown.control("padding").locator("input:checked").press("ArrowDown")
    assert shown.chosen("padding") == "post"
    assert (work.cells(), work.active_cell()) == before


def test_after_a_restart_the_explorers_work_again_and_can_be_saved(
    work: Notebook, open_notebook: Open
) -> None:
    before = work.outputs(PLACES["padding"])[0]["data"]
    work.restart_and_run_all()
    assert work.outputs(PLACES["padding"])[0]["data"] == before
    check_settings(work, padding="post", maxlen="3")
    work.explorer(AGAIN).choose(padding="pre")
    check_settings(work, padding="pre", maxlen="3")
    assert "'padding': 'pre'" in work.run_cell(CHOSEN)

    # A copy, opened without the kernel that made it.
    work.save()
    copy = work.lab.root / "copy.ipynb"
    shutil.copyfile(work.lab.root / work.name, copy)
    again = open_notebook(copy.name)
    check_settings(again, padding="pre", maxlen="3")
    again.explorer(PLACES["padding"]).choose(maxlen=5)
    check_settings(again, padding="pre", maxlen="5")
    assert work.watch.errors == again.watch.errors == []


@pytest.mark.parametrize("name", TRIES)
def test_what_is_drawn_is_what_keras_computes(notebook: Notebook, name: str) -> None:
    rng = np.random.default_rng([11, PLACES[name]])
    shown = notebook.explorer(PLACES[name])
    for _ in range(2):
        TRIES[name](shown, rng)
    assert nothing_ran(notebook)


def test_a_notebook_that_is_not_trusted_shows_pictures_and_runs_nothing(
    open_notebook: Open, lab: Lab, book: NotebookNode
) -> None:
    mine = deepcopy(book)
    mine.cells[0].source += "\n# Changed since, by somebody."
    lab.write("strange.ipynb", mine, trusted=False)
    strange = open_notebook("strange.ipynb")
    pictures = strange.page.locator(".jp-OutputArea-output:has(table)")
    pictures.first.wait_for()
    ids = keras.utils.pad_sequences([[1] * 3, [1] * 5, [1] * 2])
    squares = pictures.first.locator("table").nth(1).locator("tr:nth-child(2) td")
    assert squares.all_inner_texts()[: ids.shape[1]] == ["■" if one else "□" for one in ids[0]]
    assert strange.page.locator(".masklens-live").count() == 0
    assert nothing_ran(strange)
