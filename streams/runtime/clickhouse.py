"""The one way to open a ClickHouse client from the settings. IO."""

import re
from typing import TYPE_CHECKING, Any

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.errors import ConfigError
from schemas.settings.config import ClickHouse

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["ClickHouseError", "connect", "reason"]

# What ClickHouse says before and after the one thing that helps.
_BEFORE = re.compile(r"^.*?DB::Exception: ", re.DOTALL)
_AFTER = re.compile(r"\.? ?(Expected one of|In scope |\(version |\(for url ).*$", re.DOTALL)


def reason(error: ClickHouseError) -> str:
    """The server's own sentence, without the list of all keywords that it appends to a syntax error. Pure."""
    return " ".join(_AFTER.sub("", _BEFORE.sub("", str(error))).split())


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
