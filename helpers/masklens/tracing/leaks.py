"""Finding where padding gets in: back from an answer that moves to the first call that moves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from masklens._keras import is_keras_layer
from masklens.tracing.calls import Mask
from masklens.tracing.comparison import Change, Comparison
from masklens.tracing.runs import Node, Run


@dataclass(frozen=True, eq=False)
class Leak:
    """A place where padding gets into valid values.

    Attributes:
        node: The call at which padding gets in; for code between layers, the call that runs the
            code.
        between: For code between layers, the calls before and after it; None stands for the inputs
            and the output of `node`.
    """

    node: Node
    between: tuple[Node | None, Node | None] | None = None


class Movement:
    """How far each tensor moves between two runs.

    Args:
        comparison: Compares the tensors of other runs with those of `base`.
        base: The run without the change.
        other: The run with the change.
        change: The kind of change: `"content"`, `"amount"` or `"rows"`.
        kept: (batch,) booleans: the rows to compare; None for all.
        tolerance: The largest figure that counts as rounding.
    """

    def __init__(
        self,
        comparison: Comparison,
        base: Run,
        other: Run,
        change: Change,
        kept: Mask | None,
        tolerance: float,
    ) -> None:
        """Pairs the tensors of the two runs; `figure` compares them."""
        self._comparison, self._other = comparison, other
        self._kept, self._tolerance = kept, tolerance
        self.change = change
        self._figures: dict[int, float | None] = {}
        # If the runs make different calls, only their answers can be compared.
        self.same_calls = other.has_same_calls_as(base)
        answers = base.nodes[0].outputs, other.nodes[0].outputs
        self._other_numbers = dict(zip(*answers, strict=False)) if not self.same_calls else {}

    def figure(self, number: int) -> float | None:
        """Returns how far the valid values of a tensor move, 0.0 for rounding, or None."""
        if not self.same_calls and number not in self._other_numbers:
            return None
        if number not in self._figures:
            other_number = self._other_numbers.get(number, number)
            moved = self._comparison.moves(
                number, self._other, other_number, self.change, self._kept
            )
            # NaN compares as False, so it counts as a movement.
            small = moved is not None and moved <= self._tolerance
            self._figures[number] = 0.0 if small else moved
        return self._figures[number]

    def is_uncertain(self, number: int) -> bool:
        """Returns whether some timesteps of a tensor, not known to be tokens, are not compared."""
        return self._comparison.is_uncertain(number)

    def largest(self, numbers: Iterable[int]) -> float | None:
        """Returns the largest figure of several tensors; None if nothing could be compared."""
        figures = [figure for number in numbers if (figure := self.figure(number)) is not None]
        return max(figures, default=None)

    def moved(self, numbers: Iterable[int]) -> bool:
        """Returns whether at least one of several tensors moves."""
        return bool(self.largest(numbers))


def find_leaks(root: Node, moves: Movement, opaque: Mapping[type, bool]) -> list[Leak]:
    """Follows movement back from the answer to the places where padding first gets in.

    Args:
        root: The call of the model.
        moves: How far each tensor moves.
        opaque: Whether to treat layers of a type as one, without looking at the calls within.

    Returns:
        The places, without repetition; empty if the answer does not move.
    """
    search = _Search(moves, opaque)
    moving = [number for number in root.outputs if moves.moved([number])]
    if not moving:
        return []
    return search.within(root, moving) or [Leak(root)]


class _Search:
    def __init__(self, moves: Movement, opaque: Mapping[type, bool]) -> None:
        self._moves, self._opaque = moves, opaque
        self._seen: set[int] = set()

    def within(self, enclosing: Node, numbers: Sequence[int]) -> list[Leak]:
        """Finds where outputs of a call begin to move, given that its inputs do not move."""
        if not enclosing.children or self._opaque[type(enclosing.layer)]:
            return [Leak(enclosing)]
        leaks: list[Leak] = []
        for number in numbers:
            leaks += self._trace_tensor(number, enclosing, None)
        return list({(leak.node.place, leak.between): leak for leak in leaks}.values())

    def _trace_tensor(self, number: int, enclosing: Node, consumer: Node | None) -> list[Leak]:
        producer = _producer(number, enclosing, consumer)
        if producer is not None:
            return self._trace_call(producer, enclosing)
        if number in enclosing.inputs:
            return []
        # Code between the calls made it: from a tensor that moved already, or it moved it itself.
        before = [
            node for node in enclosing.children if consumer is None or node.place < consumer.place
        ]
        moving = [node for node in before if self._moves.moved(node.outputs)]
        if moving:
            return [leak for node in moving for leak in self._trace_call(node, enclosing)]
        return [Leak(enclosing, (before[-1] if before else None, consumer))]

    def _trace_call(self, node: Node, enclosing: Node) -> list[Leak]:
        if node.place in self._seen:
            return []
        self._seen.add(node.place)
        moving = [number for number in node.inputs if self._may_move(number, enclosing, node)]
        if moving:
            return [
                leak for number in moving for leak in self._trace_tensor(number, enclosing, node)
            ]
        return self.within(node, [n for n in node.outputs if self._moves.moved([n])])

    def _may_move(self, number: int, enclosing: Node, consumer: Node) -> bool:
        """Whether a tensor moves; an uncertain one may, if the inputs of its producer move."""
        if self._moves.moved([number]):
            return True
        producer = (
            _producer(number, enclosing, consumer) if self._moves.is_uncertain(number) else None
        )
        return producer is not None and self._moves.moved(producer.inputs)


def _producer(number: int, enclosing: Node, consumer: Node | None) -> Node | None:
    """Returns the last child call before the consumer that gave the tensor out."""
    for node in reversed(enclosing.children):
        if (consumer is None or node.place < consumer.place) and number in node.outputs:
            return node
    return None


def first_not_a_number(root: Node, comparison: Comparison) -> list[Leak]:
    """Finds the innermost call that turns numbers into NaN at valid timesteps.

    Args:
        root: The call of the model.
        comparison: Tells which values are valid.

    Returns:
        That call as the only leak; empty if the answer holds no NaN.
    """

    def broken(numbers: Iterable[int]) -> bool:
        return any(
            values.dtype.kind in "fc" and bool(np.isnan(values).any())
            for number in numbers
            if (values := comparison.valid_values(number)).size
        )

    def search(node: Node) -> Node:
        for inner in node.children:
            if broken(inner.outputs) and not broken(inner.inputs):
                return search(inner)
        return node

    return [Leak(search(root))] if broken(root.outputs) else []


class OpaqueTypes(dict[type, bool]):
    """Maps layer types to whether they are opaque: Keras's own layers are, models are not."""

    def __missing__(self, layer_type: type) -> bool:
        """Judges by the modules that define the class and its bases."""
        import keras

        opaque = not issubclass(layer_type, keras.Model) and any(
            map(is_keras_layer, layer_type.__mro__)
        )
        self[layer_type] = opaque
        return opaque
