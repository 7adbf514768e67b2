"""The explorers in JupyterLab: with a kernel, after its end, saved, and not trusted."""

import itertools
import re
import shutil
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import keras
import nbformat
import numpy as np
import pytest
from browser import Box, Lab, Notebook, Open, Shown, make_notebook
from made_once import made_once
from nbformat import NotebookNode
from numpy.typing import NDArray

from authoring.execute import execute

# Losing a mask is what some of the models here are for.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:The padding value 0 also occurs"),
]

NASTY = "<img src=x onerror=alert(1)>"
BOTH = ["pre", "post"]

# The same text runs in the notebook and here, so that both have the same sequences and models.
SETUP = f"""
import keras

SEQUENCES = [[5, 8, 3], [9, 4, 7, 6, 2], [0, 11]]
TOKENS = [[{NASTY!r}, "world", "!"], ["How", "are", "you", "doing", "today"], ["<b>", "bye"]]

keras.utils.set_random_seed(0)
IDS = keras.utils.pad_sequences(SEQUENCES, padding="post")
READER = keras.Sequential(
    [
        keras.layers.Embedding(12, 4, mask_zero=True, name="embedding"),
        keras.layers.Bidirectional(keras.layers.LSTM(3), name="reader"),
    ]
)
LOSER = keras.Sequential(
    [
        keras.layers.Embedding(12, 4, mask_zero=True, name="embedding"),
        keras.layers.Conv1D(4, 2, name={NASTY!r}),
        keras.layers.LSTM(3, name="lstm"),
    ]
)
READER(IDS)
LOSER(IDS)
"""

# The cells that show explorers, by their place in the notebook.
CELLS = [
    SETUP + "import masklens as ml",
    "ml.PaddingExplorer(SEQUENCES, TOKENS, maxlens=[2, 5], values=[0, 4])",
    """
    ml.PropagationExplorer(SEQUENCES, middles=["dense", "plain", "flatten", "attention"])
    """,
    """
    batch = ml.pad(SEQUENCES, padding="post")
    ml.PropagationExplorer.from_models({"reader": READER, "loser": LOSER}, batch, probe=False)
    """,
    "ml.TimestepExplorer(READER, batch, tokens=TOKENS)",
    "ml.PaddingExplorer(SEQUENCES, TOKENS, maxlens=[2, 5], values=[0, 4], predict=True)",
]
PADDING, PROPAGATION, OWN, TIMESTEPS, PREDICT = range(1, len(CELLS))
# What a careless page would take for the end of a script, and for a comment in one.
WORSE = "</SCRIPT><img src=x onerror=alert(1)>", "<!--<script>"
# More cells, for the tests of pages: a nasty explorer, widgets that are none, and a small one.
MORE = [
    f"ml.PaddingExplorer([[1, 2]], [{WORSE!r}], maxlens=[3, 4], values=[0], predict=True)",
    "import ipywidgets\nipywidgets.IntSlider()",
    "import anywidget\nanywidget.AnyWidget()",
    "ml.PaddingExplorer([[1, 2]], [['one', 'two']], maxlens=[3], values=[0])",
]


@cache
def defined() -> dict[str, Any]:
    """What the first cell of the notebook defines."""
    names: dict[str, Any] = {}
    exec(SETUP, names)
    return names


@pytest.fixture(scope="module")
def same() -> dict[str, Any]:
    return defined()


@pytest.fixture(scope="module")
def just_run(open_notebook: Open, lab: Lab) -> Notebook:
    """A notebook that has been run in JupyterLab."""
    lab.write("run.ipynb", make_notebook(*CELLS), trusted=False)
    notebook = open_notebook("run.ipynb")
    notebook.run_all()
    return notebook


def built(factory: pytest.TempPathFactory) -> NotebookNode:
    """The notebook with all cells, executed as the build does it."""

    def build(folder: Path) -> None:
        book = make_notebook(*CELLS, *MORE)
        execute(book, folder)
        nbformat.write(book, folder / "book.ipynb")

    return nbformat.read(made_once(factory, "explorers", build) / "book.ipynb", as_version=4)


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    """A notebook executed as the build does it."""
    notebook = built(tmp_path_factory)
    notebook.cells = notebook.cells[: len(CELLS)]
    return notebook


# As these belong to the module, pytest runs all tests with the kernel before it ends.
@pytest.fixture(scope="module", params=["with a kernel", "kernel ended", "saved and opened"])
def notebook(request: pytest.FixtureRequest, open_notebook: Open, lab: Lab) -> Notebook:
    if request.param == "saved and opened":
        lab.write("saved.ipynb", request.getfixturevalue("executed"), trusted=True)
        return open_notebook("saved.ipynb")
    notebook: Notebook = request.getfixturevalue("just_run")
    if request.param == "kernel ended":
        notebook.kill_kernel()
    assert (lab.kernel(notebook.name) is None) == (request.param == "kernel ended")
    return notebook


@pytest.fixture
def few(request: pytest.FixtureRequest) -> bool:
    """Whether a few states are enough, since the same notebook is looked at elsewhere in all."""
    return request.node.callspec.params["notebook"] not in ("with a kernel", "http")


def combinations(shown: Shown, every: int = 1, **options: list[Any]) -> Iterator[dict[str, Any]]:
    """Sets the controls to each combination in turn, or to some, by those that differ."""
    before: dict[str, Any] = {}
    for values in list(itertools.product(*options.values()))[::every]:
        chosen = dict(zip(options, values, strict=True))
        shown.choose(**{name: value for name, value in chosen.items() if before.get(name) != value})
        assert shown.choices() == chosen
        yield chosen
        before = chosen


def texts(rows: list[list[Box]], *kinds: str) -> list[list[str]]:
    """The texts of the cells of some kinds, for each row but the headings."""
    return [[box.text for box in row if box.is_a(*kinds)] for row in rows[1:]]


def mask_row(row: list[Box]) -> list[bool]:
    """The squares of a row, which look and sound alike."""
    squares = [box for box in row if box.is_a("y", "n")]
    assert all(box.said == str(box.is_a("y")) for box in squares)
    return [box.is_a("y") for box in squares]


def nothing_ran(notebook: Notebook) -> bool:
    watch = notebook.watch
    assert notebook.page.locator("img[src=x]").count() == 0
    return watch.dialogs == watch.errors == watch.outside == []


def test_padding_is_what_keras_pads_and_masks(
    notebook: Notebook, same: dict[str, Any], few: bool
) -> None:
    shown = notebook.explorer(PADDING)
    sequences, tokens = same["SEQUENCES"], same["TOKENS"]
    steps = [range(len(row)) for row in sequences]
    for chosen in combinations(
        shown,
        7 if few else 1,
        padding=BOTH,
        truncating=BOTH,
        maxlen=["2", "5"],
        value=["0 (<b>)", "4 (are)"],
        mask=[True, False],
    ):
        sides = {name: chosen[name] for name in ("padding", "truncating")}
        sides["maxlen"] = int(chosen["maxlen"])
        value = int(chosen["value"].split()[0])
        origin = keras.utils.pad_sequences(steps, value=-1, **sides)
        ids = keras.utils.pad_sequences(sequences, value=value, **sides)
        tables = shown.tables()
        assert texts(tables[0], "t", "p") == [
            [words[step] if step >= 0 else f"{value} pad" for step in row]
            for words, row in zip(tokens, origin, strict=True)
        ]
        padded = (origin < 0).sum(axis=1)
        assert texts(tables[0], "p") == [[f"{value} pad"] * count for count in padded]
        assert texts(tables[0], "x") == [
            [word for step, word in enumerate(words) if step not in row]
            for words, row in zip(tokens, origin, strict=True)
        ]
        assert f"{padded.sum()} of {origin.size} places" in shown.said()
        mask = None
        if chosen["mask"]:
            mask = np.asarray(keras.layers.Embedding(1, 1, mask_zero=True).compute_mask(ids))
            assert [mask_row(row) for row in tables[1][1:]] == mask.tolist()
        else:
            assert len(tables) == 1
        names = {"keras": keras, "sequences": sequences}
        exec(shown.root.locator("pre").inner_text(), names)
        assert np.array_equal(names["padded"], ids)
        assert np.array_equal(names["mask"], mask)
    assert nothing_ran(notebook)


Mask = NDArray[np.bool_] | None


def masks_of(outputs: Mapping[str, Any], inputs: Any, padding: str) -> dict[str, Mask]:
    """The mask behind each layer: that of a model that is cut off there."""
    ids = keras.utils.pad_sequences(defined()["SEQUENCES"], padding=padding)
    masks = {}
    for name, output in outputs.items():
        mask = getattr(keras.Model(inputs, output)(ids), "_keras_mask", None)
        masks[name] = None if mask is None else np.asarray(mask)
    return masks


class Activation(keras.layers.Layer):
    """A layer that says nothing about masks."""

    def call(self, inputs: Any) -> Any:
        return keras.ops.relu(inputs)


@cache
def stack(middle: str, *, mask_zero: bool) -> tuple[Any, dict[str, Any], dict[str, list[str]]]:
    """A model of each kind: its input, the output of each layer, and what each layer takes."""
    inputs = keras.Input((5,), dtype="int32")
    outputs = {"embedding": keras.layers.Embedding(12, 8, mask_zero=mask_zero)(inputs)}
    takes: dict[str, list[str]] = {"embedding": []}

    def add(name: str, layer: Any, *before: str, several: bool = False) -> None:
        values = [outputs[one] for one in before]
        outputs[name] = layer(values) if several else layer(*values)
        takes[name] = list(before)

    last: tuple[str, Any] = ("lstm", keras.layers.LSTM(8))
    if middle == "attention":
        attention = keras.layers.MultiHeadAttention(2, 4)
        add("attention", attention, "embedding", "embedding")
        add("add", keras.layers.Add(), "embedding", "attention", several=True)
    elif middle == "dense":
        add("dense", keras.layers.Dense(8), "embedding")
    elif middle == "plain":
        add("activation", Activation(), "embedding")
    else:
        add("flatten", keras.layers.Flatten(), "embedding")
        last = ("dense", keras.layers.Dense(8))
    add(*last, list(outputs)[-1])
    return inputs, outputs, takes


@cache
def stack_masks(middle: str, mask_zero: bool, padding: str) -> dict[str, Mask]:
    """The masks in a model of each kind."""
    inputs, outputs, _takes = stack(middle, mask_zero=mask_zero)
    return masks_of(outputs, inputs, padding)


@cache
def own_masks(name: str, padding: str) -> dict[str, Mask]:
    """The masks in a model of the first cell."""
    model = defined()[name]
    return masks_of({layer.name: layer.output for layer in model.layers}, model.inputs[0], padding)


def effect(taken: list[Mask], given: Mask, layer: str) -> str:
    """What a layer does to the mask, told from the masks before and behind it."""
    before = next((mask for mask in taken if mask is not None), None)
    if before is None:
        return "none" if given is None else "creates"
    if given is not None:
        return "passes" if np.array_equal(before, given) else "changes"
    return "ends" if layer in ("lstm", "reader") else "drops"


# The squares of the pictures of masks, told by the colour in the middle of each.
_READ_TRACE = """async (root, [rows, columns]) => {
    const squares = async image => {
        const drawn = new Image();
        drawn.src = image.src;
        await drawn.decode();
        const canvas = new OffscreenCanvas(columns * 10, rows * 10);
        const context = canvas.getContext("2d");
        context.drawImage(drawn, 0, 0, columns * 10, rows * 10);
        const filled = (row, column) => {
            const pixel = context.getImageData(column * 10 + 2, row * 10 + 5, 1, 1).data;
            return pixel[3] > 128 && pixel[2] > pixel[0] + 50;
        };
        return [...Array(rows).keys()].map(
            row => [...Array(columns).keys()].map(column => filled(row, column)));
    };
    const layers = {};
    for (const row of root.querySelectorAll(".masklens-trace tr:has(th[scope=row])")) {
        const [said, mask] = row.querySelectorAll("td:not(.r)");
        layers[row.querySelector("th b").textContent] = {
            said: [...said.querySelectorAll("span")].map(one => one.textContent),
            masks: await Promise.all([...mask.querySelectorAll("img")].map(squares)),
        };
    }
    return layers;
}"""

# What a row says a call does to the mask.
EFFECTS = {
    "makes the mask": "creates",
    "passes it on": "passes",
    "changes it": "changes",
    "uses it, and it ends here": "ends",
    "takes it, and it ends here": "ends",
    "does not pass it on": "drops",
    "loses it": "drops",
}


def check_trace(
    shown: Shown,
    masks: dict[str, Mask],
    takes: dict[str, list[str]],
    lost: str = "",
) -> None:
    """Compares the trace that is shown with the masks behind the layers."""
    layers = shown.root.evaluate(_READ_TRACE, [3, 5])
    for name, mask in masks.items():
        taken = [masks[one] for one in takes[name]]
        told = effect(taken, mask, name)
        said = [EFFECTS[words] for words in layers[name]["said"] if words in EFFECTS]
        assert said == [told] * (told != "none")
        # A mask is drawn where it is new.
        new = told in ("creates", "changes")
        assert layers[name]["masks"] == ([mask.tolist()] if mask is not None and new else [])
    found = re.search(r"The mask is lost at (.+?)\. ", shown.said() + " ")
    assert (found[1] if found else "") == lost


@cache
def growth(code: str, padding: str) -> tuple[float, ...] | None:
    """How far the output of a model moves when it gets more padding, and its largest number."""
    names: dict[str, Any] = {}
    exec(code, names)
    model, sequences = names["model"], names["sequences"]
    try:
        alone = np.concatenate([model(np.array([row])) for row in sequences])
    except ValueError:
        return None
    moved = []
    for length in (5, 10, 20):
        ids = keras.utils.pad_sequences(sequences, length, padding=padding)
        moved.append(float(np.abs(np.asarray(model(ids)) - alone).max()))
    return float(np.abs(alone).max()), *moved


def test_propagation_is_that_of_the_layers_behind_each_other(notebook: Notebook, few: bool) -> None:
    shown = notebook.explorer(PROPAGATION)
    middles = {
        "Dense": "dense",
        "MyActivation": "plain",
        "Flatten": "flatten",
        "x + MultiHeadAttention(x)": "attention",
    }
    every = 5 if few else 1
    options = {"mask_zero": [True, False], "middle": list(middles), "padding": BOTH}
    for chosen in combinations(shown, every, **options):
        middle, mask_zero = middles[chosen["middle"]], chosen["mask_zero"]
        takes = stack(middle, mask_zero=mask_zero)[-1]
        masks = stack_masks(middle, mask_zero, chosen["padding"])
        # Flatten and attention let padding in themselves: the token 0 is masked, and as a query it
        # looks everywhere.
        loses = mask_zero and middle == "plain"
        check_trace(shown, masks, takes, "activation" if loses else "")
        found = growth(shown.root.locator("pre[data-copy]").inner_text(), chosen["padding"])
        moves = found is None or max(found[1:]) > 1e-5 * found[0]
        assert ("Padding gets in at" in shown.said()) == moves
        if found is None:
            assert chosen["middle"] == "Flatten"
            assert "does not run" in shown.root.locator(".facts .bad").inner_text()
            continue
        bars = [float(row[1].text) for row in shown.tables()[-1]]
        assert bars == pytest.approx(found, rel=0.06, abs=1.1e-5 * found[0])
    assert nothing_ran(notebook)


def test_models_of_ones_own_are_traced_alike(notebook: Notebook) -> None:
    shown = notebook.explorer(OWN)
    for chosen in combinations(shown, model=["reader", "loser"], padding=BOTH):
        masks = own_masks(chosen["model"].upper(), chosen["padding"])
        names = list(masks)
        takes = {name: names[place - 1 : place] for place, name in enumerate(names)}
        lost = NASTY if chosen["model"] == "loser" else ""
        check_trace(shown, masks, takes, lost)
    assert nothing_ran(notebook)


@cache
def hidden_states(direction: str) -> list[NDArray[np.float32]]:
    """The states of the LSTM at every timestep, with the mask and without: (batch, time, units)."""
    same = defined()
    embedding, both = same["READER"].layers
    layer = both.forward_layer if direction == "forward" else both.backward_layer
    backwards = direction == "backward"
    again = keras.layers.LSTM(3, return_sequences=True, go_backwards=backwards)
    features = np.asarray(embedding(same["IDS"]))
    again.build(features.shape)
    again.set_weights(layer.get_weights())
    states = [again(features, mask=same["IDS"] != 0), again(features)]
    order = slice(None, None, -1 if backwards else 1)
    return [np.asarray(one)[:, order] for one in states]


def heat_row(rows: list[list[Box]], name: str) -> list[Box]:
    return next(row[1:] for row in rows if row[0].text == name)


def test_timesteps_grow_as_the_layer_gives_them_out(
    notebook: Notebook, same: dict[str, Any], few: bool
) -> None:
    shown = notebook.explorer(TIMESTEPS)
    rows = shown.control("row").locator("option").all_inner_texts()
    assert len(rows) == 3
    every, steps = 7 if few else 1, list(map(str, range(5)))
    for chosen in combinations(
        shown, every, row=rows, direction=["forward", "backward"], step=steps
    ):
        row, turn = rows.index(chosen["row"]), int(chosen["step"])
        states = hidden_states(chosen["direction"])
        order = list(range(5)) if chosen["direction"] == "forward" else list(range(4, -1, -1))
        read = order[: turn + 1]
        mask = same["IDS"][row] != 0
        for table, state, reads in zip(
            shown.tables(), states, (mask, np.ones(5, bool)), strict=True
        ):
            for unit in range(3):
                cells = heat_row(table, f"unit {unit}")
                numbers = [float(cell.text) for cell in cells]
                assert numbers == pytest.approx(state[row, :, unit].tolist(), abs=6e-4)
                assert [cell.visible for cell in cells] == [step in read for step in range(5)]
                assert [cell.is_a("now") for cell in cells] == [
                    step == read[-1] for step in range(5)
                ]
                assert [cell.is_a("f") for cell in cells] == (~reads).tolist()
            # What the layer is given does not wait to be played.
            squares = heat_row(table, "read")
            assert mask_row(squares) == reads.tolist()
            assert all(cell.visible for cell in (*squares, *heat_row(table, "token")))
        assert f"imestep {read[-1]}:" in shown.said()
        assert ("skipped" in shown.said()) == (not mask[read[-1]])
    assert nothing_ran(notebook)


def test_what_is_asked_stays_hidden_until_it_is_revealed(
    notebook: Notebook, same: dict[str, Any]
) -> None:
    shown = notebook.explorer(PREDICT)
    shown.choose(padding="pre", maxlen="5", mask=True, value="0 (<b>)")
    shown.choose(padding="post")
    ids = keras.utils.pad_sequences(same["SEQUENCES"], padding="post")
    root = shown.root
    assert shown.tables() == []
    assert root.locator(".stage").is_hidden()
    buttons = root.locator(".ask button")
    assert buttons.count() == ids.size
    pressed = buttons.evaluate_all("all => all.map(one => one.getAttribute('aria-pressed'))")
    assert set(pressed) == {"false"}
    skipped = np.flatnonzero(ids.ravel() == 0)
    # One is missed, one is wrong; the others are right.
    for place in [*skipped[1:], 0]:
        buttons.nth(int(place)).click()
    root.get_by_role("button", name="Show the answer").click()
    assert f"{ids.size - 2} of {ids.size} right" in shown.said()
    assert [mask_row(row) for row in shown.tables()[1][1:]] == (ids != 0).tolist()
    marks = buttons.evaluate_all("all => all.map(one => one.textContent.includes('✓'))")
    assert [place for place, good in enumerate(marks) if not good] == sorted([0, skipped[0]])
    root.get_by_role("checkbox", name="Predict first").uncheck()
    shown.choose(padding="pre")
    assert len(shown.tables()) == 2
    root.get_by_role("checkbox", name="Predict first").check()
    shown.choose(padding="post")
    assert shown.tables() == []
    assert nothing_ran(notebook)


# What follows needs no model, so a small notebook does.
WORK = [
    SETUP.split("keras.utils.set_random_seed")[0] + "import masklens as ml",
    """
explorer = ml.PaddingExplorer(SEQUENCES, TOKENS, maxlens=[2, 3, 5], values=[0, 4])
explorer""",
    "explorer",
    "explorer.choose(padding='post', maxlen=3)",
    "print(explorer.chosen)",
    """
import numpy as np

layer = keras.layers.LSTM(2)
states = ml.TimestepExplorer(layer, np.ones((1, 4, 2)), [[True, True, False, True]], predict=True)
states""",
    "ml.PropagationExplorer(SEQUENCES, middles=['nothing', 'dense'])",
]
FIRST, SECOND, CHOOSE, CHOSEN, PLAYED, MENU = range(1, len(WORK))


@pytest.fixture(scope="module")
def work(open_notebook: Open, lab: Lab) -> Notebook:
    """A notebook with a kernel, for tests that set its explorers before they look."""
    lab.write("work.ipynb", make_notebook(*map(str.strip, WORK)), trusted=False)
    notebook = open_notebook("work.ipynb")
    notebook.run_all()
    return notebook


def check_first(notebook: Notebook, place: int, padding: str, maxlen: int) -> None:
    """Compares one of the two explorers with what Keras pads."""
    shown = notebook.explorer(place)
    assert (shown.chosen("padding"), shown.chosen("maxlen")) == (padding, str(maxlen))
    sequences = [[5, 8, 3], [9, 4, 7, 6, 2], [0, 11]]
    origin = keras.utils.pad_sequences(
        [[1] * len(row) for row in sequences], maxlen, padding=padding
    )
    kept = [[not box.is_a("p") for box in row if box.is_a("t", "p")] for row in shown.tables()[0]]
    assert kept[1:] == (origin == 1).tolist()


def test_an_explorer_shown_twice_and_python_stay_in_step(work: Notebook) -> None:
    work.explorer(FIRST).choose(padding="pre", maxlen="5")
    check_first(work, SECOND, "pre", 5)
    work.run_cell(CHOOSE)
    for place in (FIRST, SECOND):
        check_first(work, place, "post", 3)
    work.explorer(SECOND).choose(maxlen="2", mask=False)
    check_first(work, FIRST, "post", 2)
    chosen = {"padding": "post", "truncating": "pre", "maxlen": 2, "value": 0, "mask": False}
    assert work.run_cell(CHOSEN).strip() == str(chosen)


def test_after_a_restart_the_explorers_work_again_and_can_be_saved(
    work: Notebook, open_notebook: Open
) -> None:
    before = work.outputs(FIRST)[0]["data"]
    work.explorer(FIRST).choose(padding="pre", maxlen="2")
    work.restart_and_run_all()
    assert work.outputs(FIRST)[0]["data"] == before
    # Running all cells has chosen this.
    for place in (FIRST, SECOND):
        check_first(work, place, "post", 3)
    work.explorer(FIRST).choose(padding="pre")
    check_first(work, SECOND, "pre", 3)
    assert "'padding': 'pre'" in work.run_cell(CHOSEN)
    work.run_cell(CHOOSE)
    check_first(work, FIRST, "post", 3)

    # A copy, opened without the kernel that made it.
    work.save()
    copy = work.lab.root / "copy.ipynb"
    shutil.copyfile(work.lab.root / work.name, copy)
    again = open_notebook(copy.name)
    check_first(again, FIRST, "post", 3)
    again.explorer(FIRST).choose(maxlen="5")
    check_first(again, SECOND, "post", 5)
    assert work.watch.errors == again.watch.errors == []


def press(notebook: Notebook, *keys: str) -> None:
    """Presses keys in an explorer; JupyterLab must not take them for its own."""
    before = notebook.cells(), notebook.active_cell()
    for key in keys:
        notebook.page.keyboard.press(key)
        # These would insert a cell, and move to the next one.
        notebook.page.keyboard.press("b")
        notebook.page.keyboard.press("j")
    assert (notebook.cells(), notebook.active_cell()) == before


def tab_stops(notebook: Notebook, shown: Shown) -> list[str]:
    """What the Tab key reaches in an explorer, from its first control on: axes, or names."""
    shown.root.locator("input").first.focus()
    stops = []
    while True:
        stop = shown.root.evaluate(
            """root => {
                const one = document.activeElement;
                if (!root.contains(one)) return null;
                return one.closest("[data-axis]")?.dataset.axis
                    ?? (one.ariaLabel || one.textContent || one.parentElement.textContent);
            }"""
        )
        if stop is None:
            return stops
        stops.append(stop)
        notebook.page.keyboard.press("Tab")


def test_the_keyboard_alone_pads(work: Notebook) -> None:
    shown = work.explorer(FIRST)
    shown.choose(padding="pre", truncating="pre", maxlen="3", value="0 (<b>)", mask=True)
    axes = ["padding", "truncating", "maxlen", "value", "mask"]
    assert tab_stops(work, shown) == ["Predict first", *axes, "picture", "Copy"]
    chosen = {axis: shown.chosen(axis) for axis in axes}
    for axis, key, label in [
        ("padding", "ArrowDown", "post"),
        ("maxlen", "ArrowRight", "5"),
        ("padding", "ArrowUp", "pre"),
        ("value", "ArrowRight", "4 (are)"),
        ("maxlen", "Home", "2"),
        ("truncating", "ArrowRight", "post"),
        ("mask", "Space", False),
    ]:
        shown.control(axis).locator("input:checked, input:not([type=radio])").first.focus()
        press(work, key)
        chosen[axis] = label
        assert {axis: shown.chosen(axis) for axis in axes} == chosen
        sides = {"padding": chosen["padding"], "truncating": chosen["truncating"]}
        origin = keras.utils.pad_sequences(
            [[1] * 3, [1] * 5, [1] * 2], int(chosen["maxlen"]), **sides
        )
        padded = (origin == 0).sum(axis=1)
        value = chosen["value"].split()[0]
        assert texts(shown.tables()[0], "p") == [[f"{value} pad"] * count for count in padded]
        assert f"{padded.sum()} of {origin.size} places" in shown.said()
    assert "no mask" in shown.said()


def test_the_keyboard_alone_chooses_from_a_menu(work: Notebook) -> None:
    shown = work.explorer(MENU)
    shown.choose(middle="nothing")
    shown.control("middle").locator("select").focus()
    press(work, "ArrowDown")
    assert shown.chosen("middle") == "Dense"
    assert "dense" in shown.root.locator(".masklens-trace b").all_inner_texts()
    press(work, "ArrowUp")
    assert shown.chosen("middle") == "nothing"
    assert "dense" not in shown.root.locator(".masklens-trace b").all_inner_texts()


def test_the_keyboard_alone_predicts_and_plays(work: Notebook) -> None:
    shown = work.explorer(PLAYED)
    root, focused = shown.root, work.page.locator(":focus")
    predict = root.get_by_role("checkbox", name="Predict first")
    predict.focus()
    buttons = root.locator(".ask button")
    names = buttons.all_inner_texts()
    assert len(names) == 4
    assert shown.tables() == []
    stops = tab_stops(work, shown)
    assert stops == ["Predict first", *["step"] * 4, names[0], "Show the answer"]
    # The mask is False at timestep 2, so there the state stays.
    buttons.first.focus()
    press(work, "ArrowRight", "ArrowRight", "Space", "ArrowRight", "ArrowLeft", "ArrowLeft")
    assert focused.inner_text() == names[1]
    pressed = buttons.evaluate_all("all => all.map(one => one.getAttribute('aria-pressed'))")
    assert pressed == ["false", "false", "true", "false"]
    work.page.keyboard.press("Tab")
    press(work, "Enter")
    assert "4 of 4 right" in shown.said()

    states = shown.tables()[0]
    assert [cell.is_a("f") for cell in heat_row(states, "unit 0")] == [False, False, True, False]
    shown.control("step").get_by_role("slider").focus()
    press(work, "End", "ArrowLeft")
    assert shown.chosen("step") == "2"
    assert "imestep 2: skipped" in shown.said()
    root.get_by_role("button", name="One step back").focus()
    press(work, "Enter", "Space")
    assert shown.chosen("step") == "0"
    root.get_by_role("button", name="One step on").focus()
    press(work, "Enter")
    assert shown.chosen("step") == "1"
    root.get_by_role("button", name="Play").focus()
    press(work, "Space")
    output = shown.control("step").locator("output")
    root.get_by_role("button", name="Pause").wait_for()
    output.get_by_text("2", exact=True).wait_for()
    press(work, "Space")
    root.get_by_role("button", name="Play").wait_for()
    assert shown.chosen("step") == "2"
    press(work, "Enter")
    output.get_by_text("3", exact=True).wait_for()
    root.get_by_role("button", name="Play").wait_for()
    assert all(cell.visible for cell in heat_row(shown.tables()[0], "unit 0"))
    assert "imestep 3: read" in shown.said()


def test_a_notebook_that_is_not_trusted_shows_pictures_and_runs_nothing(
    open_notebook: Open, lab: Lab, executed: Any, same: dict[str, Any]
) -> None:
    mine = deepcopy(executed)
    mine.cells[0].source += "\n# Changed since, by somebody."
    lab.write("strange.ipynb", mine, trusted=False)
    strange = open_notebook("strange.ipynb")
    pictures = strange.page.locator(".jp-OutputArea-output:has(table)")
    pictures.first.wait_for()
    ids = keras.utils.pad_sequences(same["SEQUENCES"], 5)
    first = pictures.first.locator("table")
    cells = first.first.locator("tr:nth-child(2) td").all_text_contents()
    assert cells[: ids.shape[1]] == ["0 pad", "0 pad", NASTY, "world", "!"]
    squares = first.nth(1).locator("tr:nth-child(2) td").all_inner_texts()
    assert squares == ["□", "□", "■", "■", "■"]
    # JupyterLab restores the saved state all the same, and anywidget imports the front end with it.
    assert strange.page.locator(".masklens-live").count() == 0
    assert nothing_ran(strange)
