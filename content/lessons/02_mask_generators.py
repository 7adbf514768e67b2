# %% [markdown] id="title" slide
"""
# Where does a mask live?

*{{number}} Mask generators · {{minutes}} minutes*

**You will**

- give a layer a mask in three ways;
- find out where Keras keeps a mask, and which operations leave it behind;
- measure what `Embedding` and `Masking` do at a padded timestep, and what they do not.
"""

# %% id="setup"
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np

import masklens as ml

ml.set_language("en")

# %% [markdown] id="three-ways" slide
"""
## 1. How do you tell a layer what to leave out?

A **mask** is a promise about timesteps: it says of each one whether it is to be read. It is an
array of True and False with the shape `(batch, time)`, one entry for each place of the batch. Here
is the batch of lesson 01:
"""

# %% id="batch" fragment
sentences = [
    "Hello world !".split(),
    "How are you doing today".split(),
    "The weather will be nice tomorrow".split(),
]
ids = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
batch = ml.pad(ids, padding="post")
padded = batch.ids
print(padded)

# %% [markdown] id="three-ways-predict" slide
"""
**Predict.** The second sentence has 5 tokens and 1 padded timestep. Does its row of the mask hold
True five times, or once?

There are three ways to introduce a mask. The first is a `Masking` layer. It reads vectors, so each
id becomes a vector with one feature. `ml.mask_of` reads the mask of a tensor:
"""

# %% id="three-ways-masking" fragment
masking = keras.layers.Masking()
print(ml.mask_of(masking(padded[..., None].astype("float32")))[1])

# %% [markdown] id="three-ways-second" slide
"""
The second is an `Embedding` with `mask_zero=True`. It reads ids, and 0 is padding:
"""

# %% id="three-ways-embedding" fragment
keras.utils.set_random_seed(0)
print(ml.mask_of(keras.layers.Embedding(5000, 16, mask_zero=True)(padded))[1])

# %% [markdown] id="three-ways-third" slide
"""
The third is the argument `mask=` of a layer that uses masks, such as `LSTM`. Then you make the
mask yourself. The last line compares the LSTM's answers with the mask and without, sentence by
sentence: how far apart are they, in percent of the answer with the mask?
"""

# %% id="three-ways-argument" fragment
keras.utils.set_random_seed(0)
vectors = keras.layers.Embedding(5000, 16)(padded)
lstm = keras.layers.LSTM(32)
mask = padded != 0
print(mask[1])

without = keras.ops.convert_to_numpy(lstm(vectors))
told = keras.ops.convert_to_numpy(lstm(vectors, mask=mask))
moved = np.linalg.norm(told - without, axis=1) / np.linalg.norm(told, axis=1)
print([f"{share:.0%}" for share in moved])

# %% id="three-ways-picture"
ml.show(mask)

# %% [markdown] id="three-ways-why" slide
"""
**Why.** In Keras, True means *read this timestep* and False means *skip it*, so the row holds True
five times. (Take care with masks from elsewhere: according to PyTorch's documentation, True in a
`key_padding_mask` means *ignore*.) The third sentence has no padding, so the mask takes nothing
away from it, and the answer does not move.

The first two ways make the mask for you, and this lesson is about them. Lesson 05 is about the
third.
"""

# %% [markdown] id="values" slide
"""
## 2. Does `mask_zero=True` change the vectors?

Here is the whole mask that an `Embedding` makes of our batch:
"""

# %% id="mask-embedding" fragment
keras.utils.set_random_seed(0)
embedding = keras.layers.Embedding(input_dim=5000, output_dim=16, mask_zero=True)
x = embedding(padded)
print(ml.mask_of(x))

# %% [markdown] id="values-predict" slide
"""
**Predict.** A second `Embedding` gets the same weights, but no `mask_zero=True`. Each of the two
returns 3 · 6 · 16 = 288 numbers. How many of them differ?
"""

# %% id="values-measure" fragment
plain = keras.layers.Embedding(input_dim=5000, output_dim=16)
plain.build()
plain.set_weights(embedding.get_weights())
y = plain(padded)

difference = np.abs(keras.ops.convert_to_numpy(x) - keras.ops.convert_to_numpy(y))
print(f"size: {difference.size}, nonzero: {np.count_nonzero(difference)}")
print(f"max: {difference.max()}")

# %% [markdown] id="values-why" slide
"""
**Why.** `mask_zero=True` changes no number. The layer looks up the same rows of the same table.
What it adds is a mask, and a mask is not a number in the output. So whoever prints the output of
an `Embedding` sees no difference. Only a later layer that uses the mask answers differently, as
the LSTM did in section 1.
"""

# %% [markdown] id="beside" slide
"""
## 3. Where is the mask, then?

**Predict.** `x` was made with `mask_zero=True`, `y` without. They hold the same numbers, and shape
and type agree as well. Can Python tell them apart?
"""

# %% id="beside-attribute" fragment
for name, tensor in {"x": x, "y": y}.items():
    print(name, tensor.shape, keras.backend.standardize_dtype(tensor.dtype), end=" ")
    print("_keras_mask:", hasattr(tensor, "_keras_mask"))

# %% id="beside-picture" slide
ml.show(batch, tokens=sentences, mask=ml.mask_of(x))

# %% [markdown] id="beside-why" slide
"""
**Why.** The mask travels *beside* the tensor. Keras ties it to the tensor as an attribute with the
name `_keras_mask`, and the next layer looks for it there. On the left of the picture stands what
the tensor was made of, on the right what it carries with it.

A tensor without a mask does not carry an empty one. It has no such attribute, and code that relies
on it stops:
"""

# %% id="beside-missing" fragment
try:
    print(y._keras_mask)
except AttributeError as error:
    print(type(error).__name__, str(error).split(" object ")[-1])

# %% [markdown] id="beside-private"
"""
The underscore in front of the name says that the attribute is private: Keras may rename it. Is
there a public function that reads it? The cell looks in three places and finds none. Besides, not
every tensor can hold an attribute. A NumPy array cannot, so Keras's NumPy backend keeps its masks
in a table, as its source shows.
"""

# %% id="beside-public"
public = [*dir(keras.ops), *dir(keras.backend), *dir(keras.utils)]
print([name for name in public if "mask" in name])
try:
    np.zeros(3)._keras_mask = mask
except AttributeError as error:
    print(type(error).__name__, str(error).split(" object ")[-1])

# %% [markdown] id="beside-wrap"
"""
`ml.mask_of` keeps all this in one place. It returns the mask as an array, or None. It is for
looking. If your program needs the mask, ask the layer that makes it: `compute_mask` is public.
"""

# %% id="beside-compute"
print(ml.mask_of(y))
computed = keras.ops.convert_to_numpy(embedding.compute_mask(padded))
print(np.array_equal(computed, ml.mask_of(x)))

# %% [markdown] id="slice" slide
"""
## 4. What is left after slicing?

**Predict.** `x[:, 1:]` leaves out the first timestep of each sentence. Does it carry a mask of
shape `(3, 5)`, one of shape `(3, 6)`, or none? And `x * 2`?
"""

# %% id="slice-measure" fragment
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", UserWarning)
    results = {"x": x, "x[:, 1:]": x[:, 1:], "x * 2": x * 2, "x[:]": x[:]}
for name, tensor in results.items():
    carried = ml.mask_of(tensor)
    print(f"{name:9}", tensor.shape, "mask:", None if carried is None else carried.shape)
print("warnings:", len(caught))

# %% id="slice-picture" slide
rest = ml.pad([row[1:] for row in ids], padding="post")
display(ml.show(batch, tokens=sentences, mask=ml.mask_of(x), caption="x"))
display(ml.show(rest, tokens=[words[1:] for words in sentences], caption="x[:, 1:]"))

# %% [markdown] id="slice-why" slide
"""
The words are still there, and so is the padding. The mask, which told them apart, is gone.

**Why.** Slicing and `*` make a *new* tensor out of numbers, and nobody ties a mask to it. Even
`x[:]`, which changes nothing, comes out without one. There is no warning. In a Functional model it
is the same:
"""

# %% id="slice-functional" fragment
symbolic = embedding(keras.Input(shape=(None,), dtype="int32"))
print("x:", ml.mask_of(symbolic) is not None)
print("x[:, 1:]:", ml.mask_of(symbolic[:, 1:]) is not None)

# %% [markdown] id="slice-carry" slide
"""
Carrying the mask is the work of a layer. Here are two ways to the same numbers, a function and a
layer:
"""

# %% id="slice-layer" fragment
function = keras.ops.relu(x)
layer = keras.layers.Activation("relu")(x)
equal = np.array_equal(keras.ops.convert_to_numpy(function), keras.ops.convert_to_numpy(layer))
print("equal:", equal)
print("keras.ops.relu:", ml.mask_of(function) is not None)
print("Activation:", ml.mask_of(layer) is not None)

# %% [markdown] id="slice-remedy" slide
"""
Two remedies: slice the mask as well and pass it by hand, or slice the ids *before* the
`Embedding`, which then makes the right mask itself. The LSTM gives the same answer to both. With
the sliced tensor alone its answer is another:
"""

# %% id="slice-by-hand" fragment
by_hand = keras.ops.convert_to_numpy(lstm(x[:, 1:], mask=ml.mask_of(x)[:, 1:]))
ids_first = keras.ops.convert_to_numpy(lstm(embedding(padded[:, 1:])))
left_behind = keras.ops.convert_to_numpy(lstm(x[:, 1:]))
print(f"by_hand - ids_first: {np.abs(by_hand - ids_first).max():.3f}")
print(f"by_hand - left_behind: {np.abs(by_hand - left_behind).max():.3f}")

# %% [markdown] id="vector" slide
"""
## 5. Is the vector at a padded timestep zero?

**Predict.** *Hello world !* has three tokens, and timesteps 3, 4 and 5 are padding. The mask says
False there. What does `x` hold at these timesteps?
"""

# %% id="vector-measure" fragment
hello = keras.ops.convert_to_numpy(x)[0]
table = embedding.get_weights()[0]
print(hello[3, :3].round(3))
print("row 0:", [bool((hello[step] == table[0]).all()) for step in range(6)])

# %% id="vector-picture" slide
norm = np.linalg.norm(hello, axis=1)
figure, ax = plt.subplots(figsize=(7, 3))
ax.axvspan(2.5, 5.5, facecolor="none", edgecolor="0.8", hatch="//")
ax.plot(range(3), norm[:3], "o", color="#0072b2", label="True")
ax.plot(range(3, 6), norm[3:], "o", color="0.4", fillstyle="none", label="False")
ax.set_ylim(0, 0.2)
ax.set_xlabel("timestep")
ax.set_ylabel("norm")
ax.legend()
plt.show()

# %% [markdown] id="vector-why" slide
"""
**Why.** Id 0 has a row in the table like every other id, filled with random numbers at the start.
The `Embedding` looks it up, the same row at each padded timestep. The vectors at the padded
timesteps (hollow, on the hatched ground) are about as long as those of the words. That they are
not to be read stands in the mask alone. An average over time that does not look at the mask
counts them. This is how far it moves, in percent of the average over the words:
"""

# %% id="vector-mean" fragment
all_six = hello.mean(axis=0)
tokens_only = hello[ml.mask_of(x)[0]].mean(axis=0)
print(f"moved: {np.linalg.norm(all_six - tokens_only) / np.linalg.norm(tokens_only):.0%}")

# %% [markdown] id="known" slide
"""
## 6. Does the mask know what is padding?

In lesson 01, `value=-1` filled the empty places with -1 instead of 0. And nothing forbids a value
that is also the id of a word, such as 1, the id of *will*.

**Predict.** With `maxlen=6`, each of the three values fills 4 places. How many timesteps does the
mask of `mask_zero=True` skip each time? This explorer asks before it shows anything: choose an
answer, then change `value`, and choose again.
"""

# %% id="known-explorer" slide
ml.PaddingExplorer(ids, tokens=sentences, predict=True)

# %% id="known-count"
for value in (0, -1, 1):
    filled = keras.utils.pad_sequences(ids, value=value)
    said = keras.ops.convert_to_numpy(embedding.compute_mask(filled))
    print(f"value={value}: {np.count_nonzero(said == 0)} False")

# %% [markdown] id="known-why" slide
"""
**Why.** No. The `Embedding` gets numbers, and cannot see where they come from. It compares each one
with 0. With `value=-1` no number is 0, so the mask is True everywhere, and a later layer reads the
padding as data. With `value=1` the padding even reads as the word *will*. The other way round, a
word whose id is 0 would be skipped. So there are two rules for `mask_zero=True`: pad with 0, and
give 0 to no word.
"""

# %% [markdown] id="masking" slide
"""
## 7. When does `Masking` mask a timestep?

Measurements have no ids. A timestep is then a vector of features, and `Masking` compares it with
`mask_value`, which is 0 unless you say otherwise. To get such a batch we turn our ids into floats
and repeat each one 10 times:
"""

# %% id="mask-masking" fragment
features = np.repeat(padded[..., None].astype("float32"), 10, axis=-1)
print(features.shape)
print(ml.mask_of(keras.layers.Masking()(features)))

# %% [markdown] id="masking-predict" slide
"""
It is the same mask as in section 2. Here all 10 features of a padded timestep are 0. Real
measurements are not so tidy.

**Predict.** Four timesteps have the features `[-1, -1]`, `[-1, 3]`, `[0, 0]` and `[2, 4]`. Which
of them does `Masking(mask_value=-1)` mask? And what does it return for them?
"""

# %% id="masking-all" fragment
readings = np.array([[[-1, -1], [-1, 3], [0, 0], [2, 4]]], dtype="float32")
marked = keras.layers.Masking(mask_value=-1)(readings)
print(ml.mask_of(marked))
print(keras.ops.convert_to_numpy(marked)[0].tolist())

# %% id="masking-picture"
names = [["[-1, -1]", "[-1, 3]", "[0, 0]", "[2, 4]"]]
display(ml.show(ml.mask_of(marked), tokens=names, caption="mask_value=-1"))
zeros = keras.layers.Masking(mask_value=0)(readings)
display(ml.show(ml.mask_of(zeros), tokens=names, caption="mask_value=0"))

# %% [markdown] id="masking-why" slide
"""
**Why.** A timestep is masked only if **all** its features equal `mask_value`. In `[-1, 3]` one of
two features does, so the timestep is read, and the -1 in it is read as a measurement.

And unlike `Embedding`, `Masking` does change numbers: the masked `[-1, -1]` comes out as
`[0, 0]`. With `mask_value=0` nobody notices, because zeros replace zeros. After `mask_value=-1`
two timesteps hold `[0, 0]`: one is masked, the other is a measurement of zero. Only the mask can
tell them apart.
"""

# %% [markdown] id="float-id" slide
"""
## 8. Is 0.6 a word or padding?

In lesson 01, `pad_sequences` cut 0.6 down to 0. With `dtype="float32"` it stays 0.6.

**Predict.** An `Embedding` with `mask_zero=True` gets the id 0.6. Which row of its table does it
look up, and does the mask say True or False?
"""

# %% id="float-id-measure" fragment
float_ids = np.array([[0.6, 0.0, 1.7]], dtype="float32")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", UserWarning)
    looked_up = embedding(float_ids)
found = keras.ops.convert_to_numpy(looked_up)[0]
print("row:", [np.flatnonzero((table == vector).all(axis=1)).item() for vector in found])
print("mask:", ml.mask_of(looked_up)[0], "warnings:", len(caught))
ml.show(ml.mask_of(looked_up), tokens=float_ids)

# %% [markdown] id="float-id-why" slide
"""
**Why.** The mask and the look-up are computed separately. The mask asks whether the id differs
from 0, and 0.6 does. The look-up needs a whole number and drops the fraction, so 0.6 becomes 0. A
later layer therefore reads the vector of padding as if it were a word, and no warning appears.
Give an `Embedding` integers: `dtype="int32"`.
"""

# %% [markdown] id="remember" slide
"""
## Remember

1. A mask is True where a timestep is to be read. `Embedding(mask_zero=True)` and `Masking` make
   one; `mask=` takes yours.
2. It travels beside the tensor. `mask_zero=True` changes no number, and `x[:, 1:]` or `x * 2`
   leaves the mask behind without a warning.
3. `Embedding` masks id 0 and still returns a vector there. `Masking` masks a timestep if all its
   features equal `mask_value`, and sets it to zero.
"""

# %% [markdown] id="look-up"
"""
Look it up: [`keras.layers.Embedding`](https://keras.io/api/layers/core_layers/embedding/) ·
[`keras.layers.Masking`](https://keras.io/api/layers/core_layers/masking/) · [the TensorFlow guide
on layers that make
masks](https://www.tensorflow.org/guide/keras/masking_and_padding#mask-generating_layers_embedding_and_masking)
"""
