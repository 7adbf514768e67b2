"""Running a model on a batch: every tensor is kept, and the model stays as it was."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from masklens._keras import (
    all_layers,
    array_of,
    attached_mask,
    booleans_of,
    functions_as_python,
    global_seeds,
    is_symbolic,
)
from masklens.tracing.calls import Array, Mask
from masklens.tracing.hooks import watching
from masklens.tracing.probe import undisturbed
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
        place: The index of the call in the run, in the order in which calls begin.
        parent: The call that made this one; None for the call of the model.
        layer: The layer or operation.
        recorded: The recorder's `RecordedCall`; None without a recorder.
        inputs: The numbers of the tensors that came in, without masks.
        masks: The mask arguments from the caller or from Keras, each with its name.
        outputs: The numbers of the tensors that came out.
        children: The calls that it made.
    """

    place: int
    parent: "Node | None"
    layer: Any
    recorded: Any = None
    inputs: tuple[int, ...] = ()
    masks: tuple[tuple[str, Any], ...] = ()
    outputs: tuple[int, ...] = ()
    children: list["Node"] = field(default_factory=list)


class Run:
    """Watches the calls of one run (see `hooks._Watcher`), and keeps every tensor.

    Args:
        recorder: Records the calls, too; None for no recorder.
        replace: `replace(node, inputs, output)` returns the tensor to use as a layer's output.
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
        self.draws_random_numbers = False
        self.recorder = recorder
        self.paused = False
        self._keras, self._replace = keras, replace
        self._open: list[tuple[Node, list[Any]]] = []
        self._numbers: dict[int, int] = {}
        self._arrays: dict[int, Array] = {}
        # On torch a tensor can be written to, so its values must be copied at once.
        self._may_change = keras.backend.backend() not in ("tensorflow", "jax")
        self._run_as_one = keras.layers.RNN, keras.layers.TimeDistributed

    def begin(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Node | None:
        """Keeps the inputs."""
        recorded = self.recorder.begin(layer, args, kwargs) if self.recorder else None
        parent = self._open[-1][0] if self._open else None
        leaves = [leaf for leaf in self._leaves(layer, args, kwargs) if not is_symbolic(leaf)]
        node = Node(len(self.nodes), parent, layer, recorded)
        node.inputs = tuple(map(self._number, leaves))
        self.nodes.append(node)
        if parent is not None:
            parent.children.append(node)
        self._open.append((node, leaves))
        return node

    def enter(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Keeps the mask arguments, and passes them on to the recorder."""
        if not isinstance(layer, self._keras.Layer):
            return False
        if self.recorder:
            self.recorder.enter(layer, args, kwargs)
        if self._open and self._open[-1][0].layer is layer:
            self._open[-1][0].masks = tuple(mask_arguments(layer, args, kwargs))
            # These call their inner layer or cell once per timestep; treat them as one call.
            self.paused = isinstance(layer, self._run_as_one)
        return True

    def end(self, node: Node, outputs: Any) -> Any:
        """Replaces the output if `replace` says so, and keeps it."""
        _, leaves = self._open.pop()
        self.paused = False
        if self._replace is not None and is_array(outputs) and not is_symbolic(outputs):
            outputs = self._replace(node, leaves, outputs)
        if self.recorder:
            # A probe runs the call again; these runs are not calls of the model.
            self.paused = True
            try:
                self.recorder.end(node.recorded, outputs)
            finally:
                self.paused = False
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
        self.paused = False
        if self.recorder:
            self.recorder.fail(node.recorded, error)

    def value(self, number: int) -> Array:
        """Reads a tensor as an array."""
        if number not in self._arrays:
            array = array_of(self.tensors[number])
            # NumPy cannot compute with bfloat16.
            self._arrays[number] = array.astype("float32") if array.dtype.kind == "V" else array
        return self._arrays[number]

    def mask(self, number: int) -> Mask | None:
        """Reads the mask that a tensor carried when a call returned it."""
        mask = self.masks.get(number)
        return None if mask is None or is_symbolic(mask) else self.boolean(mask)

    def boolean(self, mask: Any) -> Mask:
        """Reads a mask as an array of booleans."""
        return booleans_of(mask)

    def has_same_calls_as(self, other: "Run") -> bool:
        """Returns whether both runs made the same calls in order, on the same numbered tensors."""
        # Keras creates some operations anew for each call, so compare their types.
        return len(self.nodes) == len(other.nodes) and all(
            (one.layer is two.layer or type(one.layer) is type(two.layer))
            and one.inputs == two.inputs
            and one.outputs == two.outputs
            for one, two in zip(self.nodes, other.nodes, strict=True)
        )

    def _number(self, tensor: Any) -> int:
        # Keep each tensor alive, so that Python does not reuse its id.
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


class _Build(Run):
    """A run that builds a model, and keeps the values that variables have right after building."""

    def __init__(self, recorder: Recorder) -> None:
        """Keeps the global seeds, which belong to no layer."""
        super().__init__(recorder)
        self._initial_values: dict[int, tuple[Any, Array]] = {}
        self._keep(global_seeds())

    def keep(self, layer: Any) -> None:
        """Keeps the values of a layer's variables and states that were not kept before."""
        self._keep([*layer.variables, *_state_variables(layer)])

    def enter(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Keeps the variables of a layer, which Keras has just built."""
        if isinstance(layer, self._keras.Layer):
            self.keep(layer)
        return super().enter(layer, args, kwargs)

    def restore(self) -> None:
        """Assigns the kept values to the variables."""
        for variable, value in self._initial_values.values():
            variable.assign(value)

    def _keep(self, variables: Sequence[Any]) -> None:
        for variable in variables:
            if id(variable) not in self._initial_values:
                value = np.array(self._keras.ops.convert_to_numpy(variable))
                self._initial_values[id(variable)] = variable, value


class Runner:
    """Runs a model any number of times without changing it.

    Args:
        model: A Keras model or layer.
        training: Whether to run it as in training.
        probe: The probe of the recorder; see `Recorder`.
    """

    def __init__(
        self, model: Any, training: bool = False, probe: Callable[..., bool | None] | None = None
    ) -> None:
        """Starts with the model's own weights."""
        self.training = training
        self.recorder: Recorder | None = None
        self.error: Exception | None = None
        self._model, self._probe = model, probe
        self._substitutes: list[tuple[Any, Any]] = []

    def substitute(self, values: Sequence[tuple[Any, Any]]) -> None:
        """Uses other values for some variables in the next runs."""
        self._substitutes = list(values)

    def new_recorder(self) -> Recorder:
        """Returns a new recorder for the next run, and keeps it in `recorder`."""
        self.recorder = Recorder(self._probe)
        return self.recorder

    def build(self, inputs: Any) -> None:
        """Builds an unbuilt model as its first call would, without changing any state.

        Args:
            inputs: The inputs, in the structure that the model takes.

        Raises:
            Exception: What the model raises.
        """
        layers = all_layers(self._model)
        if all(layer.built for layer in layers):
            return
        # The attributes that an unbuilt layer gets while it is built must stay.
        with restored([layer for layer in layers if layer.built]):
            build = _Build(self.new_recorder())
            try:
                for layer in layers:
                    build.keep(layer)
                with watching(build):
                    self._call(inputs)
            finally:
                build.restore()

    def run_recorded(self, inputs: Any) -> Run:
        """Runs the model once with a new recorder."""
        return self.run(inputs, self.new_recorder())

    def run(
        self,
        inputs: Any,
        recorder: Recorder | None = None,
        replace: Callable[[Node, Sequence[Any], Any], Any] | None = None,
    ) -> Run:
        """Runs the model once.

        Args:
            inputs: The inputs, in the structure that the model takes.
            recorder: Records each call; None for no recorder.
            replace: Returns the tensor to use as a layer's output; None to replace nothing.

        Returns:
            The run.

        Raises:
            Exception: What the model raises.
        """
        import keras

        run = Run(recorder, replace)
        with keras.StatelessScope(state_mapping=self._substitutes) as scope, watching(run):
            run.outputs = self._call(inputs)
        # Any other variable that was assigned belongs to a seed generator.
        run.draws_random_numbers = not scope.state_mapping.keys() <= self._weights_and_states()
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
            for variable in (*layer.variables, *_state_variables(layer))
            if "seed_generator_state" not in variable.path
        }


def _state_variables(layer: Any) -> list[Any]:
    """Returns the state variables of a recurrent layer, which `layer.variables` leaves out."""
    import keras

    found = keras.tree.flatten(getattr(layer, "states", None) or [])
    return [state for state in found if hasattr(state, "assign")]


@contextmanager
def restored(layers: Sequence[Any]) -> Iterator[None]:
    """Restores, at the end of a block, what runs of a model change besides Keras's variables.

    That is plain attributes of layers, the losses that they have added, TensorFlow's own variables,
    and the global random states. In the block, warnings are silent, and compiled functions run as
    Python, so that calls of layers are seen.

    Args:
        layers: A model and its layers.
    """
    snapshots = [(layer, _AttributeSnapshot(layer)) for layer in layers]
    try:
        with undisturbed(), functions_as_python():
            yield
    finally:
        for layer, snapshot in snapshots:
            snapshot.restore(layer)


class _AttributeSnapshot:
    """The attributes of a layer at one moment, as far as a call may change them."""

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

    def restore(self, layer: Any) -> None:
        now = vars(layer)
        for name in [*now.keys() - self._names]:
            if isinstance(now[name], self._PLAIN) or is_array(now[name]):
                del now[name]
        for name, value in self._plain.items():
            if now.get(name) is not value:
                now[name] = value
        for collection, before in self._collections.values():
            if not _same_objects(collection, before):
                collection.clear()
                collection.extend(before) if isinstance(before, list) else collection.update(before)
        for variable, value in self._variables:
            variable.assign(value)


def _plain_copy(collection: Any) -> Any:
    """Copies a collection, which may be of one of Keras's own classes, into a plain one."""
    kind = next(kind for kind in (list, dict, set) if isinstance(collection, kind))
    return kind(collection)


def _same_objects(one: Any, other: Any) -> bool:
    """Whether two collections hold the same objects."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(one[key] is other[key] for key in one)
    if isinstance(one, set):
        return bool(one == other)
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
