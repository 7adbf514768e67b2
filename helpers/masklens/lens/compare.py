"""`compare`: the traces of several models on one batch, in one picture."""

from collections.abc import Iterator, Mapping
from typing import Any

from masklens._language import translate as _
from masklens.drawing.comparison_picture import draw_comparison
from masklens.drawing.picture import Picture
from masklens.drawing.progress_bar import ProgressBar
from masklens.lens.trace import Trace, check_model, trace_until_error


class Comparison(Mapping[str, Trace]):
    """The traces of several models, by the names of the models.

    A notebook shows them side by side as far as there is room; `print` shows them as text.

    Attributes:
        errors: The errors that models raised, by the names of these models. The trace of such a
            model holds the calls before the error.
    """

    def __init__(self, traces: Mapping[str, Trace], errors: Mapping[str, Exception]) -> None:
        """Takes the traces.

        Args:
            traces: The traces by name.
            errors: The errors that stopped models, by name.
        """
        self._traces, self.errors = dict(traces), dict(errors)

    def __getitem__(self, name: str) -> Trace:
        """Returns the trace of the model of that name."""
        return self._traces[name]

    def __iter__(self) -> Iterator[str]:
        """Iterates over the names."""
        return iter(self._traces)

    def __len__(self) -> int:
        """Returns the number of models."""
        return len(self._traces)

    def __repr__(self) -> str:
        """Shows the traces as text."""
        return self._picture().text

    def _repr_html_(self) -> str:
        return self._picture().html

    def _picture(self) -> Picture:
        return draw_comparison(self._traces, self.errors)


def compare(
    models: Mapping[str, Any],
    batch: Any,
    mask: Any = None,
    *,
    measure: bool = True,
    targets: Any = None,
    sample_weight: Any = None,
    training: bool = False,
    probe: bool = False,
) -> Comparison:
    """Traces several models on one batch, and shows the traces side by side.

    Below the name of each model is whether padding changes its answer, by how much, and where it
    gets in. A model that raises is shown with its error and the calls before it.

    Args:
        models: Keras models or layers, by the names to show.
        batch: The inputs of each model, as for `trace`.
        mask: As for `trace`.
        measure: As for `trace`.
        targets: As for `trace`.
        sample_weight: As for `trace`.
        training: As for `trace`.
        probe: As for `trace`.

    Returns:
        The traces by name, which a notebook shows as one picture.

    Raises:
        TypeError: If `models` is no dict of Keras models or layers by name; otherwise as `trace`.
        ValueError: If there is no model; otherwise as `trace`. Where the fault lies with one
            model, the notes of the error name it.
        RuntimeError: If another trace is being recorded.

    Example:
        >>> import keras, numpy as np
        >>> words = keras.layers.Embedding(10, 4, mask_zero=True, name="words")
        >>> layers = [keras.layers.RMSNormalization(name="norm"), keras.layers.LSTM(2, name="lstm")]
        >>> models = {
        ...     "before": keras.Sequential([words, *layers]),
        ...     "after": keras.Sequential([words, layers[1]])}
        >>> found = compare(models, np.array([[7, 3, 0], [4, 5, 6]]))
        >>> {name: [call.name for call in trace.leaks] for name, trace in found.items()}
        {'before': ['lstm'], 'after': []}
    """
    _check_models(models)
    traces: dict[str, Trace] = {}
    errors: dict[str, Exception] = {}
    with ProgressBar(len(models), _("tracing models")) as progress:
        for name, model in models.items():
            try:
                traces[name], error = trace_until_error(
                    model,
                    batch,
                    mask,
                    measure=measure,
                    targets=targets,
                    sample_weight=sample_weight,
                    training=training,
                    probe=probe,
                )
            except Exception as fault:
                fault.add_note(_("This came up with the model {name!r}.").format(name=name))
                raise
            if error is not None:
                errors[name] = error
            progress.step()
    return Comparison(traces, errors)


def _check_models(models: Any) -> None:
    if not isinstance(models, Mapping):
        raise TypeError(
            _("compare takes models by name, such as {example}; got {type}.").format(
                example='{"before": model, "after": other}', type=type(models).__name__
            )
        )
    if not models:
        raise ValueError(_("There is no model to trace; give at least one."))
    for name, model in models.items():
        if not isinstance(name, str):
            raise TypeError(
                _("The name of a model must be a string; got {name!r}.").format(name=name)
            )
        check_model(model)
