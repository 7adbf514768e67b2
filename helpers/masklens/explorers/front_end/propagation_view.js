// The propagation explorer: a stack of layers, and a sentence that travels through it with its mask.

import {
  answerPanel, button, codeBlock, controlRow, make, player, sentenceFields, sideChoice, slider, still, tell,
} from "./elements.js";
import { batchRow, cellsOf, legend, measureCells, numberWords, wordsOf } from "./batch.js";
import { answerAt, differs, measureLeaks, runSentence, stackCode } from "./stack.js";

const MOST_LAYERS = 12;
const TRAVEL_MS = 900;
const MOVE_MS = 380;

// What a step of the journey shows: each token where it stands behind this layer.
function cellsBehind(run, words, place) {
  let cells = cellsOf(run.origins, words);
  for (const { type } of run.layers.slice(0, place + 1))
    if (type === "Shift") cells = [cells.at(-1), ...cells.slice(0, -1)];
  return cells.map((cell, t) => ({ ...cell, isMoved: run.steps[place]?.moved[t] }));
}

export function propagationView({ data, shared, t, change }) {
  let [settings, run, picked, cards] = [null, null, 0, []];
  const fields = sentenceFields(t, data.most_sentences, change, (place) => {
    picked = place;
    change({});
  });
  const padding = sideChoice("padding", change);
  const maxlen = slider("maxlen", "maxlen", 1, change);
  const journey = player(t, TRAVEL_MS, (step, moving) => travel(step, moving));
  // The first layer makes vectors of ids; it stays where it is.
  const palette = { ...shared.palette, Embedding: { ...shared.palette.Embedding, fixed: true } };
  const list = make("ol.stack");
  const add = make("div.palette", { role: "group", "aria-label": t("add a layer") });
  const answers = answerPanel(3, make("p.title", {}, t("ends with")));
  const verdict = make("p.verdict");
  answers.element.append(verdict);
  const code = codeBlock(t);
  const stage = make("div.stage", {}, journey.element, list, add, answers.element);
  const addButtons = Object.entries(palette)
    .filter(([, { fixed }]) => !fixed)
    .map(([type, { label }]) => button(`+ ${label}`, t("add this layer", { layer: label }), () => insert(type)));
  add.append(make("span.caption", {}, t("add a layer")), ...addButtons);

  // A new layer comes before the first one that ends the time axis.
  const insert = (type) => {
    const ended = run.steps.slice(0, -1).findIndex((step) => step.values && !step.timed);
    const place = ended < 0 ? settings.layers.length : ended;
    rearrange(settings.layers.toSpliced(place, 0, { type, ...Object.fromEntries(palette[type].switch) }), place);
  };
  const move = (from, to) => {
    const { layers } = settings;
    if (to > 0 && to < layers.length) rearrange(layers.toSpliced(from, 1).toSpliced(to, 0, layers[from]), to);
  };
  const remove = (place) => rearrange(settings.layers.toSpliced(place, 1), place);
  const rearrange = (layers, place) => {
    change({ layers });
    const card = cards[Math.min(place, layers.length - 1)];
    (card.handle ?? card.element.querySelector("input")).focus();
  };
  const turn = (place, patch) => {
    const { layers } = settings;
    const turned = { ...layers[place], ...patch };
    made.set(turned, cards[place]);
    change({ layers: layers.with(place, turned) });
  };

  // Cards are kept by layer, so that one that moves is seen moving.
  let made = new Map();
  const placeOf = (card) => cards.indexOf(card);
  const cardOf = (layer) => made.get(layer) ?? makeCard(t, palette[layer.type], { placeOf, move, remove, turn });
  const input = makeStop(t, "input");
  const answer = makeCard(t, { label: "Dense", detail: '1, activation="sigmoid"', switch: [], fixed: true });

  const showStack = () => {
    const before = cards;
    made = new Map(settings.layers.map((layer) => [layer, cardOf(layer)]));
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
    const words = all[picked];
    const longest = Math.max(1, ...all.map((row) => row.length));
    const length = settings.maxlen ?? longest + 2;
    const ids = numberWords(settings.sentences, data.vocabulary);
    run = runSentence(settings, shared, ids, words, length);
    const found = measureLeaks(run, settings.padding);
    fields.set(settings.sentences, picked);
    padding.set(settings.padding);
    maxlen.set(length, Math.max(24, length));
    showStack();
    measureCells(list, length, [...words, "0"]);
    input.show(run, words, -1);
    cards.forEach((card, i) => card.show(settings.layers[i], run, words, i, found.leaks.includes(i)));
    // Later, when the browser lays the page out anyway.
    requestAnimationFrame(letKeysScroll);
    showAnswers(words, length, ids, found);
    code.set(stackCode(settings.layers, shared, Math.max(0, ...ids.values()) + 1));
    journey.set(cards.length);
    return { question: leakQuestion(t, cards.map(({ label }) => label), found), said: verdict.textContent };
  };

  // What is wider than the page can be reached with the Tab key, and only that.
  const letKeysScroll = () => {
    const rows = [input, ...cards].map((stop) => stop.rows);
    const wide = rows.map(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth);
    rows.forEach((row, i) => (wide[i] ? row.setAttribute("tabindex", 0) : row.removeAttribute("tabindex")));
  };

  const showAnswers = (words, length, ids, found) => {
    const far = Math.max(24, 2 * length);
    // Behind Flatten there are weights for one length.
    const fixed = settings.layers.some(({ type }) => type === "Flatten");
    const [alone, wide] = [words.length, far].map((size) =>
      fixed || !size ? null : answerAt(settings, shared, ids, words, size),
    );
    answers.set(0, t("without padding"), alone);
    answers.set(1, t("padded to", { length }), run.answer, differs(run.answer, alone));
    answers.set(2, t("padded to", { length: far }), wide, differs(wide, alone));
    const names = found.leaks.map((i) => cards[i].label).join(", ");
    if (run.answer === null) tell(verdict, t(run.steps.some(({ error }) => error) ? "does not run" : "no single answer"), null);
    else if (names) tell(verdict, t("padding gets in", { names }), false);
    else tell(verdict, t(run.isPadding.includes(true) ? "padding stays out" : "no padding here"), true);
  };

  const travel = (step, moving) => {
    cards.forEach((card, i) => card.reach(i < step, i === step - 1));
    const card = cards[step - 1];
    journey.tell(card ? t("behind", { layer: card.label, step, all: cards.length }) : t("input"));
    if (moving && card && !still()) animateStop(card, step < 2 ? input : cards[step - 2], run, step - 1);
  };

  const signs = legend(t, ["token", "padding", "leak", "true", "false", "none"]);
  const parts = [fields.element, controlRow([padding, maxlen]), signs, stage, code.element];
  return { parts, stage, show, stop: journey.pause };
}

// The tokens and their mask between two layers, or the vector that is left of them.
function makeStop(t, kind) {
  const row = batchRow(t, kind === "input");
  const vector = make("span.vector");
  const rows = make("div.rows", {}, row.element, vector);
  const element = make("li", { class: `stop ${kind}` }, rows);
  const show = (run, words, place, text = "") => {
    const step = place < 0 ? { timed: true, mask: null } : run.steps[place];
    row.element.hidden = !step.timed;
    vector.hidden = step.timed || !text;
    vector.textContent = text;
    if (!step.timed) return;
    row.show(cellsBehind(run, words, place), step.mask);
  };
  return { element, rows, row, show };
}

// One layer: a card, and what comes out of it.
function makeCard(t, entry, { placeOf, move, remove, turn } = {}) {
  const stop = makeStop(t, "layer");
  const sign = make("i.sign", { "aria-hidden": "true" });
  const effect = make("span.effect");
  const name = make("span.name", {}, make("b", {}, entry.label), " ", make("code", {}, entry.detail ?? ""));
  const card = make("div.card", {}, sign, name);
  const own = { element: stop.element, label: entry.label, rows: stop.rows, row: stop.row, card };
  let input = null;
  for (const [name] of entry.switch) {
    input = make("input", { type: "checkbox", role: "switch", name });
    input.onchange = () => turn(placeOf(own), { [name]: input.checked });
    card.append(make("label.option", {}, input, make("code", {}, name)));
  }
  card.append(effect);
  if (!entry.fixed) {
    own.handle = button("↕", t("move", { layer: entry.label }), () => {});
    own.handle.className = "handle";
    own.handle.onkeydown = (event) => {
      const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (by) move(placeOf(own), placeOf(own) + by);
      else if (event.key === "Delete") remove(placeOf(own));
      else return;
      event.preventDefault();
    };
    dragBy(own, placeOf, move);
    const away = button("×", t("remove layer", { layer: entry.label }), () => remove(placeOf(own)));
    card.append(own.handle, away);
  }
  stop.element.prepend(card);
  own.show = (now, run, words, place, leaks) => {
    const step = run.steps[place];
    if (input) input.checked = Boolean(now[input.name]);
    const leak = leaks && (step.effect === "drops" ? "leak drop" : "leak");
    const kind = step.error ? "error" : leak || (step.effect ?? "none");
    stop.element.className = `stop layer ${kind}`;
    const silent = step.stopped || (kind === "none" && !step.timed);
    effect.textContent = silent ? "" : t(step.error ? `error ${step.error.code}` : `effect ${kind}`);
    stop.show(run, words, place, step.values && !step.timed ? t("one vector", { count: step.values.length }) : "");
  };
  own.reach = (reached, now) => {
    stop.rows.classList.toggle("ahead", !reached);
    card.classList.toggle("now", now);
  };
  return own;
}

// Dragging by the handle: the card changes places with each neighbour whose middle it passes.
function dragBy(own, placeOf, move) {
  own.handle.onpointerdown = (event) => {
    own.handle.setPointerCapture(event.pointerId);
    own.card.classList.add("held");
  };
  own.handle.onpointermove = (event) => {
    if (!own.handle.hasPointerCapture(event.pointerId)) return;
    const middle = (element) => {
      const { top, height } = element.getBoundingClientRect();
      return top + height / 2;
    };
    const { previousElementSibling: above, nextElementSibling: below } = own.element;
    const by = above && event.clientY < middle(above) ? -1 : below && event.clientY > middle(below) ? 1 : 0;
    if (!by) return;
    const place = placeOf(own);
    move(place, place + by);
    own.handle.setPointerCapture(event.pointerId);
  };
  own.handle.onpointerup = own.handle.onpointercancel = () => own.card.classList.remove("held");
}

const placeAt = (column, y, more = "") => `translate(calc(${column} * var(--step)), ${y}px) ${more}`;
const columnOf = (cell) => Number(cell.style.getPropertyValue("--x"));

// Shows one step moving: the row comes down through the card, and its mask with it, or not.
function animateStop(card, before, run, place) {
  const step = run.steps[place];
  if (!step.values) return;
  const timing = { duration: MOVE_MS, easing: "ease-in-out", fill: "backwards" };
  const from = before.row.element.getBoundingClientRect().top - card.row.element.getBoundingClientRect().top;
  if (!step.timed) {
    card.element.querySelector(".vector").animate({ transform: ["translateY(-40px)", "none"], opacity: [0, 1] }, timing);
    sweep(before.row, step.hadMask ? run.steps[place - 1]?.mask : null);
    return;
  }
  card.row.element.animate({ transform: [`translateY(${from}px)`, "none"] }, timing);
  if (run.layers[place].type === "Shift")
    for (const cell of card.row.cells.values()) {
      const [x, last] = [columnOf(cell), run.row.length - 1];
      const start = placeAt((x + last) % (last + 1), 0);
      cell.animate({ transform: [start, start, placeAt(x, 0)], offset: [0, 0.6, 1] }, timing);
    }
  if (step.effect === "creates") {
    const stamped = { duration: 160, delay: MOVE_MS, easing: "ease-out", fill: "backwards" };
    card.row.marks.forEach((mark, t) =>
      mark.animate({ transform: [placeAt(t, -26, "scale(1.15)"), placeAt(t, 0)], opacity: [0, 1] }, stamped),
    );
  }
  if (step.effect === "drops") dropMarks(before.row, card.row, from);
  else if (step.used) sweep(card.row, step.mask);
}

// A mask that is lost comes along as far as the card, and falls off.
function dropMarks(before, after, from) {
  before.marks.forEach((mark, t) => {
    const ghost = after.element.appendChild(mark.cloneNode());
    const turn = `rotate(${t % 2 ? 25 : -25}deg)`;
    const fall = { transform: [placeAt(t, from), placeAt(t, from / 2), placeAt(t, 30, turn)], opacity: [1, 1, 0] };
    ghost.animate(fall, { duration: 2 * MOVE_MS, delay: 20 * t, easing: "ease-in", fill: "both" }).onfinish = () => ghost.remove();
  });
}

// A layer that reads timestep by timestep hops over those that it skips.
function sweep({ cells }, mask) {
  let turn = 0;
  const order = [...cells.values()].sort((a, b) => columnOf(a) - columnOf(b));
  order.forEach((cell, t) => {
    if (mask && !mask[t]) return;
    cell.animate({ translate: ["0 0", "0 -6px", "0 0"] }, { duration: 200, delay: 45 * turn++ });
  });
}

// Where does padding get in? The layers of the stack are the answers.
function leakQuestion(t, labels, { leaks }) {
  const at = (layer) => t("at", { layer });
  const right = leaks.length ? at(labels[leaks[0]]) : t("nowhere");
  const options = [...new Set([t("nowhere"), right, ...labels.slice(1, -1).map(at)])].slice(0, 4);
  return { text: t("where does padding get in"), options, right: options.indexOf(right) };
}
