"""A class of accounts, and the hubs that its students log in to."""

from collections.abc import Iterator

import pytest

from tests.classroom import class_accounts
from tests.classroom.hub import Hub, new_hub


@pytest.fixture(scope="session")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The accounts of the class, with their first passwords; removed at the end."""
    class_accounts.remove()
    try:
        yield class_accounts.make_class(tmp_path_factory.mktemp("names"))
    finally:
        class_accounts.remove()


@pytest.fixture(scope="module")
def hub(passwords: dict[str, str]) -> Iterator[Hub]:
    """A hub for all tests of a module, not yet started."""
    with new_hub() as hub:
        yield hub


@pytest.fixture
def fresh_hub(passwords: dict[str, str]) -> Iterator[Hub]:
    """A hub for one test, not yet started."""
    with new_hub() as hub:
        yield hub
