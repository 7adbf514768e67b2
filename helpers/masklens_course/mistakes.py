"""Mistakes about the form of masks and arrays, which many questions share."""

from collections.abc import Callable
from typing import Any

import numpy as np

from masklens._language import mark
from masklens_course.checks import Mistake

# Takes the observation, and returns the array that the learner's code returned.
_Look = Callable[[Any], Any]


def mask_of_floats(look: _Look) -> Mistake:
    """Makes the mistake of a mask that holds numbers instead of True and False.

    Args:
        look: Returns the learner's mask.

    Returns:
        The mistake, `not-boolean`.

    Example:
        >>> mask_of_floats(lambda seen: seen).recognise([1.0, 0.0])
        True
    """
    sentence = mark("A mask holds True and False. This one holds numbers: compare, do not count.")
    return Mistake("not-boolean", sentence, lambda seen: np.asarray(look(seen)).dtype != bool)


def mask_with_features(look: _Look) -> Mistake:
    """Makes the mistake of a mask with a third axis.

    Args:
        look: Returns the learner's mask.

    Returns:
        The mistake, `third-axis`.

    Example:
        >>> mask_with_features(lambda seen: seen).recognise([[[True], [False]]])
        True
    """
    sentence = mark(
        "This mask has three axes. Keras wants one True or False per timestep, the shape "
        "`(batch, time)`, without an axis for the features."
    )
    return Mistake("third-axis", sentence, lambda seen: np.ndim(look(seen)) == 3)


def inverted_mask(look: _Look, right: _Look) -> Mistake:
    """Makes the mistake of a mask that is True where it should be False.

    Args:
        look: Returns the learner's mask.
        right: Returns the right mask.

    Returns:
        The mistake, `inverted`.

    Example:
        >>> inverted_mask(lambda seen: seen, lambda seen: [True, False]).recognise([False, True])
        True
    """
    sentence = mark("True and False are swapped: in Keras, True marks a timestep to read.")

    def recognise(seen: Any) -> bool:
        ours, theirs = np.asarray(look(seen)), np.asarray(right(seen))
        return ours.dtype == bool and np.array_equal(ours, ~theirs)

    return Mistake("inverted", sentence, recognise)


def wrong_shape(look: _Look, right: _Look) -> Mistake:
    """Makes the mistake of an array with another shape than the right one.

    Args:
        look: Returns the learner's array.
        right: Returns the right array.

    Returns:
        The mistake, `wrong-shape`.

    Example:
        >>> wrong_shape(lambda seen: seen, lambda seen: [0, 0]).recognise([0, 0, 0])
        True
    """
    sentence = mark("The shape is not the one that the task asks for. Print `.shape`, and compare.")
    return Mistake(
        "wrong-shape", sentence, lambda seen: np.shape(look(seen)) != np.shape(right(seen))
    )
