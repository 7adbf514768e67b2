"""An author begins a lesson or an exercise, and a translator a language: what each has to touch."""

import re
import shutil
from pathlib import Path

import pytest
from conftest import cells
from other_letters import KEPT, in_other_letters

from authoring import catalog, contents, lists
from authoring.__main__ import main
from authoring.cells import LINKS, NEXT
from authoring.course import read

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def snapshot(root: Path) -> dict[str, bytes]:
    """Every file that somebody wrote, or that was built."""
    files = (path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    return {name for name in before | after if before.get(name) != after.get(name)}


def filled_in(path: Path) -> None:
    """Puts words in each place that a template leaves to its author."""
    left = re.compile(r"\{\{(?!number|minutes|lesson)([^{}]*)\}\}")
    text = path.read_text(encoding="utf-8")
    assert left.search(text)
    path.write_text(left.sub("Masks in streams", text), encoding="utf-8")


def translated(path: Path, language: str, into: str = "한국어입니다") -> None:
    """Translates what is missing in a PO file, as one who keeps the marks."""
    root = next(parent for parent in path.parents if (parent / "course.toml").exists())
    entries = catalog.read(root, path, language)
    for entry in entries:
        if catalog.state(entry):
            marks = re.compile(r"[A-Za-z][A-Za-z ,.]*[A-Za-z.,]|[A-Za-z]")
            kept = re.split(r"(\{\{\w+\}\}|`[^`]*`|\]\([^)]*\))", entry.msgid)
            entry.msgstr = "".join(
                part if number % 2 else marks.sub(into, part) for number, part in enumerate(kept)
            )
    catalog.write(path, entries)


# --- A lesson -------------------------------------------------------------------------------------


def test_an_author_adds_a_lesson_by_three_files(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("README.md", "README.ko.md"):
        marks = "<!-- languages -->\n<!-- /languages -->\n<!-- lessons -->\n<!-- /lessons -->\n"
        (course / name).write_text(f"# Course\n\n{marks}", encoding="utf-8")
    page = "\n".join(f"```{{container}} list\n{{{{{name}}}}}\n```\n" for name in lists.SITE_LISTS)
    (course / "content/pages/index.md").write_text(page, encoding="utf-8")
    assert main(["update", "--root", str(course)]) == 0
    before = snapshot(course)

    assert main(["new", "lesson", "15_demo", "--root", str(course)]) == 0
    assert "Next: fill in each {{...}} of content/lessons/15_demo.py" in capsys.readouterr().out
    source, po = "content/lessons/15_demo.py", "content/ko/lessons/15_demo.po"
    assert changed(before, snapshot(course)) == {source, po, "course.toml"}
    assert main(["check", "--root", str(course)]) == 1
    assert f"{source}:1: title: nothing stands for {{{{the question" in capsys.readouterr().err

    filled_in(course / source)
    edit_code(course / source)
    assert main(["update", "--root", str(course)]) == 0
    translated(course / po, "ko")
    assert main(["build", "--root", str(course)]) == 0
    assert main(["check", "--root", str(course)]) == 0
    written = {name for name in changed(before, snapshot(course)) if name.startswith("content/")}
    assert written == {source, po}
    listed_everywhere(course)


def edit_code(path: Path) -> None:
    """The library of the tiny course can do no more than say a word."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"(?m)^ml\.(pad|progress)\(.*$", "print(ml.label())", text)
    path.write_text(text, encoding="utf-8")


def listed_everywhere(root: Path) -> None:
    for code, topic in (("en", "Masks in streams"), ("ko", "한국어입니다")):
        demo = f"[15 {topic}](notebooks/{code}/15_demo.ipynb) | {topic} | 5 |"
        readme = root / ("README.md" if code == "en" else "README.ko.md")
        rows = readme.read_text(encoding="utf-8").splitlines()
        place = next(number for number, row in enumerate(rows) if demo in row)
        assert "01_mask" in rows[place - 1]
        first, second = (
            cells(root / "notebooks" / code / f"{name}.ipynb") for name in ("01_mask", "15_demo")
        )
        assert f"[15 {topic}](15_demo.ipynb)" in first[NEXT].source
        assert "(01_mask.ipynb)" in second[NEXT].source
        assert f"*15 {topic} · 5 " in second["title"].source
        assert "[한국어](../ko/15_demo.ipynb)" in second[LINKS].source
        values = lists.site_values(contents.read(root, code))
        assert f"- [15 {topic}](lessons/15_demo.ipynb)\n  {topic}\n  *5" in values["lessons"]
        assert values["lesson_pages"].splitlines()[-1] == f"15 {topic} <lessons/15_demo>"


def test_a_lesson_stands_between_its_neighbours(course: Path) -> None:
    for name in ("15_demo", "00_start", "08_more"):
        assert main(["new", "lesson", name, "--root", str(course)]) == 0
    names = [lesson.name for lesson in read(course).lessons]
    assert names == ["00_start", "01_mask", "08_more", "15_demo"]


# --- An exercise ----------------------------------------------------------------------------------


def test_an_exercise_begins_a_set_and_joins_one(course: Path) -> None:
    before = snapshot(course)
    for name in ("count-masks", "hide-masks"):
        assert main(["new", "exercise", name, "--set", "01_mask", "--root", str(course)]) == 0
    questions = "helpers/masklens_course/questions/mask.py"
    source, po = "content/exercises/01_mask.py", "content/ko/exercises/01_mask.po"
    assert changed(before, snapshot(course)) == {source, po, questions, "course.toml"}
    assert read(course).lessons[0].exercises == "01_mask"
    module = (course / questions).read_text(encoding="utf-8")
    assert module.endswith("\nQUESTIONS = (_COUNT_MASKS, _HIDE_MASKS)\n")
    compile(module, questions, "exec")

    filled_in(course / source)
    edit_code(course / source)
    filled_in(course / questions)
    assert main(["update", "--root", str(course)]) == 0
    translated(course / po, "ko")
    translated(course / "helpers/masklens/locale/ko/LC_MESSAGES/masklens.po", "ko")
    assert main(["build", "--root", str(course)]) == 0
    assert main(["check", "--root", str(course)]) == 0
    for name in ("count-masks-answer", "hide-masks-answer"):
        assert "..." in cells(course / "exercises/ko/01_mask.ipynb")[name].source
    lesson = cells(course / "notebooks/en/01_mask.ipynb")
    assert "(../../exercises/en/01_mask.ipynb)" in lesson[NEXT].source


# --- A language -----------------------------------------------------------------------------------


def translate_all(root: Path, language: str) -> None:
    """Translates every PO file of a language."""
    for path in [path for path in root.rglob("*.po") if language in path.parts]:
        entries = catalog.read(root, path, language)
        for entry in entries:
            entry.msgstr = in_other_letters(entry.msgid)
            for form in entry.msgstr_plural:
                entry.msgstr_plural[form] = in_other_letters(entry.msgid_plural)
        catalog.write(path, entries)


def test_a_translator_adds_a_language_by_po_files_alone(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("authoring", "classroom", "docs"):  # their words are those of the real course
        shutil.copytree(ROOT / folder, course / folder, ignore=shutil.ignore_patterns("_build"))
    before = snapshot(course)
    assert main(["new", "language", "el", "--root", str(course)]) == 0
    assert "Next: translate the PO files in content/el" in capsys.readouterr().out
    (language,) = read(course).languages[2:]
    assert (language.code, language.name, language.locale) == ("el", "Ελληνικά", "el_GR")
    translate_all(course, "el")
    assert main(["build", "--root", str(course)]) == 0
    assert main(["check", "--root", str(course)]) == 0

    touched = {name for name in changed(before, snapshot(course)) if name.endswith((".py", ".po"))}
    assert touched and all("/el/" in name for name in touched)
    greek = cells(course / "notebooks/el/01_mask.ipynb")
    for code in ("en", "ko"):
        links = cells(course / "notebooks" / code / "01_mask.ipynb")["links"].source
        assert "[Ελληνικά](../el/01_mask.ipynb)" in links
    assert greek["setup"].source.endswith('ml.set_language("el")')
    for name in ("title", "links"):
        prose = "".join(KEPT.split(greek[name].source)).replace("English", "")
        assert not re.search("[A-Za-z]", prose), prose


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ("lesson 2-streams", "'2-streams': malformed name: write a lesson as 08_streams"),
        ("lesson 01_mask", "content/lessons/01_mask.py: exists already: choose another"),
        ("lesson 01_again", "01_again: 01_mask has the number 01 already: choose another"),
        ("exercise Count --set 01_mask", "'Count': malformed name: write an exercise as pad-twice"),
        ("exercise count", "'': malformed name: name the set that it belongs to: --set 01_padding"),
        ("exercise count --set 02_x", "02_x: no such set, and no such lesson: choose one of: 01_m"),
        ("exercise mask --set 01_mask", "mask: content/lessons/01_mask.py has such a cell already"),
        ("language ko", "ko: course.toml has it already: choose another"),
        ("language Greek", "'Greek': malformed name: write a language as ja or pt_BR"),
        ("language qaa", "qaa: Babel knows no such language: say --called and --locale"),
        ("language el --locale greek", "course.toml: languages.el: not a code of a language:"),
    ],
)
def test_what_cannot_be_begun_is_one_line_and_leaves_nothing(
    course: Path, capsys: pytest.CaptureFixture[str], arguments: str, fault: str
) -> None:
    before = snapshot(course)
    assert main(["new", *arguments.split(), "--root", str(course)]) == 1
    said = capsys.readouterr()
    assert said.err.startswith(fault) and said.err.count("\n") == 1 and said.out == ""
    assert snapshot(course) == before


@pytest.mark.parametrize(
    ("arguments", "broken"),
    [
        ("lesson 02_more", "content/ko/lessons/02_more.po"),
        ("exercise count --set 01_mask", "content/ko/exercises/01_mask.po"),
        ("language el", "content/lessons/01_mask.py"),
    ],
)
def test_where_a_file_is_broken_nothing_is_half_made(
    course: Path, arguments: str, broken: str
) -> None:
    (course / broken).parent.mkdir(exist_ok=True)
    (course / broken).write_text("neither", encoding="utf-8")
    before = snapshot(course)
    assert main(["new", *arguments.split(), "--root", str(course)]) == 1
    assert snapshot(course) == before


def test_a_language_that_babel_does_not_know_is_described(course: Path) -> None:
    described = ["--called", "Qa", "--locale", "qaa"]
    assert main(["new", "language", "qaa", *described, "--root", str(course)]) == 0
    assert read(course).languages[2].name == "Qa"
