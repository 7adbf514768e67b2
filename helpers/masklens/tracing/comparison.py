"""Comparing the valid values of each tensor between two runs of a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from masklens.tracing.calls import Array, Mask
from masklens.tracing.runs import Run
from masklens.tracing.sequences import Sequences

Change = Literal["content", "amount", "rows"]

# Differences up to these, relative to the largest valid value, count as rounding.
TOLERANCES = {"float64": 1e-9, "float32": 1e-5, "bfloat16": 5e-2, "float16": 5e-3}


@dataclass(frozen=True)
class _Axes:
    """The meaning of a tensor's axes.

    Attributes:
        batch: Whether the first axis is the batch.
        time: Each time axis, with the places of the sequences that it may belong to.
        changed: Whether a time axis has another length than that of any input.
        nested: The place of nested sequences, such as (batch, sentences, words), whose axes come
            first; None for other tensors.
    """

    batch: bool
    time: tuple[tuple[int, tuple[int, ...]], ...] = ()
    changed: bool = False
    nested: int | None = None


class Comparison:
    """Compares the tensors of other runs with those of a base run.

    Args:
        base: The base run.
        found: The valid timesteps of its inputs.
        longer_run: A run with more padding, which shows the time axes; None if there is none.
        longer: The valid timesteps of that run's inputs.
    """

    def __init__(
        self,
        base: Run,
        found: Sequence[Sequences],
        longer_run: Run | None = None,
        longer: Sequence[Sequences] = (),
    ) -> None:
        """Takes the masks of the inputs; tensors are read when they are compared."""
        self._base, self._masks = base, [sequences.valid for sequences in found]
        self._longer_run = longer_run
        self._longer_masks = [sequences.valid for sequences in longer]
        # In an answer of another length, all timesteps count as valid.
        self._answers = set(base.nodes[0].outputs)
        self._sides = [sequences.side for sequences in found]
        self._rows = len(self._masks[0]) if self._masks else 0
        # A row without tokens has no answer, so it is not compared.
        full = [mask.reshape(len(mask), -1).any(axis=1) for mask in self._masks]
        self._rows_with_tokens: Mask = (
            np.logical_and.reduce(full) if full else np.ones(0, dtype=bool)
        )
        self._axes_by_tensor: dict[int, _Axes] = {}

    def moves(
        self, number: int, other: Run, other_number: int, change: Change, kept: Mask | None
    ) -> float | None:
        """Measures how far the valid values of a tensor move.

        Args:
            number: The number of the tensor in the base run.
            other: The run with the change.
            other_number: The number of the tensor in `other`.
            change: The kind of change: `"content"`, `"amount"` or `"rows"`.
            kept: (batch,) booleans: the rows to compare; None for all.

        Returns:
            The largest difference, relative to the largest valid value; infinity where a value
            stops being finite. None if there is nothing to compare.
        """
        one, two = self._base.value(number), other.value(other_number)
        if one is two:
            return 0.0
        masks = self._base.mask(number), other.mask(other_number)
        pair = self._valid_values(number, one, two, masks, change, kept)
        return None if pair is None else _relative_difference(*pair)

    def is_uncertain(self, number: int) -> bool:
        """Returns whether a tensor has more timesteps than the inputs, some of unknown origin."""
        shape = self._base.value(number).shape
        return any(
            shape[axis] > self._masks[places[0]].shape[-1]
            for axis, places in self._axes(number).time
        )

    def valid_values(self, number: int) -> Array:
        """Returns the valid values of a tensor in the base run."""
        value = self._base.value(number)
        masks = (self._base.mask(number),) * 2
        pair = self._valid_values(number, value, value, masks, "content", None)
        return value if pair is None else pair[0]

    def _valid_values(
        self,
        number: int,
        one: Array,
        two: Array,
        masks: tuple[Mask | None, Mask | None],
        change: Change,
        kept: Mask | None,
    ) -> tuple[Array, Array] | None:
        axes = self._axes(number)
        if not axes.batch:
            # A table of positions, say, or a tensor with batch and time folded into one axis.
            return (one, two) if change == "content" and one.shape == two.shape else None
        rows = (
            self._rows_with_tokens if kept is None else self._rows_with_tokens & kept[: self._rows]
        )
        if kept is not None:
            two = two[: self._rows]
        if axes.changed:
            return self._pair_of_changed_length(one, two, masks, change, rows)
        if not axes.time and axes.nested is None:
            return (one[rows], two[rows]) if one.shape == two.shape else None
        tokens = self._longer_masks if change == "amount" else self._masks
        if axes.nested is not None:
            before, after = self._masks[axes.nested], tokens[axes.nested]
            return _gather_nested(one, before, rows), _gather_nested(two, after, rows)
        pair = _gather(one, axes, self._masks, rows), _gather(two, axes, tokens, rows)
        # On a time axis longer than the inputs, the two runs may disagree about valid timesteps.
        return pair if pair[0].shape == pair[1].shape else None

    def _pair_of_changed_length(
        self,
        one: Array,
        two: Array,
        masks: tuple[Mask | None, Mask | None],
        change: Change,
        rows: Mask,
    ) -> tuple[Array, Array] | None:
        """Pairs the values of a time axis of another length: by its mask, or as a whole."""
        if all(
            mask is not None and mask.shape == value.shape[:2]
            for mask, value in zip(masks, (one, two), strict=True)
        ):
            own_mask, others = masks[0], masks[1][: len(two)]  # type: ignore[index]  # not None: all()
            own_mask = own_mask & rows[:, None]  # type: ignore[operator]
            others = others & rows[:, None]
            if (own_mask.sum(1) == others.sum(1)).all():
                return one[own_mask], two[others]
            return np.zeros(1), np.ones(1)
        if one.shape == two.shape:
            return one[rows], two[rows]
        if one.ndim != two.ndim or change != "amount":
            return None
        sizes = [min(a, b) for a, b in zip(one.shape, two.shape, strict=True)]
        # Padding was added at one end, so compare from the other.
        cut = tuple(
            slice(-size, None) if self._sides[0] == "pre" else slice(size) for size in sizes[1:]
        )
        return one[(slice(None), *cut)][rows], two[(slice(None), *cut)][rows]

    def _axes(self, number: int) -> _Axes:
        if number not in self._axes_by_tensor:
            shape = self._base.value(number).shape
            if self._longer_run is None:
                self._axes_by_tensor[number] = self._axes_of_one(number, shape)
            else:
                longer = self._longer_run.value(number).shape
                self._axes_by_tensor[number] = self._axes_of_two(number, shape, longer)
        return self._axes_by_tensor[number]

    def _axes_of_two(
        self, number: int, shape: tuple[int, ...], longer_shape: tuple[int, ...]
    ) -> _Axes:
        """Recognizes time axes by how much they grew with more padding."""
        if (
            not shape
            or len(shape) != len(longer_shape)
            or not shape[0] == longer_shape[0] == self._rows
        ):
            return _Axes(batch=False)
        masks = list(zip(self._masks, self._longer_masks, strict=True))
        for place, (mask, longer_mask) in enumerate(masks):
            if (
                mask.ndim > 2
                and _starts_with_nested_axes(shape, mask)
                and _starts_with_nested_axes(longer_shape, longer_mask)
            ):
                return _Axes(batch=True, nested=place)
        time = []
        for axis, (size, grown) in list(enumerate(zip(shape, longer_shape, strict=True)))[1:]:
            sizes = [
                (mask.shape[-1], longer_mask.shape[-1])
                for mask, longer_mask in masks
                if mask.ndim == 2
            ]
            places = [at for at, pair in enumerate(sizes) if pair == (size, grown)]
            if size == grown:
                # The model takes these sequences in one length only, so they did not grow.
                if axis == 1 and places and len(shape) > 2:
                    time.append((axis, tuple(places)))
                continue
            if not places and number not in self._answers:
                # The axis may have extra timesteps at an end, such as a class token, or each
                # timestep several times.
                grew = [
                    at
                    for at, (one, two) in enumerate(sizes)
                    if one < size and (two - one == grown - size or two * size == one * grown)
                ]
                places = grew[:1]
            if not places:
                return _Axes(batch=True, changed=True)
            time.append((axis, tuple(places)))
        return _Axes(batch=True, time=tuple(time))

    def _axes_of_one(self, number: int, shape: tuple[int, ...]) -> _Axes:
        """Recognizes time axes by their length alone, without a longer run."""
        if not shape or shape[0] != self._rows:
            return _Axes(batch=False)
        for place, mask in enumerate(self._masks):
            if mask.ndim > 2 and _starts_with_nested_axes(shape, mask):
                return _Axes(batch=True, nested=place)
        lengths = [mask.shape[1] if mask.ndim == 2 else -1 for mask in self._masks]

        own_mask = self._base.mask(number)

        def places(axis: int) -> tuple[int, ...]:
            return tuple(place for place, length in enumerate(lengths) if length == shape[axis])

        if len(shape) == 2:
            same = own_mask is not None and own_mask.shape == shape and places(1)
            return _Axes(batch=True, time=((1, places(1)),) if same else ())
        if len(shape) > 2 and places(1):
            return _Axes(batch=True, time=((1, places(1)),))
        if own_mask is not None and own_mask.shape == shape[:2]:
            return _Axes(batch=True, changed=True)
        before = [place for place, length in enumerate(lengths) if 0 < shape[1] - length <= 2]
        if len(shape) > 2 and before and number not in self._answers:
            return _Axes(batch=True, time=((1, (before[0],)),))
        time = tuple((axis, places(axis)) for axis in range(2, len(shape)) if places(axis))
        return _Axes(batch=True, time=time)


def _gather(values: Array, axes: _Axes, masks: Sequence[Mask], rows: Mask) -> Array:
    """Returns the values at valid timesteps, row by row."""
    moved = np.moveaxis(values, [axis for axis, _places in axes.time], range(1, len(axes.time) + 1))
    valid: Mask = rows
    for axis, (_, places) in enumerate(axes.time):
        # If the axis may belong to several sequences, only timesteps valid in all count.
        mask = np.logical_and.reduce([masks[place] for place in places])
        if mask.shape[1] < moved.shape[axis + 1]:
            mask = _surely_valid(mask, moved.shape[axis + 1])
        valid = valid[..., None] & mask.reshape(len(mask), *(1,) * axis, mask.shape[1])
    gathered: Array = moved[valid]
    return gathered


def _surely_valid(mask: Mask, steps: int) -> Mask:
    """Returns the timesteps of a longer time axis that are tokens in every possible layout.

    The longer axis may have extra timesteps at either end, or each timestep several times.
    """
    times, rest = divmod(steps, mask.shape[1])
    if not rest:
        return np.asarray(np.repeat(mask, times, axis=1) & np.tile(mask, (1, times)))
    added = steps - mask.shape[1]
    shifted = [np.pad(mask, [(0, 0), (before, added - before)]) for before in range(added + 1)]
    return np.asarray(np.logical_and.reduce(shifted))


def _starts_with_nested_axes(shape: tuple[int, ...], mask: Mask) -> bool:
    """Whether the first axes are those of nested sequences, all or all but the last."""
    return shape[: mask.ndim] == mask.shape or (
        len(shape) == mask.ndim and shape[: mask.ndim - 1] == mask.shape[:-1]
    )


def _gather_nested(values: Array, mask: Mask, rows: Mask) -> Array:
    """Returns the values at valid places of nested sequences."""
    if values.shape[: mask.ndim] != mask.shape:
        mask = np.asarray(mask.any(-1))
    return values[mask & rows.reshape(-1, *(1,) * (mask.ndim - 1))]


def _relative_difference(one: Array, two: Array) -> float:
    """Returns the largest difference of two arrays, relative to the largest value of the first.

    Equal arrays give 0.0; infinity means that a value is finite in one array only.

    Example:
        >>> _relative_difference(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
        0.5
    """
    if one.shape != two.shape:
        return float("inf")
    if not one.size or np.array_equal(one, two, equal_nan=one.dtype.kind in "fc"):
        return 0.0
    if one.dtype.kind not in "fc":
        one, two = one.astype("float64"), two.astype("float64")
    finite = np.isfinite(one) & np.isfinite(two)
    same = (one == two) | (np.isnan(one) & np.isnan(two))
    if not (finite | same).all():
        return float("inf")
    with np.errstate(all="ignore"):
        largest = np.abs(one[finite]).max(initial=0.0) or np.abs(two[finite]).max(initial=0.0)
        difference = np.abs(one[finite] - two[finite]).max(initial=0.0)
        return float(difference / largest) if largest else 0.0
