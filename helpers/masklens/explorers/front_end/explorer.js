// An explorer on a page: its head, its view, and the settings that it shares with Python.

import { make, predictCard, toggle } from "./elements.js";
import { decodeWeights } from "./stack.js";
import { answerView } from "./answer_view.js";
import { paddingView } from "./padding_view.js";
import { propagationView } from "./propagation_view.js";
import { timestepView } from "./timestep_view.js";

const VERSION = 2;
const VIEWS = { answer: answerView, padding: paddingView, propagation: propagationView, timestep: timestepView };

const isWhole = Number.isInteger;
const isList = (value) => Array.isArray(value) && value.length > 0 && value.length <= 12;
const isWords = (value) => isList(value) && value.every((one) => typeof one === "string");
const isSide = (value) => value === "pre" || value === "post";
const isLength = (value) => value === null || (isWhole(value) && value >= 1 && value <= 1000);
const isFlag = (value) => typeof value === "boolean";
const CHECKS = {
  sentences: isWords,
  padding: isSide,
  truncating: isSide,
  maxlen: isLength,
  value: isWhole,
  mask: isFlag,
  predict: isFlag,
  row: (value) => isWhole(value) && value >= 0,
  layers: isList,
};

// The first setting that no explorer could have saved.
function wrongSetting(settings, { palette }, data) {
  for (const name of data.settings) if (!CHECKS[name]?.(settings[name])) return name;
  if (settings.layers?.some((layer) => !Object.hasOwn(palette, layer?.type))) return "layers";
  if (data.scenes && settings.row >= data.scenes.length) return "row";
  return null;
}

// Draws an explorer. `model` holds what Python sent for this one, `shared` what all have in common.
export function render({ model, el, shared }) {
  shared = { ...shared, palette: Object.fromEntries(shared.palette) };
  const t = (key, values = {}) =>
    (shared.words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
  const style = make("style", {}, shared.style);
  el.classList.add("masklens-explorer", "masklens-live");
  const parsed = (name) => {
    try {
      return JSON.parse(model.get(name));
    } catch {
      return null;
    }
  };
  const data = parsed("data");
  const refuse = (reason) => {
    el.replaceChildren(style, make("p.verdict.bad", { role: "alert" }, reason));
    return () => el.replaceChildren();
  };
  if (data?.version !== VERSION || !Object.hasOwn(VIEWS, data.view)) return refuse(t("other version"));
  el.lang = data.lang;
  el.role = "group";
  el.ariaLabel = data.title;
  const read = () => ({ ...parsed("settings") });
  const wrong = wrongSetting(read(), shared, data);
  if (wrong) return refuse(t("damaged", { name: wrong }));

  const spoken = make("p.unseen", { "aria-live": "polite" });
  // What a question covers is not told either.
  const say = (text) => (spoken.textContent = card.covers() ? "" : text);
  let settings = read();
  const change = (patch) => {
    settings = { ...settings, ...patch };
    show();
    try {
      // Pages keep the state of widgets in a script, which no sentence may end.
      model.set("settings", JSON.stringify(settings).replaceAll("<", "\\u003c"));
      model.save_changes();
    } catch (error) {
      console.debug(error); // The kernel is gone; the explorer does not need it.
    }
  };
  let weights;
  try {
    weights = decodeWeights(shared.weights);
  } catch (error) {
    return refuse(t("damaged", { name: error.message }));
  }
  const view = VIEWS[data.view]({
    data: { ...data, vocabulary: new Map(data.vocabulary) },
    shared: { ...shared, weights },
    t,
    change,
    say,
  });
  const predict = toggle("predict", t("predict first"), change);
  const card = predictCard(t, view.covered ?? view.stage);
  const head = make("div.head", {}, make("p.title", {}, data.title), predict.element);
  const show = () => {
    predict.set(settings.predict);
    const { question, said } = view.show(settings);
    card.ask(settings.predict ? question : null);
    say(said);
  };
  const changed = () => {
    const told = read();
    if (JSON.stringify(told) === JSON.stringify(settings) || wrongSetting(told, shared, data)) return;
    settings = told;
    show();
  };
  // JupyterLab would take the arrow keys for itself; Ctrl+S and its like it may have.
  el.onkeydown = (event) => event.ctrlKey || event.metaKey || event.stopPropagation();
  // Its own width decides, since a page may put it into a narrow column.
  const fit = () => {
    const width = head.clientWidth;
    el.style.setProperty("--room", `${width}px`);
    el.classList.toggle("narrow", width <= 520);
    el.classList.toggle("tiny", width <= 360);
  };
  const room = new ResizeObserver(fit);
  room.observe(head);
  el.replaceChildren(style, head, ...view.parts, spoken);
  view.stage.before(card.element);
  if (el.isConnected) fit();
  show();
  model.on("change:settings", changed);
  return () => {
    view.stop?.();
    room.disconnect();
    model.off("change:settings", changed);
    el.replaceChildren();
  };
}
