"""What commands say when Kafka is away. Pure."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import KafkaError

from schemas.errors import Failure


@contextmanager
def kafka_away(bootstrap: str) -> Iterator[None]:
    """Makes a Failure of what Kafka's clients raise while it does not answer."""
    try:
        yield
    except (KafkaError, OSError) as error:
        raise Failure(f"Kafka at {bootstrap} does not answer ({type(error).__name__}): `make up` first") from None
