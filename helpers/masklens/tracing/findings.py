"""The findings of a trace: the calls of layers, and whether padding gets into the answer."""

import difflib
from collections.abc import Iterator
from typing import Any

from masklens._language import translate as _
from masklens.tracing.calls import LayerCall
from masklens.tracing.comparison import TOLERANCES, Change
from masklens.tracing.effects import layer_calls
from masklens.tracing.measurement import CHANGES, Measurement
from masklens.tracing.recorder import Recorder
from masklens.tracing.sequences import KnownFrom
from masklens.tracing.verdict import CallVerdicts


class Findings:
    """The recorded calls of layers, and the measurement; `Trace` adds how to show them."""

    def __init__(self, recorder: Recorder, root: Any = None, symbolic: bool = True) -> None:
        """Starts from a recording, without a measurement."""
        self._recorder: Recorder | None = recorder
        self._root, self._symbolic = root, symbolic
        self._finished: tuple[LayerCall, ...] = ()
        self._error: BaseException | None = None
        self.moves_by: dict[Change, float | None] = dict.fromkeys(CHANGES)
        self.tolerance = TOLERANCES["float32"]
        self.leaks: tuple[LayerCall, ...] = ()
        self.known_from: KnownFrom | None = None
        self.hidden = False
        self.why_no_verdict = _("Nothing was measured: calls were only recorded.")
        self.scores: dict[str, float] = {}
        self._not_a_number = False

    @property
    def calls(self) -> tuple[LayerCall, ...]:
        """The calls in the order in which they began; during a recording, those so far."""
        if self._recorder is None:
            return self._finished
        calls = layer_calls(self._recorder, self._root, self._symbolic)
        return tuple(call for _place, call in calls)

    @property
    def moves(self) -> float | None:
        """The largest figure of `moves_by`; NaN if the answer is NaN.

        0.0 means that padding is ignored. None means that there is no verdict; `why_no_verdict`
        gives the reason.
        """
        if self._not_a_number:
            return float("nan")
        figures = [figure for figure in self.moves_by.values() if figure is not None]
        return max(figures, default=None)

    @property
    def lost(self) -> tuple[LayerCall, ...]:
        """The calls that lost or spoiled the mask of a later leak: its cause.

        A call that loses a mask which nothing needs does not count. Empty without a measurement.
        """
        return tuple(call for call in self.calls if call.costs_a_mask)

    def __getitem__(self, name: str) -> LayerCall:
        """Finds the first call of a layer by its name, its path, or the end of its path.

        Args:
            name: Such as `"lstm"` or `"encoder/mha"`.

        Returns:
            The first call of that layer.

        Raises:
            KeyError: If no layer of that name was called, or several were; the message lists
                similar names, or the paths.
        """
        calls = self.calls
        exact = [call for call in calls if call.path == name]
        found = exact or [call for call in calls if f"/{call.path}".endswith(f"/{name}")]
        paths = list(dict.fromkeys(call.path for call in found))
        if len(paths) == 1:
            return found[0]
        if paths:
            raise KeyError(
                _("Several layers are called {name!r}; give the path: {paths}.").format(
                    name=name, paths=", ".join(map(repr, paths))
                )
            )
        raise KeyError(_unknown_layer_message(name, calls))

    def __len__(self) -> int:
        """Returns the number of calls."""
        return len(self.calls)

    def __iter__(self) -> Iterator[LayerCall]:
        """Iterates over the calls."""
        return iter(self.calls)

    def _finish(self, error: BaseException | None) -> None:
        """Fixes the calls, and releases the model and its tensors."""
        self._finished, self._recorder, self._root = self.calls, None, None
        self._error = error

    def _take_measurement(self, found: Measurement) -> None:
        """Takes over the results of a measurement."""
        recorder = found.run.recorder
        assert recorder is not None
        self.moves_by, self.tolerance = found.moves, found.tolerance
        self.why_no_verdict, self.hidden = found.why_none, found.hidden
        self._not_a_number = found.not_a_number
        if found.sequences:
            self.known_from = "added" if found.added else found.sequences[0].known_from
        verdicts = CallVerdicts(found, self._root)
        fields = {} if found.why_none else verdicts.fields()
        calls = layer_calls(recorder, self._root, symbolic=False, measured=fields)
        self._finished, self._recorder = tuple(call for _place, call in calls), None
        if not found.why_none:
            self.leaks = verdicts.leaks(dict(calls))


def _unknown_layer_message(name: object, calls: tuple[LayerCall, ...]) -> str:
    names = list(dict.fromkeys(call.name for call in calls))
    near = difflib.get_close_matches(str(name), names) or names[:8]
    if not near:
        return _("No layer was called {name!r}: no call was recorded.").format(name=name)
    return _("No call of a layer {name!r} was recorded; there are: {names}.").format(
        name=name, names=", ".join(map(repr, near))
    )
