"""The playground's engine does what Keras does, and finds what the lens finds."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import pytest
from engine import asked, fault_of
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
# page.js stands on its own in a page.
MODULES = sorted(path.name for path in FRONT_END.glob("*.js") if path.name != "page.js")


@pytest.mark.parametrize("name", MODULES)
def test_a_module_can_be_read(name: str) -> None:
    assert not fault_of((FRONT_END / name).read_text(encoding="utf-8"))


def test_modules_can_be_joined_to_one() -> None:
    text = module()
    assert not re.findall(r"^import .*", text, flags=re.MULTILINE)
    assert not fault_of(text)


def tokens_of(text: str) -> list[str]:
    """The tokens of JavaScript, without exports, as another reader finds them."""
    found = JavascriptLexer().get_tokens(re.sub(r"^import [^;]*;", "", text, flags=re.MULTILINE))
    kept = [value for kind, value in found if value.strip() and kind not in Comment]
    return [value for value in kept if value != "export"]


def test_joining_modules_changes_no_token() -> None:
    alone = [path for path in FRONT_END.glob("*.js") if path.name not in ("page.js", "loader.js")]
    apart = Counter(token for path in alone for token in tokens_of(path.read_text("utf-8")))
    text = module()
    assert Counter(tokens_of(text)) == apart


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
    cases = [case for seed in seeds if (case := padded_case(seed))]
    for case, found in zip(cases, asked([case.question() for case in cases]), strict=True):
        drawn, told = case.drawn, f"{case}: {found}"
        copies = [np.repeat(array[[case.row]], COPIES, 0) for array in (drawn.batch, drawn.valid)]
        lens = ml.trace(Stack(drawn.layers), copies[0], mask=copies[1])
        if found["answer"] is None:
            # Where a layer makes its mask of vectors and the model takes no longer row, the lens
            # has one more way to tell that padding is ignored.
            assert not lens.moves, told
            continue
        if not ROUNDING <= lens.moves < BEYOND_DOUBT:
            sound = float(found["answer"]) <= found["tolerance"]
            assert sound == (lens.moves == 0.0), f"{told}, the lens: {lens.moves_by}"
        # Behind Flatten, a longer row has more features. Which of them are valid, the lens takes
        # to be unknown, and it may name a later layer.
        grows = found["moves"]["amount"] is not None and "Flatten" in case.types
        # Noise may change a mask that a layer makes of values; then one of the two does not ask.
        asked_alike = all(
            (found["moves"][change] is None) == (lens.moves_by[change] is None)
            for change in ("content", "amount")
        )
        if case.gives_one_answer and asked_alike and not grows and lens.moves >= BEYOND_DOUBT:
            names = {call.path.split("/")[0] for call in lens.leaks}
            own = {drawn.layers[at].name for at in found["leaks"]}
            # A rectifier may let through what one of the two draws, and not what the other does.
            assert own & names if case.rectifies else own == names, f"{told}, the lens: {names}"


@dataclass(frozen=True)
class PaddedCase:
    """A stack that Keras runs, and a row with tokens and padding."""

    seed: int
    drawn: Drawn = field(repr=False)
    row: int
    types: tuple[str, ...]
    gives_one_answer: bool
    rectifies: bool

    def question(self) -> tuple[Any, ...]:
        ids, valid = self.drawn.batch[self.row], self.drawn.valid[self.row]
        options = {"side": self.drawn.side, "value": self.drawn.value}
        return "leaks", self.drawn.specs, ids.tolist(), (~valid).tolist(), options


def padded_case(seed: int) -> PaddedCase | None:
    drawn = draw(seed)
    rows = np.flatnonzero(drawn.valid.any(1) & ~drawn.valid.all(1)).tolist()
    answer = run(drawn.layers, drawn.batch)[-1].values
    if not rows or answer is None:
        return None
    types = tuple(spec["type"] for spec in drawn.specs)
    rectifies = "relu" in str([spec["config"] for spec in drawn.specs]) or not {
        "MyActivation",
        "GlobalMaxPooling1D",
    }.isdisjoint(types)
    return PaddedCase(seed, drawn, rows[0], types, answer.ndim == 2, rectifies)
