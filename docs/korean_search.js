// The browser's part of korean_search.py, which fills in the pattern of particles. Letters are what
// Unicode takes a syllable apart into: 한 is ᄒ, ᅡ and ᆫ.
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
