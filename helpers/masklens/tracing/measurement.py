"""Measuring whether padding gets into an answer: three questions, put to the model itself."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from masklens.language import translate as _
from masklens.mask import attach_mask, attached_mask
from masklens.tracing.calls import Mask
from masklens.tracing.comparison import TOLERANCES, Comparison, Question
from masklens.tracing.leaks import Leak, Moves, OpaqueTypes, find_leaks, first_not_a_number
from masklens.tracing.record import is_array
from masklens.tracing.runs import Array, Node, Player, Run
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
    lent = at_their_start(model)
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
        self._inputs = [
            replace(
                one,
                looked_up=not {2, 3} & _ranks_behind(one.array, base),
                taken_as_mask=_taken_as_mask(one.array, base),
            )
            for one in self._inputs
        ]
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
        runs: list[tuple[Question, Run | None, Mask | None]] = [("amount", more, None)]
        runs += [("content", run, None) for run in self._other_content(found, random)]
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
        if found.moves["content"] is None and found.moves["amount"] is None:
            self._ask_behind_masks(found, comparison)
        about_padding = found.moves["content"], found.moves["amount"]
        if not found.largest and about_padding == (None, None):
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

    def _other_content(self, found: Measurement, random: np.random.Generator) -> list[Run]:
        """Runs with other content: of all sequences at once, else of those that can be changed."""
        runs = self._other_content_of(found.sequences, found, random)
        if runs or len(found.sequences) == 1:
            return runs
        alone = [self._other_content_of([one], found, random) for one in found.sequences]
        return [run for runs in alone for run in runs]

    def _other_content_of(
        self, changed: Sequence[Sequences], found: Measurement, random: np.random.Generator
    ) -> list[Run]:
        arrays = with_other_content(self._inputs, changed, random)
        runs = []
        for sign in (1.0, -1.0):
            known = [
                (self._inputs[place].array, sequences.valid)
                for sequences in changed
                for place in sequences.places
                if not (self._inputs[place].is_mask or self._inputs[place].holds_features)
            ]
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
            if arrays is not None or exchange.numbers >= _FEW_NUMBERS:
                break
        return runs

    def _ask_behind_masks(self, found: Measurement, comparison: Comparison) -> None:
        """Writes noise behind what makes its mask of the very values, where nothing else works.

        An answer that stays shows that padding is ignored. One that moves shows nothing: such
        noise never stands there.
        """
        run = self._attempt(
            [one.array for one in self._inputs], replace=_Behind(found.run, makers(found.run))
        )
        if run is None or not _same_masks(found.run, run):
            return
        moves = Moves(comparison, found.run, run, "content", None, found.tolerance)
        if moves.largest(found.run.nodes[0].outputs) == 0.0:
            found.moves["content"] = 0.0

    def _other_rows(
        self, found: Measurement, random: np.random.Generator
    ) -> Iterator[tuple[Run | None, Mask]]:
        """Runs with other ids in some rows, and with vectors in their place that no id has."""
        for longest_stays in (True, False):
            arrays, kept = with_other_rows(self._inputs, found.sequences, random, longest_stays)
            unchanged = [
                (arrays[place], np.broadcast_to(kept.reshape(-1, 1), arrays[place].shape[:2]))
                for sequences in found.sequences
                for place in sequences.places
                if self._inputs[place].holds_ids and arrays[place].ndim == 2
            ]
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


class _Behind:
    """Writes noise to the padded timesteps of what made a mask."""

    def __init__(self, base: Run, makers: Sequence[Node]) -> None:
        self._masks = {node.place: base.mask(node.outputs[0]) for node in makers}
        self._random = np.random.default_rng(1)

    def __call__(self, node: Node, leaves: Sequence[Any], output: Any) -> Any:
        import keras

        valid = self._masks.get(node.place)
        if valid is None or not keras.backend.is_float_dtype(output.dtype):
            return output
        values = np.asarray(keras.ops.convert_to_numpy(output)).astype("float32")
        changed = other_content(values, valid, self._random)
        tensor = keras.ops.convert_to_tensor(changed, dtype=output.dtype)
        attach_mask(tensor, attached_mask(output))
        return tensor


class _Exchange:
    """Writes noise to timesteps of each tensor of vectors that a layer makes of ids.

    Args:
        known: Ids, and booleans of the same shape: False where noise goes.
        sign: -1.0 for the opposite of the noise.
    """

    def __init__(self, known: Sequence[tuple[Array, Mask]], sign: float = 1.0) -> None:
        self._known = known
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
            for array, valid in self._known:
                if len(size) != array.ndim or size[0] != len(array) or size[1] > array.shape[1]:
                    continue
                ids = np.asarray(keras.ops.convert_to_numpy(leaf))
                for start in range(array.shape[1] - size[1] + 1):
                    if np.array_equal(ids, array[:, start : start + size[1]]):
                        return valid[:, start : start + size[1]]
        return None


def at_their_start(model: Any) -> list[tuple[Any, Any]]:
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


def _amounts(count: int) -> Iterator[tuple[int, ...]]:
    """How much padding to add to each of some sequences, what tells most first."""
    for amount in _AMOUNTS:
        yield from dict.fromkeys([tuple(range(amount, amount + count)), (amount,) * count])
    for place in range(count if count > 1 else 0):
        for amount in _AMOUNTS:
            yield tuple(amount if one == place else 0 for one in range(count))


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
