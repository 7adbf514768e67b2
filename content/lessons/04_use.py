# %% [markdown] id="title" slide
"""
# Which layers use the mask, and does padding get in?

*{{number}} Use · {{minutes}} minutes*

**You will**

- watch the state of an LSTM at masked timesteps;
- find out which models a mask helps, and which it does not;
- test whether a layer that has the mask uses it.
"""

# %% id="setup"
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np

import masklens as ml

ml.set_language("en")

# %% id="batches"
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


# %% id="difference"
def difference(one, other):
    one, other = keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other)
    return round(float(np.abs(one - other).max()), 3)


# %% [markdown] id="frozen" slide
"""
## 1. What does the LSTM return at a masked timestep?

With `return_sequences=True` an `LSTM` returns its hidden state after every timestep, the masked
ones included.

**Predict.** *Hello world !* is padded to 12 timesteps. What stands in the output at timesteps 3 to
11: zeros, the same state again and again, or a state that still moves?
"""

# %% id="frozen-measure" fragment
hello = long.ids[:1]
for mask_zero in (True, False):
    keras.utils.set_random_seed(0)
    embedding = keras.layers.Embedding(5000, 16, mask_zero=mask_zero)
    lstm = keras.layers.LSTM(8, return_sequences=True, name="lstm")
    state = keras.ops.convert_to_numpy(lstm(embedding(hello)))[0]
    still = [bool((state[step] == state[2]).all()) for step in range(3, 12)]
    print(f"mask_zero={mask_zero}: {sum(still)} of {len(still)} == state[2]")

# %% [markdown] id="frozen-watch" slide
"""
With the mask it is the same state, again and again. Watch it happen: here is the model of section 2
with `mask_zero=True`. Play it, or step through it, and look at the other sentences, too. A column
is the state of the `LSTM` after one timestep, 6 of its 32 numbers. The upper half of each cell is
the state with the mask, the lower half the state without it. The line at the bottom says how far
the state moves: the largest change of any of the 32 numbers.

**Predict.** Without the mask the state moves in the padding, too. Where does it go: back to zero,
to a place of its own for each sentence, or to the same place for all?
"""

# %% id="frozen-play" slide
ml.TimestepExplorer(model, long, tokens=sentences)

# %% [markdown] id="frozen-apart"
"""
From the last word on the upper halves do not change: the state is frozen. Without the mask every
zero moves it, but less and less, as if it came close to something. In 12 timesteps it
does not get there. So here are the first two sentences with 60: how far apart are their answers?
"""

# %% id="frozen-apart-measure"
padded = ml.pad(ids, padding="post", maxlen=60).ids
for mask_zero in (True, False):
    first, second, _third = connect(mask_zero)(padded)
    print(f"mask_zero={mask_zero}: {difference(first, second)}")

# %% [markdown] id="frozen-why" slide
"""
Without the mask nothing is left of the difference. Whatever the sentence was, enough zeros lead the
state of this LSTM to the same place: the padding has washed the words out. Training could teach it
to hold on to them longer, but with the mask it need not learn that.

**Why.** At a masked timestep the LSTM keeps the state of the timestep before. So the last state is
that of the last word, and the answer cannot depend on how much padding follows. The output there is
not zero, but a copy: an average over all timesteps would count it again and again.

To skip a timestep is not to save time. Keras's source shows that on a CPU it is computed all the
same, and the result is thrown away.
"""

# %% [markdown] id="help" slide
"""
## 2. Does `mask_zero=True` help every model?

Five models begin with an `Embedding`. Each one is run twice, once with `mask_zero=True` and once
without. All weights are the same.

**Predict.** In which of the five do the two answers differ?
"""

# %% id="help-models" fragment
embeddings = {}
for mask_zero in (True, False):
    keras.utils.set_random_seed(0)
    embeddings[mask_zero] = keras.layers.Embedding(5000, 16, mask_zero=mask_zero)
tails = {
    "Dense, LSTM": [keras.layers.Dense(16), keras.layers.LSTM(32)],
    "Conv1D, LSTM": [keras.layers.Conv1D(16, 3, padding="same"), keras.layers.LSTM(32)],
    "GlobalAveragePooling1D": [keras.layers.GlobalAveragePooling1D()],
    "GlobalMaxPooling1D": [keras.layers.GlobalMaxPooling1D()],
    "Flatten, Dense": [keras.layers.Flatten(), keras.layers.Dense(1)],
}


# %% id="help-measure" slide
def answer(batch, mask_zero, tail):
    x = embeddings[mask_zero](batch.ids)
    with warnings.catch_warnings(action="ignore"):
        for layer in tail:
            x = layer(x)
    return x


for name, tail in tails.items():
    print(f"{name:22} {difference(answer(short, True, tail), answer(short, False, tail))}")

# %% [markdown] id="help-padding"
"""
Three models give the same answer with the mask as without it: for them `mask_zero=True` does
nothing. All five now have the mask. Whose answer moves when padding grows from 6 to 12
timesteps, as in section 1?
"""

# %% id="help-growth"
for name, tail in tails.items():
    try:
        print(f"{name:22} {difference(answer(short, True, tail), answer(long, True, tail))}")
    except ValueError as error:
        print(f"{name:22} {type(error).__name__}")

# %% [markdown] id="help-why" slide
"""
**Why.** A mask helps only if it reaches a layer that uses it.

- `Dense` carries the mask to the `LSTM`, which uses it. `GlobalAveragePooling1D` uses it itself and
  averages over the words alone. Neither answer moves.
- `Conv1D` drops the mask. The `LSTM` behind it could use a mask, but gets none, and reads padding.
- `GlobalMaxPooling1D` does not use masks, although its name differs by one word. It takes the
  largest number of all timesteps, and padding can win.
- `Flatten` puts all timesteps into one row, and `Dense` has a weight for every place in it. Padding
  is data to this model. It cannot even be called with 12 timesteps, because it has weights for 6.
"""

# %% [markdown] id="help-choose" slide
"""
Now put layers between `Embedding` and `LSTM` yourself: click one under the stack, drag a card by
its handle, or move it with the arrow keys. Play shows a sentence on its way: tokens and mask go
from card to card. In the two layers that begin with `x +`, the output of an attention layer is
added to what went into it, as in a Transformer.

**Predict.** The explorer asks before it shows anything: where does padding get in? Ask yourself,
too, with which layers in the middle the mask is lost.

The weights are trained: with nearly every layer in between, the model still tells whether a
sentence ends with `!`. Below the stack stand its answers without padding, with this much and with
more, and whether padding gets in, measured as `ml.trace` measures it. The code of the stack is one
click away.
"""

# %% id="help-explorer" slide
ml.PropagationExplorer(ids, tokens=sentences, predict=True)

# %% [markdown] id="help-chosen"
"""
**Why.** Between `Embedding` and `LSTM` it is lost at three of them: at `Conv1D`, at a
`MyActivation` that does not say `supports_masking`, and at `x + MultiHeadAttention(x)`. With these
a red drop marks where padding gets in. A `Flatten` or a `GlobalMaxPooling1D` ends the time axis
without a look at the mask, and the `LSTM` behind it cannot run; take it out, and padding gets in as
well. `Masking` makes a new mask: none of the vectors is zero, so it lets the padding through. And
`Shift` keeps the mask, but moves the tokens from under it.

The attention layer is a trap: it uses the mask and passes it on, but it clears the mask of its own
input. So `x` comes to the sum without a mask, and the sum has none either. With a
`LayerNormalization` before it, the attention reads a tensor of its own, and `x` keeps its mask.
Layers of your own, such as `MyActivation`, are the topic of [lesson 07](07_opting_in.ipynb).
"""

# %% [markdown] id="use" slide
"""
## 3. Does a layer that has the mask use it?

A look at the code of a layer can mislead: an argument `mask` says that the layer *gets* the mask,
not that it uses it. What shows it is an experiment: **change the mask, run again, compare.** If
the output stays the same, the mask was not used.

One mask lets all words through, the other only the first two of each sentence:
"""

# %% id="use-masks" fragment
all_words = short.mask
two_words = short.mask & (np.arange(6) < 2)
display(ml.show(short, tokens=sentences, mask=all_words))
display(ml.show(short, tokens=sentences, mask=two_words))

# %% [markdown] id="use-predict" slide
"""
**Predict.** The `call` of each of these four layers has an argument `mask`. Which of the outputs
change with the mask?
"""

# %% id="use-measure" fragment
keras.utils.set_random_seed(0)
trials = {
    "LSTM": keras.layers.LSTM(32),
    "GlobalAveragePooling1D": keras.layers.GlobalAveragePooling1D(),
    "BatchNormalization": keras.layers.BatchNormalization(),
    "TimeDistributed(Dense)": keras.layers.TimeDistributed(keras.layers.Dense(4)),
}
vectors = embeddings[False](short.ids)
for name, layer in trials.items():
    moved = difference(layer(vectors, mask=all_words), layer(vectors, mask=two_words))
    print(f"{name:22} {moved}")

# %% [markdown] id="use-why" slide
"""
**Why.** The `LSTM` and the average leave out timesteps, so it matters to them which. The `Dense`
inside `TimeDistributed` computes every timestep by itself, whatever the mask says.
`BatchNormalization` uses a stored mean and variance here, and needs no mask for that. In training
it computes them from the batch, and then it leaves the masked timesteps out:
"""

# %% id="use-training" fragment
layer = trials["BatchNormalization"]
one, other = (layer(vectors, mask=mask, training=True) for mask in (all_words, two_words))
print(f"training=True: {difference(one, other)}")

# %% [markdown] id="use-probe"
"""
You need not write this experiment for every layer. With `probe=True`, `ml.trace` does it at each
call that meets a mask. Here is the stack of section 4 again, without its `Conv1D`.

**Predict.** Now the thread reaches the last `LSTM`. Which of the five layers on the `Embedding` use
the mask?
"""

# %% id="use-trace"
mended = keras.Sequential([layer for layer in stack.layers if layer.name != "conv"])
ml.trace(mended, short, probe=True)

# %% [markdown] id="use-boxes"
"""
Two of the five use the mask: the `LSTM` layers. The other three only carry it for them.

So there are two questions about a layer, and they are independent. Does it carry the mask? The
mask of its output tells. Does it use the mask? Only the experiment tells. Here are the layers of
section 4 and the average, each run with a mask and without:
"""

# %% id="use-both"
layers["GlobalAveragePooling1D"] = trials["GlobalAveragePooling1D"]
boxes = {}
for name, layer in layers.items():
    output = answer(short, True, [layer])
    carries = ml.mask_of(output) is not None
    uses = difference(output, answer(short, False, [layer])) > 0
    boxes.setdefault((uses, carries), []).append(name)
for (uses, carries), names in boxes.items():
    print(f"uses: {uses!s:5} carries: {carries!s:5}", names)

# %% id="use-picture"
figure, ax = plt.subplots(figsize=(7, 3))
for (uses, carries), names in boxes.items():
    ax.text(uses, carries, "\n".join(names), ha="center", va="center", family="monospace")
ax.axhline(0.5, color="0.8")
ax.axvline(0.5, color="0.8")
ax.set(xlim=(-0.5, 1.5), ylim=(-0.5, 1.5))
ax.set_xticks([0, 1], ["uses: False", "uses: True"])
ax.set_yticks([0, 1], ["carries: False", "carries: True"])
plt.show()

# %% [markdown] id="use-end"
"""
Every box has a layer in it. Top left are the layers that carry the mask for others, on the right
the layers for which you make it. Bottom left are the layers that lose it unused.
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
