"""What all explorers have in common: sentences, settings, and what a notebook keeps of them."""

import gzip
import json
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import traitlets
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st

import masklens as ml
from masklens.drawing.theme import style
from masklens.explorers.explorer import Explorer
from masklens.explorers.widget import FRONT_END, loader, module
from masklens.explorers.words import words

NASTY = "<img src=x onerror=alert(1)>"
SENTENCES = [["Hello", "world", "!"], ["How", "are", "you", "doing", "today"]]
IDS = [[711, 632, 71], [73, 8, 3215, 55, 927]]
MAKE: list[Callable[..., Explorer]] = [
    ml.PaddingExplorer,
    ml.PropagationExplorer,
    lambda sentences=None, **more: ml.TimestepExplorer(sentence=(sentences or ["a !"])[0], **more),
    lambda *given, **more: ml.PropagationExplorer(*given, stack=False, **more),
]
each = pytest.mark.parametrize("make", MAKE, ids=["padding", "propagation", "timestep", "answer"])
WORD = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=8)


def html(explorer: Explorer) -> BeautifulSoup:
    return BeautifulSoup(explorer._repr_mimebundle_()[0]["text/html"], "html.parser")


@settings(max_examples=60)
@given(
    st.lists(st.lists(WORD, max_size=9), min_size=1, max_size=6),
    st.sampled_from(["pre", "post"]),
    st.sampled_from(["pre", "post"]),
    st.integers(1, 12),
    st.integers(-3, 9),
)
def test_the_batch_is_what_keras_pads(
    sentences: Any, padding: Any, truncating: Any, maxlen: int, value: int
) -> None:
    explorer = ml.PaddingExplorer(sentences, padding=padding, truncating=truncating, value=value)
    explorer.choose(maxlen=maxlen)
    seen: dict[str, int] = {}
    ids = [[seen.setdefault(word, len(seen) + 1) for word in row] for row in sentences]
    expected = keras.utils.pad_sequences(ids, maxlen, "int32", padding, truncating, value)
    np.testing.assert_array_equal(explorer.padded_batch.ids, expected)


def test_words_ids_and_texts_are_the_same_sentences() -> None:
    texts = [" ".join(row) for row in SENTENCES]
    arrays = np.array(IDS, dtype=object)
    for rows in ([texts], [SENTENCES], [IDS, SENTENCES], [arrays, SENTENCES]):
        explorer = ml.PropagationExplorer(*rows, maxlen=5, padding="pre")
        assert explorer.settings["sentences"] == texts
        ids = IDS if len(rows) == 2 else [[1, 2, 3], [4, 5, 6, 7, 8]]
        assert explorer.padded_batch.ids.tolist() == keras.utils.pad_sequences(ids).tolist()
    assert ml.PaddingExplorer(IDS).settings["sentences"] == ["711 632 71", "73 8 3215 55 927"]


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"sentences": []}, ValueError, "There is no sentence"),
        ({"sentences": 3}, TypeError, "takes a list of sentences"),
        ({"sentences": ["a"] * 40}, ValueError, "40 sentences"),
        ({"sentences": ["a " * 200]}, ValueError, "200 words"),
        ({"sentences": [["a", 3]]}, TypeError, "'a'"),
        ({"sentences": [[3, "a"]]}, TypeError, "not a mixture"),
        ({"sentences": [[3, 0.5]]}, TypeError, "0.5"),
        ({"sentences": [[-1]]}, TypeError, "whole numbers from 0"),
        ({"sentences": ["a", 5]}, TypeError, "Sentence 1 is a int"),
        ({"sentences": [[1, 2]], "tokens": [["a"]]}, ValueError, "1 tokens for 2 timesteps"),
        ({"sentences": [[1, 2]], "tokens": [["a", "a"]]}, ValueError, "two ids, 1 and 2"),
        ({"sentences": ["a"], "padding": "left"}, ValueError, "padding cannot be 'left'"),
        ({"sentences": ["a"], "maxlen": 0}, ValueError, "maxlen cannot be 0"),
    ],
)
@pytest.mark.parametrize("explorer", [ml.PaddingExplorer, ml.PropagationExplorer])
def test_what_is_no_sentence_is_refused_with_the_reason(
    explorer: Any, arguments: Any, error: Any, said: str
) -> None:
    with pytest.raises(error, match=re.escape(said)):
        explorer(**arguments)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        (["Embedding", "Lambda"], "There is no layer 'Lambda'"),
        (["LSTM"], "begins with an Embedding"),
        ([], "begins with an Embedding"),
        (["Embedding"] + ["Dense"] * 12, "at most 12 layers"),
        (["Embedding", {"type": "Dense", "units": 3}], "has no switch units"),
        (["Embedding", {"type": "LSTM", "return_sequences": 3}], "could be 3"),
    ],
)
def test_what_is_no_stack_is_refused_with_the_reason(layers: Any, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        ml.PropagationExplorer(["a !"], layers=layers)


def test_sentences_may_be_empty_and_hold_any_script() -> None:
    texts = ["", "   ", "나는 밥을 먹었다 🙂", "مرحبا بالعالم !", NASTY]
    explorer = ml.PropagationExplorer(texts, layers=["Embedding", "Conv1D", "LSTM"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of rows without tokens
        assert [len(row) for row in explorer.padded_batch.sequences] == [0, 0, 4, 3, 3]
    assert not html(explorer).find_all("img", onerror=True)
    assert "onerror=alert(1)&gt;" in str(html(ml.PaddingExplorer([NASTY])))


@each
def test_choosing_sets_one_setting_and_leaves_the_others(make: Any) -> None:
    explorer = make()
    before = dict(explorer.settings)
    explorer.choose(padding="pre", maxlen=9)
    assert explorer.settings == before | {"padding": "pre", "maxlen": 9}
    for wrong in ({"side": "pre"}, {"maxlen": 2.5}, {"sentences": "a"}, {"predict": 1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            explorer.choose(**wrong)
        with pytest.raises(traitlets.TraitError):
            explorer.settings = before | wrong
    assert explorer.settings == before | {"padding": "pre", "maxlen": 9}
    assert "padding='pre'" in repr(explorer)


@each
def test_it_shows_itself_as_widget_picture_and_text(make: Any) -> None:
    explorer = make()
    data, _metadata = explorer._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == explorer.model_id
    assert html(explorer).find(attrs={"data-model": explorer.model_id}).find("table")
    assert data["text/plain"] == repr(explorer)


def test_the_picture_of_a_stack_says_what_its_model_answers() -> None:
    layers = ["Embedding", "Conv1D", "LSTM"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # that the mask is lost is what the picture shows
        explorer = ml.PropagationExplorer(["Hello world !"], layers=layers, maxlen=8)
    model, text = explorer.keras_model(), html(explorer).text
    ids = np.array([[1, 2, 3]])
    for name, row in (("without padding", ids), ("padded to 8", np.pad(ids, ((0, 0), (0, 5))))):
        assert f"{name}: {float(model(row)[0, 0]):.2f}" in text
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a stack that cannot run is no reason to warn
        for name in ("LSTM", "Residual"):
            broken = ml.PropagationExplorer(["a !"], layers=["Embedding", "Flatten", name])
            assert "does not run" in html(broken).text


SAME = """
import masklens as ml
for _ in range(2):
    for made in (ml.PaddingExplorer(), ml.PropagationExplorer(), ml.TimestepExplorer()):
        print(made.model_id, made.layout.model_id, made.front_end)
"""


@pytest.mark.slow
def test_a_notebook_run_again_keeps_its_ids_and_explorers_share_one_front_end() -> None:
    command = [sys.executable, "-c", SAME]
    first, again = (subprocess.check_output(command, text=True).split() for _ in range(2))
    assert first == again
    assert len(set(first)) == 6 * 2 + 1


@each
def test_what_a_notebook_keeps_is_small_and_plain_json(make: Any) -> None:
    state = make().get_state()
    kept = {name: state[name] for name in ("data", "settings", "front_end", "_esm")}
    assert json.loads(json.dumps(kept)) == kept
    assert len(json.dumps(kept)) < 15_000


def test_the_front_end_is_small_and_loads_nothing() -> None:
    text, sheet = module(), style(FRONT_END / "explorer.css")
    assert len((text + sheet).encode()) <= 60_000
    assert len(gzip.compress((text + sheet).encode(), mtime=0)) <= 20_000
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser", text)
    assert not re.search(r"\beval\(|https?:|import\s*\(|^import |fetch\(|XMLHttp", text, re.M)
    assert not re.search(r"@import|url\(", sheet)
    assert re.findall(r"import\(\w+\)", loader()) == ["import(address)"]


def test_each_language_has_a_word_for_all_that_the_page_asks_for_and_no_more() -> None:
    source, english = module(), words()
    ml.set_language("ko")
    korean = words()
    assert set(re.findall(r'\bt\("([^"]+)"', source)) <= set(english) == set(korean)
    # Asked for by name, chosen among several, or put together from a beginning.
    named = set(re.findall(r'(?="([\w ]+)")', source))
    begun = tuple(re.findall(r"`(\w+ )\$\{\w+", source))
    assert [name for name in english if name not in named and not name.startswith(begun)] == []
    for name, word in english.items():
        gaps = [set(re.findall(r"\{\w+\}", text)) for text in (word, korean[name])]
        assert korean[name] != word and gaps[0] == gaps[1], name
