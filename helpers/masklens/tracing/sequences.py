"""Finding which timesteps of a batch are tokens, and making the changed batches for a trace."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from masklens._language import translate as _
from masklens.padding import PaddedBatch
from masklens.tracing.calls import Array, Mask

_Side = Literal["pre", "post"]
KnownFrom = Literal["argument", "batch", "model", "input", "zeros", "added"]


@dataclass(frozen=True, eq=False)
class Input:
    """One array among the inputs of a model.

    Attributes:
        array: The array, batch first.
        name: The name of the model's input, or the key in a dict; empty where there is none.
        given: The mask that the caller gave for it, (batch, time).
        batch: The `PaddedBatch` that it came as, if it did.
        looked_up: Whether integers of shape (batch, sentences, words) are ids; otherwise they are
            features, as floats of that shape are.
        taken_as_mask: Whether a layer takes it as a mask argument.
    """

    array: Array
    name: str = ""
    given: Mask | None = None
    batch: PaddedBatch | None = None
    looked_up: bool = True
    taken_as_mask: bool = False

    @property
    def is_mask(self) -> bool:
        """Whether it is a mask, by its name such as `padding_mask`, its dtype, or its use."""
        named = "mask" in self.name.lower() or self.array.dtype.kind == "b"
        return (named or self.taken_as_mask) and self.array.ndim == 2

    @property
    def holds_ids(self) -> bool:
        """Whether it holds ids, one integer for each timestep."""
        ids = self.array.dtype.kind in "iu" and self.array.ndim >= 2 and not self.is_mask
        return ids and not self.holds_features

    @property
    def holds_features(self) -> bool:
        """Whether it holds a vector for each timestep."""
        kinds = "f" if self.looked_up else "iuf"
        return self.array.dtype.kind in kinds and self.array.ndim == 3


@dataclass(frozen=True, eq=False)
class Sequences:
    """Inputs that share their timesteps, such as ids and the mask for them.

    Attributes:
        places: The indices of these inputs among all inputs.
        valid: (batch, time) booleans: True at tokens. For ids of a higher rank, such as
            (batch, sentences, words), the shape of the ids, with padding along the last axis.
        known_from: The source of `valid`; see `Trace.known_from`.
        side: The side on which padding stands; None if it stands between tokens only.
    """

    places: tuple[int, ...]
    valid: Mask
    known_from: KnownFrom
    side: _Side | None = field(init=False)

    def __post_init__(self) -> None:
        """Sets the side."""
        object.__setattr__(self, "side", _side(self.valid))

    @property
    def time(self) -> int:
        """The number of timesteps."""
        return int(self.valid.shape[1])

    @property
    def per_step(self) -> Mask:
        """(batch, time) booleans: True where at least one id of the timestep is a token."""
        return np.asarray(self.valid.reshape(*self.valid.shape[:2], -1).any(-1))


def find_sequences(inputs: Sequence[Input], made: Sequence[tuple[Array, Mask]]) -> list[Sequences]:
    """Finds which inputs have a time axis, and which of their timesteps are tokens.

    The sources, in this order: a mask from the caller, a `PaddedBatch`, a mask that the model
    makes, an input that is a mask, and zeros at the ends of rows.

    Args:
        inputs: The inputs of the model.
        made: The masks that the model made, each with the tensor that it was made of.

    Returns:
        One entry for each kind of padding; inputs of one length share an entry unless their masks
        differ. Empty if no input has a time axis.
    """
    found: list[Sequences] = []
    for place, one in enumerate(inputs):
        known_padding = _known_padding(one, inputs, made)
        if known_padding is not None:
            found.append(Sequences((place,), *known_padding))
    for place, one in enumerate(inputs):
        if any(place in sequences.places for sequences in found) or not _runs_along_time(one):
            continue
        shape = one.array.shape[:2]
        candidates = [
            i
            for i, sequences in enumerate(found)
            if sequences.valid.shape[:2] == shape and not _contradicts(one, sequences.valid)
        ]
        if candidates:
            best = max(
                candidates,
                key=lambda i: (
                    one.is_mask and np.array_equal(one.array != 0, found[i].valid),
                    _name_similarity(one, [inputs[p] for p in found[i].places]),
                ),
            )
            found[best] = _replace_places(found[best], (*found[best].places, place))
        elif one.holds_ids or one.holds_features:
            zeros = _zeros_at_ends(one)
            rank = 2 if one.holds_features else one.array.ndim
            valid = np.ones(one.array.shape[:rank], dtype=bool) if zeros is None else zeros
            found.append(Sequences((place,), valid, "zeros"))
    return _merged(found)


def _replace_places(sequences: Sequences, places: tuple[int, ...]) -> Sequences:
    return Sequences(places, sequences.valid, sequences.known_from)


def with_more_padding(
    inputs: Sequence[Input], found: Sequence[Sequences], amounts: Sequence[int]
) -> tuple[list[Array], list[Sequences]]:
    """Adds padding to a batch.

    Args:
        inputs: The inputs of the model.
        found: The inputs with a time axis.
        amounts: How many timesteps to add to each of `found`, on the side of its padding.

    Returns:
        The longer arrays, and their valid timesteps.
    """
    arrays = [one.array for one in inputs]
    longer = []
    for sequences, amount in zip(found, amounts, strict=True):
        side = sequences.side or "post"
        for place in sequences.places:
            value = _padding_value(inputs[place], sequences.valid)
            axis = sequences.valid.ndim - 1
            shape = list(arrays[place].shape)
            shape[axis] = amount
            block = np.broadcast_to(value, shape).astype(arrays[place].dtype)
            parts = [block, arrays[place]] if side == "pre" else [arrays[place], block]
            arrays[place] = np.concatenate(parts, axis=axis)
        padding = np.zeros((*sequences.valid.shape[:-1], amount), dtype=bool)
        parts = [padding, sequences.valid] if side == "pre" else [sequences.valid, padding]
        valid = np.concatenate(parts, axis=-1)
        longer.append(Sequences(sequences.places, valid, sequences.known_from))
    return arrays, longer


def with_other_rows(
    inputs: Sequence[Input],
    found: Sequence[Sequences],
    random: np.random.Generator,
    longest_stays: bool = True,
) -> tuple[list[Array], Mask]:
    """Gives every second row other tokens and another length; a single row is copied first.

    Args:
        inputs: The inputs of the model.
        found: The inputs with a time axis.
        random: The random generator.
        longest_stays: Whether to keep the longest row, the only one in which effects of other rows
            on the last timesteps can show.

    Returns:
        The arrays, and (batch,) booleans: True for unchanged rows.
    """
    rows = len(inputs[0].array)
    if rows == 1:
        inputs = [replace(one, array=np.repeat(one.array, 2, axis=0)) for one in inputs]
        valids = [np.repeat(sequences.valid, 2, axis=0) for sequences in found]
    else:
        valids = [sequences.valid for sequences in found]
    lengths = valids[0].reshape(len(valids[0]), -1).sum(-1)
    longest = int(lengths.argmax()) if rows > 1 else 0
    kept = (np.arange(len(lengths)) % 2 == longest % 2) == longest_stays
    changed = np.flatnonzero(~kept)
    source = np.arange(len(kept))
    source[changed] = np.roll(changed, 1)
    source[changed[0]] = np.flatnonzero(kept)[lengths[kept].argmax()]
    arrays = [one.array[source] for one in inputs]
    for sequences, valid in zip(found, valids, strict=True):
        for row in changed.tolist():
            shorter = valid[source[row]].sum() == valid[row].sum()
            _change_row(row, inputs, arrays, sequences, valid[source], shorter, random)
    return arrays, kept


def with_other_content(
    inputs: Sequence[Input], found: Sequence[Sequences], random: np.random.Generator
) -> list[Array] | None:
    """Writes noise to the padded timesteps of inputs that hold feature vectors.

    Args:
        inputs: The inputs of the model.
        found: The inputs with a time axis.
        random: The random generator.

    Returns:
        The arrays; None if no input holds feature vectors at padded timesteps.
    """
    arrays = [one.array for one in inputs]
    changed = False
    for sequences in found:
        padded = ~sequences.per_step
        for place in sequences.places:
            if inputs[place].holds_features and padded.any():
                arrays[place] = with_noise_at_padding(arrays[place], sequences.per_step, random)
                changed = True
    return arrays if changed else None


def with_noise_at_padding(values: Array, valid: Mask, random: np.random.Generator) -> Array:
    """Writes noise to the padded timesteps, larger than the values at the valid ones.

    Args:
        values: (batch, time, ...) numbers.
        valid: Booleans of the leading axes: True at tokens.
        random: The random generator.

    Returns:
        A copy with unchanged valid timesteps.

    Example:
        >>> values = np.ones((1, 2, 1))
        >>> random = np.random.default_rng(0)
        >>> other = with_noise_at_padding(values, np.array([[True, False]]), random)
        >>> (other == values)[..., 0]
        array([[ True, False]])
    """
    known = values[valid].astype("float64")
    size = float(np.sqrt(np.mean(np.square(known)))) if known.size else 0.0
    noise = random.normal(0.0, 3.0 * size if 0 < size < np.inf else 1.0, values[~valid].shape)
    changed = values.copy()
    changed[~valid] = noise.astype(values.dtype)
    return changed


def _change_row(
    row: int,
    inputs: Sequence[Input],
    arrays: list[Array],
    sequences: Sequences,
    valid: Mask,
    shorter: bool,
    random: np.random.Generator,
) -> None:
    """Shuffles the tokens of a row; if `shorter`, half of them become padding."""
    if valid.ndim > 2:
        return
    steps = np.flatnonzero(valid[row])
    order = random.permutation(steps)
    removed_count = len(steps) // 2 if shorter else 0
    removed = (
        steps[:removed_count] if sequences.side == "pre" else steps[len(steps) - removed_count :]
    )
    for place in sequences.places:
        one, array = inputs[place], arrays[place]
        if one.holds_features:
            array[row, steps] = with_noise_at_padding(array, np.arange(len(array)) != row, random)[
                row, steps
            ]
        elif not one.is_mask:
            array[row, steps] = array[row, order]
        array[row, removed] = _padding_value(one, sequences.valid)


def _known_padding(
    one: Input, inputs: Sequence[Input], made: Sequence[tuple[Array, Mask]]
) -> tuple[Mask, KnownFrom] | None:
    if one.given is not None:
        return one.given, "argument"
    if one.batch is not None and not one.batch.mask.all():
        return one.batch.mask, "batch"
    if one.is_mask:
        return None
    fitting = [
        (source, mask)
        for source, mask in made
        if mask.shape == one.array.shape[: mask.ndim] and mask.ndim > 1 and not mask.all()
    ]
    # Ids may come as floats; then only the mask that a layer makes of them shows the padding.
    for source, mask in fitting:
        if _same_values(source, one.array):
            return mask, "model"
    masks = [
        other for other in inputs if other.is_mask and other.array.shape == one.array.shape[:2]
    ]
    if masks:
        nearest = max(
            masks,
            key=lambda other: (
                _marks_constant_padding(other.array != 0, one),
                _name_similarity(one, [other]),
            ),
        )
        if not np.asarray(nearest.array, dtype=bool).all():
            return np.asarray(nearest.array, dtype=bool), "input"
    if one.array.ndim > 2:
        # The mask may have been made from a tensor computed from these vectors.
        own = [mask for _source, mask in fitting if _marks_constant_padding(mask, one)]
        if own or (fitting and _zeros_at_ends(one) is None):
            return (own or [fitting[0][1]])[0], "model"
    return None


def _runs_along_time(one: Input) -> bool:
    return one.is_mask or one.holds_features or (one.holds_ids and one.array.shape[1] > 1)


def _same_values(source: Array, array: Array) -> bool:
    return source.shape == array.shape and bool(np.array_equal(source, array))


def _contradicts(one: Input, valid: Mask) -> bool:
    """Whether zero vectors at the ends of rows speak against a mask."""
    zeros = _zeros_at_ends(one) if one.holds_features and valid.ndim == 2 else None
    return (
        zeros is not None
        and not np.array_equal(zeros, valid)
        and not _marks_constant_padding(valid, one)
    )


def _marks_constant_padding(valid: Mask, one: Input) -> bool:
    """Whether an input holds one value wherever a mask is False, and nowhere else."""
    padding = one.array[~valid]
    return bool(len(padding) and (padding == padding[0]).all()) and not bool(
        (one.array[valid] == padding[0]).reshape(int(valid.sum()), -1).all(-1).any()
    )


def _name_similarity(one: Input, others: Sequence[Input]) -> int:
    return max(_common_prefix_length(one.name, other.name) for other in others)


def _common_prefix_length(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _merged(found: Sequence[Sequences]) -> list[Sequences]:
    """Merges sequences with equal masks."""
    joined: list[Sequences] = []
    for sequences in found:
        for at, other in enumerate(joined):
            if np.array_equal(other.valid, sequences.valid):
                joined[at] = _replace_places(other, (*other.places, *sequences.places))
                break
        else:
            joined.append(sequences)
    return joined


def _side(valid: Mask) -> _Side | None:
    """The side on which padding stands, along the last axis."""
    if valid.all() or not valid.size:
        return "post"
    after, before = (~valid[..., -1]).sum(), (~valid[..., 0]).sum()
    if not after and not before:
        return None
    return "pre" if before > after else "post"


def _zeros_at_ends(one: Input) -> Mask | None:
    """Returns the mask that zeros at the ends of rows suggest; None if there are none."""
    zero: Mask = np.asarray(one.array == 0)
    if one.holds_features:
        zero = np.asarray(zero.all(-1))
    after = np.logical_and.accumulate(zero[..., ::-1], axis=-1)[..., ::-1]
    before = np.logical_and.accumulate(zero, axis=-1)
    padded: Mask = before if before.sum() > after.sum() else after
    return ~padded if padded.any() and not padded.all() else None


def _padding_value(one: Input, valid: Mask) -> Any:
    if one.is_mask:
        return np.zeros((), dtype=one.array.dtype)
    if valid.shape == one.array.shape[: valid.ndim] and not valid.all():
        return one.array[~valid][0]
    return 0 if one.batch is None else one.batch.value


def named_inputs(inputs: Any, mask: Any, names: Sequence[str]) -> list[Input]:
    """Lists the arrays among the inputs, each with its name and the caller's mask for it.

    Args:
        inputs: Arrays and `PaddedBatch`es in any structure.
        mask: The masks in the same structure, or one mask for a single input; None for none.
        names: The names of the model's inputs in order, if it has any.

    Returns:
        The inputs, in the order in which `keras.tree` flattens them.

    Raises:
        ValueError: If a mask does not have the shape of its input's leading axes, or masks stand
            where there are no inputs.
    """
    import keras

    leaves = keras.tree.flatten_with_path(inputs)
    masks = _masks_by_path(mask, leaves)
    found = []
    for place, (path, leaf) in enumerate(leaves):
        key = str(path[-1]) if path and isinstance(path[-1], str) else ""
        name = key or (names[place] if len(names) == len(leaves) else "")
        batch = leaf if isinstance(leaf, PaddedBatch) else None
        array = np.asarray(batch.ids if batch is not None else leaf)
        given = masks.get(path)
        if given is not None:
            given = _checked_mask(given, array, name)
        found.append(Input(array, name, given, batch))
    return found


def _masks_by_path(mask: Any, leaves: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
    import keras

    if mask is None:
        return {}
    if isinstance(mask, list) and len(leaves) == 1:
        mask = np.asarray(mask)
    masks = {path: one for path, one in keras.tree.flatten_with_path(mask) if one is not None}
    if len(leaves) == 1 and len(masks) == 1:
        return {leaves[0][0]: next(iter(masks.values()))}
    if not masks.keys() <= {path for path, _leaf in leaves}:
        raise ValueError(
            _(
                "mask= has another structure than the inputs: give it one mask for each input that "
                "has padding, in the same dict or list."
            )
        )
    return masks


def _checked_mask(given: Any, array: Array, name: str) -> Mask:
    import keras

    if isinstance(given, PaddedBatch):
        given = given.mask
    mask = np.asarray(keras.ops.convert_to_numpy(given))
    if mask.ndim < 2 or mask.shape != array.shape[: mask.ndim]:
        raise ValueError(
            _(
                "mask= has the shape {mask}, but {input} has {shape}: "
                "a mask has one value for each timestep, (batch, time)."
            ).format(
                mask=mask.shape, input=f"`{name}`" if name else _("the input"), shape=array.shape
            )
        )
    return mask.astype(bool)
