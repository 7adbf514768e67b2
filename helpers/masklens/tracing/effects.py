"""The effect of each recorded call on its mask, the calls that lose a mask, and notes."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from masklens._keras import is_keras_layer
from masklens._language import translate as _
from masklens.tracing.calls import Effect, LayerCall, Mask, Shape
from masklens.tracing.recorder import RecordedCall, Recorder


def layer_calls(
    recorder: Recorder,
    root: Any = None,
    symbolic: bool = True,
    measured: Mapping[int, Mapping[str, Any]] | None = None,
) -> list[tuple[int, LayerCall]]:
    """Turns recorded calls into `LayerCall`s with their effects.

    Args:
        recorder: The recording, which may still go on.
        root: A model whose own call is left out if calls inside it were recorded.
        symbolic: Whether to keep calls with symbolic tensors.
        measured: The measured fields of `LayerCall`, by the place of the call.

    Returns:
        The calls, in the order in which they began, each with its place in the recording.
        Operations that met no mask are left out unless padding gets in there.
    """
    measured = measured or {}
    leaks = {place for place, fields in measured.items() if fields.get("gets_in")}
    calls = _without_mask_arithmetic(
        recorder,
        [
            call
            for call in recorder.calls
            if (symbolic or not call.symbolic)
            and (not call.unmasked_operation or call.error or call.place in leaks)
        ],
        leaks,
    )
    redundant = calls and calls[0].layer is root and any(call.parent is calls[0] for call in calls)
    left_out = calls.pop(0) if redundant else None
    effects = _Effects(recorder, calls, left_out, guesses=not measured)
    return [
        (call.place, replace(effects.of(call), **measured.get(call.place, {}))) for call in calls
    ]


def _without_mask_arithmetic(
    recorder: Recorder, calls: list[RecordedCall], leaks: Collection[int]
) -> list[RecordedCall]:
    """Leaves out operations whose result no layer takes as an input.

    A Functional model also holds the operations that compute its masks; their results go into mask
    arguments.
    """
    consumed: set[int] = set()
    kept = []
    for call in reversed(calls):
        if call.is_operation and consumed.isdisjoint(call.outputs) and call.place not in leaks:
            continue
        kept.append(call)
        for number in call.inputs if call.is_operation else call.inputs + call.outputs:
            consumed.update(recorder.origins(number))
    return kept[::-1]


class _Effects:
    def __init__(
        self,
        recorder: Recorder,
        calls: Sequence[RecordedCall],
        left_out: RecordedCall | None,
        guesses: bool,
    ) -> None:
        self._calls, self._left_out, self._guesses = calls, left_out, guesses
        self._index = {call.place: index for index, call in enumerate(calls)}
        self._consumers = self._find_consumers(recorder)
        self._siblings: dict[int, list[RecordedCall]] = defaultdict(list)
        for call in calls:
            self._siblings[call.parent.place if call.parent else -1].append(call)
        self._effects = {call.place: self._effect(call) for call in calls}
        self._lost_to: dict[int, tuple[int, ...]] = {}
        for call in calls:
            self._find_affected(call)

    def of(self, call: RecordedCall) -> LayerCall:
        ancestors = self._ancestors(call)
        return LayerCall(
            name=call.name,
            path="/".join([*(outer.name for outer in ancestors), call.name]),
            layer_type=call.layer_type,
            depth=len(ancestors),
            shapes_in=call.shapes_in,
            shapes_out=call.shapes_out,
            masks_in=tuple(call.masks_in),
            masks_out=call.masks_out,
            receives_mask=call.receives_mask,
            effect=self._effects[call.place],
            of_keras=_is_of_keras(call.layer),
            mask_arguments=tuple(call.arguments),
            causal=call.causal,
            uses_mask=call.uses_mask,
            note=" ".join(self._notes(call)) or None,
            symbolic=call.symbolic,
            sources=tuple(
                self._index.get(source.place) if source else None for source in call.sources
            ),
            lost_to=self._lost_to.get(call.place, ()),
        )

    def _ancestors(self, call: RecordedCall) -> list[RecordedCall]:
        outer, ancestors = call.parent, []
        while outer is not None and outer is not self._left_out:
            ancestors.append(outer)
            outer = outer.parent
        return ancestors[::-1]

    def _descendants(self, call: RecordedCall) -> Iterable[RecordedCall]:
        first = self._index[call.place] + 1
        for inner in self._calls[first:]:
            if inner.place > call.last_inside:
                break
            yield inner

    def _find_consumers(self, recorder: Recorder) -> dict[int, list[RecordedCall]]:
        """Maps the number of each tensor to the calls that take it without a mask."""
        consumers: dict[int, list[RecordedCall]] = defaultdict(list)
        for call in self._calls:
            for number, mask in zip(call.inputs, call.masks_in, strict=True):
                if mask is None:
                    for origin in recorder.origins(number):
                        consumers[origin].append(call)
        return consumers

    def _effect(self, call: RecordedCall) -> Effect:
        if not call.ended:
            return "none"
        incoming = [mask for mask in call.masks_in if mask is not None]
        outgoing = [mask for mask in call.masks_out if mask is not None]
        if outgoing:
            if not incoming:
                return "creates"
            # The recorder keeps equal masks as one array.
            return (
                "passes"
                if any(one is other for one in incoming for other in outgoing)
                else "changes"
            )
        if not incoming:
            return "none"
        used = call.receives_mask or bool(call.uses_mask)
        return "ends" if used or self._received_inside(call, incoming) else "drops"

    def _received_inside(self, call: RecordedCall, incoming: list[Mask]) -> bool:
        return any(
            inner.receives_mask and any(mask is one for mask in inner.masks_in for one in incoming)
            for inner in self._descendants(call)
        )

    def _find_affected(self, call: RecordedCall) -> None:
        if not call.ended or call.symbolic:
            return
        affected = set(self._affected(call, call.cleared - call.cleared_inside))
        effect = self._effects[call.place]
        if effect == "drops" or (effect == "ends" and _keeps_time(call)):
            affected.update(self._affected(call, call.outputs))
        if affected:
            self._lost_to[call.place] = tuple(sorted(affected))

    def _affected(self, call: RecordedCall, numbers: Iterable[int]) -> list[int]:
        """Returns the outermost later calls that take one of these tensors without its mask."""
        places = {
            consumer.place
            for number in numbers
            for consumer in self._consumers.get(number, ())
            if consumer.place > call.last_inside
        }
        return sorted(
            self._index[place]
            for place in places
            if places.isdisjoint(
                outer.place for outer in self._ancestors(self._calls[self._index[place]])
            )
        )

    def _notes(self, call: RecordedCall) -> Iterable[str]:
        if call.error is not None:
            yield _("The call raised {error}.").format(error=type(call.error).__name__)
        if call.symbolic or not call.ended:
            return
        yield from _wrong_shape_notes(call)
        if call.probe_inconclusive:
            yield _(
                "It is unknown whether it uses the mask: its outputs differ from run to run, or "
                "it does not run with another mask."
            )
        if self._guesses:
            yield from self._guessed_notes(call)

    def _guessed_notes(self, call: RecordedCall) -> Iterable[str]:
        """Yields notes on what may let padding in, for traces without a measurement."""
        if call.cleared - call.cleared_inside:
            affected = self._affected(call, call.cleared - call.cleared_inside)
            names = ", ".join(dict.fromkeys(self._calls[index].name for index in affected))
            if names:
                yield _(
                    "It cleared the mask of its own input, and {names} read that input afterwards."
                ).format(names=names)
        if call.is_operation:
            yield _("An operation, unlike a layer, passes no mask on.")
        if call.mask_passed_by_hand:
            yield _("Its mask came as an argument; the tensor itself carries none.")
        if self._runs_wrapped_layer_unseen(call):
            yield _(
                "It runs {layer} without calling it as a layer, so the trace cannot look inside."
            ).format(layer=call.layer.layer.name)
        if self._made_between(call):
            yield _(
                "Its input did not come from a layer: operators, slices and functions between "
                "layers lose the mask."
            )

    def _runs_wrapped_layer_unseen(self, call: RecordedCall) -> bool:
        """Whether a wrapper ran its layer's code directly, so that no call was recorded."""
        import keras

        wrapped = isinstance(call.layer, keras.layers.Wrapper) and call.layer.layer
        return bool(wrapped) and not any(
            inner.layer is wrapped for inner in self._descendants(call)
        )

    def _made_between(self, call: RecordedCall) -> bool:
        """Whether an unmasked input was made by code between layers that lost its mask."""
        if call.parent is not None and _has_graph(call.parent.layer):
            # The operators between the layers of a graph are calls of their own.
            return False
        outside_shapes = [
            shape[:2]
            for shape, made_outside, mask in zip(
                call.shapes_in, call.made_outside_layers, call.masks_in, strict=True
            )
            if made_outside and mask is None and len(shape) > 2
        ]
        before = self._siblings[call.parent.place if call.parent else -1]
        return any(
            mask is not None and mask.shape in outside_shapes
            for sibling in before
            if outside_shapes and sibling.place < call.place
            for mask in sibling.masks_out
        )


def _keeps_time(call: RecordedCall) -> bool:
    """Whether an output has the timesteps of a masked input, so that the mask would fit it.

    Outputs of rank 2 do not count: an LSTM's (batch, units) may be as long as (batch, time).
    """
    return any(
        mask is not None and len(before) == len(after) > 2 and before[:2] == after[:2]
        for before, mask in zip(call.shapes_in, call.masks_in, strict=True)
        for after in call.shapes_out
    )


def _is_of_keras(layer: Any) -> bool:
    import keras

    return is_keras_layer(type(layer)) and isinstance(layer, keras.Layer)


def _has_graph(layer: Any) -> bool:
    import keras

    return isinstance(layer, keras.Sequential) or hasattr(layer, "operations")


def _wrong_shape_notes(call: RecordedCall) -> Iterable[str]:
    for shape, mask in zip(call.shapes_out, call.masks_out, strict=True):
        if mask is not None and not _fits(mask.shape, shape):
            yield _(
                "It put a mask of shape {mask} on an output of shape {output}; "
                "the mask should have one value per timestep."
            ).format(mask=mask.shape, output=shape)


def _fits(mask: Shape, output: Shape) -> bool:
    if len(mask) < 3:
        return len(mask) == 2 and mask == output[:2]
    # The mask of attention scores leaves axes open, such as that of the heads.
    return len(mask) <= len(output) and all(
        size in (1, expected) for size, expected in zip(mask, output, strict=False)
    )
