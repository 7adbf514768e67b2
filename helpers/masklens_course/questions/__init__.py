"""The questions of the exercises, one module per lesson; found by their names."""

from difflib import get_close_matches
from functools import cache
from importlib import import_module

from masklens._language import translate as _
from masklens_course.checks import Question

# Named as the lessons, in their order; last those that need several.
TOPICS = (
    "padding",
    "mask_generators",
    "propagation",
    "masks_by_hand",
    "layers_that_change_masks",
    "opting_in",
    "layers_that_use_masks",
    "all_together",
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
    topics = (import_module(f"{__name__}.{topic}") for topic in TOPICS)
    return tuple(question for topic in topics for question in topic.QUESTIONS)


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
