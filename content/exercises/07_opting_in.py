# %% [markdown] id="title"
"""
# Exercises: pass the mask on correctly

**You will** ({{minutes}} minutes)

- write a test that says whether a layer may opt in;
- shift what a decoder reads, and the mask with it;
- complete a layer whose mask is still right after the model was saved and loaded.

Exercises for lesson {{lesson}}.

Replace each `...` with your answer and run the cell, then the cell below it, which checks your
answer. Hints and the solution are folded below that.
"""

# %% id="setup"
import keras
import numpy as np

import masklens as ml

ml.set_language("en")

# %% [markdown] id="test-a-layer"
"""
## 1. Test a layer (15 minutes)

A colleague has added `self.supports_masking = True` to every layer of a project, because that made
a warning go away. You want a test that finds the layers that must not pass their mask on unchanged.

Write the function `may_opt_in(layer)`. The layer takes numbers of the shape
`(batch, time, features)` and returns numbers of the same shape. None of these layers uses the mask
to leave padding out. So by the rule of the lesson, such a layer may pass the mask on only if each
timestep is computed alone: the function returns True if no timestep of the input changes another
timestep of the output, and False if one does. It may call the layer as often as you like.

Of the layers below, the first two are sound, and the other three are faulty. The check calls your
function with other layers as well. What they may be like:

- A fault may reach only the timestep 8 steps later, swap only the last two timesteps, or concern
  only the last feature.
- It may show only with negative numbers, only with numbers other than 0, or only if the features of
  a timestep do not all change by the same amount.
- It may be small: if a timestep changes by 1, another one may change by no more than a thousandth.
- A sound layer may treat each timestep in its own way, or mix the features of a timestep. It may
  return another dtype, or numbers a thousand times as large.
- Computers round. If your numbers are finite, a change by less than a hundred-thousandth of an
  output is rounding.
"""

# %% id="test-a-layer-data"
ops = keras.ops
layers = {
    "positions": keras.layers.Lambda(
        lambda x: x + ops.cast(ops.arange(x.shape[1]), x.dtype)[:, None]
    ),
    "softmax": keras.layers.Softmax(),
    "center": keras.layers.Lambda(lambda x: x - ops.mean(x, axis=1, keepdims=True)),
    "running_sum": keras.layers.Lambda(lambda x: ops.cumsum(x, axis=1)),
    "reverse": keras.layers.Lambda(lambda x: ops.flip(x, axis=1)),
}
sequence = np.array([[[1.0, 2.0], [0.0, 3.0], [-1.0, 1.0]]])
print(keras.ops.convert_to_numpy(layers["reverse"](sequence)))


# %% id="test-a-layer-answer"
def may_opt_in(layer):
    ### BEGIN SOLUTION
    values, others = np.random.default_rng(0).normal(size=(2, 12, 4))
    before = keras.ops.convert_to_numpy(layer(values[None]))[0]
    for step in range(len(values)):
        changed = values.copy()
        changed[step] = others[step]
        after = keras.ops.convert_to_numpy(layer(changed[None]))[0]
        moved = ~np.isclose(before, after).all(axis=1)
        if np.delete(moved, step).any():
            return False
    return True
    ### END SOLUTION


# %% id="test-a-layer-check" points=3
q1 = ml.question("test-a-layer")
### BEGIN HIDDEN TESTS
q1.grade(may_opt_in)
### END HIDDEN TESTS
q1.check(may_opt_in)

# %% [markdown] id="shift-right"
"""
## 2. Shift what the decoder reads (10 minutes)

A decoder that learns to translate reads the correct sentence one timestep late: at each timestep it
sees the word before the one that it should predict. So its input is shifted to the right. A start
of zeros comes first, and the last timestep is dropped.

Write the layer `ShiftRight`, which is made without arguments. It gets vectors of the shape
`(batch, time, features)` and returns as many: zeros at timestep 0, then the input without its last
timestep. The mask moves with them, and the start should be read in every row. If no mask comes in,
none goes out. The layer works on arrays, and in a Functional model whose number of timesteps is
open.
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
## 3. Save a model, and its mask with it (10 minutes)

In a batch of ids, 0 is padding, and 1 is a word that the vocabulary does not know. Both should be
skipped. The model is trained on one machine and used on another, so it is saved and loaded in
between. If the mask changes on the way, the answers change, and nothing reports it.

The layer `SkipIds` is made with an array of the ids to skip and, like any layer, with a name if you
wish: `SkipIds(np.array([0, 1]), name="skip")`. What it does with ids of the shape `(batch, time)`
is already written: it returns them unchanged, with a mask that is False at each id to skip. Write
what is missing, so that the layer can be made, saved and loaded.

The check saves a model that contains the layer with `model.save(path)`, and loads it with
`keras.models.load_model(path, custom_objects={"SkipIds": SkipIds})`. In the loaded model the layer
must give the same mask and have the same name. Keras saves the dictionary that the layer's method
`get_config()` returns, and later makes the layer by calling the class with its entries. The
`get_config()` of `keras.layers.Layer` returns `name` and `dtype`, but no array.
"""

# %% id="skip-ids-data"
skip = np.array([0, 1])
sentences = np.array([[14, 1, 27, 0], [1, 3, 0, 0]])
ml.show(~np.isin(sentences, skip), tokens=sentences)


# %% id="skip-ids-answer"
class SkipIds(keras.layers.Layer):
    def call(self, ids):
        return ids

    def compute_mask(self, ids, mask=None):
        return keras.ops.all(keras.ops.not_equal(ids[:, :, None], self.skip), axis=2)

    ### BEGIN SOLUTION
    def __init__(self, skip, **kwargs):
        super().__init__(**kwargs)
        self.skip = np.asarray(skip)

    def get_config(self):
        return {**super().get_config(), "skip": self.skip.tolist()}

    ### END SOLUTION


# %% id="skip-ids-check" points=2
q3 = ml.question("skip-ids")
### BEGIN HIDDEN TESTS
q3.grade(SkipIds)
### END HIDDEN TESTS
q3.check(SkipIds)

# %% [markdown] id="progress"
"""
## How far are you?

This shows the exercises of all lessons: what you have solved, what you have tried, and what is left.
"""

# %% id="progress-picture"
ml.progress()
