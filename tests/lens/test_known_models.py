"""Models that people know: the oracle confirms what is known of them."""

from collections.abc import Iterator

import keras
import pytest

from lens.hub_models import MISSING, hub_cases
from lens.keras_io_models import keras_io_cases
from lens.reported_models import Known, reported_cases

QUESTIONS = ("content", "amount", "rows")
WITHOUT_HUB = pytest.mark.skipif(MISSING is not None, reason=f"left out: {MISSING}")

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
