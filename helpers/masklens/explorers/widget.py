"""The widget class of the explorers; without anywidget, a class with traits but no front end."""

from typing import Any

import traitlets

_NEEDED = ("anywidget", "ipywidgets")

__all__ = ["Widget", "missing_package", "named_layout"]

missing_package: str | None = None
"""The package that is missing for interactive explorers; None if all are installed."""

try:
    from anywidget import AnyWidget as Widget
except ModuleNotFoundError as error:
    if error.name not in _NEEDED:
        raise
    missing_package = error.name

    class Widget(traitlets.HasTraits):  # type: ignore[no-redef]
        """Stands in for anywidget's class, with traits but no front end."""

        def _repr_mimebundle_(self, **_kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
            return {}, {}


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
