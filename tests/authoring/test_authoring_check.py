"""Each fault that a course can have is planted in a good one, and named with its file and cell."""

import re
from pathlib import Path

import nbformat
import pytest
from conftest import Plant, text

from authoring.__main__ import main

SOURCE = "content/lessons/01_mask.py"
PO = "content/ko/lessons/01_mask.po"
PAGE_PO = "content/ko/pages/begin.po"
KOREAN_PAGE = "pages/ko/begin.md"
ENGLISH = "notebooks/en/01_mask.ipynb"
KOREAN = "notebooks/ko/01_mask.ipynb"
LIBRARY = "helpers/masklens/__init__.py"
STYLE = "helpers/masklens/label.css"
INTERFACE = "content/ko/interface.po"
STRINGS = "helpers/masklens/locale/ko/LC_MESSAGES/masklens"


def cell(name: str, cell_id: str, **values: object) -> Plant:
    """Sets keys of a cell of a notebook."""

    def plant(root: Path) -> None:
        notebook = nbformat.read(root / name, as_version=4)
        next(c for c in notebook.cells if c.id == cell_id).update(nbformat.from_dict(values))
        nbformat.write(notebook, root / name)

    return plant


def output(**values: object) -> Plant:
    """Makes this the one output of a cell."""
    return cell(KOREAN, "mask", outputs=[values])


def explorer(*, saved: bool = True) -> Plant:
    """Makes an explorer the one output of a cell, saved as a build does it if told so."""
    view = {"version_major": 2, "version_minor": 0, "model_id": "5eed"}
    data = {"application/vnd.jupyter.widget-view+json": view, "text/plain": "Explorer()"}

    def plant(root: Path) -> None:
        output(output_type="display_data", metadata={}, data=data)(root)
        model = {"model_module": "anywidget", "model_name": "AnyModel", "state": {}}
        models = {"5eed": model} if saved else {}
        widgets = {"version_major": 2, "version_minor": 0, "state": models}
        notebook = nbformat.read(root / KOREAN, as_version=4)
        notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": widgets}
        nbformat.write(notebook, root / KOREAN)

    return plant


def reversed_cells(root: Path) -> None:
    notebook = nbformat.read(root / KOREAN, as_version=4)
    notebook.cells.reverse()
    nbformat.write(notebook, root / KOREAN)


def without_the_last_cell(root: Path) -> None:
    notebook = nbformat.read(root / KOREAN, as_version=4)
    del notebook.cells[-1]
    nbformat.write(notebook, root / KOREAN)


def prose(korean: str) -> Plant:
    """Replaces a Korean block in the PO file and in the notebook, as a build would."""
    block = "마스크는 유효한 타임스텝을 나타냅니다."

    def plant(root: Path) -> None:
        for name in (PO, KOREAN):
            text(name, block, korean)(root)

    return plant


def removed(name: str) -> Plant:
    return lambda root: (root / name).unlink()


def added(name: str, like: str) -> Plant:
    return lambda root: (root / name).write_bytes((root / like).read_bytes())


LONG = "\n".join(f"x{n} = {n}" for n in range(12))
FUZZY = "#, fuzzy\nmsgctxt"
OLD = '\n#~ msgctxt "title"\n#~ msgid "Once."\n#~ msgstr "한때."\n'

FAULTS = {
    "missing": (
        text(PO, 'msgstr "위치"', 'msgstr ""'),
        f"{PO}: title: missing translation of 'places'",
    ),
    "fuzzy": (
        text(PO, 'msgctxt "title"\nmsgid "mode"', '#, fuzzy\nmsgctxt "title"\nmsgid "mode"'),
        f"{PO}: title: fuzzy translation of 'mode'",
    ),
    "obsolete": (
        text(PO, 'msgstr "위치"\n', f'msgstr "위치"\n{OLD}'),
        f"{PO}: title: obsolete translation of 'Once.'",
    ),
    "missing on a page": (
        text(PAGE_PO, 'msgstr "칠판: 마스크"', 'msgstr ""'),
        f"{PAGE_PO}: missing translation of 'board: a mask'",
    ),
    "fuzzy on a page": (
        text(PAGE_PO, 'msgid "How to', '#, fuzzy\nmsgid "How to'),
        f"{PAGE_PO}: fuzzy translation of 'How to begin'",
    ),
    "obsolete on a page": (
        text(PAGE_PO, 'msgstr "칠판: 마스크"\n', f'msgstr "칠판: 마스크"\n{OLD}'),
        f"{PAGE_PO}: title: obsolete translation of 'Once.'",
    ),
    "page edited": (
        text(KOREAN_PAGE, "을 열고", "을 열어"),
        f"{KOREAN_PAGE}: not built from the page as it is",
    ),
    "page not built": (removed(KOREAN_PAGE), f"{KOREAN_PAGE}: not built from the page"),
    "page of nothing": (
        added("pages/ko/end.md", KOREAN_PAGE),
        "pages/ko/end.md: the page has no source",
    ),
    "link of a page lost": (
        text(PAGE_PO, "[레슨](../../notebooks/ko/01_mask.ipynb)", "레슨"),
        f"{KOREAN_PAGE}: 0 links to ../../notebooks/ko/01_mask.ipynb, not 1",
    ),
    "dead link of a page": (
        removed(KOREAN),
        rf"{KOREAN_PAGE}: the link ../../notebooks/ko/01_mask.ipynb leads nowhere",
    ),
    "heading of a page renamed": (
        text(PAGE_PO, '"시작하는 방법"', '"시작하기"'),
        f"{KOREAN_PAGE}: the link #시작하는-방법 names no heading there",
    ),
    "English left on a page": (
        text(PAGE_PO, "시작하는 방법", "How to begin"),
        f"{KOREAN_PAGE}: English prose: 'How to'",
    ),
    "broken PO": (text(PO, 'msgstr "위치"', 'msgstr "위치'), rf"{PO}:\d+: not PO"),
    "broken source": (text(SOURCE, ' id="mask"', ""), rf"{SOURCE}:\d+: the cell has no id"),
    "edited prose": (
        text(ENGLISH, "A mask says", "A mask tells"),
        f"{ENGLISH}: title: the cell differs from its source",
    ),
    "edited code": (
        text(ENGLISH, "[3, 4, 0, 0]", "[3, 4, 5, 0]"),
        f"{ENGLISH}: mask: the cell differs from its source",
    ),
    "edited metadata": (
        text(KOREAN, '"language": "ko"', '"language": "en"'),
        f"{KOREAN}: the notebook's metadata differ",
    ),
    "source not built": (
        text(SOURCE, "A mask says", "A mask tells"),
        f"{ENGLISH}: title: the cell differs from its source",
    ),
    "not built": (removed(KOREAN), f"{KOREAN}: not built"),
    "no notebook": (text(KOREAN, '"cells"', "cells"), f"{KOREAN}: not a notebook"),
    "no source": (
        added("notebooks/en/02_none.ipynb", ENGLISH),
        "notebooks/en/02_none.ipynb: the notebook has no source",
    ),
    "translation of nothing": (
        added("content/ko/lessons/02_none.po", PO),
        "content/ko/lessons/02_none.po: no source has this name",
    ),
    "edited Korean code": (
        text(KOREAN, "[3, 4, 0, 0]", "[3, 4, 5, 0]"),
        f"{KOREAN}: mask: the cell differs from its source",
    ),
    "edited id": (
        text(KOREAN, '"id": "mask"', '"id": "masks"'),
        f"{KOREAN}: masks: the cells are not those of the source, in its order",
    ),
    "another order": (
        reversed_cells,
        f"{KOREAN}: links: the cells are not those of the source, in its order",
    ),
    "a cell is gone": (
        without_the_last_cell,
        f"{KOREAN}: links: the cells are not those of the source, in its order",
    ),
    "link lost": (
        text(PO, "[가이드](https://keras.io)", "가이드"),
        f"{KOREAN}: title: 0 links to https://keras.io, not 1",
    ),
    "inline code lost": (
        text(PO, "`pre` 또는", "앞 또는"),
        f"{KOREAN}: title: `pre` stands 0 times in .*, but 1 times in en",
    ),
    "structure changed": (
        text(PO, "마스크는 유효한", "- 마스크는 유효한"),
        f"{KOREAN}: title: the translation changes the Markdown structure",
    ),
    "emphasis unread": (
        prose("**마스크(mask)**는 유효한 타임스텝을 나타냅니다."),
        rf"{KOREAN}: title: the \*\* stays visible in",
    ),
    "slanted emphasis unread": (
        prose("*Hello world !*는 유효한 타임스텝입니다."),
        rf"{KOREAN}: title: the \* stays visible in",
    ),
    "English left": (
        text(PO, "마스크란 무엇인가요?", "What is a mask?"),
        f"{KOREAN}: title: English prose: 'What is'",
    ),
    "English comment": (
        text(PO, "실제 타임스텝의 수를 셉니다", "counts the real timesteps"),
        f"{KOREAN}: mask: English prose: 'counts the'",
    ),
    "banned term": (
        prose("마스크는 유효한 시간 단계를 나타냅니다."),
        f"{KOREAN}: title: the glossary avoids '시간 단계', in .*: write '타임스텝'",
    ),
    "banned verb": (
        prose("마스크를 나르는 레이어는 유효한 타임스텝을 압니다."),
        f"{KOREAN}: title: the glossary avoids '나르다', in '마스크를 나르는 .*: write '전달하다'",
    ),
    "banned verb of a mask": (
        prose("유효한 타임스텝을 나타내는 마스크가 출력에 달려 있을까요?"),
        f"{KOREAN}: title: the glossary avoids '달리다', in .*: write '마스크가 붙어 있다'",
    ),
    "banned comment": (
        text(PO, "실제 타임스텝의 수를 셉니다", "실제 시간 단계를 셉니다"),
        f"{KOREAN}: mask: the glossary avoids '시간 단계'",
    ),
    "banned word that is printed": (
        text(KOREAN, "print(ml.label(), mask)", "print('시간 단계:', mask)"),
        f"{KOREAN}: mask: the glossary avoids '시간 단계', in '시간 단계:'",
    ),
    "banned term on a page": (
        text(PAGE_PO, '"시작하는 방법"', '"훈련 방법"'),
        f"{KOREAN_PAGE}: the glossary avoids '훈련하다', in .훈련 방법.: write '학습하다'",
    ),
    "banned word of the library": (
        text(f"{STRINGS}.po", "마스크", "마스크를 넘겨주세요"),
        f"{STRINGS}.po: the glossary avoids '넘기다', in '마스크를 넘겨주세요': write '전달하다'",
    ),
    "banned word of the interface": (
        text(INTERFACE, "이 정의의 링크", "이 메소드의 링크"),
        f"{INTERFACE}: the glossary avoids '메소드', in '이 메소드의 링크': write '메서드'",
    ),
    "spacing": (
        prose("마스크는 유효한 타임스텝 을 나타냅니다."),
        f"{KOREAN}: title: spacing, particle apart: .*타임스텝 을",
    ),
    "not executed": (
        cell(KOREAN, "mask", execution_count=None, outputs=[]),
        f"{KOREAN}: mask: the cell was not executed",
    ),
    "saved error": (
        output(output_type="error", ename="ValueError", evalue="no mask", traceback=[]),
        f"{KOREAN}: mask: a saved error: ValueError: no mask",
    ),
    "saved stderr": (
        output(output_type="stream", name="stderr", text="a warning\n"),
        f"{KOREAN}: mask: saved stderr: .*a warning",
    ),
    "temporary path": (
        output(output_type="stream", name="stdout", text="in\n/tmp/kernel_1/2.py\n"),
        f"{KOREAN}: mask: a path of one machine in the output: /tmp/",
    ),
    "a Python's path": (
        output(output_type="stream", name="stdout", text="in /usr/lib/python3.11/ast.py"),
        f"{KOREAN}: mask: a path of one machine in the output: /usr/",
    ),
    "home path in HTML": (
        output(
            output_type="display_data", metadata={}, data={"text/html": "<p>'/home/ada/x.py'</p>"}
        ),
        f"{KOREAN}: mask: a path of one machine in the output: /home/ada/",
    ),
    "Windows path": (
        output(output_type="stream", name="stdout", text="C:\\Users\\ada"),
        rf"{KOREAN}: mask: a path of one machine in the output: C:\\Users",
    ),
    "the library's code": (
        text(LIBRARY, "fallback=True", "fallback=False"),
        f"{ENGLISH}: the library that made its outputs has changed: run `make build`",
    ),
    "the library's style": (
        text(STYLE, "margin:0", "margin:1px"),
        f"{KOREAN}: the library that made its outputs has changed: run `make build`",
    ),
    "explorer not saved": (
        explorer(saved=False),
        f"{KOREAN}: mask: the state of the widget 5eed was not saved: run `make build ALL=1`",
    ),
    "no widget saved": (
        output(
            output_type="display_data",
            metadata={},
            data={"application/vnd.jupyter.widget-view+json": {"model_id": "5eed"}},
        ),
        f"{KOREAN}: mask: the state of the widget 5eed was not saved: run `make build ALL=1`",
    ),
    "dead link": (
        removed(ENGLISH),
        f"{KOREAN}: links: the link ../en/01_mask.ipynb leads nowhere",
    ),
    "long cell": (
        text(SOURCE, "print(ml.label(), mask)", LONG),
        rf"{SOURCE}:\d+: mask: 14 lines of code, more than 12",
    ),
    "stale MO": (
        text(f"{STRINGS}.po", "마스크", "가면"),
        f"{STRINGS}.mo: not compiled from masklens.po",
    ),
    "no MO": (removed(f"{STRINGS}.mo"), f"{STRINGS}.mo: not compiled from masklens.po"),
    "new string": (
        text(LIBRARY, '_("mask")', '_("a mask")'),
        f"{STRINGS}.po: missing translation of 'a mask'",
    ),
}


def test_a_good_course_has_no_fault(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--root", str(course)]) == 0
    assert capsys.readouterr().out == "4 notebooks and pages of 2 sources in en, ko: no fault\n"


# What a build would make of a changed PO file, so that the fault planted there reaches the page.
REBUILT = {
    *("link lost", "inline code lost", "structure changed"),
    *("English left", "English comment", "banned comment"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_named_with_its_place(
    course: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    plant, fault = FAULTS[name]
    plant(course)
    if name in REBUILT:
        assert main(["build", "--root", str(course), "--language", "ko"]) == 0
    capsys.readouterr()
    assert main(["check", "--root", str(course)]) == 1
    assert re.search(f"(?m)^{fault}", capsys.readouterr().err)


@pytest.mark.parametrize(
    "plant",
    [
        prose("마스크는 유효한 타임스텝을 나타냅니다. 계층적인 구조도 그렇습니다."),
        prose("마스크는 유효한 타임스텝을 나타냅니다. 인수로 마스크를 넘겨도 됩니다."),
        prose("페이지를 넘기면 직선의 기울기가 나옵니다. 결과는 마스크의 길이에 달려 있습니다."),
        text(PO, 'msgstr "위치"', 'msgstr "Functional API"'),
        output(output_type="stream", name="stdout", text="https://keras.io/tmp/a and x/work/b"),
        text(SOURCE, "print(ml.label(), mask)", "print(ml.label(), mask)\n" + "# 1\n\n" * 9),
        explorer(),
        text(LIBRARY, '"""A library that', '# Its words are few.\n"""The library that'),
    ],
    ids=[
        "a word that holds a banned one",
        "a banned word in another sense",
        "banned words in other senses",
        "a name",
        "an address",
        "comments do not count",
        "an explorer",
        "a comment and a docstring of the library",
    ],
)
def test_what_looks_like_a_fault_is_none(
    course: Path, capsys: pytest.CaptureFixture[str], plant: Plant
) -> None:
    before = main(["build", "--root", str(course)])
    plant(course)
    # A changed output stays as it is: the build executes changed code only.
    assert before == main(["build", "--root", str(course)]) == 0
    capsys.readouterr()
    assert main(["check", "--root", str(course)]) == 0


def test_check_heeds_the_repository_setting(
    course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MASKLENS_REPOSITORY", "someone/course")
    assert main(["check", "--root", str(course)]) == 1
    assert f"{ENGLISH}: links: the cell differs from its source" in capsys.readouterr().err
    assert main(["build", "--root", str(course)]) == 0
    assert main(["check", "--root", str(course)]) == 0


def test_naming_a_lesson_checks_that_lesson_alone(course: Path) -> None:
    added("content/lessons/02_more.py", SOURCE)(course)
    with (course / "course.toml").open("a") as manifest:
        manifest.write("[lessons.02_more]\n")
    assert main(["build", "--root", str(course), "--draft"]) == 0
    assert main(["check", "--root", str(course), "01_mask"]) == 0
    assert main(["check", "--root", str(course), "02"]) == 1
