"""What is to be translated is cut out exactly, and nothing else changes when it is replaced."""

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from authoring.blocks import code_blocks, inlines, links, markdown_blocks, splice, without_marks
from authoring.source import read

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "content").glob("*/*.py")) + sorted((ROOT / "content").glob("*/*.md"))

# Generated Markdown carries these around the lines of each text that is to be translated: the
# first line of one, a further line of it, and the end of a line.
FIRST, FURTHER, END = "\ue000", "\ue001", "\ue002"
MARKED_LINE = re.compile(f"([{FIRST}{FURTHER}])([^{END}]*){END}")


def unmarked(marked: str) -> str:
    return re.sub(f"[{FIRST}{FURTHER}{END}]", "", marked)


def expected_texts(marked: str) -> list[str]:
    texts: list[str] = []
    for sign, line in MARKED_LINE.findall(marked):
        if sign == FIRST:
            texts.append(line)
        else:
            texts[-1] += "\n" + line
    return [text.replace("\\|", "|") for text in texts]


def shouted(marked: str) -> str:
    return unmarked(MARKED_LINE.sub(lambda line: line[2].upper(), marked))


def elements(text: str) -> list[tuple[str, str, list[int] | None]]:
    """The elements of Markdown, by a parser that knows nothing of formulas."""
    parser = MarkdownIt("commonmark").enable("table")
    return [(token.type, token.tag, token.map) for token in parser.parse(text)]


WORD = st.text("abcdeéйㄱ가나", min_size=1, max_size=6)
PIECE = WORD | st.sampled_from(
    [
        "`a = b[0]`",
        "$x_1 < y$",
        "**bold**",
        "[a [b] c](d.ipynb)",
        "![alt](e.png)",
        "3,",
        "<b>no</b>",
    ]
)
SENTENCE = st.builds(
    lambda first, others: " ".join(["x" + first, *others]), WORD, st.lists(PIECE, max_size=4)
)


def mark(lines: list[str]) -> list[str]:
    return [f"{FURTHER if n else FIRST}{line}{END}" for n, line in enumerate(lines)]


@st.composite
def tables(draw: st.DrawFn) -> list[str]:
    piped = st.sampled_from(["x or `a | b`", "x | y"])
    cell = st.one_of(SENTENCE, piped).map(lambda text: mark([text.replace("|", r"\|")])[0])
    cells = cell | st.sampled_from(["3", "", "`code`", "$x$"])
    width = draw(st.integers(1, 3))
    rows = draw(st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=3))
    outer = draw(st.booleans()) or width == 1
    if outer:
        drawn = [f"| {' | '.join(row)} |" for row in rows]
    else:  # then an empty cell cannot stand at the edge
        drawn = [" | ".join([*mark(["x"]), *row, "3"]) for row in rows]
    return [drawn[0], "|" + "---|" * (width if outer else width + 2), *drawn[1:]]


COPIED = st.sampled_from(
    [
        ["```sh", "# no block", "", "x = 1", "```"],
        ["```python", "x = (", "# no block", "```"],
        ["~~~", "no | block", "~~~"],
        ["    indented = code"],
        ["$$", r"\frac{a}{b}", "- c", "$$"],
        ["<div>", "no <b>block</b>", "</div>"],
        ["[label]: https://keras.io 'title'"],
        ["***"],
        ["123"],
        ["`code`"],
    ]
)
LINES = st.lists(SENTENCE, min_size=1, max_size=3).map(mark)
FENCED = st.one_of(
    LINES.map(lambda lines: ["```python", *[f"# {line}" for line in lines], "x = 1", "```"]),
    LINES.map(lambda lines: ["~~~text", *lines, "~~~"]),
    st.builds(
        lambda lines, items: [
            *("````{container} lessons", *lines, "", "```sh", "no block", "```", ""),
            *(f"- {mark([item])[0]}" for item in items),
            "````",
        ],
        LINES,
        st.lists(SENTENCE, max_size=2),
    ),
    st.builds(
        lambda caption, title: [
            *("```{toctree}", ":hidden:", f":caption: {mark([caption])[0]}", ""),
            *(f"{mark([title])[0]} <lessons/00_start>", "reference", "```"),
        ],
        SENTENCE,
        SENTENCE,
    ),
    SENTENCE.map(lambda text: ["<details>", f"<summary>{mark([text])[0]}</summary>"]),
)
LEAF = st.one_of(
    FENCED,
    st.lists(SENTENCE, min_size=1, max_size=3).map(mark),
    st.builds(
        lambda level, text, closing: ["#" * level + " " + mark([text])[0] + closing],
        st.integers(1, 6),
        SENTENCE,
        st.sampled_from(["", " ##", "  "]),
    ),
    st.lists(SENTENCE, min_size=1, max_size=2).map(lambda lines: [*mark(lines), "=="]),
    tables(),
    COPIED,
)


def stacked(parts: list[list[str]]) -> list[str]:
    """Puts elements below each other; an HTML comment keeps a list from taking in its neighbour."""
    return [line for part in parts for line in [*part, "", "<!-- next -->", ""]][:-3]


def listed(marker: str, items: list[list[str]]) -> list[str]:
    return [
        (marker if number == 0 else " " * len(marker) if line else "") + line
        for item in items
        for number, line in enumerate(item)
    ]


def can_begin_an_item(lines: list[str]) -> bool:
    """Whether every parser sees an item: not before indented code, a break or an open table row."""
    first = lines[0]
    return first[0] not in " *" and (first[0] == "|" or "|" not in first)


def nested(inner: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    stack = st.lists(inner, min_size=1, max_size=3).map(stacked)
    return st.one_of(
        stack.map(lambda lines: [f"> {line}" for line in lines]),
        st.builds(
            listed,
            st.sampled_from(["- ", "* ", "1. ", "12) "]),
            st.lists(stack.filter(can_begin_an_item), min_size=1, max_size=3),
        ),
    )


DOCUMENT = (
    st.lists(st.recursive(LEAF, nested, max_leaves=6), min_size=1, max_size=4)
    .map(stacked)
    .map("\n".join)
)


@given(DOCUMENT)
def test_markdown_is_cut_where_it_was_put_together_and_nothing_else_is_replaced(
    marked: str,
) -> None:
    text = unmarked(marked)
    blocks = markdown_blocks(text)
    assert [block.text for block in blocks] == expected_texts(marked)
    assert splice(text, blocks, lambda block: block) == text
    spliced = splice(text, blocks, str.upper)
    assert spliced == shouted(marked)
    assert elements(spliced) == elements(text)


@given(st.text("ab |\\`$-#>*1.)\t\n[](:<!", max_size=60))
def test_any_text_without_a_translation_stays_as_it_is(text: str) -> None:
    assert splice(text, markdown_blocks(text), lambda block: block) == text


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_sources_are_spliced_without_loss(path: Path) -> None:
    for cell in read(ROOT, path).cells:
        cut = markdown_blocks if cell.kind == "markdown" else code_blocks
        blocks = cut(cell.text)
        assert splice(cell.text, blocks, lambda block: block) == cell.text
        shouting = splice(cell.text, blocks, str.upper)
        assert shouting.lower() == cell.text.lower()
        assert bool(blocks) == (shouting != cell.text)
        if cell.kind == "markdown":
            assert elements(shouting) == elements(cell.text)
        else:
            # Words to print differ, and nothing else.
            shouted, said = (ast.dump(ast.parse(code)) for code in (shouting, cell.text))
            assert shouted.lower() == said.lower()


@pytest.mark.parametrize(
    ("text", "translation", "spliced"),
    [
        ("> - one\n>   two\n\nend", "하나\n둘\n셋", "> - 하나\n>   둘\n>   셋\n\nend"),
        ("1. one\n   two", "하나", "1. 하나"),
        ("> one\nlazy", "하나\n둘", "> 하나\n둘"),
        ("## one ##", "하나\n둘", "## 하나 둘 ##"),
        ("| one | 2 |\n|---|---|", "하나 | 둘", "| 하나 \\| 둘 | 2 |\n|---|---|"),
        ("one\ntwo\n===", "하나", "하나\n==="),
    ],
)
def test_a_translation_may_have_more_or_fewer_lines(
    text: str, translation: str, spliced: str
) -> None:
    first = markdown_blocks(text)[:1]
    assert splice(text, first, lambda _: translation) == spliced


CODE_LINES = st.lists(
    st.sampled_from(
        [
            ("x = 1", None),
            ("x = '# no comment'", None),
            ("# noqa: E501", None),
            ("### BEGIN SOLUTION", None),
            ("    ### END HIDDEN TESTS", None),
            ("### Begin with one.", "Begin with one."),
            ("# 12", None),
            ("", None),
            ("# one", "one"),
            ("#two", "two"),
            ("x = 2  # three", "three"),
            ("if x:\n    # four\n    pass", "four"),
        ]
    ),
    max_size=8,
)


@given(CODE_LINES)
def test_comments_are_cut_out_of_code(lines: list[tuple[str, str | None]]) -> None:
    code = "\n".join(line for line, _ in lines)
    blocks = code_blocks(code)
    found = [line for block in blocks for line in block.text.split("\n") if line != "12"]
    assert found == [comment for _, comment in lines if comment]
    assert splice(code, blocks, lambda block: block) == code
    translated = splice(code, blocks, lambda block: "하나\n둘")
    assert ast.dump(ast.parse(translated)) == ast.dump(ast.parse(code))


def test_comment_lines_in_a_row_are_one_block() -> None:
    code = "# one\n# two\nx = 1\n    # three\n# four"
    assert [b.text for b in code_blocks(code)] == ["one\ntwo", "three", "four"]


def test_the_strings_of_a_marked_line_are_words() -> None:
    code = 'print("one", f"{x} two", r"3", \'four\')  # words\nprint("five")\nx = ""  # six'
    blocks = code_blocks(code)
    assert [b.text for b in blocks] == ["one", "four", "six"]
    translated = splice(code, blocks, {"one": "하나", "four": "넷", "six": "여섯"}.__getitem__)
    wanted = 'print("하나", f"{x} two", r"3", \'넷\')\nprint("five")\nx = ""  # 여섯'
    assert without_marks(translated) == wanted


def test_a_marker_of_nbgraders_parts_comments() -> None:
    code = "# one\n### BEGIN SOLUTION\n# two\n### END SOLUTION\n# three"
    assert [b.text for b in code_blocks(code)] == ["one", "two", "three"]


def test_running_text_leaves_code_and_formulas_out() -> None:
    (inline,) = inlines("Call `pad`, then `pad`, of **$x$** in [the\nguide](g.html).")
    assert inline.prose == "Call |, then |, of | in the guide."
    assert inline.code == {"pad": 2}


def test_links_are_found_in_markdown_and_in_html() -> None:
    text = "[a](b.md) ![c](d.png) <img src='e.png'>\n\n<a href=\"f.md\">\n\n[g]\n\n[g]: h.md"
    assert set(links(text)) == {"b.md", "d.png", "e.png", "f.md", "h.md"}
