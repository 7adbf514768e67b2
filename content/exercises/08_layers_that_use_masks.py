# %% [markdown] id="title"
"""
# Exercises: use a mask

**You will** ({{minutes}} minutes)

- take a mean over the valid steps, even where there are none;
- find and fix three faults in a softmax for attention;
- write a loss that leaves out missing readings, in its gradient as well.

Exercises for lesson {{lesson}}.

Replace each `...` with your answer and run the cell, then the cell below it, which checks your
answer. Hints and the solution are folded below that.
"""

# %% id="setup"
import keras
import numpy as np
import tensorflow as tf

import masklens as ml

ml.set_language("en")

# %% [markdown] id="mean-over-time"
"""
## 1. A mean that survives an empty row (10 minutes)

A classifier averages the word vectors of each review. One day, a review consists only of emojis
that are not in the vocabulary. No word is left, and from then on the loss is `nan`: in such a row,
`GlobalAveragePooling1D` divides 0 by 0, as users of Keras have reported.

Write `mean_over_time`. It takes two tensors, `x` of shape `(batch, time, features)` and `mask` of
shape `(batch, time)`, and returns the mean over the valid steps, of shape `(batch, features)`. For
a row without a valid step, it returns zeros. The values at masked steps must not matter, not even
`nan`.

A model will be trained through this function. So write it with `keras.ops`, and keep the
**gradient** free of `nan` everywhere, even in an empty row. The function `gradient` below shows it:
call `gradient(lambda x: mean_over_time(x, valid), x)` in a new cell.
"""

# %% id="mean-over-time-data"
x = tf.constant([[[1.0, 5], [3, 7], [9, 9]], [[9, 9], [9, 9], [9, 9]]])
valid = tf.constant([[True, True, False], [False, False, False]])


def gradient(function, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        result = function(x)
    return tape.gradient(result, x).numpy()


# %% id="mean-over-time-answer"
def mean_over_time(x, mask):
    ### BEGIN SOLUTION
    keep = mask[..., None]
    count = keras.ops.sum(keras.ops.cast(keep, x.dtype), axis=1)
    return keras.ops.sum(keras.ops.where(keep, x, 0), axis=1) / keras.ops.maximum(count, 1)
    ### END SOLUTION


# %% id="mean-over-time-check" points=2
q1 = ml.question("mean-over-time")
### BEGIN HIDDEN TESTS
q1.grade(mean_over_time)
### END HIDDEN TESTS
q1.check(mean_over_time)

# %% [markdown] id="masked-softmax"
"""
## 2. Fix a softmax for attention (15 minutes)

In attention, each word of a sentence looks at all its words. `scores[b, i, j]` says how much word
`i` of sentence `b` is interested in word `j`, and a softmax over `j` turns the scores of each `i`
into weights. No word should look at padding. A colleague has written this function, which takes a
`mask` of shape `(batch, time)`:
"""


# %% id="masked-softmax-faulty"
def faulty_softmax(scores, mask):
    filled = np.where(mask[:, :, None], scores, -np.inf)
    exps = np.exp(filled - filled.max())
    return exps / exps.sum(axis=-1, keepdims=True)


# %% [markdown] id="masked-softmax-symptom"
"""
It raises no error, and the shape is right. But here is a sentence of two words and one padded
timestep. The two words give most of their weight to the padding, and the last row is `nan`:
"""

# %% id="masked-softmax-data"
scores = np.array([[[2, 0, 5], [1, 3, 5], [0, 0, 5]]], dtype="float32")
words = np.array([[True, True, False]])
with np.errstate(invalid="ignore"):
    print(faulty_softmax(scores, words).round(2))

# %% [markdown] id="masked-softmax-task"
"""
The function has three faults, and only one of them shows here. Find all three, and write
`masked_softmax` without them. It takes two arrays, `scores` of shape `(batch, time, time)` and
`mask` of shape `(batch, time)`, and returns weights of the same shape as `scores`:

- In every row `[b, i]`, the weights of the valid words `j` are the softmax of their scores alone,
  so they sum to 1. Padded words `j` get 0. This also holds in the rows of padded words `i`.
- If a sentence has no valid word, all its weights are 0.
- Scores of 1000 or -1000 do no harm, whether they belong to words or to padding. Nor does `nan` at
  padding.

You may use NumPy or `keras.ops`. Try both functions in a new cell, with scores and masks of your
own.
"""


# %% id="masked-softmax-answer"
def masked_softmax(scores, mask):
    ### BEGIN SOLUTION
    filled = np.where(mask[:, None, :], scores, -np.inf)
    highest = filled.max(axis=-1, keepdims=True)
    exps = np.exp(filled - np.where(highest > -np.inf, highest, 0))
    return exps / np.maximum(exps.sum(axis=-1, keepdims=True), 1)
    ### END SOLUTION


# %% id="masked-softmax-check" points=3
q2 = ml.question("masked-softmax")
### BEGIN HIDDEN TESTS
q2.grade(masked_softmax)
### END HIDDEN TESTS
q2.check(masked_softmax)

# %% [markdown] id="masked-loss"
"""
## 3. A loss that leaves out what is missing (20 minutes)

A model forecasts the water level of a river. Sensors sometimes fail, so some readings are missing,
and the file has `nan` in their place. The series also differ in length. A mask says which readings
exist.

Write `masked_loss`. It takes three tensors of shape `(batch, time)`: the readings `y_true`, the
forecasts `y_pred` and the `mask`. It returns one number, the mean of the squared errors over all
valid steps of the batch. Each valid step counts the same, whichever row it is in. The values of
`y_true` at masked steps must not matter, whether they are 0 or `nan`. If no step of the batch is
valid, the loss is 0.

The model is trained with this loss. So write it with `keras.ops`, and make sure that the gradient
with respect to `y_pred` contains no `nan` either. In a new cell, try
`gradient(lambda y: masked_loss(y_true, y, there), y_pred)`.
"""

# %% id="masked-loss-data"
y_true = tf.constant([[1, 2, float("nan")], [5, 0, 0]])
y_pred = tf.constant([[1.0, 3, 4], [7, 2, 2]])
there = tf.constant([[True, True, False], [True, False, False]])


# %% id="masked-loss-answer"
def masked_loss(y_true, y_pred, mask):
    ### BEGIN SOLUTION
    known = keras.ops.where(mask, y_true, y_pred)
    count = keras.ops.sum(keras.ops.cast(mask, y_pred.dtype))
    return keras.ops.sum((known - y_pred) ** 2) / keras.ops.maximum(count, 1)
    ### END SOLUTION


# %% id="masked-loss-check" points=4
q3 = ml.question("masked-loss")
### BEGIN HIDDEN TESTS
q3.grade(masked_loss)
### END HIDDEN TESTS
q3.check(masked_loss)

# %% [markdown] id="progress"
"""
## How far are you?

This shows the exercises of all lessons: what you have solved, what you have tried, and what is left.
"""

# %% id="progress-picture"
ml.progress()
