"""`trace` and `record`: record every call of a layer in a model or in a block of code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from masklens._keras import all_layers
from masklens._language import translate as _
from masklens.drawing.picture import Picture
from masklens.drawing.trace_picture import draw
from masklens.tracing.findings import Findings
from masklens.tracing.hooks import watching
from masklens.tracing.inputs import concrete, inputs_of, pair_hint
from masklens.tracing.measurement import measure_padding
from masklens.tracing.recorder import Recorder
from masklens.tracing.runs import Runner, restored
from masklens.tracing.scores import check_compiled, measure_scores


class Trace(Findings):
    """The recorded calls of layers, and whether padding gets into the answer.

    Iterating yields the calls in the order in which they began. `found["lstm"]` is the first call
    of the layer of that name. A path such as `found["encoder/mha"]`, or the end of one, tells
    layers of one name apart.

    A notebook shows the trace as a picture; `print` shows it as text.

    Attributes:
        calls: The calls in the order in which they began; during a recording, those so far.
        moves_by: How far the answer moves when the content of the padding changes (`"content"`),
            its amount (`"amount"`), and the other rows (`"rows"`): the largest difference over all
            outputs and valid timesteps, relative to the largest valid value. 0.0 for rounding,
            None where the question could not be asked.
        tolerance: The largest difference that counts as 0.0, for the coarsest dtype that the model
            computes with.
        leaks: The calls at which padding first gets into valid values. Empty exactly when `moves`
            is 0.0 or None.
        known_from: The source that shows which timesteps are tokens: `"argument"` (`mask=`),
            `"batch"` (a `PaddedBatch`), `"model"` (a mask that the model makes), `"input"` (an
            input that is a mask), `"zeros"` (zeros at the ends of rows), `"added"` (the batch had
            no padding, so some was added); None without a measurement.
        hidden: Whether padding gets in only once weights that are all 0 or 1 have other values, as
            they will after training.
        why_no_verdict: Why `moves` is None; otherwise empty.
        scores: For the loss and each metric, how far padded timesteps move it, relative to its
            value; empty without targets.
    """

    def __repr__(self) -> str:
        """Shows the trace as text."""
        return self._picture().text

    def _repr_html_(self) -> str:
        return self._picture().html

    def _picture(self) -> Picture:
        return draw(self, error=self._error)


@contextmanager
def record() -> Iterator[Trace]:
    """Records every call of a layer in a block of code: a custom loop, several models, a test.

    Records calls from the thread that entered the block only. Calls with symbolic tensors, as while
    a model is built, or inside `fit`, have `symbolic` set.

    Yields:
        The trace, which grows while the block runs and stays readable after it, also after an
        error.

    Raises:
        RuntimeError: If another trace is being recorded; a process records one at a time.

    Example:
        >>> import keras, numpy as np
        >>> with record() as trace:
        ...     x = keras.layers.Embedding(10, 2, mask_zero=True, name="words")(np.array([[7, 0]]))
        ...     y = keras.layers.LSTM(3, name="lstm")(x)
        >>> [(call.name, call.effect) for call in trace]
        [('words', 'creates'), ('lstm', 'ends')]
    """
    recorder = Recorder()
    recorded = Trace(recorder)
    failed: BaseException | None = None
    try:
        with watching(recorder):
            yield recorded
    except BaseException as error:
        failed = error
        raise
    finally:
        recorded._finish(failed)


def trace(
    model: Any,
    inputs: Any,
    mask: Any = None,
    *,
    measure: bool = True,
    targets: Any = None,
    sample_weight: Any = None,
    training: bool = False,
    probe: bool = False,
) -> Trace:
    """Shows where masks go in a model, and measures whether padding gets into its answer.

    The model runs a few times, eagerly, with one thing changed each time: the content of the
    padding, its amount, or the other rows. If the answer at valid timesteps moves, the first calls
    that moved are the leaks. Afterwards weights, random state, losses and the model's own state are
    as before. The calls leave out the model's own, so that paths begin with its layers; the call
    of a bare layer is kept. An unbuilt model is built, as by any first call.

    Args:
        model: A Keras model or layer.
        inputs: The inputs, with some padding: an array, a `PaddedBatch`, or a list, tuple or dict
            of them.
        mask: Which timesteps are tokens, booleans of shape (batch, time), where the model makes no
            mask and the inputs do not show it; for several inputs in their structure.
        measure: Whether to measure. False records where masks go in one run, without a verdict.
        targets: The targets of a compiled model. With targets, `scores` tells whether the loss and
            each metric read padding.
        sample_weight: The weights that the loss gets with these targets.
        training: Whether to run the model as in training; then only the content of the padding is
            changed.
        probe: Whether to find out which calls use their mask (`uses_mask`), by running each call
            that meets a mask again with other masks.

    Returns:
        The trace, which a notebook shows as a picture.

    Raises:
        TypeError: If `model` is no Keras model or layer, or `inputs` are symbolic or not numbers.
        ValueError: If `mask` does not fit the inputs, or a model with targets is not compiled.
        RuntimeError: If another trace is being recorded.
        Exception: What the model raises; the notes of the error hold the trace so far.

    Example:
        >>> import keras, numpy as np
        >>> model = keras.Sequential([
        ...     keras.layers.Embedding(10, 4, mask_zero=True, name="words"),
        ...     keras.layers.RMSNormalization(name="norm"), keras.layers.LSTM(2, name="lstm")])
        >>> found = trace(model, np.array([[7, 3, 0], [4, 5, 6]]))
        >>> found.moves > 0, [call.name for call in found.leaks], [call.name for call in found.lost]
        (True, ['lstm'], ['norm'])
    """
    found, error = trace_until_error(
        model,
        inputs,
        mask,
        measure=measure,
        targets=targets,
        sample_weight=sample_weight,
        training=training,
        probe=probe,
    )
    if error is not None:
        raise error
    return found


def trace_until_error(
    model: Any,
    inputs: Any,
    mask: Any = None,
    *,
    measure: bool = True,
    targets: Any = None,
    sample_weight: Any = None,
    training: bool = False,
    probe: bool = False,
) -> tuple[Trace, Exception | None]:
    """Traces a model; if it raises, returns the error with the trace so far.

    Args:
        model: As for `trace`.
        inputs: As for `trace`.
        mask: As for `trace`.
        measure: As for `trace`.
        targets: As for `trace`.
        sample_weight: As for `trace`.
        training: As for `trace`.
        probe: As for `trace`.

    Returns:
        The trace, and the error that the model raised, or None.

    Raises:
        TypeError: As `trace`.
        ValueError: As `trace`.
        RuntimeError: If another trace is being recorded.
    """
    import keras

    check_model(model)
    named, pack = inputs_of(model, inputs, mask)
    if targets is not None:
        check_compiled(model)
    runner = Runner(model, training, _probe() if probe else None)
    root = model if isinstance(model, keras.Model) else None
    found = Trace(Recorder(), root, symbolic=False)
    failed: Exception | None = None
    try:
        arrays = pack([one.array for one in named])
        runner.build(arrays)
        with restored(all_layers(model)):
            if measure:
                found._take_measurement(measure_padding(runner, model, named, pack))
            else:
                found._recorder = runner.run_recorded(arrays).recorder
            if targets is not None:
                found.scores = measure_scores(runner, model, named, pack, targets, sample_weight)
    except Exception as error:
        if error is not runner.error:
            raise
        failed = error
    if failed is not None and runner.recorder is not None:
        found._recorder = runner.recorder
        # If the model failed while it was being built, show the symbolic calls of the build.
        found._symbolic = all(call.name == model.name for call in found.calls)
    found._finish(failed)
    if failed is not None:
        failed.add_note(_context(model, inputs, found))
    return found, failed


def _probe() -> Any:
    from masklens.tracing.probe import depends_on_mask

    return depends_on_mask


def check_model(model: Any) -> None:
    """Raises unless an object is a Keras model or layer.

    Args:
        model: Any object.

    Raises:
        TypeError: If it is not a model or layer; the message says what to do.
    """
    import keras

    if isinstance(model, keras.Layer):
        return
    given = model.__name__ if isinstance(model, type) else type(model).__name__
    if isinstance(model, type) and issubclass(model, keras.Layer):
        hint = _("Make one of it first: {name}(...).").format(name=given)
    elif type(model).__module__.startswith("tf_keras"):
        hint = _("This one belongs to Keras 2 (tf_keras), which passes masks in other ways.")
    else:
        hint = _("For any other code that calls layers, use `with ml.record() as trace:`.")
    message = _("trace takes a Keras model or layer; got {given}.").format(given=given)
    raise TypeError(f"{message} {hint}")


def _context(model: Any, inputs: Any, found: Trace) -> str:
    import keras

    shapes = keras.tree.map_structure(
        lambda value: tuple(getattr(value, "ids", value).shape),  # type: ignore[union-attr]  # array
        concrete(inputs),
    )
    context = _(
        "This came up while masklens traced {model} on inputs of shape {shapes}. "
        "The trace so far:\n{trace}"
    ).format(model=model.name, shapes=shapes, trace=found)
    return "\n".join(filter(None, [pair_hint(inputs), context]))
