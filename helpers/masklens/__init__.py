"""Shows where a mask goes in a Keras model: `import masklens as ml`."""

import sys
from typing import TYPE_CHECKING, Any

from masklens import _language
from masklens._keras import mask_of
from masklens._language import get_language, languages
from masklens.drawing.picture import Picture, show
from masklens.lens.assertion import assert_padding_ignored
from masklens.lens.compare import Comparison, compare
from masklens.lens.trace import Trace, record, trace
from masklens.padding import PaddedBatch, pad
from masklens.plots.attention import plot_attention
from masklens.plots.axes import use_bundled_fonts
from masklens.plots.growth import plot_growth
from masklens.plots.mask import plot_mask
from masklens.plots.states import plot_states
from masklens.tracing.calls import LayerCall

if TYPE_CHECKING:
    from masklens.explorers.padding import PaddingExplorer
    from masklens.explorers.propagation import PropagationExplorer
    from masklens.explorers.timestep import TimestepExplorer
    from masklens.lens.callback import PaddingCheck
    from masklens_course.progress import progress
    from masklens_course.questions import question

__version__ = "0.1.0"

__all__ = [
    "Comparison",
    "LayerCall",
    "PaddedBatch",
    "PaddingCheck",
    "PaddingExplorer",
    "Picture",
    "PropagationExplorer",
    "TimestepExplorer",
    "Trace",
    "assert_padding_ignored",
    "compare",
    "get_language",
    "languages",
    "mask_of",
    "pad",
    "plot_attention",
    "plot_growth",
    "plot_mask",
    "plot_states",
    "progress",
    "question",
    "record",
    "set_language",
    "show",
    "trace",
]

_EXPLORERS = {
    "PaddingExplorer": "masklens.explorers.padding",
    "PropagationExplorer": "masklens.explorers.propagation",
    "TimestepExplorer": "masklens.explorers.timestep",
}
_EXERCISES = {
    "progress": "masklens_course.progress",
    "question": "masklens_course.questions",
}
# Imported on first use: tracing needs neither widgets nor the course, and the callback needs Keras,
# which is slow to import.
_LAZY = {
    **_EXPLORERS,
    "PaddingCheck": "masklens.lens.callback",
    **_EXERCISES,
}


def set_language(language: str) -> None:
    """Sets the language of labels, pictures, warnings and errors.

    Where matplotlib has been imported, figures of your own get letters that its font lacks, such as
    Hangul, from a font that comes with the library.

    Args:
        language: A code from `languages()`; a region is ignored, so `"ko_KR"` is `"ko"`.

    Raises:
        ValueError: If the language is not available; the message lists those that are.

    Example:
        >>> set_language("en")
    """
    _language.set_language(language)
    if "matplotlib" in sys.modules:
        use_bundled_fonts()


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        return getattr(import_module(_LAZY[name]), name)
    except ModuleNotFoundError as error:
        from masklens._language import translate as _

        if error.name == "masklens_course":  # a lesson that brings the library brings no more
            message = _("{name} belongs to the exercises: open the notebook of one of them.")
        elif error.name in ("anywidget", "ipywidgets", "traitlets"):
            message = _("{name} is a widget, and {module} is not installed: pip install anywidget")
        else:
            raise
        raise ImportError(message.format(name=name, module=error.name)) from error


def __dir__() -> list[str]:
    from importlib.util import find_spec

    # help() reads each name in turn, and would stop at one that cannot be imported.
    left_out = set() if find_spec("traitlets") else set(_EXPLORERS)
    left_out |= set() if find_spec("masklens_course") else set(_EXERCISES)
    if not any(map(find_spec, ("tensorflow", "jax", "torch"))):
        left_out.add("PaddingCheck")
    given = (name for name in globals() if name.startswith("__") and name.endswith("__"))
    return sorted({*__all__, *given} - left_out)
