"""Recording the calls of layers: follows tensors by identity, and keeps equal masks once."""

import inspect
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from masklens._keras import array_of, attached_mask, is_symbolic
from masklens.tracing.calls import Mask, Shape

# The mask of a symbolic tensor, whose values do not exist yet.
_SYMBOLIC_MASK: Mask = np.zeros((0, 0), dtype=bool)
_SYMBOLIC_MASK.flags.writeable = False


@dataclass(eq=False, slots=True)
class RecordedCall:
    """A call as it was recorded, before its effect is worked out.

    Attributes:
        place: The index of the call in the recording; -1 for an operation that is not recorded.
        parent: The call that made this one; None for the outermost.
        last_inside: The place of the last call made within this one; its own if there is none.
        inputs: The numbers of the tensors that came in; every tensor has one number.
        sources: For each tensor that came in, the call that it came out of.
        outputs: The numbers of the tensors that came out.
        made_outside_layers: For each tensor that came in, whether an operator or a function
            between layers made it.
        mask_passed_by_hand: Whether a mask came as an argument for a tensor that carries none.
        probe_inconclusive: Whether the probe could not tell if the call uses its mask.
        entered: Whether the layer's own code has begun to run.
        unmasked_operation: Whether it is an operation that met no mask; such a call is shown only
            where padding gets in.
        cleared: The numbers of the tensors that came in with a mask and have none after the call.
        cleared_inside: Those among them whose mask a call within this one cleared.
    """

    place: int
    parent: "RecordedCall | None"
    name: str
    layer_type: str
    layer: Any
    symbolic: bool
    last_inside: int
    shapes_in: tuple[Shape, ...] = ()
    inputs: tuple[int, ...] = ()
    sources: "tuple[RecordedCall | None, ...]" = ()
    masks_in: list[Mask | None] = field(default_factory=list)
    shapes_out: tuple[Shape, ...] = ()
    outputs: tuple[int, ...] = ()
    masks_out: tuple[Mask | None, ...] = ()
    made_outside_layers: tuple[bool, ...] = ()
    receives_mask: bool = False
    arguments: list[tuple[str, Mask]] = field(default_factory=list)
    causal: bool = False
    mask_passed_by_hand: bool = False
    uses_mask: bool | None = None
    probe_inconclusive: bool = False
    entered: bool = False
    ended: bool = False
    is_operation: bool = False
    unmasked_operation: bool = False
    error: BaseException | None = None
    cleared: frozenset[int] = frozenset()
    cleared_inside: frozenset[int] = frozenset()


class Recorder:
    """Watches calls (see `hooks._Watcher`) and records them in `calls`.

    Args:
        probe: Finds out, right after a call that met a mask, whether its values depend on the mask:
            `probe(layer, args, kwargs, masks)`, with the masks that the tensors carried before the
            call, by the id of the tensor. None for no probing.
    """

    def __init__(self, probe: Callable[..., bool | None] | None = None) -> None:
        """Starts with no calls."""
        import keras

        self.calls: list[RecordedCall] = []
        self.paused = False
        self._keras = keras
        self._probe = probe
        self._open: list[
            tuple[RecordedCall, list[Any], list[Any], tuple[Any, ...], dict[str, Any]]
        ] = []
        self._numbers = _TensorNumbers()
        self._masks = _MaskReader(keras)
        self._producers: dict[int, RecordedCall] = {}
        # From a tensor's number to that of the tensor it was made from by a cast on its way into a
        # layer, or by an operation without a mask, which is not shown as a call.
        self._same_tensor: dict[int, int] = {}

    def begin(
        self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> RecordedCall | None:
        """Records the inputs, with a copy of each mask, since the call may clear masks."""
        parent = self._open[-1][0] if self._open else None
        is_operation = not isinstance(layer, self._keras.Layer)
        leaves = [leaf for _, leaf in _tensor_arguments(layer, args, kwargs, self._flat)]
        attached = [attached_mask(leaf) for leaf in leaves]
        symbolic = any(is_symbolic(leaf) for leaf in leaves) or (
            # Calls that a layer makes before its own code runs belong to building it.
            parent is not None and (parent.symbolic or not parent.entered)
        )
        if is_operation and symbolic:
            call = RecordedCall(
                -1, parent, "", "", None, symbolic, -1, is_operation=True, entered=True
            )
            call.inputs = tuple(map(self._numbers.of, leaves))
            self._open.append((call, leaves, attached, args, kwargs))
            return call
        call = RecordedCall(
            place=len(self.calls),
            parent=parent,
            name=layer.name,
            layer_type=("ops." if is_operation else "") + type(layer).__name__,
            layer=layer,
            symbolic=symbolic,
            last_inside=len(self.calls),
            is_operation=is_operation,
            entered=is_operation,
            unmasked_operation=is_operation and all(mask is None for mask in attached),
        )
        call.shapes_in = tuple(_shape(leaf) for leaf in leaves)
        call.made_outside_layers = tuple(
            id(leaf) not in self._numbers and self._keras.ops.is_tensor(leaf) for leaf in leaves
        )
        call.inputs = tuple(map(self._numbers.of, leaves))
        call.sources = tuple(map(self._producer, call.inputs))
        call.masks_in = [self._masks.read(mask, symbolic) for mask in attached]
        self.calls.append(call)
        self._open.append((call, leaves, attached, args, kwargs))
        return call

    def enter(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Records the mask arguments, which Keras has filled in by now."""
        if not isinstance(layer, self._keras.Layer):
            return False
        if not self._open or self._open[-1][0].layer is not layer or self._open[-1][0].entered:
            return True
        call, leaves, *_ = self._open[-1]
        call.entered = True
        inside = list(_tensor_arguments(layer, args, kwargs, self._flat))
        for number, (_name, leaf), original in zip(call.inputs, inside, leaves, strict=False):
            if leaf is not original:
                self._same_tensor[self._numbers.of(leaf)] = number
        for name, value in mask_arguments(layer, args, kwargs):
            masks = self._flat(value)
            if any(is_array(mask) for mask in masks):
                call.receives_mask = True
                call.arguments += [
                    (name, read)
                    for mask in masks
                    if (read := self._masks.read(mask, call.symbolic)) is not None
                ]
                self._place_masks(call, name, masks, inside)
        call.causal = kwargs.get("use_causal_mask") is True
        # These call their inner layer or cell once per timestep; record them as one call.
        run_as_one = self._keras.layers.RNN, self._keras.layers.TimeDistributed
        self.paused = isinstance(layer, run_as_one)
        return True

    def end(self, call: RecordedCall, outputs: Any) -> Any:
        """Records the outputs, and returns them unchanged."""
        self._end(call, outputs)
        return outputs

    def _end(self, call: RecordedCall, outputs: Any) -> None:
        _, leaves, attached, args, kwargs = self._open.pop()
        self.paused = False
        results = [leaf for leaf in self._flat(outputs) if is_array(leaf)]
        call.outputs = tuple(map(self._numbers.of, results))
        call.ended, call.last_inside = True, len(self.calls) - 1
        call.shapes_out = tuple(map(_shape, results))
        if call.place < 0 or call.unmasked_operation:
            call.masks_out = (None,) * len(results)
            for number in set(call.outputs) - set(call.inputs):
                known = next((t for t in call.inputs if self._producer(t)), None)
                if known is not None:
                    self._same_tensor[number] = known
            return
        call.masks_out = tuple(
            self._masks.read(attached_mask(leaf), call.symbolic) for leaf in results
        )
        call.cleared = frozenset(
            number
            for number, leaf, before in zip(call.inputs, leaves, attached, strict=True)
            if before is not None and attached_mask(leaf) is None
        )
        if call.parent is not None:
            call.parent.cleared_inside |= call.cleared | call.cleared_inside
        for number in call.outputs:
            self._producers[number] = call
        met_a_mask = call.receives_mask or any(mask is not None for mask in call.masks_in)
        if self._probe is not None and met_a_mask and not call.symbolic and not call.is_operation:
            self._probe_call(call, leaves, attached, args, kwargs)

    def fail(self, call: RecordedCall, error: BaseException) -> None:
        """Records the error."""
        self._open.pop()
        self.paused = False
        if call.place >= 0:
            call.error, call.last_inside = error, len(self.calls) - 1

    def _probe_call(
        self,
        call: RecordedCall,
        leaves: list[Any],
        attached: list[Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        assert self._probe is not None
        masks = {
            id(leaf): mask for leaf, mask in zip(leaves, attached, strict=True) if mask is not None
        }
        self.paused = True
        try:
            call.uses_mask = self._probe(call.layer, args, kwargs, masks)
        finally:
            self.paused = False
        call.probe_inconclusive = call.uses_mask is None

    def _flat(self, value: Any) -> list[Any]:
        return [value] if is_array(value) else list(self._keras.tree.flatten(value))

    def _producer(self, number: int) -> RecordedCall | None:
        while number not in self._producers and number in self._same_tensor:
            number = self._same_tensor[number]
        return self._producers.get(number)

    def origins(self, number: int) -> Iterator[int]:
        """Yields a tensor's number, then those of the tensors that it was cast or changed from."""
        yield number
        while number in self._same_tensor:
            number = self._same_tensor[number]
            yield number

    def _place_masks(
        self, call: RecordedCall, name: str, masks: list[Any], inside: list[tuple[str, Any]]
    ) -> None:
        """Assigns the masks of one mask argument to the tensors that they belong to."""
        names = [argument for argument, _ in inside]
        if name == "mask":
            positions = [i for i, argument in enumerate(names) if argument == names[0]]
        else:
            positions = [
                i for i, argument in enumerate(names) if argument == name.removesuffix("_mask")
            ]
        if not positions:
            # A padding_mask, say, belongs to the first tensor with as many timesteps.
            fitting = (
                i
                for i, (_, leaf) in enumerate(inside)
                if len(masks) == 1
                and len(masks[0].shape) == 2 <= len(leaf.shape)
                and _shape(leaf)[:2] == _shape(masks[0])
            )
            positions = list(fitting)[:1]
        for i, mask in zip(positions, masks, strict=False):
            if is_array(mask) and i < len(call.masks_in):
                call.mask_passed_by_hand |= call.masks_in[i] is None
                call.masks_in[i] = self._masks.read(mask, call.symbolic)


class _TensorNumbers:
    """Numbers tensors without keeping them alive; Python may reuse the id of a dead one."""

    def __init__(self) -> None:
        self._next = 0
        self._known: dict[int, tuple[Any, int]] = {}

    def __contains__(self, identity: int) -> bool:
        return identity in self._known

    def of(self, tensor: Any) -> int:
        known = self._known.get(id(tensor))
        if known is not None:
            return known[1]
        self._next += 1
        self._known[id(tensor)] = (self._reference(tensor), self._next)
        return self._next

    def _reference(self, tensor: Any) -> Any:
        identity, known = id(tensor), self._known
        try:
            return weakref.ref(tensor, lambda _: known.pop(identity, None))
        except TypeError:
            # Without weak references, keeping the tensor alive reserves its id.
            return tensor


class _MaskReader:
    """Reads masks into arrays; equal masks become one array."""

    def __init__(self, keras: Any) -> None:
        self._keras = keras
        self._kept: dict[tuple[Any, ...], list[Mask]] = {}
        # Most layers return the same mask tensor that came in, so read it once. On torch a tensor
        # can be written to, and an array kept from before would be out of date.
        self._unchanging = keras.backend.backend() in ("tensorflow", "jax")
        self._read: dict[int, tuple[Any, Mask]] = {}

    def read(self, mask: Any, symbolic: bool) -> Mask | None:
        if mask is None:
            return None
        if symbolic or is_symbolic(mask):
            return _SYMBOLIC_MASK
        if self._unchanging and id(mask) in self._read:
            return self._read[id(mask)][1]
        values = array_of(mask)
        if values.dtype.kind not in "biuf":
            # A custom layer can attach anything; this is no mask.
            return _SYMBOLIC_MASK
        array = np.array(np.atleast_1d(values), dtype=bool)
        array.flags.writeable = False
        same = self._kept.setdefault((array.shape, hash(array.tobytes())), [])
        for kept in same:
            if np.array_equal(kept, array):
                array = kept
                break
        else:
            same.append(array)
        if self._unchanging:
            self._keep_array_of(mask, array)
        return array

    def _keep_array_of(self, mask: Any, array: Mask) -> None:
        identity, read = id(mask), self._read
        try:
            reference = weakref.ref(mask, lambda _: read.pop(identity, None))
        except TypeError:
            return
        read[identity] = (reference, array)


def is_mask_argument(name: str) -> bool:
    """Returns whether an argument of `call` is a mask, judging by its name as Keras does."""
    return name == "mask" or name.endswith("_mask")


def named_arguments(
    layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[tuple[str, Any]]:
    """Yields the arguments of a call with their names, in the order of the signature."""
    if args:
        names = _parameters(type(layer).call)
        for place, value in enumerate(args):
            yield (names[place] if place < len(names) else ""), value
    yield from kwargs.items()


def _tensor_arguments(
    layer: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    flat: Callable[[Any], Iterable[Any]],
) -> Iterator[tuple[str, Any]]:
    """Yields the tensors among the arguments, without masks, each with its argument's name."""
    for name, value in named_arguments(layer, args, kwargs):
        if not is_mask_argument(name) and value is not None and not isinstance(value, bool | str):
            for leaf in flat(value):
                if is_array(leaf):
                    yield name, leaf


def mask_arguments(
    layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[tuple[str, Any]]:
    """Yields the mask arguments of a call that are not None, with their names."""
    for name, value in named_arguments(layer, args, kwargs):
        if value is not None and is_mask_argument(name):
            yield name, value


@lru_cache(maxsize=256)
def _parameters(call: Callable[..., Any]) -> tuple[str, ...]:
    """Returns the names of the positional parameters of a `call` method, without self."""
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = inspect.signature(call).parameters.values()
    return tuple(parameter.name for parameter in parameters if parameter.kind in kinds)[1:]


def is_array(value: Any) -> bool:
    """Returns whether a value is a tensor or an array."""
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _shape(tensor: Any) -> Shape:
    try:
        return tuple(None if size is None else int(size) for size in tensor.shape)
    except (TypeError, ValueError):
        # A TensorFlow shape of unknown rank has no sizes.
        return ()
