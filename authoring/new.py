"""Begins a lesson, an exercise or a language: makes its files, with what has to be filled in."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.core import get_global

from authoring import build, course, layout
from authoring.course import LANGUAGE_CODE, MANIFEST, SOURCE_NAME, Course, Language
from authoring.layout import COURSE, EXERCISES, AuthoringError, Fault, relative

_TEMPLATES = Path(__file__).parent / "templates"
_EXERCISE_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def lesson(root: Path, name: str) -> list[str]:
    """Begins a lesson: its source, its PO files, and its place in the manifest.

    Args:
        root: the repository.
        name: the name of the source, such as ``08_streams``; its number says where it stands.

    Returns:
        What was made, and what to do next, a line each.

    Raises:
        AuthoringError: the name is malformed or taken, or the course is at fault; nothing is made.
    """
    known = course.read(root)
    _require(SOURCE_NAME, name, "write a lesson as 08_streams")
    path = root / "content" / "lessons" / f"{name}.py"
    _refuse_taken(root, path)
    for other in known.lessons:
        if other.number == name[:2]:
            wrong = f"{other.name} has the number {other.number} already"
            raise AuthoringError([Fault(name, "", wrong, "choose another")])
    table = f"[lessons.{name}]\n"
    before = [one.name for one in known.lessons if one.name < name]
    manifest = _with_table(_manifest(root), f"lessons.{before[-1]}" if before else None, table)
    made = {path: _template("lesson"), root / MANIFEST: manifest}
    return [
        *_make(root, made, [path]),
        f"Next: fill in each {{{{...}}}} of {relative(root, path)}, "
        f"run `make catalogs`, translate, then `make build` and `make check`.",
    ]


def exercise(root: Path, name: str, exercises: str) -> list[str]:
    """Begins an exercise, in a set that exists or in a new one of the lesson of that name.

    Args:
        root: the repository.
        name: what `masklens.question` shall call it by, such as ``pad-twice``.
        exercises: the set, such as ``01_padding``.

    Returns:
        What was made, and what to do next, a line each.

    Raises:
        AuthoringError: a name is malformed or taken, there is neither such a set nor such a lesson,
            or the course is at fault; nothing is made.
    """
    known = course.read(root)
    _require(_EXERCISE_NAME, name, "write an exercise as pad-twice")
    _require(SOURCE_NAME, exercises, "name the set that it belongs to: --set 01_padding")
    path = root / "content" / EXERCISES / f"{exercises}.py"
    topic = exercises.partition("_")[2]
    module = root / COURSE / "questions" / f"{topic}.py"
    made = {} if exercises in known.sets else _new_set(root, known, exercises)
    for file in layout.source_paths(root):
        if re.search(rf'id="{name}"', file.read_text(encoding="utf-8")):
            wrong = f"{relative(root, file)} has such a cell already"
            raise AuthoringError([Fault(name, "", wrong, "choose another name")])
    source = made.get(path) or path.read_text(encoding="utf-8")
    made[path] = _with_exercise(source, name)
    code = module.read_text(encoding="utf-8") if module.exists() else _template("questions")
    made[module] = _with_question(code, name)
    return [
        *_make(root, made, [path]),
        f"Next: fill in each {{{{...}}}} of {relative(root, path)} and {relative(root, module)}, "
        f"give right and wrong answers in tests/course/answers/{topic}.py, say in "
        "content/pages/mistakes.md which mistake it shows, run `make catalogs`, translate, then "
        "`make build` and `make check`.",
    ]


def language(root: Path, code: str, name: str = "", locale: str = "") -> list[str]:
    """Begins a language: its PO files, and its lines in the manifest.

    Args:
        root: the repository.
        code: the code of the language, such as ``ja``.
        name: its own name; without, the one that Babel knows.
        locale: what web pages say that they are in; without, what Babel knows.

    Returns:
        What was made, and what to do next, a line each.

    Raises:
        AuthoringError: the code is malformed, taken, or unknown without a name and a locale, or
            the course is at fault; nothing is made.
    """
    known = course.read(root)
    _require(LANGUAGE_CODE, code, "write a language as ja or pt_BR")
    folder = root / "content" / code
    if code in known.codes:
        raise AuthoringError([Fault(code, "", f"{MANIFEST} has it already", "choose another")])
    _refuse_taken(root, folder)
    new = _described(code, name, locale)
    table = f'[languages.{code}]\nname = "{new.name}"\nlocale = "{new.locale}"\n'
    manifest = _with_table(_manifest(root), f"languages.{known.codes[-1]}", table)
    return [
        *_make(root, {root / MANIFEST: manifest}, layout.every_source(root), only=code),
        f"Next: translate the PO files in content/{code} and helpers/masklens/locale/{code}, put "
        f"a font that has the letters into {course.FONTS.as_posix()} and name it in {MANIFEST} if "
        f"matplotlib's own lacks some, write README.{code}.md, then `make build` and `make check`.",
    ]


def _require(form: re.Pattern[str], name: str, remedy: str) -> None:
    if not form.fullmatch(name):
        raise AuthoringError([Fault(repr(name), "", "malformed name", remedy)])


def _refuse_taken(root: Path, path: Path) -> None:
    if path.exists():
        raise AuthoringError([Fault(relative(root, path), "", "exists already", "choose another")])


def _described(code: str, name: str, locale: str) -> Language:
    try:
        own = Locale.parse(code).get_language_name(code) or ""
        *_, country = get_global("likely_subtags").get(code, "").split("_")
    except (UnknownLocaleError, ValueError):
        own = country = ""
    likely = code if "_" in code else f"{code}_{country}"
    found = Language(code, name or own.capitalize(), locale or (likely if country else ""))
    if not (found.name and found.locale):
        remedy = "say --called and --locale, such as --called 日本語 --locale ja_JP"
        raise AuthoringError([Fault(code, "", "Babel knows no such language", remedy)])
    return found


def _template(name: str) -> str:
    return (_TEMPLATES / f"{name}.txt").read_text(encoding="utf-8")


def _manifest(root: Path) -> str:
    return (root / MANIFEST).read_text(encoding="utf-8")


def _with_table(manifest: str, after: str | None, table: str) -> str:
    """The manifest with a table behind another, or before the first lesson."""
    if after is None:
        first = manifest.index("[lessons.")
        return f"{manifest[:first]}{table}\n{manifest[first:]}"
    end = _end_of_table(manifest, after)
    return f"{manifest[:end]}\n{table}{manifest[end:]}"


def _end_of_table(manifest: str, name: str) -> int:
    """Where the table ends: behind its last line that is not blank."""
    found = re.search(rf"(?m)^\[{re.escape(name)}\]\n(?:.*\S.*\n?)*", manifest)
    if found is None:
        remedy = f"begin the table with [{name}] on a line of its own"
        raise AuthoringError([Fault(MANIFEST, name, "the table is written otherwise", remedy)])
    return found.end()


def _new_set(root: Path, known: Course, name: str) -> dict[Path, str]:
    """A set without an exercise yet, named in the manifest at the lesson of that name."""
    if name not in [one.name for one in known.lessons]:
        remedy = f"choose one of: {', '.join([one.name for one in known.lessons])}"
        raise AuthoringError([Fault(name, "", "no such set, and no such lesson", remedy)])
    text = _manifest(root)
    end = _end_of_table(text, f"lessons.{name}")
    manifest = f'{text[:end]}exercises = "{name}"\n{text[end:]}'
    path = root / "content" / EXERCISES / f"{name}.py"
    return {root / MANIFEST: manifest, path: _template("set")}


def _with_exercise(source: str, name: str) -> str:
    """A set with one exercise more, before what stands behind the exercises."""
    number = len(re.findall(r'(?m)^# %% .*id="[\w-]+-answer"', source)) + 1
    answer = name.replace("-", "_")
    cells = _template("exercise").replace("NUMBER", str(number))
    cells = cells.replace("NAME", name).replace("ANSWER", answer)
    before, mark, after = source.partition('# %% [markdown] id="progress"')
    return f"{before}{cells}{mark}{after}" if mark else f"{source}\n{cells.rstrip()}\n"


def _with_question(code: str, name: str) -> str:
    """A module of questions with one question more."""
    constant = "_" + name.replace("-", "_").upper()
    question = _template("question").replace("_CONSTANT", constant).replace("NAME", name)
    before, mark, listed = code.rpartition("QUESTIONS = (")
    names, end, rest = listed.partition(")")
    listing = ", ".join([*filter(None, [names.strip().rstrip(",")]), constant])
    comma = "," if not names.strip() else ""
    return f"{before}{question}{mark}{listing}{comma}{end}{rest}"


def _make(
    root: Path, texts: Mapping[Path, str], sources: Iterable[Path], only: str = ""
) -> list[str]:
    """Writes files, and makes the PO files of sources; where that fails, all is as it was.

    With `only`, that language alone gets its PO files, those of words, too.
    """
    with _all_or_nothing(root):
        for path, text in texts.items():
            layout.write(path, text.encode())
        lines = build.update(root, list(sources), whole=bool(only), only=only)
        course.read(root)
    return [*(f"{relative(root, path)}: written" for path in texts), *lines]


@contextmanager
def _all_or_nothing(root: Path) -> Iterator[None]:
    """Puts everything that authors write back as it was, if something is raised."""
    folders = [root / "content", root / layout.LIBRARY / "locale", root / COURSE / "questions"]

    def files() -> dict[Path, bytes]:
        found = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        return {path: path.read_bytes() for path in [root / MANIFEST, *found]}

    before = files()
    try:
        yield
    except BaseException:
        for path in files().keys() - before.keys():
            path.unlink()
        for path, content in before.items():
            layout.write(path, content)
        for folder in (path for one in folders for path in sorted(one.rglob("*"), reverse=True)):
            if folder.is_dir() and not any(folder.iterdir()):
                shutil.rmtree(folder)
        raise
