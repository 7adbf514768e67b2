"""Measuring whether the loss and the metrics of a compiled model read padding."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from masklens._language import translate as _
from masklens.tracing.calls import Array
from masklens.tracing.evidence import made_masks, with_usage
from masklens.tracing.runs import Run, Runner
from masklens.tracing.sequences import Input, find_sequences


def check_compiled(model: Any) -> None:
    """Raises if a model that is given targets is not compiled.

    Args:
        model: A Keras model or layer.

    Raises:
        ValueError: If it is not compiled, and so has no loss.
    """
    if not getattr(model, "compiled", False):
        raise ValueError(
            _(
                "targets= asks what the loss and the metrics read, and {model} has none: "
                "call {model}.compile(loss=..., metrics=[...]) first."
            ).format(model=model.name)
        )


def measure_scores(
    runner: Runner,
    model: Any,
    inputs: Sequence[Input],
    pack: Callable[[Sequence[Array]], Any],
    targets: Any,
    sample_weight: Any = None,
) -> dict[str, float]:
    """Measures how far padded timesteps move the loss and each metric.

    Replaces targets and predictions at padded timesteps, keeps the mask on the predictions, and
    computes each score again.

    Args:
        runner: Runs the model.
        model: A compiled model.
        inputs: The inputs of the model.
        pack: Puts arrays into the structure that the model takes.
        targets: The targets, in the structure of the model's outputs.
        sample_weight: The weights that go with the targets; None for none.

    Returns:
        For `"loss"` and each metric by its name, the largest change relative to its value; 0.0
        where padding is not read.
    """
    runner.substitute([])
    run = runner.run_recorded(pack([one.array for one in inputs]))
    sequences = find_sequences(with_usage(inputs, run), made_masks(run))
    valid = [one.per_step for one in sequences]
    scores = _Scores(model, run, targets, sample_weight)
    before = scores.compute(None)
    random = np.random.default_rng(3)
    moved = dict.fromkeys(before, 0.0)
    # Change one at a time: a score may ignore padded targets and still read predictions there.
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
    """Replaces the values at padded timesteps of targets or of predictions."""

    def __init__(self, changed: str, valid: Sequence[Array], random: np.random.Generator) -> None:
        self.changed, self._valid, self._random = changed, valid, random

    def apply(self, values: Array) -> Array:
        """Returns a copy with other values of the batch at padded timesteps."""
        for valid in self._valid:
            if values.ndim > 1 and values.shape[:2] == valid.shape and not valid.all():
                other = values.copy()
                other[~valid] = self._values_from_batch(values, int((~valid).sum()))
                return other
        return values

    def _values_from_batch(self, values: Array, count: int) -> Array:
        steps = values.reshape(-1, *values.shape[2:])
        drawn = steps[self._random.integers(len(steps), size=count)]
        if values.dtype.kind not in "fc":
            # For classes, the next class after one drawn from the batch.
            known = np.unique(steps)
            return known[(np.searchsorted(known, drawn) + 1) % len(known)]
        if values.ndim > 2:
            # Reversed vectors of probabilities still sum to one.
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
                lambda value: replacement.apply(np.asarray(value)), targets
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

        changed = replacement.apply(np.asarray(keras.ops.convert_to_numpy(value)))
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
