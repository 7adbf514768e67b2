"""The picture of several traces: their verdicts at a glance, and where each mask goes."""

from collections.abc import Mapping, Sequence

from masklens._language import get_language
from masklens.drawing.elements import Element, element, joined, text, with_code
from masklens.drawing.lines import printable
from masklens.drawing.picture import Picture
from masklens.drawing.theme import COMPARISON, TRACE
from masklens.drawing.threads import SIGNS
from masklens.drawing.trace_answer import remarks, short_verdict
from masklens.drawing.trace_drawing import Drawing
from masklens.drawing.trace_picture import details, framed, headline_element, legend, table_of
from masklens.tracing.findings import Findings


def draw_comparison(found: Mapping[str, Findings], errors: Mapping[str, BaseException]) -> Picture:
    """Draws traces side by side where there is room, otherwise one below the other.

    Each begins with its name, and a line that says what padding does to the answer and where it
    gets in. What holds for all of them is said once, above: the signs, and common remarks.

    Args:
        found: The traces by name.
        errors: The errors that stopped models, by the name of the trace.

    Returns:
        The picture.
    """
    drawings = {name: Drawing(one, errors.get(name)) for name, one in found.items()}
    common = _common_remarks([one.found for one in drawings.values() if one.error is None])
    signs = {sign for drawing in drawings.values() for sign in drawing.signs}
    lines = [element("small", *with_code(sentence)) for sentence in common]
    lines.append(legend([sign for sign in SIGNS if sign in signs]))
    head = element("p", *joined(lines, element("br")))
    parts = [_part(name, drawing, common) for name, drawing in drawings.items()]
    whole = element(
        "div",
        head,
        element("div", *parts, class_="parts"),
        class_="masklens-trace",
        lang=get_language(),
        # In text, an empty line stands between two traces.
        plain="\n\n".join(filter(None, map(text, (head, *parts)))),
    )
    return Picture((whole,), (TRACE, COMPARISON))


def _common_remarks(found: Sequence[Findings]) -> list[str]:
    first, *others = map(remarks, found) if found else ([],)
    return [sentence for sentence in first if all(sentence in said for said in others)]


def _part(name: str, drawing: Drawing, said_above: list[str]) -> Element:
    own = [sentence for sentence in remarks(drawing.found) if sentence not in said_above]
    caption = element(
        "figcaption",
        element("b", name, class_="name", plain=f"── {printable(name)} ──"),
        element("br"),
        headline_element(short_verdict(drawing)),
        *details(drawing.found, own),
    )
    return element("figure", caption, framed(*table_of(drawing)))
