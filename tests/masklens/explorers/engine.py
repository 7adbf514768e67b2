"""The one door to what the explorers compute in a page: many questions in one process of Node."""

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from masklens.explorers.widget import module

# Numbers that JSON has no word for go as their names, which NumPy reads.
_DRIVER = """
const answers = {
  pad: ([sequences, options]) => padSequences(sequences, options),
  run: ([specs, rows]) => {
    const layers = specs.map(makeLayer);
    const said = ({ values, mask, error }) => ({ values, mask, error: error?.code ?? null });
    return rows.map((row) => runLayers(layers, row).map(said));
  },
  leaks: ([specs, row, isPadding, options]) =>
    findLeaks(specs.map(makeLayer), row, isPadding, options),
  code: ([shared, layers, inputDim]) => stackCode(layers, opened(shared), inputDim),
  sentence: ([shared, settings, length]) => {
    const [ids, words] = [numberWords(settings.sentences, []), wordsOf(settings.sentences[0])];
    const run = runSentence(settings, opened(shared), ids, words, length);
    return { answer: run.answer, leaks: measureLeaks(run, settings.padding) };
  },
  batch: ([settings]) => {
    const batch = computeBatch(settings, []);
    return { ...batch, facts: countFacts(batch) };
  },
  states: ([shared, settings]) => computeScene(settings, { vocabulary: [] }, opened(shared)),
};
const opened = ({ palette, weights }) => ({
  palette: Object.fromEntries(palette),
  weights: decodeWeights(weights),
});
const heard = [];
for await (const chunk of process.stdin) heard.push(chunk);
const questions = JSON.parse(Buffer.concat(heard));
const named = (_, x) => (typeof x === "number" && !Number.isFinite(x) ? String(x) : x);
const given = questions.map(([kind, ...what]) => answers[kind](what));
console.log(JSON.stringify(given, named));
"""


def asked(questions: Sequence[tuple[Any, ...]]) -> list[Any]:
    """What the engine answers to each of some questions, a kind and what it is about."""
    command = ["node", "--input-type=module", "--eval", module() + _DRIVER]
    ran = subprocess.run(
        command, input=json.dumps(questions), capture_output=True, text=True, check=False
    )
    assert not ran.returncode, ran.stderr
    answers: list[Any] = json.loads(ran.stdout)
    return answers


def fault_of(module: str) -> str:
    """What Node says of the grammar of a module; empty if it can be read."""
    command = ["node", "--input-type=module", "--check"]
    ran = subprocess.run(command, input=module, capture_output=True, text=True, check=False)
    return ran.stderr
