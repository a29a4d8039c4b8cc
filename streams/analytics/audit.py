"""Compares the copy with the truth, once at the start and once a day, and mends what differs. IO: ClickHouse.

The copy cannot become wrong by itself. This is for what no counter tells: a part of a disk that was lost, a table that
somebody emptied or restored from a backup, rows that somebody wrote.
"""

import logging
from typing import TYPE_CHECKING, Any, Final

from streams.analytics import audit_sql as sql
from streams.analytics.copy import rebuild

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

log = logging.getLogger("ackstream.audit")

_DAY: Final = 86_400.0
_UNTIL_COMPLETE: Final = 60.0
# More messages than this are not worth mending one by one.
_MOST: Final = 20_000


class Audit:
    """The audit of one database. Not for two threads at once: a client is not."""

    def __init__(self, client: "Client") -> None:
        self._client = client
        # Seconds to wait before the next pass.
        self.pause = _DAY

    def pass_once(self) -> int:
        """Mends the copy, or has it rebuilt: how many messages differed. Does nothing while a rebuild is under way."""
        ((complete,),) = self._client.query("SELECT complete FROM copy_waiting").result_rows
        self.pause = _DAY if complete else _UNTIL_COMPLETE
        if not complete:
            return 0
        buckets = [bucket for (bucket,) in self._ask(sql.DIFFERING_BUCKETS)]
        if not buckets:
            return 0
        found = self._ask(sql.DIFFERING_MESSAGES, buckets=buckets, limit=_MOST)
        if len(found) == _MOST or any(ahead for _, ahead in found):
            log.warning("the copy of the units is not one of the tables that are there: it is made anew")
            rebuild(self._client)
            self.pause = _UNTIL_COMPLETE
        elif found:
            log.warning("%d messages differ between the copy and the truth: they are copied again", len(found))
            self._mend([message_id for message_id, _ in found])
        return len(found)

    def _mend(self, ids: list[str]) -> None:
        """Between the two touches readers take these messages from the truth, so none is missing meanwhile."""
        for statement in (sql.TOUCH, sql.REMOVE_STRAYS, sql.TOUCH):
            self._client.command(statement, parameters={"ids": ids})

    def _ask(self, statement: str, **parameters: Any) -> list[Any]:
        return list(self._client.query(statement, parameters=parameters, settings=sql.SETTINGS).result_rows)
