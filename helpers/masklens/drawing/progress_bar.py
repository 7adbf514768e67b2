"""A progress bar for work of more than two seconds, in notebooks and terminals."""

import sys
import time
from types import TracebackType
from typing import Any

from masklens._language import translate as _

_DELAY = 2.0  # seconds before the bar appears
_PAUSE = 0.2  # seconds from one drawing to the next


class ProgressBar:
    """Counts steps, shows a bar if they take long, and removes it in the end.

    In a notebook the bar is an output of the cell. Removing it removes earlier outputs of the cell,
    too, because Jupyter can only clear them together. Programs that execute notebooks get no bar,
    since some of them, such as nbval, cannot clear outputs.

    Example:
        >>> with ProgressBar(2, "computing") as progress:
        ...     progress.step()
        ...     progress.step()
    """

    def __init__(self, steps: int, words: str) -> None:
        """Prepares a bar.

        Args:
            steps: The number of steps.
            words: The label of the bar.
        """
        self._steps, self._words = steps, words
        self._done = 0
        self._next = time.monotonic() + _DELAY
        self._handle: Any = None
        self._drawn = False

    def __enter__(self) -> "ProgressBar":
        """Starts counting."""
        return self

    def step(self) -> None:
        """Counts one step, and draws the bar if it is time."""
        self._done += 1
        if time.monotonic() < self._next or self._done == self._steps:
            return
        self._next = time.monotonic() + _PAUSE
        text = _("{words}: {done} of {steps}").format(
            words=self._words, done=self._done, steps=self._steps
        )
        if _in_notebook():
            self._draw_in_notebook(text)
        elif sys.stderr.isatty():
            print(f"\r{text}", end="", file=sys.stderr, flush=True)
            self._drawn = True

    def _draw_in_notebook(self, text: str) -> None:
        from IPython.display import display

        bar = f"<progress max={self._steps} value={self._done} aria-label='{text}'></progress>"
        data = {"text/html": f"{bar} {text}", "text/plain": text}
        if self._handle is None:
            # IPython has type hints for a part of itself only.
            self._handle = display(data, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(data, raw=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Removes the bar, also after an error."""
        if self._handle is not None:
            from IPython.display import clear_output

            clear_output()  # type: ignore[no-untyped-call]  # as above
        if self._drawn:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)


def _in_notebook() -> bool:
    """Whether this is a notebook with a user; programs that execute notebooks take no input."""
    # A notebook has always imported IPython.
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive else None
    kernel = getattr(shell, "kernel", None)
    return kernel is not None and bool(getattr(kernel, "_allow_stdin", True))
