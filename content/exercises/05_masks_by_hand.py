# %% [markdown] id="title"
"""
# Exercises: masks by hand

**You will** (40 minutes)

- make a mask from lengths, for padding at the end and at the start;
- clean the readings of a weather station, and make their mask;
- train one model with a mask and one without, and compare how often they are right.

Exercises for lesson {{lesson}}.

Replace each `...` with your answer and run the cell, then the cell below it, which checks your
answer. Hints and the solution are folded below that.
"""

# %% id="setup"
import keras
import matplotlib.pyplot as plt
import numpy as np

import masklens as ml

ml.set_language("en")

# %% [markdown] id="mask-from-lengths"
"""
## 1. A mask from lengths (10 minutes)

Speech recordings are sequences of numbers, with no id 0 to look for. Their archive stores the
length of each recording. Some users pad at the end, others at the start.

Write `mask_from_lengths`. It gets `lengths`, a list of whole numbers from 0 to `time`; `time`, the
number of timesteps; and `padding`, which is `"post"` (padding at the end) or `"pre"` (padding at
the start). It returns booleans of shape `(batch, time)`, True for each timestep to read. A length
of 0 means that the recording failed: its row is False everywhere.

For the lengths below and `time=6`, the first row with `"pre"` has a single True, at the end.
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

A weather station measures temperature and wind every hour. When a sensor fails, its reading is
`nan`, and now and then both fail. An LSTM should use every hour that has at least one reading, but
a single `nan` would spoil its output or its training.

Write `clean_readings`. It gets `readings` of shape `(batch, time, features)` and returns two
arrays, `return readings, mask`:

- the readings in the same shape, with a finite number of your choice in place of each `nan` and
  everything else unchanged;
- the mask, booleans of shape `(batch, time)`: True where there is at least one reading. A reading
  of 0.0 counts.
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

# %% [markdown] id="train-with-a-mask"
"""
## 3. Train with a mask and without (20 minutes)

Once a minute, the motion sensor of a meeting room sends 1 if somebody moved and 0 if nobody did.
Some messages are lost on the way, most of them while the room is in use, because phones disturb the
radio. A model should read 8 to 16 minutes and decide whether the room is in use or empty. What
counts is how often somebody moved, not when.

`draw` makes up such rooms and returns three arrays: `series`, with `nan` for a lost message and 0
for padding; `lengths`, the length of each series; and `in_use`, which is 1 or 0. The rooms for
training are in `train`. For testing there are 400 other rooms: `draw(1, 400, time)` returns them
padded to `time` timesteps, the same rooms for every `time`.

`classifier` builds a model from its inputs and the last state of its LSTM. The first model is
`plain`, which reads every timestep. It takes readings of shape `(batch, time, 1)`, and is not
trained yet.

1. Write 0 in place of each `nan`. Make the mask: True where a reading arrived.
2. Build `masked`. It is like `plain`, but takes a list of two inputs, `[readings, mask]`, and
   passes the mask to its LSTM. The mask has False in the middle, so write
   `LSTM(8, use_cudnn=False)`.
3. Train both with `fit(..., epochs=5, verbose=0)`, which takes a few seconds each.
4. Measure the accuracy of both on the test rooms, padded to each of the four `times`.

Put the results in `report`, a dict with three entries:

- `"plain"`: the trained model and a list of its four accuracies, `(plain, [...])`;
- `"masked"`: the same for `masked`;
- `"padding"`: `"empty"` or `"in use"`, the answer of `plain` for most rooms with the most padding.

**Predict.** After training, we add 30 more zeros at the end of each series. Does `plain` answer for
most rooms that they are empty, or that they are in use?
"""


# %% id="train-with-a-mask-data"
def draw(seed, rows, time=16):
    random = np.random.default_rng(seed)
    in_use = random.integers(0, 2, rows)
    lengths = random.integers(8, 17, rows)
    moved = random.random((rows, 16)) < np.where(in_use, 0.8, 0.2)[:, None]
    lost = random.random((rows, 16)) < np.where(in_use, 0.5, 0.1)[:, None]
    sent = zip(np.where(lost, np.nan, moved), lengths, strict=True)
    series = [readings[:length] for readings, length in sent]
    padded = keras.utils.pad_sequences(series, time, dtype="float32", padding="post")
    return padded, lengths, in_use


# %% id="train-with-a-mask-classifier"
def classifier(inputs, states):
    answer = keras.layers.Dense(1, activation="sigmoid")(states)
    model = keras.Model(inputs, answer)
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    return model


# %% id="train-with-a-mask-plain"
train, times = draw(0, 512), (16, 26, 36, 46)
for row in (0, 3):
    print(train[0][row], train[2][row])

keras.utils.set_random_seed(0)
entry = keras.Input((None, 1))
plain = classifier(entry, keras.layers.LSTM(8)(entry))
report = ...  # comes from your cell


# %% id="train-with-a-mask-answer"
### BEGIN SOLUTION
def inputs_of(series, lengths):
    mask = (np.arange(series.shape[1]) < lengths[:, None]) & ~np.isnan(series)
    return [np.where(mask, series, 0)[..., None], mask]


mask = keras.Input((None,), dtype="bool")
states = keras.layers.LSTM(8, use_cudnn=False)(entry, mask=mask)
masked = classifier([entry, mask], states)

plain.fit(inputs_of(*train[:2])[0], train[2], epochs=5, verbose=0)
masked.fit(inputs_of(*train[:2]), train[2], epochs=5, verbose=0)

tests = [draw(1, 400, time) for time in times]
of_plain = [plain.evaluate(inputs_of(*x)[0], y, verbose=0)[1] for *x, y in tests]
of_masked = [masked.evaluate(inputs_of(*x), y, verbose=0)[1] for *x, y in tests]
report = {"plain": (plain, of_plain), "masked": (masked, of_masked), "padding": "empty"}
### END SOLUTION

# %% id="train-with-a-mask-check" points=3
q3 = ml.question("train-with-a-mask")
### BEGIN HIDDEN TESTS
q3.grade(report)
### END HIDDEN TESTS
q3.check(report)

# %% [markdown] id="train-with-a-mask-look"
"""
Once there is a `report`, this cell draws your numbers. If you had measured only `plain`, and only
at 16 timesteps, would you have noticed that it needs a mask?
"""

# %% id="train-with-a-mask-picture"
if report is not ...:
    figure, ax = plt.subplots(figsize=(6, 3))
    ax.plot(times, report["masked"][1], color="#0072b2", marker="o", label="masked")
    ax.plot(times, report["plain"][1], color="0.4", marker="s", linestyle="--", label="plain")
    ax.set_xlabel("time")
    ax.set_ylabel("accuracy")  # words
    ax.set_xticks(times)
    ax.set_ylim(0, 1.05)
    ax.legend()
    plt.show()

# %% [markdown] id="progress"
"""
## How far are you?

This shows the exercises of all lessons: what you have solved, what you have tried, and what is left.
"""

# %% id="progress-picture"
ml.progress()
