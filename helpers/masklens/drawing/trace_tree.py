"""The calls of a trace as a tree, with code between calls, without the insides of Keras layers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from masklens.tracing.calls import LayerCall, Mask


@dataclass
class CallNode:
    """A call, with the calls within it.

    Attributes:
        call: The call. Code between calls is kept as a call, too.
        place: The index of the call in the trace; below 0 for code between calls.
        children: The calls within it, in order.
        left_out: The number of calls within it that were removed.
        stray: Whether padding gets into its output, but not as far as the answer.
    """

    call: LayerCall
    place: int
    children: list["CallNode"] = field(default_factory=list)
    left_out: int = 0
    stray: bool = False

    def walk(self) -> Iterator["CallNode"]:
        """Yields the node, then those within it."""
        yield self
        for node in self.children:
            yield from node.walk()

    def producer(self) -> "CallNode | None":
        """Returns the last child with an output of the same shape and mask, if there is one."""
        given = list(zip(self.call.shapes_out, self.call.masks_out, strict=False))
        for inner in reversed(self.children):
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
        enclosing: Maps the place of each removed call to that of the call that contains it.
    """

    top: list[CallNode]
    enclosing: dict[int, int]


def call_tree(calls: Sequence[LayerCall], leaks: Sequence[LayerCall] = ()) -> Tree:
    """Nests the calls of a trace.

    Adds a node for code between calls that lets padding in, or loses a mask that would have kept it
    out. Removes the calls within Keras's own layers, unless padding gets in there.

    Args:
        calls: The calls in the order in which they began.
        leaks: The calls at which padding gets in; a leak that is not among the calls is the model's
            own call.

    Returns:
        The tree.
    """
    top = _nested(calls)
    _mark_strays(calls, top)
    _add_code(calls, top, leaks)
    return Tree(top, _take_out_inner(top))


def call_label(call: LayerCall, calls: Iterable[LayerCall]) -> str:
    """Returns the name of a call, or its path if several layers have that name.

    Args:
        call: A call.
        calls: All calls of its trace.
    """
    return call.name if {c.path for c in calls if c.name == call.name} <= {call.path} else call.path


def same_mask(mask: Mask | None, other: Mask | None) -> bool:
    """Returns whether two masks are both None, or equal at every timestep.

    Args:
        mask: A mask, or None.
        other: Another mask, or None.
    """
    if mask is None or other is None:
        return mask is other
    return mask is other or np.array_equal(mask, other)


def _nested(calls: Sequence[LayerCall]) -> list[CallNode]:
    top: list[CallNode] = []
    ancestors: list[CallNode] = []
    for place, call in enumerate(calls):
        del ancestors[max(call.depth, 0) :]
        node = CallNode(call, place)
        (ancestors[-1].children if ancestors else top).append(node)
        ancestors.append(node)
    return top


def _mark_strays(calls: Sequence[LayerCall], top: Sequence[CallNode]) -> None:
    """Marks the calls where padding gets in without reaching the answer."""
    for node in (node for first in top for node in first.walk()):
        inner = [one.call for one in node.walk() if one is not node]
        sources = [None if place is None else calls[place] for place in node.call.sources]
        node.stray = (
            bool(node.call.leak)
            and not node.call.gets_in
            and not any(call.leak or call.gets_in for call in inner)
            # The output of code between calls may have moved already.
            and bool(sources)
            and all(source is not None and not source.leak for source in sources)
            and not _inside_a_leak(node, top)
        )


def _inside_a_leak(node: CallNode, top: Sequence[CallNode]) -> bool:
    return any(
        other.call.gets_in and not other.call.between and any(one is node for one in other.walk())
        for first in top
        for other in first.walk()
    )


def _add_code(calls: Sequence[LayerCall], top: list[CallNode], leaks: Sequence[LayerCall]) -> None:
    """Adds nodes for code between calls that lets padding in or loses a mask."""
    for number, leak in enumerate(leaks):
        place = -1 - number
        siblings, at = _find(top, leak) or (top, None)
        if at is None or leak.between is not None:
            children = top if at is None else siblings[at].children
            before, after = leak.between or ("", "")
            where = _place_between([node.call.path for node in children], before, after)
            producer = next((node for node in children[:where] if node.call.path == before), None)
            children.insert(where, CallNode(_leak_between(leak, producer), place))
        elif leak.reason is not None and leak.reason.kind == "operator":
            node = siblings[at]
            producer = _last_with_mask(top, node)
            if producer is not None:
                siblings.insert(at, CallNode(_loss_between(producer, node, calls), place))
                sources = tuple(place if one is None else one for one in leak.sources)
                node.call = replace(leak, sources=sources)


def _find(nodes: list[CallNode], call: LayerCall) -> tuple[list[CallNode], int] | None:
    """Returns the list of nodes that holds a call, and its index there."""
    for at, node in enumerate(nodes):
        if node.call is call:
            return nodes, at
        if found := _find(node.children, call):
            return found
    return None


def _place_between(paths: Sequence[str], before: str, after: str) -> int:
    for place, path in enumerate(paths):
        if path == after and (not before or before in paths[:place]):
            return place
    if before in paths:
        return len(paths) - paths[::-1].index(before)
    return len(paths)


def _last_with_mask(top: Sequence[CallNode], consumer: CallNode) -> CallNode | None:
    """Returns the last call before the consumer with a mask that fits its unmasked inputs."""
    bare = [
        shape[:2]
        for shape, source in zip(consumer.call.shapes_in, consumer.call.sources, strict=True)
        if source is None
    ]
    before = [
        node
        for first in top
        for node in first.walk()
        if 0 <= node.place < consumer.place
        and all(one is not consumer for one in node.walk())
        and any(mask is not None and mask.shape in bare for mask in node.call.masks_out)
    ]
    return before[-1] if before else None


def _leak_between(leak: LayerCall, producer: CallNode | None) -> LayerCall:
    """Makes a call that stands for code that lets padding in."""
    return replace(
        leak,
        between=leak.between or ("", ""),
        effect="none",
        sources=(None if producer is None else producer.place,),
        masks_in=(None,) if producer is None else (*producer.call.masks_out, None)[:1],
        masks_out=(None,),
        mask_arguments=(),
        costs_a_mask=False,
        lost_to=(),
        note=None,
    )


def _loss_between(producer: CallNode, consumer: CallNode, calls: Sequence[LayerCall]) -> LayerCall:
    """Makes a call that stands for an operator or a function that loses a mask."""
    return replace(
        consumer.call,
        between=(call_label(producer.call, calls), call_label(consumer.call, calls)),
        effect="drops",
        sources=(producer.place,),
        masks_in=producer.call.masks_out[:1],
        masks_out=(None,),
        shapes_out=producer.call.shapes_out[:1],
        mask_arguments=(),
        costs_a_mask=True,
        gets_in=False,
        reason=None,
        note=None,
    )


def _take_out_inner(nodes: Iterable[CallNode]) -> dict[int, int]:
    """Removes calls within Keras's layers; maps each removed place to the containing call's."""
    enclosing: dict[int, int] = {}
    for node in nodes:
        inner = [one for one in node.walk() if one is not node]
        worth_showing = any(one.call.gets_in or one.call.costs_a_mask or one.stray for one in inner)
        if not worth_showing and node.call.of_keras:
            enclosing |= {one.place: node.place for one in inner}
            node.children, node.left_out = [], len(inner)
        enclosing |= _take_out_inner(node.children)
    return enclosing
