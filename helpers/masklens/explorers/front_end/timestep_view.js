// The timestep explorer: the state of a recurrent layer, with the mask and without it, step by step.

import {
  answerPanel, choice, controlRow, make, numberQuestion, pictureFrame, player, resize, sentenceFields, sideChoice, slider, update,
} from "./elements.js";
import { legend, measureCells, numberWords, wordsOf } from "./batch.js";
import { runSentence } from "./stack.js";

const READ_MS = 600;
const READER = { type: "LSTM", return_sequences: true };

// The states of the course's LSTM, computed here for a sentence of the learner's own.
function computeScene(settings, data, shared) {
  const words = wordsOf(settings.sentences[0]);
  const ids = numberWords(settings.sentences, data.vocabulary);
  const [masked, plain] = [true, false].map((mask_zero) => {
    const layers = [{ type: "Embedding", mask_zero }, READER];
    return runSentence({ ...settings, layers }, shared, ids, words, settings.maxlen ?? words.length + 6);
  });
  return {
    tokens: masked.origins.map((place) => ({ text: words[place] ?? "0", padding: place < 0 })),
    order: masked.row.map((_, t) => t),
    read: masked.isPadding.map((is) => !is),
    masked: masked.steps[1].values,
    plain: plain.steps[1].values,
    moved: [masked, plain].map(({ steps }) => movesOf(steps[1].values)),
    answers: [masked, plain].map(({ steps }) => steps[2].values.map(([answer]) => answer)),
  };
}

// How far the state moves at each timestep: the largest change of a unit, at first from zero.
const movesOf = (states) =>
  states.map((state, i) => Math.max(...state.map((number, unit) => Math.abs(number - (states[i - 1]?.[unit] ?? 0)))));

const written = (by) => (by > 0 && by < 0.0005 ? "<0.001" : by.toFixed(3));

export function timestepView({ data, shared, t, say, change }) {
  const { scenes } = data;
  const fields = sentenceFields(t, 1, change);
  const row = choice("row", t("sequence"), (scenes ?? []).map(({ label }, i) => [i, label]), change);
  const padding = sideChoice("padding", change);
  const maxlen = slider("maxlen", "maxlen", 1, change);
  const width = scenes ? scenes[0].masked[0].length : shared.palette.LSTM.config.units;
  const table = stateTable(t, Math.min(data.units, width));
  const most = data.most ?? 1;
  const range = ` −${most.toFixed(2)} · 0 · ${most.toFixed(2)}`;
  const scale = make("p.scale", {}, t("halves"), " ", make("i.colours"), range);
  const answers = answerPanel(2);
  const journey = player(t, READ_MS, (step) => reach(step));
  const frame = pictureFrame(t, table.element);
  const told = make("p.told");
  const stage = make("div.stage", {}, scale, frame, journey.element, answers.element, told);
  let scene = null;

  const reach = (step) => {
    const { tokens, order } = scene;
    table.reach(order, step);
    const at = order.indexOf(step);
    const moved = scene.moved.map((moves) => moves[at]);
    const word = tokens[at].padding ? t("a zero of padding") : tokens[at].text || String(at);
    const [masked, plain] = moved.map(written);
    update(told, { textContent: t(moved[0] === 0 ? "state stays" : "state moves", { word, masked, plain }) });
    journey.tell(`${step + 1}/${order.length}`);
    if (scene.answers) {
      const [one, other] = scene.answers.map((each) => each[at]);
      answers.set(0, t("answer with the mask"), one);
      answers.set(1, t("answer without the mask"), other, Math.abs(one - other) > 0.05);
    }
    if (!journey.playing()) say(told.textContent);
  };

  const show = (settings) => {
    scene = scenes ? scenes[settings.row ?? 0] : computeScene(settings, data, shared);
    const count = scene.tokens.length;
    if (scenes) row.set(settings.row ?? 0);
    else {
      fields.set(settings.sentences);
      padding.set(settings.padding);
      maxlen.set(count, Math.max(24, count));
    }
    answers.element.hidden = !scene.answers;
    measureCells(frame, count, scene.tokens.map(({ text }) => text));
    table.show(scene, most);
    journey.set(count - 1);
    return { question: stillQuestion(t, scene), said: told.textContent };
  };
  const signs = legend(t, ["token", "padding", "true", "false"]);
  const own = scenes ? [controlRow(scenes.length > 1 ? [row] : [])] : [fields.element, controlRow([padding, maxlen])];
  return { parts: [...own, signs, stage], stage, show, stop: journey.pause };
}

// The states as a table: a column for each timestep, a row for each unit.
function stateTable(t, units) {
  const heading = (text) => make("th", { scope: "row" }, text);
  const unitRows = Array.from({ length: units }, (_, unit) => make("tr", {}, heading(t("unit", { number: unit }))));
  const rows = [make("tr", {}, make("td")), make("tr.strip", {}, heading(t("mask"))), ...unitRows];
  const columns = [];
  const addColumn = () => {
    const word = make("th", { scope: "col" }, make("span"));
    const mark = make("td", {}, make("i"));
    const pairs = unitRows.map(() => make("td.pair", {}, make("i"), make("i")));
    [word, mark, ...pairs].forEach((cell, i) => rows[i].append(cell));
    return { word, mark, pairs };
  };
  const removeColumn = ({ word, mark, pairs }) => [word, mark, ...pairs].forEach((cell) => cell.remove());
  const showHalf = (half, value, most) => {
    const text = value.toFixed(3);
    update(half, { title: text, className: value < 0 ? "negative" : "positive" });
    half.style.setProperty("--v", `${(100 * Math.min(1, Math.abs(value) / most)).toFixed(0)}%`);
  };
  const show = ({ tokens, read, masked, plain }, most) => {
    resize(columns, tokens.length, addColumn, removeColumn);
    columns.forEach(({ word, mark, pairs }, i) => {
      const { text, padding } = tokens[i];
      const className = padding ? "cell padding" : "cell token";
      update(word.firstChild, { className, title: text, textContent: text || String(i) });
      update(mark.firstChild, { className: `mark ${read[i]}` });
      update(mark, { ariaLabel: t(String(read[i])) });
      pairs.forEach((pair, unit) => {
        const halves = [masked[i][unit], plain[i][unit]];
        halves.forEach((value, place) => showHalf(pair.children[place], value, most));
        update(pair, { ariaLabel: halves.map((value) => value.toFixed(3)).join(", ") });
      });
    });
  };
  const reach = (order, step) =>
    columns.forEach(({ word, pairs }, i) => {
      for (const { classList } of [word, ...pairs]) {
        classList.toggle("ahead", order[i] > step);
        classList.toggle("now", order[i] === step);
      }
    });
  return { element: make("table.states", {}, make("tbody", {}, ...rows)), show, reach };
}

// At how many timesteps does the state with the mask stay as it was?
function stillQuestion(t, { moved: [masked], order }) {
  const right = masked.filter((by) => by === 0).length;
  return numberQuestion(t("how many still"), [right, 0, order.length, right + 1]);
}
