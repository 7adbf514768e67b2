"""Translations follow their English, and nothing that a translator wrote is lost."""

import gettext
import io
from pathlib import Path

import pytest
from conftest import po_text
from hypothesis import given
from hypothesis import strategies as st
from polib import POEntry, POFile

from authoring import catalog
from authoring.__main__ import main
from authoring.layout import AuthoringError

PO = Path("content/ko/lessons/01_mask.po")
SOURCE = Path("content/lessons/01_mask.py")


def english(*texts: str, cell: str = "cell") -> list[POEntry]:
    return [POEntry(msgid=text, msgctxt=cell) for text in texts]


def translated(entries: dict[str, str], cell: str = "cell") -> POFile:
    known = entries.items()
    return catalog.new("ko", [POEntry(msgid=i, msgstr=text, msgctxt=cell) for i, text in known])


def entries(found: POFile) -> list[tuple[str, str, str, bool]]:
    return [(m.msgctxt, m.msgid, m.msgstr, m.fuzzy) for m in found if not m.obsolete]


def rewritten(path: Path, old: POFile) -> POFile:
    """What stands in the file after it was written, by way of the file itself."""
    catalog.write(path, old)
    return catalog.read(path.parent, path, "ko")


def test_a_new_block_becomes_an_empty_entry_at_its_place() -> None:
    updated = catalog.update(translated({"One.": "하나."}), english("Begin here.", "One."))
    assert entries(updated) == [
        ("cell", "Begin here.", "", False),
        ("cell", "One.", "하나.", False),
    ]


def test_changed_english_turns_fuzzy_and_is_remembered(tmp_path: Path) -> None:
    old = translated({"The mask is lost here.": "마스크가 여기서 사라집니다."})
    changed = english("The mask is lost there.")
    updated = rewritten(tmp_path / "a.po", catalog.update(old, changed))
    assert entries(updated) == [
        ("cell", "The mask is lost there.", "마스크가 여기서 사라집니다.", True)
    ]
    text = (tmp_path / "a.po").read_text(encoding="utf-8")
    assert '#, fuzzy\n#| msgid "The mask is lost here."\n' in text
    # A second change still remembers the English that was translated, and undoing both ends it.
    again = rewritten(
        tmp_path / "b.po", catalog.update(updated, english("The mask is gone there."))
    )
    assert '#| msgid "The mask is lost here."\n' in (tmp_path / "b.po").read_text(encoding="utf-8")
    undone = catalog.update(again, english("The mask is lost here."))
    assert entries(undone) == entries(old)


def test_removing_the_fuzzy_flag_is_enough_to_settle_an_entry(tmp_path: Path) -> None:
    old = translated({"The mask is lost here.": "마스크가 사라집니다."})
    changed = english("The mask is lost there.")
    path = tmp_path / "a.po"
    catalog.write(path, catalog.update(old, changed))
    path.write_text(path.read_text(encoding="utf-8").replace("#, fuzzy\n", ""), encoding="utf-8")
    settled = catalog.update(catalog.read(tmp_path, path, "ko"), changed)
    assert entries(settled) == [("cell", "The mask is lost there.", "마스크가 사라집니다.", False)]


def test_a_block_that_moves_to_another_cell_keeps_its_translation() -> None:
    updated = catalog.update(translated({"One.": "하나."}), english("One.", cell="other"))
    assert entries(updated) == [("other", "One.", "하나.", False)]


def test_removed_english_becomes_obsolete_and_may_return(tmp_path: Path) -> None:
    old = translated({"One.": "하나.", "Quite another thing": "전혀 다른 것", "Empty": ""})
    updated = rewritten(tmp_path / "a.po", catalog.update(old, english("One.")))
    assert entries(updated) == [("cell", "One.", "하나.", False)]
    assert [m.msgstr for m in updated.obsolete_entries()] == ["전혀 다른 것"]
    text = (tmp_path / "a.po").read_text(encoding="utf-8")
    assert '#~ msgctxt "cell"\n#~ msgid "Quite another thing"\n' in text
    back = catalog.update(updated, english("One.", "Quite another thing"))
    assert entries(back)[1] == ("cell", "Quite another thing", "전혀 다른 것", False)
    assert not back.obsolete_entries()


def test_a_translators_comments_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.po"
    text = po_text({("cell", "One."): "하나."}).replace("\nmsgctxt", "\n# A doubt.\nmsgctxt")
    path.write_text(f"# Translated by Ada.\n{text}", encoding="utf-8")
    updated = catalog.update(catalog.read(tmp_path, path, "ko"), english("One, two."))
    catalog.write(path, updated)
    written = path.read_text(encoding="utf-8")
    assert written.startswith('# Translated by Ada.\nmsgid ""\n')
    assert "# A doubt.\n#, fuzzy\n" in written


def test_a_string_that_gains_a_plural_keeps_its_translation(tmp_path: Path) -> None:
    single = [POEntry(msgid="%(n)d step")]
    plural = [POEntry(msgid="%(n)d step", msgid_plural="%(n)d steps")]
    old = catalog.new("ko", [POEntry(msgid="%(n)d step", msgstr="%(n)d단계")])
    (entry,) = rewritten(tmp_path / "a.po", catalog.update(old, plural))
    assert entry.msgstr_plural == {0: "%(n)d단계"}
    (entry,) = catalog.update(catalog.update(old, plural), single)
    assert entry.msgstr == "%(n)d단계"


@given(
    st.dictionaries(
        st.text(
            st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just("\n"), min_size=1
        ),
        st.text("가나 \"\\\n\t'#~"),
        max_size=5,
    )
)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, texts: dict[str, str]
) -> None:
    path = tmp_path_factory.mktemp("po") / "a.po"
    old = translated(texts)
    again = rewritten(path, old)
    assert entries(again) == entries(old)
    content = path.read_bytes()
    catalog.write(path, catalog.update(again, old))
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda text: text.replace('msgstr "하나."', 'msgstr "하나.'), 6),
        (lambda text: text.replace('msgstr "하나."', 'msgstr "하나.\\"'), 6),
        (lambda text: text.replace('msgid "One."', "<<<<<<< HEAD"), 5),
        (lambda text: text.replace('msgid "One."', 'msgjd "One."'), 5),
        (lambda text: text.replace('msgid "One."\n', ""), 5),
    ],
    ids=["open quote", "escaped quote", "merge conflict", "unknown keyword", "no msgid"],
)
def test_a_broken_file_is_named_with_its_line_and_left_alone(course: Path, damage, line) -> None:
    path = course / PO
    path.write_text(damage(po_text({("title", "One."): "하나."})), encoding="utf-8")
    before = {file: file.read_bytes() for file in course.rglob("*.po")}
    with pytest.raises(AuthoringError, match=f"{PO.as_posix()}:{line}: "):
        catalog.read(course, path, "ko")
    assert main(["update", "--root", str(course)]) == 1
    assert {file: file.read_bytes() for file in course.rglob("*.po")} == before


def test_update_depends_on_nothing_but_the_sources(course: Path) -> None:
    assert main(["update", "--root", str(course)]) == 0
    first = (course / PO).read_bytes()
    lines = (course / SOURCE).read_text(encoding="utf-8")
    (course / SOURCE).write_text(lines.replace('"""\n\n#', '"""\n\n\n\n#'), encoding="utf-8")
    assert main(["update", "--root", str(course)]) == 0
    assert (course / PO).read_bytes() == first
    assert b"Date" not in first


def test_a_new_language_is_three_lines_of_the_manifest(course: Path) -> None:
    with (course / "course.toml").open("a") as manifest:
        manifest.write('[languages.fr]\nname = "Français"\nlocale = "fr_FR"\n')
    assert main(["update", "--root", str(course)]) == 0
    french = catalog.read(course, course / "content/fr/lessons/01_mask.po", "fr")
    korean = catalog.read(course, course / PO, "ko")
    assert [e[:2] for e in entries(french)] == [e[:2] for e in entries(korean)]
    strings = course / "helpers/masklens/locale/fr/LC_MESSAGES/masklens.po"
    assert [entry.msgid for entry in catalog.read(course, strings, "fr")] == ["mask"]


def test_the_compiled_catalogue_is_what_gettext_reads(tmp_path: Path) -> None:
    old = translated({"One.": "하나.", "Later": ""})
    old += [
        POEntry(msgid="Two.", msgstr="둘."),
        POEntry(msgid="Three.", msgstr="셋.", flags=["fuzzy"]),
        POEntry(msgid="%(n)d step", msgid_plural="%(n)d steps", msgstr_plural={0: "%(n)d단계"}),
    ]
    compiled = catalog.compiled(old)
    found = gettext.GNUTranslations(io.BytesIO(compiled))
    assert found.pgettext("cell", "One.") == "하나."
    assert found.gettext("Two.") == "둘."
    assert found.gettext("Three.") == "Three."
    assert found.pgettext("cell", "Later") == "Later"
    assert found.ngettext("%(n)d step", "%(n)d steps", 2) == "%(n)d단계"
    assert catalog.compiled(rewritten(tmp_path / "a.po", old)) == compiled
