"""The verdict of a check on an answer, as a picture and as text."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from masklens._language import get_language, mark
from masklens._language import translate as _
from masklens.drawing.elements import Element, element, with_code
from masklens.drawing.picture import Picture

_SHEET = Path(__file__).with_name("verdict.css")

Kind = Literal["right", "wrong", "blank", "broken"]

# Each kind has a sign of its own, so that nobody needs colours.
_SIGNS = {"right": "✓", "wrong": "✕", "blank": "○", "broken": "!"}
_WORDS = {
    "right": mark("Right"),
    "wrong": mark("Not yet"),
    "blank": mark("Not answered yet"),
    "broken": mark("Your code did not run to its end"),
}


@dataclass(frozen=True)
class Verdict:
    """The verdict of a check on an answer, in the language of that moment.

    Attributes:
        kind: `"right"`, `"wrong"`, `"blank"` or `"broken"`.
        code: The mistake that was recognised, such as `"counts-padding"`; else the kind.
        question: The name of the question.
        title: Its title.
        sentence: The explanation for the learner.
        picture: A picture for the sentence, or None.
        lines: The learner's own lines in the traceback of an error.
        printed: The output of the learner's code.
        note: A note for the learner, such as that progress cannot be saved.
    """

    kind: Kind
    code: str
    question: str
    title: str
    sentence: str
    picture: Picture | None = None
    lines: tuple[str, ...] = ()
    printed: str = ""
    note: str = ""

    def __str__(self) -> str:
        """Writes the verdict on one line with its code, for a teacher's feedback."""
        return f"{_(_WORDS[self.kind])}: {self.sentence} [{self.code}]"

    def __repr__(self) -> str:
        """Shows the verdict as text."""
        return self._picture.text

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, str], dict[str, Any]]:
        """Returns the verdict for a notebook, with metadata for programs."""
        facts = {"question": self.question, "verdict": self.kind, "code": self.code}
        return {"text/html": self.html, "text/plain": repr(self)}, {"masklens": facts}

    @property
    def html(self) -> str:
        """The verdict for a browser, which is readable also without style sheets."""
        return self._picture.html

    @property
    def _picture(self) -> Picture:
        head = element("b", f"{_SIGNS[self.kind]} {_(_WORDS[self.kind])}")
        parts: list[str | Element] = [
            element("p", head, f" · {self.title}"),
            element("p", *with_code(self.sentence)),
        ]
        if self.lines:
            parts.append(element("pre", "\n".join(self.lines), tabindex=0))
        if self.picture:
            parts += self.picture.nodes
        if self.printed:
            parts.append(element("p", _("Your code printed:")))
            parts.append(element("pre", self.printed.rstrip(), tabindex=0))
        if self.note:
            parts.append(element("p", element("small", self.note)))
        if self.kind != "right":
            help_line = _("`q.hint()` gives a hint, `q.solution()` shows the answer.")
            parts.append(element("p", element("small", *with_code(help_line))))
        return _box(self.kind, *parts, sheets=self.picture.sheets if self.picture else ())


def _box(kind: str, *parts: str | Element, sheets: tuple[Path, ...] = ()) -> Picture:
    name = f"masklens-verdict {kind}".rstrip()
    return Picture((element("div", *parts, class_=name, lang=get_language()),), (_SHEET, *sheets))


def note(title: str, text: str, code: str = "") -> Picture:
    """Shows a hint or a solution in a box like that of a verdict.

    Args:
        title: The title.
        text: The text, with code between backticks.
        code: Python code; empty for none.

    Returns:
        The box.

    Example:
        >>> note("Hint 1 of 2", "Look at `mask`.")
        Hint 1 of 2
        Look at `mask`.
    """
    block = [element("pre", element("code", code), tabindex=0)] if code else []
    return _box("", element("p", element("b", title)), *block, element("p", *with_code(text)))
