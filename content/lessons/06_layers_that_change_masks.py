# %% [markdown] id="title" slide
"""
# When the time axis changes, what happens to the mask?

*{{number}} Layers that change masks · {{minutes}} minutes*

**You will**

- split a batch in two along time, and its mask with it, on arrays and in a Functional model;
- subsample audio and put a prompt before a text without losing the mask;
- write an embedding layer that makes its own mask.
"""

# %% id="setup" skim
import warnings

import keras
import numpy as np
import tensorflow as tf

import masklens as ml

ml.set_language("en")

# %% [markdown] id="silent" slide
"""
## 1. What happens to the mask without `compute_mask`?

Here is our batch with its mask. The layer `PlainSplit` splits it in the middle of the time axis,
into two halves of 3 timesteps.
"""

# %% id="silent-batch" fragment skim
ids = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
padded = ml.pad(ids, padding="post").ids

keras.utils.set_random_seed(0)
embedding = keras.layers.Embedding(5000, 16, mask_zero=True, name="embedding")
embedded = embedding(padded)
ml.show(embedded, tokens=padded)


# %% id="silent-class" slide
class PlainSplit(keras.layers.Layer):
    def call(self, inputs):
        return keras.ops.split(inputs, 2, axis=1)


# %% [markdown] id="silent-predict" fragment
"""
**Predict.** The layer defines no `compute_mask`. Which mask does each half carry?

- [ ] its own half of the mask
- [ ] the whole mask
- [x] none
"""

# %% id="silent-run" slide
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", UserWarning)
    first, second = PlainSplit()(embedded)
print(first.shape, ml.mask_of(first))
print(second.shape, ml.mask_of(second))
print(str(caught[0].message).split(". ")[1])

# %% [markdown] id="silent-why" slide
"""
**Why.** Keras does not know what `call` does to the time axis, so it drops the mask and warns.
Passing on the whole mask would be wrong: a mask of 6 timesteps does not fit a half of 3. Only the
author of the layer knows which timestep goes where.
"""

# %% [markdown] id="tensorflow" slide
"""
## 2. `compute_mask` with `tf.split`: does it work in a Functional model?

A layer that makes or changes a mask defines the method `compute_mask(inputs, previous_mask)`. Keras
calls it after `call` and attaches the mask that it returns to the output:

- `inputs` is what `call` received;
- `previous_mask` is the mask of `inputs`, or None if there is none.

These are the names in Keras's base class. Both arguments are passed by position, so you may choose
other names: Keras's own layers call the second one `mask` (read in Keras's source).

A layer that **changes** a mask does to `previous_mask` what `call` does to the timesteps. A layer
that **makes** a mask computes it from `inputs` (section 7). For two outputs it returns two masks.
Like the layer in the TensorFlow guide, this one uses `tf.split` in both methods:
"""


# %% id="tensorflow-class" fragment
class SplitWithTF(keras.layers.Layer):
    def call(self, inputs):
        return tf.split(inputs, 2, axis=1)

    def compute_mask(self, inputs, previous_mask=None):
        return None if previous_mask is None else tf.split(previous_mask, 2, axis=1)


for half in SplitWithTF()(embedded):
    print(half.shape, ml.mask_of(half).shape)

# %% [markdown] id="witness" slide
"""
It works on arrays: each half has its own mask. In a Functional model there is no data yet, only
symbolic tensors of the class `KerasTensor`. Which of the two methods receives one?
"""


# %% id="witness-run" fragment
class Witness(keras.layers.Layer):
    def call(self, inputs):
        print("call:", isinstance(inputs, keras.KerasTensor))
        return inputs

    def compute_mask(self, inputs, previous_mask=None):
        print("compute_mask:", isinstance(previous_mask, keras.KerasTensor))
        return previous_mask


inputs = keras.Input(shape=(None,), dtype="int32")
vectors = Witness()(embedding(inputs))

# %% [markdown] id="tensorflow-predict" slide
"""
Before `call`, Keras turns a `KerasTensor` into a TensorFlow tensor. Before `compute_mask` it does
not. TensorFlow's own functions refuse a `KerasTensor`.

**Predict.** We connect `SplitWithTF` to an `Embedding` without `mask_zero=True`, then to one with
it. Which of the two can be connected?

- [ ] both
- [x] only the one without a mask
- [ ] only the one with a mask
- [ ] neither
"""

# %% id="tensorflow-functional" fragment
for mask_zero in (False, True):
    vectors = keras.layers.Embedding(5000, 16, mask_zero=mask_zero)(inputs)
    try:
        halves = SplitWithTF()(vectors)
        print(f"mask_zero={mask_zero}: {halves[0].shape}")
    except ValueError as error:
        print(f"mask_zero={mask_zero}: {type(error).__name__}: {str(error).split('. ')[0]}")

# %% [markdown] id="tensorflow-why" slide
"""
**Why.** Without a mask, `previous_mask` is None, and `compute_mask` returns before it reaches
`tf.split`. With a mask, `tf.split` gets a `KerasTensor` and refuses it. You do not see this error
as long as you try the layer on arrays only, or without a mask.
"""

# %% [markdown] id="split" slide
"""
## 3. `keras.ops` works on arrays and in a model

The functions of `keras.ops` accept arrays and symbolic tensors alike. Here is the same layer with
`keras.ops.split`:
"""


# %% id="temporal-split-class" fragment
class TemporalSplit(keras.layers.Layer):
    def call(self, inputs):
        return keras.ops.split(inputs, 2, axis=1)

    def compute_mask(self, inputs, previous_mask=None):
        return None if previous_mask is None else keras.ops.split(previous_mask, 2, axis=1)


# %% [markdown] id="split-predict" slide
"""
**Predict.** The three sentences have 3, 5 and 6 tokens. Write down the mask of each half. Which row
is all False?

- [ ] row 0 of the first half
- [x] row 0 of the second half
- [ ] row 2 of the second half
- [ ] no row
"""

# %% id="temporal-split" fragment
first, second = TemporalSplit()(embedded)
print(ml.mask_of(first))
print(ml.mask_of(second))

# %% id="split-show" fragment skim
display(ml.show(first, tokens=padded[:, :3], caption="first half"))  # words
display(ml.show(second, tokens=padded[:, 3:], caption="second half"))  # words

# %% [markdown] id="split-why" slide
"""
**Why.** Each sentence has at least 3 tokens, so the first half contains no padding. *Hello world !*
has exactly 3, so nothing is left of it for the second half.
"""

# %% [markdown] id="split-thread" slide
"""
Now the layer goes into a Functional model. `ml.trace` draws the thread of the mask with the signs
from [lesson 03](03_propagation.ipynb). The diamond is new: it marks a layer that changes the mask.
With `measure=False` the trace only shows where the mask goes.

**Predict.** One `LSTM` reads the first half, another the second. What does the thread do below
`temporal_split`?

- [ ] it leads only to the first `LSTM`
- [ ] it leads to both with the whole mask
- [x] it forks, with one mask for each `LSTM`
- [ ] it ends: a mask cannot be divided
"""

# %% id="split-trace" slide
halves = TemporalSplit(name="temporal_split")(embedding(inputs))
second_state = keras.layers.LSTM(4, name="second_half")(halves[1])
first_state = keras.layers.LSTM(4, name="first_half")(halves[0])
trace = ml.trace(keras.Model(inputs, [second_state, first_state]), padded, measure=False)
display(trace)
print(np.array_equal(trace["first_half"].masks_in[0], ml.mask_of(first)))
print(np.array_equal(trace["second_half"].masks_in[0], ml.mask_of(second)))

# %% [markdown] id="split-trace-why" slide
"""
**Why.** One mask comes in and two go out, so one thread becomes two. In the small pictures of
`temporal_split`, the upper mask belongs to the first half and the lower one to the second. Each
`LSTM` gets the mask of its own half, and both masks are the same as on arrays.
"""

# %% [markdown] id="empty" slide
"""
## 4. Empty rows: what do an LSTM and an average return?

Splitting a batch can leave a row with nothing but padding, although no sentence was empty. An
`LSTM` starts with a state of zeros and keeps its state at masked timesteps.
`GlobalAveragePooling1D` divides the sum of the unmasked timesteps by their number.

**Predict.** What do the two layers return for the empty row of the second half?

- [ ] zeros from both
- [ ] `nan` from both
- [x] zeros from the `LSTM`, `nan` from the average
- [ ] `nan` from the `LSTM`, zeros from the average
"""

# %% id="empty-answers" fragment
keras.utils.set_random_seed(0)
state = keras.layers.LSTM(4)(second)
average = keras.layers.GlobalAveragePooling1D()(second)
print("LSTM:", keras.ops.convert_to_numpy(state)[0])
print("GlobalAveragePooling1D:", keras.ops.convert_to_numpy(average)[0, :4])
print("keras.ops.mean:", float(keras.ops.mean(average)))
print("any(axis=1):", ml.mask_of(second).any(axis=1))

# %% [markdown] id="empty-why" slide
"""
**Why.** The `LSTM` reads no timestep and returns the zeros that it started with. The average is
0 / 0, which is `nan`. One empty row is enough to turn the mean over the whole batch into `nan`.
`any(axis=1)` on the mask finds such rows: it is False for them.
"""

# %% [markdown] id="stride" slide
"""
## 5. Subsampling audio: the right shape, the wrong mask

Audio often comes as 100 frames a second, more than a speech recogniser needs, so some models keep
only every second frame. Here are three recordings of 5, 8 and 12 frames, padded with zeros.
`Masking` makes the mask:
"""

# %% id="stride-frames" fragment skim
random = np.random.default_rng(0)
recordings = [random.normal(size=(length, 4)).astype("float32") for length in (5, 8, 12)]
padded_frames = keras.utils.pad_sequences(recordings, padding="post", dtype="float32")
frames = keras.layers.Masking()(padded_frames)
ml.show(frames)

# %% [markdown] id="stride-layers" slide
"""
`EverySecond` keeps the frames 0, 2, 4 and so on. Slices accept symbolic tensors, like the functions
of `keras.ops`. `WrongMask` keeps the same frames, but the first half of the mask:
"""


# %% id="stride-classes" fragment
class EverySecond(keras.layers.Layer):
    def call(self, inputs):
        return inputs[:, ::2]

    def compute_mask(self, inputs, previous_mask=None):
        return None if previous_mask is None else previous_mask[:, ::2]


class WrongMask(EverySecond):
    def compute_mask(self, inputs, previous_mask=None):
        return None if previous_mask is None else previous_mask[:, : previous_mask.shape[1] // 2]


# %% [markdown] id="stride-predict" slide
"""
An `LSTM` reads the frames that are left. For each recording we measure how far its output is from
that for the same frames without padding, as a percentage of the output's size.

**Predict.** What happens with `WrongMask`?

- [ ] Keras refuses the mask
- [ ] no output changes
- [ ] the outputs of all three recordings change
- [x] the outputs of the two shorter recordings change
"""

# %% id="stride-measure" fragment
print(ml.mask_of(EverySecond()(embedding(inputs))).shape)

keras.utils.set_random_seed(0)
lstm = keras.layers.LSTM(8)
for layer in (EverySecond(), WrongMask()):
    changes = []
    for output, recording in zip(lstm(layer(frames)), recordings, strict=True):
        alone = lstm(recording[None, ::2])[0]
        changes.append(float(keras.ops.norm(output - alone) / keras.ops.norm(alone)))
    print(type(layer).__name__, [f"{change:.0%}" for change in changes])

# %% id="stride-show" slide skim
kept = np.broadcast_to(np.arange(0, 12, 2), (3, 6))
for layer in (EverySecond(), WrongMask()):
    display(ml.show(layer(frames), tokens=kept, caption=type(layer).__name__))

# %% [markdown] id="stride-why" slide
"""
**Why.** Both masks have the shape `(3, 6)`, and Keras does not check a mask against the timesteps
that it describes. With `WrongMask` the first two recordings look longer than they are, so the
`LSTM` reads padding. The third has no padding, so its mask is right by chance.
"""

# %% [markdown] id="prompt" slide
"""
## 6. A prompt before a text: one mask for both

Some language models read a *prompt* before the words: a few learned vectors. The words have a mask,
the prompt has none. Both the function `keras.ops.concatenate` and the layer `Concatenate` join the
two along time.

**Predict.** Which of the two results carries a mask?

- [x] only that of the layer
- [ ] only that of the function
- [ ] both
- [ ] neither, because the prompt has none
"""

# %% id="prompt-join" fragment
prompt = keras.random.normal((3, 2, 16), seed=0)
both = [prompt, embedded]
by_function = keras.ops.concatenate(both, axis=1)
join = keras.layers.Concatenate(axis=1)
by_layer = join(both)
print(np.array_equal(by_function, by_layer))
print("keras.ops.concatenate:", ml.mask_of(by_function))
print("Concatenate:", ml.mask_of(by_layer).shape)
computed = join.compute_mask(both, [None, ml.mask_of(embedded)])
print(np.array_equal(computed, ml.mask_of(by_layer)))
ml.show(by_layer, tokens=[["P", "P", *row] for row in padded])

# %% [markdown] id="prompt-why" slide
"""
**Why.** The values are equal, but only a layer has a `compute_mask`. That of `Concatenate` gets
lists: `inputs` holds two tensors, and `previous_mask` their masks, with None for the prompt. A
tensor without a mask is read throughout, so the prompt (`P`) gets True. If you join with the
function instead, the mask is lost without a warning, and later layers read padding.
"""

# %% [markdown] id="embedding" slide
"""
## 7. An embedding layer that makes its own mask

`CustomEmbedding` has a weight with one row for each id. Its `compute_mask` ignores `previous_mask`
and looks only at `inputs`, the ids. Because the default of `previous_mask` is None, you can also
call the method yourself with the ids alone, as in [lesson 05](05_masks_by_hand.ipynb).
"""


# %% id="custom-embedding-class" fragment
class CustomEmbedding(keras.layers.Layer):
    def __init__(self, input_dim, output_dim, mask_zero=False, **kwargs):
        super().__init__(**kwargs)
        self.mask_zero = mask_zero
        self.table = self.add_weight(shape=(input_dim, output_dim), initializer="random_normal")

    def call(self, inputs):
        return keras.ops.take(self.table, inputs, axis=0)

    def compute_mask(self, inputs, previous_mask=None):
        return keras.ops.not_equal(inputs, 0) if self.mask_zero else None


# %% [markdown] id="embedding-predict" slide
"""
**Predict.** The ids are drawn from 0 to 8, so a 0 can be anywhere, even in the middle of a row.
Where is the mask False?

- [ ] nowhere: no row was padded
- [x] at every 0
- [ ] only at zeros that end a row
"""

# %% id="custom-embedding" fragment
keras.utils.set_random_seed(0)
drawn = np.random.default_rng(0).integers(0, 9, size=(3, 10))
custom = CustomEmbedding(10, 32, mask_zero=True)
mask = ml.mask_of(custom(drawn))
print(drawn)
print(mask)
print(mask.shape, np.array_equal(mask, drawn != 0))
ml.show(mask, tokens=drawn)

# %% [markdown] id="embedding-why" slide
"""
**Why.** `compute_mask` compares each id with 0. It cannot know whether a 0 is padding, so never
assign the id 0 to a token.
"""

# %% [markdown] id="embedding-model" slide
"""
In a Functional model the ids are symbolic. There `keras.ops.not_equal` works, and `tf.not_equal`
fails as `tf.split` did:
"""

# %% id="embedding-functional" fragment
print(ml.mask_of(custom(inputs)).dtype, ml.mask_of(custom(inputs)).shape)
try:
    tf.not_equal(inputs, 0)
except ValueError as error:
    print(type(error).__name__)

# %% [markdown] id="remember" slide
"""
## Remember

1. A layer that changes the time axis defines `compute_mask(inputs, previous_mask)`: it does to the
   mask what `call` does to the timesteps. A layer that makes a mask computes it from `inputs`.
2. Write `compute_mask` with `keras.ops`, not with `tf`: it runs on symbolic tensors as well. Try
   your layer on an array and in a Functional model, with a mask.
3. The right shape does not make a mask right. Compare the output with that for one sequence
   without padding, and look for empty rows.
"""

# %% [markdown] id="look-up"
"""
Look it up: [the base `Layer` class](https://keras.io/api/layers/base_layer/) ·
[`Concatenate`](https://keras.io/api/layers/merging_layers/concatenate/) · [the TensorFlow guide on
masks in your own
layers](https://www.tensorflow.org/guide/keras/masking_and_padding#supporting_masking_in_your_custom_layers)
"""
