"""Keeps what the READMEs list between marks: languages, and lessons with their questions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from authoring import contents, course, layout, lists
from authoring.layout import SOURCE_LANGUAGE, Fault


def names(root: Path) -> dict[str, str]:
    """The README in each language that has one: ``README.md``, ``README.ko.md``.

    Raises:
        AuthoringError: the manifest is at fault.
    """
    files = {
        code: "README.md" if code == SOURCE_LANGUAGE else f"README.{code}.md"
        for code in course.codes(root)
    }
    return {code: name for code, name in files.items() if (root / name).exists()}


def write(root: Path) -> None:
    """Brings the lists in each README up to date; a README without marks is left alone.

    Raises:
        AuthoringError: the manifest is at fault, or a PO file cannot be read.
    """
    for name, text, _faults in _current(root):
        layout.write(root / name, text.encode())


def faults(root: Path) -> Iterator[Fault]:
    """Names each list in a README that lacks its marks, or is not up to date.

    Raises:
        AuthoringError: as `write`.
    """
    for name, text, missing in _current(root):
        yield from missing
        if (root / name).read_text(encoding="utf-8") != text:
            yield Fault(name, "", f"its lists differ from {course.MANIFEST}", "run `make build`")


def _current(root: Path) -> Iterator[tuple[str, str, list[Fault]]]:
    """The name of each README, its text as it should be, and the marks that it lacks."""
    files = names(root)
    for code, name in files.items():
        text = (root / name).read_text(encoding="utf-8")
        missing = []
        for key, value in lists.readme_values(contents.read(root, code), files).items():
            opening, closing = f"<!-- {key} -->\n", f"<!-- /{key} -->"
            before, mark, rest = text.partition(opening)
            _old, end, after = rest.partition(closing)
            if mark and end:
                text = f"{before}{opening}{value}\n{closing}{after}"
            else:
                remedy = f"put {opening.strip()} and {closing} where they belong"
                missing.append(Fault(name, "", f"no marks for its {key}", remedy))
        yield name, text, missing
