"""Every way out that the lens can print is applied to a model that got it; then nothing leaks."""

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import masklens as ml
from masklens.tracing.reasons import WAYS_OUT

pytestmark = pytest.mark.slow

TOKENS = [[7, 3, 5, 2, 6, 4], [4, 2, 9, 8], [3, 1, 2, 5, 8]]
IDS = ml.pad(TOKENS, padding="post").ids
LEFT = ml.pad(TOKENS, padding="pre").ids
SQUARE = ml.pad([*TOKENS, [1, 2], [2, 3, 4], [9, 9, 8, 7, 6]], padding="post").ids

Names = dict[str, Any]


def apply(code: str, names: Names) -> tuple[Any, Names]:
    """Runs printed code, and returns the value of its last line with the names that it set."""
    names = {"keras": keras, "ml": ml, **names}
    tree = ast.parse(code)
    last = tree.body[-1]
    if not isinstance(last, ast.Expr):
        exec(compile(tree, "way out", "exec"), names)
        return None, names
    exec(compile(ast.Module(tree.body[:-1], []), "way out", "exec"), names)
    return eval(compile(ast.Expression(last.value), "way out", "eval"), names), names


@dataclass
class Step:
    """One step of a model.

    Args:
        name: the name of its layer, or of its code.
        layer: a layer; None for code between layers.
        run: makes a tensor of names: `x`, `mask`, that of the layer, and those of `more`.
        more: further names, made of `x` and `mask`.
    """

    name: str
    layer: Any = None
    run: Callable[[Names], Any] | None = None
    more: Callable[[Any, Any], Names] = lambda x, mask: {}

    def made(self, x: Any, mask: Any, code: str | None) -> Any:
        names = {"x": x, "mask": mask, self.name: self.layer, **self.more(x, mask)}
        if code is not None:
            value, names = apply(code, names)
            if value is not None:
                return value
        return self.layer(names["x"]) if self.run is None else self.run(names)


class Line(keras.Model):
    """Runs steps one after another, with printed code in the place of those that got some."""

    def __init__(self, steps: Sequence[Step], codes: dict[str, str], mask_zero: bool) -> None:
        super().__init__()
        self.steps, self.codes = list(steps), codes
        self.embedding = layers.Embedding(12, 6, mask_zero=mask_zero, name="embedding")
        self.own = [step.layer for step in steps if step.layer is not None]

    def call(self, inputs: Any) -> Any:
        features = len(inputs.shape) == 3
        mask = ops.not_equal(inputs[..., 0] if features else inputs, 0)
        x = inputs if features else self.embedding(inputs)
        for step in self.steps:
            x = step.made(x, mask, self.codes.get(step.name))
        return x


def repaired(
    make: Callable[[], list[Step]], inputs: Any, mask_zero: bool = True, **how: Any
) -> tuple[Any, list[str]]:
    """Follows the lens's advice, one leak at a time, until nothing leaks or it has none to give."""
    printed: list[str] = []
    codes: dict[str, str] = {}
    for _ in range(6):
        keras.utils.set_random_seed(1)
        steps = make()
        found = ml.trace(Line(steps, codes, mask_zero), inputs, **how)
        if found.moves == 0.0:
            break
        places = {place_of(leak, steps): leak for leak in reversed(found.leaks)}
        place = next((place for place in reversed(places) if place not in codes), None)
        code = places[place].reason.way_out if place else ""
        if not code:
            break
        printed.append(code)
        if "mask_zero=True" in code:
            mask_zero = True
        else:
            codes[place] = code
    return found, printed


def place_of(leak: Any, steps: Sequence[Step]) -> str:
    """The step in which padding gets in; of code, that which stands behind the call before."""
    if leak.between is None:
        return str(leak.path.split("/")[0])
    names = ["embedding", *(step.name for step in steps)]
    return names[names.index(leak.between[0]) + 1]


def layer(made: Any, **how: Any) -> Step:
    return Step(made.name, made, **how)


def code(name: str, does: Callable[[Any], Any]) -> Step:
    return Step(name, run=lambda names: does(names["x"]))


def gru(name: str = "gru", **how: Any) -> Step:
    return layer(layers.GRU(4, name=name, **how))


def out() -> Step:
    return layer(layers.Dense(2, name="out"))


def attention(name: str = "attention") -> Any:
    return layers.MultiHeadAttention(2, 3, name=name)


def to_itself(names: Names) -> Any:
    return names["attention"](names["x"], names["x"])


def from_a_state() -> Step:
    return layer(
        layers.GRU(4, return_sequences=True, name="gru"),
        run=lambda names: names["gru"](names["x"], initial_state=names["state"]),
        more=lambda x, mask: {"state": ops.ones((ops.shape(x)[0], 4))},
    )


class Both(layers.Layer):
    """Averages two tensors over time, with the mask if it gets one."""

    def call(self, one: Any, other: Any, mask: Any = None) -> Any:
        x = one + other
        if mask is None:
            return ops.mean(x, axis=1)
        weights = ops.cast(mask, x.dtype)[..., None]
        return ops.sum(x * weights, axis=1) / ops.sum(weights, axis=1)


def several() -> Step:
    return layer(
        Both(name="both"),
        run=lambda names: names["both"](*names["tensors"]),
        more=lambda x, mask: {"tensors": (x, x)},
    )


def attending(argument: Callable[[Any], Any]) -> Step:
    """Attention with a mask of its own, which printed code may set anew."""
    return layer(
        attention(),
        run=lambda names: names["attention"](
            names["x"], names["x"], attention_mask=names["attention_mask"]
        ),
        more=lambda x, mask: {"attention_mask": argument(mask)},
    )


def crossing() -> Step:
    return layer(
        attention(),
        run=lambda names: names["attention"](names["query"], names["value"]),
        more=lambda x, mask: {"query": x[:, :2] * 0.0 + 1.0, "value": x * 1.0, "value_mask": mask},
    )


def attending_to_list() -> Step:
    return layer(
        layers.Attention(name="attention"),
        run=lambda names: names["attention"]([names["x"] * 1.0, names["x"] * 1.0]),
    )


class PositionTable(layers.Layer):
    """Looks up a vector for each position, and adds it."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.table = self.add_weight(shape=(40, 6), initializer="normal", name="table")
        self.supports_masking = True

    def call(self, x: Any, positions: Any) -> Any:
        return x + ops.take(self.table, positions, axis=0)


def positions() -> Step:
    return layer(
        PositionTable(name="positions_added"),
        run=lambda names: names["positions_added"](names["x"], positions=names["positions"]),
        more=lambda x, mask: {
            "positions": ops.broadcast_to(ops.arange(ops.shape(x)[1])[None], ops.shape(x)[:2])
        },
    )


# What is wrong, the way out of it, a model in which it is, and what to call that on.
MAKES: dict[str, tuple[str, Callable[[], list[Step]], Any]] = {
    "lost": ("mask_by_hand", lambda: [layer(layers.RMSNormalization(name="norm")), gru()], IDS),
    "an operator": ("mask_by_hand", lambda: [code("times", lambda x: x * 4.0), gru()], IDS),
    "behind pooling": (
        "mask_of_windows",
        lambda: [layer(layers.MaxPooling1D(2, 2, name="pool")), gru(), out()],
        IDS,
    ),
    "behind a convolution": (
        "windows",
        lambda: [layer(layers.Conv1D(4, 2, name="conv")), gru()],
        IDS,
    ),
    "behind UpSampling1D": (
        "mask_repeated",
        lambda: [layer(layers.UpSampling1D(2, name="twice")), gru()],
        IDS,
    ),
    "a convolution": (
        "zero_the_padding",
        lambda: [layer(layers.Conv1D(4, 3, padding="same", name="conv")), gru()],
        IDS,
    ),
    "a convolution, left": (
        "zero_the_padding",
        lambda: [layer(layers.Conv1D(4, 3, padding="causal", name="conv")), gru()],
        LEFT,
    ),
    "Flatten": ("zero_the_padding", lambda: [layer(layers.Flatten(name="flat")), out()], IDS),
    "Reshape": (
        "zero_the_padding",
        lambda: [layer(layers.Reshape((3, 12), name="wide")), gru()],
        IDS,
    ),
    "the largest": ("largest", lambda: [layer(layers.GlobalMaxPooling1D(name="most"))], IDS),
    "the largest, in code": (
        "largest",
        lambda: [code("most", lambda x: ops.max(x, axis=1)), out()],
        IDS,
    ),
    "the mean, in code": (
        "average",
        lambda: [code("mean", lambda x: ops.mean(x, axis=1)), out()],
        IDS,
    ),
    "the mean, in a Lambda": (
        "average",
        lambda: [layer(layers.Lambda(lambda x: ops.mean(x, axis=1), name="mean")), out()],
        IDS,
    ),
    "the sum, in code": ("sum", lambda: [code("sum", lambda x: ops.sum(x, axis=1)), out()], IDS),
    "the last, in code": ("last", lambda: [code("end", lambda x: x[:, -1]), out()], IDS),
    "the first, in code": ("first", lambda: [code("begin", lambda x: x[:, 0]), out()], LEFT),
    "normalization in groups": (
        "each_timestep",
        lambda: [layer(layers.GroupNormalization(2, name="norm")), out()],
        IDS,
    ),
    "an initial state": ("initial_state", lambda: [from_a_state()], LEFT),
    "several tensors": ("several_tensors", lambda: [several(), out()], IDS),
    "attention that gets no mask": (
        "attention",
        lambda: [code("times", lambda x: x * 2.0), layer(attention(), run=to_itself), out()],
        IDS,
    ),
    "attention to another sequence": ("cross_attention", lambda: [crossing(), out()], IDS),
    "attention to a list": ("attention_of_list", lambda: [attending_to_list(), out()], IDS),
    "an inverted mask": (
        "invert",
        lambda: [attending(lambda mask: ops.logical_not(mask)[:, None, :]), out()],
        IDS,
    ),
    "a mask of (batch, time)": ("keys", lambda: [attending(lambda mask: mask), out()], SQUARE),
    "positions": ("positions", lambda: [positions(), out()], LEFT),
}


@pytest.mark.parametrize("name", MAKES)
def test_the_way_out_keeps_padding_out(name: str) -> None:
    key, make, inputs = MAKES[name]
    found, printed = repaired(make, inputs)
    assert any(is_printed(key, code) for code in printed), (printed, found)
    assert found.moves == 0.0, (printed, found)


def is_printed(key: str, code: str) -> bool:
    """Whether some code is one of the ways out, with any names and numbers in it."""
    pattern = re.escape(WAYS_OUT[key])
    return re.fullmatch(re.sub(r"\\{\w+\\}", r"[\\w.-]+", pattern), code) is not None


def test_an_embedding_masks_zeros_where_nothing_did() -> None:
    found, printed = repaired(lambda: [gru()], IDS, mask_zero=False)
    assert is_printed("mask_zero", printed[0]) and found.moves == 0.0
    embedding, _names = apply(printed[0].partition(" = ")[2], {})
    assert (embedding.input_dim, embedding.output_dim, embedding.mask_zero) == (12, 6, True)


def test_padding_with_zero_is_what_the_embedding_masks() -> None:
    model = Line([gru()], {}, mask_zero=True)
    with pytest.warns(UserWarning, match="also occurs as a token"):
        batch = ml.pad(TOKENS, padding="post", value=1)
    wrong = ml.trace(model, batch)
    (leak,) = wrong.leaks
    assert is_printed("pad_with_zero", leak.reason.way_out)
    batch, _names = apply(leak.reason.way_out, {"sequences": TOKENS})
    assert ml.trace(model, batch).moves == 0.0


def test_masking_looks_for_the_value_that_stands_at_padding() -> None:
    random = np.random.default_rng(0)
    batch = ml.pad(
        [random.normal(size=(steps, 3)) for steps in (5, 3, 4)], dtype="float32", padding="post"
    )
    scaled = layers.Rescaling(0.5, offset=1.0, name="scaled")
    wrong = ml.trace(keras.Sequential([scaled, layers.Masking(), gru().layer]), batch)
    code = wrong.leaks[0].reason.way_out
    assert is_printed("mask_value", code)
    _value, names = apply(code, {"x": scaled(batch.ids)})
    assert ml.mask_of(names["x"]) is not None

    class Right(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.scaled, self.gru = scaled, layers.GRU(4)

        def call(self, x: Any) -> Any:
            return self.gru(apply(code, {"x": self.scaled(x)})[1]["x"])

    assert ml.trace(Right(), batch).moves == 0.0


def test_each_timestep_is_normalized_by_itself_where_rows_were_mixed() -> None:
    class Mixed(keras.Model):
        """Normalizes over the batch as it is, at inference, too."""

        def __init__(self, code: str = "") -> None:
            super().__init__()
            self.embedding = layers.Embedding(12, 6, mask_zero=True, name="embedding")
            self.norm = layers.BatchNormalization(name="norm")
            self.code = code

        def call(self, ids: Any) -> Any:
            x = self.embedding(ids)
            return apply(self.code, {"x": x})[0] if self.code else self.norm(x, training=True)

    wrong = ml.trace(Mixed(), IDS)
    assert wrong.moves_by["content"] == 0.0 and [leak.path for leak in wrong.leaks] == ["norm"]
    assert is_printed("each_timestep", wrong.leaks[0].reason.way_out)
    assert ml.trace(Mixed(wrong.leaks[0].reason.way_out), IDS).moves == 0.0


def test_half_precision_holds_what_replaces_a_billion() -> None:
    class Softened(layers.Layer):
        """A softmax over time with scores of its own, and minus a billion at padding."""

        def __init__(self, code: str = "") -> None:
            super().__init__(name="own", dtype="float16")
            self.code = code

        def call(self, x: Any, mask: Any = None) -> Any:
            scores, mask = ops.sum(x, axis=-1), ops.cast(mask, "bool")
            if self.code:
                scores = apply(self.code, {"scores": scores, "mask": mask})[1]["scores"]
            else:
                scores = scores + ops.cast(ops.logical_not(mask), x.dtype) * -1e9
            return ops.sum(ops.softmax(scores)[..., None] * x, axis=1)

    # Of the same dtype: older versions of Keras lose the mask of a tensor that they cast.
    embedding = layers.Embedding(12, 6, mask_zero=True, dtype="float16", name="embedding")
    wrong = ml.trace(keras.Sequential([embedding, Softened()]), IDS)
    assert np.isnan(wrong.moves) and [leak.path for leak in wrong.leaks] == ["own"]
    code = wrong.leaks[0].reason.way_out
    assert is_printed("finite", code)
    assert ml.trace(keras.Sequential([embedding, Softened(code)]), IDS).moves == 0.0


def test_each_way_out_is_among_these() -> None:
    elsewhere = {"mask_zero", "pad_with_zero", "mask_value", "finite"}
    assert {key for key, _make, _inputs in MAKES.values()} | elsewhere == set(WAYS_OUT)
