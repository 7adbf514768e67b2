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

import functools
import re
import unicodedata

from kiwipiepy import Kiwi
from sphinx.search import SearchLanguage

from authoring.korean import TERMS

# What Kiwi calls the words that are looked for: nouns, roots, verbs and adjectives.
_NOUNS = frozenset({"NNG", "NNP", "XR"})
_VERBS = frozenset({"VV", "VA"})
# What makes one word with the noun that it touches: 재실행, 독립적.
_AFFIXES = frozenset({"XPN", "XSN"})

# The most frequent verbs say nothing about a page.
_EMPTY_VERBS = frozenset({"하", "되", "있", "없", "이", "아니", "그러", "이러", "어떠", "어떻"})
# So do the words of a question, which people type nevertheless.
_STOP_WORDS = frozenset(
    (
        *("왜", "무엇", "무엇을", "무엇이", "무엇인가요", "뭐", "뭔가요", "어떻게"),
        *(
            "어디",
            "어디서",
            "어디에",
            "언제",
            "어느",
            "어떤",
            "무슨",
            "그리고",
            "그러나",
            "또는",
            "및",
        ),
        *("있나요", "있다", "있습니다", "없나요", "없다", "없습니다", "하나요", "되나요"),
        *("하는", "되는", "것"),
    )
)

_PARTICLE = (
    "(?:으로부터|로부터|에서부터|에게서|이라면|이라고|이라는|이라도|이라서|라면|라고|라는|라도|라서"
    "|으로써|으로서|로써|로서|에서|에게|까지|부터|마다|조차|마저|처럼|보다|밖에|만큼|대로|끼리"
    "|이란|이나|이든|이랑|이며|이고|으로|께서|하고|란|나|든|랑|며|들|은|는|이|가|을|를|의|에"
    "|와|과|로|도|만|뿐|께|요)"
)
# After inline code a text begins with the code's particle, which Kiwi may take for a noun or verb.
_LEADING_PARTICLE = re.compile(rf"^{_PARTICLE}{{1,2}}(?![가-힣])")

_HANGUL = re.compile("[가-힣]")
_OTHER_WORD = re.compile(r"[^\W가-힣]+")
# mask_zero has two parts, and MultiHeadAttention three.
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\dA-Za-z_]+")

_SPLITTER = r"""
(() => {
  "use strict";
  const particles = /^(?:PARTICLE){1,3}$/;
  // So much is left of a word of one syllable only if it is one: 값을, 값입니다, but not 사과.
  const plainParticles = /^(?:은|는|이|가|을|를|의|에|로|도|입니다|인가요|이란)$/;
  // The noun's own verb, and "to be".
  const nounEndings =
    /^들?(?:하|한|할|함|합|해|했|되|된|될|됨|됩|돼|됐|시키|시킨|시킬|시켜|시킵|입|인|일|였|이었|이다|이에요|예요|이면|이지|다$)/;
  // As they follow a stem, letter by letter: 만듭니다 is 만드 and ᆸ니다.
  const verbEndings = new RegExp(
    "^(?:[\u11AB\u11AF\u11B7\u11B8\u11BB]|는|다|고|거|게|기|지|자|도록|든|네|나|니|던|더|면|며|려|러|으|은|을|음|아|어|여|았|었|였|습|세|시)"
      .normalize("NFD"),
  );
  // As they follow a stem that has swallowed their first vowel: 보여서, 나눴다.
  const shortEndings = new RegExp("^(?:\u11BB|서|도|야|요|라|지|주|$)".normalize("NFD"));

  const has = (words, word) => Object.prototype.hasOwnProperty.call(words, word);
  const emptyWords = new Set(stopwords);
  const isKnown = (word) =>
    has(Search._index.terms, word) || has(Search._index.titleterms, word);

  // The verb stems that may look like this before an ending.
  const stems = (letters) => [
    letters,
    letters + "\u11AF", // 만드, 만들
    ...[["\u1167", "\u1175"], ["\u116A", "\u1169"], ["\u116F", "\u116E"], ["\u1165", "\u1173"]]
      .filter(([joined]) => letters.endsWith(joined)) // 보여, 보이; 나눠, 나누; 써, 쓰
      .map(([joined, vowel]) => letters.slice(0, -1) + vowel),
  ];

  const findVerb = (word) => {
    const letters = word.normalize("NFD");
    for (let end = letters.length; end > 1; end--) {
      const ending = letters.slice(end);
      for (const [place, stem] of stems(letters.slice(0, end)).entries()) {
        const endings = place > 1 ? shortEndings : verbEndings;
        if (endings.test(ending) && isKnown(stem.normalize("NFC"))) return stem.normalize("NFC");
      }
    }
  };

  // The words of the index in a typed Korean word, or nothing.
  const findStems = (word) => {
    if (isKnown(word)) return [word];
    for (let end = word.length - 1; end > 0; end--) {
      const [head, rest] = [word.slice(0, end), word.slice(end)];
      if (!isKnown(head)) continue;
      if (end === 1 ? plainParticles.test(rest) : particles.test(rest) || nounEndings.test(rest))
        return [head];
      const others = end > 1 && rest.length > 1 && findStems(rest);
      if (others) return [head, ...others];
    }
    const verb = findVerb(word);
    return verb && [verb];
  };

  window.splitQuery = (query) => {
    const words = [];
    const runs = /(?<other>(?:(?![가-힣])[\p{L}\p{N}_])+)?(?<hangul>[가-힣]*)/gu;
    for (const { groups } of query.normalize("NFC").matchAll(runs)) {
      const { other, hangul } = groups;
      if (other) words.push(other);
      if (!hangul || emptyWords.has(hangul) || (other && particles.test(hangul))) continue;
      words.push(...(findStems(hangul) ?? [hangul]));
    }
    // A syllable that no page has is a counter or the like: 3개.
    const telling = words.filter((word) => !/^[가-힣]$/.test(word) || isKnown(word));
    return telling.length ? telling : words;
  };

  // Sphinx asks for all words, but lets go of those that have fewer than three letters. In Korean
  // these are most of them.
  const search = Search.performTermsSearch;
  Search.performTermsSearch = (terms, ...others) =>
    [...terms]
      .map((term) => new Set(search(new Set([term]), ...others).map(([page]) => page)))
      .reduce(
        (found, pages) => found.filter(([page]) => pages.has(page)), search(terms, ...others));
})();
"""


class SearchKorean(SearchLanguage):
    """The words of Korean pages: stems of Korean words, and whole words of other scripts."""

    lang = "ko"
    language_name = "Korean"
    stopwords = _STOP_WORDS
    js_splitter_code = _SPLITTER.replace("PARTICLE", _PARTICLE)

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
    words, compound, end = [], "", 0
    for morpheme in _kiwi().tokenize(text):
        kind = morpheme.tag.partition("-")[0]  # VV-I is a verb that is conjugated irregularly
        touches, end = morpheme.start == end, morpheme.start + morpheme.len
        compound = compound if touches else ""
        if kind in _NOUNS:
            words += [morpheme.form, compound + morpheme.form]
        elif kind in _AFFIXES and compound:
            words.append(compound + morpheme.form)
        elif kind in _VERBS and morpheme.form not in _EMPTY_VERBS:
            words.append(morpheme.form)
        compound = compound + morpheme.form if kind in _NOUNS | _AFFIXES else ""
    return words


@functools.cache
def _kiwi() -> Kiwi:
    kiwi = Kiwi()
    for term in TERMS:
        kiwi.add_user_word(term, "NNP", 0)
    return kiwi
