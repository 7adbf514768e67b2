# %% [markdown] id="title"
"""
# Exercises: all together

**You will** (40 minutes)

- build a classifier that gives one review one answer, however it is padded;
- build a block of a Transformer that keeps its mask.

They need all lessons. The last of them is {{lesson}}

Replace each `...` by your answer and run the cell, then the cell below it: it checks what your
answer does. After that, `q.hint()` in a new cell gives a hint, and `q.solution()` shows an answer.
"""

# %% id="setup"
import keras
import numpy as np

import masklens as ml

ml.set_language("en")

# %% [markdown] id="answers-once"
"""
## 1. One review, one answer (20 minutes)

A shop rates its reviews on two servers. One pads behind the words, the other in front of them, each
up to the longest review of its batch. So the same review gets several answers, and a review without
any known word gets `nan`.

Write `build_classifier`. It takes no argument, and returns a `keras.Model` that need not be
trained. The model takes ids of the shape `(batch, time)`, for any number of timesteps. They run
from 0 to 49, and 0 is padding. It returns the probability that the customer is content, a number
from 0 to 1 for each review, of the shape `(batch, 1)`. And it keeps three promises:

- The answer to a review is the same, however much padding stands behind it or in front of it.
- It depends on the words, and on their order.
- A row of nothing but padding gets a number from 0 to 1, too.
"""

# %% id="answers-once-data"
reviews = np.array([[0, 4, 7, 9, 2, 0], [0, 0, 0, 0, 15, 3], [0, 0, 0, 0, 0, 0]])
ml.show(reviews != 0, tokens=reviews)


# %% id="answers-once-answer"
def build_classifier():
    ### BEGIN SOLUTION
    ids = keras.Input(shape=(None,), dtype="int32")
    x = keras.layers.Embedding(50, 8, mask_zero=True, name="words")(ids)
    x = keras.layers.LSTM(8, name="reader")(x)
    x = keras.layers.Dense(1, activation="sigmoid", name="answer")(x)
    return keras.Model(ids, x)
    ### END SOLUTION


# %% id="answers-once-check" points=4
q = ml.question("answers-once")
### BEGIN HIDDEN TESTS
q.grade(build_classifier)
### END HIDDEN TESTS
q.check(build_classifier)

# %% [markdown] id="answers-once-look"
"""
Where does the mask go in your model, and does padding change its answer? As soon as there is a
model, this cell shows both:
"""

# %% id="answers-once-trace"
if model := build_classifier():
    display(ml.trace(model, reviews))

# %% [markdown] id="block-with-a-mask"
"""
## 2. A block that keeps its mask (20 minutes)

The block of the first Transformer adds what attention finds to its input, and normalizes the sum:
`norm(x + attention(x, x))`. A colleague has built it as it stands in the paper. It runs without a
warning, and its vectors are right: padding does not change them. But in training, short sentences
have a strangely small share in the loss: it counts padding. Here is the block, and the way of its
mask, and `measure=False` shows nothing else.
"""


# %% id="block-with-a-mask-faulty"
def faulty_block(embedding, attention, norm):
    ids = keras.Input(shape=(None,), dtype="int32")
    x = embedding(ids)
    total = keras.layers.Add(name="add")([x, attention(x, x)])
    return keras.Model(ids, norm(total))


def make_parts():
    embedding = keras.layers.Embedding(10, 4, mask_zero=True, name="embedding")
    attention = keras.layers.MultiHeadAttention(num_heads=1, key_dim=4, name="attention")
    return embedding, attention, keras.layers.LayerNormalization(name="norm")


# %% id="block-with-a-mask-trace"
ids = np.array([[3, 5, 0, 0], [4, 2, 7, 1]])
ml.trace(faulty_block(*make_parts()), ids, measure=False)

# %% [markdown] id="block-with-a-mask-task"
"""
Write `build_block`. It gets the three layers `embedding`, `attention` and `norm`, and returns a
`keras.Model` that takes ids of the shape `(batch, time)`, where 0 is padding. With
`x = embedding(ids)`, the model returns `norm(x + attention(x, x))` at each word, where attention
looks at words alone. What it returns at padded steps does not matter. And the output carries the
mask of the ids, so that the loss can leave padding out. The weights of the three layers are trained
already, so use these layers, and no others with weights.
"""


# %% id="block-with-a-mask-answer"
def build_block(embedding, attention, norm):
    ### BEGIN SOLUTION
    ids = keras.Input(shape=(None,), dtype="int32")
    x = embedding(ids)
    untouched = embedding(ids)
    total = keras.layers.Add(name="add")([untouched, attention(x, x)])
    return keras.Model(ids, norm(total))
    ### END SOLUTION


# %% id="block-with-a-mask-check" points=4
q = ml.question("block-with-a-mask")
### BEGIN HIDDEN TESTS
q.grade(build_block)
### END HIDDEN TESTS
q.check(build_block)

# %% [markdown] id="block-with-a-mask-look"
"""
And the way of the mask in your block, as soon as there is one:
"""

# %% id="block-with-a-mask-repaired"
if block := build_block(*make_parts()):
    display(ml.trace(block, ids, measure=False))

# %% [markdown] id="progress"
"""
## How far are you?

This shows the exercises of all lessons: what you have solved, what you have tried, and what waits.
"""

# %% id="progress-picture"
ml.progress()
