"""Questions on layers that change time: one cuts it, one joins two, one makes it half as long."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens_course.answer import Raised, same
from masklens_course.checks import Question
from masklens_course.conditions import Case, Condition, Hint, Mistake
from masklens_course.own_layers import (
    IN_A_MODEL,
    MASK_INVERTED,
    MASK_MISTAKES,
    MASK_NOT_BOOLEAN,
    ODD_VECTORS,
    WITHOUT_A_MASK,
    Embedded,
    LayerCall,
    LayerRun,
    Masked,
    draw_ids,
    layer_run,
    masks_agree,
)


def _articles(random: np.random.Generator) -> Iterator[Case]:
    ids = [[71, 9, 0, 14, 25, 36, 0], [8, 0, 0, 41, 17, 0, 0], [5, 6, 7, 62, 3, 19, 88]]
    yield (LayerCall((Embedded(np.array(ids), 4),), (3,)),)
    time = int(random.integers(9, 12))
    yield (LayerCall((Embedded(draw_ids(random, 2, time), 1),), (2,), "model"),)
    yield (LayerCall((random.normal(size=(1, 5, 2)).round(2),), (4,)),)
    yield (LayerCall((Embedded(np.array([[1, 0, 2, 3, 1]]), 2, ODD_VECTORS),), (1,)),)
    yield (LayerCall((Embedded(np.array([[0, 0, 0, 0, 0, 0]]), 3),), (4,)),)
    yield (LayerCall((Embedded(np.array([[7, 0]]), 2),), (2,)),)  # nothing follows


def _cut(call: LayerCall, at: int | None = None) -> tuple[Masked, ...]:
    (given,), (steps,) = call.given, call.made_with
    parts = slice(None, at or steps), slice(at or steps, None)
    masks = [None if given.mask is None else given.mask[:, part] for part in parts]
    return tuple(
        Masked(given.values[:, part], mask) for part, mask in zip(parts, masks, strict=True)
    )


def _cuts_in_the_middle(seen: LayerRun) -> bool:
    middle = _cut(seen.call, seen.given.values.shape[1] // 2)
    return seen.values.is_like(middle[0].values)


def _masks_lost(seen: LayerRun) -> int:
    return sum(output.mask is None for output in seen.yours)


_SPLIT_AT = Question(
    name="split-at",
    title="Cut off the title",
    minutes=10,
    kind="class",
    cases=_articles,
    right=_cut,
    observe=layer_run(_cut),
    conditions=(
        Condition(
            "wrong-values",
            "The two tensors are not the first `steps` timesteps and all that follow.",
            LayerRun.values_agree,
            Mistake(
                "not-two-tensors",
                "Two tensors should come out: the title, and the text.",
                lambda seen: len(seen.yours) != 2,
            ),
            Mistake(
                "cuts-in-the-middle",
                "It cuts in the middle of the time axis, wherever the title ends. Cut after the "
                "first `steps` timesteps.",
                _cuts_in_the_middle,
            ),
            picture=LayerRun.picture,
        ),
        Condition(
            "wrong-masks",
            "One of the masks is not the part that belongs to the timesteps of its tensor.",
            LayerRun.masks_agree,
            Mistake(
                "loses-the-masks",
                "Neither tensor carries a mask. Keras drops it unless `compute_mask` of the "
                "layer says what happens to it. Is the method there, with a `return`?",
                lambda seen: _masks_lost(seen) == 2,
            ),
            Mistake(
                "hands-on-the-whole-mask",
                "A tensor carries the mask of all timesteps, though it holds only some of them. "
                "The mask has to be cut where the timesteps are cut.",
                lambda seen: any(same(one.mask, seen.given.mask) for one in seen.yours),
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
            MASK_NOT_BOOLEAN,
            MASK_INVERTED,
            picture=LayerRun.picture,
            when=lambda call: call.masks,
        ),
        WITHOUT_A_MASK,
        IN_A_MODEL,
    ),
    hints=(
        Hint(
            "Cut in `call`. Then cut the mask in `compute_mask`, in just the same way.",
            "wrong-masks",
            "hands-on-the-whole-mask",
            "swaps-the-masks",
        ),
        Hint(
            "`compute_mask(self, inputs, mask=None)` returns a list of two masks, or None.",
            "loses-the-masks",
            "one-mask-for-two",
        ),
        Hint(
            "The first `steps` timesteps are `inputs[:, : self.steps]`. And those after them?",
            "wrong-values",
            "not-two-tensors",
            "cuts-in-the-middle",
        ),
    ),
    why=(
        "What `call` does to the timesteps, `compute_mask` does to the mask, with slices or "
        "functions that take symbolic tensors. Two outputs carry two masks."
    ),
)


def _prompts(random: np.random.Generator) -> Iterator[Case]:
    words = Embedded(np.array([[12, 5, 0], [7, 31, 44]]), 4)
    yield (LayerCall((np.ones((2, 3, 4)), words)),)
    yield (LayerCall(tuple(Embedded(draw_ids(random, 3, 5), 2) for _which in range(2))),)
    odd = np.array([[[np.nan, np.nan], [np.inf, -1e6], [0.0, 0.0]]])
    yield (LayerCall((Embedded(np.array([[0, 2, 1, 3]]), 2, ODD_VECTORS), odd)),)
    yield (LayerCall((random.normal(size=(1, 3, 2)).round(2), np.zeros((1, 1, 2)))),)
    yield (LayerCall((np.full((1, 3, 1), 0.5), Embedded(draw_ids(random, 1, 7), 1)), way="model"),)
    yield (LayerCall((Embedded(np.array([[0, 0]]), 2), Embedded(np.array([[0]]), 2))),)


def _masks_of(call: LayerCall, missing: bool = True) -> list[NDArray[np.bool_]]:
    return [
        np.full(one.values.shape[:2], missing) if one.mask is None else one.mask
        for one in call.given
    ]


def _joined(call: LayerCall, missing: bool = True) -> tuple[Masked, ...]:
    values = np.concatenate([one.values for one in call.given], axis=1)
    masks = np.concatenate(_masks_of(call, missing), axis=1)
    return (Masked(values, masks if call.masks else None),)


def _joined_on_another_axis(seen: LayerRun) -> bool:
    values = [one.values for one in seen.call.given]
    if len({one.shape[1] for one in values}) > 1:
        return False
    return any(seen.values.is_like(np.concatenate(values, axis=axis)) for axis in (0, 2))


def _in_another_order(seen: LayerRun) -> NDArray[Any]:
    return np.concatenate([one.values for one in seen.call.given[::-1]], axis=1)


def _combinations(seen: LayerRun) -> list[NDArray[np.bool_]]:
    first, second = _masks_of(seen.call)
    return [first | second, first & second]


def _nothing_is_skipped(seen: LayerRun) -> bool:
    if isinstance(seen.outputs, Raised):
        return False
    return all(one.mask is None or bool(np.all(one.mask)) for one in seen.outputs)


_TEMPORAL_CONCAT = Question(
    name="temporal-concat",
    title="Put a prompt before the words",
    minutes=15,
    kind="class",
    cases=_prompts,
    right=_joined,
    observe=layer_run(_joined),
    conditions=(
        Condition(
            "wrong-values",
            "The values are not those of the first sequence followed by those of the second.",
            LayerRun.values_agree,
            Mistake(
                "wrong-axis",
                "The sequences are not joined along time. Which axis is time?",
                _joined_on_another_axis,
            ),
            Mistake(
                "wrong-order",
                "The second sequence comes before the first.",
                lambda seen: seen.values.is_like(_in_another_order(seen)),
            ),
            picture=LayerRun.picture,
        ),
        Condition(
            "wrong-mask",
            "The mask is not that of the first sequence followed by that of the second.",
            LayerRun.masks_agree,
            *MASK_MISTAKES,
            Mistake(
                "mask-of-one",
                "The output carries the mask of one of the sequences. It has to cover the "
                "timesteps of both. Keras passes `compute_mask` a list of two masks.",
                lambda seen: any(seen.mask.is_like(mask) for mask in _masks_of(seen.call)),
            ),
            Mistake(
                "combines-the-masks",
                "The masks are combined step by step, as if both sequences were at the same "
                "timesteps. One follows the other.",
                lambda seen: any(seen.mask.is_like(both) for both in _combinations(seen)),
            ),
            picture=LayerRun.picture,
            when=lambda call: call.masks == 2,
        ),
        Condition(
            "wrong-where-one-is-missing",
            "If only one sequence carries a mask, the mask that comes out is wrong. The other "
            "sequence should be read throughout.",
            LayerRun.masks_agree,
            Mistake(
                "fails-where-one-is-missing",
                "It fails if only one sequence has a mask: the other's is None.",
                lambda seen: isinstance(seen.outputs, Raised),
            ),
            Mistake(
                "gives-up-where-one-is-missing",
                "If one sequence has no mask, no mask comes out, and the padding of the other one "
                "would be read.",
                lambda seen: seen.mask.yours is None,
            ),
            Mistake(
                "takes-missing-for-padding",
                "A sequence without a mask becomes False throughout: it would be skipped. Without "
                "a mask every timestep is read.",
                lambda seen: masks_agree(seen.outputs, _joined(seen.call, missing=False)),
            ),
            MASK_NOT_BOOLEAN,
            picture=LayerRun.picture,
            when=lambda call: call.masks == 1,
        ),
        Condition(
            "wrong-without-masks",
            "If neither sequence carries a mask, it fails or skips something. Then Keras passes "
            "`compute_mask` a list of two Nones.",
            _nothing_is_skipped,
            picture=LayerRun.picture,
            when=lambda call: not call.masks,
        ),
        IN_A_MODEL,
    ),
    hints=(
        Hint(
            "Values and masks are joined along the same axis and in the same order. Which axis "
            "is time?",
            "wrong-values",
            "wrong-axis",
            "wrong-order",
            "wrong-mask",
            "mask-of-one",
            "combines-the-masks",
        ),
        Hint(
            "`inputs` and `mask` are lists of two. What do they hold if a sequence has no mask?",
            "fails-where-one-is-missing",
            "wrong-without-masks",
        ),
        Hint(
            "A sequence without a mask is read at each timestep: make a mask of True for it.",
            "wrong-where-one-is-missing",
            "gives-up-where-one-is-missing",
            "takes-missing-for-padding",
        ),
        Hint(
            "`keras.ops.ones_like` takes its shape from a tensor, symbolic or not. Which part of "
            "`inputs` has the shape `(batch, time)`?"
        ),
    ),
    why=(
        "The masks are joined as the values are. None means that each timestep is read, so it "
        "becomes True before it is joined."
    ),
)


def _recordings(random: np.random.Generator) -> Iterator[Case]:
    yield (LayerCall((Embedded(np.array([[21, 43, 65, 0], [0, 87, 10, 32], [54, 0, 0, 0]]), 4),)),)
    time = 2 * int(random.integers(4, 6))
    yield (LayerCall((Embedded(draw_ids(random, 2, time, "post"), 1),), way="model"),)
    yield (LayerCall((Embedded(draw_ids(random, 2, 6, "pre"), 2),)),)
    yield (LayerCall((random.normal(size=(1, 2, 3)).round(2),)),)
    yield (LayerCall((Embedded(np.array([[1, 1, 2, 0]]), 2, ODD_VECTORS),)),)
    yield (LayerCall((Embedded(np.array([[0, 0, 0, 0]]), 2),)),)


def _stacked(call: LayerCall) -> tuple[Masked, ...]:
    (given,) = call.given
    rows, steps, features = given.values.shape
    values = given.values.reshape(rows, steps // 2, 2 * features)
    pairs = given.sure_mask.reshape(rows, -1, 2)
    return (Masked(values, None if given.mask is None else pairs[:, :, 0] | pairs[:, :, 1]),)


def _asks_one_frame(seen: LayerRun) -> bool:
    return any(seen.mask.is_like(seen.given.sure_mask[:, start::2]) for start in (0, 1))


def _both_frames(seen: LayerRun) -> NDArray[np.bool_]:
    return seen.given.sure_mask[:, ::2] & seen.given.sure_mask[:, 1::2]


_STACK_PAIRS = Question(
    name="stack-pairs",
    title="Stack pairs of frames",
    minutes=10,
    kind="class",
    cases=_recordings,
    right=_stacked,
    observe=layer_run(_stacked),
    conditions=(
        Condition(
            "wrong-values",
            "The values of each pair are not side by side, those of the first frame first. Leave "
            "`call` as it was.",
            LayerRun.values_agree,
            picture=LayerRun.picture,
        ),
        Condition(
            "wrong-mask",
            "The mask should be True exactly where a pair holds a frame to read.",
            LayerRun.masks_agree,
            *MASK_MISTAKES,
            Mistake(
                "hands-on-the-whole-mask",
                "The mask has one True or False per frame. It needs one per pair.",
                lambda seen: seen.mask.is_like(seen.given.mask),
            ),
            Mistake(
                "asks-one-frame",
                "Your mask asks only one frame of each pair. That works as long as all padding "
                "is on one side; this time it is not.",
                _asks_one_frame,
            ),
            Mistake(
                "drops-half-a-pair",
                "A pair of a real frame and a padded one is skipped, and a frame is lost.",
                lambda seen: seen.mask.is_like(_both_frames(seen)),
            ),
            picture=LayerRun.picture,
            when=lambda call: call.masks,
        ),
        WITHOUT_A_MASK,
        IN_A_MODEL,
    ),
    hints=(
        Hint(
            "Take a row of four frames, of which the first is padding. Which mask do its pairs "
            "get?",
            "wrong-mask",
            "asks-one-frame",
            "drops-half-a-pair",
        ),
        Hint(
            "`call` takes the first frames of all pairs, and the second ones. The mask is cut in "
            "the same way.",
            "hands-on-the-whole-mask",
            "wrong-values",
        ),
        Hint(
            "A pair is read if its first frame is read, or its second one: `keras.ops.logical_or`."
        ),
    ),
    why=(
        "Half as many timesteps need half as many masks: a pair is read as soon as one of its "
        "frames is, on whichever side the padding is."
    ),
)

QUESTIONS = (_SPLIT_AT, _TEMPORAL_CONCAT, _STACK_PAIRS)
