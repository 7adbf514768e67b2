# %% [markdown] id="title" slide
"""
# When the time axis changes, what happens to the mask?

*{{number}} Layers that change masks · {{minutes}} minutes*

**You will**

- cut a batch in two along time, and its mask with it;
- see why a layer works on arrays and fails inside a model, and write it so that it works in both;
- write an embedding of your own that makes a mask.
"""

# %% id="setup"
import warnings

import keras
import numpy as np
import tensorflow as tf

import masklens as ml

ml.set_language("en")

# %% [markdown] id="silent" slide
"""
## 1. What becomes of the mask if the layer says nothing about it?

Here is the batch that you know, with its mask. A layer cuts it in the middle of the time axis,
into two halves of 3 timesteps.
"""

# %% id="silent-batch" fragment
ids = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
padded = ml.pad(ids, padding="post").ids

keras.utils.set_random_seed(0)
embedding = keras.layers.Embedding(5000, 16, mask_zero=True, name="embedding")
embedded = embedding(padded)
ml.show(ml.mask_of(embedded), tokens=padded)


# %% id="silent-class" slide
class SilentSplit(keras.layers.Layer):
    def call(self, inputs):
        return keras.ops.split(inputs, 2, axis=1)


# %% [markdown] id="silent-predict" fragment
"""
**Predict.** The layer defines no `compute_mask`. Which mask does each half carry: its own half of
the mask, the whole mask, or none?
"""

# %% id="silent-run" slide
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", UserWarning)
    first, second = SilentSplit()(embedded)
print(first.shape, ml.mask_of(first))
print(second.shape, ml.mask_of(second))
print(str(caught[0].message).split(". ")[1])

# %% [markdown] id="silent-why" slide
"""
**Why.** None. Keras does not know what a layer does to time, so it drops the mask and warns. To
hand on the whole mask would be wrong: 6 timesteps do not describe 3. A layer that changes the time
axis has to say what becomes of the mask. It does so in `compute_mask`.
"""

# %% [markdown] id="tensorflow" slide
"""
## 2. Does a layer that works on arrays work in a model?

The rule is simple: what `call` does to the timesteps, `compute_mask` does to the mask. Keras gives
it the mask that came in, or None. Two outputs need two masks. Like the TensorFlow guide, this
layer uses `tf.split` for both:
"""


# %% id="tensorflow-class" fragment
class SplitWithTF(keras.layers.Layer):
    def call(self, inputs):
        return tf.split(inputs, 2, axis=1)

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else tf.split(mask, 2, axis=1)


for half in SplitWithTF()(embedded):
    print(half.shape, ml.mask_of(half).shape)

# %% [markdown] id="tensorflow-predict" slide
"""
It works: each half has a mask of its own. Now the same layer goes into a Functional model, once
without a mask and once with one.

**Predict.** Does the model build? `tf.split` stands in `call` and in `compute_mask`. If one of
them fails, which one?
"""

# %% id="tensorflow-functional" fragment
inputs = keras.Input(shape=(6,), dtype="int32")
for mask_zero in (False, True):
    vectors = keras.layers.Embedding(5000, 16, mask_zero=mask_zero)(inputs)
    try:
        halves = SplitWithTF()(vectors)
        print(f"mask_zero={mask_zero}: {halves[0].shape}")
    except ValueError as error:
        print(f"mask_zero={mask_zero}: {type(error).__name__}: {str(error).split('. ')[0]}")

# %% [markdown] id="witness" slide
"""
Without a mask it builds, so `tf.split` in `call` is fine. With a mask it fails, in `compute_mask`.
What do the two methods get? Ask them:
"""


# %% id="witness-run" fragment
class Witness(keras.layers.Layer):
    def call(self, inputs):
        print("call:", isinstance(inputs, keras.KerasTensor))
        return inputs

    def compute_mask(self, inputs, mask=None):
        print("compute_mask:", isinstance(mask, keras.KerasTensor))
        return mask


vectors = Witness()(vectors)

# %% [markdown] id="tensorflow-why" slide
"""
**Why.** While a Functional model is built there is no data yet, only **symbolic** tensors of the
class `KerasTensor`: a shape and a dtype. Keras turns them into TensorFlow tensors before `call`,
but not before `compute_mask`. TensorFlow's functions refuse a `KerasTensor`. So the fault stays
hidden as long as you try the layer on arrays, or without a mask.
"""

# %% [markdown] id="split" slide
"""
## 3. How do you write it so that it works in both?

The functions of `keras.ops` take arrays and symbolic tensors alike. So take them, above all in
`compute_mask`.
"""


# %% id="temporal-split-class" fragment
class TemporalSplit(keras.layers.Layer):
    def call(self, inputs):
        return keras.ops.split(inputs, 2, axis=1)

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else keras.ops.split(mask, 2, axis=1)


# %% [markdown] id="split-predict" slide
"""
**Predict.** The three sentences have 3, 5 and 6 tokens. Write down both masks before you run the
cell. Which row of which half has nothing to read?
"""

# %% id="temporal-split" fragment
first, second = TemporalSplit()(embedded)
print(ml.mask_of(first))
print(ml.mask_of(second))

# %% [markdown] id="split-picture" slide
"""
One mask has become two. In the first half every timestep is read. In the second half the first row
has nothing to read:
"""

# %% id="split-show" fragment
display(ml.show(ml.mask_of(first), tokens=padded[:, :3], caption="first"))
display(ml.show(ml.mask_of(second), tokens=padded[:, 3:], caption="second"))

# %% [markdown] id="split-model"
"""
And in a Functional model, even one that does not know the number of timesteps yet:
"""

# %% id="split-functional"
inputs = keras.Input(shape=(None,), dtype="int32")
halves = TemporalSplit(name="temporal_split")(embedding(inputs))
print(ml.mask_of(halves[1]).dtype, ml.mask_of(halves[1]).shape)

# %% [markdown] id="split-thread" slide
"""
This symbolic mask is a plan: Boolean, of a shape still open. When data comes, the model carries the
plan out. `ml.trace` draws the way of the mask as a **thread** from layer to layer. With
`measure=False` it does only that, and does not ask whether padding changes the answer. The thread
starts with a knot, has a diamond where a layer changes the mask, and ends in a bar. In the small
pictures of the masks each row is a sentence, and time goes to the right.

**Predict.** Now one `LSTM` reads the first half and another one the second. How many ends does the
thread have, and which mask comes to each `LSTM`?
"""

# %% id="split-trace" slide
first_state = keras.layers.LSTM(4, name="first_half")(halves[0])
second_state = keras.layers.LSTM(4, name="second_half")(halves[1])
trace = ml.trace(keras.Model(inputs, [second_state, first_state]), padded, measure=False)
display(trace)

split = trace["temporal_split"]
print(split.effect, [mask.shape for mask in split.masks_out])
for out, half in zip(split.masks_out, (first, second), strict=True):
    print("as on arrays:", np.array_equal(out, ml.mask_of(half)))

# %% [markdown] id="split-why" slide
"""
**Why.** `TemporalSplit` changes the mask: one comes in, and two go out. Below it the thread forks,
and each `LSTM` gets the mask of its own half, the same as on arrays. Keras's own layers compute
masks in this way, too. Put the halves together again with `Concatenate(axis=1)`, and the two masks
become one:
"""

# %% id="split-joined" fragment
joined = keras.layers.Concatenate(axis=1)([first, second])
print(np.array_equal(ml.mask_of(joined), ml.mask_of(embedded)))

# %% [markdown] id="empty" slide
"""
## 4. What does a layer answer if it has nothing to read?

The second half of *Hello world !* is nothing but padding. Cutting can make such empty rows, even
if no sentence was empty.

**Predict.** What does an `LSTM` answer for a row whose mask is all False? And
`GlobalAveragePooling1D`, which takes the average over the unmasked timesteps?
"""

# %% id="empty-answers" fragment
keras.utils.set_random_seed(0)
lstm = keras.layers.LSTM(4)
average = keras.layers.GlobalAveragePooling1D()
print("LSTM:", keras.ops.convert_to_numpy(lstm(second))[0])
print("average:", keras.ops.convert_to_numpy(average(second))[0, :4])
print("mean:", float(keras.ops.mean(average(second))))
print("any:", ml.mask_of(second).any(axis=1))

# %% [markdown] id="empty-why" slide
"""
**Why.** The LSTM reads no timestep, so it hands out the state that it started with: zeros. The
average divides a sum of 0 by a number of 0, and that is `nan`, "not a number". One such row is
enough to make the mean over the batch `nan`, too. `any(axis=1)` on the mask says which rows have
something to read.
"""

# %% [markdown] id="stride" slide
"""
## 5. What if the mask has the right shape and the wrong content?

`EverySecond` makes the sequence shorter: it keeps the timesteps 0, 2 and 4. Slices work on arrays
and on symbolic tensors, too. The author of `WrongMask` thought: 3 timesteps come out, so the first
3 of the mask will do.
"""


# %% id="stride-classes" fragment
class EverySecond(keras.layers.Layer):
    def call(self, inputs):
        return inputs[:, ::2]

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else mask[:, ::2]


class WrongMask(EverySecond):
    def compute_mask(self, inputs, mask=None):
        return None if mask is None else mask[:, :3]


# %% [markdown] id="stride-predict" slide
"""
**Predict.** Of *Hello world !* the ids 711 and 71 are left, and one padded timestep. The right
answer is that of an LSTM which reads 711 and 71 alone. How far from it are the two layers? Does
Keras complain?
"""

# %% id="stride-measure" fragment
print("symbolic:", ml.mask_of(EverySecond()(embedding(inputs))).shape)

shorter = {"EverySecond": EverySecond()(embedded), "WrongMask": WrongMask()(embedded)}
alone = lstm(embedding(np.array([[711, 71]])))
for name, tensor in shorter.items():
    apart = float(keras.ops.max(keras.ops.abs(lstm(tensor)[:1] - alone)))
    print(f"{name}: {apart:.4f}")

# %% id="stride-show" slide
for name, tensor in shorter.items():
    display(ml.show(ml.mask_of(tensor), tokens=padded[:, ::2], caption=name))

# %% [markdown] id="stride-why" slide
"""
**Why.** Both masks have the shape `(3, 3)`, and Keras does not compare a mask with the timesteps
that it stands for. The second mask lets the LSTM read padding in row 0. So treat the mask in
`compute_mask` exactly as `call` treats the timesteps. Then compare with an answer that you know.
"""

# %% [markdown] id="embedding" slide
"""
## 6. How does a layer make a mask of its own?

A layer can also make a mask where none was. `CustomEmbedding` has a weight with one row for each
id. Its `compute_mask` does not look at the mask that comes in, only at the ids.
"""


# %% id="custom-embedding-class" fragment
class CustomEmbedding(keras.layers.Layer):
    def __init__(self, input_dim, output_dim, mask_zero=False, **kwargs):
        super().__init__(**kwargs)
        self.mask_zero = mask_zero
        self.table = self.add_weight(shape=(input_dim, output_dim), initializer="random_normal")

    def call(self, inputs):
        return keras.ops.take(self.table, inputs, axis=0)

    def compute_mask(self, inputs, mask=None):
        return keras.ops.not_equal(inputs, 0) if self.mask_zero else None


# %% [markdown] id="embedding-predict" slide
"""
**Predict.** The ids are drawn from 0 to 8, so a 0 may stand anywhere, also in the middle. Where is
the mask False?
"""

# %% id="custom-embedding" fragment
keras.utils.set_random_seed(0)
drawn = np.random.default_rng(0).integers(0, 9, size=(3, 10))
mask = ml.mask_of(CustomEmbedding(10, 32, mask_zero=True)(drawn))
print(drawn)
print(mask)
print(mask.shape, np.array_equal(mask, drawn != 0))
ml.show(mask, tokens=drawn)

# %% [markdown] id="embedding-trap" slide
"""
The mask is False exactly where the id is 0. It does not ask whether this 0 is padding.

**Predict.** Replace `keras.ops.not_equal` with `tf.not_equal`. Where does the layer still work: on
arrays, in a model, or in both?
"""


# %% id="embedding-tensorflow" fragment
class EmbeddingWithTF(CustomEmbedding):
    def compute_mask(self, inputs, mask=None):
        return tf.not_equal(inputs, 0) if self.mask_zero else None


for layer in (CustomEmbedding(10, 32, mask_zero=True), EmbeddingWithTF(10, 32, mask_zero=True)):
    print(type(layer).__name__, np.array_equal(ml.mask_of(layer(drawn)), drawn != 0))
    try:
        print(ml.mask_of(layer(inputs)).shape)
    except ValueError as error:
        print(type(error).__name__, str(error).split(". ")[0])

# %% [markdown] id="embedding-why" slide
"""
**Why.** On an array both are the same. In a Functional model `compute_mask` gets symbolic ids, and
`tf.not_equal` refuses them as `tf.split` did. So try a layer of your own in both ways before you
trust it: once on an array, and once inside a model, with a mask.
"""

# %% [markdown] id="remember" slide
"""
## Remember

1. A layer that changes the time axis defines `compute_mask`, and does to the mask what `call` does
   to the timesteps.
2. `compute_mask` also runs on symbolic tensors. Write it with `keras.ops`, not with `tf`.
3. The right shape does not make a mask right. Look at it, and beware of rows without True.
"""

# %% [markdown] id="look-up"
"""
Look it up: [the base `Layer` class](https://keras.io/api/layers/base_layer/) · [the TensorFlow
guide on masks in your own
layers](https://www.tensorflow.org/guide/keras/masking_and_padding#supporting_masking_in_your_custom_layers)
"""
