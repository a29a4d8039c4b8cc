"""Sent records as a user's own program posts them to `/sent/{source}`: one object, an array, NDJSON."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Literal

from deploy.simulator.facts import Account, Fact, Request
from schemas.parsing.json_types import JsonObject

_BRAZIL = timezone(timedelta(hours=-3))
_CAMPAIGN_FIELDS: tuple[Literal["template", "campaign", "category"], ...] = ("template", "campaign", "category")


def requests(facts: list[Fact], account: Account, rng: Random) -> Iterator[Request]:
    """The facts in order of arrival, batched as programs do: single calls, small arrays, exports of many lines."""
    at = 0
    while at < len(facts):
        form = rng.choices(("object", "array", "lines"), weights=(50, 25, 25))[0]
        size = {"object": 1, "array": rng.randint(2, 50), "lines": rng.randint(2, 200)}[form]
        batch = tuple(facts[at : at + size])
        at += len(batch)
        yield request(account, body(batch, form), batch[-1].arrival, batch)


def request(account: Account, content: bytes, arrival: int, facts: tuple[Fact, ...] = ()) -> Request:
    """A POST with the source's bearer token."""
    headers = (("Authorization", f"Bearer {account.token}"), ("Content-Type", "application/json"))
    return Request(f"/sent/{account.source}", content, headers, arrival, facts=facts)


def body(batch: tuple[Fact, ...], form: str) -> bytes:
    """The records in one of the forms: `lines`, `array`, or `object` for a single one."""
    records = [record(fact) for fact in batch]
    if form == "lines":
        return "\r\n".join(json.dumps(each, ensure_ascii=False) for each in records).encode()
    return json.dumps(records if form == "array" else records[0]).encode()


def record(fact: Fact) -> JsonObject:
    """One record without the fields that the program does not know; every fifth has its category in capitals."""
    details = fact.details
    fields: JsonObject = {"message_id": fact.message_id, "to": details.get("to"), "our_order": len(fact.message_id)}
    fields |= details.get("extra", {})
    for name in _CAMPAIGN_FIELDS:
        if details.get(name):
            fields[name] = details[name]
    if fact.at is not None:
        fields["sent_at"] = _time(fact.at)
        if fact.at % 5 == 0 and details.get("category"):
            fields["category"] = details["category"].upper()
    return fields


def _time(ms: int) -> str | int:
    """ISO in UTC, ISO with an offset, or milliseconds: the forms of one moment that the endpoint accepts."""
    moment = datetime.fromtimestamp(ms // 1000, UTC) + timedelta(milliseconds=ms % 1000)
    match ms % 3:
        case 0:
            return ms
        case 1:
            return moment.astimezone(_BRAZIL).isoformat(timespec="milliseconds")
        case _:
            return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
