"""The assertion: it fails exactly where padding gets in, with a message that leads to the place."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, ops

import masklens as ml

IDS = np.array([[7, 3, 0, 0], [5, 1, 2, 0]])

pytestmark = pytest.mark.filterwarnings("ignore:.*destroy the mask information")


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    keras.utils.set_random_seed(0)


def words(mask_zero: bool = True) -> keras.Layer:
    return layers.Embedding(10, 4, mask_zero=mask_zero, name="words")


def embedded() -> tuple[keras.KerasTensor, keras.KerasTensor]:
    ids = keras.Input((None,), name="ids")
    return ids, words()(ids)


def kept() -> keras.Model:
    ids, x = embedded()
    normal = layers.LayerNormalization(name="norm")(x)
    attended = layers.MultiHeadAttention(2, 2, name="mha")(normal, normal)
    x = layers.Add(name="residual")([x, attended])
    return keras.Model(ids, layers.GlobalAveragePooling1D(name="pool")(x))


def lost_but_not_needed() -> keras.Model:
    """RMSNormalization drops the mask; the answer has a value for each timestep, none mixed."""
    return keras.Sequential([words(), layers.RMSNormalization(), layers.Dense(2)])


def lost_by_a_layer() -> keras.Model:
    ids, x = embedded()
    x = layers.RMSNormalization(name="norm")(x)
    # What stands behind the tokens does not move what comes out before it.
    x = layers.LSTM(4, return_sequences=True, name="first_reader")(x)
    return keras.Model(ids, layers.LSTM(2, name="second_reader")(x))


def lost_inside() -> keras.Model:
    encoder = keras.Sequential(
        [layers.RMSNormalization(name="norm"), layers.LSTM(2, name="reader")], name="encoder"
    )
    ids, x = embedded()
    return keras.Model(ids, encoder(x))


def lost_to_an_operator() -> keras.Model:
    ids, x = embedded()
    return keras.Model(ids, layers.LSTM(2, name="reader")(x * 2.0))


def never_made() -> keras.Model:
    return keras.Sequential([words(mask_zero=False), layers.LSTM(2, name="reader")])


def mixed_in_code() -> keras.Model:
    class Average(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="average")
            self.words, self.head = words(), layers.Dense(2, name="head")

        def call(self, ids: object) -> object:
            return self.head(ops.mean(self.words(ids), axis=1))

    return Average()


def mixed_rows() -> keras.Model:
    class Centred(layers.Layer):
        supports_masking = True

        def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
            return x - ops.mean(x, axis=0, keepdims=True)

    last = layers.LSTM(2, name="reader")
    return keras.Sequential([words(), last, Centred(name="centred")])


LEAKY = {
    lost_by_a_layer: ("second_reader", "LSTM"),
    lost_inside: ("encoder/reader", "LSTM"),
    lost_to_an_operator: ("reader", "LSTM"),
    never_made: ("reader", "LSTM"),
    mixed_in_code: ("average", "Average"),
    mixed_rows: ("centred", "Centred"),
}


def failure(model: keras.Model, batch: object = IDS) -> str:
    with pytest.raises(AssertionError) as failed:
        ml.assert_padding_ignored(model, batch)
    return str(failed.value)


@pytest.mark.parametrize("build", [kept, lost_but_not_needed])
def test_a_model_whose_answer_ignores_padding_passes(build: Callable[[], keras.Model]) -> None:
    assert ml.assert_padding_ignored(build(), IDS) is None


def test_a_padded_batch_is_an_input_and_tells_where_the_tokens_are() -> None:
    batch = ml.pad([[7, 3], [5, 1, 2]], maxlen=4, padding="post", value=9)
    # 9 is no mask_zero: the batch knows it is padding, and that the model reads it.
    failure(kept(), batch)
    ml.assert_padding_ignored(kept(), ml.pad([[7, 3], [5, 1, 2]], maxlen=4, padding="post"))


def test_a_mask_says_where_the_tokens_are_of_vectors() -> None:
    vectors = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    pool = layers.GlobalAveragePooling1D()
    mask = np.array([[True, True, False, False], [True, True, True, False]])
    with pytest.raises(AssertionError):
        ml.assert_padding_ignored(pool, vectors, mask)
    each_step = layers.Dense(2)
    ml.assert_padding_ignored(each_step, vectors, mask)


@pytest.mark.parametrize("build", LEAKY)
def test_the_message_is_a_figure_then_each_leak_then_the_trace(
    build: Callable[[], keras.Model],
) -> None:
    model = build()
    found = ml.trace(model, IDS)
    said, trace = failure(model).split("\n\n", 1)
    sentence, *leaks = said.splitlines()
    assert re.search(r"get(s)? into the answer", sentence) and model.name in sentence
    assert float(re.findall(r"by ([\d.e+-]+),", sentence)[0]) == pytest.approx(found.moves, rel=0.1)
    path, layer_type = LEAKY[build]
    assert leaks[0].startswith(f"{path} ({layer_type})")
    assert trace == str(found)
    for leak in found.leaks:
        assert leak.reason.why in said
        assert all(line in said for line in leak.reason.way_out.splitlines())


def test_code_between_layers_is_named_by_what_stands_before_and_after_it() -> None:
    assert "average (Average), between words and head: " in failure(mixed_in_code())


def test_padding_that_weights_at_their_start_hide_is_a_failure_that_says_so() -> None:
    model = keras.Sequential([words(), layers.Dense(4, name="dense"), layers.LSTM(2)])
    model.build((None, 4))

    # What stands in the padding is a vector of ones, which a bias of 0 and a kernel of 0 keep out.
    class Gate(layers.Layer):
        def build(self, shape: tuple[int, ...]) -> None:
            self.scale = self.add_weight(shape=(), initializer="zeros")

        def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
            return x[:, 0] + self.scale * ops.mean(x, axis=1)

    gated = keras.Sequential([words(), Gate(name="gate")])
    message = failure(gated)
    assert "as soon as its weights are trained" in message.splitlines()[0]
    assert message.splitlines()[1].startswith("gate (Gate): ")
    # As it is, the answer depends on the first token alone.
    longer = np.pad(IDS, ((0, 0), (0, 3)))
    np.testing.assert_array_equal(gated.predict(IDS, verbose=0), gated.predict(longer, verbose=0))


def test_no_verdict_is_a_failure_in_words_of_its_own() -> None:
    class Noisy(layers.Layer):
        supports_masking = True

        def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
            return x + np.random.normal(size=tuple(x.shape)).astype("float32")

    message = failure(keras.Sequential([words(), Noisy(), layers.LSTM(2)], name="noisy_model"))
    first = message.splitlines()[0]
    assert first.startswith("There is no verdict on whether padding gets into the answer of noisy")
    assert "random" in first and "by" not in first.split()


def test_an_answer_of_no_numbers_is_a_failure() -> None:
    class Root(layers.Layer):
        def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
            return ops.sqrt(-1.0 - ops.abs(x))

    message = failure(keras.Sequential([words(), Root(name="root"), layers.Dense(2)]))
    assert "not numbers" in message.splitlines()[0]
    assert message.splitlines()[1].startswith("root (Root): ")


def test_an_error_of_the_model_stays_that_error() -> None:
    class Stumbles(layers.Layer):
        def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
            raise ZeroDivisionError("a stone in the way")

    with pytest.raises(ZeroDivisionError, match="a stone in the way"):
        ml.assert_padding_ignored(Stumbles(), IDS)


@pytest.mark.parametrize("build", [*LEAKY, kept])
def test_the_message_speaks_korean_without_guessing_at_particles(
    build: Callable[[], keras.Model],
) -> None:
    ml.set_language("ko")
    batch = IDS if build is not kept else ml.pad([[7], [5, 1]], value=9)
    sentence = failure(build(), batch).splitlines()[0]
    assert re.search("[가-힣]", sentence)
    assert not re.search(r"[은이을으]\((는|가|를|로)\)|\(으\)로|\(이\)", sentence)


SUITE = """
import keras, numpy as np
from keras import layers
import masklens as ml

def model_with(between):
    return keras.Sequential([
        layers.Embedding(10, 4, mask_zero=True), between, layers.LSTM(2, name="reader")])

def test_kept():
    ml.assert_padding_ignored(model_with(layers.Dense(3)), np.array([[7, 3, 0]]))

def test_lost():
    ml.assert_padding_ignored(model_with(layers.RMSNormalization()), np.array([[7, 3, 0]]))
"""


def test_in_a_suite_of_ones_own_the_failure_points_to_the_test_and_the_layer(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_model.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "ignore", "-q"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert re.search("E +AssertionError: Padding gets into the answer of ", done.stdout)
    assert re.search(r"E +reader \(LSTM\): ", done.stdout)
    assert "assertion.py" not in done.stdout
