"""Cuts a lesson's notebook into slides: one idea on each, and what a cell shows after its code."""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# How much a slide says itself, in widths of a Latin letter; its speaker notes say everything.
_PARAGRAPH, _ITEM, _SLIDE = 210, 190, 520
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+(?=\S)")
_CODE = re.compile(r"`[^`]*`")
_MARKERS = {"**Predict.**": "predict", "**Why.**": "why"}
_WIDE = re.compile("[ᄀ-ᇿ⺀-鿿가-힣]")


@dataclass(frozen=True)
class Part:
    """A block of Markdown: its kind, its tokens, and the text of a heading or paragraph."""

    kind: str  # heading, predict, why, list, prose
    tokens: tuple[Token, ...]
    text: str


@dataclass(frozen=True)
class Slide:
    """A slide: what kind it is, the heading above it, and the HTML that it shows and notes."""

    kind: str  # title, section, prose, predict, why, cell
    heading: str
    body: str
    notes: str = ""
    cell: str = ""


@dataclass
class _Group:
    """The parts of a cell that go together, under one heading."""

    kind: str
    parts: list[Part] = field(default_factory=list)


def sections(book: NotebookNode, english: NotebookNode, figure: str) -> list[list[Slide]]:
    """The slides of a lesson, one list for each section of it.

    Args:
        book: the notebook, executed.
        english: its English counterpart, whose marks tell a prediction from a reason; a
            translation has the same blocks in the same cells.
        figure: the word for a figure in the language of the book.
    """
    sources = {cell.id: cell.source for cell in english.cells if cell.cell_type == "markdown"}
    heading = _plain(book.metadata["title"])
    found: list[list[Slide]] = []
    for cell in book.cells:
        if cell.cell_type == "code":
            body = f"{_code(cell.source)}{_outputs(cell.outputs, figure, heading)}"
            found[-1].append(Slide("cell", heading, body, cell=cell.id))
            continue
        parts = read(cell.source, sources.get(cell.id, cell.source))
        notes = "".join(map(_render, parts))
        for group in _groups(parts):
            if group.parts[0].kind == "heading":
                heading = _inline(group.parts[0].text)
                found.append([])
            bodies = _title(group) if len(found) == 1 and not found[0] else _bodies(group)
            for body in bodies:
                found[-1].append(
                    Slide(group.kind if found[-1] else "section", heading, body, notes)
                )
    title = found[0][0]
    found[0][0] = Slide("title", title.heading, title.body, title.notes)
    return found


def read(text: str, english: str) -> list[Part]:
    """Cuts Markdown into its blocks, each of the kind that its English counterpart has.

    >>> [part.kind for part in read("# 무엇\\n\\n**예측.** 셋?", "# What\\n\\n**Predict.** Three?")]
    ['heading', 'predict']
    """
    blocks, marks = list(_blocks(text)), [_kind(block) for block in _blocks(english)]
    kinds = marks if len(marks) == len(blocks) else [_kind(block) for block in blocks]
    return [Part(kind, block, _text(block)) for kind, block in zip(kinds, blocks, strict=True)]


def beginning(text: str, budget: int) -> str:
    """The first sentences of a text, as many as a budget of letters holds, and at least one.

    >>> beginning("One thing. Two `a. b` things! Three?", 30)
    'One thing. Two `a. b` things!'
    """
    kept: list[str] = []
    for sentence in _sentences(text):
        if kept and _weight(" ".join([*kept, sentence])) > budget:
            break
        kept.append(sentence)
    return " ".join(kept)


def style(theme: str) -> str:
    """The style sheet of highlighted code on a page in a theme, "light" or "dark"."""
    formatter = HtmlFormatter(style=f"a11y-high-contrast-{theme}")
    return str(formatter.get_style_defs(f"[data-theme={theme}] .highlight"))


def _blocks(text: str) -> Iterator[tuple[Token, ...]]:
    """The tokens of each block that stands in no other."""
    open_: list[Token] = []
    for token in _parser().parse(text):
        open_.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield tuple(open_)
            open_ = []


def _kind(block: Sequence[Token]) -> str:
    if block[0].type in ("heading_open", "bullet_list_open", "ordered_list_open"):
        return "heading" if block[0].type == "heading_open" else "list"
    starts = (kind for mark, kind in _MARKERS.items() if _text(block).startswith(mark))
    return next(starts, "prose")


def _text(block: Sequence[Token]) -> str:
    return block[1].content if len(block) == 3 and block[1].type == "inline" else ""


def _groups(parts: Iterable[Part]) -> Iterator[_Group]:
    """Each heading, prediction and reason with what belongs to it."""
    group: _Group | None = None
    for part in parts:
        begins = part.kind in ("heading", "predict", "why")
        if group is None or begins or (group.kind != "prose" and part.kind == "prose"):
            if group is not None:
                yield group
            group = _Group(part.kind if part.kind in ("predict", "why") else "prose")
        group.parts.append(part)
    if group is not None:
        yield group


def _title(group: _Group) -> list[str]:
    return ["".join(_render(part) for part in group.parts if part.kind != "heading")]


def _bodies(group: _Group) -> list[str]:
    """What the slides of a group show: its paragraphs, and one step after another."""
    paragraphs: list[str] = []
    steps: list[str] = []
    for part in group.parts:
        if part.kind == "predict":
            paragraphs.append(f'<div class="prediction"><p>{_inline(part.text)}</p></div>')
        elif part.kind == "why":
            steps += list(_sentences(beginning(part.text, 2 * _PARAGRAPH)))
        elif part.kind == "prose" and part.text:
            paragraphs.append(f"<p>{_inline(beginning(part.text, _PARAGRAPH))}</p>")
        elif part.kind == "list":
            steps += [beginning(item, _ITEM) for item in _items(part.tokens)]
        elif part.kind == "prose":
            paragraphs.append(_render(part))
    pages = [_steps(page, group.kind) for page in _packed(steps)]
    if paragraphs and pages and len(pages) == 1:
        return ["".join(paragraphs) + pages[0]]
    return ([] if not paragraphs and pages else ["".join(paragraphs)]) + pages


def _steps(texts: Sequence[str], kind: str) -> str:
    """Steps, of which the first is there and the others come one by one."""
    first, *others = map(_inline, texts)
    later = "".join(f'<li class="fragment">{step}</li>' for step in others)
    return f'<ul class="steps of-{kind}"><li>{first}</li>{later}</ul>'


def _packed(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts, in as many lists as slides can hold."""
    page: list[str] = []
    for text in texts:
        if page and _weight(" ".join([*page, text])) > _SLIDE:
            yield page
            page = []
        page.append(text)
    if page:
        yield page


def _items(tokens: Sequence[Token]) -> Iterator[str]:
    return (token.content for token in tokens if token.type == "inline")


def _sentences(text: str) -> list[str]:
    """The sentences of a paragraph; the mark that it opens with belongs to the first."""
    flat = " ".join(text.split())
    hidden = _CODE.sub(lambda code: re.sub(r"\s", "\0", code[0]), flat)
    found = [piece.replace("\0", " ") for piece in _SENTENCE_END.split(hidden)]
    if re.fullmatch(r"\*\*[^*]+\*\*", found[0]) and len(found) > 1:
        found[:2] = [" ".join(found[:2])]
    return found


def _weight(text: str) -> int:
    return len(text) + len(_WIDE.findall(text))


def _outputs(outputs: Sequence[NotebookNode], figure: str, heading: str) -> str:
    shown = [_output(output, f"{figure}: {html.unescape(_plain(heading))}") for output in outputs]
    return "".join(shown)


def _output(output: NotebookNode, alternative: str) -> str:
    """What a cell shows, as the richest of its forms that a page can show."""
    data = output.get("data", {"text/plain": output.get("text", "")})
    if "image/png" in data:
        picture = f"data:image/png;base64,{''.join(data['image/png'].split())}"
        image = f'<img src="{picture}" alt="{html.escape(alternative)}">'
        return f'<div class="output plot">{image}</div>'
    if "text/html" in data:
        kind = "explorer" if WIDGET_VIEW in data else "picture"
        return f'<div class="output {kind}">{data["text/html"]}</div>'
    text = html.escape(data["text/plain"].rstrip("\n"))
    return f'<div class="output text"><pre>{text}</pre></div>'


def _code(source: str) -> str:
    widest = max((_weight(line) for line in source.split("\n")), default=0)
    marked = highlight(source, PythonLexer(), HtmlFormatter(wrapcode=True))
    return f'<div class="code" style="--columns:{widest}">{marked}</div>'


def _inline(text: str) -> str:
    return str(_parser().renderInline(" ".join(text.split())))


def _render(part: Part) -> str:
    parser = _parser()
    return str(parser.renderer.render(part.tokens, parser.options, {}))


def _plain(text: str) -> str:
    return re.sub(r"<[^>]+>", "", _inline(text) if "<" not in text else text)


@functools.cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")
