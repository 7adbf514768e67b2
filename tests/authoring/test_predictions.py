"""Predictions: what is wrong with one, how a notebook shows it, and what its page covers."""

import re
from pathlib import Path

import nbformat
import pytest
from conftest import cells, edit
from nbformat import NotebookNode

from authoring import minutes, prediction, source, words
from authoring.__main__ import main
from authoring.cells import Cell

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "content" / "lessons").glob("*.py"))
SOURCE = "content/lessons/01_mask.py"

ASKED = '''\
# %% [markdown] id="asked" slide
"""
A mask has one value a timestep.

**Predict.** How many values
has `mask`?

- [ ] one
- [x] two
"""

# %% id="count" fragment
print(len([True, False]))

# %% [markdown] id="reason"
"""
**Why.** There are *two* timesteps.
"""
'''


def cells_of(text: str) -> tuple[Cell, ...]:
    return source.cells_of(text)


def said(text: str) -> list[str]:
    return [f"{fault.cell}: {fault.wrong}" for fault in prediction.faults("", cells_of(text))]


FAULTS = {
    "no reason": (
        ASKED.partition('# %% [markdown] id="reason"')[0],
        ["asked: the prediction has no cell"],
    ),
    "a heading between": (
        ASKED.replace("**Why.**", "## Two\n\n**Why.**"),
        ["reason: **Why.** in the", "asked: the prediction has no cell"],
    ),
    "a reason for nothing": (
        ASKED.replace("**Predict.**", "Predict."),
        ["reason: **Why.** without"],
    ),
    "two right answers": (ASKED.replace("[ ]", "[x]"), ["asked: 2 answers, 2 of them right"]),
    "no right answer": (ASKED.replace("[x]", "[ ]"), ["asked: 2 answers, 0 of them right"]),
    "one answer": (ASKED.replace("- [ ] one\n", ""), ["asked: 1 answers"]),
    "five answers": (ASKED.replace("- [ ] one\n", "- [ ] one\n" * 4), ["asked: 5 answers"]),
    "text behind": (
        ASKED.replace('two\n"', 'two\n\nThink.\n"'),
        ["asked: text behind", "asked: a blank line"],
    ),
    "two questions": (ASKED.replace("A mask", "**Guess.** A mask"), ["asked: two predictions"]),
    "an open question": (re.sub(r"\n- \[.*", "", ASKED), []),
    "a whole prediction": (ASKED, []),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_with_a_prediction_is_named(name: str) -> None:
    text, wanted = FAULTS[name]
    found = said(text)
    assert len(found) == len(wanted)
    assert all(one.startswith(start) for one, start in zip(found, wanted, strict=True))


@pytest.fixture
def asking(course: Path) -> Path:
    """The tiny course, whose lesson asks a prediction."""
    with (course / SOURCE).open("a", encoding="utf-8") as lesson:
        lesson.write("\n" + ASKED)
    assert main(["update", "--root", str(course)]) == 0
    po = course / "content/ko/lessons/01_mask.po"
    for english, korean in (
        ("A mask has one value a timestep.", "마스크에는 타임스텝마다 값이 하나 있습니다."),
        (
            '**Predict.** How many values\\n"\n"has `mask`?',
            "**예측해 보세요.** `mask`에는 값이 몇 개 있을까요?",
        ),
        ("one", "하나"),
        ("two", "둘"),
        ("**Why.** There are *two* timesteps.", "**왜 그럴까요?** 타임스텝이 *둘*입니다."),
    ):
        edit(po, f'{english}"\nmsgstr ""', f'{english}"\nmsgstr "{korean}"')
    assert main(["build", "--root", str(course)]) == 0
    assert main(["check", "--root", str(course)]) == 0
    return course


@pytest.mark.parametrize(
    ("language", "asked", "reason"),
    [
        (
            "en",
            "A mask has one value a timestep.\n\n"
            "> **Predict.** How many values\n> has `mask`?\n>\n> - one\n> - two",
            "<details>\n<summary>Why.</summary>\n\nThere are *two* timesteps.\n\n</details>",
        ),
        (
            "ko",
            "마스크에는 타임스텝마다 값이 하나 있습니다.\n\n"
            "> **예측해 보세요.** `mask`에는 값이 몇 개 있을까요?\n>\n> - 하나\n> - 둘",
            "<details>\n<summary>왜 그럴까요?</summary>\n\n타임스텝이 *둘*입니다.\n\n</details>",
        ),
    ],
)
def test_a_notebook_quotes_a_prediction_and_folds_what_answers_it(
    asking: Path, language: str, asked: str, reason: str
) -> None:
    found = cells(asking / "notebooks" / language / "01_mask.ipynb")
    assert found["asked"].source == asked
    assert found["asked"].metadata["masklens"] == {"prediction": 2}
    assert found["count"].metadata["jupyter"] == {"outputs_hidden": True}
    assert found["count"].outputs[0].text == "2\n"
    assert found["reason"].source == reason


def book_of(root: Path) -> NotebookNode:
    return nbformat.read(root / "notebooks/ko/01_mask.ipynb", as_version=4)


def test_a_page_covers_everything_from_the_card_to_the_reason(asking: Path) -> None:
    book = book_of(asking)
    prediction.as_cards(book, words.speaker(ROOT, "ko"), wraps=True)
    text = "\n".join(cell.source for cell in book.cells)
    card, _, rest = text.partition('<div class="prediction-covered">')
    assert re.search(r'data-right="2" data-yes="맞습니다\." data-no="정답이 아닙니다\."', card)
    assert "**예측해 보세요.** `mask`에는 값이 몇 개 있을까요?\n\n- 하나\n- 둘\n\n" in card
    assert card.rstrip().endswith("<summary>답 보기</summary></details>")
    covered, _, behind = rest.partition("</div>")
    assert covered.strip().endswith("**왜 그럴까요?** 타임스텝이 *둘*입니다.")
    assert "print(len(" in covered
    assert 'class="prediction-score"' in behind
    assert text.count("<div") == text.count("</div>")


def test_slides_mark_each_cell_that_is_covered(asking: Path) -> None:
    book = book_of(asking)
    prediction.as_cards(book, words.speaker(ROOT, "ko"), wraps=False)
    marked = [cell.id for cell in book.cells if prediction.COVERED in cell.metadata.get("tags", ())]
    assert marked == ["count", "reason"]
    assert all("prediction-covered" not in cell.source for cell in book.cells)


def test_a_notebook_without_a_prediction_stays_as_it_is(built_course: Path) -> None:
    book = book_of(built_course)
    before = nbformat.writes(book)
    prediction.as_cards(book, words.speaker(ROOT, "ko"), wraps=True)
    assert nbformat.writes(book) == before


# --- Minutes ------------------------------------------------------------------------------------


def test_minutes_count_words_predictions_code_and_explorers() -> None:
    prose = '# %% [markdown] id="p"\n"""\n' + "word " * 360 + '\n"""\n'
    code = '# %% id="a"\n1\n\n# %% id="b" skim\n2\n\n# %% id="c" slide skim\n3\n'
    explorer = '# %% id="d"\nml.PaddingExplorer(ids)\n'
    assert minutes.of_lesson(cells_of(prose)) == pytest.approx(2)
    assert minutes.of_lesson(cells_of(code)) == pytest.approx(40 / 60)
    assert minutes.of_lesson(cells_of(explorer)) == pytest.approx(1.5)
    read = "A mask has one value a timestep. Predict. How many values has mask? one two"
    reason = "Why. There are two timesteps."
    asked = len(f"{read} {reason}".split()) / 180 + 45 / 60 + 40 / 60
    assert minutes.of_lesson(cells_of(ASKED)) == pytest.approx(asked)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_promises_what_the_rule_says(path: Path) -> None:
    lasts = minutes.of_lesson(cells_of(path.read_text(encoding="utf-8")))
    assert lasts <= minutes.LONGEST_LESSON
    assert minutes.shown(lasts) == pytest.approx(lasts, rel=0.2)


def test_a_lesson_that_takes_too_long_is_named(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(course / SOURCE, "| two |", f"| {'two ' * 5400}|")
    assert main(["check", "--root", str(course)]) == 1
    assert "minutes, more than 30: cut it" in capsys.readouterr().err
