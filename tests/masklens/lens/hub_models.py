"""Tiny models of KerasHub, each with whether padding gets into its answer, and where.

Ids of padding are 0, and the backbones are told by a mask of ids, as their preprocessors do it.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from lens.oracle import Case, Padded
from lens.reported_models import Known, Side, known, padded_features, padded_ids

VOCABULARY = 30
STEPS = 24
SIZES = {"vocabulary_size": VOCABULARY, "num_layers": 2, "intermediate_dim": 12}
BOTH = "content amount"
ROUNDING = 1e-6  # rotary angles, and the softmax of attention, are computed in float32
HEARS = "transformer_encoder_layer_0/self_attention_layer"

TOKENS = Padded(layers=("token_embedding",))
SEGMENTS = Padded(layers=("segment_embedding",))
MASK = Padded("mask", None, ())
# The lengths of the target of a translation.
TARGETS = (5, 2, 4, 1)


def backbone(name: str, **sizes: Any) -> Callable[[], Any]:
    """Makes a backbone of two layers."""

    def build() -> Any:
        import keras_hub

        return getattr(keras_hub.models, f"{name}Backbone")(**SIZES | sizes)

    return build


def _tokens(side: Side) -> tuple[dict[str, Any], dict[str, Any]]:
    ids, valid = padded_ids(side)
    inputs = {"token_ids": ids, "padding_mask": valid.astype("int32")}
    return inputs, dict.fromkeys(inputs, valid)


def one_sequence(build: Callable[[], Any], side: Side, answers: tuple[Any, ...] = (1,)) -> Case:
    """A backbone of token ids and their mask."""
    inputs, valid = _tokens(side)
    return Case(build, inputs, valid, side, padded=(MASK, TOKENS), answers=answers)


def with_segments(build: Callable[[], Any], side: Side, masked: bool = True) -> Case:
    """A backbone of token and segment ids, which answers with the first timestep and with all."""
    inputs, valid = _tokens(side)
    segments = np.where(valid["token_ids"], 1 + np.arange(6) // 3, 0).astype("int32")
    inputs, valid = inputs | {"segment_ids": segments}, valid | {"segment_ids": valid["token_ids"]}
    padded = (SEGMENTS, TOKENS)
    if masked:
        padded = (MASK, *padded)
    else:
        del inputs["padding_mask"], valid["padding_mask"]
    answers = ("whole", len(padded) - 1)
    return Case(build, inputs, valid, side, padded=padded, answers=answers)


def two_sequences(build: Callable[[], Any], side: Side) -> Case:
    """An encoder and a decoder of token ids and their masks."""
    inputs, valid = {}, {}
    for name, lengths in [("encoder", (6, 4, 2, 3)), ("decoder", TARGETS)]:
        ids, counts = padded_ids(side, lengths=lengths, steps=max(lengths))
        inputs |= {f"{name}_token_ids": ids, f"{name}_padding_mask": counts.astype("int32")}
        valid |= {f"{name}_token_ids": counts, f"{name}_padding_mask": counts}
    padded = tuple(
        Padded(kind.kind, kind.content, kind.layers, group)
        for group in range(2)
        for kind in (MASK, TOKENS)
    )
    return Case(build, inputs, valid, side, padded=padded, answers=(1, 3))


def speech(build: Callable[[], Any], lengths: tuple[int, ...], side: Side = "post") -> Case:
    """Frames of some lengths for the encoder, and token ids with their mask for the decoder."""
    features, frames = padded_features("post", lengths=lengths, steps=8)
    ids, counts = padded_ids(side, lengths=TARGETS, steps=5)
    return Case(
        build,
        {
            "decoder_padding_mask": counts.astype("int32"),
            "decoder_token_ids": ids,
            "encoder_features": features,
        },
        {
            "decoder_padding_mask": counts,
            "decoder_token_ids": counts,
            "encoder_features": frames,
        },
        side,
        padded=(MASK, TOKENS, Padded("features", "values", (), 1)),
        answers=(1, "changed"),
    )


def bert(kind: str = "Bert") -> Callable[[], Any]:
    return backbone(kind, num_heads=2, hidden_dim=8, max_sequence_length=STEPS)


def llama() -> Any:
    heads = {"num_query_heads": 2, "num_key_value_heads": 1}
    return backbone("Llama", hidden_dim=8, tie_word_embeddings=True, **heads)()


def gemma() -> Any:
    heads = {"num_query_heads": 2, "num_key_value_heads": 1, "head_dim": 4}
    return backbone("Gemma", hidden_dim=8, **heads)()


def t5(**how: Any) -> Callable[[], Any]:
    return backbone("T5", num_heads=2, hidden_dim=8, **how)


def whisper() -> Any:
    lengths = {"max_encoder_sequence_length": 32, "max_decoder_sequence_length": STEPS}
    return backbone("Whisper", num_heads=2, hidden_dim=8, num_mels=4, **lengths)()


def backbones_padded_right() -> list[Known]:
    segments = {"num_segments": 12, "max_sequence_length": STEPS, "hidden_dim": 8}
    fnet = backbone("FNet", **segments)
    return [
        known("BERT", with_segments(backbone("Bert", num_heads=2, **segments), "post")),
        known("DistilBERT", one_sequence(bert("DistilBert"), "post")),
        known("GPT-2", one_sequence(bert("GPT2"), "post")),
        known("Llama", one_sequence(llama, "post"), rounding=ROUNDING),
        known("Gemma", one_sequence(gemma, "post"), rounding=ROUNDING),
        known("T5", two_sequences(t5(), "post")),
        known("T5 in float16", two_sequences(t5(dtype="float16"), "post"), finite=False),
        known("BART", two_sequences(bert("Bart"), "post")),
        # Its encoder takes no mask: recordings are equally long, and more silence is heard.
        known("Whisper", speech(whisper, (8, 8, 8, 8)), "amount", [HEARS], told=True),
        known(
            "Whisper, frames padded",
            speech(whisper, (8, 5, 6, 4)),
            BOTH,
            ["encoder_token_embedding_conv_layer_1", HEARS],
            told=True,
        ),
        # A Fourier transform mixes all timesteps.
        known(
            "FNet", with_segments(fnet, "post", masked=False), BOTH, ["f_net_layer_0"], told=True
        ),
        # Its mask is one of queries, and not of keys.
        known(
            "ESM",
            esm("post"),
            BOTH,
            ["transformer_layer_0/attention_layer"],
        ),
    ]


def esm(side: Side) -> Case:
    """ESM makes its mask of ids, from the token ids."""
    ids, valid = padded_ids(side)
    build = backbone("ESM", num_heads=2, hidden_dim=8)
    inputs, counts = {"token_ids": ids}, {"token_ids": valid}
    return Case(build, inputs, counts, side, padded=(TOKENS,), answers=(0,))


def backbones_padded_left() -> list[Known]:
    """Absolute positions shift, and what is read as the first timestep is padding."""
    segments = {"num_segments": 12, "max_sequence_length": STEPS, "hidden_dim": 8}
    bert_case = with_segments(backbone("Bert", num_heads=2, **segments), "pre")
    fnet_case = with_segments(backbone("FNet", **segments), "pre", masked=False)
    positions = ["position_embedding"]
    return [
        known("BERT, left", bert_case, BOTH, [*positions, "get_item"]),
        known(
            "DistilBERT, left",
            one_sequence(bert("DistilBert"), "pre"),
            "amount",
            ["token_and_position_embedding/position_embedding"],
        ),
        known("GPT-2, left", one_sequence(bert("GPT2"), "pre"), "amount", positions),
        known("Llama, left", one_sequence(llama, "pre"), rounding=ROUNDING),
        known("Gemma, left", one_sequence(gemma, "pre"), rounding=ROUNDING),
        known("T5, left", two_sequences(t5(), "pre")),
        known(
            "BART, left",
            two_sequences(bert("Bart"), "pre"),
            "amount",
            ["encoder_position_embedding", "decoder_position_embedding"],
        ),
        known(
            "Whisper, tokens left",
            speech(whisper, (8, 8, 8, 8), "pre"),
            "amount",
            ["decoder_token_and_position_embedding/position_embedding"],
            # With frames of silence on the left, every second frame is another one.
            perhaps=(HEARS, "encoder_token_embedding_conv_layer_2"),
            told=True,
        ),
        known(
            "FNet, left",
            fnet_case,
            BOTH,
            [*positions, "f_net_layer_0"],
            told=True,
        ),
        known(
            "ESM, left",
            esm("pre"),
            BOTH,
            ["transformer_layer_0/attention_layer"],
            # Turned by other angles, queries and keys of valid timesteps fit as before.
            perhaps=("transformer_layer_0/attention_layer/esm_rotary_embedding",),
        ),
    ]


def embed(mask_zero: bool, name: str = "embed") -> Any:
    import keras_hub

    layer = keras_hub.layers.TokenAndPositionEmbedding(
        VOCABULARY, STEPS, 8, mask_zero=mask_zero, name=name
    )
    # Two of them in one model are told apart by name.
    layer.token_embedding.name = f"{name}_tokens"
    return layer


def encoder_layer(name: str = "encode", **how: Any) -> Any:
    import keras_hub

    return keras_hub.layers.TransformerEncoder(12, 2, name=name, **how)


def classifier(mask_zero: bool, blocks: int = 2, **how: Any) -> Callable[[], keras.Model]:
    """Makes encoders behind an embedding of tokens and positions, and an average."""

    def build() -> keras.Model:
        ids = keras.Input((None,), dtype="int32", name="ids")
        x = embed(mask_zero)(ids)
        for number in range(blocks):
            x = encoder_layer(f"encode_{number}", **how)(x)
        return keras.Model(ids, keras.layers.GlobalAveragePooling1D(name="average")(x))

    return build


def language_model(mask_zero: bool) -> Callable[[], keras.Model]:
    """Makes a decoder without an encoder."""

    def build() -> keras.Model:
        import keras_hub

        ids = keras.Input((None,), dtype="int32", name="ids")
        decoder = keras_hub.layers.TransformerDecoder(12, 2, name="decode")
        return keras.Model(ids, decoder(embed(mask_zero)(ids)))

    return build


def translator(mask_zero: bool) -> Callable[[], keras.Model]:
    """Makes the encoder and the decoder of a translation, two models in one."""

    def build() -> keras.Model:
        import keras_hub

        source = keras.Input((None,), dtype="int32", name="encoder_inputs")
        encoder = keras.Model(
            source, encoder_layer()(embed(mask_zero, "embed_source")(source)), name="encoder"
        )
        target = keras.Input((None,), dtype="int32", name="decoder_inputs")
        states = keras.Input((None, 8), name="states")
        x = keras_hub.layers.TransformerDecoder(12, 2, name="decode")(
            decoder_sequence=embed(mask_zero, "embed_target")(target), encoder_sequence=states
        )
        words = keras.layers.Dense(VOCABULARY, activation="softmax", name="words")(x)
        decoder = keras.Model([target, states], words, name="decoder")
        return keras.Model([source, target], decoder([target, encoder(source)]))

    return build


def on_tokens(build: Callable[[], Any], side: Side = "post", answers: Any = "whole") -> Case:
    ids, valid = padded_ids(side)
    padded = Padded(layers=("embed_tokens",))
    return Case(build, ids, valid, side, padded=(padded,), answers=(answers,))


def on_pairs(build: Callable[[], Any]) -> Case:
    """A translation."""
    source, source_valid = padded_ids()
    target, target_valid = padded_ids(lengths=TARGETS, steps=5)
    padded = (
        Padded(layers=("embed_source_tokens",)),
        Padded(layers=("embed_target_tokens",), group=1),
    )
    return Case(
        build,
        [source, target],
        [source_valid, target_valid],
        padded=padded,
        answers=(1,),
    )


def layers_of_keras_hub() -> list[Known]:
    attention = "self_attention_layer"
    return [
        known("embedding and encoders with mask_zero", on_tokens(classifier(mask_zero=True))),
        known(
            "pre-norm encoders with mask_zero",
            on_tokens(classifier(mask_zero=True, normalize_first=True)),
        ),
        known(
            "embedding and encoders without a mask",
            on_tokens(classifier(mask_zero=False)),
            BOTH,
            [f"encode_0/{attention}"],
        ),
        known(
            "embedding and encoders with mask_zero, left",
            on_tokens(classifier(mask_zero=True), "pre"),
            "amount",
            ["embed/position_embedding"],
        ),
        known("decoder, right", on_tokens(language_model(mask_zero=False), answers=0)),
        known(
            "decoder, left",
            on_tokens(language_model(mask_zero=False), "pre", 0),
            BOTH,
            ["embed/position_embedding", "decode/self_attention"],
        ),
        known("translator with mask_zero", on_pairs(translator(mask_zero=True))),
        known(
            "translator as published",
            on_pairs(translator(mask_zero=False)),
            BOTH,
            [f"encoder/encode/{attention}"],
        ),
    ]


def hub_cases() -> list[Known]:
    """All of them; they can be listed, but not built, where KerasHub is not installed."""
    return [*backbones_padded_right(), *backbones_padded_left(), *layers_of_keras_hub()]
