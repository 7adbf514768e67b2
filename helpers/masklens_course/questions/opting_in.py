"""Questions on opting in: which layer may, which one must move the mask, and what saving keeps."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens._language import translate as _
from masklens.drawing.picture import Picture, picture_of
from masklens.drawing.table import Cell, Table, numbered, table_element
from masklens_course.answer import Raised, trying
from masklens_course.checks import Question
from masklens_course.comparison import Compared
from masklens_course.conditions import Case, Condition, Hint, Mistake, gives
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


def _changes() -> dict[str, Callable[[Any], Any]]:
    """What the six layers of the exercise compute."""
    from keras import ops

    return {
        "relu": ops.relu,
        "positions": lambda x: x + ops.cast(ops.arange(x.shape[1]), x.dtype)[:, None],
        "center": lambda x: x - ops.mean(x, axis=1, keepdims=True),
        "softmax": lambda x: ops.softmax(x, axis=-1),
        "running_sum": lambda x: ops.cumsum(x, axis=1),
        "reverse": lambda x: ops.flip(x, axis=1),
    }


def _influence(change: Callable[[Any], Any], steps: int = 4) -> NDArray[np.bool_]:
    """Replaces each timestep in turn, a row each, and says which timesteps change."""
    rng = np.random.default_rng(0)
    before = np.repeat(rng.normal(size=(1, steps, 3)), steps, axis=0).astype("float32")
    after = before.copy()
    after[range(steps), range(steps)] = rng.normal(size=(steps, 3))
    one, other = (np.asarray(change(values)) for values in (before, after))
    return np.asarray(~np.isclose(one, other, atol=1e-5).all(axis=2))


@cache
def _stays() -> dict[str, bool]:
    """For each layer, whether it computes each timestep from the same one alone."""
    changes = _changes().items()
    return {name: np.array_equal(_influence(change), np.eye(4)) for name, change in changes}


def _may_opt_in(**misjudged: bool) -> list[bool]:
    return [may != misjudged.get(name, False) for name, may in _stays().items()]


def _influence_picture(name: str) -> Callable[[Any], Picture]:
    def draw(seen: Any) -> Picture:
        caption = _("{name}: a row per replaced timestep, ■ where the output changes")
        influence = _influence(_changes()[name])
        rows = [[Cell("true" if step else "false") for step in row] for row in influence]
        head = ("", *map(str, range(len(rows))))
        return picture_of(table_element(Table(caption.format(name=name), head, numbered(rows))))

    return draw


def _about(name: str) -> tuple[Callable[[Any], bool], Callable[[Any], Picture]]:
    """How the wrong judgement of a layer is recognised, and its picture."""
    return gives(_may_opt_in, **{name: True}), _influence_picture(name)


_MAY_OPT_IN = Question(
    name="may-opt-in",
    title="Who may opt in?",
    minutes=5,
    kind="value",
    right=_may_opt_in,
    conditions=(
        Condition(
            "misjudges-many",
            "At least three of the six are wrong. Begin with one layer: replace one timestep of "
            "`x`, and look which timesteps of the output change.",
            lambda seen: seen.is_like(seen.right),
            Mistake(
                "not-six",
                "Six values are asked for, one per layer, in the order of the list.",
                lambda seen: seen.yours.shape != (6,),
            ),
            Mistake(
                "trusts-a-move",
                "`reverse` moves timesteps. Their mask would stay where it was.",
                *_about("reverse"),
            ),
            Mistake(
                "trusts-a-mean",
                "`center` takes a mean over time. Which timesteps go into it, and what if "
                "there is more padding?",
                *_about("center"),
            ),
            Mistake(
                "trusts-a-sum",
                "`running_sum` adds up all timesteps so far. If padding stands in front, "
                "what is in the sum?",
                *_about("running_sum"),
            ),
            Mistake(
                "doubts-positions",
                "`positions` treats each timestep in another way, but each one alone. Does "
                "one timestep's value go into another's?",
                *_about("positions"),
            ),
            Mistake(
                "doubts-softmax",
                "Look at the axis of `softmax`: is it time, or the features?",
                *_about("softmax"),
            ),
            Mistake(
                "doubts-relu",
                "`relu` looks at each number alone. What could it do to a timestep?",
                *_about("relu"),
            ),
            picture=lambda seen: None,  # it would give the answer away
        ),
    ),
    hints=(
        Hint("Replace one timestep of the input. Which timesteps of the output change?"),
        Hint("Time is `axis=1`. An operation along `axis=-1` stays within its timestep."),
    ),
    why=(
        "A mask stays true if each timestep comes from the same one alone. `center`, "
        "`running_sum` and `reverse` take values from other timesteps."
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
            "The values are not the zeros of the start and, behind them, those handed in.",
            LayerRun.values_agree,
            Mistake(
                "keeps-the-last",
                "The output is longer than the input. The last timestep falls off.",
                lambda seen: seen.values.yours.shape[1] == seen.given.values.shape[1] + 1,
            ),
            Mistake(
                "rolls-around",
                "The last timestep comes back in front. Zeros should stand there.",
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
                "The values have moved, and the mask stands where it stood. Whoever hands it on "
                "unchanged promises that no timestep moves.",
                lambda seen: seen.mask.is_like(seen.given.mask),
            ),
            Mistake(
                "mask-rolls-around",
                "The mask of the last timestep comes back in front, but the values of that "
                "timestep are gone. What stands in front now?",
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
            "`keras.ops.zeros_like(inputs[:, :1])` has the right shape, on symbolic tensors, too."
        ),
    ),
    why=(
        "The values move, so the mask has to move with them. What is new in front has no mask "
        "yet: the start is read, so it is True."
    ),
)


def _ids_to_skip(random: np.random.Generator) -> Iterator[Case]:
    def skipping(ids: Any, *skipped: int, way: Any = "arrays") -> Case:
        return (LayerCall((np.array(ids),), (np.array(skipped),), way),)

    yield skipping([[14, 1, 27, 0], [1, 3, 0, 0]], 0, 1)
    yield skipping([[2, 14, 0, 5]], 0, 2, way="loaded")
    yield skipping(random.integers(0, 6, (2, 7)), 0, 1, 2, way="model")
    yield skipping([random.permutation([9, 9, 0, 1, 5])], 9)
    yield skipping([random.permutation(10)], 8, 0, 3)
    yield skipping([[0], [1], [7]], 0, 1)
    yield skipping([[2**24, 2**24 + 1, 2**31 - 1]], 2**24)


def _skipped(call: LayerCall) -> tuple[Masked, ...]:
    (given,), (skipped,) = call.given, call.made_with
    return (Masked(given.values, ~np.isin(given.values, skipped)),)


@dataclass(frozen=True)
class _Reloaded(LayerRun):
    """What the layer gives before it is saved, and after it is loaded.

    Attributes:
        saved: What was raised while a model of it was saved, or None.
        loaded: The model that was loaded, or what was raised.
        after: What the loaded model gives, or what was raised while it was called.
    """

    saved: Any = None
    loaded: Any = None
    after: tuple[Masked, ...] | Raised | None = None

    @property
    def yours(self) -> Any:
        """What came, for an example."""
        return super().yours if self.after is None else self.after

    def remembers(self) -> bool:
        return self.after is not None and masks_agree(self.after, self.outputs)

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
    layer, loaded, after = make(answer, *call.made_with), None, None
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
    return _Reloaded(**ran, saved=saved, loaded=loaded, after=after)


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
    minutes=15,
    kind="class",
    cases=_ids_to_skip,
    right=_skipped,
    observe=_reload,
    conditions=(
        Condition(
            "changes-the-ids",
            "The ids that come out are not those that were handed in. Only mask them.",
            LayerRun.values_agree,
            picture=LayerRun.picture,
        ),
        Condition(
            "wrong-mask",
            "The mask is not False just where one of the ids to skip stands.",
            LayerRun.masks_agree,
            *MASK_MISTAKES,
            *WITHOUT_A_MASK.mistakes,
            Mistake(
                "skips-padding-only",
                "Only the id 0 is skipped. Others were handed over as well.",
                lambda seen: seen.mask.is_like(seen.given.values != 0),
            ),
            picture=LayerRun.picture,
        ),
        IN_A_MODEL,
        Condition(
            "forgets-its-ids",
            "The model is saved and loaded without an error, and then its mask is another one. "
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
    ),
    hints=(
        Hint(
            "First the mask: `keras.ops.not_equal` compares each id with an id to skip.",
            "wrong-mask",
            "skips-padding-only",
            "changes-the-ids",
        ),
        Hint(
            "`get_config` returns a dictionary with which `__init__` can be called again. What "
            "does `__init__` take, and what does Keras add?",
            "forgets-its-ids",
            "cannot-be-loaded",
        ),
        Hint(
            "Whatever `get_config` returns is written as JSON: numbers, texts and lists.",
            "cannot-be-saved",
            "saves-an-array",
        ),
    ),
    why=(
        "A saved layer is made anew from what `get_config` returned. What is not in there is "
        "lost, and an array has to become a list. Nothing would tell you that the mask has "
        "changed."
    ),
)

QUESTIONS = (_MAY_OPT_IN, _SHIFT_RIGHT, _SKIP_IDS)
