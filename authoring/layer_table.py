"""Writes the page on what each Keras layer does to a mask: `python -m authoring.layer_table`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import keras
from jinja2 import Template

from authoring import keras_io
from authoring.layer_rows import GROUPS, Row, measure

PAGE = Path(__file__).parent.parent / "content" / "pages" / "layers.md"
_TEMPLATE = Path(__file__).parent / "templates" / "layers.md"
_WIDTH = 110
_NOTHING = "–"

# What is surprising about a row, by class and options; tests/test_layer_table.py tries each.
NOTES: dict[tuple[str, str], str] = {
    ("Add", ""): "Valid where any of its inputs is.",
    ("Add", "[masked, unmasked]"): "One input without a mask is enough.",
    ("BatchNormalization", ""): "Its statistics are fixed, so it ignores the mask.",
    ("BatchNormalization", "training=True"): "Leaves padding out of its statistics.",
    ("Bidirectional", "LSTM(return_sequences=True)"): "Returns zeros at padded timesteps.",
    ("Concatenate", "[masked, unmasked]"): "Its mask is all True: padding counts as valid.",
    ("Concatenate", "axis=1"): "Joins the masks as well.",
    ("Conv1D", ""): "Reads neighbours, padding among them.",
    ("Conv1D", 'padding="causal"'): "Only padding on the left gets in.",
    ("Dense", ""): "Returns its bias where the padding is zero.",
    ("Dot", "axes=2"): "Keras does not warn.",
    ("Embedding", ""): "Makes one only if asked to.",
    ("Embedding", "mask_zero=True"): "False where the id is 0.",
    ("Flatten", ""): "Padding becomes features.",
    ("GlobalAveragePooling1D", ""): "NaN for a row without any valid timestep.",
    ("GlobalMaxPooling1D", ""): "The largest value may be that of padding.",
    ("GroupNormalization", ""): "Averages over all timesteps, padding included.",
    ("Lambda", ""): "Gets the mask, but does not pass it on.",
    ("LayerNormalization", "axis=[1, 2]"): "Averages over all timesteps, padding included.",
    ("LSTM", "go_backwards=True, return_sequences=True"): (
        "Reverses its outputs, but not the mask."
    ),
    ("LSTM", "initial_state=state, return_sequences=True"): (
        "Gets no mask: Keras fills one in only for a single tensor."
    ),
    (
        "LSTM",
        "initial_state=state, mask=mask, return_sequences=True",
    ): "Gets a mask if you pass one.",
    ("LSTM", "return_sequences=True"): "At a padded timestep, it repeats its last output.",
    ("Masking", ""): (
        "False where every feature is `mask_value`; a mask that comes in is discarded."
    ),
    ("Maximum", ""): "Leaves out an input where its mask is False.",
    ("Minimum", ""): "Leaves out an input where its mask is False.",
    ("MultiHeadAttention", ""): "Removes the mask from the tensor that it is called on.",
    ("Multiply", ""): "Leaves out an input where its mask is False.",
    ("Pipeline", ""): "Keras warns that the mask is lost, but it is not.",
    ("RMSNormalization", ""): "`LayerNormalization` passes it on, this does not.",
    ("Softmax", ""): "Of scores of the shape (batch, time).",
    ("SpectralNormalization", "Dense"): "Keras warns that the mask is lost, but it is not.",
    ("TimeDistributed", "Embedding(mask_zero=True)"): "Loses the mask that the inner layer makes.",
}


def page(rows: Sequence[Row], left_out: Sequence[str]) -> str:
    """Writes the measurements as a page in Markdown, in English.

    Args:
        rows: What was measured.
        left_out: The classes that take no sequence.
    """
    names = ", ".join(f"`{name}`" for name in left_out)
    told = f"Not in the table, because they take no padded sequence: {names}."
    template = Template(_TEMPLATE.read_text(encoding="utf-8"), keep_trailing_newline=True)
    text: str = template.render(
        version=keras.__version__,
        tables={group: _table([row for row in rows if row.group == group]) for group in GROUPS},
        left_out=textwrap.fill(told, _WIDTH, break_long_words=False, break_on_hyphens=False),
    )
    return text


def _table(rows: Sequence[Row]) -> str:
    header = ["layer", "mask", "uses it", "padding gets in"]
    return "\n".join([_line(header), "|---|---|---|---|", *(_line(_cells(row)) for row in rows)])


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


def main() -> None:
    """Measures, and writes the page in English; `authoring build` writes the others."""
    PAGE.write_text(page(*measure()), encoding="utf-8")


if __name__ == "__main__":
    main()
