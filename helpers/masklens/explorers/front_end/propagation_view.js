// The propagation explorer: a stack of layers, and a sentence that travels through it with its mask.

import {
  answerPanel, button, codeBlock, make, paddedSentences, player, still, tell,
} from "./elements.js";
import { batchRow, cellsOf, legend, measureCells, wordsOf } from "./batch.js";
import { isValid } from "./engine.js";
import { findLeaks } from "./leaks.js";
import { answerAt, differs, runSentence, stackCode } from "./stack.js";

// It makes vectors of ids, and stays where it is.
const FIRST = "Embedding";
const MOST_LAYERS = 12;
const TRAVEL_MS = 900;
const MOVE_MS = 380;

// What a step of the journey shows: each token where it stands behind this layer.
function cellsBehind(run, place) {
  let cells = cellsOf(run.origins, run.words);
  for (const { type } of run.layers.slice(0, place + 1))
    if (type === "Shift") cells = [cells.at(-1), ...cells.slice(0, -1)];
  return cells.map((cell, t) => ({ ...cell, isMoved: run.steps[place]?.moved[t] }));
}

export function propagationView({ data, shared, t, change }) {
  let settings, run;
  let [picked, cards, made] = [0, [], new Map()];
  const sentences = paddedSentences(t, data.most_sentences, change, (place) => {
    picked = place;
    change({});
  });
  const journey = player(t, TRAVEL_MS, (step, moving) => travel(step, moving));
  const { palette } = shared;
  const list = make("ol.stack");
  const answers = answerPanel(3, t("ends with"));
  const { verdict } = answers;
  const code = codeBlock(t);
  const addButtons = Object.entries(palette)
    .filter(([type]) => type !== FIRST)
    .map(([type, { label }]) => button(`+ ${label}`, () => insert(type), t("add this layer", { layer: label })));
  const caption = make("span.caption", t("add a layer"));
  const add = make("div.palette", { role: "group", "aria-label": t("add a layer") }, caption, ...addButtons);
  const stage = make("div.stage", journey.element, list, add, answers.element);

  // A new layer comes before the first one that ends the time axis.
  const insert = (type) => {
    const ended = run.steps.findIndex((step) => step.values && !step.timed);
    const place = ended < 0 ? settings.layers.length : ended;
    rearrange(settings.layers.toSpliced(place, 0, { type, ...Object.fromEntries(palette[type].switch) }), place);
  };
  const move = (card, by) => {
    const { layers } = settings;
    const [from, to] = [cards.indexOf(card), cards.indexOf(card) + by];
    if (to > 0 && to < layers.length) rearrange(layers.toSpliced(from, 1).toSpliced(to, 0, layers[from]), to);
  };
  const remove = (card) => rearrange(settings.layers.filter((_, i) => cards[i] !== card), cards.indexOf(card));
  const rearrange = (layers, place) => {
    change({ layers });
    cards[Math.min(place, layers.length - 1)].handle.focus();
  };
  const turn = (card, patch) => {
    const place = cards.indexOf(card);
    const turned = { ...settings.layers[place], ...patch };
    made.set(turned, card);
    change({ layers: settings.layers.with(place, turned) });
  };

  const input = makeStop(t, "input");
  const answer = makeCard(t, { label: "Dense", detail: '1, activation="sigmoid"', switch: [] });
  const newCard = ({ type }) => makeCard(t, palette[type], turn, type === FIRST ? {} : { move, remove });

  const showStack = () => {
    const before = cards;
    // Cards are kept by layer, so that one that moves is seen moving.
    made = new Map(settings.layers.map((layer) => [layer, made.get(layer) ?? newCard(layer)]));
    cards = [...made.values(), answer];
    if (cards.length === before.length && cards.every((card, i) => card === before[i])) return;
    const tops = before.map((card) => [card, card.element.offsetTop]);
    list.replaceChildren(input.element, ...cards.map((card) => card.element));
    for (const one of addButtons) one.disabled = settings.layers.length >= MOST_LAYERS;
    for (const [card, top] of still() ? [] : tops) {
      const by = top - card.element.offsetTop;
      if (by && card.element.isConnected) card.element.animate({ transform: [`translateY(${by}px)`, "none"] }, { duration: MOVE_MS, easing: "ease-out" });
    }
  };

  const show = (next) => {
    settings = next;
    picked = Math.min(picked, settings.sentences.length - 1);
    const all = settings.sentences.map(wordsOf);
    const longest = Math.max(1, ...all.map((row) => row.length));
    const length = settings.maxlen ?? longest + 2;
    run = runSentence(settings, shared, all[picked], length);
    const { leaks } = findLeaks(run.layers, run.row, run.isPadding, settings.padding);
    sentences.set(settings, length, picked);
    showStack();
    measureCells(list, length, [...run.words, "0"]);
    input.show(run, -1);
    cards.forEach((card, i) => card.show(run, i, leaks.includes(i), settings.layers[i]));
    // Later, when the browser lays the page out anyway.
    requestAnimationFrame(letKeysScroll);
    const labels = cards.map(({ label }) => label);
    showAnswers(leaks.map((i) => labels[i]).join(", "));
    code.set(stackCode(settings.layers, shared, run.table.length));
    journey.set(cards.length);
    return { question: leakQuestion(t, labels, labels[leaks[0]]), said: verdict.textContent };
  };

  // What is wider than the page can be reached with the Tab key, and only that.
  const letKeysScroll = () => {
    const rows = [...list.querySelectorAll(".rows")];
    const wide = rows.map(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth);
    rows.forEach((row, i) => (row.tabIndex = wide[i] ? 0 : -1));
  };

  const showAnswers = (leaking) => {
    const { words, row: { length } } = run;
    const far = Math.max(24, 2 * length);
    // Behind Flatten there are weights for one length.
    const fixed = settings.layers.some(({ type }) => type === "Flatten");
    const [alone, wide] = [words.length, far].map((size) =>
      fixed || !size ? null : answerAt(settings, shared, words, size),
    );
    answers.set(0, t("without padding"), alone);
    answers.set(1, t("padded to", { length }), run.answer, differs(run.answer, alone));
    answers.set(2, t("padded to", { length: far }), wide, differs(wide, alone));
    if (run.answer === null)
      tell(verdict, t(run.steps.some(({ error }) => error) ? "does not run" : "no answer"), null);
    else if (leaking) tell(verdict, t("gets in", { names: leaking }), false);
    else tell(verdict, t(run.isPadding.includes(true) ? "stays out" : "no padding"), true);
  };

  const travel = (step, moving) => {
    cards.forEach(({ rows, card }, i) => {
      rows.classList.toggle("ahead", i >= step);
      card.classList.toggle("now", i === step - 1);
    });
    const card = cards[step - 1];
    if (moving && card && !still()) animateStop(card, cards[step - 2] ?? input, run, step - 1);
    return card ? t("behind", { layer: card.label, step, all: cards.length }) : t("input");
  };

  const signs = legend(t, ["token", "padding", "leak"], ["true", "false", "none"]);
  return { parts: [...sentences.elements, signs, stage, code.element], stage, show };
}

// The tokens and their mask between two layers, or the vector that is left of them.
function makeStop(t, kind) {
  const row = batchRow(t, kind === "input");
  const vector = make("span.vector");
  const rows = make("div.rows", row.element, vector);
  const element = make("li", { class: `stop ${kind}` }, rows);
  const show = (run, place, text = "") => {
    const step = run.steps[place] ?? { timed: true };
    row.element.hidden = !step.timed;
    vector.hidden = !text;
    vector.textContent = text;
    if (step.timed) row.show(cellsBehind(run, place), step.mask);
  };
  return { element, rows, row, vector, show };
}

// One layer: a card, and what comes out of it. With `move` and `remove` it can be moved and removed.
function makeCard(t, entry, turn, { move, remove } = {}) {
  const stop = makeStop(t, "layer");
  const sign = make("i.sign", { "aria-hidden": "true" });
  const effect = make("span.effect");
  const name = make("span.name", make("b", entry.label), " ", make("code", entry.detail));
  const card = make("div.card", sign, name);
  const own = { ...stop, label: entry.label, card };
  let input;
  for (const [name] of entry.switch) {
    input = make("input", { type: "checkbox", role: "switch", name });
    input.onchange = () => turn(own, { [name]: input.checked });
    own.handle = input;
    card.append(make("label.option", input, make("code", name)));
  }
  card.append(effect);
  if (move) {
    own.handle = button("↕", null, t("move", { layer: entry.label }), "handle");
    own.handle.onkeydown = (event) => {
      const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (by) move(own, by);
      else if (event.key === "Delete") remove(own);
      else return;
      event.preventDefault();
    };
    dragBy(own, move);
    card.append(own.handle, button("×", () => remove(own), t("remove layer", { layer: entry.label })));
  }
  stop.element.prepend(card);
  own.show = (run, place, leaks, switches) => {
    const step = run.steps[place];
    if (input) input.checked = Boolean(switches[input.name]);
    const leak = leaks && (step.effect === "drops" ? "leak drop" : "leak");
    const kind = step.error ? "error" : leak || (step.effect ?? "none");
    stop.element.className = `stop layer ${kind}`;
    const silent = kind === "none" && !step.timed;
    effect.textContent = silent ? "" : t(step.error ? `error ${step.error}` : `effect ${kind}`);
    stop.show(run, place, step.values && !step.timed ? t("one vector", { count: step.values.length }) : "");
  };
  return own;
}

// Dragging by the handle: the card changes places with each neighbour whose middle it passes.
function dragBy(own, move) {
  const { element, card, handle } = own;
  handle.onpointerdown = ({ pointerId }) => {
    handle.setPointerCapture(pointerId);
    card.classList.add("held");
  };
  handle.onpointermove = ({ pointerId, clientY }) => {
    if (!handle.hasPointerCapture(pointerId)) return;
    const middle = (neighbour) => {
      const { top, height } = neighbour.getBoundingClientRect();
      return top + height / 2;
    };
    const { previousElementSibling: above, nextElementSibling: below } = element;
    const by = above && clientY < middle(above) ? -1 : below && clientY > middle(below) ? 1 : 0;
    if (!by) return;
    move(own, by);
    handle.setPointerCapture(pointerId);
  };
  handle.onpointerup = handle.onpointercancel = () => card.classList.remove("held");
}

const shift = (columns) => `calc(${columns} * var(--step))`;
const columnOf = (cell) => cell.parentElement.column + cell.column;

// Shows one step moving: the row comes down through the card, and its mask with it, or not.
function animateStop(card, before, run, place) {
  const step = run.steps[place];
  if (!step.values) return;
  const timing = { duration: MOVE_MS, easing: "ease-in-out", fill: "backwards" };
  const from = before.row.element.getBoundingClientRect().top - card.row.element.getBoundingClientRect().top;
  if (!step.timed) {
    card.vector.animate({ translate: ["0 -40px", "0 0"], opacity: [0, 1] }, timing);
    sweep(before.row, run.steps[place - 1]?.mask);
    return;
  }
  card.row.element.animate({ translate: [`0 ${from}px`, "0 0"] }, timing);
  if (run.layers[place].type === "Shift")
    for (const group of card.row.element.querySelectorAll(".group")) {
      const slide = (column) => ({ translate: [shift(column), shift(column), shift(0)], offset: [0, 0.6, 1] });
      group.animate(slide(-1), timing);
      // The last one comes round to the front.
      const last = [...group.children].find((cell) => columnOf(cell) === 0);
      last?.animate(slide(run.row.length), timing);
    }
  if (step.effect === "creates") {
    const stamped = { duration: 160, delay: MOVE_MS, easing: "ease-out", fill: "backwards" };
    card.row.strip.animate({ translate: ["0 -26px", "0 0"], opacity: [0, 1] }, stamped);
  }
  if (step.effect === "drops") dropMarks(before.row, card.row, from);
  else if (step.used) sweep(card.row, step.mask);
}

// A mask that is lost comes along as far as the card, and falls off.
function dropMarks(before, after, from) {
  const ghost = after.element.appendChild(before.strip.cloneNode(true));
  const timing = { duration: 2 * MOVE_MS, easing: "ease-in", fill: "both" };
  [...ghost.children].forEach((mark, t) => {
    const rotate = ["0deg", "0deg", `${t % 2 ? 25 : -25}deg`];
    const fall = { translate: [`0 ${from}px`, `0 ${from / 2}px`, "0 30px"], rotate, opacity: [1, 1, 0] };
    mark.animate(fall, { ...timing, delay: 20 * t }).onfinish = () => mark.nextSibling ?? ghost.remove();
  });
}

// A layer that reads timestep by timestep hops over those that it skips.
function sweep({ element }, mask) {
  [...element.querySelectorAll(".cell")]
    .filter((cell) => isValid(mask, columnOf(cell)))
    .sort((one, other) => columnOf(one) - columnOf(other))
    .forEach((cell, i) => cell.animate({ translate: ["0 0", "0 -6px", "0 0"] }, { duration: 200, delay: 45 * i }));
}

// Where does padding get in? The layers of the stack are the answers.
function leakQuestion(t, labels, first) {
  const at = (layer) => t("at", { layer });
  const right = first ? at(first) : t("nowhere");
  const options = [...new Set([t("nowhere"), right, ...labels.slice(1, -1).map(at)])].slice(0, 4);
  return { text: t("where"), options, right: options.indexOf(right) };
}
