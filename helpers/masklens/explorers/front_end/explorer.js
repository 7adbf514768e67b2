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
const isSide = (value) => value === "pre" || value === "post";
const isFlag = (value) => typeof value === "boolean";
const CHECKS = {
  sentences: (value) => isList(value) && value.every((one) => typeof one === "string"),
  padding: isSide,
  truncating: isSide,
  maxlen: (value) => value === null || (isWhole(value) && value >= 1 && value <= 1000),
  value: isWhole,
  mask: isFlag,
  predict: isFlag,
  row: (value, { scenes }) => isWhole(value) && Boolean(scenes[value]),
  layers: (value, _, { palette }) =>
    isList(value) && value.every((one, i) => Object.hasOwn(palette, one?.type) && (i > 0 || one.type === "Embedding")),
};

// Draws an explorer. `model` holds what Python sent for this one, `shared` what all have in common.
export function render({ model, el, shared }) {
  shared = { ...shared, palette: Object.fromEntries(shared.palette) };
  const t = (key, values) => (shared.words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const style = make("style", shared.style);
  el.classList.add("masklens-explorer", "masklens-live");
  const parsed = (name) => {
    try {
      return { ...JSON.parse(model.get(name)) };
    } catch {
      return {};
    }
  };
  const data = parsed("data");
  const refuse = (reason) => {
    el.replaceChildren(style, make("p.verdict.bad", { role: "alert" }, reason));
    return () => el.replaceChildren();
  };
  if (data.version !== VERSION || !Object.hasOwn(VIEWS, data.view)) return refuse(t("version"));
  el.lang = data.lang;
  el.role = "group";
  el.ariaLabel = data.title;
  let settings = parsed("settings");
  // The first setting that no explorer could have saved.
  const wrongOf = (told) => data.settings.find((name) => !CHECKS[name]?.(told[name], data, shared));
  let wrong = wrongOf(settings);
  try {
    shared.weights = decodeWeights(shared.weights);
  } catch (error) {
    wrong ??= error.message;
  }
  if (wrong) return refuse(t("damaged", { name: wrong }));

  const spoken = make("p.unseen", { "aria-live": "polite" });
  // What a question covers is not told either.
  const say = (text) => (spoken.textContent = picture.inert ? "" : text);
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
  shared.vocabulary = new Map(data.vocabulary);
  const view = VIEWS[data.view]({ data, shared, t, change, say });
  const predict = toggle("predict", t("predict first"), change);
  const picture = view.covered ?? view.stage;
  const card = predictCard(t, picture);
  const head = make("div.head", make("p.title", data.title), predict.element);
  const show = () => {
    predict.set(settings.predict);
    const { question, said } = view.show(settings);
    card.ask(settings.predict ? question : null);
    say(said);
  };
  const changed = () => {
    const told = parsed("settings");
    if (JSON.stringify(told) === JSON.stringify(settings) || wrongOf(told)) return;
    settings = told;
    show();
  };
  // JupyterLab would take the arrow keys for itself; Ctrl+S and its like it may have.
  el.onkeydown = (event) => event.ctrlKey || event.metaKey || event.stopPropagation();
  el.replaceChildren(style, head, ...view.parts, spoken);
  view.stage.before(card.element);
  show();
  model.on("change:settings", changed);
  return () => {
    model.off("change:settings", changed);
    el.replaceChildren();
  };
}
