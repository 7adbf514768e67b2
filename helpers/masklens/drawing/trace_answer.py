"""The findings of a trace in words: whether padding gets into the answer, loss and metrics."""

import math
from dataclasses import replace

from masklens._language import translate as _
from masklens.drawing.threads import row_sign
from masklens.drawing.trace_drawing import Drawing
from masklens.drawing.trace_words import MOST_PERCENT, Words, figure, rounded, row_name
from masklens.tracing.findings import Findings

_MOST_PLACES = 3


def headline(found: Findings, error: BaseException | None = None) -> Words:
    """Says in one sentence whether padding gets into the answer.

    Args:
        found: The trace.
        error: The error that stopped the model, if any.

    Returns:
        The sentence: red if padding gets in, blue if it does not, grey without a verdict.
    """
    if error is not None:
        return Words(_("The model stopped, so there is no verdict."), "grey")
    moves = found.moves
    if moves is None:
        return Words(found.why_no_verdict, "grey")
    if moves == 0:
        return Words(_unmoved_sentence(found), "blue")
    return Words(_moved_sentence(found, moves), "red", "broken" if math.isnan(moves) else "leak")


def _unmoved_sentence(found: Findings) -> str:
    if found.moves_by["amount"] is None:
        return _("Padding does not change the answer at this length.")
    if found.moves_by["content"] is None and found.known_from != "model":
        return _("More padding does not change the answer.")
    # If the model makes its mask from values, the content cannot be changed: it would not be
    # padding then.
    return _("Padding does not change the answer.")


def _moved_sentence(found: Findings, moves: float) -> str:
    if math.isnan(moves):
        return _("The answer is not a number (NaN), so it is unknown whether padding gets in.")
    if math.isinf(moves):
        return _("Padding gets into the answer: with other padding it is NaN or infinite.")
    template = (
        _("{times} times its largest value")
        if moves >= MOST_PERCENT
        else _("{percent} % of its largest value")
    )
    number = rounded(moves if moves >= MOST_PERCENT else max(100 * moves, 0.001))
    how_far = template.format(times=number, percent=number)
    if found.hidden:
        sentence = _(
            "Padding does not change the answer yet, but it will get in once the weights that "
            "are still 0 or 1 are trained: with other values for them, the answer moves by "
            "{how_far}."
        )
    elif not found.moves_by["content"] and not found.moves_by["amount"]:
        sentence = _("The other rows of the batch get into a row's answer: it moves by {how_far}.")
    else:
        sentence = _("Padding gets into the answer: it moves by {how_far}.")
    return sentence.format(how_far=how_far)


def short_verdict(drawing: Drawing) -> Words:
    """Says in a few words what padding does to the answer and where it gets in, for a comparison.

    Args:
        drawing: The trace, with its rows.

    Returns:
        The words, with names in backticks; the headline where that is short already, and where
        there is no figure to compare.
    """
    found = drawing.found
    whole = headline(found, drawing.error)
    moves = found.moves
    if drawing.error is not None or not moves or not math.isfinite(moves):
        return whole
    if found.hidden:
        template = _("Padding will move the answer by {figure} once trained: {places}")
    elif not found.moves_by["content"] and not found.moves_by["amount"]:
        template = _("The other rows move the answer by {figure}: {places}")
    else:
        template = _("Padding moves the answer by {figure}: {places}")
    said = template.format(figure=figure(moves), places=_places(drawing))
    return replace(whole, text=said)


def _places(drawing: Drawing) -> str:
    leaks = [row for row in drawing.rows if row_sign(row) in ("leak", "broken")]
    names = [row_name(row) if row.is_code else f"`{row_name(row)}`" for row in leaks]
    return ", ".join(names[:_MOST_PLACES] + ["…"] * (len(names) > _MOST_PLACES))


def questions(found: Findings) -> list[tuple[str, Words]]:
    """Lists how far the answer moves for each of the three questions.

    Args:
        found: The trace.

    Returns:
        The questions by name, each with its figure; empty without a verdict.
    """
    names = {
        "content": _("the values in the padding"),
        "amount": _("the amount of padding"),
        "rows": _("the other rows"),
    }
    if not any(value is not None for value in found.moves_by.values()):
        return []
    return [
        (names[question], Words(_("(not asked)"), "grey"))
        if value is None
        else (names[question], Words(figure(value), "red" if value else "grey"))
        for question, value in found.moves_by.items()
    ]


def remarks(found: Findings) -> list[str]:
    """Says how the padded timesteps are known, and that symbolic masks have no values.

    Args:
        found: The trace.

    Returns:
        The sentences, with code in backticks.
    """
    sentences = []
    if found.moves is not None and found.known_from is not None:
        sentences.append(
            {
                "argument": _("`mask=` says which timesteps are padding."),
                "batch": _("The padded batch says which timesteps are padding."),
                "model": _("The mask that the model makes says which timesteps are padding."),
                "input": _("The mask among the inputs says which timesteps are padding."),
                "zeros": _(
                    "Zeros at the ends of rows were taken to be padding; if they are not, pass "
                    "`mask=`."
                ),
                "added": _("The batch had no padding, so some was added."),
            }[found.known_from]
        )
    if any(call.symbolic for call in found.calls):
        sentences.append(
            _("Symbolic calls, such as those that build a model, have masks without values.")
        )
    return sentences


def score_words(found: Findings) -> list[tuple[str, Words]]:
    """Says whether the loss and each metric read padding.

    Args:
        found: The trace.

    Returns:
        Their names, each with a few words.
    """
    return [
        (
            name,
            Words(_("reads padding: moves by {figure}").format(figure=figure(value)), "red", "leak")
            if value
            else Words(_("does not read padding"), "blue"),
        )
        for name, value in found.scores.items()
    ]
