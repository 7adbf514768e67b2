"""The guard: it fails exactly where a mask is lost, with a message that leads to the layer."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import masklens as ml

IDS = np.array([[7, 3, 0, 0], [5, 1, 2, 0]])

pytestmark = pytest.mark.filterwarnings("ignore:.*destroy the mask information")


def embedded() -> tuple[keras.KerasTensor, keras.KerasTensor]:
    ids = keras.Input((4,), name="ids")
    return ids, layers.Embedding(10, 4, mask_zero=True, name="embedding")(ids)


def broken_by_conv() -> keras.Model:
    ids, x = embedded()
    x = layers.Conv1D(4, 2, padding="same", name="conv")(x)
    x = layers.LSTM(4, return_sequences=True, name="first_reader")(x)
    return keras.Model(ids, layers.LSTM(2, name="second_reader")(x))


def broken_inside() -> keras.Model:
    encoder = keras.Sequential(
        [layers.Conv1D(4, 2, padding="same", name="conv"), layers.LSTM(2, name="reader")],
        name="encoder",
    )
    ids, x = embedded()
    return keras.Model(ids, encoder(x))


def post_norm() -> keras.Model:
    ids, x = embedded()
    attended = layers.MultiHeadAttention(2, 2, name="mha")(x, x)
    x = layers.LayerNormalization(name="norm")(layers.Add(name="residual")([x, attended]))
    return keras.Model(ids, layers.GlobalAveragePooling1D(name="pool")(x))


def pre_norm() -> keras.Model:
    ids, x = embedded()
    normal = layers.LayerNormalization(name="norm")(x)
    x = layers.Add(name="residual")(
        [x, layers.MultiHeadAttention(2, 2, name="mha")(normal, normal)]
    )
    return keras.Model(ids, layers.GlobalAveragePooling1D(name="pool")(x))


def test_a_model_that_keeps_its_mask_passes() -> None:
    assert ml.assert_no_mask_lost(pre_norm(), IDS) is None


def test_a_padded_batch_is_an_input() -> None:
    ml.assert_no_mask_lost(pre_norm(), ml.pad([[7, 3], [5, 1, 2]], maxlen=4, padding="post"))


def test_a_model_without_a_mask_has_none_to_lose() -> None:
    model = keras.Sequential([layers.Embedding(10, 4), layers.Conv1D(4, 2), layers.LSTM(2)])
    assert ml.assert_no_mask_lost(model, IDS) is None


@pytest.mark.parametrize(
    ("build", "culprit", "hurt"),
    [
        (broken_by_conv, "conv (Conv1D)", "first_reader"),
        (broken_inside, "encoder/conv (Conv1D)", "reader"),
        (post_norm, "mha (MultiHeadAttention)", "residual"),
    ],
)
def test_the_message_names_the_culprit_whom_it_hurts_and_the_trace(
    build: object, culprit: str, hurt: str
) -> None:
    model = build()
    with pytest.raises(AssertionError) as failure:
        ml.assert_no_mask_lost(model, IDS)
    message = str(failure.value)
    first, *_others = message.splitlines()
    assert first.startswith(f"{culprit}: ")
    assert hurt in first
    assert message.endswith("\n\n" + str(ml.trace(model, IDS)))


def test_the_message_speaks_korean() -> None:
    ml.set_language("ko")
    with pytest.raises(AssertionError, match=r"conv \(Conv1D\): .*[가-힣].*first_reader"):
        ml.assert_no_mask_lost(broken_by_conv(), IDS)


SUITE = """
import keras, numpy as np
from keras import layers
import masklens as ml

def model_with(between):
    return keras.Sequential([
        layers.Embedding(10, 4, mask_zero=True), between, layers.LSTM(2, name="reader")])

def test_kept():
    ml.assert_no_mask_lost(model_with(layers.Dense(3)), np.array([[7, 3, 0]]))

def test_lost():
    ml.assert_no_mask_lost(model_with(layers.Conv1D(3, 1, name="conv")), np.array([[7, 3, 0]]))
"""


def test_in_a_suite_of_ones_own_the_failure_points_to_the_test_and_the_layer(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_model.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "ignore", "-q"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert "E       AssertionError: conv (Conv1D): " in done.stdout
    assert "guard.py" not in done.stdout
