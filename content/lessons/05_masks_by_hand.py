# %% [markdown] id="title" slide
"""
# What if no layer makes the mask for you?

*{{number}} Masks by hand · {{minutes}} minutes*

**You will**

- take a mask from one layer and hand it to another with `mask=`;
- make masks from lengths and from missing readings, and combine them with `&`;
- see which wrong masks Keras accepts without a word.
"""

# %% id="setup"
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import masklens as ml

ml.set_language("en")

# %% [markdown] id="lost" slide
"""
## 1. What if the mask is lost on the way?

`Embedding(mask_zero=True)` makes the mask, and the `LSTM` uses it. In between, the vectors are
multiplied by 4, as in a Transformer: 4 is the square root of the 16 features. Lesson 02 showed
what such arithmetic does to a mask.
"""

# %% id="lost-scale" fragment
ids = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
padded = ml.pad(ids, padding="post").ids

keras.utils.set_random_seed(0)
embedding = keras.layers.Embedding(5000, 16, mask_zero=True, name="embedding")
lstm = keras.layers.LSTM(32, name="lstm")
scaled = embedding(padded) * 4
print(ml.mask_of(scaled))

# %% [markdown] id="lost-predict" slide
"""
The tensor has no mask any more. But the layer that made it can make it again:
`embedding.compute_mask(padded)` returns the mask of these ids. An `LSTM` takes it as `mask=`.

**Predict.** We add 6 more zeros to every row. By how much does the answer of the LSTM change,
without and with the mask that you hand over?
"""


# %% id="lost-hand-over" slide
def difference(one, other):
    return float(keras.ops.max(keras.ops.abs(one - other)))


longer = ml.pad(ids, maxlen=12, padding="post").ids
scaled_longer = embedding(longer) * 4
mask = embedding.compute_mask(padded)
mask_longer = embedding.compute_mask(longer)
without = difference(lstm(scaled), lstm(scaled_longer))
by_hand = difference(lstm(scaled, mask=mask), lstm(scaled_longer, mask=mask_longer))
print(f"mask=None: {without:.3f}")
print(f"mask=mask: {by_hand:.3f}")

# %% [markdown] id="lost-picture" slide
"""
Without the mask, the zeros that we added change the answer. With it, they change nothing. What did
the LSTM receive? `ml.record` records each call of a layer in its block. The picture lists the calls
from top to bottom, and draws a mask where it is new: batch down, time to the right, a filled square
for each timestep to read. The blue **thread** on the left is the mask on its way. It starts in a
knot where a layer makes the mask.

**Predict.** The LSTM is called twice. Which mask comes in at each call? And in which row of the
picture is the mask lost?
"""

# %% id="lost-record" slide
with ml.record() as trace:
    scaled = embedding(padded) * 4
    lstm(scaled)
    lstm(scaled, mask=mask)
display(trace)

# %% [markdown] id="lost-why" slide
"""
**Why.** No row shows the loss: `* 4` is no layer, so no call of it is recorded. But the thread
below `embedding` leads to no other layer, and the first `lstm` sees no mask. The second one
receives it all the same: the mask that you handed over, square for square that of `embedding`.

A mask is only a boolean array of shape `(batch, time)`. It does not matter to the LSTM who made it,
or how it came. What matters is that it belongs to this batch: True for each timestep to read.
"""

# %% [markdown] id="layer" slide
"""
## 2. Is a mask by hand as good as an automatic one?

In a layer of your own you call other layers yourself. Here `MyLayer` owns an `Embedding` and an
`LSTM`, and carries the mask from one to the other by hand. The batch has 32 sentences of 3 to 10
random ids.
"""


# %% id="layer-class" fragment
class MyLayer(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.embedding = keras.layers.Embedding(5000, 16, mask_zero=True)
        self.lstm = keras.layers.LSTM(32)

    def call(self, inputs):
        mask = self.embedding.compute_mask(inputs)
        return self.lstm(self.embedding(inputs), mask=mask)


# %% id="manual-mask"
random = np.random.default_rng(0)
words = random.integers(1, 5000, size=(32, 10))
rows = [row[:length] for row, length in zip(words, random.integers(3, 11, size=32), strict=True)]
many = ml.pad(rows, padding="post").ids

keras.utils.set_random_seed(0)
layer = MyLayer()
print(many.shape)
print(layer(many).shape)

# %% [markdown] id="layer-predict" slide
"""
**Predict.** Leave out `mask=`, and Keras hands over the mask that is on the tensor. How far apart
are the two answers? Does `mask=None` switch masking off? And if you hand over another mask, full
of True: which one wins, yours or the one on the tensor?
"""

# %% id="layer-compare" slide
vectors = layer.embedding(many)
automatic = layer.lstm(vectors)
print(f"MyLayer - automatic: {difference(layer(many), automatic)}")
print(f"mask=None - automatic: {difference(layer.lstm(vectors, mask=None), automatic)}")

ones = np.ones(many.shape, dtype=bool)
overruled = layer.lstm(vectors, mask=ones)
unmasked = layer.lstm(vectors * 1)
print(f"mask=ones - automatic: {difference(overruled, automatic):.3f}")
print(f"mask=ones - unmasked: {difference(overruled, unmasked)}")

# %% [markdown] id="layer-why" slide
"""
**Why.** If you leave `mask=` out, or say `mask=None`, Keras fills in the mask of the tensor. The
same mask gives the same answer: the difference is exactly 0. A mask that you do hand over always
wins, even if it is wrong. So write `mask=` where Keras cannot know the mask.
"""

# %% [markdown] id="lengths" slide
"""
## 3. How do lengths become a mask?

Sometimes there are no ids to look for zeros in, but you know how long each row is. A timestep is
real if its number is smaller than the length of its row.

**Predict.** `np.arange(6)` holds the timesteps 0 to 5, and `lengths` holds 3, 5 and 6. What is
`np.arange(6) < lengths`?
"""

# %% id="lengths-shape" fragment
lengths = np.array([3, 5, 6])
try:
    print(np.arange(6) < lengths)
except ValueError as error:
    print(type(error).__name__, error)

# %% [markdown] id="lengths-column" slide
"""
Shape `(6,)` does not fit shape `(3,)`. Each of the 3 lengths has to meet each of the 6 timesteps.
So make `lengths` a column of shape `(3, 1)`:
"""

# %% id="lengths-mask" fragment
real = np.arange(6) < lengths[:, None]
print(np.array_equal(real, mask))
print(np.array_equal(real, keras.ops.arange(6) < lengths[:, None]))
print(np.array_equal(real, tf.sequence_mask(lengths)))
ml.show(real)

# %% [markdown] id="lengths-why" slide
"""
**Why.** A column against a row makes a table of shape `(batch, time)`. It is the mask that the
`Embedding` made from the zeros. `keras.ops.arange` does the same on every backend, and
`tf.sequence_mask` is TensorFlow's name for it.
"""

# %% [markdown] id="holes" slide
"""
## 4. What if readings are missing in the middle?

A sensor measured three series. Some readings failed: they are `nan`, "not a number". The series
are padded with 0.0. And one real reading is 0.0, too.
"""

# %% id="holes-series" fragment
nan = np.nan
readings = [[0.6, nan, 1.7], [2.2, 2.1, nan, nan, 1.9], [0.0, 0.4, 0.9, nan, 1.3, 1.6]]
series = keras.utils.pad_sequences(readings, padding="post", dtype="float32")
print(series)

# %% [markdown] id="holes-predict" slide
"""
**Predict.** `seen = ~np.isnan(series)` is True where a number stands. Is that the mask that you
need? Which timesteps of the first series would be read?
"""

# %% id="holes-seen" fragment
seen = ~np.isnan(series)
ml.show(seen, tokens=series)

# %% [markdown] id="holes-and" slide
"""
The padding would be read: 0.0 is a number. But `real` from section 3 knows what is padding. A
timestep is to be read if it is real **and** seen:
"""

# %% id="holes-both" fragment
both = real & seen
ml.show(both, tokens=series)

# %% [markdown] id="holes-masking"
"""
Could a `Masking` layer have done that? Write 0.0 at the holes and let it look for zeros:
"""

# %% id="holes-masking-layer"
found = ml.mask_of(keras.layers.Masking()(np.nan_to_num(series)[..., None]))
print("Masking:", found[2])
print("both:   ", both[2])

# %% [markdown] id="holes-why" slide
"""
**Why.** `Masking` has only the value to go by, so it takes the real reading 0.0 at timestep 0 for
a missing one. You know more: the lengths and the holes. `&` combines as many conditions as you
like. A mask need not be about padding, and its False may stand anywhere.
"""

# %% [markdown] id="values" slide
"""
## 5. What may stand at a masked timestep?

An LSTM needs a number at every timestep, also where a reading is missing. So something must be
written there.

**Predict.** We write 0, then 99, then leave `nan`. By how much does the answer move away from the
answer with 0? Guess for the LSTM with the mask, and for the LSTM without.
"""

# %% id="values-fill" fragment
keras.utils.set_random_seed(0)
sensor = keras.layers.LSTM(8, name="sensor")


def fill(value):
    return np.where(seen, series, np.float32(value))[..., None]


for value in (0, 99, nan):
    masked = difference(sensor(fill(value), mask=both), sensor(fill(0), mask=both))
    unmasked = difference(sensor(fill(value)), sensor(fill(0)))
    print(f"{value}: mask=both {masked:.3f}  mask=None {unmasked:.3f}")

# %% [markdown] id="values-removed"
"""
With the mask nothing that you write makes a difference. It is as if the missing readings were not
there at all. So compare with series from which they were really removed:
"""

# %% id="values-removed-check"
for row in range(3):
    shorter = series[row][both[row]][None, :, None]
    apart = difference(sensor(shorter)[0], sensor(fill(0), mask=both)[row])
    print(f"time={shorter.shape[1]}: {apart:.3f}")

# %% [markdown] id="values-picture-intro" slide
"""
The answers are the same. The picture shows the hidden state while the LSTM reads the second series,
with the mask on the left and without it on the right. A column is a timestep, a row is one of the 8
numbers of the state: the darker, the larger. The readings at timesteps 2 and 3 are missing, and
timestep 5 is padding. 0 stands at all three.

**Predict.** Which columns on the left look alike?
"""

# %% id="values-picture" slide
filled = fill(0)
ml.plot_states(sensor, filled, mask=both, row=1, tokens=filled[1, :, 0])
plt.show()

# %% [markdown] id="values-training" slide
"""
Timesteps 1, 2 and 3 look alike, and so do 4 and 5. With the mask the state stands still over the
hole and over the padding, and the next reading finds it as the last one left it. Even `nan` did no
harm. At least not to the answer.

**Predict.** Training needs gradients. Are they numbers, too, if `nan` stands at masked timesteps?
"""

# %% id="values-gradients" fragment
for value in (0, nan):
    with tf.GradientTape() as tape:
        answer = keras.ops.sum(sensor(fill(value), mask=both))
    gradients = tape.gradient(answer, sensor.trainable_variables)
    broken = sum(bool(keras.ops.any(keras.ops.isnan(gradient))) for gradient in gradients)
    print(f"{value}: answer {float(answer):.2f}, nan in {broken} of {len(gradients)} gradients")

# %% [markdown] id="values-why" slide
"""
**Why.** A masked timestep is computed like any other. Then its result is thrown away and the old
state is kept. On the way back the thrown-away result gets the gradient 0, but 0 times `nan` is
`nan`. So write a finite number at masked timesteps, such as 0.

One limit cannot be measured here, because it needs a GPU. Keras's source
(`keras/src/backend/tensorflow/rnn.py`) says that the fast cuDNN kernel takes right-padded masks
only: first every True, then every False, and no row without True. For a mask with a hole, write
`LSTM(8, use_cudnn=False)`. It may be slower, but it reads such a mask on every device.
"""

# %% [markdown] id="wrong" slide
"""
## 6. Which wrong masks does Keras accept?

A mask by hand can be wrong. Here is the right mask of our three sentences, and five attempts to
write it in another way.

**Predict.** Which attempts change the answer of the LSTM? Which ones does Keras refuse?
"""

# %% id="wrong-masks" fragment
mask = padded != 0
zeros = (padded == 0).astype(int)
attempts = {
    "mask": mask,
    "mask.astype(int)": mask.astype(int),
    "~zeros": ~zeros,
    "~mask": ~mask,
    "mask[:1]": mask[:1],
    "mask.T": mask.T,
}

# %% id="wrong-answers" slide
right = lstm(scaled, mask=mask)
for name, attempt in attempts.items():
    try:
        print(f"{name}: {difference(lstm(scaled, mask=attempt), right):.3f}")
    except tf.errors.InvalidArgumentError as error:
        print(f"{name}: {type(error).__name__}")

# %% [markdown] id="wrong-why" slide
"""
**Why.** The LSTM takes every number but 0 for True. So 1 and 0 work. But for integers `~` does not
mean "not": `~0` is -1 and `~1` is -2, so every timestep counts as True. `mask[:1]` is the mask of
the first sentence, and it is applied to all three. `~mask` has the right type and the right shape,
and makes the LSTM read the padding only. These three changed the answer, and Keras was silent. It
refused only the shape of `mask.T`.

`ml.show` refuses what is no mask. What is one, it shows. So look at your mask before you use it:
"""

# %% id="wrong-look" fragment
try:
    ml.show(~zeros)
except TypeError as error:
    print(type(error).__name__, error)
ml.show(~mask, tokens=padded)

# %% [markdown] id="remember" slide
"""
## Remember

1. A mask is a boolean array `(batch, time)`: True means read. `layer.compute_mask` makes it again,
   and `mask=` hands it over.
2. Lengths, missing readings and padding all become masks. Combine them with `&`, and write a
   finite number where the mask is False.
3. Keras believes your mask. Check its type and its shape, and look at it.
"""

# %% [markdown] id="look-up"
"""
Look it up: [`LSTM`](https://keras.io/api/layers/recurrent_layers/lstm/) · [the TensorFlow guide on
passing masks by
hand](https://www.tensorflow.org/guide/keras/masking_and_padding#passing_mask_tensors_directly_to_layers)
"""
