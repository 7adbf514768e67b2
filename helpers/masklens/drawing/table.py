"""Tables of timesteps, batch down and time to the right: the same cells as HTML and as text."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Literal

from masklens._language import translate as _

# What ends in "wrong" stands in a learner's answer where the right one differs.
Kind = Literal[
    "token",
    "padding",
    "cut",
    "gap",
    "true",
    "false",
    "skipped",
    "number",
    "token-wrong",
    "true-wrong",
    "false-wrong",
]


@dataclass(frozen=True)
class Cell:
    """One place in a table.

    Attributes:
        kind: What stands here; each kind has a shape of its own, and a mark of its own in text.
        text: The token, id or number; the kinds `true`, `false` and `gap` need none.
    """

    kind: Kind
    text: str = ""


@dataclass(frozen=True)
class Legend:
    """What one kind of timestep looks like in a picture, and what it means.

    Attributes:
        sign: How it looks.
        meaning: What it means.
        struck: Whether it is struck out.
    """

    sign: str
    meaning: str
    struck: bool = False


@dataclass(frozen=True)
class Table:
    """A caption, column headings, and rows of cells.

    Attributes:
        caption: What the table shows.
        head: One heading per column, the column of row numbers included.
        rows: One list of cells per sequence of the batch.
        code: Whether the caption is code.
        legend: What the two kinds of timestep look like and mean; empty for none.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    code: bool = False
    legend: tuple[Legend, ...] = ()


# Without a style sheet the elements alone must tell the kinds apart: <s> strikes out, <small> names
# padding, and the two squares differ in shape.
_HTML = {
    "token": "<td class=t>{text}</td>",
    "padding": "<td class=p>{text} <small>{pad}</small></td>",
    "cut": "<td class=x><s>{text}</s></td>",
    "gap": "<td></td>",
    "true": "<td class=y aria-label=True>■</td>",
    "false": "<td class=n aria-label=False><s>□</s></td>",
    "skipped": "<td class=k><s>{text}</s></td>",
    "number": "<th scope=row>{text}</th>",
    "token-wrong": '<td class="t d">{text}<sup>✕</sup></td>',
    "true-wrong": '<td class="y d" aria-label="True, {differs}">■✕</td>',
    "false-wrong": '<td class="n d" aria-label="False, {differs}"><s>□</s>✕</td>',
}
_TEXT = {
    "token": "{text}",
    "padding": "({text})",
    "cut": "~{text}~",
    "gap": "",
    "true": "■",
    "false": "□",
    "skipped": "/{text}/",
    "number": "{text}",
    "token-wrong": "{text}✕",
    "true-wrong": "■✕",
    "false-wrong": "□✕",
}


def html_table(table: Table) -> str:
    """Writes a table as HTML, every text escaped.

    Args:
        table: The table.

    Returns:
        A `<figure>` with a caption and a `<table>`, readable without a style sheet and by a
        screen reader.

    Example:
        >>> html_table(Table("ids", ("0",), ((Cell("token", "<b>"),),)))[-48:]
        '<td class=t>&lt;b&gt;</td></tr></table></figure>'
    """
    caption = escape(table.caption, quote=False)
    if table.code:
        caption = f"<code>{caption}</code>"
    if table.legend:
        caption += f"<br><small>{' · '.join(map(_html_legend, table.legend))}</small>"
    head = "".join(f"<th scope=col>{name}</th>" if name else "<td></td>" for name in table.head)
    rows = "".join(f"<tr>{''.join(map(_html_cell, row))}</tr>" for row in table.rows)
    caption = f"<figcaption>{caption}</figcaption>"
    return f"<figure>{caption}<table><tr>{head}</tr>{rows}</table></figure>"


def text_table(table: Table) -> str:
    """Writes a table as aligned text.

    Args:
        table: The table.

    Returns:
        Its caption and rows, a line each. Padding stands in (parentheses), what was cut in
        ~tildes~, a token that is skipped in /slashes/.

    Example:
        >>> print(text_table(Table("ids", ("0",), ((Cell("token", "71"),),))))
        ids
         0
        71
    """
    lines = [list(table.head)]
    lines += [[_TEXT[cell.kind].format(text=cell.text) for cell in row] for row in table.rows]
    widths = [max(map(terminal_width, column)) for column in zip(*lines, strict=True)]
    aligned = ("  ".join(map(_right, line, widths)).rstrip() for line in lines)
    return "\n".join([table.caption, *aligned])


def _html_legend(legend: Legend) -> str:
    sign = f"<s>{legend.sign}</s>" if legend.struck else legend.sign
    return f"{sign} {legend.meaning}"


def _html_cell(cell: Cell) -> str:
    words = {"pad": _("pad"), "differs": _("differs")}
    return _HTML[cell.kind].format(text=escape(cell.text, quote=False), **words)


def terminal_width(text: str) -> int:
    """Counts the columns that a text takes in a terminal, where Hangul is two wide.

    Args:
        text: One line of text.

    Returns:
        The number of columns.

    Example:
        >>> terminal_width("mask"), terminal_width("마스크")
        (4, 6)
    """
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _right(text: str, width: int) -> str:
    return " " * (width - terminal_width(text)) + text


def numbered(rows: Iterable[Iterable[Cell]]) -> tuple[tuple[Cell, ...], ...]:
    """Puts the row number before each row.

    Args:
        rows: The rows, without numbers.

    Returns:
        The rows, each beginning with a cell of kind `number`.

    Example:
        >>> numbered([[Cell("true")]])
        ((Cell(kind='number', text='0'), Cell(kind='true', text='')),)
    """
    return tuple((Cell("number", str(place)), *row) for place, row in enumerate(rows))
