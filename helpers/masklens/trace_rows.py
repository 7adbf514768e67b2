"""The rows of a trace's picture: calls nested by depth, leaks between them, equal blocks folded."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from masklens.tracing.calls import LayerCall, Mask

Part = Literal["call", "around", "inside"]

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
    part: Part = "call"
    left_out: int = 0
    stray: bool = False
    sources: tuple[int | None, ...] = ()
    from_names: tuple[str | None, ...] = ()

    @property
    def is_code(self) -> bool:
        """Whether this is no call, but code between calls."""
        return self.place < 0


@dataclass
class _Node:
    call: LayerCall
    place: int
    inside: list["_Node"] = field(default_factory=list)
    left_out: int = 0
    stray: bool = False

    def walk(self) -> Iterator["_Node"]:
        yield self
        for node in self.inside:
            yield from node.walk()


def trace_rows(calls: Sequence[LayerCall], leaks: Sequence[LayerCall] = ()) -> list[Row]:
    """Arranges the calls of a trace as rows, with its leaks between calls, and folds what repeats.

    What is inside Keras's own layers is left out, unless padding gets in there. Blocks of calls
    fold where at least three follow each other that agree in types, effects, masks, shapes and
    verdicts. A trace of at most 12 calls is not folded.

    Args:
        calls: The calls in the order in which they began.
        leaks: The calls at which padding gets in; those that are not among the calls stand for
            the code around them.

    Returns:
        The rows in the same order.
    """
    top = _nested(calls)
    _mark_strays(calls, top)
    _add_code(calls, top, leaks)
    outer = _leave_out_inner(top)
    folding = _Folding(top, fold=len(calls) > _MOST_UNFOLDED)
    return _Sources(top, outer, folding.same_as, calls).added_to(folding.rows)


def call_label(call: LayerCall, calls: Iterable[LayerCall]) -> str:
    """Names a call: its path, where several layers have its name.

    Args:
        call: A call.
        calls: All calls of its trace.

    Returns:
        The name or the path.
    """
    return call.name if {c.path for c in calls if c.name == call.name} <= {call.path} else call.path


def same_mask(mask: Mask | None, other: Mask | None) -> bool:
    """Compares two masks.

    Args:
        mask: A mask, or None.
        other: Another.

    Returns:
        Whether both are None, or agree at every timestep.
    """
    if mask is None or other is None:
        return mask is other
    return mask is other or np.array_equal(mask, other)


def _nested(calls: Sequence[LayerCall]) -> list[_Node]:
    top: list[_Node] = []
    around: list[_Node] = []
    for place, call in enumerate(calls):
        del around[max(call.depth, 0) :]
        node = _Node(call, place)
        (around[-1].inside if around else top).append(node)
        around.append(node)
    return top


# Verdicts -----------------------------------------------------------------------------------------


def _mark_strays(calls: Sequence[LayerCall], top: Sequence[_Node]) -> None:
    """Marks the calls at which padding gets in, but does not reach the answer."""
    for node in (node for first in top for node in first.walk()):
        inner = [one.call for one in node.walk() if one is not node]
        sources = [None if place is None else calls[place] for place in node.call.sources]
        node.stray = (
            bool(node.call.leak)
            and not node.call.gets_in
            and not any(call.leak or call.gets_in for call in inner)
            # What came from code between the calls may have moved there.
            and bool(sources)
            and all(source is not None and not source.leak for source in sources)
            and not _inside_a_leak(node, top)
        )


def _inside_a_leak(node: _Node, top: Sequence[_Node]) -> bool:
    return any(
        other.call.gets_in and not other.call.between and any(one is node for one in other.walk())
        for first in top
        for other in first.walk()
    )


def _add_code(calls: Sequence[LayerCall], top: list[_Node], leaks: Sequence[LayerCall]) -> None:
    """Adds nodes for code between calls: where padding gets in there, or a mask is lost."""
    for number, leak in enumerate(leaks):
        place = -1 - number
        siblings, at = _find(top, leak) or (top, None)
        if at is None or leak.between is not None:
            inside = top if at is None else siblings[at].inside
            before, after = leak.between or ("", "")
            where = _place_between([node.call.path for node in inside], before, after)
            maker = next((node for node in inside[:where] if node.call.path == before), None)
            inside.insert(where, _Node(_leak_between(leak, maker), place))
        elif leak.reason is not None and leak.reason.kind == "operator":
            node = siblings[at]
            maker = _last_with_mask(top, node)
            if maker is not None:
                siblings.insert(at, _Node(_loss_between(maker, node, calls), place))
                sources = tuple(place if one is None else one for one in leak.sources)
                node.call = replace(leak, sources=sources)


def _find(nodes: list[_Node], call: LayerCall) -> tuple[list[_Node], int] | None:
    """The nodes that a call stands among, and its place there."""
    for at, node in enumerate(nodes):
        if node.call is call:
            return nodes, at
        if found := _find(node.inside, call):
            return found
    return None


def _place_between(paths: Sequence[str], before: str, after: str) -> int:
    for place, path in enumerate(paths):
        if path == after and (not before or before in paths[:place]):
            return place
    if before in paths:
        return len(paths) - paths[::-1].index(before)
    return len(paths)


def _last_with_mask(top: Sequence[_Node], taker: _Node) -> _Node | None:
    """The last call before another one that gave out a mask for as many timesteps."""
    bare = [
        shape[:2]
        for shape, source in zip(taker.call.shapes_in, taker.call.sources, strict=True)
        if source is None
    ]
    before = [
        node
        for first in top
        for node in first.walk()
        if 0 <= node.place < taker.place
        and all(one is not taker for one in node.walk())
        and any(mask is not None and mask.shape in bare for mask in node.call.masks_out)
    ]
    return before[-1] if before else None


def _leak_between(leak: LayerCall, maker: _Node | None) -> LayerCall:
    """A leak by code, as a call that takes what the call before it gave out."""
    return replace(
        leak,
        between=leak.between or ("", ""),
        effect="none",
        sources=(None if maker is None else maker.place,),
        masks_in=(None if maker is None else maker.call.masks_out[0],),
        masks_out=(None,),
        mask_arguments=(),
        costs_a_mask=False,
        lost_to=(),
        note=None,
    )


def _loss_between(maker: _Node, taker: _Node, calls: Sequence[LayerCall]) -> LayerCall:
    """The loss of a mask by an operator or a function, as a call that drops it."""
    return replace(
        taker.call,
        between=(call_label(maker.call, calls), call_label(taker.call, calls)),
        effect="drops",
        sources=(maker.place,),
        masks_in=maker.call.masks_out[:1],
        masks_out=(None,),
        shapes_out=maker.call.shapes_out[:1],
        mask_arguments=(),
        costs_a_mask=True,
        gets_in=False,
        reason=None,
        note=None,
    )


# Leaving out, folding -----------------------------------------------------------------------------


def _leave_out_inner(nodes: Iterable[_Node]) -> dict[int, int]:
    """Takes out what is inside Keras's own layers; returns the call around each one taken out."""
    outer: dict[int, int] = {}
    for node in nodes:
        inner = [one for one in node.walk() if one is not node]
        told = any(one.call.gets_in or one.call.costs_a_mask or one.stray for one in inner)
        if not told and _is_keras_own(node.call):
            outer |= {one.place: node.place for one in inner}
            node.inside, node.left_out = [], len(inner)
        outer |= _leave_out_inner(node.inside)
    return outer


def _is_keras_own(call: LayerCall) -> bool:
    import keras

    return hasattr(keras.layers, call.layer_type)


class _Folding:
    """Makes rows of nodes, one for all blocks that are equal and follow each other.

    Attributes:
        rows: The rows.
        same_as: For the place of a call that is folded away, that of the call which is shown.
    """

    def __init__(self, nodes: Sequence[_Node], *, fold: bool) -> None:
        self.rows: list[Row] = []
        self.same_as: dict[int, int] = {}
        self._fold = fold
        self._kinds: dict[object, int] = {}
        self._add([[node] for node in nodes], depth=0, inside=False)

    def _add(self, groups: Sequence[list[_Node]], depth: int, inside: bool) -> None:
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

    def _add_row(self, equal: Sequence[_Node], depth: int, inside: bool) -> None:
        node = equal[0]
        part: Part = "inside" if inside else "around" if _made_by(node) else "call"
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

    def _kind(self, node: _Node) -> int:
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


# Sources ------------------------------------------------------------------------------------------


class _Sources:
    """Says of each row which rows its tensors came out of."""

    def __init__(
        self,
        top: Sequence[_Node],
        outer: dict[int, int],
        same_as: dict[int, int],
        calls: Sequence[LayerCall],
    ) -> None:
        self._nodes = {node.place: node for first in top for node in first.walk()}
        self._outer, self._same_as, self._calls = outer, same_as, calls

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
        calls = [None if place is None else self._nodes[place].call for place in places]
        names = (None if call is None else self._name(call, row.call) for call in calls)
        return tuple(dict.fromkeys(names))

    def _name(self, call: LayerCall, beside: LayerCall) -> str:
        """A call's name where it stands beside another one, else what tells it apart."""
        siblings = call.path.rpartition("/")[0] == beside.path.rpartition("/")[0]
        return call.name if siblings else call_label(call, self._calls)

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
        while inner := _made_by(node):
            node = inner
        return self._shown(node.place)


def _made_by(node: _Node) -> _Node | None:
    """The last call inside a call that gave out the same, as far as shape and mask tell."""
    given = list(zip(node.call.shapes_out, node.call.masks_out, strict=False))
    for inner in reversed(node.inside):
        call = inner.call
        for shape, mask in zip(call.shapes_out, call.masks_out, strict=False):
            if inner.place >= 0 and any(
                shape == other and same_mask(mask, one) for other, one in given
            ):
                return inner
    return None
