"""A notebook that brings masklens with it needs neither network nor a folder of its own."""

import base64
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from fontTools.pens.recordingPen import RecordingPen
from fontTools.ttLib import TTFont
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode
from PIL import Image, ImageChops, ImageStat

from authoring import colab, notebook
from authoring.layout import AuthoringError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "helpers" / "masklens"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
LINK = re.compile(r"\]\(([^)]+)\)")
COMMITTED = sorted(
    path.relative_to(ROOT)
    for folder in ("notebooks", "exercises")
    for path in ROOT.glob(f"{folder}/*/*.ipynb")
)

# An interpreter that does not find the library, wherever and however it is installed.
HIDE = """
import importlib.util, pathlib, sys
def about(finder):
    return f"{getattr(finder, '__module__', '')} {getattr(finder, '__name__', '')}"
sys.meta_path[:] = [finder for finder in sys.meta_path if "masklens" not in about(finder)]
sys.path[:] = [path for path in sys.path if not pathlib.Path(path, "masklens").is_dir()]
assert importlib.util.find_spec("masklens") is None
"""


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def prose(notebook: NotebookNode) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def outputs(notebook: NotebookNode) -> dict[str, list[Any]]:
    return {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("colab")
    colab.write(ROOT, None, target=folder)
    return folder


@pytest.fixture(scope="module")
def first_cell(written: Path) -> str:
    code = read(written / "ko" / "exercises" / "01_padding.ipynb").cells[0].source
    assert isinstance(code, str)
    return code


@pytest.fixture(scope="module")
def committed_and_copy(written: Path) -> list[tuple[NotebookNode, NotebookNode]]:
    return [(read(ROOT / path), read(written / colab.copy_path(path))) for path in COMMITTED]


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "read-only"
    folder.mkdir()
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


def run(code: str, folder: Path, temporary: Path) -> str:
    """What code says, run to its end by a new interpreter in a folder."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"TMPDIR": str(temporary), "MPLBACKEND": "agg", "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(
        [sys.executable, "-"],
        input=code,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_every_lesson_and_exercise_has_its_copy_and_no_solution_has(written: Path) -> None:
    found = {path.relative_to(written) for path in written.rglob("*.ipynb")}
    assert found == set(map(colab.copy_path, COMMITTED))
    assert len(found) > 30


def test_no_copy_is_larger_than_600_kilobytes(written: Path) -> None:
    sizes = {path: path.stat().st_size for path in written.rglob("*.ipynb")}
    assert {path: size for path, size in sizes.items() if size > 600_000} == {}


def test_two_runs_write_the_same_bytes(written: Path, tmp_path: Path) -> None:
    copies = colab.write(ROOT, None, ["02"], tmp_path)
    assert len(copies) == 4
    for copy in copies:
        assert copy.read_bytes() == (written / copy.relative_to(tmp_path)).read_bytes()


def test_the_first_cell_is_folded_and_says_what_it_is_for(written: Path) -> None:
    for language, words in [("en", "Run this cell first"), ("ko", "먼저 실행하세요")]:
        cell = read(written / language / "03_propagation.ipynb").cells[0]
        title, *_code = cell.source.splitlines()
        assert cell.cell_type == "code"
        assert cell.metadata == {"cellView": "form", "jupyter": {"source_hidden": True}}
        assert title.startswith("# @title ") and words in title


def test_ipython_runs_the_first_cell_as_it_is_written(first_cell: str) -> None:
    # A line of the packed library might look like a command of the shell, or a question.
    assert TransformerManager().transform_cell(first_cell) == first_cell + "\n"


# What needs a terminal or a page around it.
NO_NOTEBOOK_CAN_USE = {"__main__.py", "command.py", "page.js", "page.css"}


def test_the_first_cell_brings_all_of_the_library_that_a_notebook_can_use(
    first_cell: str, tmp_path: Path, read_only: Path
) -> None:
    asked = """
import masklens as ml
ml.set_language("ko")
print(ml.__file__)
print(ml.show(ml.pad([[71, 13], [5]], padding="post"))._repr_html_())
print(ml.question("pad-by-hand"))
ax = ml.plot_mask([[True, True], [True, False]], tokens=[["마스크", "!"], ["패딩", "."]])
import warnings
with warnings.catch_warnings():
    warnings.simplefilter("error")  # a letter that no font has
    ax.figure.savefig("/dev/null", format="png")
from masklens.explorers.widget import module
print(len(module()))
"""
    said = run(HIDE + first_cell + asked, read_only, tmp_path)
    assert said.startswith(str(tmp_path / "masklens-"))
    assert "패딩" in said
    assert list(read_only.iterdir()) == []
    (folder,) = tmp_path.glob("masklens-*")
    brought = {path.relative_to(folder / "masklens") for path in files(folder / "masklens")}
    ours = {
        path.relative_to(LIBRARY)
        for path in files(LIBRARY)
        if path.suffix != ".po" and path.name not in NO_NOTEBOOK_CAN_USE
    }
    assert brought == ours
    for name in ours:
        same = (folder / "masklens" / name).read_bytes() == (LIBRARY / name).read_bytes()
        assert same or name.suffix == ".otf", name
    licenses = {path.name for path in folder.glob("*.dist-info/licenses/**/*") if path.is_file()}
    assert licenses == {"LICENSE", "NOTICE", "OFL.txt"}


def test_that_of_a_lesson_brings_no_exercises_and_says_where_they_are(
    written: Path, tmp_path: Path
) -> None:
    first_cell = read(written / "ko" / "01_padding.ipynb").cells[0].source
    asked = """
import masklens as ml
print(ml.show(ml.pad([[71, 13], [5]], padding="post")))
print(dir(ml))
try:
    ml.question
except ImportError as error:
    print(error)
"""
    *shown, names, message = run(HIDE + first_cell + asked, tmp_path, tmp_path).splitlines()
    assert shown and "'show'" in names and "question" not in names
    assert message == "question belongs to the exercises: open the notebook of one of them."


def files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in found if "__pycache__" not in path.parts]


def test_opened_twice_each_has_a_folder_of_its_own(first_cell: str, tmp_path: Path) -> None:
    for _opening in range(2):
        assert run(HIDE + first_cell + "\n" + first_cell, tmp_path, tmp_path) == ""
    assert len(list(tmp_path.glob("masklens-*"))) == 2


def test_where_masklens_is_installed_the_first_cell_does_nothing(
    first_cell: str, tmp_path: Path
) -> None:
    code = f"""
import sys
sys.path.insert(0, {str(ROOT / "helpers")!r})
before = list(sys.path)
{first_cell}
import masklens
print(sys.path == before, masklens.__file__)
"""
    assert run(code, tmp_path, tmp_path) == f"True {LIBRARY / '__init__.py'}\n"
    assert list(tmp_path.glob("masklens-*")) == []


def test_what_is_installed_comes_before_what_is_brought(first_cell: str, tmp_path: Path) -> None:
    last = run(HIDE + first_cell + "\nprint(sys.path[-1])", tmp_path, tmp_path)
    assert last.startswith(str(tmp_path / "masklens-"))


def test_the_font_that_is_brought_draws_the_same_letters() -> None:
    font = (LIBRARY / "plots" / "fonts" / "masklens-hangul.otf").read_bytes()
    ours, brought = TTFont(io.BytesIO(font)), TTFont(io.BytesIO(colab._written_out(font)))
    assert ours.getBestCmap() == brought.getBestCmap()

    def drawn(font: TTFont, name: str) -> Any:
        font.getGlyphSet()[name].draw(pen := RecordingPen())
        return pen.value, font["hmtx"][name]

    for name in list(ours.getBestCmap().values())[::20]:
        assert drawn(ours, name) == drawn(brought, name)


def test_code_and_outputs_are_the_committed_ones(
    committed_and_copy: list[tuple[NotebookNode, NotebookNode]],
) -> None:
    for committed, copy in committed_and_copy:
        cells = {cell.id: cell for cell in committed.cells}
        kept = outputs(copy)
        del kept[notebook.FIRST]
        assert kept.keys() == outputs(committed).keys()
        for cell in copy.cells[1:]:
            assert cell.cell_type == "markdown" or cell.source == cells[cell.id].source
        for name, shown in outputs(committed).items():
            for old, new in zip(shown, kept[name], strict=True):
                old_data, new_data = dict(old.get("data", {})), dict(new.get("data", {}))
                old_png, new_png = old_data.pop("image/png", ""), new_data.pop("image/png", "")
                if old_png:
                    assert_looks_the_same(old_png, new_png)
                if "widgets" not in copy.metadata:
                    old_data.pop(WIDGET_VIEW, None)
                assert old_data == new_data
                assert old.get("text") == new.get("text")


def assert_looks_the_same(old: str, new: str) -> None:
    """One picture is the other, or has its colours rounded to 256 of them."""
    before, after = (Image.open(io.BytesIO(base64.b64decode(png))) for png in (old, new))
    assert (before.size, before.info.get("dpi")) == (after.size, after.info.get("dpi"))
    moved = ImageChops.difference(before.convert("RGBA"), after.convert("RGBA"))
    strongest = max(high for _low, high in moved.getextrema())
    assert strongest <= (32 if after.mode == "P" else 0)
    assert max(ImageStat.Stat(moved).mean) < 0.5


def test_explorers_are_saved_whole_or_as_pictures(
    committed_and_copy: list[tuple[NotebookNode, NotebookNode]],
) -> None:
    ways = set()
    for committed, copy in committed_and_copy:
        if "widgets" not in committed.metadata:
            assert "widgets" not in copy.metadata
            continue
        ways.add("widgets" in copy.metadata)
        if "widgets" in copy.metadata:
            assert copy.metadata.widgets == committed.metadata.widgets
        else:  # a view without its model would be an error where the picture could be
            assert WIDGET_VIEW not in str(outputs(copy))
            assert str(outputs(copy)).count("<div class=masklens-explorer") >= 1
    assert True in ways


def test_without_a_repository_no_link_is_relative(
    committed_and_copy: list[tuple[NotebookNode, NotebookNode]],
) -> None:
    for committed, copy in committed_and_copy:
        addresses = LINK.findall(prose(copy))
        assert [address for address in addresses if not address.startswith("https://")] == []
        outside = [link for link in LINK.findall(prose(committed)) if link.startswith("https://")]
        assert addresses == outside
        titles = re.findall(r"\[([^\]]+)\]\(\.\./\.\./(?:notebooks|exercises)", prose(committed))
        lost = [title for title in titles if title not in prose(copy)]
        assert len(lost) <= 1  # the one to the lesson, in the row of links that is left out


def test_with_a_repository_links_lead_to_its_files(tmp_path: Path) -> None:
    page = "https://github.com/someone/course.fork/blob/main/"
    copies = colab.write(ROOT, "someone/course.fork", ["03"], tmp_path)
    for copy in copies:
        addresses = LINK.findall(prose(read(copy)))
        assert all(address.startswith("https://") for address in addresses)
        hosted = [address for address in addresses if address.startswith(page)]
        assert len(hosted) >= 4
        assert [link for link in hosted if not (ROOT / link.removeprefix(page)).is_file()] == []
        assert read(copy).cells[-1].id == "links"


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, Path]:
    """A repository with one notebook, and the notebook."""
    path = tmp_path / "notebooks" / "en" / "00_start.ipynb"
    path.parent.mkdir(parents=True)
    shutil.copy(ROOT / "notebooks" / "en" / "00_start.ipynb", path)
    return tmp_path, path


def test_a_notebook_that_was_never_executed_is_named(repository: tuple[Path, Path]) -> None:
    root, path = repository
    notebook = read(path)
    (setup,) = (cell for cell in notebook.cells if cell.id == "setup")
    setup.execution_count = None
    nbformat.write(notebook, path)
    with pytest.raises(AuthoringError, match=r"notebooks/en/00_start\.ipynb: setup: never exec"):
        colab.self_contained(root, path, "", None)


def test_a_notebook_that_is_missing_is_named(repository: tuple[Path, Path]) -> None:
    root, path = repository
    path.unlink()
    with pytest.raises(AuthoringError, match=r"notebooks/en/00_start\.ipynb: no notebook"):
        colab.self_contained(root, path, "", None)


def test_a_link_to_nothing_is_named(repository: tuple[Path, Path]) -> None:
    root, path = repository
    with pytest.raises(AuthoringError, match=r"00_start\.ipynb: \S+: no such file: 01_padding"):
        colab.self_contained(root, path, "", None)


def test_the_command_names_every_notebook_with_its_size(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(colab, "TARGET", tmp_path)
    assert colab.main(["exercises/01"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "exercises/en/01_padding.ipynb",
        "exercises/ko/01_padding.ipynb",
    ]
    assert all(re.search(r": \d{3} KB", line) for line in lines)


# --- Published ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def jobs() -> dict[str, Any]:
    workflow = ROOT / ".github" / "workflows" / "site.yml"
    return dict(yaml.safe_load(workflow.read_text("utf-8"))["jobs"])


def step(job: dict[str, Any], word: str) -> dict[str, Any]:
    """The step of a job that uses an action, or runs something."""
    (found,) = (one for one in job["steps"] if word in one.get("uses", one.get("run", "")))
    return dict(found)


@pytest.fixture(scope="module")
def published(
    written: Path, jobs: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A repository in the place of that on GitHub, after two runs of the workflow."""
    folder = tmp_path_factory.mktemp("published")
    repository, push = folder / "repository.git", step(jobs["colab"], "git push")
    subprocess.run(["git", "init", "--quiet", "--bare", repository], check=True)
    environment = {name: value for name, value in os.environ.items() if "GIT" not in name}
    environment |= {
        "GITHUB_ACTOR": "somebody",
        "GITHUB_REPOSITORY": "owner/name",
        "GITHUB_SHA": "a" * 40,
        "TOKEN": "secret",
        "HOME": str(folder),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{repository.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://x-access-token:secret@github.com/owner/name",
    }
    for run_name in ("first", "second"):
        downloaded = folder / run_name / step(jobs["colab"], "download-artifact")["with"]["path"]
        shutil.copytree(written, downloaded)
        (downloaded / f"{run_name}.txt").touch()
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", push["run"]]
        where = folder / run_name / push["working-directory"]
        subprocess.run(command, cwd=where, env=environment, check=True)
    return repository


def git(repository: Path, *command: str) -> bytes:
    return subprocess.run(
        ["git", "-C", repository, *command], check=True, capture_output=True
    ).stdout


@pytest.mark.parametrize("committed", COMMITTED, ids=str)
def test_a_button_opens_what_is_published(committed: Path, written: Path, published: Path) -> None:
    address = colab.page("owner/name", committed.as_posix())
    (branch, path) = re.fullmatch(
        r"https://colab\.research\.google\.com/github/owner/name/blob/(\w+)/(\S+)", address
    ).groups()  # type: ignore[union-attr]
    there = git(published, "show", f"{branch}:{path}")
    assert there == (written / path).read_bytes()
    opened = nbformat.reads(there.decode(), as_version=4)
    assert opened.cells[0].id == notebook.FIRST
    assert opened.metadata.title == read(ROOT / committed).metadata.title


def test_each_run_replaces_what_the_one_before_has_published(
    written: Path, published: Path
) -> None:
    assert git(published, "branch", "--format=%(refname:short)").split() == [b"colab"]
    assert git(published, "rev-list", "--count", "colab") == b"1\n"
    there = set(git(published, "ls-tree", "-rz", "--name-only", "colab").decode().split("\0"))
    ours = {path.relative_to(written).as_posix() for path in written.rglob("*.ipynb")}
    assert there == {*ours, "second.txt", ""}


def test_the_workflow_publishes_what_make_colab_writes_before_the_site(
    jobs: dict[str, Any],
) -> None:
    make = step(jobs["build"], "make ")
    assert "colab" in make["run"].split()
    assert make["env"]["MASKLENS_REPOSITORY"] == "${{ github.repository }}"
    uploaded = step(jobs["build"], "actions/upload-artifact")["with"]
    assert uploaded["path"] == colab.TARGET.as_posix()
    assert uploaded["name"] == step(jobs["colab"], "download-artifact")["with"]["name"]
    assert jobs["colab"]["needs"] == "build"
    assert set(jobs["deploy"]["needs"]) == {"build", "colab"}
    # What may write runs nothing of what was installed, or checked out.
    assert {name for name, job in jobs.items() if "write" in job["permissions"].values()} == {
        "colab",
        "deploy",
    }
    assert jobs["build"]["permissions"]["contents"] == "read"


@pytest.mark.parametrize("setting", ["owner", "owner/name/more", "https://github.com/a/b"])
def test_a_repository_that_is_none_is_refused(
    setting: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKLENS_REPOSITORY", setting)
    assert colab.main([]) == 1
    assert setting in capsys.readouterr().err
