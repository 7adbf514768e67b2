"""Questions on opting in: which layer may, which one must move the mask, and what saving keeps."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens._language import translate as _
from masklens.drawing.picture import Picture, picture_of
from masklens.drawing.table import Cell, Table, numbered, table_element
from masklens_course.answer import Raised, numbers, same, trying
from masklens_course.checks import Condition, Mistake, Question
from masklens_course.comparison import Compared
from masklens_course.mistakes import INVERTED, MASK_LOST, NOT_BOOLEAN, THIRD_AXIS
from masklens_course.own_layers import (
    IN_A_MODEL,
    WITHOUT_A_MASK,
    LayerRuns,
    Masked,
    error_picture,
    in_model,
    make,
    masks_agree,
    on_arrays,
    run,
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


@dataclass(frozen=True)
class _Judged:
    """Which layers the learner lets opt in, and what each of them does to timesteps."""

    yours: NDArray[Any]
    influence: dict[str, NDArray[np.bool_]]

    @property
    def right(self) -> list[bool]:
        return [np.array_equal(matrix, np.eye(len(matrix))) for matrix in self.influence.values()]

    def misjudges(self, name: str) -> bool:
        place = list(self.influence).index(name)
        return bool(self.yours[place] != self.right[place])

    def picture(self, name: str) -> Picture:
        caption = _("{name}: a row per replaced timestep, ■ where the output changes")
        rows = [[Cell("true" if s else "false") for s in row] for row in self.influence[name]]
        head = ("", *map(str, range(len(rows))))
        table = Table(caption.format(name=name), head, numbered(rows))
        return picture_of(table_element(table))


def _about(name: str) -> tuple[Callable[[_Judged], bool], Callable[[_Judged], Picture]]:
    """How the wrong judgement of a layer is recognised, and its picture."""
    return lambda seen: seen.misjudges(name), lambda seen: seen.picture(name)


_MAY_OPT_IN = Question(
    name="may-opt-in",
    title="Who may opt in?",
    minutes=5,
    kind="value",
    observe=lambda answer: _Judged(
        numbers(answer), {name: _influence(change) for name, change in _changes().items()}
    ),
    conditions=(
        Condition(
            "misjudges-relu",
            "`relu` looks at each number alone. What could it do to a timestep?",
            lambda seen: same(seen.yours, seen.right),
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
        ),
    ),
    hints=(
        "Replace one timestep of the input. Which timesteps of the output change?",
        "Time is `axis=1`. An operation along `axis=-1` stays within its timestep.",
    ),
    why=(
        "A mask stays true if each timestep comes from the same one alone. `center`, "
        "`running_sum` and `reverse` take values from other timesteps."
    ),
)

_TARGET = Masked(
    np.arange(24, dtype="float32").reshape(3, 4, 2) / 10 + 0.1,
    np.array([[True, True, True, False], [True] * 4, [False, True, True, True]]),
)


def _shifted(given: Masked, front: float = 0, read: bool = True) -> Masked:
    values = np.pad(given.values[:, :-1], [(0, 0), (1, 0), (0, 0)], constant_values=front)
    return Masked(values, np.pad(given.sure_mask[:, :-1], [(0, 0), (1, 0)], constant_values=read))


_SHIFT_RIGHT = Question(
    name="shift-right",
    title="Shift what the decoder reads",
    minutes=10,
    kind="class",
    observe=lambda answer: run(make(answer), (_shifted(_TARGET),), _TARGET),
    conditions=(
        Condition(
            "wrong-values",
            "The values are not the zeros of the start and, behind them, those handed in.",
            LayerRuns.values_agree,
            Mistake(
                "keeps-the-last",
                "The output is longer than the input. The last timestep falls off.",
                lambda seen: seen.values.yours.shape[1:2] == (5,),
            ),
            Mistake(
                "rolls-around",
                "The last timestep comes back in front. Zeros should stand there.",
                lambda seen: seen.values.is_like(np.roll(_TARGET.values, 1, axis=1)),
            ),
        ),
        Condition(
            "wrong-mask",
            "The mask does not move with the values, or is wrong at the start.",
            LayerRuns.masks_agree,
            MASK_LOST.of("mask"),
            NOT_BOOLEAN.of("mask"),
            Mistake(
                "mask-stands-still",
                "The values have moved, and the mask stands where it stood. Whoever hands it on "
                "unchanged promises that no timestep moves.",
                lambda seen: seen.mask.is_like(_TARGET.mask),
            ),
            Mistake(
                "mask-rolls-around",
                "The mask of the last timestep comes back in front, but the values of that "
                "timestep are gone. What stands in front now?",
                lambda seen: seen.mask.is_like(np.roll(_TARGET.sure_mask, 1, axis=1)),
            ),
            Mistake(
                "skips-the-start",
                "The start is skipped. A decoder reads it first: its mask is True.",
                lambda seen: seen.mask.is_like(_shifted(_TARGET, read=False).mask),
            ),
            picture=LayerRuns.wrong_mask_picture,
        ),
        WITHOUT_A_MASK,
        IN_A_MODEL,
    ),
    hints=(
        "Draw a row of four timesteps before and after. What is its mask before and after?",
        "Put something in front of `inputs[:, :-1]`, and of `mask[:, :-1]`.",
        "`keras.ops.zeros_like(inputs[:, :1])` has the right shape, on symbolic tensors, too.",
    ),
    why=(
        "The values move, so the mask has to move with them. What is new in front has no mask "
        "yet: the start is read, so it is True."
    ),
)

_TOKENS = Masked(np.array([[4, 1, 7, 0], [1, 3, 0, 0], [2, 9, 8, 6]], "int32"))
_SKIPPED = np.array([0, 1])


@dataclass(frozen=True)
class _Reloaded(LayerRuns):
    """What the layer gives before it is saved, and after it is loaded.

    Attributes:
        saved: What was raised while a model of it was saved, or None.
        loaded: The model that was loaded, or what was raised.
        after: What the loaded model gives, or what was raised while it was called.
    """

    saved: Any
    loaded: Any
    after: tuple[Masked, ...] | Raised | None

    def remembers(self) -> bool:
        return self.after is not None and masks_agree(self.after, self.outputs)

    def after_picture(self) -> Picture | None:
        after = self.after[0].mask if isinstance(self.after, tuple) else None
        return Compared(after, self.mask.yours).picture()


def _reload(answer: Any) -> _Reloaded:
    layer = make(answer, _SKIPPED.copy())
    outputs, symbolic = on_arrays(layer, _TOKENS), trying(in_model, layer, _TOKENS)
    right = Masked(_TOKENS.values, ~np.isin(_TOKENS.values, _SKIPPED))
    loaded = after = None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        saved = trying(_save, path, layer)
        if not isinstance(saved, Raised):
            loaded = trying(_load, path, answer)
            if not isinstance(loaded, Raised):
                after = trying(on_arrays, loaded, _TOKENS)
    # Ids carry no mask, so that the layer gives the same without one.
    return _Reloaded(outputs, (right,), outputs, symbolic, saved, loaded, after)


def _save(path: Path, layer: Any) -> None:
    import keras

    ids = keras.Input(_TOKENS.values.shape[1:], dtype="int32")
    keras.Model(ids, layer(ids)).save(path)


def _reason(raised: Raised) -> Raised:
    """What the layer's own class has raised: Keras puts its words at the end of a long message."""
    reason = str(raised.error).rpartition("Exception encountered: ")[2]
    return Raised(type(raised.error)(reason))


def _load(path: Path, answer: Any) -> Any:
    import keras

    return keras.models.load_model(path, custom_objects={answer.__name__: answer})


_SKIP_IDS = Question(
    name="skip-ids",
    title="Save a model, and its mask with it",
    minutes=15,
    kind="class",
    observe=_reload,
    conditions=(
        Condition(
            "changes-the-ids",
            "The ids that come out are not those that were handed in. Only mask them.",
            LayerRuns.values_agree,
        ),
        Condition(
            "wrong-mask",
            "The mask is not False just where one of the ids to skip stands.",
            LayerRuns.masks_agree,
            MASK_LOST.of("mask"),
            THIRD_AXIS.of("mask"),
            NOT_BOOLEAN.of("mask"),
            INVERTED.of("mask"),
            Mistake(
                "skips-padding-only",
                "Only the id 0 is skipped. Others were handed over as well.",
                lambda seen: seen.mask.is_like(_TOKENS.values != 0),
            ),
            picture=LayerRuns.wrong_mask_picture,
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
                lambda seen: error_picture(seen.saved),
            ),
            Mistake(
                "cannot-be-loaded",
                "`load_model` fails. Keras calls the class with what `get_config` gave it, `name` "
                "and `dtype` included: is all there, and does `__init__` take it?",
                lambda seen: isinstance(seen.loaded, Raised),
                lambda seen: error_picture(_reason(seen.loaded)),
            ),
            Mistake(
                "saves-an-array",
                "The model is loaded, but fails when it is called: an array does not come back as "
                "an array. Let `get_config` return a list of numbers.",
                lambda seen: isinstance(seen.after, Raised),
                lambda seen: error_picture(seen.after),
            ),
            picture=_Reloaded.after_picture,
        ),
    ),
    hints=(
        "First the mask: `keras.ops.not_equal` compares each id with an id to skip.",
        "`get_config` returns a dictionary with which `__init__` can be called again.",
        'Return `{**super().get_config(), "skip": self.skip.tolist()}`.',
    ),
    why=(
        "A saved layer is made anew from what `get_config` returned. What is not in there is "
        "lost, and an array has to become a list. Nothing would tell you that the mask has "
        "changed."
    ),
)

QUESTIONS = (_MAY_OPT_IN, _SHIFT_RIGHT, _SKIP_IDS)
