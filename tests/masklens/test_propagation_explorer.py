"""Each state of a PropagationExplorer is what Keras does, as found without masklens's tracing."""

import html
import json
import random
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest

import masklens as ml
from masklens.explorers.example_models import MIDDLES
from masklens.explorers.nodes import read_nodes
from masklens.explorers.propagation import PropagationExplorer

pytestmark = pytest.mark.slow

# What a row says a call does to the mask.
EFFECTS = {
    "makes the mask": "creates",
    "makes a mask that misses padding": "creates",
    "passes it on": "passes",
    "changes it": "changes",
    "uses it, and it ends here": "ends",
    "takes it, and it ends here": "ends",
    "takes it, but does not use it": "ends",
    "does not pass it on": "drops",
    "loses it": "drops",
}

SEQUENCES = [[7, 3, 5], [4, 8, 2, 6, 9], [5, 1, 3, 2, 8, 4]]
LENGTH, LENGTHS = 6, (6, 12, 24)
VALUES = [
    (mask_zero, middle, padding)
    for mask_zero in (False, True)
    for middle in MIDDLES
    for padding in ("pre", "post")
]


@dataclass(frozen=True)
class Made:
    """An explorer of all models, and what was so when it had been made."""

    explorer: Any
    beginning: str
    drawn: list[list[float]]


@pytest.fixture(scope="module")
def made() -> Made:
    ml.set_language("en")
    keras.utils.set_random_seed(5)
    drawn = [random_numbers()]
    keras.utils.set_random_seed(5)
    explorer = PropagationExplorer(SEQUENCES, predict=True)
    drawn.append(random_numbers())
    return Made(explorer, repr(explorer), drawn)


@pytest.fixture
def explorer(made: Made) -> Any:
    return made.explorer


def random_numbers() -> list[float]:
    """The next number of each generator that a learner may have seeded."""
    return [random.random(), np.random.random(), float(keras.random.normal(()))]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    ml.set_language("en")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    ml.set_language("en")


class Shown:
    """A state as the front end builds it: its rows, code, numbers and question."""

    def __init__(self, explorer: Any, **values: Any) -> None:
        explorer.choose(**values)
        place = 0
        for option, (_name, axis) in zip(explorer.selection, explorer.grid["axes"], strict=True):
            place = place * len(axis["options"]) + option
        self.pool = explorer.grid["pool"]
        state = self.pool[explorer.grid["states"][place]]
        self.say, question = state["say"], state["question"]
        self.question = None if question is None else self.pool[question]
        self.picture = self._expanded(state["picture"])
        self.layers = {}
        for row in self._find(self.picture, "tr"):
            heads = self._find(row, "th")
            if heads and self._find(heads[0], "b"):
                name = self._text(self._find(heads[0], "b")[0])
                said, mask, _shape = self._cells(row)
                words = [self._text(span) for span in self._find(said, "span")]
                effects = [EFFECTS[one] for one in words if one in EFFECTS]
                self.layers[name] = ((effects or ["none"])[0], self._counts(mask))
        bars = self._find(self.picture, "table.bars")
        cells = [self._text(cell) for table in bars for cell in self._find(table, "td")]
        self.growth = [float(cell) for cell in cells]
        # Before it may stand the code of a way out.
        self.code = self._text(code[-1]) if (code := self._copied(self.picture)) else ""
        self.text = self._text(self.picture)

    def _expanded(self, node: Any) -> Any:
        if isinstance(node, int):
            return self._expanded(self.pool[node])
        if isinstance(node, list):
            return [
                node[0],
                *(self._expanded(i) if i.__class__ is not dict else i for i in node[1:]),
            ]
        return node

    def _find(self, node: Any, name: str) -> list[Any]:
        if not isinstance(node, list):
            return []
        inside = [found for inner in node[1:] for found in self._find(inner, name)]
        return (
            [node, *inside]
            if node[0].startswith(name) and node[0][len(name) :][:1] in ("", ".")
            else inside
        )

    def _text(self, node: Any) -> str:
        if isinstance(node, str):
            return node
        return "".join(map(self._text, node[1:])) if isinstance(node, list) else ""

    def _copied(self, node: Any) -> list[Any]:
        found = self._find(node, "pre")
        return [one for one in found if isinstance(one[1], dict) and "data-copy" in one[1]]

    def _cells(self, row: Any) -> list[Any]:
        return [cell for cell in self._find(row, "td") if ".r" not in cell[0]]

    def _counts(self, cell: Any) -> list[int] | None:
        """The numbers of True timesteps per sequence, as the strip of a new mask names them."""
        images = self._find(cell, "img")
        if not images:
            assert self._text(cell) in ("", "a mask")
            return None
        said = {image[1]["alt"].rpartition("per sequence: ")[2] for image in images}
        assert len(said) == 1
        if "of" in next(iter(said)):
            return []  # of many sequences only the sum is named
        return list(map(int, said.pop().split(", ")))


class MyActivation(keras.layers.Layer):  # type: ignore[misc]  # Keras has no type hints
    def __init__(self, opt_in: bool) -> None:
        super().__init__()
        if opt_in:
            self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        return keras.ops.relu(inputs)


class ByHand:
    """The same model without the library: layers called one after the other on eager tensors."""

    def __init__(self, middle: str, mask_zero: bool) -> None:
        keras.utils.set_random_seed(0)
        self.middle = middle
        embedding = keras.layers.Embedding(10, 8, mask_zero=mask_zero)
        self.layers: dict[str, Any] = {"embedding": embedding}
        make = {
            "dense": {"dense": lambda: keras.layers.Dense(8)},
            "dropout": {"dropout": lambda: keras.layers.Dropout(0.5)},
            "plain": {"activation": lambda: MyActivation(opt_in=False)},
            "opted_in": {"activation": lambda: MyActivation(opt_in=True)},
            "conv": {"conv": lambda: keras.layers.Conv1D(8, 3, padding="same")},
            "flatten": {"flatten": keras.layers.Flatten},
            "lstm": {"lstm_sequences": lambda: keras.layers.LSTM(8, return_sequences=True)},
            "attention": {
                "attention": lambda: keras.layers.MultiHeadAttention(
                    2, 4, kernel_initializer="orthogonal"
                ),
                "add": keras.layers.Add,
            },
            "norm_attention": {
                "norm": keras.layers.LayerNormalization,
                "attention": lambda: keras.layers.MultiHeadAttention(
                    2, 4, kernel_initializer="orthogonal"
                ),
                "add": keras.layers.Add,
            },
        }
        self.layers |= {name: one() for name, one in make.get(middle, {}).items()}
        last = "dense" if middle == "flatten" else "lstm"
        self.layers[last] = keras.layers.Dense(8) if middle == "flatten" else keras.layers.LSTM(8)

    def run(self, ids: Any) -> tuple[Any, dict[str, tuple[Any, Any]]]:
        masks: dict[str, tuple[Any, Any]] = {}

        def step(name: str, *inputs: Any) -> Any:
            carried = [getattr(x, "_keras_mask", None) for x in inputs]
            before = next((mask for mask in carried if mask is not None), None)
            given = [list(inputs)] if name == "add" else inputs
            output = self.layers[name](*given)
            masks[name] = (before, getattr(output, "_keras_mask", None))
            return output

        x = step("embedding", keras.ops.convert_to_tensor(ids))
        if "attention" in self.middle:
            y = step("norm", x) if "norm" in self.layers else x
            x = step("add", x, step("attention", y, y))
            return step("lstm", x), masks
        for name in list(self.layers)[1:]:
            x = step(name, x)
        return x, masks


@cache
def by_hand(middle: str, mask_zero: bool) -> ByHand:
    """A model by hand that has its weights, which do not depend on the side of the padding."""
    model = ByHand(middle, mask_zero)
    model.run(padded(LENGTH, "post"))
    return model


@cache
def ran(middle: str, mask_zero: bool, padding: str) -> tuple[Any, dict[str, tuple[Any, Any]]]:
    """What a model by hand gives for the batch, and the masks before and behind each layer."""
    return by_hand(middle, mask_zero).run(padded(LENGTH, padding))


@cache
def unpadded(middle: str, mask_zero: bool) -> list[Any]:
    """What a model by hand gives for each sequence alone."""
    model = by_hand(middle, mask_zero)
    return [np.asarray(model.run(np.array([tokens]))[0])[0] for tokens in SEQUENCES]


def padded(length: int, side: str) -> np.ndarray[Any, Any]:
    rows = []
    for tokens in SEQUENCES:
        zeros = [0] * (length - len(tokens))
        rows.append(zeros + tokens if side == "pre" else tokens + zeros)
    return np.array(rows)


def counts(mask: Any) -> list[int] | None:
    return None if mask is None else np.asarray(mask).sum(axis=1).tolist()


@pytest.mark.parametrize(("mask_zero", "middle", "padding"), VALUES)
def test_masks_and_question_are_those_of_layers_called_by_hand(
    explorer: Any, mask_zero: bool, middle: str, padding: str
) -> None:
    shown = Shown(explorer, mask_zero=mask_zero, middle=middle, padding=padding)
    _output, masks = ran(middle, mask_zero, padding)
    top = {name: row for name, row in shown.layers.items() if name in masks}
    assert list(top) == list(masks)
    for name, (before, after) in masks.items():
        effect, shown_mask = top[name]
        # A mask is drawn where it is new.
        assert shown_mask == (counts(after) if effect in ("creates", "changes") else None), name
        assert (effect == "creates") == (before is None and after is not None)
        assert (effect in ("passes", "changes")) == (before is not None and after is not None)
        assert (effect == "passes") == (before is not None and counts(before) == counts(after))
        assert (effect in ("drops", "ends")) == (before is not None and after is None)
    assert shown.question is not None
    assert shown.question["columns"] == [list(masks)]
    expected = "".join("01"[after is not None] for _before, after in masks.values())
    assert shown.question["answers"] == [expected]


@pytest.mark.parametrize(("mask_zero", "middle", "padding"), VALUES)
def test_growth_is_the_difference_measured_directly(
    explorer: Any, mask_zero: bool, middle: str, padding: str
) -> None:
    shown = Shown(explorer, mask_zero=mask_zero, middle=middle, padding=padding)
    model = by_hand(middle, mask_zero)
    if middle == "flatten":
        with pytest.raises(ValueError, match="48"):
            model.run(padded(2 * LENGTH, padding))
        assert shown.growth == []
        assert "does not run at all" in shown.text
        assert "weights for 6 of them" in shown.say
        assert "Padding gets in at flatten." in shown.say
        return
    alone = unpadded(middle, mask_zero)
    largest = max(np.abs(output).max() for output in alone)
    moved = [
        np.abs(np.asarray(model.run(padded(length, padding))[0]) - alone).max()
        for length in LENGTHS
    ]
    # Shown with two digits; what is below a hundred thousandth of the output is shown as 0.
    np.testing.assert_allclose(shown.growth, [largest, *moved], rtol=0.051, atol=1e-5 * largest)
    still = mask_zero and middle not in ("plain", "conv", "attention")
    assert (shown.growth[1:] == [0, 0, 0]) == still
    assert ("does not move" in shown.say) == still
    assert ("Padding gets in at" not in shown.say) == still


@pytest.mark.parametrize(("mask_zero", "middle", "padding"), VALUES)
def test_the_code_builds_the_model_that_is_shown(
    explorer: Any, mask_zero: bool, middle: str, padding: str
) -> None:
    # To build and trace a model takes long, so each is built for one side, and says the same of
    # the other; of each kind both sides are built.
    shown = Shown(explorer, mask_zero=mask_zero, middle=middle, padding=padding)
    if (padding == "pre") == (mask_zero == (list(MIDDLES).index(middle) % 2 == 0)):
        other = "post" if padding == "pre" else "pre"
        code = Shown(explorer, mask_zero=mask_zero, middle=middle, padding=other).code
        assert shown.code == code.replace(f'padding="{other}"', f'padding="{padding}"') != code
        return
    names: dict[str, Any] = {}
    exec(compile(shown.code, "shown", "exec"), names)
    assert names["sequences"] == SEQUENCES
    output, _masks = ran(middle, mask_zero, padding)
    np.testing.assert_allclose(names["model"](names["batch"].ids), output, atol=1e-6)
    trace = ml.trace(names["model"], names["batch"], probe=True)
    assert {call.name: call.effect for call in trace if call.depth == 0} == {
        name: effect for name, (effect, _mask) in shown.layers.items()
    }
    for words, calls in (("The mask is lost at", trace.lost), ("Padding gets in at", trace.leaks)):
        said = f"{words} {', '.join(call.name for call in calls)}."
        assert (said in shown.say) == (words in shown.say) == bool(calls)


def test_the_code_is_formatted_as_ruff_would(explorer: Any) -> None:
    # Whatever a learner copies has no line too long, and a class apart from the rest.
    for middle in MIDDLES:
        code = Shown(explorer, mask_zero=True, middle=middle, padding="post").code
        assert max(map(len, code.splitlines())) <= 100
        assert "\n\n\n\n" not in code
        assert ("class " in code) == ("\n\n\nclass " in code)


def test_it_starts_with_the_mask_and_nothing_in_the_middle(made: Made) -> None:
    assert made.beginning == "PropagationExplorer(mask_zero=True, middle='nothing', padding='post')"
    assert made.explorer._repr_mimebundle_()[0]["text/html"].count("<style>") == 1


def test_the_grid_of_three_sentences_is_small(explorer: Any) -> None:
    assert len(explorer.grid["states"]) == 2 * 10 * 2
    assert len(json.dumps(explorer.grid)) <= 50_000


def test_200_sequences_and_an_empty_one(recwarn: Any) -> None:
    rng = np.random.default_rng(0)
    many = [rng.integers(1, 50, size=int(rng.integers(0, 9))).tolist() for _row in range(200)]
    explorer = PropagationExplorer(many, middles=["nothing"])
    assert len(explorer.grid["states"]) == 2 * 1 * 2
    shown = Shown(explorer, mask_zero=True)
    assert shown.growth[1:] == [0, 0, 0]
    assert "measured on 8 of 200 sequences" in shown.text
    assert "sequences = " not in shown.code
    assert "batch = ml.pad(sequences" in shown.code
    assert len(json.dumps(explorer.grid)) <= 100_000


# One's own models


class Failing(keras.layers.Layer):  # type: ignore[misc]  # Keras has no type hints
    def call(self, inputs: Any) -> Any:
        raise RuntimeError("no <b>luck</b> today")


def stacked(*layers: Any, mask_zero: bool = True) -> Any:
    first = keras.layers.Embedding(10, 4, mask_zero=mask_zero, name="words")
    return keras.Sequential([first, *layers])


def test_models_of_ones_own_are_shown_as_layers_by_hand_find_them() -> None:
    keras.utils.set_random_seed(1)
    models = {
        "conv": stacked(keras.layers.Conv1D(3, 2, name="conv"), keras.layers.GRU(2, name="gru")),
        "norm": stacked(
            keras.layers.LayerNormalization(name="norm"), keras.layers.GRU(2, name="gru")
        ),
    }
    batch = ml.pad(SEQUENCES, padding="post", maxlen=5, truncating="post")
    explorer = PropagationExplorer.from_models(models, batch, predict=True)
    assert explorer.chosen == {"model": "conv", "padding": "post"}
    for name, model in models.items():
        for padding in ("pre", "post"):
            shown = Shown(explorer, model=name, padding=padding)
            ids = keras.utils.pad_sequences(SEQUENCES, maxlen=5, padding=padding, truncating="post")
            x, before = keras.ops.convert_to_tensor(ids), None
            assert list(shown.layers) == [layer.name for layer in model.layers]
            for layer in model.layers:
                x = layer(x)
                effect, shown_mask = shown.layers[layer.name]
                mask = counts(getattr(x, "_keras_mask", None))
                assert (effect in ("creates", "passes")) == (mask is not None)
                assert shown_mask == (mask if before is None else None)
                before = mask
            kept = [tokens[:5] for tokens in SEQUENCES]
            alone = [np.asarray(model(np.array([tokens])))[0] for tokens in kept]
            moved = []
            for length in (5, 10, 20):
                longer = keras.utils.pad_sequences(kept, maxlen=length, padding=padding)
                moved.append(np.abs(np.asarray(model(longer)) - alone).max())
            np.testing.assert_allclose(shown.growth[1:], moved, rtol=0.051, atol=1e-6)
            assert shown.code == ""
            assert shown.question is not None


def test_a_model_that_raises_says_so_and_the_others_work() -> None:
    gru = keras.layers.GRU(2)
    models = {
        "broken": stacked(Failing(name="failing")),
        "of six": stacked(keras.layers.Flatten(), keras.layers.Dense(2)),
        "fine": stacked(gru),
    }
    models["of six"](np.ones((1, LENGTH + 1)))
    explorer = PropagationExplorer.from_models(models, ml.pad(SEQUENCES), predict=True)
    for name, error in (("broken", "RuntimeError: no <b>luck</b>"), ("of six", "ValueError: ")):
        broken = Shown(explorer, model=name)
        assert error in broken.text
        assert error in broken.say
        assert broken.layers["words"][0] == "creates"
        assert broken.growth == []
        assert broken.question is None
    assert Shown(explorer, model="fine").layers["words"][0] == "creates"


def test_a_model_of_one_length_keeps_its_trace() -> None:
    model = stacked(keras.layers.Flatten(name="flatten"), keras.layers.Dense(2))
    model(ml.pad(SEQUENCES).ids)
    shown = Shown(PropagationExplorer.from_models({"one": model}, ml.pad(SEQUENCES)))
    assert shown.growth == []
    assert shown.layers["flatten"][0] == "drops"
    assert "cannot be measured: ValueError" in shown.say


def test_arrays_are_traced_only_and_it_says_what_a_batch_would_add() -> None:
    model = stacked(keras.layers.GRU(2))
    explorer = PropagationExplorer.from_models({"one": model}, ml.pad(SEQUENCES).ids)
    assert explorer.chosen == {"model": "one"}
    shown = Shown(explorer)
    assert shown.growth == []
    assert "ml.pad" in shown.text
    left, right = keras.Input((None,), name="left"), keras.Input((None,), name="right")
    embed = keras.layers.Embedding(10, 4, mask_zero=True, name="words")
    both = keras.Model(
        {"left": left, "right": right}, keras.layers.Add(name="add")([embed(left), embed(right)])
    )
    ids = ml.pad(SEQUENCES).ids
    inputs = {"left": ids, "right": ids}
    shown = Shown(PropagationExplorer.from_models({"two": both}, inputs))
    assert shown.layers["add"][0] in ("passes", "changes")


def test_vectors_of_ones_own() -> None:
    model = keras.Sequential([keras.layers.Masking(name="masking"), keras.layers.GRU(2)])
    rng = np.random.default_rng(0)
    batch = ml.pad([rng.normal(size=(n, 3)) for n in (2, 4)], dtype="float32", padding="post")
    shown = Shown(PropagationExplorer.from_models({"one": model}, batch), padding="post")
    assert shown.layers["masking"] == ("creates", [2, 4])
    assert shown.growth[1:] == [0, 0, 0]


def test_models_and_random_numbers_stay_as_they_are(made: Made) -> None:
    noisy = stacked(keras.layers.Dropout(0.5, seed=3), keras.layers.GRU(2, dropout=0.3, seed=4))
    stateful = stacked(keras.layers.GRU(2, stateful=True), mask_zero=False)
    models = {"noisy": noisy, "stateful": stateful}
    batch = ml.pad(SEQUENCES)
    for model in models.values():
        model(batch.ids)
    before = {name: [np.array(v) for v in model.variables] for name, model in models.items()}
    keras.utils.set_random_seed(5)
    PropagationExplorer.from_models(models, batch)
    assert made.drawn == [random_numbers()] * 2
    for name, model in models.items():
        for one, other in zip(before[name], model.variables, strict=True):
            np.testing.assert_array_equal(one, np.array(other))


def test_names_are_text() -> None:
    name = "<img src=x onerror=alert(1)>"
    model = keras.Sequential([keras.layers.Embedding(10, 2, mask_zero=True, name=name)])
    explorer = PropagationExplorer.from_models({name: model}, ml.pad(SEQUENCES))
    bundle = explorer._repr_mimebundle_()[0]["text/html"]
    assert "<img src=x" not in bundle
    assert html.escape(name) in bundle
    assert name in Shown(explorer).layers
    read_nodes(re.sub("(?s)<style>.*?</style>", "", bundle).replace(" data-model=", " data-t="))


WRONG: list[Any] = [
    ("empty", {}, ValueError, "no model"),
    ("a model", keras.layers.Dense(2), TypeError, "by name"),
    ("a list", [keras.layers.Dense(2)], TypeError, "by name"),
    ("no model", {"one": 3}, TypeError, "Keras model or layer"),
    ("a class", {"one": keras.layers.LSTM}, TypeError, "LSTM"),
    ("a number as name", {1: keras.layers.Dense(2)}, TypeError, "string; got 1"),
]


@pytest.mark.parametrize(("models", "error", "words"), [case[1:] for case in WRONG])
def test_wrong_models_are_refused(models: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        PropagationExplorer.from_models(models, ml.pad(SEQUENCES))


def test_wrong_batches_are_refused() -> None:
    with pytest.raises(TypeError, match="trace takes numbers; got text"):
        PropagationExplorer.from_models({"one": stacked()}, "Hello")


@pytest.mark.parametrize(
    ("sequences", "options", "error", "words"),
    [
        ([], {}, ValueError, "no sequences"),
        ([[]], {}, ValueError, "empty"),
        ([["Hello"]], {}, TypeError, "id of each token"),
        ([[7], [3, -1]], {}, ValueError, "sequence 1 holds -1"),
        ([[0.5]], {}, ValueError, "holds 0.5"),
        ([[[1, 2]]], {}, ValueError, "from_models"),
        ([[5_000_000]], {}, ValueError, "999,999"),
        ([[7]], {"middles": ["gru"]}, ValueError, "norm_attention; got"),
        ([[7]], {"middles": []}, ValueError, "middles"),
        ([[7]], {"middles": "gru"}, ValueError, "gru"),
    ],
)
def test_wrong_sequences_and_middles_are_refused(
    sequences: Any, options: Any, error: Any, words: str
) -> None:
    with pytest.raises(error, match=words):
        PropagationExplorer(sequences, **options)
