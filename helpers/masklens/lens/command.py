"""The command line: `masklens trace MODEL.keras BATCH.npz` tells whether padding gets in."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from masklens._language import get_language, languages, set_language
from masklens._language import translate as _
from masklens.drawing.lines import error_line, printable
from masklens.lens.files import (
    Arrays,
    BadInputError,
    check_model_file,
    file_error,
    read_arrays,
)

if TYPE_CHECKING:
    from masklens.lens.trace import Trace

_IGNORED, _GETS_IN, _NO_VERDICT, _INTERRUPTED = 0, 1, 2, 130

# Keras warns of every layer that drops a mask; the trace names those that matter.
_KERAS_WARNING = ".*destroy the mask information"

_PAGE = """\
<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ margin: 2rem auto; max-width: 75rem; padding: 0 1rem; font: 1rem system-ui, sans-serif }}
h1 {{ font-size: 1.4rem }}
@media (prefers-color-scheme: dark) {{
  body {{ background: #111; color: #ddd }}
  :root [class^=masklens] {{ color-scheme: dark; --m: #56b4e9; --c: #ff8a80; --on: #000 }}
}}
</style>
<h1>{title}</h1>
{picture}
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: The arguments after `masklens`; None for those of the command line.

    Returns:
        The exit status: 0 if padding is ignored, 1 if it gets in, 2 if there is no verdict for
        any reason, 130 after an interrupt.

    Example:
        >>> main(["trace", "no-such-model.keras", "batch.npz"])
        2
    """
    # A terminal without Hangul or squares should show question marks, not a traceback.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    with redirect_stdout(_Printable(sys.stdout)), redirect_stderr(_Printable(sys.stderr)):
        options = _parse(arguments)
        try:
            with _libraries_silenced(), warnings.catch_warnings():
                warnings.filterwarnings("ignore", _KERAS_WARNING)
                return _trace(options)
        except KeyboardInterrupt:
            return _INTERRUPTED
        except BadInputError as error:
            print(f"masklens: {error}", file=sys.stderr)
        except BaseException as error:
            # After a traceback Python exits with 1, which here means that padding gets in; an
            # imported module that calls sys.exit(0) would claim that padding is ignored.
            print(f"masklens: {error_line(error)}", file=sys.stderr)
        return _NO_VERDICT


class _Printable(io.TextIOBase):
    """A stream that escapes control characters, such as in the names of layers."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write("\n".join(map(printable, text.split("\n"))))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()


@contextmanager
def _libraries_silenced() -> Iterator[None]:
    """Discards what native code writes to stderr, such as TensorFlow's notices at start-up."""
    # TensorFlow reads the variable when it is imported, so nothing above may import Keras.
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        yield  # somebody wants the notices
        return
    sys.stderr.flush()
    terminal = os.dup(2)
    try:
        with (
            Path(os.devnull).open("w") as nowhere,
            open(terminal, "w", errors="replace", closefd=False) as python,
        ):
            os.dup2(nowhere.fileno(), 2)
            with redirect_stderr(_Printable(python)):
                yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    early = argparse.ArgumentParser(add_help=False)
    early.add_argument("--language")
    language = early.parse_known_args(arguments)[0].language
    try:
        set_language(language or get_language())
    except ValueError as error:
        early.error(str(error))
    return _parser().parse_args(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="masklens",
        description=_("Measures whether padding gets into the answer of a Keras model."),
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"masklens {version('masklens')}",
        help=_("print the version and exit"),
    )
    trace = parser.add_subparsers(dest="command", required=True, metavar="trace").add_parser(
        "trace",
        help=_("measure a saved model on a batch"),
        description=_(
            "Runs a saved model on a batch, measures whether padding gets into its answer, and "
            "prints where it gets in and where masks go."
        ),
        epilog=_(
            "Exit status: 0 if padding is ignored, 1 if it gets into the answer, 2 if there is no "
            "verdict: bad input, an error, a model that cannot be measured, or --no-measure."
        ),
        add_help=False,
    )
    # argparse does not translate the titles of its own groups.
    needed, options = map(trace.add_argument_group, (_("arguments"), _("options")))
    needed.add_argument("model", metavar="MODEL.keras", type=Path, help=_("a saved Keras model"))
    needed.add_argument(
        "batch",
        metavar="BATCH.npz",
        type=Path,
        help=_(
            "the inputs, from np.savez: arrays by the names of the inputs, or in their order. An "
            "array called mask, or INPUT_mask where the model has several inputs, says which "
            "timesteps are tokens, as mask= of ml.trace does, unless an input has that name"
        ),
    )
    options.add_argument("-h", "--help", action="help", help=_("show this help"))
    options.add_argument(
        "--no-measure",
        action="store_true",
        help=_("only print where masks go: no verdict, so the exit status is 2"),
    )
    options.add_argument(
        "--probe", action="store_true", help=_("also measure which layers use the mask")
    )
    options.add_argument(
        "--html", metavar="FILE", type=Path, help=_("also write the picture to a file")
    )
    options.add_argument(
        "--import",
        metavar="MODULE",
        dest="modules",
        action="append",
        default=[],
        help=_("import a module that registers the model's own layers; may be repeated"),
    )
    options.add_argument("--language", metavar="CODE", help=" | ".join(languages()))
    return parser


def _trace(options: argparse.Namespace) -> int:
    arrays = read_arrays(options.batch)
    check_model_file(options.model)
    _show_step(_("loading Keras ..."))
    from masklens.lens.trace import trace

    for module in options.modules:
        _import(module)
    _show_step(_("loading {file} ...").format(file=printable(options.model)))
    model = _load(options.model)
    inputs, mask = _inputs(model, arrays)
    _show_step(_("tracing ..."))
    try:
        found = trace(model, inputs, mask, measure=not options.no_measure, probe=options.probe)
    except Exception as error:
        so_far = getattr(error, "__notes__", [])
        raise BadInputError("\n".join([error_line(error), *so_far])) from error
    _print(found)
    if options.html:
        title = _("Trace of {model}").format(model=options.model.name)
        _write_page(options.html, found._repr_html_(), title)
    if found.moves is None:
        raise BadInputError(_("No verdict. {why}").format(why=found.why_no_verdict))
    return _IGNORED if found.moves == 0.0 else _GETS_IN


def _print(found: Trace) -> None:
    try:
        print(found, flush=True)
    except BrokenPipeError:
        # The reader, such as `head`, has closed the pipe; the exit status still counts.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _show_step(message: str) -> None:
    """Prints the current step to stderr if it is a terminal."""
    if sys.stderr.isatty():
        print(message, file=sys.stderr, flush=True)


def _import(module: str) -> None:
    # An installed command does not have the current folder on its path.
    sys.path.insert(0, str(Path.cwd()))
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise BadInputError(
            _("The module {module} could not be imported: {error}").format(
                module=printable(module), error=error_line(error)
            )
        ) from error


def _load(path: Path) -> Any:
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        why = _why_not_loaded(path, str(error)) or f"{printable(path)}: {error_line(error)}"
        raise BadInputError(why) from error


def _why_not_loaded(path: Path, error: str) -> str | None:
    if "safe_mode" in error:
        return _(
            "{file} holds Python code in a Lambda layer, which is not run. "
            "Save the model with a registered layer or function instead."
        ).format(file=printable(path))
    if unknown := re.search(r"Could not locate (?:class|function) '([^']*)'", error):
        return _(
            "{file} needs {name}, which Keras does not know. Name the module that registers it "
            "with @keras.saving.register_keras_serializable(): --import MODULE"
        ).format(file=printable(path), name=printable(unknown[1]))
    return None


def _inputs(model: Any, arrays: Arrays) -> tuple[Any, Any]:
    """Matches arrays to the inputs of a model by name or order; returns the inputs and masks."""
    names = _input_names(model)
    arrays, masks = _without_masks(arrays, names)
    in_order = list(arrays) == [f"arr_{place}" for place in range(len(arrays))]
    if not names:  # a subclassed model does not say what it takes
        if len(arrays) == 1:
            return next(iter(arrays.values())), masks.get("")
        return (list(arrays.values()) if in_order else arrays), None
    if len(names) == len(arrays) and (in_order or len(names) == 1):
        arrays = dict(zip(names, arrays.values(), strict=True))
    if missing := [name for name in names if name not in arrays]:
        raise BadInputError(
            _(
                "The model takes {names}; the batch holds {held} and lacks {missing}. "
                "Name the arrays: np.savez(file, {example}=...)"
            ).format(
                names=_listed(names),
                held=_listed(arrays),
                missing=_listed(missing),
                example=printable(missing[0]),
            )
        )
    chosen = {name: arrays[name] for name in names}
    if len(chosen) > 1 or isinstance(_structure(model), dict):
        return chosen, masks or None
    return chosen[names[0]], masks.get(names[0])


def _without_masks(arrays: Arrays, names: list[str]) -> tuple[Arrays, Arrays]:
    """Splits arrays into inputs and masks; each mask goes by the name of its input."""
    owners = {f"{name}_mask": name for name in names}
    if len(names) == 1 or (not names and len(arrays) == 2):
        owners["mask"] = names[0] if names else ""
    elif names and "mask" in arrays and "mask" not in names:
        raise BadInputError(
            _(
                "The batch holds one mask, and the model takes {names}: "
                "name each mask after its input, such as {example}_mask."
            ).format(names=_listed(names), example=printable(names[0]))
        )
    found = [name for name in arrays if name in owners and name not in names]
    masks = {owners[name]: arrays[name] for name in found}
    return {name: array for name, array in arrays.items() if name not in found}, masks


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(printable, names))


def _input_names(model: Any) -> list[str]:
    tensors = getattr(model, "inputs", None) or []
    structure = _structure(model)
    return list(structure) if isinstance(structure, dict) else [tensor.name for tensor in tensors]


def _structure(model: Any) -> Any:
    """Returns the input structure of a Functional model, whose keys need not be tensor names."""
    return getattr(model, "input", None) if getattr(model, "inputs", None) else None


def _write_page(path: Path, picture: str, title: str) -> None:
    page = _PAGE.format(language=get_language(), title=escape(title), picture=picture)
    try:
        path.write_text(page, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise file_error(path, error) from error
