# %% [markdown] id="title" slide
"""
# How do you know that your layer keeps the promise?

*{{number}} Layers that use masks · {{minutes}} minutes*

**You will**

- run the softmax over time of the TensorFlow guide, and see that no timestep gets the right weight;
- find such a fault with three invariants, each of them one line;
- write the layer that keeps its promise, even for an empty row and for a score of 1000.
"""

# %% id="setup"
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np

import masklens as ml

ml.set_language("en")

# %% [markdown] id="promise" slide
"""
## 1. What does the guide's softmax return?

A mask is a promise about timesteps. Lessons 02 to 06 made the promise and carried it. A layer that
**uses** a mask has to keep it.

Our example is a softmax over time. Each word has a **score**, and softmax turns the scores of a
sentence into weights that sum to 1: the larger the score, the larger the weight. Here the score is
half the number of letters, so that you can check every number yourself.
"""

# %% id="promise-scores" slide
sentences = [
    "Hello world !".split(),
    "How are you doing today".split(),
    "The weather will be nice tomorrow".split(),
]
ids = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
batch = ml.pad(ids, padding="post")
letters = [[len(word) for word in words] for words in sentences]
scores = keras.utils.pad_sequences(letters, padding="post", dtype="float32")[..., None] / 2
print(scores.shape)
print(scores[..., 0])
ml.show(batch, tokens=sentences, mask=batch.mask)

# %% [markdown] id="promise-alone" slide
"""
Which weights are right? A sentence on its own has no padding and needs no mask, so plain NumPy
gives the answer:
"""

# %% id="promise-numpy" fragment
alone = [np.exp(scores[row, : len(ids[row]), 0]) for row in range(3)]
alone = [exps / exps.sum() for exps in alone]
for words, weights in zip(sentences, alone, strict=True):
    print(weights.round(2), words)

# %% [markdown] id="promise-predict" slide
"""
Now the batch. The layer below follows the `TemporalSoftmax` of the TensorFlow guide: it takes
`exp` of the scores, multiplies by the mask, and divides by the sum over `axis=-1`.

**Predict.** Alone, `!` had the weight 0.06. Which weight does it get from this layer, and which
weight do the three masked steps get?
"""


# %% id="temporal-softmax-faulty" slide
class FaultySoftmax(keras.layers.Layer):
    def call(self, inputs, mask=None):
        keep = keras.ops.expand_dims(keras.ops.cast(mask, "float32"), -1)
        exps = keras.ops.exp(inputs) * keep
        return exps / keras.ops.sum(exps, axis=-1, keepdims=True)


with warnings.catch_warnings(action="ignore"):
    faulty = FaultySoftmax()(scores, mask=batch.mask)
faulty_weights = keras.ops.convert_to_numpy(faulty)[..., 0]
print(faulty_weights)


# %% id="promise-draw"
def draw(ax, weights, title, mask):
    for (row, step), weight in np.ndenumerate(weights):
        valid = mask[row, step]
        fill = ("#0072b2", 0.7 * weight if valid else 0)
        look = {"facecolor": fill, "edgecolor": "0.6", "hatch": "" if valid else "//"}
        ax.add_patch(plt.Rectangle((step - 0.47, row - 0.45), 0.94, 0.9, **look))
        word = sentences[row][step] if valid else ""
        behind = "none" if valid else "white"
        text = f"{word}\n{weight:.2f}".strip()
        ax.text(step, row, text, ha="center", va="center", backgroundcolor=behind)
    ax.set(title=title, xlabel="timestep", xlim=(-0.5, 5.5), ylim=(2.5, -0.5), yticks=[])


# %% id="promise-picture" slide
figure, ax = plt.subplots(figsize=(7, 2.6))
draw(ax, faulty_weights, "axis=-1", batch.mask)
plt.show()

# %% [markdown] id="promise-picture-text" fragment
"""
A box is a word, a hatched box is a masked step, and the blue grows with the weight. Every word has
the weight 1, whatever its score. Every masked step is `nan`, which is no number at all.
"""

# %% id="promise-axes"
for axis in (-1, 1):
    print(f"axis={axis}:", np.exp(scores).sum(axis=axis, keepdims=True).shape)

# %% [markdown] id="promise-why" slide
"""
**Why.** The shape is `(batch, time, features)`, and `axis=-1` is the last axis: the features. There
is only one feature, so the sum has one term and each step is divided by itself. A word gets
`exp(x) / exp(x)`, which is 1. A masked step gets 0 / 0, which is `nan`. Time is `axis=1`, and
a sum over that axis is the sum of one sentence.
"""

# %% [markdown] id="unseen" slide
"""
## 2. Why does nobody see it?

The guide puts its layer behind an Embedding and a Dense layer, calls the model on 32 rows of 100
ids, and ends there. It prints no result.

**Predict.** Does the shape of the output give the fault away? And how many of the 3,200 results are
`nan`?
"""

# %% id="unseen-shape" slide
keras.utils.set_random_seed(0)
guide_ids = np.random.default_rng(0).integers(10, size=(32, 100))
inputs = keras.Input(shape=(None,), dtype="int32")
x = keras.layers.Embedding(10, 32, mask_zero=True, name="embedding")(inputs)
x = keras.layers.Dense(1, name="dense")(x)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", UserWarning)
    faulty_model = keras.Model(inputs, FaultySoftmax(name="softmax")(x))
    faulty = faulty_model(guide_ids)
print(faulty.shape)

# %% id="unseen-count" fragment
result = keras.ops.convert_to_numpy(faulty)
print(f"nan: {np.isnan(result).sum()}, masked: {np.sum(guide_ids == 0)}")
print("others:", np.unique(result[~np.isnan(result)]))

# %% [markdown] id="unseen-shape-why"
"""
The shape is exactly right. There is a `nan` at every masked step and a 1 everywhere else. Two more
faults of this example do speak up. The first is a warning, which the cell with the model
has caught:
"""

# %% id="unseen-warning"
print(str(caught[0].message).split(". ")[1])

# %% [markdown] id="unseen-trace-text"
"""
Look at the way of the mask. `ml.trace` runs the model on a few ids and lists the calls of its
layers from top to bottom. Its first line says whether padding changes the answer. In the squares of
a mask the batch goes down and time to the right, and a filled square is a valid step. The blue
**thread** on the left is the mask. It starts in a knot where the mask is made, has a ring where a
layer passes it on, and stops at a bar where it ends. With `probe=True` each call also runs again
with other masks: if its result changes, the layer **uses** the mask.

**Predict.** `dense` and `softmax` both receive the mask. Which of them uses it? And which of them
passes it on?
"""

# %% id="unseen-trace"
few_ids = guide_ids[:3, :8]
with warnings.catch_warnings(action="ignore"):
    display(ml.trace(faulty_model, few_ids, probe=True))

# %% [markdown] id="unseen-call-text"
"""
Padding does not change the answer, and `softmax` uses the mask: with another mask its result is
another one. Both were measured, and both are true. But neither says that the layer uses the mask
*rightly*.

And the mask ends here, because the layer does not opt in ([lesson 07](07_opting_in.ipynb)). The
trace calls that no fault, since no later layer reads padding because of it. An `LSTM` ends the
mask, too, but it returns one vector for each sentence. Here the output still has its 8 timesteps,
and the next layer would read them all. That is what the warning is about.

The second message comes from the guide's call, which passes an array after the ids:
"""

# %% id="unseen-call"
try:
    faulty_model(guide_ids, np.ones((32, 100, 1)))
except TypeError as error:
    print(f"{type(error).__name__}: {error}")

# %% [markdown] id="unseen-quiet-text"
"""
Keras 3 refuses it: a model takes all its inputs in the first argument, and the array lands on
`training`. But neither message is about the numbers. Opt in, let `Masking` put the mask on the
scores, and count the warnings:
"""

# %% id="unseen-quiet"
quiet = FaultySoftmax()
quiet.supports_masking = True
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", UserWarning)
    weights = quiet(keras.layers.Masking()(scores))
print("warnings:", len(caught))
print("mask:", np.array_equal(ml.mask_of(weights), batch.mask))
print(keras.ops.convert_to_numpy(weights)[0, :, 0])

# %% [markdown] id="unseen-why" slide
"""
**Why.** Keras only asks whether a layer that gets a mask supports masking. It cannot know what
your layer is meant to do with the mask. Whether a layer keeps its promise shows only in its
results.
"""

# %% [markdown] id="invariants" slide
"""
## 3. Which three lines find the fault?

You rarely know the right numbers in advance. But you know what must be true of them, for every
batch. Such a property is called an **invariant**. A softmax over time has three:

- the valid steps of a sentence sum to 1;
- masked steps are 0;
- more padding changes nothing at the valid steps.

The function pads the batch by four more steps. They get the score 5, more than any word has. A
layer that reads them cannot hide it.
"""


# %% id="invariants-function" slide
def promises(layer, scores, mask):
    more = [(0, 0), (0, 4)]
    longer_scores = np.pad(scores, [*more, (0, 0)], constant_values=5)
    longer = layer(longer_scores, mask=np.pad(mask, more))
    weights = layer(scores, mask=mask)
    weights, longer = (keras.ops.convert_to_numpy(x)[..., 0] for x in (weights, longer))
    return {
        "sums_to_1": np.allclose(weights.sum(axis=1, where=mask), 1),
        "masked_is_0": bool(np.all(weights[~mask] == 0)),
        "padding_ignored": np.allclose(longer[:, : mask.shape[1]][mask], weights[mask]),
    }


# %% [markdown] id="invariants-predict" slide
"""
**Predict.** Which of the three does the faulty layer break? One, two, or all three?
"""

# %% id="invariants-run" fragment
with warnings.catch_warnings(action="ignore"):
    print(promises(FaultySoftmax(), scores, batch.mask))
print("sums:", faulty_weights.sum(axis=1, where=batch.mask))

# %% [markdown] id="invariants-why" slide
"""
**Why.** The sums are 3, 5 and 6: each word brings 1, so the sum is the length of the sentence. The
masked steps are `nan`, not 0. The third promise is kept, and for a bad reason: each step is divided
by itself, so no step knows of any other, padded or not.
"""

# %% [markdown] id="needed" slide
"""
## 4. Can one of the three lines go?

The third line has found nothing. Here are three more softmaxes with one mistake each, as they are
easily made:

- `sum_only` uses the mask in the sum and nowhere else;
- `epsilon` sums over the wrong axis, and adds a small number so that no `nan` appears;
- `scaled` first divides the scores by their standard deviation over time.

**Predict.** Which line finds which mistake? Is there a line that finds all three?
"""


# %% id="needed-layers" slide
def sum_only(scores, mask):
    exps = np.exp(scores)
    return exps / exps.sum(axis=1, keepdims=True, where=mask[..., None])


def epsilon(scores, mask):
    exps = np.exp(scores) * mask[..., None]
    return exps / (exps.sum(axis=-1, keepdims=True) + 1e-9)


# %% id="needed-run" fragment
def scaled(scores, mask):
    exps = np.exp(scores / scores.std(axis=1, keepdims=True)) * mask[..., None]
    return exps / exps.sum(axis=1, keepdims=True)


for layer in (sum_only, epsilon, scaled):
    print(f"{layer.__name__:9}", promises(layer, scores, batch.mask))

# %% [markdown] id="needed-why" slide
"""
**Why.** Each line finds one mistake that the other two miss. `sum_only` gives the words their right
weights, and gives weights to the masked steps as well. `epsilon` turns `nan` into a clean 0 and
leaves 1 at every word: the symptom is gone, the fault is not. `scaled` keeps the first two
promises, but its standard deviation counts the padding, so a sentence gets other weights as soon as
a longer one joins the batch. None of the three lines can go.
"""

# %% [markdown] id="right" slide
"""
## 5. What does the right layer look like?

Compare it with the faulty layer, line by line. It opts in. It works without a mask, too. It gives
masked steps a very low score *before* it looks for the maximum, and it sums over time.
"""


# %% id="right-layer" fragment
class TemporalSoftmax(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        everything = keras.ops.ones_like(inputs, dtype="bool")
        keep = everything if mask is None else keras.ops.expand_dims(mask, -1)
        scores = keras.ops.where(keep, inputs, -1e9)
        exps = keras.ops.exp(scores - keras.ops.max(scores, axis=1, keepdims=True))
        exps = exps * keras.ops.cast(keep, exps.dtype)
        return exps / keras.ops.maximum(keras.ops.sum(exps, axis=1, keepdims=True), 1)


# %% [markdown] id="right-predict" slide
"""
**Predict.** The model of section 2 gets this layer. The faulty one gave 1.0 to each valid step.
About 90 of the 100 steps of a row are valid, and their scores are almost equal. How large is a
weight now?
"""

# %% id="temporal-softmax" fragment
keras.utils.set_random_seed(0)
inputs = keras.Input(shape=(None,), dtype="int32")
x = keras.layers.Embedding(10, 32, mask_zero=True, name="embedding")(inputs)
x = keras.layers.Dense(1, name="dense")(x)
model = keras.Model(inputs, TemporalSoftmax(name="softmax")(x))

outputs = model(guide_ids)
result = keras.ops.convert_to_numpy(outputs)
print(result.shape)
print(f"one weight: {result[0, 0, 0]:.2f}")
print("sums to 1:", np.allclose(result.sum(axis=1), 1))
print("masked is 0:", bool(np.all(result[guide_ids == 0] == 0)))

# %% [markdown] id="right-ours"
"""
A weight is about 1 / 90. And our three sentences? The picture shows the faulty layer above and the
right one below:
"""

# %% id="right-picture" slide
right = TemporalSoftmax()(scores, mask=batch.mask)
right_weights = keras.ops.convert_to_numpy(right)[..., 0]
figure, (above, below) = plt.subplots(2, 1, figsize=(7, 5.6), layout="constrained")
draw(above, faulty_weights, "FaultySoftmax", batch.mask)
draw(below, right_weights, "TemporalSoftmax", batch.mask)
plt.show()

# %% [markdown] id="right-checks" slide
"""
Two questions for the next cell. Are the promises kept? Are the weights those of the sentences
alone, and those of Keras's own softmax layer?
"""

# %% id="right-measure" fragment
print(promises(TemporalSoftmax(), scores, batch.mask))
print("alone:", np.allclose(right_weights[batch.mask], np.concatenate(alone)))
softmax = keras.layers.Softmax(axis=1)(scores, mask=batch.mask[..., None])
print("keras:", np.allclose(right, softmax))

# %% [markdown] id="right-trace-text"
"""
The numbers are right. What about the way of the mask?

**Predict.** The trace of section 2 is drawn again, now with the right layer. What changes in the
row of `softmax`, and what stays?
"""

# %% id="right-trace"
ml.trace(model, few_ids, probe=True)

# %% [markdown] id="right-why"
"""
**Why.** `sum(..., axis=1)` has one sum for each sentence, and masked steps add 0 to it. That
`softmax` uses the mask has not changed: the faulty layer did that, too. New is the ring in place of
the bar: the mask leaves the model together with the weights. The layer may opt in because its
output has the same timesteps as its input ([lesson 07](07_opting_in.ipynb)).
"""

# %% [markdown] id="edges" slide
"""
## 6. What if a row is empty, or a score is 1000?

Of all these lines, which one cured the fault? `axis_only` is the faulty layer with `axis=1` and
nothing else: no maximum, no `-1e9`.

**Predict.** Which of the three promises does it break?
"""


# %% id="edges-short" fragment
def axis_only(scores, mask):
    exps = np.exp(scores) * mask[..., None]
    return exps / exps.sum(axis=1, keepdims=True)


print(promises(axis_only, scores, batch.mask))

# %% [markdown] id="edges-predict" slide
"""
None. An invariant can only speak about the batch that you give it, and two batches were missing. In
the first one, a sentence is empty: its row is masked from end to end. In the second one, each score
is larger by 1000. That must not change a softmax, since every `exp` grows by the same factor.

**Predict.** What does `axis_only` return for *Hello world !* in each of the two, and what does
`TemporalSoftmax` return?
"""

# %% id="edges-run" slide
empty = batch.mask.copy()
empty[0] = False
batches = {"empty": (scores, empty), "+1000": (scores + 1000, batch.mask)}
found = {}
with np.errstate(all="ignore"):
    for layer in (axis_only, TemporalSoftmax()):
        for case, (values, mask) in batches.items():
            name = getattr(layer, "__name__", "TemporalSoftmax")
            weights = keras.ops.convert_to_numpy(layer(values, mask=mask))[..., 0]
            found[name, case] = weights
            print(f"{name:15} {case}", weights[0].round(2))

# %% id="edges-picture" slide
figure, (above, below) = plt.subplots(2, 1, figsize=(7, 5.6), layout="constrained")
draw(above, found["axis_only", "empty"], "axis_only", empty)
draw(below, found["TemporalSoftmax", "empty"], "TemporalSoftmax", empty)
plt.show()

# %% [markdown] id="edges-mean-text"
"""
The other two sentences are right in both pictures. But a model is trained on one number for the
whole batch, and one `nan` is enough:
"""

# %% id="edges-mean"
for name in ("axis_only", "TemporalSoftmax"):
    print(f"{name:15} mean: {found[name, 'empty'].mean():.3f}")

# %% [markdown] id="edges-numbers-text"
"""
These are the numbers behind it. `float32` ends near 3e38:
"""

# %% id="edges-numbers"
infinity = np.float32("inf")
with np.errstate(all="ignore"):
    print("exp(1000) =", np.exp(np.float32(1000)))
    print("inf / inf =", infinity / infinity)
    print("0 / 0 =", np.float32(0) / np.float32(0))
    print("exp(-inf) =", np.exp(-infinity))
    print("-inf - -inf =", -infinity - -infinity)
    print("exp(-1e9) =", np.exp(np.float32(-1e9)))

# %% [markdown] id="edges-why" slide
"""
**Why.** Three lines of the right layer answer for this:

- *Subtract the maximum.* The largest `exp` becomes `exp(0)`, which is 1, and none is infinite.
- *Fill with `-1e9` and not with `-inf`.* Both give an `exp` of 0. But in an empty row the maximum
  itself would be `-inf`, and `-inf - -inf` is `nan`. (In `float16`, `-1e9` does not fit. Keras's
  source takes `-3e4` there.)
- *Divide by 1 or more.* In a row with a valid step the sum holds that `exp(0)`, so it is 1 or more
  and nothing changes. In an empty row it is 0, and 0 / 1 is 0.

One case is left. A layer may be called where there is no mask at all. The faulty layer cannot work
then; the right one reads every step:
"""

# %% id="edges-none" fragment
try:
    FaultySoftmax()(scores)
except ValueError as error:
    print(type(error).__name__)
unmasked = keras.ops.convert_to_numpy(TemporalSoftmax()(scores))[..., 0]
print(unmasked.sum(axis=1).round(3))
print(unmasked[0].round(2))

# %% [markdown] id="summary" slide
"""
## The six points to remember

This is the course in six points. Each one links to the lesson where you measured it.

1. **What masking is.** A mask tells the layers which timesteps to skip, so that padding is not read
   as data: [00](00_start.ipynb), [01](01_padding.ipynb).
2. **Who makes it.** `Embedding(mask_zero=True)` and `Masking` create a mask, and it travels beside
   the tensor: [02](02_mask_generators.ipynb).
3. **Who uses it.** Some layers, such as `LSTM`, read the mask and skip the masked steps. Others
   never notice it: [03](03_propagation.ipynb).
4. **Who carries it.** In the Functional API and the Sequential API, Keras passes the mask on
   automatically, until a layer does not support it: [03](03_propagation.ipynb).
5. **By hand.** Where a layer is used alone, you can pass `mask=` yourself:
   [05](05_masks_by_hand.ipynb).
6. **Custom layers.** A layer that changes the time axis or makes a mask says so in `compute_mask`
   ([06](06_layers_that_change_masks.ipynb)). One that keeps the time axis opts in with
   `supports_masking` ([07](07_opting_in.ipynb)). One that uses the mask takes `mask=None` in
   `call`, and you check that it keeps the promise
   ([08](08_layers_that_use_masks.ipynb)).
"""

# %% [markdown] id="remember" slide
"""
## Remember

1. The shape is right, nothing warns, the trace says that the layer uses the mask and that padding
   is ignored: none of this proves that the numbers are right. Look at them.
2. Valid steps sum to 1, masked steps are 0, more padding changes nothing: each line finds a fault
   that the others miss.
3. Try the empty row, very large scores and no mask at all before someone else does.
"""

# %% [markdown] id="look-up"
"""
Look it up: [`keras.layers.Layer`](https://keras.io/api/layers/base_layer/) ·
[`keras.layers.Softmax`](https://keras.io/api/layers/activation_layers/softmax/) · the TensorFlow
guide on [layers that need mask
information](https://www.tensorflow.org/guide/keras/masking_and_padding#writing_layers_that_need_mask_information)
and its [summary](https://www.tensorflow.org/guide/keras/masking_and_padding#summary)
"""
