"""Reading a batch from a caller: arrays with names and masks, or an error that says what to do."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from masklens._keras import is_symbolic
from masklens._language import translate as _
from masklens.padding import PaddedBatch
from masklens.tracing.calls import Array
from masklens.tracing.sequences import Input, named_inputs

# Iterating over these yields batches, whatever library they belong to.
_DATA_SETS = {"Dataset", "DatasetV2", "DataLoader", "PyDataset"}


def inputs_of(
    model: Any, inputs: Any, mask: Any
) -> tuple[list[Input], Callable[[Sequence[Any]], Any]]:
    """Lists the arrays among the inputs of a model.

    Args:
        model: A Keras model or layer.
        inputs: The caller's batch, in any structure.
        mask: Which timesteps are tokens, for one input or in the structure of several.

    Returns:
        The arrays with their names and masks, and a function that packs arrays into the same
        structure.

    Raises:
        TypeError: If the inputs are not numbers, not a batch, or come with the targets.
        ValueError: If the batch is empty, or `mask` does not fit it.
    """
    import keras

    _refuse_words(model, inputs)
    structure = concrete(inputs)
    leaves = keras.tree.flatten(structure)
    if any(0 in np.shape(getattr(leaf, "ids", leaf))[:2] for leaf in leaves) or not leaves:
        raise ValueError(_("The batch is empty: there is nothing to call the model on."))
    _refuse_more_than_inputs(model, structure, leaves)
    names = [tensor.name for tensor in _known_inputs(model)]
    if mask is not None:
        mask = _checked_masks(mask, len(leaves))
    named = named_inputs(structure, mask, names)

    def pack(arrays: Sequence[Any]) -> Any:
        return keras.tree.pack_sequence_as(structure, list(arrays))

    return named, pack


def concrete(inputs: Any) -> Any:
    """Converts a caller's inputs to arrays and `PaddedBatch`es.

    Args:
        inputs: Arrays, tensors, numbers in lists, or lists, tuples and dicts of them.

    Returns:
        The same structure.

    Raises:
        TypeError: If an input cannot be converted; the message says what to do.
    """
    import keras

    if isinstance(inputs, PaddedBatch):
        return inputs
    if isinstance(inputs, dict):
        return {name: concrete(value) for name, value in inputs.items()}
    if isinstance(inputs, list | tuple):
        if any(hasattr(value, "shape") or isinstance(value, PaddedBatch) for value in inputs):
            return type(inputs)(map(concrete, inputs))
        return _array(inputs)
    if isinstance(inputs, keras.KerasTensor) or is_symbolic(inputs):
        raise TypeError(
            _(
                "trace runs the model, so it takes arrays; got the symbolic tensor {inputs}. "
                "Pass a batch, such as the one that you would pass to predict."
            ).format(inputs=getattr(inputs, "name", inputs))
        )
    _refuse_other_types(inputs)
    return _array(keras.ops.convert_to_numpy(inputs))


def _refuse_other_types(inputs: Any) -> None:
    kinds = {base.__name__ for base in type(inputs).__mro__}
    if "RaggedTensor" in kinds:
        raise TypeError(
            _("trace takes one length per batch, and these rows are ragged: {fix}").format(
                fix="trace(model, ml.pad(ragged.to_list()))"
            )
        )
    if not kinds.isdisjoint(_DATA_SETS) or isinstance(inputs, Iterator):
        raise TypeError(
            _("trace takes one batch, not a data set: {fix}").format(
                fix="x, y = next(iter(dataset)); trace(model, x)"
            )
        )
    if not hasattr(inputs, "shape"):
        raise TypeError(
            _("trace takes an array, or a list, tuple or dict of arrays; got {type}.").format(
                type=type(inputs).__name__
            )
        )


def _array(values: Any) -> Array:
    try:
        array = np.asarray(values)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind == "O" and not _is_word(array):
        raise _unpadded()
    if array.dtype.kind in "cmM":
        raise TypeError(_("trace takes real numbers; got {dtype}.").format(dtype=array.dtype))
    return array


def _unpadded() -> TypeError:
    return TypeError(
        _(
            "No array can be made of this list of inputs: the sequences may differ in length. "
            "Pad them first: trace(model, ml.pad(sequences))."
        )
    )


def _refuse_words(model: Any, inputs: Any) -> None:
    """Raises for text, unless the model takes strings."""
    import keras

    if not any(map(_is_word, keras.tree.flatten(inputs))):
        return
    if getattr(model, "preprocessor", None) is not None:
        raise TypeError(
            _("{model} takes what its preprocessor makes of text: {fix}").format(
                model=model.name, fix="x = model.preprocessor(text); trace(model, x)"
            )
        )
    known = _known_inputs(model)
    if isinstance(inputs, str | bytes) or (
        known and not any(tensor.dtype == "string" for tensor in known)
    ):
        raise TypeError(
            _("trace takes numbers; got text. Look up the id of each token first, and pad them.")
        )


def _is_word(value: Any) -> bool:
    if isinstance(value, str | bytes):
        return True
    dtype = getattr(value, "dtype", None)
    if getattr(dtype, "kind", "") == "O":
        return bool(np.size(value)) and all(isinstance(one, str | bytes) for one in value.flat)
    return getattr(dtype, "kind", "") in ("U", "S") or "string" in str(dtype)


def _refuse_more_than_inputs(model: Any, structure: Any, leaves: Sequence[Any]) -> None:
    import keras

    expected = len(_known_inputs(model)) or int(isinstance(model, keras.Sequential))
    if not expected or len(leaves) <= expected or not isinstance(structure, list | tuple):
        return
    if expected == 1 and all(np.ndim(getattr(leaf, "ids", leaf)) < 2 for leaf in leaves):
        raise _unpadded()
    raise TypeError(
        _(
            "These are {count} arrays, and {model} takes {expected}. Of a pair (x, y), pass only "
            "x; y goes to targets=."
        ).format(model=model.name, expected=expected, count=len(leaves))
    )


def pair_hint(inputs: Any) -> str:
    """Suggests what may be wrong with a tuple that a model could not take.

    Args:
        inputs: The caller's inputs.

    Returns:
        A sentence, or an empty string.
    """
    if isinstance(inputs, tuple) and len(inputs) in (2, 3):
        return _("If this is a pair (x, y), pass only x; y goes to targets=.")
    return ""


def _known_inputs(model: Any) -> list[Any]:
    """Returns the symbolic inputs of a Functional model; a subclassed model has none."""
    return list(getattr(model, "inputs", None) or [])


def _checked_masks(mask: Any, count: int) -> Any:
    import keras

    if count == 1 and isinstance(mask, list | tuple):
        try:
            mask = np.asarray(mask)
        except ValueError as error:
            raise ValueError(_("The rows of mask= differ in length.")) from error
    masks = [
        one.mask if isinstance(one, PaddedBatch) else np.asarray(keras.ops.convert_to_numpy(one))
        for one in keras.tree.flatten(mask)
        if one is not None
    ]
    for one in masks:
        wrong = one.ravel() if one.dtype.kind not in "biuf" else one[~np.isin(one, (0, 1))]
        if wrong.size:
            raise ValueError(
                _("mask= takes booleans, True where there is a token; got {value!r}.").format(
                    value=wrong[0].item()
                )
            )
    if masks and not any(one.any() for one in masks):
        raise ValueError(
            _("mask= is False everywhere: without a token there is no answer to follow.")
        )
    return mask
