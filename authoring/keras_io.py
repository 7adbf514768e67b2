"""Where keras.io describes a layer, as its list of pages says: keras-io, scripts/api_master.py."""

from __future__ import annotations

import re

_API = "https://keras.io/api/layers"

_PAGES = {
    "core_layers": "Dense EinsumDense Activation Embedding Masking Lambda Identity",
    "convolution_layers": "Conv1D Conv2D Conv3D SeparableConv1D SeparableConv2D DepthwiseConv1D "
    "DepthwiseConv2D Conv1DTranspose Conv2DTranspose Conv3DTranspose",
    "pooling_layers": "MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D "
    "AveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D "
    "GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D",
    "recurrent_layers": "LSTM GRU SimpleRNN TimeDistributed Bidirectional ConvLSTM1D ConvLSTM2D "
    "ConvLSTM3D RNN",
    "preprocessing_layers/text": "TextVectorization",
    "preprocessing_layers/numerical": "Normalization SpectralNormalization Discretization",
    "preprocessing_layers/categorical": "CategoryEncoding Hashing HashedCrossing StringLookup "
    "IntegerLookup",
    "preprocessing_layers/image_preprocessing": "Resizing Rescaling CenterCrop AutoContrast",
    "preprocessing_layers/image_augmentation": "AugMix CutMix Equalization MixUp Pipeline "
    "RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast "
    "RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur "
    "RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation "
    "RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom Solarization",
    "preprocessing_layers/audio_preprocessing": "MelSpectrogram",
    "normalization_layers": "BatchNormalization LayerNormalization UnitNormalization "
    "GroupNormalization",
    "regularization_layers": "Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D "
    "GaussianDropout AlphaDropout GaussianNoise ActivityRegularization",
    "attention_layers": "GroupQueryAttention MultiHeadAttention Attention AdditiveAttention",
    "reshaping_layers": "Reshape Flatten RepeatVector Permute Cropping1D Cropping2D Cropping3D "
    "UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D",
    "merging_layers": "Concatenate Average Maximum Minimum Add Subtract Multiply Dot",
    "activation_layers": "ReLU Softmax LeakyReLU PReLU ELU",
}
# The folder of each layer that keras.io has a page of.
FOLDERS = {name: folder for folder, names in _PAGES.items() for name in names.split()}
# What keras.io calls them in addresses.
_CALLED = (("ReLU", "Relu"), (r"Conv(?=\dD)", "Convolution"), ("AutoContrast", "AutoConstrast"))


def page(name: str) -> str | None:
    """Gives the address of the page of a layer.

    Args:
        name: Its class, such as "GlobalMaxPooling1D".

    Returns:
        The address; None if keras.io has no page of it.

    Example:
        >>> page("GlobalMaxPooling1D")
        'https://keras.io/api/layers/pooling_layers/global_max_pooling1d/'
        >>> page("Conv1DTranspose")
        'https://keras.io/api/layers/convolution_layers/convolution1d_transpose/'
    """
    if name not in FOLDERS:
        return None
    called = name
    for pattern, instead in _CALLED:
        called = re.sub(pattern, instead, called)
    words = re.sub("(?<=[a-zD])(?=[A-Z])", "_", called).lower()
    return f"{_API}/{FOLDERS[name]}/{words}/"
