# %% [markdown] id="title" slide
"""
# Padding and masks: why does the same sentence get two answers?

*{{number}} Start · {{minutes}} minutes*

**You will**

- see a trained model give two answers to the same sentence, because of padding;
- fix this with a mask, and learn what a mask promises;
- find your way through the lessons and the notebooks.
"""

# %% [markdown] id="run"
"""
Run the cells from top to bottom with **Shift+Enter**. Where you read **Predict**, choose an answer
*before* you run the next cell. Section 5 says more about working with notebooks.
"""

# %% id="setup" skim
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from keras import layers

import masklens as ml

ml.set_language("en")

# %% [markdown] id="question" slide
"""
## 1. Padding: does it change the answer?

The whole course uses the same three sentences. They are split into **tokens**: words and
punctuation marks. A model reads numbers, so each token is replaced by a number, its **id**.
"""

# %% id="tokens" fragment skim
sentences = [
    "Hello world !".split(),
    "How are you doing today".split(),
    "The weather will be nice tomorrow".split(),
]
ids = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]

# %% [markdown] id="material" slide
"""
The ids are those of the TensorFlow guide that this course follows, so you can compare each result
with the guide. They are only an example: *today* and *tomorrow* are both 927 there. In a real
vocabulary, each token has an id of its own.

Our model answers one question: **does the sentence end with `!`?** It learns from 512 sequences of
six ids, drawn at random from those above. About half of them end with 71, the id of `!`.
"""

# %% id="draw" fragment skim
rng = np.random.default_rng(0)
vocabulary = sorted({token for row in ids for token in row})
sequences = rng.choice(vocabulary, size=(512, 6))
sequences[:256, -1] = 71
ends = sequences[:, -1] == 71
for row in (0, 511):
    print(sequences[row], ends[row])

# %% [markdown] id="model" slide
"""
The model is small. An Embedding turns each id into 16 numbers. An LSTM reads them one **timestep**
after another; a timestep is one position in a sequence. A Dense layer then returns one number
between 0 (no) and 1 (yes). Training takes a few seconds. This is the accuracy afterwards:
"""


# %% id="build" fragment
def build(mask_zero):
    keras.utils.set_random_seed(0)
    entry = layers.Input(shape=(None,), dtype="int32")
    embedding = layers.Embedding(5000, 16, mask_zero=mask_zero)
    answer = layers.Dense(1, activation="sigmoid")
    model = keras.Sequential([entry, embedding, layers.LSTM(16), answer])
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model


# %% id="train" fragment
plain = build(mask_zero=False)
plain.fit(sequences, ends, epochs=10, verbose=0)
print(f"{plain.evaluate(sequences, ends, verbose=0)[1]:.0%}")

# %% [markdown] id="padding" slide
"""
Now we ask the model about *Hello world !* twice: alone, and in a batch with the two longer
sentences. A batch is a rectangle: all its rows have the same length. Short rows are filled up with
zeros. This is **padding**:
"""

# %% id="padding-picture" fragment skim
batch = ml.pad(ids, padding="post")
print(batch.ids)
ml.show(batch, tokens=sentences)

# %% [markdown] id="padding-predict" slide
"""
**Predict.** *Hello world !* ends with `!` both times. What does the model answer for the sentence
alone, and what for the first row of this batch?

- [ ] yes alone, yes in the batch
- [ ] no alone, yes in the batch
- [x] yes alone, no in the batch
"""

# %% id="alone-and-batched" fragment
alone = ml.pad(ids[:1], padding="post")
for padded in (alone, batch):
    print(padded.ids.shape, f"{float(plain(padded.ids)[0, 0]):.2f}")

# %% [markdown] id="padding-why" slide
"""
**Why.** In training, the last id decided the answer. In the batch, the last id of the first row is
0. We put the zeros there to fill the row, but nothing tells the model so. It reads each zero as a
token, and that token is not `!`.
"""

# %% [markdown] id="practice" slide
"""
How many zeros a sentence gets depends on the *longest* sentence of its batch. So the answer for one
sentence depends on its neighbours.

Take a service that scores reviews as an example. A review gets one score when it arrives alone, and
another when longer reviews happen to be in the same batch. No error is raised, and a test that
sends one review at a time finds nothing.
"""

# %% [markdown] id="mask" slide
"""
## 2. Mask: what does it change?

**Masking** tells the layers of a model that some timesteps are missing. **Padding** is a special
case: the missing timesteps are at the beginning or at the end of a sequence, and a filler takes
their place to make the batch a rectangle. So padding needs masking. But masking can do more: a
timestep may also be missing in the middle, for instance because a sensor failed.

A **mask** holds one boolean per timestep. True means: there is data here. False means: **this
timestep must not influence the result.** This is the promise of a mask.
"""

# %% [markdown] id="mask-predict" slide
"""
With `mask_zero=True`, the Embedding makes a mask that is False where the id is 0, and the LSTM
skips every timestep that is False. We build the model once more with this argument and copy the
weights of the first model, without any new training. Then we pad *Hello world !* to 3 timesteps (no
padding), 6, 12 and 24, and ask both models.

**Predict.** The weights are the same in both models. What does the model with the mask answer?

- [ ] the same as the model without a mask
- [x] yes at each of the four lengths
- [ ] yes at 3 and 6, no at 12 and 24
"""

# %% id="with-mask" fragment
masked = build(mask_zero=True)
masked.set_weights(plain.get_weights())
lengths = (3, 6, 12, 24)


def answers(model):
    rows = [ml.pad(ids[:1], maxlen=maxlen, padding="post").ids for maxlen in lengths]
    return [float(model(row)[0, 0]) for row in rows]


without_mask, with_mask = answers(plain), answers(masked)
print("mask_zero=False:", [f"{answer:.2f}" for answer in without_mask])
print("mask_zero=True: ", [f"{answer:.2f}" for answer in with_mask])

# %% id="both-lines" slide skim
figure, ax = plt.subplots(figsize=(7, 3))
ax.plot(lengths, with_mask, color="#0072b2", marker="o", label="mask_zero=True")
ax.plot(lengths, without_mask, color="0.4", marker="s", linestyle="--", label="mask_zero=False")
ax.set_xlabel("maxlen")
ax.set_ylabel("answer")  # words
ax.set_xticks(lengths)
ax.set_ylim(-0.1, 1.1)
ax.legend()
plt.show()

# %% [markdown] id="mask-picture" slide
"""
Without padding, the two models agree. With padding, only the model with the mask keeps its answer.
This is the mask that its Embedding makes for the batch of three sentences:
"""

# %% id="mask-show" fragment skim
mask = ml.mask_of(masked.layers[0](batch.ids))
ml.show(batch, tokens=sentences, mask=mask)

# %% [markdown] id="mask-why" slide
"""
**Why.** A mask changes no weight. It changes what the model reads. The LSTM skips the masked
timesteps, so the last token that it reads is `!`, however much padding follows.
"""

# %% [markdown] id="own-sentence" slide
"""
Now try a sentence of your own. Below is a similar model, already trained to answer the same
question. Type a sentence, add zeros with the slider, and switch the mask on and off.
"""

# %% id="own-explorer" slide
without = {"type": "Embedding", "mask_zero": False}
ml.PropagationExplorer(sentences[:1], layers=[without, "LSTM"], maxlen=9, stack=False)

# %% [markdown] id="own-why"
"""
In this model, all words that end with `!` share a vector of their own. While the mask is off, a few
zeros are enough to flip the answer. While it is on, the model reads no zero.
"""

# %% [markdown] id="train-padded" slide
"""
## 3. Training with padding: is it enough?

You may object that the first model had never seen padding. So let us train with padding. The new
question is **does the sentence have fewer than four tokens?** The sequences have one to six tokens
and are padded to 6. We train one model without a mask and one with a mask, and print their
accuracy:
"""

# %% id="train-both" fragment
counts = rng.integers(1, 7, size=512)
padded = np.where(np.arange(6) < counts[:, None], sequences, 0)
judges = {}
for mask_zero in (False, True):
    judges[mask_zero] = build(mask_zero)
    judges[mask_zero].fit(padded, counts < 4, epochs=10, verbose=0)
    accuracy = judges[mask_zero].evaluate(padded, counts < 4, verbose=0)[1]
    print(f"mask_zero={mask_zero}: {accuracy:.0%}")

# %% [markdown] id="train-predict" slide
"""
Both models are right about every training sequence. Our three sentences have 3, 5 and 6 tokens, so
only the first is short. We ask about each sentence without padding, and padded to 24.

**Predict.** Which model is right about all three sentences, with and without padding?

- [x] only the one with the mask
- [ ] only the one without a mask
- [ ] both of them
- [ ] neither of them
"""

# %% id="train-answers" fragment
for mask_zero, judge in judges.items():
    for row in ids:
        rows = [ml.pad([row], maxlen=maxlen, padding="post").ids for maxlen in (len(row), 24)]
        tight, wide = (float(judge(padded_row)[0, 0]) for padded_row in rows)
        print(f"mask_zero={mask_zero!s:5}  maxlen={len(row)}: {tight:.2f}  maxlen=24: {wide:.2f}")

# %% [markdown] id="train-why" slide
"""
**Why.** The model without a mask found another way to 100%: in training, many zeros meant a short
sentence. So it calls all three sentences long when there is no padding, and short when there is a
lot of it. The model with the mask never reads a zero. It can only count tokens, so padding makes no
difference to it.
"""

# %% [markdown] id="test" slide
"""
Both models had the same accuracy, and Keras raised no error. The difference appeared only when we
changed the padding and asked again. You will use this test throughout the course.
"""

# %% [markdown] id="map" slide
"""
## 4. Course: what will you learn?

**A mask promises that some timesteps will not influence the result. Which layers make the mask,
which pass it on, and which use it? And does padding get into the answer all the same?** These
questions run through the course. Some layers pass the mask on; others lose it without an error.
Each lesson takes up one part and shows what Keras does, in cells that you can run.

{{lessons}}

Take the lessons in this order. You need to know some Python, and to have trained a Keras model
before.

From lesson 01 on, each lesson has exercises, linked at its end. They run your answer, and explain
what went wrong if they recognise a common mistake. `ml.progress()` shows how far you are.
"""

# %% [markdown] id="notebook"
"""
## 5. Notebooks: how do you work with them?

A notebook consists of cells with text and cells with code. Click a code cell and press
**Shift+Enter**: the cell runs, and the next cell is selected. Run all cells from top to bottom,
because each one uses what earlier ones have made. The first code cell of a lesson prints nothing.
It imports what the lesson needs, for instance `masklens`, the small library that draws the pictures
of this course.

At each **Predict**, decide on an answer before you run the next cell. A wrong prediction is not a
failure: it shows you that there is something to learn.

Keras leaves the computation to a *backend*. In this course it is TensorFlow, the default:
"""

# %% id="backend" skim
print(keras.backend.backend(), isinstance(keras.ops.zeros(3), tf.Tensor))

# %% [markdown] id="credit"
"""
The course follows the TensorFlow guide [Masking and padding with
Keras](https://www.tensorflow.org/guide/keras/masking_and_padding) by Scott Zhu and François
Chollet. The order of the topics, the three sentences with their ids, and the names and shapes of
the examples come from there. The explanations and the code are our own.
"""

# %% [markdown] id="remember" slide
"""
## Remember

1. A model without a mask reads padding as data. So the answer for one sentence can depend on the
   other sentences in its batch.
2. A mask changes no weight. Where it is False, the timestep must not influence the result.
3. Accuracy does not reveal the fault. Change the padding, ask again, and compare.
"""

# %% [markdown] id="look-up"
"""
Look it up: [`Embedding`](https://keras.io/api/layers/core_layers/embedding/) ·
[`LSTM`](https://keras.io/api/layers/recurrent_layers/lstm/) · [the TensorFlow guide on
masking](https://www.tensorflow.org/guide/keras/masking_and_padding#masking)
"""
