"""Tables of timesteps, batch down and time to the right: the cells of a batch or a mask."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from masklens._language import translate as _
from masklens.drawing.elements import Element, element

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


def table_element(table: Table) -> Element:
    """Draws a table; without a style sheet, too, its kinds of cells are told apart.

    Args:
        table: The table.

    Returns:
        A `<figure>` with a caption and a `<table>`, readable by a screen reader. As text, padding
        stands in (parentheses), what was cut in ~tildes~, a token that is skipped in /slashes/.

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
    """Each kind has a mark of its own: <s> strikes out, squares differ, <small> names padding."""
    said, cross = cell.text, element("sup", "✕")
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
            return element("td", "■✕", class_="y d", aria_label=f"True, {_('differs')}")
        case "false-wrong":
            square = element("s", "□")
            return element("td", square, "✕", class_="n d", aria_label=f"False, {_('differs')}")


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
