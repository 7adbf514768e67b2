"""The words that stand in no source: found where they are marked, translated, and nowhere else."""

import gettext
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sphinx
from babel.messages.extract import extract_from_file
from conftest import po_text
from polib import POEntry

from authoring import catalog, words
from authoring.__main__ import main

ROOT = Path(__file__).parents[2]
KOREAN = words.interface_path(ROOT, "ko")
CLASSROOM = ROOT / "classroom" / "locale" / "ko" / "LC_MESSAGES" / "classroom.mo"
# What holds rules about Korean itself.
ABOUT_KOREAN = {
    *("authoring/check.py", "authoring/korean.py"),
    *("docs/korean_search.js", "docs/korean_search.py"),
}


def test_code_and_templates_hold_no_word_of_another_language() -> None:
    written = {
        path.relative_to(ROOT).as_posix()
        for folder in ("authoring", "classroom", "docs")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".css", ".html", ".j2", ".js", ".py"} and "_build" not in path.parts
        if re.search("[가-힣]", path.read_text(encoding="utf-8"))
    }
    assert written == ABOUT_KOREAN


def test_what_the_scripts_of_sphinx_say_is_in_the_catalogue() -> None:
    static = Path(sphinx.__file__).parent / "themes" / "basic" / "static"
    keywords = {"_": None, "Documentation.gettext": None, "Documentation.ngettext": (1, 2)}
    said: set[str] = set()
    for name in ("searchtools.js", "sphinx_highlight.js"):
        for _, text, _, _ in extract_from_file("javascript", static / name, keywords=keywords):
            said.add(text if isinstance(text, str) else text[0])
    known = {entry.msgid for entry in words.of_interface(ROOT)}
    assert len(said) > 5
    assert said <= known


def test_the_script_for_sphinx_holds_what_its_scripts_say_and_no_more(tmp_path: Path) -> None:
    words.write_for_sphinx(ROOT, "ko", tmp_path)
    script = (tmp_path / "ko" / "LC_MESSAGES" / "sphinx.js").read_text(encoding="utf-8")
    assert '"Searching": "검색하고 있습니다"' in script
    assert "Run in Colab" not in script
    for_pages = gettext.translation("sphinx", tmp_path, ["ko"])
    assert for_pages.gettext("Run in Colab") == "Colab에서 실행"


def test_the_classroom_has_its_own_words_and_no_others() -> None:
    with CLASSROOM.open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    known = catalog.by_key(catalog.read(ROOT, KOREAN, "ko"))
    sentence = "it took longer than {patience} seconds"
    assert compiled.gettext(sentence) == known[sentence, None].msgstr != sentence
    assert compiled.gettext("Run in Colab") == "Run in Colab"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("ko", "45초가 넘게 걸렸습니다"),
        ("en", "it took longer"),
        ("", "it took"),
        ("xx", "it took"),
    ],
)
def test_the_classroom_speaks_the_language_of_its_setting(language: str, said: str) -> None:
    script = (
        "import pull; print(pull._('it took longer than {patience} seconds').format(patience=45))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT / "classroom",
        env=os.environ | {"MASKLENS_LANGUAGE": language, "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.startswith(said)


def test_a_word_without_a_translation_is_named_and_then_translated(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = course / "docs" / "templates" / "page.html"
    template.parent.mkdir(parents=True)
    template.write_text('<p>{{ _("Find a mask") }}</p>', encoding="utf-8")
    assert main(["check", "--root", str(course)]) == 1
    said = capsys.readouterr().err
    assert "content/ko/interface.po: missing translation of 'Find a mask'" in said
    assert main(["update", "--root", str(course)]) == 0
    po = words.interface_path(course, "ko")
    assert 'msgid "Find a mask"\nmsgstr ""' in po.read_text(encoding="utf-8")
    po.write_text(po_text({("", "Find a mask"): "마스크 찾기"}), encoding="utf-8")
    assert main(["build", "--root", str(course)]) == 0
    assert main(["check", "--root", str(course)]) == 0
    assert words.speaker(course, "ko")("Find a mask") == "마스크 찾기"
    assert words.speaker(course, "en")("Find a mask") == "Find a mask"


@pytest.mark.parametrize(("language", "forms"), [("ko", 1), ("en", 2), ("pl", 3)])
def test_a_new_word_has_as_many_forms_as_its_language(
    language: str, forms: int, tmp_path: Path
) -> None:
    english = [POEntry(msgid="one page", msgid_plural="{n} pages")]
    po = tmp_path / "words.po"
    catalog.write(po, catalog.update(catalog.new(language), english))
    (entry,) = catalog.read(tmp_path, po, language)
    assert entry.msgstr_plural == dict.fromkeys(range(forms), "")
