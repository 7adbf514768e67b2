"""Padding sequences to one length, and keeping track of where each token came from."""

import difflib
import math
import numbers
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from masklens._language import translate as _

Side = Literal["pre", "post"]


@dataclass(frozen=True, eq=False)
class PaddedBatch:
    """Sequences padded to one length, as `pad` returns them.

    Attributes:
        ids: The padded array, as from Keras's `pad_sequences`: (batch, time), or
            (batch, time, features).
        origin: (batch, time) integers: the index of each token in its sequence, -1 for padding.
        sequences: The original sequences, one array each.
        padding: The side of the padding, `"pre"` or `"post"`.
        truncating: The side from which excess tokens were cut.
        maxlen: The requested length, or None for that of the longest sequence.
        value: The value at padded timesteps.
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
        """(batch, time) booleans: True at tokens, False at padding."""
        return self.origin >= 0

    @property
    def call(self) -> str:
        """The call that made this batch, as code."""
        parts = ["sequences", f'padding="{self.padding}"']
        if self.maxlen is not None:
            parts += [f'truncating="{self.truncating}"', f"maxlen={self.maxlen}"]
        if (value := _as_code(self.value)) != "0":
            parts.append(f"value={value}")
        if self.ids.dtype != np.int32:
            parts.append(f'dtype="{self.ids.dtype}"')
        return f"ml.pad({', '.join(parts)})"

    def cut(self, row: int) -> list[int]:
        """Lists the tokens of one sequence that truncation removed.

        Args:
            row: The index of the sequence in the batch.

        Returns:
            The indices of these tokens in the sequence, in order.

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

    Unlike Keras it also keeps track of where each token came from, warns of empty sequences and of
    tokens that equal the padding value, and explains what is wrong with its input.

    Args:
        sequences: One list of ids, or of feature vectors, per row of the batch.
        maxlen: The number of timesteps; None for the length of the longest sequence.
        dtype: The dtype of the result, one of real numbers. Integers cut fractions off: 0.6
            becomes 0.
        padding: Pads before (`"pre"`, Keras's default) or after (`"post"`) the tokens.
        truncating: Cuts excess tokens from the beginning (`"pre"`) or the end (`"post"`).
        value: The value at padded timesteps. An Embedding with `mask_zero=True` masks 0 only.

    Returns:
        The padded batch; its `ids` equal what Keras returns.

    Raises:
        ValueError: If there are no sequences, a value, a type or a mode is not valid, ids and
            vectors are mixed, or a number does not fit `dtype`.
        TypeError: If sequences hold anything but numbers.
        MemoryError: If the batch is too large.

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
    kind = _checked_dtype(dtype)
    value = _checked_value(value)
    rows = _checked_sequences(sequences)
    _check_numbers(rows, value, kind)
    length = max(len(row) for row in rows) if maxlen is None else int(maxlen)
    if length == 0:
        raise ValueError(_("Every sequence is empty, so there is no length; give maxlen."))
    step = next((row.shape[1:] for row in rows if len(row)), ())
    ids = _filled((len(rows), length, *step), value, kind)
    origin = np.stack([_origin(len(row), length, padding, truncating) for row in rows])
    for place, row in enumerate(rows):
        if len(row):
            kept = origin[place] >= 0
            ids[place, kept] = row[origin[place, kept]]
    batch = PaddedBatch(ids, origin, tuple(rows), padding, truncating, maxlen, value)
    _warn_of_empty_rows(rows)
    _warn_of_collision(batch)
    return batch


def _filled(shape: tuple[int, ...], value: float, dtype: np.dtype[Any]) -> NDArray[Any]:
    try:
        return np.full(shape, value, dtype)
    except (ValueError, OverflowError, MemoryError) as error:
        # NumPy raises different errors for different sizes.
        raise MemoryError(
            _(
                "{rows} sequences of {length} timesteps do not fit into memory; "
                "give a smaller maxlen."
            ).format(rows=shape[0], length=shape[1])
        ) from error


def _origin(tokens: int, length: int, padding: Side, truncating: Side) -> NDArray[np.int64]:
    kept = min(tokens, length)
    first = tokens - kept if truncating == "pre" else 0
    origin = np.full(length, -1)
    start = length - kept if padding == "pre" else 0
    origin[start : start + kept] = np.arange(first, first + kept)
    return origin


def _check_side(name: str, side: object) -> None:
    if isinstance(side, str) and side in ("pre", "post"):
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
    scalar = isinstance(row, np.ndarray) and row.ndim == 0
    if isinstance(row, str | bytes) or not isinstance(row, Iterable) or scalar:
        raise TypeError(
            _(
                "Sequence {place} is {row!r}, which is not a list of numbers; pad takes a list "
                "of sequences, such as [[711, 632], [73]]."
            ).format(place=place, row=row)
        )
    # As a list, an array of objects gets the dtype of its items.
    plain = isinstance(row, np.ndarray) and row.dtype.kind != "O"
    tokens: Any = row if plain else list(row)
    if len(tokens) == 0:
        return np.zeros(0, dtype=int)
    try:
        array = _as_array(tokens)
    except ValueError as error:
        raise ValueError(
            _(
                "Sequence {place} mixes timesteps of different shapes; "
                "each must be one number, or a vector of one length."
            ).format(place=place)
        ) from error
    if not _holds_numbers(array):
        step = next(i for i, token in enumerate(tokens) if not _holds_numbers(np.asarray(token)))
        raise TypeError(
            _(
                "Sequence {place} has {token!r} at timestep {step}; pad takes numbers. "
                "Look up the id of each token first, "
                "and give the words to show(batch, tokens=...)."
            ).format(place=place, token=tokens[step], step=step)
        )
    return _without_objects(array, _("A token of sequence {place}").format(place=place))


def _holds_numbers(array: NDArray[Any]) -> bool:
    return _is_real(array.dtype) or (
        array.dtype.kind == "O" and all(isinstance(token, numbers.Real) for token in array.flat)
    )


def _is_real(dtype: np.dtype[Any]) -> bool:
    # bfloat16 has no kind of its own in NumPy.
    return dtype.kind in "biuf" or "float" in dtype.name


def _as_array(tokens: Any) -> NDArray[Any]:
    array = np.asarray(tokens)
    if array.dtype.kind == "f" and array.size and array.max() >= 2**63:
        # NumPy turns a mix of integers with and without a 64th bit into floats, which are inexact.
        exact = np.array(tokens, dtype=object)
        if all(isinstance(token, numbers.Integral) for token in exact.flat):
            return exact
    return array


def _without_objects(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Converts numbers that NumPy keeps as objects, such as large integers, to a numeric dtype."""
    if array.dtype.kind != "O":
        return array
    with suppress(OverflowError):
        unsigned = array.astype(np.uint64)
        if (unsigned == array).all():
            return unsigned
    try:
        return array.astype(np.float64)
    except OverflowError as error:
        raise ValueError(
            _("{where} is too large a number for NumPy.").format(where=name)
        ) from error


def _checked_dtype(dtype: Any) -> np.dtype[Any]:
    # Importing it, as Keras does, makes "bfloat16" known to NumPy.
    import_module("ml_dtypes")
    try:
        kind: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        kind = np.dtype(object)
    if not _is_real(kind):
        raise ValueError(
            _(
                'dtype must be a type of real numbers, such as "int32" or "float32"; got {dtype!r}.'
            ).format(dtype=dtype)
        )
    return kind


def _checked_value(value: Any) -> float:
    if not isinstance(value, numbers.Real):
        raise TypeError(_("value must be a number; got {value!r}.").format(value=value))
    _without_objects(np.asarray(value), _("The padding value"))
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def _as_code(value: float) -> str:
    """Writes a number as Python code that evaluates to exactly the same number."""
    if not math.isfinite(value):
        return f'float("{value}")'
    short = abs(value) < 2**53 and value == int(value) and str(value) != "-0.0"
    return repr(int(value) if short else value)


def _check_numbers(rows: list[NDArray[Any]], value: float, dtype: np.dtype[Any]) -> None:
    name = _("The padding value")
    where = {name: _without_objects(np.asarray(value), name)}
    where |= {_("A token of sequence {place}").format(place=i): row for i, row in enumerate(rows)}
    for name, array in where.items():
        fits = _fits(array, dtype)
        if fits.all():
            continue
        known = {"where": name, "number": array[~fits][0], "dtype": dtype}
        if dtype.kind not in "iu":
            raise ValueError(_("{where} is {number}, which {dtype} cannot hold.").format(**known))
        bounds = np.iinfo(dtype)
        raise ValueError(
            _(
                '{where} is {number}, which {dtype} cannot hold; pass dtype="float32", '
                "or replace it with a number from {least} to {most}."
            ).format(**known, least=bounds.min, most=bounds.max)
        )


def _fits(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[np.bool_]:
    """Returns for each number whether a dtype can hold it, apart from fractions and rounding."""
    if dtype.kind == "b":
        return np.asarray((array == 0) | (array == 1))
    if dtype.kind not in "iu":
        with np.errstate(all="ignore"):
            stored = array.astype(dtype)
        return np.asarray(np.isfinite(stored) | ~np.isfinite(array))
    # NumPy cannot compare booleans with 64-bit bounds, and short floats cannot hold the bounds.
    wide = {"b": "int64", "f": "float64", "V": "float64"}.get(array.dtype.kind, array.dtype)
    array, bounds = array.astype(wide), np.iinfo(dtype)
    # NaN compares as False, so in this form it does not fit.
    return np.asarray((array >= bounds.min) & (array < int(bounds.max) + 1))


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
            "The padding value {value} also occurs as a token (sequence {row}, token {place}: "
            "{token}): {effect}. Use a value that no token has."
        ).format(
            value=_as_code(batch.value),
            row=rows[0],
            place=place,
            token=batch.sequences[rows[0]][place],
            effect=effect,
        ),
        stacklevel=3,
    )
