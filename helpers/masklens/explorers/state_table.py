"""A table of hidden states over timesteps: units down, time to the right."""

from dataclasses import dataclass

import numpy as np

from masklens._language import translate as _
from masklens.drawing.elements import Element, element
from masklens.plots.hidden_states import States, state_changes
from masklens.tracing.calls import Mask

_EMPTY_CELL = element("td")


@dataclass(frozen=True)
class Timestep:
    """One timestep of a sequence.

    Attributes:
        token: The token; empty if it is not known.
        padding: Whether the timestep is padding.
    """

    token: str = ""
    padding: bool = False


@dataclass(frozen=True, eq=False)
class StateTable:
    """The hidden states of one sequence, with all that the table shows.

    Attributes:
        caption: The words above the table.
        states: (time, units), the state just after each timestep.
        read: (time,) booleans: True where the layer reads, False where it skips.
        steps: The timesteps.
        backwards: Whether the layer reads the last timestep first.
        most: The largest state of all tables, which is drawn darkest; its negative is lightest.
        units: The largest number of units to show.
    """

    caption: str
    states: States
    read: Mask
    steps: tuple[Timestep, ...]
    backwards: bool
    most: float
    units: int


def state_table_element(state_table: StateTable) -> Element:
    """Draws hidden states, how far they move at each timestep, and which timesteps are read.

    The cells of a timestep carry `data-t`, its number in the order of reading, from 0.

    Args:
        state_table: The states.

    Returns:
        A `<figure>` with a caption and a `<table>`, which holds every state as a number for screen
        readers and without style sheets. A state "moves by" the largest change of a unit.

    Example:
        >>> steps = Timestep("Hello"), Timestep("pad", padding=True)
        >>> states, read = np.array([[0.5], [0.5]], "float32"), np.array([True, False])
        >>> from masklens.drawing.elements import html
        >>> said = html(state_table_element(StateTable("", states, read, steps, False, 0.5, 8)))
        >>> "<th scope=row>frozen</th><td class=e></td><td class=e data-t=1>=" in said
        True
    """
    rows = zip(_heads(state_table), *_columns(state_table), strict=True)
    # Leave out the row of tokens if none is known.
    filled = [element("tr", *row) for row in rows if set(row[1:]) != {_EMPTY_CELL}]
    caption = state_table.caption, element("br"), element("small", _scale(state_table))
    table = element("table", *filled, class_="heat")
    return element("figure", element("figcaption", *caption), table)


def _number(state: float) -> str:
    """Writes a state with three decimals; zero has no sign.

    Example:
        >>> _number(-0.1234), _number(-0.0001)
        ('-0.123', '0.000')
    """
    return f"{round(float(state), 3) + 0.0:.3f}"


def distance(moved: float) -> str:
    """Writes how far a state moves; 0.000 means that it does not move at all.

    Args:
        moved: A distance, at least 0.

    Returns:
        Three decimals, or `"<0.001"`.

    Example:
        >>> distance(0.0342), distance(0.0001), distance(0.0)
        ('0.034', '<0.001', '0.000')
    """
    return "<0.001" if 0 < moved < 0.0005 else _number(moved)


def _scale(state_table: StateTable) -> str:
    units = state_table.states.shape[1]
    if units > state_table.units:
        count = _("{shown} of {all} units").format(shown=state_table.units, all=units)
    else:
        count = _("{all} units").format(all=units)
    scale = _("from {least} to {most}, the darker the larger").format(
        least=_number(-state_table.most), most=_number(state_table.most)
    )
    return f"{count}, {scale}"


def _heads(state_table: StateTable) -> list[Element]:
    shown = min(state_table.units, state_table.states.shape[1])
    units = [_("unit {number}").format(number=unit) for unit in range(shown)]
    names = [_("token"), *units, _("frozen"), _("moves by"), _("read")]
    return [_EMPTY_CELL, *(element("th", name, scope="row") for name in names)]


def _columns(state_table: StateTable) -> list[list[Element]]:
    moved = state_changes(state_table.states, backwards=state_table.backwards)
    last = len(moved) - 1
    return [
        _column(
            state_table, step, last - step if state_table.backwards else step, float(moved[step])
        )
        for step in range(len(moved))
    ]


def _column(state_table: StateTable, step: int, order: int, moved: float) -> list[Element]:
    still = moved == 0
    cells = [element("th", str(step), scope="col", data_t=order), _token(state_table, step, order)]
    cells += [
        _state(state, still, order, state_table.most)
        for state in state_table.states[step, : state_table.units]
    ]
    cells.append(
        element("td", "=", class_="e", data_t=order) if still else element("td", class_="e")
    )
    cells.append(element("td", distance(moved), class_="d", data_t=order))
    if state_table.read[step]:
        return [*cells, element("td", "■", class_="y", data_t=order, aria_label=True)]
    square = element("s", "□")
    return [*cells, element("td", square, class_="n", data_t=order, aria_label=False)]


def _state(state: float, still: bool, order: int, most: float) -> Element:
    said, kind = _number(state), "h f" if still else "h"
    share = f"--v:{_share(state, most)}"
    return element("td", said, class_=kind, data_t=order, style=share, title=said)


def _token(state_table: StateTable, step: int, order: int) -> Element:
    word, padding = state_table.steps[step].token, state_table.steps[step].padding
    if not word:
        return _EMPTY_CELL
    if padding:
        return element("th", word, scope="col", class_="p", data_t=order)
    if not state_table.read[step]:
        return element("th", element("s", word), scope="col", class_="k", data_t=order)
    return element("th", word, scope="col", data_t=order)


def _share(state: float, most: float) -> int:
    """Returns the state in percent of the largest; 100 for infinity, 0 for NaN."""
    share = 100 * float(np.nan_to_num(state / most, nan=0, posinf=1, neginf=-1)) if most else 0
    return round(share)
