"""Turns errors of the Kafka and ClickHouse clients into one sentence for the user."""

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.clickhouse_errors import Meaning, meaning, sentence
from schemas.errors import ComparisonImpossible, ConfigError, Failure
from schemas.settings.config import Config, load

# Nothing is imported for errors that do not happen: `--help` shall be quick.


def as_failure(error: Exception) -> Failure | None:
    """The error as one sentence; None for an error that is a fault of this program, or wrong usage."""
    if isinstance(error, Failure):
        return error
    from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError
    from clickhouse_connect.driver.exceptions import ClickHouseError

    if isinstance(error, ClickHouseError):
        return _clickhouse(error, getattr(error, "code", None))
    if isinstance(error, KafkaConnectionError | KafkaTimeoutError | ConnectionError | TimeoutError):
        return _kafka(error, "does not answer")
    if isinstance(error, KafkaError):
        return _kafka(error, "does not answer" if error.retriable else "refuses")
    if isinstance(error, OSError) and error.strerror:
        return Failure(": ".join(str(part) for part in (error.filename, error.strerror) if part))
    return None


@contextmanager
def comparing() -> Iterator[None]:
    """For comparisons: a comparison that cannot be made is neither right nor wrong, and has its own exit code."""
    try:
        yield
    except Exception as error:
        failure = as_failure(error)
        if failure is None:
            raise
        raise ComparisonImpossible(str(failure)) from None


def _clickhouse(error: Exception, code: int | None) -> Failure:
    if meaning(code) is Meaning.UNREACHABLE:
        config = _settings()
        place = f" at {config.clickhouse.url}" if config else ""
        return Failure(f"ClickHouse{place} does not answer: see `make status`, then run this command again")
    return Failure(f"ClickHouse rejected the query: {sentence(error)}")


def _kafka(error: Exception, what: str) -> Failure:
    config = _settings()
    place = f" at {config.kafka.bootstrap}" if config else ""
    return Failure(f"Kafka{place} {what} ({type(error).__name__}): see `make status`, then run this command again")


def _settings() -> Config | None:
    try:
        return load()
    except ConfigError:
        return None
