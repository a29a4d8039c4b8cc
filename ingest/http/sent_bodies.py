"""The body of a POST to `/sent`: the record that is stored of it, and the report to its sender."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from ingest.http.refusals import NO_RAW_ANSWERS, RAW_IS_1
from ingest.storage.record import RecordHeaders
from schemas.http_errors import HttpError, bad_parameter
from schemas.normalisation.raw_topic import SEND_RESPONSE, SENT
from schemas.normalisation.sent_records import facts_refusal_reason, parse_send_response, split
from schemas.parsing.json_text import dumps
from schemas.parsing.results import Rejected
from schemas.providers.base import Provider

# An answer lists this many refused records and counts the rest: a body of a million wrong lines gets a small answer.
REFUSED_SHOWN = 1000

_RECORDS: RecordHeaders = [("kind", SENT.encode())]


class RefusedRecord(TypedDict):
    """One refused record in the answer."""

    index: int
    reason: str


class Report(TypedDict):
    """The answer to a sender; `refused_more` = how many more were refused than `refused` lists."""

    accepted: int
    refused: list[RefusedRecord]
    refused_more: NotRequired[int]


class RefusedRecords:
    """The refused records of a body: the first REFUSED_SHOWN are listed, the others counted."""

    def __init__(self) -> None:
        self.shown: list[RefusedRecord] = []
        self.more = 0

    def add(self, index: int, reason: str) -> None:
        """Adds one."""
        if len(self.shown) < REFUSED_SHOWN:
            self.shown.append({"index": index, "reason": reason})
        else:
            self.more += 1

    def __len__(self) -> int:
        return len(self.shown) + self.more


@dataclass(slots=True, frozen=True)
class SentBody:
    """`value` and `headers` of the record to store, the number of sent records in it, and the refused ones."""

    value: bytes
    headers: RecordHeaders
    accepted: int
    refused: RefusedRecords

    def report(self) -> Report:
        """The answer to the sender."""
        report: Report = {"accepted": self.accepted, "refused": self.refused.shown}
        if self.refused.more:
            report["refused_more"] = self.refused.more
        return report


def read_sent_body(body: bytes, query: Mapping[str, str], provider: Provider) -> SentBody | HttpError:
    """The record of a body; with `raw=1` it is the provider's answer to a send, and the rest of the query its facts."""
    raw = query.get("raw", "0")
    if raw == "0":
        return read_records(body)
    if raw != "1":
        return RAW_IS_1
    facts = {name: value.strip() for name, value in query.items() if name != "raw" and value.strip()}
    problem = facts_refusal_reason(facts)
    return read_send_response(body, facts, provider) if problem is None else bad_parameter(problem)


def read_records(body: bytes) -> SentBody:
    """The usable records as NDJSON with all their fields."""
    lines: list[bytes] = []
    refused = RefusedRecords()
    for index, (record, reason) in enumerate(split(body)):
        if record is not None:
            lines.append(dumps(record) + b"\n")
        else:
            refused.add(index, reason or "")
    return SentBody(b"".join(lines), _RECORDS, len(lines), refused)


def read_send_response(body: bytes, facts: Mapping[str, str], provider: Provider) -> SentBody | HttpError:
    """The answer verbatim, with the facts beside it. It is parsed here for the report, and by the streams again."""
    if provider.send_response is None:
        return NO_RAW_ANSWERS
    accepted = 0
    refused = RefusedRecords()
    try:
        for element in parse_send_response(provider.send_response, body, facts):
            if isinstance(element, Rejected):
                refused.add(accepted + len(refused), _reason(element.detail))
            elif element.kind == "sent":
                accepted += 1
    except Exception as error:  # a bug of the parser must not look like one of the edge
        refused.add(accepted + len(refused), _reason(f"it cannot be read ({type(error).__name__})"))
    return SentBody(body, [("kind", SEND_RESPONSE.encode()), ("facts", dumps(dict(facts)))], accepted, refused)


def _reason(detail: str) -> str:
    return f"This is no answer to a send that was accepted: {detail}; post the provider's answer as it came."
