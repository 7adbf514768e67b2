"""Links that open each notebook, for a teacher to paste: `python -m authoring.links`."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from authoring import colab, layout, notebook, site, words
from authoring.course import codes, is_repository
from authoring.layout import SOLUTIONS, AuthoringError, Fault, relative

FOLDER = "masklens"  # what a hub calls the course in a home folder
_ADDRESS_REMEDY = "write it as students open it, such as https://hub.example.org"
# What git allows, without its rarer signs: no dot at either end of a part, nor two in a row.
_PART = r"[\w+-]+(?:\.[\w+-]+)*(?<!\.lock)"
_BRANCH_NAME = re.compile(rf"(?!-){_PART}(?:/{_PART})*")


@dataclass(frozen=True)
class Course:
    """Where the course can be opened.

    Args:
        github: ``owner/name`` of its repository on GitHub.
        branch: the branch that students get.
        hub: the address of a JupyterHub with nbgitpuller, without a slash at its end; None without.
        folder: what the hub calls the course in a home folder.
    """

    github: str
    branch: str = notebook.BRANCH
    hub: str | None = None
    folder: str = FOLDER

    def on_hub(self, path: str) -> str:
        """Brings the course up to date in the home folder, and opens a notebook there.

        The parameters are those of nbgitpuller's own links.
        """
        query = {
            "repo": f"https://github.com/{self.github}",
            "branch": self.branch,
            "targetpath": self.folder,
            "urlpath": f"lab/tree/{self.folder}/{path}",
        }
        return f"{self.hub}/hub/user-redirect/git-pull?{urlencode(query, quote_via=quote)}"

    def on_binder(self, path: str) -> str:
        """Opens a notebook on mybinder.org, in an environment for it alone."""
        query = urlencode({"urlpath": f"lab/tree/{path}"}, quote_via=quote)
        return f"https://mybinder.org/v2/gh/{self.github}/{quote(self.branch, safe='')}?{query}"

    def on_colab(self, path: str) -> str:
        """Opens in Colab a copy of a notebook that brings the library with it."""
        return colab.page(self.github, path)


def address(text: str) -> str:
    """The address of a hub, without the slash at its end.

    Raises:
        AuthoringError: it is no address of a hub.
    """
    wrong = ""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - it raises
    except ValueError as error:
        wrong = f"no address: {text!r} ({error})"
    else:
        if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"\s", text):
            wrong = f"no address of a hub: {text!r}"
        elif parts.query or parts.fragment or parts.username:
            wrong = f"more than the address of a hub: {text!r}"
        elif {"hub", "user"} & set(parts.path.split("/")):
            wrong = f"the address of a page of a hub: {text!r}"
    if wrong:
        raise AuthoringError([Fault("--hub", "", wrong, _ADDRESS_REMEDY)])
    return text.rstrip("/")


def tables(root: Path, course: Course) -> Iterator[str]:
    """The lines of a table in Markdown for each language; solutions are in none.

    Raises:
        AuthoringError: a notebook is missing.
    """
    ways = {"Hub": course.on_hub} if course.hub else {}
    ways["Binder"] = course.on_binder
    if course.branch == notebook.BRANCH:
        ways["Colab"] = course.on_colab
    print(_about_colab(course), file=sys.stderr)
    for language in codes(root):
        books = {
            relative(root, path): notebook.require(root, path)
            for source in layout.source_paths(root)
            for edition in layout.editions(source)
            if edition != SOLUTIONS
            for path in [layout.notebook_path(root, source, language, edition)]
        }
        _ = words.speaker(root, language)
        yield _row([_("Notebook"), *ways])
        yield _row(["---"] * (1 + len(ways)))
        for path, book in books.items():
            links = (f"[{name}]({way(path)})" for name, way in ways.items())
            yield _row([book.metadata.title.replace("|", r"\|"), *links])
        yield ""


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _about_colab(course: Course) -> str:
    """What a teacher has to know: Colab has no masklens, so it opens copies that bring it along."""
    copies = f"the branch {colab.BRANCH} of {course.github}, which .github/workflows/site.yml fills"
    if course.branch == notebook.BRANCH:
        return f"Colab opens {copies}: it must have run there."
    return f"Left out: Colab. It opens {copies} from {notebook.BRANCH}, not from {course.branch}."


def _course(root: Path, options: argparse.Namespace) -> Course:
    """The course that the command line describes.

    Raises:
        AuthoringError: an option has another form, or no repository is known.
    """
    faults = []
    if options.repository is not None and not is_repository(options.repository):
        wrong = f"not a repository: {options.repository!r}"
        faults.append(Fault("--repository", "", wrong, "write it as owner/name, as on GitHub"))
    if not _BRANCH_NAME.fullmatch(options.branch):
        wrong = f"not a branch: {options.branch!r}"
        faults.append(Fault("--branch", "", wrong, "write its name alone, such as main"))
    if not re.fullmatch(r"[^/\\\s.][^/\\]*", options.folder):
        wrong = f"not a folder: {options.folder!r}"
        faults.append(Fault("--folder", "", wrong, "write its name alone, such as masklens"))
    if faults:
        raise AuthoringError(faults)
    github = options.repository or site.repository(root, os.environ)
    if github is None:
        wrong = "no repository on GitHub is known, as there is no remote named origin"
        raise AuthoringError([Fault("--repository", "", wrong, "name it: --repository owner/name")])
    hub = address(options.hub) if options.hub else None
    return Course(github, options.branch, hub, options.folder)


def main(arguments: list[str] | None = None) -> int:
    """Prints the tables; returns 0 if all is well, and 1 after printing what is not."""
    parser = argparse.ArgumentParser(prog="python -m authoring.links", description=__doc__)
    parser.add_argument("--hub", help="the address of your hub; without, there are no links to one")
    known = "owner/name on GitHub; without, that of the remote named origin"
    parser.add_argument("--repository", help=known)
    parser.add_argument("--branch", default=notebook.BRANCH, help="what students get: main")
    called = "what the hub calls the course in a home folder: masklens"
    parser.add_argument("--folder", default=FOLDER, help=called)
    root = Path(__file__).resolve().parent.parent
    try:
        for line in tables(root, _course(root, parser.parse_args(arguments))):
            print(line)
    except AuthoringError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
