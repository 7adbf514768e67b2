"""Web pages to test: notebooks executed as the build does, rendered by Sphinx and myst-nb."""

import functools
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup
from nbformat import NotebookNode

from masklens.explorers.widget import FRONT_END

LOADER = FRONT_END / "page.js"
ROOM = FRONT_END / "page.css"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

_CONFIGURATION = """\
project = "Course"
extensions = ["myst_nb"]
html_theme = "furo"
html_static_path = ["_static"]
nb_execution_mode = "off"
nb_ipywidgets_js = {"page.js": {}}
html_css_files = ["page.css"]
# So that a page carries the picture, which the loader then brings to life.
nb_mime_priority_overrides = [("html", "text/html", 1)]
"""


def saved_states(book: NotebookNode) -> dict[str, NotebookNode]:
    """What a notebook has saved of its widgets, by model id."""
    return book.metadata.widgets[WIDGET_STATE]["state"]


def shown_models(book: NotebookNode) -> list[str]:
    """The model ids of the widgets that the cells show, in order."""
    return [
        output.data[WIDGET_VIEW]["model_id"]
        for cell in book.cells
        for output in cell.get("outputs", [])
        if WIDGET_VIEW in output.get("data", {})
    ]


def render(folder: Path, books: Mapping[str, NotebookNode]) -> Path:
    """Renders notebooks as a site that prefers pictures; what Sphinx warns of is an error.

    Returns:
        The folder of the pages.
    """
    source, pages = folder / "source", folder / "pages"
    (source / "_static").mkdir(parents=True)
    texts = {
        "conf.py": _CONFIGURATION,
        **{f"_static/{path.name}": path.read_text(encoding="utf-8") for path in (LOADER, ROOM)},
        "index.md": "# Course\n\n```{toctree}\n" + "\n".join(books) + "\n```\n",
    }
    for name, text in texts.items():
        (source / name).write_text(text, encoding="utf-8")
    for name, book in books.items():
        nbformat.write(book, source / f"{name}.ipynb")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    done = subprocess.run([*command, source, pages], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # Browsers and one theme ask for these by themselves.
    for name in ("favicon.ico", "_static/custom.css"):
        (pages / name).touch()
    return pages


class _QuietServer(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Keeps the requests out of the test's report."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serves a folder on a free port while the context lasts; gives its address."""
    answer = functools.partial(_QuietServer, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def text_outputs(book: NotebookNode) -> list[str]:
    """The HTML that the cells of a notebook show."""
    return [
        output.data["text/html"]
        for cell in book.cells
        for output in cell.get("outputs", [])
        if "text/html" in output.get("data", {})
    ]


_KEPT = {"aria-label", "alt", "colspan", "lang", "rowspan", "scope", "start", "title"}


def purified(picture: str) -> str:
    """HTML as it remains on a strict host: no style, no script, no class and no address."""
    soup = BeautifulSoup(picture, "html.parser")
    for tag in soup.find_all(True):
        if tag.name in ("style", "script"):
            tag.extract()
        tag.attrs = {name: value for name, value in tag.attrs.items() if name in _KEPT}
    return str(soup)
