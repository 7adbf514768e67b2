"""What all explorers have in common: choosing, showing themselves, and what a notebook keeps."""

import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
import traitlets
from IPython.core.completer import IPCompleter, provisionalcompleter

import masklens as ml
from masklens.explorers.explorer import Explorer, front_end
from masklens.explorers.precomputed import Axis, Question, State

pytestmark = pytest.mark.slow

NASTY = "<img src=x onerror=alert(1)>"
QUESTION = Question("Which will be False?", ("0",), (("0", "1"),), ((False, True),))


def explorer(title: str = "title", **options: Any) -> Explorer:
    from html import escape

    axes = [
        Axis("padding", "padding", (("pre", "before"), ("post", "after")), "choice"),
        Axis("maxlen", "length", ((2, "2"), (3, "3"), (4, "4")), "slider"),
        Axis("mask", "mask", ((False, "off"), (True, "on")), "switch"),
    ]

    def make(values: dict[str, Any]) -> State:
        drawn = f"<p>{escape(title)} {escape(str(values))}</p>"
        return State(drawn, f"state {values}", QUESTION if values["mask"] else None)

    return Explorer(title, axes, make, **options)


def test_it_begins_with_the_first_options_or_with_those_asked_for() -> None:
    assert explorer().chosen == {"padding": "pre", "maxlen": 2, "mask": False}
    started = explorer(start={"maxlen": 4, "mask": True})
    assert started.chosen == {"padding": "pre", "maxlen": 4, "mask": True}
    assert "&#x27;maxlen&#x27;: 4" in started._repr_mimebundle_()[0]["text/html"]


def test_choosing_sets_one_control_and_leaves_the_others() -> None:
    shown = explorer()
    shown.choose(maxlen=3)
    shown.choose(padding="post", mask=True)
    assert shown.chosen == {"padding": "post", "maxlen": 3, "mask": True}
    assert shown.selection == [1, 1, 1]
    assert repr(shown) == "Explorer(padding='post', maxlen=3, mask=True)"


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"side": "pre"}, "There is no control 'side'; there are: padding, maxlen, mask."),
        ({"padding": "centre"}, "padding has no value 'centre'; choose one of: 'pre', 'post'."),
        ({"mask": 1}, "mask has no value 1; choose one of: False, True."),
        ({"maxlen": None}, "maxlen has no value None; choose one of: 2, 3, 4."),
    ],
)
def test_what_cannot_be_chosen_is_refused_and_changes_nothing(
    values: dict[str, Any], named: str
) -> None:
    shown = explorer()
    with pytest.raises(ValueError) as refused:
        shown.choose(**values)
    assert str(refused.value) == named
    assert shown.selection == [0, 0, 0]


@pytest.mark.parametrize("selection", [[0, 0], [0, 0, 2], [0, -1, 0], [0, 0, 0, 0]])
def test_a_selection_that_is_no_state_is_refused(selection: list[int]) -> None:
    shown = explorer()
    with pytest.raises(traitlets.TraitError):
        shown.selection = selection
    assert shown.selection == [0, 0, 0]


def test_it_shows_itself_as_widget_picture_and_text() -> None:
    shown = explorer()
    data, _metadata = shown._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == shown.model_id
    assert f"data-model={shown.model_id}" in data["text/html"]
    assert data["text/plain"] == repr(shown)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.names.append(tag)


def test_a_token_is_text_in_the_picture_and_in_the_grid() -> None:
    shown = explorer(NASTY)
    tags = Tags()
    tags.feed(shown._repr_mimebundle_()[0]["text/html"])
    assert not {"img", "script"} & set(tags.names)
    kept = json.dumps(shown.grid["pool"], ensure_ascii=False)
    assert NASTY in kept


def test_predicting_first_hides_the_picture_until_the_reader_opens_it() -> None:
    asked = explorer(predict=True, start={"mask": True})._repr_mimebundle_()[0]["text/html"]
    assert "<details><summary>Which will be False?</summary>" in asked
    assert "<details>" not in explorer(predict=True)._repr_mimebundle_()[0]["text/html"]


def run(code: str, given: str = "") -> str:
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout


SAME = """
    from masklens.explorers.explorer import Explorer
    from masklens.explorers.precomputed import Axis, State
    axes = [Axis("mask", "mask", ((False, "off"), (True, "on")), "switch")]
    for _ in range(2):
        shown = Explorer("title", axes, lambda values: State("<p>x</p>", "x"))
        print(shown.model_id, shown.layout.model_id)
"""


def test_a_notebook_run_again_keeps_its_ids_and_two_explorers_differ() -> None:
    first, again = run(SAME), run(SAME)
    assert first == again
    assert len(set(first.split())) == 4


def test_the_whole_state_is_plain_json() -> None:
    shown = explorer()
    state = shown.get_state()
    kept = {name: state[name] for name in ("grid", "selection", "_esm", "_css")}
    assert json.loads(json.dumps(kept)) == kept
    assert json.loads(kept["grid"]) == shown.grid


def test_the_front_end_is_small_and_loads_nothing() -> None:
    module, sheet = front_end()
    assert len((module + sheet).encode()) < 27_000
    writes_html = r"innerHTML|outerHTML\s*=|insertAdjacentHTML|document\.write|DOMParser|eval\("
    assert not re.search(writes_html, module)
    assert not re.search(r"https?:|import\s*\(|^import |fetch\(|XMLHttpRequest", module, re.M)
    assert not re.search(r"@import|url\(", sheet)


def test_importing_masklens_imports_no_widgets() -> None:
    loaded = run("import masklens, sys; print([m for m in sys.modules if 'widget' in m])")
    assert loaded == "[]\n"


WITHOUT = """
    import sys
    sys.modules["{absent}"] = None
    import masklens as ml
    shown = ml.PaddingExplorer([[71, 13], [5]])
    shown.choose(padding="post")
    data, metadata = shown._repr_mimebundle_()
    print(sorted(data), metadata, shown.chosen["padding"])
    print(data["text/html"])
"""
# What is run, each as if nothing had been imported yet but Keras, which takes long.
SCENES = {
    "anywidget": WITHOUT.format(absent="anywidget"),
    "ipywidgets": WITHOUT.format(absent="ipywidgets"),
    "jupyter": """
    import sys
    sys.modules["traitlets"] = None
    import masklens as ml
    try:
        ml.PaddingExplorer
    except ImportError as error:
        print(error)
    print(set(ml.__all__) - set(dir(ml)))
    help(ml)
    """,
    "colab": """
    import sys, types
    enabled = []
    output = types.ModuleType("google.colab.output")
    output.enable_custom_widget_manager = lambda: enabled.append(True)
    output._widgets = types.SimpleNamespace(_installed_url="https://cdn.example/manager.js")
    sys.modules["google.colab.output"] = output
    import masklens as ml
    _data, metadata = ml.PaddingExplorer([[71, 13], [5]])._repr_mimebundle_()
    print(enabled, metadata)
    """,
}
STAGE = """
    import contextlib, io, json, sys, textwrap
    OURS = "masklens", "anywidget", "ipywidgets", "traitlets"
    told = {}
    for name, scene in json.load(sys.stdin).items():
        for module in [one for one in sys.modules if one.split(".")[0] in OURS]:
            del sys.modules[module]
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(textwrap.dedent(scene), {})
        told[name] = printed.getvalue()
    print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    """What each scene printed."""
    return json.loads(run(STAGE, json.dumps(SCENES)))


@pytest.mark.parametrize("absent", ["anywidget", "ipywidgets"])
def test_without_anywidget_an_explorer_is_its_picture_and_says_what_to_install(
    absent: str, told: dict[str, str]
) -> None:
    first, html = told[absent].split("\n", 1)
    assert first == "['text/html', 'text/plain'] {} post"
    assert "<table" in html and "71" in html
    assert f"PaddingExplorer is a widget, and {absent} is not installed" in html


def test_without_jupyter_an_explorer_says_what_to_install_and_help_lists_what_there_is(
    told: dict[str, str],
) -> None:
    refused, missing, text = told["jupyter"].split("\n", 2)
    assert "PaddingExplorer" in refused and "pip install anywidget" in refused
    assert sorted(eval(missing)) == ["PaddingExplorer", "PropagationExplorer", "TimestepExplorer"]
    assert "plot_mask(" in text


def test_in_colab_an_explorer_says_where_its_front_end_comes_from(told: dict[str, str]) -> None:
    manager = {"custom_widget_manager": {"url": "https://cdn.example/manager.js"}}
    view = "application/vnd.jupyter.widget-view+json"
    assert told["colab"] == f"[True] { ({view: {'colab': manager}}) }\n"


@pytest.mark.parametrize("name", ["PaddingExplorer", "PropagationExplorer", "TimestepExplorer"])
def test_explorers_are_part_of_the_library(name: str) -> None:
    assert name in ml.__all__
    assert issubclass(getattr(ml, name), Explorer)


def test_the_names_of_the_library_are_its_api_whatever_has_been_imported() -> None:
    assert {name for name in dir(ml) if not re.fullmatch("__.+__", name)} == set(ml.__all__)
    assert {"__all__", "__doc__", "__file__", "__name__", "__spec__", "__version__"} <= set(dir(ml))


@pytest.mark.parametrize("typed", ["Pad", "p", ""])
def test_the_tab_key_offers_the_api(typed: str) -> None:
    completer = IPCompleter(namespace={"ml": ml}, use_jedi=False)
    with provisionalcompleter():
        offered = [one.text for one in completer.completions(f"ml.{typed}", 3 + len(typed))]
    assert offered == [f".{name}" for name in ml.__all__ if name.startswith(typed)]


def test_another_name_is_no_part_of_the_library() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Explorers'"):
        _ = ml.Explorers


def test_the_buttons_speak_the_language_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    ml.set_language("ko")
    words = explorer().grid["words"]
    ml.set_language("en")
    english = explorer().grid["words"]
    assert explorer().grid["lang"] == "en"
    assert set(words) == set(english)
    assert not [name for name in words if words[name] == english[name]]


def _nothing(shown: Explorer) -> None:
    pass


def _chosen(shown: Explorer) -> None:
    shown.choose(maxlen=4)


@pytest.mark.parametrize("before", [_nothing, _chosen])
def test_the_picture_without_scripts_stays_that_of_the_beginning(
    before: Callable[[Explorer], None],
) -> None:
    shown = explorer()
    before(shown)
    assert "&#x27;maxlen&#x27;: 2" in shown._repr_mimebundle_()[0]["text/html"]
