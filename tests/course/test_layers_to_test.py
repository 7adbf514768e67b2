"""The layers that a learner's test must tell apart: whether they are sound is measured here."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from authoring import source
from masklens_course.layers_to_test import Judgements, LayersToTest, LayerToTest, lambda_layer
from masklens_course.questions import question

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CASES = [case for (case,) in question("test-a-layer").all_cases()]
LAYERS = list(dict.fromkeys(layer for case in CASES for layer in case.layers))
each_layer = pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.code)


def gradients(layer: LayerToTest) -> np.ndarray:
    """The largest gradient from each timestep of the input to each of the output."""
    values = tf.constant(np.random.default_rng(1).normal(size=(1, 11, 3)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(values)
        outputs = tf.cast(layer.make()(values), tf.float32)
    found = np.abs(tape.jacobian(outputs, values).numpy()[0, :, :, 0])
    return found.max(axis=(1, 3)).T


@each_layer
def test_a_layer_is_sound_if_no_gradient_leads_to_another_timestep(layer: LayerToTest) -> None:
    found = gradients(layer)
    others = found[~np.eye(len(found), dtype=bool)].max() / found.max()
    # As much apart as the task says: a fault is no less than a thousandth, rounding far less.
    assert others < 1e-5 if layer.sound else others > 1e-3


@each_layer
def test_the_picture_of_a_sound_layer_is_a_diagonal_and_that_of_no_other(
    layer: LayerToTest,
) -> None:
    assert np.array_equal(layer.influence(), np.eye(10)) == layer.sound


@each_layer
def test_a_layer_keeps_the_shape_and_takes_any_size(layer: LayerToTest) -> None:
    for shape in ((1, 2, 2), (2, 9, 4), (3, 16, 3)):
        assert layer.make()(np.ones(shape)).shape == shape


@each_layer
def test_a_layer_gives_the_same_each_time_that_it_is_made(layer: LayerToTest) -> None:
    values = np.random.default_rng(2).normal(size=(1, 9, 4))
    np.testing.assert_array_equal(layer.make()(values), layer.make()(values))


def test_the_exercise_shows_the_layers_of_the_example() -> None:
    path = ROOT / "content" / "exercises" / "07_opting_in.py"
    cells = {cell.id: cell.text for cell in source.read(ROOT, path).cells}
    names = {"keras": keras, "np": np}
    exec(cells["test-a-layer-data"], names)
    values = np.random.default_rng(3).normal(size=(2, 9, 4))
    pairs = zip(names["layers"].values(), CASES[0].arguments(), strict=True)
    for shown, used in pairs:
        np.testing.assert_array_equal(shown(values), used(values))


def test_what_is_shown_is_a_layer_that_is_misjudged() -> None:
    fault, sound = lambda_layer("keras.ops.flip(x, axis=1)", False), lambda_layer("x", True)
    one, other = np.array(False), np.array(True)
    for said, shown in (((one, one), sound), ((other, other), fault), ((other, one), fault)):
        assert Judgements((fault, sound), said).case == (LayersToTest((shown,)),)
