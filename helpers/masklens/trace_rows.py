"""The rows of a trace's picture: layer calls nested by depth, repeated blocks folded into one."""

from collections.abc import Iterator, Sequence
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
    """One row: a call, or several equal calls of repeated blocks.

    Attributes:
        place: The index of the call in the trace.
        call: The call; of several equal ones, the first.
        last: The last of the equal calls; for a single one, the call itself.
        count: How many equal calls this row stands for.
        block: How many rows, this one first, repeat together; 0 where no longer block begins here.
        part: What the row is to the threads beside it. A `"call"` stands on them. A call is
            `"around"` others if what it gives out is what a call inside it gave out, as in a
            Sequential: then those stand on the threads. If it makes its output of theirs, as
            Bidirectional does, it stands on them itself, and the others are `"inside"`.
        sources: For each tensor that came in, the place of the `"call"` that it came out of;
            None if it came from outside.
        from_names: The names of the calls that the tensors came out of; empty where that is
            simply the row above.
    """

    place: int
    call: LayerCall
    last: LayerCall
    count: int = 1
    block: int = 0
    part: Part = "call"
    sources: tuple[int | None, ...] = ()
    from_names: tuple[str | None, ...] = ()


@dataclass
class _Node:
    place: int
    inside: list["_Node"] = field(default_factory=list)

    def walk(self) -> Iterator["_Node"]:
        yield self
        for node in self.inside:
            yield from node.walk()


def trace_rows(calls: Sequence[LayerCall]) -> list[Row]:
    """Arranges the calls of a trace as rows, and folds what repeats.

    Blocks of calls fold where at least three follow each other that agree in types, effects,
    masks and shapes, and none of them costs a mask. A trace of at most 12 calls is not folded.

    Args:
        calls: The calls in the order in which they began.

    Returns:
        The rows in the same order.
    """
    nodes = _nested(calls)
    kinds: dict[object, int] = {}
    rows: list[Row] = []
    shown: dict[int, int] = {}
    _add_rows(nodes, calls, rows, shown, kinds, fold=len(calls) > _MOST_UNFOLDED)
    return _with_sources(rows, calls, nodes, shown)


def _nested(calls: Sequence[LayerCall]) -> list[_Node]:
    top: list[_Node] = []
    around: list[_Node] = []
    for place, call in enumerate(calls):
        del around[max(call.depth, 0) :]
        node = _Node(place)
        (around[-1].inside if around else top).append(node)
        around.append(node)
    return top


def _add_rows(
    nodes: Sequence[_Node],
    calls: Sequence[LayerCall],
    rows: list[Row],
    shown: dict[int, int],
    kinds: dict[object, int],
    *,
    fold: bool,
    inside: bool = False,
) -> None:
    series = [_kind(node, calls, kinds) for node in nodes]
    at = 0
    while at < len(nodes):
        length, times = _repeats(series, at) if fold else (1, 1)
        first = len(rows)
        for offset in range(length):
            node, last = nodes[at + offset], nodes[at + offset + (times - 1) * length]
            call = calls[node.place]
            part: Part = "inside" if inside else "around" if _made_by(node, calls) else "call"
            rows.append(Row(node.place, call, calls[last.place], times, part=part))
            deeper = part != "around"
            _add_rows(node.inside, calls, rows, shown, kinds, fold=fold, inside=deeper)
        if length > 1:
            rows[first] = replace(rows[first], block=len(rows) - first)
        for offset in range(length, length * times):
            hidden, model = nodes[at + offset], nodes[at + offset % length]
            pairs = zip(hidden.walk(), model.walk(), strict=True)
            shown.update((one.place, other.place) for one, other in pairs)
        at += length * times


def _kind(node: _Node, calls: Sequence[LayerCall], kinds: dict[object, int]) -> int:
    """One number for all calls that look the same; a call that costs a mask looks like no other."""
    call = calls[node.place]
    masks = tuple(
        None if mask is None else id(mask) if mask.size else 0
        for mask in (*call.masks_in, *call.masks_out)
    )
    look = (
        call.layer_type,
        call.effect,
        call.uses_mask,
        call.shapes_in,
        call.shapes_out,
        masks,
        call.note,
        call.symbolic,
        node.place if call.costs_a_mask else None,
        tuple(_kind(inner, calls, kinds) for inner in node.inside),
    )
    return kinds.setdefault(look, len(kinds))


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


def _with_sources(
    rows: Sequence[Row], calls: Sequence[LayerCall], nodes: Sequence[_Node], shown: dict[int, int]
) -> list[Row]:
    by_place = {node.place: node for top in nodes for node in top.walk()}
    above: int | None = None
    result = []
    for row in rows:
        sources = row.call.sources or (above,) * len(row.call.masks_in)
        makers = tuple(
            None if source is None else _shown(_maker(by_place[source], calls).place, shown)
            for source in sources
        )
        names = dict.fromkeys(None if place is None else calls[place].name for place in sources)
        plain = row.part == "inside" or set(makers) <= {above} or set(makers) == {None}
        result.append(replace(row, sources=makers, from_names=() if plain else tuple(names)))
        if row.part == "call":
            above = row.place
    return result


def _shown(place: int, shown: dict[int, int]) -> int:
    while place in shown:
        place = shown[place]
    return place


def _maker(node: _Node, calls: Sequence[LayerCall]) -> _Node:
    """The call that made what a call gives out: itself, or one inside it."""
    while inner := _made_by(node, calls):
        node = inner
    return node


def _made_by(node: _Node, calls: Sequence[LayerCall]) -> _Node | None:
    """The last call inside a call that gave out the same, as far as shape and mask tell."""
    outer = calls[node.place]
    given = list(zip(outer.shapes_out, outer.masks_out, strict=False))
    for inner in reversed(node.inside):
        call = calls[inner.place]
        for shape, mask in zip(call.shapes_out, call.masks_out, strict=False):
            if any(shape == other[0] and same_mask(mask, other[1]) for other in given):
                return inner
    return None


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
