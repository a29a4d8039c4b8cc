"""Evolution API as it is on the wire: Baileys' messages under the name of an instance, flat updates. Pure."""

import json
from collections.abc import Iterator
from typing import Any

from deploy.simulator.facts import SECOND, Account, Fact, Request, with_bearer
from deploy.simulator.wire_wasender import content, jid, key

_WORDS = {
    "pending": "PENDING", "sent": "SERVER_ACK", "delivered": "DELIVERY_ACK", "read": "READ", "played": "PLAYED",
    "failed": "ERROR",
}  # fmt: skip


def requests(facts: list[Fact], account: Account) -> Iterator[Request]:
    """One body a fact."""
    for fact in facts:
        body = json.dumps(event(fact), ensure_ascii=False).encode()
        yield with_bearer(account, body, fact.arrival, facts=(fact,))


def event(fact: Fact) -> dict[str, Any]:
    """The body of one fact."""
    told, at = fact.told, (fact.at or 0) // SECOND
    if fact.kind == "status":
        named = ("messages.update", _update(fact))
    else:
        name = "send.message" if fact.kind == "sent" and told["echo_form"] == 0 else "messages.upsert"
        named = (name, {**_message(fact), "messageTimestamp": at})
    envelope = {
        "event": named[0],
        "instance": told["account"],
        "data": named[1],
        "sender": "447700900991@s.whatsapp.net",
    }
    return {**told.get("extra", {}), **envelope, "date_time": "2026-11-20T10:00:00.000Z", "apikey": None}


def _update(fact: Fact) -> dict[str, Any]:
    """Version 2's form, or version 1's, of a status."""
    name = "keyId" if fact.told["form"] else "id"
    flat = {name: fact.message_id, "remoteJid": jid(fact), "fromMe": True, "datetime": (fact.at or 0) // SECOND}
    return {
        **flat,
        "status": _WORDS.get(fact.status, fact.status),
        "instanceId": "c0ffee00-0000-4000-8000-000000000001",
    }


def _message(fact: Fact) -> dict[str, Any]:
    told, who = fact.told, fact.told["who"]
    if fact.kind == "sent":
        return {"key": key(fact, ours=True), "message": {"conversation": told["text"]}, "status": "SERVER_ACK"}
    named = key(fact, ours=False)
    if told.get("group"):
        named |= {"participant": f"{who.digits}@s.whatsapp.net"}
    elif told["by_lid"]:
        named |= {"remoteJidAlt": f"{who.digits}@s.whatsapp.net", "addressingMode": "lid"}
    return {"key": named, "pushName": who.name, "message": content(fact)}
