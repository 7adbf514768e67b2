"""The base of the explorers: a widget with settings that the learner and Python share."""

import json
import numbers
from collections import Counter
from collections.abc import Callable
from html import escape
from typing import Any, ClassVar

import traitlets

from masklens._language import get_language
from masklens._language import translate as _
from masklens.explorers.palette import TYPES
from masklens.explorers.sentences import MOST_PLACES, MOST_SENTENCES
from masklens.explorers.widget import (
    Widget,
    fixed_id,
    front_end,
    loader,
    missing_package,
    named_layout,
)

_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_VERSION = 2  # of what the front end reads
_MOST_LAYERS = 12


def _write(value: Any, _widget: Any) -> str:
    # Pages keep the state of widgets in a script, which no sentence may end. Written as the page
    # writes it, or ipywidgets would send back what has just come from there.
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _read(text: str, _widget: Any) -> Any:
    return json.loads(text)


class Explorer(Widget):
    """A picture that changes with its settings.

    The page computes every picture, so an explorer also works without a kernel, in a saved notebook
    and on a web page. Without scripts it is a picture of the first settings.

    Attributes:
        settings: What the controls show, by name. A learner's changes arrive here.
    """

    settings = traitlets.Dict().tag(sync=True, to_json=_write, from_json=_read)
    data = traitlets.Dict().tag(sync=True, to_json=_write, from_json=_read)
    front_end = traitlets.Unicode().tag(sync=True)
    _esm = traitlets.Unicode().tag(sync=True)

    _created: ClassVar[Counter[str]] = Counter()

    def __init__(
        self,
        view: str,
        title: str,
        settings: dict[str, Any],
        draw: Callable[[dict[str, Any], dict[str, int]], str],
        vocabulary: dict[str, int] | None = None,
        **data: Any,
    ) -> None:
        """Makes the explorer.

        Args:
            view: The view of the front end: `"padding"`, `"propagation"`, `"answer"` or
                `"timestep"`.
            title: The title.
            settings: The settings at first.
            draw: Writes the picture of the settings, with the vocabulary, as HTML for readers
                without scripts.
            vocabulary: The id of each word that the explorer was given.
            data: What else the view needs, in the form of JSON.

        Raises:
            ValueError: If a setting has a value that its control cannot show.
        """
        self._names, self._vocabulary = list(settings), vocabulary or {}
        self._scenes = len(data.get("scenes", [])) or 1
        self._check(settings)
        picture = draw(settings, self._vocabulary)
        sent = {
            "version": _VERSION,
            "view": view,
            "lang": get_language(),
            "title": title,
            "settings": self._names,
            "most_sentences": MOST_SENTENCES,
            **data,
            "vocabulary": [list(pair) for pair in self._vocabulary.items()],
        }
        # A counter instead of a random id, so that a notebook that runs again stays the same.
        name = json.dumps([type(self).__name__, sent, settings], sort_keys=True)
        self._created[name] += 1
        self._id = fixed_id(f"{name} {self._created[name]}")
        super().__init__(
            **named_layout(self._id),
            data=sent,
            front_end=front_end(),
            _esm=loader(),
            settings=settings,
        )
        self._html = _html_without_scripts(self._id, title, picture, type(self).__name__)

    @traitlets.validate("settings")
    def _valid_settings(self, proposal: Any) -> Any:
        try:
            self._check(proposal["value"])
        except ValueError as error:
            raise traitlets.TraitError(str(error)) from None
        return proposal["value"]

    def _check(self, settings: dict[str, Any]) -> None:
        if set(self._names) != set(settings):
            raise ValueError(
                _("The settings of this explorer are {names}; got {given}.").format(
                    names=", ".join(self._names), given=", ".join(settings)
                )
            )
        for name, value in settings.items():
            if wanted := _wanted(name, value, self._scenes):
                raise ValueError(
                    _("{name} cannot be {value!r}. It is {wanted}.").format(
                        name=name, value=value, wanted=wanted
                    )
                )

    def choose(self, **values: Any) -> None:
        """Sets controls, as a learner would.

        Args:
            **values: The value of each control to set, by its name.

        Raises:
            ValueError: If there is no such control, or it cannot have the value.
        """
        settings = {**self.settings, **values}
        self._check(settings)
        self.settings = settings

    def __repr__(self) -> str:
        """Shows the class and the value of each control."""
        shown = {name: value for name, value in self.settings.items() if name != "predict"}
        values = ", ".join(f"{name}={value!r}" for name, value in shown.items())
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


def _wanted(name: str, value: Any, scenes: int) -> str:
    """Says what a setting must be; nothing if it is that."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    side = value in ("pre", "post"), '"pre" or "post"'
    flag = isinstance(value, bool), _("True or False")
    fits = {
        "sentences": (
            _is_texts(value),
            _("a list of at most {most} texts").format(most=MOST_SENTENCES),
        ),
        "padding": side,
        "truncating": side,
        "maxlen": (
            value is None or (whole and 1 <= value <= MOST_PLACES),
            _("None or a whole number from 1 to {most}").format(most=MOST_PLACES),
        ),
        "value": (whole, _("a whole number")),
        "mask": flag,
        "predict": flag,
        "row": (
            whole and 0 <= value < scenes,
            _("the index of a row, from 0 to {last}").format(last=scenes - 1),
        ),
        "layers": (
            _is_stack(value),
            _(
                "a list of at most {most} layers that begins with an Embedding, each like {example}"
            ).format(most=_MOST_LAYERS, example='{"type": "LSTM", "return_sequences": True}'),
        ),
    }
    holds, wanted = fits[name]
    return "" if holds else wanted


def _is_texts(value: Any) -> bool:
    texts = isinstance(value, list) and all(isinstance(text, str) for text in value)
    return texts and 1 <= len(value) <= MOST_SENTENCES


def _is_stack(value: Any) -> bool:
    if not isinstance(value, list) or not 1 <= len(value) <= _MOST_LAYERS:
        return False
    types = [layer.get("type") if isinstance(layer, dict) else None for layer in value]
    return types[0] == "Embedding" and set(types) <= set(TYPES)


def _html_without_scripts(model_id: str, title: str, picture: str, name: str) -> str:
    """Writes the first picture for readers without scripts."""
    note = _("Run this cell in Jupyter or Colab to change the settings.")
    if missing_package:
        told = _("{name} is a widget, and {module} is not installed: pip install anywidget")
        note = told.format(name=name, module=missing_package)
    # JupyterLab shows the first line of a folded output that is not empty: let it be a blank.
    return (
        f" \n<div class=masklens-explorer data-model={model_id} lang={get_language()}>"
        f"<p><b>{escape(title)}</b></p>{picture}<p><small>{escape(note)}</small></p></div>"
    )
