"""Running layers that learners write: on arrays, without a mask, and in a Functional model."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens._keras import attach_mask, attached_mask
from masklens.drawing.elements import element
from masklens.drawing.picture import Picture
from masklens_course.answer import (
    DiagnosedError,
    Raised,
    learner_lines,
    numbers,
    same,
    short_message,
    trying,
)
from masklens_course.checks import Condition, Mistake
from masklens_course.comparison import Compared


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class LayerRuns:
    """The outputs of a learner's layer in three situations, and the right ones for the first.

    Attributes:
        outputs: The outputs on arrays that carry masks.
        right: The right outputs on these arrays.
        bare: The outputs on the same arrays without masks, or the exception.
        in_model: The outputs of a Functional model on the arrays with masks, or the exception.
    """

    outputs: tuple[Masked, ...]
    right: tuple[Masked, ...]
    bare: tuple[Masked, ...] | Raised
    in_model: tuple[Masked, ...] | Raised

    @property
    def values(self) -> Compared:
        """The values of the first output on arrays."""
        return Compared(self.outputs[0].values, self.right[0].values)

    @property
    def mask(self) -> Compared:
        """The mask of the first output on arrays."""
        return Compared(self.outputs[0].mask, self.right[0].mask)

    @property
    def right_in_model(self) -> tuple[Masked, ...] | Raised:
        """What the model should give: what the layer gives on arrays."""
        return self.outputs

    def values_agree(self) -> bool:
        """Returns whether the outputs on arrays have the right number and the right values."""
        pairs = zip(self.outputs, self.right, strict=False)
        all_same = all(same(ours.values, right.values) for ours, right in pairs)
        return len(self.outputs) == len(self.right) and all_same

    def masks_agree(self) -> bool:
        """Returns whether the outputs on arrays carry the right masks."""
        return masks_agree(self.outputs, self.right)

    def wrong_mask_picture(self) -> Picture | None:
        """Shows the first wrong mask side by side with the right one."""
        wrong = (one for one in _masks(self.outputs, self.right) if not one.is_right())
        return next((one.picture() for one in wrong), None)


def run(layer: Any, right: tuple[Masked, ...], *inputs: Masked) -> LayerRuns:
    """Runs a learner's layer in the three situations.

    Args:
        layer: The layer.
        right: The right outputs.
        inputs: Its input; the layer receives several as a list.

    Returns:
        The outputs. An exception on arrays with masks is not caught.
    """
    bare = [Masked(given.values) for given in inputs]
    return LayerRuns(
        outputs=on_arrays(layer, *inputs),
        right=right,
        bare=trying(on_arrays, layer, *bare),
        in_model=trying(in_model, layer, *inputs),
    )


def make(answer: Callable[..., Any], *arguments: Any) -> Any:
    """Makes an instance of a learner's layer class.

    Args:
        answer: The class.
        arguments: The arguments of its constructor.

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
    return answer(*arguments)


def on_arrays(layer: Any, *inputs: Masked) -> tuple[Masked, ...]:
    """Calls a layer on arrays.

    Args:
        layer: The layer.
        inputs: Its input; the layer receives several as a list.

    Returns:
        Its outputs.
    """
    tensors = [_tensor(given) for given in inputs]
    outputs = _listed(layer(tensors[0] if len(tensors) == 1 else tensors))
    return tuple(Masked(numbers(output), _array(attached_mask(output))) for output in outputs)


def in_model(layer: Any, *inputs: Masked) -> tuple[Masked, ...]:
    """Builds a Functional model of one layer, and calls the model on arrays.

    The masks are those that a next layer would get: `compute_mask` made them of symbolic tensors.

    Args:
        layer: The layer.
        inputs: Its input; the layer receives several as a list.

    Returns:
        Its outputs.
    """
    import keras

    def symbol(array: NDArray[Any]) -> Any:
        return keras.Input(array.shape[1:], dtype=str(array.dtype))

    values = [symbol(given.values) for given in inputs]
    masks = [None if given.mask is None else symbol(given.mask) for given in inputs]
    for value, mask in zip(values, masks, strict=True):
        attach_mask(value, mask)
    outputs = _listed(layer(values[0] if len(values) == 1 else values))
    found = [attached_mask(output) for output in outputs]
    model = keras.Model(
        [*values, *(mask for mask in masks if mask is not None)],
        [*outputs, *(mask for mask in found if mask is not None)],
    )
    tensors = [_tensor(given) for given in inputs]
    tensors += [attached_mask(tensor) for tensor in tensors if attached_mask(tensor) is not None]
    results = list(map(numbers, _listed(model(tensors))))
    left = iter(results[len(outputs) :])
    return tuple(
        Masked(value, None if mask is None else next(left))
        for value, mask in zip(results, found, strict=False)
    )


def masks_agree(outputs: Any, right: Any) -> bool:
    """Returns whether all outputs carry the right masks: booleans, or None where that is right.

    Args:
        outputs: The outputs of a layer, or `Raised`.
        right: The right outputs, or `Raised`.
    """
    if isinstance(outputs, Raised) or isinstance(right, Raised):
        return False
    masks = list(_masks(outputs, right))
    booleans = all(one.yours is None or one.yours.dtype == bool for one in masks)
    return booleans and all(one.is_right() for one in masks)


WITHOUT_A_MASK = Condition(
    "invents-a-mask",
    "No mask comes in, but one goes out. Without a mask all timesteps are read: hand on None.",
    lambda seen: masks_agree(seen.bare, [Masked(right.values) for right in seen.right]),
    Mistake(
        "fails-without-a-mask",
        "It fails where its input carries no mask: `compute_mask` gets None then.",
        lambda seen: isinstance(seen.bare, Raised),
        lambda seen: error_picture(seen.bare),
    ),
)

IN_A_MODEL = Condition(
    "lost-in-a-model",
    "On arrays all is right. In a Functional model the next layer gets another mask, or none. "
    "What does `compute_mask` return for symbolic tensors?",
    lambda seen: masks_agree(seen.in_model, seen.right_in_model),
    Mistake(
        "fails-in-a-model",
        "On arrays all is right, but no Functional model can be built with it. There are no data "
        "yet: tensors are symbolic, and the batch size is open. Which functions can do with that?",
        lambda seen: isinstance(seen.in_model, Raised),
        lambda seen: error_picture(seen.in_model),
    ),
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
    lines = "\n".join([*learner_lines(result.error), short_message(result.error)])
    return Picture((element("pre", lines, tabindex=0),))


def _masks(outputs: tuple[Masked, ...], right: tuple[Masked, ...]) -> Iterator[Compared]:
    for ours, theirs in zip(outputs, right, strict=False):
        yield Compared(ours.mask, theirs.mask)


def _tensor(given: Masked) -> Any:
    import keras

    tensor = keras.ops.convert_to_tensor(given.values)
    if given.mask is not None:
        attach_mask(tensor, keras.ops.convert_to_tensor(given.mask))
    return tensor


def _listed(result: Any) -> list[Any]:
    return list(result) if isinstance(result, list | tuple) else [result]


def _array(mask: Any) -> NDArray[Any] | None:
    return None if mask is None else np.asarray(mask)
