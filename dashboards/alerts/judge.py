"""Asks ClickHouse, as the read-only user, how the rows of a rule are. IO."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect
from clickhouse_connect.driver.exceptions import Error, ProgrammingError

from dashboards.alerts.evaluate import Row
from dashboards.alerts.rule import Rule
from dashboards.alerts.words import row
from schemas.errors import ConfigError
from schemas.settings.sections import ClickHouse

if TYPE_CHECKING:
    from clickhouse_connect.driver.asyncclient import AsyncClient

_CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 30


class Away(Exception):  # noqa: N818  (it is a state of the world)
    """ClickHouse does not answer, or does not let us in."""


class Refused(Exception):  # noqa: N818
    """ClickHouse answers, but not this question; the text is its error's number, never its words, which quote rows."""


class Judge:
    """One connection, opened when it is needed."""

    def __init__(self, settings: ClickHouse) -> None:
        self._settings = settings
        self._client: AsyncClient | None = None

    async def reach(self) -> None:
        """Raises Away unless ClickHouse answers."""
        await self._rows("SELECT 1", {})

    async def look(self, rule: Rule, now: float) -> list[Row]:
        """The rows of a rule. Raises Away and Refused."""
        found = await self._rows(rule.sql, {"now": datetime.fromtimestamp(now, UTC)})
        return [row(rule, columns) for columns in found]

    async def close(self) -> None:
        """Ends the connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _rows(self, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            if self._client is None:
                self._client = await clickhouse_connect.get_async_client(
                    **self._settings.client_options(reader=True),
                    connect_timeout=_CONNECT_SECONDS,
                    send_receive_timeout=ANSWER_SECONDS,
                )
            return list((await self._client.query(sql, parameters=parameters)).named_results())
        except (ConfigError, OSError, TimeoutError):
            raise Away from None
        except Error as error:
            if self._client is not None and (error.code is not None or isinstance(error, ProgrammingError)):
                raise Refused(f"error {error.code or 0} of ClickHouse") from None
            raise Away from None
