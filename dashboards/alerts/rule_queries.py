"""Queries ClickHouse, as the read-only user, for the rows of a rule."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect
from clickhouse_connect.driver.exceptions import Error, ProgrammingError

from dashboards.alerts.row_text import to_row
from dashboards.alerts.rule import Rule
from dashboards.alerts.transitions import Row
from schemas.errors import ConfigError
from schemas.settings.sections import ClickHouse

if TYPE_CHECKING:
    from clickhouse_connect.driver.asyncclient import AsyncClient

_CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 30


class ClickHouseUnavailableError(Exception):
    """ClickHouse does not answer, or rejects the user."""


class QueryRejectedError(Exception):
    """ClickHouse rejects a statement. The text is only the error number, because the server's text may quote rows."""


class RuleQueries:
    """One connection, opened by the first query."""

    def __init__(self, settings: ClickHouse) -> None:
        self._settings = settings
        self._client: AsyncClient | None = None

    async def ping(self) -> None:
        """Raises ClickHouseUnavailableError unless ClickHouse answers."""
        await self._query("SELECT 1", {})

    async def rows(self, rule: Rule, now: float) -> list[Row]:
        """The rows of a rule at `now`. Raises ClickHouseUnavailableError and QueryRejectedError."""
        found = await self._query(rule.sql, {"now": datetime.fromtimestamp(now, UTC)})
        return [to_row(rule, columns) for columns in found]

    async def close(self) -> None:
        """Closes the connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _query(self, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            if self._client is None:
                self._client = await clickhouse_connect.get_async_client(
                    **self._settings.client_options(reader=True),
                    connect_timeout=_CONNECT_SECONDS,
                    send_receive_timeout=ANSWER_SECONDS,
                )
            return list((await self._client.query(sql, parameters=parameters)).named_results())
        except (ConfigError, OSError, TimeoutError):
            raise ClickHouseUnavailableError from None
        except Error as error:
            if self._client is not None and (error.code is not None or isinstance(error, ProgrammingError)):
                raise QueryRejectedError(f"error {error.code or 0} of ClickHouse") from None
            raise ClickHouseUnavailableError from None
