"""Shows where a mask goes in a Keras model: `import masklens as ml`."""

from typing import TYPE_CHECKING, Any

from masklens.attention import plot_attention
from masklens.exercise.progress import progress
from masklens.figure import plot_mask
from masklens.growth import plot_growth
from masklens.language import get_language, languages, set_language
from masklens.mask import mask_of
from masklens.padding import PaddedBatch, pad
from masklens.picture import Picture, show
from masklens.questions import question
from masklens.states import plot_states
from masklens.tracing.assertion import assert_padding_ignored
from masklens.tracing.calls import LayerCall
from masklens.tracing.trace import Trace, record, trace

if TYPE_CHECKING:
    from masklens.padding_explorer import PaddingExplorer
    from masklens.propagation_explorer import PropagationExplorer
    from masklens.timestep_explorer import TimestepExplorer
    from masklens.tracing.callback import PaddingCheck

__all__ = [
    "LayerCall",
    "PaddedBatch",
    "PaddingCheck",
    "PaddingExplorer",
    "Picture",
    "PropagationExplorer",
    "TimestepExplorer",
    "Trace",
    "assert_padding_ignored",
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

# Widgets are imported when the first is asked for: many who trace a model have no notebook. The
# callback is one of Keras's, which takes its time.
_EXPLORERS = {
    "PaddingExplorer": "padding_explorer",
    "PropagationExplorer": "propagation_explorer",
    "TimestepExplorer": "timestep_explorer",
}
_LATE = {**_EXPLORERS, "PaddingCheck": "tracing.callback"}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name not in ("anywidget", "ipywidgets", "traitlets"):
            raise
        from masklens.language import translate as _

        message = _("{name} is a widget, and {module} is not installed: pip install anywidget")
        raise ImportError(message.format(name=name, module=error.name)) from error


def __dir__() -> list[str]:
    from importlib.util import find_spec

    # help() asks for each name in turn, and would end at one that cannot be had.
    left_out = set() if find_spec("traitlets") else set(_EXPLORERS)
    if not any(map(find_spec, ("tensorflow", "jax", "torch"))):
        left_out.add("PaddingCheck")
    given = (name for name in globals() if name.startswith("__") and name.endswith("__"))
    return sorted({*__all__, *given} - left_out)
