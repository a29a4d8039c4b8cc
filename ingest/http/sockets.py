"""The port of the edge, shared only by the processes of one data folder.

SO_REUSEPORT lets any process of the same user share a port, so that two checkouts with the same port would silently
share their traffic. So each process locks a file in the data folder, and only one that finds a running sibling there
binds without a check that the port is free.
"""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import StartError

BACKLOG = 1024

# As getaddrinfo returns it: host and port, for IPv6 with flow information and scope.
Address = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]


@dataclass(slots=True, frozen=True)
class Claim:
    """The lock of one instance. Kept open: it lasts as long as the process."""

    lock_fd: int
    address: str
    siblings: int  # running processes of the same data folder
    sharers: int  # siblings with the same host and port

    def note_serving(self) -> None:
        """Writes the process id into the lock file: it accepts connections now. `up` and `status` read it."""
        _note(self.lock_fd, f"{self.address}\n{os.getpid()}")


@contextmanager
def claim(data_dir: Path, instance: int, host: str, port: int) -> Iterator[Claim]:
    """Locks `instance`; inside the block no sibling starts. Raises StartError when it is running already."""
    folder = data_dir / "run"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        gate = os.open(folder / "ingest.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartError(
            f"{folder} cannot be written ({error.strerror}): set data_dir to a folder that you may write to"
        ) from None
    try:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield _claim(folder, instance, f"{host} {port}")
    finally:
        os.close(gate)


def _claim(folder: Path, instance: int, address: str) -> Claim:
    own = folder / f"ingest-{instance}.lock"
    lock_fd = os.open(own, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not _lock(lock_fd):
        os.close(lock_fd)
        raise StartError(
            f"instance {instance} of ingest already runs in {folder.parent}: stop it, or start another --instance"
        )
    _note(lock_fd, address)
    others = [file for file in folder.glob("ingest-*.lock") if file != own]
    running = [file for file in others if _is_locked(file)]
    sharers = sum(file.read_text().partition("\n")[0] == address for file in running)
    return Claim(lock_fd, address, len(running), sharers)


def serving(data_dir: Path, instance: int) -> int:
    """The process that accepts, or last accepted, connections as `instance`; 0 when there is none."""
    with suppress(OSError, ValueError):
        return int((data_dir / "run" / f"ingest-{instance}.lock").read_text().partition("\n")[2])
    return 0


def _note(fd: int, text: str) -> None:
    os.ftruncate(fd, 0)
    os.pwrite(fd, text.encode(), 0)


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_locked(file: Path) -> bool:
    fd = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    try:
        return not _lock(fd)
    finally:
        os.close(fd)


def listen(host: str, port: int, share: bool, among_siblings: bool) -> list[socket.socket]:
    """Listening sockets on every address of `host`. Raises StartError.

    `share` sets SO_REUSEPORT; unless a sibling listens there (`among_siblings`), the port has to be free all the same.
    """
    addresses = _addresses(host, port)
    if share and not among_siblings:
        for family, address in addresses:
            _bind(family, address, host, port, share=False, probe=True).close()
    return [_bind(family, address, host, port, share) for family, address in addresses]


def _addresses(host: str, port: int) -> list[tuple[int, Address]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartError(
            f"ingest.host = {host!r} is not an address of this machine ({error.strerror}): correct it"
        ) from None
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _bind(family: int, address: Address, host: str, port: int, share: bool, probe: bool = False) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setblocking(False)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if share:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind(address)
        if not probe:
            bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise StartError(
                f"port {port} on {host} is taken by another program: stop it, or set ingest.port "
                "(ACKSTREAM_INGEST_PORT) to a free one"
            ) from None
        raise StartError(
            f"ingest cannot listen on {host} port {port} ({error.strerror}): change ingest.host or ingest.port"
        ) from None
    return bound
