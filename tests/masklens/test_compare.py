"""`compare` finds in each model what `trace` finds in it alone, and shows them side by side."""

import io
import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import keras
import numpy as np
import pytest
from browser import Watch
from bs4 import BeautifulSoup
from keras import layers
from models import CASES, IDS
from playwright.sync_api import Browser

import masklens as ml
from masklens.drawing import progress_bar

pytestmark = pytest.mark.slow

BATCH = ml.pad([[7, 3, 5], [4, 5, 6, 8, 2]], padding="post")
VOID = {"br", "img"}
RED, BLUE, GREY = "red", "blue", "grey"


class Failing(layers.Layer):
    def call(self, inputs: Any) -> Any:
        raise RuntimeError("no <b>luck</b> today")


class Twice(keras.Model):
    """Loses its mask between layers, and makes the answer of it."""

    def __init__(self) -> None:
        super().__init__(name="twice")
        self.words = layers.Embedding(10, 4, mask_zero=True, name="words")

    def call(self, ids: Any) -> Any:
        return keras.ops.sum(self.words(ids) * 2.0, axis=1)


def stacked(*inner: layers.Layer, name: str = "words") -> keras.Model:
    return keras.Sequential([layers.Embedding(10, 4, mask_zero=True, name=name), *inner])


def reader() -> layers.Layer:
    return layers.LSTM(3, name="lstm")


def sound() -> keras.Model:
    return stacked(reader())


def leaking() -> keras.Model:
    return stacked(layers.Conv1D(4, 3, padding="same", name="conv"), reader())


def broken() -> keras.Model:
    return stacked(layers.Dense(4, name="dense"), Failing(name="failing"))


class Rows(layers.Layer):
    """Takes from each row what all rows of the batch have in common."""

    def call(self, inputs: Any) -> Any:
        return inputs - keras.ops.mean(inputs, axis=0)


class Roots(layers.Layer):
    def call(self, inputs: Any) -> Any:
        return keras.ops.sqrt(-1 - keras.ops.abs(inputs))


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    keras.utils.set_random_seed(0)


def soup(found: Any) -> BeautifulSoup:
    return BeautifulSoup(found._repr_html_(), "html.parser")


def captions(found: Any) -> dict[str, tuple[str, str]]:
    """By the name of each model: the line below it, and the tone of that line."""
    shown = {}
    for caption in soup(found).find_all("figcaption"):
        name, line = caption.find_all("b", recursive=False)
        for sign in line.find_all(attrs={"aria-hidden": "true"}):
            sign.extract()
        shown[name.text] = (" ".join(line.text.split()), line["class"][0])
    return shown


def said(found: ml.Trace) -> list[tuple[Any, ...]]:
    return [
        (call.path, call.effect, call.gets_in, call.costs_a_mask, call.uses_mask, call.leak)
        for call in found
    ]


# What is found ------------------------------------------------------------------------------------


def test_each_trace_is_that_of_its_model_alone() -> None:
    cases = [case for case in CASES if case.inputs is IDS][::3]
    keras.backend.clear_session()
    models = {}
    for case in cases:
        keras.utils.set_random_seed(0)
        models[case.name] = case.build()
    found = ml.compare(models, IDS)
    assert list(found) == [case.name for case in cases]
    assert len(found) == len(cases)
    for case in cases:
        alone, together = ml.trace(models[case.name], IDS), found[case.name]
        assert together.moves_by == alone.moves_by
        assert [call.path for call in together.leaks] == [call.path for call in alone.leaks]
        assert said(together) == said(alone)
        assert str(alone).split("\n\n", 1)[1] in str(found)


@pytest.mark.parametrize(
    "options",
    [
        {"measure": False},
        {"probe": True},
        {"training": True},
        {"mask": np.array([[True] * 2 + [False] * 3, [True] * 5])},
        {"targets": np.ones((2, 3)), "sample_weight": np.ones(2)},
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_trace_may_be_told_is_told_for_each_model(options: dict[str, Any]) -> None:
    models = {"sound": sound(), "leaking": leaking()}
    for model in models.values():
        model.compile("sgd", "mse")
    found = ml.compare(models, BATCH, **options)
    for name, model in models.items():
        alone = ml.trace(model, BATCH, **options)
        assert said(found[name]) == said(alone)
        assert (found[name].moves_by, found[name].scores) == (alone.moves_by, alone.scores)
        assert found[name].known_from == alone.known_from


def test_models_and_random_numbers_stay_as_they_are() -> None:
    models = {"one": stacked(layers.Dropout(0.5, seed=3), reader()), "other": leaking()}
    for model in models.values():
        model(BATCH.ids)
    before = {name: [np.array(v) for v in model.variables] for name, model in models.items()}
    ml.compare(models, BATCH, training=True)
    for name, model in models.items():
        for one, other in zip(before[name], model.variables, strict=True):
            np.testing.assert_array_equal(one, np.array(other))


# What is seen -------------------------------------------------------------------------------------


def test_below_each_name_stands_how_far_the_answer_moves_and_where_padding_gets_in() -> None:
    models = {"sound": sound(), "leaking": leaking(), "between": Twice()}
    found = ml.compare(models, BATCH)
    shown = captions(found)
    assert list(shown) == list(models)
    assert shown["sound"] == ("Padding does not change the answer.", BLUE)
    for name, place in (("leaking", ["conv"]), ("between", ["words", "twice"])):
        line, tone = shown[name]
        assert tone == RED
        told, where = line.split(": ")
        number, unit = re.fullmatch("Padding moves the answer by (.+) (%|times)", told).groups()  # type: ignore[union-attr]
        moves = float(number) / {"%": 100, "times": 1}[unit]
        assert moves == pytest.approx(found[name].moves, rel=0.06)
        assert re.findall(r"\b(conv|lstm|words|twice)\b", where) == place
    text = str(found).splitlines()
    for name, (line, _tone) in shown.items():
        below = text[next(at for at, said in enumerate(text) if name in said) + 1]
        assert below.replace("▼ ", "").replace("`", "") == line


def test_the_line_tells_later_leaks_other_rows_and_what_cannot_be_told_from_padding() -> None:
    models = {
        "hidden": stacked(layers.RMSNormalization(name="norm"), silent := reader()),
        "rows": stacked(reader(), Rows(name="center")),
        "NaN": stacked(reader(), Roots(name="roots")),
    }
    models["hidden"](BATCH.ids)
    silent.set_weights([np.zeros_like(weights) for weights in silent.get_weights()])
    found = ml.compare(models, BATCH)
    shown = captions(found)
    assert found["hidden"].hidden
    assert re.fullmatch("Padding will move the answer by .+ once trained: lstm", shown["hidden"][0])
    assert re.fullmatch("The other rows move the answer by .+: center", shown["rows"][0])
    assert shown["NaN"][0].startswith("The answer is not a number (NaN)")
    assert {tone for _line, tone in shown.values()} == {RED}
    recorded = ml.compare(models, BATCH, measure=False)
    assert captions(recorded)["rows"] == (recorded["rows"].why_no_verdict, GREY)


def test_a_model_that_raises_is_shown_with_its_error_and_the_others_work() -> None:
    found = ml.compare({"broken": broken(), "sound": sound()}, BATCH)
    assert str(found.errors["broken"]).count("no <b>luck</b> today")
    assert list(found.errors) == ["broken"]
    assert [call.name for call in found["broken"]][:2] == ["words", "dense"]
    assert found["sound"].moves == 0
    shown = captions(found)
    assert shown["broken"] == ("The model stopped, so there is no verdict.", GREY)
    assert shown["sound"][1] == BLUE
    for picture in (soup(found).text, str(found)):
        assert "The model stopped here: RuntimeError: no <b>luck</b> today" in picture


def test_if_all_models_raise_all_are_shown() -> None:
    found = ml.compare({"one": broken(), "other": broken()}, BATCH)
    assert list(found.errors) == ["one", "other"]
    assert str(found).count("The model stopped here: RuntimeError") == 2


def test_what_holds_for_all_is_said_once() -> None:
    models = {"sound": sound(), "leaking": leaking(), "broken": broken()}
    known = "The padded batch says which timesteps are padding."
    found = ml.compare(models, BATCH)
    assert soup(found).text.count(known) == str(found).count(known) == 1
    (legend,) = soup(found).select(".key")
    explained = {sign["class"][1] for sign in legend.select(".s")}
    assert explained == {sign["class"][1] for sign in soup(found).select("table .r > .s")}
    differing = {"sound": sound(), "unmasked": keras.Sequential([layers.Embedding(10, 4)])}
    shown = soup(ml.compare(differing, BATCH.ids))
    assert [figure.text.count("which timesteps") for figure in shown.find_all("figure")] == [1, 0]
    assert "Zeros at the ends of rows" in shown.find_all("figure")[1].text


class Strict(HTMLParser):
    """Fails where an element is not closed, or closed in another's place."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert len(dict(attrs)) == len(attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "a & b", "`x`", "'\"<s>", ""])
def test_names_are_text_and_the_html_is_well_formed(name: str) -> None:
    found = ml.compare({name: leaking(), f"{name} again": broken()}, BATCH)
    plain = ml.compare({"x": leaking(), "x again": broken()}, BATCH)
    assert Strict(found._repr_html_()).seen == Strict(plain._repr_html_()).seen
    assert list(captions(found)) == [name, f"{name} again"]
    assert f" {name} " in str(found)


def test_a_name_cannot_steer_a_terminal() -> None:
    assert "\x1b" not in str(ml.compare({"\x1b[31mred": sound()}, BATCH))


def test_korean_pictures_speak_korean() -> None:
    ml.set_language("ko")
    found = ml.compare({"하나": sound(), "둘": leaking(), "셋": broken()}, BATCH)
    assert captions(found)["하나"][0] == "패딩은 답을 바꾸지 않습니다."
    assert re.fullmatch(r"패딩 때문에 답이 \S+( %)? 달라집니다: conv", captions(found)["둘"][0])
    english = r"\b([Pp]adding|answer|moves|makes|passes|layer|happens|stopped|verdict|call|the)\b"
    for picture in (soup(found).find(class_="masklens-trace").text, str(found)):
        # An argument of the way out is called as in Keras.
        assert not re.search(english, picture.replace('padding="', ""))
    assert soup(found).find(class_="masklens-trace")["lang"] == "ko"


PLACES = """() => [...document.querySelectorAll("figure")].map(figure => {
    const { left, right, top } = figure.getBoundingClientRect();
    return { left, right, top, rows: figure.querySelector("table").getBoundingClientRect().top };
})"""


@pytest.mark.parametrize(("width", "columns"), [(390, 1), (800, 2), (1280, 2)])
def test_two_traces_stand_side_by_side_where_there_is_room(
    browser: Browser, width: int, columns: int
) -> None:
    found = ml.compare({"a name of many words " * 8: leaking(), "o" * 150: sound()}, BATCH)
    with browser.new_context(viewport={"width": width, "height": 800}) as context:
        page, watch = context.new_page(), Watch()
        watch.attend(page)
        page.set_content(f"<!doctype html><meta charset=utf-8>{found._repr_html_()}")
        first, second = page.evaluate(PLACES)
        widest = page.evaluate(
            "() => Math.max(...[...document.querySelectorAll('*')].map(one => one.scrollWidth))"
        )
    assert (first["right"] < second["left"]) == (columns == 2)
    for edge in ("top", "rows"):
        assert (first[edge] == second[edge]) == (columns == 2)
    assert widest <= width
    assert (watch.outside, watch.errors) == ([], [])


def test_threads_have_no_gaps_in_a_narrow_column_of_a_page_that_pads_its_rows(
    browser: Browser,
) -> None:
    html = ml.compare({"before": leaking(), "after": sound()}, BATCH)._repr_html_()
    page = browser.new_page(viewport={"width": 800, "height": 800})
    # As JupyterLab does.
    page.set_content(f"<style>.page tr {{ padding: 9px }}</style><div class=page>{html}</div>")
    heights = page.evaluate(
        "() => [...document.querySelectorAll('tr:not(.h) > .r')].map("
        "cell => [cell.offsetHeight, cell.parentElement.offsetHeight])"
    )
    page.close()
    assert heights
    assert all(thread == row for thread, row in heights)


# What takes long, and what cannot be compared -----------------------------------------------------


def test_a_bar_counts_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    for pause in ("_DELAY", "_PAUSE"):
        monkeypatch.setattr(progress_bar, pause, 0.0)
    ml.compare({"one": sound(), "two": sound(), "three": sound()}, BATCH)
    assert re.findall("tracing models: (.*?)\r", terminal.getvalue()) == ["1 of 3", "2 of 3"]


WRONG: dict[str, tuple[Callable[[], Any], type[Exception], str, str]] = {
    "a model": (sound, TypeError, "models by name, such as", "이름을 붙인 모델"),
    "a list": (lambda: [sound()], TypeError, "got list", "list"),
    "nothing": (dict, ValueError, "at least one", "하나 이상"),
    "no model": (lambda: {"one": 3}, TypeError, "Keras model or layer; got int", "int"),
    "a class": (lambda: {"one": layers.LSTM}, TypeError, r"LSTM\(\.\.\.\)", "LSTM"),
    "a number as name": (lambda: {1: sound()}, TypeError, "string; got 1", "문자열"),
}


@pytest.mark.parametrize(("models", "error", "english", "korean"), WRONG.values(), ids=WRONG)
def test_wrong_models_are_refused_before_any_runs(
    models: Callable[[], Any], error: type[Exception], english: str, korean: str
) -> None:
    for language, words in (("en", english), ("ko", korean)):
        ml.set_language(language)
        with pytest.raises(error, match=words):
            ml.compare(models(), BATCH)


def test_a_fault_names_the_model_that_it_came_up_with() -> None:
    models = {"compiled": sound(), "not compiled": sound()}
    models["compiled"].compile("sgd", "mse")
    with pytest.raises(ValueError, match="compile") as caught:
        ml.compare(models, BATCH, targets=np.ones((2, 3)))
    assert caught.value.__notes__ == ["This came up with the model 'not compiled'."]
    with pytest.raises(TypeError, match="trace takes numbers; got text"):
        ml.compare(models, "Hello")
    ml.trace(models["compiled"], BATCH)


def test_a_comparison_within_a_recording_is_refused() -> None:
    with ml.record(), pytest.raises(RuntimeError):
        ml.compare({"one": sound()}, BATCH)
