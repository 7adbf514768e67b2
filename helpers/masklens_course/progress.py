"""A picture of a learner's progress: which questions are solved, tried, or open."""

from itertools import groupby
from pathlib import Path

from masklens._language import get_language, mark
from masklens._language import translate as _
from masklens.drawing.elements import Element, element, terminal_width
from masklens.drawing.picture import Picture
from masklens_course.checks import Question
from masklens_course.history import recall
from masklens_course.questions import all_questions

_SHEET = Path(__file__).with_name("progress.css")

# Each state has a sign and a word, so that nobody needs colours.
_SIGNS = {"solved": "✓", "tried": "~", "open": "○"}
_WORDS = {"solved": mark("solved"), "tried": mark("tried"), "open": mark("not yet")}
_COMBINED = "99"
_WIDTH = 5  # columns of a terminal for the name of a lesson


def progress() -> Picture:
    """Shows which exercises are solved, tried, and not yet begun, lesson by lesson.

    Returns:
        The picture of what `check` has written to a small file beside the notebooks.

    Example:
        >>> progress().text.splitlines()[0][-16:]
        'exercises solved'
    """
    states, note = recall()
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
    number = question.lesson.split("_")[0]
    return _("all") if number == _COMBINED else number


def _picture(
    caption: str, lessons: list[tuple[str, list[tuple[Question, str]]]], more: list[str]
) -> Picture:
    legend = " · ".join(f"{sign} {_(_WORDS[state])}" for state, sign in _SIGNS.items())
    head = element("small", legend, plain="")
    figure = element(
        "figure",
        element("figcaption", caption, element("br", plain=""), head),
        element("table", *(_row(name, rows) for name, rows in lessons), plain=_text(lessons)),
        *(element("p", line) for line in more),
        class_="masklens-progress",
        lang=get_language(),
    )
    return Picture((figure,), (_SHEET,))


def _row(name: str, rows: list[tuple[Question, str]]) -> Element:
    items = (element("li", _sign(state), f" {_words(question)}") for question, state in rows)
    return element("tr", element("th", name, scope="row"), element("td", element("ul", *items)))


def _text(lessons: list[tuple[str, list[tuple[Question, str]]]]) -> str:
    return "\n".join(
        f"{_padded('' if place else name)} [{_SIGNS[state]}] {_words(question)}"
        for name, rows in lessons
        for place, (question, state) in enumerate(rows)
    )


def _padded(name: str) -> str:
    return name + " " * (_WIDTH - terminal_width(name))


def _sign(state: str) -> Element:
    return element("b", _SIGNS[state], class_=state, role="img", aria_label=_(_WORDS[state]))


def _words(question: Question) -> str:
    return _("{title} ({minutes} min)").format(title=_(question.title), minutes=question.minutes)
