"""Sent records as a user's own program posts them to `/sent/{source}`: one object, an array, NDJSON. Pure."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

from deploy.simulator.facts import Account, Fact, Request

_BRAZIL = timezone(timedelta(hours=-3))


def requests(facts: list[Fact], account: Account, dice: Random) -> Iterator[Request]:
    """The facts in order of arrival, batched as programs do: single calls, small arrays, exports of many lines."""
    at = 0
    while at < len(facts):
        form = dice.choices(("object", "array", "lines"), weights=(50, 25, 25))[0]
        size = {"object": 1, "array": dice.randint(2, 50), "lines": dice.randint(2, 200)}[form]
        batch = tuple(facts[at : at + size])
        at += len(batch)
        yield request(account, body(batch, form), batch[-1].arrival, facts=batch)


def request(account: Account, content: bytes, arrival: int, **more: Any) -> Request:
    """A POST with the source's bearer token."""
    headers = (("Authorization", f"Bearer {account.token}"), ("Content-Type", "application/json"))
    return Request(f"/sent/{account.source}", content, headers, arrival, **more)


def body(batch: tuple[Fact, ...], form: str) -> bytes:
    records = [record(fact) for fact in batch]
    if form == "lines":
        return "\r\n".join(json.dumps(each, ensure_ascii=False) for each in records).encode()
    return json.dumps(records if form == "array" else records[0]).encode()


def record(fact: Fact) -> dict[str, Any]:
    """One record; words that the program does not have are left out, null or empty, as programs do."""
    told = fact.told
    said: dict[str, Any] = {"message_id": fact.message_id, "to": told.get("to"), "our_order": len(fact.message_id)}
    said |= told.get("extra", {})
    for name in ("template", "campaign", "category"):
        if told.get(name):
            said[name] = told[name]
    if fact.at is not None:
        said["sent_at"] = _time(fact.at)
        if fact.at % 5 == 0 and said.get("category"):
            said["category"] = said["category"].upper()
    return said


def _time(ms: int) -> Any:
    """ISO in UTC, ISO with an offset, or milliseconds: every spelling that the endpoint takes for one moment."""
    moment = datetime.fromtimestamp(ms // 1000, UTC) + timedelta(milliseconds=ms % 1000)
    match ms % 3:
        case 0:
            return ms
        case 1:
            return moment.astimezone(_BRAZIL).isoformat(timespec="milliseconds")
        case _:
            return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
