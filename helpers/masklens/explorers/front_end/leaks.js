// Whether padding gets into an answer, and at which layers: a row is run again with other padding.
import { runLayers } from "./engine.js";

// Differences up to this, relative to the largest value, count as none.
const TOLERANCE = 1e-5;
const LEAST_ADDED = 4;
// Behind a maximum or a rectifier, few contents of padding may show.
const DRAWS = 32;

// Takes which timesteps are padding, the value of padding, and the side on which it stands. A row
// that has none is given some first. Gives out
// - moves: how far the answer moves with the content of padding and with its amount, relative to
//   its largest value; null for what cannot be asked;
// - answer: the larger of the two, or null, and tolerance: up to which it counts as none;
// - leaks: the indices of the layers at which the movement that reaches the answer begins;
// - perLayer: how far valid values move behind each layer, or null.
export function findLeaks(layers, row, isPadding, { value = 0, side = "post", count = DRAWS } = {}) {
  if (!isPadding.includes(true)) [row, isPadding] = withMorePadding(row, isPadding, value, side);
  const run = (given, padded, ...rest) => ({ outs: runLayers(layers, given, ...rest), padded });
  const base = run(row, isPadding);
  const longer = run(...withMorePadding(row, isPadding, value, side));
  const comparison = new PaddingComparison(base, longer, side);
  const asks = ranThrough(base) && isPadding.includes(false);
  const draws = asks ? runsWithNoise(layers, row, isPadding, run, count) : [];
  const told = draws.length && draws.every((draw) => sameMasks(base, draw));
  const content = told ? draws.map((draw) => comparison.moves(draw)).reduce(largest) : null;
  const amount = asks && ranThrough(longer) ? comparison.moves(longer) : null;
  const found = [content, amount].filter((moves) => moves !== null);
  const perLayer = found.length ? found.reduce(largest) : layers.map(() => null);
  return {
    moves: { content: content?.at(-1) ?? null, amount: amount?.at(-1) ?? null },
    answer: perLayer.at(-1),
    tolerance: TOLERANCE,
    leaks: [...new Set(found.flatMap(firstMoving))].sort((one, two) => one - two),
    perLayer,
  };
}

const ranThrough = ({ outs }) => outs.every(({ values }) => values);
const largest = (one, two) => one.map((move, i) => Math.max(move, two[i]));

// Where the movement that reaches the answer begins.
function firstMoving(moves) {
  const first = moves.findLastIndex((move) => move <= TOLERANCE) + 1;
  return first < moves.length ? [first] : [];
}

function withMorePadding(row, isPadding, value, side) {
  const count = Math.max(LEAST_ADDED, row.length);
  const step = Array.isArray(row[0]) ? row[0].map(() => value) : value;
  const joined = (old, added) => (side === "pre" ? [...added, ...old] : [...old, ...added]);
  return [joined(row, Array(count).fill(step)), joined(isPadding, Array(count).fill(true))];
}

// Other vectors stand at padded timesteps: behind Embedding, or in a row that holds vectors.
function runsWithNoise(layers, row, isPadding, run, count) {
  const random = seeded(1);
  const embedding = layers.findIndex(({ type }) => type === "Embedding");
  const replace = (values, i) => (i === embedding ? withNoise(values, isPadding, random) : values);
  return Array.from({ length: count }, () => run(replace(row, -1), isPadding, null, replace));
}

// The noise is three times as large as what stands at the valid timesteps.
function withNoise(values, isPadding, random) {
  const valid = values.filter((_, t) => !isPadding[t]).flat();
  const size = Math.sqrt(valid.reduce((sum, x) => sum + x * x, 0) / valid.length) || 1 / 3;
  return values.map((x, t) => (isPadding[t] ? x.map(() => 3 * size * random()) : x));
}

// The sum of twelve numbers between 0 and 1 is spread around 6 nearly as a normal number is.
function seeded(state) {
  const uniform = () => (state = (1664525 * state + 1013904223) % 2 ** 32) / 2 ** 32;
  return () => Array.from({ length: 12 }, uniform).reduce((sum, x) => sum + x, -6);
}

// A layer may make its mask of values; where noise changes it, padding is no longer padding.
const sameMasks = (one, two) =>
  one.outs.every(({ mask }, i) => !mask || mask.every((valid, t) => valid === two.outs[i].mask[t]));

// Compares valid values behind each layer of two runs. Timesteps are those of the row where there
// are as many, in the longer run too; else those that a mask leaves, or all.
class PaddingComparison {
  constructor(base, longer, side) {
    this.base = base;
    this.side = side;
    const asMany = ({ outs, padded }, i) => outs[i].values?.length === padded.length;
    const grows = (i) =>
      ranThrough(longer) ? asMany(longer, i) : Array.isArray(base.outs[i].values[0]);
    this.isPerStep = base.outs.map((_, i) => asMany(base, i) && grows(i));
  }

  moves(other) {
    return this.base.outs.map(({ mask }, i) => {
      const [one, two] = [this.base, other].map((run) => this.validValues(run, i));
      // Other windows count.
      if (mask && one.length !== two.length) return 1;
      const count = Math.min(one.length, two.length);
      // Padding was added at one end, so timesteps are counted from the other.
      const cut = (values) => (this.side === "pre" ? values.slice(-count) : values.slice(0, count));
      return count ? relativeDifference(cut(one), cut(two)) : 0;
    });
  }

  validValues({ outs, padded }, i) {
    const { values, mask } = outs[i];
    const isValid = this.isPerStep[i] ? (_, t) => !padded[t] : (_, t) => mask?.[t] ?? true;
    return values.filter(isValid).flat();
  }
}

// NaN for NaN, which is no answer.
function relativeDifference(one, two) {
  const most = (numbers) => Math.max(...numbers.map(Math.abs));
  const moved = most(one.map((x, i) => x - two[i]));
  return moved ? moved / (most(one) || most(two)) : moved;
}
