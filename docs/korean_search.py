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

# The browser's part. Letters are what Unicode takes a syllable apart into: 한 is ᄒ, ᅡ and ᆫ.
_SPLITTER = r"""
(() => {
  "use strict";
  // A sign behind a syllable means the whole syllable.
  const letters = (...patterns) =>
    new RegExp(`^(?:${patterns.join("|")})$`.replace(/[가-힣](?=\?)/g, "(?:$&)").normalize("NFD"));
  const particles = /^(?:PARTICLE){1,3}$/;
  const more = "(?:PARTICLE){0,2}";
  // What follows a stem: 만듭니다 is 만드 and \u11B8니다.
  const endings = letters(
    `(?:\u11AB|은|는|던)(?:데|지|가|다.*)?${more}`, `(?:\u11AF|을)(?:까|지|수록|게)?${more}`,
    `(?:\u11B7|음|기|게|도록)${more}`, `다(?:가|고|는|면|며|니|지)?${more}`,
    "\u11B8(?:니|시).*", "습니.*", "겠.*", "고(?:서|자)?", `지(?:만|요)?${more}`,
    "자(?:마자|고|면)?", "거(?:나|든|라|니).*", "든(?:지|가)?", "네요?", "나요?", "더(?:라|니).*",
    `으?(?:니까?|면서?|며서?|므로|러)${more}`, "으?려(?:고|면|는).*", "으?세요", "으?시.*",
    "(?:아|어|여|았|었|였).*",
  );
  // What follows a stem that has swallowed the first vowel of its ending: 보여서, 나눴다, 정해진.
  const shortEndings = letters("(?:\u11BB|서|도|야|요|라|지|져|주|줘).*", "");
  // How the letters of a stem change before an ending.
  const changes = [
    [/$/, "", endings],
    [/([\u1161-\u1175])$/, "$1\u11AF", endings], // 만드는, 만들
    [/([\u1161-\u1175])$/, "$1\u11B8", letters("(?:우|워).*")], // 추운, 춥
    [/\u11AF$/, "\u11AE", letters("(?:어|었|으).*")], // 물어, 묻
    [/([\u1161\u1162\u1165-\u1167])$/, "$1", shortEndings], // 가서, 가
    [/\u1167$/, "\u1175", shortEndings], // 보여, 보이
    [/\u116A$/, "\u1169", shortEndings], // 봐, 보
    [/\u116F$/, "\u116E", shortEndings], // 나눠, 나누
    [/\u1162$/, "\u1161", shortEndings], // 정해, 정하
    [/\u116B$/, "\u116C", shortEndings], // 돼, 되
    [/[\u1161\u1165]$/, "\u1173", shortEndings], // 모아, 모으
    [/\u11AF\u1105[\u1161\u1165]$/, "\u1105\u1173", shortEndings], // 골라, 고르
  ];

  const emptyWords = new Set(stopwords);
  const has = (words, word) => Object.prototype.hasOwnProperty.call(words, word);
  const isKnown = (word) =>
    has(Search._index.terms, word) || has(Search._index.titleterms, word) || emptyWords.has(word);

  // The longest stem that a word may be a form of.
  const findVerb = (word, isStem) => {
    const decomposed = word.normalize("NFD");
    for (let end = decomposed.length; end > 1; end--) {
      const [head, ending] = [decomposed.slice(0, end), decomposed.slice(end)];
      for (const [before, after, follow] of changes) {
        if (!before.test(head) || !follow.test(ending)) continue;
        const stem = head.replace(before, after).normalize("NFC");
        if (isStem(stem)) return stem;
      }
    }
  };

  // Nouns, behind the last one a particle, "to be" or "to do": 마스크를, 마스크이면, 전파하는.
  const isNounVerb = (stem) => ["이", "하", "되", "시키"].includes(stem);
  const endsNoun = (rest) => particles.test(rest) || findVerb(rest, isNounVerb);
  const findNouns = (word) => {
    if (isKnown(word)) return [word];
    for (let end = word.length - 1; end > 0; end--) {
      const [head, rest] = [word.slice(0, end), word.slice(end)];
      if (!isKnown(head)) continue;
      if (endsNoun(rest)) return [head];
      const others = end > 1 ? findNouns(rest) : undefined;
      if (others?.every((other) => other.length > 1)) return [head, ...others];
    }
  };

  const findStems = (word) => {
    if (isKnown(word)) return [word];
    const [nouns, verb] = [findNouns(word), findVerb(word, isKnown)];
    const isNoun = nouns && (nouns[0].length >= verb?.length || verb === nouns[0] + "하");
    return verb && !isNoun ? [verb] : nouns ?? [word];
  };

  window.splitQuery = (query) => {
    const text = query.normalize("NFC");
    const words = [];
    for (const run of text.matchAll(/([가-힣]+)|(?:(?![가-힣])[\p{L}\p{N}_])+/gu)) {
      const [word, korean] = run;
      if (!korean) words.push(word);
      // Behind LSTM or (3,) there may be nothing but a particle.
      else if (/^\s?$/.test(text.charAt(run.index - 1)) || !endsNoun(korean))
        words.push(...findStems(korean));
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
