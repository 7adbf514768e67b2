"""The cards of the palette: what the page shows, computes and writes for each kind of layer."""

import re
from typing import Any

from masklens.explorers.palette import CALLS, CLASSES, PARTS, SWITCHES

# What the page's engine is told of each layer, besides its weights and switches.
_CONFIGS = {"Conv1D": {"kernel_size": 3, "padding": "same"}}
_LABELS = {
    "Residual": ("x + MultiHeadAttention(x)", "2, 4"),
    "PreNormResidual": ("x + MultiHeadAttention(LayerNormalization(x))", "2, 4"),
}


def cards() -> dict[str, dict[str, Any]]:
    """Describes the layers of the palette for the page.

    Returns:
        For each type its `label` and `detail` for the card, `config` for the engine, `switch`
        (pairs of a switch and its value at first), and the pieces of code: `parts`, `calls`,
        `source`.

    Example:
        >>> card = cards()["Conv1D"]
        >>> card["label"], card["detail"], card["switch"]
        ('Conv1D', '8, 3, padding="same"', [])
    """
    return {name: _card(name) for name in PARTS}


def _card(name: str) -> dict[str, Any]:
    made = re.sub(r"(, )?\{\w+\}(, )?", "", next(iter(PARTS[name].values())))
    _class, arguments = made.removesuffix(")").split("(", 1)
    label, detail = _LABELS.get(name, (name, arguments.replace("layers.", "")))
    switches = SWITCHES.get(name, {})
    return {
        "label": label,
        "detail": detail,
        "config": _CONFIGS.get(name, {}),
        "switch": [list(switch) for switch in switches.items()],
        # As a list of pairs, since notebook files sort the keys of objects.
        "parts": [list(part) for part in PARTS[name].items()],
        "calls": list(CALLS.get(name, ())),
        "source": CLASSES.get(name, ""),
    }
