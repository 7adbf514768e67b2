# %% [markdown] id="title" slide
"""
# Who carries the mask, and who uses it?

*{{number}} Propagation · {{minutes}} minutes*

**You will**

- measure whether the answer of a model moves when padding grows;
- find out which layers pass the mask on, and where it is lost;
- test whether a layer that has the mask uses it.
"""

# %% id="setup"
import warnings

import keras
import numpy as np

import masklens as ml

ml.set_language("en")

# %% [markdown] id="growth" slide
"""
## 1. Does the answer move when padding grows?

In lesson 02 an `Embedding` made a mask. What is it good for? Here is our batch twice, padded to 6
timesteps and to 12. The words are the same, so the answer should be the same, too.
"""

# %% id="batches" fragment
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
**Predict.** Two models, each an `Embedding` and an `LSTM`, differ in one argument: only the first
has `mask_zero=True`. Nobody passes `mask=` to the LSTM. How far does the answer of each model move
between 6 and 12 timesteps? The function returns the largest difference between two results.
"""


# %% id="difference"
def difference(one, other):
    one, other = keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other)
    return round(float(np.abs(one - other).max()), 3)


# %% id="sequential" slide
keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.layers.Embedding(5000, 16, mask_zero=True, name="embedding"),
        keras.layers.LSTM(32, name="lstm"),
    ]
)
print(f"mask_zero=True: {difference(model(short.ids), model(long.ids))}")

# %% id="sequential-without" fragment
largest = np.abs(keras.ops.convert_to_numpy(model(short.ids))).max()

keras.utils.set_random_seed(0)
unmasked = keras.Sequential([keras.layers.Embedding(5000, 16), keras.layers.LSTM(32)])
print(f"mask_zero=False: {difference(unmasked(short.ids), unmasked(long.ids))}")
print(f"largest output: {largest:.3f}")

# %% [markdown] id="growth-thread" slide
"""
With the mask the answer stays where it is. Without the mask it moves by 0.03. That sounds little,
but no number in the right answer is larger than 0.014.

`ml.trace` asks the same question: *does padding change the answer?* It runs the model a few times
with other padding, and its first line says how far the answer moved. Below, it draws the way of the
mask as a thread from layer to layer. The thread begins with a knot where a layer makes a mask, and
it is cut where a mask is lost. The squares are the mask, batch down and time to the right, as in
the pictures above.

**Predict.** The `Embedding` makes a mask. Does the answer, behind the `LSTM`, still carry one?
"""

# %% id="sequential-trace" slide
ml.trace(model, short)

# %% [markdown] id="growth-why" slide
"""
**Why.** The `Embedding` ties its mask to its output. Keras finds it there and gives it to the
`LSTM`, which leaves out the masked timesteps. There the thread ends in a bar, and nothing is lost:
the answer is one vector for each sentence and has no timesteps to mask. You wrote nothing for that:
a Sequential model hands the tensor from layer to layer, and the mask goes with it. This is **mask
propagation**.
"""

# %% [markdown] id="graph" slide
"""
## 2. Where is the mask before there is a batch?

In the Functional API you connect the layers first, and the batch comes later. The ids are an
`Input` of unknown size: `shape=(None,)`.

**Predict.** What does the output of the `Embedding` carry now: no mask, an empty one, or something
else?
"""

# %% id="graph-mask" fragment
inputs = keras.Input(shape=(None,), dtype="int32")
symbolic = ml.mask_of(keras.layers.Embedding(5000, 16, mask_zero=True)(inputs))
print(type(symbolic).__name__, symbolic.dtype, symbolic.shape)

# %% [markdown] id="graph-measure"
"""
It carries a *symbolic* mask: it has a type and a shape, and its values come with the batch. Does it
reach the `LSTM`? Here are the same two models, now in the Functional API:
"""


# %% id="functional"
def connect(mask_zero):
    keras.utils.set_random_seed(0)
    inputs = keras.Input(shape=(None,), dtype="int32")
    x = keras.layers.Embedding(5000, 16, mask_zero=mask_zero, name="embedding")(inputs)
    return keras.Model(inputs, keras.layers.LSTM(32, name="lstm")(x))


for mask_zero in (True, False):
    model = connect(mask_zero)
    print(f"mask_zero={mask_zero}: {difference(model(short.ids), model(long.ids))}")

# %% id="graph-operations"
for mask_zero in (True, False):
    print([type(operation).__name__ for operation in connect(mask_zero).operations])

# %% [markdown] id="graph-moments" slide
"""
In a Functional model the layers are called at two moments: while you connect them, and when a batch
comes. `ml.trace` draws the second. For the first there is `ml.record()`, which records every
call of a layer in a block of code. It shows where masks go, and measures nothing.

**Predict.** At which of the two moments does the `LSTM` get a mask?
"""

# %% id="graph-trace" slide
with ml.record() as connecting:
    model = connect(mask_zero=True)
display(connecting)
display(ml.trace(model, short))

# %% [markdown] id="graph-why" slide
"""
At both. While you connect the layers, the picture can only say that there is a mask. Its values
come with the batch.

**Why.** When a layer is called, Keras looks at its input. If a mask is tied to it, and `call` of
the layer has an argument `mask`, Keras fills it in. In a Functional model that happens while you
connect the layers, and the mask becomes a part of the model: `NotEqual` computes `ids != 0` for
every batch. The model without `mask_zero=True` has no such part.
"""

# %% [markdown] id="carry" slide
"""
## 3. Who carries the mask on?

Between the layer that makes a mask and the layer that uses it stand others. Each of them returns a
new tensor.

**Predict.** Eight layers read the output of the same `Embedding(5000, 16, mask_zero=True)`. On
which of the eight outputs is there still a mask?
"""

# %% id="carry-layers" fragment
keras.utils.set_random_seed(0)
layers = {
    "Dropout": keras.layers.Dropout(0.5),
    "Dense": keras.layers.Dense(16),
    "LayerNormalization": keras.layers.LayerNormalization(),
    "LSTM": keras.layers.LSTM(16),
    "LSTM sequences": keras.layers.LSTM(16, return_sequences=True),
    "GlobalMaxPooling1D": keras.layers.GlobalMaxPooling1D(),
    "Conv1D": keras.layers.Conv1D(16, 3, padding="same"),
    "Flatten": keras.layers.Flatten(),
}

# %% id="carry-measure" slide
keras.utils.set_random_seed(0)
masked = keras.layers.Embedding(5000, 16, mask_zero=True)(short.ids)
warned = {}
for name, layer in layers.items():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        output = layer(masked)
    warned[name] = [str(warning.message) for warning in caught]
    carried = ml.mask_of(output) is not None
    print(f"{name:20} carried: {carried!s:6} {output.shape}")

# %% id="carry-warning"
print([name for name, messages in warned.items() if messages])
print(warned["Conv1D"][0].split("However, ")[1])

# %% [markdown] id="carry-why" slide
"""
**Why.** A layer carries the mask if whoever wrote it has said that it may:

- `Dropout`, `Dense` and `LayerNormalization` treat each timestep by itself. What was timestep 3 is
  still timestep 3, and the mask is still true of it.
- The `LSTM` returns one vector for the whole sentence. There are no timesteps left, so there is
  nothing for a mask to speak of. With `return_sequences=True` there are, and the mask goes on.
- `Conv1D`, `Flatten` and `GlobalMaxPooling1D` say nothing about masks. Keras drops the mask and
  warns. The model goes on all the same, and a warning among the lines of a training is easily
  missed.
"""

# %% [markdown] id="carry-stack" slide
"""
In a model such layers stand one behind the other. Here are six of them on an `Embedding`, and the
fifth is a `Conv1D`.

**Predict.** To which of the six does a mask come? Which of them pass it on?
"""

# %% id="carry-thread" fragment
keras.utils.set_random_seed(0)
stack = keras.Sequential(
    [
        keras.layers.Embedding(5000, 16, mask_zero=True, name="embedding"),
        keras.layers.Dropout(0.5, name="dropout"),
        keras.layers.Dense(16, name="dense"),
        keras.layers.LSTM(16, return_sequences=True, name="lstm"),
        keras.layers.LayerNormalization(name="norm"),
        keras.layers.Conv1D(16, 3, padding="same", name="conv"),
        keras.layers.LSTM(16, name="last"),
    ]
)

# %% id="carry-picture" slide
with warnings.catch_warnings(action="ignore"):
    trace = ml.trace(stack, short)
display(trace)
print([call.name for call in trace.leaks])

# %% [markdown] id="carry-cut" slide
"""
A ring on the thread is a layer that passes the mask on. At `Conv1D` the thread is cut: a mask comes
in, and none goes out. The last `LSTM` would use a mask, but none reaches it. The red drop says that
padding gets in at `Conv1D` already: it mixes each word with its neighbours, and the last word has
padding beside it. Below it you read why, and what you can do. `trace.leaks` holds the calls at
which padding first gets in.
"""

# %% [markdown] id="remember" slide
"""
## Remember

1. In a Sequential or Functional model the mask goes from layer to layer by itself. An `LSTM` that
   gets it freezes its state at masked timesteps, and more padding changes nothing.
2. `Dense`, `Dropout` and `LayerNormalization` carry the mask. `Conv1D`, `Flatten` and
   `GlobalMaxPooling1D` drop it with a warning, and the layers behind them read padding.
3. Having the mask is not using it. Change the mask, run again, compare.
"""

# %% [markdown] id="look-up"
"""
Look it up: [`keras.layers.LSTM`](https://keras.io/api/layers/recurrent_layers/lstm/) · [the
TensorFlow guide on mask
propagation](https://www.tensorflow.org/guide/keras/masking_and_padding#mask_propagation_in_the_functional_api_and_sequential_api)
"""
