"""The models that learners build: of fresh layers with the same weights, once for all calls."""

from typing import Any

import keras
import numpy as np
import pytest

from masklens_course.answer import DiagnosedError
from masklens_course.trained_parts import Parts, PartsCall, Trained

pytestmark = pytest.mark.slow


def dense_parts() -> Parts:
    weights = np.array([[2.0], [3.0]]), np.array([1.0])
    return Parts((Trained("Dense", weights, ((None, 2),), {"units": 1}),))


def model_of(dense: Any) -> keras.Model:
    return keras.Sequential([dense])


def test_each_function_gets_layers_of_its_own_with_the_same_weights() -> None:
    (first,), (second,) = dense_parts().layers(), dense_parts().layers()
    assert first is not second
    first.set_weights([np.zeros((2, 1)), np.zeros(1)])
    np.testing.assert_array_equal(second(np.array([[1.0, 1.0]])), [[6.0]])


def test_a_model_is_built_once_for_all_calls_with_the_same_parts() -> None:
    parts = dense_parts()
    calls = [PartsCall(parts, np.array([[1, 1]])), PartsCall(parts, np.array([[0, 1], [2, 0]]))]
    (model, one), (again, two) = (call.run(model_of) for call in calls)
    assert model is again
    np.testing.assert_array_equal(one, [[6.0]])
    np.testing.assert_array_equal(two, [[4.0], [5.0]])
    assert calls[0].run(lambda dense: model_of(dense))[0] is not model


def test_what_is_no_model_is_not_called() -> None:
    call = PartsCall(dense_parts(), np.array([[1, 1]]))
    assert call.run(lambda dense: dense) == (None, None)
    with pytest.raises(DiagnosedError, match="returns-nothing"):
        call.run(lambda dense: None)
