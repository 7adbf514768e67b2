// A stack of layers with its weights: what comes out of each layer, and where padding gets in.

import { makeLayer, padOrigins, runLayers } from "./engine.js";
import { findLeaks } from "./leaks.js";

const ANSWER = { type: "Dense", config: { units: 1, activation: "sigmoid" } };

// Numbers in half precision, which float32 holds exactly.
function decodeHalves(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return Array.from(new Uint16Array(bytes.buffer), (half) => {
    const [sign, exponent, fraction] = [half >> 15 ? -1 : 1, (half >> 10) & 31, half & 1023];
    if (exponent === 0) return sign * 2 ** -24 * fraction;
    return sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
  });
}

const shaped = (numbers, [size, ...rest]) => {
  if (!rest.length) return numbers;
  const each = numbers.length / size;
  return Array.from({ length: size }, (_, i) => shaped(numbers.slice(i * each, (i + 1) * each), rest));
};

// The weights of each type of layer, as Keras lists them.
export function decodeWeights(encoded) {
  const weights = {};
  for (const [type, { shapes, values }] of Object.entries(encoded)) {
    const numbers = decodeHalves(values);
    const sizes = shapes.map((shape) => shape.reduce((product, size) => product * size, 1));
    if (sizes.reduce((sum, size) => sum + size, 0) !== numbers.length) throw new Error(`weights of ${type}`);
    let start = 0;
    weights[type] = shapes.map((shape, i) => shaped(numbers.slice(start, (start += sizes[i])), shape));
  }
  return weights;
}

// A word that ends with "!" has a row of its own in the table of vectors; others share the rest.
function rowOf(word, rows) {
  if (/[!！]$/u.test(word)) return 1;
  return 2 + [...word].reduce((found, letter) => (found * 31 + letter.codePointAt(0)) % (rows - 2), 0);
}

// The weights of the Embedding for these ids: padding has row 0, each word its trained vector.
export function tableFor(ids, trained) {
  const table = [];
  table[0] = trained[0];
  for (const [word, id] of ids) if (id > 0) table[id] = trained[rowOf(word, trained.length)];
  return table;
}

const ENDS = new Set(["LSTM", "GRU", "Bidirectional", "GlobalAveragePooling1D", "GlobalMaxPooling1D"]);

// The layers of a stack, ready to run, with the answer as the last.
export function buildStack(layers, { palette, weights }, table, length) {
  // Behind Flatten there are as many features for each timestep.
  let [times, timed] = [1, true];
  const made = layers.map(({ type, ...switches }) => {
    const config = { ...palette[type].config, ...switches };
    if (type === "Bidirectional") config.layer = { type: "LSTM", config: { units: 4, ...switches } };
    if (type === "Flatten" && timed) times = length;
    timed &&= type !== "Flatten" && (!ENDS.has(type) || Boolean(switches.return_sequences));
    const own = type === "Embedding" ? [table] : repeatWeights(type, weights[type], times);
    if (type === "Dense") times = 1;
    return makeLayer({ type, config, weights: own });
  });
  return [...made, makeLayer({ ...ANSWER, weights: repeatWeights("Dense", weights.Answer, times) })];
}

// A kernel is repeated for each timestep, so that it reads their average.
function repeatWeights(type, weights, times) {
  const repeat = (array) => Array.from({ length: times }, () => array).flat();
  if (type === "LayerNormalization") return weights.map(repeat);
  if (type !== "Dense") return weights;
  const [kernel, bias] = weights;
  return [repeat(kernel.map((row) => row.map((weight) => weight / times))), bias];
}

// How far two outputs of a layer are apart at each timestep; one number where time has ended.
const distances = (one, other) => {
  const apart = (a, b) => Math.max(...a.map((number, i) => Math.abs(number - b[i])));
  return Array.isArray(one[0]) ? one.map((step, t) => apart(step, other[t])) : [apart(one, other)];
};

// What stands behind each layer for one sentence: values and mask, at which timesteps padding got
// in, whether the layer uses its mask, and the error of a layer that cannot run.
export function followMask(layers, row, isPadding) {
  const seen = runLayers(layers, row);
  const other = runLayers(layers, row, null, (values, i) =>
    layers[i].type === "Embedding"
      ? values.map((step, t) => (isPadding[t] ? step.map((number) => 0.5 - number) : step))
      : values,
  );
  let into = { values: row, mask: null };
  return seen.map((out, i) => {
    if (!out.values) return out;
    const { values, mask } = into;
    const used = mask !== null && usesMask(layers[i], values, mask);
    into = out;
    const timed = Array.isArray(out.values[0]);
    const moved = layers[0].type === "Embedding" ? distances(out.values, other[i].values).map((by) => by > 1e-6) : [];
    return { ...out, timed, moved, used, hadMask: mask !== null, effect: effectOf(mask, out.mask, used, timed) };
  });
}

// Measured: does what comes out change when the mask is taken away? Where nothing is masked, the
// first timestep is masked in its stead.
function usesMask(layer, values, mask) {
  const [masked] = layer.call(values, mask.includes(false) ? mask : mask.map((_, t) => t > 0));
  const [plain] = layer.call(values, null);
  // The average of nothing is no number.
  return distances(masked, plain).some((by) => !(by <= 1e-9));
}

function effectOf(before, after, used, timed) {
  if (before === null) return after === null ? "none" : "creates";
  if (after?.some((read, t) => read !== before[t])) return "changes";
  if (after) return used ? "uses" : "passes";
  return used && !timed ? "ends" : "drops";
}

// A sentence in a stack, at one padded length: which token stands where, the ids, and the layers.
export function padSentence(settings, shared, ids, words, maxlen) {
  const [origins] = padOrigins([words.length], { padding: settings.padding, maxlen });
  const row = origins.map((place) => (place < 0 ? 0 : ids.get(words[place])));
  const isPadding = origins.map((place) => place < 0);
  const layers = buildStack(settings.layers, shared, tableFor(ids, shared.weights.Embedding[0]), maxlen);
  return { origins, row, isPadding, layers };
}

// The answer; null where the stack does not run, or gives one for each timestep.
export const answerOf = (steps) => {
  const { values } = steps.at(-1);
  return values && !Array.isArray(values[0]) ? values[0] : null;
};

export function answerAt(...given) {
  const { layers, row } = padSentence(...given);
  return answerOf(runLayers(layers, row));
}

// Everything about one sentence in one stack.
export function runSentence(...given) {
  const padded = padSentence(...given);
  const steps = followMask(padded.layers, padded.row, padded.isPadding);
  return { ...padded, steps, answer: answerOf(steps) };
}

// Whether two answers differ so much that it shows; null is no answer.
export const differs = (one, other) => one !== null && other !== null && Math.abs(one - other) > 0.005;

// The measurement of the lens: is the answer moved by what stands in the padding, or by more of it?
// With 8 features a few contents of padding tell as much as many.
export function measureLeaks({ layers, row, isPadding }, side) {
  return findLeaks(layers, row, isPadding, { value: 0, side, count: 8 });
}

// The Keras code of a stack: a Sequential, or a model of its own where x is needed twice.
export function stackCode(layers, { palette }, inputDim) {
  const partsOf = ({ type, ...on }) =>
    palette[type].parts.map(([name, call]) => {
      // Keras sets each switch to False by itself; only `mask_zero` is written either way.
      const written = Object.entries(on).filter(([key, value]) => value || key === "mask_zero");
      const switches = written.map(([key, value]) => `${key}=${value ? "True" : "False"}`).join(", ");
      return [name, call.replace("{input_dim}", inputDim).replace("{switches}", switches).replace(", )", ")")];
    });
  const made = [...layers.map(partsOf), [["answer", 'layers.Dense(1, activation="sigmoid")']]];
  const used = (kind) => layers.some(({ type }) => type === kind);
  const sources = Object.keys(palette).filter(used).map((type) => palette[type].source).filter(Boolean);
  const blocks = layers.some(({ type }) => palette[type].calls.length);
  if (blocks) sources.push(modelClass(layers, made, palette));
  const lines = made.flat().map(([, call]) => `        ${call},\n`);
  const model = blocks ? "model = Stack()\n" : `model = keras.Sequential(\n    [\n${lines.join("")}    ]\n)\n`;
  return ["import keras\nfrom keras import layers\n", ...sources, model].join(sources.length ? "\n\n" : "\n");
}

function modelClass(layers, made, palette) {
  const seen = {};
  const names = made.map((parts) =>
    parts.map(([name]) => ((seen[name] = (seen[name] ?? 0) + 1) === 1 ? name : `${name}_${seen[name]}`)),
  );
  const makes = made.flatMap((parts, i) => parts.map(([, call], j) => `        self.${names[i][j]} = ${call}`));
  const calls = layers.flatMap(({ type }, i) => {
    const own = Object.fromEntries(palette[type].parts.map(([name], j) => [name, names[i][j]]));
    const filled = palette[type].calls.map((call) => call.replace(/\{(\w+)\}/g, (_, name) => own[name]));
    return filled.length ? filled : [`x = self.${names[i][0]}(x)`];
  });
  return [
    ...["class Stack(keras.Model):", "    def __init__(self):", "        super().__init__()", ...makes, ""],
    ...["    def call(self, x):", ...calls.map((call) => `        ${call}`), "        return self.answer(x)", ""],
  ].join("\n");
}
