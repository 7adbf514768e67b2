"""`plot_attention` draws the layer's own weights, and hatches the places that a mask forbids."""

import warnings
from typing import Any

import keras
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import masklens as ml

mpl.use("agg")
SEED = np.random.default_rng(1)
QUERY = SEED.normal(size=(3, 4, 8)).astype("float32")
VALUE = SEED.normal(size=(3, 6, 8)).astype("float32")
MASK = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1], [0, 1, 1, 0, 1, 0]], bool)
LAYERS = {
    "dot": lambda: keras.layers.Attention(),
    "additive": lambda: keras.layers.AdditiveAttention(),
    "heads": lambda: keras.layers.MultiHeadAttention(3, 5, dropout=0.5),
    "groups": lambda: keras.layers.GroupQueryAttention(4, 4, 2),
}


@pytest.fixture(autouse=True)
def _closed() -> Any:
    yield
    plt.close("all")


def drawn(ax: Any) -> Any:
    """(query time, key time) as the panel holds them."""
    return np.asarray(ax.images[0].get_array())


def hatched(ax: Any) -> set[tuple[int, int]]:
    """The places (query, key) of the hatched squares."""
    (collection,) = ax.collections
    assert collection.get_hatch()
    middles = [path.get_extents().get_points().mean(0) for path in collection.get_paths()]
    return {(round(y), round(x)) for x, y in middles}


def softmax(scores: Any, allowed: Any) -> Any:
    powers = np.where(allowed, np.exp(scores), 0)
    return powers / np.maximum(powers.sum(-1, keepdims=True), 1e-30)


@pytest.mark.parametrize("row", [0, 1, 2])
def test_dot_attention_is_the_softmax_over_the_keys_that_may_be_read(row: int) -> None:
    scores = QUERY[row] @ VALUE[row].T
    earlier = np.tri(4, 6, dtype=bool)
    # Where no key may be read there is no softmax to compare with.
    expected = [MASK[row] & np.ones((4, 1), bool), earlier, earlier & MASK[row]]
    axes = ml.plot_attention(keras.layers.Attention(), QUERY, VALUE, MASK, causal=True, row=row)
    for ax, allowed in zip(axes, expected, strict=True):
        some = allowed.any(-1)
        np.testing.assert_allclose(
            drawn(ax)[some], softmax(scores, allowed)[some], rtol=1e-4, atol=1e-6
        )
        assert hatched(ax) == {(y, x) for y, x in np.argwhere(~allowed)}


def test_each_head_is_the_softmax_of_its_own_projections() -> None:
    layer = keras.layers.MultiHeadAttention(3, 5)
    ml.plot_attention(layer, QUERY, VALUE)  # builds it
    project = dict(zip(["query", "key"], [layer.query_dense, layer.key_dense], strict=True))
    kernels = {name: dense.get_weights() for name, dense in project.items()}
    q = np.einsum("td,dhk->htk", QUERY[0], kernels["query"][0]) + kernels["query"][1][:, None]
    k = np.einsum("td,dhk->htk", VALUE[0], kernels["key"][0]) + kernels["key"][1][:, None]
    heads = softmax(q @ k.swapaxes(1, 2) / np.sqrt(5), MASK[0])
    for head, expected in [*enumerate(heads), (None, heads.mean(0))]:
        (ax,) = ml.plot_attention(layer, QUERY, VALUE, MASK, head=head)
        np.testing.assert_allclose(drawn(ax), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_the_weights_of_a_query_sum_to_one_over_the_places_left_open(name: str) -> None:
    layer = LAYERS[name]()
    for row in (0, 1):
        for ax in ml.plot_attention(layer, QUERY, VALUE, MASK, causal=True, row=row):
            weights = drawn(ax)
            np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)
            assert all(weights[place] == 0 for place in hatched(ax))


def test_a_query_that_may_read_nothing_shows_the_weights_it_has_nevertheless() -> None:
    both = ml.plot_attention(keras.layers.Attention(), QUERY, VALUE, MASK, causal=True, row=2)[2]
    assert {(0, key) for key in range(6)} <= hatched(both)
    np.testing.assert_allclose(drawn(both)[0].sum(), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("mask", "causal", "titles"),
    [
        (MASK, True, ["padding mask", "causal mask", "both masks"]),
        (MASK, False, ["padding mask"]),
        (None, True, ["causal mask"]),
        (None, False, ["no mask"]),
    ],
)
def test_there_is_a_panel_per_mask(mask: Any, causal: bool, titles: list[str]) -> None:
    axes = ml.plot_attention(keras.layers.Attention(), QUERY, VALUE, mask, causal=causal)
    assert [ax.get_title(loc="left") for ax in axes] == titles
    assert len({ax.images[0].get_clim() for ax in axes}) == 1


def test_without_a_value_the_queries_attend_to_themselves_under_the_mask_they_carry() -> None:
    batch = ml.pad([[3, 4, 5], [6, 7, 8, 9, 10]], padding="post")
    x = keras.layers.Embedding(20, 8, mask_zero=True)(batch.ids)
    for name in LAYERS:
        layer = LAYERS[name]()
        (ax,) = ml.plot_attention(layer, x)
        assert hatched(ax) == {(query, key) for query in range(5) for key in (3, 4)}
        (by_hand,) = ml.plot_attention(layer, np.asarray(x), np.asarray(x), batch.mask)
        np.testing.assert_array_equal(drawn(ax), drawn(by_hand))
    np.testing.assert_array_equal(ml.mask_of(x), batch.mask)  # nobody cleared it


def test_the_layer_stays_as_it_was() -> None:
    layer = keras.layers.MultiHeadAttention(2, 4, dropout=0.5, seed=2)
    ml.plot_attention(layer, QUERY, VALUE)
    before = [variable.value.numpy().copy() for variable in layer.variables]
    outputs = keras.ops.convert_to_numpy(layer(QUERY, VALUE))
    ml.plot_attention(layer, QUERY, VALUE, MASK, causal=True)
    for variable, value in zip(layer.variables, before, strict=True):
        np.testing.assert_array_equal(np.asarray(variable.value), value)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(QUERY, VALUE)), outputs)


@pytest.mark.parametrize(("language", "label"), [("en", "query timestep"), ("ko", "쿼리 타임스텝")])
def test_labels_are_in_the_language_and_every_letter_has_a_glyph(language: str, label: str) -> None:
    ml.set_language(language)
    layer = keras.layers.Attention()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        axes = ml.plot_attention(
            layer, QUERY, mask=MASK[:, :4], causal=True, tokens=["안녕", "세상", "!", "패딩"]
        )
        axes[0].figure.canvas.draw()
    assert axes[0].get_ylabel() == label
    for labels in (axes[0].get_yticklabels(), axes[2].get_xticklabels()):
        assert [tick.get_text() for tick in labels] == ["안녕", "세상", "!", "패딩"]


def test_nothing_stands_outside_the_figure() -> None:
    words = ["Supercalifragilistic"] * 6
    for tokens, key_tokens in ((words[:4], None), (None, words)):
        (ax,) = ml.plot_attention(
            keras.layers.Attention(), QUERY, VALUE, MASK, tokens=tokens, key_tokens=key_tokens
        )
        ax.figure.canvas.draw()
        inside = ax.figure.get_tightbbox()
        assert inside.x0 >= 0 and inside.y0 >= 0
        assert (np.array([inside.x1, inside.y1]) <= ax.figure.get_size_inches()).all()


@pytest.mark.parametrize(
    ("layer", "query", "options", "error", "words"),
    [
        (keras.layers.Dense(5), QUERY, {}, TypeError, "got Dense"),
        (keras.layers.Attention(), keras.Input((4, 8)), {}, TypeError, "symbolic"),
        (keras.layers.Attention(), QUERY[0], {}, ValueError, r"query must be.*\(4, 8\)"),
        (keras.layers.Attention(), QUERY, {"value": VALUE[0]}, ValueError, "value must be"),
        (keras.layers.Attention(), QUERY, {"value": VALUE[:2]}, ValueError, "3 rows.*2"),
        (keras.layers.Attention(), QUERY, {"mask": MASK}, ValueError, r"\(3, 4\).*\(3, 6\)"),
        (keras.layers.Attention(), QUERY, {"mask": MASK * 1}, TypeError, "True and False"),
        (keras.layers.Attention(), QUERY, {"row": 3}, ValueError, "no row 3"),
        (keras.layers.Attention(), QUERY, {"tokens": ["a"]}, ValueError, "1 tokens for 4"),
        (
            keras.layers.Attention(),
            QUERY,
            {"value": VALUE, "key_tokens": ["a"]},
            ValueError,
            "1 tokens for 6",
        ),
        (keras.layers.Attention(), QUERY, {"head": 0}, ValueError, "0 heads"),
        (keras.layers.MultiHeadAttention(2, 3), QUERY, {"head": 2}, ValueError, "2 heads"),
    ],
)
def test_bad_input_is_refused_with_the_reason(
    layer: Any, query: Any, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        ml.plot_attention(layer, query, **options)
    assert not plt.get_fignums()
