"""`plot_mask` draws the mask it was given, and Hangul with the bundled font."""

import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

import masklens as ml

mpl.use("agg")
MASK = np.array([[True, True, False], [True, False, False]])


def test_filled_squares_stand_where_the_mask_is_true() -> None:
    ax = ml.plot_mask(MASK)
    for value, collection in zip((True, False), ax.collections, strict=True):
        middles = {
            tuple(path.get_extents().get_points().mean(0)) for path in collection.get_paths()
        }
        assert middles == {(float(x), float(y)) for y, x in np.argwhere(MASK if value else ~MASK)}
    assert ax.collections[0].get_facecolor()[0].tolist() == list(to_rgba("#0072b2"))
    assert ax.collections[1].get_hatch()
    plt.close()


@pytest.mark.parametrize(("language", "label"), [("en", "timestep"), ("ko", "타임스텝")])
def test_labels_are_in_the_language_and_every_letter_has_a_glyph(language: str, label: str) -> None:
    ml.set_language(language)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = ml.plot_mask(
            MASK, title="마스크를 읽습니다", tokens=[["안녕", "세상", "0"], ["가", "0", "0"]]
        )
        ax.figure.canvas.draw()
    assert ax.get_xlabel() == label
    assert [text.get_text() for text in ax.texts] == ["안녕", "세상", "0", "가", "0", "0"]
    plt.close()


def test_it_draws_where_it_is_told() -> None:
    _figure, axes = plt.subplots(1, 2)
    assert ml.plot_mask(MASK, ax=axes[1]) is axes[1]
    assert not axes[0].collections
    plt.close()


def test_settings_of_matplotlib_are_left_alone() -> None:
    before = mpl.rcParams.copy()
    ml.plot_mask(MASK)
    assert mpl.rcParams == before
    plt.close()


def test_numbers_and_misfitting_tokens_are_refused() -> None:
    with pytest.raises(TypeError, match="True and False"):
        ml.plot_mask(np.ones((2, 2)))
    with pytest.raises(ValueError, match="one token each"):
        ml.plot_mask(MASK, tokens=[["a"], ["b"]])
