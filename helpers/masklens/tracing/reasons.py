"""Why padding gets in at a call, whose doing that is, and a way out in code."""

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np

from masklens.language import translate as _
from masklens.tracing.calls import Mask, Reason
from masklens.tracing.leaks import Leak
from masklens.tracing.measurement import Measurement
from masklens.tracing.record import RawCall, is_array
from masklens.tracing.runs import Node

# In the code of a way out, `mask` is (batch, time), True where a token stands, and `x` what the
# layer takes.
WAYS_OUT = {
    "mask_by_hand": "{layer}(x, mask=mask)",
    "mask_zero": "{maker} = keras.layers.Embedding(..., mask_zero=True)",
    "pad_with_zero": 'ml.pad(sequences, padding="{side}", value=0)',
    "initial_state": "{layer}(x, initial_state=state, mask=mask)",
    "several_tensors": "{layer}(..., mask=mask)",
    "zero_the_padding": ("x = x * keras.ops.cast(mask, x.dtype)[..., None]\n{layer}(x)"),
    "largest": ("x = keras.ops.where(mask[..., None], x, -float('inf'))\nkeras.ops.max(x, axis=1)"),
    "average": "keras.layers.GlobalAveragePooling1D()(x, mask=mask)",
    "sum": (
        "weights = keras.ops.cast(mask, x.dtype)[..., None]\n"
        "keras.ops.sum(x * weights, axis=1) / keras.ops.sum(weights, axis=1)"
    ),
    "attention": "{layer}(x, x, attention_mask=mask[:, None, :])",
    "invert": "{layer}(..., {argument}=keras.ops.logical_not(mask))",
    "positions": (
        "positions = keras.ops.maximum(keras.ops.cumsum(keras.ops.cast(mask, 'int32'), 1) - 1, 0)"
    ),
    "each_row": "keras.layers.LayerNormalization()(x)",
    "finite": "{layer}: -1e4 in place of -1e9, which float16 cannot hold",
}


@dataclass(frozen=True, eq=False)
class Explanation:
    """A reason, and the call that cost the mask, if one did."""

    reason: Reason
    cause: RawCall | None = None


def explain(leak: Leak, found: Measurement) -> Explanation:
    """Finds out why padding gets in at one place.

    Args:
        leak: The place.
        found: What was measured.

    Returns:
        The reason with a way out, and the call that cost the mask.
    """
    return _Case(leak, found).explain()


class _Case:
    def __init__(self, leak: Leak, found: Measurement) -> None:
        self.leak, self.found, self.run = leak, found, found.run
        self.node, self.raw = leak.node, leak.node.raw
        self.name = self.node.layer.name
        self.questions = {
            moves.question for moves in found.figures if moves.moved(self.node.outputs)
        }

    def explain(self) -> Explanation:
        for look in (
            self._not_a_number,
            self._arguments,
            self._rows,
            self._positions,
            self._code_between,
            self._mask_there,
            self._mask_gone,
        ):
            known = look()
            if known is not None:
                return known
        return self._say("unknown", _("Padding gets into what {layer} gives out."), "")

    def _say(
        self, kind: str, why: str, way_out: str, culprit: RawCall | None = None, **names: Any
    ) -> Explanation:
        names = {"layer": self.name, "culprit": culprit.name if culprit else "", **names}
        code = WAYS_OUT[way_out].format(**names) if way_out else ""
        return Explanation(Reason(kind, why.format(**names), code), culprit)

    # What every reason is told by -----------------------------------------------------------

    def _not_a_number(self) -> Explanation | None:
        broken = self.found.not_a_number or any(
            moves.figure(number) == float("inf")
            for moves in self.found.figures
            for number in self.node.outputs
        )
        if not broken:
            return None
        if "float16" in self._dtypes():
            why = _("{layer} gives NaN: a number is too large for float16.")
            return self._say("nan", why, "finite")
        return self._say(
            "nan", _("{layer} gives values that are not numbers (NaN or infinity)."), ""
        )

    def _arguments(self) -> Explanation | None:
        """A mask that was handed over, but is the wrong way round or of the wrong shape."""
        for name, value in self._mask_arguments():
            mask = self.run.boolean(value)
            for sequences in self.found.sequences:
                valid = sequences.per_step
                if _is_inverted(mask, valid):
                    why = _(
                        "The mask in `{argument}` is the wrong way round: "
                        "it is True at padding, and {layer} reads what is True."
                    )
                    return self._say("inverted", why, "invert", argument=name)
                if (
                    name == "attention_mask"
                    and mask.shape == valid.shape
                    and valid.shape[0] == valid.shape[1]
                    and "rows" in self.questions
                ):
                    why = _(
                        "`{argument}` has the shape (batch, time) and is taken for (query, key), "
                        "since the batch has as many rows as timesteps: rows read one another."
                    )
                    return self._say("mask_shape", why, "attention", argument=name)
        return None

    def _rows(self) -> Explanation | None:
        if self.questions != {"rows"}:
            return None
        why = _("{layer} mixes the rows of the batch, so one row's answer depends on the others.")
        return self._say("rows", why, "each_row")

    def _positions(self) -> Explanation | None:
        left = any(sequences.side == "pre" for sequences in self.found.sequences)
        if not left or self.questions != {"amount"}:
            return None
        layer = type(self.node.layer).__name__
        adds = self.leak.between is not None or layer == "Add"
        if "Position" not in layer and not (adds and self._meets_a_table()):
            return None
        why = _(
            "Positions shift: padding stands on the left, and {layer} counts timesteps from there."
        )
        return self._say("positions", why, "positions")

    def _meets_a_table(self) -> bool:
        """Whether a tensor without a batch, such as a table of positions, was made before."""
        rows = len(self.found.sequences[0].valid)
        return any(
            len(shape) == 2 and shape[0] != rows
            for node in self.node.inside or [self.node]
            for number in (*node.inputs, *node.outputs)
            if (shape := self.run.value(number).shape)
        )

    def _code_between(self) -> Explanation | None:
        if self.leak.between is None:
            return None
        before, after = self.leak.between
        places = {
            "before": before.layer.name if before else "",
            "after": after.layer.name if after else "",
        }
        why = _("Code in {layer} that is no layer mixes the timesteps, and knows no mask.")
        return self._say("code", why, "sum", **places)

    def _mask_there(self) -> Explanation | None:
        """The mask reaches the call: it is not handed over, not used, or masks the wrong steps."""
        tensors = [
            (number, mask)
            for number in self.node.inputs
            if (mask := self._mask_in(number)) is not None
        ]
        if not tensors or len(tensors) < len(self._padded_inputs()):
            return None
        number, mask = tensors[0]
        if self._marks_padding(number, mask):
            return self._wrong_mask(number)
        if self.raw is not None and not self.raw.receives_mask and self._takes_mask():
            why = _(
                "Keras fills in no `mask` for a call with several tensors, so {layer} gets none, "
                "though its input has one."
            )
            recurrent = "initial_state" in self._parameters()
            return self._say(
                "not_filled_in", why, "initial_state" if recurrent else "several_tensors"
            )
        return self._mixes()

    def _wrong_mask(self, number: int) -> Explanation:
        maker = self._maker_of_mask(number)
        if maker is not None and any(mask is not None for mask in maker.masks_in):
            why = _(
                "{culprit} joins a tensor that has a mask with one that has none, "
                "and marks padding as valid."
            )
            return self._say("all_true", why, self._by_hand(), maker)
        why = _(
            "The mask that {culprit} makes masks other timesteps than the padding: "
            "what stands there is not what it looks for."
        )
        side = self.found.sequences[0].side or "post"
        return self._say("wrong_mask", why, "pad_with_zero", maker, side=side)

    def _mixes(self) -> Explanation:
        """The layer has the mask, and padding gets in all the same."""
        kind = type(self.node.layer).__name__
        if self.raw is not None and self.raw.receives_mask:
            why = _("{layer} takes the mask and does not keep padding out with it.")
        else:
            why = _("{layer} mixes timesteps and does not use the mask.")
        return self._say("mixes", why, self._recipe(kind))

    def _mask_gone(self) -> Explanation | None:
        """No mask reaches the call: it was lost on the way, or none was ever made."""
        bare = [number for number in self._padded_inputs() if self._mask_in(number) is None]
        for number in bare:
            cause, by_operator = self._lost_at(number)
            if cause is not None:
                why = _("{culprit} does not pass the mask on, so {layer} reads padding as data.")
                return self._say("lost", why, self._by_hand(), cause)
            if by_operator:
                why = _(
                    "An operator or a function between layers loses the mask, so {layer} reads "
                    "padding as data."
                )
                return self._say("operator", why, self._by_hand())
        maker = self._maker_of_vectors()
        if maker is not None and not self._mask_was_made():
            why = _("No layer makes a mask, so {layer} reads padding as data.")
            return self._say("no_mask", why, "mask_zero", maker=maker)
        why = _("No mask reaches {layer}, so it reads padding as data.")
        return self._say("no_mask", why, self._by_hand())

    # What the reasons ask -------------------------------------------------------------------

    def _by_hand(self) -> str:
        return (
            "mask_by_hand" if self._takes_mask() else self._recipe(type(self.node.layer).__name__)
        )

    def _recipe(self, kind: str) -> str:
        if kind in ("GlobalMaxPooling1D", "Max"):
            return "largest"
        if kind in ("GlobalAveragePooling1D", "Flatten", "Reshape"):
            return "average"
        if kind in ("Mean", "Sum"):
            return "sum"
        if "attention_mask" in self._parameters():
            return "attention"
        return "zero_the_padding"

    def _parameters(self) -> list[str]:
        try:
            return list(inspect.signature(self.node.layer.call).parameters)
        except (AttributeError, TypeError, ValueError):
            return []

    def _takes_mask(self) -> bool:
        return "mask" in self._parameters()

    def _dtypes(self) -> set[str]:
        import keras

        return {
            keras.backend.standardize_dtype(self.run.tensors[number].dtype)
            for number in (*self.node.inputs, *self.node.outputs)
        }

    def _mask_arguments(self) -> list[tuple[str, Any]]:
        return [(name, value) for name, value in self.node.masks if is_array(value)]

    def _mask_in(self, number: int) -> Mask | None:
        at = self.node.inputs.index(number)
        if self.raw is not None and at < len(self.raw.masks_in):
            mask: Mask | None = self.raw.masks_in[at]
            return mask
        return self.run.mask(number)

    def _padded_inputs(self) -> list[int]:
        """What comes in and has timesteps that are padding."""
        numbers = [number for number in self.node.inputs if self._valid_for(number) is not None]
        # Behind a layer that changed the number of timesteps, no input has as many.
        return numbers or [n for n in self.node.inputs if self.run.value(n).ndim > 2]

    def _valid_for(self, number: int) -> Mask | None:
        shape = self.run.value(number).shape
        for sequences in self.found.sequences:
            if len(shape) > 2 and shape[:2] == sequences.valid.shape[:2]:
                return sequences.per_step
        return None

    def _marks_padding(self, number: int, mask: Mask) -> bool:
        valid = self._valid_for(number)
        return valid is not None and mask.shape == valid.shape and bool((mask & ~valid).any())

    def _maker(self, number: int) -> Node | None:
        makers = [node for node in self.run.nodes if number in node.outputs]
        return makers[-1] if makers else None

    def _maker_of_mask(self, number: int) -> RawCall | None:
        """The call that made the mask that a tensor has, or changed it last."""
        seen: set[int] = set()
        mask = self.run.mask(number)
        while number not in seen:
            seen.add(number)
            maker = self._maker(number)
            if maker is None:
                return None
            same = [
                n
                for n in maker.inputs
                if (other := self.run.mask(n)) is not None
                and mask is not None
                and np.array_equal(other, mask)
            ]
            if not same:
                raw: RawCall | None = maker.raw
                return raw
            number = same[0]
        return None

    def _lost_at(self, number: int) -> tuple[RawCall | None, bool]:
        """The call that lost the mask on the way to a tensor; else whether an operator did."""
        seen: set[int] = set()
        waiting = [number]
        while waiting:
            number = waiting.pop(0)
            if number in seen:
                continue
            seen.add(number)
            maker = self._maker(number)
            if maker is None:
                if self._mask_was_made_before(number):
                    return None, True
                continue
            cleared = self._cleared_by(maker)
            if cleared is not None:
                return cleared, False
            if maker.raw is not None and any(mask is not None for mask in maker.raw.masks_in):
                raw: RawCall = maker.raw
                return raw, False
            waiting += maker.inputs
        cleared = self._cleared_by(self.node)
        return cleared, False

    def _cleared_by(self, node: Node) -> RawCall | None:
        """The call before that took the mask off a tensor that comes in here."""
        if node.raw is None:
            return None
        for other in self.run.nodes:
            if other.place < node.place and other.raw is not None:
                cleared = other.raw.cleared - other.raw.cleared_inside
                if cleared & set(node.raw.tensors):
                    raw: RawCall = other.raw
                    return raw
        return None

    def _mask_was_made(self) -> bool:
        return any(self.run.mask(number) is not None for number in self.run.masks)

    def _mask_was_made_before(self, number: int) -> bool:
        """Whether a tensor of these timesteps had a mask before this one was made by some code."""
        shape = self.run.value(number).shape
        return any(
            (mask := self.run.mask(known)) is not None and mask.shape[:2] == shape[:2]
            for known in self.run.masks
            if known < number
        )

    def _maker_of_vectors(self) -> str | None:
        """The name of the layer that made vectors of ids, if it can make a mask."""
        for node in self.run.nodes:
            if hasattr(node.layer, "mask_zero") and not node.layer.mask_zero:
                return str(node.layer.name)
        return None


def _is_inverted(mask: Mask, valid: Mask) -> bool:
    if mask.shape == valid.shape:
        return bool(np.array_equal(mask, ~valid))
    if mask.ndim == 3 and mask.shape[0] == len(valid) and mask.shape[2] == valid.shape[1]:
        return bool(np.array_equal(mask.any(1), ~valid))
    return False
