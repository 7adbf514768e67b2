"""Each spacing rule flags the sentence that breaks it, and leaves the correct one alone."""

import pytest

from authoring.korean import count_syllables, plain, spacing_faults


@pytest.mark.parametrize(
    ("rule", "wrong", "right"),
    [
        ("particle apart", "마스크 를 만듭니다.", "마스크를 만듭니다."),
        ("particle apart", "`Embedding` 은 레이어입니다.", "`Embedding`은 레이어입니다."),
        ("-hada apart", "값을 계산 합니다.", "값을 계산합니다."),
        ("-ida apart", "이것은 텐서 입니다.", "이것은 텐서입니다."),
        ("no space after particle", "패딩을추가합니다.", "패딩을 추가합니다."),
        ("dependent noun attached", "마스크를 만들수 있습니다.", "마스크를 만들 수 있습니다."),
        ("su-itda attached", "마스크를 만들 수있습니다.", "마스크를 만들 수 있습니다."),
        ("-ya hada attached", "길이가 같아야합니다.", "길이가 같아야 합니다."),
        ("-myeon doeda attached", "값을 더하면됩니다.", "값을 더하면 됩니다."),
        ("punctuation", "마스크입니다 .", "마스크입니다."),
        ("punctuation", "마스크입니다.다음은 패딩입니다.", "마스크입니다. 다음은 패딩입니다."),
        ("punctuation", "텐서( 배치 )입니다.", "텐서(배치)입니다."),
    ],
)
def test_a_rule_flags_what_breaks_it_and_nothing_else(rule: str, wrong: str, right: str) -> None:
    assert rule in [fault.rule for fault in spacing_faults(wrong)]
    assert list(spacing_faults(right)) == []


def test_a_fault_shows_its_surroundings() -> None:
    (fault,) = spacing_faults("- 먼저 마스크 를 만듭니다.")
    assert "마스크 를" in fault.context


def test_code_formulas_links_and_tags_are_no_prose() -> None:
    markdown = "**가** [나](다.md) `라 를` $마$ <b>바</b>\n```\n사 를\n```\n$$\n아\n$$"
    assert plain(markdown).split() == ["가", "나", "CODE", "CODE", "바"]
    assert count_syllables(markdown) == 3


def test_emphasis_does_not_part_a_word_from_its_particle() -> None:
    assert list(spacing_faults("**마스크**를 [패딩](a.md)과 함께 씁니다.")) == []


def test_english_is_not_looked_at() -> None:
    assert list(spacing_faults("A mask is a tensor .")) == []
