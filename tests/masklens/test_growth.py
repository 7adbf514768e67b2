"""`plot_growth` draws the largest difference between padded and unpadded outputs."""

import warnings
from typing import Any

import keras
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import masklens as ml
from masklens.plots.growth import measure_growth

pytestmark = pytest.mark.slow

mpl.use("agg")
SEQUENCES = [[3, 4, 5], [6, 7, 8, 9, 10], [11, 12]]
LENGTHS = [5, 6, 9, 14]


@pytest.fixture(autouse=True)
def _closed() -> Any:
    yield
    plt.close("all")


def embedded(*layers: Any, mask_zero: bool = True) -> Any:
    return keras.Sequential([keras.layers.Embedding(20, 4, mask_zero=mask_zero), *layers])


MODELS = {
    "masked": lambda: embedded(keras.layers.LSTM(3)),
    "unmasked": lambda: embedded(keras.layers.LSTM(3), mask_zero=False),
    "sequences": lambda: embedded(keras.layers.GRU(3, return_sequences=True), mask_zero=False),
    "both ways": lambda: embedded(
        keras.layers.Bidirectional(keras.layers.GRU(3, return_sequences=True)), mask_zero=False
    ),
    "dropout": lambda: embedded(keras.layers.GRU(3, dropout=0.5, seed=1), mask_zero=False),
}


def directly(model: Any, sequences: list[list[int]], length: int, side: str) -> float:
    """The same number by hand: each sequence alone, padded by hand, compared token by token."""
    moved = []
    for tokens in sequences:
        zeros = [0] * (length - len(tokens))
        padded = tokens + zeros if side == "post" else zeros + tokens
        alone = np.asarray(model(np.array([tokens]), training=False))[0]
        output = np.asarray(model(np.array([padded]), training=False))[0]
        if output.ndim == 2:
            output = output[: len(tokens)] if side == "post" else output[length - len(tokens) :]
        moved.append(np.abs(output - alone).max())
    return float(max(moved))


def test_measured_on_both_sides_at_once_it_is_as_on_each() -> None:
    model = MODELS["unmasked"]()
    both = measure_growth(model, SEQUENCES, LENGTHS[::-1])
    assert list(both) == ["pre", "post"]
    for side, growth in both.items():
        expected = [directly(model, SEQUENCES, length, side) for length in LENGTHS]
        assert growth.lengths == tuple(LENGTHS)
        np.testing.assert_allclose(growth.moved, expected, atol=1e-6)
    alone = [np.abs(model(np.array([tokens]), training=False)).max() for tokens in SEQUENCES]
    assert both["pre"].largest == pytest.approx(max(alone), abs=1e-6)


@pytest.mark.parametrize("side", ["post", "pre"])
@pytest.mark.parametrize("name", MODELS)
def test_the_line_is_the_difference_measured_directly(name: str, side: Any) -> None:
    model = MODELS[name]()
    (line,) = ml.plot_growth(model, SEQUENCES, LENGTHS, padding=side).lines
    assert line.get_xdata().tolist() == LENGTHS
    expected = [directly(model, SEQUENCES, length, side) for length in LENGTHS]
    np.testing.assert_allclose(line.get_ydata(), expected, atol=1e-6)


def test_a_model_that_keeps_the_promise_stays_at_zero_and_one_without_a_mask_does_not() -> None:
    axes = ml.plot_growth(
        {"masked": MODELS["masked"](), "unmasked": MODELS["unmasked"]()}, SEQUENCES
    )
    masked, unmasked = (line.get_ydata() for line in axes.lines)
    assert masked.max() < 1e-6
    assert unmasked.min() > 1e-4
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["masked", "unmasked"]


def test_lines_are_told_apart_by_marker_and_dashes() -> None:
    axes = ml.plot_growth({name: MODELS["masked"]() for name in "abcd"}, [[3, 4]], [2, 3])
    looks = {(line.get_marker(), line.get_linestyle()) for line in axes.lines}
    assert len({marker for marker, _dashes in looks}) == len({dash for _m, dash in looks}) == 4


def test_one_row_alone_can_be_measured() -> None:
    model = MODELS["unmasked"]()
    for row, tokens in enumerate(SEQUENCES):
        (line,) = ml.plot_growth(model, SEQUENCES, [5, 8], row=row).lines
        expected = [directly(model, [tokens], length, "post") for length in (5, 8)]
        np.testing.assert_allclose(line.get_ydata(), expected, atol=1e-6)
        plt.close()


def test_feature_vectors_keep_their_fractions() -> None:
    model = keras.Sequential([keras.layers.Masking(), keras.layers.GlobalAveragePooling1D()])
    plain = keras.layers.GlobalAveragePooling1D()
    axes = ml.plot_growth({"masked": model, "plain": plain}, [[[0.25, 0.5], [0.75, 0.5]]], [2, 4])
    masked, unmasked = (line.get_ydata().tolist() for line in axes.lines)
    assert masked == [0, 0]
    assert unmasked == [0, 0.25]  # the mean of (0.5, 0.5) halves when the length doubles


def test_rounding_errors_do_not_fill_the_figure() -> None:
    model = MODELS["masked"]()
    axes = ml.plot_growth(model, SEQUENCES)
    largest = max(np.abs(model(np.array([tokens]))).max() for tokens in SEQUENCES)
    assert axes.get_ylim()[1] >= 0.01 * largest


def test_by_default_padding_grows_to_four_times_the_longest_sequence() -> None:
    (line,) = ml.plot_growth(MODELS["masked"](), SEQUENCES).lines
    assert (min(line.get_xdata()), max(line.get_xdata())) == (5, 20)


def test_the_model_stays_as_it_was() -> None:
    model = embedded(
        keras.layers.BatchNormalization(), keras.layers.GRU(3, dropout=0.5, seed=1, stateful=False)
    )
    model(np.array([[3, 4]]))
    before = [variable.value.numpy().copy() for variable in model.variables]
    ml.plot_growth(model, SEQUENCES)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(np.asarray(variable.value), value)


def test_a_stateful_model_starts_every_run_from_the_same_state() -> None:
    model = embedded(keras.layers.LSTM(3, stateful=True))
    model(np.array([[3, 4]]))
    state = [variable.value.numpy().copy() for variable in model.layers[1].states]
    (line,) = ml.plot_growth(model, [[5, 6, 7]], [3, 6]).lines
    assert line.get_ydata().max() < 1e-6
    for variable, value in zip(model.layers[1].states, state, strict=True):
        np.testing.assert_array_equal(np.asarray(variable.value), value)


@pytest.mark.parametrize(
    ("language", "label"), [("en", "padded length (timesteps)"), ("ko", "패딩한 길이(타임스텝)")]
)
def test_labels_are_in_the_language_and_every_letter_has_a_glyph(language: str, label: str) -> None:
    ml.set_language(language)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        axes = ml.plot_growth({"마스크 있음": MODELS["masked"]()}, SEQUENCES)
        axes.figure.canvas.draw()
    assert axes.get_xlabel() == label


def test_it_draws_where_it_is_told_and_leaves_matplotlib_alone() -> None:
    before = mpl.rcParams.copy()
    _figure, (left, right) = plt.subplots(1, 2)
    assert ml.plot_growth(MODELS["masked"](), SEQUENCES, LENGTHS, ax=right) is right
    assert not left.lines
    assert mpl.rcParams == before


def two_outputs() -> Any:
    ids = keras.Input((None,))
    x = keras.layers.Embedding(20, 4, mask_zero=True)(ids)
    return keras.Model(ids, [x, keras.layers.LSTM(3)(x)])


def halved() -> Any:
    return embedded(keras.layers.Conv1D(3, 2, strides=2))


@pytest.mark.parametrize(
    ("model", "sequences", "options", "error", "words"),
    [
        (len, SEQUENCES, {}, TypeError, "got builtin_function_or_method"),
        ({"a": MODELS["masked"], "b": 3}, SEQUENCES, {}, TypeError, r"got function \(a\)"),
        ({}, SEQUENCES, {}, ValueError, "no model"),
        (two_outputs(), SEQUENCES, {}, TypeError, "returns list"),
        (halved(), SEQUENCES, {}, ValueError, "cannot be compared"),
        (MODELS["masked"](), [[3], []], {}, ValueError, "Sequence 1 is empty"),
        (MODELS["masked"](), [], {}, ValueError, "no sequences"),
        (MODELS["masked"](), SEQUENCES, {"row": 3}, ValueError, "no row 3"),
        (MODELS["masked"](), SEQUENCES, {"lengths": [4, 9]}, ValueError, "at least 5 timesteps"),
        (MODELS["masked"](), SEQUENCES, {"lengths": []}, ValueError, "at least 5 timesteps"),
        (MODELS["masked"](), SEQUENCES, {"padding": "left"}, ValueError, "padding must be"),
    ],
)
@pytest.mark.filterwarnings("ignore:Sequence 1 is empty")
def test_bad_input_is_refused_with_the_reason(
    model: Any, sequences: Any, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        ml.plot_growth(model, sequences, **options)
    assert not plt.get_fignums()


def test_an_error_of_the_model_says_what_was_run() -> None:
    model = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Embedding(20, 4),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    with pytest.raises(ValueError) as caught:
        ml.plot_growth(model, SEQUENCES)
    assert f"ran {model.name} on a batch of shape (1, 3)" in caught.value.__notes__[-1]
