"""The timestep explorer shows what the real layer computes, and freezes exactly where it stays."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest

import masklens as ml
from masklens.explorers.timestep import TimestepExplorer
from masklens.plots.hidden_states import state_changes

SEED = np.random.default_rng(0)
TIME, UNITS = 7, 5
X = SEED.normal(size=(3, TIME, 4)).astype("float32")
MASKS = {
    "post": np.arange(TIME) < np.array([[7], [4], [1]]),
    "pre": np.arange(TIME) >= np.array([[0], [3], [6]]),
    "between": SEED.random((3, TIME)) < 0.6,
    "all": np.ones((3, TIME), bool),
    "none": np.zeros((3, TIME), bool),
}
RECURRENT = {
    "simple": lambda: keras.layers.SimpleRNN(UNITS),
    "lstm": lambda: keras.layers.LSTM(UNITS, return_sequences=True),
    "gru": lambda: keras.layers.GRU(UNITS),
    "backwards": lambda: keras.layers.LSTM(UNITS, go_backwards=True),
    "dropout": lambda: keras.layers.GRU(UNITS, dropout=0.5, recurrent_dropout=0.5, seed=1),
}
SENTENCES = [
    ["Hello", "world", "!"],
    ["How", "are", "you", "doing", "today"],
    ["The", "weather", "will", "be", "nice", "tomorrow"],
]
IDS = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
BATCH = ml.pad(IDS, padding="post", maxlen=12)


@dataclass(frozen=True)
class Table:
    """A table of states as the front end gets it, by the name of each row."""

    caption: str
    rows: dict[str, list[tuple[list[str], dict[str, str], str]]]

    def texts(self, name: str) -> list[str]:
        return [text for _classes, _attributes, text in self.rows[name]]

    @property
    def states(self) -> Any:
        """(time, units)"""
        names = [name for name in self.rows if name.startswith("unit ")]
        return np.array([[float(text) for text in self.texts(name)] for name in names]).T

    @property
    def hatched(self) -> list[bool]:
        columns = zip(*(self.rows[n] for n in self.rows if n.startswith("unit ")), strict=True)
        hatched = [{"f" in classes for classes, _attributes, _text in cells} for cells in columns]
        assert all(len(column) == 1 for column in hatched), "a column is hatched in part"
        return [column.pop() for column in hatched]

    @property
    def called_frozen(self) -> list[bool]:
        return [text == "=" for text in self.texts("frozen")]

    @property
    def turns(self) -> list[int]:
        """As which one each timestep is read; the same all down its column."""
        columns = zip(*self.rows.values(), strict=True)
        turns = [{int(a["data-t"]) for _c, a, _t in cells if "data-t" in a} for cells in columns]
        assert all(len(turn) == 1 for turn in turns)
        return [turn.pop() for turn in turns]


def state(explorer: TimestepExplorer, **values: Any) -> Any:
    """What the front end looks up for these values: its entry of the pool."""
    explorer.choose(**values)
    place = 0
    for option, (_name, axis) in zip(explorer.selection, explorer.grid["axes"], strict=True):
        place = place * len(axis["options"]) + option
    return explorer.grid["pool"][explorer.grid["states"][place]]


def elements(node: Any, pool: list[Any], tag: str) -> Iterator[Any]:
    node = pool[node] if isinstance(node, int) else node
    if isinstance(node, list):
        if node[0].split(".")[0] == tag:
            yield node
        for inner in node[1:]:
            yield from elements(inner, pool, tag)


def words(node: Any, pool: list[Any]) -> str:
    node = pool[node] if isinstance(node, int) else node
    if isinstance(node, list):
        return "".join(words(inner, pool) for inner in node[1:] if not isinstance(inner, dict))
    return node


def tables(explorer: TimestepExplorer, **values: Any) -> list[Table]:
    """With the mask, without it."""
    pool = explorer.grid["pool"]
    found = []
    for figure in elements(state(explorer, **values)["picture"], pool, "figure"):
        (caption,) = elements(figure, pool, "figcaption")
        rows = {}
        for row in elements(figure, pool, "tr"):
            head, *cells = (pool[cell] if isinstance(cell, int) else cell for cell in row[1:])
            rows[words(head, pool)] = [
                (cell[0].split(".")[1:], next((a for a in cell if isinstance(a, dict)), {}),
                 words(cell, pool))
                for cell in cells
            ]  # fmt: skip
        found.append(Table(words(caption, pool), rows))
    return found


def on_growing_prefixes(layer: Any, x: Any, mask: Any) -> Any:
    """(time, units): the layer's own answer after each timestep, if the sequence ended there."""
    config = layer.get_config() | {"return_sequences": False, "stateful": False}
    answering = type(layer).from_config(config)
    answering.build(x[None].shape)
    answering.set_weights(layer.get_weights())
    parts = (
        [slice(step, None) for step in range(len(x))]
        if layer.go_backwards
        else [slice(step + 1) for step in range(len(x))]
    )
    answers = [answering(x[None, part], mask=mask[None, part], training=False) for part in parts]
    return np.concatenate([keras.ops.convert_to_numpy(answer) for answer in answers])


def oracle_distance(moved: float) -> str:
    return "<0.001" if 0 < moved < 0.0005 else f"{moved:.3f}"


@pytest.mark.parametrize("side", MASKS)
@pytest.mark.parametrize("name", RECURRENT)
def test_it_shows_what_the_layer_answers_on_growing_prefixes_and_where_that_stays(
    name: str, side: str
) -> None:
    layer, mask = RECURRENT[name](), MASKS[side][1]
    masked, plain = tables(TimestepExplorer(layer, X, MASKS[side], rows=1))
    for table, known in ((masked, mask), (plain, np.ones(TIME, bool))):
        after = on_growing_prefixes(layer, X[1], known)
        np.testing.assert_allclose(table.states, after, atol=0.0005 + 1e-6)
        assert np.abs(after).max() > 0.01 or not known.any()
        in_order = after[::-1] if layer.go_backwards else after
        stays = (in_order == np.vstack([np.zeros((1, UNITS)), in_order[:-1]])).all(axis=1)
        stays = stays[::-1] if layer.go_backwards else stays
        assert table.hatched == table.called_frozen == stays.tolist()
        # Keras freezes what the mask says, and random numbers stand still nowhere else.
        assert stays.tolist() == (~known).tolist()
        assert [text == "0.000" for text in table.texts("moves by")] == stays.tolist()


def test_a_state_that_stays_though_it_is_read_is_marked_as_well() -> None:
    layer = keras.layers.SimpleRNN(3, activation="relu", kernel_initializer="ones")
    x = -np.ones((1, 4, 2), "float32")  # relu keeps the state at zero
    masked, plain = tables(TimestepExplorer(layer, x, [[True, True, False, True]]))
    assert masked.called_frozen == plain.called_frozen == [True] * 4


def test_it_says_how_far_the_state_moves_with_the_mask_and_without() -> None:
    layer, mask = keras.layers.GRU(UNITS), MASKS["between"]
    explorer = TimestepExplorer(layer, X, mask, rows=0)
    known = mask[0], np.ones(TIME, bool)
    for table, read in zip(tables(explorer), known, strict=True):
        after = on_growing_prefixes(layer, X[0], read)
        moved = np.abs(np.diff(after, axis=0, prepend=0)).max(axis=1)
        assert table.texts("moves by") == [oracle_distance(by) for by in moved]
    masked, plain = (table.texts("moves by") for table in tables(explorer))
    for step, read in enumerate(mask[0]):
        said = state(explorer, step=step)["say"]
        if read:
            assert said == (
                f"Timestep {step}: read. With the mask the state moves by {masked[step]}, "
                f"without the mask by {plain[step]}."
            )
        else:
            assert said == (
                f"Timestep {step}: skipped. With the mask the state stays as it was, "
                f"without the mask it moves by {plain[step]}."
            )


def test_a_tiny_move_is_not_written_as_none() -> None:
    layer = keras.layers.SimpleRNN(1, kernel_initializer="ones", recurrent_initializer="zeros")
    x = np.array([[[0.5], [0.5001], [0.5001]]], "float32")
    masked, _plain = tables(TimestepExplorer(layer, x, [[True] * 3]))
    assert masked.texts("moves by") == ["0.462", "<0.001", "0.000"]
    assert masked.called_frozen == [False, False, True]


@pytest.mark.parametrize("backwards", [False, True])
def test_a_column_belongs_to_the_turn_in_which_it_is_read(backwards: bool) -> None:
    layer = keras.layers.GRU(UNITS, go_backwards=backwards)
    explorer = TimestepExplorer(layer, X, MASKS["between"], rows=2)
    ((name, axis),) = explorer.grid["axes"]
    order = [value for value, _label in axis["options"]]
    assert (name, axis["control"]) == ("step", "steps")
    assert order == (list(range(TIME))[::-1] if backwards else list(range(TIME)))
    for table in tables(explorer):
        assert [order[turn] for turn in table.turns] == list(range(TIME))
    for step in range(TIME):
        assert state(explorer, step=step)["say"].startswith(f"Timestep {step}:")


def test_all_steps_of_a_row_share_one_picture_and_one_question() -> None:
    explorer = TimestepExplorer(keras.layers.LSTM(UNITS), X, MASKS["post"])
    for row in range(3):
        states = [state(explorer, row=row, step=step) for step in range(TIME)]
        assert len({shown["picture"] for shown in states}) == 1
        assert len({shown["question"] for shown in states}) == 1
        assert len({shown["say"] for shown in states}) == TIME
    assert len({state(explorer, row=row)["picture"] for row in range(3)}) == 3


@pytest.mark.parametrize("merge", ["concat", "sum"])
def test_a_bidirectional_shows_each_of_its_layers(merge: str) -> None:
    layer = keras.layers.Bidirectional(keras.layers.GRU(UNITS, name="gru"), merge_mode=merge)
    mask = MASKS["between"]
    explorer = TimestepExplorer(layer, X, mask, rows=[2, 0])
    assert [name for name, _axis in explorer.grid["axes"]] == ["row", "direction", "step"]
    parts = {"forward": layer.forward_layer, "backward": layer.backward_layer}
    for row in (2, 0):
        for direction, part in parts.items():
            shown = tables(explorer, row=row, direction=direction)
            for table, known in zip(shown, (mask[row], np.ones(TIME, bool)), strict=True):
                assert table.caption.startswith(part.name)
                expected = on_growing_prefixes(part, X[row], known)
                np.testing.assert_allclose(table.states, expected, atol=0.0005 + 1e-6)
    said = state(explorer, row=0, direction="backward", step=0)["say"]
    assert said.startswith(f"Timestep {TIME - 1}:")


def model(mask_zero: bool = True, units: int = 8, recurrent: Any = keras.layers.LSTM) -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.layers.Embedding(5000, 16, mask_zero=mask_zero),
            recurrent(units, name="lstm"),
            keras.layers.Dense(1),
        ]
    )


def test_a_model_is_shown_with_the_tokens_of_its_batch() -> None:
    explorer = TimestepExplorer(model(), BATCH, tokens=SENTENCES)
    menu = explorer.grid["axes"][0][1]
    assert menu["control"] == "menu"
    assert menu["options"] == [
        [0, "0: Hello world !"],
        [1, "1: How are you doing …"],
        [2, "2: The weather will be …"],
    ]
    for row, sentence in enumerate(SENTENCES):
        pads = 12 - len(sentence)
        for table in tables(explorer, row=row):
            assert table.texts("token") == sentence + ["pad"] * pads
            kinds = [classes for classes, _attributes, _text in table.rows["token"]]
            assert kinds == [[]] * len(sentence) + [["p"]] * pads
            assert table.texts("") == [str(step) for step in range(12)]
        question = explorer.grid["pool"][state(explorer, row=row)["question"]]
        assert question["answers"] == ["0" * len(sentence) + "1" * pads]
        assert question["columns"][0][:4] == [f"{n}: {w}" for n, w in enumerate(sentence)][:4] + (
            ["3: pad"] if row == 0 else []
        )
    said = state(explorer, row=0, step=3)["say"]
    assert said.startswith("Timestep 3: padding, skipped. With the mask the state stays as it was")
    assert state(explorer, row=0, step=1)["say"].startswith("Timestep 1: world, read.")


def test_one_row_needs_no_menu_and_names_its_steps() -> None:
    explorer = TimestepExplorer(model(), BATCH, tokens=SENTENCES, rows=0)
    ((name, axis),) = explorer.grid["axes"]
    assert name == "step"
    assert axis["options"][:4] == [[0, "0: Hello"], [1, "1: world"], [2, "2: !"], [3, "3: pad"]]
    assert repr(explorer) == "TimestepExplorer(step=0)"


def test_where_truncation_cut_the_tokens_that_are_left_are_shown() -> None:
    batch = ml.pad(IDS, maxlen=4, padding="pre", truncating="post")
    explorer = TimestepExplorer(model(), batch, tokens=SENTENCES, rows=[0, 2])
    assert tables(explorer, row=0)[0].texts("token") == ["pad", "Hello", "world", "!"]
    assert tables(explorer, row=2)[0].texts("token") == ["The", "weather", "will", "be"]


def test_without_tokens_the_ids_stand_there() -> None:
    for inputs in (BATCH, BATCH.ids, keras.ops.convert_to_tensor(BATCH.ids)):
        shown = tables(TimestepExplorer(model(), inputs, rows=[1]))[0].texts("token")
        assert shown[:5] == ["73", "8", "3215", "55", "927"]
    assert shown[5:] == ["0"] * 7


def test_a_token_that_the_mask_skips_is_struck() -> None:
    mask = [[True, False, True]]
    x = X[:1, :3]
    explorer = TimestepExplorer(keras.layers.GRU(2), x, mask, tokens=[["a", "b", "c"]])
    masked, plain = tables(explorer)
    assert [classes for classes, _a, _t in masked.rows["token"]] == [[], ["k"], []]
    assert [classes for classes, _a, _t in plain.rows["token"]] == [[], [], []]
    for table, read in ((masked, mask[0]), (plain, [True] * 3)):
        assert [classes for classes, _a, _t in table.rows["read"]] == [
            ["y" if r else "n"] for r in read
        ]
        assert [a["aria-label"] for _c, a, _t in table.rows["read"]] == list(map(str, read))


def test_it_says_how_many_units_of_how_many_it_shows() -> None:
    few, many = model(units=4), model(units=32)
    for shown, units, words_ in ((few, 4, "4 units, "), (many, 8, "8 of 32 units, ")):
        for table in tables(TimestepExplorer(shown, BATCH, rows=0)):
            assert table.states.shape == (12, units)
            assert words_ in table.caption
    # A unit that is not shown counts in how far the state moves.
    one, all_of_them = (
        [
            table.texts("moves by")
            for table in tables(TimestepExplorer(many, BATCH, rows=0, units=n))
        ]
        for n in (1, 32)
    )
    assert one == all_of_them


def test_a_colour_means_the_same_in_every_picture() -> None:
    explorer = TimestepExplorer(keras.layers.LSTM(UNITS), X, MASKS["post"])
    shares = []
    for row in range(3):
        for table in tables(explorer, row=row):
            for name in (f"unit {unit}" for unit in range(UNITS)):
                for _classes, attributes, text in table.rows[name]:
                    assert attributes["title"] == text
                    shares.append((float(text), int(attributes["style"].removeprefix("--v:"))))
    shown, percent = np.array(shares).T
    assert np.abs(percent).max() == 100
    np.testing.assert_allclose(percent, 100 * shown / np.abs(shown).max(), atol=1.1)


@pytest.mark.parametrize("mask", ["post", "none"])
def test_the_layer_stays_as_it_was(mask: str) -> None:
    layer = keras.layers.LSTM(UNITS, stateful=True, dropout=0.5, recurrent_dropout=0.5, seed=3)
    layer(X)  # leaves a state behind
    config = layer.get_config()
    variables = [*layer.variables, *layer.states]
    before = [variable.value.numpy().copy() for variable in variables]
    assert before[-1].any(), "the stateful layer has no state to lose"
    explorer = TimestepExplorer(layer, X, MASKS[mask])
    assert layer.get_config() == config
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(np.asarray(variable.value), value)
    # And what it shows begins at zero, not at the state that was left behind.
    expected = on_growing_prefixes(layer, X[1], np.ones(TIME, bool))
    np.testing.assert_allclose(tables(explorer, row=1)[1].states, expected, atol=0.0005 + 1e-6)


def test_an_overflowing_layer_is_shown_as_far_as_it_can() -> None:
    grow = keras.initializers.Constant(1e30)
    layer = keras.layers.SimpleRNN(
        1, activation=None, kernel_initializer="ones", recurrent_initializer=grow
    )
    x = np.ones((1, 4, 1), "float32")
    masked, _plain = tables(TimestepExplorer(layer, x, [[True, True, True, False]]))
    assert masked.texts("unit 0")[0] == "1.000"
    assert masked.texts("unit 0")[2:] == ["inf", "inf"]
    assert masked.called_frozen == [False, False, False, True]


def test_state_changes_count_from_zero_in_the_order_of_reading() -> None:
    states = np.array([[1, 0], [1, 0], [3, 1]], "float32")
    assert state_changes(states).tolist() == [1, 0, 2]
    assert state_changes(states, backwards=True).tolist() == [0, 2, 3]


def test_the_courses_batch_takes_less_than_100_kilobytes() -> None:
    both = keras.Sequential(
        [
            keras.layers.Embedding(5000, 16, mask_zero=True),
            keras.layers.Bidirectional(keras.layers.LSTM(8)),
        ]
    )
    for shown, most in ((model(), 50_000), (both, 100_000)):
        explorer = TimestepExplorer(shown, BATCH, tokens=SENTENCES)
        assert len(explorer.get_state("grid")["grid"].encode()) < most


def test_a_token_is_text_whatever_it_holds() -> None:
    nasty = "<img src=x onerror=alert(1)>"
    sentences = [[nasty, "b", "c"]]
    batch = ml.pad([[1, 2, 3]], maxlen=4, padding="post")
    explorer = TimestepExplorer(model(), batch, tokens=sentences)
    pool = explorer.grid["pool"]
    assert not list(elements(state(explorer)["picture"], pool, "img"))
    assert tables(explorer)[0].texts("token")[0] == nasty
    html = explorer._repr_mimebundle_()[0]["text/html"]
    assert "<img" not in html
    assert "&lt;img" in html


def test_korean_is_spoken_throughout() -> None:
    ml.set_language("ko")
    explorer = TimestepExplorer(model(), BATCH, tokens=SENTENCES, rows=[0, 1])
    said = [explorer.grid["title"], state(explorer)["say"]]
    question = explorer.grid["pool"][state(explorer)["question"]]["text"]
    captions = [table.caption for table in tables(explorer)]
    heads = [head for head in tables(explorer)[0].rows if head and not head.startswith("unit")]
    labels = [axis["label"] for _name, axis in explorer.grid["axes"]]
    for text in (*said, question, *captions, *heads, *labels):
        assert any("가" <= letter <= "힣" for letter in text), text


@pytest.mark.parametrize(
    ("layer", "inputs", "options", "error", "named"),
    [
        (keras.layers.Dense(5), X, {}, TypeError, "Dense is none"),
        ("lstm", X, {}, TypeError, "str is none"),
        (keras.layers.LSTM(5), keras.Input((7, 4)), {}, TypeError, "symbolic"),
        (keras.layers.LSTM(5), BATCH, {}, ValueError, "with its Embedding"),
        (keras.layers.LSTM(5), X, {}, ValueError, "No mask reaches"),
        (keras.layers.LSTM(5), X, {"mask": np.ones((3, 7))}, TypeError, "True and False"),
        (keras.layers.LSTM(5), X, {"mask": MASKS["post"][:2]}, ValueError, r"\(2, 7\).*\(3, 7\)"),
        (keras.layers.LSTM(5), X, {"mask": MASKS["post"], "rows": 3}, ValueError, "no row 3"),
        (keras.layers.LSTM(5), X, {"mask": MASKS["post"], "rows": [0, 4]}, ValueError, "no row 4"),
        (keras.layers.LSTM(5), X, {"mask": MASKS["post"], "rows": []}, ValueError, "0 rows of 7"),
        (keras.layers.LSTM(5), X, {"mask": MASKS["post"], "units": 0}, ValueError, "units"),
        (keras.layers.LSTM(5), X, {"mask": MASKS["post"], "units": "all"}, ValueError, "'all'"),
        (
            keras.layers.LSTM(5),
            X,
            {"mask": MASKS["post"], "tokens": [["a"] * 7]},
            ValueError,
            "1 rows of tokens for 3",
        ),
        (
            keras.layers.LSTM(5),
            np.zeros((1, 61, 2), "float32"),
            {"mask": np.ones((1, 61), bool)},
            ValueError,
            "61 timesteps; 20 rows of 60 timesteps are the most.*maxlen=60",
        ),
        (
            keras.layers.LSTM(5),
            np.zeros((21, 6, 2), "float32"),
            {"mask": np.ones((21, 6), bool)},
            ValueError,
            "21 rows.*rows=",
        ),
    ],
)
def test_bad_input_is_refused_with_the_reason(
    layer: Any, inputs: Any, options: dict[str, Any], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        TimestepExplorer(layer, inputs, **options)


def test_sixty_timesteps_and_one_of_many_rows_are_shown() -> None:
    x, mask = np.ones((200, 60, 2), "float32"), np.ones((200, 60), bool)
    explorer = TimestepExplorer(keras.layers.GRU(3), x, mask, rows=199)
    assert len(tables(explorer)[0].texts("")) == 60
