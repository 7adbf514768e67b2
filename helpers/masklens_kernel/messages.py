"""Messages between launcher and parent over a socket: JSON, and open files."""

from __future__ import annotations

import json
import os
import socket
import struct
import tempfile
from dataclasses import asdict, dataclass
from typing import IO, Any

STANDARD_STREAMS = (0, 1, 2)
_LENGTH = struct.Struct(">I")  # of the message that follows, in bytes
TIMEOUT = 10  # seconds for a message to arrive from another process of this machine


@dataclass(frozen=True)
class Request:
    """The kernel that a launcher asks for.

    Args:
        connection_file: Jupyter's file with the ports and the key of the kernel.
        folder: the working directory.
        umask: the permissions that new files do not get.
        environment: the environment variables.
        path: where modules are looked for.
        limits: the soft and the hard limit of each resource that the system limits.
    """

    connection_file: str
    folder: str
    umask: int
    environment: dict[str, str]
    path: list[str]
    limits: dict[str, tuple[int, int]]


def is_of_this_user(connection: socket.socket) -> bool:
    """Returns whether the other side runs as the same user, if the system can tell."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # then only the permissions of the folder protect the socket
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return bool(struct.unpack("3i", peer)[1] == os.getuid())


def send_request(connection: socket.socket, request: Request) -> None:
    """Asks for a kernel that takes over this process's input and outputs."""
    with _unnamed_file() as request_file:
        request_file.write(json.dumps(asdict(request)).encode())
        request_file.flush()
        socket.send_fds(connection, [b"\0"], [*STANDARD_STREAMS, request_file.fileno()])


def receive_request(connection: socket.socket) -> tuple[Request, list[int]] | None:
    """Receives a request with the kernel's streams, which come in one piece, so it never waits.

    Returns:
        The request and three open files; None if the other side only tested the connection.
    """
    _, files, _, _ = socket.recv_fds(connection, 1, len(STANDARD_STREAMS) + 1)
    if len(files) <= len(STANDARD_STREAMS):
        return None
    for file in files:
        os.set_inheritable(file, False)
    *streams, request_file = files
    with os.fdopen(request_file, "rb") as opened:
        opened.seek(0)
        return Request(**json.load(opened)), streams


def _unnamed_file() -> IO[bytes]:
    if hasattr(os, "memfd_create"):  # needs no disk space, but macOS does not have it
        return os.fdopen(os.memfd_create("request"), "wb")
    return tempfile.TemporaryFile()


def send(connection: socket.socket, **message: Any) -> None:
    """Sends a message."""
    body = json.dumps(message).encode()
    connection.sendall(_LENGTH.pack(len(body)) + body)


def receive(connection: socket.socket) -> dict[str, Any] | None:
    """Receives the next message; None if the other side has left."""
    head = _receive_exactly(connection, _LENGTH.size)
    body = _receive_exactly(connection, *_LENGTH.unpack(head)) if head else b""
    return dict(json.loads(body)) if body else None


def _receive_exactly(connection: socket.socket, size: int) -> bytes:
    """Receives so many bytes; none if the other side leaves before."""
    received = bytearray()
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            return b""
        received += part
    return bytes(received)
