"""Queries ClickHouse as the read-only user: one statement with bound values, a bounded number of rows back.

Limits are enforced here, because a read-only user may not set any on the server: reading stops after the allowed rows,
and a statement that takes too long loses its connection, which ends it in the local engine. Where the server accepts
limits from the user, they are sent as well.
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect
from clickhouse_connect.driver.exceptions import Error, ProgrammingError

from dashboards.page.problems import RETRY, Problem, bad_parameter, problem
from schemas.clickhouse_errors import Meaning, meaning
from schemas.errors import ConfigError
from schemas.process.logs import get_logger
from schemas.settings.sections import ClickHouse, Dashboards

if TYPE_CHECKING:
    from clickhouse_connect.driver.asyncclient import AsyncClient

log = get_logger("dashboards")

_CONNECT_SECONDS: Final = 5
_BAD_ARGUMENTS: Final = 36  # of ClickHouse; an unknown time zone is one


@dataclass(slots=True, frozen=True)
class Table:
    """Rows of an answer. `cut`: there are more of them than were asked for."""

    rows: list[tuple[Any, ...]]
    cut: bool
    elapsed_ms: float


class Store:
    """ClickHouse as the page sees it. `away_since` is the moment of the first question without an answer."""

    def __init__(self, clickhouse: ClickHouse, limits: Dashboards, clock: Callable[[], datetime]) -> None:
        self._settings = clickhouse
        self._seconds = limits.query_seconds
        self._places = asyncio.Semaphore(limits.max_concurrent_queries)
        self._clock = clock
        self._client: AsyncClient | None = None
        self._opening = asyncio.Lock()
        self.away_since: datetime | None = None

    async def rows(self, sql: str, parameters: Mapping[str, Any], most: int) -> Table:
        """At most `most` rows of a statement; times come with their zone. Raises Problem."""
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._seconds), self._places:
                client = await self._connected()
                rows = await self._read(client, sql, parameters, most + 1)
        except TimeoutError:
            raise self._too_long() from None
        except ConfigError:
            raise _no_rights() from None
        except OSError:
            raise self._away() from None
        except Error as error:
            raise self._failed(error) from None
        self.away_since = None
        elapsed = (asyncio.get_running_loop().time() - began) * 1000
        return Table(rows[:most], len(rows) > most, round(elapsed, 1))

    async def close(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            await self._client.close()

    async def _connected(self) -> "AsyncClient":
        async with self._opening:
            if self._client is None:
                self._client = await clickhouse_connect.get_async_client(
                    **self._settings.client_options(reader=True),
                    connect_timeout=_CONNECT_SECONDS,
                    send_receive_timeout=math.ceil(self._seconds),
                    tz_mode="aware",
                )
            return self._client

    async def _read(
        self, client: "AsyncClient", sql: str, parameters: Mapping[str, Any], most: int
    ) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        stream = await client.query_row_block_stream(sql, parameters=dict(parameters), settings=self._limits(client))
        async with stream:
            async for block in stream:
                rows.extend(map(tuple, block[: most - len(rows)]))
                if len(rows) >= most:
                    break
        return rows

    def _limits(self, client: "AsyncClient") -> dict[str, Any]:
        wanted = {"max_execution_time": math.ceil(self._seconds), "cancel_http_readonly_queries_on_client_close": 1}
        known = client.server_settings
        return {name: value for name, value in wanted.items() if name in known and not known[name].readonly}

    def _failed(self, error: Error) -> Problem:
        if error.code is None and not isinstance(error, ProgrammingError):  # no word of the server: the way to it
            return self._away()
        self.away_since = None  # it answered, if only to refuse
        return self._refused(error)

    def _away(self) -> Problem:
        if self.away_since is None:
            self.away_since = self._clock()
            log.warning("clickhouse_unreachable")
        return problem(
            503,
            "clickhouse_away",
            "ClickHouse does not answer: start it with `make up`, or mend clickhouse.url in the settings.",
            RETRY,
            since=self.away_since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )

    def _too_long(self) -> Problem:
        return problem(
            504,
            "query_timeout",
            f"ClickHouse needed longer than {self._seconds:g} s: choose a shorter range, or raise "
            "dashboards.query_seconds.",
        )

    def _refused(self, error: Error) -> Problem:
        code = error.code or 0
        log.warning("query_rejected", code=code)
        kind = meaning(code)
        if kind is Meaning.BAD_CREDENTIALS:
            return _no_rights()
        if kind in (Meaning.NO_TABLE, Meaning.NO_DATABASE):
            return problem(
                503, "tables_missing", "ClickHouse lacks a table of this version: run `ackstream migrate`.", RETRY
            )
        if kind is Meaning.BUSY:
            return problem(503, "busy", "ClickHouse has too many questions at once: try again.", RETRY)
        if kind is Meaning.TIMEOUT:
            return self._too_long()
        if kind is Meaning.OUT_OF_MEMORY:
            return problem(
                507,
                "query_too_large",
                "The question needs more memory than a query may take: choose a shorter range, or raise "
                "clickhouse.max_memory_bytes.",
            )
        if code == _BAD_ARGUMENTS and "time zone" in str(error):
            return bad_parameter("zone", "is not known to ClickHouse: use an IANA name such as Europe/Berlin")
        return problem(
            502,
            "query_failed",
            f"ClickHouse refused the statement with its error {code}: run the panel's SQL with `ackstream query` "
            "to read why.",
        )


def _no_rights() -> Problem:
    return problem(
        503,
        "clickhouse_refuses",
        "ClickHouse refuses the read-only user: compare clickhouse.reader_user and reader_password with the server's.",
        RETRY,
    )
