"""The timestep explorer shows what a layer of one's own computes."""

from typing import Any

import keras
import numpy as np
import pytest

import masklens as ml
from masklens.explorers.timestep import TimestepExplorer

RANDOM = np.random.default_rng(0)
TIME, UNITS = 7, 5
X = RANDOM.normal(size=(3, TIME, 4)).astype("float32")
MASKS = {
    "post": np.arange(TIME) < np.array([[7], [4], [1]]),
    "pre": np.arange(TIME) >= np.array([[0], [3], [6]]),
    "between": RANDOM.random((3, TIME)) < 0.6,
    "none": np.zeros((3, TIME), bool),
}
RECURRENT = {
    "simple": lambda: keras.layers.SimpleRNN(UNITS),
    "lstm": lambda: keras.layers.LSTM(UNITS, return_sequences=True),
    "backwards": lambda: keras.layers.LSTM(UNITS, go_backwards=True),
    "dropout": lambda: keras.layers.GRU(UNITS, dropout=0.5, recurrent_dropout=0.5, seed=1),
    "stateful": lambda: keras.layers.LSTM(UNITS, stateful=True),
}
SENTENCES = [
    ["Hello", "world", "!"],
    ["How", "are", "you", "doing", "today"],
    ["The", "weather", "will", "be", "nice", "tomorrow"],
]
IDS = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
BATCH = ml.pad(IDS, padding="post", maxlen=12)


def on_growing_prefixes(layer: Any, x: Any, mask: Any) -> Any:
    """(time, units): the layer's own answer after each timestep, if the sequence ended there."""
    config = layer.get_config() | {"return_sequences": False, "stateful": False}
    answering = type(layer).from_config(config)
    answering.build(x[None].shape)
    answering.set_weights(layer.get_weights())
    steps = range(len(x))
    parts = [slice(s, None) if layer.go_backwards else slice(s + 1) for s in steps]
    answers = [answering(x[None, part], mask=mask[None, part], training=False) for part in parts]
    return np.concatenate([keras.ops.convert_to_numpy(answer) for answer in answers])


def assert_shows(scene: Any, layer: Any, x: Any, mask: Any) -> None:
    assert scene["read"] == mask.tolist()
    steps = list(range(len(x)))
    assert scene["order"] == (steps[::-1] if layer.go_backwards else steps)
    for number, (key, known) in enumerate((("masked", mask), ("plain", np.ones_like(mask)))):
        after = on_growing_prefixes(layer, x, known)
        np.testing.assert_allclose(scene[key], after, atol=1e-4)
        in_order = after[::-1] if layer.go_backwards else after
        moved = np.abs(np.diff(in_order, axis=0, prepend=0)).max(axis=1)
        moved = moved[::-1] if layer.go_backwards else moved
        np.testing.assert_allclose(scene["moved"][number], moved, atol=1.01e-4)
        # Keras freezes what the mask says, and random numbers stand still nowhere else.
        assert [by == 0 for by in scene["moved"][number]] == (~known).tolist()


@pytest.mark.parametrize("side", MASKS)
@pytest.mark.parametrize("name", RECURRENT)
def test_it_shows_what_the_layer_answers_on_growing_prefixes(name: str, side: str) -> None:
    layer = RECURRENT[name]()
    layer(X)
    before = [np.array(variable) for variable in layer.variables]
    (scene,) = TimestepExplorer(layer, X, MASKS[side], rows=1).data["scenes"]
    assert_shows(scene, layer, X[1], MASKS[side][1])
    for variable, value in zip(layer.variables, before, strict=True):
        np.testing.assert_array_equal(np.array(variable), value)


@pytest.mark.parametrize("merge", ["concat", "sum"])
def test_a_bidirectional_shows_each_of_its_layers(merge: str) -> None:
    layer = keras.layers.Bidirectional(keras.layers.GRU(UNITS), merge_mode=merge)
    mask = MASKS["between"]
    scenes = TimestepExplorer(layer, X, mask, rows=[2, 0]).data["scenes"]
    parts = layer.forward_layer, layer.backward_layer
    for scene, (row, part) in zip(
        scenes, [(row, part) for row in (2, 0) for part in parts], strict=True
    ):
        assert_shows(scene, part, X[row], mask[row])
        assert scene["label"].endswith("backward" if part.go_backwards else "forward")


def model(*after: Any, units: int = 8) -> Any:
    keras.utils.set_random_seed(0)
    embedding = keras.layers.Embedding(5000, 16, mask_zero=True)
    return keras.Sequential([embedding, keras.layers.LSTM(units), *after])


def test_a_model_is_shown_with_its_tokens_and_its_answer_after_each_timestep() -> None:
    shown = model(keras.layers.Dense(4), keras.layers.Dense(1, activation="sigmoid"))
    scenes = TimestepExplorer(shown, BATCH, tokens=SENTENCES).data["scenes"]
    for row, (scene, sentence) in enumerate(zip(scenes, SENTENCES, strict=True)):
        texts = [step["text"] for step in scene["tokens"]]
        assert texts == sentence + ["0"] * (12 - len(sentence))
        assert [step["padding"] for step in scene["tokens"]] == (~BATCH.mask[row]).tolist()
        masked = [float(shown(BATCH.ids[row : row + 1, :end])[0, 0]) for end in range(1, 13)]
        np.testing.assert_allclose(scene["answers"][0], masked, atol=1e-4)
    assert [scene["label"] for scene in scenes][:2] == [
        "0: Hello world !",
        "1: How are you doing …",
    ]
    # No answer where there is none between 0 and 1.
    for other in (model(), model(keras.layers.Dense(1)), model(keras.layers.Reshape((8, 1)))):
        assert "answers" not in TimestepExplorer(other, BATCH).data["scenes"][0]


def test_tokens_are_those_that_truncation_left_or_the_ids() -> None:
    batch = ml.pad(IDS, maxlen=4, padding="pre", truncating="post")
    scenes = TimestepExplorer(model(), batch, tokens=SENTENCES, rows=[0, 2]).data["scenes"]
    texts = [[step["text"] for step in scene["tokens"]] for scene in scenes]
    assert texts == [["0", "Hello", "world", "!"], ["The", "weather", "will", "be"]]
    for inputs in (BATCH, BATCH.ids, keras.ops.convert_to_tensor(BATCH.ids)):
        (scene,) = TimestepExplorer(model(), inputs, rows=1).data["scenes"]
        assert [step["text"] for step in scene["tokens"]] == [
            *("73", "8", "3215", "55", "927"),
            *["0"] * 7,
        ]


def test_what_is_kept_is_as_large_as_what_is_shown() -> None:
    explorer = TimestepExplorer(model(units=64), BATCH, units=3)
    scene = explorer.data["scenes"][0]
    assert np.shape(scene["masked"]) == np.shape(scene["plain"]) == (12, 3)
    assert np.abs(scene["masked"]).max() <= explorer.data["most"]


def test_an_overflowing_layer_is_shown_as_far_as_it_can() -> None:
    grow = keras.initializers.Constant(1e30)
    layer = keras.layers.SimpleRNN(1, None, kernel_initializer="ones", recurrent_initializer=grow)
    x = np.ones((1, 4, 1), "float32")
    (scene,) = TimestepExplorer(layer, x, [[True, True, True, False]]).data["scenes"]
    assert scene["masked"][0] == [1.0]
    assert [by == 0 for by in scene["moved"][0]] == [False, False, False, True]


MASK, LONG = {"mask": MASKS["post"]}, np.zeros((1, 61, 2), "float32")


@pytest.mark.parametrize(
    ("layer", "inputs", "options", "error", "named"),
    [
        (keras.layers.Dense(5), X, {}, TypeError, "Dense has none"),
        ("lstm", X, {}, TypeError, "str has none"),
        (keras.layers.LSTM(5), keras.Input((7, 4)), {}, TypeError, "symbolic"),
        (keras.layers.LSTM(5), BATCH, {}, ValueError, "with its Embedding"),
        (keras.layers.LSTM(5), X, {}, ValueError, "No mask reaches"),
        (keras.layers.LSTM(5), X, {"mask": np.ones((3, 7))}, TypeError, "True and False"),
        (keras.layers.LSTM(5), X, {"mask": MASKS["post"][:2]}, ValueError, r"\(2, 7\).*\(3, 7\)"),
        (keras.layers.LSTM(5), X, {**MASK, "rows": 3}, ValueError, "no row 3"),
        (keras.layers.LSTM(5), X, {**MASK, "rows": []}, ValueError, "0 rows of 7"),
        (keras.layers.LSTM(5), X, {**MASK, "units": 0}, ValueError, "units"),
        (keras.layers.LSTM(5), X, {**MASK, "units": "all"}, ValueError, "'all'"),
        (keras.layers.LSTM(5), X, {**MASK, "tokens": [["a"] * 7]}, ValueError, "1 rows of tokens"),
        (keras.layers.LSTM(5), X[:, :0], {"mask": MASKS["post"][:, :0]}, ValueError, "timesteps"),
        (
            keras.layers.LSTM(5),
            LONG,
            {"mask": LONG[:, :, 0] == 0},
            ValueError,
            "61 time.*maxlen=60",
        ),
        (None, None, {"sentence": ["a", 3]}, TypeError, "not a mixture"),
        (None, None, {"maxlen": 0}, ValueError, "maxlen cannot be 0"),
    ],
)
def test_bad_input_is_refused_with_the_reason(
    layer: Any, inputs: Any, options: dict[str, Any], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        TimestepExplorer(layer, inputs, **options)
