"""Safe lines for a terminal: names and errors without control characters or line breaks."""

import re
import unicodedata


def printable(text: object) -> str:
    r"""Escapes control characters, and those that change the direction of a line.

    Args:
        text: A name or a path.

    Returns:
        One line of text.

    Example:
        >>> printable("red \x1b[31m")
        'red \\x1b[31m'
    """
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else character
        for character in str(text)
    )


def error_line(error: BaseException) -> str:
    r"""Writes an error on one line, without the colours and the arguments that Keras adds.

    Args:
        error: The error.

    Returns:
        Its type and its message.

    Example:
        >>> error_line(ValueError("\x1b[1mBad\nshape.\x1b[0m"))
        'ValueError: Bad shape.'
    """
    said = re.sub(r"\x1b\[\d+m", "", str(error)).split("\nArguments received by")[0]
    words = type(error).__name__, printable(" ".join(said.split()))
    return ": ".join(filter(None, words))
