"""The conditions of a right answer, the mistakes that explain why one does not hold, and hints."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from masklens.drawing.picture import Picture

Case = tuple[Any, ...]
"""The arguments that an answer is called with."""


# Mistakes and conditions are tuples, of which nobody can replace a part.
class Mistake(NamedTuple):
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
        return self._replace(recognise=lambda seen: self.recognise(getattr(seen, part)))


class _Condition(NamedTuple):
    code: str
    sentence: str
    holds: Callable[[Any], bool]
    mistakes: tuple[Mistake, ...]
    picture: Callable[[Any], Picture | None] | None
    when: Callable[..., bool]


class Condition(_Condition):
    """A property of the behaviour of a right answer, which must hold on every case.

    Args:
        code: The name of the fault if the property does not hold and no mistake is recognised.
        sentence: The explanation for the learner in that case; it is a message of the catalogue.
        holds: Takes the observation, and returns whether the property holds.
        mistakes: Possible reasons why it does not hold.
        picture: As in `Mistake`; also used for mistakes without a picture.
        when: Takes the arguments of a case, and returns whether the condition is asked there.
    """

    __slots__ = ()

    def __new__(
        cls,
        code: str,
        sentence: str,
        holds: Callable[[Any], bool],
        *mistakes: Mistake,
        picture: Callable[[Any], Picture | None] | None = None,
        when: Callable[..., bool] = lambda *case: True,
    ) -> "Condition":
        """Puts the mistakes behind the rest, so that they can be many."""
        return super().__new__(cls, code, sentence, holds, mistakes, picture, when)

    def fails(self, seen: Any, case: Case) -> bool:
        """Returns whether the property does not hold on a case on which it is asked."""
        return bool(self.when(*case)) and not self.holds(seen)


class _Hint(NamedTuple):
    text: str
    codes: tuple[str, ...]


class Hint(_Hint):
    """A hint, which is the first to be given after some mistakes.

    Args:
        text: What helps; it is a message of the catalogue.
        codes: The codes of the mistakes and conditions that it is about.
    """

    __slots__ = ()

    def __new__(cls, text: str, *codes: str) -> "Hint":
        """Puts the codes behind the text, so that they can be many."""
        return super().__new__(cls, text, codes)


@dataclass(frozen=True)
class _Gives:
    """Whether an answer gives what a function gives that makes a mistake."""

    function: Callable[..., Any]
    changes: tuple[tuple[str, Any], ...]

    def __call__(self, seen: Any) -> bool:
        return bool(seen.is_like(self.function(*seen.case, **dict(self.changes))))


def gives(function: Callable[..., Any], **changes: Any) -> Callable[[Any], bool]:
    """Recognises an answer that gives what a function gives that makes a mistake.

    Two mistakes of one function are recognised also where an answer makes both at once.

    Args:
        function: Takes the arguments of a case, and returns what such an answer gives.
        changes: More arguments of it: those that make the mistake.

    Returns:
        For `Mistake`: what takes a `Compared`, and returns whether it holds this.

    Example:
        >>> from masklens_course.comparison import Compared
        >>> descending = gives(sorted, reverse=True)
        >>> descending(Compared([3, 1], [1, 3], case=([3, 1],)))
        True
    """
    return _Gives(function, tuple(changes.items()))


def at_once(one: Callable[[Any], bool], other: Callable[[Any], bool]) -> _Gives | None:
    """Recognises two mistakes made at once.

    Args:
        one: What recognises a mistake.
        other: What recognises another.

    Returns:
        What recognises both; None unless each is of the same function, and another change of it.
    """
    if not (isinstance(one, _Gives) and isinstance(other, _Gives)):
        return None
    both = dict(one.changes) | dict(other.changes)
    apart = len(both) == len(one.changes) + len(other.changes)
    same = one.function == other.function
    return _Gives(one.function, tuple(both.items())) if apart and same else None
