"""English in other letters: what a translator of a made-up language writes."""

import re

LETTERS = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "абвгдежзийклмнопрстуфхцчшщАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩ",
)
# What no translator touches: code, formulas, tags, addresses and what is filled in. The place of a
# heading within a page has the heading's words.
KEPT = re.compile(
    r"`[^`]*`|\$\$?[^$]+\$|\$?\{\w*\}|%\(\w+\)s|%s|<[^>]*>|\]\([^#)]*(?=#)|\]\([^)]*\)|&\w+;"
    r"|\]\(https?:[^)]*\)"
)


def in_other_letters(text: str) -> str:
    pieces, end = [], 0
    for kept in KEPT.finditer(text):
        pieces += [text[end : kept.start()].translate(LETTERS), kept[0]]
        end = kept.end()
    return "".join([*pieces, text[end:].translate(LETTERS)])
