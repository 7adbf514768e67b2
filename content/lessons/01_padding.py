# %% [markdown] id="title" slide
"""
# Padding: how does text become one batch, and what does it cost?

*{{number}} Padding · {{minutes}} minutes*

**You will**

- turn sentences of 3, 5 and 6 tokens into ids, and the ids into one batch;
- choose where padding goes and what truncation removes, and see what Keras does by default;
- measure what padding costs, and what it does to a trained model that reads it.
"""

# %% id="setup" skim
import inspect
import timeit
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np

import masklens as ml

ml.set_language("en")

# %% [markdown] id="text" slide
"""
## 1. Text and ids: what does `TextVectorization` do?

The Keras layer `TextVectorization` learns a vocabulary from texts and replaces each token with its
id. With `standardize=None` it only splits the texts at spaces; by default it would also delete
punctuation marks, such as our token `!`. The first line of the output shows the entries of the
vocabulary with the ids 0 and 1.
"""

# %% id="vectorize" fragment
sentences = [
    "Hello world !".split(),
    "How are you doing today".split(),
    "The weather will be nice tomorrow".split(),
]
texts = [" ".join(words) for words in sentences]
vectorize = keras.layers.TextVectorization(standardize=None)
vectorize.adapt(texts)
print(vectorize.get_vocabulary()[:2])
print(keras.ops.convert_to_numpy(vectorize(texts)))

# %% [markdown] id="text-predict" slide
"""
The id 0 is reserved for padding, and 1 (`[UNK]`) for unknown tokens. All other ids start at 2.

Now a new layer learns its vocabulary from one Korean sentence, 오늘 날씨가 참 좋네요 ("the weather
is really nice today"). Then it also reads 오늘 날씨는 좋네요, where 날씨 ("weather") has a
different particle.

**Predict.** Which id does 날씨는 get?

- [ ] the id of 날씨가
- [ ] 0
- [x] 1
"""

# %% id="vectorize-korean" fragment
korean = keras.layers.TextVectorization()
korean.adapt(["오늘 날씨가 참 좋네요"])
print(keras.ops.convert_to_numpy(korean(["오늘 날씨가 참 좋네요", "오늘 날씨는 좋네요"])))

# %% [markdown] id="text-why" fragment
"""
**Why.** The layer compares whole tokens. 날씨는 is not in its vocabulary, so it is unknown and gets
the id 1. For this reason, Korean text is usually split into pieces smaller than words. The 0 at the
end is padding: the second sentence is one token shorter.
"""

# %% [markdown] id="speed" slide
"""
## 2. Batch: why are sentences read together?

If a model read one sentence at a time, nobody would need padding. So what is gained by a batch? We
measure how long a small model takes for 256 sequences of 20 ids: in one call with all of them, and
in 256 calls with one each.

**Predict.** How do the two times compare?

- [ ] they are about the same
- [x] one call is more than five times as fast
- [ ] the 256 calls are more than five times as fast
"""

# %% id="speed-measure" fragment
model = keras.Sequential([keras.layers.Embedding(5000, 16), keras.layers.LSTM(16)])
model.compile()
rows = np.random.default_rng(0).integers(1, 5000, size=(256, 20))


def seconds(calls):
    def run():
        for part in np.split(rows, calls):
            model.predict_on_batch(part)

    return min(timeit.repeat(run, number=1, repeat=3))


print(seconds(calls=256) > 5 * seconds(calls=1))

# %% [markdown] id="speed-why" fragment
"""
**Why.** Each call has a fixed cost, however few rows it gets. And the hardware computes the rows of
a batch side by side. A GPU is built for this.
"""

# %% [markdown] id="ragged" slide
"""
So we want one batch: a single tensor, in which all rows have the same length. Our sentences are
*ragged*: their lengths differ. Here they are with the ids that the TensorFlow guide shows first.
The last line shows what happens when NumPy makes an array of them.
"""

# %% id="tokens" fragment
looked_up = [[71, 1331, 4231], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
for words, row in zip(sentences, looked_up, strict=True):
    print(len(row), row, words)
try:
    print(np.array(looked_up).shape)
except ValueError as error:
    print(type(error).__name__)

# %% [markdown] id="ragged-ids" fragment
"""
Something must fill the empty places, and that is **padding**.

A word about the ids: the guide first shows `[71, 1331, 4231]` for *Hello world !*, and then
`[711, 632, 71]`. So 71 is *Hello* in the first list and `!` in the second, as if they came from two
vocabularies. The rest of the course uses the second list.
"""

# %% [markdown] id="post" slide
"""
## 3. `pad_sequences`: which tokens are left?

`keras.utils.pad_sequences` turns lists of ids into a batch. With `padding="post"` it adds zeros
*after* the tokens, up to the length of the longest sentence:
"""

# %% id="pad-post" fragment
ids = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
padded = keras.utils.pad_sequences(ids, padding="post")
print(padded)

# %% [markdown] id="post-picture" slide
"""
`ml.pad` returns the same numbers and also remembers where each token came from. So its result can
be drawn: a box is a token, a hatched box is padding.
"""

# %% id="pad-post-picture" fragment skim
batch = ml.pad(ids, padding="post")
print(np.array_equal(batch.ids, padded))
ml.show(batch, tokens=sentences)

# %% [markdown] id="modes" slide
"""
Often a batch has a fixed length, `maxlen`. Shorter sentences are padded, and longer ones are
**truncated**: the excess tokens are cut off. Padding and truncation each have a side: `pre` is the
beginning of the sentence, `post` is its end. These are the arguments of `pad_sequences` with their
defaults:
"""

# %% id="signature" fragment skim
print(inspect.signature(keras.utils.pad_sequences))

# %% [markdown] id="modes-predict" slide
"""
**Predict.** We call `pad_sequences(ids, maxlen=4)`. What is left of *How are you doing today*?

- [ ] *How are you doing*
- [x] *are you doing today*
- [ ] nothing: an error is raised
"""

# %% id="modes-default" fragment
print(keras.utils.pad_sequences(ids, maxlen=4))
ml.show(ml.pad(ids, maxlen=4), tokens=sentences)

# %% [markdown] id="modes-why" slide
"""
**Why.** By default, both sides are `pre`. Padding goes before the tokens, and truncation removes
the *beginning* of the sentence. Here the question loses its question word, without any message.
"""

# %% [markdown] id="modes-pick" fragment
"""
`padding` decides where the empty places are. `truncating` decides which words you lose. Always pass
both. Here are the four combinations:
"""

# %% id="modes-four" slide skim
for padding in ("pre", "post"):
    for truncating in ("pre", "post"):
        four = ml.pad(ids, maxlen=4, padding=padding, truncating=truncating)
        display(ml.show(four, tokens=sentences))

# %% [markdown] id="value" slide
"""
## 4. Padding value and `dtype`: which numbers are in the batch?

The argument `value` is the number that fills the empty places, by default 0. A value of -1 cannot
be mistaken for an id:
"""

# %% id="pad-value" fragment skim
print(keras.utils.pad_sequences(ids, padding="post", value=-1))

# %% [markdown] id="value-predict" slide
"""
But the next layer has to read it. An `Embedding(5000, 16)` is a table of 5000 rows, numbered from 0
to 4999. It uses an id like an index of a Python list.

**Predict.** What does the `Embedding` do with the id -1?

- [ ] it raises an error
- [ ] it returns a vector of zeros
- [x] it returns the row of another id
"""

# %% id="value-row" fragment
embedding = keras.layers.Embedding(5000, 16)
vector = keras.ops.convert_to_numpy(embedding(np.array([-1])))
table = keras.ops.convert_to_numpy(embedding.embeddings)
print(np.flatnonzero((table == vector).all(axis=1)))

# %% [markdown] id="value-why" fragment
"""
**Why.** As in a Python list, -1 is the last position. So the padding gets the vector of the token
with the id 4999. Nor would a mask help: an Embedding masks only the zeros (lesson 02).
"""

# %% [markdown] id="floats" slide
"""
So keep the value 0 for ids, and never assign 0 to a token.

Not all sequences are text. Here a sensor sends two series of readings.

**Predict.** The defaults are printed in section 3. What does
`pad_sequences([[0.6, 1.7], [2.2]], padding="post")` return?

- [ ] `[[0.6 1.7] [2.2 0.0]]`
- [ ] `[[1 2] [2 0]]`
- [x] `[[0 1] [2 0]]`
"""

# %% id="floats-int" fragment
readings = [[0.6, 1.7], [2.2]]
print(keras.utils.pad_sequences(readings, padding="post"))
print(keras.utils.pad_sequences(readings, padding="post", dtype="float32"))

# %% [markdown] id="floats-why" fragment
"""
**Why.** The default `dtype` is `int32`, and the conversion to an integer drops the fraction. 0.6
becomes 0, exactly like padding, and Keras gives no warning.
"""

# %% [markdown] id="floats-advice"
"""
Pass `dtype="float32"` for readings. `ml.pad` returns the same numbers as Keras, but warns:
"""

# %% id="floats-warning" skim
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", UserWarning)
    ml.pad(readings, padding="post")
print(caught[0].message)

# %% [markdown] id="cost" slide
"""
## 5. Cost of padding: how much is computed for nothing?

A model computes every place in the batch, whether it holds a token or padding. In our batch, 4 of
18 places are padding. Now take 64 sentences: one has 120 tokens, all others have 5 to 19.

**Predict.** What share of this batch is padding?

- [ ] about 20%
- [ ] about 50%
- [x] about 90%
"""

# %% id="cost-share" slide
lengths = np.random.default_rng(1).integers(5, 20, size=64)
lengths[40] = 120
many = [np.arange(1, length + 1) for length in lengths]
wide = ml.pad(many, padding="post")
for padded in (batch, wide):
    print(padded.ids.shape, f"{1 - padded.mask.mean():.0%}")
ml.show(wide.mask)

# %% [markdown] id="cost-why" fragment
"""
**Why.** The longest sentence sets the width of the batch. Because of one sentence, the other
63 rows are mostly padding.
"""

# %% [markdown] id="cost-remedies" slide
"""
There are two remedies. A `maxlen` that fits most sentences cuts the rest. **Bucketing** puts
sentences of similar length into the same batch, and cuts nothing. Here is the share of padding with
`maxlen=20`, and with the sentences sorted by length into eight batches of eight:
"""

# %% id="cost-maxlen" fragment
shorter = ml.pad(many, padding="post", maxlen=20)
print(f"maxlen=20: {1 - shorter.mask.mean():.0%}")
print("tokens cut:", sum(len(shorter.cut(row)) for row in range(64)))  # words

by_length = sorted(many, key=len)
buckets = [ml.pad(by_length[i : i + 8], padding="post") for i in range(0, 64, 8)]
places = sum(bucket.mask.size for bucket in buckets)
print("in buckets:", f"{1 - lengths.sum() / places:.0%}")  # words

# %% [markdown] id="drift" slide
"""
## 6. LSTM: what does it read last?

An LSTM reads one timestep after another, and keeps what it has read in a vector, its **hidden
state**. We train the model of lesson 00 again, without a mask: *does the sentence end with `!`?*
This time the Dense layer answers after *every* timestep, and training uses the last answer.
"""

# %% id="drift-data" skim
rng = np.random.default_rng(0)
vocabulary = sorted({token for row in ids for token in row})
sequences = rng.choice(vocabulary, size=(512, 6))
sequences[:256, -1] = 71
ends = sequences[:, -1] == 71

# %% id="drift-train" fragment
keras.utils.set_random_seed(0)
inputs = keras.Input(shape=(None,), dtype="int32")
vectors = keras.layers.Embedding(5000, 16)(inputs)
states = keras.layers.LSTM(16, return_sequences=True)(vectors)
answers = keras.layers.Dense(1, activation="sigmoid")(states)

judge = keras.Model(inputs, answers[:, -1])
judge.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
judge.fit(sequences, ends, epochs=10, verbose=0)
print(f"{judge.evaluate(sequences, ends, verbose=0)[1]:.0%}")

# %% [markdown] id="drift-predict" slide
"""
In lesson 00, the answer for *Hello world !* was no as soon as zeros followed the tokens. Now we pad
the sentence to 12 timesteps, with `post` and with `pre`.

**Predict.** What is the last answer with `pre`?

- [ ] no
- [ ] undecided, between 0.2 and 0.8
- [x] yes
"""

# %% id="drift-measure" fragment
reader = keras.Model(inputs, answers)
after_each = {}
for padding in ("post", "pre"):
    row = ml.pad(ids[:1], maxlen=12, padding=padding).ids
    after_each[padding] = keras.ops.convert_to_numpy(reader(row))[0, :, 0]
    print(f"{padding}: {after_each[padding][-1]:.1f}")

# %% id="drift-picture" slide skim
figure, ax = plt.subplots(figsize=(7, 3))
ax.plot(after_each["pre"], color="#0072b2", marker="o", label='padding="pre"')
ax.plot(after_each["post"], color="0.4", marker="s", linestyle="--", label='padding="post"')
ax.set_xlabel("timestep")  # words
ax.set_ylabel("answer")  # words
ax.set_xticks(range(12))
ax.set_ylim(-0.1, 1.1)
ax.legend()
plt.show()

# %% [markdown] id="drift-caption" fragment
"""
The curves show the answer after each timestep. With `post`, the model reads `!` at timestep 2 and
answers yes. The first zero turns the answer into no. With `pre`, it reads `!` last.
"""

# %% [markdown] id="drift-why" slide
"""
**Why.** To the LSTM, 0 is a token like any other: it has a row in the Embedding, and that row
changes the hidden state. With `post`, the model reads padding **last**. With `pre`, it reads the
words last.
"""

# %% [markdown] id="drift-better" slide
"""
Is `pre` the solution, then? We measure how far the last hidden state is from the state without
padding, relative to the size of that state:
"""

# %% id="drift-pre" fragment
memory = keras.Model(inputs, states[:, -1])
alone = keras.ops.convert_to_numpy(memory(np.array(ids[:1])))
for padding in ("post", "pre"):
    row = ml.pad(ids[:1], maxlen=12, padding=padding).ids
    moved = keras.ops.convert_to_numpy(memory(row)) - alone
    print(f"{padding}: {np.linalg.norm(moved) / np.linalg.norm(alone):.1f}")

# %% [markdown] id="drift-mask" slide
"""
`pre` is better, but the state still moves by a tenth of its size. The model must be told which
timesteps to leave out. That is the purpose of a **mask**, and lesson 02 makes one.

With a mask, an LSTM skips the padding on either side, and `post` is the usual choice (section 7).
The exception is a model that *generates* text. It appends each new token on the right, so prompts
of different lengths are padded on the left. Then the last timestep of each row is a token.
"""

# %% [markdown] id="choose" slide
"""
## 7. cuDNN: which padding does a GPU need?

This matters only if you run an LSTM or a GRU on an NVIDIA GPU with TensorFlow. There, Keras can use
a fast kernel of the library cuDNN. The kernel is told only how many timesteps of each row to read,
and begins with the first.

What do you see if the mask does not fit? A layer that you call directly falls back to a slow loop
without a message. In `fit`, the check is part of the compiled graph and can stop the training with
an error. (We read this in Keras's source. It cannot be shown on a CPU.)
"""

# %% [markdown] id="choose-predict" slide
"""
Here you can try all settings together, also with sentences of your own: each row is a text field.
Below the picture, the explorer lists what the settings cost, and it can show you the code. The
switch `mask_zero` makes the mask of lesson 02, which is drawn below the tokens.

**Predict.** One line has a ✕, because cuDNN refuses the mask. Which control removes the ✕, while
the model still skips the padding?

- [ ] `truncating`
- [ ] `value`
- [x] `padding`
- [ ] `mask_zero`
"""

# %% id="choose-explorer" slide
ml.PaddingExplorer(ids, tokens=sentences)

# %% [markdown] id="choose-why" slide
"""
**Why.** With `padding="post"`, each row of the mask is True at first and False from some timestep
on, so a length describes it. A `value` of -1, or no mask at all, also removes the ✕. But then
nothing is False, and the model reads all 4 places of padding as data.
"""

# %% [markdown] id="remember" slide
"""
## Remember

1. Sentences are read in batches because that is faster, and a batch is a rectangle. Padding fills
   short rows with 0, which must not be the id of a token. Truncation cuts long rows.
2. By default, Keras pads and truncates at the beginning and converts to integers. Pass `padding=`
   and `truncating=` yourself, and `dtype="float32"` for readings.
3. A model without a mask reads padding as data, on either side. The longest row decides how much
   of it there is.
"""

# %% [markdown] id="look-up"
"""
Look it up:
[`TextVectorization`](https://keras.io/api/layers/preprocessing_layers/text/text_vectorization/) ·
[`keras.utils.pad_sequences`](https://keras.io/api/data_loading/timeseries/) · [the TensorFlow guide
on padding](https://www.tensorflow.org/guide/keras/masking_and_padding#padding_sequence_data)
"""
