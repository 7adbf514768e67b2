"""Measures the site: what a browser fetches for a page, compressed as static hosts serve it."""

import gzip
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import perf_counter
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from authoring import course, site
from benchmarks.table import print_table, verdict
from tests.support.browser import NO_BROWSER, find_program

ROOT = Path(__file__).parents[1]
GOAL_LESSON = 350_000  # bytes, for a lesson with an explorer
LESSONS = ("01_padding", "02_mask_generators", "03_propagation", "07_opting_in")
PAGES = ("index", *(f"lessons/{name}" for name in LESSONS), "reference", "layers", "search")
TEXT = {".css", ".html", ".ipynb", ".js", ".json", ".svg", ".txt", ".xml"}


class _Compressing(SimpleHTTPRequestHandler):
    """Serves files with gzip at level 6, to be kept for ten minutes, as GitHub Pages does."""

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.is_dir():
            path /= "index.html"
        if not path.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        content = path.read_bytes()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", self.guess_type(path))
        if path.suffix in TEXT:
            content = gzip.compress(content, 6)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps the requests out of the tables."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    answer = partial(_Compressing, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _fetched(browser: Browser, address: str) -> dict[str, int]:
    """The bytes on the wire for each file of a page that is opened for the first time."""
    names: dict[str, str] = {}
    sizes: dict[str, int] = {}

    def note_name(event: dict[str, Any]) -> None:
        names[event["requestId"]] = event["response"]["url"]

    def note_size(event: dict[str, Any]) -> None:
        name = names.get(event["requestId"], "")
        if name.startswith("http"):
            sizes[name] = sizes.get(name, 0) + int(event["encodedDataLength"])

    with browser.new_context() as context:
        page = context.new_page()
        wire = context.new_cdp_session(page)
        wire.on("Network.responseReceived", note_name)
        wire.on("Network.loadingFinished", note_size)
        wire.send("Network.enable")
        page.goto(address, wait_until="networkidle")
    return sizes


def measure_site() -> bool:
    program = find_program()
    if program is None:
        print(f"\nLeft out: the weight of the site, {NO_BROWSER}")
        return True
    rows, all_met = [], True
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        print("site: build", file=sys.stderr)
        start = perf_counter()
        faults = site.build(ROOT, Path(folder), site.repository(ROOT, os.environ))
        assert not faults, "\n".join(map(str, faults))
        seconds = perf_counter() - start
        browser = playwright.chromium.launch(executable_path=program)
        with served(Path(folder)) as address:
            for language in course.codes(ROOT):
                for name in PAGES:
                    print(f"site: {language}/{name}", file=sys.stderr)
                    page = f"{address}/{language}/{name}.html"
                    sizes = _fetched(browser, page)
                    total, lesson = sum(sizes.values()), name.startswith("lessons/")
                    met = total <= GOAL_LESSON
                    all_met &= met or not lesson
                    goal = [f"{GOAL_LESSON:,} B", verdict(met)] if lesson else ["", ""]
                    figures = [f"{len(sizes)}", f"{sizes[page]:,}", f"{total:,}"]
                    rows.append([f"{language}/{name}", *figures, *goal])
        browser.close()
    print_table(
        f"The pages of the site, gzipped (the site was built in {seconds:.0f} s)",
        ["", "requests", "bytes of the page", "bytes with all it loads", "goal", "verdict"],
        rows,
    )
    return all_met
