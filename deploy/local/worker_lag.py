"""The lag of the workers in records, for commands."""

import asyncio

from aiokafka.errors import KafkaError

from deploy import blocking
from deploy.local import ports
from schemas.settings.brokers import BrokerList
from streams.runtime.lag import GROUPS, Lags

_SECONDS = 10.0


def lags(bootstrap: str) -> dict[str, int | None]:
    """Records not yet processed, by stage; None when Kafka does not answer or the topics do not exist."""
    if not any(ports.accepts(host, port) for host, port in BrokerList(bootstrap).addresses):
        return dict.fromkeys(GROUPS)
    try:
        return blocking.run(asyncio.wait_for(_records(bootstrap), _SECONDS))
    except (KafkaError, OSError, TimeoutError):
        return dict.fromkeys(GROUPS)


def deleted(bootstrap: str) -> dict[str, int]:
    """Records by stage that Kafka has deleted and no worker has come to yet; {} when Kafka does not answer."""
    if not any(ports.accepts(host, port) for host, port in BrokerList(bootstrap).addresses):
        return {}
    try:
        return blocking.run(asyncio.wait_for(_deleted(bootstrap), _SECONDS))
    except (KafkaError, OSError, TimeoutError):
        return {}


async def _deleted(bootstrap: str) -> dict[str, int]:
    async with Lags(bootstrap) as found:
        return await found.deleted()


async def _records(bootstrap: str) -> dict[str, int | None]:
    async with Lags(bootstrap) as found:
        return await found.records()
