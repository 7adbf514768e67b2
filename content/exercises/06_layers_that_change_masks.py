# %% [markdown] id="title"
"""
# Exercises: change the time axis and the mask together

**You will** (35 minutes)

- split a sequence after its title;
- join two sequences when only one of them has a mask;
- complete a layer that halves the length of a sequence without losing a frame.

Exercises for lesson {{lesson}}.

Replace each `...` with your answer and run the cell, then the cell below it, which checks your
answer. Hints and the solution are folded below that.

All three answers are layers. They must work on arrays and in a Functional model whose number of
timesteps is open, with a mask and without one. A mask holds one True or False per timestep.
"""

# %% id="setup"
import keras
import numpy as np

import masklens as ml

ml.set_language("en")

# %% [markdown] id="split-at"
"""
## 1. Cut off the title (10 minutes)

Each row of a batch holds the title of an article, followed by its text. The title is padded to 3
timesteps, so the text always begins at timestep 3. One encoder reads the title, another the text.

Write the layer `SplitAt`. Its argument `steps` is the number of timesteps of the title, as in
`SplitAt(3)`. It gets vectors of shape `(batch, time, features)` and returns two tensors: the first
`steps` timesteps, and all that follow. Each carries its own part of the mask. If no mask comes in,
neither carries one.
"""

# %% id="split-at-data"
embedding = keras.layers.Embedding(100, 4, mask_zero=True)
articles = np.array([[71, 9, 0, 14, 25, 36, 0], [8, 0, 0, 41, 17, 0, 0], [5, 6, 7, 62, 3, 19, 88]])
ml.show(ml.mask_of(embedding(articles)), tokens=articles)


# %% id="split-at-answer"
class SplitAt(keras.layers.Layer):
    ### BEGIN SOLUTION
    def __init__(self, steps, **kwargs):
        super().__init__(**kwargs)
        self.steps = steps

    def call(self, inputs):
        return inputs[:, : self.steps], inputs[:, self.steps :]

    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return None
        return mask[:, : self.steps], mask[:, self.steps :]

    ### END SOLUTION


# %% id="split-at-check" points=2
q1 = ml.question("split-at")
### BEGIN HIDDEN TESTS
q1.grade(SplitAt)
### END HIDDEN TESTS
q1.check(SplitAt)

# %% [markdown] id="temporal-concat"
"""
## 2. Put a prompt before the words (15 minutes)

A model reads a *prompt*, a few learned vectors, before the words of a sentence. The words carry a
mask from `Embedding`, but the prompt is a weight and carries none. If the mask is lost here, the
model reads padding.

Write the layer `TemporalConcat`, which takes no arguments. It gets a list of two tensors of shape
`(batch, time, features)`, which may differ in `time`. It joins them along time in the order of the
list, and joins their masks in the same way. If only one of them carries a mask, every timestep of
the other is read. If neither does, the output has no mask, or one that is all True.

If a layer gets a list, `compute_mask(self, inputs, mask=None)` also gets lists: `inputs` holds the
two tensors, and `mask` their masks, with None for one that is missing.
"""

# %% id="temporal-concat-data"
words = embedding(np.array([[12, 5, 0], [7, 31, 44]]))
prompt = keras.ops.ones((2, 3, 4))
print(f"{words.shape=} {prompt.shape=}")
print(ml.mask_of(words), ml.mask_of(prompt))


# %% id="temporal-concat-answer"
class TemporalConcat(keras.layers.Layer):
    ### BEGIN SOLUTION
    def call(self, inputs):
        return keras.ops.concatenate(inputs, axis=1)

    def compute_mask(self, inputs, mask=None):
        masks = []
        for tensor, one in zip(inputs, mask, strict=True):
            read = keras.ops.ones_like(tensor[:, :, 0], dtype="bool")
            masks.append(read if one is None else one)
        return keras.ops.concatenate(masks, axis=1)

    ### END SOLUTION


# %% id="temporal-concat-check" points=3
q2 = ml.question("temporal-concat")
### BEGIN HIDDEN TESTS
q2.grade(TemporalConcat)
### END HIDDEN TESTS
q2.check(TemporalConcat)

# %% [markdown] id="stack-pairs"
"""
## 3. Stack pairs of frames (10 minutes)

A speech recogniser gets 100 frames a second, more than it needs. A common remedy is to put two
neighbouring frames into one timestep, which halves the sequence. No real frame may be lost, whether
a recording is padded at the start or at the end.

The layer `StackPairs` gets frames of shape `(batch, time, features)`, where `time` is even. It
returns `(batch, time / 2, 2 * features)`: frames 0 and 1 side by side, then 2 and 3, and so on. Its
`call` is complete, but its output carries no mask yet. Write what is missing. The mask has one True
or False per pair: True if at least one of the two frames should be read. If no mask comes in, none
goes out.
"""

# %% id="stack-pairs-data"
recordings = np.array([[21, 43, 65, 0], [0, 87, 10, 32], [54, 0, 0, 0]])
frames = embedding(recordings)
ml.show(ml.mask_of(frames), tokens=recordings)


# %% id="stack-pairs-answer"
class StackPairs(keras.layers.Layer):
    def call(self, inputs):
        return keras.ops.concatenate([inputs[:, ::2], inputs[:, 1::2]], axis=2)

    ### BEGIN SOLUTION
    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return None
        return keras.ops.logical_or(mask[:, ::2], mask[:, 1::2])

    ### END SOLUTION


# %% id="stack-pairs-check" points=2
q3 = ml.question("stack-pairs")
### BEGIN HIDDEN TESTS
q3.grade(StackPairs)
### END HIDDEN TESTS
q3.check(StackPairs)

# %% [markdown] id="progress"
"""
## How far are you?

This shows the exercises of all lessons: what you have solved, what you have tried, and what is left.
"""

# %% id="progress-picture"
ml.progress()
