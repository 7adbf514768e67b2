"""Recording the calls of layers as they happen: tensors followed by identity, masks kept once."""

import inspect
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from masklens._keras import attached_mask, is_symbolic
from masklens.tracing.calls import Mask, Shape

# Stands for the mask of a symbolic tensor, whose values do not exist yet.
_UNKNOWN: Mask = np.zeros((0, 0), dtype=bool)
_UNKNOWN.flags.writeable = False


@dataclass(eq=False, slots=True)
class RawCall:
    """A call as it was seen, before anything is made of it.

    `tensors` and `results` number the tensors that came in and out: one tensor, one number.
    `sources` are the calls that the tensors in came out of. `last` is the place of the last call
    that was made inside this one. `cleared` numbers the tensors that came in with a mask and had
    none after the call; `cleared_inside` those of them that a call inside had cleared before.
    """

    place: int
    parent: "RawCall | None"
    name: str
    layer_type: str
    layer: Any
    symbolic: bool
    last: int
    shapes_in: tuple[Shape, ...] = ()
    tensors: tuple[int, ...] = ()
    sources: "tuple[RawCall | None, ...]" = ()
    masks_in: list[Mask | None] = field(default_factory=list)
    shapes_out: tuple[Shape, ...] = ()
    results: tuple[int, ...] = ()
    masks_out: tuple[Mask | None, ...] = ()
    # Which of the tensors in were made between layers, by an operator or a function.
    strays: tuple[bool, ...] = ()
    receives_mask: bool = False
    arguments: list[tuple[str, Mask]] = field(default_factory=list)
    causal: bool = False
    by_hand: bool = False
    uses_mask: bool | None = None
    inconclusive: bool = False
    entered: bool = False
    ended: bool = False
    operation: bool = False
    # An operation that met no mask: worth showing only where padding gets in.
    plain: bool = False
    error: BaseException | None = None
    cleared: frozenset[int] = frozenset()
    cleared_inside: frozenset[int] = frozenset()


class Recorder:
    """Watches calls (see `hooks._Watcher`) and keeps what it saw of them in `calls`.

    Args:
        probe: Is asked, right after a call that met a mask, whether its values depend on it:
            `probe(layer, args, kwargs, masks)` with the masks that hung on the tensors before the
            call, by the id of the tensor. None to ask nothing.
    """

    def __init__(self, probe: Callable[..., bool | None] | None = None) -> None:
        """Starts with no calls."""
        import keras

        self.calls: list[RawCall] = []
        self.asleep = False
        self._keras = keras
        self._probe = probe
        self._open: list[tuple[RawCall, list[Any], list[Any], tuple[Any, ...], dict[str, Any]]] = []
        self._numbers = _Numbers()
        self._masks = _Masks(keras)
        self._made_by: dict[int, RawCall] = {}
        # A tensor that is another one in new clothes: cast on its way in, or changed by an
        # operation that met no mask and is therefore no call worth showing.
        self._kin: dict[int, int] = {}

    def begin(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> RawCall | None:
        """Keeps what comes in, with a copy of each mask: the call may clear it."""
        parent = self._open[-1][0] if self._open else None
        operation = not isinstance(layer, self._keras.Layer)
        leaves = [leaf for _, leaf in _tensor_arguments(layer, args, kwargs, self._flat)]
        attached = [attached_mask(leaf) for leaf in leaves]
        symbolic = any(is_symbolic(leaf) for leaf in leaves) or (
            # What a layer calls before its own code runs, it calls to be built.
            parent is not None and (parent.symbolic or not parent.entered)
        )
        if operation and symbolic:
            call = RawCall(-1, parent, "", "", None, symbolic, -1, operation=True, entered=True)
            call.tensors = tuple(map(self._numbers.of, leaves))
            self._open.append((call, leaves, attached, args, kwargs))
            return call
        call = RawCall(
            place=len(self.calls),
            parent=parent,
            name=layer.name,
            layer_type=("ops." if operation else "") + type(layer).__name__,
            layer=layer,
            symbolic=symbolic,
            last=len(self.calls),
            operation=operation,
            entered=operation,
            plain=operation and all(mask is None for mask in attached),
        )
        call.shapes_in = tuple(_shape(leaf) for leaf in leaves)
        call.strays = tuple(
            id(leaf) not in self._numbers and self._keras.ops.is_tensor(leaf) for leaf in leaves
        )
        call.tensors = tuple(map(self._numbers.of, leaves))
        call.sources = tuple(map(self._source, call.tensors))
        call.masks_in = [self._masks.read(mask, symbolic) for mask in attached]
        self.calls.append(call)
        self._open.append((call, leaves, attached, args, kwargs))
        return call

    def enter(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Notes the mask arguments, which by now Keras has filled in."""
        if not isinstance(layer, self._keras.Layer):
            return False
        if not self._open or self._open[-1][0].layer is not layer or self._open[-1][0].entered:
            return True
        call, leaves, *_ = self._open[-1]
        call.entered = True
        inside = list(_tensor_arguments(layer, args, kwargs, self._flat))
        for number, (_name, leaf), original in zip(call.tensors, inside, leaves, strict=False):
            if leaf is not original:
                self._kin[self._numbers.of(leaf)] = number
        for name, value in mask_arguments(layer, args, kwargs):
            masks = self._flat(value)
            if any(is_array(mask) for mask in masks):
                call.receives_mask = True
                call.arguments += [
                    (name, read)
                    for mask in masks
                    if (read := self._masks.read(mask, call.symbolic)) is not None
                ]
                self._place(call, name, masks, inside)
        call.causal = kwargs.get("use_causal_mask") is True
        # These call what is in them once per timestep; it is part of the layer.
        folded = self._keras.layers.RNN, self._keras.layers.TimeDistributed
        self.asleep = isinstance(layer, folded)
        return True

    def end(self, call: RawCall, outputs: Any) -> Any:
        """Keeps what comes out, and hands it on as it is."""
        self._end(call, outputs)
        return outputs

    def _end(self, call: RawCall, outputs: Any) -> None:
        _, leaves, attached, args, kwargs = self._open.pop()
        self.asleep = False
        results = [leaf for leaf in self._flat(outputs) if is_array(leaf)]
        call.results = tuple(map(self._numbers.of, results))
        call.ended, call.last = True, len(self.calls) - 1
        call.shapes_out = tuple(map(_shape, results))
        if call.place < 0 or call.plain:
            call.masks_out = (None,) * len(results)
            for number in set(call.results) - set(call.tensors):
                known = next((t for t in call.tensors if self._source(t)), None)
                if known is not None:
                    self._kin[number] = known
            return
        call.masks_out = tuple(
            self._masks.read(attached_mask(leaf), call.symbolic) for leaf in results
        )
        call.cleared = frozenset(
            number
            for number, leaf, before in zip(call.tensors, leaves, attached, strict=True)
            if before is not None and attached_mask(leaf) is None
        )
        if call.parent is not None:
            call.parent.cleared_inside |= call.cleared | call.cleared_inside
        for number in call.results:
            self._made_by[number] = call
        met_a_mask = call.receives_mask or any(mask is not None for mask in call.masks_in)
        if self._probe is not None and met_a_mask and not call.symbolic and not call.operation:
            self._ask(call, leaves, attached, args, kwargs)

    def fail(self, call: RawCall, error: BaseException) -> None:
        """Keeps the error."""
        self._open.pop()
        self.asleep = False
        if call.place >= 0:
            call.error, call.last = error, len(self.calls) - 1

    def _ask(
        self,
        call: RawCall,
        leaves: list[Any],
        attached: list[Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        assert self._probe is not None
        masks = {
            id(leaf): mask for leaf, mask in zip(leaves, attached, strict=True) if mask is not None
        }
        self.asleep = True
        try:
            call.uses_mask = self._probe(call.layer, args, kwargs, masks)
        finally:
            self.asleep = False
        call.inconclusive = call.uses_mask is None

    def _flat(self, value: Any) -> list[Any]:
        return [value] if is_array(value) else list(self._keras.tree.flatten(value))

    def _source(self, number: int) -> RawCall | None:
        while number not in self._made_by and number in self._kin:
            number = self._kin[number]
        return self._made_by.get(number)

    def origins(self, number: int) -> Iterator[int]:
        """Yields a tensor's number, and those of the tensors that it is a new form of."""
        yield number
        while number in self._kin:
            number = self._kin[number]
            yield number

    def _place(
        self, call: RawCall, name: str, masks: list[Any], inside: list[tuple[str, Any]]
    ) -> None:
        """Puts the masks of one mask argument at the tensors that they are for."""
        names = [argument for argument, _ in inside]
        if name == "mask":
            meant = [i for i, argument in enumerate(names) if argument == names[0]]
        else:
            meant = [
                i for i, argument in enumerate(names) if argument == name.removesuffix("_mask")
            ]
        if not meant:
            # As a padding_mask: it is for the first tensor whose timesteps it fits.
            fitting = (
                i
                for i, (_, leaf) in enumerate(inside)
                if len(masks) == 1
                and len(masks[0].shape) == 2 <= len(leaf.shape)
                and _shape(leaf)[:2] == _shape(masks[0])
            )
            meant = list(fitting)[:1]
        for i, mask in zip(meant, masks, strict=False):
            if is_array(mask) and i < len(call.masks_in):
                call.by_hand |= call.masks_in[i] is None
                call.masks_in[i] = self._masks.read(mask, call.symbolic)


class _Numbers:
    """Gives each tensor a number of its own, without keeping it alive: an id may come again."""

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
            # It cannot be followed weakly; kept alive, it keeps its id to itself.
            return tensor


class _Masks:
    """Reads masks into arrays, and keeps one array per distinct mask."""

    def __init__(self, keras: Any) -> None:
        self._keras = keras
        self._kept: dict[tuple[Any, ...], list[Mask]] = {}
        # Most layers hand on the very tensor that came in; it is read once. Elsewhere a tensor
        # can be written to, and an array says nothing of what it was.
        self._unchanging = keras.backend.backend() in ("tensorflow", "jax")
        self._read: dict[int, tuple[Any, Mask]] = {}

    def read(self, mask: Any, symbolic: bool) -> Mask | None:
        if mask is None:
            return None
        if symbolic or is_symbolic(mask):
            return _UNKNOWN
        if self._unchanging and id(mask) in self._read:
            return self._read[id(mask)][1]
        values = np.asarray(self._keras.ops.convert_to_numpy(mask))
        if values.dtype.kind not in "biuf":
            # A custom layer can attach anything; this is no mask, and has no shape of one.
            return _UNKNOWN
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
            self._remember(mask, array)
        return array

    def _remember(self, mask: Any, array: Mask) -> None:
        identity, read = id(mask), self._read
        try:
            reference = weakref.ref(mask, lambda _: read.pop(identity, None))
        except TypeError:
            return
        read[identity] = (reference, array)


def is_mask_argument(name: str) -> bool:
    """Says whether an argument of `call` is a mask by its name, as Keras goes by it."""
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
    """Yields each tensor that comes in, with the argument that it stands in; no masks."""
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
    """Lists the names of the positional parameters of a `call` method, without self."""
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = inspect.signature(call).parameters.values()
    return tuple(parameter.name for parameter in parameters if parameter.kind in kinds)[1:]


def is_array(value: Any) -> bool:
    """Says whether a value is a tensor or an array."""
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _shape(tensor: Any) -> Shape:
    try:
        return tuple(None if size is None else int(size) for size in tensor.shape)
    except (TypeError, ValueError):
        # A TensorFlow shape of unknown rank has no sizes to list.
        return ()
