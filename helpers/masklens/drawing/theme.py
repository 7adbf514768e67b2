"""The look of pictures: colours and style sheets."""

import re
from functools import cache
from pathlib import Path

PICTURE = Path(__file__).with_name("picture.css")
TRACE = Path(__file__).with_name("trace.css")
COMPARISON = Path(__file__).with_name("comparison.css")
# For plots, on white; the colours of HTML are in `theme.css`.
BLUE, GREY = "#0072b2", "#767676"
_THEME = Path(__file__).with_name("theme.css")


@cache
def style(*sheets: Path) -> str:
    """Reads style sheets for a picture, with the colours of `theme.css` first.

    Args:
        sheets: The files.

    Returns:
        The rules, without comments and unnecessary spaces.

    Example:
        >>> style(PICTURE)[:42]
        ':where([class*="masklens"]){color-scheme:l'
    """
    text = "".join(sheet.read_text(encoding="utf-8") for sheet in (_THEME, *sheets))
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    # Keep spaces before colons, where they join two selectors, and around plus signs in calc().
    text = re.sub(r"\s*([{};,>]|!(?=important))\s*", r"\1", re.sub(r"\s+", " ", text))
    return re.sub(r":\s|;(?=})", lambda found: found[0].strip().rstrip(";"), text).strip()
