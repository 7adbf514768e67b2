"""Measuring whether padding gets into an answer: three questions, put to the model itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from masklens._keras import attach_mask, attached_mask
from masklens._language import translate as _
from masklens.tracing.calls import Array, Mask
from masklens.tracing.comparison import TOLERANCES, Comparison, Question
from masklens.tracing.evidence import makers, masks_made, with_use
from masklens.tracing.leaks import Leak, Moves, OpaqueTypes, find_leaks, first_not_a_number
from masklens.tracing.runs import Node, Player, Run
from masklens.tracing.sequences import (
    Input,
    Sequences,
    find_sequences,
    lengthened,
    other_content,
    with_other_content,
    with_other_rows,
)

QUESTIONS: tuple[Question, ...] = ("content", "amount", "rows")
# More than most strides, so that the added timesteps make another window; one for short tables;
# the others for models that take only multiples of a number.
_AMOUNTS = 5, 1, 2, 3, 8, 12
# Fewer numbers than this may by chance all be smaller than what a maximum takes.
_FEW_NUMBERS = 32


@dataclass(eq=False)
class Measurement:
    """What was found of a model and a batch.

    Attributes:
        run: The run without any change; its recorder holds the calls.
        sequences: Where tokens stand in the inputs.
        moves: For each question, how far the answer moves; None where it could not be put.
        leaks: Where padding first gets in.
        hidden: Whether it was seen only with other values for weights that are 0 or 1.
        figures: For each question that was put, what moves.
        tolerance: At most this is rounding.
        why_none: Why there is no verdict; empty if there is one.
        added: How many timesteps of padding were added to a batch that had none.
        not_a_number: Whether the answer is not a number before anything is changed.
    """

    run: Run
    sequences: list[Sequences] = field(default_factory=list)
    moves: dict[Question, float | None] = field(default_factory=lambda: dict.fromkeys(QUESTIONS))
    leaks: list[Leak] = field(default_factory=list)
    hidden: bool = False
    hidden_leaks: list[Leak] = field(default_factory=list)
    figures: list[Moves] = field(default_factory=list)
    tolerance: float = TOLERANCES["float32"]
    why_none: str = ""
    added: int = 0
    not_a_number: bool = False

    @property
    def largest(self) -> float | None:
        """The largest of the three figures; None if no question could be put."""
        if self.not_a_number:
            return float("nan")
        return max((figure for figure in self.moves.values() if figure is not None), default=None)


def measure_padding(
    player: Player, model: Any, inputs: Sequence[Input], pack: Callable[[Sequence[Array]], Any]
) -> Measurement:
    """Puts the three questions to a model.

    Args:
        player: Runs the model.
        model: The model.
        inputs: What it is called on.
        pack: Puts arrays into the structure that the model takes.

    Returns:
        What was found.

    Raises:
        Exception: What the model raises on the inputs as they are.
    """
    lent = _at_their_start(model)
    found = _Examination(player, model, inputs, pack).run(lent)
    if lent and found.largest:
        as_it_is = _Examination(player, model, inputs, pack).run([])
        if as_it_is.largest:
            places = {leak.node.place for leak in as_it_is.leaks}
            as_it_is.hidden_leaks = [
                leak
                for leak in found.leaks
                if leak.node.place not in places and not _moves_at(as_it_is, leak.node)
            ]
            return as_it_is
        found.hidden = not as_it_is.why_none
        found.hidden_leaks = found.leaks
        if as_it_is.why_none:
            return as_it_is
    return found


def _moves_at(found: Measurement, node: Node) -> bool:
    return any(moves.moved(node.outputs) for moves in found.figures)


class _Examination:
    """The runs with one set of weights."""

    def __init__(
        self,
        player: Player,
        model: Any,
        inputs: Sequence[Input],
        pack: Callable[[Sequence[Array]], Any],
    ) -> None:
        self._player, self._model, self._pack = player, model, pack
        self._inputs = list(inputs)
        self._opaque = OpaqueTypes()

    def run(self, lent: Sequence[tuple[Any, Any]]) -> Measurement:
        self._player.lend(lent)
        base = self._player.recorded(self._pack([one.array for one in self._inputs]))
        found = Measurement(base)
        self._inputs = with_use(self._inputs, base)
        found.sequences = find_sequences(self._inputs, masks_made(base))
        found.tolerance = _tolerance(base)
        if not found.sequences:
            found.why_none = (
                _(
                    "The inputs are text: trace the part of the model behind the layer that makes "
                    "ids of it, on what that layer gives out."
                )
                if any(one.array.dtype.kind in "OSU" for one in self._inputs)
                else _("Nothing in the inputs runs along time, so nothing is padding.")
            )
            return found
        if all(sequences.valid.all() for sequences in found.sequences):
            self._add_padding(found)
        if not np.logical_and.reduce([one.per_step.any(1) for one in found.sequences]).any():
            found.why_none = _("The batch is padding throughout: pass one that has some tokens.")
        if not found.why_none:
            self._put_questions(found)
        return found

    def _play(self, arrays: Sequence[Array], **how: Any) -> Run:
        return self._player.run(self._pack(arrays), **how)

    def _add_padding(self, found: Measurement) -> None:
        """Gives a batch that has no padding some, and begins with that."""
        for amount in _AMOUNTS:
            arrays, longer = lengthened(
                self._inputs, found.sequences, [amount] * len(found.sequences)
            )
            base = self._attempt(arrays, recorder=self._player.new_recorder())
            if base is not None:
                self._inputs = [
                    replace(one, array=array, given=None, batch=None)
                    for one, array in zip(self._inputs, arrays, strict=True)
                ]
                found.run, found.sequences, found.added = base, longer, amount
                return
        found.why_none = _(
            "The batch has no padding, and the model takes no longer one: "
            "pass a batch with some padding."
        )

    def _attempt(self, arrays: Sequence[Array], **how: Any) -> Run | None:
        try:
            return self._play(arrays, **how)
        except Exception:
            # Whatever a model raises on another length or batch: this question cannot be put.
            return None

    def _put_questions(self, found: Measurement) -> None:
        base = found.run
        random = np.random.default_rng(0)
        fixed = base.draws_numbers or self._player.training
        more, longer = (None, []) if fixed else self._longer(found)
        comparison = Comparison(base, found.sequences, more, longer)
        root = base.nodes[0]
        broken = first_not_a_number(root, comparison)
        if broken:
            found.leaks, found.not_a_number = broken, True
            return
        content, asked = self._other_content(found, random)
        runs: list[tuple[Question, Run | None, Mask | None]] = [("amount", more, None)]
        runs += [("content", run, None) for run in content]
        if not fixed:
            runs += [("rows", run, kept) for run, kept in self._other_rows(found, random)]
        for question, run, kept in runs:
            if run is None:
                continue
            moves = Moves(comparison, base, run, question, kept, found.tolerance)
            figure = moves.largest(root.outputs)
            if figure is None:
                continue
            found.moves[question] = max(figure, found.moves[question] or 0.0)
            found.figures.append(moves)
            if figure:
                leaks = find_leaks(root, moves, self._opaque)
                found.leaks += [leak for leak in leaks if not _among(leak, found.leaks)]
        if found.moves["content"] is None:
            asked = []
        if found.moves["amount"] is not None:
            grown = zip(found.sequences, longer, strict=True)
            asked += [one for one, two in grown if two.valid.size > one.valid.size]
        self._confirm(found, asked, comparison)

    def _confirm(
        self, found: Measurement, asked: Sequence[Sequences], comparison: Comparison
    ) -> None:
        """Withdraws a verdict about padding that was not asked of, and about a random model."""
        not_asked = [one for one in found.sequences if one not in asked and not one.valid.all()]
        if not found.largest and not_asked and not self._is_ignored(not_asked, found, comparison):
            found.moves = dict.fromkeys(QUESTIONS)
            found.why_none = _(
                "No question could be put to the model: it takes no other length, "
                "no other rows, and nothing makes vectors of ids whose padding could be changed."
            )
        elif found.largest and self._differs_from_itself(found, comparison):
            found.moves = dict.fromkeys(QUESTIONS)
            found.leaks = []
            found.why_none = _(
                "The model is random: two runs on the same batch give different answers."
            )

    def _longer(self, found: Measurement) -> tuple[Run | None, list[Sequences]]:
        """Runs with more padding; sequences grow by different amounts where the model takes it."""
        if any(sequences.side is None for sequences in found.sequences):
            return None, []
        for amounts in _amounts(len(found.sequences)):
            arrays, longer = lengthened(self._inputs, found.sequences, amounts)
            run = self._attempt(arrays)
            if run is not None and run.agrees_with(found.run):
                return run, longer
        return None, []

    def _other_content(
        self, found: Measurement, random: np.random.Generator
    ) -> tuple[list[Run], list[Sequences]]:
        """Runs with other content, and the sequences in which it was changed: all, or else some."""
        runs, changed = self._other_content_of(found.sequences, found, random)
        if runs:
            return runs, changed
        for one in found.sequences if len(found.sequences) > 1 else ():
            alone, where = self._other_content_of([one], found, random)
            runs, changed = runs + alone, changed + where
        return runs, changed

    def _other_content_of(
        self, sequences: Sequence[Sequences], found: Measurement, random: np.random.Generator
    ) -> tuple[list[Run], list[Sequences]]:
        arrays = with_other_content(self._inputs, sequences, random)
        known = {
            at: (self._inputs[at].array, one.valid)
            for one in sequences
            for at in one.places
            if not (self._inputs[at].is_mask or self._inputs[at].holds_features)
        }
        changed = {at for one in sequences for at in one.places if self._inputs[at].holds_features}
        runs = []
        for sign in (1.0, -1.0):
            exchange = _Exchange(known, sign)
            run = self._attempt(
                arrays or [one.array for one in self._inputs], replace=exchange.replace
            )
            if run is None or (arrays is None and not exchange.numbers):
                break
            if not _same_masks(found.run, run):
                # The mask is made of the very values that were changed.
                break
            runs.append(run)
            changed |= exchange.places
            if arrays is not None or exchange.numbers >= _FEW_NUMBERS:
                break
        if not runs:
            return [], []
        return runs, [one for one in sequences if not changed.isdisjoint(one.places)]

    def _is_ignored(
        self, sequences: Sequence[Sequences], found: Measurement, comparison: Comparison
    ) -> bool:
        """Whether the answer stays with other values at padding whose mask is made of the values.

        The mask is kept as it was, so that the noise is masked as padding is. An answer that stays
        shows that padding is ignored. One that moves shows nothing, as such noise never stands
        there.
        """
        held = [self._inputs[place] for one in sequences for place in one.places]
        arrays = with_other_content(self._inputs, sequences, np.random.default_rng(1))
        if arrays is None or not all(one.is_mask or one.holds_features for one in held):
            return False
        run = self._attempt(arrays, replace=_kept_masks(found.run))
        if run is None or not _same_masks(found.run, run):
            return False
        moves = Moves(comparison, found.run, run, "content", None, found.tolerance)
        ignored = moves.largest(found.run.nodes[0].outputs) == 0.0
        if ignored:
            found.moves["content"] = 0.0
        return ignored

    def _other_rows(
        self, found: Measurement, random: np.random.Generator
    ) -> Iterator[tuple[Run | None, Mask]]:
        """Runs with other ids in some rows, and with vectors in their place that no id has."""
        for longest_stays in (True, False):
            arrays, kept = with_other_rows(self._inputs, found.sequences, random, longest_stays)
            unchanged = {
                place: (arrays[place], np.broadcast_to(kept[:, None], arrays[place].shape[:2]))
                for sequences in found.sequences
                for place in sequences.places
                if self._inputs[place].holds_ids and arrays[place].ndim == 2
            }
            yield self._attempt(arrays, replace=_Exchange(unchanged).replace), kept
            if len(self._inputs[0].array) == 1:
                # The row that gave it company has nothing to say.
                break

    def _differs_from_itself(self, found: Measurement, comparison: Comparison) -> bool:
        again = self._attempt([one.array for one in self._inputs])
        if again is None:
            return True
        moves = Moves(comparison, found.run, again, "content", None, found.tolerance)
        return bool(moves.largest(found.run.nodes[0].outputs))


class _Exchange:
    """Writes noise to timesteps of each tensor of vectors that a layer makes of ids.

    Args:
        known: By the place of an input: its ids, and booleans of the same shape, False where noise
            goes.
        sign: -1.0 for the opposite of the noise.
    """

    def __init__(self, known: Mapping[int, tuple[Array, Mask]], sign: float = 1.0) -> None:
        self._known = known
        self.places: set[int] = set()
        self._random = np.random.default_rng(1)
        self._sign = sign
        self._done: set[int] = set()
        self.numbers = 0

    def replace(self, node: Node, leaves: Sequence[Any], output: Any) -> Any:
        import keras

        if any(inner.place in self._done for inner in node.inside):
            self._done.add(node.place)
            return output
        valid = self._valid(leaves, tuple(output.shape))
        if valid is None or valid.all() or not keras.backend.is_float_dtype(output.dtype):
            return output
        values = np.asarray(keras.ops.convert_to_numpy(output)).astype("float32")
        changed = other_content(values, valid, self._random)
        changed[~valid] *= self._sign
        tensor = keras.ops.convert_to_tensor(changed, dtype=output.dtype)
        mask = attached_mask(output)
        if mask is not None:
            attach_mask(tensor, mask)
        self._done.add(node.place)
        self.numbers += changed[~valid].size
        return tensor

    def _valid(self, leaves: Sequence[Any], shape: tuple[int, ...]) -> Mask | None:
        """Where no noise goes in what was made of ids; None if it was made of something else."""
        import keras

        for leaf in leaves:
            size = tuple(leaf.shape)
            if len(size) < 2 or len(shape) != len(size) + 1 or shape[: len(size)] != size:
                continue
            for place, (array, valid) in self._known.items():
                if len(size) != array.ndim or size[0] != len(array) or size[1] > array.shape[1]:
                    continue
                ids = np.asarray(keras.ops.convert_to_numpy(leaf))
                for start in range(array.shape[1] - size[1] + 1):
                    if np.array_equal(ids, array[:, start : start + size[1]]):
                        self.places.add(place)
                        return valid[:, start : start + size[1]]
        return None


def _kept_masks(base: Run) -> Callable[[Node, Sequence[Any], Any], Any]:
    """Has calls give out the masks that they made in another run, attached or as tensors."""
    masks = {node.place: base.masks.get(node.outputs[0]) for node in makers(base)}
    # A Functional model computes them by operations, too.
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


def _at_their_start(model: Any) -> list[tuple[Any, Any]]:
    """Other values for weights that hold nothing but 0 and 1, as they do before training.

    Such weights hide what gets in: a bias of zero leaves a state of zero at zero.

    Args:
        model: A Keras model or layer.

    Returns:
        Trainable float variables, each with values near its own.
    """
    import keras

    random = np.random.default_rng(2)
    lent = []
    for variable in model.trainable_variables:
        if not keras.backend.is_float_dtype(variable.dtype):
            continue
        values = np.asarray(keras.ops.convert_to_numpy(variable)).astype("float32")
        if np.isin(values, (0.0, 1.0)).all():
            noise = random.uniform(-0.3, 0.3, values.shape).astype("float32")
            lent.append((variable, keras.ops.convert_to_tensor(values + noise, variable.dtype)))
    return lent


def _amounts(count: int) -> Iterator[tuple[int, ...]]:
    """How much padding to add to each of some sequences, what tells most first."""
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


def _among(leak: Leak, leaks: Sequence[Leak]) -> bool:
    return any(leak.node is other.node and leak.between == other.between for other in leaks)


def _tolerance(run: Run) -> float:
    """The tolerance of the coarsest numbers that the model computes with."""
    import keras

    kinds = {
        keras.backend.standardize_dtype(run.tensors[number].dtype)
        for node in run.nodes
        for number in node.outputs
    }
    return max((TOLERANCES[kind] for kind in kinds if kind in TOLERANCES), default=1e-5)
