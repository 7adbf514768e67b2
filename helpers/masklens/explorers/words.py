"""The words of the explorers' front end, in the current language."""

from masklens._language import mark, translate

_WORDS = {
    "add sentence": mark("+ sentence"),
    "sentence": mark("sentence {number}"),
    "remove sentence": mark("remove sentence {number}"),
    "play": mark("Play"),
    "pause": mark("Pause"),
    "back": mark("One step back"),
    "forward": mark("One step on"),
    "step": mark("step"),
    "copy": mark("Copy"),
    "copied": mark("Copied"),
    "code": mark("Show the code"),
    "picture": mark("picture"),
    "predict": mark("Predict."),
    "predict first": mark("Predict first"),
    "choose": mark("Choose an answer, and the picture appears."),
    "right": mark("Right."),
    "not right": mark("Not quite: the answer is {answer}."),
    "true": mark("read"),
    "false": mark("skipped"),
    "legend token": mark("token"),
    "legend padding": mark("padding"),
    "legend leak": mark("padding read as data"),
    "legend true": mark("mask: read"),
    "legend false": mark("mask: skipped"),
    "legend none": mark("no mask"),
    "version": mark("This explorer was saved by another version of masklens. Run its cell again."),
    "damaged": mark("This explorer cannot be shown: {name} was changed. Run its cell again."),
    "mask": mark("mask"),
    "ends with": mark("Does the sentence end with “!”?"),
    "without padding": mark("without padding"),
    "zeros": mark("zeros of padding"),
    "with zeros": mark("with {count} zeros of padding"),
    "changed": mark("Padding changes the answer."),
    "unchanged": mark("Padding does not change the answer."),
    "mask on": mark("mask on"),
    "mask off": mark("mask off"),
    "what happens": mark("what happens to the answer?"),
    "stays": mark("it stays"),
    "changes": mark("it changes"),
    "cost": mark("{padding} of {all} places are padding ({percent} %). Tokens cut: {cut}."),
    "padding read": mark("Timesteps of padding that a model reads as data: {count}."),
    "tokens skipped": mark("Tokens that the mask skips as if they were padding: {count}."),
    "tokens alone": mark("A model that keeps to the mask reads only tokens."),
    "cudnn takes": mark("The fast GPU kernels (cuDNN) can run this."),
    "cudnn refuses": mark(
        "The fast GPU kernels (cuDNN) refuse this mask: each row must begin with a token and "
        "have its padding at the end."
    ),
    "how many skipped": mark("How many timesteps does the mask skip?"),
    "add a layer": mark("Add a layer"),
    "add this layer": mark("Add a layer: {layer}"),
    "remove layer": mark("Remove this layer: {layer}"),
    "move": mark("Move this layer: {layer}. Arrow keys move it, Delete removes it."),
    "input": mark("the ids"),
    "behind": mark("{layer}, {step} of {all}"),
    "one vector": mark("one vector of {count} numbers for the whole sentence"),
    "effect creates": mark("makes the mask"),
    "effect passes": mark("passes it on"),
    "effect changes": mark("changes it"),
    "effect uses": mark("uses it and passes it on"),
    "effect ends": mark("uses it, and it ends here"),
    "effect drops": mark("loses it"),
    "effect none": mark("no mask"),
    "effect leak": mark("padding gets in"),
    "effect leak drop": mark("loses it, and padding gets in"),
    "error rank": mark("does not run: it needs a time axis"),
    "error shape": mark("does not run: its weights do not fit"),
    "padded to": mark("padded to {length}"),
    "does not run": mark("This stack does not run. The card that fails says why."),
    "no answer": mark(
        "The answer still has a time axis. Add an LSTM or a pooling layer that ends it."
    ),
    "gets in": mark("Padding gets into the answer, at: {names}."),
    "stays out": mark("Padding does not get into the answer."),
    "no padding": mark("This sentence has no padding."),
    "where": mark("Where does padding first get into the answer?"),
    "at": mark("at {layer}"),
    "nowhere": mark("nowhere"),
    "sequence": mark("sequence"),
    "unit": mark("unit {number}"),
    "halves": mark("Upper half: with the mask. Lower half: without it."),
    "with the mask": mark("answer with the mask"),
    "without the mask": mark("answer without the mask"),
    "state stays": mark(
        "{word}: with the mask the state stays as it was; without the mask it moves by {plain}."
    ),
    "state moves": mark("{word}: the state moves by {masked} with the mask, by {plain} without."),
    "how many still": mark("With the mask, at how many timesteps does the state stay as it was?"),
}


def words() -> dict[str, str]:
    """Returns what the front end says, by the key that its modules ask for.

    Returns:
        Texts with names in braces, which the front end fills in.

    Example:
        >>> words()["without padding"]
        'without padding'
    """
    return {key: translate(text) for key, text in _WORDS.items()}
