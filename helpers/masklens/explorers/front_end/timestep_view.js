// The timestep explorer: the state of a recurrent layer, with the mask and without it, step by step.

import {
  answerPanel, choice, controlRow, make, numberQuestion, paddedSentences, pictureFrame, player, resize, update,
} from "./elements.js";
import { legend, measureCells, wordsOf } from "./batch.js";
import { apart, zeros } from "./engine.js";
import { runSentence } from "./stack.js";

const READ_MS = 600;

// The states of the course's LSTM, computed here for a sentence of the learner's own.
function computeScene(settings, shared) {
  const words = wordsOf(settings.sentences[0]);
  const runs = [true, false].map((mask_zero) => {
    const layers = [{ type: "Embedding", mask_zero }, { type: "LSTM", return_sequences: true }];
    return runSentence({ ...settings, layers }, shared, words, settings.maxlen ?? words.length + 6);
  });
  const [{ origins, isPadding }] = runs;
  const [masked, plain] = runs.map(({ steps }) => steps[1].values);
  return {
    tokens: origins.map((place) => ({ text: words[place] ?? "0", padding: place < 0 })),
    order: [...origins.keys()],
    read: isPadding.map((is) => !is),
    masked,
    plain,
    moved: [masked, plain].map(movesOf),
    answers: runs.map(({ steps }) => steps[2].values.flat()),
  };
}

// How far the state moves at each timestep: the largest change of a unit, at first from zero.
const movesOf = (states) => states.map((state, i) => apart(state, states[i - 1] ?? zeros(state.length)));

const written = (by) => (by > 0 && by < 0.0005 ? "<0.001" : by.toFixed(3));

export function timestepView({ data, shared, t, say, change }) {
  const { scenes } = data;
  const controls = scenes ? rowChoice(t, scenes, change) : paddedSentences(t, 1, change);
  const width = scenes ? scenes[0].masked[0].length : shared.weights.LSTM[1].length;
  const table = stateTable(t, Math.min(data.units, width));
  const most = data.most ?? 1;
  const range = ` −${most.toFixed(2)} · 0 · ${most.toFixed(2)}`;
  const scale = make("p.scale", t("halves"), " ", make("i.colours"), range);
  const answers = answerPanel(2);
  const journey = player(t, READ_MS, (step) => reach(step));
  const frame = pictureFrame(t, table.element);
  const told = make("p.told");
  const stage = make("div.stage", scale, frame, journey.element, answers.element, told);
  let scene;

  const reach = (step) => {
    const { tokens, order } = scene;
    table.reach(order, step);
    const at = order.indexOf(step);
    const moved = scene.moved.map((moves) => moves[at]);
    const word = tokens[at].padding ? t("legend padding") : tokens[at].text || String(at);
    const [masked, plain] = moved.map(written);
    update(told, { textContent: t(moved[0] === 0 ? "state stays" : "state moves", { word, masked, plain }) });
    if (scene.answers) {
      const [one, other] = scene.answers.map((each) => each[at]);
      answers.set(0, t("with the mask"), one);
      answers.set(1, t("without the mask"), other, Math.abs(one - other) > 0.05);
    }
    if (!journey.playing()) say(told.textContent);
    return `${step + 1}/${order.length}`;
  };

  const show = (settings) => {
    scene = scenes ? scenes[settings.row] : computeScene(settings, shared);
    const count = scene.tokens.length;
    controls.set(settings, count);
    answers.element.hidden = !scene.answers;
    measureCells(frame, count, scene.tokens.map(({ text }) => text));
    table.show(scene, most);
    journey.set(count - 1);
    return { question: stillQuestion(t, scene), said: told.textContent };
  };
  const signs = legend(t, ["token", "padding"], ["true", "false"]);
  return { parts: [...controls.elements, signs, stage], stage, show };
}

// Which of the rows that Python sent.
function rowChoice(t, scenes, change) {
  const row = choice("row", t("sequence"), change, [...scenes.keys()], scenes.map(({ label }) => label));
  return { elements: [controlRow(scenes.length > 1 ? [row] : [])], set: (settings) => row.set(settings.row) };
}

// The states as a table: a column for each timestep, a row for each unit.
function stateTable(t, units) {
  const heading = (text) => make("th", { scope: "row" }, text);
  const unitRows = Array.from({ length: units }, (_, unit) => make("tr", heading(t("unit", { number: unit }))));
  const rows = [make("tr", make("td")), make("tr.strip", heading(t("mask"))), ...unitRows];
  const columns = [];
  const addColumn = () => {
    const word = make("th", { scope: "col" }, make("span"));
    const mark = make("td", make("i"));
    const pairs = unitRows.map(() => make("td.pair", make("i"), make("i")));
    [word, mark, ...pairs].forEach((cell, i) => rows[i].append(cell));
    return { word, mark, pairs };
  };
  const removeColumn = ({ word, mark, pairs }) => [word, mark, ...pairs].forEach((cell) => cell.remove());
  const showHalf = (half, value, most) => {
    update(half, { title: value.toFixed(3), className: value < 0 ? "negative" : "" });
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
        const halves = [...pair.children];
        [masked, plain].forEach((states, place) => showHalf(halves[place], states[i][unit], most));
        update(pair, { ariaLabel: halves.map(({ title }) => title).join(", ") });
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
  return { element: make("table.states", make("tbody", ...rows)), show, reach };
}

// At how many timesteps does the state with the mask stay as it was?
function stillQuestion(t, { moved: [masked], order }) {
  const right = masked.filter((by) => by === 0).length;
  return numberQuestion(t("how many still"), [right, 0, order.length, right + 1]);
}
