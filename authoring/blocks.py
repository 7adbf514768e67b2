"""Cuts what is to be translated out of Markdown and code, and splices a translation back in.

Nothing is rendered anew: whatever is not a block is copied, so that splicing each block's own text
back in gives the text it was cut from.
"""

from __future__ import annotations

import functools
import io
import itertools
import re
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

# What stands for something that is known elsewhere, such as {{minutes}}.
PLACEHOLDER = re.compile(r"\{\{([^{}\n]*)\}\}")
_UNESCAPED_PIPE = re.compile(r"(?<!\\)\|")
_SUMMARY = re.compile(r"(?<=<summary>).+(?=</summary>)")
# What Sphinx shows of a list of pages: its caption, and the title of each page that has one.
_TOCTREE_WORDS = re.compile(r"(?m)(?<=^:caption: ).+$|^[^:\n].*?(?= +<[^<>\n]+>$)")
_HTML_LINK = re.compile(r"""(?:href|src)=["']([^"']+)""")
# Markup within a sentence that does not part its words.
_TRANSPARENT = {f"{kind}_{end}" for kind in ("link", "em", "strong") for end in ("open", "close")}
# Comments for tools; nbgrader's markers are told from prose by their capitals.
_PRAGMA = re.compile(
    r"#\s*(words$|noqa|type:|ruff:|fmt:|mypy:|pragma|NBVAL_|PYTEST_VALIDATE_|@|!)"
    r"|### (?-i:BEGIN|END) ",
    re.I,
)
# Ends a line of code whose strings are words for the reader: what is printed, or drawn.
_WORDS = re.compile(r" *# words$", re.M)
_PLAIN_STRING = re.compile(r"""["'][^"'\\]*["']""")


@dataclass(frozen=True)
class Span:
    """A piece of one line: the line's index, and the columns where the piece begins and ends."""

    line: int
    start: int
    end: int


@dataclass(frozen=True)
class Block:
    """A text to translate, and where it stands.

    Args:
        text: the text alone, without list markers, quote signs or ``#``.
        spans: the piece that it takes of each of its lines.
        continuation: what to put before further lines; None where the block must stay on one line.
        is_table_cell: whether a pipe in the text must be escaped.
    """

    text: str
    spans: tuple[Span, ...]
    continuation: str | None = None
    is_table_cell: bool = False


@dataclass(frozen=True)
class Inline:
    """What a reader meets in one stretch of running Markdown text.

    Args:
        prose: the words outside code and formulas, in which a bar stands for what was left out.
        code: the inline code, with how often each piece occurs.
    """

    prose: str
    code: Counter[str]


def splice(text: str, blocks: Sequence[Block], translate: Callable[[str], str]) -> str:
    """Replaces each block of a text by its translation.

    Args:
        text: the text that the blocks were cut from; its lines end in ``\\n``.
        blocks: blocks of it, in their order.
        translate: gives the translation of a block's text.
    """
    lines = text.split("\n")
    translated = [translate(block.text) for block in blocks]
    # From the end, so that the spans of earlier blocks still hold.
    for block, translation in zip(reversed(blocks), reversed(translated), strict=True):
        first, last = block.spans[0], block.spans[-1]
        after = lines[last.line][last.end :]
        before = [lines[span.line][: span.start] for span in block.spans]
        pieces = translation.split("\n")
        if block.continuation is None:
            pieces = [" ".join(pieces)]
        else:
            before += [block.continuation] * (len(pieces) - len(before))
        if block.is_table_cell:
            pieces = [piece.replace("|", r"\|") for piece in pieces]
        spliced = [start + piece for start, piece in zip(before, pieces, strict=False)]
        spliced[-1] += after
        lines[first.line : last.line + 1] = spliced
    return "\n".join(lines)


def markdown_blocks(text: str) -> list[Block]:
    """Cuts paragraphs, headings, list items and table cells out of Markdown.

    Of what is fenced, a ``{container}`` is cut like the Markdown around it, a ``{toctree}`` into
    its titles, and Python into its comments; what is fenced as ``text`` is one block. Other code,
    formulas, HTML but for a summary, and link definitions are not blocks, nor is what holds no
    letter outside inline code, formulas and placeholders.

    >>> [block.text for block in markdown_blocks("# One\\n\\n> two\\n> *three*\\n\\n    code")]
    ['One', 'two\\n*three*']
    """
    lines = text.split("\n")
    tokens = _parser().parse(text)
    blocks: list[Block] = []
    row: list[Token] = []
    for opening, token in itertools.pairwise([Token("", "", 0), *tokens]):
        if token.type == "fence":
            blocks += _fenced(lines, token)
        if token.type == "html_block":
            blocks += _summaries(lines, token)
        if token.type == "tr_open":
            row = []
        if token.type == "tr_close" and row:
            blocks += _table_row(lines, row)
        if token.type != "inline":
            continue
        if opening.type in {"th_open", "td_open"}:
            row.append(token)
        elif _has_words(token):
            is_atx = opening.markup.startswith("#")
            blocks.append(_heading(lines, token) if is_atx else _paragraph(lines, token))
    return blocks


def code_blocks(code: str) -> list[Block]:
    """Cuts the comments out of Python code, and the strings of lines that end in ``# words``.

    Full-line comments that follow one another are one block. Pragmas, and what has no letter, are
    not blocks.

    >>> [block.text for block in code_blocks("# one\\n# two\\nx = 1  # three\\n# noqa: E501")]
    ['one\\ntwo', 'three']
    >>> [block.text for block in code_blocks('print("longest:", name["x"])  # words')]
    ['longest:', 'x']

    Raises:
        SyntaxError: the code cannot be cut into tokens (tokenize.TokenError in Python 3.11).
    """
    lines = code.split("\n")
    blocks: list[Block] = []
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        row, column = token.start[0] - 1, token.start[1]
        if token.type == tokenize.STRING and _WORDS.search(lines[row]):
            if _PLAIN_STRING.fullmatch(token.string):
                span = Span(row, column + 1, token.end[1] - 1)
                blocks.append(Block(token.string[1:-1], (span,)))
            continue
        if token.type != tokenize.COMMENT or _PRAGMA.match(token.string):
            continue
        marker = re.match(r"#+ ?", token.string)
        assert marker is not None  # a comment begins with '#'
        span = Span(row, column + marker.end(), token.end[1])
        piece = lines[row][span.start : span.end]
        full_line = not lines[row][:column].strip()
        continuation = lines[row][:column] + "# " if full_line else None
        above = blocks[-1] if blocks else None
        if above and full_line and _joins(above, span, continuation):
            text = f"{above.text}\n{piece}"
            blocks[-1] = Block(text, (*above.spans, span), continuation)
        else:
            blocks.append(Block(piece, (span,), continuation))
    return [block for block in blocks if _has_letter(block.text)]


def without_marks(code: str) -> str:
    """The code without the comments that mark words.

    >>> without_marks('print("longest:")  # words')
    'print("longest:")'
    """
    return _WORDS.sub("", code)


def inlines(text: str) -> list[Inline]:
    """Every stretch of running text in Markdown, whether it is a block or not, in order."""
    return [_inline(token) for token in _parser().parse(text) if token.type == "inline"]


def links(text: str) -> Counter[str]:
    """The targets of the links and images in Markdown, with how often each occurs."""
    found: Counter[str] = Counter()
    for token in _parser().parse(text):
        for part in [token, *(token.children or [])]:
            if part.type in {"link_open", "image"}:
                found[str(part.attrs["href" if part.type == "link_open" else "src"])] += 1
            elif part.type.startswith("html_"):
                found.update(_HTML_LINK.findall(part.content))
    return found


def places(text: str) -> set[str]:
    """The places in a page of Markdown that links can name: one for each heading, as on GitHub.

    >>> sorted(places("# What `x` is\\n\\n## A, B"))
    ['a-b', 'what-x-is']
    """
    found = set()
    for opening, token in itertools.pairwise(_parser().parse(text)):
        if opening.type == "heading_open":
            heading = "".join(child.content for child in token.children or [])
            found.add(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-"))
    return found


def structure(text: str) -> list[tuple[str, str]]:
    """The kinds of the elements that Markdown consists of, such as headings and list items."""
    return [(token.type, token.tag) for token in _parser().parse(text)]


@functools.cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table")
    return parser.use(dollarmath_plugin, allow_labels=False)


def _lines_of(token: Token) -> tuple[int, int]:
    assert token.map is not None  # markdown-it maps every inline token of a block
    return token.map[0], token.map[1]


def _paragraph(lines: list[str], token: Token) -> Block:
    """A paragraph's line ends with the text and begins with whatever the nesting asks for."""
    contents = token.content.split("\n")
    first, _ = _lines_of(token)
    while not lines[first].rstrip().endswith(contents[0].strip()):
        first += 1  # a line of white space other than blanks, which the parser has stripped
    spans = []
    for index, content in enumerate(contents):
        line = lines[first + index]
        end = len(line.rstrip())
        is_last = index == len(contents) - 1
        spans.append(Span(first + index, end - len(content.strip()), end if is_last else len(line)))
    text = "\n".join(lines[span.line][span.start : span.end] for span in spans)
    marker = lines[first][: spans[0].start]
    return Block(text, tuple(spans), re.sub(r"[^>\s]", " ", marker))


def _heading(lines: list[str], token: Token) -> Block:
    """An ATX heading's text follows its number signs, and closing ones may follow the text."""
    row, _ = _lines_of(token)
    marker = re.match(r"[^#]*#+\s*", lines[row])
    assert marker is not None  # the parser found the number signs
    return Block(token.content, (Span(row, marker.end(), marker.end() + len(token.content)),))


def _table_row(lines: list[str], cells: list[Token]) -> Iterator[Block]:
    row, _ = _lines_of(cells[0])
    line = lines[row]
    pipes = [pipe.start() for pipe in _UNESCAPED_PIPE.finditer(line)]
    edges = list(zip([0, *(pipe + 1 for pipe in pipes)], [*pipes, len(line)], strict=True))
    pieces = [line[start:end].strip() for start, end in edges]
    contents = [cell.content.replace("|", r"\|") for cell in cells]
    # With a leading pipe, what stands before it belongs to the nesting and not to the row.
    after_pipe = [*pieces[1:], *[""] * len(contents)][: len(contents)]
    shift = 1 if after_pipe == contents else 0
    for cell, content, (start, end) in zip(cells, contents, edges[shift:], strict=False):
        if _has_words(cell):
            stop = start + len(line[start:end].rstrip())
            yield Block(cell.content, (Span(row, stop - len(content), stop),), is_table_cell=True)


def _fenced(lines: list[str], token: Token) -> Iterator[Block]:
    """What is to be translated between two fences, cut by the word behind the first."""
    cut = _CUTS.get(next(iter(token.info.split()), ""))
    first = _lines_of(token)[0] + 1
    contents = token.content.split("\n")[:-1]
    around = lines[first : first + len(contents)]
    if cut is None or not all(map(str.endswith, around, contents)):
        return  # nothing to translate, or white space that the parser has stripped
    margins = [len(line) - len(content) for line, content in zip(around, contents, strict=True)]
    for block in cut("\n".join(contents)):
        spans = tuple(
            Span(first + line, margins[line] + start, margins[line] + end)
            for line, start, end in ((span.line, span.start, span.end) for span in block.spans)
        )
        continuation = block.continuation
        if continuation is not None:
            continuation = around[0][: margins[0]] + continuation
        yield replace(block, spans=spans, continuation=continuation)


def _summaries(lines: list[str], token: Token) -> Iterator[Block]:
    for row in range(*_lines_of(token)):
        if found := _SUMMARY.search(lines[row]):
            yield Block(found[0], (Span(row, *found.span()),))


def _toctree(text: str) -> list[Block]:
    return [
        Block(found[0], (Span(row, *found.span()),))
        for row, line in enumerate(text.split("\n"))
        if (found := _TOCTREE_WORDS.search(line))
    ]


def blocks_of_sketch(code: str) -> list[Block]:
    """The blocks of code that need not be whole, as a page may show a part of it."""
    try:
        return code_blocks(code)
    except (SyntaxError, tokenize.TokenError):
        return []


def _whole(text: str) -> list[Block]:
    spans = (Span(row, 0, len(line)) for row, line in enumerate(text.split("\n")))
    return [Block(text, tuple(spans), "")] if _has_letter(text) else []


_CUTS: dict[str, Callable[[str], list[Block]]] = {
    "{container}": markdown_blocks,
    "{toctree}": _toctree,
    "python": blocks_of_sketch,
    "text": _whole,
}


def _joins(above: Block, span: Span, continuation: str | None) -> bool:
    return above.continuation == continuation and above.spans[-1].line == span.line - 1


def _has_letter(text: str) -> bool:
    return any(character.isalpha() for character in text)


def _has_words(token: Token) -> bool:
    return _has_letter(PLACEHOLDER.sub("", _inline(token).prose))


def _inline(token: Token) -> Inline:
    words: list[str] = []
    code: Counter[str] = Counter()
    for child in token.children or []:
        if child.type == "text":
            words.append(child.content)
        elif child.type in {"softbreak", "hardbreak"}:
            words.append(" ")
        elif child.type == "code_inline":
            code[child.content] += 1
            words.append("|")
        elif child.type == "image":
            words.append(child.content)
        elif child.type not in _TRANSPARENT:
            words.append("|")
    return Inline("".join(words), code)
