"""An explorer of mask propagation: which layers carry the mask, and what it costs to lose it."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from html import escape
from typing import Any

import numpy as np

from masklens._language import get_language
from masklens._language import translate as _
from masklens.drawing.elements import html
from masklens.drawing.trace_picture import draw
from masklens.drawing.trace_rows import trace_rows
from masklens.drawing.trace_words import error_words
from masklens.explorers.example_models import MIDDLES, MiddleLayers, build_model, model_code
from masklens.explorers.explorer import Explorer
from masklens.explorers.precomputed import Axis, Question, State, Value
from masklens.lens.trace import Trace, check_model, trace_until_error
from masklens.padding import PaddedBatch, Side, pad
from masklens.plots.growth import Growth, measure_growth
from masklens.tracing.calls import LayerCall
from masklens.tracing.probe import undisturbed

# The padded lengths at which the output is compared, as multiples of the batch's own.
_LONGER = (1, 2, 4)
# Each length costs a run, so of many sequences only some are measured.
_MOST_MEASURED = 8
_MOST_IDS = 1_000_000
_MOST_BUTTONS = 60
_MOST_NAMES = 3
# The code shows the sequences only if they fit into a line of this length.
_MOST_LETTERS = 300


class PropagationExplorer(Explorer):
    """Shows where the mask goes in a small model, and how far more padding moves its output.

    Each state is a model that Keras builds, traced on the padded sequences and run with ever more
    padding. The code that builds the model stands below.

    Example:
        >>> explorer = PropagationExplorer([[711, 632, 71], [73, 8]], middles=["dense", "conv"])
        >>> explorer.choose(middle="conv")
        >>> explorer
        PropagationExplorer(mask_zero=True, middle='conv', padding='post')
    """

    def __init__(
        self,
        sequences: Sequence[Any],
        *,
        middles: Iterable[str] | None = None,
        predict: bool = False,
    ) -> None:
        """Builds and traces a model for every combination of the controls.

        Args:
            sequences: One list of ids per row of the batch: whole numbers from 0, as `pad` takes
                them.
            middles: The layers to offer between Embedding and LSTM, some of `"nothing"`, `"dense"`,
                `"dropout"`, `"plain"` and `"opted_in"` (a custom layer without and with
                `supports_masking`), `"conv"`, `"flatten"`, `"lstm"`, `"attention"` and
                `"norm_attention"`; None for all.
            predict: Whether to ask first which layers give out a mask.

        Raises:
            TypeError: If a sequence holds anything but numbers.
            ValueError: If there are no sequences, a number is not an id, or a middle is not known.
        """
        chosen = _middles(middles)
        batch = pad(sequences)
        _check_ids(batch)
        axes = (
            Axis("mask_zero", "mask_zero", ((False, "False"), (True, "True")), "switch"),
            Axis(
                "middle",
                _("between Embedding and LSTM"),
                tuple((name, middle.label or _("nothing")) for name, middle in chosen.items()),
                "menu",
            ),
            _padding_axis(),
        )

        @cache
        def model(middle: str, mask_zero: bool) -> Any:
            return build_model(chosen[middle], batch.ids, mask_zero=mask_zero)

        @cache
        def growth(middle: str, mask_zero: bool) -> dict[Side, Growth]:
            return _measure(model(middle, mask_zero), batch)

        def make_state(values: dict[str, Any]) -> State:
            middle = chosen[values["middle"]]
            padded = _padded(batch, values["padding"])
            which = values["middle"], values["mask_zero"]
            parts = model_code(middle, batch.ids, mask_zero=values["mask_zero"])
            code = _html_code(padded, parts)
            fixed_length = middle.kind == "one_row"
            return _state(
                model(*which), padded, partial(growth, *which), more=code, fixed_length=fixed_length
            )

        start = {"mask_zero": True, "middle": next(iter(chosen)), "padding": "post"}
        super().__init__(
            _("Change the layers, follow the mask"), axes, make_state, predict=predict, start=start
        )

    @classmethod
    def from_models(
        cls,
        models: Mapping[str, Any],
        batch: Any,
        *,
        predict: bool = False,
        probe: bool = True,
    ) -> "PropagationExplorer":
        """Makes an explorer for a choice of your own models.

        Models run at inference and keep their weights, states and random numbers; an unbuilt model
        is built, as by any first call. For a model that raises, the explorer shows the error and
        the trace so far.

        Args:
            models: Keras models or layers, by the names to choose from.
            batch: The batch to run them on. The sequences of a `PaddedBatch` are also padded on the
                other side, and further, to measure how far the outputs move.
            predict: Whether to ask first which layers give out a mask.
            probe: Whether to find out which calls use the mask. Each call that meets a mask runs
                again up to six times, so False is faster for large models.

        Returns:
            The explorer.

        Raises:
            TypeError: If `models` is not a dict of Keras models or layers by name, or the batch
                does not hold numbers.
            ValueError: If there is no model.

        Example:
            >>> import keras
            >>> layers = [keras.layers.Embedding(9, 2, mask_zero=True), keras.layers.LSTM(2)]
            >>> models = {"LSTM": keras.Sequential(layers), "alone": layers[0]}
            >>> PropagationExplorer.from_models(models, pad([[5, 6], [7]], padding="post"))
            PropagationExplorer(model='LSTM', padding='post')
        """
        _check_models(models)
        axes = [Axis("model", _("model"), tuple((name, name) for name in models), "menu")]
        start: dict[str, Value] = {}
        if isinstance(batch, PaddedBatch):
            axes.append(_padding_axis())
            start["padding"] = batch.padding
        hint = _("Pass what ml.pad returns to see also how far more padding moves the output.")
        more = "" if isinstance(batch, PaddedBatch) else f"<p><small>{escape(hint)}</small></p>"

        @cache
        def growth(name: str) -> dict[Side, Growth]:
            return _measure(models[name], batch)

        def make_state(values: dict[str, Any]) -> State:
            name, side = values["model"], values.get("padding")
            padded = batch if side is None else _padded(batch, side)
            return _state(models[name], padded, partial(growth, name), probe=probe, more=more)

        explorer = cls.__new__(cls)
        title = _("Choose a model, follow the mask")
        Explorer.__init__(explorer, title, axes, make_state, predict=predict, start=start)
        return explorer


def _padding_axis() -> Axis:
    return Axis("padding", "padding", (("pre", "pre"), ("post", "post")), "choice")


def _middles(names: Iterable[str] | None) -> dict[str, MiddleLayers]:
    chosen = list(MIDDLES) if names is None else [names] if isinstance(names, str) else list(names)
    unknown = [name for name in chosen if name not in MIDDLES]
    if unknown or not chosen:
        raise ValueError(
            _("middles takes some of these: {known}; got {names!r}.").format(
                known=", ".join(MIDDLES), names=chosen
            )
        )
    return {name: MIDDLES[name] for name in chosen}


def _check_ids(batch: PaddedBatch) -> None:
    for place, tokens in enumerate(batch.sequences):
        ids = np.asarray(tokens)
        whole = ids.ndim == 1 and (ids.dtype.kind in "iu" or not len(ids))
        wrong = ids[(ids < 0) | (ids >= _MOST_IDS)] if whole else ids[:1]
        if len(wrong):
            raise ValueError(
                _(
                    "An Embedding looks up ids, whole numbers from 0 to {most:,}; sequence {place} "
                    "holds {value}. For other models, use PropagationExplorer.from_models."
                ).format(most=_MOST_IDS - 1, place=place, value=wrong[0])
            )


def _check_models(models: Any) -> None:
    if not isinstance(models, Mapping):
        raise TypeError(
            _("from_models takes models by name, such as {example}; got {type}.").format(
                example='{"my model": model}', type=type(models).__name__
            )
        )
    if not models:
        raise ValueError(_("There is no model to trace; give at least one."))
    for name, model in models.items():
        if not isinstance(name, str):
            raise TypeError(
                _("A model is chosen by its name, so that must be a string; got {name!r}.").format(
                    name=name
                )
            )
        check_model(model)


def _padded(batch: PaddedBatch, side: Side) -> PaddedBatch:
    with warnings.catch_warnings():
        # `pad` gave its warnings when the batch was made.
        warnings.simplefilter("ignore")
        return pad(
            batch.sequences,
            batch.maxlen,
            str(batch.ids.dtype),
            side,
            batch.truncating,
            batch.value,
        )


def _state(
    model: Any,
    batch: Any,
    growth: Callable[[], dict[Side, Growth]],
    *,
    more: str,
    probe: bool = True,
    fixed_length: bool = False,
) -> State:
    found, error = trace_until_error(model, batch, probe=probe)
    drawn = html(*draw(found, error).nodes)
    if error is not None:
        stopped = _("The model stopped here")
        return State(drawn + more, f"{stopped}: {error_words(error)}")
    said = [_say(found)]
    if isinstance(batch, PaddedBatch):
        picture, words = _growth(growth, batch, fixed_length)
        drawn += picture
        said.append(words)
    return State(drawn + more, " ".join(said), _question(found.calls))


def _say(found: Trace) -> str:
    """Says where the mask goes, and at which calls padding gets in."""
    said = [_say_mask(found)]
    if found.leaks:
        said.append(_("Padding gets in at {names}.").format(names=_names(found.leaks)))
    return " ".join(said)


def _say_mask(found: Trace) -> str:
    if found.lost:
        return _("The mask is lost at {names}.").format(names=_names(found.lost))
    masks = [mask for call in found for mask in (*call.masks_in, *call.masks_out)]
    if all(mask is None for mask in masks):
        return _("No layer makes a mask.")
    users = _names(call for call in found if call.uses_mask)
    if users:
        return _("The mask reaches {names}, where it is used.").format(names=users)
    drops = _names(call for call in found if call.effect == "drops")
    if drops:
        return _("The mask goes no further than {names}.").format(names=drops)
    if any(call.uses_mask is False for call in found):
        return _("The mask is not lost, but no layer uses it.")
    return _("The mask is not lost.")


def _names(calls: Iterable[LayerCall]) -> str:
    names = list(dict.fromkeys(call.name for call in calls))
    return ", ".join(names[:_MOST_NAMES] + ["…"] * (len(names) > _MOST_NAMES))


def _question(calls: Sequence[LayerCall]) -> Question | None:
    # Only the outermost layers, and repeated blocks once.
    rows = [row.call for row in trace_rows(calls) if row.call.depth == 0]
    if not rows or len(rows) > _MOST_BUTTONS:
        return None
    names = tuple(call.name for call in rows)
    answers = tuple(any(mask is not None for mask in call.masks_out) for call in rows)
    return Question(_("Which layers give out a mask?"), ("",), (names,), (answers,))


def _measured(batch: PaddedBatch) -> list[Any]:
    """Chooses the sequences to measure; of many, some from the shortest to the longest."""
    # Leave out the tokens that truncation cut.
    kept = [row[origin >= 0] for row, origin in zip(batch.ids, batch.origin, strict=True)]
    rows = sorted(filter(len, kept), key=len)
    if len(rows) <= _MOST_MEASURED:
        return rows
    return [rows[place] for place in np.linspace(0, len(rows) - 1, _MOST_MEASURED).astype(int)]


def _measure(model: Any, batch: PaddedBatch) -> dict[Side, Growth]:
    rows = _measured(batch)
    lengths = [batch.ids.shape[1] * times for times in _LONGER]
    with undisturbed():
        return measure_growth(model, rows, lengths, value=batch.value)


def _growth(
    growth: Callable[[], dict[Side, Growth]], batch: PaddedBatch, fixed_length: bool
) -> tuple[str, str]:
    """Shows how far the output moves, as HTML and in words."""
    try:
        found = growth()[batch.padding]
    except Exception as error:
        # A model may raise anything on another length; its trace is still valid.
        words = _failed(error, batch.ids.shape[1], fixed_length)
        return f"<ul class=facts><li class=bad>✕ {escape(words)}</li></ul>", words
    return _html_growth(found, batch), _say_growth(found)


def _failed(error: Exception, length: int, fixed_length: bool) -> str:
    if fixed_length:
        return _(
            "With more padding the model does not run at all: Flatten makes one row of all "
            "timesteps, and Dense has weights for {length} of them."
        ).format(length=length)
    return _("How far the output moves cannot be measured: {error}").format(
        error=error_words(error)
    )


def _say_growth(growth: Growth) -> str:
    if _number(growth, growth.moved[-1]) == "0":
        return _("More padding does not move the output.")
    return _(
        "Padded to {length} timesteps, the output moves by {moved}; without padding, its largest "
        "number is {largest}."
    ).format(
        length=growth.lengths[-1],
        moved=_number(growth, growth.moved[-1]),
        largest=_number(growth, growth.largest),
    )


def _html_growth(growth: Growth, batch: PaddedBatch) -> str:
    most = float(np.nanmax([growth.largest, *growth.moved, 1e-30]))
    rows = [(_("largest number without padding"), growth.largest)]
    for length, moved in zip(growth.lengths, growth.moved, strict=True):
        rows.append((_("{length} timesteps: moves by").format(length=length), moved))
    cells = ""
    for label, value in rows:
        share = np.nan_to_num(100 * value / most)
        cells += (
            f"<tr><th scope=row>{escape(label)}</th>"
            f"<td style='--v:{share:.0f}'>{_number(growth, value)}</td></tr>"
        )
    caption = escape(_("How far does more padding move the output?"))
    measured = len(_measured(batch))
    if measured == _MOST_MEASURED < len(batch.sequences):
        some = _("measured on {some} of {all} sequences")
        caption += f" <small>{some.format(some=measured, all=len(batch.sequences))}</small>"
    return (
        f"<div class=masklens lang={get_language()}><figure><figcaption>{caption}</figcaption>"
        f"<table class=bars>{cells}</table></figure></div>"
    )


def _html_code(batch: PaddedBatch, parts: Iterable[str]) -> str:
    """Writes the code that builds and traces a model, in spans that states share."""
    lists = [np.asarray(tokens).tolist() for tokens in batch.sequences]
    given = f"\nsequences = {lists}\n"
    spans = (
        "import keras\n\nimport masklens as ml\n",
        given if len(given) <= _MOST_LETTERS else "\n",
        f"batch = {batch.call}\n",
        *parts,
        "ml.trace(model, batch, probe=True)",
    )
    html = "".join(f"<span>{escape(part)}</span>" for part in spans)
    return f"<pre data-copy><code>{html}</code></pre>"


def _number(growth: Growth, value: float) -> str:
    """Writes a number to two digits; 0 for a rounding error of float32."""
    return "0" if value <= 1e-5 * growth.largest else f"{value:.2g}"
