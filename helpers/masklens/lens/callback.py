"""A callback for `fit`: it measures before training begins whether padding gets in."""

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

    A callback does not see the data, so it is given a batch. Training goes on as it would without
    the callback: weights, random numbers and the model's own state are as before.

    Attributes:
        found: The trace of the last measurement; None before the first, and where it failed.

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
        """Keeps what to measure with.

        Args:
            batch: What to call the model on, with some padding: an array, a `PaddedBatch`, or a
                list, tuple or dict of arrays.
            action: What to do if padding gets in, or if there is no verdict: `"warn"` or `"raise"`.
            mask: Which timesteps are tokens, where the lens cannot know; as for `masklens.trace`.
            targets: What the model is trained on for this batch. Then the loss and each metric are
                asked, too, whether they read padding.
            sample_weight: The weights that the loss is given with these targets.

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
        """Measures.

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
            # Whoever asked for warnings wants the training to go on.
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
    """Says what is wrong, one thing a line; empty if padding is ignored."""
    said = [] if found.moves == 0.0 else [verdict_words(found, model)]
    template = _(
        "The {score} of {model} reads padding: it moves by {figure}, relative to its value."
    )
    for score, figure in found.scores.items():
        if figure:
            said.append(template.format(score=score, model=model, figure=f"{figure:.2g}"))
    return "\n".join(said)
