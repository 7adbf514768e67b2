"""The picture of a trace: whether padding gets into the answer, and where the mask goes."""

from masklens.drawing.picture import Picture
from masklens.drawing.trace_drawing import Drawing
from masklens.drawing.trace_html import html_trace
from masklens.drawing.trace_text import text_trace
from masklens.tracing.findings import Findings


def draw(found: Findings, error: BaseException | None = None) -> Picture:
    """Draws a trace: one sentence that answers the question, then one row per call.

    Beside the rows runs the thread of the mask: it starts in a knot where a mask is made, runs
    through a ring where it is passed on, and ends in a bar where it is taken and its time axis is
    gone, or in a cross where it is not passed on. A red drop stands where padding gets in; below
    it stands why, and a way out. Where a mask was lost that would have kept padding out, the
    cross is red, and the thread dotted below it. Equal blocks fold into one.

    Args:
        found: The trace.
        error: What stopped the model, if something did.

    Returns:
        The picture.
    """
    drawing = Drawing(found, error)
    return Picture(html_trace(drawing), text_trace(drawing))
