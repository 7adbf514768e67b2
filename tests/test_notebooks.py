"""What is committed as a notebook was run, is clean, and is guarded by nbval."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted(
    path
    for folder in ("notebooks", "exercises", "solutions")
    for path in (ROOT / folder).glob("*/*.ipynb")
)
MACHINE_PATH = re.compile(r"(?<![\w.])/(root|tmp|home|Users|work|usr|opt|var)/|[A-Z]:\\+\w+\\")

each_notebook = pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}"
)


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(path: Path) -> list[Any]:
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]


def outputs(path: Path) -> Iterator[Any]:
    return (output for cell in code_cells(path) for output in cell["outputs"])


def test_there_are_as_many_notebooks_in_each_language() -> None:
    languages = {path.parent.name for path in NOTEBOOKS}
    names = {path.parent.parent / path.name for path in NOTEBOOKS}
    assert {"en", "ko"} <= languages
    assert len(NOTEBOOKS) == len(languages) * len(names)


@each_notebook
def test_the_format_is_valid_and_cells_have_ids(path: Path) -> None:
    nbformat.validate(nbdict=read(path), version=4, version_minor=5)
    assert (read(path)["nbformat"], read(path)["nbformat_minor"]) == (4, 5)


@each_notebook
def test_every_cell_was_executed_in_order(path: Path) -> None:
    counts = [cell["execution_count"] for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))


@each_notebook
def test_no_output_is_an_error_or_a_warning(path: Path) -> None:
    assert {output["output_type"] for output in outputs(path)} <= {
        *("stream", "display_data", "execute_result")
    }
    assert {output.get("name", "stdout") for output in outputs(path)} <= {"stdout"}


@each_notebook
def test_no_output_names_a_path_of_one_machine(path: Path) -> None:
    for output in outputs(path):
        shown = {kind: data for kind, data in output.get("data", {}).items() if "image" not in kind}
        text = "".join(output.get("text", [])) + json.dumps(shown)
        assert not MACHINE_PATH.search(text.replace("\\n", "\n"))


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


def nothing(notebook: Any) -> None:
    pass


def other_result(notebook: Any) -> None:
    notebook.cells[0].outputs[0].text = "[True, True]\n"


def other_picture(notebook: Any) -> None:
    notebook.cells[1].outputs[0].data["text/html"] = "<b>no mask</b>"


def exception(notebook: Any) -> None:
    notebook.cells[0].source += "\nraise ValueError"


def no_output(notebook: Any) -> None:
    notebook.cells[0].outputs = []


@pytest.mark.parametrize(
    ("change", "failed"),
    [(nothing, 0), (other_result, 1), (other_picture, 1), (exception, 1), (no_output, 1)],
)
def test_nbval_goes_red_when_a_notebook_no_longer_tells_the_truth(
    tmp_path: Path, change: Callable[[Any], None], failed: int
) -> None:
    notebook = nbformat.from_dict(GUARDED)
    change(notebook)
    nbformat.write(notebook, tmp_path / "guarded.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval", "-p", "no:cacheprovider", "guarded.ipynb"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    counted = f"{failed} failed" if failed else "2 passed"
    assert (result.returncode, counted in result.stdout) == (failed, True), result.stdout
