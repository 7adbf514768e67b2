"""A plugin of pytest: every test leaves masklens as it found it, speaking English."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    yield
    if "masklens._language" in sys.modules:
        sys.modules["masklens._language"].set_language("en")
