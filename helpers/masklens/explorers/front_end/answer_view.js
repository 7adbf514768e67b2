// The smallest explorer: a sentence, more and more padding, a mask on or off, and the answer.

import { answerPanel, controlRow, make, pictureFrame, sentenceFields, slider, tell, toggle } from "./elements.js";
import { batchRow, cellsOf, legend, measureCells, wordsOf } from "./batch.js";
import { answerAt, differs, runSentence } from "./stack.js";

const MOST_PADDING = 20;

export function answerView({ shared, t, change }) {
  let layers, words;
  const fields = sentenceFields(t, 1, change);
  const amount = slider("maxlen", t("zeros"), 0, ({ maxlen: count }) =>
    change({ maxlen: words.length + count || 1 }),
  );
  const mask = toggle("mask", t("mask"), ({ mask: on }) =>
    change({ layers: layers.with(0, { ...layers[0], mask_zero: on }) }),
  );
  const row = batchRow(t);
  const frame = pictureFrame(t, row.element);
  const answers = answerPanel(2, t("ends with"));
  const stage = make("div.stage", frame, answers.element);

  const show = (settings) => {
    layers = settings.layers;
    words = wordsOf(settings.sentences[0]);
    const length = Math.max(1, words.length, settings.maxlen ?? 0);
    const count = length - words.length;
    const run = runSentence(settings, shared, words, length);
    const alone = words.length ? answerAt(settings, shared, words, words.length) : null;
    const on = layers[0].mask_zero;
    fields.set(settings.sentences);
    amount.set(count, MOST_PADDING);
    mask.set(on);
    measureCells(frame, Math.max(length, 8), [...words, "0"]);
    row.show(cellsOf(run.origins, words), run.steps[0].mask);
    const moved = differs(run.answer, alone);
    const padded = t("with zeros", { count });
    answers.set(0, t("without padding"), alone);
    answers.set(1, padded, run.answer, moved);
    tell(answers.verdict, t(moved ? "changed" : "unchanged"), !moved);
    const text = `${padded}, ${t(on ? "mask on" : "mask off")}: ${t("what happens")}`;
    return {
      question: { text, options: [t("stays"), t("changes")], right: Number(moved) },
      said: `${padded} ${run.answer?.toFixed(2)} ${answers.verdict.textContent}`,
    };
  };
  const signs = legend(t, ["token", "padding", "leak"], ["true", "false"]);
  const parts = [fields.element, controlRow([amount, mask]), stage, signs];
  return { parts, stage, covered: answers.element, show };
}
