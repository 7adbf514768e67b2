"""Builds the site from the committed notebooks and the pages: python -m authoring.site."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from jinja2 import Template
from nbformat import NotebookNode

import masklens
from authoring import (
    cells,
    check,
    colab,
    contents,
    course,
    layout,
    lists,
    notebook,
    pages,
    prediction,
    words,
)
from authoring.layout import AuthoringError, Fault, relative
from masklens.explorers.widget import FRONT_END

_DOCS = Path("docs")
TARGET = _DOCS / "_build" / "html"
# Each edition of notebooks, and the folder of the site that its pages stand in.
PAGES = {"notebooks": "lessons", "exercises": "exercises", "solutions": "solutions"}
_REMOTE = re.compile(
    r"(?:https://(?:[^@/]+@)?github\.com/|(?:ssh://)?git@github\.com[:/])([\w-]+/[\w.-]+?)(?:\.git)?/?"
)
# How the picture of progress leads to exercises.
_EXERCISES_LINK = re.compile(r'href="?(?P<elsewhere>[./]+exercises/\w+/)?(?P<name>\w+)\.ipynb"?')
_LANDING_EXPLORER = ("00_start", "PropagationExplorer")


def repository(root: Path, environment: Mapping[str, str]) -> str | None:
    """The GitHub repository that the site links to, as ``owner/name``, or None.

    It is what MASKLENS_REPOSITORY or the manifest names, else the git remote ``origin`` if that is
    on GitHub.

    Raises:
        AuthoringError: MASKLENS_REPOSITORY has another form, or the manifest is at fault.
    """
    named = course.repository(root, environment)
    if named:
        return named
    try:
        command = ["git", "-C", str(root), "remote", "get-url", "origin"]
        # Not the remote of a repository that this folder happens to lie in.
        only_here = {**os.environ, "GIT_CEILING_DIRECTORIES": str(root.resolve().parent)}
        done = subprocess.run(command, env=only_here, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None  # no git here
    remote = _REMOTE.fullmatch(done.stdout.strip())
    return remote[1] if remote else None


def build(
    root: Path, target: Path, github: str | None, languages: Sequence[str] | None = None
) -> list[Fault]:
    """Builds the site in each language, if the notebooks are fit to be shown.

    Args:
        root: the repository.
        target: the folder of the site; what stands in it is replaced.
        github: ``owner/name`` of the repository to link to, or None.
        languages: the codes of the languages; all of them by default.

    Returns:
        Every fault found; with one there is no new site.
    """
    codes = languages or course.codes(root)
    if faults := [*_unfit(root), *_untranslated(root, codes)]:
        return faults
    with tempfile.TemporaryDirectory() as folder:
        html, carried = Path(folder) / "html", Path(folder) / "colab"
        colab.write(root, github, target=carried)
        for code in codes:
            sources = Path(folder) / code
            _assemble(root, sources, code, github)
            doctrees = Path(folder) / "doctrees" / code
            _run_sphinx(root, sources, html / code, doctrees, code, github)
            # What MyST-NB leaves for programs that execute notebooks.
            shutil.rmtree(html / "jupyter_execute", ignore_errors=True)
            shutil.rmtree(html / code / "_sources", ignore_errors=True)
            _offer_downloads(root, carried / code, html / code / "_downloads", code)
            _lead_on(root, html / code, code)
        _write_bare_pages(root, html)
        (html / ".nojekyll").touch()  # else GitHub leaves out folders that begin with _
        _write_sitemap(root, html)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(html, target)
    return []


def _assemble(root: Path, folder: Path, language: str, github: str | None) -> None:
    """Writes what Sphinx reads for one language: settings, notebooks and pages."""
    shutil.copytree(root / _DOCS, folder, ignore=shutil.ignore_patterns("_build"))
    for name in ("page.js", "page.css"):
        shutil.copy(FRONT_END / name, folder / "static")
    words.write_for_sphinx(root, language, folder / "locale")
    place, say = partial(_place, root, github), words.speaker(root, language)
    for edition, page in PAGES.items():
        for path in sorted((root / edition / language).glob("*.ipynb")):
            book = _as_page(notebook.require(root, path), path.parent, place)
            prediction.as_cards(book, say, wraps=True)
            notebook.write(folder / page / path.name, book)
    for path in layout.page_paths(root):
        if path.stem != "index":
            text = notebook.move_links(pages.translate(root, path, language)[0], path.parent, place)
            text = text.replace("{{names}}", _reference())
            (folder / path.name).write_text(text, encoding="utf-8")
    notebook.write(folder / "index.ipynb", _landing(root, language))


def _unfit(root: Path) -> Iterator[Fault]:
    """What keeps a notebook from being shown."""
    for target in layout.built_paths(root, layout.source_paths(root), course.codes(root)):
        book = notebook.read(root, target)
        if book is None:
            yield Fault(relative(root, target), "", "not built: no counterpart", "run `make build`")
        else:
            page = check.Page(root, target, target.parent.name, book, book, None)
            yield from check.faulty_outputs(page)
            yield from check.unsaved_widgets(page)


def _untranslated(root: Path, codes: Sequence[str]) -> Iterator[Fault]:
    """What stands on the pages in English alone."""
    for path in layout.page_paths(root):
        for language in codes:
            yield from pages.translate(root, path, language)[1]


def _as_page(book: NotebookNode, folder: Path, place: Callable[[Path], str | None]) -> NotebookNode:
    """The notebook as the site shows it: without links and installation, which the buttons do."""
    left_out = {cells.LINKS, notebook.FIRST}
    book.cells = [cell for cell in book.cells if cell.get("id") not in left_out]
    for cell in book.cells:
        if cell.cell_type == "markdown":
            cell.source = notebook.move_links(cell.source, folder, place)
        for output in cell.get("outputs", ()):
            if shown := output.get("data", {}).get("text/html"):
                output.data["text/html"] = _EXERCISES_LINK.sub(_on_the_site, shown)
    return book


def _on_the_site(link: re.Match[str]) -> str:
    folder = f"../{PAGES[layout.EXERCISES]}/" if link["elsewhere"] else ""
    return f"href={folder}{link['name']}.html"


def _place(root: Path, github: str | None, linked: Path) -> str | None:
    """Where a file of the repository is on the site, else on GitHub; None if it is nowhere."""
    folder, *within = linked.relative_to(root).parts
    if folder in PAGES and len(within) == 2:
        return f"/{PAGES[folder]}/{within[1]}"
    if linked.parent == root / "content" / layout.PAGES:  # in the language that the reader is in
        return f"/{linked.name}"
    return notebook.page(github, relative(root, linked)) if github else None


def _reference() -> str:
    """What autodoc is to document: every public name of the library, functions first."""
    blocks = []
    names = [f"masklens.{name}" for name in masklens.__all__]
    names += ["masklens_course.checks.Question", "masklens_course.verdict.Verdict"]
    for name in sorted(names, key=_is_class):
        kind = "autoclass" if _is_class(name) else "autofunction"
        members = "\n   :members:" if _is_class(name) else ""
        # What it has from a class that is not in the API; the others have theirs from elsewhere.
        members += "\n   :inherited-members:" if name == "masklens.Trace" else ""
        heading = f"## `{name.rpartition('.')[2]}`"
        blocks.append(f"{heading}\n\n```{{eval-rst}}\n.. {kind}:: {name}{members}\n```")
    return "\n\n".join(blocks)


def _is_class(name: str) -> bool:
    return name.rpartition(".")[2][0].isupper()


def _landing(root: Path, language: str) -> NotebookNode:
    """The landing page as a notebook, with an explorer from a lesson in it."""
    text, _faults = pages.translate(root, root / "content" / layout.PAGES / "index.md", language)
    text = lists.filled(text, lists.site_values(contents.read(root, language)))
    before, _mark, after = text.partition("{{explorer}}")
    lesson, explorer = _LANDING_EXPLORER
    path = root / "notebooks" / language / f"{lesson}.ipynb"
    book = notebook.require(root, path)
    shown = next(c for c in book.cells if c.cell_type == "code" and explorer in c.source)
    shown.metadata["tags"] = ["remove-input"]
    first = notebook.markdown_cell(before, "before")
    book.cells = [first, shown, notebook.markdown_cell(after, "after")]
    return book


def _run_sphinx(
    root: Path, sources: Path, pages: Path, doctrees: Path, language: str, github: str | None
) -> None:
    """Runs Sphinx; what it warns of is an error."""
    # Searching Korean takes this package's list of terms.
    path = [str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")]
    settings = {
        "MASKLENS_SITE_LANGUAGE": language,
        "MASKLENS_SITE_LANGUAGES": json.dumps(list(map(asdict, course.read(root).languages))),
        "MASKLENS_SITE_URL": _base(root),
        "MASKLENS_SITE_REPOSITORY": github or "",
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
    }
    quiet = {
        "LC_ALL": "C.UTF-8",  # the learner's own may not be installed
        "PYTHONHASHSEED": "0",
        "SOURCE_DATE_EPOCH": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", str(doctrees), str(sources), str(pages)],
        env={**os.environ, **settings, **quiet},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "WARNING" in line or "rror" in line]
        told = [line.replace(f"{sources}/", "") for line in lines] or [done.stderr[-2000:]]
        raise AuthoringError([Fault(f"docs ({language})", "", line, "") for line in told])


def _offer_downloads(root: Path, carried: Path, folder: Path, language: str) -> None:
    """Puts each notebook where its page offers it: one that carries masklens, if there is one."""
    without = shutil.ignore_patterns(layout.EXERCISES)
    shutil.copytree(carried, folder / PAGES["notebooks"], ignore=without)
    shutil.copytree(carried / layout.EXERCISES, folder / layout.EXERCISES)
    shutil.copytree(root / layout.SOLUTIONS / language, folder / layout.SOLUTIONS)


def _lead_on(root: Path, folder: Path, language: str) -> None:
    """Writes pages that lead on from what a lesson and its exercises were formerly called."""
    template = Template((root / _DOCS / "templates" / "moved.html").read_text(encoding="utf-8"))
    listed = contents.read(root, language)
    for lesson in listed.course.lessons:
        for kind in PAGES.values() if lesson.formerly else ():
            title = listed.heading(f"lessons/{lesson.name}")
            page = template.render(language=language, title=title, name=lesson.name)
            layout.write(folder / kind / f"{lesson.formerly}.html", f"{page}\n".encode())


def _write_bare_pages(root: Path, pages: Path) -> None:
    """Writes the pages that are in every language; a host may show the second at any depth."""
    templates = root / _DOCS / "templates"
    style = (templates / "bare.css").read_text(encoding="utf-8")
    languages = [
        asdict(language) | {"speak": words.speaker(root, language.code)}
        for language in course.read(root).languages
    ]
    for template, name in (("root.html", "index.html"), ("404.html", "404.html")):
        text = (templates / template).read_text(encoding="utf-8")
        page = Template(text).render(style=style, languages=languages)
        (pages / name).write_text(page + "\n", encoding="utf-8")


def _base(root: Path) -> str:
    """Where the site will stand, without a slash at the end; empty if that is not known."""
    return os.environ.get("MASKLENS_SITE_URL", "").rstrip("/") or course.read(root).address


def _write_sitemap(root: Path, pages: Path) -> None:
    """Lists the pages for search engines, if it is known where the site will stand."""
    if base := _base(root):
        left_out = {"search.html", "genindex.html"}
        left_out |= {f"{lesson.formerly}.html" for lesson in course.read(root).lessons}
        paths = [path for path in sorted(pages.glob("*/**/*.html")) if path.name not in left_out]
        urls = "".join(f"<url><loc>{base}/{relative(pages, path)}</loc></url>" for path in paths)
        head = '<?xml version="1.0" encoding="UTF-8"?>\n'
        schema = "http://www.sitemaps.org/schemas/sitemap/0.9"
        text = f'{head}<urlset xmlns="{schema}">{urls}</urlset>\n'
        (pages / "sitemap.xml").write_text(text, encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Builds the site; returns 0 if all is well, and 1 after printing what is not."""
    parser = argparse.ArgumentParser(prog="python -m authoring.site", description=__doc__)
    root = Path(__file__).resolve().parent.parent
    parser.add_argument("--root", type=Path, default=root, help="the repository")
    parser.add_argument("--target", type=Path, help=f"the folder of the site; {TARGET} by default")
    parser.add_argument("--language", action="append", help="only this language, such as en")
    options = parser.parse_args(arguments)
    target = options.target or options.root / TARGET
    try:
        github = repository(options.root, os.environ)
        faults = build(options.root.resolve(), target, github, options.language)
    except AuthoringError as error:
        faults = list(error.faults)
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        print(f"{target}: built")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
