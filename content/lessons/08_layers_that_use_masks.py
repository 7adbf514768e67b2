# %% [markdown] id="title" slide
"""
# How do you know that your layer uses its mask correctly?

*{{number}} Layers that use masks · {{minutes}} minutes*

**You will**

- run the softmax over time of the TensorFlow guide, and see that every weight is wrong;
- find such faults with three invariants, one line of code each;
- write a layer that is right even for an empty row, and train attention pooling with it.
"""

# %% id="setup" skim
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np

import masklens as ml

ml.set_language("en")

# %% [markdown] id="pooling" slide
"""
## 1. Attention pooling: which words count?

To classify a sentence, a model turns the vectors of its words into one vector. An average counts
every word the same. **Attention pooling** lets the model decide:

- each word gets a **score**, usually from a `Dense(1)`;
- a softmax over time turns the scores of a sentence into weights that sum to 1;
- the weighted sum of the word vectors is the vector of the sentence.

You will train such a model in section 7. Its softmax needs the mask: any weight that goes to
padding is taken from the words. Until then, a score is half the number of characters of a word, so
that you can check every number.
"""

# %% id="pooling-scores" slide skim
sentences = [
    "Hello world !".split(),
    "How are you doing today".split(),
    "The weather will be nice tomorrow".split(),
]
ids = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
batch = ml.pad(ids, padding="post")
characters = [[len(word) for word in words] for words in sentences]
scores = keras.utils.pad_sequences(characters, padding="post", dtype="float32")[..., None] / 2
print(scores.shape)
print(scores[..., 0])
ml.show(batch, tokens=sentences, mask=batch.mask)

# %% [markdown] id="pooling-alone" slide
"""
Which weights are right? A sentence on its own has no padding and needs no mask, so NumPy is enough:
"""

# %% id="pooling-numpy" fragment
alone = [np.exp(scores[row, : len(ids[row]), 0]) for row in range(3)]
alone = [exps / exps.sum() for exps in alone]
for words, weights in zip(sentences, alone, strict=True):
    print(weights.round(2), words)

# %% [markdown] id="guide" slide
"""
## 2. The guide's softmax: which weights does it give?

This layer follows the `TemporalSoftmax` of the TensorFlow guide. It computes `exp` of the scores,
multiplies by the mask, and divides by the sum over the last axis:
"""


# %% id="temporal-softmax-faulty" fragment
class FaultySoftmax(keras.layers.Layer):
    axis = -1

    def call(self, inputs, mask=None):
        keep = keras.ops.expand_dims(keras.ops.cast(mask, "float32"), -1)
        exps = keras.ops.exp(inputs) * keep
        return exps / keras.ops.sum(exps, axis=self.axis, keepdims=True)


# %% [markdown] id="guide-predict" fragment
"""
**Predict.** On its own, *Hello world !* gives `!` the weight 0.06. In the batch, three masked steps
follow it. Which weights does this layer give to `!` and to the masked steps?

- [ ] `!`: 0.06, masked steps: 0
- [x] `!`: 1, masked steps: `nan`
- [ ] `!`: less than 0.06, masked steps: the rest
- [ ] `!`: 0.06, masked steps: `nan`
"""

# %% id="guide-run"
with warnings.catch_warnings(action="ignore"):
    faulty = FaultySoftmax()(scores, mask=batch.mask)
faulty_weights = keras.ops.convert_to_numpy(faulty)[..., 0]
print(faulty_weights)

# %% [markdown] id="guide-picture-text"
"""
Here are the weights as a picture. Each row is a sentence, and hatched boxes are masked steps.
"""


# %% id="guide-draw" skim
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
    ax.set(title=title, xlim=(-0.5, 5.5), ylim=(2.5, -0.5), xticks=[], yticks=[])


# %% id="guide-picture" slide skim
figure, ax = plt.subplots(figsize=(7, 2.6))
draw(ax, faulty_weights, "axis=-1", batch.mask)
plt.show()

# %% [markdown] id="guide-why" fragment
"""
**Why.** The shape is `(batch, time, features)`, so `axis=-1` is the axis of the features, and there
is only one feature. Each timestep is divided by itself: a word gets `exp(x) / exp(x)`, which is 1,
and a masked step gets 0 / 0, which is `nan`. Time is `axis=1`.
"""

# %% [markdown] id="unseen" slide
"""
## 3. Shape, trace, warning: why does nobody see the fault?

In the guide, the layer comes after an `Embedding` and a `Dense(1)`. It gets 32 rows of 100 ids, and
the output is not printed. Here are its shape, the number of `nan`, the number of masked steps, and
all other values:
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
    result = keras.ops.convert_to_numpy(faulty_model(guide_ids))
print(result.shape)
print(np.isnan(result).sum(), np.sum(guide_ids == 0), np.unique(result[~np.isnan(result)]))

# %% [markdown] id="unseen-predict" slide
"""
The shape is right. A trace ([lesson 03](03_propagation.ipynb)) with `probe=True` shows which layers
use the mask ([lesson 04](04_use.ipynb)).

**Predict.** `dense` and `softmax` both receive the mask. Which of them uses it, and which passes
it on?

- [ ] `softmax` uses it, both pass it on
- [x] `softmax` uses it, only `dense` passes it on
- [ ] neither uses it, only `dense` passes it on
- [ ] both use it, neither passes it on
"""

# %% id="unseen-trace" fragment
few_ids = guide_ids[:3, :8]
with warnings.catch_warnings(action="ignore"):
    display(ml.trace(faulty_model, few_ids, probe=True))

# %% [markdown] id="unseen-why" slide
"""
**Why.** With another mask, the output of `softmax` is different: it uses the mask. It does not opt
in ([lesson 07](07_opting_in.ipynb)), so the mask ends there. And padding does not change the
answer. All of this is measured and true. None of it says that the layer uses the mask *correctly*.
"""

# %% [markdown] id="unseen-call-text"
"""
The example does give two messages: a warning about the mask, and an error, because the guide passes
an array after the ids, where Keras 3 expects `training`. Neither is about the numbers. Now the
layer opts in, and we count the warnings again:
"""

# %% id="unseen-quiet"
print(str(caught[0].message).split(". ")[1])
try:
    faulty_model(guide_ids, np.ones((32, 100, 1)))
except TypeError as error:
    print(f"{type(error).__name__}: {error}")
quiet = FaultySoftmax()
quiet.supports_masking = True
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", UserWarning)
    weights = quiet(keras.layers.Masking()(scores))
print(len(caught), np.array_equal(ml.mask_of(weights), batch.mask))
print(keras.ops.convert_to_numpy(weights)[0, :, 0])

# %% [markdown] id="invariants" slide
"""
## 4. Invariants: which three lines find the fault?

Once the layer opts in, there is no warning, and the mask is passed on. But the numbers are as wrong
as before: Keras does not check what a layer does with its mask.

You rarely know the right numbers in advance. But you know what must be true of them for every
batch: an **invariant**. A softmax over time has three:

- the weights of the valid steps of a sentence sum to 1;
- the weights of masked steps are 0;
- more padding changes no weight of a valid step.

For the third, the function adds four steps of padding with the score 5, higher than that of any
word: a layer that reads them gives itself away.
"""


# %% id="invariants-function" slide
def invariants(layer, scores, mask):
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
**Predict.** Which of the three does the guide's layer break?

- [ ] only the first
- [ ] only the second
- [x] the first and the second
- [ ] all three
"""

# %% id="invariants-run" fragment
print(invariants(quiet, scores, batch.mask))
print(faulty_weights.sum(axis=1, where=batch.mask))

# %% [markdown] id="invariants-why" fragment
"""
**Why.** Every word has the weight 1, so the sums are the lengths of the sentences. The masked steps
are `nan`, not 0. The third invariant holds, but for a bad reason: each timestep is divided by
itself, so no other timestep matters.
"""

# %% [markdown] id="needed" slide
"""
Do you need all three invariants? Here are three more softmaxes, each with a common mistake:

- `sum_only` uses the mask in the sum and nowhere else;
- `epsilon` sums over the wrong axis, and adds a small number so that no `nan` appears;
- `scaled` first divides the scores by their standard deviation over time.
"""


# %% id="needed-run" slide
def sum_only(scores, mask):
    exps = np.exp(scores)
    return exps / exps.sum(axis=1, keepdims=True, where=mask[..., None])


def epsilon(scores, mask):
    exps = np.exp(scores) * mask[..., None]
    return exps / (exps.sum(axis=-1, keepdims=True) + 1e-9)


def scaled(scores, mask):
    exps = np.exp(scores / scores.std(axis=1, keepdims=True)) * mask[..., None]
    return exps / exps.sum(axis=1, keepdims=True)


for layer in (sum_only, epsilon, scaled):
    print(f"{layer.__name__:9}", invariants(layer, scores, batch.mask))

# %% [markdown] id="needed-found" slide
"""
You do: each invariant finds a mistake that the other two miss. `sum_only` gives the words the right
weights, but gives weights to masked steps as well. `epsilon` turns `nan` into 0 and leaves 1 at
every word: the symptom is gone, the fault is not. In `scaled`, the standard deviation includes the
padding, so more padding changes the weights.
"""

# %% [markdown] id="right" slide
"""
## 5. The right layer: may it pass the mask on?

Compare this layer with the guide's, line by line. It opts in, and it also works without a mask. It
gives masked steps a very low score *before* it looks for the maximum, and it sums over time.
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


# %% [markdown] id="right-model"
"""
First, the guide's model. About 90 of the 100 steps of a row are valid, and their scores are almost
equal, so a weight should be about 1 / 90:
"""

# %% id="temporal-softmax"
keras.utils.set_random_seed(0)
inputs = keras.Input(shape=(None,), dtype="int32")
x = keras.layers.Embedding(10, 32, mask_zero=True, name="embedding")(inputs)
x = keras.layers.Dense(1, name="dense")(x)
model = keras.Model(inputs, TemporalSoftmax(name="softmax")(x))

result = keras.ops.convert_to_numpy(model(guide_ids))
print(result.shape, f"{result[0, 0, 0]:.2f}")
print(np.allclose(result.sum(axis=1), 1), bool(np.all(result[guide_ids == 0] == 0)))

# %% [markdown] id="right-ours" slide
"""
Then our three sentences: the guide's layer above, the right one below.
"""

# %% id="right-picture" fragment skim
right = TemporalSoftmax()(scores, mask=batch.mask)
right_weights = keras.ops.convert_to_numpy(right)[..., 0]
figure, (above, below) = plt.subplots(2, 1, figsize=(7, 5.6), layout="constrained")
draw(above, faulty_weights, "FaultySoftmax", batch.mask)
draw(below, right_weights, "TemporalSoftmax", batch.mask)
plt.show()

# %% [markdown] id="right-checks"
"""
Three checks: the invariants; whether the weights are those of the sentences alone, and those of
Keras's own softmax; and the sum of each row without a mask.
"""

# %% id="right-measure"
print(invariants(TemporalSoftmax(), scores, batch.mask))
softmax = keras.layers.Softmax(axis=1)(scores, mask=batch.mask[..., None])
alone_too = np.allclose(right_weights[batch.mask], np.concatenate(alone))
print(alone_too, np.allclose(right, softmax))
print(keras.ops.convert_to_numpy(TemporalSoftmax()(scores)).sum(axis=1)[:, 0].round(3))

# %% [markdown] id="right-predict" slide
"""
**Predict.** Here is the trace of section 3 once more, with this layer. What changes in the row of
`softmax`?

- [ ] it now uses the mask
- [x] it now passes the mask on
- [ ] it now does both
- [ ] nothing
"""

# %% id="right-trace" slide
ml.trace(model, few_ids, probe=True)

# %% [markdown] id="right-why" slide
"""
**Why.** The guide's layer used the mask as well, but not correctly. Now a ring has replaced the
bar: the mask leaves the model with the weights. A layer may pass the mask on if (a) timestep t of
the output stands for timestep t of the input, and (b) no padding gets into it: because each
timestep is computed alone, or because the layer uses the mask to leave padding out
([lesson 07](07_opting_in.ipynb)). Here weight t belongs to word t, and the third invariant has
tested (b).
"""

# %% [markdown] id="edges" slide
"""
## 6. Edge cases: what if a row is empty, or a score is 1000?

Which line of the right layer removed the fault? `axis_only` is the guide's layer with one change,
`axis=1`. It has no maximum and no `-1e9`:
"""

# %% id="edges-axis" fragment
axis_only = FaultySoftmax(name="axis_only")
axis_only.axis = 1
axis_only.supports_masking = True
print(invariants(axis_only, scores, batch.mask))

# %% [markdown] id="edges-predict" slide
"""
The invariants hold, but only this batch was tested. Try two others. In one, the first sentence is
empty: its whole row is masked. In the other, every score is 1000 higher. That must not change the
weights, because every `exp` grows by the same factor. But `float32` ends at about 3e38, and
`exp(1000)` is far above it.

**Predict.** What does `axis_only` return for the first sentence of each batch?

- [x] empty: `nan`; +1000: `nan`
- [ ] empty: `nan`; +1000: the right weights
- [ ] empty: zeros; +1000: `nan`
- [ ] empty: zeros; +1000: the right weights
"""

# %% id="edges-run" fragment
empty = batch.mask.copy()
empty[0] = False
batches = {"empty": (scores, empty), "+1000": (scores + 1000, batch.mask)}  # words
for layer in (axis_only, TemporalSoftmax(name="TemporalSoftmax")):
    for case, (values, mask) in batches.items():
        weights = keras.ops.convert_to_numpy(layer(values, mask=mask))[0, :, 0]
        print(f"{layer.name:15} {case:5}", weights.round(2))

# %% id="edges-numbers"
infinity = np.float32("inf")
with np.errstate(all="ignore"):
    print("exp(1000) =", np.exp(np.float32(1000)))
    print("inf / inf =", infinity / infinity)
    print("0 / 0 =", np.float32(0) / np.float32(0))
    print("-inf - -inf =", -infinity - -infinity)
    print("exp(-1e9) =", np.exp(np.float32(-1e9)))

# %% [markdown] id="edges-why" slide
"""
**Why.** In `axis_only` the empty row is 0 / 0, and `exp(1000)` is infinite. Three lines of
`TemporalSoftmax` prevent that:

- *Subtract the maximum.* The largest `exp` becomes `exp(0)`, which is 1.
- *Fill with `-1e9`, not with `-inf`.* Both give an `exp` of 0. But in an empty row the maximum
  itself would be `-inf`, and `-inf - -inf` is `nan`. (`float16` cannot hold `-1e9`. Keras's source
  uses `-3e4` there.)
- *Divide by 1 or more.* With a valid step, the sum contains that `exp(0)`, so nothing changes. In
  an empty row it is 0, and 0 / 1 is 0.
"""

# %% [markdown] id="train" slide
"""
## 7. Attention pooling: what does one empty row do to training?

Now the model learns the scores. The question is: does the sentence contain `!`? It learns from 512
random sentences. Half of them contain `!`, and the last one is empty.
"""

# %% id="train-data" fragment skim
rng = np.random.default_rng(0)
vocabulary = sorted({token for row in ids for token in row} - {71})
lengths = rng.integers(1, 13, size=512)
random_ids = rng.choice(vocabulary, size=(512, 12))
texts = np.where(np.arange(12) < lengths[:, None], random_ids, 0)
texts[np.arange(256), rng.integers(lengths[:256])] = 71
texts[-1] = 0
contains = (texts == 71).any(axis=1)


# %% id="train-build" slide
def classifier(softmax):
    keras.utils.set_random_seed(0)
    inputs = keras.Input(shape=(None,), dtype="int32")
    x = keras.layers.Embedding(5000, 16, mask_zero=True, name="embedding")(inputs)
    weights = softmax(keras.layers.Dense(1, name="score")(x))
    pooled = keras.ops.sum(weights * x, axis=1)
    outputs = keras.layers.Dense(1, activation="sigmoid", name="answer")(pooled)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    return model


# %% [markdown] id="train-predict" slide
"""
**Predict.** We train it once with `axis_only` and once with `TemporalSoftmax`. Both are right on
511 of the 512 sentences. What is the loss with `axis_only` after 20 epochs?

- [ ] 0.00, one sentence hardly counts
- [ ] about 0.69, as before training
- [x] `nan`, one sentence is enough
"""

# %% id="train-run" fragment
for softmax in (axis_only, TemporalSoftmax(name="TemporalSoftmax")):
    model = classifier(softmax)
    losses = model.fit(texts, contains, epochs=20, verbose=0).history["loss"]
    kernel = keras.ops.convert_to_numpy(model.get_layer("score").kernel)
    print(f"{softmax.name:15} loss={losses[-1]:.2f} isnan(kernel)={np.isnan(kernel).mean():.0%}")
longer = ml.pad(ids, padding="post", maxlen=24)
answers = [keras.ops.convert_to_numpy(model(x.ids))[:, 0].round(2) for x in (batch, longer)]
print(*answers)

# %% [markdown] id="train-why" fragment
"""
**Why.** The loss is an average over the batch, so the `nan` of one sentence makes it `nan`. The
gradient then turns the parameters of the model into `nan`, and training cannot recover.
`TemporalSoftmax` gives zeros to the empty sentence, and the model learns.
"""

# %% [markdown] id="train-weights" slide
"""
Only *Hello world !* gets a yes, whether it is padded to 6 timesteps or to 24. These are the weights
that the model has learned:
"""

# %% id="train-picture" fragment skim
learned = keras.Model(model.input, model.get_layer("TemporalSoftmax").output)(batch.ids)
figure, ax = plt.subplots(figsize=(7, 2.6))
draw(ax, keras.ops.convert_to_numpy(learned)[..., 0], "TemporalSoftmax", batch.mask)
plt.show()

# %% [markdown] id="train-end"
"""
In *Hello world !* the model reads only `!`. The other sentences have none, and their weights are
spread over all words. In a Transformer, attention computes such weights anew for each word, and its
softmax needs the same care.
"""

# %% [markdown] id="summary" slide
"""
## The six points to remember

Each point links to the lesson where you measured it.

1. **What masking is.** A mask tells the layers which timesteps to skip, so that padding is not read
   as data: [00](00_start.ipynb), [01](01_padding.ipynb).
2. **Who makes the mask.** `Embedding(mask_zero=True)` and `Masking` do, and it travels with the
   tensor: [02](02_mask_generators.ipynb).
3. **Who uses it.** Some layers, such as `LSTM`, skip the masked steps. Others, such as `Flatten`,
   never notice the mask: [04](04_use.ipynb).
4. **Who passes it on.** In the Functional and the Sequential API, Keras passes the mask on
   automatically, until a layer does not support it: [03](03_propagation.ipynb).
5. **By hand.** When you call a layer on its own, you can pass `mask=` yourself:
   [05](05_masks_by_hand.ipynb).
6. **Custom layers.** A layer that changes the time axis or makes a mask computes the new mask in
   `compute_mask` ([06](06_layers_that_change_masks.ipynb)). A layer may pass the mask on if (a)
   timestep t of the output stands for timestep t of the input, and (b) no padding gets into it:
   because each timestep is computed alone, or because the layer uses the mask to leave padding out.
   It then sets `supports_masking` ([07](07_opting_in.ipynb)). A layer that uses the mask takes
   `mask=None` in `call`, and you check its numbers ([08](08_layers_that_use_masks.ipynb)).
"""

# %% [markdown] id="remember" slide
"""
## Remember

1. A correct shape, no warning and a trace without a fault do not prove that the numbers are right.
   Look at the numbers.
2. Valid steps sum to 1, masked steps are 0, more padding changes nothing: each invariant finds a
   fault that the others miss.
3. Test the empty row, very large scores and no mask at all.
"""

# %% [markdown] id="look-up"
"""
Look it up: [`keras.layers.Layer`](https://keras.io/api/layers/base_layer/) ·
[`keras.layers.Softmax`](https://keras.io/api/layers/activation_layers/softmax/) · the TensorFlow
guide on [layers that need mask
information](https://www.tensorflow.org/guide/keras/masking_and_padding#writing_layers_that_need_mask_information)
and its [summary](https://www.tensorflow.org/guide/keras/masking_and_padding#summary)
"""
