"""What is drawn of a trace, before it is written as HTML or as text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from masklens.drawing.threads import SIGNS, Sign, Stretch, lay_rail, row_sign
from masklens.drawing.trace_rows import Row, trace_rows
from masklens.drawing.trace_tree import call_label, same_mask
from masklens.tracing.calls import LayerCall, Mask
from masklens.tracing.findings import Findings


@dataclass(frozen=True, eq=False)
class DrawnMask:
    """A mask in a row of the picture.

    Attributes:
        mask: The mask as it was recorded.
        argument: The name of the argument that it came in; empty for what a call gives out.
        count: How many tensors have it.
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
    def sheet(self) -> Mask | None:
        """What can be drawn of it, in two dimensions; None if nothing can.

        Of (batch, query, key) it is the row of the batch with the fewest True, as the others may
        mask nothing.
        """
        flat = self._flat
        if flat is None or flat.ndim > 3:
            return None
        return flat if flat.ndim == 2 else flat[_emptiest(flat)]

    @property
    def of_row(self) -> int | None:
        """The row of the batch that the sheet is for; None where it holds for all."""
        flat = self._flat
        if flat is None or flat.ndim != 3 or (flat == flat[0]).all():
            return None
        return _emptiest(flat)

    @property
    def is_square(self) -> bool:
        """Whether the sheet has queries down and keys to the right, not the batch and time."""
        flat = self._flat
        by_shape = flat is not None and flat.ndim == 3
        # Keras takes an attention_mask of two dimensions for (query, key).
        by_name = self.argument == "attention_mask" and self.mask is not None
        return by_shape or (by_name and self.mask.ndim == 2)  # type: ignore[union-attr]


@dataclass(frozen=True)
class Drawing:
    """A trace, its rows and the rail beside them.

    Attributes:
        found: The trace.
        error: What stopped the model, if something did.
    """

    found: Findings
    error: BaseException | None

    @cached_property
    def calls(self) -> Sequence[LayerCall]:
        """The calls of the trace."""
        return self.found.calls

    @cached_property
    def rows(self) -> Sequence[Row]:
        """The rows, blocks that repeat folded into one."""
        return trace_rows(self.calls, self.found.leaks)

    @cached_property
    def rail(self) -> Sequence[Stretch]:
        """The stretch of rail beside each row."""
        return lay_rail(self.rows, measured=self.found.moves is not None)

    @property
    def lines(self) -> Iterator[tuple[Row, Stretch]]:
        """The rows, each with its stretch of rail."""
        return zip(self.rows, self.rail, strict=True)

    @property
    def signs(self) -> list[Sign]:
        """The signs that occur, in the order of the legend."""
        there = {joint.sign for stretch in self.rail for joint in stretch.joints}
        return [sign for sign in SIGNS if sign in there]

    def masks(self, row: Row) -> list[DrawnMask]:
        """The masks to draw in a row: those that it makes or changes, and those in its arguments.

        One that the call hands on as it came is not drawn again: the thread shows it.
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
        if row.part == "around":
            return drawn
        several = len({id(mask) for mask in call.masks_in if mask is not None}) > 1
        if call.effect in ("creates", "changes") or (call.effect == "passes" and several):
            drawn += _distinct(call.masks_out)
        return drawn

    def reason(self, row: Row) -> tuple[str, str]:
        """Why padding gets in at a row, and the code that keeps it out; empty where it does not."""
        call = row.call
        if row_sign(row) not in ("leak", "broken") or call.reason is None:
            return "", ""
        label = call_label(call, self.calls)
        why = call.reason.why if label == call.name else f"`{label}`: {call.reason.why}"
        return why, call.reason.way_out


def _emptiest(mask: Mask) -> int:
    return int(mask.sum((1, 2)).argmin())


def _distinct(masks: Sequence[Mask | None]) -> list[DrawnMask]:
    """The masks without repetition, each with the number of times that it stands there."""
    kinds: list[list[Mask | None]] = []
    for mask in masks:
        known = next((kind for kind in kinds if same_mask(kind[0], mask)), None)
        if known is None:
            kinds.append([mask])
        else:
            known.append(mask)
    return [DrawnMask(kind[0], count=len(kind)) for kind in kinds]
