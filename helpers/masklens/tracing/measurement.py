"""Measuring whether padding gets into an answer, by running a model with one thing changed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from masklens._keras import array_of, attach_mask, attached_mask
from masklens._language import translate as _
from masklens.tracing.calls import Array, Mask
from masklens.tracing.comparison import TOLERANCES, Change, Comparison
from masklens.tracing.evidence import made_masks, mask_makers, with_usage
from masklens.tracing.leaks import Leak, Movement, OpaqueTypes, find_leaks, first_not_a_number
from masklens.tracing.runs import Node, Run, Runner
from masklens.tracing.sequences import (
    Input,
    Sequences,
    find_sequences,
    with_more_padding,
    with_noise_at_padding,
    with_other_content,
    with_other_rows,
)

CHANGES: tuple[Change, ...] = ("content", "amount", "rows")
# Timesteps to add. 5 is more than most strides, so that they make another window; 1 is for short
# tables of positions, the others for models that take only multiples of a number.
_AMOUNTS = 5, 1, 2, 3, 8, 12
# Where nothing has moved: as much again as there is, for windows of many timesteps, but at most:
_MOST_ADDED = 64
# A maximum, a rectifier or a saturated gate may by chance let through nothing of some noise. With
# fewer numbers than this its negative is tried, and with fewer rows, if nothing has moved, more.
_FEW_NUMBERS, _FEW_ROWS = 32, 8


@dataclass(eq=False)
class Measurement:
    """The results of measuring a model on a batch.

    Attributes:
        run: The run without any change; its recorder holds the calls.
        sequences: The valid timesteps of the inputs.
        moves: For each kind of change, how far the answer moves; None if it could not be made.
        leaks: The places where padding first gets in.
        hidden: Whether padding gets in only with other values for weights that are all 0 or 1.
        hidden_leaks: The leaks that show only with such other values.
        figures: How far each tensor moves, for each change that was made.
        tolerance: The largest movement that counts as rounding.
        why_none: Why there is no verdict; empty if there is one.
        added: How many timesteps of padding were added to a batch that had none.
        not_a_number: Whether the answer is NaN before anything is changed.
    """

    run: Run
    sequences: list[Sequences] = field(default_factory=list)
    moves: dict[Change, float | None] = field(default_factory=lambda: dict.fromkeys(CHANGES))
    leaks: list[Leak] = field(default_factory=list)
    hidden: bool = False
    hidden_leaks: list[Leak] = field(default_factory=list)
    figures: list[Movement] = field(default_factory=list)
    tolerance: float = TOLERANCES["float32"]
    why_none: str = ""
    added: int = 0
    not_a_number: bool = False

    @property
    def largest(self) -> float | None:
        """The largest of the three figures; None if no change could be made."""
        if self.not_a_number:
            return float("nan")
        return max((figure for figure in self.moves.values() if figure is not None), default=None)


def measure_padding(
    runner: Runner, model: Any, inputs: Sequence[Input], pack: Callable[[Sequence[Array]], Any]
) -> Measurement:
    """Measures how far a model's answer moves with content, amount of padding, and other rows.

    Args:
        runner: Runs the model.
        model: The model.
        inputs: The inputs of the model.
        pack: Puts arrays into the structure that the model takes.

    Returns:
        The measurement.

    Raises:
        Exception: What the model raises on the unchanged inputs.
    """
    substitutes = _substitutes_for_initial_weights(model)
    found = _Examination(runner, model, inputs, pack).run(substitutes)
    if substitutes and found.largest:
        unsubstituted = _Examination(runner, model, inputs, pack).run([])
        if unsubstituted.largest:
            places = {leak.node.place for leak in unsubstituted.leaks}
            unsubstituted.hidden_leaks = [
                leak
                for leak in found.leaks
                if leak.node.place not in places and not _moves_at(unsubstituted, leak.node)
            ]
            return unsubstituted
        found.hidden = not unsubstituted.why_none
        found.hidden_leaks = found.leaks
        if unsubstituted.why_none:
            return unsubstituted
    return found


def _moves_at(found: Measurement, node: Node) -> bool:
    return any(moves.moved(node.outputs) for moves in found.figures)


class _Examination:
    """Measures a model with one set of weights."""

    def __init__(
        self,
        runner: Runner,
        model: Any,
        inputs: Sequence[Input],
        pack: Callable[[Sequence[Array]], Any],
    ) -> None:
        self._runner, self._model, self._pack = runner, model, pack
        self._inputs = list(inputs)
        self._opaque = OpaqueTypes()

    def run(self, substitutes: Sequence[tuple[Any, Any]]) -> Measurement:
        self._runner.substitute(substitutes)
        base = self._runner.run_recorded(self._pack([one.array for one in self._inputs]))
        found = Measurement(base)
        self._inputs = with_usage(self._inputs, base)
        found.sequences = find_sequences(self._inputs, made_masks(base))
        found.tolerance = _tolerance(base)
        if not found.sequences:
            found.why_none = (
                _(
                    "The inputs are text: trace the part of the model after the layer that turns "
                    "text into ids, on the output of that layer."
                )
                if any(one.array.dtype.kind in "OSU" for one in self._inputs)
                else _("No input has a time axis, so there is no padding.")
            )
            return found
        if all(sequences.valid.all() for sequences in found.sequences):
            self._add_padding(found)
        if not np.logical_and.reduce([one.per_step.any(1) for one in found.sequences]).any():
            found.why_none = _("The batch is padding throughout: pass one that has some tokens.")
        if not found.why_none:
            self._measure_changes(found)
        return found

    def _add_padding(self, found: Measurement) -> None:
        """Adds padding to a batch that has none; the padded batch becomes the base."""
        for amount in _AMOUNTS:
            arrays, longer = with_more_padding(
                self._inputs, found.sequences, [amount] * len(found.sequences)
            )
            base = self._run_or_none(arrays, recorder=self._runner.new_recorder())
            if base is not None:
                self._inputs = [
                    replace(one, array=array, given=None, batch=None)
                    for one, array in zip(self._inputs, arrays, strict=True)
                ]
                found.run, found.sequences, found.added = base, longer, amount
                return
        found.why_none = _(
            "The batch has no padding, and the model does not take a longer one: pass a batch "
            "with some padding."
        )

    def _run_or_none(self, arrays: Sequence[Array], **options: Any) -> Run | None:
        try:
            return self._runner.run(self._pack(arrays), **options)
        except Exception:
            # A model may raise anything on another length or batch; then the change cannot be made.
            return None

    def _measure_changes(self, found: Measurement) -> None:
        base = found.run
        random = np.random.default_rng(0)
        content_only = base.draws_random_numbers or self._runner.training
        longer_run, longer = (None, []) if content_only else self._run_with_more_padding(found)
        comparison = Comparison(base, found.sequences, longer_run, longer)
        root = base.nodes[0]
        broken = first_not_a_number(root, comparison)
        if broken:
            found.leaks, found.not_a_number = broken, True
            return
        content, tested = self._run_with_other_content(found, random)
        asked: list[tuple[Change, Run | None, Mask | None]] = [("amount", longer_run, None)]
        asked += [("content", run, None) for run in content]
        if not content_only:
            asked += [("rows", run, kept) for run, kept in self._run_with_other_rows(found, random)]
        for change, run, kept in asked:
            if run is not None:
                self._take(Movement(comparison, base, run, change, kept, found.tolerance), found)
        if not found.largest:
            self._ask_again(found, comparison, random)
        if found.moves["content"] is None:
            tested = []
        if found.moves["amount"] is not None:
            grown = zip(found.sequences, longer, strict=True)
            tested += [one for one, two in grown if two.valid.size > one.valid.size]
        self._withdraw_unfounded_verdict(found, tested, comparison)

    def _take(self, moves: Movement, found: Measurement) -> None:
        """Adds what a run with a change tells."""
        root = found.run.nodes[0]
        figure = moves.largest(root.outputs)
        if figure is None:
            return
        found.moves[moves.change] = max(figure, found.moves[moves.change] or 0.0)
        found.figures.append(moves)
        if figure:
            leaks = find_leaks(root, moves, self._opaque)
            found.leaks += [leak for leak in leaks if not _is_among(leak, found.leaks)]

    def _ask_again(
        self, found: Measurement, comparison: Comparison, random: np.random.Generator
    ) -> None:
        """Tries more noise if there are few rows, and twice the length, where nothing has moved."""
        base, tolerance = found.run, found.tolerance
        if found.moves["content"] is not None:
            draws = range(2, 1 + _FEW_ROWS // len(self._inputs[0].array))
            runs, _changed = self._run_with_other_content(found, random, draws)
            for run in runs:
                self._take(Movement(comparison, base, run, "content", None, tolerance), found)
        added = [min(one.valid.shape[-1], _MOST_ADDED) for one in found.sequences]
        if found.moves["amount"] is None or max(added) <= _AMOUNTS[0]:
            return
        arrays, longer = with_more_padding(self._inputs, found.sequences, added)
        twice = self._run_or_none(arrays)
        if twice is not None and twice.has_same_calls_as(base):
            grown = Comparison(base, found.sequences, twice, longer)
            self._take(Movement(grown, base, twice, "amount", None, tolerance), found)

    def _withdraw_unfounded_verdict(
        self, found: Measurement, tested: Sequence[Sequences], comparison: Comparison
    ) -> None:
        """Withdraws a verdict if some padding was never changed, or if the model is random."""
        untested = [one for one in found.sequences if one not in tested and not one.valid.all()]
        if not found.largest and untested and not self._is_ignored(untested, found, comparison):
            found.moves = dict.fromkeys(CHANGES)
            found.why_none = _(
                "There is nothing to vary: the model takes no other length and no other rows, "
                "and no layer turns ids into vectors, so that the padding could be changed."
            )
        elif found.largest and self._differs_from_itself(found, comparison):
            found.moves = dict.fromkeys(CHANGES)
            found.leaks = []
            found.why_none = _(
                "The model is random: two runs on the same batch give different answers."
            )

    def _run_with_more_padding(self, found: Measurement) -> tuple[Run | None, list[Sequences]]:
        """Runs with more padding, by a different amount for each of the sequences if possible."""
        if any(sequences.side is None for sequences in found.sequences):
            return None, []
        for amounts in _amounts(len(found.sequences)):
            arrays, longer = with_more_padding(self._inputs, found.sequences, amounts)
            run = self._run_or_none(arrays)
            if run is not None and run.has_same_calls_as(found.run):
                return run, longer
        return None, []

    def _run_with_other_content(
        self, found: Measurement, random: np.random.Generator, draws: Sequence[int] = (0, 1)
    ) -> tuple[list[Run], list[Sequences]]:
        """Runs with other content in all sequences, or else in one at a time; lists the changed."""
        runs, changed = self._run_with_other_content_in(found.sequences, found, random, draws)
        if runs:
            return runs, changed
        for one in found.sequences if len(found.sequences) > 1 else ():
            alone, where = self._run_with_other_content_in([one], found, random, draws)
            runs, changed = runs + alone, changed + where
        return runs, changed

    def _run_with_other_content_in(
        self,
        sequences: Sequence[Sequences],
        found: Measurement,
        random: np.random.Generator,
        draws: Sequence[int],
    ) -> tuple[list[Run], list[Sequences]]:
        ids_and_masks = {
            at: (self._inputs[at].array, one.valid)
            for one in sequences
            for at in one.places
            if not (self._inputs[at].is_mask or self._inputs[at].holds_features)
        }
        changed = {at for one in sequences for at in one.places if self._inputs[at].holds_features}
        runs = []
        for draw in draws:
            arrays = with_other_content(self._inputs, sequences, random)
            noise = _NoiseWriter(ids_and_masks, draw)
            run = self._run_or_none(
                arrays or [one.array for one in self._inputs], replace=noise.replace
            )
            if run is None or (arrays is None and not noise.count):
                break
            if not _same_masks(found.run, run):
                # The model makes its mask from the values that were changed.
                break
            runs.append(run)
            changed |= noise.places
            if not draw and (arrays is not None or noise.count >= _FEW_NUMBERS):
                break
        if not runs:
            return [], []
        return runs, [one for one in sequences if not changed.isdisjoint(one.places)]

    def _is_ignored(
        self, sequences: Sequence[Sequences], found: Measurement, comparison: Comparison
    ) -> bool:
        """Whether the answer stays with noise at padding, if the model makes its mask from values.

        The run keeps the original mask, so that the noise is masked as padding is. If the answer
        stays, padding is ignored. If it moves, nothing follows: with such noise at a timestep, the
        model would not have masked it.
        """
        held = [self._inputs[place] for one in sequences for place in one.places]
        arrays = with_other_content(self._inputs, sequences, np.random.default_rng(1))
        if arrays is None or not all(one.is_mask or one.holds_features for one in held):
            return False
        run = self._run_or_none(arrays, replace=_with_masks_of(found.run))
        if run is None or not _same_masks(found.run, run):
            return False
        moves = Movement(comparison, found.run, run, "content", None, found.tolerance)
        ignored = moves.largest(found.run.nodes[0].outputs) == 0.0
        if ignored:
            found.moves["content"] = 0.0
        return ignored

    def _run_with_other_rows(
        self, found: Measurement, random: np.random.Generator
    ) -> Iterator[tuple[Run | None, Mask]]:
        """Runs with other tokens in every second row, as ids and as noise in their vectors."""
        for longest_stays in (True, False):
            arrays, kept = with_other_rows(self._inputs, found.sequences, random, longest_stays)
            unchanged = {
                place: (arrays[place], np.broadcast_to(kept[:, None], arrays[place].shape[:2]))
                for sequences in found.sequences
                for place in sequences.places
                if self._inputs[place].holds_ids and arrays[place].ndim == 2
            }
            yield self._run_or_none(arrays, replace=_NoiseWriter(unchanged).replace), kept
            if len(self._inputs[0].array) == 1:
                # The second row is only a copy.
                break

    def _differs_from_itself(self, found: Measurement, comparison: Comparison) -> bool:
        again = self._run_or_none([one.array for one in self._inputs])
        if again is None:
            return True
        moves = Movement(comparison, found.run, again, "content", None, found.tolerance)
        return bool(moves.largest(found.run.nodes[0].outputs))


class _NoiseWriter:
    """Writes noise into the vectors that a layer makes of ids, at chosen timesteps.

    Args:
        ids_and_masks: For the place of each input, its ids, and booleans of the same shape: False
            where to write noise.
        draw: The number of the noise; each odd one is the negative of that before it.

    Attributes:
        places: The inputs whose vectors were changed.
        count: How many numbers were changed.
    """

    def __init__(self, ids_and_masks: Mapping[int, tuple[Array, Mask]], draw: int = 0) -> None:
        self._ids_and_masks = ids_and_masks
        self.places: set[int] = set()
        self._random = np.random.default_rng([1, draw // 2] if draw > 1 else 1)
        self._sign = -1.0 if draw % 2 else 1.0
        self._written: set[int] = set()
        self.count = 0

    def replace(self, node: Node, leaves: Sequence[Any], output: Any) -> Any:
        import keras

        if any(inner.place in self._written for inner in node.children):
            self._written.add(node.place)
            return output
        valid = self._valid(leaves, tuple(output.shape))
        if valid is None or valid.all() or not keras.backend.is_float_dtype(output.dtype):
            return output
        values = array_of(output).astype("float32")
        changed = with_noise_at_padding(values, valid, self._random)
        changed[~valid] *= self._sign
        tensor = keras.ops.convert_to_tensor(changed, dtype=output.dtype)
        mask = attached_mask(output)
        if mask is not None:
            attach_mask(tensor, mask)
        self._written.add(node.place)
        self.count += changed[~valid].size
        return tensor

    def _valid(self, leaves: Sequence[Any], shape: tuple[int, ...]) -> Mask | None:
        """Returns the mask for an output made of known ids; None for any other output."""

        for leaf in leaves:
            size = tuple(leaf.shape)
            if len(size) < 2 or len(shape) != len(size) + 1 or shape[: len(size)] != size:
                continue
            for place, (array, valid) in self._ids_and_masks.items():
                if len(size) != array.ndim or size[0] != len(array) or size[1] > array.shape[1]:
                    continue
                ids = array_of(leaf)
                for start in range(array.shape[1] - size[1] + 1):
                    if np.array_equal(ids, array[:, start : start + size[1]]):
                        self.places.add(place)
                        return valid[:, start : start + size[1]]
        return None


def _with_masks_of(base: Run) -> Callable[[Node, Sequence[Any], Any], Any]:
    """Returns a `replace` that gives calls the masks that they made in another run."""
    masks = {node.place: base.masks.get(node.outputs[0]) for node in mask_makers(base)}
    # The operations of a Functional model compute the masks once more, as tensors.
    made = [base.boolean(mask) for mask in masks.values() if mask is not None]
    tensors = {
        node.place: base.tensors[node.outputs[0]]
        for node in base.nodes
        if len(node.outputs) == 1
        and (value := base.value(node.outputs[0])).dtype.kind == "b"
        and any(np.array_equal(value, mask) for mask in made)
    }

    def replace(node: Node, leaves: Sequence[Any], output: Any) -> Any:
        if masks.get(node.place) is not None:
            attach_mask(output, masks[node.place])
        return tensors.get(node.place, output)

    return replace


def _substitutes_for_initial_weights(model: Any) -> list[tuple[Any, Any]]:
    """Chooses other values for weights that hold only 0 and 1, as biases do before training.

    Such weights can hide a leak: with a bias of zero, a state of zero stays zero.

    Returns:
        Trainable float variables, each with values near its own.
    """
    import keras

    random = np.random.default_rng(2)
    substitutes = []
    for variable in model.trainable_variables:
        if not keras.backend.is_float_dtype(variable.dtype):
            continue
        values = array_of(variable).astype("float32")
        if np.isin(values, (0.0, 1.0)).all():
            noise = random.uniform(-0.3, 0.3, values.shape).astype("float32")
            substitutes.append(
                (variable, keras.ops.convert_to_tensor(values + noise, variable.dtype))
            )
    return substitutes


def _amounts(count: int) -> Iterator[tuple[int, ...]]:
    """Yields how much padding to add to each of `count` sequences, the most telling first."""
    for amount in _AMOUNTS:
        yield from dict.fromkeys([tuple(range(amount, amount + count)), (amount,) * count])
    for place in range(count if count > 1 else 0):
        for amount in _AMOUNTS:
            yield tuple(amount if one == place else 0 for one in range(count))


def _same_masks(one: Run, two: Run) -> bool:
    return all(
        (before := one.mask(number)) is None
        or ((after := two.mask(number)) is not None and np.array_equal(before, after))
        for number in one.masks
    )


def _is_among(leak: Leak, leaks: Sequence[Leak]) -> bool:
    return any(leak.node is other.node and leak.between == other.between for other in leaks)


def _tolerance(run: Run) -> float:
    """Returns the tolerance for the coarsest dtype that the model computes with."""
    import keras

    kinds = {
        keras.backend.standardize_dtype(run.tensors[number].dtype)
        for node in run.nodes
        for number in node.outputs
    }
    return max((TOLERANCES[kind] for kind in kinds if kind in TOLERANCES), default=1e-5)
