"""Tables of timesteps, batch down and time to the right: the cells of a batch or a mask."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from masklens._language import translate as _
from masklens.drawing.elements import Element, element

# Kinds that end in "wrong" mark the places where a learner's answer differs from the right one.
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
    """One cell of a table.

    Attributes:
        kind: The kind of cell, which decides its shape, and its mark in text.
        text: The token, id or number; empty for the kinds `true`, `false` and `gap`.
    """

    kind: Kind
    text: str = ""


@dataclass(frozen=True)
class Legend:
    """An entry of a legend.

    Attributes:
        sign: The sign of one kind of timestep.
        meaning: Its meaning in words.
        struck: Whether the sign is struck out.
    """

    sign: str
    meaning: str
    struck: bool = False


@dataclass(frozen=True)
class Table:
    """A caption, column headings, and rows of cells.

    Attributes:
        caption: The words above the table.
        head: One heading per column, including the column of row numbers.
        rows: The cells of each sequence of the batch.
        code: Whether the caption is code.
        legend: The signs of the two kinds of timestep; empty for no legend.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    code: bool = False
    legend: tuple[Legend, ...] = ()


def table_element(table: Table) -> Element:
    """Draws a table whose kinds of cells differ also without a style sheet.

    Args:
        table: The table.

    Returns:
        A `<figure>` with a caption and a `<table>`, readable by a screen reader. In text, padding
        is in (parentheses), a cut token in ~tildes~, and a skipped token in /slashes/.

    Example:
        >>> from masklens.drawing.elements import text
        >>> print(text(table_element(Table("ids", ("0",), ((Cell("padding", "0"),),)))))
        ids
          0
        (0)
    """
    caption: list[str | Element] = [table.caption]
    if table.code:
        caption = [element("code", table.caption)]
    if table.legend:
        signs = [node for one in table.legend for node in (" · ", *_legend(one))][1:]
        caption += [element("br", plain=""), element("small", *signs, plain="")]
    names = (element("th", name, scope="col") if name else element("td") for name in table.head)
    rows = [element("tr", *names), *(element("tr", *map(_cell, row)) for row in table.rows)]
    return element("figure", element("figcaption", *caption), element("table", *rows))


def _legend(legend: Legend) -> tuple[str | Element, ...]:
    sign = element("s", legend.sign) if legend.struck else legend.sign
    return sign, f" {legend.meaning}"


def _cell(cell: Cell) -> Element:
    said, cross, differs = cell.text, element("sup", "✕"), _("differs")
    match cell.kind:
        case "token":
            return element("td", said, class_="t")
        case "padding":
            pad = element("small", _("pad"))
            return element("td", f"{said} ", pad, class_="p", plain=f"({said})")
        case "cut":
            return element("td", element("s", said), class_="x", plain=f"~{said}~")
        case "gap":
            return element("td")
        case "true":
            return element("td", "■", class_="y", aria_label=True)
        case "false":
            return element("td", element("s", "□"), class_="n", aria_label=False)
        case "skipped":
            return element("td", element("s", said), class_="k", plain=f"/{said}/")
        case "number":
            return element("th", said, scope="row")
        case "token-wrong":
            return element("td", said, cross, class_="t d")
        case "true-wrong":
            return element("td", "■✕", class_="y d", aria_label=f"True, {differs}")
        case "false-wrong":
            square = element("s", "□")
            return element("td", square, "✕", class_="n d", aria_label=f"False, {differs}")


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
