"""Every example of the TensorFlow guide stands in a lesson, with its recorded result, twice."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest

from authoring import course

ROOT = Path(__file__).parents[2]
RECORDED = json.loads(
    (ROOT / "tests" / "authoring" / "guide_outputs.json").read_text(encoding="utf-8")
)
LANGUAGES = course.codes(ROOT)


def arrays(text: str) -> list[Any]:
    """Reads the nested arrays of numbers or booleans that NumPy printed in a text."""
    found = re.findall(r"\[\[.*?\]\]", text, re.DOTALL)
    rows = [re.findall(r"\[([^\[\]]+)\]", array) for array in found]
    return [[[value(word) for word in row.replace(",", " ").split()] for row in a] for a in rows]


def value(word: str) -> Any:
    return {"True": True, "False": False}[word] if word in ("True", "False") else float(word)


def shows(*expected: Any) -> Callable[[str], bool]:
    """The output holds these arrays, in this order."""

    def holds(output: str) -> bool:
        remaining = iter(arrays(output))
        return all(any(array == wanted for array in remaining) for wanted in expected)

    return holds


def says(*patterns: str) -> Callable[[str], bool]:
    """The output matches each of these patterns."""
    return lambda output: all(re.search(pattern, output) for pattern in patterns)


def says_shape(shape: list[int]) -> Callable[[str], bool]:
    return says(re.escape(str(tuple(shape))))


def is_silent(output: str) -> bool:
    return output == ""


def masks_exactly_the_zeros(output: str) -> bool:
    ids, mask = (next(a for a in arrays(output) if type(a[0][0]) is kind) for kind in (float, bool))
    expected = [[number != 0 for number in row] for row in ids]
    return mask == expected and not all(map(all, mask))


@dataclass(frozen=True)
class Example:
    """Where an example of the guide stands, and how its recorded result is recognised."""

    key: str
    lesson: str
    cell: str
    recognised: Callable[[str], bool]


MASK = RECORDED["mask_3x6"]
EXAMPLES = [
    Example("setup", "00_start", "setup", is_silent),
    Example("tokens", "01_padding", "tokens", says(*map(re.escape, map(str, RECORDED["tokens"])))),
    Example("pad_post", "01_padding", "pad-post", shows(RECORDED["padded_inputs"])),
    Example("three_ways", "02_mask_generators", "three-ways-masking", says("True.*False")),
    Example("three_ways", "02_mask_generators", "three-ways-embedding", says("True.*False")),
    Example("three_ways", "02_mask_generators", "three-ways-argument", says("True.*False")),
    Example("mask_embedding", "02_mask_generators", "mask-embedding", shows(MASK)),
    Example("mask_masking", "02_mask_generators", "mask-masking", shows(MASK)),
    Example("sequential", "03_propagation", "sequential", says(r"\b0\.0+\b")),
    Example("functional", "03_propagation", "functional", says(r"\b0\.0+\b", r"\b0\.0[1-9]")),
    Example(
        "manual_mask",
        "05_masks_by_hand",
        "manual-mask",
        says_shape(RECORDED["manual_mask_output_shape"]),
    ),
    Example(
        "temporal_split",
        "06_layers_that_change_masks",
        "temporal-split",
        shows(RECORDED["split_first"], RECORDED["split_second"]),
    ),
    Example(
        "custom_embedding",
        "06_layers_that_change_masks",
        "custom-embedding",
        says_shape(RECORDED["custom_embedding_mask_shape"]),
    ),
    Example(
        "custom_embedding",
        "06_layers_that_change_masks",
        "custom-embedding",
        masks_exactly_the_zeros,
    ),
    Example("opt_in", "07_opting_in", "opt-in", says("True")),
    Example("mask_found", "07_opting_in", "mask-found", says(r"bool \(None, None\)")),
    Example(
        "temporal_softmax",
        "08_layers_that_use_masks",
        "temporal-softmax",
        says_shape(RECORDED["temporal_softmax_output_shape"]),
    ),
]
LESSONS = [lesson.name for lesson in course.read(ROOT).lessons]


def cell_of(language: str, lesson: str, identity: str) -> Any:
    path = ROOT / "notebooks" / language / f"{lesson}.ipynb"
    notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    return next(cell for cell in notebook.cells if cell["id"] == identity)


def printed(cell: Any) -> str:
    texts = [
        output["text"]
        if output["output_type"] == "stream"
        else output["data"].get("text/plain", "")
        for output in cell["outputs"]
    ]
    return "".join(texts)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.key}-{e.cell}")
def test_an_example_has_its_recorded_result(example: Example, language: str) -> None:
    cell = cell_of(language, example.lesson, example.cell)
    assert cell["execution_count"]
    assert example.recognised(printed(cell)), printed(cell)
    # nbval executes the cell again and compares, unless it is told to look away.
    told = cell["source"] + " ".join(cell["metadata"].get("tags", []))
    assert not re.search("nbval|raises-exception", told, re.IGNORECASE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_summary_has_six_points_each_with_its_lesson(language: str) -> None:
    source = cell_of(language, "08_layers_that_use_masks", "summary")["source"]
    points = re.split(r"^\d+\. ", source, flags=re.MULTILINE)[1:]
    assert len(points) == 6
    for point in points:
        linked = re.findall(r"\]\((\w+)\.ipynb\)", point)
        assert linked
        assert set(linked) <= set(LESSONS)
