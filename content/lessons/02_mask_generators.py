# %% [markdown] id="title" slide
"""
# Embedding and Masking: where is the mask?

*{{number}} Mask generators · {{minutes}} minutes*

**You will**

- make a mask in three ways: with `Masking`, with `Embedding` and by hand;
- find out where Keras keeps the mask, and which operations lose it;
- measure what `Embedding` and `Masking` return at padded timesteps.
"""

# %% id="setup" skim
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np

import masklens as ml

ml.set_language("en")

# %% [markdown] id="three-ways" slide
"""
## 1. What a mask says, and three ways to make one

A **mask** tells layers which timesteps to read. It has one value for each timestep. True means
*read it*. False means *skip it*: a skipped timestep must not change the output. Any timestep can be
skipped, for instance one without a measurement. In a padded row, the timesteps to skip are all at
one end. (Check the convention of a mask from elsewhere: according to the documentation, 1 means
*read* in Hugging Face's `attention_mask`, but True means *skip* in PyTorch's `key_padding_mask`.)

Ids have the shape `(batch, time)`, and so does their mask. An `Embedding` turns each id into a
vector, so its output has the shape `(batch, time, features)`, but its mask still has one value for
each timestep. (Elsewhere these axes are also called `batch_size` or `samples`, and `timesteps`.)
Here is the batch of lesson 01, of shape `(3, 6)`:
"""

# %% id="batch" fragment skim
sentences = [
    "Hello world !".split(),
    "How are you doing today".split(),
    "The weather will be nice tomorrow".split(),
]
ids = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
batch = ml.pad(ids, padding="post")
padded = batch.ids
print(padded)

# %% [markdown] id="three-ways-first" slide
"""
The first way is a `Masking` layer. It reads vectors, so here each id becomes a vector with one
feature. `ml.mask_of` returns the mask of a tensor. The cell prints the mask of the second sentence,
which has five tokens and one padded timestep:
"""

# %% id="three-ways-masking" fragment
masking = keras.layers.Masking()
print(ml.mask_of(masking(padded[..., None].astype("float32")))[1])

# %% [markdown] id="three-ways-second" slide
"""
The second way is an `Embedding` with `mask_zero=True`. It reads ids and treats 0 as padding:
"""

# %% id="three-ways-embedding" fragment
keras.utils.set_random_seed(0)
print(ml.mask_of(keras.layers.Embedding(5000, 16, mask_zero=True)(padded))[1])

# %% [markdown] id="three-ways-third" slide
"""
The third way is to make the mask yourself and pass it as `mask=` to a layer that uses masks, such
as `LSTM`. [Lesson 05](05_masks_by_hand.ipynb) covers this way. Here is the whole mask, beside its
batch. The function `moved` measures for each sentence how far apart two outputs are, in percent of
the second one.
"""


# %% id="three-ways-picture" fragment skim
def moved(output, reference):
    output, reference = map(keras.ops.convert_to_numpy, (output, reference))
    distance = np.linalg.norm(output - reference, axis=1)
    return [f"{share:.0%}" for share in distance / np.linalg.norm(reference, axis=1)]


mask = padded != 0
ml.show(batch, tokens=sentences, mask=mask)

# %% [markdown] id="three-ways-predict" slide
"""
**Predict.** An LSTM reads the same vectors twice, once without a mask and once with this mask. For
which sentences are the two outputs equal?

- [ ] for none of them
- [ ] only for the first
- [x] only for the third
- [ ] for all three
"""

# %% id="three-ways-argument" fragment
keras.utils.set_random_seed(0)
vectors = keras.layers.Embedding(5000, 16)(padded)
lstm = keras.layers.LSTM(32)
print(mask[1])
print(moved(lstm(vectors), lstm(vectors, mask=mask)))

# %% [markdown] id="three-ways-why" slide
"""
**Why.** The third sentence has no padding. Its mask is True everywhere, so the LSTM reads the same
six timesteps with the mask and without it. In the other two, the mask makes the LSTM skip 3
timesteps and 1 timestep, and the output moves by 157% and 58%.
"""

# %% [markdown] id="values" slide
"""
## 2. `Embedding(mask_zero=True)`: where is the mask?

This `Embedding` makes the mask of our batch:
"""

# %% id="mask-embedding" fragment
keras.utils.set_random_seed(0)
embedding = keras.layers.Embedding(input_dim=5000, output_dim=16, mask_zero=True)
x = embedding(padded)
print(ml.mask_of(x))

# %% [markdown] id="values-predict" slide
"""
**Predict.** A second `Embedding` has the same weights, but not `mask_zero=True`. Each of the two
layers returns 3 · 6 · 16 = 288 numbers. How many of these numbers differ?

- [x] none
- [ ] the 64 at the 4 padded timesteps
- [ ] all 288
"""

# %% id="values-measure" fragment
plain = keras.layers.Embedding(input_dim=5000, output_dim=16)
plain.build()
plain.set_weights(embedding.get_weights())
y = plain(padded)
print(int(keras.ops.count_nonzero(x != y)))

# %% [markdown] id="values-why" slide
"""
**Why.** `mask_zero=True` changes no number: both layers look up the same rows of the same table.
The mask is not among the 288 numbers, so printing the output does not show it. Only a later layer
that uses the mask returns something else, as the LSTM did in section 1.
"""

# %% [markdown] id="beside" slide
"""
So where is the mask? Keras attaches it to the tensor as an attribute, `_keras_mask`, and the next
layer looks for it there. A tensor without a mask does not even have the attribute:
"""

# %% id="beside-attribute" fragment
for name, tensor in {"x": x, "y": y}.items():
    print(name, tensor.shape, hasattr(tensor, "_keras_mask"))

# %% [markdown] id="beside-wrap"
"""
The underscore marks a private attribute, which Keras may rename. To look at a mask, use
`ml.mask_of`: it returns an array, or None if there is no mask. If a program needs the mask, ask the
layer that makes it: its method `compute_mask(inputs, previous_mask)` is public. `previous_mask` is
the mask that comes in with the inputs. Our ids have none, so it is None.
"""

# %% id="beside-compute"
print(ml.mask_of(y))
computed = keras.ops.convert_to_numpy(embedding.compute_mask(padded, None))
print(np.array_equal(computed, ml.mask_of(x)))

# %% [markdown] id="slice" slide
"""
## 3. Slicing and `x * 2`: is the mask still there?

**Predict.** `x[:, 1:]` leaves out the first timestep of each sentence. Which mask does this new
tensor have?

- [ ] one of shape `(3, 5)`
- [ ] one of shape `(3, 6)`, as before
- [x] none
"""

# %% id="slice-measure" fragment
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", UserWarning)
    results = {"x": x, "x[:, 1:]": x[:, 1:], "x * 2": x * 2, "x[:]": x[:]}
for name, tensor in results.items():
    found = ml.mask_of(tensor)
    print(f"{name:9}", tensor.shape, f"mask={None if found is None else found.shape}")
print("warnings:", len(caught))  # words

# %% id="slice-picture" slide skim
rest = ml.pad([row[1:] for row in ids], padding="post")
display(ml.show(batch, tokens=sentences, mask=ml.mask_of(x), caption="x"))
display(ml.show(rest, tokens=[words[1:] for words in sentences], caption="x[:, 1:]"))

# %% [markdown] id="slice-why" slide
"""
**Why.** The mask is an attribute of `x`. Slicing and `*` make a *new* tensor from the numbers of
`x`, and nothing attaches a mask to it. Even `x[:]`, which changes no number, has none. There is no
warning. In the picture, the words and the padding are still there, but the mask that told them
apart is gone.
"""

# %% [markdown] id="slice-carry" slide
"""
Passing the mask on is a job for layers. This function and this layer return the same numbers, but
only the output of the layer has a mask:
"""

# %% id="slice-layer" fragment
function = keras.ops.relu(x)
layer = keras.layers.Activation("relu")(x)
print(int(keras.ops.count_nonzero(function != layer)))
print("keras.ops.relu:", ml.mask_of(function) is not None)
print("Activation:", ml.mask_of(layer) is not None)

# %% [markdown] id="slice-remedy" slide
"""
There are two remedies. Slice the mask as well and pass it by hand, or slice the ids *before* the
`Embedding`, which then makes the right mask itself. The LSTM returns the same output for both.
Without a mask its output moves:
"""

# %% id="slice-by-hand" fragment
by_hand = lstm(x[:, 1:], mask=computed[:, 1:])
ids_first = lstm(embedding(padded[:, 1:]))
no_mask = lstm(x[:, 1:])
print("padded[:, 1:]:", moved(ids_first, by_hand))
print("x[:, 1:]:", moved(no_mask, by_hand))

# %% [markdown] id="vector" slide
"""
## 4. `Embedding`: the vectors at padded timesteps

**Predict.** *Hello world !* has three tokens, so timesteps 3, 4 and 5 are padding, and the mask is
False there. What does `x` hold at these timesteps?

- [ ] zeros
- [x] the vector of id 0
- [ ] the vector of the last token
"""

# %% id="vector-measure" fragment
outputs = keras.ops.convert_to_numpy(x)
hello = outputs[0]
table = embedding.get_weights()[0]
print(hello[3, :3].round(3))
print([bool((vector == table[0]).all()) for vector in hello])

# %% id="vector-picture" slide skim
length = np.linalg.norm(hello, axis=1)
figure, ax = plt.subplots(figsize=(7, 3))
ax.axvspan(2.5, 5.5, facecolor="none", edgecolor="0.8", hatch="//")
ax.plot(range(3), length[:3], "o", color="#0072b2", label="True")
ax.plot(range(3, 6), length[3:], "o", color="0.4", fillstyle="none", label="False")
ax.set_ylim(0, 0.2)
ax.set_xticks(range(6), [*sentences[0], 0, 0, 0])
ax.legend()
plt.show()

# %% [markdown] id="vector-why" slide
"""
**Why.** Id 0 has a row in the table like any other id, filled with random numbers at first. The
`Embedding` looks up this row at each padded timestep. The height in the picture is the length of
the vector: at the padded timesteps (hollow, on the hatched ground) the vectors are about as long as
those of the words. Only the mask says to skip them.
"""

# %% [markdown] id="vector-average" slide
"""
An average over time that ignores the mask includes the padding. This is how far it is from the
average over the words alone:
"""

# %% id="vector-mean" fragment
words_only = outputs.mean(axis=1, where=mask[..., None])
print(moved(outputs.mean(axis=1), words_only))

# %% [markdown] id="known" slide
"""
## 5. `mask_zero=True` and other padding values

In lesson 01, `value=-1` filled the empty places with -1 instead of 0. `pad_sequences` also accepts
the id of a word, such as 1, the id of *will*.

**Predict.** The batch is padded three times: with 0, with -1 and with 1. With which of these values
is the mask of `mask_zero=True` False at the padding?

- [x] only with 0
- [ ] with 0 and with -1
- [ ] with all three
"""

# %% [markdown] id="known-try"
"""
Change `value`, and watch the mask beneath the tokens:
"""

# %% id="known-explorer" slide
ml.PaddingExplorer(ids, tokens=sentences)

# %% id="known-count"
for value in (0, -1, 1):
    filled = keras.utils.pad_sequences(ids, value=value)
    found = keras.ops.convert_to_numpy(embedding.compute_mask(filled, None))
    print(f"value={value}: {np.count_nonzero(~found)} False")

# %% [markdown] id="known-why" slide
"""
**Why.** The `Embedding` gets numbers and cannot know which of them are padding. It compares each
one with 0. -1 and 1 differ from 0, so the mask is True everywhere, and later layers read the
padding as data. Conversely, a word with the id 0 would be skipped.
"""

# %% [markdown] id="known-data" slide
"""
What does a later layer read at these timesteps? This cell finds the row of the table that the
`Embedding` looks up for -1, for 1, and for a number with a fraction:
"""

# %% id="known-rows" fragment
looked_up = embedding(np.array([[-1, 1, 0.6]], dtype="float32"))
for vector in keras.ops.convert_to_numpy(looked_up)[0]:
    print(np.flatnonzero((table == vector).all(axis=1)).item())
print(ml.mask_of(looked_up))

# %% [markdown] id="known-rules"
"""
As in lesson 01, -1 is the last row, and 1 is the row of *will*. So a later layer reads words where
there are none, and there is no error. For the look-up, 0.6 is cut down to 0. But the mask compares
0.6 itself with 0, and is True. So `mask_zero=True` needs three rules: pad with 0, never assign 0 to
a word, and use integer ids.
"""

# %% [markdown] id="masking" slide
"""
## 6. `Masking`: which timesteps does it mask?

Measurements have no ids. Each timestep is a vector of features, and `Masking` compares the features
with `mask_value`, which is 0 by default. To get such a batch, we convert our ids to floats and
repeat each one 10 times:
"""

# %% id="mask-masking" fragment
features = np.repeat(padded[..., None].astype("float32"), 10, axis=-1)
print(features.shape)
print(ml.mask_of(keras.layers.Masking()(features)))

# %% [markdown] id="masking-predict" slide
"""
The mask is the same as in section 2, because all 10 features of a padded timestep are 0. Real
measurements are less tidy. And a mask skips a timestep as a whole: it cannot skip a single feature.

**Predict.** Four timesteps have the features `[-1, -1]`, `[-1, 3]`, `[0, 0]` and `[2, 4]`. Which
of them does `Masking(mask_value=-1)` mask?

- [ ] `[-1, -1]` and `[-1, 3]`
- [x] only `[-1, -1]`
- [ ] `[-1, -1]` and `[0, 0]`
"""

# %% id="masking-all" fragment
readings = np.array([[[-1, -1], [-1, 3], [0, 0], [2, 4]]], dtype="float32")
marked = keras.layers.Masking(mask_value=-1)(readings)
print(ml.mask_of(marked))
print(keras.ops.convert_to_numpy(marked)[0].tolist())

# %% id="masking-picture" skim
names = [["[-1, -1]", "[-1, 3]", "[0, 0]", "[2, 4]"]]
display(ml.show(ml.mask_of(marked), tokens=names, caption="mask_value=-1"))
zeros = keras.layers.Masking(mask_value=0)(readings)
display(ml.show(ml.mask_of(zeros), tokens=names, caption="mask_value=0"))

# %% [markdown] id="masking-why" slide
"""
**Why.** A timestep is masked only if **all** its features equal `mask_value`. In `[-1, 3]` one of
two features does, so later layers read this timestep, including its -1. With `mask_value=-1`,
`[0, 0]` is a measurement like any other. With `mask_value=0` it would be skipped.
"""

# %% [markdown] id="masking-zeros" slide
"""
Unlike `Embedding`, `Masking` changes numbers: it returned `[0, 0]` for the masked `[-1, -1]`. Now
two timesteps hold `[0, 0]`. One is masked, the other is a measurement of zero, and only the mask
tells them apart.
"""

# %% [markdown] id="remember" slide
"""
## Remember

1. A mask is True where a timestep is read. `Embedding(mask_zero=True)` and `Masking` make one, and
   `mask=` takes your own.
2. The mask is attached to the tensor and changes none of its numbers. `x[:, 1:]` and `x * 2` lose
   it without a warning.
3. `Embedding` masks id 0 and still returns a vector there. `Masking` masks a timestep only if all
   its features equal `mask_value`, and sets them to 0.
"""

# %% [markdown] id="look-up"
"""
Look it up: [`keras.layers.Embedding`](https://keras.io/api/layers/core_layers/embedding/) ·
[`keras.layers.Masking`](https://keras.io/api/layers/core_layers/masking/) (this page promises an
exception if a later layer does not support masking; [lesson 03](03_propagation.ipynb) measures what
happens) · [the TensorFlow guide on layers that make
masks](https://www.tensorflow.org/guide/keras/masking_and_padding#mask-generating_layers_embedding_and_masking)
"""
