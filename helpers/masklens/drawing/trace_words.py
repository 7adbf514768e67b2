"""The words in the rows of a trace: a call's effect on the mask, and how far padding gets in."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from masklens._language import translate as _
from masklens.drawing.threads import Sign, ThreadRow, row_sign
from masklens.drawing.trace_rows import Row
from masklens.tracing.calls import LayerCall, Mask, Shape

# Red where padding gets in, blue where a mask is at work, grey for all else.
_Tone = Literal["red", "blue", "grey"]

# Figures from here on are written as multiples of the largest value; those below, in percent.
MOST_PERCENT = 2.0


@dataclass(frozen=True)
class Words:
    """A few words with a tone, and with a sign before them if there is one."""

    text: str
    tone: _Tone
    sign: Sign | None = None


def figure(value: float) -> str:
    """Writes how far something moves, relative to its largest value.

    Args:
        value: A ratio.

    Returns:
        A percentage, or a multiple of the largest value.

    Example:
        >>> [figure(value) for value in (0.0, 0.00431, 0.4321, 4.81, 31.2)]
        ['0 %', '0.4 %', '43 %', '4.8 times', '31 times']
        >>> figure(float("nan")), figure(0.000001)
        ('NaN', 'less than 0.001 %')
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else _("NaN or infinity")
    if value >= MOST_PERCENT:
        return _("{times} times").format(times=rounded(value))
    if 0 < value < 1e-5:
        return _("less than {percent} %").format(percent="0.001")
    return f"{rounded(100 * value)} %"


def rounded(value: float) -> str:
    """Writes a number to about two digits."""
    if value >= 9.95 or value == 0:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 0.95 else f"{value:.1g}"


def row_words(row: Row, threads: ThreadRow) -> list[Words]:
    """Says what the call of a row does to the mask, and whether padding gets in.

    Args:
        row: The row.
        threads: The threads beside it.

    Returns:
        The words, one entry for each thing to say.
    """
    sign = row_sign(row)
    said = _code_words(row) if row.is_code else _effect_words(row, threads)
    if sign in ("leak", "broken"):
        said.append(Words(_leak_words(row.equal), "red", sign))
    if row.stray:
        template = _("padding gets in ({figure}), but does not reach the answer")
        text = template.format(figure=figure(row.call.leak or 0.0))
        said.append(Words(text, "grey", "stray"))
    return said


def _code_words(row: Row) -> list[Words]:
    if row_sign(row) == "lost":
        return [Words(_("an operator or a function loses it"), "red")]
    return []


def _effect_words(row: Row, threads: ThreadRow) -> list[Words]:
    call = row.call
    if row.part == "container" and call.effect != "none":
        # The rows of the calls within it say so.
        return []
    said = [] if call.effect == "none" else [_effect(call)]
    if call.effect == "none" and call.mask_arguments:
        said.append(Words(_("takes a mask as an argument"), "blue"))
    if threads.clears:
        text = _("clears it from its own input")
        said.append(Words(text, "red" if call.costs_a_mask else "grey"))
    if call.uses_mask is not None and call.effect in ("creates", "passes", "changes"):
        said.append(Words(_("uses the mask") if call.uses_mask else _("does not use it"), "grey"))
    if call.causal:
        said.append(Words(_("causal"), "blue"))
    if threads.sees_no_mask and not said and not call.gets_in:
        said.append(Words(_("gets no mask"), "grey"))
    return said


def _effect(call: LayerCall) -> Words:
    """Describes the effect on the mask, in red if padding gets in because of it."""
    if call.costs_a_mask and (call.effect in ("drops", "ends") or not call.lost_to):
        return Words(
            {
                "drops": _("loses it"),
                "ends": _("takes it, but passes none on"),
                "creates": _("makes a mask that misses padding"),
            }.get(call.effect, _("makes it miss padding")),
            "red",
        )
    if call.effect == "ends" and call.uses_mask is not None:
        used = _("uses it, and it ends here")
        return Words(used if call.uses_mask else _("takes it, but does not use it"), "blue")
    return Words(sign_words(call.effect), "grey" if call.effect == "drops" else "blue")


def _leak_words(equal: Sequence[LayerCall]) -> str:
    call = equal[0]
    kind = call.reason.kind if call.reason is not None else ""
    if kind == "nan":
        return _("gives NaN")
    figures = {figure(one.leak) for one in equal if one.leak is not None}
    if not figures:
        return _("padding gets in")
    most = figure(max(one.leak for one in equal if one.leak is not None))
    if kind == "rows":
        return _("mixes rows: {figure}").format(figure=most)
    if call.hidden:
        return _("padding will get in once trained: {figure}").format(figure=most)
    if len(figures) > 1:
        return _("padding gets in: up to {figure}").format(figure=most)
    return _("padding gets in: {figure}").format(figure=most)


def sign_words(sign: Sign) -> str:
    """Explains a sign of the picture.

    Args:
        sign: The sign.

    Returns:
        A few words.
    """
    return {
        "creates": _("makes the mask"),
        "passes": _("passes it on"),
        "changes": _("changes it"),
        "ends": _("takes it, and it ends here"),
        "drops": _("does not pass it on"),
        "lost": _("loses it"),
        "argument": _("takes a mask as an argument"),
        "none": _("no mask"),
        "leak": _("padding gets in"),
        "stray": _("padding gets in, but does not reach the answer"),
        "broken": _("gives NaN"),
    }[sign]


def row_name(row: Row) -> str:
    """Names a row after its call, the first and last of several, or the code between calls.

    Args:
        row: The row.

    Returns:
        The name; for code between calls, a few words with names in backticks.
    """
    if row.is_code:
        return _between(row.call)
    first, last = row.call.name, row.equal[-1].name
    if first == last:
        return first
    stem, number = re.sub(r"_\d+$", "", first), re.search(r"_\d+$", last)
    same = number is not None and last == stem + number[0]
    return f"{first} … {number[0] if number and same else last}"


def _between(call: LayerCall) -> str:
    before, after = call.between or ("", "")
    if before and after:
        template = _("between `{before}` and `{after}`")
    elif before:
        template = _("between `{before}` and the output of `{model}`")
    elif after:
        template = _("between the input of `{model}` and `{after}`")
    else:
        template = _("in `{model}`")
    return template.format(before=before, after=after, model=call.name)


def row_details(row: Row) -> list[str]:
    """Says where a row's tensors came from, what the row leaves out, and how often it repeats.

    Args:
        row: The row.

    Returns:
        A few words each; empty if there is nothing to add.
    """
    said = []
    if row.from_names:
        names = [_("outside") if name is None else name for name in row.from_names]
        said.append(_("from {names}").format(names=", ".join(names)))
    if row.left_out:
        said.append(_("calls inside: {count}").format(count=row.left_out))
    if row.times > 1 and not row.block:
        said.append(_("{count} times").format(count=row.times))
    return said


def block_words(row: Row) -> str:
    """Says how many rows of the block that begins here repeat, and how often.

    Args:
        row: A row.

    Returns:
        The words; empty if no block begins here.
    """
    if not row.block:
        return ""
    return _("these {rows} rows, {count} times").format(rows=row.block, count=row.times)


def error_words(error: BaseException) -> str:
    """Finds the line of an error that says what was wrong, which Keras wraps in others.

    Args:
        error: The error of a model.

    Returns:
        The error's type and that line.

    Example:
        >>> error_words(ValueError("While calling dense.\\n\\nBad shape."))
        'ValueError: Bad shape.'
    """
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split("Arguments received by")[0]
    said = [line.strip() for line in plain.splitlines() if line.strip()]
    return ": ".join([type(error).__name__, *said[-1:]])


def shape_words(shape: Shape) -> str:
    """Writes a shape, such as (3, 6, 8)."""
    return str(tuple(shape))


def mask_words(mask: Mask) -> str:
    """Describes a mask in words: how much of it is True.

    Args:
        mask: A mask of any shape; that of a symbolic call has the shape (0, 0).

    Returns:
        A few words.
    """
    if mask.shape == (0, 0):
        # A symbolic mask has no values.
        return _("a mask")
    counts = _("{true}/{all} True").format(true=int(mask.sum()), all=mask.size)
    return counts if mask.ndim == 2 else f"{counts}, {shape_words(mask.shape)}"
