"""Running layers that learners write: on arrays, without a mask, and in a Functional model."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens._keras import attach_mask, attached_mask
from masklens._language import mark
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
from masklens_course.comparison import side_by_side


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

    def wrong_mask_picture(self) -> Picture | None:
        """Shows the first wrong mask side by side with the right one."""
        pairs = zip(self.outputs, self.right, strict=False)
        wrong = [(ours.mask, theirs.mask) for ours, theirs in pairs if not _agree(ours, theirs)]
        return side_by_side(*wrong[0]) if wrong else None


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


def first_values(seen: LayerRuns) -> NDArray[Any]:
    """Returns the values of the first output on arrays."""
    return seen.outputs[0].values


def first_mask(seen: LayerRuns) -> NDArray[Any] | None:
    """Returns the mask of the first output on arrays, or None."""
    return seen.outputs[0].mask


def values_agree(seen: LayerRuns) -> bool:
    """Returns whether the outputs on arrays have the right number and the right values."""
    pairs = list(zip(seen.outputs, seen.right, strict=False))
    return len(seen.outputs) == len(seen.right) and all(same(o.values, r.values) for o, r in pairs)


def masks_agree(outputs: Any, right: Any) -> bool:
    """Returns whether all outputs carry the right masks: booleans, or None where that is right.

    Args:
        outputs: The outputs of a layer, or `Raised`.
        right: The right outputs.
    """
    if isinstance(outputs, Raised) or isinstance(right, Raised):
        return False
    return all(map(_agree, outputs, right))


def mask_lost(look: Callable[[Any], NDArray[Any] | None]) -> Mistake:
    """Makes the mistake of an output without a mask, for an input with one.

    Args:
        look: Returns the learner's mask.

    Returns:
        The mistake, `loses-the-mask`.
    """
    sentence = mark(
        "No mask comes out. Keras drops it unless the layer says, in `compute_mask`, what becomes "
        "of it. Is the method there, and does it return something?"
    )
    return Mistake("loses-the-mask", sentence, lambda seen: look(seen) is None)


WITHOUT_A_MASK = Condition(
    "invents-a-mask",
    mark(
        "No mask comes in, but one goes out. Without a mask all timesteps are read: hand on None."
    ),
    lambda seen: masks_agree(seen.bare, tuple(Masked(r.values) for r in seen.right)),
    (
        Mistake(
            "fails-without-a-mask",
            mark("It fails where its input carries no mask: `compute_mask` gets None then."),
            lambda seen: isinstance(seen.bare, Raised),
            lambda seen: error_picture(seen.bare),
        ),
    ),
)


def in_a_model(look: Callable[[Any], Any]) -> Condition:
    """Makes the condition that masks in a Functional model equal those on arrays.

    Args:
        look: Returns the outputs on arrays, for the inputs that the model gets.

    Returns:
        The condition, `lost-in-a-model`, with the mistake `fails-in-a-model`.
    """
    return Condition(
        "lost-in-a-model",
        mark(
            "On arrays all is right. In a Functional model the next layer gets another mask, or "
            "none. What does `compute_mask` return for symbolic tensors?"
        ),
        lambda seen: masks_agree(seen.in_model, look(seen)),
        (
            Mistake(
                "fails-in-a-model",
                mark(
                    "On arrays all is right, but no Functional model can be built with it. There "
                    "are no data yet: tensors are symbolic, and the batch size is open. Which "
                    "functions can do with that?"
                ),
                lambda seen: isinstance(seen.in_model, Raised),
                lambda seen: error_picture(seen.in_model),
            ),
        ),
    )


IN_A_MODEL = in_a_model(lambda seen: seen.outputs)


def error_picture(raised: Raised) -> Picture:
    """Shows the exception that a verdict mentions: the learner's lines and the message.

    Args:
        raised: The exception.

    Returns:
        The lines as a picture.

    Example:
        >>> error_picture(Raised(ValueError("no mask")))
        ValueError: no mask
    """
    lines = "\n".join([*learner_lines(raised.error), short_message(raised.error)])
    return Picture((element("pre", lines, tabindex=0),))


def _tensor(given: Masked) -> Any:
    import keras

    tensor = keras.ops.convert_to_tensor(given.values)
    if given.mask is not None:
        attach_mask(tensor, keras.ops.convert_to_tensor(given.mask))
    return tensor


def _agree(ours: Masked, right: Masked) -> bool:
    if ours.mask is None or right.mask is None:
        return ours.mask is right.mask
    return ours.mask.dtype == bool and same(ours.mask, right.mask)


def _listed(result: Any) -> list[Any]:
    return list(result) if isinstance(result, list | tuple) else [result]


def _array(mask: Any) -> NDArray[Any] | None:
    return None if mask is None else np.asarray(mask)
