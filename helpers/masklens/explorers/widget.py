"""The widget that an explorer is; without anywidget, one that has its traits and no front end."""

from typing import Any

import traitlets

_NEEDED = ("anywidget", "ipywidgets")

__all__ = ["Widget", "missing", "named_layout"]

missing: str | None = None
"""What is not installed and would bring explorers to life; None if nothing is missing."""

try:
    from anywidget import AnyWidget as Widget
except ModuleNotFoundError as error:
    if error.name not in _NEEDED:
        raise
    missing = error.name

    class Widget(traitlets.HasTraits):  # type: ignore[no-redef]
        """Has the traits of a widget, and no front end."""

        def _repr_mimebundle_(self, **_kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
            return {}, {}


def named_layout(model_id: str) -> dict[str, Any]:
    """What makes a widget, and the layout that comes with it, known by ids of our choice.

    Args:
        model_id: 32 hexadecimal digits.

    Returns:
        Arguments for `Widget`; none where it has no front end.
    """
    if missing:
        return {}
    import ipywidgets

    other = f"{model_id[:-1]}{'1' if model_id[-1] == '0' else '0'}"
    return {"model_id": model_id, "layout": ipywidgets.Layout(model_id=other)}
