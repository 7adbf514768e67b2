"""The rows of a trace's picture: calls nested by depth, with repeated blocks folded into one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from masklens.drawing.trace_tree import CallNode, Tree, call_label, call_tree
from masklens.tracing.calls import LayerCall

_Part = Literal["call", "container", "contained"]

# A trace of at most so many calls is not folded; a block folds if it repeats at least so often.
_MOST_UNFOLDED, _FEWEST_REPEATS = 12, 3
# The longest block of calls that is searched for.
_LONGEST_BLOCK = 40


@dataclass(frozen=True)
class Row:
    """One row: a call, several equal calls of repeated blocks, or code between two calls.

    Attributes:
        call: The call; the first of several equal ones. Code between calls is also kept as a call,
            with the calls before and after it in `between`.
        equal: All equal calls that this row stands for, including the first.
        place: The index of the call in the trace; below 0 for code between calls.
        depth: The number of rows that contain this one.
        times: How often the row repeats, or the block of rows that begins with it.
        block: The number of rows in the block that begins here; 0 if none of several rows does.
        part: How the row relates to the threads. A `"call"` is on them. A `"container"`, such as a
            Sequential, returns the output of a call within it, which is on the threads instead. A
            call that makes a new output, such as Bidirectional, is on the threads itself, and
            those within it are `"contained"`.
        left_out: The number of calls within this one that are not shown.
        stray: Whether padding gets into the output of the call, but not as far as the answer.
        sources: For each tensor that came in, the place of the `"call"` that it came out of;
            None for an input of the model.
        from_names: The names of the calls that the tensors came out of, None for an input of the
            model; empty if all came from the row above.
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
        """Whether the row stands for code between calls."""
        return self.place < 0


def trace_rows(calls: Sequence[LayerCall], leaks: Sequence[LayerCall] = ()) -> list[Row]:
    """Arranges the calls of a trace, and leaks between calls, as rows; folds repeated blocks.

    A block folds if it occurs at least three times in a row with the same types, effects, masks,
    shapes and verdicts. A trace of at most 12 calls is not folded.

    Args:
        calls: The calls in the order in which they began.
        leaks: The calls at which padding gets in.

    Returns:
        The rows in the same order.
    """
    tree = call_tree(calls, leaks)
    folding = _Folding(tree.top, fold=len(calls) > _MOST_UNFOLDED)
    return _Sources(tree, folding.same_as, calls).add_to(folding.rows)


class _Folding:
    """Makes rows of nodes, and folds equal blocks that follow each other.

    Attributes:
        rows: The rows.
        same_as: Maps the place of each folded call to that of the call shown for it.
    """

    def __init__(self, nodes: Sequence[CallNode], *, fold: bool) -> None:
        self.rows: list[Row] = []
        self.same_as: dict[int, int] = {}
        self._fold = fold
        self._kinds: dict[object, int] = {}
        self._add([[node] for node in nodes], depth=0, contained=False)

    def _add(self, groups: Sequence[list[CallNode]], depth: int, contained: bool) -> None:
        """Adds rows for sibling nodes; each group holds the equal nodes that share a row."""
        kinds = [self._kind(group[0]) for group in groups]
        at = 0
        while at < len(groups):
            length, times = _repeats(kinds, at) if self._fold else (1, 1)
            first = len(self.rows)
            for offset in range(length):
                repeated = range(at + offset, at + offset + length * times, length)
                equal = [node for k in repeated for node in groups[k]]
                self._add_row(equal, depth, contained)
            block = len(self.rows) - first if length > 1 else 0
            self.rows[first] = replace(self.rows[first], times=times, block=block)
            at += length * times

    def _add_row(self, equal: Sequence[CallNode], depth: int, contained: bool) -> None:
        node = equal[0]
        part: _Part = "contained" if contained else "container" if node.producer() else "call"
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
        inner = [list(nodes) for nodes in zip(*(one.children for one in equal), strict=True)]
        self._add(inner, depth + 1, contained or part != "container")

    def _kind(self, node: CallNode) -> int:
        """Returns a number that is the same for all calls that look the same."""
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
            tuple(self._kind(inner) for inner in node.children),
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
    """Finds the rows that the tensors of each row came out of."""

    def __init__(self, tree: Tree, same_as: dict[int, int], calls: Sequence[LayerCall]) -> None:
        self._nodes = {node.place: node for first in tree.top for node in first.walk()}
        self._enclosing, self._same_as, self._calls = tree.enclosing, same_as, calls
        self._paths = {call.path for call in calls}

    def add_to(self, rows: Sequence[Row]) -> list[Row]:
        above: list[Row] = []
        before: Row | None = None
        result = []
        for row in rows:
            del above[row.depth + 1 :]
            places = [self._outermost_shown(place) for place in row.call.sources]
            if not places:
                places = [before.place if before else None] * len(row.call.masks_in)
            row = replace(
                row,
                sources=tuple(self._producing_row(place) for place in places),
                from_names=() if self._is_plain(row, places, above) else self._names(row, places),
            )
            above[row.depth :] = [row]
            result.append(row)
            if row.part == "call":
                before = row
        return result

    def _is_plain(self, row: Row, places: Sequence[int | None], above: Sequence[Row]) -> bool:
        """Whether all inputs came from the row above, or are those of the containing row."""
        shown = {self._shown(place) for place in places}
        if row.is_code or shown == {None}:
            return True
        if len(above) > row.depth:
            return shown == {above[row.depth].place}
        outer_sources = above[-1].call.sources if above else ()
        return shown <= {self._shown(self._outermost_shown(place)) for place in outer_sources}

    def _names(self, row: Row, places: Sequence[int | None]) -> tuple[str | None, ...]:
        names = (None if place is None else self._name(place, row.call) for place in places)
        return tuple(dict.fromkeys(names))

    def _name(self, place: int, reader: LayerCall) -> str:
        """Returns a call's name, or its path if the name means another call near the reader."""
        call = self._nodes[place].call
        if place < 0 and call.between:
            return call.between[0]
        outer_path = reader.path
        while outer_path:
            outer_path = outer_path.rpartition("/")[0]
            path = f"{outer_path}/{call.name}" if outer_path else call.name
            if path in self._paths:
                return call.name if path == call.path else call.path
        return call_label(call, self._calls)

    def _outermost_shown(self, place: int | None) -> int | None:
        """Returns the call itself, or the containing call if its content is not shown."""
        return None if place is None else self._enclosing.get(place, place)

    def _shown(self, place: int | None) -> int | None:
        """Returns the place of the row that shows a call or an equal one."""
        while place in self._same_as:
            place = self._same_as[place]
        return place

    def _producing_row(self, place: int | None) -> int | None:
        """Returns the row that made a call's output: its own, or that of a call within it."""
        if place is None:
            return None
        node = self._nodes[place]
        while inner := node.producer():
            node = inner
        return self._shown(node.place)
