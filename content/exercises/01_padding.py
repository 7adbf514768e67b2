# %% [markdown] id="title"
"""
# Exercises: pad a batch

**You will** (20 minutes)

- pad three sentences by hand;
- pad readings of a sensor without losing a decimal;
- pad texts so that a fast LSTM can read them.

They belong to the lesson {{lesson}}

Replace each `...` by your answer and run the cell, then the cell below it: it checks what your
answer does. Below it, folded, are a hint and the solution.
"""

# %% id="setup"
import masklens as ml

ml.set_language("en")

# %% [markdown] id="pad-by-hand"
"""
## 1. Pad by hand (5 minutes)

A colleague calls `ml.pad(sentences, maxlen=3, padding="post", truncating="pre")`. Before you run
such a call, you should know what comes out. Write down the three rows of the batch as lists of ids.
"""

# %% id="pad-by-hand-data"
sentences = [[4, 8], [15, 16, 23, 42], [7]]

# %% id="pad-by-hand-answer"
padded = [
    ### BEGIN SOLUTION
    [4, 8, 0],
    [16, 23, 42],
    [7, 0, 0],
    ### END SOLUTION
]

# %% id="pad-by-hand-check" points=1
q1 = ml.question("pad-by-hand")
### BEGIN HIDDEN TESTS
q1.grade(padded)
### END HIDDEN TESTS
q1.check(padded)

# %% [markdown] id="pad-readings"
"""
## 2. Pad readings of a sensor (5 minutes)

A sensor sends series of different lengths. 0.0 and -1.0 are readings like any other, so padding
needs a value of its own. Write `pad_readings`: it gets the `series`, a list of lists of floats, and
the `value` for padding. It returns an array of the shape `(batch, time)`, as long as the longest
series. All readings are kept as they are, and the padding stands behind them.
"""

# %% id="pad-readings-data"
series = [[0.6, 0.0, 1.4], [2.5], [0.9, -1.0, 3.2, 0.1]]


# %% id="pad-readings-answer"
def pad_readings(series, value):
    ### BEGIN SOLUTION
    return ml.pad(series, padding="post", value=value, dtype="float32").ids
    ### END SOLUTION


# %% id="pad-readings-check" points=1
q2 = ml.question("pad-readings")
### BEGIN HIDDEN TESTS
q2.grade(pad_readings)
### END HIDDEN TESTS
q2.check(pad_readings)

# %% [markdown] id="pad-for-cudnn"
"""
## 3. Pad for a fast LSTM (10 minutes)

On a graphics card an LSTM runs on a much faster kernel of cuDNN, if the mask is of a certain form:
in each row the ids come first and then the padding, and no row is empty. Users who clean their
texts meet the second demand late, when a text has no known word left.

Write `pad_for_cudnn`: it gets `texts`, a list of lists of ids from 1 upwards, some of them empty.
It returns the ids in the shape `(batch, time)`, padded with 0. Each text keeps its row and its
ids. An empty text becomes one unknown word; the id 1 stands for it.
"""

# %% id="pad-for-cudnn-data"
texts = [[5, 3], [], [8, 2, 9, 4, 6], [7]]


# %% id="pad-for-cudnn-answer"
def pad_for_cudnn(texts):
    ### BEGIN SOLUTION
    return ml.pad([text or [1] for text in texts], padding="post").ids
    ### END SOLUTION


# %% id="pad-for-cudnn-check" points=2
q3 = ml.question("pad-for-cudnn")
### BEGIN HIDDEN TESTS
q3.grade(pad_for_cudnn)
### END HIDDEN TESTS
q3.check(pad_for_cudnn)

# %% [markdown] id="progress"
"""
## How far are you?

This shows the exercises of all lessons: what you have solved, what you have tried, and what waits.
"""

# %% id="progress-picture"
ml.progress()
