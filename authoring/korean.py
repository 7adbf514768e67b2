"""Finds spacing faults in Korean prose, as rules over pairs of Kiwi's morphemes.

A rule looks at what Korean orthography fixes, and translation most often breaks: a particle or
ending apart from its word, a word glued to the particle before it, a dependent noun glued to its
modifier, stray punctuation. Where a flag is wrong, add the word that Kiwi does not know to _TERMS.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from kiwipiepy import Kiwi

# The course's nouns, which Kiwi would otherwise cut into pieces.
_TERMS = (
    *("텐서", "마스크", "마스킹", "패딩", "임베딩", "레이어", "타임스텝", "시퀀스"),
    *("케라스", "넘파이", "어텐션", "로짓", "노트북", "위젯"),
)


class Morpheme(Protocol):
    """What the rules read of a Kiwi token; tags: https://github.com/bab2min/kiwipiepy."""

    form: str
    tag: str
    start: int
    len: int


class Pair(NamedTuple):
    """Two morphemes in a row, with white space between them, touching, or neither."""

    left: Morpheme
    right: Morpheme
    spaced: bool
    touching: bool


@dataclass(frozen=True)
class SpacingFault:
    """A place that breaks a rule, with some of the text around it."""

    rule: str
    context: str


_CASE_PARTICLES = frozenset({"JKS", "JKC", "JKG", "JKO", "JKB", "JKV", "JKQ"})
_PARTICLES = _CASE_PARTICLES | {"JX", "JC"}
_SYMBOLS = frozenset({"SF", "SP", "SS", "SSO", "SSC", "SE", "SO"})
_WORD_STARTS = frozenset({"MM", "NNG", "NNP", "VV", "MAG", "NP", "SL", "MAJ"})
_NOUNS = frozenset({"NNB", "NNG", "NNP"})
_DEPENDENT_NOUNS = frozenset({"수", "때", "것", "경우", "줄", "만큼", "대로"})

_RULES: dict[str, Callable[[Pair], bool]] = {
    "particle apart": lambda pair: (
        pair.spaced and pair.right.tag in _PARTICLES and pair.left.tag not in _SYMBOLS
    ),
    "-hada apart": lambda pair: (
        pair.spaced
        and pair.right.tag in {"XSV", "XSA"}
        and pair.left.tag in {"NNG", "NNP", "XR", "SL", "XSN"}
    ),
    "-ida apart": lambda pair: pair.spaced and pair.right.tag == "VCP",
    "suffix apart": lambda pair: (
        pair.spaced and pair.right.tag == "XSN" and pair.right.form in {"화", "적"}
    ),
    "no space after particle": lambda pair: (
        pair.touching and pair.left.tag in _CASE_PARTICLES and pair.right.tag in _WORD_STARTS
    ),
    "dependent noun attached": lambda pair: (
        pair.touching
        and pair.left.tag == "ETM"
        and pair.right.tag in _NOUNS
        and pair.right.form in _DEPENDENT_NOUNS
    ),
    "su-itda attached": lambda pair: (
        pair.touching
        and (pair.left.tag, pair.left.form) == ("NNB", "수")
        and pair.right.tag in {"VV", "VA", "VX"}
        and pair.right.form in {"있", "없"}
    ),
    "-ya hada attached": lambda pair: (
        pair.touching
        and pair.left.tag == "EC"
        and pair.left.form.endswith("야")
        and pair.right.form == "하"
    ),
    "-myeon doeda attached": lambda pair: (
        pair.touching
        and (pair.left.tag, pair.left.form) == ("EC", "면")
        and pair.right.form == "되"
    ),
}

_STRAY_PUNCTUATION = re.compile(
    r"[가-힣A-Za-z0-9)] [:,.;](?=\s|$)"  # a blank before the sign
    r"|(?<=[가-힣])\.(?=[가-힣])"  # none after the full stop
    r"|\( (?=\S)|(?<=\S) \)"  # a blank inside the brackets
)
_LINE_MARKER = re.compile(r"^\s*(?:[-*#>]+|\d+\.)\s*")
# In this order: what is left out of Markdown, and what is put in its place.
_LEFT_OUT = (
    (re.compile(r"```.*?```", re.S), ""),
    (re.compile(r"<[^>]+>"), ""),
    (re.compile(r"\$\$.*?\$\$", re.S), ""),
    (re.compile(r"!?\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"`[^`\n]+`"), "CODE"),
    (re.compile(r"\$[^$\n]+\$"), "CODE"),
    (re.compile(r"\*\*|__|(?<!\w)\*(?=\S)|(?<=\S)\*(?!\w)"), ""),
)


def plain(markdown: str) -> str:
    """Markdown without code blocks, formulas, tags and emphasis.

    A link becomes its text; inline code and an inline formula become the word CODE, which takes a
    particle as they do.
    """
    for pattern, replacement in _LEFT_OUT:
        markdown = pattern.sub(replacement, markdown)
    return markdown


def count_syllables(markdown: str) -> int:
    """How many Hangul syllables the prose of a Markdown text has."""
    return len(re.findall("[가-힣]", plain(markdown)))


def spacing_faults(markdown: str) -> Iterator[SpacingFault]:
    """Every place in the prose of a Markdown text that breaks a rule."""
    for raw_line in plain(markdown).split("\n"):
        line = _LINE_MARKER.sub("", raw_line).strip()
        if re.search("[가-힣]", line):
            yield from _broken_rules(line)
            for sign in _STRAY_PUNCTUATION.finditer(line):
                context = line[max(0, sign.start() - 8) : sign.end() + 4]
                yield SpacingFault("punctuation", context)


def _broken_rules(line: str) -> Iterator[SpacingFault]:
    morphemes = kiwi().tokenize(line)
    for left, right in itertools.pairwise(morphemes):
        end = left.start + left.len
        pair = Pair(left, right, line[end : right.start].isspace(), right.start == end)
        # A place is one fault, however many rules it breaks.
        rule = next((name for name, is_broken in _RULES.items() if is_broken(pair)), None)
        if rule:
            context = line[max(0, left.start - 6) : right.start + right.len + 4]
            yield SpacingFault(rule, context)


@functools.cache
def kiwi() -> Kiwi:
    """What cuts Korean into morphemes, and knows the course's nouns."""
    analyzer = Kiwi()
    for term in _TERMS:
        analyzer.add_user_word(term, "NNP", 0)
    return analyzer
