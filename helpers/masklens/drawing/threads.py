"""The threads beside a trace: each mask is a line that runs down from the call that made it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from masklens.drawing.trace_rows import Row

_Line = Literal["", "solid", "dotted"]
# The sign of a row shows the effect on the mask, or that padding gets in. "lost" is the cause of a
# leak; "drops" is not, as far as is known.
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
# The signs in text, in the order of the legend.
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
# The letter for each combination of lines: up, down, left, right.
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
# With more threads side by side, nobody could follow one.
_MOST_THREADS = 4


@dataclass(frozen=True)
class ThreadCell:
    """One column of the threads in one row.

    Attributes:
        up: The line from the middle to the row above: solid for a mask, dotted for a lost mask.
        down: The line from the middle to the row below.
        left: The line from the middle to the column on the left.
        right: The line from the middle to the column on the right.
        sign: The sign of the row, if it is in this column.
        red: Whether the sign is red, as for a call whose mask misses the padding.
    """

    up: _Line = ""
    down: _Line = ""
    left: _Line = ""
    right: _Line = ""
    sign: Sign | None = None
    red: bool = False

    @property
    def letter(self) -> str:
        """The cell as one letter."""
        if self.sign:
            return SIGNS[self.sign]
        if "dotted" in (self.up, self.down) and not (self.left or self.right):
            return "┊"
        sides = bool(self.up), bool(self.down), bool(self.left), bool(self.right)
        return _LINES.get(sides, "┼") if any(sides) else " "


@dataclass(frozen=True)
class ThreadRow:
    """The threads beside one row of a trace.

    Attributes:
        above: The cells between the row above and this one, from left to right.
        cells: The cells beside this row.
        below: The cells between this row and the next.
        sees_no_mask: Whether the row's call takes a tensor whose mask was lost above.
        clears: Whether the call cleared the mask of a tensor that a later call reads.
    """

    above: tuple[ThreadCell, ...]
    cells: tuple[ThreadCell, ...]
    below: tuple[ThreadCell, ...]
    sees_no_mask: bool = False
    clears: bool = False


@dataclass(frozen=True)
class _Thread:
    place: int
    line: _Line


def lay_threads(rows: Sequence[Row], *, measured: bool = False) -> list[ThreadRow]:
    """Lays out the threads beside the rows of a trace, at most four side by side.

    A thread starts at the call that gives out a mask, and ends at the last call that takes it. It
    branches to the right where other calls still need it, and joins to the left.

    Args:
        rows: The rows, with their sources.
        measured: Whether a measurement tells which losses of a mask matter; only below these is the
            thread dotted.

    Returns:
        The threads of each row, all equally wide.
    """
    return _Layout(rows, measured).lay()


def row_sign(row: Row) -> Sign:
    """Chooses the sign of a row.

    Args:
        row: The row.

    Returns:
        `"leak"` or `"broken"` where padding gets in, otherwise the effect on the mask.
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


class _Layout:
    def __init__(self, rows: Sequence[Row], measured: bool) -> None:
        self._rows, self._measured = rows, measured
        self._running: list[_Thread | None] = [None] * (_MOST_THREADS + 1)
        self._last_row_of = {
            source: number
            for number, row in enumerate(rows)
            if row.part == "call"
            for source in row.sources
            if source is not None
        }
        # The dotted thread of a lost mask runs to the last leak, or to the end if that is unknown.
        leaks = [number for number, row in enumerate(rows) if row_sign(row) in ("leak", "broken")]
        self._last_dotted_row = max(leaks, default=-1) if measured else len(rows)

    def lay(self) -> list[ThreadRow]:
        rows = []
        for number, row in enumerate(self._rows):
            if row.part == "call":
                rows.append(self._call_row(row, number))
            else:
                rows.append(self._passing_row(row))
        return _trimmed(rows)

    def _passing_row(self, row: Row) -> ThreadRow:
        """Lets the threads run past a row, and puts its sign, if any, on a free column."""
        passing = self._between_rows()
        cells = list(passing)
        if row_sign(row) in ("leak", "stray", "lost", "broken"):
            column = self._running.index(None)
            cells[column] = replace(cells[column], sign=row_sign(row))
        return ThreadRow(passing, tuple(cells), passing)

    def _call_row(self, row: Row, number: int) -> ThreadRow:
        incoming = {
            column: _incoming_line(row, thread)
            for column, thread in enumerate(self._running)
            if thread is not None and thread.place in row.sources
        }
        ending = [column for column in incoming if self._last_row_of[self._place(column)] <= number]
        # The call is on the first thread that ends here, or else on a free column.
        own_column = min(ending, default=self._running.index(None))
        sees_no_mask = row.call.effect == "none" and "dotted" in incoming.values()
        line = self._outgoing_line(row, number, incoming.values())
        clears = _clears_its_input(row)
        above = self._between_rows()
        cells = list(above)
        for column, line_in in incoming.items():
            cell = self._continue_thread(row, column, line_in, column in ending)
            cells[column] = replace(cell, up=line_in)
        for column, line_in in incoming.items():
            _connect_columns(cells, column, own_column, line_in)
        cells[own_column] = replace(
            cells[own_column], down=line, sign=row_sign(row), red=_misses_padding(row)
        )
        if line and own_column < _MOST_THREADS and self._last_row_of.get(row.place, -1) > number:
            self._running[own_column] = _Thread(row.place, line)
        if number >= self._last_dotted_row:
            cells = [replace(one, down="" if one.down == "dotted" else one.down) for one in cells]
            self._end_dotted()
        return ThreadRow(above, tuple(cells), self._between_rows(), sees_no_mask, clears)

    def _continue_thread(self, row: Row, column: int, incoming: _Line, ending: bool) -> ThreadCell:
        """Continues, ends or cuts a thread at a call that takes it."""
        cleared = _clears_its_input(row) and incoming == "solid"
        if not ending and cleared and self._matters(row):
            self._running[column] = _Thread(self._place(column), "dotted")
            return ThreadCell(down="dotted", sign="lost" if row.call.costs_a_mask else "drops")
        if ending or cleared:
            # Later calls take the tensor without its mask, which does no harm.
            self._running[column] = None
            return ThreadCell(sign=None if ending else "drops")
        thread = self._running[column]
        return ThreadCell(down=thread.line if thread is not None else "")

    def _place(self, column: int) -> int:
        thread = self._running[column]
        assert thread is not None
        return thread.place

    def _outgoing_line(self, row: Row, number: int, incoming: Iterable[_Line]) -> _Line:
        call = row.call
        if any(mask is not None for mask in call.masks_out):
            return "solid"
        timeless = all(len(shape) < 3 for shape in call.shapes_out)
        if timeless or number >= self._last_dotted_row or row_sign(row) == "leak":
            return ""
        lost = call.effect in ("drops", "ends") and self._matters(row)
        return "dotted" if lost or "dotted" in incoming else ""

    def _matters(self, row: Row) -> bool:
        """Whether losing the mask lets padding in, or may do so in a trace without measurement."""
        call = row.call
        return call.costs_a_mask or (not self._measured and bool(call.lost_to))

    def _end_dotted(self) -> None:
        for column, thread in enumerate(self._running):
            if thread is not None and thread.line == "dotted":
                self._running[column] = None

    def _between_rows(self) -> tuple[ThreadCell, ...]:
        return tuple(
            ThreadCell() if thread is None else ThreadCell(up=thread.line, down=thread.line)
            for thread in self._running
        )


def _misses_padding(row: Row) -> bool:
    """Whether padding gets in because the mask that the call makes is wrong."""
    call = row.call
    return call.costs_a_mask and not call.lost_to and call.effect in ("creates", "changes")


def _clears_its_input(row: Row) -> bool:
    """Whether the call cleared the mask of a tensor that a later call reads."""
    return bool(row.call.lost_to) and row.call.effect in ("passes", "changes")


def _incoming_line(row: Row, thread: _Thread) -> _Line:
    masks = zip(row.sources, row.call.masks_in, strict=False)
    seen = any(source == thread.place and mask is not None for source, mask in masks)
    return "solid" if seen else "dotted"


def _connect_columns(cells: list[ThreadCell], column: int, own_column: int, line: _Line) -> None:
    low, high = sorted((column, own_column))
    for place in range(low, high + 1):
        cell = cells[place]
        if place > low and cell.left != "solid":
            cell = replace(cell, left=line)
        if place < high and cell.right != "solid":
            cell = replace(cell, right=line)
        cells[place] = cell


def _trimmed(rows: Sequence[ThreadRow]) -> list[ThreadRow]:
    """Removes the columns on the right that no row needs."""
    empty = ThreadCell()
    width = max(
        (
            column + 1
            for threads in rows
            for column, cell in enumerate(threads.cells)
            if cell != empty
        ),
        default=1,
    )
    return [
        replace(s, above=s.above[:width], cells=s.cells[:width], below=s.below[:width])
        for s in rows
    ]
