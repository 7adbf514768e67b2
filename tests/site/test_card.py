"""A card has the size that networks ask for, draws Hangul, and is the same each time."""

from pathlib import Path

import pytest
from matplotlib.image import imread

from authoring.card import draw


@pytest.mark.filterwarnings("error:Glyph")
@pytest.mark.parametrize(
    "title", ["마스크는 누가 나르고 누가 쓸까요?", "Who carries the mask, and who uses it?"]
)
def test_a_card_holds_its_title_within_its_frame(title: str, tmp_path: Path) -> None:
    draw(title, "MaskLens", tmp_path / "one.png")
    draw(title, "MaskLens", tmp_path / "two.png")
    draw("", "MaskLens", tmp_path / "empty.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    with_title, without = (imread(tmp_path / name)[..., 0] for name in ("one.png", "empty.png"))
    assert with_title.shape == (630, 1200)
    rows, columns = (with_title != without).nonzero()
    assert len(rows) > 1_000
    assert columns.min() > 60 and columns.max() < 1140 and rows.min() > 40 and rows.max() < 380
