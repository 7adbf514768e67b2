"""Learning from a run what a model uses its inputs for, and which masks it makes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from masklens.tracing.calls import Array, Mask
from masklens.tracing.recorder import is_array
from masklens.tracing.runs import Node, Run
from masklens.tracing.sequences import Input


def with_usage(inputs: Sequence[Input], run: Run) -> list[Input]:
    """Finds out which inputs are looked up as ids, and which are taken as masks.

    Args:
        inputs: The inputs of the model.
        run: A run on them.

    Returns:
        The inputs with `looked_up` and `taken_as_mask` set.
    """
    return [
        replace(
            one,
            looked_up=not {2, 3} & _ranks_behind(one.array, run),
            taken_as_mask=_taken_as_mask(one.array, run),
        )
        for one in inputs
    ]


def mask_makers(run: Run) -> list[Node]:
    """Returns the calls that made a mask out of inputs that carried none."""
    return [
        node
        for node in run.nodes
        if node.recorded is not None
        and not any(run.mask(number) is not None for number in node.inputs)
        # Otherwise a call within this one made the mask.
        and not any(
            run.mask(number) is not None for inner in node.children for number in inner.outputs
        )
        and any(mask is not None and mask.ndim > 1 for mask in map(run.mask, node.outputs))
    ]


def made_masks(run: Run) -> list[tuple[Array, Mask]]:
    """Returns each mask that a call made, with the tensor that it was made of."""
    return [
        (run.value(place), mask)
        for node in mask_makers(run)
        for number in node.outputs
        if (mask := run.mask(number)) is not None and mask.ndim > 1
        for place in node.inputs
    ]


def _ranks_behind(array: Array, run: Run) -> set[int]:
    """Returns the ranks of the outputs of those layers whose only input equals an array."""
    import keras

    return {
        run.value(after).ndim
        for node in run.nodes
        # TimeDistributed hands its inner layer parts of the array.
        if isinstance(node.layer, keras.Layer)
        and not isinstance(node.layer, keras.layers.TimeDistributed)
        and not node.children
        and len(node.inputs) == 1
        and np.array_equal(run.value(node.inputs[0]), array)
        for after in node.outputs
    }


def _taken_as_mask(array: Array, run: Run) -> bool:
    """Whether some call received an array as a mask argument."""
    if array.ndim != 2 or not np.isin(array, (0, 1)).all() or 3 in _ranks_behind(array, run):
        # It holds other numbers than 0 and 1, or ids that are looked up.
        return False
    return any(
        is_array(mask)
        and (flat := run.boolean(mask)).size == array.size
        and np.array_equal(flat.ravel(), array.ravel() != 0)
        for node in run.nodes
        for _name, mask in node.masks
    )
