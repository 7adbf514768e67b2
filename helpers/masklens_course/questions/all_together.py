"""Questions that need several lessons: a classifier that answers once, a block with a mask."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from masklens.lens.trace import Trace
from masklens.tracing.calls import Array
from masklens_course.answer import (
    Raised,
    learner_lines,
    numbers,
    same,
    trying,
)
from masklens_course.checks import Condition, Mistake, Question
from masklens_course.comparison import Compared
from masklens_course.mistakes import WRONG_SHAPE
from masklens_course.own_layers import error_picture
from masklens_course.own_models import built, large_weights, mask_on, trace_picture, traced

# The first two reviews hold the same words in another order.
_REVIEWS = np.array([[4, 7, 9, 2], [2, 9, 7, 4], [15, 3, 8, 1]])
_MORE = 5  # steps of padding
_BEHIND = np.pad(_REVIEWS, ((0, 0), (0, _MORE)))
_IN_FRONT = np.pad(_REVIEWS, ((0, 0), (_MORE, 0)))
_NO_WORD = np.zeros_like(_BEHIND[:1])


@dataclass(frozen=True)
class _Answers:
    """What a classifier says of the reviews alone, with padding behind or in front, and of none."""

    alone: Any
    behind: Any = None
    in_front: Any = None
    empty: Any = None
    raised: Raised | None = None
    trace: Trace | None = None

    def are_probabilities(self) -> bool:
        return bool(
            self.raised is None
            and self.alone.shape == self.behind.shape == (len(_REVIEWS), 1)
            and (self.alone >= 0).all()
            and (self.alone <= 1).all()
        )

    def stays_behind(self) -> bool:
        return same(self.behind, self.alone)

    def has_call(self, effect: str) -> bool:
        return any(call.effect == effect for call in self.trace or ())


def _built_model(answer: Any, *parts: Any) -> Any:
    """The model that a learner's function builds; `Raised` if it builds something else."""
    import keras

    model = built(answer, *parts)
    if not isinstance(model, keras.Model):
        return Raised(TypeError(f"{type(model).__name__} is not a keras.Model"))
    return model


def _answers(answer: Callable[[], Any]) -> _Answers:
    model = _built_model(answer)
    first = model if isinstance(model, Raised) else trying(lambda: numbers(model(_REVIEWS)))
    if isinstance(first, Raised):
        if learner_lines(first.error):
            raise first.error
        return _Answers(first, raised=first)
    with large_weights(model):
        padded = np.concatenate([_BEHIND, _IN_FRONT, _NO_WORD])
        alone = numbers(model(_REVIEWS))
        all_at_once = trying(lambda: numbers(model(padded)))
        if isinstance(all_at_once, Raised):
            return _Answers(alone, raised=all_at_once)
        seen = _Answers(alone, all_at_once[:3], all_at_once[3:6], all_at_once[6:])
        if seen.are_probabilities() and seen.stays_behind():
            return seen
        return replace(seen, trace=traced(model, _BEHIND))


_ANSWERS_ONCE = Question(
    name="answers-once",
    title="One review, one answer",
    minutes=20,
    kind="function",
    observe=_answers,
    conditions=(
        Condition(
            "not-a-probability",
            "The model should give one number from 0 to 1 for each review: the shape `(batch, 1)`.",
            _Answers.are_probabilities,
            Mistake(
                "does-not-run",
                "This is not a `keras.Model` that takes ids from 0 to 49 in the shape `(batch, "
                "time)`, with 4 timesteps as well as with 9.",
                lambda seen: seen.raised is not None,
                lambda seen: error_picture(seen.raised),
            ),
            Mistake(
                "one-per-timestep",
                "The model answers once for each timestep, not once for each review. Which layer "
                "makes one vector of the timesteps?",
                lambda seen: seen.alone.shape[:2] == _REVIEWS.shape,
            ),
        ),
        Condition(
            "padding-moves-it",
            "The answer changes with padding behind the review. A layer reads padding as if it "
            "were words.",
            _Answers.stays_behind,
            Mistake(
                "makes-no-mask",
                "The answer changes with padding behind the review. Who makes a mask?",
                lambda seen: not seen.has_call("creates"),
            ),
            Mistake(
                "loses-the-mask",
                "The answer changes with padding behind the review: the mask is lost on the way. "
                "The drop shows where padding gets in.",
                lambda seen: seen.has_call("drops"),
            ),
            picture=trace_picture,
        ),
        Condition(
            "padding-in-front-moves-it",
            "With padding behind the review the answer stays, but with padding in front of it the "
            "answer changes. Something counts the timesteps from the left, or reads padding "
            "before the words.",
            lambda seen: same(seen.in_front, seen.alone),
        ),
        Condition(
            "ignores-order",
            "The same words in another order get the same answer. But `not good, just cheap` is "
            "not `good, not just cheap`: which layer knows the order?",
            lambda seen: not same(seen.alone[0], seen.alone[1]),
            Mistake(
                "reads-nothing",
                "Every review gets the same answer: the model does not read the words.",
                lambda seen: same(seen.alone[2], seen.alone[0]),
            ),
        ),
        Condition(
            "empty-review",
            "A review without any word gets no answer from 0 to 1, but `nan`. Which layer divides "
            "by the number of words?",
            lambda seen: bool(((seen.empty >= 0) & (seen.empty <= 1)).all()),
        ),
    ),
    hints=(
        "You need four things: ids in, a mask made, a mask used, one number out.",
        "Which layer reads in order, skips masked steps, and gives one vector at the end?",
        "`LSTM(8)` does, and for a review without words it gives the zeros it begins with.",
    ),
    why=(
        "`Embedding` makes the mask, and the LSTM skips masked steps on either side. Where there "
        "is no word, it hands out the zeros that it began with, and these get an answer, too."
    ),
)


_IDS = np.array([[3, 5, 0, 0], [4, 2, 7, 1], [6, 8, 2, 0]])
_WORDS = _IDS != 0


def _parts() -> tuple[Any, Any, Any]:
    """An embedding, an attention and a normalization, always with the same weights."""
    from keras import initializers, layers

    weights = [initializers.RandomNormal(stddev=1.0, seed=seed) for seed in range(2)]
    embedding = layers.Embedding(10, 4, mask_zero=True, embeddings_initializer=weights[0])
    attention = layers.MultiHeadAttention(1, 4, kernel_initializer=weights[1])
    return embedding, attention, layers.LayerNormalization()


@dataclass(frozen=True)
class _Block(Compared):
    """The vectors and the mask that a block gives, and what its formula says of each row alone."""

    mask: Array | None
    without_residual: Array
    norm_first: Array
    without_mask: Array
    raised: Raised | None
    trace: Trace | None = None

    def at_words(self, vectors: Array) -> bool:
        """Whether the vectors of words are these."""
        fits = self.yours.shape == vectors.shape
        return fits and same(self.yours[_WORDS], vectors[_WORDS])


def _block(answer: Any) -> _Block:
    parts = _parts()
    embedding, attention, norm = parts
    model = _built_model(answer, *parts)
    raised = model if isinstance(model, Raised) else None
    output = None if raised else model(_IDS)
    x = np.asarray(embedding(_IDS))

    # No mask here: a sentence alone has no padding.
    def attend(vectors: Array) -> Array:
        return np.asarray(attention(vectors, vectors))

    def alone(formula: Callable[[Array], Any]) -> Array:
        result = np.zeros_like(x)
        for row, vectors, words in zip(result, x, _WORDS, strict=True):
            row[words] = np.asarray(formula(vectors[words][None]))[0]
        return result

    seen = _Block(
        yours=np.zeros(0) if raised else numbers(output),
        right=alone(lambda v: norm(v + attend(v))),
        mask=mask_on(output),
        without_residual=alone(lambda v: norm(attend(v))),
        norm_first=alone(lambda v: v + attend(np.asarray(norm(v)))),
        without_mask=np.asarray(norm(x + attend(x))),
        raised=raised,
    )
    right = seen.at_words(seen.right)
    if raised or (right and seen.mask is not None):
        return seen
    # Right vectors read no padding: what is left to see is where the mask goes.
    return replace(seen, trace=traced(model, _IDS, measure=not right))


_KEEP_THE_MASK = Question(
    name="block-with-a-mask",
    title="A block that keeps its mask",
    minutes=20,
    kind="function",
    observe=_block,
    conditions=(
        Condition(
            "wrong-vectors",
            "At the words the vectors are not those of `norm(x + attention(x, x))`.",
            lambda seen: seen.at_words(seen.right),
            Mistake(
                "no-model",
                "It should return a `keras.Model` that takes ids.",
                lambda seen: seen.raised is not None,
                lambda seen: error_picture(seen.raised),
            ),
            WRONG_SHAPE,
            Mistake(
                "no-residual",
                "`x` itself is missing: it is to be added to what attention gives.",
                lambda seen: seen.at_words(seen.without_residual),
            ),
            Mistake(
                "norm-first",
                "You normalize before attention. That keeps the mask, but it is another block: "
                "the weights of this one were trained with the norm at the end.",
                lambda seen: seen.at_words(seen.norm_first),
            ),
            Mistake(
                "reads-padding",
                "Attention sees no mask any more, and looks at padding as well.",
                lambda seen: seen.at_words(seen.without_mask),
                trace_picture,
            ),
        ),
        Condition(
            "mask-lost",
            "The vectors are right, but the output carries no mask. The loss would count padding. "
            "Look for the crosses: what does attention do to its own input?",
            lambda seen: same(seen.mask, _WORDS),
            Mistake(
                "another-mask",
                "The output carries a mask, but it is not the one of the words.",
                lambda seen: seen.mask is not None,
                lambda seen: Compared(seen.mask, _WORDS).picture(),
            ),
            picture=trace_picture,
        ),
    ),
    hints=(
        "Look at the trace of `faulty_block(*make_parts())`: which tensor loses its mask, and who "
        "takes it afterwards?",
        "Attention takes the mask off the tensor that it gets. Is there another tensor with the "
        "same values and a mask, which it does not get?",
        "Ask `embedding` once more. Or write a small layer that opts in, and adds and attends in "
        "its `call`: Keras puts the mask on its output.",
    ),
    why=(
        "`MultiHeadAttention` takes the mask off the tensor that it gets. The second call of "
        "`embedding` makes another tensor, whose mask is left alone, so `Add` finds two masks."
    ),
)

QUESTIONS = (_ANSWERS_ONCE, _KEEP_THE_MASK)
