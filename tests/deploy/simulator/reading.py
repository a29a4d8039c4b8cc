"""Bodies read back as the streams read them, beside what the simulation meant by them."""

from typing import Any

from deploy.simulator.facts import Fact, Request
from ingest.http.sent_bodies import read_records
from schemas.normalisation.dead_letters import DeadLetter
from schemas.normalisation.raw_topic import normalise
from schemas.parsing.times import parse_iso


def read(request: Request, request_id: str = "r") -> tuple[list[dict[str, Any]], list[DeadLetter]]:
    """What the streams make of a stored body: (events, dead letters)."""
    headers = {
        "source": request.source, "provider": request.source.removeprefix("demo-"), "request_id": request_id,
        "received_at": "2026-11-22T00:00:00.000Z",
    }  # fmt: skip
    body = request.body
    if request.path.startswith("/sent/"):
        headers["kind"] = "sent"
        body = read_records(request.body).value
    events, dead = normalise(headers, body, {"topic": "wa.raw", "partition": 0, "offset": 0})
    return [event.fields for event in events], dead


def meant(fact: Fact) -> dict[str, object]:
    """The canonical fields that a fact stands for; only those that rows and rates are made of."""
    told = fact.told
    word = fact.status if fact.status != "warehoused" else "unknown"
    fields: dict[str, object] = {"kind": fact.kind, "source": fact.source, "occurred_at": fact.at}
    if fact.kind == "system":
        return fields
    fields |= {
        "message_id": fact.message_id or None,
        "participant": fact.participant or None,
        "status": word or None,
        "origin": fact.origin or None,
        "historical": bool(told.get("historical")),
        "is_group": bool(told.get("group")) and (fact.origin != "api"),
    }
    if fact.kind in ("inbound", "sent"):
        fields["type"] = told.get("type") or None
    if fact.kind == "status":
        fields |= {"error_code": told.get("code") or None, "from_me": fact.own and fact.status != "deleted"}
    if fact.origin == "api":
        fields |= {name: told.get(name) or None for name in ("template", "campaign", "category")}
        fields["is_group"] = str(told.get("to")).endswith("@g.us")
    return fields


def understood(event: dict[str, Any]) -> dict[str, object]:
    fields = {name: event.get(name) for name in ("kind", "source")}
    fields["occurred_at"] = parse_iso(event["occurred_at"]) if "occurred_at" in event else None
    if event["kind"] == "system":
        return fields
    for name in ("message_id", "participant", "status", "origin"):
        fields[name] = event.get(name)
    fields["historical"] = bool(event.get("historical"))
    fields["is_group"] = bool(event.get("is_group"))
    if event["kind"] in ("inbound", "sent"):
        fields["type"] = event.get("type")
    if event["kind"] == "status":
        fields["error_code"] = event.get("error_code")
        fields["from_me"] = event.get("from_me") is False and event.get("status") != "deleted"
    if event.get("origin") == "api":
        fields |= {name: event.get(name) for name in ("template", "campaign", "category")}
    return fields
