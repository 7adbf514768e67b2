"""The widget class of the explorers, and the front end that all explorers of a notebook share."""

import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import traitlets

from masklens._language import get_language
from masklens.drawing.theme import style
from masklens.explorers.cards import cards
from masklens.explorers.palette import encoded_weights
from masklens.explorers.words import words

_NEEDED = ("anywidget", "ipywidgets")

FRONT_END = Path(__file__).with_name("front_end")
# In this order each module imports only from those before it; it is also the one that packs best.
_MODULES = (
    *("engine.js", "leaks.js", "elements.js", "batch.js", "stack.js", "answer_view.js"),
    *("padding_view.js", "propagation_view.js", "timestep_view.js", "explorer.js"),
)

# Texts, templates and regular expressions are kept as they are. Elsewhere a space is needed between
# two words only, and a comma or semicolon only where no bracket closes behind it.
_TOKENS = re.compile(
    r"""(?P<kept>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|(?<=\()/(?:\\.|[^/\\\n])+/)"""
    r"""|//.*|(?P<needed>(?<=[\w$])\s+(?=[\w$]))|\s+|,(?=\s*[])}])|;(?=\s*})"""
)

missing_package: str | None = None
"""The package that is missing for interactive explorers; None if all are installed."""

try:
    import anywidget

    Widget = anywidget.AnyWidget
except ModuleNotFoundError as error:
    if error.name not in _NEEDED:
        raise
    missing_package = error.name

    class Widget(traitlets.HasTraits):  # type: ignore[no-redef]
        """Stands in for anywidget's class, with traits but no front end."""

        def _repr_mimebundle_(self, **_kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
            return {}, {}


@cache
def module() -> str:
    """Joins the modules of the front end into one, since a widget loads one text.

    Returns:
        An ES module that exports `render`, without comments and unnecessary spaces.

    Example:
        >>> "export function render(" in module()
        True
    """
    return _joined(*_MODULES)


@cache
def loader() -> str:
    """Returns the ES module of each explorer, which loads the one that all share."""
    return _joined("loader.js")


def _joined(*names: str) -> str:
    text = "".join((FRONT_END / name).read_text(encoding="utf-8") for name in names)
    text = re.sub(r'^import \{[^}]*\} from "\./\w+\.js";\n', "", text, flags=re.MULTILINE)
    text = re.sub(r"^export (?!function render\(|default)", "", text, flags=re.MULTILINE)
    return _TOKENS.sub(lambda found: found["kept"] or (found["needed"] and " ") or "", text)


class _FrontEnd(Widget):
    """What all explorers of a notebook share, kept once however many there are."""

    source = traitlets.Unicode().tag(sync=True)
    style = traitlets.Unicode().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    palette: traitlets.List[Any] = traitlets.List().tag(sync=True)
    weights = traitlets.Dict().tag(sync=True)
    _esm = traitlets.Unicode("export default { render() {} };").tag(sync=True)


_made: dict[str, _FrontEnd] = {}


def front_end() -> str:
    """Makes the shared front end in the current language, once.

    Returns:
        Its id.
    """
    language = get_language()
    made = _made.get(language)
    if made is None or (not missing_package and made.comm is None):
        shared = {
            "source": module(),
            "style": style(FRONT_END / "explorer.css"),
            "words": words(),
            "palette": [list(card) for card in cards().items()],
            "weights": encoded_weights(),
        }
        _made[language] = _FrontEnd(
            **named_layout(fixed_id(json.dumps(shared, sort_keys=True))), **shared
        )
    return "" if missing_package else str(_made[language].model_id)


def fixed_id(text: str) -> str:
    """Makes an id of a text, 32 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def named_layout(model_id: str) -> dict[str, Any]:
    """Returns arguments that give a widget and its layout fixed ids.

    Args:
        model_id: 32 hexadecimal digits.

    Returns:
        Arguments for `Widget`; empty if it has no front end.
    """
    if missing_package:
        return {}
    import ipywidgets

    other = f"{model_id[:-1]}{'1' if model_id[-1] == '0' else '0'}"
    return {"model_id": model_id, "layout": ipywidgets.Layout(model_id=other)}
