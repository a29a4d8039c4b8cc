"""Where an element of a body is in Kafka, and its id in `ackstream dead`."""

import re
from dataclasses import dataclass
from typing import Final, Self

from schemas.topics import RAW, SENT

# Most dead letters are of wa.raw: only another topic is part of the id.
_ID: Final = re.compile(rf"(?:({re.escape(RAW.name)}|{re.escape(SENT.name)}):)?(\d{{1,9}}):(\d{{1,18}}):(\d{{1,9}})")
ID_SQL: Final = (
    f"concat(if(raw.topic = '{RAW.name}', '', concat(raw.topic, ':')), "
    "toString(raw.partition), ':', toString(raw.offset), ':', toString(raw.index))"
)


@dataclass(slots=True, frozen=True)
class ElementPosition:
    """A record of wa.raw or wa.sent, and the index of an element in its body."""

    topic: str
    partition: int
    offset: int
    index: int

    @property
    def id(self) -> str:
        """The id: `3:1207:0`, or `wa.sent:3:1207:0`."""
        topic = "" if self.topic == RAW.name else f"{self.topic}:"
        return f"{topic}{self.partition}:{self.offset}:{self.index}"

    @classmethod
    def from_id(cls, text: str) -> Self | None:
        """The position with this id, None when the text is no id."""
        found = _ID.fullmatch(text)
        if found is None:
            return None
        topic, partition, offset, index = found.groups()
        return cls(topic or RAW.name, int(partition), int(offset), int(index))
