"""Questions on opting in: a test of who may, a layer that must move the mask, and one to save."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from masklens.drawing.picture import Picture
from masklens_course.answer import Raised, trying
from masklens_course.checks import Question
from masklens_course.comparison import Compared
from masklens_course.conditions import Case, Condition, Hint, Mistake
from masklens_course.layers_to_test import (
    Judgements,
    LayersToTest,
    LayerToTest,
    falls_for,
    judgements,
    lambda_layer,
)
from masklens_course.own_layers import (
    IN_A_MODEL,
    MASK_MISTAKES,
    ODD_VECTORS,
    WITHOUT_A_MASK,
    Embedded,
    LayerCall,
    LayerRun,
    Masked,
    draw_ids,
    error_picture,
    layer_run,
    make,
    masks_agree,
    on_arrays,
    symbolic_call,
)

_POSITIONS = lambda_layer(
    "x + keras.ops.cast(keras.ops.arange(x.shape[1]), x.dtype)[:, None]", True, "position"
)
_EVERY_SECOND = lambda_layer(
    "x * (1 + keras.ops.cast(keras.ops.arange(x.shape[1]) % 2, x.dtype))[:, None]", True, "position"
)
_SOFTMAX = LayerToTest("keras.layers.Softmax()", True, "features")
_NORM = LayerToTest("keras.layers.LayerNormalization()", True)
_REVERSE = lambda_layer("keras.ops.flip(x, axis=1)", False)
_LOOKS_FAR_BACK = lambda_layer(
    "x + keras.ops.pad(x, [[0, 0], [8, 0], [0, 0]])[:, : x.shape[1]]", False, "far"
)
_SUMS_WHAT_FOLLOWS = lambda_layer(
    "keras.ops.flip(keras.ops.cumsum(keras.ops.flip(x, axis=1), axis=1), axis=1)", False
)
_SWAPS_THE_LAST = lambda_layer(
    "keras.ops.concatenate([x[:, :-2], x[:, -1:], x[:, -2:-1]], axis=1)", False, "last"
)
_ADDS_A_LITTLE = lambda_layer("x + 0.02 * keras.ops.mean(x, axis=1, keepdims=True)", False, "small")
_ADDS_NEGATIVES = lambda_layer(
    "x + keras.ops.mean(keras.ops.minimum(x, 0), axis=1, keepdims=True)", False, "negative"
)
_GATE = lambda_layer(
    "x * keras.ops.sigmoid(keras.ops.mean(x, axis=1, keepdims=True))", False, "still"
)
_SUMS_SHARES = lambda_layer("keras.ops.cumsum(keras.ops.softmax(x), axis=1)", False, "still")
_SUMS_ONE_FEATURE = lambda_layer(
    "keras.ops.concatenate([x[:, :, :-1], keras.ops.cumsum(x[:, :, -1:], axis=1)], axis=2)",
    *(False, "feature"),
)
_SCALES_AND_BACK = lambda_layer(
    "x / (1 + keras.ops.std(x)) * (1000 + 1000 * keras.ops.std(x))", True, "rounding"
)

# The layers that are shown, then groups that nobody sees, each with one that is shown.
_LAYERS = (
    (
        *(_POSITIONS, _SOFTMAX),
        lambda_layer("x - keras.ops.mean(x, axis=1, keepdims=True)", False),
        lambda_layer("keras.ops.cumsum(x, axis=1)", False),
        _REVERSE,
    ),
    (
        *(_LOOKS_FAR_BACK, LayerToTest("keras.layers.GroupNormalization(groups=1)", False)),
        *(_REVERSE, _EVERY_SECOND, lambda_layer("keras.ops.relu(x)", True)),
    ),
    (
        *(_SUMS_WHAT_FOLLOWS, lambda_layer("keras.ops.roll(x, 1, axis=1)", False)),
        *(_REVERSE, _NORM, lambda_layer("3 * x", True)),
    ),
    (
        _SWAPS_THE_LAST,
        LayerToTest('keras.layers.AveragePooling1D(3, strides=1, padding="same")', False),
        *(_REVERSE, _POSITIONS, LayerToTest('keras.layers.Activation("gelu")', True)),
    ),
    (
        *(_ADDS_A_LITTLE, LayerToTest("keras.layers.Softmax(axis=1)", False), _REVERSE),
        lambda_layer('keras.ops.cast(x, "float16")', True, "dtype"),
        lambda_layer("keras.ops.tanh(x)", True),
    ),
    (
        *(_ADDS_NEGATIVES, lambda_layer("keras.ops.sort(x, axis=1)", False)),
        *(_REVERSE, _NORM, lambda_layer("x - 1", True)),
    ),
    (_GATE, _SUMS_SHARES, _REVERSE, _SOFTMAX, lambda_layer("keras.ops.square(x)", True)),
    (_SUMS_ONE_FEATURE, _REVERSE, _SCALES_AND_BACK, _EVERY_SECOND),
)


def _layers_to_test(random: np.random.Generator) -> list[Case]:
    return [(LayersToTest(group),) for group in _LAYERS]


_TEST_A_LAYER = Question(
    name="test-a-layer",
    title="Test a layer",
    minutes=15,
    kind="function",
    cases=_layers_to_test,
    right=lambda case: case.sound,
    observe=judgements,
    conditions=(
        Condition(
            "not-one-value",
            "Return one True or False for the whole layer, not one for each timestep.",
            Judgements.gives_one_value_each,
            picture=lambda seen: None,
        ),
        Condition(
            "lets-a-fault-through",
            "It returns True for a layer in which a timestep changes another one. Does it replace "
            "each timestep in turn, and look at all the others?",
            lambda seen: not seen.passed_faults,
            Mistake(
                "too-few-timesteps",
                "The sequence that it tests with is too short. In this layer, a timestep changes "
                "the one 8 later, if there is one.",
                falls_for("far"),
            ),
            Mistake(
                "leaves-out-timesteps",
                "It does not replace every timestep. In this layer only some change another one. "
                "Replace each in turn, from the first to the last.",
                falls_for("last"),
            ),
            Mistake(
                "overlooks-a-feature",
                "It overlooks that a single feature changes. In this layer, that is the last one.",
                falls_for("feature"),
            ),
            Mistake(
                "overlooks-a-little",
                "Its tolerance is too large. In this layer the other timesteps change by little "
                "more than a thousandth.",
                falls_for("small"),
            ),
            Mistake(
                "only-positive",
                "It tests with positive numbers only. In this layer, only negative numbers get "
                "into other timesteps.",
                falls_for("negative"),
            ),
            Mistake(
                "nothing-to-move",
                "Its numbers hide the fault of this layer: many are 0, or all features change by "
                "the same amount. Draw each number at random, including those that you put in.",
                falls_for("still"),
            ),
            Mistake(
                "looks-one-way",
                "It overlooks that a timestep changes those after it, or those before it. Replace "
                "each timestep in turn, and look on both sides of it.",
                Judgements.misses_one_direction,
            ),
            Mistake(
                "swaps-true-and-false",
                "True and False are swapped: True means that the layer may pass its mask on.",
                lambda seen: seen.lets_all_faults_through() and seen.doubts_all(),
            ),
            Mistake(
                "passes-everything",
                "It returns True for every layer, even for one like this. The shape and the "
                "dtype say nothing: compare the numbers of two outputs.",
                lambda seen: seen.lets_all_faults_through() and not seen.doubted,
            ),
            picture=Judgements.picture,
        ),
        Condition(
            "doubts-a-sound-layer",
            "It returns False for a layer in which no timestep changes another one. What does it "
            "compare, and why does that differ?",
            lambda seen: not seen.doubted,
            Mistake(
                "doubts-positions",
                "It returns False for a layer that treats each timestep in its own way. That is "
                "allowed, as long as the value of one timestep does not get into another one.",
                falls_for("position"),
            ),
            Mistake(
                "doubts-features",
                "It returns False for a layer that mixes the features of a timestep. A mask says "
                "nothing about features: replace a timestep as a whole, and compare the others.",
                falls_for("features"),
            ),
            Mistake(
                "minds-the-dtype",
                "It returns False for a layer that returns another dtype. Compare two outputs of "
                "the layer with one another, not with the input.",
                falls_for("dtype"),
            ),
            Mistake(
                "minds-rounding",
                "It takes rounding for a change. What this layer takes from other timesteps "
                "cancels out, but not to the last digit. Use finite numbers, and compare with a "
                "tolerance that grows with what comes out.",
                falls_for("rounding"),
            ),
            Mistake(
                "doubts-everything",
                "It returns False for every layer, even for the sound ones. Compare two outputs "
                "of the layer, and leave out the timestep that you have replaced.",
                Judgements.doubts_all,
            ),
            picture=Judgements.picture,
        ),
    ),
    hints=(
        Hint(
            "Call the layer twice, and replace one timestep in between. Which timesteps of the "
            "output may differ?",
            "lets-a-fault-through",
            "passes-everything",
            "swaps-true-and-false",
            "doubts-everything",
            "not-one-value",
        ),
        Hint(
            "The lesson has such a test where it gives the rule. Which of the faults that the "
            "task lists would it miss?",
            "too-few-timesteps",
            "leaves-out-timesteps",
            "looks-one-way",
        ),
        Hint(
            "The numbers that you use decide what you see. Are they all different, and are some "
            "of them negative?",
            "only-positive",
            "nothing-to-move",
        ),
        Hint(
            "Each timestep is replaced in turn, and the others are compared. `np.isclose` has "
            "one tolerance that grows with the numbers, `rtol`, and one that does not, `atol`.",
            "overlooks-a-little",
            "overlooks-a-feature",
            "minds-rounding",
        ),
        Hint(
            "Compare what the layer returns before with what it returns after, and leave out the "
            "timestep that you have replaced.",
            "doubts-a-sound-layer",
            "doubts-positions",
            "doubts-features",
            "minds-the-dtype",
        ),
    ),
    why=(
        "A layer that does not use the mask may pass it on if each timestep of the output is "
        "computed from the same timestep of the input alone. To find out, replace each timestep "
        "in turn, with numbers that hide nothing, and compare all the others."
    ),
)


def _translations(random: np.random.Generator) -> Iterator[Case]:
    yield (LayerCall((Embedded(np.array([[34, 7, 51, 0], [9, 62, 15, 88], [0, 23, 4, 70]]), 4),)),)
    time = int(random.integers(6, 9))
    yield (LayerCall((Embedded(draw_ids(random, 2, time), 1),), way="model"),)
    yield (LayerCall((random.normal(size=(1, 3, 2)).round(2),)),)
    yield (LayerCall((Embedded(np.array([[0, 2, 1, 3, 0]]), 2, ODD_VECTORS),)),)
    yield (LayerCall((Embedded(np.array([[0, 0, 0]]), 3),)),)
    yield (LayerCall((Embedded(np.array([[5], [8]]), 2),)),)


def _shifted(call: LayerCall, start: bool = True) -> tuple[Masked, ...]:
    (given,) = call.given
    values = np.pad(given.values[:, :-1], [(0, 0), (1, 0), (0, 0)])
    mask = np.pad(given.sure_mask[:, :-1], [(0, 0), (1, 0)], constant_values=start)
    return (Masked(values, None if given.mask is None else mask),)


_SHIFT_RIGHT = Question(
    name="shift-right",
    title="Shift what the decoder reads",
    minutes=10,
    kind="class",
    cases=_translations,
    right=_shifted,
    observe=layer_run(_shifted),
    conditions=(
        Condition(
            "wrong-values",
            "The values are not the zeros of the start followed by those of the input.",
            LayerRun.values_agree,
            Mistake(
                "keeps-the-last",
                "The output is longer than the input. The last timestep falls off.",
                lambda seen: seen.values.yours.shape[1] == seen.given.values.shape[1] + 1,
            ),
            Mistake(
                "rolls-around",
                "The last timestep comes back in front. Zeros should be there.",
                lambda seen: seen.values.is_like(np.roll(seen.given.values, 1, axis=1)),
            ),
            picture=LayerRun.picture,
        ),
        Condition(
            "wrong-mask",
            "The mask does not move with the values, or is wrong at the start.",
            LayerRun.masks_agree,
            *MASK_MISTAKES,
            Mistake(
                "skips-the-start",
                "The start is skipped. A decoder reads it first: its mask is True.",
                lambda seen: seen.mask.is_like(_shifted(seen.call, start=False)[0].mask),
            ),
            Mistake(
                "mask-stands-still",
                "The values have moved, but the mask has not. Passing it on unchanged promises "
                "that no timestep moves.",
                lambda seen: seen.mask.is_like(seen.given.mask),
            ),
            Mistake(
                "mask-rolls-around",
                "The mask of the last timestep comes back in front, but the values of that "
                "timestep are gone. What is in front now?",
                lambda seen: seen.mask.is_like(np.roll(seen.given.sure_mask, 1, axis=1)),
            ),
            picture=LayerRun.picture,
            when=lambda call: call.masks,
        ),
        WITHOUT_A_MASK,
        IN_A_MODEL,
    ),
    hints=(
        Hint(
            "Draw a row of four timesteps before and after. What is its mask before and after?",
            "wrong-mask",
            "skips-the-start",
            "mask-stands-still",
            "mask-rolls-around",
        ),
        Hint(
            "Put something in front of `inputs[:, :-1]`, and of `mask[:, :-1]`.",
            "wrong-values",
            "keeps-the-last",
            "rolls-around",
        ),
        Hint(
            "`keras.ops.zeros_like(inputs[:, :1])` has the right shape, even on symbolic tensors."
        ),
    ),
    why=(
        "The values move, so the mask has to move with them. What is new in front has no mask "
        "yet: the start is read, so it is True."
    ),
)


def _ids_to_skip(random: np.random.Generator) -> Iterator[Case]:
    def skipping(ids: Any, *skipped: int, way: Any = "arrays", name: str = "") -> Case:
        return (LayerCall((np.array(ids),), (np.array(skipped),), way, name),)

    yield skipping([[14, 1, 27, 0], [1, 3, 0, 0]], 0, 1)
    yield skipping([[2, 14, 0, 5]], 0, 2, way="loaded", name="words_to_read")
    yield skipping(random.integers(0, 6, (2, 7)), 0, 1, 2, way="model")
    yield skipping([random.permutation([9, 9, 0, 1, 5])], 9)
    yield skipping([random.permutation(10)], 8, 0, 3)
    yield skipping([[2**24, 2**24 + 1, 2**31 - 1]], 2**24)


def _skipped(call: LayerCall) -> tuple[Masked, ...]:
    (given,), (skipped,) = call.given, call.made_with
    return (Masked(given.values, ~np.isin(given.values, skipped)),)


@dataclass(frozen=True)
class _Reloaded(LayerRun):
    """What the layer gives before it is saved, and after it is loaded.

    Attributes:
        named: The layer with a name, or what was raised while it was made.
        saved: What was raised while a model of it was saved, or None.
        loaded: The model that was loaded, or what was raised.
        after: What the loaded model gives, or what was raised while it was called.
    """

    named: Any = None
    saved: Any = None
    loaded: Any = None
    after: tuple[Masked, ...] | Raised | None = None

    @property
    def yours(self) -> Any:
        """What came, for an example."""
        return super().yours if self.after is None else self.after

    def remembers(self) -> bool:
        return self.after is not None and masks_agree(self.after, self.outputs)

    def keeps_its_name(self) -> bool:
        if self.loaded is None:  # no model to save, as another case says
            return True
        return self.call.name in (layer.name for layer in self.loaded.layers)

    def after_picture(self) -> Picture | None:
        for raised in (self.saved, self.loaded):
            if isinstance(raised, Raised):
                return error_picture(_reason(raised))
        if isinstance(self.after, Raised | None):
            return error_picture(self.after)
        return Compared(self.after[0].mask, self.mask.right).picture()


def _reload(answer: Any, call: LayerCall) -> _Reloaded:
    ran = vars(layer_run(_skipped)(answer, call))
    if call.way != "loaded":
        return _Reloaded(**ran)
    named, loaded, after = trying(make, answer, *call.made_with, name=call.name), None, None
    # One that takes no name may be saved and loaded all the same.
    layer = make(answer, *call.made_with) if isinstance(named, Raised) else named
    if isinstance(trying(symbolic_call, layer, *call.inputs), Raised):
        return _Reloaded(**ran, after=ran["outputs"])  # no model to save, as another case says
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        saved = trying(_save, path, layer, call)
        make(answer, call.made_with[0] + 1)  # so that no attribute of the class remembers
        if not isinstance(saved, Raised):
            loaded = trying(_load, path, answer)
            if not isinstance(loaded, Raised):
                after = trying(on_arrays, loaded, *call.given)
    return _Reloaded(**ran, named=named, saved=saved, loaded=loaded, after=after)


def _save(path: Path, layer: Any, call: LayerCall) -> None:
    import keras

    keras.Model(*symbolic_call(layer, *call.inputs)).save(path)


def _reason(raised: Raised) -> Raised:
    """What the layer's own class has raised: Keras puts its words at the end of a long message."""
    _said, found, reason = str(raised.error).rpartition("Exception encountered: ")
    return Raised(type(raised.error)(reason)) if found else raised


def _load(path: Path, answer: Any) -> Any:
    import keras

    return keras.models.load_model(path, custom_objects={answer.__name__: answer})


_SKIP_IDS = Question(
    name="skip-ids",
    title="Save a model, and its mask with it",
    minutes=10,
    kind="class",
    cases=_ids_to_skip,
    right=_skipped,
    observe=_reload,
    conditions=(
        Condition(
            "changes-the-ids",
            "The ids that come out are not those that were passed in. Mask them, and change "
            "nothing else.",
            LayerRun.values_agree,
            picture=LayerRun.picture,
        ),
        Condition(
            "wrong-mask",
            "The mask should be False exactly where there is one of the ids to skip. Does "
            "`self.skip` hold what the layer was made with?",
            LayerRun.masks_agree,
            Mistake(
                "skips-padding-only",
                "Only the id 0 is skipped. There are more ids to skip.",
                lambda seen: seen.mask.is_like(seen.given.values != 0),
            ),
            picture=LayerRun.picture,
        ),
        IN_A_MODEL,
        Condition(
            "forgets-its-ids",
            "The model is saved and loaded without an error, and then its mask is different. "
            "What does the layer not remember? `get_config` says what is saved.",
            _Reloaded.remembers,
            Mistake(
                "cannot-be-saved",
                "`model.save` fails. Keras knows by itself how to save numbers and texts that a "
                "layer is made with, but not an array: that is for `get_config`.",
                lambda seen: isinstance(seen.saved, Raised),
            ),
            Mistake(
                "cannot-be-loaded",
                "`load_model` fails. Keras calls the class with what `get_config` gave it, `name` "
                "and `dtype` included: is all there, and does `__init__` take it?",
                lambda seen: isinstance(seen.loaded, Raised),
            ),
            Mistake(
                "saves-an-array",
                "The model is loaded, but fails when it is called: an array does not come back as "
                "an array. Let `get_config` return a list of numbers.",
                lambda seen: isinstance(seen.after, Raised),
            ),
            picture=_Reloaded.after_picture,
            when=lambda call: call.way == "loaded",
        ),
        Condition(
            "forgets-its-name",
            "In the loaded model the layer has another name, and `model.get_layer` does not find "
            "it. Does `__init__` pass `name` on to Keras, and does `get_config` return it?",
            _Reloaded.keeps_its_name,
            Mistake(
                "takes-no-name",
                "It cannot be made with a `name`, as other layers can. Let `__init__` take what "
                "every layer takes, and pass it on to Keras.",
                lambda seen: isinstance(seen.named, Raised),
            ),
            picture=lambda seen: error_picture(seen.named),
            when=lambda call: call.way == "loaded",
        ),
    ),
    hints=(
        Hint(
            "The layer is made twice: by you, and by Keras when the model is loaded. With what "
            "each time?",
            "forgets-its-name",
            "takes-no-name",
            "cannot-be-loaded",
        ),
        Hint(
            "`get_config` returns a dictionary with which `__init__` can be called again: all "
            "that the one of `keras.layers.Layer` returns, and one more entry.",
            "forgets-its-ids",
        ),
        Hint(
            "The name of that entry is the name of the argument. An array cannot be saved, but a "
            "list can.",
            "cannot-be-saved",
            "saves-an-array",
        ),
        Hint(
            "`compute_mask` compares with `self.skip`. Keep in it what the layer is made with, "
            "as an array.",
            "wrong-mask",
            "skips-padding-only",
            "changes-the-ids",
        ),
    ),
    why=(
        "A saved layer is made anew from what `get_config` returned. What is not in there is "
        "lost, and an array has to become a list. No error would tell you that the mask has "
        "changed."
    ),
)

QUESTIONS = (_TEST_A_LAYER, _SHIFT_RIGHT, _SKIP_IDS)
