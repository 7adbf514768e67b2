"""Running models that learners build of trained layers, which they are given."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from masklens.tracing.calls import Array
from masklens_course.answer import answering
from masklens_course.example import Written, as_code
from masklens_course.own_models import built


@dataclass(frozen=True, eq=False)
class Trained:
    """A layer with weights that a learner's function is given.

    Attributes:
        kind: The name of its class, such as `"Dense"`.
        weights: Its weights, in the order of Keras.
        shapes: The shapes that it is built for.
        arguments: The named arguments of its constructor.
    """

    kind: str
    weights: tuple[Array, ...]
    shapes: tuple[tuple[int | None, ...], ...]
    arguments: dict[str, Any]

    def layer(self) -> Any:
        """Makes the layer, each time another one with the same weights."""
        from keras import layers

        made = getattr(layers, self.kind)(**self.arguments)
        made.build(*self.shapes)
        made.set_weights(self.weights)
        return made


@dataclass(frozen=True, eq=False)
class Parts:
    """The layers of which a learner's function builds one model.

    Attributes:
        trained: The layers.
    """

    trained: tuple[Trained, ...]
    _models: dict[int, tuple[Any, Any]] = field(default_factory=dict, repr=False)

    @property
    def weights(self) -> tuple[tuple[Array, ...], ...]:
        """The weights of each layer."""
        return tuple(one.weights for one in self.trained)

    def layers(self) -> tuple[Any, ...]:
        """Makes the layers."""
        return tuple(one.layer() for one in self.trained)

    def model(self, answer: Callable[..., Any]) -> Any:
        """Builds the model of a learner's function, once for all calls of it: that takes longest.

        Args:
            answer: The function.

        Returns:
            What it returns, whether it is a model or not.
        """
        if id(answer) not in self._models:
            self._models[id(answer)] = answer, built(answer, *self.layers())
        return self._models[id(answer)][1]


@dataclass(frozen=True, eq=False)
class PartsCall(Written):
    """A call of a model that a learner's function builds, which is the only argument of a case.

    Attributes:
        parts: The layers that the function is given.
        ids: (batch, time) whole numbers that the model is given, of which 0 is padding.
    """

    parts: Parts
    ids: Array

    @property
    def words(self) -> Array:
        """Where there is no padding."""
        return np.asarray(self.ids != 0)

    @property
    def size(self) -> int:
        """How many ids there are."""
        return int(self.ids.size)

    def arguments(self) -> tuple[Any, ...]:
        """Makes the layers that the function is given."""
        return self.parts.layers()

    def as_code(self, name: str) -> str:
        """Writes the call of a function of this name, and of its model, as code.

        Example:
            >>> print(PartsCall(Parts(()), np.array([[3, 0]])).as_code("build"))
            model = build(*q.example())
            model(np.array([[3, 0]]))
        """
        return f"model = {name}(*q.example())\nmodel({as_code(self.ids)})"

    def run(self, answer: Callable[..., Any]) -> tuple[Any, Any]:
        """Calls the model that a learner's function builds.

        Args:
            answer: The function.

        Returns:
            The model, and its output; None twice if the function builds no model.
        """
        import keras

        model = self.parts.model(answer)
        if not isinstance(model, keras.Model):
            return None, None
        with answering():
            return model, model(keras.ops.convert_to_tensor(self.ids, "int32"))
