"""Queries ClickHouse as the read-only user, with bound parameters and a limited number of rows.

Limits are enforced here, because a read-only user may not set any on the server: reading stops after the allowed rows,
and the connection of a statement that takes too long is closed, which ends the statement in the local engine. Where
the server accepts limits from the user, they are sent as well.
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
_BAD_ARGUMENTS: Final = 36  # ClickHouse's error for an unknown time zone, among others


@dataclass(slots=True, frozen=True)
class Table:
    """The rows of a result. `truncated`: there are more rows than the limit."""

    rows: list[tuple[Any, ...]]
    truncated: bool
    elapsed_ms: float


class ReaderClient:
    """The page's connections to ClickHouse. `unreachable_since`: time of the first query without an answer."""

    def __init__(self, clickhouse: ClickHouse, limits: Dashboards, clock: Callable[[], datetime]) -> None:
        self._settings = clickhouse
        self._seconds = limits.query_seconds
        self._slots = asyncio.Semaphore(limits.max_concurrent_queries)
        self._clock = clock
        self._client: AsyncClient | None = None
        self._opening = asyncio.Lock()
        self.unreachable_since: datetime | None = None

    async def rows(self, sql: str, parameters: Mapping[str, Any], limit: int) -> Table:
        """At most `limit` rows of a statement; times have a zone. Raises Problem."""
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._seconds), self._slots:
                client = await self._connected()
                rows = await self._read(client, sql, parameters, limit + 1)
        except TimeoutError:
            raise self._timeout() from None
        except ConfigError:
            raise _access_denied() from None
        except OSError:
            raise self._unreachable() from None
        except Error as error:
            raise self._problem_of(error) from None
        self.unreachable_since = None
        elapsed = (asyncio.get_running_loop().time() - began) * 1000
        return Table(rows[:limit], len(rows) > limit, round(elapsed, 1))

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
        self, client: "AsyncClient", sql: str, parameters: Mapping[str, Any], limit: int
    ) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        stream = await client.query_row_block_stream(sql, parameters=dict(parameters), settings=self._limits(client))
        async with stream:
            async for block in stream:
                rows.extend(map(tuple, block[: limit - len(rows)]))
                if len(rows) >= limit:
                    break
        return rows

    def _limits(self, client: "AsyncClient") -> dict[str, Any]:
        wanted = {"max_execution_time": math.ceil(self._seconds), "cancel_http_readonly_queries_on_client_close": 1}
        known = client.server_settings
        return {name: value for name, value in wanted.items() if name in known and not known[name].readonly}

    def _problem_of(self, error: Error) -> Problem:
        if error.code is None and not isinstance(error, ProgrammingError):  # not from the server: it cannot be reached
            return self._unreachable()
        self.unreachable_since = None  # an error is an answer, too
        return self._rejected(error)

    def _unreachable(self) -> Problem:
        if self.unreachable_since is None:
            self.unreachable_since = self._clock()
            log.warning("clickhouse_unreachable")
        return problem(
            503,
            "clickhouse_unreachable",
            "ClickHouse does not answer: start it with `make up`, or correct clickhouse.url in the settings.",
            RETRY,
            since=self.unreachable_since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )

    def _timeout(self) -> Problem:
        return problem(
            504,
            "query_timeout",
            f"The query took longer than {self._seconds:g} s: choose a shorter range, or raise "
            "dashboards.query_seconds.",
        )

    def _rejected(self, error: Error) -> Problem:
        code = error.code or 0
        log.warning("query_rejected", code=code)
        kind = meaning(code)
        if kind is Meaning.BAD_CREDENTIALS:
            return _access_denied()
        if kind in (Meaning.NO_TABLE, Meaning.NO_DATABASE):
            return problem(
                503,
                "tables_missing",
                "ClickHouse lacks tables of this version: run `ackstream migrate`.",
                RETRY,
            )
        if kind is Meaning.BUSY:
            return problem(503, "busy", "ClickHouse is running too many queries: try again.", RETRY)
        if kind is Meaning.TIMEOUT:
            return self._timeout()
        if kind is Meaning.OUT_OF_MEMORY:
            return problem(
                507,
                "query_too_large",
                "The query needs more memory than it may use: choose a shorter range, or raise "
                "clickhouse.max_memory_bytes.",
            )
        if code == _BAD_ARGUMENTS and "time zone" in str(error):
            return bad_parameter("zone", "is unknown to ClickHouse: use an IANA name such as Europe/Berlin")
        return problem(
            502,
            "query_failed",
            f"ClickHouse rejected the query with error {code}: run the panel's SQL with `ackstream query` "
            "to see the reason.",
        )


def _access_denied() -> Problem:
    return problem(
        503,
        "clickhouse_access_denied",
        "ClickHouse rejects the read-only user: compare clickhouse.reader_user and reader_password with the server's.",
        RETRY,
    )
