"""Each spacing rule flags the sentence that breaks it, and leaves the correct one alone."""

import pytest

from authoring.korean import Avoided, avoided_words, count_syllables, plain, spacing_faults


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


CARRY = Avoided("나르다", "전달하다")
PASS_ON = Avoided("넘기다", "전달하다", of=("마스크를", "약속을"), unless=("인수", "페이지"))
TAIL = Avoided("달리다", "붙어 있다", of=("마스크가",))
AVOIDED = [
    *(CARRY, PASS_ON, TAIL),
    *(Avoided("훈련하다", "학습하다"), Avoided("타입", "자료형"), Avoided("계층", "레이어")),
    *(Avoided("시간 단계", "타임스텝"), Avoided("기울기", "그레이디언트", unless=("직선",))),
]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("나르다", "배는 짐을 나르고 돌아옵니다."),
        ("나르다", "이 짐은 혼자 날라야 합니다."),
        ("나르다", "어제까지 모두 날랐습니다."),
        ("넘기다", "합성곱은 마스크를 옆 레이어에 넘깁니다."),
        ("넘기다", "뒤의 레이어에 마스크도 넘겨줄까요?"),
        ("넘기다", "풀링에 넘긴 마스크는 어디로 갔을까요?"),
        ("넘기다", "약속을 받아서 다음 사람에게 넘긴다."),
        ("달리다", "덧셈의 결과에는 마스크가 달려 있지 않습니다."),
        ("달리다", "출력에 달린 마스크를 그려 보세요."),
        ("훈련하다", "번역기를 훈련시킨 사람에게 물어보세요."),
        ("훈련하다", "하루 내내 훈련됩니다."),
        ("훈련하다", "훈련 자료를 둘로 나눕니다."),
        ("타입", "정수 타입의 배열입니다."),
        ("계층", "은닉 계층이 두 개입니다."),
        ("계층", "은닉계층을 셉니다."),
        ("시간 단계", "시간단계마다 하나씩 냅니다."),
        ("시간 단계", "마지막 시간\n단계를 봅니다."),
        ("기울기", "손실의 기울기를 따라 내려갑니다."),
    ],
)
def test_an_avoided_word_is_found_in_each_of_its_forms(word: str, sentence: str) -> None:
    assert [found.word for found, _ in avoided_words(sentence, AVOIDED)] == [word]


@pytest.mark.parametrize(
    "sentence",
    [
        "나르시시즘이라는 말이 있습니다.",
        "새를 날리고 나란히 앉습니다.",
        "배열을 함수에 넘기면 마스크를 돌려줍니다.",
        "마스크를 인수로 넘깁니다.",
        "마스크를 다룬 페이지를 넘깁니다.",
        "텐서를 넘길 때 마스크도 따라갑니다.",
        "천을 넘는 마스크는 없습니다.",
        "결과는 마스크의 길이에 달려 있습니다.",
        "마스크가 필요한지는 데이터에 달려 있습니다.",
        "프로토타입을 만듭니다.",
        "계층적인 구조를 그립니다.",
        "시간을 단계별로 나눕니다.",
        "직선의 기울기는 2입니다.",
    ],
)
def test_a_word_that_only_begins_alike_or_means_something_else_is_none(sentence: str) -> None:
    assert list(avoided_words(sentence, AVOIDED)) == []


def test_each_sentence_is_judged_by_its_own_words() -> None:
    text = "인수는 두 개입니다. 마스크를 앞으로 넘깁니다. 페이지는 세 쪽입니다."
    assert list(avoided_words(text, AVOIDED)) == [(PASS_ON, "마스크를 앞으로 넘깁니다.")]
