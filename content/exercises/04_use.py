# %% [markdown] id="title"
"""
# Exercises: layers that use the mask, and layers that do not

**You will** ({{minutes}} minutes)

- predict what an RNN returns at padding and after a gap, forward and backward;
- predict what pooling returns where there is padding, and where there is nothing else;
- choose the models that ignore padding, and say how far the outputs of the others move.

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

# %% [markdown] id="predict-states"
"""
## 1. Predict the states (10 minutes)

Here is an RNN that you can compute in your head. It reads digits, and its state is the number that
it has read so far: at each timestep it multiplies the state by 10 and adds the digit, so 3, 1 and 4
make 314. The state begins at 0, and the layer returns it after every timestep. At masked timesteps
it does what the `LSTM` of the lesson does. The vector of each digit is the digit itself, and 0 is
masked:
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
one reads each row from the last timestep to the first, and writes its output at the timestep that
it has just read. One thing differs from `forward`: at masked timesteps both outputs are 0, whatever
the state is.

Write down six rows of five numbers: what `forward` returns for the three rows of `ids`, and then
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

# %% id="predict-states-check" points=2
q1 = ml.question("predict-states")
### BEGIN HIDDEN TESTS
q1.grade(states)
### END HIDDEN TESTS
q1.check(states)

# %% [markdown] id="predict-states-look"
"""
Does Keras return the same? If all your rows are right, this prints True:
"""

# %% id="predict-states-keras"
vectors = digits(ids)
returned = keras.ops.concatenate([forward(vectors)[..., 0], both(vectors)[..., 1]])
print(np.array_equal(states, keras.ops.convert_to_numpy(returned)))

# %% [markdown] id="predict-pools"
"""
## 2. Predict what pools return (5 minutes)

A weather station sends a few temperatures every night. 0 is padding or a missing reading, and
`Masking` masks it. Here are four nights:
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
Each line of the list computes one number for each night. Predict these numbers, and write them
down in three rows of four: what `GlobalAveragePooling1D` returns for the four nights, then what
`GlobalMaxPooling1D` returns, then what `keras.ops.mean` returns. If a result is not a number, write
`np.nan`.
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
Does Keras return the same? If all your rows are right, this prints True:
"""

# %% id="predict-pools-keras"
with warnings.catch_warnings(action="ignore"):
    returned = keras.ops.convert_to_numpy(pools(nights))[..., 0]
print(np.array_equal(predicted, returned, equal_nan=True))

# %% [markdown] id="sound-models"
"""
## 3. Which models ignore padding? (10 minutes)

Six models read the row `[1, 4, 1]`, first as it is, then with three zeros at the end. You can
compute their outputs in your head. Each vector is a single number: the vector of a word is its id,
and the vector of 0 is 8. (The `Embedding` masks 0, but it still looks up a vector for it.) In the
other layers, all weights are 1 and all biases are 0.
"""

# %% id="sound-models-data"
row, padded = np.array([[1, 4, 1]]), np.array([[1, 4, 1, 0, 0, 0]])
vectors = np.array([[8.0], [1.0], [2.0], [3.0], [4.0]])


def total(**options):
    return keras.layers.SimpleRNN(
        1, activation=None, kernel_initializer="ones", recurrent_initializer="ones", **options
    )


def conv():
    return keras.layers.Conv1D(1, 1, kernel_initializer="ones")


# %% [markdown] id="sound-models-parts"
"""
`total` is an RNN that adds up what it reads: its state is the sum so far. `conv` is a `Conv1D` of
width 1. It multiplies each number by 1, so it returns the numbers that it gets, and the `Dense`
layer does the same. These layers follow the `Embedding` in the six models:
"""

# %% id="sound-models-stacks"
stacks = [
    [keras.layers.GlobalAveragePooling1D()],
    [conv(), keras.layers.GlobalAveragePooling1D()],
    [keras.layers.Dense(1, kernel_initializer="ones"), total()],
    [keras.layers.GlobalMaxPooling1D()],
    [total(return_sequences=True), keras.layers.GlobalMaxPooling1D()],
    [total(return_sequences=True), conv(), keras.layers.GlobalAveragePooling1D()],
]

# %% [markdown] id="sound-models-task"
"""
By how much does the output of each model change from `row` to `padded`? Write down six numbers in
the order above. Write 0 for a model that ignores the padding.
"""

# %% id="sound-models-answer"
changes = [
    ### BEGIN SOLUTION
    0,  # the average uses the mask: 2 and 2
    3,  # the average gets no mask: 2 and 5
    0,  # Dense passes the mask on, the RNN uses it: 6 and 6
    4,  # the maximum finds padding: 4 and 8
    0,  # the maximum finds copies of the last state: 6 and 6
    1,  # the average counts copies of the last state: 4 and 5
    ### END SOLUTION
]

# %% id="sound-models-check" points=2
q3 = ml.question("sound-models")
### BEGIN HIDDEN TESTS
q3.grade(changes)
### END HIDDEN TESTS
q3.check(changes)

# %% [markdown] id="sound-models-look"
"""
Does Keras compute the same? If all six numbers are right, this prints True:
"""

# %% id="sound-models-keras"
computed = []
for stack in stacks:
    embedding = keras.layers.Embedding(5, 1, mask_zero=True, weights=[vectors])
    model = keras.Sequential([embedding, *stack])
    with warnings.catch_warnings(action="ignore"):
        computed.append(float((model(padded) - model(row))[0, 0]))
print(np.array_equal(changes, computed))

# %% [markdown] id="progress"
"""
## How far are you?

This shows the exercises of all lessons: what you have solved, what you have tried, and what is left.
"""

# %% id="progress-picture"
ml.progress()
