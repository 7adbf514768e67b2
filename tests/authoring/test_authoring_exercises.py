"""Exercises are built with stubs and with solutions, as nbgrader would, and their faults named."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from conftest import build_course, cells, edit, po_text, write_course
from hypothesis import given
from hypothesis import strategies as st
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    ClearMarkScheme,
    ClearSolutions,
)

from authoring import build, notebook, source
from authoring.__main__ import main
from authoring.exercise import stubbed, unmarked
from authoring.layout import AuthoringError, full_name

pytestmark = pytest.mark.slow

SOURCE = "content/exercises/01_mask.py"
PO = "content/ko/exercises/01_mask.po"
KOREAN_SOLUTIONS = "helpers/masklens_course/questions/solutions/ko.json"
EXERCISES = '''\
# %% [markdown] id="title"
"""
# Exercises: write a mask

See [the lesson](../../notebooks/en/01_mask.ipynb#title) and
[how](../../solutions/en/01_mask.ipynb).
"""

# %% id="setup"
import masklens as ml

ml.set_language("en")


# %% [markdown] id="count"
"""
## 1. Count

Write `count`.
"""


# %% id="count-answer"
def count(mask):
    # Begin with the mask.
    ### BEGIN SOLUTION
    # True counts as one.
    return sum(mask)  # an integer
    ### END SOLUTION


# %% id="count-check" points=2 tags=["counted"]
q1 = ml.question("count")
### BEGIN HIDDEN TESTS
q1.grade(count)
### END HIDDEN TESTS
q1.check(count)

# %% [markdown] id="mask"
"""
## 2. Mask
"""

# %% id="mask-answer"
mask = [
    ### BEGIN SOLUTION
    True,
    False,
    ### END SOLUTION
]

# %% id="mask-check" points=1
q2 = ml.question("mask")
### BEGIN HIDDEN TESTS
q2.grade(mask)
### END HIDDEN TESTS
q2.check(mask)
'''
TRANSLATION = {
    ("title", "Exercises: write a mask"): "연습 문제: 마스크 쓰기",
    (
        "title",
        "See [the lesson](../../notebooks/en/01_mask.ipynb#title) and\n"
        "[how](../../solutions/en/01_mask.ipynb).",
    ): "[강의](../../notebooks/ko/01_mask.ipynb#title)와\n"
    "[풀이](../../solutions/ko/01_mask.ipynb)를 보세요.",
    ("count", "1. Count"): "1. 세기",
    ("count", "Write `count`."): "`count`를 쓰세요.",
    ("count-answer", "Begin with the mask."): "마스크에서 시작합니다.",
    ("count-answer", "True counts as one."): "True는 1로 셉니다.",
    ("count-answer", "an integer"): "정수",
    ("mask", "2. Mask"): "2. 마스크",
}
STUB = """\
def count(mask):
    # Begin with the mask.
    ..."""


@pytest.fixture(scope="module")
def built_course(built_course: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The course, with exercises; `course` is a copy of it."""
    root = tmp_path_factory.mktemp("exercises") / "course"
    shutil.copytree(built_course, root)
    questions = ("helpers/masklens_course/questions/mask.py", "")
    for name, text in ((SOURCE, EXERCISES), (PO, po_text(TRANSLATION)), questions):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    edit(root / "course.toml", "[lessons.01_mask]", '[lessons.01_mask]\nexercises = "01_mask"')
    build_course(root)
    return root


def printed(cell: nbformat.NotebookNode) -> str:
    return "".join(output.text for output in cell.outputs)


def contents(root: Path, pattern: str) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob(pattern)}


def test_the_learner_gets_stubs_and_the_teacher_everything(built_course: Path) -> None:
    english = {
        name: cells(built_course / name / "en/01_mask.ipynb") for name in ("exercises", "solutions")
    }
    assert list(english["exercises"]) == list(english["solutions"])
    assert english["exercises"]["count-answer"].source == STUB
    assert english["exercises"]["mask-answer"].source == "mask = [\n    ...\n]"
    assert english["exercises"]["mask-check"].source == 'q2 = ml.question("mask")\nq2.check(mask)'
    for cell_id, cell in english["solutions"].items():
        if re.search("-help|-hint|-solution", cell_id):
            continue
        assert cell.source in EXERCISES or cell_id in {"setup", "links"}
        assert (cell.source == english["exercises"][cell_id].source) != bool(
            re.search("-answer|-check", cell_id)
        )


def test_hint_and_solution_wait_folded_behind_each_question(built_course: Path) -> None:
    for edition in ("exercises", "solutions"):
        found = cells(built_course / edition / "en/01_mask.ipynb")
        names = list(found)
        for number, question, following in ((1, "count", "mask"), (2, "mask", "links")):
            *_, heading, hint, solution = names[: names.index(following)]
            assert [heading, hint] == [f"{question}-help", f"{question}-hint"]
            # JupyterLab folds what stands below such a heading.
            assert found[heading].metadata["jp-MarkdownHeadingCollapsed"] is True
            assert found[heading].source.startswith(f"### {number}: hint")
            # "Run All" gives nothing away.
            assert found[hint].source == f"# q{number}.hint()"
            assert found[solution].source == f"# q{number}.solution()"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_both_editions_run(built_course: Path, language: str) -> None:
    stub = cells(built_course / f"exercises/{language}/01_mask.ipynb")
    solved = cells(built_course / f"solutions/{language}/01_mask.ipynb")
    assert printed(stub["count-check"]) == "count None\n"
    assert printed(stub["mask-check"]) == "mask [Ellipsis]\n"
    assert printed(solved["count-check"]) == "graded\ncount 2\n"
    assert printed(solved["mask-check"]) == "graded\nmask [True, False]\n"


def test_one_translation_serves_both_editions(built_course: Path) -> None:
    stub = cells(built_course / "exercises/ko/01_mask.ipynb")
    solved = cells(built_course / "solutions/ko/01_mask.ipynb")
    assert stub["count-answer"].source == "def count(mask):\n    # 마스크에서 시작합니다.\n    ..."
    assert solved["count-answer"].source == (
        "def count(mask):\n    # 마스크에서 시작합니다.\n    ### BEGIN SOLUTION\n"
        "    # True는 1로 셉니다.\n    return sum(mask)  # 정수\n    ### END SOLUTION"
    )
    for edition in (stub, solved):
        assert edition["title"].source.startswith("# 연습 문제: 마스크 쓰기\n\n[강의]")


def test_answers_and_checks_carry_what_nbgrader_reads(built_course: Path) -> None:
    for path in [
        *built_course.glob("exercises/*/*.ipynb"),
        *built_course.glob("solutions/*/*.ipynb"),
    ]:
        found = cells(path)
        shared = {"schema_version": 3, "task": False, "cell_type": "code"}
        assert found["count-answer"].metadata == {
            "masklens": {"question": "count"},
            "nbgrader": shared
            | {"grade_id": "count-answer", "solution": True, "grade": False, "locked": False},
        }
        assert found["count-check"].metadata == {
            "masklens": {"question": "count"},
            "nbgrader": shared
            | {"grade_id": "count-check", "solution": False, "grade": True, "locked": True}
            | {"points": 2},
            "tags": ["counted"],
        }
        assert not found["setup"].metadata


# Code of lines and regions, where nbgrader wants each region: one kind in a cell.
LINE = st.sampled_from(
    ["x = 1", "    return x", "", "# a comment", "    ...", "\tx", "###", "y = {"]
)
LINES = st.lists(LINE, max_size=3)
INDENT = st.sampled_from(["", "    ", "        ", "\t"])


@st.composite
def regions(draw: st.DrawFn, name: str) -> str:
    """Code with regions of one kind anywhere in it."""
    lines = draw(LINES)
    for _ in range(draw(st.integers(0, 3))):
        begin, end = draw(INDENT), draw(INDENT)
        lines += [f"{begin}### BEGIN {name}", *draw(LINES), f"{end}### END {name}", *draw(LINES)]
    return "\n".join(lines)


def as_nbgrader(code: str, preprocessor: ClearSolutions | ClearHiddenTests, role: str) -> str:
    flags = {"solution": False, "grade": False, "locked": False} | {role: True}
    cell = nbformat.v4.new_code_cell(code, metadata={"nbgrader": {"grade_id": "x", **flags}})
    resources = {"language": "python"}
    source: str = preprocessor.preprocess_cell(cell, resources, 0)[0].source
    return source


@given(regions("SOLUTION").filter(lambda code: "### BEGIN" in code))
def test_a_stub_is_nbgraders(code: str) -> None:
    clear = ClearSolutions(code_stub={"python": "..."})
    assert stubbed(code) == as_nbgrader(code, clear, "solution")


@given(regions("HIDDEN TESTS"))
def test_hidden_tests_are_left_out_as_nbgrader_does(code: str) -> None:
    assert stubbed(code) == as_nbgrader(code, ClearHiddenTests(), "grade")


@given(regions("SOLUTION"))
def test_without_its_markers_code_is_what_was_written(code: str) -> None:
    written = [
        line for line in code.split("\n") if line.strip()[:8] not in {"### BEGI", "### END "}
    ]
    assert unmarked(code) == "\n".join(written)


def test_the_library_gets_the_solutions_in_each_language(built_course: Path) -> None:
    folder = built_course / "helpers/masklens_course/questions/solutions"
    assert sorted(path.name for path in folder.iterdir()) == ["en.json", "ko.json"]
    english, korean = (json.loads((folder / f"{code}.json").read_text()) for code in ("en", "ko"))
    assert list(english.items()) == [
        (
            "count",
            "def count(mask):\n    # Begin with the mask.\n    # True counts as one.\n"
            "    return sum(mask)  # an integer",
        ),
        ("mask", "mask = [\n    True,\n    False,\n]"),
    ]
    assert korean["count"].splitlines()[2:] == [
        "    # True는 1로 셉니다.",
        "    return sum(mask)  # 정수",
    ]
    for code in (english["count"], korean["count"]):
        names: dict[str, Callable[[list[bool]], int]] = {}
        exec(code, names)
        assert names["count"]([True, True, False]) == 2


def test_a_faulty_source_hinders_no_other(course: Path) -> None:
    folder = course / "content/exercises"
    more = EXERCISES.replace("mask", "zeros").replace("count", "total")
    (folder / "00_more.py").write_text(more.replace("zerosl", "maskl"), encoding="utf-8")
    (folder / "02_bad.py").write_text("no cell", encoding="utf-8")
    named = 'need_all_lessons = ["00_more", "02_bad"]'
    edit(course / "course.toml", "need_all_lessons = []", named)
    edit(course / SOURCE, "return sum(mask)", "return len(mask)")
    assert main(["build", "--root", str(course), "--draft"]) == 1
    assert (
        printed(cells(course / "solutions/en/00_more.ipynb")["total-check"]) == "graded\ntotal 2\n"
    )
    solutions = json.loads((course / KOREAN_SOLUTIONS).read_text(encoding="utf-8"))
    assert list(solutions) == ["count", "mask", "total", "zeros"]
    assert "return len(mask)" in solutions["count"]


def test_a_new_solution_is_run_where_it_stands(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(course / SOURCE, "return sum(mask)", "return len(mask)")
    assert main(["build", "--root", str(course)]) == 0
    said = capsys.readouterr().out
    assert re.findall(r"(\w+)/\w+/01_mask.ipynb: executed", said) == ["solutions"] * 2
    assert printed(cells(course / "solutions/ko/01_mask.ipynb")["count-check"]).endswith(
        "count 3\n"
    )
    assert "return len(mask)" in (course / KOREAN_SOLUTIONS).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("01", {"lessons/01_mask", "exercises/01_mask"}),
        ("exercises/01", {"exercises/01_mask"}),
        ("exercises", {"exercises/01_mask"}),
        ("lessons/01", {"lessons/01_mask"}),
    ],
)
def test_a_name_chooses_sources(built_course: Path, name: str, chosen: set[str]) -> None:
    assert set(map(full_name, build.chosen_sources(built_course, [name]))) == chosen


def test_update_makes_the_translations_follow(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(course / SOURCE, "# True counts as one.", "# True counts as 1.")
    assert main(["update", "--root", str(course), "exercises"]) == 0
    assert capsys.readouterr().out == f"{PO}: 8 entries, 0 missing, 1 fuzzy, 0 obsolete\n"
    assert main(["build", "--root", str(course), "exercises"]) == 1
    fault = f"{PO}: count-answer: fuzzy translation of 'True counts as 1.'"
    assert capsys.readouterr().err.count(fault) == 1


ANSWER = """\
mask = [
    ### BEGIN SOLUTION
    True,
    False,
    ### END SOLUTION
]
"""
TASK = '# %% [markdown] id="mask"\n"""\n## 2. Mask\n"""\n'
BEGIN, END = "    ### BEGIN SOLUTION\n    True,", "    False,\n    ### END SOLUTION\n"
TESTS = "### BEGIN HIDDEN TESTS\nq2.grade(mask)\n### END HIDDEN TESTS\n"
CHECK = f'# %% id="mask-check" points=1\nq2 = ml.question("mask")\n{TESTS}q2.check(mask)\n'
# What is planted in the source, and the fault: the cell, what is wrong, what to do.
FAULTS = {
    "no solution": (ANSWER, "mask = []\n", "mask-answer: 0 solutions: put the solution between"),
    "two solutions": (ANSWER, ANSWER * 2, "mask-answer: 2 solutions: put the solution between"),
    "no end": (END, "", "mask-answer: the markers do not pair: BEGIN SOLUTION: end each region"),
    "no begin": (BEGIN, "", "mask-answer: the markers do not pair: END SOLUTION: end each region"),
    "nested": (
        BEGIN,
        BEGIN + "\n### BEGIN SOLUTION",
        "mask-answer: the markers do not pair: BEGIN SOLUTION, BEGIN SOLUTION, END SOLUTION",
    ),
    "end of another": (
        END,
        "    ### END HIDDEN TESTS\n",
        "mask-answer: the markers do not pair: BEGIN SOLUTION, END HIDDEN TESTS",
    ),
    "ended twice": (
        f"### BEGIN HIDDEN{TESTS[16:]}q2.check(mask)",
        f"### END HIDDEN{TESTS[16:]}q2.check(mask)",
        "mask-check: the markers do not pair: END HIDDEN TESTS, END HIDDEN TESTS",
    ),
    "unended tests": (
        "### END HIDDEN TESTS\nq2.check(mask)",
        "q2.check(mask)",
        "mask-check: the markers do not pair: BEGIN HIDDEN TESTS",
    ),
    "a marker beside code": (
        BEGIN,
        "    True,  ### BEGIN SOLUTION\n",
        "mask-answer: 'True,  ### BEGIN SOLUTION' is no marker: let it stand alone",
    ),
    "a marker in prose": (
        "## 2. Mask",
        "## 2. Mask\n\nWrite it after BEGIN SOLUTION.",
        "mask: 'Write it after BEGIN SOLUTION.' is no marker",
    ),
    "a solution elsewhere": (
        "import masklens as ml\n",
        "### BEGIN SOLUTION\nimport masklens as ml\n### END SOLUTION\n",
        "setup: the marker of a region 'SOLUTION' in this cell: solutions belong in NAME-answer",
    ),
    "hidden tests elsewhere": (
        BEGIN,
        f"### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS\n{BEGIN}",
        "mask-answer: the marker of a region 'HIDDEN TESTS' in this cell",
    ),
    "no tests": (CHECK, "", 'mask-answer: no tests: check the answer: # %% id="mask-check"'),
    "no answer": (
        f'# %% id="mask-answer"\n{ANSWER}',
        "",
        'mask-check: no answer to check: add its cell: # %% id="mask-answer"',
    ),
    "no task": (TASK, "", 'mask-answer: no task: say what to do: # %% [markdown] id="mask"'),
    "a task of code": (
        TASK,
        '# %% id="mask"\n1\n',
        'mask-answer: no task: say what to do: # %% [markdown] id="mask"',
    ),
    "a check of prose": (
        CHECK,
        '# %% [markdown] id="mask-check" points=1\n"""\nMark it.\n"""\n',
        "mask-check: a markdown cell: make it code",
    ),
    "no grade": (TESTS, "", "mask-check: q2.grade() is not called in hidden tests"),
    "an open grade": (
        TESTS,
        "q2.grade(mask)\n",
        "mask-check: q2.grade() is not called in hidden tests: call it between ### BEGIN HIDDEN",
    ),
    "no check": ("q2.check(mask)\n", "", "mask-check: q2.check() is not called: call it outside"),
    "a hidden check": (
        "### END HIDDEN TESTS\nq2.check(mask)\n",
        "q2.check(mask)\n### END HIDDEN TESTS\n",
        "mask-check: q2.check() is not called: call it outside the hidden tests",
    ),
    "no points": ('"mask-check" points=1', '"mask-check"', "mask-check: no points: give a whole"),
    "half a point": (
        '"mask-check" points=1',
        '"mask-check" points=0.5',
        'mask-check: 0.5 points: give a whole number from 1: # %% id="mask-check" points=1',
    ),
    "points in words": (
        '"mask-check" points=1',
        '"mask-check" points="1"',
        "mask-check: '1' points: give a whole number from 1",
    ),
    "true points": (
        '"mask-check" points=1',
        '"mask-check" points=true',
        "mask-check: True points: give a whole number from 1",
    ),
    "zero points": (
        '"mask-check" points=1',
        '"mask-check" points=0',
        "mask-check: 0 points: give a whole number from 1",
    ),
    "another question": (
        'ml.question("mask")',
        'ml.question("count")',
        'mask-check: the questions asked: q2 = count: write q2 = ml.question("mask")',
    ),
    "no question": (
        'q2 = ml.question("mask")\n',
        "",
        'mask-check: the questions asked: none: write q2 = ml.question("mask")',
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_exercise_is_named(tmp_path: Path, name: str) -> None:
    old, new, fault = FAULTS[name]
    assert EXERCISES.count(old) == 1
    (tmp_path / SOURCE).parent.mkdir(parents=True)
    (tmp_path / SOURCE).write_text(EXERCISES.replace(old, new), encoding="utf-8")
    with pytest.raises(AuthoringError) as found:
        source.read(tmp_path, tmp_path / SOURCE)
    assert re.search(rf"(?m)^{SOURCE}:\d+: {re.escape(fault)}", str(found.value))


def test_each_fault_is_named_alone_and_stops_every_command(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(course / SOURCE, "### END HIDDEN TESTS\nq2.check(mask)\n", "### END HIDDEN TESTS\n")
    before = contents(course, "*.ipynb")
    line = EXERCISES.partition('# %% id="mask-check"')[0].count("\n") + 1
    fault = (
        f"{SOURCE}:{line}: mask-check: q2.check() is not called: call it outside the hidden tests\n"
    )
    for command in (["build"], ["build", "--draft", "exercises/01"], ["update"]):
        assert main([*command, "--root", str(course)]) == 1
        assert capsys.readouterr().err == fault
    assert main(["check", "--root", str(course)]) == 1
    assert capsys.readouterr().err.startswith(fault)
    assert contents(course, "*.ipynb") == before


def test_exercises_without_an_exercise_are_named(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson = (course / "content/lessons/01_mask.py").read_text(encoding="utf-8")
    (course / SOURCE).write_text(lesson, encoding="utf-8")
    assert main(["check", "--root", str(course)]) == 1
    fault = f'{SOURCE}: no exercise: write its answer: # %% id="NAME-answer"\n'
    assert fault in capsys.readouterr().err


def test_an_answer_in_a_lesson_is_named_but_a_check_is_none(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson = "content/lessons/01_mask.py"
    edit(course / lesson, 'id="mask"', 'id="mask-answer"')
    edit(course / lesson, '# %% id="setup"', '# %% id="length-check"\nlen([])\n\n# %% id="setup"')
    for command in ("check", "build"):
        assert main([command, "--root", str(course)]) == 1
        assert re.search(
            f"(?m)^{lesson}:21: mask-answer: an answer outside the exercises: move the exercise",
            said := capsys.readouterr().err,
        )
        assert "length-check: " not in said.replace("length-check: the cells are", "")


def test_stale_solutions_of_the_library_are_named(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(course / KOREAN_SOLUTIONS, "return sum", "return len")
    assert main(["check", "--root", str(course)]) == 1
    fault = f"{KOREAN_SOLUTIONS}: not gathered from the exercises as they are: run `make build`"
    assert capsys.readouterr().err.startswith(fault)
    (course / KOREAN_SOLUTIONS).unlink()
    assert main(["check", "--root", str(course)]) == 1
    assert main(["build", "--root", str(course)]) == 0
    assert main(["check", "--root", str(course)]) == 0


def test_korean_exercises_link_to_korean_notebooks(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = ["../../notebooks/en/01_mask.ipynb", "../../solutions/en/01_mask.ipynb"]
    for link in wrong:
        right = link.replace("/en/", "/ko/")
        edit(course / PO, f"({right}", f"({link}")
    assert main(["build", "--root", str(course)]) == 0
    capsys.readouterr()
    assert main(["check", "--root", str(course)]) == 1
    said = capsys.readouterr().err
    for edition in ("exercises", "solutions"):
        for link in wrong:
            assert re.search(rf"(?m)^{edition}/ko/01_mask.ipynb: \w+: \d links to {link}", said)


def test_korean_links_to_what_is_not_built_yet_are_dead_but_right(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, language in ((SOURCE, "en"), (PO, "en"), (PO, "ko")):
        link = "[풀이](" if language == "ko" else "[how]("
        edit(course / path, link, f"{link}../../exercises/{language}/02.ipynb) · {link}")
    assert main(["build", "--root", str(course), "exercises"]) == 0
    capsys.readouterr()
    assert main(["check", "--root", str(course), "exercises"]) == 1
    faults = capsys.readouterr().err.splitlines()
    assert len(faults) == 4
    assert all("title: the link ../../exercises/" in fault for fault in faults)


def test_links_to_other_repositories_stay(course: Path) -> None:
    link = "[other](https://github.com/other/course/blob/main/notebooks/en/01_mask.ipynb) ·"
    for path in (SOURCE, PO):
        edit(course / path, "[how](", f"{link} [how](")
    edit(course / PO, "[풀이](", f"{link} [풀이](")
    assert main(["build", "--root", str(course), "exercises"]) == 0
    assert main(["check", "--root", str(course), "exercises"]) == 0


def test_the_repository_setting_links_to_the_very_edition(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKLENS_REPOSITORY", "someone/course")
    assert main(["build", "--root", str(course)]) == 0
    for edition in ("exercises", "solutions"):
        place = f"https://github.com/someone/course/blob/main/{edition}/ko/01_mask.ipynb"
        assert place in cells(course / edition / "ko/01_mask.ipynb")["links"].source
    assert main(["check", "--root", str(course)]) == 0


@pytest.mark.parametrize("edition", ["exercises", "solutions"])
def test_faults_of_a_notebook_are_found_in_each_edition(
    course: Path, capsys: pytest.CaptureFixture[str], edition: str
) -> None:
    book = course / edition / "ko/01_mask.ipynb"
    edit(book, "mask = [", "mask = 1, [")
    shutil.copy(book, book.with_name("02_none.ipynb"))
    (course / edition / "en/01_mask.ipynb").unlink()
    assert main(["check", "--root", str(course)]) == 1
    said = capsys.readouterr().err
    assert f"{edition}/ko/01_mask.ipynb: mask-answer: the cell differs from its source" in said
    assert f"{edition}/ko/02_none.ipynb: the notebook has no source" in said
    assert f"{edition}/en/01_mask.ipynb: not built" in said
    assert f"{edition}/ko/01_mask.ipynb: links: the link ../en/01_mask.ipynb leads nowhere" in said


def test_points_are_changed_without_executing(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(course / SOURCE, "points=1", "points=3")
    assert main(["check", "--root", str(course)]) == 1
    fault = "exercises/en/01_mask.ipynb: mask-check: the cell differs from its source"
    assert fault in capsys.readouterr().err
    assert main(["build", "--root", str(course)]) == 0
    assert capsys.readouterr().out.count(": unchanged in ") == 6
    assert main(["check", "--root", str(course)]) == 0


@st.composite
def disturbed(draw: st.DrawFn) -> str:
    """The exercises after some lines were left out, repeated or moved."""
    lines = EXERCISES.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        line = lines.pop(draw(st.integers(0, len(lines) - 1)))
        for _ in range(draw(st.integers(0, 2))):
            lines.insert(draw(st.integers(0, len(lines))), line)
    return "\n".join(lines) + "\n"


@given(disturbed())
def test_what_is_read_is_what_nbgrader_makes_of_it(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    root = tmp_path_factory.getbasetemp() / "disturbed"
    path = root / SOURCE
    if not root.exists():
        write_course(root)
        edit(root / "course.toml", "= []", '= ["01_mask"]')
        path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    try:
        read = source.read(root, path)
    except AuthoringError:
        return
    stubs, solved = (
        notebook.translate(root, read, "en", None, None, edition)[0]
        for edition in ("exercises", "solutions")
    )
    resources: dict[str, object] = {}
    for step in (
        ClearSolutions(code_stub={"python": "..."}),
        CheckCellMetadata(),
        ClearHiddenTests(),
        ClearMarkScheme(),
    ):
        solved, resources = step.preprocess(solved, resources)
    assert [cell.source for cell in solved.cells] == [cell.source for cell in stubs.cells]
