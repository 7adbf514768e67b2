# %% [markdown] id="title" slide
"""
# Using the mask: which layers use it, and does padding get in?

*{{number}} Use · {{minutes}} minutes*

**You will**

- watch the state of an LSTM at masked timesteps;
- test whether a layer that gets the mask uses it;
- find out why padding changes the answer of some trained models that have a mask.
"""

# %% id="setup" skim
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML
from keras import layers

import masklens as ml

ml.set_language("en")

# %% [markdown] id="material" slide
"""
## 1. An LSTM at masked timesteps: the frozen state

Here is the question of lesson 00 again: **does the sentence end with `!`?** A model learns it from
512 sequences of six ids, without padding. Training takes a few seconds. `train` takes the layers
between the `Embedding`, which makes a mask, and a `Dense` layer that gives the answer: a number
between 0 (no) and 1 (yes). It prints the accuracy after training.
"""

# %% id="batches" skim
sentences = [
    "Hello world !".split(),
    "How are you doing today".split(),
    "The weather will be nice tomorrow".split(),
]
ids = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
rng = np.random.default_rng(0)
sequences = rng.choice(sorted({token for row in ids for token in row}), size=(512, 6))
sequences[:256, -1] = 71
ends = sequences[:, -1] == 71


# %% id="train" fragment
def train(*middle):
    keras.utils.set_random_seed(0)
    embedding = layers.Embedding(5000, 16, mask_zero=True, name="embedding")
    answer = layers.Dense(1, activation="sigmoid", name="answer")
    model = keras.Sequential([embedding, *middle, answer])
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    model.fit(sequences, ends, epochs=6, verbose=0)
    accuracy = model.evaluate(sequences, ends, verbose=0)[1]
    print([type(layer).__name__ for layer in middle], f"{accuracy:.0%}")
    return model


# %% id="train-reader" fragment
keras.utils.set_random_seed(0)
reader = train(layers.LSTM(16, name="lstm"))

# %% [markdown] id="frozen" slide
"""
With `return_sequences=True`, an `LSTM` returns its hidden state after every timestep. It has to
return something at masked timesteps as well, although it skips them.

**Predict.** *Hello world !* is padded to 12 timesteps. What does the trained `LSTM` return at the
masked timesteps 3 to 11?

- [ ] zeros
- [x] the state after `!`, nine times
- [ ] a state that fades from timestep to timestep
"""

# %% id="frozen-measure" fragment
long = ml.pad(ids, padding="post", maxlen=12)
hello = long.ids[:1]
vectors = reader.get_layer("embedding")(hello)
lstm = layers.LSTM(16, return_sequences=True)
lstm.build(vectors.shape)
lstm.set_weights(reader.get_layer("lstm").get_weights())
for mask in (hello != 0, hello >= 0):
    states = keras.ops.convert_to_numpy(lstm(vectors, mask=mask))[0]
    same = [bool((state == states[2]).all()) for state in states[3:]]
    print(mask.astype(int), f"states[2]: {sum(same)} / {len(same)}")

# %% [markdown] id="frozen-watch" slide
"""
With the mask, in the first line, it is the same state nine times. The second mask is True
everywhere, so every zero is read, and no state equals the one after `!`.

Watch it: play the sentence, or step through it, and look at the other sentences. A column is the
state after one timestep, 6 of its 16 numbers. The upper half of each cell is the state with the
mask, the lower half the state without it. At the bottom you read how far the state moves, and what
the model would answer at this point.
"""

# %% id="frozen-play" slide
ml.TimestepExplorer(reader, long, tokens=sentences)

# %% [markdown] id="frozen-why" slide
"""
**Why.** The state is all that an LSTM knows of the sentence. To skip a timestep means to leave the
state as it is: it is **frozen**. What the layer returns there is not zero, but a copy.

So after any amount of padding the last state is the state after the last word, and the answer does
not change. Without the mask, each zero moves the state away from `!`.
"""

# %% [markdown] id="gap" slide
"""
A masked timestep need not be at the end. In a series of measurements, a reading may be missing
anywhere. So we put a 0 between *Hello* and *world*. For each row below we print the answer, and
whether it is the same.

**Predict.** To which row does the trained model give exactly the same answer as to
`[711, 0, 632, 71]`?

- [ ] `[711]`, because it ends at the gap
- [ ] `[632, 71]`, because it starts anew behind the gap
- [x] `[711, 632, 71]`, because it skips the gap
"""

# %% id="gap-measure" fragment
with_gap = float(reader(np.array([[711, 0, 632, 71]]))[0, 0])
for row in ([711], [632, 71], [711, 632, 71]):
    answer = float(reader(np.array([row]))[0, 0])
    print(f"{row!s:14} {answer:.2f} {abs(answer - with_gap) < 1e-6}")

# %% [markdown] id="gap-why" slide
"""
**Why.** At the 0 the state is frozen, and *world* finds the state after *Hello*, as if there were
no gap. The mask does not say where a sentence ends. It says of each timestep whether to read it.

Skipping a timestep saves no time on a CPU: Keras's source shows that the timestep is computed all
the same, and the result is thrown away.
"""

# %% [markdown] id="use" slide
"""
## 2. The experiment: change the mask, run again, compare

How do you find out whether a layer uses the mask? An argument `mask` of its `call` says that the
layer *gets* the mask, not that it uses it. An experiment shows it: **change the mask, run again,
compare.** If the output stays the same, the mask was not used.

One mask lets all words through, the other only the first two of each sentence:
"""

# %% id="use-masks" fragment skim
short = ml.pad(ids, padding="post")
all_words = short.mask
two_words = short.mask & (np.arange(6) < 2)
display(ml.show(short, tokens=sentences, mask=all_words))
display(ml.show(short, tokens=sentences, mask=two_words))

# %% [markdown] id="use-predict" slide
"""
Four layers have an argument `mask`. `LSTM` reads the timesteps in order. `GlobalAveragePooling1D`
averages over them. `BatchNormalization` subtracts a stored mean, and divides by a stored standard
deviation. `TimeDistributed(Dense)` applies a `Dense` layer to each timestep. We print the largest
change of each output, in percent of its largest number.

**Predict.** Which outputs change with the mask?

- [x] those of `LSTM` and `GlobalAveragePooling1D`
- [ ] all four
- [ ] only that of `LSTM`
- [ ] all but that of `TimeDistributed`
"""


# %% id="use-measure" fragment
def difference(one, other):
    one, other = keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other)
    return np.abs(one - other).max() / np.abs(one).max()


# %% id="use-layers" fragment
keras.utils.set_random_seed(0)
vectors = layers.Embedding(5000, 16)(short.ids)
normalize = layers.BatchNormalization()
dense = layers.TimeDistributed(layers.Dense(4))
for layer in (layers.LSTM(16), layers.GlobalAveragePooling1D(), normalize, dense):
    moved = difference(layer(vectors, mask=all_words), layer(vectors, mask=two_words))
    print(f"{type(layer).__name__:22} {moved:.0%}")

# %% [markdown] id="use-why" slide
"""
**Why.** The `LSTM` and the average leave timesteps out, so it matters which. The `Dense` inside
`TimeDistributed` computes each timestep alone, whatever the mask says. The numbers that
`BatchNormalization` has stored do not depend on this batch or its mask.
"""

# %% [markdown] id="use-mode"
"""
In training, `BatchNormalization` takes the mean and the standard deviation from the batch. It
leaves the masked timesteps out, so the mask matters:
"""

# %% id="use-training" fragment
one, other = (normalize(vectors, mask=mask, training=True) for mask in (two_words, all_words))
print(f"training=True: {difference(one, other):.0%}")

# %% [markdown] id="boxes" slide
"""
## 3. Passing the mask on, and using it: two questions

Lesson 03 asked whether a layer passes the mask on. This lesson asks whether it uses it. Two
questions with two answers make four boxes.

We run nine layers twice, with a mask and on a copy of the same vectors without one. For each layer
we print whether the output has a mask, and how far it moves without the mask.

**Predict.** In which box is `LSTM(16, return_sequences=True)`?

- [ ] it passes the mask on, and does not use it
- [ ] it uses the mask, and does not pass it on
- [ ] neither
- [x] both
"""

# %% id="boxes-layers" fragment skim
keras.utils.set_random_seed(0)
candidates = {
    "Dense": layers.Dense(16),
    "Dropout": layers.Dropout(0.5),
    "LayerNormalization": layers.LayerNormalization(),
    "LSTM(return_sequences=True)": layers.LSTM(16, return_sequences=True),
    "LSTM": layers.LSTM(16),
    "GlobalAveragePooling1D": layers.GlobalAveragePooling1D(),
    "GlobalMaxPooling1D": layers.GlobalMaxPooling1D(),
    "Conv1D": layers.Conv1D(16, 3, padding="same"),
    "Flatten": layers.Flatten(),
}

# %% id="boxes-measure" fragment
keras.utils.set_random_seed(0)
embedding = layers.Embedding(5000, 16, mask_zero=True)
masked = embedding(short.ids)
plain = keras.ops.copy(masked)
boxes = {(uses, passes): [] for uses in (False, True) for passes in (False, True)}
for name, layer in candidates.items():
    with warnings.catch_warnings(action="ignore"):
        output = layer(masked)
    passes = ml.mask_of(output) is not None
    moved = difference(output, layer(plain))
    boxes[bool(moved > 0), passes].append(name)
    print(f"{name:28} {passes!s:6} {moved:.0%}")

# %% id="boxes-picture" slide skim
columns = ["does not use the mask", "uses the mask"]  # words
rows = ["does not pass it on", "passes it on"]  # words
lines = [["", *columns]]
for passes in (True, False):
    lines.append([rows[passes], *("<br>".join(boxes[uses, passes]) for uses in (False, True))])
HTML("<table>" + "".join("<tr><th>" + "<td>".join(line) for line in lines) + "</table>")

# %% [markdown] id="boxes-why" slide
"""
**Why.** With `return_sequences=True` the `LSTM` freezes its state at masked timesteps, so it uses
the mask. Its output has the same timesteps and no padding gets in, so by the rule of lesson 03 it
may pass the mask on.

- Top left: layers that pass the mask on to others.
- On the right: layers that use the mask. They are the reason for making one.
- Bottom left: layers that lose it unused.
"""

# %% [markdown] id="probe" slide
"""
You do not have to write this experiment for every layer. With `probe=True`, `ml.trace` makes it at
each call that gets a mask, and writes the result beside the thread. (The signs are explained in
[lesson 03](03_propagation.ipynb).)
"""

# %% id="probe-trace" fragment
names = "Dense", "LSTM(return_sequences=True)", "LayerNormalization", "GlobalAveragePooling1D"
stack = keras.Sequential([embedding, *(candidates[name] for name in names)])
ml.trace(stack, short, probe=True)

# %% [markdown] id="help" slide
"""
## 4. Does padding get in? Five trained models

Five models learn to tell whether a sentence ends with `!`. Each begins with an `Embedding` that
makes a mask. The layers behind it differ:
"""

# %% id="help-models" fragment
keras.utils.set_random_seed(0)
tails = {
    "Dense, LSTM": [layers.Dense(16), layers.LSTM(16)],
    "Conv1D, LSTM": [layers.Conv1D(16, 3, padding="same"), layers.LSTM(16)],
    "GlobalAveragePooling1D": [layers.GlobalAveragePooling1D()],
    "GlobalMaxPooling1D": [layers.GlobalMaxPooling1D()],
    "Flatten": [layers.Flatten()],
}
with warnings.catch_warnings(action="ignore"):
    models = {name: train(*tail) for name, tail in tails.items()}

# %% [markdown] id="help-predict" slide
"""
The two pooling models do not see the order of the words, so they are right less often. We ask each
of the five about *Hello world !* three times: without padding, padded to 6 timesteps at the end,
and padded to 6 at the front. The mask is right each time.

**Predict.** Which models give the same answer all three times?

- [ ] all five, since each of them has a mask
- [ ] only `Dense, LSTM`
- [x] `Dense, LSTM` and `GlobalAveragePooling1D`
- [ ] these two and `GlobalMaxPooling1D`
"""


# %% id="help-measure" fragment
def answers(model, row):
    for maxlen, padding in ((len(row), "post"), (6, "post"), (6, "pre")):
        padded = ml.pad([row], maxlen=maxlen, padding=padding).ids
        try:
            yield round(float(model(padded)[0, 0]), 2)
        except ValueError:
            yield None


# %% id="help-answers" slide
with warnings.catch_warnings(action="ignore"):
    table = {name: list(answers(model, ids[0])) for name, model in models.items()}
for name, given in table.items():
    print(f"{name:22} {given}")

# %% id="help-picture" slide skim
figure, ax = plt.subplots(figsize=(7, 4))
labels = ["maxlen=3", 'maxlen=6, padding="post"', 'maxlen=6, padding="pre"']
for place, (label, colour) in enumerate(zip(labels, ["#0072b2", "0.75", "0.4"], strict=True)):
    given = np.array([row[place] for row in table.values()], dtype=float)
    ax.barh(np.arange(5) + 0.25 * place, given, height=0.22, color=colour, label=label)
ax.set_yticks(np.arange(5) + 0.25, table)
ax.invert_yaxis()
ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=3)
plt.show()

# %% [markdown] id="help-why" slide
"""
**Why.** A mask helps only where it reaches a layer that uses it, before padding is mixed in.

- `Dense` passes the mask on, and the `LSTM` uses it. `GlobalAveragePooling1D` uses it itself and
  averages over the words.
- `Conv1D` loses the mask. The `LSTM` reads the padding last, and its answer is no. With the padding
  at the front it reads `!` last, and is right by luck.
- `GlobalMaxPooling1D` takes the largest number of all timesteps, and padding may hold it.
- `Flatten` puts all timesteps into one row, and `Dense` has a weight for each place in it. To this
  model padding is data like everything else. It has weights for six timesteps, so it cannot even be
  called with three: `None`.
"""

# %% [markdown] id="help-maximum"
"""
Does the maximum matter so little? That depends on the sentence. *How are you doing today* does not
end with `!`, and padding makes the model less sure of it:
"""

# %% id="help-second" fragment
with warnings.catch_warnings(action="ignore"):
    print(list(answers(models["GlobalMaxPooling1D"], ids[1])))

# %% [markdown] id="help-choose" slide
"""
## 5. Build a stack: where does padding get in?

Now put layers between the `Embedding` and the answer yourself. The weights are trained: with nearly
every layer in between, the model tells whether a sentence ends with `!`. Click a layer under the
stack to add it, drag a card by its handle, or move it with the arrow keys. Play shows a sentence
and its mask on their way from card to card.

The explorer asks where padding first gets into the answer, before it shows anything. You can work
it out: ask of each card whether it passes the mask on, whether it uses it, and whether it mixes
timesteps.

1. The stack below has a `Conv1D`. Answer the question, and then repair the stack.
2. Find three cards that you can put before the `LSTM` without letting padding in.

Some cards belong to later lessons: `MyActivation`, `Shift`, `TemporalSoftmax`, and those with
attention, which begin with `x +`.
"""

# %% id="help-explorer" slide
start = ["Embedding", "Dense", "Conv1D", "LSTM"]
ml.PropagationExplorer(ids, tokens=sentences, layers=start, predict=True)

# %% [markdown] id="help-chosen"
"""
`Dense`, `Dropout` and `LayerNormalization` pass the mask on, and so do `LSTM`, `GRU` and
`Bidirectional` with `return_sequences=True`. Each of them may replace the `Conv1D`. `Flatten` and
the two pools leave no timesteps for the `LSTM`, so it cannot run behind them.
"""

# %% [markdown] id="remember" slide
"""
## Remember

1. At a masked timestep an `LSTM` keeps its state. So padding does not change its answer, wherever
   it is.
2. To have the mask is not to use it. Change the mask, run again, compare.
3. `Dense` passes the mask on without using it. `Flatten` and `GlobalMaxPooling1D` never notice it,
   and padding gets into the answer.
"""

# %% [markdown] id="look-up"
"""
Look it up: [`keras.layers.LSTM`](https://keras.io/api/layers/recurrent_layers/lstm/) ·
[`GlobalAveragePooling1D`](https://keras.io/api/layers/pooling_layers/global_average_pooling1d/)
"""
