// The engine of the playground: what layers of Keras do with one row of a batch, and with its mask.
// A row is an array of timesteps, each an array of features; once the time axis is gone, one array
// of features. A mask is an array of booleans, one for each timestep, or null.

// Its message is "rank" for a time axis that is missing or one too many, or "shape" for weights or
// windows that do not fit what comes in.
class EngineError extends Error {}

// For each place of the padded batch, which token of its sequence stands there; -1 for padding.
export function padOrigins(sequences, { maxlen, padding = "pre", truncating = "pre" }) {
  const width = maxlen ?? Math.max(0, ...sequences.map(({ length }) => length));
  return sequences.map((sequence) => {
    const first = truncating === "pre" ? Math.max(0, sequence.length - width) : 0;
    const tokens = [...sequence.keys()].slice(first, first + width);
    const none = Array(width - tokens.length).fill(-1);
    return padding === "pre" ? [...none, ...tokens] : [...tokens, ...none];
  });
}

// Sequences of ids as rows of one length, as keras.utils.pad_sequences makes them.
export function padSequences(sequences, { value = 0, ...options }) {
  return padOrigins(sequences, options).map((row, i) => row.map((at) => (at < 0 ? value : sequences[i][at])));
}

// Numbers.
export const hasTime = (values) => Array.isArray(values[0]);
const eachStep = (values, change) => (hasTime(values) ? values.map(change) : change(values));
export const isValid = (mask, t) => mask?.[t] ?? true;
const total = (numbers) => numbers.reduce((sum, x) => sum + x, 0);
const plus = (one, two) => one.map((x, i) => x + two[i]);
const plusEach = (one, two) => one.map((x, t) => plus(x, two[t]));
export const dot = (one, two) => total(one.map((x, i) => x * two[i]));
// How far two vectors are apart: the largest difference of a feature.
export const apart = (one, two) => Math.max(...one.map((x, i) => Math.abs(x - two[i])));
export const zeros = (count) => Array(count).fill(0);
const sigmoid = (x) => 1 / (1 + Math.exp(-x));

const ACTIVATIONS = { linear: (x) => x, relu: (x) => Math.max(0, x), tanh: Math.tanh, sigmoid };

// [features] times [features][units] gives [units].
function times(vector, matrix) {
  fits(vector, matrix);
  const sums = zeros(matrix[0].length);
  for (let feature = 0; feature < vector.length; feature++)
    for (let unit = 0; unit < sums.length; unit++) sums[unit] += vector[feature] * matrix[feature][unit];
  return sums;
}

const affine = (kernel, bias) => (x) => plus(times(x, kernel), bias);

function fits(vector, weights) {
  if (vector.length !== weights.length) throw new EngineError("shape");
}

// A score of -Infinity has no part in it; where all are so, there is nothing to share out.
function softmax(scores) {
  const highest = Math.max(-1e300, ...scores);
  const exps = scores.map((score) => Math.exp(score - highest));
  const sum = Math.max(total(exps), 1);
  return exps.map((exp) => exp / sum);
}

// A layer that needs a time axis.
const overTime = (call) => (values, mask) => {
  if (!hasTime(values)) throw new EngineError("rank");
  return call(values, mask);
};

// Recurrent layers. A cell takes a step: from the features and the state to the next state, which
// begins with what the cell gives out. The gates lie side by side in one matrix.
const CELLS = {
  LSTM: ({ activation = "tanh" }, [kernel, recurrent, bias]) => {
    const act = ACTIVATIONS[activation];
    return (x, [output, cell = zeros(output.length)]) => {
      const gates = plus(plus(times(x, kernel), times(output, recurrent)), bias);
      const [input, forget, candidate, out] = split(gates, output.length);
      const added = candidate.map((c, u) => sigmoid(input[u]) * act(c));
      const next = cell.map((c, u) => sigmoid(forget[u]) * c + added[u]);
      return [next.map((c, u) => sigmoid(out[u]) * act(c)), next];
    };
  },
  GRU: ({ activation = "tanh" }, [kernel, recurrent, biases]) => {
    const act = ACTIVATIONS[activation];
    return (x, [output]) => {
      const [update, reset, candidate] = split(affine(kernel, biases[0])(x), output.length);
      const own = split(affine(recurrent, biases[1])(output), output.length);
      const step = (h, u) => {
        const kept = sigmoid(update[u] + own[0][u]);
        const read = sigmoid(reset[u] + own[1][u]);
        return kept * h + (1 - kept) * act(candidate[u] + read * own[2][u]);
      };
      return [output.map(step)];
    };
  },
};

function split(numbers, size) {
  const starts = Array.from({ length: numbers.length / size }, (_, i) => i * size);
  return starts.map((start) => numbers.slice(start, start + size));
}

const makeCell = ({ type, config }, weights) => ({ weights, step: CELLS[type](config, weights) });

// What a cell gives out at each timestep. A masked timestep leaves the state as it is, so what was
// given out last is given out again.
function outputsOf({ weights: [, recurrent], step }, values, mask) {
  let state = [zeros(recurrent.length)];
  return values.map((x, t) => {
    if (isValid(mask, t)) state = step(x, state);
    return state[0];
  });
}

const recurrent = (type) => (config, weights) => {
  const cell = makeCell({ type, config }, weights);
  return overTime((values, mask) => {
    const outputs = outputsOf(cell, values, mask);
    return config.return_sequences ? [outputs, mask] : [outputs.at(-1), null];
  });
};

// Each layer: from its configuration and weights to what it does with values and mask.
const LAYERS = {
  Embedding:
    ({ mask_zero }, [table]) =>
    (ids) => {
      if (hasTime(ids)) throw new EngineError("rank");
      const vectors = ids.map((id) => table.at(id));
      if (vectors.includes(undefined)) throw new EngineError("shape");
      return [vectors, mask_zero ? ids.map((id) => id !== 0) : null];
    },

  Masking: ({ mask_value = 0 }) =>
    overTime((values) => {
      const mask = values.map((x) => x.some((feature) => feature !== mask_value));
      return [values.map((x, t) => (mask[t] ? x : zeros(x.length))), mask];
    }),

  Dense:
    ({ activation = "linear" }, [kernel, bias]) =>
    (values, mask) => [eachStep(values, (x) => affine(kernel, bias)(x).map(ACTIVATIONS[activation])), mask],

  // Outside training it does nothing.
  Dropout: () => (values, mask) => [values, mask],

  LayerNormalization: ({ epsilon = 1e-3 }, [gamma, beta]) => {
    const normalized = (x) => {
      fits(x, gamma);
      const mean = total(x) / x.length;
      const centred = x.map((feature) => feature - mean);
      const scale = 1 / Math.sqrt(dot(centred, centred) / x.length + epsilon);
      return centred.map((feature, i) => feature * scale * gamma[i] + beta[i]);
    };
    return (values, mask) => [eachStep(values, normalized), mask];
  },

  LSTM: recurrent("LSTM"),

  GRU: recurrent("GRU"),

  // One cell reads forwards, the other backwards; here masked timesteps give zeros.
  Bidirectional: ({ layer }, weights) => {
    const [ahead, back] = split(weights, weights.length / 2).map((half) => makeCell(layer, half));
    return overTime((values, mask) => {
      const forward = outputsOf(ahead, values, mask);
      const backward = outputsOf(back, values.toReversed(), mask?.toReversed());
      if (!layer.config.return_sequences) return [[...forward.at(-1), ...backward.at(-1)], null];
      const both = forward.map((x, t) => [...x, ...backward.at(-1 - t)]);
      return [both.map((x, t) => (isValid(mask, t) ? x : zeros(x.length))), mask];
    });
  },

  // A window that reaches over an end of the row finds zeros there.
  Conv1D: ({ kernel_size, padding = "valid", activation = "linear" }, [kernel, bias]) =>
    overTime((values) => {
      const before = padding === "same" ? Math.floor((kernel_size - 1) / 2) : 0;
      const count = padding === "same" ? values.length : values.length - kernel_size + 1;
      if (count < 1) throw new EngineError("shape");
      const windows = Array.from({ length: count }, (_, t) =>
        kernel.map((_, k) => times(values[t + k - before] ?? zeros(values[0].length), kernel[k])),
      );
      const act = (window) => window.reduce(plus, bias).map(ACTIVATIONS[activation]);
      return [windows.map(act), null];
    }),

  Flatten: () => (values) => [values.flat(), null],

  GlobalAveragePooling1D: () =>
    overTime((values, mask) => {
      const counted = values.filter((_, t) => isValid(mask, t));
      const sum = counted.reduce(plus, zeros(values[0].length));
      return [sum.map((feature) => feature / counted.length), null];
    }),

  GlobalMaxPooling1D: () =>
    overTime((values) => [values[0].map((_, i) => Math.max(...values.map((x) => x[i]))), null]),

  // Each timestep asks all timesteps. A masked one is not heard; one that is itself masked hears
  // all of them alike.
  MultiHeadAttention: (_, weights) =>
    overTime((values, mask) => {
      const heads = weights[1].map((_, head) => {
        const [queries, keys, contents] = [0, 2, 4].map((at) => {
          const kernel = weights[at].map((feature) => feature[head]);
          return values.map(affine(kernel, weights[at + 1][head]));
        });
        return queries.map((query, t) => {
          const heard = (s) => isValid(mask, t) && isValid(mask, s);
          const score = (key, s) => (heard(s) ? dot(query, key) / Math.sqrt(key.length) : -1e30);
          return times(softmax(keys.map(score)), contents);
        });
      });
      const joined = values.map((_, t) => heads.flatMap((head) => head[t]));
      return [joined.map(affine(weights[6].flat(), weights[7])), mask];
    }),

  // x + MultiHeadAttention(x). The attention takes the mask away from x, so the sum has none.
  Residual: (config, weights) => {
    const attention = LAYERS.MultiHeadAttention(config, weights);
    return (values, mask) => {
      const [attended] = attention(values, mask);
      return [plusEach(values, attended), null];
    };
  },

  // x + MultiHeadAttention(LayerNormalization(x)). Here x keeps its mask, and so does the sum.
  PreNormResidual: (config, weights) => {
    const normalization = LAYERS.LayerNormalization(config, weights.slice(0, 2));
    const attention = LAYERS.MultiHeadAttention(config, weights.slice(2));
    return (values, mask) => {
      const [attended] = attention(...normalization(values, mask));
      return [plusEach(values, attended), mask];
    };
  },

  // A layer of one's own; it passes the mask on only if it says so.
  MyActivation:
    ({ supports_masking = false }) =>
    (values, mask) => [
      eachStep(values, (x) => x.map(ACTIVATIONS.relu)),
      supports_masking ? mask : null,
    ],

  // Rolls a row by one; the mask stays where it was.
  Shift: () => (values, mask) => [values.map((_, t) => values.at(t - 1)), mask],

  // Weights over time, of which masked timesteps get none.
  TemporalSoftmax: () => (values, mask) => {
    const columns = hasTime(values) ? values : values.map((x) => [x]);
    const weights = columns[0].map((_, i) =>
      softmax(columns.map((x, t) => (isValid(mask, t) ? x[i] : -Infinity))),
    );
    const softened = columns.map((_, t) => weights.map((column) => column[t]));
    return [hasTime(values) ? softened : softened.flat(), mask];
  },
};

// A layer from the name of its class, its configuration, and its weights as nested arrays, in the
// order of Keras. `call` takes values and mask and gives out both, or throws an EngineError.
export const makeLayer = ({ type, config, weights }) => ({ type, call: LAYERS[type](config, weights) });

// What comes out of each layer: values and mask; an error of the first that cannot run; nothing of
// those behind it, which are stopped. `replace` may put other values in the place of what comes out
// of the layer with an index.
export function runLayers(layers, row, replace = (values) => values) {
  let [values, mask, stopped] = [row, null, false];
  return layers.map((layer, index) => {
    if (stopped) return {};
    try {
      [values, mask] = layer.call(values, mask);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      stopped = true;
      return { error: error.message };
    }
    values = replace(values, index);
    return { values, mask };
  });
}
