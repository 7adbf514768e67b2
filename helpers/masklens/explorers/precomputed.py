"""The precomputed states of an explorer: one picture for each combination of its controls."""

import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

from masklens._language import get_language
from masklens._language import translate as _
from masklens.drawing.progress_bar import ProgressBar
from masklens.explorers.nodes import Node, Pool, read_nodes

_Control = Literal["choice", "menu", "slider", "switch", "steps"]
Value = str | int | float | bool | None

# Limits of the size of a notebook, and of the work of a browser.
_MOST_STATES = 2000
_MOST_BYTES = 2_000_000
_VERSION = 1


@dataclass(frozen=True)
class Axis:
    """One control of an explorer.

    Attributes:
        name: The name in Python, such as `"padding"`.
        label: The label for the learner.
        options: The values in order, each with its label for the learner.
        control: The kind of control: `"choice"` for few options, `"menu"`, `"slider"`, `"switch"`
            for False and True, or `"steps"`, a slider that also plays.
    """

    name: str
    label: str
    options: tuple[tuple[Value, str], ...]
    control: _Control


@dataclass(frozen=True)
class Question:
    """A question before a state is shown: a grid of buttons to mark.

    Attributes:
        text: The question.
        rows: The label of each row of buttons.
        columns: For each row, the label of each button.
        answers: For each row, whether each button should be marked.
    """

    text: str
    rows: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    answers: tuple[tuple[bool, ...], ...]


@dataclass(frozen=True)
class State:
    """The content of an explorer for one combination of its controls.

    Attributes:
        html: The picture, with every text escaped.
        say: The same in one or two sentences, for a screen reader.
        question: A question to ask before; None for no question.
    """

    html: str
    say: str
    question: Question | None = None


def compute_states(
    axes: Sequence[Axis], make_state: Callable[[dict[str, Any]], State]
) -> list[State]:
    """Computes the state of every combination, with a progress bar if that takes long.

    Args:
        axes: The controls.
        make_state: Computes a state from one value per control. If it raises, the picture shows the
            error.

    Returns:
        The states of all combinations, with the last control changing fastest.

    Raises:
        ValueError: If there would be more than 2,000 states.
        Exception: What `make_state` raises, if it raises for every combination.
    """
    counts = [len(axis.options) for axis in axes]
    if math.prod(counts) > _MOST_STATES:
        product = " × ".join(f"{axis.name} {len(axis.options)}" for axis in axes)
        raise ValueError(
            _(
                "This explorer would have {states} states ({product}); {most} is the most. "
                "Give it fewer options, or fewer and shorter sequences."
            ).format(states=math.prod(counts), product=product, most=_MOST_STATES)
        )
    states: list[State] = []
    errors = []
    with ProgressBar(math.prod(counts), _("computing states")) as progress:
        for options in itertools.product(*(axis.options for axis in axes)):
            names = (axis.name for axis in axes)
            values = dict(zip(names, (value for value, _label in options), strict=True))
            try:
                states.append(make_state(values))
            except Exception as error:
                # The other combinations may still run.
                errors.append(error)
                states.append(_error_state(error))
            progress.step()
    if len(errors) == len(states):
        raise errors[0]
    return states


def _error_state(error: Exception) -> State:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    words = ": ".join([type(error).__name__, *lines[:1]])
    message = _("This combination does not run: {error}").format(error=words)
    return State(f"<p class='cut failed'>✕ {escape(message)}</p>", message)


def build_grid(
    title: str,
    axes: Sequence[Axis],
    states: Sequence[State],
    words: Mapping[str, str],
    *,
    predict: bool = False,
) -> dict[str, Any]:
    """Converts states to the data that the front end reads, with equal parts kept once.

    Args:
        title: The title of the explorer, for a screen reader.
        axes: The controls.
        states: The states, as `compute_states` returns them.
        words: The labels of the front end's own buttons.
        predict: Whether to ask the learner before each picture.

    Returns:
        The grid. Its ordered parts are lists, since notebook files sort the keys of objects.

    Raises:
        ValueError: If it takes more than 2,000,000 bytes.
    """
    drawn = dict.fromkeys(state.html for state in states)
    pictures: dict[str, Node] = {
        html: ("div.picture", (), tuple(read_nodes(html))) for html in drawn
    }
    pool = Pool(list(pictures.values()))
    kept = [_keep_state(pool, state, pictures[state.html]) for state in states]
    grid = {
        "version": _VERSION,
        "lang": get_language(),
        "title": title,
        "predict": predict,
        "axes": [[axis.name, _axis(axis)] for axis in axes],
        "states": kept,
        "pool": pool.entries,
        "words": dict(words),
    }
    size = len(write_grid(grid).encode())
    if size > _MOST_BYTES:
        raise ValueError(
            _(
                "This explorer would take {size:,} bytes in the notebook; {most:,} is the most. "
                "Give it fewer options, or fewer and shorter sequences."
            ).format(size=size, most=_MOST_BYTES)
        )
    return grid


def write_grid(grid: Mapping[str, Any]) -> str:
    """Writes a grid as JSON on one line, without any "<".

    Web pages carry it in a `<script>`, which a token such as `</SCRIPT>` would close; not every
    tool that makes such pages guards against that.

    Args:
        grid: The grid, as `build_grid` returns it.

    Returns:
        JSON.

    Example:
        >>> write_grid({"title": "<b>"})
        '{"title":"\\\\u003cb>"}'
    """
    written = json.dumps(grid, ensure_ascii=False, separators=(",", ":"))
    return written.replace("<", "\\u003c")


def _axis(axis: Axis) -> dict[str, Any]:
    options = [[value, label] for value, label in axis.options]
    return {"label": axis.label, "control": axis.control, "options": options}


def _keep_state(pool: Pool, state: State, picture: Node) -> int:
    # Keep each picture as an entry, so that states with the same picture share it.
    node = pool.refer(picture)
    place = node if isinstance(node, int) else pool.keep(picture, node)
    question = None
    if state.question is not None:
        question = pool.keep(state.question, _question(state.question))
    entry = {"picture": place, "say": state.say, "question": question}
    return pool.keep((picture, state.say, state.question), entry)


def _question(question: Question) -> dict[str, Any]:
    answers = ["".join("01"[answer] for answer in row) for row in question.answers]
    return {
        "text": question.text,
        "rows": list(question.rows),
        "columns": [list(row) for row in question.columns],
        "answers": answers,
    }
