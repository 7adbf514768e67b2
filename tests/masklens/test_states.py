"""`plot_states` draws what a cell computes step by step, and freezes where the mask says so."""

import warnings
from typing import Any

import keras
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

import masklens as ml

mpl.use("agg")
SEED = np.random.default_rng(0)
X = SEED.normal(size=(3, 7, 4)).astype("float32")
MASKS = {
    "post": np.arange(7) < np.array([[7], [4], [1]]),
    "pre": np.arange(7) >= np.array([[0], [3], [6]]),
    "between": SEED.random((3, 7)) < 0.6,
    "empty": np.zeros((3, 7), bool),
}
RECURRENT = {
    "simple": lambda: keras.layers.SimpleRNN(5),
    "lstm": lambda: keras.layers.LSTM(5, return_sequences=True),
    "gru": lambda: keras.layers.GRU(5, return_state=True),
    "backwards": lambda: keras.layers.LSTM(5, go_backwards=True, return_sequences=True),
    "cells": lambda: keras.layers.RNN([keras.layers.GRUCell(6), keras.layers.LSTMCell(5)]),
    "dropout": lambda: keras.layers.GRU(5, dropout=0.5, recurrent_dropout=0.5, seed=1),
}


@pytest.fixture(autouse=True)
def _closed() -> Any:
    yield
    plt.close("all")


def step_by_step(layer: Any, x: Any, mask: Any) -> Any:
    """(time, units): calls the cell once per timestep that is read, and else keeps the output."""
    order = range(x.shape[0])
    order = reversed(order) if layer.go_backwards else order
    states = layer.cell.get_initial_state(batch_size=1)
    output: Any = np.zeros((1, 5))
    outputs = np.zeros((x.shape[0], 5))
    for step in order:
        if mask[step]:
            output, states = layer.cell(x[step][None], states, training=False)
        outputs[step] = keras.ops.convert_to_numpy(output)[0]
    return outputs


def drawn(ax: Any) -> Any:
    """(time, units) as the heat map holds them."""
    return np.asarray(ax.images[0].get_array()).T


@pytest.mark.parametrize("side", MASKS)
@pytest.mark.parametrize("name", RECURRENT)
def test_both_heat_maps_are_what_the_cell_computes_step_by_step(name: str, side: str) -> None:
    layer, mask = RECURRENT[name](), MASKS[side]
    masked, plain = ml.plot_states(layer, X, mask, row=1)
    np.testing.assert_allclose(drawn(masked), step_by_step(layer, X[1], mask[1]), atol=1e-6)
    np.testing.assert_allclose(drawn(plain), step_by_step(layer, X[1], np.ones(7, bool)), atol=1e-6)


def test_the_state_stands_still_exactly_where_the_mask_is_false() -> None:
    for mask in MASKS.values():
        states = drawn(ml.plot_states(keras.layers.LSTM(5), X, mask, row=1)[0])
        moved = np.abs(np.diff(states, axis=0, prepend=0)).max(axis=1) > 0
        np.testing.assert_array_equal(moved, mask[1])


def test_the_last_column_is_what_the_layer_itself_returns() -> None:
    layer = keras.layers.LSTM(5)
    masked, plain = ml.plot_states(layer, X, MASKS["post"], row=1)
    np.testing.assert_allclose(drawn(masked)[-1], layer(X, mask=MASKS["post"])[1], atol=1e-6)
    np.testing.assert_allclose(drawn(plain)[-1], layer(X)[1], atol=1e-6)


@pytest.mark.parametrize("merge", ["concat", "sum"])
def test_a_bidirectional_draws_both_of_its_layers(merge: str) -> None:
    layer = keras.layers.Bidirectional(
        keras.layers.GRU(5, return_sequences=True, name="gru"), merge_mode=merge
    )
    grid = ml.plot_states(layer, X, MASKS["between"], row=2)
    assert grid.shape == (2, 2)
    parts = layer.forward_layer, layer.backward_layer
    for (masked, plain), part in zip(grid, parts, strict=True):
        assert masked.get_title(loc="left") == f"{part.name}, with the mask"
        for ax, mask in ((masked, MASKS["between"][2]), (plain, np.ones(7, bool))):
            np.testing.assert_allclose(drawn(ax), step_by_step(part, X[2], mask), atol=1e-6)


def test_the_colours_mean_the_same_in_both() -> None:
    axes = ml.plot_states(keras.layers.LSTM(5), X, MASKS["post"], row=1)
    assert len({ax.images[0].get_clim() for ax in axes}) == 1
    low, high = axes[0].images[0].get_clim()
    assert low == -high
    assert high == max(np.abs(drawn(ax)).max() for ax in axes)
    # In grey print the order of values must survive: each colour is darker than the one before.
    colours = axes[0].images[0].cmap(np.linspace(0, 1, 50))[:, :3]
    grey = colours @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(grey) < 0).all()


def test_squares_below_show_which_timesteps_are_read() -> None:
    mask = MASKS["between"]
    masked, plain = ml.plot_states(keras.layers.LSTM(5), X, mask, row=0)
    for ax, read in ((masked, mask[0]), (plain, np.ones(7, bool))):
        squares = [patch for patch in ax.patches if patch.get_width() == 0.9]
        assert [round(square.get_x() + 0.45) for square in squares] == list(range(7))
        assert [square.get_facecolor() == to_rgba("#0072b2") for square in squares] == read.tolist()
        assert [not square.get_hatch() for square in squares] == read.tolist()
    assert [text.get_text() for text in masked.texts] == ["skipped"]
    assert [text.get_text() for text in plain.texts] == ["read as data"]


def embedded() -> Any:
    return keras.layers.Embedding(20, 4, mask_zero=True)


BATCH = ml.pad([[3, 4, 5], [6, 7, 8, 9, 10]], padding="post")


def test_in_a_sequential_model_the_layers_before_it_are_run() -> None:
    model = keras.Sequential(
        [embedded(), keras.layers.LSTM(5), keras.layers.Dense(1), keras.layers.Dropout(0.5)]
    )
    for inputs in (BATCH, BATCH.ids):
        states = drawn(ml.plot_states(model, inputs)[0])
        embedding, lstm = model.layers[:2]
        features = keras.ops.convert_to_numpy(embedding(BATCH.ids))
        np.testing.assert_allclose(
            states, step_by_step(lstm, features[0], BATCH.mask[0]), atol=1e-6
        )


def test_in_a_functional_model_the_last_recurrent_layer_is_drawn() -> None:
    ids = keras.Input((None,), dtype="int32")
    first = keras.layers.GRU(6, return_sequences=True)(embedded()(ids))
    model = keras.Model(ids, keras.layers.Dense(2)(keras.layers.LSTM(5, name="last")(first)))
    masked, plain = ml.plot_states(model, BATCH)
    assert masked.get_title(loc="left") == "last, with the mask"
    gru = keras.Model(ids, first)
    features = keras.ops.convert_to_numpy(gru(BATCH.ids))
    last = model.get_layer("last")
    np.testing.assert_allclose(
        drawn(masked), step_by_step(last, features[0], BATCH.mask[0]), atol=1e-6
    )
    np.testing.assert_allclose(
        drawn(plain), step_by_step(last, features[0], np.ones(5, bool)), atol=1e-6
    )


def test_in_a_functional_model_a_mask_by_hand_is_the_one_that_counts() -> None:
    ids, by_hand = keras.Input((5,), dtype="int32"), keras.Input((5,), dtype="bool")
    lstm, embedding = keras.layers.LSTM(5), embedded()
    model = keras.Model([ids, by_hand], lstm(embedding(ids), mask=by_hand))
    mask = np.array([[True, False, False, True, True]] * 2)
    features = keras.ops.convert_to_numpy(embedding(BATCH.ids))[0]
    states = drawn(ml.plot_states(model, [BATCH.ids, mask])[0])
    np.testing.assert_allclose(states, step_by_step(lstm, features, mask[0]), atol=1e-6)


@pytest.mark.parametrize("mask_zero", [True, False])
def test_in_a_functional_model_the_mask_may_be_given_where_none_is_made(mask_zero: bool) -> None:
    ids = np.array([[7, 3, 0, 0], [4, 2, 5, 0], [1, 2, 3, 4]])
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(10, 3, mask_zero=mask_zero)(inputs)
    model = keras.Model(inputs, keras.layers.LSTM(2, name="lstm")(x))
    given = None if mask_zero else ids != 0
    assert ml.plot_states(model, ids, mask=given) is not None
    assert ml.TimestepExplorer(model, ids, mask=given) is not None
    plt.close("all")
    if not mask_zero:
        with pytest.raises(ValueError, match="No mask reaches"):
            ml.plot_states(model, ids)


def test_a_mask_by_hand_wins_over_the_one_that_the_tensor_carries() -> None:
    layer, carrier = keras.layers.GRU(5), embedded()(BATCH.ids)
    features = keras.ops.convert_to_numpy(carrier)[0]
    by_hand = np.array([[True, False, True, False, False]] * 2)
    for mask, known in ((None, BATCH.mask), (by_hand, by_hand)):
        states = drawn(ml.plot_states(layer, carrier, mask)[0])
        np.testing.assert_allclose(states, step_by_step(layer, features, known[0]), atol=1e-6)


def test_the_layer_stays_as_it_was() -> None:
    layer = keras.layers.LSTM(5, stateful=True, dropout=0.5, seed=3)
    layer(X)  # leaves a state behind
    config = layer.get_config()
    variables = [*layer.variables, *layer.states]
    before = [variable.value.numpy().copy() for variable in variables]
    assert before[-1].any(), "the stateful layer has no state to lose"
    ml.plot_states(layer, X, MASKS["post"])
    assert layer.get_config() == config
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(np.asarray(variable.value), value)


def test_a_model_stays_as_it_was() -> None:
    first = keras.layers.GRU(6, return_sequences=True, stateful=True, dropout=0.5, seed=3)
    model = keras.Sequential([embedded(), first, keras.layers.LSTM(5)])
    model(BATCH.ids)
    variables = [*model.variables, *first.states]
    before = [variable.value.numpy().copy() for variable in variables]
    assert before[-1].any(), "the stateful layer has no state to lose"
    ml.plot_states(model, BATCH)
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(np.asarray(variable.value), value)


def test_an_unbuilt_layer_is_drawn_with_the_weights_it_keeps() -> None:
    layer = keras.layers.GRU(5)
    assert not layer.built
    masked, _plain = ml.plot_states(layer, X, MASKS["post"], row=1)
    np.testing.assert_allclose(drawn(masked)[-1], layer(X, mask=MASKS["post"])[1], atol=1e-6)


@pytest.mark.parametrize(
    ("language", "unit", "state"), [("en", "unit", "hidden state"), ("ko", "유닛", "은닉 상태")]
)
def test_labels_are_in_the_language_and_every_letter_has_a_glyph(
    language: str, unit: str, state: str
) -> None:
    ml.set_language(language)
    layer, mask = keras.layers.LSTM(5), MASKS["post"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        axes = ml.plot_states(layer, X, mask, row=1, tokens=list("안녕세상패딩!"))
        axes[0].figure.canvas.draw()
    assert axes[0].get_ylabel() == unit
    assert axes[0].figure.axes[-1].get_ylabel() == state
    assert [tick.get_text() for tick in axes[1].get_xticklabels()] == list("안녕세상패딩!")


def test_nothing_stands_outside_the_figure() -> None:
    layer = keras.layers.Bidirectional(keras.layers.LSTM(5, name="a_layer_with_a_long_name"))
    tokens = ["Supercalifragilistic"] * 7
    figure = ml.plot_states(layer, X, MASKS["pre"], row=1, tokens=tokens)[0, 0].figure
    figure.canvas.draw()
    inside = figure.get_tightbbox()
    assert inside.x0 >= 0 and inside.y0 >= 0
    assert (np.array([inside.x1, inside.y1]) <= figure.get_size_inches()).all()


def test_it_draws_where_it_is_told_and_leaves_matplotlib_alone() -> None:
    before = mpl.rcParams.copy()
    _figure, given = plt.subplots(1, 3)
    returned = ml.plot_states(keras.layers.GRU(5), X, MASKS["post"], axes=given[:2])
    assert list(returned) == list(given[:2])
    assert not given[2].images
    assert mpl.rcParams == before


class Custom(keras.Model):  # type: ignore[misc]  # Keras has no type hints
    def __init__(self) -> None:
        super().__init__()
        self.lstm = keras.layers.LSTM(5)

    def call(self, x: Any) -> Any:
        return self.lstm(x * 2)


@pytest.mark.parametrize(
    ("layer", "inputs", "options", "error", "words"),
    [
        (keras.layers.Dense(5), X, {}, TypeError, "Dense has none"),
        (keras.Sequential([keras.layers.Dense(5)]), X, {}, TypeError, "Sequential has none"),
        ("lstm", X, {}, TypeError, "str has none"),
        (Custom(), X, {}, TypeError, "What reaches lstm.* cannot be seen"),
        (keras.layers.LSTM(5), keras.Input((7, 4)), {}, TypeError, "symbolic"),
        (keras.layers.LSTM(5), BATCH, {}, ValueError, "with its Embedding"),
        (keras.layers.LSTM(5), X[0], {}, ValueError, r"\(7, 4\)"),
        (keras.layers.LSTM(5), X, {}, ValueError, "No mask reaches"),
        (keras.layers.LSTM(5), X, {"mask": np.ones((3, 7))}, TypeError, "True and False"),
        (keras.layers.LSTM(5), X, {"mask": MASKS["post"][:2]}, ValueError, r"\(2, 7\).*\(3, 7\)"),
        (keras.layers.LSTM(5), X, {"mask": MASKS["post"], "row": 3}, ValueError, "no row 3"),
        (keras.layers.LSTM(5), X, {"mask": MASKS["post"], "row": -1}, ValueError, "no row -1"),
        (keras.layers.LSTM(5), X, {"mask": MASKS["post"], "tokens": "ab"}, ValueError, "2 tokens"),
    ],
)
def test_bad_input_is_refused_with_the_reason(
    layer: Any, inputs: Any, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        ml.plot_states(layer, inputs, **options)
    assert not plt.get_fignums()


def test_axes_of_the_wrong_number_are_refused() -> None:
    _figure, three = plt.subplots(1, 3)
    with pytest.raises(ValueError, match="2 panels, but axes= holds 3"):
        ml.plot_states(keras.layers.GRU(5), X, MASKS["post"], axes=three)
