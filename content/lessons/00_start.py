# %% [markdown] id="title" slide
"""
# Why does the same sentence get two answers?

*{{number}} Start · {{minutes}} minutes*

**You will**

- train a small model, and see it give two answers to one sentence;
- find out what a mask changes in the model, and what it does not change;
- learn how to work with these notebooks, and find your way through the lessons.
"""

# %% id="setup"
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from keras import layers

import masklens as ml

ml.set_language("en")

# %% [markdown] id="notebook"
"""
## 1. How do you use a notebook?

A notebook has cells of prose and cells of code. Click the cell that begins with `import keras`
and press **Shift+Enter**. The cell runs, and the next cell is selected. This one prints nothing:
it imports NumPy, TensorFlow, Keras and `masklens`, the small library that draws the pictures of
this course. Run all cells from top to bottom, because each one uses what the earlier ones made.

Where you read **Predict**, decide on an answer *before* you run the next cell. A wrong prediction
is no failure: it shows you what there is to learn. Here is a first one.

**Predict.** Keras leaves the computing to another library, its *backend*. Which one is it here?
"""

# %% id="backend"
print(keras.backend.backend())
print(isinstance(keras.ops.zeros(3), tf.Tensor))

# %% [markdown] id="backend-why"
"""
**Why.** Keras 3 can compute with TensorFlow, JAX or PyTorch. TensorFlow is the default, so a tensor
that Keras makes here is a tensor of TensorFlow.
"""

# %% [markdown] id="question" slide
"""
## 2. Does padding change the answer?

The whole course uses these three sentences. They are cut into **tokens**: words and punctuation
marks. A model reads numbers, so each token is replaced by its **id**. The id of `!` is 71.
"""

# %% id="tokens" fragment
sentences = [
    "Hello world !".split(),
    "How are you doing today".split(),
    "The weather will be nice tomorrow".split(),
]
ids = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]

# %% [markdown] id="material" slide
"""
Our model is to answer one question: **does the sentence end with `!`?** It learns from 512
sequences. Each has six ids, drawn at random from those above, and about half of them end with 71.
"""

# %% id="draw" fragment
rng = np.random.default_rng(0)
vocabulary = sorted({token for row in ids for token in row})
sequences = rng.choice(vocabulary, size=(512, 6))
sequences[:256, -1] = 71
ends = sequences[:, -1] == 71
for row in (0, 511):
    print(sequences[row], ends[row])

# %% [markdown] id="model" slide
"""
The model is small. An Embedding turns each id into 16 numbers, an LSTM reads them timestep after
timestep, and a Dense layer gives one number between 0 (no) and 1 (yes). Training takes a few
seconds.
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
print(f"accuracy: {plain.evaluate(sequences, ends, verbose=0)[1]:.0%}")

# %% [markdown] id="padding" slide
"""
Now we ask about *Hello world !*. It has three tokens. In a batch all rows have the same length,
so beside a sentence of six tokens it is filled up with zeros. That is **padding**:
"""

# %% id="padding-picture" fragment
batch = ml.pad(ids[:1], maxlen=6, padding="post")
print(batch.ids)
ml.show(batch, tokens=sentences[:1])

# %% [markdown] id="padding-predict" slide
"""
**Predict.** We pad the sentence to 3 timesteps (no padding at all), 6, 12 and 24. It ends with `!`
each time. Which four numbers does the model answer?
"""

# %% id="without-mask" fragment
lengths = (3, 6, 12, 24)


def answers(model):
    rows = [ml.pad(ids[:1], maxlen=maxlen, padding="post").ids for maxlen in lengths]
    return [float(model(row)[0, 0]) for row in rows]


without_mask = answers(plain)
print([f"{answer:.2f}" for answer in without_mask])

# %% [markdown] id="padding-why" slide
"""
The same sentence gets two answers: yes without padding, no with it.

**Why.** The model was trained to look at the last id, and the last id is now 0. We put the zeros
there to fill a row. The model does not know that. It reads each zero as a token, and that token is
not `!`.

How many zeros there are depends on the *other* sentences in the batch. So the answer to one
sentence depends on its neighbours.
"""

# %% [markdown] id="mask" slide
"""
## 3. What does a mask change?

A **mask** says for each timestep whether it is to be read: True for a token, False for
padding. With `mask_zero=True` the Embedding makes one, and the LSTM skips what is False. We build
the model once more with this one switch, and copy the weights of the first. There is no new
training.

**Predict.** Every weight is the same as before. Which four numbers does this model answer?
"""

# %% id="with-mask" fragment
masked = build(mask_zero=True)
masked.set_weights(plain.get_weights())
with_mask = answers(masked)
print([f"{answer:.2f}" for answer in with_mask])

# %% id="both-lines" slide
figure, ax = plt.subplots(figsize=(7, 3))
ax.plot(lengths, with_mask, color="#0072b2", marker="o", label="mask_zero=True")
ax.plot(lengths, without_mask, color="0.4", marker="s", linestyle="--", label="mask_zero=False")
ax.set_xlabel("maxlen")
ax.set_ylabel("answer")
ax.set_xticks(lengths)
ax.set_ylim(-0.1, 1.1)
ax.legend()
plt.show()

# %% [markdown] id="mask-picture" slide
"""
Without padding the two models agree. As soon as there is padding, only the model with the mask
stays with its answer. This is the mask that its Embedding made, beside the batch:
"""

# %% id="mask-show" fragment
mask = ml.mask_of(masked.layers[0](batch.ids))
ml.show(batch, tokens=sentences[:1], mask=mask)

# %% [markdown] id="mask-why" slide
"""
**Why.** The mask changes no weight. It changes what is read. The LSTM skips the masked
timesteps, so the last token that it reads is `!`, however much padding follows.
"""

# %% [markdown] id="own-sentence" slide
"""
Now with a sentence of your own. Below is a model like ours, already trained to answer the same
question. Type a sentence, add zeros with the slider, and switch the mask on and off.
"""

# %% id="own-explorer" slide
without = {"type": "Embedding", "mask_zero": False}
ml.PropagationExplorer(sentences[:1], layers=[without, "LSTM"], maxlen=9, stack=False)

# %% [markdown] id="own-why"
"""
A word that ends with `!` has a vector of its own; all other words share the rest of the table.
Switch the mask off, and already the first zeros turn the answer. Switch it on, and no zero is read.
"""

# %% [markdown] id="train-padded" slide
"""
## 4. Is it enough to train with padding?

You may object: the first model had never seen padding. Let us train with it. The new question is
**does the sentence have fewer than four tokens?** The sequences have one to six tokens and are
padded to 6. We train one model without a mask and one with it.
"""

# %% id="train-both" fragment
counts = rng.integers(1, 7, size=512)
padded = np.where(np.arange(6) < counts[:, None], sequences, 0)
judges = {}
for mask_zero in (False, True):
    judges[mask_zero] = build(mask_zero)
    judges[mask_zero].fit(padded, counts < 4, epochs=10, verbose=0)
    accuracy = judges[mask_zero].evaluate(padded, counts < 4, verbose=0)[1]
    print(f"mask_zero={mask_zero}: accuracy {accuracy:.0%}")

# %% [markdown] id="train-predict" slide
"""
**Predict.** Both are right about every training sequence. Our sentences have 3, 5 and 6 tokens, so
only the first is short. What do the two models answer when there is no padding, and what when each
sentence is padded to 24?
"""

# %% id="train-answers" fragment
for mask_zero, judge in judges.items():
    for row in ids:
        rows = [ml.pad([row], maxlen=maxlen, padding="post").ids for maxlen in (len(row), 24)]
        tight, wide = (float(judge(padded_row)[0, 0]) for padded_row in rows)
        print(f"mask_zero={mask_zero!s:5}  maxlen={len(row)}: {tight:.2f}  maxlen=24: {wide:.2f}")

# %% [markdown] id="train-why" slide
"""
**Why.** Without a mask the model found another way to 100%: in training, many zeros meant a short
sentence. So it calls each of our sentences long when there is no padding, and short when there is
much. The model with the mask never reads a zero. It can only count tokens, and the padding does not
matter.

Both models had the same accuracy, and Keras raised no error. The difference appeared only when we
changed the padding and asked again. You will use this test throughout the course.
"""

# %% [markdown] id="map" slide
"""
## 5. What will you learn in this course?

**A mask is a promise about timesteps. Who makes it, who carries it, and who keeps it?** This
question is the thread of the course. Each lesson takes up a part of it, and shows what Keras does
in cells that you can run.

{{lessons}}

Take them in this order. You need to know some Python, and to have trained a Keras model once.

Each lesson has exercises, linked at its end. They check what your code does, and tell you which
mistake they recognise. `ml.progress()` shows how far you are.
"""

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

1. A model without a mask reads padding as data, so one sentence can get two answers.
2. A mask changes no weight. It says which timesteps are read.
3. Accuracy does not show the fault. Change the padding, ask again, and compare.
"""

# %% [markdown] id="look-up"
"""
Look it up: [`Embedding`](https://keras.io/api/layers/core_layers/embedding/) ·
[`LSTM`](https://keras.io/api/layers/recurrent_layers/lstm/) · [the TensorFlow guide on
masking](https://www.tensorflow.org/guide/keras/masking_and_padding#masking)
"""
