"""Zapini as it is on the wire: one event a body, ISO times. Pure.

Documented is the inbound text alone, which carries no id; ids and statuses follow the words of Zapini's REST interface.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from deploy.simulator.facts import Account, Fact, Request, with_bearer


def requests(facts: list[Fact], account: Account) -> Iterator[Request]:
    """One body a fact."""
    for fact in facts:
        content = json.dumps(event(fact), ensure_ascii=fact.told["form"] == 0).encode()
        yield with_bearer(account, content, fact.arrival, facts=(fact,))


def event(fact: Fact) -> dict[str, Any]:
    told = fact.told
    if fact.kind == "inbound":
        data = {
            "from": "+" + told["who"].digits, "sender_name": told["who"].name, "type": "text", "message": told["text"],
            "received_at": iso(fact.at or 0),
        }  # fmt: skip
        if fact.message_id:
            data["message_id"] = fact.message_id
        return {"event": "message.received", "instance_id": told["account"], "data": data, **told.get("extra", {})}
    data = {
        **told.get("extra", {}),
        "uuid": fact.message_id,
        "to": "+" + told["spelled"],
        "timestamp": iso(fact.at or 0),
    }
    if told.get("code"):
        data["error_code"] = told["code"]
    if told["form"] == 2 or fact.status in ("pending", "played", "warehoused"):
        return {"event": "message.status", "instance_id": told["account"], "data": {**data, "status": fact.status}}
    return {"event": f"message.{fact.status}", "instance_id": told["account"], "data": data}


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
