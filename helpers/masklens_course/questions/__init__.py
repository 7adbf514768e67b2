"""The questions of the exercises, one module per set; found by their names."""

import json
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path

from masklens._language import translate as _
from masklens_course.checks import Question

# Made from course.toml, as the solutions are from the exercises.
_SETS = Path(__file__).parent / "sets.json"


@cache
def sets() -> dict[str, bool]:
    """Lists the sets of exercises in the order of the lessons; last those that need all of them.

    Returns:
        For each set, such as `"01_padding"`, whether it needs all lessons.

    Example:
        >>> next(iter(sets()))
        '01_padding'
    """
    listed = json.loads(_SETS.read_text(encoding="utf-8"))
    return {name: kind == "of all lessons" for kind, names in listed.items() for name in names}


def set_of(module: str) -> str:
    """Finds the set that a module of questions belongs to: it has the same name, but no number.

    Args:
        module: The module's `__name__`.

    Returns:
        The set's name.

    Raises:
        LookupError: If there is no such set.

    Example:
        >>> set_of("masklens_course.questions.padding")
        '01_padding'
    """
    topic = module.rpartition(".")[2]
    for name in sets():
        if _topic(name) == topic:
            return name
    raise LookupError(f"no set of exercises is called {topic!r}: run `make build`")


def _topic(name: str) -> str:
    return name.partition("_")[2]


@cache
def all_questions() -> tuple[Question, ...]:
    """Lists the questions in the order of the lessons.

    Returns:
        The questions.

    Example:
        >>> all_questions()[0].name
        'pad-by-hand'
    """
    modules = (import_module(f"{__name__}.{_topic(name)}") for name in sets())
    return tuple(question for module in modules for question in module.QUESTIONS)


def question(name: str) -> Question:
    """Finds the question of an exercise, to check an answer, or to ask for a hint or the solution.

    Args:
        name: The name that stands in the exercise, such as `"pad-by-hand"`.

    Returns:
        The question, with `check(answer)`, `hint()`, `solution()` and `grade(answer)`. It speaks
        the language that is in force when it is asked.

    Raises:
        ValueError: If there is no question of this name; the message lists the nearest names.

    Example:
        >>> question("pad-by-hand").hint().text.splitlines()[0][:4]
        'Hint'
    """
    named = {question.name: question for question in all_questions()}
    if name in named:
        return named[name]
    near = get_close_matches(str(name), named, n=3, cutoff=0.5) or list(named)
    message = _("There is no question {name!r}. The nearest names are: {near}.")
    raise ValueError(message.format(name=name, near=", ".join(map(repr, near))))
