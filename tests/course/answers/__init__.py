"""Right and wrong answers to every question, one module per topic, gathered into one table."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from masklens_course.questions import exercise_sets


@dataclass(frozen=True)
class Answers:
    """What learners hand in to one question.

    Args:
        right: right answers, written differently from one another and from the solution.
        wrong: pairs of the code that is expected, and the answer.
    """

    right: tuple[Any, ...]
    wrong: tuple[tuple[str, Any], ...]


def all_answers() -> dict[str, Answers]:
    """The table: each question's name, and its answers."""
    topics = [import_module(f"answers.{one.topic}") for one in exercise_sets()]
    return {name: answers for topic in topics for name, answers in topic.ANSWERS.items()}
