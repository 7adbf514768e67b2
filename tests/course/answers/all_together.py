"""Right and wrong answers to the questions that need several lessons."""

import keras
from keras import layers, ops

from answers import Answers


def embedded(mask_zero=True):
    ids = keras.Input(shape=(None,), dtype="int32")
    return ids, layers.Embedding(50, 8, mask_zero=mask_zero)(ids)


def ended(ids, x):
    return keras.Model(ids, layers.Dense(1, activation="sigmoid")(x))


def once_with_both_directions():
    ids, x = embedded()
    return ended(ids, layers.Bidirectional(layers.SimpleRNN(4))(x))


def once_as_sequence():
    x = layers.Embedding(50, 8, mask_zero=True)
    answer = layers.Dense(1, activation="sigmoid")
    return keras.Sequential([x, layers.LayerNormalization(), layers.GRU(4), answer])


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.embedding = layers.Embedding(50, 8)
        self.rnn = layers.SimpleRNN(4)
        self.answer = layers.Dense(1)

    def call(self, ids):
        x = self.rnn(self.embedding(ids), mask=ops.not_equal(ids, 0))
        return ops.sigmoid(self.answer(x))


def once_subclassed():
    return Subclassed()


def once_without_mask():
    ids, x = embedded(mask_zero=False)
    return ended(ids, layers.SimpleRNN(4)(x))


def once_with_convolution():
    ids, x = embedded()
    return ended(ids, layers.SimpleRNN(4)(layers.Conv1D(8, 3, padding="same")(x)))


class Neighbours(layers.Layer):
    """Adds to each step the one before it, and opts in."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, x):
        return x + ops.pad(x, [[0, 0], [0, 1], [0, 0]])[:, 1:]


def once_with_false_promise():
    ids, x = embedded()
    return ended(ids, layers.SimpleRNN(4)(Neighbours()(x)))


class Positions(layers.Layer):
    """Adds to each step a number that grows from the left."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, x):
        return x + ops.cast(ops.arange(ops.shape(x)[1]), x.dtype)[None, :, None] / 10


def once_with_positions():
    ids, x = embedded()
    return ended(ids, layers.SimpleRNN(4)(Positions()(x)))


class Sum(layers.Layer):
    def call(self, x, mask=None):
        return ops.sum(x * ops.cast(mask, x.dtype)[..., None], axis=1)


def once_with_sum():
    ids, x = embedded()
    return ended(ids, Sum()(x))


def once_with_constant():
    ids, x = embedded()
    return ended(ids, Sum()(x) * 0)


def once_with_mean():
    ids, x = embedded()
    return ended(
        ids, layers.GlobalAveragePooling1D()(layers.SimpleRNN(4, return_sequences=True)(x))
    )


def once_per_step():
    ids, x = embedded()
    return ended(ids, layers.SimpleRNN(4, return_sequences=True)(x))


def once_without_sigmoid():
    ids, x = embedded()
    return keras.Model(ids, 9 * layers.Dense(1)(layers.SimpleRNN(4)(x)))


def once_of_fixed_length():
    ids = keras.Input(shape=(4,), dtype="int32")
    x = layers.Embedding(50, 8, mask_zero=True)(ids)
    return ended(ids, layers.Dense(4)(layers.Flatten()(x)))


def block(formula):
    def build(embedding, attention, norm):
        ids = keras.Input(shape=(None,), dtype="int32")
        return keras.Model(ids, formula(ids, embedding, attention, norm))

    return build


class Block(layers.Layer):
    def __init__(self, attention, norm):
        super().__init__()
        self.attention, self.norm = attention, norm
        self.supports_masking = True

    def call(self, x, mask=None):
        return self.norm(x + self.attention(x, x, attention_mask=mask[:, None, :]))


@block
def block_as_layer(ids, embedding, attention, norm):
    return Block(attention, norm)(embedding(ids))


class Remember(layers.Layer):
    """Gives its first input the mask of its second."""

    def call(self, inputs):
        return inputs[0]

    def compute_mask(self, inputs, mask=None):
        return ops.not_equal(inputs[1], 0)


@block
def block_remembers(ids, embedding, attention, norm):
    x = embedding(ids)
    return Remember()([norm(x + attention(x, x)), ids])


@block
def block_of_the_paper(ids, embedding, attention, norm):
    x = embedding(ids)
    return norm(layers.Add()([x, attention(x, x)]))


@block
def block_without_residual(ids, embedding, attention, norm):
    x = embedding(ids)
    return norm(attention(x, x))


@block
def block_with_norm_first(ids, embedding, attention, norm):
    x = embedding(ids)
    y = norm(x)
    return layers.Add()([x, attention(y, y)])


@block
def block_of_arithmetic(ids, embedding, attention, norm):
    x = embedding(ids) + 0
    return norm(layers.Add()([embedding(ids), attention(x, x)]))


@block
def block_without_attention(ids, embedding, attention, norm):
    return norm(embedding(ids))


@block
def block_of_one_vector(ids, embedding, attention, norm):
    x = embedding(ids)
    return layers.GlobalAveragePooling1D()(norm(layers.Add()([embedding(ids), attention(x, x)])))


class AllValid(layers.Layer):
    def call(self, x):
        return x

    def compute_mask(self, x, mask=None):
        return ops.ones_like(x[..., 0], dtype="bool")


@block
def block_with_all_valid(ids, embedding, attention, norm):
    x = embedding(ids)
    return AllValid()(norm(layers.Add()([x, attention(x, x)])))


def block_that_is_no_model(embedding, attention, norm):
    return lambda ids: norm(embedding(ids))


ANSWERS = {
    "answers-once": Answers(
        right=(once_with_both_directions, once_as_sequence, once_subclassed),
        wrong=(
            ("makes-no-mask", once_without_mask),
            ("loses-the-mask", once_with_convolution),
            ("padding-moves-it", once_with_false_promise),
            ("padding-in-front-moves-it", once_with_positions),
            ("ignores-order", once_with_sum),
            ("reads-nothing", once_with_constant),
            ("empty-review", once_with_mean),
            ("one-per-timestep", once_per_step),
            ("not-a-probability", once_without_sigmoid),
            ("does-not-run", once_of_fixed_length),
        ),
    ),
    "block-with-a-mask": Answers(
        right=(block_as_layer, block_remembers),
        wrong=(
            ("mask-lost", block_of_the_paper),
            ("no-residual", block_without_residual),
            ("norm-first", block_with_norm_first),
            ("reads-padding", block_of_arithmetic),
            ("wrong-vectors", block_without_attention),
            ("wrong-shape", block_of_one_vector),
            ("another-mask", block_with_all_valid),
            ("no-model", block_that_is_no_model),
        ),
    ),
}
