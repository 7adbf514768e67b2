"""Where each server has a name of its own, a page on one of them reaches no other one."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.classroom.attack import Attack
from tests.classroom.class_accounts import STUDENTS, TEACHER
from tests.classroom.hub import Hub, Student

pytestmark = pytest.mark.accounts


def _resolve_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names below localhost lead to this machine, as they do in a browser."""
    asked = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        here = isinstance(host, str) and host.endswith(".localhost")
        return asked("127.0.0.1" if here else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.fixture(scope="module")
def attacked(hub: Hub, passwords: dict[str, str]) -> Iterator[dict[str, Student]]:
    """A hub with names below a domain; what each of these names stands for has a server."""
    with pytest.MonkeyPatch.context() as patch:
        _resolve_here(patch)
        hub.settings["MASKLENS_CLASS_DOMAIN"] = f"http://class.localhost:{hub.port}"
        hub.start()
        names = {"attacker": STUDENTS[0], "student": STUDENTS[1], "teacher": TEACHER}
        found = {role: Student(hub, name, passwords[name]) for role, name in names.items()}

        def begin(one: Student) -> None:
            one.login().raise_for_status()
            one.spawn()

        with ThreadPoolExecutor(len(found)) as pool:
            list(pool.map(begin, found.values()))
        Attack(found["attacker"], found["student"]).prepare()
        yield found


@pytest.mark.parametrize(("visitor", "bystander"), [("student", "teacher"), ("teacher", "student")])
def test_a_page_of_a_student_reaches_nothing_of_a_visitor(
    browser: Browser, attacked: dict[str, Student], visitor: str, bystander: str
) -> None:
    attack = Attack(attacked["attacker"], attacked[bystander])
    found = attack.visit(browser, attacked[visitor])
    # The browser lets the page look at nothing of another address, and ask it for nothing.
    assert set(found) == {"hub", "token", "users", "enter", "read", "write", "stop"}
    assert set(found.values()) == {"SecurityError", "TypeError"}
    assert attacked[bystander].server_processes()
