"""Lists of lessons and languages as Markdown: in notebooks, in the READMEs and on the site."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from authoring.blocks import PLACEHOLDER
from authoring.contents import Contents
from authoring.course import Lesson
from authoring.layout import EXERCISES, SOLUTIONS, full_name

# What the placeholders on the site's first page are called.
SITE_LISTS = ("lessons", "lesson_pages", "exercise_pages", "solution_pages")


def filled(text: str, values: Mapping[str, str]) -> str:
    """A text with each placeholder replaced by its value; an unknown one stays.

    Args:
        text: the text.
        values: the values, by the names that stand in the braces.
    """
    return PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def notebook_values(contents: Contents, path: Path) -> dict[str, str]:
    """What the placeholders in a source stand for.

    Args:
        contents: the lists in the notebook's language.
        path: the source: a lesson has its number, its minutes, and a table of the other lessons;
            exercises have a link to their lesson, and their minutes.
    """
    if path.parent.name == EXERCISES:
        lesson = contents.course.lesson_of(path.stem)
        address = f"../../notebooks/{contents.language}/{lesson.name}.ipynb"
        return {
            "lesson": f"[{contents.entry(f'lessons/{lesson.name}')}]({address})",
            "minutes": str(contents.minutes(full_name(path))),
        }
    lesson = next(one for one in contents.course.lessons if one.name == path.stem)
    return {
        "number": lesson.number,
        "minutes": str(contents.minutes(full_name(path))),
        "lessons": _map(contents, lesson),
    }


def _map(contents: Contents, here: Lesson) -> str:
    """A table of the lessons for the notebook of one of them, which it leaves out."""
    _ = contents.say
    rows = [
        [
            lesson.number,
            _question(contents, lesson),
            str(contents.minutes(f"lessons/{lesson.name}")),
        ]
        for lesson in contents.course.lessons
        if lesson != here
    ]
    return _table([[_("lesson"), _("question"), _("minutes")], *rows])


def _question(contents: Contents, lesson: Lesson, number: bool = False) -> str:
    heading = contents.heading(f"lessons/{lesson.name}")
    return f"[{f'{lesson.number} ' if number else ''}{heading}]({lesson.name}.ipynb)"


def _table(rows: list[list[str]]) -> str:
    lines = []
    for row in rows:
        cells = (cell.replace("|", r"\|") for cell in row)
        lines.append("".join(f"| {cell} " if cell else "| " for cell in cells) + "|")
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join(lines)


def next_cell(contents: Contents, path: Path) -> str:
    """Where a learner goes on from a lesson: to its exercises, then to the next lesson.

    Args:
        contents: the lists in the notebook's language.
        path: the source; exercises go on nowhere.

    Returns:
        The Markdown of the cell; nothing if there is nowhere to go.
    """
    if path.parent.name == EXERCISES:
        return ""
    _ = contents.say
    lessons = contents.course.lessons
    place = [lesson.name for lesson in lessons].index(path.stem)
    is_last = place == len(lessons) - 1
    sets = [name for name in [lessons[place].exercises] if name]
    sets += contents.course.need_all_lessons if is_last else ()
    links = [
        f"[{contents.titles[f'{EXERCISES}/{name}'].topic}]"
        f"(../../{EXERCISES}/{contents.language}/{name}.ipynb)"
        for name in sets
    ]
    lines = [_("**Practise:** {exercises}").format(exercises=" · ".join(links))] if links else []
    if not is_last:
        following = _question(contents, lessons[place + 1], number=True)
        lines.append(_("**Next:** {lesson}").format(lesson=following))
    elif place:
        first = _question(contents, lessons[0], number=True)
        said = _("This was the last lesson. All of them are listed in {lesson}.")
        lines.append(said.format(lesson=first))
    return "\n\n".join(lines)


def links_cell(contents: Contents, path: Path) -> str:
    """The links of a notebook to itself in each language, its source, and its lesson or lessons.

    Args:
        contents: the lists in the notebook's language.
        path: the source.
    """
    _ = contents.say
    links = [
        f"[{language.name}](../{language.code}/{path.stem}.ipynb)"
        for language in contents.course.languages
    ]
    words = _("source")
    links.append(f"[{words}](../../content/{full_name(path)}.py)")
    if path.parent.name == EXERCISES:
        lesson = contents.course.lesson_of(path.stem)
        needs_all = path.stem in contents.course.need_all_lessons
        words = _("the last lesson") if needs_all else _("the lesson")
        links.append(f"[{words}](../../notebooks/{contents.language}/{lesson.name}.ipynb)")
    elif path.stem != (first := contents.course.lessons[0].name):
        words = _("all lessons")
        links.append(f"[{words}]({first}.ipynb)")
    return " · ".join(links)


def readme_values(contents: Contents, readmes: Mapping[str, str]) -> dict[str, str]:
    """What stands between the marks of a README: its languages, and the table of the lessons.

    Args:
        contents: the lists in the README's language.
        readmes: the name of the README in each language that has one, by its code.
    """
    names = [
        f"**{language.name}**"
        if language.code == contents.language
        else f"[{language.name}]({readmes[language.code]})"
        for language in contents.course.languages
        if language.code in readmes
    ]
    return {"languages": " · ".join(names), "lessons": _readme_table(contents)}


def _readme_table(contents: Contents) -> str:
    _, course = contents.say, contents.course

    def linked(edition: str, name: str) -> str:
        return f"[{contents.entry(name)}]({edition}/{contents.language}/{name.split('/')[1]}.ipynb)"

    def exercises(name: str | None) -> list[str]:
        full = f"{EXERCISES}/{name}"
        return [linked(EXERCISES, full), str(contents.minutes(full))] if name else ["", ""]

    rows = [[_("lesson"), _("question"), _("minutes"), _("exercises"), _("minutes")]]
    for lesson in course.lessons:
        name = f"lessons/{lesson.name}"
        own = [linked("notebooks", name), contents.heading(name), str(contents.minutes(name))]
        rows.append(own + exercises(lesson.exercises))
    rows += [[_("all of them"), "", "", *exercises(name)] for name in course.need_all_lessons]
    rows.append([_("in all"), "", str(contents.all_minutes("lessons")), ""])
    rows[-1].append(str(contents.all_minutes(EXERCISES)))
    return _table(rows)


def site_values(contents: Contents) -> dict[str, str]:
    """What the placeholders on the site's first page stand for.

    Args:
        contents: the lists in the page's language.
    """
    lessons = [f"lessons/{lesson.name}" for lesson in contents.course.lessons]
    exercises = [f"{EXERCISES}/{name}" for name in contents.course.sets]
    solved = {name: name.replace(EXERCISES, SOLUTIONS) for name in exercises}
    hours = {f"{kind}_hours": _hours(contents, kind) for kind in ("lessons", EXERCISES)}
    values = (
        "\n".join(_site_lessons(contents)),
        _pages(contents, {name: name for name in lessons}),
        _pages(contents, {name: name for name in exercises}),
        _pages(contents, solved),
    )
    return dict(zip(SITE_LISTS, values, strict=True)) | hours


def _hours(contents: Contents, kind: str) -> str:
    """The hours of all lessons, or of all exercises, to the nearest half."""
    return f"{round(contents.all_minutes(kind) / 30) / 2:g}"


def _site_lessons(contents: Contents) -> Iterator[str]:
    _ = contents.say

    def lasts(name: str) -> str:
        return _("{minutes} minutes").format(minutes=contents.minutes(name))

    for lesson in contents.course.lessons:
        name, exercises = f"lessons/{lesson.name}", f"{EXERCISES}/{lesson.exercises}"
        yield f"- [{contents.entry(name)}]({name}.ipynb)"
        yield f"  {contents.heading(name)}"
        practise = f" · [{_('exercises')}]({exercises}.ipynb)"
        yield f"  *{lasts(name)}*" + (
            f"{practise} *{lasts(exercises)}*" if lesson.exercises else ""
        )


def _pages(contents: Contents, pages: Mapping[str, str]) -> str:
    """The lines of a table of contents: each page, called by what its source is called."""
    return "\n".join(f"{contents.entry(name)} <{page}>" for name, page in pages.items())
