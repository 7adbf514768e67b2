"""Learners' layers, as the checks run them, against Keras's own layers and plain NumPy.

Those of several inputs and outputs, and in a model, are among the answers to the questions.
"""

import keras
import numpy as np
import pytest

from masklens_course.answer import DiagnosedError, Raised, trying
from masklens_course.judging import judge
from masklens_course.own_layers import (
    Embedded,
    LayerCall,
    Masked,
    error_picture,
    in_model,
    layer_run,
    make,
    on_arrays,
)
from masklens_course.questions import question

# Keras says that layers and models without `supports_masking` destroy a mask; here they may.
pytestmark = pytest.mark.filterwarnings("ignore:.*destroy the mask:UserWarning")

IDS = Embedded(np.array([[5, 8, 0, 0], [1, 2, 3, 4], [0, 9, 7, 0]]), 2)
CALL = LayerCall((IDS,))
(GIVEN,) = CALL.given
BARE = Masked(GIVEN.values)


class Fails(keras.layers.Layer):
    def call(self, inputs):
        return 1 * inputs  # Keras does not ask a layer that gives the same tensor for its mask

    def compute_mask(self, inputs, mask=None):
        raise ValueError("no mask today")


@pytest.mark.parametrize("way", [(on_arrays, GIVEN), (in_model, IDS)])
def test_a_mask_reaches_the_layer_and_comes_back(way) -> None:
    run, given = way
    (output,) = run(keras.layers.Dense(3, kernel_initializer="ones"), given)
    right = np.repeat(GIVEN.values.sum(2)[..., None], 3, 2)
    np.testing.assert_allclose(output.values, right, atol=1e-5)
    np.testing.assert_array_equal(output.mask, IDS.ids != 0)
    assert output.mask.dtype == bool


@pytest.mark.parametrize("way", [(on_arrays, BARE), (in_model, BARE.values)])
def test_without_a_mask_none_comes_back(way) -> None:
    run, given = way
    (output,) = run(keras.layers.Dense(3), given)
    assert output.mask is None


def test_in_a_model_time_is_open() -> None:
    assert len(in_model(keras.layers.ZeroPadding1D((1, 0)), IDS)[0].values[0]) == 5

    class LeavesOutTheLast(keras.layers.Layer):
        def call(self, inputs):
            return inputs[:, : inputs.shape[1] - 1]

    assert on_arrays(LeavesOutTheLast(), GIVEN)[0].values.shape == (3, 3, 2)
    with pytest.raises(TypeError):
        in_model(LeavesOutTheLast(), IDS)


def test_only_what_a_missing_mask_raises_is_caught() -> None:
    def right(call: LayerCall) -> tuple[Masked, ...]:
        return call.given

    class NeedsAMask(Fails):
        def compute_mask(self, inputs, mask=None):
            return mask & True

    bare = LayerCall((BARE.values,))
    assert isinstance(layer_run(right)(NeedsAMask, bare).outputs, Raised)
    for call in (CALL, bare):
        with pytest.raises(ValueError, match="no mask today"):
            layer_run(right)(Fails, call)


def test_a_failure_is_kept_and_shown_with_its_line() -> None:
    raised = trying(on_arrays, Fails(), GIVEN)
    assert isinstance(raised, Raised)
    lines = error_picture(raised).text.splitlines()
    assert 'raise ValueError("no mask today")' in lines[0]
    assert lines[-1] == "ValueError: no mask today"


@pytest.mark.parametrize(
    ("code", "ask"),
    [
        ("asks-for-input", lambda: input("How far? ")),
        ("asks-the-course", lambda: question("shift-right").solution()),
    ],
)
@pytest.mark.parametrize("method", ["__init__", "call", "compute_mask"])
def test_a_layer_that_asks_is_told_so_whichever_method_does(method, code, ask) -> None:
    def asks(self, *arguments, **named):
        keras.layers.Layer.__init__(self) if method == "__init__" else None
        return ask()

    shift = {"call": lambda self, x: 1 * x, "compute_mask": lambda self, x, mask=None: mask}
    assert (
        judge(question("shift-right"), type("Shift", (keras.layers.Layer,), shift)).kind == "wrong"
    )
    asking = type("Shift", (keras.layers.Layer,), shift | {method: asks})
    assert judge(question("shift-right"), asking).code == code


def test_a_failure_is_escaped() -> None:
    picture = error_picture(Raised(ValueError("<script>")))
    assert "<script>" not in picture.html
    assert "&lt;script&gt;" in picture.html


def test_a_constructor_of_other_arguments_is_named() -> None:
    assert isinstance(make(keras.layers.Dense, 3), keras.layers.Dense)
    with pytest.raises(DiagnosedError, match="wrong-arguments"):
        make(Fails, 3)
