"""The language in which masklens speaks: choosing it, and translating a message into it."""

import gettext as _gettext
import os
from functools import cache
from pathlib import Path

_LOCALE = Path(__file__).parent / "locale"
_chosen: list[str] = []


def languages() -> tuple[str, ...]:
    """Lists the languages that masklens speaks, English first.

    Returns:
        Language codes, such as `("en", "ko")`.

    Example:
        >>> languages()[0]
        'en'
    """
    catalogues = _LOCALE.glob("*/LC_MESSAGES/masklens.mo")
    return ("en", *sorted(path.parent.parent.name for path in catalogues))


def set_language(language: str) -> None:
    """Sets the language of labels, pictures, warnings and errors, from here on.

    Args:
        language: A code from `languages()`; a region is ignored, so `"ko_KR"` is `"ko"`.

    Raises:
        ValueError: If masklens does not speak that language; the message names those it does.

    Example:
        >>> set_language("en")
    """
    _chosen[:] = [_known(language)]


def get_language() -> str:
    """Returns the language in force.

    Returns:
        What `set_language` set, else what the environment variable `MASKLENS_LANGUAGE` names,
        else `"en"`.

    Example:
        >>> set_language("en")
        >>> get_language()
        'en'
    """
    return _chosen[0] if _chosen else _known(os.environ.get("MASKLENS_LANGUAGE") or "en")


def translate(message: str) -> str:
    """Translates a message into the language in force; imported as `_` where it is used.

    Args:
        message: The English message, as it stands in the catalogue.

    Returns:
        The translation; the message itself in English.
    """
    return _catalogue(get_language()).gettext(message)


def mark(message: str) -> str:
    """Marks a message for the catalogue, where it is written down before it is to be shown.

    Args:
        message: The English message.

    Returns:
        The same message; `translate` it when it is shown, in the language that is in force then.

    Example:
        >>> mark("Not answered yet")
        'Not answered yet'
    """
    return message


def _known(language: str) -> str:
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
