# %% [markdown] id="title" slide
"""
# How do you fit three sentences into one batch?

*{{number}} Padding · {{minutes}} minutes*

**You will**

- turn sentences of 3, 5 and 6 tokens into one tensor;
- choose where padding stands and what truncation removes, and see what Keras does if you do not;
- measure what padding costs, and what it does to a model that reads it.
"""

# %% id="setup"
import keras
import matplotlib.pyplot as plt
import numpy as np

import masklens as ml

ml.set_language("en")

# %% [markdown] id="ragged" slide
"""
## 1. Can a model read sentences of different lengths?

A model reads numbers, so each word is looked up in a vocabulary. Our three sentences have 3, 5
and 6 tokens. This is the result of the look-up:
"""

# %% id="tokens" fragment
sentences = [
    "Hello world !".split(),
    "How are you doing today".split(),
    "The weather will be nice tomorrow".split(),
]
looked_up = [[71, 1331, 4231], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
for words, ids in zip(sentences, looked_up, strict=True):
    print(len(ids), ids, words)

# %% [markdown] id="ragged-predict" slide
"""
**Predict.** A model wants one tensor, for instance of shape `(3, 6)`. What does NumPy make of
these three lists?
"""

# %% id="ragged-array" fragment
try:
    print(np.array(looked_up).shape)
except ValueError as error:
    print(type(error).__name__)

# %% [markdown] id="ragged-why" slide
"""
**Why.** A tensor is a box: every row has the same number of places. A list of rows with different
lengths is *ragged*, and a ragged list is no box. Something must fill the empty places. That is
**padding**.
"""

# %% [markdown] id="post" slide
"""
## 2. What does padding look like?

The ids come from a vocabulary, and another vocabulary gives other ids. From here on the first
sentence is `[711, 632, 71]`, so that every number of the course can be compared with the
TensorFlow guide.

**Predict.** The first sentence has 3 tokens and the longest has 6. Where do the zeros stand after
`padding="post"`?
"""

# %% id="pad-post" fragment
ids = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
padded = keras.utils.pad_sequences(ids, padding="post")
print(padded)

# %% [markdown] id="post-picture" slide
"""
`ml.pad` returns the same numbers and remembers in addition where each token came from. So it can
be drawn: a box is a token, a hatched box is padding.
"""

# %% id="pad-post-picture" fragment
batch = ml.pad(ids, padding="post")
print(np.array_equal(batch.ids, padded))
ml.show(batch, tokens=sentences)

# %% [markdown] id="post-why" slide
"""
**Why.** `post` means *after* the tokens, on the right. Padding goes up to the longest sentence of
the batch. It is 0 unless you say otherwise: with `value=-1` it is -1. Layers that make masks
(lesson 02) look for 0, so keep 0 and give it to no token.
"""

# %% id="pad-value" fragment
print(keras.utils.pad_sequences(ids, padding="post", value=-1))

# %% [markdown] id="modes" slide
"""
## 3. Which words are left if you say nothing?

A batch often has a fixed length. Then short sentences are padded and long ones are **truncated**:
tokens too many are cut off. Both have a side of their own, `padding=` and `truncating=`.

**Predict.** `keras.utils.pad_sequences(ids, maxlen=4)` names no side. Does *How are you doing
today* begin with *How*?
"""

# %% id="modes-default" fragment
print(keras.utils.pad_sequences(ids, maxlen=4))
ml.show(ml.pad(ids, maxlen=4), tokens=sentences)

# %% [markdown] id="modes-why" slide
"""
**Why.** The default is `pre` for **both**. Padding stands before the tokens, and truncation
removes the *beginning* of the sentence. If the important word comes first, as in most questions,
it is gone without a message. Here are all four modes:
"""

# %% id="modes-four" slide
for padding in ("pre", "post"):
    for truncating in ("pre", "post"):
        four = ml.pad(ids, maxlen=4, padding=padding, truncating=truncating)
        display(ml.show(four, tokens=sentences))

# %% [markdown] id="modes-pick"
"""
`padding` decides where the empty places stand, `truncating` decides which words you lose. Say
both, always.
"""

# %% [markdown] id="cost" slide
"""
## 4. What does a batch cost?

Every place in the box is computed, whether a token stands there or not.

**Predict.** Our batch has 18 places. How many of a hundred computations are spent on padding? And
what if one sentence among 64 short ones is very long?
"""

# %% id="cost-share" slide
print(f"3 sentences: {1 - batch.mask.mean():.0%} padding")

lengths = np.random.default_rng(1).integers(5, 20, size=64)
lengths[40] = 120
many = ml.pad([np.arange(1, length + 1) for length in lengths], padding="post")
print(f"64 sentences: {1 - many.mask.mean():.0%} padding")
ml.show(many.mask)

# %% [markdown] id="cost-why" slide
"""
**Why.** The longest sentence sets the width for all. One sentence of 120 tokens makes the other
63 carry empty places. Two remedies: a `maxlen` that fits most sentences, or batches of sentences
of similar length.
"""

# %% id="cost-maxlen" fragment
shorter = ml.pad([np.arange(1, length + 1) for length in lengths], padding="post", maxlen=20)
print(f"maxlen=20: {1 - shorter.mask.mean():.0%} padding")
print(f"cut: {sum(len(shorter.cut(row)) for row in range(64))} of {lengths.sum()} tokens")

# %% [markdown] id="drift" slide
"""
## 5. What does the model read last?

An LSTM reads timestep after timestep, and hands on what it has read as its **hidden state**.
Nobody has told it yet that 0 is no word.

**Predict.** *Hello world !* is padded to 12 timesteps with `post`. After the third timestep no
word comes any more. Does the hidden state stand still?
"""

# %% id="drift-measure" slide
keras.utils.set_random_seed(0)
embedding = keras.layers.Embedding(5000, 16)
lstm = keras.layers.LSTM(32, return_sequences=True)

hello = ml.pad(ids[:1], maxlen=12, padding="post")
state = keras.ops.convert_to_numpy(lstm(embedding(hello.ids)))[0]
drift = np.linalg.norm(state - state[2], axis=1) / np.linalg.norm(state[2])
print([f"{share:.0%}" for share in drift[2:]])

# %% id="drift-picture" slide
figure, ax = plt.subplots(figsize=(7, 3))
ax.axvspan(2.5, 11.5, facecolor="none", edgecolor="0.8", hatch="//")
ax.plot(drift, color="#0072b2", marker="o")
ax.set_xlabel("timestep")
ax.set_ylabel("drift")
ax.set_xticks(range(12))
plt.show()

# %% [markdown] id="drift-why" slide
"""
The hatched part is padding. The state leaves the place where the last word had put it and moves
on with every zero.

**Why.** To the LSTM, 0 is a word like any other: it has a row in the Embedding, and that row
changes the state. With `post` padding the model reads padding **last**, and what it answers is
coloured by it. With `pre` it reads padding first, and the words have the last word:
"""

# %% id="drift-pre" fragment
last = {}
for padding in ("pre", "post"):
    for maxlen in (3, 12):
        row = ml.pad(ids[:1], maxlen=maxlen, padding=padding).ids
        last[padding, maxlen] = keras.ops.convert_to_numpy(lstm(embedding(row)))[0, -1]
    moved = np.linalg.norm(last[padding, 12] - last[padding, 3])
    print(f"{padding}: {moved / np.linalg.norm(last[padding, 3]):.0%}")

# %% [markdown] id="drift-better" slide
"""
`pre` makes it better, not good: the state still moves. What the model needs is to be told which
timesteps to leave out. That is a **mask**, and lesson 02 makes one. With masks the rule turns
round: `post` is the usual choice, because the fast cuDNN kernels of a GPU take right-padded
batches only. (This one we read in Keras's source; a CPU cannot show it.)
"""

# %% [markdown] id="choose" slide
"""
## 6. Which setting would you choose?

You have met every choice one by one. Here you make them together, with sentences of your own if you
like: each row is a text field. Below the picture stands what the setting costs, and the code that
does it is one click away. The switch `mask_zero` makes the mask of lesson 02, which stands beneath
the tokens: a struck out field marks a timestep to skip.

**Predict.** One line has a ✕: the fast kernels of a GPU (cuDNN) refuse the mask. Which single
control do you have to change so that no line has a ✕?

Try it, with the mouse or by keyboard: the Tab key goes to the next control, the arrow keys change
it, and the space bar turns the switch.
"""

# %% id="choose-explorer" slide
ml.PaddingExplorer(ids, tokens=sentences)

# %% [markdown] id="choose-why" slide
"""
**Why.** It is `padding="post"`. According to Keras's source, a cuDNN kernel is told only how many
timesteps of each row it has to read, and begins with the first. So each row of the mask has to be
True at the beginning and False from some timestep on.

Two other controls satisfy the kernels as well, but at a price. With `value=-1`, or with the mask
switched off, there is no False left to refuse, and the model reads all 4 padded places as data.

And a shorter batch? At `maxlen=4` only 1 place of 12 is padding, but three words are lost whatever
you choose. `truncating` decides no more than which three.
"""

# %% [markdown] id="floats" slide
"""
## 7. What becomes of 0.6?

Sequences need not be words. Here are measurements of a sensor.

**Predict.** What does `pad_sequences([[0.6, 1.7], [2.2]])` return?
"""

# %% id="floats-int" fragment
readings = [[0.6, 1.7], [2.2]]
print(keras.utils.pad_sequences(readings, padding="post"))
print(keras.utils.pad_sequences(readings, padding="post", dtype="float32"))

# %% [markdown] id="floats-why" slide
"""
**Why.** `dtype` is `int32` unless you say otherwise, and an integer drops the fraction: 0.6
becomes 0 and now looks exactly like padding. Keras says nothing. `ml.pad` returns the same
numbers, but warns:
"""

# %% id="floats-warning" fragment
import warnings

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", UserWarning)
    ml.pad(readings, padding="post")
print(caught[0].message)

# %% [markdown] id="remember" slide
"""
## Remember

1. A batch is a box. Padding fills its empty places with 0; truncation cuts what is too long.
2. Keras's default is `pre` for both. Say `padding=` and `truncating=` yourself, and
   `dtype="float32"` for measurements.
3. A model without a mask reads padding as data: its state drifts with every padded timestep.
"""

# %% [markdown] id="look-up"
"""
Look it up: [`keras.utils.pad_sequences`](https://keras.io/api/data_loading/timeseries/) · [the
TensorFlow guide on
padding](https://www.tensorflow.org/guide/keras/masking_and_padding#padding_sequence_data)
"""
