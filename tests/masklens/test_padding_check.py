"""The callback: it warns or raises when training begins, and training is as it is without it."""

import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import masklens as ml

IDS = np.array([[7, 3, 0, 0], [5, 1, 2, 0]])
TARGETS = np.array([[1.0, 0.0], [0.0, 1.0]])

pytestmark = pytest.mark.slow


def words() -> keras.Layer:
    return layers.Embedding(10, 4, mask_zero=True, name="words")


def clean() -> keras.Model:
    return compiled(words(), layers.LSTM(2, name="reader"))


def leaky() -> keras.Model:
    return compiled(words(), layers.RMSNormalization(name="norm"), layers.LSTM(2, name="reader"))


def random() -> keras.Model:
    class Noise(layers.Layer):
        supports_masking = True

        def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
            if x.shape[0] is None or not hasattr(x, "numpy"):
                return x
            return x + np.random.normal(size=tuple(x.shape)).astype("float32")

    return compiled(words(), Noise(), layers.LSTM(2))


def loses_the_mask_at_the_end() -> keras.Model:
    """No timestep reads another, and yet the loss averages over all of them."""
    return compiled(words(), layers.RMSNormalization(), layers.Dense(1))


def compiled(*several: keras.Layer) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([*several], name="model")
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def fit(model: keras.Model, *callbacks: keras.callbacks.Callback, targets: Any = TARGETS) -> None:
    model.fit(IDS, targets, callbacks=[*callbacks], verbose=0)


def said_by(model: keras.Model, check: keras.callbacks.Callback, targets: Any = TARGETS) -> str:
    """What the callback warns of; nothing else warns."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", ".*destroy the mask")
        fit(model, check, targets=targets)
    assert len(caught) < 2
    return "".join(str(one.message) for one in caught)


@pytest.mark.parametrize("action", ["warn", "raise"])
def test_a_model_that_ignores_padding_trains_in_silence(action: Any) -> None:
    check = ml.PaddingCheck(IDS, action)
    assert check.found is None
    assert said_by(clean(), check) == ""
    assert check.found is not None and check.found.moves == 0.0


def test_padding_that_gets_in_is_warned_of_with_the_leak_and_training_goes_on() -> None:
    model, check = leaky(), ml.PaddingCheck(IDS)
    before = model.predict(IDS, verbose=0)
    sentence, leak, *_ = said_by(model, check).splitlines()
    assert sentence.startswith("Padding gets into the answer of model: ")
    assert leak.startswith("reader (LSTM): norm does not pass the mask on")
    assert not np.array_equal(model.predict(IDS, verbose=0), before)


def test_padding_that_gets_in_can_stop_training_before_it_begins() -> None:
    model = leaky()
    before = [np.array(weight) for weight in model.get_weights()]
    with pytest.raises(RuntimeError, match=r"Padding gets into .*\nreader \(LSTM\): "):
        fit(model, ml.PaddingCheck(IDS, action="raise"))
    assert not before
    assert model.optimizer.iterations == 0


def test_no_verdict_is_warned_of_and_raises() -> None:
    assert re.match("There is no verdict .* random", said_by(random(), ml.PaddingCheck(IDS)))
    with pytest.raises(RuntimeError, match=r"There is no verdict .* random"):
        fit(random(), ml.PaddingCheck(IDS, "raise"))


def test_a_batch_that_the_model_cannot_take_is_warned_of_or_raises_what_the_model_does() -> None:
    batch = np.full((2, 4), 99)  # the vocabulary has ten words
    model = clean()
    fit(model)
    said = said_by(model, ml.PaddingCheck(batch))
    assert said.startswith("PaddingCheck could not measure model: ")
    with pytest.raises(Exception, match="99") as raised:
        fit(model, ml.PaddingCheck(batch, "raise"))
    assert not isinstance(raised.value, RuntimeError)
    assert "PaddingCheck could not" in said_by(model, ml.PaddingCheck(object()))


def test_within_a_recording_training_goes_on() -> None:
    with ml.record():
        said = said_by(clean(), ml.PaddingCheck(IDS))
    assert "Another trace is being recorded" in said


def test_targets_ask_the_loss_and_the_metrics_too() -> None:
    targets = np.random.default_rng(0).normal(size=(2, 4, 1))
    plain, asked = ml.PaddingCheck(IDS), ml.PaddingCheck(IDS, targets=targets)
    assert said_by(loses_the_mask_at_the_end(), plain, targets) == ""
    said = said_by(loses_the_mask_at_the_end(), asked, targets)
    assert [line.split(" reads padding")[0] for line in said.splitlines()] == [
        "The loss of model",
        "The mae of model",
    ]
    masked = compiled(words(), layers.Dense(1))
    assert said_by(masked, ml.PaddingCheck(IDS, targets=targets), targets) == ""
    with pytest.raises(RuntimeError, match="The loss of model reads padding"):
        fit(
            loses_the_mask_at_the_end(),
            ml.PaddingCheck(IDS, "raise", targets=targets),
            targets=targets,
        )


def test_a_mask_says_which_timesteps_are_tokens() -> None:
    vectors = np.random.default_rng(0).normal(size=(2, 4, 3))
    model = compiled(layers.GlobalAveragePooling1D(name="pool"), layers.Dense(2))
    with pytest.warns(UserWarning, match=r"pool \(GlobalAveragePooling1D\)"):
        check = ml.PaddingCheck(vectors, mask=IDS != 0)
        model.fit(vectors, TARGETS, callbacks=[check], verbose=0)
    assert check.found.known_from == "argument"


class Everything(keras.Model):
    """Dropout, batch statistics, noise, a loss of its own, and a counter in Python."""

    def __init__(self, stateful: bool = False) -> None:
        super().__init__(name="everything")
        self.words, self.drop = words(), layers.Dropout(0.5)
        self.normal, self.noise = layers.BatchNormalization(), layers.GaussianNoise(0.3)
        self.state = layers.GRU(3, return_sequences=True, stateful=stateful)
        self.reader, self.head = layers.LSTM(3), layers.Dense(2)
        self.calls = 0

    def call(self, ids: Any, training: bool | None = None) -> Any:
        self.calls += 1
        x = self.normal(self.drop(self.words(ids), training=training), training=training)
        x = self.noise(self.state(x), training=training)
        self.add_loss(0.01 * ops.mean(ops.square(x)))
        return self.head(self.reader(x))


def unbuilt() -> keras.Model:
    return Everything()


def with_a_state() -> keras.Model:
    """A state that one batch hands to the next."""
    return Everything(stateful=True)


def with_a_state_and_built() -> keras.Model:
    model = with_a_state()
    model(IDS)
    return model


def trained(build: Callable[[], keras.Model], *callbacks: keras.callbacks.Callback) -> list[Any]:
    keras.utils.set_random_seed(1)
    model = build()
    model.compile("adam", "mse", metrics=["mae"])
    rng = np.random.default_rng(2)
    ids = np.where(rng.random((8, 5)) < 0.7, rng.integers(1, 10, (8, 5)), 0)
    targets = rng.normal(size=(8, 2))
    for _ in range(2):
        history = model.fit(ids, targets, 2, 2, verbose=0, callbacks=[*callbacks])
    # Keras does not count the states of an RNN among its variables.
    states = [variable for variable in model.state.states or [] if model.state.stateful]
    numbers = [np.asarray(variable) for variable in model.variables + states]
    numbers += [history.history["loss"], np.random.random(), keras.random.uniform((2,))]
    return [np.asarray(number) for number in numbers] + [model.calls]


@pytest.mark.parametrize("build", [unbuilt, with_a_state, with_a_state_and_built])
def test_training_is_bit_for_bit_what_it_is_without_the_callback(
    build: Callable[[], keras.Model],
) -> None:
    check = ml.PaddingCheck(IDS, targets=np.ones((2, 2)))
    alone, checked = trained(build), trained(build, check)
    assert [one.tobytes() for one in alone[:-1]] == [one.tobytes() for one in checked[:-1]]
    assert (alone[-1] == checked[-1]) == (build is with_a_state_and_built)
    assert check.found.moves == 0.0


def test_a_model_that_nothing_has_built_yet_is_measured() -> None:
    model, check = clean(), ml.PaddingCheck(IDS, "raise")
    assert not model.built
    loop = keras.callbacks.CallbackList([check], model=model)
    loop.on_train_begin()
    assert check.found.moves == 0.0
    model = leaky()
    loop = keras.callbacks.CallbackList([ml.PaddingCheck(IDS, "raise")], model=model)
    with pytest.raises(RuntimeError, match="Padding gets into"):
        loop.on_train_begin()


def test_another_action_is_refused() -> None:
    with pytest.raises(ValueError, match=r'must be "warn" or "raise"; got \'print\'\.'):
        ml.PaddingCheck(IDS, action="print")


def test_korean_words_guess_at_no_particle() -> None:
    ml.set_language("ko")
    targets = np.random.default_rng(0).normal(size=(2, 4, 1))
    told = [
        said_by(leaky(), ml.PaddingCheck(IDS)),
        said_by(random(), ml.PaddingCheck(IDS)),
        said_by(clean(), ml.PaddingCheck(object())),
        said_by(loses_the_mask_at_the_end(), ml.PaddingCheck(IDS, targets=targets), targets),
    ]
    with pytest.raises(ValueError) as refused:
        ml.PaddingCheck(IDS, action="print")
    for text in (*told, str(refused.value)):
        first = text.splitlines()[0]
        assert re.search("[가-힣]", first)
        assert not re.search(r"[은이을]\((는|가|를)\)|\(으\)로", first)


def test_the_library_is_imported_without_keras_and_lists_the_callback() -> None:
    code = """
import sys, masklens as ml
assert "PaddingCheck" in dir(ml) and "PaddingCheck" in ml.__all__
assert "keras" not in sys.modules
check = ml.PaddingCheck
import keras
assert issubclass(check, keras.callbacks.Callback)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
