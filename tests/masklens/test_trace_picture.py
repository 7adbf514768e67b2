"""The picture of a trace: whether padding gets into the answer, where, and where the mask goes."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from html import unescape
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
from masklens.drawing.elements import terminal_width
from masklens.drawing.picture import Picture
from masklens.drawing.threads import SIGNS, ThreadCell, lay_threads
from masklens.drawing.trace_picture import draw
from masklens.drawing.trace_rows import trace_rows
from masklens.drawing.trace_words import figure, sign_words
from masklens.tracing.calls import LayerCall, Reason

MASK = np.arange(6) < np.array([[3], [5], [6]])
HALF = MASK[:, ::2].copy()
IGNORED = {"content": 0.0, "amount": 0.0, "rows": 0.0}
READ = {"content": 0.43, "amount": 0.012, "rows": None}


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
        "shapes_in": ((3, 6, 16),) * len(masks_in),
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


@dataclass
class Found:
    """What the picture takes of a trace."""

    calls: Sequence[LayerCall]
    moves_by: dict[Any, float | None] = field(default_factory=lambda: dict.fromkeys(IGNORED))
    others: Sequence[LayerCall] = ()
    known_from: str | None = None
    hidden: bool = False
    why_no_verdict: str = "Nothing was measured."
    scores: dict[str, float] = field(default_factory=dict)
    not_a_number: bool = False

    @property
    def moves(self) -> float | None:
        """The largest figure."""
        asked = [value for value in self.moves_by.values() if value is not None]
        return float("nan") if self.not_a_number else max(asked, default=None)

    @property
    def leaks(self) -> tuple[LayerCall, ...]:
        """The calls at which padding gets in, and those that are not among the calls."""
        return (*(one for one in self.calls if one.gets_in), *self.others)


def picture(calls: Sequence[LayerCall], moves_by: Any = None, **others: Any) -> Picture:
    """The picture of calls; without figures, of calls that were only recorded."""
    return draw(Found(calls, moves_by or dict.fromkeys(IGNORED), **others))  # type: ignore[arg-type]


def leaking(one: LayerCall, leak: float = 0.43, **others: Any) -> LayerCall:
    """A call at which padding gets in."""
    why = f"{one.name} mixes timesteps."
    reason = Reason("mixes", why, f"x = x * mask\n    {one.name}(x)")
    return replace(one, **{"gets_in": True, "leak": leak, "reason": reason, **others})


EMBEDDING = call("embedding", "Embedding", [None], [MASK], "creates", [None], leak=0.0)
DROPOUT = call("dropout", "Dropout", [MASK], [MASK], "passes", [0], leak=0.0)
PLAIN = call("plain", "Plain", [MASK], [None], "drops", [1], lost_to=(3,), leak=0.0)
LSTM = call("lstm", "LSTM", [None], [None], "none", [2], shapes_out=((3, 16),))
DENSE = call("dense", "Dense", [None], [None], "none", [3], shapes_out=((3, 1),), leak=0.4)
RECORDED = [EMBEDDING, DROPOUT, PLAIN, LSTM, replace(DENSE, leak=None)]
LOST = [EMBEDDING, DROPOUT, replace(PLAIN, costs_a_mask=True), leaking(LSTM), DENSE]
HARMLESS = [EMBEDDING, DROPOUT, PLAIN, replace(LSTM, leak=0.0), replace(DENSE, leak=0.0)]

# A post-norm block: attention takes the mask off the tensor that Add reads as well.
POST_NORM = [
    EMBEDDING,
    call("mha", "MultiHeadAttention", [MASK, MASK], [MASK], "passes", [0, 0], lost_to=(2,),
         uses_mask=True),
    call("add", "Add", [None, MASK], [None], "drops", [0, 1], lost_to=(3,)),
    call("norm", "LayerNormalization", [None], [None], "none", [2]),
    call("pool", "GlobalAveragePooling1D", [MASK], [None], "ends", [3], shapes_out=((3, 16),),
         mask_arguments=(("mask", MASK),)),
]  # fmt: skip

TWO_INPUTS = [
    call("question", "Embedding", [None], [MASK], "creates", [None]),
    call("reply", "Embedding", [None], [HALF], "creates", [None]),
    call("image", "Dense", [None], [None], "none", [None]),
    call("first", "LSTM", [MASK], [None], "ends", [0], uses_mask=True),
    call("attend", "Attention", [MASK, HALF], [MASK], "passes", [0, 1], uses_mask=True),
    call("norm", "LayerNormalization", [MASK], [MASK], "passes", [4], uses_mask=False),
    call("add", "Add", [MASK, MASK], [MASK], "passes", [4, 5]),
    call("halve", "TemporalSplit", [MASK], [HALF, HALF], "changes", [6], note="two halves"),
    call("second", "Softmax", [HALF], [None], "ends", [7], uses_mask=False),
    call("third", "GRU", [HALF], [None], "ends", [7]),
]

# A layer of one's own makes its mask itself; what is inside it stands beside the threads.
INSIDE = [
    EMBEDDING,
    call("both", "Mine", [MASK], [MASK], "passes", [0], shapes_out=((3, 6, 8),)),
    call("half", "LSTM", [MASK], [MASK], "passes", [0], depth=1, path="both/half"),
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


def encoders(count: int, **attention: Any) -> list[LayerCall]:
    """An embedding and equal encoders, each with attention that has four layers inside."""
    calls = [EMBEDDING]
    for block in range(count):
        at, name = len(calls), f"encoder_{block}"
        before = at - 6 if block else 0
        calls.append(call(name, "Encoder", [MASK], [MASK], "passes", [before]))
        inner = call("mha", "MultiHeadAttention", [MASK], [None], "none", [before], of_keras=True)
        calls.append(replace(inner, path=f"{name}/mha", depth=1, **attention))
        for part in ("query", "key", "value", "output"):
            one = call(part, "EinsumDense", [None], [None], "none", [before])
            calls.append(replace(one, path=f"{name}/mha/{part}", depth=2))
    return calls


class Rows(HTMLParser):
    """Reads the table of a picture: for each row the texts of its cells, images as their alt."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.kinds: list[set[str]] = []
        self.tags: set[str] = set()
        self._quiet = True
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        kinds = (dict(attrs).get("class") or "").split()
        if tag == "tr":
            self.rows.append([])
            self.kinds.append(set())
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._quiet = False
        elif tag in ("br", "pre"):
            self.handle_data("\n")
        elif tag == "img":
            self.handle_data(f"[{dict(attrs)['alt']}]")
        if self.kinds and not self._quiet:
            self.kinds[-1].update(kinds)

    def handle_endtag(self, tag: str) -> None:
        self._quiet = self._quiet or tag in ("td", "th")

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.rows[-1][-1] += data


def cells(drawn: Picture) -> list[list[str]]:
    """The cells of the table, row by row."""
    return Rows(drawn.html).rows


def row_of(drawn: Picture, name: str) -> tuple[list[str], set[str]]:
    """The cells of the row that begins with a name, and the classes in it."""
    table = Rows(drawn.html)
    return next(
        (row, kinds)
        for row, kinds in zip(table.rows, table.kinds, strict=True)
        if any(cell.strip().startswith(name) for cell in row[1:])
    )


def header(drawn: Picture) -> str:
    """What stands above the table, as text."""
    return text_of(re.findall("<figcaption>(.*?)</figcaption>", drawn.html, re.DOTALL)[0])


def text_of(html: str) -> str:
    """The text of some HTML."""
    without_style = re.sub("<style>.*?</style>", "", html.replace("<br>", "\n"))
    return unescape(re.sub("<[^>]*>", "", without_style)).replace("\xa0", " ")


# The header ---------------------------------------------------------------------------------------

ANSWERS = {
    "ignored": (Found(HARMLESS, IGNORED), "Padding does not change the answer."),
    "percent": (
        Found(LOST, READ),
        "Padding gets into the answer: it moves by 43 % of its largest value.",
    ),
    "times": (
        Found(LOST, IGNORED | {"amount": 4.81}),
        "Padding gets into the answer: it moves by 4.8 times its largest value.",
    ),
    "rows": (
        Found(LOST, IGNORED | {"rows": 0.2}),
        "The other rows of the batch get into a row's answer: it moves by 20 %",
    ),
    "hidden": (
        Found(LOST, READ, hidden=True),
        "it will get in once the weights that are still 0 or 1 are trained",
    ),
    "NaN": (Found(LOST, not_a_number=True), "The answer is not a number (NaN)"),
    "infinite": (Found(LOST, IGNORED | {"content": math.inf}), "it is NaN or infinite."),
    "recorded": (Found(RECORDED), "Nothing was measured."),
    "nothing": (Found([]), "Nothing was measured."),
}


@pytest.mark.parametrize(("found", "sentence"), ANSWERS.values(), ids=ANSWERS)
def test_the_first_line_answers_the_question(found: Any, sentence: str) -> None:
    drawn = draw(found)
    assert sentence in header(drawn).splitlines()[0]
    assert sentence in drawn.text.splitlines()[0]


def test_without_a_measurement_there_is_no_verdict() -> None:
    drawn = picture(RECORDED)
    for verdict in ("padding", "lost", "loses", "Padding", " % "):
        assert verdict not in text_of(drawn.html)
        assert verdict not in drawn.text
    assert {"red", "leak", "lost"}.isdisjoint(set.union(*Rows(drawn.html).kinds))


def test_the_three_figures_stand_below() -> None:
    said = "the values in the padding 43 % · the amount of padding 1.2 % · the other rows"
    drawn = picture(LOST, READ)
    assert f"{said} (not asked)" in header(drawn)
    assert f"{said} (not asked)" in drawn.text


@pytest.mark.parametrize(
    ("known_from", "words"),
    [
        ("argument", "`mask=`"),
        ("batch", "The padded batch"),
        ("model", "The mask that the model makes"),
        ("input", "The mask among the inputs"),
        (
            "zeros",
            "Zeros at the ends of rows were taken to be padding; if they are not, pass `mask=`.",
        ),
        ("added", "The batch had no padding, so some was added."),
    ],
)
def test_it_says_how_padding_is_known(known_from: str, words: str) -> None:
    drawn = picture(HARMLESS, IGNORED, known_from=known_from)
    assert words in drawn.text
    assert words.replace("`", "") in header(drawn)


def test_scores_are_told_apart_from_the_answer() -> None:
    drawn = picture(HARMLESS, IGNORED, scores={"loss": 0.12, "accuracy": 0.0})
    for text in (header(drawn), drawn.text):
        lines = text.splitlines()
        at = next(number for number, line in enumerate(lines) if "loss: " in line)
        assert "This was about the answer." in lines[at - 1]
        assert "reads padding: moves by 12 %" in lines[at]
        assert "accuracy: does not read padding" in lines[at]
    assert "loss" not in picture(HARMLESS, IGNORED).text


@given(st.floats(1e-5, 1e6))
def test_a_figure_is_rounded_and_not_far_off(value: float) -> None:
    number, unit = figure(value).split()
    told = float(number) / {"%": 100, "times": 1}[unit]
    assert told == pytest.approx(value, rel=0.5 if value < 0.0095 else 0.06)
    assert len(number) <= 5 or value > 9.95


# Rows ---------------------------------------------------------------------------------------------

FULL = "[mask (3, 6), True per sequence: 3, 5, 6]"
HALVED = "[mask (3, 3), True per sequence: 2, 3, 3]"
# For each row: the signs on the threads, the layer, what happens, the mask.
SHOWN: dict[str, tuple[Any, list[tuple[str, str, str, str]]]] = {
    "a mask that is lost, and padding gets in": (
        Found(LOST, READ),
        [
            ("●", "embedding Embedding", "makes the mask", FULL),
            ("○", "dropout Dropout", "passes it on", ""),
            ("✕", "plain Plain", "loses it", ""),
            ("▼", "lstm LSTM", "▼ padding gets in: 43 %", ""),
            ("·", "dense Dense", "", ""),
        ],
    ),
    "a loss that costs nothing": (
        Found(HARMLESS, IGNORED),
        [
            ("●", "embedding Embedding", "makes the mask", FULL),
            ("○", "dropout Dropout", "passes it on", ""),
            ("✕", "plain Plain", "does not pass it on", ""),
            ("·", "lstm LSTM", "", ""),
            ("·", "dense Dense", "", ""),
        ],
    ),
    "a loss of which nobody knows what it costs": (
        Found(RECORDED),
        [
            ("●", "embedding Embedding", "makes the mask", FULL),
            ("○", "dropout Dropout", "passes it on", ""),
            ("✕", "plain Plain", "does not pass it on", ""),
            ("·", "lstm LSTM", "gets no mask", ""),
            ("·", "dense Dense", "", ""),
        ],
    ),
    "a mask that comes along another way": (
        Found(POST_NORM, IGNORED),
        [
            ("● ", "embedding Embedding", "makes the mask", FULL),
            (
                "✕○",
                "mha MultiHeadAttention",
                "passes it on\nclears it from its own input\nuses the mask",
                "",
            ),
            (" ✕", "add Add\nfrom embedding, mha", "does not pass it on", ""),
            ("· ", "norm LayerNormalization", "", ""),
            ("┻ ", "pool GlobalAveragePooling1D", "takes it, and it ends here", f"mask {FULL}"),
        ],
    ),
    "two inputs, two threads": (
        Found(TWO_INPUTS, IGNORED),
        [
            ("●  ", "question Embedding", "makes the mask", FULL),
            ("│● ", "reply Embedding", "makes the mask", HALVED),
            ("││·", "image Dense", "", ""),
            ("├┼┻", "first LSTM\nfrom question", "uses it, and it ends here", ""),
            (
                "○┘ ",
                "attend Attention\nfrom question, reply",
                "passes it on\nuses the mask",
                FULL,
            ),
            ("├○ ", "norm LayerNormalization", "passes it on\ndoes not use it", ""),
            ("○┘ ", "add Add\nfrom attend, norm", "passes it on", ""),
            ("◆  ", "halve TemporalSplit", "changes it", f"{HALVED} × 2"),
            ("├┻ ", "second Softmax", "takes it, but does not use it", ""),
            ("┻  ", "third GRU\nfrom halve", "takes it, and it ends here", ""),
        ],
    ),
    "calls inside a call": (
        Found(INSIDE, IGNORED),
        [
            ("●", "embedding Embedding", "makes the mask", FULL),
            ("○", "both Mine", "passes it on", ""),
            ("│", "\u2003half LSTM", "passes it on", ""),
            ("○", "dense Dense", "passes it on", ""),
        ],
    ),
}


@pytest.mark.parametrize(("found", "expected"), SHOWN.values(), ids=SHOWN)
def test_each_call_is_a_row(found: Any, expected: list[Any]) -> None:
    width = len(expected[0][0])
    rows = [row for row in cells(draw(found))[1:] if len(row) == width + 4]
    assert [
        ("".join(sign or " " for sign in row[:width]), *row[width : width + 3]) for row in rows
    ] == expected
    assert [row[-1] for row in rows] == ["\n".join(map(str, one.shapes_out)) for one in found.calls]


@pytest.mark.parametrize("found", [case[0] for case in SHOWN.values()], ids=SHOWN)
def test_a_terminal_says_the_same(found: Any) -> None:
    drawn = draw(found)
    told = " ".join(drawn.text.split())
    for line in header(drawn).splitlines()[:-1]:
        assert " ".join(line.split()) in told
    for row in cells(drawn)[1:]:
        layer, happens = row[-4:-2] if len(row) > 2 else ("", row[-1])
        for words in (*layer.splitlines(), *happens.splitlines()):
            assert " ".join(words.split()) in told


TEXT = """\
▼ Padding gets into the answer: it moves by 43 % of its largest value.
The answer moves with: the values in the padding 43 % · the amount of padding 1.2 % · \
the other rows (not asked)
The padded batch says which timesteps are padding.

   layer                 what happens             mask    output shape
●  embedding  Embedding  makes the mask           ■■■□□□  (3, 6, 16)
│                                                 ■■■■■□
│                                                 ■■■■■■
○  dropout  Dropout      passes it on                     (3, 6, 16)
✕  plain  Plain          loses it                         (3, 6, 16)
▼  lstm  LSTM            ▼ padding gets in: 43 %          (3, 16)
     lstm mixes timesteps.
         x = x * mask
             lstm(x)
·  dense  Dense                                           (3, 1)

● makes the mask   ○ passes it on   ✕ loses it   · no mask   ▼ padding gets in"""


def test_a_terminal_shows_columns_and_a_legend() -> None:
    assert picture(LOST, READ, known_from="batch").text == TEXT


@pytest.mark.parametrize("language", ["en", "ko"])
def test_columns_of_text_line_up(language: str) -> None:
    ml.set_language(language)
    lines = picture(LOST, READ).text.splitlines()
    head = {"en": "output shape", "ko": "출력 형태"}[language]
    start = next(terminal_width(line[: line.index(head)]) for line in lines if head in line)
    shapes = [re.search(r"\(3, [16]+(, 16)?\)$", line) for line in lines]
    assert {terminal_width(found.string[: found.start()]) for found in shapes if found} == {start}


# Where padding gets in ----------------------------------------------------------------------------


def test_the_reason_and_the_way_out_stand_right_below_the_leak() -> None:
    drawn = picture(LOST, READ)
    rows = cells(drawn)
    at = next(number for number, row in enumerate(rows) if "lstm LSTM" in row)
    assert rows[at + 1][-1] == "lstm mixes timesteps.\nx = x * mask\n    lstm(x)"
    assert "<pre><code>x = x * mask\n    lstm(x)</code></pre>" in drawn.html


def test_only_the_leak_is_red() -> None:
    drawn = picture(LOST, READ)
    assert "red" in row_of(drawn, "lstm")[1]
    assert row_of(drawn, "dense")[1].isdisjoint({"red", "leak"})
    calm = Rows(picture(HARMLESS, IGNORED).html)
    assert set.union(*calm.kinds).isdisjoint({"red", "leak", "lost", "stray"})


def test_padding_that_does_not_reach_the_answer_is_grey() -> None:
    calls = [EMBEDDING, replace(DROPOUT, leak=0.2), replace(DENSE, sources=(1,), leak=0.0)]
    row, kinds = row_of(picture(calls, IGNORED), "dropout")
    assert "padding gets in (20 %), but does not reach the answer" in row[-3]
    assert "stray" in kinds
    assert kinds.isdisjoint({"red", "leak"})


def test_a_loss_is_cut_in_red_where_padding_gets_in_for_it_and_dotted_as_far_as_there() -> None:
    found: Any = Found(LOST, READ)
    rail = [
        threads.cells[0] for threads in lay_threads(trace_rows(LOST, found.leaks), measured=True)
    ]
    assert [cell.sign for cell in rail] == ["creates", "passes", "lost", "leak", "none"]
    assert [cell.down for cell in rail] == ["solid", "solid", "dotted", "", ""]
    calm = [threads.cells[0] for threads in lay_threads(trace_rows(HARMLESS), measured=True)]
    assert [cell.down for cell in calm] == ["solid", "solid", "", "", ""]


def test_a_mask_that_is_taken_off_a_call_s_own_input_is_cut_where_it_passes() -> None:
    calls = [replace(one, costs_a_mask=one.name == "mha") for one in POST_NORM]
    calls[3] = leaking(calls[3])
    rows = cells(picture(calls, READ))
    assert next(row[:2] for row in rows if "mha MultiHeadAttention" in row) == ["✕", "○"]
    assert any("clears it from its own input" in row[-3] for row in rows if len(row) > 3)


@pytest.mark.parametrize("effect", ["creates", "changes"])
def test_a_mask_that_misses_padding_is_red_where_it_is_made(effect: Any) -> None:
    masks = [None] if effect == "creates" else [HALF]
    made = call("maker", "Maker", masks, [MASK], effect, [None], costs_a_mask=True)
    taker = leaking(call("lstm", "LSTM", [MASK], [None], "ends", [0]))
    row, kinds = row_of(picture([made, taker], READ), "maker")
    assert "miss" in row[-3]
    assert "takes it off" not in row[-3]
    assert {"red", effect} <= kinds


def code_rows(drawn: Picture) -> list[tuple[str, ...]]:
    """The names of all rows that have one."""
    return [tuple(row[-4].split("\n")[0].split()[:4]) for row in cells(drawn)[1:] if len(row) > 3]


BETWEEN = {
    "between": (("embedding", "dense"), "between embedding and dense", 1),
    "at the start": (("", "embedding"), "between the input of model and embedding", 0),
    "at the end": (("dense", ""), "between dense and the output of model", 2),
    "nowhere": (("", ""), "in model", 2),
    "of no call": (None, "in model", 2),
    "behind what is not shown": (("embedding", "mul"), "between embedding and mul", 1),
}


@pytest.mark.parametrize(("between", "name", "place"), BETWEEN.values(), ids=BETWEEN)
def test_a_leak_by_code_is_a_row_between_the_calls(between: Any, name: str, place: int) -> None:
    calls = [EMBEDDING, replace(DENSE, sources=(None,))]
    model = leaking(call("model", "Model", [None], [None], "none", [None]), between=between)
    drawn = picture(calls, READ, others=[model])
    rows = [row for row in cells(drawn)[1:] if len(row) > 3]
    assert [row[-4].startswith(name) for row in rows] == [at == place for at in range(3)]
    assert "padding gets in: 43 %" in rows[place][-3]
    assert f"{name.split()[0]} " in drawn.text


def test_a_leak_by_code_inside_a_call_stands_inside_it() -> None:
    calls = [
        EMBEDDING,
        call("mine", "Mine", [MASK], [MASK], "passes", [0], shapes_out=((3, 6, 8),)),
        call("a", "Dense", [MASK], [MASK], "passes", [0], depth=1, path="mine/a"),
        call("b", "Dense", [MASK], [MASK], "passes", [0], depth=1, path="mine/b"),
    ]
    calls[1] = leaking(calls[1], between=("mine/a", "mine/b"))
    drawn = picture(calls, READ)
    names = [" ".join(name) for name in code_rows(drawn)]
    assert names[2:] == ["a Dense", "between mine/a and mine/b", "b Dense"]
    assert row_of(drawn, "mine Mine")[1].isdisjoint({"red", "leak"})


def test_an_operator_that_loses_the_mask_has_a_row_and_the_thread_leads_there() -> None:
    reason = Reason("operator", "An operator loses the mask.", "lstm(x, mask=mask)")
    calls = [EMBEDDING, leaking(replace(LSTM, sources=(None,)), reason=reason)]
    drawn = picture(calls, READ)
    rows = [row for row in cells(drawn)[1:] if len(row) > 3]
    assert [row[0] for row in rows] == ["●", "✕", "▼"]
    assert rows[1][1] == "between embedding and lstm"
    assert rows[1][2] == "an operator or a function loses it"


def test_rows_that_get_into_one_another_are_no_padding() -> None:
    reason = Reason("rows", "lstm mixes the rows.")
    drawn = picture([*LOST[:3], leaking(LSTM, reason=reason)], IGNORED | {"rows": 0.43})
    assert row_of(drawn, "lstm")[0][-3] == "▼ mixes rows: 43 %"
    assert drawn.text.startswith("▼ The other rows of the batch")


def test_a_layer_that_gives_no_number_is_named() -> None:
    reason = Reason("nan", "lstm gives NaN.")
    calls = [*LOST[:3], leaking(LSTM, reason=reason, leak=None)]
    drawn = picture(calls, not_a_number=True)
    assert "gives NaN" in row_of(drawn, "lstm")[0][-3]
    assert "padding gets in" not in " ".join(drawn.text.splitlines()[1:])


def test_paths_tell_layers_of_one_name_apart() -> None:
    one = call("lstm", "LSTM", [MASK], [None], "ends", [0], path="a/lstm", depth=1)
    other = leaking(replace(one, path="b/lstm", masks_in=(None,), effect="none"))
    calls = [
        EMBEDDING,
        call("a", "Mine", [MASK], [None], "ends", [0]),
        one,
        call("b", "Mine", [None], [None], "none", [0]),
        other,
    ]
    drawn = picture(calls, READ)
    assert "b/lstm: lstm mixes timesteps." in text_of(drawn.html)
    assert "b/lstm" in drawn.text
    assert "b/lstm" not in picture([*calls[:1], *calls[3:]], READ).text


def test_where_a_tensor_came_from_is_a_path_only_where_another_layer_nearer_has_the_name() -> None:
    calls = [
        call("norm", "Dense", [None], [None], "none", [None]),
        call("mine", "Mine", [None], [None], "none", [0], shapes_out=((3, 6, 8),)),
        call("norm", "Dense", [None], [None], "none", [0], depth=1, path="mine/norm"),
        call("up", "Dense", [None], [None], "none", [2], depth=1, path="mine/up"),
        call("add", "Add", [None] * 2, [None], "none", [2, 3], depth=1, path="mine/add"),
        call("last", "Add", [None] * 2, [None], "none", [0, 1]),
    ]
    text = picture(calls).text
    assert "from norm, up" in text
    assert "from norm, mine" in text


# Masks --------------------------------------------------------------------------------------------


def attention(mask: Any, **others: Any) -> LayerCall:
    """Attention that gets a mask as an argument, and no other."""
    arguments = (("attention_mask", mask),) if mask is not None else ()
    one = call("mha", "MultiHeadAttention", [None, None], [None], "none", [0, 0], **others)
    return replace(one, mask_arguments=arguments)


BARE = replace(EMBEDDING, masks_out=(None,), effect="none")
SQUARE = MASK[:, :, None] & MASK[:, None, :]


@pytest.mark.parametrize(
    ("mask", "shown"),
    [
        (SQUARE, "[mask of 6 x 6 (query x key), 9 of 36 True] row 0"),
        (SQUARE[:1], "[mask of 6 x 6 (query x key), 9 of 36 True]"),
        (SQUARE[0], "[mask of 6 x 6 (query x key), 9 of 36 True]"),
        (SQUARE[:, None], "[mask of 6 x 6 (query x key), 9 of 36 True] row 0"),
        (MASK[:, None, :], FULL),
        (MASK[:, None, None, :], FULL),
    ],
    ids=["batch", "alike", "query, key", "heads", "keys", "heads, keys"],
)
def test_a_mask_that_comes_as_an_argument_is_drawn(mask: Any, shown: str) -> None:
    for figures in (IGNORED, None):
        drawn = picture([BARE, attention(mask)], figures)
        row, kinds = row_of(drawn, "mha")
        assert row[-2] == f"attention_mask {shown}"
        assert row[-3] == "takes a mask as an argument"
        assert "argument" in kinds
        assert "attention_mask" in drawn.text


def test_a_causal_mask_is_told_in_a_word() -> None:
    row, kinds = row_of(picture([BARE, attention(None, causal=True)], IGNORED), "mha")
    assert row[-3] == "causal"
    assert "none" not in kinds


def test_a_mask_that_came_along_is_not_drawn_again() -> None:
    lstm = call("lstm", "LSTM", [MASK], [None], "ends", [0], mask_arguments=(("mask", MASK),))
    assert row_of(picture([EMBEDDING, lstm], IGNORED), "lstm")[0][-2] == ""
    by_hand = replace(lstm, sources=(None,))
    assert row_of(picture([EMBEDDING, by_hand], IGNORED), "lstm")[0][-2] == f"mask {FULL}"


@given(arrays(bool, st.tuples(st.integers(1, 8), st.integers(1, 24))))
def test_a_small_strip_shows_each_timestep(mask: Any) -> None:
    html = picture([call("x", "X", [None], [mask], "creates", [None])]).html
    np.testing.assert_array_equal(filled_squares(html, mask.shape), mask)


@given(arrays(bool, st.tuples(st.just(1), st.integers(2, 12), st.integers(2, 12))))
def test_a_small_square_shows_each_query_and_key(mask: Any) -> None:
    html = picture([BARE, attention(mask)]).html
    np.testing.assert_array_equal(filled_squares(html, mask.shape[1:]), mask[0])


def filled_squares(html: str, shape: tuple[int, ...]) -> Any:
    """Rebuilds a mask from the strokes of a small picture: one of full thickness is True."""
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
    ("five axes", np.ones((2, 3, 2, 2, 2), bool), "48/48 True, (2, 3, 2, 2, 2)"),
]


@pytest.mark.parametrize(("mask", "words"), [c[1:] for c in ODD], ids=[c[0] for c in ODD])
def test_a_mask_that_is_no_square_of_timesteps_is_told_in_words(mask: Any, words: str) -> None:
    symbolic = mask.size == 0
    drawn = picture([call("x", "X", [None], [mask], "creates", [None], symbolic=symbolic)])
    assert cells(drawn)[1][3] == words
    assert f"  {words}  " in drawn.text


def test_a_terminal_shows_counts_for_a_large_mask() -> None:
    mask = np.arange(20) < np.array([[5], [20]])
    text = picture([call("x", "X", [None], [mask], "creates", [None])]).text
    assert "25/40 True" in text
    assert "■" not in text


# The rail -----------------------------------------------------------------------------------------


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


@given(random_calls(), st.booleans())
def test_a_solid_thread_leads_from_each_mask_to_each_call_that_takes_it(
    calls: list[LayerCall], measured: bool
) -> None:
    rail = [threads.cells for threads in lay_threads(trace_rows(calls), measured=measured)]
    own = [next(at for at, joint in enumerate(row) if joint.sign == one.effect)
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


def solid_reach(rail: list[tuple[ThreadCell, ...]]) -> dict[Any, set[Any]]:
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


@pytest.mark.parametrize("found", [case[0] for case in SHOWN.values()], ids=SHOWN)
def test_the_legend_has_the_signs_that_occur_and_no_others(found: Any) -> None:
    drawn = draw(found)
    legend = header(drawn).splitlines()[-1]
    rail = "".join(cell for row in cells(drawn) for cell in row[:-4])
    assert {sign for sign in SIGNS.values() if sign in legend} == {
        sign for sign in SIGNS.values() if sign in rail
    }
    assert all(word in legend + "no mask" for word in map(sign_words, ("creates",)))


# Folding ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 3, 4, 8])
def test_blocks_that_repeat_are_shown_once(length: int) -> None:
    rows = cells(picture(blocks(14, length)))
    names = [row[1].split("\n") for row in rows[1:] if len(row) == 5]
    assert [name[0].split()[:3] for name in names[1:-1]] == [
        [f"{letter}0", "…", f"{letter}13"] for letter in "abcdefgh"[:length]
    ]
    words = "14 times" if length == 1 else f"these {length} rows, 14 times"
    assert (
        sum(words in line.strip() for row in rows for line in row[-1 if length > 1 else 1 :]) == 1
    )


def test_a_short_trace_is_shown_whole() -> None:
    assert "times" not in picture(blocks(5, 2)).text


@pytest.mark.parametrize("what", ["leak", "loss"])
def test_equal_blocks_fold_also_where_each_leaks_or_loses_its_mask(what: str) -> None:
    calls = blocks(18)
    for block in range(18):
        at = 3 + 4 * block
        if what == "leak":
            calls[at] = leaking(calls[at], leak=0.1 + block / 100)
        else:
            calls[at] = replace(calls[at], costs_a_mask=True, lost_to=(at + 1,))
    drawn = picture(calls, READ)
    assert "these 4 rows, 18 times" in drawn.text
    assert len(cells(drawn)) <= 9
    if what == "leak":
        assert "padding gets in: up to 27 %" in drawn.text


def test_a_block_that_leaks_alone_is_shown_alone() -> None:
    calls = blocks(12)
    calls[23] = leaking(calls[23])
    text = picture(calls, READ).text
    assert re.search(r"^▼\s+c5  T2", text, re.MULTILINE)
    assert "these 4 rows, 5 times" in text
    assert "these 4 rows, 6 times" in text


def test_blocks_that_differ_in_a_mask_are_shown() -> None:
    calls = blocks(12)
    calls[10] = replace(calls[10], masks_out=(MASK.copy(),), masks_in=(HALF,), effect="changes")
    assert "◆" in picture(calls).text


def test_a_nested_block_folds_with_what_is_inside_it() -> None:
    text = picture(encoders(18), IGNORED).text
    assert "encoder_0 … _17  Encoder" in text
    assert text.count("mha  MultiHeadAttention") == 1
    assert text.count("18 times") == 1


@pytest.mark.parametrize("kind", ["MultiHeadAttention", "GroupedQueryAttention"])
def test_what_is_inside_a_layer_of_keras_is_left_out_with_a_count(kind: str) -> None:
    drawn = picture(encoders(1, layer_type=kind), IGNORED)
    assert "calls inside: 4" in drawn.text
    assert "EinsumDense" not in drawn.html + drawn.text
    own = encoders(1, layer_type=kind, of_keras=False)
    assert picture(own, IGNORED).text.count("EinsumDense") == 4


def test_what_is_inside_a_layer_of_keras_is_shown_where_padding_gets_in_there() -> None:
    calls = encoders(1)
    calls[3] = leaking(calls[3])
    assert picture(calls, READ).text.count("EinsumDense") == 4


# What holds for every picture ---------------------------------------------------------------------


def test_a_note_is_shown() -> None:
    assert "two halves" in text_of(picture(TWO_INPUTS).html)
    assert "two halves" in picture(TWO_INPUTS).text
    assert "two halves" in picture(TWO_INPUTS, IGNORED).html


def test_a_model_that_failed_shows_the_calls_so_far_and_what_was_wrong() -> None:
    # As Keras wraps an error of a layer's own code.
    error = ValueError(
        "Exception encountered when calling Conv1D.call().\n\n"
        "\x1b[1mkernel <8> too large\x1b[0m\n\n"
        "Arguments received by Conv1D.call():\n  • inputs=tf.Tensor(shape=(3, 6, 16))"
    )
    found: Any = Found(RECORDED[:2])
    drawn = draw(found, error)
    said = "✕ The model stopped here: ValueError: kernel <8> too large"
    assert cells(drawn)[-1][-1] == said
    assert said in drawn.text.splitlines()
    assert header(drawn).startswith("The model stopped")
    nothing: Any = Found([])
    assert "The model stopped here: KeyboardInterrupt" in draw(nothing, KeyboardInterrupt()).text


@pytest.mark.parametrize(
    "evil", ["<img src=x onerror=alert(1)>", "a & b", "{call}", "`x`", "'\"<s>", "%s %(x)s"]
)
def test_what_a_model_says_is_text(evil: str) -> None:
    def calls(name: str) -> list[LayerCall]:
        reason = Reason("mixes", name, name)
        return [
            replace(EMBEDDING, name=name, path=name, layer_type=name),
            replace(PLAIN, name=name, path=name, sources=(0,), mask_arguments=((name, HALF),)),
            leaking(replace(LSTM, name=name, path=name, sources=(1,)), reason=reason),
            call("add", "Add", [None, None], [None], "none", [0, 2]),
        ]

    def drawn(name: str) -> Picture:
        code = leaking(LSTM, name=name, between=(name, name))
        return picture(calls(name), READ, others=[code], scores={name: 0.1})

    tags = Rows(drawn(evil).html).tags
    assert tags - {"code"} == Rows(drawn("x").html).tags - {"code"}
    rows = cells(drawn(evil))
    assert rows[1][-4] == f"{evil} {evil}"
    # What stands in backticks is code, wherever it came from.
    shown = evil.replace("`", "")
    assert any(row[-2].startswith(evil) for row in rows if len(row) > 3)
    assert [f"{shown}\n{evil}"] in [row[-1:] for row in rows]
    assert f"between {shown} and {shown}" in [row[-4] for row in rows if len(row) > 3]
    assert f"{evil}: " in header(drawn(evil))
    found: Any = Found(calls(evil))
    assert cells(draw(found, ValueError(evil)))[-1][-1].endswith(f"ValueError: {evil}")


def test_a_picture_is_small() -> None:
    sound = [EMBEDDING, DROPOUT, call("lstm", "LSTM", [MASK], [None], "ends", [1]), DENSE]
    style = len("".join(re.findall("<style>.*?</style>", picture(sound).html)))
    assert len(picture(sound, IGNORED).html.encode()) - style <= 3_000
    assert len(picture(encoders(12), IGNORED).html.encode()) <= 12_000


def test_fifty_calls_with_a_large_mask_make_a_small_picture() -> None:
    lengths = np.random.default_rng(0).integers(1, 1025, 4096)
    mask = np.arange(1024) < lengths[:, None]
    calls = [call("first", "Embedding", [None], [mask], "creates", [None])]
    for place in range(49):
        # Types differ, so that nothing folds.
        calls.append(call(f"l{place}", f"Layer{place}", [mask], [mask], "passes", [place]))
    drawn = picture(calls)
    assert len(drawn.html.encode()) <= 30_000
    assert drawn.html.count("<img") == 1


def pictures() -> Iterator[Picture]:
    """Pictures of every kind."""
    for found, _sentence in ANSWERS.values():
        yield draw(found)
    for found, _rows in SHOWN.values():
        yield draw(found)
    yield picture([BARE, attention(SQUARE)], IGNORED, known_from="zeros", scores={"loss": 0.1})
    yield picture(encoders(18), READ, known_from="added")


def test_no_picture_holds_a_script_or_asks_for_anything_from_elsewhere() -> None:
    for drawn in pictures():
        html = drawn.html.replace("http://www.w3.org/2000/svg", "")
        assert not re.search("<script|onload|http|url\\((?!%23|#)|@import", html)


def test_the_same_trace_gives_the_same_picture() -> None:
    assert picture(POST_NORM, READ) == picture(list(POST_NORM), READ)


def test_without_a_style_sheet_signs_and_words_remain() -> None:
    drawn = picture(LOST, READ)
    html = re.sub("<style>.*?</style>", "", drawn.html, flags=re.DOTALL)
    # What JupyterLab leaves of an output that is not trusted.
    kept = re.sub(" (aria-hidden|style|class)=('[^']*'|[^ >]*)", "", html)
    assert Rows(kept).rows == cells(drawn)
    assert Rows(kept).tags <= {
        *("div", "figure", "figcaption", "table", "tr", "td", "th"),
        *("b", "i", "small", "br", "img", "code", "pre", "span"),
    }


def test_a_screen_reader_is_told_in_words_what_the_signs_show() -> None:
    drawn = picture(LOST, READ)
    html = re.sub("<td[^>]*aria-hidden=true.*?</td>", "", drawn.html)
    heard = text_of(re.sub("<span[^>]*aria-hidden=true.*?</span>", "", html))
    assert not set("●○◆┻✕▼│") & set(heard)
    for words in ("makes the mask", "passes it on", "loses it", "padding gets in: 43 %"):
        assert words in heard


def test_korean_pictures_speak_korean() -> None:
    ml.set_language("ko")
    # Code, such as the name of an argument, is the same in every language.
    english = re.compile(
        r"\b(the|makes|passes|loses|gets|takes|padding|output|layer|answer|moves|times|calls|"
        r"between|from|rows?)\b"
    )
    for drawn in pictures():
        for text in (text_of(drawn.html), drawn.text):
            said = text.replace("Nothing was measured.", "").replace("mixes timesteps.", "")
            assert not english.search(said)
            assert not re.search(r"\((은|는|이|가|을|를|으|이라)\)", text)
    assert "lang=ko " in picture(LOST, READ).html


# Real models --------------------------------------------------------------------------------------


def test_the_picture_of_a_model_says_what_the_trace_found() -> None:
    import keras

    batch = ml.pad([[7, 3, 5], [4, 5, 6, 8, 2]], padding="post")
    layers = [
        keras.layers.Embedding(10, 4, mask_zero=True, name="words"),
        keras.layers.Conv1D(4, 3, padding="same", name="conv"),
        keras.layers.LSTM(4, name="lstm"),
    ]
    found = ml.trace(keras.Sequential(layers), batch)
    assert found.moves
    percent = figure(found.moves)
    assert percent in str(found).splitlines()[0].replace(" its largest", "")
    assert "padding gets in" in row_of(found._picture(), "conv")[0][-3]
    sound = ml.trace(keras.Sequential([layers[0], layers[2]]), batch)
    assert str(sound).startswith("Padding does not change the answer.")
