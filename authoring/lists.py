"""Lists of lessons and languages as Markdown: in notebooks, in the READMEs and on the site."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from authoring.blocks import PLACEHOLDER
from authoring.contents import Contents
from authoring.course import Lesson
from authoring.layout import EXERCISES, SOLUTIONS, full_name

# The cells that every notebook ends with: where to go on, and its languages.
NEXT, LINKS = "next", "links"
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
            exercises have a link to their lesson.
    """
    if path.parent.name == EXERCISES:
        lesson = contents.course.lesson_of(path.stem)
        address = f"../../notebooks/{contents.language}/{lesson.name}.ipynb"
        return {"lesson": f"[{contents.heading(f'lessons/{lesson.name}')}]({address})"}
    lesson = next(one for one in contents.course.lessons if one.name == path.stem)
    return {
        "number": lesson.number,
        "minutes": str(lesson.minutes),
        "lessons": _map(contents, lesson),
    }


def _map(contents: Contents, here: Lesson) -> str:
    """A table of the lessons for the notebook of one of them, which it leaves out."""
    _ = contents.say
    rows = [
        [lesson.number, _question(contents, lesson), str(lesson.minutes)]
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

    def linked(edition: str, kind: str, name: str) -> str:
        entry = contents.entry(f"{kind}/{name}")
        return f"[{entry}]({edition}/{contents.language}/{name}.ipynb)"

    rows = [[_("lesson"), _("question"), _("minutes"), _("exercises")]]
    for lesson in course.lessons:
        exercises = linked(EXERCISES, EXERCISES, lesson.exercises) if lesson.exercises else ""
        question = contents.heading(f"lessons/{lesson.name}")
        link = linked("notebooks", "lessons", lesson.name)
        rows.append([link, question, str(lesson.minutes), exercises])
    for name in course.need_all_lessons:
        rows.append([_("all of them"), "", "", linked(EXERCISES, EXERCISES, name)])
    return _table(rows)


def site_values(contents: Contents) -> dict[str, str]:
    """What the placeholders on the site's first page stand for.

    Args:
        contents: the lists in the page's language.
    """
    lessons = [f"lessons/{lesson.name}" for lesson in contents.course.lessons]
    exercises = [f"{EXERCISES}/{name}" for name in contents.course.sets]
    solved = {name: name.replace(EXERCISES, SOLUTIONS) for name in exercises}
    values = (
        "\n".join(_site_lessons(contents)),
        _pages(contents, {name: name for name in lessons}),
        _pages(contents, {name: name for name in exercises}),
        _pages(contents, solved),
    )
    return dict(zip(SITE_LISTS, values, strict=True))


def _site_lessons(contents: Contents) -> Iterator[str]:
    _ = contents.say
    words = _("exercises")
    for lesson in contents.course.lessons:
        name = f"lessons/{lesson.name}"
        minutes = _("{minutes} minutes").format(minutes=lesson.minutes)
        exercises = f" · [{words}]({EXERCISES}/{lesson.exercises}.ipynb)"
        yield f"- [{contents.entry(name)}]({name}.ipynb)"
        yield f"  {contents.heading(name)}"
        yield f"  *{minutes}*{exercises if lesson.exercises else ''}"


def _pages(contents: Contents, pages: Mapping[str, str]) -> str:
    """The lines of a table of contents: each page, called by what its source is called."""
    return "\n".join(f"{contents.entry(name)} <{page}>" for name, page in pages.items())
