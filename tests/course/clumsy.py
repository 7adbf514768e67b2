"""Answers to no question: what somebody hands in who has mistaken what is asked for."""

from typing import Any

import keras
import numpy as np

MASK = np.array([[True, True, False], [True, False, False]])


class PassesOn(keras.layers.Layer):
    """Does nothing, to timesteps or to masks."""

    def call(self, *inputs: Any, **named: Any) -> Any:
        return inputs[0]


class FailsToBuild(keras.layers.Layer):
    def build(self, *shape: Any) -> None:
        raise RuntimeError("no weights today")

    def call(self, *inputs: Any, **named: Any) -> Any:
        return inputs[0]


def flooding(*inputs: Any) -> Any:
    for _line in range(10_000):
        print("x" * 1023)
    return inputs[0]


CLUMSY: dict[str, Any] = {
    "None": None,
    "a number": 3,
    "a text": "mask",
    "a float mask": MASK.astype(float),
    "a mask with a third axis": MASK[..., None],
    "a mask of another dtype": MASK.astype("int8"),
    "complex numbers": MASK.astype(complex),
    "a symbolic tensor": keras.Input((3,)),
    "a dictionary": {"mask": MASK},
    "a function without arguments": lambda: MASK,
    "a function of anything": lambda *inputs: MASK,
    "a function that gives its input": lambda *inputs: inputs[0],
    "a function that gives floats": lambda *inputs: np.ones((2, 3)),
    "a function that gives a third axis": lambda *inputs: np.ones((2, 3, 1), bool),
    "a function that gives a text": lambda *inputs: "mask",
    "a function that gives a tuple": lambda *inputs: (MASK, MASK),
    "a function that gives a layer": lambda *inputs: keras.layers.Dense(2),
    "a function that gives an untrained model": lambda *inputs: keras.Sequential(),
    "a function that prints 10 MB": flooding,
    "a function that fails": lambda *inputs: inputs[99],
    "a built-in function": sorted,
    "a layer": keras.layers.Dense(2),
    "a class of layers": keras.layers.Dense,
    "a class that passes on": PassesOn,
    "a class that fails to build": FailsToBuild,
    "a class that is no layer": dict,
    "a class of exceptions": ValueError,
    "a module": np,
}
