"""How pictures look: their colours, and the style sheets that they carry."""

import re
from functools import cache
from pathlib import Path

PICTURE = Path(__file__).with_name("picture.css")
TRACE = Path(__file__).with_name("trace.css")
# What plots draw with, on white; `theme.css` has the colours of what a page shows.
BLUE, GREY = "#0072b2", "#767676"
_THEME = Path(__file__).with_name("theme.css")


@cache
def style(*sheets: Path) -> str:
    """Reads style sheets as a picture carries them: small, and with the colours first.

    Args:
        sheets: The files.

    Returns:
        The rules, without comments and needless spaces.

    Example:
        >>> style(PICTURE)[:42]
        ':where([class*="masklens"]){color-scheme:l'
    """
    text = "".join(sheet.read_text(encoding="utf-8") for sheet in (_THEME, *sheets))
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    # Before a colon, a space joins two selectors; round a plus, it makes a sum.
    text = re.sub(r"\s*([{};,>]|!(?=important))\s*", r"\1", re.sub(r"\s+", " ", text))
    return re.sub(r":\s|;(?=})", lambda found: found[0].strip().rstrip(";"), text).strip()
