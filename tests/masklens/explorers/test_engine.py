"""The playground's engine does what Keras does, and finds what the lens finds."""

import itertools
import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import pytest
from pygments.lexers import JavascriptLexer
from pygments.token import Comment
from stacks import Behind, Drawn, Stack, draw, run

import masklens as ml
from masklens.explorers.widget import FRONT_END, module

pytestmark = pytest.mark.usefixtures("node")

FUZZ = os.environ.get("MASKLENS_FUZZ")
STACKS, BATCHES = int(FUZZ or 60), 5 * int(FUZZ or 100)
# What few stacks meet: a mask before Residual, weights for another length, an answer of windows.
TELLING = (63, 81, 106, 119, 145, 232)
SEEDS = sorted({*TELLING, *range(STACKS)})
AT_ONCE = 20  # stacks for one process of Node
SOME_SEEDS = [SEEDS[start : start + AT_ONCE] for start in range(0, len(SEEDS), AT_ONCE)]
TOLERANCE = 1e-5
# The lens may take float32's rounding, as behind LayerNormalization of one feature, for movement.
ROUNDING, BEYOND_DOUBT = 1e-5, 1e-4
# Behind a maximum or a rectifier, few contents of padding may show; each copy of a row has its own.
COPIES = 32
# Numbers that JSON has no word for go as their names, which NumPy reads.
_DRIVER = """
const answers = {
  pad: ([sequences, options]) => padSequences(sequences, options),
  run: ([specs, rows]) => {
    const layers = specs.map(makeLayer);
    const said = ({ values, mask, error }) => ({ values, mask, error: error ?? null });
    return rows.map((row) => runLayers(layers, row).map(said));
  },
  leaks: ([specs, ...given]) => findLeaks(specs.map(makeLayer), ...given),
};
const heard = [];
for await (const chunk of process.stdin) heard.push(chunk);
const questions = JSON.parse(Buffer.concat(heard));
const named = (_, x) => (typeof x === "number" && !Number.isFinite(x) ? String(x) : x);
const given = questions.map(([kind, ...what]) => answers[kind](what));
console.log(JSON.stringify(given, named));
"""


# Before a closing bracket.
NEEDLESS = {(",", ")"), (",", "]"), (",", "}"), (";", "}")}


def tokens_of(text: str) -> list[str]:
    """The tokens of JavaScript as another reader finds them, without exports and needless marks."""
    found = JavascriptLexer().get_tokens(re.sub(r"^import [^;]*;", "", text, flags=re.MULTILINE))
    kept = [value for kind, value in found if value.strip() and kind not in Comment]
    return [
        value
        for value, following in itertools.pairwise([*kept, ""])
        if value != "export" and (value, following) not in NEEDLESS
    ]


def test_joining_modules_changes_no_token() -> None:
    alone = [path for path in FRONT_END.glob("*.js") if path.name not in ("page.js", "loader.js")]
    apart = Counter(token for path in alone for token in tokens_of(path.read_text("utf-8")))
    assert Counter(tokens_of(module())) == apart


def asked(questions: Sequence[tuple[Any, ...]]) -> list[Any]:
    """What the engine answers to each of some questions, a kind and what it is about."""
    command = ["node", "--input-type=module", "--eval", module() + _DRIVER]
    ran = subprocess.run(
        command, input=json.dumps(questions), capture_output=True, text=True, check=False
    )
    assert not ran.returncode, ran.stderr
    answers: list[Any] = json.loads(ran.stdout)
    return answers


def drawn_padding(rng: np.random.Generator) -> tuple[list[list[int]], dict[str, Any]]:
    lengths = rng.integers(0, 9, rng.integers(1, 6)).tolist()
    sequences = [rng.integers(-5, 50, length).tolist() for length in lengths]
    options = {
        "maxlen": None if rng.random() < 0.2 else int(rng.integers(1, 11)),
        "padding": str(rng.choice(["pre", "post"])),
        "truncating": str(rng.choice(["pre", "post"])),
        "value": int(rng.integers(-3, 4)),
    }
    # What is left out has the default of Keras.
    return sequences, {name: option for name, option in options.items() if rng.random() < 0.9}


def test_batches_are_padded_as_keras_pads_them() -> None:
    calls = [drawn_padding(np.random.default_rng([3, seed])) for seed in range(BATCHES)]
    padded = asked([("pad", *call) for call in calls])
    for (sequences, options), rows in zip(calls, padded, strict=True):
        expected = keras.utils.pad_sequences(sequences, **options)
        assert rows == expected.tolist(), (sequences, options)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", SOME_SEEDS, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_values_and_masks_behind_each_layer_are_those_of_keras(seeds: list[int]) -> None:
    stacks = [draw(seed) for seed in seeds]
    ran = asked([("run", drawn.specs, drawn.batch.tolist()) for drawn in stacks])
    faults = [
        f"stack {seed}, {fault}"
        for seed, drawn, rows in zip(seeds, stacks, ran, strict=True)
        for fault in faults_of(drawn, rows)
    ]
    assert not faults, "\n".join(faults)


def faults_of(drawn: Drawn, rows: list[Any]) -> Iterator[str]:
    """The layers at which the engine differs from Keras, and how."""
    for at, behind in enumerate(run(drawn.layers, drawn.batch)):
        if fault := difference(behind, [row[at] for row in rows]):
            kind, config = drawn.specs[at]["type"], drawn.specs[at]["config"]
            yield f"layer {at}, {kind} with {config} of Keras {keras.__version__}: {fault}"


def difference(behind: Behind, rows: list[dict[str, Any]]) -> str:
    """How the engine's rows behind a layer differ from what Keras gives; empty if they do not."""
    refused = [row["error"] for row in rows]
    if behind.values is None:
        return "" if all(refused) else f"Keras refuses it: {behind.error}"
    if any(refused):
        return f"the engine refuses it: {refused}"
    values = np.array([row["values"] for row in rows], float)
    if values.shape != behind.values.shape:
        return f"the shape is {values.shape}, that of Keras {behind.values.shape}"
    largest = max(1.0, np.nanmax(np.abs(behind.values), initial=0.0))
    if not np.allclose(values, behind.values, rtol=0, atol=TOLERANCE * largest, equal_nan=True):
        return f"values differ by {np.abs(values - behind.values).max()}"
    masks = [row["mask"] for row in rows]
    expected = [None] * len(rows) if behind.mask is None else behind.mask.tolist()
    return "" if masks == expected else f"the mask is {masks}, that of Keras {expected}"


@pytest.mark.slow
@pytest.mark.parametrize("seeds", SOME_SEEDS, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_padding_gets_in_where_the_lens_says_so(seeds: list[int]) -> None:
    questions = {seed: question for seed in seeds if (question := question_of(draw(seed)))}
    for seed, found in zip(questions, asked(list(questions.values())), strict=True):
        drawn, told = draw(seed), f"stack {seed}: {found}"
        _kind, _specs, row, padding, *_more = questions[seed]
        copies, valid = np.array([row] * COPIES), ~np.array([padding] * COPIES)
        lens = ml.trace(Stack(drawn.layers), copies, mask=valid)
        asked_by_page = {change for change, moves in found["moves"].items() if moves is not None}
        if not asked_by_page:
            # Where a layer makes its mask of vectors and the model takes no longer row, the lens
            # has one more way to tell that padding is ignored.
            assert not lens.moves, told
            continue
        if not ROUNDING <= lens.moves < BEYOND_DOUBT:
            assert bool(found["leaks"]) == (lens.moves != 0.0), f"{told}, the lens: {lens.moves_by}"
        types = {spec["type"] for spec in drawn.specs}
        # Behind Flatten, a longer row has more features. Which of them are valid, the lens takes
        # to be unknown, and it may name a later layer.
        grows = "amount" in asked_by_page and "Flatten" in types
        # Noise may change a mask that a layer makes of values; then one of the two does not ask.
        asked_alike = asked_by_page == {
            change for change in ("content", "amount") if lens.moves_by[change] is not None
        }
        gives_one_answer = run(drawn.layers, drawn.batch)[-1].values.ndim == 2
        if gives_one_answer and asked_alike and not grows and lens.moves >= BEYOND_DOUBT:
            names = {call.path.split("/")[0] for call in lens.leaks}
            own = {drawn.layers[at].name for at in found["leaks"]}
            # A rectifier may let through what one of the two draws, and not what the other does.
            rectifies = "relu" in str([spec["config"] for spec in drawn.specs])
            rectifies |= not types.isdisjoint(("MyActivation", "GlobalMaxPooling1D"))
            assert own & names if rectifies else own == names, f"{told}, the lens: {names}"


def question_of(drawn: Drawn) -> tuple[Any, ...] | None:
    """Asks about a row with tokens and padding, if there is one and Keras runs the stack."""
    rows = np.flatnonzero(drawn.valid.any(1) & ~drawn.valid.all(1))
    if not rows.size or run(drawn.layers, drawn.batch)[-1].values is None:
        return None
    ids, padding = drawn.batch[rows[0]], ~drawn.valid[rows[0]]
    options = drawn.side, drawn.value, COPIES
    return "leaks", drawn.specs, ids.tolist(), padding.tolist(), *options
