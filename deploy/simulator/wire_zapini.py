"""Bodies of Zapini: one event per body, times in ISO format.

Only the inbound text is documented, and it has no id; ids and statuses are those of Zapini's REST interface.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from deploy.simulator.facts import Account, Fact, Request, with_bearer
from schemas.parsing.json_types import JsonObject


def requests(facts: list[Fact], account: Account) -> Iterator[Request]:
    """One body per fact."""
    for fact in facts:
        content = json.dumps(event(fact), ensure_ascii=fact.details["form"] == 0).encode()
        yield with_bearer(account, content, fact.arrival, (fact,))


def event(fact: Fact) -> JsonObject:
    """The body of one fact."""
    details, data = fact.details, _data(fact)
    if fact.kind == "inbound":
        return {
            "event": "message.received", "instance_id": details["account"], "data": data, **details.get("extra", {}),
        }  # fmt: skip
    name = f"message.{fact.status}"
    if details["form"] == 2 or fact.status in ("pending", "played", "warehoused"):
        name, data = "message.status", {**data, "status": fact.status}
    return {"event": name, "instance_id": details["account"], "data": data}


def _data(fact: Fact) -> JsonObject:
    details = fact.details
    if fact.kind == "inbound":
        data: JsonObject = {
            "from": "+" + details["who"].digits, "sender_name": details["who"].name, "type": "text",
            "message": details["text"], "received_at": iso(fact.at or 0),
        }  # fmt: skip
        return {**data, "message_id": fact.message_id} if fact.message_id else data
    data = {
        **details.get("extra", {}), "uuid": fact.message_id, "to": "+" + details["spelled"],
        "timestamp": iso(fact.at or 0),
    }  # fmt: skip
    return {**data, "error_code": details["code"]} if details.get("code") else data


def iso(ms: int) -> str:
    """UTC time in ISO format with whole seconds."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
