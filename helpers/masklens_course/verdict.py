"""What a check says about an answer, as a picture and as text."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Literal

from masklens._language import get_language, mark
from masklens._language import translate as _
from masklens.drawing.picture import Picture
from masklens.drawing.theme import style

_SHEET = Path(__file__).with_name("verdict.css")

Kind = Literal["right", "wrong", "blank", "broken"]

# Each kind has a sign of its own, so that colour alone says nothing.
_SIGNS = {"right": "✓", "wrong": "✕", "blank": "○", "broken": "!"}
_WORDS = {
    "right": mark("Right"),
    "wrong": mark("Not yet"),
    "blank": mark("Not answered yet"),
    "broken": mark("Your code did not run to its end"),
}


@dataclass(frozen=True)
class Verdict:
    """What a check says about an answer, in the language that was in force.

    Attributes:
        kind: `"right"`, `"wrong"`, `"blank"` or `"broken"`.
        code: The mistake that was recognised, such as `"counts-padding"`; else the kind.
        question: The name of the question.
        title: Its title.
        sentence: What is right or wrong, for the learner.
        picture: What the sentence speaks of, or None.
        lines: The learner's own lines on the way to an error.
        printed: What the learner's code printed meanwhile.
        note: What else the learner should know, such as that nothing can be saved.
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
        """The verdict on one line, with its code: what a teacher's feedback shows."""
        return f"{_(_WORDS[self.kind])}: {self.sentence} [{self.code}]"

    def __repr__(self) -> str:
        """The verdict as text."""
        parts = [f"{_SIGNS[self.kind]} {_(_WORDS[self.kind])} · {self.title}", self.sentence]
        if self.picture:
            parts.append(self.picture.text)
        parts += [*self.lines, *self._printed(str), self.note, self._help(str)]
        return "\n".join(part for part in parts if part)

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, str], dict[str, Any]]:
        """The verdict for a notebook; its metadata says to programs what it is."""
        facts = {"question": self.question, "verdict": self.kind, "code": self.code}
        return {"text/html": self.html, "text/plain": repr(self)}, {"masklens": facts}

    @property
    def html(self) -> str:
        """The verdict for a browser; readable also where style sheets are stripped."""
        sheet = f"<style>{style(_SHEET)}</style>"
        head = f"<b>{_SIGNS[self.kind]} {_(_WORDS[self.kind])}</b> · {escape(self.title)}"
        parts = [f"<p>{head}</p>", f"<p>{_with_code(self.sentence)}</p>"]
        if self.lines:
            lines = "\n".join(map(escape, self.lines))
            parts.append(f"<pre tabindex=0>{lines}</pre>")
        if self.picture:
            parts.append(self.picture.html)
        parts += self._printed(lambda text: f"<pre tabindex=0>{escape(text)}</pre>")
        if self.note:
            parts.append(f"<p><small>{escape(self.note)}</small></p>")
        if help_line := self._help(_with_code):
            parts.append(f"<p><small>{help_line}</small></p>")
        body = "".join(parts)
        return (
            f'{sheet}<div class="masklens-verdict {self.kind}" lang={get_language()}>{body}</div>'
        )

    def _printed(self, show: Callable[[str], str]) -> list[str]:
        return [_("Your code printed:"), show(self.printed.rstrip())] if self.printed else []

    def _help(self, show: Callable[[str], str]) -> str:
        if self.kind == "right":
            return ""
        return show(_("`q.hint()` gives a hint, `q.solution()` shows the answer."))


def _with_code(text: str) -> str:
    """Writes what stands between backquotes as code."""
    parts = escape(text, quote=False).split("`")
    return "".join(f"<code>{p}</code>" if n % 2 else p for n, p in enumerate(parts))


def note(title: str, text: str, code: str = "") -> Picture:
    """Shows a hint or a solution in a box like that of a verdict.

    Args:
        title: What it is.
        text: What it says; what stands between backquotes is code.
        code: A piece of Python, or nothing.

    Returns:
        The box.

    Example:
        >>> note("Hint 1 of 2", "Look at `mask`.")
        Hint 1 of 2
        Look at `mask`.
    """
    block = f"<pre tabindex=0><code>{escape(code)}</code></pre>" if code else ""
    html = (
        f"<style>{style(_SHEET)}</style><div class=masklens-verdict lang={get_language()}>"
        f"<p><b>{escape(title)}</b></p>{block}<p>{_with_code(text)}</p></div>"
    )
    return Picture(html, "\n".join(part for part in (title, code, text) if part))
