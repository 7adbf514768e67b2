"""Questions on the use of masks: states of an RNN, what pools return, and what padding moves."""

import warnings
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens_course.answer import same
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


def _forward_is(seen: Compared, *rows: Any) -> bool:
    return any(same(seen.yours[:3], one) for one in rows)


def _backward_is(seen: Compared, *rows: Any) -> bool:
    return any(same(seen.yours[3:], one) for one in rows)


def _six_rows() -> NDArray[Any]:
    return np.array([*_forward(), *_backward()])


# These can be made in either direction.
_READS_ZEROS = Mistake(
    "reads-zeros",
    "You append the 0 of a masked timestep as a digit. A masked timestep is not read.",
    lambda seen: (
        _forward_is(seen, _forward(append_zero=True))
        or _backward_is(seen, _backward(append_zero=True))
    ),
)
_STARTS_ANEW = Mistake(
    "starts-anew",
    "After a masked timestep you begin with a state of 0. What was read before it is not lost: "
    "which state does the next digit find?",
    lambda seen: (
        _forward_is(seen, _forward(forget=True)) or _backward_is(seen, _backward(forget=True))
    ),
)

_PREDICT_STATES = Question(
    name="predict-states",
    title="Predict the states",
    minutes=10,
    kind="value",
    right=_six_rows,
    conditions=(
        Condition(
            "wrong-forward",
            "The first three rows are not what `forward` returns. Go through the timesteps one by "
            "one, and write down the state after each.",
            lambda seen: _forward_is(seen, seen.right[:3]),
            WRONG_SHAPE,
            _READS_ZEROS,
            _STARTS_ANEW,
            Mistake(
                "zeros-at-masked",
                "You write 0 at the masked timesteps of the first three rows. What did the "
                "lesson find there?",
                lambda seen: _forward_is(seen, _forward(output_zero=True)),
            ),
            Mistake(
                "stops-at-the-gap",
                "Your row stops at the 0 between two digits. Only this timestep is masked, and "
                "those after it are read.",
                lambda seen: _forward_is(seen, _forward(stop=True)),
            ),
            Mistake(
                "closes-the-gaps",
                "You have moved the digits to the front of their rows. A mask moves nothing: a "
                "digit is read at its own timestep.",
                lambda seen: _forward_is(seen, _packed()),
            ),
            Mistake(
                "knows-it-ahead",
                "In front of the first digit you write this digit. There the layer has not read it "
                "yet.",
                lambda seen: _forward_is(seen, _filled()),
            ),
        ),
        Condition(
            "wrong-backward",
            "The first three rows are right, the last three are not. Begin at the last timestep, "
            "and go from there to the first.",
            lambda seen: _backward_is(seen, seen.right[3:]),
            WRONG_SHAPE,
            _READS_ZEROS,
            _STARTS_ANEW,
            Mistake(
                "keeps-the-state",
                "The states are right. But what does a `Bidirectional` return at masked timesteps?",
                lambda seen: _backward_is(seen, _backward(output_zero=False)),
            ),
            Mistake(
                "reads-forward",
                "The first three rows are right. You also read the last three forward, but the "
                "second layer begins at the last timestep.",
                lambda seen: _backward_is(seen, _forward(), _forward(output_zero=True)),
            ),
            Mistake(
                "order-of-reading",
                "The states are right, but you write them down in the order of reading. The first "
                "of them belongs to the last timestep.",
                lambda seen: _backward_is(seen, np.fliplr(seen.right[3:])),
            ),
            Mistake(
                "keeps-the-order",
                "Your numbers have their digits in the order of the row. Reading backward meets "
                "the last digit first, and appends the others to it.",
                lambda seen: _backward_is(seen, _backward(prepend=True)),
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


def _row_is(seen: Compared, number: int, right: Any) -> bool:
    return same(seen.yours[number : number + 1], [right])


def _row_holds(seen: Compared, number: int, right: Any) -> bool:
    """Whether a row is right where there is a reading, whatever it says of the empty one."""
    return same(seen.yours[number : number + 1, :3], [right[:3]])


def _three_rows() -> NDArray[Any]:
    return np.array([_averages(), list(map(max, _NIGHTS)), _averages(all_steps=True)])


def _nan_where_padding_is_read(number: int) -> Callable[[Any], bool]:
    return lambda seen: (
        _row_holds(seen, number, seen.right[number]) and bool(np.isnan(seen.yours[number, 3]))
    )


_PREDICT_POOLS = Question(
    name="predict-pools",
    title="Predict what pools return",
    minutes=5,
    kind="value",
    right=_three_rows,
    conditions=(
        Condition(
            "wrong-average",
            "The first row is not what `GlobalAveragePooling1D` returns. Compute each of its four "
            "numbers as a sum, divided by a count.",
            lambda seen: _row_is(seen, 0, seen.right[0]),
            WRONG_SHAPE,
            Mistake(
                "counts-padding",
                "Your averages also count masked readings. `GlobalAveragePooling1D` uses the mask.",
                lambda seen: _row_is(seen, 0, _averages(all_steps=True)),
            ),
            Mistake(
                "counts-the-gap",
                "You count the 0 between two readings. It is masked as well.",
                lambda seen: _row_is(seen, 0, _averages(ends_only=True)),
            ),
            Mistake(
                "number-for-nothing",
                "The averages are right, but for the last night. It has no reading: what is "
                "divided by what?",
                lambda seen: _row_holds(seen, 0, seen.right[0]),
            ),
        ),
        Condition(
            "wrong-maximum",
            "The second row is not what `GlobalMaxPooling1D` returns. Which numbers does it read, "
            "and which of them is the largest?",
            lambda seen: _row_is(seen, 1, seen.right[1]),
            Mistake(
                "masks-the-maximum",
                "You look for the largest reading. But does `GlobalMaxPooling1D` use the mask?",
                lambda seen: _row_holds(
                    seen, 1, [max(filter(None, one), default=0) for one in _NIGHTS]
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
            lambda seen: _row_is(seen, 2, seen.right[2]) and len(seen.yours) == len(seen.right),
            WRONG_SHAPE,
            Mistake(
                "masks-the-mean",
                "Your means leave out masked readings. But `keras.ops.mean` is a function, not a "
                "layer: what would pass it the mask?",
                lambda seen: _row_holds(seen, 2, _averages()),
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


_ROW, _MORE = (1, 4, 1), 3
_VECTOR_OF_PADDING = 8


@cache
def _changes() -> NDArray[Any]:
    """By how much more padding changes the output of each model, as Keras computes it."""
    from keras import Sequential, layers

    ones = {"kernel_initializer": "ones"}
    vectors = np.array([_VECTOR_OF_PADDING, 1, 2, 3, 4])[:, None]

    def total(**options: Any) -> Any:
        return layers.SimpleRNN(1, activation=None, recurrent_initializer="ones", **ones, **options)

    stacks = (
        [layers.GlobalAveragePooling1D()],
        [layers.Conv1D(1, 1, **ones), layers.GlobalAveragePooling1D()],
        [layers.Dense(1, **ones), total()],
        [layers.GlobalMaxPooling1D()],
        [total(return_sequences=True), layers.GlobalMaxPooling1D()],
        [
            total(return_sequences=True),
            layers.Conv1D(1, 1, **ones),
            layers.GlobalAveragePooling1D(),
        ],
    )
    row = np.array([_ROW])
    changes = []
    for stack in stacks:
        model = Sequential([layers.Embedding(5, 1, mask_zero=True, weights=[vectors]), *stack])
        with warnings.catch_warnings(action="ignore"):
            change = model(np.pad(row, ((0, 0), (0, _MORE)))) - model(row)
        changes.append(float(change[0, 0]))
    return np.array(changes)


def _change_of_average(values: Sequence[int], at_padding: float, count: int) -> float:
    """By how much an average changes if values at padding come in, and it divides by a count."""
    return (sum(values) + _MORE * at_padding) / count - sum(values) / len(values)


_OF_THE_VECTORS = partial(_change_of_average, _ROW)
_OF_THE_STATES = partial(_change_of_average, np.cumsum(_ROW).tolist())


def _moves(seen: Compared, number: int) -> bool:
    """Whether the learner writes that the output of a model changes."""
    return not same(seen.yours[number], 0)


def _moving_are_right(seen: Compared) -> bool:
    return np.shape(seen.yours) == np.shape(seen.right) and all(
        _moves(seen, number) == bool(change) for number, change in enumerate(seen.right)
    )


def _changes_are_right(seen: Compared) -> bool:
    """Whether the changes of those models are right that move."""
    moving = seen.right != 0
    return same(seen.yours[moving], seen.right[moving])


_PADDING_IS_ZERO = Mistake(
    "padding-is-zero",
    "You compute as if the vector of padding were 0. Look at `vectors`: which number does the "
    "`Embedding` look up for the id 0?",
    lambda seen: same(abs(seen.yours[1]), abs(_OF_THE_VECTORS(0, 6))),
)

_SOUND_MODELS = Question(
    name="sound-models",
    title="Which models ignore padding?",
    minutes=10,
    kind="value",
    right=_changes,
    conditions=(
        Condition(
            "wrong-models",
            "At least one model is in the wrong group: 0 means that its output stays the same, "
            "any other number means that it changes. Compute the six outputs for both rows.",
            _moving_are_right,
            WRONG_SHAPE,
            _PADDING_IS_ZERO,
            Mistake(
                "trusts-every-mask",
                "You write 0 for every model. Each has a mask, but a mask helps only where it "
                "reaches a layer that uses it.",
                lambda seen: not seen.yours.any(),
            ),
            Mistake(
                "writes-outputs",
                "You write what the models return. By how much does each output change from "
                "`row` to `padded`?",
                lambda seen: _moves(seen, 0) and _moves(seen, 2) and _moves(seen, 4),
            ),
            Mistake(
                "trusts-the-conv",
                "You write 0 for the second model. The average would use the mask, but does "
                "`Conv1D` pass it on?",
                lambda seen: not _moves(seen, 1),
            ),
            Mistake(
                "trusts-the-maximum",
                "You write 0 for the fourth model. `GlobalMaxPooling1D` does not use the mask. "
                "Which number does it find at padding?",
                lambda seen: not _moves(seen, 3),
            ),
            Mistake(
                "trusts-the-states",
                "You write 0 for the last model. No padding gets into the states, but `Conv1D` "
                "loses the mask. How many timesteps does the average count?",
                lambda seen: not _moves(seen, 5),
            ),
            Mistake(
                "doubts-the-dense",
                "The third model ignores padding: `Dense` passes the mask on, and the RNN skips "
                "the masked timesteps.",
                lambda seen: _moves(seen, 2),
            ),
            Mistake(
                "doubts-the-copies",
                "In the fifth model, `GlobalMaxPooling1D` does not use the mask. But what does "
                "the RNN return at the masked timesteps?",
                lambda seen: _moves(seen, 4),
            ),
        ),
        Condition(
            "wrong-changes",
            "You know which models ignore padding, but at least one of the other three numbers is "
            "not right. Write down what each layer returns at the six timesteps.",
            _changes_are_right,
            _PADDING_IS_ZERO,
            Mistake(
                "divides-by-three",
                "You add up six timesteps, and divide by three. Without the mask, the average "
                "counts all six.",
                lambda seen: (
                    same(seen.yours[1], _OF_THE_VECTORS(_VECTOR_OF_PADDING, 3))
                    or same(seen.yours[5], _OF_THE_STATES(sum(_ROW), 3))
                ),
            ),
            Mistake(
                "states-at-zero",
                "In the last model, you write 0 for the states at masked timesteps. What did the "
                "lesson find there?",
                lambda seen: same(abs(seen.yours[5]), abs(_OF_THE_STATES(0, 6))),
            ),
            Mistake(
                "adds-padding",
                "In the last model, you add padding to the states. The RNN gets the mask and "
                "skips padding: `Conv1D` loses the mask only afterwards.",
                lambda seen: same(
                    seen.yours[5],
                    _OF_THE_STATES(sum(_ROW) + 2 * _VECTOR_OF_PADDING, 6),
                ),
            ),
        ),
    ),
    hints=(
        Hint(
            "Take one model. Under each of the six ids, write its vector, and under that what the "
            "next layer returns there. Cross out a timestep only where a layer gets the mask and "
            "uses it.",
            "wrong-models",
            "trusts-every-mask",
            "writes-outputs",
            "wrong-changes",
            "divides-by-three",
        ),
        Hint(
            "The `Embedding` makes a mask, and still looks up a vector for the id 0. A layer that "
            "does not use the mask reads this vector.",
            "padding-is-zero",
            "trusts-the-maximum",
        ),
        Hint(
            "Which layer loses the mask, and which passes it on? Where the mask is lost, an "
            "average counts every timestep.",
            "trusts-the-conv",
            "trusts-the-states",
            "doubts-the-dense",
        ),
        Hint(
            "At a masked timestep, an RNN with `return_sequences=True` returns the state of the "
            "timestep before.",
            "doubts-the-copies",
            "states-at-zero",
            "adds-padding",
        ),
    ),
    why=(
        "The average and the RNN use the mask if they get it. `GlobalMaxPooling1D` never does: "
        "after the `Embedding` it finds the 8 of padding, after the RNN only copies of the last "
        "state. These copies change an average that does not get the mask."
    ),
)


QUESTIONS = (_PREDICT_STATES, _PREDICT_POOLS, _SOUND_MODELS)
