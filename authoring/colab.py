"""Writes notebooks that bring masklens with them to dist/colab/: `python -m authoring.colab`."""

from __future__ import annotations

import argparse
import base64
import io
import lzma
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from fontTools.ttLib import TTFont
from nbformat import NotebookNode
from PIL import Image

from authoring import build, course, layout, notebook
from authoring.cells import LINKS
from authoring.layout import EXERCISES, SOLUTIONS, AuthoringError, Fault, relative

TARGET = Path("dist/colab")
BRANCH = "colab"  # where .github/workflows/site.yml publishes them
GOAL = 600_000  # bytes
# What the library is built from, and what nobody reads of what is built: a notebook on Colab has
# Colab's kernel, no terminal and no page of ours around it.
_PARTS = ("pyproject.toml", "README.md", "LICENSE", "NOTICE", *map(str, layout.PACKAGES))
_UNREAD = (
    *(".po", "/RECORD", "/METADATA", "/WHEEL", "/top_level.txt", "/entry_points.txt"),
    *("/command.py", "/__main__.py", "/page.js", "/page.css"),
)
_KERNEL, _COURSE = "masklens_kernel/", "masklens_course/"
_BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
# The first moment that a zip file knows.
_EPOCH = "315532800"
_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

# Run again, or where masklens is installed, it does nothing. What is installed comes before what
# the cell brings.
_CARRIER = '''\
def bring_masklens(packed):
    import base64, importlib.util, io, lzma, sys, tempfile, zipfile

    if importlib.util.find_spec("masklens") is None:
        folder = tempfile.mkdtemp(prefix="masklens-")
        files = lzma.decompress(base64.b85decode("".join(packed.split())))
        zipfile.ZipFile(io.BytesIO(files)).extractall(folder)
        sys.path.append(folder)


bring_masklens("""
{packed}
""")'''


def write(
    root: Path,
    github: str | None,
    names: Sequence[str] = (),
    target: Path | None = None,
    report: Callable[[str], None] = lambda _line: None,
) -> list[Path]:
    """Writes the self-contained notebooks of lessons and exercises, in every language.

    Args:
        root: the repository.
        github: ``owner/name`` of the repository to link to, or None.
        names: as `build.chosen_sources` takes them; without, every lesson and exercise.
        target: the folder to write to; None for dist/colab in the repository.
        report: takes a line for each notebook.

    Returns:
        The notebooks written: ``ko/01_padding.ipynb`` for a lesson, and for its exercises
        ``ko/exercises/01_padding.ipynb``, below the target.

    Raises:
        AuthoringError: a notebook is missing, was never executed, or links to what is not there;
            or the library cannot be built.
    """
    built = wheel(root)
    # The exercises' own package is a sixth of all, and no lesson needs it.
    packed, for_lessons = pack(built, _KERNEL), pack(built, _KERNEL, _COURSE)
    paths = [
        layout.notebook_path(root, source, language, edition)
        for source in build.chosen_sources(root, names)
        for language in course.codes(root)
        for edition in layout.editions(source)
        if edition != SOLUTIONS
    ]
    copies = []
    for path in paths:
        within = path.relative_to(root)
        copy = (target or root / TARGET) / copy_path(within)
        brought = packed if EXERCISES in within.parts else for_lessons
        book = self_contained(root, path, brought, github)
        notebook.write(copy, book)
        copies.append(copy)
        how = "explorers live" if _has_widgets(book) else "no explorer live"
        report(f"{within}: {copy.stat().st_size / 1000:.0f} KB, {how}")
    return copies


def copy_path(within: Path) -> Path:
    """Where the copy of a lesson or of exercises stands, below the target.

    Example:
        >>> copy_path(Path("exercises/ko/01_padding.ipynb")).as_posix()
        'ko/exercises/01_padding.ipynb'
    """
    edition, language, name = within.parts
    return Path(language, edition, name) if edition == EXERCISES else Path(language, name)


def page(github: str, path: str) -> str:
    """The address at which Colab opens a lesson or exercises, with masklens in the first cell.

    Args:
        github: ``owner/name`` of the repository that has published them.
        path: where the notebook stands in the repository.
    """
    return notebook.colab_page(github, copy_path(Path(path)).as_posix(), BRANCH)


def wheel(root: Path) -> bytes:
    """Builds the wheel of masklens, the same bytes each time, without network.

    Raises:
        AuthoringError: setuptools cannot build it.
    """
    with tempfile.TemporaryDirectory() as name:
        # Built beside the repository, so that no old build is picked up and none is left.
        copy, made = Path(name, "copy"), Path(name, "wheel")
        for part in _PARTS:
            (copy / part).parent.mkdir(parents=True, exist_ok=True)
            if (root / part).is_dir():
                shutil.copytree(root / part, copy / part, ignore=_caches)
            else:
                shutil.copy(root / part, copy / part)
        command = [sys.executable, "-c", _BUILD, str(made)]
        environment = os.environ | {"SOURCE_DATE_EPOCH": _EPOCH}
        ended = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, check=False
        )
        if ended.returncode:
            wrong = ended.stderr.strip().splitlines()[-1]
            remedy = "install what builds it: pip install 'setuptools>=77'"
            raise AuthoringError([Fault("pyproject.toml", "", wrong, remedy)])
        return next(made.glob("*.whl")).read_bytes()


def pack(built: bytes, *left_out: str) -> str:
    """The files of a wheel that a notebook needs, as text that fits between triple quotes.

    Packed as one, they take a third less than each by itself; and base 85 takes a twentieth less
    than base 64, without a quote or a backslash.

    Args:
        built: the wheel.
        left_out: the folders that are not needed, such as ``masklens_kernel/``.
    """
    stored = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(built)) as old, zipfile.ZipFile(stored, "w") as new:
        for name in sorted(old.namelist()):
            if not (name.endswith(_UNREAD) or name.startswith(left_out)):
                content = old.read(name)
                plain = _written_out(content) if name.endswith(".otf") else content
                new.writestr(zipfile.ZipInfo(name), plain)
    small = lzma.compress(stored.getvalue(), preset=9 | lzma.PRESET_EXTREME)
    return "\n".join(textwrap.wrap(base64.b85encode(small).decode(), 1000))


def _written_out(font: bytes) -> bytes:
    """The same font without subroutines: larger, but it packs to an eighth less."""
    opened = TTFont(io.BytesIO(font), recalcTimestamp=False)
    opened["CFF "].cff.desubroutinize()
    written = io.BytesIO()
    opened.save(written)
    return written.getvalue()


def self_contained(root: Path, path: Path, packed: str, github: str | None) -> NotebookNode:
    """A committed notebook with a first cell that carries masklens, and with no dead link.

    Its outputs are kept. Where it would be larger than the goal, its explorers are kept as pictures
    alone; run, they come to life. Where it still would, figures are kept in 256 colours.

    Args:
        root: the repository.
        path: the notebook.
        packed: what `pack` returns.
        github: ``owner/name`` of the repository to link to, or None.

    Raises:
        AuthoringError: it is missing, was never executed, or links to what is not there.
    """
    book = _read(root, path)
    faults: list[Fault] = []
    for cell in book.cells:
        if cell.cell_type == "markdown":
            place = partial(_place, root, path, cell.id, github, faults)
            cell.source = notebook.move_links(cell.source, path.parent, place)
    if faults:
        raise AuthoringError(faults)
    if not github:  # of these links, nothing would be left
        book.cells = [cell for cell in book.cells if cell.id != LINKS]
    first = notebook.first_cell(
        root, _CARRIER.format(packed=packed), book.metadata.masklens.language
    )
    book.cells = [first, *(cell for cell in book.cells if cell.id != notebook.FIRST)]
    _change_pictures(book, _without_transparency)
    if _has_widgets(book) and len(notebook.serialized(book)) >= GOAL:
        _keep_pictures_only(book)
    if len(notebook.serialized(book)) >= GOAL:
        _change_pictures(book, _in_256_colours)
    return book


def _read(root: Path, path: Path) -> NotebookNode:
    book = notebook.require(root, path)
    unexecuted = [
        Fault(relative(root, path), cell.id, "never executed", "build it: make build")
        for cell in book.cells
        if cell.cell_type == "code" and not cell.execution_count
    ]
    if unexecuted:
        raise AuthoringError(unexecuted)
    return book


def _place(
    root: Path, path: Path, cell: str, github: str | None, faults: list[Fault], linked: Path
) -> str | None:
    """The address of a linked file, wherever the notebook stands; None if there is no such."""
    if not linked.exists():
        wrong = f"no such file: {os.path.relpath(linked, path.parent)}"
        remedy = "correct the link in its source, and build"
        faults.append(Fault(relative(root, path), cell, wrong, remedy))
        return None
    return notebook.page(github, relative(root, linked)) if github else None


def _change_pictures(book: NotebookNode, change: Callable[[Image.Image], Image.Image]) -> None:
    """Changes the PNG pictures in outputs, but for those that take no fewer bytes then."""
    for cell in book.cells:
        for output in cell.get("outputs", []):
            if png := output.get("data", {}).get("image/png"):
                small = io.BytesIO()
                with Image.open(io.BytesIO(base64.b64decode(png))) as image:
                    dpi = image.info.get("dpi")
                    change(image).save(small, "PNG", optimize=True, dpi=dpi)
                shorter = base64.b64encode(small.getvalue()).decode()
                output.data["image/png"] = min(shorter, png, key=len)


def _without_transparency(image: Image.Image) -> Image.Image:
    """The same pixels: matplotlib saves transparency that its figures lack."""
    is_opaque = image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255)
    return image.convert("RGB") if is_opaque else image


def _in_256_colours(image: Image.Image) -> Image.Image:
    """Nearly the same pixels: most colours of a figure are the edges of letters."""
    if image.mode != "RGB":
        return image
    return image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def _has_widgets(book: NotebookNode) -> bool:
    return "widgets" in book.metadata


def _keep_pictures_only(book: NotebookNode) -> None:
    del book.metadata["widgets"]
    for cell in book.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(_WIDGET_VIEW, None)


def _caches(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name == "__pycache__"}


def main(arguments: list[str] | None = None) -> int:
    """Writes the notebooks; returns 0 if all is well, and 1 after printing what is not."""
    parser = argparse.ArgumentParser(prog="python -m authoring.colab", description=__doc__)
    named = "how a source's name begins, such as 01 or exercises/01; without, every source"
    parser.add_argument("names", nargs="*", metavar="NAME", help=named)
    root = Path(__file__).resolve().parent.parent
    try:
        github = course.repository(root, os.environ)
        write(root, github, parser.parse_args(arguments).names, report=print)
    except AuthoringError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
