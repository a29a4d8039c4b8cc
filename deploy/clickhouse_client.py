"""The one way to open a ClickHouse client from the settings. IO."""

from typing import TYPE_CHECKING, Any

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.config import ClickHouse, ConfigError

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["ClickHouseError", "connect"]


def connect(settings: ClickHouse, *, reader: bool = False, database: str | None = None, **more: Any) -> "Client":
    """A client of the settings' server, as the read-only user when `reader`. ConfigError when it does not answer."""
    options = settings.client_options(reader=reader) | ({} if database is None else {"database": database}) | more
    try:
        return clickhouse_connect.get_client(**options)
    except ClickHouseError as error:
        said = str(error)
        if "AUTHENTICATION_FAILED" in said or "REQUIRED_PASSWORD" in said:
            why = "refuses the user or password: compare clickhouse.user and its password with the server's"
        elif "UNKNOWN_DATABASE" in said:
            why = f"has no database {settings.database}: run `ackstream migrate`"
        else:
            why = "does not answer: start it with `make up`, or mend clickhouse.url"
        raise ConfigError(f"ClickHouse at {settings.url} {why}") from None
