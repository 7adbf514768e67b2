"""Learners' layers, as the checks run them, against Keras's own layers and plain NumPy."""

import keras
import numpy as np
import pytest

from masklens_course.answer import DiagnosedError, Raised, trying
from masklens_course.own_layers import Masked, error_picture, in_model, make, on_arrays, run

# Keras says that layers and models without `supports_masking` destroy a mask; here they may.
pytestmark = pytest.mark.filterwarnings("ignore:.*destroy the mask:UserWarning")

VALUES = np.random.default_rng(0).normal(size=(3, 4, 2)).astype("float32")
MASK = np.array([[True, True, False, False], [True] * 4, [False, True, True, False]])
GIVEN, BARE = Masked(VALUES, MASK), Masked(VALUES)


class Relay(keras.layers.Layer):
    """Keeps what `compute_mask` gets, and hands it on."""

    def call(self, inputs):
        return 1 * inputs  # Keras does not ask a layer that gives the same tensor for its mask

    def compute_mask(self, inputs, mask=None):
        self.got = mask
        return mask


class Fails(Relay):
    def compute_mask(self, inputs, mask=None):
        raise ValueError("no mask today")


@pytest.mark.parametrize("way", [on_arrays, in_model])
def test_a_mask_reaches_the_layer_and_comes_back(way) -> None:
    layer = keras.layers.Dense(3, kernel_initializer="ones")
    (output,) = way(layer, GIVEN)
    np.testing.assert_allclose(output.values, np.repeat(VALUES.sum(2)[..., None], 3, 2), atol=1e-5)
    np.testing.assert_array_equal(output.mask, MASK)
    assert output.mask.dtype == bool


@pytest.mark.parametrize("way", [on_arrays, in_model])
def test_without_a_mask_none_comes_back(way) -> None:
    (output,) = way(keras.layers.Dense(3), BARE)
    assert output.mask is None
    (output,) = way(keras.layers.Flatten(), GIVEN)
    assert output.mask is None


@pytest.mark.parametrize("way", [on_arrays, in_model])
def test_several_inputs_go_in_as_a_list_with_their_masks(way) -> None:
    other = np.array([[False, False, True, False], [True] * 4, [False] * 4])
    (output,) = way(keras.layers.Add(), GIVEN, Masked(2 * VALUES, other))
    np.testing.assert_allclose(output.values, 3 * VALUES, atol=1e-5)
    np.testing.assert_array_equal(output.mask, MASK | other)  # Keras reads what either reads


@pytest.mark.parametrize("way", [on_arrays, in_model])
def test_several_outputs_come_back_each_with_its_mask(way) -> None:
    class Twice(Relay):
        def call(self, inputs):
            return 1 * inputs, 2 * inputs

        def compute_mask(self, inputs, mask=None):
            return None, keras.ops.logical_not(mask)

    first, second = way(Twice(), GIVEN)
    assert first.mask is None
    np.testing.assert_array_equal(second.values, 2 * VALUES)
    np.testing.assert_array_equal(second.mask, ~MASK)


def test_a_model_shows_what_symbolic_tensors_give() -> None:
    class OnArraysOnly(Relay):
        def compute_mask(self, inputs, mask=None):
            return None if isinstance(mask, keras.KerasTensor) else mask

    ran = run(OnArraysOnly(), (GIVEN,), GIVEN)
    np.testing.assert_array_equal(ran.outputs[0].mask, MASK)
    assert ran.in_model[0].mask is None


def test_without_a_mask_compute_mask_gets_none() -> None:
    layer = Relay()
    on_arrays(layer, BARE)
    assert layer.got is None


def test_a_failure_is_kept_and_shown_with_its_line() -> None:
    raised = trying(on_arrays, Fails(), GIVEN)
    assert isinstance(raised, Raised)
    lines = error_picture(raised).text.splitlines()
    assert 'raise ValueError("no mask today")' in lines[0]
    assert lines[-1] == "ValueError: no mask today"


def test_a_failure_is_escaped() -> None:
    picture = error_picture(Raised(ValueError("<script>")))
    assert "<script>" not in picture.html
    assert "&lt;script&gt;" in picture.html


def test_a_constructor_of_other_arguments_is_named() -> None:
    assert isinstance(make(keras.layers.Dense, 3), keras.layers.Dense)
    with pytest.raises(DiagnosedError, match="wrong-arguments"):
        make(Relay, 3)
