"""What became of the mask in each recorded call: effects, losses and notes."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from masklens._keras import is_keras_layer
from masklens._language import translate as _
from masklens.tracing.calls import Effect, LayerCall, Mask, Shape
from masklens.tracing.recorder import RawCall, Recorder


def layer_calls(
    recorder: Recorder,
    root: Any = None,
    symbolic: bool = True,
    measured: Mapping[int, Mapping[str, Any]] | None = None,
) -> list[tuple[int, LayerCall]]:
    """Turns what a recorder saw into calls with their effects.

    Args:
        recorder: What was recorded; it may still be recording.
        root: A model whose own call is left out where calls inside it were recorded.
        symbolic: Whether to keep calls with symbolic tensors.
        measured: What was measured of calls, as fields of `LayerCall`, by the place of the call.

    Returns:
        The calls, in the order in which they began, each with its place in the recording.
        Operations that met no mask are left out where no padding gets in.
    """
    measured = measured or {}
    leaks = {place for place, fields in measured.items() if fields.get("gets_in")}
    calls = _without_mask_arithmetic(
        recorder,
        [
            call
            for call in recorder.calls
            if (symbolic or not call.symbolic)
            and (not call.plain or call.error or call.place in leaks)
        ],
        leaks,
    )
    inside = calls and calls[0].layer is root and any(call.parent is calls[0] for call in calls)
    left_out = calls.pop(0) if inside else None
    verdicts = _Verdicts(recorder, calls, left_out, suspicious=not measured)
    return [
        (call.place, replace(verdicts.of(call), **measured.get(call.place, {}))) for call in calls
    ]


def _without_mask_arithmetic(
    recorder: Recorder, calls: list[RawCall], leaks: Collection[int]
) -> list[RawCall]:
    """Leaves out operations that no layer takes the result of.

    A Functional model also holds the operations that compute its masks; they end in a mask
    argument, not in a tensor.
    """
    taken: set[int] = set()
    kept = []
    for call in reversed(calls):
        if call.operation and taken.isdisjoint(call.results) and call.place not in leaks:
            continue
        kept.append(call)
        for number in call.tensors if call.operation else call.tensors + call.results:
            taken.update(recorder.origins(number))
    return kept[::-1]


class _Verdicts:
    def __init__(
        self,
        recorder: Recorder,
        calls: Sequence[RawCall],
        left_out: RawCall | None,
        suspicious: bool,
    ) -> None:
        self._calls, self._left_out, self._suspicious = calls, left_out, suspicious
        self._index = {call.place: index for index, call in enumerate(calls)}
        self._takers = self._find_takers(recorder)
        self._siblings: dict[int, list[RawCall]] = defaultdict(list)
        for call in calls:
            self._siblings[call.parent.place if call.parent else -1].append(call)
        self._effects = {call.place: self._effect(call) for call in calls}
        self._lost_to: dict[int, tuple[int, ...]] = {}
        for call in calls:
            self._judge(call)

    def of(self, call: RawCall) -> LayerCall:
        around = self._around(call)
        return LayerCall(
            name=call.name,
            path="/".join([*(outer.name for outer in around), call.name]),
            layer_type=call.layer_type,
            depth=len(around),
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

    def _around(self, call: RawCall) -> list[RawCall]:
        outer, around = call.parent, []
        while outer is not None and outer is not self._left_out:
            around.append(outer)
            outer = outer.parent
        return around[::-1]

    def _inside(self, call: RawCall) -> Iterable[RawCall]:
        first = self._index[call.place] + 1
        for inner in self._calls[first:]:
            if inner.place > call.last:
                break
            yield inner

    def _find_takers(self, recorder: Recorder) -> dict[int, list[RawCall]]:
        """The calls that take a tensor without a mask, by the number of the tensor."""
        takers: dict[int, list[RawCall]] = defaultdict(list)
        for call in self._calls:
            for number, mask in zip(call.tensors, call.masks_in, strict=True):
                if mask is None:
                    for origin in recorder.origins(number):
                        takers[origin].append(call)
        return takers

    def _effect(self, call: RawCall) -> Effect:
        if not call.ended:
            return "none"
        came = [mask for mask in call.masks_in if mask is not None]
        went = [mask for mask in call.masks_out if mask is not None]
        if went:
            if not came:
                return "creates"
            # Equal masks are one array.
            return "passes" if any(one is other for one in came for other in went) else "changes"
        if not came:
            return "none"
        used = call.receives_mask or bool(call.uses_mask)
        return "ends" if used or self._received_inside(call, came) else "drops"

    def _received_inside(self, call: RawCall, came: list[Mask]) -> bool:
        return any(
            inner.receives_mask and any(mask is one for mask in inner.masks_in for one in came)
            for inner in self._inside(call)
        )

    def _judge(self, call: RawCall) -> None:
        if not call.ended or call.symbolic:
            return
        hurt = set(self._hurt(call, call.cleared - call.cleared_inside))
        effect = self._effects[call.place]
        if effect == "drops" or (effect == "ends" and _keeps_time(call)):
            hurt.update(self._hurt(call, call.results))
        if hurt:
            self._lost_to[call.place] = tuple(sorted(hurt))

    def _hurt(self, call: RawCall, numbers: Iterable[int]) -> list[int]:
        """The outermost calls that take one of these tensors, unmasked, after the call."""
        places = {
            taker.place
            for number in numbers
            for taker in self._takers.get(number, ())
            if taker.place > call.last
        }
        return sorted(
            self._index[place]
            for place in places
            if places.isdisjoint(
                outer.place for outer in self._around(self._calls[self._index[place]])
            )
        )

    def _notes(self, call: RawCall) -> Iterable[str]:
        if call.error is not None:
            yield _("The call raised {error}.").format(error=type(call.error).__name__)
        if call.symbolic or not call.ended:
            return
        yield from _misfits(call)
        if call.inconclusive:
            yield _(
                "Whether it uses the mask cannot be told: its outputs differ from run to run, "
                "or it does not run with another mask."
            )
        if self._suspicious:
            yield from self._suspicions(call)

    def _suspicions(self, call: RawCall) -> Iterable[str]:
        """What may let padding in; a measurement knows better."""
        if call.cleared - call.cleared_inside:
            hurt = self._hurt(call, call.cleared - call.cleared_inside)
            names = ", ".join(dict.fromkeys(self._calls[index].name for index in hurt))
            if names:
                yield _(
                    "It cleared the mask of its own input, and {names} read that input afterwards."
                ).format(names=names)
        if call.operation:
            yield _("An operation, unlike a layer, hands no mask on.")
        if call.by_hand:
            yield _("Its mask came as an argument: the tensor that it is for carries none.")
        if self._unseen(call):
            yield _(
                "It runs {layer} without calling it as a layer, so the trace cannot look inside."
            ).format(layer=call.layer.layer.name)
        if self._made_between(call):
            yield _(
                "Its input came out of no layer: operators, slices and functions "
                "between layers lose the mask."
            )

    def _unseen(self, call: RawCall) -> bool:
        """Whether a wrapper ran the layer that it wraps in a way that shows no call."""
        import keras

        wrapped = isinstance(call.layer, keras.layers.Wrapper) and call.layer.layer
        return bool(wrapped) and not any(inner.layer is wrapped for inner in self._inside(call))

    def _made_between(self, call: RawCall) -> bool:
        """Whether an unmasked tensor came from no layer, where layers before it knew a mask."""
        if call.parent is not None and _has_graph(call.parent.layer):
            # Nothing between the layers of a graph goes unseen.
            return False
        loose = [
            shape[:2]
            for shape, stray, mask in zip(call.shapes_in, call.strays, call.masks_in, strict=True)
            if stray and mask is None and len(shape) > 2
        ]
        before = self._siblings[call.parent.place if call.parent else -1]
        return any(
            mask is not None and mask.shape in loose
            for sibling in before
            if loose and sibling.place < call.place
            for mask in sibling.masks_out
        )


def _keeps_time(call: RawCall) -> bool:
    """Whether an output still has the timesteps of a masked input, so that a mask would fit it.

    The rank tells an LSTM's (batch, units) from a (batch, time) that happens to be as long.
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


def _misfits(call: RawCall) -> Iterable[str]:
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
