"""An explorer of a recurrent layer: its hidden state, timestep by timestep."""

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from masklens._language import translate as _
from masklens.drawing.elements import html
from masklens.drawing.picture import check_tokens, framed
from masklens.explorers.explorer import Explorer
from masklens.explorers.precomputed import Axis, Question, State
from masklens.explorers.state_table import StateTable, Timestep, distance, state_table_element
from masklens.padding import PaddedBatch
from masklens.plots.hidden_states import HiddenStates, hidden_states, state_changes
from masklens.tracing.calls import Mask

# Beyond these, single columns are too narrow to see, and the notebook grows.
_MOST_STEPS, _MOST_ROWS = 60, 20
# The number of tokens that label a sequence in a menu.
_FIRST_TOKENS = 4
_DIRECTIONS = "forward", "backward"

# The timesteps of each row of a batch.
_Steps = Sequence[tuple[Timestep, ...]]


class TimestepExplorer(Explorer):
    """Plays the hidden state of a recurrent layer, with the mask and without it.

    Two tables stand side by side, units down and time to the right. At a timestep that the mask
    skips, the state stays as it was, and its column is hatched and marked as frozen.
    """

    def __init__(
        self,
        layer: Any,
        inputs: Any,
        mask: Any = None,
        *,
        tokens: Sequence[Sequence[object]] | None = None,
        rows: Sequence[int] | int | None = None,
        units: int = 8,
        predict: bool = False,
    ) -> None:
        """Computes the states with the layer's own cell, without changing the layer.

        The controls are `row` (if there are several), `direction` (for a Bidirectional) and `step`,
        the timestep in the order in which the layer reads; for a Bidirectional, its number in the
        order of the chosen direction.

        Args:
            layer: A SimpleRNN, LSTM, GRU or RNN, or a Bidirectional of one. Or a Sequential or
                Functional model that holds one; of several, the last is shown.
            inputs: The inputs of the layer or model: for a layer, (batch, time, features); for a
                model also a `PaddedBatch`. At most 60 timesteps.
            mask: Booleans of shape (batch, time); None for the mask that reaches the layer.
            tokens: The words for the timesteps. For a `PaddedBatch`, the tokens of each sequence
                before padding; otherwise one token per timestep, (batch, time).
            rows: The index of one sequence, or of up to 20; None for all.
            units: The largest number of units to show, from the first.
            predict: Whether to ask, before showing the states, at which timesteps they stay.

        Raises:
            TypeError: If there is no recurrent layer, or the inputs are symbolic.
            ValueError: If there is no mask, a shape, a row or the tokens do not fit, or there are
                too many rows or timesteps.

        Example:
            >>> import keras
            >>> x, mask = np.ones((1, 3, 2), "float32"), [[True, True, False]]
            >>> TimestepExplorer(keras.layers.LSTM(4), x, mask)
            TimestepExplorer(step=0)
        """
        if not isinstance(units, numbers.Integral) or units < 1:
            raise ValueError(
                _("units must be a whole number, at least 1; got {units!r}.").format(units=units)
            )
        chosen = None if rows is None else list(dict.fromkeys(np.atleast_1d(rows).tolist()))
        states = hidden_states(layer, inputs, mask, chosen, (_MOST_ROWS, _MOST_STEPS))
        steps = _steps(inputs, tokens, states.mask.shape)
        axes = _axes(states, steps)
        order_of = {value: turn for turn, (value, _label) in enumerate(axes[-1].options)}
        most = _largest(states)

        @cache
        def scene(row: int, direction: str) -> _Scene:
            return _scene(states, row, direction, (steps[row], most, units))

        def state(values: dict[str, Any]) -> State:
            display = scene(values.get("row", states.rows[0]), values.get("direction", "forward"))
            return State(display.html, display.says[order_of[values["step"]]], display.question)

        title = _("Hidden states of {layer}, timestep by timestep").format(layer=states.layer)
        super().__init__(title, axes, state, predict=predict)


@dataclass(frozen=True)
class _Scene:
    """One row in one direction, with a sentence for each timestep."""

    html: str
    says: tuple[str, ...]
    question: Question


def _scene(
    states: HiddenStates, row: int, direction: str, display: tuple[tuple[Timestep, ...], float, int]
) -> _Scene:
    part = states.directions[_DIRECTIONS.index(direction)]
    place = states.rows.index(row)
    masked, plain, read = part.masked[place], part.plain[place], states.mask[row]
    left = _("{layer}, with the mask").format(layer=part.name)
    right = _("{layer}, without the mask").format(layer=part.name)
    steps, most, units = display
    shared = steps, part.backwards, most, units
    tables = (
        StateTable(left, masked, read, *shared),
        StateTable(right, plain, np.ones_like(read), *shared),
    )
    moved = (
        state_changes(masked, backwards=part.backwards),
        state_changes(plain, backwards=part.backwards),
    )
    says = [
        f"{_place_words(number, steps[number], bool(read[number]))} {_move_words(*by)}"
        for number, by in enumerate(zip(*moved, strict=True))
    ]
    return _Scene(
        html(framed(*map(state_table_element, tables))),
        tuple(says[::-1] if part.backwards else says),
        _question(steps, moved[0] == 0),
    )


def _question(steps: Sequence[Timestep], still: Mask) -> Question:
    text = _("With the mask: at which timesteps will the state stay as it was?")
    buttons = tuple(map(_label, range(len(steps)), steps))
    return Question(text, ("",), (buttons,), (tuple(map(bool, still)),))


def _axes(states: HiddenStates, steps: _Steps) -> list[Axis]:
    axes = []
    if len(states.rows) > 1:
        rows = tuple((row, _row_label(row, steps[row])) for row in states.rows)
        axes.append(Axis("row", _("sequence"), rows, "menu"))
    if len(states.directions) > 1:
        labels = _("forward"), _("backward")
        directions = tuple(zip(_DIRECTIONS, labels, strict=True))
        axes.append(Axis("direction", _("direction"), directions, "choice"))
    order = list(range(states.mask.shape[1]))
    if len(states.directions) == 1 and states.directions[0].backwards:
        order.reverse()
    # With other controls, the token at a step depends on them, so only numbers can be shown.
    named = (Timestep(),) * len(order) if axes else steps[states.rows[0]]
    options = tuple((step, _label(step, named[step])) for step in order)
    name = _("timestep") if len(states.directions) == 1 else _("step")
    return [*axes, Axis("step", name, options, "steps")]


def _steps(
    inputs: Any, tokens: Sequence[Sequence[object]] | None, shape: tuple[int, int]
) -> _Steps:
    """Returns the timesteps of each row of the batch."""
    if isinstance(inputs, PaddedBatch) and inputs.origin.shape == shape:
        return _padded_steps(inputs, tokens)
    words = _ids(inputs, shape) if tokens is None else tokens
    if words is None:
        return [(Timestep(),) * shape[1]] * shape[0]
    check_tokens(words, [shape[1]] * shape[0])
    return [tuple(Timestep(str(word)) for word in row) for row in words]


def _padded_steps(batch: PaddedBatch, tokens: Sequence[Sequence[object]] | None) -> _Steps:
    lengths = list(map(len, batch.sequences))
    if tokens is not None:
        check_tokens(tokens, lengths)
    elif batch.ids.ndim == 2:
        tokens = [row.tolist() for row in batch.sequences]
    else:
        tokens = [[""] * length for length in lengths]
    pad = Timestep(_("pad"), padding=True)
    return [
        tuple(pad if place < 0 else Timestep(str(words[place])) for place in origin)
        for words, origin in zip(tokens, batch.origin, strict=True)
    ]


def _ids(inputs: Any, shape: tuple[int, int]) -> list[list[int]] | None:
    try:
        ids = np.asarray(inputs)
    except (TypeError, ValueError):
        # Several inputs of different shapes.
        return None
    return ids.tolist() if ids.shape == shape and ids.dtype.kind in "iu" else None


def _largest(states: HiddenStates) -> float:
    """Returns the largest state of all, so that a colour means the same in every table."""
    both = [array for part in states.directions for array in (part.masked, part.plain)]
    return max(float(np.abs(array[np.isfinite(array)]).max(initial=0)) for array in both)


def _label(step: int, named: Timestep) -> str:
    return f"{step}: {named.token}" if named.token else str(step)


def _row_label(row: int, steps: Sequence[Timestep]) -> str:
    words = [step.token for step in steps if step.token and not step.padding]
    if not words:
        return str(row)
    more = " …" if len(words) > _FIRST_TOKENS else ""
    return f"{row}: {' '.join(words[:_FIRST_TOKENS])}{more}"


def _place_words(number: int, step: Timestep, read: bool) -> str:
    if not step.token:
        words = _("Timestep {step}: read.") if read else _("Timestep {step}: skipped.")
        return words.format(step=number)
    what = _("padding") if step.padding else step.token
    words = _("Timestep {step}: {what}, read.") if read else _("Timestep {step}: {what}, skipped.")
    return words.format(step=number, what=what)


def _move_words(masked: float, plain: float) -> str:
    if masked == 0:
        words = _("With the mask the state stays as it was, without the mask it moves by {plain}.")
    else:
        words = _("With the mask the state moves by {masked}, without the mask by {plain}.")
    return words.format(masked=distance(masked), plain=distance(plain))
