"""The interface of a stack of services, and the status that it reports."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from ingest.storage.spool_file import EMPTY, Held

Health = Literal["ok", "starting", "down"]
# Receives one line of progress for the user.
Report = Callable[[str], None]


@dataclass(slots=True, frozen=True)
class PartStatus:
    """The status of one part. `lag`: records not yet processed; None for parts that consume nothing, or when unknown.

    `last_error`: the newest error of an unhealthy part; of a healthy part only one of the last minutes since its start.
    `last_error_at`: epoch seconds, None when the log line has no time.
    """

    name: str
    address: str
    health: Health
    running: int
    wanted: int
    pids: tuple[int, ...] = ()
    lag: int | None = None
    last_error: str | None = None
    last_error_at: float | None = None
    log: str | None = None
    notes: tuple[str, ...] = ()  # what has happened since its start, while it is healthy


@dataclass(slots=True, frozen=True)
class StackStatus:
    """Every part in the order of the data flow. `trouble`: one sentence about a problem of the whole stack, or None."""

    parts: tuple[PartStatus, ...]
    trouble: str | None = None
    spooled: Held = EMPTY  # bodies in the spool
    broken_spools: int = 0  # files of the spool that could not be read and were set aside
    problems: tuple[str, ...] = ()  # sentences about data, while every part may be healthy


class Stack(Protocol):
    """Starts, stops and watches the services of one installation. Methods raise schemas.errors.Failure."""

    def start(self, report: Report) -> None:
        """Starts parts that do not run or have changed; returns when every part is healthy."""

    def stop(self, report: Report) -> None:
        """Stops every running part in order."""

    def status(self) -> StackStatus:
        """The status of every part; reads no secrets from the environment."""
