"""A spool without a process around it: records, a Kafka whose answers the test gives, and waiting for an effect."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from ingest.metrics import Metrics
from ingest.storage.memory_budget import Charge, MemoryBudget
from ingest.storage.record import Record, RecordHeaders
from ingest.storage.spool import Bounds, Spool
from schemas.process.tasks import Tasks
from tests.support.waiting import until


def record(number: int, size: int = 10) -> Record:
    """A record that is unlike the others; the higher its number, the later."""
    return Record(b"%d" % number * size, [("source", b"shop"), ("odd", bytes(range(256)))], 1_000 + number)


class Kafka:
    """A sink whose answers the test gives; it takes nothing until `flowing` is set."""

    def __init__(self) -> None:
        self.flowing = False
        self.refusals = 0
        self.offered: list[tuple[bytes, asyncio.Future[bool]]] = []

    def offer(self, value: bytes, headers: RecordHeaders, timestamp_ms: int) -> asyncio.Future[bool] | None:
        """Takes every record."""
        assert headers[-1] == ("spooled", b"1")
        assert timestamp_ms >= 1_000
        self.offered.append((value, asyncio.get_running_loop().create_future()))
        return self.offered[-1][1]

    async def store(self, *bodies: bytes) -> None:
        """Acknowledges these bodies, in this order, as they are offered."""
        for body in bodies:
            await until("a body is offered", lambda: bool(self.offered))
            value, waiter = self.offered.pop(0)
            assert value == body
            waiter.set_result(True)


class Place:
    """A spool with everything that it needs, in `folder`."""

    def __init__(self, tmp_path: Path, clock: Callable[[], int], bounds: Bounds) -> None:
        self.folder = tmp_path / "spool"
        self.budget = MemoryBudget(1 << 30)
        self.tasks = Tasks()
        self.spool = Spool(self.folder, bounds, clock, Metrics(tmp_path, 0), self.budget, self.tasks)

    async def put(self, one: Record, seconds: float = 60) -> bool:
        """Puts a record as a handler does."""
        charge = Charge(self.budget)
        assert charge.add(len(one.body))
        try:
            return await self.spool.put(one, charge, seconds)
        finally:
            charge.release()

    def paths(self) -> list[Path]:
        """The files of the spool."""
        return sorted(self.folder.glob("*.spool"))
