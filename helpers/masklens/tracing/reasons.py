"""Explaining why padding gets in at a call, which call caused it, and a way out in code."""

import inspect
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from masklens._language import translate as _
from masklens.tracing.calls import Mask, Reason
from masklens.tracing.leaks import Leak
from masklens.tracing.measurement import Measurement
from masklens.tracing.recorder import RecordedCall, is_array
from masklens.tracing.runs import Node

# In the code of a way out, `x` is the input of the layer, and `mask` is (batch, time), True at
# tokens. The last line computes what replaces the layer's output, unless it assigns a name.
_WINDOWS = (
    "starts = mask.shape[1] - {size} + 1\n"
    "windows = [mask[:, step : starts + step : {stride}] for step in range({size})]\n"
    "mask = keras.ops.all(keras.ops.stack(windows), axis=0)\n"
)
WAYS_OUT = {
    "mask_by_hand": "{layer}(x, mask=mask)",
    "mask_of_windows": _WINDOWS + "{layer}(x, mask=mask)",
    "windows": _WINDOWS + "{layer}(x)  # and mask=mask for what reads it",
    "mask_repeated": "mask = keras.ops.repeat(mask, {size}, axis=1)\n{layer}(x, mask=mask)",
    "mask_zero": "{maker} = keras.layers.Embedding({rows}, {width}, mask_zero=True)",
    "pad_with_zero": 'ml.pad(sequences, padding="{side}", value=0)',
    "mask_value": "x = keras.layers.Masking(mask_value={value})(x)",
    "initial_state": "{layer}(x, initial_state=state, mask=mask)",
    "several_tensors": "{layer}(*tensors, mask=mask)",
    "zero_the_padding": "x = x * keras.ops.cast(mask, x.dtype)[..., None]\n{layer}(x)",
    "largest": 'x = keras.ops.where(mask[..., None], x, -float("inf"))\nkeras.ops.max(x, axis=1)',
    "average": "keras.layers.GlobalAveragePooling1D()(x, mask=mask)",
    "sum": "keras.ops.sum(x * keras.ops.cast(mask, x.dtype)[..., None], axis=1)",
    "last": (
        'place = keras.ops.sum(keras.ops.cast(mask, "int32"), axis=1) - 1\n'
        "keras.ops.take_along_axis(x, place[:, None, None], axis=1)[:, 0]"
    ),
    "first": (
        'place = keras.ops.argmax(keras.ops.cast(mask, "int32"), axis=1)\n'
        "keras.ops.take_along_axis(x, place[:, None, None], axis=1)[:, 0]"
    ),
    "attention": "{layer}(x, x, attention_mask=mask[:, None, :])",
    "cross_attention": "{layer}(query, value, attention_mask=value_mask[:, None, :])",
    "attention_of_list": "{layer}([x, x], mask=[mask, mask])",
    "invert": "{argument} = keras.ops.logical_not({argument})",
    "keys": "{argument} = {argument}[:, None, :]",
    "positions": (
        'count = keras.ops.cumsum(keras.ops.cast(mask, "int32"), axis=1)\n'
        "positions = keras.ops.maximum(count - 1, 0)"
    ),
    "each_timestep": "keras.layers.LayerNormalization()(x)",
    "finite": "scores = keras.ops.where(mask, scores, -3e4)",
}


@dataclass(frozen=True, eq=False)
class _Explanation:
    """A reason, and the call that cost the mask, if one did."""

    reason: Reason
    cause: RecordedCall | None = None


def explain(leak: Leak, found: Measurement) -> _Explanation:
    """Explains why padding gets in at one place.

    Args:
        leak: The place.
        found: The measurement.

    Returns:
        The reason with a way out, and the call that lost the mask, if one did.
    """
    return _Case(leak, found).explain()


class _Case:
    def __init__(self, leak: Leak, found: Measurement) -> None:
        self.leak, self.found, self.run = leak, found, found.run
        self.node, self.recorded = leak.node, leak.node.recorded
        self.name = self.node.layer.name
        self.changes = {moves.change for moves in found.figures if moves.moved(self.node.outputs)}

    def explain(self) -> _Explanation:
        for check in (
            self._not_a_number,
            self._arguments,
            self._rows,
            self._positions,
            self._code_between,
            self._mask_arrives,
            self._mask_missing,
        ):
            known = check()
            if known is not None:
                return known
        return self._explanation("unknown", _("Padding gets into the output of {layer}."), "")

    def _explanation(
        self, kind: str, why: str, way_out: str, culprit: RecordedCall | None = None, **names: Any
    ) -> _Explanation:
        names = {"layer": self.name, "culprit": culprit.name if culprit else "", **names}
        code = WAYS_OUT[way_out].format(**names) if way_out else ""
        return _Explanation(Reason(kind, why.format(**names), code), culprit)

    # The reasons, in the order in which they are tried ----------------------------------------

    def _not_a_number(self) -> _Explanation | None:
        broken = self.found.not_a_number or any(
            moves.figure(number) == float("inf")
            for moves in self.found.figures
            for number in self.node.outputs
        )
        if not broken:
            return None
        if "float16" in self._dtypes():
            why = _("{layer} gives NaN: float16 holds no number beyond 65504, such as -1e9.")
            return self._explanation("nan", why, "finite")
        return self._explanation(
            "nan", _("{layer} gives values that are not numbers (NaN or infinity)."), ""
        )

    def _arguments(self) -> _Explanation | None:
        """Explains a mask argument that is inverted or has the wrong shape."""
        for name, value in self._mask_arguments():
            mask = self.run.boolean(value)
            for sequences in self.found.sequences:
                valid = sequences.per_step
                if _is_inverted(mask, valid):
                    why = _(
                        "The mask in `{argument}` is the wrong way round: "
                        "it is True at padding, and {layer} reads what is True."
                    )
                    return self._explanation("inverted", why, "invert", argument=name)
                if (
                    name == "attention_mask"
                    and mask.shape == valid.shape
                    and valid.shape[0] == valid.shape[1]
                    and "rows" in self.changes
                ):
                    why = _(
                        "`{argument}` has the shape (batch, time) and is taken for (query, key), "
                        "since the batch has as many rows as timesteps: rows read one another."
                    )
                    return self._explanation("mask_shape", why, "keys", argument=name)
        return None

    def _rows(self) -> _Explanation | None:
        if self.changes != {"rows"}:
            return None
        why = _("{layer} mixes the rows of the batch, so one row's answer depends on the others.")
        normalizes = type(self.node.layer).__name__ == "BatchNormalization"
        return self._explanation("rows", why, "each_timestep" if normalizes else "")

    def _positions(self) -> _Explanation | None:
        left = any(sequences.side == "pre" for sequences in self.found.sequences)
        if not left or self.changes != {"amount"}:
            return None
        layer = type(self.node.layer).__name__
        adds = self.leak.between is not None or layer == "Add"
        if "Position" not in layer and not (adds and self._adds_position_table()):
            return None
        why = _(
            "Positions shift: the padding is on the left, and {layer} counts timesteps from there."
        )
        return self._explanation("positions", why, "positions")

    def _adds_position_table(self) -> bool:
        """Whether positions come in: as integers, or as a table of vectors without a batch axis."""
        consumer = self.leak.between[1] if self.leak.between else None
        if consumer is not None and any(
            self.run.value(number).dtype.kind in "iu" for number in consumer.inputs
        ):
            return True
        rows = len(self.found.sequences[0].valid)
        return any(
            len(shape) == 2 and shape[0] != rows
            for node in self.node.children or [self.node]
            for number in (*node.inputs, *node.outputs)
            if (shape := self.run.value(number).shape)
        )

    def _code_between(self) -> _Explanation | None:
        if self.leak.between is None:
            return None
        before, after = self.leak.between
        numbers = (before.outputs if before else ()), (after.inputs if after else self.node.outputs)
        way_out = next(
            (known for x in numbers[0] for y in numbers[1] if (known := self._reduction(x, y))), ""
        )
        why = _("Code between layers in {layer} mixes the timesteps and does not know the mask.")
        return self._explanation("code", why, way_out)

    def _mask_arrives(self) -> _Explanation | None:
        """Explains a leak where the input carries a mask: wrong, not filled in, or not used."""
        tensors = [
            (number, mask)
            for number in self.node.inputs
            if (mask := self._input_mask(number)) is not None
        ]
        if not tensors or len(tensors) < len(self._padded_inputs()):
            return None
        number, mask = tensors[0]
        if self._reads_padding(number, mask):
            return self._wrong_mask(number)
        if self.recorded is not None and not self.recorded.receives_mask and self._takes_mask():
            why = _(
                "Keras fills in no `mask` for a call with several tensors, so {layer} gets none, "
                "though its input has one."
            )
            recurrent = "initial_state" in self._parameters()
            return self._explanation(
                "not_filled_in", why, "initial_state" if recurrent else "several_tensors"
            )
        return self._mixes()

    def _wrong_mask(self, number: int) -> _Explanation:
        producer = self._mask_producer(number)
        if producer is not None and any(mask is not None for mask in producer.masks_in):
            why = _(
                "{culprit} joins a tensor that has a mask with one that has none, "
                "and marks padding as valid."
            )
            return self._explanation("all_true", why, self._by_hand(), producer)
        why = _(
            "The mask that {culprit} makes masks other timesteps than the padding: the padding "
            "does not hold the value that it looks for."
        )
        side = self.found.sequences[0].side or "post"
        if producer is not None and hasattr(producer.layer, "mask_zero"):
            return self._explanation("wrong_mask", why, "pad_with_zero", producer, side=side)
        value = self._value_at_padding(producer)
        if value is None:
            return self._explanation("wrong_mask", why, self._by_hand(), producer)
        return self._explanation("wrong_mask", why, "mask_value", producer, value=value)

    def _mixes(self) -> _Explanation:
        """Explains a layer that mixes timesteps in spite of the mask."""
        if self.recorded is not None and self.recorded.receives_mask:
            why = _("{layer} takes the mask but does not keep padding out with it.")
        else:
            why = _("{layer} mixes timesteps and does not use the mask.")
        size, stride = _window(self.node.layer)
        if size > 1 and not set(self.node.outputs) & set(self.run.nodes[0].outputs):
            return self._explanation("mixes", why, "windows", size=size, stride=stride)
        return self._explanation("mixes", why, self._way_out_without_mask_argument())

    def _mask_missing(self) -> _Explanation | None:
        """Explains a leak where the input carries no mask: it was lost, or never made."""
        unmasked = [number for number in self._padded_inputs() if self._input_mask(number) is None]
        for number in unmasked:
            how, cause = self._how_mask_was_lost(number)
            if cause is not None and how == "cleared":
                why = _(
                    "{culprit} clears the mask of its own input, so {layer} reads padding as data."
                )
                return self._mask_by_hand_after("cleared", why, cause)
            if cause is not None:
                why = _("{culprit} does not pass the mask on, so {layer} reads padding as data.")
                return self._mask_by_hand_after("lost", why, cause)
            if how == "operator":
                why = _(
                    "An operator or a function between layers loses the mask, so {layer} reads "
                    "padding as data."
                )
                return self._explanation("operator", why, self._by_hand())
        embedding = self._unmasked_embedding()
        if embedding is not None and not self._mask_was_made():
            why = _("No layer makes a mask, so {layer} reads padding as data.")
            sizes = {"rows": embedding.input_dim, "width": embedding.output_dim}
            return self._explanation("no_mask", why, "mask_zero", maker=embedding.name, **sizes)
        why = _("No mask reaches {layer}, so it reads padding as data.")
        return self._explanation("no_mask", why, self._by_hand())

    # Questions about the call and its tensors ------------------------------------------------

    def _by_hand(self) -> str:
        of_list = type(self.node.layer).__name__ in ("Attention", "AdditiveAttention")
        return (
            "mask_by_hand"
            if self._takes_mask() and not of_list
            else self._way_out_without_mask_argument()
        )

    def _mask_by_hand_after(self, kind: str, why: str, cause: RecordedCall) -> _Explanation:
        """Advises to pass the mask by hand, fitted to the timesteps that `cause` gives out."""
        way_out = self._by_hand()
        if way_out != "mask_by_hand":
            return self._explanation(kind, why, way_out, cause)
        steps = {self.run.value(number).shape[1] for number in self.node.inputs[:1]}
        times = {sequences.time for sequences in self.found.sequences}
        if steps <= times:
            return self._explanation(kind, why, way_out, cause)
        size, stride = _window(cause.layer)
        if size > 1 and steps <= {-(-(time - size + 1) // stride) for time in times}:
            return self._explanation(kind, why, "mask_of_windows", cause, size=size, stride=stride)
        repeats = getattr(cause.layer, "size", 0)
        if isinstance(repeats, int) and steps <= {time * repeats for time in times}:
            return self._explanation(kind, why, "mask_repeated", cause, size=repeats)
        return self._explanation(kind, why, "", cause)

    def _way_out_without_mask_argument(self) -> str:
        """Names the way out for a layer that takes no mask, or does not use it."""
        layer = self.node.layer
        reduction = [
            known
            for x in self.node.inputs
            for y in self.node.outputs
            if (known := self._reduction(x, y))
        ]
        if reduction:
            return reduction[0]
        if "attention_mask" in self._parameters():
            return "attention" if len(set(self.node.inputs)) == 1 else "cross_attention"
        kind = type(layer).__name__
        if kind in ("Attention", "AdditiveAttention"):
            return "attention_of_list"
        if kind == "GroupNormalization":
            return "each_timestep"
        same = getattr(layer, "padding", "") in ("same", "causal") and _strides(layer) == 1
        if same or kind in ("Flatten", "Reshape", "Permute"):
            return "zero_the_padding"
        return ""

    def _reduction(self, before: int, after: int) -> str:
        """Names the reduction over time that turns one tensor into another; empty if none does."""
        x, y = self.run.value(before), self.run.value(after)
        if x.ndim != 3 or y.shape != (x.shape[0], x.shape[2]):
            return ""
        reductions = {
            "average": x.mean(1),
            "largest": x.max(1),
            "sum": x.sum(1),
            "last": x[:, -1],
            "first": x[:, 0],
        }
        return next((name for name, made in reductions.items() if np.allclose(made, y)), "")

    def _value_at_padding(self, producer: RecordedCall | None) -> float | None:
        """Returns the number that stands at all padded timesteps of a mask maker's input."""
        nodes = [node for node in self.run.nodes if node.recorded is producer]
        for number in nodes[0].inputs if nodes else ():
            valid = self._valid_for(number)
            padding = self.run.value(number)[~valid] if valid is not None else np.zeros(0)
            if padding.size and (padding == padding.flat[0]).all():
                return float(padding.flat[0])
        return None

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

    def _input_mask(self, number: int) -> Mask | None:
        at = self.node.inputs.index(number)
        if self.recorded is not None and at < len(self.recorded.masks_in):
            mask: Mask | None = self.recorded.masks_in[at]
            return mask
        return self.run.mask(number)

    def _padded_inputs(self) -> list[int]:
        """Returns the numbers of the inputs that have padded timesteps."""
        numbers = [number for number in self.node.inputs if self._valid_for(number) is not None]
        # After a layer that changes the number of timesteps, none fits; take all with a time axis.
        return numbers or [n for n in self.node.inputs if self.run.value(n).ndim > 2]

    def _valid_for(self, number: int) -> Mask | None:
        shape = self.run.value(number).shape
        for sequences in self.found.sequences:
            if len(shape) > 2 and shape[:2] == sequences.valid.shape[:2]:
                return sequences.per_step
        return None

    def _reads_padding(self, number: int, mask: Mask) -> bool:
        valid = self._valid_for(number)
        return valid is not None and mask.shape == valid.shape and bool((mask & ~valid).any())

    def _producer(self, number: int) -> Node | None:
        producers = [node for node in self.run.nodes if number in node.outputs]
        return producers[-1] if producers else None

    def _mask_producer(self, number: int) -> RecordedCall | None:
        """Returns the call that made a tensor's mask, or was the last to change it."""
        seen: set[int] = set()
        mask = self.run.mask(number)
        while number not in seen:
            seen.add(number)
            producer = self._producer(number)
            if producer is None:
                return None
            same = [
                n
                for n in producer.inputs
                if (other := self.run.mask(n)) is not None
                and mask is not None
                and np.array_equal(other, mask)
            ]
            if not same:
                recorded: RecordedCall | None = producer.recorded
                return recorded
            number = same[0]
        return None

    def _how_mask_was_lost(
        self, number: int
    ) -> tuple[Literal["", "operator", "cleared", "lost"], RecordedCall | None]:
        """Returns how a mask was lost on the way to a tensor, and the call that lost it."""
        seen: set[int] = set()
        waiting = [number]
        while waiting:
            number = waiting.pop(0)
            if number in seen:
                continue
            seen.add(number)
            producer = self._producer(number)
            if producer is None:
                if self._mask_was_made_before(number):
                    return "operator", None
                continue
            cleared = self._cleared_by(producer)
            if cleared is not None:
                return "cleared", cleared
            if producer.recorded is not None and any(
                mask is not None for mask in producer.recorded.masks_in
            ):
                return "lost", producer.recorded
            waiting += producer.inputs
        cleared = self._cleared_by(self.node)
        return ("cleared", cleared) if cleared is not None else ("", None)

    def _cleared_by(self, node: Node) -> RecordedCall | None:
        """Returns the earlier call that cleared the mask of one of this call's inputs."""
        if node.recorded is None:
            return None
        for other in self.run.nodes:
            if other.place < node.place and other.recorded is not None:
                cleared = other.recorded.cleared - other.recorded.cleared_inside
                if cleared & set(node.recorded.inputs):
                    recorded: RecordedCall = other.recorded
                    return recorded
        return None

    def _mask_was_made(self) -> bool:
        return any(self.run.mask(number) is not None for number in self.run.masks)

    def _mask_was_made_before(self, number: int) -> bool:
        """Whether an earlier tensor with the same timesteps carried a mask."""
        shape = self.run.value(number).shape
        return any(
            (mask := self.run.mask(known)) is not None and mask.shape[:2] == shape[:2]
            for known in self.run.masks
            if known < number
        )

    def _unmasked_embedding(self) -> Any:
        """Returns an Embedding without `mask_zero` whose ids are 0 at padding and only there."""
        for node in self.run.nodes:
            if not hasattr(node.layer, "mask_zero") or node.layer.mask_zero:
                continue
            for sequences in self.found.sequences:
                ids = self.run.value(node.inputs[0])
                if np.array_equal(ids != 0, sequences.valid):
                    return node.layer
        return None


def _strides(layer: Any) -> int:
    strides = getattr(layer, "strides", 1)
    return int(strides[0] if isinstance(strides, list | tuple) else strides)


def _window(layer: Any) -> tuple[int, int]:
    """Returns the window and the stride over time; (1, 1) for a layer that keeps timesteps."""
    size = getattr(layer, "kernel_size", getattr(layer, "pool_size", 1))
    size = int(size[0] if isinstance(size, list | tuple) else size)
    return (size, _strides(layer)) if getattr(layer, "padding", "") == "valid" else (1, 1)


def _is_inverted(mask: Mask, valid: Mask) -> bool:
    if mask.shape == valid.shape:
        return bool(np.array_equal(mask, ~valid))
    if mask.ndim == 3 and mask.shape[0] == len(valid) and mask.shape[2] == valid.shape[1]:
        return bool(np.array_equal(mask.any(1), ~valid))
    return False
