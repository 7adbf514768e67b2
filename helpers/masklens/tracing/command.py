"""The command line: `masklens trace MODEL.keras BATCH.npz` prints a trace and guards a pipeline."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import re
import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklens.language import get_language, set_language
from masklens.language import translate as _

KEPT, LOST, BAD_INPUT = 0, 1, 2

# Keras says this of each layer that drops a mask; the trace says it where it matters.
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
  :root [class^=masklens] {{ --m: #56b4e9; --c: #ff8a80 }}
}}
</style>
<h1>{title}</h1>
{picture}
"""

Arrays = dict[str, NDArray[Any]]


class BadInputError(Exception):
    """What the command was given cannot be traced; the message is one line for the user."""


def main(arguments: list[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: What follows `masklens` on the command line; else taken from there.

    Returns:
        The exit status: 0 if no mask is lost, 1 if one is, 2 for bad input.

    Example:
        >>> main(["trace", "no-such-model.keras", "batch.npz"])
        2
    """
    # A terminal that cannot write Hangul or a square shows a question mark, and no traceback.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    options = _parse(arguments)
    try:
        with _libraries_silenced(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", _KERAS_WARNING)
            return _trace(options)
    except BadInputError as error:
        print(f"masklens: {error}", file=sys.stderr)
        return BAD_INPUT


@contextmanager
def _libraries_silenced() -> Iterator[None]:
    """Leaves stderr to Python: some of TensorFlow's start-up notices come whatever it is told."""
    # It is read when TensorFlow is imported, which is why nothing above imports Keras.
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        yield  # somebody wants the notices
        return
    sys.stderr.flush()
    terminal = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nowhere, open(terminal, "w", closefd=False) as python:
            os.dup2(nowhere.fileno(), 2)
            with redirect_stderr(python):
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
        prog="masklens", description=_("Shows where a mask goes in a Keras model.")
    )
    trace = parser.add_subparsers(dest="command", required=True, metavar="trace").add_parser(
        "trace",
        help=_("print what happens to the mask at each layer"),
        description=_("Runs a saved model on a batch and prints what each layer does to the mask."),
        epilog=_("Exit status: 0 if no mask is lost, 1 if one is lost, 2 for bad input."),
    )
    trace.add_argument("model", metavar="MODEL.keras", type=Path, help=_("a saved Keras model"))
    trace.add_argument(
        "batch",
        metavar="BATCH.npz",
        type=Path,
        help=_("the inputs, from np.savez: arrays by the names of the inputs, or in their order"),
    )
    trace.add_argument(
        "--probe", action="store_true", help=_("also measure which layers use the mask")
    )
    trace.add_argument("--html", metavar="FILE", type=Path, help=_("write the picture, too"))
    trace.add_argument(
        "--import",
        metavar="MODULE",
        dest="modules",
        action="append",
        default=[],
        help=_("import a module that registers the model's own layers; may be repeated"),
    )
    trace.add_argument("--language", metavar="CODE", help=_("en or ko"))
    return parser


def _trace(options: argparse.Namespace) -> int:
    arrays = _read_arrays(options.batch)
    _check_model_file(options.model)
    _tell(_("loading Keras ..."))
    from masklens.tracing.trace import trace

    for module in options.modules:
        _import(module)
    _tell(_("loading {file} ...").format(file=options.model))
    model = _load(options.model)
    inputs = _inputs(model, arrays)
    _tell(_("tracing ..."))
    try:
        found = trace(model, inputs, probe=options.probe)
    except Exception as error:
        so_far = getattr(error, "__notes__", [])
        raise BadInputError("\n".join([_one_line(error), *so_far])) from error
    print(found)
    if options.html:
        title = _("Trace of {model}").format(model=options.model.name)
        _write_page(options.html, found._repr_html_(), title)
    return LOST if found.lost else KEPT


def _tell(message: str) -> None:
    """Says what takes its time, to whoever sits before a terminal."""
    if sys.stderr.isatty():
        print(message, file=sys.stderr, flush=True)


def _read_arrays(path: Path) -> Arrays:
    _check_readable(path)
    try:
        loaded = np.load(path)  # refuses pickled objects, which could run code
        arrays = {"arr_0": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        arrays = {}
    # In a zip file of another kind, numpy finds bytes.
    if not arrays or not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise BadInputError(
            _("{file} holds no arrays as numpy.savez writes them, or it is incomplete.").format(
                file=path
            )
        )
    return arrays


def _check_model_file(path: Path) -> None:
    _check_readable(path)
    # Keras would load other formats without its safe mode, and calls a broken file "not found".
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise BadInputError(
            _(
                '{file} is no model as model.save("model.keras") writes it, or it is incomplete.'
            ).format(file=path)
        )


def _check_readable(path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise _file_error(path, error) from error


def _file_error(path: Path, error: OSError) -> BadInputError:
    return BadInputError(f"{path}: {error.strerror}")


def _import(module: str) -> None:
    # The module usually lies beside the model; an installed command does not look there.
    sys.path.insert(0, str(Path.cwd()))
    try:
        importlib.import_module(module)
    except Exception as error:
        raise BadInputError(
            _("The module {module} could not be imported: {error}").format(
                module=module, error=_one_line(error)
            )
        ) from error


def _load(path: Path) -> Any:
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        why = _why_not_loaded(path, str(error)) or f"{path}: {_one_line(error)}"
        raise BadInputError(why) from error


def _why_not_loaded(path: Path, error: str) -> str | None:
    if "safe_mode" in error:
        return _(
            "{file} holds Python code in a Lambda layer, which is not run. "
            "Save the model with a registered layer or function instead."
        ).format(file=path)
    if unknown := re.search(r"Could not locate (?:class|function) '([^']*)'", error):
        return _(
            "{file} needs {name}, which Keras does not know. Name the module that registers it "
            "with @keras.saving.register_keras_serializable(): --import MODULE"
        ).format(file=path, name=unknown[1])
    return None


def _inputs(model: Any, arrays: Arrays) -> Any:
    """Fits the arrays of a batch to the inputs of a model, by name or else by order."""
    in_order = list(arrays) == [f"arr_{place}" for place in range(len(arrays))]
    names = _input_names(model)
    if not names:  # a subclassed model does not say what it takes
        values = list(arrays.values()) if in_order else arrays
        return next(iter(arrays.values())) if len(arrays) == 1 else values
    if len(names) == len(arrays) and (in_order or len(names) == 1):
        arrays = dict(zip(names, arrays.values(), strict=True))
    if missing := [name for name in names if name not in arrays]:
        raise BadInputError(
            _(
                "The model takes {names}; the batch holds {held} and lacks {missing}. "
                "Name the arrays: np.savez(file, {example}=...)"
            ).format(
                names=", ".join(names),
                held=", ".join(arrays),
                missing=", ".join(missing),
                example=missing[0],
            )
        )
    chosen = {name: arrays[name] for name in names}
    return chosen if len(chosen) > 1 or isinstance(_structure(model), dict) else chosen[names[0]]


def _input_names(model: Any) -> list[str]:
    tensors = getattr(model, "inputs", None) or []
    structure = _structure(model)
    return list(structure) if isinstance(structure, dict) else [tensor.name for tensor in tensors]


def _structure(model: Any) -> Any:
    """What a Functional model was built from; a dict's keys may differ from its tensors' names."""
    return getattr(model, "input", None) if getattr(model, "inputs", None) else None


def _one_line(error: BaseException) -> str:
    """What an error says, without the colours and the list of arguments that Keras adds."""
    said = re.sub(r"\x1b\[\d+m", "", str(error)).split("\nArguments received by")[0]
    return f"{type(error).__name__}: {' '.join(said.split())}"


def _write_page(path: Path, picture: str, title: str) -> None:
    page = _PAGE.format(language=get_language(), title=escape(title), picture=picture)
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise _file_error(path, error) from error
