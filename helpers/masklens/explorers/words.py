"""The words of the explorers' front end, in the current language."""

from masklens._language import translate as _


def words() -> dict[str, str]:
    """Returns what the front end says, by the key that its modules ask for.

    Returns:
        Texts with names in braces, which the front end fills in.

    Example:
        >>> words()["without padding"]
        'without padding'
    """
    parts = _control_words(), _answer_words(), _padding_words(), _propagation_words()
    return {key: text for part in (*parts, _timestep_words()) for key, text in part.items()}


def _control_words() -> dict[str, str]:
    return {
        "add sentence": _("+ sentence"),
        "sentence": _("sentence {number}"),
        "remove sentence": _("remove sentence {number}"),
        "play": _("Play"),
        "pause": _("Pause"),
        "back": _("One step back"),
        "forward": _("One step on"),
        "step": _("step"),
        "copy": _("Copy"),
        "copied": _("Copied"),
        "show code": _("Show the code"),
        "picture": _("picture"),
        "predict": _("Predict."),
        "predict first": _("Predict first"),
        "choose to see": _("Choose an answer, and the picture appears."),
        "right": _("Right."),
        "not right": _("Not quite: the answer is {answer}."),
        "true": _("read"),
        "false": _("skipped"),
        "legend token": _("token"),
        "legend padding": _("padding"),
        "legend leak": _("padding read as data"),
        "legend true": _("mask: read"),
        "legend false": _("mask: skipped"),
        "legend none": _("no mask"),
        "other version": _(
            "This explorer was saved by another version of masklens. Run its cell again."
        ),
        "damaged": _("This explorer cannot be shown: {name} was changed. Run its cell again."),
        "mask": _("mask"),
        "ends with": _("Does the sentence end with “!”?"),
        "without padding": _("without padding"),
    }


def _answer_words() -> dict[str, str]:
    return {
        "zeros of padding": _("zeros of padding"),
        "with zeros": _("with {count} zeros of padding"),
        "padding changes": _("Padding changes the answer."),
        "padding changes nothing": _("Padding does not change the answer."),
        "mask on": _("mask on"),
        "mask off": _("mask off"),
        "what happens": _("what happens to the answer?"),
        "stays": _("it stays"),
        "changes": _("it changes"),
    }


def _padding_words() -> dict[str, str]:
    return {
        "cost": _("{padding} of {all} places are padding ({percent} %). Tokens cut: {cut}."),
        "padding read": _("Timesteps of padding that a model reads as data: {count}."),
        "tokens skipped": _("Tokens that the mask skips as if they were padding: {count}."),
        "padding skipped": _("A model that keeps to the mask reads tokens alone."),
        "cudnn takes": _("The fast kernels of a GPU (cuDNN) take this."),
        "cudnn refuses": _(
            "The fast kernels of a GPU (cuDNN) refuse this mask: each row must begin with a token "
            "and have its padding at the end."
        ),
        "how many skipped": _("How many timesteps does the mask skip?"),
    }


def _propagation_words() -> dict[str, str]:
    return {
        "add a layer": _("Add a layer"),
        "add this layer": _("Add a layer: {layer}"),
        "remove layer": _("Remove this layer: {layer}"),
        "move": _("Move this layer: {layer}. Arrow keys move it, Delete removes it."),
        "input": _("the ids"),
        "behind": _("{layer}, {step} of {all}"),
        "one vector": _("one vector of {count} numbers for the whole sentence"),
        "effect creates": _("makes the mask"),
        "effect passes": _("passes it on"),
        "effect changes": _("changes it"),
        "effect uses": _("uses it and passes it on"),
        "effect ends": _("uses it, and it ends here"),
        "effect drops": _("loses it"),
        "effect none": _("no mask"),
        "effect leak": _("padding gets in"),
        "effect leak drop": _("loses it, and padding gets in"),
        "error rank": _("does not run: it needs a time axis"),
        "error shape": _("does not run: its weights do not fit"),
        "error unknown": _("does not run: an unknown layer"),
        "padded to": _("padded to {length}"),
        "does not run": _("This stack does not run. The card in question says why."),
        "no single answer": _(
            "The answer still has a time axis. Add an LSTM or a pooling layer that ends it."
        ),
        "padding gets in": _("Padding gets into the answer, at: {names}."),
        "padding stays out": _("Padding does not get into the answer."),
        "no padding here": _("This sentence has no padding."),
        "where does padding get in": _("Where does padding first get into the answer?"),
        "at": _("at {layer}"),
        "nowhere": _("nowhere"),
    }


def _timestep_words() -> dict[str, str]:
    return {
        "sequence": _("sequence"),
        "unit": _("unit {number}"),
        "halves": _("Upper half: with the mask. Lower half: without it."),
        "a zero of padding": _("padding"),
        "answer with the mask": _("answer with the mask"),
        "answer without the mask": _("answer without the mask"),
        "state stays": _(
            "{word}: with the mask the state stays as it was, without it it moves by {plain}."
        ),
        "state moves": _("{word}: the state moves by {masked} with the mask, by {plain} without."),
        "how many still": _("With the mask, at how many timesteps does the state stay as it was?"),
    }
