"""Korean for Sphinx's search: an index of stems, and how the browser finds that of a typed word.

A page says 패딩을 or 전파합니다, and the index 패딩 and 전파. At build time Kiwi tells stems from
particles and endings. In the browser there is no Kiwi, but there is the index: a typed word that
it does not have is cut behind a word that it has, where what is left over can be a particle, an
ending, or another such word.

Sphinx takes it from conf.py:

    from korean_search import SearchKorean
    from sphinx.search import languages

    def setup(app):
        languages["ko"] = SearchKorean
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from sphinx.search import SearchLanguage

from authoring.korean import kiwi

# What Kiwi calls the words that are looked for. Others are particles and endings.
_NOUNS_AND_VERBS = frozenset({"NNG", "NNP", "NNB", "NP", "NR", "XR", "VV", "VA", "VX"})
_WORDS = _NOUNS_AND_VERBS | {"MM", "MAG", "MAJ"}
# What makes one word with what it touches: 재실행, 독립적, 알아보다.
_JOINED = _NOUNS_AND_VERBS | {"XPN", "XSN"}
_LINKS = _JOINED | {"EC"}

# The most frequent stems say nothing about a page. Nor do the words of a question, which people
# type nevertheless.
_STOP_WORDS = frozenset(
    [
        *("하", "되", "시키", "있", "없", "이", "아니", "않", "그러", "이러", "어떠", "어떻", "것"),
        *("왜", "무엇", "뭐", "뭔가", "어떻게", "어디", "언제", "어느", "어떤", "무슨", "누가"),
        *("누구", "그리고", "그러나", "또는", "및"),
    ]
)

_PARTICLE = (
    "(?:으로부터|로부터|에서부터|에게서|이라면|이라고|이라는|이라도|이라서|라면|라고|라는|라도|라서"
    "|으로써|으로서|로써|로서|에서|에게|까지|부터|마다|조차|마저|처럼|보다|밖에|만큼|대로|끼리"
    "|이란|이나|이든|이랑|이며|이고|으로|께서|하고|란|나|든|랑|며|들|은|는|이|가|을|를|의|에"
    "|와|과|로|도|만|뿐|께|요|서)"
)
# After inline code a text begins with the code's particle, which Kiwi may take for a noun or verb.
_LEADING_PARTICLE = re.compile(rf"^{_PARTICLE}{{1,2}}(?![가-힣])")

# Kiwi takes a particle for a part of a noun that it does not know: 소프트맥스의. And it knows some
# verbs as a whole, of which the noun stands alone elsewhere: 비슷하다.
_UNKNOWN_NOUN = re.compile("^(..+)[은는을를의와과]$")
_NOUN_OF_VERB = re.compile("^(.+)하$")

_HANGUL = re.compile("[가-힣]")
_OTHER_WORD = re.compile(r"[^\W가-힣]+")
# mask_zero has two parts, and MultiHeadAttention three.
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\dA-Za-z_]+")

_SPLITTER = Path(__file__).with_name("korean_search.js")  # the browser's part


class SearchKorean(SearchLanguage):
    """The words of Korean pages: stems of Korean words, and whole words of other scripts."""

    lang = "ko"
    language_name = "Korean"
    stopwords = _STOP_WORDS
    js_splitter_code = _SPLITTER.read_text(encoding="utf-8").replace("PARTICLE", _PARTICLE)

    def split(self, input: str) -> list[str]:
        """The words of a text under which its page is to be found, in lower case.

        Args:
            input: The text of one node of a page, such as a paragraph up to its inline code.

        Returns:
            Nouns, also those that touch as one word, stems of verbs and adjectives, and words of
            other scripts with their parts (`mask_zero`: mask_zero, mask, zero).
        """
        text = unicodedata.normalize("NFC", input)
        words = [
            word for name in _OTHER_WORD.findall(text) for word in (name, *_PART.findall(name))
        ]
        if _HANGUL.search(text):
            words += _korean_words(_LEADING_PARTICLE.sub("", text))
        return [word.lower() for word in words]


def _korean_words(text: str) -> list[str]:
    words, begin, end = [], 0, -1
    for morpheme in kiwi().tokenize(text):
        kind = morpheme.tag.partition("-")[0]  # VV-I is a verb that is conjugated irregularly
        if morpheme.start > end or kind not in _LINKS:
            begin = morpheme.start
        end = morpheme.start + morpheme.len if kind in _LINKS else -1
        if kind in _WORDS:
            words.append(morpheme.form)
            words += _UNKNOWN_NOUN.findall(morpheme.form) + _NOUN_OF_VERB.findall(morpheme.form)
        # A noun and "to be" are two words.
        if kind in _JOINED and begin < morpheme.start and morpheme.form not in _STOP_WORDS:
            words.append(text[begin : morpheme.start] + morpheme.form)
    return words
