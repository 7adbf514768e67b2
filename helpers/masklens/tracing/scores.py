"""Whether the loss and the metrics of a compiled model read padding."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from masklens._language import translate as _
from masklens.tracing.calls import Array
from masklens.tracing.evidence import masks_made, with_use
from masklens.tracing.runs import Player, Run
from masklens.tracing.sequences import Input, find_sequences


def check_compiled(model: Any) -> None:
    """Refuses targets for what has no loss.

    Args:
        model: A Keras model or layer.

    Raises:
        ValueError: If it is not compiled.
    """
    if not getattr(model, "compiled", False):
        raise ValueError(
            _(
                "targets= asks what the loss and the metrics read, and {model} has none: "
                "call {model}.compile(loss=..., metrics=[...]) first."
            ).format(model=model.name)
        )


def measure_scores(
    player: Player,
    model: Any,
    inputs: Sequence[Input],
    pack: Callable[[Sequence[Array]], Any],
    targets: Any,
    sample_weight: Any = None,
) -> dict[str, float]:
    """Says of the loss and of each metric how far padded timesteps move it.

    Targets and predictions at padded timesteps are replaced, the mask on the predictions is left
    as it is, and each score is computed again.

    Args:
        player: Runs the model.
        model: A compiled model.
        inputs: What it is called on.
        pack: Puts arrays into the structure that the model takes.
        targets: What it is trained on, in the structure of its outputs.
        sample_weight: The weights that go with the targets; None for none.

    Returns:
        For `"loss"` and each metric by its name, the largest change relative to its value; 0.0
        where padding is not read.
    """
    player.lend([])
    run = player.recorded(pack([one.array for one in inputs]))
    sequences = find_sequences(with_use(inputs, run), masks_made(run))
    valid = [one.per_step for one in sequences]
    scores = _Scores(model, run, targets, sample_weight)
    before = scores.compute(None)
    random = np.random.default_rng(3)
    moved = dict.fromkeys(before, 0.0)
    # Targets alone, predictions alone: what one of them hides, the other shows.
    for changed in ("targets", "predictions"):
        after = scores.compute(_Replacement(changed, valid, random))
        for name, value in before.items():
            moved[name] = max(moved[name], _relative(value, after[name]))
    return moved


def _relative(one: float, other: float) -> float:
    if not np.isfinite([one, other]).all():
        return 0.0 if str(one) == str(other) else float("inf")
    change = abs(one - other) / max(abs(one), 1e-7)
    return change if change > 1e-5 else 0.0


class _Replacement:
    """Puts other values at the padded timesteps of targets or of predictions."""

    def __init__(self, changed: str, valid: Sequence[Array], random: np.random.Generator) -> None:
        self.changed, self._valid, self._random = changed, valid, random

    def of(self, values: Array) -> Array:
        """Shuffles a copy's values among those of the batch, at padded timesteps only."""
        for valid in self._valid:
            if values.ndim > 1 and values.shape[:2] == valid.shape and not valid.all():
                other = values.copy()
                other[~valid] = self._others(values, int((~valid).sum()))
                return other
        return values

    def _others(self, values: Array, count: int) -> Array:
        steps = values.reshape(-1, *values.shape[2:])
        drawn = steps[self._random.integers(len(steps), size=count)]
        if values.dtype.kind not in "fc":
            # Classes: any that is there, but not the one that stands there.
            known = np.unique(steps)
            return known[(np.searchsorted(known, drawn) + 1) % len(known)]
        if values.ndim > 2:
            # Vectors of probabilities stay such vectors.
            return np.asarray(drawn[..., ::-1])
        return np.asarray(1.0 - drawn)


class _Scores:
    """The loss and the metrics of a model on one batch."""

    def __init__(self, model: Any, run: Run, targets: Any, sample_weight: Any) -> None:
        self._model, self._run = model, run
        self._targets, self._weight = targets, sample_weight

    def compute(self, replacement: _Replacement | None) -> dict[str, float]:
        import keras

        targets, predictions = self._targets, self._run.outputs
        if replacement is not None and replacement.changed == "targets":
            targets = keras.tree.map_structure(
                lambda value: replacement.of(np.asarray(value)), targets
            )
        if replacement is not None and replacement.changed == "predictions":
            predictions = keras.tree.map_structure(
                lambda value: self._with_mask(value, replacement), predictions
            )
        targets = keras.tree.map_structure(keras.ops.convert_to_tensor, targets)
        with keras.StatelessScope():
            for metric in self._model.metrics:
                metric.reset_state()
            loss = self._model.compute_loss(
                y=targets, y_pred=predictions, sample_weight=self._weight, training=False
            )
            metrics = self._model.compute_metrics(
                None, targets, predictions, sample_weight=self._weight
            )
            found = {"loss": float(keras.ops.convert_to_numpy(loss))}
            found |= _flat(metrics)
        return found

    def _with_mask(self, value: Any, replacement: _Replacement) -> Any:
        import keras

        from masklens._keras import attach_mask, attached_mask

        changed = replacement.of(np.asarray(keras.ops.convert_to_numpy(value)))
        tensor = keras.ops.convert_to_tensor(changed, dtype=value.dtype)
        mask = attached_mask(value)
        if mask is not None:
            attach_mask(tensor, mask)
        return tensor


def _flat(metrics: Mapping[str, Any]) -> dict[str, float]:
    import keras

    return {
        name: float(np.asarray(keras.ops.convert_to_numpy(value)))
        for name, value in metrics.items()
        if name != "loss"
    }
