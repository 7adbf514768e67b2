"""The propagation explorer: a stack of layers through which sentences travel with their mask."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from masklens._language import translate as _
from masklens.drawing.elements import element, html
from masklens.drawing.trace_picture import draw
from masklens.drawing.trace_words import error_words
from masklens.explorers.explorer import Explorer
from masklens.explorers.palette import SWITCHES, TYPES, build, embedding_table
from masklens.explorers.sentences import (
    example_sentences,
    number_words,
    pad_sentences,
    read_sentences,
)
from masklens.lens.trace import trace_until_error
from masklens.padding import PaddedBatch, Side

_MORE = 2  # timesteps of padding at first


class PropagationExplorer(Explorer):
    """Shows a sentence travelling through a stack of layers, with its mask, and the answer below.

    Layers are added, moved and removed. The first stack is a trained classifier that tells whether
    a sentence ends with "!". What padding does to its answer is measured live.

    Attributes:
        settings: `sentences`, `padding`, `maxlen` (None for two more than the longest sentence),
            `layers` and `predict`.

    Example:
        >>> layers = ["Embedding", "Conv1D", "LSTM"]
        >>> explorer = PropagationExplorer(["Hello world !"], layers=layers)
        >>> explorer.choose(padding="pre")
        >>> [layer["type"] for layer in explorer.settings["layers"]]
        ['Embedding', 'Conv1D', 'LSTM']
    """

    def __init__(
        self,
        sentences: Any = None,
        tokens: Iterable[Sequence[object]] | None = None,
        *,
        layers: Iterable[str | Mapping[str, Any]] = ("Embedding", "LSTM"),
        padding: Side = "post",
        maxlen: int | None = None,
        stack: bool = True,
        predict: bool = False,
    ) -> None:
        """Makes the explorer.

        Args:
            sentences: Up to six sentences of at most 60 words: texts, lists of words, or lists of
                ids. None for three examples.
            tokens: For ids, the words to write instead, one list for each sentence.
            layers: The stack at first, from the Embedding on: names of layers, or such as
                `{"type": "LSTM", "return_sequences": True}` for one with a switch. The answer, a
                Dense layer of one number, is added at the end.
            padding: The side that is padded at first.
            maxlen: The padded length at first; None for two more than the longest sentence.
            stack: Whether to show the layers. Without them there are one sentence, more and more
                padding, a mask to switch on, and the answer.
            predict: Whether to ask what padding does before showing it.

        Raises:
            TypeError: If a sentence holds anything but words, or anything but ids.
            ValueError: If there is no sentence or too many, or a layer or argument is not valid.
        """
        given = example_sentences() if sentences is None else sentences
        texts, vocabulary = read_sentences(given, tokens)
        settings = {
            "sentences": texts if stack else texts[:1],
            "padding": padding,
            "maxlen": maxlen,
            "layers": [_layer(layer) for layer in layers],
            "predict": predict,
        }
        titles = _("Does padding change an answer?"), _("Follow the mask through the layers")
        view = "propagation" if stack else "answer"
        super().__init__(view, titles[stack], settings, _picture, vocabulary)

    @property
    def padded_batch(self) -> PaddedBatch:
        """The batch of the current settings, as `ml.pad` makes it."""
        return pad_sentences(self.settings, self._vocabulary, _MORE)

    def keras_model(self) -> Any:
        """Builds the stack of the current settings with Keras, with the same trained weights.

        Returns:
            A model that takes (batch, time) ids and gives (batch, 1) answers.

        Raises:
            Exception: Whatever Keras raises where a layer cannot take what the one before it gives.
        """
        return _build(self.settings, self._vocabulary)


def _layer(layer: Any) -> dict[str, Any]:
    given = {"type": layer} if isinstance(layer, str) else dict(layer)
    name = given.pop("type", None)
    if name not in TYPES:
        raise ValueError(
            _("There is no layer {name!r} in the palette; there are: {known}.").format(
                name=name, known=", ".join(TYPES)
            )
        )
    switches = SWITCHES.get(name, {})
    for switch, on in given.items():
        if switch not in switches or not isinstance(on, bool):
            raise ValueError(
                _("{layer} has no switch {switch} that could be {value!r}.").format(
                    layer=name, switch=switch, value=on
                )
            )
    return {"type": name, **switches, **given}


def _build(settings: Mapping[str, Any], vocabulary: Mapping[str, int]) -> Any:
    table = embedding_table(number_words(settings["sentences"], vocabulary))
    length = pad_sentences(settings, vocabulary, _MORE).ids.shape[1]
    return build(settings["layers"], table, length)


def _picture(settings: Mapping[str, Any], vocabulary: Mapping[str, int]) -> str:
    """Draws where the mask goes, and the answers, for readers without scripts."""
    batch = pad_sentences(settings, vocabulary, _MORE)
    with warnings.catch_warnings():
        # The picture shows where a mask is lost, of which Keras warns.
        warnings.simplefilter("ignore")
        try:
            model = _build(settings, vocabulary)
        except Exception as refused:  # whatever Keras or its backend raises
            # The page shows which layer cannot run.
            words = _("This stack does not run: {error}").format(error=error_words(refused))
            return html(element("p", words))
        found, error = trace_until_error(model, batch, measure=False)
        lines = [] if error else [element("p", line) for line in _answers(model, batch)]
    return html(*draw(found, error).nodes, *lines)


def _answers(model: Any, batch: PaddedBatch) -> Iterator[str]:
    """Says what the model answers to the first sentence without padding, and with it."""
    import keras

    ids = batch.ids[:1]
    if not batch.mask[0].any():
        return
    try:
        for name, row in (
            (_("without padding"), ids[batch.mask[:1]][None]),
            (_("padded to {length}").format(length=ids.shape[1]), ids),
        ):
            answer = keras.ops.convert_to_numpy(model(row)).reshape(-1)
            if len(answer) == 1:
                yield f"{name}: {answer[0]:.2f}"
    except (ValueError, RuntimeError):
        # Behind Flatten the weights fit one length only.
        return
