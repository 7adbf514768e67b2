# %% [markdown] id="title" slide
"""
# Mask propagation: which layers pass the mask on?

*{{number}} Propagation · {{minutes}} minutes*

**You will**

- see how a mask reaches an `LSTM` by itself, in a Sequential and in a Functional model;
- read the picture that `ml.trace` draws of a mask;
- measure which layers pass the mask on, which end it, and which lose it.
"""

# %% id="setup" skim
import inspect
import warnings

import keras
import numpy as np

import masklens as ml

ml.set_language("en")

# %% [markdown] id="growth" slide
"""
## 1. Mask propagation in a Sequential model

In lesson 02 an `Embedding` made a mask. How does the mask get from there to a layer that uses it?
Here is our batch twice, padded to 6 timesteps and to 12. The words are the same.
"""

# %% id="batches" fragment skim
sentences = [
    "Hello world !".split(),
    "How are you doing today".split(),
    "The weather will be nice tomorrow".split(),
]
ids = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
short = ml.pad(ids, padding="post")
long = ml.pad(ids, padding="post", maxlen=12)
display(ml.show(short, tokens=sentences))
display(ml.show(long, tokens=sentences))

# %% [markdown] id="growth-predict" slide
"""
Two models, each an `Embedding` and an `LSTM`, differ in one argument: only the first has
`mask_zero=True`. Nothing passes `mask=` to the `LSTM`. For each model we print the largest change
of its output, the largest number in it, and the change in percent of that number.

**Predict.** Which outputs change when the padding grows from 6 to 12 timesteps?

- [ ] neither of the two
- [ ] both
- [x] only the one without a mask
"""


# %% id="difference" skim
def moved(one, other):
    one, other = keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other)
    difference, largest = np.abs(one - other).max(), np.abs(one).max()
    return f"{difference:.3f} / {largest:.3f} = {difference / largest:.0%}"


# %% id="sequential" slide
keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.layers.Embedding(5000, 16, mask_zero=True, name="embedding"),
        keras.layers.LSTM(32, name="lstm"),
    ]
)
print("mask_zero=True: ", moved(model(short.ids), model(long.ids)))

# %% id="sequential-without" fragment
keras.utils.set_random_seed(0)
unmasked = keras.Sequential([keras.layers.Embedding(5000, 16), keras.layers.LSTM(32)])
print("mask_zero=False:", moved(unmasked(short.ids), unmasked(long.ids)))

# %% [markdown] id="growth-why" slide
"""
**Why.** With `mask_zero=True` the `Embedding` attaches a mask to its output, as lesson 02 showed.
The model calls the `LSTM` with this tensor. Keras finds the mask on the tensor and fills it in for
the argument `mask`, so the LSTM skips the padding. You did not have to write a line for that.

Without the mask the LSTM reads six more zeros, and its output changes by more than its largest
number.
"""

# %% [markdown] id="picture" slide
"""
## 2. The picture: the mask as a thread

The mask goes along with the tensors from layer to layer. This is called **mask propagation**.
`ml.trace` makes it visible. It calls a model with a batch, and draws the mask as a **thread** that
runs down from layer to layer:

- A **knot**, a filled dot: the layer makes a mask, and the thread begins.
- A **ring**: the layer passes the mask on.
- A **bar**: the layer takes the mask, and the thread ends here. Its output has no mask.
- A **cross**: the mask is lost, and the thread is cut.
- A red **drop**: padding gets into the values here.

Above its rows, each picture has a legend of the signs that occur in it. The squares are a mask,
drawn where it is new: one row for each sentence, and a filled square for each timestep that is
read.

The first line says whether padding changes the output of the model, which the picture calls the
answer. To find out, `ml.trace` runs the model a few more times. Each time it changes one thing:
what the padding holds, how much of it there is, or the other rows of the batch.
"""

# %% [markdown] id="growth-thread" slide
"""
We trace the model with `mask_zero=True`. The output of the `Embedding` has the shape `(3, 6, 16)`
and a mask of shape `(3, 6)`. The output of the `LSTM` has the shape `(3, 32)`.

**Predict.** Which mask does the output of the `LSTM` have?

- [ ] the same mask, of shape `(3, 6)`
- [x] none
- [ ] a mask of shape `(3, 32)`
"""

# %% id="sequential-trace" slide
ml.trace(model, short)

# %% [markdown] id="trace-why" slide
"""
**Why.** The `LSTM` returns one vector for each sentence. This output has no timesteps, so a mask
would have nothing to describe. The thread ends in a bar, and nothing is lost: the mask has done its
work. The first line agrees with section 1.
"""

# %% [markdown] id="graph" slide
"""
## 3. A Functional model: the mask before there is a batch

In the Functional API you connect the layers first, and the batch comes later. While you connect
them, each layer is called with a **symbolic** tensor. It has a dtype and a shape, but no values
yet. The `Embedding` does with symbolic ids what it always does: it looks up each id, and compares
it with 0.

**Predict.** Which mask does the output of the `Embedding` have now?

- [x] one without values
- [ ] one that is True everywhere
- [ ] none
"""

# %% id="graph-mask" fragment
inputs = keras.Input(shape=(None,), dtype="int32")
symbolic = ml.mask_of(keras.layers.Embedding(5000, 16, mask_zero=True)(inputs))
print(type(symbolic).__name__, symbolic.dtype, symbolic.shape)

# %% [markdown] id="graph-why" slide
"""
**Why.** The mask is the result of a computation, `ids != 0`. With symbolic ids the result is a
symbolic mask, a `KerasTensor`. Its dtype and its shape are known: one boolean for each timestep,
and `None` where the size is open. The values come with the batch.
"""

# %% [markdown] id="graph-measure" slide
"""
Does this mask reach the `LSTM`? Here are the two models of section 1 in the Functional API. The
cell also prints the operations of which each model consists:
"""


# %% id="functional" fragment
def connect(mask_zero):
    keras.utils.set_random_seed(0)
    inputs = keras.Input(shape=(None,), dtype="int32")
    x = keras.layers.Embedding(5000, 16, mask_zero=mask_zero, name="embedding")(inputs)
    return keras.Model(inputs, keras.layers.LSTM(32, name="lstm")(x))


for mask_zero in (True, False):
    model = connect(mask_zero)
    print(f"mask_zero={mask_zero}: {moved(model(short.ids), model(long.ids))}")
    print([type(operation).__name__ for operation in model.operations])

# %% [markdown] id="graph-moments" slide
"""
The outputs move as before. The model with the mask has one more part: `NotEqual` computes
`ids != 0` for every batch. The mask has become a part of the model.

So the layers of a Functional model are called at two moments: while you connect them, and when a
batch comes. `ml.trace` draws the second. To see the first we use `ml.record()`, which records every
call of a layer in a block of code, and measures nothing:
"""

# %% id="graph-trace" slide
with ml.record() as connecting:
    model = connect(mask_zero=True)
display(connecting)
display(ml.trace(model, short))

# %% [markdown] id="graph-moments-seen" slide
"""
The thread is the same at both moments. While you connect the layers, the picture can only say that
there is a mask, not what its values are.
"""

# %% [markdown] id="carry" slide
"""
## 4. Which layers pass the mask on

Between the layer that makes the mask and the layer that uses it there are usually others. Most of
them do not touch the time axis: what was timestep 3 is still timestep 3. So they need not touch the
mask either. When may they pass it on? This rule has two conditions:

**A layer may pass the mask on if (a) timestep t of the output stands for timestep t of the input,
and (b) no padding gets into it: because each timestep is computed alone, or because the layer uses
the mask to leave padding out.**

Seven layers read the output of the same `Embedding` with `mask_zero=True`. All of them return one
vector for each of the 6 timesteps. One of them loses the mask. For each we print the shape of the
output and the shape of its mask.

**Predict.** Which of these layers is it?

- [ ] `Dense(16)`, which has no argument `mask`
- [x] `Conv1D(16, 3)`, which reads a timestep and its two neighbours
- [ ] `Dropout(0.5)`, which sets numbers to zero
- [ ] `LSTM(16, return_sequences=True)`, which skips masked timesteps
"""

# %% id="carry-layers" fragment
keras.utils.set_random_seed(0)
layers = [
    keras.layers.Dropout(0.5),
    keras.layers.Dense(16),
    keras.layers.Activation("relu"),
    keras.layers.LayerNormalization(),
    keras.layers.LSTM(16, return_sequences=True),
    keras.layers.Bidirectional(keras.layers.LSTM(8, return_sequences=True)),
    keras.layers.Conv1D(16, 3, padding="same"),
]

# %% id="carry-measure" slide
masked = keras.layers.Embedding(5000, 16, mask_zero=True)(short.ids)


def measure(layer):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        output = layer(masked)
    mask = ml.mask_of(output)
    print(f"{type(layer).__name__:22} {output.shape!s:12} {None if mask is None else mask.shape}")
    return caught


caught = [measure(layer) for layer in layers]

# %% [markdown] id="carry-why" slide
"""
**Why.** Six of the seven pass the mask on, and for each of them the rule says that it may:

- `Dropout`, `Dense`, `Activation` and `LayerNormalization` compute each timestep alone.
- The `LSTM`, alone or in `Bidirectional`, takes what it has read along to the next timestep. But it
  uses the mask and leaves the padding out. [Lesson 04](04_use.ipynb) measures this.

`Conv1D` keeps the timesteps in their order, so (a) holds. But the last word of a sentence has
padding beside it, and `Conv1D` mixes the two. If it passed the mask on, the mask would call this
timestep free of padding.

The rule says when a layer *may* pass the mask on. It does so only if its author has written this
into its code. [Lesson 07](07_opting_in.ipynb) shows how, for layers of your own.
"""

# %% [markdown] id="ends" slide
"""
## 5. The warning that a mask is lost

The next four layers return one vector for each sentence. An output without timesteps needs no mask.
But `LSTM` and `GlobalAveragePooling1D` have used the mask by then, and `GlobalMaxPooling1D` and
`Flatten` have not. Lesson 04 measures this.

Keras warns when a mask reaches a layer that does not support masking. The author of a layer says
whether it does, in the attribute `supports_masking`.

**Predict.** For how many of the four layers does Keras warn?

- [ ] none: there are no timesteps left to mask
- [x] two: those that do not use the mask
- [ ] four: each output is without a mask
"""

# %% id="ends-measure" fragment
for layer in (
    keras.layers.LSTM(16),
    keras.layers.GlobalAveragePooling1D(),
    keras.layers.GlobalMaxPooling1D(),
    keras.layers.Flatten(),
):
    messages = measure(layer)
    print(f"  supports_masking={layer.supports_masking}, warnings: {len(messages)}")
print(messages[0].message)

# %% [markdown] id="ends-why" slide
"""
**Why.** The `LSTM` and `GlobalAveragePooling1D` *end* the mask: it has done its work, and they
support masking. At `GlobalMaxPooling1D` and `Flatten` the mask is *lost*: nobody has used it. They
do not support masking, and Keras says so.
"""

# %% [markdown] id="ends-text"
"""
Of the eleven layers in these two sections, six pass the mask on, two end it, and three lose it.
This course has a page, *What each Keras layer does to a mask*, with a table of all layers.

What does the documentation say? The next cell prints a paragraph on `Masking` from the installed
Keras, which is also on [keras.io](https://keras.io/api/layers/core_layers/masking/). Then it prints
for which of the seven layers of section 4 Keras warned.
"""

# %% id="ends-documented" fragment
print(inspect.getdoc(keras.layers.Masking).split("\n\n")[2])
print([type(layer).__name__ for layer, messages in zip(layers, caught, strict=True) if messages])

# %% [markdown] id="warn-missed" slide
"""
Here the documentation is out of date. `Conv1D` does not support masking and received a mask, but
there was no exception, only a warning.

And a warning is easily missed. By default, Python shows the same warning from the same line of code
only once. Here a model with a `Conv1D` is trained twice, for three epochs each, and asked for
predictions. The cell counts the warnings:
"""

# %% id="warn-train" fragment
keras.utils.set_random_seed(0)
embedding = keras.layers.Embedding(5000, 16, mask_zero=True)
conv = keras.layers.Conv1D(16, 3, padding="same", name="conv")
tagger = keras.Sequential([embedding, conv, keras.layers.Dense(1)])
tagger.compile("adam", "mse")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("default")
    for _ in range(2):
        tagger.fit(short.ids, np.zeros((3, 6, 1)), epochs=3, verbose=0)
    tagger.predict(short.ids, verbose=0)
print(len(caught))

# %% [markdown] id="warn-error" slide
"""
The model trains and predicts as if nothing had happened. If you would rather have the exception
that the documentation promises, turn this one warning into an error:
"""

# %% id="warn-filter" fragment
with warnings.catch_warnings():
    warnings.filterwarnings("error", message=".*destroy the mask")
    try:
        conv(masked)
    except UserWarning as error:
        print(type(error).__name__)

# %% [markdown] id="cut" slide
"""
## 6. Where the thread is cut, and where padding gets in

A mask that is lost is missed only later, by a layer that would have used it. Here are five layers
in a row. `conv` is a `Conv1D` of width 1: it reads no neighbours, and computes each timestep alone.
But like every `Conv1D`, it loses the mask.

**Predict.** Where does padding get in?

- [ ] at `conv`, which loses the mask
- [ ] nowhere
- [x] at `last`, which gets no mask
"""


# %% id="cut-stack" fragment
def stack(width):
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Embedding(5000, 16, mask_zero=True, name="embedding"),
        keras.layers.Dropout(0.5, name="dropout"),
        keras.layers.LSTM(16, return_sequences=True, name="lstm"),
        keras.layers.Conv1D(16, width, padding="same", name="conv"),
        keras.layers.LSTM(16, name="last"),
    ]
    return keras.Sequential(layers)


# %% id="cut-picture" slide
with warnings.catch_warnings(action="ignore"):
    trace = ml.trace(stack(width=1), short)
display(trace)

# %% [markdown] id="cut-why" slide
"""
**Why.** At `conv` a mask comes in, and none goes out: the cross. No padding gets into its values,
because each timestep is computed alone. `last` would use a mask, but gets none, and reads the
padding as data: the drop. Below it the picture says why, and how to repair this: pass the mask by
hand, the topic of [lesson 05](05_masks_by_hand.ipynb).
"""

# %% [markdown] id="cut-wide" slide
"""
`trace.leaks` holds the calls at which padding first gets in. With a width of 3, `conv` itself mixes
the last word with the padding beside it. The drop moves up, and a mask for `last` would come too
late:
"""

# %% id="cut-leaks" fragment
for width in (1, 3):
    with warnings.catch_warnings(action="ignore"):
        trace = ml.trace(stack(width), short)
    print(f"width={width}:", [call.name for call in trace.leaks])

# %% [markdown] id="remember" slide
"""
## Remember

1. In a Sequential or Functional model the mask goes from layer to layer by itself, and Keras fills
   it in where `call` has an argument `mask`.
2. Most layers pass the mask on, some end it, and some lose it: `Conv1D`, `Flatten`,
   `GlobalMaxPooling1D`. Keras only warns, and usually just once.
3. A layer may pass the mask on if timestep t stays timestep t and no padding gets into it.
"""

# %% [markdown] id="look-up"
"""
Look it up: [`keras.layers.Masking`](https://keras.io/api/layers/core_layers/masking/) · [the
TensorFlow guide on mask
propagation](https://www.tensorflow.org/guide/keras/masking_and_padding#mask_propagation_in_the_functional_api_and_sequential_api)
"""
