"""No Korean text leaves the choice of a particle to its reader, as in 은(는) or (으)로."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polib
import pytest

ROOT = Path(__file__).parents[2]
# A particle that has two forms: the right one depends on the last sound of the word before it.
_FORMS = "은|는|이|가|을|를|와|과|으로|로|이나|나|이랑|랑|이라|라|이든|든|이며|며|이면|면|아|야"
BOTH_FORMS = re.compile(rf"(?:{_FORMS})\((?:{_FORMS}|으|이)\)|\((?:으|이)\)[가-힣]")
# One form behind a name that is filled in; only the copula (입니다, 인데) suits every name.
BEHIND_A_FIELD = re.compile(
    r"\}[\"'`”’)]*(?:은|는|이|가|을|를|와|과|으로|로|이나|나|이라|라)(?![가-힣])"
)
BUILT = sorted(
    path
    for folder in ("notebooks", "exercises", "solutions", "pages")
    for path in (ROOT / folder / "ko").rglob("*")
    if path.suffix in {".ipynb", ".md"}
)
CATALOGUES = [
    *sorted((ROOT / "content" / "ko").rglob("*.po")),
    *sorted((ROOT / "helpers").rglob("ko/**/*.po")),
]
OTHERS = sorted(
    path
    for folder in ("authoring", "classroom", "docs", "helpers")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".css", ".html", ".j2", ".js", ".md", ".py"} and "_build" not in path.parts
)


def name(path: Path) -> str:
    """What a test calls a file."""
    return path.relative_to(ROOT).as_posix()


def strings(value: Any) -> Iterator[str]:
    """Every string within JSON, with the lines of a cell or an output put together."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and all(isinstance(part, str) for part in value):
        yield "".join(value)
    else:
        for part in value.values() if isinstance(value, dict) else value or ():
            if not isinstance(part, int | float | None):
                yield from strings(part)


def translations(path: Path) -> list[str]:
    """What a catalogue says, in each form of a plural."""
    entries = [entry for entry in polib.pofile(str(path)) if not entry.obsolete]
    return [text for entry in entries for text in (entry.msgstr, *entry.msgstr_plural.values())]


def found(pattern: re.Pattern[str], texts: list[str]) -> list[str]:
    """What a pattern finds, each with what stands around it."""
    return [
        text[max(0, match.start() - 20) : match.end() + 10]
        for text in texts
        for match in pattern.finditer(text)
    ]


@pytest.mark.parametrize("path", BUILT, ids=name)
def test_what_is_built_has_no_particle_in_brackets(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    texts = list(strings(json.loads(text))) if path.suffix == ".ipynb" else [text]
    assert found(BOTH_FORMS, texts) == []


@pytest.mark.parametrize("path", CATALOGUES, ids=name)
def test_a_translation_has_no_particle_in_brackets(path: Path) -> None:
    assert found(BOTH_FORMS, translations(path)) == []


@pytest.mark.parametrize(
    "path", [path for path in CATALOGUES if path.stem in {"masklens", "interface"}], ids=name
)
def test_no_particle_follows_a_name_that_it_may_not_suit(path: Path) -> None:
    assert found(BEHIND_A_FIELD, translations(path)) == []


def test_code_templates_and_readmes_have_no_particle_in_brackets() -> None:
    for path in [*OTHERS, *ROOT.glob("README*.md")]:
        assert found(BOTH_FORMS, [path.read_text(encoding="utf-8")]) == [], path


@pytest.mark.parametrize(
    "text",
    [
        *("나무은(는) 자랍니다", "연필이(가) 있습니다", "물을(를) 마십니다", "산과(와) 강"),
        *("서울(으)로 갑니다", "민수(이)라는 사람", "고양이(이)나 개", "바다은(는)"),
    ],
)
def test_a_particle_in_brackets_is_found(text: str) -> None:
    assert BOTH_FORMS.search(text)


@pytest.mark.parametrize(
    "text",
    [
        *("높이(h)가 5입니다", "함수(이름)를 부릅니다", "가로(10)와 세로(20)", "여러 값(수)이"),
        *("해는 동쪽에서 뜹니다", "강가(강의 가장자리)에서", "종이(A4)로"),
    ],
)
def test_a_gloss_in_brackets_is_no_particle(text: str) -> None:
    assert not BOTH_FORMS.search(text)


@pytest.mark.parametrize(
    "text", ["{name}은 없습니다", "`{name}`을 쓰세요", "'{n!r}'로", "{a}와 {b}"]
)
def test_a_particle_behind_a_field_is_found(text: str) -> None:
    assert BEHIND_A_FIELD.search(text)


@pytest.mark.parametrize("text", ["{name}입니다", "{name}에는", "{n}개가", "{name}인데", "{a}도"])
def test_a_particle_with_one_form_may_follow_a_field(text: str) -> None:
    assert not BEHIND_A_FIELD.search(text)
