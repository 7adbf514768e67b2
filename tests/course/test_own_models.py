"""Models that learners build: once in a check, and with layers that may run backwards."""

from typing import Any

import keras
import pytest
from keras import layers

from masklens_course.judging import judge
from masklens_course.own_models import runs_backwards
from masklens_course.questions import question

pytestmark = pytest.mark.slow


def tagger(words: int, kinds: int) -> keras.Model:
    reader = layers.Bidirectional(layers.LSTM(4, return_sequences=True))
    embedding = layers.Embedding(words, 8, mask_zero=True)
    return keras.Sequential([embedding, reader, layers.Dense(kinds)])


def test_a_check_builds_a_model_of_each_size_once() -> None:
    asked: list[tuple[int, int]] = []

    def counted(words: int, kinds: int) -> keras.Model:
        asked.append((words, kinds))
        return tagger(words, kinds)

    for checks in (1, 2):
        assert judge(question("repair-tagger"), counted).kind == "right"
        assert len(asked) == 2 * checks
    assert len(set(asked)) == 2


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.LSTM(2, return_sequences=True), False),
        (layers.GRU(2, return_sequences=True, go_backwards=True), True),
        (layers.Bidirectional(layers.LSTM(2, return_sequences=True)), False),
        (
            layers.Bidirectional(
                layers.LSTM(2, return_sequences=True),
                backward_layer=layers.LSTM(2, return_sequences=True, go_backwards=True),
            ),
            False,
        ),
    ],
)
def test_a_layer_runs_backwards_unless_something_turns_it_back(layer: Any, expected: bool) -> None:
    model = keras.Sequential([layers.Embedding(5, 2), layer])
    model.build((None, None))
    assert runs_backwards(model) == expected
