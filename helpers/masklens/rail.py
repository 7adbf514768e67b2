"""The rail beside a trace: each mask is a thread that runs down from the call that made it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from masklens.tracing.calls import Effect
from masklens.trace_rows import Row

Line = Literal["", "solid", "dotted"]

# Beyond this many threads side by side nobody follows one.
_MOST_THREADS = 4


@dataclass(frozen=True)
class Joint:
    """What the rail shows in one row at one thread's place.

    Attributes:
        up: The line from the middle to the row above: solid for a mask, dotted below a cut.
        down: The line from the middle to the row below.
        left: The line from the middle to the thread on the left.
        right: The line from the middle to the thread on the right.
        mark: What the row's call does to the mask; None where its mark does not stand.
    """

    up: Line = ""
    down: Line = ""
    left: Line = ""
    right: Line = ""
    mark: Effect | None = None


@dataclass(frozen=True)
class Stretch:
    """The rail along one row.

    Attributes:
        above: One joint for each thread's place, left to right, before this row.
        joints: The same places beside the row.
        below: The same places between this row and the next.
        sees_no_mask: Whether the row's call takes a tensor whose mask was lost above.
    """

    above: tuple[Joint, ...]
    joints: tuple[Joint, ...]
    below: tuple[Joint, ...]
    sees_no_mask: bool = False


@dataclass(frozen=True)
class _Thread:
    place: int
    line: Line


def lay_rail(rows: Sequence[Row]) -> list[Stretch]:
    """Lays the threads of a trace beside its rows, at most four side by side.

    A thread starts where a call gives out a mask, and ends at the last call that takes it. It
    branches to the right where others still need it, and joins to the left.

    Args:
        rows: The rows, with their sources.

    Returns:
        One stretch of rail per row, all equally wide.
    """
    last_taken = {
        source: number
        for number, row in enumerate(rows)
        if row.part == "call"
        for source in row.sources
        if source is not None
    }
    threads: list[_Thread | None] = [None] * (_MOST_THREADS + 1)
    stretches = []
    for number, row in enumerate(rows):
        if row.part == "call":
            stretches.append(_lay_row(row, number, threads, last_taken))
        else:
            passing = _through(threads)
            stretches.append(Stretch(passing, passing, passing))
    return _trimmed(stretches)


def _lay_row(
    row: Row, number: int, threads: list[_Thread | None], last_taken: dict[int, int]
) -> Stretch:
    call = row.call
    taken = {
        at: _line_taken(row, thread)
        for at, thread in enumerate(threads)
        if thread is not None and thread.place in row.sources
    }
    done = [at for at in taken if last_taken[threads[at].place] <= number]  # type: ignore[union-attr]  # taken: there
    own = _own_place(threads, done)
    line = _line_given(row, taken)
    above = _through(threads)
    joints = list(above)
    for at, incoming in taken.items():
        joints[at] = replace(joints[at], up=incoming)
        if at in done:
            joints[at] = replace(joints[at], down="")
            threads[at] = None
        elif call.costs_a_mask and call.effect not in ("drops", "ends") and incoming == "solid":
            # The call cleared the mask of its own input: the thread is cut where it passes.
            joints[at] = replace(joints[at], down="dotted", mark="drops")
            threads[at] = replace(threads[at], line="dotted")  # type: ignore[type-var]  # taken: there
        _connect(joints, at, own, incoming)
    joints[own] = replace(joints[own], down=line, mark=call.effect)
    if line and own < _MOST_THREADS and last_taken.get(row.place, -1) > number:
        threads[own] = _Thread(row.place, line)
    unseen = call.effect == "none" and "dotted" in taken.values()
    return Stretch(above, tuple(joints), _through(threads), unseen)


def _line_taken(row: Row, thread: _Thread) -> Line:
    masks = zip(row.sources, row.call.masks_in, strict=False)
    seen = any(source == thread.place and mask is not None for source, mask in masks)
    return "solid" if seen else "dotted"


def _line_given(row: Row, taken: dict[int, Line]) -> Line:
    if any(mask is not None for mask in row.call.masks_out):
        return "solid"
    ended_too_soon = row.call.effect == "ends" and row.call.costs_a_mask
    unseen = row.call.effect == "none" and "dotted" in taken.values()
    if row.call.effect == "drops" or ended_too_soon or unseen:
        return "dotted"
    return ""


def _own_place(threads: Sequence[_Thread | None], done: list[int]) -> int:
    """The call stands on the first thread that ends with it, else on a place of its own."""
    return min(done, default=threads.index(None))


def _connect(joints: list[Joint], at: int, own: int, line: Line) -> None:
    low, high = sorted((at, own))
    for place in range(low, high + 1):
        joint = joints[place]
        if place > low and joint.left != "solid":
            joint = replace(joint, left=line)
        if place < high and joint.right != "solid":
            joint = replace(joint, right=line)
        joints[place] = joint


def _through(threads: Sequence[_Thread | None]) -> tuple[Joint, ...]:
    return tuple(
        Joint() if thread is None else Joint(up=thread.line, down=thread.line) for thread in threads
    )


def _trimmed(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Leaves out the places on the right that no row needs."""
    empty = Joint()
    width = max(
        (
            at + 1
            for stretch in stretches
            for at, joint in enumerate(stretch.joints)
            if joint != empty
        ),
        default=1,
    )
    return [
        Stretch(s.above[:width], s.joints[:width], s.below[:width], s.sees_no_mask)
        for s in stretches
    ]
