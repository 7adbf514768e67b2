"""The record of a trace: one LayerCall for each call of a layer, with its masks and verdict."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Mask = NDArray[np.bool_]
Shape = tuple[int | None, ...]
Effect = Literal["creates", "passes", "changes", "ends", "drops", "none"]


@dataclass(frozen=True)
class Reason:
    """Why padding gets in at a call, and what to do.

    Attributes:
        kind: A name for the reason, such as `"operator"`.
        why: One sentence, with code in backticks.
        way_out: Code that keeps padding out; empty where there is none.
    """

    kind: str
    why: str
    way_out: str = ""


@dataclass(frozen=True, eq=False)
class LayerCall:
    """One call of a layer, and what happened to the mask.

    Attributes:
        name: The layer's name, such as `"mha"`.
        path: The names of the layers that were being called around it, and its own, such as
            `"encoder/mha"`.
        layer_type: The name of the layer's class.
        of_keras: Whether that class is one of Keras's own layers, and no model.
        depth: How many layers were being called around it.
        shapes_in: The shape of each tensor that came in; mask arguments are not counted.
        shapes_out: The shape of each tensor that came out.
        masks_in: The mask of each tensor that came in, as it was before the call: None where there
            was none. A mask that was passed by hand is listed for the tensor that it is for.
        masks_out: The mask of each tensor that came out.
        receives_mask: Whether Keras, or the caller, passed the layer a mask argument that is not
            None.
        mask_arguments: The mask arguments that the layer got, from Keras or from the caller, each
            with its name, such as `("attention_mask", mask)` of shape (batch, query, key).
        causal: Whether it was called with `use_causal_mask=True`.
        uses_mask: Whether the values that come out depend on the mask, found by changing it and
            running the call again; None where that was not tried.
        effect: What the call does to the mask.
            `"creates"`: none in, one out. `"passes"`: one comes out equal to one that came in.
            `"changes"`: another comes out. `"ends"`: none comes out, and the layer received or
            used it. `"drops"`: none comes out, and the layer did not even receive it.
            `"none"`: no mask on either side.
        note: A remark in the language in force, such as that a mask has a wrong shape; else None.
        symbolic: Whether the tensors were symbolic, as while a model is built or compiled. The
            masks of a symbolic call have no values: each is an array of shape (0, 0).
        sources: For each tensor that came in, the index in the trace of the call that it came out
            of, or None if it came from outside.
        lost_to: If the call cost later layers their mask, the indices in the trace of the calls
            that take the tensor without it; else empty.
        costs_a_mask: Whether this call is one of the trace's `lost`: it lost or spoiled a mask, and
            padding gets in later for want of it.
        leak: How far the valid values that come out move when padding changes, relative to the
            largest of them; 0.0 if they stay, None where nothing was or could be compared.
        gets_in: Whether this call is one of the trace's `leaks`.
        between: For a leak that no layer made but code between layers: the paths of the calls
            before and after it, empty for the inputs and the output of that code.
        hidden: Whether the leak shows only once weights that are all 0 or 1 have other values.
        reason: Why padding gets in here, and what to do; None for calls without a leak.
    """

    name: str
    path: str
    layer_type: str
    depth: int
    shapes_in: tuple[Shape, ...]
    shapes_out: tuple[Shape, ...]
    masks_in: tuple[Mask | None, ...]
    masks_out: tuple[Mask | None, ...]
    receives_mask: bool
    effect: Effect
    of_keras: bool = False
    mask_arguments: tuple[tuple[str, Mask], ...] = ()
    causal: bool = False
    uses_mask: bool | None = None
    note: str | None = None
    symbolic: bool = False
    sources: tuple[int | None, ...] = ()
    lost_to: tuple[int, ...] = ()
    costs_a_mask: bool = False
    leak: float | None = None
    gets_in: bool = False
    between: tuple[str, str] | None = None
    hidden: bool = False
    reason: Reason | None = None
