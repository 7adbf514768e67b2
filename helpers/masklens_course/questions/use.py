"""Questions on the use of masks: the states of an RNN, and what pools return."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens_course.answer import numbers, same
from masklens_course.checks import Question
from masklens_course.comparison import Compared
from masklens_course.conditions import Condition, Hint, Mistake
from masklens_course.mistakes import WRONG_SHAPE

_DIGITS = ((3, 1, 4, 0, 0), (0, 0, 2, 7, 5), (6, 0, 8, 9, 0))


def _read(
    digits: Sequence[int],
    *,
    output_zero: bool = False,
    append_zero: bool = False,
    forget: bool = False,
    stop: bool = False,
    prepend: bool = False,
) -> list[int]:
    """The numbers read after each timestep, of which 0 is masked; or with usual mistakes."""
    outputs: list[int] = []
    text, stopped = "", False
    for digit in map(str, digits):
        masked = digit == "0"
        stopped |= stop and masked and text != ""
        if forget and masked:
            text = ""
        elif not stopped and (append_zero or not masked):
            text = digit + text if prepend else text + digit
        outputs.append(0 if output_zero and masked else int(text or 0))
    return outputs


def _forward(**mistakes: bool) -> list[list[int]]:
    return [_read(digits, **mistakes) for digits in _DIGITS]


def _backward(*, output_zero: bool = True, **mistakes: bool) -> list[list[int]]:
    read = [_read(digits[::-1], output_zero=output_zero, **mistakes) for digits in _DIGITS]
    return [outputs[::-1] for outputs in read]


def _packed() -> list[list[int]]:
    """What is read if the digits move to the front."""
    return [_read(sorted(digits, key=lambda digit: digit == 0)) for digits in _DIGITS]


def _filled() -> list[list[int]]:
    """The outputs in which the first digit is known from the first timestep on."""
    return [[state or max(digits, key=bool) for state in _read(digits)] for digits in _DIGITS]


class _PredictedStates(Compared):
    """The six rows that the learner predicts: three of the layer, three of `Bidirectional`."""

    def forward_is(self, *rows: Any) -> bool:
        return any(same(self.yours[:3], one) for one in rows)

    def backward_is(self, *rows: Any) -> bool:
        return any(same(self.yours[3:], one) for one in rows)


def _six_rows() -> NDArray[Any]:
    return np.array([*_forward(), *_backward()])


# These can be made in either direction.
_READS_ZEROS = Mistake(
    "reads-zeros",
    "You append the 0 of a masked timestep as a digit. A masked timestep is not read.",
    lambda seen: (
        seen.forward_is(_forward(append_zero=True)) or seen.backward_is(_backward(append_zero=True))
    ),
)
_STARTS_ANEW = Mistake(
    "starts-anew",
    "After a masked timestep you begin with a state of 0. What was read before it is not lost: "
    "which state does the next digit find?",
    lambda seen: seen.forward_is(_forward(forget=True)) or seen.backward_is(_backward(forget=True)),
)

_PREDICT_STATES = Question(
    name="predict-states",
    title="Predict the states",
    minutes=10,
    kind="value",
    right=_six_rows,
    observe=lambda answer: _PredictedStates(numbers(answer), _six_rows()),
    conditions=(
        Condition(
            "wrong-forward",
            "The first three rows are not what `forward` returns. Go through the timesteps one by "
            "one, and write down the state after each.",
            lambda seen: seen.forward_is(seen.right[:3]),
            WRONG_SHAPE,
            _READS_ZEROS,
            _STARTS_ANEW,
            Mistake(
                "zeros-at-masked",
                "You write 0 at the masked timesteps of the first three rows. What did the "
                "lesson find there?",
                lambda seen: seen.forward_is(_forward(output_zero=True)),
            ),
            Mistake(
                "stops-at-the-gap",
                "Your row stops at the 0 between two digits. Only this timestep is masked, and "
                "those after it are read.",
                lambda seen: seen.forward_is(_forward(stop=True)),
            ),
            Mistake(
                "closes-the-gaps",
                "You have moved the digits to the front of their rows. A mask moves nothing: a "
                "digit is read at its own timestep.",
                lambda seen: seen.forward_is(_packed()),
            ),
            Mistake(
                "knows-it-ahead",
                "In front of the first digit you write this digit. There the layer has not read it "
                "yet.",
                lambda seen: seen.forward_is(_filled()),
            ),
        ),
        Condition(
            "wrong-backward",
            "The first three rows are right, the last three are not. Begin at the last timestep, "
            "and go from there to the first.",
            lambda seen: seen.backward_is(seen.right[3:]),
            WRONG_SHAPE,
            _READS_ZEROS,
            _STARTS_ANEW,
            Mistake(
                "keeps-the-state",
                "The states are right. But what does a `Bidirectional` return at masked timesteps?",
                lambda seen: seen.backward_is(_backward(output_zero=False)),
            ),
            Mistake(
                "reads-forward",
                "The first three rows are right. You also read the last three forward, but the "
                "second layer begins at the last timestep.",
                lambda seen: seen.backward_is(_forward(), _forward(output_zero=True)),
            ),
            Mistake(
                "order-of-reading",
                "The states are right, but you write them down in the order of reading. The first "
                "of them belongs to the last timestep.",
                lambda seen: seen.backward_is(np.fliplr(seen.right[3:])),
            ),
            Mistake(
                "keeps-the-order",
                "Your numbers have their digits in the order of the row. Reading backward meets "
                "the last digit first, and appends the others to it.",
                lambda seen: seen.backward_is(_backward(prepend=True)),
            ),
        ),
    ),
    hints=(
        Hint(
            "Take one row, and write down its state after the first timestep, then after the "
            "second.",
            "wrong-forward",
            "closes-the-gaps",
            "knows-it-ahead",
        ),
        Hint(
            "What happens to the state at a masked timestep, and which state does the next digit "
            "find?",
            "reads-zeros",
            "starts-anew",
            "zeros-at-masked",
            "stops-at-the-gap",
        ),
        Hint(
            "For the last three rows, begin at the last timestep. Write each state below the "
            "digit that was read last.",
            "wrong-backward",
            "reads-forward",
            "order-of-reading",
            "keeps-the-order",
        ),
        Hint(
            "The task says in what `both` differs from `forward`. At which timesteps?",
            "keeps-the-state",
        ),
    ),
    why=(
        "At a masked timestep the state stays as it is, wherever the timestep is: it is 0 before "
        "the first digit, and the next digit is appended to what was read before the gap. "
        "`forward` returns that state, `Bidirectional` returns 0 in its place."
    ),
)


_NIGHTS = ((-4, -2, 0, 0), (0, 7, 0, 5), (-1, -6, -3, -2), (0, 0, 0, 0))


def _average(night: Sequence[int], *, ends_only: bool = False, all_steps: bool = False) -> float:
    """The mean of the readings other than 0; or of those between the first and the last, or all."""
    valid = [step for step, reading in enumerate(night) if reading]
    if all_steps:
        valid = list(range(len(night)))
    elif ends_only and valid:
        valid = list(range(valid[0], valid[-1] + 1))
    return sum(night[step] for step in valid) / len(valid) if valid else float("nan")


def _averages(**mistakes: bool) -> list[float]:
    return [_average(night, **mistakes) for night in _NIGHTS]


class _PredictedPools(Compared):
    """The three rows that the learner predicts: an average, a maximum and a mean of each night."""

    def row_is(self, number: int, right: Any) -> bool:
        return same(self.yours[number : number + 1], [right])

    def row_holds(self, number: int, right: Any) -> bool:
        """Whether the row is right where there is a reading, whatever it says of the empty one."""
        return same(self.yours[number : number + 1, :3], [right[:3]])


def _three_rows() -> NDArray[Any]:
    return np.array([_averages(), list(map(max, _NIGHTS)), _averages(all_steps=True)])


def _nan_where_padding_is_read(number: int) -> Callable[[Any], bool]:
    return lambda seen: (
        seen.row_holds(number, seen.right[number]) and bool(np.isnan(seen.yours[number, 3]))
    )


_PREDICT_POOLS = Question(
    name="predict-pools",
    title="Predict what pools return",
    minutes=5,
    kind="value",
    right=_three_rows,
    observe=lambda answer: _PredictedPools(numbers(answer), _three_rows()),
    conditions=(
        Condition(
            "wrong-average",
            "The first row is not what `GlobalAveragePooling1D` returns. Compute each of its four "
            "numbers as a sum, divided by a count.",
            lambda seen: seen.row_is(0, seen.right[0]),
            WRONG_SHAPE,
            Mistake(
                "counts-padding",
                "Your averages also count masked readings. `GlobalAveragePooling1D` uses the mask.",
                lambda seen: seen.row_is(0, _averages(all_steps=True)),
            ),
            Mistake(
                "counts-the-gap",
                "You count the 0 between two readings. It is masked as well.",
                lambda seen: seen.row_is(0, _averages(ends_only=True)),
            ),
            Mistake(
                "number-for-nothing",
                "The averages are right, but for the last night. It has no reading: what is "
                "divided by what?",
                lambda seen: seen.row_holds(0, seen.right[0]),
            ),
        ),
        Condition(
            "wrong-maximum",
            "The second row is not what `GlobalMaxPooling1D` returns. Which numbers does it read, "
            "and which of them is the largest?",
            lambda seen: seen.row_is(1, seen.right[1]),
            Mistake(
                "masks-the-maximum",
                "You look for the largest reading. But does `GlobalMaxPooling1D` use the mask?",
                lambda seen: seen.row_holds(
                    1, [max(filter(None, one), default=0) for one in _NIGHTS]
                ),
            ),
            Mistake(
                "nan-maximum",
                "`GlobalMaxPooling1D` divides nothing, so no `nan` comes out. Which numbers does "
                "it read in the last night?",
                _nan_where_padding_is_read(1),
            ),
        ),
        Condition(
            "wrong-mean",
            "The third row is not what `keras.ops.mean` returns. Compute each of its four numbers "
            "as a sum, divided by a count.",
            lambda seen: seen.row_is(2, seen.right[2]) and len(seen.yours) == len(seen.right),
            WRONG_SHAPE,
            Mistake(
                "masks-the-mean",
                "Your means leave out masked readings. But `keras.ops.mean` is a function, not a "
                "layer: what would pass it the mask?",
                lambda seen: seen.row_holds(2, _averages()),
            ),
            Mistake(
                "nan-mean",
                "`keras.ops.mean` divides the sum of every night by the same number. Which one?",
                _nan_where_padding_is_read(2),
            ),
        ),
    ),
    hints=(
        Hint(
            "Ask of each of the three whether it uses the mask. The lesson has tried two of them.",
            "wrong-average",
            "counts-padding",
            "counts-the-gap",
            "wrong-maximum",
            "masks-the-maximum",
        ),
        Hint(
            "`keras.ops.mean` is not a layer, so Keras does not ask whether it supports masks.",
            "wrong-mean",
            "masks-the-mean",
        ),
        Hint(
            "What does not use the mask reads each 0 as a number. What uses it divides by the "
            "number of valid timesteps, which may be 0.",
            "number-for-nothing",
            "nan-maximum",
            "nan-mean",
        ),
    ),
    why=(
        "`GlobalAveragePooling1D` divides the sum of the valid readings by their number, and 0 / 0 "
        "is `nan`. The two others read padding: 0 is larger than every negative reading, and it "
        "draws the mean towards 0."
    ),
)


QUESTIONS = (_PREDICT_STATES, _PREDICT_POOLS)
