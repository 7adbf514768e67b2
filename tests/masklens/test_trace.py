"""`trace` and `record` see every call and its masks, and change nothing about what they watch."""

import gc
import inspect
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from models import CASES, FEATURES, IDS, MASKS, Block, Case, Chain, Unmasked, words

import masklens as ml
from masklens.tracing.calls import Mask

pytestmark = pytest.mark.slow

KERAS = keras.Layer.__call__, keras.Operation.__call__

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Whatever a test does, Keras is as it was afterwards."""
    yield
    assert (keras.Layer.__call__, keras.Operation.__call__) == KERAS


def fresh(case: Case) -> Any:
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    return case.build()


def same(one: Mask | None, other: Mask | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)


def assert_equal_outputs(one: Any, other: Any) -> None:
    flat_one, flat_other = keras.tree.flatten(one), keras.tree.flatten(other)
    assert len(flat_one) == len(flat_other)
    for left, right in zip(flat_one, flat_other, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(left), np.asarray(right))
        assert same(ml.mask_of(left), ml.mask_of(right))


def named(masks: str) -> list[Mask | None]:
    return [None if name == "-" else MASKS[name] for name in masks.split("/")]


# --- What is seen -----------------------------------------------------------------------------


@each_case
def test_each_call_has_the_masks_and_the_effect_of_the_table(case: Case) -> None:
    trace = ml.trace(fresh(case), case.inputs, measure=False)
    rows = case.rows()
    assert [(call.path, call.effect) for call in trace] == [(row[0], row[1]) for row in rows]
    for call, row in zip(trace, rows, strict=True):
        for seen, expected in ((call.masks_in, row[2]), (call.masks_out, row[3])):
            tensors = named(expected)
            if expected == "-":
                tensors = [None] * len(seen)
            assert len(seen) == len(tensors), call.path
            assert all(map(same, seen, tensors)), call.path
    assert trace.moves is None and not trace.lost and not trace.leaks


@each_case
def test_only_what_loses_a_mask_costs_a_leak_its_mask(case: Case) -> None:
    trace = ml.trace(fresh(case), case.inputs)
    assert bool(trace.leaks) == bool(trace.moves)
    assert {call.path for call in trace.lost} <= {row[0] for row in case.rows() if "LOST" in row}
    assert not trace.lost or trace.leaks


@each_case
def test_outputs_and_random_state_are_the_same_with_and_without(case: Case) -> None:
    plain = fresh(case)
    expected = plain(case.inputs)
    expected_weights = plain.get_weights()
    recorded = fresh(case)
    with ml.record():
        outputs = recorded(case.inputs)
    assert_equal_outputs(outputs, expected)
    traced = fresh(case)
    ml.trace(traced, case.inputs)
    for other in (recorded, traced):
        assert len(other.variables) == len(plain.variables)
        for one, two in zip(other.variables, plain.variables, strict=True):
            np.testing.assert_array_equal(one.numpy(), two.numpy())
    assert all(map(np.array_equal, traced.get_weights(), expected_weights))


# A model that is cut off takes a list, also of one input.
@pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn.t match:UserWarning")
@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.own_code], ids=lambda case: case.name
)
def test_masks_equal_those_of_models_cut_off_behind_each_layer(case: Case) -> None:
    model = fresh(case)
    trace = ml.trace(model, case.inputs, measure=False)
    compared = 0
    for layer in model.layers:
        found = [call.masks_out for call in trace if call.path == layer.name]
        for node in layer._inbound_nodes[-len(found) :] if found else []:
            cut = keras.Model(model.inputs, list(node.output_tensors))
            masks = [ml.mask_of(output) for output in keras.tree.flatten(cut(case.inputs))]
            assert any(all(map(same, out, masks)) for out in found), layer.name
            compared += 1
    assert compared > 1


# Layers from (batch, 5, 4) to (batch, 5, 4), built once: what a stack of them does to a mask is
# found without masklens by calling one after another.
def make_pool() -> list[layers.Layer]:
    def twice(x: Any) -> Any:
        return x * 2.0

    return [
        layers.Dense(4),
        layers.Dropout(0.5),
        layers.LSTM(4, return_sequences=True),
        layers.GRU(4, return_sequences=True, go_backwards=True),
        layers.RNN([layers.SimpleRNNCell(3), layers.GRUCell(4)], return_sequences=True),
        layers.Bidirectional(layers.SimpleRNN(2, return_sequences=True)),
        layers.Conv1D(4, 2, padding="same"),
        layers.Masking(),
        layers.BatchNormalization(),
        layers.LayerNormalization(),
        layers.TimeDistributed(layers.Dense(4)),
        layers.Lambda(twice),
        layers.Reshape((5, 4)),
        layers.ReLU(),
        Unmasked(),
        Block([layers.Dense(4), layers.Conv1D(4, 1)]),
        Block([layers.LSTM(4, return_sequences=True), Unmasked()]),
        keras.Sequential([keras.Input((5, 4)), layers.Dense(4), layers.SpatialDropout1D(0.5)]),
        SelfAttention(layers.MultiHeadAttention(1, 2), residual=False),
        SelfAttention(layers.MultiHeadAttention(1, 2), residual=True),
        SelfAttention(layers.GroupQueryAttention(2, 2, 1), residual=True),
        SelfAttention(layers.Attention(), residual=False),
    ]


class SelfAttention(layers.Layer):
    def __init__(self, attention: layers.Layer, residual: bool) -> None:
        super().__init__()
        self.attention, self.add, self.residual = attention, layers.Add(), residual

    def call(self, x: Any) -> Any:
        listed = isinstance(self.attention, layers.Attention)
        y = self.attention([x, x]) if listed else self.attention(x, x)
        return self.add([x, y]) if self.residual else y


ENDS = [
    layers.LSTM(2),
    layers.GlobalAveragePooling1D(),
    layers.GlobalMaxPooling1D(),
    layers.Flatten(),
    layers.Dense(1),
]
POOL: list[layers.Layer] = []


def step_by_step(model: keras.Model, x: Any) -> tuple[Any, list[tuple[Any, ...]]]:
    """Calls one layer after another, and says for each what happened, as the design defines it."""
    seen = []
    for layer in model.inner:
        before = ml.mask_of(x) if keras.ops.is_tensor(x) else None
        x = layer(x)
        after = ml.mask_of(x)
        if after is not None:
            effect = "creates"
            if before is not None:
                effect = "passes" if np.array_equal(before, after) else "changes"
        elif before is None:
            effect = "none"
        else:
            effect = "ends" if "mask" in inspect.signature(layer.call).parameters else "drops"
        seen.append((layer.name, before, after, effect))
    return x, seen


def stacks() -> st.SearchStrategy[Any]:
    rows = st.lists(st.lists(st.integers(0, 9), min_size=5, max_size=5), min_size=1, max_size=3)
    middle = st.lists(st.integers(0, 21), max_size=5)
    return st.tuples(rows, st.booleans(), middle, st.integers(0, len(ENDS)))


def stack(mask_zero: bool, middle: list[int], end: int, *more: layers.Layer) -> Chain:
    if not POOL:
        POOL.extend(make_pool())
    first = layers.Embedding(10, 4, mask_zero=mask_zero)
    inner = [POOL[number] for number in middle]
    return Chain(first, *inner, *more, *ENDS[end : end + 1])


@given(stacks())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_stack_of_layers_is_seen_as_it_runs_step_by_step(drawn: Any) -> None:
    rows, mask_zero, middle, end = drawn
    ids = np.array(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = stack(mask_zero, middle, end)
        expected = model(ids)
        by_hand, seen = step_by_step(model, ids)
        trace = ml.trace(model, ids, measure=False)
        with ml.record():
            outputs = model(ids)
    assert_equal_outputs(outputs, expected)
    assert_equal_outputs(by_hand, expected)
    outer = [call for call in trace if call.depth == 0]
    assert [call.name for call in outer] == [name for name, *_ in seen]
    for call, (name, before, after, effect) in zip(outer, seen, strict=True):
        assert same(call.masks_in[0] if call.masks_in else None, before), name
        assert same(call.masks_out[0], after), name
        # A block of code has no mask argument, and yet what is in it may use the mask.
        used_inside = effect == "drops" and any(
            inner.receives_mask for inner in trace if inner.path.startswith(f"{call.path}/")
        )
        assert call.effect == ("ends" if used_inside else effect), name
    assert (keras.Layer.__call__, keras.Operation.__call__) == KERAS


# --- What goes wrong --------------------------------------------------------------------------


class Failing(layers.Layer):
    def __init__(self, error: BaseException) -> None:
        super().__init__(name="failing")
        self.error = error

    def call(self, x: Any) -> Any:
        # Not while Keras tries out, with symbolic tensors, how to build the model around it.
        if hasattr(x, "numpy"):
            raise self.error
        return x


@given(stacks(), st.sampled_from([ValueError, KeyboardInterrupt, MemoryError]))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_keras_is_restored_and_the_trace_readable_after_an_error(
    drawn: Any, kind: type[BaseException]
) -> None:
    rows, mask_zero, middle, end = drawn
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = stack(mask_zero, middle, end, Failing(kind("on purpose")))
        with pytest.raises(kind, match="on purpose"), ml.record() as trace:
            model(np.array(rows))
    assert (keras.Layer.__call__, keras.Operation.__call__) == KERAS
    seen = [call for call in trace if not call.symbolic and call.depth == 1]
    assert [call.name for call in seen] == [layer.name for layer in model.inner][: len(seen)]
    assert (seen[-1].name, seen[-1].shapes_out, seen[-1].effect) == ("failing", (), "none")
    assert kind.__name__ in str(seen[-1].note)
    with ml.record() as again:
        POOL[0](FEATURES)
    assert len(again) == 1


def test_an_error_in_the_model_carries_the_trace_so_far() -> None:
    model = Chain(words(), Failing(ValueError("on purpose")), name="broken")
    with pytest.raises(ValueError, match="on purpose") as caught:
        ml.trace(model, IDS)
    (note,) = caught.value.__notes__
    assert "broken" in note and "(3, 5)" in note
    assert "words" in note and "failing" in note


def test_an_abandoned_generator_lets_go_of_keras() -> None:
    def half_way() -> Iterator[ml.Trace]:
        with ml.record() as trace:
            words()(IDS)
            yield trace
            raise AssertionError("never reached")

    steps = half_way()
    trace = next(steps)
    assert keras.Layer.__call__ is not KERAS[0]
    del steps
    gc.collect()
    assert keras.Layer.__call__ is KERAS[0]
    assert [call.effect for call in trace] == ["creates"]


@pytest.mark.parametrize("second", [ml.record().__enter__, lambda: ml.trace(words(), IDS)])
def test_a_second_trace_is_refused_and_the_first_unharmed(second: Callable[[], Any]) -> None:
    with ml.record() as trace:
        x = words()(IDS)
        with pytest.raises(RuntimeError, match="one at a time"):
            second()
        layers.LSTM(2, name="lstm")(x)
    assert [(call.name, call.effect) for call in trace] == [("words", "creates"), ("lstm", "ends")]


def test_other_threads_are_refused_a_trace_and_run_unrecorded() -> None:
    found: list[Any] = []

    def elsewhere() -> None:
        found.append(ml.mask_of(words("elsewhere")(IDS)))
        try:
            ml.trace(words(), IDS)
        except RuntimeError as error:
            found.append(str(error))

    with ml.record() as trace:
        other = threading.Thread(target=elsewhere)
        other.start()
        other.join()
        words()(IDS)
    assert same(found[0], MASKS["m"])
    assert "one at a time" in found[1]
    assert [call.name for call in trace] == ["words"]


def test_what_is_no_keras_layer_is_refused() -> None:
    with pytest.raises(TypeError, match="got function"):
        ml.trace(lambda x: x, IDS)
    with pytest.raises(TypeError, match=r"got LSTM.*LSTM\(\.\.\.\)"):
        ml.trace(layers.LSTM, IDS)


def test_symbolic_or_ragged_or_wordy_inputs_are_refused() -> None:
    model = Chain(words())
    with pytest.raises(TypeError, match="symbolic"):
        ml.trace(model, keras.Input((5,)))
    with pytest.raises(TypeError, match=r"ml\.pad"):
        ml.trace(model, [[1, 2], [3]])
    with pytest.raises(TypeError, match="got text"):
        ml.trace(model, "a sentence")
    with pytest.raises(TypeError, match="got NoneType"):
        ml.trace(model, {"ids": None})


def test_a_batch_of_a_wrong_shape_names_the_model_and_the_shape() -> None:
    model = keras.Sequential([keras.Input((5, 4)), layers.Dense(1)], name="wanted")
    with pytest.raises(ValueError, match="shape") as caught:
        ml.trace(model, np.ones((2, 7)))
    assert "wanted" in caught.value.__notes__[0] and "(2, 7)" in caught.value.__notes__[0]


# --- The trace itself -------------------------------------------------------------------------


def test_a_padded_batch_or_lists_are_taken_as_arrays() -> None:
    sequences = [[7, 3, 2], [1]]
    batch = ml.pad(sequences, padding="post")
    by_batch = ml.trace(words(), batch).calls[0]
    by_list = ml.trace(words(), batch.ids.tolist()).calls[0]
    assert same(by_batch.masks_out[0], batch.mask)
    assert same(by_list.masks_out[0], batch.mask)


def test_a_call_is_found_by_name_by_path_and_by_the_end_of_its_path() -> None:
    inner = Chain(layers.Dense(4, name="dense"), layers.LSTM(4, name="lstm"), name="inner")
    twice = layers.Dense(4, name="twice")
    trace = ml.trace(Chain(words(), twice, twice, layers.Dense(4, name="dense"), inner), IDS)
    assert trace["lstm"] is trace["inner/lstm"]
    assert trace["dense"].path == "dense"
    assert trace["twice"].sources == (0,)
    assert (len(trace), len(list(trace))) == (7, 7)
    with pytest.raises(KeyError, match="'lstm'"):
        trace["lsmt"]


def test_layers_of_one_name_are_told_apart_by_their_path() -> None:
    one, two = (Chain(layers.Dense(4, name="dense"), name=name) for name in ("one", "two"))
    trace = ml.trace(Chain(words(), one, two), IDS)
    with pytest.raises(KeyError, match="'one/dense', 'two/dense'"):
        trace["dense"]
    assert trace["two/dense"].path == "two/dense"


def test_the_calls_that_a_loss_hurts_and_the_sources_are_indices_of_the_trace() -> None:
    trace = ml.trace(fresh(next(case for case in CASES if case.name == "post-norm")), IDS)
    names = [call.name for call in trace]
    assert [names[index] for index in trace["mha"].lost_to] == ["sum"]
    assert [names[index] for index in trace["sum"].lost_to] == ["norm"]
    assert [names[index] for index in trace["sum"].sources] == ["words", "mha"]
    assert trace["words"].sources == (None,)


@pytest.mark.parametrize(
    ("case", "path", "words_"),
    [
        ("post-norm", "mha", "cleared the mask of its own input, and sum"),
        ("post-norm", "pool", "came as an argument"),
        ("operators between layers", "lstm", "did not come from a layer"),
        ("operators in a functional model", "multiply", "operation"),
        ("a mask of a wrong shape", "misfit", r"\(3, 4\) on an output of shape \(3, 5, 4\)"),
        ("time distributed", "each", "runs dense without calling it"),
    ],
)
def test_what_is_peculiar_is_noted(case: str, path: str, words_: str) -> None:
    model = fresh(next(each for each in CASES if each.name == case))
    trace = ml.trace(model, IDS, measure=False)
    assert re.search(words_, str(trace[path].note))
    quiet = {call.path for call in trace if call.note is None}
    assert "words" in quiet


def test_what_may_let_padding_in_is_no_note_of_a_call_that_was_measured() -> None:
    trace = ml.trace(fresh(next(case for case in CASES if case.name == "post-norm")), IDS)
    assert {call.note for call in trace} == {None}


class Attaching(layers.Layer):
    def __init__(self, mask: Any) -> None:
        super().__init__(name="attaching")
        self.mask = mask

    def call(self, x: Any) -> Any:
        return x * 2.0

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return self.mask


@pytest.mark.parametrize(
    "mask",
    [
        "no mask at all",
        object(),
        np.array(True),
        np.ones(3, bool),
        np.ones((3, 1), bool),
        np.ones((3, 0), bool),
        np.ones((5, 3), bool),
        np.ones((3, 5, 4, 1), bool),
    ],
    # An object is named after its address otherwise, and that differs from worker to worker.
    ids=lambda mask: f"{type(mask).__name__}{getattr(mask, 'shape', '')}",
)
@pytest.mark.parametrize("probe", [False, True])
def test_whatever_a_custom_layer_attaches_as_a_mask_is_named(mask: Any, probe: bool) -> None:
    trace = ml.trace(Chain(words(), Attaching(mask)), IDS, probe=probe)
    assert "the mask should have one value per timestep" in str(trace["attaching"].note)
    assert "attaching" in repr(trace) and "attaching" in trace._repr_html_()


def test_symbolic_calls_are_told_apart() -> None:
    with ml.record() as trace:
        model = keras.Sequential([keras.Input((5,)), words(), layers.LSTM(2, name="lstm")])
        model(IDS)
    symbolic = [call for call in trace if call.symbolic]
    concrete = [call for call in trace if not call.symbolic]
    assert [call.name for call in symbolic] == ["words", "lstm"]
    assert [mask.shape for call in symbolic for mask in call.masks_in if mask is not None] == [
        (0, 0)
    ]
    assert [call.path for call in concrete] == [
        model.name,
        f"{model.name}/words",
        f"{model.name}/lstm",
    ]
    assert not trace.lost


def test_fit_and_a_compiled_function_can_be_recorded() -> None:
    import tensorflow as tf

    model = keras.Sequential([words(), layers.LSTM(2, name="lstm"), layers.Dense(1)])
    model.compile("sgd", "mse")
    with ml.record() as trace:
        model.fit(IDS, np.zeros((3, 1)), verbose=0)
        tf.function(lambda x: model(x))(IDS)
    assert {call.symbolic for call in trace if call.name == "lstm"} == {True}


def test_a_mask_is_kept_once_however_many_layers_it_passes() -> None:
    ids = np.ones((4, 6), int)
    ids[:, 4:] = 0
    first = words()
    with ml.record() as trace:
        x = first(ids)
        for _ in range(20):
            x = layers.Dropout(0.1)(layers.Dense(4)(x))
        first(ids)
    masks = [
        mask for call in trace for mask in (*call.masks_in, *call.masks_out) if mask is not None
    ]
    assert len(masks) == 82 and len({id(mask) for mask in masks}) == 1
    assert not masks[0].flags.writeable


def test_an_identity_used_again_is_not_taken_for_the_same_tensor() -> None:
    dense = layers.Dense(4, name="dense")
    with ml.record() as trace:
        for _ in range(50):
            dense(keras.ops.convert_to_tensor(FEATURES))
    assert {call.sources for call in trace} == {(None,)}


def test_the_trace_is_text_and_a_picture() -> None:
    trace = ml.trace(Chain(words(), Unmasked(name="unmasked"), layers.LSTM(2)), IDS)
    assert "unmasked" in repr(trace)
    assert "unmasked" in trace._repr_html_()


class Consuming(layers.Layer):
    """Uses the mask at each timestep, and does not opt in to handing it on."""

    def call(self, x: Any, mask: Any = None) -> Any:
        return x if mask is None else x * keras.ops.cast(mask, "float32")[..., None]


@pytest.mark.parametrize(
    ("ending", "lost"),
    [
        ([Consuming(name="consuming"), layers.LSTM(5, name="lstm")], ["consuming"]),
        ([Consuming(name="consuming")], []),  # no later call takes what it returns
        ([layers.LSTM(5, name="lstm"), layers.Dense(2, name="dense")], []),  # 5 units, 5 timesteps
    ],
    ids=["kept timesteps", "last", "timesteps gone"],
)
def test_a_mask_that_ends_too_soon_is_lost(ending: list[Any], lost: list[str]) -> None:
    words = layers.Embedding(10, 4, mask_zero=True, name="words")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trace = ml.trace(keras.Sequential([words, *ending]), IDS)
    assert [call.name for call in trace.lost] == lost
    assert [trace.calls[taker].name for call in trace.lost for taker in call.lost_to] == (
        ["lstm"] if lost else []
    )
