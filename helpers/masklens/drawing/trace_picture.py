"""The picture of a trace: whether padding gets into the answer, and where the mask goes."""

from collections.abc import Iterator, Sequence

from masklens._language import get_language
from masklens._language import translate as _
from masklens.drawing.elements import Element, element, joined, with_code
from masklens.drawing.large_mask import attention_mask_image, mask_image
from masklens.drawing.picture import Picture
from masklens.drawing.theme import TRACE
from masklens.drawing.threads import SIGNS, Sign, ThreadCell, ThreadRow
from masklens.drawing.trace_answer import headline, questions, remarks, score_words
from masklens.drawing.trace_drawing import Drawing, DrawnMask
from masklens.drawing.trace_rows import Row
from masklens.drawing.trace_text import table_text
from masklens.drawing.trace_words import (
    Words,
    block_words,
    error_words,
    mask_words,
    row_details,
    row_name,
    row_words,
    shape_words,
    sign_words,
)
from masklens.tracing.findings import Findings

_LINE = element("br")


def draw(found: Findings, error: BaseException | None = None) -> Picture:
    """Draws a trace: a sentence with the verdict, then one row per call.

    The thread of a mask runs beside the rows. It starts at a dot where a mask is made, runs through
    a ring where it is passed on, and ends in a bar where it is used up, or in a cross where it is
    not passed on. A red drop marks a call where padding gets in, with the reason and a way out
    below. If the lost mask would have kept padding out, its cross is red, and the thread continues
    as a dotted line. Repeated blocks fold into one.

    Args:
        found: The trace.
        error: The error that stopped the model, if any.

    Returns:
        The picture.
    """
    drawing = Drawing(found, error)
    answer = headline_element(headline(found, error))
    caption = element("figcaption", answer, *details(found, remarks(found), drawing.signs))
    return Picture((framed(element("figure", caption, *table_of(drawing))),), (TRACE,))


def framed(*nodes: Element) -> Element:
    """Puts elements into the `<div>` that `trace.css` styles.

    Args:
        nodes: A figure, or the table of one.

    Returns:
        The `<div>`, whose table follows the room that there is.
    """
    # A style attribute, so that a wide table scrolls on a phone also without style sheets.
    style = "overflow-x:auto"
    return element("div", *nodes, class_="masklens-trace", lang=get_language(), style=style)


def table_of(drawing: Drawing) -> Iterator[Element]:
    """Sets the rows of a trace, with the threads beside them.

    Args:
        drawing: The content of the picture.

    Yields:
        The `<table>`; nothing for a trace without rows or an error.
    """
    # Text needs a layout of its own: threads made of letters, and long sentences below a row.
    plain = table_text(drawing)
    if rows := list(_table_rows(drawing)):
        yield element("table", *rows, style=f"--n:{_width(drawing)}", plain=plain)


def _width(drawing: Drawing) -> int:
    return len(drawing.threads[0].cells) if drawing.threads else 1


def _table_rows(drawing: Drawing) -> Iterator[Element]:
    if drawing.rows:
        names = (_("layer"), _("what happens"), _("mask"), _("output shape"))
        corner = element("td", class_="r", colspan=_width(drawing))
        yield element(
            "tr", corner, *(element("th", name, scope="col") for name in names), class_="h"
        )
    for row, threads in drawing.rows_with_threads:
        yield from _rows(drawing, row, threads)
    if drawing.error is not None:
        stopped = element("b", _("The model stopped here"))
        said = "✕ ", stopped, f": {error_words(drawing.error)}"
        yield _more((ThreadCell(),) * _width(drawing), *said, kind="say")


def headline_element(answer: Words) -> Element:
    """Sets the sentence that answers whether padding gets in, with its sign.

    Args:
        answer: The sentence.

    Returns:
        The `<b>` in the tone of the sentence.
    """
    # Keep a number and its % on one line.
    said = with_code(answer.text.replace(" %", "\u00a0%"))
    return element("b", *_signed(answer.sign), *said, class_=answer.tone, plain=_plain(answer))


def details(
    found: Findings, sentences: Sequence[str], signs: Sequence[Sign] = ()
) -> Iterator[Element]:
    """Sets what stands below the headline: the figures, the remarks, the scores, the legend.

    Args:
        found: The trace.
        sentences: The remarks between the figures and the scores, with code in backticks.
        signs: The signs to explain.

    Yields:
        Small lines, each with the break before it.
    """
    lines: list[list[str | Element]] = []
    if asked := questions(found):
        lines.append([_("The answer moves with:") + " ", *_figures(asked)])
    lines += map(with_code, sentences)
    if scores := score_words(found):
        lines.append([_("This was about the answer. The loss and the metrics:")])
        lines.append(_figures([(f"{name}:", words) for name, words in scores]))
    for line in lines:
        yield from (_LINE, element("small", *line))
    if signs:
        yield from (element("br", plain=""), legend(signs))


def legend(signs: Sequence[Sign]) -> Element:
    """Explains signs; in text nothing, since a legend stands below the rows there.

    Args:
        signs: The signs that occur in the picture.

    Returns:
        The small line.
    """
    spans = [element("span", _sign(sign), f" {sign_words(sign)}") for sign in signs]
    return element("small", *joined(spans, " "), class_="key", plain="")


def _figures(asked: Sequence[tuple[str, Words]]) -> list[str | Element]:
    spans = (element("span", f"{name} ", _words(words)) for name, words in asked)
    return joined(spans, " · ")


def _rows(drawing: Drawing, row: Row, threads: ThreadRow) -> Iterator[Element]:
    indent = "\u2003" * row.depth
    if repeats := block_words(row):
        yield _more(threads.above, indent, element("small", repeats))
    shapes = row.call.shapes_out if not row.is_code else ()
    why, way_out = drawing.reason(row)
    yield element(
        "tr",
        *_thread_cells(threads.cells),
        element("th", *_name(row, indent), scope="row"),
        element("td", *joined(map(_words, row_words(row, threads)), _LINE)),
        element("td", *_masks(drawing, row)),
        element("td", *joined((element("code", shape_words(shape)) for shape in shapes), _LINE)),
        **({"class_": "leak"} if why else {}),
    )
    if why:
        code = [element("pre", element("code", way_out))] if way_out else []
        yield _more(threads.below, element("div", *with_code(why), *code), kind="say")
    if note := row.call.note:
        yield _more(threads.below, element("small", note))


def _name(row: Row, indent: str) -> Iterator[str | Element]:
    if row.is_code:
        yield from (indent, element("b", *with_code(row_name(row))))
    else:
        kind = element("i", row.call.layer_type)
        yield from (indent, element("b", row_name(row)), " ", kind)
    for detail in row_details(row):
        yield from (_LINE, indent, element("small", detail))


def _words(words: Words) -> Element:
    return element("span", *_signed(words.sign), words.text, class_=words.tone, plain=_plain(words))


def _plain(words: Words) -> str:
    return f"{SIGNS[words.sign]} {words.text}" if words.sign else words.text


def _more(cells: Sequence[ThreadCell], *children: str | Element, kind: str = "note") -> Element:
    """Makes a row as wide as the table that says more about a call."""
    return element(
        "tr", *_thread_cells(cells), element("td", *children, class_=kind, colspan=4), class_="m"
    )


def _thread_cells(cells: Sequence[ThreadCell]) -> Iterator[Element]:
    for cell in cells:
        kinds = " ".join(["r", *_lines(cell)])
        # Screen readers get the same from the words in the row.
        yield element("td", *_letter(cell), class_=kinds, aria_hidden="true")


def _lines(cell: ThreadCell) -> list[str]:
    lines = zip("udlr", (cell.up, cell.down, cell.left, cell.right), strict=True)
    return [f"{side}{1 if line == 'solid' else 2}" for side, line in lines if line]


def _letter(cell: ThreadCell) -> list[str | Element]:
    if cell.sign is None:
        return [cell.letter.strip()]
    return [element("span", SIGNS[cell.sign], class_=f"s {cell.sign}{' red' * cell.red}")]


def _signed(sign: Sign | None) -> list[str | Element]:
    return [_sign(sign), " "] if sign else []


def _sign(sign: Sign) -> Element:
    return element("span", SIGNS[sign], class_=f"s {sign}", aria_hidden="true")


def _masks(drawing: Drawing, row: Row) -> Iterator[str | Element]:
    for place, drawn in enumerate(drawing.masks(row)):
        if place:
            yield _LINE
        if drawn.argument:
            yield from (element("code", drawn.argument), " ")
        yield _mask(drawn)
        if drawn.row_number is not None:
            yield from (" ", element("small", _("row {row}").format(row=drawn.row_number)))
        if drawn.count > 1:
            yield f" × {drawn.count}"


def _mask(drawn: DrawnMask) -> str | Element:
    if drawn.mask is None:
        return "—"
    if drawn.drawable is None:
        return mask_words(drawn.mask)
    return attention_mask_image(drawn.drawable) if drawn.is_square else mask_image(drawn.drawable)
