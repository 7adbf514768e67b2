"""What several tests share: the quiet environment of the kernels, and a tiny course to build."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from hypothesis import settings

from authoring.__main__ import main
from authoring.execute import QUIET_ENVIRONMENT

pytest_plugins = ["browser", "english", "javascript", "left_out", "tests.classroom.class_fixtures"]

LESSON = '''\
# %% [markdown] id="title"
"""
# What is a mask?

A mask says which timesteps count, see `mask_zero`
and [the guide](https://keras.io).

| mode | places |
|---|---|
| `pre` or `post` | two |
"""

# %% id="setup"
import masklens as ml

ml.set_language("en")

# %% id="mask"
# The last two timesteps
# are padding.
mask = [id != 0 for id in [3, 4, 0, 0]]
print(ml.label(), mask)
sum(mask)  # counts the real timesteps
'''

TRANSLATION = {
    ("title", "What is a mask?"): "마스크란 무엇인가요?",
    (
        "title",
        "A mask says which timesteps count, see `mask_zero`\nand [the guide](https://keras.io).",
    ): "마스크는 유효한 타임스텝을 나타냅니다.\n`mask_zero`와 [가이드](https://keras.io)를 보세요.",
    ("title", "mode"): "방식",
    ("title", "places"): "위치",
    ("title", "`pre` or `post`"): "`pre` 또는 `post`",
    ("title", "two"): "두 곳",
    ("mask", "The last two timesteps\nare padding."): "마지막 두 타임스텝은 패딩입니다.",
    ("mask", "counts the real timesteps"): "실제 타임스텝의 수를 셉니다",
}

MANIFEST = """\
repository = ""
address = ""
need_all_lessons = []

[languages.en]
name = "English"
locale = "en_US"

[languages.ko]
name = "한국어"
locale = "ko_KR"

[lessons.01_mask]
"""

PAGE = """\
# How to begin

Open [the lesson](../../notebooks/en/01_mask.ipynb), then [begin](#how-to-begin).

```text
board: a mask
```
"""

PAGE_TRANSLATION = {
    ("", "How to begin"): "시작하는 방법",
    (
        "",
        "Open [the lesson](../../notebooks/en/01_mask.ipynb), then [begin](#how-to-begin).",
    ): "[레슨](../../notebooks/ko/01_mask.ipynb)을 열고 [시작](#시작하는-방법)하세요.",
    ("", "board: a mask"): "칠판: 마스크",
}

# As small as it can be, and yet it finds its strings where the real library does.
LIBRARY = '''\
"""A library that knows its language."""

import gettext
from pathlib import Path

_ = gettext.gettext
_state = {}


def set_language(code):
    folder = Path(__file__).parent / "locale"
    _state["_"] = gettext.translation("masklens", folder, [code], fallback=True).gettext


def label():
    Path(__file__).with_name("label.css").read_text()
    return _state["_"](_("mask"))


class question:
    def __init__(self, name):
        self.name = name

    def check(self, answer):
        print(self.name, answer([True, True, False]) if callable(answer) else answer)

    def grade(self, answer):
        print("graded")
'''


def po_text(entries: dict[tuple[str, str], str]) -> str:
    """A PO file as a translator's editor writes it."""
    quoted = [
        [text.replace('"', '\\"').replace("\n", "\\n") for text in (cell, english, translation)]
        for (cell, english), translation in entries.items()
    ]
    header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n'
    return header + "".join(
        f'\n{f"""msgctxt "{cell}"{chr(10)}""" if cell else ""}msgid "{english}"\nmsgstr "{ours}"\n'
        for cell, english, ours in quoted
    )


def edit(path: Path, old: str, new: str) -> None:
    """Replaces a text that stands once in a file."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


Plant = Callable[[Path], object]


def text(name: str, old: str, new: str) -> Plant:
    """What replaces a piece of a text file of a course."""
    return lambda root: edit(root / name, old, new)


def cells(path: Path) -> dict[str, nbformat.NotebookNode]:
    """The cells of a notebook, by their ids."""
    return {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}


def pytest_configure() -> None:
    """The kernels that nbval starts are as quiet as those of the build; hypothesis is patient."""
    os.environ.update(QUIET_ENVIRONMENT)
    # An example may be slow on a busy machine without anything being wrong.
    settings.register_profile("patient", settings.default, deadline=None)
    settings.load_profile("patient")


def write_course(root: Path) -> None:
    """Writes a course of one translated lesson and one page, not yet built."""
    content = Path(__file__).parent.parent / "content"
    files = {
        "course.toml": MANIFEST,
        "content/lessons/01_mask.py": LESSON,
        "content/ko/lessons/01_mask.po": po_text(TRANSLATION),
        "content/ko/interface.po": (content / "ko" / "interface.po").read_text(encoding="utf-8"),
        "content/pages/begin.md": PAGE,
        "content/ko/pages/begin.po": po_text(PAGE_TRANSLATION),
        "content/glossary.csv": (content / "glossary.csv").read_text(encoding="utf-8"),
        "helpers/masklens/__init__.py": LIBRARY,
        "helpers/masklens/label.css": "p{margin:0}",
        "helpers/masklens_course/__init__.py": "",
        "helpers/masklens/locale/ko/LC_MESSAGES/masklens.po": po_text({("", "mask"): "마스크"}),
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def build_course(root: Path) -> None:
    """Builds a course, with its own library."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(root / "helpers"))
        assert main(["build", "--root", str(root)]) == 0


@pytest.fixture(scope="session")
def built_course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course that was built, and that no test may change."""
    root = tmp_path_factory.mktemp("built")
    write_course(root)
    build_course(root)
    return root


@pytest.fixture
def course(built_course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the built course, to change."""
    root = tmp_path / "course"
    shutil.copytree(built_course, root)
    monkeypatch.setenv("PYTHONPATH", str(root / "helpers"))
    monkeypatch.delenv("MASKLENS_REPOSITORY", raising=False)
    return root
