"""The site as files: how a test builds it, its pages, where their links lead and what they load."""

import copy
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

from bs4 import BeautifulSoup, Tag

from authoring import course

ROOT = Path(__file__).parents[2]
LANGUAGES = course.codes(ROOT)
# The folders of the committed notebooks, and where their pages stand on the site.
SECTIONS = {"notebooks": "lessons", "exercises": "exercises", "solutions": "solutions"}
OTHER_PAGES = [path.stem for path in sorted((ROOT / "content" / "pages").glob("*.md"))]

# Under this address a project's pages are served: links must not lead above it.
HOME = "https://site.invalid/course/"

# Python runs this first, in every process of a build: no address is looked up or called.
_OFFLINE = """\
import sys


def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        with open({log!r}, "a") as log:
            print(event, arguments[-1] if event == "socket.connect" else arguments[0], file=log)
        raise OSError("no network")


sys.addaudithook(refuse)
"""


@dataclass(frozen=True)
class Built:
    """How a build ended, and what it left."""

    folder: Path
    status: int
    said: str  # on stderr, where warnings and faults go
    calls: str  # what it would have fetched

    def page(self, name: str) -> "Page":
        """A page by its address on the site."""
        return Page(name, BeautifulSoup((self.folder / name).read_text("utf-8"), "html.parser"))


def make_docs(
    root: Path, target: Path, offline: Path, languages: Sequence[str] = (), **environment: str
) -> Built:
    """Builds the site of a course into a folder, as `make docs` does, without a network.

    Args:
        root: the course.
        target: the folder of the pages.
        offline: a folder that is there for this build alone.
        languages: the codes of its languages; all by default.
        environment: what is set for it; nothing else that could change the pages is.
    """
    offline.mkdir()
    log = offline / "calls"
    (offline / "sitecustomize.py").write_text(_OFFLINE.format(log=str(log)), encoding="utf-8")
    dropped = re.compile(r"MASKLENS_|SPHINX|SOURCE_DATE|LANG|LC_|TZ$|PYTHON")
    kept = {name: value for name, value in os.environ.items() if not dropped.match(name)}
    kept["PYTHONPATH"] = os.pathsep.join(map(str, (offline, ROOT, ROOT / "helpers")))
    command = [sys.executable, "-m", "authoring.site", "--root", root, "--target", target]
    command += [f"--language={code}" for code in languages]
    done = subprocess.run(
        command, cwd=offline, env=kept | environment, capture_output=True, text=True, check=False
    )
    return Built(target, done.returncode, done.stderr, log.read_text() if log.exists() else "")


def copy_course(folder: Path) -> Path:
    """A copy of what the site is made of, in no git repository."""
    for name in (
        "authoring",
        "classroom",
        "content",
        "docs",
        "exercises",
        "helpers",
        "notebooks",
        "solutions",
    ):
        unwanted = shutil.ignore_patterns("_build", "__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    for path in [*ROOT.glob("*.toml"), *ROOT.glob("*.md"), ROOT / "LICENSE", ROOT / "NOTICE"]:
        shutil.copy(path, folder)
    return folder


def notebook_pages(language: str) -> dict[str, Path]:
    """The committed notebooks of a language, by the address that their pages must have."""
    return {
        f"{language}/{section}/{path.stem}.html": path
        for folder, section in SECTIONS.items()
        for path in sorted((ROOT / folder / language).glob("*.ipynb"))
    }


def content_pages(language: str) -> list[str]:
    """The pages that one reads, all but indices and the search."""
    return [*(f"{language}/{name}.html" for name in OTHER_PAGES), *notebook_pages(language)]


@dataclass(frozen=True)
class Link:
    """A link, read as a browser on its page reads it."""

    written: str
    page: str  # the address of the page that it stands on

    @property
    def address(self) -> str:
        """Where it leads."""
        return urljoin(HOME + self.page, self.written)

    @property
    def outside(self) -> bool:
        """Whether it leads away from the site, or above its folder."""
        return not self.address.startswith(HOME) and self.address + "/" != HOME

    @property
    def file(self) -> str:
        """The file of the site that it leads to."""
        path = unquote(urlsplit(self.address.removeprefix(HOME)).path)
        return f"{path}index.html" if path.endswith("/") or not path else path

    @property
    def anchor(self) -> str:
        """The id that it leads to, or nothing."""
        return unquote(urlsplit(self.address).fragment)


@dataclass(frozen=True)
class Page:
    """A page of the site."""

    name: str
    soup: BeautifulSoup

    @property
    def language(self) -> str:
        """That of its folder."""
        return self.name.split("/")[0]

    @property
    def counterpart(self) -> str:
        """The same page in the other language."""
        other = next(language for language in LANGUAGES if language != self.language)
        return str(PurePosixPath(other, *self.name.split("/")[1:]))

    @cached_property
    def ids(self) -> set[str]:
        """What links can lead to on it."""
        return {str(tag["id"]) for tag in self.soup.find_all(id=True)}

    def links(self, **attributes: str | bool) -> list[Link]:
        """Its links that a reader can follow; with these attributes, if any are given."""
        found = self.soup.find_all("a", attrs=attributes, href=True)
        return [Link(str(tag["href"]), self.name) for tag in found]

    def relations(self) -> dict[str, Link]:
        """Which other languages its head names, and where they are."""
        tags = self.soup.select("link[rel=alternate][hreflang]")
        return {str(tag["hreflang"]): Link(str(tag["href"]), self.name) for tag in tags}

    def named(self) -> Iterator[Link]:
        """What its head, its forms and its pictures name."""
        for tag in self.soup.select("link[href], form[action], script[src], img[src]"):
            written = str(tag.get("href") or tag.get("action") or tag.get("src"))
            if not written.startswith("data:"):
                yield Link(written, self.name)

    def meta(self, name: str) -> str:
        """What a <meta> of its head says, or nothing."""
        tag = self.soup.select_one(f'meta[name="{name}"], meta[property="{name}"]')
        return str(tag.get("content", "")).strip() if isinstance(tag, Tag) else ""

    def title(self) -> str:
        """The title of its tab."""
        return self.soup.title.get_text().strip() if self.soup.title else ""

    @cached_property
    def prose(self) -> str:
        """What its author wrote: no code, no output, no link of the frame."""
        return self._article_without(".cell, .highlight, .page-links")

    @cached_property
    def words(self) -> str:
        """Its prose without what stands there in code, as a formula, or in a docstring."""
        return self._article_without(".cell, .highlight, .page-links, .py, code, .math")

    def _article_without(self, unwanted: str) -> str:
        article = copy.copy(self.soup.find("article"))
        assert isinstance(article, Tag), self.name
        for tag in article.select(unwanted):
            tag.extract()
        return article.get_text()


def read_pages(built: Built) -> dict[str, Page]:
    """The pages of both languages, by their addresses, but for those that only lead on."""
    former = {lesson.formerly for lesson in course.read(ROOT).lessons}
    return {
        name: built.page(name)
        for language in LANGUAGES
        for path in sorted((built.folder / language).rglob("*.html"))
        if "_static" not in (name := path.relative_to(built.folder).as_posix())
        and path.stem not in former
    }
