"""What is committed as a notebook was run, is clean, is judged, and is guarded by nbval."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from authoring import source
from masklens_course.questions import all_questions

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(
    path
    for folder in ("notebooks", "exercises", "solutions")
    for path in (ROOT / folder).glob("*/*.ipynb")
)
each_notebook = pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}"
)


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(path: Path) -> list[Any]:
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]


@each_notebook
def test_the_format_is_valid_and_every_cell_was_executed_in_order(path: Path) -> None:
    book = read(path)
    nbformat.validate(nbdict=book, version=4, version_minor=5)
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    counts = [cell["execution_count"] for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))


# What trained models print to more digits than every processor agrees on. The next cell of each
# prints what must hold.
MAY_VARY = {("05_masks_by_hand", "forecast-train")}


def test_no_other_output_is_left_out_of_the_comparison() -> None:
    left_out = {
        (path.stem, cell["id"])
        for path in NOTEBOOKS
        for cell in code_cells(path)
        if "NBVAL" in "".join(cell["source"])
        or any("nbval" in tag for tag in cell["metadata"].get("tags", ()))
    }
    assert left_out == MAY_VARY


# What a check says of the answers in each of the folders that exercises are built to.
VERDICTS = {"exercises": "blank", "solutions": "right"}
each_exercise_notebook = pytest.mark.parametrize(
    "path",
    [path for path in NOTEBOOKS if path.parent.parent.name in VERDICTS],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)


def check_cells(path: Path) -> list[Any]:
    return [cell for cell in code_cells(path) if cell["metadata"].get("nbgrader", {}).get("grade")]


@each_exercise_notebook
def test_every_check_was_saved_with_its_verdict(path: Path) -> None:
    verdict = VERDICTS[path.parent.parent.name]
    for cell in check_cells(path):
        name = cell["metadata"]["masklens"]["question"]
        said = [output["metadata"]["masklens"] for output in cell["outputs"]]
        assert said == [{"question": name, "verdict": verdict, "code": verdict}]


def test_every_question_is_asked_in_one_source() -> None:
    asked = [
        cell.metadata["masklens"]["question"]
        for path in (ROOT / "content" / "exercises").glob("*.py")
        for cell in source.read(ROOT, path).cells
        if cell.id.endswith("-check")
    ]
    assert sorted(asked) == sorted(question.name for question in all_questions())


GUARDED = nbformat.v4.new_notebook(
    cells=[
        nbformat.v4.new_code_cell(
            "print([True, False])",
            id="printed",
            execution_count=1,
            outputs=[nbformat.v4.new_output("stream", name="stdout", text="[True, False]\n")],
        ),
        nbformat.v4.new_code_cell(
            'from IPython.display import HTML\n\nHTML("<b>mask</b>")',
            id="drawn",
            execution_count=2,
            outputs=[
                nbformat.v4.new_output(
                    "execute_result",
                    execution_count=2,
                    data={
                        "text/html": "<b>mask</b>",
                        "text/plain": "<IPython.core.display.HTML object>",
                    },
                )
            ],
        ),
    ],
    metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
)


def other_result(notebook: Any) -> None:
    notebook.cells[0].outputs[0].text = "[True, True]\n"


def other_picture(notebook: Any) -> None:
    notebook.cells[1].outputs[0].data["text/html"] = "<b>no mask</b>"


def exception(notebook: Any) -> None:
    notebook.cells[0].source += "\nraise ValueError"


def no_output(notebook: Any) -> None:
    notebook.cells[0].outputs = []


def test_nbval_goes_red_when_a_notebook_no_longer_tells_the_truth(tmp_path: Path) -> None:
    nbformat.write(GUARDED, tmp_path / "good.ipynb")
    for spoil in (other_result, other_picture, exception, no_output):
        notebook = nbformat.from_dict(GUARDED)
        spoil(notebook)
        nbformat.write(notebook, tmp_path / f"{spoil.__name__}.ipynb")
    command = [sys.executable, "-m", "pytest", "-q", "--nbval", "-p", "no:cacheprovider", tmp_path]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    failed = re.findall(r"(?m)^FAILED (\w+)\.ipynb::", done.stdout)
    assert sorted(failed) == ["exception", "no_output", "other_picture", "other_result"], (
        done.stdout
    )
