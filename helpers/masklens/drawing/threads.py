"""The rail beside a trace: each mask is a thread that runs down from the call that made it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from masklens.drawing.trace_rows import Row

_Line = Literal["", "solid", "dotted"]
# What a row's sign says: what became of the mask, or that padding gets in. A mask that was lost
# is the cause of a leak; one that was dropped is not, as far as is known.
Sign = Literal[
    "creates",
    "passes",
    "changes",
    "ends",
    "drops",
    "lost",
    "none",
    "argument",
    "leak",
    "stray",
    "broken",
]
# As text; in the order of the legend.
SIGNS: dict[Sign, str] = {
    "creates": "●",
    "passes": "○",
    "changes": "◆",
    "ends": "┻",
    "drops": "✕",
    "lost": "✕",
    "argument": "▪",
    "none": "·",
    "leak": "▼",
    "stray": "▽",
    "broken": "!",
}
# Which line leads up, down, left and right, and the letter that draws it.
_LINES = {
    (True, True, False, False): "│",
    (True, False, False, False): "╵",
    (False, True, False, False): "╷",
    (True, True, False, True): "├",
    (True, True, True, False): "┤",
    (True, False, True, False): "┘",
    (True, False, False, True): "└",
    (True, False, True, True): "┴",
    (False, False, True, True): "─",
    (True, True, True, True): "┼",
}
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
        sign: The sign of the row; None where it does not stand.
        red: Whether the sign is red, as that of a call whose mask misses the padding.
    """

    up: _Line = ""
    down: _Line = ""
    left: _Line = ""
    right: _Line = ""
    sign: Sign | None = None
    red: bool = False

    @property
    def letter(self) -> str:
        """The joint as one letter."""
        if self.sign:
            return SIGNS[self.sign]
        if "dotted" in (self.up, self.down) and not (self.left or self.right):
            return "┊"
        sides = bool(self.up), bool(self.down), bool(self.left), bool(self.right)
        return _LINES.get(sides, "┼") if any(sides) else " "


@dataclass(frozen=True)
class Stretch:
    """The rail along one row.

    Attributes:
        above: One joint for each thread's place, left to right, before this row.
        joints: The same places beside the row.
        below: The same places between this row and the next.
        sees_no_mask: Whether the row's call takes a tensor whose mask was lost above.
        clears: Whether the call took the mask off a tensor that another one reads after it.
    """

    above: tuple[Joint, ...]
    joints: tuple[Joint, ...]
    below: tuple[Joint, ...]
    sees_no_mask: bool = False
    clears: bool = False


@dataclass(frozen=True)
class _Thread:
    place: int
    line: _Line


def lay_rail(rows: Sequence[Row], *, measured: bool = False) -> list[Stretch]:
    """Lays the threads of a trace beside its rows, at most four side by side.

    A thread starts where a call gives out a mask, and ends at the last call that takes it. It
    branches to the right where others still need it, and joins to the left.

    Args:
        rows: The rows, with their sources.
        measured: Whether it is known which losses of a mask matter; below others nothing is dotted.

    Returns:
        One stretch of rail per row, all equally wide.
    """
    return _Rail(rows, measured).lay()


def row_sign(row: Row) -> Sign:
    """Says which sign stands for a row.

    Args:
        row: The row.

    Returns:
        The drop where padding gets in, else what became of the mask.
    """
    call = row.call
    if call.gets_in and (row.is_code or call.between is None):
        return "broken" if call.reason is not None and call.reason.kind == "nan" else "leak"
    if row.stray:
        return "stray"
    if call.costs_a_mask and call.effect in ("drops", "ends"):
        return "lost"
    if call.effect == "none" and (call.mask_arguments or call.causal):
        return "argument"
    return call.effect


class _Rail:
    def __init__(self, rows: Sequence[Row], measured: bool) -> None:
        self._rows, self._measured = rows, measured
        self._threads: list[_Thread | None] = [None] * (_MOST_THREADS + 1)
        self._last_taken = {
            source: number
            for number, row in enumerate(rows)
            if row.part == "call"
            for source in row.sources
            if source is not None
        }
        # A lost mask is followed as far as padding gets in for it, or as far as it may.
        leaks = [number for number, row in enumerate(rows) if row_sign(row) in ("leak", "broken")]
        self._last_dotted = max(leaks, default=-1) if measured else len(rows)

    def lay(self) -> list[Stretch]:
        stretches = []
        for number, row in enumerate(self._rows):
            if row.part == "call":
                stretches.append(self._beside_call(row, number))
            else:
                stretches.append(self._beside_other(row))
        return _trimmed(stretches)

    def _beside_other(self, row: Row) -> Stretch:
        """The threads run past; what is to be seen stands on a place of its own."""
        passing = self._through()
        joints = list(passing)
        if row_sign(row) in ("leak", "stray", "lost", "broken"):
            at = self._threads.index(None)
            joints[at] = replace(joints[at], sign=row_sign(row))
        return Stretch(passing, tuple(joints), passing)

    def _beside_call(self, row: Row, number: int) -> Stretch:
        taken = {
            at: _line_taken(row, thread)
            for at, thread in enumerate(self._threads)
            if thread is not None and thread.place in row.sources
        }
        done = [at for at in taken if self._last_taken[self._place(at)] <= number]
        # The call stands on the first thread that ends with it, else on a place of its own.
        own = min(done, default=self._threads.index(None))
        unseen = row.call.effect == "none" and "dotted" in taken.values()
        line = self._line_given(row, number, taken.values())
        clears = _takes_off(row)
        above = self._through()
        joints = list(above)
        for at, incoming in taken.items():
            joints[at] = replace(self._taken(row, at, incoming, at in done), up=incoming)
        for at, incoming in taken.items():
            _connect(joints, at, own, incoming)
        joints[own] = replace(joints[own], down=line, sign=row_sign(row), red=_is_red(row))
        if line and own < _MOST_THREADS and self._last_taken.get(row.place, -1) > number:
            self._threads[own] = _Thread(row.place, line)
        if number >= self._last_dotted:
            joints = [replace(one, down="" if one.down == "dotted" else one.down) for one in joints]
            self._end_dotted()
        return Stretch(above, tuple(joints), self._through(), unseen, clears)

    def _taken(self, row: Row, at: int, incoming: _Line, done: bool) -> Joint:
        """Leads a thread on below a call that takes it, or ends or cuts it there."""
        cleared = _takes_off(row) and incoming == "solid"
        if not done and cleared and self._matters(row):
            self._threads[at] = _Thread(self._place(at), "dotted")
            return Joint(down="dotted", sign="lost" if row.call.costs_a_mask else "drops")
        if done or cleared:
            # Whoever takes it later gets it without its mask, and nothing comes of that.
            self._threads[at] = None
            return Joint(sign=None if done else "drops")
        thread = self._threads[at]
        return Joint(down=thread.line if thread is not None else "")

    def _place(self, at: int) -> int:
        thread = self._threads[at]
        assert thread is not None
        return thread.place

    def _line_given(self, row: Row, number: int, taken: Iterable[_Line]) -> _Line:
        call = row.call
        if any(mask is not None for mask in call.masks_out):
            return "solid"
        timeless = all(len(shape) < 3 for shape in call.shapes_out)
        if timeless or number >= self._last_dotted or row_sign(row) == "leak":
            return ""
        lost = call.effect in ("drops", "ends") and self._matters(row)
        return "dotted" if lost or "dotted" in taken else ""

    def _matters(self, row: Row) -> bool:
        """Whether a loss of the mask costs something, or may: nobody measured it."""
        call = row.call
        return call.costs_a_mask or (not self._measured and bool(call.lost_to))

    def _end_dotted(self) -> None:
        for at, thread in enumerate(self._threads):
            if thread is not None and thread.line == "dotted":
                self._threads[at] = None

    def _through(self) -> tuple[Joint, ...]:
        return tuple(
            Joint() if thread is None else Joint(up=thread.line, down=thread.line)
            for thread in self._threads
        )


def _is_red(row: Row) -> bool:
    """Whether the mask that a call gives out is the wrong one, and padding gets in for that."""
    call = row.call
    return call.costs_a_mask and not call.lost_to and call.effect in ("creates", "changes")


def _takes_off(row: Row) -> bool:
    """Whether a call took the mask off a tensor that another one reads after it."""
    return bool(row.call.lost_to) and row.call.effect in ("passes", "changes")


def _line_taken(row: Row, thread: _Thread) -> _Line:
    masks = zip(row.sources, row.call.masks_in, strict=False)
    seen = any(source == thread.place and mask is not None for source, mask in masks)
    return "solid" if seen else "dotted"


def _connect(joints: list[Joint], at: int, own: int, line: _Line) -> None:
    low, high = sorted((at, own))
    for place in range(low, high + 1):
        joint = joints[place]
        if place > low and joint.left != "solid":
            joint = replace(joint, left=line)
        if place < high and joint.right != "solid":
            joint = replace(joint, right=line)
        joints[place] = joint


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
        replace(s, above=s.above[:width], joints=s.joints[:width], below=s.below[:width])
        for s in stretches
    ]
