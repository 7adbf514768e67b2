"""A picture of a learner's progress: which questions are solved, tried, or open, what is next."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from masklens._language import get_language, mark
from masklens._language import translate as _
from masklens.drawing.elements import Element, element, terminal_width, with_code
from masklens.drawing.picture import Picture
from masklens_course.checks import Question
from masklens_course.history import Record, State, recall
from masklens_course.mistakes import COMMON_MISTAKES, DEFAULT_MISTAKES
from masklens_course.questions import ExerciseSet, asked, exercise_sets

_SHEET = Path(__file__).with_name("progress.css")

# Each state has a sign and a word, so that nobody needs colours.
_SIGNS: dict[State, str] = {"solved": "✓", "shown": "◐", "tried": "~", "open": "○"}
_WORDS: dict[State, str] = {
    "solved": mark("solved"),
    "shown": mark("solved with the solution"),
    "tried": mark("tried"),
    "open": mark("not yet"),
}
_WIDTH = 5  # columns of a terminal for the name of a lesson


def progress() -> Picture:
    """Shows which exercises are solved, tried, and not yet begun, lesson by lesson.

    An exercise that was solved after its solution had been shown has a sign of its own. The title,
    the attempts and the last mistake are shown for each exercise of which a question was asked for
    in this session; if there was none, the title is shown for every exercise.

    Returns:
        The picture of what checks, hints and solutions have written to a small file beside the
        notebooks.

    Example:
        >>> "exercises solved" in progress().text
        True
    """
    records, remark = recall()
    rows = [_Row(one, records, not asked or one.name in asked) for one in exercise_sets()]
    more = [*_following(rows), *([element("p", remark)] if remark else [])]
    legend = " · ".join(f"{sign} {_(_WORDS[state])}" for state, sign in _SIGNS.items())
    head = element("small", legend, plain="")
    plain = "\n".join(row.text for row in rows)
    figure = element(
        "figure",
        element("figcaption", _caption(rows), element("br", plain=""), head),
        element("table", *(row.element for row in rows), plain=plain),
        *more,
        class_="masklens-progress",
        lang=get_language(),
    )
    return Picture((figure,), (_SHEET,))


def _caption(rows: list["_Row"]) -> str:
    states = [record.state for row in rows for record in row.records.values()]
    solved, shown = states.count("solved"), states.count("shown")
    counts = {"solved": solved + shown, "all": len(states), "shown": shown}
    if shown:
        said = _("{solved} of {all} exercises solved, {shown} of them with the solution")
        return said.format(**counts)
    return _("{solved} of {all} exercises solved").format(**counts)


def _following(rows: list["_Row"]) -> Iterator[Element]:
    """What to try next: the first exercise that is not solved."""
    for row in rows:
        for name, record in row.records.items():
            if not record.solved:
                question = row.questions.get(name)
                said = _("Next: {lesson}, {title}") if question else _("Next: {lesson}")
                title = _(question.title) if question else ""
                text = said.format(lesson=row.lesson, title=title)
                yield element("p", _link(row.notebook, text))
                return


class _Row:
    """The exercises of one set, and what became of them."""

    def __init__(self, one: ExerciseSet, records: Mapping[str, Record], titled: bool) -> None:
        self.lesson = _("all") if one.needs_all_lessons else one.name[:2]
        self.notebook = _notebook(one)
        self.records = {name: records.get(name, Record()) for name in one.questions}
        self.questions = {question.name: question for question in one.load()} if titled else {}

    @property
    def element(self) -> Element:
        items = (
            element("li", _sign(one.state), *self._told(name)) for name, one in self.records.items()
        )
        lesson = element("th", _link(self.notebook, self.lesson), scope="row")
        return element("tr", lesson, element("td", element("ul", *items)))

    @property
    def text(self) -> str:
        lines = [f"[{_SIGNS[one.state]}]{self._line(name)}" for name, one in self.records.items()]
        # Without titles, the signs stand side by side.
        lines = lines if self.questions else [" ".join(lines)]
        first, rest = _padded(self.lesson), _padded("")
        return "\n".join(f"{rest if at else first} {line}" for at, line in enumerate(lines))

    def _line(self, name: str) -> str:
        parts = [self._title(name), *self._details(name)]
        return " " + " · ".join(parts) if self.questions else ""

    def _told(self, name: str) -> Iterator[Element]:
        if self.questions:
            details = self._details(name)
            small = [element("small", *with_code(" · ".join(details)))] if details else []
            yield element("span", self._title(name), *small)

    def _title(self, name: str) -> str:
        if name not in self.questions:
            return ""
        question = self.questions[name]
        return _("{title} ({minutes} min)").format(
            title=_(question.title), minutes=question.minutes
        )

    def _details(self, name: str) -> list[str]:
        """How often an answer was checked, what helped, and the last mistake."""
        record, told = self.records[name], []
        if record.attempts:
            told.append(_("attempts: {number}").format(number=record.attempts))
        if record.hints:
            told.append(_("hints: {number}").format(number=record.hints))
        if record.solution_shown:
            told.append(_("solution shown"))
        if record.mistake and (said := explained(self.questions[name], record.mistake)):
            told.append(re.split(r"(?<=[.?!:]) ", said)[0])
        return told


def explained(question: Question, code: str) -> str:
    """Says in the current language what a code of a verdict means.

    Args:
        question: The question that was answered.
        code: The code, such as `"pads-in-front"`.

    Returns:
        The sentence of the verdict; empty if it says no more than that the code did not run.

    Example:
        >>> from masklens_course.questions import question
        >>> explained(question("pad-by-hand"), "pads-in-front").split(".")[0]
        'Your zeros come before the tokens'
    """
    mistakes = [mistake for one in question.conditions for mistake in one.mistakes]
    sentences = COMMON_MISTAKES | {one.code: one.sentence for one in question.conditions}
    sentences |= {one.code: one.sentence for one in (*DEFAULT_MISTAKES, *mistakes)}
    said = sentences.get(code, "")
    return _(said) if said else ""


def _notebook(one: ExerciseSet) -> str:
    """The address of a set's notebook, from the working directory; empty if it is not found."""
    try:
        here = Path.cwd()
    except OSError:  # it does not exist any more
        return ""
    folders = [here] if here.parent.name == "exercises" else []
    if len(here.parents) > 1:
        folders.append(here.parents[1] / "exercises" / get_language())
    paths = [folder / f"{one.name}.ipynb" for folder in folders]
    found = next(filter(Path.exists, paths), None)
    return Path(os.path.relpath(found, here)).as_posix() if found else ""


def _link(address: str, text: str) -> Element | str:
    return element("a", text, href=address) if address else text


def _padded(name: str) -> str:
    return name + " " * (_WIDTH - terminal_width(name))


def _sign(state: State) -> Element:
    return element("b", _SIGNS[state], class_=state, role="img", aria_label=_(_WORDS[state]))
