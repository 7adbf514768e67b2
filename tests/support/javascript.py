"""What runs the front end of the explorers outside a browser."""

import pytest


@pytest.fixture(scope="session")
def node() -> None:
    """Node; tests that ask for it are left out where there is none."""
