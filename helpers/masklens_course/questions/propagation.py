"""Questions on propagation: who loses a mask, and what then moves."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens.drawing.elements import element
from masklens.drawing.picture import Picture
from masklens.lens.trace import Trace, trace
from masklens_course.answer import DiagnosedError, Raised, answering, numbers, same, trying
from masklens_course.checks import Question
from masklens_course.comparison import Compared
from masklens_course.conditions import Case, Condition, Hint, Mistake
from masklens_course.mistakes import INVERTED, NOT_BOOLEAN
from masklens_course.own_layers import error_picture
from masklens_course.own_models import (
    ModelCall,
    drawn,
    large_weights,
    mask_on,
    runs_backwards,
)

_REVIEWS = np.array([[4, 7, 9, 2, 0], [5, 3, 0, 0, 0], [8, 1, 6, 2, 4]])


def _classifier(loses_mask: bool) -> Any:
    """The model of the exercise; or one that computes the same and keeps the mask."""
    from keras import Sequential, layers

    suspect = layers.Reshape((-1, 8), name="reshape")

    return Sequential(
        [
            layers.Embedding(100, 8, mask_zero=True, name="words"),
            layers.Dropout(0.2, name="dropout"),
            layers.LSTM(8, return_sequences=True, name="reader"),
            suspect if loses_mask else layers.Identity(name="reshape"),
            layers.Dense(8, activation="relu", name="features"),
            layers.GlobalAveragePooling1D(name="average"),
            layers.Dense(1, activation="sigmoid", name="score"),
        ]
    )


@dataclass(frozen=True)
class _Way:
    """The way of the mask in the model, by the names of the layers, and who would have used it."""

    names: list[str]
    creating: list[str]
    passing: list[str]
    lost: str
    behind: list[str]
    missed: str
    only_carry: list[str]


@cache
def _way() -> _Way:
    broken, mended = _classifier(loses_mask=True), _classifier(loses_mask=False)
    effects = {one.name: one.effect for one in trace(broken, _REVIEWS, measure=False).calls}
    names = list(effects)
    creating, passing, (lost,) = (
        [name for name in names if effects[name] == effect]
        for effect in ("creates", "passes", "drops")
    )
    behind = names[names.index(lost) + 1 :]
    # Once nothing loses the mask, who behind it uses it, and who would only pass it on?
    kept = [c for c in trace(mended, _REVIEWS, measure=False, probe=True).calls if c.name in behind]
    missed = next(one.name for one in kept if one.uses_mask)
    only_carry = [one.name for one in kept if one.effect == "passes"]
    return _Way(names, creating, passing, lost, behind, missed, only_carry)


@dataclass(frozen=True)
class _Named:
    """The layers that the learner names, and the way that the mask really goes."""

    names: tuple[str, ...]
    way: _Way

    @property
    def first(self) -> str:
        return self.names[0] if self.names else ""


def _named(answer: Any) -> _Named:
    if answer is None:
        raise DiagnosedError("returns-nothing")
    given = list(answer) if isinstance(answer, list | tuple | np.ndarray) else [answer]
    # Whoever writes `model.layers[3]` names a layer, too.
    return _Named(tuple(str(getattr(name, "name", name)) for name in given), _way())


_FIND_LOST_MASK = Question(
    name="find-lost-mask",
    title="Find the lost mask",
    minutes=5,
    kind="value",
    observe=_named,
    conditions=(
        Condition(
            "lost-elsewhere",
            "The mask is lost at another layer. Where does it come in and not go out again?",
            lambda seen: seen.first == seen.way.lost,
            Mistake(
                "swapped",
                "The two names are swapped: first the layer that loses the mask.",
                lambda seen: seen.names == (seen.way.missed, seen.way.lost),
            ),
            Mistake(
                "no-such-layer",
                "No layer of the model has this name. Use the name after `name=`.",
                lambda seen: bool(seen.names) and seen.first not in seen.way.names,
            ),
            Mistake(
                "makes-the-mask",
                "The first layer that you name makes the mask, and passes it on.",
                lambda seen: seen.first in seen.way.creating,
            ),
            Mistake(
                "passes-it-on",
                "The first layer that you name passes the mask on. Look further down.",
                lambda seen: seen.first in seen.way.passing,
            ),
            Mistake(
                "lost-before",
                "No mask reaches the first layer that you name. The mask is lost earlier.",
                lambda seen: seen.first in seen.way.behind,
            ),
        ),
        Condition(
            "missed-elsewhere",
            "The first name is right, the second is not. Which layer would leave out timesteps if "
            "it knew them?",
            lambda seen: seen.names[1:] == (seen.way.missed,),
            Mistake(
                "not-two-names",
                "The first name is right. There should be two names, no more and no less.",
                lambda seen: len(seen.names) != 2,
            ),
            Mistake(
                "would-not-use-it",
                "The first name is right. The second layer does without a mask: it computes each "
                "timestep by itself, and would only pass the mask on.",
                lambda seen: seen.names[1] in seen.way.only_carry,
            ),
            Mistake(
                "stands-before",
                "The first name is right. The second layer comes before the place where the mask "
                "is lost.",
                lambda seen: (
                    seen.names[1] in seen.way.names and seen.names[1] not in seen.way.behind
                ),
            ),
        ),
    ),
    hints=(
        Hint(
            "Which layers of lesson 03 pass the mask on? One kind in this model was not there.",
            "lost-elsewhere",
            "makes-the-mask",
            "passes-it-on",
        ),
        Hint(
            "Draw `ml.trace(model, batch)`, and look for the cross on the thread.",
            "swapped",
            "no-such-layer",
            "lost-before",
        ),
        Hint(
            "After the cross: which layer puts all timesteps together into one vector?",
            "missed-elsewhere",
            "not-two-names",
            "would-not-use-it",
            "stands-before",
        ),
    ),
    why=(
        "`Reshape` may move timesteps, so it does not pass masks on, not even where it changes "
        "nothing, as here. So the average after it counts the padding as well."
    ),
)


def _sentences(random: np.random.Generator) -> Iterator[Case]:
    shown = ModelCall((100, 3), np.array([[4, 7, 9, 2], [5, 3, 0, 0]]), more=1)
    sizes = int(random.integers(150, 300)), int(random.integers(4, 7))
    highest = sizes[0] - 1
    some = random.integers(120, highest, 9)

    def other(*rows: Any, more: int = 0) -> Case:
        return (replace(shown, made_with=sizes, ids=np.array(rows), more=more),)

    yield (shown,)
    yield (replace(shown, ids=np.array([[1], [2]]), more=0),)
    yield other(some[:3], [*some[3:5], highest])  # nothing to pad
    yield other([some[5], 0], [some[6], 0], more=1)
    yield other([0, 0], some[7:9])
    yield other(some[:2])


# Weights are large and random, so a tag that should move does, by far more than this.
_LEAST_MOVE = 1e-4


@dataclass(frozen=True)
class _Tags:
    """What a learner's tagger says of a batch, with more padding, and with one word changed.

    Behind the sentences of a batch of several stands the longest one with its first word changed,
    and once more with its last, if it has two words.
    """

    call: ModelCall
    model: Any
    output: NDArray[Any] | Raised
    longer: NDArray[Any] | Raised | None = None
    mask: NDArray[Any] | None = None
    trace: Trace | None = None

    @property
    def case(self) -> Case:
        return (self.call,)

    @property
    def yours(self) -> Any:
        """The tags and the mask, for an example."""
        return self.tags, self.mask

    @property
    def tags(self) -> NDArray[Any]:
        """One vector of each place of the batch; empty if there is none."""
        if isinstance(self.output, Raised) or not self.output.ndim:
            return np.zeros(0)
        return self.output[: len(self.call.ids)] if _has_changes(self.call) else self.output

    def fits(self) -> bool:
        return self.tags.shape == (*self.call.ids.shape, self.call.made_with[1])

    def answers_once(self) -> bool:
        """Whether there is one answer for each sentence; of one timestep that says nothing."""
        rows, time = self.call.ids.shape
        return time > 1 and self.tags.shape == (rows, self.call.made_with[1])

    def stays(self) -> bool:
        """Whether more padding leaves the tags of the words alone."""
        if self.longer is None:
            return True
        if isinstance(self.longer, Raised) or self.tags.shape[:2] != self.call.ids.shape:
            return False
        longer = self.longer[:, : self.call.ids.shape[1]]
        words = self.call.mask
        return longer.shape == self.tags.shape and same(longer[words], self.tags[words])

    def masked(self) -> bool:
        return same(self.mask, self.call.mask)

    def makes_mask(self) -> bool:
        return any(call.effect == "creates" for call in self.trace or ())

    def loses_mask(self) -> bool:
        return any(call.effect == "drops" or call.lost_to for call in self.trace or ())

    def moves(self, changed: int, words: slice) -> bool:
        """Whether other words of the longest sentence get other tags once one is changed."""
        if isinstance(self.output, Raised) or not _has_changes(self.call):
            return True
        row, length = _longest(self.call)
        places = range(length)[words]
        step = self.output[row, places] - self.output[changed, places]
        return bool(np.abs(step).max() > _LEAST_MOVE)

    def looks_back(self) -> bool:
        return self.moves(-2, slice(1, None))

    def looks_ahead(self) -> bool:
        return self.moves(-1, slice(None, -1))

    def are_finite(self) -> bool:
        return bool(np.isfinite(self.tags).all())

    def drawn(self) -> Picture | None:
        return drawn(self.model, self.call.ids)

    def numbers(self) -> Picture | None:
        return Compared(self.tags, np.nan_to_num(self.tags)).picture(reveal=False)

    def shapes(self) -> Picture | None:
        if isinstance(self.output, Raised):
            return error_picture(self.output)
        right = np.zeros((*self.call.ids.shape, self.call.made_with[1]))
        return Picture((element("pre", Compared(self.tags, right).words(), tabindex=0),))


def _longest(call: ModelCall) -> tuple[int, int]:
    """The row with most words, and how many they are."""
    lengths = call.mask.sum(axis=1)
    return int(lengths.argmax()), int(lengths.max())


def _has_changes(call: ModelCall) -> bool:
    return len(call.ids) > 1 and _longest(call)[1] > 1


def _with_changes(call: ModelCall) -> NDArray[Any]:
    """The ids, and behind them the longest row twice: with another first and another last word."""
    if not _has_changes(call):
        return call.ids
    row, length = _longest(call)
    changed = call.ids[[row, row]]
    for one, place in enumerate((0, length - 1)):
        changed[one, place] = changed[one, place] % (call.made_with[0] - 2) + 1
    return np.concatenate([call.ids, changed])


def _tags(answer: Callable[..., Any], call: ModelCall) -> _Tags:
    import keras

    model = call.model(answer)
    if not isinstance(model, keras.Model):
        return _Tags(call, None, np.zeros(0))
    with large_weights(model), answering():
        output = trying(model, _with_changes(call))
        if isinstance(output, Raised):
            seen = _Tags(call, model, output)
            if _too_few_ids(seen) or _fixed_time(seen):
                return seen
            raise output.error
        mask = mask_on(output)
        longer = trying(lambda: numbers(model(call.longer))) if call.more else None
        seen = _Tags(
            call, model, numbers(output), longer, None if mask is None else mask[: len(call.ids)]
        )
        if seen.stays() and seen.masked():
            return seen
        return replace(seen, trace=call.trace(model))


def _too_few_ids(seen: _Tags) -> bool:
    """Whether the model runs once the highest id has become a lower one."""
    words = seen.call.made_with[0]
    lower = trying(seen.model, np.minimum(seen.call.ids, words - 2))
    return bool((seen.call.ids == words - 1).any()) and not isinstance(lower, Raised)


def _fixed_time(seen: _Tags) -> bool:
    return getattr(seen.model, "input_shape", (None, None))[1:2] != (None,)


_FIXED_TIME = Mistake(
    "fixed-time",
    "The model does not run with every number of timesteps. Leave the time axis open: "
    "`keras.Input((None,))`.",
    lambda seen: Raised in map(type, (seen.output, seen.longer)) and not _too_few_ids(seen),
    lambda seen: error_picture(seen.longer) or error_picture(seen.output),
)

_REPAIR_TAGGER = Question(
    name="repair-tagger",
    title="Repair a tagger",
    minutes=15,
    kind="function",
    cases=_sentences,
    right=lambda call: call.mask,
    observe=_tags,
    conditions=(
        Condition(
            "wrong-shape",
            "The model should give `kinds` numbers for each word: the shape `(batch, time, "
            "kinds)`.",
            _Tags.fits,
            Mistake(
                "no-model",
                "It does not return a Keras model, such as a `keras.Sequential`.",
                lambda seen: seen.model is None,
            ),
            Mistake(
                "too-few-ids",
                "The model does not run with the highest id, `words - 1`. The ids begin with 0: "
                "how many rows does the `Embedding` need?",
                lambda seen: isinstance(seen.output, Raised) and _too_few_ids(seen),
            ),
            _FIXED_TIME,
            Mistake(
                "one-per-sentence",
                "The model gives one answer for each sentence, not one for each word.",
                _Tags.answers_once,
            ),
            picture=_Tags.shapes,
        ),
        Condition(
            "padding-moves-tags",
            "The mask is carried through, but more padding still changes the tags of words. A "
            "layer lets timesteps mix, and does not use the mask.",
            _Tags.stays,
            _FIXED_TIME,
            Mistake(
                "runs-backwards",
                "More padding changes the tags of words. A layer with `go_backwards=True` "
                "returns its outputs in reverse, the last timestep first, and the mask stays as "
                "it was. `Bidirectional` turns them back.",
                lambda seen: runs_backwards(seen.model),
            ),
            Mistake(
                "makes-no-mask",
                "More padding changes the tags of words. No layer makes a mask.",
                lambda seen: not seen.makes_mask(),
            ),
            Mistake(
                "loses-the-mask",
                "More padding changes the tags of words. The mask is lost before every layer has "
                "used it: the drop shows where padding gets in.",
                _Tags.loses_mask,
            ),
            picture=_Tags.drawn,
        ),
        Condition(
            "no-mask-on-output",
            "The tags of words stay as they are, but the output does not carry the mask of the "
            "words. The loss would count the padding.",
            _Tags.masked,
            Mistake(
                "loses-it-at-the-end",
                "The tags of words stay as they are now. But the mask is still lost at the cross, "
                "so the output has none, and the loss would count the padding.",
                _Tags.loses_mask,
            ),
            picture=_Tags.drawn,
        ),
        Condition(
            "not-finite",
            "`nan` comes out where there should be a number, and the loss of the whole batch "
            "would also be `nan`. Is something divided by the number of words, which may be 0?",
            _Tags.are_finite,
            picture=_Tags.numbers,
        ),
        Condition(
            "ignores-words-before",
            "The tag of a word does not depend on the words before it.",
            _Tags.looks_back,
            Mistake(
                "each-word-alone",
                "The mask is no longer lost. But the tag of a word depends on this word alone. "
                "Let it also depend on the words before it and after it.",
                lambda seen: not seen.looks_ahead(),
            ),
        ),
        Condition(
            "ignores-words-behind",
            "The tag of a word depends on the words before it, but not on those after it.",
            _Tags.looks_ahead,
        ),
    ),
    hints=(
        Hint(
            "Draw `ml.trace(broken, batch)`. Two layers of the model do not pass masks on.",
            "padding-moves-tags",
            "makes-no-mask",
            "loses-the-mask",
        ),
        Hint(
            "Which layer of the model reads the neighbours of a word anyway, in both directions?",
            "runs-backwards",
            "ignores-words-before",
            "each-word-alone",
            "ignores-words-behind",
        ),
        Hint(
            "A `Conv1D` of width 1 computes each timestep by itself. So does another layer, and "
            "it passes the mask on.",
            "no-mask-on-output",
            "loses-it-at-the-end",
        ),
        Hint(
            "Build the model, and call it on a batch of two sentences of your own. What is the "
            "shape of its output, and which ids and lengths does it take?",
            "wrong-shape",
            "no-model",
            "too-few-ids",
            "fixed-time",
            "one-per-sentence",
        ),
        Hint(
            "Look at the rows of the output one by one. Which sentence has no number, and which "
            "layer divides by how many words there are?",
            "not-finite",
        ),
    ),
    why=(
        "The two LSTMs of `Bidirectional` read the neighbours, so nothing is missing without the "
        "first `Conv1D`. A `Dense` computes what a `Conv1D` of width 1 does, and carries the mask."
    ),
)

_WORDS = np.array([[6, 2, 9, 0, 0], [4, 8, 3, 7, 5]])
_READINGS = np.array(
    [[[0, 3], [0, 0], [2, 5], [1, 0], [0, 0]], [[4, 1], [3, 0], [2, 2], [5, 1], [1, 6]]]
)


@cache
def _first_masks() -> dict[str, Any]:
    """The mask of the first row that Keras attaches to each output of the model, or None."""
    from keras import Input, Model, layers

    def reader() -> Any:
        return layers.LSTM(4, return_sequences=True)

    def neighbours() -> Any:
        return layers.Conv1D(4, 3, padding="same")

    words, sensors = Input((None,), dtype="int32"), Input((None, 2))
    x = layers.Embedding(10, 4, mask_zero=True)(words)
    y = layers.Masking()(sensors)
    with warnings.catch_warnings(action="ignore"):
        outputs = {
            "tokens": layers.Dropout(0.2)(layers.Dense(4)(x)),
            "scaled": reader()(4 * x),
            "report": layers.LSTM(4)(x),
            "moments": reader()(y),
            "smooth": layers.Dense(4)(neighbours()(y)),
            "shortcut": layers.Add()([x, neighbours()(x)]),
            "sum": layers.Add()([layers.Dense(4)(y), reader()(y)]),
        }
        came = Model([words, sensors], outputs)([_WORDS, _READINGS])
    masks = {name: mask_on(came[name]) for name in outputs}
    return {name: None if mask is None else mask[0] for name, mask in masks.items()}


@dataclass(frozen=True)
class _PredictedMasks:
    """The masks that the learner predicts, in the order of the outputs, and the right ones."""

    yours: list[Any]
    right: dict[str, Any]

    def mask(self, name: str) -> Any:
        return dict(zip(self.right, self.yours, strict=False)).get(name)

    @property
    def of_words(self) -> Compared:
        return Compared(self.mask("tokens"), self.right["tokens"])

    @property
    def of_readings(self) -> Compared:
        return Compared(self.mask("moments"), self.right["moments"])

    def are_where_they_should_be(self) -> bool:
        return [one is None for one in self.yours] == [one is None for one in self.right.values()]

    def pairs(self) -> Iterator[tuple[Any, Any]]:
        """Each mask that the learner writes, and the right one."""
        pairs = zip(self.yours, self.right.values(), strict=False)
        return ((yours, right) for yours, right in pairs if yours is not None)

    def are_right(self) -> bool:
        return all(Compared(*pair).is_right() for pair in self.pairs() if pair[1] is not None)

    def reads_all(self) -> bool:
        """Whether there is one that is True everywhere, where there should be none."""
        return any(np.all(yours) for yours, right in self.pairs() if right is None)


def _predicted_masks(answer: Any) -> _PredictedMasks:
    if answer is None:
        raise DiagnosedError("returns-nothing")
    given = list(answer) if isinstance(answer, list | tuple | np.ndarray) else [answer]
    masks = [None if one is None else numbers(one) for one in given]
    return _PredictedMasks(masks, _first_masks())


def _has_mask(name: str) -> Callable[[_PredictedMasks], bool]:
    return lambda seen: seen.mask(name) is not None


_PREDICT_MASKS = Question(
    name="predict-masks",
    title="Which outputs have a mask?",
    minutes=10,
    kind="value",
    right=lambda: [*_first_masks().values()],
    observe=_predicted_masks,
    conditions=(
        Condition(
            "wrong-outputs",
            "You write a mask where there is none, or None where there is one. Go from the layer "
            "that makes the mask to the output: does each layer on the way pass it on?",
            _PredictedMasks.are_where_they_should_be,
            Mistake(
                "not-seven",
                "There are seven outputs, so there should be seven entries: a list of five values "
                "or `None` for each.",
                lambda seen: len(seen.yours) != len(seen.right),
            ),
            Mistake(
                "all-true",
                "You write True at all five timesteps of an output that has no mask. The next "
                "layer would indeed read all of them, but no mask is there: write `None`.",
                _PredictedMasks.reads_all,
            ),
            Mistake(
                "mask-of-a-vector",
                "`report` is one vector for each row. Without timesteps, what would a mask "
                "describe?",
                _has_mask("report"),
            ),
            Mistake(
                "operator-keeps-it",
                "`4 * x` is a new tensor without the mask of `x`, so the `LSTM` of `scaled` gets "
                "no mask to pass on.",
                _has_mask("scaled"),
            ),
            Mistake(
                "brought-back",
                "The `Conv1D` of `smooth` loses the mask. `Dense` can only pass on a mask that it "
                "gets.",
                _has_mask("smooth"),
            ),
            Mistake(
                "one-is-enough",
                "One of the two inputs of `shortcut` has no mask. What does the task say about "
                "`Add`?",
                _has_mask("shortcut"),
            ),
            Mistake(
                "lost-on-the-way",
                "`Dense` and `Dropout` compute each timestep alone, so they pass the mask on. "
                "`tokens` has one.",
                lambda seen: seen.of_words.yours is None,
            ),
            Mistake(
                "ends-with-the-states",
                "The `LSTM` of `moments` returns a vector for each timestep. It uses the "
                "mask, and also passes it on.",
                lambda seen: seen.of_readings.yours is None,
            ),
        ),
        Condition(
            "wrong-masks",
            "The right outputs have a mask, but not all of the masks are right. Which timesteps "
            "of the first row does the `Embedding` mask, and which does `Masking`?",
            _PredictedMasks.are_right,
            NOT_BOOLEAN.of("of_words"),
            INVERTED.of("of_words"),
            Mistake(
                "both-rows",
                "Write only the mask of the first row: five values for each output.",
                lambda seen: np.ndim(seen.of_words.yours) == 2,
            ),
            Mistake(
                "any-feature",
                "`Masking` masks a timestep only if all of its numbers are 0. At `[0, 3]` there "
                "is a reading.",
                lambda seen: seen.of_readings.is_like(_READINGS[0].all(axis=-1)),
            ),
            Mistake(
                "only-at-the-end",
                "You mask only the zeros at the end. A missing reading in the middle is `[0, 0]` "
                "as well, and `Masking` masks it.",
                lambda seen: seen.of_readings.is_like([True, True, True, True, False]),
            ),
            Mistake(
                "the-other-mask",
                "The two inputs have different masks. Which of them reaches `tokens`, and "
                "which reaches `moments`?",
                lambda seen: (
                    seen.of_readings.is_like(seen.of_words.right)
                    or seen.of_words.is_like(seen.of_readings.right)
                ),
            ),
        ),
    ),
    hints=(
        Hint(
            "Take one output, and list the layers from the input to it. The mask begins at the "
            "`Embedding` or at `Masking`. Where does it end?",
            "wrong-outputs",
            "not-seven",
            "all-true",
            "the-other-mask",
        ),
        Hint(
            "The lesson gives a rule with two conditions: timestep t stays timestep t, and no "
            "padding gets in. Which layer of the model does not meet it?",
            "brought-back",
            "one-is-enough",
            "lost-on-the-way",
        ),
        Hint(
            "An `LSTM` passes the mask on if it gets one, and if its output has timesteps.",
            "mask-of-a-vector",
            "operator-keeps-it",
            "ends-with-the-states",
        ),
        Hint(
            "Which ids of the first row are 0, and at which timesteps are both readings 0? There "
            "the mask is False.",
            "wrong-masks",
            "both-rows",
            "any-feature",
            "only-at-the-end",
        ),
    ),
    why=(
        "`Dense`, `Dropout` and an `LSTM` with `return_sequences=True` pass the mask on. `Conv1D` "
        "and `4 * x` lose it, and no later layer brings it back. One input without a mask is "
        "enough for `Add` to lose it. The last state of an `LSTM` has no timesteps to mask."
    ),
)

QUESTIONS = (_PREDICT_MASKS, _FIND_LOST_MASK, _REPAIR_TAGGER)
