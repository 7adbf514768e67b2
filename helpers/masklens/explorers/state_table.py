"""A table of hidden states over timesteps as HTML: units down, time to the right."""

from dataclasses import dataclass

import numpy as np

from masklens._language import translate as _
from masklens.drawing.elements import Element, element
from masklens.plots.hidden_states import States, moves
from masklens.tracing.calls import Mask

_NOTHING = element("td")


@dataclass(frozen=True)
class Step:
    """What stands at one timestep of a sequence.

    Attributes:
        token: The token; empty if only the number of the timestep is known.
        padding: Whether it is padding.
    """

    token: str = ""
    padding: bool = False


@dataclass(frozen=True, eq=False)
class Heat:
    """The hidden states of one sequence, to be drawn.

    Attributes:
        caption: What they are.
        states: (time, units), the state just after each timestep.
        read: (time,) booleans: True where the layer reads, False where it skips.
        steps: What stands at each timestep.
        backwards: Whether the last timestep is read first.
        most: The largest state of all pictures; it is drawn darkest, and minus it lightest.
        units: How many units to show at most.
    """

    caption: str
    states: States
    read: Mask
    steps: tuple[Step, ...]
    backwards: bool
    most: float
    units: int


def heat_element(heat: Heat) -> Element:
    """Draws hidden states, where they stand still, how far they move, and which steps are read.

    What belongs to a timestep carries `data-t`: as which one the layer reads it, from 0 on.

    Args:
        heat: The states.

    Returns:
        A `<figure>` with a caption and a `<table>`. Every state stands in it as a number, for a
        screen reader and where style sheets are stripped. The state "moves by" the largest change
        of a unit.

    Example:
        >>> steps = Step("Hello"), Step("pad", padding=True)
        >>> states, read = np.array([[0.5], [0.5]], "float32"), np.array([True, False])
        >>> from masklens.drawing.elements import html
        >>> said = html(heat_element(Heat("", states, read, steps, False, 0.5, 8)))
        >>> "<th scope=row>frozen</th><td class=e></td><td class=e data-t=1>=" in said
        True
    """
    rows = zip(_heads(heat), *_columns(heat), strict=True)
    # Without any token, their row is left out.
    filled = [element("tr", *row) for row in rows if set(row[1:]) != {_NOTHING}]
    caption = heat.caption, element("br"), element("small", _scale(heat))
    table = element("table", *filled, class_="heat")
    return element("figure", element("figcaption", *caption), table)


def _number(state: float) -> str:
    """Writes a state as it is shown, with three decimals.

    Args:
        state: One number of a hidden state.

    Returns:
        The number; zero never has a sign.

    Example:
        >>> _number(-0.1234), _number(-0.0001)
        ('-0.123', '0.000')
    """
    return f"{round(float(state), 3) + 0.0:.3f}"


def distance(moved: float) -> str:
    """Writes how far a state moves, so that 0.000 means that it does not move at all.

    Args:
        moved: A distance, not negative.

    Returns:
        Three decimals, or that it is less.

    Example:
        >>> distance(0.0342), distance(0.0001), distance(0.0)
        ('0.034', '<0.001', '0.000')
    """
    return "<0.001" if 0 < moved < 0.0005 else _number(moved)


def _scale(heat: Heat) -> str:
    units = heat.states.shape[1]
    if units > heat.units:
        count = _("{shown} of {all} units").format(shown=heat.units, all=units)
    else:
        count = _("{all} units").format(all=units)
    scale = _("from {least} to {most}, the darker the larger").format(
        least=_number(-heat.most), most=_number(heat.most)
    )
    return f"{count}, {scale}"


def _heads(heat: Heat) -> list[Element]:
    shown = min(heat.units, heat.states.shape[1])
    units = [_("unit {number}").format(number=unit) for unit in range(shown)]
    names = [_("token"), *units, _("frozen"), _("moves by"), _("read")]
    return [_NOTHING, *(element("th", name, scope="row") for name in names)]


def _columns(heat: Heat) -> list[list[Element]]:
    moved = moves(heat.states, backwards=heat.backwards)
    last = len(moved) - 1
    return [
        _column(heat, step, last - step if heat.backwards else step, float(moved[step]))
        for step in range(len(moved))
    ]


def _column(heat: Heat, step: int, at: int, moved: float) -> list[Element]:
    still = moved == 0
    cells = [element("th", str(step), scope="col", data_t=at), _token(heat, step, at)]
    cells += [_state(state, still, at, heat.most) for state in heat.states[step, : heat.units]]
    cells.append(element("td", "=", class_="e", data_t=at) if still else element("td", class_="e"))
    cells.append(element("td", distance(moved), class_="d", data_t=at))
    if heat.read[step]:
        return [*cells, element("td", "■", class_="y", data_t=at, aria_label=True)]
    square = element("s", "□")
    return [*cells, element("td", square, class_="n", data_t=at, aria_label=False)]


def _state(state: float, still: bool, at: int, most: float) -> Element:
    said, kind = _number(state), "h f" if still else "h"
    share = f"--v:{_share(state, most)}"
    return element("td", said, class_=kind, data_t=at, style=share, title=said)


def _token(heat: Heat, step: int, at: int) -> Element:
    word, padding = heat.steps[step].token, heat.steps[step].padding
    if not word:
        return _NOTHING
    if padding:
        return element("th", word, scope="col", class_="p", data_t=at)
    if not heat.read[step]:
        return element("th", element("s", word), scope="col", class_="k", data_t=at)
    return element("th", word, scope="col", data_t=at)


def _share(state: float, most: float) -> int:
    """The state in percent of the largest; what has overflowed is drawn as that, NaN as zero."""
    share = 100 * float(np.nan_to_num(state / most, nan=0, posinf=1, neginf=-1)) if most else 0
    return round(share)
