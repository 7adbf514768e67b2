"""Shows where a mask goes in a Keras model: `import masklens as ml`."""

from masklens.attention import plot_attention
from masklens.calls import LayerCall
from masklens.figure import plot_mask
from masklens.growth import plot_growth
from masklens.guard import assert_no_mask_lost
from masklens.language import get_language, languages, set_language
from masklens.mask import mask_of
from masklens.padding import PaddedBatch, pad
from masklens.picture import Picture, show
from masklens.states import plot_states
from masklens.trace import Trace, record, trace

__all__ = [
    "LayerCall",
    "PaddedBatch",
    "Picture",
    "Trace",
    "assert_no_mask_lost",
    "get_language",
    "languages",
    "mask_of",
    "pad",
    "plot_attention",
    "plot_growth",
    "plot_mask",
    "plot_states",
    "record",
    "set_language",
    "show",
    "trace",
]
