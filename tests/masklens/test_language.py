"""The language in which masklens speaks is chosen once, and an unknown one is refused."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import masklens as ml
from authoring import course


def test_the_languages_of_the_course_are_spoken() -> None:
    english, *others = course.codes(Path(__file__).parents[2])
    assert ml.languages() == (english, *sorted(others))


@pytest.mark.parametrize("name", ["ko", "KO", "ko_KR", "ko-KR"])
def test_a_region_or_capitals_do_not_matter(name: str) -> None:
    ml.set_language(name)
    assert ml.get_language() == "ko"


@pytest.mark.parametrize("name", ["fr", "", "korean", None])
def test_an_unknown_language_names_the_known_ones_and_changes_nothing(name: str) -> None:
    ml.set_language("ko")
    with pytest.raises(ValueError, match=", ".join(map(repr, ml.languages()))):
        ml.set_language(name)
    assert ml.get_language() == "ko"


@pytest.mark.parametrize(
    ("value", "says"), [("ko", "ko"), ("", "en"), (None, "en"), ("fr", "MASKLENS_LANGUAGE")]
)
def test_the_environment_chooses_where_nothing_else_did(value: str | None, says: str) -> None:
    environment = dict(os.environ)
    environment.pop("MASKLENS_LANGUAGE", None)
    if value is not None:
        environment["MASKLENS_LANGUAGE"] = value
    code = "import masklens._language as language; print(language.get_language())"
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert says in run.stdout + run.stderr


def test_figures_of_ones_own_have_the_letters_of_the_language() -> None:
    with plt.rc_context():
        ml.set_language("ko")
        ml.set_language("ko")
        assert plt.rcParams["font.family"].count("MaskLens Hangul") == 1
        with warnings.catch_warnings(action="error"):  # what matplotlib says of a missing glyph
            figure, ax = plt.subplots()
            ax.set(xlabel="타임스텝", ylabel="answer")
            figure.canvas.draw()
        plt.close(figure)
