"""The pictures show what they were given, in every language, with or without a style sheet."""

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import masklens as ml
from masklens.drawing.elements import html

SENTENCES = [
    ["Hello", "world", "!"],
    ["How", "are", "you", "doing", "today"],
    ["The", "weather", "will", "be", "nice", "tomorrow"],
]
IDS = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]


class Tables(HTMLParser):
    """Reads every table of a page as rows of (class, label, text), as a browser would."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[tuple[str, str, str]]] = []
        self.tags: set[str] = set()
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = {name: value or "" for name, value in attrs}
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self._inside = True
            self.rows[-1].append((given.get("class", tag), given.get("aria-label", ""), ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            kind, label, text = self.rows[-1][-1]
            self.rows[-1][-1] = (kind, label, text + data)


def cells(picture: ml.Picture) -> list[list[tuple[str, str, str]]]:
    return Tables(picture.html).rows


masks = arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 25)))


@given(masks)
def test_each_square_shows_its_timestep(mask: Any) -> None:
    rows = cells(ml.show(mask))
    assert [text for _kind, _label, text in rows[0]][1:] == [str(t) for t in range(mask.shape[1])]
    for number, (row, expected) in enumerate(zip(rows[1:], mask, strict=True)):
        assert row[0] == ("th", "", str(number))
        assert [label for _kind, label, _text in row[1:]] == [str(bool(step)) for step in expected]
        assert [text for _kind, _label, text in row[1:]] == ["■" if s else "□" for s in expected]


@given(masks)
def test_the_text_shows_the_same(mask: Any) -> None:
    lines = repr(ml.show(mask)).split("\n")[2:]
    assert [re.findall("[■□]", line) for line in lines] == [
        ["■" if step else "□" for step in row] for row in mask
    ]


@given(arrays(bool, st.tuples(st.just(64), st.integers(10, 96))))
def test_a_strip_of_single_timesteps_shows_each(mask: Any) -> None:
    np.testing.assert_array_equal(filled_squares(ml.show(mask).html, *mask.shape), mask)


def filled_squares(html: str, batch: int, time: int) -> Any:
    """Rebuilds a mask from the strokes of a strip: a stroke of full thickness is True."""
    address = re.search('src="data:image/svg[+]xml,([^"]*)"', html)
    assert address
    svg = ElementTree.fromstring(unquote(address[1]))
    filled = np.zeros((batch, time), bool)
    for path in svg.iter("{http://www.w3.org/2000/svg}path"):
        if path.get("stroke-width") == "7" and "stroke" not in path.attrib:
            for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)", path.get("d", "")):
                filled[int(y) // 8, int(x) // 8 : (int(x) + int(width)) // 8] = True
    return filled


@pytest.mark.parametrize("shape", [(64, 512), (4096, 1024), (1, 5000), (70, 9)])
def test_a_large_strip_is_full_or_empty_only_where_every_timestep_is(
    shape: tuple[int, int],
) -> None:
    from masklens.drawing.large_mask import reduce_mask

    lengths = np.random.default_rng(0).integers(0, shape[1] + 1, shape[0])
    mask = np.arange(shape[1]) < lengths[:, None]
    strip = reduce_mask(mask)
    rows, steps = strip.block
    for (y, x), quarters in np.ndenumerate(strip.quarters):
        block = mask[y * rows : (y + 1) * rows, x * steps : (x + 1) * steps]
        assert (quarters == 4) == block.all()
        assert (quarters == 0) == (not block.any())
        assert abs(quarters / 4 - block.mean()) <= 0.25


def test_a_large_mask_says_its_numbers_in_words() -> None:
    mask = np.arange(512) < np.array([[100], [300]] * 32)
    picture = ml.show(mask)
    assert "100 at least, 300 at most, 200.0 on average" in picture.html
    assert "1 x 6 timesteps" in picture.text
    assert re.search('<img alt="[^"]*100 at least', picture.html)


def test_a_batch_shows_tokens_padding_and_what_was_cut() -> None:
    batch = ml.pad(IDS, padding="post", truncating="post", maxlen=5)
    rows = cells(ml.show(batch, tokens=SENTENCES))
    assert [text for _kind, _label, text in rows[0]] == ["", "0", "1", "2", "3", "4", "cut"]
    assert rows[1][3:] == [("t", "", "!"), ("p", "", "0 pad"), ("p", "", "0 pad"), ("td", "", "")]
    assert rows[3][6:] == [("x", "", "tomorrow")]


def test_what_truncation_took_from_the_front_stands_in_front() -> None:
    rows = cells(ml.show(ml.pad(IDS, truncating="pre", maxlen=5), tokens=SENTENCES))
    assert [text for _kind, _label, text in rows[0]] == ["", "cut", "0", "1", "2", "3", "4"]
    assert rows[3][1] == ("x", "", "The")


def test_without_tokens_a_batch_shows_its_ids() -> None:
    rows = cells(ml.show(ml.pad(IDS, padding="post", value=-1)))
    assert [text for _kind, _label, text in rows[1]][1:] == ["711", "632", "71"] + ["-1 pad"] * 3


def test_a_mask_stands_beside_its_batch() -> None:
    batch = ml.pad(IDS, padding="post")
    rows = cells(ml.show(batch, tokens=SENTENCES, mask=batch.mask))
    assert len(rows) == 8
    assert [label for _kind, label, _text in rows[5][1:]] == ["True"] * 3 + ["False"] * 3


def test_tokens_in_a_mask_are_struck_out_where_it_is_false() -> None:
    picture = ml.show(np.array([[True, False]]), tokens=[["Hello", "world"]])
    assert cells(picture)[1][1:] == [("t", "", "Hello"), ("k", "", "world")]
    assert "<s>world</s>" in picture.html
    assert "/world/" in picture.text


def test_a_tensor_that_carries_a_mask_is_shown_by_its_mask() -> None:
    ids = np.array([[7, 0]])
    x = keras.layers.Embedding(10, 2, mask_zero=True)(ids)
    assert ml.show(x).html == ml.show(ids != 0).html


@pytest.mark.parametrize(
    "token", ["<img src=x onerror=alert(1)>", "<script>", "a & b", '"', "한글"]
)
def test_html_in_a_token_is_text(token: str) -> None:
    batch = ml.pad([[5]])
    for picture in (ml.show(batch, tokens=[[token]]), ml.show([[True]], tokens=[[token]])):
        assert cells(picture)[1][1] == ("t", "", token)
        assert Tables(picture.html).tags.isdisjoint({"img", "script"})
    assert "<script>" not in ml.show([[True]], caption="<script>").html
    assert "<script>" not in ml.show(np.ones((60, 60), bool), caption="<script>").html


def test_no_picture_holds_a_script_or_asks_for_anything_from_elsewhere() -> None:
    for picture in (ml.show(ml.pad(IDS)), ml.show(np.ones((64, 512), bool))):
        html = picture.html.replace("http%3A//www.w3.org/2000/svg", "")
        html = html.replace("http://www.w3.org/2000/svg", "")
        assert not re.search("<script|onload|http|url\\((?!%23|#)|@import", html)


def test_the_same_call_gives_the_same_picture() -> None:
    for draw in (lambda: ml.show(ml.pad(IDS)), lambda: ml.show(np.eye(64, 512, dtype=bool))):
        assert draw().html == draw().html


def test_korean_pictures_speak_korean() -> None:
    ml.set_language("ko")
    picture = ml.show(ml.pad(IDS, maxlen=4))
    assert "<div class=masklens lang=ko " in picture.html
    assert "패딩" in picture.html
    assert "잘림" in picture.html
    assert "건너뜀" in ml.show([[False]]).html


def test_the_picture_without_its_style_sheet_is_the_rest_of_it() -> None:
    for picture in (ml.show([[True]], caption="</style>"), ml.show(ml.pad([[5], [6, 7]]))):
        (sheet,) = re.findall(" \n<style>.*?</style>", picture.html)
        assert picture.html == sheet + html(*picture.nodes)
        assert html(*picture.nodes).startswith("<div class=masklens ")


WRONG: list[tuple[str, Any, dict[str, Any], type[Exception], str, str]] = [
    ("numbers", np.ones((3, 6)), {}, TypeError, "ids != 0", "ids != 0"),
    ("ids", [[7, 0]], {}, TypeError, "int64", "int64"),
    ("nothing", None, {}, TypeError, "object", "object"),
    ("no mask", keras.ops.ones((2, 2)), {}, TypeError, "carries no mask", "붙어 있지 않습니다"),
    ("one dimension", np.ones(3, bool), {}, ValueError, "mask[None, :]", "배치 축"),
    ("three", np.ones((1, 2, 3), bool), {}, ValueError, "(1, 2, 3)", "(1, 2, 3)"),
    ("few tokens", [[True, False]], {"tokens": [["a"]]}, ValueError, "1 tokens", "토큰은 1개"),
    ("few rows", [[True], [True]], {"tokens": [["a"]]}, ValueError, "1 rows", "1행"),
    ("short", ml.pad([[5, 6]]), {"tokens": [["a"]]}, ValueError, "1 tokens", "토큰은 1개"),
    ("mask alone", [[True]], {"mask": [[True]]}, TypeError, "mask=", "mask="),
    ("two shapes", ml.pad([[5, 6]]), {"mask": [[True]]}, ValueError, "(1, 1)", "(1, 1)"),
]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    ("what", "arguments", "error", "english", "korean"),
    [case[1:] for case in WRONG],
    ids=[case[0] for case in WRONG],
)
def test_what_cannot_be_shown_is_refused(
    what: Any,
    arguments: dict[str, Any],
    error: type[Exception],
    english: str,
    korean: str,
    language: str,
) -> None:
    ml.set_language(language)
    with pytest.raises(error) as raised:
        ml.show(what, **arguments)
    assert (english if language == "en" else korean) in str(raised.value)
