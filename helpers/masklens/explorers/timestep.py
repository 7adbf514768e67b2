"""The timestep explorer: the state of a recurrent layer, with its mask and without it."""

import numbers
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens._language import translate as _
from masklens.drawing.elements import Element, element, html
from masklens.drawing.picture import check_tokens, framed
from masklens.explorers.explorer import Explorer
from masklens.explorers.palette import build, embedding_table
from masklens.explorers.sentences import example_sentences, pad_sentences, read_sentences
from masklens.padding import PaddedBatch, Side
from masklens.plots.hidden_states import HiddenStates, States, hidden_states, state_changes

# Beyond these, single columns are too narrow to see, and the notebook grows.
_MOST_STEPS, _MOST_ROWS = 60, 20
_UNITS = 6
_MORE = 6  # timesteps of padding at first
_DECIMALS = 4  # of the states that a notebook keeps
_FIRST_TOKENS = 4  # that label a row
_READER = ({"type": "Embedding", "mask_zero": True}, {"type": "LSTM", "return_sequences": False})

_Scene = dict[str, Any]


class TimestepExplorer(Explorer):
    """Plays the state of a recurrent layer, with the mask and without it.

    Units run down and time runs to the right; the upper half of a cell is the state with the
    mask, the lower half without it. Without arguments it shows the LSTM of a trained classifier
    for a sentence that the learner types, and the answer after each timestep. Given a layer, it
    shows that layer's states, which Keras computes once.

    Attributes:
        settings: `sentences`, `padding`, `maxlen` and `predict`; for a layer of one's own `row` and
            `predict`.

    Example:
        >>> TimestepExplorer().choose(maxlen=12)
    """

    def __init__(
        self,
        layer: Any = None,
        inputs: Any = None,
        mask: Any = None,
        *,
        sentence: str | Sequence[str] | None = None,
        padding: Side = "post",
        maxlen: int | None = None,
        tokens: Sequence[Sequence[object]] | None = None,
        rows: Sequence[int] | int | None = None,
        units: int = _UNITS,
        predict: bool = False,
    ) -> None:
        """Makes the explorer.

        Args:
            layer: A SimpleRNN, LSTM, GRU or RNN, or a Bidirectional of one. Or a Sequential or
                Functional model that holds one; of several, the last is shown. None for the LSTM of
                the trained classifier.
            inputs: The inputs of the layer or model: for a layer, (batch, time, features); for a
                model also a `PaddedBatch`. At most 60 timesteps.
            mask: Booleans of shape (batch, time); None for the mask that reaches the layer.
            sentence: For the classifier, the sentence at first.
            padding: For the classifier, the side that is padded at first.
            maxlen: For the classifier, the padded length at first; None for 6 more than the words.
            tokens: The words for the timesteps. For a `PaddedBatch`, the tokens of each sequence
                before padding; otherwise one token per timestep, (batch, time).
            rows: The index of one sequence, or of up to 20; None for all.
            units: The largest number of units to show, from the first.
            predict: Whether to ask, before showing the states, at how many timesteps they stay.

        Raises:
            TypeError: If there is no recurrent layer, or the inputs are symbolic.
            ValueError: If there is no mask, a shape, a row or the tokens do not fit, or there are
                too many rows or timesteps.
        """
        if not isinstance(units, numbers.Integral) or units < 1:
            raise ValueError(
                _("units must be a whole number, at least 1; got {units!r}.").format(units=units)
            )
        shown = int(units)
        if layer is None:
            title = _("The state, timestep by timestep")
            given = example_sentences()[:1] if sentence is None else [sentence]
            texts, vocabulary = read_sentences(given)
            start = {"sentences": texts, "padding": padding, "maxlen": maxlen, "predict": predict}
            super().__init__("timestep", title, start, _classifier, vocabulary, units=shown)
            return
        chosen = None if rows is None else list(dict.fromkeys(np.atleast_1d(rows).tolist()))
        states = hidden_states(layer, inputs, mask, chosen, (_MOST_ROWS, _MOST_STEPS))
        steps = _steps(inputs, tokens, states.mask.shape)
        scenes = list(_scenes(states, steps, layer, shown))
        most = max(float(np.abs(scene[key]).max()) for scene in scenes for key in _BOTH) or 1.0
        super().__init__(
            "timestep",
            _("The state of {layer}, timestep by timestep").format(layer=states.layer),
            {"row": 0, "predict": predict},
            lambda *_settings: _picture(scenes[0]),
            units=shown,
            scenes=scenes,
            most=most,
        )


_BOTH = "masked", "plain"


def _classifier(settings: dict[str, Any], vocabulary: dict[str, int]) -> str:
    """Draws what Keras computes for the classifier's sentence."""
    batch = pad_sentences(settings, vocabulary, _MORE)
    steps = _steps(batch, [settings["sentences"][0].split()], batch.ids.shape)
    model = build(_READER, embedding_table(vocabulary), batch.ids.shape[1])
    return _picture(next(_scenes(hidden_states(model, batch), steps, model, _UNITS)))


def _scenes(
    states: HiddenStates, steps: Sequence[Sequence[_Scene]], model: Any, units: int
) -> Iterator[_Scene]:
    """Writes what the page shows: one scene for each row and direction."""
    for place, row in enumerate(states.rows):
        for part in states.directions:
            both = part.masked[place], part.plain[place]
            order = list(range(len(both[0])))
            label = _row_label(row, steps[row])
            if len(states.directions) > 1:
                label += " · " + (_("backward") if part.backwards else _("forward"))
            scene = {
                "label": label,
                "tokens": list(steps[row]),
                "read": states.mask[row].tolist(),
                "order": order[::-1] if part.backwards else order,
                "moved": [_moves(one, backwards=part.backwards) for one in both],
            }
            for key, one in zip(_BOTH, both, strict=True):
                shown = _finite(one[:, :units])
                scene[key] = shown.round(_DECIMALS).tolist()
            answers = [_answers(model, states, one) for one in both]
            yield scene | ({"answers": answers} if None not in answers else {})


def _moves(states: States, *, backwards: bool) -> list[float]:
    moved = _finite(state_changes(states, backwards=backwards))
    # Rounded as states are, but what moves at all is not written as what stays.
    return [max(round(by, _DECIMALS), 10.0**-_DECIMALS if by else 0.0) for by in moved.tolist()]


def _finite(numbers: States) -> NDArray[np.float64]:
    # JSON has no infinity.
    finite: NDArray[np.float64] = np.nan_to_num(numbers.astype(float), posinf=1e38, neginf=-1e38)
    return finite


def _answers(model: Any, states: HiddenStates, row: States) -> list[float] | None:
    """Computes what the layers behind the recurrent one answer after each timestep."""
    import keras

    if not isinstance(model, keras.Sequential) or len(states.directions) > 1:
        return None
    names = [layer.name for layer in model.layers]
    after = model.layers[names.index(states.layer) + 1 :]
    try:
        outputs = keras.ops.convert_to_tensor(row)
        for layer in after:
            outputs = layer(outputs)
        numbers = keras.ops.convert_to_numpy(outputs)
    except (TypeError, ValueError):
        # The layers behind read something else than one state.
        return None
    if numbers.shape != (len(row), 1) or numbers.min() < 0 or numbers.max() > 1:
        return None
    return [round(float(number), _DECIMALS) for number in numbers[:, 0]]


def _steps(
    inputs: Any, tokens: Sequence[Sequence[object]] | None, shape: tuple[int, ...]
) -> list[list[_Scene]]:
    """Returns the token at each timestep of each row of the batch."""
    if isinstance(inputs, PaddedBatch) and inputs.origin.shape == shape:
        origin, padding, rows = inputs.origin, f"{inputs.value:g}", inputs.sequences
    else:
        origin, padding = np.tile(np.arange(shape[1]), (shape[0], 1)), ""
        rows = tuple(_ids(inputs, shape))
    if tokens is None:
        tokens = [row.tolist() if row.ndim == 1 else [""] * len(row) for row in rows]
    check_tokens(tokens, list(map(len, rows)))
    return [
        [
            {"text": str(words[place]) if place >= 0 else padding, "padding": place < 0}
            for place in places.tolist()
        ]
        for words, places in zip(tokens, origin, strict=True)
    ]


def _ids(inputs: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Returns inputs that are ids, (batch, time); features of any others."""
    try:
        ids = np.asarray(inputs)
    except (TypeError, ValueError):
        # Several inputs of different shapes.
        ids = np.empty(0)
    return ids if ids.shape == shape and ids.dtype.kind in "iu" else np.empty((*shape, 0))


def _row_label(row: int, steps: Sequence[Mapping[str, Any]]) -> str:
    words = [step["text"] for step in steps if step["text"] and not step["padding"]]
    if not words:
        return str(row)
    more = " …" if len(words) > _FIRST_TOKENS else ""
    return f"{row}: {' '.join(words[:_FIRST_TOKENS])}{more}"


def _picture(scene: _Scene) -> str:
    """Draws how far each timestep moves the state, for readers without scripts."""
    rows: list[Element] = []
    words = [step["text"] or str(place) for place, step in enumerate(scene["tokens"])]
    kinds = ["p" if step["padding"] else "t" for step in scene["tokens"]]
    head = [element("td", word, class_=kind) for word, kind in zip(words, kinds, strict=True)]
    rows.append(element("tr", element("td"), *head))
    names = _("with the mask"), _("without the mask")
    for moved, name in zip(scene["moved"], names, strict=True):
        cells = [element("td", f"{by:.3f}") for by in moved]
        rows.append(element("tr", element("th", name, scope="row"), *cells))
    caption = element("figcaption", _("How far the state moves at each timestep"))
    return html(framed(element("figure", caption, element("table", *rows))))
