"""What a run of a model tells of its inputs: what they are used for, and which masks are made."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from masklens.tracing.calls import Array, Mask
from masklens.tracing.recorder import is_array
from masklens.tracing.runs import Node, Run
from masklens.tracing.sequences import Input


def with_use(inputs: Sequence[Input], run: Run) -> list[Input]:
    """Says of each input whether its numbers are looked up, and whether it is taken as a mask.

    Args:
        inputs: The inputs of the model.
        run: A run on them.

    Returns:
        The inputs, with what the run tells of them.
    """
    return [
        replace(
            one,
            looked_up=not {2, 3} & _ranks_behind(one.array, run),
            taken_as_mask=_taken_as_mask(one.array, run),
        )
        for one in inputs
    ]


def makers(run: Run) -> list[Node]:
    """The calls that made a mask, of what came in there."""
    return [
        node
        for node in run.nodes
        if node.raw is not None
        and not any(run.mask(number) is not None for number in node.inputs)
        # Else a call inside made it.
        and not any(
            run.mask(number) is not None for inner in node.inside for number in inner.outputs
        )
        and any(mask is not None and mask.ndim > 1 for mask in map(run.mask, node.outputs))
    ]


def masks_made(run: Run) -> list[tuple[Array, Mask]]:
    """The masks that calls made, each with the tensor that it was made of."""
    return [
        (run.value(place), mask)
        for node in makers(run)
        for number in node.outputs
        if (mask := run.mask(number)) is not None and mask.ndim > 1
        for place in node.inputs
    ]


def _ranks_behind(array: Array, run: Run) -> set[int]:
    """How many axes the outputs of the layers have that take an array, and nothing else."""
    import keras

    return {
        run.value(after).ndim
        for node in run.nodes
        # TimeDistributed may do anything with a part of it.
        if isinstance(node.layer, keras.Layer)
        and not isinstance(node.layer, keras.layers.TimeDistributed)
        and not node.inside
        and len(node.inputs) == 1
        and np.array_equal(run.value(node.inputs[0]), array)
        for after in node.outputs
    }


def _taken_as_mask(array: Array, run: Run) -> bool:
    """Whether some call was handed an array as a mask argument."""
    if array.ndim != 2 or not np.isin(array, (0, 1)).all() or 3 in _ranks_behind(array, run):
        # Of other numbers, or ids that are looked up.
        return False
    return any(
        is_array(mask)
        and (flat := run.boolean(mask)).size == array.size
        and np.array_equal(flat.ravel(), array.ravel() != 0)
        for node in run.nodes
        for _name, mask in node.masks
    )
