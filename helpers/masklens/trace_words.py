"""What a trace says in words: what a call does to the mask, and why a mask is lost."""

from collections.abc import Sequence

from masklens.tracing.calls import LayerCall
from masklens.language import translate as _

# A sentence names so many layers, and says that there are more.
_MOST_NAMES = 3


def effect_words(call: LayerCall, *, sees_no_mask: bool = False) -> str:
    """Says what a call does to the mask, in two to six words.

    Args:
        call: The call.
        sees_no_mask: Whether the call takes a tensor whose mask was lost before.

    Returns:
        The words, such as "creates the mask".
    """
    if call.effect == "ends":
        return {
            True: _("uses it, and it ends here"),
            False: _("takes it, but does not use it"),
            None: _("takes it, and it ends here"),
        }[call.uses_mask]
    return {
        "creates": _("creates the mask"),
        "passes": _("passes it on"),
        "changes": _("changes it"),
        "drops": _("loses it"),
        "none": _("sees no mask") if sees_no_mask else _("no mask"),
    }[call.effect]


def use_words(call: LayerCall) -> str:
    """Says whether a call uses the mask, where that was measured and the effect does not say it.

    Args:
        call: The call.

    Returns:
        The words; empty where there is nothing to say.
    """
    if call.uses_mask is None or call.effect in ("ends", "drops", "none"):
        return ""
    return _("uses the mask") if call.uses_mask else _("does not use it")


def loss_words(calls: Sequence[LayerCall], call: LayerCall) -> tuple[str, dict[str, str]]:
    """Says why a call costs later layers their mask, and what to do.

    Args:
        calls: The trace that the call belongs to.
        call: One of its calls that costs a mask.

    Returns:
        A template with `code` in backticks, and the names of layers to put into it.
    """
    takers = list(dict.fromkeys(calls[place].name for place in call.lost_to))
    more = ["…"] * (len(takers) > _MOST_NAMES)
    names = {"call": call.name, "takers": ", ".join(takers[:_MOST_NAMES] + more)}
    names["taker"] = takers[0] if takers else ""
    if call.effect == "ends":
        return _(
            "{call} takes the mask but hands none on, although its output still has the timesteps, "
            "so it never reaches {takers}. If {call} is your own layer and leaves each timestep in "
            "its place, set `supports_masking = True` in it."
        ), names
    if call.effect != "drops":
        return _(
            "{call} clears the mask of its own input, so that tensor reaches {takers} without it. "
            "Hand {call} a tensor that no other layer takes, "
            "such as the output of a LayerNormalization before it."
        ), names
    if any(mask is None for mask in call.masks_in):
        return _partly_masked(calls, call, names), names
    if not takers:
        return _(
            "{call} does not pass the mask on. No layer takes its output here, but whatever does, "
            "such as a loss, reads the padding as data."
        ), names
    if len(takers) > 1:
        return _(
            "{call} does not pass the mask on, so {takers} read the padding as data. "
            "Put a layer that passes masks in its place or, where they take a mask, "
            "hand it over yourself: `{taker}(x, mask=…)`."
        ), names
    return _(
        "{call} does not pass the mask on, so {takers} reads the padding as data. "
        "Put a layer that passes masks in its place or, if {taker} takes a mask, "
        "hand it over yourself: `{taker}(x, mask=…)`."
    ), names


def _partly_masked(calls: Sequence[LayerCall], call: LayerCall, names: dict[str, str]) -> str:
    pairs = zip(call.sources, call.masks_in, strict=False)
    bare = [calls[source].name for source, mask in pairs if mask is None and source is not None]
    if not bare:
        return _(
            "{call} takes several tensors, and one of them has no mask, so none comes out. "
            "Give each of them a mask."
        )
    names["bare"] = ", ".join(dict.fromkeys(bare))
    return _(
        "{call} takes several tensors, and that of {bare} has no mask, so none comes out. "
        "Give each of them a mask."
    )


def explain_loss(calls: Sequence[LayerCall], call: LayerCall) -> str:
    """Says in a sentence or two why a call costs later layers their mask, and what to do.

    Args:
        calls: The trace that the call belongs to.
        call: One of its calls that costs a mask.

    Returns:
        The sentences, with code in backticks.
    """
    template, names = loss_words(calls, call)
    return template.format(**names)


def trace_summary(calls: Sequence[LayerCall]) -> str:
    """Says how many calls there are, and where the mask is lost.

    Args:
        calls: The calls of a trace.

    Returns:
        One line.
    """
    count = _("layer calls: {calls}").format(calls=len(calls))
    lost = dict.fromkeys(call.name for call in calls if call.costs_a_mask)
    if lost:
        verdict = _("the mask is lost at {names}").format(names=", ".join(lost))
    elif any(mask is not None for call in calls for mask in (*call.masks_in, *call.masks_out)):
        verdict = _("no mask is lost")
    else:
        verdict = _("no call has a mask")
    return f"{count} · {verdict}"
