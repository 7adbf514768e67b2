"""Where padding gets in: from an answer that moves back to the first call that moved."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from masklens._keras import is_keras_layer
from masklens.tracing.calls import Mask
from masklens.tracing.comparison import Comparison, Question
from masklens.tracing.runs import Node, Run


@dataclass(frozen=True, eq=False)
class Leak:
    """A place where padding gets into valid values.

    Attributes:
        node: The call; where no layer did it, the call around the place.
        between: The calls before and after, where it was an operator in the code of `node`; None
            stands for what the code takes or gives out.
    """

    node: Node
    between: tuple[Node | None, Node | None] | None = None


class Moves:
    """What moves in one run: a figure for each tensor of it.

    Args:
        comparison: What the run is compared with.
        base: The run without the change.
        other: The run with it.
        question: What was changed.
        kept: (batch,) the rows to compare; None for all.
        tolerance: At most this is rounding.
    """

    def __init__(
        self,
        comparison: Comparison,
        base: Run,
        other: Run,
        question: Question,
        kept: Mask | None,
        tolerance: float,
    ) -> None:
        """Compares nothing yet."""
        self._comparison, self._other = comparison, other
        self._kept, self._tolerance = kept, tolerance
        self.question = question
        self._figures: dict[int, float | None] = {}
        # Where the calls differ from run to run, only the answers can be compared.
        self.alike = other.agrees_with(base)
        answers = base.nodes[0].outputs, other.nodes[0].outputs
        self._numbers = dict(zip(*answers, strict=False)) if not self.alike else {}

    def figure(self, number: int) -> float | None:
        """How far the valid values of a tensor move; 0.0 for rounding."""
        if not self.alike and number not in self._numbers:
            return None
        if number not in self._figures:
            there = self._numbers.get(number, number)
            moved = self._comparison.moves(number, self._other, there, self.question, self._kept)
            # Not-a-number is more than any tolerance.
            small = moved is not None and moved <= self._tolerance
            self._figures[number] = 0.0 if small else moved
        return self._figures[number]

    def is_uncertain(self, number: int) -> bool:
        """Whether some timesteps of a tensor may be padding or not, and are not compared."""
        return self._comparison.is_uncertain(number)

    def largest(self, numbers: Iterable[int]) -> float | None:
        """The largest figure of several tensors; None if nothing could be compared."""
        figures = [figure for number in numbers if (figure := self.figure(number)) is not None]
        return max(figures, default=None)

    def moved(self, numbers: Iterable[int]) -> bool:
        """Whether one of several tensors moves."""
        return bool(self.largest(numbers))


def find_leaks(root: Node, moves: Moves, opaque: Mapping[type, bool]) -> list[Leak]:
    """Goes back from an answer that moves to where padding first got in.

    Args:
        root: The call of the model.
        moves: What moves.
        opaque: Is asked of a layer's type whether its inside is of no interest.

    Returns:
        The places, each once. Empty if the answer does not move.
    """
    search = _Search(moves, opaque)
    moving = [number for number in root.outputs if moves.moved([number])]
    if not moving:
        return []
    return search.inside(root, moving) or [Leak(root)]


class _Search:
    def __init__(self, moves: Moves, opaque: Mapping[type, bool]) -> None:
        self._moves, self._opaque = moves, opaque
        self._seen: set[int] = set()

    def inside(self, frame: Node, numbers: Sequence[int]) -> list[Leak]:
        """Where the movement of these tensors began, inside a call whose inputs do not move."""
        if not frame.inside or self._opaque[type(frame.layer)]:
            return [Leak(frame)]
        leaks: list[Leak] = []
        for number in numbers:
            leaks += self._behind(number, frame, None)
        return list({(leak.node.place, leak.between): leak for leak in leaks}.values())

    def _behind(self, number: int, frame: Node, taker: Node | None) -> list[Leak]:
        maker = _maker(number, frame, taker)
        if maker is not None:
            return self._in(maker, frame)
        if number in frame.inputs:
            return []
        # It was made by code between the calls: of something that moved already, or by itself.
        before = [node for node in frame.inside if taker is None or node.place < taker.place]
        moving = [node for node in before if self._moves.moved(node.outputs)]
        if moving:
            return [leak for node in moving for leak in self._in(node, frame)]
        return [Leak(frame, (before[-1] if before else None, taker))]

    def _in(self, node: Node, frame: Node) -> list[Leak]:
        if node.place in self._seen:
            return []
        self._seen.add(node.place)
        moving = [number for number in node.inputs if self._may_move(number, frame, node)]
        if moving:
            return [leak for number in moving for leak in self._behind(number, frame, node)]
        return self.inside(node, [n for n in node.outputs if self._moves.moved([n])])

    def _may_move(self, number: int, frame: Node, taker: Node) -> bool:
        """Whether a tensor moves; if not all its timesteps can be told, what it is made of."""
        if self._moves.moved([number]):
            return True
        maker = _maker(number, frame, taker) if self._moves.is_uncertain(number) else None
        return maker is not None and self._moves.moved(maker.inputs)


def _maker(number: int, frame: Node, taker: Node | None) -> Node | None:
    """The call, right inside another one, that gave a tensor out."""
    for node in reversed(frame.inside):
        if (taker is None or node.place < taker.place) and number in node.outputs:
            return node
    return None


def first_not_a_number(root: Node, comparison: Comparison) -> list[Leak]:
    """The first calls whose valid values are not numbers, though those that went in are.

    Args:
        root: The call of the model.
        comparison: Knows which values are valid.

    Returns:
        The innermost of them; empty if the answer holds numbers only.
    """

    def broken(numbers: Iterable[int]) -> bool:
        return any(
            values.dtype.kind in "fc" and bool(np.isnan(values).any())
            for number in numbers
            if (values := comparison.valid_values(number)).size
        )

    def search(node: Node) -> Node:
        for inner in node.inside:
            if broken(inner.outputs) and not broken(inner.inputs):
                return search(inner)
        return node

    return [Leak(search(root))] if broken(root.outputs) else []


class OpaqueTypes(dict[type, bool]):
    """Keras's own layers, whose inside is of no interest; models and one's own layers are open."""

    def __missing__(self, layer_type: type) -> bool:
        """Decides by where the class, or one that it is derived from, is defined."""
        import keras

        opaque = not issubclass(layer_type, keras.Model) and any(
            map(is_keras_layer, layer_type.__mro__)
        )
        self[layer_type] = opaque
        return opaque
