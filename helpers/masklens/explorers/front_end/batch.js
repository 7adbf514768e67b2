// Sentences as a padded batch, and its picture: each token with its mask in the same column.

import { make, resize, update } from "./elements.js";

export const MOST_WORDS = 60;
const MOST_LETTERS = 10;

export const wordsOf = (sentence) => sentence.split(/\s+/u).filter(Boolean).slice(0, MOST_WORDS);

// The id of each word: those of the vocabulary, and the next free ones in order of appearance.
export function numberWords(sentences, vocabulary) {
  const ids = new Map(vocabulary);
  let next = Math.max(0, ...ids.values()) + 1;
  for (const word of sentences.flatMap(wordsOf)) if (!ids.has(word)) ids.set(word, next++);
  return ids;
}

// How wide a text is, in digits: Hangul, Chinese and emoji take two.
const widthOf = (text) =>
  [...text].reduce((sum, letter) => sum + (letter.codePointAt(0) >= 0x1100 ? 2 : 1), 0);

const shortened = (text) => {
  const letters = [...text];
  return letters.length > MOST_LETTERS ? `${letters.slice(0, MOST_LETTERS - 1).join("")}…` : text;
};

// The width that all cells of a picture share.
export function measureCells(element, columns, texts) {
  element.style.setProperty("--columns", columns);
  element.style.setProperty("--letters", Math.max(2, ...texts.map((text) => widthOf(shortened(text)))));
}

// What stands at each place of a padded row: a token, or padding. Each has a key, by which it is
// known when it moves.
export function cellsOf(origins, words, padding = "0") {
  let count = 0;
  return origins.map((place) =>
    place < 0 ? { key: `padding ${count++}`, text: padding, isPadding: true } : { key: place, text: words[place] },
  );
}

function kindOf({ isPadding, isMoved }, isRead) {
  if (isPadding) return isRead ? "leak" : "padding";
  return isRead ? (isMoved ? "token moved" : "token") : "token skipped";
}

// One row of a batch. What has no mask is read, but for ids, which no layer has read yet (`areIds`).
export function batchRow(t, areIds = false) {
  const cells = new Map();
  const marks = [];
  const element = make("div.row", { role: "img" });
  const add = (tag, column) => {
    const added = element.appendChild(make(tag));
    added.style.setProperty("--x", column);
    return added;
  };
  const show = (shown, mask) => {
    const said = shown.map(({ text }, i) => (mask ? `${text} ${t(String(mask[i]))}` : text));
    update(element, { ariaLabel: said.join(", ") });
    const kept = new Set(shown.map(({ key }) => key));
    for (const [key, cell] of cells) {
      if (kept.has(key)) continue;
      cell.remove();
      cells.delete(key);
    }
    shown.forEach((one, column) => {
      const { key, text, title = text, isPadding } = one;
      if (!cells.has(key)) cells.set(key, add("span", column));
      const cell = cells.get(key);
      const isRead = mask ? mask[column] : !(areIds && isPadding);
      update(cell, { className: `cell ${kindOf(one, isRead)}`, textContent: shortened(text), title });
      cell.style.setProperty("--x", column);
    });
    resize(marks, shown.length, (column) => add("i", column), (mark) => mark.remove());
    marks.forEach((mark, i) => update(mark, { className: `mark ${mask ? mask[i] : "none"}` }));
  };
  return { element, show, marks, cells };
}

// A legend, drawn with the very cells that it explains.
export function legend(t, names) {
  const kindOf = (name) => (["token", "padding", "leak"].includes(name) ? `cell ${name}` : `mark ${name}`);
  const items = names.map((name) => make("li", {}, make("i", { class: kindOf(name) }), t(`legend ${name}`)));
  return make("ul.legend", {}, ...items);
}
