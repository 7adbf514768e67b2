"""Finds spacing faults and avoided words in Korean prose, by rules over Kiwi's morphemes.

A spacing rule looks at what Korean orthography fixes, and translation most often breaks: a particle
or ending apart from its word, a word glued to the particle before it, a dependent noun glued to its
modifier, stray punctuation. Where a flag is wrong, add the word that Kiwi does not know to _TERMS.

An avoided word is found in each of its forms, and only as a word of its own.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    lemma: str
    sent_position: int


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

# A verb that is made of a noun is known by the noun: 훈련하다, 훈련시키다.
_VERB_OF_NOUN = re.compile("(?<=..)(?:하|되|시키)다$")
_TAGS = {"를": "JKO", "을": "JKO", "가": "JKS", "이": "JKS"}
# What a verb may end in, but for the endings 어 and 고 that tie it to an auxiliary (달려 있는).
_ENDINGS = frozenset({"EF", "ETM", "ETN"})

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


@dataclass(frozen=True)
class Avoided:
    """A word that Korean prose avoids, at least in one of its senses.

    Args:
        word: the word; a verb or adjective ends in 다.
        instead: what to write.
        of: phrases such as 마스크를 or 마스크가. If there are any, a verb is avoided only where a
            noun of one of them is its object or its subject.
        unless: words of which none may stand in the sentence; they show another sense.
    """

    word: str
    instead: str
    of: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


def avoided_words(prose: str, avoided: Iterable[Avoided]) -> Iterator[tuple[Avoided, str]]:
    """Every avoided word in running text, with the sentence that it is in.

    Args:
        prose: the text, without Markdown.
        avoided: the words to find.
    """
    morphemes = kiwi().tokenize(prose)
    for _, group in itertools.groupby(morphemes, key=lambda morpheme: morpheme.sent_position):
        sentence = list(group)
        end = sentence[-1].start + sentence[-1].len
        text = prose[sentence[0].start : end]
        for each in avoided:
            if not any(word in text for word in each.unless) and _has(sentence, text, each):
                yield each, text


def _has(sentence: Sequence[Morpheme], text: str, avoided: Avoided) -> bool:
    noun = _VERB_OF_NOUN.sub("", avoided.word)
    if noun == avoided.word and noun.endswith("다"):
        return any(
            morpheme.tag.startswith("V")
            and morpheme.lemma == avoided.word
            and (not avoided.of or any(_is_of(sentence, at, phrase) for phrase in avoided.of))
            for at, morpheme in enumerate(sentence)
        )
    first = sentence[0].start
    starts = {morpheme.start - first for morpheme in sentence}
    ends = {morpheme.start + morpheme.len - first for morpheme in sentence}
    # The suffix 적 makes another word: hierarchical (계층적) is not a layer (계층).
    suffixed = {m.start - first for m in sentence if (m.form, m.tag) == ("적", "XSN")}
    pattern = re.escape(noun).replace(r"\ ", r"\s*")
    return any(
        found.start() in starts and found.end() in ends - suffixed
        for found in re.finditer(pattern, text)
    )


def _is_of(sentence: Sequence[Morpheme], verb: int, phrase: str) -> bool:
    """Whether a noun is what a verb is said of, given with its particle, such as 마스크를.

    That is the nearest noun before the verb with this particle or one in its place (도, 만, 은), or
    the noun that the verb describes (넘긴 마스크).
    """
    noun, tag = phrase[:-1], _TAGS[phrase[-1]]
    for at in range(verb - 1, 0, -1):
        in_its_place = sentence[at].tag == "JX" and not sentence[at - 1].tag.startswith("J")
        if sentence[at].tag == tag or in_its_place:
            governed = itertools.takewhile(_is_within_phrase, reversed(sentence[:at]))
            if noun in [morpheme.form for morpheme in governed]:
                return True
            break
    after = sentence[verb + 1 :]
    ending = next((at for at, morpheme in enumerate(after) if morpheme.tag in _ENDINGS), None)
    if ending is None or after[ending].tag != "ETM":
        return False
    described = itertools.takewhile(_is_within_phrase, after[ending + 1 :])
    return noun in [morpheme.form for morpheme in described]


def _is_within_phrase(morpheme: Morpheme) -> bool:
    return (
        morpheme.tag[0] not in "JE"
        and morpheme.tag not in {"SF", "SP"}
        and morpheme.form not in _DEPENDENT_NOUNS  # 넘길 때 마스크도: not the mask is handed over
    )


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
