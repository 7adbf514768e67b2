"""Questions."""

from masklens.checks import Question

QUESTIONS: tuple[Question, ...] = ()
