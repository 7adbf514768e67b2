"""The names that the library offers, and what they do where a package is missing."""

import json
import re
import subprocess
import sys
import textwrap

import pytest
from IPython.core.completer import IPCompleter, provisionalcompleter

import masklens as ml
from masklens.explorers.explorer import Explorer

pytestmark = pytest.mark.slow


def run(code: str, given: str = "") -> str:
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout


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
    print(sorted(data), metadata, shown.settings["padding"])
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
