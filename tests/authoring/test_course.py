"""The manifest: what is wrong with it is said in one line, and what lists lessons follows it."""

import json
from functools import partial
from pathlib import Path

import pytest
from conftest import Plant, cells, text

from authoring import contents, lists
from authoring.__main__ import main
from authoring.cells import LINKS, NEXT
from authoring.course import read
from authoring.layout import AuthoringError
from masklens_course.questions import exercise_sets

ROOT = Path(__file__).parents[2]
COURSE = read(ROOT)
LESSON = "[lessons.01_mask]\n"
KOREAN = '[languages.ko]\nname = "한국어"\nlocale = "ko_KR"\n'

manifest = partial(text, "course.toml")


def moved(old: str, new: str) -> Plant:
    def plant(root: Path) -> None:
        (root / new).parent.mkdir(parents=True, exist_ok=True)
        (root / old).rename(root / new)

    return plant


FAULTS = {
    "no manifest": (moved("course.toml", "other.toml"), "no manifest here: write one"),
    "no TOML": (manifest(LESSON, f"{LESSON}exercises =\n"), "not TOML: Invalid value"),
    "unknown key": (
        manifest(LESSON, f"{LESSON}minutes = 9\n"),
        "lessons.01_mask: unknown key 'minutes': use: exercises, formerly",
    ),
    "unknown key on top": (
        manifest("repository =", 'adress = ""\nrepository ='),
        "unknown key 'adress': use: repository, address",
    ),
    "missing key": (manifest('name = "한국어"\n', ""), "languages.ko: missing key 'name'"),
    "missing key on top": (manifest('address = ""\n', ""), "missing key 'address': add it"),
    "another type": (
        manifest(LESSON, f"{LESSON}exercises = 1\n"),
        "lessons.01_mask: exercises = 1 is no str",
    ),
    "no table": (manifest(LESSON, "[lessons]\n01_mask = 10\n"), "lessons.01_mask: 10 is no table"),
    "no lesson": (manifest(LESSON, "[lessons]\n"), "lessons: none is listed: begin with"),
    "no source": (
        manifest(LESSON, f"{LESSON}\n[lessons.02_more]\n"),
        "lessons: 02_more has no source content/lessons/02_more.py: write it",
    ),
    "no set": (
        manifest("need_all_lessons = []", 'need_all_lessons = ["09_all"]'),
        "exercises: 09_all has no source content/exercises/09_all.py",
    ),
    "one number twice": (
        manifest(LESSON, f"{LESSON}\n[lessons.01_again]\n"),
        "lessons.01_again: 01_mask has the number 01, too: give it a number of its own",
    ),
    "one set twice": (
        manifest("need_all_lessons = []", 'need_all_lessons = ["09_all", "09_all"]'),
        "the exercises 09_all are named 2 times: name them once",
    ),
    "malformed name": (
        manifest("[lessons.01_mask]", "[lessons.mask]"),
        "malformed name 'mask': write it as 01_padding",
    ),
    "English not first": (
        manifest("[languages.en]", "[languages.de]"),
        "languages: the first language is 'de': begin with [languages.en]",
    ),
    "malformed locale": (
        manifest('"ko_KR"', '"korean"'),
        "languages.ko: not a code of a language: 'korean': write it as ko or ko_KR",
    ),
    "no PO file": (
        manifest(KOREAN, KOREAN + '\n[languages.fr]\nname = "Français"\nlocale = "fr_FR"\n'),
        "languages.fr: no PO file in content/fr: make them: make catalogs",
    ),
    "malformed repository": (
        manifest('repository = ""', 'repository = "someone"'),
        "repository = 'someone' is none: write it as owner/name",
    ),
    "malformed address": (
        manifest('address = ""', 'address = "someone.org"'),
        "address = 'someone.org' is none: write it as https://",
    ),
}
BESIDE = {
    "no lesson for a source": (
        moved("content/lessons/01_mask.py", "content/lessons/02_mask.py"),
        "content/lessons/02_mask.py: course.toml does not list it: add [lessons.02_mask]",
    ),
    "no lesson for exercises": (
        lambda root: moved("content/glossary.csv", "content/exercises/01_mask.py")(root),
        "content/exercises/01_mask.py: course.toml does not list it: add exercises = ",
    ),
    "no language for a folder": (
        manifest(KOREAN, ""),
        "content/ko: a folder of translations, but course.toml has no such language: add",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_with_the_manifest_is_one_line(
    course: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    plant, fault = FAULTS[name]
    plant(course)
    assert main(["check", "--root", str(course)]) == 1
    assert f"course.toml: {fault}" in (said := capsys.readouterr().err)
    if "named" not in fault:
        assert said.count("\n") == 1


@pytest.mark.parametrize("name", BESIDE)
def test_files_that_the_manifest_does_not_know_are_named(
    course: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    plant, fault = BESIDE[name]
    plant(course)
    for command in ("build", "check"):
        assert main([command, "--root", str(course)]) == 1
        assert fault in capsys.readouterr().err


def test_a_font_that_is_missing_is_named(course: Path) -> None:
    (course / "helpers/masklens/plots/fonts").mkdir(parents=True)
    manifest('locale = "ko_KR"', 'locale = "ko_KR"\nfont = "none.otf"')(course)
    with pytest.raises(AuthoringError, match=r"languages\.ko: no font 'none\.otf' in helpers/"):
        read(course)


# --- What is made from it -------------------------------------------------------------------------


def test_the_library_has_the_sets_of_the_manifest_in_their_order() -> None:
    assert [one.name for one in exercise_sets()] == COURSE.sets
    needing_all = [one.name for one in exercise_sets() if one.needs_all_lessons]
    assert needing_all == [*COURSE.need_all_lessons]


@pytest.mark.parametrize("language", COURSE.codes)
def test_every_lesson_leads_to_its_languages_its_exercises_and_the_next(language: str) -> None:
    names = [lesson.name for lesson in COURSE.lessons]
    for lesson, following in zip(COURSE.lessons, [*names[1:], names[0]], strict=True):
        path = ROOT / "notebooks" / language / f"{lesson.name}.ipynb"
        found = {name: cell.source for name, cell in cells(path).items()}
        assert [*found][-2:] == [NEXT, LINKS]
        for each in COURSE.languages:
            assert f"[{each.name}](../{each.code}/{lesson.name}.ipynb)" in found[LINKS]
        assert f"({following}.ipynb)" in found[NEXT]
        if lesson.exercises:
            practise = f"(../../exercises/{language}/{lesson.exercises}.ipynb)"
            assert practise in found[NEXT]


@pytest.mark.parametrize("language", COURSE.codes)
def test_the_first_lesson_lists_the_others_with_question_and_minutes(language: str) -> None:
    listed = contents.read(ROOT, language)
    first, *others = COURSE.lessons
    text = (ROOT / "notebooks" / language / f"{first.name}.ipynb").read_text(encoding="utf-8")
    for lesson in others:
        question = listed.heading(f"lessons/{lesson.name}")
        minutes = listed.minutes(f"lessons/{lesson.name}")
        row = f"| {lesson.number} | [{question}]({lesson.name}.ipynb) | {minutes} |"
        assert json.dumps(row, ensure_ascii=False).strip('"') in text


def test_a_list_says_the_topic_of_a_lesson_and_of_exercises_in_each_language() -> None:
    english, korean = (contents.read(ROOT, code) for code in ("en", "ko"))
    assert english.entry("lessons/01_padding") == "01 Padding"
    assert korean.entry("lessons/01_padding") == "01 패딩"
    assert english.entry("exercises/01_padding") == "01 Pad a batch"
    assert korean.entry("exercises/99_all_together") == "종합 문제"


def listing(root: Path) -> None:
    """Gives the course what lists lessons: two READMEs, and the first page of the site."""
    marks = "".join(f"<!-- {name} -->\n<!-- /{name} -->\n" for name in ("languages", "lessons"))
    for name in ("README.md", "README.ko.md"):
        (root / name).write_text(f"# Course\n\n{marks}\nMore.\n", encoding="utf-8")
    page = "\n".join(f"```{{container}} a\n{{{{{name}}}}}\n```\n" for name in lists.SITE_LISTS)
    (root / "content/pages/index.md").write_text(page, encoding="utf-8")
    assert main(["build", "--root", str(root)]) == 0


def test_a_readme_lists_languages_and_lessons_between_its_marks(course: Path) -> None:
    listing(course)
    assert (course / "README.ko.md").read_text(encoding="utf-8") == (
        "# Course\n\n<!-- languages -->\n[English](README.md) · **한국어**\n<!-- /languages -->\n"
        "<!-- lessons -->\n| 레슨 | 질문 | 시간(분) | 연습 문제 | 시간(분) |\n"
        "|---|---|---|---|---|\n"
        "| [01 마스크란 무엇인가요?](notebooks/ko/01_mask.ipynb) | 마스크란 무엇인가요? | 5 | | |\n"
        "| 모두 합하면 | | 5 | | 0 |\n"
        "<!-- /lessons -->\n\nMore.\n"
    )
    assert main(["check", "--root", str(course)]) == 0


DRIFT = {
    "a README's row": (text("README.md", "| 5 | | |", "| 15 | | |"), "README.md: its lists differ"),
    "a README's language": (
        text("README.ko.md", "[English](README.md) · ", ""),
        "README.ko.md: its lists differ from course.toml: run `make build`",
    ),
    "a README's marks": (
        text("README.md", "<!-- /lessons -->", ""),
        "README.md: no marks for its lessons: put <!-- lessons --> and <!-- /lessons -->",
    ),
    "a list of the site": (
        text("content/pages/index.md", "{{lesson_pages}}", ""),
        "content/pages/index.md: no {{lesson_pages}}: write it",
    ),
    "a list by hand": (
        text("content/pages/index.md", "{{lessons}}", "{{lessons}}\n01 Mask <lessons/01_mask>"),
        "content/pages/index.md: lists lessons/01_mask by hand: leave it",
    ),
    "a name of a language": (
        manifest('name = "English"', 'name = "Plain English"'),
        "notebooks/ko/01_mask.ipynb: links: the cell differs from its source",
    ),
    "a link to a language": (
        text("notebooks/en/01_mask.ipynb", "(../ko/01_mask.ipynb)", "(../en/01_mask.ipynb)"),
        "notebooks/en/01_mask.ipynb: links: the cell differs from its source",
    ),
    "questions without exercises": (
        lambda root: (root / "helpers/masklens_course/questions/mask.py").touch(),
        "helpers/masklens_course/questions/mask.py: no exercises of course.toml are called NN_mask",
    ),
    "sets that the library knows": (
        text("helpers/masklens_course/questions/sets.json", "{}\n", '{"09_all": {}}\n'),
        "helpers/masklens_course/questions/sets.json: not gathered from the exercises",
    ),
    "a placeholder that a translator changed": (
        text("content/ko/lessons/01_mask.po", "`pre` 또는", "{{places}} `pre` 또는"),
        "content/ko/lessons/01_mask.po: title: {{places}} stands 1 times, not 0: keep it",
    ),
    "a placeholder for nothing": (
        text("content/lessons/01_mask.py", "A mask says", "A mask of {{hours}} says"),
        "content/lessons/01_mask.py:1: title: nothing stands for {{hours}}: fill it in, or write",
    ),
}


@pytest.mark.parametrize("name", DRIFT)
def test_a_list_that_drifts_is_named(
    course: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    listing(course)
    plant, fault = DRIFT[name]
    plant(course)
    capsys.readouterr()
    assert main(["check", "--root", str(course)]) == 1
    assert fault in capsys.readouterr().err


def test_the_manifest_says_where_notebooks_are_published(course: Path) -> None:
    manifest('repository = ""', 'repository = "someone/course"')(course)
    assert main(["build", "--root", str(course)]) == 0
    links = (course / "notebooks/ko/01_mask.ipynb").read_text(encoding="utf-8")
    assert "https://github.com/someone/course/blob/main/notebooks/ko/01_mask.ipynb" in links
    assert main(["check", "--root", str(course)]) == 0
