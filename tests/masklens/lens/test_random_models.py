"""The lens's verdict about random models is that of the oracle, which shares no code with it."""

import os
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest

import masklens as ml
from lens.oracle import DRAWS, Case, answer_of, give_weights, quiet
from lens.random_models import draw

pytestmark = pytest.mark.slow

# Seeds that failed once are tried each time.
FAILED = (21, 45, 57, 73, 135, 154, 207, 468, 552, 599, 619, 744, 807)
MANY = int(os.environ.get("MASKLENS_FUZZ", "97"))
SEEDS = sorted({*FAILED, *range(MANY)})


@pytest.fixture(autouse=True)
def _fresh_names() -> Iterator[None]:
    keras.utils.clear_session()
    yield


def traced(case: Case, seed: int) -> Iterator[Any]:
    """The lens's findings about the model of a case, under the weights that the oracle drew."""
    for weights in range(DRAWS):
        with quiet():
            model = case.build()
            answer_of(case, model)
        give_weights(model, np.random.default_rng([seed, weights]))
        found = ml.trace(model, case.inputs)
        if found.known_from in ("zeros", "added") and case.padding:
            # Nothing tells of such values that they are padding, so a user would have to.
            found = ml.trace(model, case.inputs, mask=case.valid)
        yield found
        if found.moves:
            return  # other weights could not make it sound


@pytest.mark.parametrize("seed", SEEDS)
def test_the_verdict_is_that_of_the_oracle(seed: int) -> None:
    case, truth = draw(seed)
    found = list(traced(case, seed))
    assert all(bool(one.leaks) == bool(one.moves) for one in found)
    if any(one.moves is None for one in found):
        # No verdict is right only where the oracle cannot change the padding of each input either.
        assert any(padded.content is None for padded in case.padded) and not truth.moves, found[0]
        return
    moves = max(one.moves for one in found)
    assert (moves > 0) == (truth.moves > 0), (truth, [one.moves_by for one in found], found[0])
