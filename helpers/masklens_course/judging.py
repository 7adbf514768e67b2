"""Judging an answer: runs it on every case, and says which condition fails, on which case, and why.

What an answer does to Python, NumPy, Keras or this package is put back before it is judged.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations, takewhile
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from masklens._language import mark
from masklens._language import translate as _
from masklens.drawing.elements import element
from masklens.drawing.picture import Picture
from masklens_course.answer import (
    DiagnosedError,
    has_blanks,
    is_blank,
    learner_lines,
    raised_by_keras,
    short_message,
)
from masklens_course.comparison import Compared
from masklens_course.conditions import Case, Condition, Mistake, at_once
from masklens_course.example import Example, call_as_code
from masklens_course.integrity import original_libraries
from masklens_course.mistakes import COMMON_MISTAKES, DEFAULT_MISTAKES
from masklens_course.sandbox import TIME_LIMIT, Outcome, run_in_sandbox
from masklens_course.verdict import Finding, Kind, Verdict

if TYPE_CHECKING:
    from masklens_course.checks import Question

_BLANK = mark("There is still `...` to fill in.")
_EXITS = mark("It ends Python, as `exit()` does. Return a value instead.")
_BROKEN = mark("Your code raised an exception. The last line says which, those above it say where.")
_BY_KERAS = mark("Keras raised an exception while it ran what you wrote. The last line says why.")
_TOO_SLOW = mark("It took longer than {seconds} seconds and was stopped. Does a loop end?")
_UNUSABLE = mark(
    "Your code ran, but the check cannot use its result. Compare its type and its shape with "
    "what the task asks for."
)
_REPLACED = mark(
    "A function of Python or of a library was replaced: {names}. The check needs the original. "
    "Remove that line and restart the kernel."
)
# So many of the hidden cases fail if an answer is made for the case that is shown.
_HARDLY_ANY = 0.7
_ONLY_THIS_EXAMPLE = Mistake(
    "only-this-example",
    "It is right for the example of the task, but for hardly any other input. Are values or sizes "
    "of the example written into your code?",
    lambda seen: True,
)


@dataclass(frozen=True, eq=False)
class _Run:
    """A case, and what came of calling the answer with it."""

    case: Case
    outcome: Outcome
    hidden: bool

    @property
    def seen(self) -> Any:
        return self.outcome.value

    @property
    def failed(self) -> bool:
        return self.outcome.timed_out or self.outcome.error is not None

    @property
    def size(self) -> int:
        return sum(map(_size, self.case))


_OTHER_ARGUMENTS = r"\(\) (takes|got|missing) |positional arguments|a required argument"
_DEFAULT_CODES = {mistake.code for mistake in DEFAULT_MISTAKES}
_Cause = tuple[Mistake | Condition, list[_Run]]


class _Reason:
    """What is said of failing cases: mistakes, with those that they explain; or a condition."""

    def __init__(
        self,
        named: tuple[Mistake | Condition, ...],
        recognise: Callable[[Any], bool] | None,
        runs: list[_Run],
    ) -> None:
        self.named, self._recognise = named, recognise
        self.runs = [run for run in runs if self.explains(run)] if recognise else runs

    def explains(self, run: _Run) -> bool:
        try:
            return self._recognise is not None and bool(self._recognise(run.seen))
        except Exception:  # what it looks for is not there
            return False


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
    trial = Trial(question, answer)
    if is_blank(answer):
        return trial.verdict("blank", "blank", _BLANK)
    if code := _kind_mistake(question.kind, answer):
        return trial.verdict("wrong", code, COMMON_MISTAKES[code])
    with original_libraries() as put_back:
        if replaced := trial.run(put_back):
            names = ", ".join(f"`{name}`" for name in replaced[:3])
            return trial.verdict("wrong", "replaces-functions", _(_REPLACED).format(names=names))
        verdict = trial.judged()
    if verdict.kind != "right" and has_blanks(answer):
        return trial.verdict("blank", "blank", _BLANK)
    return verdict


class Trial:
    """An answer that runs on every case of a question, and is judged by what came of it."""

    def __init__(self, question: Question, answer: Any) -> None:
        """Prepares the trial of an answer to a question."""
        name = answer.__name__ if isinstance(answer, FunctionType | type) else ""
        self.name = name if name.isidentifier() else question.name.replace("-", "_")
        self.name += "()" if question.kind == "class" else ""
        # A copy, so that an answer that runs changes nothing by which it is judged.
        self.question, self._asked, self.answer = copy(question), question, answer
        self.runs: list[_Run] = []
        self.failing: dict[Condition, list[_Run]] = {}

    def verdict(self, kind: Kind, code: str, sentence: str, **more: Any) -> Verdict:
        """A verdict of one finding."""
        return self._verdict(kind, Finding(code, _(sentence)), **more)

    def _verdict(self, kind: Kind, *findings: Finding, **more: Any) -> Verdict:
        asked = self.question
        return Verdict(kind, asked.name, asked.asker, _(asked.title), findings, **more)

    def run(self, put_back: Callable[[], list[str]]) -> list[str]:
        """Runs the answer; not on hidden cases if it fails on the one that is shown.

        Args:
            put_back: Puts functions back that the answer has replaced, and returns their names.

        Returns:
            The names of such functions; if there are any, the rest of the cases is left out.
        """
        for case in self.question.all_cases():
            observed = partial(self._asked.observed, self.answer, case)
            self.runs.append(_Run(case, run_in_sandbox(observed, TIME_LIMIT), bool(self.runs)))
            replaced = put_back()
            if replaced or self.runs[0].failed or self.runs[-1].outcome.timed_out:
                break
        return replaced

    def judged(self) -> Verdict:
        """Looks first at the case that is shown, then at exceptions on others, then at the rest."""
        broken = [run for run in self.runs if run.failed]
        for run in self.runs:
            try:
                if not run.failed and (condition := self._first_that_fails(run)):
                    self.failing.setdefault(condition, []).append(run)
            except Exception as error:  # the conditions cannot handle the answer
                unusable = Finding("unusable", _(_UNUSABLE), self._example(run))
                return self._verdict("wrong", unusable, lines=(short_message(error),))
        wrong = [run for runs in self.failing.values() for run in runs]
        if self._is_only_this_example(hidden := self._worse_than_the_example(broken)):
            shown = _shown(hidden)
            finding = self._finding(_ONLY_THIS_EXAMPLE, shown)
            return self._verdict("wrong", finding, printed=shown.outcome.printed)
        if broken and self.runs[0] not in wrong:
            return self._failed(_shown(broken))
        if wrong:
            causes = self._causes()
            findings = [self._finding(cause, _shown(runs)) for cause, runs in causes]
            printed = _shown(causes[0][1]).outcome.printed
            return self._verdict("wrong", *findings, printed=printed, share=self._share())
        printed = self.runs[0].outcome.printed
        return self.verdict("right", "right", self.question.why, printed=printed, share=1)

    def _share(self) -> float:
        """The share of the conditions before the first that fails; none if the answer raised."""
        before = [one in self.failing for one in self.question.conditions].index(True)
        every_case_ran = not any(run.failed for run in self.runs)
        return before / len(self.question.conditions) if every_case_ran else 0

    def _first_that_fails(self, run: _Run) -> Condition | None:
        return next((c for c in self.question.conditions if c.fails(run.seen, run.case)), None)

    def _worse_than_the_example(self, broken: list[_Run]) -> list[_Run]:
        """The cases that fail, if the one that is shown does not, or on a later condition."""
        failing = [self.failing[one] for one in self.question.conditions if one in self.failing]
        earlier = [*takewhile(lambda runs: self.runs[0] not in runs, failing)]
        return [*chain(*earlier), *broken] if earlier or not failing else []

    def _is_only_this_example(self, worse: list[_Run]) -> bool:
        """Whether hardly any hidden case is right, and no mistake of the question says why."""
        if not worse or self.runs[0] in worse:
            return False
        if len(worse) < _HARDLY_ANY * (len(self.question.all_cases()) - 1):
            return False
        (cause, explained), *_rest = self._causes() if self.failing else [(_ONLY_THIS_EXAMPLE, [])]
        own = isinstance(cause, Mistake) and cause.code not in _DEFAULT_CODES
        return not own or len(explained) < len(worse)

    def _causes(self) -> list[_Cause]:
        """The mistake, and a second one if the first does not explain all that fails."""
        failing = [
            (one, self.failing[one]) for one in self.question.conditions if one in self.failing
        ]
        (condition, runs), *later = failing
        first = self._reason(condition, runs)
        causes = [(one, first.runs) for one in first.named]
        for condition, runs in later:
            left = [run for run in runs if not first.explains(run)]
            second = self._reason(condition, left)
            both = first.named[0], second.named[0]
            # What the first mistake leaves of a condition says little without a mistake of its own.
            if isinstance(both[1], Condition) and 2 * len(left) <= len(runs):
                continue
            # Two conditions that fail without a reason say no more than one.
            if left and both[0].code != both[1].code and Mistake in map(type, both):
                causes.append((both[1], second.runs))
        return causes[:2]

    def _reason(self, condition: Condition, runs: list[_Run]) -> _Reason:
        """The mistake, or two made at once, that explains most of the cases; or none."""
        compares = self.question.right and condition.holds is Compared.is_right
        known = condition.mistakes + (DEFAULT_MISTAKES if compares else ())
        reasons = [_Reason((one,), one.recognise, runs) for one in known]
        for pair in combinations(known, 2):
            if both := at_once(*(one.recognise for one in pair)):
                reasons.append(_Reason(pair, both, runs))
        most = max(reasons, key=lambda reason: len(reason.runs), default=None)
        # What explains a few only looks like it there, such as where there is one timestep.
        likely = most and 2 * len(most.runs) >= len(runs)
        return most if most and likely else _Reason((condition,), None, runs)

    def _finding(self, cause: Mistake | Condition, run: _Run) -> Finding:
        condition = next((one for one, runs in self.failing.items() if run in runs), None)
        draw = cause.picture or (condition.picture if condition else None)
        picture = draw(run.seen) if draw else self._comparison(run)
        return Finding(cause.code, _(cause.sentence), self._example(run, picture), picture)

    def _comparison(self, run: _Run) -> Picture | None:
        """Shows what came and what should have come."""
        if run.failed:
            return _lines(run.outcome)
        if not self.question.right or not isinstance(run.seen, Compared):
            return None
        drawn = run.seen.picture(reveal=self.question.kind != "value")
        return drawn or Picture((element("pre", run.seen.words(), tabindex=0),))

    def _example(self, run: _Run, picture: Picture | None = None) -> Example | None:
        # An observation may be of another call than that of the case.
        case = getattr(run.seen, "case", ()) or run.case
        if not case:
            return None
        yours, right = (getattr(run.seen, part, None) for part in ("yours", "right"))
        return Example(
            case, call_as_code(self.name, case, self.question.asker), yours, right, picture
        )

    def _failed(self, run: _Run) -> Verdict:
        """Makes the verdict on code that did not run to its end."""
        error, example = run.outcome.error, self._example(run)
        lines = learner_lines(error) if error else ()
        kind: Kind = "broken"
        if error is None:
            code, sentence = "too-slow", _(_TOO_SLOW).format(seconds=TIME_LIMIT)
        elif isinstance(error, DiagnosedError):
            kind, code, lines = "wrong", error.code, ()
            sentence = COMMON_MISTAKES[code]
        elif isinstance(error, SystemExit):
            code, sentence = "exits", _EXITS
        else:
            kind, code, sentence = _about(error)
            lines = (*lines, short_message(error))
        finding = Finding(code, _(sentence), example)
        return self._verdict(kind, finding, lines=lines, printed=run.outcome.printed)


def _about(error: BaseException) -> tuple[Kind, str, str]:
    """Tells errors of the learner's lines, of Keras about a class, and of the check apart."""
    if "super().__init__()" in str(error):
        return "broken", "no-super-init", COMMON_MISTAKES["no-super-init"]
    if learner_lines(error):
        return "broken", "error", _BROKEN
    if not raised_by_keras(error):
        return "wrong", "unusable", _UNUSABLE
    if isinstance(error, TypeError) and re.search(_OTHER_ARGUMENTS, str(error)):
        return "broken", "wrong-method", COMMON_MISTAKES["wrong-method"]
    return "broken", "keras-error", _BY_KERAS


def _shown(runs: list[_Run]) -> _Run:
    """The case to show: the one of the task if it is there, else the smallest."""
    return min(runs, key=lambda run: (run.hidden, run.size))


def _size(value: Any) -> int:
    if isinstance(value, list):
        return 1 + sum(map(_size, value))
    return int(np.size(value))


def _lines(outcome: Outcome) -> Picture | None:
    if outcome.error is None:
        return None
    lines = (*learner_lines(outcome.error), short_message(outcome.error))
    return Picture((element("pre", "\n".join(lines), tabindex=0),))


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
