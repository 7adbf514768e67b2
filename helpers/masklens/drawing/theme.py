"""How pictures look: the style sheets that they carry."""

from functools import cache
from pathlib import Path


@cache
def style_sheet(path: Path) -> str:
    """Reads a style sheet as a picture carries it, without the comment in its first line.

    Args:
        path: The file.

    Returns:
        The rules, on one line.

    Example:
        >>> style_sheet(PICTURE)[:10]
        '.masklens{'
    """
    return "".join(path.read_text(encoding="utf-8").splitlines()[1:])


PICTURE = Path(__file__).with_name("picture.css")
TRACE = Path(__file__).with_name("trace.css")
