"""The padding explorer: sentences as one padded batch, its mask, and what that costs."""

from collections.abc import Iterable, Sequence
from typing import Any

from masklens._language import translate as _
from masklens.drawing.picture import show
from masklens.explorers.explorer import Explorer
from masklens.explorers.sentences import example_sentences, pad_sentences, read_sentences
from masklens.padding import PaddedBatch, Side


class PaddingExplorer(Explorer):
    """Shows how padding and truncating change a batch, its mask and its cost.

    A learner types sentences and changes the arguments of `keras.utils.pad_sequences`; tokens move
    to their places, and the mask that an `Embedding` with `mask_zero=True` makes is beneath
    them. The code that does the same is ready to copy.

    Attributes:
        settings: `sentences`, `padding`, `truncating`, `maxlen` (None for the longest sentence),
            `value`, `mask` and `predict`.

    Example:
        >>> explorer = PaddingExplorer(["Hello world !", "How are you"])
        >>> explorer.choose(padding="post", maxlen=4)
        >>> explorer.padded_batch.ids
        array([[1, 2, 3, 0],
               [4, 5, 6, 0]], dtype=int32)
    """

    def __init__(
        self,
        sentences: Any = None,
        tokens: Iterable[Sequence[object]] | None = None,
        *,
        padding: Side = "pre",
        truncating: Side = "pre",
        maxlen: int | None = None,
        value: int = 0,
        mask: bool = True,
        predict: bool = False,
    ) -> None:
        """Makes the explorer.

        Args:
            sentences: Up to six sentences of at most 60 words: texts, lists of words, or lists of
                ids. None for three examples.
            tokens: For ids, the words to write instead, one list for each sentence.
            padding: The side that is padded at first.
            truncating: The side that is cut at first.
            maxlen: The padded length at first; None for that of the longest sentence.
            value: The padding value at first.
            mask: Whether the Embedding makes a mask at first.
            predict: Whether to ask how many timesteps the mask skips before showing it.

        Raises:
            TypeError: If a sentence holds anything but words, or anything but ids.
            ValueError: If there is no sentence or too many, or an argument is not valid.
        """
        given = example_sentences() if sentences is None else sentences
        texts, vocabulary = read_sentences(given, tokens)
        settings = {
            "sentences": texts,
            "padding": padding,
            "truncating": truncating,
            "maxlen": maxlen,
            "value": value,
            "mask": mask,
            "predict": predict,
        }
        title = _("Padding, truncation and the mask")
        super().__init__("padding", title, settings, _picture, vocabulary)

    @property
    def padded_batch(self) -> PaddedBatch:
        """The batch of the current settings, as `ml.pad` makes it."""
        return pad_sentences(self.settings, self._vocabulary)


def _picture(settings: dict[str, Any], vocabulary: dict[str, int]) -> str:
    batch = pad_sentences(settings, vocabulary)
    words = [text.split() for text in settings["sentences"]]
    mask = batch.ids != 0 if settings["mask"] else None
    return show(batch, tokens=words, mask=mask)._repr_html_()
