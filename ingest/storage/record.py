"""One record of `wa.raw` before it is stored."""

from typing import NamedTuple

RecordHeaders = list[tuple[str, bytes]]


class Record(NamedTuple):
    """A body with the headers of its record; `received_ms` is its timestamp, milliseconds UTC."""

    body: bytes
    headers: RecordHeaders
    received_ms: int
