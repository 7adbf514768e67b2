"""`trace` and `record`: every call of a layer while a model, or a block of code, runs."""

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
from masklens.tracing.runs import Player, put_back
from masklens.tracing.scores import check_compiled, measure_scores


class Trace(Findings):
    """The calls of layers that were recorded, and whether padding gets into the answer.

    Iterating yields the calls in the order in which they began. `found["lstm"]` is the call of the
    layer of that name; of a layer that was called several times, the first call. A path such as
    `found["encoder/mha"]`, or the end of one, tells layers of one name apart.

    Shown in a notebook it is a picture, and printed it is text.

    Attributes:
        calls: The calls, in the order in which they began; while recording, those so far.
        moves_by: How far the answer moves when what stands in the padding changes (`"content"`),
            how much of it there is (`"amount"`), and what the other rows hold (`"rows"`): each the
            largest difference over all outputs and valid timesteps, relative to the largest valid
            value. 0.0 for rounding, None where the question could not be put.
        tolerance: What counts as 0.0, for the coarsest dtype that the model computes with.
        leaks: The calls at which padding first gets into valid values. Empty exactly when `moves`
            is 0.0 or None.
        known_from: What told which timesteps are tokens: `"argument"` (`mask=`), `"batch"` (a
            `PaddedBatch`), `"model"` (the mask that it makes), `"input"` (an input that
            is a mask), `"zeros"` (at the ends of rows), `"added"` (the batch had no padding); None
            without a measurement.
        hidden: Whether padding gets in only once weights that hold nothing but 0 and 1 have other
            values, as they will after training.
        why_no_verdict: Why `moves` is None; empty where it is not.
        scores: For the loss and each metric of a compiled model that was given targets, how far
            padded timesteps move it, relative to its value; empty without targets.
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

    Only calls from the thread that entered the block are recorded. Calls with symbolic tensors, as
    while a model is built, or inside `fit`, are told apart by `symbolic`.

    Yields:
        The trace, which grows while the block runs and stays readable after it, also after an
        error.

    Raises:
        RuntimeError: If another trace is being recorded; there is one at a time in a process.

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

    The model runs a few times, eagerly, with one thing changed each time: what stands at padded
    timesteps, how many of them there are, and what the other rows hold. If the answer at valid
    timesteps moves, the first calls that moved are the leaks. Weights, random state, losses and
    the model's own state are as before afterwards. The model's own call is left out of the calls,
    so that paths begin with its layers; that of a bare layer is kept. A model that is not built
    yet is built by this, as by any first call.

    Args:
        model: A Keras model or layer.
        inputs: What to call it on, with some padding: an array, a `PaddedBatch`, or a list, tuple
            or dict of them.
        mask: Which timesteps are tokens, booleans of shape (batch, time), where the model makes no
            mask and the inputs do not tell; for several inputs in their structure.
        measure: False only records where masks go, in one run, and gives no verdict.
        targets: What a compiled model is trained on. Then `scores` says of the loss and of each
            metric whether it reads padding.
        sample_weight: The weights that the loss is given with these targets.
        training: Runs the model as in training, and changes only what stands in the padding.
        probe: Also finds out whether each call that meets a mask uses it (`uses_mask`): the call
            is run again with other masks.

    Returns:
        The trace. Print it, or let a notebook show it.

    Raises:
        TypeError: If `model` is no Keras model or layer, or `inputs` are symbolic or no numbers.
        ValueError: If `mask` does not fit the inputs, or targets are given for a model that is not
            compiled.
        RuntimeError: If another trace is being recorded.
        Exception: What the model raises; the trace so far is in the notes of the error.

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
    """Traces a model, and if it raises, returns the trace so far beside the error.

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
        The trace, and what the model raised.

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
    player = Player(model, training, _probe() if probe else None)
    root = model if isinstance(model, keras.Model) else None
    found = Trace(Recorder(), root, symbolic=False)
    failed: Exception | None = None
    try:
        arrays = pack([one.array for one in named])
        player.build(arrays)
        with put_back(all_layers(model)):
            if measure:
                found._judge(measure_padding(player, model, named, pack))
            else:
                found._recorder = player.recorded(arrays).recorder
            if targets is not None:
                found.scores = measure_scores(player, model, named, pack, targets, sample_weight)
    except Exception as error:
        if error is not player.error:
            raise
        failed = error
    if failed is not None and player.recorder is not None:
        found._recorder = player.recorder
        # If it failed while it was being built, the calls of that are the trace so far.
        found._symbolic = all(call.name == model.name for call in found.calls)
    found._finish(failed)
    if failed is not None:
        failed.add_note(_context(model, inputs, found))
    return found, failed


def _probe() -> Any:
    from masklens.tracing.probe import depends_on_mask

    return depends_on_mask


def check_model(model: Any) -> None:
    """Refuses what is no Keras model or layer, and says what to do.

    Args:
        model: What a caller handed over.

    Raises:
        TypeError: If it is none.
    """
    import keras

    if isinstance(model, keras.Layer):
        return
    given = model.__name__ if isinstance(model, type) else type(model).__name__
    if isinstance(model, type) and issubclass(model, keras.Layer):
        hint = _("Make one of it first: {name}(...).").format(name=given)
    elif type(model).__module__.startswith("tf_keras"):
        hint = _("This one belongs to Keras 2 (tf_keras), where masks go other ways.")
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
