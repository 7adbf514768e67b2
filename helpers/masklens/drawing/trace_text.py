"""The table of a trace as text for a terminal: threads, and aligned columns beside them."""

from collections.abc import Iterator, Sequence

from masklens._language import translate as _
from masklens.drawing.elements import terminal_width
from masklens.drawing.lines import printable
from masklens.drawing.threads import SIGNS, ThreadCell, ThreadRow
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

# Larger masks are described by counts instead of squares.
_MOST_ROWS, _MOST_STEPS = 8, 12


def table_text(drawing: Drawing) -> str:
    """Writes the table of a trace as text.

    Args:
        drawing: The content of the picture.

    Returns:
        The rows, with reasons and ways out below the rows where padding gets in, and a legend.
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
    # A list is a line of cells in columns; a string is a sentence across the whole width.
    lines: list[list[str] | str] = [head]
    for row, threads in drawing.rows_with_threads:
        lines += _lines(drawing, row, threads)
    cells = [line for line in lines if isinstance(line, list)]
    widths = [max(map(terminal_width, column)) for column in zip(*cells, strict=True)]
    for line in lines:
        if isinstance(line, list):
            yield "  ".join(map(_left, line, widths)).rstrip()
        else:
            yield line


def _lines(drawing: Drawing, row: Row, threads: ThreadRow) -> Iterator[list[str] | str]:
    """Yields the lines of one row, with the threads running on beside each."""
    indent = "  " * row.depth
    if repeats := block_words(row):
        yield [_thread_letters(threads.above), indent + repeats, "", "", ""]
    name = row_name(row) if row.is_code else f"{row_name(row)}  {row.call.layer_type}"
    said = row_words(row, threads)
    columns = [
        [indent + name, *(f"{indent}  {detail}" for detail in row_details(row))],
        [", ".join(map(_words, said))],
        [line for drawn in drawing.masks(row) for line in _mask(drawn)],
        [] if row.is_code else [shape_words(shape) for shape in row.call.shapes_out],
    ]
    height = max(map(len, columns))
    padded = [column + [""] * (height - len(column)) for column in columns]
    below = _thread_letters(threads.below)
    for number, line in enumerate(zip(*padded, strict=True)):
        yield [below if number else _thread_letters(threads.cells), *line]
    why, way_out = drawing.reason(row)
    sentences = [why, *(f"    {code}" for code in way_out.splitlines()), row.call.note or ""]
    for sentence in filter(None, sentences):
        yield f"{below.ljust(2 * len(threads.below))}   {indent}{sentence}"


def _thread_letters(cells: Sequence[ThreadCell]) -> str:
    return "".join(cell.letter + ("─" if cell.right else " ") for cell in cells).rstrip()


def _mask(drawn: DrawnMask) -> list[str]:
    drawable = drawn.drawable
    if drawn.mask is None:
        lines = ["—"]
    elif drawable is None or drawable.shape[0] > _MOST_ROWS or drawable.shape[1] > _MOST_STEPS:
        lines = [mask_words(drawn.mask)]
    else:
        lines = ["".join("■" if step else "□" for step in row) for row in drawable]
    lines[0] += f" × {drawn.count}" * (drawn.count > 1)
    if not drawn.argument:
        return lines
    row_label = (
        "" if drawn.row_number is None else " " + _("row {row}").format(row=drawn.row_number)
    )
    return [drawn.argument + row_label, *lines]


def _left(text: str, width: int) -> str:
    return text + " " * (width - terminal_width(text))
