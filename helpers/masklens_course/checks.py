"""Questions with the conditions of a right answer, and judging answers by them."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import Any, Literal

from masklens._language import get_language, mark
from masklens._language import translate as _
from masklens.drawing.picture import Picture
from masklens_course.answer import (
    DiagnosedError,
    has_blanks,
    is_blank,
    learner_lines,
    short_message,
)
from masklens_course.history import remember
from masklens_course.sandbox import TIME_LIMIT, Outcome, run_in_sandbox
from masklens_course.verdict import Kind, Verdict, note

_SOLUTIONS = Path(__file__).parent / "questions" / "solutions"

# Mistakes that can be made with every question.
COMMON_MISTAKES = {
    "not-a-function": mark(
        "The check takes a function, but this is none. Hand over the function itself, without "
        "calling it: its name, without parentheses."
    ),
    "not-a-class": mark(
        "The check takes the class itself and makes its own instances of it. Hand over the name of "
        "the class, without parentheses."
    ),
    "not-a-layer": mark(
        "The class is no layer. It inherits from `keras.layers.Layer` in the stub: keep that line."
    ),
    "not-a-value": mark(
        "The check takes a value, such as a list or an array, but this is a function or a class."
    ),
    "wrong-arguments": mark(
        "It does not take the arguments that it is called with. Keep the arguments of the stub, in "
        "their order."
    ),
    "changes-its-input": mark(
        "It changes the array or list that it was given. Whoever calls it may still need that one: "
        "make a new one, and return it."
    ),
    "returns-nothing": mark("It gives None. Is there a `return` missing?"),
    "not-numbers": mark(
        "It gives something from which no array of numbers or booleans can be made. If it holds "
        "lists, are they of the same length?"
    ),
}


@dataclass(frozen=True)
class Mistake:
    """A diagnosis: why an answer does not meet a condition.

    Attributes:
        code: Its name, unique within the question, such as `"counts-padding"`.
        sentence: The explanation for the learner; it is a message of the catalogue.
        recognise: Takes the observation, and returns whether the learner made this mistake.
        picture: Takes the observation, and returns a picture for the sentence, or None.
    """

    code: str
    sentence: str
    recognise: Callable[[Any], bool]
    picture: Callable[[Any], Picture | None] | None = None

    def of(self, part: str) -> "Mistake":
        """Returns the same mistake, recognised in an attribute of the observation."""
        return replace(self, recognise=lambda seen: self.recognise(getattr(seen, part)))


class Condition:
    """A property of the behaviour of a right answer.

    Args:
        code: The name of the fault if the property does not hold and no mistake is recognised.
        sentence: The explanation for the learner in that case; it is a message of the catalogue.
        holds: Takes the observation, and returns whether the property holds.
        mistakes: Possible reasons why it does not hold; the first recognised names the fault.
        picture: As in `Mistake`; also used for mistakes without a picture.
    """

    def __init__(
        self,
        code: str,
        sentence: str,
        holds: Callable[[Any], bool],
        *mistakes: Mistake,
        picture: Callable[[Any], Picture | None] | None = None,
    ) -> None:
        """Keeps what is given."""
        self.code, self.sentence, self.holds = code, sentence, holds
        self.mistakes, self.picture = mistakes, picture


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question of an exercise, which checks answers, gives hints, and shows its solution.

    Attributes:
        name: The name for `masklens.question`.
        title: The title; it is a message of the catalogue.
        lesson: The lesson that it belongs to, such as `"01_padding"`; its set fills it in.
        minutes: The approximate time that it takes.
        kind: The kind of answer: a value, a function or a class of layers.
        observe: Runs the learner's answer, and returns the observation for the conditions.
        conditions: The conditions of a right answer; the first that does not hold decides.
        hints: Hints of increasing detail; each is a message of the catalogue.
        why: Why the solution is right; it is a message of the catalogue.
    """

    name: str
    title: str
    lesson: str = ""
    minutes: int
    kind: Literal["value", "function", "class"]
    observe: Callable[[Any], Any]
    conditions: tuple[Condition, ...]
    hints: tuple[str, ...]
    why: str

    def __repr__(self) -> str:
        """Shows the question on one line."""
        return f"{self.name}: {_(self.title)}"

    def check(self, answer: Any) -> Verdict:
        """Judges an answer by its behaviour, and remembers that the question was tried or solved.

        Args:
            answer: The value, the function or the class.

        Returns:
            The verdict, which a notebook shows as a picture. A check does not raise, does not
            change the learner's objects, and stops code that runs for longer than 10 seconds.

        Example:
            >>> from masklens_course.questions import question
            >>> question("pad-by-hand").check(...).kind
            'blank'
        """
        if os.environ.get("NBGRADER_EXECUTION") == "validate":
            # nbgrader validates without hidden tests: a cell that does not raise counts as right.
            self.grade(answer)
        verdict = judge(self, answer)
        if verdict.kind == "blank":
            return verdict
        return replace(verdict, note=remember(verdict.question, verdict.kind))

    def hint(self) -> Picture:
        """Gives the next hint, and after the last the first again.

        Returns:
            The hint, which a notebook shows as a picture.

        Example:
            >>> from masklens_course.questions import question
            >>> len(question("pad-by-hand").hint().text.splitlines())
            2
        """
        given = _hints_given.get(self.name, 0)
        _hints_given[self.name] = given + 1
        number = given % len(self.hints)
        title = _("Hint {number} of {all}").format(number=number + 1, all=len(self.hints))
        return note(title, _(self.hints[number]))

    def solution(self) -> Picture:
        """Shows a right answer, and why it is right.

        Returns:
            The code and the reason, which a notebook shows as a picture.

        Example:
            >>> from masklens_course.questions import question
            >>> "padded" in question("pad-by-hand").solution().text
            True
        """
        path = _SOLUTIONS / f"{get_language()}.json"
        path = path if path.exists() else _SOLUTIONS / "en.json"
        code = json.loads(path.read_text(encoding="utf-8"))[self.name]
        return note(_("A right answer"), _(self.why), code)

    def grade(self, answer: Any) -> None:
        """Raises unless an answer is right, as graders such as nbgrader expect.

        In a notebook, shows the verdict first, so that a student's feedback includes its picture.

        Args:
            answer: The value, the function or the class.

        Raises:
            WrongAnswerError: If the answer is wrong, blank, or does not run; the message ends in
                the code of the fault.

        Example:
            >>> from masklens_course.questions import question
            >>> question("pad-by-hand").grade([])  # doctest: +ELLIPSIS
            Traceback (most recent call last):
            masklens_course.checks.WrongAnswerError: Not yet: ... [wrong-shape]
        """
        verdict = judge(self, answer)
        if verdict.kind != "right":
            notebook = sys.modules.get("IPython")
            if notebook and notebook.get_ipython():
                notebook.display.display(verdict)
            raise WrongAnswerError(str(verdict))


class WrongAnswerError(AssertionError):
    """Raised by `Question.grade`; its message is the verdict on one line."""

    def _render_traceback_(self) -> list[str]:
        """Returns the message alone for IPython, since the traceback shows only this library."""
        return [f"{type(self).__name__}: {self}"]


_hints_given: dict[str, int] = {}


def judge(question: Question, answer: Any) -> Verdict:
    """Judges an answer.

    Args:
        question: The question.
        answer: The learner's answer, which may be any object.

    Returns:
        The verdict; an answer that fails or does not end gets one, too.

    Example:
        >>> from masklens_course.questions import question
        >>> judge(question("pad-by-hand"), None).code
        'returns-nothing'
    """
    give = partial(_verdict, question)
    if is_blank(answer):
        return give("blank", "blank", _BLANK)
    if code := _kind_mistake(question.kind, answer):
        return give("wrong", code, COMMON_MISTAKES[code])
    outcome = run_in_sandbox(lambda: question.observe(answer))
    if outcome.timed_out or outcome.error:
        verdict = _failed_verdict(give, outcome)
    else:
        verdict = _by_conditions(give, question, outcome)
    if verdict.kind != "right" and has_blanks(answer):
        return give("blank", "blank", _BLANK)
    return verdict


_BLANK = mark("There is still `...` to fill in.")


def _verdict(question: Question, kind: Kind, code: str, sentence: str, **more: Any) -> Verdict:
    return Verdict(kind, code, question.name, _(question.title), _(sentence), **more)


def _by_conditions(give: Callable[..., Verdict], question: Question, outcome: Outcome) -> Verdict:
    seen, printed = outcome.value, outcome.printed
    try:
        for condition in question.conditions:
            if not condition.holds(seen):
                fault = next((m for m in condition.mistakes if m.recognise(seen)), condition)
                draw = fault.picture or condition.picture
                picture = draw(seen) if draw else None
                return give("wrong", fault.code, fault.sentence, picture=picture, printed=printed)
    except Exception as error:  # the conditions cannot handle the answer
        return give("broken", "unusable", _UNUSABLE, lines=(short_message(error),))
    return give("right", "right", question.why, printed=printed)


_UNUSABLE = mark(
    "Your code ran, but the check can do nothing with what it gave. Compare its kind and its "
    "shape with what the task asks for."
)


def _failed_verdict(give: Callable[..., Verdict], outcome: Outcome) -> Verdict:
    """Makes the verdict on code that did not run to its end."""
    error, printed = outcome.error, outcome.printed
    if error is None:
        late = _("It took longer than {seconds} seconds and was stopped. Does a loop end?")
        return give("broken", "too-slow", late.format(seconds=TIME_LIMIT), printed=printed)
    if isinstance(error, DiagnosedError):
        return give("wrong", error.code, COMMON_MISTAKES[error.code], printed=printed)
    lines = learner_lines(error)
    if isinstance(error, SystemExit):
        return give("broken", "exits", _EXITS, lines=lines, printed=printed)
    sentence = _BROKEN if lines else _UNUSABLE
    code = "error" if lines else "unusable"
    return give("broken", code, sentence, lines=(*lines, short_message(error)), printed=printed)


_EXITS = mark("It ends Python, as `exit()` does. Return a value instead.")
_BROKEN = mark("Your code raised an exception. The last line says which, those above it say where.")


def _kind_mistake(kind: str, answer: Any) -> str:
    """Returns the code of the mistake for another kind of answer; empty if the kind is right."""
    import keras  # also so that the slow import does not count towards the learner's time

    if kind == "class":
        if not isinstance(answer, type):
            return "not-a-class"
        return "" if issubclass(answer, keras.layers.Layer) else "not-a-layer"
    if kind == "function":
        # A layer is callable, too, but a call would build the learner's layer.
        is_function = callable(answer) and not isinstance(answer, type | keras.layers.Layer)
        return "" if is_function else "not-a-function"
    return "not-a-value" if isinstance(answer, type | FunctionType | BuiltinFunctionType) else ""
