"""The data folder of the local stack: its paths, its marker file, its lock."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import Failure

MARK = ".ackstream-data"


@dataclass(slots=True, frozen=True)
class Layout:
    """The paths below a data folder."""

    root: Path

    @property
    def key(self) -> str:
        """Identifies the processes and the socket of this folder: 16 hex digits."""
        return hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]

    @property
    def run(self) -> Path:
        """Files of running processes: heartbeats, supervisor, given secrets."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """Logs of all parts."""
        return self.root / "log"

    @property
    def secrets(self) -> Path:
        """Secret files that `make up` creates."""
        return self.root / "secrets"

    @property
    def kafka(self) -> Path:
        """Settings and storage of the local broker."""
        return self.root / "kafka"

    @property
    def clickhouse(self) -> Path:
        """Data of the local ClickHouse."""
        return self.root / "clickhouse"

    @property
    def users(self) -> Path:
        """Users file of the local ClickHouse."""
        return self.run / "clickhouse-users.json"

    def given(self, part: str) -> Path:
        """Secrets of a part that came from the environment of `up`; deploy/cli/run_part.py reads them."""
        return self.run / f"secrets-{part}.json"

    @property
    def supervisor_conf(self) -> Path:
        """Configuration of the supervisor."""
        return self.run / "supervisor.conf"

    def log(self, part: str, instance: int | str | None = None) -> Path:
        """The log of a part; with `instance` that of one of its processes."""
        return self.logs / (f"{part}.log" if instance is None else f"{part}-{instance}.log")

    def heartbeat(self, stage: str, instance: int) -> Path:
        """The heartbeat file that a worker writes every second: {"pid", "ready", "at", "last_error", "notes"}."""
        return self.run / f"worker-{stage}-{instance}.json"

    def create(self) -> None:
        """Creates the folders with mode 0700. Raises Failure when `root` holds foreign files or cannot be written."""
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not (self.root / MARK).exists():
                self._adopt()
                self.root.chmod(0o700)
            for folder in (self.run, self.logs, self.secrets):
                folder.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise Failure(
                f"{self.root}: cannot be written ({error.strerror}): set data_dir to a folder that you may write to"
            ) from None

    def _adopt(self) -> None:
        known = {"run", "log", "secrets", "kafka", "clickhouse", "state", "metrics", "spool", "replay"}
        foreign = sorted(entry.name for entry in self.root.iterdir() if entry.name not in known)
        if foreign:
            raise Failure(f"{self.root} holds other files ({foreign[0]}): set data_dir to an empty or a new folder")
        (self.root / MARK).write_text("Data of Ackstream; `make clean` removes all but the secrets.\n")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the lock of up, down and clean. Raises Failure when another command holds it."""
        handle = os.open(self.root / MARK, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _lock(handle, self.root)
            yield
        finally:
            os.close(handle)


def write_private(file: Path, text: str) -> None:
    """Replaces `file` atomically; mode 0600 from the start."""
    part = file.with_suffix(".new")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    part.replace(file)


def shown(path: Path) -> str:
    """A path as the user would type it: relative if it lies below the current folder."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _lock(handle: int, root: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Failure(f"another up, down or clean is working on {root}: wait for it to end") from None
