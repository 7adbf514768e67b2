// The smallest explorer: a sentence, more and more padding, a mask on or off, and the answer.

import { answerPanel, controlRow, make, pictureFrame, sentenceFields, slider, tell, toggle } from "./elements.js";
import { batchRow, cellsOf, legend, measureCells, numberWords, wordsOf } from "./batch.js";
import { answerAt, differs, runSentence } from "./stack.js";

const MOST_PADDING = 20;

export function answerView({ data, shared, t, change }) {
  let [layers, words] = [[], []];
  const fields = sentenceFields(t, 1, change);
  const amount = slider("maxlen", t("zeros of padding"), 0, ({ maxlen: count }) =>
    change({ maxlen: words.length + count || 1 }),
  );
  const mask = toggle("mask", t("mask"), ({ mask: on }) => {
    const [embedding, ...others] = layers;
    change({ layers: [{ ...embedding, mask_zero: on }, ...others] });
  });
  const row = batchRow(t);
  const frame = pictureFrame(t, row.element);
  const answers = answerPanel(2, make("p.title", {}, t("ends with")));
  const verdict = make("p.verdict");
  answers.element.append(verdict);
  const stage = make("div.stage", {}, frame, answers.element);

  const show = (settings) => {
    layers = settings.layers;
    words = wordsOf(settings.sentences[0]);
    const length = Math.max(1, words.length, settings.maxlen ?? 0);
    const count = length - words.length;
    const ids = numberWords(settings.sentences, data.vocabulary);
    const run = runSentence(settings, shared, ids, words, length);
    const alone = words.length ? answerAt(settings, shared, ids, words, words.length) : null;
    const on = layers[0].mask_zero;
    fields.set(settings.sentences);
    amount.set(count, Math.max(MOST_PADDING, count));
    mask.set(on);
    measureCells(frame, Math.max(length, 8), [...words, "0"]);
    row.show(cellsOf(run.origins, words), run.steps[0].mask);
    const moved = differs(run.answer, alone);
    const padded = t("with zeros", { count });
    answers.set(0, t("without padding"), alone);
    answers.set(1, padded, run.answer, moved);
    tell(verdict, t(moved ? "padding changes" : "padding changes nothing"), !moved);
    const text = `${padded}, ${t(on ? "mask on" : "mask off")}: ${t("what happens")}`;
    return {
      question: { text, options: [t("stays"), t("changes")], right: moved ? 1 : 0 },
      said: `${padded} ${run.answer?.toFixed(2)} ${verdict.textContent}`,
    };
  };
  const signs = legend(t, ["token", "padding", "leak", "true", "false"]);
  const parts = [fields.element, controlRow([amount, mask]), stage, signs];
  return { parts, stage, covered: answers.element, show };
}
