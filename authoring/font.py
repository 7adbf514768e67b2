"""Cuts the bundled Hangul font out of Noto Sans CJK: `python -m authoring.font SOURCE.ttc`."""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

_FAMILY = "MaskLens Hangul"
_TARGET = (
    Path(__file__).parents[1] / "helpers" / "masklens" / "plots" / "fonts" / "masklens-hangul.otf"
)
_COPYRIGHT = "Copyright 2014-2021 Adobe (http://www.adobe.com/)."
_LICENSE = "This Font Software is licensed under the SIL Open Font License, Version 1.1."
_SYMBOLS = "–—‘’“”•…←↑→↓↔⇒−≤≥≠≈∞∑√■□▲△▶▷▼▽◀◁◆◇○●★✓"


def _characters() -> str:
    """Latin-1, symbols, jamo, and the 2,350 syllables of KS X 1001: rows B0 to C8 of EUC-KR."""
    codes = [*range(0x20, 0x7F), *range(0xA0, 0x100), *range(0x3131, 0x3164)]
    syllables = (bytes([row, column]) for row in range(0xB0, 0xC9) for column in range(0xA1, 0xFF))
    return "".join(map(chr, codes)) + _SYMBOLS + b"".join(syllables).decode("euc_kr")


def _make(source: str) -> None:
    """Writes the font, with the same bytes each time; fails where a character has no glyph."""
    options = subset.Options(
        hinting=False,
        ignore_missing_unicodes=False,
        layout_features=[],
        notdef_outline=True,
    )
    options.drop_tables += ["BASE", "GPOS", "GSUB", "VORG", "vhea", "vmtx"]
    font = TTFont(source, fontNumber=1, recalcTimestamp=False)  # Noto Sans CJK KR
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=_characters())
    subsetter.subset(font)

    name, version = _FAMILY.replace(" ", ""), f"{font['head'].fontRevision:.3f}"
    texts = {0: _COPYRIGHT, 1: _FAMILY, 2: "Regular", 3: f"{version};{name}", 4: _FAMILY}
    texts |= {5: f"Version {version}", 6: name, 7: "Noto is a trademark of Google Inc."}
    texts |= {13: _LICENSE, 14: "https://openfontlicense.org"}
    font["name"].names = []
    for name_id, text in texts.items():
        font["name"].setName(text, name_id, platformID=3, platEncID=1, langID=0x409)
    outlines = font["CFF "].cff
    outlines.fontNames = [name]
    top = outlines.topDictIndex[0]
    top.FullName, top.FamilyName, top.Notice = _FAMILY, _FAMILY, _COPYRIGHT
    for number, private in enumerate(top.FDArray):
        private.FontName = f"{name}-{number}"
    font.save(_TARGET)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    _make(sys.argv[1])
