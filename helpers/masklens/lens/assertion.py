"""An assertion for users' tests: it fails if padding gets into a model's answer."""

import math
from collections.abc import Iterator
from textwrap import indent
from typing import Any

from masklens._language import translate as _
from masklens.lens.trace import Trace, trace
from masklens.tracing.calls import LayerCall


def assert_padding_ignored(model: Any, batch: Any, mask: Any = None) -> None:
    """Fails if padding gets into the answer of a model; meant for your own tests.

    Measures as `masklens.trace` does. It also fails if padding gets in only once weights that
    are all 0 or 1 have other values, and if there is no verdict.

    Args:
        model: A Keras model or layer.
        batch: The inputs, with some padding: an array, a `PaddedBatch`, or a list, tuple or dict
            of arrays.
        mask: Which timesteps are tokens, booleans of shape (batch, time), where the inputs do not
            show it; as for `masklens.trace`.

    Raises:
        AssertionError: If padding gets in, or nothing could be measured. The message says by how
            much the answer moves, names each call at which padding gets in with the reason and a
            way out, and shows the trace.
        TypeError: If `model` is no Keras model or layer, or `batch` holds no numbers.
        ValueError: If `mask` does not fit the batch.

    Example:
        >>> import keras, numpy as np
        >>> ids = np.array([[7, 3, 0], [4, 5, 6]])
        >>> embedding = keras.layers.Embedding(10, 4, mask_zero=True)
        >>> assert_padding_ignored(keras.Sequential([embedding, keras.layers.LSTM(2)]), ids)
    """
    # Tells pytest to show the line of the test instead of this function's.
    __tracebackhide__ = True
    found = trace(model, batch, mask)
    if found.moves != 0.0:
        raise AssertionError(f"{verdict_words(found, model.name)}\n\n{found}")


def verdict_words(found: Trace, model: str) -> str:
    """Describes a leak: by how much the answer moves, where padding gets in, why, and a way out.

    Args:
        found: A trace that does not find padding ignored.
        model: The model's name.

    Returns:
        One sentence, then for each leak a line with its reason, and lines of code. Without a
        verdict, one sentence with the reason.
    """
    return "\n".join([_sentence(found, model), *map(_leak_words, found.leaks)])


def _sentence(found: Trace, model: str) -> str:
    if found.moves is None:
        why = _("There is no verdict on whether padding gets into the answer of {model}: {why}")
        return why.format(model=model, why=found.why_no_verdict)
    names = {"model": model, "figure": f"{found.moves:.2g}"}
    if math.isnan(found.moves):
        return _(
            "The answer of {model} holds values that are not numbers, at timesteps that are tokens."
        ).format(**names)
    if found.hidden:
        return _(
            "Padding gets into the answer of {model} as soon as its weights are trained: weights "
            "that are all 0 or 1 hide it. With other weights, valid values move by {figure}, "
            "relative to the largest."
        ).format(**names)
    if math.isinf(found.moves):
        return _(
            "Padding gets into the answer of {model}: with other padding, valid values are no "
            "longer numbers."
        ).format(**names)
    largest = max(found.moves_by, key=lambda change: found.moves_by[change] or 0.0)
    return {
        "content": _(
            "Padding gets into the answer of {model}: when the values at padded timesteps "
            "change, valid values move by {figure}, relative to the largest."
        ),
        "amount": _(
            "Padding gets into the answer of {model}: with more padding, valid values move by "
            "{figure}, relative to the largest."
        ),
        "rows": _(
            "Other rows of the batch get into the answer of {model}: when these change, valid "
            "values of a row move by {figure}, relative to the largest."
        ),
    }[largest].format(**names)


def _leak_words(call: LayerCall) -> str:
    return "\n".join(_leak_lines(call))


def _leak_lines(call: LayerCall) -> Iterator[str]:
    place = f"{call.path} ({call.layer_type})"
    if call.between is not None and all(call.between):
        before, after = call.between
        place = _("{place}, between {before} and {after}").format(
            place=place, before=before, after=after
        )
    if call.reason is None:
        yield place
        return
    yield f"{place}: {call.reason.why}"
    if call.reason.way_out:
        yield indent(call.reason.way_out, "    ")
