"""The table of layers: it is up to date, and agrees with counts that were made another way."""

import inspect
import re
from collections import Counter

import keras
import numpy as np
import pytest
from keras import layers

import masklens as ml
from authoring.layer_table import TABLE, measure, table
from masklens.mask import attach_mask

WRITTEN = TABLE.read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| (\(.*\)) \| (\w+) \| (\w+) \|$", WRITTEN, re.MULTILINE)
TAKE_NO_SEQUENCE = set(re.findall(r"`(\w+)`", WRITTEN.rsplit("number or two:", 1)[1]))

# Counted on Keras 3.15.1 with a prototype, before there was a trace: 128 classes, also those that
# take no sequence but images or volumes.
COUNTS = {
    ("lost", "no"): 82 + 1,  # and Dot, which drops it without a warning
    ("lost", "yes"): 9,
    ("passes", "no"): 26 + 2,  # and two that pass it on with a false warning
    ("passes", "yes"): 7,
    ("changes", "no"): 1,
}

# The table leaves these out, and a test below calls them.
IMAGES_THAT_LOSE = {
    *(
        f"{name}{rank}D"
        for rank in (2, 3)
        for name in (
            "AveragePooling",
            "Conv",
            "Cropping",
            "GlobalAveragePooling",
            "GlobalMaxPooling",
            "MaxPooling",
            "UpSampling",
            "ZeroPadding",
        )
    ),
    *("Conv2DTranspose", "Conv3DTranspose", "DepthwiseConv2D", "SeparableConv2D"),
    "ContrastLimitedAdaptiveHistogramEqualization",
}
IMAGES_THAT_USE_AND_LOSE = {"ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"}
IMAGES_THAT_PASS = {"SpatialDropout2D", "SpatialDropout3D"}


def test_the_table_is_what_this_keras_does() -> None:
    version = re.search(r"^Keras (\S+)\. ", WRITTEN, re.MULTILINE)
    assert version
    # Another Keras may treat a mask in another way, and have other classes.
    assert table(*measure()) == WRITTEN or keras.__version__ != version[1]


def test_the_counts_agree_but_for_images_and_one_layer_that_wants_no_features() -> None:
    counts = Counter(
        ({"ends": "lost", "drops": "lost"}.get(effect, effect), uses)
        for _name, _shape, effect, uses in ROWS
    )
    counts["lost", "no"] += len(IMAGES_THAT_LOSE)
    counts["lost", "yes"] += len(IMAGES_THAT_USE_AND_LOSE)
    counts["passes", "no"] += len(IMAGES_THAT_PASS)
    # Softmax refuses a mask (batch, time) on (batch, time, features), and so was not counted.
    counts["passes", "yes"] -= 1
    assert ("Softmax", "(batch, time)", "passes", "yes") in ROWS
    assert counts == COUNTS
    assert IMAGES_THAT_LOSE | IMAGES_THAT_USE_AND_LOSE | IMAGES_THAT_PASS <= TAKE_NO_SEQUENCE


def test_the_layers_that_use_the_mask_are_named() -> None:
    assert {name for name, _shape, _effect, uses in ROWS if uses == "yes"} == {
        *("SimpleRNN", "GRU", "LSTM", "RNN", "Bidirectional", "GlobalAveragePooling1D"),
        *("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupedQueryAttention"),
        *("Maximum", "Minimum", "Multiply", "Softmax"),
    }


def called_with_a_mask(name: str, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """What a class of layers for images or volumes makes of a batch, and of its mask."""
    written = re.search(r"(\d)D", name)
    axes = (int(written[1]) if written else 2) + ("LSTM" in name)
    options = {"filters": 2, "kernel_size": 2, "pool_size": 2, "rate": 0.5}
    wanted = inspect.signature(getattr(layers, name).__init__).parameters.values()
    needed = {p.name for p in wanted if p.default is p.empty}
    keras.utils.set_random_seed(0)
    layer = getattr(layers, name)(**{key: options[key] for key in options if key in needed})
    batch = np.random.default_rng(0).random((2, *[8] * axes, 3))
    tensor = keras.ops.convert_to_tensor(batch.astype("float32"))
    attach_mask(tensor, keras.ops.convert_to_tensor(mask))
    output = layer(tensor)
    return keras.ops.convert_to_numpy(output), ml.mask_of(output)


@pytest.mark.filterwarnings("ignore:.*destroy the mask information")
@pytest.mark.parametrize(
    "name", sorted(IMAGES_THAT_LOSE | IMAGES_THAT_USE_AND_LOSE | IMAGES_THAT_PASS)
)
def test_layers_of_images_treat_a_mask_as_they_are_counted(name: str) -> None:
    everything, shorter = np.ones((2, 8), bool), np.arange(8) < [[8], [5]]
    whole, _mask = called_with_a_mask(name, everything)
    output, mask = called_with_a_mask(name, shorter)
    assert (mask is not None) == (name in IMAGES_THAT_PASS)
    assert np.array_equal(whole, output) == (name not in IMAGES_THAT_USE_AND_LOSE)
