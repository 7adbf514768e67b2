"""Questions on layers that change time: one cuts it, one joins two, one makes it half as long."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens.drawing.picture import Picture
from masklens_course.answer import Raised, same, trying
from masklens_course.checks import Condition, Mistake, Question
from masklens_course.comparison import Compared
from masklens_course.mistakes import MASK_LOST, NOT_BOOLEAN, THIRD_AXIS, WRONG_SHAPE
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


def _sequences(rows: list[str], first: float = 0.1) -> Masked:
    """Values that are all different, with a mask that is written as in "110": a 1 is True."""
    mask = np.array([[step == "1" for step in row] for row in rows])
    values = first + np.arange(2 * mask.size, dtype="float32") / 10
    return Masked(values.reshape(*mask.shape, 2), mask)


_TITLE_STEPS = 2
_ARTICLES = _sequences(["101110", "111111", "110100"])


def _cut(given: Masked, steps: int) -> tuple[Masked, ...]:
    parts = slice(None, steps), slice(steps, None)
    return tuple(Masked(given.values[:, part], given.sure_mask[:, part]) for part in parts)


def _masks_lost(seen: LayerRuns) -> int:
    return sum(output.mask is None for output in seen.outputs)


def _any_is_whole(seen: LayerRuns) -> bool:
    return any(same(output.mask, _ARTICLES.mask) for output in seen.outputs)


_SPLIT_AT = Question(
    name="split-at",
    title="Cut off the title",
    minutes=10,
    kind="class",
    observe=lambda answer: run(
        make(answer, _TITLE_STEPS), _cut(_ARTICLES, _TITLE_STEPS), _ARTICLES
    ),
    conditions=(
        Condition(
            "wrong-values",
            "The two tensors are not the first `steps` timesteps and all that follow.",
            LayerRuns.values_agree,
            Mistake(
                "not-two-tensors",
                "Two tensors should come out: the title, and the text.",
                lambda seen: len(seen.outputs) != 2,
            ),
            Mistake(
                "cuts-in-the-middle",
                "It cuts in the middle of the time axis, wherever the title ends. Cut behind the "
                "first `steps` timesteps.",
                lambda seen: seen.values.yours.shape == (3, 3, 2),
            ),
        ),
        Condition(
            "wrong-masks",
            "A mask is not the part of the mask that belongs to its timesteps.",
            LayerRuns.masks_agree,
            Mistake(
                "loses-the-masks",
                "Neither tensor carries a mask. Keras drops it unless the layer says, in "
                "`compute_mask`, what becomes of it. Is the method there, with a `return`?",
                lambda seen: _masks_lost(seen) == 2,
            ),
            Mistake(
                "hands-on-the-whole-mask",
                "A tensor carries the mask of all timesteps, though it holds only some of them. "
                "The mask has to be cut where the timesteps are cut.",
                _any_is_whole,
            ),
            Mistake(
                "one-mask-for-two",
                "Only one of the two tensors carries a mask. Two outputs need two masks: "
                "`compute_mask` returns both, in the order of the outputs.",
                lambda seen: _masks_lost(seen) == 1,
            ),
            Mistake(
                "swaps-the-masks",
                "The masks are swapped: the title carries that of the text.",
                lambda seen: seen.mask.is_like(seen.right[1].mask),
            ),
            picture=LayerRuns.wrong_mask_picture,
        ),
        WITHOUT_A_MASK,
        IN_A_MODEL,
    ),
    hints=(
        "Cut in `call`. Then cut the mask in `compute_mask`, in just the same way.",
        "`compute_mask(self, inputs, mask=None)` returns a list of two masks, or None.",
        "Slices work on all tensors: `inputs[:, : self.steps]` and `mask[:, : self.steps]`.",
    ),
    why=(
        "What `call` does to the timesteps, `compute_mask` does to the mask, with slices or "
        "functions that symbolic tensors know. Two outputs carry two masks."
    ),
)

_PROMPT = _sequences(["1110", "1111", "0110"])
_WORDS = _sequences(["1101", "0111", "1100"], first=5)
_PREFIX = Masked(np.full((3, 2, 2), 7, "float32"))
_UNMASKED = Masked(_WORDS.values)


@dataclass(frozen=True)
class _Joined(LayerRuns):
    """What the layer gave, also where one of the sequences carries no mask.

    Attributes:
        one_bare: What it gave where the first carries none and is shorter, and where the second
            does, each with what is right.
    """

    one_bare: tuple[tuple[Any, Masked], ...]

    @property
    def right_in_model(self) -> Any:
        return self.one_bare[0][0]

    def failed_with_one(self) -> list[Raised]:
        return [outputs for outputs, _right in self.one_bare if isinstance(outputs, Raised)]

    def one_bare_picture(self) -> Picture | None:
        wrong = (pair for pair in self.one_bare if not masks_agree(pair[0], (pair[1],)))
        for outputs, right in wrong:
            yours = None if isinstance(outputs, Raised) else outputs[0].mask
            return Compared(yours, right.mask).picture()
        return None

    def all_read(self) -> bool:
        if isinstance(self.bare, Raised):
            return False
        return all(output.mask is None or bool(np.all(output.mask)) for output in self.bare)


def _joined(*given: Masked, missing: bool = True) -> Masked:
    masks = [np.full(g.values.shape[:2], missing) if g.mask is None else g.mask for g in given]
    return Masked(np.concatenate([g.values for g in given], axis=1), np.concatenate(masks, axis=1))


def _join(answer: Any) -> _Joined:
    layer = make(answer)
    ran = run(layer, (_joined(_PROMPT, _WORDS),), _PROMPT, _WORDS)
    one_bare = tuple(
        (trying(on_arrays, layer, *given), _joined(*given))
        for given in ((_PREFIX, _WORDS), (_PROMPT, _UNMASKED))
    )
    in_model_too = trying(in_model, layer, _PREFIX, _WORDS)
    return _Joined(ran.outputs, ran.right, ran.bare, in_model_too, one_bare)


def _combinations() -> list[NDArray[np.bool_]]:
    first, second = _PROMPT.sure_mask, _WORDS.sure_mask
    return [first | second, first & second]


def _missing_is_padding(seen: _Joined) -> bool:
    return masks_agree(seen.one_bare[0][0], [_joined(_PREFIX, _WORDS, missing=False)])


_TEMPORAL_CONCAT = Question(
    name="temporal-concat",
    title="Put a prompt before the words",
    minutes=15,
    kind="class",
    observe=_join,
    conditions=(
        Condition(
            "wrong-values",
            "The values are not those of the first sequence and, behind them, the second.",
            LayerRuns.values_agree,
            Mistake(
                "wrong-axis",
                "The sequences are not joined along time. Which axis is time?",
                lambda seen: seen.values.yours.shape in ((6, 4, 2), (3, 4, 4)),
            ),
            Mistake(
                "wrong-order",
                "The second sequence stands in front of the first.",
                lambda seen: seen.values.is_like(_joined(_WORDS, _PROMPT).values),
            ),
        ),
        Condition(
            "wrong-mask",
            "The mask is not that of the first sequence and, behind it, that of the second.",
            LayerRuns.masks_agree,
            MASK_LOST.of("mask"),
            Mistake(
                "mask-of-one",
                "The output carries the mask of one of the sequences. It has to cover the "
                "timesteps of both. Keras hands `compute_mask` a list of two masks.",
                lambda seen: any(seen.mask.is_like(g.mask) for g in (_PROMPT, _WORDS)),
            ),
            Mistake(
                "combines-the-masks",
                "The masks are combined step by step, as if both sequences stood at the same "
                "timesteps. They stand one behind the other.",
                lambda seen: any(seen.mask.is_like(both) for both in _combinations()),
            ),
            picture=LayerRuns.wrong_mask_picture,
        ),
        Condition(
            "wrong-where-one-is-missing",
            "If only one sequence carries a mask, what comes out is wrong. The other one is to be "
            "read throughout.",
            lambda seen: all(masks_agree(outputs, (right,)) for outputs, right in seen.one_bare),
            Mistake(
                "fails-where-one-is-missing",
                "It fails if only one sequence has a mask: the other's is None.",
                lambda seen: bool(seen.failed_with_one()),
                lambda seen: error_picture(seen.failed_with_one()[0]),
            ),
            Mistake(
                "gives-up-where-one-is-missing",
                "If one sequence has no mask, no mask comes out, and the padding of the other one "
                "would be read.",
                lambda seen: any(outputs[0].mask is None for outputs, _right in seen.one_bare),
            ),
            Mistake(
                "takes-missing-for-padding",
                "A sequence without a mask becomes False throughout: it would be skipped. Without "
                "a mask every timestep is read.",
                _missing_is_padding,
            ),
            Mistake(
                "not-boolean",
                "Where one mask is missing, the joined one holds numbers. Which dtype has what "
                "you put in its place?",
                lambda seen: any(o[0].mask.dtype != bool for o, _right in seen.one_bare),
            ),
            picture=_Joined.one_bare_picture,
        ),
        Condition(
            "wrong-without-masks",
            "If neither sequence carries a mask, it fails or skips something. Keras hands "
            "`compute_mask` a list of two Nones then.",
            _Joined.all_read,
            picture=lambda seen: error_picture(seen.bare),
        ),
        IN_A_MODEL,
    ),
    hints=(
        "`inputs` and `mask` are lists of two. What do they hold if a sequence has no mask?",
        "A sequence without a mask is read at each timestep: make a mask of True for it.",
        '`keras.ops.ones_like(tensor[:, :, 0], dtype="bool")` is True at each timestep.',
    ),
    why=(
        "The masks are joined as the values are. None means that each timestep is read, so it "
        "becomes True before it is joined."
    ),
)

_FRAMES = _sequences(["111000", "111111", "000111"])


def _stacked(given: Masked) -> Masked:
    rows, steps, features = given.values.shape
    values = given.values.reshape(rows, steps // 2, 2 * features)
    pairs = given.sure_mask.reshape(rows, -1, 2)
    return Masked(values, pairs[:, :, 0] | pairs[:, :, 1])


def _frames_masks(start: int) -> NDArray[np.bool_]:
    return _FRAMES.sure_mask[:, start::2]


_STACK_PAIRS = Question(
    name="stack-pairs",
    title="Stack pairs of frames",
    minutes=15,
    kind="class",
    observe=lambda answer: run(make(answer), (_stacked(_FRAMES),), _FRAMES),
    conditions=(
        Condition(
            "wrong-values",
            "The values of each pair do not stand side by side, the first frame's in front.",
            LayerRuns.values_agree,
            WRONG_SHAPE.of("values"),
            Mistake(
                "stacks-the-halves",
                "You stack the first half of the sequence and the second. Neighbours belong "
                "together: frames 0 and 1, 2 and 3, and so on.",
                lambda seen: seen.values.is_like(np.concatenate(np.split(_FRAMES.values, 2, 1), 2)),
            ),
        ),
        Condition(
            "wrong-mask",
            "The mask does not say True just where a pair holds a frame to read.",
            LayerRuns.masks_agree,
            MASK_LOST.of("mask"),
            THIRD_AXIS.of("mask"),
            NOT_BOOLEAN.of("mask"),
            Mistake(
                "hands-on-the-whole-mask",
                "The mask has one True or False per frame. It needs one per pair.",
                lambda seen: seen.mask.is_like(_FRAMES.mask),
            ),
            Mistake(
                "asks-one-frame",
                "Your mask asks only one frame of each pair. That fits as long as all padding "
                "stands on one side; this time it does not.",
                lambda seen: any(seen.mask.is_like(_frames_masks(start)) for start in (0, 1)),
            ),
            Mistake(
                "drops-half-a-pair",
                "A pair of a real frame and a padded one is skipped, and a frame is lost.",
                lambda seen: seen.mask.is_like(_frames_masks(0) & _frames_masks(1)),
            ),
            picture=LayerRuns.wrong_mask_picture,
        ),
        WITHOUT_A_MASK,
        IN_A_MODEL,
    ),
    hints=(
        "`inputs[:, ::2]` are the first frames of all pairs. What are the second ones?",
        "A pair is read if its first frame is read, or its second one.",
        "`keras.ops.concatenate` with `axis=2` stacks, `keras.ops.logical_or` asks for any.",
    ),
    why=(
        "Half as many timesteps need half as many masks: a pair is read as soon as one of its "
        "frames is, on whichever side the padding stands."
    ),
)

QUESTIONS = (_SPLIT_AT, _TEMPORAL_CONCAT, _STACK_PAIRS)
