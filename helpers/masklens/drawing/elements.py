"""Elements: a picture is one tree of them, which is written as HTML and as text."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from masklens.drawing.lines import printable

_EMPTY = frozenset({"br", "img"})
# In text, each of these starts a new line.
_BLOCKS = frozenset({"div", "figure", "figcaption", "li", "p", "pre", "table", "ul"})


@dataclass(frozen=True)
class Element:
    """An element of HTML, with its form in text.

    Attributes:
        tag: The tag, such as `"td"`.
        attributes: Names and values.
        children: The texts and elements within it.
        plain: Its form in text; None for the text of its children.
    """

    tag: str
    attributes: tuple[tuple[str, str], ...]
    children: "tuple[str | Element, ...]"
    plain: str | None = None


def element(
    tag: str, *children: "str | Element", plain: str | None = None, **attributes: object
) -> Element:
    """Makes an element.

    Args:
        tag: The tag, such as `"td"`.
        children: The texts and elements within it.
        plain: Its form in text; None for the text of its children.
        attributes: Values by name, with `class_` for `class`, `aria_label` for `aria-label`.

    Returns:
        The element.

    Example:
        >>> html(element("td", "71 < 73", class_="t"))
        '<td class=t>71 &lt; 73</td>'
    """
    named = ((name.rstrip("_").replace("_", "-"), str(value)) for name, value in attributes.items())
    return Element(tag, tuple(named), children, plain)


def joined(parts: Iterable[str | Element], separator: str | Element) -> list[str | Element]:
    """Puts a separator between nodes.

    Args:
        parts: The nodes.
        separator: The node to put between two of them.

    Returns:
        The nodes and separators, in order.
    """
    nodes = [node for part in parts for node in (separator, part)]
    return nodes[1:]


def with_code(text: str) -> list[str | Element]:
    """Turns the parts of a sentence between backticks into code elements.

    Args:
        text: A sentence.

    Returns:
        Its nodes, which keep the backticks in text.

    Example:
        >>> html(*with_code("Look at `mask`."))
        'Look at <code>mask</code>.'
    """
    parts = enumerate(text.split("`"))
    return [element("code", p, plain=f"`{p}`") if at % 2 else p for at, p in parts if p]


def html(*nodes: str | Element) -> str:
    """Writes nodes as HTML, and escapes every text and attribute.

    Args:
        nodes: Texts and elements.

    Returns:
        The HTML.
    """
    return "".join(
        escape(node, quote=False) if isinstance(node, str) else _html(node) for node in nodes
    )


def _html(node: Element) -> str:
    start = "".join(f" {name}={_quoted(value)}" for name, value in node.attributes)
    end = "" if node.tag in _EMPTY else f"{html(*node.children)}</{node.tag}>"
    return f"<{node.tag}{start}>{end}"


def _quoted(value: str) -> str:
    if re.fullmatch(r"[\w.:#-]+", value):
        return value
    return '"' + escape(value, quote=False).replace('"', "&quot;") + '"'


def text(*nodes: str | Element) -> str:
    """Writes nodes as text for a terminal.

    Args:
        nodes: Texts and elements.

    Returns:
        The text: blocks on lines of their own, an empty line before each figure but the first, and
        tables in columns.

    Example:
        >>> print(text(element("p", "one"), element("p", "two ", element("b", "three"))))
        one
        two three
    """
    lines: list[str] = []
    line = ""
    for node in nodes:
        said = printable(node) if isinstance(node, str) else _text(node)
        if isinstance(node, str) or node.tag not in _BLOCKS:
            line += said
            continue
        between = [""] if node.tag == "figure" and lines else []
        lines += [line, *between, said] if line else [*between, said] if said else []
        line = ""
    return "\n".join([*lines, line] if line else lines).rstrip("\n")


def _text(node: Element) -> str:
    if node.plain is not None:
        return node.plain
    if node.tag == "br":
        return "\n"
    if node.tag == "img":
        return dict(node.attributes).get("alt", "")
    if node.tag == "table":
        return _columns(
            [
                [text(cell) for cell in row.children]
                for row in node.children
                if isinstance(row, Element)
            ]
        )
    if node.tag == "pre":
        return "\n".join(map(printable, _raw(node).splitlines()))
    return text(*node.children)


def _raw(node: str | Element) -> str:
    return node if isinstance(node, str) else "".join(map(_raw, node.children))


def _columns(rows: list[list[str]]) -> str:
    widths = [max(map(terminal_width, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(_right, row, widths)).rstrip() for row in rows)


def _right(said: str, width: int) -> str:
    return " " * (width - terminal_width(said)) + said


def terminal_width(line: str) -> int:
    """Counts the columns that a line takes in a terminal, two for each syllable of Hangul.

    Args:
        line: One line of text.

    Returns:
        The number of columns.

    Example:
        >>> terminal_width("mask"), terminal_width("마스크")
        (4, 6)
    """
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)
