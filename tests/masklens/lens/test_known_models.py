"""Models that people know: the oracle confirms what is known of them, and the lens finds it."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
from left_out import NEEDS

from lens.hub_models import hub_cases
from lens.keras_io_models import keras_io_cases
from lens.oracle import give_weights, quiet
from lens.reported_models import Known, reported_cases

pytestmark = [
    pytest.mark.slow,
    # KerasHub's T5 in float16.
    pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:Layer .* looks like it has unbuilt state:UserWarning"),
]

QUESTIONS = ("content", "amount", "rows")

FAULT = NEEDS["keras_hub"]()
WITHOUT_HUB = pytest.mark.skipif(FAULT is not None, reason=f"left out: {FAULT}")

KNOWN = [pytest.param(known, id=known.name) for known in (*reported_cases(), *keras_io_cases())]
HUB = [pytest.param(known, id=known.name, marks=WITHOUT_HUB) for known in hub_cases()]


@pytest.fixture(autouse=True)
def _fresh_names() -> Iterator[None]:
    """Operators and layers without a name of their own are counted anew in each test."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    yield


def expected(known: Known) -> dict[str, bool | None]:
    return {name: None if name in known.unasked else name in known.moves for name in QUESTIONS}


@cache
def lens_verdict(known: Known) -> Any:
    """What the lens finds in a model with random weights."""
    import masklens as ml

    case = known.case
    with quiet():
        model = case.build()
        model(keras.tree.map_structure(keras.ops.convert_to_tensor, case.inputs))
        give_weights(model, np.random.default_rng(0))
        return ml.trace(model, case.inputs, mask=case.valid if known.told else None)


@pytest.mark.parametrize("known", KNOWN + HUB)
def test_the_oracle_confirms_what_is_known(known: Known) -> None:
    if not known.finite:
        with pytest.raises(ValueError, match="not finite"):
            known.measure(known.case, 0)
        return
    truth = known.measure(known.case, 0)
    moves = {name: getattr(truth, name) for name in QUESTIONS}
    assert {
        name: None if move is None else move > known.rounding for name, move in moves.items()
    } == expected(known), moves


@pytest.mark.parametrize("known", KNOWN + HUB)
def test_the_lens_finds_what_is_known(known: Known) -> None:
    found = lens_verdict(known)
    if not known.finite:
        assert np.isnan(found.moves)
        return
    assert found.moves is not None, found.why_no_verdict
    assert (found.moves > 0) == bool(known.moves), found.moves_by
    # A question that the lens could not put says nothing.
    put = {name: move > 0 for name, move in found.moves_by.items() if move is not None}
    assert put.items() <= expected(known).items(), found.moves_by


@pytest.mark.parametrize("known", [case for case in KNOWN + HUB if case.values[0].leaks])
def test_the_lens_finds_where_padding_gets_in(known: Known) -> None:
    leaks = {call.path for call in lens_verdict(known).leaks}
    assert set(known.leaks) <= leaks <= {*known.leaks, *known.perhaps}
