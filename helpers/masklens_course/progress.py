"""A picture of a learner's progress: which questions are solved, tried, or open."""

from collections.abc import Mapping
from pathlib import Path

from masklens._language import get_language, mark
from masklens._language import translate as _
from masklens.drawing.elements import Element, element, terminal_width
from masklens.drawing.picture import Picture
from masklens_course.history import recall
from masklens_course.questions import ExerciseSet, asked, exercise_sets

_SHEET = Path(__file__).with_name("progress.css")

# Each state has a sign and a word, so that nobody needs colours.
_SIGNS = {"solved": "✓", "tried": "~", "open": "○"}
_WORDS = {"solved": mark("solved"), "tried": mark("tried"), "open": mark("not yet")}
_WIDTH = 5  # columns of a terminal for the name of a lesson


def progress() -> Picture:
    """Shows which exercises are solved, tried, and not yet begun, lesson by lesson.

    Titles stand at the exercises of which a question was asked for in this session; at all of them
    if none was.

    Returns:
        The picture of what `check` has written to a small file beside the notebooks.

    Example:
        >>> progress().text.splitlines()[0][-16:]
        'exercises solved'
    """
    states, note = recall()
    rows = [_Row(one, states, not asked or one.name in asked) for one in exercise_sets()]
    every = [state for row in rows for _name, state in row.states]
    caption = _("{solved} of {all} exercises solved").format(
        solved=every.count("solved"), all=len(every)
    )
    more = [line for line in (_following(rows), note) if line]
    legend = " · ".join(f"{sign} {_(_WORDS[state])}" for state, sign in _SIGNS.items())
    head = element("small", legend, plain="")
    plain = "\n".join(row.text for row in rows)
    figure = element(
        "figure",
        element("figcaption", caption, element("br", plain=""), head),
        element("table", *(row.element for row in rows), plain=plain),
        *(element("p", line) for line in more),
        class_="masklens-progress",
        lang=get_language(),
    )
    return Picture((figure,), (_SHEET,))


def _following(rows: list["_Row"]) -> str:
    for row in rows:
        for name, state in row.states:
            if state != "solved":
                if title := row.titles.get(name):
                    return _("Next: {lesson}, {title}").format(lesson=row.lesson, title=title)
                return _("Next: {lesson}").format(lesson=row.lesson)
    return ""


class _Row:
    """The exercises of one set, and what became of them."""

    def __init__(self, one: ExerciseSet, states: Mapping[str, str], titled: bool) -> None:
        self.lesson = _("all") if one.needs_all_lessons else one.name[:2]
        self.states = [(name, states.get(name, "open")) for name in one.questions]
        questions = one.load() if titled else ()
        self.titles = {question.name: _(question.title) for question in questions}
        self._minutes = {question.name: question.minutes for question in questions}

    @property
    def element(self) -> Element:
        items = (element("li", _sign(state), self._words(name)) for name, state in self.states)
        lesson = element("th", self.lesson, scope="row")
        return element("tr", lesson, element("td", element("ul", *items)))

    @property
    def text(self) -> str:
        lines = [f"[{_SIGNS[state]}]{self._words(name)}" for name, state in self.states]
        # Without titles, the signs stand side by side.
        lines = lines if self.titles else [" ".join(lines)]
        first, rest = _padded(self.lesson), _padded("")
        return "\n".join(f"{rest if at else first} {line}" for at, line in enumerate(lines))

    def _words(self, name: str) -> str:
        if name not in self.titles:
            return ""
        return " " + _("{title} ({minutes} min)").format(
            title=self.titles[name], minutes=self._minutes[name]
        )


def _padded(name: str) -> str:
    return name + " " * (_WIDTH - terminal_width(name))


def _sign(state: str) -> Element:
    return element("b", _SIGNS[state], class_=state, role="img", aria_label=_(_WORDS[state]))
