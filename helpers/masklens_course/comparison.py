"""A learner's result beside the right one: whether they agree, and both shown with differences."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens._language import translate as _
from masklens.drawing.picture import Picture, picture_of
from masklens.drawing.table import Cell, Kind, Table, numbered, table_element
from masklens_course.answer import agree, same
from masklens_course.conditions import Case

_MOST_ROWS, _MOST_STEPS = 8, 16


@dataclass(frozen=True)
class Compared:
    """A learner's result, and the right one.

    Attributes:
        yours: The learner's array; or None, such as for a mask that is missing.
        right: The right array; or None where nothing should be.
        case: The arguments of the call that gave it.
    """

    yours: Any
    right: Any
    case: Case = field(default=(), kw_only=True)

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
        """Shows booleans or numbers side by side, as tables: batch down, time to the right.

        Of results of shape (batch, time, features), shows the first row of the batch that differs.

        Args:
            reveal: Whether to show the right result; False where it is the answer to the question.

        Returns:
            The tables, with a cross at each place that differs; None for results of another rank,
            or larger than 8 by 16.

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
        row = ""
        if ours.ndim == 3 and ours.shape == theirs.shape and ours.size:
            place = int((~agree(ours, theirs)).any(axis=(1, 2)).argmax())
            ours, theirs, row = ours[place], theirs[place], _(", row {row}").format(row=place)
        if not (_drawable(ours) and _drawable(theirs)):
            return None
        wrong = np.ones(ours.shape, bool)
        if ours.shape == theirs.shape:
            wrong = ~agree(ours, theirs)
        tables = [
            _table(ours, wrong, (_("yours (✕ differs)") if wrong.any() else _("yours")) + row)
        ]
        if reveal:
            tables.append(_table(theirs, np.zeros(theirs.shape, bool), _("right answer") + row))
        return picture_of(*map(table_element, tables))

    def words(self) -> str:
        """Says in one line in what the results differ, where no picture shows it.

        Example:
            >>> Compared([1.5], [[2.5]]).words(), Compared(1.5, 2.5).words()
            ('shape of yours: (1,), right: (1, 1)', 'yours: 1.5, right: 2.5')
        """
        if self.yours is not None and self.right is not None:
            ours, theirs = np.asarray(self.yours), np.asarray(self.right)
            if ours.shape != theirs.shape:
                said = _("shape of yours: {yours}, right: {right}")
                return said.format(yours=ours.shape, right=theirs.shape)
            wrong = np.argwhere(~agree(ours, theirs)).tolist()
            if ours.ndim and wrong:
                said, place = _("at {place}, yours: {yours}, right: {right}"), tuple(wrong[0])
                return said.format(place=wrong[0], yours=ours[place], right=theirs[place])
        return _("yours: {yours}, right: {right}").format(yours=self.yours, right=self.right)


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
    text = str(value) if isinstance(value, np.integer) else f"{value:.4g}"
    return Cell("token-wrong" if wrong else "token", text)
