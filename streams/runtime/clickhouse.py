"""ClickHouse connections from the settings, and what their errors mean."""

from typing import TYPE_CHECKING, Any

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.clickhouse_errors import Meaning, in_words, meaning
from schemas.errors import ConfigError
from schemas.settings.sections import ClickHouse

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["CLICKHOUSE_ERRORS", "ClickHouseError", "connect", "describe", "meaning_of"]

# What a client raises while the server is unreachable, overloaded, or lacks a table of this version.
CLICKHOUSE_ERRORS: tuple[type[Exception], ...] = (ClickHouseError, OSError)


def error_code(error: Exception) -> int | None:
    """ClickHouse's number of an error; None when no server answered."""
    code = getattr(error, "code", None)
    return code if isinstance(code, int) else None


def meaning_of(error: Exception) -> Meaning:
    """What an error of a client means."""
    return meaning(error_code(error))


def describe(error: Exception) -> str:
    """`its disk is full (error 243)`, without the server's text: that may quote a row."""
    code = error_code(error)
    return f"{in_words(code, str(error))}: {type(error).__name__}" if code is None else in_words(code, str(error))


def connect(settings: ClickHouse, *, reader: bool = False, database: str | None = None, **more: Any) -> "Client":
    """A client of the settings' server, as the read-only user when `reader`. `more` = options of the driver.

    Raises ConfigError when the server does not answer, refuses the user, or has no such database.
    """
    options = settings.client_options(reader=reader) | ({} if database is None else {"database": database}) | more
    try:
        return clickhouse_connect.get_client(**options)
    except ClickHouseError as error:
        match meaning_of(error):
            case Meaning.BAD_CREDENTIALS:
                problem = "refuses the user or password: compare clickhouse.user and its password with the server's"
            case Meaning.NO_DATABASE:
                problem = f"has no database {settings.database}: run `ackstream migrate`"
            case _:
                problem = "does not answer: start it with `make up`, or correct clickhouse.url"
        raise ConfigError(f"ClickHouse at {settings.url} {problem}") from None
