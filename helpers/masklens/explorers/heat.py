"""A table of hidden states over timesteps as HTML: units down, time to the right."""

from dataclasses import dataclass
from html import escape

import numpy as np

from masklens._language import translate as _
from masklens.plots.hidden_states import States, moves
from masklens.tracing.calls import Mask

_READ = "<td class=y {} aria-label=True>■</td>"
_SKIPPED = "<td class=n {} aria-label=False><s>□</s></td>"
_NOTHING = "<td></td>"


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


def html_heat(heat: Heat) -> str:
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
        >>> html = html_heat(Heat("", states, read, steps, False, 0.5, 8))
        >>> "<th scope=row>frozen</th><td class=e></td><td class=e data-t=1>=" in html
        True
    """
    rows = zip(_heads(heat), *_columns(heat), strict=True)
    # Without any token, their row is left out.
    filled = [row for row in rows if set(row[1:]) != {_NOTHING}]
    table = "".join(f"<tr>{''.join(row)}</tr>" for row in filled)
    caption = f"{escape(heat.caption, quote=False)}<br><small>{_scale(heat)}</small>"
    return f"<figure><figcaption>{caption}</figcaption><table class=heat>{table}</table></figure>"


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


def _heads(heat: Heat) -> list[str]:
    shown = min(heat.units, heat.states.shape[1])
    units = [_("unit {number}").format(number=unit) for unit in range(shown)]
    names = [_("token"), *units, _("frozen"), _("moves by"), _("read")]
    return [_NOTHING, *(f"<th scope=row>{name}</th>" for name in names)]


def _columns(heat: Heat) -> list[list[str]]:
    moved = moves(heat.states, backwards=heat.backwards)
    last = len(moved) - 1
    return [
        _column(heat, step, f"data-t={last - step if heat.backwards else step}", float(moved[step]))
        for step in range(len(moved))
    ]


def _column(heat: Heat, step: int, at: str, moved: float) -> list[str]:
    still, read = moved == 0, bool(heat.read[step])
    cells = [f"<th scope=col {at}>{step}</th>", _token(heat.steps[step], read, at)]
    cells += [_state(state, still, at, heat.most) for state in heat.states[step, : heat.units]]
    cells.append(f"<td class=e {at}>=</td>" if still else "<td class=e></td>")
    cells.append(f"<td class=d {at}>{escape(distance(moved))}</td>")
    return [*cells, (_READ if read else _SKIPPED).format(at)]


def _state(state: float, still: bool, at: str, most: float) -> str:
    said, kind = _number(state), '"h f"' if still else "h"
    return f'<td class={kind} {at} style="--v:{_share(state, most)}" title="{said}">{said}</td>'


def _token(step: Step, read: bool, at: str) -> str:
    word = escape(step.token, quote=False)
    if not word:
        return _NOTHING
    if step.padding:
        return f"<th scope=col class=p {at}>{word}</th>"
    if not read:
        return f"<th scope=col class=k {at}><s>{word}</s></th>"
    return f"<th scope=col {at}>{word}</th>"


def _share(state: float, most: float) -> int:
    """The state in percent of the largest; what has overflowed is drawn as that, NaN as zero."""
    share = 100 * float(np.nan_to_num(state / most, nan=0, posinf=1, neginf=-1)) if most else 0
    return round(share)
