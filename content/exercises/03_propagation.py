# %% [markdown] id="title"
"""
# Exercises: follow the mask

**You will** ({{minutes}} minutes)

- predict which outputs of a Functional model have a mask, and which one;
- find the layer that loses a mask, and the layer that lets padding in because of it;
- repair a model so that more padding does not change its tags.

Exercises for lesson {{lesson}}.

Replace each `...` with your answer and run the cell, then the cell below it, which checks your
answer. Hints and the solution are folded below that.
"""

# %% id="setup"
import warnings

import keras
import numpy as np

import masklens as ml

ml.set_language("en")
np.set_printoptions(precision=3, suppress=True)

# %% [markdown] id="predict-masks"
"""
## 1. Which outputs have a mask? (10 minutes)

A model monitors machines. For each machine it reads a report as ids of words, and the readings of
two sensors. Both are padded with 0. Where the readings of a timestep are missing, both numbers are
0. Here is a batch of two machines:
"""

# %% id="predict-masks-data"
ids = np.array([[6, 2, 9, 0, 0], [4, 8, 3, 7, 5]])
readings = np.array(
    [
        [[0, 3], [0, 0], [2, 5], [1, 0], [0, 0]],
        [[4, 1], [3, 0], [2, 2], [5, 1], [1, 6]],
    ],
    "float32",
)

# %% [markdown] id="predict-masks-model"
"""
The model has seven outputs. One fact is new: `Add` gives its output a mask only if each of its
inputs has one.
"""

# %% id="predict-masks-layers"
words, sensors = keras.Input((None,), dtype="int32"), keras.Input((None, 2))
x = keras.layers.Embedding(10, 4, mask_zero=True)(words)
y = keras.layers.Masking()(sensors)
read = keras.layers.LSTM(4, return_sequences=True)(y)
with warnings.catch_warnings(action="ignore"):  # a warning would give answers away
    smooth_x = keras.layers.Conv1D(4, 3, padding="same")(x)
    smooth_y = keras.layers.Conv1D(4, 3, padding="same")(y)

# %% id="predict-masks-outputs"
outputs = {
    "tokens": keras.layers.Dropout(0.2)(keras.layers.Dense(4)(x)),
    "scaled": keras.layers.LSTM(4, return_sequences=True)(4 * x),
    "report": keras.layers.LSTM(4)(x),
    "moments": read,
    "smooth": keras.layers.Dense(4)(smooth_y),
    "shortcut": keras.layers.Add()([x, smooth_x]),
    "sum": keras.layers.Add()([keras.layers.Dense(4)(y), read]),
}
model = keras.Model([words, sensors], outputs)

# %% [markdown] id="predict-masks-task"
"""
The model is called as `model([ids, readings])`. Write down one entry for each of the seven outputs,
in the order above: the mask of the first row, as a list of five values True or False, or `None` if
the output has no mask.
"""

# %% id="predict-masks-answer"
masks = [
    ### BEGIN SOLUTION
    [True, True, True, False, False],  # tokens
    None,  # scaled
    None,  # report
    [True, False, True, True, False],  # moments
    None,  # smooth
    None,  # shortcut
    [True, False, True, True, False],  # sum
    ### END SOLUTION
]

# %% id="predict-masks-check" points=2
q1 = ml.question("predict-masks")
### BEGIN HIDDEN TESTS
q1.grade(masks)
### END HIDDEN TESTS
q1.check(masks)

# %% [markdown] id="predict-masks-look"
"""
Does Keras attach the same masks? If all seven entries are right, this prints True:
"""

# %% id="predict-masks-keras"
with warnings.catch_warnings(action="ignore"):
    found = [ml.mask_of(output) for output in model([ids, readings]).values()]
first = [None if mask is None else np.array(mask)[0].tolist() for mask in found]
print(masks == first)

# %% [markdown] id="find-lost-mask"
"""
## 2. Find the lost mask (5 minutes)

A shop scores reviews with this model. The same review gets a different score when it shares a batch
with a longer one, although the `Embedding` has `mask_zero=True`.

Write down the names of two layers, in this order: the layer that loses the mask, and the later
layer that would have used it, and now lets padding in. Decide first. Then run
`ml.trace(model, batch)` in a new cell, to see whether you are right.
"""

# %% id="find-lost-mask-data"
batch = ml.pad([[4, 7, 9, 2], [5, 3], [8, 1, 6, 2, 4]], padding="post")
model = keras.Sequential(
    [
        keras.layers.Embedding(100, 8, mask_zero=True, name="words"),
        keras.layers.Dropout(0.2, name="dropout"),
        keras.layers.LSTM(8, return_sequences=True, name="reader"),
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
q2 = ml.question("find-lost-mask")
### BEGIN HIDDEN TESTS
q2.grade(names)
### END HIDDEN TESTS
q2.check(names)

# %% [markdown] id="repair-tagger"
"""
## 3. Repair a tagger (15 minutes)

A tagger gives each word one of three kinds, such as noun, verb or other. Users of the following
model report that the tags of a short sentence change when it shares a batch with a long one. Keras
raises no error. It only warns that a mask is lost.
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
Write `build_tagger`. It takes the number of `words` and the number of `kinds`, and returns a new
Keras model, which need not be trained. The model reads ids from 0 to `words - 1`, of shape
`(batch, time)` and padded with 0 at the end, for any number of timesteps. It returns one number for
each word and kind, of shape `(batch, time, kinds)`, even for a sentence without words. You may
replace layers or leave some out, as long as these three things hold:

- The tags of the words stay the same when more padding is added.
- The output has the mask of the words. In training, the loss then leaves out the padding.
- The tag of a word depends on the words before it and on the words after it.
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
q3 = ml.question("repair-tagger")
### BEGIN HIDDEN TESTS
q3.grade(build_tagger)
### END HIDDEN TESTS
q3.check(build_tagger)

# %% [markdown] id="progress"
"""
## How far are you?

This shows the exercises of all lessons: what you have solved, what you have tried, and what is left.
"""

# %% id="progress-picture"
ml.progress()
