"""Where the socket of the supervisor is: in a folder of this user alone, so that nobody else takes its name."""

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from deploy.local.layout import Layout
from schemas.errors import Failure

# sun_path holds 108 bytes on Linux, 104 on macOS, its closing zero and supervisor's ".<pid>" while binding included.
_MOST_BYTES = 90


def socket_path(layout: Layout, environment: Mapping[str, str]) -> Path:
    """In the data folder; for one with a long path in XDG_RUNTIME_DIR, or else in a private folder below TMPDIR.

    Makes that private folder. Raises Failure when another user has it, or when every path is too long.
    """
    inside = layout.run / "supervisor.sock"
    if _fits(inside):
        return inside
    name = f"ackstream-{layout.key}.sock"
    runtime = Path(environment.get("XDG_RUNTIME_DIR") or "/")
    if _is_private(runtime) and _fits(runtime / name):
        return runtime / name
    for folder in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108  (checked to be private)
        private = folder / f"ackstream-{os.getuid()}"
        if _fits(private / name):
            return _made(private) / name
    raise Failure("TMPDIR is too long a path for a socket: set it to a shorter one")


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= _MOST_BYTES


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Failure(
            f"{folder} cannot be made ({error.strerror}): set TMPDIR to a folder that you may write to"
        ) from None
    if not _is_private(folder):
        raise Failure(f"{folder} is open to other users: remove it, or set TMPDIR to another folder")
    return folder


def _is_private(folder: Path) -> bool:
    """Whether it is a folder, no link, of this user alone."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
