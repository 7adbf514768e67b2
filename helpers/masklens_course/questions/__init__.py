"""The questions of the exercises, one module per set; found by their names."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path

from masklens._language import translate as _
from masklens_course.checks import Question

# Made from course.toml and the exercises, so that no module is imported before it is asked for.
_SETS = Path(__file__).parent / "sets.json"

asked: set[str] = set()
"""The sets of which a question was asked for in this session."""


@dataclass(frozen=True)
class ExerciseSet:
    """A set of exercises, which is one notebook.

    Attributes:
        name: Such as `"01_padding"`; the module of its questions has the same name, but no number.
        points: The points for each of its questions, by name, in order.
        needs_all_lessons: Whether it belongs to all lessons, not to the one of its number.
    """

    name: str
    points: Mapping[str, int]
    needs_all_lessons: bool

    @property
    def questions(self) -> tuple[str, ...]:
        """The names of its questions, in order."""
        return tuple(self.points)

    @property
    def topic(self) -> str:
        """The name of its module."""
        return self.name.partition("_")[2]

    def load(self) -> tuple[Question, ...]:
        """Imports its questions."""
        module = import_module(f"{__name__}.{self.topic}")
        return tuple(
            replace(one, lesson=self.name, number=number, points=self.points[one.name])
            for number, one in enumerate(module.QUESTIONS, 1)
        )


@cache
def exercise_sets() -> tuple[ExerciseSet, ...]:
    """Lists the sets of exercises in the order of the lessons; last those that need all of them.

    Returns:
        The sets.

    Example:
        >>> exercise_sets()[0].name
        '01_padding'
    """
    listed = json.loads(_SETS.read_text(encoding="utf-8"))
    return tuple(
        ExerciseSet(name, one["questions"], one["needs_all_lessons"])
        for name, one in listed.items()
    )


@cache
def all_questions() -> tuple[Question, ...]:
    """Lists the questions in the order of the lessons.

    Returns:
        The questions.

    Example:
        >>> all_questions()[0].name
        'pad-by-hand'
    """
    return tuple(question for one in exercise_sets() for question in one.load())


def question(name: str) -> Question:
    """Finds the question of an exercise, to check an answer, or to ask for a hint or the solution.

    Args:
        name: The name in the exercise, such as `"pad-by-hand"`.

    Returns:
        The question, with `check(answer)`, `hint()`, `solution()` and `grade(answer)`. It speaks
        the language that is in force when it is asked.

    Raises:
        ValueError: If there is no question of this name; the message lists the nearest names.

    Example:
        >>> question("pad-by-hand").hint().text.splitlines()[0][:4]
        'Hint'
    """
    for one in exercise_sets():
        if name in one.questions:
            asked.add(one.name)
            return next(question for question in one.load() if question.name == name)
    names = [name for one in exercise_sets() for name in one.questions]
    near = get_close_matches(str(name), names, n=3, cutoff=0.5) or names
    message = _("There is no question {name!r}. The nearest names are: {near}.")
    raise ValueError(message.format(name=name, near=", ".join(map(repr, near))))
