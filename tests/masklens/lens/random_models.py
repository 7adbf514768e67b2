"""Random Keras models and padded inputs to call them on, each determined by its seed.

About half of them are drawn with care, from what is sound as far as one can tell beforehand; in
the others some or all choices are made without. What is true of a model, only the oracle says.

    PYTHONPATH=tests python -m lens.random_models 0 100

says what the first hundred seeds give.
"""

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import keras
import numpy as np
from keras import layers, ops

from lens.oracle import (
    BEYOND_DOUBT,
    Case,
    NotFiniteError,
    Padded,
    PaddingContent,
    Truth,
    answer_of,
    filled,
    is_finite,
    measure,
    quiet,
    valid_steps,
)

VOCABULARY = 12
# As many as the longest sequence has when the oracle has padded it further.
POSITIONS = 16
MOST_LAYERS = 12

Side = Literal["pre", "post"]
Recipe = partial[Any]  # makes one layer
Made = dict[Recipe, Any]
# Calls a step's layers on a tensor (for a join: on a list), given a mask by hand or None.
Use = Callable[[Sequence[Any], Any, Any], Any]


# --- What a model is made of ---------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """Something done to a tensor.

    Args:
        kinds: what it is made of, for people.
        recipes: of its layers; one recipe in two steps is one layer called twice.
        use: what is done with the layers.
        layer: whether it is no more than a call of one layer after another.
    """

    kinds: tuple[str, ...]
    recipes: tuple[Recipe, ...]
    use: Use
    layer: bool = False


def in_turn(own: Sequence[Any], x: Any, mask: Any) -> Any:
    """Calls layers one after another."""
    for layer in own:
        x = layer(x)
    return x


def with_mask(own: Sequence[Any], x: Any, mask: Any) -> Any:
    """Calls a layer with the mask by hand."""
    return own[0](x, mask=mask)


def run(steps: Sequence[Step], made: Made, x: Any, mask: Any) -> Any:
    """Does one step after another."""
    for step in steps:
        x = step.use([made[recipe] for recipe in step.recipes], x, mask)
    return x


def recipes_of(steps: Sequence[Step]) -> list[Recipe]:
    """The recipes of some steps, each once."""
    return list(dict.fromkeys(recipe for step in steps for recipe in step.recipes))


def kinds_of(steps: Sequence[Step]) -> list[str]:
    return [kind for step in steps for kind in step.kinds]


@dataclass(frozen=True)
class Entrance:
    """One input of a model, and what is done to it first.

    Args:
        hand: where its mask by hand comes from: "ids" compares them, a number is that of the
            input that holds it; None for no mask by hand.
    """

    name: str
    padded: Padded
    steps: tuple[Step, ...] = ()
    features: int = 0
    dtype: str = "int32"
    hand: str | int | None = None


@dataclass(frozen=True)
class Plan:
    """A model: sequences enter, are joined, and go on to one or more heads."""

    style: str
    length: int | None
    entrances: tuple[Entrance, ...]
    join: tuple[Step, ...]
    trunk: tuple[Step, ...]
    heads: tuple[tuple[Step, ...], ...]
    structure: str

    def steps(self) -> list[Step]:
        entered = [step for entrance in self.entrances for step in entrance.steps]
        return [*entered, *self.join, *self.trunk, *(step for head in self.heads for step in head)]

    def flow(self, made: Made, tensors: Sequence[Any]) -> list[Any]:
        """The outputs that the layers give on tensors, which may be symbolic."""
        streams, masks = [], []
        for entrance, x in zip(self.entrances, tensors, strict=True):
            if entrance.padded.kind != "mask":
                masks.append(mask_by_hand(entrance, x, tensors))
                streams.append(run(entrance.steps, made, x, masks[-1]))
        x = run(self.join, made, streams, masks) if self.join else streams[0]
        x = run(self.trunk, made, x, masks[-1])
        return [run(head, made, x, masks[-1]) for head in self.heads]

    def packed(self, values: Sequence[Any], names: Sequence[str]) -> Any:
        """Inputs or outputs in the structure that the model has them in."""
        if len(values) == 1:
            return values[0]
        return dict(zip(names, values, strict=True)) if self.structure == "dict" else list(values)

    def names(self) -> list[str]:
        return [entrance.name for entrance in self.entrances]

    def heads_names(self) -> list[str]:
        return [f"answer_{number}" for number in range(len(self.heads))]


def mask_by_hand(entrance: Entrance, ids: Any, tensors: Sequence[Any]) -> Any:
    if entrance.hand == "ids":
        return ops.not_equal(ids, 0)
    return None if entrance.hand is None else ops.cast(tensors[int(entrance.hand)], "bool")


def build_model(plan: Plan) -> Any:
    """Makes a planned model, with fresh layers."""
    made = {recipe: recipe() for recipe in recipes_of(plan.steps())}
    if plan.style == "subclassed":
        return Subclassed(plan, made)
    inputs = [
        keras.Input(
            (plan.length, entrance.features) if entrance.features else (plan.length,),
            dtype=None if entrance.features else entrance.dtype,
            name=entrance.name,
        )
        for entrance in plan.entrances
    ]
    if plan.style == "Sequential":
        return keras.Sequential([*inputs, *made.values()])
    outputs = plan.flow(made, inputs)
    return keras.Model(plan.packed(inputs, plan.names()), plan.packed(outputs, plan.heads_names()))


class Subclassed(keras.Model):
    """Does in `call` what its plan says."""

    def __init__(self, plan: Plan, made: Made) -> None:
        super().__init__(name="subclassed")
        self.plan = plan
        self.recipes = list(made)
        self.own = list(made.values())

    def call(self, inputs: Any) -> Any:
        if isinstance(inputs, dict):
            inputs = [inputs[name] for name in self.plan.names()]
        tensors = inputs if isinstance(inputs, list | tuple) else [inputs]
        outputs = self.plan.flow(dict(zip(self.recipes, self.own, strict=True)), tensors)
        return self.plan.packed(outputs, self.plan.heads_names())


class Block(keras.layers.Layer):
    """A layer made of layers, as the blocks of a Transformer are."""

    def __init__(self, steps: Sequence[Step], passes: bool, name: str) -> None:
        super().__init__(name=name)
        self.supports_masking = passes
        self.steps = tuple(steps)
        self.recipes = recipes_of(steps)
        self.own = [recipe() for recipe in self.recipes]

    def call(self, x: Any, padding_mask: Any = None) -> Any:
        return run(self.steps, dict(zip(self.recipes, self.own, strict=True)), x, padding_mask)


def nested(steps: Sequence[Step], style: str, shape: tuple[int | None, ...], name: str) -> Any:
    """A model to be a layer of another."""
    made = {recipe: recipe() for recipe in recipes_of(steps)}
    x = keras.Input(shape, dtype=None if len(shape) > 1 else "int32")
    if style == "Sequential":
        return keras.Sequential([x, *made.values()], name=name)
    return keras.Model(x, run(steps, made, x, None), name=name)


# --- Layers of one's own -------------------------------------------------------------------------


class Scale(keras.layers.Layer):
    """Scales and shifts each feature; passes the mask on if told to."""

    def __init__(self, passes: bool, name: str) -> None:
        super().__init__(name=name)
        self.supports_masking = passes

    def build(self, shape: Any) -> None:
        self.gamma = self.add_weight(shape=(shape[-1],), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(shape[-1],), initializer="zeros", name="beta")

    def call(self, x: Any) -> Any:
        return x * self.gamma + self.beta


class Positions(keras.layers.Layer):
    """Adds a vector for each position, counted from the left."""

    def __init__(self, positions: int, passes: bool, name: str) -> None:
        super().__init__(name=name)
        self.supports_masking = passes
        self.positions = positions

    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape=(self.positions, shape[-1]), name="embeddings")

    def call(self, x: Any) -> Any:
        return x + self.table[: ops.shape(x)[1]]


class WithStepBefore(keras.layers.Layer):
    """Adds to each step the one before it, and passes the mask on."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.supports_masking = True

    def call(self, x: Any) -> Any:
        return x + ops.concatenate([ops.zeros_like(x[:, :1]), x[:, :-1]], axis=1)


class RunningMean(keras.layers.Layer):
    """At each step the mean of the steps so far, counted by the mask if there is one."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.supports_masking = True

    def call(self, x: Any, mask: Any = None) -> Any:
        weights = ops.ones_like(x[..., :1])
        if mask is not None:
            weights = weights * ops.cast(mask, x.dtype)[..., None]
        counted = ops.cumsum(weights, axis=1)
        return ops.cumsum(x * weights, axis=1) / ops.maximum(counted, 1.0)


class Centre(keras.layers.Layer):
    """Takes the mean over time away; of the valid steps only, if it looks at the mask."""

    def __init__(self, looks: bool, name: str) -> None:
        super().__init__(name=name)
        self.supports_masking = True
        self.looks = looks

    def call(self, x: Any, mask: Any = None) -> Any:
        return x - mean_over_time(x, mask if self.looks else None)[:, None]


class ZeroAtPadding(keras.layers.Layer):
    """Multiplies by the mask, if there is one."""

    def __init__(self, passes: bool, name: str) -> None:
        super().__init__(name=name)
        self.supports_masking = passes

    def call(self, x: Any, mask: Any = None) -> Any:
        return x if mask is None else x * ops.cast(mask, x.dtype)[..., None]


class ScaleOfBatch(keras.layers.Layer):
    """Divides by the largest value in the whole batch."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.supports_masking = True

    def call(self, x: Any) -> Any:
        return x / ops.max(ops.abs(x))


class MaskedMean(keras.layers.Layer):
    """The mean of valid steps; divides by the steps of the whole batch if told to, wrongly."""

    def __init__(self, over_batch: bool, name: str) -> None:
        super().__init__(name=name)
        self.supports_masking = True
        self.over_batch = over_batch

    def call(self, x: Any, mask: Any = None) -> Any:
        if mask is None or not self.over_batch:
            return mean_over_time(x, mask)
        weights = ops.cast(mask, x.dtype)[..., None]
        return ops.sum(x * weights, axis=1) / ops.sum(weights)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        return None


class SoftmaxPooling(keras.layers.Layer):
    """The mean of steps, weighted by a softmax over time.

    The mask comes before the softmax; "after" it, padding has already had its share of the sum.
    """

    def __init__(self, masks: str, name: str) -> None:
        super().__init__(name=name)
        self.supports_masking = True
        self.masks = masks

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], 1), name="kernel")

    def call(self, x: Any, mask: Any = None) -> Any:
        scores = ops.matmul(x, self.kernel)
        if mask is None:
            return ops.sum(x * ops.softmax(scores, axis=1), axis=1)
        valid = ops.cast(mask, x.dtype)[..., None]
        if self.masks == "before":
            return ops.sum(x * ops.softmax(scores - 1e9 * (1 - valid), axis=1), axis=1)
        return ops.sum(x * ops.softmax(scores, axis=1) * valid, axis=1)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        return None


def mean_over_time(x: Any, mask: Any) -> Any:
    """The mean of valid steps, or of all of them."""
    if mask is None:
        return ops.mean(x, axis=1)
    weights = ops.cast(mask, x.dtype)[..., None]
    return ops.sum(x * weights, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1.0)


# --- What is drawn -------------------------------------------------------------------------------


@dataclass
class Stream:
    """What is known, while a model is drawn, of the tensor that the next step meets.

    Args:
        features: how many it has.
        time: "same" as the input's, "changed", "joined" of two sequences, or "none".
        masked: whether it is likely to have a mask.
    """

    features: int
    time: str = "same"
    masked: bool = False


@dataclass
class Drawing:
    """What the model that is being drawn is like.

    Args:
        careless: the share of choices made without care.
        fixed: whether the model knows the number of timesteps.
        hand: whether there is a mask by hand.
        sort: "ids", "features" or "mixed".
        zero: whether the id of padding is that of a token too.
        tied: whether the answer is scores of ids, from the table that looks them up.
    """

    rng: random.Random
    side: Side
    length: int
    batch: int
    careless: float
    style: str
    fixed: bool
    hand: bool
    sort: str
    zero: bool
    padding: float
    tied: bool = False
    table: Recipe | None = None
    names: Counter[str] = field(default_factory=Counter)

    def careful(self) -> bool:
        return self.rng.random() >= self.careless

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def size(self) -> int:
        return self.rng.choice([2, 3, 4, 6])

    def name(self, kind: str) -> str:
        self.names[kind] += 1
        return f"{kind}{self.names[kind]}"

    def recipe(self, layer: Any, *arguments: Any, **settings: Any) -> Recipe:
        """How to make a layer, under a name that no other layer has."""
        return partial(layer, *arguments, **settings, name=self.name(layer.__name__.lower()))

    def step(self, layer: Any, *arguments: Any, **settings: Any) -> Step:
        """The call of one layer."""
        recipe = self.recipe(layer, *arguments, **settings)
        return Step((layer.__name__,), (recipe,), in_turn, layer=True)

    def time(self) -> int | None:
        return self.length if self.fixed else None


@dataclass(frozen=True)
class Kind:
    """A kind of step, and when it can be drawn.

    Args:
        draw: draws one, and notes what it makes of the stream.
        sound: under which conditions padding does not get in: "always", "masked" (the stream has
            a mask), "hand" (a mask comes by hand), "post" or "pre" (padding stands there).
        mask: what becomes of the stream's mask: "keeps", "loses" or "makes".
        when: whether it can follow.
        layer: whether it is a layer, and no more, so that a Sequential model can have it.
        weight: how often it is drawn.
    """

    draw: Callable[[Drawing, Stream], Step]
    sound: tuple[str, ...] = ()
    mask: str = "keeps"
    when: Callable[[Drawing, Stream], bool] = lambda d, s: True
    layer: bool = True
    weight: float = 1.0


def choose(d: Drawing, s: Stream, kinds: Sequence[Kind]) -> Step:
    """Draws one step of some kinds: with care one that is sound, if there is any."""
    given = {"always", d.side, "masked" if s.masked else "", "hand" if d.hand else ""}
    able = [kind for kind in kinds if kind.layer or d.style != "Sequential"]
    fitting = [kind for kind in able if kind.when(d, s)]
    sound = [kind for kind in fitting if given.intersection(kind.sound)]
    among = sound if sound and d.careful() else fitting
    kind = d.rng.choices(among, [kind.weight for kind in among])[0]
    step = kind.draw(d, s)
    s.masked = {"keeps": s.masked, "loses": False, "makes": True}[kind.mask]
    return step


def by_hand(d: Drawing, s: Stream) -> bool:
    return d.hand and s.time == "same"


def fixed(d: Drawing, s: Stream) -> bool:
    return d.fixed and s.time == "same"


def square(d: Drawing, s: Stream) -> bool:
    return by_hand(d, s) and d.batch == d.length


def layer(cls: Any, *arguments: Any, **settings: Any) -> Callable[[Drawing, Stream], Step]:
    """Draws a layer that has always the same settings."""
    return lambda d, s: d.step(cls, *arguments, **settings)


def operator(name: str, does: Callable[[Any], Any]) -> Callable[[Drawing, Stream], Step]:
    """Draws an operator, or a function of `keras.ops`."""
    return lambda d, s: Step((name,), (), lambda own, x, mask: does(x))


def dense(d: Drawing, s: Stream) -> Step:
    s.features = d.size()
    return d.step(layers.Dense, s.features, activation=d.rng.choice([None, "relu", "tanh"]))


def einsum_dense(d: Drawing, s: Stream) -> Step:
    shape = (d.time() if s.time == "same" else None, s.features)
    return d.step(layers.EinsumDense, "abc,cd->abd", output_shape=shape, bias_axes="d")


def time_distributed(d: Drawing, s: Stream) -> Step:
    s.features = d.size()
    inner = d.recipe(layers.Dense, s.features, activation="tanh")
    recipe = partial(wrapped, layers.TimeDistributed, inner, name=d.name("timedistributed"))
    return Step(("TimeDistributed", "Dense"), (recipe,), in_turn, layer=True)


def wrapped(wrapper: Any, inner: Recipe, **settings: Any) -> Any:
    return wrapper(inner(), **settings)


def own_scale(d: Drawing, s: Stream) -> Step:
    return d.step(Scale, passes=s.masked)


def narrower(d: Drawing, s: Stream) -> Step:
    s.features = kept = s.features - 1
    return Step(("x[..., :n]",), (), lambda own, x, mask: x[..., :kept])


def normalization_in_groups(d: Drawing, s: Stream) -> Step:
    return d.step(layers.GroupNormalization, groups=1 if s.features % 2 else 2)


# One step at a time: padding gets nowhere.
POINTWISE = [
    Kind(dense, ("always",), weight=3),
    Kind(time_distributed, ("always",)),
    Kind(layer(layers.Dropout, 0.2), ("always",)),
    Kind(layer(layers.SpatialDropout1D, 0.2), ("always",)),
    Kind(layer(layers.GaussianNoise, 0.1), ("always",), weight=0.3),
    Kind(layer(layers.LayerNormalization), ("always",), weight=2),
    Kind(layer(layers.UnitNormalization), ("always",), weight=0.5),
    Kind(layer(layers.BatchNormalization), ("always",)),
    Kind(layer(layers.Activation, "tanh"), ("always",)),
    Kind(layer(layers.ReLU), ("always",), weight=0.5),
    Kind(layer(layers.LeakyReLU), ("always",), weight=0.5),
    Kind(layer(layers.PReLU, shared_axes=[1]), ("always",), weight=0.7),
    Kind(layer(layers.PReLU), ("always",), when=fixed, weight=0.7),
    Kind(layer(layers.Identity), ("always",), weight=0.3),
    Kind(layer(Scale, passes=True), ("always",)),
    Kind(layer(ZeroAtPadding, passes=True), ("always",), weight=0.7),
    Kind(lambda d, s: d.step(layers.Reshape, (-1, s.features)), ("always",), "loses", weight=0.5),
    Kind(layer(layers.RMSNormalization), ("always",), "loses"),
    Kind(einsum_dense, ("always",), "loses", weight=0.5),
    Kind(layer(Scale, passes=False), ("always",), "loses", weight=0.7),
    Kind(layer(layers.Lambda, lambda x: x * 0.5 + 1.0), ("always",), "loses", weight=0.7),
    Kind(operator("x * 2.0", lambda x: x * 2.0), ("always",), "loses", layer=False),
    Kind(operator("x + 1", lambda x: x + 1), ("always",), "loses", layer=False, weight=0.7),
    Kind(operator("ops.relu", ops.relu), ("always",), "loses", layer=False, weight=0.7),
    Kind(operator("ops.tanh", ops.tanh), ("always",), "loses", layer=False, weight=0.5),
    Kind(narrower, ("always",), "loses", lambda d, s: s.features > 2, layer=False, weight=0.5),
]


def recurrent(
    d: Drawing, s: Stream, sequences: bool = True, backwards: bool = False, hand: bool = False
) -> Step:
    s.features = d.size()
    cls = d.rng.choice([layers.LSTM, layers.GRU, layers.SimpleRNN])
    step = d.step(cls, s.features, return_sequences=sequences, go_backwards=backwards)
    s.time = s.time if sequences else "none"
    return replace(step, use=with_mask, layer=False) if hand else step


def bidirectional(d: Drawing, s: Stream, sequences: bool = True, hand: bool = False) -> Step:
    units, merge = d.rng.choice([2, 3]), d.rng.choice(["concat", "concat", "sum", "ave", "mul"])
    s.features = 2 * units if merge == "concat" else units
    s.time = s.time if sequences else "none"
    cls = d.rng.choice([layers.LSTM, layers.GRU, layers.SimpleRNN])
    inner = d.recipe(cls, units, return_sequences=sequences)
    name = d.name("bidirectional")
    recipe = partial(wrapped, layers.Bidirectional, inner, merge_mode=merge, name=name)
    use = with_mask if hand else in_turn
    return Step(("Bidirectional", cls.__name__), (recipe,), use, layer=not hand)


def one_layer_twice(d: Drawing, s: Stream) -> Step:
    if d.chance(0.5):
        recipe = d.recipe(layers.Dense, s.features, activation="tanh")
    else:
        recipe = d.recipe(layers.GRU, s.features, return_sequences=True)
    kinds = (recipe.func.__name__, "one layer twice")
    return Step(kinds, (recipe,), lambda own, x, mask: own[0](own[0](x)))


def convolution(padding: str) -> Callable[[Drawing, Stream], Step]:
    def drawn(d: Drawing, s: Stream) -> Step:
        s.features = d.size()
        cls = layers.Conv1D
        if padding == "same":
            cls = d.rng.choice([layers.Conv1D, layers.Conv1D, layers.SeparableConv1D])
        strides = d.rng.choice([1, 1, 2]) if padding == "valid" else 1
        s.time = "changed" if padding == "valid" else s.time
        width = d.rng.choice([2, 3])
        return d.step(cls, s.features, width, padding=padding, strides=strides)

    return drawn


def changed(cls: Any, *arguments: Any, **settings: Any) -> Callable[[Drawing, Stream], Step]:
    """Draws a layer that changes the number of timesteps."""

    def drawn(d: Drawing, s: Stream) -> Step:
        s.time = "changed"
        return d.step(cls, *arguments, **settings)

    return drawn


def dense_over_time(d: Drawing, s: Stream) -> Step:
    recipes = (
        d.recipe(layers.Permute, (2, 1)),
        d.recipe(layers.Dense, d.length),
        d.recipe(layers.Permute, (2, 1)),
    )
    return Step(("Permute", "Dense", "Permute"), recipes, in_turn, layer=True)


def positions(d: Drawing, s: Stream) -> Step:
    many = d.rng.choice([POSITIONS, d.length])
    return d.step(Positions, many, passes=d.chance(0.5))


def attention_by_operators(d: Drawing, s: Stream) -> Step:
    """Attention written out; with a mask by hand where there is one."""
    masks = by_hand(d, s)

    def use(own: Sequence[Any], x: Any, mask: Any) -> Any:
        scores = ops.matmul(x, ops.transpose(x, (0, 2, 1)))
        if masks:
            scores = ops.where(mask[:, None, :], scores, -1e9)
        return ops.matmul(ops.softmax(scores), x)

    return Step(("ops.softmax", "ops.matmul"), (), use)


def attending(variant: str) -> Callable[[Drawing, Stream], Step]:
    """Draws self-attention, as it stands or in a residual block.

    Args:
        variant: "auto" leaves the mask to Keras, "causal" looks back only, "hand" hands the mask
            of keys on, "both" that of queries too, "square" forgets an axis, "inverted" the `~`.
    """

    def drawn(d: Drawing, s: Stream) -> Step:
        attention = one_attention(d, s, with_attention_mask=variant not in ("auto", "causal"))
        shape = d.rng.choice(["pre-norm", "pre-norm", "post-norm", "bare"])
        block = [layers.LayerNormalization, layers.Add] if shape != "bare" else []
        recipes = (attention, *(d.recipe(layer) for layer in block))

        def use(own: Sequence[Any], x: Any, mask: Any) -> Any:
            if shape == "bare":
                return attended(own[0], x, mask, variant)
            if shape == "pre-norm":
                return own[2]([x, attended(own[0], own[1](x), mask, variant)])
            return own[1](own[2]([x, attended(own[0], x, mask, variant)]))

        kinds = [recipe.func.__name__ for recipe in recipes]
        asked = [] if variant == "auto" else [f"attention: {variant} mask"]
        return Step((*kinds, *asked, f"attention: {shape}"), recipes, use)

    return drawn


def one_attention(d: Drawing, s: Stream, with_attention_mask: bool) -> Recipe:
    others = [] if with_attention_mask else [layers.Attention, layers.AdditiveAttention]
    kinds = [layers.MultiHeadAttention, layers.GroupQueryAttention, *others]
    kind = d.rng.choices(kinds, [3, 1.5, 1, 1][: len(kinds)])[0]
    if kind is layers.MultiHeadAttention:
        return d.recipe(kind, 2, d.rng.choice([2, 3]))
    if kind is layers.GroupQueryAttention:
        return d.recipe(kind, 2, 2, d.rng.choice([1, 2]))
    return d.recipe(kind, use_scale=d.chance(0.5))


def attended(layer: Any, x: Any, mask: Any, variant: str) -> Any:
    """Calls attention of a sequence to itself."""
    causal = {"use_causal_mask": True} if variant == "causal" else {}
    if isinstance(layer, layers.Attention):  # AdditiveAttention is one too
        return layer([x, x], **causal)
    masks = {
        "hand": lambda: mask[:, None, :],
        "both": lambda: ops.logical_and(mask[:, None, :], mask[:, :, None]),
        "square": lambda: mask,
        "inverted": lambda: ops.logical_not(mask)[:, None, :],
    }
    given = {"attention_mask": masks[variant]()} if variant in masks else {}
    return layer(x, x, **given, **causal)


# Steps look at one another. These are what padding gets in by, and are listed twice where all kinds
# are drawn from.
MIXING = [
    Kind(recurrent, ("masked", "post"), weight=3),
    Kind(partial(recurrent, backwards=True), ("masked",), weight=0.5),
    Kind(partial(recurrent, hand=True), ("hand",), "makes", by_hand, layer=False, weight=2),
    Kind(bidirectional, ("masked",), weight=2),
    Kind(partial(bidirectional, hand=True), ("hand",), "makes", by_hand, layer=False),
    Kind(one_layer_twice, ("masked", "post"), layer=False),
    Kind(attending("auto"), ("masked",), layer=False, weight=3),
    Kind(attending("causal"), ("masked", "post"), layer=False, weight=1.5),
    Kind(attending("hand"), ("hand",), when=by_hand, layer=False, weight=3),
    Kind(attending("both"), ("hand",), when=by_hand, layer=False, weight=1.5),
    Kind(attending("square"), (), when=square, layer=False, weight=20),
    Kind(attending("inverted"), (), when=by_hand, layer=False, weight=0.5),
    Kind(attention_by_operators, ("hand",), "loses", layer=False),
    Kind(layer(Centre, looks=True), ("masked",)),
    Kind(layer(RunningMean), ("masked", "post")),
    Kind(layer(WithStepBefore), ("post",), weight=0.7),
    Kind(positions, ("post",), weight=0.7),
    Kind(convolution("causal"), ("post",), "loses"),
    Kind(convolution("same"), (), "loses", weight=1.5),
    Kind(layer(layers.DepthwiseConv1D, 3, padding="same"), (), "loses", weight=0.4),
    Kind(layer(layers.MaxPooling1D, 2, 1, padding="same"), (), "loses", weight=0.5),
    Kind(layer(layers.AveragePooling1D, 2, 1, padding="same"), (), "loses", weight=0.5),
    Kind(normalization_in_groups, ()),
    Kind(layer(Centre, looks=False), (), weight=0.7),
    Kind(layer(ScaleOfBatch), (), weight=0.8),
    Kind(dense_over_time, (), "loses", fixed, weight=2),
]

# Another number of timesteps comes out.
RESIZING = [
    Kind(convolution("valid"), (), "loses"),
    Kind(changed(layers.MaxPooling1D, 2), (), "loses"),
    Kind(changed(layers.AveragePooling1D, 2), (), "loses"),
    Kind(changed(layers.UpSampling1D, 2), (), "loses"),
    Kind(changed(layers.ZeroPadding1D, 1), (), "loses"),
    Kind(changed(layers.Cropping1D, (1, 0)), (), "loses"),
    Kind(changed(layers.Cropping1D, (0, 1)), (), "loses"),
]


def inner_steps(d: Drawing, s: Stream, kinds: Sequence[Kind]) -> list[Step]:
    """One to three steps that leave the number of features as it was."""
    before = s.features
    steps = [choose(d, s, kinds) for _ in range(d.rng.choice([1, 1, 2, 3]))]
    if s.features != before:
        steps.append(d.step(layers.Dense, before))
        s.features = before
    return steps


def residual(d: Drawing, s: Stream) -> Step:
    """Some steps, and what came in beside what comes out of them."""
    inner = replace(s)
    steps = inner_steps(d, inner, POINTWISE + 2 * MIXING)
    kind = d.rng.choice(["Add", "Add", "Average", "Multiply", "Maximum", "Concatenate", "+"])
    own = recipes_of(steps)
    merge = () if kind == "+" else (d.recipe(getattr(layers, kind)),)
    s.features *= 2 if kind == "Concatenate" else 1
    s.masked = s.masked and inner.masked and kind != "+"

    def use(made: Sequence[Any], x: Any, mask: Any) -> Any:
        y = run(steps, dict(zip(own, made, strict=False)), x, mask)
        return made[-1]([x, y]) if merge else x + y

    return Step((*kinds_of(steps), kind, "residual"), (*own, *merge), use)


def model_in_model(d: Drawing, s: Stream) -> Step:
    style = d.rng.choice(["Sequential", "Functional"])
    outer, hand, features = d.style, d.hand, s.features
    # What is inside gets no mask by hand.
    d.style, d.hand = style, False
    steps = inner_steps(d, s, POINTWISE + 2 * MIXING)
    d.style, d.hand = outer, hand
    recipe = partial(nested, steps, style, (d.time(), features), name=d.name("inner_model"))
    return Step((*kinds_of(steps), f"{style} in a model"), (recipe,), in_turn, layer=True)


def layer_of_layers(d: Drawing, s: Stream) -> Step:
    """A block with or without a mask by hand, that passes masks on or not."""
    hand, outer = d.hand, d.style
    d.hand, d.style = hand and s.time == "same" and d.chance(0.6), "Block"
    steps = inner_steps(d, s, POINTWISE + 2 * MIXING)
    handed, d.hand, d.style = d.hand, hand, outer
    passes = d.chance(0.6)
    s.masked = s.masked and passes
    recipe = d.recipe(Block, steps, passes)
    if not handed:
        return Step((*kinds_of(steps), "layer of layers"), (recipe,), in_turn, layer=True)
    kinds = (*kinds_of(steps), "layer of layers", "padding_mask=")
    return Step(kinds, (recipe,), lambda own, x, mask: own[0](x, padding_mask=mask))


COMPOSED = [
    Kind(residual, ("always",), layer=False, weight=6),
    Kind(model_in_model, ("always",), weight=3),
    Kind(layer_of_layers, ("always",), weight=3),
]


def reduced(step: Callable[[Drawing, Stream], Step]) -> Callable[[Drawing, Stream], Step]:
    """Draws a step that takes the time axis away."""

    def drawn(d: Drawing, s: Stream) -> Step:
        s.time = "none"
        return step(d, s)

    return drawn


def flatten(d: Drawing, s: Stream) -> Step:
    s.features = d.size()
    recipes = (d.recipe(layers.Flatten), d.recipe(layers.Dense, s.features))
    return Step(("Flatten", "Dense"), recipes, in_turn, layer=True)


def mean_by_hand(d: Drawing, s: Stream) -> Step:
    return Step(("masked ops.mean",), (), lambda own, x, mask: mean_over_time(x, mask))


def average_by_hand(d: Drawing, s: Stream) -> Step:
    return replace(d.step(layers.GlobalAveragePooling1D), use=with_mask, layer=False)


def last_valid(d: Drawing, s: Stream) -> Step:
    """Picks the last valid step by a mask by hand."""

    def use(own: Sequence[Any], x: Any, mask: Any) -> Any:
        seen = ops.cumsum(ops.cast(mask, "int32"), axis=1)
        last = ops.logical_and(mask, ops.equal(seen, seen[:, -1:]))
        return ops.sum(x * ops.cast(last, x.dtype)[..., None], axis=1)

    return Step(("last valid step",), (), use)


LAST = partial(recurrent, sequences=False)
LAST_BOTH = partial(bidirectional, sequences=False)
REDUCING = [
    Kind(LAST, ("masked",), weight=3),
    Kind(partial(LAST, backwards=True), ("masked",), weight=0.5),
    Kind(partial(LAST, hand=True), ("hand",), when=by_hand, layer=False, weight=2),
    Kind(LAST_BOTH, ("masked",), weight=1.5),
    Kind(partial(LAST_BOTH, hand=True), ("hand",), when=by_hand, layer=False),
    Kind(reduced(layer(layers.GlobalAveragePooling1D)), ("masked",), weight=3),
    Kind(reduced(average_by_hand), ("hand",), when=by_hand, layer=False),
    Kind(reduced(mean_by_hand), ("hand",), when=by_hand, layer=False),
    Kind(reduced(last_valid), ("hand",), when=by_hand, layer=False),
    Kind(reduced(layer(MaskedMean, over_batch=False)), ("masked",), weight=1.5),
    Kind(reduced(layer(MaskedMean, over_batch=True)), (), weight=1.5),
    Kind(reduced(layer(SoftmaxPooling, masks="before")), ("masked",), weight=1.5),
    Kind(reduced(layer(SoftmaxPooling, masks="after")), (), weight=0.7),
    Kind(reduced(layer(layers.GlobalMaxPooling1D)), (), weight=2.5),
    Kind(reduced(flatten), (), when=fixed, weight=5),
    Kind(reduced(operator("x[:, 0]", lambda x: x[:, 0])), ("post",), layer=False, weight=1.5),
    Kind(reduced(operator("x[:, -1]", lambda x: x[:, -1])), ("pre",), layer=False, weight=1.5),
    Kind(reduced(operator("ops.mean", lambda x: ops.mean(x, 1))), (), layer=False),
    Kind(reduced(operator("ops.max", lambda x: ops.max(x, 1))), (), layer=False, weight=0.5),
    Kind(reduced(operator("ops.sum", lambda x: ops.sum(x, 1))), (), layer=False, weight=0.5),
]


# Vectors without a time axis.
FLAT = [
    Kind(dense, ("always",), weight=2),
    Kind(layer(layers.Dropout, 0.2), ("always",)),
    Kind(layer(layers.LayerNormalization), ("always",)),
    Kind(layer(layers.BatchNormalization), ("always",)),
    Kind(layer(layers.Activation, "relu"), ("always",)),
    Kind(layer(Scale, passes=False), ("always",), weight=0.5),
    Kind(operator("x * 2.0", lambda x: x * 2.0), ("always",), layer=False),
    Kind(layer(ScaleOfBatch), (), weight=0.8),
]


# --- Inputs, joins and heads ---------------------------------------------------------------------


def embedded(d: Drawing, name: str, group: int) -> tuple[Entrance, Stream]:
    """Ids, and the layer that looks them up."""
    masks = not d.zero and ((d.careful() and not (d.hand and d.chance(0.6))) or d.chance(0.2))
    features = d.size()
    cls = layers.ReversibleEmbedding if d.tied and d.chance(0.5) else layers.Embedding
    recipe = d.recipe(cls, VOCABULARY, features, mask_zero=masks)
    kinds: tuple[str, ...] = (cls.__name__ + " mask_zero" * masks,)
    padded = Padded("ids", "table", (recipe.keywords["name"],), group)
    steps = [Step(kinds, (recipe,), in_turn, layer=True)]
    if d.tied:
        d.table = recipe
    elif d.chance(0.1):
        inner = partial(nested, steps, "Sequential", (d.time(),), name=d.name("inner_model"))
        steps = [Step((*kinds, "Sequential in a model"), (inner,), in_turn, layer=True)]
    if d.tied or d.zero or d.chance(0.1):
        steps.append(d.step(PaddingContent))
        padded = Padded("ids", "layer", (steps[-1].recipes[0].keywords["name"],), group)
    return Entrance(name, padded, tuple(steps)), Stream(features, masked=masks)


def vectors(d: Drawing, name: str, group: int) -> tuple[Entrance, Stream]:
    """Vectors of features, with or without `Masking`."""
    features = d.size()
    if d.hand or not (d.careful() or d.chance(0.2)):
        padded = Padded("features", "values", (), group)
        return Entrance(name, padded, (), features), Stream(features)
    step = d.step(layers.Masking, mask_value=d.padding)
    padded = Padded("features", None, (), group)
    return Entrance(name, padded, (step,), features), Stream(features, masked=True)


def sequence(d: Drawing, name: str, group: int, most: int) -> tuple[Entrance, Stream]:
    """An input, and up to some steps on it."""
    enters = {"ids": embedded, "features": vectors}.get(d.sort) or d.rng.choice([embedded, vectors])
    entrance, stream = enters(d, name, group)
    some = [choose(d, stream, POINTWISE + 2 * MIXING) for _ in range(d.rng.randint(0, most))]
    return replace(entrance, steps=(*entrance.steps, *some)), stream


def as_wide(d: Drawing, s: Stream, features: int) -> tuple[Step, ...]:
    """A Dense layer, where there are not as many features as are needed."""
    if s.features == features:
        return ()
    s.features = features
    return (d.step(layers.Dense, features),)


# What is drawn of a model up to its trunk.
Start = tuple[list[Entrance], tuple[Step, ...], Stream]


def one_sequence(d: Drawing) -> Start:
    entrance, stream = sequence(d, "sequence", 0, 0)
    return [entrance], (), stream


def two_merged(d: Drawing) -> Start:
    """Two sequences of one length, made one."""
    (one, first), (two, second) = sequence(d, "first", 0, 2), sequence(d, "second", 0, 2)
    if one.features == 0 and two.features == 0 and d.chance(0.2):
        # One table for both.
        two, second = replace(one, name="second"), replace(first)
    kind = d.rng.choice([*MERGES, "Concatenate", "Concatenate", "Concatenate"])
    wide = kind in ("Concatenate", "ops.concatenate")
    if not wide:
        two = replace(two, steps=(*two.steps, *as_wide(d, second, first.features)))
    s = Stream(first.features + second.features * wide)
    s.masked = first.masked and second.masked and kind not in ("+", "ops.concatenate")
    s.time = "joined" if kind == "Concatenate in time" else "same"
    if kind == "+":
        join = Step(("+",), (), lambda own, x, masks: x[0] + x[1])
    elif kind == "ops.concatenate":
        join = Step((kind,), (), lambda own, x, masks: ops.concatenate(x, axis=-1))
    elif kind == "Concatenate in time":
        join = replace(d.step(layers.Concatenate, axis=1), kinds=(kind,))
    else:
        join = d.step(getattr(layers, kind))
    return [one, two], (join,), s


MERGES = ["Add", "Average", "Multiply", "Maximum", "Minimum", "Subtract"]
MERGES += ["+", "ops.concatenate", "Concatenate in time", "Concatenate in time"]


def encoder_and_decoder(d: Drawing) -> Start:
    """Two sequences of different lengths, of which the second looks at the first."""
    (one, encoder), (two, decoder) = sequence(d, "encoder", 0, 2), sequence(d, "decoder", 1, 2)
    kinds = [
        *(Kind(looking(encoder, decoder, cls), ("masked",)) for cls in LOOKING),
        Kind(looking(encoder, decoder, layers.MultiHeadAttention, hand=True), ("hand",)),
        Kind(written_out(encoder, decoder), ()),
        Kind(handed_state(encoder, decoder), ("masked",) * (d.side == "post"), weight=3),
        Kind(handed_state(encoder, decoder, hand=True), ("hand",), weight=2),
        Kind(context(encoder, decoder), ("always",)),
    ]
    kinds = [kind for kind in kinds if d.hand or "hand" not in kind.sound]
    join = choose(d, replace(encoder), kinds)
    return [one, two], (join,), decoder


LOOKING = [layers.MultiHeadAttention, layers.GroupQueryAttention]
LOOKING += [layers.Attention, layers.AdditiveAttention]


def looking(
    encoder: Stream, decoder: Stream, cls: Any, hand: bool = False
) -> Callable[[Drawing, Stream], Step]:
    """Draws attention of the decoder to the encoder, in a residual block."""

    def drawn(d: Drawing, s: Stream) -> Step:
        by_lists = issubclass(cls, layers.Attention)
        any_width = cls is layers.MultiHeadAttention
        widths = () if any_width else as_wide(d, encoder, decoder.features)
        sizes = {layers.MultiHeadAttention: (2, 2), layers.GroupQueryAttention: (2, 2, 1)}
        attention, add = d.recipe(cls, *sizes.get(cls, ())), d.recipe(layers.Add)

        def use(own: Sequence[Any], x: Any, masks: Any) -> Any:
            values = in_turn(own[2:], x[0], None)
            if by_lists:
                return own[1]([x[1], own[0]([x[1], values])])
            given = {"attention_mask": masks[0][:, None, :]} if hand else {}
            return own[1]([x[1], own[0](x[1], values, **given)])

        kinds = (cls.__name__, "Add", "attention: to an encoder")
        return Step(kinds, (attention, add, *recipes_of(widths)), use)

    return drawn


def written_out(encoder: Stream, decoder: Stream) -> Callable[[Drawing, Stream], Step]:
    """Draws attention to the encoder out of Dot and Softmax, which no mask reaches."""

    def drawn(d: Drawing, s: Stream) -> Step:
        widths = as_wide(d, encoder, decoder.features)
        scores, weights = d.recipe(layers.Dot, (2, 2)), d.recipe(layers.Softmax)
        seen, beside = d.recipe(layers.Dot, (2, 1)), d.recipe(layers.Concatenate)
        decoder.features *= 2
        decoder.masked = False

        def use(own: Sequence[Any], x: Any, masks: Any) -> Any:
            values = in_turn(own[4:], x[0], None)
            seen = own[2]([own[1](own[0]([x[1], values])), values])
            return own[3]([x[1], seen])

        recipes = (scores, weights, seen, beside, *recipes_of(widths))
        return Step(("Dot", "Softmax", "Dot", "Concatenate"), recipes, use)

    return drawn


def handed_state(
    encoder: Stream, decoder: Stream, hand: bool = False
) -> Callable[[Drawing, Stream], Step]:
    """Draws an encoder that hands its state to a decoder, with masks by hand or without."""

    def drawn(d: Drawing, s: Stream) -> Step:
        cls, units = d.rng.choice([layers.LSTM, layers.GRU, layers.SimpleRNN]), d.size()
        recipes = (
            d.recipe(cls, units, return_state=True),
            d.recipe(cls, units, return_sequences=True),
        )
        decoder.features = units
        decoder.masked = decoder.masked or hand

        def use(own: Sequence[Any], x: Any, masks: Any) -> Any:
            given = [{"mask": mask} if hand else {} for mask in masks]
            _, *state = own[0](x[0], **given[0])
            return own[1](x[1], initial_state=state, **given[1])

        return Step((cls.__name__, cls.__name__, "initial_state="), recipes, use)

    return drawn


def context(encoder: Stream, decoder: Stream) -> Callable[[Drawing, Stream], Step]:
    """Draws the encoder's answer, added to each step of the decoder."""

    def drawn(d: Drawing, s: Stream) -> Step:
        steps = [choose(d, encoder, REDUCING), *as_wide(d, encoder, decoder.features)]
        recipes = recipes_of(steps)
        decoder.masked = False

        def use(own: Sequence[Any], x: Any, masks: Any) -> Any:
            vector = run(steps, dict(zip(recipes, own, strict=True)), x[0], masks[0])
            return x[1] + vector[:, None]

        return Step((*kinds_of(steps), "+"), tuple(recipes), use)

    return drawn


def with_masks_by_hand(d: Drawing, entrances: list[Entrance]) -> list[Entrance]:
    """Says where the masks by hand come from: from the ids, or from inputs of their own."""
    if not d.hand:
        return entrances
    if d.sort == "ids" and not d.zero and d.chance(0.5):
        return [replace(entrance, hand="ids") for entrance in entrances]
    groups = sorted({entrance.padded.group for entrance in entrances})
    dtype = d.rng.choice(["bool", "int32"])
    masks = [
        Entrance(f"padding_mask_{group}", Padded("mask", None, (), group), dtype=dtype)
        for group in groups
    ]
    first = len(entrances)
    return [
        *(replace(entrance, hand=first + entrance.padded.group) for entrance in entrances),
        *masks,
    ]


def head(d: Drawing, stream: Stream) -> tuple[tuple[Step, ...], str]:
    """What a model ends with, and what becomes of the time axis in it."""
    s = replace(stream)
    if d.table is not None and s.time == "same":
        return tied_head(d, s, d.table), "same"
    if s.time != "joined" and d.chance(0.4):
        activation = d.rng.choice([None, "softmax"])
        last = [d.step(layers.Dense, 2, activation=activation)] if d.chance(0.6) else []
        return tuple(last), s.time
    steps = [choose(d, s, REDUCING)]
    steps += [choose(d, s, FLAT) for _ in range(d.rng.choice([0, 0, 1, 2]))]
    if d.chance(0.1):
        s.time = "changed"
        steps.append(d.step(layers.RepeatVector, d.length))
    if d.chance(0.6):
        steps.append(d.step(layers.Dense, 2))
    return tuple(steps), s.time


def tied_head(d: Drawing, s: Stream, table: Recipe) -> tuple[Step, ...]:
    """Scores of all ids, from the table that they were looked up in."""

    def use(own: Sequence[Any], x: Any, mask: Any) -> Any:
        if isinstance(own[0], layers.ReversibleEmbedding):
            return own[0](x, reverse=True)
        return ops.matmul(x, ops.transpose(own[0].embeddings))

    return (*as_wide(d, s, table.args[1]), Step(("tied embeddings",), (table,), use))


# --- Cases ---------------------------------------------------------------------------------------


def drawing(rng: random.Random) -> Drawing:
    """What a model is like, before any layer of it is drawn."""
    style = rng.choices(["Sequential", "Functional", "subclassed"], [1.5, 4, 3.5])[0]
    square = style != "Sequential" and rng.random() < 0.1
    length = rng.randint(4, 5) if square else rng.randint(4, 9)
    sort = rng.choices(["ids", "features", "mixed"], [6, 2, 1])[0]
    zero = sort == "ids" and rng.random() < 0.07
    return Drawing(
        rng,
        side=rng.choice(["pre", "post"]),
        length=length,
        batch=length if square else rng.randint(2, 5),
        careless=rng.choices([0.0, 0.3, 1.0], [0.28, 0.42, 0.3])[0],
        style=style,
        fixed=rng.random() < 0.25,
        hand=style != "Sequential" and (square or zero or rng.random() < 0.3),
        sort=sort,
        zero=zero,
        padding=rng.choice([0.0, 0.0, -1.0, 9.0]) if sort == "features" else 0.0,
    )


def planned(d: Drawing) -> tuple[Plan, list[str]]:
    """A model, and what becomes of the time axis in each of its outputs."""
    starts = [one_sequence, two_merged, encoder_and_decoder]
    start = d.rng.choices(starts, [5, 2, 3])[0] if d.style != "Sequential" else one_sequence
    d.tied = (
        start is one_sequence and d.sort == "ids" and d.chance(0.12) and d.style != "Sequential"
    )
    d.fixed = d.fixed and start is not encoder_and_decoder
    entrances, join, s = start(d)
    kinds = POINTWISE + 2 * MIXING + 2 * COMPOSED + 2 * (RESIZING if not d.tied else [])
    trunk = [choose(d, s, kinds) for _ in range(d.rng.choice([0, 1, 2, 2, 3, 3, 4, 5]))]
    many = 2 if d.style != "Sequential" and d.chance(0.2) else 1
    heads = [head(d, s) for _ in range(many)]
    plan = Plan(
        d.style,
        d.time(),
        tuple(with_masks_by_hand(d, entrances)),
        join,
        tuple(trunk),
        tuple(steps for steps, _ in heads),
        d.rng.choice(["list", "dict"]),
    )
    return plan, [ends for _, ends in heads]


def attempted(seed: int, attempt: int) -> Case:
    """A case that may not run."""
    d = drawing(random.Random(f"{seed} {attempt}"))
    plan, ends = planned(d)
    if sum(d.names.values()) > MOST_LAYERS:
        raise ValueError("too many layers")
    return case_of(d, plan, ends, np.random.default_rng([seed, attempt]))


def case_of(d: Drawing, plan: Plan, ends: Sequence[str], rng: np.random.Generator) -> Case:
    """The case of a planned model, with random inputs for it."""
    valid_of: dict[int, Any] = {}
    for group in sorted({entrance.padded.group for entrance in plan.entrances}, reverse=True):
        # The decoder has the length that the model was drawn for, the encoder another.
        steps = d.length if not valid_of else d.rng.choice([4, 5, 6, 7])
        lengths = rng.integers(1, steps + 1, d.batch)
        lengths[rng.integers(d.batch)] = rng.integers(1, steps)
        valid_of[group] = valid_steps(lengths, steps, d.side)
    tokens = tuple(range(0 if d.zero else 1, VOCABULARY))
    arrays, valids = [], []
    for entrance in plan.entrances:
        valid = valid_of[entrance.padded.group]
        shape = (*valid.shape, entrance.features) if entrance.features else valid.shape
        like = np.zeros(shape, "float32" if entrance.features else entrance.dtype)
        arrays.append(filled(valid, entrance.padded.kind, like, d.padding, tokens, rng))
        valids.append(valid)
    names = plan.names()
    # The order in which Keras flattens a dict.
    by_name = plan.structure == "dict" and len(names) > 1
    order = sorted(range(len(names)), key=names.__getitem__) if by_name else range(len(names))
    sequences = [entrance for entrance in plan.entrances if entrance.padded.kind != "mask"]
    axes: dict[str, Any] = {
        "same": list(order).index(len(sequences) - 1),
        "none": "whole",
        "changed": "changed",
    }
    return Case(
        build=partial(build_model, plan),
        inputs=plan.packed(arrays, names),
        valid=plan.packed(valids, names),
        side=d.side,
        padding=d.padding,
        padded=tuple(plan.entrances[number].padded for number in order),
        answers=tuple(axes[end] for end in ends),
        tokens=tokens,
        kinds=(d.style, *kinds_of(plan.steps())),
    )


def runnable(seed: int) -> Iterator[Case]:
    """The cases of a seed, in the order in which they are drawn, that run and answer numbers."""
    attempt = 0
    while True:
        try:
            case = attempted(seed, attempt)
            with quiet():
                runs = is_finite(answer_of(case, case.build()))
        except Exception:  # of any kind: each backend has its own for shapes that do not fit
            runs = False
        if runs:
            yield case
        attempt += 1


def random_case(seed: int) -> Case:
    """The first case of a seed that runs."""
    return next(runnable(seed))


def draw(seed: int) -> tuple[Case, Truth]:
    """The first case of a seed about which there is no doubt, and what is true of it."""
    for case in runnable(seed):
        try:
            truth = measure(case, seed)
        except NotFiniteError:
            continue
        if all(move > BEYOND_DOUBT for move in vars(truth).values() if move):
            return case, truth
    raise AssertionError("cases never end")


def main(first: int, many: int) -> None:
    """Prints what share of cases is sound, how the others leak, and what they are made of."""
    kinds: Counter[str] = Counter()
    shown: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    began = time.perf_counter()
    for seed in range(first, first + many):
        case, truth = draw(seed)
        kinds.update(set(case.kinds))
        moves = vars(truth)
        shown[" and ".join(name for name in moves if moves[name]) or "nothing moves"] += 1
        asked.update(name for name in moves if moves[name] is not None)
    seconds = (time.perf_counter() - began) / many
    print(f"{many} cases, {seconds:.2f} s each, {len(kinds)} kinds")
    for title, counted in (("what moves", shown), ("asked", asked), ("kinds", kinds)):
        counts = (f"{name} {count}" for name, count in counted.most_common())
        print(f"{title}: {', '.join(counts)}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:] or ["0", "100"]))
