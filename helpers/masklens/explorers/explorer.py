"""The base of the explorers: a widget that selects among precomputed states."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, ClassVar

import traitlets

from masklens._language import get_language
from masklens._language import translate as _
from masklens.drawing.theme import PICTURE, TRACE, style
from masklens.explorers.precomputed import Axis, State, build_grid, compute_states, write_grid
from masklens.explorers.widget import Widget, missing_package, named_layout

FRONT_END = Path(__file__).with_name("front_end")
_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@cache
def front_end() -> tuple[str, str]:
    """Reads the front end of the explorers.

    Returns:
        The ES module and the style sheet.

    Example:
        >>> module, sheet = front_end()
        >>> len((module + sheet).encode()) < 27_000
        True
    """
    module = (FRONT_END / "explorer.js").read_text(encoding="utf-8")
    return module, style(PICTURE, TRACE, FRONT_END / "explorer.css")


class Explorer(Widget):
    """A picture that changes with its controls.

    All states are computed when it is made, so it also works without a kernel, in a saved notebook
    and on a web page. Without scripts it is a picture of the first state.

    Attributes:
        grid: The states, as `masklens.explorers.precomputed.build_grid` writes them.
        selection: For each control, the index of the chosen option.
    """

    grid = traitlets.Dict().tag(
        sync=True,
        to_json=lambda grid, _widget: write_grid(grid),
        from_json=lambda written, _widget: json.loads(written),
    )
    selection = traitlets.List(traitlets.Int()).tag(sync=True)
    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)

    _created: ClassVar[Counter[str]] = Counter()

    def __init__(
        self,
        title: str,
        axes: Sequence[Axis],
        make_state: Callable[[dict[str, Any]], State],
        *,
        predict: bool = False,
        start: Mapping[str, Any] | None = None,
    ) -> None:
        """Computes every state.

        Args:
            title: The title of the explorer.
            axes: The controls.
            make_state: Computes the state for one value per control.
            predict: Whether to ask the learner before each picture.
            start: The value of each control at first; the first option for controls left out.

        Raises:
            ValueError: If there would be too many states or bytes, or a value is not an option.
        """
        states = compute_states(axes, make_state)
        grid = build_grid(title, axes, states, _words(), predict=predict)
        chosen = {axis.name: axis.options[0][0] for axis in axes} | dict(start or {})
        selection = _selection(axes, chosen)
        place = 0
        for option, axis in zip(selection, axes, strict=True):
            place = place * len(axis.options) + option
        # A counter instead of a random id, so that a notebook that runs again stays the same.
        name = f"{type(self).__name__} {title} {axes}"
        self._created[name] += 1
        self._id = hashlib.sha256(f"{name} {self._created[name]}".encode()).hexdigest()[:32]
        self._axes = tuple(axes)
        module, sheet = front_end()
        super().__init__(
            **named_layout(self._id),
            grid=grid,
            selection=selection,
            _esm=module,
            _css=sheet,
        )
        picture = _behind_question(states[place]) if predict else states[place].html
        note = _("Run this cell in Jupyter or Colab to change the settings.")
        if missing_package:
            told = _("{name} is a widget, and {module} is not installed: pip install anywidget")
            note = told.format(name=type(self).__name__, module=missing_package)
        self._html = _html_without_scripts(
            self._id, title, picture, states[place].say, _settings(axes, selection), note
        )

    @traitlets.validate("selection")
    def _valid_selection(self, proposal: Any) -> Any:
        counts = [len(axis.options) for axis in self._axes]
        selection = proposal["value"]
        fits = len(selection) == len(counts) and all(
            0 <= option < count for option, count in zip(selection, counts, strict=True)
        )
        if not fits:
            raise traitlets.TraitError(
                _("{selection} is no state: each control has so many options: {counts}.").format(
                    selection=selection, counts=counts
                )
            )
        return selection

    @property
    def chosen(self) -> dict[str, Any]:
        """The current value of each control."""
        pairs = zip(self._axes, self.selection, strict=True)
        return {axis.name: axis.options[option][0] for axis, option in pairs}

    def choose(self, **values: Any) -> None:
        """Sets controls, as a click would.

        Args:
            **values: The value of each control to set, by its name.

        Raises:
            ValueError: If there is no such control, or it has no such value.
        """
        self.selection = _selection(self._axes, self.chosen | values)

    def __repr__(self) -> str:
        """Shows the class and the value of each control."""
        values = ", ".join(f"{name}={value!r}" for name, value in self.chosen.items())
        return f"{type(self).__name__}({values})"

    def _repr_mimebundle_(self, **_kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle = {"text/plain": repr(self), "text/html": self._html}
        if missing_package:
            return bundle, {}
        # Colab needs anywidget's metadata to find the widget's front end.
        _bundle, metadata = super()._repr_mimebundle_() or ({}, {})
        view = {"version_major": 2, "version_minor": 0, "model_id": self._id}
        return bundle | {_WIDGET_VIEW: view}, metadata

    # ipywidgets 7 would show the widget without the picture beside it.
    _ipython_display_ = None


def _selection(axes: Sequence[Axis], chosen: Mapping[str, Any]) -> list[int]:
    names = [axis.name for axis in axes]
    for name in chosen:
        if name not in names:
            raise ValueError(
                _("There is no control {name!r}; there are: {names}.").format(
                    name=name, names=", ".join(names)
                )
            )
    return [_option(axis, chosen[axis.name]) for axis in axes]


def _option(axis: Axis, value: Any) -> int:
    # Python says True == 1, but a switch and a number are different controls.
    for place, (known, _label) in enumerate(axis.options):
        if known == value and isinstance(known, bool) == isinstance(value, bool):
            return place
    raise ValueError(
        _("{name} has no value {value!r}; choose one of: {options}.").format(
            name=axis.name,
            value=value,
            options=", ".join(repr(known) for known, _label in axis.options),
        )
    )


def _html_without_scripts(
    model_id: str, title: str, picture: str, say: str, settings: str, note: str
) -> str:
    """Writes the first state for readers without scripts."""
    return (
        f"<style>{front_end()[1]}</style>"
        f"<div class=masklens-explorer data-model={model_id} lang={get_language()}>"
        f"<p><b>{escape(title)}</b><br>{settings}</p>{picture}"
        f"<p>{escape(say)}</p><p><small>{note}</small></p></div>"
    )


def _settings(axes: Sequence[Axis], selection: Sequence[int]) -> str:
    chosen = [axis.options[option][1] for axis, option in zip(axes, selection, strict=True)]
    labels = [axis.label for axis in axes]
    pairs = zip(labels, chosen, strict=True)
    return " · ".join(f"{escape(label)}: <b>{escape(option)}</b>" for label, option in pairs)


def _behind_question(state: State) -> str:
    if state.question is None:
        return state.html
    question = escape(state.question.text)
    return f"<details><summary>{question}</summary>{state.html}</details>"


def _words() -> dict[str, str]:
    return {
        "predict": _("Predict first"),
        "reveal": _("Show the answer"),
        "right": _("{right} of {all} right"),
        "again": _("Ask me again"),
        "correct": _("right"),
        "wrong": _("wrong"),
        "copy": _("Copy"),
        "copied": _("Copied"),
        "play": _("Play"),
        "pause": _("Pause"),
        "back": _("One step back"),
        "forward": _("One step on"),
        "picture": _("picture"),
    }
