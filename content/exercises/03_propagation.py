# %% [markdown] id="title"
"""
# Exercises: follow the mask

**You will** (20 minutes)

- find the layer that loses a mask, and the layer that misses it;
- repair a model so that more padding changes nothing.

They belong to the lesson {{lesson}}

Replace each `...` by your answer and run the cell, then the cell below it: it checks what your
answer does. Below it, folded, are a hint and the solution.
"""

# %% id="setup"
import keras
import numpy as np

import masklens as ml

ml.set_language("en")
np.set_printoptions(precision=3, suppress=True)

# %% [markdown] id="find-lost-mask"
"""
## 1. Find the lost mask (5 minutes)

A shop scores reviews with this model. One and the same review gets another score when it shares a
batch with a longer one, although the `Embedding` has `mask_zero=True`.

Write down two names of layers, in this order: the layer that loses the mask, and the layer behind
it that would have used the mask, and now lets padding in. Decide first; then
`ml.trace(model, batch)` in a new cell shows whether you are right.
"""

# %% id="find-lost-mask-data"
batch = ml.pad([[4, 7, 9, 2], [5, 3], [8, 1, 6, 2, 4]], padding="post")
model = keras.Sequential(
    [
        keras.layers.Embedding(100, 8, mask_zero=True, name="words"),
        keras.layers.SpatialDropout1D(0.2, name="dropout"),
        keras.layers.GRU(8, return_sequences=True, name="reader"),
        keras.layers.Reshape((-1, 8), name="reshape"),
        keras.layers.Dense(8, activation="relu", name="features"),
        keras.layers.GlobalAveragePooling1D(name="average"),
        keras.layers.Dense(1, activation="sigmoid", name="score"),
    ]
)

# %% id="find-lost-mask-answer"
names = [
    ### BEGIN SOLUTION
    "reshape",
    "average",
    ### END SOLUTION
]

# %% id="find-lost-mask-check" points=1
q1 = ml.question("find-lost-mask")
### BEGIN HIDDEN TESTS
q1.grade(names)
### END HIDDEN TESTS
q1.check(names)

# %% [markdown] id="repair-tagger"
"""
## 2. Repair a tagger (15 minutes)

A tagger gives each word one of three kinds, such as noun, verb or other. Users of a model like this
one report that the tags of a short sentence change when it shares a batch with a long one. Keras
raises no error, it only warns that a mask is lost.
"""

# %% id="repair-tagger-data"
broken = keras.Sequential(
    [
        keras.layers.Embedding(100, 8, mask_zero=True, name="words"),
        keras.layers.Conv1D(8, 3, padding="same", name="neighbours"),
        keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True), name="reader"),
        keras.layers.Conv1D(3, 1, activation="softmax", name="tags"),
    ]
)

# %% [markdown] id="repair-tagger-task"
"""
Write `build_tagger`: it takes how many `words` and how many `kinds` there are, and returns a new
Keras model, which need not be trained. The model reads ids from 0 to `words - 1` in the shape
`(batch, time)`, padded with 0 behind, for any number of timesteps. It returns one number for each
kind and word, in the shape `(batch, time, kinds)`, also for a sentence without a word. You may
replace layers or leave some out, as long as this is true:

- the tags of the words stay the same when more padding is added;
- the output carries the mask of the words, so that the loss leaves out the padding;
- the tags of a word depend on the words before it and on the words behind it.
"""


# %% id="repair-tagger-answer"
def build_tagger(words, kinds):
    ### BEGIN SOLUTION
    return keras.Sequential(
        [
            keras.layers.Embedding(words, 8, mask_zero=True, name="words"),
            keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True), name="reader"),
            keras.layers.Dense(kinds, activation="softmax", name="tags"),
        ]
    )
    ### END SOLUTION


# %% id="repair-tagger-check" points=3
q2 = ml.question("repair-tagger")
### BEGIN HIDDEN TESTS
q2.grade(build_tagger)
### END HIDDEN TESTS
q2.check(build_tagger)

# %% [markdown] id="progress"
"""
## How far are you?

This shows the exercises of all lessons: what you have solved, what you have tried, and what waits.
"""

# %% id="progress-picture"
ml.progress()
