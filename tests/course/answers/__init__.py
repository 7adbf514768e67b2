"""Right and wrong answers to every question, one module per topic, gathered into one table."""

import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from textwrap import dedent
from typing import Any

from masklens_course.questions import exercise_sets


@dataclass(frozen=True)
class Answers:
    """What learners hand in to one question.

    Args:
        right: right answers, written differently from one another and from the solution.
        wrong: pairs of the code that is expected, and the answer.
        two: answers with two mistakes, behind the codes of both.
    """

    right: tuple[Any, ...]
    wrong: tuple[tuple[str, Any], ...]
    two: tuple[tuple[str, str, Any], ...] = ()


def changed(answer: Any, *pieces: str) -> Any:
    """A function or class in whose source pieces are replaced: what stands there, by what."""
    source = dedent(inspect.getsource(answer))
    for old, new in zip(pieces[::2], pieces[1::2], strict=True):
        assert old in source, f"{answer.__name__} has no {old}"
        source = source.replace(old, new)
    names = dict(vars(sys.modules[answer.__module__]))
    exec(compile(source, f"<{answer.__name__} changed>", "exec"), names)
    return names[answer.__name__]


def changes(answer: Any, *cases: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Wrong answers that are like a right one but for some pieces, which stand behind the code."""
    for code, *pieces in cases:
        yield code, changed(answer, *pieces)


# Pieces that make of a layer one that opts in, and says nothing of its own about its mask.
OPTS_IN = (
    *("compute_mask", "another"),
    *("super().__init__()", "super().__init__(); self.supports_masking = True"),
)


def all_answers() -> dict[str, Answers]:
    """The table: each question's name, and its answers."""
    topics = [import_module(f"answers.{one.topic}") for one in exercise_sets()]
    return {name: answers for topic in topics for name, answers in topic.ANSWERS.items()}
