// Sentences as a padded batch, and its picture: each token with its mask in the same column.

import { make, resize, update } from "./elements.js";

const MOST_WORDS = 60;
const MOST_LETTERS = 10;

export const wordsOf = (sentence) => sentence.split(/\s+/u).filter(Boolean).slice(0, MOST_WORDS);

// The id of each word: those of the vocabulary, and the next free ones in order of appearance.
export function numberWords(sentences, vocabulary) {
  const ids = new Map(vocabulary);
  let next = Math.max(0, ...ids.values()) + 1;
  for (const word of sentences.flatMap(wordsOf)) if (!ids.has(word)) ids.set(word, next++);
  return ids;
}

const shortened = (text) => {
  const letters = [...text];
  return letters.length > MOST_LETTERS ? `${letters.slice(0, MOST_LETTERS - 1).join("")}…` : text;
};

// How wide a cell is, in digits: Hangul, Chinese and emoji take two.
const widthOf = (text) =>
  [...shortened(text)].reduce((sum, letter) => sum + (letter.codePointAt(0) >= 0x1100 ? 2 : 1), 0);

// The width that all cells of a picture share.
export function measureCells(element, columns, texts) {
  element.style.setProperty("--columns", columns);
  element.style.setProperty("--letters", Math.max(2, ...texts.map(widthOf)));
}

// What stands at each place of a padded row: a token, or padding. Each has a key, by which it is
// known when it moves: the first token has the least, and so has the first padding.
export function cellsOf(origins, words, padding = "0") {
  let count = 0;
  return origins.map((place) =>
    place < 0 ? { key: count++, text: padding, isPadding: true } : { key: place, text: words[place] },
  );
}

function kindOf({ isPadding, isMoved }, isRead) {
  if (isPadding) return isRead ? "leak" : "padding";
  return isRead ? (isMoved ? "token moved" : "token") : "token skipped";
}

// The tokens of a row, or its padding: a browser moves one group faster than each of its cells.
function cellGroup() {
  const cells = new Map();
  const element = make("div.group");
  const show = (shown) => {
    const kept = new Set(shown.map(({ key }) => key));
    for (const [key, cell] of cells) if (!kept.has(key) && cells.delete(key)) cell.remove();
    const [first] = shown.toSorted((one, other) => one.key - other.key);
    const start = first ? first.column - first.key : 0;
    move(element, start);
    for (const { key, column, className, text, title = text } of shown) {
      if (!cells.has(key)) cells.set(key, element.appendChild(make("span")));
      const cell = cells.get(key);
      update(cell, { className, textContent: shortened(text), title });
      move(cell, column - start);
    }
  };
  return { element, show };
}

// Puts something into a column; what stays where it was costs the browser nothing.
function move(element, column) {
  if (element.column !== column) element.style.setProperty("--x", (element.column = column));
  return element;
}

// One row of a batch. What has no mask is read, but for ids, which no layer has read yet (`areIds`).
export function batchRow(t, areIds) {
  const [tokens, padding] = [cellGroup(), cellGroup()];
  const marks = [];
  const strip = make("div.strip");
  const element = make("div.row", { role: "img" }, padding.element, tokens.element, strip);
  const addMark = (column) => move(strip.appendChild(make("i")), column);
  const show = (shown, mask) => {
    const said = shown.map(({ text }, i) => (mask ? `${text} ${t(String(mask[i]))}` : text));
    update(element, { ariaLabel: said.join(", ") });
    const cells = shown.map((one, column) => {
      const isRead = mask ? mask[column] : !(areIds && one.isPadding);
      return { ...one, column, className: `cell ${kindOf(one, isRead)}` };
    });
    tokens.show(cells.filter(({ isPadding }) => !isPadding));
    padding.show(cells.filter(({ isPadding }) => isPadding));
    resize(marks, shown.length, addMark, (mark) => mark.remove());
    marks.forEach((mark, i) => update(mark, { className: `mark ${mask ? mask[i] : "none"}` }));
  };
  return { element, show, strip };
}

// A legend, drawn with the very cells and marks that it explains.
export function legend(t, cells, marks) {
  const items = (kind, names) => names.map((name) => make("li", make(`i.${kind}.${name}`), t(`legend ${name}`)));
  return make("ul.legend", ...items("cell", cells), ...items("mark", marks));
}
