"""Where the local stack keeps what: one folder, with a mark that it is ours. IO: creates folders, takes the lock."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import Failure

MARK = ".ackstream-data"
# sun_path holds 108 bytes on Linux, 104 on macOS, its closing zero and supervisor's ".<pid>" while binding included.
_SOCKET_BYTES = 90


@dataclass(slots=True, frozen=True)
class Layout:
    """The paths below a data folder."""

    root: Path

    @property
    def key(self) -> str:
        """Tells this folder's processes and socket from those of other folders."""
        return hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "log"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def kafka(self) -> Path:
        return self.root / "kafka"

    @property
    def clickhouse(self) -> Path:
        return self.root / "clickhouse"

    @property
    def users(self) -> Path:
        return self.run / "clickhouse-users.json"

    def given(self, part: str) -> Path:
        """The secrets that a part is given instead of reading them from the environment of `up`; see `program`."""
        return self.run / f"secrets-{part}.json"

    @property
    def supervisor_conf(self) -> Path:
        return self.run / "supervisor.conf"

    @property
    def socket(self) -> Path:
        """Of the supervisor; outside the folder, whose path may be too long for a socket."""
        name = f"ackstream-{os.getuid()}-{self.key}.sock"
        for folder in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108  (the socket itself is 0700 and has a password)
            if len(os.fsencode(folder / name)) <= _SOCKET_BYTES:
                return folder / name
        raise Failure("TMPDIR is too long a path for a socket: set it to a shorter one")

    def log(self, part: str, instance: int | str | None = None) -> Path:
        """The log of a part; of one of its processes when there may be several."""
        return self.logs / (f"{part}.log" if instance is None else f"{part}-{instance}.log")

    def heartbeat(self, stage: str, instance: int) -> Path:
        """What a worker writes every second: {"pid", "ready", "at", "last_error"}."""
        return self.run / f"worker-{stage}-{instance}.json"

    def create(self) -> None:
        """Creates the folders, for the owner alone. Raises Failure when `root` is not ours or cannot be written."""
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not (self.root / MARK).exists():
                self._adopt()
                self.root.chmod(0o700)
            for folder in (self.run, self.logs, self.secrets):
                folder.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise Failure(
                f"{self.root}: cannot be written ({error.strerror}): set data_dir to a folder of yours"
            ) from None

    def _adopt(self) -> None:
        known = {"run", "log", "secrets", "kafka", "clickhouse", "state", "metrics", "spool", "replay"}
        foreign = sorted(entry.name for entry in self.root.iterdir() if entry.name not in known)
        if foreign:
            raise Failure(f"{self.root} holds other files ({foreign[0]}): set data_dir to an empty or a new folder")
        (self.root / MARK).write_text("Data of Ackstream; `make clean` removes all but the secrets.\n")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Only one command at a time starts or stops. Raises Failure when another is at it."""
        handle = os.open(self.root / MARK, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _lock(handle, self.root)
            yield
        finally:
            os.close(handle)


def write_private(file: Path, text: str) -> None:
    """Replaces `file` as a whole; only the owner can read it, at no moment anybody else."""
    part = file.with_suffix(".new")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    part.replace(file)


def shown(path: Path) -> str:
    """A path as the user would type it here: relative below the current folder."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _lock(handle: int, root: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Failure(f"another up, down or clean is at work on {root}: wait for it to end") from None
