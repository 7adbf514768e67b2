"""Links for teachers: taken apart, each leads to a notebook that is there; and one is followed."""

import json
import re
import shutil
import subprocess
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlencode

import nbformat
import pytest
from browser import PATIENCE, Lab
from tornado.escape import parse_qs_bytes

from authoring import links
from authoring.layout import AuthoringError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HUB = "https://hub.example.org"
GITHUB = "https://github.com/owner/name"
COURSE = links.Course("owner/name", "main", HUB)
PATH = "notebooks/ko/01_padding.ipynb"


def arguments(link: str) -> tuple[str, dict[str, str]]:
    """An address and its arguments, as Jupyter's server, which is Tornado, reads them."""
    place, _, query = link.partition("?")
    read = parse_qs_bytes(query, keep_blank_values=True)
    assert all(len(values) == 1 for values in read.values())
    return place, {name: values[0].decode() for name, values in read.items()}


# --- Each link ------------------------------------------------------------------------------------


@pytest.mark.parametrize("branch", ["main", "2026/가을"])
@pytest.mark.parametrize("folder", ["masklens", "마스크 강의"])
def test_a_link_to_a_hub_pulls_the_course_and_opens_the_notebook(branch: str, folder: str) -> None:
    link = links.Course("owner/name", branch, HUB, folder).on_hub(PATH)
    assert re.fullmatch(r"[!-~]+", link) and not set("()|<> ") & set(link)
    assert arguments(link) == (
        f"{HUB}/hub/user-redirect/git-pull",
        {
            "repo": "https://github.com/owner/name",
            "branch": branch,
            "targetpath": folder,
            "urlpath": f"lab/tree/{folder}/{PATH}",
        },
    )


@pytest.mark.parametrize("branch", ["main", "2026/가을"])
def test_a_link_to_binder_builds_the_branch_and_opens_the_notebook(branch: str) -> None:
    place, read = arguments(links.Course("owner/name", branch).on_binder(PATH))
    assert read == {"urlpath": f"lab/tree/{PATH}"}
    *before, reference = place.split("/")
    assert "/".join(before) == "https://mybinder.org/v2/gh/owner/name"
    assert unquote(reference) == branch


def test_a_link_to_colab_opens_the_copy_that_brings_the_library() -> None:
    there = "https://colab.research.google.com/github/owner/name/blob/colab"
    assert COURSE.on_colab(PATH) == f"{there}/ko/01_padding.ipynb"
    assert COURSE.on_colab(f"exercises/{PATH[10:]}") == f"{there}/ko/exercises/01_padding.ipynb"


# --- The tables -----------------------------------------------------------------------------------


def printed(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[list[list[str]], str]:
    """The cells of each row of the tables, and what was said beside them."""
    assert links.main(["--repository", "owner/name", *options]) == 0
    out, err = capsys.readouterr()
    rows = [line.strip("| ").split(" | ") for line in out.splitlines() if line]
    return rows, err


def linked(row: list[str]) -> dict[str, str]:
    return dict(re.fullmatch(r"\[(\w+)\]\((\S+)\)", cell).groups() for cell in row[1:])  # type: ignore[union-attr]


def test_every_lesson_and_exercise_is_linked_in_every_language(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows, _ = printed(capsys, "--hub", HUB)
    found = set()
    for row in rows:
        if "Hub" in row or row[0] == "---":
            continue
        ways = linked(row)
        paths = {
            arguments(ways["Hub"])[1]["urlpath"].removeprefix("lab/tree/masklens/"),
            arguments(ways["Binder"])[1]["urlpath"].removeprefix("lab/tree/"),
        }
        (path,) = paths
        assert nbformat.read(ROOT / path, as_version=4).metadata.title == row[0]
        assert ways["Colab"] == COURSE.on_colab(path)
        found.add(path)
    there = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("[ne]*/??/*.ipynb")}
    assert found == there and len(there) > 30


def test_without_a_hub_there_are_no_links_to_one(capsys: pytest.CaptureFixture[str]) -> None:
    rows, _ = printed(capsys)
    heads = {tuple(row[1:]) for row in rows if row[0] in {"Notebook", "노트북"}}
    assert heads == {("Binder", "Colab")}
    assert "git-pull" not in str(rows)


def test_colab_is_offered_of_the_branch_that_is_published(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, said = printed(capsys)
    assert said == (
        "Colab opens the branch colab of owner/name, which .github/workflows/site.yml fills: "
        "it must have run there.\n"
    )
    rows, said = printed(capsys, "--branch", "fall")
    assert "colab" not in str(rows).lower()
    assert said.startswith("Left out: Colab.") and "from main, not from fall" in said


def test_a_missing_notebook_is_named(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "content", tmp_path / "content")
    shutil.copy(ROOT / "course.toml", tmp_path)
    with pytest.raises(AuthoringError, match=r"notebooks/en/00_start\.ipynb: no notebook"):
        list(links.tables(tmp_path, COURSE))


# --- Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--hub", "hub.example.org"),
        ("--hub", "ftp://hub.example.org"),
        ("--hub", "https://"),
        ("--hub", "https://hub.example.org:port"),
        ("--hub", "https://[hub"),
        ("--hub", "https://hub.example.org/hub/login?next="),
        ("--hub", "https://hub.example.org/hub/home"),
        ("--hub", "https://hub.example.org/ user"),
        ("--repository", "name"),
        ("--repository", "https://github.com/owner/name"),
        ("--repository", "owner/name/more"),
        ("--repository", ""),
        ("--branch", ""),
        ("--branch", "my branch"),
        ("--branch", "--upload-pack=x"),
        ("--branch", "a..b"),
        ("--folder", "../elsewhere"),
        ("--folder", ""),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert links.main(["--repository=owner/name", f"{option}={value}"]) == 1
    out, err = capsys.readouterr()
    assert not out
    (line,) = err.splitlines()
    assert line.startswith(f"{option}: ") and repr(value) in line
    assert "write it as" in line or "write its name" in line


@pytest.mark.parametrize(
    "hub", [f"{HUB}/", f"{HUB}:8000/classes", "http://192.168.0.7:8000", "http://[::1]:8000"]
)
def test_the_address_of_a_hub_may_have_a_port_and_a_folder(
    hub: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, _ = printed(capsys, "--hub", hub)
    assert f"]({hub.rstrip('/')}/hub/user-redirect/git-pull?" in rows[2][1]


def test_git_agrees_on_what_is_a_branch() -> None:
    good = ["main", "2026/fall", "v1.0", "a+b", "2026/가을"]
    bad = ["a..b", ".a", "a.", "a/", "/a", "a//b", "a.lock", "a.lock/b", "a/.b", "a~b", "a:b"]
    fits = links._FORMS["branch"][0]
    assert all(fits(name) for name in good)
    for name in [*good, *bad, "a?", "-a", "a\\b", "a b", ""]:
        check = ["git", "check-ref-format", "--branch", name]
        known = subprocess.run(check, capture_output=True, check=False).returncode == 0
        assert known or not fits(name), name


def test_without_a_repository_it_asks_for_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("authoring.site.repository", lambda *_of: None)
    assert links.main([]) == 1
    assert "name it: --repository owner/name" in capsys.readouterr().err


# --- Followed -------------------------------------------------------------------------------------


class Told(HTMLParser):
    """What nbgitpuller's page tells its script: the attributes of its body."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.data: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self.data = {
                name.removeprefix("data-"): unquote(value or "")
                for name, value in attrs
                if name.startswith("data-")
            }


def test_nbgitpuller_follows_the_link(lab: Lab, tmp_path: Path) -> None:
    course, folder = tmp_path / "course", "김 하늘의 강의"
    shutil.copytree(ROOT / "notebooks", course / "notebooks")
    git = ["git", "-C", course, "-c", "user.name=Teacher", "-c", "user.email=teacher@example.org"]
    for command in ("init -qb main", "add --all", "commit -qm Course"):
        subprocess.run([*git, *command.split()], check=True)
    # A hub leads from its own address to that of the student's server, with the same arguments.
    link = links.Course("owner/name", "main", HUB, folder).on_hub(PATH)
    told = Told(answer(lab, link.removeprefix(f"{HUB}/hub/user-redirect/"))).data
    assert (told["path"], told["repo"]) == (f"lab/tree/{folder}/{PATH}", GITHUB)
    # The repository at GitHub is one on this disk.
    query = {"repo": course.as_uri(), "branch": told["branch"], "targetpath": told["targetpath"]}
    pulled = answer(lab, f"git-pull/api?{urlencode(query)}")
    events = [json.loads(line) for line in re.findall("(?m)^data: (.*)$", pulled)]
    assert events[-1]["phase"] == "finished", events
    opened = lab.root / told["path"].removeprefix("lab/tree/")
    assert opened.read_bytes() == (ROOT / PATH).read_bytes()


def answer(lab: Lab, address: str) -> str:
    """What the student's server answers."""
    token = {"Authorization": f"token {lab.token}"}
    request = urllib.request.Request(f"{lab.url}{address}", headers=token)
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        return str(response.read().decode())
