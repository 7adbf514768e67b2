# %% [markdown] id="title" slide
"""
# Opting in: when may a layer pass the mask on?

*{{number}} Opting in · {{minutes}} minutes*

**You will**

- find out what Keras does with the mask at a layer that you write;
- pass a mask on with one line, and move it where a layer moves the words;
- test the two conditions under which a layer may pass the mask on.
"""

# %% id="setup" skim
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np

import masklens as ml

ml.set_language("en")

# %% [markdown] id="lost" slide
"""
## 1. A ReLU of your own: does it pass the mask on?

`Embedding` makes a mask and `LSTM` uses it. Every layer between them has to pass it on. These are
our three sentences with their mask:
"""

# %% id="lost-batch" fragment skim
sentences = [
    "Hello world !".split(),
    "How are you doing today".split(),
    "The weather will be nice tomorrow".split(),
]
ids = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
batch = ml.pad(ids, padding="post")

keras.utils.set_random_seed(0)
embedding = keras.layers.Embedding(5000, 16, mask_zero=True, name="embedding")
embedded = embedding(batch.ids)
ml.show(batch, tokens=sentences, mask=ml.mask_of(embedded))

# %% [markdown] id="lost-predict" slide
"""
`PlainActivation` is a ReLU: it sets negative numbers to 0. It moves no word and removes none.

**Predict.** Does its output carry a mask?

- [ ] yes, the mask of the `Embedding`
- [ ] no, and there is no warning
- [x] no, and there is a warning
"""


# %% id="lost-plain" fragment
class PlainActivation(keras.layers.Layer):
    def call(self, inputs):
        return keras.ops.relu(inputs)


with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", UserWarning)
    active = PlainActivation()(embedded)
print(ml.mask_of(active))
print(str(caught[0].message).split("However, ")[1])

# %% [markdown] id="lost-why" slide
"""
**Why.** Keras does not look into `call`, so it cannot know whether the words are still in their
places. It takes the cautious course: if a layer declares nothing about masks, its output gets
none, and Keras warns.
"""

# %% [markdown] id="lost-thread" slide
"""
Now put `PlainActivation` into a model, between an `Embedding` and an `LSTM`. `ml.trace` draws where
the mask goes and where padding gets in. [Lesson 03](03_propagation.ipynb) explains its signs.

**Predict.** At which layer does padding first get in?

- [ ] at `embedding`: padding gets vectors as well
- [ ] at `plain`: it loses the mask
- [x] at `lstm`: it reads one timestep after another
"""

# %% id="lost-trace" slide
with warnings.catch_warnings(action="ignore"):
    cut = keras.Sequential(
        [embedding, PlainActivation(name="plain"), keras.layers.LSTM(32, name="lstm")]
    )
    trace = ml.trace(cut, batch)
display(trace)
print([call.name for call in trace.lost], [call.name for call in trace.leaks])

# %% [markdown] id="lost-cut" fragment
"""
**Why.** `plain` loses the mask, but it computes each timestep alone, so no padding gets into the
words. The `LSTM` carries its state from timestep to timestep, and without a mask it reads padding
as if it were words. `trace.lost` holds the calls that lose a mask which a later layer would have
used, and `trace.leaks` those at which padding gets in.
"""

# %% [markdown] id="quiet" slide
"""
## 2. Warnings: how often is a lost mask reported?

By Python's usual rule (`"default"`), a warning is shown only once if the same text comes from the
same line of code. Keras's warning always comes from the same line, and its text contains the name
of the layer, such as `plain_activation`.

**Predict.** Two layers of the class `PlainActivation` are called three times each, as in a training
loop of your own. How many warnings do you see?

- [ ] 1, at the first call
- [x] 2, one for each layer
- [ ] 6, one for each call
"""

# %% id="quiet-count" fragment
lstm = keras.layers.LSTM(32, name="lstm")
plain = PlainActivation()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("default")
    for layer in (plain, PlainActivation()):
        for _ in range(3):
            output = lstm(layer(embedded))
print(len(caught), output.shape)

# %% [markdown] id="quiet-why" slide
"""
**Why.** The two layers have different names, so there are two texts, and each is shown once. No
error follows, because an LSTM may well be used without a mask, and its output has the usual shape.
Yet in the trace above, padding moved the output by more than its largest value.
"""

# %% [markdown] id="opt" slide
"""
## 3. Opting in: one line, `supports_masking`

A layer can **opt in**: it declares that the mask of its input also fits its output. One line does
it, `self.supports_masking = True`. `MyActivation` is the same ReLU with that line:
"""


# %% id="opt-in" fragment
class MyActivation(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs):
        return keras.ops.relu(inputs)


active = MyActivation()(embedded)
print(ml.mask_of(active))

# %% [markdown] id="opt-found"
"""
This is the mask of the `Embedding`, unchanged. The symbolic mask of a Functional model passes
through the layer in the same way:
"""

# %% id="mask-found"
inputs = keras.Input(shape=(None,), dtype="int32")
x = keras.layers.Embedding(5000, 16, mask_zero=True)(inputs)
x = MyActivation()(x)
mask_found = ml.mask_of(x)
print(mask_found.dtype, mask_found.shape)

# %% [markdown] id="opt-grow" slide
"""
Two models consist of an `Embedding`, an activation and an `LSTM`. They share all weights, and both
activations compute the same numbers. `ml.plot_growth` pads *Hello world !* from 3 timesteps to 24
and draws how far the output moves away from the output without padding.

**Predict.** Which output moves?

- [ ] neither
- [x] only the one with `PlainActivation`
- [ ] only the one with `MyActivation`
- [ ] both
"""

# %% id="opt-moved" fragment
activations = {"PlainActivation": plain, "MyActivation": MyActivation()}
with warnings.catch_warnings(action="ignore"):
    models = {
        name: keras.Sequential([embedding, activation, lstm])
        for name, activation in activations.items()
    }
    ml.plot_growth(models, ids[:1], lengths=[3, 6, 12, 24])
plt.show()

# %% [markdown] id="opt-why" slide
"""
**Why.** After `MyActivation` the LSTM gets the mask and skips the padding. If `supports_masking` is
True, Keras runs the layer's method `compute_mask` after `call` and attaches what it returns to the
output (we read this in Keras's source). Every layer inherits a `compute_mask` that returns the mask
that came in. Even `PlainActivation` has it; Keras just does not run it.
"""

# %% id="opt-inherited" fragment
mask = ml.mask_of(embedded)
print(np.array_equal(plain.compute_mask(embedded, mask), mask))

# %% [markdown] id="false" slide
"""
## 4. `Shift`: does Keras check what you declare?

`Shift` moves every word one timestep to the right. What falls off at the right end comes back at
the left end. `Shift` opts in as well.

**Predict.** *Hello world !* moves from timesteps 0, 1, 2 to timesteps 1, 2, 3. At which timesteps
is the mask of the output True?

- [x] 0, 1 and 2
- [ ] 1, 2 and 3
- [ ] at none: Keras drops the mask
"""


# %% id="false-shift" fragment
class Shift(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs):
        return keras.ops.roll(inputs, 1, axis=1)


words = [row + ["0"] * (6 - len(row)) for row in sentences]
shifted_words = np.roll(words, 1, axis=1).tolist()
ml.show(ml.mask_of(Shift()(embedded)), tokens=shifted_words)

# %% [markdown] id="false-why" slide
"""
**Why.** Keras checks nothing. It attaches the mask that came in, because `Shift` has opted in. The
picture shows this mask over the words that are really at each timestep after `Shift`; `0` is
padding. In the first two sentences a padded timestep will be read, and the last word will be
skipped.
"""

# %% [markdown] id="false-average" slide
"""
The effect can be checked with pencil and paper. Use the ids themselves as values, and take their
average over time. For *Hello world !* it should be (711 + 632 + 71) / 3 = 471.3.
"""

# %% id="false-measure" fragment
values = keras.layers.Masking()(batch.ids[..., None].astype("float32"))
average = keras.layers.GlobalAveragePooling1D()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", UserWarning)
    shifted = Shift()(values)
print(len(caught))
for name, tensor in (("Masking", values), ("Shift", shifted)):
    print(name, [f"{number:.1f}" for number in keras.ops.convert_to_numpy(average(tensor))[:, 0]])

# %% [markdown] id="false-cost" slide
"""
After `Shift` the first average is (0 + 711 + 632) / 3 = 447.7: padding is read, and `!` is
skipped. Only the sentence without padding keeps its average. The first line is the number of
warnings: 0. A lost mask is reported at least once, a wrong mask never.
"""

# %% [markdown] id="follow" slide
"""
## 5. `compute_mask`: move the mask with the words

The mask has to move with the words. As in [lesson 06](06_layers_that_change_masks.ipynb), the layer
does to the mask in `compute_mask` what `call` does to the timesteps.

**Predict.** `ShiftBoth` defines `compute_mask`, but it never says `supports_masking = True`. Which
mask does its output carry?

- [ ] none
- [ ] that of its input, unchanged
- [x] that of its input, moved by one timestep
"""


# %% id="follow-shift" fragment
class ShiftBoth(keras.layers.Layer):
    def call(self, inputs):
        return keras.ops.roll(inputs, 1, axis=1)

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else keras.ops.roll(mask, 1, axis=1)


shift_both = ShiftBoth(name="shift_both")
ml.show(ml.mask_of(shift_both(embedded)), tokens=shifted_words)

# %% id="follow-measure"
for layer in (PlainActivation(), MyActivation(), shift_both):
    print(type(layer).__name__, layer.supports_masking)
shifted = keras.ops.convert_to_numpy(average(shift_both(values)))[:, 0]
print([f"{number:.1f}" for number in shifted])

# %% [markdown] id="follow-why" slide
"""
**Why.** A layer that defines its own `compute_mask` has opted in by doing so: Keras sets
`supports_masking` to True. Every word is read again, every padded timestep is skipped, and the
three averages are those from before the shift.
"""

# %% [markdown] id="follow-choose" slide
"""
Four models differ in one layer, which comes between an `Embedding` and an average over time:
`PlainActivation`, `MyActivation`, `Shift` or `ShiftBoth`. `ml.compare` traces all four. The line
below each name says whether padding changes the answer, which is the output of the model.

**Predict.** With which of the layers does padding change the answer?

- [ ] only `PlainActivation`
- [x] `PlainActivation` and `Shift`
- [ ] `Shift` and `ShiftBoth`
- [ ] all but `MyActivation`
"""

# %% id="follow-models" skim
own = {
    "PlainActivation": PlainActivation(name="plain"),
    "MyActivation": MyActivation(name="activation"),
    "Shift": Shift(name="shift"),
    "ShiftBoth": shift_both,
}
models = {}
for name, layer in own.items():
    pooling = keras.layers.GlobalAveragePooling1D(name="average")
    models[name] = keras.Sequential([embedding, layer, pooling])

# %% id="follow-compare" slide
ml.compare(models, batch)

# %% [markdown] id="follow-chosen" slide
"""
**Why.** The thread is cut only at `PlainActivation`. After `Shift` the average gets a mask and uses
it, but the mask is wrong. An unbroken thread says that a mask arrives; only an experiment shows
whether it is right. `ml.compare` runs each model again with other padding. The hollow drop at
`shift_both` is no fault: padding has moved to where words were, but the mask has moved as well, and
the average leaves that padding out.
"""

# %% [markdown] id="check" slide
"""
## 6. The rule: when may a layer pass the mask on?

**A layer may pass the mask on if (a) timestep t of the output stands for timestep t of the input,
and (b) no padding gets into it: because each timestep is computed alone, or because the layer uses
the mask to leave padding out.**

`MyActivation` meets both conditions, and `Shift` breaks (a). What about layers that mix timesteps?
Here is one that uses the mask, a softmax over time. It turns each feature into weights that sum to
1 over the timesteps:
"""


# %% id="check-softmax" fragment
class SoftmaxOverTime(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        if mask is not None:  # a masked timestep gets the weight 0
            inputs = keras.ops.where(mask[..., None], inputs, -1e9)
        return keras.ops.softmax(inputs, axis=1)


# %% [markdown] id="check-predict" slide
"""
Three more come with Keras:

- `LSTM(return_sequences=True)` goes from timestep to timestep. At a masked one it keeps its state
  ([lesson 04](04_use.ipynb)).
- `Conv1D(padding="same")` computes each timestep from itself and its two neighbours, whatever the
  mask says.
- `GroupNormalization(groups=1)` subtracts a mean and divides by a standard deviation, like
  `LayerNormalization`. But it takes both from all timesteps of a sentence, padding included.

**Predict.** Which of these four layers meet both conditions?

- [ ] none: all four mix timesteps
- [x] `SoftmaxOverTime` and `LSTM`
- [ ] `LSTM` and `GroupNormalization`
- [ ] all four: none of them moves a word
"""

# %% id="check-layers" fragment skim
keras.utils.set_random_seed(0)
layers = [
    MyActivation(),
    SoftmaxOverTime(),
    keras.layers.LSTM(16, return_sequences=True),
    Shift(),
    keras.layers.Conv1D(16, 3, padding="same"),
    keras.layers.GroupNormalization(groups=1),
]

# %% [markdown] id="check-same" slide
"""
Two experiments test the two conditions. For **(a)**, run the layer without a mask, replace **one**
timestep of the input, and see which timesteps of the output change. Do so for each timestep in
turn:
"""


# %% id="check-influence" fragment
def influence(layer, steps=6):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(1, steps, 16)).astype("float32")
    rows = []
    for step in range(steps):
        changed = values.copy()
        changed[0, step] = rng.normal(size=16)
        before, after = (keras.ops.convert_to_numpy(layer(x))[0] for x in (values, changed))
        rows.append(~np.isclose(before, after, atol=1e-5).all(axis=1))
    return np.array(rows)


# %% id="check-picture" slide skim
figure, axes = plt.subplots(2, 3, figsize=(7, 5), layout="constrained")
for ax, layer in zip(axes.flat, layers, strict=True):
    replaced, changed = np.nonzero(influence(layer))
    ax.plot(range(6), range(6), color="0.7", linestyle="--", zorder=0)
    ax.scatter(changed, replaced, color="#0072b2", marker="s", s=100)
    ax.set(xlim=(-0.5, 5.5), ylim=(5.5, -0.5), xticks=range(6), yticks=range(6), aspect="equal")
    ax.set_title(type(layer).__name__)
figure.supxlabel("changed output timestep")  # words
figure.supylabel("replaced input timestep")  # words
plt.show()

# %% [markdown] id="check-read" slide
"""
Each row is an input timestep that was replaced. The squares in it are the output timesteps that
changed. For (a) there must be a square at every place of the dashed diagonal. More squares mean
that timesteps are mixed, which is allowed if (b) holds.

For **(b)**, give the layer the mask, and compare the three words of *Hello world !* without padding
and with 3 padded timesteps:
"""

# %% id="check-all" fragment
for layer in layers:
    a = influence(layer).diagonal().all()
    with warnings.catch_warnings(action="ignore"):
        short, long = (
            layer(embedding(ml.pad(ids[:1], maxlen=steps, padding="post").ids)) for steps in (3, 6)
        )
    b = np.allclose(short, long[:, :3], atol=1e-5)
    name = type(layer).__name__
    print(f"{name:18} a={a!s:5} b={b!s:5} supports_masking={layer.supports_masking}")

# %% [markdown] id="check-why" slide
"""
**Why.** `SoftmaxOverTime` and `LSTM` mix timesteps and may pass the mask on all the same, because
they use it to leave padding out. `GroupNormalization` has the same picture as `SoftmaxOverTime` and
has opted in, but padding changes the words. So test layers that others wrote, not only your own. In
`Conv1D` padding gets into the word next to it; rightly, it has not opted in. `Shift` fails both
tests: the mask has stayed, and the first timestep now holds padding.
"""

# %% [markdown] id="check-else"
"""
Each experiment uses one input. It can find a fault, but it cannot prove that there is none.

What if a layer of your own fails? If it fails (a), compute a new mask in `compute_mask`. If it
fails (b), use the mask in `call` to leave padding out, which is the topic of
[lesson 08](08_layers_that_use_masks.ipynb).
"""

# %% [markdown] id="remember" slide
"""
## Remember

1. A layer that declares nothing about masks loses the mask. Each layer warns once, and no error
   follows.
2. `self.supports_masking = True` passes the mask on unchanged, and Keras does not check whether it
   is right. If a layer moves timesteps, its `compute_mask` has to move the mask.
3. A layer may pass the mask on if (a) timestep t of the output stands for timestep t of the input,
   and (b) no padding gets into it: because each timestep is computed alone, or because the layer
   uses the mask to leave padding out.
"""

# %% [markdown] id="look-up"
"""
Look it up: [the `Layer` class](https://keras.io/api/layers/base_layer/) · [the TensorFlow guide on
opting
in](https://www.tensorflow.org/guide/keras/masking_and_padding#opting-in_to_mask_propagation_on_compatible_layers)
"""
