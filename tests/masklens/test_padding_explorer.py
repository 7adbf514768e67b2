"""Each state of the padding explorer shows what Keras computes for those settings."""

import importlib
import itertools
import json
import random
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import masklens as ml

SENTENCES = [
    ["Hello", "world", "!"],
    ["How", "are", "you", "doing", "today"],
    ["The", "weather", "will", "be", "nice", "tomorrow"],
]
IDS = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
SIDES = ("pre", "post")


class Shown:
    """What a reader finds in one state of an explorer, read from the data of its front end."""

    def __init__(self, explorer: Any, **choice: Any) -> None:
        explorer.choose(**choice)
        grid = explorer.grid
        place = 0
        for option, (_name, axis) in zip(explorer.selection, grid["axes"], strict=True):
            place = place * len(axis["options"]) + option
        self._pool = grid["pool"]
        state = self._pool[grid["states"][place]]
        self.say = state["say"]
        self.question = None if state["question"] is None else self._pool[state["question"]]
        self._picture = state["picture"]
        self.tables = [
            [[self._cell(cell) for cell in self._inside(row)] for row in self.find("tr", table)]
            for table in self.find("table")
        ]
        self.facts = [
            (self._node(item)[0].split(".")[1], self.text(item)) for item in self.find("li")
        ]
        self.code = "".join(map(self.text, self.find("pre")))

    def _node(self, node: Any) -> Any:
        return self._pool[node] if isinstance(node, int) else node

    def _inside(self, node: Any) -> list[Any]:
        return [inner for inner in self._node(node)[1:] if not isinstance(inner, dict)]

    def _cell(self, node: Any) -> tuple[str, str]:
        name, *_rest = self._node(node)
        return name, self.text(node)

    def find(self, tag: str, node: Any = None) -> list[Any]:
        node = self._node(self._picture if node is None else node)
        if isinstance(node, str):
            return []
        found = [node] if node[0].split(".")[0] == tag else []
        return [*found, *(deep for inner in self._inside(node) for deep in self.find(tag, inner))]

    def text(self, node: Any) -> str:
        node = self._node(node)
        return node if isinstance(node, str) else "".join(map(self.text, self._inside(node)))


def combinations(explorer: Any) -> Iterator[dict[str, Any]]:
    names = [name for name, _axis in explorer.grid["axes"]]
    options = [
        [value for value, _label in axis["options"]] for _name, axis in explorer.grid["axes"]
    ]
    for values in itertools.product(*options):
        yield dict(zip(names, values, strict=True))


def cudnn_accepts(mask: Any) -> bool:
    """Asks the private function with which Keras itself guards its cuDNN kernels."""
    guard = importlib.import_module("keras.src.backend.tensorflow.rnn")._assert_valid_mask
    try:
        guard(tf.constant(mask))
    except tf.errors.InvalidArgumentError:
        return False
    return True


def check_state(
    explorer: Any, sequences: Any, tokens: list[list[str]], choice: dict[str, Any], dtype: str
) -> Shown:
    """Compares one state with Keras and with plain counting; returns it."""
    shown = Shown(explorer, **choice)
    masked = choice["mask"]
    arguments = {name: value for name, value in choice.items() if name != "mask"}
    ids = keras.utils.pad_sequences(sequences, dtype=dtype, **arguments)
    # The tokens' places, counted from 1, padded by Keras in the same way.
    counted = [list(range(1, len(row) + 1)) for row in sequences]
    places = keras.utils.pad_sequences(counted, **{**arguments, "value": 0})
    real = places > 0
    features = ids.reshape(*real.shape, -1)
    mask = (features != 0).any(axis=-1)

    check_batch(shown.tables[0], places, tokens, choice)
    if masked:
        squares = [[name for name, _text in row[1:]] for row in shown.tables[1][1:]]
        assert squares == [["td.y" if step else "td.n" for step in row] for row in mask]
        assert shown.question["answers"] == ["".join("01"[not step] for step in r) for r in mask]
        assert shown.question["columns"] == [[str(step) for step in range(mask.shape[1])]] * len(
            mask
        )
    else:
        assert len(shown.tables) == 1
        assert shown.question is None

    check_facts(shown, real, mask if masked else None, sequences)
    equal = (features == choice["value"]).all(axis=-1) & real
    assert shown.facts[-1][0] == ("bad" if equal.any() else "ok")
    if equal.any():
        assert f" {equal.sum()} (" in shown.facts[-1][1]

    names = {"keras": keras, "sequences": sequences}
    exec(shown.code, names)
    np.testing.assert_array_equal(names["padded"], ids)
    assert names["padded"].dtype == ids.dtype
    if masked:
        np.testing.assert_array_equal(names["mask"], mask)
    else:
        assert names["mask"] is None
    return shown


def check_batch(table: Any, places: Any, tokens: list[list[str]], choice: dict[str, Any]) -> None:
    head, *rows = table
    for number, (row, (label, *cells)) in enumerate(zip(places, rows, strict=True)):
        assert label == ("th", str(number))
        inside = [("td.t", tokens[number][p - 1]) if p else ("td.p", None) for p in row]
        cut = [
            ("td.x", tokens[number][step])
            for step in range(len(tokens[number]))
            if step + 1 not in row
        ]
        named = [cell if cell[0] != "td.p" else ("td.p", None) for cell in cells]
        outside = len(cells) - len(row)
        gaps = [("td", "")] * (outside - len(cut))
        if choice["truncating"] == "pre":
            assert named == [*gaps, *cut, *inside]
        else:
            assert named == [*inside, *cut, *gaps]
        padding = {text for name, text in cells if name == "td.p"}
        assert padding <= {f"{choice['value']:g} pad"}
    assert [text for _name, text in head if text.isdigit()] == [str(t) for t in range(row.size)]


def check_facts(shown: Shown, real: Any, mask: Any, sequences: Any) -> None:
    padded = int((~real).sum())
    share = f"{padded / real.size:.0%} padding: {padded} of {real.size} places"
    assert shown.facts[0] == ("info", f"· {share}")
    tokens = sum(map(len, sequences))
    lost = tokens - int(real.sum())
    said = f"Padding: {padded} of {real.size} places. Tokens lost: {lost} of {tokens}. "
    assert shown.facts[1][0] == ("bad" if lost else "ok")
    assert f" {lost} (" in shown.facts[1][1] or not lost

    reading = shown.facts[2:-2]
    read = padded if mask is None else int((mask & ~real).sum())
    skipped = 0 if mask is None else int((~mask & real).sum())
    assert [kind for kind, _words in reading] == ["bad"] * (bool(read) + bool(skipped)) or ["ok"]
    assert ("ok" in dict(reading)) == (not read and not skipped)
    assert sum(f" {read} " in words for _kind, words in reading) >= bool(read)
    assert sum(f" {skipped} (" in words for _kind, words in reading) == bool(skipped)

    accepted = mask is None or cudnn_accepts(mask)
    kind, words = shown.facts[-2]
    assert "cuDNN" in words
    assert kind == ("ok" if accepted else "bad")
    if mask is None:
        assert shown.say == said + "There is no mask."
    else:
        answer = "and cuDNN takes it" if accepted else "but cuDNN refuses it"
        assert shown.say == f"{said}The mask skips {(~mask).sum()}, {answer}."


@pytest.fixture(scope="module")
def sentences() -> Any:
    return ml.PaddingExplorer(IDS, SENTENCES)


def test_every_state_of_the_course_shows_what_keras_computes(sentences: Any) -> None:
    states = list(combinations(sentences))
    assert len(states) == 2 * 2 * 7 * 3 * 2
    for choice in states:
        check_state(sentences, IDS, SENTENCES, choice, "int32")


ids = st.lists(st.lists(st.integers(-2, 9), max_size=6), min_size=1, max_size=4)


@settings(max_examples=25)
@given(ids, st.integers(1, 8), st.integers(-2, 9))
def test_any_ids_show_what_keras_computes(sequences: Any, maxlen: int, value: int) -> None:
    explorer = ml.PaddingExplorer(sequences, maxlens=[maxlen], values=[value])
    tokens = [list(map(str, row)) for row in sequences]
    for choice in combinations(explorer):
        check_state(explorer, sequences, tokens, choice, "int32")


vectors = st.lists(
    st.lists(st.lists(st.sampled_from([0.0, -1.0, 0.5]), min_size=2, max_size=2), max_size=4),
    min_size=1,
    max_size=3,
).filter(any)


@settings(max_examples=15)
@given(vectors, st.integers(1, 5), st.sampled_from([0, -1, 0.5]))
def test_any_vectors_show_what_keras_computes(sequences: Any, maxlen: int, value: float) -> None:
    explorer = ml.PaddingExplorer(sequences, maxlens=[maxlen], values=[value])
    tokens = [[f"[{a:g}, {b:g}]" for a, b in row] for row in sequences]
    for choice in combinations(explorer):
        check_state(explorer, sequences, tokens, choice, "float32")


def test_fractions_stay_fractions() -> None:
    sequences = [[0.6, 1.7], [2.2]]
    explorer = ml.PaddingExplorer(sequences)
    for choice in combinations(explorer):
        check_state(explorer, sequences, [["0.6", "1.7"], ["2.2"]], choice, "float32")


def test_the_explorer_starts_as_keras_does_and_cuts_nothing(sentences: Any) -> None:
    explorer = ml.PaddingExplorer(IDS, SENTENCES)
    assert explorer.chosen == {
        "padding": "pre",
        "truncating": "pre",
        "maxlen": 6,
        "value": 0,
        "mask": True,
    }
    assert repr(explorer) == (
        "PaddingExplorer(padding='pre', truncating='pre', maxlen=6, value=0, mask=True)"
    )


@pytest.mark.parametrize(
    ("lengths", "maxlens"),
    [
        ([3, 5, 6], [2, 3, 4, 5, 6, 7, 8]),
        ([1], [1, 2, 3]),
        ([0], [1, 2, 3]),
        ([4, 13], [3, 5, 6, 8, 10, 11, 13, 15]),
        ([4] * 30 + [13], [3, 6, 10, 13, 15]),
    ],
)
def test_without_maxlens_they_lie_around_the_lengths(lengths: Any, maxlens: Any) -> None:
    explorer = ml.PaddingExplorer([[7] * length for length in lengths], values=[0])
    options = dict(explorer.grid["axes"])["maxlen"]["options"]
    assert [value for value, _label in options] == maxlens
    assert explorer.chosen["maxlen"] == max(1, *lengths)


@pytest.mark.parametrize(
    ("sequences", "labels"),
    [
        (IDS, ["0", "-1", "1 (will)"]),
        ([[0, -1]], ["0 (a)", "-1 (b)"]),
        ([[-5]], ["0", "-1", "-5 (a)"]),
        ([[0.5]], ["0", "-1"]),
        ([[[1, 2]]], ["0", "-1"]),
    ],
)
def test_without_values_a_token_is_among_them(sequences: Any, labels: list[str]) -> None:
    tokens = SENTENCES if sequences is IDS else [["a", "b"][: len(sequences[0])]]
    explorer = ml.PaddingExplorer(sequences, tokens, maxlens=[2])
    axis = dict(explorer.grid["axes"])["value"]
    assert [label for _value, label in axis["options"]] == labels


def test_what_is_given_is_what_can_be_chosen() -> None:
    explorer = ml.PaddingExplorer(IDS, maxlens=np.array([5, 2, 5]), values=(9, 0, 9.0))
    axes = dict(explorer.grid["axes"])
    assert [value for value, _label in axes["maxlen"]["options"]] == [2, 5]
    assert [value for value, _label in axes["value"]["options"]] == [9, 0]
    assert explorer.chosen["maxlen"] == 5
    json.dumps(explorer.grid)


def test_the_course_takes_little_room(sentences: Any) -> None:
    assert len(sentences.get_state()["grid"].encode()) < 80_000


def test_two_hundred_sequences_are_a_strip() -> None:
    lengths = np.random.default_rng(0).integers(5, 21, 200)
    explorer = ml.PaddingExplorer([np.arange(1, n + 1) for n in lengths], predict=True)
    assert len(explorer.get_state()["grid"].encode()) < 100_000
    for maxlen in (4, 20):
        shown = Shown(explorer, padding="post", maxlen=maxlen)
        kept = np.minimum(lengths, maxlen)
        assert not shown.tables
        assert shown.question is None
        words = f"{kept.min()} at least, {kept.max()} at most, {kept.mean():.1f} on average"
        pictures = shown.find("img")
        assert len(pictures) == 2
        assert all(words in picture[1]["alt"] for picture in pictures)
        assert f" {200 * maxlen - kept.sum()} of {200 * maxlen} places" in shown.facts[0][1]


def test_the_learner_sees_each_sentence_when_asked() -> None:
    explorer = ml.PaddingExplorer([[7] * 3, [8] * 50], [["Hi", "you", "!"], ["long"] * 50])
    rows = Shown(explorer, mask=True).question["rows"]
    assert rows[0] == "Hi you !"
    assert rows[1].startswith("long long")
    assert len(rows[1]) == 40


def test_a_token_is_text() -> None:
    attack = "<img src=x onerror=alert(1)>"
    explorer = ml.PaddingExplorer([[1, 2], [3]], [[attack, "b"], [attack]], maxlens=[1, 2])
    for choice in combinations(explorer):
        shown = Shown(explorer, **choice)
        assert not shown.find("img")
        assert attack in [text for row in shown.tables[0] for _name, text in row]
    assert "<img" not in explorer.get_state()["grid"]
    assert "<img" not in explorer._repr_mimebundle_()[0]["text/html"]


@pytest.mark.parametrize("sequences", [[[]], [[7]], [[], [7, 8]], [[0, 0], [0]]])
def test_odd_sequences_still_make_a_picture(sequences: Any) -> None:
    explorer = ml.PaddingExplorer(sequences)
    tokens = [list(map(str, row)) for row in sequences]
    for choice in combinations(explorer):
        check_state(explorer, sequences, tokens, choice, "int32")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([],), ValueError, "no sequences"),
        (("Hello",), TypeError, "list of sequences"),
        ((["Hello"],), TypeError, "Sequence 0 is 'Hello'"),
        (([["Hello"]],), TypeError, "pad takes numbers"),
        ((None,), TypeError, "list of sequences"),
        (([[1], [[1, 2]]],), ValueError, "same kind of timestep"),
        (([np.zeros((4, 2, 2))],), ValueError, r"shape \(2, 2\)"),
        (([[2**40]],), ValueError, "1099511627776"),
        (([[1, 2]], [["a"]]), ValueError, "Row 0 has 1 tokens for 2"),
        (([[1, 2]], [["a", "b"], ["c"]]), ValueError, "2 rows of tokens"),
    ],
)
def test_wrong_sequences_are_refused(arguments: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        ml.PaddingExplorer(*arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"maxlens": []}, "maxlens is empty"),
        ({"maxlens": [0]}, "maxlens holds 0"),
        ({"maxlens": [2.5]}, "maxlens holds 2.5"),
        ({"maxlens": [True]}, "maxlens holds True"),
        ({"maxlens": "34"}, "maxlens holds '34'"),
        ({"maxlens": range(1, 200)}, "states"),
        ({"values": []}, "values is empty"),
        ({"values": ["0"]}, "values holds '0'"),
        ({"values": "0"}, "values holds '0'"),
        ({"values": [0.5]}, "values holds 0.5"),
        ({"values": [float("nan")]}, "values holds nan"),
        ({"values": [float("inf")]}, "values holds inf"),
        ({"values": [None]}, "values holds None"),
        ({"values": [2**40]}, "1099511627776"),
    ],
)
def test_wrong_options_are_refused(arguments: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ml.PaddingExplorer([[1, 2], [3]], **arguments)


def test_an_explorer_leaves_no_trace_in_the_session() -> None:
    before = random.getstate()
    first = int(keras.layers.Masking().name.split("_")[-1].replace("masking", "0"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        ml.PaddingExplorer([[0, 1], []])
        ml.PaddingExplorer([[0.5, 1], [2]])
    assert random.getstate() == before
    assert keras.layers.Masking().name == f"masking_{first + 1}"
