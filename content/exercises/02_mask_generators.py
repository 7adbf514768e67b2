# %% [markdown] id="title"
"""
# Exercises: make a mask and keep it

**You will** ({{minutes}} minutes)

- predict the mask that an `Embedding` makes;
- keep the mask through a slice and a multiplication;
- choose a value for `Masking` that is not among the readings.

Exercises for lesson {{lesson}}.

Replace each `...` with your answer and run the cell, then the cell below it, which checks your
answer. Hints and the solution are folded below that.
"""

# %% id="setup"
import keras
import numpy as np

import masklens as ml

ml.set_language("en")

# %% [markdown] id="predict-mask"
"""
## 1. Predict a mask (5 minutes)

Four people have each prepared a text. The first text is padded on the right, the second on the
left. In the third, an unknown word has the id 0. The fourth is empty. An `Embedding` with
`mask_zero=True` reads them. Write down the mask that it makes: four rows of four values, each True
or False.
"""

# %% id="predict-mask-data"
ids = np.array(
    [
        [4, 8, 0, 0],
        [0, 0, 7, 3],
        [5, 0, 9, 2],
        [0, 0, 0, 0],
    ]
)

# %% id="predict-mask-answer"
mask = [
    ### BEGIN SOLUTION
    [True, True, False, False],
    [False, False, True, True],
    [True, False, True, True],
    [False, False, False, False],
    ### END SOLUTION
]

# %% id="predict-mask-check" points=1
q1 = ml.question("predict-mask")
### BEGIN HIDDEN TESTS
q1.grade(mask)
### END HIDDEN TESTS
q1.check(mask)

# %% [markdown] id="keep-the-mask"
"""
## 2. Keep the mask (10 minutes)

A model compares each word with the word before it, so it leaves out the first timestep. It also
multiplies the vectors by a number, `scale`, as a Transformer does. Since these two steps were
added, the model has read padding as if it were words. There was no warning.

Write `prepare`. It gets `ids` of shape `(batch, time)`, an `embedding` layer with `mask_zero=True`,
and the number `scale`. It returns two things. The first is `vectors`: the output of the layer for
these ids, without the first timestep, multiplied by `scale`, of shape `(batch, time - 1, features)`.
The second is `mask`: the mask of these vectors, True and False as the layer makes it, of shape
`(batch, time - 1)`. A later layer can then be called as `lstm(vectors, mask=mask)`. Padding may be
on either side.
"""

# %% id="keep-the-mask-data"
texts = np.array([[5, 6, 2, 7, 0, 0], [0, 0, 0, 7, 2, 4], [3, 4, 8, 9, 2, 6]])
seeded = keras.initializers.RandomUniform(seed=0)
words = keras.layers.Embedding(10, 2, mask_zero=True, embeddings_initializer=seeded)


# %% id="keep-the-mask-answer"
def prepare(ids, embedding, scale):
    ### BEGIN SOLUTION
    shorter = ids[:, 1:]
    return embedding(shorter) * scale, embedding.compute_mask(shorter)
    ### END SOLUTION


# %% id="keep-the-mask-check" points=2
q2 = ml.question("keep-the-mask")
### BEGIN HIDDEN TESTS
q2.grade(prepare)
### END HIDDEN TESTS
q2.check(prepare)

# %% [markdown] id="choose-mask-value"
"""
## 3. Choose a value to mask (15 minutes)

You are writing the padding function of a library. Its users bring readings of every kind:
temperatures, counts, profits and losses. For some of them 0, -1 or even -999 was a reading, and
`Masking` skipped it.

Write `pad_for_masking`. It gets `series`, a list of series. A series is a list of timesteps, and a
timestep is a list of floats, its features. No series is empty. The function returns two things.
`padded` is an array of shape `(batch, time, features)`, as long as the longest series, with the
readings unchanged and the padding after them. `value` is a finite number.
`keras.layers.Masking(mask_value=value)` must mask every padded timestep of `padded` and no other,
whatever numbers the series hold. It compares in 32 bits.
"""

# %% id="choose-mask-value-data"
series = [
    [[0.0, 0.0], [2.5, -1.0]],
    [[-1.2, -1.2], [0.0, 3.2], [4.1, 4.1]],
    [[1.5, 0.0]],
]


# %% id="choose-mask-value-answer"
def pad_for_masking(series):
    ### BEGIN SOLUTION
    largest = max(abs(reading) for row in series for timestep in row for reading in timestep)
    value = 2 * largest + 1
    return ml.pad(series, padding="post", value=value, dtype="float32").ids, value
    ### END SOLUTION


# %% id="choose-mask-value-check" points=2
q3 = ml.question("choose-mask-value")
### BEGIN HIDDEN TESTS
q3.grade(pad_for_masking)
### END HIDDEN TESTS
q3.check(pad_for_masking)

# %% [markdown] id="progress"
"""
## How far are you?

This shows the exercises of all lessons: what you have solved, what you have tried, and what is left.
"""

# %% id="progress-picture"
ml.progress()
