"""Questions with the cases and the conditions of a right answer."""

import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np

from masklens._language import get_language
from masklens._language import translate as _
from masklens.drawing.picture import Picture
from masklens_course.answer import call, numbers, refuse_answers
from masklens_course.comparison import Compared
from masklens_course.conditions import Case, Condition, Hint
from masklens_course.example import Example, call_as_code
from masklens_course.history import remember
from masklens_course.integrity import Sealed, sealed
from masklens_course.judging import judge
from masklens_course.mistakes import SHARED_HINTS
from masklens_course.verdict import Verdict, note

_SOLUTIONS = Path(__file__).parent / "questions" / "solutions"


@dataclass(frozen=True)
class _Reference:
    """What gives right results, but not to an answer that asks for them."""

    function: Callable[..., Any]

    def __call__(self, *case: Any) -> Any:
        refuse_answers()
        return self.function(*case)


def _no_arguments(random: np.random.Generator) -> Iterable[Case]:
    return [()]


@sealed
@dataclass(frozen=True, kw_only=True, eq=False)
class Question(metaclass=Sealed):
    """A question of an exercise, which checks answers, gives hints, and shows its solution.

    Attributes:
        name: The name for `masklens.question`.
        title: The title; it is a message of the catalogue.
        lesson: The lesson that it belongs to, such as `"01_padding"`; its set fills it in.
        number: Its number in the set, from 1; its set fills it in.
        points: The points that a right answer gets; its set fills them in.
        minutes: The approximate time that it takes.
        kind: The kind of answer: a value, a function or a class of layers.
        cases: Draws what an answer is called with: first the case that the learner sees, then
            others, of other sizes and with other values.
        right: Takes the arguments of a case, and returns what a right answer gives. It shares no
            code with what a learner may use.
        observe: Takes the learner's answer and the arguments of a case, and returns the observation
            for the conditions; without it, that is a `Compared` of what the answer gives.
        conditions: The conditions of a right answer, which must hold on every case.
        hints: Hints of increasing detail, each with the mistakes that it is about.
        why: Why the solution is right; it is a message of the catalogue.
    """

    name: str
    title: str
    lesson: str = ""
    number: int = 1
    points: int = 1
    minutes: int
    kind: Literal["value", "function", "class"]
    cases: Callable[[np.random.Generator], Iterable[Case]] = _no_arguments
    right: Callable[..., Any] | None = None
    observe: Callable[..., Any] | None = None
    conditions: tuple[Condition, ...]
    hints: tuple[Hint, ...]
    why: str

    def __repr__(self) -> str:
        """Shows the question on one line."""
        return f"{self.name}: {_(self.title)}"

    @property
    def asker(self) -> str:
        """What its notebook calls it, such as `q1`."""
        return f"q{self.number}"

    # A name of the class, which nobody can replace.
    _judge = staticmethod(judge)

    def __post_init__(self) -> None:
        """Keeps the question as it is made, with a reference that no answer can ask."""
        if self.right and not isinstance(self.right, _Reference):
            object.__setattr__(self, "right", _Reference(self.right))
        _as_made[self] = dict(vars(self))

    def all_cases(self) -> list[Case]:
        """Draws the cases, which are the same in every check.

        Example:
            >>> from masklens_course.questions import question
            >>> question("pad-for-cudnn").all_cases()[0]
            ([[5, 3], [], [8, 2, 9, 4, 6], [7]],)
        """
        return [*self.cases(np.random.default_rng([*self.name.encode()]))]

    def observed(self, answer: Any, case: Case) -> Any:
        """Runs an answer on a case.

        Args:
            answer: The learner's answer.
            case: The arguments that it is called with.

        Returns:
            The observation for the conditions.
        """
        if self.observe:
            return self.observe(answer, *case)
        given = numbers(answer if self.kind == "value" else call(answer, *case))
        return Compared(given, self.right and self.right(*case), case=case)

    def _judged(self, answer: Any) -> Verdict:
        """Judges an answer by this question as it was made, whatever was written into it since."""
        vars(self).update(_as_made[self])
        return self._judge(self, answer)

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
        verdict = self._judged(answer)
        if _is_autograded() and (points := self._part_of_points(verdict)):
            part = _("{points:g} of {all} points").format(points=points, all=self.points)
            return replace(verdict, points=points, note=part)
        _last_checks[self.name] = verdict
        if verdict.kind == "blank":
            return verdict
        return replace(verdict, note=remember(verdict.question, "check", verdict.code))

    def example(self) -> Example:
        """Gives the call on which the last check failed; before that, the one of the task.

        Returns:
            The call, which unpacks to its arguments: `my_function(*q1.example())`.

        Example:
            >>> from masklens_course.questions import question
            >>> len(*question("pad-for-cudnn").example())
            4
        """
        findings = _last_checks[self.name].findings if self.name in _last_checks else ()
        if failed := next(filter(None, (finding.example for finding in findings)), None):
            return failed
        case = self.all_cases()[0]
        right = self.right(*case) if self.right and self.kind != "value" else None
        words = self.name.split("-")
        name = "".join(map(str.title, words)) if self.kind == "class" else "_".join(words)
        return Example(case, call_as_code(name, case, self.asker), right=right)

    def hint(self) -> Picture:
        """Gives the next hint: first the one for the mistake that the last check has found.

        Returns:
            The hint, which a notebook shows as a picture; after the last, the first again.

        Example:
            >>> from masklens_course.questions import question
            >>> len(question("pad-by-hand").hint().text.splitlines())
            2
        """
        hints, given = self._hints(), _hints_given.setdefault(self.name, [])
        if not set(hints) - set(given):
            given.clear()
        given.append(next(hint for hint in hints if hint not in given))
        title = _("Hint {number} of {all}").format(number=len(given), all=len(hints))
        remark = remember(self.name, "hint")
        return note(f"{title} · {_(self.title)}", _(given[-1].text), remark=remark)

    def _hints(self) -> list[Hint]:
        """Its hints, behind those that fit what the last check has found."""
        findings = _last_checks[self.name].findings if self.name in _last_checks else ()
        codes = {finding.code for finding in findings}
        fitting = [hint for hint in (*self.hints, *SHARED_HINTS) if codes & {*hint.codes}]
        return [*fitting, *(hint for hint in self.hints if hint not in fitting)]

    def solution(self) -> Picture:
        """Shows a right answer, and why it is right.

        Returns:
            The code and the reason, which a notebook shows as a picture.

        Example:
            >>> from masklens_course.questions import question
            >>> "padded" in question("pad-by-hand").solution().text
            True
        """
        refuse_answers()
        path = _SOLUTIONS / f"{get_language()}.json"
        path = path if path.exists() else _SOLUTIONS / "en.json"
        code = json.loads(path.read_text(encoding="utf-8"))[self.name]
        title, remark = _("A right answer"), remember(self.name, "solution")
        return note(f"{title} · {_(self.title)}", _(self.why), code, remark)

    def grade(self, answer: Any) -> None:
        """Raises unless an answer is right, as graders such as nbgrader expect.

        In a notebook, shows the verdict first, so that a student's feedback includes its picture.
        While nbgrader grades, an answer that meets the first conditions passes, and `check` behind
        it gives its part of the points.

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
        verdict = self._judged(answer)
        part = _is_autograded() and self._part_of_points(verdict)
        if verdict.kind != "right" and not part:
            notebook = sys.modules.get("IPython")
            if notebook and notebook.get_ipython():
                notebook.display.display(verdict)
            raise WrongAnswerError(str(verdict))

    def _part_of_points(self, verdict: Verdict) -> float:
        """The points for a part of the conditions, down to a half; 0 for all or none of them."""
        return int(2 * self.points * verdict.share) / 2 if verdict.share < 1 else 0


def _is_autograded() -> bool:
    return os.environ.get("NBGRADER_EXECUTION") == "autograde"


class WrongAnswerError(AssertionError):
    """Raised by `Question.grade`; its message is the verdict on one line."""

    def _render_traceback_(self) -> list[str]:
        """Returns the message alone for IPython, since the traceback shows only this library."""
        return [f"{type(self).__name__}: {self}"]


_as_made: WeakKeyDictionary["Question", dict[str, Any]] = WeakKeyDictionary()
_hints_given: dict[str, list[Hint]] = {}
_last_checks: dict[str, Verdict] = {}
