"""How far the valid values of each tensor move between two runs of a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from masklens.tracing.calls import Array, Mask
from masklens.tracing.runs import Run
from masklens.tracing.sequences import Sequences

Question = Literal["content", "amount", "rows"]

# Below these, relative to the largest valid value, two runs do not differ but by rounding.
TOLERANCES = {"float64": 1e-9, "float32": 1e-5, "bfloat16": 5e-2, "float16": 5e-3}


@dataclass(frozen=True)
class _Axes:
    """What the axes of a tensor are.

    Attributes:
        batch: Whether the first axis is the batch.
        time: For each axis that is one of timesteps, the places of the sequences it may be.
        changed: Whether an axis has another number of timesteps than any input.
        nested: The place of the sequences of sequences whose axes are the first ones.
    """

    batch: bool
    time: tuple[tuple[int, tuple[int, ...]], ...] = ()
    changed: bool = False
    nested: int | None = None


class Comparison:
    """Compares the tensors of other runs with those of one run.

    Args:
        base: The run that others are compared with.
        found: Where tokens stand in its inputs.
        more: The run with more padding, which tells what the axes are; None if there is none.
        longer: Where tokens stand in that run's inputs.
    """

    def __init__(
        self,
        base: Run,
        found: Sequence[Sequences],
        more: Run | None = None,
        longer: Sequence[Sequences] = (),
    ) -> None:
        """Reads no values yet."""
        self._base, self._found = base, [sequences.valid for sequences in found]
        self._more = more
        self._longer = [sequences.valid for sequences in longer]
        # Nothing tells which timesteps of an answer of another length are valid: all count.
        self._answers = set(base.nodes[0].outputs)
        self._sides = [sequences.side for sequences in found]
        self._rows = len(self._found[0]) if self._found else 0
        # A row without any token has no answer of its own.
        full = [mask.reshape(len(mask), -1).any(axis=1) for mask in self._found]
        self._full: Mask = np.logical_and.reduce(full) if full else np.ones(0, dtype=bool)
        self._known: dict[int, _Axes] = {}

    def moves(
        self, number: int, other: Run, there: int, question: Question, kept: Mask | None
    ) -> float | None:
        """Says how far the valid values of a tensor move.

        Args:
            number: The tensor.
            other: The run in which something was changed.
            there: The number that the tensor has in it.
            question: What was changed.
            kept: (batch,) the rows to compare; None for all.

        Returns:
            The largest difference, relative to the largest valid value: NaN or infinity where
            values became that. None if there is nothing to compare.
        """
        one, two = self._base.value(number), other.value(there)
        if one is two:
            return 0.0
        masks = self._base.mask(number), other.mask(there)
        pair = self._valid_values(number, one, two, masks, question, kept)
        return None if pair is None else _relative_difference(*pair)

    def is_uncertain(self, number: int) -> bool:
        """Whether a tensor has more timesteps than the inputs, not all of them known."""
        shape = self._base.value(number).shape
        return any(
            shape[axis] > self._found[places[0]].shape[-1]
            for axis, places in self._axes(number).time
        )

    def valid_values(self, number: int) -> Array:
        """The valid values of a tensor in the run that others are compared with."""
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
        question: Question,
        kept: Mask | None,
    ) -> tuple[Array, Array] | None:
        axes = self._axes(number)
        if not axes.batch:
            # Without rows: a table of positions, say, or timesteps of all rows in one axis.
            return (one, two) if question == "content" and one.shape == two.shape else None
        rows = self._full if kept is None else self._full & kept[: self._rows]
        if kept is not None:
            two = two[: self._rows]
        if axes.changed:
            return self._changed(one, two, masks, question, rows)
        if not axes.time and axes.nested is None:
            return (one[rows], two[rows]) if one.shape == two.shape else None
        tokens = self._longer if question == "amount" else self._found
        if axes.nested is not None:
            before, after = self._found[axes.nested], tokens[axes.nested]
            return _gather_nested(one, before, rows), _gather_nested(two, after, rows)
        pair = _gather(one, axes, self._found, rows), _gather(two, axes, tokens, rows)
        # Which timesteps stand for tokens on a longer axis is not certain with more padding.
        return pair if pair[0].shape == pair[1].shape else None

    def _changed(
        self,
        one: Array,
        two: Array,
        masks: tuple[Mask | None, Mask | None],
        question: Question,
        rows: Mask,
    ) -> tuple[Array, Array] | None:
        """Compares where the time axis has another length: through its mask, or as a whole."""
        if all(
            mask is not None and mask.shape == value.shape[:2]
            for mask, value in zip(masks, (one, two), strict=True)
        ):
            own, others = masks[0], masks[1][: len(two)]  # type: ignore[index]  # not None: all()
            own = own & rows[:, None]  # type: ignore[operator]
            others = others & rows[:, None]
            if (own.sum(1) == others.sum(1)).all():
                return one[own], two[others]
            return np.zeros(1), np.ones(1)
        if one.shape == two.shape:
            return one[rows], two[rows]
        if one.ndim != two.ndim or question != "amount":
            return None
        sizes = [min(a, b) for a, b in zip(one.shape, two.shape, strict=True)]
        # Tokens stand at the other end than the padding that was added.
        cut = tuple(
            slice(-size, None) if self._sides[0] == "pre" else slice(size) for size in sizes[1:]
        )
        return one[(slice(None), *cut)][rows], two[(slice(None), *cut)][rows]

    def _axes(self, number: int) -> _Axes:
        if number not in self._known:
            shape = self._base.value(number).shape
            if self._more is None:
                self._known[number] = self._axes_of_one(number, shape)
            else:
                longer = self._more.value(number).shape
                self._known[number] = self._axes_of_two(number, shape, longer)
        return self._known[number]

    def _axes_of_two(self, number: int, shape: tuple[int, ...], longer: tuple[int, ...]) -> _Axes:
        """Tells axes of timesteps from others by how much they grew."""
        if not shape or len(shape) != len(longer) or not shape[0] == longer[0] == self._rows:
            return _Axes(batch=False)
        masks = list(zip(self._found, self._longer, strict=True))
        for place, (mask, more) in enumerate(masks):
            if mask.ndim > 2 and _begins(shape, mask) and _begins(longer, more):
                return _Axes(batch=True, nested=place)
        time = []
        for axis, (size, grown) in list(enumerate(zip(shape, longer, strict=True)))[1:]:
            sizes = [(mask.shape[-1], more.shape[-1]) for mask, more in masks if mask.ndim == 2]
            places = [at for at, pair in enumerate(sizes) if pair == (size, grown)]
            if size == grown:
                # Of sequences that the model takes in one length only.
                if axis == 1 and places and len(shape) > 2:
                    time.append((axis, tuple(places)))
                continue
            if not places and number not in self._answers:
                # Something stands before or behind the timesteps, such as a token for all.
                # Or each of them stands there several times.
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
        """Takes an axis for one of timesteps if it is as long, where that is all there is."""
        if not shape or shape[0] != self._rows:
            return _Axes(batch=False)
        for place, mask in enumerate(self._found):
            if mask.ndim > 2 and _begins(shape, mask):
                return _Axes(batch=True, nested=place)
        lengths = [mask.shape[1] if mask.ndim == 2 else -1 for mask in self._found]

        own = self._base.mask(number)

        def places(axis: int) -> tuple[int, ...]:
            return tuple(place for place, length in enumerate(lengths) if length == shape[axis])

        if len(shape) == 2:
            same = own is not None and own.shape == shape and places(1)
            return _Axes(batch=True, time=((1, places(1)),) if same else ())
        if len(shape) > 2 and places(1):
            return _Axes(batch=True, time=((1, places(1)),))
        if own is not None and own.shape == shape[:2]:
            return _Axes(batch=True, changed=True)
        before = [place for place, length in enumerate(lengths) if 0 < shape[1] - length <= 2]
        if len(shape) > 2 and before and number not in self._answers:
            return _Axes(batch=True, time=((1, (before[0],)),))
        time = tuple((axis, places(axis)) for axis in range(2, len(shape)) if places(axis))
        return _Axes(batch=True, time=time)


def _gather(values: Array, axes: _Axes, masks: Sequence[Mask], rows: Mask) -> Array:
    """Lists the values at valid timesteps, row by row."""
    moved = np.moveaxis(values, [axis for axis, _places in axes.time], range(1, len(axes.time) + 1))
    valid: Mask = rows
    for axis, (_, places) in enumerate(axes.time):
        # Where two sequences are as long, a timestep is valid if it is in both.
        mask = np.logical_and.reduce([masks[place] for place in places])
        if mask.shape[1] < moved.shape[axis + 1]:
            mask = _certain(mask, moved.shape[axis + 1])
        valid = valid[..., None] & mask.reshape(len(mask), *(1,) * axis, mask.shape[1])
    gathered: Array = moved[valid]
    return gathered


def _certain(mask: Mask, steps: int) -> Mask:
    """Where a token stands for certain on a longer time axis, however it came about.

    Other timesteps may stand before or behind the sequence, or each timestep several times.
    """
    times, rest = divmod(steps, mask.shape[1])
    if not rest:
        return np.asarray(np.repeat(mask, times, axis=1) & np.tile(mask, (1, times)))
    more = steps - mask.shape[1]
    shifted = [np.pad(mask, [(0, 0), (before, more - before)]) for before in range(more + 1)]
    return np.asarray(np.logical_and.reduce(shifted))


def _begins(shape: tuple[int, ...], mask: Mask) -> bool:
    """Whether the first axes are those of sequences of sequences, all or all but the last."""
    return shape[: mask.ndim] == mask.shape or (
        len(shape) == mask.ndim and shape[: mask.ndim - 1] == mask.shape[:-1]
    )


def _gather_nested(values: Array, mask: Mask, rows: Mask) -> Array:
    """Lists the values at valid places of sequences of sequences."""
    if values.shape[: mask.ndim] != mask.shape:
        mask = np.asarray(mask.any(-1))
    return values[mask & rows.reshape(-1, *(1,) * (mask.ndim - 1))]


def _relative_difference(one: Array, two: Array) -> float:
    """The largest difference of two arrays, relative to the largest value of the first.

    Args:
        one: Numbers.
        two: Numbers of the same shape.

    Returns:
        0.0 where nothing differs; infinity where one is finite and the other is not.

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
