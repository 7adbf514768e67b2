"""What an explorer keeps is what was drawn: every state, each part once, and nothing else."""

import itertools
import json
from typing import Any

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from masklens.drawing.picture import show
from masklens.explorers.nodes import read_nodes
from masklens.explorers.precomputed import (
    Axis,
    Question,
    State,
    build_grid,
    compute_states,
    write_grid,
)
from masklens.padding import pad

PADDING = Axis("padding", "padding", (("pre", "before"), ("post", "after")), "choice")
MASK = Axis("mask", "mask", ((False, "off"), (True, "on")), "switch")


def cell(text: str) -> str:
    return f"<table><tr><td class='t wide' data-t='0'>{text}</td></tr></table>"


def unfold(node: Any, pool: list[Any]) -> Any:
    """A node with its references replaced by what they refer to, as (tag, attributes, inside)."""
    if isinstance(node, str):
        return node
    if isinstance(node, int):
        return unfold(pool[node], pool)
    name, *inside = node
    attributes = inside.pop(0) if inside and isinstance(inside[0], dict) else {}
    return name, attributes, [unfold(inner, pool) for inner in inside]


def as_html_parser_reads(html: str) -> list[Any]:
    """The same form, read by Beautiful Soup."""

    def read(element: Any) -> Any:
        if isinstance(element, str):
            return str(element)
        known = dict(element.attrs)
        name = ".".join([element.name, *known.pop("class", [])])
        return name, known, [read(inner) for inner in element.children]

    # Elsewhere than in these, it would make one space of a token that is white space.
    kept = {"td", "th", "s"}
    soup = BeautifulSoup(html, "html.parser", preserve_whitespace_tags=kept)
    for style in soup("style"):
        style.decompose()
    for framed in soup.select("[style]"):
        del framed["style"]
    return [read(element) for element in soup.children]


@given(st.lists(st.lists(st.text(min_size=1), min_size=1, max_size=3), min_size=1, max_size=3))
def test_a_picture_read_as_nodes_is_the_picture_that_a_browser_would_read(
    tokens: list[list[str]],
) -> None:
    batch = pad([range(1, len(row) + 1) for row in tokens], padding="post")
    html = show(batch, tokens=tokens, mask=batch.mask).html
    state = State(html, "say")
    grid = build_grid("title", [PADDING], [state, state], {})
    pool = grid["pool"]
    for place in grid["states"]:
        name, _attributes, inside = unfold(pool[place]["picture"], pool)
        assert name == "div.picture"
        assert inside == as_html_parser_reads(html)


@pytest.mark.parametrize(
    ("html", "named"),
    [
        ("<script>alert(1)</script>", "<script>"),
        ("<iframe></iframe>", "<iframe>"),
        ("<p onclick='alert(1)'>x</p>", "onclick"),
        ("<img src='//else.where/x.png' alt=x>", "else.where"),
        ("<img src=x onerror=alert(1)>", "'x'"),
        ("<a href='javascript:alert(1)'>x</a>", "<a>"),
        ("<p>not closed", "<p>"),
        ("<p></b>", "</b>"),
    ],
)
def test_what_no_picture_holds_is_refused(html: str, named: str) -> None:
    with pytest.raises(ValueError) as refused:
        read_nodes(html)
    assert named in str(refused.value)


def test_a_grid_cannot_close_the_script_that_a_page_carries_it_in() -> None:
    nasty = "</SCRIPT><!--<script>"
    axis = Axis(nasty, nasty, ((nasty, nasty),), "menu")
    question = Question(nasty, (nasty,), ((nasty,),), ((True,),))
    state = State("<p title='&lt;/script&gt;'>&lt;/script&gt;</p>", nasty, question)
    grid = build_grid(nasty, [axis], [state], {nasty: nasty})
    written = write_grid(grid)
    assert "<" not in written
    assert json.loads(written) == grid
    assert json.dumps(grid, ensure_ascii=False).count(nasty) == 11


def test_of_a_style_only_custom_properties_stay() -> None:
    assert read_nodes("<td style='--v:37;color:red'>1</td>") == [
        ("td", (("style", "--v:37"),), ("1",))
    ]


@given(st.data())
def test_every_combination_has_its_own_state_last_axis_fastest(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    axes = [
        Axis(f"a{place}", "", tuple((n, str(n)) for n in range(size)), "menu")
        for place, size in enumerate(sizes)
    ]
    few = data.draw(st.integers(1, 5))

    def make(values: dict[str, Any]) -> State:
        return State(cell(str(sum(values.values()) % few)), f"{sorted(values.items())}")

    grid = build_grid("title", axes, compute_states(axes, make), {})
    pool = grid["pool"]
    combinations = list(itertools.product(*map(range, sizes)))
    assert len(grid["states"]) == len(combinations)
    for place, options in zip(grid["states"], combinations, strict=True):
        values = {f"a{axis}": option for axis, option in enumerate(options)}
        assert pool[place]["say"] == f"{sorted(values.items())}"
        drawn = unfold(pool[place]["picture"], pool)
        assert str(sum(options) % few) in str(drawn)
    pictures = {pool[place]["picture"] for place in grid["states"]}
    assert len(pictures) == len({sum(options) % few for options in combinations})


def test_what_states_share_is_kept_once() -> None:
    shared = cell("The weather will be nice tomorrow, and this is a long text")
    states = [State(f"{shared}<p>{n}</p>", "say") for n in range(20)]
    axis = Axis("n", "n", tuple((n, str(n)) for n in range(20)), "slider")
    grid = build_grid("title", [axis], states, {})
    assert json.dumps(grid).count("weather") == 1


def test_a_question_is_kept_with_its_answers() -> None:
    question = Question("Which?", ("a",), (("0", "1"),), ((True, False),))
    states = [State(cell("x"), "say", question), State(cell("y"), "say", None)]
    grid = build_grid("title", [MASK], states, {}, predict=True)
    first, second = (grid["pool"][place] for place in grid["states"])
    assert second["question"] is None
    assert grid["pool"][first["question"]] == {
        "text": "Which?",
        "rows": ["a"],
        "columns": [["0", "1"]],
        "answers": ["10"],
    }


def test_ordered_things_keep_their_order_in_a_notebook_file() -> None:
    states = [State(cell("x"), "say")] * 4
    grid = build_grid("title", [PADDING, MASK], states, {})
    again = json.loads(json.dumps(grid, sort_keys=True))
    assert [name for name, _axis in again["axes"]] == ["padding", "mask"]
    assert again["axes"][0][1]["options"] == [["pre", "before"], ["post", "after"]]


def test_a_combination_that_fails_says_so_and_the_others_work() -> None:
    def make(values: dict[str, Any]) -> State:
        if values == {"padding": "pre", "mask": True}:
            raise ValueError("shape (3, <b>) does not fit\nand more")
        return State(cell(values["padding"]), "fine")

    states = compute_states([PADDING, MASK], make)
    assert [state.say == "fine" for state in states] == [True, False, True, True]
    assert "ValueError: shape (3, &lt;b&gt;) does not fit" in states[1].html
    assert "ValueError: shape (3, <b>) does not fit" in states[1].say


def test_what_fails_everywhere_is_raised() -> None:
    def make(values: dict[str, Any]) -> State:
        raise KeyError("nothing")

    with pytest.raises(KeyError, match="nothing"):
        compute_states([PADDING], make)


def test_too_many_states_are_refused_before_one_is_computed() -> None:
    many = Axis("maxlen", "length", tuple((n, str(n)) for n in range(501)), "slider")

    def make(values: dict[str, Any]) -> State:
        raise AssertionError("computed")

    with pytest.raises(ValueError, match=r"2004 states \(maxlen 501 × padding 2 × mask 2\); 2000"):
        compute_states([many, PADDING, MASK], make)


def test_too_many_bytes_are_refused_with_the_numbers() -> None:
    states = [State(f"<p>{'word ' * 100_000}{n}</p>", "say") for n in range(5)]
    axis = Axis("n", "n", tuple((n, str(n)) for n in range(5)), "slider")
    with pytest.raises(ValueError, match=r"2,5\d\d,\d\d\d bytes .* 2,000,000 .* fewer options"):
        build_grid("title", [axis], states, {})
