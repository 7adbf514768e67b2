"""The page does with a learner's sentence in a learner's stack what Keras does."""

import warnings
from typing import Any

import keras
import numpy as np
import pytest
from engine import asked

import masklens as ml
from masklens.explorers import palette
from masklens.explorers.cards import cards
from masklens.explorers.sentences import number_words

pytestmark = [pytest.mark.usefixtures("node"), pytest.mark.slow]

CARDS = list(map(list, cards().items()))
SHARED = {"palette": CARDS, "weights": palette.encoded_weights()}
# Those that keep the time axis can stand anywhere; the others end it.
LASTING = [
    *("Masking", "Dense", "Dropout", "LayerNormalization", "Conv1D", "Residual", "PreNormResidual"),
    *("MyActivation", "Shift", "TemporalSoftmax"),
]
READING = ["LSTM", "GRU", "Bidirectional"]
ENDING = [*READING, "Flatten", "GlobalAveragePooling1D", "GlobalMaxPooling1D"]


def drawn_word(rng: np.random.Generator) -> str:
    first, last = [(0x61, 0x7B), (0xAC00, 0xD7A4), (0x1F600, 0x1F640)][rng.integers(3)]
    word = "".join(map(chr, rng.integers(first, last, rng.integers(1, 6)).tolist()))
    return word + ("!" if rng.random() < 0.3 else "")


def drawn_stack(rng: np.random.Generator) -> list[dict[str, Any]]:
    stack: list[dict[str, Any]] = [{"type": "Embedding", "mask_zero": bool(rng.random() < 0.8)}]
    for name in rng.choice([*LASTING, *READING], rng.integers(0, 5)).tolist():
        layer: dict[str, Any] = {"type": name}
        if name in READING:
            layer["return_sequences"] = True
        if name == "MyActivation":
            layer["supports_masking"] = bool(rng.random() < 0.5)
        stack.append(layer)
    if rng.random() < 0.2:
        # What comes behind a layer that ends the time axis may not run.
        stack.insert(int(rng.integers(1, len(stack) + 1)), {"type": str(rng.choice(ENDING[3:]))})
    name = str(rng.choice(ENDING))
    stack.append({"type": name} | ({"return_sequences": False} if name in READING else {}))
    behind = rng.choice(["Dense", "Dropout", "LayerNormalization"], rng.integers(0, 3))
    return [*stack, *({"type": name} for name in behind.tolist())]


def drawn(seed: int) -> tuple[dict[str, Any], int]:
    rng = np.random.default_rng([7, seed])
    words = [drawn_word(rng) for _ in range(rng.integers(1, 7))]
    length = len(words) + int(rng.integers(1, 7))
    side = str(rng.choice(["pre", "post"]))
    settings = {"sentences": [" ".join(words)], "padding": side, "layers": drawn_stack(rng)}
    return settings, length


CASES = [drawn(seed) for seed in range(60)]


@pytest.fixture(scope="module")
def told() -> list[Any]:
    """What the page computes for each case."""
    return asked([("sentence", SHARED, settings, length) for settings, length in CASES])


def test_answers_are_those_of_the_keras_model(told: list[Any]) -> None:
    for (settings, length), found in zip(CASES, told, strict=True):
        try:
            model, batch = built(settings, length)
        except Exception:  # whatever Keras or its backend raises
            assert found["answer"] is None, settings
            continue
        answer = keras.ops.convert_to_numpy(model(batch.ids))
        assert found["answer"] == pytest.approx(float(answer[0, 0]), abs=1e-5), settings


def test_padding_gets_in_where_the_lens_says_so(told: list[Any]) -> None:
    for (settings, length), found in zip(CASES, told, strict=True):
        if found["answer"] is None:
            continue
        model, batch = built(settings, length)
        # A maximum or a rectifier may hide one content of padding; of several, it hides some only.
        rows = [list(batch.sequences[0])] * 8
        moves = ml.trace(model, ml.pad(rows, maxlen=length, padding=settings["padding"])).moves
        sound = found["leaks"]["answer"] <= found["leaks"]["tolerance"]
        if sound == (moves == 0.0):
            continue
        # The page adds more padding than the lens does, and may see what shows only then.
        assert not sound, settings
        (ids,) = batch.sequences
        more = ml.pad([ids], maxlen=length + max(4, length), padding=settings["padding"])
        answers = [keras.ops.convert_to_numpy(model(one.ids)) for one in (batch, more)]
        assert abs(answers[0] - answers[1]).max() > 1e-5 * abs(answers[0]).max(), settings


def built(settings: dict[str, Any], length: int) -> tuple[Any, ml.PaddedBatch]:
    """The Keras model of a case, and its batch."""
    words = settings["sentences"][0].split()
    ids = number_words(settings["sentences"], {})
    batch = ml.pad([[ids[word] for word in words]], maxlen=length, padding=settings["padding"])
    with warnings.catch_warnings():
        # Layers that lose a mask warn; that they do is what a learner is to see.
        warnings.simplefilter("ignore")
        model = palette.build(settings["layers"], palette.embedding_table(ids), length)
    return model, batch


def test_the_code_on_the_page_is_the_code_that_builds_the_model() -> None:
    stacks = [settings["layers"] for settings, _length in CASES]
    for stack, code in zip(
        stacks, asked([("code", SHARED, stack, 12) for stack in stacks]), strict=True
    ):
        assert code == palette.code(stack, 12)


def test_batches_masks_and_facts_are_those_of_keras() -> None:
    rng = np.random.default_rng(11)
    cases = []
    for _ in range(150):
        sentences = [
            " ".join(drawn_word(rng) for _ in range(rng.integers(0, 7)))
            for _ in range(rng.integers(1, 6))
        ]
        cases.append(
            {
                "sentences": sentences,
                "padding": str(rng.choice(["pre", "post"])),
                "truncating": str(rng.choice(["pre", "post"])),
                "maxlen": int(rng.integers(1, 9)),
                "value": int(rng.integers(-1, 4)),
                "mask": bool(rng.random() < 0.8),
            }
        )
    for case, found in zip(cases, asked([("batch", case) for case in cases]), strict=True):
        ids = number_words(case["sentences"], {})
        rows = [[ids[word] for word in text.split()] for text in case["sentences"]]
        options = {name: case[name] for name in ("maxlen", "padding", "truncating", "value")}
        padded = keras.utils.pad_sequences(rows, **options)
        assert found["padded"] == padded.tolist()
        mask = keras.layers.Embedding(1, 1, mask_zero=True).compute_mask(padded)
        mask = keras.ops.convert_to_numpy(mask) if case["mask"] else np.ones_like(padded, bool)
        assert found["masks"] == (mask.tolist() if case["mask"] else None)
        counted = keras.utils.pad_sequences(
            [list(range(1, len(row) + 1)) for row in rows], **options | {"value": 0}
        )
        real = counted > 0
        facts = found["facts"]
        assert facts["padding"] == int((~real).sum())
        assert facts["cut"] == sum(map(len, rows)) - int(real.sum())
        assert facts["read"] == int((~real & mask).sum())
        assert facts["skipped"] == int((real & ~mask).sum())
        assert facts["fast"] == (not case["mask"] or cudnn_takes(mask))


def cudnn_takes(mask: Any) -> bool:
    """Asks the private function with which Keras itself guards its cuDNN kernels."""
    import importlib

    import tensorflow as tf

    guard = importlib.import_module("keras.src.backend.tensorflow.rnn")._assert_valid_mask
    try:
        guard(tf.constant(mask))
    except tf.errors.InvalidArgumentError:
        return False
    return True


def test_states_and_answers_after_each_timestep_are_those_of_keras() -> None:
    cases = [
        {"sentences": settings["sentences"], "padding": settings["padding"], "maxlen": length}
        for settings, length in CASES[:20]
    ]
    for case, found in zip(cases, asked([("states", SHARED, case) for case in cases]), strict=True):
        for key, mask_zero in (("masked", True), ("plain", False)):
            layers = [{"type": "Embedding", "mask_zero": mask_zero}, {"type": "LSTM"}]
            model, batch = built({**case, "layers": layers}, case["maxlen"])
            ends = range(1, batch.ids.shape[1] + 1)
            # After each timestep it answers as if the sentence ended there.
            answers = [float(model(batch.ids[:, :end])[0, 0]) for end in ends]
            np.testing.assert_allclose(found["answers"][0 if mask_zero else 1], answers, atol=1e-5)
            outputs = model.layers[1](model.layers[0](batch.ids))
            np.testing.assert_allclose(
                found[key][-1], keras.ops.convert_to_numpy(outputs)[0], atol=1e-5
            )
