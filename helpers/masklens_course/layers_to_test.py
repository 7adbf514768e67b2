"""Layers that a learner's test must tell apart: those that keep each timestep to itself, or not."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens._language import translate as _
from masklens.drawing.picture import Picture, picture_of
from masklens.drawing.table import Cell, Table, numbered, table_element
from masklens_course.answer import call, numbers
from masklens_course.example import Written

_STEPS = 10  # of the picture: a layer reaches 8 timesteps away


@dataclass(frozen=True)
class LayerToTest:
    """A layer of the shape of its input, and what a test should say of it.

    Attributes:
        code: The expression that makes it.
        sound: Whether no timestep of its input changes another timestep of its output.
        trap: Why a test may misjudge it, such as `"negative"`; empty if any test judges it rightly.
    """

    code: str
    sound: bool
    trap: str = ""

    def make(self) -> Any:
        """Makes the layer, each time another one."""
        return _made(self.code)

    def influence(self) -> NDArray[np.bool_]:
        """Replaces each timestep in turn, and says which timesteps of the output change.

        Returns:
            A row for each replaced timestep, and in it a column for each timestep of the output.
        """
        return _influence(self.code)


def _made(code: str) -> Any:
    import keras

    return eval(code, {"keras": keras})


@cache
def _influence(code: str) -> NDArray[np.bool_]:
    rng = np.random.default_rng(0)
    before = np.repeat(rng.normal(size=(1, _STEPS, 3)), _STEPS, axis=0)
    after = before.copy()
    after[range(_STEPS), range(_STEPS)] = rng.normal(size=(_STEPS, 3))
    layer = _made(code)
    one, other = (np.asarray(layer(values)) for values in (before, after))
    return np.asarray(~np.isclose(one, other, atol=1e-5).all(axis=2))


def lambda_layer(body: str, sound: bool, trap: str = "") -> LayerToTest:
    """Makes a layer of an expression of its input `x`.

    Example:
        >>> lambda_layer("2 * x", sound=True).code
        'keras.layers.Lambda(lambda x: 2 * x)'
    """
    return LayerToTest(f"keras.layers.Lambda(lambda x: {body})", sound, trap)


@dataclass(frozen=True)
class LayersToTest(Written):
    """Layers that a test is called with, one at a time; the only argument of a case.

    Attributes:
        layers: The layers.
    """

    layers: tuple[LayerToTest, ...]

    @property
    def size(self) -> int:
        """How many layers there are."""
        return len(self.layers)

    @property
    def sound(self) -> NDArray[np.bool_]:
        """What a test should say of each."""
        return np.array([one.sound for one in self.layers])

    def arguments(self) -> tuple[Any, ...]:
        """Makes the layers."""
        return tuple(one.make() for one in self.layers)

    def as_code(self, name: str) -> str:
        """Writes the call of a test of this name as code.

        Example:
            >>> print(LayersToTest((lambda_layer("2 * x", True),)).as_code("test"))
            test(keras.layers.Lambda(lambda x: 2 * x))
        """
        if len(self.layers) == 1:
            return f"{name}({self.layers[0].code})"
        return f"[{name}(layer) for layer in q.example()]"


@dataclass(frozen=True, eq=False)
class Judgements:
    """What a learner's test says of layers.

    Attributes:
        layers: The layers.
        said: What the test gives for each.
    """

    layers: tuple[LayerToTest, ...]
    said: tuple[NDArray[Any], ...]

    @property
    def passed_faults(self) -> list[LayerToTest]:
        """The faulty layers that the test lets through."""
        return [one for one, passes in self._judged if passes and not one.sound]

    @property
    def doubted(self) -> list[LayerToTest]:
        """The sound layers that the test does not let through."""
        return [one for one, passes in self._judged if one.sound and not passes]

    @property
    def _judged(self) -> list[tuple[LayerToTest, bool]]:
        return [(one, bool(np.all(said))) for one, said in zip(self.layers, self.said, strict=True)]

    @property
    def _shown(self) -> int:
        misjudged = self.passed_faults or self.doubted or self.layers
        return self.layers.index(misjudged[0])

    @property
    def case(self) -> tuple[LayersToTest]:
        """The first layer that is misjudged, alone."""
        return (LayersToTest((self.layers[self._shown],)),)

    @property
    def yours(self) -> NDArray[Any]:
        """What the test gives for that layer."""
        return self.said[self._shown]

    @property
    def right(self) -> bool:
        """What it should give."""
        return self.layers[self._shown].sound

    def lets_all_faults_through(self) -> bool:
        """Returns whether the test lets each faulty layer through."""
        return len(self.passed_faults) == int((~LayersToTest(self.layers).sound).sum())

    def doubts_all(self) -> bool:
        """Returns whether the test lets no sound layer through."""
        return len(self.doubted) == int(LayersToTest(self.layers).sound.sum())

    def misses_one_direction(self) -> bool:
        """Returns whether all that is let through moves later timesteps only, or earlier ones."""
        influences = [one.influence() for one in self.passed_faults]
        return any(
            all((side(one) == one).all() for one in influences) for side in (np.tril, np.triu)
        )

    def gives_one_value_each(self) -> bool:
        """Returns whether the test gives one value for each layer."""
        return all(said.shape == () for said in self.said)

    def picture(self) -> Picture:
        """Shows for that layer which timesteps of the output change if one is replaced."""
        influence = self.layers[self._shown].influence()
        rows = [[Cell("true" if step else "false") for step in row] for row in influence]
        head = ("", *map(str, range(len(rows))))
        caption = _("A row for each replaced timestep, ■ where the output changes:")
        return picture_of(table_element(Table(caption, head, numbered(rows))))


def judgements(answer: Callable[..., Any], case: LayersToTest) -> Judgements:
    """Calls a learner's test with each layer of a case.

    Args:
        answer: The test, a function that takes a layer.
        case: The layers.

    Returns:
        What it says of them.
    """
    said = tuple(numbers(call(answer, layer)) for layer in case.arguments())
    return Judgements(case.layers, said)


def falls_for(trap: str) -> Callable[[Judgements], bool]:
    """Recognises a test that misjudges no layers but those with one trap.

    Args:
        trap: The trap.

    Returns:
        For `Mistake`: what takes the judgements, and returns whether they are of such a test.
    """

    def recognise(seen: Judgements) -> bool:
        misjudged = seen.passed_faults or seen.doubted
        return {one.trap for one in misjudged} == {trap}

    return recognise
