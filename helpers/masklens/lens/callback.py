"""A callback for `fit` that measures, before training begins, whether padding gets in."""

import warnings
from typing import Any, Literal

import keras

from masklens._language import translate as _
from masklens.drawing.lines import error_line
from masklens.lens.assertion import verdict_words
from masklens.lens.trace import Trace, trace

_Action = Literal["warn", "raise"]


class PaddingCheck(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no type hints
    """Measures, when training begins, whether padding gets into the answer of the model.

    A callback does not see the data, so it needs a batch. The measurement does not affect training:
    it leaves weights, random states and the model's own state as they were.

    Attributes:
        found: The trace of the last measurement; None before the first, and if it failed.

    Example:
        >>> import numpy as np
        >>> ids = np.array([[7, 3, 0], [4, 5, 6]])
        >>> model = keras.Sequential([
        ...     keras.layers.Embedding(10, 4, mask_zero=True), keras.layers.LSTM(2)])
        >>> model.compile("adam", "mse")
        >>> check = PaddingCheck(ids, action="raise")
        >>> history = model.fit(ids, np.ones((2, 2)), callbacks=[check], verbose=0)
        >>> check.found.moves
        0.0
    """

    def __init__(
        self,
        batch: Any,
        action: _Action = "warn",
        mask: Any = None,
        *,
        targets: Any = None,
        sample_weight: Any = None,
    ) -> None:
        """Keeps the batch for the measurement.

        Args:
            batch: The inputs, with some padding: an array, a `PaddedBatch`, or a list, tuple or
                dict of arrays.
            action: `"warn"` or `"raise"` if padding gets in, or if there is no verdict.
            mask: Which timesteps are tokens, booleans of shape (batch, time), where the inputs do
                not show it; as for `masklens.trace`.
            targets: The targets of this batch. With targets, the callback also measures whether
                the loss and each metric read padding.
            sample_weight: The weights that the loss gets with these targets.

        Raises:
            ValueError: If `action` is another word.
        """
        if action not in ("warn", "raise"):
            raise ValueError(
                _('action must be "warn" or "raise"; got {action!r}.').format(action=action)
            )
        super().__init__()
        self.found: Trace | None = None
        self._batch, self._action, self._mask = batch, action, mask
        self._targets, self._sample_weight = targets, sample_weight

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Measures, and warns or raises if padding gets in.

        Args:
            logs: What Keras hands to each callback; not used.

        Raises:
            RuntimeError: If padding gets in, or there is no verdict, and `action` is `"raise"`.
            Exception: What the model raises on the batch, if `action` is `"raise"`.
        """
        self.found = None
        try:
            self.found = trace(
                self.model,
                self._batch,
                self._mask,
                targets=self._targets,
                sample_weight=self._sample_weight,
            )
        except Exception as error:
            if self._action == "raise":
                raise
            # With "warn", training must go on.
            failed = _("PaddingCheck could not measure {model}: {error}")
            said = failed.format(model=self.model.name, error=error_line(error))
            warnings.warn(said, stacklevel=2)
            return
        if not (message := _message(self.found, self.model.name)):
            return
        if self._action == "raise":
            raise RuntimeError(message)
        warnings.warn(message, stacklevel=2)


def _message(found: Trace, model: str) -> str:
    """Returns one line for each fault; empty if padding is ignored."""
    said = [] if found.moves == 0.0 else [verdict_words(found, model)]
    template = _(
        "The {score} of {model} reads padding: it moves by {figure}, relative to its value."
    )
    for score, figure in found.scores.items():
        if figure:
            said.append(template.format(score=score, model=model, figure=f"{figure:.2g}"))
    return "\n".join(said)
