# %% [markdown] id="title"
"""
# Exercises: pad a batch

**You will** (20 minutes)

- pad three sentences by hand;
- pad sensor readings without losing their decimals;
- pad texts so that an LSTM can use a fast kernel.

Exercises for lesson {{lesson}}.

Replace each `...` with your answer and run the cell, then the cell below it, which checks your
answer. Hints and the solution are folded below that.
"""

# %% id="setup"
import masklens as ml

ml.set_language("en")

# %% [markdown] id="pad-by-hand"
"""
## 1. Pad by hand (5 minutes)

A colleague calls `ml.pad(sentences, maxlen=3, padding="post", truncating="pre")`. Before you run
such a call, you should know what it returns. Write the three rows of the batch as lists of ids.
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
## 2. Pad sensor readings (5 minutes)

A sensor sends series of different lengths. 0.0 and -1.0 are readings like any other, so padding
needs a value of its own. Write a function `pad_readings`. It takes `series`, a list of lists of
floats, and `value`, the number to pad with. It returns an array of shape `(batch, time)`, as long
as the longest series. All readings stay as they are, and the padding comes after them.
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

On a GPU, an LSTM can use a much faster kernel of cuDNN if the mask has a certain form: in each row
the ids come first and then the padding, and no row is empty. The second condition is easily
forgotten: when texts are cleaned, one may be left without any known word.

Write a function `pad_for_cudnn`. It takes `texts`, a list of lists of ids from 1 upwards, some of
them empty. It returns the ids as an array of shape `(batch, time)`, padded with 0. Each text keeps
its row and its ids. Replace an empty text with a single unknown word, whose id is 1.
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

This shows the exercises of all lessons: what you have solved, what you have tried, and what is
left.
"""

# %% id="progress-picture"
ml.progress()
