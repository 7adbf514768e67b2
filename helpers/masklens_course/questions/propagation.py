"""Questions on propagation: who loses a mask, what then moves, and what reading backwards means."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens.lens.trace import Trace, trace
from masklens_course.answer import DiagnosedError, Raised, call, numbers, same, trying
from masklens_course.checks import Condition, Mistake, Question
from masklens_course.comparison import Compared
from masklens_course.mistakes import WRONG_SHAPE
from masklens_course.own_models import built, large_weights, mask_on, trace_picture, traced

_REVIEWS = np.array([[4, 7, 9, 2, 0], [5, 3, 0, 0, 0], [8, 1, 6, 2, 4]])


def _classifier(loses_mask: bool) -> Any:
    """The model of the exercise; or one that computes the same and keeps the mask."""
    from keras import Sequential, layers

    suspect = layers.Reshape((-1, 8), name="reshape")

    return Sequential(
        [
            layers.Embedding(100, 8, mask_zero=True, name="words"),
            layers.SpatialDropout1D(0.2, name="dropout"),
            layers.GRU(8, return_sequences=True, name="reader"),
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
                "No layer of the model has this name. Take what stands after `name=`.",
                lambda seen: bool(seen.names) and seen.first not in seen.way.names,
            ),
            Mistake(
                "makes-the-mask",
                "The first layer that you name makes the mask, and hands it on.",
                lambda seen: seen.first in seen.way.creating,
            ),
            Mistake(
                "passes-it-on",
                "The first layer that you name passes the mask on. Look further down.",
                lambda seen: seen.first in seen.way.passing,
            ),
            Mistake(
                "lost-before",
                "No mask reaches the first layer that you name. It is lost before it.",
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
                "The first name is right. The second layer stands before the loss.",
                lambda seen: (
                    seen.names[1] in seen.way.names and seen.names[1] not in seen.way.behind
                ),
            ),
        ),
    ),
    hints=(
        "Which layers of lesson 03 carry the mask? One kind in this model was not there.",
        "Draw `ml.trace(model, batch)`, and look for the cross on the thread.",
        "Behind the cross: which layer puts all timesteps together into one vector?",
    ),
    why=(
        "`Reshape` may move timesteps, so it does not pass masks on, not even where it changes "
        "nothing, as here. So the average behind it counts the padding as well."
    ),
)


# A is changed at its end, and at its beginning; then two reviews of other lengths.
_SENTENCES = np.array(
    [[4, 7, 9, 2, 0], [4, 7, 9, 6, 0], [6, 7, 9, 2, 0], [5, 3, 0, 0, 0], [8, 1, 6, 2, 4]]
)
_REAL = _SENTENCES != 0
_TIME = _SENTENCES.shape[1]
_LONGER = np.pad(_SENTENCES, ((0, 0), (0, 2)))
_KINDS = 3  # of words
# Weights of a new model are random, so an answer that should move does, by far more than this.
_LEAST_MOVE = 1e-4


@dataclass(frozen=True)
class _Tags:
    """What a learner's tagger says, with little padding and with more."""

    tags: NDArray[Any]
    longer: NDArray[Any] | Raised
    mask: NDArray[Any] | None
    trace: Trace | None = None

    def stays(self) -> bool:
        """Whether more padding leaves the tags of the words alone."""
        if isinstance(self.longer, Raised) or self.tags.shape[:2] != _REAL.shape:
            return False
        return same(self.longer[:, :_TIME][_REAL], self.tags[_REAL])

    def masked(self) -> bool:
        return same(self.mask, _REAL)

    def makes_mask(self) -> bool:
        return any(call.effect == "creates" for call in self.trace or ())

    def loses_mask(self) -> bool:
        return any(call.effect == "drops" or call.lost_to for call in self.trace or ())

    def moves(self, other: int, steps: slice) -> bool:
        """Whether sentence 0 and another one get other tags where their words are the same."""
        return bool(np.abs(self.tags[0, steps] - self.tags[other, steps]).max() > _LEAST_MOVE)

    def looks_ahead(self) -> bool:
        return self.moves(1, slice(0, 3))

    def looks_back(self) -> bool:
        return self.moves(2, slice(1, 4))


def _tags(build: Callable[[], Any]) -> _Tags:
    if hasattr(build, "compute_mask"):  # the model itself can be called, too
        raise DiagnosedError("not-a-function")
    model = built(build)
    if isinstance(model, type) or not callable(model):
        return _Tags(np.zeros(0), np.zeros(0), None)
    model(_SENTENCES)  # now it has weights
    with large_weights(model):
        output = model(_SENTENCES)
        longer = trying(lambda: numbers(model(_LONGER)))
        seen = _Tags(numbers(output), longer, mask_on(output))
        if seen.stays() and seen.masked():
            return seen
        return replace(seen, trace=traced(model, _SENTENCES))


_REPAIR_TAGGER = Question(
    name="repair-tagger",
    title="Repair a tagger",
    minutes=15,
    kind="function",
    observe=_tags,
    conditions=(
        Condition(
            "wrong-shape",
            "The model should give 3 numbers for each word: the shape `(batch, time, 3)`.",
            lambda seen: seen.tags.shape == (*_SENTENCES.shape, _KINDS),
            Mistake(
                "no-model",
                "It does not return a model that can be called with ids.",
                lambda seen: seen.tags.shape == (0,),
            ),
            Mistake(
                "one-per-sentence",
                "The model gives one answer for each sentence, not one for each word.",
                lambda seen: seen.tags.shape == (len(_SENTENCES), _KINDS),
            ),
        ),
        Condition(
            "padding-moves-tags",
            "The mask is carried through, but more padding still changes the tags of words. A "
            "layer lets timesteps mix, and does not use the mask.",
            _Tags.stays,
            Mistake(
                "fixed-time",
                "The model runs with 5 timesteps, but not with 7.",
                lambda seen: isinstance(seen.longer, Raised),
            ),
            Mistake(
                "makes-no-mask",
                "More padding changes the tags of words. No layer makes a mask.",
                lambda seen: not seen.makes_mask(),
            ),
            Mistake(
                "loses-the-mask",
                "More padding changes the tags of words. The mask is lost before all have used "
                "it: the drop shows where padding gets in.",
                _Tags.loses_mask,
            ),
            picture=trace_picture,
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
            picture=trace_picture,
        ),
        Condition(
            "ignores-words-before",
            "The tag of a word does not depend on the words before it.",
            _Tags.looks_back,
            Mistake(
                "each-word-alone",
                "Nothing is lost now. But the tag of a word depends on this word alone. Let it "
                "depend on the words before it and behind it, too.",
                lambda seen: not seen.looks_ahead(),
            ),
        ),
        Condition(
            "ignores-words-behind",
            "The tag of a word depends on the words before it, but not on those behind it.",
            _Tags.looks_ahead,
        ),
    ),
    hints=(
        "Draw `ml.trace(broken, batch)`. Two layers of the model do not pass masks on.",
        "Which layer of the model reads the neighbours of a word anyway, in both directions?",
        "A `Conv1D` of width 1 computes each timestep by itself. So does another layer.",
    ),
    why=(
        "The two LSTMs of `Bidirectional` read the neighbours, so nothing is missing without the "
        "first `Conv1D`. A `Dense` computes what a `Conv1D` of width 1 does, and carries the mask."
    ),
)


_UNITS = 2
_BEHIND = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]], dtype=bool)
_IN_FRONT = np.array([[0, 0, 1, 1, 1], [0, 0, 0, 0, 1], [0, 1, 1, 1, 1]], dtype=bool)
_EMPTY = np.array([[1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], dtype=bool)


@dataclass(frozen=True)
class _Batch:
    """Real states of a `Bidirectional` for one mask, and the vectors that it gives at the end."""

    mask: NDArray[np.bool_]
    states: NDArray[Any]
    vectors: NDArray[Any]

    def at(self, forward: Any, backward: Any) -> NDArray[Any]:
        """The forward half at one timestep of each row, the backward half at another."""
        rows = np.arange(len(self.mask))
        halves = [self.states[rows, forward, :_UNITS], self.states[rows, backward, _UNITS:]]
        return np.concatenate(halves, axis=1)

    @property
    def first(self) -> NDArray[Any]:
        return np.asarray(self.mask.argmax(axis=1))

    @property
    def last(self) -> NDArray[Any]:
        return np.asarray(self.mask.shape[1] - 1 - self.mask[:, ::-1].argmax(axis=1))


@cache
def _batches() -> tuple[_Batch, _Batch, _Batch]:
    """What Keras itself answers, with all timesteps and with the last states only."""
    from keras import layers

    random = np.random.default_rng(0)
    vectors = random.normal(size=(*_BEHIND.shape, 3)).astype("float32")
    all_states = layers.Bidirectional(layers.LSTM(_UNITS, return_sequences=True))
    end_states = layers.Bidirectional(layers.LSTM(_UNITS))
    for layer in (all_states, end_states):
        layer.build(vectors.shape)
    end_states.set_weights([random.normal(size=w.shape) for w in end_states.get_weights()])
    all_states.set_weights(end_states.get_weights())

    def batch(mask: NDArray[np.bool_]) -> _Batch:
        states, ends = (layer(vectors, mask=mask) for layer in (all_states, end_states))
        return _Batch(mask, np.array(states), np.array(ends))

    return batch(_BEHIND), batch(_IN_FRONT), batch(_EMPTY)


@dataclass(frozen=True)
class _Joined:
    """The vectors that the learner makes of the states: padded behind, in front, one row empty."""

    behind: Compared
    in_front: Compared
    empty: Compared


def _joined(answer: Callable[..., Any]) -> _Joined:
    def join(batch: _Batch) -> NDArray[Any]:
        return numbers(call(answer, batch.states, batch.mask))

    behind, in_front, empty = _batches()
    return _Joined(
        Compared(join(behind), behind.vectors),
        Compared(join(in_front), in_front.vectors),
        Compared(trying(join, empty), empty.vectors),
    )


def _behind() -> _Batch:
    return _batches()[0]


def _counted_words(seen: _Joined) -> bool:
    in_front = _batches()[1]
    counted = in_front.at(in_front.mask.sum(axis=1) - 1, 0)
    return same(seen.in_front.yours[:, :_UNITS], counted[:, :_UNITS])


_JOIN_DIRECTIONS = Question(
    name="join-directions",
    title="Join both directions",
    minutes=15,
    kind="function",
    observe=_joined,
    conditions=(
        Condition(
            "wrong-states",
            "These are not the two states that have read the whole sentence.",
            lambda seen: seen.behind.is_right(),
            WRONG_SHAPE.of("behind"),
            Mistake(
                "last-column",
                "You take the last timestep. In most rows that is padding, where the states are 0.",
                lambda seen: seen.behind.is_like(_behind().states[:, -1]),
            ),
            Mistake(
                "both-at-the-end",
                "The forward half is right. The backward half begins at the last word: there it "
                "has read one word only.",
                lambda seen: seen.behind.is_like(_behind().at(_behind().last, _behind().last)),
            ),
            Mistake(
                "directions-swapped",
                "Each half is taken where its direction begins, not where it ends.",
                lambda seen: seen.behind.is_like(_behind().at(_behind().first, _behind().last)),
            ),
            picture=lambda seen: seen.behind.picture(),
        ),
        Condition(
            "padding-in-front",
            "With padding behind it is right, with padding in front it is not. Where is the first "
            "word, and where the last?",
            lambda seen: seen.in_front.is_right(),
            Mistake(
                "counts-words",
                "You count the words to find the last one. With padding in front the last word "
                "stands further to the right.",
                _counted_words,
            ),
            picture=lambda seen: seen.in_front.picture(),
        ),
        Condition(
            "empty-row",
            "A row without a word fails, or changes the others. Its vector should be all 0.",
            lambda seen: seen.empty.is_right(),
        ),
    ),
    hints=(
        "At which timestep has the forward LSTM read everything? And the backward one?",
        "The first half of the features is the forward LSTM, the second the backward one.",
        "`mask.argmax(axis=1)` is the first True of each row. `mask[:, ::-1]` runs backwards.",
    ),
    why=(
        "Forward, the last word completes the state; backward, the first one does. This is what "
        "`Bidirectional` returns without `return_sequences=True`."
    ),
)

QUESTIONS = (_FIND_LOST_MASK, _REPAIR_TAGGER, _JOIN_DIRECTIONS)
