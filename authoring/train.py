"""Trains the layers that a learner can stack in an explorer: `make weights`."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from masklens.explorers import palette

_SEED = 0
_STEPS = 600
_BATCH = 32
_LONGEST = 10
_BANG = 1  # the row of the table, and the id in training, of `!`
# Words whose vectors are blurred teach that whatever is not `!` is some word.
_BLUR = 0.3
_LARGEST = 3.0

_READERS = ("LSTM", "GRU", "Bidirectional")

_Path = Callable[[Any], Any]


def _train() -> None:
    keras.utils.set_random_seed(_SEED)
    layers = _layers()
    net = _net(layers)
    rate = keras.optimizers.schedules.CosineDecay(0.012, _STEPS)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=0.004, clipnorm=1.0)
    net.compile(optimizer, loss=[_loss] * 3, loss_weights=[1, 1, 0.1])
    with warnings.catch_warnings():
        # `fit` cannot shuffle what is drawn as it goes.
        warnings.simplefilter("ignore", UserWarning)
        net.fit(_batches(), steps_per_epoch=_STEPS // 10, epochs=10, verbose=2)
    arrays = {
        f"{name}.{index}": array.astype("<f2")
        for name, parts in layers.items()
        for index, array in enumerate(array for part in parts for array in part.get_weights())
    }
    np.savez_compressed(palette.WEIGHTS_FILE, **arrays)


def _layers() -> Mapping[str, list[Any]]:
    """Makes each layer that has weights once, from the code that a learner sees."""
    names = ["Embedding", "Dense", "LayerNormalization", "LSTM", "GRU", "Bidirectional", "Conv1D"]
    names += ["Residual", "PreNormResidual"]
    stack = [{"type": name, "mask_zero": False, "return_sequences": True} for name in names]
    found: dict[str, Any] = {}
    exec(palette.code(stack, palette.EMBEDDING_ROWS), found)
    made = iter(
        [layer for layer in found["model"].layers if not isinstance(layer, keras.layers.Add)]
    )
    counts = {**dict.fromkeys(names, 1), "PreNormResidual": 2, "Answer": 1}
    layers = {name: [next(made) for _ in range(count)] for name, count in counts.items()}
    (embedding,) = layers["Embedding"]
    embedding.embeddings_initializer = keras.initializers.RandomNormal(stddev=0.7)
    embedding.embeddings_constraint = lambda table: ops.clip(table, -_LARGEST, _LARGEST)
    return layers


def _net(layers: Mapping[str, list[Any]]) -> Any:
    """Joins every way from the ids to an answer, one behind the other on the axis of the batch."""
    keeping = _keeping(layers)
    ids = keras.Input(batch_shape=(_BATCH, None), dtype="int32")
    words = keras.layers.GaussianNoise(_BLUR)(layers["Embedding"][0](ids))
    one = _joined([words, *(path(words) for path in keeping.values())])
    two = _joined([one, *(path(one) for path in keeping.values())])
    groups = [
        # Few ways, as a group of their own, so that the many others do not outweigh them.
        [_last(keeping[name](words), name) for name in _READERS],
        [_last(keeping[name](one if name != "LSTM" else two), name) for name in _READERS],
        [ops.mean(words, axis=1), ops.max(words, axis=1)],
    ]
    (answer,) = layers["Answer"]
    rows = [ops.reshape(answer(_joined(group)), (-1, _BATCH)) for group in groups]
    return keras.Model(ids, [ops.transpose(answers) for answers in rows])


def _last(outputs: Any, name: str) -> Any:
    """What a layer gives without return_sequences: where it read its last word."""
    if name != "Bidirectional":
        return outputs[:, -1]
    forward, backward = ops.split(outputs, 2, axis=-1)
    return ops.concatenate([forward[:, -1], backward[:, 0]], axis=-1)


def _keeping(layers: Mapping[str, list[Any]]) -> Mapping[str, _Path]:
    """What keeps the time axis, and has weights or changes the values that others read."""
    (attention,) = layers["Residual"]
    norm, norm_attention = layers["PreNormResidual"]

    def residual(x: Any) -> Any:
        return x + attention(x, x)

    def pre_norm_residual(x: Any) -> Any:
        y = norm(x)
        return x + norm_attention(y, y)

    single = ["Dense", "LayerNormalization", "LSTM", "GRU", "Bidirectional", "Conv1D"]
    return {
        **{name: layers[name][0] for name in single},
        "Residual": residual,
        "PreNormResidual": pre_norm_residual,
        "MyActivation": ops.relu,
        "TemporalSoftmax": lambda x: ops.softmax(x, axis=1),
    }


def _joined(parts: list[Any]) -> Any:
    return ops.concatenate(parts, axis=0)


def _loss(truth: Any, answers: Any) -> Any:
    """The loss of each row over all ways; truth (batch, 1), answers (batch, way)."""
    return keras.losses.binary_crossentropy(ops.broadcast_to(truth, ops.shape(answers)), answers)


def _batches() -> Iterator[tuple[NDArray[Any], tuple[NDArray[Any], ...]]]:
    """Draws sentences of one length, none padded, with the truth for each group of ways.

    Ways that cannot know the order of words are asked whether `!` occurs at all.
    """
    rng = np.random.default_rng(_SEED)
    ends = np.arange(_BATCH) % 2 == 0
    while True:
        ids = rng.integers(2, palette.EMBEDDING_ROWS, size=(_BATCH, rng.integers(1, _LONGEST + 1)))
        for step in range(1, ids.shape[1]):
            again = rng.random(_BATCH) < 0.25
            ids[again, step] = ids[again, step - 1]
        ids[:, :-1][rng.random(ids[:, :-1].shape) < 0.15] = _BANG
        ids[ends, -1] = _BANG
        truths = (ends, ends, (ids == _BANG).any(axis=1))
        yield ids, tuple(truth[:, None].astype("float32") for truth in truths)


if __name__ == "__main__":
    _train()
