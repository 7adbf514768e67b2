"""`mask_of` reads the mask that Keras attached, on concrete and symbolic tensors."""

import keras
import numpy as np
import pytest

import masklens as ml

IDS = np.array([[711, 632, 71, 0], [73, 8, 0, 0]])


def embedded(mask_zero: bool = True) -> keras.KerasTensor:
    return keras.layers.Embedding(5000, 4, mask_zero=mask_zero)(IDS)


def test_the_mask_is_true_where_the_id_is_not_zero() -> None:
    mask = ml.mask_of(embedded())
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, IDS != 0)


def test_a_tensor_without_a_mask_gives_none() -> None:
    assert ml.mask_of(embedded(mask_zero=False)) is None
    assert ml.mask_of(embedded()[:, 1:]) is None


def test_the_array_is_the_readers_own() -> None:
    x = embedded()
    ml.mask_of(x)[:] = False
    np.testing.assert_array_equal(ml.mask_of(x), IDS != 0)


def test_a_symbolic_tensor_gives_its_symbolic_mask() -> None:
    inputs = keras.Input(shape=(None,), dtype="int32")
    mask = ml.mask_of(keras.layers.Embedding(10, 2, mask_zero=True)(inputs))
    assert isinstance(mask, keras.KerasTensor)
    assert (mask.dtype, mask.shape) == ("bool", (None, None))
    assert ml.mask_of(inputs) is None


@pytest.mark.parametrize(("language", "says"), [("en", "got list"), ("ko", "list 값에는")])
@pytest.mark.parametrize("wrong", [[[1, 0]], [np.ones(2)]])
def test_what_is_no_tensor_is_refused(wrong: object, language: str, says: str) -> None:
    ml.set_language(language)
    with pytest.raises(TypeError, match=says):
        ml.mask_of(wrong)


def test_a_numpy_array_carries_no_mask_under_the_tensorflow_backend() -> None:
    with pytest.raises(TypeError, match="ndarray"):
        ml.mask_of(IDS)
