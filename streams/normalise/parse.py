"""Parses one Kafka record of wa.raw or wa.sent into canonical events and dead letters."""

from aiokafka.structs import ConsumerRecord

from schemas.normalisation.dead_letters import DeadLetter
from schemas.normalisation.raw_topic import Event, normalise
from schemas.normalisation.sent_topic import SentRecord, named_sources, normalise_record
from schemas.providers.registry import Formats
from schemas.settings.config import Config
from schemas.topics import SENT
from streams.runtime.records import headers_of, position_of


def parse_record(record: ConsumerRecord, config: Config, formats: Formats) -> tuple[list[Event], list[DeadLetter]]:
    """Events and dead letters of one record of wa.raw or wa.sent; `formats` are those of `config`. Never raises."""
    if record.topic == SENT.name:
        return normalise_record(sent_record(record), config)
    return normalise(headers_of(record), record.value or b"", position_of(record), formats)


def sources_of(record: ConsumerRecord) -> set[str]:
    """The sources that a record of wa.raw or wa.sent names; only one of wa.sent may name several."""
    if record.topic == SENT.name:
        return named_sources(sent_record(record))
    return {headers_of(record).get("source", "")}


def sent_record(record: ConsumerRecord) -> SentRecord:
    """A record of wa.sent as its parser takes it."""
    return SentRecord(headers_of(record), record.value or b"", position_of(record), record.timestamp)
