"""Reading the files of the command safely: no hanging, no filled memory, no foreign code."""

import errno
import math
import os
import stat
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from masklens._language import translate as _
from masklens.drawing.lines import printable

Arrays = dict[str, NDArray[Any]]

# A batch is small, but a small file can unpack to more than the memory holds.
_MOST_BYTES = 1024**3
# Keras stores weights uncompressed, so a file that unpacks to much more is suspect.
_MOST_EXPANSION = 20
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class BadInputError(Exception):
    """Raised for input that cannot be traced; the message is one line for the user."""


def read_arrays(path: Path) -> Arrays:
    """Reads the arrays of a batch.

    Args:
        path: A file that `numpy.savez` or `numpy.save` wrote.

    Returns:
        The arrays by name; an array without a name is `"arr_0"`.

    Raises:
        BadInputError: If the file holds no arrays of numbers or strings, or too much.
    """
    _check_readable(path)
    try:
        if zipfile.is_zipfile(path):
            return _read_members(path)
        with path.open("rb") as file:
            return {"arr_0": _read_array(file, path.stat().st_size)}
    except (BadInputError, MemoryError):
        raise
    except Exception as error:
        # NumPy and zipfile raise many types of error for other kinds of files.
        raise BadInputError(
            _("{file} holds no arrays saved by numpy.savez, or it is incomplete.").format(
                file=printable(path)
            )
        ) from error


def _read_members(path: Path) -> Arrays:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _check_size(path, members, _MOST_BYTES)
        arrays = {}
        for member in members:
            with archive.open(member) as file:
                name = member.filename.removesuffix(".npy")
                arrays[name] = _read_array(file, member.file_size)
    if not arrays:
        raise ValueError("empty")
    return arrays


def _read_array(file: IO[bytes], size: int) -> NDArray[Any]:
    read_header = _HEADERS[np.lib.format.read_magic(file)]
    shape, _fortran, dtype = read_header(file)
    # NumPy would allocate whatever the header claims before it reads.
    claimed = math.prod(shape) * max(dtype.itemsize, 1)
    if min(shape, default=0) < 0 or claimed > size - file.tell():
        raise ValueError("the header claims more than there is")
    if dtype.kind not in "biufcUS":
        raise ValueError("neither numbers nor strings")
    file.seek(0)
    array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def check_model_file(path: Path) -> None:
    """Raises unless a file is a model that Keras 3 saved.

    Args:
        path: The file.

    Raises:
        BadInputError: If it is not such a file, or would unpack to much more than its size.
    """
    _check_readable(path)
    # Keras loads other formats without its safe mode, and reports a broken file as "not found".
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise BadInputError(
            _(
                '{file} is not a model saved by model.save("model.keras"), or it is incomplete.'
            ).format(file=printable(path))
        )
    with zipfile.ZipFile(path) as archive:
        _check_size(
            path, archive.infolist(), max(_MOST_BYTES, _MOST_EXPANSION * path.stat().st_size)
        )


def _check_size(path: Path, members: list[zipfile.ZipInfo], most: int) -> None:
    size = sum(member.file_size for member in members)
    if size > most:
        raise BadInputError(
            _("{file} would unpack to {size} MB, and at most {most} MB are read.").format(
                file=printable(path), size=size // 10**6, most=most // 10**6
            )
        )


def _check_readable(path: Path) -> None:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if stat.S_ISREG(mode):
            path.open("rb").close()
            return
    except (OSError, ValueError) as error:
        raise file_error(path, error) from error
    # Opening a pipe would wait for a writer.
    raise BadInputError(
        _("{file} is a pipe or a device; give a file on disk.").format(file=printable(path))
    )


def file_error(path: Path, error: OSError | ValueError) -> BadInputError:
    """Makes an error that says which file could not be read or written, and why.

    Args:
        path: The file.
        error: The error of the system, or a ValueError for a malformed path.

    Returns:
        The error to raise.
    """
    return BadInputError(f"{printable(path)}: {getattr(error, 'strerror', None) or error}")
