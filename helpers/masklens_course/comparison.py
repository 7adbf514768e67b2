"""A learner's result beside the right one: whether they agree, and both shown with differences."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens._language import translate as _
from masklens.drawing.picture import Picture, picture_of
from masklens.drawing.table import Cell, Kind, Table, numbered, table_element
from masklens_course.answer import same

_MOST_ROWS, _MOST_STEPS = 8, 16


@dataclass(frozen=True)
class Compared:
    """A learner's result, and the right one.

    Attributes:
        yours: The learner's array; or None, such as for a mask that is missing.
        right: The right array; or None where nothing should be.
    """

    yours: Any
    right: Any

    def is_right(self) -> bool:
        """Returns whether the result is the right one: a mask must hold booleans, not numbers."""
        if self.yours is None or self.right is None:
            return self.yours is self.right
        is_mask = np.asarray(self.right).dtype == bool
        return self.is_like(self.right) and (not is_mask or np.asarray(self.yours).dtype == bool)

    def is_like(self, other: Any) -> bool:
        """Returns whether the result has the values of another array, such as a usual mistake."""
        return same(self.yours, other)

    def picture(self, *, reveal: bool = True) -> Picture | None:
        """Shows booleans or numbers of shape (batch, time) or (time,) side by side, as tables.

        Args:
            reveal: Whether to show the right result; False where it is the answer to the question.

        Returns:
            The tables, with a cross at each timestep that differs; None for results of another
            rank, or larger than 8 by 16.

        Example:
            >>> Compared([[True, True]], [[True, False]]).picture()
            yours (✕ differs)
               0   1
            0  ■  ■✕
            <BLANKLINE>
            right answer
               0  1
            0  ■  □
        """
        ours, theirs = np.asarray(self.yours), np.asarray(self.right)
        if ours.ndim == theirs.ndim == 1:
            ours, theirs = ours[None], theirs[None]
        if not (_drawable(ours) and _drawable(theirs)):
            return None
        wrong = np.ones(ours.shape, bool)
        if ours.shape == theirs.shape:
            wrong = ~np.isclose(ours.astype(float), theirs.astype(float), atol=1e-4, equal_nan=True)
        tables = [_table(ours, wrong, _("yours (✕ differs)") if wrong.any() else _("yours"))]
        if reveal:
            tables.append(_table(theirs, np.zeros(theirs.shape, bool), _("right answer")))
        return picture_of(*map(table_element, tables))


def _drawable(array: NDArray[Any]) -> bool:
    small = array.ndim == 2 and 0 < len(array) <= _MOST_ROWS and 0 < array.shape[1] <= _MOST_STEPS
    return small and array.dtype.kind in "biuf"


def _table(array: NDArray[Any], wrong: NDArray[np.bool_], caption: str) -> Table:
    rows = [list(map(cell_of, row, marks)) for row, marks in zip(array, wrong, strict=True)]
    return Table(caption, ("", *map(str, range(array.shape[1]))), numbered(rows))


def cell_of(value: Any, wrong: bool) -> Cell:
    """Makes the cell of a boolean or a number, marked if it is wrong."""
    if isinstance(value, np.bool_):
        kinds: tuple[Kind, Kind] = ("true-wrong", "false-wrong") if wrong else ("true", "false")
        return Cell(kinds[0] if value else kinds[1])
    return Cell("token-wrong" if wrong else "token", f"{value:.4g}")
