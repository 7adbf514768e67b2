"""The verdict of a check on an answer, as a picture and as text."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from masklens._language import get_language, mark
from masklens._language import translate as _
from masklens.drawing.elements import Element, element, with_code
from masklens.drawing.picture import Picture
from masklens_course.example import Example
from masklens_course.integrity import Sealed, sealed

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
class Finding:
    """What a check has found in an answer, in the language of that moment.

    Attributes:
        code: The mistake that was recognised, such as `"counts-padding"`; else the kind of verdict.
        sentence: The explanation for the learner.
        example: The call on which the answer failed; None where a picture says enough.
        picture: A picture for the sentence, or None.
    """

    code: str
    sentence: str
    example: Example | None = None
    picture: Picture | None = None

    def evidence(self) -> Iterator[Element | str]:
        """Gives the parts of the picture behind the sentence: the call, and what came of it."""
        if self.example:
            yield element("pre", self.example.call, tabindex=0)
        if self.picture:
            yield from self.picture.nodes


@sealed
@dataclass(frozen=True)
class Verdict(metaclass=Sealed):
    """The verdict of a check on an answer, in the language of that moment.

    Attributes:
        kind: `"right"`, `"wrong"`, `"blank"` or `"broken"`.
        question: The name of the question.
        asker: What its notebook calls it, such as `q1`.
        title: Its title.
        findings: What was found: one thing, or two mistakes.
        lines: The learner's own lines in the traceback of an error.
        printed: The output of the learner's code.
        note: A note for the learner, such as that progress cannot be saved.
        share: The share of the conditions that are met before the first that is not.
        points: The part of the points that nbgrader gives; 0 where it gives all or none.
    """

    kind: Kind
    question: str
    asker: str
    title: str
    findings: tuple[Finding, ...]
    lines: tuple[str, ...] = ()
    printed: str = ""
    note: str = ""
    share: float = 0
    points: float = 0

    @property
    def code(self) -> str:
        """The first mistake that was recognised, such as `"counts-padding"`; else the kind."""
        return self.findings[0].code

    @property
    def sentence(self) -> str:
        """The explanation of the first."""
        return self.findings[0].sentence

    def __str__(self) -> str:
        """Writes the verdict on one line with its codes, for a teacher's feedback."""
        said = (f"{finding.sentence} [{finding.code}]" for finding in self.findings)
        return f"{_(_WORDS[self.kind])}: {' '.join(said)}"

    def __repr__(self) -> str:
        """Shows the verdict as text."""
        return self._picture.text

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, str], dict[str, Any]]:
        """Returns the verdict for a notebook, with metadata for programs."""
        facts = {"question": self.question, "verdict": self.kind, "code": self.code}
        if len(self.findings) > 1:
            facts["second"] = self.findings[1].code
        # As nbgrader takes a part of the points: a number that stands alone.
        text = f"{self.points:g}" if self.points else repr(self)
        return {"text/html": self.html, "text/plain": text}, {"masklens": facts}

    @property
    def html(self) -> str:
        """The verdict for a browser, which is readable also without style sheets."""
        return self._picture.html

    @property
    def _picture(self) -> Picture:
        head = element("b", f"{_SIGNS[self.kind]} {_(_WORDS[self.kind])}")
        parts: list[str | Element] = [element("p", head, f" · {self.title}")]
        shown = [list(finding.evidence()) for finding in self.findings]
        for place, finding in enumerate(self.findings):
            parts.append(element("p", *with_code(finding.sentence)))
            # What shows both of two mistakes stands behind the second.
            if shown[place] not in shown[place + 1 :]:
                parts += shown[place]
        if self.lines:
            parts.append(element("pre", "\n".join(self.lines), tabindex=0))
        if self.printed:
            parts.append(element("p", _("Your code printed:")))
            parts.append(element("pre", self.printed.rstrip(), tabindex=0))
        if self.note:
            parts.append(element("p", element("small", self.note)))
        if self.kind != "right":
            parts.append(element("p", element("small", *with_code(self._help))))
        pictures = [finding.picture for finding in self.findings if finding.picture]
        sheets = (sheet for picture in pictures for sheet in picture.sheets)
        return _box(self.kind, *parts, sheets=tuple(dict.fromkeys(sheets)))

    @property
    def _help(self) -> str:
        if any(finding.example for finding in self.findings):
            said = _("`{q}.example()` gives this call, `{q}.hint()` a hint on it.")
        else:
            said = _("`{q}.hint()` gives a hint on it.")
        return said.format(q=self.asker)


def _box(kind: str, *parts: str | Element, sheets: tuple[Path, ...] = ()) -> Picture:
    name = f"masklens-verdict {kind}".rstrip()
    return Picture((element("div", *parts, class_=name, lang=get_language()),), (_SHEET, *sheets))


def note(title: str, text: str, code: str = "", remark: str = "") -> Picture:
    """Shows a hint or a solution in a box like that of a verdict.

    Args:
        title: The title.
        text: The text, with code between backticks.
        code: Python code; empty for none.
        remark: A note for the learner, such as that progress cannot be saved; empty for none.

    Returns:
        The box.

    Example:
        >>> note("Hint 1 of 2", "Look at `mask`.")
        Hint 1 of 2
        Look at `mask`.
    """
    block = [element("pre", element("code", code), tabindex=0)] if code else []
    last = [element("p", element("small", remark))] if remark else []
    return _box(
        "", element("p", element("b", title)), *block, element("p", *with_code(text)), *last
    )
