"""Choosing the language of messages, and translating a message into it."""

import gettext as _gettext
import os
from functools import cache
from pathlib import Path

_LOCALE = Path(__file__).parent / "locale"
_chosen: list[str] = []


def languages() -> tuple[str, ...]:
    """Lists the available languages, English first.

    Returns:
        Language codes, such as `("en", "ko")`.

    Example:
        >>> languages()[0]
        'en'
    """
    catalogues = _LOCALE.glob("*/LC_MESSAGES/masklens.mo")
    return ("en", *sorted(path.parent.parent.name for path in catalogues))


def set_language(language: str) -> None:
    """Sets the language of everything that goes through `translate`.

    Raises:
        ValueError: If the language is not available; the message lists those that are.
    """
    _chosen[:] = [_checked_code(language)]


def get_language() -> str:
    """Returns the current language.

    Returns:
        The language from `set_language`, or else from the environment variable
        `MASKLENS_LANGUAGE`, or else `"en"`.

    Example:
        >>> set_language("en")
        >>> get_language()
        'en'
    """
    return _chosen[0] if _chosen else _checked_code(os.environ.get("MASKLENS_LANGUAGE") or "en")


def translate(message: str) -> str:
    """Translates a message into the current language; other modules import it as `_`.

    Args:
        message: The English message, as in the catalogue.

    Returns:
        The translation; in English, the message itself.
    """
    return _catalogue(get_language()).gettext(message)


def mark(message: str) -> str:
    """Marks a message for the catalogue without translating it yet.

    Args:
        message: The English message.

    Returns:
        The same message, to be passed to `translate` when it is shown.

    Example:
        >>> mark("Not answered yet")
        'Not answered yet'
    """
    return message


def _checked_code(language: str) -> str:
    code = str(language).replace("_", "-").split("-")[0].lower()
    if code not in languages():
        known = ", ".join(repr(name) for name in languages())
        raise ValueError(
            f"masklens does not speak {language!r}; it speaks {known}. "
            f'Call set_language("en"), or set MASKLENS_LANGUAGE to one of these.'
        )
    return code


@cache
def _catalogue(language: str) -> _gettext.NullTranslations:
    return _gettext.translation("masklens", _LOCALE, [language], fallback=language == "en")
