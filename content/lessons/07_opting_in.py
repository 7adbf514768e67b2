# %% [markdown] id="title" slide
"""
# When may a layer pass the mask on?

*{{number}} Opting in · {{minutes}} minutes*

**You will**

- lose a mask in a layer of your own, and see how quietly that happens;
- let the mask through with one line, and let it move with the words when the words move;
- check whether a layer may opt in, with a test that you can run on any layer.
"""

# %% id="setup"
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np

import masklens as ml

ml.set_language("en")

# %% [markdown] id="lost" slide
"""
## 1. Does a ReLU let the mask through?

A mask is a promise about timesteps. `Embedding` makes it, `LSTM` keeps it, and every layer in
between has to carry it. Here are our three sentences with their mask:
"""

# %% id="lost-batch" fragment
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
**Predict.** `PlainActivation` is a ReLU: it sets negative numbers to 0. It moves no word and
removes none. Is the mask still there after it?
"""


# %% id="lost-plain" fragment
class PlainActivation(keras.layers.Layer):
    def call(self, inputs):
        return keras.ops.relu(inputs)


with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", UserWarning)
    active = PlainActivation()(embedded)
print("mask:", ml.mask_of(active))
print("warning:", str(caught[0].message).split("However, ")[1])

# %% [markdown] id="lost-why" slide
"""
**Why.** Keras does not look into `call`. It cannot know whether the words are still where they
were, so it takes the careful way: a layer that says nothing gets no mask attached to its output.
Keras says so in a warning.
"""

# %% [markdown] id="lost-thread" slide
"""
What does that mean for a model? `ml.trace` draws the mask as a **thread** that runs down from layer
to layer. A knot starts the thread, a red cross cuts it, and below a cut it is dotted. In the small
pictures of the masks each row is a sentence, and time goes to the right. The trace also measures
whether padding changes the answer, and a red drop marks where it gets in.

**Predict.** `PlainActivation` now stands between `Embedding` and `LSTM`. What becomes of the mask
at each of the three layers?
"""

# %% id="lost-trace" slide
with warnings.catch_warnings(action="ignore"):
    cut = keras.Sequential(
        [embedding, PlainActivation(name="plain"), keras.layers.LSTM(32, name="lstm")]
    )
    trace = ml.trace(cut, batch)
display(trace)
print("lost at:", [call.name for call in trace.lost])

# %% [markdown] id="lost-cut" fragment
"""
The thread is cut at `plain`. The `LSTM` runs all the same, but it sees no mask and reads padding:
that is where the drop is. `trace.lost` holds the calls that cost such a layer its mask.
"""

# %% [markdown] id="quiet" slide
"""
## 2. Would you have noticed?

**Predict.** Two such layers are called three times each, as in a training loop that you write
yourself. Python's usual rule for warnings (`"default"`) is in force. How many warnings do you see?
"""

# %% id="quiet-count" fragment
keras.utils.set_random_seed(0)
lstm = keras.layers.LSTM(32, name="lstm")
plain = PlainActivation()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("default")
    for layer in (plain, PlainActivation()):
        for _ in range(3):
            answer = lstm(layer(embedded))
print("calls: 6, warnings:", len(caught))
print("shape:", answer.shape)

# %% [markdown] id="quiet-cost" slide
"""
Each layer warned once, and the LSTM answers in the right shape, as if nothing had happened. But
what does it answer? Pad *Hello world !* to 3, 6, 12 and 24 timesteps, and measure how far the
answer moves away from the first one, which has no padding:
"""


# %% id="quiet-moved" fragment
def moved(activation):
    states = []
    for maxlen in (3, 6, 12, 24):
        hello = ml.pad(ids[:1], maxlen=maxlen, padding="post")
        with warnings.catch_warnings(action="ignore"):
            state = lstm(activation(embedding(hello.ids)))
        states.append(keras.ops.convert_to_numpy(state))
    return [np.linalg.norm(s - states[0]) / np.linalg.norm(states[0]) for s in states]


print([f"{share:.0%}" for share in moved(plain)])

# %% [markdown] id="quiet-why" slide
"""
**Why.** Python shows the same text from the same line of code only once, and this text names the
layer. After that the log is silent. No error follows, because an LSTM may well be used without a
mask. Now it reads padding as if it were words: with 3 padded timesteps the answer has moved by
1.8 times its size.
"""

# %% [markdown] id="opt" slide
"""
## 3. What does one line change?

A layer can **opt in**: it declares that the mask which came in also fits what goes out. That is
one line, `self.supports_masking = True`.

**Predict.** `MyActivation` computes the same ReLU. Which mask does its output carry?
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
It is the mask of `Embedding`, unchanged. In a Functional model the mask goes through as well,
while the model is being built. There it is **symbolic**: it knows its type and its shape, but it
holds no values yet.
"""

# %% id="mask-found"
inputs = keras.Input(shape=(None,), dtype="int32")
x = keras.layers.Embedding(5000, 16, mask_zero=True, name="embedding")(inputs)
x = MyActivation(name="activation")(x)
mask_found = ml.mask_of(x)
print(mask_found.dtype, mask_found.shape)
outputs = keras.layers.LSTM(32, name="lstm")(x)
model = keras.Model(inputs, outputs)

# %% [markdown] id="opt-name"
"""
If you print the symbolic mask itself, you also see a name. Do not rely on it: Keras numbers the
names, and the same layers built again give another one.
"""

# %% id="opt-name-again"
again = keras.layers.Embedding(5000, 16, mask_zero=True)(inputs)
again = MyActivation()(again)
print("same name:", ml.mask_of(again).name == mask_found.name)

# %% [markdown] id="opt-reach" slide
"""
Does the mask reach the LSTM? Trace the model. A ring on the thread is a layer that passes the mask
on. A bar is the end of the thread: a layer takes the mask and gives none out.
"""

# %% id="opt-trace" fragment
ml.trace(model, batch)

# %% [markdown] id="opt-grow"
"""
The thread is whole, and padding does not change the answer. `ml.plot_growth` pads *Hello world !*
further and further, and draws how far the output of a model moves away from the one
without padding. The numbers below the figure are measured for `MyActivation` as in section 2:
"""

# %% id="opt-moved"
activations = {"MyActivation": MyActivation(), "PlainActivation": plain}
with warnings.catch_warnings(action="ignore"):
    models = {
        name: keras.Sequential([embedding, activation, lstm])
        for name, activation in activations.items()
    }
    ml.plot_growth(models, ids[:1], lengths=[3, 6, 12, 24])
plt.show()
print([f"{share:.0%}" for share in moved(MyActivation())])

# %% [markdown] id="opt-why" slide
"""
**Why.** After `call`, Keras asks the layer's method `compute_mask` which mask belongs to the
output. Every layer inherits this method, and what it returns is the mask that came in. Even
`PlainActivation` would give the right answer:
"""

# %% id="opt-inherited" fragment
mask = ml.mask_of(embedded)
print(np.array_equal(plain.compute_mask(embedded, mask), mask))

# %% [markdown] id="opt-asked"
"""
But Keras asks only those layers whose `supports_masking` is True.
"""

# %% [markdown] id="false" slide
"""
## 4. What does Keras check before it believes you?

`Shift` moves every word one timestep to the right. What falls off at the right end comes back at
the left end. It opts in, too.

**Predict.** *Hello world !* moves from timesteps 0, 1, 2 to timesteps 1, 2, 3. Which timesteps
does the mask after `Shift` say to read?
"""


# %% id="false-shift" slide
class Shift(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs):
        return keras.ops.roll(inputs, 1, axis=1)


shifting = keras.Sequential([embedding, Shift(name="shift"), lstm])
shift_trace = ml.trace(shifting, batch)
display(shift_trace)

# %% [markdown] id="false-look" slide
"""
The thread is whole: `shift` passes the mask on, and none is lost. All the same padding gets into
the answer, and the drop is at `shift`. The words have moved, and the mask has not. Here is the
mask, drawn over the words that really stand at each timestep after `Shift`; `0` is padding.
"""

# %% id="false-picture" fragment
words = [row + ["0"] * (6 - len(row)) for row in sentences]
shifted_words = np.roll(words, 1, axis=1).tolist()
handed_on = shift_trace["shift"].masks_out[0]
ml.show(handed_on, tokens=shifted_words)

# %% [markdown] id="false-average" slide
"""
The first two sentences have a padded timestep that will be read, and a last word that will be
skipped. What that does can be checked with pencil and paper. Let the ids themselves be the
values, and take their average over time. For *Hello world !* it should be
(711 + 632 + 71) / 3 = 471.3.
"""

# %% id="false-measure" fragment
values = keras.layers.Masking()(batch.ids[..., None].astype("float32"))
average = keras.layers.GlobalAveragePooling1D()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", UserWarning)
    shifted = Shift()(values)
print("warnings:", len(caught))
for name, tensor in (("before", values), ("Shift", shifted)):
    print(name, [f"{number:.1f}" for number in keras.ops.convert_to_numpy(average(tensor))[:, 0]])

# %% [markdown] id="false-why" slide
"""
**Why.** Keras checks nothing. After `Shift` the average of the first sentence is
(0 + 711 + 632) / 3 = 447.7: padding is read, and `!` is skipped. Only the sentence without
padding is unharmed. There is no warning either, because the layer has opted in. A lost mask at
least warns once. A false one never does.
"""

# %% [markdown] id="follow" slide
"""
## 5. How does the mask move with the words?

The mask has to go where the words go. So the layer computes it anew, in `compute_mask`, as in
[lesson 06](06_layers_that_change_masks.ipynb).

**Predict.** `ShiftBoth` does so, but nobody writes `supports_masking = True`. Does its output
carry a mask?
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
moving = keras.Sequential([embedding, shift_both, lstm])
for trace in (shift_trace, ml.trace(moving, batch)):
    print([f"{call.name}: {call.effect}" for call in trace])

# %% [markdown] id="follow-why" slide
"""
**Why.** A layer that overrides `compute_mask` has opted in by doing so: Keras turns
`supports_masking` on. Every word is read again, every padded timestep is skipped, and the
three averages are those from before the shift. In a trace `Shift` passes the mask on, and
`ShiftBoth` changes it. The rule: what `call` does to the timesteps, `compute_mask` does to the
mask.
"""

# %% [markdown] id="follow-choose" slide
"""
Four layers of your own now stand in turn between `Embedding` and an average over time.

**Predict.** Whose thread is whole? And whose answer does padding move all the same?

`ml.compare` traces the four models. Look at the threads, and at the line below each name.
"""

# %% id="follow-models"
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
**Why.** Three threads are whole, and only that of `PlainActivation` is cut. But padding moves the
answer with `PlainActivation` and with `Shift`. The average behind `Shift` has a mask and uses it,
and the mask is false. A whole thread says that a mask arrives. Whether it is true, only an
experiment can show: the trace runs each model again with other padding, and the line below the name
says what came of it. The hollow drop at `shift_both` is no fault: padding has moved to where words
were, but the mask has moved along, and the average leaves that padding out.
"""

# %% [markdown] id="check" slide
"""
## 6. When may a layer opt in?

A mask may stay as it is if each timestep of the output comes from the same timestep of the input
and from no other. This can be tested. Replace **one** timestep of the input, and see which
timesteps of the output change. Do so for each timestep in turn:
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


# %% [markdown] id="check-predict" slide
"""
**Predict.** Which of these six layers keep each timestep to itself? Two of them have similar
names.
"""

# %% id="check-layers" fragment
keras.utils.set_random_seed(0)
layers = [
    MyActivation(),
    keras.layers.LayerNormalization(),
    Shift(),
    keras.layers.MaxPooling1D(2),
    keras.layers.Conv1D(16, 3, padding="same"),
    keras.layers.GroupNormalization(groups=1),
]

# %% id="check-picture" slide
figure, axes = plt.subplots(2, 3, figsize=(7, 5), layout="constrained")
for ax, layer in zip(axes.flat, layers, strict=True):
    replaced, changed = np.nonzero(influence(layer))
    ax.plot(range(6), range(6), color="0.7", linestyle="--", zorder=0)
    ax.scatter(changed, replaced, color="#0072b2", marker="s", s=100)
    ax.set(xlim=(-0.5, 5.5), ylim=(5.5, -0.5), xticks=range(6), yticks=range(6), aspect="equal")
    ax.set_title(type(layer).__name__)
figure.supxlabel("changed timestep")
figure.supylabel("replaced timestep")
plt.show()

# %% [markdown] id="check-read" slide
"""
Read a picture row by row: this input timestep was replaced, and the squares are the output
timesteps that changed. A layer may opt in if there is exactly one square in each row and all of
them lie on the dashed diagonal. Which layers have opted in?
"""

# %% id="check-all" fragment
for layer in layers:
    alone = np.array_equal(influence(layer), np.eye(6))
    print(f"{type(layer).__name__:18} alone={alone!s:5} opted_in={layer.supports_masking}")

# %% [markdown] id="check-why" slide
"""
**Why.** `MyActivation` and `LayerNormalization` treat each timestep alone, so the old mask is
true of the new values. `Shift` moves timesteps. `MaxPooling1D(2)` makes 3 timesteps out of 6, so
a mask of 6 no longer fits. `Conv1D` reads the neighbours too, and so a word takes in the padding
next to it.

`GroupNormalization` comes with Keras and has opted in, and yet every timestep changes every
other. Does padding reach the words even if the mask is there? Compare the three words of *Hello
world !* without padding and with 3 padded timesteps:
"""

# %% id="check-words" fragment
for layer in (layers[1], layers[5]):
    short, long = (layer(embedding(ml.pad(ids[:1], maxlen=n, padding="post").ids)) for n in (3, 6))
    same = np.allclose(short, long[:, :3], atol=1e-5)
    print(f"{type(layer).__name__:18} same_words={same!s:5} mask={ml.mask_of(long)[0].tolist()}")

# %% [markdown] id="check-else"
"""
`GroupNormalization` hands on the right mask, but padding has changed the values of the words. So
test the layers that you did not write, too. The test draws one input at random. It can find a
fault, but it cannot prove that there is none.

What can a layer do that does not pass the test? If it moves or removes timesteps, it computes a
new mask ([lesson 06](06_layers_that_change_masks.ipynb)). If it mixes them, it has to use the
mask itself and leave the padding out. That is what lesson 08 is about.
"""

# %% [markdown] id="remember" slide
"""
## Remember

1. A layer that says nothing loses the mask. The warning is shown once per layer, and no error
   follows.
2. `self.supports_masking = True` hands the mask on unchanged. Keras believes it and checks
   nothing.
3. Opt in only if each output timestep comes from the same input timestep alone. If timesteps
   move, let `compute_mask` move the mask as well.
"""

# %% [markdown] id="look-up"
"""
Look it up: [the `Layer` class](https://keras.io/api/layers/base_layer/) · [the TensorFlow guide on
opting
in](https://www.tensorflow.org/guide/keras/masking_and_padding#opting-in_to_mask_propagation_on_compatible_layers)
"""
