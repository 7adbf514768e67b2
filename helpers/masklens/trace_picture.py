"""The picture of a trace, as HTML and as text: a row per call, and the thread of the mask."""

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path

from masklens.tracing.calls import LayerCall, Mask, Shape
from masklens.language import get_language
from masklens.language import translate as _
from masklens.picture import Picture
from masklens.rail import Joint, Stretch, lay_rail
from masklens.strip import small_strip
from masklens.table import terminal_width
from masklens.trace_rows import Row, same_mask, trace_rows
from masklens.trace_words import effect_words, explain_loss, loss_words, trace_summary, use_words

# A terminal shows the squares of a mask up to this size, and counts beyond it.
_MOST_TEXT_ROWS, _MOST_TEXT_STEPS = 3, 8

_SIGNS = {
    "creates": "●",
    "passes": "○",
    "changes": "◆",
    "ends": "┻",
    "drops": "✕",
    "none": "·",
}
# Which line leads up, down, left and right, and the letter that draws it.
_LINES = {
    (True, True, False, False): "│",
    (True, False, False, False): "╵",
    (False, True, False, False): "╷",
    (True, True, False, True): "├",
    (True, True, True, False): "┤",
    (True, False, True, False): "┘",
    (True, False, False, True): "└",
    (True, False, True, True): "┴",
    (False, False, True, True): "─",
    (True, True, True, True): "┼",
}


def draw(calls: Sequence[LayerCall], error: BaseException | None = None) -> Picture:
    """Draws a trace: one row per call, nested by depth, and beside it the thread of the mask.

    The thread starts in a knot where a mask is created, runs through a bead where it is passed on,
    ends in a bar where it is taken and its time axis is gone, and is cut where it is lost; there a
    sentence says why, and what to do. Below a cut it is dotted. Blocks that repeat fold into one.

    Args:
        calls: The calls of a trace.
        error: What stopped the model, if something did.

    Returns:
        The picture.
    """
    rows = trace_rows(calls)
    rail = lay_rail(rows)
    return Picture(_html(calls, rows, rail, error), _text(calls, rows, rail, error))


def _html(
    calls: Sequence[LayerCall],
    rows: Sequence[Row],
    rail: Sequence[Stretch],
    error: BaseException | None,
) -> str:
    width = len(rail[0].joints) if rail else 1
    strips: dict[int, str] = {}
    head = (_("layer"), _("mask in"), _("mask out"), _("output shape"))
    cells = "".join(f"<th scope=col>{name}</th>" for name in head)
    body = f"<tr>{'<td></td>' * width}{cells}</tr>"
    for row, stretch in zip(rows, rail, strict=True):
        body += _html_row(calls, row, stretch, strips)
    if error is not None:
        body += _html_more((Joint(),) * width, f"✕ {_html_error(error)}")
    title = _("Where the mask goes")
    caption = f"<b>{title}</b> <small>{escape(trace_summary(calls))}</small>"
    return (
        f"<style>{_style()}</style>"
        f"<div class=masklens-trace lang={get_language()} style=overflow-x:auto><figure>"
        f"<figcaption>{caption}</figcaption><table>{body}</table></figure></div>"
    )


def _html_row(
    calls: Sequence[LayerCall], row: Row, stretch: Stretch, strips: dict[int, str]
) -> str:
    call = row.call
    indent = "&emsp;" * call.depth
    html = ""
    if row.block:
        repeats = _("these {rows} rows, {count} times").format(rows=row.block, count=row.count)
        html = (
            f"<tr>{_html_rail(stretch.above)}"
            f"<td colspan=4>{indent}<small>{repeats}</small></td></tr>"
        )
    lines = [f"{_html_name(row)} <i>{escape(call.layer_type)}</i>", _html_badge(call, stretch)]
    if came := _came_from(row):
        lines.append(f"<small>{escape(came)}</small>")
    name = "<br>".join(indent + line for line in lines)
    shapes = "<br>".join(f"<code>{_shape(shape)}</code>" for shape in call.shapes_out)
    html += (
        f"<tr>{_html_rail(stretch.joints)}<th scope=row>{name}</th>"
        f"<td>{_html_masks(call.masks_in, strips)}</td>"
        f"<td>→ {_html_masks(call.masks_out, strips)}</td><td>{shapes}</td></tr>"
    )
    if note := _note(call):
        html += _html_more(stretch.below, f"<small>{escape(note)}</small>", " note")
    if call.costs_a_mask:
        html += _html_more(stretch.below, f"✕ {_html_loss(calls, call)}")
    return html


def _html_name(row: Row) -> str:
    times = f" <i>× {row.count}</i>" if row.count > 1 else ""
    return f"<b>{escape(_names(row))}</b>{times}"


def _html_badge(call: LayerCall, stretch: Stretch) -> str:
    words = effect_words(call, sees_no_mask=stretch.sees_no_mask)
    sign = _SIGNS[call.effect]
    html = f"<span class='b {call.effect}'>{sign} {words}</span>"
    if used := use_words(call):
        html += f" <span class='b none'>{'✓' if call.uses_mask else '–'} {used}</span>"
    return html


def _html_more(joints: Sequence[Joint], html: str, kind: str = "") -> str:
    """A row below a call that says more about it, as wide as the table."""
    said = f"<td class=say colspan=4><div>{html}</div></td>"
    return f"<tr class='more{kind}'>{_html_rail(joints)}{said}</tr>"


def _html_rail(joints: Sequence[Joint]) -> str:
    return "".join(map(_html_joint, joints))


def _html_joint(joint: Joint) -> str:
    lines = zip("udlr", (joint.up, joint.down, joint.left, joint.right), strict=True)
    kinds = [f"{side}{1 if line == 'solid' else 2}" for side, line in lines if line]
    kinds += [joint.mark] if joint.mark else []
    # The badge says the same in words.
    return f"<td class='{' '.join(['r', *kinds])}' aria-hidden=true>{_sign(joint)}</td>"


def _html_masks(masks: Sequence[Mask | None], strips: dict[int, str]) -> str:
    return "<br>".join(
        _html_mask(mask, strips) + (f" × {count}" if count > 1 else "")
        for mask, count in _distinct(masks)
    )


def _html_mask(mask: Mask | None, strips: dict[int, str]) -> str:
    if mask is None:
        return "—"
    if id(mask) not in strips:
        drawable = mask.ndim == 2 and mask.size
        strips[id(mask)] = small_strip(mask) if drawable else escape(_mask_words(mask))
    return strips[id(mask)]


def _html_loss(calls: Sequence[LayerCall], call: LayerCall) -> str:
    template, names = loss_words(calls, call)
    html = re.sub("`([^`]*)`", r"<code>\1</code>", escape(template))
    return html.format(**{key: f"<b>{escape(name)}</b>" for key, name in names.items()})


def _html_error(error: BaseException) -> str:
    stopped = _("The model stopped here")
    return f"<span class=cut>{stopped}</span>: {escape(error_words(error))}"


@cache
def _style() -> str:
    sheet = Path(__file__).with_name("trace.css").read_text(encoding="utf-8")
    return "".join(sheet.splitlines()[1:])


def _text(
    calls: Sequence[LayerCall],
    rows: Sequence[Row],
    rail: Sequence[Stretch],
    error: BaseException | None,
) -> str:
    head = ["", _("layer"), _("what happens"), _("mask in"), _("mask out"), _("output shape")]
    lines = [head]
    drawn: dict[int, list[str]] = {}
    for row, stretch in zip(rows, rail, strict=True):
        lines += _text_lines(row, stretch, drawn)
    widths = [max(map(terminal_width, column)) for column in zip(*lines, strict=True)]
    title = _("Where the mask goes")
    text = [f"{title} · {trace_summary(calls)}"]
    text += ["  ".join(map(_left, line, widths)).rstrip() for line in lines]
    said = [f"{row.call.name}: {note}" for row in rows if (note := _note(row.call))]
    for row in rows:
        if row.call.costs_a_mask:
            said.append(f"✕ {explain_loss(calls, row.call)}")
    if error is not None:
        stopped = _("The model stopped here")
        said.append(f"✕ {stopped}: {error_words(error)}")
    return "\n".join([*text, *([""] if said else []), *said])


def _text_lines(row: Row, stretch: Stretch, drawn: dict[int, list[str]]) -> list[list[str]]:
    """The lines of one row, as many as its tallest cell has; the rail runs on beside them."""
    call = row.call
    indent = "  " * call.depth
    times = f" × {row.count}" if row.count > 1 else ""
    name = [f"{indent}{_names(row)}{times}  {call.layer_type}"]
    if came := _came_from(row):
        name.append(f"{indent}  {came}")
    effect = effect_words(call, sees_no_mask=stretch.sees_no_mask)
    cells = [
        name,
        [", ".join(filter(None, (effect, use_words(call))))],
        _text_masks(call.masks_in, drawn),
        _text_masks(call.masks_out, drawn),
        [_shape(shape) for shape in call.shapes_out],
    ]
    height = max(map(len, cells))
    padded = [cell + [""] * (height - len(cell)) for cell in cells]
    lines = [list(line) for line in zip(*padded, strict=True)]
    rails = [_text_rail(stretch.joints)] + [_text_rail(stretch.below)] * (height - 1)
    lines = [[side, *line] for side, line in zip(rails, lines, strict=True)]
    if row.block:
        repeats = _("these {rows} rows, {count} times").format(rows=row.block, count=row.count)
        lines.insert(0, [_text_rail(stretch.above), indent + repeats, "", "", "", ""])
    return lines


def _text_rail(joints: Sequence[Joint]) -> str:
    return "".join(_sign(joint) + ("─" if joint.right else " ") for joint in joints).rstrip()


def _text_masks(masks: Sequence[Mask | None], drawn: dict[int, list[str]]) -> list[str]:
    lines: list[str] = []
    for mask, count in _distinct(masks):
        if id(mask) not in drawn:
            drawn[id(mask)] = _text_mask(mask)
        first, *others = drawn[id(mask)]
        # An empty line parts two masks of several rows.
        lines += [""] * bool(lines and others)
        lines += [first + (f" × {count}" if count > 1 else ""), *others]
    return lines


def _text_mask(mask: Mask | None) -> list[str]:
    if mask is None:
        return ["—"]
    small = len(mask) <= _MOST_TEXT_ROWS and mask.size <= len(mask) * _MOST_TEXT_STEPS
    if mask.ndim == 2 and mask.size and small:
        return ["".join("■" if step else "□" for step in row) for row in mask]
    return [_mask_words(mask)]


def _mask_words(mask: Mask) -> str:
    if mask.shape == (0, 0):
        # A symbolic call: that there is a mask is known, but not its values.
        return _("a mask")
    counts = _("{true}/{all} True").format(true=int(mask.sum()), all=mask.size)
    return counts if mask.ndim == 2 else f"{counts}, {_shape(mask.shape)}"


def _distinct(masks: Sequence[Mask | None]) -> list[tuple[Mask | None, int]]:
    """The masks without repetition, each with the number of times that it stands there."""
    found: list[tuple[Mask | None, int]] = []
    for mask in masks:
        for at, (other, count) in enumerate(found):
            if same_mask(mask, other):
                found[at] = other, count + 1
                break
        else:
            found.append((mask, 1))
    return found or [(None, 1)]


def _names(row: Row) -> str:
    """The call's name; for several, the first and the last, without what both begin with."""
    first, last = row.call.name, row.last.name
    if first == last:
        return first
    stem, number = re.sub(r"_\d+$", "", first), re.search(r"_\d+$", last)
    same = number is not None and last == stem + number[0]
    return f"{first} … {number[0] if number and same else last}"


def _note(call: LayerCall) -> str | None:
    # That a call cleared the mask of its input is said where the mask is lost.
    return None if call.costs_a_mask and call.effect not in ("drops", "ends") else call.note


def _came_from(row: Row) -> str:
    if not row.from_names:
        return ""
    names = [_("outside") if name is None else name for name in row.from_names]
    return _("from {names}").format(names=", ".join(names))


def _shape(shape: Shape) -> str:
    return escape(str(tuple(shape)))


def _sign(joint: Joint) -> str:
    if joint.mark:
        return _SIGNS[joint.mark]
    lines = joint.up, joint.down, joint.left, joint.right
    if "dotted" in lines and not (joint.left or joint.right):
        return "┊"
    sides = tuple(map(bool, lines))
    return _LINES.get(sides, "┼") if any(sides) else " "  # type: ignore[arg-type]  # four of them


def error_words(error: BaseException) -> str:
    """Finds the line that says what was wrong, as Keras wraps it in others.

    Args:
        error: What a model raised.

    Returns:
        The error's type and that line.

    Example:
        >>> error_words(ValueError("While calling dense.\\n\\nBad shape."))
        'ValueError: Bad shape.'
    """
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split("Arguments received by")[0]
    said = [line.strip() for line in plain.splitlines() if line.strip()]
    return ": ".join([type(error).__name__, *said[-1:]])


def _left(text: str, width: int) -> str:
    return text + " " * (width - terminal_width(text))
