"""The oracle, on models of which reasoning says what moves them; and the random models."""

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from lens.oracle import (
    BEYOND_DOUBT,
    Case,
    Padded,
    PaddingContent,
    Truth,
    give_weights,
    measure,
    valid_steps,
)
from lens.random_models import draw, random_case

pytestmark = pytest.mark.slow

LENGTHS = [3, 1, 5, 2]
LONGER = [6, 4, 2, 5]
RNG = np.random.default_rng(7)
TOKENS = RNG.integers(1, 12, (4, 7)).astype("int32")
VALUES = RNG.normal(size=(4, 7, 3)).astype("float32")

FEATURES = (Padded("features", "values", ()),)
BEHIND_MASKING = (Padded("features", None, ()),)
BY_LAYER = (Padded("ids", "layer", ("content",)),)


def ids(side: str = "post", steps: int = 5, lengths: list[int] = LENGTHS) -> Any:
    return np.where(valid_steps(np.array(lengths), steps, side), TOKENS[:, :steps], 0)


def vectors(side: str = "post") -> Any:
    return np.where((ids(side) != 0)[..., None], VALUES[:, :5], 0).astype("float32")


def case(build: Callable[[], Any], side: str = "post", inputs: Any = None, **settings: Any) -> Case:
    inputs = ids(side) if inputs is None else inputs
    valid = keras.tree.map_structure(
        lambda x: (x != 0) if x.ndim == 2 else (x != 0).any(-1), inputs
    )
    return Case(build, inputs, valid, side, **settings)


def embedded(
    *calls: Callable[[Any], Any], masks: bool = True, steps: int | None = None
) -> Callable[[], Any]:
    """A Functional model: ids, their vectors, and what is called on them."""

    def build() -> Any:
        tokens = keras.Input((steps,), dtype="int32")
        x = layers.Embedding(12, 4, mask_zero=masks, name="embedding")(tokens)
        for call in calls:
            x = call(x)
        return keras.Model(tokens, x)

    return build


def on_vectors(*own: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: keras.Sequential([keras.Input((None, 3)), *(make() for make in own)])


def lstm(x: Any) -> Any:
    return layers.LSTM(3)(x)


def average(x: Any) -> Any:
    return layers.GlobalAveragePooling1D()(x)


def convolved(x: Any) -> Any:
    return layers.Conv1D(4, 3, padding="same")(x)


def both_ways(x: Any) -> Any:
    return layers.Bidirectional(layers.GRU(3, return_sequences=True))(x)


def looking_back(x: Any) -> Any:
    return layers.MultiHeadAttention(2, 2)(x, x, use_causal_mask=True)


def with_positions(x: Any) -> Any:
    steps = ops.cumsum(ops.ones_like(x[..., :1]), axis=1)
    return average_by_mask(layers.Add()([x, layers.Dense(4, activation="tanh")(steps)]), x)


def average_by_mask(x: Any, masked: Any) -> Any:
    return layers.GlobalAveragePooling1D()(x, mask=keras.src.backend.get_keras_mask(masked))


def forgotten_axis() -> Any:
    """The attention mask of keys, without the axis of queries."""
    tokens = keras.Input((None,), dtype="int32")
    x = layers.Embedding(12, 4, name="embedding")(tokens)
    x = layers.MultiHeadAttention(2, 2)(x, x, attention_mask=ops.not_equal(tokens, 0))
    return keras.Model(tokens, x)


def translator(by_hand: bool) -> Callable[[], Any]:
    """A decoder that starts from the state of an encoder."""

    def build() -> Any:
        source, target = (keras.Input((None,), dtype="int32") for _ in range(2))
        state = layers.GRU(3)(layers.Embedding(12, 4, mask_zero=True, name="source")(source))
        x = layers.Embedding(12, 4, mask_zero=True, name="target")(target)
        given = {"mask": ops.not_equal(target, 0)} if by_hand else {}
        x = layers.GRU(3, return_sequences=True)(x, initial_state=state, **given)
        return keras.Model([source, target], x)

    return build


def translated(by_hand: bool, side: str = "pre") -> Case:
    padded = (Padded("ids", "table", ("source",)), Padded("ids", "table", ("target",), 1))
    inputs = [ids(side), ids(side, 7, LONGER)]
    return case(translator(by_hand), side, inputs, padded=padded, answers=(1,))


def mask_beside_ids(*, used: bool) -> Case:
    """Ids of which 0 is a token too, and their mask as an input of its own."""

    def build() -> Any:
        inputs = {
            "tokens": keras.Input((None,), dtype="int32", name="tokens"),
            "mask": keras.Input((None,), dtype="bool", name="mask"),
        }
        x = PaddingContent(name="content")(layers.Embedding(12, 4)(inputs["tokens"]))
        if used:
            return keras.Model(inputs, layers.LSTM(3)(x, mask=inputs["mask"]))
        # Older versions of Keras want each input connected.
        beside = x + 0 * ops.cast(inputs["mask"], x.dtype)[..., None]
        return keras.Model(inputs, layers.LSTM(3)(beside))

    valid = ids() != 0
    return Case(
        build,
        {"tokens": ids(), "mask": valid},
        {"tokens": valid, "mask": valid},
        padded=(Padded("mask", None, ()), *BY_LAYER),
        tokens=tuple(range(12)),
    )


def scores_of_tokens(masks: bool) -> Callable[[], Any]:
    """A language model that answers with the table in which it looks up ids."""

    def build() -> Any:
        tokens = keras.Input((None,), dtype="int32")
        table = layers.ReversibleEmbedding(12, 4, mask_zero=masks)
        x = PaddingContent(name="content")(table(tokens))
        return keras.Model(tokens, table(layers.LSTM(4)(x), reverse=True))

    return build


CASES = {
    # Masked, and the mask is used.
    "LSTM, post": (case(embedded(lstm)), set()),
    "LSTM, pre": (case(embedded(lstm), "pre"), set()),
    "average": (case(embedded(average), "pre"), set()),
    "LSTM of masked vectors": (
        case(
            on_vectors(layers.Masking, lambda: layers.LSTM(3)),
            inputs=vectors(),
            padded=BEHIND_MASKING,
        ),
        set(),
    ),
    # No mask was ever made.
    "LSTM without mask, post": (case(embedded(lstm, masks=False)), {"content", "amount"}),
    "LSTM without mask, pre": (case(embedded(lstm, masks=False), "pre"), {"content", "amount"}),
    "average without mask": (case(embedded(average, masks=False)), {"content", "amount"}),
    "average of vectors": (
        case(on_vectors(layers.GlobalAveragePooling1D), inputs=vectors(), padded=FEATURES),
        {"content", "amount"},
    ),
    "Flatten": (
        case(embedded(layers.Flatten(), layers.Dense(2), masks=False, steps=5)),
        {"content"},
    ),
    # The mask does not get there.
    "Conv1D between": (case(embedded(convolved, lstm), "pre"), {"content", "amount"}),
    "operator between": (case(embedded(lambda x: x * 2.0, lstm)), {"content", "amount"}),
    "initial_state": (translated(by_hand=False), {"content", "amount"}),
    "initial_state, mask by hand": (translated(by_hand=True), set()),
    "initial_state, post": (translated(by_hand=False, side="post"), set()),
    # Padding stands where nothing looks.
    "causal, post": (case(embedded(looking_back, masks=False), answers=(0,)), set()),
    "causal, pre": (
        case(embedded(looking_back, masks=False), "pre", answers=(0,)),
        {"content", "amount"},
    ),
    "each step by itself": (case(embedded(layers.Dense(2), masks=False), answers=(0,)), set()),
    "first step, post": (case(embedded(lambda x: x[:, 0], masks=False)), set()),
    "first step, pre": (
        case(embedded(lambda x: x[:, 0], masks=False), "pre"),
        {"content", "amount"},
    ),
    # The mask is passed on, and padding looked at.
    "groups": (
        case(embedded(lambda x: layers.GroupNormalization(2)(x)), answers=(0,)),
        {"content", "amount"},
    ),
    "zeros of Bidirectional": (
        case(embedded(both_ways, lambda x: layers.GlobalMaxPooling1D()(x))),
        {"amount"},
    ),
    "positions from the left, pre": (case(embedded(with_positions), "pre"), {"amount"}),
    "positions from the left, post": (case(embedded(with_positions)), set()),
    # Rows look at one another.
    "mean over the batch": (case(embedded(lstm, lambda x: x - ops.mean(x, 0))), {"rows"}),
    "mask without the axis of queries": (
        case(forgotten_axis, inputs=ids("post", 4, [3, 1, 4, 2]), answers=(0,)),
        {"content", "rows"},
    ),
    # Masks that are inputs, tables that are outputs.
    "mask beside ids": (mask_beside_ids(used=True), set()),
    "mask beside ids, not used": (mask_beside_ids(used=False), {"content", "amount"}),
    "tied embeddings": (case(scores_of_tokens(True), padded=BY_LAYER), set()),
    "tied embeddings without mask": (
        case(scores_of_tokens(False), padded=BY_LAYER),
        {"content", "amount"},
    ),
    # The time axis has another length in the answer.
    "twice, with its mask": (
        case(embedded(lambda x: layers.Concatenate(axis=1)([x, x])), answers=("changed",)),
        set(),
    ),
    "valid convolution": (
        case(embedded(lambda x: layers.Conv1D(2, 3)(x)), answers=("changed",)),
        {"content"},
    ),
    "valid convolution, pre": (
        case(embedded(lambda x: layers.Conv1D(2, 3)(x)), "pre", answers=("changed",)),
        {"content"},
    ),
    "every other step, pre": (
        case(embedded(lambda x: layers.MaxPooling1D(2)(x)), "pre", answers=("changed",)),
        {"content", "amount"},
    ),
}
NOT_ASKED = {
    "LSTM of masked vectors": {"content"},
    "Flatten": {"amount"},
    "mask without the axis of queries": {"amount"},
}


@pytest.mark.parametrize("name", CASES)
def test_what_moves_an_answer_is_what_moves_it_by_reasoning(name: str) -> None:
    asked, moving = CASES[name]
    truth = vars(measure(asked, 0))
    assert {question for question, move in truth.items() if move} == moving
    assert {question for question, move in truth.items() if move is None} == NOT_ASKED.get(
        name, set()
    )
    assert all(move > BEYOND_DOUBT for move in truth.values() if move)


def test_the_largest_move_counts() -> None:
    assert Truth(None, 0.25, 0.5).moves == 0.5
    assert Truth(0.0, None, 0.0).moves == 0.0


def test_an_answer_is_compared_in_double_precision_and_the_policy_put_back() -> None:
    built = []

    def build() -> Any:
        built.append(embedded(lstm)())
        return built[-1]

    before = keras.config.dtype_policy().name, keras.config.floatx()
    measure(case(build), 0)
    assert built[0].variables[0].dtype == "float64"
    assert (keras.config.dtype_policy().name, keras.config.floatx()) == before


def test_rows_without_a_valid_timestep_are_left_out() -> None:
    empty = ids()
    empty[1] = 0
    assert measure(case(embedded(average), inputs=empty), 0) == Truth(0.0, 0.0, 0.0)


def test_no_weight_is_left_at_zero() -> None:
    model = on_vectors(layers.BatchNormalization, lambda: layers.GRU(2), lambda: layers.Dense(2))()
    give_weights(model, np.random.default_rng(0))
    assert all(np.all(ops.convert_to_numpy(weight) != 0) for weight in model.weights)
    assert np.all(ops.convert_to_numpy(model.layers[0].moving_variance) > 0)


def test_nothing_is_said_about_masks_that_are_lost() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        measure(case(embedded(convolved, lstm)), 0)


@pytest.mark.parametrize("seed", range(5))
def test_a_seed_gives_one_model_that_runs(seed: int) -> None:
    ours, theirs = random_case(seed), random_case(seed)
    assert ours.kinds == theirs.kinds
    for one, other in zip(ours.arrays(), theirs.arrays(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert measure(ours, seed) == measure(theirs, seed)


def test_of_what_is_drawn_some_leaks_and_some_is_sound() -> None:
    moves = [draw(seed)[1].moves for seed in range(8)]
    assert {move > BEYOND_DOUBT for move in moves} == {True, False}
    assert all(move == 0 or move > BEYOND_DOUBT for move in moves)
