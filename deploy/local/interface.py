"""What every way of running the services offers, and what it says about them. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from ingest.storage.spool_file import EMPTY, Held

Health = Literal["ok", "starting", "down"]
# Called with a line for the user as the work goes on.
Report = Callable[[str], None]


@dataclass(slots=True, frozen=True)
class PartStatus:
    """One part as it is now. `lag` = records not yet processed, None for parts that consume nothing or when unknown.

    `last_error` is one that matters now: the newest of a part that is not ok, of an ok part one of the last minutes and
    since its present start. `last_error_at` = epoch seconds, None when its log does not tell.
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


@dataclass(slots=True, frozen=True)
class StackStatus:
    """Every part, in the order of the flow; `trouble` = one sentence on what concerns them all, None when in order."""

    parts: tuple[PartStatus, ...]
    trouble: str | None = None
    spooled: Held = EMPTY  # bodies on the disk that Kafka does not have yet
    broken_spools: int = 0  # files of the spool that could not be read and were set aside


class Stack(Protocol):
    """Starts, stops and watches the services of one installation. Methods raise schemas.errors.Failure."""

    def start(self, report: Report) -> None:
        """Starts what does not run or has changed, and returns when every part is healthy."""

    def stop(self, report: Report) -> None:
        """Stops everything in order; nothing happens when nothing runs."""

    def status(self) -> StackStatus:
        """How everything is; asks no secret of the environment."""
