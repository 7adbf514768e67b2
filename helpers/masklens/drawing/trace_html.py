"""A trace as HTML: readable without a style sheet and by a screen reader, every text escaped."""

import re
from collections.abc import Sequence
from html import escape

from masklens._language import get_language
from masklens._language import translate as _
from masklens.drawing.rail import SIGNS, Joint, Sign, Stretch
from masklens.drawing.strip import small_square, small_strip
from masklens.drawing.theme import TRACE, style
from masklens.drawing.trace_answer import headline, questions, remarks, score_words
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


def html_trace(drawing: Drawing) -> str:
    """Writes a trace as HTML.

    Args:
        drawing: What is drawn.

    Returns:
        A `<style>` and a `<div>` with one table: the rail, and a row per call.
    """
    width = len(drawing.rail[0].joints) if drawing.rail else 1
    head = (_("layer"), _("what happens"), _("mask"), _("output shape"))
    cells = "".join(f"<th scope=col>{name}</th>" for name in head)
    body = f"<tr class=h><td class=r colspan={width}></td>{cells}</tr>" if drawing.rows else ""
    for row, stretch in drawing.lines:
        body += _row(drawing, row, stretch)
    if drawing.error is not None:
        stopped = _("The model stopped here")
        said = f"✕ <b>{stopped}</b>: {escape(error_words(drawing.error))}"
        body += _more((Joint(),) * width, said, "say")
    table = f"<table style=--n:{width}>{body}</table>" if body else ""
    return (
        f"<style>{style(TRACE)}</style>"
        f"<div class=masklens-trace lang={get_language()} style=overflow-x:auto><figure>"
        f"<figcaption>{_header(drawing)}</figcaption>{table}</figure></div>"
    )


def _header(drawing: Drawing) -> str:
    found = drawing.found
    answer = headline(found, drawing.error)
    sign = f"{_sign(answer.sign)} " if answer.sign else ""
    # A figure and its % stay on one line.
    said = escape(answer.text).replace(" %", "&nbsp;%")
    lines = [f"<b class={answer.tone}>{sign}{said}</b>"]
    if asked := questions(found):
        lines.append(_("The answer moves with:") + " " + _figures(asked))
    lines += map(_code, remarks(found))
    if scores := score_words(found):
        lines.append(_("That is about the answer. What the loss and the metrics do:"))
        lines.append(_figures([(f"{name}:", words) for name, words in scores]))
    first, *others = lines
    html = "<br>".join([first, *(f"<small>{line}</small>" for line in others)])
    signs = [f"<span>{_sign(sign)} {sign_words(sign)}</span>" for sign in drawing.signs]
    return html + (f"<br><small class=key>{' '.join(signs)}</small>" if signs else "")


def _figures(asked: Sequence[tuple[str, Words]]) -> str:
    return " · ".join(f"<span>{escape(name)} {_words(words)}</span>" for name, words in asked)


def _row(drawing: Drawing, row: Row, stretch: Stretch) -> str:
    html = ""
    indent = "&emsp;" * row.depth
    if repeats := block_words(row):
        html = _more(stretch.above, f"{indent}<small>{repeats}</small>")
    name = [f"<b>{_code(row_name(row)) if row.is_code else escape(row_name(row))}</b>"]
    if not row.is_code:
        name[0] += f" <i>{escape(row.call.layer_type)}</i>"
    name += [f"<small>{escape(detail)}</small>" for detail in row_details(row)]
    said = row_words(row, stretch)
    shapes = row.call.shapes_out if not row.is_code else ()
    why, way_out = drawing.reason(row)
    html += (
        f"<tr{' class=leak' * bool(why)}>{_rail(stretch.joints)}"
        f"<th scope=row>{'<br>'.join(indent + line for line in name)}</th>"
        f"<td>{'<br>'.join(map(_words, said))}</td>"
        f"<td>{'<br>'.join(map(_mask, drawing.masks(row)))}</td>"
        f"<td>{'<br>'.join(f'<code>{shape_words(shape)}</code>' for shape in shapes)}</td></tr>"
    )
    if why:
        code = f"<pre><code>{escape(way_out)}</code></pre>" if way_out else ""
        html += _more(stretch.below, f"<div>{_code(why)}{code}</div>", "say")
    if note := row.call.note:
        html += _more(stretch.below, f"<small>{escape(note)}</small>")
    return html


def _words(words: Words) -> str:
    drop = _sign(words.sign) + " " if words.sign else ""
    return f"<span class={words.tone}>{drop}{escape(words.text)}</span>"


def _more(joints: Sequence[Joint], html: str, kind: str = "note") -> str:
    """A row that says more about a call, as wide as the table."""
    return f"<tr class=m>{_rail(joints)}<td class={kind} colspan=4>{html}</td></tr>"


def _rail(joints: Sequence[Joint]) -> str:
    # The words beside it say the same.
    return "".join(
        f"<td class='{' '.join(['r', *_lines(joint)])}' aria-hidden=true>{_letter(joint)}</td>"
        for joint in joints
    )


def _lines(joint: Joint) -> list[str]:
    lines = zip("udlr", (joint.up, joint.down, joint.left, joint.right), strict=True)
    return [f"{side}{1 if line == 'solid' else 2}" for side, line in lines if line]


def _letter(joint: Joint) -> str:
    if joint.sign is None:
        return joint.letter.strip()
    return f"<span class='s {joint.sign}{' red' * joint.red}'>{SIGNS[joint.sign]}</span>"


def _sign(sign: Sign) -> str:
    return f"<span class='s {sign}' aria-hidden=true>{SIGNS[sign]}</span>"


def _mask(drawn: DrawnMask) -> str:
    sheet = drawn.sheet
    if drawn.mask is None:
        html = "—"
    elif sheet is None:
        html = escape(mask_words(drawn.mask))
    else:
        html = small_square(sheet) if drawn.is_square else small_strip(sheet)
    if drawn.argument:
        html = f"<code>{escape(drawn.argument)}</code> {html}"
    if drawn.of_row is not None:
        of_row = _("row {row}").format(row=drawn.of_row)
        html += f" <small>{of_row}</small>"
    return html + f" × {drawn.count}" * (drawn.count > 1)


def _code(text: str) -> str:
    """Escapes a text, and sets what stands in backticks as code."""
    return re.sub("`([^`]*)`", r"<code>\1</code>", escape(text))
