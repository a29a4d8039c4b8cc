"""What every way of running the services offers, and what it says about them. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

Health = Literal["ok", "starting", "down"]
# Called with a line for the user as the work goes on.
Report = Callable[[str], None]


@dataclass(slots=True, frozen=True)
class PartStatus:
    """One part as it is now. `lag` = records not yet processed, None for parts that consume nothing or when unknown."""

    name: str
    address: str
    health: Health
    running: int
    wanted: int
    pids: tuple[int, ...] = ()
    lag: int | None = None
    last_error: str | None = None
    log: str | None = None


class Stack(Protocol):
    """Starts, stops and watches the services of one installation. Methods raise deploy.cli.Failure."""

    def start(self, report: Report) -> None:
        """Starts what does not run or has changed, and returns when every part is healthy."""

    def stop(self, report: Report) -> None:
        """Stops everything in order; nothing happens when nothing runs."""

    def status(self) -> list[PartStatus]:
        """Every part, in the order of the flow."""
