// A stack of layers with its weights: what comes out of each layer, and where padding gets in.

import { numberWords } from "./batch.js";
import { apart, hasTime, makeLayer, padOrigins, runLayers } from "./engine.js";

const ANSWER = { type: "Dense", activation: "sigmoid" };

// Numbers in half precision. The bits of one are those of a float32 that is 2 ** 112 times smaller.
function decodeHalves(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const halves = new Uint16Array(bytes.buffer);
  const bits = Uint32Array.from(halves, (half) => ((half & 0x8000) << 16) | ((half & 0x7fff) << 13));
  return new Float32Array(bits.buffer).map((number) => number * 2 ** 112);
}

// The weights of each type of layer, as Keras lists them.
export function decodeWeights(encoded) {
  const weights = {};
  for (const [type, { shapes, values }] of Object.entries(encoded)) {
    const numbers = decodeHalves(values);
    let next = 0;
    const filled = ([size, ...rest]) =>
      Array.from({ length: size }, () => (rest.length ? filled(rest) : numbers[next++]));
    weights[type] = shapes.map(filled);
    if (next !== numbers.length) throw new Error(`weights of ${type}`);
  }
  return weights;
}

// A word that ends with "!" has a row of its own in the table of vectors; others share the rest.
function rowOf(word, rows) {
  if (/[!！]$/u.test(word)) return 1;
  return 2 + [...word].reduce((found, letter) => (found * 31 + letter.codePointAt(0)) % (rows - 2), 0);
}

// The weights of the Embedding for these ids: padding has row 0, each word its trained vector.
function tableFor(ids, trained) {
  const table = [trained[0]];
  for (const [word, id] of ids) if (id > 0) table[id] = trained[rowOf(word, trained.length)];
  return table;
}

// What ends the time axis, unless it returns sequences.
const ENDS = /Flatten|LSTM|GRU|Bidirectional|Global/;

// The layers of a stack, ready to run, with the answer as the last.
function buildStack(layers, { palette, weights }, table, length) {
  // Behind Flatten there are as many features for each timestep.
  let [times, timed] = [1, true];
  return [...layers, ANSWER].map(({ type, ...switches }, i) => {
    const config = { ...palette[type].config, ...switches };
    if (type === "Bidirectional") config.layer = { type: "LSTM", config: switches };
    if (type === "Flatten" && timed) times = length;
    timed &&= !ENDS.test(type) || switches.return_sequences;
    const own = type === "Embedding" ? [table] : weights[i < layers.length ? type : "Answer"];
    const made = makeLayer({ type, config, weights: repeatWeights(type, own, times) });
    if (type === "Dense") times = 1;
    return made;
  });
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
const distances = (one, other) =>
  hasTime(one) ? one.map((step, t) => apart(step, other[t])) : [apart(one, other)];

// What stands behind each layer for one sentence: values and mask, at which timesteps padding got
// in, whether the layer uses its mask, and the error of a layer that cannot run.
function followMask(layers, row, isPadding) {
  const seen = runLayers(layers, row);
  // The first layer is the Embedding.
  const other = runLayers(layers, row, (values, i) =>
    i ? values : values.map((step, t) => (isPadding[t] ? step.map((number) => 0.5 - number) : step)),
  );
  let into = { values: row, mask: null };
  return seen.map((out, i) => {
    if (!out.values) return out;
    const { values, mask } = into;
    const used = mask !== null && usesMask(layers[i], values, mask);
    into = out;
    const timed = hasTime(out.values);
    const moved = distances(out.values, other[i].values).map((by) => by > 1e-6);
    return { ...out, timed, moved, used, effect: effectOf(mask, out.mask, used, timed) };
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
function padSentence({ sentences, padding, layers }, shared, words, maxlen) {
  const ids = numberWords(sentences, shared.vocabulary);
  const [origins] = padOrigins([words], { padding, maxlen });
  const row = origins.map((place) => (place < 0 ? 0 : ids.get(words[place])));
  const isPadding = origins.map((place) => place < 0);
  const table = tableFor(ids, shared.weights.Embedding[0]);
  return { words, origins, row, isPadding, table, layers: buildStack(layers, shared, table, maxlen) };
}

// The answer; null where the stack does not run, or gives one for each timestep.
const answerOf = (steps) => {
  const { values } = steps.at(-1);
  return values && !hasTime(values) ? values[0] : null;
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

// The Keras code of a stack: a Sequential, or a model of its own where x is needed twice.
export function stackCode(layers, { palette }, inputDim) {
  const seen = {};
  const partsOf = ({ type, ...on }) => {
    // Keras sets each switch to False by itself; only `mask_zero` is written either way.
    const written = Object.entries(on).filter(([key, value]) => value || key === "mask_zero");
    const switches = written.map(([key, value]) => `${key}=${value ? "True" : "False"}`).join(", ");
    return palette[type].parts.map(([name, call]) => {
      seen[name] = (seen[name] ?? 0) + 1;
      const attribute = seen[name] > 1 ? `${name}_${seen[name]}` : name;
      const filled = call.replace("{input_dim}", inputDim).replace("{switches}", switches).replace(", )", ")");
      return { name, attribute, call: filled };
    });
  };
  const made = layers.map(partsOf);
  const parts = [...made.flat(), { attribute: "answer", call: 'layers.Dense(1, activation="sigmoid")' }];
  const used = Object.keys(palette).filter((kind) => layers.some(({ type }) => type === kind));
  const sources = used.map((type) => palette[type].source).filter(Boolean);
  const blocks = used.some((type) => palette[type].calls.length);
  if (blocks) sources.push(modelClass(parts, made.flatMap((own, i) => callsOf(own, palette[layers[i].type]))));
  const lines = parts.map(({ call }) => `        ${call},\n`);
  const model = blocks ? "model = Stack()\n" : `model = keras.Sequential(\n    [\n${lines.join("")}    ]\n)\n`;
  return ["import keras\nfrom keras import layers\n", ...sources, model].join(sources.length ? "\n\n" : "\n");
}

// What a model does with the parts of a layer; the names in braces are those of the parts.
const callsOf = (own, { calls }) =>
  (calls.length ? calls : [`x = self.{${own[0].name}}(x)`]).map((call) =>
    call.replace(/\{(\w+)\}/g, (_, wanted) => own.find(({ name }) => name === wanted).attribute),
  );

function modelClass(parts, calls) {
  return [
    ...["class Stack(keras.Model):", "    def __init__(self):", "        super().__init__()"],
    ...parts.map(({ attribute, call }) => `        self.${attribute} = ${call}`),
    ...["", "    def call(self, x):", ...calls.map((call) => `        ${call}`), "        return self.answer(x)", ""],
  ].join("\n");
}
