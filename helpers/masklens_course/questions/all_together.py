"""Questions that need several lessons: a classifier that answers once, a block with a mask."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from masklens._keras import attached_mask
from masklens.lens.trace import Trace
from masklens.tracing.calls import Array
from masklens_course.answer import numbers, same
from masklens_course.checks import Question
from masklens_course.comparison import Compared
from masklens_course.conditions import Case, Condition, Hint, Mistake, gives
from masklens_course.mistakes import INVERTED, NOT_BOOLEAN, WRONG_SHAPE
from masklens_course.own_models import trace_picture, traced
from masklens_course.trained_parts import Parts, PartsCall, Trained

_NO_MODEL = Mistake(
    "no-model",
    "It should return a `keras.Model` that takes ids.",
    lambda seen: seen.yours.shape == (0,),
)


def _normal(random: np.random.Generator, *shapes: tuple[int, ...]) -> tuple[Array, ...]:
    return tuple(random.normal(size=shape).astype("float32") for shape in shapes)


def _embedding(random: np.random.Generator, words: int, features: int, **more: bool) -> Trained:
    sizes = {"input_dim": words, "output_dim": features}
    return Trained("Embedding", _normal(random, (words, features)), ((None, None),), sizes | more)


def _classifier_parts(
    random: np.random.Generator, words: int, features: int, sharpness: float
) -> Parts:
    """The layers of the exercise; sharp ones give scores far below 0."""
    steps, vector = (None, None, features), (None, features)
    kernel, bias = _normal(random, (3, features, features), (features,))
    score = -sharpness * np.abs(_normal(random, (features, 1))[0])
    output, moved = _normal(random, (features, 1), (1,))
    conv = {"filters": features, "kernel_size": 3, "padding": "same", "activation": "relu"}
    return Parts(
        (
            _embedding(random, words, features),
            Trained("Conv1D", (kernel / np.sqrt(features), np.abs(bias)), (steps,), conv),
            Trained("Dense", (score, np.ones(1, "float32")), (steps,), {"units": 1}),
            Trained(
                "Dense",
                (output / np.sqrt(features), moved),
                (vector,),
                {"units": 1, "activation": "sigmoid"},
            ),
        )
    )


def _reviews(random: np.random.Generator) -> Iterator[Case]:
    parts = _classifier_parts(random, words=50, features=8, sharpness=0.3)
    shown = [[4, 7, 9, 2, 0, 0], [0, 0, 4, 7, 9, 2], [8, 1, 15, 3, 6, 5], [0] * 6]
    yield (PartsCall(parts, np.array(shown)),)
    longer = random.integers(1, 50, (2, 9))
    longer[0, int(random.integers(3, 7)) :] = 0
    longer[:, 0] = 49
    yield (PartsCall(parts, longer),)
    yield (PartsCall(parts, random.integers(1, 50, (1, 1))),)
    yield (PartsCall(parts, np.array([[0, 0, 0, 6, 0, 0, 0], [0, 2, 5, 4, 4, 1, 0]])),)
    parts = _classifier_parts(random, words=7, features=3, sharpness=6)
    yield (PartsCall(parts, np.array([[0, 0, 5, 3], [1, 4, 6, 0], [5, 3, 5, 3]])),)
    yield (PartsCall(parts, np.zeros((2, 3), int)),)


def _answers(
    call: PartsCall,
    *,
    reads_around: bool = False,
    weighs_padding: bool = False,
    masks_late: bool = False,
    equal: bool = False,
    other_axis: bool = False,
) -> Array:
    """The answer to each review alone; or what is made of them with a usual mistake."""
    (table,), (kernel, bias), (score, moved), (output, offset) = call.parts.weights
    answers = []
    for row, words in zip(call.ids, call.words, strict=True):
        vectors = np.where((words | reads_around)[:, None], table[row].astype(float), 0)
        around = np.pad(vectors, ((1, 1), (0, 0)))
        read = sum(around[step : step + len(row)] @ kernel[step] for step in range(3))
        states = np.maximum(read + bias, 0)
        scores = (states @ score + moved)[:, 0] * (not equal)
        weighed = words | weighs_padding
        weights = np.exp(scores - scores[weighed | masks_late].max(initial=-np.inf))
        weights /= weights[weighed | masks_late].sum() if weighed.any() else 1
        weights = np.where(weighed, 1 if other_axis else weights, 0)
        answers.append(1 / (1 + np.exp(-(weights @ states @ output + offset))))
    return np.array(answers)


@dataclass(frozen=True)
class _Answered(Compared):
    """What a classifier answers to each review, and what is right."""

    @property
    def valid(self) -> Array:
        return np.asarray(self.case[0].words)

    def are_right(self, rows: Array) -> bool:
        """Whether the shape is right, and the answers to these reviews."""
        fits = self.yours.shape == self.right.shape
        return fits and same(self.yours[rows], self.right[rows])

    def is_like(self, other: Any) -> bool:
        """Whether these are the answers to the reviews that have words."""
        rows = self.valid.any(axis=1)
        return self.yours.shape == other.shape and same(self.yours[rows], other[rows])


def _answered(answer: Any, call: PartsCall) -> _Answered:
    model, output = call.run(answer)
    yours = np.zeros(0) if model is None else numbers(output)
    return _Answered(yours, _answers(call), case=(call,))


_READS_AROUND = Mistake(
    "reads-around",
    "`conv` reads padding. The vector of the id 0 is not 0, and the first and the last word have "
    "it as a neighbour. A review on its own has zeros there.",
    gives(_answers, reads_around=True),
)
_WEIGHS_PADDING = Mistake(
    "weighs-padding",
    "Padding gets a part of the weights. The softmax does not know what is padding: take the "
    "scores at padding out first.",
    gives(_answers, weighs_padding=True),
)

_ANSWERS_ONCE = Question(
    name="answers-once",
    title="One review, one answer",
    minutes=20,
    kind="function",
    cases=_reviews,
    right=_answers,
    observe=_answered,
    conditions=(
        Condition(
            "wrong-answers",
            "Even where nothing is padded, the answers are not those of `faulty_classifier`.",
            lambda seen: seen.are_right(seen.valid.all(axis=1)),
            _NO_MODEL,
            Mistake(
                "one-per-timestep",
                "The model answers once for each timestep, not once for each review. Add up along "
                "the axis of the timesteps.",
                lambda seen: seen.yours.ndim == 3,
            ),
            WRONG_SHAPE,
            Mistake(
                "other-axis",
                "All weights are 1. `softmax` makes the weights along one axis add up to 1, and "
                "the last axis holds a single score. Name the axis of the timesteps.",
                gives(_answers, other_axis=True),
            ),
            Mistake(
                "equal-weights",
                "All words have the same weight, as in a mean. `score` says which words count.",
                gives(_answers, equal=True),
            ),
        ),
        Condition(
            "padding-moves-it",
            "Padding changes the answer. What reads it: `conv`, the softmax or the sum?",
            lambda seen: seen.are_right(seen.valid.any(axis=1) & ~seen.valid.all(axis=1)),
            _READS_AROUND,
            _WEIGHS_PADDING,
            Mistake(
                "masks-late",
                "The weights of the words do not add up to 1: padding took a part of them in the "
                "softmax. Take it out before, with a score that is small enough.",
                gives(_answers, masks_late=True),
            ),
        ),
        Condition(
            "empty-review",
            "A review without any word has nothing to add up, so it should get what `output` "
            "answers to zeros. Here it gets something else.",
            lambda seen: seen.are_right(~seen.valid.any(axis=1)),
            Mistake(
                "nan-for-no-word",
                "A review without any word gets `nan`. Where all its scores are minus infinity, "
                "the softmax divides 0 by 0.",
                lambda seen: bool(np.isnan(seen.yours).any()),
            ),
        ),
    ),
    hints=(
        Hint(
            "Padding gets in at two places. Which layer reads neighbours? And what else puts "
            "timesteps together?",
            "padding-moves-it",
        ),
        Hint(
            "Begin with the lines of `faulty_classifier`, and change one thing at a time.",
            "wrong-answers",
            "no-model",
            "one-per-timestep",
            "other-axis",
            "equal-weights",
        ),
        Hint("`keras.ops.not_equal(ids, 0)` is the mask, wherever in the model you need it."),
        Hint(
            "What does `conv` read next to the last word of a review on its own? Make padding "
            "the same.",
            "reads-around",
        ),
        Hint(
            "A weight is the `exp` of a score, divided by the sum of all. Which scores at "
            "padding leave that sum alone?",
            "weighs-padding",
            "masks-late",
        ),
        Hint(
            "Which weights does the softmax give to a review without any word? Take them out "
            "once more.",
            "empty-review",
            "nan-for-no-word",
        ),
    ),
    why=(
        "With zeros at padding, `conv` reads what it reads at the edges of a review on its own. "
        "A very small score takes padding out of the softmax. And the second `where` leaves "
        "nothing to add up where there is no word."
    ),
)


def _block_parts(
    random: np.random.Generator, words: int, features: int, heads: int, size: int
) -> Parts:
    steps = (None, None, features)
    reads = ((features, heads, size), (heads, size))
    attention = _normal(random, *reads * 3, (heads, size, features), (features,))
    return Parts(
        (
            _embedding(random, words, features, mask_zero=True),
            Trained(
                "MultiHeadAttention",
                attention,
                (steps, steps),
                {"num_heads": heads, "key_dim": size},
            ),
            Trained("LayerNormalization", _normal(random, (features,), (features,)), (steps,), {}),
        )
    )


def _sentences(random: np.random.Generator) -> Iterator[Case]:
    parts = _block_parts(random, words=10, features=4, heads=1, size=4)
    yield (PartsCall(parts, np.array([[3, 5, 0, 0], [4, 2, 7, 1], [6, 8, 2, 0]])),)
    longer = random.integers(1, 9, (2, 7))
    longer[0, 1:] = 0
    yield (PartsCall(parts, longer),)
    yield (PartsCall(parts, random.integers(1, 9, (1, 1))),)
    parts = _block_parts(random, words=7, features=6, heads=2, size=3)
    yield (PartsCall(parts, np.array([[0, 0, 5, 3, 1], [1, 0, 4, 0, 2]])),)
    yield (PartsCall(parts, np.array([[0, 0], [1, 4]])),)
    yield (PartsCall(parts, np.array([[6, 3, 2], [4, 4, 1]])),)


def _vectors(
    call: PartsCall, *, residual: bool = True, norm_first: bool = False, read: bool = False
) -> Array:
    """The vectors of the words of each row alone, and 0 at padding; or those of a usual mistake."""
    (table,), (*heads, project, moved), (scale, shift) = call.parts.weights

    def norm(vectors: Array) -> Array:
        spread = np.sqrt(vectors.var(axis=1, keepdims=True) + 1e-3)
        return np.asarray((vectors - vectors.mean(axis=1, keepdims=True)) / spread * scale + shift)

    def attention(vectors: Array, keep: Array) -> Array:
        query, key, value = (
            np.einsum("td,dhk->htk", vectors, kernel) + bias[:, None]
            for kernel, bias in zip(heads[::2], heads[1::2], strict=True)
        )
        scores = query @ key[:, keep].swapaxes(1, 2) / np.sqrt(key.shape[-1])
        weights = np.exp(scores - scores.max(axis=2, keepdims=True, initial=-1e30))
        found = weights / weights.sum(axis=2, keepdims=True) @ value[:, keep]
        return np.asarray(np.einsum("htk,hkd->td", found, project) + moved)

    result = np.zeros((*call.ids.shape, table.shape[1]))
    for vectors, row, words in zip(result, call.ids, call.words, strict=True):
        if words.any():
            x = table[row].astype(float)
            found = attention(norm(x) if norm_first else x, words | read)
            total = x * residual + found
            vectors[words] = (total if norm_first else norm(total))[words]
    return result


@dataclass(frozen=True)
class _Block(Compared):
    """The vectors and the mask that a block gives, beside the right ones."""

    mask: Compared
    trace: Trace | None = None


def _block(answer: Any, call: PartsCall) -> _Block:
    model, output = call.run(answer)
    right = _vectors(call)
    yours = np.zeros(0) if model is None else numbers(output)
    if yours.shape == right.shape:
        yours = np.where(call.words[..., None], yours, 0)  # elsewhere, anything is right
    attached = attached_mask(output)
    mask = Compared(None if attached is None else np.asarray(attached), call.words)
    seen = _Block(yours, right, mask, case=(call,))
    if model is None or (seen.is_right() and mask.is_right()):
        return seen
    return _Block(yours, right, mask, traced(model, call.ids, measure=False), case=(call,))


_KEEP_THE_MASK = Question(
    name="block-with-a-mask",
    title="A block that keeps its mask",
    minutes=20,
    kind="function",
    cases=_sentences,
    right=_vectors,
    observe=_block,
    conditions=(
        Condition(
            "wrong-vectors",
            "At the words the vectors are not those of `norm(x + attention(x, x))`.",
            Compared.is_right,
            _NO_MODEL,
            Mistake(
                "no-residual",
                "`x` itself is missing: add it to the output of attention.",
                gives(_vectors, residual=False),
            ),
            Mistake(
                "norm-first",
                "You normalize before attention. That keeps the mask, but it is another block: "
                "the weights of this one were trained with the norm at the end.",
                gives(_vectors, norm_first=True),
            ),
            Mistake(
                "reads-padding",
                "Attention no longer gets a mask, and looks at padding as well.",
                gives(_vectors, read=True),
                trace_picture,
            ),
        ),
        Condition(
            "another-mask",
            "The output carries a mask, but it is not that of the words.",
            lambda seen: seen.mask.is_right(),
            Mistake(
                "mask-lost",
                "The output carries no mask, so the loss would count padding. Look for the "
                "crosses: what does attention do to its own input?",
                lambda seen: seen.mask.yours is None,
                trace_picture,
            ),
            NOT_BOOLEAN.of("mask"),
            INVERTED.of("mask"),
            picture=lambda seen: seen.mask.picture(),
        ),
    ),
    hints=(
        Hint(
            "Look at the trace of `faulty_block(*make_parts())`: which tensor loses its mask, "
            "and which layer takes that tensor afterwards?",
            "another-mask",
        ),
        Hint(
            "Keep the formula of the task: the norm comes last, and takes the sum of `x` and the "
            "output of attention.",
            "wrong-vectors",
            "no-model",
            "no-residual",
            "norm-first",
        ),
        Hint(
            "Keras notes the mask of a layer's input before it runs `call`, and so before "
            "attention clears it. What must your own layer declare, so that Keras puts that mask "
            "on its output?",
            "mask-lost",
        ),
        Hint(
            "Write the formula in the `call` of your layer: `x` carries its mask there.",
            "reads-padding",
        ),
    ),
    why=(
        "`MultiHeadAttention` clears the mask of the tensor that it gets, here within `call`. "
        "Keras has noted the mask before that, and puts it on what the layer returns, because "
        "the layer has opted in. It may: timestep t of its output stands for timestep t of its "
        "input, and attention uses the mask to leave padding out."
    ),
)

QUESTIONS = (_ANSWERS_ONCE, _KEEP_THE_MASK)
