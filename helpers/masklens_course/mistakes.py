"""Mistakes that can be made with many questions, recognised for all of them, and their hints."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens._language import mark
from masklens_course.answer import agree
from masklens_course.comparison import Compared
from masklens_course.conditions import Hint, Mistake

# Mistakes that can be made with every question.
COMMON_MISTAKES = {
    "not-a-function": mark(
        "The check takes a function, but this is not one. Pass the function itself, without "
        "calling it: its name, without parentheses."
    ),
    "not-a-class": mark(
        "The check takes the class itself and makes its own instances of it. Pass the name of "
        "the class, without parentheses."
    ),
    "not-a-layer": mark(
        "The class is not a layer. In the stub it inherits from `keras.layers.Layer`: keep that "
        "line."
    ),
    "not-a-value": mark(
        "The check takes a value, such as a list or an array, but this is a function or a class."
    ),
    "wrong-arguments": mark(
        "It does not take the arguments that it is called with. Keep those that the task and the "
        "stub name, in their order."
    ),
    "changes-its-input": mark(
        "It changes the array or list that it was given, which its caller may still need. Make a "
        "new one, and return it."
    ),
    "returns-nothing": mark("It returns None. Is a `return` missing?"),
    "not-numbers": mark(
        "It returns something that cannot be made into an array of numbers or booleans. If it "
        "holds lists, are they of the same length?"
    ),
    "asks-the-course": mark(
        "It asks the course for the right result. Compute it from the arguments."
    ),
    "asks-for-input": mark(
        "It waits for typed input, as `input()` does. Use its arguments instead."
    ),
    "no-super-init": mark(
        "`__init__` does not begin with `super().__init__()`. Without that call Keras cannot set "
        "the layer up."
    ),
    "wrong-method": mark(
        "Keras calls the methods of your class itself, and one of them does not take the arguments "
        "that Keras passes. Compare it with the stub: `compute_mask` takes `self`, the inputs and "
        "the mask."
    ),
}


def _is_inverted(yours: NDArray[Any], right: NDArray[Any]) -> bool:
    # A row that is all False may be wrong for another reason.
    mixed = bool(right.any() and not right.all())
    return yours.dtype == bool and mixed and np.array_equal(yours, ~right)


# These are recognised in a `Compared`.
NOT_BOOLEAN = Mistake(
    "not-boolean",
    "A mask holds True and False. This one holds numbers: compare, do not count.",
    lambda seen: np.asarray(seen.yours).dtype != bool and np.asarray(seen.right).dtype == bool,
)
THIRD_AXIS = Mistake(
    "third-axis",
    "This mask has three axes. Keras wants one True or False per timestep, the shape "
    "`(batch, time)`, without an axis for the features.",
    lambda seen: np.ndim(seen.yours) == 3,
)
INVERTED = Mistake(
    "inverted",
    "True and False are swapped: in Keras, True marks a timestep to read.",
    lambda seen: _is_inverted(np.asarray(seen.yours), np.asarray(seen.right)),
)
WRONG_SHAPE = Mistake(
    "wrong-shape",
    "The shape is not the one that the task asks for. Print `.shape`, and compare.",
    lambda seen: np.shape(seen.yours) != np.shape(seen.right),
)
MASK_LOST = Mistake(
    "loses-the-mask",
    "No mask comes out. Keras drops it unless `compute_mask` of the layer says what happens to "
    "it. Is the method there, and does it return something?",
    lambda seen: seen.yours is None,
)


def _holds_numbers(seen: Compared) -> bool:
    """Whether numbers are asked for, and these have their shape."""
    return np.asarray(seen.right).dtype != bool and np.shape(seen.yours) == np.shape(seen.right)


def _loses_rows(seen: Compared) -> bool:
    """Whether some rows are right, and in the others nothing is left of what should be there."""
    right = agree(np.asarray(seen.yours), np.asarray(seen.right)).all(axis=-1)
    lost = ~np.nan_to_num(np.asarray(seen.yours, float)).any(axis=-1)
    lost &= np.asarray(seen.right).any(axis=-1)
    return _holds_numbers(seen) and bool((right | lost).all() and right.any())


def _divides_by_all(seen: Compared) -> bool:
    """Whether a mean over the valid steps was divided by the number of all; a case has a mask."""
    mask = next(one for one in seen.case if np.ndim(one) == 2 and np.asarray(one).dtype == bool)
    share = np.mean(mask, axis=1 if np.ndim(seen.right) else None)
    return _holds_numbers(seen) and seen.is_like((np.asarray(seen.right).T * share).T)


def _has_nan(seen: Compared) -> bool:
    return _holds_numbers(seen) and bool((np.isnan(seen.yours) & ~np.isnan(seen.right)).any())


def _gets_nan(seen: Compared) -> bool:
    """Whether an array holds `nan` or `inf`, such as at masked steps."""
    return any(not np.isfinite(one).all() for one in seen.case)


def _is_nearly_right(seen: Compared) -> bool:
    near = np.isclose(seen.yours, seen.right, rtol=0.02, atol=0, equal_nan=True)
    return _holds_numbers(seen) and bool(near.all())


# These are recognised in an observation whose `gradient` is a `Compared`.
NO_GRADIENT = Mistake(
    "no-gradient",
    "The result is right, but no gradient flows back through it, so nothing before it can be "
    "trained. NumPy computes no gradients: use `keras.ops`.",
    lambda seen: seen.gradient.yours is None,
)
NAN_COMES_BACK = Mistake(
    "nan-comes-back",
    "The result is right, but its gradient is `nan`. `where` hides the `nan` of a masked step, "
    "but on the way back it still comes through. Put a number in its place before you compute.",
    lambda seen: _gets_nan(seen) and _has_nan(seen.gradient),
)
NAN_GRADIENT = Mistake(
    "nan-gradient",
    "The result is right, but its gradient is `nan`, and after one step of training so are all "
    "weights. You divide 0 by 0 and hide the result; on the way back, `nan` times 0 is `nan`. Do "
    "not divide by 0 at all.",
    lambda seen: not _gets_nan(seen) and _has_nan(seen.gradient),
)

ONE_MAXIMUM = Mistake(
    "one-maximum",
    "Some rows are right, but in others every number is 0 or `nan`. Do you subtract one maximum "
    "from all rows? Each row needs its own.",
    _loses_rows,
)
DEFAULT_MISTAKES = (
    WRONG_SHAPE,
    NOT_BOOLEAN,
    INVERTED,
    Mistake(
        "nan-from-padding",
        "`nan` or `inf` at a masked step gets into the result, since 0 times either is `nan`. "
        "Replace the values at masked steps before you compute.",
        lambda seen: _gets_nan(seen) and _has_nan(seen),
    ),
    ONE_MAXIMUM,
    Mistake(
        "divides-by-all",
        "The sum leaves out masked steps, but it is divided by the number of all steps.",
        _divides_by_all,
    ),
    Mistake(
        "nan-comes-out",
        "`nan` comes out where there should be a number. Is 0 divided by 0, for example in a row "
        "without a valid step?",
        _has_nan,
    ),
    Mistake(
        "nearly-right",
        "The numbers are close, but not right. Is a small number added to a divisor, or is the "
        "dtype too coarse?",
        _is_nearly_right,
    ),
)
"""What each question with cases recognises where it compares results, behind its own mistakes."""

SHARED_HINTS = (
    Hint(
        "Print `.shape` after each step. At which step is it not the one that you expect?",
        "wrong-shape",
    ),
    Hint(
        "A comparison gives True and False, such as `!=` or `keras.ops.not_equal`. A sum and a "
        "product give numbers.",
        "not-boolean",
    ),
    Hint(
        "Take one timestep to read and one of padding. For which of the two is your condition "
        "true?",
        "inverted",
    ),
    Hint(
        "You ask each feature. `any` or `all` along the last axis combines them into one answer "
        "for each timestep.",
        "third-axis",
    ),
    Hint(
        "Keras calls `compute_mask` to ask for the mask of what the layer returns. What should the "
        "answer be?",
        "loses-the-mask",
    ),
    Hint(
        "`mask` is None if no layer before has made a mask. Ask for that first.",
        "fails-without-a-mask",
        "invents-a-mask",
    ),
    Hint(
        "Call the layer on `keras.Input((None, 4))`. Which line needs a number or a value that is "
        "not there yet?",
        "fails-in-a-model",
        "lost-in-a-model",
    ),
    Hint(
        "Adding and multiplying cannot get rid of `nan`. `where` can: it puts another number there "
        "before you compute.",
        "nan-from-padding",
        "nan-comes-back",
    ),
    Hint("With `axis=-1` and `keepdims=True`, `max` gives each row its own.", "one-maximum"),
    Hint(
        "How many steps went into the sum? The mask knows, since True counts as 1.",
        "divides-by-all",
    ),
    Hint(
        "Look for the division. When is its divisor 0, and which divisor would do no harm there?",
        "nan-comes-out",
        "nan-gradient",
        "nan-in-empty-row",
    ),
    Hint(
        "Only a divisor of 0 has to be replaced. What changes the others as well?",
        "nearly-right",
    ),
    Hint(
        "Which line turns a tensor into a NumPy array, or into a new number? After it, nothing "
        "knows how the value was computed.",
        "no-gradient",
    ),
    Hint(
        "Read your code, and mark each number in it. Which of them would have to change for "
        "longer rows, or for more rows?",
        "only-this-example",
    ),
)
"""Given first where no hint of the question's own is about the mistake."""
