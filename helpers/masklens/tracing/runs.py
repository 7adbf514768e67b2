"""One run of a model on a batch, with the value of every tensor that a layer took or gave."""

import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from masklens._keras import (
    all_layers,
    attached_mask,
    functions_as_python,
    global_seeds,
    is_symbolic,
)
from masklens.tracing.calls import Array, Mask
from masklens.tracing.hooks import watching
from masklens.tracing.recorder import (
    Recorder,
    is_array,
    is_mask_argument,
    mask_arguments,
    named_arguments,
)


@dataclass(eq=False, slots=True)
class Node:
    """One call of a layer, or of an operation in a Functional model.

    Attributes:
        place: Its number in the run, in the order in which calls begin.
        parent: The call around it; None for that of the model.
        layer: What was called.
        raw: What the recorder made of it.
        inputs: The numbers of the tensors that came in; masks are not among them.
        masks: The mask arguments that it got, from its caller or from Keras, by name.
        outputs: The numbers of the tensors that came out.
        inside: The calls that it made.
    """

    place: int
    parent: "Node | None"
    layer: Any
    raw: Any = None
    inputs: tuple[int, ...] = ()
    masks: tuple[tuple[str, Any], ...] = ()
    outputs: tuple[int, ...] = ()
    inside: list["Node"] = field(default_factory=list)


class Run:
    """Watches the calls of one run (see `hooks._Watcher`), and keeps every tensor.

    Args:
        recorder: Is told of the calls, too; None for nobody.
        replace: `replace(node, inputs, output)` may give another tensor for what a layer gave out.
    """

    def __init__(
        self,
        recorder: Recorder | None = None,
        replace: Callable[[Node, Sequence[Any], Any], Any] | None = None,
    ) -> None:
        """Starts with no calls."""
        import keras

        self.nodes: list[Node] = []
        self.tensors: list[Any] = []
        self.masks: dict[int, Any] = {}
        self.outputs: Any = None
        self.draws_numbers = False
        self.recorder = recorder
        self.asleep = False
        self._keras, self._replace = keras, replace
        self._open: list[tuple[Node, list[Any]]] = []
        self._numbers: dict[int, int] = {}
        self._arrays: dict[int, Array] = {}
        # Elsewhere a tensor can be written to, and has other values later.
        self._may_change = keras.backend.backend() not in ("tensorflow", "jax")
        self._folded = keras.layers.RNN, keras.layers.TimeDistributed

    def begin(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Node | None:
        """Keeps what comes in."""
        raw = self.recorder.begin(layer, args, kwargs) if self.recorder else None
        parent = self._open[-1][0] if self._open else None
        leaves = [leaf for leaf in self._leaves(layer, args, kwargs) if not is_symbolic(leaf)]
        node = Node(len(self.nodes), parent, layer, raw)
        node.inputs = tuple(map(self._number, leaves))
        self.nodes.append(node)
        if parent is not None:
            parent.inside.append(node)
        self._open.append((node, leaves))
        return node

    def enter(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Lets the recorder see the mask arguments."""
        if not isinstance(layer, self._keras.Layer):
            return False
        if self.recorder:
            self.recorder.enter(layer, args, kwargs)
        if self._open and self._open[-1][0].layer is layer:
            self._open[-1][0].masks = tuple(mask_arguments(layer, args, kwargs))
            # What these call once per timestep is part of them.
            self.asleep = isinstance(layer, self._folded)
        return True

    def end(self, node: Node, outputs: Any) -> Any:
        """Keeps what comes out, after something else was put in its place."""
        _, leaves = self._open.pop()
        self.asleep = False
        if self._replace is not None and is_array(outputs) and not is_symbolic(outputs):
            outputs = self._replace(node, leaves, outputs)
        if self.recorder:
            # A probe runs the call again, and these runs are no calls of the model.
            self.asleep = True
            try:
                self.recorder.end(node.raw, outputs)
            finally:
                self.asleep = False
        results = [leaf for leaf in self._flat(outputs) if is_array(leaf) and not is_symbolic(leaf)]
        node.outputs = tuple(map(self._number, results))
        for number, leaf in zip(node.outputs, results, strict=True):
            mask = attached_mask(leaf)
            if mask is not None:
                self.masks.setdefault(number, mask)
        return outputs

    def fail(self, node: Node, error: BaseException) -> None:
        """Closes a call that raised."""
        self._open.pop()
        self.asleep = False
        if self.recorder:
            self.recorder.fail(node.raw, error)

    def value(self, number: int) -> Array:
        """Reads a tensor as an array."""
        if number not in self._arrays:
            array = np.asarray(self._keras.ops.convert_to_numpy(self.tensors[number]))
            # NumPy does not count with bfloat16.
            self._arrays[number] = array.astype("float32") if array.dtype.kind == "V" else array
        return self._arrays[number]

    def mask(self, number: int) -> Mask | None:
        """Reads the mask that a tensor carried when it was given out."""
        mask = self.masks.get(number)
        return None if mask is None or is_symbolic(mask) else self.boolean(mask)

    def boolean(self, mask: Any) -> Mask:
        """Reads a mask as an array of booleans."""
        return np.asarray(self._keras.ops.convert_to_numpy(mask), dtype=bool)

    def agrees_with(self, other: "Run") -> bool:
        """Whether the same calls came in the same order, and took each other's tensors alike."""
        # Keras makes some operations anew for each call.
        return len(self.nodes) == len(other.nodes) and all(
            (one.layer is two.layer or type(one.layer) is type(two.layer))
            and one.inputs == two.inputs
            and one.outputs == two.outputs
            for one, two in zip(self.nodes, other.nodes, strict=True)
        )

    def _number(self, tensor: Any) -> int:
        # Each tensor is kept, so that no other one gets its identity.
        number = self._numbers.get(id(tensor))
        if number is None:
            number = self._numbers[id(tensor)] = len(self.tensors)
            self.tensors.append(tensor)
            if self._may_change:
                self._arrays[number] = np.array(self.value(number))
        return number

    def _leaves(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Any]:
        layers = isinstance(layer, self._keras.Layer)
        arguments = (
            named_arguments(layer, args, kwargs)
            if layers
            else (("", value) for value in (*args, *kwargs.values()))
        )
        for name, value in arguments:
            if value is None or isinstance(value, bool | str) or is_mask_argument(name):
                continue
            for leaf in self._flat(value):
                if is_array(leaf):
                    yield leaf

    def _flat(self, value: Any) -> list[Any]:
        return [value] if is_array(value) else list(self._keras.tree.flatten(value))


class _Fresh(Run):
    """Keeps what the variables of layers hold when these have been built, and not been called."""

    def __init__(self, recorder: Recorder) -> None:
        """Begins with no variables but the seeds that belong to no layer."""
        super().__init__(recorder)
        self._kept: dict[int, tuple[Any, Array]] = {}
        self._keep(global_seeds())

    def keep(self, layer: Any) -> None:
        """Keeps the variables and states of a layer, as far as they are not known yet."""
        self._keep([*layer.variables, *states(layer)])

    def enter(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Comes right behind the building of a layer."""
        if isinstance(layer, self._keras.Layer):
            self.keep(layer)
        return super().enter(layer, args, kwargs)

    def put_back(self) -> None:
        """Gives the variables the values that were kept."""
        for variable, value in self._kept.values():
            variable.assign(value)

    def _keep(self, variables: Sequence[Any]) -> None:
        for variable in variables:
            if id(variable) not in self._kept:
                value = np.array(self._keras.ops.convert_to_numpy(variable))
                self._kept[id(variable)] = variable, value


class Player:
    """Runs a model as often as need be, and leaves everything as it was.

    Args:
        model: A Keras model or layer.
        training: Whether it runs as in training.
        probe: What a recorder asks of each call that meets a mask; see `Recorder`.
    """

    def __init__(
        self, model: Any, training: bool = False, probe: Callable[..., bool | None] | None = None
    ) -> None:
        """Begins with the weights as they are."""
        self.training = training
        self.recorder: Recorder | None = None
        self.error: Exception | None = None
        self._model, self._probe = model, probe
        self._lent: list[tuple[Any, Any]] = []

    def lend(self, values: Sequence[tuple[Any, Any]]) -> None:
        """Has the next runs use other values for some variables."""
        self._lent = list(values)

    def new_recorder(self) -> Recorder:
        """Makes what the next run is recorded by, and keeps it in `recorder`."""
        self.recorder = Recorder(self._probe)
        return self.recorder

    def build(self, inputs: Any) -> None:
        """Builds the model if it is not built, as a first call does, but changes no state.

        Args:
            inputs: What the model takes.

        Raises:
            Exception: What the model raises.
        """
        layers = all_layers(self._model)
        if all(layer.built for layer in layers):
            return
        # A layer that is not built yet counts and keeps what it is built with.
        with put_back([layer for layer in layers if layer.built]):
            fresh = _Fresh(self.new_recorder())
            try:
                for layer in layers:
                    fresh.keep(layer)
                with watching(fresh):
                    self._call(inputs)
            finally:
                fresh.put_back()

    def recorded(self, inputs: Any) -> Run:
        """Runs the model once, recorded."""
        return self.run(inputs, self.new_recorder())

    def run(
        self,
        inputs: Any,
        recorder: Recorder | None = None,
        replace: Callable[[Node, Sequence[Any], Any], Any] | None = None,
    ) -> Run:
        """Runs the model once.

        Args:
            inputs: What the model takes.
            recorder: Is told of each call.
            replace: May put another tensor in the place of what a layer gives out.

        Returns:
            The run.

        Raises:
            Exception: What the model raises.
        """
        import keras

        run = Run(recorder, replace)
        with keras.StatelessScope(state_mapping=self._lent) as scope, watching(run):
            run.outputs = self._call(inputs)
        # What is assigned here and is no weight or state of the model counts random numbers.
        run.draws_numbers = not scope.state_mapping.keys() <= self._weights_and_states()
        return run

    def _call(self, inputs: Any) -> Any:
        try:
            return self._model(inputs, training=self.training)
        except Exception as error:
            self.error = error
            raise

    def _weights_and_states(self) -> set[int]:
        return {
            id(variable)
            for layer in all_layers(self._model)
            for variable in (*layer.variables, *states(layer))
            if "seed_generator_state" not in variable.path
        }


def states(layer: Any) -> list[Any]:
    """The variables in which a recurrent layer keeps its state; they are not its variables."""
    import keras

    found = keras.tree.flatten(getattr(layer, "states", None) or [])
    return [state for state in found if hasattr(state, "assign")]


@contextmanager
def put_back(layers: Sequence[Any]) -> Iterator[None]:
    """Puts back, at the end of a block, what runs of a model change beside Keras's variables.

    These are plain attributes of layers, the losses that they have added, and variables that are
    TensorFlow's own; see also `_quiet`.

    Args:
        layers: A model and its layers.
    """
    kept = [(layer, _Attributes(layer)) for layer in layers]
    try:
        with _quiet():
            yield
    finally:
        for layer, attributes in kept:
            attributes.put_back(layer)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps warnings silent and the random numbers of others as they are, within a block.

    What `tf.function` has compiled runs as Python in it, so that calls of layers are seen.
    """
    numbers = random.getstate(), np.random.get_state()
    try:
        with warnings.catch_warnings(), functions_as_python():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(numbers[0])
        np.random.set_state(numbers[1])


class _Attributes:
    """What a layer's attributes are at one moment, as far as a call may change them."""

    _PLAIN = bool, int, float, complex, str, bytes, type(None), tuple, frozenset

    def __init__(self, layer: Any) -> None:
        self._plain: dict[str, Any] = {}
        self._collections: dict[str, tuple[Any, Any]] = {}
        self._variables: list[tuple[Any, Any]] = []
        self._names = set(vars(layer))
        for name, value in vars(layer).items():
            if isinstance(value, self._PLAIN):
                self._plain[name] = value
            elif isinstance(value, list | dict | set):
                self._collections[name] = value, _plain_copy(value)
            elif type(value).__module__.startswith("tensorflow") and hasattr(value, "assign"):
                self._variables.append((value, value.numpy()))
            elif is_array(value):
                self._plain[name] = value

    def put_back(self, layer: Any) -> None:
        now = vars(layer)
        for name in [*now.keys() - self._names]:
            if isinstance(now[name], self._PLAIN) or is_array(now[name]):
                del now[name]
        for name, value in self._plain.items():
            if now.get(name) is not value:
                now[name] = value
        for collection, before in self._collections.values():
            if not _same(collection, before):
                collection.clear()
                collection.extend(before) if isinstance(before, list) else collection.update(before)
        for variable, value in self._variables:
            variable.assign(value)


def _plain_copy(collection: Any) -> Any:
    """The items of a collection, which may be of a class of Keras's own."""
    kind = next(kind for kind in (list, dict, set) if isinstance(collection, kind))
    return kind(collection)


def _same(one: Any, other: Any) -> bool:
    """Whether two collections hold the same objects."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(one[key] is other[key] for key in one)
    if isinstance(one, set):
        return bool(one == other)
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
