// The padding explorer: sentences become one batch with its mask, and what that costs.

import {
  codeBlock, controlRow, make, number, numberQuestion, pictureFrame, resize, sentenceFields, sideChoice, slider, tell, toggle,
} from "./elements.js";
import { batchRow, cellsOf, legend, measureCells, numberWords, wordsOf } from "./batch.js";
import { isValid, padOrigins, padSequences } from "./engine.js";

// All that the picture shows, from the settings alone.
function computeBatch({ sentences, padding, truncating, maxlen, value, mask }, { vocabulary }) {
  const rows = sentences.map(wordsOf);
  const ids = numberWords(sentences, vocabulary);
  const sequences = rows.map((row) => row.map((word) => ids.get(word)));
  const longest = Math.max(1, ...rows.map((row) => row.length));
  const length = maxlen ?? longest;
  const options = { padding, truncating, maxlen: length };
  const origins = padOrigins(rows, options);
  const padded = padSequences(sequences, { value, ...options });
  const masks = mask ? padded.map((row) => row.map((id) => id !== 0)) : null;
  return { rows, ids, sequences, longest, length, origins, padded, masks };
}

// What it costs, and who can compute it.
function countFacts({ rows, origins, masks }) {
  const places = origins.flat();
  const padding = places.filter((place) => place < 0).length;
  const words = rows.flat().length;
  const mask = masks?.flat();
  const read = places.filter((place, i) => place < 0 && isValid(mask, i)).length;
  const skipped = places.filter((place, i) => place >= 0 && !isValid(mask, i)).length;
  // A cuDNN kernel is told only how many timesteps of each row to read, at least one, from the first.
  const fast = !masks || masks.every((row) => row[0] && row.every((on, j) => !on || isValid(row, j - 1)));
  return { padding, all: places.length, cut: words - (places.length - padding), read, skipped, fast };
}

function paddingCode({ sequences, ids, length }, { padding, truncating, value, mask }) {
  const lists = sequences.map((sequence) => `[${sequence.join(", ")}]`);
  const largest = Math.max(value, ...ids.values());
  return [
    `sequences = [${lists.join(", ")}]`,
    "padded = keras.utils.pad_sequences(",
    `    sequences, maxlen=${length}, padding="${padding}", truncating="${truncating}", value=${value}`,
    ")",
    `embedding = keras.layers.Embedding(${largest + 1}, 16${mask ? ", mask_zero=True" : ""})`,
    `mask = embedding.compute_mask(padded)${mask ? "" : "  # None"}`,
  ].join("\n");
}

export function paddingView({ data, shared, t, change }) {
  const fields = sentenceFields(t, data.most_sentences, change);
  const controls = {
    padding: sideChoice("padding", change),
    truncating: sideChoice("truncating", change),
    maxlen: slider("maxlen", "maxlen", 1, change),
    value: number("value", change),
    mask: toggle("mask", "mask_zero", change),
  };
  const picture = pictureFrame(t);
  const facts = [make("li"), make("li"), make("li")];
  const code = codeBlock(t);
  const stage = make("div.stage", picture, make("ul.facts", ...facts), code.element);
  const rows = [];
  const addRow = () => {
    const row = batchRow(t);
    picture.append(row.element);
    return row;
  };

  const drawRows = (batch, value) => {
    resize(rows, batch.rows.length, addRow, ({ element }) => element.remove());
    measureCells(picture, batch.length, [...batch.ids.keys(), String(value)]);
    const wordOf = new Map([...batch.ids].map(([word, id]) => [id, word]));
    rows.forEach((row, i) => {
      const cells = cellsOf(batch.origins[i], batch.rows[i], String(value)).map((cell, j) => {
        const id = batch.padded[i][j];
        const word = wordOf.get(id);
        return { ...cell, title: word ? `${id}: ${word}` : cell.text };
      });
      row.show(cells, batch.masks?.[i]);
    });
  };

  const show = (settings) => {
    const batch = computeBatch(settings, shared);
    const found = countFacts(batch);
    fields.set(settings.sentences);
    controls.maxlen.set(batch.length, batch.longest + 4);
    for (const name of ["padding", "truncating", "value", "mask"]) controls[name].set(settings[name]);
    drawRows(batch, settings.value);
    const percent = Math.round((100 * found.padding) / found.all);
    tell(facts[0], `${found.cut ? "" : "· "}${t("cost", { ...found, percent })}`, found.cut ? false : null);
    if (found.read) tell(facts[1], t("padding read", { count: found.read }), false);
    else if (found.skipped) tell(facts[1], t("tokens skipped", { count: found.skipped }), false);
    else tell(facts[1], t("tokens alone"), true);
    tell(facts[2], t(found.fast ? "cudnn takes" : "cudnn refuses"), found.fast);
    code.set(paddingCode(batch, settings));
    return {
      question: skipQuestion(t, found),
      said: facts.map((line) => line.textContent).join(" "),
    };
  };
  const signs = legend(t, ["token", "padding", "leak"], ["true", "false", "none"]);
  return { parts: [fields.element, controlRow(Object.values(controls)), signs, stage], stage, show };
}

// How many timesteps will the mask skip? Beside the right number stand those that one may take for it.
function skipQuestion(t, { padding, all, read, skipped }) {
  const right = padding - read + skipped;
  return numberQuestion(t("how many skipped"), [right, padding, 0, all - padding, right + 1, right + 2]);
}
