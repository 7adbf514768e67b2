"""Writes the page on what each Keras layer does to a mask: `python -m authoring.layer_table`."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

import keras

from authoring import keras_io
from authoring.layer_rows import Group, Row, measure

PAGE = Path(__file__).parent.parent / "content" / "pages" / "layers.md"
_WIDTH = 110
_NOTHING = "–"

_TITLES: dict[Group, str] = {
    "makes": "Layers that make a mask",
    "passes": "Layers that pass it on",
    "uses": "Layers that use it",
    "loses": "Layers that lose it",
    "apart": "Images, preprocessing and augmentation",
}
# What stands above the rows of a group, and the lesson that it leads to.
_ABOUT: dict[Group, tuple[str, str]] = {
    "makes": (
        "A mask begins at one of these layers, or is made by hand. [Lesson 02]({lesson}) is about "
        "them.",
        "02_mask_generators",
    ),
    "passes": (
        "The output carries a mask, and its values are the same with any mask. "
        "[Lesson 03]({lesson}) follows a mask through such layers.",
        "03_propagation",
    ),
    "uses": (
        "With another mask, other values come out. Where the mask ends here, so does the time "
        "axis. [Lesson 07]({lesson}) builds layers like these.",
        "07_layers_that_use_masks",
    ),
    "loses": (
        "The output carries no mask. Later layers read its padding like any other timestep, even "
        "where this layer kept padding out. [Lesson 05]({lesson}) shows how to keep the mask.",
        "05_layers_that_change_masks",
    ),
    "apart": (
        "Layers for images and volumes, called with time as their first axis, and layers that "
        "prepare data before it is padded. [Lesson 06]({lesson}) shows how a layer of your own "
        "passes a mask on.",
        "06_opting_in",
    ),
}

# What is surprising about a row, by class and options; tests/test_layer_table.py tries each.
NOTES: dict[tuple[str, str], str] = {
    ("Add", ""): "Valid where any of its inputs is.",
    ("Add", "[masked, unmasked]"): "One input without a mask is enough.",
    ("BatchNormalization", ""): "Its statistics are fixed, so it ignores the mask.",
    ("BatchNormalization", "training=True"): "Leaves padding out of its statistics.",
    ("Bidirectional", "LSTM(return_sequences=True)"): "Zeros come out at padded timesteps.",
    ("Concatenate", "[masked, unmasked]"): "Its mask is all True: padding counts as valid.",
    ("Concatenate", "axis=1"): "Joins the masks, too.",
    ("Conv1D", ""): "Reads neighbours, padding among them.",
    ("Conv1D", 'padding="causal"'): "Only padding on the left gets in.",
    ("Dense", ""): "Of a padded timestep that is zero, its bias comes out.",
    ("Dot", "axes=2"): "Keras does not warn.",
    ("Embedding", ""): "Makes one only if asked to.",
    ("Embedding", "mask_zero=True"): "False where the id is 0.",
    ("Flatten", ""): "Padding becomes features.",
    ("GlobalAveragePooling1D", ""): "NaN for a row without any valid timestep.",
    ("GlobalMaxPooling1D", ""): "The largest value may be that of padding.",
    ("GroupNormalization", ""): "Averages over all timesteps, padding included.",
    ("Lambda", ""): "Is handed the mask, and does not pass it on.",
    ("LayerNormalization", "axis=[1, 2]"): "Averages over all timesteps, padding included.",
    ("LSTM", "go_backwards=True, return_sequences=True"): (
        "Turns its outputs around, but not the mask."
    ),
    ("LSTM", "initial_state=state, return_sequences=True"): (
        "Gets no mask: Keras fills one in only for a single tensor."
    ),
    ("LSTM", "initial_state=state, mask=mask, return_sequences=True"): "By hand, it gets one.",
    ("LSTM", "return_sequences=True"): "At a padded timestep, it repeats its last output.",
    ("Masking", ""): (
        "False where every feature is `mask_value`; a mask that comes in is thrown away."
    ),
    ("Maximum", ""): "Leaves out an input where its mask is False.",
    ("Minimum", ""): "Leaves out an input where its mask is False.",
    ("MultiHeadAttention", ""): "Takes the mask off the tensor that it is called on.",
    ("Multiply", ""): "Leaves out an input where its mask is False.",
    ("Pipeline", ""): "Keras warns that the mask is lost, and it is not.",
    ("RMSNormalization", ""): "`LayerNormalization` passes it on, this does not.",
    ("Softmax", ""): "Of scores of the shape (batch, time).",
    ("SpectralNormalization", "Dense"): "Keras warns that the mask is lost, and it is not.",
    ("TimeDistributed", "Embedding(mask_zero=True)"): "Loses the mask that the inner layer makes.",
}


def page(rows: Sequence[Row], left_out: Sequence[str]) -> str:
    """Writes the measurements as a page in Markdown, in English.

    Args:
        rows: What was measured.
        left_out: The classes that take no sequence.

    Returns:
        The page.
    """
    parts = [
        "# What each Keras layer does to a mask",
        _filled(_INTRODUCTION.format(version=keras.__version__)),
        "\n".join(f"- {_filled(text, '  ')}" for text in _COLUMNS),
    ]
    for group in _TITLES:
        parts += _section(group, [row for row in rows if row.group == group])
    names = ", ".join(f"`{name}`" for name in left_out)
    parts += ["## How it was measured", *(_filled(text.format(names=names)) for text in _HOW)]
    return "\n\n".join(parts) + "\n"


_INTRODUCTION = (
    "Keras {version} with TensorFlow. All of this was [measured](#how-it-was-measured), none of it "
    "looked up. A layer has one row for its defaults, and one more for each argument or input that "
    "changes the answer."
)
_COLUMNS = (
    "**mask**: what becomes of the mask that came in.",
    "**uses it**: with another mask, other values come out at valid timesteps.",
    "**padding gets in**: with something else in the padding, or with more of it, other values "
    "come out at valid timesteps.",
)
_HOW = (
    "An `Embedding(mask_zero=True)` turned three sequences, padded on the right or on the left, "
    "into vectors, and the layer was called on these; a layer of two inputs, on two such tensors. "
    "`masklens.trace(model, batch, probe=True)` then ran it again and compared the outputs at "
    "valid timesteps: with other masks, with other vectors in the padding, and with more padding. "
    "The weights were random.",
    "Where a layer changes the number of timesteps and gives no mask, a timestep counts as valid "
    "if it moves with a token. Layers that change images were called as in training. Layers that "
    "prepare data were not asked whether padding gets in. A dash stands for what was not asked, or "
    "could not be told.",
    "Not in the table, as they take no padded sequence: {names}.",
    "`python -m authoring.layer_table` writes this page, and a test measures it anew.",
)


def _section(group: Group, rows: Sequence[Row]) -> list[str]:
    about, lesson = _ABOUT[group]
    link = f"../../notebooks/en/{lesson}.ipynb"
    header = ["layer", "mask", "uses it", "padding gets in"]
    lines = [_line(header), "|---|---|---|---|", *(_line(_cells(row)) for row in rows)]
    parts = [f"## {_TITLES[group]}", _filled(about.format(lesson=link)), "\n".join(lines)]
    if group == "apart":
        summary = f"<summary>{len(rows)} layers</summary>"
        parts[2:] = ["<details>", summary, *parts[2:], "</details>"]
    return parts


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: Row) -> list[str]:
    address = keras_io.page(row.name)
    name = f"[`{row.name}`]({address})" if address else f"`{row.name}`"
    options = f" `{row.options}`" if row.options else ""
    note = NOTES.get((row.name, row.options))
    below = f"<br>{note}" if note else ""
    uses = {True: "yes", False: "no", None: _NOTHING}[row.uses_mask]
    gets_in = {True: "**yes**", False: "no", None: _NOTHING}[row.padding_gets_in]
    return [f"{name}{options}{below}", _effect(row), uses, gets_in]


def _effect(row: Row) -> str:
    if row.effect == "ends" and row.uses_mask:
        return "ends here"
    return {
        "creates": "makes one",
        "none": "makes none",
        "passes": "passed on",
        "changes": "changed",
        "ends": "lost",
        "drops": "lost",
    }[row.effect]


def _filled(text: str, indent: str = "") -> str:
    """Breaks lines, but in no link and no code."""
    whole = re.sub(r"\[[^]]*\]\([^)]*\)|`[^`]*`", lambda span: span[0].replace(" ", "\0"), text)
    lines = textwrap.fill(
        whole,
        _WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines.replace("\0", " ")


def main() -> None:
    """Measures, and writes the page in English; `authoring build` writes the others."""
    PAGE.write_text(page(*measure()), encoding="utf-8")


if __name__ == "__main__":
    main()
