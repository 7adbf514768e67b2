"""Padding sequences to one length, and remembering which token came from where."""

import difflib
import numbers
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from masklens.language import translate as _

Side = Literal["pre", "post"]


@dataclass(frozen=True, eq=False)
class PaddedBatch:
    """Sequences padded to one length, as `pad` returns them.

    Attributes:
        ids: What Keras's `pad_sequences` gives: (batch, time), or (batch, time, features).
        origin: (batch, time) integers: which token of its sequence stands here, -1 for padding.
        sequences: The sequences as they came, one array each.
        padding: The side on which padding stands, `"pre"` or `"post"`.
        truncating: The side from which tokens too many were cut.
        maxlen: The length that was asked for, or None for that of the longest sequence.
        value: What stands at a padded timestep.
    """

    ids: NDArray[Any]
    origin: NDArray[np.int64]
    sequences: tuple[NDArray[Any], ...]
    padding: Side
    truncating: Side
    maxlen: int | None
    value: float

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(batch, time) booleans: True where a token stands, False where padding stands."""
        return self.origin >= 0

    @property
    def call(self) -> str:
        """The call that made this batch, as code."""
        parts = ["sequences", f'padding="{self.padding}"']
        if self.maxlen is not None:
            parts += [f'truncating="{self.truncating}"', f"maxlen={self.maxlen}"]
        if self.value != 0:
            parts.append(f"value={self.value:g}")
        if self.ids.dtype != np.int32:
            parts.append(f'dtype="{self.ids.dtype}"')
        return f"ml.pad({', '.join(parts)})"

    def cut(self, row: int) -> list[int]:
        """Lists the tokens of one sequence that truncation removed.

        Args:
            row: Which sequence of the batch.

        Returns:
            Their places in the sequence, in order.

        Example:
            >>> pad([[5, 6, 7]], maxlen=2, truncating="pre").cut(0)
            [0]
        """
        kept = set(self.origin[row].tolist())
        return [step for step in range(len(self.sequences[row])) if step not in kept]

    def __repr__(self) -> str:
        """Shows the call and the padded ids."""
        return f"{self.call}\n{self.ids!r}"


def pad(
    sequences: Sequence[Any] | NDArray[Any],
    maxlen: int | None = None,
    dtype: str = "int32",
    padding: Side = "pre",
    truncating: Side = "pre",
    value: float = 0.0,
) -> PaddedBatch:
    """Pads sequences to one length, as `keras.utils.pad_sequences` does with the same arguments.

    Unlike Keras it also remembers where each token came from, warns of what will hurt later,
    and says in words what is wrong with its input.

    Args:
        sequences: One list of ids, or of feature vectors, per row of the batch.
        maxlen: The number of timesteps; None for that of the longest sequence.
        dtype: The type of the result. Integers cut fractions off: 0.6 becomes 0.
        padding: Pads before (`"pre"`, Keras's default) or after (`"post"`) the tokens.
        truncating: Cuts tokens too many from the beginning (`"pre"`) or the end (`"post"`).
        value: What to write at padded timesteps. `mask_zero=True` of an Embedding masks 0 only.

    Returns:
        The padded batch; its `ids` equal what Keras returns.

    Raises:
        ValueError: If there are no sequences, a value or a mode is not valid, ids and vectors
            are mixed, or a number does not fit `dtype`.
        TypeError: If sequences hold something else than numbers.

    Example:
        >>> batch = pad([[711, 632, 71], [73, 8]], padding="post")
        >>> batch.ids
        array([[711, 632,  71],
               [ 73,   8,   0]], dtype=int32)
        >>> batch.origin
        array([[ 0,  1,  2],
               [ 0,  1, -1]])
    """
    _check_side("padding", padding)
    _check_side("truncating", truncating)
    _check_maxlen(maxlen)
    rows = _checked_sequences(sequences)
    _check_numbers(rows, value, dtype)
    length = max(len(row) for row in rows) if maxlen is None else int(maxlen)
    if length == 0:
        raise ValueError(_("Every sequence is empty, so there is no length; give maxlen."))
    import keras  # not at the top: see mask_of

    ids = keras.utils.pad_sequences(rows, length, dtype, padding, truncating, value)
    origin = np.stack([_origin(len(row), length, padding, truncating) for row in rows])
    batch = PaddedBatch(ids, origin, tuple(rows), padding, truncating, maxlen, value)
    _warn_of_empty_rows(rows)
    _warn_of_collision(batch)
    return batch


def _origin(tokens: int, length: int, padding: Side, truncating: Side) -> NDArray[np.int64]:
    kept = min(tokens, length)
    first = tokens - kept if truncating == "pre" else 0
    origin = np.full(length, -1)
    start = length - kept if padding == "pre" else 0
    origin[start : start + kept] = np.arange(first, first + kept)
    return origin


def _check_side(name: str, side: object) -> None:
    if side in ("pre", "post"):
        return
    near = difflib.get_close_matches(str(side), ["pre", "post"], n=1)
    hint = _(' Did you mean "{near}"?').format(near=near[0]) if near else ""
    raise ValueError(
        _(
            '{name} must be "pre" (before the tokens, left) or "post" (after them, right); '
            "got {side!r}."
        ).format(name=name, side=side)
        + hint
    )


def _check_maxlen(maxlen: object) -> None:
    whole = isinstance(maxlen, numbers.Integral) and not isinstance(maxlen, bool)
    if maxlen is not None and (not whole or maxlen < 1):  # type: ignore[operator]  # whole: an integer
        raise ValueError(
            _(
                "maxlen must be a whole number of timesteps, at least 1, "
                "or None for the longest sequence; got {maxlen!r}."
            ).format(maxlen=maxlen)
        )


def _checked_sequences(sequences: Iterable[Any]) -> list[NDArray[Any]]:
    if isinstance(sequences, str | bytes) or not isinstance(sequences, Iterable):
        raise TypeError(
            _("pad takes a list of sequences, such as [[711, 632], [73]]; got {value!r}.").format(
                value=sequences
            )
        )
    rows = [_checked_row(place, row) for place, row in enumerate(sequences)]
    if not rows:
        raise ValueError(_("There are no sequences to pad; give at least one, such as [[711]]."))
    shapes = {row.shape[1:]: place for place, row in reversed(list(enumerate(rows))) if row.size}
    if len(shapes) > 1:
        (first, one), (second, other) = list(shapes.items())[:2]
        raise ValueError(
            _(
                "Every sequence must hold the same kind of timestep, all ids or all vectors of one "
                "length: sequence {one} has timesteps of shape {first}, sequence {other} of shape "
                "{second}."
            ).format(one=one, first=first, other=other, second=second)
        )
    return rows


def _checked_row(place: int, row: Any) -> NDArray[Any]:
    if isinstance(row, str | bytes) or not isinstance(row, Iterable):
        raise TypeError(
            _(
                "Sequence {place} is {row!r}, which is no list of numbers; "
                "pad takes a list of sequences, such as [[711, 632], [73]]."
            ).format(place=place, row=row)
        )
    tokens = row if isinstance(row, np.ndarray) else list(row)
    if len(tokens) == 0:
        return np.zeros(0, dtype=int)
    try:
        array = np.asarray(tokens)
    except ValueError as error:
        raise ValueError(
            _(
                "Sequence {place} mixes timesteps of different shapes; "
                "each must be one number, or a vector of one length."
            ).format(place=place)
        ) from error
    if array.dtype.kind not in "biuf":
        step = next(
            i for i, token in enumerate(tokens) if np.asarray(token).dtype.kind not in "biuf"
        )
        raise TypeError(
            _(
                "Sequence {place} has {token!r} at timestep {step}; pad takes numbers. "
                "Look up the id of each token first, "
                "and give the words to show(batch, tokens=...)."
            ).format(place=place, token=tokens[step], step=step)
        )
    return array


def _check_numbers(rows: list[NDArray[Any]], value: object, dtype: str) -> None:
    if not isinstance(value, numbers.Real):
        raise TypeError(_("value must be a number; got {value!r}.").format(value=value))
    if not np.issubdtype(np.dtype(dtype), np.integer):
        return
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    where = {_("The padding value"): np.asarray(value)}
    where |= {_("A token of sequence {place}").format(place=i): row for i, row in enumerate(rows)}
    for name, array in where.items():
        # Written so that NaN, which compares as False with everything, does not fit either.
        fits = (array >= least) & (array <= most)
        if not fits.all():
            raise ValueError(
                _(
                    '{where} is {number}, which {dtype} cannot hold; pass dtype="float32", '
                    "or replace it with a number from {least} to {most}."
                ).format(where=name, number=array[~fits][0], dtype=dtype, least=least, most=most)
            )


def _warn_of_empty_rows(rows: list[NDArray[Any]]) -> None:
    empty = [place for place, row in enumerate(rows) if len(row) == 0]
    if empty:
        warnings.warn(
            _(
                "Sequence {place} is empty, so its row is padding only: an average over its "
                "timesteps divides by zero, and cuDNN kernels refuse such a row. "
                "Leave it out if you can."
            ).format(place=empty[0]),
            stacklevel=3,
        )


def _warn_of_collision(batch: PaddedBatch) -> None:
    looks_padded = batch.ids == batch.ids.dtype.type(batch.value)
    if looks_padded.ndim > 2:
        looks_padded = looks_padded.all(axis=tuple(range(2, looks_padded.ndim)))
    rows, steps = np.nonzero(looks_padded & batch.mask)
    if not len(rows):
        return
    if batch.value == 0:
        effect = _("mask_zero=True would skip this token as if it were padding")
    else:
        effect = _("mask_zero=True masks only 0, so it would read this padding as that token")
    place = int(batch.origin[rows[0], steps[0]])
    warnings.warn(
        _(
            "The padding value {value:g} also occurs as a token (sequence {row}, token {place}: "
            "{token}): {effect}. Use a padding value that no token has."
        ).format(
            value=batch.value,
            row=rows[0],
            place=place,
            token=batch.sequences[rows[0]][place],
            effect=effect,
        ),
        stacklevel=3,
    )
