"""The content of a trace's picture, which is then written as HTML or as text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from masklens.drawing.threads import SIGNS, Sign, ThreadRow, lay_threads, row_sign
from masklens.drawing.trace_rows import Row, trace_rows
from masklens.drawing.trace_tree import call_label, same_mask
from masklens.tracing.calls import LayerCall, Mask
from masklens.tracing.findings import Findings


@dataclass(frozen=True, eq=False)
class DrawnMask:
    """A mask in a row of the picture.

    Attributes:
        mask: The mask as it was recorded.
        argument: The name of the argument that it came in; empty for a mask of an output.
        count: The number of tensors that carry it.
    """

    mask: Mask | None
    argument: str = ""
    count: int = 1

    @property
    def _flat(self) -> Mask | None:
        """The mask without axes of size 1 between the batch and the keys."""
        if self.mask is None or not self.mask.size or self.mask.ndim < 2:
            return None
        first, *middle, last = self.mask.shape
        return self.mask.reshape(first, *(size for size in middle if size > 1), last)

    @property
    def drawable(self) -> Mask | None:
        """The mask in two dimensions, to be drawn; None if it has too many.

        For (batch, query, key), the row of the batch with the fewest True.
        """
        flat = self._flat
        if flat is None or flat.ndim > 3:
            return None
        return flat if flat.ndim == 2 else flat[_strictest_row(flat)]

    @property
    def row_number(self) -> int | None:
        """The row of the batch that `drawable` shows; None if it holds for all rows."""
        flat = self._flat
        if flat is None or flat.ndim != 3 or (flat == flat[0]).all():
            return None
        return _strictest_row(flat)

    @property
    def is_square(self) -> bool:
        """Whether `drawable` is (query, key) instead of (batch, time)."""
        flat = self._flat
        by_shape = flat is not None and flat.ndim == 3
        # Keras takes an attention_mask of two dimensions for (query, key).
        by_name = self.argument == "attention_mask" and self.mask is not None
        return by_shape or (by_name and self.mask.ndim == 2)  # type: ignore[union-attr]


@dataclass(frozen=True)
class Drawing:
    """A trace, with its rows and the threads beside them.

    Attributes:
        found: The trace.
        error: The error that stopped the model, if any.
    """

    found: Findings
    error: BaseException | None

    @cached_property
    def calls(self) -> Sequence[LayerCall]:
        """The calls of the trace."""
        return self.found.calls

    @cached_property
    def rows(self) -> Sequence[Row]:
        """The rows, with repeated blocks folded into one."""
        return trace_rows(self.calls, self.found.leaks)

    @cached_property
    def threads(self) -> Sequence[ThreadRow]:
        """The threads beside each row."""
        return lay_threads(self.rows, measured=self.found.moves is not None)

    @property
    def rows_with_threads(self) -> Iterator[tuple[Row, ThreadRow]]:
        """The rows, each with its threads."""
        return zip(self.rows, self.threads, strict=True)

    @property
    def signs(self) -> list[Sign]:
        """The signs that occur, in the order of the legend."""
        there = {cell.sign for threads in self.threads for cell in threads.cells}
        return [sign for sign in SIGNS if sign in there]

    def masks(self, row: Row) -> list[DrawnMask]:
        """Returns the masks to draw in a row: those that it makes or changes, and its arguments.

        A mask that the call passes on unchanged is not drawn again, since the thread shows it.
        """
        call = row.call
        if row.is_code:
            return []
        makers = [self.calls[place] for place in call.sources if place is not None and place >= 0]
        came = [mask for maker in makers for mask in maker.masks_out]
        drawn = [
            DrawnMask(mask, name)
            for name, mask in call.mask_arguments
            if name == "attention_mask" or not any(mask is one for one in came)
        ]
        if row.part == "container":
            return drawn
        several = len({id(mask) for mask in call.masks_in if mask is not None}) > 1
        if call.effect in ("creates", "changes") or (call.effect == "passes" and several):
            drawn += _distinct(call.masks_out)
        return drawn

    def reason(self, row: Row) -> tuple[str, str]:
        """Returns why padding gets in at a row, and a way out in code; empty for other rows."""
        call = row.call
        if row_sign(row) not in ("leak", "broken") or call.reason is None:
            return "", ""
        label = call_label(call, self.calls)
        why = call.reason.why if label == call.name else f"`{label}`: {call.reason.why}"
        return why, call.reason.way_out


def _strictest_row(mask: Mask) -> int:
    return int(mask.sum((1, 2)).argmin())


def _distinct(masks: Sequence[Mask | None]) -> list[DrawnMask]:
    """Returns the distinct masks, each with the number of times that it occurs."""
    kinds: list[list[Mask | None]] = []
    for mask in masks:
        known = next((kind for kind in kinds if same_mask(kind[0], mask)), None)
        if known is None:
            kinds.append([mask])
        else:
            known.append(mask)
    return [DrawnMask(kind[0], count=len(kind)) for kind in kinds]
