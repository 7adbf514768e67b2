"""The rows of a trace's picture: calls nested by depth, equal blocks folded into one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from masklens.drawing.trace_tree import Node, Tree, call_label, call_tree
from masklens.tracing.calls import LayerCall

_Part = Literal["call", "around", "inside"]

# A trace of fewer calls is read whole, and a block must repeat this often before it folds.
_MOST_UNFOLDED, _FEWEST_REPEATS = 12, 3
# The longest block of calls, side by side, that is looked for.
_LONGEST_BLOCK = 40


@dataclass(frozen=True)
class Row:
    """One row: a call, several equal calls of repeated blocks, or code between two calls.

    Attributes:
        call: The call; of several equal ones, the first. Code between calls is told as a call, too:
            `between` holds the calls before and after it.
        equal: All equal calls that this row stands for, the first included.
        place: The index of the call in the trace; below 0 for code between calls.
        depth: How many rows stand around this one.
        times: How often the row repeats, or the block of rows that begins with it.
        block: How many rows, this one first, repeat together; 0 where no longer block begins here.
        part: What the row is to the threads beside it. A `"call"` stands on them. A call is
            `"around"` others if what it gives out is what a call inside it gave out, as in a
            Sequential: then those stand on the threads. If it makes its output of theirs, as
            Bidirectional does, it stands on them itself, and the others are `"inside"`.
        left_out: How many calls inside this one are not shown.
        stray: Whether padding gets into what the call gives out, but not as far as the answer.
        sources: For each tensor that came in, the place of the `"call"` that it came out of;
            None if it came from outside.
        from_names: The names of the calls that the tensors came out of, None for outside; empty
            where that is simply the row above.
    """

    call: LayerCall
    equal: tuple[LayerCall, ...]
    place: int
    depth: int
    times: int = 1
    block: int = 0
    part: _Part = "call"
    left_out: int = 0
    stray: bool = False
    sources: tuple[int | None, ...] = ()
    from_names: tuple[str | None, ...] = ()

    @property
    def is_code(self) -> bool:
        """Whether this is no call, but code between calls."""
        return self.place < 0


def trace_rows(calls: Sequence[LayerCall], leaks: Sequence[LayerCall] = ()) -> list[Row]:
    """Arranges the calls of a trace as rows, with leaks between them, and folds what repeats.

    Blocks of calls fold where at least three follow each other that agree in types, effects,
    masks, shapes and verdicts. A trace of at most 12 calls is not folded.

    Args:
        calls: The calls in the order in which they began.
        leaks: The calls at which padding gets in.

    Returns:
        The rows in the same order.
    """
    tree = call_tree(calls, leaks)
    folding = _Folding(tree.top, fold=len(calls) > _MOST_UNFOLDED)
    return _Sources(tree, folding.same_as, calls).added_to(folding.rows)


class _Folding:
    """Makes rows of nodes, one for all blocks that are equal and follow each other.

    Attributes:
        rows: The rows.
        same_as: For the place of a call that is folded away, that of the call which is shown.
    """

    def __init__(self, nodes: Sequence[Node], *, fold: bool) -> None:
        self.rows: list[Row] = []
        self.same_as: dict[int, int] = {}
        self._fold = fold
        self._kinds: dict[object, int] = {}
        self._add([[node] for node in nodes], depth=0, inside=False)

    def _add(self, groups: Sequence[list[Node]], depth: int, inside: bool) -> None:
        """Adds rows for nodes side by side; each comes with those that it stands for already."""
        kinds = [self._kind(group[0]) for group in groups]
        at = 0
        while at < len(groups):
            length, times = _repeats(kinds, at) if self._fold else (1, 1)
            first = len(self.rows)
            for offset in range(length):
                repeated = range(at + offset, at + offset + length * times, length)
                equal = [node for k in repeated for node in groups[k]]
                self._add_row(equal, depth, inside)
            block = len(self.rows) - first if length > 1 else 0
            self.rows[first] = replace(self.rows[first], times=times, block=block)
            at += length * times

    def _add_row(self, equal: Sequence[Node], depth: int, inside: bool) -> None:
        node = equal[0]
        part: _Part = "inside" if inside else "around" if node.made_by() else "call"
        self.same_as.update({other.place: node.place for other in equal[1:]})
        self.rows.append(
            Row(
                node.call,
                tuple(one.call for one in equal),
                node.place,
                depth,
                part=part,
                left_out=node.left_out,
                stray=node.stray,
            )
        )
        inner = [list(nodes) for nodes in zip(*(one.inside for one in equal), strict=True)]
        self._add(inner, depth + 1, inside or part != "around")

    def _kind(self, node: Node) -> int:
        """One number for all calls that look the same."""
        call = node.call
        masks = (*call.masks_in, *call.masks_out, *(mask for _name, mask in call.mask_arguments))
        look = (
            re.sub(r"_?\d+", "", call.name),
            *(call.layer_type, call.effect, call.uses_mask, call.causal, call.symbolic),
            *(call.shapes_in, call.shapes_out, bool(call.note), node.left_out),
            tuple(None if mask is None else id(mask) if mask.size else 0 for mask in masks),
            tuple(name for name, _mask in call.mask_arguments),
            *(call.costs_a_mask, call.gets_in, call.hidden, node.stray, node.place < 0),
            call.reason and call.reason.kind,
            tuple(self._kind(inner) for inner in node.inside),
        )
        return self._kinds.setdefault(look, len(self._kinds))


def _repeats(series: Sequence[int], at: int) -> tuple[int, int]:
    """Finds the length of the block that begins here, and how often it follows itself."""
    best = (1, 1)
    for length in range(1, min(_LONGEST_BLOCK, (len(series) - at) // _FEWEST_REPEATS) + 1):
        block = series[at : at + length]
        times = 1
        while series[at + times * length : at + (times + 1) * length] == block:
            times += 1
        if times >= _FEWEST_REPEATS and length * (times - 1) > best[0] * (best[1] - 1):
            best = length, times
    return best


class _Sources:
    """Says of each row which rows its tensors came out of."""

    def __init__(self, tree: Tree, same_as: dict[int, int], calls: Sequence[LayerCall]) -> None:
        self._nodes = {node.place: node for first in tree.top for node in first.walk()}
        self._outer, self._same_as, self._calls = tree.outer, same_as, calls
        self._paths = {call.path for call in calls}

    def added_to(self, rows: Sequence[Row]) -> list[Row]:
        above: list[Row] = []
        before: Row | None = None
        result = []
        for row in rows:
            del above[row.depth + 1 :]
            places = [self._outermost(place) for place in row.call.sources]
            if not places:
                places = [before.place if before else None] * len(row.call.masks_in)
            row = replace(
                row,
                sources=tuple(self._maker(place) for place in places),
                from_names=() if self._is_plain(row, places, above) else self._names(row, places),
            )
            above[row.depth :] = [row]
            result.append(row)
            if row.part == "call":
                before = row
        return result

    def _is_plain(self, row: Row, places: Sequence[int | None], above: Sequence[Row]) -> bool:
        """Whether what comes in is simply what the row above gave out, or what came in there."""
        shown = {self._shown(place) for place in places}
        if row.is_code or shown == {None}:
            return True
        if len(above) > row.depth:
            return shown == {above[row.depth].place}
        around = above[-1].call.sources if above else ()
        return shown <= {self._shown(self._outermost(place)) for place in around}

    def _names(self, row: Row, places: Sequence[int | None]) -> tuple[str | None, ...]:
        names = (None if place is None else self._name(place, row.call) for place in places)
        return tuple(dict.fromkeys(names))

    def _name(self, place: int, beside: LayerCall) -> str:
        """A call's name, or its path where another one beside or around has that name."""
        call = self._nodes[place].call
        if place < 0 and call.between:
            return call.between[0]
        around = beside.path
        while around:
            around = around.rpartition("/")[0]
            path = f"{around}/{call.name}" if around else call.name
            if path in self._paths:
                return call.name if path == call.path else call.path
        return call_label(call, self._calls)

    def _outermost(self, place: int | None) -> int | None:
        """The call itself, or the one around it that is shown without what is inside."""
        return None if place is None else self._outer.get(place, place)

    def _shown(self, place: int | None) -> int | None:
        """The place of the row that stands for a call, its own or that of an equal one."""
        while place in self._same_as:
            place = self._same_as[place]
        return place

    def _maker(self, place: int | None) -> int | None:
        """The row of the call that made what a call gives out: of itself, or of one inside it."""
        if place is None:
            return None
        node = self._nodes[place]
        while inner := node.made_by():
            node = inner
        return self._shown(node.place)
