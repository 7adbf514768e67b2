# %% [markdown] id="title"
"""
# Exercises: use the mask, or read padding

**You will** (15 minutes)

- predict what an RNN returns at padding and behind a gap, forward and backward;
- predict what pools return where there is padding, and where there is nothing else.

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

# %% [markdown] id="predict-states"
"""
## 1. Predict the states (10 minutes)

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
q1 = ml.question("predict-states")
### BEGIN HIDDEN TESTS
q1.grade(states)
### END HIDDEN TESTS
q1.check(states)

# %% [markdown] id="predict-states-look"
"""
Does Keras return the same? With the right rows this is True:
"""

# %% id="predict-states-keras"
vectors = digits(ids)
returned = keras.ops.concatenate([forward(vectors)[..., 0], both(vectors)[..., 1]])
print(np.array_equal(states, keras.ops.convert_to_numpy(returned)))

# %% [markdown] id="predict-pools"
"""
## 2. Predict what pools return (5 minutes)

A weather station sends a few temperatures every night. 0 stands for padding and for readings that
are missing, and `Masking` masks it. Here are four nights:
"""

# %% id="predict-pools-data"
nights = np.array([[-4, -2, 0, 0], [0, 7, 0, 5], [-1, -6, -3, -2], [0, 0, 0, 0]], "float32")
ml.show(nights != 0, tokens=nights.astype(int))


# %% id="predict-pools-layers"
def pools(nights):
    x = keras.layers.Masking()(nights[..., None])
    return [
        keras.layers.GlobalAveragePooling1D()(x),
        keras.layers.GlobalMaxPooling1D()(x),
        keras.ops.mean(x, axis=1),
    ]


# %% [markdown] id="predict-pools-task"
"""
Each line of the list makes one number of a night. Predict them, and write down three rows of four
numbers: what `GlobalAveragePooling1D` returns for the four nights, then what `GlobalMaxPooling1D`
returns, then what `keras.ops.mean` returns. If something is not a number, write `np.nan`.
"""

# %% id="predict-pools-answer"
predicted = [
    ### BEGIN SOLUTION
    [-3, 6, -3, np.nan],
    [0, 7, -1, 0],
    [-1.5, 3, -3, 0],
    ### END SOLUTION
]

# %% id="predict-pools-check" points=1
q2 = ml.question("predict-pools")
### BEGIN HIDDEN TESTS
q2.grade(predicted)
### END HIDDEN TESTS
q2.check(predicted)

# %% [markdown] id="predict-pools-look"
"""
Does Keras return the same? With the right rows this is True:
"""

# %% id="predict-pools-keras"
with warnings.catch_warnings(action="ignore"):
    returned = keras.ops.convert_to_numpy(pools(nights))[..., 0]
print(np.array_equal(predicted, returned, equal_nan=True))

# %% [markdown] id="progress"
"""
## How far are you?

This shows the exercises of all lessons: what you have solved, what you have tried, and what waits.
"""

# %% id="progress-picture"
ml.progress()
