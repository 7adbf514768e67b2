Documentation.addTranslations({
  locale: "ko",
  messages: {
    ", in ": ", 위치: ",
    "Hide Search Matches": "검색어 강조 끄기",
    "Preparing search...": "검색을 준비하고 있습니다…",
    "Search": "검색",
    "Search Results": "검색 결과",
    "Search finished, found one page matching the search query.": [
      "검색어가 있는 페이지를 ${resultCount}개 찾았습니다.",
    ],
    "Searching": "검색하고 있습니다",
    "Your search did not match any documents. Please make sure that all words are spelled correctly and that you've selected enough categories.":
      "검색어가 있는 페이지를 찾지 못했습니다. 철자를 확인하거나 더 짧은 단어로 검색해 보세요.",
  },
  plural_expr: "0",
});
