"""The audit: compares the copy with the truth at the start and once a day, and repairs what differs.

The copy cannot become wrong by itself. The audit finds changes that no counter records: a part that was lost
with a disk, a table that was truncated or restored from a backup, rows that another program wrote.
"""

from typing import TYPE_CHECKING, Any, Final

from schemas.process.logs import get_logger
from streams.analytics import audit_sql as sql
from streams.analytics.copy import rebuild
from streams.runtime.query_parameters import portions

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

log = get_logger("audit")

_DAY: Final = 86_400.0
_UNTIL_COMPLETE: Final = 60.0
# Above so many differing messages a new copy is cheaper than repairs.
REPAIRED_MESSAGES: Final = 20_000


class Audit:
    """The audit of one database. For one thread at a time, because a client is."""

    def __init__(self, client: "Client", repaired_messages: int = REPAIRED_MESSAGES) -> None:
        self._client = client
        self._repaired_messages = repaired_messages
        # Seconds until the next pass.
        self.pause = _DAY

    def pass_once(self) -> int:
        """Repairs the copy, or begins a new one; returns how many messages differed. Does nothing during a rebuild."""
        ((complete,),) = self._client.query("SELECT complete FROM copy_waiting").result_rows
        self.pause = _DAY if complete else _UNTIL_COMPLETE
        if not complete:
            return 0
        buckets = [bucket for (bucket,) in self._ask(sql.DIFFERING_BUCKETS)]
        if not buckets:
            return 0
        found = self._ask(sql.DIFFERING_MESSAGES, buckets=buckets, limit=self._repaired_messages)
        if len(found) == self._repaired_messages or any(ahead for _, ahead in found):
            log.warning("copy_rebuilt", reason="the copy of the units does not belong to the present tables")
            rebuild(self._client)
            self.pause = _UNTIL_COMPLETE
        elif found:
            log.warning("copy_repaired", messages=len(found))
            self._repair([message_id for message_id, _ in found])
        return len(found)

    def _repair(self, ids: list[str]) -> None:
        """Between the two touches readers take these messages from the truth, so none is missing meanwhile."""
        for portion in portions(ids):
            for statement in (sql.TOUCH, sql.REMOVE_STRAYS, sql.TOUCH):
                self._client.command(statement, parameters={"ids": portion})

    def _ask(self, statement: str, **parameters: Any) -> list[Any]:
        return list(self._client.query(statement, parameters=parameters, settings=sql.SETTINGS).result_rows)
