# %% [markdown] id="title"
"""
# Exercises: all together

**You will** ({{minutes}} minutes)

- fix a classifier whose answer to a review changes with the padding;
- build a Transformer block that keeps its mask.

Exercises for all lessons, up to {{lesson}}.

Replace each `...` with your answer and run the cell, then the cell below it, which checks your
answer. Hints and the solution are folded below that.
"""

# %% id="setup"
import keras
import numpy as np

import masklens as ml

ml.set_language("en")

# %% [markdown] id="answers-once"
"""
## 1. One review, one answer (20 minutes)

A shop asks a model whether a review is good. A convolution reads each word with its two neighbours,
a score says how much a word counts, a softmax over time turns the scores into weights, and the
weighted sum gives the answer. The model was trained on one review at a time, without any padding,
so nothing in it makes or uses a mask. Now one of the shop's servers pads after the words, another
before them, each up to the longest review of its batch.
"""


# %% id="answers-once-faulty"
def faulty_classifier(embedding, conv, score, output):
    ids = keras.Input(shape=(None,), dtype="int32")
    states = conv(embedding(ids))
    weights = keras.ops.softmax(score(states), axis=1)
    return keras.Model(ids, output(keras.ops.sum(weights * states, axis=1)))


# %% id="answers-once-layers"
def make_layers():
    random = keras.initializers.RandomNormal(stddev=0.5, seed=1)
    return (
        keras.layers.Embedding(50, 8, embeddings_initializer=random, name="embedding"),
        keras.layers.Conv1D(
            8, 3, padding="same", activation="relu", kernel_initializer=random, name="conv"
        ),
        keras.layers.Dense(1, kernel_initializer=random, name="score"),
        keras.layers.Dense(1, kernel_initializer=random, activation="sigmoid", name="output"),
    )


# %% [markdown] id="answers-once-two"
"""
`make_layers` replaces the trained layers here. The first two rows are one review, padded by each of
the two servers, and it gets two answers:
"""

# %% id="answers-once-data"
reviews = np.array([[4, 7, 9, 2, 0, 0], [0, 0, 4, 7, 9, 2], [8, 1, 15, 3, 6, 5], [0] * 6])
ml.show(reviews != 0, tokens=reviews)

# %% id="answers-once-moved"
faulty_classifier(*make_layers())(reviews)

# %% [markdown] id="answers-once-task"
"""
Write `build_classifier`. It takes the four trained layers and returns a `keras.Model` that takes
ids of shape `(batch, time)`, for any number of timesteps, where 0 is padding. The model returns one
number for each review, in the shape `(batch, 1)`:

- Each review gets the answer that `faulty_classifier` gives to its words alone, however much
  padding comes after or before them.
- A review without any words has nothing to add up: it gets the answer of `output` to a vector of
  zeros.

Use these layers, and no others with weights.
"""


# %% id="answers-once-answer"
def build_classifier(embedding, conv, score, output):
    ### BEGIN SOLUTION
    ids = keras.Input(shape=(None,), dtype="int32")
    words = keras.ops.not_equal(ids, 0)[:, :, None]
    states = conv(keras.ops.where(words, embedding(ids), 0.0))
    scores = keras.ops.where(words, score(states), -1e9)
    weights = keras.ops.where(words, keras.ops.softmax(scores, axis=1), 0.0)
    return keras.Model(ids, output(keras.ops.sum(weights * states, axis=1)))
    ### END SOLUTION


# %% id="answers-once-check" points=4
q1 = ml.question("answers-once")
### BEGIN HIDDEN TESTS
q1.grade(build_classifier)
### END HIDDEN TESTS
q1.check(build_classifier)

# %% [markdown] id="answers-once-look"
"""
What does your model answer? Once you have written it, its first two answers agree here:
"""

# %% id="answers-once-trace"
if model := build_classifier(*make_layers()):
    display(model(reviews))

# %% [markdown] id="block-with-a-mask"
"""
## 2. A block that keeps its mask (20 minutes)

The block of the first Transformer adds the output of attention to its input, and normalizes the
sum: `norm(x + attention(x, x))`. A colleague has built it exactly as in the paper. It runs without
a warning, and its vectors are right: padding does not change them. But in training, short sentences
have a strangely small share in the loss, because the loss counts padding. Here is the block, and
where its mask goes. (`measure=False` shows nothing else.)
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
Write `build_block`. It takes the three layers `embedding`, `attention` and `norm`, and returns a
`keras.Model` that takes ids of shape `(batch, time)`, where 0 is padding. With
`x = embedding(ids)`, the model returns `norm(x + attention(x, x))` at each word, where attention
looks only at words. The output at padded steps does not matter. The output carries the mask of the
ids, so that the loss can leave padding out. The weights of the three layers are already trained, so
use these layers, and no others with weights. One way is a layer of your own.
"""


# %% id="block-with-a-mask-answer"
def build_block(embedding, attention, norm):
    ### BEGIN SOLUTION
    class Block(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.attention, self.norm = attention, norm
            self.supports_masking = True

        def call(self, x):
            return self.norm(x + self.attention(x, x))

    ids = keras.Input(shape=(None,), dtype="int32")
    return keras.Model(ids, Block()(embedding(ids)))
    ### END SOLUTION


# %% id="block-with-a-mask-check" points=4
q2 = ml.question("block-with-a-mask")
### BEGIN HIDDEN TESTS
q2.grade(build_block)
### END HIDDEN TESTS
q2.check(build_block)

# %% [markdown] id="block-with-a-mask-look"
"""
Here is the mask of your block's output, once you have written the block:
"""

# %% id="block-with-a-mask-repaired"
if block := build_block(*make_parts()):
    display(ml.mask_of(block(ids)))

# %% [markdown] id="progress"
"""
## How far are you?

This shows the exercises of all lessons: what you have solved, what you have tried, and what is left.
"""

# %% id="progress-picture"
ml.progress()
