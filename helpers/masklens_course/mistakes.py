"""Mistakes about the form of masks and arrays, recognised in a `Compared` of any question."""

import numpy as np

from masklens_course.checks import Mistake

NOT_BOOLEAN = Mistake(
    "not-boolean",
    "A mask holds True and False. This one holds numbers: compare, do not count.",
    lambda seen: np.asarray(seen.yours).dtype != bool,
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
    lambda seen: (
        np.asarray(seen.yours).dtype == bool and np.array_equal(seen.yours, ~np.asarray(seen.right))
    ),
)
WRONG_SHAPE = Mistake(
    "wrong-shape",
    "The shape is not the one that the task asks for. Print `.shape`, and compare.",
    lambda seen: np.shape(seen.yours) != np.shape(seen.right),
)
MASK_LOST = Mistake(
    "loses-the-mask",
    "No mask comes out. Keras drops it unless the layer says, in `compute_mask`, what becomes of "
    "it. Is the method there, and does it return something?",
    lambda seen: seen.yours is None,
)
