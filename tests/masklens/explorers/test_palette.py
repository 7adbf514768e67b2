"""The stacks that a learner can make run as their code says, and their answers need masks."""

import json
import random
import subprocess
import sys
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras import layers

from masklens.explorers import palette

EMBEDDING = {"type": "Embedding"}
UNMASKED = {"type": "Embedding", "mask_zero": False}
LSTM = {"type": "LSTM"}
# What may stand between Embedding and LSTM: it keeps the time axis, and each timestep in place.
KEEPING = [
    {"type": name, "return_sequences": True}
    for name in palette.TYPES
    if name not in ("Embedding", "Flatten", "Shift") and not name.startswith("Global")
]
OPTED_IN = {"type": "MyActivation", "supports_masking": True}
TABLE = palette.weights()["Embedding"][0]


def letters(rng: np.random.Generator) -> str:
    """A word that nobody chose, in Latin or Hangul letters."""
    first, last = (0xAC00, 0xD7A4) if rng.random() < 0.5 else (0x61, 0x7B)
    return "".join(map(chr, rng.integers(first, last, size=rng.integers(1, 9))))


@cache
def sentences() -> list[list[str]]:
    rng = np.random.default_rng(5)
    random_ones = [
        [letters(rng) for _ in range(length)] + (["!"] if end else [letters(rng)])
        for length in (0, 1, 2, 4, 5, 9)
        for end in [False, True] * 8
    ]
    chosen = ["Hello world !", "오늘 날씨 참 좋네요 !", "The weather will be nice tomorrow"]
    return [*random_ones, *(sentence.split() for sentence in chosen)]


ENDS = np.array([sentence[-1] == "!" for sentence in sentences()])


@cache
def model_of(stack: str, length: int) -> Any:
    return palette.build(json.loads(stack), TABLE, length)


def answers(stack: Sequence[dict[str, Any]], padding: int = 0) -> Any:
    """The answer to each sentence, with so many timesteps of padding behind it."""
    rows = [
        [palette.embedding_row(word) for word in (*sentence, *[""] * padding)]
        for sentence in sentences()
    ]
    found, written = np.empty(len(rows)), json.dumps(stack)
    for length in {len(row) for row in rows}:
        here = [number for number, row in enumerate(rows) if len(row) == length]
        # Flatten alone needs a model for each length.
        model = model_of(written, length if "Flatten" in written else 1)
        found[here] = np.ravel(model(np.array([rows[number] for number in here])))
    return found


def test_an_lstm_answers_right() -> None:
    found = answers([EMBEDDING, LSTM])
    assert found[ENDS].min() > 0.9
    assert found[~ENDS].max() < 0.1


# Masking makes a mask of its own in place of the one that comes in.
LOSING = ["Masking", "Conv1D", "Residual", "MyActivation"]


@pytest.mark.parametrize("layer", [OPTED_IN, *KEEPING])
def test_with_one_more_layer_padding_counts_where_the_mask_is_lost(layer: dict[str, Any]) -> None:
    stack = [EMBEDDING, layer, LSTM]
    alone, padded = answers(stack), answers(stack, 6)
    right = (alone > 0.5) == ENDS
    if layer["type"] == "TemporalSoftmax":
        # Of one word alone it makes ones, whatever the word.
        right = right[[len(sentence) > 1 for sentence in sentences()]]
    assert right.mean() > 0.95
    if layer["type"] in LOSING and layer != OPTED_IN:
        assert padded.max() < 0.5
    else:
        np.testing.assert_allclose(padded, alone, atol=1e-6)


@pytest.mark.parametrize(
    "name", ["GRU", "Bidirectional", "Flatten", "GlobalAveragePooling1D", "GlobalMaxPooling1D"]
)
def test_another_layer_than_the_lstm_answers_right(name: str) -> None:
    right = (answers([EMBEDDING, {"type": name}]) > 0.5) == ENDS
    assert right.mean() > 0.95


@pytest.mark.parametrize("padding", [4, 6, 24])
def test_without_a_mask_padding_turns_every_yes_into_a_no(padding: int) -> None:
    assert answers([UNMASKED, LSTM], padding).max() < 0.1


def test_a_shift_that_leaves_the_mask_behind_brings_padding_into_an_answer() -> None:
    stack = [EMBEDDING, {"type": "Shift"}, LSTM]
    assert np.abs(answers(stack, 6) - answers(stack)).max() > 0.1


def test_a_stack_that_cannot_run_says_what_keras_says() -> None:
    with pytest.raises(ValueError, match="expected ndim=3, found ndim=2"):
        palette.build([EMBEDDING, LSTM, LSTM], TABLE, 4)
    with pytest.raises(KeyError, match="Transformer"):
        palette.build([{"type": "Transformer"}], TABLE, 4)


EVERY_TYPE = [{"type": name, "return_sequences": True} for name in palette.TYPES]


@pytest.mark.parametrize(
    "stack", [EVERY_TYPE[:9], EVERY_TYPE, [EMBEDDING, OPTED_IN, {"type": "MyActivation"}]]
)
def test_the_code_of_a_stack_is_written_as_the_course_writes_code(
    stack: list[dict[str, Any]], tmp_path: Path
) -> None:
    pytest.importorskip("ruff")
    path = tmp_path / "stack.py"
    path.write_text(palette.code(stack, 9), encoding="utf-8")
    for command in (["format", "--check", "--line-length=88"], ["check", "--select=E,F,I,N"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, "--isolated", path], check=True)


def test_the_softmax_over_time_is_that_of_its_lesson() -> None:
    lesson = Path(__file__).parents[3] / "content" / "lessons" / "08_layers_that_use_masks.py"
    _head, call = palette.CLASSES["TemporalSoftmax"].split("    def call")
    assert call in lesson.read_text(encoding="utf-8")


def test_building_leaves_no_trace_in_the_session() -> None:
    def numbers() -> list[int]:
        made = layers.Softmax(), layers.Dense(1), layers.Add()
        return [int(layer.name.partition("_")[2] or 0) for layer in made]

    before, states = numbers(), (random.getstate(), np.random.get_state()[1].tolist())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stack = [EMBEDDING, {"type": "Residual"}, {"type": "Dropout"}, LSTM]
        model = palette.build(stack, TABLE, 3)
    assert [layer.name for layer in model.layers][-1] == "dense"
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states
    assert numbers() == [count + 1 for count in before]


def test_the_weights_are_small_numbers_that_float16_holds() -> None:
    for array in (array for arrays in palette.weights().values() for array in arrays):
        assert np.abs(array).max() <= 4
        np.testing.assert_array_equal(array, array.astype(np.float16).astype(np.float32))


def test_padding_has_a_vector_like_any_word() -> None:
    sizes = np.linalg.norm(TABLE, axis=1)
    assert sizes[2:].min() < sizes[0] < sizes[2:].max()
