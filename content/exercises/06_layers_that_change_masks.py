# %% [markdown] id="title"
"""
# Exercises: change time, and the mask with it

**You will** (35 minutes)

- cut a sequence in two behind its title;
- join two sequences, of which one has no mask;
- complete a layer that makes a sequence half as long, so that no frame is lost.

They belong to the lesson {{lesson}}

Replace each `...` by your answer and run the cell, then the cell below it: it checks what your
answer does. Below it, folded, are a hint and the solution.

All three answers are layers, and they have to work in both ways: called on arrays, and in a
Functional model whose number of timesteps is open. Without a mask they work, too. A mask holds True
and False, one per timestep.
"""

# %% id="setup"
import keras
import numpy as np

import masklens as ml

ml.set_language("en")

# %% [markdown] id="split-at"
"""
## 1. Cut off the title (10 minutes)

Each row of a batch holds the title of an article and then its text. The title is padded to 3
timesteps, so the text always begins at the timestep 3. Two encoders are to read them.

Write the layer `SplitAt`. It is made with `steps`, the number of timesteps of the title, as in
`SplitAt(3)`. It gets vectors of the shape `(batch, time, features)` and returns two tensors: the
first `steps` timesteps, and all that follow. Each carries its own part of the mask. If no mask comes
in, neither carries one.
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

A model is to read a few learned vectors before the words of a sentence, a *prompt*. The words carry
a mask from `Embedding`, but the prompt is a weight and carries none. If the mask is lost here, the
model reads padding.

Write the layer `TemporalConcat`, made without arguments. It gets a list of two tensors of the shape
`(batch, time, features)`, which may differ in `time`. It joins them along time, the first in front,
and their masks, too. If only one of them carries a mask, each timestep of the other is read. If
neither does, there is no mask, or one that is all True.

A layer that gets a list gets lists in `compute_mask(self, inputs, mask=None)`, too: `inputs` holds
two tensors, and `mask` their two masks, or None in the place of one that is missing.
"""

# %% id="temporal-concat-data"
words = embedding(np.array([[12, 5, 0], [7, 31, 44]]))
prompt = keras.ops.ones((2, 3, 4))
print("words:", words.shape, "prompt:", prompt.shape)
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

A recogniser of speech gets 100 frames a second, more than it needs. It is common to put two
neighbouring frames into one timestep, so that the sequence is half as long. Whether a recording is
padded in front or behind, no real frame may be lost.

The layer `StackPairs` gets frames of the shape `(batch, time, features)`, `time` an even number. It
returns `(batch, time / 2, 2 * features)`: the frames 0 and 1 side by side, then 2 and 3, and so on.
Its `call` is written, but its output carries no mask yet. Write what is missing. The mask has one
True or False per pair: True if at least one of its two frames is to be read. If no mask comes in,
none goes out.
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

This shows the exercises of all lessons: what you have solved, what you have tried, and what waits.
"""

# %% id="progress-picture"
ml.progress()
