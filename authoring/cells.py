"""What a source consists of: frozen cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The cells that every notebook ends with: where to go on, and its languages.
NEXT, LINKS = "next", "links"


@dataclass(frozen=True)
class Cell:
    """A cell of a source; `line` is where its ``# %%`` marker stands, counted from 1."""

    id: str
    kind: str
    text: str
    metadata: Mapping[str, Any]
    line: int


@dataclass(frozen=True)
class Source:
    """A lesson, the exercises on one, or a page, as the author wrote it, in English."""

    path: Path
    cells: tuple[Cell, ...]
