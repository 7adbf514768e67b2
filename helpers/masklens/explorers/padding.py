"""An explorer of padding and truncating: the effect of each choice on batch, mask and cost."""

import math
import numbers
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens._language import translate as _
from masklens.drawing.elements import element, html
from masklens.drawing.large_mask import large_mask_element
from masklens.drawing.picture import (
    MOST_SQUARES,
    batch_table,
    check_tokens,
    framed,
    mask_table,
)
from masklens.drawing.table import table_element
from masklens.explorers.explorer import Explorer
from masklens.explorers.padding_facts import html_facts, padding_facts, padding_summary
from masklens.explorers.precomputed import Axis, Question, State
from masklens.padding import PaddedBatch, pad
from masklens.tracing.calls import Mask

_MOST_MAXLENS, _EVEN_MAXLENS = 10, 8
_LARGE, _LARGE_MAXLENS = 200, 5
_MOST_STRIP_ROWS = 32  # so that the facts below a strip stay in sight
_MOST_LETTERS = 40  # in the label of a row of buttons
_MOST_FEATURES = 3  # in the box of a vector


class PaddingExplorer(Explorer):
    """Shows how padding and truncating change a batch, its mask and its cost.

    Keras computes each state: `keras.utils.pad_sequences` makes the batch, and the mask comes from
    an `Embedding` with `mask_zero=True`, or from `Masking` if timesteps are vectors or have
    fractions. Both mask 0 only, so with another padding value the picture shows a wrong mask. Code
    that computes the same stands below, ready to copy.

    Example:
        >>> explorer = PaddingExplorer([[711, 632, 71], [73, 8]])
        >>> explorer.choose(padding="post", maxlen=2)
        >>> explorer
        PaddingExplorer(padding='post', truncating='pre', maxlen=2, value=0, mask=True)
    """

    def __init__(
        self,
        sequences: Sequence[Any] | NDArray[Any],
        tokens: Iterable[Sequence[object]] | None = None,
        *,
        maxlens: Iterable[int] | None = None,
        values: Iterable[float] | None = None,
        predict: bool = False,
    ) -> None:
        """Pads the sequences in every way that the controls offer.

        Args:
            sequences: One list of ids, or of feature vectors, per row of the batch.
            tokens: The words to write instead of ids, for each sequence. A batch of more than 600
                timesteps is drawn without tokens.
            maxlens: The lengths to choose from. None for all lengths from one below the shortest
                sequence to two above the longest; for 8 of these if they are more than 10, and for
                5 if the batch has more than 200 places, to keep the notebook small.
            values: The padding values to choose from. None for 0, -1 and, if timesteps are ids,
                the smallest other id that occurs.
            predict: Whether to ask which timesteps the mask will skip before showing it. There is
                no question without a mask, or for more than 600 timesteps.

        Raises:
            ValueError: If there are no sequences, if tokens do not fit them, if a length or value
                is not valid, or if there would be too many states or bytes.
            TypeError: If sequences hold anything but numbers.
        """
        padding = _checked_padding(sequences, tokens, maxlens, values)
        super().__init__(
            _("Padding, truncation and the mask"),
            padding.axes(),
            padding.state,
            predict=predict,
            start={"maxlen": padding.start, "mask": True},
        )


@dataclass(frozen=True)
class _PaddingStates:
    """The input of one explorer, and the states made from it.

    Attributes:
        sequences: One array of ids or vectors per row.
        tokens: The word for each timestep of each sequence.
        maxlens: The lengths to choose from, in order.
        values: The padding values to choose from, each with its label.
        reads_ids: Whether an Embedding reads the batch; otherwise Masking does.
    """

    sequences: tuple[NDArray[Any], ...]
    tokens: tuple[tuple[str, ...], ...]
    maxlens: tuple[int, ...]
    values: tuple[tuple[float, str], ...]
    reads_ids: bool

    @property
    def start(self) -> int:
        """The first length that cuts no sequence."""
        longest = max(map(len, self.sequences))
        return min((most for most in self.maxlens if most >= longest), default=self.maxlens[-1])

    @property
    def small(self) -> bool:
        """Whether every state is small enough to draw each timestep."""
        widest = max(*map(len, self.sequences), self.maxlens[-1])
        return widest * len(self.sequences) <= MOST_SQUARES

    def axes(self) -> list[Axis]:
        sides = (("pre", "pre"), ("post", "post"))
        switch = "mask_zero=True" if self.reads_ids else "Masking()"
        # Names of arguments are the same in every language.
        return [
            Axis("padding", "padding", sides, "choice"),
            Axis("truncating", "truncating", sides, "choice"),
            Axis("maxlen", "maxlen", tuple((n, str(n)) for n in self.maxlens), "slider"),
            Axis("value", "value", self.values, "choice"),
            Axis("mask", switch, ((False, _("off")), (True, _("on"))), "switch"),
        ]

    def state(self, chosen: dict[str, Any]) -> State:
        sides = {name: chosen[name] for name in ("padding", "truncating", "maxlen", "value")}
        with warnings.catch_warnings():
            # The picture shows as facts what `pad` would warn of.
            warnings.simplefilter("ignore")
            batch = pad(self.sequences, dtype="int32" if self.reads_ids else "float32", **sides)
        mask = self._mask(batch, chosen["mask"])
        facts = padding_facts(batch, mask, self.tokens)
        # Each line is an element, so that states share the lines that they have in common.
        lines = [
            f"<span>{escape(line, quote=False)}</span>"
            for line in self._code(batch, chosen["mask"]).splitlines(keepends=True)
        ]
        html = (
            f"{self._picture(batch, mask)}{html_facts(facts)}"
            f"<pre data-copy><code>{''.join(lines)}</code></pre>"
        )
        question = self._question(mask) if mask is not None and self.small else None
        return State(html, padding_summary(batch, mask), question)

    def _mask(self, batch: PaddedBatch, masked: bool) -> Mask | None:
        import keras  # not at the top: see mask_of

        if not masked:
            return None
        # With a name, and an initializer without a seed, these layers do not change the names and
        # random numbers of layers that the learner makes later in this session.
        if self.reads_ids:
            layer = keras.layers.Embedding(1, 1, "zeros", mask_zero=True, name="padding_explorer")
            inputs = batch.ids
        else:
            layer = keras.layers.Masking(name="padding_explorer")
            inputs = batch.ids if batch.ids.ndim > 2 else batch.ids[..., None]
        mask = layer.compute_mask(keras.ops.convert_to_tensor(inputs))
        return np.asarray(keras.ops.convert_to_numpy(mask), dtype=bool)

    def _picture(self, batch: PaddedBatch, mask: Mask | None) -> str:
        if self.small:
            caption = _("padded batch {shape}").format(shape=batch.origin.shape)
            drawn = table_element(batch_table(batch, self.tokens, caption))
        else:
            words = _("padded batch {shape}: tokens are filled, padding is empty")
            caption = words.format(shape=batch.origin.shape)
            drawn = large_mask_element(batch.mask, caption, _MOST_STRIP_ROWS)
        if mask is None:
            words = _("There is no mask: every timestep is read.")
            return html(framed(drawn, element("figure", element("figcaption", words))))
        caption = _("mask {shape}: {true} of {all} timesteps are True").format(
            shape=mask.shape, true=int(mask.sum()), all=mask.size
        )
        if self.small:
            return html(framed(drawn, table_element(mask_table(mask, None, caption))))
        return html(framed(drawn, large_mask_element(mask, caption, _MOST_STRIP_ROWS)))

    def _question(self, mask: Mask) -> Question:
        steps = tuple(map(str, range(mask.shape[1])))
        rows = tuple(_shortened(" ".join(words)) for words in self.tokens)
        answers = tuple(tuple(bool(step) for step in row) for row in ~mask)
        text = _("For which timesteps will the mask say False?")
        return Question(text, rows, (steps,) * len(rows), answers)

    def _code(self, batch: PaddedBatch, masked: bool) -> str:
        dtype = "" if self.reads_ids else ' dtype="float32",'
        lines = [
            "padded = keras.utils.pad_sequences(",
            f"    sequences, maxlen={batch.maxlen},{dtype}",
            f'    padding="{batch.padding}", truncating="{batch.truncating}", value={batch.value},',
            ")",
        ]
        if self.reads_ids:
            # The table needs a row for the largest id, including the padding value.
            most = max(int(batch.value), *(int(row.max(initial=0)) for row in self.sequences))
            zero = ", mask_zero=True" if masked else ""
            lines.append(f"embedding = keras.layers.Embedding({most + 1}, 16{zero})")
            lines.append(f"mask = embedding.compute_mask(padded){'' if masked else '  # None'}")
        elif masked:
            inputs = "padded" if batch.ids.ndim > 2 else "padded[..., None]"
            lines.append(f"mask = keras.layers.Masking().compute_mask({inputs})")
        else:
            lines.append("mask = None")
        return "\n".join(lines)


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"


def _checked_padding(
    sequences: Sequence[Any] | NDArray[Any],
    tokens: Iterable[Sequence[object]] | None,
    maxlens: Iterable[int] | None,
    values: Iterable[float] | None,
) -> _PaddingStates:
    """Checks the explorer's arguments, and chooses defaults."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Padded as floats to one timestep, all valid sequences fit, and `pad` reports the others.
        rows = pad(sequences, maxlen=1, dtype="float32").sequences
    deep = next((row.shape[1:] for row in rows if row.ndim > 2), None)
    if deep is not None:
        raise ValueError(
            _(
                "Timesteps have the shape {shape}; the explorer shows ids and vectors. "
                "Make a vector of each timestep, as row.reshape(len(row), -1) does."
            ).format(shape=deep)
        )
    reads_ids = all(
        row.ndim == 1 and (np.isfinite(row) & (row == np.floor(row))).all() for row in rows
    )
    if tokens is None:
        written = [[_token(timestep) for timestep in row] for row in rows]
    else:
        given = list(tokens)
        check_tokens(given, [len(row) for row in rows])
        written = [[str(token) for token in row] for row in given]
    lengths = [len(row) for row in rows]
    return _PaddingStates(
        sequences=rows,
        tokens=tuple(map(tuple, written)),
        maxlens=_even_maxlens(lengths) if maxlens is None else _checked_maxlens(maxlens),
        values=_labelled(
            _usual_values(rows, reads_ids)
            if values is None
            else _checked_values(values, whole=reads_ids),
            rows,
            None if tokens is None else written,
        ),
        reads_ids=reads_ids,
    )


def _token(timestep: Any) -> str:
    if np.ndim(timestep) == 0:
        return f"{timestep}" if isinstance(timestep, np.integer) else f"{np.float32(timestep):.4g}"
    features = [_token(feature) for feature in timestep[:_MOST_FEATURES]]
    more = ["…"] if len(timestep) > _MOST_FEATURES else []
    return f"[{', '.join([*features, *more])}]"


def _even_maxlens(lengths: Sequence[int]) -> tuple[int, ...]:
    longest = max(1, *lengths)
    least, most = max(1, min(lengths) - 1), longest + 2
    large = most * len(lengths) > _LARGE
    if most - least < (_LARGE_MAXLENS if large else _MOST_MAXLENS):
        return tuple(range(least, most + 1))
    count = _LARGE_MAXLENS if large else _EVEN_MAXLENS
    steps = np.linspace(least, longest, count - 1).round().astype(int)
    return (*steps.tolist(), most)


def _checked_maxlens(maxlens: Iterable[int]) -> tuple[int, ...]:
    if isinstance(maxlens, str) or not isinstance(maxlens, Iterable):
        maxlens = [maxlens]
    lengths = list(maxlens)
    for length in lengths:
        whole = isinstance(length, numbers.Integral) and not isinstance(length, bool)
        if not whole or length < 1:
            raise ValueError(
                _(
                    "maxlens holds {length!r}; each length is a whole number of timesteps, "
                    "at least 1, as in maxlens=[3, 4, 6]."
                ).format(length=length)
            )
    if not lengths:
        raise ValueError(_("maxlens is empty; give at least one length, or leave it out."))
    return tuple(sorted({int(length) for length in lengths}))


def _usual_values(rows: Sequence[NDArray[Any]], reads_ids: bool) -> tuple[float, ...]:
    ids = {int(token) for row in rows for token in row} if reads_ids else set()
    return (0, -1, *sorted(ids - {0, -1}, key=lambda token: (token < 0, token))[:1])


def _checked_values(values: Iterable[float], *, whole: bool) -> tuple[float, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        values = [values]
    given = list(values)
    for value in given:
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or (whole and value != int(value)):
            raise ValueError(
                _(
                    "values holds {value!r}; each padding value is a number, and a whole one "
                    "where timesteps are ids, as in values=[0, -1]."
                ).format(value=value)
            )
    if not given:
        raise ValueError(_("values is empty; give at least one padding value, or leave it out."))
    return tuple(
        int(value) if value == int(value) else float(value) for value in dict.fromkeys(given)
    )


def _labelled(
    values: Sequence[float], rows: Sequence[NDArray[Any]], tokens: Sequence[Sequence[str]] | None
) -> tuple[tuple[float, str], ...]:
    """Labels each padding value, with the token whose id it is, if any."""
    words: dict[float, str] = {}
    for row, written in zip(rows, tokens or [], strict=False):
        for timestep, word in zip(row, written, strict=True):
            if np.ndim(timestep) == 0:
                words.setdefault(float(timestep), word)
    return tuple(
        (value, f"{value:g} ({words[value]})" if value in words else f"{value:g}")
        for value in values
    )
