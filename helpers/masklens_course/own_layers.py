"""Running layers that learners write: on arrays, and in a Functional model with an open time axis.

What a layer is given comes from a masked `Embedding`, or is an array without a mask.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from masklens._keras import attach_mask, attached_mask
from masklens._language import translate as _
from masklens.drawing.elements import element
from masklens.drawing.picture import Picture
from masklens_course.answer import (
    DiagnosedError,
    Raised,
    answering,
    learner_lines,
    numbers,
    same,
    short_message,
    trying,
)
from masklens_course.comparison import Compared
from masklens_course.conditions import Condition, Mistake
from masklens_course.example import Written, as_code
from masklens_course.mistakes import INVERTED, MASK_LOST, NOT_BOOLEAN, THIRD_AXIS

_WORDS = 100  # of the embeddings
ODD_VECTORS = np.array([[np.nan, np.inf], [0.0, 0.0], [-2.5, 1e6], [0.0, 7.0]])
"""Vectors of the ids 0 to 3: no number stands at padding, and a word may be all 0."""


@dataclass(frozen=True, eq=False)
class Masked:
    """The values of a tensor, and the mask that it carries.

    Attributes:
        values: (batch, time, features), or (batch, time) ids.
        mask: (batch, time) booleans, or None.
    """

    values: NDArray[Any]
    mask: NDArray[Any] | None = None

    @property
    def sure_mask(self) -> NDArray[np.bool_]:
        """The mask; all True if there is none, since every timestep is read then."""
        if self.mask is None:
            return np.ones(self.values.shape[:2], bool)
        return np.asarray(self.mask, bool)


@dataclass(frozen=True, eq=False)
class Embedded:
    """What a masked `Embedding` makes of ids: vectors, and a mask that leaves out the id 0.

    Attributes:
        ids: (batch, time) whole numbers.
        features: The size of the vectors.
        vectors: One for each id; by default all are different.
    """

    ids: NDArray[Any]
    features: int
    vectors: NDArray[Any] | None = None

    @property
    def table(self) -> NDArray[Any]:
        """One vector for each id, of shape (ids, features)."""
        if self.vectors is not None:
            return self.vectors
        return np.random.default_rng(0).normal(size=(_WORDS, self.features)).round(3)

    def embedding(self) -> Any:
        """Makes the layer that embeds the ids."""
        import keras

        table = self.table
        return keras.layers.Embedding(*table.shape, mask_zero=True, weights=[table])

    def embedding_as_code(self) -> str:
        """Writes that layer as code; the vectors only if they were chosen."""
        rows, features = self.table.shape
        more = "" if self.vectors is None else f", weights=[{_written(self.vectors)}]"
        return f"keras.layers.Embedding({rows}, {features}, mask_zero=True{more})"


Input = Embedded | NDArray[Any]


@dataclass(frozen=True, eq=False)
class LayerCall(Written):
    """A call of a learner's layer, which is the only argument of a case.

    Attributes:
        inputs: What the layer is given; it receives several as a list. An array carries no mask.
        made_with: The arguments of its constructor.
        way: Whether it is called on arrays, in a model, or in one that was saved and loaded.
        name: The name that the layer gets, as any layer can; empty for none.
    """

    inputs: tuple[Input, ...]
    made_with: tuple[Any, ...] = ()
    way: Literal["arrays", "model", "loaded"] = "arrays"
    name: str = ""

    @property
    def given(self) -> tuple[Masked, ...]:
        """The values and the masks of the inputs."""
        return tuple(
            Masked(one.table[one.ids], one.ids != 0) if isinstance(one, Embedded) else Masked(one)
            for one in self.inputs
        )

    @property
    def masks(self) -> int:
        """How many of the inputs carry a mask."""
        return sum(isinstance(one, Embedded) for one in self.inputs)

    @property
    def size(self) -> int:
        """How many numbers the layer is given."""
        return sum(one.values.size for one in self.given)

    def arguments(self) -> tuple[Any, ...]:
        """Makes the argument of the layer: a tensor, which carries its mask, or a list of them."""
        return (_alone(list(map(_tensor, self.given))),)

    def as_code(self, name: str) -> str:
        """Writes the call of a class of this name as code.

        Example:
            >>> print(LayerCall((np.array([[3, 0]]),), (2,)).as_code("SplitAt"))
            x = np.array([[3, 0]])
            SplitAt(2)(x)
            >>> print(LayerCall((Embedded(np.array([[3, 0]]), 4),), way="model").as_code("Shift"))
            a = keras.Input((None,), dtype="int32")
            x = keras.layers.Embedding(100, 4, mask_zero=True)(a)
            model = keras.Model(a, Shift()(x))
            model(np.array([[3, 0]]))
        """
        arrays = [_written(_array_of(one)) for one in self.inputs]
        lines, entries = [], []
        for to, source, array, one in zip("xy", "ab", arrays, self.inputs, strict=False):
            embedded = isinstance(one, Embedded)
            entries.append(source if embedded else to)
            if self.way != "arrays":
                lines.append(f"{entries[-1]} = {_as_input(one)}")
            elif not embedded:
                lines.append(f"{to} = {array}")
            if isinstance(one, Embedded):
                given = array if self.way == "arrays" else source
                lines.append(f"{to} = {one.embedding_as_code()}({given})")
        named = [f'name="{self.name}"'] if self.name else []
        made = f"{name}({', '.join([*map(_written, self.made_with), *named])})"
        called = f"{made}({_alone_as_code(['x', 'y'][: len(arrays)])})"
        if self.way == "arrays":
            return "\n".join([*lines, called])
        lines.append(f"model = keras.Model({_alone_as_code(entries)}, {called})")
        if self.way == "loaded":
            load = f'keras.models.load_model("m.keras", custom_objects={{"{name}": {name}}})'
            lines += ['model.save("m.keras")', f"model = {load}"]
        return "\n".join([*lines, f"model({_alone_as_code(arrays)})"])


def draw_ids(
    random: np.random.Generator, rows: int, time: int, padding: str = "holes"
) -> NDArray[Any]:
    """Draws ids with padding: behind (`"post"`), in front (`"pre"`), or anywhere (`"holes"`).

    Args:
        random: What draws them.
        rows: The number of rows; each has both padding and ids.
        time: The number of timesteps, at least 2.
        padding: Where it stands.

    Returns:
        Whole numbers of shape (rows, time), of which 0 is padding.

    Example:
        >>> draw_ids(np.random.default_rng(0), 2, 4, "pre").astype(bool).tolist()
        [[False, True, True, True], [False, False, False, True]]
    """
    ids = random.integers(1, _WORDS, (rows, time))
    for row in ids:
        padded = int(random.integers(1, time))
        if padding == "holes":
            row[random.permutation(time)[:padded]] = 0
        else:
            row[slice(-padded, None) if padding == "post" else slice(padded)] = 0
    return ids


@dataclass(frozen=True)
class LayerRun:
    """What a learner's layer gave in a call, and what is right.

    Attributes:
        call: The call.
        right: The right outputs.
        outputs: The outputs on arrays; or the exception, if only a missing mask raises it.
        in_model: The outputs in a Functional model, or the exception; None on arrays.
    """

    call: LayerCall
    right: tuple[Masked, ...]
    outputs: tuple[Masked, ...] | Raised
    in_model: tuple[Masked, ...] | Raised | None = None

    @property
    def yours(self) -> Any:
        """What came, for an example."""
        return self.outputs if self.in_model is None else self.in_model

    @property
    def given(self) -> Masked:
        """The first input."""
        return self.call.given[0]

    @property
    def values(self) -> Compared:
        """The values of the first output on arrays."""
        return Compared(self._sure_outputs[0].values, self.right[0].values)

    @property
    def mask(self) -> Compared:
        """The mask of the first output on arrays."""
        return Compared(self._sure_outputs[0].mask, self.right[0].mask)

    @property
    def _sure_outputs(self) -> tuple[Masked, ...]:
        return () if isinstance(self.outputs, Raised) else self.outputs

    def values_agree(self) -> bool:
        """Returns whether the outputs on arrays have the right number and values, if any came."""
        return isinstance(self.outputs, Raised) or _values_agree(self.outputs, self.right)

    def masks_agree(self) -> bool:
        """Returns whether the outputs on arrays carry the right masks."""
        return masks_agree(self.outputs, self.right)

    def agrees_in_model(self) -> bool:
        """Returns whether the layer gives the same in a model as on arrays."""
        if isinstance(self.outputs, Raised) or isinstance(self.in_model, Raised | None):
            return False
        values = _values_agree(self.in_model, self.outputs)
        return values and masks_agree(self.in_model, self.outputs)

    def picture(self) -> Picture | None:
        """Shows the exception, or else the first output that is wrong beside the right one."""
        if isinstance(self.yours, Raised):
            return error_picture(self.yours)
        pairs = [*zip(self.yours, self.right, strict=False)]
        compared = [Compared(ours.values, theirs.values) for ours, theirs in pairs]
        compared += [Compared(ours.mask, theirs.mask) for ours, theirs in pairs]
        places = [place for place, one in enumerate(compared) if not one.is_right()]
        if not places:
            return None
        wrong = compared[places[0]]
        drawn = wrong.picture() or _text(wrong.words())
        if len(pairs) < 2:
            return drawn
        which = (_("The first output:"), _("The second output:"))[places[0] % len(pairs)]
        return Picture((element("p", which), *drawn.nodes), drawn.sheets)


def layer_run(
    right: Callable[[LayerCall], tuple[Masked, ...]],
) -> Callable[[Any, LayerCall], LayerRun]:
    """Gives what runs a learner's layer in a call.

    Args:
        right: Takes the call, and returns the right outputs.

    Returns:
        For `Question.observe`: takes the class and the call, and returns the observation. It does
        not catch an exception on arrays that the layer also raises where each input has a mask.
    """

    def observe(answer: Any, call: LayerCall) -> LayerRun:
        layer = make(answer, *call.made_with)
        outputs = trying(on_arrays, layer, *call.given)
        if isinstance(outputs, Raised):
            _run_with_masks(layer, *call.given)
        if call.masks == len(call.given) and isinstance(outputs, Raised):
            raise outputs.error
        if call.way != "model":
            return LayerRun(call, right(call), outputs)
        # Another layer: the first was built for the size of these arrays.
        found = trying(in_model, make(answer, *call.made_with), *call.inputs)
        return LayerRun(call, right(call), outputs, found)

    return observe


def _run_with_masks(layer: Any, *inputs: Masked) -> None:
    """Raises what a layer raises also where each input carries a mask."""
    masked = [replace(one, mask=one.sure_mask) for one in inputs]
    on_arrays(layer, *masked)
    # Not asked for by Keras if the layer gives the tensor that it was given.
    masks = _alone([attached_mask(_tensor(one)) for one in masked])
    with answering():
        layer.compute_mask(_alone(list(map(_tensor, masked))), masks)


def make(answer: Callable[..., Any], *arguments: Any, name: str = "") -> Any:
    """Makes an instance of a learner's layer class.

    Args:
        answer: The class.
        arguments: The arguments of its constructor; arrays are copied.
        name: The name of the layer; empty for none.

    Returns:
        The layer.

    Raises:
        DiagnosedError: If the constructor takes other arguments (`wrong-arguments`).
    """
    # The signature of the class is that of Keras, which accepts any arguments.
    constructor = answer.__init__
    try:
        inspect.signature(constructor).bind(None, *arguments)
    except TypeError as error:
        raise DiagnosedError("wrong-arguments") from error
    with answering():
        given = [one.copy() if isinstance(one, np.ndarray) else one for one in arguments]
        return answer(*given, name=name) if name else answer(*given)


def on_arrays(layer: Any, *inputs: Masked) -> tuple[Masked, ...]:
    """Calls a layer on arrays.

    Args:
        layer: The layer.
        inputs: Its input; the layer receives several as a list.

    Returns:
        Its outputs.
    """
    with answering():
        outputs = _listed(layer(_alone(list(map(_tensor, inputs)))))
    return tuple(Masked(numbers(output), _array(attached_mask(output))) for output in outputs)


def in_model(layer: Any, *inputs: Input) -> tuple[Masked, ...]:
    """Builds a Functional model of one layer, with an open time axis, and calls it on arrays.

    The masks are those that a next layer would get: `compute_mask` made them of symbolic tensors.

    Args:
        layer: The layer.
        inputs: Its input; the layer receives several as a list.

    Returns:
        Its outputs.
    """
    import keras

    entries, outputs = symbolic_call(layer, *inputs)
    found = [attached_mask(output) for output in outputs]
    model = keras.Model(entries, [*outputs, *(mask for mask in found if mask is not None)])
    with answering():
        results = list(map(numbers, _listed(model([_array_of(one) for one in inputs]))))
    left = iter(results[len(outputs) :])
    return tuple(
        Masked(value, None if mask is None else next(left))
        for value, mask in zip(results, found, strict=False)
    )


def symbolic_call(layer: Any, *inputs: Input) -> tuple[list[Any], list[Any]]:
    """Calls a layer on symbolic tensors, of which the batch and the time axis are open.

    Args:
        layer: The layer.
        inputs: As for `in_model`.

    Returns:
        The inputs of a model, and its outputs.
    """
    import keras

    entries = [
        keras.Input((None, *_array_of(one).shape[2:]), dtype=_dtype(_array_of(one)))
        for one in inputs
    ]
    given = [
        one.embedding()(entry) if isinstance(one, Embedded) else entry
        for one, entry in zip(inputs, entries, strict=True)
    ]
    with answering():
        return entries, _listed(layer(_alone(given)))


def masks_agree(outputs: Any, right: Any) -> bool:
    """Returns whether all outputs carry the right masks: booleans, or None where that is right.

    Args:
        outputs: The outputs of a layer, or `Raised`.
        right: The right outputs, or `Raised`.
    """
    if isinstance(outputs, Raised) or isinstance(right, Raised):
        return False
    return all(one.is_right() for one in _masks(outputs, right))


MASK_NOT_BOOLEAN, MASK_INVERTED = NOT_BOOLEAN.of("mask"), INVERTED.of("mask")
MASK_MISTAKES = (MASK_LOST.of("mask"), THIRD_AXIS.of("mask"), MASK_NOT_BOOLEAN, MASK_INVERTED)
"""Those of any layer whose first output carries a mask."""

WITHOUT_A_MASK = Condition(
    "invents-a-mask",
    "No mask comes in, but one goes out. Without a mask all timesteps are read: pass None on.",
    LayerRun.masks_agree,
    Mistake(
        "fails-without-a-mask",
        "It fails when its input carries no mask: then `compute_mask` gets None.",
        lambda seen: isinstance(seen.outputs, Raised),
    ),
    picture=LayerRun.picture,
    when=lambda call: not call.masks,
)

IN_A_MODEL = Condition(
    "lost-in-a-model",
    "In a Functional model the layer gives another result than on arrays. What do `call` and "
    "`compute_mask` return for symbolic tensors?",
    LayerRun.agrees_in_model,
    Mistake(
        "fails-in-a-model",
        "No Functional model can be built with it. While a model is built there is no data yet, "
        "and the numbers of rows and timesteps are unknown: `x.shape[1]` is None. Use slices, "
        "and functions of `keras.ops` that need no sizes.",
        lambda seen: isinstance(seen.in_model, Raised),
    ),
    picture=LayerRun.picture,
    when=lambda call: call.way == "model",
)


def error_picture(result: Any) -> Picture | None:
    """Shows the exception that a verdict mentions: the learner's lines and the message.

    Args:
        result: The exception as `Raised`, or a result.

    Returns:
        The lines as a picture; None for a result.

    Example:
        >>> error_picture(Raised(ValueError("no mask")))
        ValueError: no mask
    """
    if not isinstance(result, Raised):
        return None
    return _text("\n".join([*learner_lines(result.error), short_message(result.error)]))


def _text(lines: str) -> Picture:
    return Picture((element("pre", lines, tabindex=0),))


def _values_agree(outputs: tuple[Masked, ...], right: tuple[Masked, ...]) -> bool:
    pairs = zip(outputs, right, strict=False)
    return len(outputs) == len(right) and all(same(o.values, r.values) for o, r in pairs)


def _masks(outputs: tuple[Masked, ...], right: tuple[Masked, ...]) -> Iterator[Compared]:
    for ours, theirs in zip(outputs, right, strict=False):
        yield Compared(ours.mask, theirs.mask)


def _tensor(given: Masked) -> Any:
    import keras

    tensor = keras.ops.convert_to_tensor(given.values, dtype=_dtype(given.values))
    if given.mask is not None:
        attach_mask(tensor, keras.ops.convert_to_tensor(given.mask))
    return tensor


def _dtype(array: NDArray[Any]) -> str:
    return "float32" if array.dtype.kind == "f" else "int32"


def _array_of(one: Input) -> NDArray[Any]:
    return one.ids if isinstance(one, Embedded) else one


def _written(value: Any) -> str:
    return str(as_code(value))


def _as_input(one: Input) -> str:
    array = _array_of(one)
    dtype = "" if array.dtype.kind == "f" else ', dtype="int32"'
    return f"keras.Input({(None, *array.shape[2:])}{dtype})"


def _alone(given: list[Any]) -> Any:
    return given[0] if len(given) == 1 else given


def _alone_as_code(given: list[str]) -> str:
    return given[0] if len(given) == 1 else f"[{', '.join(given)}]"


def _listed(result: Any) -> list[Any]:
    return list(result) if isinstance(result, list | tuple) else [result]


def _array(mask: Any) -> NDArray[Any] | None:
    return None if mask is None else np.asarray(mask)
