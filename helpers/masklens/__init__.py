"""Shows where a mask goes in a Keras model: `import masklens as ml`."""

from masklens.figure import plot_mask
from masklens.language import get_language, languages, set_language
from masklens.mask import mask_of
from masklens.padding import PaddedBatch, pad
from masklens.picture import Picture, show

__all__ = [
    "PaddedBatch",
    "Picture",
    "get_language",
    "languages",
    "mask_of",
    "pad",
    "plot_mask",
    "set_language",
    "show",
]
