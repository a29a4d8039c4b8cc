"""Parses simulated bodies with the product's code, for comparison with the facts that they contain."""

from deploy.simulator.facts import Fact, Request
from ingest.http.sent_bodies import read_records
from schemas.normalisation.dead_letters import DeadLetter
from schemas.normalisation.raw_topic import normalise
from schemas.parsing.json_types import JsonObject
from schemas.parsing.times import parse_iso


def parse(request: Request, request_id: str = "r") -> tuple[list[JsonObject], list[DeadLetter]]:
    """(events, dead letters) of a stored body."""
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


def expected_fields(fact: Fact) -> JsonObject:
    """The fields that the event of a fact must have; only those that rows and rates depend on."""
    details = fact.details
    status = fact.status if fact.status != "warehoused" else "unknown"
    fields: JsonObject = {"kind": fact.kind, "source": fact.source, "occurred_at": fact.at}
    if fact.kind == "system":
        return fields
    fields |= {
        "message_id": fact.message_id or None,
        "participant": fact.participant or None,
        "status": status or None,
        "origin": fact.origin or None,
        "historical": bool(details.get("historical")),
        "is_group": bool(details.get("group")) and (fact.origin != "api"),
    }
    if fact.kind in ("inbound", "sent"):
        fields["type"] = details.get("type") or None
    if fact.kind == "status":
        fields |= {"error_code": details.get("code") or None, "from_me": fact.own and fact.status != "deleted"}
    if fact.origin == "api":
        fields |= {
            "template": details.get("template") or None,
            "campaign": details.get("campaign") or None,
            "category": details.get("category") or None,
        }
        fields["is_group"] = str(details.get("to")).endswith("@g.us")
    return fields


def event_fields(event: JsonObject) -> JsonObject:
    """The same fields of a parsed event."""
    fields = {name: event.get(name) for name in ("kind", "source")}
    fields["occurred_at"] = parse_iso(str(event["occurred_at"])) if "occurred_at" in event else None
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
