"""One line of text for a terminal, whatever a layer, a file or an error calls itself."""

import re
import unicodedata


def printable(text: object) -> str:
    r"""Writes what could steer a terminal, or turn the direction of a line, as an escape.

    Args:
        text: A name or a path.

    Returns:
        Text of one line.

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
    r"""Says what an error says, without the colours and the list of arguments that Keras adds.

    Args:
        error: What was raised.

    Returns:
        Its type and its message, in one line.

    Example:
        >>> error_line(ValueError("\x1b[1mBad\nshape.\x1b[0m"))
        'ValueError: Bad shape.'
    """
    said = re.sub(r"\x1b\[\d+m", "", str(error)).split("\nArguments received by")[0]
    words = type(error).__name__, printable(" ".join(said.split()))
    return ": ".join(filter(None, words))
