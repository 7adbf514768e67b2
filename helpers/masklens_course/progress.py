"""A picture of what a learner has solved, tried, and still before them."""

from html import escape
from itertools import groupby
from pathlib import Path

from masklens._language import get_language, mark
from masklens._language import translate as _
from masklens.drawing.picture import Picture
from masklens.drawing.table import terminal_width
from masklens.drawing.theme import style_sheet
from masklens_course.checks import Question
from masklens_course.questions import all_questions, sets
from masklens_course.solved import history

_SHEET = Path(__file__).with_name("progress.css")

# Each state has a sign and a word, so that colour alone says nothing.
_SIGNS = {"solved": "✓", "tried": "~", "open": "○"}
_WORDS = {"solved": mark("solved"), "tried": mark("tried"), "open": mark("not yet")}
_WIDTH = 5  # columns of a terminal for the name of a lesson


def progress() -> Picture:
    """Shows which exercises are solved, tried, and not yet begun, lesson by lesson.

    Returns:
        The picture. It is kept up by `check`, in a small file beside the notebooks.

    Example:
        >>> progress().text.splitlines()[0][-16:]
        'exercises solved'
    """
    states, note = history()
    shown = [(question, states.get(question.name, "open")) for question in all_questions()]
    solved = sum(state == "solved" for _question, state in shown)
    caption = _("{solved} of {all} exercises solved").format(solved=solved, all=len(shown))
    waiting = next((question for question, state in shown if state != "solved"), None)
    lessons = [(name, list(rows)) for name, rows in groupby(shown, lambda row: _lesson(row[0]))]
    more = []
    if waiting:
        following = _("Next: {lesson}, {title}")
        more = [following.format(lesson=_lesson(waiting), title=_(waiting.title))]
    return _picture(caption, lessons, [*more, *([note] if note else [])])


def _lesson(question: Question) -> str:
    return _("all") if sets()[question.lesson] else question.lesson[:2]


def _picture(
    caption: str, lessons: list[tuple[str, list[tuple[Question, str]]]], more: list[str]
) -> Picture:
    body = ""
    for name, rows in lessons:
        items = "".join(_item(*row) for row in rows)
        body += f"<tr><th scope=row>{name}</th><td><ul>{items}</ul></td></tr>"
    last = "".join(f"<p>{escape(line)}</p>" for line in more)
    legend = " · ".join(f"{sign} {_(_WORDS[state])}" for state, sign in _SIGNS.items())
    html = (
        f"<style>{style_sheet(_SHEET)}</style>"
        f"<figure class=masklens-progress lang={get_language()}>"
        f"<figcaption>{caption}<br><small>{legend}</small></figcaption>"
        f"<table>{body}</table>{last}</figure>"
    )
    lines = [
        f"{_padded(name if first else '')} [{_SIGNS[state]}] {_text(question)}"
        for name, rows in lessons
        for first, (question, state) in zip([True] + [False] * len(rows), rows, strict=False)
    ]
    return Picture(html, "\n".join([caption, *lines, *more]))


def _padded(name: str) -> str:
    return name + " " * (_WIDTH - terminal_width(name))


def _item(question: Question, state: str) -> str:
    sign = f"<b class={state} role=img aria-label='{_(_WORDS[state])}'>{_SIGNS[state]}</b>"
    return f"<li>{sign} {escape(_text(question))}</li>"


def _text(question: Question) -> str:
    return _("{title} ({minutes} min)").format(title=_(question.title), minutes=question.minutes)
