"""The table of a trace as text for a terminal: a rail, and columns that line up beside it."""

from collections.abc import Iterator, Sequence

from masklens._language import translate as _
from masklens.drawing.elements import terminal_width
from masklens.drawing.lines import printable
from masklens.drawing.threads import SIGNS, Joint, Stretch
from masklens.drawing.trace_drawing import Drawing, DrawnMask
from masklens.drawing.trace_rows import Row
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

# A terminal shows the squares of a mask up to this size, and counts beyond it.
_MOST_ROWS, _MOST_STEPS = 8, 12


def table_text(drawing: Drawing) -> str:
    """Writes the table of a trace as text.

    Args:
        drawing: What is drawn.

    Returns:
        The rows, below a row where padding gets in the reason and a way out, and what the signs
        mean.
    """
    lines = list(_table(drawing)) if drawing.rows else []
    if drawing.error is not None:
        stopped = _("The model stopped here")
        lines.append(f"✕ {stopped}: {error_words(drawing.error)}")
    if signs := [f"{SIGNS[sign]} {sign_words(sign)}" for sign in drawing.signs]:
        lines += ["", "   ".join(signs)]
    return "\n".join(map(printable, ["", *lines] if drawing.rows else lines))


def _words(words: Words) -> str:
    return f"{SIGNS[words.sign]} {words.text}" if words.sign else words.text


def _table(drawing: Drawing) -> Iterator[str]:
    head = ["", _("layer"), _("what happens"), _("mask"), _("output shape")]
    # A line of cells stands in columns; a sentence below a row takes the whole width.
    lines: list[list[str] | str] = [head]
    for row, stretch in drawing.lines:
        lines += _lines(drawing, row, stretch)
    cells = [line for line in lines if isinstance(line, list)]
    widths = [max(map(terminal_width, column)) for column in zip(*cells, strict=True)]
    for line in lines:
        if isinstance(line, list):
            yield "  ".join(map(_left, line, widths)).rstrip()
        else:
            yield line


def _lines(drawing: Drawing, row: Row, stretch: Stretch) -> Iterator[list[str] | str]:
    """The lines of one row, as many as its tallest cell has; the rail runs on beside them."""
    indent = "  " * row.depth
    if repeats := block_words(row):
        yield [_rail(stretch.above), indent + repeats, "", "", ""]
    name = row_name(row) if row.is_code else f"{row_name(row)}  {row.call.layer_type}"
    said = row_words(row, stretch)
    columns = [
        [indent + name, *(f"{indent}  {detail}" for detail in row_details(row))],
        [", ".join(map(_words, said))],
        [line for drawn in drawing.masks(row) for line in _mask(drawn)],
        [] if row.is_code else [shape_words(shape) for shape in row.call.shapes_out],
    ]
    height = max(map(len, columns))
    padded = [column + [""] * (height - len(column)) for column in columns]
    below = _rail(stretch.below)
    for number, line in enumerate(zip(*padded, strict=True)):
        yield [below if number else _rail(stretch.joints), *line]
    why, way_out = drawing.reason(row)
    sentences = [why, *(f"    {code}" for code in way_out.splitlines()), row.call.note or ""]
    for sentence in filter(None, sentences):
        yield f"{below.ljust(2 * len(stretch.below))}   {indent}{sentence}"


def _rail(joints: Sequence[Joint]) -> str:
    return "".join(joint.letter + ("─" if joint.right else " ") for joint in joints).rstrip()


def _mask(drawn: DrawnMask) -> list[str]:
    sheet = drawn.sheet
    if drawn.mask is None:
        lines = ["—"]
    elif sheet is None or sheet.shape[0] > _MOST_ROWS or sheet.shape[1] > _MOST_STEPS:
        lines = [mask_words(drawn.mask)]
    else:
        lines = ["".join("■" if step else "□" for step in row) for row in sheet]
    lines[0] += f" × {drawn.count}" * (drawn.count > 1)
    if not drawn.argument:
        return lines
    of_row = "" if drawn.of_row is None else " " + _("row {row}").format(row=drawn.of_row)
    return [drawn.argument + of_row, *lines]


def _left(text: str, width: int) -> str:
    return text + " " * (width - terminal_width(text))
