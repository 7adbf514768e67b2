"""The address at which the parent of a user's kernels listens, one for each environment."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Prefixes of the variables that take effect when a program starts or imports the preloaded modules.
# Kernels that differ in one of these need different parents.
_IMPORT_TIME = (
    *("KERAS_", "TF_", "XLA_", "CUDA_", "JAX_", "GRPC_", "MPL"),
    *("OMP_", "MKL_", "OPENBLAS_", "PYTHON", "LD_", "DYLD_", "LANG", "LC_", "TZ", "HOME"),
)
# The path of a Unix socket has 104 bytes on macOS and 108 on Linux, with the zero at its end.
_LONGEST = 103


class UnsafeFolderError(Exception):
    """Raised if the folder of the sockets does not belong to the user alone."""


@dataclass(frozen=True)
class Address:
    """The files of one parent.

    Args:
        folder: a folder that only its user can enter.
        name: a name for the environment that the parent serves.
    """

    folder: Path
    name: str

    @property
    def socket(self) -> Path:
        """The socket at which the parent listens."""
        return self.folder / f"{self.name}.sock"

    @property
    def lock(self) -> Path:
        """The lock that a launcher must hold to start the parent."""
        return self.folder / f"{self.name}.lock"

    @property
    def log(self) -> Path:
        """The log of the parent and of the libraries that it imports."""
        return self.folder / f"{self.name}.log"


def find_address(environment: Mapping[str, str]) -> Address:
    """Finds the address of the parent for kernels with an environment, and makes its folder.

    Args:
        environment: the environment variables of the kernel.

    Returns:
        The address, which differs for each Python, and for each value of a setting that takes
        effect when Python starts or imports Keras, such as `KERAS_BACKEND`.

    Raises:
        UnsafeFolderError: others could enter the folder, or it cannot hold a socket.
        OSError: the folder cannot be made.

    Example:
        >>> one, other = find_address({}), find_address({"KERAS_BACKEND": "jax"})
        >>> one.folder == other.folder, one.name == other.name
        (True, False)
    """
    relevant = sorted(item for item in environment.items() if item[0].startswith(_IMPORT_TIME))
    identity = repr((sys.executable, sys.version, relevant))
    address = Address(_folder(environment), hashlib.sha256(identity.encode()).hexdigest()[:16])
    if len(os.fsencode(address.socket)) > _LONGEST:
        raise UnsafeFolderError(
            f"the path {address.socket} is too long for a socket; set XDG_RUNTIME_DIR to a shorter"
        )
    return address


def _folder(environment: Mapping[str, str]) -> Path:
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    if Path(runtime).is_absolute() and Path(runtime).is_dir() and os.access(runtime, os.W_OK):
        folder = Path(runtime) / "masklens"
    else:
        folder = Path(tempfile.gettempdir()) / f"masklens-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    # In a shared folder such as /tmp, another user may have made a folder of this name.
    found = folder.lstat()
    if (
        not stat.S_ISDIR(found.st_mode)
        or found.st_uid != os.getuid()
        or stat.S_IMODE(found.st_mode) & 0o077
    ):
        raise UnsafeFolderError(
            f"{folder} must be a folder of yours that nobody else can enter; remove it, or "
            "set XDG_RUNTIME_DIR to a folder of yours"
        )
    return folder
