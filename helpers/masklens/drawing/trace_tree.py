"""The calls of a trace as a tree: code between calls in its place, insides of no interest out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from masklens.tracing.calls import LayerCall, Mask


@dataclass
class Node:
    """A call, with the calls inside it.

    Attributes:
        call: The call. Code between calls is told as a call, too.
        place: The index of the call in the trace; below 0 for code between calls.
        inside: The calls inside it, in order.
        left_out: How many calls inside it were taken out.
        stray: Whether padding gets into what it gives out, but not as far as the answer.
    """

    call: LayerCall
    place: int
    inside: list["Node"] = field(default_factory=list)
    left_out: int = 0
    stray: bool = False

    def walk(self) -> Iterator["Node"]:
        """Yields the node, then those inside it."""
        yield self
        for node in self.inside:
            yield from node.walk()

    def made_by(self) -> "Node | None":
        """The last call inside that gave out the same, as far as shape and mask tell."""
        given = list(zip(self.call.shapes_out, self.call.masks_out, strict=False))
        for inner in reversed(self.inside):
            call = inner.call
            for shape, mask in zip(call.shapes_out, call.masks_out, strict=False):
                if inner.place >= 0 and any(
                    shape == other and same_mask(mask, one) for other, one in given
                ):
                    return inner
        return None


@dataclass(frozen=True)
class Tree:
    """The calls of a trace, nested.

    Attributes:
        top: The outermost calls, in order.
        outer: For the place of each call that was taken out, that of the call around it.
    """

    top: list[Node]
    outer: dict[int, int]


def call_tree(calls: Sequence[LayerCall], leaks: Sequence[LayerCall] = ()) -> Tree:
    """Nests the calls of a trace.

    Where code between calls lets padding in, or loses a mask for which padding gets in, there is a
    node for it. What is inside Keras's own layers is taken out, unless padding gets in there.

    Args:
        calls: The calls in the order in which they began.
        leaks: The calls at which padding gets in; those that are not among the calls stand for
            the code around them.

    Returns:
        The tree.
    """
    top = _nested(calls)
    _mark_strays(calls, top)
    _add_code(calls, top, leaks)
    return Tree(top, _take_out_inner(top))


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


def _nested(calls: Sequence[LayerCall]) -> list[Node]:
    top: list[Node] = []
    around: list[Node] = []
    for place, call in enumerate(calls):
        del around[max(call.depth, 0) :]
        node = Node(call, place)
        (around[-1].inside if around else top).append(node)
        around.append(node)
    return top


def _mark_strays(calls: Sequence[LayerCall], top: Sequence[Node]) -> None:
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


def _inside_a_leak(node: Node, top: Sequence[Node]) -> bool:
    return any(
        other.call.gets_in and not other.call.between and any(one is node for one in other.walk())
        for first in top
        for other in first.walk()
    )


def _add_code(calls: Sequence[LayerCall], top: list[Node], leaks: Sequence[LayerCall]) -> None:
    """Adds nodes for code between calls: where padding gets in there, or a mask is lost."""
    for number, leak in enumerate(leaks):
        place = -1 - number
        siblings, at = _find(top, leak) or (top, None)
        if at is None or leak.between is not None:
            inside = top if at is None else siblings[at].inside
            before, after = leak.between or ("", "")
            where = _place_between([node.call.path for node in inside], before, after)
            maker = next((node for node in inside[:where] if node.call.path == before), None)
            inside.insert(where, Node(_leak_between(leak, maker), place))
        elif leak.reason is not None and leak.reason.kind == "operator":
            node = siblings[at]
            maker = _last_with_mask(top, node)
            if maker is not None:
                siblings.insert(at, Node(_loss_between(maker, node, calls), place))
                sources = tuple(place if one is None else one for one in leak.sources)
                node.call = replace(leak, sources=sources)


def _find(nodes: list[Node], call: LayerCall) -> tuple[list[Node], int] | None:
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


def _last_with_mask(top: Sequence[Node], taker: Node) -> Node | None:
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


def _leak_between(leak: LayerCall, maker: Node | None) -> LayerCall:
    """A leak by code, as a call that takes what the call before it gave out."""
    return replace(
        leak,
        between=leak.between or ("", ""),
        effect="none",
        sources=(None if maker is None else maker.place,),
        masks_in=(None,) if maker is None else (*maker.call.masks_out, None)[:1],
        masks_out=(None,),
        mask_arguments=(),
        costs_a_mask=False,
        lost_to=(),
        note=None,
    )


def _loss_between(maker: Node, taker: Node, calls: Sequence[LayerCall]) -> LayerCall:
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


def _take_out_inner(nodes: Iterable[Node]) -> dict[int, int]:
    """Takes out what is inside Keras's own layers; returns the call around each one taken out."""
    outer: dict[int, int] = {}
    for node in nodes:
        inner = [one for one in node.walk() if one is not node]
        told = any(one.call.gets_in or one.call.costs_a_mask or one.stray for one in inner)
        if not told and node.call.of_keras:
            outer |= {one.place: node.place for one in inner}
            node.inside, node.left_out = [], len(inner)
        outer |= _take_out_inner(node.inside)
    return outer
