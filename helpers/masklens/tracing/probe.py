"""Finding out whether a call uses its mask, by running it again with another mask."""

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from masklens._keras import array_of, attach_mask, attached_mask, booleans_of
from masklens.tracing.calls import Array, Mask
from masklens.tracing.recorder import is_array, is_mask_argument, named_arguments


def depends_on_mask(
    layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], attached: dict[int, Any]
) -> bool | None:
    """Runs a call again with other masks, and compares the outputs.

    Changes one mask at a time: masks the first, the middle or the last valid timestep of each row,
    or makes every timestep valid. Compares outputs at the timesteps that are valid with both masks,
    or as a whole if the time axis is gone. Each run is in a `keras.StatelessScope`, which catches
    assignments to weights, seed generators, moving statistics and the states of a stateful RNN.

    Args:
        layer: The layer that was called.
        args: Its positional arguments.
        kwargs: Its named arguments.
        attached: The masks that its tensors carried before the call, by the id of the tensor.

    Returns:
        Whether the outputs differ; None if equal runs give different outputs, or if no run with
        another mask succeeds.
    """
    trial = _Trial(layer, args, kwargs, attached)
    with undisturbed():
        before = trial.run()
        if before is None or _differ(before, trial.run() or before[:0]):
            return None
        succeeded = False
        for identity, mask in trial.masks.items():
            for variant in _variants(mask):
                after = trial.run(identity, variant)
                if after is not None and _differ(before, after):
                    return True
                succeeded |= after is not None
    return False if succeeded else None


class _Trial:
    """A call that can be run again with other masks."""

    def __init__(
        self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], attached: dict[int, Any]
    ) -> None:
        import keras

        self._keras, self._layer, self._args, self._kwargs = keras, layer, args, kwargs
        self._attached = attached
        self._tensors: list[Any] = []
        by_hand: dict[int, Any] = {}
        for name, value in named_arguments(layer, args, kwargs):
            leaves = [leaf for leaf in keras.tree.flatten(value) if is_array(leaf)]
            if is_mask_argument(name):
                by_hand |= {id(leaf): leaf for leaf in leaves}
            else:
                self._tensors += leaves
        self.masks = {
            identity: booleans_of(mask) for identity, mask in (attached | by_hand).items()
        }

    def run(
        self, changed: int | None = None, variant: Mask | None = None
    ) -> list[tuple[Array, Mask]] | None:
        """Runs the call with one mask replaced.

        Args:
            changed: The id of the tensor that carries the mask, or of the mask argument; None to
                change nothing.
            variant: The replacement.

        Returns:
            For each output its values, and booleans of its leading axes: True at valid timesteps.
            None if the call fails.
        """
        copies: dict[int, Any] = {}

        def rerun_argument(leaf: Any) -> Any:
            identity = id(leaf)
            if identity in self._attached:
                # Copy it, since the user's tensor must keep its mask, but copy it once only, since
                # layers may test whether two arguments are the same tensor.
                if identity not in copies:
                    copies[identity] = self._keras.ops.copy(leaf)
                    mask = self._attached[identity]
                    attach_mask(
                        copies[identity],
                        self._tensor_like(mask, variant) if identity == changed else mask,
                    )
                return copies[identity]
            return self._tensor_like(leaf, variant) if identity == changed else leaf

        args, kwargs = self._keras.tree.map_structure(rerun_argument, (self._args, self._kwargs))
        try:
            with self._keras.StatelessScope():
                outputs = self._layer(*args, **kwargs)
        except Exception:
            # A layer may raise anything with another mask; such a run shows nothing.
            return None
        masks = dict(self.masks)
        if changed is not None and variant is not None:
            masks[changed] = variant
        leaves = [leaf for leaf in self._keras.tree.flatten(outputs) if is_array(leaf)]
        return [(self._read_values(leaf), self._valid(leaf, masks)) for leaf in leaves]

    def _valid(self, output: Any, masks: dict[int, Mask]) -> Mask:
        """Returns the valid timesteps of an output; all, if it has no time axis."""
        shape = tuple(output.shape)
        own = attached_mask(output)
        if own is not None:
            return booleans_of(own)
        fitting = [mask for mask in masks.values() if mask.ndim > 1 and mask.shape == shape[:2]]
        unmasked = any(
            tuple(tensor.shape)[:2] == shape[:2] and id(tensor) not in masks
            for tensor in self._tensors
        )
        arguments = len(masks) > len(self._attached)
        if not fitting or (unmasked and not arguments):
            return np.ones((), dtype=bool)
        # As in merge layers, a timestep is valid if it is in any of the inputs.
        merged: Mask = np.logical_or.reduce(fitting)
        return merged

    def _read_values(self, tensor: Any) -> Array:
        return array_of(tensor)

    def _tensor_like(self, mask: Any, variant: Mask | None) -> Any:
        return self._keras.ops.convert_to_tensor(variant, dtype=mask.dtype)


def _variants(mask: Mask) -> Iterator[Mask]:
    """Yields masks that differ from this one in one timestep of each row, or in all."""
    # Counts the valid timesteps of each row from 1; 0 at masked ones.
    rank = np.cumsum(mask, axis=-1) * mask
    count = mask.sum(axis=-1, keepdims=True)
    for masked in (1, count, (count + 1) // 2):
        yield mask & (rank != masked)
    if not mask.all():
        yield np.ones_like(mask)


def _differ(before: list[tuple[Array, Mask]], after: list[tuple[Array, Mask]]) -> bool:
    return len(before) != len(after) or any(
        _values_differ(one, other, valid, other_valid)
        for (one, valid), (other, other_valid) in zip(before, after, strict=True)
    )


def _values_differ(one: Array, other: Array, valid: Mask, other_valid: Mask) -> bool:
    if one.shape != other.shape:
        return True
    try:
        both = np.broadcast_to(valid & other_valid, one.shape[: max(valid.ndim, other_valid.ndim)])
    except ValueError:
        # The mask does not fit the output, so compare all values.
        both = np.ones((), dtype=bool)
    one, other = one[both], other[both]
    if one.dtype.kind not in "fc":
        return not np.array_equal(one, other)
    scale = np.abs(one[np.isfinite(one)]).max(initial=0.0)
    return not np.allclose(one, other, rtol=1e-5, atol=1e-7 * float(scale), equal_nan=True)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Silences warnings, and restores the random states of Python and NumPy, around a block.

    Example:
        >>> import random
        >>> with undisturbed():
        ...     random.seed(0)
    """
    states = random.getstate(), np.random.get_state()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
