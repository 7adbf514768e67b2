"""Right and wrong answers."""

from answers import Answers

ANSWERS: dict[str, Answers] = {}
