# %% [markdown] id="title" slide
"""
# Masks by hand: what if no layer makes the mask for you?

*{{number}} Masks by hand · {{minutes}} minutes*

**You will**

- pass a mask to a layer with `mask=`, and find out where Keras leaves that to you;
- make masks from lengths and from missing readings, and combine them;
- compare masking a missing reading with filling it, on a small forecast.
"""

# %% id="setup" skim
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import masklens as ml

ml.set_language("en")

# %% [markdown] id="lost" slide
"""
## 1. `compute_mask` and `mask=`: can you replace a lost mask?

An `Embedding` makes the mask, and an `LSTM` uses it. In between, the vectors are multiplied by 4,
the square root of their 16 features. Transformers scale embeddings like this so that they are not
small beside the positions that are added next. [Lesson 02](02_mask_generators.ipynb) showed what
such arithmetic does to a mask:
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
The tensor no longer has a mask. But the layer that made the mask can make it again:
`embedding.compute_mask(padded)` returns the mask of these ids, and an `LSTM` takes it as `mask=`.

We call the LSTM without `mask=` and with it, on this batch and on the same batch with 6 more zeros
in every row.

**Predict.** Which output changes with the padding?

- [ ] both
- [x] only the one without `mask=`
- [ ] only the one with `mask=`
- [ ] neither
"""


# %% id="lost-hand-over" slide
def difference(one, other):
    largest = keras.ops.max(keras.ops.abs(one))
    return float(keras.ops.max(keras.ops.abs(one - other)) / largest)


longer = ml.pad(ids, maxlen=12, padding="post").ids
scaled_longer = embedding(longer) * 4
mask, mask_longer = embedding.compute_mask(padded), embedding.compute_mask(longer)
print(f"mask=None: {difference(lstm(scaled), lstm(scaled_longer)):.0%}")
by_hand = lstm(scaled, mask=mask), lstm(scaled_longer, mask=mask_longer)
print(f"mask=mask: {difference(*by_hand):.0%}")

# %% [markdown] id="lost-picture" slide
"""
As before, the change is given in percent of the largest number in the output. What did the LSTM
receive? The picture that you know from [lesson 03](03_propagation.ipynb) shows it:
"""

# %% id="lost-record" fragment skim
with ml.record() as trace:
    scaled = embedding(padded) * 4
    lstm(scaled)
    lstm(scaled, mask=mask)
display(trace)

# %% [markdown] id="lost-why" slide
"""
**Why.** The first `lstm` in the picture gets no mask, so it reads the zeros. `* 4` is not a layer
and has no row: the thread from `embedding` leads nowhere. The second `lstm` gets the mask that you
passed, and freezes its state at the padding.

A mask is only a boolean array of shape `(batch, time)`. The LSTM cannot tell where it comes from.
"""

# %% [markdown] id="layer" slide
"""
## 2. A layer of your own: is a mask by hand as good as an automatic one?

In a layer of your own, you call other layers yourself. `MyLayer` owns an `Embedding` and an `LSTM`,
and passes the mask from one to the other by hand. The batch has 32 sentences of 3 to 10 random ids.
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


# %% id="manual-mask" fragment skim
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
Now we call the two layers of `MyLayer` ourselves. `vectors`, the output of its `Embedding`, has a
mask. `ones` is another mask, which is True everywhere.

**Predict.** Which call returns a different output from `layer(many)`?

- [ ] `lstm(vectors)`
- [ ] `lstm(vectors, mask=None)`
- [x] `lstm(vectors, mask=ones)`
- [ ] none of them
"""

# %% id="layer-compare" slide
vectors, lstm = layer.embedding(many), layer.lstm
ones = np.ones(many.shape, dtype=bool)
expected, unmasked = layer(many), lstm(vectors * 1)
outputs = {
    "lstm(vectors)": lstm(vectors),
    "lstm(vectors, mask=None)": lstm(vectors, mask=None),
    "lstm(vectors, mask=ones)": lstm(vectors, mask=ones),
    "lstm(vectors * 1)": unmasked,
}
for name, output in outputs.items():
    print(f"{name:25} {difference(expected, output):4.0%}", np.array_equal(expected, output))

# %% [markdown] id="layer-why" fragment
"""
**Why.** Without `mask=`, or with `mask=None`, Keras fills in the mask of the tensor. It is the mask
that `MyLayer` passes by hand, and the outputs are equal to the last digit. A mask that you pass
always wins, even if it is wrong: with `ones`, the LSTM reads the padding, as it does after `* 1`.
"""

# %% [markdown] id="state" slide
"""
## 3. `initial_state=`: does an LSTM still get its mask?

`lstm(vectors)` has one tensor as its argument, so Keras knows whose mask to fill in. The decoder of
a translation model gets more: as `initial_state=` it gets the state in which the encoder ended, and
starts from there. Let us try this with zeros, from which an LSTM starts anyway. `vectors` still has
its mask.

**Predict.** Does `lstm(vectors, initial_state=zeros)` return the output of `lstm(vectors)`?

- [ ] yes: it starts from the same state
- [x] no: it reads the padding
- [ ] no: it reads nothing at all
- [ ] no: Keras raises an error
"""

# %% id="state-compare" fragment
zeros = [keras.ops.zeros((32, 32)), keras.ops.zeros((32, 32))]
started = lstm(vectors, initial_state=zeros)
print(f"lstm(vectors):     {difference(lstm(vectors), started):4.0%}")
print(f"lstm(vectors * 1): {difference(unmasked, started):4.0%}")

mask = ml.mask_of(vectors)
by_hand = lstm(vectors, initial_state=zeros, mask=mask)
print(f"mask=mask:         {difference(lstm(vectors), by_hand):4.0%}")

# %% [markdown] id="state-picture" slide
"""
Here is a model with such a call. It reads each sentence twice, and the second LSTM starts from the
state in which the first one ended. `ml.trace` measures where padding gets in:
"""

# %% id="state-trace" fragment skim
keras.utils.set_random_seed(0)
inputs = keras.Input((None,), dtype="int32")
x = keras.layers.Embedding(5000, 16, mask_zero=True, name="embedding")(inputs)
_, *state = keras.layers.LSTM(32, return_state=True, name="first")(x)
twice = keras.Model(inputs, keras.layers.LSTM(32, name="second")(x, initial_state=state))
ml.trace(twice, ml.pad(ids, padding="post"))

# %% [markdown] id="state-why" slide
"""
**Why.** With `initial_state=` the call has several tensors. (We read in the source of
`Layer.__call__` that Keras fills in `mask` only for a call with exactly one.) So the LSTM gets no
mask and reads the padding, and Keras does not warn. The picture names the solution: pass `mask=`
yourself. The last line of numbers above shows that it works.
"""

# %% [markdown] id="lengths" slide
"""
## 4. Masks from lengths and from missing readings

A sensor measured three series of 3, 5 and 6 timesteps. Some readings are missing: they are `nan`,
"not a number". The series are padded with 0.0, and one real reading is 0.0. There is no id 0 to
look for, but the lengths are known: timestep t is real if t is smaller than the length of its row.
Written as a column, `lengths` is compared with every timestep:
"""

# %% id="lengths-mask" fragment
nan = np.nan
readings = [[0.6, nan, 1.7], [2.2, 2.1, nan, nan, 1.9], [0.0, 0.4, 0.9, nan, 1.3, 1.6]]
series = keras.utils.pad_sequences(readings, padding="post", dtype="float32")
lengths = np.array([3, 5, 6])

real = np.arange(6) < lengths[:, None]
print(np.array_equal(real, tf.sequence_mask(lengths)))
ml.show(real, tokens=series)

# %% [markdown] id="holes-predict" slide
"""
`tf.sequence_mask` makes the same mask. It says nothing about the missing readings. For them there
is `seen = ~np.isnan(series)`.

**Predict.** The first series is `[0.6, nan, 1.7, 0.0, 0.0, 0.0]`. Where is `seen` True?

- [ ] at timesteps 0 and 2
- [ ] at timestep 1
- [ ] at timesteps 0, 1 and 2
- [x] at timesteps 0, 2, 3, 4 and 5
"""

# %% id="holes-both" fragment
seen = ~np.isnan(series)
both = real & seen
display(ml.show(seen, tokens=series))
display(ml.show(both, tokens=series))

masking = ml.mask_of(keras.layers.Masking()(np.nan_to_num(series)[..., None]))
print("both:   ", both[2])
print("Masking:", masking[2])

# %% [markdown] id="holes-why" fragment
"""
**Why.** 0.0 is a number, so `seen` lets the padding through. A timestep should be read if it is
real **and** seen: `real & seen`, the second picture. `&` combines as many conditions as you like,
and the False may be anywhere.

Could a `Masking` layer find the missing readings if we write 0.0 there? It has only the values to
go by. So it also masks timestep 0 of the third series, where 0.0 was really measured.
"""

# %% [markdown] id="values" slide
"""
## 5. Masked timesteps: which number do you write there?

An LSTM needs a number at every timestep, even where a reading is missing. We write 0 there, then
99, and then leave `nan`.

**Predict.** The LSTM gets `mask=both`. What changes its output?

- [x] nothing: it is the same three times
- [ ] only `nan`
- [ ] both 99 and `nan`
"""

# %% id="values-fill" fragment
keras.utils.set_random_seed(0)
sensor = keras.layers.LSTM(8, name="sensor")


def fill(value):
    return np.where(seen, series, np.float32(value))[..., None]


for value in (0, 99, nan):
    masked = difference(sensor(fill(0), mask=both), sensor(fill(value), mask=both))
    unmasked = difference(sensor(fill(0)), sensor(fill(value)))
    print(f"{value:3}  mask=both: {masked:.0%}  mask=None: {unmasked:.0%}")

# %% [markdown] id="values-picture-intro" slide
"""
The picture shows the hidden state while the LSTM reads the second series, with the mask on the left
and without it on the right. A column is a timestep, and a row is one of the 8 numbers of the state:
the darker, the larger.
"""

# %% id="values-picture" fragment skim
filled = fill(0)
ml.plot_states(sensor, filled, mask=both, row=1, tokens=filled[1, :, 0])
plt.show()

# %% [markdown] id="values-fill-why" slide
"""
**Why.** With the mask, the state is frozen at timesteps 2 and 3, where readings are missing, and at
timestep 5, the padding. The reading at timestep 4 finds the state that timestep 1 left, whatever is
written in between.
"""

# %% [markdown] id="values-training" slide
"""
Training also needs gradients. At a masked timestep, Keras computes a new state as at any other, and
then throws it away and keeps the old one (read in Keras's source). We compute the gradients twice:
with 0 at the masked timesteps, and with `nan`.

**Predict.** Which gradients are numbers?

- [ ] those with 0 and those with `nan`
- [x] only those with 0
- [ ] neither
"""

# %% id="values-gradients" fragment
for value in (0, nan):
    with tf.GradientTape() as tape:
        total = keras.ops.sum(sensor(fill(value), mask=both))
    gradients = tape.gradient(total, sensor.trainable_variables)
    isnan = [bool(keras.ops.any(keras.ops.isnan(gradient))) for gradient in gradients]
    print(f"{value:3}  sum: {float(total):.2f}  isnan: {isnan}")

# %% [markdown] id="values-why" fragment
"""
**Why.** The state that was thrown away gets the gradient 0. But on its way to the weights this 0 is
multiplied by numbers that were computed from `nan`, and 0 times `nan` is `nan`. So write a finite
number at masked timesteps, such as 0.
"""

# %% [markdown] id="forecast" slide
"""
## 6. Mask or fill: which forecasts better?

Instead of masking a missing reading, you can **fill** it, for instance with 0 or with the last
reading (*forward fill*). Let us compare both with masking. A sensor reads the pressure of a pump
once a minute. The pressure rises and falls in waves of 8 minutes. About half of the readings are
missing, for one of two reasons:

- `paused=True`: the pump was off for that minute. The wave goes on later where it stopped.
- `paused=False`: the pump was running, but the sensor's message was lost.
"""


# %% id="forecast-draw" fragment skim
def draw(seed, paused, rows=512):
    random = np.random.default_rng(seed)
    seen = random.random((rows, 25)) > 0.5
    seen[:, [0, 24]] = True
    clock = np.cumsum(seen, axis=1) if paused else np.arange(25)
    start = random.uniform(0, 8, (rows, 1))
    wave = np.sin(2 * np.pi * (start + clock) / 8) + random.normal(0, 0.1, (rows, 25))
    return np.where(seen, wave, nan)[:, :24].astype("float32"), wave[:, 24]


# %% id="forecast-picture" fragment skim
figure, panels = plt.subplots(1, 2, figsize=(9, 2.5), sharey=True)
for ax, paused in zip(panels, (True, False), strict=True):
    pressure = draw(2, paused, rows=1)[0][0]
    minutes = np.flatnonzero(~np.isnan(pressure))
    ax.plot(minutes, pressure[minutes], color="#0072b2", marker="o")
    ax.set_title(f"paused={paused}")
    ax.set_xlabel("minute")  # words
plt.show()

# %% [markdown] id="forecast-ways" slide
"""
Each dot is a reading. On the left, a wave has 8 readings; on the right, it takes 8 minutes. A small
LSTM reads 24 minutes and forecasts the next reading. There are four ways to treat the missing
readings. In the last one they are filled with 0, and `seen` is a second feature, 1 or 0, that says
which numbers are real. Only `mask` masks anything:
"""


# %% id="forecast-inputs" fragment
def ways(series):
    seen = ~np.isnan(series)
    zeros, all_true = np.where(seen, series, 0), np.ones_like(seen)
    last_seen = np.maximum.accumulate(np.where(seen, np.arange(24), 0), axis=1)
    forward_fill = np.take_along_axis(series, last_seen, axis=1)
    return {
        "zeros": [zeros[..., None], all_true],
        "forward_fill": [forward_fill[..., None], all_true],
        "mask": [zeros[..., None], seen],
        "zeros, seen": [np.stack([zeros, seen], axis=-1), all_true],
    }


# %% [markdown] id="forecast-predict" slide
"""
Each way gets a model of its own for each of the two reasons. Training these 8 models takes 10 to 30
seconds.

**Predict.** When does `mask` forecast better than both fills, `zeros` and `forward_fill`?

- [ ] in both cases
- [ ] only with `paused=False`
- [x] only with `paused=True`
- [ ] in neither case
"""


# %% id="forecast-model" fragment skim
def forecaster(features):
    keras.utils.set_random_seed(0)
    values, mask = keras.Input((None, features)), keras.Input((None,), dtype="bool")
    state = keras.layers.LSTM(16, use_cudnn=False)(values, mask=mask)
    model = keras.Model([values, mask], keras.layers.Dense(1)(state))
    model.compile(keras.optimizers.Adam(0.02), "mae")
    return model


# %% id="forecast-train" slide tags=["nbval-ignore-output"]
errors = {True: {}, False: {}}
for paused, measured in errors.items():
    print(f"paused={paused}")
    (train, target), (test, test_target) = draw(0, paused), draw(1, paused)
    for way, inputs in ways(train).items():
        model = forecaster(inputs[0].shape[-1])
        model.fit(inputs, target, epochs=10, verbose=0)
        error = model.evaluate(ways(test)[way], test_target, verbose=0)
        measured[way] = error / np.abs(test_target).mean()
        print(f"  {way:12} {measured[way]:.2f}")

# %% id="forecast-compare" fragment skim
for paused, measured in errors.items():
    best_fill = min(measured["zeros"], measured["forward_fill"])
    print(f"paused={paused}: {measured['mask'] < best_fill}")

# %% [markdown] id="forecast-read" fragment
"""
These are mean errors on 512 series that were not used in training. They are relative: an error of 1
is that of a model that always forecasts 0. The last digit may differ on another processor. Below
them we print whether `mask` is better than both fills.
"""

# %% [markdown] id="forecast-why" slide
"""
**Why.** To an LSTM, a masked timestep might as well not exist. If the pump paused, that is right:
nothing happened in that minute. The mask leaves the readings of an unbroken wave, while each fill
adds pressures that never existed. `zeros, seen` comes close, because its model has learned to skip
them. With the mask there is nothing to learn.

If the message was lost, the pump ran on. The mask stops the clock of the LSTM, which can no longer
tell how far the wave has come: `mask` is the worst of the four. A fill keeps the clock running, and
with `seen` the model also learns which numbers to trust: `zeros, seen` is the best.
"""

# %% [markdown] id="forecast-rule" slide
"""
So ask of each missing timestep: **did time go on, and does that matter?** If so, fill the reading
and add `seen` as a feature. If not, mask it. Always mask padding: nothing happens after the end of
a sentence.

The model has `use_cudnn=False` because its masks have False in the middle. We read in Keras's
source (`keras/src/backend/tensorflow/rnn.py`) that the fast cuDNN kernel for GPUs accepts only
masks in which every row begins with True and has all its False at the end.
"""

# %% [markdown] id="wrong" slide
"""
## 7. Wrong masks: which ones does Keras refuse?

A mask that you make by hand can be wrong. Here is the right mask of our three sentences, and five
attempts to write it differently. The LSTM casts what it gets to booleans, and broadcasts it as
NumPy does: where a shape has a 1, it is repeated.

**Predict.** Which attempts does Keras refuse?

- [ ] `~zeros`, `~mask`, `mask[:1]` and `mask.T`
- [ ] `mask[:1]` and `mask.T`
- [x] only `mask.T`
- [ ] none
"""

# %% id="wrong-masks" fragment
mask, zeros = padded != 0, (padded == 0).astype(int)
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
        print(f"{name}: {difference(right, lstm(scaled, mask=attempt)):.0%}")
    except tf.errors.InvalidArgumentError as error:
        print(f"{name}: {type(error).__name__}")

# %% [markdown] id="wrong-why" slide
"""
**Why.** Only `mask.T` has a shape that does not fit. As booleans, 1 and 0 are True and False, so
`mask.astype(int)` works. The other three change the output, and Keras does not even warn:

- For integers, `~` does not mean "not". `~0` is -1 and `~1` is -2, and both count as True.
- `~mask` has the right dtype and the right shape, but lets the LSTM read only the padding.
- `mask[:1]` is the mask of the first sentence, repeated for all three.
"""

# %% [markdown] id="wrong-show" slide
"""
`ml.show` refuses what is not a mask, and shows what is. So look at your mask before you use it:
"""

# %% id="wrong-look" fragment skim
try:
    ml.show(~zeros)
except TypeError as error:
    print(type(error).__name__, error)
ml.show(~mask, tokens=padded)

# %% [markdown] id="remember" slide
"""
## Remember

1. Where Keras cannot fill in the mask, as after arithmetic or with `initial_state=`, pass it with
   `mask=`: a boolean array `(batch, time)`, True where a timestep should be read. Keras does not
   check its values, so look at it.
2. Make masks from lengths and missing readings, combine them with `&`, and write a finite number
   where the mask is False.
3. A masked timestep might as well not exist. If time went on there and matters, fill the reading
   instead, and add a feature that says so.
"""

# %% [markdown] id="look-up"
"""
Look it up: [`LSTM`](https://keras.io/api/layers/recurrent_layers/lstm/) · [the TensorFlow guide on
passing masks by
hand](https://www.tensorflow.org/guide/keras/masking_and_padding#passing_mask_tensors_directly_to_layers)
"""
