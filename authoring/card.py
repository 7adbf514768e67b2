"""Draws the card that a social network shows for a page: its title, and a mask."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle

import masklens
from masklens.drawing.theme import BLUE

_FONTS = Path(masklens.__file__).parent / "plots" / "fonts"
_SIZE = (12, 6.3)  # inches at 100 dots each: the size that networks ask for
_GREY, _INK = "#8a9199", "#1f2328"
_LENGTHS = (3, 5, 6)
_MOST_CHARACTERS = 17  # of a line


def draw(title: str, subtitle: str, path: Path, font: str | None = None) -> None:
    """Draws a card, 1200 by 630 pixels.

    Args:
        title: the title of the page.
        subtitle: what stands below it, in smaller letters.
        path: the PNG file to write; the same bytes for the same words.
        font: the bundled font to write them in, by its file's name; without, the first.
    """
    figure = Figure(figsize=_SIZE, dpi=100, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, 1200)
    axes.set_ylim(0, 630)
    axes.axis("off")
    file = _FONTS / font if font else min(_FONTS.glob("*.[ot]tf"))
    letters = FontProperties(fname=file)
    lines = "\n".join(_lines(title))
    axes.text(
        80, 540, lines, fontproperties=letters, fontsize=46, color=_INK, va="top", linespacing=1.3
    )
    axes.text(80, 80, subtitle, fontproperties=letters, fontsize=26, color=_GREY, va="bottom")
    for row, length in enumerate(_LENGTHS):
        for step in range(max(_LENGTHS)):
            corner = (770 + 58 * step, 190 - 58 * row)
            filled = step < length
            colours = (BLUE, BLUE) if filled else ("white", _GREY)
            square = Rectangle(corner, 46, 46, facecolor=colours[0], edgecolor=colours[1], lw=2)
            axes.add_patch(square)
            if not filled:
                x, y = corner
                axes.plot([x, x + 46], [y, y + 46], color=_GREY, lw=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})


def _lines(title: str) -> list[str]:
    """Breaks a title between words; a syllable of Hangul is wider than a letter."""
    lines = [""]
    for word in title.split():
        longer = f"{lines[-1]} {word}".strip()
        wide = sum(1 if ord(character) > 0x1100 else 0.62 for character in longer)
        if wide > _MOST_CHARACTERS and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
