"""What cannot be measured is said in one message, and whatever happens a model is as before."""

import random
import re
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from keras.src.random.seed_generator import global_seed_generator

import masklens as ml

IDS = np.array([[7, 3, 0, 0], [5, 1, 2, 0]])
FULL = np.array([[7, 3, 8, 4], [5, 1, 2, 6]])
TOKENS = IDS != 0
TARGETS = np.ones((2, 2))

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    keras.utils.set_random_seed(0)
    global_seed_generator()  # to make it takes a number from Python's


def words(mask_zero: bool = True) -> keras.Layer:
    return layers.Embedding(10, 4, mask_zero=mask_zero, name="words")


def sequential() -> keras.Model:
    return keras.Sequential([words(), layers.LSTM(2, name="reader")], name="model")


def functional() -> keras.Model:
    ids = keras.Input((None,), name="ids")
    return keras.Model(ids, layers.LSTM(2, name="reader")(words()(ids)), name="model")


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__(name="model")
        self.words, self.reader = words(), layers.LSTM(2, name="reader")

    def call(self, ids: Any) -> Any:
        return self.reader(self.words(ids))


class Task(Subclassed):
    """As those of KerasHub: text goes to the preprocessor first."""

    def __init__(self) -> None:
        super().__init__()
        self.preprocessor = lambda text: np.array([[len(word) for word in text]])


def of_two_inputs() -> keras.Model:
    first, second = keras.Input((None,), name="first"), keras.Input((None,), name="second")
    read = [layers.LSTM(2)(layers.Embedding(10, 4, mask_zero=True)(x)) for x in (first, second)]
    return keras.Model([first, second], layers.Concatenate()(read), name="model")


# --- What is no batch ----------------------------------------------------------------------------

RAGGED = tf.ragged.constant([[1, 2], [3]])
DATA = tf.data.Dataset.from_tensor_slices((IDS, TARGETS)).batch(2)


class Sequence(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 1

    def __getitem__(self, place: int) -> Any:
        return IDS, TARGETS


PAD_FIRST = "may differ in length. Pad them first", "먼저 패딩하세요"
X_ALONE = "pass only x; y goes to targets=", "x만 넘기고, y는 targets="
TEXT = "Look up the id of each token first", "먼저 각 토큰의 id를 찾고"
PREPROCESS = "x = model.preprocessor(text); trace(model, x)", "model.preprocessor(text)"
EMPTY = "The batch is empty", "배치가 비어"
NO_ARRAY = "takes an array, or a list, tuple or dict of arrays; got ", "받은 값의 형: "

# What is wrong, the model, what it is to be called on, the error, and what it says.
NO_BATCH: list[tuple[str, Callable[[], Any], Any, type[Exception], tuple[str, str]]] = [
    ("ragged", functional, RAGGED, TypeError, ("ml.pad(ragged.to_list())",) * 2),
    ("one of two is ragged", of_two_inputs, [RAGGED, IDS], TypeError, ("ragged: ", "다릅니다: ")),
    ("a data set", functional, DATA, TypeError, ("x, y = next(iter(dataset))",) * 2),
    ("an iterator", functional, iter(DATA), TypeError, ("one batch, not", "배치 하나")),
    ("a PyDataset", functional, Sequence(), TypeError, ("one batch, not", "배치 하나")),
    ("a generator", functional, (row for row in IDS), TypeError, ("one batch", "배치 하나")),
    ("a pair", functional, (IDS, TARGETS), TypeError, X_ALONE),
    ("a pair for an unbuilt one", sequential, (IDS, TARGETS), TypeError, X_ALONE),
    ("a batch of a data set", functional, next(iter(DATA)), TypeError, X_ALONE),
    ("with weights", functional, (IDS, TARGETS, np.ones(2)), TypeError, X_ALONE),
    ("a pair of pairs", of_two_inputs, ((IDS, IDS), TARGETS), TypeError, X_ALONE),
    ("words", functional, ["to be", "or not"], TypeError, TEXT),
    ("a sentence", functional, "to be", TypeError, TEXT),
    ("a sentence for any", Subclassed, "to be", TypeError, TEXT),
    ("an array of words", functional, np.array([["to", "be"]]), TypeError, TEXT),
    ("a tensor of words", functional, tf.constant(["to be"]), TypeError, TEXT),
    ("ragged words", functional, [["to", "be"], ["or"]], TypeError, TEXT),
    ("numbers and words", functional, [[1.5, "be"]], TypeError, TEXT),
    ("text for a task", Task, ["to be"], TypeError, PREPROCESS),
    ("a sentence for a task", Task, "to be", TypeError, PREPROCESS),
    ("a tensor of text for a task", Task, tf.constant(["to be"]), TypeError, PREPROCESS),
    ("lists of two lengths", functional, [[1, 2], [3]], TypeError, PAD_FIRST),
    ("rows of two lengths", functional, [np.array([1, 2]), np.array([3])], TypeError, PAD_FIRST),
    ("rows", sequential, [np.array([1, 2]), np.array([3, 4])], TypeError, PAD_FIRST),
    ("lists in an array", functional, np.array([[1, 2], [3]], object), TypeError, PAD_FIRST),
    ("nothing", functional, None, TypeError, (NO_ARRAY[0] + "NoneType", NO_ARRAY[1])),
    ("a number", functional, 7, TypeError, (NO_ARRAY[0] + "int", NO_ARRAY[1] + "int")),
    ("a set", functional, {1, 2}, TypeError, (NO_ARRAY[0] + "set", NO_ARRAY[1] + "set")),
    ("complex numbers", functional, IDS * 1j, TypeError, ("got complex128", "complex128")),
    ("dates", functional, np.array([["2020"]], "M8"), TypeError, ("got datetime64", "datetime")),
    ("symbols", functional, keras.Input((3,)), TypeError, ("symbolic", "심볼릭")),
    ("no array", functional, [], ValueError, EMPTY),
    ("no array in a dict", functional, {}, ValueError, EMPTY),
    ("no row", functional, IDS[:0], ValueError, EMPTY),
    ("no timestep", functional, IDS[:, :0], ValueError, EMPTY),
]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("ask", [ml.trace, ml.assert_padding_ignored], ids=["trace", "assertion"])
@pytest.mark.parametrize(
    ("build", "batch", "error", "says"),
    [case[1:] for case in NO_BATCH],
    ids=[case[0] for case in NO_BATCH],
)
def test_what_is_no_batch_is_refused_with_what_to_do_and_the_model_is_not_even_built(
    ask: Callable[..., Any],
    build: Callable[[], Any],
    batch: Any,
    error: type[Exception],
    says: tuple[str, str],
    language: str,
) -> None:
    ml.set_language(language)
    model = build()
    built = model.built
    with pytest.raises(error) as raised:
        ask(model, batch)
    assert says[language == "ko"] in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1
    assert model.built == built
    assert not getattr(raised.value, "__notes__", [])


def test_an_error_of_a_model_that_got_a_pair_says_so_beside_the_trace() -> None:
    """A subclassed model does not say how many inputs it has."""
    with pytest.raises(Exception) as raised:
        ml.trace(Subclassed(), (IDS, TARGETS))
    assert X_ALONE[0] in "".join(raised.value.__notes__)


def test_what_a_preprocessor_makes_of_text_is_traced() -> None:
    task = Task()
    assert ml.trace(task, task.preprocessor(["to", "be", "or"])).moves is not None


def test_text_goes_to_a_model_that_looks_it_up_itself() -> None:
    lookup = layers.StringLookup(vocabulary=["to", "be"], mask_token="", name="lookup")
    text = keras.Input((None,), dtype="string")
    read = layers.LSTM(2)(layers.Embedding(4, 3, mask_zero=True)(lookup(text)))
    found = ml.trace(keras.Model(text, read), np.array([["to", "be", ""], ["be", "", ""]]))
    assert found["lookup"].shapes_in == ((2, 3),)


def test_a_task_of_keras_hub_is_told_to_preprocess_its_text() -> None:
    hub = pytest.importorskip("keras_hub")
    tokenizer = hub.models.BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "to", "be"])
    task = hub.models.BertTextClassifier(
        hub.models.BertBackbone(7, 1, 2, 4, 8, max_sequence_length=6),
        num_classes=2,
        preprocessor=hub.models.BertTextClassifierPreprocessor(tokenizer, sequence_length=6),
    )
    with pytest.raises(TypeError, match=r"takes what its preprocessor makes of text"):
        ml.trace(task, ["to be", "be"])
    found = ml.trace(task, task.preprocessor(["to be", "be"]))
    assert found.moves == 0.0


# --- A mask that does not fit ---------------------------------------------------------------------

SHAPE = "a mask has one value for each timestep", "타임스텝마다 값이 하나씩"
BOOLEANS = "mask= takes booleans", "True인 불리언"
WRONG_MASKS: list[tuple[str, Any, tuple[str, str]]] = [
    ("longer", np.ones((2, 5), bool), ("(2, 5), but `ids` has (2, 4)", "(2, 4)")),
    ("turned", TOKENS.T, SHAPE),
    ("of one axis", np.ones(2, bool), SHAPE),
    ("of one value", np.ones((2, 1), bool), SHAPE),
    ("of two lengths", [[True], [True, False]], ("differ in length", "길이가 다릅니다")),
    ("to be added to scores", np.where(TOKENS, 0.0, -1e9), BOOLEANS),
    ("lengths", np.full((2, 4), 3), BOOLEANS),
    ("a word", "post", BOOLEANS),
    ("without a token", np.zeros((2, 4), bool), ("False everywhere", "모두 False")),
]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    ("mask", "says"), [case[1:] for case in WRONG_MASKS], ids=[case[0] for case in WRONG_MASKS]
)
def test_a_mask_that_does_not_fit_is_refused(
    mask: Any, says: tuple[str, str], language: str
) -> None:
    ml.set_language(language)
    for ask in (ml.trace, ml.assert_padding_ignored):
        with pytest.raises(ValueError) as raised:
            ask(functional(), IDS, mask)
        assert says[language == "ko"] in str(raised.value)


@pytest.mark.parametrize("mask", [TOKENS, {"third": TOKENS}, [TOKENS, TOKENS, TOKENS]])
def test_masks_of_several_inputs_have_their_structure(mask: Any) -> None:
    with pytest.raises(ValueError, match="another structure than the inputs"):
        ml.trace(of_two_inputs(), {"first": IDS, "second": IDS}, mask)


@pytest.mark.parametrize(
    "mask", [TOKENS, TOKENS.tolist(), TOKENS.astype(int), TOKENS.astype(float), tf.constant(TOKENS)]
)
def test_a_mask_may_be_written_in_any_form(mask: Any) -> None:
    found = ml.trace(functional(), IDS, mask)
    assert (found.moves, found.known_from) == (0.0, "argument")


# --- Batches of which little can be asked ---------------------------------------------------------


def test_a_batch_without_padding_gets_some_and_the_trace_says_so() -> None:
    for mask_zero, ignored in ((True, True), (False, False)):
        model = keras.Sequential([words(mask_zero), layers.LSTM(2)])
        found = ml.trace(model, FULL)
        assert found.known_from == "added"
        assert (found.moves == 0.0) == ignored


def test_a_batch_without_padding_is_no_verdict_where_the_model_takes_no_more() -> None:
    model = keras.Sequential([words(False), layers.Flatten(), layers.Dense(2)])
    found = ml.trace(model, FULL)
    assert found.moves is None and not found.leaks
    assert "pass a batch with some padding" in found.why_no_verdict
    with pytest.raises(AssertionError, match=r"There is no verdict .*some padding"):
        ml.assert_padding_ignored(model, FULL)


def test_a_model_of_one_length_is_asked_what_stands_in_the_padding() -> None:
    model = keras.Sequential([words(False), layers.Flatten(name="flat"), layers.Dense(2)])
    found = ml.trace(model, IDS, TOKENS)
    assert found.moves_by["amount"] is None
    assert found.moves_by["content"] > 0 and found.moves_by["rows"] == 0.0
    assert [call.name for call in found.leaks] == ["flat"]


class Short(layers.Layer):
    supports_masking = True

    def call(self, x: Any) -> Any:
        if x.shape[1] is not None and x.shape[1] > 4:
            raise ValueError("too long")
        return x


@pytest.mark.parametrize("mask_zero", [True, False])
def test_a_model_that_fails_on_longer_input_is_asked_the_other_questions(mask_zero: bool) -> None:
    found = ml.trace(keras.Sequential([words(mask_zero), Short(), layers.LSTM(2)]), IDS)
    assert found.moves_by["amount"] is None
    assert (found.moves_by["content"] == 0.0) == mask_zero
    assert found.moves_by["rows"] == 0.0


@pytest.mark.parametrize("batch", [IDS[:1], FULL[:1]], ids=["padded", "full"])
def test_a_batch_of_one_row_is_measured_in_company(batch: Any) -> None:
    assert ml.trace(functional(), batch).moves_by == {"content": 0.0, "amount": 0.0, "rows": 0.0}
    mixed = keras.Sequential([words(), layers.LSTM(2), Centred(name="centred")])
    found = ml.trace(mixed, batch)
    assert found.moves_by["rows"] > 0
    assert [call.name for call in found.leaks] == ["centred"]


class Centred(layers.Layer):
    def call(self, x: Any) -> Any:
        return x - ops.mean(x, axis=0, keepdims=True)


class Noise(layers.Layer):
    """Random at inference, in a way that no seed of the model controls."""

    supports_masking = True

    def __init__(self, draw: Callable[[Any], Any]) -> None:
        super().__init__()
        self.draw = draw

    def call(self, x: Any) -> Any:
        return x + ops.cast(self.draw(tuple(x.shape)), x.dtype)


@pytest.mark.parametrize(
    "draw",
    [np.random.standard_normal, tf.random.normal, lambda shape: random.random()],
    ids=["NumPy", "TensorFlow", "Python"],
)
def test_a_model_that_is_random_gets_no_verdict_and_the_reason(draw: Callable[[Any], Any]) -> None:
    model = keras.Sequential([words(False), Noise(draw), layers.LSTM(2)])
    found = ml.trace(model, IDS)
    assert found.moves is None and not found.leaks
    assert "random" in found.why_no_verdict
    with pytest.raises(AssertionError, match=r"There is no verdict .*random"):
        ml.assert_padding_ignored(model, IDS)


# --- Everything is as before ----------------------------------------------------------------------


class Fuse:
    """Raises at its n-th call; no layer knows how many there were."""

    def __init__(self, after: int = 10**9, error: type[BaseException] = ArithmeticError) -> None:
        self.left, self.error = after, error

    def burn(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise self.error("the fuse has burnt")


class Changing(layers.Layer):
    """Changes whatever a layer may change when it is called."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__(name="changing")
        self.supports_masking = True
        self.fuse = fuse
        self.calls, self.kept, self.lengths = 0, None, []
        self.own = tf.Variable(0.0)
        self.by_length: dict[str, int] = {}

    def build(self, shape: Any) -> None:
        self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x: Any) -> Any:
        if hasattr(x, "numpy"):
            self.fuse.burn()
            self.lengths.append(x.shape[1])
            self.by_length[str(x.shape[1])] = self.calls
            self.kept = x
        self.calls += 1
        self.own.assign_add(1.0)
        self.seen.assign(self.seen + 1.0)
        self.add_loss(ops.mean(ops.square(x)))
        np.random.random(), random.random()
        return x


def stateful(fuse: Fuse | None = None) -> keras.Model:
    """A model with a state of every kind, trained for a step, so that none is as it began."""
    ids = keras.Input(batch_shape=(2, None), name="ids")
    x = layers.Dropout(0.5)(words()(ids))
    x = Changing(fuse or Fuse())(layers.BatchNormalization()(x))
    x = layers.GaussianNoise(0.1)(x)
    x = layers.GRU(3, stateful=True, return_sequences=True)(x)
    x = layers.MultiHeadAttention(2, 2, dropout=0.1)(x, x)
    # A mask is lost, and weights that are all 0 are lent other values: more runs, more to put back.
    x = layers.LSTM(2, bias_initializer="zeros")(layers.RMSNormalization()(x))
    model = keras.Model(ids, layers.Dense(2)(x), name="stateful")
    # In a graph, Keras before 3.14 cannot run an RNN with a state and a mask.
    model.compile("adam", "mse", metrics=["mae"], run_eagerly=True)
    model.fit(IDS, TARGETS, verbose=0)
    model(IDS)
    return model


def state(model: keras.Model) -> dict[str, Any]:
    """All that a run could change, by name."""
    found: dict[str, Any] = {"losses": [np.asarray(loss).tobytes() for loss in model.losses]}
    for place, variable in enumerate(model.variables + model.optimizer.variables):
        found[f"variable {place} {variable.path}"] = np.asarray(variable).tobytes()
    for layer in model._flatten_layers():
        # Keras does not count the states of an RNN among its variables.
        for place, variable in enumerate(getattr(layer, "states", None) or []):
            found[f"state {place} of {layer.name}"] = np.asarray(variable).tobytes()
        for name, value in vars(layer).items():
            if name != "fuse":
                found[f"{layer.name}.{name}"] = _frozen(value)
    return found | process()


def _frozen(value: Any) -> Any:
    if isinstance(value, tf.Variable):
        return float(value)
    if isinstance(value, list):
        return [id(item) if not isinstance(item, int) else item for item in value]
    if isinstance(value, dict):
        return {
            str(key): item if isinstance(item, int) else id(item) for key, item in value.items()
        }
    return value if isinstance(value, bool | int | float | str) else id(value)


def process() -> dict[str, Any]:
    """What belongs to the whole process."""
    algorithm, keys, *place = np.random.get_state()
    return {
        "random": random.getstate(),
        "np.random": (algorithm, keys.tobytes(), place),
        "Layer.__call__": keras.Layer.__call__,
        "Operation.__call__": keras.Operation.__call__,
        "eager functions": tf.config.functions_run_eagerly(),
        "warnings": list(warnings.filters),
        "Keras's seeds": np.asarray(global_seed_generator().state).tobytes(),
    }


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [
        name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)
    ]


ASKED: dict[str, dict[str, Any]] = {
    "trace": {},
    "probe": {"probe": True},
    "training": {"training": True},
    "targets": {"targets": TARGETS},
    "no measurement": {"measure": False},
}


@pytest.mark.parametrize("how", ASKED.values(), ids=ASKED)
def test_a_trace_changes_nothing(how: dict[str, Any]) -> None:
    model = stateful()
    before = state(model)
    found = ml.trace(model, IDS, **how)
    assert (found.moves is None) == ("measure" in how)
    assert changed(before, state(model)) == []


@pytest.mark.parametrize("build", [stateful, functional, sequential, Subclassed])
def test_a_model_answers_after_a_trace_as_it_does_without_one(
    build: Callable[[], keras.Model],
) -> None:
    answers = []
    for traced in (False, True):
        keras.utils.set_random_seed(0)
        model = build()
        answers.append([np.asarray(model(IDS)).tobytes()])
        if traced:
            ml.trace(model, IDS)
        answers[-1] += [np.asarray(model(IDS, training=mode)).tobytes() for mode in (False, True)]
    assert answers[0] == answers[1]


MOMENTS = range(1, 200)


@pytest.mark.parametrize(
    ("how", "error"),
    [
        *((how, ArithmeticError) for how in ASKED.values()),
        *((ASKED[name], KeyboardInterrupt) for name in ("trace", "targets")),
    ],
    ids=[*ASKED, "interrupted", "targets interrupted"],
)
def test_an_error_at_any_moment_of_a_measurement_changes_nothing(
    how: dict[str, Any], error: type[BaseException]
) -> None:
    fuse = Fuse()
    model = stateful(fuse)
    before, fuse.error = state(model), error
    raised = 0
    for moment in MOMENTS:
        fuse.left = moment
        try:
            ml.trace(model, IDS, **how)
        except error as burnt:
            assert "the fuse has burnt" in str(burnt)
            raised += 1
        assert changed(before, state(model)) == [], moment
        if fuse.left > 0:  # it was not called as often
            break
    if error is KeyboardInterrupt or "measure" in how:
        assert raised == moment - 1
    else:
        # On the batch as it is, it comes through; with other padding, it is an answer.
        assert 0 < raised < moment - 1


def test_an_error_while_a_model_is_built_changes_nothing_of_the_process() -> None:
    model = keras.Sequential([words(), Changing(Fuse(1)), layers.LSTM(2)])
    before = process()
    with pytest.raises(ArithmeticError, match="the fuse has burnt"):
        ml.trace(model, IDS)
    assert changed(before, process()) == []
    assert ml.trace(model, IDS).moves == 0.0


def test_an_error_of_the_loss_changes_nothing() -> None:
    model = stateful()
    fuse = Fuse()

    def loss(targets: Any, predictions: Any) -> Any:
        fuse.burn()
        return ops.mean(ops.square(targets - predictions))

    model.compile("adam", loss)
    model(IDS)
    before = state(model)
    for moment in MOMENTS:
        fuse.left = moment
        try:
            ml.trace(model, IDS, targets=TARGETS)
        except ArithmeticError as error:
            assert re.search("the fuse has burnt", str(error))
        assert changed(before, state(model)) == [], moment
        if fuse.left > 0:
            break
    assert moment > 2


def test_a_batch_of_padding_alone_gets_no_verdict() -> None:
    assert ml.trace(functional(), IDS * 0).moves is None


def test_other_rows_alone_are_no_verdict() -> None:
    flat = [keras.Input((4, 3)), layers.Masking(), layers.Flatten(), layers.Dense(2)]
    vectors = np.random.default_rng(0).normal(size=(2, 4, 3)) * TOKENS[..., None]
    found = ml.trace(keras.Sequential(flat), vectors)
    assert found.moves_by["content"] is found.moves_by["amount"] is None
    assert found.moves is None


def test_random_numbers_from_seeds_of_no_layer_are_no_leak() -> None:
    noise = Noise(keras.random.normal)
    assert not ml.trace(keras.Sequential([words(), noise, layers.LSTM(2)]), IDS).moves


def test_a_model_with_a_state_is_built_by_a_trace() -> None:
    model = keras.Sequential([words(), layers.GRU(2, stateful=True)])
    assert ml.trace(model, IDS).moves == 0.0


def test_a_model_with_a_state_is_asked_all_questions() -> None:
    assert None not in ml.trace(stateful(), IDS).moves_by.values()


def test_a_state_that_a_trace_has_built_is_as_one_that_no_call_has_changed() -> None:
    model = keras.Sequential([words(), layers.GRU(2, stateful=True)])
    ml.trace(model, IDS)
    assert not np.asarray(model.layers[1].states[0]).any()


def test_a_model_with_a_layer_that_it_never_calls_is_as_before() -> None:
    class Unused(Subclassed):
        def __init__(self) -> None:
            super().__init__()
            self.unused, self.calls = layers.Dense(2), 0

        def call(self, ids: Any) -> Any:
            self.calls += 1
            return super().call(ids)

    model = Unused()
    model(IDS)
    before = model.calls
    ml.trace(model, IDS)
    assert model.calls == before


def test_random_numbers_of_tensorflow_are_as_before() -> None:
    drawn = []
    for traced in (False, True):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([words(), Noise(tf.random.normal)])
        model(IDS)
        if traced:
            ml.trace(model, IDS)
        drawn.append(float(tf.random.uniform(())))
    assert drawn[0] == drawn[1]
