"""What a body of `/sent` holds: what is stored of it, and what its sender is told. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingest.http.refusals import NO_RAW_ANSWERS, RAW_IS_1, Refusal, bad_parameter
from ingest.storage.record import RecordHeaders
from schemas.normalisation.raw_topic import SEND_RESPONSE, SENT
from schemas.normalisation.sent_records import parse_send_response, refusal_of, split
from schemas.parsing.json_text import dumps
from schemas.parsing.results import Rejected
from schemas.providers.base import Provider

# An answer names so many refused records and counts the rest: a body of a million wrong lines has a small answer.
REFUSED_SHOWN = 1000

_RECORDS: RecordHeaders = [("kind", SENT.encode())]


class Refused:
    """The refused records of a body: the first by index and reason, the others by number."""

    def __init__(self) -> None:
        self.shown: list[dict[str, Any]] = []
        self.more = 0

    def add(self, index: int, reason: str) -> None:
        """One more."""
        if len(self.shown) < REFUSED_SHOWN:
            self.shown.append({"index": index, "reason": reason})
        else:
            self.more += 1

    def __len__(self) -> int:
        return len(self.shown) + self.more


@dataclass(slots=True, frozen=True)
class Taken:
    """`value` and `headers` of the record to store, how many sent records are in it, and the refused ones."""

    value: bytes
    headers: RecordHeaders
    accepted: int
    refused: Refused

    def report(self) -> dict[str, Any]:
        """{accepted, refused: [{index, reason}]}, and how many more were refused than are shown."""
        report: dict[str, Any] = {"accepted": self.accepted, "refused": self.refused.shown}
        return report | {"refused_more": self.refused.more} if self.refused.more else report


def take(body: bytes, query: Mapping[str, str], provider: Provider) -> Taken | Refusal:
    """What becomes of a body; with `raw=1` it is the provider's answer to a send, and the rest of the query facts."""
    raw = query.get("raw", "0")
    if raw == "0":
        return records(body)
    if raw != "1":
        return RAW_IS_1
    facts = {name: value.strip() for name, value in query.items() if name != "raw" and value.strip()}
    problem = refusal_of(facts)
    return answer(body, facts, provider) if problem is None else bad_parameter(problem)


def records(body: bytes) -> Taken:
    """The usable records as NDJSON with all their fields."""
    lines: list[bytes] = []
    refused = Refused()
    for index, (record, reason) in enumerate(split(body)):
        if record is not None:
            lines.append(dumps(record) + b"\n")
        else:
            refused.add(index, reason or "")
    return Taken(b"".join(lines), _RECORDS, len(lines), refused)


def answer(body: bytes, facts: Mapping[str, str], provider: Provider) -> Taken | Refusal:
    """The answer as it is, with the facts beside it; it is read now to tell the sender, and by the streams to count."""
    if provider.send_response is None:
        return NO_RAW_ANSWERS
    accepted = 0
    refused = Refused()
    try:
        for element in parse_send_response(provider.send_response, body, facts):
            if isinstance(element, Rejected):
                refused.add(accepted + len(refused), _reason(element.detail))
            elif element.kind == "sent":
                accepted += 1
    except Exception as error:  # a bug of the reader's must not look like one of the edge
        refused.add(accepted + len(refused), _reason(f"it cannot be read ({type(error).__name__})"))
    return Taken(body, [("kind", SEND_RESPONSE.encode()), ("facts", dumps(dict(facts)))], accepted, refused)


def _reason(detail: str) -> str:
    return f"This is no answer to a send that was accepted: {detail}; post the provider's answer as it came."
