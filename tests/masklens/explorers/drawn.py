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
from masklens.explorers import palette
from masklens.explorers.cards import cards

Array = np.ndarray[Any, Any]

NASTY = "<img/src=x/onerror=alert(1)>"
WORDS = ["Hello", "!", "wow!", "안녕하세요", "네요！", "👨‍👩‍👧", "👍🏽", "שלום", "مرحبا", "0"]
WORDS += [NASTY, "</script>", "<!--<script>", "&amp;", "${1}", "\\u003c", "a" * 30]
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
    pairs = zip(names["TOKENS"], names["SEQUENCES"], strict=True)
    return names | {
        "stack": ml.PropagationExplorer(),
        "ids": {word: one for pair in pairs for word, one in zip(*pair, strict=True)},
    }


def word_at_random(rng: np.random.Generator) -> str:
    """A word of WORDS, or of letters, syllables or emoji that nobody chose."""
    first, last = [(0x61, 0x7B), (0xAC00, 0xD7A4), (0x1F600, 0x1F640)][rng.integers(3)]
    word = "".join(map(chr, rng.integers(first, last, rng.integers(1, 6)).tolist()))
    return str(rng.choice([*WORDS, word, word + "!", word + "！"]))


def write_at_random(shown: Shown, rng: np.random.Generator, most: int) -> list[str]:
    """Fills in sentences that nobody chose by hand."""
    counts = rng.choice([*[0, 1, 2, 3, 5, 8] * 4, MOST_WORDS + 9], rng.integers(1, most + 1))
    words = [[word_at_random(rng) for _ in range(count)] for count in counts]
    sentences = [f" {'  '.join(row)} " for row in words]
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
    maxlen = slide_at_random(shown, rng)
    shown.choose(padding=rng.choice(SIDES), truncating=rng.choice(SIDES))
    shown.choose(value=int(rng.choice([0, 0, 5, -1, 4711])), mask=bool(rng.random() < 0.7))
    assert shown.chosen("maxlen") == str(maxlen)
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
ENDING = ["LSTM", "GRU", "Bidirectional"]
ENDING += ["Flatten", "GlobalAveragePooling1D", "GlobalMaxPooling1D"]
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


def add_layer(shown: Shown, label: str) -> None:
    shown.root.get_by_role("button", name=f"Add a layer: {label}", exact=True).click()


def stack_at_random(shown: Shown, rng: np.random.Generator, most: int) -> None:
    """Removes the layers behind the Embedding, adds others, and works their controls."""
    while (away := shown.root.get_by_role("button", name="Remove this layer")).count():
        away.last.click()
    # One that ends the time axis, or there is no answer; those that follow go before it.
    add_layer(shown, str(rng.choice(ENDING)))
    labels = [label for label, name in LABELS.items() if name != "Embedding"]
    for label in rng.choice(labels, rng.integers(0, most)):
        add_layer(shown, label)
    for switch in shown.root.locator(".option input").all()[: None if rng.random() < 0.2 else -1]:
        switch.set_checked(bool(rng.random() < 0.6))
    handles = shown.root.locator(".handle")
    if rng.random() < 0.5:
        handles.nth(int(rng.integers(handles.count()))).press("ArrowUp")


def try_stack(shown: Shown, rng: np.random.Generator) -> None:
    """Builds a stack at random, and compares what is drawn with Keras."""
    stack_at_random(shown, rng, 5)
    sentences = write_at_random(shown, rng, 3)
    picked = int(rng.integers(len(sentences)))
    shown.root.locator(".sentences input").nth(picked).focus()
    maxlen = slide_at_random(shown, rng)
    shown.choose(padding=rng.choice(SIDES))
    assert shown.chosen("maxlen") == str(maxlen)
    shown.root.get_by_label("step", exact=True).fill("99")
    check_stack(shown, sentences, picked)


def check_stack(shown: Shown, sentences: list[str], picked: int = 0) -> bool:
    """Compares cards, rows, answers and code with Keras; False if the stack cannot run."""
    chosen, stops, stack = shown.choices(), read_stops(shown), read_stack(shown)
    length, side = int(chosen["maxlen"]), str(chosen["padding"])
    explorer, padded = in_python(sentences, stack, side, length)
    row, batch, order = padded.sequences[picked], padded.ids[[picked]], padded.origin[picked]
    types = [layer["type"] for layer in stack] + ["answer"]
    try:
        model = explorer.keras_model()
        behind = follow(model, types, batch)
    except Exception:  # whatever Keras or its backend raises
        behind = []
    # Masking takes what is no sequence for one; the page does not.
    if not behind or any(mask is not None and values.ndim == 2 for values, mask, _ in behind):
        check_refused(shown, stops, types)
        return False
    # To a row without padding, the lens adds some behind it, and the page on the chosen side.
    if len(row) and (side == "post" or len(row) < length):
        check_leaks(shown, stops, types, model, ml.pad([row], maxlen=length, padding=side))
    for i, stop in enumerate(stops):
        order = np.roll(order, 1) if types[i] == "Shift" else order
        tokens = [split(sentences)[picked][at] if at >= 0 else None for at in order]
        check_stop(stop, behind[: i + 1], tokens, i == len(stops) - 1)
        # Attention to timesteps that are alike is the same with any mask.
        before, mask = behind[i - 1][:2] if i else (batch, None)
        if mask is None or (mask.any() and np.ptp(before, axis=1).max()):
            leak, uses = "leak" in stop["kinds"], types[i] in USING
            assert stop["effect"] == effect(mask, *behind[i][:2], leak=leak, uses=uses)
    wide = keras.utils.pad_sequences([row], max(24, 2 * length), padding=side)
    # Behind Flatten, the weights are for one length.
    others = [None, None] if "Flatten" in types else [row[None] if len(row) else None, wide]
    alone, far = (None if ids is None else model(ids) for ids in others)
    single = behind[-1][0].ndim == 2
    check_gauges(shown, [alone, behind[-1][0], far] if single else [None] * 3)
    code = palette.code(stack, model.layers[0].input_dim)
    assert shown.root.locator("pre").text_content() == code
    return True


def check_refused(shown: Shown, stops: list[dict[str, Any]], types: list[str]) -> None:
    """Compares what is said of a stack that cannot run with why that is so."""
    [wrong] = [i for i, stop in enumerate(stops) if "error" in stop["kinds"]]
    # Its LayerNormalization comes before what needs a time axis.
    normalizes = types[wrong] == "PreNormResidual" and "Flatten" in types[:wrong]
    reason = "its weights do not fit" if normalizes else "it needs a time axis"
    told = [f"does not run: {reason}"] + [""] * (len(stops) - wrong - 1)
    assert [stop["effect"] for stop in stops[wrong:]] == told, types
    assert shown.said() == "This stack does not run. The card that fails says why."
    assert shown.gauges()[1] == "–"


def check_leaks(
    shown: Shown, stops: list[dict[str, Any]], types: list[str], model: Any, batch: ml.PaddedBatch
) -> None:
    """Compares where padding gets in, and whether it reaches the answer, with the lens."""
    found = ml.trace(model, batch)
    places = [i for i, name in enumerate(types) for _ in range(_PARTS.get(name, 1))]
    owners = dict(zip((layer.name for layer in model.layers), places, strict=True))
    leaks = {i for i, stop in enumerate(stops) if "leak" in stop["kinds"]}
    assert leaks == {owners[call.path.split("/")[0]] for call in found.leaks}
    if "–" not in shown.gauges()[1]:
        assert ("✕" in shown.root.locator(".verdict").inner_text()) == bool(found.moves)


def in_python(
    sentences: list[str], stack: list[dict[str, Any]], padding: str, maxlen: int
) -> tuple[ml.PropagationExplorer, ml.PaddedBatch]:
    """The explorer in Python with the settings that a learner chose on the page, and its batch."""
    explorer: ml.PropagationExplorer = defined()["stack"]
    explorer.choose(sentences=sentences, layers=stack, padding=padding, maxlen=maxlen)
    return explorer, explorer.padded_batch


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
    stop: dict[str, Any], behind: list[Behind], tokens: list[str | None], last: bool
) -> None:
    """Compares what is drawn beneath a card with what Keras gives out behind this layer."""
    values, mask, other = behind[-1]
    assert (stop["row"] is not None) == (values.ndim == 3 and not last)
    if stop["row"] is None:
        assert last or f" {values.shape[1]} numbers" in stop["vector"]
        return
    row = Row(**stop["row"])
    check_cells(row, [token or "0" for token in tokens])
    check_marks(row, None if mask is None else mask[0])
    read = [True] * len(tokens) if mask is None else mask[0]
    apart = np.abs(values - other)[0].max(axis=-1)
    for kind, token, on, by in zip(row.kinds, tokens, read, apart, strict=True):
        if token is None:
            assert kind == ("leak" if on else "padding")
        elif not on:
            assert kind == "token skipped"
        elif not 1e-7 < by < 1e-4:  # between these, it is a matter of rounding
            assert kind == ("token moved" if by > 1e-5 else "token")


def effect(before: Array | None, values: Array, after: Array | None, leak: bool, uses: bool) -> str:
    """What a card must say, told from the masks before and behind the layer."""
    timed = values.ndim == 3
    loses = before is not None and after is None and (timed or not uses)
    if leak:
        return "loses it, and padding gets in" if loses else "padding gets in"
    if loses:
        return "loses it"
    if before is None and after is None:
        return "no mask" if timed else ""
    if after is None:
        return "uses it, and it ends here"
    if before is None:
        return "makes the mask"
    if not np.array_equal(before, after):
        return "changes it"
    return "uses it and passes it on" if uses else "passes it on"


def check_gauges(shown: Shown, answers: list[Any]) -> None:
    """Compares gauges with answers: their bars, and two decimals beside each."""
    bars = shown.root.locator(".gauge i").evaluate_all("all => all.map(one => one.style.transform)")
    for text, bar, answer in zip(shown.gauges(), bars, answers, strict=True):
        length = 0.0 if answer is None else float(np.ravel(answer)[0])
        assert float(bar[len("scaleX(") : -1]) == pytest.approx(length, abs=1e-5)
        assert text == "–" if answer is None else abs(float(text) - length) < 0.00501


_READ_STATES = """root => [...root.querySelectorAll(".states tr:has(.pair)")].map(row =>
    [...row.querySelectorAll(".pair")].map(cell => [
        ...cell.ariaLabel.split(", ").map(Number),
        [...cell.children].every(half =>
            (half.className === "negative") === half.title.startsWith("-")),
        getComputedStyle(cell).visibility === "visible"]))"""


def check_states(shown: Shown, masked: Array, plain: Array, reached: range) -> None:
    """Compares the states that are drawn, (time, units), and those that are already reached."""
    table = np.array(shown.root.evaluate(_READ_STATES))
    assert table[:, :, 2].all()
    states = table[:, :, :2].transpose(2, 1, 0)
    assert np.abs(states - np.stack([masked, plain])[:, :, : states.shape[2]]).max() < 6e-4
    assert all(np.flatnonzero(unit).tolist() == list(reached) for unit in table[:, :, 3])


def try_answer(shown: Shown, rng: np.random.Generator) -> None:
    """Pads one sentence at random, and compares the answers with Keras."""
    [sentence] = write_at_random(shown, rng, 1)
    count, on = int(rng.integers(0, 21)), bool(rng.random() < 0.5)
    shown.choose(maxlen=count, mask=on)
    [words] = split([sentence])
    length = max(1, len(words) + count)
    stack = [{"type": "Embedding", "mask_zero": on}, {"type": "LSTM", "return_sequences": False}]
    explorer, padded = in_python([sentence], stack, "post", length)
    model = explorer.keras_model()
    alone, answer = model(padded.sequences[0][None]) if words else None, model(padded.ids)
    check_gauges(shown, [alone, answer])
    changes = alone is not None and abs(np.ravel(answer - alone)[0]) > 0.005
    assert ("✕" in shown.root.locator(".verdict").inner_text()) == changes
    [drawn] = shown.rows()
    check_cells(drawn, words + ["0"] * (length - len(words)))
    check_marks(drawn, padded.mask[0] if on else None)


def try_timesteps(shown: Shown, rng: np.random.Generator) -> None:
    """Reads one sentence at random, and compares states and answers with those of the LSTM."""
    [sentence] = write_at_random(shown, rng, 1)
    length, side = slide_at_random(shown, rng), str(rng.choice(SIDES))
    step = int(rng.integers(length))
    shown.choose(padding=side)
    shown.root.get_by_label("step", exact=True).fill(str(step))
    stack = [{"type": "Embedding", "mask_zero": True}, {"type": "LSTM", "return_sequences": True}]
    explorer, padded = in_python([sentence], stack, side, length)
    embedding, lstm, answer = explorer.keras_model().layers
    vectors = ops.convert_to_numpy(embedding(padded.ids))
    states = [lstm(vectors, mask=padded.mask), lstm(vectors)]
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
