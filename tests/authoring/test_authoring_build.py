"""A lesson is built, executed only when its code changed, and left alone when it is at fault."""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from conftest import LESSON, cells, edit, po_text
from nbclient import NotebookClient

from authoring import notebook, source
from authoring.__main__ import main
from authoring.layout import AuthoringError

pytestmark = pytest.mark.slow

SOURCE = Path("content/lessons/01_mask.py")
PO = Path("content/ko/lessons/01_mask.po")
ENGLISH = Path("notebooks/en/01_mask.ipynb")
KOREAN = Path("notebooks/ko/01_mask.ipynb")


def build(root: Path, *options: str) -> int:
    return main(["build", "--root", str(root), *options])


def output_text(cell: nbformat.NotebookNode) -> str:
    return "".join(
        o.text if o.output_type == "stream" else o.data["text/plain"] for o in cell.outputs
    )


def test_both_languages_run_the_same_code_and_speak_their_own(built_course: Path) -> None:
    english, korean = cells(built_course / ENGLISH), cells(built_course / KOREAN)
    assert list(english) == list(korean) == ["title", "setup", "mask", "links"]
    assert english["title"].source.startswith("# What is a mask?\n\nA mask says")
    assert korean["title"].source == (
        "# 마스크란 무엇인가요?\n\n마스크는 유효한 타임스텝을 나타냅니다.\n"
        "`mask_zero`와 [가이드](https://keras.io)를 보세요.\n\n"
        "| 방식 | 위치 |\n|---|---|\n| `pre` 또는 `post` | 두 곳 |"
    )
    assert korean["setup"].source.endswith('ml.set_language("ko")')
    assert korean["mask"].source.startswith("# 마지막 두 타임스텝은 패딩입니다.\nmask = [")
    both = "[English](../en/01_mask.ipynb) · [한국어](../ko/01_mask.ipynb) · "
    assert english["links"].source == f"{both}[source](../../content/lessons/01_mask.py)"
    assert korean["links"].source == f"{both}[소스](../../content/lessons/01_mask.py)"
    assert output_text(english["mask"]) == "mask [True, True, False, False]\n2"
    assert output_text(korean["mask"]) == "마스크 [True, True, False, False]\n2"


def test_a_notebook_says_its_language_and_title_and_no_version(built_course: Path) -> None:
    notebook = nbformat.read(built_course / KOREAN, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.masklens.language == "ko"
    assert notebook.metadata.masklens.made_of.modules == "masklens"
    assert notebook.metadata.masklens.made_of.files == "masklens/label.css"
    assert len(notebook.metadata.masklens.made_of.messages.split()) == 1
    assert notebook.metadata.title == "마스크란 무엇인가요?"
    assert "version" not in notebook.metadata.language_info
    assert not any("execution" in cell.metadata for cell in notebook.cells)
    assert (built_course / KOREAN).read_bytes().endswith(b"}\n")


def test_building_twice_changes_nothing(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in course.rglob("*") if path.is_file()}
    assert build(course) == 0
    assert {path: path.read_bytes() for path in before} == before
    assert capsys.readouterr().out.count(": unchanged in ") == 2


EXPLORERS = """\
from masklens.explorers.padding import PaddingExplorer

for _ in range(2):
    display(PaddingExplorer(["Hello world !"]))
"""


def test_executing_twice_saves_explorers_alike(
    course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Let the kernels import the real library instead of the course's own.
    shutil.rmtree(course / "helpers")
    monkeypatch.delenv("PYTHONPATH")
    edit(course / SOURCE, "print(ml.label(), mask)", EXPLORERS)
    assert build(course) == 0
    before = {path: (course / path).read_bytes() for path in (ENGLISH, KOREAN)}
    assert build(course, "--all") == 0
    assert capsys.readouterr().out.count(": executed in ") == 4
    assert {path: (course / path).read_bytes() for path in before} == before
    widgets = nbformat.read(course / KOREAN, as_version=4).metadata.widgets
    [saved] = widgets.values()
    # Two explorers and the front end that they share, each with its layout.
    assert sorted(model.model_name for model in saved.state.values()) == [
        *["AnyModel"] * 3,
        *["LayoutModel"] * 3,
    ]
    assert build(course) == 0
    assert capsys.readouterr().out.count(": unchanged in ") == 2
    assert main(["check", "--root", str(course)]) == 0


def test_prose_is_built_without_executing(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = cells(course / ENGLISH)["mask"].outputs
    edit(course / SOURCE, "A mask says which", "A mask tells which")
    assert build(course, "--language", "en") == 0
    assert "A mask tells" in cells(course / ENGLISH)["title"].source
    assert cells(course / ENGLISH)["mask"].outputs == outputs
    assert ": unchanged in " in capsys.readouterr().out


STRINGS = Path("helpers/masklens/locale/ko/LC_MESSAGES/masklens.po")
UNSEEN = '\nmsgid "never shown"\nmsgstr "{}"\n'


# What changes in the library, one after the other, and which notebooks are executed then.
CHANGES: list[tuple[str | Path, str, str, set[Path]]] = [
    ("helpers/masklens/label.css", "margin:0", "margin:1px", {ENGLISH, KOREAN}),
    ("helpers/masklens/__init__.py", "fallback=True", "fallback=1", {ENGLISH, KOREAN}),
    ("helpers/masklens/__init__.py", '"""A library', '"""The library', set()),
    (STRINGS, "마스크", "가면", {KOREAN}),
    (STRINGS, "보이지 않음", "안 보임", set()),
]


def test_what_the_library_changed_is_executed_and_nothing_else(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (course / STRINGS).open("a", encoding="utf-8") as file:
        file.write(UNSEEN.format("보이지 않음"))
    assert build(course) == 0
    for changed, old, new, executed in CHANGES:
        edit(course / changed, old, new)
        capsys.readouterr()
        assert build(course) == 0
        lines = capsys.readouterr().out.splitlines()
        assert {Path(line.split(":")[0]) for line in lines if ": executed" in line} == executed
        assert len(lines) == 2


def test_a_cell_that_was_not_executed_is_executed(course: Path) -> None:
    notebook = nbformat.read(course / ENGLISH, as_version=4)
    notebook.cells[2].update(execution_count=None, outputs=[])
    nbformat.write(notebook, course / ENGLISH)
    assert build(course) == 0
    assert output_text(cells(course / ENGLISH)["mask"]).startswith("mask ")


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("sum(mask) / 0", "ZeroDivisionError: division by zero"),
        ("__import__('os')._exit(1)", "the kernel died"),
    ],
)
def test_a_cell_that_fails_keeps_the_old_notebooks(
    course: Path, capsys: pytest.CaptureFixture[str], code: str, wrong: str
) -> None:
    before = [(course / path).read_bytes() for path in (ENGLISH, KOREAN)]
    edit(course / SOURCE, "sum(mask)", code)
    assert build(course) == 1
    assert [(course / path).read_bytes() for path in (ENGLISH, KOREAN)] == before
    faults = capsys.readouterr().err
    for path in (ENGLISH, KOREAN):
        assert f"{path.as_posix()}: mask: {wrong}" in faults
    assert not list((course / "notebooks").rglob(".*"))


def test_missing_and_fuzzy_translations_stop_their_language_only(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(course / SOURCE, "A mask says which", "A mask tells which")
    edit(course / SOURCE, "counts the real timesteps", "adds them up")
    before = (course / KOREAN).read_bytes()
    assert main(["update", "--root", str(course)]) == 0
    assert build(course) == 1
    faults = capsys.readouterr().err
    assert f"{PO.as_posix()}: title: fuzzy translation of 'A mask tells which" in faults
    assert f"{PO.as_posix()}: mask: missing translation of 'adds them up'" in faults
    assert (course / KOREAN).read_bytes() == before
    assert "A mask tells" in cells(course / ENGLISH)["title"].source
    assert build(course, "--draft") == 0
    assert "2 blocks still English" in capsys.readouterr().out
    assert "A mask tells" in cells(course / KOREAN)["title"].source


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('# %% id="mask"', '# %% id="setup"', ":18: setup: the id is used already in line 13"),
        ('# %% id="mask"', "# %%", ":18: the cell has no id"),
        ('# %% id="mask"', '# %% id="Mask 1"', ":18: Mask 1: the id 'Mask 1' is malformed"),
        ('# %% id="mask"', '# %% id="mask" slid', ":18: mask: the slides cannot take 'slid'"),
        ('# %% id="mask"', '# %% slide id="mask"', ":18: mask: the slides cannot take 'slide'"),
        ('id="mask"', 'id="mask" slide skip', ":18: mask: the slides cannot take 'skip slide'"),
        ('# %% id="mask"', '# %% [raw] id="mask"', ":18: mask: a raw cell"),
        ("sum(mask)", "sum((mask)", ":18: mask: not Python: "),
        ("sum(mask)", "if mask:\n    pass\n  sum(mask)", ":18: mask: not Python: unindent"),
        ('ml.set_language("en")', "", ": 0 lines set the language"),
        ('id="mask"', 'id="links"', ":18: links: the id is that of a cell which the build adds"),
        ('# %% [markdown] id="title"', "", " '# %%' markers"),
    ],
)
def test_a_faulty_source_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, fault: str
) -> None:
    assert LESSON.count(old) == 1
    path = tmp_path / SOURCE
    path.parent.mkdir(parents=True)
    path.write_text(LESSON.replace(old, new), encoding="utf-8")
    with pytest.raises(AuthoringError) as found:
        source.read(tmp_path, path)
    (named,) = map(str, found.value.faults)
    assert named.startswith(SOURCE.as_posix()) and fault in named


def test_a_faulty_source_leaves_its_notebook_alone(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(course / SOURCE, "sum(mask)", "sum((mask)")
    before = (course / ENGLISH).read_bytes()
    assert build(course) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert (course / ENGLISH).read_bytes() == before


def test_other_metadata_of_a_cell_is_kept(course: Path) -> None:
    edit(course / SOURCE, '# %% id="mask"', '# %% id="mask" tags=["remember"]')
    assert build(course) == 0
    assert cells(course / KOREAN)["mask"].metadata == {"tags": ["remember"]}


def test_a_word_for_the_slides_reaches_each_language_without_executing_again(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = {"title": "slide", "setup": "fragment", "mask": "skip"}
    for name, word in words.items():
        edit(course / SOURCE, f'id="{name}"', f'id="{name}" {word}')
    assert main(["check", "--root", str(course)]) == 1
    capsys.readouterr()
    assert build(course) == 0
    assert capsys.readouterr().out.count(": unchanged in ") == 2
    for path in (ENGLISH, KOREAN):
        for name, word in words.items():
            assert cells(course / path)[name].metadata == {"slideshow": {"slide_type": word}}
    assert main(["check", "--root", str(course)]) == 0


def test_the_repository_setting_adds_links_and_a_cell_that_installs_from_there(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert notebook.FIRST not in cells(course / KOREAN)
    title = "Run this cell first: it brings masklens, the library of this course"
    said = {("", title): "이 셀을 먼저 실행하세요", ("", "download"): "내려받기"}
    (course / "content/ko/interface.po").write_text(po_text(said), encoding="utf-8")
    assert build(course) == 0
    plain = cells(course / KOREAN)["links"].source
    monkeypatch.setenv("MASKLENS_REPOSITORY", "someone/a.course")
    assert build(course) == 0
    place = "someone/a.course/blob/main/notebooks/ko/01_mask.ipynb"
    raw = "https://raw.githubusercontent.com/someone/a.course/main/notebooks/ko/01_mask.ipynb"
    assert cells(course / KOREAN)["links"].source == (
        f"{plain} · [Colab](https://colab.research.google.com/github/{place})"
        f" · [GitHub](https://github.com/{place}) · [내려받기]({raw})"
    )
    first = nbformat.read(course / KOREAN, as_version=4).cells[0]
    assert first.id == notebook.FIRST
    assert (first.execution_count, first.outputs) == (1, [])  # here the library was found
    assert "먼저 실행하세요" in first.source.splitlines()[0]

    installed: list[list[str]] = []
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: installed.append(command))
    exec(first.source, {})
    ((_python, *command),) = installed
    assert command[:3] == ["-m", "pip", "install"]
    assert "--no-deps" in command
    assert "masklens @ git+https://github.com/someone/a.course" in command
    assert not {"-U", "--upgrade", "--force-reinstall"} & set(command)


def test_a_malformed_repository_setting_is_refused(
    course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MASKLENS_REPOSITORY", "someone")
    assert build(course) == 1
    assert "MASKLENS_REPOSITORY: not a repository: 'someone'" in capsys.readouterr().err


def test_an_unknown_lesson_is_refused(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(course, "09_none") == 1
    assert "09_none: no such source: choose from: lessons/01_mask" in capsys.readouterr().err


def test_a_cell_runs_in_its_notebooks_folder_and_in_a_quiet_environment_of_its_own(
    course: Path,
) -> None:
    before = dict(os.environ)
    code = """import os; print(os.getcwd(), flush=True); print(os.environ["MASKLENS_PROGRESS"])"""
    edit(course / SOURCE, "print(ml.label(), mask)", code)
    assert build(course, "--language", "ko") == 0
    printed, _ = cells(course / KOREAN)["mask"].outputs  # what it prints is one output
    assert printed.text == f"{(course / KOREAN).parent}\noff\n"
    assert dict(os.environ) == before


def test_what_a_cell_writes_to_stderr_is_saved_and_runs_again(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(course / SOURCE, "print(ml.label(), mask)", 'import sys; print("loud", file=sys.stderr)')
    for _ in range(2):
        assert build(course, "--language", "en") == 0
        assert ": executed in " in capsys.readouterr().out
    saved = cells(course / ENGLISH)["mask"].outputs
    assert "loud\n" in [o.text for o in saved if o.get("name") == "stderr"]


def test_a_kernel_that_does_not_start_is_tried_again_and_then_named(
    course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    start, failures = NotebookClient.setup_kernel, [2]

    def fail_to_start(client: NotebookClient, **options: object) -> object:
        failures[0] -= 1
        if failures[0] >= 0:
            raise RuntimeError("Kernel died before replying to kernel_info")
        return start(client, **options)

    monkeypatch.setattr(NotebookClient, "setup_kernel", fail_to_start)
    assert build(course, "--all", "--language", "en") == 0
    failures[0] = 3
    assert build(course, "--all", "--language", "en") == 1
    assert "the kernel does not start" in capsys.readouterr().err
