"""The manifest, course.toml: languages, lessons in their order, and where they are published."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from authoring import layout
from authoring.layout import EXERCISES, LIBRARY, SOURCE_LANGUAGE, AuthoringError, Fault

MANIFEST = "course.toml"
FONTS = LIBRARY / "plots" / "fonts"
_REPOSITORY_SETTING = "MASKLENS_REPOSITORY"
LANGUAGE_CODE = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
SOURCE_NAME = re.compile(r"\d\d_[a-z][a-z0-9_]*")
_LOCALE = re.compile(r"[a-z]{2,3}(_[A-Z][a-z]{3})?(_[A-Z]{2})?")


# The keys of each table with the types of their values, and those that may be left out.
_COURSE_KEYS = {
    "repository": str,
    "address": str,
    "need_all_lessons": list,
    "languages": dict,
    "lessons": dict,
}
_LANGUAGE_KEYS = {"name": str, "locale": str, "font": str}
_LESSON_KEYS = {"exercises": str, "formerly": str}
_OPTIONAL = {"font", "exercises", "formerly"}


@dataclass(frozen=True)
class Language:
    """A language of the course.

    Args:
        code: what its folders are called, such as ``ko``.
        name: its own name for itself.
        locale: what web pages say that they are in, such as ``ko_KR``.
        font: the file in helpers/masklens/plots/fonts that figures need; None without.
    """

    code: str
    name: str
    locale: str
    font: str | None = None


@dataclass(frozen=True)
class Lesson:
    """A lesson of the course.

    Args:
        name: the name of its source.
        exercises: its set of exercises, if it has one.
        formerly: what it and its exercises were called on the site before, if that was otherwise.
    """

    name: str
    exercises: str | None = None
    formerly: str | None = None

    @property
    def number(self) -> str:
        """The number that the name begins with, such as ``01``."""
        return self.name[:2]


@dataclass(frozen=True)
class Course:
    """What the manifest says.

    Args:
        languages: the languages, English first.
        lessons: the lessons in their order.
        need_all_lessons: the sets of exercises that need all lessons.
        repository: ``owner/name`` on GitHub, or nothing.
        address: where the site stands, without a slash at the end, or nothing.
    """

    languages: tuple[Language, ...]
    lessons: tuple[Lesson, ...]
    need_all_lessons: tuple[str, ...]
    repository: str = ""
    address: str = ""

    @property
    def codes(self) -> list[str]:
        """The codes of the languages."""
        return [language.code for language in self.languages]

    @property
    def sets(self) -> list[str]:
        """The sets of exercises in the order of their lessons, last those that need all."""
        return [one.exercises for one in self.lessons if one.exercises] + [*self.need_all_lessons]

    def lesson_of(self, exercises: str) -> Lesson:
        """The lesson that a set of exercises belongs to; the last one where it needs all."""
        return next((one for one in self.lessons if one.exercises == exercises), self.lessons[-1])


def read(root: Path) -> Course:
    """Reads the manifest, and holds it against the files.

    Args:
        root: the repository.

    Raises:
        AuthoringError: there is no manifest, or it is no TOML; a key is unknown, missing or of
            another type; a name is malformed; two lessons have one number, or one set of
            exercises; a source has no lesson, or a lesson or set no source; a language has no PO
            file, or a folder of PO files no language; or a font is missing.
    """
    course = _parsed(root)
    if faults := [*_wrong_files(root, course), *_wrong_folders(root, course)]:
        raise AuthoringError(faults)
    return course


def _parsed(root: Path) -> Course:
    """Reads the manifest by itself, before the files that it names are made."""
    table = _table(root)
    if faults := [*_wrong_tables(table)]:
        raise AuthoringError(faults)
    course = Course(
        tuple(Language(code, **keys) for code, keys in table["languages"].items()),
        tuple(Lesson(name, **keys) for name, keys in table["lessons"].items()),
        tuple(table["need_all_lessons"]),
        table["repository"],
        table["address"].rstrip("/"),
    )
    if faults := [*_wrong_values(course)]:
        raise AuthoringError(faults)
    return course


def codes(root: Path) -> list[str]:
    """The codes of the languages, English first.

    Raises:
        AuthoringError: as `read`.
    """
    return read(root).codes


def translations(root: Path) -> list[str]:
    """The codes of the languages that English is translated to, with or without a PO file yet.

    Raises:
        AuthoringError: as `read`, but for files.
    """
    return _parsed(root).codes[1:]


def repository(root: Path, environment: Mapping[str, str]) -> str | None:
    """The GitHub repository that notebooks link to, as ``owner/name``; None if none is known.

    It is what MASKLENS_REPOSITORY names, else what the manifest does.

    Raises:
        AuthoringError: the setting has another form, or the manifest is at fault.
    """
    named = environment.get(_REPOSITORY_SETTING, "")
    if named and not is_repository(named):
        remedy = "write it as owner/name, or leave it out"
        wrong = f"not a repository: {named!r}"
        raise AuthoringError([Fault(_REPOSITORY_SETTING, "", wrong, remedy)])
    return named or _parsed(root).repository or None


def is_repository(text: str) -> bool:
    """Whether a text has the form ``owner/name``."""
    return re.fullmatch(r"[\w-]+/[\w.-]+", text, re.ASCII) is not None


def _table(root: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((root / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise AuthoringError([_fault("", "no manifest here", "write one")]) from error
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are two of them
        raise AuthoringError([_fault("", f"not TOML: {error}", "correct the line")]) from error


def _fault(table: str, wrong: str, remedy: str) -> Fault:
    return Fault(MANIFEST, table, wrong, remedy)


def _wrong_tables(table: dict[str, Any]) -> Iterator[Fault]:
    yield from _wrong_keys("", table, _COURSE_KEYS)
    for kind, keys in (("languages", _LANGUAGE_KEYS), ("lessons", _LESSON_KEYS)):
        if isinstance(tables := table.get(kind), dict):
            if not tables:
                yield _fault(kind, "none is listed", f"begin with [{kind}.NAME]")
            for name, entries in tables.items():
                yield from _wrong_keys(f"{kind}.{name}", entries, keys)


def _wrong_keys(name: str, table: object, keys: Mapping[str, type]) -> Iterator[Fault]:
    if not isinstance(table, dict):
        yield _fault(name, f"{table!r} is no table", f"begin it with [{name}]")
        return
    for key, value in table.items():
        if key not in keys:
            yield _fault(name, f"unknown key {key!r}", f"use: {', '.join(keys)}")
        elif type(value) is not keys[key]:
            wrong = f"{key} = {value!r} is no {keys[key].__name__}"
            yield _fault(name, wrong, "correct the value")
    for key in keys:
        if key not in table and key not in _OPTIONAL:
            yield _fault(name, f"missing key {key!r}", "add it")


def _wrong_values(course: Course) -> Iterator[Fault]:
    if course.codes[0] != SOURCE_LANGUAGE:
        wrong = f"the first language is {course.codes[0]!r}"
        yield _fault("languages", wrong, f"begin with [languages.{SOURCE_LANGUAGE}]")
    for language in course.languages:
        for value, form in ((language.code, LANGUAGE_CODE), (language.locale, _LOCALE)):
            if not form.fullmatch(value):
                wrong = f"not a code of a language: {value!r}"
                yield _fault(f"languages.{language.code}", wrong, "write it as ko or ko_KR")
    former = [lesson.formerly for lesson in course.lessons if lesson.formerly]
    for name in [*(lesson.name for lesson in course.lessons), *map(str, course.sets), *former]:
        if not SOURCE_NAME.fullmatch(name):
            yield _fault("", f"malformed name {name!r}", "write it as 01_padding")
    yield from _repeated(course)
    if course.repository and not is_repository(course.repository):
        wrong = f"repository = {course.repository!r} is none"
        yield _fault("", wrong, "write it as owner/name, as on GitHub")
    if course.address and not re.fullmatch(r"https?://[^\s/]\S*", course.address):
        wrong = f"address = {course.address!r} is none"
        yield _fault("", wrong, "write it as https://example.org/course")


def _repeated(course: Course) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for lesson in course.lessons:
        other = first.setdefault(lesson.number, lesson.name)
        if other != lesson.name:
            wrong = f"{other} has the number {lesson.number}, too"
            yield _fault(f"lessons.{lesson.name}", wrong, "give it a number of its own")
    for name, count in Counter(map(str, course.sets)).items():
        if count > 1:
            yield _fault("", f"the exercises {name} are named {count} times", "name them once")


def _wrong_files(root: Path, course: Course) -> Iterator[Fault]:
    listed = {"lessons": [lesson.name for lesson in course.lessons], EXERCISES: course.sets}
    entries = {"lessons": "[lessons.{}]", EXERCISES: 'exercises = "{}" at their lesson'}
    for kind, names in listed.items():
        written = [each.stem for each in layout.source_paths(root) if each.parent.name == kind]
        for name in names:
            if name not in written:
                wrong = f"{name} has no source content/{kind}/{name}.py"
                yield _fault(kind, wrong, "write it, or take the name out")
        for name in written:
            if name not in names:
                remedy = f"add {entries[kind].format(name)}, or delete the file"
                place = f"content/{kind}/{name}.py"
                yield Fault(place, "", f"{MANIFEST} does not list it", remedy)


def _wrong_folders(root: Path, course: Course) -> Iterator[Fault]:
    for language in course.languages:
        folder = root / "content" / language.code
        if language.code != SOURCE_LANGUAGE and not any(folder.rglob("*.po")):
            wrong = f"no PO file in content/{language.code}"
            remedy = "make them: make catalogs"
            yield _fault(f"languages.{language.code}", wrong, remedy)
        has_fonts = (root / FONTS).exists()
        if language.font and has_fonts and not (root / FONTS / language.font).exists():
            wrong = f"no font {language.font!r} in {FONTS.as_posix()}"
            yield _fault(f"languages.{language.code}", wrong, "put it there")
    for folder in sorted((root / "content").iterdir()):
        is_language = folder.is_dir() and LANGUAGE_CODE.fullmatch(folder.name)
        if is_language and folder.name not in course.codes:
            wrong = f"a folder of translations, but {MANIFEST} has no such language"
            remedy = f"add [languages.{folder.name}], or delete the folder"
            yield Fault(f"content/{folder.name}", "", wrong, remedy)
