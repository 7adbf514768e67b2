"""Links that open each notebook, for a teacher to paste: `python -m authoring.links`."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from authoring import colab, layout, notebook, site, words
from authoring.course import codes, is_repository
from authoring.layout import SOLUTIONS, AuthoringError, Fault, relative

_FOLDER = "masklens"  # what a hub calls the course in a home folder
# What git allows, without its rarer signs: no dot at either end of a part, nor two in a row.
_PART = r"[\w+-]+(?:\.[\w+-]+)*(?<!\.lock)"
_HUB = r"https?://(\[[\da-f:]+\]|[^\s/?#@:\[]+)(:\d+)?(?!\S*/(hub|user)(/|$))(/[^\s?#]*)?"
# The form of each option, what it is called, and what to do about another form.
_FORMS: dict[str, tuple[Callable[[str], object], str, str]] = {
    "hub": (
        re.compile(_HUB).fullmatch,
        "the address of a hub",
        "write it as students open it, such as https://hub.example.org",
    ),
    "repository": (is_repository, "a repository", "write it as owner/name, as on GitHub"),
    "branch": (
        re.compile(rf"(?!-){_PART}(?:/{_PART})*").fullmatch,
        "a branch",
        "write its name alone, such as main",
    ),
    "folder": (
        re.compile(r"[^/\\\s.][^/\\]*").fullmatch,
        "a folder",
        "write its name alone, such as masklens",
    ),
}


@dataclass(frozen=True)
class Course:
    """Where the course can be opened.

    Args:
        github: ``owner/name`` of its repository on GitHub.
        branch: the branch that students get.
        hub: the address of a JupyterHub with nbgitpuller; None without.
        folder: what the hub calls the course in a home folder.
    """

    github: str
    branch: str = notebook.BRANCH
    hub: str | None = None
    folder: str = _FOLDER

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
        hub = str(self.hub).rstrip("/")
        return f"{hub}/hub/user-redirect/git-pull?{urlencode(query, quote_via=quote)}"

    def on_binder(self, path: str) -> str:
        """Opens a notebook on mybinder.org, in an environment for it alone."""
        query = urlencode({"urlpath": f"lab/tree/{path}"}, quote_via=quote)
        return f"https://mybinder.org/v2/gh/{self.github}/{quote(self.branch, safe='')}?{query}"

    def on_colab(self, path: str) -> str:
        """Opens in Colab a copy of a notebook that brings the library with it."""
        return colab.page(self.github, path)


def tables(root: Path, course: Course) -> Iterator[str]:
    """The lines of a table in Markdown for each language; solutions are in none.

    Raises:
        AuthoringError: a notebook is missing.
    """
    ways = {"Hub": course.on_hub} if course.hub else {}
    ways["Binder"] = course.on_binder
    if course.branch == notebook.BRANCH:
        ways["Colab"] = course.on_colab
    for language in codes(root):
        _ = words.speaker(root, language)
        rows = [[_("Notebook"), *ways], ["---"] * (1 + len(ways))]
        for file in layout.built_paths(root, layout.source_paths(root), [language]):
            path = relative(root, file)
            if not path.startswith(SOLUTIONS):
                title = notebook.require(root, file).metadata.title.replace("|", r"\|")
                rows.append([title, *(f"[{name}]({way(path)})" for name, way in ways.items())])
        yield from (f"| {' | '.join(cells)} |" for cells in rows)
        yield ""


def _about_colab(course: Course) -> str:
    """What a teacher has to know: Colab has no masklens, so it opens copies that bring it along."""
    copies = f"the branch {colab.BRANCH} of {course.github}, which .github/workflows/site.yml fills"
    if course.branch == notebook.BRANCH:
        return f"Colab opens {copies}: it must have run there."
    return f"Left out: Colab. It opens {copies} from {notebook.BRANCH}, not from {course.branch}."


def _course(root: Path, options: argparse.Namespace) -> Course:
    faults = [
        Fault(f"--{name}", "", f"not {what}: {given!r}", remedy)
        for name, (fits, what, remedy) in _FORMS.items()
        if (given := getattr(options, name)) is not None and not fits(given)
    ]
    if faults:
        raise AuthoringError(faults)
    github = options.repository or site.repository(root, os.environ)
    if github is None:
        wrong = "no repository on GitHub is known, as there is no remote named origin"
        raise AuthoringError([Fault("--repository", "", wrong, "name it: --repository owner/name")])
    return Course(github, options.branch, options.hub, options.folder)


def main(arguments: list[str] | None = None) -> int:
    """Prints the tables; returns 0 if all is well, and 1 after printing what is not."""
    parser = argparse.ArgumentParser(prog="python -m authoring.links", description=__doc__)
    parser.add_argument("--hub", help="the address of your hub; without, there are no links to one")
    known = "owner/name on GitHub; without, that of the remote named origin"
    parser.add_argument("--repository", help=known)
    parser.add_argument("--branch", default=notebook.BRANCH, help="what students get: main")
    called = "what the hub calls the course in a home folder: masklens"
    parser.add_argument("--folder", default=_FOLDER, help=called)
    root = Path(__file__).resolve().parent.parent
    try:
        course = _course(root, parser.parse_args(arguments))
        print(_about_colab(course), file=sys.stderr)
        print("\n".join(tables(root, course)))
    except AuthoringError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
