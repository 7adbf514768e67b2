"""Cuts the bundled Hangul font out of Noto Sans CJK: `python -m authoring.font SOURCE.ttc`."""

import argparse
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection, TTFont, TTLibError

FAMILY = "MaskLens Hangul"
TARGET = (
    Path(__file__).parents[1] / "helpers" / "masklens" / "plots" / "fonts" / "masklens-hangul.otf"
)

_COPYRIGHT = "Copyright 2014-2021 Adobe (http://www.adobe.com/)."
_TRADEMARK = "Noto is a trademark of Google Inc."
_LICENSE = "This Font Software is licensed under the SIL Open Font License, Version 1.1."
_LICENSE_URL = "https://openfontlicense.org"
_TYPOGRAPHY = "–—‘’“”•…"
_FIGURE_SYMBOLS = "←↑→↓↔⇒−≤≥≠≈∞∑√■□▲△▶▷▼▽◀◁◆◇○●★✓"
_LAYOUT_TABLES = ("BASE", "GPOS", "GSUB", "VORG", "vhea", "vmtx")


def characters() -> set[str]:
    """Returns what the font holds: Latin-1, figure symbols, jamo and the syllables of KS X 1001.

    KS X 1001 gives 2,350 of the 11,172 Hangul syllables a code; nearly all Korean text is
    written in them. Its rows 0xB0 to 0xC8 of EUC-KR are those syllables.
    """
    latin = {chr(code) for code in (*range(0x20, 0x7F), *range(0xA0, 0x100))}
    jamo = {chr(code) for code in range(0x3131, 0x3164)}
    syllables = {
        bytes([row, column]).decode("euc_kr")
        for row in range(0xB0, 0xC9)
        for column in range(0xA1, 0xFF)
    }
    return latin | jamo | syllables | set(_TYPOGRAPHY + _FIGURE_SYMBOLS)


def make_font(source: Path, target: Path) -> None:
    """Writes the subset of `source` to `target`, with the same bytes each time.

    Args:
        source: The collection (.ttc) with the face "Noto Sans CJK KR".
        target: The OpenType font (.otf) to write.

    Raises:
        ValueError: If `source` holds no such face, or the face lacks one of `characters()`.
    """
    font = _korean_face(source)
    lacking = sorted(characters() - {chr(code) for code in font.getBestCmap()})
    if lacking:
        raise ValueError(f"no glyph for {' '.join(lacking)}; leave these out of the font")

    options = Options(hinting=False, notdef_outline=True, layout_features=[])
    options.drop_tables += _LAYOUT_TABLES
    subsetter = Subsetter(options)
    subsetter.populate(text="".join(characters()))
    subsetter.subset(font)
    _rename(font)
    font.save(target)


def _korean_face(source: Path) -> TTFont:
    for font in TTCollection(source):
        if font["name"].getDebugName(4) == "Noto Sans CJK KR":
            # Else the time of writing would go into the font.
            font.recalcTimestamp = False
            return font
    raise ValueError("no face named Noto Sans CJK KR; give NotoSansCJK-Regular.ttc")


def _rename(font: TTFont) -> None:
    postscript_name = FAMILY.replace(" ", "")
    version = f"{font['head'].fontRevision:.3f}"
    texts = {0: _COPYRIGHT, 1: FAMILY, 2: "Regular", 3: f"{version};{postscript_name}", 4: FAMILY}
    texts |= {5: f"Version {version}", 6: postscript_name, 7: _TRADEMARK}
    texts |= {13: _LICENSE, 14: _LICENSE_URL}
    names = font["name"]
    names.names = []
    for name_id, text in texts.items():
        names.setName(text, name_id, platformID=3, platEncID=1, langID=0x409)

    outlines = font["CFF "].cff
    outlines.fontNames = [postscript_name]
    top = outlines.topDictIndex[0]
    top.FullName = top.FamilyName = FAMILY
    top.Notice = _COPYRIGHT
    for number, private in enumerate(top.FDArray):
        private.FontName = f"{postscript_name}-{number}"


def main() -> None:
    """Reads the command line and writes the font into the library."""
    parser = argparse.ArgumentParser(prog="python -m authoring.font", description=__doc__)
    parser.add_argument("source", type=Path, help="NotoSansCJK-Regular.ttc")
    source = parser.parse_args().source
    try:
        make_font(source, TARGET)
    except (OSError, TTLibError, ValueError) as error:
        parser.error(f"{source}: {error}")
    print(f"{TARGET.name}: {len(characters())} characters, {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
