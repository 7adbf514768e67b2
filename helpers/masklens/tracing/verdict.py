"""Assigning a measurement to the calls of a trace: figures, leaks, reasons and causes."""

from collections.abc import Mapping
from typing import Any

from masklens.tracing.calls import LayerCall
from masklens.tracing.leaks import Leak
from masklens.tracing.measurement import Measurement
from masklens.tracing.reasons import explain
from masklens.tracing.recorder import RecordedCall
from masklens.tracing.runs import Node


class CallVerdicts:
    """The measured fields of each call, and the leaks.

    Args:
        found: The measurement.
        root: A model whose own call is left out of the trace.
    """

    def __init__(self, found: Measurement, root: Any) -> None:
        """Explains each leak."""
        self._found, self._root = found, root
        leaks = {leak.node.place: leak for leak in reversed(found.leaks)}
        hidden = {
            leak.node.place: leak for leak in found.hidden_leaks if leak.node.place not in leaks
        }
        self._hidden = set(hidden) if not found.hidden else set(leaks)
        self._leaks = dict(sorted({**leaks, **hidden}.items()))
        self._explanations = {place: explain(leak, found) for place, leak in self._leaks.items()}

    def fields(self) -> dict[int, dict[str, Any]]:
        """Returns the measured fields of `LayerCall`, by the place of the recorded call."""
        fields: dict[int, dict[str, Any]] = {}
        for node in self._found.run.nodes:
            if node.recorded is not None and node.recorded.place >= 0:
                fields[node.recorded.place] = self._fields_of(node)
        for explanation in self._explanations.values():
            if explanation.cause is not None and explanation.cause.place in fields:
                fields[explanation.cause.place]["costs_a_mask"] = True
        return fields

    def leaks(self, calls: Mapping[int, LayerCall]) -> tuple[LayerCall, ...]:
        """Returns the calls at which padding gets in, among them the model's own if need be.

        Args:
            calls: The calls of the trace, by the place of the recorded call.
        """
        nodes = [leak.node for leak in self._leaks.values()]
        return tuple(calls.get(node.recorded.place) or self._call_of_root(node) for node in nodes)

    def _fields_of(self, node: Node) -> dict[str, Any]:
        figures = [
            figure
            for moves in self._found.figures
            if (figure := moves.largest(node.outputs)) is not None
        ]
        fields: dict[str, Any] = {"leak": max(figures, default=None)}
        leak = self._leaks.get(node.place)
        if leak is not None:
            fields |= {
                "gets_in": True,
                "hidden": node.place in self._hidden,
                "reason": self._explanations[node.place].reason,
                "between": self._between(leak),
            }
        return fields

    def _between(self, leak: Leak) -> tuple[str, str] | None:
        if leak.between is None:
            return None
        before, after = leak.between
        return self._path(before), self._path(after)

    def _path(self, node: Node | None) -> str:
        names = []
        while node is not None and node.layer is not self._root:
            names.append(node.layer.name)
            node = node.parent
        return "/".join(reversed(names))

    def _call_of_root(self, node: Node) -> LayerCall:
        recorded: RecordedCall = node.recorded
        return LayerCall(
            name=recorded.name,
            path=recorded.name,
            layer_type=recorded.layer_type,
            depth=0,
            shapes_in=recorded.shapes_in,
            shapes_out=recorded.shapes_out,
            masks_in=tuple(recorded.masks_in),
            masks_out=recorded.masks_out,
            receives_mask=recorded.receives_mask,
            effect="none",
            **self._fields_of(node),
        )
