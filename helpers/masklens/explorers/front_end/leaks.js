// Whether padding gets into an answer, and at which layers: a row is run again with other padding.
import { apart, dot, hasTime, isValid, runLayers } from "./engine.js";

// Differences up to this, relative to the largest value, count as none.
const TOLERANCE = 1e-5;
const LEAST_ADDED = 4;

// Takes which timesteps are padding, the side on which they stand and their value, and how many
// contents of padding to try. A row that has none is given some first. Gives out
// - moves: how far valid values move behind each layer with the content of padding and with its
//   amount, relative to the largest; null for what cannot be asked;
// - leaks: the indices of the layers at which the movement that reaches the answer begins.
export function findLeaks(layers, row, isPadding, side, value = 0, count = 8) {
  if (!isPadding.includes(true)) [row, isPadding] = withMorePadding(row, isPadding, side, value);
  const run = (given, padded, replace) => ({ outs: runLayers(layers, given, replace), padded });
  const base = run(row, isPadding);
  const longer = run(...withMorePadding(row, isPadding, side, value));
  // Other vectors stand at padded timesteps: behind Embedding, or in a row that holds vectors.
  const random = seeded(1);
  const embedding = layers.findIndex(({ type }) => type === "Embedding");
  const noisy = (values, i) => (i === embedding ? withNoise(values, isPadding, random) : values);
  let [content, amount] = [null, null];
  if (ranThrough(base) && isPadding.includes(false)) {
    const movesTo = comparison(base, longer, side);
    const draws = Array.from({ length: count }, () => run(noisy(row, -1), isPadding, noisy));
    const largest = (one, two) => one.map((move, i) => Math.max(move, two[i]));
    if (draws.every((draw) => sameMasks(base, draw))) content = draws.map(movesTo).reduce(largest);
    if (ranThrough(longer)) amount = movesTo(longer);
  }
  const found = [content, amount].filter(Boolean);
  return {
    moves: { content, amount },
    leaks: [...layers.keys()].filter((i) => found.some((moves) => firstMoving(moves) === i)),
  };
}

const ranThrough = ({ outs }) => outs.every(({ values }) => values);

// Where the movement that reaches the answer begins; behind the last layer if none does.
const firstMoving = (moves) => moves.findLastIndex((move) => move <= TOLERANCE) + 1;

function withMorePadding(row, isPadding, side, value) {
  const count = Math.max(LEAST_ADDED, row.length);
  const step = hasTime(row) ? row[0].map(() => value) : value;
  const joined = (old, one) => {
    const added = Array(count).fill(one);
    return side === "pre" ? [...added, ...old] : [...old, ...added];
  };
  return [joined(row, step), joined(isPadding, true)];
}

// The noise is three times as large as what stands at the valid timesteps.
function withNoise(values, isPadding, random) {
  const valid = values.filter((_, t) => !isPadding[t]).flat();
  const size = Math.sqrt(dot(valid, valid) / valid.length) || 1 / 3;
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

// Gives how far valid values move behind each layer from the base to another run. Timesteps are
// those of the row where there are as many, in the longer run too; else those that a mask leaves,
// or all.
function comparison(base, longer, side) {
  const asMany = ({ outs, padded }, i) => outs[i].values.length === padded.length;
  const isPerStep = base.outs.map(
    ({ values }, i) => asMany(base, i) && (hasTime(values) || (ranThrough(longer) && asMany(longer, i))),
  );
  const validValues = ({ outs, padded }, i) => {
    const { values, mask } = outs[i];
    const valid = values.filter((_, t) => (isPerStep[i] ? !padded[t] : isValid(mask, t))).flat();
    // Padding was added at one end, so timesteps are counted from the other.
    return side === "pre" ? valid.reverse() : valid;
  };
  return (other) =>
    base.outs.map(({ mask }, i) => {
      const [one, two] = [base, other].map((run) => validValues(run, i));
      // Other windows count.
      if (mask && one.length !== two.length) return 1;
      const count = Math.min(one.length, two.length);
      return count ? relativeDifference(one.slice(0, count), two.slice(0, count)) : 0;
    });
}

// NaN for NaN, which is no answer.
function relativeDifference(one, two) {
  const most = (numbers) => Math.max(...numbers.map(Math.abs));
  const moved = apart(one, two);
  return moved && moved / (most(one) || most(two));
}
