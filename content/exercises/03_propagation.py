# %% [markdown] id="title"
"""
# Exercises: follow the mask

**You will** (30 minutes)

- find the layer that loses a mask, and the layer that misses it;
- repair a model so that more padding changes nothing;
- predict what an RNN returns at padding and behind a gap, forward and backward.

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

# %% [markdown] id="predict-states"
"""
## 3. Predict the states (10 minutes)

Here is an RNN that you can compute in your head. It reads digits, and its state is the number that
it has read so far: at each timestep it multiplies the state by 10 and adds the digit, so 3, 1 and 4
make 314. The state begins with 0, and the layer returns it after every timestep. At masked
timesteps it does what the `LSTM` of the lesson does. The vector of each digit is the digit itself,
and 0 is masked:
"""

# %% id="predict-states-data"
ids = np.array([[3, 1, 4, 0, 0], [0, 0, 2, 7, 5], [6, 0, 8, 9, 0]])
digits = keras.layers.Embedding(10, 1, mask_zero=True, weights=[np.arange(10.0)[:, None]])
forward = keras.layers.SimpleRNN(
    1,
    activation=None,
    kernel_initializer="ones",
    recurrent_initializer=keras.initializers.Constant(10),
    return_sequences=True,
)
both = keras.layers.Bidirectional(forward)
ml.show(ids != 0, tokens=ids)

# %% [markdown] id="predict-states-task"
"""
`both` is a `Bidirectional`: two such layers side by side. The first one reads forward. The second
one reads each row from the last timestep to the first, and what it returns stands at the timestep
that it has just read. One thing is different from `forward`: at masked timesteps, both halves of
the output are 0, whatever the state is.

Write down six rows of five numbers: first what `forward` returns for the three rows of `ids`, then
what the second layer of `both` returns for them.
"""

# %% id="predict-states-answer"
states = [
    ### BEGIN SOLUTION
    # what forward returns
    [3, 31, 314, 314, 314],
    [0, 0, 2, 27, 275],
    [6, 6, 68, 689, 689],
    # what the second layer of both returns
    [413, 41, 4, 0, 0],
    [0, 0, 572, 57, 5],
    [986, 0, 98, 9, 0],
    ### END SOLUTION
]

# %% id="predict-states-check" points=3
q3 = ml.question("predict-states")
### BEGIN HIDDEN TESTS
q3.grade(states)
### END HIDDEN TESTS
q3.check(states)

# %% [markdown] id="predict-states-look"
"""
Does Keras return the same? With the right rows this is True:
"""

# %% id="predict-states-keras"
vectors = digits(ids)
returned = keras.ops.concatenate([forward(vectors)[..., 0], both(vectors)[..., 1]])
print(np.array_equal(states, keras.ops.convert_to_numpy(returned)))

# %% [markdown] id="progress"
"""
## How far are you?

This shows the exercises of all lessons: what you have solved, what you have tried, and what waits.
"""

# %% id="progress-picture"
ml.progress()
