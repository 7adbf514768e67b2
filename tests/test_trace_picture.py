"""The picture of a trace shows each call, where the mask goes, and why it was lost."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import masklens as ml
from masklens.tracing.calls import LayerCall
from masklens.picture import Picture
from masklens.rail import Joint, lay_rail
from masklens.table import terminal_width
from masklens.trace_picture import draw
from masklens.trace_rows import trace_rows

MASK = np.arange(6) < np.array([[3], [5], [6]])
HALF = MASK[:, ::2].copy()


def call(
    name: str,
    layer_type: str,
    masks_in: list[Any],
    masks_out: list[Any],
    effect: Any,
    sources: list[int | None],
    **others: Any,
) -> LayerCall:
    """A call as a trace records it."""
    given = {"path": name, "depth": 0, "receives_mask": False, **others}
    shapes = {
        "shapes_in": ((3, 6),) * len(masks_in),
        "shapes_out": ((3, 6, 16),) * len(masks_out),
    }
    return LayerCall(
        name=name,
        layer_type=layer_type,
        masks_in=tuple(masks_in),
        masks_out=tuple(masks_out),
        effect=effect,
        sources=tuple(sources),
        **(shapes | given),
    )


EMBEDDING = call("embedding", "Embedding", [None], [MASK], "creates", [None])
DROPOUT = call("dropout", "Dropout", [MASK], [MASK], "passes", [0])
CONV = call("conv", "Conv1D", [MASK], [None], "drops", [1], lost_to=(3,), costs_a_mask=True)
LSTM = call("lstm", "LSTM", [None], [None], "none", [2])
BROKEN = [EMBEDDING, DROPOUT, CONV, LSTM]

# A post-norm block inside a model: attention clears the mask of the tensor that Add takes as well.
POST_NORM = [
    EMBEDDING,
    call("encoder", "Encoder", [MASK], [None], "drops", [0]),
    call(
        "mha",
        "MultiHeadAttention",
        [MASK, MASK],
        [MASK],
        "passes",
        [0, 0],
        depth=1,
        uses_mask=True,
        note="It cleared a mask.",
        lost_to=(3,),
        costs_a_mask=True,
    ),
    call("add", "Add", [None, MASK], [None], "drops", [0, 2], depth=1, costs_a_mask=True),
    call("norm", "LayerNormalization", [None], [None], "none", [3], depth=1),
    call("pool", "GlobalAveragePooling1D", [None], [None], "none", [1]),
]

TWO_INPUTS = [
    call("question", "Embedding", [None], [MASK], "creates", [None]),
    call("answer", "Embedding", [None], [HALF], "creates", [None]),
    call("image", "Dense", [None], [None], "none", [None]),
    call("first", "LSTM", [MASK], [None], "ends", [0], uses_mask=True),
    call("attend", "Attention", [MASK, HALF], [MASK], "passes", [0, 1], uses_mask=True),
    call("norm", "LayerNormalization", [MASK], [MASK], "passes", [4], uses_mask=False),
    call("add", "Add", [MASK, MASK], [MASK], "passes", [4, 5]),
    call("halve", "TemporalSplit", [MASK], [HALF, HALF], "changes", [6], note="two halves"),
    call("second", "Softmax", [HALF], [None], "ends", [7], uses_mask=False),
    call("third", "GRU", [HALF], [None], "ends", [7]),
]

# Bidirectional makes its mask itself; what happens inside it stands beside the threads.
INSIDE = [
    EMBEDDING,
    call("both", "Bidirectional", [MASK], [MASK], "passes", [0], shapes_out=((3, 6, 8),)),
    call("forward", "LSTM", [MASK], [MASK], "passes", [0], depth=1, shapes_out=((3, 6, 4),)),
    call("dense", "Dense", [MASK], [MASK], "passes", [1]),
]


def blocks(count: int, length: int = 4) -> list[LayerCall]:
    """An embedding, equal blocks of calls that pass its mask on, and an LSTM."""
    calls = [EMBEDDING]
    for block in range(count):
        for step in range(length):
            before = len(calls) - 1
            calls.append(
                call(f"{'abcdefgh'[step]}{block}", f"T{step}", [MASK], [MASK], "passes", [before])
            )
    return [*calls, call("lstm", "LSTM", [MASK], [None], "ends", [len(calls) - 1])]


class Rows(HTMLParser):
    """Reads the table of a picture: for each row the texts of its cells, images as their alt."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self._quiet = True
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._quiet = False
        elif tag == "br":
            self.handle_data("\n")
        elif tag == "img":
            self.handle_data(f"[{dict(attrs)['alt']}]")

    def handle_endtag(self, tag: str) -> None:
        self._quiet = self._quiet or tag in ("td", "th")

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.rows[-1][-1] += data


def cells(picture: Picture) -> list[list[str]]:
    return Rows(picture.html).rows


FULL = "[mask (3, 6), True per sequence: 3, 5, 6]"
HALVED = "[mask (3, 3), True per sequence: 2, 3, 3]"
SHAPE = "(3, 6, 16)"
# For each row: the signs on the threads, the words about the call, the mask in, the mask out.
SHOWN: dict[str, tuple[list[LayerCall], list[tuple[str, str, str, str]]]] = {
    "a mask that is lost": (
        BROKEN,
        [
            ("●", "embedding Embedding\n● creates the mask", "—", FULL),
            ("○", "dropout Dropout\n○ passes it on", FULL, FULL),
            ("✕", "conv Conv1D\n✕ loses it", FULL, "—"),
            ("·", "lstm LSTM\n· sees no mask", "—", "—"),
        ],
    ),
    "a mask that is cleared behind the back of another call": (
        POST_NORM,
        [
            ("● ", "embedding Embedding\n● creates the mask", "—", FULL),
            ("│ ", "encoder Encoder\n✕ loses it", FULL, "—"),
            (
                "✕○",
                "\u2003mha MultiHeadAttention\n\u2003○ passes it on ✓ uses the mask",
                f"{FULL} × 2",
                FULL,
            ),
            (
                "✕┘",
                "\u2003add Add\n\u2003✕ loses it\n\u2003from embedding, mha",
                f"—\n{FULL}",
                "—",
            ),
            ("· ", "\u2003norm LayerNormalization\n\u2003· sees no mask", "—", "—"),
            ("· ", "pool GlobalAveragePooling1D\n· sees no mask", "—", "—"),
        ],
    ),
    "two inputs, two threads": (
        TWO_INPUTS,
        [
            ("●  ", "question Embedding\n● creates the mask", "—", FULL),
            ("│● ", "answer Embedding\n● creates the mask", "—", HALVED),
            ("││·", "image Dense\n· no mask", "—", "—"),
            ("├┼┻", "first LSTM\n┻ uses it, and it ends here\nfrom question", FULL, "—"),
            (
                "○┘ ",
                "attend Attention\n○ passes it on ✓ uses the mask\nfrom question, answer",
                f"{FULL}\n{HALVED}",
                FULL,
            ),
            ("├○ ", "norm LayerNormalization\n○ passes it on – does not use it", FULL, FULL),
            ("○┘ ", "add Add\n○ passes it on\nfrom attend, norm", f"{FULL} × 2", FULL),
            ("◆  ", "halve TemporalSplit\n◆ changes it", FULL, f"{HALVED} × 2"),
            ("├┻ ", "second Softmax\n┻ takes it, but does not use it", HALVED, "—"),
            ("┻  ", "third GRU\n┻ takes it, and it ends here\nfrom halve", HALVED, "—"),
        ],
    ),
    "calls inside a call": (
        INSIDE,
        [
            ("●", "embedding Embedding\n● creates the mask", "—", FULL),
            ("○", "both Bidirectional\n○ passes it on", FULL, FULL),
            ("│", "\u2003forward LSTM\n\u2003○ passes it on", FULL, FULL),
            ("○", "dense Dense\n○ passes it on", FULL, FULL),
        ],
    ),
}


@pytest.mark.parametrize(("calls", "expected"), SHOWN.values(), ids=SHOWN)
def test_each_call_is_a_row(calls: list[LayerCall], expected: list[Any]) -> None:
    width = len(expected[0][0])
    rows = [row for row in cells(draw(calls))[1:] if len(row) == width + 4]
    assert [
        ("".join(sign or " " for sign in row[:width]), row[width], row[width + 1], row[width + 2])
        for row in rows
    ] == [(signs, words, before, f"→ {after}") for signs, words, before, after in expected]
    assert [row[-1] for row in rows] == [
        "\n".join(map(str, one.shapes_out)).replace("'", "") for one in calls
    ]


TEXTS = {
    "broken": (
        BROKEN,
        """\
Where the mask goes · layer calls: 4 · the mask is lost at conv
   layer                 what happens      mask in  mask out  output shape
●  embedding  Embedding  creates the mask  —        ■■■□□□    (3, 6, 16)
│                                                   ■■■■■□
│                                                   ■■■■■■
○  dropout  Dropout      passes it on      ■■■□□□   ■■■□□□    (3, 6, 16)
│                                          ■■■■■□   ■■■■■□
│                                          ■■■■■■   ■■■■■■
✕  conv  Conv1D          loses it          ■■■□□□   —         (3, 6, 16)
┊                                          ■■■■■□
┊                                          ■■■■■■
·  lstm  LSTM            sees no mask      —        —         (3, 6, 16)

✕ conv does not pass the mask on, so lstm reads the padding as data. Put a layer that passes \
masks in its place or, if lstm takes a mask, hand it over yourself: `lstm(x, mask=…)`.""",
    ),
    "post-norm": (
        POST_NORM[:5],
        """\
Where the mask goes · layer calls: 5 · the mask is lost at mha, add
     layer                       what happens                 mask in     mask out  output shape
●    embedding  Embedding        creates the mask             —           ■■■□□□    (3, 6, 16)
│                                                                         ■■■■■□
│                                                                         ■■■■■■
│    encoder  Encoder            loses it                     ■■■□□□      —         (3, 6, 16)
│                                                             ■■■■■□
│                                                             ■■■■■■
✕─○    mha  MultiHeadAttention   passes it on, uses the mask  ■■■□□□ × 2  ■■■□□□    (3, 6, 16)
┊ │                                                           ■■■■■□      ■■■■■□
┊ │                                                           ■■■■■■      ■■■■■■
✕─┘    add  Add                  loses it                     —           —         (3, 6, 16)
┊        from embedding, mha
┊                                                             ■■■□□□
┊                                                             ■■■■■□
┊                                                             ■■■■■■
·      norm  LayerNormalization  sees no mask                 —           —         (3, 6, 16)

✕ mha clears the mask of its own input, so that tensor reaches add without it. Hand mha a \
tensor that no other layer takes, such as the output of a LayerNormalization before it.
✕ add takes several tensors, and that of embedding has no mask, so none comes out. Give each of \
them a mask.""",
    ),
    "folded": (
        blocks(12, 2),
        """\
Where the mask goes · layer calls: 26 · no mask is lost
   layer                   what happens                mask in  mask out  output shape
●  embedding  Embedding    creates the mask            —        ■■■□□□    (3, 6, 16)
│                                                               ■■■■■□
│                                                               ■■■■■■
│  these 2 rows, 12 times
○  a0 … a11 × 12  T0       passes it on                ■■■□□□   ■■■□□□    (3, 6, 16)
│                                                      ■■■■■□   ■■■■■□
│                                                      ■■■■■■   ■■■■■■
○  b0 … b11 × 12  T1       passes it on                ■■■□□□   ■■■□□□    (3, 6, 16)
│                                                      ■■■■■□   ■■■■■□
│                                                      ■■■■■■   ■■■■■■
┻  lstm  LSTM              takes it, and it ends here  ■■■□□□   —         (3, 6, 16)
                                                       ■■■■■□
                                                       ■■■■■■""",
    ),
}


@pytest.mark.parametrize(("calls", "expected"), TEXTS.values(), ids=TEXTS)
def test_a_terminal_shows_the_same(calls: list[LayerCall], expected: str) -> None:
    assert draw(calls).text == expected


LOSSES = [
    ("conv", BROKEN, 2, "conv does not pass the mask on, so lstm reads the padding as data."),
    (
        "unread",
        [EMBEDDING, replace(CONV, sources=(0,), lost_to=())],
        1,
        "No layer takes its output here, but whatever does, such as a loss,",
    ),
    (
        "several",
        [EMBEDDING, replace(CONV, sources=(0,), lost_to=(2, 3)), LSTM, replace(LSTM, name="gru")],
        1,
        "conv does not pass the mask on, so lstm, gru read the padding as data.",
    ),
    ("cleared", POST_NORM, 2, "mha clears the mask of its own input, so that tensor reaches add"),
    ("partly", POST_NORM, 3, "add takes several tensors, and that of embedding has no mask,"),
    (
        "outside",
        [
            EMBEDDING,
            call("add", "Add", [None, MASK], [None], "drops", [None, 0], costs_a_mask=True),
        ],
        1,
        "and one of them has no mask, so none comes out.",
    ),
]


@pytest.mark.parametrize(
    ("calls", "culprit", "sentence"),
    [case[1:] for case in LOSSES],
    ids=[case[0] for case in LOSSES],
)
def test_a_loss_is_explained_right_below_the_call(
    calls: list[LayerCall], culprit: int, sentence: str
) -> None:
    picture = draw(calls)
    rows = cells(picture)
    said = next(number for number, row in enumerate(rows) if sentence in row[-1])
    assert calls[culprit].name in "".join(rows[said - 1])
    assert rows[said][-1].startswith("✕ ")
    assert sentence in picture.text


def test_a_note_is_shown_unless_the_loss_says_the_same() -> None:
    assert "two halves" in draw(TWO_INPUTS).html
    assert "halve: two halves" in draw(TWO_INPUTS).text
    assert "It cleared a mask." not in draw(POST_NORM).html + draw(POST_NORM).text


def test_a_model_that_failed_shows_the_calls_so_far_and_what_was_wrong() -> None:
    # As Keras wraps an error of a layer's own code.
    error = ValueError(
        "Exception encountered when calling Conv1D.call().\n\n"
        "\x1b[1mkernel <8> too large\x1b[0m\n\n"
        "Arguments received by Conv1D.call():\n  • inputs=tf.Tensor(shape=(3, 6, 16))"
    )
    picture = draw(BROKEN[:2], error)
    said = "✕ The model stopped here: ValueError: kernel <8> too large"
    assert cells(picture)[-1][-1] == said
    assert picture.text.endswith(f"\n\n{said}")
    assert draw([], KeyboardInterrupt()).text.endswith("The model stopped here: KeyboardInterrupt")


@pytest.mark.parametrize("length", [1, 2, 3, 4, 8])
def test_blocks_that_repeat_are_shown_once(length: int) -> None:
    rows = cells(draw(blocks(14, length)))
    names = [row[1].split()[:5] for row in rows if len(row) == 5]
    assert names[2:-1] == [
        [f"{letter}0", "…", f"{letter}13", "×", "14"] for letter in "abcdefgh"[:length]
    ]
    said = any(f"these {length} rows, 14 times" in cell for row in rows for cell in row)
    assert said == (length > 1)


def test_a_short_trace_is_shown_whole() -> None:
    assert "×" not in draw(blocks(5, 2)).text


def test_a_block_that_costs_a_mask_is_shown() -> None:
    calls = blocks(12)
    lossy = 1 + 4 * 5 + 2
    calls[lossy] = replace(calls[lossy], costs_a_mask=True, lost_to=(lossy + 1,))
    text = draw(calls).text
    assert "✕ c5 clears the mask of its own input" in text
    assert re.search(r"^○\s+c5  T2", text, re.MULTILINE)
    assert "these 4 rows, 5 times" in text
    assert "these 4 rows, 6 times" in text


def test_blocks_that_differ_in_a_mask_are_shown() -> None:
    calls = blocks(12)
    calls[10] = replace(calls[10], masks_out=(MASK.copy(),), masks_in=(HALF,), effect="changes")
    assert "◆" in draw(calls).text


def test_a_nested_block_folds_with_what_is_inside_it() -> None:
    calls = [EMBEDDING]
    for block in range(12):
        at = len(calls)
        before = at - 2 if block else 0
        calls.append(call(f"block_{block}", "Block", [MASK], [MASK], "passes", [before]))
        calls.append(call("dense", "Dense", [MASK], [MASK], "passes", [before], depth=1))
    text = draw(calls).text
    assert "block_0 … _11 × 12  Block" in text
    assert text.count("dense  Dense") == 1


@st.composite
def random_calls(draw_from: Any) -> list[LayerCall]:
    """Up to five calls that take one or two of the outputs before them; each mask is known."""
    calls: list[LayerCall] = []
    for place in range(draw_from(st.integers(1, 5))):
        choices = st.sampled_from([None, *range(place)])
        sources = draw_from(st.lists(choices, min_size=1, max_size=2))
        masks = [None if source is None else calls[source].masks_out[0] for source in sources]
        out = draw_from(st.sampled_from([None, MASK]))
        came = any(mask is not None for mask in masks)
        effects = {
            (False, False): "none",
            (False, True): "creates",
            (True, True): "passes",
            (True, False): draw_from(st.sampled_from(["drops", "ends"])),
        }
        effect = effects[came, out is not None]
        calls.append(call(f"l{place}", "Layer", masks, [out], effect, sources))
    return calls


@given(random_calls())
def test_a_solid_thread_leads_from_each_mask_to_each_call_that_takes_it(
    calls: list[LayerCall],
) -> None:
    rail = [stretch.joints for stretch in lay_rail(trace_rows(calls))]
    own = [next(at for at, joint in enumerate(row) if joint.mark == one.effect)
           for row, one in zip(rail, calls, strict=True)]  # fmt: skip
    reached = solid_reach(rail)
    for place, one in enumerate(calls):
        for source, mask in zip(one.sources, one.masks_in, strict=True):
            if source is not None and mask is not None:
                assert (place, own[place]) in reached[source, own[source]]
        if one.effect == "creates":
            assert rail[place][own[place]].up != "solid"
        if one.masks_out[0] is None:
            assert rail[place][own[place]].down != "solid"


def solid_reach(rail: list[tuple[Joint, ...]]) -> dict[Any, set[Any]]:
    """For each joint, those that solid lines lead to from it, downwards or sideways."""
    reach: dict[Any, set[Any]] = {}
    for number in reversed(range(len(rail))):
        for at in range(len(rail[number])):
            seen = {(number, at)}
            for step, there, back in ((1, "right", "left"), (-1, "left", "right")):
                near = at
                while getattr(rail[number][near], there) == "solid":
                    near += step
                    assert getattr(rail[number][near], back) == "solid"
                    seen.add((number, near))
            for _number, near in list(seen):
                below = number + 1 < len(rail) and rail[number + 1][near].up == "solid"
                if rail[number][near].down == "solid" and below:
                    seen |= reach[number + 1, near]
            reach[number, at] = seen
    return reach


@given(arrays(bool, st.tuples(st.integers(1, 8), st.integers(1, 24))))
def test_a_small_strip_shows_each_timestep(mask: Any) -> None:
    html = draw([call("x", "X", [None], [mask], "creates", [None])]).html
    np.testing.assert_array_equal(filled_squares(html, mask.shape), mask)


def filled_squares(html: str, shape: tuple[int, int]) -> Any:
    """Rebuilds a mask from the strokes of a small strip: a stroke of full thickness is True."""
    address = re.search('src="data:image/svg[+]xml,([^"]*)"', html)
    assert address
    svg = ElementTree.fromstring(unquote(address[1]))
    shown = np.full(shape, -1)
    for path in svg.findall("{http://www.w3.org/2000/svg}path"):
        empty = path.get("stroke") == "url(#n)"
        assert empty or path.get("stroke-width") == "0.84"
        if empty:
            # Tiles are laid from the pattern's y in the stroke's own, shifted coordinates.
            pattern = svg.find("{http://www.w3.org/2000/svg}pattern")
            assert pattern is not None
            shift = float(re.findall(r"translate\(0 ([.\d]+)\)", path.get("transform", ""))[0])
            assert (shift + float(pattern.get("y", 0))) % 1 == 0
        for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)", path.get("d", "")):
            shown[int(y), int(x) : int(x) + int(width)] = not empty
    assert (shown >= 0).all()
    return shown.astype(bool)


ODD = [
    ("symbolic", np.zeros((0, 0), bool), "a mask"),
    ("no timesteps", np.zeros((3, 0), bool), "0/0 True"),
    ("no time axis", np.array([True, False]), "1/2 True, (2,)"),
    ("three axes", np.ones((2, 3, 4), bool), "24/24 True, (2, 3, 4)"),
]


@pytest.mark.parametrize(("mask", "words"), [c[1:] for c in ODD], ids=[c[0] for c in ODD])
def test_a_mask_that_is_no_square_of_timesteps_is_told_in_words(mask: Any, words: str) -> None:
    picture = draw([call("x", "X", [None], [mask], "creates", [None], symbolic=mask.size == 0)])
    assert cells(picture)[1][3] == f"→ {words}"
    assert f"  {words}  " in picture.text


def test_a_terminal_shows_counts_for_a_large_mask() -> None:
    mask = np.arange(20) < np.array([[5], [20]])
    text = draw([call("x", "X", [None], [mask], "creates", [None])]).text
    assert "25/40 True" in text
    assert "■" not in text


@pytest.mark.parametrize(
    "evil", ["<img src=x onerror=alert(1)>", "a & b", "{call}", "`x`", "'\"<s>"]
)
def test_what_a_model_says_is_text(evil: str) -> None:
    calls = [
        replace(EMBEDDING, name=evil, layer_type=evil, note=evil),
        replace(CONV, name=evil, sources=(0,), lost_to=(2,)),
        replace(LSTM, name=evil, sources=(1,)),
        call("add", "Add", [None, None], [None], "none", [0, 2]),
    ]
    plain = draw([replace(one, name="x", layer_type="X", note="x") for one in calls])
    picture = draw(calls, ValueError(evil))
    assert Rows(picture.html).tags == Rows(plain.html).tags | {"span"}
    rows = cells(picture)
    assert f"{evil} {evil}\n● creates the mask" in rows[1]
    assert any(f"✕ {evil} does not pass the mask on, so {evil} reads" in row[-1] for row in rows)
    assert rows[-1][-1].endswith(f"ValueError: {evil}")


def test_a_picture_is_small() -> None:
    middle = [
        call(f"l{k}", f"L{k}", [MASK], [MASK], "passes", [k], uses_mask=True) for k in range(4)
    ]
    last = call("lstm", "LSTM", [MASK], [None], "ends", [4], uses_mask=True)
    six = draw([EMBEDDING, *middle, last])
    assert six.html.count("<img") == 10
    assert len(six.html.encode()) <= 12_000


def test_fifty_calls_with_a_large_mask_make_a_small_picture() -> None:
    lengths = np.random.default_rng(0).integers(1, 1025, 4096)
    mask = np.arange(1024) < lengths[:, None]
    calls = [call("first", "Embedding", [None], [mask], "creates", [None])]
    for place in range(49):
        # Types differ, so that nothing folds.
        calls.append(call(f"l{place}", f"Layer{place}", [mask], [mask], "passes", [place]))
    picture = draw(calls)
    assert len(picture.html.encode()) <= 150_000
    assert picture.html.count("<img") == 99


def test_no_picture_holds_a_script_or_asks_for_anything_from_elsewhere() -> None:
    html = draw(TWO_INPUTS).html.replace("http://www.w3.org/2000/svg", "")
    assert not re.search("<script|onload|http|url\\((?!%23|#)|@import", html)


def test_the_same_trace_gives_the_same_picture() -> None:
    assert draw(POST_NORM) == draw(list(POST_NORM))


def test_without_a_style_sheet_signs_and_words_remain() -> None:
    html = re.sub("<style>.*?</style>", "", draw(BROKEN).html, flags=re.DOTALL)
    # What JupyterLab leaves of an output that is not trusted.
    kept = re.sub(" (aria-hidden|style|class)=('[^']*'|[^ >]*)", "", html)
    assert Rows(kept).rows == cells(draw(BROKEN))
    assert Rows(kept).tags <= {
        *("div", "figure", "figcaption", "table", "tr", "td", "th"),
        *("b", "i", "small", "br", "img", "code", "span"),
    }


def test_a_trace_without_calls_says_so() -> None:
    assert "layer calls: 0 · no call has a mask" in draw([]).text


def test_korean_pictures_speak_korean() -> None:
    ml.set_language("ko")
    picture = draw(BROKEN)
    assert "<div class=masklens-trace lang=ko " in picture.html
    for words in ("마스크를 만듦", "그대로 전달", "마스크를 잃음", "마스크를 받지 못함"):
        assert words in picture.html
        assert words in picture.text
    assert "conv은(는) 마스크를 전달하지 않으므로" in picture.text
    english = {"creates", "passes", "loses", "sees", "lost", "takes", "padding", "output", "layer"}
    assert english.isdisjoint(re.sub("<style>.*?</style>", "", picture.html).lower().split())


@pytest.mark.parametrize("language", ["en", "ko"])
def test_columns_of_text_line_up(language: str) -> None:
    ml.set_language(language)
    lines = draw(BROKEN).text.splitlines()[1:12]
    starts = {terminal_width(line[: line.index("(3, 6")]) for line in lines if "(3, 6" in line}
    head = {"en": "output shape", "ko": "출력 형태"}[language]
    assert starts == {terminal_width(lines[0][: lines[0].index(head)])}
