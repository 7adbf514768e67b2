# %% [markdown] id="title"
"""
# Exercises: pass the mask on, honestly

**You will** (30 minutes)

- say which of six layers may opt in;
- shift what a decoder reads, and the mask with it;
- write a layer whose mask is still right after the model was saved and loaded.

They belong to the lesson {{lesson}}

Replace each `...` by your answer and run the cell, then the cell below it: it checks what your
answer does. Below it, folded, are a hint and the solution.
"""

# %% id="setup"
import keras
import numpy as np

import masklens as ml

ml.set_language("en")

# %% [markdown] id="may-opt-in"
"""
## 1. Who may opt in? (5 minutes)

A colleague has added `self.supports_masking = True` to six layers, because it made a warning go
away. Below is what each of them computes from `x`, of the shape `(batch, time, features)`. Which of
them may hand on the mask unchanged, whatever the mask is? Write down six values, True or False, in
the order of the list.
"""

# %% id="may-opt-in-data"
ops = keras.ops
layers = {
    "relu": lambda x: ops.relu(x),
    "positions": lambda x: x + ops.cast(ops.arange(x.shape[1]), x.dtype)[:, None],
    "center": lambda x: x - ops.mean(x, axis=1, keepdims=True),
    "softmax": lambda x: ops.softmax(x, axis=-1),
    "running_sum": lambda x: ops.cumsum(x, axis=1),
    "reverse": lambda x: ops.flip(x, axis=1),
}

# %% id="may-opt-in-answer"
may_opt_in = [
    ### BEGIN SOLUTION
    True,  # relu
    True,  # positions
    False,  # center
    True,  # softmax
    False,  # running_sum
    False,  # reverse
    ### END SOLUTION
]

# %% id="may-opt-in-check" points=1
q1 = ml.question("may-opt-in")
### BEGIN HIDDEN TESTS
q1.grade(may_opt_in)
### END HIDDEN TESTS
q1.check(may_opt_in)

# %% [markdown] id="shift-right"
"""
## 2. Shift what the decoder reads (10 minutes)

A decoder that learns to translate reads the right sentence one timestep late: at each timestep it
sees the word before the one that it should say. So its input is shifted to the right. In front
stands a start of zeros, and the last timestep falls off.

Write the layer `ShiftRight`, made without arguments. It gets vectors of the shape
`(batch, time, features)` and returns as many: zeros at the timestep 0, then those handed in except
the last. The mask moves with them. The start is to be read in each row. If no mask comes in, none
goes out. The layer works on arrays, and in a Functional model whose number of timesteps is open.
"""

# %% id="shift-right-data"
embedding = keras.layers.Embedding(100, 4, mask_zero=True)
translations = np.array([[34, 7, 51, 0], [9, 62, 15, 88], [0, 23, 4, 70]])
ml.show(ml.mask_of(embedding(translations)), tokens=translations)


# %% id="shift-right-answer"
class ShiftRight(keras.layers.Layer):
    ### BEGIN SOLUTION
    def call(self, inputs):
        start = keras.ops.zeros_like(inputs[:, :1])
        return keras.ops.concatenate([start, inputs[:, :-1]], axis=1)

    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return None
        start = keras.ops.ones_like(mask[:, :1])
        return keras.ops.concatenate([start, mask[:, :-1]], axis=1)

    ### END SOLUTION


# %% id="shift-right-check" points=2
q2 = ml.question("shift-right")
### BEGIN HIDDEN TESTS
q2.grade(ShiftRight)
### END HIDDEN TESTS
q2.check(ShiftRight)

# %% [markdown] id="skip-ids"
"""
## 3. Save a model, and its mask with it (15 minutes)

In a batch of ids, 0 is padding, and 1 stands for a word that the vocabulary does not know. Both are
to be skipped. The model is trained on one machine and answers on another, so it is saved and loaded
in between. A mask that changes on the way changes the answers, and nobody is told.

Write the layer `SkipIds`. It is made with an array of the ids to skip, as in
`SkipIds(np.array([0, 1]))`. It gets ids of the shape `(batch, time)` and returns them as they are,
with a mask that is False where one of the ids to skip stands. The layer works on arrays, and in a
Functional model whose number of timesteps is open.

The check saves such a model with `model.save(path)` and loads it with
`keras.models.load_model(path, custom_objects={"SkipIds": SkipIds})`. The loaded one must give the
same mask. Keras saves the dictionary that the layer's method `get_config()` returns, and later
makes the layer by calling the class with it. The one of `keras.layers.Layer` knows `name` and
`dtype`, but no array.
"""

# %% id="skip-ids-data"
skip = np.array([0, 1])
sentences = np.array([[14, 1, 27, 0], [1, 3, 0, 0]])
ml.show(~np.isin(sentences, skip), tokens=sentences)


# %% id="skip-ids-answer"
class SkipIds(keras.layers.Layer):
    ### BEGIN SOLUTION
    def __init__(self, skip, **kwargs):
        super().__init__(**kwargs)
        self.skip = np.asarray(skip)

    def call(self, ids):
        return ids

    def compute_mask(self, ids, mask=None):
        return keras.ops.all(keras.ops.not_equal(ids[:, :, None], self.skip), axis=2)

    def get_config(self):
        return {**super().get_config(), "skip": self.skip.tolist()}

    ### END SOLUTION


# %% id="skip-ids-check" points=3
q3 = ml.question("skip-ids")
### BEGIN HIDDEN TESTS
q3.grade(SkipIds)
### END HIDDEN TESTS
q3.check(SkipIds)

# %% [markdown] id="progress"
"""
## How far are you?

This shows the exercises of all lessons: what you have solved, what you have tried, and what waits.
"""

# %% id="progress-picture"
ml.progress()
