"""A notebook of explorers; what each draws, held against what Keras computes for its settings."""

import importlib
from functools import cache
from pathlib import Path
from typing import Any

import keras
import nbformat
import numpy as np
import pytest
from browser import READ_ROW, Row, Shown, make_notebook
from keras import ops
from made_once import made_once
from nbformat import NotebookNode

import masklens as ml
from authoring.execute import execute
from masklens import mask_of
from masklens.explorers.cards import cards

Array = np.ndarray[Any, Any]

NASTY = "<img/src=x/onerror=alert(1)>"
WORDS = [
    "Hello",
    "!",
    "wow!",
    "안녕하세요",
    "날씨",
    "👨‍👩‍👧",
    "שלום",
    "مرحبا",
    "0",
    NASTY,
    "a" * 30,
]
SIDES = ["pre", "post"]
# At most this many words of a sentence are read.
MOST_WORDS = 60

# The same text runs in the notebook and in this process.
SETUP = f"""
import keras, numpy as np
import masklens as ml

SEQUENCES = [[5, 8, 3], [9, 4, 7, 6, 2], [0, 11]]
TOKENS = [[{NASTY!r}, "world", "!"], ["How", "are", "you", "doing", "today"], ["<b>", "bye"]]
keras.utils.set_random_seed(0)
LAYER = keras.layers.LSTM(3, go_backwards=True)
FEATURES = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
MASK = np.array([[True, True, True, False, False], [False, True, False, True, True]])
explorer = ml.PaddingExplorer(SEQUENCES, TOKENS)
"""
# What a careless page would take for the end of a script, and for a comment in one.
WORSE = "</SCRIPT><img/src=x/onerror=alert(1)>", "<!--<script>"
MADE = {
    "padding": "explorer",
    "stack": "ml.PropagationExplorer()",
    "answer": "ml.PropagationExplorer(stack=False)",
    "timesteps": "ml.TimestepExplorer()",
    "own": "ml.TimestepExplorer(LAYER, FEATURES, MASK)",
    "worse": f"ml.PaddingExplorer([[1, 2]], [{WORSE!r}], predict=True)",
}
OTHERS = ["import ipywidgets\nipywidgets.IntSlider()", "import anywidget\nanywidget.AnyWidget()"]


def built(factory: pytest.TempPathFactory) -> NotebookNode:
    """The notebook of the explorers, and of widgets that are none, executed as the build does."""

    def build(folder: Path) -> None:
        book = make_notebook(SETUP, *MADE.values(), *OTHERS)
        execute(book, folder)
        nbformat.write(book, folder / "book.ipynb")

    return nbformat.read(made_once(factory, "explorers", build) / "book.ipynb", as_version=4)


@cache
def defined() -> dict[str, Any]:
    """What the first cell of the notebook defines, and the explorer of a stack."""
    names: dict[str, Any] = {}
    exec(SETUP, names)
    stack = ml.PropagationExplorer()
    pairs = zip(names["TOKENS"], names["SEQUENCES"], strict=True)
    return names | {
        "stack": stack,
        "words": number(split(stack.settings["sentences"]), {}),
        "ids": {word: one for pair in pairs for word, one in zip(*pair, strict=True)},
    }


def write_at_random(shown: Shown, rng: np.random.Generator, most: int) -> list[str]:
    """Fills in sentences that nobody chose by hand."""
    counts = rng.choice([0, 1, 2, 3, 5, 8], rng.integers(1, most + 1))
    sentences = ["  ".join(rng.choice(WORDS, count)) for count in counts]
    shown.write(*sentences)
    return sentences


def slide_at_random(shown: Shown, rng: np.random.Generator) -> int:
    """Moves the slider of maxlen to any of its places."""
    most = shown.control("maxlen").locator("input").get_attribute("max")
    maxlen = int(rng.integers(1, int(most or 1) + 1))
    shown.choose(maxlen=maxlen)
    return maxlen


def split(sentences: list[str]) -> list[list[str]]:
    return [sentence.split()[:MOST_WORDS] for sentence in sentences]


def number(rows: list[list[str]], known: dict[str, int]) -> dict[str, int]:
    ids = dict(known)
    for word in (word for row in rows for word in row):
        ids.setdefault(word, max(ids.values(), default=0) + 1)
    return ids


def try_padding(shown: Shown, rng: np.random.Generator) -> None:
    """Chooses padding at random, and compares what is drawn with Keras."""
    sentences = write_at_random(shown, rng, 6)
    slide_at_random(shown, rng)
    shown.choose(padding=rng.choice(SIDES), truncating=rng.choice(SIDES))
    shown.choose(value=int(rng.choice([0, 0, 5, -1, 4711])), mask=bool(rng.random() < 0.7))
    check_padding(shown, sentences)


def check_padding(shown: Shown, sentences: list[str]) -> None:
    """Compares the picture, the facts and the code of a padding explorer with Keras."""
    chosen, words = shown.choices(), split(sentences)
    ids = number(words, defined()["ids"])
    options = {name: chosen[name] for name in ("padding", "truncating")}
    options |= {"maxlen": int(chosen["maxlen"])}
    rows, value = [[ids[word] for word in row] for row in words], int(chosen["value"])
    padded = keras.utils.pad_sequences(rows, value=value, **options)
    places = keras.utils.pad_sequences([range(len(row)) for row in rows], value=-1, **options)
    mask = None
    if chosen["mask"]:
        mask = np.asarray(keras.layers.Embedding(1, 1, mask_zero=True).compute_mask(padded))
    drawn = shown.rows()
    assert len(drawn) == len(words)
    for i, row in enumerate(drawn):
        tokens = [words[i][place] if place >= 0 else "" for place in places[i]]
        read = np.ones(len(tokens), bool) if mask is None else mask[i]
        assert [int(title.split(":")[0]) for title in row.titles] == padded[i].tolist()
        check_cells(row, [token or str(value) for token in tokens])
        assert row.kinds == [
            ("token" if on else "token skipped") if token else ("leak" if on else "padding")
            for token, on in zip(tokens, read, strict=True)
        ]
        check_marks(row, None if mask is None else mask[i])
    check_facts(shown, words, places, mask)
    names: dict[str, Any] = {"keras": keras}
    exec(shown.root.locator("pre").text_content() or "", names)
    assert np.array_equal(names["padded"], padded)
    assert np.array_equal(names["mask"], mask)


def check_cells(row: Row, words: list[str]) -> None:
    """Compares the words of a row, of which long ones are cut."""
    assert len(row.words) == len(words)
    for shown, word in zip(row.words, words, strict=True):
        assert shown == word or (len(word) > 10 and word.startswith(shown.removesuffix("…")))


def check_marks(row: Row, mask: Array | None) -> None:
    """Compares the marks under a row, and what is said of them, with a mask."""
    assert row.aligned
    if mask is None:
        assert set(row.marks) == {"none"}
        return
    assert row.marks == [str(on).lower() for on in mask.tolist()]
    said = [step.rsplit(" ", 1)[1] for step in row.said.split(", ")]
    assert said == ["read" if on else "skipped" for on in mask]


def check_facts(shown: Shown, words: list[list[str]], places: Array, mask: Array | None) -> None:
    """Compares what is said about a batch with Keras's own conditions and with what is counted."""
    padding = places < 0
    cut = sum(map(len, words)) - np.sum(~padding)
    percent = int(100 * padding.mean() + 0.5)
    cost, read, fast = shown.root.locator(".facts li").all_inner_texts()
    assert f"{padding.sum()} of {padding.size} places are padding ({percent} %)" in cost
    assert cost.endswith(f"Tokens cut: {cut}.")
    valid = np.ones(padding.shape, bool) if mask is None else mask
    if (valid & padding).any():
        assert read.endswith(f"reads as data: {np.sum(valid & padding)}.")
    elif (~valid & ~padding).any():
        assert read.endswith(f"as if they were padding: {np.sum(~valid & ~padding)}.")
    else:
        assert read.startswith("✓")
    rnn = importlib.import_module("keras.src.backend.tensorflow.rnn")
    takes = not rnn._has_fully_masked_sequence(valid) and rnn._is_sequence_right_padded(valid)
    assert fast.startswith("✓") == bool(takes)


LABELS = {card["label"]: name for name, card in cards().items()}
_PARTS = {"Residual": 2, "PreNormResidual": 3}
USING = {"LSTM", "GRU", "Bidirectional", "GlobalAveragePooling1D", "TemporalSoftmax", *_PARTS}
_READ_STOPS = f"""root => [...root.querySelectorAll(".stop")].slice(1).map(stop => ({{
    label: stop.querySelector(".name b").textContent,
    switches: Object.fromEntries(
        [...stop.querySelectorAll(".option input")].map(one => [one.name, one.checked])),
    kinds: stop.className.split(" "), effect: stop.querySelector(".effect").textContent,
    row: ({READ_ROW})(stop.querySelector(".row")),
    vector: stop.querySelector(".vector").textContent,
}}))"""


def read_stops(shown: Shown) -> list[dict[str, Any]]:
    """The cards of a stack from the Embedding to the answer, with what is drawn beneath each."""
    return list(shown.root.evaluate(_READ_STOPS))


def read_stack(shown: Shown) -> list[dict[str, Any]]:
    """The stack that the cards show, as Python is told of it."""
    return [{"type": LABELS[stop["label"]], **stop["switches"]} for stop in read_stops(shown)[:-1]]


def stack_at_random(shown: Shown, rng: np.random.Generator, most: int) -> None:
    """Removes the layers behind the Embedding, adds others, and works their controls."""
    while (away := shown.root.get_by_role("button", name="Remove this layer")).count():
        away.last.click()
    for _ in range(rng.integers(0, most + 1)):
        buttons = shown.root.locator(".palette button")
        buttons.nth(int(rng.integers(buttons.count()))).click()
    for switch in shown.root.locator(".option input").all():
        switch.set_checked(bool(rng.random() < 0.6))
    handles = shown.root.locator(".handle")
    for _ in range(min(2, handles.count())):
        handles.nth(int(rng.integers(handles.count()))).press("ArrowUp")


def try_stack(shown: Shown, rng: np.random.Generator) -> None:
    """Builds a stack at random, and compares what is drawn with Keras."""
    stack_at_random(shown, rng, 5)
    sentences = write_at_random(shown, rng, 3)
    picked = int(rng.integers(len(sentences)))
    shown.root.locator(".sentences input").nth(picked).focus()
    slide_at_random(shown, rng)
    shown.choose(padding=rng.choice(SIDES))
    shown.root.get_by_label("step", exact=True).fill("99")
    check_stack(shown, sentences, picked)


def check_stack(shown: Shown, sentences: list[str], picked: int = 0) -> bool:
    """Compares cards, rows, answers and code with Keras; False if the stack cannot run."""
    chosen, stops, stack = shown.choices(), read_stops(shown), read_stack(shown)
    rows = split(sentences)
    ids, words = number(rows, defined()["words"]), rows[picked]
    length, side = int(chosen["maxlen"]), str(chosen["padding"])
    row = [ids[word] for word in words]
    batch, places = (
        keras.utils.pad_sequences([one], length, padding=side, value=value)
        for one, value in ((row, 0), (range(len(row)), -1))
    )
    try:
        model = keras_model(sentences, stack, side, length)
    except (ValueError, TypeError):
        [wrong] = [i for i, stop in enumerate(stops) if "error" in stop["kinds"]]
        assert stops[wrong]["effect"].startswith("does not run")
        assert [stop["effect"] for stop in stops[wrong + 1 :]] == [""] * (len(stops) - wrong - 1)
        assert shown.gauges()[1] == "–"
        return False
    types = [layer["type"] for layer in stack] + ["answer"]
    behind = follow(model, types, batch)
    leaks = {i for i, stop in enumerate(stops) if "leak" in stop["kinds"]}
    # To a row without padding, the lens adds some behind it, and the page on the chosen side.
    if words and (side == "post" or len(words) < length):
        found = ml.trace(model, ml.pad([row], maxlen=length, padding=side))
        owners = owners_of(model, types)
        assert leaks == {owners[call.path.split("/")[0]] for call in found.leaks}
        if behind[-1][0].ndim == 2:
            assert ("✕" in shown.root.locator(".verdict").inner_text()) == bool(found.moves)
    order = places[0]
    for i, stop in enumerate(stops):
        if types[i] == "Shift":
            order = np.roll(order, 1)
        check_stop(stop, behind, i, order, words, i in leaks, types[i] in USING)
    check_answers(shown, model, row, batch, behind[-1][0], types)
    names: dict[str, Any] = {}
    exec(shown.root.locator("pre").text_content() or "", names)
    names["model"](batch)
    names["model"].set_weights(model.get_weights())
    assert np.array_equal(names["model"](batch), model(batch))
    return True


def keras_model(
    sentences: list[str], stack: list[dict[str, Any]], padding: str, maxlen: int
) -> Any:
    """The model that Python makes for settings that a learner chose on the page."""
    explorer = defined()["stack"]
    explorer.choose(sentences=sentences, layers=stack, padding=padding, maxlen=maxlen)
    return explorer.keras_model()


def owners_of(model: Any, types: list[str]) -> dict[str, int]:
    """The place in the stack of each Keras layer, by its name."""
    places = [i for i, name in enumerate(types) for _ in range(_PARTS.get(name, 1))]
    return {layer.name: place for layer, place in zip(model.layers, places, strict=True)}


Behind = tuple[Array, Array | None, Array]


def follow(model: Any, types: list[str], batch: Array) -> list[Behind]:
    """Values and mask behind each layer, and the values with another vector for padding."""
    runs = [list(_values(model, types, batch))]
    table = model.layers[0].get_weights()[0]
    before = table[0].copy()
    table[0] = 0.5 - before
    model.layers[0].set_weights([table])
    runs.append(list(_values(model, types, batch)))
    table[0] = before
    model.layers[0].set_weights([table])
    return [(values, mask, other) for (values, mask), (other, _) in zip(*runs, strict=True)]


def _values(model: Any, types: list[str], batch: Array) -> Any:
    layers, x = iter(model.layers), ops.convert_to_tensor(batch)
    for name in types:
        first, *others = [next(layers) for _ in range(_PARTS.get(name, 1))]
        if name == "Residual":
            x = others[0]([x, first(x, x)])
        elif name == "PreNormResidual":
            y = first(x)
            x = others[1]([x, others[0](y, y)])
        else:
            x = first(x)
        # Attention takes the mask away from what it is given.
        yield ops.convert_to_numpy(x), mask_of(x)


def check_stop(
    stop: dict[str, Any],
    behind: list[Behind],
    place: int,
    order: Array,
    words: list[str],
    leak: bool,
    uses: bool,
) -> None:
    """Compares a card and the row beneath it with what Keras gives out behind this layer."""
    values, mask, other = behind[place]
    before = behind[place - 1][1] if place else None
    timed = values.ndim == 3
    assert (stop["row"] is not None) == (timed and place < len(behind) - 1)
    if stop["row"] is not None:
        row = Row(**stop["row"])
        check_cells(row, [words[at] if at >= 0 else "0" for at in order])
        check_marks(row, None if mask is None else mask[0])
        apart = np.abs(values - other)[0].max(axis=-1)
        for kind, at, on, by in zip(
            row.kinds, order, [True] * len(order) if mask is None else mask[0], apart, strict=True
        ):
            if at < 0 or not on:
                assert kind == ("token skipped" if at >= 0 else "leak" if on else "padding")
            elif not 1e-7 < by < 1e-4:  # between these, it is a matter of rounding
                assert kind == ("token moved" if by > 1e-5 else "token")
    elif values.ndim == 2 and place < len(behind) - 1:
        assert f" {values.shape[1]} numbers" in stop["vector"]
    # Attention to one timestep, or to many that are alike, is the same with any mask.
    if before is not None and (before.sum() == 0 or before.size == 1):
        return
    assert stop["effect"] == effect(before, mask, timed, leak, uses)
    assert ("leak" in stop["kinds"]) == leak


def effect(before: Array | None, after: Array | None, timed: bool, leak: bool, uses: bool) -> str:
    """What a card must say, told from the masks before and behind the layer."""
    loses = before is not None and after is None and (timed or not uses)
    if leak:
        return "loses it, and padding gets in" if loses else "padding gets in"
    if loses:
        return "loses it"
    if before is None and after is None:
        return "no mask" if timed else ""
    if after is None:
        return "uses it, and it ends here"
    if before is None or not np.array_equal(before, after):
        return "makes the mask"
    return "uses it and passes it on" if uses else "passes it on"


def check_answers(
    shown: Shown, model: Any, row: list[int], batch: Array, answer: Array, types: list[str]
) -> None:
    """Compares the gauges with the answers of Keras to the sentence at three lengths."""
    far = max(24, 2 * batch.shape[1])
    side = str(shown.chosen("padding"))
    fixed = "Flatten" in types
    wide = keras.utils.pad_sequences([row], far, padding=side)
    single = answer.ndim == 2
    expected = [
        None if fixed or not row or not single else model(np.array([row])),
        answer if single else None,
        None if fixed or not single else model(wide),
    ]
    check_gauges(shown, expected)


def check_gauges(shown: Shown, answers: list[Any]) -> None:
    """Compares gauges with answers, to two decimals."""
    told = shown.gauges()
    assert len(told) == len(answers)
    for text, answer in zip(told, answers, strict=True):
        if answer is None:
            assert text == "–"
        else:
            assert float(text) == pytest.approx(float(np.ravel(answer)[0]), abs=0.00501)


_READ_STATES = """root => [...root.querySelectorAll(".states tr:has(.pair)")].map(row =>
    [...row.querySelectorAll(".pair")].map(cell => [
        ...cell.ariaLabel.split(", ").map(Number),
        [...cell.children].every(half =>
            (half.className === "negative") === half.title.startsWith("-")),
        getComputedStyle(cell).visibility === "visible"]))"""


def read_states(shown: Shown) -> tuple[Array, Array]:
    """The states with the mask and without it, (2, time, units), and which timesteps are seen."""
    table = np.array(shown.root.evaluate(_READ_STATES))
    assert table[:, :, 2].all()
    assert (table[:, :, 3] == table[:1, :, 3]).all()
    return table[:, :, :2].transpose(2, 1, 0), table[0, :, 3].astype(bool)


def try_answer(shown: Shown, rng: np.random.Generator) -> None:
    """Pads one sentence at random, and compares the answers with Keras."""
    [sentence] = write_at_random(shown, rng, 1)
    count, on = int(rng.integers(0, 21)), bool(rng.random() < 0.5)
    shown.choose(maxlen=count, mask=on)
    [words] = split([sentence])
    length = max(1, len(words) + count)
    stack = [{"type": "Embedding", "mask_zero": on}, {"type": "LSTM", "return_sequences": False}]
    model = keras_model([sentence], stack, "post", length)
    ids = number([words], defined()["words"])
    row = [ids[word] for word in words]
    padded = keras.utils.pad_sequences([row], length, padding="post")
    alone, answer = model(np.array([row])) if row else None, model(padded)
    check_gauges(shown, [alone, answer])
    changes = alone is not None and abs(np.ravel(answer - alone)[0]) > 0.005
    assert ("✕" in shown.root.locator(".verdict").inner_text()) == changes
    [drawn] = shown.rows()
    check_cells(drawn, words + ["0"] * (length - len(words)))
    check_marks(drawn, padded[0] != 0 if on else None)


def try_timesteps(shown: Shown, rng: np.random.Generator) -> None:
    """Reads one sentence at random, and compares states and answers with those of the LSTM."""
    [sentence] = write_at_random(shown, rng, 1)
    length, side = slide_at_random(shown, rng), str(rng.choice(SIDES))
    step = int(rng.integers(length))
    shown.choose(padding=side)
    shown.root.get_by_label("step", exact=True).fill(str(step))
    [words] = split([sentence])
    ids = number([words], defined()["words"])
    batch = keras.utils.pad_sequences([[ids[word] for word in words]], length, padding=side)
    stack = [{"type": "Embedding", "mask_zero": True}, {"type": "LSTM", "return_sequences": True}]
    embedding, lstm, answer = keras_model([sentence], stack, side, length).layers
    vectors = ops.convert_to_numpy(embedding(batch))
    states = [lstm(vectors, mask=batch != 0), lstm(vectors)]
    check_states(shown, *(ops.convert_to_numpy(one)[0] for one in states), range(step + 1))
    check_gauges(shown, [answer(one)[0, step] for one in states])


def try_own_layer(shown: Shown, rng: np.random.Generator) -> None:
    """Chooses a row of a layer of one's own, which reads backwards, and compares its states."""
    names = defined()
    row, step = int(rng.integers(2)), int(rng.integers(5))
    shown.choose(row=row)
    shown.root.get_by_label("step", exact=True).fill(str(step))
    again = keras.layers.LSTM(3, go_backwards=True, return_sequences=True)
    features, mask = names["FEATURES"][row : row + 1], names["MASK"][row : row + 1]
    again.build(features.shape)
    if not names["LAYER"].built:
        names["LAYER"](names["FEATURES"])
    again.set_weights(names["LAYER"].get_weights())
    states = [again(features, mask=mask), again(features)]
    check_states(shown, *(ops.convert_to_numpy(one)[0, ::-1] for one in states), range(4 - step, 5))


TRIES = {
    "padding": try_padding,
    "stack": try_stack,
    "answer": try_answer,
    "timesteps": try_timesteps,
    "own": try_own_layer,
}


def check_states(shown: Shown, masked: Array, plain: Array, reached: range) -> None:
    """Compares the states that are drawn, (time, units), and those that are already reached."""
    states, seen = read_states(shown)
    assert np.abs(states - np.stack([masked, plain])[:, :, : states.shape[2]]).max() < 6e-4
    assert np.flatnonzero(seen).tolist() == list(reached)
