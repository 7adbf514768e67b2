# %% [markdown] id="title"
"""
# Exercises: make masks by hand

**You will** (35 minutes)

- make a mask from lengths, for padding behind and in front;
- clean readings of a weather station, and make their mask;
- make a mask for attention that looks back, but not at holes.

They belong to the lesson {{lesson}}

Replace each `...` by your answer and run the cell, then the cell below it: it checks what your
answer does. Below it, folded, are a hint and the solution.
"""

# %% id="setup"
import numpy as np

import masklens as ml

ml.set_language("en")

# %% [markdown] id="mask-from-lengths"
"""
## 1. A mask from lengths (10 minutes)

Recordings of speech come as numbers, without any id 0 to look for. The archive stores the length
of each recording, and some users pad behind, others in front.

Write `mask_from_lengths`: it gets `lengths`, a list of whole numbers from 0 to `time`, the number
of timesteps `time`, and `padding`, which is `"post"` (padding behind) or `"pre"` (padding in
front). It returns booleans of the shape `(batch, time)`, True for each timestep to read. The length
0 belongs to a recording that failed: its row is False everywhere.

For the lengths below and `time=6`, the first row with `"pre"` has its only True at the end.
"""

# %% id="mask-from-lengths-data"
lengths = [1, 5, 0, 6]


# %% id="mask-from-lengths-answer"
def mask_from_lengths(lengths, time, padding):
    ### BEGIN SOLUTION
    steps, column = np.arange(time), np.array(lengths)[:, None]
    return steps < column if padding == "post" else steps >= time - column
    ### END SOLUTION


# %% id="mask-from-lengths-check" points=2
q1 = ml.question("mask-from-lengths")
### BEGIN HIDDEN TESTS
q1.grade(mask_from_lengths)
### END HIDDEN TESTS
q1.check(mask_from_lengths)

# %% [markdown] id="clean-readings"
"""
## 2. Clean readings and their mask (10 minutes)

A weather station measures the temperature and the wind every hour. When a sensor fails, its reading
is `nan`, and now and then both fail. An LSTM is to use every hour of which at least one reading is
there; but a single `nan` would spoil its answer or its training.

Write `clean_readings`: it gets `readings` of the shape `(batch, time, features)` and returns two
arrays, `return readings, mask`:

- the readings in the same shape, with a finite number of your choice in place of each `nan`, and
  everything else as it was;
- the mask, booleans of the shape `(batch, time)`: True where at least one reading is there. The
  reading 0.0 is one, too.
"""

# %% id="clean-readings-data"
nan = np.nan
station = np.array([[[21.5, 3.0], [nan, 4.5], [0.0, 0.0], [nan, nan], [19.0, 2.5]]])


# %% id="clean-readings-answer"
def clean_readings(readings):
    ### BEGIN SOLUTION
    there = ~np.isnan(readings)
    return np.where(there, readings, 0), there.any(axis=-1)
    ### END SOLUTION


# %% id="clean-readings-check" points=2
q2 = ml.question("clean-readings")
### BEGIN HIDDEN TESTS
q2.grade(clean_readings)
### END HIDDEN TESTS
q2.check(clean_readings)

# %% [markdown] id="causal-mask"
"""
## 3. Look back, but not at holes (15 minutes)

A model predicts the next reading of a series with attention. Each timestep may look at the
timesteps before it and at itself, never at later ones: that would give the answer away. And no
timestep may look at a hole, where nothing was measured. `MultiHeadAttention` takes such a mask as
`attention_mask`, but people hand over the wrong shape: it needs one table for each series.

Write `causal_mask`: it gets a `mask` of the shape `(batch, time)`, True where something was
measured; False may stand anywhere. It returns booleans of the shape `(batch, time, time)`. Each
table has a row for each timestep that looks, and a column for each timestep that is looked at: True
where it may. The row of a timestep where nothing was measured is not used, so you are free there.

For the mask below, the row of timestep 2 is True, False, True, False: it may look at timestep 0 and
at itself.
"""

# %% id="causal-mask-data"
measured = np.array([[True, False, True, True]])
ml.show(measured)


# %% id="causal-mask-answer"
def causal_mask(mask):
    ### BEGIN SOLUTION
    steps = np.arange(mask.shape[1])
    looks_back = steps <= steps[:, None]
    return looks_back & mask[:, None, :]
    ### END SOLUTION


# %% id="causal-mask-check" points=3
q3 = ml.question("causal-mask")
### BEGIN HIDDEN TESTS
q3.grade(causal_mask)
### END HIDDEN TESTS
q3.check(causal_mask)

# %% [markdown] id="progress"
"""
## How far are you?

This shows the exercises of all lessons: what you have solved, what you have tried, and what waits.
"""

# %% id="progress-picture"
ml.progress()
