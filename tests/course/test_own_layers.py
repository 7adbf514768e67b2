"""Learners' layers, as the checks run them, against Keras's own layers and plain NumPy.

Those of several inputs and outputs, and in a model, are among the answers to the questions.
"""

import keras
import numpy as np
import pytest

from masklens_course.answer import DiagnosedError, Raised, trying
from masklens_course.own_layers import Masked, error_picture, in_model, make, on_arrays

# Keras says that layers and models without `supports_masking` destroy a mask; here they may.
pytestmark = pytest.mark.filterwarnings("ignore:.*destroy the mask:UserWarning")

VALUES = np.random.default_rng(0).normal(size=(3, 4, 2)).astype("float32")
MASK = np.array([[True, True, False, False], [True] * 4, [False, True, True, False]])
GIVEN, BARE = Masked(VALUES, MASK), Masked(VALUES)


class Fails(keras.layers.Layer):
    def call(self, inputs):
        return 1 * inputs  # Keras does not ask a layer that gives the same tensor for its mask

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
        make(Fails, 3)
